//! Which trace the entries of a command belong to. A command of a request has the request's trace; what a provider then
//! answers, and what falls due for an open call, belongs to the trace of the request that asked for the call. That is
//! kept in memory only: after a restart nobody waits for the answer any more.

use base::{EffectId, TraceId};
use engine::{Command, Entry, Event, State};
use std::collections::HashMap;

/// Calls beyond those that are open that may be remembered before closed ones are forgotten.
const CLOSED_MAX: usize = 1_024;

/// Traces of open calls.
#[derive(Debug, Default)]
pub struct Traces {
    effects: HashMap<EffectId, TraceId>,
}

impl Traces {
    /// The trace of each of the entries that a command led to. `given` is that of the request which the command came with.
    pub fn of_entries(&mut self, state: &State, command: &Command, entries: &[Entry], given: Option<TraceId>) -> Vec<Option<TraceId>> {
        let of_command = given.or_else(|| match command {
            Command::ReportOutcome(report) => self.effects.get(&report.effect).copied(),
            _ => None,
        });
        let traces = entries.iter().map(|entry| {
            if matches!(entry.event, Event::PaymentsArchived { .. }) {
                return None; // of other requests
            }
            let trace = of_command.or_else(|| self.effects.get(&due(&entry.event)?).copied());
            if let (Some(trace), Some(requested)) = (trace, entry.event.requested()) {
                self.effects.insert(requested.effect, trace);
            }
            trace
        });
        let traces = traces.collect();
        if self.effects.len() > state.effects.len() + CLOSED_MAX {
            self.effects.retain(|effect, _| state.effects.contains_key(effect));
        }
        traces
    }
}

/// The call that something fell due for.
const fn due(event: &Event) -> Option<EffectId> {
    match event {
        Event::EffectSent { effect, .. } | Event::EffectParked { effect, .. } | Event::AttemptFailed { effect, .. } => Some(*effect),
        _ => None,
    }
}
