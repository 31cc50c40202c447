//! Makes the sends that durable entries ask for and brings their outcomes back. Knows nothing of payments: what an
//! outcome means is the engine's to say.

use crate::clock::Clock;
use crate::request::{self, Requests};
use crate::sequencer::Handle;
use api::{Activity, EndedCall};
use base::{NotSentReason, Outcome, OutcomeClass, Redacted, UnknownReason};
use connectors::{Decoded, Stored, StoredCard, StoredOutcome};
use egress::{Client, Endpoint, Request, Response};
use engine::{CardFacts, Command, Dispatch, ErrandDispatch, ErrandDone, ErrandOutcome, ErrandReport, OutcomeReport, SendKind};
use std::sync::Arc;
use std::time::Duration;
use telemetry::names;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

/// Most sends at once.
pub const SENDS_MAX: usize = 1_024;

/// One provider endpoint as the runner sees it.
pub struct Target {
    /// Where.
    pub endpoint: Endpoint,
    /// Its credential.
    pub secret: Redacted<String>,
}

/// One send to make.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// Of a call that moves money.
    Effect(Dispatch),
    /// Of a call that moves none.
    Errand(ErrandDispatch),
}

/// Everything a send needs.
pub struct Runner {
    /// Outbound HTTP.
    pub client: Client,
    /// Provider endpoints by number.
    pub targets: Vec<Target>,
    /// Requests and connectors.
    pub requests: Arc<Requests>,
    /// Time from the start of a send to its complete answer.
    pub send_timeout: Duration,
    /// Counts calls that ended.
    pub activity: Arc<Activity>,
}

impl Runner {
    /// Runs until the dispatching side closes, then waits for the sends under way.
    pub async fn run(self: Arc<Self>, mut dispatches: mpsc::UnboundedReceiver<Outgoing>, handle: Handle) {
        let room = Arc::new(Semaphore::new(SENDS_MAX));
        let mut sends = tokio::task::JoinSet::new();
        while let Some(outgoing) = dispatches.recv().await {
            while sends.try_join_next().is_some() {}
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let (runner, handle) = (Arc::clone(&self), handle.clone());
            sends.spawn(async move {
                let report = match &outgoing {
                    Outgoing::Effect(dispatch) => Command::ReportOutcome(runner.send(dispatch).await),
                    Outgoing::Errand(dispatch) => Command::ReportErrand(runner.run_errand(dispatch).await),
                };
                drop(permit);
                handle.submit(report).await;
            });
        }
        while sends.join_next().await.is_some() {}
    }

    /// Makes one send and says what it came to.
    async fn send(&self, dispatch: &Dispatch) -> OutcomeReport {
        let started = Instant::now();
        let decoded = match dispatch.send_kind {
            SendKind::First | SendKind::Replay => self.send_exact(dispatch).await,
            SendKind::Lookup => self.look_up(dispatch).await,
        };
        let requested = &dispatch.requested;
        let class = decoded.outcome.class();
        self.measure(requested.provider, requested.kind.name(), class, started);
        let ended =
            EndedCall { at: Clock::wall(), provider: requested.provider, payment: Some(dispatch.payment), class, took: started.elapsed() };
        self.activity.call(&ended);
        tracing::debug!(payment_id = %dispatch.payment, effect_id = %requested.effect, send = dispatch.send, outcome = ?class, "a send ended");
        OutcomeReport { effect: requested.effect, send: dispatch.send, outcome: decoded.outcome, provider_id: decoded.provider_id }
    }

    /// Makes one send of an errand and says what it came to.
    async fn run_errand(&self, dispatch: &ErrandDispatch) -> ErrandReport {
        let started = Instant::now();
        let requested = &dispatch.requested;
        let outcome = match dispatch.send_kind {
            SendKind::First | SendKind::Replay => self.send_errand(dispatch).await,
            SendKind::Lookup => self.look_up_errand(dispatch).await,
        };
        let class = outcome.class();
        self.measure(requested.provider, requested.kind.name(), class, started);
        self.activity.call(&EndedCall { at: Clock::wall(), provider: requested.provider, payment: None, class, took: started.elapsed() });
        tracing::debug!(customer_id = %requested.customer, errand_id = %requested.errand, send = dispatch.send, outcome = ?class, "a send ended");
        ErrandReport { errand: requested.errand, send: dispatch.send, outcome: errand_outcome(outcome) }
    }

    async fn send_errand(&self, dispatch: &ErrandDispatch) -> StoredOutcome {
        let requested = &dispatch.requested;
        let exact = self.requests.exact_errand(requested);
        let (Some(exact), Some(call)) = (exact, request::errand_call(requested)) else {
            return StoredOutcome::NotSent(NotSentReason::Encode);
        };
        match self.exchange(requested.provider, &exact).await {
            Ok(response) => self.requests.connector(requested.provider).decode_stored(&call, &response),
            Err(error) => StoredOutcome::of_error(&error),
        }
    }

    async fn look_up_errand(&self, dispatch: &ErrandDispatch) -> StoredOutcome {
        let requested = &dispatch.requested;
        let Some((call, how, question)) = self.requests.errand_lookup(requested) else {
            return StoredOutcome::Unknown(UnknownReason::NotFound);
        };
        match self.exchange(requested.provider, &question).await {
            Ok(response) => self.requests.connector(requested.provider).decode_stored_resolve(&call, &how, &response),
            Err(error) => StoredOutcome::of_error(&error),
        }
    }

    fn measure(&self, provider: u16, operation: &'static str, class: OutcomeClass, started: Instant) {
        let provider = self.requests.connector(provider).capabilities().name;
        metrics::histogram!(names::PROVIDER_REQUEST_DURATION_SECONDS, "provider" => provider, "operation" => operation, "outcome" => format!("{class:?}"))
            .record(started.elapsed().as_secs_f64());
    }

    async fn send_exact(&self, dispatch: &Dispatch) -> Decoded {
        let requested = &dispatch.requested;
        let connector = self.requests.connector(requested.provider);
        let (Some(exact), Some(call)) = (self.requests.exact(requested), request::call(requested, None)) else {
            return Decoded { outcome: Outcome::NotSent(NotSentReason::Encode), provider_id: None };
        };
        match self.exchange(requested.provider, &exact).await {
            Ok(response) => connector.decode(&call, &response),
            Err(error) => Decoded { outcome: connector.outcome_of_error(&error), provider_id: None },
        }
    }

    async fn look_up(&self, dispatch: &Dispatch) -> Decoded {
        let requested = &dispatch.requested;
        let connector = self.requests.connector(requested.provider);
        let Some((call, how, question)) = self.requests.lookup(requested) else {
            return Decoded { outcome: Outcome::Unknown(UnknownReason::NotFound), provider_id: None };
        };
        match self.exchange(requested.provider, &question).await {
            Ok(response) => connector.decode_resolve(&call, &how, &response),
            Err(error) => Decoded { outcome: connector.outcome_of_error(&error), provider_id: None },
        }
    }

    /// One request with the provider's credential.
    pub(crate) async fn exchange(&self, provider: u16, request: &Request) -> Result<Response, egress::SendError> {
        let target = self.targets.get(usize::from(provider)).expect("every connector has a target");
        let credential = self.requests.connector(provider).capabilities().credential;
        let value = credential.value(&target.secret);
        self.client.send(&target.endpoint, request, &[(credential.name, &value)], Instant::now() + self.send_timeout).await
    }
}

/// What a connector says of an errand, in the engine's words.
fn errand_outcome(outcome: StoredOutcome) -> ErrandOutcome {
    match outcome {
        StoredOutcome::NotSent(reason) => ErrandOutcome::NotSent(reason),
        StoredOutcome::Rejected(rejection) => ErrandOutcome::Rejected(rejection),
        StoredOutcome::Declined(decline) => ErrandOutcome::Declined(decline),
        StoredOutcome::Unknown(reason) => ErrandOutcome::Unknown(reason),
        StoredOutcome::Done(Stored::Customer { provider_id }) => ErrandOutcome::Done(ErrandDone::CustomerStored { provider_id }),
        StoredOutcome::Done(Stored::Attached(method)) => {
            let facts =
                |StoredCard { brand, last4, exp_month, exp_year }| CardFacts { brand, last4, exp_month: exp_month.into(), exp_year };
            ErrandOutcome::Done(ErrandDone::MethodStored { provider_id: method.provider_id, card: method.card.map(facts) })
        }
        StoredOutcome::Done(Stored::Detached { provider_id: _ }) => ErrandOutcome::Done(ErrandDone::MethodRemoved),
    }
}
