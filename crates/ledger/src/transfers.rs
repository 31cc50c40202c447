//! Transfers of clients: plain, pending, post, void, balancing, closing, imported, and timeouts.
//!
//! Each check function returns the first status that applies, in the order of the reference
//! (TigerBeetle `src/state_machine.zig` at commit 52ad553). Nothing changes before all have passed.

use crate::batch::{self, BATCH_EVENTS_MAX, EnvelopeFault, Event};
use crate::booking::{self, Movement, Sides};
use crate::exists;
use crate::open::expires_at_ns;
use crate::recent::{Known, KnownRef, status_after};
use crate::state::{Ledger, PendingStatus};
use crate::status::CreateTransferStatus as Status;
use crate::types::{self, Account, Transfer, TransferFlags};

/// The outcome of one transfer event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferResult {
    /// What happened.
    pub status: Status,
    /// When, in nanoseconds since 1970: the transfer's timestamp if it was created or exists, the
    /// event's otherwise. An imported event that was taken back with its chain keeps its own.
    pub timestamp: u64,
}

/// A transfer that passed every check, as it will be remembered.
#[derive(Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) transfer: Transfer,
    sides: Sides,
    /// The place of the open pending transfer that it posts or voids.
    pending_place: Option<u32>,
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
        let mut results = Vec::new();
        self.create_transfers_into(events, timestamp, &mut results, &mut Vec::new(), &mut Vec::new());
        results
    }

    /// As [`Ledger::create_transfers`], but appends: one result per event to `results`, the transfers as they happened, in
    /// order, to `created`, and the ids that this batch burned to `burned`. The transfers are what
    /// [`Ledger::apply_transfers`] takes; nothing of a broken chain is among them.
    ///
    /// # Panics
    ///
    /// As [`Ledger::create_transfers`].
    pub fn create_transfers_into(
        &mut self,
        events: &[Transfer],
        timestamp: u64,
        results: &mut Vec<TransferResult>,
        created: &mut Vec<Transfer>,
        burned: &mut Vec<u128>,
    ) {
        batch::create_batch(self, events, timestamp, results, created, burned);
    }

    /// Releases pending transfers of clients whose timeout has passed at `now_ns` (since 1970).
    ///
    /// Returns their ids in order of (expiry, timestamp), at most [`BATCH_EVENTS_MAX`] at a time:
    /// call again while the answer is full. Late is legal, early is not: a post fails from the
    /// expiry on whether or not this was called. Accounts that they had closed open again.
    pub fn expire(&mut self, now_ns: u64) -> Vec<u128> {
        let mut expired = Vec::new();
        while expired.len() < BATCH_EVENTS_MAX {
            let Some(place) = self.open.due(now_ns) else {
                break;
            };
            let transfer = self.expire_one(place);
            self.recent.push(Known::Happened { transfer, status: PendingStatus::Expired });
            expired.push(transfer.id);
        }
        expired
    }

    /// Ends an open pending transfer by its timeout.
    pub(crate) fn expire_one(&mut self, place: u32) -> Transfer {
        let pending = self.open.take(place);
        let sides = self.sides(pending.debit_account_id, pending.credit_account_id);
        self.release(sides, &pending, 0);
        pending
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
        match self.known(event.id) {
            Some(KnownRef::Burned) => Err(Status::IdAlreadyFailed),
            Some(KnownRef::Open { transfer, .. } | KnownRef::Ended { transfer, .. }) => {
                let pending = if transfer.is_resolution() { self.transfer(transfer.pending_id) } else { None };
                Err(exists::compare(event, transfer, pending))
            }
            None => self.check_unknown(event, timestamp),
        }
    }

    /// A transfer whose id is new.
    pub(crate) fn check_unknown(&self, event: &Transfer, timestamp: u64) -> Result<Accepted, Status> {
        if event.is_resolution() { self.check_resolution(event, timestamp) } else { self.check_movement(event, timestamp) }
    }

    /// A plain or pending transfer.
    fn check_movement(&self, event: &Transfer, timestamp_event: u64) -> Result<Accepted, Status> {
        check_movement_shape(event)?;
        let sides = Sides {
            debit: self.accounts.place(event.debit_account_id).ok_or(Status::DebitAccountNotFound)?,
            credit: self.accounts.place(event.credit_account_id).ok_or(Status::CreditAccountNotFound)?,
        };
        let (debit, credit) = (self.accounts.at(sides.debit), self.accounts.at(sides.credit));
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
        Ok(Accepted { transfer: Transfer { amount, timestamp, ..*event }, sides, pending_place: None })
    }

    /// A post or void. Limits are not checked again: the reservation has passed them.
    fn check_resolution(&self, event: &Transfer, timestamp_event: u64) -> Result<Accepted, Status> {
        check_resolution_shape(event)?;
        let known = self.known(event.pending_id).ok_or(Status::PendingTransferNotFound)?;
        let (pending, status) = known.happened().ok_or(Status::PendingTransferNotFound)?;
        if !pending.flags.contains(TransferFlags::PENDING) {
            return Err(Status::PendingTransferNotPending);
        }
        let mut transfer = exists::inherit(event, pending);
        check_resolution_matches(&transfer, pending)?;
        match status {
            PendingStatus::None => unreachable!("a pending transfer has a pending status"),
            PendingStatus::Pending => {}
            PendingStatus::Posted => return Err(Status::PendingTransferAlreadyPosted),
            PendingStatus::Voided => return Err(Status::PendingTransferAlreadyVoided),
            PendingStatus::Expired => return Err(Status::PendingTransferExpired),
        }
        if expires_at_ns(pending).is_some_and(|expires_at_ns| expires_at_ns <= timestamp_event) {
            return Err(Status::PendingTransferExpired);
        }
        if event.flags.contains(TransferFlags::IMPORTED) {
            self.check_imported_timestamp(event.timestamp)?;
        } else {
            transfer.timestamp = timestamp_event;
        }
        let sides = self.sides(pending.debit_account_id, pending.credit_account_id);
        if event.flags.contains(TransferFlags::POST_PENDING_TRANSFER) {
            self.check_open(sides)?;
        }
        let KnownRef::Open { place, .. } = known else { unreachable!("what is pending is open") };
        Ok(Accepted { transfer, sides, pending_place: Some(place) })
    }

    fn check_imported_timestamp(&self, timestamp: u64) -> Result<(), Status> {
        if timestamp <= self.transfer_timestamp_last || self.accounts.has_timestamp(timestamp) {
            return Err(Status::ImportedEventTimestampMustNotRegress);
        }
        Ok(())
    }

    /// Lets an accepted transfer happen. Returns the pending transfer that it ended, if it is a post or void.
    pub(crate) fn apply_accepted(&mut self, accepted: &Accepted) -> Option<Transfer> {
        let Accepted { transfer, sides, pending_place } = accepted;
        assert!(transfer.timestamp > self.transfer_timestamp_last, "transfer {} goes back in time", transfer.id);
        self.transfer_timestamp_last = transfer.timestamp;
        self.timestamp_last = self.timestamp_last.max(transfer.timestamp);
        match pending_place {
            Some(place) => {
                let pending = self.open.take(*place);
                self.release(*sides, &pending, amount_posted(transfer));
                Some(pending)
            }
            None => {
                self.book(*sides, Movement::new(transfer.amount, transfer.flags));
                self.close_accounts(*sides, transfer.flags);
                if transfer.flags.contains(TransferFlags::PENDING) {
                    self.open.insert(*transfer);
                }
                None
            }
        }
    }

    /// Ends a reservation, of which `posted` happens, and opens the accounts that it had closed.
    fn release(&mut self, sides: Sides, pending: &Transfer, posted: u128) {
        self.book(sides, Movement::resolution(pending.amount, posted));
        self.reopen_accounts(sides, pending.flags);
    }
}

/// How much of what it ends a post or void lets happen.
pub(crate) fn amount_posted(resolution: &Transfer) -> u128 {
    if resolution.flags.contains(TransferFlags::POST_PENDING_TRANSFER) { resolution.amount } else { 0 }
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
    type Result = TransferResult;

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

    fn result(status: Status, timestamp: u64) -> TransferResult {
        TransferResult { status, timestamp }
    }

    fn status_mut(result: &mut TransferResult) -> &mut Status {
        &mut result.status
    }

    fn create(&self, ledger: &mut Ledger, timestamp: u64, created: &mut Vec<Self>) -> (Status, u64) {
        match ledger.check_transfer(self, timestamp) {
            Ok(accepted) => {
                let transfer = accepted.transfer;
                if let Some(pending) = ledger.apply_accepted(&accepted) {
                    ledger.recent.push(Known::Happened { transfer: pending, status: status_after(&transfer) });
                }
                if !transfer.flags.contains(TransferFlags::PENDING) {
                    ledger.recent.push(Known::Happened { transfer, status: PendingStatus::None });
                }
                created.push(transfer);
                (Status::Created, transfer.timestamp)
            }
            Err(Status::Exists) => (Status::Exists, ledger.transfer(self.id).expect("what exists is known").timestamp),
            Err(status) => (status, timestamp),
        }
    }

    /// Large tables lie in memory far from the processor: its waits overlap here, and would follow each other one event after
    /// another.
    fn read_ahead(ledger: &Ledger, events: &[Self]) {
        let mut seen = 0;
        for event in events {
            seen ^= ledger.accounts.read_index(event.debit_account_id) ^ ledger.accounts.read_index(event.credit_account_id);
        }
        for event in events {
            seen ^= ledger.open.read(event.id);
            seen ^= ledger.accounts.read(event.debit_account_id) ^ ledger.accounts.read(event.credit_account_id);
        }
        for event in events.iter().filter(|event| event.is_resolution()) {
            if let Some(pending) = ledger.open.transfer(event.pending_id) {
                seen ^= ledger.accounts.read(pending.debit_account_id) ^ ledger.accounts.read(pending.credit_account_id);
            }
        }
        std::hint::black_box(seen);
    }

    /// The steps of [`Event::create`] backwards.
    fn take_back(&self, ledger: &mut Ledger) {
        let sides = ledger.sides(self.debit_account_id, self.credit_account_id);
        if self.flags.contains(TransferFlags::PENDING) {
            let place = ledger.open.place(self.id).expect("a pending transfer to take back is open");
            ledger.open.take(place);
            ledger.reopen_accounts(sides, self.flags);
        } else {
            ledger.recent.take_back(self.id);
        }
        if self.is_resolution() {
            let pending = ledger.recent.take_back(self.pending_id);
            ledger.open.insert(pending);
            ledger.close_accounts(sides, pending.flags);
            ledger.unbook(sides, Movement::resolution(pending.amount, amount_posted(self)));
        } else {
            ledger.unbook(sides, Movement::new(self.amount, self.flags));
        }
    }

    fn remember_failure(&self, ledger: &mut Ledger, status: Status, burned: &mut Vec<u128>) {
        assert_ne!(status, Status::Created);
        if status.is_transient() {
            assert!(!ledger.is_known(self.id), "transfer {} is known and cannot fail", self.id);
            ledger.recent.push(Known::Burned { id: self.id });
            burned.push(self.id);
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
