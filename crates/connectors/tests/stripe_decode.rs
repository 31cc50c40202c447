//! What every answer and every looked-up state says about the call, row by row.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use base::{
    Approval, Decline, DeclineClass, Mismatch, Money, NextAction, NotSentReason, Outcome, ProviderState, Rejection, Timestamp,
    UnknownReason,
};
use connectors::stripe::{Environment, Stripe};
use connectors::{Call, CaptureMode, Connector, Decoded, Operation, Presence, Resolve};
use egress::{Response, SendError};
use proptest::prelude::*;
use serde_json::{Value, json};

fn stripe() -> Stripe {
    Stripe::new(Environment::Test)
}

fn usd(amount_minor: u64) -> Money {
    Money { amount_minor, currency: "USD".parse().unwrap() }
}

fn call(operation: Operation) -> Call {
    Call { operation, key: "key-1".to_owned(), reference: "ref_1".to_owned() }
}

fn authorize() -> Call {
    call(Operation::Authorize {
        money: usd(1_000),
        payment_method: "pm_card_visa".to_owned(),
        customer: None,
        presence: Presence::OnSession,
        capture: CaptureMode::Manual,
        return_url: None,
        sim: None,
    })
}

fn capture() -> Call {
    call(Operation::Capture { provider_id: "pi_1".to_owned(), money: usd(1_000) })
}

fn cancel() -> Call {
    call(Operation::Cancel { provider_id: "pi_1".to_owned() })
}

fn refund() -> Call {
    call(Operation::Refund { provider_id: "pi_1".to_owned(), money: usd(400) })
}

fn confirm() -> Call {
    call(Operation::Confirm {
        provider_id: "pi_1".to_owned(),
        money: usd(1_000),
        payment_method: "pm_card_visa".to_owned(),
        return_url: None,
    })
}

fn observe() -> Call {
    call(Operation::Observe { provider_id: "pi_1".to_owned(), money: usd(1_000) })
}

fn every_call() -> [Call; 9] {
    let keeping = [
        Operation::StoreCustomer,
        Operation::Attach { customer: "cus_1".to_owned(), payment_method: "pm_1".to_owned() },
        Operation::Detach { payment_method: "pm_1".to_owned() },
    ];
    let [store, attach, detach] = keeping.map(call);
    [authorize(), confirm(), capture(), cancel(), refund(), observe(), store, attach, detach]
}

fn every_lookup() -> [Resolve; 2] {
    [Resolve::Fetch { provider_id: "pi_1".to_owned() }, Resolve::Search]
}

fn respond(status: u16, body: &Value) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn fetch(call: &Call, body: &Value) -> Decoded {
    stripe().decode_resolve(call, &Resolve::Fetch { provider_id: "pi_1".to_owned() }, &respond(200, body))
}

fn search(call: &Call, body: &Value) -> Decoded {
    stripe().decode_resolve(call, &Resolve::Search, &respond(200, body))
}

fn answer(call: &Call, body: &Value) -> Decoded {
    stripe().decode(call, &respond(200, body))
}

/// A payment intent of 1,000 US cents in this state, with the amounts that belong to it.
fn intent(status: &str) -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "status": status, "amount": 1_000, "currency": "usd",
        "amount_capturable": if status == "requires_capture" { 1_000 } else { 0 },
        "amount_received": if status == "succeeded" { 1_000 } else { 0 },
        "metadata": { "bezant_reference": "ref_1" }, "latest_charge": null, "next_action": null, "last_payment_error": null,
    })
}

fn with(mut value: Value, change: &Value) -> Value {
    for (name, changed) in change.as_object().unwrap() {
        value[name] = changed.clone();
    }
    value
}

fn refund_object(status: &str) -> Value {
    json!({
        "id": "re_1", "object": "refund", "status": status, "amount": 400, "currency": "usd", "payment_intent": "pi_1",
        "metadata": { "bezant_reference": "ref_1" },
    })
}

fn list(data: &[Value], has_more: bool) -> Value {
    json!({ "object": "list", "data": data, "has_more": has_more })
}

fn approved(state: ProviderState) -> Outcome {
    Outcome::Approved(Approval { state, fee_minor: None, available_at: None })
}

fn mismatch(amount_minor: u64, alpha: &str, captured: bool) -> Outcome {
    Outcome::Mismatch(Mismatch { amount_minor, currency: alpha.parse().unwrap(), captured })
}

const HELD: ProviderState = ProviderState::Authorized { amount_minor: 1_000 };
const TAKEN: ProviderState = ProviderState::Captured { amount_minor: 1_000 };
const UNDECODABLE: Outcome = Outcome::Unknown(UnknownReason::Undecodable);
const NOT_FOUND: Outcome = Outcome::Unknown(UnknownReason::NotFound);
const CONFLICT: Outcome = Outcome::Unknown(UnknownReason::IdempotencyConflict);
const SERVER_ERROR: Outcome = Outcome::Unknown(UnknownReason::ServerError);
const WAIT: Outcome = Outcome::Pending(NextAction::Wait);

#[test]
fn every_state_of_a_payment_intent_says_this_about_each_call() {
    // Columns: state; authorize answered, authorize fetched; capture answered, fetched; cancel answered, fetched.
    let canceled = || approved(ProviderState::Canceled);
    let taken_anyway = || mismatch(1_000, "USD", true);
    let table: [(&str, [Outcome; 6]); 9] = [
        ("requires_capture", [approved(HELD), approved(HELD), UNDECODABLE, NOT_FOUND, UNDECODABLE, NOT_FOUND]),
        ("succeeded", [approved(TAKEN), approved(TAKEN), approved(TAKEN), approved(TAKEN), taken_anyway(), taken_anyway()]),
        ("processing", [WAIT, WAIT, WAIT, WAIT, UNDECODABLE, NOT_FOUND]),
        ("requires_action", [WAIT, WAIT, UNDECODABLE, NOT_FOUND, UNDECODABLE, NOT_FOUND]),
        ("requires_confirmation", [WAIT, WAIT, UNDECODABLE, NOT_FOUND, UNDECODABLE, NOT_FOUND]),
        ("requires_payment_method", [UNDECODABLE, NOT_FOUND, UNDECODABLE, NOT_FOUND, UNDECODABLE, NOT_FOUND]),
        ("canceled", [canceled(), canceled(), UNDECODABLE, canceled(), canceled(), canceled()]),
        ("made_up_in_2031", [UNDECODABLE, UNDECODABLE, UNDECODABLE, UNDECODABLE, UNDECODABLE, UNDECODABLE]),
        ("", [UNDECODABLE, UNDECODABLE, UNDECODABLE, UNDECODABLE, UNDECODABLE, UNDECODABLE]),
    ];
    for (status, expected) in table {
        let object = intent(status);
        let got = [authorize(), capture(), cancel()].map(|call| [answer(&call, &object), fetch(&call, &object)]);
        for (decoded, outcome) in got.into_iter().flatten().zip(expected) {
            assert_eq!(decoded, Decoded { outcome, provider_id: Some("pi_1".to_owned()) }, "{status}");
        }
        for call in [capture(), cancel()] {
            assert_eq!(search(&call, &object), fetch(&call, &object), "where the id is known a search reads the object: {status}");
        }
    }
}

#[test]
fn other_amounts_currencies_and_references_are_mismatches() {
    let other_reference = json!({ "metadata": { "bezant_reference": "ref_2" } });
    for (call, status, change, expected) in [
        (authorize(), "requires_capture", json!({ "amount_capturable": 999 }), mismatch(999, "USD", false)),
        (authorize(), "requires_capture", json!({ "amount_capturable": 1_001 }), mismatch(1_001, "USD", false)),
        (authorize(), "requires_capture", json!({ "currency": "eur" }), mismatch(1_000, "EUR", false)),
        (authorize(), "requires_capture", other_reference.clone(), mismatch(1_000, "USD", false)),
        (authorize(), "requires_capture", json!({ "metadata": {} }), mismatch(1_000, "USD", false)),
        (authorize(), "requires_capture", json!({ "metadata": null }), mismatch(1_000, "USD", false)),
        (authorize(), "succeeded", json!({ "amount_received": 900 }), mismatch(900, "USD", true)),
        (authorize(), "succeeded", json!({ "currency": "jpy" }), mismatch(1_000, "JPY", true)),
        (authorize(), "succeeded", json!({ "currency": "isk" }), mismatch(10, "ISK", true)),
        (authorize(), "succeeded", other_reference.clone(), mismatch(1_000, "USD", true)),
        (authorize(), "requires_action", json!({ "amount": 1 }), mismatch(1, "USD", false)),
        (authorize(), "processing", json!({ "amount": 1 }), mismatch(1, "USD", false)),
        (authorize(), "canceled", json!({ "amount_received": 10 }), mismatch(10, "USD", true)),
        (authorize(), "requires_payment_method", other_reference, mismatch(1_000, "USD", false)),
        (capture(), "succeeded", json!({ "amount_received": 900 }), mismatch(900, "USD", true)),
        (capture(), "succeeded", json!({ "currency": "eur" }), mismatch(1_000, "EUR", true)),
        (capture(), "canceled", json!({ "amount_received": 10 }), mismatch(10, "USD", true)),
        (cancel(), "canceled", json!({ "amount_received": 10 }), mismatch(10, "USD", true)),
    ] {
        let object = with(intent(status), &change);
        assert_eq!(answer(&call, &object).outcome, expected, "{status} {change}");
        assert_eq!(fetch(&call, &object).outcome, expected, "{status} {change}");
    }
}

#[test]
fn success_without_a_readable_object_or_amount_is_unknown() {
    for (call, status, change) in [
        (authorize(), "requires_capture", json!({ "amount_capturable": 0 })),
        (authorize(), "requires_capture", json!({ "amount_capturable": null })),
        (authorize(), "requires_capture", json!({ "amount_capturable": 1_000.5 })),
        (authorize(), "requires_capture", json!({ "amount_capturable": "1000" })),
        (authorize(), "succeeded", json!({ "amount_received": 0 })),
        (authorize(), "succeeded", json!({ "amount_received": -1_000 })),
        (authorize(), "succeeded", json!({ "amount_received": null })),
        (authorize(), "succeeded", json!({ "currency": "xxx" })),
        (authorize(), "succeeded", json!({ "currency": null })),
        (authorize(), "succeeded", json!({ "currency": "isk", "amount_received": 50 })),
        (authorize(), "succeeded", json!({ "object": "charge" })),
        (authorize(), "succeeded", json!({ "id": "ch_1" })),
        (authorize(), "succeeded", json!({ "id": "pi_1/.." })),
        (authorize(), "succeeded", json!({ "status": 7 })),
        (authorize(), "succeeded", json!({ "amount": null })),
        (capture(), "succeeded", json!({ "amount_received": 0 })),
        (capture(), "succeeded", json!({ "id": "pi_2" })),
        (cancel(), "canceled", json!({ "id": "pi_2" })),
        (cancel(), "succeeded", json!({ "amount_received": null })),
    ] {
        let object = with(intent(status), &change);
        assert_eq!(answer(&call, &object).outcome, UNDECODABLE, "{status} {change}");
    }
    for call in every_call() {
        for body in ["", "null", "[]", "{}", "{\"id\":", "<html>", "\u{feff}{}", "\"pi_1\""] {
            let response = Response { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() };
            assert_eq!(stripe().decode(&call, &response), Decoded { outcome: UNDECODABLE, provider_id: None }, "{body}");
        }
        let deep = Response { status: 200, headers: Vec::new(), body: "[".repeat(100_000).into_bytes() };
        assert_eq!(stripe().decode(&call, &deep).outcome, UNDECODABLE);
        let large = Response { status: 200, headers: Vec::new(), body: vec![b' '; 1024 * 1024 + 1] };
        assert_eq!(stripe().decode(&call, &large).outcome, UNDECODABLE);
    }
}

#[test]
fn the_fee_and_the_date_come_from_the_expanded_balance_transaction() {
    let charge = |transaction: Value| json!({ "latest_charge": { "id": "ch_1", "balance_transaction": transaction } });
    let date = Some(Timestamp::from_s(1_800_000_000));
    for (change, fee_minor, available_at) in [
        (charge(json!({ "fee": 59, "currency": "usd", "available_on": 1_800_000_000 })), Some(59), date),
        // Settled in another currency: that fee is not in the payment's.
        (charge(json!({ "fee": 59, "currency": "eur", "available_on": 1_800_000_000 })), None, date),
        (charge(json!({ "fee": -59, "currency": "usd", "available_on": 1_800_000_000 })), None, None),
        (charge(json!("txn_1")), None, None),
        (charge(json!(null)), None, None),
        (json!({ "latest_charge": "ch_1" }), None, None),
    ] {
        for call in [authorize(), capture()] {
            let expected = Outcome::Approved(Approval { state: TAKEN, fee_minor, available_at });
            assert_eq!(answer(&call, &with(intent("succeeded"), &change)).outcome, expected, "{change}");
        }
    }
}

#[test]
fn the_customer_is_sent_only_to_safe_addresses() {
    let action =
        |url: Value| json!({ "next_action": { "type": "redirect_to_url", "redirect_to_url": { "url": url, "return_url": null } } });
    for (change, expected) in [
        (action(json!("https://hooks.stripe.com/3d?x=1")), NextAction::Redirect { url: "https://hooks.stripe.com/3d?x=1".to_owned() }),
        (action(json!("http://127.0.0.1:12111/3d")), NextAction::Redirect { url: "http://127.0.0.1:12111/3d".to_owned() }),
        (action(json!("http://hooks.stripe.com/3d")), NextAction::Wait),
        (action(json!("javascript:alert(1)")), NextAction::Wait),
        (action(json!(format!("https://a.example/{}", "x".repeat(2_048)))), NextAction::Wait),
        (action(json!(null)), NextAction::Wait),
        (json!({ "next_action": { "type": "use_stripe_sdk", "use_stripe_sdk": {} } }), NextAction::Wait),
        (json!({ "next_action": "made_up" }), NextAction::Wait),
    ] {
        assert_eq!(answer(&authorize(), &with(intent("requires_action"), &change)).outcome, Outcome::Pending(expected), "{change}");
    }
}

#[test]
fn a_declined_intent_is_declined_and_keeps_its_id_because_it_is_still_open() {
    let change = json!({ "last_payment_error": { "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
                                                 "network_decline_code": "51" } });
    let declined = Outcome::Declined(Decline {
        class: DeclineClass::SoftFunds,
        code: "insufficient_funds".to_owned(),
        network_code: Some("51".to_owned()),
    });
    let object = with(intent("requires_payment_method"), &change);
    let expected = Decoded { outcome: declined, provider_id: Some("pi_1".to_owned()) };
    assert_eq!(answer(&authorize(), &object), expected);
    assert_eq!(fetch(&authorize(), &object), expected);
    assert_eq!(search(&authorize(), &list(&[object], false)), expected);
}

fn error(fields: &Value) -> Value {
    json!({ "error": fields })
}

#[test]
fn every_error_status_says_this() {
    let rejected = |permanent, code: &str| Outcome::Rejected(Rejection { permanent, code: code.to_owned() });
    let invalid = |code: &str| error(&json!({ "type": "invalid_request_error", "code": code }));
    let idempotency = error(&json!({ "type": "idempotency_error" }));
    let nothing = json!({});
    for (status, body, expected) in [
        (400, invalid("parameter_missing"), rejected(true, "parameter_missing")),
        (400, error(&json!({ "type": "invalid_request_error" })), rejected(true, "")),
        (400, invalid("rate_limit"), rejected(false, "rate_limit")),
        (400, invalid("lock_timeout"), rejected(false, "lock_timeout")),
        (400, idempotency.clone(), CONFLICT),
        (400, invalid("idempotency_key_in_use"), CONFLICT),
        (400, nothing.clone(), UNDECODABLE),
        (400, error(&json!("text")), UNDECODABLE),
        (401, error(&json!({ "type": "invalid_request_error" })), rejected(true, "")),
        (401, nothing.clone(), rejected(true, "")),
        (403, invalid("secret_key_required"), rejected(true, "secret_key_required")),
        (403, nothing.clone(), rejected(true, "")),
        (404, invalid("resource_missing"), rejected(true, "resource_missing")),
        (404, idempotency.clone(), CONFLICT),
        (404, nothing.clone(), UNDECODABLE),
        (409, invalid("idempotency_key_in_use"), CONFLICT),
        (409, idempotency, CONFLICT),
        (409, nothing.clone(), CONFLICT),
        (429, invalid("rate_limit"), rejected(false, "rate_limit")),
        (429, invalid("lock_timeout"), rejected(false, "lock_timeout")),
        (429, nothing.clone(), rejected(false, "")),
        (402, nothing.clone(), UNDECODABLE),
        (402, error(&json!({ "code": "card_declined" })), UNDECODABLE),
        (500, error(&json!({ "type": "api_error" })), SERVER_ERROR),
        (500, error(&json!({ "type": "card_error", "code": "card_declined" })), SERVER_ERROR),
        (502, nothing.clone(), SERVER_ERROR),
        (503, nothing.clone(), SERVER_ERROR),
        (504, nothing.clone(), SERVER_ERROR),
        (301, nothing.clone(), UNDECODABLE),
        (304, nothing.clone(), UNDECODABLE),
        (405, nothing.clone(), UNDECODABLE),
        (408, nothing.clone(), UNDECODABLE),
        (418, invalid("x"), UNDECODABLE),
        (424, nothing.clone(), UNDECODABLE),
        (600, nothing.clone(), UNDECODABLE),
        (999, nothing, UNDECODABLE),
    ] {
        for call in every_call() {
            let decoded = stripe().decode(&call, &respond(status, &body));
            assert_eq!(decoded, Decoded { outcome: expected.clone(), provider_id: None }, "{status} {body}");
            let replayed = stripe().decode_resolve(&call, &Resolve::Replay, &respond(status, &body));
            assert_eq!(replayed, decoded, "a replay is read like the call");
        }
    }
}

#[test]
fn a_refused_payment_is_declined_with_the_id_of_the_intent_it_leaves_open() {
    let card_error = |intent: Value| {
        error(&json!({ "type": "card_error", "code": "card_declined", "decline_code": "lost_card", "payment_intent": intent }))
    };
    let declined = Outcome::Declined(Decline { class: DeclineClass::HardCard, code: "lost_card".to_owned(), network_code: None });
    let open = card_error(json!({ "id": "pi_1", "object": "payment_intent", "status": "requires_payment_method" }));
    for (call, provider_id) in [(authorize(), Some("pi_1")), (capture(), Some("pi_1")), (refund(), None)] {
        let expected = Decoded { outcome: declined.clone(), provider_id: provider_id.map(str::to_owned) };
        assert_eq!(stripe().decode(&call, &respond(402, &open)), expected);
    }
    let hostile = card_error(json!({ "id": "pi_1/../../v1/refunds" }));
    assert_eq!(stripe().decode(&authorize(), &respond(402, &hostile)), Decoded { outcome: declined, provider_id: None });
    for status in ["succeeded", "requires_capture", "processing"] {
        let contradiction = card_error(json!({ "id": "pi_1", "status": status }));
        let decoded = stripe().decode(&authorize(), &respond(402, &contradiction));
        assert_eq!(decoded, Decoded { outcome: UNDECODABLE, provider_id: Some("pi_1".to_owned()) }, "{status}");
    }
}

#[test]
fn a_refused_lookup_says_nothing_about_the_call() {
    let body = error(&json!({ "type": "invalid_request_error", "code": "resource_missing" }));
    for (status, expected) in [
        (400, SERVER_ERROR),
        (401, SERVER_ERROR),
        (402, SERVER_ERROR),
        (403, SERVER_ERROR),
        (404, NOT_FOUND),
        (409, SERVER_ERROR),
        (429, SERVER_ERROR),
        (500, SERVER_ERROR),
        (503, SERVER_ERROR),
        (302, UNDECODABLE),
        (700, UNDECODABLE),
    ] {
        for call in every_call() {
            for how in every_lookup() {
                let decoded = stripe().decode_resolve(&call, &how, &respond(status, &body));
                assert_eq!(decoded, Decoded { outcome: expected.clone(), provider_id: None }, "{status} {how:?}");
            }
        }
    }
    for call in every_call() {
        for how in every_lookup() {
            let response = Response { status: 200, headers: Vec::new(), body: b"<html>".to_vec() };
            assert_eq!(stripe().decode_resolve(&call, &how, &response).outcome, UNDECODABLE);
        }
    }
}

#[test]
fn every_state_of_a_refund_says_this() {
    let declined = |class, code: &str| Outcome::Declined(Decline { class, code: code.to_owned(), network_code: None });
    let succeeded = approved(ProviderState::Refunded { amount_minor: 400 });
    let pending = approved(ProviderState::RefundPending { amount_minor: 400 });
    for (status, change, expected) in [
        ("succeeded", json!({}), succeeded),
        ("pending", json!({}), pending.clone()),
        ("requires_action", json!({}), pending),
        ("failed", json!({ "failure_reason": "lost_or_stolen_card" }), declined(DeclineClass::HardCard, "lost_or_stolen_card")),
        ("failed", json!({}), declined(DeclineClass::SoftIssuer, "failed")),
        ("canceled", json!({}), declined(DeclineClass::SoftIssuer, "canceled")),
        ("made_up", json!({}), UNDECODABLE),
        ("succeeded", json!({ "amount": 399 }), mismatch(399, "USD", true)),
        ("pending", json!({ "currency": "eur" }), mismatch(400, "EUR", false)),
        ("succeeded", json!({ "payment_intent": "pi_2" }), mismatch(400, "USD", true)),
        ("succeeded", json!({ "payment_intent": null }), mismatch(400, "USD", true)),
        ("failed", json!({ "metadata": {} }), mismatch(400, "USD", false)),
    ] {
        let object = with(refund_object(status), &change);
        let expected = Decoded { outcome: expected, provider_id: Some("re_1".to_owned()) };
        assert_eq!(answer(&refund(), &object), expected, "{status} {change}");
        assert_eq!(fetch(&refund(), &object), expected, "{status} {change}");
    }
    let expanded = with(refund_object("succeeded"), &json!({ "payment_intent": { "id": "pi_1", "object": "payment_intent" } }));
    assert_eq!(answer(&refund(), &expanded), answer(&refund(), &refund_object("succeeded")));
    for change in [json!({ "status": null }), json!({ "id": "ch_1" }), json!({ "amount": 400.5 }), json!({ "object": "charge" })] {
        let object = with(refund_object("succeeded"), &change);
        assert_eq!(answer(&refund(), &object), Decoded { outcome: UNDECODABLE, provider_id: None }, "{change}");
    }
}

#[test]
fn a_search_that_finds_nothing_proves_nothing() {
    let foreign_intent = with(intent("succeeded"), &json!({ "metadata": { "bezant_reference": "ref_2" } }));
    let foreign_refund = with(refund_object("succeeded"), &json!({ "metadata": {} }));
    for has_more in [false, true] {
        for (call, body) in [
            (authorize(), list(&[], has_more)),
            (authorize(), list(std::slice::from_ref(&foreign_intent), has_more)),
            (refund(), list(&[], has_more)),
            (refund(), list(std::slice::from_ref(&foreign_refund), has_more)),
        ] {
            assert_eq!(search(&call, &body), Decoded { outcome: NOT_FOUND, provider_id: None });
        }
    }
    for body in [json!({}), json!({ "data": {} , "has_more": false }), json!({ "data": [] }), intent("succeeded")] {
        assert_eq!(search(&authorize(), &body).outcome, UNDECODABLE, "{body}");
        assert_eq!(search(&refund(), &body).outcome, UNDECODABLE, "{body}");
    }
}

#[test]
fn among_several_hits_the_one_with_money_counts() {
    let hit = |id: &str, status: &str| with(intent(status), &json!({ "id": id }));
    let declined = with(hit("pi_d", "requires_payment_method"), &json!({ "last_payment_error": { "type": "card_error" } }));
    let foreign = with(hit("pi_f", "succeeded"), &json!({ "metadata": {} }));
    for (data, id, outcome) in [
        (vec![hit("pi_1", "canceled"), hit("pi_2", "succeeded")], "pi_2", approved(TAKEN)),
        (vec![hit("pi_1", "requires_action"), hit("pi_2", "requires_capture"), declined.clone()], "pi_2", approved(HELD)),
        (vec![declined.clone(), hit("pi_2", "processing")], "pi_2", WAIT),
        (vec![declined, hit("pi_2", "made_up")], "pi_2", UNDECODABLE),
        (vec![hit("pi_1", "canceled"), hit("pi_2", "canceled")], "pi_1", approved(ProviderState::Canceled)),
        (vec![foreign, hit("pi_2", "requires_capture")], "pi_2", approved(HELD)),
        (vec![hit("pi_1", "requires_capture"), hit("pi_2", "succeeded")], "pi_2", mismatch(2_000, "USD", true)),
        (vec![hit("pi_1", "requires_capture"), hit("pi_2", "requires_capture")], "pi_1", mismatch(2_000, "USD", false)),
    ] {
        assert_eq!(search(&authorize(), &list(&data, false)), Decoded { outcome, provider_id: Some(id.to_owned()) });
    }
    let unreadable = with(hit("pi_1", "succeeded"), &json!({ "amount": "a lot" }));
    assert_eq!(search(&authorize(), &list(&[unreadable, hit("pi_2", "canceled")], false)).outcome, UNDECODABLE);

    let refund_hit = |id: &str, status: &str| with(refund_object(status), &json!({ "id": id }));
    let data = [refund_hit("re_1", "failed"), refund_hit("re_2", "pending"), refund_hit("re_3", "succeeded")];
    let expected = Decoded { outcome: approved(ProviderState::Refunded { amount_minor: 400 }), provider_id: Some("re_3".to_owned()) };
    assert_eq!(search(&refund(), &list(&data, true)), expected);
}

#[test]
fn a_send_that_failed_is_what_the_transport_says() {
    let not_sent = SendError::NotSent(NotSentReason::Tls, "x".to_owned());
    let unknown = SendError::Unknown(UnknownReason::Timeout, "x".to_owned());
    assert_eq!(stripe().outcome_of_error(&not_sent), Outcome::NotSent(NotSentReason::Tls));
    assert_eq!(stripe().outcome_of_error(&unknown), Outcome::Unknown(UnknownReason::Timeout));
}

/// JSON made of the names and values that the decoder looks for, in any arrangement.
fn lookalike() -> impl Strategy<Value = Value> {
    let names = [
        "id",
        "object",
        "status",
        "amount",
        "amount_capturable",
        "amount_received",
        "currency",
        "metadata",
        "bezant_reference",
        "error",
        "type",
        "code",
        "decline_code",
        "payment_intent",
        "last_payment_error",
        "latest_charge",
        "balance_transaction",
        "fee",
        "data",
        "has_more",
        "next_action",
        "redirect_to_url",
        "url",
        "failure_reason",
        "available_on",
    ];
    let texts = [
        "pi_1",
        "re_1",
        "payment_intent",
        "refund",
        "list",
        "succeeded",
        "requires_capture",
        "canceled",
        "usd",
        "isk",
        "ref_1",
        "card_error",
        "https://a.example",
        "",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::from(u64::MAX)),
        prop::sample::select(texts.to_vec()).prop_map(Value::from),
        ".{0,80}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 12, move |inner| {
        let name = prop::sample::select(names.to_vec());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..12)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())),
        ]
    })
}

#[test]
fn an_off_session_charge_that_needs_an_authentication_is_declined_so() {
    let mut call = authorize();
    if let Operation::Authorize { customer, presence, .. } = &mut call.operation {
        (*customer, *presence) = (Some("cus_1".to_owned()), Presence::OffSession);
    }
    let refused = error(&json!({ "type": "card_error", "code": "authentication_required", "decline_code": "authentication_required",
                                 "payment_intent": { "id": "pi_1", "status": "requires_payment_method" } }));
    let outcome =
        Outcome::Declined(Decline { class: DeclineClass::Authenticate, code: "authentication_required".to_owned(), network_code: None });
    let expected = Decoded { outcome, provider_id: Some("pi_1".to_owned()) };
    assert_eq!(stripe().decode(&call, &respond(402, &refused)), expected);
    assert_eq!(answer(&call, &intent("succeeded")).outcome, approved(TAKEN));
}

#[test]
fn a_payment_that_is_only_observed_is_what_it_is_now_and_never_declined() {
    let redirect = json!({ "next_action": { "redirect_to_url": { "url": "https://hooks.example/3ds" } } });
    let redirected = Outcome::Pending(NextAction::Redirect { url: "https://hooks.example/3ds".to_owned() });
    let refused = json!({ "last_payment_error": { "type": "card_error", "code": "card_declined", "decline_code": "lost_card" } });
    let captured = |amount_minor| approved(ProviderState::Captured { amount_minor });
    let other_reference = json!({ "metadata": { "bezant_reference": "ref_2" } });
    for (status, change, expected) in [
        ("requires_capture", json!({}), approved(HELD)),
        ("requires_capture", json!({ "amount_capturable": 0 }), UNDECODABLE),
        ("requires_capture", json!({ "amount_capturable": 999 }), mismatch(999, "USD", false)),
        ("requires_capture", json!({ "amount_capturable": 1_001 }), mismatch(1_001, "USD", false)),
        ("succeeded", json!({}), captured(1_000)),
        ("succeeded", json!({ "amount_received": 400 }), captured(400)),
        ("succeeded", json!({ "amount_received": 1_001 }), mismatch(1_001, "USD", true)),
        ("succeeded", json!({ "amount_received": 0 }), UNDECODABLE),
        ("succeeded", json!({ "amount_received": null }), UNDECODABLE),
        ("succeeded", json!({ "currency": "eur" }), mismatch(1_000, "EUR", true)),
        ("succeeded", json!({ "currency": "isk", "amount_received": 50 }), UNDECODABLE),
        ("succeeded", other_reference.clone(), mismatch(1_000, "USD", true)),
        ("canceled", json!({}), approved(ProviderState::Canceled)),
        ("canceled", json!({ "amount_received": 10 }), mismatch(10, "USD", true)),
        ("canceled", json!({ "amount_received": 1_000 }), mismatch(1_000, "USD", true)),
        ("canceled", other_reference, mismatch(0, "USD", false)),
        ("processing", json!({}), WAIT),
        ("requires_action", json!({}), WAIT),
        ("requires_action", redirect, redirected),
        ("requires_action", json!({ "amount": 1 }), mismatch(1, "USD", false)),
        ("requires_confirmation", json!({}), NOT_FOUND),
        ("requires_payment_method", json!({}), NOT_FOUND),
        ("requires_payment_method", refused, NOT_FOUND),
        ("made_up_in_2031", json!({}), UNDECODABLE),
    ] {
        let object = with(intent(status), &change);
        assert_eq!(fetch(&observe(), &object), Decoded { outcome: expected, provider_id: Some("pi_1".to_owned()) }, "{status} {change}");
        assert_eq!(answer(&observe(), &object), Decoded::nameless(UNDECODABLE), "nothing was asked that could be answered");
    }
    let another = with(intent("succeeded"), &json!({ "id": "pi_2" }));
    assert_eq!(fetch(&observe(), &another), Decoded::nameless(UNDECODABLE));
    let settled = json!({ "latest_charge": { "balance_transaction": { "fee": 59, "currency": "usd", "available_on": 1_800_000_000 } } });
    let expected = Approval { state: TAKEN, fee_minor: Some(59), available_at: Some(Timestamp::from_s(1_800_000_000)) };
    assert_eq!(fetch(&observe(), &with(intent("succeeded"), &settled)).outcome, Outcome::Approved(expected));
}

#[test]
fn a_refund_read_by_its_own_id_says_why_it_failed() {
    let how = Resolve::Fetch { provider_id: "re_1".to_owned() };
    assert_eq!(stripe().encode_resolve(&refund(), &how).unwrap().path_and_query, "/v1/refunds/re_1");
    for (status, reason, class) in [
        ("failed", "expired_or_canceled_card", DeclineClass::HardCard),
        ("failed", "insufficient_funds", DeclineClass::SoftFunds),
        ("canceled", "merchant_request", DeclineClass::Config),
    ] {
        let object = with(refund_object(status), &json!({ "failure_reason": reason }));
        let outcome = Outcome::Declined(Decline { class, code: reason.to_owned(), network_code: None });
        let expected = Decoded { outcome, provider_id: Some("re_1".to_owned()) };
        assert_eq!(stripe().decode_resolve(&refund(), &how, &respond(200, &object)), expected, "{status} {reason}");
    }
}

fn assert_bounded(decoded: &Decoded) {
    if let Some(id) = &decoded.provider_id {
        assert!(id.len() <= 100 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }
    match &decoded.outcome {
        Outcome::Declined(decline) => assert!(decline.code.len() <= 64 && decline.code.is_ascii()),
        Outcome::Rejected(rejection) => assert!(rejection.code.len() <= 64 && rejection.code.is_ascii()),
        Outcome::Pending(NextAction::Redirect { url }) => assert!(url.len() <= 2_048 && url.starts_with("http")),
        Outcome::Pending(NextAction::Wait) | Outcome::NotSent(_) | Outcome::Approved(_) | Outcome::Mismatch(_) | Outcome::Unknown(_) => {}
    }
    assert!(!matches!(decoded.outcome, Outcome::NotSent(_)), "an answer proves that something was sent");
}

fn decode_every_way(status: u16, body: &[u8]) {
    let response = Response { status, headers: Vec::new(), body: body.to_vec() };
    for call in every_call() {
        assert_bounded(&stripe().decode(&call, &response));
        for how in every_lookup() {
            let decoded = stripe().decode_resolve(&call, &how, &response);
            assert_bounded(&decoded);
            assert!(!matches!(decoded.outcome, Outcome::Rejected(_)), "a lookup never rejects the call");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(status in 0_u16..1_000, body in prop::collection::vec(any::<u8>(), 0..300)) {
        decode_every_way(status, &body);
    }

    #[test]
    fn arbitrary_lookalikes_never_panic(status in prop::sample::select(vec![200_u16, 400, 402, 404, 409, 429, 500]), body in lookalike()) {
        decode_every_way(status, body.to_string().as_bytes());
    }

    #[test]
    fn one_changed_field_never_makes_an_approval_of_other_money(
        status in prop::sample::select(vec!["succeeded", "requires_capture"]),
        field in prop::sample::select(vec!["amount_capturable", "amount_received", "currency", "metadata", "status", "id", "object"]),
        changed in lookalike(),
    ) {
        let mut object = intent(status);
        object[field] = changed;
        if let Outcome::Approved(approval) = answer(&authorize(), &object).outcome {
            let is_one_of_ours = match approval.state {
                ProviderState::Authorized { amount_minor } | ProviderState::Captured { amount_minor } => amount_minor == 1_000,
                ProviderState::Canceled => true,
                ProviderState::Refunded { .. } | ProviderState::RefundPending { .. } => false,
            };
            prop_assert!(is_one_of_ours);
        }
    }
}

#[test]
fn a_confirmation_reads_like_an_authorization_but_a_lookup_never_takes_an_earlier_refusal_for_its_own() {
    let intent = |status: &str, id: &str| {
        json!({
            "id": id, "object": "payment_intent", "status": status, "amount": 1_000, "currency": "usd", "amount_capturable": 1_000,
            "amount_received": 1_000, "metadata": { "bezant_reference": "ref_1" },
            "last_payment_error": { "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds" },
            "next_action": { "type": "redirect_to_url", "redirect_to_url": { "url": "https://hooks.example/3ds" } },
        })
    };
    for (status, answered, looked_up) in [
        ("requires_capture", base::OutcomeClass::Approved, base::OutcomeClass::Approved),
        ("succeeded", base::OutcomeClass::Approved, base::OutcomeClass::Approved),
        ("requires_action", base::OutcomeClass::Pending, base::OutcomeClass::Pending),
        ("requires_payment_method", base::OutcomeClass::Declined, base::OutcomeClass::Unknown),
        ("something_new", base::OutcomeClass::Unknown, base::OutcomeClass::Unknown),
    ] {
        let body = intent(status, "pi_1");
        assert_eq!(stripe().decode(&confirm(), &respond(200, &body)).outcome.class(), answered, "{status}");
        for how in every_lookup() {
            assert_eq!(stripe().decode_resolve(&confirm(), &how, &respond(200, &body)).outcome.class(), looked_up, "{status} {how:?}");
        }
        let another = intent(status, "pi_2");
        assert_eq!(
            stripe().decode(&confirm(), &respond(200, &another)).outcome.class(),
            base::OutcomeClass::Unknown,
            "{status} of another payment"
        );
    }
}
