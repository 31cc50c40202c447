//! What goes into a simulator and what comes out: requests, answers, and how the transport treats them.
//! No parsing and no sockets here.

use std::num::NonZeroU32;

/// HTTP method of a request; the simulators know no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Read.
    Get,
    /// Create or act.
    Post,
    /// Remove.
    Delete,
    /// Anything else; always answered with an error.
    Other,
}

impl Method {
    /// Reads the method's name as it stands in a request line.
    pub fn parse(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "POST" => Self::Post,
            "DELETE" => Self::Delete,
            _ => Self::Other,
        }
    }

    /// The name as it stands in a request line; `OTHER` for an unknown one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Other => "OTHER",
        }
    }
}

/// The request headers that mean something to the simulator; all others are dropped by the transport.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// `Authorization`, complete with its scheme.
    pub authorization: Option<String>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// `Stripe-Version`.
    pub stripe_version: Option<String>,
    /// `Stripe-Account`: the connected account the call acts for.
    pub stripe_account: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
}

/// One HTTP request, without its transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path without query, percent-encoding left as sent.
    pub path: String,
    /// Query string without `?`, empty if there is none.
    pub query: String,
    /// Headers with a meaning.
    pub headers: Headers,
    /// Body bytes as sent.
    pub body: Vec<u8>,
}

/// The answer to a request, before the transport does to it what [`Delivery`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    /// Header names and values, `Content-Length` excepted.
    pub headers: Vec<(&'static str, String)>,
    /// Body bytes.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first header of that name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// How the transport must treat the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Send it whole after `latency_ms`.
    Normal {
        /// Milliseconds from the request's arrival to the first byte of the answer.
        latency_ms: u64,
    },
    /// Never answer. The transport closes the connection after `release_ms`.
    Hang {
        /// Milliseconds after which the provider gives the connection up.
        release_ms: u64,
    },
    /// Drop the connection without a byte of answer after `latency_ms`.
    ResetBeforeResponse {
        /// Milliseconds from the request's arrival to the reset.
        latency_ms: u64,
    },
    /// Announce the whole body, send `bytes` of it, then drop the connection.
    Truncated {
        /// How many body bytes leave.
        bytes: usize,
        /// Milliseconds from the request's arrival to the first byte of the answer.
        latency_ms: u64,
    },
}

/// What [`crate::stripe::Stripe::handle`] gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// The answer, complete even if it is not to be delivered.
    pub response: Response,
    /// What the transport does with it.
    pub delivery: Delivery,
    /// Whether the simulator's state changed, so that a durable shell must record the request before
    /// anything of the answer leaves.
    pub changed: bool,
    /// How fast the body leaves, if not at once.
    pub body_bytes_per_s: Option<NonZeroU32>,
    /// Webhook deliveries that are to be answered, in [`crate::stripe::WebhookDelivery::number`], before anything of this
    /// answer leaves.
    pub early: Vec<u64>,
}

impl Handled {
    /// An answer that is sent at once and whole, of a request that changed nothing.
    pub fn whole(response: Response) -> Self {
        Self { response, delivery: Delivery::Normal { latency_ms: 0 }, changed: false, body_bytes_per_s: None, early: Vec::new() }
    }
}
