//! One HTTP/1.1 connection: opening it, telling whether it is still alive, and exchanging one request on it. The
//! connection is driven only inside the caller's own future, so that nothing is spawned and dropping the caller closes
//! the socket.

use crate::counted::{Counted, WrittenBytes};
use crate::endpoint::{Endpoint, Scheme};
use crate::message::Response;
use crate::resolve::permitted_addresses;
use base::NotSentReason;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Limits of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) head_bytes_max: usize,
    pub(crate) response_bytes_max: usize,
}

enum Stream {
    Plain(Counted),
    Tls(Box<TlsStream<Counted>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// Why no connection could be opened; nothing of any request was written.
#[derive(Debug)]
pub(crate) struct OpenError {
    pub(crate) reason: NotSentReason,
    pub(crate) detail: String,
}

/// Why an exchange gave no complete response. Whether bytes were written tells [`Connection::written_bytes`].
#[derive(Debug)]
pub(crate) enum ExchangeError {
    /// The connection broke or ended early.
    Lost(String),
    /// A response came that is not HTTP, or is larger than allowed.
    Unreadable(String),
}

pub(crate) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once the connection has ended.
    driver: Option<http1::Connection<TokioIo<Stream>, Full<Bytes>>>,
    /// A second handle of the same socket, only to look at it without reading.
    probe: std::net::TcpStream,
    scheme: Scheme,
    written: WrittenBytes,
}

impl Connection {
    /// Resolves, connects, shakes hands, all before `deadline`.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        tls: &Arc<rustls::ClientConfig>,
        limits: Limits,
        deadline: Instant,
    ) -> Result<Self, OpenError> {
        let fail = |reason, detail: String| OpenError { reason, detail };
        let addresses = match timeout_at(deadline, permitted_addresses(endpoint)).await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(detail)) => return Err(fail(NotSentReason::Resolve, detail)),
            Err(_) => return Err(fail(NotSentReason::Resolve, format!("{} did not resolve in time", endpoint.host()))),
        };
        let stream = connect_any(&addresses, deadline).await.map_err(|detail| fail(NotSentReason::Connect, detail))?;
        let socket = |error: io::Error| fail(NotSentReason::Connect, format!("socket option: {error}"));
        stream.set_nodelay(true).map_err(socket)?;
        let probe = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned().map_err(socket)?);
        let written = WrittenBytes::default();
        let counted = Counted { stream, written: written.clone() };
        let stream = match endpoint.scheme() {
            Scheme::Http => Stream::Plain(counted),
            Scheme::Https => Stream::Tls(Box::new(
                shake_hands(endpoint, tls, counted, deadline).await.map_err(|detail| fail(NotSentReason::Tls, detail))?,
            )),
        };
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(limits.head_bytes_max)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| fail(NotSentReason::Connect, describe(&error)))?;
        Ok(Self { sender, driver: Some(driver), probe, scheme: endpoint.scheme(), written })
    }

    /// Bytes the kernel took on this connection so far, handshake included.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.written.count()
    }

    /// Whether an idle connection can take another request: the peer has neither closed it nor said anything
    /// unasked. Looks at the socket itself, because readiness events may still be under way.
    pub(crate) async fn is_live(&mut self) -> bool {
        let Some(is_silent_before) = self.peer_is_silent() else { return false };
        if !is_silent_before && self.scheme == Scheme::Http {
            return false;
        }
        poll_fn(|context| {
            self.drive(context);
            Poll::Ready(())
        })
        .await;
        // TLS records may rightly arrive late (session tickets); what the driver did not consume is not one of them.
        self.driver.is_some() && self.sender.is_ready() && (is_silent_before || self.peer_is_silent() == Some(true))
    }

    /// `None`: closed or broken. `Some(false)`: unread bytes wait.
    fn peer_is_silent(&self) -> Option<bool> {
        match self.probe.peek(&mut [0_u8; 1]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(true),
            Ok(0) | Err(_) => None,
            Ok(_) => Some(false),
        }
    }

    /// Whether the connection may be kept after a complete exchange.
    pub(crate) fn is_reusable(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Sends one request and reads its whole response. When it fails or is dropped the connection must not be used
    /// again.
    pub(crate) async fn exchange(
        &mut self,
        request: http::Request<Full<Bytes>>,
        response_bytes_max: usize,
    ) -> Result<Response, ExchangeError> {
        let mut pending = pin!(self.sender.try_send_request(request));
        let answered = poll_fn(|context| {
            self.drive(context);
            match pending.as_mut().poll(context) {
                Poll::Pending if self.driver.is_none() => Poll::Ready(Err(ExchangeError::Lost("connection ended".to_owned()))),
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(classify(error.error()))),
            }
        })
        .await?;
        let (head, body) = answered.into_parts();
        if head.status.is_informational() {
            return Err(ExchangeError::Unreadable(format!("status {}", head.status.as_u16())));
        }
        let body = self.read_body(body, response_bytes_max).await?;
        poll_fn(|context| {
            self.drive(context);
            Poll::Ready(())
        })
        .await;
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
        };
        Ok(Response { status: head.status.as_u16(), headers: head.headers.iter().filter_map(header).collect(), body })
    }

    async fn read_body(&mut self, mut body: Incoming, response_bytes_max: usize) -> Result<Vec<u8>, ExchangeError> {
        let too_large = || ExchangeError::Unreadable(format!("response larger than {response_bytes_max} bytes"));
        let announced_bytes = body.size_hint().exact();
        let bytes_max = u64::try_from(response_bytes_max).unwrap_or(u64::MAX);
        if announced_bytes.is_some_and(|announced| announced > bytes_max) {
            return Err(too_large());
        }
        let mut received = Vec::new();
        while let Some(frame) = poll_fn(|context| self.poll_frame(&mut body, context)).await? {
            let Ok(data) = frame.into_data() else { continue };
            if received.len().saturating_add(data.len()) > response_bytes_max {
                return Err(too_large());
            }
            received.extend_from_slice(&data);
        }
        let received_bytes = u64::try_from(received.len()).unwrap_or(u64::MAX);
        if announced_bytes.is_some_and(|announced| announced != received_bytes) {
            return Err(ExchangeError::Lost(format!("{received_bytes} bytes of {announced_bytes:?}")));
        }
        Ok(received)
    }

    fn poll_frame(
        &mut self,
        body: &mut Incoming,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<hyper::body::Frame<Bytes>>, ExchangeError>> {
        self.drive(context);
        match Pin::new(body).poll_frame(context) {
            Poll::Pending if self.driver.is_none() => Poll::Ready(Err(ExchangeError::Lost("connection ended".to_owned()))),
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(Ok(None)),
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Ok(Some(frame))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(classify(&error))),
        }
    }

    /// Lets reads and writes progress. Its errors also reach the pending response or body, which report them.
    fn drive(&mut self, context: &mut Context<'_>) {
        let Some(driver) = &mut self.driver else { return };
        if Pin::new(driver).poll(context).is_ready() {
            self.driver = None;
        }
    }
}

/// Tries the addresses in order; each gets an equal share of the time that is left.
async fn connect_any(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, String> {
    let mut last_error = "no address".to_owned();
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let addresses_left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        match timeout_at(Instant::now() + left / addresses_left, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last_error = format!("{address}: {error}"),
            Err(_) => last_error = format!("{address}: no connection in time"),
        }
    }
    Err(last_error)
}

async fn shake_hands(
    endpoint: &Endpoint,
    tls: &Arc<rustls::ClientConfig>,
    stream: Counted,
    deadline: Instant,
) -> Result<TlsStream<Counted>, String> {
    let name = rustls::pki_types::ServerName::try_from(endpoint.host().to_owned()).map_err(|error| error.to_string())?;
    match timeout_at(deadline, TlsConnector::from(Arc::clone(tls)).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no handshake in time".to_owned()),
    }
}

fn classify(error: &hyper::Error) -> ExchangeError {
    if error.is_parse() { ExchangeError::Unreadable(describe(error)) } else { ExchangeError::Lost(describe(error)) }
}

/// The error with its cause. Neither holds request content.
fn describe(error: &hyper::Error) -> String {
    match core::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
