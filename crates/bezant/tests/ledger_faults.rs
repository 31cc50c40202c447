//! Merchants' own ledgers under a bulk load, on real processes that are killed and whose disk misbehaves, while indexes, merges and
//! snapshots are written too: nothing that was acknowledged is lost, nothing that was refused exists, nothing happens twice.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::path::Path;
use support::bookings::Bookings;
use support::faults::{Mounted, SyncFault};
use support::{Draw, Folder, Plan, wait_for};

/// Kills at moments that depend on the seed and on real progress.
const KILLS: u64 = 6;
/// Nothing listens there: no payment is made.
const NO_PROVIDER: &str = "127.0.0.1:1";
/// The threads that write files beside the journal's, and batches that give each of them something to write.
const WRITERS: [(&str, u64); 3] = [("indexes", 4), ("merges", 20), ("snapshots", 180)];

fn plan(folder: &Path) -> Plan {
    // The least that is allowed, so that a short test has many tables, merged ones among them.
    Plan::new(folder, NO_PROVIDER.parse().unwrap()).with("--index-ids 1024")
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
    let mut draw = Draw::new(2);
    for (writer, batches) in WRITERS {
        fault.hang(writer);
        bookings.book(batches);
        wait_for(writer, || (fault.met_count() > 0).then_some(()));
        bookings.be_amid(&mut draw);
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
    for (writer, batches) in WRITERS {
        fault.fail(writer);
        bookings.book(batches);
        wait_for(writer, || (fault.met_count() > 1).then_some(()));
        fault.clear();
        bookings.book(batches);
    }
    bookings.allow(u64::MAX);
    fault.fail("journal");
    assert_eq!(platform.process.wait().code(), Some(1), "a platform that cannot write ends with an error");
    assert!(plan.log_text().contains("the journal stopped: cannot sync journal/"), "{}", plan.log_text());
    fault.clear();
    let platform = plan.start();
    bookings.finish().judge("syncs that failed", &plan, platform);
}

#[test]
fn a_disk_that_bookings_fill_stops_the_platform_and_loses_nothing() {
    let folder = Folder::new("ledger-full");
    let Some(disk) = Mounted::new(&folder.join("disk"), 24) else { return };
    let plan = Plan { data: disk.0.join("platform"), ..plan(&folder.0) };
    let mut platform = plan.start();
    let bookings = Bookings::start(&platform);
    bookings.allow(u64::MAX);
    assert_eq!(platform.process.wait().code(), Some(1), "a platform that cannot write ends with an error");
    assert!(plan.log_text().contains("No space left on device"), "{}", plan.log_text());
    disk.resize(96);
    let platform = plan.start();
    bookings.finish().judge("a full disk", &plan, platform);
}
