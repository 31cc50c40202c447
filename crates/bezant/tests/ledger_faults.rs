//! Merchants' own ledgers under a bulk load, on real processes that are killed and whose disk misbehaves, while indexes, merges and
//! snapshots are written too: nothing that was acknowledged is lost, nothing that was refused exists, nothing happens twice.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use support::bookings::Bookings;
use support::faults::{Mounted, SyncFault};
use support::{Draw, Folder, Plan, Sandbox, wait_for};

/// Kills at moments that depend on the seed and on real progress.
const KILLS: u64 = 6;
/// Nothing listens there: no payment is made.
const NO_PROVIDER: &str = "127.0.0.1:1";
/// Batches to begin with.
const FIRST_BATCHES: u64 = 40;

/// Batches that are many times what may wait in memory for the index.
const BATCHES_BEHIND: u64 = 60;
/// More batches than can be in memory: four generations of two batches that are full, one that is not, and what was decided at once.
const BATCHES_IN_MEMORY_MAX: u64 = 16;

/// A thread that writes files beside the journal's.
struct Writer {
    thread: &'static str,
    /// Batches that give it something to write.
    batches: u64,
    folder: &'static str,
    /// Its files are larger than this, in bytes, and those of other writers in the folder are not.
    bytes_min: u64,
}

const WRITERS: [Writer; 3] = [
    Writer { thread: "indexes", batches: 4, folder: "index", bytes_min: 1 },
    Writer { thread: "merges", batches: 20, folder: "index", bytes_min: 100_000 },
    Writer { thread: "snapshots", batches: 180, folder: "snapshots", bytes_min: 1 },
];

fn plan(folder: &Path) -> Plan {
    // The least that is allowed, so that a short test has many tables, merged ones among them.
    Plan::new(folder, NO_PROVIDER.parse().unwrap()).with("--index-ids 1024")
}

/// Complete files in a folder of the data, by name.
fn files(plan: &Plan, folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(plan.data.join(folder)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension() != Some(OsStr::new("tmp")));
    paths.sort();
    paths
}

fn has_written(writer: &Writer, plan: &Plan) -> bool {
    files(plan, writer.folder).iter().any(|path| path.metadata().is_ok_and(|found| found.len() >= writer.bytes_min))
}

#[test]
fn no_booking_is_lost_or_doubled_when_the_platform_is_killed_under_load() {
    let folder = Folder::new("ledger-killed");
    let plan = plan(&folder.0);
    let mut platform = plan.start();
    let bookings = Bookings::start(&platform);
    let mut draw = Draw::new(1);
    for _ in 0..KILLS {
        bookings.be_amid(&mut draw);
        platform.process.kill();
        platform = plan.start();
    }
    assert!(bookings.unknown() >= KILLS, "every kill left batches open");
    bookings.finish().judge(&format!("{KILLS} kills"), &plan, platform);
}

/// A sync that hangs keeps a file half written for as long as it takes to kill the process then.
#[test]
fn no_booking_is_lost_or_doubled_when_the_platform_is_killed_while_it_writes_other_files() {
    let folder = Folder::new("ledger-killed-beside");
    let Some(fault) = SyncFault::new(&folder) else { return };
    let plan = Plan { environment: fault.environment(), ..plan(&folder.0) };
    let mut platform = plan.start();
    let bookings = Bookings::start(&platform);
    for writer in &WRITERS {
        fault.hang(writer.thread);
        bookings.book(writer.batches);
        wait_for(writer.thread, || (fault.met_count() > 0).then_some(()));
        bookings.allow(writer.batches);
        platform.process.kill();
        fault.clear();
        platform = plan.start();
    }
    bookings.finish().judge("kills while indexes, merges and snapshots were written", &plan, platform);
}

#[test]
fn syncs_that_fail_beside_the_journal_stop_nothing_and_one_of_the_journal_loses_nothing() {
    let folder = Folder::new("ledger-sync");
    let Some(fault) = SyncFault::new(&folder) else { return };
    let plan = Plan { environment: fault.environment(), ..plan(&folder.0) };
    let mut platform = plan.start();
    let bookings = Bookings::start(&platform);
    for writer in &WRITERS {
        fault.fail(writer.thread);
        bookings.book(writer.batches);
        wait_for(writer.thread, || (fault.met_count() > 1).then_some(()));
        assert!(!has_written(writer, &plan), "{}", writer.thread);
        fault.clear();
        bookings.book(1);
        wait_for(writer.thread, || has_written(writer, &plan).then_some(()));
    }
    bookings.allow(u64::MAX);
    fault.fail("journal");
    assert_eq!(platform.process.wait().code(), Some(1), "a platform that cannot write ends with an error");
    assert!(plan.log_text().contains("the journal stopped: cannot sync journal/"), "{}", plan.log_text());
    fault.clear();
    let platform = plan.start();
    bookings.finish().judge("syncs that failed", &plan, platform);
}

/// What is not written to the index stays in memory, which is bounded: then bookings wait, and are shed, until it can be written.
#[test]
fn an_index_that_cannot_be_written_holds_up_bookings_and_nothing_else() {
    let folder = Folder::new("ledger-behind");
    let Some(fault) = SyncFault::new(&folder) else { return };
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan { environment: fault.environment(), provider: sandbox.address, ..plan(&folder.0) };
    let platform = plan.start();
    let bookings = Bookings::start(&platform);
    let mut merchant = platform.merchant();
    let accounts = ["1001", "1002"].map(|id| json!({ "id": id, "ledger": 1, "code": 1 }));
    let made = merchant.post("/v1/ledger/accounts", "accounts", &json!({ "accounts": accounts })).unwrap();
    assert_eq!(made.json()["results"][1]["status"], "created");
    let booked = |id: &str, more: Value| {
        let mut transfer =
            json!({ "id": id, "debit_account_id": "1001", "credit_account_id": "1002", "amount": "5", "ledger": 1, "code": 1 });
        transfer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "transfers": [transfer] })
    };
    fault.fail("indexes");
    let reserved = merchant.post("/v1/ledger/transfers", "", &booked("1", json!({ "flags": ["pending"], "timeout": 2 }))).unwrap();
    assert_eq!(reserved.json()["results"][0]["status"], "created");
    bookings.allow(BATCHES_BEHIND);
    let shed = wait_for("a booking to be shed", || {
        let answer = merchant.post("/v1/ledger/transfers", "", &booked("2", json!({}))).unwrap();
        (answer.status == 503).then_some(answer)
    });
    assert_eq!((shed.code().as_str(), shed.header("retry-after").is_some()), ("busy", true));
    assert!(bookings.acknowledged() < BATCHES_IN_MEMORY_MAX, "{} batches are in memory", bookings.acknowledged());
    wait_for("the reservation to expire", || {
        let account = merchant.read("/v1/ledger/accounts/1001");
        (account["debits_pending"] == "0").then_some(())
    });
    let body = json!({ "amount": { "amount_minor": 1_000, "currency": "EUR" }, "payment_method": "pm_card_visa" });
    let paid = merchant.post("/v1/payments", "paid", &body).unwrap();
    assert_eq!((paid.status, &paid.json()["status"]), (201, &json!("captured")));
    assert!(bookings.acknowledged() < BATCHES_IN_MEMORY_MAX, "{} batches are in memory", bookings.acknowledged());
    fault.clear();
    bookings.book(1);
    let again = merchant.post("/v1/ledger/transfers", "", &booked("2", json!({}))).unwrap();
    let status = again.json()["results"][0]["status"].clone();
    assert!(status == "created" || status == "exists", "{status}");
    bookings.finish().judge("an index that could not be written", &plan, platform);
}

/// Whether the index or the journal has no room first: bookings are shed until there is room, or the platform stops.
#[test]
fn a_disk_that_bookings_fill_loses_nothing_and_serves_again_when_it_has_room() {
    let folder = Folder::new("ledger-full");
    let Some(disk) = Mounted::new(&folder.join("disk"), 24) else { return };
    let plan = Plan { data: disk.0.join("platform"), ..plan(&folder.0) };
    let mut platform = plan.start();
    let bookings = Bookings::start(&platform);
    bookings.allow(u64::MAX);
    wait_for("bookings that are not answered", || (bookings.unknown() > 0).then_some(()));
    assert!(plan.log_text().contains("No space left on device"), "{}", plan.log_text());
    disk.resize(96);
    let goal = bookings.acknowledged() + FIRST_BATCHES;
    wait_for("bookings after there is room", || {
        if !platform.process.is_running() {
            assert_eq!(platform.process.wait().code(), Some(1), "a platform that cannot write ends with an error");
            platform = plan.start();
        }
        (bookings.acknowledged() >= goal).then_some(())
    });
    bookings.finish().judge("a full disk", &plan, platform);
}

#[test]
fn indexes_that_are_gone_or_damaged_are_made_again_from_the_journal() {
    let folder = Folder::new("ledger-damaged");
    let plan = plan(&folder.0);
    let mut platform = plan.start();
    let bookings = Bookings::start(&platform);
    bookings.book(FIRST_BATCHES);
    wait_for("tables that were merged", || has_written(&WRITERS[1], &plan).then_some(()));
    platform.process.kill();
    let tables = files(&plan, "index");
    std::fs::remove_file(&tables[0]).unwrap();
    for path in &tables[1..] {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(path, bytes).unwrap();
    }
    let platform = plan.start();
    bookings.finish().judge("damaged indexes", &plan, platform);
}
