//! What a table cannot say: bounds of a batch and of a sweep, and many chains at once.

use ledger::{BATCH_EVENTS_MAX, CreateTransferStatus as Status, Ledger, Transfer};

use crate::fixture::{check, plain_account, transfer};

#[test]
fn one_sweep_releases_at_most_a_batch() {
    let mut ledger = ledger::Ledger::new();
    ledger.create_accounts(&[plain_account(1, 1), plain_account(2, 1)], 1);
    let rows: Vec<_> = (1..=BATCH_EVENTS_MAX).map(|id| transfer(&format!("{id} pending timeout=1"))).collect();
    ledger.create_transfers(&rows, 10);
    ledger.create_transfers(&[transfer("9999 pending timeout=1")], 1_000_000);
    assert_eq!(ledger.expires_next_at_ns(), Some(1_000_000_010));
    assert_eq!(ledger.expire(u64::MAX).len(), BATCH_EVENTS_MAX);
    assert_eq!(ledger.expire(u64::MAX), [9_999]);
    assert!(ledger.totals(1).is_balanced());
    assert_eq!(ledger.totals(1).debits_pending, 0);
}

#[test]
#[should_panic(expected = "a batch of 8190 events")]
fn a_batch_over_the_limit_is_a_bug_of_the_caller() {
    let rows = vec![transfer("1"); BATCH_EVENTS_MAX + 1];
    ledger::Ledger::new().create_transfers(&rows, 1);
}

#[test]
#[should_panic(expected = "time 11 does not follow 11")]
fn time_that_stands_still_is_a_bug_of_the_caller() {
    let mut ledger = ledger::Ledger::new();
    ledger.create_accounts(&[plain_account(1, 1), plain_account(2, 1)], 10);
    ledger.create_transfers(&[transfer("1")], 11);
}

/// Where a chain of a batch breaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Break {
    Nowhere,
    First,
    Middle,
    Last,
}

/// Fifty chains side by side, of 2 to 8 events: they hold, break at the first event, in the middle or at the last one, and
/// the last one is left open.
#[test]
fn fifty_chains_of_one_batch_hold_or_break_by_themselves() {
    let mut table = String::from("accounts\n  1 -> created\n  2 -> created\ntransfers @100\n");
    let (mut id, mut created) = (0, 0);
    let fates = [Break::Nowhere, Break::First, Break::Middle, Break::Nowhere, Break::Last];
    for chain in 0..50 {
        let (length, fate) = (2 + chain % 7, fates[chain % fates.len()]);
        let is_open = chain == 49;
        for place in 0..length {
            id += 1;
            let is_last = place + 1 == length;
            let linked = if is_last && !is_open { "" } else { " linked" };
            let breaks = match fate {
                Break::Nowhere => false,
                Break::First => place == 0,
                Break::Middle => place == length / 2 && !is_last,
                Break::Last => is_last,
            };
            let holds = fate == Break::Nowhere || (fate == Break::Middle && length == 2);
            let (code, status) = match () {
                () if is_open && is_last => ("", "linked_event_chain_open"),
                () if breaks && !is_open => (" code=0", "code_must_not_be_zero"),
                () if holds && !is_open => ("", "created"),
                () => ("", "linked_event_failed"),
            };
            created += usize::from(status == "created");
            table += &format!("  {id}{linked}{code} amount=1 -> {status} @{}\n", 99 + id);
        }
    }
    table += &format!("balance 1 = 0/{created} 0/0\n");
    // What was taken back was not burned.
    table += "transfers\n";
    let again = (1..=id).map(|id| format!("  {} amount=1 -> created\n", 1_000 + id));
    table.extend(again);
    check(&table);
    assert!(created > 50 && created < id, "{created} of {id}");
}

/// The longest chain there is, whole and with its last event broken.
#[test]
fn a_chain_may_fill_a_batch() {
    let mut ledger = Ledger::new();
    ledger.create_accounts(&[plain_account(1, 1), plain_account(2, 1)], 1);
    let mut rows: Vec<Transfer> = (1..=BATCH_EVENTS_MAX).map(|id| transfer(&format!("{id} linked amount=1"))).collect();
    rows[BATCH_EVENTS_MAX - 1] = transfer(&format!("{BATCH_EVENTS_MAX} code=0"));
    let results = ledger.create_transfers(&rows, 10);
    assert!(results[..BATCH_EVENTS_MAX - 1].iter().all(|result| result.status == Status::LinkedEventFailed));
    assert_eq!(results[BATCH_EVENTS_MAX - 1].status, Status::CodeMustNotBeZero);
    assert_eq!((ledger.transfers().len(), ledger.account(1).unwrap().debits_posted), (0, 0));

    rows[BATCH_EVENTS_MAX - 1] = transfer(&format!("{BATCH_EVENTS_MAX} amount=1"));
    let results = ledger.create_transfers(&rows, 10_000);
    assert!(results.iter().all(|result| result.status == Status::Created));
    assert_eq!(ledger.account(1).unwrap().debits_posted, u128::try_from(BATCH_EVENTS_MAX).unwrap());
}
