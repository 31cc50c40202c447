//! What goes wrong with webhooks: which faults there are, how rules choose deliveries, how a request's metadata asks for
//! them, and what they come to for one delivery. The table of all faults is in [`super::faults`]; the deliveries
//! themselves are in [`super::outbox`].

use super::faults::CERTAIN_PPM;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// Most copies, bad attempts, following or additional events that a fault may ask for.
pub const TIMES_MAX: u32 = 16;
/// Longest delay of a delivery and longest overlap of a rolled secret, ms: 30 days.
pub const DELAY_MS_MAX: u64 = 30 * 24 * 3_600 * 1_000;
const LATE_MS_STANDARD: u64 = 60_000;
const OVERLAP_MS_STANDARD: u64 = 24 * 3_600 * 1_000;
/// Most webhook faults in one metadata script.
const SCRIPT_PARTS_MAX: usize = 4;

/// What goes wrong with the delivery of an event to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WebhookFaultKind {
    /// It is delivered more often. Number: additional deliveries.
    #[serde(rename = "webhook_duplicate")]
    Duplicate,
    /// It is delivered late. Number: milliseconds.
    #[serde(rename = "webhook_late")]
    Late,
    /// It is delivered after the next events of the same object. Number: how many events.
    #[serde(rename = "webhook_reorder")]
    Reorder,
    /// It is never delivered; the event can be read.
    #[serde(rename = "webhook_missing")]
    Missing,
    /// It is delivered and answered before the request that caused it is answered.
    #[serde(rename = "webhook_early")]
    Early,
    /// Its first attempts have a wrong signature. Number: attempts.
    #[serde(rename = "webhook_bad_signature")]
    BadSignature,
    /// Its first attempts are signed with a time older than any tolerance. Number: attempts.
    #[serde(rename = "webhook_old_timestamp")]
    OldTimestamp,
    /// The endpoint's secret is rolled right before. Number: milliseconds in which the old one signs too.
    #[serde(rename = "webhook_rotated_secret")]
    RotatedSecret,
    /// Additional events of a type that nobody knows follow. Number: how many.
    #[serde(rename = "webhook_unknown_type")]
    UnknownType,
    /// The object's status in the payload is a word that nobody knows.
    #[serde(rename = "webhook_unknown_enum")]
    UnknownEnum,
}

impl WebhookFaultKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Duplicate,
        Self::Late,
        Self::Reorder,
        Self::Missing,
        Self::Early,
        Self::BadSignature,
        Self::OldTimestamp,
        Self::RotatedSecret,
        Self::UnknownType,
        Self::UnknownEnum,
    ];

    /// The kind's name in rules, metadata and counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "webhook_duplicate",
            Self::Late => "webhook_late",
            Self::Reorder => "webhook_reorder",
            Self::Missing => "webhook_missing",
            Self::Early => "webhook_early",
            Self::BadSignature => "webhook_bad_signature",
            Self::OldTimestamp => "webhook_old_timestamp",
            Self::RotatedSecret => "webhook_rotated_secret",
            Self::UnknownType => "webhook_unknown_type",
            Self::UnknownEnum => "webhook_unknown_enum",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

fn certain() -> u32 {
    CERTAIN_PPM
}

/// When a webhook fault strikes. A rule without conditions strikes every delivery, that is every event once for each
/// endpoint that is to get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookRule {
    /// What goes wrong.
    pub kind: WebhookFaultKind,
    /// Only this type of event; a final `*` stands for any rest.
    #[serde(default)]
    pub event_type: Option<String>,
    /// Only to this endpoint: its id or its URL.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Only of objects whose metadata (their own, or that of their payment intent) has all of these.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Chance in millionths, drawn from the seed.
    #[serde(default = "certain")]
    pub probability_ppm: u32,
    /// Only from the nth matching delivery on, counted from 1; `count` is then 1 unless given.
    #[serde(default)]
    pub nth: Option<NonZeroU64>,
    /// At most so many times.
    #[serde(default)]
    pub count: Option<u64>,
    /// How many copies, attempts or events, as the kind says; 1 unless given.
    #[serde(default)]
    pub times: Option<u32>,
    /// Milliseconds, as the kind says: a minute's delay, or a day's overlap, unless given.
    #[serde(default)]
    pub delay_ms: Option<u64>,
    /// Up to so many milliseconds more, drawn from the seed.
    #[serde(default)]
    pub delay_spread_ms: u64,
}

impl WebhookRule {
    /// A rule that strikes every delivery.
    pub fn always(kind: WebhookFaultKind) -> Self {
        Self {
            kind,
            event_type: None,
            endpoint: None,
            metadata: BTreeMap::new(),
            probability_ppm: CERTAIN_PPM,
            nth: None,
            count: None,
            times: None,
            delay_ms: None,
            delay_spread_ms: 0,
        }
    }

    /// A rule that strikes one type of event so many times.
    pub fn times(kind: WebhookFaultKind, event_type: &str, count: u64) -> Self {
        Self { event_type: Some(event_type.to_owned()), count: Some(count), ..Self::always(kind) }
    }

    /// Checks the rule's own limits.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub fn check(&self) -> Result<(), String> {
        if self.probability_ppm > CERTAIN_PPM {
            return Err(format!("probability_ppm must be at most {CERTAIN_PPM}"));
        }
        if self.times.is_some_and(|times| !(1..=TIMES_MAX).contains(&times)) {
            return Err(format!("times must be from 1 to {TIMES_MAX}"));
        }
        if self.delay_ms.unwrap_or(0).saturating_add(self.delay_spread_ms) > DELAY_MS_MAX {
            return Err(format!("delay_ms and delay_spread_ms together must be at most {DELAY_MS_MAX}"));
        }
        Ok(())
    }

    pub(super) fn matches<'a>(&self, subject: &DeliverySubject<'_, 'a>) -> bool {
        let type_fits = match self.event_type.as_deref().map(|wanted| (wanted, wanted.strip_suffix('*'))) {
            None => true,
            Some((_, Some(start))) => subject.event_type.starts_with(start),
            Some((wanted, None)) => subject.event_type == wanted,
        };
        type_fits
            && self.endpoint.as_deref().is_none_or(|wanted| wanted == subject.endpoint_id || wanted == subject.url)
            && self.metadata.iter().all(|(name, value)| (subject.metadata)(name) == Some(value.as_str()))
    }
}

/// What rules look at.
pub(super) struct DeliverySubject<'s, 'a> {
    /// Type of the event.
    pub event_type: &'s str,
    /// Id of the endpoint.
    pub endpoint_id: &'s str,
    /// URL of the endpoint.
    pub url: &'s str,
    /// Looks metadata up.
    pub metadata: &'s dyn Fn(&str) -> Option<&'a str>,
}

/// All that goes wrong with one delivery. Several faults may strike it together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WebhookPlan {
    /// The kinds that struck, each once.
    pub kinds: Vec<WebhookFaultKind>,
    /// Additional deliveries.
    pub copies: u32,
    /// How much later, ms, before any compression of time.
    pub delay_ms: u64,
    /// How many events of the object go before.
    pub followers: u32,
    /// Attempts with a wrong signature.
    pub bad_signatures: u32,
    /// Attempts with an old time.
    pub old_timestamps: u32,
    /// For how long the old secret signs too, ms.
    pub overlap_ms: u64,
    /// Additional events of an unknown type.
    pub unknown_types: u32,
}

impl WebhookPlan {
    /// Whether a kind struck.
    pub fn has(&self, kind: WebhookFaultKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Adds a fault; of two of a kind the stronger one holds.
    pub fn add(&mut self, kind: WebhookFaultKind, times: Option<u32>, ms: Option<u64>) {
        let times = times.unwrap_or(1).clamp(1, TIMES_MAX);
        if !self.has(kind) {
            self.kinds.push(kind);
        }
        match kind {
            WebhookFaultKind::Duplicate => self.copies = self.copies.max(times),
            WebhookFaultKind::Late => self.delay_ms = self.delay_ms.max(ms.unwrap_or(LATE_MS_STANDARD).min(DELAY_MS_MAX)),
            WebhookFaultKind::Reorder => self.followers = self.followers.max(times),
            WebhookFaultKind::BadSignature => self.bad_signatures = self.bad_signatures.max(times),
            WebhookFaultKind::OldTimestamp => self.old_timestamps = self.old_timestamps.max(times),
            WebhookFaultKind::RotatedSecret => self.overlap_ms = self.overlap_ms.max(ms.unwrap_or(OVERLAP_MS_STANDARD).min(DELAY_MS_MAX)),
            WebhookFaultKind::UnknownType => self.unknown_types = self.unknown_types.max(times),
            WebhookFaultKind::Missing | WebhookFaultKind::Early | WebhookFaultKind::UnknownEnum => {}
        }
    }
}

/// One webhook fault that a request's metadata asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScriptPart {
    kind: WebhookFaultKind,
    event_type: Option<String>,
    number: Option<u64>,
}

impl ScriptPart {
    /// Adds the part to the plan of a delivery, if it is about its type.
    pub fn apply(&self, event_type: &str, plan: &mut WebhookPlan) {
        if self.event_type.as_deref().is_none_or(|wanted| wanted == event_type) {
            let times = self.number.map(|number| u32::try_from(number).unwrap_or(u32::MAX));
            plan.add(self.kind, times, self.number);
        }
    }
}

/// Reads the webhook faults of a script: `kind`, `kind:number`, `kind@event.type`, `kind@event.type:number`, several
/// separated by commas. Parts that are none are ignored.
pub(super) fn script_parts(script: &str) -> Vec<ScriptPart> {
    let read = |part: &str| {
        let (name, number) = match part.trim().split_once(':') {
            None => (part.trim(), None),
            Some((name, number)) => (name, number.parse().ok()),
        };
        let (name, event_type) = match name.split_once('@') {
            None => (name, None),
            Some((name, event_type)) => (name, Some(event_type.to_owned())),
        };
        Some(ScriptPart { kind: WebhookFaultKind::parse(name)?, event_type, number })
    };
    script.split(',').filter_map(read).take(SCRIPT_PARTS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_name_kinds_types_and_numbers_and_anything_else_is_ignored() {
        let parts = script_parts("latency:5, webhook_late@charge.succeeded:7,webhook_duplicate:99,webhook_nothing,,webhook_missing@x.y");
        let mut plan = WebhookPlan::default();
        parts.iter().for_each(|part| part.apply("charge.succeeded", &mut plan));
        assert_eq!((plan.delay_ms, plan.copies, plan.has(WebhookFaultKind::Missing)), (7, TIMES_MAX, false));
        let mut other = WebhookPlan::default();
        parts.iter().for_each(|part| part.apply("x.y", &mut other));
        assert_eq!((other.delay_ms, other.has(WebhookFaultKind::Missing)), (0, true));
        assert_eq!(script_parts(&"webhook_early,".repeat(100)).len(), SCRIPT_PARTS_MAX);
    }
}
