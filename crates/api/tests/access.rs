//! Who may call what, for every operation of the description: by construction, none is forgotten.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use axum::body::Body;
use http::Request;
use support::Rig;

struct Operation {
    method: String,
    path: String,
    scheme: Option<String>,
    /// Whether an operator may call it too, naming a merchant.
    is_read: bool,
    /// Whether that operator may name nobody and reads all merchants'.
    is_scoped: bool,
}

/// Every operation, with something in place of its path parameters.
fn operations() -> Vec<Operation> {
    let description: serde_json::Value = serde_json::from_str(&api::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scheme = operation["security"][0].as_object().unwrap().keys().next().cloned();
            let is_read = operation["security"][1]["acting_merchant"].is_array();
            let path = path.replace("{id}", "pay_00000000000000000000000000").replace("{public_id}", "0123456789");
            let is_scoped = operation["security"][2].is_object();
            operations.push(Operation { method: method.to_uppercase(), path, scheme, is_read, is_scoped });
        }
    }
    assert!(operations.len() >= 22);
    operations
}

async fn call(rig: &Rig, operation: &Operation, key: Option<&str>) -> support::Answer {
    call_as(rig, operation, key, &[]).await
}

/// As [`call`], naming merchants in `Bezant-Merchant`.
async fn call_as(rig: &Rig, operation: &Operation, key: Option<&str>, merchants: &[&str]) -> support::Answer {
    let mut request = Request::builder().method(operation.method.as_str()).uri(&operation.path);
    request = request.header("idempotency-key", "k").header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    for merchant in merchants {
        request = request.header("bezant-merchant", *merchant);
    }
    rig.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn every_operation_is_401_without_a_key_and_403_with_the_wrong_kind() {
    let rig = Rig::new();
    for operation in operations() {
        let name = format!("{} {}", operation.method, operation.path);
        let wrong = match operation.scheme.as_deref() {
            Some("merchant_key") => &rig.operator_key,
            Some("operator_key") => &rig.key,
            None => {
                assert_eq!(call(&rig, &operation, None).await.status, 200, "{name}");
                continue;
            }
            Some("provider_signature") => {
                // No key opens it; here the address is not one of the platform's.
                for key in [None, Some(rig.operator_key.as_str())] {
                    assert_eq!(call(&rig, &operation, key).await.problem(), (404, "webhook_endpoint_unknown".into()), "{name}");
                }
                continue;
            }
            Some(other) => panic!("{name} has the unknown scheme {other}"),
        };
        assert_eq!(call(&rig, &operation, None).await.problem(), (401, "api_key_missing".into()), "{name}");
        if operation.is_scoped {
            assert_eq!(call(&rig, &operation, Some(wrong)).await.status, 200, "{name}");
            continue;
        }
        let refused = if operation.is_read { (400, "merchant_missing".into()) } else { (403, "api_key_wrong_kind".into()) };
        assert_eq!(call(&rig, &operation, Some(wrong)).await.problem(), refused, "{name}");
    }
}

#[tokio::test]
async fn every_operation_is_reached_with_the_right_kind_of_key() {
    let rig = Rig::new();
    for operation in operations() {
        let key = if operation.scheme.as_deref() == Some("operator_key") { &rig.operator_key } else { &rig.key };
        let status = call(&rig, &operation, Some(key)).await.status.as_u16();
        assert!(![401, 403, 405, 500].contains(&status), "{} {}: {status}", operation.method, operation.path);
    }
}

#[tokio::test]
async fn an_operator_who_names_a_merchant_reads_what_its_key_reads_and_changes_nothing() {
    let rig = Rig::new();
    let merchant = rig.merchant.to_string();
    let (mut reads, mut changes) = (0, 0);
    for operation in operations().into_iter().filter(|operation| operation.scheme.as_deref() == Some("merchant_key")) {
        let name = format!("{} {}", operation.method, operation.path);
        let by_operator = call_as(&rig, &operation, Some(&rig.operator_key), &[&merchant]).await;
        if operation.is_read {
            reads += 1;
            let own = call(&rig, &operation, Some(&rig.key)).await;
            let shown = |answer: &support::Answer| answer.status.is_success().then(|| answer.json());
            assert_eq!((by_operator.status, shown(&by_operator)), (own.status, shown(&own)), "{name}");
        } else {
            changes += 1;
            assert_eq!(by_operator.problem(), (403, "api_key_wrong_kind".into()), "{name}");
        }
        assert_eq!(operation.is_read, operation.method == "GET", "{name}");
    }
    assert!(reads >= 13 && changes >= 9, "{reads} reads, {changes} changes");
}

#[tokio::test]
async fn an_operator_sees_the_merchant_that_the_header_names_and_no_other() {
    let rig = Rig::new();
    let id = rig.captured("k1", 500).await;
    let payment = Operation { method: "GET".into(), path: format!("/v1/payments/{id}"), scheme: None, is_read: true, is_scoped: false };
    let own = rig.merchant.to_string();
    let other = base::MerchantId::from_u128(2).to_string();
    let nobody = base::MerchantId::from_u128(9).to_string();
    let seen = call_as(&rig, &payment, Some(&rig.operator_key), &[&own]).await;
    assert_eq!(seen.json()["id"], serde_json::json!(id));
    for (key, merchants, status, code) in [
        (&rig.operator_key, vec![other.as_str()], 404, "payment_unknown"),
        (&rig.operator_key, vec![nobody.as_str()], 404, "merchant_unknown"),
        (&rig.operator_key, vec!["books"], 404, "merchant_unknown"),
        (&rig.operator_key, vec![""], 404, "merchant_unknown"),
        (&rig.operator_key, vec![own.as_str(), other.as_str()], 404, "merchant_unknown"),
        (&rig.operator_key, vec!["4242424242424242"], 422, "card_number_refused"),
        (&rig.key, vec![other.as_str()], 403, "api_key_wrong_kind"),
        (&rig.other_key, vec![own.as_str()], 403, "api_key_wrong_kind"),
    ] {
        let answer = call_as(&rig, &payment, Some(key), &merchants).await;
        assert_eq!(answer.problem(), (status, code.into()), "{merchants:?}");
    }
    assert_eq!(call_as(&rig, &payment, Some(&rig.key), &[&own]).await.status, 200, "a merchant may name itself");
}

#[tokio::test]
async fn an_operator_who_names_nobody_lists_what_all_merchants_have() {
    let rig = Rig::new();
    let own = rig.captured("k1", 500).await;
    let request = rig.request("POST", "/v1/payments").header("idempotency-key", "k2");
    let mut request = request.body(Body::from(support::payment(700, "pm_card_visa").to_string())).unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", rig.other_key).parse().unwrap());
    let other = rig.send(request).await.json()["id"].as_str().unwrap().to_owned();
    rig.post("/v1/refunds", "r1", serde_json::json!({ "payment": own, "amount_minor": 100 })).await;
    let list = async |path: &str| rig.operate("GET", path, None).await.json()["data"].clone();
    let all = list("/v1/payments").await;
    let shown: Vec<_> = all.as_array().unwrap().iter().map(|found| (found["id"].clone(), found["merchant"].clone())).collect();
    let merchant = |number| serde_json::json!(base::MerchantId::from_u128(number).to_string());
    assert_eq!(shown, [(serde_json::json!(other), merchant(2)), (serde_json::json!(own), merchant(1))]);
    let narrowed = list("/v1/payments?amount_minor_min=600").await;
    assert_eq!((narrowed.as_array().unwrap().len(), &narrowed[0]["id"]), (1, &serde_json::json!(other)));
    assert_eq!(list(&format!("/v1/refunds?payment={own}")).await[0]["merchant"], merchant(1));
    assert_eq!(list("/v1/refunds").await.as_array().unwrap().len(), 1);
    assert_eq!(list("/v1/disputes").await, serde_json::json!([]));
    let by_reference = rig.operate("GET", "/v1/payments?reference=order-1", None).await;
    assert_eq!(by_reference.problem(), (400, "merchant_missing".into()));
    let page = rig.operate("GET", "/v1/payments?limit=1", None).await.json();
    let next = format!("/v1/payments?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(list(&next).await[0]["id"], serde_json::json!(own));
}

#[tokio::test]
async fn another_merchants_objects_do_not_exist() {
    let rig = Rig::new();
    let id = rig.captured("k1", 500).await;
    let refund = rig.post("/v1/refunds", "r1", serde_json::json!({ "payment": id, "amount_minor": 100 })).await.json();
    let refund = refund["id"].as_str().unwrap();
    let customer = rig.post("/v1/customers", "c1", serde_json::json!({})).await.json();
    let customer = customer["id"].as_str().unwrap();
    let body = serde_json::json!({ "payment_method": "pm_card_visa" });
    let stored = rig.post(&format!("/v1/customers/{customer}/payment_methods"), "c2", body).await.json();
    let stored = stored["id"].as_str().unwrap();
    for (method, path, code) in [
        ("GET", format!("/v1/payments/{id}"), "payment_unknown"),
        ("GET", format!("/v1/payments/{id}/journey"), "payment_unknown"),
        ("POST", format!("/v1/payments/{id}/confirm"), "payment_unknown"),
        ("POST", format!("/v1/payments/{id}/capture"), "payment_unknown"),
        ("POST", format!("/v1/payments/{id}/cancel"), "payment_unknown"),
        ("GET", format!("/v1/refunds/{refund}"), "refund_unknown"),
        ("GET", format!("/v1/customers/{customer}"), "customer_unknown"),
        ("DELETE", format!("/v1/customers/{customer}"), "customer_unknown"),
        ("GET", format!("/v1/customers/{customer}/payment_methods"), "customer_unknown"),
        ("GET", format!("/v1/payment_methods/{stored}"), "payment_method_unknown"),
        ("DELETE", format!("/v1/payment_methods/{stored}"), "payment_method_unknown"),
    ] {
        let operation = Operation { method: method.into(), path, scheme: None, is_read: false, is_scoped: false };
        assert_eq!(call(&rig, &operation, Some(&rig.other_key)).await.problem(), (404, code.into()), "{}", operation.path);
    }
    let request = Request::builder().method("POST").uri("/v1/refunds").header("authorization", format!("Bearer {}", rig.other_key));
    let request = request.header("content-type", "application/json").header("idempotency-key", "k");
    let answer = rig.send(request.body(Body::from(format!("{{\"payment\":\"{id}\"}}"))).unwrap()).await;
    assert_eq!(answer.problem(), (404, "payment_unknown".into()));
    let request = Request::builder().method("POST").uri(format!("/v1/customers/{customer}/payment_methods"));
    let request = request.header("authorization", format!("Bearer {}", rig.other_key)).header("content-type", "application/json");
    let request = request.header("idempotency-key", "k2").body(Body::from(r#"{"payment_method":"pm_card_visa"}"#)).unwrap();
    assert_eq!(rig.send(request).await.problem(), (404, "customer_unknown".into()));
    for path in ["/v1/payments", "/v1/refunds", "/v1/customers", &format!("/v1/refunds?payment={id}")] {
        let operation = Operation { method: "GET".into(), path: path.to_owned(), scheme: None, is_read: false, is_scoped: false };
        assert_eq!(call(&rig, &operation, Some(&rig.other_key)).await.json()["data"], serde_json::json!([]), "{path}");
    }
}
