//! What log lines say of requests: trace, route and payment, and nothing of clients' text. The only test of its file:
//! whether a log line is wanted is remembered for a whole process.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use axum::body::Body;
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use support::Rig;
use telemetry::LogFormat;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_log_line_names_trace_route_and_payment_and_repeats_nothing_of_the_client() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = telemetry::log_subscriber(LogFormat::Json, "info", move || writer.clone(), || base::Timestamp::ZERO).unwrap();
    let _guard = tracing::subscriber::set_default(subscriber);
    let rig = Rig::new();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let body = json!({ "amount": { "amount_minor": 500, "currency": "EUR" }, "payment_method": "pm_card_visa",
        "customer": { "email": "ada@example.com" }, "reference": "order-secret" });
    let request = rig.request("POST", "/v1/payments").header("idempotency-key", "key-secret");
    let request = request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01")).body(Body::from(body.to_string())).unwrap();
    let created = rig.send(request).await.json();
    let id = created["id"].as_str().unwrap();
    rig.get("/v1/payments/secret-path?secret=words").await.problem();
    rig.post("/v1/payments", "k", json!({ "description": "4242424242424242" })).await.problem();
    let read = http::Request::builder().uri("/v1/payments").header("authorization", format!("Bearer {}", rig.operator_key));
    let read = read.header("bezant-merchant", rig.merchant.to_string()).body(Body::empty()).unwrap();
    assert_eq!(rig.send(read).await.status, 200);

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let logged: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields = &logged.iter().find(|line| line["fields"]["trace_id"] == trace).unwrap()["fields"];
    assert_eq!((&fields["route"], &fields["method"]), (&json!("/v1/payments"), &json!("POST")), "{text}");
    assert_eq!((&fields["payment_id"], &fields["status"]), (&json!(id), &json!(201)), "{text}");
    assert!(logged.iter().any(|line| line["fields"]["code"] == "card_number_refused"), "{text}");
    let looked = logged.iter().find(|line| line["message"] == "an operator reads a merchant's data").unwrap();
    let merchant = rig.merchant.to_string();
    assert_eq!((&looked["fields"]["merchant_id"], &looked["fields"]["route"]), (&json!(merchant), &json!("/v1/payments")), "{text}");
    assert!(looked["fields"]["operator_id"].as_str().unwrap().starts_with("opr_"), "{text}");
    for secret in ["ada@", "order-secret", "key-secret", "secret-path", "words", "4242424242424242", &rig.key[10..]] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}
