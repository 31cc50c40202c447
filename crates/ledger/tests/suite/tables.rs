//! Runs the tables of the folder `tables`: every rule of the ledger as rows of events and outcomes. `fixture.rs` says how to
//! read them.
//!
//! Together they show every status, and of any two that stand next to each other in order of precedence that the first one
//! wins, unless they say why no event can earn both.

use std::fs;

use ledger::{CreateAccountStatus, CreateTransferStatus};

use crate::fixture::{Statuses, check};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tables");

/// Runs all tables, each on a ledger of its own, and adds up what they have shown.
fn shown() -> (Statuses, Statuses) {
    let mut paths: Vec<_> = fs::read_dir(FOLDER).expect("the tables are there").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let (mut accounts, mut transfers) = (Statuses::default(), Statuses::default());
    for path in paths {
        let text = fs::read_to_string(&path).expect("a text");
        for table in text.split("\n## ").skip(1) {
            let (title, steps) = table.split_once('\n').expect("steps after a title");
            // Shown if it fails.
            println!("{}: {title}", path.display());
            let shown = check(steps);
            add(&mut accounts, shown.accounts);
            add(&mut transfers, shown.transfers);
        }
    }
    (accounts, transfers)
}

fn add(all: &mut Statuses, shown: Statuses) {
    all.given.extend(shown.given);
    all.pairs.extend(shown.pairs);
    all.never.extend(shown.never);
}

fn check_order(shown: &Statuses, names: &[&str]) {
    let missed: Vec<&&str> = names.iter().filter(|name| !shown.given.contains(**name)).collect();
    assert!(missed.is_empty(), "no row is given {missed:?}");
    for pair in names.windows(2) {
        let pair = (pair[0].to_owned(), pair[1].to_owned());
        match (shown.pairs.contains(&pair), shown.never.contains(&pair)) {
            (true, false) | (false, true) => {}
            (true, true) => panic!("a row earns {pair:?}, and another line says that none can"),
            (false, false) => panic!("no row earns {pair:?}, and no line says why none can"),
        }
    }
    for (winner, loser) in &shown.pairs {
        let place = |name: &String| names.iter().position(|known| known == name);
        assert!(place(winner) < place(loser), "a row earns {winner} and {loser}, and is given the later one");
    }
}

#[test]
fn every_table_holds_and_together_they_show_every_status_and_the_order_of_precedence() {
    let (accounts, transfers) = shown();
    let names: Vec<&str> = CreateAccountStatus::ALL.iter().map(|status| status.name()).collect();
    check_order(&accounts, &names);
    let names: Vec<&str> = CreateTransferStatus::ALL.iter().map(|status| status.name()).collect();
    check_order(&transfers, &names);
}

#[test]
fn the_numbers_of_account_statuses_are_the_references_and_three_more() {
    let mut codes: Vec<u32> = CreateAccountStatus::ALL.iter().map(|status| status.code()).collect();
    assert_eq!(codes[..7], [1, 2, 22, 23, 3, 24, 25]);
    codes.sort_unstable();
    let expected: Vec<u32> = (1..=26).chain([1_001, 1_002, 1_003, u32::MAX]).collect();
    assert_eq!(codes, expected);
}

#[test]
fn the_numbers_of_transfer_statuses_are_the_references_and_one_more() {
    let mut codes: Vec<u32> = CreateTransferStatus::ALL.iter().map(|status| status.code()).collect();
    assert_eq!(codes[10..16], [36, 40, 44, 37, 38, 39]);
    codes.sort_unstable();
    let expected: Vec<u32> = (1..=68).filter(|code| *code != 18).chain([1_001, u32::MAX]).collect();
    assert_eq!(codes, expected);
}

#[test]
fn the_transient_failures_are_the_references() {
    let transient: Vec<&str> =
        CreateTransferStatus::ALL.iter().filter(|status| status.is_transient()).map(|status| status.name()).collect();
    assert_eq!(
        transient,
        [
            "debit_account_not_found",
            "credit_account_not_found",
            "pending_transfer_not_found",
            "debit_account_already_closed",
            "credit_account_already_closed",
            "exceeds_credits",
            "exceeds_debits",
        ]
    );
}
