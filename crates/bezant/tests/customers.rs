//! Customers and their stored payment methods with the real simulator: stored once whatever goes wrong, charged while the
//! customer is away, and gone after a removal; with kill -9 between.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::{Bezant, Client, Folder, Merchant, Plan, Sandbox, wait_for};

fn start(name: &str) -> (Folder, Sandbox, Plan, Bezant) {
    let folder = Folder::new(name);
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address);
    let platform = plan.start();
    (folder, sandbox, plan, platform)
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

fn customer(merchant: &mut Merchant, key: &str) -> Value {
    let answer = merchant.post("/v1/customers", key, &json!({ "email": "ada@example.com", "name": "Ada" })).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

fn store(merchant: &mut Merchant, customer: &Value, key: &str, token: &str) -> Value {
    let path = format!("/v1/customers/{}/payment_methods", id(customer));
    let answer = merchant.post(&path, key, &json!({ "payment_method": token })).unwrap();
    assert!([201, 202].contains(&answer.status), "{}", answer.json());
    settled(merchant, &answer.json())
}

/// The payment method once no provider is at work on it.
fn settled(merchant: &mut Merchant, method: &Value) -> Value {
    wait_for("a payment method to be decided", || {
        merchant.catch_up();
        let found = merchant.read(&format!("/v1/payment_methods/{}", id(method)));
        let is_decided = found["status"] != "storing" && found["status"] != "removing";
        is_decided.then_some(found)
    })
}

fn charge(merchant: &mut Merchant, method: &Value, key: &str) -> support::Answer {
    let body = json!({ "amount": { "amount_minor": 1_999, "currency": "EUR" }, "payment_method": id(method), "off_session": true });
    merchant.post("/v1/payments", key, &body).unwrap()
}

fn delete(platform: &Bezant, path: &str) -> support::Answer {
    let bearer = format!("Bearer {}", platform.api_key);
    Client::new(platform.address).send("DELETE", path, &[("authorization", bearer.as_str())], b"").unwrap()
}

/// Asks the simulator as its own client would.
fn ask_provider(sandbox: &Sandbox, method: &str, path: &str, form: &str) -> Value {
    let headers = [("authorization", "Bearer sk_test_real_processes"), ("content-type", "application/x-www-form-urlencoded")];
    let answer = Client::new(sandbox.address).send(method, path, &headers, form.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.json());
    answer.json()
}

/// What the simulator keeps, of all customers together: their ids and their cards' ids.
fn kept(sandbox: &Sandbox) -> (Vec<String>, Vec<String>) {
    let ids = |list: &Value| list["data"].as_array().unwrap().iter().map(|found| id(found).to_owned()).collect::<Vec<_>>();
    let customers = ids(&ask_provider(sandbox, "GET", "/v1/customers?limit=100", ""));
    let cards = |customer: &String| ids(&ask_provider(sandbox, "GET", &format!("/v1/customers/{customer}/payment_methods?limit=100"), ""));
    let methods = customers.iter().flat_map(cards).collect();
    (customers, methods)
}

fn fault(sandbox: &Sandbox, kind: &str, operation: &str) {
    let rule = json!({ "kind": kind, "operation": operation, "count": 1 }).to_string();
    let mut admin = Client::new(sandbox.address);
    assert_eq!(admin.send("POST", "/_admin/faults", &[], rule.as_bytes()).unwrap().status, 200);
}

#[test]
fn a_stored_card_is_charged_while_its_owner_is_away_until_it_is_removed() {
    let (_folder, sandbox, plan, mut platform) = start("customers");
    let mut merchant = platform.merchant();
    let ada = customer(&mut merchant, "c1");
    let card = store(&mut merchant, &ada, "m1", "pm_card_visa");
    assert_eq!((&card["status"], &card["card"]["brand"], &card["card"]["last4"]), (&json!("active"), &json!("visa"), &json!("4242")));
    let challenged = store(&mut merchant, &ada, "m2", "pm_card_authenticationRequired");
    assert_eq!(challenged["status"], "active");
    let (customers, methods) = kept(&sandbox);
    assert_eq!((customers.len(), methods.len()), (1, 2), "one customer for both cards");
    assert!(methods.iter().any(|method| *method == card["credentials"][0]["provider_id"].as_str().unwrap()));

    platform.process.kill();
    platform = plan.start();
    let mut merchant = platform.merchant();
    let paid = charge(&mut merchant, &card, "p1");
    assert_eq!((paid.status, &paid.json()["status"]), (201, &json!("captured")), "{}", paid.json());
    let declined = charge(&mut merchant, &challenged, "p2").json();
    assert_eq!((&declined["status"], &declined["last_decline"]["class"]), (&json!("declined"), &json!("authenticate")), "{declined}");
    let intent = ask_provider(&sandbox, "GET", &format!("/v1/payment_intents/{}", paid.json()["provider_id"].as_str().unwrap()), "");
    assert_eq!(intent["customer"], json!(customers[0]));

    let path = format!("/v1/payment_methods/{}", id(&card));
    let removed = delete(&platform, &path);
    assert_eq!((removed.status, &removed.json()["status"]), (200, &json!("removed")), "{}", removed.json());
    assert_eq!(kept(&sandbox).1.len(), 1);
    let refused = charge(&mut merchant, &card, "p3");
    assert_eq!((refused.status, refused.code().as_str()), (409, "payment_method_state_conflict"));

    platform.process.kill();
    platform = plan.start();
    let mut merchant = platform.merchant();
    let refused = charge(&mut merchant, &card, "p4");
    assert_eq!((refused.status, refused.code().as_str()), (409, "payment_method_state_conflict"));
    let gone = delete(&platform, &format!("/v1/customers/{}", id(&ada)));
    assert_eq!((gone.status, &gone.json()["deleted"]), (200, &json!(true)));
    assert_eq!(settled(&mut merchant, &challenged)["status"], "removed");
    assert!(kept(&sandbox).1.is_empty());
    assert_eq!(platform.stop().code(), Some(0));
    plan.verified();
}

#[test]
fn a_card_that_its_bank_refuses_is_failed_with_the_code() {
    let (_folder, sandbox, plan, platform) = start("customers-refused");
    let mut merchant = platform.merchant();
    let ada = customer(&mut merchant, "c1");
    let card = store(&mut merchant, &ada, "m1", "pm_card_visa_chargeDeclined");
    assert_eq!((&card["status"], &card["failure_code"]), (&json!("failed"), &json!("generic_decline")), "{card}");
    assert!(kept(&sandbox).1.is_empty());
    let refused = charge(&mut merchant, &card, "p1");
    assert_eq!((refused.status, refused.code().as_str()), (409, "payment_method_state_conflict"));
    assert_eq!(platform.stop().code(), Some(0));
    plan.verified();
}

#[test]
fn whatever_happens_to_the_call_the_card_is_kept_exactly_once() {
    let (_folder, sandbox, plan, platform) = start("customers-faults");
    let mut merchant = platform.merchant();
    for (index, kind) in
        ["hang", "hang_before_effect", "reset_before_effect", "reset_after_effect", "rate_limit_429", "conflict_409", "garbage_body"]
            .into_iter()
            .enumerate()
    {
        let before = kept(&sandbox);
        fault(&sandbox, kind, "customers.create");
        fault(&sandbox, kind, "payment_methods.attach");
        let ada = customer(&mut merchant, &format!("c{index}"));
        let card = store(&mut merchant, &ada, &format!("m{index}"), "pm_card_visa");
        assert_eq!(card["status"], "active", "{kind}: {card}");
        let after = kept(&sandbox);
        assert_eq!((after.0.len(), after.1.len()), (before.0.len() + 1, before.1.len() + 1), "{kind}");
        let paid = charge(&mut merchant, &card, &format!("p{index}"));
        assert_eq!(paid.json()["status"], "captured", "{kind}: {}", paid.json());
    }
    // An error is kept under its key, so that no replay says what became of the call; the card itself does.
    let made = "type=card&card[token]=tok_visa";
    let token = ask_provider(&sandbox, "POST", "/v1/payment_methods", made);
    fault(&sandbox, "error_500_after_effect", "payment_methods.attach");
    let ada = customer(&mut merchant, "c-500");
    let card = store(&mut merchant, &ada, "m-500", id(&token));
    assert_eq!((&card["status"], &card["credentials"][0]["provider_id"]), (&json!("active"), &token["id"]), "{card}");
    assert_eq!(kept(&sandbox).1.iter().filter(|kept| *kept == id(&token)).count(), 1);
    // Where nothing was kept, nothing can be charged.
    let token = ask_provider(&sandbox, "POST", "/v1/payment_methods", made);
    fault(&sandbox, "error_500_before_effect", "payment_methods.attach");
    let card = store(&mut merchant, &ada, "m-501", id(&token));
    assert_eq!((&card["status"], &card["failure_code"]), (&json!("failed"), &json!("outcome_unknown")), "{card}");
    assert!(!kept(&sandbox).1.iter().any(|kept| kept == id(&token)));
    assert_eq!(platform.stop().code(), Some(0));
    plan.verified();
}

#[test]
fn a_platform_that_is_killed_while_a_card_is_being_stored_goes_on_and_keeps_it_once() {
    let (_folder, sandbox, plan, mut platform) = start("customers-killed");
    for (index, operation) in ["customers.create", "payment_methods.attach"].into_iter().enumerate() {
        let before = kept(&sandbox);
        let mut merchant = platform.merchant();
        let ada = customer(&mut merchant, &format!("c{index}"));
        fault(&sandbox, "hang", operation);
        let path = format!("/v1/customers/{}/payment_methods", id(&ada));
        let (address, api_key) = (platform.address, platform.api_key.clone());
        let asking = std::thread::spawn(move || {
            let mut merchant = Merchant { client: Client::new(address), api_key };
            merchant.post(&path, &format!("m{index}"), &json!({ "payment_method": "pm_card_visa" })).is_ok()
        });
        wait_for("the call to reach the provider", || {
            let faults = sandbox.get("/_admin/faults");
            (faults["counts"]["hang"].as_u64() == Some(u64::try_from(index).unwrap() + 1)).then_some(())
        });
        platform.process.kill();
        assert!(!asking.join().unwrap(), "nobody was answered");
        platform = plan.start();
        let mut merchant = platform.merchant();
        let listed = wait_for("the card to be stored", || {
            merchant.catch_up();
            let listed = merchant.read(&format!("/v1/customers/{}/payment_methods", id(&ada)));
            (listed["data"][0]["status"] == "active").then_some(listed)
        });
        let after = kept(&sandbox);
        assert_eq!((after.0.len(), after.1.len()), (before.0.len() + 1, before.1.len() + 1), "{operation}");
        let paid = charge(&mut merchant, &listed["data"][0], &format!("p{index}"));
        assert_eq!(paid.json()["status"], "captured", "{}", paid.json());
    }
    assert_eq!(platform.stop().code(), Some(0));
    plan.verified();
}

#[test]
fn an_erased_customer_is_unreadable_and_still_charged() {
    let (_folder, _sandbox, plan, mut platform) = start("customers-erased");
    let mut merchant = platform.merchant();
    let ada = customer(&mut merchant, "c1");
    let card = store(&mut merchant, &ada, "m1", "pm_card_visa");
    let bearer = format!("Bearer {}", platform.operator_key);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({ "subject": ada["subject"] }).to_string();
    let erased = merchant.client.send("POST", "/v1/privacy/erasures", &headers, body.as_bytes()).unwrap();
    assert!((200..300).contains(&erased.status), "{}", erased.json());
    for key in ["p1", "p2"] {
        merchant.catch_up();
        let shown = merchant.read(&format!("/v1/customers/{}", id(&ada)));
        assert_eq!((&shown["erased"], &shown["email"], &shown["name"]), (&json!(true), &Value::Null, &Value::Null));
        assert_eq!(charge(&mut merchant, &card, key).json()["status"], "captured");
        platform.process.kill();
        platform = plan.start();
        merchant = platform.merchant();
    }
    assert_eq!(platform.stop().code(), Some(0));
    plan.verified();
}
