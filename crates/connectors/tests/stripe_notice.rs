//! What Stripe's events say in our words, row by row, in webhooks and in pages of the list of events.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use base::{About, DisputeFact, DisputePhase, Money, Notice, PaymentSays, RefundSays, Timestamp};
use connectors::stripe::{API_VERSION, EVENTS_RESPONSE_BYTES_MAX, Environment, Stripe, WEBHOOK_TYPES};
use connectors::{Connector, EncodeError, EventsQuestion, NOTICE_BYTES_MAX, NoticeError};
use egress::{Method, Response};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::PathBuf;

fn stripe() -> Stripe {
    Stripe::new(Environment::Test)
}

fn event(event_type: &str, object: &Value) -> Value {
    json!({ "id": "evt_1", "object": "event", "type": event_type, "created": 1_700_000_000, "data": { "object": object } })
}

fn parse(value: &Value) -> Result<Notice, NoticeError> {
    stripe().parse_notice(value.to_string().as_bytes())
}

fn about(event_type: &str, object: &Value) -> About {
    let notice = parse(&event(event_type, object)).unwrap();
    assert_eq!((notice.event_id.as_str(), notice.event_type.as_str()), ("evt_1", event_type));
    assert_eq!(notice.created_at, Some(Timestamp::from_s(1_700_000_000)));
    notice.about
}

fn with(mut value: Value, change: &Value) -> Value {
    for (name, changed) in change.as_object().unwrap() {
        value[name] = changed.clone();
    }
    value
}

fn intent(status: &str) -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "status": status, "amount": 1_000, "currency": "usd",
        "amount_received": if status == "succeeded" { 1_000 } else { 0 }, "metadata": { "bezant_reference": "bzr_1" },
    })
}

fn refund(status: &str) -> Value {
    json!({
        "id": "re_1", "object": "refund", "status": status, "amount": 400, "currency": "usd", "payment_intent": "pi_1",
        "metadata": { "bezant_reference": "bzr_2" },
    })
}

fn withdrawal() -> Value {
    json!({ "object": "balance_transaction", "amount": -1_000, "fee": 1_500, "net": -2_500, "currency": "usd" })
}

fn dispute(status: &str) -> Value {
    json!({
        "id": "dp_1", "object": "dispute", "status": status, "amount": 1_000, "currency": "usd", "charge": "ch_1",
        "payment_intent": "pi_1", "reason": "fraudulent", "evidence_details": { "due_by": 1_700_600_000 },
        "balance_transactions": [withdrawal()],
    })
}

fn payment(says: PaymentSays) -> About {
    About::Payment { provider_id: "pi_1".to_owned(), reference: Some("bzr_1".to_owned()), says }
}

fn fact_of(object: &Value) -> DisputeFact {
    let About::Dispute { payment_provider_id, dispute } = about("charge.dispute.updated", object) else { panic!("no dispute: {object}") };
    assert_eq!(payment_provider_id, "pi_1");
    dispute
}

#[test]
fn a_payment_is_what_its_status_says_whatever_the_type_of_the_event() {
    let captured = |amount_minor| PaymentSays::Captured { amount_minor };
    for (status, change, says) in [
        ("succeeded", json!({}), captured(1_000)),
        ("succeeded", json!({ "amount_received": 900 }), captured(900)),
        ("succeeded", json!({ "currency": "isk", "amount_received": 500 }), captured(5)),
        ("succeeded", json!({ "currency": "isk", "amount_received": 550 }), PaymentSays::Unclear),
        ("succeeded", json!({ "currency": "xxx" }), PaymentSays::Unclear),
        ("succeeded", json!({ "amount_received": 0 }), PaymentSays::Unclear),
        ("succeeded", json!({ "amount_received": -1_000 }), PaymentSays::Unclear),
        ("succeeded", json!({ "amount_received": 1_000.5 }), PaymentSays::Unclear),
        ("succeeded", json!({ "amount_received": null }), PaymentSays::Unclear),
        ("requires_capture", json!({}), PaymentSays::Authorized),
        ("canceled", json!({}), PaymentSays::Canceled),
        ("canceled", json!({ "amount_received": 1 }), PaymentSays::Unclear),
        ("requires_payment_method", json!({}), PaymentSays::Open),
        ("requires_confirmation", json!({}), PaymentSays::Open),
        ("requires_action", json!({}), PaymentSays::Open),
        ("processing", json!({}), PaymentSays::Open),
        ("made_up_in_2031", json!({}), PaymentSays::Unclear),
        ("", json!({}), PaymentSays::Unclear),
        ("succeeded", json!({ "status": 7 }), PaymentSays::Unclear),
    ] {
        let object = with(intent(status), &change);
        for event_type in ["payment_intent.succeeded", "payment_intent.created", "payment_intent.made_up_in_2031"] {
            assert_eq!(about(event_type, &object), payment(says), "{event_type} {status} {change}");
        }
    }
}

#[test]
fn a_reference_is_told_where_it_can_be_one_of_ours() {
    for (metadata, expected) in [
        (json!({ "bezant_reference": "bzr_1" }), Some("bzr_1")),
        (json!({ "bezant_reference": "" }), None),
        (json!({ "bezant_reference": "x' OR 1" }), None),
        (json!({ "bezant_reference": "x".repeat(201) }), None),
        (json!({ "bezant_reference": 7 }), None),
        (json!({ "order_id": "7" }), None),
        (json!({}), None),
        (json!(null), None),
    ] {
        let object = with(intent("requires_capture"), &json!({ "metadata": metadata }));
        let About::Payment { reference, .. } = about("payment_intent.created", &object) else { panic!("no payment") };
        assert_eq!(reference.as_deref(), expected, "{metadata}");
    }
}

fn part(reference: Option<&str>) -> About {
    About::PaymentPart { payment_provider_id: "pi_1".to_owned(), reference: reference.map(str::to_owned) }
}

#[test]
fn an_updated_charge_says_that_its_payment_settles() {
    let charge = |intent: Value| {
        json!({ "id": "ch_1", "object": "charge", "status": "succeeded", "payment_intent": intent,
                "metadata": { "bezant_reference": "bzr_1" } })
    };
    assert_eq!(about("charge.updated", &charge(json!("pi_1"))), payment(PaymentSays::Settling));
    assert_eq!(about("charge.updated", &charge(intent("succeeded"))), payment(PaymentSays::Settling));
    for intent in [json!(null), json!("ch_1"), json!("pi_1/.."), json!(7), json!({})] {
        assert_eq!(about("charge.updated", &charge(intent.clone())), About::Other, "{intent}");
    }
    for event_type in ["charge.succeeded", "charge.captured", "charge.failed", "charge.refunded", "charge.expired", "charge.pending"] {
        assert_eq!(about(event_type, &charge(json!("pi_1"))), part(Some("bzr_1")), "{event_type} is kept with its payment");
    }
    for (metadata, reference) in [(json!({}), None), (json!({ "bezant_reference": "x' OR 1" }), None), (json!(null), None)] {
        let bare = with(charge(json!("pi_1")), &json!({ "metadata": metadata }));
        assert_eq!(about("charge.succeeded", &bare), part(reference), "{metadata}");
    }
}

#[test]
fn a_refund_is_what_its_status_says() {
    for (status, says) in [
        ("pending", RefundSays::Pending),
        ("requires_action", RefundSays::Pending),
        ("succeeded", RefundSays::Succeeded),
        ("failed", RefundSays::Failed),
        ("canceled", RefundSays::Failed),
        ("made_up_in_2031", RefundSays::Unclear),
        ("", RefundSays::Unclear),
    ] {
        let expected = About::Refund {
            provider_id: "re_1".to_owned(),
            payment_provider_id: "pi_1".to_owned(),
            reference: Some("bzr_2".to_owned()),
            says,
        };
        for event_type in ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"] {
            assert_eq!(about(event_type, &refund(status)), expected, "{event_type} {status}");
        }
    }
    for change in [json!({ "payment_intent": null }), json!({ "id": "ch_1" }), json!({ "object": "charge" })] {
        let is_linked = change.get("payment_intent").is_none();
        let expected = if is_linked { part(Some("bzr_2")) } else { About::Other };
        assert_eq!(about("refund.updated", &with(refund("failed"), &change)), expected, "{change}");
    }
}

#[test]
fn a_dispute_is_told_with_its_money_its_fee_and_whether_the_money_is_gone() {
    let eur = Money { amount_minor: 900, currency: "EUR".parse().unwrap() };
    let usd = Money { amount_minor: 1_000, currency: "USD".parse().unwrap() };
    let expected = DisputeFact {
        dispute: "dp_1".to_owned(),
        money: usd,
        phase: DisputePhase::Open,
        reason: "fraudulent".to_owned(),
        respond_by: Some(Timestamp::from_s(1_700_600_000)),
        fee_minor: 1_500,
        is_withdrawn: true,
    };
    assert_eq!(fact_of(&dispute("needs_response")), expected);
    for event_type in ["charge.dispute.created", "charge.dispute.closed", "charge.dispute.funds_withdrawn", "charge.dispute.made_up"] {
        let told = About::Dispute { payment_provider_id: "pi_1".to_owned(), dispute: expected.clone() };
        assert_eq!(about(event_type, &dispute("needs_response")), told, "{event_type}");
    }
    let foreign = fact_of(&with(dispute("needs_response"), &json!({ "currency": "eur", "amount": 900 })));
    assert_eq!((foreign.money, foreign.fee_minor, foreign.is_withdrawn), (eur, 0, true), "the fee is in dollars");
    assert_eq!(fact_of(&with(dispute("lost"), &json!({ "id": "du_1" }))).dispute, "du_1");
    let odd = fact_of(&with(dispute("lost"), &json!({ "reason": "ü".repeat(100), "evidence_details": null })));
    assert_eq!((odd.reason, odd.respond_by), ("?".repeat(64), None));
    for change in [
        json!({ "payment_intent": null }),
        json!({ "payment_intent": "ch_1" }),
        json!({ "object": "issuing.dispute" }),
        json!({ "id": "dp 1" }),
        json!({ "id": null }),
        json!({ "amount": -1 }),
        json!({ "amount": 10.5 }),
        json!({ "currency": "xxx" }),
        json!({ "currency": "isk", "amount": 550 }),
    ] {
        let is_linked = change.get("payment_intent").is_none();
        let expected = if is_linked { part(None) } else { About::Other };
        assert_eq!(about("charge.dispute.created", &with(dispute("needs_response"), &change)), expected, "{change}");
    }
}

#[test]
fn every_status_of_a_dispute_is_this_phase() {
    for (status, before, after) in [
        ("warning_needs_response", DisputePhase::Inquiry, DisputePhase::Inquiry),
        ("warning_under_review", DisputePhase::Inquiry, DisputePhase::Inquiry),
        ("warning_closed", DisputePhase::InquiryClosed, DisputePhase::InquiryClosed),
        ("needs_response", DisputePhase::Open, DisputePhase::Open),
        ("under_review", DisputePhase::Open, DisputePhase::Open),
        ("appeal_needs_response", DisputePhase::Open, DisputePhase::Open),
        ("appeal_under_review", DisputePhase::Open, DisputePhase::Open),
        ("won", DisputePhase::Won, DisputePhase::Won),
        ("lost", DisputePhase::Lost, DisputePhase::Lost),
        ("prevented", DisputePhase::InquiryClosed, DisputePhase::Lost),
        ("made_up_in_2031", DisputePhase::Unclear, DisputePhase::Unclear),
        ("", DisputePhase::Unclear, DisputePhase::Unclear),
    ] {
        let untouched = fact_of(&with(dispute(status), &json!({ "balance_transactions": [] })));
        assert_eq!((untouched.phase, untouched.fee_minor, untouched.is_withdrawn), (before, 0, false), "{status}");
        let withdrawn = fact_of(&dispute(status));
        assert_eq!((withdrawn.phase, withdrawn.fee_minor, withdrawn.is_withdrawn), (after, 1_500, true), "{status}");
    }
}

#[test]
fn the_balance_transactions_say_what_was_kept_and_whether_the_money_is_gone() {
    let transaction = |amount: i64, fee: i64, currency: &str| json!({ "amount": amount, "fee": fee, "currency": currency });
    for (transactions, fee_minor, is_withdrawn) in [
        (json!([]), 0, false),
        (json!([transaction(-1_000, 1_500, "usd")]), 1_500, true),
        (json!([transaction(-1_000, 1_500, "usd"), transaction(1_000, 0, "usd")]), 1_500, false),
        (json!([transaction(-1_000, 1_500, "usd"), transaction(1_000, -1_500, "usd")]), 0, false),
        (json!([transaction(1_000, -1_500, "usd"), transaction(-1_000, 1_500, "usd")]), 0, false),
        // At another rate, less comes back than was taken.
        (json!([transaction(-900, 1_300, "eur"), transaction(890, 0, "eur")]), 0, false),
        (json!([transaction(-1_000, 1_500, "usd"), transaction(1_000, 0, "usd"), transaction(-1_000, 0, "usd")]), 1_500, true),
        (json!([transaction(0, 1_500, "usd")]), 1_500, false),
        (json!([transaction(-1_000, -5, "usd")]), 0, true),
    ] {
        let fact = fact_of(&with(dispute("under_review"), &json!({ "balance_transactions": transactions })));
        assert_eq!((fact.fee_minor, fact.is_withdrawn), (fee_minor, is_withdrawn), "{transactions}");
        assert_eq!(fact.phase, DisputePhase::Open);
    }
    for transactions in [
        json!(null),
        json!({}),
        json!(["txn_1"]),
        json!([{}]),
        json!([{ "amount": -1_000, "currency": "usd" }]),
        json!([{ "amount": -1_000.5, "fee": 0, "currency": "usd" }]),
        json!([{ "amount": -1_000, "fee": 0, "currency": "xxx" }]),
        json!([transaction(-1, i64::MAX, "usd"), transaction(-1, 1, "usd")]),
        json!(vec![transaction(-1, 0, "usd"); 101]),
    ] {
        let fact = fact_of(&with(dispute("under_review"), &json!({ "balance_transactions": transactions })));
        assert_eq!((fact.phase, fact.fee_minor, fact.is_withdrawn), (DisputePhase::Unclear, 0, false), "{transactions}");
    }
}

#[test]
fn what_is_unknown_is_kept_as_other() {
    for (event_type, object) in [
        ("customer.created", json!({ "id": "cus_1", "object": "customer" })),
        ("payout.paid", json!({ "id": "po_1", "object": "payout" })),
        ("made_up_in_2031", json!({})),
        ("payment_intent", intent("succeeded")),
        ("payment_intent.succeeded", json!({ "id": "ch_1", "object": "charge" })),
        ("payment_intent.succeeded", json!({ "id": "pi_1" })),
        ("payment_intent.succeeded", json!({ "id": "pi_1/..", "object": "payment_intent", "status": "succeeded" })),
        ("payment_intent.succeeded", json!(null)),
        ("payment_intent.succeeded", json!("pi_1")),
        ("charge.updated", json!([])),
    ] {
        assert_eq!(about(event_type, &object), About::Other, "{event_type} {object}");
    }
    let thin =
        json!({ "id": "evt_test_65", "object": "v2.core.event", "type": "v2.money_management.made_up", "created": "2026-11-21T09:33:00Z" });
    let expected = Notice {
        event_id: "evt_test_65".to_owned(),
        event_type: "v2.money_management.made_up".to_owned(),
        created_at: None,
        about: About::Other,
    };
    assert_eq!(parse(&thin), Ok(expected));
    for change in [json!({ "data": null }), json!({ "data": [] }), json!({ "data": { "object": null } }), json!({ "data": 7 })] {
        assert_eq!(parse(&with(event("payment_intent.succeeded", &intent("succeeded")), &change)).unwrap().about, About::Other, "{change}");
    }
}

#[test]
fn a_message_is_refused_only_when_it_does_not_name_itself_and_what_happened() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "7",
        "\"evt_1\"",
        "{\"id\":",
        "<html>",
        "\u{feff}{\"id\":\"evt_1\",\"type\":\"x\"}",
        "{\"id\":\"evt_1\"}",
        "{\"type\":\"x\"}",
        "{\"id\":\"\",\"type\":\"x\"}",
        "{\"id\":\"evt_1\",\"type\":\"\"}",
        "{\"id\":7,\"type\":\"x\"}",
        "{\"id\":\"evt_1\",\"type\":null}",
        "{\"id\":\"evt 1\",\"type\":\"x\"}",
        "{\"id\":\"evt_ü\",\"type\":\"x\"}",
        "{\"id\":\"evt_\\u0000\",\"type\":\"x\"}",
        "{\"id\":\"evt_1\",\"type\":\"x\"} {}",
    ] {
        assert_eq!(stripe().parse_notice(body.as_bytes()), Err(NoticeError::Unreadable), "{body}");
    }
    assert_eq!(stripe().parse_notice(b"{\"id\":\"evt_1\",\"type\":\"\xff\"}"), Err(NoticeError::Unreadable));
    assert_eq!(stripe().parse_notice("[".repeat(100_000).as_bytes()), Err(NoticeError::Unreadable));
    let id = |length: usize| format!("{{\"id\":\"{}\",\"type\":\"x\"}}", "e".repeat(length));
    assert!(stripe().parse_notice(id(100).as_bytes()).is_ok());
    assert_eq!(stripe().parse_notice(id(101).as_bytes()), Err(NoticeError::Unreadable));
    let padded = |length: usize| format!("{{\"id\":\"evt_1\",\"type\":\"x\"}}{}", " ".repeat(length - 25)).into_bytes();
    assert_eq!(padded(NOTICE_BYTES_MAX).len(), NOTICE_BYTES_MAX);
    assert!(stripe().parse_notice(&padded(NOTICE_BYTES_MAX)).is_ok());
    assert_eq!(stripe().parse_notice(&padded(NOTICE_BYTES_MAX + 1)), Err(NoticeError::TooLarge));
}

#[test]
fn odd_messages_are_read_as_far_as_they_can_be() {
    let other = |event_type: &str, created_s: Option<u64>| Notice {
        event_id: "evt_1".to_owned(),
        event_type: event_type.to_owned(),
        created_at: created_s.map(Timestamp::from_s),
        about: About::Other,
    };
    let deep = format!("{{\"id\":\"evt_1\",\"type\":\"payment_intent.x\",\"data\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    for (body, expected) in [
        (deep, other("payment_intent.x", None)),
        ("{\"id\":\"evt_1\",\"type\":\"x\",\"data\":{\"object\":{\"amount\":1e999}}}".to_owned(), other("x", None)),
        ("{\"id\":\"evt_1\",\"type\":\"x\",\"data\":{\"object\":{\"a\":\"\\ud800\"}}}".to_owned(), other("x", None)),
        ("{\"id\":\"evt_1\",\"type\":\"x\",\"created\":-7}".to_owned(), other("x", None)),
        ("{\"id\":\"evt_1\",\"type\":\"x\",\"created\":7.5}".to_owned(), other("x", None)),
        ("{\"id\":\"evt_0\",\"id\":\"evt_1\",\"type\":\"x\",\"created\":7}".to_owned(), other("x", Some(7))),
        (" { \"\\u0069d\" : \"\\u0065vt_1\", \"type\":\"x\\ny\u{e4}\" }\n".to_owned(), other("x?y?", None)),
        (format!("{{\"id\":\"evt_1\",\"type\":\"{}\"}}", "t".repeat(1_000)), other(&"t".repeat(100), None)),
    ] {
        assert_eq!(stripe().parse_notice(body.as_bytes()), Ok(expected), "{}", &body[..body.len().min(100)]);
    }
}

/// What a sweep asks for.
const SWEPT: [&str; 11] = [
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.succeeded",
    "refund.failed",
    "refund.updated",
];

#[test]
fn a_sweep_asks_for_every_published_type_that_can_say_what_no_answer_says() {
    let Some(enums) = sample("stripe/enums.json") else { return };
    // Of an object that has just come to be, or stays open, an answer of ours says as much.
    let told_by_answers = [
        "payment_intent.created",
        "payment_intent.partially_funded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "refund.created",
    ];
    let families = ["payment_intent.", "refund.", "charge.refund.", "charge.dispute."];
    let published = enums["event_types"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let mut wanted: Vec<&str> =
        published.filter(|name| families.iter().any(|family| name.starts_with(family)) && !told_by_answers.contains(name)).collect();
    wanted.sort_unstable();
    assert_eq!(wanted, SWEPT);
}

#[test]
fn a_sweep_asks_from_a_time_on_and_goes_on_after_an_event() {
    let question = |starting_after: Option<&str>| EventsQuestion {
        created_from: Timestamp::from_ns(1_700_000_000_999_999_999),
        starting_after: starting_after.map(str::to_owned),
    };
    let types: Vec<String> = SWEPT.iter().enumerate().map(|(index, name)| format!("&types%5B{index}%5D={name}")).collect();
    for (starting_after, path) in [
        (None, "/v1/events?limit=100&created%5Bgte%5D=1700000000"),
        (Some("evt_1"), "/v1/events?limit=100&created%5Bgte%5D=1700000000&starting_after=evt_1"),
        (Some("a&b=c"), "/v1/events?limit=100&created%5Bgte%5D=1700000000&starting_after=a%26b%3Dc"),
    ] {
        let request = stripe().encode_events(&question(starting_after)).unwrap();
        assert_eq!((request.method, request.path_and_query, request.body.len()), (Method::Get, format!("{path}{}", types.concat()), 0));
        assert_eq!(request.headers, [("stripe-version".to_owned(), API_VERSION.to_owned())]);
    }
    assert!(SWEPT.iter().all(|name| WEBHOOK_TYPES.contains(name)), "what a sweep looks for is told by webhooks first");
    for bad in ["", "evt 1", "evt_ü", &"e".repeat(101)] {
        assert_eq!(stripe().encode_events(&question(Some(bad))), Err(EncodeError::ProviderId), "{bad}");
    }
    assert_eq!(stripe().capabilities().events_kept_ns, 30 * 24 * 3_600 * 1_000_000_000);
}

fn answer(body: &str) -> Response {
    Response { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

#[test]
fn a_page_keeps_the_bytes_of_each_event_and_one_unreadable_event_costs_no_other() {
    let first = "{ \"type\":\"payment_intent.succeeded\", \"id\":\"evt_3\",\"data\":{\"object\":{\"amount\":1.0}} }";
    let last = "{\"id\":\"evt_1\",\"type\":\"x\",\"created\":7}";
    let large = format!("{{\"id\":\"evt_0\",\"type\":\"x\",\"pad\":\"{}\"}}", "x".repeat(NOTICE_BYTES_MAX));
    let page = |entries: &str, has_more: bool| {
        stripe().decode_events(&answer(&format!("{{\"object\":\"list\",\"data\":[{entries}],\"has_more\":{has_more}}}"))).unwrap()
    };
    let read = page(&format!("{first} , {{\"id\":\"evt_2\"}}, 7, {last}, null"), true);
    let raws: Vec<&str> = read.events.iter().map(|event| core::str::from_utf8(&event.raw).unwrap()).collect();
    assert_eq!(raws, [first, last], "as they came, in the provider's order");
    for event in &read.events {
        assert_eq!(stripe().parse_notice(&event.raw).as_ref(), Ok(&event.notice));
    }
    assert_eq!((read.unreadable_count, read.last_event_id.as_deref(), read.has_more), (3, Some("evt_1"), true));
    let read = page(&format!("{last},{{\"id\":\"evt_0\"}}"), true);
    assert_eq!((read.unreadable_count, read.last_event_id.as_deref()), (1, Some("evt_0")), "an id is enough to go on after");
    let read = page(&format!("{large},{last}"), false);
    assert_eq!((read.events.len(), read.unreadable_count, read.last_event_id.as_deref()), (1, 1, Some("evt_1")));
    let read = page("{},[],{}", true);
    assert_eq!((read.events.len(), read.unreadable_count, read.last_event_id, read.has_more), (0, 3, None, true));
    let read = page("", false);
    assert_eq!((read.events.len(), read.unreadable_count, read.has_more), (0, 0, false));
    let read = page(&vec![last; 101].join(","), false);
    assert_eq!((read.events.len(), read.has_more), (100, true), "what is not read is still to come");
}

#[test]
fn what_is_no_page_of_events_is_none() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "{\"data\":[]}",
        "{\"has_more\":false}",
        "{\"data\":{},\"has_more\":false}",
        "{\"data\":[],\"has_more\":\"false\"}",
        "{\"data\":[{\"id\":],\"has_more\":false}",
        "{\"error\":{}}",
    ] {
        assert_eq!(stripe().decode_events(&answer(body)), None, "{body}");
    }
    let empty = "{\"data\":[],\"has_more\":false}";
    for status in [301, 400, 401, 404, 429, 500, 503] {
        assert_eq!(stripe().decode_events(&Response { status, ..answer(empty) }), None, "{status}");
    }
    let padded = |length: usize| answer(&format!("{empty}{}", " ".repeat(length - empty.len())));
    assert!(stripe().decode_events(&padded(EVENTS_RESPONSE_BYTES_MAX)).is_some());
    assert_eq!(stripe().decode_events(&padded(EVENTS_RESPONSE_BYTES_MAX + 1)), None);
}

#[test]
fn a_dispute_is_looked_up_by_its_id() {
    let request = stripe().encode_dispute("dp_1").unwrap();
    assert_eq!((request.method, request.path_and_query.as_str()), (Method::Get, "/v1/disputes/dp_1"));
    for bad in ["", "dp_1/close", "dp_1?x", "..", "dp ü"] {
        assert_eq!(stripe().encode_dispute(bad), Err(EncodeError::ProviderId), "{bad}");
    }
    let body = dispute("lost").to_string();
    let (payment, fact) = stripe().decode_dispute("dp_1", &answer(&body)).unwrap();
    assert_eq!((payment.as_str(), fact), ("pi_1", fact_of(&dispute("lost"))));
    assert_eq!(stripe().decode_dispute("dp_2", &answer(&body)), None, "another dispute");
    for (status, body) in [(404, body.as_str()), (500, body.as_str()), (200, "{}"), (200, "<html>"), (200, "")] {
        assert_eq!(stripe().decode_dispute("dp_1", &Response { status, ..answer(body) }), None, "{status} {body}");
    }
}

fn sample(path: &str) -> Option<Value> {
    let folder = std::env::var_os("BEZANT_SAMPLES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples")), PathBuf::from);
    match std::fs::read_to_string(folder.join(path)) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            println!("SKIPPED: {path}: {error}");
            None
        }
    }
}

#[test]
fn stripes_example_objects_are_told_under_every_published_type_of_event() {
    let Some(fixtures) = sample("stripe/fixtures-2026-08.json") else { return };
    let Some(enums) = sample("stripe/enums.json") else { return };
    let resource = |name: &str, change: Value| with(fixtures["resources"][name].clone(), &change);
    assert_eq!(parse(&fixtures["resources"]["event"]).unwrap().about, About::Other);
    let on_intent = json!({ "payment_intent": "pi_1" });
    let mut told = 0;
    for event_type in enums["event_types"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
        let object = match event_type {
            "charge.refund.updated" => resource("refund", on_intent.clone()),
            _ if event_type.starts_with("payment_intent.") => resource("payment_intent", json!({})),
            _ if event_type.starts_with("charge.dispute.") => resource("dispute", on_intent.clone()),
            _ if event_type.starts_with("charge.") => resource("charge", on_intent.clone()),
            _ if event_type.starts_with("refund.") => resource("refund", on_intent.clone()),
            _ => resource("customer", json!({})),
        };
        match about(event_type, &object) {
            About::Payment { says, .. } if event_type == "charge.updated" => assert_eq!(says, PaymentSays::Settling),
            About::Payment { says, .. } => assert_eq!((says, event_type.starts_with("payment_intent.")), (PaymentSays::Open, true)),
            About::Refund { says, .. } => assert_eq!((says, event_type.contains("refund.")), (RefundSays::Succeeded, true)),
            About::Dispute { dispute, .. } => {
                assert_eq!((dispute.phase, dispute.is_withdrawn), (DisputePhase::Inquiry, false));
                assert!(event_type.starts_with("charge.dispute.") && dispute.respond_by.is_some());
            }
            About::PaymentPart { .. } | About::Other => continue,
        }
        told += 1;
    }
    assert_eq!(told, 8 + 1 + 3 + 1 + 5, "payment intents, the updated charge, refunds, the refund of a charge, disputes");
}

#[test]
fn every_published_status_is_in_our_tables() {
    let Some(schema) = sample("stripe/jsonschema-2026-10-28.endive.json") else { return };
    let known = |definition: &str| {
        let values = schema["$defs"][definition]["properties"]["status"]["x-known-values"].as_array().unwrap();
        values.iter().map(|value| value.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for status in known("PaymentIntent") {
        assert_ne!(about("payment_intent.created", &intent(&status)), payment(PaymentSays::Unclear), "{status}");
    }
    for status in known("Dispute") {
        assert_ne!(fact_of(&dispute(&status)).phase, DisputePhase::Unclear, "{status}");
    }
}

#[test]
fn what_stripes_command_line_triggers_is_known_or_other() {
    let Some(samples) = sample("stripe/cli-trigger-fixtures.json") else { return };
    let covered = |name: &&String| name.starts_with("payment_intent.") || name.starts_with("charge.dispute.") || name.contains("refund.");
    let triggers: Vec<&String> = samples["triggers"].as_object().unwrap().keys().filter(covered).collect();
    assert!(triggers.len() >= 8, "{triggers:?}");
    for event_type in triggers {
        let object = match event_type.as_str() {
            name if name.starts_with("payment_intent.") => intent("processing"),
            name if name.starts_with("charge.dispute.") => dispute("needs_response"),
            _ => refund("pending"),
        };
        assert!(!matches!(about(event_type, &object), About::PaymentPart { .. } | About::Other), "{event_type}");
    }
}

fn assert_bounded(notice: &Notice) {
    let plain = |text: &str, bytes_max: usize| text.len() <= bytes_max && text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(plain(&notice.event_id, 100) && plain(&notice.event_type, 100));
    match &notice.about {
        About::Payment { provider_id, reference, .. } => {
            assert!(plain(provider_id, 100) && reference.as_ref().is_none_or(|text| plain(text, 200)));
        }
        About::Refund { provider_id, payment_provider_id, reference, .. } => {
            assert!(plain(provider_id, 100) && plain(payment_provider_id, 100) && reference.as_ref().is_none_or(|text| plain(text, 200)));
        }
        About::Dispute { payment_provider_id, dispute } => {
            assert!(plain(payment_provider_id, 100) && plain(&dispute.dispute, 100) && plain(&dispute.reason, 64));
        }
        About::PaymentPart { payment_provider_id, reference } => {
            assert!(plain(payment_provider_id, 100) && reference.as_ref().is_none_or(|text| plain(text, 200)));
        }
        About::Other => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(notice) = stripe().parse_notice(&body) {
            assert_bounded(&notice);
        }
        let _ = stripe().decode_events(&Response { status: 200, headers: Vec::new(), body });
    }

    #[test]
    fn changed_events_never_panic_and_stay_bounded(
        event_type in prop::sample::select(vec!["payment_intent.succeeded", "refund.updated", "charge.dispute.created", "charge.updated"]),
        field in prop::sample::select(vec!["id", "object", "status", "amount", "currency", "payment_intent", "metadata", "reason",
                                           "balance_transactions", "evidence_details", "amount_received"]),
        text in ".{0,300}",
        number in any::<i64>(),
        is_text in any::<bool>(),
    ) {
        for mut object in [intent("succeeded"), refund("succeeded"), dispute("lost")] {
            object[field] = if is_text { json!(text) } else { json!(number) };
            assert_bounded(&parse(&event(event_type, &object)).unwrap());
            assert_bounded(&parse(&with(event(event_type, &object), &json!({ "type": format!("charge.dispute.{text}") }))).unwrap());
        }
    }
}
