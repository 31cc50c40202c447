//! Journeys of a real platform: the trace of each request is found at the steps that it led to, also after a restart, and
//! evidence shows neither secrets nor anything personal.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use serde_json::{Value, json};
use support::{Bezant, Folder, Merchant, Plan, Sandbox};

const FIRST_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SECOND_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn start(name: &str) -> (Folder, Sandbox, Plan, Bezant) {
    let folder = Folder::new(name);
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address);
    let platform = plan.start();
    (folder, sandbox, plan, platform)
}

/// A request that belongs to a trace.
fn traced(merchant: &mut Merchant, path: &str, key: &str, body: &Value, trace: &str) -> Value {
    let (bearer, parent) = (format!("Bearer {}", merchant.api_key), format!("00-{trace}-00f067aa0ba902b7-01"));
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", key),
        ("content-type", "application/json"),
        ("traceparent", parent.as_str()),
    ];
    let answer = merchant.client.send("POST", path, &headers, body.to_string().as_bytes()).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

/// Types of steps with their trace ids.
fn traces(journey: &Value) -> Vec<(String, Option<String>)> {
    let steps = journey["data"].as_array().unwrap().iter().filter(|step| step["type"] != "webhook.received");
    let trace = |step: &Value| {
        let proof = step["evidence"].as_array().unwrap().iter().find(|proof| proof["kind"] == "trace")?.clone();
        proof["facts"][0]["value"].as_str().map(str::to_owned)
    };
    steps.map(|step| (step["type"].as_str().unwrap().to_owned(), trace(step))).collect()
}

#[test]
fn each_step_names_the_trace_of_the_request_that_caused_it_also_after_a_restart() {
    let (_folder, _sandbox, plan, platform) = start("journey-trace");
    let mut merchant = platform.merchant();
    let order = json!({ "amount": { "amount_minor": 1_999, "currency": "EUR" }, "payment_method": "pm_card_visa" });
    let payment = traced(&mut merchant, "/v1/payments", "pay", &order, FIRST_TRACE);
    let refund = json!({ "payment": payment["id"], "amount_minor": 500 });
    traced(&mut merchant, "/v1/refunds", "refund", &refund, SECOND_TRACE);
    merchant.catch_up();
    let path = format!("/v1/payments/{}/journey", payment["id"].as_str().unwrap());
    let (first, second) = (Some(FIRST_TRACE.to_owned()), Some(SECOND_TRACE.to_owned()));
    let expected = [
        ("payment.created", &first),
        ("attempt.started", &first),
        ("attempt.captured", &first),
        ("refund.started", &second),
        ("refund.succeeded", &second),
    ];
    let expected: Vec<(String, Option<String>)> = expected.into_iter().map(|(kind, trace)| (kind.to_owned(), trace.clone())).collect();
    assert_eq!(traces(&merchant.read(&path))[..5], expected);
    assert_eq!(platform.stop().code(), Some(0));
    let platform = plan.start();
    assert_eq!(traces(&platform.merchant().read(&path))[..5], expected);
}

#[test]
fn evidence_shows_what_was_asked_and_neither_secrets_nor_anything_personal() {
    let (_folder, _sandbox, _plan, platform) = start("journey-canary");
    let mut merchant = platform.merchant();
    let order = json!({
        "amount": { "amount_minor": 1_999, "currency": "EUR" },
        "payment_method": "pm_card_visa",
        "reference": "canary-reference",
        "customer": { "email": "canary-mail@example.com", "country": "DE" },
        "description": "canary-description",
        "metadata": { "canary-name": "canary-value" },
        "return_url": "https://shop.example/back?session=canary-session",
    });
    let payment = traced(&mut merchant, "/v1/payments", "canary-key", &order, FIRST_TRACE);
    merchant.catch_up();
    let path = format!("/v1/payments/{}/journey", payment["id"].as_str().unwrap());
    let journey = merchant.read(&path);
    let text = journey.to_string();
    let secrets = ["canary", "sk_test", "bzk_", "whsec", merchant.api_key.as_str(), platform.operator_key.as_str()];
    for secret in secrets {
        assert!(!text.contains(secret), "the journey holds {secret}: {journey:#}");
    }
    let request = |journey: &Value| {
        journey["data"][1]["evidence"].as_array().unwrap().iter().find(|proof| proof["kind"] == "request").unwrap().clone()
    };
    let asked = request(&journey);
    let fact = |name: &str| asked["facts"].as_array().unwrap().iter().find(|fact| fact["name"] == name).map(|fact| fact["value"].clone());
    assert_eq!(fact("Request"), Some(json!("POST /v1/payment_intents")));
    assert_eq!(fact("amount"), Some(json!("1999")));
    assert_eq!(fact("return_url"), Some(json!("[redacted, 48 bytes]")));
    assert!(fact("idempotency-key").unwrap().as_str().unwrap().starts_with("[redacted, "));

    let bearer = format!("Bearer {}", platform.operator_key);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let erasure = json!({ "subject": payment["subject"] }).to_string();
    let erased = merchant.client.send("POST", "/v1/privacy/erasures", &headers, erasure.as_bytes()).unwrap();
    assert_eq!(erased.status, 200, "{}", erased.json());
    let asked = request(&merchant.read(&path));
    assert_eq!(asked["note"], "The person's data was erased, and this with it. Nobody can read it any more.");
    assert_eq!(asked["facts"], json!([]));
}

#[test]
fn only_named_fields_of_a_request_are_shown_and_never_a_card_number() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = egress::Request {
        method: egress::Method::Post,
        path_and_query: "/v1/things?query=canary".into(),
        headers: vec![header("content-type", "application/x-www-form-urlencoded"), header("x-secret", "canary")],
        body: b"amount=1999&note=a%20canary&payment_method=4242424242424242&currency=e%75r&broken=%zz".to_vec(),
    };
    let shown = bezant::request::shown(&request, &["amount", "currency", "payment_method", "broken"]);
    assert_eq!((shown.method, shown.path.as_str()), ("POST", "/v1/things"));
    let fields: Vec<(&str, Option<&str>, u64)> =
        shown.fields.iter().map(|field| (field.name.as_str(), field.value.as_deref(), field.value_bytes)).collect();
    let expected = [
        ("content-type", None, 33),
        ("x-secret", None, 6),
        ("amount", Some("1999"), 4),
        ("note", None, 8),
        ("payment_method", None, 16),
        ("currency", Some("eur"), 3),
        ("broken", Some("%zz"), 3),
    ];
    assert_eq!(fields, expected);
}
