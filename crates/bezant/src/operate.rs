//! What an operator asks of a running platform from the command line, over the same API as everybody.

use base::Redacted;
use egress::{Client, ClientConfig, Endpoint, Method, Request, Roots};
use std::time::Duration;
use tokio::time::Instant;

/// Longest time for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

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
    /// An answer that is a refusal.
    #[error("the platform answered {status}: {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it says.
        detail: String,
    },
}

/// Asks a running platform to erase a person's data.
///
/// # Errors
/// See [`Error`]. Asking again is harmless.
pub async fn erase(url: &str, operator_key: Option<String>, subject: &str) -> Result<(), Error> {
    let key = operator_key.ok_or(Error::KeyMissing)?;
    let endpoint = Endpoint::parse(url)?;
    let client = Client::new(ClientConfig {
        endpoints: vec![endpoint.clone()],
        roots: Roots::Mozilla,
        user_agent: concat!("bezant-cli/", env!("CARGO_PKG_VERSION")).to_owned(),
        connections_max: 1,
        idle_ms_max: 0,
        connect_ms_max: 5_000,
        head_bytes_max: 16 * 1024,
        response_bytes_max: 64 * 1024,
    })?;
    let request = Request {
        method: Method::Post,
        path_and_query: "/v1/privacy/erasures".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: serde_json::json!({ "subject": subject }).to_string().into_bytes(),
    };
    let bearer = Redacted::new(format!("Bearer {key}"));
    let response = client.send(&endpoint, &request, &[("authorization", &bearer)], Instant::now() + REQUEST_TIMEOUT).await?;
    if (200..300).contains(&response.status) {
        return Ok(());
    }
    let problem: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let detail = problem.get("detail").and_then(serde_json::Value::as_str).unwrap_or("no detail").to_owned();
    Err(Error::Refused { status: response.status, detail })
}
