//! Customers and kept payment methods: the exact requests, and what every answer and lookup says about the call.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use base::{Decline, DeclineClass, NotSentReason, Outcome, OutcomeClass, Rejection, UnknownReason};
use connectors::stripe::{Environment, Stripe};
use connectors::{Call, Connector, Decoded, EncodeError, Operation, Resolve, Stored, StoredCard, StoredMethod, StoredOutcome};
use egress::{Method, Request, Response, SendError};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::PathBuf;

const UNDECODABLE: StoredOutcome = StoredOutcome::Unknown(UnknownReason::Undecodable);
const NOT_FOUND: StoredOutcome = StoredOutcome::Unknown(UnknownReason::NotFound);
const CONFLICT: StoredOutcome = StoredOutcome::Unknown(UnknownReason::IdempotencyConflict);
const SERVER_ERROR: StoredOutcome = StoredOutcome::Unknown(UnknownReason::ServerError);

fn stripe() -> Stripe {
    Stripe::new(Environment::Test)
}

fn call(operation: Operation) -> Call {
    Call { operation, key: "key-1".to_owned(), reference: "ref_1".to_owned() }
}

fn store() -> Call {
    call(Operation::StoreCustomer)
}

fn attach() -> Call {
    call(Operation::Attach { customer: "cus_1".to_owned(), payment_method: "pm_1".to_owned() })
}

fn detach() -> Call {
    call(Operation::Detach { payment_method: "pm_1".to_owned() })
}

fn every_call() -> [Call; 3] {
    [store(), attach(), detach()]
}

fn fetch(id: &str) -> Resolve {
    Resolve::Fetch { provider_id: id.to_owned() }
}

fn respond(status: u16, body: &Value) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn answer(call: &Call, body: &Value) -> StoredOutcome {
    stripe().decode_stored(call, &respond(200, body))
}

fn look(call: &Call, how: &Resolve, body: &Value) -> StoredOutcome {
    stripe().decode_stored_resolve(call, how, &respond(200, body))
}

fn with(mut value: Value, change: &Value) -> Value {
    for (name, changed) in change.as_object().unwrap() {
        value[name] = changed.clone();
    }
    value
}

fn customer() -> Value {
    json!({ "id": "cus_1", "object": "customer", "created": 5, "metadata": { "bezant_reference": "ref_1" } })
}

fn method() -> Value {
    json!({ "id": "pm_1", "object": "payment_method", "type": "card", "customer": "cus_1",
            "card": { "brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2_030 } })
}

fn free_method() -> Value {
    with(method(), &json!({ "customer": null }))
}

fn stored(provider_id: &str) -> StoredOutcome {
    StoredOutcome::Done(Stored::Customer { provider_id: provider_id.to_owned() })
}

fn attached(provider_id: &str, card: Option<StoredCard>) -> StoredOutcome {
    StoredOutcome::Done(Stored::Attached(StoredMethod { provider_id: provider_id.to_owned(), customer: "cus_1".to_owned(), card }))
}

fn visa() -> Option<StoredCard> {
    Some(StoredCard { brand: "visa".to_owned(), last4: "4242".to_owned(), exp_month: 8, exp_year: 2_030 })
}

fn detached() -> StoredOutcome {
    StoredOutcome::Done(Stored::Detached { provider_id: "pm_1".to_owned() })
}

fn parts(request: &Request) -> (Method, &str, &str) {
    (request.method, request.path_and_query.as_str(), core::str::from_utf8(&request.body).unwrap())
}

#[test]
fn calls_become_exactly_these_requests() {
    for (call, path, body) in [
        (store(), "/v1/customers", "metadata[bezant_reference]=ref_1"),
        (attach(), "/v1/payment_methods/pm_1/attach", "customer=cus_1"),
        (detach(), "/v1/payment_methods/pm_1/detach", ""),
    ] {
        let request = stripe().encode(&call).unwrap();
        assert_eq!(parts(&request), (Method::Post, path, body));
        assert!(request.headers.contains(&("idempotency-key".to_owned(), "key-1".to_owned())));
        assert_eq!(stripe().encode_resolve(&call, &Resolve::Replay).unwrap(), request, "a replay is the same request");
    }
}

#[test]
fn lookups_read_by_id_or_by_reference_and_never_write() {
    let search = "/v1/customers/search?query=metadata%5B%27bezant_reference%27%5D%3A%27ref_1%27&limit=10";
    for (call, how, path) in [
        (store(), fetch("cus_1"), "/v1/customers/cus_1"),
        (store(), Resolve::Search, search),
        (attach(), fetch("pm_2"), "/v1/payment_methods/pm_2"),
        (attach(), Resolve::Search, "/v1/payment_methods/pm_1"),
        (detach(), fetch("pm_2"), "/v1/payment_methods/pm_2"),
        (detach(), Resolve::Search, "/v1/payment_methods/pm_1"),
    ] {
        let request = stripe().encode_resolve(&call, &how).unwrap();
        assert_eq!(parts(&request), (Method::Get, path, ""));
    }
}

#[test]
fn calls_that_cannot_be_said_are_not_sent() {
    let attach =
        |customer: &str, method: &str| call(Operation::Attach { customer: customer.to_owned(), payment_method: method.to_owned() });
    let detach = |method: &str| call(Operation::Detach { payment_method: method.to_owned() });
    for (call, expected) in [
        (attach("", "pm_1"), EncodeError::Customer),
        (attach("pi_1", "pm_1"), EncodeError::Customer),
        (attach("cus_1/..", "pm_1"), EncodeError::Customer),
        (attach("cus_1", "4242424242424242"), EncodeError::PaymentMethod),
        (attach("cus_1", "pm_1/detach"), EncodeError::PaymentMethod),
        (detach("pm_1?x"), EncodeError::PaymentMethod),
        (detach(""), EncodeError::PaymentMethod),
        (Call { reference: "a b".to_owned(), ..store() }, EncodeError::Reference),
        (Call { key: String::new(), ..store() }, EncodeError::Key),
    ] {
        assert_eq!(stripe().encode(&call), Err(expected), "{call:?}");
    }
    for (call, id, expected) in [
        (store(), "pm_1", EncodeError::ProviderId),
        (store(), "cus_1/sources", EncodeError::ProviderId),
        (attach("cus_1", "pm_1"), "pm_1/..", EncodeError::PaymentMethod),
        (detach("pm_1"), "", EncodeError::PaymentMethod),
    ] {
        assert_eq!(stripe().encode_resolve(&call, &fetch(id)), Err(expected), "{call:?} {id}");
    }
}

#[test]
fn a_success_is_done_when_it_is_what_was_asked() {
    for (call, body, expected) in [
        (store(), customer(), stored("cus_1")),
        (store(), with(customer(), &json!({ "metadata": {} })), UNDECODABLE),
        (store(), with(customer(), &json!({ "metadata": { "bezant_reference": "ref_2" } })), UNDECODABLE),
        (store(), with(customer(), &json!({ "deleted": true })), UNDECODABLE),
        (store(), with(customer(), &json!({ "id": "pi_1" })), UNDECODABLE),
        (store(), with(customer(), &json!({ "object": "list" })), UNDECODABLE),
        (attach(), method(), attached("pm_1", visa())),
        // A test token is exchanged for a payment method of its own.
        (attach(), with(method(), &json!({ "id": "pm_2" })), attached("pm_2", visa())),
        (attach(), with(method(), &json!({ "customer": customer() })), attached("pm_1", visa())),
        (attach(), with(method(), &json!({ "customer": "cus_2" })), UNDECODABLE),
        (attach(), free_method(), UNDECODABLE),
        (attach(), with(method(), &json!({ "id": "pi_1" })), UNDECODABLE),
        (attach(), with(method(), &json!({ "object": "source" })), UNDECODABLE),
        (detach(), free_method(), detached()),
        (detach(), method(), UNDECODABLE),
        (detach(), with(free_method(), &json!({ "id": "pm_2" })), UNDECODABLE),
        (detach(), json!({ "id": "pm_1", "object": "payment_method" }), UNDECODABLE),
    ] {
        assert_eq!(answer(&call, &body), expected, "{body}");
        assert_eq!(look(&call, &Resolve::Replay, &body), expected, "a replay is read like the call: {body}");
        let plain = stripe().decode(&call, &respond(200, &body));
        assert_eq!(plain, Decoded::nameless(Outcome::Unknown(UnknownReason::Undecodable)), "no outcome of a payment");
    }
}

#[test]
fn what_may_be_shown_of_a_card_is_read_as_a_whole_or_not_at_all() {
    let card = |change: Value| with(method()["card"].clone(), &change);
    for (card, expected) in [
        (card(json!({})), visa()),
        (card(json!({ "brand": "ü" })), Some(StoredCard { brand: "?".to_owned(), ..visa().unwrap() })),
        (card(json!({ "brand": null })), None),
        (card(json!({ "last4": "42" })), None),
        (card(json!({ "last4": "424x" })), None),
        (card(json!({ "last4": "4242424242424242" })), None),
        (card(json!({ "last4": 4242 })), None),
        (card(json!({ "exp_month": 0 })), None),
        (card(json!({ "exp_month": 13 })), None),
        (card(json!({ "exp_year": 30 })), None),
        (card(json!({ "exp_year": 10_000 })), None),
        (json!(null), None),
        (json!("card_1"), None),
    ] {
        assert_eq!(answer(&attach(), &with(method(), &json!({ "card": card }))), attached("pm_1", expected), "{card}");
    }
}

#[test]
fn a_lookup_that_does_not_find_what_was_asked_proves_nothing() {
    for (call, how, body, expected) in [
        (store(), fetch("cus_1"), customer(), stored("cus_1")),
        (store(), fetch("cus_1"), with(customer(), &json!({ "deleted": true })), NOT_FOUND),
        (store(), fetch("cus_1"), with(customer(), &json!({ "metadata": {} })), NOT_FOUND),
        (store(), fetch("cus_1"), method(), UNDECODABLE),
        (attach(), Resolve::Search, method(), attached("pm_1", visa())),
        (attach(), fetch("pm_1"), method(), attached("pm_1", visa())),
        (attach(), fetch("pm_2"), with(method(), &json!({ "id": "pm_2" })), attached("pm_2", visa())),
        (attach(), fetch("pm_1"), with(method(), &json!({ "id": "pm_2" })), NOT_FOUND),
        (attach(), fetch("pm_1"), free_method(), NOT_FOUND),
        (attach(), fetch("pm_1"), with(method(), &json!({ "customer": "cus_2" })), NOT_FOUND),
        (attach(), fetch("pm_1"), customer(), UNDECODABLE),
        (detach(), Resolve::Search, free_method(), detached()),
        (detach(), fetch("pm_1"), free_method(), detached()),
        (detach(), fetch("pm_1"), method(), NOT_FOUND),
        (detach(), fetch("pm_1"), json!({ "id": "pm_1", "object": "payment_method" }), NOT_FOUND),
        (detach(), fetch("pm_1"), json!({}), UNDECODABLE),
    ] {
        assert_eq!(look(&call, &how, &body), expected, "{how:?} {body}");
    }
}

#[test]
fn a_search_finds_the_oldest_customer_under_our_reference() {
    let list = |data: &[Value]| json!({ "object": "search_result", "data": data, "has_more": false });
    let hit = |id: &str, created: u64| with(customer(), &json!({ "id": id, "created": created }));
    let foreign = with(hit("cus_0", 1), &json!({ "metadata": {} }));
    let deleted = with(hit("cus_0", 1), &json!({ "deleted": true }));
    for (data, expected) in [
        (vec![], NOT_FOUND),
        (vec![foreign.clone()], NOT_FOUND),
        (vec![deleted.clone()], NOT_FOUND),
        (vec![json!(null), json!(7), json!({})], NOT_FOUND),
        (vec![hit("cus_2", 7), hit("cus_1", 5), foreign, deleted], stored("cus_1")),
        (vec![hit("cus_2", 5), hit("cus_1", 5)], stored("cus_1")),
    ] {
        assert_eq!(look(&store(), &Resolve::Search, &list(&data)), expected, "{data:?}");
    }
    for body in [json!({}), json!({ "data": {} }), json!([]), customer()] {
        assert_eq!(look(&store(), &Resolve::Search, &body), UNDECODABLE, "{body}");
    }
}

#[test]
fn errors_have_the_classes_that_they_have_for_payments() {
    let rejected = |permanent, code: &str| StoredOutcome::Rejected(Rejection { permanent, code: code.to_owned() });
    let error = |error_type: &str, code: &str| json!({ "error": { "type": error_type, "code": code } });
    let declined = StoredOutcome::Declined(Decline { class: DeclineClass::FixData, code: "incorrect_cvc".to_owned(), network_code: None });
    for (status, body, expected, looked_up) in [
        (400, error("invalid_request_error", "resource_missing"), rejected(true, "resource_missing"), SERVER_ERROR),
        (400, error("idempotency_error", ""), CONFLICT, SERVER_ERROR),
        (401, json!({}), rejected(true, ""), SERVER_ERROR),
        (402, error("card_error", "incorrect_cvc"), declined, SERVER_ERROR),
        (404, error("invalid_request_error", "resource_missing"), rejected(true, "resource_missing"), NOT_FOUND),
        (409, json!({}), CONFLICT, SERVER_ERROR),
        (429, error("invalid_request_error", "rate_limit"), rejected(false, "rate_limit"), SERVER_ERROR),
        (500, json!({}), SERVER_ERROR, SERVER_ERROR),
        (302, json!({}), UNDECODABLE, UNDECODABLE),
        (200, json!("text"), UNDECODABLE, UNDECODABLE),
    ] {
        for call in every_call() {
            assert_eq!(stripe().decode_stored(&call, &respond(status, &body)), expected, "{status} {body}");
            for how in [fetch("pm_1"), Resolve::Search] {
                assert_eq!(stripe().decode_stored_resolve(&call, &how, &respond(status, &body)), looked_up, "{status} {body}");
            }
        }
    }
    let not_sent = SendError::NotSent(NotSentReason::Connect, String::new());
    assert_eq!(StoredOutcome::of_error(&not_sent), StoredOutcome::NotSent(NotSentReason::Connect));
    let lost = SendError::Unknown(UnknownReason::ConnectionLost, String::new());
    assert_eq!(StoredOutcome::of_error(&lost).class(), OutcomeClass::Unknown);
}

#[test]
fn calls_about_payments_are_nothing_here() {
    let calls = [
        Operation::Cancel { provider_id: "pi_1".to_owned() },
        Operation::Observe { provider_id: "pi_1".to_owned(), money: base::Money { amount_minor: 1, currency: "USD".parse().unwrap() } },
    ];
    for call in calls.map(call) {
        for body in [customer(), method(), free_method(), json!({ "data": [customer()], "has_more": false })] {
            assert_eq!(answer(&call, &body), UNDECODABLE);
            assert_eq!(look(&call, &Resolve::Search, &body), UNDECODABLE);
        }
    }
}

#[test]
fn stripes_example_objects_are_read() {
    let folder = std::env::var_os("BEZANT_SAMPLES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples")), PathBuf::from);
    let text = match std::fs::read_to_string(folder.join("stripe/fixtures-2026-08.json")) {
        Ok(text) => text,
        Err(error) => {
            println!("SKIPPED: stripe/fixtures-2026-08.json: {error}");
            return;
        }
    };
    let fixtures: Value = serde_json::from_str(&text).unwrap();
    let ours = with(fixtures["resources"]["customer"].clone(), &json!({ "metadata": { "bezant_reference": "ref_1" } }));
    assert_eq!(answer(&store(), &ours).class(), OutcomeClass::Approved);
    let kept = with(fixtures["resources"]["payment_method"].clone(), &json!({ "customer": "cus_1" }));
    let StoredOutcome::Done(Stored::Attached(method)) = answer(&attach(), &kept) else { panic!("not attached") };
    assert!(method.card.is_some_and(|card| card.brand == "visa" && card.exp_month == 8));
    let id = kept["id"].as_str().unwrap();
    let detach = call(Operation::Detach { payment_method: id.to_owned() });
    assert_eq!(answer(&detach, &fixtures["resources"]["payment_method"]).class(), OutcomeClass::Approved);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(status in 0_u16..1_000, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let response = Response { status, headers: Vec::new(), body };
        for call in every_call() {
            let _ = stripe().decode_stored(&call, &response);
            for how in [fetch("pm_1"), Resolve::Search] {
                let outcome = stripe().decode_stored_resolve(&call, &how, &response);
                prop_assert!(!matches!(outcome, StoredOutcome::Rejected(_) | StoredOutcome::Declined(_)), "a lookup never refuses");
            }
        }
    }
}
