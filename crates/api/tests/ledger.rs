//! Ledgers that merchants keep themselves, over HTTP: batches as JSON and as records, and everything that can be wrong with them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use axum::body::Body;
use http_body_util::BodyExt;
use ledger::{Account, BATCH_EVENTS_MAX, CreateTransferStatus, Transfer, TransferFlags};
use serde_json::{Value, json};
use support::{Answer, Rig};
use tower::ServiceExt;

async fn post(rig: &Rig, path: &str, body: &Value) -> Answer {
    rig.send(rig.request("POST", path).body(Body::from(body.to_string())).unwrap()).await
}

fn statuses(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let results = answer.json()["results"].clone();
    results.as_array().unwrap().iter().map(|result| result["status"].as_str().unwrap().to_owned()).collect()
}

async fn accounts(rig: &Rig) {
    let body = json!({ "accounts": [{ "id": "1", "ledger": 1, "code": 1 }, { "id": 2, "ledger": 1, "code": 1 }] });
    assert_eq!(statuses(&post(rig, "/v1/ledger/accounts", &body).await), ["created", "created"]);
}

fn transfer(id: &str, amount: &str) -> Value {
    json!({ "id": id, "debit_account_id": "1", "credit_account_id": "2", "amount": amount, "ledger": 1, "code": 1 })
}

#[tokio::test]
async fn a_batch_has_a_result_for_every_item_and_reads_show_what_happened() {
    let rig = Rig::new();
    accounts(&rig).await;
    let large = "170141183460469231731687303715884105727";
    let body = json!({ "transfers": [transfer("10", large), transfer("0", "1"), transfer("11", "5")] });
    let created = post(&rig, "/v1/ledger/transfers", &body).await;
    assert_eq!(statuses(&created), ["created", "id_must_not_be_zero", "created"]);
    assert!(created.headers.contains_key("bezant-seq"));
    assert_eq!(statuses(&post(&rig, "/v1/ledger/transfers", &body).await), ["exists", "id_must_not_be_zero", "exists"]);
    let account = rig.get("/v1/ledger/accounts/1").await.json();
    assert_eq!((&account["debits_posted"], &account["flags"]), (&json!("170141183460469231731687303715884105732"), &json!([])));
    let found = post(&rig, "/v1/ledger/transfers/lookup", &json!({ "ids": ["11", "12", "10"] })).await.json();
    let ids: Vec<&Value> = found["data"].as_array().unwrap().iter().map(|found| &found["id"]).collect();
    assert_eq!(ids, [&json!("11"), &json!("10")], "in the order of the question, without what does not exist");
    assert_eq!(rig.get("/v1/ledger/transfers/11").await.json()["amount"], "5");
    let both = post(&rig, "/v1/ledger/accounts/lookup", &json!({ "ids": [2, "1"] })).await.json();
    assert_eq!(both["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn linked_items_happen_together_or_not_at_all() {
    let rig = Rig::new();
    accounts(&rig).await;
    let mut first = transfer("20", "7");
    first["flags"] = json!(["linked"]);
    let mut second = transfer("21", "7");
    second["code"] = json!(0);
    let body = json!({ "transfers": [first, second] });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/transfers", &body).await), ["linked_event_failed", "code_must_not_be_zero"]);
    assert_eq!(rig.get("/v1/ledger/accounts/1").await.json()["debits_posted"], "0");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_place_and_changes_nothing() {
    let rig = Rig::new();
    accounts(&rig).await;
    let before = rig.platform.commands().len();
    let too_many: Vec<Value> = (1..=BATCH_EVENTS_MAX + 1).map(|id| transfer(&id.to_string(), "1")).collect();
    for (body, status, code, field) in [
        (json!({ "transfers": [] }), 422, "ledger_batch_empty", Value::Null),
        (json!({ "transfers": too_many }), 422, "ledger_batch_too_large", Value::Null),
        (json!({ "transfers": [transfer("10", "-1")] }), 400, "field_type_wrong", json!("transfers[0].amount")),
        (json!({ "transfers": [transfer("10", "1.5")] }), 400, "field_type_wrong", json!("transfers[0].amount")),
        (json!({ "transfers": [transfer("10", &"9".repeat(40))] }), 400, "field_type_wrong", json!("transfers[0].amount")),
        (json!({ "transfers": [{ "id": "1", "flags": ["urgent"] }] }), 400, "field_type_wrong", json!("transfers[0].flags")),
        (json!({ "transfers": [{ "id": "1", "memo": "4242" }] }), 400, "field_unknown", json!("transfers[0].memo")),
        (json!({ "accounts": [] }), 400, "field_unknown", json!("accounts")),
        (json!([]), 400, "field_type_wrong", json!("")),
    ] {
        let answer = post(&rig, "/v1/ledger/transfers", &body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].as_str().unwrap()), (status, code), "{}", answer.text);
        if code.starts_with("field") {
            assert_eq!(answer.json()["field"], field, "{}", answer.text);
        }
    }
    for (text, code) in [("{\"transfers\":[", "json_malformed"), ("{\"transfers\":[{\"id\":1,\"id\":2}]}", "field_duplicate")] {
        let answer = rig.send(rig.request("POST", "/v1/ledger/transfers").body(Body::from(text)).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].as_str().unwrap()), (400, code), "{}", answer.text);
    }
    assert_eq!(rig.platform.commands().len(), before);
    for path in ["/v1/ledger/accounts/9", "/v1/ledger/transfers/9", "/v1/ledger/accounts/x", "/v1/ledger/transfers/-1"] {
        assert_eq!(rig.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn numbers_that_look_like_cards_are_numbers_here() {
    let rig = Rig::new();
    accounts(&rig).await;
    let body = json!({ "transfers": [transfer("4242424242424242", "4111111111111111")] });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/transfers", &body).await), ["created"]);
}

#[tokio::test]
async fn a_merchant_sees_its_own_ledger_alone_and_an_operator_reads_it() {
    let rig = Rig::new();
    accounts(&rig).await;
    let request = rig.request_of(&rig.other_key, "GET", "/v1/ledger/accounts/1");
    assert_eq!(rig.send(request.body(Body::empty()).unwrap()).await.status, 404);
    let request = rig.request_of(&rig.operator_key, "GET", "/v1/ledger/accounts/1").header("bezant-merchant", rig.merchant.to_string());
    assert_eq!(rig.send(request.body(Body::empty()).unwrap()).await.status, 200);
    let request = rig.request_of(&rig.operator_key, "POST", "/v1/ledger/transfers").header("bezant-merchant", rig.merchant.to_string());
    let body = json!({ "transfers": [transfer("10", "1")] }).to_string();
    assert_eq!(rig.send(request.body(Body::from(body)).unwrap()).await.status, 403);
}

/// Sends records and reads numbers.
async fn records(rig: &Rig, path: &str, media_type: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
    let mut request = rig.request("POST", path);
    request.headers_mut().unwrap().insert("content-type", media_type.parse().unwrap());
    let response = rig.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    numbers.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

#[tokio::test]
async fn records_are_answered_with_numbers_and_mean_what_json_means() {
    let rig = Rig::new();
    let account = |id| Account { id, user_data_128: 1 << 100, user_data_64: 2, user_data_32: 3, ledger: 1, code: 1, ..Account::default() };
    let body = [account(1).encode(), account(2).encode()].concat();
    let created = CreateTransferStatus::Created.code();
    let (status, answer) = records(&rig, "/v1/ledger/accounts", "application/vnd.bezant.accounts", body).await;
    assert_eq!((status, numbers(&answer)), (200, vec![created, created]));
    let one =
        |id, flags| Transfer { id, debit_account_id: 1, credit_account_id: 2, amount: 5, ledger: 1, code: 1, flags, ..Transfer::default() };
    let unknown_flag = TransferFlags::from_bits(1 << 15);
    let body = [one(1, TransferFlags::NONE).encode(), one(2, unknown_flag).encode(), one(1, TransferFlags::NONE).encode()].concat();
    let (status, answer) = records(&rig, "/v1/ledger/transfers", "Application/vnd.bezant.transfers", body.clone()).await;
    let expected = [created, CreateTransferStatus::ReservedFlag.code(), CreateTransferStatus::Exists.code()];
    assert_eq!((status, numbers(&answer)), (200, expected.to_vec()));
    assert_eq!(rig.get("/v1/ledger/accounts/1").await.json()["user_data_128"], (1_u128 << 100).to_string());
    for (media_type, body, expected) in [
        ("application/vnd.bezant.transfers", body[..100].to_vec(), 400),
        ("application/vnd.bezant.transfers", Vec::new(), 422),
        ("application/vnd.bezant.transfers", vec![0; (BATCH_EVENTS_MAX + 1) * 128], 413),
        ("application/octet-stream", body.clone(), 415),
    ] {
        assert_eq!(records(&rig, "/v1/ledger/transfers", media_type, body).await.0, expected, "{media_type}");
    }
    let (status, _) = records(&rig, "/v1/ledger/transfers/lookup", "application/vnd.bezant.transfers", body).await;
    assert_eq!(status, 415);
}

#[tokio::test]
async fn an_accounts_transfers_are_read_in_pages_in_both_orders() {
    let rig = Rig::new();
    accounts(&rig).await;
    let all: Vec<Value> = (1..=7).map(|id| transfer(&id.to_string(), "1")).collect();
    post(&rig, "/v1/ledger/transfers", &json!({ "transfers": all })).await;
    for (order, expected) in [("oldest_first", "1,2,3|4,5,6|7"), ("newest_first", "7,6,5|4,3,2|1")] {
        let (mut cursor, mut pages) = (String::new(), Vec::new());
        loop {
            let page = rig.get(&format!("/v1/ledger/accounts/2/transfers?limit=3&order={order}&cursor={cursor}")).await.json();
            let ids = page["data"].as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap().to_owned());
            pages.push(ids.collect::<Vec<_>>().join(","));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        assert_eq!(pages.join("|"), expected);
    }
    for (query, code) in
        [("cursor=nonsense", "cursor_invalid"), ("limit=0", "query_parameter_invalid"), ("order=any", "query_parameter_invalid")]
    {
        assert_eq!(rig.get(&format!("/v1/ledger/accounts/1/transfers?{query}")).await.json()["code"], code);
    }
    assert_eq!(rig.get("/v1/ledger/accounts/9/transfers").await.status, 404);
}

#[tokio::test]
async fn an_account_has_its_balances_at_any_time_and_a_statement_of_any_period() {
    let rig = Rig::new();
    accounts(&rig).await;
    let mut times = Vec::new();
    for (id, amount) in [("1", "10"), ("2", "20"), ("3", "30"), ("4", "40")] {
        let created = post(&rig, "/v1/ledger/transfers", &json!({ "transfers": [transfer(id, amount)] })).await.json();
        times.push(created["results"][0]["timestamp"].as_str().unwrap().to_owned());
    }
    let balances = |at: String| {
        let rig = &rig;
        async move { rig.get(&format!("/v1/ledger/accounts/2/balances{at}")).await.json()["balances"].clone() }
    };
    assert_eq!(balances(format!("?at={}", times[1])).await["credits_posted"], "30", "what happened at the time is in it");
    assert_eq!(balances("?at=1970-01-01T00:00:00Z".to_owned()).await["credits_posted"], "0");
    let now = balances(String::new()).await;
    assert_eq!(now, json!({ "debits_pending": "0", "debits_posted": "0", "credits_pending": "0", "credits_posted": "100" }));
    let period = format!("from={}&until={}", times[1], times[3]);
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = rig.get(&format!("/v1/ledger/accounts/2/statement?{period}&limit=1&cursor={cursor}")).await.json();
        assert_eq!((&page["opening"]["credits_posted"], &page["closing"]["credits_posted"]), (&json!("10"), &json!("60")));
        let line = &page["lines"][0];
        assert_eq!(line["type"], "transfer");
        assert_eq!(line["timestamp"], line["transfer"]["timestamp"]);
        pages.push((line["transfer"]["id"].as_str().unwrap().to_owned(), line["balances"]["credits_posted"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        assert_eq!(page["has_more"], true);
        cursor = next.to_owned();
    }
    assert_eq!(pages, [("2".to_owned(), "30".to_owned()), ("3".to_owned(), "60".to_owned())]);
    for (path, code) in [
        ("2/balances?at=yesterday", "query_parameter_invalid"),
        ("2/statement?from=now", "query_parameter_invalid"),
        ("2/statement?order=newest_first", "query_parameter_unknown"),
        ("9/statement", "ledger_account_unknown"),
        ("9/balances", "ledger_account_unknown"),
    ] {
        assert_eq!(rig.get(&format!("/v1/ledger/accounts/{path}")).await.json()["code"], code, "{path}");
    }
}

#[tokio::test]
async fn an_accounts_transfers_are_filtered() {
    let rig = Rig::new();
    accounts(&rig).await;
    let mut back = transfer("3", "30");
    (back["debit_account_id"], back["credit_account_id"]) = (json!("2"), json!("1"));
    let mut marked = transfer("4", "40");
    (marked["code"], marked["user_data_128"], marked["user_data_64"], marked["user_data_32"]) =
        (json!(9), json!("7"), json!("8"), json!(6));
    let all = json!({ "transfers": [transfer("1", "10"), transfer("2", "20"), back, marked] });
    let times: Vec<u64> = {
        let created = post(&rig, "/v1/ledger/transfers", &all).await.json();
        let results = created["results"].as_array().unwrap().iter();
        results.map(|result| result["timestamp"].as_str().unwrap().parse().unwrap()).collect()
    };
    let between = format!("from={}&until={}", times[1], times[3]);
    for (query, expected) in [
        ("side=debit", "1,2,4"),
        ("side=credit", "3"),
        ("amount_min=20", "2,3,4"),
        ("amount_max=20", "1,2"),
        ("amount_min=11&amount_max=39&side=debit", "2"),
        ("code=9", "4"),
        ("user_data_128=7", "4"),
        ("user_data_64=8", "4"),
        ("user_data_32=6", "4"),
        ("user_data_32=5", ""),
        (between.as_str(), "2,3"),
    ] {
        let page = rig.get(&format!("/v1/ledger/accounts/1/transfers?{query}")).await.json();
        let ids: Vec<&str> = page["data"].as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap()).collect();
        assert_eq!(ids.join(","), expected, "{query}");
    }
    for (query, expected) in [("", "1,2,3,4"), ("ledger=1&amount_min=30", "3,4"), ("ledger=2", ""), (between.as_str(), "2,3")] {
        let page = rig.get(&format!("/v1/ledger/transfers?{query}")).await.json();
        let ids: Vec<&str> = page["data"].as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap()).collect();
        assert_eq!(ids.join(","), expected, "{query}");
    }
    let refused = rig.get("/v1/ledger/transfers?side=debit").await.json();
    assert_eq!(refused["code"], "query_parameter_unknown", "a side is an account's");
    for query in ["side=left", "amount_min=-1", "code=65536", "user_data_128=x", "pending_state=maybe", "from=soon"] {
        let refused = rig.get(&format!("/v1/ledger/accounts/1/transfers?{query}")).await.json();
        assert_eq!(refused["code"], "query_parameter_invalid", "{query}");
    }
}

fn entry(id: &str, postings: &Value) -> Value {
    json!({ "id": id, "code": 1, "postings": postings })
}

#[tokio::test]
async fn entries_with_many_legs_happen_as_a_whole_and_are_read_as_postings() {
    let rig = Rig::new();
    accounts(&rig).await;
    let more = json!({ "accounts": [{ "id": "3", "ledger": 1, "code": 1 }, { "id": "4", "ledger": 2, "code": 1 }, { "id": "5", "ledger": 2, "code": 1 }] });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/accounts", &more).await), ["created"; 3]);
    let postings = json!([
        { "account_id": "1", "debit": "120" }, { "account_id": "2", "credit": 100 }, { "account_id": "3", "credit": "20" },
        { "account_id": "4", "credit": "7" }, { "account_id": "5", "debit": "7" }]);
    let mut first = entry("100", &postings);
    first["user_data_64"] = json!("9");
    let unbalanced = entry("200", &json!([{ "account_id": "1", "debit": "3" }, { "account_id": "4", "credit": "3" }]));
    let body = json!({ "entries": [first, unbalanced] });
    let created = post(&rig, "/v1/ledger/entries", &body).await;
    assert_eq!(statuses(&created), ["created", "postings_do_not_balance"]);
    assert!(created.headers.contains_key("bezant-seq"));
    let results = created.json()["results"].clone();
    assert_eq!((&results[0]["postings"], &results[1]["postings"]), (&Value::Null, &json!([0])));
    assert_eq!(statuses(&post(&rig, "/v1/ledger/entries", &body).await), ["exists", "postings_do_not_balance"]);
    first = entry("100", &postings);
    assert_eq!(statuses(&post(&rig, "/v1/ledger/entries", &json!({ "entries": [first] })).await), ["exists_with_different_user_data_64"]);

    let read = rig.get("/v1/ledger/entries/100").await.json();
    let read_postings: Vec<String> = read["postings"].as_array().unwrap().iter().map(Value::to_string).collect();
    assert_eq!(
        read_postings,
        [
            r#"{"account_id":"1","debit":"120"}"#,
            r#"{"account_id":"2","credit":"100"}"#,
            r#"{"account_id":"3","credit":"20"}"#,
            r#"{"account_id":"5","debit":"7"}"#,
            r#"{"account_id":"4","credit":"7"}"#,
        ]
    );
    assert_eq!((&read["user_data_64"], &read["timestamp"]), (&json!("9"), &results[0]["timestamp"]));
    for (account, debits, credits) in [("1", "120", "0"), ("2", "0", "100"), ("3", "0", "20"), ("4", "0", "7"), ("5", "7", "0")] {
        let found = rig.get(&format!("/v1/ledger/accounts/{account}")).await.json();
        assert_eq!((&found["debits_posted"], &found["credits_posted"]), (&json!(debits), &json!(credits)), "{account}");
    }
    // Its transfers are transfers; only its own id is the entry's.
    assert_eq!(rig.get("/v1/ledger/transfers/101").await.json()["flags"], json!(["linked"]));
    for unknown in ["101", "102", "99", "200", "0", "x", "340282366920938463463374607431768211455"] {
        let answer = rig.get(&format!("/v1/ledger/entries/{unknown}")).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (404, &json!("ledger_entry_unknown")), "{unknown}");
    }
    let request = rig.request_of(&rig.other_key, "GET", "/v1/ledger/entries/100");
    assert_eq!(rig.send(request.body(Body::empty()).unwrap()).await.status, 404);
}

#[tokio::test]
async fn an_entry_longer_than_what_is_looked_up_first_is_read_to_its_end_and_a_plain_transfer_is_one() {
    let rig = Rig::new();
    let accounts: Vec<Value> = (1..=40).map(|id| json!({ "id": id, "ledger": 1, "code": 1 })).collect();
    post(&rig, "/v1/ledger/accounts", &json!({ "accounts": accounts })).await;
    let mut postings: Vec<Value> = (2..=40).map(|id| json!({ "account_id": id.to_string(), "credit": "1" })).collect();
    postings.insert(0, json!({ "account_id": "1", "debit": "39" }));
    let body = json!({ "entries": [entry("1000", &json!(postings))] });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/entries", &body).await), ["created"]);
    assert_eq!(rig.get("/v1/ledger/entries/1000").await.json()["postings"], json!(postings));
    let mut pending = transfer("51", "5");
    pending["flags"] = json!(["pending"]);
    post(&rig, "/v1/ledger/transfers", &json!({ "transfers": [transfer("50", "5"), pending] })).await;
    let plain = rig.get("/v1/ledger/entries/50").await.json();
    assert_eq!(plain["postings"], json!([{ "account_id": "1", "debit": "5" }, { "account_id": "2", "credit": "5" }]));
    assert_eq!(rig.get("/v1/ledger/entries/51").await.status, 404, "what reserves is no entry");
}

#[tokio::test]
async fn entries_that_cannot_be_read_are_refused_with_their_place_and_change_nothing() {
    let rig = Rig::new();
    accounts(&rig).await;
    let before = rig.platform.commands().len();
    let pair = json!([{ "account_id": "1", "debit": "1" }, { "account_id": "2", "credit": "1" }]);
    let too_many: Vec<Value> = (0..BATCH_EVENTS_MAX / 2 + 1).map(|at| entry(&(10 + 2 * at).to_string(), &pair)).collect();
    let both = json!([{ "account_id": "1", "debit": "1", "credit": "1" }]);
    for (body, status, code, field) in [
        (json!({ "entries": [] }), 422, "ledger_batch_empty", Value::Null),
        (json!({ "entries": too_many }), 422, "ledger_batch_too_large", Value::Null),
        (json!({ "entries": [entry("10", &both)] }), 400, "field_type_wrong", json!("entries[0].postings[0]")),
        (json!({ "entries": [entry("10", &json!([{ "account_id": "1" }]))] }), 400, "field_type_wrong", json!("entries[0].postings[0]")),
        (
            json!({ "entries": [entry("10", &json!([{ "account_id": "1", "debit": "-1" }]))] }),
            400,
            "field_type_wrong",
            json!("entries[0].postings[0].debit"),
        ),
        (
            json!({ "entries": [entry("10", &json!([{ "account_id": "1", "amount": "1" }]))] }),
            400,
            "field_unknown",
            json!("entries[0].postings[0].amount"),
        ),
        (json!({ "entries": [{ "id": "10" }] }), 400, "field_missing", json!("entries[0].postings")),
        (json!({ "entries": [{ "postings": [] }] }), 400, "field_missing", json!("entries[0].id")),
        (json!({ "transfers": [] }), 400, "field_unknown", json!("transfers")),
    ] {
        let answer = post(&rig, "/v1/ledger/entries", &body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].as_str().unwrap()), (status, code), "{}", answer.text);
        if code.starts_with("field") {
            assert_eq!(answer.json()["field"], field, "{}", answer.text);
        }
    }
    let (status, _) = records(&rig, "/v1/ledger/entries", "application/vnd.bezant.transfers", vec![0; 128]).await;
    assert_eq!(status, 415);
    assert_eq!(rig.platform.commands().len(), before);
}

#[tokio::test]
async fn balances_are_answered_to_who_asks_for_them() {
    let rig = Rig::new();
    accounts(&rig).await;
    let mut pending = transfer("11", "3");
    pending["flags"] = json!(["pending"]);
    let body = json!({ "balances": true, "transfers": [transfer("10", "5"), transfer("0", "1"), pending] });
    let results = post(&rig, "/v1/ledger/transfers", &body).await.json()["results"].clone();
    let of = |account: &str, numbers: [&str; 4]| {
        json!({ "account_id": account, "debits_pending": numbers[0], "debits_posted": numbers[1],
            "credits_pending": numbers[2], "credits_posted": numbers[3] })
    };
    assert_eq!(results[0]["balances"], json!([of("1", ["0", "5", "0", "0"]), of("2", ["0", "0", "0", "5"])]));
    assert_eq!(results[2]["balances"], json!([of("1", ["3", "5", "0", "0"]), of("2", ["0", "0", "3", "5"])]));
    let again = post(&rig, "/v1/ledger/transfers", &body).await.json()["results"].clone();
    for without in [&results[1], &again[0], &again[2]] {
        assert_eq!(without.get("balances"), None, "{without}");
    }
    let silent = json!({ "balances": false, "transfers": [transfer("12", "5")] });
    assert_eq!(post(&rig, "/v1/ledger/transfers", &silent).await.json()["results"][0].get("balances"), None);

    let postings = json!([{ "account_id": "2", "credit": "5" }, { "account_id": "1", "debit": "5" }]);
    let body = json!({ "balances": true, "entries": [entry("20", &postings), entry("0", &postings)] });
    let results = post(&rig, "/v1/ledger/entries", &body).await.json()["results"].clone();
    assert_eq!(results[0]["balances"], json!([of("2", ["0", "0", "3", "15"]), of("1", ["3", "15", "0", "0"])]));
    assert_eq!(results[1].get("balances"), None);
}

#[tokio::test]
async fn metadata_comes_back_with_what_it_was_created_with_and_belongs_to_the_id() {
    let rig = Rig::new();
    let account = json!({ "id": "1", "ledger": 1, "code": 1, "metadata": { "region": "eu", "iban": "" } });
    let body = json!({ "accounts": [account, { "id": 2, "ledger": 1, "code": 1, "metadata": {} }] });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/accounts", &body).await), ["created", "created"]);
    assert_eq!(statuses(&post(&rig, "/v1/ledger/accounts", &body).await), ["exists", "exists"]);
    let bare = json!({ "accounts": [{ "id": "1", "ledger": 1, "code": 1 }] });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/accounts", &bare).await), ["exists_with_different_metadata"]);
    assert_eq!(rig.get("/v1/ledger/accounts/1").await.json()["metadata"], json!({ "iban": "", "region": "eu" }));
    assert!(rig.get("/v1/ledger/accounts/2").await.json().get("metadata").is_none());

    let mut described = transfer("10", "5");
    described["metadata"] = json!({ "order": "1234", "näme": "\u{1f600}" });
    let body = json!({ "transfers": [described, transfer("11", "5")] });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/transfers", &body).await), ["created", "created"]);
    let mut swapped = body.clone();
    swapped["transfers"][0]["metadata"] = json!({ "näme": "\u{1f600}", "order": "1234" });
    swapped["transfers"][1]["metadata"] = json!({ "order": "1" });
    let answer = post(&rig, "/v1/ledger/transfers", &swapped).await;
    assert_eq!(statuses(&answer), ["exists", "exists_with_different_metadata"]);
    let expected = json!({ "order": "1234", "näme": "\u{1f600}" });
    assert_eq!(rig.get("/v1/ledger/transfers/10").await.json()["metadata"], expected);
    let list = rig.get("/v1/ledger/accounts/1/transfers").await.json();
    assert_eq!((&list["data"][0]["metadata"], list["data"][1].get("metadata")), (&expected, None));
    let statement = rig.get("/v1/ledger/accounts/1/statement").await.json();
    assert_eq!(statement["lines"][0]["transfer"]["metadata"], expected);
    // Records have none, so they are something else.
    let record = Transfer { id: 10, debit_account_id: 1, credit_account_id: 2, amount: 5, ledger: 1, code: 1, ..Transfer::default() };
    let (_, answer) = records(&rig, "/v1/ledger/transfers", "application/vnd.bezant.transfers", record.encode().to_vec()).await;
    assert_eq!(numbers(&answer), [CreateTransferStatus::ExistsWithDifferentMetadata.code()]);
}

#[tokio::test]
async fn an_entrys_metadata_is_read_with_it() {
    let rig = Rig::new();
    accounts(&rig).await;
    let postings = json!([{ "account_id": "1", "debit": "5" }, { "account_id": "2", "credit": "5" }]);
    let entry = |metadata: Value| json!({ "entries": [{ "id": "50", "code": 1, "postings": postings, "metadata": metadata }] });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/entries", &entry(json!({ "run": "7" }))).await), ["created"]);
    assert_eq!(statuses(&post(&rig, "/v1/ledger/entries", &entry(json!({ "run": "7" }))).await), ["exists"]);
    assert_eq!(statuses(&post(&rig, "/v1/ledger/entries", &entry(json!({}))).await), ["exists_with_different_metadata"]);
    assert_eq!(rig.get("/v1/ledger/entries/50").await.json()["metadata"], json!({ "run": "7" }));
}

#[tokio::test]
async fn metadata_has_limits_and_holds_no_card_number() {
    let rig = Rig::new();
    accounts(&rig).await;
    let before = rig.platform.commands().len();
    let many: serde_json::Map<String, Value> = (0..51).map(|number| (format!("key{number}"), json!("v"))).collect();
    let field = "transfers[1].metadata";
    for (metadata, status, code, field) in [
        (json!({ "order": 5 }), 400, "field_type_wrong", "transfers[1].metadata.order"),
        (json!({ "order": { "id": "5" } }), 400, "field_type_wrong", "transfers[1].metadata.order"),
        (json!("order"), 400, "field_type_wrong", field),
        (json!({ "": "5" }), 422, "field_invalid", field),
        (json!({ "k".repeat(41): "5" }), 422, "field_too_long", field),
        (json!({ "k": "v".repeat(1_021) }), 422, "field_too_long", field),
        (many.into(), 422, "field_too_long", field),
        (json!({ "note": "card 4242 4242 4242 4242" }), 422, "card_number_refused", ""),
        (json!({ "4242424242424242": "" }), 422, "card_number_refused", ""),
    ] {
        let mut second = transfer("11", "5");
        second["metadata"] = metadata;
        let answer = post(&rig, "/v1/ledger/transfers", &json!({ "transfers": [transfer("10", "1"), second] })).await;
        assert_eq!(answer.json()["code"], code, "{}", answer.text);
        if !field.is_empty() {
            assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (status, &json!(field)), "{}", answer.text);
        }
    }
    let twice = r#"{"transfers":[{"id":"11","metadata":{"order":"1","order":"2"}}]}"#;
    let answer = rig.send(rig.request("POST", "/v1/ledger/transfers").body(Body::from(twice)).unwrap()).await;
    assert_eq!((&answer.json()["code"], &answer.json()["field"]), (&json!("field_duplicate"), &json!("transfers[0].metadata.order")));
    assert_eq!(rig.platform.commands().len(), before);
    let mut full = transfer("11", "5");
    full["metadata"] = json!({ "k": "v".repeat(1_020) });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/transfers", &json!({ "transfers": [full] })).await), ["created"]);
}

#[tokio::test]
async fn a_batch_has_room_for_so_much_metadata_and_for_no_more() {
    let rig = Rig::new();
    accounts(&rig).await;
    let one = |id: usize, bytes: usize| {
        let mut one = transfer(&id.to_string(), "1");
        one["metadata"] = json!({ "k": "v".repeat(bytes) });
        one
    };
    // Each takes its value and 4 bytes for the pair's head, and 4 for its own.
    let fitting: Vec<Value> = (1..=512).map(|id| one(id, 1_016)).collect();
    let mut larger = fitting.clone();
    larger.push(one(600, 0));
    let refused = post(&rig, "/v1/ledger/transfers", &json!({ "transfers": larger })).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (422, &json!("ledger_batch_too_large")), "{}", refused.text);
    assert!(statuses(&post(&rig, "/v1/ledger/transfers", &json!({ "transfers": fitting })).await).iter().all(|status| status == "created"));
}

#[tokio::test]
async fn accounts_are_found_and_listed_by_their_names_and_named_in_transfers_and_entries() {
    let rig = Rig::new();
    let account = |id: &str, ledger: u32, name: &str| json!({ "id": id, "ledger": ledger, "code": 1, "name": name });
    let named = [
        account("1", 700, "world"),
        account("2", 700, "merchant:acme:available"),
        account("3", 700, "merchant:acme:pending"),
        account("4", 700, "world"),
        account("5", 800, "world"),
    ];
    let created = post(&rig, "/v1/ledger/accounts", &json!({ "accounts": named })).await;
    assert_eq!(statuses(&created), ["created", "created", "created", "name_taken", "created"]);
    let again = json!({ "accounts": [account("1", 700, "world"), account("2", 700, "other"), { "id": "5", "ledger": 800, "code": 1 }] });
    let differs = "exists_with_different_name";
    assert_eq!(statuses(&post(&rig, "/v1/ledger/accounts", &again).await), ["exists", differs, differs]);
    assert_eq!(rig.get("/v1/ledger/accounts/2").await.json()["name"], "merchant:acme:available");

    let ids = async |query: &str| {
        let page = rig.get(&format!("/v1/ledger/accounts?{query}")).await.json();
        let ids = page["data"].as_array().unwrap().iter().map(|account| account["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        (ids, page["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(ids("ledger=700&name=world").await.0, ["1"]);
    assert_eq!(ids("ledger=800&name=world").await.0, ["5"]);
    assert!(ids("ledger=800&name=merchant:acme:pending").await.0.is_empty());
    assert_eq!(ids("ledger=700&name_prefix=merchant:acme:").await.0, ["2", "3"]);
    let (first, cursor) = ids("ledger=700&limit=2").await;
    let (rest, end) = ids(&format!("ledger=700&limit=2&cursor={}", cursor.unwrap())).await;
    assert_eq!((first, rest, end), (vec!["2".to_owned(), "3".to_owned()], vec!["1".to_owned()], None));
    let other = rig.request_of(&rig.other_key, "GET", "/v1/ledger/accounts?ledger=700");
    assert_eq!(rig.send(other.body(Body::empty()).unwrap()).await.json()["data"], json!([]), "another merchant's names");

    let transfer = |id: &str, debit: &str, credit: &str| json!({ "id": id, "debit_account": debit, "credit_account": credit, "amount": "5", "ledger": 700, "code": 1 });
    let transfers = json!({ "transfers": [transfer("10", "world", "merchant:acme:available"), transfer("11", "world", "nobody")] });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/transfers", &transfers).await), ["created", "credit_account_not_found"]);
    assert_eq!(statuses(&post(&rig, "/v1/ledger/transfers", &transfers).await), ["exists", "id_already_failed"]);
    let found = rig.get("/v1/ledger/transfers/10").await.json();
    assert_eq!((&found["debit_account_id"], &found["credit_account_id"]), (&json!("1"), &json!("2")));
    let entry = json!({ "entries": [{ "id": "20", "code": 1, "postings": [
        { "account": "world", "ledger": 700, "debit": "7" },
        { "account": "merchant:acme:pending", "ledger": 700, "credit": "4" },
        { "account_id": "2", "credit": "3" },
    ] }] });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/entries", &entry).await), ["created"]);
    let postings = rig.get("/v1/ledger/entries/20").await.json()["postings"].clone();
    let expected = json!([{ "account_id": "1", "debit": "7" }, { "account_id": "3", "credit": "4" }, { "account_id": "2", "credit": "3" }]);
    assert_eq!(postings, expected);
}

#[tokio::test]
async fn names_that_are_none_and_accounts_that_are_named_twice_are_refused() {
    let rig = Rig::new();
    accounts(&rig).await;
    let before = rig.platform.commands().len();
    let transfer = |change: Value| {
        let mut transfer = json!({ "id": "10", "credit_account_id": "2", "amount": "5", "ledger": 1, "code": 1 });
        change.as_object().unwrap().iter().for_each(|(field, value)| transfer[field] = value.clone());
        json!({ "transfers": [transfer] })
    };
    let posting = |posting: Value| json!({ "entries": [{ "id": "10", "code": 1, "postings": [posting] }] });
    let account = |name: &str| json!({ "accounts": [{ "id": "10", "ledger": 1, "code": 1, "name": name }] });
    let (a, t, e) = ("accounts", "transfers", "entries");
    for (what, body, status, code, field) in [
        (a, account("9lives"), 422, "field_invalid", "accounts[0].name"),
        (a, account(""), 422, "field_invalid", "accounts[0].name"),
        (a, account(&"n".repeat(65)), 422, "field_invalid", "accounts[0].name"),
        (a, account("card:4242424242424242"), 422, "card_number_refused", ""),
        (t, transfer(json!({ "debit_account": "no name" })), 422, "field_invalid", "transfers[0].debit_account"),
        (t, transfer(json!({ "debit_account_id": "1", "credit_account": "a" })), 422, "field_invalid", "transfers[0].credit_account"),
        (t, transfer(json!({ "debit_account": "a", "ledger": 0 })), 422, "field_invalid", "transfers[0].ledger"),
        (e, posting(json!({ "account": "a b", "ledger": 1, "debit": "1" })), 422, "field_invalid", "entries[0].postings[0].account"),
        (e, posting(json!({ "account": "a", "debit": "1" })), 400, "field_type_wrong", "entries[0].postings[0]"),
        (
            e,
            posting(json!({ "account": "a", "account_id": "1", "ledger": 1, "debit": "1" })),
            400,
            "field_type_wrong",
            "entries[0].postings[0]",
        ),
        (e, posting(json!({ "account_id": "1", "ledger": 1, "debit": "1" })), 400, "field_type_wrong", "entries[0].postings[0]"),
    ] {
        let answer = post(&rig, &format!("/v1/ledger/{what}"), &body).await;
        assert_eq!(answer.json()["code"], code, "{body} {}", answer.text);
        if !field.is_empty() {
            assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (status, &json!(field)), "{}", answer.text);
        }
    }
    assert_eq!(rig.platform.commands().len(), before);
    for query in
        ["", "ledger=x", "ledger=1&name=9", "ledger=1&name=a&name_prefix=b", "ledger=1&cursor=zz", "ledger=1&cursor=a", "ledger=1&nam=a"]
    {
        let answer = rig.get(&format!("/v1/ledger/accounts?{query}")).await;
        assert!(answer.status.is_client_error(), "{query} {}", answer.text);
    }
}

#[tokio::test]
async fn transfers_are_found_by_what_is_in_their_metadata() {
    let rig = Rig::new();
    accounts(&rig).await;
    let described = |id: &str, metadata: Value| {
        let mut transfer = transfer(id, "1");
        transfer["metadata"] = metadata;
        transfer
    };
    let body = json!({ "transfers": [
        described("10", json!({ "order": "1", "note": "a=b" })), described("11", json!({ "order": "2" })), transfer("12", "1"),
    ] });
    assert_eq!(statuses(&post(&rig, "/v1/ledger/transfers", &body).await), ["created"; 3]);
    for (query, expected) in
        [("order", &["10", "11"][..]), ("order=2", &["11"]), ("order=", &[]), ("note=a%3Db", &["10"]), ("note=a=b", &["10"]), ("none", &[])]
    {
        for path in ["/v1/ledger/transfers", "/v1/ledger/accounts/2/transfers"] {
            let list = rig.get(&format!("{path}?metadata={query}")).await.json();
            let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap()).collect();
            assert_eq!(ids, expected, "{path} {query}");
        }
    }
    let long = "k".repeat(41);
    for query in ["=2", long.as_str()] {
        let answer = rig.get(&format!("/v1/ledger/transfers?metadata={query}")).await;
        assert!(answer.status.is_client_error(), "{}", answer.text);
    }
}
