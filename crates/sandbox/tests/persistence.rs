//! A restarted simulator is the same simulator, whatever ended it.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{START_MS, request};
use sandbox::log::{Durable, Error, Recovered};
use sandbox::stripe::{Config, DeliveryOutcome, FaultKind};
use sandbox::wire::{Handled, Method};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bezant-sandbox-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn open(&self) -> (Durable, Recovered) {
        Durable::open(&self.0, Some(7), Config::standard()).unwrap()
    }

    fn log(&self) -> PathBuf {
        self.0.join("stripe.log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn post(simulator: &mut Durable, now_ms: u64, path: &str, body: &str, key: Option<&str>) -> (Handled, Value) {
    let handled = simulator.handle(&request(Method::Post, path, "", body, key), now_ms).unwrap();
    let json = serde_json::from_slice(&handled.response.body).unwrap_or(Value::Null);
    (handled, json)
}

fn get(simulator: &mut Durable, now_ms: u64, path: &str) -> Vec<u8> {
    simulator.handle(&request(Method::Get, path, "", "", None), now_ms).unwrap().response.body
}

/// A history with everything in it: approvals, declines, challenges, captures, refunds that settle later, faults with
/// counters and draws, a delayed effect, reads that move counters, a moved clock and a changed configuration.
fn live(simulator: &mut Durable) -> u64 {
    let mut now_ms = START_MS;
    let rules = r#"[{"kind":"error_500_after_effect","probability_ppm":200000},{"kind":"latency","operation":"payment_intents.get","probability_ppm":500000},{"kind":"reset_after_effect","nth":5}]"#;
    post(simulator, now_ms, "/_admin/faults", rules, None);
    for number in 0..60u64 {
        now_ms += 700;
        let method = [
            "pm_card_visa",
            "pm_card_chargeDeclined",
            "pm_card_threeDSecure2Required",
            "pm_card_pendingRefund",
            "pm_card_createDispute",
            "pm_usBankAccount_success",
        ][usize::try_from(number % 6).unwrap()];
        let manual = if number % 4 == 0 { "&capture_method=manual" } else { "" };
        let late = if number % 10 == 7 { "&metadata[sim]=late_effect:3000" } else { "" };
        let body = format!(
            "amount={}&currency=usd&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never&payment_method={method}&metadata[order_id]=o_{}{manual}{late}",
            1_000 + number,
            number / 2
        );
        let (_, answer) = post(simulator, now_ms, "/v1/payment_intents", &body, Some(&format!("create-{number}")));
        let Some(id) = answer["id"].as_str() else { continue };
        get(simulator, now_ms + 100, &format!("/v1/payment_intents/{id}"));
        post(simulator, now_ms + 200, &format!("/v1/payment_intents/{id}/capture"), "", None);
        post(simulator, now_ms + 300, &format!("/3ds/{id}"), "result=success", None);
        post(simulator, now_ms + 400, "/v1/refunds", &format!("payment_intent={id}&amount=300"), Some(&format!("refund-{number}")));
        if number % 9 == 3 {
            live_beside(simulator, now_ms + 450, number);
        }
        if number == 30 {
            post(simulator, now_ms + 500, "/_admin/advance", "{\"ms\":5000}", None);
            let config = Config { refund_settle_ms: 100, search_lag_ms: 0, ..Config::standard() };
            simulator.configure(config, now_ms + 600).unwrap();
        }
    }
    now_ms + 1_000
}

/// Everything around payments: customers with cards given by number, setups, disputes, payouts, endpoints.
fn live_beside(simulator: &mut Durable, now_ms: u64, number: u64) {
    let (_, customer) =
        post(simulator, now_ms, "/v1/customers", &format!("name=c{number}&metadata[b]=1&metadata[a]=2"), Some(&format!("cus-{number}")));
    // A fault may have struck.
    let Some(customer) = customer["id"].as_str() else { return };
    let card = "type=card&card[number]=4242424242424242&card[cvc]=314&card[exp_month]=3&card[exp_year]=2031";
    let (_, method) = post(simulator, now_ms, "/v1/payment_methods", card, Some(&format!("pm-{number}")));
    let method = method["id"].as_str().unwrap_or("pm_card_visa");
    post(simulator, now_ms, &format!("/v1/payment_methods/{method}/attach"), &format!("customer={customer}"), None);
    post(
        simulator,
        now_ms,
        "/v1/setup_intents",
        &format!("customer={customer}&confirm=true&payment_method=pm_card_authenticationRequired"),
        None,
    );
    post(simulator, now_ms, &format!("/v1/customers/{customer}"), "email=a@b.example", None);
    let bypass = "amount=9000&currency=usd&confirm=true&payment_method_types[]=card&payment_method=pm_card_bypassPending";
    post(simulator, now_ms, "/v1/payment_intents", bypass, None);
    post(simulator, now_ms, "/v1/payouts", "amount=700&currency=usd", Some(&format!("po-{number}")));
    post(simulator, now_ms, "/v1/webhook_endpoints", "url=https://shop.example/hook&enabled_events[]=*", None);
    let disputes: Value = serde_json::from_slice(&get(simulator, now_ms, "/v1/disputes")).unwrap();
    if let Some(dispute) = disputes["data"][0]["id"].as_str() {
        post(simulator, now_ms, &format!("/v1/disputes/{dispute}"), "evidence[uncategorized_text]=winning_evidence", None);
    }
}

/// Everything that can be seen of a simulator at one time: lists and rules, kept answers, truth.
type Seen = (Vec<Vec<u8>>, Vec<(u16, Vec<u8>)>, sandbox::stripe::truth::Truth);

fn seen(simulator: &mut Durable, now_ms: u64) -> Seen {
    let lists = [
        "payment_intents",
        "charges",
        "refunds",
        "balance_transactions",
        "disputes",
        "customers",
        "payment_methods",
        "setup_intents",
        "payouts",
        "webhook_endpoints",
        "events",
        "balance",
    ];
    let lists = lists.map(|list| {
        let query = if list == "balance" { "" } else { "limit=100" };
        let request = request(Method::Get, &format!("/v1/{list}"), query, "", None);
        simulator.handle(&request, now_ms).unwrap().response.body
    });
    let answers = (0..60).map(|number| {
        let request = request(Method::Post, "/v1/payment_intents", "", "amount=999&currency=usd", Some(&format!("create-{number}")));
        let response = simulator.handle(&request, now_ms).unwrap().response;
        (response.status, response.body)
    });
    let mut answers: Vec<(u16, Vec<u8>)> = answers.collect();
    for key in ["cus-3", "pm-3", "po-12", "cus-30"] {
        let path = match &key[..3] {
            "cus" => "/v1/customers",
            "pm-" => "/v1/payment_methods",
            _ => "/v1/payouts",
        };
        let response = simulator.handle(&request(Method::Post, path, "", "", Some(key)), now_ms).unwrap().response;
        answers.push((response.status, response.body));
    }
    let faults = get(simulator, now_ms, "/_admin/faults");
    (lists.into_iter().chain([faults]).collect(), answers, simulator.stripe().truth())
}

#[test]
fn a_restart_finds_the_same_objects_keys_counters_and_truth() {
    let (first, second) = (Folder::new(), Folder::new());
    let (mut simulator, recovered) = first.open();
    assert_eq!(recovered, Recovered { record_count: 0, torn_bytes: 0 });
    let now_ms = live(&mut simulator);
    assert!(simulator.stripe().fault_count(FaultKind::Error500AfterEffect) > 3);
    drop(simulator);
    // Two copies of one history: one is looked at after one restart, the other after two.
    std::fs::copy(first.log(), second.log()).unwrap();
    let (mut once, recovered) = first.open();
    assert!(recovered.record_count > 150 && recovered.torn_bytes == 0, "{recovered:?}");
    drop(second.open());
    let (mut twice, _) = second.open();
    assert_eq!(seen(&mut once, now_ms), seen(&mut twice, now_ms));
}

#[test]
fn the_live_simulator_and_the_restarted_one_agree() {
    let folder = Folder::new();
    let copy = Folder::new();
    let (mut live_one, _) = folder.open();
    let now_ms = live(&mut live_one);
    // A process that is killed leaves exactly what was written.
    std::fs::copy(folder.log(), copy.log()).unwrap();
    let (mut restarted, _) = copy.open();
    assert_eq!(seen(&mut live_one, now_ms), seen(&mut restarted, now_ms));
}

#[test]
fn a_key_keeps_its_answer_over_a_restart() {
    let folder = Folder::new();
    let body = "amount=2000&currency=usd&confirm=true&payment_method_types[]=card&payment_method=pm_card_visa";
    let (first, _) = post(&mut folder.open().0, START_MS, "/v1/payment_intents", body, Some("k"));
    let (again, _) = post(&mut folder.open().0, START_MS + 1, "/v1/payment_intents", body, Some("k"));
    assert_eq!((again.response.header("idempotent-replayed"), &again.response.body), (Some("true"), &first.response.body));
    assert_eq!(again.response.header("original-request"), first.response.header("request-id"));
}

#[test]
fn a_torn_last_record_is_dropped_at_every_length() {
    let folder = Folder::new();
    let (mut simulator, _) = folder.open();
    post(&mut simulator, START_MS, "/v1/payment_intents", "amount=100&currency=usd", None);
    let whole = std::fs::metadata(folder.log()).unwrap().len();
    post(&mut simulator, START_MS, "/v1/payment_intents", "amount=200&currency=usd", None);
    drop(simulator);
    let bytes = std::fs::read(folder.log()).unwrap();
    for length in whole..u64::try_from(bytes.len()).unwrap() {
        std::fs::write(folder.log(), &bytes[..usize::try_from(length).unwrap()]).unwrap();
        let (mut simulator, recovered) = folder.open();
        assert_eq!(recovered, Recovered { record_count: 1, torn_bytes: length - whole });
        assert_eq!(std::fs::metadata(folder.log()).unwrap().len(), whole);
        post(&mut simulator, START_MS, "/v1/payment_intents", "amount=300&currency=usd", None);
        drop(simulator);
        assert_eq!(folder.open().1.record_count, 2);
    }
}

#[test]
fn a_torn_header_is_begun_again() {
    let folder = Folder::new();
    drop(folder.open());
    let bytes = std::fs::read(folder.log()).unwrap();
    for length in 0..bytes.len() {
        std::fs::write(folder.log(), &bytes[..length]).unwrap();
        assert_eq!(folder.open().1.record_count, 0, "{length}");
    }
}

#[test]
fn damage_before_the_end_refuses_to_start() {
    let folder = Folder::new();
    let (mut simulator, _) = folder.open();
    for _ in 0..3 {
        post(&mut simulator, START_MS, "/v1/payment_intents", "amount=100&currency=usd", None);
    }
    drop(simulator);
    let mut file = OpenOptions::new().write(true).open(folder.log()).unwrap();
    file.seek(SeekFrom::Start(60)).unwrap();
    file.write_all(b"\xff").unwrap();
    drop(file);
    let error = Durable::open(&folder.0, None, Config::standard()).unwrap_err();
    assert!(matches!(error, Error::Damaged { offset: 20, .. }), "{error}");
}

#[test]
fn another_seed_a_second_process_and_a_foreign_file_are_refused() {
    let folder = Folder::new();
    let (simulator, _) = folder.open();
    let open = |seed| Durable::open(&folder.0, seed, Config::standard()).map(|_| ()).unwrap_err();
    assert!(matches!(open(None), Error::Locked { .. }));
    drop(simulator);
    assert!(matches!(open(Some(8)), Error::OtherSeed { found: 7, given: 8, .. }));
    for content in ["hello", "a long text that is certainly not a log of ours"] {
        std::fs::write(folder.log(), content).unwrap();
        assert!(matches!(open(None), Error::Foreign { .. }));
    }
}

#[test]
fn card_numbers_and_codes_are_not_recorded_and_mean_the_same_after_a_restart() {
    let folder = Folder::new();
    let (mut simulator, _) = folder.open();
    let number = "4000000000009995";
    let bodies = [
        format!("type=card&card[number]={number}&card[cvc]=31415&card[exp_month]=3&card[exp_year]=2031").replace("31415", "3141"),
        format!(
            "amount=100&currency=usd&confirm=true&payment_method_types[]=card&payment_method_data[type]=card&payment_method_data[card][number]={number}&payment_method_data%5Bcard%5D%5Bcvc%5D=3141&payment_method_data[card][exp_month]=3&payment_method_data[card][exp_year]=31"
        ),
    ];
    let paths = ["/v1/payment_methods", "/v1/payment_intents"];
    let first: Vec<Value> =
        paths.iter().zip(&bodies).map(|(path, body)| post(&mut simulator, START_MS, path, body, Some(path)).1).collect();
    drop(simulator);
    let recorded = String::from_utf8_lossy(&std::fs::read(folder.log()).unwrap()).into_owned();
    assert!(recorded.contains("test_card_") && !recorded.contains(number) && !recorded.contains("3141"), "{recorded}");
    let (mut simulator, _) = folder.open();
    for ((path, body), first) in paths.iter().zip(&bodies).zip(first) {
        let (handled, again) = post(&mut simulator, START_MS + 1, path, body, Some(path));
        assert_eq!((handled.response.header("idempotent-replayed"), again), (Some("true"), first));
    }
    assert!(!format!("{:?}", simulator.stripe()).contains("3141"));
}

#[test]
fn secret_keys_and_reads_are_not_recorded() {
    let folder = Folder::new();
    let (mut simulator, _) = folder.open();
    post(&mut simulator, START_MS, "/v1/payment_intents", "amount=100&currency=usd", None);
    let before = std::fs::read(folder.log()).unwrap();
    get(&mut simulator, START_MS, "/v1/payment_intents");
    get(&mut simulator, START_MS, "/_admin/truth");
    assert_eq!(std::fs::read(folder.log()).unwrap(), before);
    assert!(!String::from_utf8_lossy(&before).contains("sk_test_sandbox"));
}

#[test]
fn revoked_keys_stay_revoked_over_a_restart_and_are_not_recorded() {
    let folder = Folder::new();
    let key = common::KEY.strip_prefix("Bearer ").unwrap();
    let balance = |simulator: &mut Durable, key: &str| {
        let mut request = request(Method::Get, "/v1/balance", "", "", None);
        request.headers.authorization = Some(format!("Bearer {key}"));
        simulator.handle(&request, START_MS).unwrap().response.status
    };
    let (mut simulator, _) = folder.open();
    post(&mut simulator, START_MS, "/_admin/credentials", "{\"revoke\":\"sk_test_second\"}", None);
    post(&mut simulator, START_MS, "/v1/payment_intents", "amount=100&currency=usd&metadata[sim]=credentials_revoked", None);
    drop(simulator);
    let (mut simulator, _) = folder.open();
    assert_eq!([key, "sk_test_second", "sk_test_third"].map(|key| balance(&mut simulator, key)), [401, 401, 200]);
    let recorded = String::from_utf8_lossy(&std::fs::read(folder.log()).unwrap()).into_owned();
    assert!(!recorded.contains("sk_test_"), "{recorded}");
    post(&mut simulator, START_MS, "/_admin/credentials", "{\"restore\":\"sk_test_second\"}", None);
    drop(simulator);
    let (mut simulator, _) = folder.open();
    assert_eq!([key, "sk_test_second"].map(|key| balance(&mut simulator, key)), [401, 200]);
}

#[test]
fn deliveries_their_attempts_and_their_secrets_are_the_same_after_a_restart() {
    let folder = Folder::new();
    let (mut simulator, _) = folder.open();
    let order = "{\"url\":\"http://127.0.0.1:9/h\",\"secret\":\"whsec_given\"}";
    post(&mut simulator, START_MS, "/_admin/webhook_endpoints", order, None);
    let rules = r#"[{"kind":"webhook_duplicate","probability_ppm":500000},{"kind":"webhook_reorder","event_type":"payment_intent.created"},{"kind":"webhook_rotated_secret","nth":4},{"kind":"webhook_missing","nth":6},{"kind":"webhook_late","probability_ppm":300000,"delay_spread_ms":9000}]"#;
    post(&mut simulator, START_MS, "/_admin/faults", rules, None);
    for number in 0..4 {
        let body = "amount=2000&currency=usd&confirm=true&payment_method_types[]=card&payment_method=pm_card_visa";
        post(&mut simulator, START_MS + number, "/v1/payment_intents", body, None);
    }
    let everything = |_: &str| usize::MAX;
    let taken = simulator.take_due_deliveries(START_MS + 10, &everything);
    assert!(taken.len() > 5);
    for (index, outcome) in [DeliveryOutcome::Failed, DeliveryOutcome::Acknowledged, DeliveryOutcome::Refused].into_iter().enumerate() {
        simulator.finish_delivery(taken[index].number, outcome, START_MS + 20).unwrap();
    }
    drop(simulator);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (mut simulator, _) = folder.open();
        assert_eq!(
            simulator.stripe().delivery_counts().open,
            simulator.stripe().delivery_counts().waiting,
            "what was on its way waits again"
        );
        seen.push((simulator.stripe().delivery_counts(), simulator.take_due_deliveries(START_MS + 80_000, &everything)));
    }
    assert_eq!(seen[0], seen[1]);
    let (counts, again) = &seen[0];
    assert_eq!((counts.acknowledged, counts.failed, counts.refused), (1, 1, 1));
    let retried = again.iter().find(|delivery| delivery.number == taken[0].number).unwrap();
    assert_eq!((retried.attempt, &retried.event_id, retried.not_before_ms), (2, &taken[0].event_id, START_MS + 20 + 60_000));
    assert!(again.iter().all(|delivery| ![taken[1].number, taken[2].number].contains(&delivery.number)));
}
