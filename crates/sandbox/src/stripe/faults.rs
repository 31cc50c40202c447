//! Scripted faults: which there are, how rules choose requests, how a request's metadata asks for them, and how
//! often each was applied. What a fault does to a request is in [`super`]; it never touches the truth ledger
//! by itself.

use crate::random;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// Most rules at once.
pub const RULES_MAX: usize = 1_000;
/// Longest latency a fault may add, in milliseconds.
pub const LATENCY_MS_MAX: u64 = 3_600_000;
/// A probability of one.
pub const CERTAIN_PPM: u32 = 1_000_000;
const LATENCY_MS_STANDARD: u64 = 1_000;
/// Most faults in one metadata script.
const SCRIPT_PARTS_MAX: usize = 4;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The answer is late. Its number: milliseconds.
    Latency,
    /// The effect happens, no answer ever comes.
    Hang,
    /// No effect, and no answer ever comes.
    HangBeforeEffect,
    /// No answer ever comes, and the effect happens only later. Its number: milliseconds.
    LateEffect,
    /// The connection drops; no effect.
    ResetBeforeEffect,
    /// The connection drops; the effect happened.
    ResetAfterEffect,
    /// Status 500, kept under the key; no effect.
    #[serde(rename = "error_500_before_effect")]
    Error500BeforeEffect,
    /// Status 500, kept under the key; the effect happened.
    #[serde(rename = "error_500_after_effect")]
    Error500AfterEffect,
    /// Status 409 as if the key were in use; no effect.
    #[serde(rename = "conflict_409")]
    Conflict409,
    /// Status 429; no effect.
    #[serde(rename = "rate_limit_429")]
    RateLimit429,
    /// The effect happens, the answer has a status that no client knows.
    UnknownEnum,
    /// The effect happens, the body ends early. Its number: bytes that leave.
    TruncatedBody,
    /// The effect happens, the body is no JSON.
    GarbageBody,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Latency,
        Self::Hang,
        Self::HangBeforeEffect,
        Self::LateEffect,
        Self::ResetBeforeEffect,
        Self::ResetAfterEffect,
        Self::Error500BeforeEffect,
        Self::Error500AfterEffect,
        Self::Conflict409,
        Self::RateLimit429,
        Self::UnknownEnum,
        Self::TruncatedBody,
        Self::GarbageBody,
    ];

    /// The kind's name in rules, metadata and counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Hang => "hang",
            Self::HangBeforeEffect => "hang_before_effect",
            Self::LateEffect => "late_effect",
            Self::ResetBeforeEffect => "reset_before_effect",
            Self::ResetAfterEffect => "reset_after_effect",
            Self::Error500BeforeEffect => "error_500_before_effect",
            Self::Error500AfterEffect => "error_500_after_effect",
            Self::Conflict409 => "conflict_409",
            Self::RateLimit429 => "rate_limit_429",
            Self::UnknownEnum => "unknown_enum",
            Self::TruncatedBody => "truncated_body",
            Self::GarbageBody => "garbage_body",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether the request's effect is kept from happening at once.
    pub fn prevents_effect(self) -> bool {
        match self {
            Self::HangBeforeEffect
            | Self::LateEffect
            | Self::ResetBeforeEffect
            | Self::Error500BeforeEffect
            | Self::Conflict409
            | Self::RateLimit429 => true,
            Self::Latency
            | Self::Hang
            | Self::ResetAfterEffect
            | Self::Error500AfterEffect
            | Self::UnknownEnum
            | Self::TruncatedBody
            | Self::GarbageBody => false,
        }
    }
}

fn certain() -> u32 {
    CERTAIN_PPM
}

/// When a fault strikes. A rule without conditions strikes every request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only this operation, such as `payment_intents.create`.
    #[serde(default)]
    pub operation: Option<String>,
    /// Only this path; a final `*` stands for any rest.
    #[serde(default)]
    pub path: Option<String>,
    /// Only requests whose metadata (their own, or that of the payment intent they act on) has all of these.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Chance in millionths, drawn from the seed.
    #[serde(default = "certain")]
    pub probability_ppm: u32,
    /// Only from the nth matching request on, counted from 1; `count` is then 1 unless given.
    #[serde(default)]
    pub nth: Option<NonZeroU64>,
    /// At most so many times.
    #[serde(default)]
    pub count: Option<u64>,
    /// Milliseconds: of a latency, or until a late effect.
    #[serde(default)]
    pub latency_ms: Option<u64>,
    /// Up to so many milliseconds more, drawn from the seed.
    #[serde(default)]
    pub latency_spread_ms: u64,
    /// Bytes of a truncated body that leave; half of them unless given.
    #[serde(default)]
    pub bytes: Option<usize>,
}

impl FaultRule {
    /// A rule that strikes every request.
    pub fn always(kind: FaultKind) -> Self {
        Self {
            kind,
            operation: None,
            path: None,
            metadata: BTreeMap::new(),
            probability_ppm: CERTAIN_PPM,
            nth: None,
            count: None,
            latency_ms: None,
            latency_spread_ms: 0,
            bytes: None,
        }
    }

    /// A rule that strikes one operation so many times.
    pub fn times(kind: FaultKind, operation: &str, count: u64) -> Self {
        Self { operation: Some(operation.to_owned()), count: Some(count), ..Self::always(kind) }
    }

    /// Checks the rule's own limits.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub fn check(&self) -> Result<(), String> {
        if self.probability_ppm > CERTAIN_PPM {
            return Err(format!("probability_ppm must be at most {CERTAIN_PPM}"));
        }
        let latency_ms = self.latency_ms.unwrap_or(0).saturating_add(self.latency_spread_ms);
        if latency_ms > LATENCY_MS_MAX {
            return Err(format!("latency_ms and latency_spread_ms together must be at most {LATENCY_MS_MAX}"));
        }
        Ok(())
    }

    fn matches<'a>(&self, subject: &Subject<'_, 'a>) -> bool {
        if self.operation.as_deref().is_some_and(|operation| operation != subject.operation) {
            return false;
        }
        let path_fits = match &self.path {
            None => true,
            Some(path) => match path.strip_suffix('*') {
                Some(start) => subject.path.starts_with(start),
                None => subject.path == path,
            },
        };
        path_fits && self.metadata.iter().all(|(name, value)| (subject.metadata)(name) == Some(value.as_str()))
    }
}

/// What rules look at.
pub struct Subject<'s, 'a> {
    /// Name of the operation.
    pub operation: &'s str,
    /// Path.
    pub path: &'s str,
    /// Looks metadata up.
    pub metadata: &'s dyn Fn(&str) -> Option<&'a str>,
}

/// One fault chosen for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Milliseconds until a late effect.
    pub delay_ms: u64,
    /// Bytes of a truncated body.
    pub bytes: Option<usize>,
}

/// All that goes wrong with one request: any latency, and at most one other fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plan {
    /// Latency to add, in milliseconds.
    pub latency_ms: u64,
    /// Whether any of that latency is a fault.
    pub delayed: bool,
    /// The other fault.
    pub fault: Option<Fault>,
}

impl Plan {
    fn add(&mut self, fault: Fault) -> bool {
        if fault.kind == FaultKind::Latency {
            self.latency_ms = self.latency_ms.saturating_add(fault.delay_ms).min(LATENCY_MS_MAX);
            self.delayed = true;
            return true;
        }
        let free = self.fault.is_none();
        if free {
            self.fault = Some(fault);
        }
        free
    }
}

/// A rule with its counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveRule {
    /// Number of the rule, never used twice.
    pub id: u64,
    /// The rule.
    pub rule: FaultRule,
    /// Requests it matched.
    pub matched: u64,
    /// Requests it struck.
    pub struck: u64,
}

/// All rules and counters.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Vec<ActiveRule>,
    next_id: u64,
    counts: BTreeMap<FaultKind, u64>,
}

impl Faults {
    /// Adds a rule; returns its number.
    ///
    /// # Errors
    /// The rule breaks a limit, or there are [`RULES_MAX`] already.
    pub fn push(&mut self, rule: FaultRule) -> Result<u64, String> {
        rule.check()?;
        if self.rules.len() == RULES_MAX {
            return Err(format!("there are {RULES_MAX} rules already"));
        }
        let id = self.next_id;
        self.next_id += 1;
        self.rules.push(ActiveRule { id, rule, matched: 0, struck: 0 });
        Ok(id)
    }

    /// Removes all rules; counters stay.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules in order of precedence.
    pub fn rules(&self) -> &[ActiveRule] {
        &self.rules
    }

    /// How often each kind was applied.
    pub fn counts(&self) -> &BTreeMap<FaultKind, u64> {
        &self.counts
    }

    /// Counts one application.
    pub fn count(&mut self, kind: FaultKind) {
        *self.counts.entry(kind).or_insert(0) += 1;
    }

    /// Chooses what goes wrong with a request, and says whether any rule matched, so that counters moved.
    pub fn choose(&mut self, seed: u64, subject: &Subject<'_, '_>) -> (Plan, bool) {
        let mut plan = Plan::default();
        let mut moved = false;
        for active in &mut self.rules {
            if !active.rule.matches(subject) {
                continue;
            }
            moved = true;
            active.matched += 1;
            if active.strikes(seed) && plan.add(active.fault(seed)) {
                active.struck += 1;
            }
        }
        (plan, moved)
    }
}

impl ActiveRule {
    fn strikes(&self, seed: u64) -> bool {
        let rule = &self.rule;
        let count_max = rule.count.or(rule.nth.map(|_| 1));
        if rule.nth.is_some_and(|nth| self.matched < nth.get()) || count_max.is_some_and(|max| self.struck >= max) {
            return false;
        }
        let draw = random::below(seed, self.id.wrapping_add(1 << 32), self.matched, u64::from(CERTAIN_PPM));
        draw < u64::from(rule.probability_ppm)
    }

    fn fault(&self, seed: u64) -> Fault {
        let rule = &self.rule;
        let spread_ms = random::below(seed, self.id.wrapping_add(1 << 33), self.matched, rule.latency_spread_ms.saturating_add(1));
        let delay_ms = rule.latency_ms.unwrap_or(LATENCY_MS_STANDARD).saturating_add(spread_ms);
        Fault { kind: rule.kind, delay_ms, bytes: rule.bytes }
    }
}

/// Reads a script from metadata: `kind`, `kind:number`, `kind*times`, several separated by commas. Without
/// `times` each strikes once per idempotency key. `earlier` is how often this key was struck already. Parts that
/// are no faults are ignored: metadata belongs to the merchant.
pub fn scripted(script: &str, earlier: u32) -> Plan {
    let mut plan = Plan::default();
    for part in script.split(',').take(SCRIPT_PARTS_MAX) {
        let (part, times) = match part.trim().rsplit_once('*') {
            None => (part.trim(), 1),
            Some((part, times)) => (part, times.parse().unwrap_or(1)),
        };
        let (name, number) = match part.split_once(':') {
            None => (part, None),
            Some((name, number)) => (name, number.parse::<u64>().ok()),
        };
        let Some(kind) = FaultKind::parse(name) else { continue };
        if earlier >= times {
            continue;
        }
        let delay_ms = number.unwrap_or(LATENCY_MS_STANDARD).min(LATENCY_MS_MAX);
        let bytes = number.and_then(|number| usize::try_from(number).ok());
        plan.add(Fault { kind, delay_ms, bytes });
    }
    plan
}

/// Both plans; the first one's fault goes before.
pub fn joined(mut first: Plan, second: Plan) -> Plan {
    first.latency_ms = first.latency_ms.saturating_add(second.latency_ms).min(LATENCY_MS_MAX);
    first.delayed |= second.delayed;
    first.fault = first.fault.or(second.fault);
    first
}
