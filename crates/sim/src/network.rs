//! The way between platform and provider: what is lost, late, doubled or cut off, and what the platform makes of it.
//! It plays the part of the outbound HTTP client and of the provider's transport.

use crate::report::Broken;
use crate::world::{Event, World};
use base::time::{NS_PER_MS, NS_PER_S};
use base::{Decline, DeclineClass, NotSentReason, Outcome, UnknownReason};
use bezant::request;
use connectors::{Call, Connector, Decoded, Resolve};
use egress::{Method, Request, Response};
use engine::{Dispatch, OutcomeReport, SendKind};
use sandbox::wire::{Delivery, Handled, Headers};
use std::sync::Arc;

/// Time from the start of a send to its complete answer, in nanoseconds.
const SEND_TIMEOUT_NS: u64 = 20 * NS_PER_S;

/// One send on its way.
pub struct Flight {
    /// The process that made it.
    pub incarnation: u64,
    /// What was asked for.
    pub dispatch: Dispatch,
    call: Call,
    how: Option<Resolve>,
    request: Request,
    started_ns: u64,
    trouble: Trouble,
}

/// What the network does to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Nothing,
    AnswerLost,
    Reset,
    Doubled,
}

impl World {
    /// Makes a send that a durable entry asked for.
    pub(crate) fn send(&mut self, dispatch: Dispatch) {
        let requests = Arc::clone(&self.platform.requests);
        let requested = &dispatch.requested;
        let prepared = match dispatch.send_kind {
            SendKind::First | SendKind::Replay => {
                requests.exact(requested).zip(request::call(requested, None)).map(|(exact, call)| (call, None, exact))
            }
            SendKind::Lookup => requests.lookup(requested).map(|(call, how, question)| (call, Some(how), question)),
        };
        self.trace.line(
            self.now_ns,
            format_args!(
                "send {} #{} {:?} {:?} for {}",
                requested.effect, dispatch.send, dispatch.send_kind, requested.kind, dispatch.payment
            ),
        );
        let Some((call, how, mut request)) = prepared else {
            let outcome = match dispatch.send_kind {
                SendKind::First | SendKind::Replay => Outcome::NotSent(NotSentReason::Encode),
                SendKind::Lookup => Outcome::Unknown(UnknownReason::NotFound),
            };
            return self.report(&dispatch, self.platform.incarnation, NS_PER_MS, Decoded::nameless(outcome));
        };
        if self.broken == Broken::NewKeyOnReplay && dispatch.send_kind == SendKind::Replay {
            for (name, value) in &mut request.headers {
                if name == "idempotency-key" {
                    *value = format!("{value}_{}", dispatch.send);
                }
            }
        }
        if self.struck(25, "network: not sent") {
            let reason = *self.random.pick(&[NotSentReason::Connect, NotSentReason::Resolve, NotSentReason::Tls]);
            let after_ns = self.random.between(1, 200) * NS_PER_MS;
            return self.report(&dispatch, self.platform.incarnation, after_ns, Decoded::nameless(Outcome::NotSent(reason)));
        }
        let mut after_ns = self.random.between(1, 40) * NS_PER_MS;
        if self.struck(10, "network: request delayed") {
            after_ns += self.random.between(1, 40) * NS_PER_S;
        }
        let trouble = if self.struck(20, "network: answer lost") {
            Trouble::AnswerLost
        } else if self.struck(20, "network: connection reset") {
            Trouble::Reset
        } else if self.struck(20, "network: answer doubled") {
            Trouble::Doubled
        } else {
            Trouble::Nothing
        };
        let incarnation = self.platform.incarnation;
        let flight = Flight { incarnation, dispatch, call, how, request, started_ns: self.now_ns, trouble };
        self.after(after_ns, Event::FlightArrives(Box::new(flight)));
    }

    /// A request reaches the provider, perhaps after the process that sent it died.
    pub(crate) fn flight_arrives(&mut self, flight: &Flight) {
        if flight.incarnation != self.platform.incarnation && self.random.chance(500) {
            return; // its bytes had not left
        }
        let now_ms = self.provider_ms();
        let handled = self.provider.handle(&to_provider(&flight.request), now_ms);
        self.trace.line(
            self.now_ns,
            format_args!(
                "provider {} -> {} {:?}",
                flight.request.path_and_query.get(..40).unwrap_or(&flight.request.path_and_query),
                handled.response.status,
                handled.delivery
            ),
        );
        self.wake_provider();
        let timeout_at_ns = flight.started_ns + SEND_TIMEOUT_NS;
        let back_ns = self.random.between(1, 40) * NS_PER_MS;
        let (answer_at_ns, decoded) = self.arrival(flight, &handled, back_ns);
        let wait_ns = timeout_at_ns.saturating_sub(self.now_ns).max(1);
        let incarnation = flight.incarnation;
        if answer_at_ns >= timeout_at_ns || flight.trouble == Trouble::AnswerLost {
            self.report(&flight.dispatch, incarnation, wait_ns, Decoded::nameless(Outcome::Unknown(UnknownReason::Timeout)));
            if answer_at_ns >= timeout_at_ns && answer_at_ns < u64::MAX && self.struck(500, "network: answer late after a timeout") {
                self.report(&flight.dispatch, incarnation, answer_at_ns.max(timeout_at_ns + NS_PER_MS) - self.now_ns, decoded);
            }
            return;
        }
        let after_ns = answer_at_ns - self.now_ns;
        if flight.trouble == Trouble::Reset {
            return self.report(
                &flight.dispatch,
                incarnation,
                after_ns,
                Decoded::nameless(Outcome::Unknown(UnknownReason::ConnectionLost)),
            );
        }
        if flight.trouble == Trouble::Doubled {
            let again_ns = after_ns + self.random.between(1, 30_000) * NS_PER_MS;
            self.report(&flight.dispatch, incarnation, again_ns, decoded.clone());
        }
        self.report(&flight.dispatch, incarnation, after_ns, decoded);
    }

    /// When the answer is complete (never: the end of time) and what it says.
    fn arrival(&self, flight: &Flight, handled: &Handled, back_ns: u64) -> (u64, Decoded) {
        let lost = Decoded::nameless(Outcome::Unknown(UnknownReason::ConnectionLost));
        match landing(handled) {
            Landing::Whole { after_ns } => (self.now_ns + after_ns + back_ns, self.decode(flight, handled)),
            Landing::Lost { after_ns } => (self.now_ns + after_ns + back_ns, lost),
            Landing::Never => (u64::MAX, lost),
        }
    }

    fn decode(&self, flight: &Flight, handled: &Handled) -> Decoded {
        let connector: &Arc<dyn Connector> = self.platform.requests.connector(flight.dispatch.requested.provider);
        let response = from_provider(&handled.response);
        match &flight.how {
            None => connector.decode(&flight.call, &response),
            Some(how) => connector.decode_resolve(&flight.call, how, &response),
        }
    }

    fn report(&mut self, dispatch: &Dispatch, incarnation: u64, after_ns: u64, decoded: Decoded) {
        let outcome = match decoded.outcome {
            Outcome::Unknown(_) if self.broken == Broken::UnknownAsDecline => {
                Outcome::Declined(Decline { class: DeclineClass::SoftIssuer, code: "unknown".into(), network_code: None })
            }
            outcome => outcome,
        };
        let report = OutcomeReport { effect: dispatch.requested.effect, send: dispatch.send, outcome, provider_id: decoded.provider_id };
        self.after(after_ns, Event::FlightEnds { incarnation, report: Box::new(report) });
    }
}

/// What becomes of an answer on its way.
pub(crate) enum Landing {
    /// It is complete so many nanoseconds after the request came.
    Whole {
        /// Nanoseconds.
        after_ns: u64,
    },
    /// The connection is gone so many nanoseconds after the request came.
    Lost {
        /// Nanoseconds.
        after_ns: u64,
    },
    /// Nothing ever comes.
    Never,
}

/// What becomes of a provider's answer.
pub(crate) fn landing(handled: &Handled) -> Landing {
    let body_bytes = u64::try_from(handled.response.body.len()).unwrap_or(u64::MAX);
    let trickle_ns = handled.body_bytes_per_s.map_or(0, |rate| body_bytes.saturating_mul(NS_PER_S) / u64::from(rate.get()));
    match handled.delivery {
        Delivery::Normal { latency_ms } => Landing::Whole { after_ns: (latency_ms * NS_PER_MS).saturating_add(trickle_ns) },
        Delivery::Hang { .. } => Landing::Never,
        Delivery::ResetBeforeResponse { latency_ms } | Delivery::Truncated { latency_ms, .. } => {
            Landing::Lost { after_ns: latency_ms * NS_PER_MS }
        }
    }
}

/// An answer as the outbound HTTP client would give it.
pub(crate) fn from_provider(response: &sandbox::wire::Response) -> Response {
    let headers = response.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    Response { status: response.status, headers, body: response.body.clone() }
}

/// A request as the provider's transport would read it.
pub(crate) fn to_provider(request: &Request) -> sandbox::wire::Request {
    let (path, query) = request.path_and_query.split_once('?').unwrap_or((&request.path_and_query, ""));
    let header = |name: &str| request.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.clone());
    sandbox::wire::Request {
        method: match request.method {
            Method::Get => sandbox::wire::Method::Get,
            Method::Post => sandbox::wire::Method::Post,
            Method::Delete => sandbox::wire::Method::Delete,
        },
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Headers {
            authorization: Some("Bearer sk_test_simulation".to_owned()),
            idempotency_key: header("idempotency-key"),
            stripe_version: header("stripe-version"),
            stripe_account: None,
            content_type: header("content-type"),
        },
        body: request.body.clone(),
    }
}
