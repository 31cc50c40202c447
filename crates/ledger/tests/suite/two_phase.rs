//! Pending transfers, posts, voids, timeouts, limits, balancing and closing: one rule a test.

use ledger::BATCH_EVENTS_MAX;

use crate::fixture::{check, plain_account, transfer};

#[test]
fn a_pending_transfer_reserves_on_both_sides() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 pending -> created
balance 1 = 10/0 0/0
balance 2 = 0/0 10/0
pending 1 = pending
",
    );
}

#[test]
fn a_post_moves_the_amount_and_ends_the_reservation() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 pending -> created
  2 post of=1 -> created
balance 1 = 0/10 0/0
balance 2 = 0/0 0/10
pending 1 = posted
pending 2 = none
",
    );
}

#[test]
fn a_partial_post_releases_the_rest_and_no_second_post_follows() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 pending -> created
  2 post of=1 amount=4 -> created
  3 post of=1 amount=6 -> pending_transfer_already_posted
balance 1 = 0/4 0/0
balance 2 = 0/0 0/4
",
    );
}

#[test]
fn a_post_of_zero_releases_everything() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 pending -> created
  2 post of=1 amount=0 -> created
balance 1 = 0/0 0/0
pending 1 = posted
",
    );
}

#[test]
fn a_void_names_no_amount_or_all_of_it_and_releases_everything() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 pending -> created
  2 pending -> created
  3 void of=1 -> created
  4 void of=2 amount=10 -> created
balance 1 = 0/0 0/0
balance 2 = 0/0 0/0
pending 1 = voided
",
    );
}

#[test]
fn a_resolution_inherits_what_it_leaves_open() {
    let shown = check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 pending code=7 u128=1 u64=2 u32=3 -> created
  2 post of=1 u64=9 -> created
",
    );
    let post = shown.ledger.transfer(2).unwrap();
    assert_eq!((post.debit_account_id, post.credit_account_id, post.ledger, post.code), (1, 2, 1, 7));
    assert_eq!((post.amount, post.user_data_128, post.user_data_64, post.user_data_32), (10, 1, 9, 3));
}

#[test]
fn a_pending_transfer_that_would_exceed_fails_at_once() {
    check(
        "
accounts
  1 debits_limited -> created
  2 -> created
  3 -> created
transfers
  1 debit=3 credit=1 amount=15 -> created
  2 pending -> created
  3 pending -> exceeds_credits
  4 pending amount=5 -> created
balance 1 = 15/0 0/15
",
    );
}

#[test]
fn pending_credits_do_not_raise_a_debit_limit() {
    check(
        "
accounts
  1 debits_limited -> created
  2 -> created
transfers
  1 debit=2 credit=1 pending -> created
  2 amount=1 -> exceeds_credits
  3 post of=1 -> created
  4 amount=10 -> created
",
    );
}

#[test]
fn a_post_passes_although_the_limit_is_used_up() {
    check(
        "
accounts
  1 debits_limited -> created
  2 credits_limited -> created
  3 -> created
transfers
  1 debit=3 credit=1 -> created
  2 debit=2 credit=3 -> created
  3 pending -> created
  4 amount=1 -> exceeds_credits
  5 post of=3 -> created
balance 1 = 0/10 0/10
balance 2 = 0/10 0/10
",
    );
}

#[test]
fn a_timeout_counts_in_seconds_from_the_transfers_own_timestamp() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers @1_000
  1 pending timeout=2 -> created @1_000
  2 pending timeout=2 -> created @1_001
expire @2_000_000_999 ->
pending 1 = pending
expire @2_000_001_000 -> 1
pending 1 = expired
pending 2 = pending
balance 1 = 10/0 0/0
",
    );
}

#[test]
fn a_post_at_the_expiry_fails_before_anyone_swept_and_a_nanosecond_earlier_passes() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers @1_000
  1 pending timeout=1 -> created
  2 pending timeout=1 -> created
transfers @1_000_000_999
  3 post of=1 -> created @1_000_000_999
transfers @1_000_001_001
  4 post of=2 -> pending_transfer_expired
  5 void of=2 -> pending_transfer_expired
pending 2 = pending
expire @1_000_001_001 -> 2
",
    );
}

#[test]
fn transfers_expire_in_order_of_expiry_then_of_timestamp() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers @1_000
  9 pending timeout=3 -> created
  8 pending timeout=2 -> created
  7 pending timeout=1 -> created
  6 pending -> created
transfers @1_000_001_000
  5 pending timeout=2 -> created   # expires together with 9, created later
expire @9_000_000_000 -> 7 8 9 5
balance 1 = 10/0 0/0
expire @9_000_000_000 ->
",
    );
}

#[test]
fn a_resolved_transfer_never_expires() {
    let shown = check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 pending timeout=1 -> created
  2 pending timeout=1 -> created
  3 post of=1 -> created
  4 void of=2 -> created
expire @9_000_000_000 ->
balance 1 = 0/10 0/0
",
    );
    assert_eq!(shown.ledger.expires_next_at_ns(), None);
}

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

#[test]
fn balancing_moves_at_most_the_headroom_of_the_named_sides() {
    let shown = check(
        "
accounts
  1 -> created
  2 -> created
  3 -> created
transfers
  1 debit=3 credit=1 amount=30 -> created   # 1 may be debited 30
  2 debit=2 credit=3 amount=20 -> created   # 2 may be credited 20
  3 pending amount=5 -> created             # pending counts as used
  4 balancing_debit balancing_credit amount=max -> created
  5 balancing_credit amount=7 -> created
  6 balancing_debit amount=7 -> created
  7 balancing_debit amount=99 -> created
  8 balancing_debit amount=99 -> created
balance 1 = 5/25 0/30
",
    );
    let amounts: Vec<u128> = (4..=8).map(|id| shown.ledger.transfer(id).unwrap().amount).collect();
    assert_eq!(amounts, [15, 0, 7, 3, 0]);
}

#[test]
fn a_closing_transfer_closes_until_it_is_voided() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 pending -> created
  2 pending closing_debit amount=0 -> created
balance 1 = 10/0 0/0 closed
transfers
  3 -> debit_account_already_closed
  4 debit=2 credit=1 -> credit_account_already_closed
  5 post of=1 -> debit_account_already_closed
  6 post of=2 -> debit_account_already_closed
  7 pending closing_debit -> debit_account_already_closed
  8 void of=1 -> created
balance 1 = 0/0 0/0 closed
transfers
  9 void of=2 -> created
  10 -> created
balance 1 = 0/10 0/0
",
    );
}

#[test]
fn a_closing_transfer_may_close_either_side_and_its_timeout_opens_again() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers @1_000
  1 pending -> created
  2 pending closing_credit closing_debit amount=3 timeout=1 -> created
balance 1 = 13/0 0/0 closed
balance 2 = 0/0 13/0 closed
transfers
  3 post of=1 -> debit_account_already_closed
expire @2_000_000_000 -> 2
balance 1 = 10/0 0/0
balance 2 = 0/0 10/0
",
    );
}

#[test]
fn a_pending_transfer_expires_in_a_closed_account() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers @1_000
  1 pending timeout=1 -> created
  2 pending closing_debit amount=0 -> created
expire @2_000_000_000 -> 1
balance 1 = 0/0 0/0 closed
",
    );
}

#[test]
fn zero_is_an_amount() {
    check(
        "
accounts
  1 debits_limited -> created
  2 -> created
transfers
  1 amount=0 -> created
  2 pending amount=0 -> created
  3 post of=2 -> created
balance 1 = 0/0 0/0
",
    );
}

#[test]
fn ledgers_balance_apart_and_their_totals_wrap_without_losing_balance() {
    let shown = check(
        "
accounts
  1 -> created
  2 -> created
  3 -> created
  4 -> created
  5 ledger=2 -> created
  6 ledger=2 -> created
transfers
  1 amount=max -> created
  2 debit=3 credit=4 amount=max -> created
  3 debit=5 credit=6 ledger=2 pending -> created
",
    );
    assert_eq!(shown.ledger.totals(1).debits_posted, u128::MAX - 1);
    assert_eq!(shown.ledger.totals(2).credits_pending, 10);
    assert_eq!(shown.ledger.totals(3), ledger::Totals::default());
}
