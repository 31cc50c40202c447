//! A restarted simulator is the same simulator, whatever ended it.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{START_MS, request};
use sandbox::log::{Durable, Error, Recovered};
use sandbox::stripe::{Config, FaultKind};
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
            "amount={}&currency=usd&confirm=true&payment_method={method}&metadata[order_id]=o_{}{manual}{late}",
            1_000 + number,
            number / 2
        );
        let (_, answer) = post(simulator, now_ms, "/v1/payment_intents", &body, Some(&format!("create-{number}")));
        let Some(id) = answer["id"].as_str() else { continue };
        get(simulator, now_ms + 100, &format!("/v1/payment_intents/{id}"));
        post(simulator, now_ms + 200, &format!("/v1/payment_intents/{id}/capture"), "", None);
        post(simulator, now_ms + 300, &format!("/3ds/{id}"), "result=success", None);
        post(simulator, now_ms + 400, "/v1/refunds", &format!("payment_intent={id}&amount=300"), Some(&format!("refund-{number}")));
        if number == 30 {
            post(simulator, now_ms + 500, "/_admin/advance", "{\"ms\":5000}", None);
            let config = Config { refund_settle_ms: 100, search_lag_ms: 0, ..Config::standard() };
            simulator.configure(config, now_ms + 600).unwrap();
        }
    }
    now_ms + 1_000
}

/// Everything that can be seen of a simulator at one time: lists and rules, kept answers, truth.
type Seen = (Vec<Vec<u8>>, Vec<(u16, Vec<u8>)>, sandbox::stripe::truth::Truth);

fn seen(simulator: &mut Durable, now_ms: u64) -> Seen {
    let lists = ["payment_intents", "charges", "refunds", "balance_transactions", "disputes"];
    let lists = lists.map(|list| {
        let request = request(Method::Get, &format!("/v1/{list}"), "limit=100", "", None);
        simulator.handle(&request, now_ms).unwrap().response.body
    });
    let answers = (0..60).map(|number| {
        let request = request(Method::Post, "/v1/payment_intents", "", "amount=999&currency=usd", Some(&format!("create-{number}")));
        let response = simulator.handle(&request, now_ms).unwrap().response;
        (response.status, response.body)
    });
    let answers = answers.collect();
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
    let body = "amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa";
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
