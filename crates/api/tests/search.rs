//! One search field for operators: what a text names, whoever owns it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use http::StatusCode;
use serde_json::{Value, json};
use support::{Rig, payment};

async fn search(rig: &Rig, query: &str) -> Value {
    let answer = rig.operate("GET", &format!("/v1/search?q={query}"), None).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
    let body = answer.json();
    assert_eq!((&body["object"], &body["has_more"], &body["merchants_all"]), (&json!("list"), &json!(false), &json!(true)));
    body["data"].clone()
}

#[tokio::test]
async fn ids_of_ours_ids_of_providers_handles_and_references_are_found_across_merchants() {
    let rig = Rig::new();
    let body =
        json!({ "amount": { "amount_minor": 1_999, "currency": "EUR" }, "payment_method": "pm_card_visa", "reference": "order 7/é" });
    let id = rig.post("/v1/payments", "k1", body.clone()).await.json()["id"].as_str().unwrap().to_owned();
    let same_reference = rig.request("POST", "/v1/payments").header("idempotency-key", "k1");
    let mut same_reference = same_reference.body(axum::body::Body::from(body.to_string())).unwrap();
    same_reference.headers_mut().insert("authorization", format!("Bearer {}", rig.other_key).parse().unwrap());
    let other_id = rig.send(same_reference).await.json()["id"].as_str().unwrap().to_owned();
    let refund = rig.post("/v1/refunds", "r1", json!({ "payment": id, "amount_minor": 100 })).await.json();
    let customer = rig.post("/v1/customers", "c1", json!({})).await.json()["id"].as_str().unwrap().to_owned();
    let body = json!({ "payment_method": "pm_card_visa" });
    let stored = rig.post(&format!("/v1/customers/{customer}/payment_methods"), "c2", body).await.json();
    let (own, other) = (rig.merchant.to_string(), base::MerchantId::from_u128(2).to_string());

    let found = search(&rig, &id).await;
    let expected =
        json!([{ "object": "search_result", "kind": "payment", "id": id, "merchant": own, "label": "19.99 EUR, partially refunded" }]);
    assert_eq!(found, expected);
    let refund_id = refund["id"].as_str().unwrap();
    let stored_id = stored["id"].as_str().unwrap();
    for (query, kind, found_id, merchant) in [
        (refund_id, "refund", refund_id, &own),
        (&customer, "customer", &customer, &own),
        (stored_id, "payment_method", stored_id, &own),
        ("books", "merchant", &own, &own),
        (&other, "merchant", &other, &other),
    ] {
        let found = search(&rig, query).await;
        let found = (found.as_array().unwrap().len(), &found[0]["kind"], &found[0]["id"], &found[0]["merchant"]);
        assert_eq!(found, (1, &json!(kind), &json!(found_id), &json!(merchant)), "{query}");
    }
    let by_reference = search(&rig, "order%207%2F%C3%A9").await;
    let mut ids: Vec<_> = by_reference.as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    let mut expected = vec![id.clone(), other_id];
    expected.sort();
    assert_eq!(ids, expected, "both merchants use this reference");
    let by_provider_id = search(&rig, refund["provider_id"].as_str().unwrap()).await;
    assert!(by_provider_id.as_array().unwrap().iter().any(|found| found["id"] == json!(refund_id)), "{by_provider_id}");
    for nothing in ["order%207", "pay_00000000000000000000000000", "nobody%20here"] {
        assert_eq!(search(&rig, nothing).await, json!([]), "{nothing}");
    }
}

#[tokio::test]
async fn what_is_found_can_be_read_with_the_merchant_that_the_result_names() {
    let rig = Rig::new();
    let id = rig.post("/v1/payments", "k1", payment(200, "pm_declined")).await.json()["id"].as_str().unwrap().to_owned();
    let found = search(&rig, &id).await[0].clone();
    assert_eq!(found["label"], "2.00 EUR, declined");
    let request = http::Request::builder().uri(format!("/v1/payments/{id}"));
    let request = request.header("authorization", format!("Bearer {}", rig.operator_key));
    let request = request.header("bezant-merchant", found["merchant"].as_str().unwrap());
    let read = rig.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!((read.status, &read.json()["status"]), (StatusCode::OK, &json!("declined")));
}

#[tokio::test]
async fn a_search_is_for_operators_and_its_text_is_bounded() {
    let rig = Rig::new();
    assert_eq!(rig.get("/v1/search?q=x").await.problem(), (403, "api_key_wrong_kind".into()));
    for query in ["", "?q=", "?q=%20", &format!("?q={}", "x".repeat(201))] {
        let answer = rig.operate("GET", &format!("/v1/search{query}"), None).await;
        assert_eq!(answer.problem(), (400, "query_parameter_invalid".into()), "{query}");
    }
    let card = rig.operate("GET", "/v1/search?q=4242424242424242", None).await;
    assert_eq!(card.problem().1, "card_number_refused");
}
