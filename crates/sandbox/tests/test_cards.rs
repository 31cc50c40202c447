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

/// What of the table cannot be seen through this API, by section or number, and why.
const NOT_APPLICABLE: [(&str, &str); 6] = [
    ("terminal_pin", "a PIN is entered at a card reader; charged without one, the card pays like any other"),
    ("out of band", "how the owner answers is up to the bank's app; the simulator's page has two buttons"),
    ("one time passcode", "as above"),
    ("single select", "as above"),
    ("multi select", "as above"),
    ("6555900000604105", "its two brands are not ones that a payment method can have; it is shown as the network that carries it"),
];

/// How a row's card is named in a request.
#[derive(Clone, Copy)]
enum Way<'r> {
    Method(&'r str),
    Token(&'r str),
    Number(&'r str),
}

impl Way<'_> {
    /// As parameters of a payment or setup intent.
    fn parameters(self) -> String {
        match self {
            Way::Method(name) => format!("payment_method={name}"),
            Way::Token(_) | Way::Number(_) => self.fields("payment_method_data"),
        }
    }

    /// The id of a payment method made this way.
    fn method(self, client: &mut Client) -> String {
        match self {
            Way::Method(name) => name.to_owned(),
            Way::Token(_) | Way::Number(_) => {
                let fields = self.fields("");
                client.post("/v1/payment_methods", &fields).id().to_owned()
            }
        }
    }

    fn fields(self, below: &str) -> String {
        let name = |name: &str| match (below, name.split_once('[')) {
            ("", _) => name.to_owned(),
            (below, None) => format!("{below}[{name}]"),
            (below, Some((first, rest))) => format!("{below}[{first}][{rest}"),
        };
        match self {
            Way::Method(_) => panic!("a method has no fields"),
            Way::Token(token) => format!("{}=card&{}={token}", name("type"), name("card[token]")),
            Way::Number(number) => format!(
                "{}=card&{}={number}&{}=12&{}=2034&{}=1234&{}=1+Road&{}=12345",
                name("type"),
                name("card[number]"),
                name("card[exp_month]"),
                name("card[exp_year]"),
                name("card[cvc]"),
                name("billing_details[address][line1]"),
                name("billing_details[address][postal_code]")
            ),
        }
    }
}

/// Checks one row of the published table in one way with a fresh provider for each question.
fn check(row: &Value, way: Way<'_>) {
    let label = format!("{} {}", row["number"], way.parameters());
    let outcome = row["outcome"].as_str().unwrap();
    let mut client = Client::new();
    let answer = client.post("/v1/payment_intents", &format!("amount=2000&currency=usd&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never&{}", way.parameters()));
    match outcome {
        "succeeds" | "check" => {
            assert_eq!((answer.status, answer.text("/status")), (200, "succeeded"), "{label}");
            assert_eq!(client.money(), (2_000, 0, 0), "{label}");
        }
        "declined" if row["luhn_valid"] == false => {
            assert_eq!((answer.status, answer.text("/error/type"), answer.text("/error/code")), (402, "card_error", "incorrect_number"));
            assert_eq!(answer.text("/error/message"), row["message"].as_str().unwrap());
            return;
        }
        "declined" | "attach_ok_then_charge_declined" => {
            declined(&answer, row["error_code"].as_str().unwrap(), row["decline_code"].as_str());
            if let Some(message) = row["message"].as_str() {
                assert_eq!(answer.text("/error/message"), message);
            }
            assert_eq!(client.charge_count(), 0, "{label}");
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
            assert_eq!(intent.text("/latest_charge/outcome/risk_level"), "elevated", "{label}");
            assert_eq!(intent.text("/status"), "succeeded");
        }
        "requires_action" => {
            assert_eq!((answer.status, answer.text("/status")), (200, "requires_action"), "{label}");
            assert!(answer.text("/next_action/redirect_to_url/url").ends_with(&format!("/3ds/{}", answer.id())));
            assert_eq!(client.charge_count(), 0, "{label}");
            check_challenge(row, &mut client, &answer, &label);
        }
        "succeeds_then_disputed" => {
            assert_eq!(answer.text("/status"), "succeeded");
            check_dispute(row, &mut client, &answer);
        }
        other => panic!("{label}: unknown outcome {other}"),
    }
    check_appearance(row, way, &label);
    check_attachment(row, way, &label);
    check_money_later(row, way, &label);
    check_three_d_secure(row, way, &label);
}

/// What follows a passed challenge.
fn check_challenge(row: &Value, client: &mut Client, answer: &Answer, label: &str) {
    let detail = row["detail"].as_str().unwrap_or("");
    let expected = match detail {
        _ if detail.contains("insufficient_funds") => Some("insufficient_funds"),
        _ if detail.contains("card_declined") => Some("generic_decline"),
        _ => None,
    };
    client.post(&format!("/3ds/{}", answer.id()), "result=success");
    let later = client.intent(answer.id());
    match expected {
        None => assert_eq!(later.text("/status"), "succeeded", "{label}"),
        Some(code) => assert_eq!(later.text("/last_payment_error/decline_code"), code, "{label}"),
    }
}

/// Brand, networks, funding, country and checks.
fn check_appearance(row: &Value, way: Way<'_>, label: &str) {
    let mut client = Client::new();
    let customer = client.post("/v1/customers", "").id().to_owned();
    let method = way.method(&mut client);
    let shown = if matches!(way, Way::Method(_)) {
        let attached = client.post(&format!("/v1/payment_methods/{method}/attach"), &format!("customer={customer}"));
        if attached.status == 402 {
            return;
        }
        attached
    } else {
        client.get(&format!("/v1/payment_methods/{method}"))
    };
    let brand = row["brand"].as_str().unwrap();
    if brand != "bccard_dinacard" {
        let networks: Vec<&str> = brand.split('/').collect();
        assert_eq!(shown.text("/card/brand"), *networks.last().unwrap(), "{label}");
        assert_eq!(shown.json["card"]["networks"]["available"], serde_json::json!(networks), "{label}");
    }
    for field in ["funding", "country"] {
        if let Some(expected) = row[field].as_str() {
            assert_eq!(shown.text(&format!("/card/{field}")), expected, "{label}");
        }
    }
    let detail = row["detail"].as_str().unwrap_or("");
    if row["outcome"] != "check" {
        return;
    }
    let check = |name: &str| shown.json["card"]["checks"][name].as_str();
    let both = detail.contains("line1 and postal");
    for (field, concerned) in [
        ("cvc_check", detail.contains("cvc_check fail")),
        ("address_line1_check", both || detail.contains("address_line1_check fail")),
        ("address_postal_code_check", both || detail.contains("postal code")),
    ] {
        let expected = match concerned {
            true if detail.contains("unavailable") => Some("unavailable"),
            true => Some("fail"),
            false => check(field).filter(|result| *result == "pass"),
        };
        assert_eq!(check(field), expected, "{label} {field}");
    }
    if detail.contains("elevated risk") {
        let paid = client.post("/v1/payment_intents", &format!("amount=2000&currency=usd&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never&{}", way.parameters()));
        assert_eq!(client.intent(paid.id()).text("/latest_charge/outcome/risk_level"), "elevated", "{label}");
    }
}

/// Whether the card can be kept for a customer, and what happens when it is charged then.
fn check_attachment(row: &Value, way: Way<'_>, label: &str) {
    let mut client = Client::new();
    let customer = client.post("/v1/customers", "").id().to_owned();
    let method = way.method(&mut client);
    let attached = client.post(&format!("/v1/payment_methods/{method}/attach"), &format!("customer={customer}"));
    if row["attachable_to_customer"] == false {
        assert_eq!((attached.status, attached.text("/error/type")), (402, "card_error"), "{label}");
        assert_eq!(attached.text("/error/code"), row["error_code"].as_str().unwrap(), "{label}");
        let list = client.get(&format!("/v1/customers/{customer}/payment_methods"));
        assert_eq!(list.json["data"], serde_json::json!([]), "{label}");
        let setup = client.post("/v1/setup_intents", &format!("confirm=true&{}", way.parameters()));
        assert_eq!((setup.status, setup.text("/error/setup_intent/status")), (402, "requires_payment_method"), "{label}");
        return;
    }
    assert_eq!((attached.status, attached.text("/customer")), (200, customer.as_str()), "{label}");
    if row["outcome"] == "attach_ok_then_charge_declined" {
        let body = format!(
            "amount=500&currency=usd&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never&off_session=true&customer={customer}&payment_method={}",
            attached.id()
        );
        let answer = client.post("/v1/payment_intents", &body);
        assert_eq!((answer.status, answer.text("/error/code")), (402, row["error_code"].as_str().unwrap()), "{label}");
    }
}

/// Refunds that are pending or fail, and money that is available at once.
fn check_money_later(row: &Value, way: Way<'_>, label: &str) {
    let (refund, skips) = (row["refund"].as_str(), row["section"] == "balance");
    if refund.is_none() && !skips {
        return;
    }
    let mut client = Client::new();
    let body = format!(
        "amount=2000&currency=usd&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never&expand[]=latest_charge.balance_transaction&{}",
        way.parameters()
    );
    let paid = client.post("/v1/payment_intents", &body);
    let available = paid.text("/latest_charge/balance_transaction/status") == "available";
    assert_eq!(available, skips, "{label}");
    let Some(refund) = refund else { return };
    let made = client.post("/v1/refunds", &format!("payment_intent={}", paid.id()));
    client.now_ms += common::DAY_MS;
    let later = client.get(&format!("/v1/refunds/{}", made.id()));
    let states = refund.split(';').next().unwrap();
    let expected = if states.starts_with("pending") { ("pending", "succeeded") } else { ("succeeded", "failed") };
    assert_eq!((made.text("/status"), later.text("/status")), expected, "{label}");
    if refund.contains("expired_or_canceled_card") {
        assert_eq!(later.text("/failure_reason"), "expired_or_canceled_card");
    }
    let event = if expected.1 == "failed" { "refund.failed" } else { "refund.updated" };
    assert_eq!(client.get(&format!("/v1/events?type={event}")).text("/data/0/data/object/id"), made.id(), "{label}");
}

/// Challenges on request, and what a card needs without its owner present, before and after it was set up.
fn check_three_d_secure(row: &Value, way: Way<'_>, label: &str) {
    let asked = |client: &mut Client| {
        let options = "payment_method_options[card][request_three_d_secure]=any";
        let body = format!(
            "amount=2000&currency=usd&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never&{options}&{}",
            way.parameters()
        );
        client.post("/v1/payment_intents", &body).json["status"].as_str().unwrap_or("").to_owned()
    };
    match row["three_d_secure"].as_str() {
        Some("supported") => assert_eq!(asked(&mut Client::new()), "requires_action", "{label}"),
        Some("supported_unenrolled" | "not_supported") => assert_eq!(asked(&mut Client::new()), "succeeded", "{label}"),
        _ => {}
    }
    if row["section"] != "3ds_auth_setup" {
        return;
    }
    let detail = row["detail"].as_str().unwrap();
    let mut client = Client::new();
    let customer = client.post("/v1/customers", "").id().to_owned();
    let pay_away = |client: &mut Client, method: &str| {
        let body = format!(
            "amount=500&currency=usd&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never&off_session=true&customer={customer}&{method}"
        );
        let answer = client.post("/v1/payment_intents", &body);
        answer.json.pointer("/error/code").and_then(Value::as_str).unwrap_or("").to_owned()
    };
    let ready = detail.starts_with("already set up");
    assert_eq!(pay_away(&mut client, &way.parameters()), if ready { "" } else { "authentication_required" }, "{label}");
    let setup = client.post("/v1/setup_intents", &format!("customer={customer}&confirm=true&{}", way.parameters()));
    assert_eq!(setup.text("/status"), "requires_action", "{label}");
    client.post(&format!("/3ds/{}", setup.id()), "result=success");
    let setup = client.get(&format!("/v1/setup_intents/{}", setup.id()));
    assert_eq!(setup.text("/status"), "succeeded", "{label}");
    let expected = match detail {
        _ if detail.contains("all transactions") => "authentication_required",
        _ if detail.contains("insufficient_funds") => "card_declined",
        _ => "",
    };
    assert_eq!(pay_away(&mut client, &format!("payment_method={}", setup.text("/payment_method"))), expected, "{label}");
}

fn check_dispute(row: &Value, client: &mut Client, answer: &Answer) {
    client.now_ms += common::DAY_MS;
    let disputes = client.get(&format!("/v1/disputes?payment_intent={}", answer.id()));
    let kind = row["dispute"].as_str().unwrap();
    let (count, disputed, status, reason) = match kind {
        _ if kind.starts_with("early") => (0, 0, "", ""),
        _ if kind.starts_with("inquiry") => (1, 0, "warning_needs_response", "fraudulent"),
        _ if kind.starts_with("multiple") => (2, 2_000, "needs_response", "fraudulent"),
        "product_not_received" => (1, 2_000, "needs_response", "product_not_received"),
        "Visa compliance dispute" => (1, 2_000, "needs_response", "noncompliant"),
        _ => (1, 2_000, "needs_response", "fraudulent"),
    };
    assert_eq!(disputes.json["data"].as_array().unwrap().len(), count, "{kind}");
    assert_eq!(client.stripe.truth().charges[0].disputed, disputed, "{kind}");
    if count == 0 {
        let warnings = client.get(&format!("/v1/radar/early_fraud_warnings?payment_intent={}", answer.id()));
        assert_eq!(warnings.json["data"].as_array().unwrap().len(), 1, "{kind}");
        assert_eq!(client.get("/v1/events?type=radar.*").text("/data/0/type"), "radar.early_fraud_warning.created");
        return;
    }
    assert_eq!((disputes.text("/data/0/status"), disputes.text("/data/0/reason")), (status, reason), "{kind}");
    let eligible = match kind {
        "Visa Compelling Evidence 3.0 eligible" => Some("visa_compelling_evidence_3"),
        "Visa compliance dispute" => Some("visa_compliance"),
        _ => None,
    };
    let shown = disputes.json.pointer("/data/0/enhanced_eligibility_types/0").and_then(Value::as_str);
    assert_eq!(shown, eligible, "{kind}");
}

#[test]
fn every_published_payment_method_token_and_number_behaves_as_published() {
    let Some(text) = sample("stripe/test-cards.json") else { return };
    let table: Value = serde_json::from_str(&text).unwrap();
    let rows = table["cards"].as_array().unwrap();
    let mut checked = 0;
    for row in rows {
        let aliases = row["payment_method_aliases"].as_array().into_iter().flatten();
        for name in aliases.chain(row.get("payment_method")).filter_map(Value::as_str) {
            check(row, Way::Method(name));
            checked += 1;
        }
        if let Some(token) = row["token"].as_str() {
            check(row, Way::Token(token));
            checked += 1;
        }
        let number = row["number"].as_str().unwrap();
        // Two numbers stand for several methods; the number itself has the behaviour of its first row.
        let shared = ["4242424242424242", "378282246310005"].contains(&number);
        if !shared || row["section"] == "brand" {
            check(row, Way::Number(number));
            checked += 1;
        }
    }
    assert!(rows.len() >= 135 && checked > 200, "{checked}");
    for (what, why) in NOT_APPLICABLE {
        let named = |row: &&Value| [&row["section"], &row["detail"], &row["number"]].iter().any(|value| *value == what);
        assert!(rows.iter().any(|row| named(&row)), "{what} ({why}) is no longer in the table");
    }
    for bank in table["us_bank_account"].as_array().unwrap() {
        check_bank_account(bank);
    }
    for extra in table["more_tokens"].as_array().unwrap() {
        let token = extra.as_str().unwrap().split(' ').next().unwrap();
        let answer =
            Client::new().post("/v1/payment_intents", &format!("amount=2000&currency=usd&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never&{}", Way::Token(token).parameters()));
        assert_eq!(answer.status, 402, "{token}");
        let charged = Client::new().post("/v1/charges", &format!("amount=2000&currency=usd&source={token}"));
        assert_eq!((charged.status, charged.json.pointer("/error/payment_intent")), (402, None), "{token}");
    }
    let evidence = &table["dispute_evidence"];
    assert!(evidence["winning_evidence"].is_string() && evidence["losing_evidence"].is_string(), "see the disputes' own tests");
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
    check_payout(row);
}

/// A payout to the account fails for the reasons that its debits do.
fn check_payout(row: &Value) {
    let mut client = Client::new();
    client.pay("pm_card_bypassPending", "");
    let account = row["account"].as_str().unwrap();
    let payout = client.post("/v1/payouts", &format!("amount=1000&currency=usd&destination=ba_{account}"));
    assert_eq!(payout.text("/status"), "pending", "{account}");
    client.now_ms += common::DAY_MS;
    let later = client.get(&format!("/v1/payouts/{}", payout.id()));
    let behaviour = row["behaviour"].as_str().unwrap();
    let status = match behaviour {
        "succeeds" | "dispute" => "paid",
        _ if behaviour.starts_with("stays processing") => "pending",
        _ => "failed",
    };
    assert_eq!(later.text("/status"), status, "{account}");
    assert_eq!(later.json["failure_code"].is_null(), status != "failed", "{account}");
    let available = client.get("/v1/balance").number("/available/0/amount");
    assert_eq!(available, if status == "failed" { 1_912 } else { 912 }, "{account}");
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
