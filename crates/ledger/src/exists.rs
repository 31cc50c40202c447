//! Idempotency: how a transfer that comes again under a known id compares with what happened.
//!
//! Flags come first, because they decide what equality of the other fields means.

use crate::status::CreateTransferStatus as Status;
use crate::types::{AMOUNT_MAX, Transfer, TransferFlags};

/// Compares an event with the transfer of the same id that happened.
///
/// `pending` is the transfer that `existing` resolved, if it did. Returns `Exists` or what differs.
pub(crate) fn compare(event: &Transfer, existing: &Transfer, pending: Option<&Transfer>) -> Status {
    assert_eq!(event.id, existing.id);
    if event.flags != existing.flags {
        return Status::ExistsWithDifferentFlags;
    }
    if event.pending_id != existing.pending_id {
        return Status::ExistsWithDifferentPendingId;
    }
    if event.timeout_s != existing.timeout_s {
        return Status::ExistsWithDifferentTimeout;
    }
    let expected = match pending {
        Some(pending) => inherit(event, pending),
        None => *event,
    };
    if expected.debit_account_id != existing.debit_account_id {
        return Status::ExistsWithDifferentDebitAccountId;
    }
    if expected.credit_account_id != existing.credit_account_id {
        return Status::ExistsWithDifferentCreditAccountId;
    }
    if !is_same_amount(&expected, existing) {
        return Status::ExistsWithDifferentAmount;
    }
    if expected.user_data_128 != existing.user_data_128 {
        return Status::ExistsWithDifferentUserData128;
    }
    if expected.user_data_64 != existing.user_data_64 {
        return Status::ExistsWithDifferentUserData64;
    }
    if expected.user_data_32 != existing.user_data_32 {
        return Status::ExistsWithDifferentUserData32;
    }
    if expected.ledger != existing.ledger {
        return Status::ExistsWithDifferentLedger;
    }
    if expected.code != existing.code {
        return Status::ExistsWithDifferentCode;
    }
    Status::Exists
}

/// The post or void with every field that it leaves open taken from the pending transfer.
pub(crate) fn inherit(resolution: &Transfer, pending: &Transfer) -> Transfer {
    let Transfer {
        id,
        debit_account_id,
        credit_account_id,
        amount,
        pending_id,
        user_data_128,
        user_data_64,
        user_data_32,
        timeout_s,
        ledger,
        code,
        flags,
        timestamp,
    } = *resolution;
    Transfer {
        id,
        debit_account_id: if debit_account_id == 0 { pending.debit_account_id } else { debit_account_id },
        credit_account_id: if credit_account_id == 0 { pending.credit_account_id } else { credit_account_id },
        amount: resolution_amount(flags, amount, pending.amount),
        pending_id,
        user_data_128: if user_data_128 == 0 { pending.user_data_128 } else { user_data_128 },
        user_data_64: if user_data_64 == 0 { pending.user_data_64 } else { user_data_64 },
        user_data_32: if user_data_32 == 0 { pending.user_data_32 } else { user_data_32 },
        timeout_s,
        ledger: if ledger == 0 { pending.ledger } else { ledger },
        code: if code == 0 { pending.code } else { code },
        flags,
        timestamp,
    }
}

/// The amount that a post or void asks for: each has one value that means all of it.
pub(crate) fn resolution_amount(flags: TransferFlags, amount: u128, amount_pending: u128) -> u128 {
    let all = if flags.contains(TransferFlags::VOID_PENDING_TRANSFER) { 0 } else { AMOUNT_MAX };
    if amount == all { amount_pending } else { amount }
}

/// A balancing transfer asks for a limit: any limit that allows what happened is the same request.
fn is_same_amount(event: &Transfer, existing: &Transfer) -> bool {
    let balancing = TransferFlags::BALANCING_DEBIT.union(TransferFlags::BALANCING_CREDIT);
    if event.flags.intersects(balancing) { event.amount >= existing.amount } else { event.amount == existing.amount }
}
