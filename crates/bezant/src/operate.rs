//! What an operator asks of a running platform from the command line, over the same API as everybody.

use base::Redacted;
use egress::{Client, ClientConfig, Endpoint, Method, Request, Roots};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Longest time for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Most pages of a list that are read, 100 objects each.
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
    /// An answer that lacks a field.
    #[error("the platform's answer has no {field}; is it another version?")]
    AnswerMalformed {
        /// Which.
        field: &'static str,
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

/// A running platform and the key for it.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Its address.
    pub url: String,
    /// The operator's key.
    pub operator_key: Option<String>,
}

impl Remote {
    /// Asks the platform to erase a person's data.
    ///
    /// # Errors
    /// See [`Error`]. Asking again is harmless.
    pub async fn erase(self, subject: &str) -> Result<(), Error> {
        self.post("/v1/privacy/erasures", &serde_json::json!({ "subject": subject })).await.map(drop)
    }

    /// Admits another operator and makes a key; answers the operator's id and the key's text.
    ///
    /// # Errors
    /// See [`Error`]. When only the key could not be made, asking again says that the handle is taken.
    pub async fn create_operator(self, handle: &str) -> Result<(String, Redacted<String>), Error> {
        let operator = self.post("/v1/operators", &serde_json::json!({ "handle": handle })).await?;
        let id = text(&operator, "id")?;
        let key = self.post(&format!("/v1/operators/{id}/api_keys"), &serde_json::json!({})).await?;
        Ok((id, Redacted::new(text(&key, "secret")?)))
    }

    /// Calls that wait for a person, as the API shows them, all pages.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn parked(self) -> Result<Vec<Value>, Error> {
        self.all("/v1/parked_calls").await
    }

    /// Asks the provider once more about a parked call.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn look(self, effect: &str) -> Result<(), Error> {
        checked(effect)?;
        self.post(&format!("/v1/parked_calls/{effect}/look"), &serde_json::json!({})).await.map(drop)
    }

    /// Commands that are kept out, all pages.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn quarantine(self) -> Result<Vec<Value>, Error> {
        self.all("/v1/quarantine").await
    }

    /// Lets a quarantined command in again.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn release(self, fingerprint: &str) -> Result<(), Error> {
        checked(fingerprint)?;
        self.post(&format!("/v1/quarantine/{fingerprint}/release"), &serde_json::json!({})).await.map(drop)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.ask(Method::Post, path, Some(body)).await
    }

    async fn all(&self, path: &str) -> Result<Vec<Value>, Error> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let page = self.ask(Method::Get, &format!("{path}?limit=100{cursor}"), None).await?;
            found.extend(page.get("data").and_then(Value::as_array).cloned().unwrap_or_default());
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        Ok(found)
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let key = self.operator_key.as_ref().ok_or(Error::KeyMissing)?;
        let endpoint = Endpoint::parse(&self.url)?;
        let client = Client::new(ClientConfig {
            endpoints: vec![endpoint.clone()],
            roots: Roots::Mozilla,
            user_agent: concat!("bezant-cli/", env!("CARGO_PKG_VERSION")).to_owned(),
            connections_max: 1,
            idle_ms_max: 0,
            connect_ms_max: 5_000,
            head_bytes_max: 16 * 1024,
            response_bytes_max: 256 * 1024,
        })?;
        let headers = body.map(|_| ("content-type".to_owned(), "application/json".to_owned())).into_iter().collect();
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request { method, path_and_query: path.to_owned(), headers, body };
        let bearer = Redacted::new(format!("Bearer {key}"));
        let response = client.send(&endpoint, &request, &[("authorization", &bearer)], Instant::now() + REQUEST_TIMEOUT).await?;
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

fn text(answer: &Value, field: &'static str) -> Result<String, Error> {
    answer.get(field).and_then(Value::as_str).map(str::to_owned).ok_or(Error::AnswerMalformed { field })
}
