//! What a decision depends on beside state and command: time, policy as data, and the key that derives ids.

use crate::derive::DeriveKey;
use base::{Timestamp, time::NS_PER_S};

/// Waiting times in nanoseconds; the last one repeats or ends the ladder, as its owner says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gaps(pub Vec<u64>);

impl Gaps {
    /// From whole seconds.
    pub fn seconds(seconds: &[u64]) -> Self {
        Self(seconds.iter().map(|gap| gap * NS_PER_S).collect())
    }

    /// The wait before step `step`, or `None` past the end.
    pub fn at(&self, step: u16) -> Option<u64> {
        self.0.get(usize::from(step)).copied()
    }

    /// As [`Gaps::at`], repeating the last wait for ever.
    pub fn at_or_last(&self, step: u16) -> Option<u64> {
        self.at(step).or_else(|| self.0.last().copied())
    }
}

/// What one provider endpoint can do and how its unknown outcomes are resolved. Core code never matches on its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderPolicy {
    /// Name in answers and metrics.
    pub name: String,
    /// Whether one authorization can be captured several times.
    pub multiple_captures: bool,
    /// How long the provider remembers a key; a replay after that is illegal.
    pub key_retention_ns: u64,
    /// Largest amount in minor units.
    pub amount_minor_max: u64,
    /// Replays after an unknown outcome: waits between them.
    pub replay_gaps: Gaps,
    /// Lookups after the replays: waits between them; past the end the effect is parked.
    pub lookup_gaps: Gaps,
}

/// The platform's choices about time and retries, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Provider endpoints by number.
    pub providers: Vec<ProviderPolicy>,
    /// After this, an attempt is no longer replayed; only looked up.
    pub attempt_deadline_ns: u64,
    /// Waits before a request that was provably not executed is sent again; past the end it has failed.
    pub defer_gaps: Gaps,
    /// Waits between looks at a payment that waits for customer or provider; the last repeats.
    pub waiting_gaps: Gaps,
    /// Waits between looks at a refund that succeeded; past the end it is trusted.
    pub watch_gaps: Gaps,
    /// Waits between looks for a fee that the provider did not say at once; past the end settlement has to tell.
    pub settle_gaps: Gaps,
    /// Waits before an errand that was perhaps or surely not executed is sent again; past the end it is looked up.
    pub errand_replay_gaps: Gaps,
    /// Waits between lookups of an errand after that; past the end it has failed.
    pub errand_lookup_gaps: Gaps,
    /// How long a payment may stay unconfirmed.
    pub created_ns: u64,
    /// How long a customer may take to act.
    pub action_ns: u64,
    /// How long a hold may stay uncaptured; below what the provider allows.
    pub hold_ns: u64,
    /// How many payments at which nothing is open stay in the state when others are archived. See
    /// [`crate::State::is_archiving_due`].
    pub payments_kept: usize,
    /// Distance between resumed effects after a restart, so that the provider's budget is kept.
    pub resume_spacing_ns: u64,
}

/// What a decision depends on beside state and command.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Stamped by the sequencer; never before the last event.
    pub now: Timestamp,
    /// The platform's choices.
    pub policy: &'a Policy,
    /// Derives ids, references and provider keys.
    pub derive_key: &'a DeriveKey,
}
