//! The documentation is true: every code block of it runs, prints what the page says, and shows objects of the API as
//! they are. What a block may say of itself stands in `blocks.rs`, how pages run in `run.rs`.
//!
//! With `BEZANT_UPDATE=1` a block of output that holds only a question mark is filled in.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod blocks;
mod compare;
mod reference;
mod run;
mod shapes;
#[path = "../support/mod.rs"]
mod support;

use blocks::Page;
use std::path::Path;

/// Most blocks, of all pages together, that cannot run by themselves. Only shrinks.
const NOT_RUN_MAX: usize = 5;

macro_rules! pages {
    ($($name:ident = $path:literal;)+) => {
        /// Every page with a test of its own.
        const PAGES: &[&str] = &[$($path),+];

        $(#[test]
        fn $name() {
            must_be_true($path);
        })+
    };
}

pages! {
    the_readme = "README.md";
    quickstart = "docs/guide/quickstart.md";
    payments = "docs/guide/payments.md";
    unknown_outcomes = "docs/guide/unknown-outcomes.md";
    idempotency = "docs/guide/idempotency.md";
    ledger = "docs/guide/ledger.md";
    events = "docs/guide/events.md";
    webhooks = "docs/guide/webhooks.md";
    customers = "docs/guide/customers.md";
    refunds = "docs/guide/refunds.md";
    disputes = "docs/guide/disputes.md";
    erasing_people = "docs/guide/erasing-people.md";
    the_api = "docs/guide/api.md";
    errors = "docs/guide/errors.md";
    decline_classes = "docs/guide/declines.md";
    testing_values = "docs/guide/testing.md";
    console = "docs/guide/console.md";
    performance = "docs/performance.md";
    ledger_performance = "docs/ledger-performance.md";
    metrics = "docs/guide/metrics.md";
    life_cycles = "docs/guide/lifecycles.md";
    files_of_orders = "docs/guide/orders-csv.md";
    ledgers = "docs/guide/ledgers.md";
    ledger_workloads = "docs/guide/ledger-workloads.md";
    the_command_line = "docs/guide/command-line.md";
    runbook = "docs/guide/runbook.md";
}

fn must_be_true(name: &str) {
    let report = run::page(&Page::read(name));
    for line in &report.not_run {
        println!("not run: {line}");
    }
    assert!(report.wrong.is_empty(), "{}", report.wrong.join("\n\n"));
    println!("{name}: {} ran", report.run);
}

/// Every markdown file below a folder of the repository, as paths from its root.
fn pages_below(folder: &str) -> Vec<String> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).unwrap() {
            let name = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
            if root.join(&name).is_dir() {
                open.push(name);
            } else if name.ends_with(".md") {
                found.push(name);
            }
        }
    }
    found
}

#[test]
fn every_page_of_the_guide_has_its_test() {
    for name in pages_below("docs/guide") {
        assert!(PAGES.contains(&name.as_str()), "{name} is not in the list of this file, so that its blocks do not run");
    }
}

#[test]
fn few_blocks_do_not_run_and_each_says_why() {
    let mut not_run = Vec::new();
    for name in PAGES {
        for step in Page::read(name).steps() {
            if let blocks::Step::NotRun { line, why, .. } | blocks::Step::NotChecked { line, why } = step {
                assert!(why.len() > 10, "{name}:{line} gives no reason");
                not_run.push(format!("{name}:{line}: {why}"));
            }
        }
    }
    println!("{}", not_run.join("\n"));
    assert!(not_run.len() <= NOT_RUN_MAX, "{} blocks do not run:\n{}", not_run.len(), not_run.join("\n"));
}
