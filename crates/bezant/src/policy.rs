//! The platform's default choices about time and retries.

use base::limits::AMOUNT_MINOR_MAX;
use base::time::{NS_PER_MS, NS_PER_S};
use connectors::{Capabilities, RungKind};
use engine::{Gaps, Policy, ProviderPolicy};

/// How many payments at which nothing is open stay in memory, unless told otherwise: what is asked again soon after needs no
/// look at the disk.
pub const PAYMENTS_KEPT_DEFAULT: usize = 16_384;

/// Defaults with one provider endpoint, whose abilities its connector declares.
pub fn default_policy(capabilities: &Capabilities) -> Policy {
    Policy {
        providers: vec![provider_policy(capabilities)],
        attempt_deadline_ns: 15 * 60 * NS_PER_S,
        defer_gaps: Gaps::seconds(&[1, 3, 10]),
        waiting_gaps: Gaps::seconds(&[5, 15, 60, 300]),
        watch_gaps: Gaps::seconds(&[60, 3_600, 86_400, 7 * 86_400]),
        settle_gaps: Gaps::seconds(&[10, 60, 600, 3_600, 6 * 3_600, 86_400]),
        errand_replay_gaps: Gaps::seconds(&[1, 3, 10, 30]),
        errand_lookup_gaps: Gaps::seconds(&[1, 10, 60, 600, 3_600]),
        created_ns: 24 * 3_600 * NS_PER_S,
        action_ns: 3_600 * NS_PER_S,
        hold_ns: (7 * 24 - 2) * 3_600 * NS_PER_S,
        payments_kept: PAYMENTS_KEPT_DEFAULT,
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

/// Most waits of one list that configuration may give.
pub const GAPS_COUNT_MAX: usize = 32;
/// Longest wait that configuration may give, in milliseconds: a week.
pub const GAP_MS_MAX: u64 = 7 * 24 * 3_600 * 1_000;

/// Waits of the resolve ladder as configured; what is absent stays as the connector recommends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    /// Waits between replays of a request whose outcome is unknown.
    pub replay_gaps: Option<Gaps>,
    /// Waits between lookups after the replays; past the last one a person decides.
    pub lookup_gaps: Option<Gaps>,
}

impl Ladder {
    /// The policy with these waits at every provider, for calls that move money and those that do not.
    pub fn onto(&self, mut policy: Policy) -> Policy {
        let Self { replay_gaps, lookup_gaps } = self;
        for provider in &mut policy.providers {
            if let Some(gaps) = replay_gaps {
                provider.replay_gaps = gaps.clone();
            }
            if let Some(gaps) = lookup_gaps {
                provider.lookup_gaps = gaps.clone();
            }
        }
        if let Some(gaps) = replay_gaps {
            policy.errand_replay_gaps = gaps.clone();
        }
        if let Some(gaps) = lookup_gaps {
            policy.errand_lookup_gaps = gaps.clone();
        }
        policy
    }
}

/// Reads waits in milliseconds with commas between them, such as `200,1000,5000`.
///
/// # Errors
/// What is wrong, in words for the person who typed it.
pub fn parse_gaps_ms(text: &str) -> Result<Gaps, String> {
    let mut gaps = Vec::new();
    for part in text.split(',') {
        let gap_ms = part.trim().parse::<u64>().ok().filter(|gap_ms| (1..=GAP_MS_MAX).contains(gap_ms));
        let gap_ms = gap_ms.ok_or_else(|| format!("\"{part}\" is not a whole number of milliseconds from 1 to {GAP_MS_MAX}"))?;
        gaps.push(gap_ms * NS_PER_MS);
    }
    if gaps.len() > GAPS_COUNT_MAX {
        return Err(format!("{} waits are given, at most {GAPS_COUNT_MAX} are allowed", gaps.len()));
    }
    Ok(Gaps(gaps))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_in_order_and_bounded() {
        assert_eq!(parse_gaps_ms("200, 1000,5000"), Ok(Gaps(vec![200 * NS_PER_MS, 1_000 * NS_PER_MS, 5_000 * NS_PER_MS])));
        for bad in ["", "0", "1,", "-1", "1.5", "one", "604800001", "18446744073709551616"] {
            assert!(parse_gaps_ms(bad).is_err(), "{bad:?}");
        }
        assert!(parse_gaps_ms(&["1"; GAPS_COUNT_MAX].join(",")).is_ok());
        assert!(parse_gaps_ms(&["1"; GAPS_COUNT_MAX + 1].join(",")).is_err());
    }

    #[test]
    fn configured_waits_replace_the_connectors_and_absent_ones_do_not() {
        let stripe = connectors::stripe::Stripe::new(connectors::stripe::Environment::Test);
        let standard = default_policy(connectors::Connector::capabilities(&stripe));
        assert_eq!(Ladder::default().onto(standard.clone()), standard);
        let ladder = Ladder { replay_gaps: Some(Gaps(vec![7])), lookup_gaps: None };
        let changed = ladder.onto(standard.clone());
        assert_eq!(changed.providers[0].replay_gaps, Gaps(vec![7]));
        assert_eq!(changed.providers[0].lookup_gaps, standard.providers[0].lookup_gaps);
    }
}
