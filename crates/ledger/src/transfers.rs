//! Transfers of clients: plain, pending, post, void, balancing, closing, imported, and timeouts.
//!
//! Each check function returns the first status that applies, in the order of the reference
//! (TigerBeetle `src/state_machine.zig` at commit 52ad553). Nothing changes before all have passed.

use crate::batch::{self, BATCH_EVENTS_MAX, EnvelopeFault, Event, Undo};
use crate::booking::{self, Movement};
use crate::exists;
use crate::state::{KnownTransfer, Ledger, PendingStatus};
use crate::status::CreateTransferStatus as Status;
use crate::types::{self, Account, Transfer, TransferFlags};

/// The outcome of one transfer event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferResult {
    /// What happened.
    pub status: Status,
    /// When, in nanoseconds since 1970: the transfer's timestamp if it was created or exists, the
    /// event's otherwise.
    pub timestamp: u64,
}

/// A transfer that passed every check, as it will be remembered.
struct Accepted {
    transfer: Transfer,
    /// The pending transfer that it posts or voids.
    pending: Option<Transfer>,
}

impl Ledger {
    /// Creates transfers in order; event `i` has the time `timestamp + i` in nanoseconds since 1970.
    ///
    /// Returns one result per event. Events fail alone, or as a chain if they are linked. The first
    /// matching status in order of precedence is the result. Creating the same transfer again gives
    /// `Exists` with the first one's timestamp; a transient failure burns the id for ever.
    ///
    /// # Panics
    ///
    /// If there are more than [`BATCH_EVENTS_MAX`] events, `timestamp` is not after
    /// [`Ledger::timestamp_last`], or a ledger would not balance (a bug).
    pub fn create_transfers(&mut self, events: &[Transfer], timestamp: u64) -> Vec<TransferResult> {
        let results = batch::create_batch(self, events, timestamp);
        results.into_iter().map(|(status, timestamp)| TransferResult { status, timestamp }).collect()
    }

    /// Releases pending transfers of clients whose timeout has passed at `now_ns` (since 1970).
    ///
    /// Returns their ids in order of (expiry, timestamp), at most [`BATCH_EVENTS_MAX`] at a time:
    /// call again while the answer is full. Late is legal, early is not: a post fails from the
    /// expiry on whether or not this was called. Accounts that they had closed open again.
    pub fn expire(&mut self, now_ns: u64) -> Vec<u128> {
        let mut expired = Vec::new();
        while expired.len() < BATCH_EVENTS_MAX {
            let Some(next) = self.expiries.first_entry() else {
                break;
            };
            let (expires_at_ns, _) = *next.key();
            if expires_at_ns > now_ns {
                break;
            }
            let id = next.remove();
            let known = self.transfers.get_mut(&id).expect("every expiry belongs to a known transfer");
            assert_eq!(known.status, PendingStatus::Pending, "transfer {id} expires after its end");
            known.status = PendingStatus::Expired;
            let pending = known.transfer;
            self.release(&pending, 0);
            expired.push(id);
        }
        expired
    }

    fn check_transfer(&self, event: &Transfer, timestamp: u64) -> Result<Accepted, Status> {
        if event.flags.reserved_bits() != 0 {
            return Err(Status::ReservedFlag);
        }
        if event.id == 0 {
            return Err(Status::IdMustNotBeZero);
        }
        if event.id == u128::MAX {
            return Err(Status::IdMustNotBeIntMax);
        }
        if let Some(existing) = self.transfer(event.id) {
            let pending = if existing.is_resolution() { self.transfer(existing.pending_id) } else { None };
            return Err(exists::compare(event, existing, pending));
        }
        if self.burned_ids.contains(&event.id) {
            return Err(Status::IdAlreadyFailed);
        }
        if event.is_resolution() { self.check_resolution(event, timestamp) } else { self.check_movement(event, timestamp) }
    }

    /// A plain or pending transfer.
    fn check_movement(&self, event: &Transfer, timestamp_event: u64) -> Result<Accepted, Status> {
        check_movement_shape(event)?;
        let debit = self.accounts.get(&event.debit_account_id).ok_or(Status::DebitAccountNotFound)?;
        let credit = self.accounts.get(&event.credit_account_id).ok_or(Status::CreditAccountNotFound)?;
        check_ledger(event, debit, credit)?;

        let is_imported = event.flags.contains(TransferFlags::IMPORTED);
        if is_imported {
            self.check_imported_timestamp(event.timestamp)?;
            check_imported_movement(event, debit, credit)?;
        }
        let timestamp = if is_imported { event.timestamp } else { timestamp_event };

        booking::check_open(debit, credit)?;
        let amount = booking::amount_actual(debit, credit, event.flags, event.amount);
        booking::check_overflows(debit, credit, event.flags, amount)?;
        types::expires_at_ns(timestamp, event.timeout_s).ok_or(Status::OverflowsTimeout)?;
        booking::check_limits(debit, credit, amount)?;
        Ok(Accepted { transfer: Transfer { amount, timestamp, ..*event }, pending: None })
    }

    /// A post or void. Limits are not checked again: the reservation has passed them.
    fn check_resolution(&self, event: &Transfer, timestamp_event: u64) -> Result<Accepted, Status> {
        check_resolution_shape(event)?;
        let known = self.transfers.get(&event.pending_id).ok_or(Status::PendingTransferNotFound)?;
        let pending = &known.transfer;
        if !pending.flags.contains(TransferFlags::PENDING) {
            return Err(Status::PendingTransferNotPending);
        }
        let mut transfer = exists::inherit(event, pending);
        check_resolution_matches(&transfer, pending)?;
        match known.status {
            PendingStatus::None => unreachable!("a pending transfer has a pending status"),
            PendingStatus::Pending => {}
            PendingStatus::Posted => return Err(Status::PendingTransferAlreadyPosted),
            PendingStatus::Voided => return Err(Status::PendingTransferAlreadyVoided),
            PendingStatus::Expired => return Err(Status::PendingTransferExpired),
        }
        if expiry_of(pending).is_some_and(|(expires_at_ns, _)| expires_at_ns <= timestamp_event) {
            return Err(Status::PendingTransferExpired);
        }
        if event.flags.contains(TransferFlags::IMPORTED) {
            self.check_imported_timestamp(event.timestamp)?;
        } else {
            transfer.timestamp = timestamp_event;
        }
        if event.flags.contains(TransferFlags::POST_PENDING_TRANSFER) {
            booking::check_open(&self.accounts[&pending.debit_account_id], &self.accounts[&pending.credit_account_id])?;
        }
        Ok(Accepted { transfer, pending: Some(*pending) })
    }

    fn check_imported_timestamp(&self, timestamp: u64) -> Result<(), Status> {
        let is_after_all = self.transfer_timestamps.last().is_none_or(|last| timestamp > *last);
        if !is_after_all || self.account_has_timestamp(timestamp) {
            return Err(Status::ImportedEventTimestampMustNotRegress);
        }
        Ok(())
    }

    fn apply_accepted(&mut self, accepted: Accepted) {
        let Accepted { transfer, pending } = accepted;
        let status = match pending {
            Some(pending) => {
                self.apply_resolution(&transfer, &pending);
                PendingStatus::None
            }
            None => self.apply_movement(&transfer),
        };
        let is_new_timestamp = self.transfer_timestamps.insert(transfer.timestamp);
        let previous = self.transfers.insert(transfer.id, KnownTransfer { transfer, status });
        assert!(is_new_timestamp && previous.is_none(), "transfer {} is created twice", transfer.id);
    }

    fn apply_movement(&mut self, transfer: &Transfer) -> PendingStatus {
        let movement = Movement::new(transfer.amount, transfer.flags);
        self.book(transfer.debit_account_id, transfer.credit_account_id, movement);
        self.close_accounts(transfer.debit_account_id, transfer.credit_account_id, transfer.flags);
        if let Some(expiry) = expiry_of(transfer) {
            self.expiries.insert(expiry, transfer.id);
        }
        if transfer.flags.contains(TransferFlags::PENDING) { PendingStatus::Pending } else { PendingStatus::None }
    }

    fn apply_resolution(&mut self, transfer: &Transfer, pending: &Transfer) {
        let is_post = transfer.flags.contains(TransferFlags::POST_PENDING_TRANSFER);
        let status = if is_post { PendingStatus::Posted } else { PendingStatus::Voided };
        let known = self.transfers.get_mut(&pending.id).expect("the pending transfer was found before");
        assert_eq!(known.status, PendingStatus::Pending, "transfer {} is resolved twice", pending.id);
        known.status = status;
        if let Some(expiry) = expiry_of(pending) {
            let id = self.expiries.remove(&expiry);
            assert_eq!(id, Some(pending.id), "an open pending transfer with a timeout has an expiry");
        }
        self.release(pending, if is_post { transfer.amount } else { 0 });
    }

    /// Ends a reservation, of which `posted` happens, and opens the accounts that it had closed.
    fn release(&mut self, pending: &Transfer, posted: u128) {
        let movement = Movement::resolution(pending.amount, posted);
        self.book(pending.debit_account_id, pending.credit_account_id, movement);
        self.reopen_accounts(pending.debit_account_id, pending.credit_account_id, pending.flags);
    }

    /// Forgets a transfer of a broken chain; the caller restores accounts and totals.
    pub(crate) fn undo_transfer(&mut self, id: u128) {
        let KnownTransfer { transfer, status: _ } =
            self.transfers.remove(&id).expect("the transfer to take back was created in this chain");
        assert!(self.transfer_timestamps.remove(&transfer.timestamp));
        if let Some(expiry) = expiry_of(&transfer) {
            self.expiries.remove(&expiry);
        }
        if transfer.is_resolution() {
            let known = self.transfers.get_mut(&transfer.pending_id).expect("a resolution's pending transfer is known");
            known.status = PendingStatus::Pending;
            if let Some(expiry) = expiry_of(&known.transfer) {
                self.expiries.insert(expiry, known.transfer.id);
            }
        }
    }
}

/// Where a transfer stands in the order of expiries, if it has a timeout.
pub(crate) fn expiry_of(transfer: &Transfer) -> Option<(u64, u64)> {
    if transfer.timeout_s == 0 {
        return None;
    }
    let expires_at_ns = types::expires_at_ns(transfer.timestamp, transfer.timeout_s)?;
    Some((expires_at_ns, transfer.timestamp))
}

fn check_movement_shape(event: &Transfer) -> Result<(), Status> {
    check_account_ids(event)?;
    if event.pending_id != 0 {
        return Err(Status::PendingIdMustBeZero);
    }
    if !event.flags.contains(TransferFlags::PENDING) {
        if event.timeout_s != 0 {
            return Err(Status::TimeoutReservedForPendingTransfer);
        }
        if event.flags.intersects(TransferFlags::CLOSING_DEBIT.union(TransferFlags::CLOSING_CREDIT)) {
            return Err(Status::ClosingTransferMustBePending);
        }
    }
    if event.ledger == 0 {
        return Err(Status::LedgerMustNotBeZero);
    }
    if event.code == 0 {
        return Err(Status::CodeMustNotBeZero);
    }
    Ok(())
}

pub(crate) fn check_account_ids(event: &Transfer) -> Result<(), Status> {
    if event.debit_account_id == 0 {
        return Err(Status::DebitAccountIdMustNotBeZero);
    }
    if event.debit_account_id == u128::MAX {
        return Err(Status::DebitAccountIdMustNotBeIntMax);
    }
    if event.credit_account_id == 0 {
        return Err(Status::CreditAccountIdMustNotBeZero);
    }
    if event.credit_account_id == u128::MAX {
        return Err(Status::CreditAccountIdMustNotBeIntMax);
    }
    if event.debit_account_id == event.credit_account_id {
        return Err(Status::AccountsMustBeDifferent);
    }
    Ok(())
}

pub(crate) fn check_ledger(event: &Transfer, debit: &Account, credit: &Account) -> Result<(), Status> {
    if debit.ledger != credit.ledger {
        return Err(Status::AccountsMustHaveTheSameLedger);
    }
    if event.ledger != debit.ledger {
        return Err(Status::TransferMustHaveTheSameLedgerAsAccounts);
    }
    Ok(())
}

fn check_imported_movement(event: &Transfer, debit: &Account, credit: &Account) -> Result<(), Status> {
    if event.timestamp <= debit.timestamp {
        return Err(Status::ImportedEventTimestampMustPostdateDebitAccount);
    }
    if event.timestamp <= credit.timestamp {
        return Err(Status::ImportedEventTimestampMustPostdateCreditAccount);
    }
    if event.timeout_s != 0 {
        return Err(Status::ImportedEventTimeoutMustBeZero);
    }
    Ok(())
}

fn check_resolution_shape(event: &Transfer) -> Result<(), Status> {
    let both = TransferFlags::POST_PENDING_TRANSFER.union(TransferFlags::VOID_PENDING_TRANSFER);
    let other_kinds = TransferFlags::PENDING
        .union(TransferFlags::BALANCING_DEBIT)
        .union(TransferFlags::BALANCING_CREDIT)
        .union(TransferFlags::CLOSING_DEBIT)
        .union(TransferFlags::CLOSING_CREDIT);
    if event.flags.contains(both) || event.flags.intersects(other_kinds) {
        return Err(Status::FlagsAreMutuallyExclusive);
    }
    if event.pending_id == 0 {
        return Err(Status::PendingIdMustNotBeZero);
    }
    if event.pending_id == u128::MAX {
        return Err(Status::PendingIdMustNotBeIntMax);
    }
    if event.pending_id == event.id {
        return Err(Status::PendingIdMustBeDifferent);
    }
    if event.timeout_s != 0 {
        return Err(Status::TimeoutReservedForPendingTransfer);
    }
    Ok(())
}

/// `transfer` is the post or void with its open fields inherited, so what it left open matches.
fn check_resolution_matches(transfer: &Transfer, pending: &Transfer) -> Result<(), Status> {
    if transfer.debit_account_id != pending.debit_account_id {
        return Err(Status::PendingTransferHasDifferentDebitAccountId);
    }
    if transfer.credit_account_id != pending.credit_account_id {
        return Err(Status::PendingTransferHasDifferentCreditAccountId);
    }
    if transfer.ledger != pending.ledger {
        return Err(Status::PendingTransferHasDifferentLedger);
    }
    if transfer.code != pending.code {
        return Err(Status::PendingTransferHasDifferentCode);
    }
    check_resolution_amount(transfer.flags, transfer.amount, pending.amount)
}

/// At most what is pending may be posted, and exactly that may be voided.
pub(crate) fn check_resolution_amount(flags: TransferFlags, amount: u128, amount_pending: u128) -> Result<(), Status> {
    if amount > amount_pending {
        return Err(Status::ExceedsPendingTransferAmount);
    }
    if flags.contains(TransferFlags::VOID_PENDING_TRANSFER) && amount < amount_pending {
        return Err(Status::PendingTransferHasDifferentAmount);
    }
    Ok(())
}

impl Event for Transfer {
    type Status = Status;

    const CREATED: Status = Status::Created;

    fn is_linked(&self) -> bool {
        self.flags.contains(TransferFlags::LINKED)
    }

    fn is_imported(&self) -> bool {
        self.flags.contains(TransferFlags::IMPORTED)
    }

    fn timestamp(&self) -> u64 {
        self.timestamp
    }

    fn create(&self, ledger: &mut Ledger, timestamp: u64, undo: Option<&mut Vec<Undo>>) -> (Status, u64) {
        match ledger.check_transfer(self, timestamp) {
            Ok(accepted) => {
                let transfer = &accepted.transfer;
                let timestamp_actual = transfer.timestamp;
                if let Some(undo) = undo {
                    undo.push(Undo::Transfer {
                        id: transfer.id,
                        debit_account_before: ledger.accounts[&transfer.debit_account_id],
                        credit_account_before: ledger.accounts[&transfer.credit_account_id],
                        totals_before: ledger.totals.get(&transfer.ledger).copied(),
                    });
                }
                ledger.apply_accepted(accepted);
                (Status::Created, timestamp_actual)
            }
            Err(Status::Exists) => (Status::Exists, ledger.transfers[&self.id].transfer.timestamp),
            Err(status) => (status, timestamp),
        }
    }

    fn remember_failure(&self, ledger: &mut Ledger, status: Status) {
        assert_ne!(status, Status::Created);
        if status.is_transient() {
            assert!(!ledger.transfers.contains_key(&self.id), "transfer {} happened and cannot fail", self.id);
            ledger.burned_ids.insert(self.id);
        }
    }
}

impl From<EnvelopeFault> for Status {
    fn from(fault: EnvelopeFault) -> Self {
        match fault {
            EnvelopeFault::LinkedEventFailed => Self::LinkedEventFailed,
            EnvelopeFault::LinkedEventChainOpen => Self::LinkedEventChainOpen,
            EnvelopeFault::ImportedEventExpected => Self::ImportedEventExpected,
            EnvelopeFault::ImportedEventNotExpected => Self::ImportedEventNotExpected,
            EnvelopeFault::TimestampMustBeZero => Self::TimestampMustBeZero,
            EnvelopeFault::ImportedEventTimestampOutOfRange => Self::ImportedEventTimestampOutOfRange,
            EnvelopeFault::ImportedEventTimestampMustNotAdvance => Self::ImportedEventTimestampMustNotAdvance,
        }
    }
}
