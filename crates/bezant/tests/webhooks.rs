//! Providers' messages and real processes: what is genuine is kept and leads somewhere, what is not leaves no trace, and
//! what never came is found by the sweep.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::process::Output;
use std::time::{SystemTime, UNIX_EPOCH};
use support::{Answer, Bezant, Client, Folder, Plan, Sandbox, bezant, files_below, wait_for};

const SECRET: &str = "whsec_of_these_tests_0001";
const NEXT_SECRET: &str = "whsec_of_these_tests_0002";

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn signed(at_s: u64, secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at_s}.{body}").as_bytes());
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at_s},v1={digits}")
}

fn send(platform: &Bezant, endpoint: &str, signature: Option<&str>, body: &str) -> Answer {
    let mut headers = vec![("content-type", "application/json; charset=utf-8")];
    headers.extend(signature.map(|signature| ("stripe-signature", signature)));
    Client::new(platform.address).send("POST", &format!("/v1/webhooks/stripe/{endpoint}"), &headers, body.as_bytes()).unwrap()
}

fn deliver(platform: &Bezant, body: &Value) -> Answer {
    let body = body.to_string();
    send(platform, "main", Some(&signed(now_s(), SECRET, &body)), &body)
}

/// Something that changes nothing.
fn customer(id: &str) -> Value {
    json!({
        "id": id, "object": "event", "type": "customer.updated", "created": now_s(),
        "data": { "object": { "id": "cus_1", "object": "customer", "email": "canary@example.com" } },
    })
}

/// What an operator reads.
fn operate(platform: &Bezant, path: &str) -> Answer {
    let bearer = format!("Bearer {}", platform.operator_key);
    Client::new(platform.address).send("GET", path, &[("authorization", &bearer)], b"").unwrap()
}

fn messages(platform: &Bezant) -> Vec<Value> {
    operate(platform, "/v1/webhooks?limit=100").json()["data"].as_array().unwrap().clone()
}

fn webhooks(platform: &Bezant, arguments: &[&str]) -> (Output, String) {
    let url = platform.process.announced["listening"].as_str().unwrap().to_owned();
    let output = bezant().arg("webhooks").args(arguments).args(["--url", &url, "--operator-key", &platform.operator_key]).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

/// A platform that takes webhooks at `main`, and never sweeps.
fn plan(folder: &Folder, sandbox: &Sandbox) -> Plan {
    Plan::new(&folder.0, sandbox.address).with(&format!("--stripe-webhook main={SECRET} --sweep-every-ms off --payments-kept 0"))
}

/// From now on the simulator tells the platform of everything.
fn subscribe(sandbox: &Sandbox, platform: &Bezant) {
    let url = format!("http://{}/v1/webhooks/stripe/main", platform.address);
    let body = json!({ "url": url, "secret": SECRET }).to_string();
    assert_eq!(Client::new(sandbox.address).send("POST", "/_admin/webhook_endpoints", &[], body.as_bytes()).unwrap().status, 200);
}

fn pay(platform: &Bezant, key: &str, amount_minor: u64, payment_method: &str) -> String {
    let body = json!({ "amount": { "amount_minor": amount_minor, "currency": "EUR" }, "payment_method": payment_method });
    let answer = platform.merchant().post("/v1/payments", key, &body).unwrap();
    assert_eq!((answer.status, answer.json()["status"].as_str()), (201, Some("captured")), "{}", answer.json());
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Posted credits less posted debits of the merchant's accounts: what the provider owes (negative), what is earned, what is
/// disputed, what was kept. They add up to nothing.
fn balances(platform: &Bezant) -> [i64; 4] {
    let balances = platform.merchant().read("/v1/balances");
    let accounts = balances["data"][0]["accounts"].as_array().unwrap().clone();
    let of = |kind: &str| accounts.iter().find(|account| account["kind"] == kind).unwrap()["balance_minor"].as_i64().unwrap();
    assert_eq!(accounts.iter().map(|account| account["balance_minor"].as_i64().unwrap()).sum::<i64>(), 0);
    ["receivable", "pending", "disputed", "fees"].map(of)
}

#[test]
fn a_genuine_message_is_kept_once_and_shown_exactly_and_nothing_of_it_lies_open() {
    let folder = Folder::new("webhook");
    let sandbox = Sandbox::start(&folder.0);
    let plan = plan(&folder, &sandbox);
    let platform = plan.start();
    let address = format!("http://{}/v1/webhooks/stripe/main", plan.listen);
    assert_eq!(platform.process.announced["webhooks"], json!([address]));
    let body = customer("evt_1");
    for _ in 0..3 {
        let answer = deliver(&platform, &body);
        assert_eq!((answer.status, answer.json()), (200, json!({ "received": true })));
    }
    let (_, listed) = webhooks(&platform, &["list", "--json"]);
    let lines: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "three deliveries of one message are one line");
    assert_eq!((&lines[0]["id"], &lines[0]["type"], &lines[0]["found"]), (&json!("evt_1"), &json!("customer.updated"), &json!("kept")));
    let (_, shown) = webhooks(&platform, &["show", "evt_1", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["body"], &shown["body_status"]), (&json!(body.to_string()), &json!("kept")));
    for arguments in [&["list", "--found", "kept"][..], &["list", "--since", "2000-01-01T00:00:00Z"]] {
        let (_, table) = webhooks(&platform, arguments);
        assert!(table.contains("MESSAGE") && table.contains("evt_1") && !table.contains("canary"), "{table}");
    }
    assert_eq!(webhooks(&platform, &["list", "--found", "news"]).1, "no message of a provider\n");

    let subject = shown["subject"].as_str().unwrap();
    assert_eq!(platform.stop().code(), Some(0));
    for (path, bytes) in files_below(&plan.data) {
        assert!(!bytes.windows(6).any(|found| found == b"canary"), "{} holds a body in the clear", path.display());
    }
    assert!(!plan.log_text().contains("canary") && !plan.log_text().contains(SECRET));
    assert!(plan.tool(&["privacy", "erase", subject]).status.success());
    let platform = plan.start();
    let (_, shown) = webhooks(&platform, &["show", "evt_1", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["body"], &shown["body_status"]), (&Value::Null, &json!("erased")));
    let (refused, text) = webhooks(&platform, &["replay", "evt_1"]);
    assert!(!refused.status.success() && text.contains("409"), "{text}");
    assert_eq!(platform.stop().code(), Some(0));
}

#[test]
fn what_is_not_genuine_is_400_and_leaves_no_trace() {
    let folder = Folder::new("webhook-forged");
    let sandbox = Sandbox::start(&folder.0);
    let platform = plan(&folder, &sandbox).start();
    let body = customer("evt_1").to_string();
    let now = now_s();
    let good = signed(now, SECRET, &body);
    let (wrong, old, early) = (signed(now, NEXT_SECRET, &body), signed(now - 3_600, SECRET, &body), signed(now + 3_600, SECRET, &body));
    let another_body = signed(now, SECRET, &customer("evt_2").to_string());
    let later = good.replace(&format!("t={now}"), &format!("t={}", now + 1));
    for (endpoint, signature, status, code) in [
        ("main", None, 400, "webhook_signature_missing"),
        ("main", Some("v1=00"), 400, "webhook_signature_malformed"),
        ("main", Some(wrong.as_str()), 400, "webhook_signature_mismatch"),
        ("main", Some(another_body.as_str()), 400, "webhook_signature_mismatch"),
        ("main", Some(later.as_str()), 400, "webhook_signature_mismatch"),
        ("main", Some(old.as_str()), 400, "webhook_timestamp_out_of_tolerance"),
        ("main", Some(early.as_str()), 400, "webhook_timestamp_out_of_tolerance"),
        ("other", Some(good.as_str()), 404, "webhook_endpoint_unknown"),
    ] {
        let answer = send(&platform, endpoint, signature, &body);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{signature:?}");
        assert!(!answer.json()["what_to_do"].as_str().unwrap().is_empty());
    }
    let large = "x".repeat(192 * 1024 + 1);
    let answer = send(&platform, "main", Some(&signed(now, SECRET, &large)), &large);
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    assert_eq!(messages(&platform), [] as [Value; 0]);
    assert_eq!(send(&platform, "main", Some(&good), &body).status, 200, "only genuine ones come in");
    assert_eq!(messages(&platform).len(), 1);
    assert_eq!(platform.stop().code(), Some(0));
}

#[test]
fn while_a_secret_is_rolled_both_sign() {
    let folder = Folder::new("webhook-rolled");
    let sandbox = Sandbox::start(&folder.0);
    let mut plan = Plan::new(&folder.0, sandbox.address).with("--sweep-every-ms off");
    plan.environment = vec![("BEZANT_STRIPE_WEBHOOKS".into(), format!("main={SECRET},{NEXT_SECRET};second={NEXT_SECRET}"))];
    let platform = plan.start();
    let with = |id: &str, endpoint: &str, secrets: &[&str]| {
        let body = customer(id).to_string();
        let headers: Vec<String> = secrets.iter().map(|secret| signed(now_s(), secret, &body)).collect();
        send(&platform, endpoint, Some(&headers.join(",")), &body).status
    };
    assert_eq!(with("evt_1", "main", &[SECRET]), 200);
    assert_eq!(with("evt_2", "main", &[NEXT_SECRET]), 200);
    assert_eq!(with("evt_3", "second", &[NEXT_SECRET]), 200);
    assert_eq!(with("evt_4", "second", &[SECRET]), 400, "each endpoint has secrets of its own");
    assert_eq!(messages(&platform).len(), 3);
    assert_eq!(platform.stop().code(), Some(0));
    plan.environment.clear();
    let (arguments, said) = (plan.arguments.clone(), "given as NAME=SECRET");
    plan.arguments.extend(["--stripe-webhook".into(), SECRET.into()]);
    assert!(plan.try_start().is_err());
    assert!(plan.log_text().contains(said) && !plan.log_text().contains(SECRET), "what is refused is not repeated");
    plan.arguments = arguments;
    assert_eq!(plan.start().stop().code(), Some(0));
    assert!(plan.log_text().contains("no webhook endpoint is configured"));
}

#[test]
fn what_cannot_be_read_or_must_not_be_kept_is_taken_all_the_same() {
    let folder = Folder::new("webhook-odd");
    let sandbox = Sandbox::start(&folder.0);
    let plan = plan(&folder, &sandbox);
    let platform = plan.start();
    let nonsense = "no JSON at all";
    for _ in 0..2 {
        assert_eq!(send(&platform, "main", Some(&signed(now_s(), SECRET, nonsense)), nonsense).status, 200);
    }
    let unreadable = messages(&platform).remove(0);
    assert_eq!((&unreadable["type"], &unreadable["found"]), (&json!("unreadable"), &json!("kept")));
    let shown = operate(&platform, &format!("/v1/webhooks/{}", unreadable["id"].as_str().unwrap())).json();
    assert_eq!(shown["body"], nonsense);
    let (refused, text) = webhooks(&platform, &["replay", unreadable["id"].as_str().unwrap()]);
    assert!(!refused.status.success() && text.contains("422"), "{text}");

    let mut card = customer("evt_card");
    card["data"]["object"]["note"] = json!("4000056655665556");
    assert_eq!(deliver(&platform, &card).status, 200);
    let shown = operate(&platform, "/v1/webhooks/evt_card").json();
    assert_eq!((&shown["body"], &shown["body_status"], &shown["subject"]), (&Value::Null, &json!("not_kept"), &Value::Null));
    assert_eq!(messages(&platform).len(), 2);
    assert_eq!(platform.stop().code(), Some(0));
    assert!(!plan.log_text().contains("4000056655665556"));
}

#[test]
fn a_dispute_is_opened_and_won_and_the_books_follow() {
    let folder = Folder::new("webhook-dispute");
    let sandbox = Sandbox::start(&folder.0);
    let plan = plan(&folder, &sandbox);
    let platform = plan.start();
    subscribe(&sandbox, &platform);
    let payment = pay(&platform, "k1", 5_000, "pm_card_createDispute");
    let mut merchant = platform.merchant();
    let dispute = wait_for("the dispute", || {
        let listed = merchant.read("/v1/disputes");
        listed["data"][0].as_object().filter(|dispute| dispute["status"] == "open" && dispute["fee_minor"] != 0).cloned()
    });
    assert_eq!((&dispute["payment"], &dispute["amount"]), (&json!(payment), &json!({ "amount_minor": 5_000, "currency": "EUR" })));
    assert_eq!(merchant.read(&format!("/v1/payments/{payment}"))["disputed_minor"], 5_000);
    // 1.75 for the payment and 15.00 for the dispute are kept; what was taken has gone back.
    assert_eq!(balances(&platform), [1_675, 5_000, -5_000, -1_675]);
    let refund = merchant.post("/v1/refunds", "r1", &json!({ "payment": payment })).unwrap();
    assert_eq!((refund.status, refund.code().as_str()), (422, "refund_above_remaining"), "what is disputed is not given back as well");

    let path = format!("/v1/disputes/{}", dispute["provider_id"].as_str().unwrap());
    let headers = [("authorization", "Bearer sk_test_1"), ("content-type", "application/x-www-form-urlencoded")];
    let answered =
        Client::new(sandbox.address).send("POST", &path, &headers, b"evidence[uncategorized_text]=winning_evidence&submit=true").unwrap();
    assert_eq!(answered.status, 200, "{}", answered.json());
    let id = dispute["id"].as_str().unwrap();
    wait_for("the dispute to be won", || {
        let dispute = merchant.read(&format!("/v1/disputes/{id}"));
        (dispute["status"] == "won" && dispute["fee_minor"] == 0).then_some(())
    });
    let won = balances(&platform);
    assert_eq!(won, [-4_825, 5_000, 0, -175], "money and fee of the dispute are back");
    assert_eq!(merchant.read(&format!("/v1/payments/{payment}"))["disputed_minor"], 0);
    let journey = merchant.read(&format!("/v1/payments/{payment}/journey"));
    let kinds: Vec<&str> = journey["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    for kind in ["webhook.received", "dispute.opened", "dispute.closed", "dispute.fee_booked"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }

    // Everything once more: nothing is news, and no money moves.
    let since = ["replay", "--since", "2000-01-01T00:00:00Z"];
    let (replayed, text) = webhooks(&platform, &since);
    assert!(replayed.status.success() && text.contains(" 0 news,") && text.contains("0 failed"), "{text}");
    assert_eq!(balances(&platform), won);
    let lines = merchant.read("/v1/disputes")["data"].as_array().unwrap().len();
    assert_eq!(lines, 1);
    assert_eq!(platform.stop().code(), Some(0));
    plan.verified();
}

#[test]
fn messages_about_strangers_are_kept_and_can_be_replayed_together() {
    let folder = Folder::new("webhook-strangers");
    let sandbox = Sandbox::start(&folder.0);
    let platform = plan(&folder, &sandbox).start();
    let refund = |id: &str| {
        let object = json!({
            "id": "re_1", "object": "refund", "status": "failed", "payment_intent": "pi_of_somebody_else", "amount": 5, "currency": "eur",
        });
        json!({ "id": id, "object": "event", "type": "refund.failed", "created": now_s(), "data": { "object": object } })
    };
    assert_eq!(deliver(&platform, &refund("evt_1")).status, 200);
    assert_eq!(deliver(&platform, &refund("evt_2")).status, 200);
    assert_eq!(deliver(&platform, &customer("evt_3")).status, 200);
    let (replayed, text) = webhooks(&platform, &["replay", "--unmatched"]);
    assert!(replayed.status.success(), "{text}");
    assert!(text.contains("1/2  evt_1  unmatched") && text.ends_with("2 replayed: 0 news, 0 known, 2 of no use, 0 failed\n"), "{text}");
    let (_, text) = webhooks(&platform, &["replay", "evt_3", "--json"]);
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&line["source"], &line["found"]), (&json!("replay"), &json!("kept")));
    assert_eq!(messages(&platform).len(), 6);
    for (arguments, expected) in [
        (&["replay"][..], "required"),
        (&["replay", "evt_1", "--unmatched"], "cannot be used with"),
        (&["replay", "evt_9"], "404"),
        (&["replay", "../x"], "is not an id"),
        (&["show", "evt_9", "--json"], "404"),
        (&["list", "--found", "nonsense"], "possible values: news, known, unmatched, kept, unclear"),
        (&["list", "--since", "a b"], "400"),
    ] {
        let (refused, text) = webhooks(&platform, arguments);
        assert!(!refused.status.success() && text.contains(expected), "{arguments:?}: {text}");
    }
    assert_eq!(platform.stop().code(), Some(0));
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_the_platform_is_killed() {
    let folder = Folder::new("webhook-killed");
    let sandbox = Sandbox::start(&folder.0);
    let plan = plan(&folder, &sandbox);
    let mut platform = plan.start();
    let bodies: Vec<Value> = (1..=8).map(|number| customer(&format!("evt_{number}"))).collect();
    for body in &bodies {
        assert_eq!(deliver(&platform, body).status, 200);
        platform.process.kill();
        platform = plan.start();
    }
    assert_eq!(messages(&platform).len(), bodies.len());
    for body in &bodies {
        let shown = operate(&platform, &format!("/v1/webhooks/{}", body["id"].as_str().unwrap())).json();
        assert_eq!(shown["body"], body.to_string(), "message and key were durable together");
        assert_eq!(deliver(&platform, body).status, 200, "the provider did not hear the first answer and comes again");
    }
    assert_eq!(messages(&platform).len(), bodies.len(), "what comes again is known after a restart");
    assert_eq!(platform.stop().code(), Some(0));
    plan.verified();
}

#[test]
fn what_no_webhook_brings_is_found_by_the_sweep() {
    let folder = Folder::new("webhook-sweep");
    let mut sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address).with("--sweep-every-ms 100");
    let platform = plan.start();
    let payment = pay(&platform, "k1", 5_000, "pm_card_createDispute");
    let ordinary = pay(&platform, "k2", 700, "pm_card_visa");
    let mut merchant = platform.merchant();
    let open = wait_for("the dispute", || {
        let listed = merchant.read("/v1/disputes");
        listed["data"][0].as_object().filter(|dispute| dispute["fee_minor"] != 0).cloned()
    });
    assert_eq!(open["payment"], json!(payment));
    // One says that it was opened, one that the money was taken; they may be met by two sweeps.
    let found = wait_for("both messages", || Some(messages(&platform)).filter(|found| found.len() == 2));
    assert!(found.iter().all(|message| message["source"] == "sweep" && message["type"].as_str().unwrap().starts_with("charge.dispute.")));
    assert!(found.iter().all(|message| message["payment"] != json!(ordinary)), "what was found out otherwise is not taken");
    let shown = operate(&platform, &format!("/v1/webhooks/{}", found[0]["id"].as_str().unwrap())).json();
    let kept: Value = serde_json::from_str(shown["body"].as_str().unwrap()).unwrap();
    assert_eq!((&kept["id"], &kept["object"]), (&found[0]["id"], &json!("event")));

    // A provider that is gone stops nothing, and is said once when it goes and once when it comes back.
    let count = |text: &str| plan.log_text().matches(text).count();
    sandbox.process.kill();
    wait_for("a sweep to fail", || (count("cannot be swept; trying again") > 0).then_some(()));
    assert_eq!(operate(&platform, "/v1/webhooks").status, 200);
    sandbox.kill_and_restart();
    wait_for("a sweep to work again", || (count("can be swept again") > 0).then_some(()));
    assert_eq!((count("cannot be swept; trying again"), count("can be swept again")), (1, 1));
    assert_eq!(messages(&platform).len(), found.len(), "what is met again is known");
    assert_eq!(platform.stop().code(), Some(0));
    plan.verified();
}
