//! Real processes that are killed under load: nothing that was acknowledged is lost, nothing is charged twice.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use support::load::{Load, judge};
use support::{Draw, Folder, Plan, Sandbox, wait_for};

/// Kills of the platform in one test.
const PLATFORM_KILLS: u64 = 20;
/// Kills of the simulator in one test.
const SIMULATOR_KILLS: u64 = 6;
/// Clients at a time.
const CLIENTS: u64 = 6;

/// Every payment leaves the memory as soon as nothing is open at it, and tables of the index are small.
const SMALL: &str = "--payments-kept 0 --index-ids 1024";

/// Waits until `more` answers after now were final: a moment that depends on the seed and on real progress.
fn progress(load: &Load, more: u64) {
    let goal = load.counts.acknowledged() + more;
    wait_for("progress between kills", || (load.counts.acknowledged() >= goal).then_some(()));
}

#[test]
fn nothing_is_lost_or_doubled_when_the_platform_is_killed_twenty_times() {
    let folder = Folder::new("crash-platform");
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address).with(SMALL);
    let mut platform = plan.start();
    let load = Load::start(platform.address, &platform.api_key, 1, CLIENTS);
    let mut draw = Draw::new(1);
    for _ in 0..PLATFORM_KILLS {
        progress(&load, 1 + draw.below(30));
        platform.process.kill();
        platform = plan.start();
    }
    progress(&load, 30);
    let counts = std::sync::Arc::clone(&load.counts);
    let orders = load.finish();
    assert!(counts.broken.load(std::sync::atomic::Ordering::Relaxed) >= PLATFORM_KILLS, "every kill broke connections");
    judge(&format!("{PLATFORM_KILLS} kills of the platform"), &orders, &counts, &plan, platform, &sandbox);
}

#[test]
fn nothing_is_lost_or_doubled_when_the_simulator_is_killed() {
    let folder = Folder::new("crash-simulator");
    let mut sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address).with(SMALL);
    let platform = plan.start();
    let load = Load::start(platform.address, &platform.api_key, 2, CLIENTS);
    let mut draw = Draw::new(2);
    for _ in 0..SIMULATOR_KILLS {
        progress(&load, 1 + draw.below(60));
        sandbox.kill_and_restart();
    }
    progress(&load, 30);
    let counts = std::sync::Arc::clone(&load.counts);
    let orders = load.finish();
    judge(&format!("{SIMULATOR_KILLS} kills of the simulator"), &orders, &counts, &plan, platform, &sandbox);
}
