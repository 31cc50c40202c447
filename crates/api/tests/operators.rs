//! What operators do, and what anybody may see.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;
use support::Rig;

#[tokio::test]
async fn a_new_merchant_gets_a_key_that_works_until_it_is_revoked() {
    let rig = Rig::new();
    let merchant = rig.operate("POST", "/v1/merchants", Some(json!({ "handle": "tea-shop" }))).await;
    assert_eq!(merchant.status, StatusCode::CREATED);
    let id = merchant.json()["id"].as_str().unwrap().to_owned();
    let made = rig.operate("POST", &format!("/v1/merchants/{id}/api_keys"), None).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let public_id = made.json()["id"].as_str().unwrap().to_owned();
    assert!(secret.starts_with(&format!("sk_test_{public_id}")));
    let balances = async || {
        let request = Request::builder().uri("/v1/balances").header("authorization", format!("Bearer {secret}"));
        rig.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(balances().await.status, StatusCode::OK);
    for _ in 0..2 {
        assert_eq!(rig.operate("DELETE", &format!("/v1/api_keys/{public_id}"), None).await.status, StatusCode::OK);
    }
    assert_eq!(balances().await.problem(), (401, "api_key_invalid".into()));
}

#[tokio::test]
async fn operators_requests_are_checked_too() {
    let rig = Rig::new();
    for (method, path, body, status, code) in [
        ("POST", "/v1/merchants", json!({ "handle": "books" }), 409, "handle_taken"),
        ("POST", "/v1/merchants", json!({ "handle": "" }), 422, "field_invalid"),
        ("POST", "/v1/merchants", json!({ "handle": "Books" }), 422, "field_invalid"),
        ("POST", "/v1/merchants", json!({ "handle": "-books" }), 422, "field_invalid"),
        ("POST", "/v1/merchants", json!({ "handle": "b".repeat(41) }), 422, "field_too_long"),
        ("POST", "/v1/merchants", json!({ "handle": "b", "email": "x" }), 400, "field_unknown"),
        ("POST", "/v1/merchants/mer_00000000000000000000000000/api_keys", json!({}), 404, "merchant_unknown"),
        ("POST", "/v1/merchants/nonsense/api_keys", json!({}), 404, "merchant_unknown"),
        ("POST", "/v1/merchants/nonsense/api_keys", json!({ "kind": "x" }), 400, "field_unknown"),
        ("DELETE", "/v1/api_keys/0000000000", json!({}), 404, "api_key_unknown"),
        ("DELETE", "/v1/api_keys/nonsense", json!({}), 404, "api_key_unknown"),
        ("POST", "/v1/privacy/erasures", json!({ "subject": "ada@example.com" }), 422, "field_invalid"),
        ("POST", "/v1/privacy/erasures", json!({ "subject": "sub_00000000000000000000000000" }), 422, "field_invalid"),
        ("POST", "/v1/privacy/erasures", json!({}), 400, "field_missing"),
        ("GET", "/v1/merchants?cursor=nonsense", json!({}), 400, "cursor_invalid"),
        ("GET", "/v1/merchants?handle=x", json!({}), 400, "query_parameter_unknown"),
    ] {
        let answer = rig.operate(method, path, Some(body)).await;
        assert_eq!(answer.problem(), (status, code.into()), "{method} {path}");
    }
}

#[tokio::test]
async fn merchants_are_listed_in_pages() {
    let rig = Rig::new();
    let first = rig.operate("GET", "/v1/merchants?limit=1", None).await.json();
    assert_eq!((&first["data"][0]["handle"], &first["has_more"]), (&json!("books"), &json!(true)));
    let next = format!("/v1/merchants?limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
    let second = rig.operate("GET", &next, None).await.json();
    assert_eq!((&second["data"][0]["handle"], &second["has_more"]), (&json!("shoes"), &json!(false)));
}

#[tokio::test]
async fn an_operator_erases_a_person_and_confirms_the_clock() {
    let rig = Rig::new();
    let body = json!({ "amount": { "amount_minor": 5, "currency": "EUR" }, "confirm": false, "customer": { "id": "c" } });
    let created = rig.post("/v1/payments", "k1", body).await.json();
    let erased = rig.operate("POST", "/v1/privacy/erasures", Some(json!({ "subject": created["subject"] }))).await;
    assert_eq!((erased.status, &erased.json()["subject"]), (StatusCode::OK, &created["subject"]));
    let read = rig.get(&format!("/v1/payments/{}", created["id"].as_str().unwrap())).await.json();
    assert_eq!((&read["erased"], &read["customer"]), (&json!(true), &json!(null)));
    rig.platform.run(&engine::Command::ReportClockJump { jump_ns: 9 });
    let confirmed = rig.operate("POST", "/v1/platform/clock/confirm", None).await;
    assert_eq!(confirmed.json(), json!({ "object": "clock", "expiries_suspended": false }));
    assert_eq!(rig.platform.commands().last(), Some(&engine::Command::ConfirmClock));
}

#[tokio::test]
async fn probes_metrics_and_the_description_are_open() {
    let rig = Rig::new();
    let open = async |path: &str| rig.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await;
    assert_eq!(open("/healthz").await.json(), json!({ "status": "ok" }));
    assert_eq!(open("/readyz").await.json(), json!({ "status": "ready" }));
    assert!(open("/metrics").await.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    assert_eq!(open("/openapi.json").await.text, api::openapi());
    rig.platform.set_ready(false);
    let answer = open("/readyz").await;
    assert_eq!(answer.problem(), (503, "not_ready".into()));
    assert_eq!(answer.json()["detail"], "the journal is being read");
}
