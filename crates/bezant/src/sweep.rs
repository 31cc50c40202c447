//! Looks through providers' lists of events for what webhooks may have missed. Only what nothing else finds is taken:
//! open calls are resolved by their own ladders.
//!
//! The connector asks for no other events than those that can say so. Successes are among them, for a success after its
//! attempt was over and a capture made elsewhere are found in no other way; so an ordinary payment is one listed event when
//! its money is taken at once, and two when it is held first, out of three and five that it causes. A minute of 100 such
//! payments a second is 60 or 120 pages instead of 180 or 300. Without successes it would be one page or 60, and only a
//! webhook would tell of them.
//!
//! With [`PAGES_MAX`] pages of 100 events a go and the standard pause of a minute a sweep keeps up with 83 payments a second
//! taken at once (41 held first), and with as many more as the pause is shorter: 250 at 20 s. Because each sweep begins five
//! minutes before the last one did, it is done in one go up to 13 a second, and what was missed is found the later the closer
//! the rate is to the limit. Beyond the limit sweeps become longer and longer.

use crate::clock::Clock;
use crate::door::Door;
use crate::runner::Runner;
use crate::webhooks::Taken;
use api::{Platform, SubmitError};
use base::time::NS_PER_S;
use base::{About, Notice, PaymentSays, RefundSays, Timestamp};
use connectors::{EncodeError, EventsPage, EventsQuestion};
use engine::{Command, NoticeSource, PaymentName, State};
use payments::AttemptStatus;
use std::sync::Arc;
use std::time::Duration;
use telemetry::names;

/// How far before the end of the last sweep the next one begins, in nanoseconds: what clocks may differ by and how late an
/// event may be listed. What is met twice is known.
const OVERLAP_NS: u64 = 300 * NS_PER_S;
/// Most pages that are read in one go; the next one goes on.
pub const PAGES_MAX: usize = 50;
/// Shortest time between two sweeps that configuration may give, in milliseconds.
pub const EVERY_MS_MIN: u64 = 50;
/// Longest time between two sweeps that configuration may give, in milliseconds: a day.
pub const EVERY_MS_MAX: u64 = 86_400_000;

/// How often to sweep, if at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Never: only webhooks tell.
    Off,
    /// With this pause in between.
    Every(Duration),
}

impl Schedule {
    /// Reads `off` or a number of milliseconds.
    ///
    /// # Errors
    /// What is wrong, in words for the person who typed it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let every_ms = text.parse().ok().filter(|every_ms| (EVERY_MS_MIN..=EVERY_MS_MAX).contains(every_ms));
        let wanted = || format!("\"{text}\" is neither off nor a whole number of milliseconds from {EVERY_MS_MIN} to {EVERY_MS_MAX}");
        every_ms.map(|every_ms| Self::Every(Duration::from_millis(every_ms))).ok_or_else(wanted)
    }
}

/// Why a sweep stopped half-way; the next one begins anew.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the question cannot be asked: {0}")]
    Encode(#[from] EncodeError),
    #[error("the provider did not answer: {0}")]
    Send(#[from] egress::SendError),
    #[error("the provider's answer with status {status} is no page of events")]
    Page { status: u16 },
    #[error("the provider's page of events names none to go on after")]
    Stuck,
    #[error("the platform does not take it now: {0:?}")]
    Submit(SubmitError),
}

impl From<SubmitError> for Error {
    fn from(error: SubmitError) -> Self {
        Self::Submit(error)
    }
}

/// A sweep that is under way: newest events first, back to `from`.
struct Walk {
    started_at: Timestamp,
    question: EventsQuestion,
}

/// Sweeps one provider endpoint.
pub struct Sweeper {
    /// Where what is found goes.
    pub door: Arc<Door>,
    /// Asks the provider; with room for a page of events.
    pub runner: Runner,
    /// Number of the provider endpoint.
    pub provider: u16,
    /// Pause between two sweeps.
    pub every: Duration,
}

impl Sweeper {
    /// Sweeps until it is dropped. Failures are logged when they begin and when they end.
    pub async fn run(self) {
        let provider = self.runner.requests.connector(self.provider).capabilities().name;
        let (mut walk, mut is_failing) = (None, false);
        loop {
            let swept = self.sweep(&mut walk).await;
            let result = if swept.is_ok() { "ok" } else { "failed" };
            metrics::counter!(names::SWEEPS_TOTAL, "provider" => provider, "result" => result).increment(1);
            match swept {
                Ok(()) if is_failing => tracing::info!(provider, "the provider's list of events can be swept again"),
                Err(error) if !is_failing => {
                    tracing::warn!(provider, %error, "the provider's list of events cannot be swept; trying again");
                }
                Ok(()) | Err(_) => {}
            }
            is_failing = result == "failed";
            tokio::time::sleep(self.every).await;
        }
    }

    /// Goes on with the walk, or begins one, for at most [`PAGES_MAX`] pages.
    async fn sweep(&self, walk: &mut Option<Walk>) -> Result<(), Error> {
        let mut under_way = match walk.take() {
            Some(walk) => walk,
            None => match self.begin().await? {
                Some(walk) => walk,
                None => return Ok(()),
            },
        };
        for _ in 0..PAGES_MAX {
            let page = self.page(&under_way.question).await?;
            let (has_more, last_event_id) = (page.has_more, page.last_event_id.clone());
            self.take(page).await?;
            if !has_more {
                self.note(under_way.started_at).await?;
                return Ok(());
            }
            if last_event_id.is_none() || last_event_id == under_way.question.starting_after {
                return Err(Error::Stuck);
            }
            under_way.question.starting_after = last_event_id;
        }
        *walk = Some(under_way);
        Ok(())
    }

    /// From where to sweep; the first sweep of all only notes where the next one begins.
    async fn begin(&self) -> Result<Option<Walk>, Error> {
        let (provider, started_at) = (self.provider, Clock::wall());
        let swept_to = self.door.look(move |state| state.swept.get(&provider).copied()).await?;
        let Some(swept_to) = swept_to else {
            self.note(started_at).await?;
            return Ok(None);
        };
        let kept_ns = self.runner.requests.connector(provider).capabilities().events_kept_ns;
        if started_at.since_ns(swept_to) > kept_ns {
            tracing::error!(%swept_to, "the provider does not list events any more that happened since the last sweep; compare its disputes and refunds by hand");
        }
        // A clock that was ahead has noted a time that is still to come: what happens until then is swept all the same.
        let created_from = Timestamp::from_ns(swept_to.min(started_at).ns().saturating_sub(OVERLAP_NS));
        Ok(Some(Walk { started_at, question: EventsQuestion { created_from, starting_after: None } }))
    }

    async fn note(&self, swept_to: Timestamp) -> Result<(), Error> {
        self.door.submit(Command::NoteSweep { provider: self.provider, swept_to }).await?;
        Ok(())
    }

    async fn page(&self, question: &EventsQuestion) -> Result<EventsPage, Error> {
        let connector = self.runner.requests.connector(self.provider);
        let response = self.runner.exchange(self.provider, &connector.encode_events(question)?).await?;
        connector.decode_events(&response).ok_or(Error::Page { status: response.status })
    }

    /// Takes what is wanted of a page, oldest first.
    async fn take(&self, page: EventsPage) -> Result<(), Error> {
        if page.unreadable_count > 0 {
            tracing::warn!(count = page.unreadable_count, "the provider's list holds events that cannot be read");
        }
        let (provider, mut events) = (self.provider, page.events);
        events.reverse();
        let notices: Vec<Notice> = events.iter().map(|event| event.notice.clone()).collect();
        let names = notices.iter().filter_map(|notice| PaymentName::of_notice(provider, &notice.about)).collect();
        let look = self
            .door
            .look_at_payments(names, move |state| notices.iter().map(|notice| is_wanted(state, provider, notice)).collect::<Vec<_>>());
        for (event, is_wanted) in events.into_iter().zip(look.await?) {
            let event_id = event.notice.event_id.clone();
            if !is_wanted {
                continue;
            }
            match self.door.take_notice(provider, event.notice, NoticeSource::Sweep, &event.raw).await {
                Ok(Taken::New) => tracing::info!(event_id, "a message of the provider was found that no webhook had brought"),
                Ok(Taken::Known) => {}
                // It is quarantined and listed there; the others are not to wait for it.
                Err(SubmitError::Poisoned) => tracing::error!(event_id, "a message of the provider crashes the engine and is kept out"),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Whether an event may say what nothing else finds out: every dispute, a refund that failed, and a payment whose attempt is
/// decided otherwise.
pub fn is_wanted(state: &State, provider: u16, notice: &Notice) -> bool {
    if state.notices.contains(provider, &notice.event_id) {
        return false;
    }
    match &notice.about {
        About::Dispute { .. } => true,
        About::Refund { says: RefundSays::Failed | RefundSays::Unclear, .. } => state.payment_of_notice(provider, &notice.about).is_some(),
        About::Payment { provider_id, says, .. } => {
            let attempt =
                state.attempt_of(provider, provider_id).and_then(|(payment, index)| state.payments.get(&payment)?.attempts.get(index));
            attempt.is_some_and(|attempt| contradicts(attempt.status, *says))
        }
        About::Refund { says: RefundSays::Pending | RefundSays::Succeeded, .. } | About::PaymentPart { .. } | About::Other => false,
    }
}

/// Whether a payment's message says something else than its attempt came to.
const fn contradicts(status: AttemptStatus, says: PaymentSays) -> bool {
    match (status, says) {
        (_, PaymentSays::Open | PaymentSays::Settling) | (AttemptStatus::Mismatched | AttemptStatus::SucceededLate, _) => false,
        (AttemptStatus::Started | AttemptStatus::Unknown | AttemptStatus::Pending, says) => matches!(says, PaymentSays::Canceled),
        (AttemptStatus::Authorized, says) => !matches!(says, PaymentSays::Authorized),
        (AttemptStatus::Captured, says) => matches!(says, PaymentSays::Canceled | PaymentSays::Unclear),
        (AttemptStatus::Declined | AttemptStatus::Failed | AttemptStatus::Canceled, says) => {
            matches!(says, PaymentSays::Authorized | PaymentSays::Captured { .. })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Schedule, contradicts, is_wanted};
    use base::{About, Currency, DisputeFact, DisputePhase, Money, Notice, PaymentSays, RefundSays};
    use engine::State;
    use payments::AttemptStatus;
    use std::time::Duration;

    #[test]
    fn a_schedule_is_off_or_a_bounded_time() {
        assert_eq!(Schedule::parse("off"), Ok(Schedule::Off));
        assert_eq!(Schedule::parse("60000"), Ok(Schedule::Every(Duration::from_secs(60))));
        for bad in ["", "0", "49", "86400001", "-1", "1m", "Off"] {
            assert!(Schedule::parse(bad).unwrap_err().contains("off"), "{bad}");
        }
    }

    #[test]
    fn a_payments_message_is_wanted_when_its_attempt_came_to_something_else() {
        use AttemptStatus::{Authorized, Canceled, Captured, Declined, Failed, Mismatched, Pending, Started, SucceededLate, Unknown};
        let taken = PaymentSays::Captured { amount_minor: 1 };
        let table: [(PaymentSays, &[AttemptStatus]); 6] = [
            (PaymentSays::Open, &[]),
            (PaymentSays::Settling, &[]),
            (PaymentSays::Authorized, &[Declined, Failed, Canceled]),
            (taken, &[Authorized, Declined, Failed, Canceled]),
            (PaymentSays::Canceled, &[Started, Unknown, Pending, Authorized, Captured]),
            (PaymentSays::Unclear, &[Authorized, Captured]),
        ];
        for (says, wanted) in table {
            for status in [Started, Unknown, Pending, Authorized, Captured, Declined, Failed, Canceled, Mismatched, SucceededLate] {
                assert_eq!(contradicts(status, says), wanted.contains(&status), "{status:?} {says:?}");
            }
        }
    }

    #[test]
    fn every_dispute_is_wanted_and_nothing_else_about_strangers() {
        let state = State::new();
        let wanted = |about: About| {
            let notice = Notice { event_id: "evt_1".into(), event_type: "x".into(), created_at: None, about };
            is_wanted(&state, 0, &notice)
        };
        let dispute = DisputeFact {
            dispute: "dp_1".into(),
            money: Money { amount_minor: 1, currency: Currency::from_numeric(978).unwrap() },
            phase: DisputePhase::Open,
            reason: "general".into(),
            respond_by: None,
            fee_minor: 0,
            is_withdrawn: true,
        };
        assert!(wanted(About::Dispute { payment_provider_id: "pi_1".into(), dispute }));
        assert!(!wanted(About::Other));
        assert!(!wanted(About::Payment { provider_id: "pi_1".into(), reference: None, says: PaymentSays::Canceled }));
        let (provider_id, payment_provider_id) = ("re_1".to_owned(), "pi_1".to_owned());
        assert!(!wanted(About::Refund { provider_id, payment_provider_id, reference: None, says: RefundSays::Failed }));
    }
}
