//! What operators do, and what anybody may see.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use api::Platform as _;
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
async fn keys_are_listed_by_owner_without_their_secrets() {
    let rig = Rig::new();
    let merchant = rig.operate("POST", "/v1/merchants", Some(json!({ "handle": "tea-shop" }))).await.json()["id"].clone();
    let of_merchant = format!("/v1/api_keys?merchant={}", merchant.as_str().unwrap());
    assert_eq!(rig.operate("GET", &of_merchant, None).await.json()["data"], json!([]));
    let mut ids = Vec::new();
    for _ in 0..3 {
        let made = rig.operate("POST", &format!("/v1/merchants/{}/api_keys", merchant.as_str().unwrap()), None).await.json();
        ids.push(made["id"].as_str().unwrap().to_owned());
        let listed = rig.operate("GET", &of_merchant, None).await;
        assert!(!listed.text.contains(made["secret"].as_str().unwrap()), "{}", listed.text);
    }
    rig.operate("DELETE", &format!("/v1/api_keys/{}", ids[1]), None).await;
    let revoked = ids[1].clone();
    ids.sort();
    let expected: Vec<_> = ids
        .iter()
        .map(|id| json!({ "id": id, "object": "api_key", "merchant": merchant, "operator": null, "revoked": *id == revoked }))
        .collect();
    assert_eq!(rig.operate("GET", &of_merchant, None).await.json()["data"], json!(expected));
    let first = rig.operate("GET", &format!("{of_merchant}&limit=2"), None).await.json();
    let second = rig.operate("GET", &format!("{of_merchant}&cursor={}", first["next_cursor"].as_str().unwrap()), None).await.json();
    assert_eq!((&first["data"], &second["data"]), (&json!(expected[..2]), &json!(expected[2..])));
    let all = rig.operate("GET", "/v1/api_keys?limit=100", None).await.json();
    assert!(all["data"].as_array().unwrap().iter().any(|key| key["operator"].is_string()), "an operator's key is there, too: {all}");
    assert_eq!(rig.operate("GET", "/v1/api_keys?merchant=tea-shop", None).await.problem(), (400, "query_parameter_invalid".into()));
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
        ("POST", "/v1/operators", json!({ "handle": "Ada" }), 422, "field_invalid"),
        ("POST", "/v1/operators/nonsense/api_keys", json!({}), 404, "operator_unknown"),
        ("POST", "/v1/operators/opr_00000000000000000000000000/api_keys", json!({}), 404, "operator_unknown"),
        ("GET", "/v1/parked_calls?cursor=nonsense", json!({}), 400, "cursor_invalid"),
        ("GET", "/v1/parked_calls?payment=x", json!({}), 400, "query_parameter_unknown"),
        ("POST", "/v1/parked_calls/nonsense/look", json!({}), 404, "parked_call_unknown"),
        ("POST", "/v1/parked_calls/eff_00000000000000000000000000/look", json!({}), 404, "parked_call_unknown"),
        ("GET", "/v1/quarantine?cursor=nonsense", json!({}), 400, "cursor_invalid"),
        ("POST", "/v1/quarantine/nonsense/release", json!({}), 422, "field_invalid"),
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

#[tokio::test]
async fn a_second_operator_gets_a_key_that_works() {
    let rig = Rig::new();
    let made = rig.operate("POST", "/v1/operators", Some(json!({ "handle": "bob" }))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("opr_"));
    let again = rig.operate("POST", "/v1/operators", Some(json!({ "handle": "bob" }))).await;
    assert_eq!(again.problem(), (409, "handle_taken".into()));
    let key = rig.operate("POST", &format!("/v1/operators/{id}/api_keys"), None).await;
    assert_eq!((key.status, key.json()["operator"].as_str()), (StatusCode::CREATED, Some(id.as_str())));
    let secret = key.json()["secret"].as_str().unwrap().to_owned();
    let request = Request::builder().uri("/v1/quarantine").header("authorization", format!("Bearer {secret}"));
    assert_eq!(rig.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn quarantined_commands_are_listed_in_pages_and_released() {
    let rig = Rig::new();
    for number in [3, 1, 2] {
        rig.platform.run(&engine::Command::Quarantine { fingerprint: [number; 16] });
    }
    let mut seen = Vec::new();
    let mut path = "/v1/quarantine?limit=2".to_owned();
    for _ in 0..2 {
        let page = rig.operate("GET", &path, None).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|command| command["id"].as_str().unwrap().to_owned()));
        path = format!("/v1/quarantine?limit=2&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
    }
    assert_eq!(seen, ["01", "02", "03"].map(|byte| byte.repeat(16)));
    for _ in 0..2 {
        let released = rig.operate("POST", &format!("/v1/quarantine/{}/release", seen[1]), None).await;
        assert_eq!((released.status, &released.json()["released"]), (StatusCode::OK, &json!(true)));
    }
    let left = rig.operate("GET", "/v1/quarantine", None).await.json();
    assert_eq!(left["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn parked_calls_are_listed_with_what_a_person_needs_to_find_them_at_the_provider() {
    let rig = Rig::new();
    rig.platform.silence();
    let body = json!({ "amount": { "amount_minor": 5, "currency": "EUR" }, "payment_method": "pm_card_visa" });
    let request = rig.post("/v1/payments", "k1", body);
    let parked = async {
        rig.platform.durable_after(rig.platform.durable_seq()).await;
        rig.platform.park_all();
    };
    let (created, ()) = tokio::join!(request, parked);
    let list = rig.operate("GET", "/v1/parked_calls", None).await.json();
    let call = &list["data"][0];
    assert_eq!(call["payment"], created.json()["id"]);
    assert_eq!(
        (&call["operation"], &call["amount"]["amount_minor"], &call["provider"]),
        (&json!("authorize"), &json!(5), &json!("stripe"))
    );
    assert!(call["reference"].as_str().unwrap().starts_with("bzr_"));
    let looked = rig.operate("POST", &format!("/v1/parked_calls/{}/look", call["id"].as_str().unwrap()), None).await;
    assert_eq!((looked.status, &looked.json()["status"]), (StatusCode::ACCEPTED, &json!("looking")));
    let again = rig.operate("POST", &format!("/v1/parked_calls/{}/look", call["id"].as_str().unwrap()), None).await;
    assert_eq!(again.problem(), (404, "parked_call_unknown".into()));
}
