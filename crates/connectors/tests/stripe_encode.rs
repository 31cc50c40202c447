//! The exact requests that calls become. These bytes are kept and replayed: a change here is a change of the wire.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use base::{Money, NotSentReason, Outcome, Redacted};
use connectors::stripe::{API_VERSION, Environment, Stripe};
use connectors::{Call, CaptureMode, Connector, EncodeError, Operation, Presence, Resolve, RungKind};
use egress::{Method, Request};

fn money(amount_minor: u64, alpha: &str) -> Money {
    Money { amount_minor, currency: alpha.parse().unwrap() }
}

fn call(operation: Operation) -> Call {
    Call { operation, key: "key-1".to_owned(), reference: "ref_1".to_owned() }
}

fn authorize(money: Money) -> Operation {
    Operation::Authorize {
        money,
        payment_method: "pm_card_visa".to_owned(),
        customer: None,
        presence: Presence::OnSession,
        capture: CaptureMode::Manual,
        return_url: None,
        sim: None,
    }
}

fn stored(customer: Option<&str>, presence: Presence) -> Operation {
    Operation::Authorize {
        money: money(2_000, "USD"),
        payment_method: "pm_card_visa".to_owned(),
        customer: customer.map(str::to_owned),
        presence,
        capture: CaptureMode::Manual,
        return_url: None,
        sim: None,
    }
}

fn capture() -> Operation {
    Operation::Capture { provider_id: "pi_1".to_owned(), money: money(1_500, "USD") }
}

fn cancel() -> Operation {
    Operation::Cancel { provider_id: "pi_1".to_owned() }
}

fn refund() -> Operation {
    Operation::Refund { provider_id: "pi_1".to_owned(), money: money(5, "ISK") }
}

fn test_mode() -> Stripe {
    Stripe::new(Environment::Test)
}

fn parts(request: &Request) -> (Method, &str, &str) {
    (request.method, request.path_and_query.as_str(), core::str::from_utf8(&request.body).unwrap())
}

#[test]
fn calls_become_exactly_these_requests() {
    let with_everything = Operation::Authorize {
        money: money(1_999, "EUR"),
        payment_method: "pm_card_visa".to_owned(),
        customer: None,
        presence: Presence::OnSession,
        capture: CaptureMode::Automatic,
        return_url: Some("https://shop.example/done?a=b&c".to_owned()),
        sim: Some("hang; reset=after".to_owned()),
    };
    let confirm = Operation::Confirm {
        provider_id: "pi_1".to_owned(),
        money: money(2_000, "USD"),
        payment_method: "pm_card_mastercard".to_owned(),
        return_url: Some("https://shop.example/done".to_owned()),
    };
    for (operation, path, body) in [
        (
            confirm,
            "/v1/payment_intents/pi_1/confirm",
            "payment_method=pm_card_mastercard&return_url=https%3A%2F%2Fshop.example%2Fdone&expand[0]=latest_charge.balance_transaction",
        ),
        (
            authorize(money(2_000, "USD")),
            "/v1/payment_intents",
            "amount=2000&currency=usd&capture_method=manual&confirm=true&payment_method=pm_card_visa&payment_method_types[0]=card\
             &metadata[bezant_reference]=ref_1&expand[0]=latest_charge.balance_transaction",
        ),
        (
            with_everything,
            "/v1/payment_intents",
            "amount=1999&currency=eur&capture_method=automatic&confirm=true&payment_method=pm_card_visa&payment_method_types[0]=card\
             &return_url=https%3A%2F%2Fshop.example%2Fdone%3Fa%3Db%26c&metadata[bezant_reference]=ref_1\
             &metadata[sim]=hang%3B%20reset%3Dafter&expand[0]=latest_charge.balance_transaction",
        ),
        (capture(), "/v1/payment_intents/pi_1/capture", "amount_to_capture=1500&expand[0]=latest_charge.balance_transaction"),
        (cancel(), "/v1/payment_intents/pi_1/cancel", "cancellation_reason=requested_by_customer"),
        (refund(), "/v1/refunds", "payment_intent=pi_1&amount=500&metadata[bezant_reference]=ref_1"),
    ] {
        let call = call(operation);
        let request = test_mode().encode(&call).unwrap();
        assert_eq!(parts(&request), (Method::Post, path, body));
        let headers =
            [("content-type", "application/x-www-form-urlencoded"), ("idempotency-key", "key-1"), ("stripe-version", API_VERSION)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(request.headers, headers);
        assert_eq!(test_mode().encode_resolve(&call, &Resolve::Replay).unwrap(), request, "a replay is the same request");
        let kept = request.encode_bytes().unwrap();
        assert_eq!(Request::parse_bytes(&kept).unwrap(), request);
    }
}

#[test]
fn a_stored_payment_method_is_charged_with_its_customer_and_without_one_there() {
    let head = "amount=2000&currency=usd&capture_method=manual&confirm=true&payment_method=pm_card_visa&payment_method_types[0]=card";
    let tail = "&metadata[bezant_reference]=ref_1&expand[0]=latest_charge.balance_transaction";
    for (customer, presence, middle) in [
        (None, Presence::OnSession, ""),
        (Some("cus_1"), Presence::OnSession, "&customer=cus_1"),
        (Some("cus_1"), Presence::OffSession, "&customer=cus_1&off_session=true"),
        (None, Presence::OffSession, "&off_session=true"),
    ] {
        let operation = stored(customer, presence);
        assert_eq!(parts(&test_mode().encode(&call(operation)).unwrap()).2, format!("{head}{middle}{tail}"));
    }
    for customer in ["", "pi_1", "cus_", "cus_1&amount=1", &format!("cus_{}", "1".repeat(97))] {
        assert_eq!(test_mode().encode(&call(stored(Some(customer), Presence::OffSession))), Err(EncodeError::Customer), "{customer}");
    }
}

#[test]
fn a_payment_is_observed_by_its_id_and_in_no_other_way() {
    let observe = call(Operation::Observe { provider_id: "pi_1".to_owned(), money: money(1, "USD") });
    let fetch = |id: &str| Resolve::Fetch { provider_id: id.to_owned() };
    let request = test_mode().encode_resolve(&observe, &fetch("pi_1")).unwrap();
    assert_eq!(parts(&request), (Method::Get, "/v1/payment_intents/pi_1?expand%5B0%5D=latest_charge.balance_transaction", ""));
    assert_eq!(test_mode().encode(&observe), Err(EncodeError::ReadOnly));
    assert_eq!(test_mode().encode_resolve(&observe, &Resolve::Replay), Err(EncodeError::ReadOnly));
    assert_eq!(test_mode().encode_resolve(&observe, &Resolve::Search), Err(EncodeError::ReadOnly));
    assert_eq!(test_mode().encode_resolve(&observe, &fetch("pi_2")), Err(EncodeError::ProviderId));
    let malformed = call(Operation::Observe { provider_id: "pi_1/..".to_owned(), money: money(1, "USD") });
    assert_eq!(test_mode().encode_resolve(&malformed, &fetch("pi_1/..")), Err(EncodeError::ProviderId));
}

#[test]
fn lookups_read_by_id_or_by_reference_and_never_write() {
    let intent = "/v1/payment_intents/pi_1?expand%5B0%5D=latest_charge.balance_transaction";
    let fetch = |id: &str| Resolve::Fetch { provider_id: id.to_owned() };
    for (operation, how, path) in [
        (authorize(money(1, "USD")), fetch("pi_1"), intent),
        (capture(), fetch("pi_1"), intent),
        (cancel(), fetch("pi_1"), intent),
        (refund(), fetch("re_1"), "/v1/refunds/re_1"),
        (
            authorize(money(1, "USD")),
            Resolve::Search,
            "/v1/payment_intents/search?query=metadata%5B%27bezant_reference%27%5D%3A%27ref_1%27&limit=10\
             &expand%5B0%5D=data.latest_charge.balance_transaction",
        ),
        (capture(), Resolve::Search, intent),
        (cancel(), Resolve::Search, intent),
        (refund(), Resolve::Search, "/v1/refunds?payment_intent=pi_1&limit=100"),
    ] {
        let request = test_mode().encode_resolve(&call(operation), &how).unwrap();
        assert_eq!(parts(&request), (Method::Get, path, ""));
        assert_eq!(request.headers, [("stripe-version".to_owned(), API_VERSION.to_owned())]);
    }
    let wrong_kind = test_mode().encode_resolve(&call(refund()), &fetch("pi_1"));
    assert_eq!(wrong_kind, Err(EncodeError::ProviderId));
    assert_eq!(test_mode().encode_resolve(&call(cancel()), &fetch("pi_1/capture")), Err(EncodeError::ProviderId));
}

#[test]
fn calls_that_cannot_be_said_are_not_sent() {
    let change = |change: fn(&mut String, &mut Option<String>, &mut Option<String>)| {
        let Operation::Authorize { money, mut payment_method, customer, presence, capture, mut return_url, mut sim } =
            authorize(money(1, "USD"))
        else {
            unreachable!()
        };
        change(&mut payment_method, &mut return_url, &mut sim);
        Operation::Authorize { money, payment_method, customer, presence, capture, return_url, sim }
    };
    for (operation, expected) in [
        (authorize(money(0, "USD")), EncodeError::AmountOutOfRange(money(0, "USD"))),
        (authorize(money(1_000_000_000_000, "USD")), EncodeError::AmountOutOfRange(money(1_000_000_000_000, "USD"))),
        (authorize(money(u64::MAX, "ISK")), EncodeError::AmountOutOfRange(money(u64::MAX, "ISK"))),
        (authorize(money(5_124, "KWD")), EncodeError::AmountNotRepresentable(money(5_124, "KWD"))),
        (authorize(money(550, "MGA")), EncodeError::AmountNotRepresentable(money(550, "MGA"))),
        (authorize(money(1_000, "IQD")), EncodeError::CurrencyRefused("IQD".parse().unwrap())),
        (change(|method, _, _| method.clear()), EncodeError::PaymentMethod),
        (change(|method, _, _| *method = "4242424242424242".into()), EncodeError::PaymentMethod),
        (change(|method, _, _| *method = "pm_1&amount=1".into()), EncodeError::PaymentMethod),
        (change(|method, _, _| *method = format!("pm_{}", "x".repeat(118))), EncodeError::PaymentMethod),
        (change(|_, url, _| *url = Some("http://shop.example/".into())), EncodeError::ReturnUrl),
        (change(|_, url, _| *url = Some("javascript:alert(1)".into())), EncodeError::ReturnUrl),
        (change(|_, _, sim| *sim = Some(String::new())), EncodeError::Sim),
        (change(|_, _, sim| *sim = Some("x".repeat(501))), EncodeError::Sim),
        (Operation::Cancel { provider_id: "re_1".into() }, EncodeError::ProviderId),
        (Operation::Cancel { provider_id: "pi_1/../x".into() }, EncodeError::ProviderId),
        (Operation::Capture { provider_id: String::new(), money: money(1, "USD") }, EncodeError::ProviderId),
        (Operation::Refund { provider_id: "pi_1?".into(), money: money(1, "USD") }, EncodeError::ProviderId),
    ] {
        let result = test_mode().encode(&call(operation.clone()));
        assert_eq!(result, Err(expected), "{operation:?}");
        assert_eq!(expected.outcome(), Outcome::NotSent(NotSentReason::Encode));
    }
    for key in [String::new(), "x".repeat(256), "a b".to_owned(), "ü".to_owned(), "a\r\nb".to_owned()] {
        assert_eq!(test_mode().encode(&Call { key, ..call(cancel()) }), Err(EncodeError::Key));
    }
    for reference in [String::new(), "x".repeat(201), "a'b".to_owned(), "a b".to_owned(), "ü".to_owned()] {
        let call = Call { reference, ..call(authorize(money(1, "USD"))) };
        assert_eq!(test_mode().encode(&call), Err(EncodeError::Reference));
        assert_eq!(test_mode().encode_resolve(&call, &Resolve::Search), Err(EncodeError::Reference));
    }
}

#[test]
fn live_accounts_take_no_simulator_instructions_and_no_currency_of_unconfirmed_unit() {
    let live = Stripe::new(Environment::Live);
    let simulated = Operation::Authorize {
        money: money(1, "USD"),
        payment_method: "pm_1".to_owned(),
        customer: None,
        presence: Presence::OnSession,
        capture: CaptureMode::Manual,
        return_url: None,
        sim: Some("hang".to_owned()),
    };
    assert_eq!(live.encode(&call(simulated)), Err(EncodeError::Sim));
    let shillings = call(authorize(money(5, "UGX")));
    assert_eq!(live.encode(&shillings), Err(EncodeError::CurrencyRefused("UGX".parse().unwrap())));
    assert!(parts(&test_mode().encode(&shillings).unwrap()).2.starts_with("amount=500&currency=ugx&"));
}

#[test]
fn the_largest_call_fits_into_what_may_be_kept() {
    let operation = Operation::Authorize {
        money: money(999_999_999_999, "USD"),
        payment_method: format!("pm_{}", "x".repeat(117)),
        customer: Some(format!("cus_{}", "x".repeat(96))),
        presence: Presence::OffSession,
        capture: CaptureMode::Manual,
        return_url: Some(format!("https://a.example/{}", "%".repeat(2_048 - 18))),
        sim: Some(" ".repeat(500)),
    };
    let call = Call { operation, key: "k".repeat(255), reference: "r".repeat(200) };
    assert!(test_mode().encode(&call).unwrap().encode_bytes().is_ok());
}

#[test]
fn the_ladder_replays_first_looks_later_and_calls_a_person_within_the_keys_retention() {
    let stripe = test_mode();
    let capabilities = stripe.capabilities();
    let ladder = &capabilities.resolve_ladder;
    let second = 1_000_000_000;
    let seconds: Vec<(u64, RungKind)> = ladder.rungs.iter().map(|rung| (rung.after_ns / second, rung.how)).collect();
    assert_eq!(
        seconds,
        [
            (2, RungKind::Replay),
            (10, RungKind::Replay),
            (60, RungKind::Replay),
            (60, RungKind::Lookup),
            (360, RungKind::Lookup),
            (2_160, RungKind::Lookup),
            (9_360, RungKind::Lookup),
            (30_960, RungKind::Lookup),
            (52_560, RungKind::Lookup),
        ]
    );
    assert_eq!(ladder.operator_after_ns, 24 * 3_600 * second);
    assert!(ladder.rungs.iter().all(|rung| rung.after_ns < ladder.operator_after_ns.min(capabilities.key_retention_ns)));
}

#[test]
fn the_credential_becomes_a_header_that_does_not_print() {
    let header = test_mode().capabilities().credential;
    let value = header.value(&Redacted::new("sk_test_1".to_owned()));
    assert_eq!((header.name, value.expose().as_str()), ("authorization", "Bearer sk_test_1"));
    assert_eq!(format!("{value:?}"), "[redacted]");
}
