//! Payment intents and refunds from creation to end, the calls' refusals, and what they do to the money.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Client, DAY_MS, SECOND_MS};
use sandbox::stripe::Config;
use sandbox::wire::{Headers, Method, Request};

#[test]
fn an_automatic_payment_is_captured_with_its_fee() {
    let mut client = Client::new();
    let answer = client.pay("pm_card_visa", "&metadata[order_id]=o_1&expand[0]=latest_charge.balance_transaction");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text("/status"), "succeeded");
    assert_eq!(answer.number("/amount_received"), 2_000);
    assert_eq!(answer.text("/latest_charge/status"), "succeeded");
    assert_eq!(answer.number("/latest_charge/balance_transaction/fee"), 88);
    assert_eq!(answer.number("/latest_charge/balance_transaction/net"), 1_912);
    assert_eq!(answer.text("/latest_charge/balance_transaction/status"), "pending");
    let created = answer.number("/created");
    assert_eq!(answer.number("/latest_charge/balance_transaction/available_on"), created + 2 * 24 * 3_600);
    assert!(answer.text("/payment_method").starts_with("pm_"));
    assert!(answer.text("/client_secret").starts_with(&format!("{}_secret_", answer.id())));
    let transaction = answer.text("/latest_charge/balance_transaction/id").to_owned();
    client.now_ms += 2 * DAY_MS;
    let transaction = client.get(&format!("/v1/balance_transactions/{transaction}"));
    assert_eq!(transaction.text("/status"), "available");
}

#[test]
fn a_bypassing_card_makes_its_money_available_at_once() {
    let answer = Client::new().pay("pm_card_bypassPending", "&expand[]=latest_charge.balance_transaction");
    assert_eq!(answer.text("/latest_charge/balance_transaction/status"), "available");
}

#[test]
fn the_first_capture_is_final_and_releases_the_rest() {
    let mut client = Client::new();
    let answer = client.pay("pm_card_visa", "&capture_method=manual");
    assert_eq!((answer.text("/status"), answer.number("/amount_capturable")), ("requires_capture", 2_000));
    assert_eq!(client.money(), (0, 0, 2_000));
    let path = format!("/v1/payment_intents/{}/capture", answer.id());
    let too_much = client.post(&path, "amount_to_capture=2001");
    assert_eq!((too_much.status, too_much.text("/error/code")), (400, "amount_too_large"));
    assert_eq!(client.money(), (0, 0, 2_000));
    let captured = client.post(&path, "amount_to_capture=1500");
    assert_eq!(
        (captured.text("/status"), captured.number("/amount_received"), captured.number("/amount_capturable")),
        ("succeeded", 1_500, 0)
    );
    assert_eq!(client.money(), (1_500, 0, 0));
    let again = client.post(&path, "");
    assert_eq!((again.status, again.text("/error/code")), (400, "payment_intent_unexpected_state"));
    assert_eq!(again.text("/error/payment_intent/status"), "succeeded");
    assert_eq!(client.money(), (1_500, 0, 0));
}

#[test]
fn a_canceled_authorisation_moves_no_money() {
    let mut client = Client::new();
    let answer = client.pay("pm_card_visa", "&capture_method=manual");
    let path = format!("/v1/payment_intents/{}/cancel", answer.id());
    let bad = client.post(&path, "cancellation_reason=boredom");
    assert_eq!((bad.status, bad.text("/error/param")), (400, "cancellation_reason"));
    let canceled = client.post(&path, "cancellation_reason=requested_by_customer&expand[]=latest_charge");
    assert_eq!((canceled.text("/status"), canceled.text("/cancellation_reason")), ("canceled", "requested_by_customer"));
    assert_eq!(canceled.json.pointer("/latest_charge/refunded"), Some(&serde_json::Value::Bool(true)));
    assert_eq!(client.money(), (0, 0, 0));
    let again = client.post(&path, "");
    assert_eq!(again.text("/error/code"), "payment_intent_unexpected_state");
}

#[test]
fn an_authorisation_runs_out_after_seven_days() {
    let mut client = Client::new();
    let answer = client.pay("pm_card_visa", "&capture_method=manual");
    client.now_ms += 7 * DAY_MS - 1;
    assert_eq!(client.intent(answer.id()).text("/status"), "requires_capture");
    client.now_ms += 1;
    let expired = client.intent(answer.id());
    assert_eq!((expired.text("/status"), expired.text("/cancellation_reason")), ("canceled", "expired"));
    assert_eq!(client.money(), (0, 0, 0));
    assert_eq!(client.stripe.truth().charges[0].status, "expired");
}

#[test]
fn a_decline_leaves_the_intent_open_for_another_card() {
    let mut client = Client::new();
    let declined = client.pay("pm_card_chargeDeclined", "");
    let id = declined.text("/error/payment_intent/id").to_owned();
    let confirm = format!("/v1/payment_intents/{id}/confirm");
    let missing = client.post(&confirm, "");
    assert_eq!(missing.text("/error/code"), "payment_intent_unexpected_state");
    let paid = client.post(&confirm, "payment_method=pm_card_visa");
    assert_eq!(paid.text("/status"), "succeeded");
    assert!(paid.json["last_payment_error"].is_null());
    assert_eq!(client.money(), (2_000, 0, 0));
    let charges = client.get(&format!("/v1/charges?payment_intent={id}"));
    assert_eq!(charges.json["data"].as_array().unwrap().len(), 2);
}

#[test]
fn creation_and_confirmation_can_be_two_calls() {
    let mut client = Client::new();
    let bare = client.post("/v1/payment_intents", "amount=500&currency=eur");
    assert_eq!(bare.text("/status"), "requires_payment_method");
    let with_method = client.post("/v1/payment_intents", "amount=500&currency=eur&payment_method=pm_card_visa");
    assert_eq!(with_method.text("/status"), "requires_confirmation");
    let confirm = format!("/v1/payment_intents/{}/confirm", with_method.id());
    assert_eq!(client.post(&confirm, "return_url=https://shop.example/back").text("/status"), "succeeded");
    let again = client.post(&confirm, "");
    assert_eq!((again.status, again.text("/error/code")), (400, "payment_intent_unexpected_state"));
    // An existing payment method is used by its id, once unless it belongs to a customer.
    let spent = with_method.text("/payment_method").to_owned();
    assert_eq!(client.get(&format!("/v1/payment_methods/{spent}")).text("/card/last4"), "4242");
    assert_eq!((client.pay(&spent, "").status, client.pay(&spent, "").text("/error/param")), (400, "payment_method"));
    let fresh = client.post("/v1/payment_methods", "type=card&card[token]=tok_visa").id().to_owned();
    assert_eq!(client.pay(&fresh, "").text("/status"), "succeeded");
}

#[test]
fn methods_that_may_send_the_customer_elsewhere_need_a_way_back() {
    const NEVER: &str = "automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never";
    for (version, more, status) in [
        ("2026-10-28.endive", "", 400),
        ("2023-08-16", "", 400),
        ("2022-11-15", "", 200),
        ("2026-10-28.endive", "automatic_payment_methods[enabled]=true", 400),
        ("2026-10-28.endive", "automatic_payment_methods[enabled]=false", 200),
        ("2026-10-28.endive", NEVER, 200),
        ("2026-10-28.endive", "payment_method_types[]=card", 200),
        ("2026-10-28.endive", "return_url=https://shop.example/back", 200),
    ] {
        let mut client = Client::new();
        let mut send = |path: &str, body: &str| {
            let mut request = common::request(Method::Post, path, "", body, None);
            request.headers.stripe_version = Some(version.to_owned());
            client.send(&request)
        };
        let at_once = send("/v1/payment_intents", &format!("amount=500&currency=eur&payment_method=pm_card_visa&confirm=true&{more}"));
        let (creation, confirmation) = if more.starts_with("return_url") { ("", more) } else { (more, "") };
        let open = send("/v1/payment_intents", &format!("amount=500&currency=eur&payment_method=pm_card_visa&{creation}"));
        let later = send(&format!("/v1/payment_intents/{}/confirm", open.id()), confirmation);
        assert_eq!((at_once.status, later.status), (status, status), "{version} {more}");
        assert_eq!(client.charge_count(), if status == 200 { 2 } else { 0 }, "{version} {more}");
    }
}

#[test]
fn a_challenge_decides_over_the_payment() {
    for (method, result, status, code) in [
        ("pm_card_threeDSecure2Required", "success", "succeeded", None),
        ("pm_card_threeDSecure2Required", "fail", "requires_payment_method", Some("payment_intent_authentication_failure")),
        ("pm_card_threeDSecureRequiredChargeDeclined", "success", "requires_payment_method", Some("card_declined")),
        ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "success", "requires_payment_method", Some("card_declined")),
        ("pm_card_authenticationRequired", "success", "succeeded", None),
    ] {
        let mut client = Client::new();
        let answer = client.pay(method, "&return_url=https://shop.example/r?a=1");
        assert_eq!(answer.text("/next_action/redirect_to_url/return_url"), "https://shop.example/r?a=1");
        let path = format!("/3ds/{}", answer.id());
        let page = client.get(&path);
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(!page.handled.changed);
        let back = client.post(&path, &format!("result={result}"));
        assert_eq!(back.status, 303, "{method}");
        assert!(back.header("location").unwrap().starts_with(&format!("https://shop.example/r?a=1&payment_intent={}", answer.id())));
        let intent = client.intent(answer.id());
        assert_eq!(intent.text("/status"), status, "{method} {result}");
        assert_eq!(intent.json.pointer("/last_payment_error/code").and_then(|code| code.as_str()), code, "{method} {result}");
        assert_eq!(client.post(&path, "result=success").status, 409, "a challenge ends once");
    }
}

#[test]
fn a_challenge_can_be_completed_without_a_browser() {
    let mut client = Client::new();
    let answer = client.pay("pm_card_threeDSecure2Required", "");
    let done = client.post("/_admin/3ds", &format!("{{\"payment_intent\":\"{}\",\"result\":\"success\"}}", answer.id()));
    assert_eq!(done.status, 200);
    assert_eq!(client.intent(answer.id()).text("/status"), "succeeded");
    assert_eq!(client.intent(answer.id()).text("/latest_charge/payment_method_details/card/three_d_secure/result"), "authenticated");
}

#[test]
fn manual_confirmation_needs_a_second_confirm_after_the_challenge() {
    let mut client = Client::new();
    let answer = client.pay("pm_card_threeDSecure2Required", "&confirmation_method=manual");
    client.post(&format!("/3ds/{}", answer.id()), "result=success");
    assert_eq!(client.intent(answer.id()).text("/status"), "requires_confirmation");
    let confirmed = client.post(&format!("/v1/payment_intents/{}/confirm", answer.id()), "");
    assert_eq!(confirmed.text("/status"), "succeeded");
}

#[test]
fn without_the_customer_a_needed_challenge_is_a_decline() {
    for (method, more, expected) in [
        ("pm_card_authenticationRequired", "&off_session=true", 402),
        ("pm_card_authenticationRequired", "&error_on_requires_action=true", 402),
        ("pm_card_authenticationRequiredSetupForOffSession", "&off_session=true", 200),
        ("pm_card_visa", "&off_session=true", 200),
    ] {
        let answer = Client::new().pay(method, more);
        assert_eq!(answer.status, expected, "{method}{more}");
        if expected == 402 {
            assert_eq!(answer.text("/error/code"), "authentication_required");
        }
    }
}

#[test]
fn refunds_never_exceed_what_was_captured() {
    let mut client = Client::new();
    let paid = client.pay("pm_card_visa", "");
    let id = paid.id();
    let first = client.post("/v1/refunds", &format!("payment_intent={id}&amount=1200&reason=requested_by_customer&metadata[a]=b"));
    assert_eq!((first.text("/status"), first.number("/amount"), first.text("/metadata/a")), ("succeeded", 1_200, "b"));
    let second = client.post("/v1/refunds", &format!("payment_intent={id}&amount=1200"));
    assert_eq!((second.status, second.text("/error/param")), (400, "amount"));
    assert_eq!(second.text("/error/message"), "Refund amount ($12.00) is greater than unrefunded amount on charge ($8.00)");
    let rest = client.post("/v1/refunds", &format!("charge={}", paid.text("/latest_charge")));
    assert_eq!(rest.number("/amount"), 800);
    let none = client.post("/v1/refunds", &format!("payment_intent={id}"));
    assert_eq!((none.status, none.text("/error/code")), (400, "charge_already_refunded"));
    assert_eq!(client.money(), (2_000, 2_000, 0));
    let intent = client.intent(id);
    assert_eq!(intent.number("/latest_charge/amount_refunded"), 2_000);
    let list = client.get(&format!("/v1/refunds?payment_intent={id}"));
    assert_eq!(list.json["data"].as_array().unwrap().len(), 2);
    assert_eq!(list.text("/data/0/id"), rest.id());
    assert_eq!(client.get(&format!("/v1/refunds/{}?expand[]=charge&expand[]=payment_intent", first.id())).text("/charge/object"), "charge");
}

#[test]
fn what_was_not_captured_cannot_be_refunded() {
    let mut client = Client::new();
    let open = client.pay("pm_card_visa", "&capture_method=manual");
    let answer = client.post("/v1/refunds", &format!("payment_intent={}", open.id()));
    assert_eq!((answer.status, answer.text("/error/code")), (400, "payment_intent_unexpected_state"));
    for (body, code) in [("payment_intent=pi_x", "resource_missing"), ("charge=ch_x", "resource_missing"), ("", "parameter_missing")] {
        let answer = client.post("/v1/refunds", body);
        assert_eq!((answer.status, answer.text("/error/code")), (400, code));
    }
}

#[test]
fn a_pending_refund_succeeds_later() {
    let mut client = Client::new();
    let paid = client.pay("pm_card_pendingRefund", "");
    let refund = client.post("/v1/refunds", &format!("payment_intent={}", paid.id()));
    assert_eq!(refund.text("/status"), "pending");
    assert_eq!(client.money(), (2_000, 0, 0));
    let second = client.post("/v1/refunds", &format!("payment_intent={}", paid.id()));
    assert_eq!(second.text("/error/code"), "charge_already_refunded");
    client.now_ms += 5 * SECOND_MS;
    assert_eq!(client.get(&format!("/v1/refunds/{}", refund.id())).text("/status"), "succeeded");
    assert_eq!(client.money(), (2_000, 2_000, 0));
}

#[test]
fn a_failing_refund_gives_the_money_back_to_the_merchant() {
    let mut client = Client::new();
    let paid = client.pay("pm_card_refundFail", "");
    let refund = client.post("/v1/refunds", &format!("payment_intent={}", paid.id()));
    assert_eq!(refund.text("/status"), "succeeded");
    assert_eq!(client.money(), (2_000, 2_000, 0));
    client.now_ms += 5 * SECOND_MS;
    let failed = client.get(&format!("/v1/refunds/{}", refund.id()));
    assert_eq!((failed.text("/status"), failed.text("/failure_reason")), ("failed", "expired_or_canceled_card"));
    assert!(failed.text("/failure_balance_transaction").starts_with("txn_"));
    assert_eq!(client.money(), (2_000, 0, 0));
}

#[test]
fn a_charged_back_payment_cannot_be_refunded() {
    let mut client = Client::new();
    let paid = client.pay("pm_card_createDispute", "");
    client.now_ms += SECOND_MS;
    let answer = client.post("/v1/refunds", &format!("payment_intent={}", paid.id()));
    assert_eq!((answer.status, answer.text("/error/code")), (400, "charge_disputed"));
    assert_eq!(client.stripe.truth_totals()["usd"].disputed, 2_000);
}

#[test]
fn refused_parameters_are_refused_in_the_providers_words() {
    for (body, status, code, param) in [
        ("", 400, "parameter_missing", "amount"),
        ("amount=100", 400, "parameter_missing", "currency"),
        ("amount=&currency=usd", 400, "parameter_missing", "amount"),
        ("amount=abc&currency=usd", 400, "parameter_invalid_integer", "amount"),
        ("amount=1.5&currency=usd", 400, "parameter_invalid_integer", "amount"),
        ("amount=-5&currency=usd", 400, "parameter_invalid_integer", "amount"),
        ("amount=0&currency=usd", 400, "parameter_invalid_integer", "amount"),
        ("amount=49&currency=usd", 400, "amount_too_small", "amount"),
        ("amount=100000000&currency=usd", 400, "amount_too_large", "amount"),
        ("amount=99999999999999999999999999&currency=usd", 400, "amount_too_large", "amount"),
        ("amount=1234&currency=kwd", 400, "parameter_invalid_integer", "amount"),
        ("amount=100&currency=xxx", 400, "", "currency"),
        ("amount=100&currency=usd&foo=1", 400, "parameter_unknown", "foo"),
        ("amount=100&currency=usd&transfer_data[destination]=acct_1", 400, "parameter_unknown", "transfer_data"),
        ("amount=100&currency=usd&confirm=maybe", 400, "", "confirm"),
        ("amount=100&currency=usd&confirm=true", 400, "payment_intent_unexpected_state", ""),
        ("amount=100&currency=usd&capture_method=later", 400, "", "capture_method"),
        ("amount=100&currency=usd&expand[]=nothing", 400, "", "expand"),
        ("amount=100&currency=usd&metadata[a][b]=c", 400, "", "metadata[a]"),
        ("amount[a]=100&currency=usd", 400, "", "amount"),
        ("amount=100&currency=usd&payment_method_types[]=blik", 400, "", "payment_method_types"),
        (
            "amount=100&currency=usd&payment_method=pm_usBankAccount_success&payment_method_types[]=card",
            400,
            "payment_intent_incompatible_payment_method",
            "payment_method",
        ),
    ] {
        let mut client = Client::new();
        let answer = client.post("/v1/payment_intents", body);
        let shown = |name: &str| answer.json["error"][name].as_str().unwrap_or("");
        assert_eq!((answer.status, shown("code"), shown("param")), (status, code, param), "{body}: {}", answer.json);
        assert_eq!(shown("type"), "invalid_request_error", "{body}");
        assert_eq!(client.get("/v1/payment_intents").json["data"].as_array().unwrap().len(), 0, "{body}");
    }
}

#[test]
fn keys_versions_and_paths_are_checked() {
    let send = |authorization: Option<&str>, method, path: &str, version: Option<&str>| {
        let headers =
            Headers { authorization: authorization.map(str::to_owned), stripe_version: version.map(str::to_owned), ..Headers::default() };
        Client::new().send(&Request { method, path: path.to_owned(), query: String::new(), headers, body: Vec::new() })
    };
    let path = "/v1/payment_intents";
    for authorization in [None, Some(""), Some("Bearer "), Some("Bearer sk_live_x"), Some("Basic sk_test_x"), Some("Bearer sk_test_")] {
        let answer = send(authorization, Method::Get, path, None);
        assert_eq!((answer.status, answer.text("/error/type")), (401, "invalid_request_error"), "{authorization:?}");
        assert!(answer.header("request-id").unwrap().starts_with("req_"));
    }
    let key = Some(common::KEY);
    assert_eq!(send(key, Method::Get, path, Some("2022-11-15")).header("stripe-version"), Some("2022-11-15"));
    assert_eq!(send(key, Method::Get, path, Some("yesterday")).status, 400);
    for (method, path) in
        [(Method::Get, "/v1/nothing"), (Method::Delete, "/v1/refunds"), (Method::Get, "/v1/payment_intents/"), (Method::Get, "")]
    {
        assert_eq!(send(key, method, path, None).status, 404, "{path}");
    }
    let missing = send(key, Method::Get, "/v1/payment_intents/pi_x", None);
    assert_eq!((missing.status, missing.text("/error/code"), missing.text("/error/param")), (404, "resource_missing", "intent"));
}

#[test]
fn a_configured_list_of_keys_replaces_the_rule() {
    let mut client = Client::with_config(Config { api_keys: Some(vec!["sk_test_other".to_owned()]), ..Config::standard() });
    assert_eq!(client.get("/v1/payment_intents").status, 401);
}

#[test]
fn the_capture_default_follows_the_version() {
    for (version, expected) in [("2022-11-15", "automatic"), ("2024-04-10", "automatic_async"), ("2026-10-28.endive", "automatic_async")] {
        let mut request = common::request(Method::Post, "/v1/payment_intents", "", "amount=100&currency=usd", None);
        request.headers.stripe_version = Some(version.to_owned());
        assert_eq!(Client::new().send(&request).text("/capture_method"), expected);
    }
}

#[test]
fn an_asynchronous_capture_can_show_its_balance_transaction_later() {
    let mut client = Client::with_config(Config { transaction_lag_ms: SECOND_MS, ..Config::standard() });
    let answer = client.pay("pm_card_visa", "&expand[]=latest_charge");
    assert!(answer.json.pointer("/latest_charge/balance_transaction").unwrap().is_null());
    client.now_ms += SECOND_MS;
    assert_eq!(client.intent(answer.id()).number("/latest_charge/balance_transaction/fee"), 88);
}

#[test]
fn connected_accounts_do_not_see_each_other() {
    let mut client = Client::new();
    let own = client.pay("pm_card_visa", "");
    let mut request = common::request(Method::Get, &format!("/v1/payment_intents/{}", own.id()), "", "", None);
    request.headers.stripe_account = Some("acct_other".to_owned());
    assert_eq!(client.send(&request).status, 404);
}

#[test]
fn lists_are_paged_newest_first() {
    let mut client = Client::new();
    let [customer, other] = [(); 2].map(|()| client.post("/v1/customers", "").id().to_owned());
    let mut ids: Vec<String> = (0..5)
        .map(|_| {
            client.now_ms += SECOND_MS;
            client.post("/v1/payment_intents", &format!("amount=100&currency=usd&customer={customer}")).id().to_owned()
        })
        .collect();
    ids.reverse();
    let shown = |answer: &common::Answer| -> Vec<String> {
        answer.json["data"].as_array().unwrap().iter().map(|intent| intent["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = client.get("/v1/payment_intents?limit=2");
    assert_eq!((shown(&first), &first.json["has_more"]), (ids[..2].to_vec(), &serde_json::Value::Bool(true)));
    let next = client.get(&format!("/v1/payment_intents?limit=3&starting_after={}", ids[1]));
    assert_eq!((shown(&next), &next.json["has_more"]), (ids[2..].to_vec(), &serde_json::Value::Bool(false)));
    let before = client.get(&format!("/v1/payment_intents?limit=2&ending_before={}", ids[3]));
    assert_eq!((shown(&before), &before.json["has_more"]), (ids[1..3].to_vec(), &serde_json::Value::Bool(true)));
    let since = common::START_MS / 1_000 + 4;
    assert_eq!(shown(&client.get(&format!("/v1/payment_intents?created%5Bgte%5D={since}"))), ids[..2].to_vec());
    assert_eq!(shown(&client.get(&format!("/v1/payment_intents?customer={customer}"))), ids);
    assert_eq!(shown(&client.get(&format!("/v1/payment_intents?customer={other}"))), Vec::<String>::new());
    for query in ["customer=cus_1", "limit=0", "limit=101", "limit=x", "starting_after=pi_0", "created[gte]=x", "nonsense=1"] {
        assert_eq!(client.get(&format!("/v1/payment_intents?{query}")).status, 400, "{query}");
    }
}

#[test]
fn search_sees_an_intent_only_after_its_lag() {
    let mut client = Client::new();
    let paid = client.pay("pm_card_visa", "&metadata[order_id]=o'1");
    let query = "/v1/payment_intents/search?query=metadata%5B%27order_id%27%5D%3A%27o%5C%271%27";
    client.now_ms += SECOND_MS - 1;
    assert_eq!(client.get(query).json["data"].as_array().unwrap().len(), 0);
    client.now_ms += 1;
    let found = client.get(query);
    assert_eq!((found.text("/object"), found.text("/data/0/id")), ("search_result", paid.id()));
    assert!(found.json["next_page"].is_null());
    assert_eq!(client.get("/v1/payment_intents/search?query=status:'succeeded'%20AND%20amount>=2000").text("/data/0/id"), paid.id());
    assert_eq!(client.get("/v1/payment_intents/search?query=nonsense").status, 400);
}

#[test]
fn the_same_seed_and_requests_give_the_same_bytes() {
    let run = || {
        let mut client = Client::new();
        let mut bytes = Vec::new();
        for method in ["pm_card_visa", "pm_card_chargeDeclined", "pm_card_threeDSecure2Required"] {
            client.now_ms += SECOND_MS;
            let answer = client.pay(method, "&metadata[order_id]=o_1&expand[]=latest_charge.balance_transaction&expand[]=payment_method");
            bytes.push((answer.handled, client.get("/v1/payment_intents").handled));
        }
        bytes
    };
    assert_eq!(run(), run());
}
