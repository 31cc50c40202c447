//! The one call of this crate: [`Client::send`], and what its failures mean.

use crate::connection::{Connection, ExchangeError, Limits};
use crate::endpoint::Endpoint;
use crate::message::{Method, Request, Response, is_header_name, is_header_value};
use crate::pool::Pool;
use crate::tls::{Roots, client_config};
use base::{NotSentReason, Outcome, Redacted, UnknownReason};
use bytes::Bytes;
use http_body_util::Full;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Longest detail in an error, in bytes.
const DETAIL_BYTES_MAX: usize = 200;
/// Smallest response head that can be configured, in bytes (the HTTP library's own minimum).
const HEAD_BYTES_MIN: usize = 8 * 1024;
/// Most endpoints of one client.
const ENDPOINTS_MAX: usize = 64;

/// How a client behaves. Every field is a choice; there is no default.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The only destinations this client ever connects to; 1 to 64.
    pub endpoints: Vec<Endpoint>,
    /// Trusted certificate authorities.
    pub roots: Roots,
    /// Value of the `user-agent` header.
    pub user_agent: String,
    /// Most connections per endpoint, idle ones included; at least 1. Each takes two file descriptors.
    pub connections_max: usize,
    /// How long an unused connection is kept, in milliseconds; 0 keeps none. Choose less than the provider's own limit.
    pub idle_ms_max: u64,
    /// How long resolving, connecting and the TLS handshake may take together, in milliseconds.
    pub connect_ms_max: u64,
    /// Largest response head, in bytes; at least 8,192.
    pub head_bytes_max: usize,
    /// Largest response body, in bytes.
    pub response_bytes_max: usize,
}

/// Why a client cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No endpoint, or more than 64.
    #[error("between 1 and {ENDPOINTS_MAX} endpoints are needed")]
    Endpoints,
    /// `connections_max` is zero or absurd.
    #[error("connections_max is not between 1 and 10,000")]
    Connections,
    /// `head_bytes_max` is too small.
    #[error("head_bytes_max is less than {HEAD_BYTES_MIN}")]
    Head,
    /// `user_agent` cannot be a header value.
    #[error("user_agent is not visible ASCII")]
    UserAgent,
    /// A root certificate cannot be read, or there is none.
    #[error("the root certificates are empty or unreadable")]
    Roots,
    /// The TLS library refuses its own defaults.
    #[error("no TLS version is available")]
    Tls,
}

/// Why [`Client::send`] has no response. The two variants are the difference between "try elsewhere" and "find out".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Provably no byte of the request was written. The text is for operators; it holds no request content.
    #[error("not sent ({0:?}): {1}")]
    NotSent(NotSentReason, String),
    /// At least one byte was written and no complete, readable response came.
    #[error("outcome unknown ({0:?}): {1}")]
    Unknown(UnknownReason, String),
}

impl SendError {
    /// The same as an [`Outcome`], without the text.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::NotSent(reason, _) => Outcome::NotSent(*reason),
            Self::Unknown(reason, _) => Outcome::Unknown(*reason),
        }
    }

    fn not_sent(reason: NotSentReason, detail: impl Into<String>) -> Self {
        Self::NotSent(reason, clipped(detail.into()))
    }

    fn unknown(reason: UnknownReason, detail: impl Into<String>) -> Self {
        Self::Unknown(reason, clipped(detail.into()))
    }
}

fn clipped(mut detail: String) -> String {
    if detail.len() > DETAIL_BYTES_MAX {
        let end = (0..=DETAIL_BYTES_MAX).rev().find(|end| detail.is_char_boundary(*end)).unwrap_or(0);
        detail.truncate(end);
    }
    detail
}

/// What a client did since it was built; each field only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections opened.
    pub connections_opened: u64,
    /// Exchanges begun on a connection that had served an earlier one.
    pub connections_reused: u64,
    /// Idle connections thrown away because they were too old or no longer alive.
    pub connections_discarded: u64,
    /// Complete responses.
    pub responses: u64,
    /// Sends that ended in [`SendError::NotSent`].
    pub not_sent: u64,
    /// Sends that ended in [`SendError::Unknown`].
    pub unknown: u64,
}

#[derive(Default)]
struct AtomicCounters {
    connections_opened: AtomicU64,
    connections_reused: AtomicU64,
    connections_discarded: AtomicU64,
    responses: AtomicU64,
    not_sent: AtomicU64,
    unknown: AtomicU64,
}

/// How one exchange on one connection ended without a response.
enum Failure {
    /// Zero bytes of this request were written.
    Untouched(SendError),
    /// At least one byte was written.
    Touched(SendError),
}

/// Sends requests to a fixed list of endpoints. Cheap to share by reference; holds the pools.
pub struct Client {
    pools: BTreeMap<Endpoint, Pool>,
    tls: Arc<rustls::ClientConfig>,
    user_agent: http::HeaderValue,
    connect_max: Duration,
    limits: Limits,
    counters: AtomicCounters,
}

impl core::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Client").field("endpoints", &self.pools.keys()).finish_non_exhaustive()
    }
}

impl Client {
    /// Builds a client; connects to nothing yet.
    ///
    /// # Errors
    /// The first [`ConfigError`] that applies.
    pub fn new(config: ClientConfig) -> Result<Self, ConfigError> {
        let ClientConfig { endpoints, roots, user_agent, connections_max, idle_ms_max, connect_ms_max, head_bytes_max, response_bytes_max } =
            config;
        if endpoints.is_empty() || endpoints.len() > ENDPOINTS_MAX {
            return Err(ConfigError::Endpoints);
        }
        if connections_max == 0 || connections_max > 10_000 {
            return Err(ConfigError::Connections);
        }
        if head_bytes_max < HEAD_BYTES_MIN {
            return Err(ConfigError::Head);
        }
        if !is_header_value(&user_agent) {
            return Err(ConfigError::UserAgent);
        }
        let idle_max = Duration::from_millis(idle_ms_max);
        Ok(Self {
            pools: endpoints.into_iter().map(|endpoint| (endpoint, Pool::new(connections_max, idle_max))).collect(),
            tls: client_config(&roots)?,
            user_agent: http::HeaderValue::from_str(&user_agent).map_err(|_| ConfigError::UserAgent)?,
            connect_max: Duration::from_millis(connect_ms_max),
            limits: Limits { head_bytes_max, response_bytes_max },
            counters: AtomicCounters::default(),
        })
    }

    /// What happened so far, for metrics.
    pub fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            connections_opened: read(&self.counters.connections_opened),
            connections_reused: read(&self.counters.connections_reused),
            connections_discarded: read(&self.counters.connections_discarded),
            responses: read(&self.counters.responses),
            not_sent: read(&self.counters.not_sent),
            unknown: read(&self.counters.unknown),
        }
    }

    /// Sends `request` once and returns its complete response, whatever its status. `secret_headers` (names in lower
    /// case) are added to this send alone. Never sends a second time after the first byte was written. Dropping the
    /// future closes the connection it was using, so that no half-written request stays on a kept connection; whether
    /// the peer executed the request is then unknown, and the caller must treat it so.
    ///
    /// # Errors
    /// [`SendError::NotSent`] when no byte of the request was written, [`SendError::Unknown`] when one was.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        request: &Request,
        secret_headers: &[(&str, &Redacted<String>)],
        deadline: Instant,
    ) -> Result<Response, SendError> {
        let result = self.send_uncounted(endpoint, request, secret_headers, deadline).await;
        let counter = match &result {
            Ok(_) => &self.counters.responses,
            Err(SendError::NotSent(..)) => &self.counters.not_sent,
            Err(SendError::Unknown(..)) => &self.counters.unknown,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        result
    }

    async fn send_uncounted(
        &self,
        endpoint: &Endpoint,
        request: &Request,
        secret_headers: &[(&str, &Redacted<String>)],
        deadline: Instant,
    ) -> Result<Response, SendError> {
        let Some(pool) = self.pools.get(endpoint) else {
            return Err(SendError::not_sent(NotSentReason::Encode, format!("{endpoint} is not on the allow-list")));
        };
        let template = self.template(endpoint, request, secret_headers)?;
        if Instant::now() >= deadline {
            return Err(too_late("before a connection was free"));
        }
        let Some(_permit) = pool.permit(deadline).await else {
            return Err(too_late("before a connection was free"));
        };
        if let Some(connection) = self.live_connection(pool).await {
            self.counters.connections_reused.fetch_add(1, Ordering::Relaxed);
            match self.exchange(pool, connection, template.clone(), deadline).await {
                Ok(response) => return Ok(response),
                Err(Failure::Touched(error)) => return Err(error),
                // Nothing was written, so that one fresh connection may be tried; past the deadline opening it fails.
                Err(Failure::Untouched(_)) => {}
            }
        }
        let connection = self.open(endpoint, deadline).await?;
        match self.exchange(pool, connection, template, deadline).await {
            Ok(response) => Ok(response),
            Err(Failure::Touched(error) | Failure::Untouched(error)) => Err(error),
        }
    }

    /// The newest idle connection that is alive; the others are dropped on the way.
    async fn live_connection(&self, pool: &Pool) -> Option<Connection> {
        loop {
            let (taken, expired_count) = pool.take(Instant::now());
            self.counters.connections_discarded.fetch_add(expired_count, Ordering::Relaxed);
            let mut connection = taken?;
            if connection.is_live().await {
                return Some(connection);
            }
            self.counters.connections_discarded.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn open(&self, endpoint: &Endpoint, deadline: Instant) -> Result<Connection, SendError> {
        let now = Instant::now();
        if now >= deadline {
            return Err(too_late("before a connection was opened"));
        }
        let connect_deadline = deadline.min(now + self.connect_max);
        match Connection::open(endpoint, &self.tls, self.limits, connect_deadline).await {
            Ok(connection) => {
                self.counters.connections_opened.fetch_add(1, Ordering::Relaxed);
                Ok(connection)
            }
            Err(error) if Instant::now() >= deadline => Err(too_late(error.detail)),
            Err(error) => Err(SendError::not_sent(error.reason, error.detail)),
        }
    }

    /// One exchange; keeps the connection afterwards only if it is clean. The count of written bytes alone decides
    /// what a failure is called.
    async fn exchange(
        &self,
        pool: &Pool,
        mut connection: Connection,
        request: http::Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        if Instant::now() >= deadline {
            return Err(Failure::Untouched(too_late("before the first byte")));
        }
        let written_before = connection.written_bytes();
        let result = timeout_at(deadline, connection.exchange(request, self.limits.response_bytes_max)).await;
        let touched = connection.written_bytes() != written_before;
        let failure = match result {
            Ok(Ok(response)) => {
                if connection.is_reusable() {
                    pool.put(connection, Instant::now());
                }
                return Ok(response);
            }
            Ok(Err(failure)) => Some(failure),
            Err(_) => None,
        };
        Err(match (touched, failure) {
            (true, None) => Failure::Touched(SendError::unknown(UnknownReason::Timeout, "no complete response in time")),
            (true, Some(ExchangeError::Lost(detail))) => Failure::Touched(SendError::unknown(UnknownReason::ConnectionLost, detail)),
            (true, Some(ExchangeError::Unreadable(detail))) => Failure::Touched(SendError::unknown(UnknownReason::Undecodable, detail)),
            (false, None) => Failure::Untouched(too_late("before the first byte")),
            (false, Some(ExchangeError::Lost(detail) | ExchangeError::Unreadable(detail))) => {
                Failure::Untouched(SendError::not_sent(NotSentReason::Connect, detail))
            }
        })
    }

    fn template(
        &self,
        endpoint: &Endpoint,
        request: &Request,
        secret_headers: &[(&str, &Redacted<String>)],
    ) -> Result<http::Request<Full<Bytes>>, SendError> {
        let refused = |detail: String| SendError::not_sent(NotSentReason::Encode, detail);
        request.check().map_err(|error| refused(error.to_string()))?;
        let method = match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Delete => http::Method::DELETE,
        };
        let mut template = http::Request::new(Full::new(Bytes::copy_from_slice(&request.body)));
        *template.method_mut() = method;
        *template.uri_mut() = request.path_and_query.parse().map_err(|_| refused("the path is not a URI".to_owned()))?;
        let headers = template.headers_mut();
        let host = http::HeaderValue::from_str(&endpoint.authority()).map_err(|_| refused("the host is not a header".to_owned()))?;
        headers.insert(http::header::HOST, host);
        headers.insert(http::header::USER_AGENT, self.user_agent.clone());
        for (name, value) in &request.headers {
            headers.append(header_name(name)?, header_value(name, value)?);
        }
        for (name, secret) in secret_headers {
            let mut value = header_value(name, secret.expose())?;
            value.set_sensitive(true);
            headers.insert(header_name(name)?, value);
        }
        Ok(template)
    }
}

fn too_late(detail: impl Into<String>) -> SendError {
    SendError::not_sent(NotSentReason::Deadline, detail)
}

fn header_name(name: &str) -> Result<http::HeaderName, SendError> {
    let refused = || SendError::not_sent(NotSentReason::Encode, "a header name is not allowed");
    if !is_header_name(name) {
        return Err(refused());
    }
    http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())
}

fn header_value(name: &str, value: &str) -> Result<http::HeaderValue, SendError> {
    let refused = || SendError::not_sent(NotSentReason::Encode, format!("the value of {name} is not allowed"));
    if !is_header_value(value) {
        return Err(refused());
    }
    http::HeaderValue::from_str(value).map_err(|_| refused())
}
