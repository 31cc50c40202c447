//! Answers have the shapes of the published types: every required field is there and of an allowed type.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Client, sample};
use serde_json::Value;

/// Checks a value against the part of JSON Schema that the published types use. Adds a line per violation.
fn check(schema: &Value, root: &Value, value: &Value, path: &str, violations: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/$defs/").unwrap();
        return check(&root["$defs"][name], root, value, path, violations);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let fits = |option: &Value| {
            let mut inner = Vec::new();
            check(option, root, value, path, &mut inner);
            inner
        };
        let results: Vec<Vec<String>> = options.iter().map(fits).collect();
        if results.iter().any(Vec::is_empty) {
            return;
        }
        // The option of the right type says more than one that is of another type altogether.
        let same_type = |result: &&Vec<String>| !result[0].contains(" is no ");
        let closest = results.iter().find(same_type).unwrap_or(&results[0]);
        violations.push(format!("{path}: fits none of its types, closest: {closest:?}"));
        return;
    }
    if let Some(constant) = schema.get("const")
        && constant != value
    {
        violations.push(format!("{path}: {value} is not {constant}"));
    }
    if let Some(allowed) = schema["enum"].as_array().or(schema["x-known-values"].as_array())
        && !allowed.contains(value)
    {
        violations.push(format!("{path}: {value} is not among the known values"));
    }
    let fits = match schema["type"].as_str() {
        None => true,
        Some("null") => value.is_null(),
        Some("string") => value.is_string(),
        Some("number" | "integer") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some(other) => panic!("{path}: schema type {other} is not handled"),
    };
    if !fits {
        violations.push(format!("{path}: {value} is no {}", schema["type"]));
        return;
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            violations.push(format!("{path}.{name}: missing"));
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(inner) = value.get(name) {
            check(property, root, inner, &format!("{path}.{name}"), violations);
        }
    }
    for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(items) = schema.get("items") {
            check(items, root, inner, &format!("{path}[{index}]"), violations);
        }
    }
}

#[test]
fn objects_have_the_published_shapes() {
    let Some(text) = sample("stripe/jsonschema-2026-10-28.endive.json") else { return };
    let root: Value = serde_json::from_str(&text).unwrap();
    let mut client = Client::new();
    let whole = "&expand[]=latest_charge.balance_transaction&expand[]=payment_method&shipping[name]=A&shipping[address][city]=B&description=c&customer=cus_1&setup_future_usage=off_session";
    let mut shown: Vec<(&str, Value)> = Vec::new();
    for method in [
        "pm_card_visa",
        "pm_card_chargeDeclined",
        "pm_card_threeDSecure2Required",
        "pm_usBankAccount_processing",
        "pm_card_avsFail",
        "pm_card_radarBlock",
    ] {
        let answer = client.pay(method, whole);
        let intent = if answer.status == 402 {
            shown.push(("error", answer.json["error"].clone()));
            answer.json["error"]["payment_intent"].clone()
        } else {
            answer.json
        };
        shown.push(("payment_intent", intent));
    }
    let open = client.pay("pm_card_visa", &format!("&capture_method=manual{whole}"));
    let captured = client.post(&format!("/v1/payment_intents/{}/capture", open.id()), "amount_to_capture=1000").json;
    let canceled = client.pay("pm_card_visa", "&capture_method=manual");
    let canceled = client.post(&format!("/v1/payment_intents/{}/cancel", canceled.id()), "expand[]=latest_charge").json;
    shown.extend([("payment_intent", open.json.clone()), ("payment_intent", captured), ("payment_intent", canceled)]);
    for card in ["pm_card_visa", "pm_card_pendingRefund", "pm_card_refundFail"] {
        let paid = client.pay(card, "");
        let refund = client.post("/v1/refunds", &format!("payment_intent={}&reason=duplicate&expand[]=charge.balance_transaction&expand[]=payment_intent.latest_charge&expand[]=balance_transaction", paid.id()));
        client.now_ms += common::DAY_MS;
        let later = client.get(&format!("/v1/refunds/{}", refund.id())).json;
        shown.extend([("refund", refund.json), ("refund", later)]);
    }
    for card in
        ["pm_card_createDispute", "pm_card_createDisputeInquiry", "pm_card_createCe3EligibleDispute", "pm_card_createComplianceDispute"]
    {
        client.pay(card, "");
    }
    client.now_ms += common::DAY_MS;
    for (kind, path) in [
        ("charge", "charges"),
        ("balance_transaction", "balance_transactions"),
        ("dispute", "disputes"),
        ("payment_intent", "payment_intents"),
        ("refund", "refunds"),
    ] {
        let list = client.get(&format!("/v1/{path}?limit=100"));
        assert_eq!(list.text("/object"), "list");
        shown.extend(list.json["data"].as_array().unwrap().iter().map(|object| (kind, object.clone())));
    }
    let mut violations = Vec::new();
    for (kind, value) in &shown {
        check(&root["roots"][kind], &root, value, kind, &mut violations);
    }
    violations.sort();
    violations.dedup();
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(shown.len() > 60, "{}", shown.len());
}
