//! The console as a client of the API: requests to the API's own router, in process, with the key of whoever signed in.

use axum::Router;
use axum::body::Body;
use base::Redacted;
use http::{HeaderName, Method, Request, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tower::ServiceExt;

/// Names the merchant that an operator's read is about.
const BEZANT_MERCHANT: HeaderName = HeaderName::from_static("bezant-merchant");
/// Largest answer that is read, in bytes; a page of the largest objects is below.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why the API did not answer with what was asked for: its problem document.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Problem {
    #[serde(default)]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) what_to_do: String,
    #[serde(default)]
    pub(crate) doc_url: String,
    #[serde(default)]
    pub(crate) trace_id: String,
}

impl Problem {
    /// An answer that is not what the API's description promises.
    fn unreadable(status: StatusCode, what: &str) -> Self {
        Self {
            status: status.as_u16(),
            title: "The platform's answer cannot be read.".into(),
            detail: format!("{what}, status {}", status.as_u16()),
            what_to_do: "Reload the page; if it happens again, look at the platform's log.".into(),
            ..Self::default()
        }
    }

    /// Its status for the page that shows it.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY)
    }

    /// Whether there is no such object, or none that this merchant has.
    pub(crate) const fn is_not_found(&self) -> bool {
        self.status == 404
    }
}

/// Calls the API for one page.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    api: Router,
    key: Redacted<String>,
    refused: Arc<AtomicBool>,
}

impl Client {
    pub(crate) fn new(api: Router, key: Redacted<String>) -> Self {
        Self { api, key, refused: Arc::default() }
    }

    /// Whether a call was refused because the key is no longer good.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Reads something of the platform.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.call(Method::GET, path, None).await
    }

    /// Reads something of a merchant.
    pub(crate) async fn get_of<T: DeserializeOwned>(&self, merchant: &str, path: &str) -> Result<T, Problem> {
        self.call(Method::GET, path, Some(merchant)).await
    }

    /// Does something that needs no more to be said.
    pub(crate) async fn post(&self, path: &str) -> Result<serde_json::Value, Problem> {
        self.call(Method::POST, path, None).await
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, merchant: Option<&str>) -> Result<T, Problem> {
        let body = if method == Method::POST { Body::from("{}") } else { Body::empty() };
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.key.expose()));
        if let Some(merchant) = merchant {
            request = request.header(BEZANT_MERCHANT, merchant);
        }
        let request = request.body(body).map_err(|_| Problem {
            status: 404,
            title: "There is nothing at this address.".into(),
            what_to_do: "Check the id, or search for it.".into(),
            ..Problem::default()
        })?;
        let response = match self.api.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX)
            .await
            .map_err(|_| Problem::unreadable(StatusCode::BAD_GATEWAY, "it is longer than expected"))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| {
                tracing::error!({ telemetry::names::field::ERROR } = %error, "an answer of the API has another shape than the console expects");
                Problem::unreadable(StatusCode::BAD_GATEWAY, "it has another shape than expected")
            });
        }
        if status == StatusCode::UNAUTHORIZED {
            self.refused.store(true, Ordering::Relaxed);
        }
        let problem = serde_json::from_slice::<Problem>(&bytes).map(|problem| Problem { status: status.as_u16(), ..problem });
        Err(problem.unwrap_or_else(|_| Problem::unreadable(status, "it is not a problem document")))
    }
}

/// A value as a part of a path or query: whatever is not plain is percent-encoded.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A path with a query of those parameters that have a value.
pub(crate) fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let given: Vec<String> =
        parameters.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if given.is_empty() { path.to_owned() } else { format!("{path}?{}", given.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::{encoded, with_query};

    #[test]
    fn what_people_type_cannot_become_another_address() {
        assert_eq!(encoded("../v1?a=b&c d/é"), "..%2Fv1%3Fa%3Db%26c%20d%2F%C3%A9");
        assert_eq!(with_query("/v1/x", &[("a", ""), ("b", "1&2"), ("c", "d")]), "/v1/x?b=1%262&c=d");
        assert_eq!(with_query("/v1/x", &[("a", "")]), "/v1/x");
    }
}
