//! Sends webhooks: takes due deliveries from the simulator, posts each to its endpoint, and tells the simulator what came
//! of it. What is sent, when and how often is decided in [`crate::stripe::outbox`].
//!
//! Each endpoint has a limit of its own, so that one that hangs holds up no other. Connections are kept and used
//! again. Only `http` URLs are served: for `https` this crate has no TLS, and says so.

use crate::server::{Shared, stopped, wall_clock_ms};
use crate::stripe::{DeliveryNumber, DeliveryOutcome, WebhookDelivery};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::{Id, JoinError, JoinSet};

/// Largest answer of an endpoint that is read, in bytes; more ends its connection.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longest sleep between two looks at what is due.
const SLEEP_MS_MAX: u64 = 60_000;

/// A connection that is kept; nobody polls it while it is idle.
struct Link {
    authority: String,
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
}

/// What one sending came to.
struct Sent {
    outcome: DeliveryOutcome,
    /// The connection, if it can be used again.
    link: Option<Link>,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error("{0}")]
    Exchange(#[from] hyper::Error),
}

/// Deliveries on their way and idle connections.
#[derive(Default)]
struct Courier {
    sending: JoinSet<Sent>,
    /// Which delivery each task sends, and to which endpoint.
    deliveries: HashMap<Id, (DeliveryNumber, String)>,
    /// How many are on their way to each endpoint.
    busy: BTreeMap<String, usize>,
    idle: BTreeMap<String, Vec<Link>>,
}

/// Sends webhooks until the server stops or a change cannot be recorded.
pub(crate) async fn run(server: Arc<Shared>) {
    let mut courier = Courier::default();
    let mut stopping = server.stopping();
    loop {
        let sleep = Duration::from_millis(courier.send_due(&server));
        // Each arm is cancel-safe: waiting for a change, a notice, a task or a time loses nothing.
        tokio::select! {
            biased;
            () = stopped(&mut stopping) => break,
            Some(ended) = courier.sending.join_next_with_id() => {
                if !courier.finish(&server, ended) {
                    break;
                }
            }
            () = server.deliveries_changed() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
    // Those on their way are sent again after a restart.
    courier.sending.shutdown().await;
}

impl Courier {
    /// Starts to send what is due and has room; returns when to look again, ms.
    fn send_due(&mut self, server: &Shared) -> u64 {
        let now_ms = wall_clock_ms();
        let (due, next_ms, timeout_ms, parallel_max) = {
            let mut simulator = server.simulator();
            let config = simulator.stripe().config();
            let timeout_ms = config.webhook_timeout_ms;
            let parallel_max = usize::try_from(config.webhook_parallel_max.get()).unwrap_or(usize::MAX);
            let room = |endpoint: &str| parallel_max.saturating_sub(self.busy.get(endpoint).copied().unwrap_or(0));
            let due = simulator.take_due_deliveries(now_ms, &room);
            (due, simulator.stripe().next_delivery_ms(), timeout_ms, parallel_max)
        };
        for delivery in due {
            let idle = self.idle.entry(delivery.endpoint_id.clone()).or_default();
            idle.truncate(parallel_max);
            let link = idle.pop();
            *self.busy.entry(delivery.endpoint_id.clone()).or_insert(0) += 1;
            let (number, endpoint) = (delivery.number, delivery.endpoint_id.clone());
            let task = self.sending.spawn(send(delivery, link, Duration::from_millis(timeout_ms)));
            self.deliveries.insert(task.id(), (number, endpoint));
        }
        next_ms.map_or(SLEEP_MS_MAX, |next_ms| next_ms.saturating_sub(now_ms).clamp(1, SLEEP_MS_MAX))
    }

    /// Notes what an ended task came to; false if that could not be recorded.
    fn finish(&mut self, server: &Shared, ended: Result<(Id, Sent), JoinError>) -> bool {
        let (id, outcome, link) = match ended {
            Ok((id, Sent { outcome, link })) => (id, outcome, link),
            Err(error) => {
                tracing::error!(%error, "sending a webhook ended badly");
                (error.id(), DeliveryOutcome::Failed, None)
            }
        };
        let Some((number, endpoint)) = self.deliveries.remove(&id) else { return true };
        if let Some(busy) = self.busy.get_mut(&endpoint) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(&endpoint);
            }
        }
        if let Some(link) = link {
            self.idle.entry(endpoint).or_default().push(link);
        }
        server.finish_delivery(number, outcome)
    }
}

async fn send(delivery: WebhookDelivery, link: Option<Link>, timeout: Duration) -> Sent {
    let refused = |reason: &str| {
        tracing::warn!(endpoint = delivery.endpoint_id, url = delivery.url, event = delivery.event_id, reason, "a webhook cannot be sent");
        Sent { outcome: DeliveryOutcome::Refused, link: None }
    };
    let Ok(url) = delivery.url.parse::<Uri>() else { return refused("the URL cannot be read") };
    if url.scheme_str() != Some("http") {
        return refused("only http URLs are served, without TLS");
    }
    let Some(request) = request(&delivery, &url) else { return refused("the URL or a header cannot be sent") };
    let (host, port) = (url.host().unwrap_or("").trim_matches(['[', ']']).to_owned(), url.port_u16().unwrap_or(80));
    let (number, attempt, event) = (delivery.number, delivery.attempt, &delivery.event_id);
    let failed = |reason: &dyn std::fmt::Display| {
        tracing::info!(number, attempt, event, url = delivery.url, %reason, "a webhook was not acknowledged");
        Sent { outcome: DeliveryOutcome::Failed, link: None }
    };
    match tokio::time::timeout(timeout, exchange(&host, port, link, &request)).await {
        Err(_) => failed(&"no answer in time"),
        Ok(Err(error)) => failed(&error),
        Ok(Ok((status, link))) if status.is_success() => Sent { outcome: DeliveryOutcome::Acknowledged, link },
        Ok(Ok((status, link))) => Sent { link, ..failed(&status) },
    }
}

/// The request of a delivery; nothing if the URL or the signature is none.
fn request(delivery: &WebhookDelivery, url: &Uri) -> Option<Request<Full<Bytes>>> {
    let authority = url.authority()?;
    let host = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, host)| host);
    Request::post(url.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header(USER_AGENT, "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header(ACCEPT, "*/*; q=0.5, application/xml")
        .header("Stripe-Signature", &delivery.signature_header)
        .body(Full::new(Bytes::copy_from_slice(&delivery.body)))
        .ok()
}

/// Sends on a kept connection, or on a new one if there is none or it was closed meanwhile.
async fn exchange(
    host: &str,
    port: u16,
    link: Option<Link>,
    request: &Request<Full<Bytes>>,
) -> Result<(StatusCode, Option<Link>), Failure> {
    let authority = format!("{host}:{port}");
    if let Some(link) = link.filter(|link| link.authority == authority) {
        // An endpoint may close a kept connection at any time. Sending twice does no harm: delivery is at least once.
        if let Ok(answered) = one_exchange(link, request.clone()).await {
            return Ok(answered);
        }
    }
    let stream = TcpStream::connect((host, port)).await.map_err(Failure::Connect)?;
    stream.set_nodelay(true).map_err(Failure::Connect)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    Ok(one_exchange(Link { authority, sender, connection: Box::pin(connection) }, request.clone()).await?)
}

async fn one_exchange(link: Link, request: Request<Full<Bytes>>) -> Result<(StatusCode, Option<Link>), hyper::Error> {
    let Link { authority, mut sender, mut connection } = link;
    let (answer, open) = {
        let answer = async {
            sender.ready().await?;
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let whole = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.is_ok();
            Ok::<_, hyper::Error>((status, whole))
        };
        let mut answer = std::pin::pin!(answer);
        // Cancel-safe: both are polled in place; once the connection ended, its answer is all that is left to wait for.
        tokio::select! {
            biased;
            answer = answer.as_mut() => (answer, true),
            _ = connection.as_mut() => (answer.await, false),
        }
    };
    let (status, whole) = answer?;
    let reusable = open && whole && !sender.is_closed();
    Ok((status, reusable.then_some(Link { authority, sender, connection })))
}
