//! What an operator asks of a running platform from the command line, over the same API as everybody.

use base::Redacted;
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

/// Why a request to a running platform failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No key was given.
    #[error(
        "the operator's key is missing: give --operator-key or set BEZANT_OPERATOR_KEY; the first one is in the file operator.key of the data folder"
    )]
    KeyMissing,
    /// The address cannot be used.
    #[error("--url: {0}")]
    Endpoint(#[from] egress::EndpointError),
    /// The client cannot be built.
    #[error(transparent)]
    Client(#[from] egress::ConfigError),
    /// No answer.
    #[error("the platform did not answer: {0}")]
    Send(#[from] egress::SendError),
    /// What was given as an id cannot be one.
    #[error("\"{0}\" is not an id; ids are letters, digits and _")]
    IdMalformed(String),
    /// What was given to narrow a list cannot do so.
    #[error("\"{0}\" is neither a word nor a time such as 2026-11-21T09:33:00Z")]
    ValueMalformed(String),
    /// An answer that lacks a field.
    #[error("the platform's answer has no {field}; is it another version?")]
    AnswerMalformed {
        /// Which.
        field: &'static str,
    },
    /// A list that has more pages than anybody reads.
    #[error(
        "{path} lists more than {} objects, so that not all of them can be shown; read it page by page through the API",
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
    #[error("the platform answered {status}: {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it says.
        detail: String,
    },
}

/// A running platform, asked with an operator's key over one client.
#[derive(Debug)]
pub struct Remote {
    client: Client,
    endpoint: Endpoint,
    bearer: Redacted<String>,
}

impl Remote {
    /// The platform at `url`; connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::KeyMissing`], [`Error::Endpoint`], [`Error::Client`].
    pub fn new(url: &str, operator_key: Option<&Redacted<String>>) -> Result<Self, Error> {
        let key = operator_key.ok_or(Error::KeyMissing)?;
        let endpoint = Endpoint::parse(url)?;
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
        Ok(Self { client, endpoint, bearer: Redacted::new(format!("Bearer {}", key.expose())) })
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
        self.all("/v1/parked_calls").await
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
        self.all("/v1/quarantine").await
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
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn webhooks(&self, found: Option<&str>, since: Option<&str>, source: Option<&str>) -> Result<Vec<Value>, Error> {
        let mut query = String::new();
        for (name, value) in [("found", found), ("received_from", since), ("source", source)] {
            let Some(value) = value else { continue };
            query.push_str(&format!("&{name}={}", encoded(value)?));
        }
        self.all_of("/v1/webhooks", &query).await
    }

    /// A message with its body.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn webhook(&self, id: &str) -> Result<Value, Error> {
        checked(id)?;
        self.ask(Method::Get, &format!("/v1/webhooks/{id}"), None).await
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
        self.ask(Method::Post, path, Some(body)).await
    }

    async fn all(&self, path: &str) -> Result<Vec<Value>, Error> {
        self.all_of(path, "").await
    }

    /// All pages of a list that `query`, such as `&found=news`, narrows.
    async fn all_of(&self, path: &str, query: &str) -> Result<Vec<Value>, Error> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let page = self.ask(Method::Get, &format!("{path}?limit={PAGE_OBJECTS_MAX}{query}{cursor}"), None).await?;
            let data = page.get("data").and_then(Value::as_array).ok_or(Error::AnswerMalformed { field: "data" })?;
            found.extend(data.iter().cloned());
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(found),
            }
        }
        Err(Error::ListTooLong { path: path.to_owned() })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let headers = body.map(|_| ("content-type".to_owned(), "application/json".to_owned())).into_iter().collect();
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request { method, path_and_query: path.to_owned(), headers, body };
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let response = self.client.send(&self.endpoint, &request, &[("authorization", &self.bearer)], deadline).await?;
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if (200..300).contains(&response.status) {
            return Ok(answer);
        }
        let detail = answer.get("detail").and_then(Value::as_str).unwrap_or("no detail").to_owned();
        Err(Error::Refused { status: response.status, detail })
    }
}

/// Ids go into addresses: nothing but letters, digits and `_` may.
fn checked(id: &str) -> Result<(), Error> {
    let allowed = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if allowed { Ok(()) } else { Err(Error::IdMalformed(id.to_owned())) }
}

/// A value of a query: nothing that it may hold has a meaning there but `+` and `:`.
fn encoded(value: &str) -> Result<String, Error> {
    let allowed = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:+".contains(&byte));
    if allowed { Ok(value.replace('+', "%2B").replace(':', "%3A")) } else { Err(Error::ValueMalformed(value.to_owned())) }
}

fn text(answer: &Value, field: &'static str) -> Result<String, Error> {
    answer.get(field).and_then(Value::as_str).map(str::to_owned).ok_or(Error::AnswerMalformed { field })
}
