//! The clock of a workload: it moves by one for each event and by what is asked for, so that a file gives the same answers on
//! every machine, however fast.

use ledger::{BATCH_EVENTS_MAX, TIMESTAMP_MAX};

/// What the clock shows at first, in nanoseconds since 1970.
pub(super) const START_NS: u64 = 1_700_000_000_000_000_000;

/// Why an operation cannot be done as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many events.
    #[error("{count} events: a batch may have {BATCH_EVENTS_MAX}, so split it")]
    TooManyEvents {
        /// How many there are.
        count: usize,
    },
    /// An event has a name or metadata.
    #[error("event {event} has a name or metadata, which a workload's ledger does not keep: leave it out")]
    HasTexts {
        /// Counted from 1.
        event: usize,
    },
    /// The clock would pass the largest timestamp.
    #[error("the clock cannot pass {TIMESTAMP_MAX} ns: tick less")]
    ClockPassesMaximum,
}

/// What time it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    now_ns: u64,
    /// The last time that an event was given, whether or not it created anything.
    event_last_ns: u64,
}

impl Clock {
    pub(super) const fn new() -> Self {
        Self { now_ns: START_NS, event_last_ns: 0 }
    }

    /// What the clock shows, in nanoseconds since 1970.
    pub(super) const fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// The time of a batch's first event. The clock moves on to that of its last one.
    pub(super) fn pass(&mut self, count: usize) -> Result<u64, Refused> {
        if count > BATCH_EVENTS_MAX {
            return Err(Refused::TooManyEvents { count });
        }
        let first = self.now_ns.max(self.event_last_ns + 1);
        let after = u64::try_from(count).ok().and_then(|count| first.checked_add(count)).filter(|after| *after <= TIMESTAMP_MAX);
        let after = after.ok_or(Refused::ClockPassesMaximum)?;
        if count > 0 {
            self.event_last_ns = after - 1;
            self.now_ns = self.now_ns.max(self.event_last_ns);
        }
        Ok(first)
    }

    /// Moves on.
    pub(super) fn tick(&mut self, ns: u64) -> Result<(), Refused> {
        self.now_ns = self.now_ns.checked_add(ns).filter(|now| *now <= TIMESTAMP_MAX).ok_or(Refused::ClockPassesMaximum)?;
        Ok(())
    }
}
