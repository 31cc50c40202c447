//! Ledgers that merchants keep themselves, on real processes, before and after restarts. What kills and disks do to them is in
//! `ledger_faults.rs`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use ledger::{Account, CreateTransferStatus, Transfer, TransferFlags};
use serde_json::{Value, json};
use std::path::Path;
use support::{Bezant, Client, Folder, Plan};

/// Accounts that transfers are between.
const ACCOUNTS: u128 = 10;
/// Nothing listens there: no payment is made.
const NO_PROVIDER: &str = "127.0.0.1:1";

fn plan(folder: &Path) -> Plan {
    // The least that is allowed, so that a short test has many tables, merged ones among them.
    Plan::new(folder, NO_PROVIDER.parse().unwrap()).with("--index-ids 1024")
}

fn account(id: u128) -> Account {
    Account { id, ledger: 1, code: 1, ..Account::default() }
}

fn transfer(id: u128) -> Transfer {
    Transfer {
        id,
        debit_account_id: 1 + id % ACCOUNTS,
        credit_account_id: 1 + (id + 1) % ACCOUNTS,
        amount: 1 + id % 7,
        ledger: 1,
        code: 1,
        ..Transfer::default()
    }
}

/// Asks with records; the statuses, or `None` when the answer is not known.
fn records(client: &mut Client, key: &str, what: &str, body: &[u8]) -> Option<Vec<u32>> {
    let authorization = format!("Bearer {key}");
    let media_type = format!("application/vnd.bezant.{what}");
    let headers = [("authorization", authorization.as_str()), ("content-type", media_type.as_str())];
    let answer = client.send("POST", &format!("/v1/ledger/{what}"), &headers, body).ok()?;
    if answer.status == 503 {
        return None;
    }
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/vnd.bezant.statuses")), "{:?}", answer.json());
    let (numbers, rest) = answer.body.as_chunks::<4>();
    assert!(rest.is_empty());
    Some(numbers.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
}

fn create_accounts(platform: &Bezant) {
    let body: Vec<u8> = (1..=ACCOUNTS).flat_map(|id| account(id).encode()).collect();
    let statuses = records(&mut Client::new(platform.address), &platform.api_key, "accounts", &body).unwrap();
    assert!(statuses.iter().all(|status| *status == CreateTransferStatus::Created.code()));
}

fn ask(platform: &Bezant, path: &str, body: &Value) -> Value {
    let authorization = format!("Bearer {}", platform.api_key);
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let answer = Client::new(platform.address).send("POST", path, &headers, body.to_string().as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

#[test]
fn an_imported_account_may_not_have_the_time_of_a_transfer_that_history_alone_knows() {
    let folder = Folder::new("ledgers-imported");
    let plan = plan(&folder.0);
    let platform = plan.start();
    create_accounts(&platform);
    let body: Vec<u8> = (1..=3).flat_map(|id| transfer(id).encode()).collect();
    records(&mut Client::new(platform.address), &platform.api_key, "transfers", &body).unwrap();
    let found = ask(&platform, "/v1/ledger/transfers/lookup", &json!({ "ids": ["1", "2", "3"] }));
    let times: Vec<u64> =
        found["data"].as_array().unwrap().iter().map(|found| found["timestamp"].as_str().unwrap().parse().unwrap()).collect();
    let import = |platform: &Bezant, id: u64, timestamp: u64| {
        let account = json!({ "id": id.to_string(), "ledger": 1, "code": 1, "flags": ["imported"], "timestamp": timestamp.to_string() });
        let results = ask(platform, "/v1/ledger/accounts", &json!({ "accounts": [account] }));
        results["results"][0]["status"].as_str().unwrap().to_owned()
    };
    for time in &times {
        assert_eq!(import(&platform, 100, *time), "imported_event_timestamp_must_not_regress");
    }
    drop(platform);
    let platform = plan.start();
    assert_eq!(import(&platform, 100, times[1]), "imported_event_timestamp_must_not_regress", "after a restart, too");
    assert_eq!(import(&platform, 100, times[2] + 1), "created");
}

/// An entry, once durable, is found as a whole by those who send it again: before and after a restart, whichever part of it
/// stands where in the index.
#[test]
fn entries_with_many_legs_are_remembered_as_a_whole_after_a_restart() {
    let folder = Folder::new("ledgers-entries");
    let plan = plan(&folder.0);
    let platform = plan.start();
    create_accounts(&platform);
    let postings = |amount: u64| {
        let credits = (2..=ACCOUNTS).map(|id| json!({ "account_id": id.to_string(), "credit": amount.to_string() }));
        let debit = json!({ "account_id": "1", "debit": (9 * amount).to_string() });
        credits.chain([debit]).collect::<Vec<_>>()
    };
    let entry = |id: u64, amount: u64| json!({ "id": id.to_string(), "code": 1, "postings": postings(amount) });
    let lost = |id: u64| json!({ "id": id.to_string(), "code": 1, "postings": [{ "account_id": "404", "debit": "1" }] });
    let book = |platform: &Bezant, entries: Vec<Value>| {
        let answer = ask(platform, "/v1/ledger/entries", &json!({ "entries": entries }));
        let results = answer["results"].as_array().unwrap().iter();
        results.map(|result| result["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all: Vec<Value> = (1..=500).map(|at| entry(100 * at, at)).collect();
    assert!(book(&platform, all.clone()).iter().all(|status| status == "created"));
    assert_eq!(book(&platform, vec![lost(60_000), entry(99_998, 1)]), ["account_not_found", "created"]);
    let judge = |platform: &Bezant| {
        assert!(book(platform, all.clone()).iter().all(|status| status == "exists"));
        let others = vec![entry(100, 2), entry(60_000, 1), entry(99_993, 1), entry(103, 1)];
        let expected = ["exists_with_different_postings", "id_already_failed", "following_id_taken", "exists_with_different_postings"];
        assert_eq!(book(platform, others), expected);
        let authorization = format!("Bearer {}", platform.api_key);
        let read = Client::new(platform.address).send("GET", "/v1/ledger/entries/700", &[("authorization", &authorization)], b"").unwrap();
        let mut read_postings = read.json()["postings"].as_array().unwrap().clone();
        read_postings.sort_by_key(|posting| posting["account_id"].as_str().unwrap().parse::<u64>().unwrap());
        let mut expected = postings(7);
        expected.rotate_right(1);
        assert_eq!(read_postings, expected);
        let first = ask(platform, "/v1/ledger/accounts/lookup", &json!({ "ids": ["1", "2"] }));
        let sum: u64 = (1..=500).sum::<u64>() + 1;
        assert_eq!(
            (&first["data"][0]["debits_posted"], &first["data"][1]["credits_posted"]),
            (&json!((9 * sum).to_string()), &json!(sum.to_string()))
        );
    };
    judge(&platform);
    drop(platform);
    judge(&plan.start());
}

/// The journal takes the largest batch of every kind: with posts, an event holds what each of them released beside their records.
#[test]
fn the_largest_batch_of_posts_becomes_durable() {
    let folder = Folder::new("ledgers-largest");
    let plan = plan(&folder.0);
    let platform = plan.start();
    create_accounts(&platform);
    let count = u128::try_from(ledger::BATCH_EVENTS_MAX).unwrap();
    let pending = |id| Transfer { flags: TransferFlags::PENDING, ..transfer(id) };
    let post = |id| Transfer {
        id: count + id,
        pending_id: id,
        amount: ledger::AMOUNT_MAX,
        flags: TransferFlags::POST_PENDING_TRANSFER,
        ..Transfer::default()
    };
    let created = vec![CreateTransferStatus::Created.code(); ledger::BATCH_EVENTS_MAX];
    let book = |body: Vec<u8>| records(&mut Client::new(platform.address), &platform.api_key, "transfers", &body);
    assert_eq!(book((1..=count).flat_map(|id| pending(id).encode()).collect()), Some(created.clone()));
    assert_eq!(book((1..=count).flat_map(|id| post(id).encode()).collect()), Some(created));
}
