//! The platform's default choices about time and retries.

use base::limits::AMOUNT_MINOR_MAX;
use base::time::NS_PER_S;
use connectors::{Capabilities, RungKind};
use engine::{Gaps, Policy, ProviderPolicy};

/// Defaults with one provider endpoint, whose abilities its connector declares.
pub fn default_policy(capabilities: &Capabilities) -> Policy {
    Policy {
        providers: vec![provider_policy(capabilities)],
        attempt_deadline_ns: 15 * 60 * NS_PER_S,
        defer_gaps: Gaps::seconds(&[1, 3, 10]),
        waiting_gaps: Gaps::seconds(&[5, 15, 60, 300]),
        watch_gaps: Gaps::seconds(&[60, 3_600, 86_400, 7 * 86_400]),
        created_ns: 24 * 3_600 * NS_PER_S,
        action_ns: 3_600 * NS_PER_S,
        hold_ns: (7 * 24 - 2) * 3_600 * NS_PER_S,
        resume_spacing_ns: 5_000_000,
    }
}

/// What the engine needs to know of a connector: its ladder's moments become waits between them.
pub fn provider_policy(capabilities: &Capabilities) -> ProviderPolicy {
    let mut replay_gaps = Vec::new();
    let mut lookup_gaps = Vec::new();
    let mut before_ns = 0;
    for rung in &capabilities.resolve_ladder.rungs {
        let gap_ns = rung.after_ns.saturating_sub(before_ns).max(NS_PER_S);
        before_ns = rung.after_ns;
        match rung.how {
            RungKind::Replay => replay_gaps.push(gap_ns),
            RungKind::Lookup => lookup_gaps.push(gap_ns),
        }
    }
    ProviderPolicy {
        name: capabilities.name.to_owned(),
        multiple_captures: capabilities.multiple_captures,
        key_retention_ns: capabilities.key_retention_ns,
        amount_minor_max: AMOUNT_MINOR_MAX,
        replay_gaps: Gaps(replay_gaps),
        lookup_gaps: Gaps(lookup_gaps),
    }
}
