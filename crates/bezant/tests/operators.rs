//! What people do when the platform cannot go on by itself: release an event, look at a parked call, over the same
//! command line that operators have.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use base::{EffectId, MerchantId, PaymentId, Timestamp};
use bezant::{partition, serve};
use engine::{Entry, Event};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Bezant, Client, Folder, Plan, Sandbox, bezant, wait_for};

const SEGMENT_BYTES: u64 = 4 * 1024 * 1024;

fn run(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

/// An event that nothing before it permits, as a program with another opinion would have left it.
fn poison() -> Event {
    Event::EffectParked { payment: PaymentId::from_u128(1), effect: EffectId::from_u128(1) }
}

/// Appends one batch; answers the sequence number of its first event.
fn append(plan: &Plan, events: impl IntoIterator<Item = Event>) -> u64 {
    let (mut journal, report) = serve::open_journal(&plan.data, SEGMENT_BYTES).unwrap();
    let after_everything = 4_000_000_000_u64; // whatever the platform wrote is earlier
    let entry = |(step, event)| Entry { at: Timestamp::from_s(after_everything + step), event, legs: Vec::new() };
    let batch = events::encode_batch(&(0..).zip(events).map(entry).collect::<Vec<_>>());
    partition::append(&mut journal, report.tail.next_seq, report.tail.epoch, &batch).unwrap();
    report.tail.next_seq
}

fn url(platform: &Bezant) -> String {
    platform.process.announced["listening"].as_str().unwrap().to_owned()
}

fn skip(plan: &Plan, seq: u64, keys: [&str; 2]) -> (Output, String) {
    let mut command = bezant();
    command.args(["journal", "skip", "--seq", &seq.to_string(), "--data"]).arg(&plan.data);
    command.env("BEZANT_OPERATOR_KEY", keys[0]).env("BEZANT_SECOND_OPERATOR_KEY", keys[1]);
    run(&mut command)
}

/// What answers like a platform, with `answer` to each request's first line, for as long as the test runs; where it is
/// and how many connections it has had.
fn pretend(answer: impl Fn(&str) -> (u16, Value) + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            serve_one(&mut BufReader::new(stream.unwrap()), &answer);
        }
    });
    (url, connections)
}

/// Answers a connection's requests until its client has no more.
fn serve_one(stream: &mut BufReader<TcpStream>, answer: impl Fn(&str) -> (u16, Value)) {
    loop {
        let mut first = String::new();
        if stream.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        stream.read_exact(&mut vec![0; length]).unwrap();
        let (status, body) = answer(first.trim_end());
        let body = body.to_string();
        let text = format!("HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.get_mut().write_all(text.as_bytes()).unwrap();
    }
}

#[test]
fn an_event_that_cannot_be_applied_is_passed_over_once_two_operators_agree() {
    let folder = Folder::new("skip");
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address);
    let platform = plan.start();
    let url = url(&platform);
    let first_key = platform.operator_key.clone();
    let create = ["operators", "create", "second", "--url", &url, "--operator-key", &first_key];
    let (made, text) = run(bezant().args(create));
    assert!(made.status.success(), "{text}");
    let second_key = text.lines().nth(1).unwrap().to_owned();
    let (_, again) = run(bezant().args(create));
    assert!(again.contains("409"), "{again}");
    let body = json!({ "amount": { "amount_minor": 1_999, "currency": "EUR" }, "payment_method": "pm_card_visa" });
    let payment = platform.merchant().post("/v1/payments", "k1", &body).unwrap().json();
    assert_eq!(platform.stop().code(), Some(0));

    let seq = append(&plan, [poison()]);
    let (_, nothing) = run(bezant().args(["journal", "verify", "--data"]).arg(&plan.data));
    assert!(nothing.contains(&format!("bezant journal skip --seq {seq}")), "{nothing}");
    assert!(plan.try_start().is_err(), "an event that cannot be applied keeps the platform from starting");

    for (asked, keys, expected) in [
        (seq - 1, [first_key.as_str(), second_key.as_str()], "the first event that cannot be applied"),
        (seq, [&first_key, &first_key], "two different operators are needed"),
        (seq, [&first_key, ""], "the second operator's key"),
        (seq, ["", &second_key], "the first operator's key"),
    ] {
        let (refused, text) = skip(&plan, asked, keys);
        assert!(!refused.status.success() && text.contains(expected), "{text}");
    }
    let (released, text) = skip(&plan, seq, [&first_key, &second_key]);
    assert!(released.status.success() && text.contains("the platform can start"), "{text}");
    assert!(skip(&plan, seq, [&first_key, &second_key]).1.contains("nothing to skip"));

    assert_eq!(plan.verified()["last_seq"], seq + 1);
    std::fs::remove_file(plan.data.join("views.sqlite")).unwrap();
    let platform = plan.start();
    let mut merchant = platform.merchant();
    let after = merchant.post("/v1/payments", "k2", &body).unwrap();
    assert_eq!(after.status, 201, "{}", after.json());
    merchant.catch_up();
    let list = merchant.read("/v1/payments");
    assert_eq!(list["data"].as_array().unwrap().len(), 2, "read models made anew pass it over too");
    assert_eq!(list["data"][1]["id"], payment["id"]);
    assert_eq!(platform.stop().code(), Some(0));
}

#[test]
fn skipping_an_event_keeps_what_stands_before_and_after_it_in_its_batch() {
    let folder = Folder::new("skip-middle");
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address);
    let platform = plan.start();
    let first_key = platform.operator_key.clone();
    let (made, text) = run(bezant().args(["operators", "create", "second", "--url", &url(&platform), "--operator-key", &first_key]));
    assert!(made.status.success(), "{text}");
    let second_key = text.lines().nth(1).unwrap().to_owned();
    assert_eq!(platform.stop().code(), Some(0));

    let merchant = |number: u32, handle: &str| Event::MerchantCreated {
        merchant: MerchantId::from_u128(u128::from(number)),
        number,
        handle: handle.to_owned(),
    };
    let first_seq = append(&plan, [merchant(2, "before"), poison(), merchant(3, "between"), poison(), merchant(4, "after")]);
    let (poisoned, last_seq) = ([first_seq + 1, first_seq + 3], first_seq + 4);
    for seq in poisoned {
        let (_, refused) = run(bezant().args(["journal", "verify", "--data"]).arg(&plan.data));
        assert!(refused.contains(&format!("the event at seq {seq} cannot be applied")), "{refused}");
        assert!(plan.try_start().is_err(), "the event at seq {seq} is not released yet");
        let (released, text) = skip(&plan, seq, [&first_key, &second_key]);
        assert!(released.status.success(), "{text}");
    }
    let verified = plan.verified();
    assert_eq!(verified["last_seq"], last_seq + 2, "the batch stays as it is and two releases follow it");

    let (journal, _) = serve::open_journal(&plan.data, SEGMENT_BYTES).unwrap();
    let (state, _) = partition::load(&journal).unwrap();
    assert_eq!(verified["state_digest"], bezant::secrets::hex(&events::snapshot::digest(&state)), "the check and the start agree");
    drop(journal);
    std::fs::remove_file(plan.data.join("views.sqlite")).unwrap();
    let platform = plan.start();
    let bearer = format!("Bearer {first_key}");
    let list = Client::new(platform.address).send("GET", "/v1/merchants", &[("authorization", &bearer)], b"").unwrap().json();
    let handles: Vec<&str> = list["data"].as_array().unwrap().iter().map(|merchant| merchant["handle"].as_str().unwrap()).collect();
    for handle in ["before", "between", "after"] {
        assert!(handles.contains(&handle), "{handles:?}");
    }
    platform.merchant().catch_up();
    assert_eq!(platform.stop().code(), Some(0));
}

#[test]
fn an_operator_whose_key_could_not_be_made_is_named_with_the_command_that_makes_it() {
    let (fake, _) = pretend(|request| match request {
        "POST /v1/operators HTTP/1.1" => (201, json!({ "id": "opr_made", "object": "operator", "handle": "bob" })),
        _ => (503, json!({ "code": "overloaded", "detail": "later" })),
    });
    let create = ["operators", "create", "bob", "--operator-key", "ok_test", "--url", &fake];
    let (failed, text) = run(bezant().args(create));
    assert!(!failed.status.success() && failed.stdout.is_empty(), "{text}");
    assert!(text.contains("503: later") && text.contains("`bezant operators create-key opr_made`"), "{text}");

    let folder = Folder::new("operator-key");
    let sandbox = Sandbox::start(&folder.0);
    let platform = Plan::new(&folder.0, sandbox.address).start();
    let url = url(&platform);
    let with_key =
        |arguments: &[&str], key: &str| run(bezant().arg("operators").args(arguments).args(["--url", &url, "--operator-key", key]));
    let (made, text) = with_key(&["create", "bob"], &platform.operator_key);
    assert!(made.status.success(), "{text}");
    let id = text.lines().next().unwrap();
    let (made, key) = with_key(&["create-key", id], &platform.operator_key);
    assert!(made.status.success() && !text.contains(key.trim()), "{key}");
    let (made, text) = with_key(&["create", "carol"], key.trim());
    assert!(made.status.success(), "the new key is an operator's: {text}");
    let unknown = "opr_00000000000000000000000000";
    for (id, expected) in [(unknown, "404"), ("../merchants", "is not an id")] {
        let (refused, text) = with_key(&["create-key", id], &platform.operator_key);
        assert!(!refused.status.success() && text.contains(expected), "{text}");
    }
    assert_eq!(platform.stop().code(), Some(0));
}

#[test]
fn a_list_is_read_over_one_connection_and_refused_rather_than_cut_when_it_never_ends() {
    let (endless, connections) = pretend(|_| (200, json!({ "object": "list", "data": [{ "id": "00" }], "next_cursor": "00" })));
    let list = |url: &str| run(bezant().args(["quarantine", "list", "--operator-key", "ok_test", "--url", url]));
    let (failed, text) = list(&endless);
    assert!(!failed.status.success() && failed.stdout.is_empty(), "{text}");
    assert!(text.contains("/v1/quarantine lists more than 100000 objects"), "{text}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);

    let (two_pages, _) = pretend(|request| match request.contains("cursor=01") {
        false => (200, json!({ "object": "list", "data": [{ "id": "00" }, { "id": "01" }], "next_cursor": "01" })),
        true => (200, json!({ "object": "list", "data": [{ "id": "02" }], "next_cursor": null })),
    });
    assert_eq!(list(&two_pages).1, "FINGERPRINT\n00\n01\n02\n");
    let (listless, _) = pretend(|_| (200, json!({ "object": "list" })));
    assert!(list(&listless).1.contains("the platform's answer has no data"));
}

#[test]
fn a_parked_call_is_listed_and_looked_at_again() {
    let folder = Folder::new("parked");
    let sandbox = Sandbox::start(&folder.0);
    let mut plan = Plan::new(&folder.0, sandbox.address);
    plan.arguments = ["--replay-gaps-ms", "1", "--lookup-gaps-ms", "1", "--segment-mib", "2"].map(str::to_owned).to_vec();
    let platform = plan.start();
    let url = url(&platform);
    let key = platform.operator_key.clone();
    let attempts = |arguments: &[&str]| run(bezant().arg("attempts").args(arguments).args(["--url", &url, "--operator-key", &key]));
    assert_eq!(attempts(&["parked"]).1, "nothing is parked\n");

    let rule = json!({ "kind": "error_500_after_effect" }).to_string();
    let mut admin = Client::new(sandbox.address);
    assert_eq!(admin.send("POST", "/_admin/faults", &[], rule.as_bytes()).unwrap().status, 200);
    let body = json!({ "amount": { "amount_minor": 1_999, "currency": "EUR" }, "payment_method": "pm_card_visa" });
    let mut merchant = platform.merchant();
    let answer = merchant.post("/v1/payments", "k1", &body).unwrap().json();
    let parked = wait_for("the call to be parked", || {
        let (_, text) = attempts(&["parked", "--json"]);
        serde_json::from_str::<serde_json::Value>(text.lines().next()?).ok().filter(|call| call["object"] == "parked_call")
    });
    assert_eq!((&parked["operation"], &parked["amount"]["amount_minor"]), (&json!("authorize"), &json!(1_999)));
    assert!(parked["reference"].as_str().unwrap().starts_with("bzr_") && parked["sends"].as_u64().unwrap() >= 3);
    assert!(attempts(&["parked"]).1.contains(parked["id"].as_str().unwrap()));

    assert_eq!(admin.send("DELETE", "/_admin/faults", &[], b"").unwrap().status, 200);
    assert!(attempts(&["look", "eff_00000000000000000000000000"]).1.contains("404"));
    let (looked, text) = attempts(&["look", parked["id"].as_str().unwrap()]);
    assert!(looked.status.success(), "{text}");
    let path = format!("/v1/payments/{}", answer["id"].as_str().unwrap());
    wait_for("what the provider did to be booked", || (merchant.read(&path)["status"] == "captured").then_some(()));
    assert_eq!(attempts(&["parked"]).1, "nothing is parked\n");
    assert_eq!(platform.stop().code(), Some(0));
}
