//! A client of the core for tests: no sockets, and a clock that only the test moves.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod loopback;

use hmac::{Hmac, Mac};
use sandbox::stripe::{Config, Stripe};
use sandbox::wire::{Delivery, Handled, Headers, Method, Request};
use serde_json::Value;
use sha2::Sha256;
use std::path::PathBuf;

/// Where every test's clock begins, ms since 1970.
pub const START_MS: u64 = 1_800_000_000_000;
pub const SECOND_MS: u64 = 1_000;
pub const DAY_MS: u64 = 24 * 3_600 * SECOND_MS;
pub const KEY: &str = "Bearer sk_test_sandbox";

pub struct Client {
    pub stripe: Stripe,
    pub now_ms: u64,
}

/// An answer with its body as JSON (`Null` if it is none).
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub json: Value,
    pub handled: Handled,
}

impl Answer {
    pub fn text(&self, pointer: &str) -> &str {
        self.json.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer} in {}", self.json))
    }

    pub fn number(&self, pointer: &str) -> i64 {
        self.json.pointer(pointer).and_then(Value::as_i64).unwrap_or_else(|| panic!("no number at {pointer} in {}", self.json))
    }

    pub fn id(&self) -> &str {
        self.text("/id")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.handled.response.header(name)
    }

    pub fn delivery(&self) -> Delivery {
        self.handled.delivery
    }
}

pub fn request(method: Method, path: &str, query: &str, body: &str, key: Option<&str>) -> Request {
    Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Headers { authorization: Some(KEY.to_owned()), idempotency_key: key.map(str::to_owned), ..Headers::default() },
        body: body.as_bytes().to_vec(),
    }
}

impl Client {
    pub fn new() -> Self {
        Self::with_config(Config::standard())
    }

    pub fn with_config(config: Config) -> Self {
        Self { stripe: Stripe::new(7, config), now_ms: START_MS }
    }

    pub fn send(&mut self, request: &Request) -> Answer {
        let handled = self.stripe.handle(request, self.now_ms);
        let json = serde_json::from_slice(&handled.response.body).unwrap_or(Value::Null);
        Answer { status: handled.response.status, json, handled }
    }

    pub fn post(&mut self, path: &str, body: &str) -> Answer {
        self.send(&request(Method::Post, path, "", body, None))
    }

    pub fn post_key(&mut self, path: &str, body: &str, key: &str) -> Answer {
        self.send(&request(Method::Post, path, "", body, Some(key)))
    }

    pub fn get(&mut self, path_and_query: &str) -> Answer {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        self.send(&request(Method::Get, path, query, "", None))
    }

    /// Creates and confirms a payment of 20.00 USD; more parameters as `&name=value`.
    pub fn pay(&mut self, method: &str, more: &str) -> Answer {
        let body = format!(
            "amount=2000&currency=usd&confirm=true&payment_method={method}&payment_method_types[0]=card&payment_method_types[1]=us_bank_account{more}"
        );
        self.post("/v1/payment_intents", &body)
    }

    pub fn intent(&mut self, id: &str) -> Answer {
        self.get(&format!("/v1/payment_intents/{id}?expand[]=latest_charge.balance_transaction"))
    }

    /// Captured, refunded and open amounts in USD.
    pub fn money(&self) -> (u64, u64, u64) {
        let totals = self.stripe.truth_totals().get("usd").copied().unwrap_or_default();
        (totals.captured, totals.refunded, totals.authorized_open)
    }

    pub fn charge_count(&self) -> usize {
        self.stripe.truth().charges.len()
    }
}

/// A file of the samples, or `None` after saying that the test is skipped.
pub fn sample(name: &str) -> Option<String> {
    let folder = std::env::var_os("BEZANT_SAMPLES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples")), PathBuf::from);
    let path = folder.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            println!("SKIPPED: {}: {error}", path.display());
            None
        }
    }
}

/// How old a signature may be, s, as the official clients have it.
pub const TOLERANCE_S: u64 = 300;

/// Verifies a delivery as its receiver does: any `v1` may fit, and the time must not be old.
pub fn verify(header: &str, body: &[u8], secret: &str, now_s: u64) -> Result<(), &'static str> {
    let part = |name: &'static str| header.split(',').filter_map(move |part| part.strip_prefix(name)?.strip_prefix('='));
    let time = part("t").next().ok_or("no time")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    if !part("v1").any(|given| given == expected) {
        return Err("no signature fits");
    }
    let time: u64 = time.parse().map_err(|_| "the time is no number")?;
    if time + TOLERANCE_S < now_s { Err("too old") } else { Ok(()) }
}
