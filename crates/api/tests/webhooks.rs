//! What providers send, and what merchants and operators see of it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use api::{Platform as _, SubmitError, WEBHOOK_BYTES_MAX};
use axum::body::Body;
use base::SubjectId;
use engine::Command;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use support::{Answer, Rig, options};

async fn send(rig: &Rig, path: &str, signature: &str, body: impl Into<Body>) -> Answer {
    let request = Request::builder().method("POST").uri(path).header("content-type", "application/json; charset=utf-8");
    let request = if signature.is_empty() { request } else { request.header("test-signature", signature) };
    rig.send(request.body(body.into()).unwrap()).await
}

async fn deliver(rig: &Rig, body: &Value) -> Answer {
    send(rig, "/v1/webhooks/stripe/main", "good", body.to_string()).await
}

fn opened(id: &str) -> Value {
    json!({ "id": id, "type": "charge.dispute.created", "dispute": "dp_1" })
}

#[tokio::test]
async fn a_genuine_webhook_is_received_without_a_key_and_a_second_time_the_same() {
    let rig = Rig::new();
    for _ in 0..2 {
        let answer = deliver(&rig, &opened("evt_1")).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "received": true })));
    }
    let listed = rig.operate("GET", "/v1/webhooks", None).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "a message that comes again is one line");
}

#[tokio::test]
async fn what_is_not_genuine_is_refused_by_its_own_code_and_leaves_no_trace() {
    let rig = Rig::new();
    let before = rig.platform.durable_seq();
    let body = opened("evt_1").to_string();
    for (path, signature, status, code) in [
        ("/v1/webhooks/stripe/main", "", 400, "webhook_signature_missing"),
        ("/v1/webhooks/stripe/main", "odd", 400, "webhook_signature_malformed"),
        ("/v1/webhooks/stripe/main", "bad", 400, "webhook_signature_mismatch"),
        ("/v1/webhooks/stripe/main", "old", 400, "webhook_timestamp_out_of_tolerance"),
        ("/v1/webhooks/stripe/other", "good", 404, "webhook_endpoint_unknown"),
        ("/v1/webhooks/adyen/main", "good", 404, "webhook_endpoint_unknown"),
        ("/v1/webhooks/stripe/main/more", "good", 404, "route_unknown"),
    ] {
        assert_eq!(send(&rig, path, signature, body.clone()).await.problem(), (status, code.into()), "{path} {signature}");
    }
    let too_large = "x".repeat(WEBHOOK_BYTES_MAX + 1);
    assert_eq!(send(&rig, "/v1/webhooks/stripe/main", "good", too_large).await.problem(), (413, "body_too_large".into()));
    let get = rig.get("/v1/webhooks/stripe/main").await;
    assert_eq!(get.problem(), (405, "method_not_allowed".into()));
    assert_eq!(rig.platform.durable_seq(), before);
}

#[tokio::test]
async fn a_body_is_taken_as_it_comes() {
    // Neither the guard against card numbers nor the parser of our own requests stands before a provider's message: a fact
    // about money is never refused for its form. What may be kept of it is decided behind the door.
    let rig = Rig::new();
    let card = json!({ "id": "evt_1", "type": "charge.updated", "note": "4242424242424242", "card": { "last4": "4242" } });
    assert_eq!(deliver(&rig, &card).await.status, StatusCode::OK);
    let doubled = r#"{"id":"evt_2","type":"x","a":1,"a":2}"#;
    assert_eq!(send(&rig, "/v1/webhooks/stripe/main", "good", doubled).await.status, StatusCode::OK);
    let plain = Request::builder().method("POST").uri("/v1/webhooks/stripe/main").header("test-signature", "good");
    assert_eq!(rig.send(plain.body(Body::from("{\"id\":\"evt_3\"}")).unwrap()).await.status, StatusCode::OK);
    let largest = format!("{{\"id\":\"evt_4\",\"pad\":\"{}\"}}", "x".repeat(WEBHOOK_BYTES_MAX - 23));
    assert_eq!(largest.len(), WEBHOOK_BYTES_MAX);
    assert_eq!(send(&rig, "/v1/webhooks/stripe/main", "good", largest).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_platform_that_cannot_take_it_says_when_to_come_again() {
    for (error, code) in [(SubmitError::Stopping, "stopping"), (SubmitError::Busy { retry_after_s: 3 }, "busy")] {
        let rig = Rig::new();
        rig.platform.refuse_with(error);
        let answer = deliver(&rig, &opened("evt_1")).await;
        assert_eq!(answer.problem(), (503, code.into()));
        assert!(answer.header("retry-after").is_some());
    }
}

#[tokio::test]
async fn webhooks_and_requests_do_not_keep_each_other_out() {
    let rig = std::sync::Arc::new(Rig::with(api::Options { requests_open_max: 1, webhooks_open_max: 1, ..options() }));
    rig.platform.close_gate();
    let (waiting, working) = (std::sync::Arc::clone(&rig), std::sync::Arc::clone(&rig));
    let webhook = tokio::spawn(async move { deliver(&waiting, &opened("evt_1")).await });
    rig.platform.arrived(1).await;
    assert_eq!(deliver(&rig, &opened("evt_2")).await.problem(), (503, "busy".into()), "the one place for webhooks is taken");
    let payment = tokio::spawn(async move { working.post("/v1/payments", "k1", support::payment(500, "pm_card_visa")).await });
    rig.platform.arrived(2).await;
    assert_eq!(rig.get("/v1/balances").await.problem(), (503, "busy".into()), "the one place for requests is taken");
    rig.platform.open_gate();
    assert_eq!(webhook.await.unwrap().status, StatusCode::OK);
    assert_eq!(payment.await.unwrap().status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_dispute_is_shown_to_its_merchant_alone() {
    let rig = Rig::new();
    let payment = rig.captured("k1", 1_999).await;
    assert_eq!(deliver(&rig, &opened("evt_1")).await.status, StatusCode::OK);
    let listed = rig.get("/v1/disputes").await.json();
    let dispute = &listed["data"][0];
    let id = dispute["id"].as_str().unwrap();
    assert!(id.starts_with("dsp_"));
    assert_eq!((&dispute["payment"], &dispute["status"], &dispute["fee_minor"]), (&json!(payment), &json!("open"), &json!(15)));
    assert_eq!(dispute["amount"], json!({ "amount_minor": 500, "currency": "EUR" }));
    assert_eq!((&dispute["reason"], &dispute["respond_by"]), (&json!("fraudulent"), &json!("2027-01-15T08:00:00.000Z")));
    assert_eq!(rig.get(&format!("/v1/disputes/{id}")).await.json(), *dispute);
    assert_eq!(rig.get(&format!("/v1/payments/{payment}")).await.json()["disputed_minor"], 500);

    let won = json!({ "id": "evt_2", "type": "charge.dispute.closed", "dispute": "dp_1", "phase": "won" });
    assert_eq!(deliver(&rig, &won).await.status, StatusCode::OK);
    assert_eq!(rig.get(&format!("/v1/disputes/{id}")).await.json()["status"], "won");
    assert_eq!(rig.get(&format!("/v1/payments/{payment}")).await.json()["disputed_minor"], 0);
    for (query, count) in [("status=won", 1), ("status=open", 0), (&format!("payment={payment}"), 1), ("limit=1", 1)] {
        assert_eq!(rig.get(&format!("/v1/disputes?{query}")).await.json()["data"].as_array().unwrap().len(), count, "{query}");
    }
    let other = async |path: &str| {
        let request = Request::builder().uri(path).header("authorization", format!("Bearer {}", rig.other_key));
        rig.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(other("/v1/disputes").await.json()["data"], json!([]));
    assert_eq!(other(&format!("/v1/disputes/{id}")).await.problem(), (404, "dispute_unknown".into()));
    for (path, status, code) in [
        ("/v1/disputes/nonsense", 404, "dispute_unknown"),
        ("/v1/disputes?status=new", 400, "query_parameter_invalid"),
        ("/v1/disputes?payment=x", 400, "query_parameter_invalid"),
        ("/v1/disputes?cursor=x", 400, "cursor_invalid"),
        ("/v1/disputes?provider=x", 400, "query_parameter_unknown"),
    ] {
        assert_eq!(rig.get(path).await.problem(), (status, code.into()), "{path}");
    }
}

#[tokio::test]
async fn operators_list_messages_and_read_their_bodies_until_the_person_is_erased() {
    let rig = Rig::new();
    let payment = rig.captured("k1", 1_999).await;
    deliver(&rig, &json!({ "id": "evt_0", "type": "customer.created" })).await;
    deliver(&rig, &opened("evt_1")).await;
    let listed = rig.operate("GET", "/v1/webhooks", None).await.json();
    let (newest, oldest) = (&listed["data"][0], &listed["data"][1]);
    assert_eq!((&newest["id"], &newest["found"], &newest["payment"]), (&json!("evt_1"), &json!("news"), &json!(payment)));
    assert_eq!((&newest["source"], &newest["provider"], &newest["object"]), (&json!("webhook"), &json!("stripe"), &json!("webhook")));
    assert_eq!((&oldest["id"], &oldest["found"], &oldest["payment"]), (&json!("evt_0"), &json!("kept"), &Value::Null));
    assert!(!listed.to_string().contains("dp_1"), "a list shows no body");
    for (query, ids) in [
        ("found=kept", json!(["evt_0"])),
        ("source=webhook", json!(["evt_1", "evt_0"])),
        ("source=sweep", json!([])),
        ("type=charge.dispute.created", json!(["evt_1"])),
        ("received_from=2000-01-01T00:00:00Z", json!(["evt_1", "evt_0"])),
        ("received_from=2100-01-01T00:00:00Z", json!([])),
    ] {
        let found = rig.operate("GET", &format!("/v1/webhooks?{query}"), None).await.json();
        let found: Vec<Value> = found["data"].as_array().unwrap().iter().map(|line| line["id"].clone()).collect();
        assert_eq!(json!(found), ids, "{query}");
    }
    for (merchant, ids) in [(1, json!(["evt_1"])), (2, json!([]))] {
        let request = Request::builder().uri("/v1/webhooks").header("authorization", format!("Bearer {}", rig.operator_key));
        let request = request.header("bezant-merchant", base::MerchantId::from_u128(merchant).to_string());
        let found = rig.send(request.body(Body::empty()).unwrap()).await.json();
        let found: Vec<Value> = found["data"].as_array().unwrap().iter().map(|line| line["id"].clone()).collect();
        assert_eq!(json!(found), ids, "{merchant}");
    }
    let first = rig.operate("GET", "/v1/webhooks?limit=1", None).await.json();
    let next = format!("/v1/webhooks?limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
    assert_eq!(rig.operate("GET", &next, None).await.json()["data"][0]["id"], "evt_0");

    let shown = rig.operate("GET", "/v1/webhooks/evt_1", None).await.json();
    assert_eq!(shown["body"], opened("evt_1").to_string());
    assert_eq!((&shown["body_status"], &shown["again"], &shown["type"]), (&json!("kept"), &json!([]), &json!("charge.dispute.created")));
    let subject: SubjectId = shown["subject"].as_str().unwrap().parse().unwrap();
    rig.platform.run(&Command::EraseSubject { subject });
    let erased = rig.operate("GET", "/v1/webhooks/evt_1", None).await.json();
    assert_eq!((&erased["body_status"], &erased["body"], &erased["payment"]), (&json!("erased"), &Value::Null, &json!(payment)));
    let replay = rig.operate("POST", "/v1/webhooks/evt_1/replay", None).await;
    assert_eq!(replay.problem(), (409, "webhook_body_gone".into()));
}

#[tokio::test]
async fn a_replay_reads_the_kept_body_again_and_says_what_it_came_to() {
    let rig = Rig::new();
    // It comes before its payment is known.
    deliver(&rig, &json!({ "id": "evt_1", "type": "charge.dispute.created", "dispute": "dp_1", "of": "pi_9" })).await;
    let replayed = rig.operate("POST", "/v1/webhooks/evt_1/replay", None).await;
    assert_eq!(replayed.status, StatusCode::OK, "{}", replayed.text);
    let line = replayed.json();
    assert_eq!((&line["id"], &line["source"], &line["found"]), (&json!("evt_1"), &json!("replay"), &json!("unmatched")));
    let payment = rig.captured("k1", 1_999).await;
    deliver(&rig, &opened("evt_2")).await;
    let again = rig.operate("POST", "/v1/webhooks/evt_2/replay", None).await.json();
    assert_eq!((&again["found"], &again["payment"]), (&json!("known"), &json!(payment)));
    let shown = rig.operate("GET", "/v1/webhooks/evt_2", None).await.json();
    assert_eq!((&shown["source"], &shown["found"]), (&json!("webhook"), &json!("news")), "shown as it came in first");
    assert_eq!((&shown["again"][0]["source"], &shown["body_status"]), (&json!("replay"), &json!("kept")));
    assert_eq!(rig.get("/v1/disputes").await.json()["data"].as_array().unwrap().len(), 1, "a replay doubles nothing");

    send(&rig, "/v1/webhooks/stripe/main", "good", "nonsense").await;
    let nonsense = rig.operate("POST", "/v1/webhooks/evt_nonsense/replay", None).await;
    assert_eq!(nonsense.problem(), (422, "webhook_malformed".into()));
}

#[tokio::test]
async fn operators_questions_about_webhooks_are_checked() {
    let rig = Rig::new();
    let long = format!("/v1/webhooks/{}", "e".repeat(101));
    for (method, path, status, code) in [
        ("GET", "/v1/webhooks/evt_9", 404, "webhook_unknown"),
        ("GET", long.as_str(), 404, "webhook_unknown"),
        ("POST", "/v1/webhooks/evt_9/replay", 404, "webhook_unknown"),
        ("GET", "/v1/webhooks?found=new", 400, "query_parameter_invalid"),
        ("GET", "/v1/webhooks?source=new", 400, "query_parameter_invalid"),
        ("GET", "/v1/webhooks?received_from=today", 400, "query_parameter_invalid"),
        ("GET", "/v1/webhooks?cursor=x", 400, "cursor_invalid"),
        ("GET", "/v1/webhooks?payment=x", 400, "query_parameter_unknown"),
        ("GET", "/v1/webhooks/evt_9?body=1", 400, "query_parameter_unknown"),
    ] {
        assert_eq!(rig.operate(method, path, None).await.problem(), (status, code.into()), "{method} {path}");
    }
    for path in ["/v1/webhooks", "/v1/webhooks/evt_9"] {
        assert_eq!(rig.get(path).await.problem(), (403, "api_key_wrong_kind".into()), "a merchant sees no provider's messages: {path}");
    }
}
