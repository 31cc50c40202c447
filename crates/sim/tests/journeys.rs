//! Journeys as people read them: payments are driven through the engine, the connector and the simulator, and what the
//! platform tells about each is compared with a file. `BEZANT_UPDATE=1` writes the files anew; read every difference as
//! a support agent would, who has had no training and has a customer on the telephone.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use api::journey::{Happened, Journey, Materials, tell};
use api::{OpenedRequest, ShownRequest};
use connectors::Connector;
use connectors::stripe::{Environment, Stripe};
use engine::CaptureMode::{Automatic, Manual};
use engine::{Entry, Sealed};
use sandbox::stripe::FaultKind;
use serde_json::Value;
use sim::matrix::Act::{Cancel, Capture, CaptureElsewhere, Challenge, Evidence, PayElsewhere, Refund, Retry};
use sim::matrix::{Act, MERCHANT, Plan, STORIES, Seen, Story, Strike, watch};
use std::fmt::Write as _;
use std::path::Path;
use views::LegRow;

const S: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * S;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn story(method: &'static str, capture: engine::CaptureMode, acts: &'static [Act]) -> Plan {
    let story = Story { name: "a journey", method, capture, acts };
    Plan { story, strikes: Vec::new(), disorders: Vec::new(), restarts: Vec::new(), seed: 1 }
}

fn struck(plan: Plan, kind: FaultKind, nth: u64, count: u64) -> Plan {
    Plan { strikes: vec![Strike { kind, nth, count }], ..plan }
}

/// Every journey with its file's name and how long it is watched.
fn journeys() -> Vec<(&'static str, Plan, u64)> {
    const POOR: &str = "pm_card_chargeDeclinedInsufficientFunds";
    const CHALLENGED: &str = "pm_card_authenticationRequired";
    const VISA: &str = "pm_card_visa";
    let visa = |acts| story(VISA, Automatic, acts);
    let held = |acts| story(VISA, Manual, acts);
    vec![
        ("approved", visa(&[]), MINUTE),
        ("approved_and_released", visa(&[]), 20 * DAY),
        ("declined_insufficient_funds", story(POOR, Automatic, &[]), HOUR),
        ("declined_lost_card", story("pm_card_visa_chargeDeclinedLostCard", Automatic, &[]), HOUR),
        ("declined_fraudulent", story("pm_card_visa_chargeDeclinedFraudulent", Automatic, &[]), HOUR),
        ("declined_processing_error", story("pm_card_chargeDeclinedProcessingError", Automatic, &[]), HOUR),
        ("declined_wrong_cvc", story("pm_card_chargeDeclinedIncorrectCvc", Automatic, &[]), HOUR),
        ("declined_then_retried_and_paid", story(POOR, Automatic, &[Retry(VISA)]), HOUR),
        ("no_answer_yet", struck(visa(&[]), FaultKind::Hang, 1, 1), 21 * S),
        ("no_answer_then_it_had_worked", struck(visa(&[]), FaultKind::Hang, 1, 1), HOUR),
        ("no_answer_then_looked_up", struck(visa(&[]), FaultKind::Hang, 1, 4), 3 * HOUR),
        ("no_answer_then_nothing_had_happened", struck(story(POOR, Automatic, &[]), FaultKind::HangBeforeEffect, 1, 1), HOUR),
        ("connection_lost_then_it_had_not_arrived", struck(visa(&[]), FaultKind::ResetBeforeEffect, 1, 1), HOUR),
        ("too_many_requests", struck(visa(&[]), FaultKind::RateLimit429, 1, 2), HOUR),
        ("too_many_requests_for_good", struck(visa(&[]), FaultKind::RateLimit429, 1, 50), HOUR),
        ("answer_not_understood", struck(visa(&[]), FaultKind::GarbageBody, 1, 1), HOUR),
        ("restarted", Plan { restarts: vec![2], ..visa(&[]) }, HOUR),
        ("parked", struck(visa(&[]), FaultKind::Error500BeforeEffect, 1, 1), 30 * DAY),
        ("customer_has_to_confirm", story(CHALLENGED, Automatic, &[]), MINUTE),
        ("customer_confirmed", story(CHALLENGED, Automatic, &[Challenge { passes: true }]), HOUR),
        ("customer_did_not_confirm", story(CHALLENGED, Automatic, &[Challenge { passes: false }]), HOUR),
        ("customer_never_came", story(CHALLENGED, Automatic, &[]), 10 * DAY),
        ("held", held(&[]), HOUR),
        ("held_and_taken_in_part", held(&[Capture(Some(700))]), HOUR),
        ("held_and_canceled", held(&[Cancel]), HOUR),
        ("held_until_it_expired", held(&[]), 30 * DAY),
        ("held_and_taken_elsewhere", held(&[CaptureElsewhere]), HOUR),
        ("capture_without_answer", struck(held(&[Capture(None)]), FaultKind::Hang, 2, 1), 35 * S),
        ("cancellation_without_answer", struck(held(&[Cancel]), FaultKind::HangBeforeEffect, 2, 1), 35 * S),
        ("refunded", visa(&[Refund(Some(400)), Refund(Some(600))]), HOUR),
        ("refund_on_its_way", story("pm_card_pendingRefund", Automatic, &[Refund(None)]), 12 * S),
        ("refund_failed", story("pm_card_refundFail", Automatic, &[Refund(Some(600))]), 10 * DAY),
        ("refund_without_answer", struck(visa(&[Refund(None)]), FaultKind::Hang, 2, 1), 35 * S),
        ("disputed", story("pm_card_createDispute", Automatic, &[]), HOUR),
        ("dispute_won", story("pm_card_createDispute", Automatic, &[Evidence { wins: true }]), 5 * DAY),
        ("dispute_lost", story("pm_card_createDispute", Automatic, &[Evidence { wins: false }]), 5 * DAY),
        ("bank_asks", story("pm_card_createDisputeInquiry", Automatic, &[]), HOUR),
        ("paid_after_it_was_over", story(POOR, Automatic, &[PayElsewhere]), 3 * DAY),
    ]
}

/// Ledger lines as the read models keep them.
fn legs(seq: u64, entry: &Entry) -> Vec<LegRow> {
    let row = |(position, leg): (usize, &ledger::Transfer)| LegRow {
        seq,
        position: u16::try_from(position).unwrap(),
        id: leg.id,
        debit_account: leg.debit_account_id,
        credit_account: leg.credit_account_id,
        amount_minor: leg.amount,
        pending: Some(leg.pending_id).filter(|pending| *pending != 0),
        currency: base::Currency::from_numeric(u16::try_from(leg.ledger).unwrap()).unwrap(),
        code: leg.code,
        flags: leg.flags.bits(),
        at: entry.at,
    };
    entry.legs.iter().enumerate().map(row).collect()
}

/// Requests of these runs are not really sealed.
fn open_request(_provider: u16, sealed: &Sealed) -> OpenedRequest {
    let connector = Stripe::new(Environment::Test);
    egress::Request::parse_bytes(&sealed.bytes).map_or(OpenedRequest::Unreadable, |request| {
        let shown: ShownRequest = bezant::request::shown(&request, connector.shown_fields());
        OpenedRequest::Shown(shown)
    })
}

fn told(seen: &Seen) -> Journey {
    let happened = |(index, entry): (usize, &Entry)| {
        let seq = u64::try_from(index).unwrap() + 1;
        Happened { seq, at: entry.at, event: entry.event.clone(), legs: legs(seq, entry), trace_id: None }
    };
    let all = seen.entries.iter().enumerate().map(happened);
    let events: Vec<Happened> = all.filter(|happened| happened.event.payment() == Some(seen.payment)).collect();
    let outlook = seen.state.outlook(MERCHANT, seen.payment).unwrap();
    tell(&Materials {
        payment: seen.payment,
        events: &events,
        outlook: &outlook,
        now: seen.now,
        providers: &["stripe".to_owned()],
        open_request: &open_request,
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A journey as a page that people read from top to bottom.
fn page(journey: &Value) -> String {
    let mut page = String::new();
    let summary = &journey["summary"];
    writeln!(page, "[{}] {}\n{}\n", text(&summary["tone"]), text(&summary["title"]), text(&summary["sentence"])).unwrap();
    for step in journey["data"].as_array().unwrap() {
        let at = text(&step["created_at"]);
        writeln!(page, "{} {}  [{}] {}", &at[..10], &at[11..23], text(&step["tone"]), text(&step["title"])).unwrap();
        writeln!(page, "    {}", text(&step["sentence"])).unwrap();
        for proof in step["evidence"].as_array().unwrap() {
            proven(&mut page, proof);
        }
    }
    writeln!(page, "\nNext: {}", text(&journey["next"]["sentence"])).unwrap();
    for action in journey["actions"].as_array().unwrap() {
        let (sentence, by, path) = (text(&action["sentence"]), text(&action["by"]), text(&action["path"]));
        writeln!(page, "{by} can: {sentence} ({} {path})", text(&action["method"])).unwrap();
    }
    page
}

fn proven(page: &mut String, proof: &Value) {
    if proof["kind"] == "event" {
        return; // it only repeats the step
    }
    writeln!(page, "      {}:", text(&proof["title"])).unwrap();
    for fact in proof["facts"].as_array().unwrap() {
        writeln!(page, "        {}: {}", text(&fact["name"]), text(&fact["value"])).unwrap();
    }
    for line in proof["lines"].as_array().into_iter().flatten() {
        let (debit, credit) = (text(&line["debit"]), text(&line["credit"]));
        writeln!(
            page,
            "        {}: debit {debit}, credit {credit}, {} ({})",
            text(&line["sentence"]),
            text(&line["text"]),
            text(&line["state"])
        )
        .unwrap();
    }
    if let Some(note) = proof["note"].as_str() {
        writeln!(page, "        {note}").unwrap();
    }
}

#[test]
fn every_journey_reads_as_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journeys");
    let update = std::env::var_os("BEZANT_UPDATE").is_some_and(|value| value == "1");
    let mut changed = Vec::new();
    for (name, plan, for_ns) in journeys() {
        let seen = watch(&plan, for_ns).unwrap_or_else(|error| panic!("{name}: {error}"));
        let page = page(&serde_json::to_value(told(&seen)).unwrap());
        let path = folder.join(format!("{name}.txt"));
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &page).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != page {
            changed.push(name);
        }
    }
    assert!(
        changed.is_empty(),
        "these journeys read otherwise than their files: {changed:?}; run this test with BEZANT_UPDATE=1 and read them"
    );
}

/// What no text of a journey may hold, whatever happened.
fn assert_readable(journey: &Value) {
    let mut texts = vec![text(&journey["summary"]["title"]), text(&journey["summary"]["sentence"]), text(&journey["next"]["sentence"])];
    texts.extend(journey["actions"].as_array().unwrap().iter().map(|action| text(&action["sentence"])));
    for step in journey["data"].as_array().unwrap() {
        texts.extend([text(&step["title"]), text(&step["sentence"])]);
    }
    for text in texts {
        assert!(!text.is_empty() && text.trim() == text, "{text:?}");
        for wrong in ["{", "}", "  ", "..", "_", "::", "Some(", "None"] {
            // Types of messages are the provider's own words.
            assert!(!text.contains(wrong) || text.contains(" message ("), "{text:?} holds {wrong:?}");
        }
    }
}

/// Whatever goes wrong, whenever one looks: a journey can be told.
#[test]
fn every_story_with_every_fault_can_be_told_at_any_time() {
    let mut told_count = 0;
    for story in STORIES {
        for kind in FaultKind::ALL {
            for (nth, for_ns) in [(1, 5 * S), (1, 25 * S), (1, 40 * DAY), (2, 45 * S), (2, 40 * DAY)] {
                let plan = Plan {
                    story: *story,
                    strikes: vec![Strike { kind, nth, count: 1 }],
                    disorders: Vec::new(),
                    restarts: Vec::new(),
                    seed: nth,
                };
                let seen = watch(&plan, for_ns).unwrap_or_else(|error| panic!("{}: {error}", story.name));
                assert_readable(&serde_json::to_value(told(&seen)).unwrap());
                told_count += 1;
            }
        }
    }
    assert_eq!(told_count, STORIES.len() * FaultKind::ALL.len() * 5);
}
