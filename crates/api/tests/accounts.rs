//! The ledger's accounts and the proof that they balance; and what is installed.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use axum::body::Body;
use serde_json::{Value, json};
use support::{Rig, payment};

/// One captured payment of either merchant, in euro and yen, and a hold.
async fn busy() -> Rig {
    let rig = Rig::new();
    rig.captured("k1", 1_000).await;
    let mut held = payment(400, "pm_card_visa");
    held["capture"] = json!("manual");
    rig.post("/v1/payments", "k2", held).await;
    let body = json!({ "amount": { "amount_minor": 300, "currency": "JPY" }, "payment_method": "pm_card_visa" });
    for (key, body) in [("o1", body), ("o2", payment(50, "pm_card_visa"))] {
        let request = rig.request("POST", "/v1/payments").header("idempotency-key", key);
        let mut request = request.body(Body::from(body.to_string())).unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {}", rig.other_key).parse().unwrap());
        assert_eq!(rig.send(request).await.status, 201);
    }
    rig
}

fn number(object: &Value, name: &str) -> i64 {
    object[name].as_i64().unwrap_or_else(|| panic!("{name} in {object}"))
}

#[tokio::test]
async fn all_accounts_are_listed_in_pages_and_every_currency_balances() {
    let rig = busy().await;
    let all = rig.operate("GET", "/v1/accounts", None).await.json();
    let accounts = all["data"].as_array().unwrap();
    assert_eq!(accounts.len(), 18, "six for each merchant and currency");
    let expected = json!([
        { "currency": "JPY", "debits_pending_minor": 0, "debits_posted_minor": 303, "credits_pending_minor": 0,
          "credits_posted_minor": 303, "balanced": true },
        { "currency": "EUR", "debits_pending_minor": 400, "debits_posted_minor": 1_056, "credits_pending_minor": 400,
          "credits_posted_minor": 1_056, "balanced": true },
    ]);
    assert_eq!(all["trial_balance"], expected);
    for line in expected.as_array().unwrap() {
        for name in ["debits_pending_minor", "debits_posted_minor", "credits_pending_minor", "credits_posted_minor"] {
            let of_currency = accounts.iter().filter(|account| account["currency"] == line["currency"]);
            assert_eq!(of_currency.map(|account| number(account, name)).sum::<i64>(), number(line, name), "{name}");
        }
    }
    let mut paged = Vec::new();
    let mut path = "/v1/accounts?limit=7".to_owned();
    loop {
        let page = rig.operate("GET", &path, None).await.json();
        assert_eq!(page["trial_balance"], all["trial_balance"], "of all accounts, not of the page");
        paged.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/accounts?limit=7&cursor={cursor}");
    }
    assert_eq!(&paged, accounts);
    assert_eq!(rig.operate("GET", "/v1/accounts?cursor=x", None).await.problem(), (400, "cursor_invalid".into()));
}

#[tokio::test]
async fn a_merchants_accounts_are_its_own_for_itself_and_for_operators() {
    let rig = busy().await;
    let own = rig.get("/v1/accounts").await.json();
    let accounts = own["data"].as_array().unwrap();
    assert!(accounts.iter().all(|account| account["merchant"] == json!(rig.merchant.to_string())));
    let pending = accounts.iter().find(|account| account["kind"] == "pending").unwrap();
    assert_eq!((&pending["id"], &pending["name"]), (&json!("210.978.1"), &json!("Pending money of books")));
    assert_eq!((number(pending, "balance_minor"), number(pending, "credits_pending_minor")), (1_000, 400));
    assert_eq!(accounts.len(), 6);
    assert_eq!(own["trial_balance"].as_array().unwrap().len(), 1);
    assert_eq!(number(&own["trial_balance"][0], "debits_posted_minor"), 1_003);
    let as_operator = http::Request::builder().uri("/v1/accounts").header("bezant-merchant", rig.merchant.to_string());
    let as_operator = as_operator.header("authorization", format!("Bearer {}", rig.operator_key));
    assert_eq!(rig.send(as_operator.body(Body::empty()).unwrap()).await.json(), own);
    let page = rig.get("/v1/accounts?limit=4").await.json();
    let rest = rig.get(&format!("/v1/accounts?cursor={}", page["next_cursor"].as_str().unwrap())).await.json();
    assert_eq!((&page["has_more"], rest["data"].as_array().unwrap().len()), (&json!(true), 2));
}

#[tokio::test]
async fn a_platform_without_payments_has_no_accounts() {
    let rig = Rig::new();
    let none = rig.operate("GET", "/v1/accounts", None).await.json();
    assert_eq!((&none["data"], &none["trial_balance"], &none["has_more"]), (&json!([]), &json!([]), &json!(false)));
}

#[tokio::test]
async fn the_installation_says_what_runs_and_what_proves_it() {
    let rig = Rig::new();
    let platform = rig.operate("GET", "/v1/platform", None).await.json();
    assert_eq!((&platform["object"], &platform["version"]), (&json!("platform"), &json!("1.2.3")));
    assert_eq!(platform["api_version"].as_str(), rig.get("/v1/balances").await.header("bezant-version"));
    assert_eq!(platform["started_at"], json!(base::Timestamp::from_s(support::STARTED_S).to_string()));
    let seq = platform["state"]["seq"].as_u64().unwrap();
    assert_eq!(platform["state"]["digest"].as_str().unwrap().len(), 64);
    let segment = json!({ "name": "journal/1.seg", "first_seq": 1, "last_seq": seq, "bytes": 4_096, "sealed": false });
    assert_eq!((&platform["segments"], &platform["segments_count"]), (&json!([segment]), &json!(1)));
    assert_eq!(platform["snapshots"][0]["seq"], json!(1));
    assert_eq!(platform["chain_hash"], json!("ab".repeat(32)));
    assert_eq!((&platform["schema_versions"], &platform["options"]), (&json!({ "events": 1 }), &json!({ "listen": "127.0.0.1:1" })));
    assert_eq!(platform["clock"], json!({ "expiries_suspended": false }));
    rig.platform.run(&engine::Command::ReportClockJump { jump_ns: 9_000_000_000 });
    let after = rig.operate("GET", "/v1/platform", None).await.json();
    assert_eq!(after["clock"], json!({ "expiries_suspended": true }));
    assert_ne!(after["state"], platform["state"]);
    assert_eq!(rig.get("/v1/platform").await.problem(), (403, "api_key_wrong_kind".into()));
}
