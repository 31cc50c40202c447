//! The simulator behind HTTP/1.1: sockets, limits, time, and what a [`Delivery`] means on a connection. Nothing about
//! the provider is decided here.

use crate::delivery;
use crate::log::{Durable, Error};
use crate::stripe::{Config, DeliveryNumber, DeliveryOutcome};
use crate::wire::{Delivery, Handled, Headers, Method, Request, Response};
use bytes::Bytes;
use http::HeaderValue;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::io;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Sleep;

/// Largest request body, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Most connections at once; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Longest wait for a request's head, and for the next request on an idle connection.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(75);
/// Longest wait for a request's body.
const BODY_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long running requests may take to end once shutdown began.
const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(3);
/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Pause between the bytes of a truncated body and the end of its connection, so that they leave.
const TRUNCATE_PAUSE: Duration = Duration::from_millis(20);
/// Into how many steps a second of a slow body is cut, as far as it has bytes for them.
const SLOW_STEPS_PER_S: u32 = 20;

/// A running simulator: shared between connections and the sender of webhooks.
#[derive(Debug)]
pub(crate) struct Shared {
    simulator: Mutex<Durable>,
    /// Set once, when a change could not be recorded.
    broken: watch::Sender<Option<String>>,
    stopping: watch::Receiver<bool>,
    /// Told when there may be something to deliver.
    deliveries: Notify,
    /// Changed whenever the fate of a delivery is known.
    finished: watch::Sender<()>,
}

impl Shared {
    /// The simulator; for a moment only, nobody waits while holding it.
    pub(crate) fn simulator(&self) -> MutexGuard<'_, Durable> {
        self.simulator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns true when the server is to stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }

    /// Waits until there may be something to deliver.
    pub(crate) async fn deliveries_changed(&self) {
        self.deliveries.notified().await;
    }

    /// Notes what became of a delivery; false if that could not be recorded, which stops the server.
    pub(crate) fn finish_delivery(&self, number: DeliveryNumber, outcome: DeliveryOutcome) -> bool {
        let recorded = self.simulator().finish_delivery(number, outcome, wall_clock_ms());
        self.finished.send_replace(());
        match recorded {
            Ok(()) => true,
            Err(error) => {
                stop_broken(self, &error);
                false
            }
        }
    }

    /// Waits until the first attempts of deliveries are over, but for no longer than is set.
    async fn deliveries_tried(&self, numbers: &[DeliveryNumber]) {
        if numbers.is_empty() {
            return;
        }
        let mut finished = self.finished.subscribe();
        let mut stopping = self.stopping();
        let longest = Duration::from_millis(self.simulator().stripe().config().webhook_early_ms);
        let tried = async {
            loop {
                if numbers.iter().all(|number| self.simulator().stripe().was_delivery_tried(*number)) || finished.changed().await.is_err() {
                    return;
                }
            }
        };
        // Cancel-safe: all arms only wait.
        tokio::select! {
            () = tried => {}
            () = tokio::time::sleep(longest) => tracing::warn!("webhooks that were to go before an answer were not answered in time"),
            () = stopped(&mut stopping) => {}
        }
    }
}

/// Why serving ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    Stopped,
    /// A change could not be recorded; holds why.
    Broken(String),
}

/// The wall clock in ms since 1970.
pub fn wall_clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Puts values over a configuration: each `name=json`.
///
/// # Errors
/// A name is unknown or a value does not fit; the text says which.
pub fn overlay(config: &Config, settings: &[String]) -> Result<Config, String> {
    let mut changes = serde_json::Map::new();
    for setting in settings {
        let (name, text) = setting.split_once('=').ok_or_else(|| format!("{setting}: expected name=value"))?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::String(text.to_owned()));
        changes.insert(name.to_owned(), value);
    }
    config.overlaid(changes)
}

/// Serves connections and sends webhooks until `stopping` turns true or a change cannot be recorded.
pub async fn serve(listener: TcpListener, simulator: Durable, mut stopping: watch::Receiver<bool>) -> Ended {
    let (broken, mut breaking) = watch::channel(None);
    let server = Arc::new(Shared {
        simulator: Mutex::new(simulator),
        broken,
        stopping: stopping.clone(),
        deliveries: Notify::new(),
        finished: watch::Sender::new(()),
    });
    let mut courier = JoinSet::new();
    courier.spawn(delivery::run(Arc::clone(&server)));
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let ended = loop {
        // Each arm is cancel-safe: waiting for a change, a permit and a connection, or an ended task, loses nothing.
        tokio::select! {
            biased;
            () = stopped(&mut stopping) => break Ended::Stopped,
            reason = broken_because(&mut breaking) => break Ended::Broken(reason),
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, permit)) => {
                    let server = Arc::clone(&server);
                    connections.spawn(async move {
                        connection(stream, server).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    };
    drop(listener);
    if ended == Ended::Stopped {
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_WAIT_MAX, drained).await.is_err() {
            tracing::info!(open = connections.len(), "closing connections that did not end in time");
        }
    }
    connections.shutdown().await;
    courier.shutdown().await;
    ended
}

/// Waits for the beginning of a shutdown.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that nobody can ask any more, which is a request to stop as well.
    drop(stopping.wait_for(|stop| *stop).await);
}

/// Waits until a change could not be recorded.
async fn broken_because(breaking: &mut watch::Receiver<Option<String>>) -> String {
    let reason = breaking.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
    reason.unwrap_or_default()
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

async fn connection(stream: TcpStream, server: Arc<Shared>) {
    let reset = Arc::new(AtomicBool::new(false));
    let socket = Socket { stream, reset: Arc::clone(&reset) };
    let mut stopping = server.stopping.clone();
    let service = service_fn(|request| respond(request, Arc::clone(&server), Arc::clone(&reset)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .half_close(false)
        .max_headers(64)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    // Cancel-safe: the connection is polled in place, the wait for a change loses nothing.
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

/// Why a connection is dropped without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Dropped;

async fn respond(
    request: hyper::Request<Incoming>,
    server: Arc<Shared>,
    reset: Arc<AtomicBool>,
) -> Result<hyper::Response<Reply>, Dropped> {
    let request = match read(request).await {
        Ok(request) => request,
        Err(status) => return Ok(refusal(status)),
    };
    let handled = {
        let mut simulator = server.simulator();
        let handled = simulator.handle(&request, wall_clock_ms());
        if simulator.stripe().has_deliveries() {
            server.deliveries.notify_one();
        }
        handled
    };
    match handled {
        Ok(handled) => deliver(handled, &server, &reset).await,
        Err(error) => {
            stop_broken(&server, &error);
            reset.store(true, Ordering::Relaxed);
            Err(Dropped)
        }
    }
}

fn stop_broken(server: &Shared, error: &Error) {
    tracing::error!(%error, "a change could not be recorded; stopping");
    server.broken.send_replace(Some(error.to_string()));
}

async fn deliver(handled: Handled, server: &Shared, reset: &AtomicBool) -> Result<hyper::Response<Reply>, Dropped> {
    let Handled { response, delivery, changed: _, body_bytes_per_s, early } = handled;
    server.deliveries_tried(&early).await;
    match delivery {
        Delivery::Normal { latency_ms } => {
            wait(latency_ms, server).await;
            Ok(reply(response, body_bytes_per_s.map_or(Manner::Whole, Manner::Slow)))
        }
        Delivery::Truncated { bytes, latency_ms } => {
            wait(latency_ms, server).await;
            Ok(reply(response, Manner::Cut(bytes)))
        }
        Delivery::ResetBeforeResponse { latency_ms } | Delivery::Hang { release_ms: latency_ms } => {
            wait(latency_ms, server).await;
            reset.store(true, Ordering::Relaxed);
            Err(Dropped)
        }
    }
}

/// Waits, but not beyond the beginning of a shutdown.
async fn wait(latency_ms: u64, server: &Shared) {
    if latency_ms == 0 {
        return;
    }
    let mut stopping = server.stopping.clone();
    // Cancel-safe: both arms only wait.
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(latency_ms)) => {}
        () = stopped(&mut stopping) => {}
    }
}

async fn read(request: hyper::Request<Incoming>) -> Result<Request, u16> {
    let (head, body) = request.into_parts();
    let limited = Limited::new(body, BODY_BYTES_MAX);
    let body = match tokio::time::timeout(BODY_WAIT_MAX, limited.collect()).await {
        Err(_) => return Err(408),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return Err(413),
        Ok(Err(_)) => return Err(400),
        Ok(Ok(body)) => body.to_bytes(),
    };
    let header = |name: &str| match head.headers.get(name) {
        None => Ok(None),
        Some(value) => value.to_str().map(|text| Some(text.to_owned())).map_err(|_| 400_u16),
    };
    Ok(Request {
        method: Method::parse(head.method.as_str()),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or("").to_owned(),
        headers: Headers {
            authorization: header("authorization")?,
            idempotency_key: header("idempotency-key")?,
            stripe_version: header("stripe-version")?,
            stripe_account: header("stripe-account")?,
            content_type: header("content-type")?,
        },
        body: body.to_vec(),
    })
}

fn refusal(status: u16) -> hyper::Response<Reply> {
    let text = match status {
        408 => "the request's body did not arrive in time",
        413 => "the request's body is too large",
        _ => "the request could not be read",
    };
    let body = format!("{{\"error\":{{\"message\":\"{text}\",\"type\":\"invalid_request_error\"}}}}");
    let headers = vec![("Content-Type", "application/json".to_owned()), ("Connection", "close".to_owned())];
    reply(Response { status, headers, body: body.into_bytes() }, Manner::Whole)
}

fn reply(response: Response, manner: Manner) -> hyper::Response<Reply> {
    let Response { status, headers, body } = response;
    let mut reply = hyper::Response::new(Reply::new(body, manner));
    *reply.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), HeaderValue::from_maybe_shared(Bytes::from(value))) {
            reply.headers_mut().append(name, value);
        }
    }
    reply
}

/// How a body leaves.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Whole,
    /// Only so many bytes of it.
    Cut(usize),
    /// So many bytes a second.
    Slow(NonZeroU32),
}

/// A body that may trickle, or end before its announced length.
struct Reply {
    bytes: Option<Bytes>,
    announced: u64,
    /// For a truncated body, runs between its last byte and the end of the connection.
    cut: Option<Pin<Box<Sleep>>>,
    pace: Option<Pace>,
}

/// How a slow body leaves: so many bytes at once, then a pause.
struct Pace {
    step_bytes: usize,
    pause: Duration,
    due: Pin<Box<Sleep>>,
}

impl Pace {
    fn new(bytes_per_s: NonZeroU32) -> Self {
        let step = (bytes_per_s.get() / SLOW_STEPS_PER_S).max(1);
        let pause = Duration::from_secs(1) * step / bytes_per_s.get();
        Self { step_bytes: usize::try_from(step).unwrap_or(usize::MAX), pause, due: Box::pin(tokio::time::sleep(pause)) }
    }
}

impl Reply {
    fn new(body: Vec<u8>, manner: Manner) -> Self {
        let announced = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let mut bytes = Bytes::from(body);
        let (mut cut, mut pace) = (None, None);
        match manner {
            Manner::Whole => {}
            Manner::Cut(bytes_max) => {
                bytes.truncate(bytes_max);
                cut = Some(Box::pin(tokio::time::sleep(TRUNCATE_PAUSE)));
            }
            Manner::Slow(bytes_per_s) => pace = Some(Pace::new(bytes_per_s)),
        }
        Self { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), announced, cut, pace }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        let this = &mut *self;
        if let Some(mut bytes) = this.bytes.take() {
            let Some(pace) = &mut this.pace else { return Poll::Ready(Some(Ok(Frame::data(bytes)))) };
            if pace.due.as_mut().poll(context).is_pending() {
                this.bytes = Some(bytes);
                return Poll::Pending;
            }
            pace.due.as_mut().reset(tokio::time::Instant::now() + pace.pause);
            let step = bytes.split_to(pace.step_bytes.min(bytes.len()));
            this.bytes = Some(bytes).filter(|rest| !rest.is_empty());
            return Poll::Ready(Some(Ok(Frame::data(step))));
        }
        match &mut this.cut {
            None => Poll::Ready(None),
            Some(pause) => pause.as_mut().poll(context).map(|()| Some(Err(Dropped))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.cut.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

/// A connection that can end with a reset instead of an orderly close.
struct Socket {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed)
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "the connection closes instead of resetting");
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
