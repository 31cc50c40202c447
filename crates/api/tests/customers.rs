//! Customers, the payment methods that they store, and charging them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use axum::body::Body;
use engine::{Command, CreatePayment, Presence};
use serde_json::{Value, json};
use support::{Answer, Rig, options};

async fn customer(rig: &Rig, key: &str) -> Value {
    let body = json!({ "email": "ada@example.com", "name": "Ada", "description": "regular", "metadata": { "tier": "gold" } });
    let answer = rig.post("/v1/customers", key, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn store(rig: &Rig, customer: &Value, key: &str, token: &str) -> Answer {
    rig.post(&format!("/v1/customers/{}/payment_methods", id(customer)), key, json!({ "payment_method": token })).await
}

async fn active(rig: &Rig, customer: &Value, key: &str) -> Value {
    let answer = store(rig, customer, key, "pm_card_visa").await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

async fn delete(rig: &Rig, path: &str) -> Answer {
    rig.send(rig.request("DELETE", path).body(Body::empty()).unwrap()).await
}

fn charge(method: &Value) -> Value {
    json!({ "amount": { "amount_minor": 500, "currency": "EUR" }, "payment_method": id(method), "off_session": true })
}

fn last_create(rig: &Rig) -> CreatePayment {
    let created = |command| match command {
        Command::CreatePayment(create) => Some(create),
        _ => None,
    };
    rig.platform.commands().into_iter().rev().find_map(created).unwrap()
}

#[tokio::test]
async fn a_customer_is_created_read_listed_and_deleted() {
    let rig = Rig::new();
    let created = customer(&rig, "k1").await;
    assert!(id(&created).starts_with("cus_"));
    for (field, expected) in [
        ("object", json!("customer")),
        ("email", json!("ada@example.com")),
        ("name", json!("Ada")),
        ("description", json!("regular")),
        ("metadata", json!({ "tier": "gold" })),
        ("reference", json!(null)),
        ("deleted", json!(false)),
        ("erased", json!(false)),
    ] {
        assert_eq!(created[field], expected, "{field}");
    }
    let path = format!("/v1/customers/{}", id(&created));
    assert_eq!(rig.get(&path).await.json(), created);
    assert_eq!(rig.get("/v1/customers").await.json()["data"], json!([created]));
    let deleted = delete(&rig, &path).await;
    assert_eq!((deleted.status.as_u16(), &deleted.json()["deleted"], &deleted.json()["name"]), (200, &json!(true), &json!("Ada")));
    assert_eq!(delete(&rig, &path).await.json(), deleted.json(), "again is the same");
    assert_eq!(rig.get(&path).await.json(), deleted.json());
    assert_eq!(rig.get("/v1/customers").await.json()["data"], json!([]));
    assert_eq!(store(&rig, &created, "k2", "pm_card_visa").await.problem(), (404, "customer_unknown".into()));
}

#[tokio::test]
async fn a_customer_has_one_answer_for_one_key() {
    let rig = Rig::new();
    let created = customer(&rig, "k1").await;
    let body = json!({ "email": "ada@example.com", "name": "Ada", "description": "regular", "metadata": { "tier": "gold" } });
    let again = rig.post("/v1/customers", "k1", body).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(again.json(), created);
    assert_eq!(rig.post("/v1/customers", "k1", json!({})).await.problem(), (422, "idempotency_key_reused".into()));
    let without = rig.send(rig.request("POST", "/v1/customers").body(Body::empty()).unwrap()).await;
    assert_eq!(without.problem(), (400, "idempotency_key_missing".into()));
}

#[tokio::test]
async fn what_is_wrong_with_a_customer_is_named() {
    let rig = Rig::new();
    for (body, code, field) in [
        (json!({ "email": "nobody" }), "field_invalid", "email"),
        (json!({ "name": " " }), "field_invalid", "name"),
        (json!({ "name": "n".repeat(501) }), "field_too_long", "name"),
        (json!({ "reference": "r".repeat(201) }), "field_too_long", "reference"),
        (json!({ "description": "d".repeat(1_001) }), "field_too_long", "description"),
        (json!({ "phone": "1" }), "field_unknown", "phone"),
    ] {
        let answer = rig.post("/v1/customers", "k1", body).await;
        assert_eq!((answer.problem().1.as_str(), &answer.json()["field"]), (code, &json!(field)));
    }
    let created = customer(&rig, "k2").await;
    let path = format!("/v1/customers/{}/payment_methods", id(&created));
    for (body, expected) in [
        (json!({ "payment_method": "no token" }), (422, "field_invalid")),
        (json!({}), (400, "field_missing")),
        (json!({ "payment_method": "pm_card_visa", "provider": "nobody" }), (422, "provider_unknown")),
    ] {
        let (status, code) = rig.post(&path, "k3", body).await.problem();
        assert_eq!((status, code.as_str()), expected);
    }
}

#[tokio::test]
async fn the_same_person_is_one_subject_by_reference_or_email() {
    let rig = Rig::new();
    let by_email = customer(&rig, "k1").await;
    let same = customer(&rig, "k2").await;
    assert_eq!(by_email["subject"], same["subject"]);
    let named = rig.post("/v1/customers", "k3", json!({ "email": "ada@example.com", "reference": "c-7" })).await.json();
    assert_ne!(named["subject"], by_email["subject"]);
    let body = json!({ "amount": { "amount_minor": 5, "currency": "EUR" }, "payment_method": "pm_card_visa", "customer": { "id": "c-7" } });
    assert_eq!(rig.post("/v1/payments", "k4", body).await.json()["subject"], named["subject"]);
    let nobody = [rig.post("/v1/customers", "k5", json!({})).await.json(), rig.post("/v1/customers", "k6", json!({})).await.json()];
    assert_ne!(nobody[0]["subject"], nobody[1]["subject"]);
}

#[tokio::test]
async fn a_payment_method_is_stored_read_and_removed() {
    let rig = Rig::new();
    let created = customer(&rig, "k1").await;
    let method = active(&rig, &created, "k2").await;
    assert!(id(&method).starts_with("pmt_"));
    for (field, expected) in [
        ("object", json!("payment_method")),
        ("customer", created["id"].clone()),
        ("status", json!("active")),
        ("card", json!({ "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2_034 })),
        ("credentials", json!([{ "provider": "stripe", "provider_id": "pm_card_visa_stored" }])),
        ("failure_code", json!(null)),
    ] {
        assert_eq!(method[field], expected, "{field}");
    }
    let path = format!("/v1/payment_methods/{}", id(&method));
    assert_eq!(rig.get(&path).await.json(), method);
    let again = store(&rig, &created, "k2", "pm_card_visa").await;
    assert_eq!((again.status.as_u16(), again.json()), (200, method.clone()));
    let removed = delete(&rig, &path).await;
    assert_eq!((removed.status.as_u16(), &removed.json()["status"], &removed.json()["credentials"]), (200, &json!("removed"), &json!([])));
    assert_eq!(delete(&rig, &path).await.json(), removed.json(), "again is the same");
    assert_eq!(rig.get(&path).await.json(), removed.json());
    let listed = rig.get(&format!("/v1/customers/{}/payment_methods", id(&created))).await.json();
    assert_eq!(listed["data"], json!([removed.json()]));
}

#[tokio::test]
async fn a_refused_payment_method_is_failed_with_its_code_and_a_silent_provider_leaves_it_storing() {
    let rig = Rig::with(api::Options { wait_ms_max: 20, ..options() });
    let created = customer(&rig, "k1").await;
    let failed = store(&rig, &created, "k2", "pm_declined").await;
    assert_eq!((failed.status.as_u16(), &failed.json()["status"]), (201, &json!("failed")));
    assert_eq!(failed.json()["failure_code"], "card_declined");
    assert_eq!(delete(&rig, &format!("/v1/payment_methods/{}", id(&failed.json()))).await.problem().1, "payment_method_state_conflict");
    let storing = store(&rig, &created, "k3", "pm_silent").await;
    assert_eq!((storing.status.as_u16(), &storing.json()["status"]), (202, &json!("storing")));
    assert_eq!(store(&rig, &created, "k3", "pm_silent").await.problem(), (409, "idempotency_key_in_use".into()));
    assert_eq!(delete(&rig, &format!("/v1/customers/{}", id(&created))).await.problem(), (409, "operation_in_flight".into()));
    let refused = rig.post("/v1/payments", "k4", charge(&storing.json())).await;
    assert_eq!(refused.problem(), (409, "payment_method_state_conflict".into()));
}

#[tokio::test]
async fn a_stored_payment_method_is_charged_while_the_customer_is_away() {
    let rig = Rig::new();
    let created = customer(&rig, "k1").await;
    let method = active(&rig, &created, "k2").await;
    let answer = rig.post("/v1/payments", "k3", charge(&method)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let payment = answer.json();
    for (field, expected) in [
        ("status", json!("captured")),
        ("payment_method", method["id"].clone()),
        ("off_session", json!(true)),
        ("customer", json!({ "id": created["id"], "email": null, "country": null })),
        ("subject", created["subject"].clone()),
    ] {
        assert_eq!(payment[field], expected, "{field}");
    }
    let asked = last_create(&rig);
    assert_eq!(
        (asked.presence, asked.payment_method, asked.method.map(|id| id.to_string())),
        (Presence::OffSession, None, Some(id(&method).to_owned()))
    );
    let mut read = rig.get(&format!("/v1/payments/{}", id(&payment))).await.json();
    read["updated_at"] = json!(null);
    assert_eq!(read, payment, "the engine's answer and the read model's are the same object");
    let named = json!({
        "amount": { "amount_minor": 500, "currency": "EUR" }, "payment_method": id(&method),
        "customer": { "id": id(&created), "country": "DE" },
    });
    let named = rig.post("/v1/payments", "k4", named).await.json();
    assert_eq!((&named["status"], &named["off_session"]), (&json!("captured"), &json!(false)));
    assert_eq!(named["customer"], json!({ "id": created["id"], "email": null, "country": "DE" }));
    let journey = rig.get(&format!("/v1/payments/{}/journey", id(&payment))).await.json();
    let started = journey["data"].as_array().unwrap().iter().find(|event| event["type"] == "attempt.started").unwrap();
    assert_eq!(started["data"]["on_file"], json!({ "customer": created["id"], "payment_method": method["id"], "off_session": true }));
}

#[tokio::test]
async fn what_cannot_be_charged_says_what_to_do() {
    let rig = Rig::new();
    let created = customer(&rig, "k1").await;
    let method = active(&rig, &created, "k2").await;
    let other = customer(&rig, "k3").await;
    let amount = json!({ "amount_minor": 500, "currency": "EUR" });
    let gone = "cus_00000000000000000000000000";
    for (body, expected) in [
        (json!({ "amount": amount, "payment_method": "pm_card_visa", "off_session": true }), (422, "stored_payment_method_required")),
        (json!({ "amount": amount, "payment_method": "pmt_nonsense" }), (404, "payment_method_unknown")),
        (json!({ "amount": amount, "payment_method": "pmt_00000000000000000000000000" }), (404, "payment_method_unknown")),
        (json!({ "amount": amount, "payment_method": id(&method), "customer": { "id": id(&other) } }), (404, "payment_method_unknown")),
        (json!({ "amount": amount, "payment_method": "pm_card_visa", "customer": { "id": gone } }), (404, "customer_unknown")),
    ] {
        let (status, code) = rig.post("/v1/payments", "k4", body.clone()).await.problem();
        assert_eq!((status, code.as_str()), expected, "{body}");
    }
    delete(&rig, &format!("/v1/payment_methods/{}", id(&method))).await;
    assert_eq!(rig.post("/v1/payments", "k5", charge(&method)).await.problem(), (409, "payment_method_state_conflict".into()));
}

#[tokio::test]
async fn a_confirm_takes_a_stored_payment_method() {
    let rig = Rig::new();
    let created = customer(&rig, "k1").await;
    let method = active(&rig, &created, "k2").await;
    let body = json!({ "amount": { "amount_minor": 500, "currency": "EUR" }, "confirm": false });
    let payment = rig.post("/v1/payments", "k3", body).await.json();
    let path = format!("/v1/payments/{}/confirm", id(&payment));
    assert_eq!(rig.post(&path, "k4", json!({ "off_session": true })).await.problem(), (422, "stored_payment_method_required".into()));
    let confirmed = rig.post(&path, "k5", json!({ "payment_method": id(&method), "off_session": true })).await.json();
    assert_eq!((&confirmed["status"], &confirmed["payment_method"]), (&json!("captured"), &method["id"]));
    assert_eq!(confirmed["off_session"], true);
}

#[tokio::test]
async fn an_erased_customer_is_unreadable_and_still_charged() {
    let rig = Rig::new();
    let created = customer(&rig, "k1").await;
    let method = active(&rig, &created, "k2").await;
    let erasure = json!({ "subject": created["subject"] });
    let answer = rig.operate("POST", "/v1/privacy/erasures", Some(erasure)).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let shown = rig.get(&format!("/v1/customers/{}", id(&created))).await.json();
    assert_eq!(shown["erased"], true);
    for field in ["email", "name", "description", "metadata", "reference"] {
        assert_eq!(shown[field], json!(null), "{field}");
    }
    let payment = rig.post("/v1/payments", "k3", charge(&method)).await.json();
    assert_eq!(payment["status"], "captured");
}

#[tokio::test]
async fn customers_and_payment_methods_are_in_the_merchants_events_without_anything_personal() {
    let rig = Rig::new();
    let created = customer(&rig, "k1").await;
    active(&rig, &created, "k2").await;
    let listed = rig.get("/v1/events?limit=100").await;
    for kind in ["customer.created", "customer.stored", "payment_method.started", "payment_method.stored"] {
        assert!(listed.text.contains(kind), "{kind}");
    }
    assert!(!listed.text.contains("ada@example.com") && !listed.text.contains("Ada"));
}
