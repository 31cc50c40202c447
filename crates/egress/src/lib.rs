//! Outbound HTTP: one request to one allow-listed endpoint, within a deadline, with an exact answer to the question
//! that money depends on: *were bytes of this request written?*
//!
//! Start with [`Client::send`]. This crate owns sockets, TLS, name resolution, connection reuse and deadlines. What does
//! not belong here: what a request means, credentials (they come with each call and are never stored), retries after a
//! byte was written (there are none), proxies from the environment (they are ignored), metrics export (see [`Counters`]).

mod client;
mod connection;
mod counted;
mod endpoint;
mod message;
mod pool;
mod resolve;
mod tls;

pub use client::{Client, ClientConfig, ConfigError, Counters, SendError};
pub use endpoint::{Endpoint, EndpointError, Network, Scheme};
pub use message::{HEADER_BYTES_MAX, HEADERS_MAX, MessageError, Method, PATH_BYTES_MAX, REQUEST_FORMAT_VERSION, Request, Response};
pub use tls::Roots;
