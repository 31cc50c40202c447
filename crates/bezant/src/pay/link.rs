//! One HTTP/1.1 connection to the platform, made when it is needed and kept while it works. No retries here: a failed
//! exchange says only whether the request can have been received.

use super::PayError;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::uri::{Scheme, Uri};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for a connection.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// Longest wait for an answer: the platform answers a payment within 25 s.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(40);
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Longest `Retry-After` that is obeyed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// Header of a repeated answer.
const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";

/// Where the platform is and how requests are authorised.
#[derive(Clone)]
pub(super) struct Target {
    host: String,
    port: u16,
    authority: HeaderValue,
    prefix: String,
    authorization: HeaderValue,
}

/// An answer, as far as this program reads it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Whether it repeats an earlier answer.
    pub(super) replayed: bool,
    pub(super) retry_after: Option<Duration>,
    /// The platform's clock, to the second: `2026-11-21T09:33:00`.
    pub(super) date: Option<String>,
    pub(super) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum LinkError {
    /// No connection: the request was not sent.
    NotSent(String),
    /// The request was sent, at least in part.
    Lost(String),
    /// As `Lost`, on a connection that was idle before: most likely the platform had closed it.
    LostOnIdle(String),
}

impl LinkError {
    /// For people.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::NotSent(reason) | Self::Lost(reason) | Self::LostOnIdle(reason) => reason,
        }
    }
}

type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Open {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    used: bool,
}

/// One connection at a time to one target.
pub(super) struct Link {
    target: Arc<Target>,
    open: Option<Open>,
}

impl Target {
    /// Reads an address such as `http://127.0.0.1:8080` and makes the authorisation of `api_key`.
    pub(super) fn parse(url: &str, api_key: &str) -> Result<Self, PayError> {
        let refuse = |reason| PayError::Url { url: url.to_owned(), reason };
        let uri: Uri = url.parse().map_err(|_| refuse("it is not a URL such as http://127.0.0.1:8080"))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(refuse("only http is spoken; reach a remote platform through a tunnel or a local TLS proxy"));
        }
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(refuse("it names no host"))?;
        if uri.query().is_some() {
            return Err(refuse("it has a query"));
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {api_key}")).map_err(|_| PayError::KeyMalformed)?;
        authorization.set_sensitive(true);
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: HeaderValue::try_from(authority.as_str()).map_err(|_| refuse("it names no host"))?,
            prefix: uri.path().trim_end_matches('/').to_owned(),
            authorization,
        })
    }

    /// A request without the body's own headers.
    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.prefix).parse().expect("a path of a parsed URL and a constant");
        request.headers_mut().insert(HOST, self.authority.clone());
        request
    }

    /// `GET` without authorisation.
    pub(super) fn probe(&self, path: &str) -> Request<Full<Bytes>> {
        self.request(Method::GET, path, Bytes::new())
    }

    /// `GET` with authorisation.
    pub(super) fn read(&self, path: &str) -> Request<Full<Bytes>> {
        let mut request = self.probe(path);
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        request
    }

    /// `POST /v1/payments` with a key.
    pub(super) fn payment(&self, key: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = self.request(Method::POST, "/v1/payments", body);
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("idempotency-key", HeaderValue::try_from(key).expect("keys are hexadecimal digits"));
        request
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}{}", self.authority.to_str().unwrap_or("?"), self.prefix)
    }
}

impl Link {
    /// Not connected yet.
    pub(super) const fn new(target: Arc<Target>) -> Self {
        Self { target, open: None }
    }

    /// Sends one request and reads its answer, over the connection kept from before if there is one. Dropping the
    /// future drops the request's fate with it: the link must not be used again then, except after a new connection,
    /// which it makes by itself.
    pub(super) async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, LinkError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => connect(&self.target).await.map_err(LinkError::NotSent)?,
        };
        let was_used = open.used;
        let lost = |reason: String| if was_used { LinkError::LostOnIdle(reason) } else { LinkError::Lost(reason) };
        match timeout(ANSWER_WAIT_MAX, drive(&mut open, request)).await {
            Ok(Ok((answer, true))) => {
                open.used = true;
                self.open = Some(open);
                Ok(answer)
            }
            Ok(Ok((answer, false))) => Ok(answer),
            Ok(Err(error)) => Err(lost(error)),
            Err(_) => Err(LinkError::Lost(format!("no answer within {} s", ANSWER_WAIT_MAX.as_secs()))),
        }
    }
}

async fn connect(target: &Target) -> Result<Open, String> {
    let stream = timeout(CONNECT_WAIT_MAX, TcpStream::connect((target.host.as_str(), target.port)))
        .await
        .map_err(|_| format!("no connection within {} s", CONNECT_WAIT_MAX.as_secs()))?
        .map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let driver = Box::pin(async move {
        // How it ended is told to the request that was on it.
        let _ended = connection.await;
    });
    Ok(Open { sender, driver, used: false })
}

/// One exchange and whether the connection can carry another one. The connection is driven here and nowhere else, so
/// nothing is spawned.
async fn drive(open: &mut Open, request: Request<Full<Bytes>>) -> Result<(Answer, bool), String> {
    let Open { sender, driver, used: _ } = open;
    let mut work = pin!(async {
        sender.ready().await.map_err(|error| describe(&error))?;
        let response = sender.send_request(request).await.map_err(|error| describe(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| error.to_string())?;
        Ok(answer(head.status, &head.headers, body.to_bytes()))
    });
    let mut driving = true;
    loop {
        // Cancel-safe: both futures are polled in place and go on at the next round.
        tokio::select! {
            result = &mut work => return result.map(|answer| (answer, driving)),
            () = &mut *driver, if driving => driving = false,
        }
    }
}

/// An error with its causes: hyper's own text alone says little.
fn describe(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn answer(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Answer {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let retry_after_s = text(RETRY_AFTER.as_str()).and_then(|value| value.trim().parse().ok());
    Answer {
        status,
        replayed: text(IDEMPOTENT_REPLAYED).is_some_and(|value| value.eq_ignore_ascii_case("true")),
        retry_after: retry_after_s.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX)),
        date: text("date").and_then(sortable_date),
        body,
    }
}

/// `Sat, 21 Nov 2026 09:33:00 GMT` (RFC 9110, section 5.6.7) as `2026-11-21T09:33:00`.
fn sortable_date(text: &str) -> Option<String> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    (day.len() == 2 && year.len() == 4 && time.len() == 8).then(|| format!("{year}-{month:02}-{day}T{time}"))
}

#[cfg(test)]
mod tests {
    use super::{Target, sortable_date};

    #[test]
    fn addresses_are_http_with_a_host() {
        for (url, shown) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://[::1]:9/bezant/", "http://[::1]:9/bezant"),
            ("http://pay.example", "http://pay.example"),
        ] {
            let target = Target::parse(url, "sk_test_x").map_err(|error| error.to_string());
            assert_eq!(target.map(|target| target.to_string()), Ok(shown.to_owned()));
        }
        for url in ["", "127.0.0.1:8080", "https://pay.example", "http://", "http://u:p@pay.example", "http://pay.example/?a=b", "ftp://a"]
        {
            assert!(Target::parse(url, "sk_test_x").is_err(), "{url}");
        }
        assert!(Target::parse("http://a", "sk\n").is_err());
    }

    #[test]
    fn http_dates_become_sortable() {
        assert_eq!(sortable_date("Sat, 21 Nov 2026 09:33:00 GMT").as_deref(), Some("2026-11-21T09:33:00"));
        for bad in ["", "Sat", "Sat, 21 Nov", "Sat, 21 Foo 2026 09:33:00 GMT", "Saturday, 21-Nov-26 09:33:00 GMT"] {
            assert_eq!(sortable_date(bad), None, "{bad}");
        }
    }
}
