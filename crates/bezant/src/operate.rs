//! What people ask of a running platform from the command line, over the same API as everybody.

use base::{NotSentReason, Redacted};
use egress::{Client, ClientConfig, Endpoint, Method, Request, Roots};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Longest time for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the one connection is kept between the requests of one command, in milliseconds: less than the platform does.
const IDLE_MS_MAX: u64 = 5_000;
/// Largest answer that is read, in bytes: a kept message of which every character is escaped.
const RESPONSE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most objects that a page is asked for.
const PAGE_OBJECTS_MAX: usize = 100;
/// Most pages of a list that are read.
const PAGES_MAX: usize = 1_000;
/// Longest value that narrows a list, in bytes.
const VALUE_BYTES_MAX: usize = 512;

/// Why a request to a running platform failed. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No operator's key was given.
    #[error(
        "the operator's key is missing: give --operator-key or set BEZANT_OPERATOR_KEY; the first one is in the file operator.key of the data folder"
    )]
    KeyMissing,
    /// No key of a merchant's was given, and none of an operator's either.
    #[error(
        "the API key is missing: set BEZANT_API_KEY or give --api-key, a merchant's key; to read as an operator, set BEZANT_OPERATOR_KEY and give --merchant mer_…"
    )]
    MerchantKeyMissing,
    /// An operator's key was given where only a merchant's acts.
    #[error("only a merchant's own key may do this: set BEZANT_API_KEY or give --api-key")]
    MerchantOnly,
    /// A merchant was named, and no operator's key given.
    #[error("--merchant is for operators: set BEZANT_OPERATOR_KEY or give --operator-key; a merchant's own key needs no --merchant")]
    OperatorOnly,
    /// An operator's key was given, and nobody's payments asked for.
    #[error("an operator's key reads for one merchant at a time: add --merchant mer_… (`bezant merchants list` names them all)")]
    MerchantMissing,
    /// A key of another kind than is needed.
    #[error("{given} starts with \"{prefix}\", and {wanted} is needed here, which starts with \"{wanted_prefix}\"")]
    KeyKind {
        /// The argument or variable.
        given: &'static str,
        /// How it starts.
        prefix: String,
        /// Whose key is needed.
        wanted: &'static str,
        /// How such a key starts.
        wanted_prefix: &'static str,
    },
    /// A key holds characters that no key has.
    #[error("the key has characters that no key has; copy it again, whole and without quotes")]
    KeyUnprintable,
    /// The address cannot be used.
    #[error("--url: {0}; it looks like http://127.0.0.1:8080 or https://pay.example.com")]
    Endpoint(#[from] egress::EndpointError),
    /// The client cannot be built.
    #[error(transparent)]
    Client(#[from] egress::ConfigError),
    /// Nobody answers there.
    #[error("nothing answers at {url}: {reason}; start the platform with `bezant serve`, or name another address with --url or BEZANT_URL")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
    /// The request went out and no answer came.
    #[error("the platform did not answer: {0}; whether it did what was asked is unknown")]
    Send(#[source] egress::SendError),
    /// What was given as an id cannot be one.
    #[error("\"{0}\" is not an id; ids are letters, digits and _")]
    IdMalformed(String),
    /// What was given to narrow a list cannot do so.
    #[error("\"{0}\" is too long to look for; at most {VALUE_BYTES_MAX} bytes are taken")]
    ValueTooLong(String),
    /// An answer that lacks a field.
    #[error("the platform's answer has no {field}; is it another version?")]
    AnswerMalformed {
        /// Which.
        field: &'static str,
    },
    /// Something else than a platform answered.
    #[error("what answers at {url} is not Bezant: it said {status} to {path}; name the platform's address with --url or BEZANT_URL")]
    NotThePlatform {
        /// Where.
        url: String,
        /// What was asked for.
        path: String,
        /// HTTP status.
        status: u16,
    },
    /// A list that has more pages than anybody reads.
    #[error(
        "{path} lists more than {} objects, so that not all of them can be shown; read it page by page with --cursor",
        PAGES_MAX * PAGE_OBJECTS_MAX
    )]
    ListTooLong {
        /// Which list.
        path: String,
    },
    /// An operator was admitted and has no key yet.
    #[error("{id} is admitted, but its key could not be made: {source}; make one with `bezant operators create-key {id}`")]
    OperatorWithoutKey {
        /// The operator.
        id: String,
        /// Why there is no key.
        source: Box<Self>,
    },
    /// An answer that is a refusal.
    #[error("the platform answered {}: {}", .0.status, .0.sentence())]
    Refused(Box<Refused>),
}

/// What a platform says when it does not do what was asked: a problem document (RFC 9457), as far as it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What happened this time.
    pub detail: String,
    /// What to do; empty when the answer does not say.
    pub what_to_do: String,
    /// The trace to name when asking for help; empty when there is none.
    pub trace_id: String,
}

impl Refused {
    /// What happened and what to do, in lines.
    pub fn sentence(&self) -> String {
        let Self { detail, what_to_do, trace_id, status, code: _ } = self;
        let mut text = detail.clone();
        if !what_to_do.is_empty() {
            text.push_str(&format!("\n  {what_to_do}"));
        }
        if *status >= 500 && !trace_id.is_empty() {
            text.push_str(&format!("\n  trace {trace_id}"));
        }
        text
    }
}

impl Error {
    /// Whether the command line itself has to be corrected, as opposed to something that failed.
    pub const fn is_wrong_use(&self) -> bool {
        match self {
            Self::KeyMissing
            | Self::MerchantKeyMissing
            | Self::MerchantOnly
            | Self::OperatorOnly
            | Self::MerchantMissing
            | Self::KeyKind { .. }
            | Self::KeyUnprintable
            | Self::Endpoint(_)
            | Self::IdMalformed(_)
            | Self::ValueTooLong(_) => true,
            Self::Client(_)
            | Self::Unreachable { .. }
            | Self::Send(_)
            | Self::AnswerMalformed { .. }
            | Self::NotThePlatform { .. }
            | Self::ListTooLong { .. }
            | Self::OperatorWithoutKey { .. }
            | Self::Refused(_) => false,
        }
    }

    /// Whether the request may have been carried out: it went out, and what came back, if anything did, does not say that
    /// it was refused. Something before the platform, such as a proxy, may have answered in its place.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Send(_) | Self::AnswerMalformed { .. } => true,
            Self::NotThePlatform { status, .. } => !(400..500).contains(status),
            Self::Refused(refused) => refused.status >= 500,
            Self::KeyMissing
            | Self::MerchantKeyMissing
            | Self::MerchantOnly
            | Self::OperatorOnly
            | Self::MerchantMissing
            | Self::KeyKind { .. }
            | Self::KeyUnprintable
            | Self::Endpoint(_)
            | Self::Client(_)
            | Self::Unreachable { .. }
            | Self::IdMalformed(_)
            | Self::ValueTooLong(_)
            | Self::ListTooLong { .. }
            | Self::OperatorWithoutKey { .. } => false,
        }
    }
}

/// Whose key a request carries.
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// Somebody who runs the platform.
    Operator(&'a Redacted<String>),
    /// A merchant's server.
    Merchant(&'a Redacted<String>),
    /// Somebody who runs the platform and reads what this merchant could read.
    ActingFor(&'a Redacted<String>, &'a str),
}

/// What narrows a list, in order; encoded as it is written into an address.
#[derive(Clone, Debug, Default)]
pub struct Query(String);

impl Query {
    /// Adds a parameter when it has a value.
    ///
    /// # Errors
    /// [`Error::ValueTooLong`].
    pub fn with(mut self, name: &str, value: Option<impl ToString>) -> Result<Self, Error> {
        let Some(value) = value.map(|value| value.to_string()) else { return Ok(self) };
        if value.len() > VALUE_BYTES_MAX {
            return Err(Error::ValueTooLong(value.chars().take(40).collect::<String>() + "…"));
        }
        let separator = if self.0.is_empty() { '?' } else { '&' };
        self.0.push_str(&format!("{separator}{name}={}", percent_encoded(&value)));
        Ok(self)
    }
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The objects as the API shows them.
    pub data: Vec<Value>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

/// A running platform, asked with one key over one client.
#[derive(Debug)]
pub struct Remote {
    client: Client,
    endpoint: Endpoint,
    bearer: Redacted<String>,
    merchant: Option<String>,
}

impl Remote {
    /// The platform at `url`, asked with an operator's key; connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::KeyMissing`], [`Error::KeyKind`], [`Error::Endpoint`], [`Error::Client`].
    pub fn new(url: &str, operator_key: Option<&Redacted<String>>) -> Result<Self, Error> {
        Self::with_credential(url, Credential::Operator(operator_key.ok_or(Error::KeyMissing)?))
    }

    /// The platform at `url`; connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::KeyKind`], [`Error::KeyUnprintable`], [`Error::Endpoint`], [`Error::Client`].
    pub fn with_credential(url: &str, credential: Credential<'_>) -> Result<Self, Error> {
        let (key, merchant) = match credential {
            Credential::Operator(key) | Credential::Merchant(key) => (key, None),
            Credential::ActingFor(key, merchant) => (key, Some(merchant.to_owned())),
        };
        check_kind(key.expose().trim(), matches!(credential, Credential::Merchant(_)))?;
        let endpoint = Endpoint::parse(url.trim_end_matches('/'))?;
        let client = Client::new(ClientConfig {
            endpoints: vec![endpoint.clone()],
            roots: Roots::Mozilla,
            user_agent: concat!("bezant-cli/", env!("CARGO_PKG_VERSION")).to_owned(),
            connections_max: 1,
            idle_ms_max: IDLE_MS_MAX,
            connect_ms_max: 5_000,
            head_bytes_max: 16 * 1024,
            response_bytes_max: RESPONSE_BYTES_MAX,
        })?;
        Ok(Self { client, endpoint, bearer: Redacted::new(format!("Bearer {}", key.expose().trim())), merchant })
    }

    /// One object as the API shows it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn object(&self, path: &str) -> Result<Value, Error> {
        self.ask(Method::Get, path, &[], None).await
    }

    /// One page of a list. `query` may name `limit` and `cursor`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn page(&self, path: &str, query: &Query) -> Result<Page, Error> {
        let page = self.object(&format!("{path}{}", query.0)).await?;
        let data = page.get("data").and_then(Value::as_array).ok_or(Error::AnswerMalformed { field: "data" })?;
        let next_cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        Ok(Page { data: data.clone(), next_cursor })
    }

    /// All pages of a list, each handed to `take` as it comes.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::ListTooLong`] when there are more than anybody reads.
    pub async fn pages(&self, path: &str, query: &Query, mut take: impl FnMut(Vec<Value>)) -> Result<(), Error> {
        let query = query.clone().with("limit", Some(PAGE_OBJECTS_MAX))?;
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let page = self.page(path, &query.clone().with("cursor", cursor)?).await?;
            take(page.data);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
        Err(Error::ListTooLong { path: path.to_owned() })
    }

    /// Asks for something that is done at most once for each key, whatever happens on the way.
    ///
    /// # Errors
    /// See [`Error`]. When [`Error::is_unknown`], the same request with the same key finds out.
    pub async fn once(&self, path: &str, idempotency_key: &str, body: &Value) -> Result<Value, Error> {
        self.ask(Method::Post, path, &[("idempotency-key", idempotency_key)], Some(body)).await
    }

    /// Makes a key for a merchant; answers it as the API shows it, with its text.
    ///
    /// # Errors
    /// See [`Error`]. Asking again makes another key.
    pub async fn create_merchant_key(&self, merchant: &str) -> Result<Value, Error> {
        checked(merchant)?;
        self.post(&format!("/v1/merchants/{merchant}/api_keys"), &serde_json::json!({})).await
    }

    /// Ends a key.
    ///
    /// # Errors
    /// See [`Error`]. Asking again is harmless.
    pub async fn revoke_key(&self, public_id: &str) -> Result<Value, Error> {
        checked(public_id)?;
        self.ask(Method::Delete, &format!("/v1/api_keys/{public_id}"), &[], None).await
    }

    /// Says that the clock is right.
    ///
    /// # Errors
    /// See [`Error`]. Asking again is harmless.
    pub async fn confirm_clock(&self) -> Result<Value, Error> {
        self.post("/v1/platform/clock/confirm", &serde_json::json!({})).await
    }

    /// Admits a merchant.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_merchant(&self, handle: &str) -> Result<Value, Error> {
        self.post("/v1/merchants", &serde_json::json!({ "handle": handle })).await
    }

    /// Asks the platform to erase a person's data.
    ///
    /// # Errors
    /// See [`Error`]. Asking again is harmless.
    pub async fn erase(&self, subject: &str) -> Result<(), Error> {
        self.post("/v1/privacy/erasures", &serde_json::json!({ "subject": subject })).await.map(drop)
    }

    /// Admits another operator and makes a key; answers the operator's id and the key's text.
    ///
    /// # Errors
    /// See [`Error`]. [`Error::OperatorWithoutKey`] when only the key could not be made: asking again would say that the
    /// handle is taken, [`Remote::create_operator_key`] goes on.
    pub async fn create_operator(&self, handle: &str) -> Result<(String, Redacted<String>), Error> {
        let operator = self.post("/v1/operators", &serde_json::json!({ "handle": handle })).await?;
        let id = text(&operator, "id")?;
        match self.create_operator_key(&id).await {
            Ok(key) => Ok((id, key)),
            Err(error) => Err(Error::OperatorWithoutKey { id, source: Box::new(error) }),
        }
    }

    /// Makes another key for an operator that exists; answers its text.
    ///
    /// # Errors
    /// See [`Error`]. Asking again makes another key.
    pub async fn create_operator_key(&self, id: &str) -> Result<Redacted<String>, Error> {
        checked(id)?;
        let key = self.post(&format!("/v1/operators/{id}/api_keys"), &serde_json::json!({})).await?;
        text(&key, "secret").map(Redacted::new)
    }

    /// Calls that wait for a person, as the API shows them, all pages.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn parked(&self) -> Result<Vec<Value>, Error> {
        self.all("/v1/parked_calls", &Query::default()).await
    }

    /// Asks the provider once more about a parked call.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn look(&self, effect: &str) -> Result<(), Error> {
        checked(effect)?;
        self.post(&format!("/v1/parked_calls/{effect}/look"), &serde_json::json!({})).await.map(drop)
    }

    /// Commands that are kept out, all pages.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn quarantine(&self) -> Result<Vec<Value>, Error> {
        self.all("/v1/quarantine", &Query::default()).await
    }

    /// Lets a quarantined command in again.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn release(&self, fingerprint: &str) -> Result<(), Error> {
        checked(fingerprint)?;
        self.post(&format!("/v1/quarantine/{fingerprint}/release"), &serde_json::json!({})).await.map(drop)
    }

    /// Messages of providers, newest first, as the API shows them, all pages; only those that were good for `found`, came in at
    /// `since` or later, and came in by `source`.
    async fn webhooks(&self, found: Option<&str>, since: Option<&str>, source: Option<&str>) -> Result<Vec<Value>, Error> {
        let query = Query::default().with("found", found)?.with("received_from", since)?.with("source", source)?;
        self.all("/v1/webhooks", &query).await
    }

    /// A message with its body.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn webhook(&self, id: &str) -> Result<Value, Error> {
        checked(id)?;
        self.object(&format!("/v1/webhooks/{id}")).await
    }

    /// The ids of messages that may be replayed together, oldest first: those that came in at `since` or later, and of
    /// these, when `unmatched`, those that are about something that was not ours each time.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn replayable(&self, since: Option<&str>, unmatched: bool) -> Result<Vec<String>, Error> {
        let found = unmatched.then_some("unmatched");
        let messages = self.webhooks(found, since, None).await?;
        let mut done = BTreeSet::new();
        if unmatched {
            for replay in self.webhooks(None, None, Some("replay")).await? {
                if text(&replay, "found")? != "unmatched" {
                    done.insert(text(&replay, "id")?);
                }
            }
        }
        let mut ids = Vec::new();
        for message in messages.iter().rev() {
            let id = text(message, "id")?;
            if done.insert(id.clone()) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// Reads a kept message again; answers what it came to.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn replay(&self, id: &str) -> Result<Value, Error> {
        checked(id)?;
        self.post(&format!("/v1/webhooks/{id}/replay"), &serde_json::json!({})).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.ask(Method::Post, path, &[], Some(body)).await
    }

    /// All objects of a list.
    ///
    /// # Errors
    /// As [`Remote::pages`].
    pub async fn all(&self, path: &str, query: &Query) -> Result<Vec<Value>, Error> {
        let mut found = Vec::new();
        self.pages(path, query, |data| found.extend(data)).await?;
        Ok(found)
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Result<Value, Error> {
        let mut headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        headers.extend(body.map(|_| ("content-type".to_owned(), "application/json".to_owned())));
        headers.extend(self.merchant.iter().map(|merchant| ("bezant-merchant".to_owned(), merchant.clone())));
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request { method, path_and_query: path.to_owned(), headers, body };
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let url = || self.endpoint.to_string();
        let response = self.client.send(&self.endpoint, &request, &[("authorization", &self.bearer)], deadline).await;
        let response = response.map_err(|error| match error {
            egress::SendError::NotSent(NotSentReason::Encode, _) => Error::KeyUnprintable,
            egress::SendError::NotSent(_, reason) => Error::Unreachable { url: url(), reason },
            unknown @ egress::SendError::Unknown(..) => Error::Send(unknown),
        })?;
        let (status, answer) = (response.status, serde_json::from_slice::<Value>(&response.body).ok());
        let path = || path.split('?').next().unwrap_or(path).to_owned();
        let Some(answer) = answer.filter(Value::is_object) else {
            return Err(Error::NotThePlatform { url: url(), path: path(), status });
        };
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (code, detail) = (text("code"), text("detail"));
        if code.is_empty() {
            return Err(Error::NotThePlatform { url: url(), path: path(), status });
        }
        let (what_to_do, trace_id) = (text("what_to_do"), text("trace_id"));
        Err(Error::Refused(Box::new(Refused { status, code, detail, what_to_do, trace_id })))
    }
}

/// Refuses a key of another kind before it is sent anywhere.
fn check_kind(key: &str, is_merchants: bool) -> Result<(), Error> {
    if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Error::KeyUnprintable);
    }
    match (is_merchants, key.get(..3)) {
        (true, Some(prefix @ "ok_")) => {
            Err(Error::KeyKind { given: "the API key", prefix: prefix.to_owned(), wanted: "a merchant's secret key", wanted_prefix: "sk_" })
        }
        (false, Some(prefix @ ("sk_" | "rk_" | "pk_"))) => Err(Error::KeyKind {
            given: "the operator's key",
            prefix: prefix.to_owned(),
            wanted: "an operator's key",
            wanted_prefix: "ok_",
        }),
        _ => Ok(()),
    }
}

/// Ids go into addresses: nothing but letters, digits and `_` may.
fn checked(id: &str) -> Result<(), Error> {
    let allowed = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if allowed { Ok(()) } else { Err(Error::IdMalformed(id.to_owned())) }
}

/// A value as it stands in an address (RFC 3986, section 2).
fn percent_encoded(value: &str) -> String {
    let encoded = |byte: u8| {
        let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if unreserved { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    value.bytes().map(encoded).collect()
}

fn text(answer: &Value, field: &'static str) -> Result<String, Error> {
    answer.get(field).and_then(Value::as_str).map(str::to_owned).ok_or(Error::AnswerMalformed { field })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Credential, Error, Query, Refused, Remote, VALUE_BYTES_MAX};
    use base::Redacted;

    #[test]
    fn whatever_is_looked_for_is_one_value_of_an_address() {
        let query = Query::default().with("a", Some("x&y=1 ä/+#")).unwrap().with("none", None::<&str>).unwrap().with("n", Some(7)).unwrap();
        assert_eq!(query.0, "?a=x%26y%3D1%20%C3%A4%2F%2B%23&n=7");
        assert!(Query::default().with("a", Some("x".repeat(VALUE_BYTES_MAX))).is_ok());
        assert!(matches!(Query::default().with("a", Some("x".repeat(VALUE_BYTES_MAX + 1))), Err(Error::ValueTooLong(_))));
    }

    #[test]
    fn a_key_of_another_kind_is_refused_before_it_is_sent() {
        let (merchants, operators) = (Redacted::new("sk_test_1".to_owned()), Redacted::new("ok_test_1\n".to_owned()));
        let url = "http://127.0.0.1:1";
        for (credential, is_right) in [
            (Credential::Operator(&operators), true),
            (Credential::Operator(&merchants), false),
            (Credential::ActingFor(&operators, "mer_1"), true),
            (Credential::ActingFor(&merchants, "mer_1"), false),
            (Credential::Merchant(&merchants), true),
            (Credential::Merchant(&operators), false),
        ] {
            match Remote::with_credential(url, credential) {
                Ok(_) => assert!(is_right, "{credential:?}"),
                Err(error) => assert!(!is_right && error.is_wrong_use() && matches!(error, Error::KeyKind { .. }), "{error}"),
            }
        }
        let spaced = Redacted::new("sk_test 1".to_owned());
        assert!(matches!(Remote::with_credential(url, Credential::Merchant(&spaced)), Err(Error::KeyUnprintable)));
    }

    #[test]
    fn what_may_have_been_done_is_never_taken_for_refused() {
        let refused = |status| {
            let text = || "x".to_owned();
            Error::Refused(Box::new(Refused { status, code: text(), detail: text(), what_to_do: text(), trace_id: text() }))
        };
        let stranger = |status| Error::NotThePlatform { url: "u".into(), path: "p".into(), status };
        for (error, expected) in [
            (refused(400), false),
            (refused(409), false),
            (refused(500), true),
            (refused(503), true),
            (stranger(404), false),
            (stranger(502), true),
            (stranger(200), true),
            (Error::AnswerMalformed { field: "id" }, true),
            (Error::Unreachable { url: "u".into(), reason: "r".into() }, false),
            (Error::MerchantOnly, false),
        ] {
            assert_eq!(error.is_unknown(), expected, "{error}");
        }
    }
}
