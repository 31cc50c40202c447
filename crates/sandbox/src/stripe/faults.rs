//! Scripted faults: which there are, how rules choose requests, how a request's metadata asks for them, and how
//! often each was applied. What a fault does to a request is in [`super`], to a webhook in [`super::webhook_faults`]; no
//! fault touches the truth ledger by itself.
//!
//! A rule (`POST /_admin/faults`) names a kind; all other members are conditions and numbers. In metadata a script is
//! `kind`, `kind:number`, `kind*times`, several separated by commas, under `sim` in the request that it is about
//! (creating a payment intent or a charge), or under `sim_confirm`, `sim_capture`, `sim_cancel` and `sim_refund` of
//! the payment intent acted on. A webhook fault is about all events that the request causes, or with
//! `kind@event.type:number` about those of one type.
//!
//! | kind | what happens | number in scripts | member of rules |
//! |---|---|---|---|
//! | `latency` | the answer is late | ms | `latency_ms`, `latency_spread_ms`, or `latency` (a distribution) |
//! | `hang` | the effect happens, no answer ever comes | | |
//! | `hang_before_effect` | no effect, no answer ever comes | | |
//! | `late_effect` | no answer ever comes, the effect happens later | ms | as `latency` |
//! | `reset_before_effect` | the connection drops, no effect | | |
//! | `reset_after_effect` | the connection drops after the effect | | |
//! | `error_500_before_effect` | 500, kept under the key, no effect | | |
//! | `error_500_after_effect` | 500, kept under the key, after the effect | | |
//! | `conflict_409` | 409 as if the key were in use, no effect | | |
//! | `rate_limit_429` | 429, no effect | | |
//! | `unknown_enum` | the answer has a status that no client knows | | |
//! | `truncated_body` | the body ends early | bytes that leave | `bytes` |
//! | `slow_body` | the body trickles | bytes a second | `bytes` |
//! | `garbage_body` | the body is no JSON | | |
//! | `credentials_revoked` | 401, and from then on for this key until it is restored | | |
//! | `webhook_duplicate` | delivered more often | additional deliveries | `times` |
//! | `webhook_late` | delivered late | ms | `delay_ms`, `delay_spread_ms` |
//! | `webhook_reorder` | delivered after the next events of its object | how many events | `times` |
//! | `webhook_missing` | never delivered, but readable | | |
//! | `webhook_early` | delivered and answered before the API's answer | | |
//! | `webhook_bad_signature` | the first attempts have a wrong signature | attempts | `times` |
//! | `webhook_old_timestamp` | the first attempts are signed with a time of a year ago | attempts | `times` |
//! | `webhook_rotated_secret` | the endpoint's secret is rolled right before, as the dashboard does | ms of overlap; 0: none | `delay_ms` |
//! | `webhook_unknown_type` | additional events of a type that nobody knows | how many events | `times` |
//! | `webhook_unknown_enum` | the object's status is a word that nobody knows | | |
//!
//! Conditions of rules about requests: `operation`, `path`, `metadata`; about webhooks: `event_type`, `endpoint`,
//! `metadata`; of both: `probability_ppm`, `nth`, `count`. One request has at most one fault besides latency; one delivery
//! may have several.

use super::webhook_faults::{DeliverySubject, WebhookFaultKind, WebhookPlan, WebhookRule};
pub use crate::latency::LATENCY_MS_MAX;

use crate::latency::Latency;
use crate::random;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// Most rules at once.
pub const RULES_MAX: usize = 1_000;
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
    /// The effect happens, the body trickles. Its number: bytes a second.
    SlowBody,
    /// The effect happens, the body is no JSON.
    GarbageBody,
    /// Status 401, now and from then on for this key until it is restored; no effect.
    CredentialsRevoked,
}

impl FaultKind {
    /// All kinds that strike one request and are over with it.
    pub const ALL: [Self; 14] = [
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
        Self::SlowBody,
        Self::GarbageBody,
    ];

    /// All kinds that last until somebody ends them.
    pub const LASTING: [Self; 1] = [Self::CredentialsRevoked];

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
            Self::SlowBody => "slow_body",
            Self::GarbageBody => "garbage_body",
            Self::CredentialsRevoked => "credentials_revoked",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().chain(Self::LASTING).find(|kind| kind.name() == name)
    }

    /// Whether the request's effect is kept from happening at once.
    pub fn prevents_effect(self) -> bool {
        match self {
            Self::HangBeforeEffect
            | Self::LateEffect
            | Self::ResetBeforeEffect
            | Self::Error500BeforeEffect
            | Self::Conflict409
            | Self::RateLimit429
            | Self::CredentialsRevoked => true,
            Self::Latency
            | Self::Hang
            | Self::ResetAfterEffect
            | Self::Error500AfterEffect
            | Self::UnknownEnum
            | Self::TruncatedBody
            | Self::SlowBody
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
    /// A distribution to draw the latency from, in place of the two numbers.
    #[serde(default)]
    pub latency: Option<Latency>,
    /// Bytes of a truncated body that leave, half of them unless given; of a slow one, bytes a second, at least 1.
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
            latency: None,
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
        self.latency.map_or(Ok(()), Latency::check)
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
    /// Bytes of a truncated body, or bytes a second of a slow one.
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

/// A rule about webhooks with its counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveWebhookRule {
    /// Number of the rule, never used twice.
    pub id: u64,
    /// The rule.
    pub rule: WebhookRule,
    /// Deliveries it matched.
    pub matched: u64,
    /// Deliveries it struck.
    pub struck: u64,
}

/// All rules and counters.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Vec<ActiveRule>,
    webhook_rules: Vec<ActiveWebhookRule>,
    next_id: u64,
    counts: BTreeMap<FaultKind, u64>,
    webhook_counts: BTreeMap<WebhookFaultKind, u64>,
}

impl Faults {
    /// Adds a rule; returns its number.
    ///
    /// # Errors
    /// The rule breaks a limit, or there are [`RULES_MAX`] already.
    pub fn push(&mut self, rule: FaultRule) -> Result<u64, String> {
        rule.check()?;
        let id = self.new_id()?;
        self.rules.push(ActiveRule { id, rule, matched: 0, struck: 0 });
        Ok(id)
    }

    /// Adds a rule about webhooks; returns its number.
    ///
    /// # Errors
    /// As [`Faults::push`].
    pub fn push_webhook(&mut self, rule: WebhookRule) -> Result<u64, String> {
        rule.check()?;
        let id = self.new_id()?;
        self.webhook_rules.push(ActiveWebhookRule { id, rule, matched: 0, struck: 0 });
        Ok(id)
    }

    fn new_id(&mut self) -> Result<u64, String> {
        if self.rules.len() + self.webhook_rules.len() >= RULES_MAX {
            return Err(format!("there are {RULES_MAX} rules already"));
        }
        self.next_id += 1;
        Ok(self.next_id - 1)
    }

    /// Removes all rules; counters stay.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.webhook_rules.clear();
    }

    /// The rules about webhooks.
    pub fn webhook_rules(&self) -> &[ActiveWebhookRule] {
        &self.webhook_rules
    }

    /// How often each kind of webhook fault was applied.
    pub fn webhook_counts(&self) -> &BTreeMap<WebhookFaultKind, u64> {
        &self.webhook_counts
    }

    /// Counts one application.
    pub fn count_webhook(&mut self, kind: WebhookFaultKind) {
        *self.webhook_counts.entry(kind).or_insert(0) += 1;
    }

    /// Adds to the plan of a delivery what the rules do to it.
    pub(super) fn choose_webhook(&mut self, seed: u64, subject: &DeliverySubject<'_, '_>, plan: &mut WebhookPlan) {
        for active in &mut self.webhook_rules {
            let rule = &active.rule;
            if !rule.matches(subject) {
                continue;
            }
            active.matched += 1;
            let turn = Turn { probability_ppm: rule.probability_ppm, nth: rule.nth, count: rule.count };
            if turn.comes(seed, active.id, active.matched, active.struck) {
                active.struck += 1;
                let spread_ms =
                    random::below(seed, active.id.wrapping_add(1 << 33), active.matched, rule.delay_spread_ms.saturating_add(1));
                let delay_ms = match (rule.delay_ms, spread_ms) {
                    (None, 0) => None,
                    (delay_ms, spread_ms) => Some(delay_ms.unwrap_or(0).saturating_add(spread_ms)),
                };
                plan.add(rule.kind, rule.times, delay_ms);
            }
        }
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

/// When a matching rule strikes.
struct Turn {
    probability_ppm: u32,
    nth: Option<NonZeroU64>,
    count: Option<u64>,
}

impl Turn {
    fn comes(&self, seed: u64, rule_id: u64, matched: u64, struck: u64) -> bool {
        let count_max = self.count.or(self.nth.map(|_| 1));
        if self.nth.is_some_and(|nth| matched < nth.get()) || count_max.is_some_and(|max| struck >= max) {
            return false;
        }
        random::below(seed, rule_id.wrapping_add(1 << 32), matched, u64::from(CERTAIN_PPM)) < u64::from(self.probability_ppm)
    }
}

impl ActiveRule {
    fn strikes(&self, seed: u64) -> bool {
        let FaultRule { probability_ppm, nth, count, .. } = self.rule;
        Turn { probability_ppm, nth, count }.comes(seed, self.id, self.matched, self.struck)
    }

    fn fault(&self, seed: u64) -> Fault {
        let rule = &self.rule;
        let stream = self.id.wrapping_add(1 << 33);
        let spread_ms = random::below(seed, stream, self.matched, rule.latency_spread_ms.saturating_add(1));
        let delay_ms = match rule.latency {
            Some(latency) => latency.draw(seed, stream, self.matched),
            None => rule.latency_ms.unwrap_or(LATENCY_MS_STANDARD).saturating_add(spread_ms),
        };
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
