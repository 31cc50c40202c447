//! Random workloads through `bezant ledger run`'s own code, in memory and on disk, against the model of the crate `naive`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use bezant::workload::{Error, Layout, run, run_on_disk};
use naive::{Met, Operation, Random, Run, json, workload, workload_of};
use support::Folder;

/// So many short workloads.
const SEEDS: u64 = 10_000;
/// Of them on disk: each waits for the disk at every operation.
const SEEDS_ON_DISK: u64 = 40;
/// Few keys in memory, so that most ids come from tables, and tables are merged; the shortest segments.
const LAYOUT: Layout = Layout { generation_keys: 5, segment_bytes: 2 * 1024 * 1024 };

fn expected(operations: &[Operation], met: &mut Met) -> String {
    let mut model = Run::new();
    let answers: Vec<_> = operations.iter().map(|operation| model.answer(operation)).collect();
    answers.iter().for_each(|answer| met.note(answer));
    json::answers_text(&answers)
}

#[track_caller]
fn assert_answers(what: &str, operations: &[Operation], found: &[u8], expected: &str) {
    let found = std::str::from_utf8(found).unwrap();
    for ((operation, found), expected) in operations.iter().zip(found.lines()).zip(expected.lines()) {
        assert_eq!(found, expected, "{what}: {operation:#?}");
    }
    assert_eq!(found, expected, "{what}");
}

#[test]
fn ten_thousand_workloads_in_memory_are_answered_byte_for_byte_as_the_model_answers() {
    let mut met = Met::default();
    for seed in 0..SEEDS {
        let operations = workload(seed);
        let mut found = Vec::new();
        run(json::workload_text(&operations).as_bytes(), &mut found).unwrap();
        assert_answers(&format!("workload {seed}"), &operations, &found, &expected(&operations, &mut met));
    }
    assert!(met.missed().is_empty(), "no workload meets {:?}", met.missed());
}

#[test]
fn a_ledger_on_disk_whose_history_is_in_tables_answers_byte_for_byte_as_one_in_memory() {
    let folder = Folder::new("workload-disk");
    let long = (SEEDS_ON_DISK..SEEDS_ON_DISK + 3).map(|seed| (seed, workload_of(seed, 100)));
    for (seed, operations) in (0..SEEDS_ON_DISK).map(|seed| (seed, workload(seed))).chain(long) {
        let mut found = Vec::new();
        let data = folder.join(&seed.to_string());
        run_on_disk(json::workload_text(&operations).as_bytes(), &mut found, &data, LAYOUT).unwrap();
        let what = format!("workload {seed} in {}", data.display());
        assert_answers(&what, &operations, &found, &expected(&operations, &mut Met::default()));
        std::fs::remove_dir_all(data).unwrap();
    }
}

/// So many workloads with changed bytes.
const CHANGED: u64 = 4_000;
/// What a changed workload may have anywhere.
const TOKENS: [&str; 12] =
    ["-1", "1e9", "null", "[]", "{", "}", "\"", "\\u0000", "340282366920938463463374607431768211456", "bit_16", "\n", "\"op\":\"tick\","];

/// One byte or a few of a text become something else.
fn change(random: &mut Random, text: &mut Vec<u8>) {
    if text.is_empty() {
        return;
    }
    let at = random.index(text.len());
    let end = text.len().min(at + random.index(40) + 1);
    match random.below(5) {
        0 => text[at] ^= 1 << random.below(8),
        1 => drop(text.drain(at..end)),
        2 => drop(text.splice(at..at, TOKENS[random.index(TOKENS.len())].bytes())),
        3 => text.extend_from_within(at..end),
        _ => text.truncate(at + 1),
    }
}

#[test]
fn a_workload_of_changed_bytes_is_answered_line_by_line_up_to_one_that_is_named() {
    let mut refused = 0;
    for seed in 0..CHANGED {
        let mut random = Random::new(seed);
        let mut text = json::workload_text(&workload(seed % 200)).into_bytes();
        for _ in 0..random.below(3) + 1 {
            change(&mut random, &mut text);
        }
        let mut found = Vec::new();
        let ended = run(&text[..], &mut found);
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let sound = match ended {
            Ok(()) => &lines[..],
            Err(Error::Malformed { line, .. } | Error::Refused { line, .. }) => {
                refused += 1;
                &lines[..line - 1]
            }
            Err(other) => panic!("workload {seed}: {other}"),
        };
        let asked = sound.iter().filter(|line| !line.iter().all(u8::is_ascii_whitespace)).count();
        assert_eq!(found.iter().filter(|byte| **byte == b'\n').count(), asked, "workload {seed}");
        // Those before are answered the same without those after.
        let mut again = Vec::new();
        run(&sound.concat()[..], &mut again).unwrap();
        assert_eq!(again, found, "workload {seed}");
    }
    assert!(refused > CHANGED / 2 && refused < CHANGED, "{refused} of {CHANGED} are refused");
}

/// What expires has the time of the clock, and so has the first event after it: history looks for both at one time.
#[test]
fn an_imported_account_does_not_take_the_time_of_a_transfer_that_followed_an_expiry_at_once() {
    let lines = [
        r#"{"op":"create_accounts","events":[{"id":1,"ledger":1,"code":1},{"id":2,"ledger":1,"code":1}]}"#,
        r#"{"op":"create_transfers","events":[{"id":1,"debit_account_id":1,"credit_account_id":2,"amount":1,"ledger":1,"code":1,"flags":["pending"],"timeout":1}]}"#,
        r#"{"op":"tick","ns":1000000000}"#,
        r#"{"op":"create_transfers","events":[{"id":2,"debit_account_id":1,"credit_account_id":2,"amount":1,"ledger":1,"code":1}]}"#,
        r#"{"op":"tick","ns":10}"#,
        r#"{"op":"create_accounts","events":[{"id":3,"ledger":1,"code":1,"flags":["imported"],"timestamp":"1700000001000000002"}]}"#,
        r#"{"op":"create_accounts","events":[{"id":3,"ledger":1,"code":1,"flags":["imported"],"timestamp":"1700000001000000003"}]}"#,
    ];
    let (workload, folder) = (lines.join("\n"), Folder::new("workload-time"));
    let (mut in_memory, mut on_disk) = (Vec::new(), Vec::new());
    run(workload.as_bytes(), &mut in_memory).unwrap();
    run_on_disk(workload.as_bytes(), &mut on_disk, &folder.join("ledger"), LAYOUT).unwrap();
    let (in_memory, on_disk) = (String::from_utf8(in_memory).unwrap(), String::from_utf8(on_disk).unwrap());
    assert_eq!(in_memory, on_disk);
    let statuses: Vec<_> = on_disk.lines().map(|line| line.split("status\":\"").nth(1).and_then(|rest| rest.split('"').next())).collect();
    let regresses = Some("imported_event_timestamp_must_not_regress");
    assert_eq!(statuses, [Some("created"), Some("created"), None, Some("created"), None, regresses, Some("created")]);
}

#[test]
fn a_folder_that_exists_is_not_a_fresh_ledger() {
    let folder = Folder::new("workload-exists");
    let refused = run_on_disk(&b""[..], Vec::new(), &folder.0, LAYOUT).unwrap_err();
    assert!(matches!(refused, Error::Folder(_)));
    let message = refused.to_string();
    assert!(message.ends_with("exists already, and a workload begins with a fresh ledger: name a folder that does not exist"), "{message}");
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0, "nothing was written");
}
