//! What the platform is doing, in memory: counts of the last minutes, fed where things become known, so that looking
//! costs nothing that grows with the journal. What happened to money is counted from durable entries, calls to providers
//! where they end, requests where they are answered. A restart begins anew, and everything shown says since when.
//!
//! What does not live here: metrics for Prometheus (`telemetry`), numbers for ever (the journal and the books).

mod ring;

use base::{EffectId, NextAction, OutcomeClass, PaymentId, Timestamp};
use engine::{Entry, Event};
use ring::Ring;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use telemetry::Histogram;
use utoipa::ToSchema;

/// Length of one point of a series, in seconds.
pub(crate) const POINT_S: u64 = 10;
/// Points of a series.
pub(crate) const POINTS: u64 = 60;
/// The window that everything looks back over, in seconds.
pub(crate) const WINDOW_S: u64 = POINT_S * POINTS;
/// The time over which a present rate is taken, in seconds.
const NOW_S: u64 = 10;
/// The time over which the rate of payments and a provider's health are taken, in seconds.
pub(crate) const MINUTE_S: u64 = 60;
/// Most calls of unknown outcome that are remembered, so that each is counted once.
const UNKNOWNS_MAX: usize = 10_000;
/// Most payments whose time at the provider is kept until their request is answered.
const PAYMENTS_OPEN_MAX: usize = 10_000;
/// Most samples of the process that are kept: one each five seconds covers the window.
const SAMPLES_MAX: usize = 121;
/// From so many calls that came to nothing on, a provider can count as down, in calls.
const TROUBLED_MIN: u64 = 3;

const _: () = assert!(MINUTE_S <= WINDOW_S && NOW_S <= MINUTE_S);

/// What happened to payments, refunds and disputes, each counted when it became durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Counts {
    /// Payments that were created.
    pub(crate) created: u64,
    /// Authorizations that hold money.
    pub(crate) authorized: u64,
    /// Captures: money was taken.
    pub(crate) captured: u64,
    /// Attempts that were declined.
    pub(crate) declined: u64,
    /// Attempts that were provably never executed.
    pub(crate) failed: u64,
    /// Attempts for which the provider did something else than was asked.
    pub(crate) mismatched: u64,
    /// Attempts that wait for the customer.
    pub(crate) requires_action: u64,
    /// Attempts that the provider answers later.
    pub(crate) processing: u64,
    /// Payments that were given up.
    pub(crate) canceled: u64,
    /// Payments that expired because nobody acted.
    pub(crate) expired: u64,
    /// Calls whose outcome became unknown, each counted once.
    pub(crate) unknown: u64,
    /// Calls that began to wait for a person.
    pub(crate) parked: u64,
    /// Refunds that went through.
    pub(crate) refunded: u64,
    /// Refunds that failed, also after they had gone through.
    pub(crate) refund_failed: u64,
    /// Disputes that took money back.
    pub(crate) disputed: u64,
}

impl Counts {
    /// The count that an event raises. Unknown outcomes need memory and are counted apart.
    const fn of(&mut self, event: &Event) -> Option<&mut u64> {
        Some(match event {
            Event::PaymentCreated(_) => &mut self.created,
            Event::AttemptAuthorized { .. } => &mut self.authorized,
            Event::AttemptCaptured { .. } | Event::CaptureSucceeded { .. } | Event::CaptureObserved { .. } => &mut self.captured,
            Event::AttemptDeclined { .. } => &mut self.declined,
            Event::AttemptFailed { .. } => &mut self.failed,
            Event::AttemptMismatched { .. } => &mut self.mismatched,
            Event::AttemptPending { action: NextAction::Redirect { .. }, .. } => &mut self.requires_action,
            Event::AttemptPending { action: NextAction::Wait, .. } => &mut self.processing,
            Event::PaymentCanceled { expired: false, .. } => &mut self.canceled,
            Event::PaymentCanceled { expired: true, .. } => &mut self.expired,
            Event::EffectParked { .. } => &mut self.parked,
            Event::RefundSucceeded { .. } => &mut self.refunded,
            Event::RefundFailed { .. } | Event::RefundReversed { .. } => &mut self.refund_failed,
            Event::DisputeOpened { .. } => &mut self.disputed,
            _ => return None,
        })
    }

    fn add(&mut self, other: &Self) {
        let Self {
            created,
            authorized,
            captured,
            declined,
            failed,
            mismatched,
            requires_action,
            processing,
            canceled,
            expired,
            unknown,
            parked,
            refunded,
            refund_failed,
            disputed,
        } = other;
        self.created += created;
        self.authorized += authorized;
        self.captured += captured;
        self.declined += declined;
        self.failed += failed;
        self.mismatched += mismatched;
        self.requires_action += requires_action;
        self.processing += processing;
        self.canceled += canceled;
        self.expired += expired;
        self.unknown += unknown;
        self.parked += parked;
        self.refunded += refunded;
        self.refund_failed += refund_failed;
        self.disputed += disputed;
    }
}

/// A call to a provider that ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedCall {
    /// When it ended.
    pub at: Timestamp,
    /// Number of the provider endpoint.
    pub provider: u16,
    /// The payment that it was about; calls that store payment methods have none.
    pub payment: Option<PaymentId>,
    /// What it came to.
    pub class: OutcomeClass,
    /// From its start to its answer or failure.
    pub took: Duration,
}

/// What the process has used since it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Time on processors, in microseconds.
    pub cpu_us: u64,
    /// What it caused to be written to disks, in bytes; absent where the system does not say.
    pub written_bytes: Option<u64>,
    /// Memory that is resident now, in bytes; absent where the system does not say.
    pub resident_bytes: Option<u64>,
}

/// Calls to one provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) approved: u64,
    pub(crate) pending: u64,
    pub(crate) declined: u64,
    pub(crate) rejected: u64,
    pub(crate) not_sent: u64,
    pub(crate) mismatched: u64,
    pub(crate) unknown: u64,
    took: Histogram,
}

impl Calls {
    fn record(&mut self, call: &EndedCall) {
        let count = match call.class {
            OutcomeClass::Approved => &mut self.approved,
            OutcomeClass::Pending => &mut self.pending,
            OutcomeClass::Declined => &mut self.declined,
            OutcomeClass::Rejected => &mut self.rejected,
            OutcomeClass::NotSent => &mut self.not_sent,
            OutcomeClass::Mismatch => &mut self.mismatched,
            OutcomeClass::Unknown => &mut self.unknown,
        };
        *count += 1;
        self.took.record(call.took);
    }

    fn add(&mut self, other: &Self) {
        let Self { approved, pending, declined, rejected, not_sent, mismatched, unknown, took } = other;
        self.approved += approved;
        self.pending += pending;
        self.declined += declined;
        self.rejected += rejected;
        self.not_sent += not_sent;
        self.mismatched += mismatched;
        self.unknown += unknown;
        self.took.merge(took);
    }

    /// All calls.
    pub(crate) const fn total(&self) -> u64 {
        self.approved + self.pending + self.declined + self.rejected + self.not_sent + self.mismatched + self.unknown
    }

    /// Those in which the provider, or the way to it, did not do its work. A decline is work done.
    const fn troubled(&self) -> u64 {
        self.unknown + self.not_sent + self.rejected
    }

    /// Time that so many thousandths of the calls do not exceed, in microseconds.
    pub(crate) fn took_us(&self, per_mille: u64) -> Option<u64> {
        self.took.quantile_us(per_mille)
    }

    fn health(&self) -> Health {
        let (total, troubled) = (self.total(), self.troubled());
        match () {
            () if total == 0 => Health::Idle,
            () if troubled >= TROUBLED_MIN && troubled * 2 >= total => Health::Down,
            () if troubled * 20 >= total => Health::Degraded,
            () => Health::Good,
        }
    }
}

/// How a provider does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Health {
    /// It answers.
    Good,
    /// One call in twenty or more came to nothing.
    Degraded,
    /// Half of the calls or more came to nothing, and at least three.
    Down,
    /// Nothing was asked of it.
    Idle,
}

/// What calls to one provider came to in the window.
#[derive(Clone, Debug)]
pub(crate) struct ProviderCalls {
    pub(crate) calls: Calls,
    pub(crate) last_unknown_at: Option<Timestamp>,
    pub(crate) health: Health,
}

/// One point of the series: what happened from `at_s` on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) at_s: u64,
    pub(crate) counts: Counts,
}

/// What happened to payments in the window.
#[derive(Clone, Debug)]
pub(crate) struct PaymentActivity {
    /// In thousandths of a payment.
    pub(crate) per_1000_s_now: u64,
    pub(crate) series: Vec<Point>,
    pub(crate) outcomes: Counts,
}

/// How fast the platform is. Absent is what was not measured.
#[derive(Clone, Debug)]
pub(crate) struct Speed {
    /// Payments in 1,000 seconds at the rate of the last minute.
    pub(crate) payments_per_1000_s: u64,
    pub(crate) requests: Histogram,
    pub(crate) added: Histogram,
    pub(crate) syncs: Histogram,
    pub(crate) cpu_us_per_payment: Option<u64>,
    pub(crate) bytes_per_payment: Option<u64>,
    pub(crate) resident_bytes: Option<u64>,
}

#[derive(Default)]
struct RequestTimes {
    all: Histogram,
    added: Histogram,
}

#[derive(Clone, Copy)]
struct Sample {
    at: Timestamp,
    usage: Usage,
    payments: u64,
}

/// Remembers what came last: at most so many keys.
struct Recent<K, V> {
    values: HashMap<K, V>,
    /// Keys as they came, the oldest first; some may have been taken since.
    order: VecDeque<K>,
    count_max: usize,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    fn new(count_max: usize) -> Self {
        Self { values: HashMap::new(), order: VecDeque::new(), count_max }
    }

    /// The value of a key, which is `new` when it is not remembered, and whether that is so.
    fn entry(&mut self, key: K, new: V) -> (&mut V, bool) {
        let is_new = !self.values.contains_key(&key);
        if is_new {
            self.order.push_back(key);
        }
        while self.order.len() > self.count_max {
            let Some(oldest) = self.order.pop_front() else { break };
            self.values.remove(&oldest);
        }
        (self.values.entry(key).or_insert(new), is_new)
    }

    fn take(&mut self, key: &K) -> Option<V> {
        self.values.remove(key)
    }
}

struct Journaled {
    counts: Ring<Counts>,
    /// Calls that were counted as unknown.
    unknowns: Recent<EffectId, ()>,
    /// Payments that were created since the start.
    payments: u64,
}

struct Provider {
    calls: Ring<Calls>,
    last_unknown_at: Option<Timestamp>,
}

/// Counts what happens. Shared by all who feed it; each feeds a part of its own, so that nobody waits long.
pub struct Activity {
    since: Timestamp,
    journaled: Mutex<Journaled>,
    providers: Mutex<BTreeMap<u16, Provider>>,
    /// How long the calls of payments took whose requests are not answered.
    at_provider: Mutex<Recent<PaymentId, Duration>>,
    requests: Mutex<Ring<RequestTimes>>,
    syncs: Mutex<Ring<Histogram>>,
    samples: Mutex<VecDeque<Sample>>,
}

impl core::fmt::Debug for Activity {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Activity").field("since", &self.since).finish_non_exhaustive()
    }
}

impl Activity {
    /// Nothing has happened yet; `since` is now.
    pub fn new(since: Timestamp) -> Self {
        let slots = usize::try_from(WINDOW_S).expect("a window is short");
        let points = usize::try_from(POINTS).expect("a series is short");
        let journaled = Journaled { counts: Ring::new(1, slots), unknowns: Recent::new(UNKNOWNS_MAX), payments: 0 };
        Self {
            since,
            journaled: Mutex::new(journaled),
            providers: Mutex::new(BTreeMap::new()),
            at_provider: Mutex::new(Recent::new(PAYMENTS_OPEN_MAX)),
            requests: Mutex::new(Ring::new(POINT_S, points)),
            syncs: Mutex::new(Ring::new(POINT_S, points)),
            samples: Mutex::new(VecDeque::new()),
        }
    }

    /// Since when everything is counted.
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// Counts a durable entry. Quick enough for the thread that decides.
    pub fn entry(&self, entry: &Entry) {
        let mut journaled = lock(&self.journaled);
        let Journaled { counts, unknowns, payments } = &mut *journaled;
        // A call that goes on being unknown takes later steps of its ladder; one from before the start is not news either.
        if let Event::EffectUnknown { effect, step: 0, .. } = &entry.event {
            let (_, is_new) = unknowns.entry(*effect, ());
            if let Some(counts) = counts.slot(entry.at).filter(|_| is_new) {
                counts.unknown += 1;
            }
            return;
        }
        if matches!(entry.event, Event::PaymentCreated(_)) {
            *payments += 1;
        }
        if Counts::default().of(&entry.event).is_none() {
            return;
        }
        if let Some(count) = counts.slot(entry.at).and_then(|counts| counts.of(&entry.event)) {
            *count += 1;
        }
    }

    /// Counts a call to a provider that ended.
    pub fn call(&self, call: &EndedCall) {
        {
            let mut providers = lock(&self.providers);
            let new = || Provider { calls: Ring::new(POINT_S, usize::try_from(POINTS).unwrap_or(1)), last_unknown_at: None };
            let provider = providers.entry(call.provider).or_insert_with(new);
            if call.class == OutcomeClass::Unknown {
                provider.last_unknown_at = provider.last_unknown_at.max(Some(call.at));
            }
            if let Some(calls) = provider.calls.slot(call.at) {
                calls.record(call);
            }
        }
        if let Some(payment) = call.payment {
            *lock(&self.at_provider).entry(payment, Duration::ZERO).0 += call.took;
        }
    }

    /// Counts a sync of the journal.
    pub fn sync(&self, at: Timestamp, took: Duration) {
        if let Some(syncs) = lock(&self.syncs).slot(at) {
            syncs.record(took);
        }
    }

    /// Notes what the process has used.
    pub fn usage(&self, at: Timestamp, usage: Usage) {
        let payments = lock(&self.journaled).payments;
        let mut samples = lock(&self.samples);
        samples.push_back(Sample { at, usage, payments });
        while samples.len() > SAMPLES_MAX {
            samples.pop_front();
        }
    }

    /// Counts a request that made a payment.
    pub(crate) fn payment_answered(&self, at: Timestamp, payment: PaymentId, took: Duration) {
        let at_provider = lock(&self.at_provider).take(&payment).unwrap_or_default();
        if let Some(times) = lock(&self.requests).slot(at) {
            times.all.record(took);
            times.added.record(took.saturating_sub(at_provider));
        }
    }

    /// What happened to payments in the window that ends with `now`.
    pub(crate) fn payments(&self, now: Timestamp) -> PaymentActivity {
        let journaled = lock(&self.journaled);
        let oldest_s = window_start(now);
        let mut outcomes = Counts::default();
        let points = (0..POINTS).map(|number| {
            let at_s = oldest_s + number * POINT_S;
            let mut counts = Counts::default();
            journaled.counts.between(at_s, at_s + POINT_S).for_each(|second| counts.add(second));
            outcomes.add(&counts);
            Point { at_s, counts }
        });
        let series = points.collect();
        PaymentActivity { per_1000_s_now: self.rate(&journaled, now, NOW_S), series, outcomes }
    }

    /// Payments created in the last whole seconds, at most `span_s`, as a rate per 1,000 seconds.
    fn rate(&self, journaled: &Journaled, now: Timestamp, span_s: u64) -> u64 {
        let span_s = span_s.min(now.s().saturating_sub(self.since.s())).max(1);
        let counted = journaled.counts.between(now.s().saturating_sub(span_s), now.s());
        counted.map(|second| second.created).sum::<u64>() * 1_000 / span_s
    }

    /// What calls to a provider came to in the window that ends with `now`.
    pub(crate) fn provider(&self, number: u16, now: Timestamp) -> ProviderCalls {
        let providers = lock(&self.providers);
        let provider = providers.get(&number);
        let calls_since = |from_s: u64| {
            let mut sum = Calls::default();
            if let Some(provider) = provider {
                provider.calls.between(from_s, now.s() + 1).for_each(|calls| sum.add(calls));
            }
            sum
        };
        let calls = calls_since(window_start(now));
        let lately = calls_since(now.s().saturating_sub(MINUTE_S));
        let health = if lately.total() > 0 { lately.health() } else { calls.health() };
        ProviderCalls { calls, last_unknown_at: provider.and_then(|provider| provider.last_unknown_at), health }
    }

    /// How fast the platform is, over the window that ends with `now`.
    pub(crate) fn speed(&self, now: Timestamp) -> Speed {
        let (from_s, until_s) = (window_start(now), now.s() + 1);
        let (mut requests, mut added, mut syncs) = (Histogram::default(), Histogram::default(), Histogram::default());
        for times in lock(&self.requests).between(from_s, until_s) {
            requests.merge(&times.all);
            added.merge(&times.added);
        }
        lock(&self.syncs).between(from_s, until_s).for_each(|times| syncs.merge(times));
        let samples = lock(&self.samples);
        let first = samples.iter().find(|sample| sample.at.s() >= from_s);
        let last = samples.back();
        let per_payment = |used: fn(&Usage) -> Option<u64>| {
            let (first, last) = (first?, last?);
            let used = used(&last.usage)?.saturating_sub(used(&first.usage)?);
            used.checked_div(last.payments.saturating_sub(first.payments))
        };
        Speed {
            payments_per_1000_s: self.rate(&lock(&self.journaled), now, MINUTE_S),
            requests,
            added,
            syncs,
            cpu_us_per_payment: per_payment(|usage| Some(usage.cpu_us)),
            bytes_per_payment: per_payment(|usage| usage.written_bytes),
            resident_bytes: last.and_then(|sample| sample.usage.resident_bytes),
        }
    }
}

/// When the window that ends with `now` began, in seconds since 1970.
fn window_start(now: Timestamp) -> u64 {
    (now.s() / POINT_S * POINT_S).saturating_sub(WINDOW_S - POINT_S)
}

/// Counts are never half changed: a panic elsewhere does not make them worse.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Activity, EndedCall, Recent, SAMPLES_MAX, Usage, WINDOW_S};
    use base::{OutcomeClass, PaymentId, Timestamp};
    use std::time::Duration;

    const START_S: u64 = 10_000;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_s(START_S + seconds)
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let mut recent = Recent::new(3);
        for key in [1, 2, 3, 2, 4] {
            *recent.entry(key, 0).0 += 1;
        }
        assert_eq!((recent.take(&1), recent.take(&2), recent.take(&3), recent.take(&4)), (None, Some(2), Some(1), Some(1)));
        assert_eq!(recent.take(&4), None, "taken once");
        for key in 0..1_000 {
            recent.entry(key, 0);
            assert!(recent.order.len() <= 3 && recent.values.len() <= 3);
        }
    }

    #[test]
    fn what_a_request_adds_is_its_time_less_all_calls_of_its_payment() {
        let activity = Activity::new(at(0));
        let payment = PaymentId::from_u128(7);
        for ms in [30, 20] {
            let took = Duration::from_millis(ms);
            activity.call(&EndedCall { at: at(1), provider: 0, payment: Some(payment), class: OutcomeClass::Approved, took });
        }
        activity.payment_answered(at(1), payment, Duration::from_millis(58));
        let speed = activity.speed(at(2));
        assert_eq!((speed.requests.total(), speed.added.total()), (1, 1));
        let added_us = speed.added.quantile_us(500).unwrap();
        assert!((8_000..=8_500).contains(&added_us), "{added_us}");
        activity.payment_answered(at(3), payment, Duration::from_millis(58));
        let again_us = activity.speed(at(4)).added.quantile_us(990).unwrap();
        assert!(again_us >= 58_000, "its calls were counted once");
        assert_eq!(activity.speed(at(WINDOW_S + 20)).requests.total(), 0, "forgotten with the window");
    }

    #[test]
    fn usage_is_measured_over_the_window_and_a_bounded_number_of_samples_is_kept() {
        let activity = Activity::new(at(0));
        let usage = |cpu_us| Usage { cpu_us, written_bytes: None, resident_bytes: Some(1) };
        for second in 0..1_000 {
            activity.usage(at(second), usage(second * 10));
        }
        assert_eq!(super::lock(&activity.samples).len(), SAMPLES_MAX);
        let speed = activity.speed(at(1_000));
        assert_eq!((speed.cpu_us_per_payment, speed.bytes_per_payment, speed.resident_bytes), (None, None, Some(1)), "no payments");
        assert_eq!(speed.payments_per_1000_s, 0);
    }
}
