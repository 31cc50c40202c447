//! Makes the sends that durable entries ask for and brings their outcomes back. Knows nothing of payments: what an
//! outcome means is the engine's to say.

use crate::request::{self, Requests};
use crate::sequencer::Handle;
use base::{NotSentReason, Outcome, Redacted, UnknownReason};
use connectors::Decoded;
use egress::{Client, Endpoint, Request, Response};
use engine::{Command, Dispatch, OutcomeReport, SendKind};
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
}

impl Runner {
    /// Runs until the dispatching side closes, then waits for the sends under way.
    pub async fn run(self: Arc<Self>, mut dispatches: mpsc::UnboundedReceiver<Dispatch>, handle: Handle) {
        let room = Arc::new(Semaphore::new(SENDS_MAX));
        let mut sends = tokio::task::JoinSet::new();
        while let Some(dispatch) = dispatches.recv().await {
            while sends.try_join_next().is_some() {}
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let (runner, handle) = (Arc::clone(&self), handle.clone());
            sends.spawn(async move {
                let report = runner.send(&dispatch).await;
                drop(permit);
                handle.submit(Command::ReportOutcome(report)).await;
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
        let provider = self.requests.connector(requested.provider).capabilities().name;
        let class = format!("{:?}", decoded.outcome.class());
        metrics::histogram!(names::PROVIDER_REQUEST_DURATION_SECONDS, "provider" => provider, "operation" => requested.kind.name(), "outcome" => class.clone())
            .record(started.elapsed().as_secs_f64());
        tracing::debug!(payment_id = %dispatch.payment, effect_id = %requested.effect, send = dispatch.send, outcome = class, "a send ended");
        OutcomeReport { effect: requested.effect, send: dispatch.send, outcome: decoded.outcome, provider_id: decoded.provider_id }
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
