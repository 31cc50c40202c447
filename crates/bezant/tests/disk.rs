//! The disk misbehaves under a running platform: full, failing, damaged, torn, shared. What was acknowledged is there
//! once the cause is gone.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::faults::{Mounted, SyncFault};
use support::load::{Load, judge};
use support::{Bezant, Folder, Plan, Sandbox, wait_for};

/// Clients at a time.
const CLIENTS: u64 = 6;

/// Starts a load, lets `cause` break the disk, waits until the platform has told clients 503, named the failure in one of
/// the ways of `said` and ended with an error, lets `repair` take the cause away, and then judges everything. The clients go on all the time.
fn breaks_and_comes_back(
    what: &str,
    said: &[&str],
    seed: u64,
    folder: &Folder,
    broken: &Plan,
    cause: impl FnOnce(),
    repair: impl FnOnce(),
) {
    let sandbox = Sandbox::start(&folder.0);
    let broken = Plan { provider: sandbox.address, ..broken.clone() };
    let mut platform = broken.start();
    let load = Load::start(platform.address, &platform.api_key, seed, CLIENTS);
    let counts = Arc::clone(&load.counts);
    wait_for("a load under way", || (counts.acknowledged() >= 30).then_some(()));
    cause();
    assert!(is_refused(&mut platform), "{what}: clients that come meanwhile are told 503");
    let status = platform.process.wait();
    assert_eq!(status.code(), Some(1), "{what}: a platform that cannot write ends with an error");
    let log = broken.log_text();
    let last_words = log.lines().rfind(|line| line.contains("bezant ends")).unwrap_or_default();
    assert!(said.iter().any(|said| last_words.contains(said)), "{what} is named: {log}");
    repair();
    let sound = Plan { environment: Vec::new(), shell: None, ..broken };
    let platform = sound.start();
    let goal = counts.acknowledged() + 60;
    wait_for("payments after the repair", || (counts.acknowledged() >= goal).then_some(()));
    let orders = load.finish();
    judge(what, &orders, &counts, &sound, platform, &sandbox);
}

/// Stores customers that tell much, again and again, until that is answered 503 or the platform is gone; says which. On a full
/// disk the journal and the key store go on in the room that they have already: this uses it up.
fn is_refused(platform: &mut Bezant) -> bool {
    let much = json!({ "description": "d".repeat(1_000), "metadata": { "a": "a".repeat(500), "b": "b".repeat(500) } });
    let mut probes = 0;
    wait_for("an answer 503", || {
        probes += 1;
        let answer = platform.merchant().post("/v1/customers", &format!("probe-{probes}"), &much);
        match answer.map(|answer| (answer.status, answer.code())) {
            Ok((503, _)) => Some(true),
            Ok((201, _)) => None,
            Ok(other) => panic!("the probe was answered {other:?}"),
            Err(_) => (!platform.process.is_running()).then_some(false),
        }
    })
}

/// Writes until not one more byte fits.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    let mut piece = 1024 * 1024;
    let bytes = vec![1_u8; piece];
    while piece > 0 {
        match file.write(&bytes[..piece]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => piece /= 2,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_full_disk_stops_the_platform_and_loses_nothing() {
    let folder = Folder::new("disk-full");
    let Some(disk) = Mounted::new(&folder.join("disk"), 24) else { return };
    let plan = Plan::new(&folder.0, std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
    let plan = Plan { data: disk.0.join("platform"), ..plan };
    let filler = disk.0.join("filler");
    breaks_and_comes_back(
        "a full disk",
        &["No space left on device"],
        3,
        &folder,
        &plan,
        || fill(&filler),
        || std::fs::remove_file(&filler).unwrap(),
    );
}

#[test]
fn a_journal_write_that_fails_stops_the_platform_and_loses_nothing() {
    let folder = Folder::new("disk-limit");
    let plan = Plan::new(&folder.0, std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
    // The segments are made without a limit. The next life cannot write beyond the first 256 KiB of a file, which the
    // journal reaches before anything else that matters does.
    let first = Folder::new("disk-limit-first");
    let sandbox = Sandbox::start(&first.0);
    let unlimited = Plan { provider: sandbox.address, ..plan.clone() }.start();
    assert_eq!(unlimited.stop().code(), Some(0));
    drop(sandbox);
    let plan = Plan { shell: Some("trap '' XFSZ; ulimit -f 512".to_owned()), ..plan }.with("--log error");
    breaks_and_comes_back("a journal write that fails", &["the journal stopped: cannot write journal/"], 4, &folder, &plan, || {}, || {});
}

#[test]
fn a_failing_sync_stops_the_platform_and_loses_nothing() {
    let folder = Folder::new("disk-sync");
    let Some(fault) = SyncFault::new(&folder) else { return };
    let environment = fault.environment();
    let plan = Plan { environment, ..Plan::new(&folder.0, std::net::SocketAddr::from(([127, 0, 0, 1], 1))) };
    breaks_and_comes_back(
        "a failing fdatasync",
        &["the journal stopped: cannot sync journal/", "cannot sync the key store"],
        5,
        &folder,
        &plan,
        || fault.fail("*"),
        || fault.clear(),
    );
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let folder = Folder::new("disk-log");
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan { log: PathBuf::from("/dev/full"), ..Plan::new(&folder.0, sandbox.address) };
    let platform = plan.start();
    let second = Plan { listen: std::net::SocketAddr::from(([127, 0, 0, 1], support::free_port())), ..plan.clone() };
    assert_eq!(second.try_start().map(|_| ()).unwrap_err().code(), Some(1), "a failure ends as a failure even if nobody can be told why");
    let load = Load::start(platform.address, &platform.api_key, 6, CLIENTS);
    let counts = Arc::clone(&load.counts);
    wait_for("payments", || (counts.acknowledged() >= 60).then_some(()));
    let orders = load.finish();
    judge("a log that cannot be written", &orders, &counts, &plan, platform, &sandbox);
}

/// A platform with some payments, one after the other, and their ids.
fn with_payments(folder: &Folder) -> (Sandbox, Plan, Bezant, Vec<String>) {
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address);
    let platform = plan.start();
    let mut merchant = platform.merchant();
    let payments = (0..12).map(|number| {
        let body = json!({ "amount": { "amount_minor": 1_000 + number, "currency": "EUR" }, "payment_method": "pm_card_visa" });
        let answer = merchant.post("/v1/payments", &format!("key-{number}"), &body).unwrap();
        assert_eq!(answer.status, 201);
        answer.json()["id"].as_str().unwrap().to_owned()
    });
    let payments = payments.collect();
    (sandbox, plan, platform, payments)
}

fn assert_all_there(platform: &Bezant, payments: &[String]) {
    let mut merchant = platform.merchant();
    merchant.catch_up();
    for payment in payments {
        assert_eq!(merchant.read(&format!("/v1/payments/{payment}"))["status"], "captured");
    }
}

fn segment(plan: &Plan) -> PathBuf {
    let folder = plan.data.join("journal");
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension() == Some(OsStr::new("seg")));
    assert_eq!(names.len(), 1, "so few payments fit in one segment");
    names.remove(0)
}

fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], offset).unwrap();
}

#[test]
fn damage_in_the_middle_of_the_journal_refuses_to_start_and_names_the_place() {
    let folder = Folder::new("disk-damage");
    let (_sandbox, plan, platform, payments) = with_payments(&folder);
    assert_eq!(platform.stop().code(), Some(0));
    let path = segment(&plan);
    let events = plan.dumped();
    let middle = &events[events.len() / 2];
    let number = |event: &Value, name: &str| event[name].as_u64().unwrap();
    let offset = number(middle, "offset");
    let first_seq = events.iter().filter(|event| number(event, "offset") == offset).map(|event| number(event, "seq")).min().unwrap();
    for beyond in [8, 100] {
        let before = std::fs::read(&path).unwrap();
        flip(&path, offset + beyond);
        assert_eq!(plan.try_start().map(|_| ()).unwrap_err().code(), Some(1));
        let said = plan.log_text();
        let place = format!("{} at offset {offset}, sequence number {first_seq}", path.strip_prefix(&plan.data).unwrap().display());
        assert!(said.lines().last().unwrap().contains(&place), "{place} is named: {said}");
        let verify = plan.tool(&["journal", "verify"]);
        assert_eq!(verify.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&verify.stderr).contains(&place), "{place} is named by verify");
        flip(&path, offset + beyond);
        assert!(std::fs::read(&path).unwrap() == before, "a start that was refused changes nothing");
    }
    let platform = plan.start();
    assert_all_there(&platform, &payments);
}

#[test]
fn a_torn_tail_is_cut_off_and_everything_acknowledged_is_there() {
    let folder = Folder::new("disk-torn");
    let (_sandbox, plan, mut platform, payments) = with_payments(&folder);
    platform.process.kill();
    let path = segment(&plan);
    let bytes = std::fs::read(&path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let end = used.next_multiple_of(512);
    // As a write that a power failure cut: some sectors arrived, in no order.
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    for (sector, byte) in [(0_u64, 0xA5_u8), (2, 0x5A)] {
        file.write_all_at(&[byte; 512], u64::try_from(end).unwrap() + sector * 512).unwrap();
    }
    drop(file);
    let platform = plan.start();
    assert!(plan.log_text().contains("Torn"), "the log says that the tail was torn");
    assert_all_there(&platform, &payments);
    assert_eq!(platform.stop().code(), Some(0));
    plan.verified();
}

#[test]
fn a_second_instance_on_the_same_folder_is_refused() {
    let folder = Folder::new("disk-shared");
    let (_sandbox, plan, platform, payments) = with_payments(&folder);
    let second =
        Plan { listen: std::net::SocketAddr::from(([127, 0, 0, 1], support::free_port())), log: folder.join("second.log"), ..plan.clone() };
    assert_eq!(second.try_start().map(|_| ()).unwrap_err().code(), Some(1));
    assert!(second.log_text().contains("is in use by another process"), "{}", second.log_text());
    let erase = second.tool(&["privacy", "erase", &payments[0]]);
    assert_eq!(erase.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&erase.stderr).contains("is in use by another process"));
    assert_all_there(&platform, &payments);
}
