//! Backups with real processes: made under load, killed in the middle, damaged, restored, and served from.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use base::{OperatorId, SubjectId, Timestamp};
use bezant::keystore::KeyStore;
use bezant::secrets::Secrets;
use engine::{Entry, Event, State};
use journal::{Batch, FileJournal, Journal, Options, OsIo};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use support::load::Load;
use support::{Bezant, Folder, Plan, Sandbox, bezant, files_below, wait_for};

/// Kills of backups in one test.
const KILLS: usize = 8;

fn run(command: &str, folders: [(&str, &Path); 2]) -> Output {
    let mut program = bezant();
    program.args([command, "--json"]);
    for (option, folder) in folders {
        program.arg(option).arg(folder);
    }
    program.output().unwrap()
}

fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn backed_up(data: &Path, to: &Path) -> Value {
    done(&run("backup", [("--data", data), ("--to", to)]))
}

fn restored(from: &Path, data: &Path) -> Value {
    done(&run("restore", [("--from", from), ("--data", data)]))
}

/// Why a restore was refused; nothing is there afterwards.
fn refused(from: &Path, data: &Path) -> String {
    let output = run("restore", [("--from", from), ("--data", data)]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(!data.exists(), "nothing has the name of what was refused");
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    error["message"].as_str().unwrap().to_owned()
}

/// Takes payments one after the other; their ids and what was answered.
fn pay(platform: &Bezant, prefix: &str, count: usize) -> Vec<Value> {
    let mut merchant = platform.merchant();
    (0..count)
        .map(|number| {
            let body = json!({
                "amount": { "amount_minor": 500 + number, "currency": "EUR" }, "payment_method": "pm_card_visa",
                "reference": format!("{prefix}-{number}"), "customer": { "email": format!("{prefix}-{number}@example.com") },
            });
            let answer = merchant.post("/v1/payments", &format!("{prefix}-{number}"), &body).unwrap();
            assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
            answer.json()
        })
        .collect()
}

/// Whether anything of a backup under way is there.
fn is_under_way(folder: &Path) -> bool {
    let unfinished = |path: PathBuf| path.extension().is_some_and(|ending| ending == "tmp");
    ["", "journal", "keys"].iter().any(|name| {
        let entries = std::fs::read_dir(folder.join(name)).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).any(unfinished)
    })
}

#[test]
fn what_was_acknowledged_before_a_backup_under_load_is_there_after_the_restore() {
    let folder = Folder::new("backup-load");
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address);
    let mut platform = plan.start();
    let load = Load::start(platform.address, &platform.api_key, 5, 4);
    wait_for("a load", || (load.counts.acknowledged() > 60).then_some(()));
    let (to, data) = (folder.join("backup"), folder.join("restored"));
    let first = backed_up(&plan.data, &to);
    let mut killed = 0;
    for _ in 0..KILLS {
        let manifest = std::fs::read(to.join("manifest")).unwrap();
        let mut child =
            bezant().args(["backup", "--json", "--data"]).arg(&plan.data).arg("--to").arg(&to).stdout(Stdio::null()).spawn().unwrap();
        wait_for("a backup to begin or end", || (is_under_way(&to) || child.try_wait().unwrap().is_some()).then_some(()));
        let _ = child.kill(); // it has perhaps ended
        let is_killed = !child.wait().unwrap().success();
        killed += usize::from(is_killed);
        if is_killed && std::fs::read(to.join("manifest")).unwrap() == manifest {
            let data = folder.join("after-kill");
            let restored = restored(&to, &data);
            assert!(restored["last_seq"].as_u64() >= first["last_seq"].as_u64(), "the last complete backup is whole");
            std::fs::remove_dir_all(&data).unwrap();
        }
    }
    assert!(killed > 0, "no backup was killed in the middle");

    let acknowledged = pay(&platform, "before", 25);
    let made = backed_up(&plan.data, &to);
    assert!(made["last_seq"].as_u64() > first["last_seq"].as_u64());
    assert!(platform.process.is_running());
    wait_for("the load to go on", || (load.counts.acknowledged() > 120).then_some(()));
    let after = load.finish();
    assert!(after.iter().all(|order| order.complete), "the platform served on");
    platform.process.kill();

    let proven = restored(&to, &data);
    for what in ["last_seq", "chain_hash", "state_digest"] {
        assert_eq!(proven[what], made[what]);
    }
    let ledgers = proven["ledgers"].as_array().unwrap();
    assert!(!ledgers.is_empty() && ledgers.iter().all(|sums| sums["debits_posted"] == sums["credits_posted"]), "{proven}");
    let plan = Plan { data, ..plan };
    assert_eq!(plan.verified()["state_digest"], made["state_digest"]);
    let platform = plan.start();
    let mut merchant = platform.merchant();
    merchant.catch_up();
    for payment in acknowledged {
        let found = merchant.read(&format!("/v1/payments/{}", payment["id"].as_str().unwrap()));
        for member in ["status", "reference", "amount", "captured_minor", "customer"] {
            assert_eq!(found[member], payment[member], "sealed or not, it reads as it was acknowledged");
        }
    }
    // A request of before is known, and a new one is taken: the callers' keys and the persons' work.
    let body = json!({ "amount": { "amount_minor": 500, "currency": "EUR" }, "payment_method": "pm_card_visa", "reference": "before-0" });
    let repeated = merchant.post("/v1/payments", "before-0-again", &body).unwrap();
    assert_eq!((repeated.status, repeated.code().as_str()), (409, "reference_conflict"));
    pay(&platform, "after", 2);
    assert_eq!(platform.stop().code(), Some(0));
}

#[test]
fn damage_anywhere_in_a_backup_is_refused_with_its_place_and_the_next_backup_repairs_it() {
    let folder = Folder::new("backup-damage");
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address);
    let platform = plan.start();
    pay(&platform, "paid", 5);
    assert_eq!(platform.stop().code(), Some(0));
    let (to, data) = (folder.join("backup"), folder.join("restored"));
    assert!(refused(&to, &data).contains("no complete backup"));
    let made = backed_up(&plan.data, &to);
    let again = backed_up(&plan.data, &to);
    assert_eq!((&again["copied_files"], &again["kept_files"]), (&json!(0), &made["copied_files"]), "nothing is new");
    let files: Vec<_> = files_below(&to).into_iter().filter(|(path, _)| !path.ends_with("backup.lock")).collect();
    assert!(files.len() >= 5, "{files:?}");
    for (path, bytes) in &files {
        for at in [0, bytes.len() / 3, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            std::fs::write(path, flipped).unwrap();
            let message = refused(&to, &data);
            assert!(message.contains("damaged: ") && message.contains(path.to_str().unwrap()), "{message}");
        }
        std::fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(refused(&to, &data).contains("damaged: "));
        std::fs::remove_file(path).unwrap();
        let message = refused(&to, &data);
        assert!(message.contains("missing") || message.contains("no complete backup"), "{message}");
        std::fs::write(path, bytes).unwrap();
    }
    let (path, _) = files.iter().find(|(path, _)| path.to_str().unwrap().contains("/journal/")).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    bytes[5_000] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let message = refused(&to, &data);
    assert!(message.contains("between byte 0 and byte "), "{message}");
    assert_eq!(backed_up(&plan.data, &to)["copied_files"], 1, "what is damaged in the backup is copied again");
    assert_eq!(restored(&to, &data)["state_digest"], made["state_digest"]);

    // What stands in the way is never touched.
    let output = run("restore", [("--from", &to), ("--data", &data)]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("not empty"));
    assert_eq!(plan.verified()["state_digest"], made["state_digest"]);
    let output = run("backup", [("--data", &plan.data), ("--to", &data)]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("belongs to no backup"));
    let output = run("backup", [("--data", &folder.join("nothing")), ("--to", &to)]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds no journal"));
}

#[test]
fn a_backup_of_another_history_is_kept_and_an_erased_person_leaves_the_backup_with_the_next_one() {
    let folder = Folder::new("backup-history");
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address);
    let platform = plan.start();
    let subject = pay(&platform, "erased", 1)[0]["subject"].as_str().unwrap().to_owned();
    assert_eq!(platform.stop().code(), Some(0));
    let (to, old) = (folder.join("backup"), folder.join("old"));
    backed_up(&plan.data, &to);
    backed_up(&plan.data, &old);
    let keys = |to: &Path| -> Vec<Vec<u8>> {
        let found = files_below(&to.join("keys"));
        found.into_iter().filter(|(path, _)| path.to_str().unwrap().contains("subjects.keys")).map(|(_, bytes)| bytes).collect()
    };
    let before = keys(&to);
    let output = plan.tool(&["privacy", "erase", &subject, "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    backed_up(&plan.data, &to);
    let after = keys(&to);
    assert_eq!((before.len(), after.len()), (1, 1), "one copy of the keys, the newest");
    assert_ne!(before, after, "the erased key is not in it");

    // The keys of the older backup with the newer journal: the erasure is applied to them again.
    let manifest = std::fs::read_to_string(old.join("manifest")).unwrap();
    assert!(manifest.starts_with("bezant-backup 1 "));
    let data = folder.join("restored");
    assert_eq!(restored(&to, &data)["erased_again"], 0);

    // A platform that lost its end, as one restored from an older backup has, does not continue the newer backup.
    let data = folder.join("older");
    restored(&old, &data);
    let plan = Plan { data, ..plan };
    let platform = plan.start();
    pay(&platform, "other", 3);
    assert_eq!(platform.stop().code(), Some(0));
    let output = run("backup", [("--data", &plan.data), ("--to", &to)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("a history that this journal does not have"));
    assert_eq!(keys(&to), after, "the backup is as it was");
    backed_up(&plan.data, &old);
}

/// A data folder with a few events, the last of them after a snapshot of `snapshot`, or of what they come to.
fn small_platform(data: &Path, snapshot: Option<State>) {
    let io = OsIo::new(data);
    let options = Options { segment_bytes: 2 * 1024 * 1024, ..Options::for_partition(0) };
    let (mut journal, _) = FileJournal::open(io.clone(), options).unwrap();
    let mut state = State::new();
    for number in 1..=6 {
        let operator = Event::OperatorCreated { operator: OperatorId::from_u128(number), handle: format!("operator-{number}") };
        let event = if number == 1 { Event::MinVersionRaised { version: 1 } } else { operator };
        let entry = Entry { at: Timestamp::from_ns(state.next_seq), event, legs: Vec::new() };
        let encoded = events::encode_batch(std::slice::from_ref(&entry));
        let batch = Batch { event_count: encoded.event_count, events: &encoded.events, transfers: &encoded.transfers };
        journal.append(state.next_seq, 1, batch).unwrap();
        state.evolve(&entry);
        if number == 4 {
            journal.save_snapshot(&journal.tail(), &events::snapshot::encode(snapshot.as_ref().unwrap_or(&state))).unwrap();
        }
    }
    let secrets = Secrets::load_or_create(data).unwrap();
    let mut keys = KeyStore::open(io, secrets.master).unwrap();
    keys.ensure(&[SubjectId::PLATFORM], &mut |bytes| bytes.fill(3)).unwrap();
}

#[test]
fn a_snapshot_that_is_not_what_the_events_come_to_is_refused() {
    let folder = Folder::new("backup-snapshot");
    let mut wrong = State::new();
    for number in 1..=4 {
        let event = match number {
            1 => Event::MinVersionRaised { version: 1 },
            _ => Event::OperatorCreated { operator: OperatorId::from_u128(number + 90), handle: format!("somebody-{number}") },
        };
        wrong.evolve(&Entry { at: Timestamp::from_ns(wrong.next_seq), event, legs: Vec::new() });
    }
    for (name, snapshot) in [("right", None), ("wrong", Some(wrong))] {
        let [data, to, again] = ["data", "backup", "restored"].map(|what| folder.join(&format!("{name}-{what}")));
        let is_right = snapshot.is_none();
        small_platform(&data, snapshot);
        backed_up(&data, &to);
        assert_eq!(files_below(&to.join("snapshots")).len(), 1);
        if is_right {
            assert_eq!(restored(&to, &again)["last_seq"], 6);
        } else {
            assert!(refused(&to, &again).contains("not proven: the digest of the snapshot is "));
        }
    }
}
