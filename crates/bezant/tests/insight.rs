//! What operators see of a running platform: the overview, its speed, and merchants' data, with real processes.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use serde_json::{Value, json};
use support::{Answer, Bezant, Client, Folder, Plan, Sandbox, wait_for};

/// A request with the operator's key, naming a merchant or nobody.
fn ask(platform: &Bezant, method: &str, path: &str, merchant: Option<&str>) -> Answer {
    let bearer = format!("Bearer {}", platform.operator_key);
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(merchant.map(|merchant| ("bezant-merchant", merchant)));
    Client::new(platform.address).send(method, path, &headers, b"").unwrap()
}

fn read(platform: &Bezant, path: &str) -> Value {
    let answer = ask(platform, "GET", path, None);
    assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

#[test]
fn an_operator_sees_what_happens_how_fast_it_is_and_whose_everything_is() {
    let folder = Folder::new("insight");
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address);
    let platform = plan.start();
    let mut merchant = platform.merchant();
    let body = |method: &str, reference: &str| json!({ "amount": { "amount_minor": 1_999, "currency": "EUR" }, "payment_method": method, "reference": reference });
    for (key, method, status) in [
        ("k1", "pm_card_visa", "captured"),
        ("k2", "pm_card_mastercard", "captured"),
        ("k3", "pm_card_chargeDeclinedInsufficientFunds", "declined"),
    ] {
        assert_eq!(merchant.post("/v1/payments", key, &body(method, key)).unwrap().json()["status"], status);
    }

    let found = read(&platform, "/v1/search?q=k3")["data"][0].clone();
    assert_eq!((&found["kind"], &found["label"]), (&json!("payment"), &json!("19.99 EUR, declined")));
    let owner = found["merchant"].as_str().unwrap();
    let path = format!("/v1/payments/{}", found["id"].as_str().unwrap());
    let payment = ask(&platform, "GET", &path, Some(owner)).json();
    assert_eq!((&payment["status"], &payment["reference"], &payment["merchant"]), (&json!("declined"), &json!("k3"), &json!(owner)));
    assert_eq!(ask(&platform, "GET", &path, None).code(), "merchant_missing");
    assert_eq!(ask(&platform, "POST", &format!("{path}/cancel"), Some(owner)).code(), "api_key_wrong_kind");
    let by_provider_id = read(&platform, &format!("/v1/search?q={}", payment["provider_id"].as_str().unwrap()));
    assert_eq!(by_provider_id["data"][0]["id"], payment["id"]);
    assert_eq!(read(&platform, "/v1/payments?decline_class=soft_funds")["data"][0]["id"], payment["id"], "of all merchants");
    assert!(plan.log_text().contains("an operator reads a merchant's data"));

    // What the provider is still asked about fees is not counted in advance.
    let overview = wait_for("three payments in the overview", || {
        let overview = read(&platform, "/v1/overview");
        (overview["journal"]["views_lag_events"] == 0 && overview["outcomes"]["created"] == 3).then_some(overview)
    });
    let outcomes = &overview["outcomes"];
    assert_eq!(["captured", "declined", "unknown"].map(|name| outcomes[name].as_u64().unwrap()), [2, 1, 0], "{outcomes}");
    let stripe = &overview["providers"][0];
    assert_eq!((&stripe["name"], &stripe["health"], &stripe["declined"]), (&json!("stripe"), &json!("good"), &json!(1)), "{stripe}");
    assert!(stripe["approved"].as_u64().unwrap() >= 2 && stripe["p50_ms"].as_f64().unwrap() > 0.0, "{stripe}");
    assert_eq!(overview["needs_attention"], json!([]));

    let measured = wait_for("the process to be measured twice", || {
        let measured = read(&platform, "/v1/performance");
        (measured["cpu_us_per_payment"].is_u64() && measured["rss_mb"].is_f64()).then_some(measured)
    });
    let number = |name: &str| measured[name].as_f64().unwrap_or_else(|| panic!("{name} in {measured}"));
    assert_eq!(measured["requests"], 3);
    assert!(number("fsyncs") >= 3.0 && number("fsync_p50_us") > 0.0);
    assert!(number("added_p50_ms") > 0.0 && number("added_p50_ms") <= number("request_p50_ms"), "the provider took its part");
    assert!(number("rss_mb") > 1.0);

    let installed = read(&platform, "/v1/platform");
    assert_eq!(installed["version"], env!("CARGO_PKG_VERSION"));
    let segment = &installed["segments"][0];
    let file = std::fs::metadata(plan.data.join(segment["name"].as_str().unwrap())).unwrap();
    assert_eq!((&segment["first_seq"], &segment["bytes"], &segment["sealed"]), (&json!(1), &json!(file.len()), &json!(false)));
    assert!(segment["last_seq"].as_u64().unwrap() >= overview["journal"]["durable_seq"].as_u64().unwrap());
    assert_eq!((&installed["options"]["demo"], &installed["options"]["mode"]), (&json!("yes"), &json!("test")));
    assert!(!installed.to_string().contains("sk_test_real_processes"), "nothing of it is secret");
    assert!(installed["state"]["digest"].as_str().is_some_and(|digest| digest.len() == 64));
    let books = read(&platform, "/v1/accounts");
    assert_eq!((books["data"].as_array().unwrap().len(), &books["trial_balance"][0]["balanced"]), (6, &json!(true)), "{books}");
    assert_eq!(platform.stop().code(), Some(0));
}
