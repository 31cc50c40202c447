//! What account and transfer batches have in common: timestamps, imports, linked chains and their
//! undoing. The rules of a single event live in `accounts.rs` and `transfers.rs`.

use crate::state::{Ledger, Totals};
use crate::types::{Account, TIMESTAMP_MAX};

/// The most events in one batch, as in the reference (one message of 1 MiB).
pub const BATCH_EVENTS_MAX: usize = 8_189;

/// A reason to refuse an event that does not depend on what the event asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnvelopeFault {
    LinkedEventFailed,
    LinkedEventChainOpen,
    ImportedEventExpected,
    ImportedEventNotExpected,
    TimestampMustBeZero,
    ImportedEventTimestampOutOfRange,
    ImportedEventTimestampMustNotAdvance,
}

/// What a batch must know of its events.
pub(crate) trait Event {
    type Status: Copy + PartialEq + From<EnvelopeFault>;

    const CREATED: Self::Status;

    fn is_linked(&self) -> bool;
    fn is_imported(&self) -> bool;
    fn timestamp(&self) -> u64;

    /// Creates the event or changes nothing. With an `undo`, pushes to it exactly if it creates.
    fn create(&self, ledger: &mut Ledger, timestamp: u64, undo: Option<&mut Vec<Undo>>) -> (Self::Status, u64);

    /// Remembers a failure, if that kind of failure is remembered.
    fn remember_failure(&self, ledger: &mut Ledger, status: Self::Status);
}

/// How to take one created event back.
#[derive(Debug)]
pub(crate) enum Undo {
    Account { id: u128 },
    Transfer { id: u128, debit_account_before: Account, credit_account_before: Account, totals_before: Option<Totals> },
}

/// A run of linked events, which happens as a whole or not at all.
struct Chain {
    first_index: usize,
    is_broken: bool,
}

/// Creates events in order; event `i` gets the time `timestamp + i`.
///
/// # Panics
///
/// If there are more than [`BATCH_EVENTS_MAX`] events, or `timestamp` is not after the last one.
pub(crate) fn create_batch<E: Event>(ledger: &mut Ledger, events: &[E], timestamp: u64) -> Vec<(E::Status, u64)> {
    assert!(events.len() <= BATCH_EVENTS_MAX, "a batch of {} events", events.len());
    let Some(first) = events.first() else {
        return Vec::new();
    };
    assert!(timestamp > ledger.timestamp_last, "time {timestamp} does not follow {}", ledger.timestamp_last);

    let is_batch_imported = first.is_imported();
    let mut results: Vec<(E::Status, u64)> = Vec::with_capacity(events.len());
    let mut chain: Option<Chain> = None;
    let mut undo = Vec::new();
    for (timestamp_event, (index, event)) in (timestamp..).zip(events.iter().enumerate()) {
        assert!(timestamp_event <= TIMESTAMP_MAX, "time {timestamp_event} is out of range");
        let is_last = index + 1 == events.len();
        if event.is_linked() && chain.is_none() {
            chain = Some(Chain { first_index: index, is_broken: false });
        }

        let fault = check_envelope(event, chain.as_ref(), is_last, is_batch_imported, timestamp);
        let (status, timestamp_actual) = match fault {
            Some(fault) => (E::Status::from(fault), timestamp_event),
            None => event.create(ledger, timestamp_event, chain.is_some().then_some(&mut undo)),
        };
        if status != E::CREATED {
            if let Some(chain) = chain.as_mut().filter(|chain| !chain.is_broken) {
                chain.is_broken = true;
                ledger.undo_all(&mut undo);
                for (status, _) in &mut results[chain.first_index..] {
                    *status = E::Status::from(EnvelopeFault::LinkedEventFailed);
                }
            }
            // After the undoing, so that the failure itself stays.
            event.remember_failure(ledger, status);
        }
        results.push((status, timestamp_actual));

        if !event.is_linked() || is_last {
            chain = None;
            undo.clear();
        }
        ledger.timestamp_last = timestamp_event;
    }
    assert_eq!(results.len(), events.len());
    results
}

fn check_envelope<E: Event>(
    event: &E,
    chain: Option<&Chain>,
    is_last: bool,
    is_batch_imported: bool,
    timestamp_batch: u64,
) -> Option<EnvelopeFault> {
    if event.is_linked() && is_last {
        return Some(EnvelopeFault::LinkedEventChainOpen);
    }
    if chain.is_some_and(|chain| chain.is_broken) {
        return Some(EnvelopeFault::LinkedEventFailed);
    }
    match (is_batch_imported, event.is_imported()) {
        (true, false) => Some(EnvelopeFault::ImportedEventExpected),
        (false, true) => Some(EnvelopeFault::ImportedEventNotExpected),
        (false, false) => (event.timestamp() != 0).then_some(EnvelopeFault::TimestampMustBeZero),
        (true, true) => check_imported_timestamp(event.timestamp(), timestamp_batch),
    }
}

/// An imported event lies before the whole batch, so no event's own time can meet it.
fn check_imported_timestamp(timestamp: u64, timestamp_batch: u64) -> Option<EnvelopeFault> {
    if timestamp == 0 || timestamp > TIMESTAMP_MAX {
        return Some(EnvelopeFault::ImportedEventTimestampOutOfRange);
    }
    (timestamp >= timestamp_batch).then_some(EnvelopeFault::ImportedEventTimestampMustNotAdvance)
}

impl Ledger {
    fn undo_all(&mut self, undo: &mut Vec<Undo>) {
        while let Some(step) = undo.pop() {
            match step {
                Undo::Account { id } => self.undo_account(id),
                Undo::Transfer { id, debit_account_before, credit_account_before, totals_before } => {
                    self.undo_transfer(id);
                    let ledger = debit_account_before.ledger;
                    self.accounts.insert(debit_account_before.id, debit_account_before);
                    self.accounts.insert(credit_account_before.id, credit_account_before);
                    match totals_before {
                        Some(totals) => self.totals.insert(ledger, totals),
                        None => self.totals.remove(&ledger),
                    };
                    assert!(self.totals(ledger).is_balanced(), "ledger {ledger} does not balance after undoing");
                }
            }
        }
    }
}
