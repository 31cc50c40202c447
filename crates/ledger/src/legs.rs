//! The platform's own postings. Their caller decided them against this very state, so a leg that
//! breaks a rule is a bug: it panics, and the caller appends nothing and loads the state again.
//!
//! Legs need no memory for idempotency, because their ids only grow; and no timeouts, because a
//! hold of the platform ends by a decision, which is a leg of its own.

use crate::booking::{self, Movement, Sides};
use crate::exists;
use crate::state::{Ledger, Pending};
use crate::status::CreateTransferStatus as Status;
use crate::transfers::{check_account_ids, check_ledger, check_resolution_amount};
use crate::types::{Transfer, TransferFlags};

impl Ledger {
    /// Applies legs in order: plain, pending, post (in full, in part, or [`crate::AMOUNT_MAX`] for
    /// all) and void (amount zero or all). A post or void ends its pending leg, and its accounts,
    /// ledger and code may be zero or must match.
    ///
    /// Balance limits hold for legs too. The legs' timestamps are kept, not checked.
    ///
    /// # Panics
    ///
    /// If a leg's id is not larger than every id before, it has another flag or a timeout, or it
    /// breaks a rule of the ledger; the message names the leg and the status. The legs before it
    /// are applied by then: the state is unusable.
    pub fn apply_legs(&mut self, legs: &[Transfer]) {
        for leg in legs {
            assert!(leg.id > self.last_leg_id, "leg {} does not follow leg {}", leg.id, self.last_leg_id);
            assert_eq!(leg.timeout_s, 0, "leg {} has a timeout", leg.id);
            if let Err(status) = self.apply_leg(leg) {
                panic!("leg {} breaks a rule: {status}", leg.id);
            }
            self.last_leg_id = leg.id;
        }
    }

    fn apply_leg(&mut self, leg: &Transfer) -> Result<(), Status> {
        if leg.id == u128::MAX {
            return Err(Status::IdMustNotBeIntMax);
        }
        if leg.flags.reserved_bits() != 0 {
            return Err(Status::ReservedFlag);
        }
        match leg.flags {
            TransferFlags::NONE | TransferFlags::PENDING => self.apply_leg_movement(leg),
            TransferFlags::POST_PENDING_TRANSFER | TransferFlags::VOID_PENDING_TRANSFER => self.apply_leg_resolution(leg),
            _ => Err(Status::FlagsAreMutuallyExclusive),
        }
    }

    fn apply_leg_movement(&mut self, leg: &Transfer) -> Result<(), Status> {
        check_account_ids(leg)?;
        if leg.pending_id != 0 {
            return Err(Status::PendingIdMustBeZero);
        }
        if leg.ledger == 0 {
            return Err(Status::LedgerMustNotBeZero);
        }
        if leg.code == 0 {
            return Err(Status::CodeMustNotBeZero);
        }
        let sides = Sides {
            debit: self.accounts.place(leg.debit_account_id).ok_or(Status::DebitAccountNotFound)?,
            credit: self.accounts.place(leg.credit_account_id).ok_or(Status::CreditAccountNotFound)?,
        };
        let (debit, credit) = (self.accounts.at(sides.debit), self.accounts.at(sides.credit));
        check_ledger(leg, debit, credit)?;
        booking::check_open(debit, credit)?;
        booking::check_overflows(debit, credit, leg.flags, leg.amount)?;
        booking::check_limits(debit, credit, leg.amount)?;

        self.book(sides, Movement::new(leg.amount, leg.flags));
        if leg.flags.contains(TransferFlags::PENDING) {
            self.leg_pendings.insert(leg.id, Pending::of(leg));
        }
        Ok(())
    }

    fn apply_leg_resolution(&mut self, leg: &Transfer) -> Result<(), Status> {
        if leg.pending_id == 0 {
            return Err(Status::PendingIdMustNotBeZero);
        }
        let pending = *self.leg_pendings.get(&leg.pending_id).ok_or(Status::PendingTransferNotFound)?;
        check_leg_matches(leg, &pending)?;
        let amount = exists::resolution_amount(leg.flags, leg.amount, pending.amount);
        check_resolution_amount(leg.flags, amount, pending.amount)?;
        let sides = self.sides(pending.debit_account_id, pending.credit_account_id);
        let is_post = leg.flags.contains(TransferFlags::POST_PENDING_TRANSFER);
        if is_post {
            self.check_open(sides)?;
        }

        let posted = if is_post { amount } else { 0 };
        self.book(sides, Movement::resolution(pending.amount, posted));
        self.leg_pendings.remove(&leg.pending_id);
        Ok(())
    }
}

fn check_leg_matches(leg: &Transfer, pending: &Pending) -> Result<(), Status> {
    if leg.debit_account_id != 0 && leg.debit_account_id != pending.debit_account_id {
        return Err(Status::PendingTransferHasDifferentDebitAccountId);
    }
    if leg.credit_account_id != 0 && leg.credit_account_id != pending.credit_account_id {
        return Err(Status::PendingTransferHasDifferentCreditAccountId);
    }
    if leg.ledger != 0 && leg.ledger != pending.ledger {
        return Err(Status::PendingTransferHasDifferentLedger);
    }
    if leg.code != 0 && leg.code != pending.code {
        return Err(Status::PendingTransferHasDifferentCode);
    }
    Ok(())
}
