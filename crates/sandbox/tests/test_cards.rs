//! Every test payment method behaves as published.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Answer, Client, sample};
use serde_json::Value;

fn declined(answer: &Answer, code: &str, decline_code: Option<&str>) {
    assert_eq!(answer.status, 402, "{}", answer.json);
    assert_eq!(answer.text("/error/type"), "card_error");
    assert_eq!(answer.text("/error/code"), code);
    if let Some(decline_code) = decline_code {
        assert_eq!(answer.text("/error/decline_code"), decline_code);
    }
    assert_eq!(answer.text("/error/payment_intent/status"), "requires_payment_method");
    assert_eq!(answer.text("/error/payment_intent/last_payment_error/code"), code);
    assert!(answer.text("/error/charge").starts_with("ch_"));
    assert!(answer.text("/error/doc_url").ends_with(&code.replace('_', "-")));
    assert!(answer.json.pointer("/error/payment_intent/payment_method").unwrap().is_null());
}

/// Checks one row of the published table with a fresh provider.
fn check(row: &Value, parameter: &str) {
    let name = row["payment_method"].as_str().or(row["token"].as_str()).unwrap_or("by number");
    let mut client = Client::new();
    let body = format!("amount=2000&currency=usd&confirm=true&{parameter}");
    let answer = client.post("/v1/payment_intents", &body);
    match row["outcome"].as_str().unwrap() {
        "succeeds" | "check" => {
            assert_eq!(answer.status, 200, "{name}: {}", answer.json);
            assert_eq!(answer.text("/status"), "succeeded", "{name}");
            assert_eq!(client.money(), (2_000, 0, 0), "{name}");
        }
        "declined" | "attach_ok_then_charge_declined" => {
            declined(&answer, row["error_code"].as_str().unwrap(), row["decline_code"].as_str());
            if let Some(message) = row["message"].as_str() {
                assert_eq!(answer.text("/error/message"), message);
            }
            assert_eq!(client.charge_count(), 0, "{name}");
        }
        "blocked" => {
            declined(&answer, "card_declined", Some("fraudulent"));
            let charge = client.get(&format!("/v1/charges/{}", answer.text("/error/charge")));
            assert_eq!(charge.text("/outcome/type"), "blocked");
            assert_eq!(charge.text("/outcome/network_status"), "not_sent_to_network");
            assert_eq!(charge.text("/outcome/risk_level"), "highest");
        }
        "risk" if row["detail"].as_str().unwrap().contains("highest") => declined(&answer, "card_declined", Some("fraudulent")),
        "risk" => {
            let intent = client.intent(answer.id());
            assert_eq!(intent.text("/latest_charge/outcome/risk_level"), "elevated", "{name}");
            assert_eq!(intent.text("/status"), "succeeded");
        }
        "requires_action" => {
            assert_eq!(answer.status, 200, "{name}: {}", answer.json);
            assert_eq!(answer.text("/status"), "requires_action", "{name}");
            assert_eq!(answer.text("/next_action/type"), "redirect_to_url");
            assert!(answer.text("/next_action/redirect_to_url/url").ends_with(&format!("/3ds/{}", answer.id())));
            assert_eq!(client.charge_count(), 0, "{name}");
        }
        "succeeds_then_disputed" => {
            assert_eq!(answer.text("/status"), "succeeded", "{name}");
            check_dispute(row, &mut client, &answer);
        }
        other => panic!("{name}: unknown outcome {other}"),
    }
}

fn check_dispute(row: &Value, client: &mut Client, answer: &Answer) {
    client.now_ms += common::DAY_MS;
    let disputes = client.get(&format!("/v1/disputes?payment_intent={}", answer.id()));
    let kind = row["dispute"].as_str().unwrap();
    let (count, disputed, status) = match kind {
        _ if kind.starts_with("early") => (0, 0, ""),
        _ if kind.starts_with("inquiry") => (1, 0, "warning_needs_response"),
        _ if kind.starts_with("multiple") => (2, 2_000, "needs_response"),
        _ => (1, 2_000, "needs_response"),
    };
    assert_eq!(disputes.json["data"].as_array().unwrap().len(), count, "{kind}");
    assert_eq!(client.stripe.truth().charges[0].disputed, disputed, "{kind}");
    if count > 0 {
        assert_eq!(disputes.text("/data/0/status"), status, "{kind}");
    }
}

#[test]
fn every_published_payment_method_token_and_number_behaves_as_published() {
    let Some(text) = sample("stripe/test-cards.json") else { return };
    let table: Value = serde_json::from_str(&text).unwrap();
    let mut checked = 0;
    for row in table["cards"].as_array().unwrap() {
        let aliases = row["payment_method_aliases"].as_array().into_iter().flatten();
        for name in aliases.chain(row.get("payment_method")).filter_map(Value::as_str) {
            check(row, &format!("payment_method={name}"));
            checked += 1;
        }
        if let Some(token) = row["token"].as_str() {
            check(row, &format!("payment_method_data[type]=card&payment_method_data[card][token]={token}"));
            checked += 1;
        }
        let number = row["number"].as_str().unwrap();
        // Two numbers stand for several methods; the number itself has the behaviour of its first row.
        let shared = ["4242424242424242", "378282246310005"].contains(&number);
        if !shared || row["section"] == "brand" {
            let parameter = format!(
                "payment_method_data[type]=card&payment_method_data[card][number]={number}&payment_method_data[card][exp_month]=12&payment_method_data[card][exp_year]=2034&payment_method_data[card][cvc]=123"
            );
            check(row, &parameter);
            checked += 1;
        }
    }
    assert!(checked > 200, "{checked}");
    for bank in table["us_bank_account"].as_array().unwrap() {
        check_bank_account(bank);
    }
    for extra in table["more_tokens"].as_array().unwrap() {
        let token = extra.as_str().unwrap().split(' ').next().unwrap();
        let parameter =
            format!("amount=2000&currency=usd&confirm=true&payment_method_data[type]=card&payment_method_data[card][token]={token}");
        assert_eq!(Client::new().post("/v1/payment_intents", &parameter).status, 402, "{token}");
    }
}

fn check_bank_account(row: &Value) {
    let mut client = Client::new();
    let name = row["payment_method"].as_str().unwrap();
    let answer = client.pay(name, "");
    assert_eq!(answer.text("/status"), "processing", "{name}");
    assert_eq!(client.money(), (0, 0, 0), "{name}");
    client.now_ms += common::DAY_MS;
    let later = client.intent(answer.id());
    let behaviour = row["behaviour"].as_str().unwrap();
    let (status, captured) = match behaviour {
        "succeeds" | "dispute" => ("succeeded", 2_000),
        _ if behaviour.starts_with("stays processing") => ("processing", 0),
        _ => ("requires_payment_method", 0),
    };
    assert_eq!(later.text("/status"), status, "{name}");
    assert_eq!(client.money(), (captured, 0, 0), "{name}");
    if status == "requires_payment_method" {
        assert!(!later.text("/last_payment_error/code").is_empty(), "{name}");
    }
}

/// The same facts without the samples, for the methods that everything else is built on.
#[test]
fn the_common_declines_have_their_codes() {
    for (name, code, decline_code, advice_code) in [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline", "try_again_later"),
        ("pm_card_chargeDeclined", "card_declined", "generic_decline", "try_again_later"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", "try_again_later"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card", "do_not_try_again"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", "do_not_try_again"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", "do_not_try_again"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc", "confirm_card_data"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error", "try_again_later"),
        ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded", "try_again_later"),
    ] {
        let answer = Client::new().pay(name, "");
        declined(&answer, code, Some(decline_code));
        assert_eq!(answer.text("/error/advice_code"), advice_code, "{name}");
        assert!(answer.json.pointer("/error/network_decline_code").is_some(), "{name}");
    }
}

#[test]
fn names_that_are_no_payment_methods_are_missing_resources() {
    for name in ["pm_card_nonsense", "pm_1234", "tok_visa", "pm_"] {
        let answer = Client::new().pay(name, "");
        assert_eq!((answer.status, answer.text("/error/code"), answer.text("/error/param")), (400, "resource_missing", "payment_method"));
    }
}

#[test]
fn card_numbers_other_than_the_published_ones_are_refused_and_leave_no_trace() {
    // A valid check digit in a test range that is not published.
    let number = "4000000000000093";
    let mut client = Client::new();
    let body = format!("amount=2000&currency=usd&payment_method_data[type]=card&payment_method_data[card][number]={number}");
    let answer = client.post("/v1/payment_intents", &body);
    assert_eq!((answer.status, answer.text("/error/type")), (402, "invalid_request_error"));
    assert!(!answer.handled.changed);
    assert!(!format!("{:?}", client.stripe).contains(number));
}

#[test]
fn impossible_card_details_are_card_errors() {
    for (detail, code) in [("exp_month]=13", "invalid_expiry_month"), ("exp_year]=95", "invalid_expiry_year"), ("cvc]=99", "invalid_cvc")] {
        let body = format!(
            "amount=2000&currency=usd&payment_method_data[type]=card&payment_method_data[card][number]=4242424242424242&payment_method_data[card][{detail}"
        );
        let answer = Client::new().post("/v1/payment_intents", &body);
        assert_eq!((answer.status, answer.text("/error/type"), answer.text("/error/code")), (402, "card_error", code));
    }
}
