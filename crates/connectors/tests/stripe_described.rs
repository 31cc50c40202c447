//! Every request that the connector can make against Stripe's own description of its API: the path exists, each parameter
//! exists and has a value of its type, and what is required is there. The description is not part of this repository;
//! without it these tests say SKIPPED.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use base::{Money, Timestamp};
use connectors::stripe::{Environment, Stripe};
use connectors::{Call, CaptureMode, Connector, EncodeError, EventsQuestion, Operation, Presence, Resolve};
use egress::{Method, Request};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What we send and the description lacks: path, parameter (empty: the path itself), reason. One that is not needed any
/// more fails.
const UNDESCRIBED: [(&str, &str, &str); 1] = [(
    "/v1/customers/search",
    "",
    "the description was cut to some paths of the API and left this one out; the query has the form of /v1/payment_intents/search",
)];

/// Every operation by name. A new one does not compile until it is named, and does not pass until it is requested.
const fn name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Authorize { .. } => "authorize",
        Operation::Confirm { .. } => "confirm",
        Operation::Capture { .. } => "capture",
        Operation::Cancel { .. } => "cancel",
        Operation::Refund { .. } => "refund",
        Operation::Observe { .. } => "observe",
        Operation::StoreCustomer => "store customer",
        Operation::Attach { .. } => "attach",
        Operation::Detach { .. } => "detach",
    }
}

const NAMES: [&str; 9] = ["attach", "authorize", "cancel", "capture", "confirm", "detach", "observe", "refund", "store customer"];

fn operations() -> Vec<(Operation, &'static str)> {
    let money = Money { amount_minor: 2_000, currency: "USD".parse().unwrap() };
    let pi = || "pi_1".to_owned();
    let pm = || "pm_1".to_owned();
    let url = || Some("https://shop.example/done?a=b".to_owned());
    let authorize = |customer: Option<&str>, presence, capture, return_url, sim: Option<&str>| Operation::Authorize {
        money,
        payment_method: pm(),
        customer: customer.map(str::to_owned),
        presence,
        capture,
        return_url,
        sim: sim.map(str::to_owned),
    };
    vec![
        (authorize(None, Presence::OnSession, CaptureMode::Manual, None, None), "pi_1"),
        (authorize(Some("cus_1"), Presence::OnSession, CaptureMode::Automatic, url(), Some("hang")), "pi_1"),
        (authorize(Some("cus_1"), Presence::OffSession, CaptureMode::Manual, None, None), "pi_1"),
        (Operation::Confirm { provider_id: pi(), money, payment_method: pm(), return_url: url() }, "pi_1"),
        (Operation::Capture { provider_id: pi(), money }, "pi_1"),
        (Operation::Cancel { provider_id: pi() }, "pi_1"),
        (Operation::Refund { provider_id: pi(), money }, "re_1"),
        (Operation::Observe { provider_id: pi(), money }, "pi_1"),
        (Operation::StoreCustomer, "cus_1"),
        (Operation::Attach { customer: "cus_1".to_owned(), payment_method: pm() }, "pm_1"),
        (Operation::Detach { payment_method: pm() }, "pm_1"),
    ]
}

/// All calls, all lookups, the sweep of events and the question for a dispute.
fn requests() -> Vec<Request> {
    let stripe = Stripe::new(Environment::Test);
    let mut requests = Vec::new();
    for (operation, object_id) in operations() {
        let is_observation = matches!(operation, Operation::Observe { .. });
        let call = Call { operation, key: "k".to_owned(), reference: "bzr_1".to_owned() };
        for how in [Resolve::Replay, Resolve::Fetch { provider_id: object_id.to_owned() }, Resolve::Search] {
            match stripe.encode_resolve(&call, &how) {
                Ok(request) => requests.push(request),
                Err(error) => assert!(is_observation && error == EncodeError::ReadOnly, "{call:?} {how:?}: {error}"),
            }
        }
    }
    for starting_after in [None, Some("evt_1".to_owned())] {
        requests.push(stripe.encode_events(&EventsQuestion { created_from: Timestamp::from_s(1_700_000_000), starting_after }).unwrap());
    }
    requests.push(stripe.encode_dispute("dp_1").unwrap());
    requests
}

/// Undoes `%`; the encoders write no `+`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' {
            bytes.push(u8::from_str_radix(core::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Parts of the name, such as `created` and `gte`, and the value.
fn pairs(form: &str) -> Vec<(Vec<String>, String)> {
    let split = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        let parts = unescaped(name).split('[').map(|part| part.trim_end_matches(']').to_owned()).collect();
        (parts, unescaped(value))
    };
    form.split('&').filter(|pair| !pair.is_empty()).map(split).collect()
}

/// Whether the value has the schema that stands at these parts of the name.
fn fits(schema: &Value, parts: &[String], value: &str) -> bool {
    if let Some(options) = schema["anyOf"].as_array() {
        return options.iter().any(|option| fits(option, parts, value));
    }
    let Some((part, rest)) = parts.split_first() else { return is_leaf(schema, value) };
    match schema["type"].as_str() {
        Some("array") => part.parse::<u32>().is_ok() && fits(&schema["items"], rest, value),
        Some("object") => match schema["properties"].get(part) {
            Some(property) => fits(property, rest, value),
            None => schema["additionalProperties"].is_object() && fits(&schema["additionalProperties"], rest, value),
        },
        _ => false,
    }
}

fn is_leaf(schema: &Value, value: &str) -> bool {
    let listed = schema["enum"].as_array().is_none_or(|allowed| allowed.contains(&json!(value)));
    let short = schema["maxLength"].as_u64().is_none_or(|longest| value.chars().count() <= usize::try_from(longest).unwrap());
    let typed = match schema["type"].as_str() {
        Some("string") => true,
        Some("integer") => value.parse::<i64>().is_ok(),
        Some("boolean") => value == "true" || value == "false",
        _ => false,
    };
    listed && short && typed
}

/// The description's name of a path. A placeholder stands for an id, and every id has an underscore.
fn template<'a>(paths: &'a Map<String, Value>, path: &str) -> Option<&'a str> {
    let fits = |left: &str, right: &str| if left.starts_with('{') { right.contains('_') } else { left == right };
    let matches = |template: &&String| {
        let (left, right): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
        left.len() == right.len() && left.iter().zip(right).all(|(left, right)| fits(left, right))
    };
    let found: Vec<&String> = paths.keys().filter(matches).collect();
    assert!(found.len() <= 1, "{path} is ambiguous: {found:?}");
    found.first().map(|template| template.as_str())
}

/// What is wrong with a request: pairs of a path and a parameter, as in the list of exceptions.
fn findings(description: &Value, request: &Request) -> Vec<(String, String)> {
    let (path, query) = request.path_and_query.split_once('?').unwrap_or((&request.path_and_query, ""));
    let paths = description["paths"].as_object().unwrap();
    let (verb, sent) = match request.method {
        Method::Post => ("post", core::str::from_utf8(&request.body).unwrap()),
        Method::Get => ("get", query),
        Method::Delete => ("delete", query),
    };
    let operation = template(paths, path).map(|template| (template, &paths[template][verb])).filter(|(_, operation)| operation.is_object());
    let Some((template, operation)) = operation else { return vec![(path.to_owned(), String::new())] };
    let mut schemas = Map::new();
    let mut required = BTreeSet::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "query") {
        let name = parameter["name"].as_str().unwrap();
        schemas.insert(name.to_owned(), parameter["schema"].clone());
        if parameter["required"] == json!(true) {
            required.insert(name.to_owned());
        }
    }
    if request.method == Method::Post {
        let schema = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
        schemas = schema["properties"].as_object().unwrap().clone();
        required = schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect();
    }
    let mut found = Vec::new();
    for (parts, value) in pairs(sent) {
        required.remove(&parts[0]);
        if !schemas.get(&parts[0]).is_some_and(|schema| fits(schema, &parts[1..], &value)) {
            found.push((template.to_owned(), parts[0].clone()));
        }
    }
    found.extend(required.into_iter().map(|name| (template.to_owned(), name)));
    found
}

fn description() -> Option<Value> {
    let folder = std::env::var_os("BEZANT_SAMPLES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples")), PathBuf::from);
    let path = "stripe/openapi-subset-2023-08-16.json";
    match std::fs::read_to_string(folder.join(path)) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            println!("SKIPPED: {path}: {error}");
            None
        }
    }
}

#[test]
fn every_operation_is_requested_here() {
    let requested: BTreeSet<&str> = operations().iter().map(|(operation, _)| name(operation)).collect();
    assert_eq!(requested, BTreeSet::from(NAMES));
}

#[test]
fn every_request_that_we_can_make_is_described() {
    let Some(description) = description() else { return };
    let mut found = BTreeSet::new();
    for request in requests() {
        for finding in findings(&description, &request) {
            let excepted = UNDESCRIBED.iter().any(|(path, parameter, _)| finding == ((*path).to_owned(), (*parameter).to_owned()));
            assert!(excepted, "{finding:?} in {} {:?}", request.path_and_query, core::str::from_utf8(&request.body));
            found.insert(finding);
        }
    }
    let excepted: BTreeSet<(String, String)> =
        UNDESCRIBED.iter().map(|(path, parameter, _)| ((*path).to_owned(), (*parameter).to_owned())).collect();
    assert_eq!(found, excepted, "an exception is not needed any more");
}

#[test]
fn what_is_not_described_is_found() {
    let Some(description) = description() else { return };
    let request = |method, path: &str, body: &str| Request {
        method,
        path_and_query: path.to_owned(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    };
    for (method, path, body, expected) in [
        (Method::Post, "/v1/payment_intents", "amount=1&currency=usd", None),
        (Method::Post, "/v1/payment_intents", "amount=1.5&currency=usd", Some("amount")),
        (Method::Post, "/v1/payment_intents", "amount=1", Some("currency")),
        (Method::Post, "/v1/payment_intents", "amount=1&currency=usd&amounts=1", Some("amounts")),
        (Method::Post, "/v1/payment_intents", "amount=1&currency=usd&confirm=yes", Some("confirm")),
        (Method::Post, "/v1/payment_intents", "amount=1&currency=usd&capture_method=later", Some("capture_method")),
        (Method::Post, "/v1/payment_intents", "amount=1&currency=usd&metadata[a][b]=x", Some("metadata")),
        (Method::Post, "/v1/payment_intents", "amount[x]=1&currency=usd", Some("amount")),
        (Method::Post, "/v1/payment_intents", "amount=1&currency=usd&expand[x]=a", Some("expand")),
        (Method::Post, "/v1/payment_intents/pi_1/captured", "", Some("")),
        (Method::Post, "/v1/events", "", Some("")),
        (Method::Get, "/v1/events?limit=ten", "", Some("limit")),
        (Method::Get, "/v1/events?created%5Bafter%5D=1", "", Some("created")),
        (Method::Get, "/v1/payment_intents/search", "", Some("query")),
    ] {
        let found: Vec<String> = findings(&description, &request(method, path, body)).into_iter().map(|(_, name)| name).collect();
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(found, expected, "{path} {body}");
    }
}
