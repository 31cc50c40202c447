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
    let customer = client.post("/v1/customers", "").id().to_owned();
    let whole = &format!(
        "&customer={customer}&expand[]=latest_charge.balance_transaction&expand[]=payment_method&shipping[name]=A&shipping[address][city]=B&description=c&setup_future_usage=off_session"
    );
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
    let dispute = client.get("/v1/disputes?limit=1").text("/data/0/id").to_owned();
    client.post(&format!("/v1/disputes/{dispute}"), "evidence[uncategorized_text]=winning_evidence&expand[]=charge");
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
    shown.extend(beside_payments(&mut client));
    let mut violations = Vec::new();
    for (kind, value) in &shown {
        let schema = match *kind {
            "setup_intent" => &root["$defs"]["SetupIntent"],
            kind => &root["roots"][kind],
        };
        assert!(schema.is_object(), "{kind} is not in the schema");
        check(schema, &root, value, kind, &mut violations);
    }
    violations.sort();
    violations.dedup();
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(shown.len() > 60, "{}", shown.len());
}

/// Setup intents, payment methods, endpoints and refusals in all their states.
fn beside_payments(client: &mut Client) -> Vec<(&'static str, Value)> {
    let mut shown = Vec::new();
    let customer = client.post("/v1/customers", "").id().to_owned();
    for card in ["pm_card_visa", "pm_card_threeDSecure2Required", "pm_card_chargeDeclined", "pm_usBankAccount_success"] {
        let body = format!("customer={customer}&confirm=true&payment_method={card}&expand[]=payment_method&expand[]=customer");
        let answer = client.post("/v1/setup_intents", &body);
        if answer.status == 402 {
            shown.extend([("error", answer.json["error"].clone()), ("setup_intent", answer.json["error"]["setup_intent"].clone())]);
        } else {
            shown.push(("setup_intent", answer.json));
        }
    }
    let open = client.post("/v1/setup_intents", "description=d&metadata[a]=b").id().to_owned();
    shown.push(("setup_intent", client.post(&format!("/v1/setup_intents/{open}/cancel"), "cancellation_reason=duplicate").json));
    let body = "type=card&card[number]=4000002500001001&card[exp_month]=1&card[exp_year]=2030&billing_details[address][line1]=x&allow_redisplay=always";
    shown.push(("payment_method", client.post("/v1/payment_methods", body).json));
    let methods = client.get(&format!("/v1/customers/{customer}/payment_methods"));
    shown.extend(methods.json["data"].as_array().unwrap().iter().map(|method| ("payment_method", method.clone())));
    let endpoint = client.post("/v1/webhook_endpoints", "url=https://shop.example/hook&enabled_events[]=*&description=d").json;
    shown.push(("webhook_endpoint", endpoint));
    for path in ["/v1/payment_intents", "/v1/payment_intents/pi_1/cancel", "/v1/nothing"] {
        shown.push(("error", client.post(path, "nonsense=1").json["error"].clone()));
    }
    shown.push(("charge", client.post("/v1/charges", "amount=500&currency=usd&source=tok_visa").json));
    shown
}

/// Keys of the published examples that the simulator's objects do not have, and why.
const ABSENT_KEYS: [(&str, &str); 2] = [
    ("charge.refunds", "left out unless expanded since version 2022-11-15"),
    ("event.data.object.", "the example's object is of a kind that the simulator does not have"),
];

/// Names every key of an example that the object lacks. Where either has null, there is nothing to compare.
fn lacking(example: &Value, object: &Value, path: &str, lacks: &mut Vec<String>) {
    let (Some(example), Some(object)) = (example.as_object(), object.as_object()) else { return };
    for (name, inner) in example {
        let path = format!("{path}.{name}");
        match object.get(name) {
            None => lacks.push(path),
            // What a merchant names freely has no keys of its own.
            Some(_) if name == "metadata" => {}
            Some(value) => lacking(inner, value, &path, lacks),
        }
    }
}

#[test]
fn objects_have_every_key_of_the_published_examples() {
    let Some(text) = sample("stripe/fixtures-2026-08.json") else { return };
    let examples: Value = serde_json::from_str(&text).unwrap();
    let examples = examples.get("resources").unwrap_or(&examples);
    let mut client = Client::new();
    let customer = client.post("/v1/customers", "shipping[name]=a").id().to_owned();
    let paid = client.pay("pm_card_bypassPending", "&expand[]=latest_charge.balance_transaction&shipping[name]=a").json;
    let refund = client.post("/v1/refunds", &format!("payment_intent={}&amount=1", paid["id"].as_str().unwrap())).json;
    let open = client.post("/v1/payment_intents", "amount=500&currency=usd").json;
    let payout = client.post("/v1/payouts", "amount=100&currency=usd").json;
    client.pay("pm_card_createDispute", "");
    client.pay("pm_card_createIssuerFraudRecord", "");
    client.now_ms += common::DAY_MS;
    let list = |client: &mut Client, path: &str| client.get(&format!("/v1/{path}?limit=1")).json["data"][0].clone();
    let objects = [
        ("payment_intent", open),
        ("charge", paid["latest_charge"].clone()),
        ("balance_transaction", paid["latest_charge"]["balance_transaction"].clone()),
        ("refund", refund),
        ("dispute", list(&mut client, "disputes")),
        ("radar.early_fraud_warning", list(&mut client, "radar/early_fraud_warnings")),
        ("event", list(&mut client, "events")),
        ("customer", client.get(&format!("/v1/customers/{customer}")).json),
        ("payment_method", client.post("/v1/payment_methods", "type=card&card[token]=tok_visa").json),
        ("setup_intent", client.post("/v1/setup_intents", "").json),
        ("payout", payout),
        ("balance", client.get("/v1/balance").json),
        ("webhook_endpoint", client.post("/v1/webhook_endpoints", "url=https://a.example&enabled_events[]=*").json),
    ];
    let mut lacks = Vec::new();
    for (kind, object) in &objects {
        assert!(object["object"].is_string() && examples[kind].is_object(), "{kind}: {object}");
        lacking(&examples[kind], object, kind, &mut lacks);
    }
    let covers = |key: &str, path: &str| path == key || (key.ends_with('.') && path.starts_with(key));
    for (key, why) in ABSENT_KEYS {
        assert!(lacks.iter().any(|path| covers(key, path)), "{key} ({why}) is there by now");
    }
    lacks.retain(|path| !ABSENT_KEYS.iter().any(|(key, _)| covers(key, path)));
    assert!(lacks.is_empty(), "{lacks:#?}");
}
