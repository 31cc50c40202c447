//! What moves money: creating, confirming, capturing, canceling, refunding; replays, waits and hang-ups.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use api::SubmitError;
use axum::body::Body;
use engine::{Command, Reply};
use http::StatusCode;
use serde_json::json;
use support::{Rig, options, payment};

#[tokio::test]
async fn a_payment_is_created_confirmed_and_captured_in_one_request() {
    let rig = Rig::new();
    let body = json!({
        "amount": { "amount_minor": 1_999, "currency": "EUR" },
        "payment_method": "pm_card_visa",
        "reference": "order-1",
        "customer": { "email": "ada@example.com", "country": "DE" },
        "description": "two books",
        "metadata": { "shelf": "7" },
    });
    let answer = rig.post("/v1/payments", "k1", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let created = answer.json();
    for (field, expected) in [
        ("object", json!("payment")),
        ("status", json!("captured")),
        ("amount", json!({ "amount_minor": 1_999, "currency": "EUR" })),
        ("captured_minor", json!(1_999)),
        ("fee_minor", json!(3)),
        ("capture", json!("automatic")),
        ("reference", json!("order-1")),
        ("customer", json!({ "id": null, "email": "ada@example.com", "country": "DE" })),
        ("description", json!("two books")),
        ("metadata", json!({ "shelf": "7" })),
        ("erased", json!(false)),
        ("provider", json!("stripe")),
        ("provider_id", json!("pi_1")),
        ("last_decline", json!(null)),
        ("next_action", json!(null)),
    ] {
        assert_eq!(created[field], expected, "{field}");
    }
    let attempt = &created["attempts"][0];
    assert_eq!((&attempt["status"], &attempt["outcome"]), (&json!("captured"), &json!("approved")));
    assert!(attempt["id"].as_str().unwrap().starts_with("att_"));
    assert!(created["id"].as_str().unwrap().starts_with("pay_"));
    assert!(answer.header("idempotent-replayed").is_none());
    assert!(answer.header("bezant-seq").unwrap().parse::<u64>().unwrap() > 0);
    assert!(answer.header("request-id").unwrap().starts_with("req_"));

    let read = rig.get(&format!("/v1/payments/{}", created["id"].as_str().unwrap())).await.json();
    assert!(read["updated_at"].is_string());
    let without_time = |mut object: serde_json::Value| {
        object["updated_at"] = json!(null);
        object
    };
    assert_eq!(without_time(read), created, "the engine's answer and the read model's are the same object");
}

#[tokio::test]
async fn the_same_request_replays_and_another_body_or_path_under_its_key_is_refused() {
    let rig = Rig::new();
    let body = json!({
        "amount": { "amount_minor": 500, "currency": "EUR" }, "payment_method": "pm_card_visa",
        "customer": { "id": "c1" }, "metadata": { "a": "1", "b": "2" },
    });
    let first = rig.post("/v1/payments", "k1", body.clone()).await;
    let again = rig.post("/v1/payments", "k1", body.clone()).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json(), first.json());
    let reordered = r#"{"metadata":{"b":"2","a":"1"},"customer":{"id":"c1"},"payment_method":"pm_card_visa",
        "amount":{"currency":"EUR","amount_minor":500}}"#;
    let request = rig.request("POST", "/v1/payments").header("idempotency-key", "k1").body(Body::from(reordered)).unwrap();
    assert_eq!(rig.send(request).await.status, StatusCode::OK, "order and space do not matter");

    let mut other = body.clone();
    other["amount"]["amount_minor"] = json!(501);
    assert_eq!(rig.post("/v1/payments", "k1", other).await.problem(), (422, "idempotency_key_reused".into()));
    let path = format!("/v1/payments/{}/cancel", first.json()["id"].as_str().unwrap());
    assert_eq!(rig.post(&path, "k1", json!({})).await.problem(), (422, "idempotency_key_reused".into()));
    assert_eq!(rig.platform.payments_count(), 1);

    let held = json!({ "amount": { "amount_minor": 500, "currency": "EUR" }, "payment_method": "pm_card_visa", "capture": "manual" });
    let held = rig.post("/v1/payments", "k2", held).await.json();
    let path = format!("/v1/payments/{}", held["id"].as_str().unwrap());
    assert_eq!(rig.post(&format!("{path}/capture"), "k3", json!({})).await.status, StatusCode::OK);
    let elsewhere = rig.post(&format!("{path}/cancel"), "k3", json!({})).await;
    assert_eq!(elsewhere.problem(), (422, "idempotency_key_reused".into()), "the same body on another path");

    let request = rig.request("POST", "/v1/payments").header("idempotency-key", "k1").body(Body::from(body.to_string()));
    let mut request = request.unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", rig.other_key).parse().unwrap());
    assert_eq!(rig.send(request).await.status, StatusCode::CREATED, "a key belongs to its merchant");
}

#[tokio::test]
async fn a_reference_names_one_payment_for_ever() {
    let rig = Rig::new();
    let body = |amount_minor: u64, method: &str| {
        json!({
            "amount": { "amount_minor": amount_minor, "currency": "EUR" }, "payment_method": method, "reference": "order-1",
        })
    };
    let first = rig.post("/v1/payments", "k1", body(500, "pm_card_visa")).await;
    let again = rig.post("/v1/payments", "k2", body(500, "pm_card_visa")).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (StatusCode::OK, Some("true")));
    assert_eq!(again.json()["id"], first.json()["id"]);
    let mut later = body(500, "pm_card_visa");
    later["retry_declined"] = json!(true);
    later["confirm"] = json!(false);
    assert_eq!(rig.post("/v1/payments", "k3", later).await.status, StatusCode::OK, "what belongs to the moment is no content");
    let conflict = rig.post("/v1/payments", "k4", body(501, "pm_card_visa")).await;
    assert_eq!(conflict.problem(), (409, "reference_conflict".into()));
    assert_eq!(conflict.json()["payment"], first.json()["id"]);
    assert_eq!(conflict.json()["field"], "reference");
}

#[tokio::test]
async fn a_decline_says_why_and_a_declined_reference_can_be_tried_again() {
    let rig = Rig::new();
    let body = |method: &str, retry: bool| {
        json!({
            "amount": { "amount_minor": 500, "currency": "EUR" }, "payment_method": method, "reference": "order-1", "retry_declined": retry,
        })
    };
    let declined = rig.post("/v1/payments", "k1", body("pm_declined", false)).await;
    assert_eq!(declined.status, StatusCode::CREATED);
    let object = declined.json();
    assert_eq!(object["status"], "declined");
    assert_eq!(object["last_decline"], json!({ "class": "soft_funds", "code": "insufficient_funds", "network_code": "51" }));
    assert_eq!(object["attempts"][0]["outcome"], "declined");
    assert_eq!(rig.post("/v1/payments", "k2", body("pm_declined", false)).await.header("idempotent-replayed"), Some("true"));
    let retried = rig.post("/v1/payments", "k3", body("pm_card_visa", true)).await;
    assert_eq!(retried.status, StatusCode::OK, "the payment existed");
    let retried = retried.json();
    assert_eq!((&retried["id"], &retried["status"]), (&object["id"], &json!("captured")));
    assert_eq!(retried["attempts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn authorized_money_is_captured_in_part_or_canceled() {
    let rig = Rig::new();
    let body = json!({ "amount": { "amount_minor": 500, "currency": "EUR" }, "payment_method": "pm_card_visa", "capture": "manual" });
    let first = rig.post("/v1/payments", "k1", body.clone()).await.json();
    assert_eq!((&first["status"], &first["held_minor"]), (&json!("authorized"), &json!(500)));
    let path = format!("/v1/payments/{}", first["id"].as_str().unwrap());
    let above = rig.post(&format!("{path}/capture"), "k2", json!({ "amount_minor": 501 })).await;
    assert_eq!(above.problem(), (422, "capture_above_held".into()));
    let captured = rig.post(&format!("{path}/capture"), "k3", json!({ "amount_minor": 300 })).await;
    assert_eq!(captured.status, StatusCode::OK);
    assert_eq!((&captured.json()["status"], &captured.json()["captured_minor"]), (&json!("captured"), &json!(300)));
    assert_eq!(rig.post(&format!("{path}/cancel"), "k4", json!({})).await.problem(), (409, "state_conflict".into()));

    let second = rig.post("/v1/payments", "k5", body).await.json();
    let path = format!("/v1/payments/{}/cancel", second["id"].as_str().unwrap());
    let request = rig.request("POST", &path).header("idempotency-key", "k6").body(Body::empty()).unwrap();
    let canceled = rig.send(request).await;
    assert_eq!((canceled.status, &canceled.json()["status"]), (StatusCode::OK, &json!("canceled")));
}

#[tokio::test]
async fn a_payment_without_confirmation_is_confirmed_later() {
    let rig = Rig::new();
    let body = json!({ "amount": { "amount_minor": 500, "currency": "EUR" }, "confirm": false, "customer": { "id": "c" } });
    let created = rig.post("/v1/payments", "k1", body).await;
    assert_eq!((created.status, &created.json()["status"]), (StatusCode::CREATED, &json!("created")));
    let path = format!("/v1/payments/{}/confirm", created.json()["id"].as_str().unwrap());
    assert_eq!(rig.post(&path, "k2", json!({})).await.problem(), (422, "payment_method_required".into()));
    let acting = rig.post(&path, "k3", json!({ "payment_method": "pm_action", "return_url": "https://shop.example/back" })).await;
    assert_eq!(acting.status, StatusCode::OK);
    let object = acting.json();
    assert_eq!(object["status"], "requires_action");
    assert_eq!(object["next_action"], json!({ "type": "redirect", "url": "https://provider.example/3ds" }));
    assert_eq!(object["customer"]["id"], "c", "details come from what was sealed");
}

#[tokio::test(start_paused = true)]
async fn without_an_outcome_the_answer_is_202_processing_and_the_key_is_in_use() {
    let rig = Rig::new();
    let began = tokio::time::Instant::now();
    let answer = rig.post("/v1/payments", "k1", payment(500, "pm_silent")).await;
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::ACCEPTED, &json!("processing")));
    assert_eq!(answer.json()["attempts"][0]["outcome"], json!(null));
    assert_eq!(began.elapsed().as_secs(), 25);
    let again = rig.post("/v1/payments", "k1", payment(500, "pm_silent")).await;
    assert_eq!(again.problem(), (409, "idempotency_key_in_use".into()));
    assert_eq!(again.header("retry-after"), Some("1"));
    let path = format!("/v1/payments/{}/cancel", answer.json()["id"].as_str().unwrap());
    assert_eq!(rig.post(&path, "k2", json!({})).await.problem(), (409, "operation_in_flight".into()));
}

#[tokio::test(start_paused = true)]
async fn refunds_never_exceed_what_was_taken() {
    let rig = Rig::new();
    let id = rig.captured("k1", 10_000).await;
    rig.platform.silence();
    let first = rig.post("/v1/refunds", "r1", json!({ "payment": id, "amount_minor": 6_000, "reason": "torn" })).await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    assert_eq!((&first.json()["status"], &first.json()["reason"]), (&json!("started"), &json!("torn")));
    let second = rig.post("/v1/refunds", "r2", json!({ "payment": id, "amount_minor": 6_000 })).await;
    assert_eq!(second.problem(), (422, "refund_above_remaining".into()));
    assert!(second.json()["detail"].as_str().unwrap().contains("4000"));
}

#[tokio::test]
async fn a_refund_is_created_replayed_and_read() {
    let rig = Rig::new();
    let id = rig.captured("k1", 10_000).await;
    let body = json!({ "payment": id, "amount_minor": 2_500, "reason": "torn", "metadata": { "a": "b" } });
    let created = rig.post("/v1/refunds", "r1", body.clone()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let object = created.json();
    assert_eq!((&object["status"], &object["payment"]), (&json!("succeeded"), &json!(id)));
    assert_eq!(object["amount"], json!({ "amount_minor": 2_500, "currency": "EUR" }));
    let again = rig.post("/v1/refunds", "r1", body).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (StatusCode::OK, Some("true")));
    assert_eq!(again.json(), object);
    let mut read = rig.get(&format!("/v1/refunds/{}", object["id"].as_str().unwrap())).await.json();
    read["updated_at"] = json!(null);
    assert_eq!(read, object);
    let rest = rig.post("/v1/refunds", "r2", json!({ "payment": id })).await;
    assert_eq!(rest.json()["amount"]["amount_minor"], 7_500);
    assert_eq!(rig.get(&format!("/v1/payments/{id}")).await.json()["status"], "refunded");
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_nothing() {
    let rig = Rig::new();
    rig.platform.close_gate();
    let before = rig.platform.arrivals();
    let request = rig.request("POST", "/v1/payments").header("idempotency-key", "k1");
    let request = request.body(Body::from(payment(500, "pm_card_visa").to_string())).unwrap();
    let client = tokio::spawn(tower::ServiceExt::oneshot(rig.router.clone(), request));
    rig.platform.arrived(before + 1).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    let seq = api::Platform::durable_seq(rig.platform.as_ref());
    rig.platform.open_gate();
    rig.platform.durable_after(seq).await;
    assert_eq!(rig.platform.payments_count(), 1);
    let again = rig.post("/v1/payments", "k1", payment(500, "pm_card_visa")).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (StatusCode::OK, Some("true")));
}

#[tokio::test]
async fn one_request_more_than_the_bound_is_told_to_come_again() {
    let rig = Rig::with(api::Options { requests_open_max: 1, ..options() });
    rig.platform.close_gate();
    let before = rig.platform.arrivals();
    let request = rig.request("POST", "/v1/payments").header("idempotency-key", "k1");
    let request = request.body(Body::from(payment(500, "pm_card_visa").to_string())).unwrap();
    let first = tokio::spawn(tower::ServiceExt::oneshot(rig.router.clone(), request));
    rig.platform.arrived(before + 1).await;
    let second = rig.post("/v1/payments", "k2", payment(500, "pm_card_visa")).await;
    assert_eq!(second.problem(), (503, "busy".into()));
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(rig.get("/healthz").await.status, StatusCode::OK, "probes are not counted");
    rig.platform.open_gate();
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_submission_without_an_answer_is_a_problem_with_the_right_hint() {
    for (error, status, code, retry_after) in [
        (SubmitError::Busy { retry_after_s: 7 }, 503, "busy", Some("7")),
        (SubmitError::Stopping, 503, "stopping", Some("5")),
        (SubmitError::Poisoned, 500, "command_quarantined", None),
    ] {
        let rig = Rig::new();
        rig.platform.refuse_with(error);
        let answer = rig.post("/v1/payments", "k1", payment(500, "pm_card_visa")).await;
        assert_eq!(answer.problem(), (status, code.into()));
        assert_eq!(answer.header("retry-after"), retry_after, "{code}");
    }
}

#[tokio::test]
async fn personal_data_is_sealed_and_the_simulator_is_asked_only_where_allowed() {
    for allow_simulate in [true, false] {
        let rig = Rig::with(api::Options { allow_simulate, ..options() });
        let body = json!({
            "amount": { "amount_minor": 500, "currency": "EUR" }, "payment_method": "pm_card_visa", "reference": "order-secret",
            "customer": { "email": "ada@example.com" }, "description": "a gift", "metadata": { "sim": "latency", "note": "blue" },
        });
        assert_eq!(rig.post("/v1/payments", "k1", body).await.status, StatusCode::CREATED);
        let commands = rig.platform.commands();
        let Some(Command::CreatePayment(command)) = commands.last() else { panic!("{commands:?}") };
        assert_eq!(command.private.simulate.as_deref(), allow_simulate.then_some("latency"));
        let sealed = command.details.clone().unwrap();
        assert_eq!(sealed.subject, command.subject);
        let printed = format!("{command:?}");
        for text in ["order-secret", "ada@", "gift", "blue"] {
            assert!(!printed.contains(text), "{text}");
        }
        let path = "/v1/payments/pay_00000000000000000000000000/capture";
        let answer = rig.post(path, "k2", json!({ "simulate": "latency" })).await;
        let expected = if allow_simulate { (404, "payment_unknown".into()) } else { (422, "field_invalid".into()) };
        assert_eq!(answer.problem(), expected);
    }
}

#[tokio::test]
async fn one_person_has_one_subject_however_the_address_is_written() {
    let rig = Rig::new();
    let subject_of = async |key: &str, customer: serde_json::Value| {
        let body = json!({ "amount": { "amount_minor": 500, "currency": "EUR" }, "confirm": false, "customer": customer });
        rig.post("/v1/payments", key, body).await.json()["subject"].as_str().unwrap().to_owned()
    };
    let first = subject_of("k1", json!({ "email": "Ada@Example.com" })).await;
    assert_eq!(subject_of("k2", json!({ "email": " ada@example.com " })).await, first);
    assert_ne!(subject_of("k3", json!({ "email": "bob@example.com" })).await, first);
    let named = subject_of("k4", json!({ "id": "c1", "email": "ada@example.com" })).await;
    assert_ne!(named, first);
    assert_eq!(subject_of("k5", json!({ "id": "c1" })).await, named);
    assert_ne!(subject_of("k6", json!(null)).await, subject_of("k7", json!(null)).await, "nobody named: each payment stands for itself");
}

#[tokio::test]
async fn after_erasure_details_are_null_and_the_payment_stays() {
    let rig = Rig::new();
    let body = json!({ "amount": { "amount_minor": 500, "currency": "EUR" }, "payment_method": "pm_card_visa", "reference": "order-1",
        "customer": { "id": "c1" }, "metadata": { "a": "b" } });
    let created = rig.post("/v1/payments", "k1", body.clone()).await.json();
    let refund = rig.post("/v1/refunds", "r1", json!({ "payment": created["id"], "amount_minor": 1, "reason": "x" })).await.json();
    let subject = created["subject"].as_str().unwrap().parse().unwrap();
    assert_eq!(rig.platform.run(&Command::EraseSubject { subject }).reply, Reply::Done);
    let read = rig.get(&format!("/v1/payments/{}", created["id"].as_str().unwrap())).await.json();
    let replayed = rig.post("/v1/payments", "k1", body).await.json();
    for object in [read, replayed] {
        assert_eq!(object["erased"], true);
        for field in ["reference", "customer", "description", "metadata"] {
            assert_eq!(object[field], json!(null), "{field}");
        }
        assert_eq!(object["amount"]["amount_minor"], 500);
    }
    let refund = rig.get(&format!("/v1/refunds/{}", refund["id"].as_str().unwrap())).await.json();
    assert_eq!((&refund["erased"], &refund["reason"]), (&json!(true), &json!(null)));
}
