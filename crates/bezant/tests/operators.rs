//! What people do when the platform cannot go on by itself: release an event, look at a parked call, over the same
//! command line that operators have.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use base::{EffectId, PaymentId, Timestamp};
use bezant::{partition, serve};
use engine::{Entry, Event};
use serde_json::json;
use std::process::{Command, Output};
use support::{Client, Folder, Plan, Sandbox, bezant, wait_for};

const SEGMENT_BYTES: u64 = 4 * 1024 * 1024;

fn run(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

/// Appends an event that nothing before it permits, as a program with another opinion would have left it.
fn append_poison(plan: &Plan) -> u64 {
    let (mut journal, report) = serve::open_journal(&plan.data, SEGMENT_BYTES).unwrap();
    let event = Event::EffectParked { payment: PaymentId::from_u128(1), effect: EffectId::from_u128(1) };
    let at = Timestamp::from_s(4_000_000_000); // after whatever the platform wrote
    let batch = events::encode_batch(&[Entry { at, event, legs: Vec::new() }]);
    partition::append(&mut journal, report.tail.next_seq, report.tail.epoch, &batch).unwrap();
    report.tail.next_seq
}

#[test]
fn an_event_that_cannot_be_applied_is_passed_over_once_two_operators_agree() {
    let folder = Folder::new("skip");
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address);
    let platform = plan.start();
    let url = platform.process.announced["listening"].as_str().unwrap().to_owned();
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

    let seq = append_poison(&plan);
    let (_, nothing) = run(bezant().args(["journal", "verify", "--data"]).arg(&plan.data));
    assert!(nothing.contains(&format!("bezant journal skip --seq {seq}")), "{nothing}");
    assert!(plan.try_start().is_err(), "an event that cannot be applied keeps the platform from starting");

    let skip = |seq: u64, keys: [&str; 2]| {
        let mut command = bezant();
        command.args(["journal", "skip", "--seq", &seq.to_string(), "--data"]).arg(&plan.data);
        command.env("BEZANT_OPERATOR_KEY", keys[0]).env("BEZANT_SECOND_OPERATOR_KEY", keys[1]);
        run(&mut command)
    };
    for (asked, keys, expected) in [
        (seq - 1, [first_key.as_str(), second_key.as_str()], "the first event that cannot be applied"),
        (seq, [&first_key, &first_key], "two different operators are needed"),
        (seq, [&first_key, ""], "the second operator's key"),
        (seq, ["", &second_key], "the first operator's key"),
    ] {
        let (refused, text) = skip(asked, keys);
        assert!(!refused.status.success() && text.contains(expected), "{text}");
    }
    let (released, text) = skip(seq, [&first_key, &second_key]);
    assert!(released.status.success() && text.contains("the platform can start"), "{text}");
    assert!(skip(seq, [&first_key, &second_key]).1.contains("nothing to skip"));

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
fn a_parked_call_is_listed_and_looked_at_again() {
    let folder = Folder::new("parked");
    let sandbox = Sandbox::start(&folder.0);
    let mut plan = Plan::new(&folder.0, sandbox.address);
    plan.arguments = ["--replay-gaps-ms", "1", "--lookup-gaps-ms", "1", "--segment-mib", "2"].map(str::to_owned).to_vec();
    let platform = plan.start();
    let url = platform.process.announced["listening"].as_str().unwrap().to_owned();
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
