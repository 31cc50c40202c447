//! What account and transfer batches have in common: timestamps, imports, linked chains and their
//! undoing. The rules of a single event live in `accounts.rs` and `transfers.rs`.

use crate::state::Ledger;
use crate::types::TIMESTAMP_MAX;

/// The most events in one batch, as in the reference (one message of 1 MiB).
pub const BATCH_EVENTS_MAX: usize = 8_189;

/// So many events are read ahead: enough to overlap the waits for memory, few enough to stay near the processor.
pub(crate) const EVENTS_READ_AHEAD: usize = 64;

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
pub(crate) trait Event: Copy {
    type Status: Copy + PartialEq + From<EnvelopeFault>;
    type Result;

    const CREATED: Self::Status;

    fn is_linked(&self) -> bool;
    fn is_imported(&self) -> bool;
    fn timestamp(&self) -> u64;

    fn result(status: Self::Status, timestamp: u64) -> Self::Result;
    fn status_mut(result: &mut Self::Result) -> &mut Self::Status;

    /// Creates the event and pushes it to `created` as it happened, or changes nothing.
    fn create(&self, ledger: &mut Ledger, timestamp: u64, created: &mut Vec<Self>) -> (Self::Status, u64);

    /// Reads ahead what the next events of a batch will read.
    fn read_ahead(ledger: &Ledger, events: &[Self]);

    /// Takes back what was created last and is described by `self`, but for the numbers of a [`Mark`].
    fn take_back(&self, ledger: &mut Ledger);

    /// Remembers a failure, if that kind of failure is remembered, and then pushes the id to `burned`.
    fn remember_failure(&self, ledger: &mut Ledger, status: Self::Status, burned: &mut Vec<u128>);
}

/// A run of linked events, which happens as a whole or not at all.
struct Chain {
    result_first: usize,
    is_broken: bool,
    mark: Mark,
}

/// What a broken chain goes back to, besides the records themselves.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    created_count: usize,
    totals_count: usize,
    timestamp_last: u64,
    transfer_timestamp_last: u64,
}

/// Creates events in order; event `i` gets the time `timestamp + i`.
///
/// Appends one result per event to `results`, the records of what happened to `created`, and the ids that failed for ever
/// in this batch to `burned`.
///
/// # Panics
///
/// If there are more than [`BATCH_EVENTS_MAX`] events, or `timestamp` is not after the last one.
pub(crate) fn create_batch<E: Event>(
    ledger: &mut Ledger,
    events: &[E],
    timestamp: u64,
    results: &mut Vec<E::Result>,
    created: &mut Vec<E>,
    burned: &mut Vec<u128>,
) {
    assert!(events.len() <= BATCH_EVENTS_MAX, "a batch of {} events", events.len());
    let Some(first) = events.first() else {
        return;
    };
    assert!(timestamp > ledger.timestamp_last, "time {timestamp} does not follow {}", ledger.timestamp_last);

    let is_batch_imported = first.is_imported();
    let results_count_before = results.len();
    results.reserve(events.len());
    created.reserve(events.len());
    let mut chain: Option<Chain> = None;
    for (timestamp_event, (index, event)) in (timestamp..).zip(events.iter().enumerate()) {
        assert!(timestamp_event <= TIMESTAMP_MAX, "time {timestamp_event} is out of range");
        let is_last = index + 1 == events.len();
        if index % EVENTS_READ_AHEAD == 0 {
            E::read_ahead(ledger, &events[index..events.len().min(index + EVENTS_READ_AHEAD)]);
        }
        if event.is_linked() && chain.is_none() {
            chain = Some(Chain { result_first: results.len(), is_broken: false, mark: ledger.mark(created.len()) });
        }

        let fault = check_envelope(event, chain.as_ref(), is_last, is_batch_imported, timestamp);
        let (status, timestamp_actual) = match fault {
            Some(fault) => (E::Status::from(fault), timestamp_event),
            None => event.create(ledger, timestamp_event, created),
        };
        if status != E::CREATED {
            if let Some(chain) = chain.as_mut().filter(|chain| !chain.is_broken) {
                chain.is_broken = true;
                take_back(ledger, chain.mark, created);
                for result in &mut results[chain.result_first..] {
                    *E::status_mut(result) = E::Status::from(EnvelopeFault::LinkedEventFailed);
                }
            }
            // After the undoing, so that the failure itself stays.
            event.remember_failure(ledger, status, burned);
        }
        results.push(E::result(status, timestamp_actual));

        if !event.is_linked() || is_last {
            chain = None;
        }
    }
    assert_eq!(results.len() - results_count_before, events.len());
}

/// Takes back what happened since the mark, last first.
pub(crate) fn take_back<E: Event>(ledger: &mut Ledger, mark: Mark, created: &mut Vec<E>) {
    while created.len() > mark.created_count {
        let record = created.pop().expect("there is one past the mark");
        record.take_back(ledger);
    }
    ledger.totals.truncate(mark.totals_count);
    ledger.timestamp_last = mark.timestamp_last;
    ledger.transfer_timestamp_last = mark.transfer_timestamp_last;
}

impl Ledger {
    pub(crate) fn mark(&self, created_count: usize) -> Mark {
        Mark {
            created_count,
            totals_count: self.totals.len(),
            timestamp_last: self.timestamp_last,
            transfer_timestamp_last: self.transfer_timestamp_last,
        }
    }
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
