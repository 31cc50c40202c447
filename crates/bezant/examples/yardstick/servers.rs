//! Servers that do as little as they can.

use crate::{Failure, say};
use axum::extract::State;
use axum::serve::ListenerExt;
use axum::{Json, Router, routing};
use base::{Currency, Money, Outcome, Redacted};
use clap::Args;
use connectors::stripe::{Environment, RESPONSE_BYTES_MAX, Stripe};
use connectors::{Call, CaptureMode, Connector, Operation, Presence};
use egress::{Client, ClientConfig, Endpoint, Roots};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::time::Instant;

/// As the platform's own client for sends.
const CONNECTIONS_MAX: usize = 256;
const SEND_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub struct Relay {
    /// Where the simulator is.
    #[arg(long)]
    stripe_url: String,
}

/// A payment as `bezant bench` sends it.
#[derive(Deserialize, Serialize)]
struct Order {
    amount: Amount,
    capture: String,
    confirm: bool,
    payment_method: String,
    reference: String,
    customer: Customer,
    description: String,
}

#[derive(Deserialize, Serialize)]
struct Amount {
    amount_minor: u64,
    currency: String,
}

#[derive(Deserialize, Serialize)]
struct Customer {
    email: String,
    country: String,
}

/// Reads an order and says it again.
pub fn echo() -> Result<(), Failure> {
    let app = Router::new().route("/v1/payments", routing::post(|order: Json<Order>| async move { order }));
    serve(app)
}

struct Provider {
    connector: Stripe,
    endpoint: Endpoint,
    client: Client,
    secret: Redacted<String>,
}

/// Only calls the provider: encodes, sends and decodes as the platform does, and keeps nothing.
pub fn relay(Relay { stripe_url }: &Relay) -> Result<(), Failure> {
    let endpoint = Endpoint::parse(stripe_url)?;
    let config = ClientConfig {
        endpoints: vec![endpoint.clone()],
        roots: Roots::Mozilla,
        user_agent: "bezant-yardstick".to_owned(),
        connections_max: CONNECTIONS_MAX,
        idle_ms_max: 30_000,
        connect_ms_max: 5_000,
        head_bytes_max: 32 * 1024,
        response_bytes_max: RESPONSE_BYTES_MAX,
    };
    let provider = Provider {
        connector: Stripe::new(Environment::Test),
        endpoint,
        client: Client::new(config)?,
        secret: Redacted::new("sk_test_yardstick".to_owned()),
    };
    let app = Router::new().route("/v1/payments", routing::post(pay)).with_state(Arc::new(provider));
    serve(app)
}

/// What the relay answers.
#[derive(Serialize)]
struct Paid {
    status: &'static str,
    provider_id: Option<String>,
    #[serde(flatten)]
    order: Order,
}

async fn pay(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Json(order): Json<Order>,
) -> Result<(StatusCode, Json<Paid>), StatusCode> {
    let currency = order.amount.currency.parse::<Currency>().map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    let money = Money::new_positive(order.amount.amount_minor, currency).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).ok_or(StatusCode::BAD_REQUEST)?;
    let operation = Operation::Authorize {
        money,
        payment_method: order.payment_method.clone(),
        customer: None,
        presence: Presence::OnSession,
        capture: CaptureMode::Automatic,
        return_url: None,
        sim: None,
    };
    let call = Call { operation, key: key.to_owned(), reference: key.to_owned() };
    let request = provider.connector.encode(&call).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let credential = provider.connector.capabilities().credential;
    let value = credential.value(&provider.secret);
    let sent = provider.client.send(&provider.endpoint, &request, &[(credential.name, &value)], Instant::now() + SEND_TIMEOUT).await;
    let decoded = provider.connector.decode(&call, &sent.map_err(|_| StatusCode::BAD_GATEWAY)?);
    match decoded.outcome {
        Outcome::Approved(_) => Ok((StatusCode::CREATED, Json(Paid { status: "captured", provider_id: decoded.provider_id, order }))),
        _ => Err(StatusCode::BAD_GATEWAY),
    }
}

/// Serves until it is killed, with a thread for each CPU, as the platform does.
fn serve(app: Router) -> Result<(), Failure> {
    Builder::new_multi_thread().thread_name("runtime").enable_all().build()?.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        say(&serde_json::json!({"event": "listening", "url": format!("http://{}", listener.local_addr()?)}));
        let listener = listener.tap_io(|stream| {
            // As platform and simulator do; without it answers would wait.
            let _ = stream.set_nodelay(true);
        });
        Ok(axum::serve(listener, app).await?)
    })
}
