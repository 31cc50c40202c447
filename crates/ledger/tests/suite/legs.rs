//! The platform's own postings: the rules of `apply_legs`, and that breaking one panics.

use crate::fixture::{check, plain_account, transfer};

const ACCOUNTS: &str = "
accounts
  1 -> created
  2 -> created
  3 ledger=2 -> created
  4 debits_limited -> created
  5 closed -> created
";

fn check_legs(steps: &str) {
    check(&format!("{ACCOUNTS}{steps}"));
}

#[test]
fn legs_post_reserve_post_in_part_and_void() {
    check_legs(
        "
legs
  1 amount=7
  2 pending amount=100
  5 pending amount=50
  6 pending amount=30
balance 1 = 180/7 0/0
leg 2 = 100
legs
  7 post of=2 amount=60
  8 post of=5
  9 void of=6
leg 2 = closed
balance 1 = 0/117 0/0
balance 2 = 0/0 0/117
",
    );
}

#[test]
fn a_resolution_may_name_what_it_resolves_but_must_match() {
    check_legs(
        "
legs
  1 pending
  2 pending
  3 post of=1 debit=1 credit=2 ledger=1 code=1 amount=10
  4 void of=2 debit=1 credit=2 ledger=1 code=1 amount=10
legs
  5 pending
legs panic leg 6 breaks a rule: pending_transfer_has_different_debit_account_id
  6 post of=5 debit=2
legs panic pending_transfer_has_different_credit_account_id
  6 post of=5 credit=1
legs panic pending_transfer_has_different_ledger
  6 post of=5 ledger=2
legs panic pending_transfer_has_different_code
  6 post of=5 code=2
legs panic exceeds_pending_transfer_amount
  6 post of=5 amount=11
legs panic pending_transfer_has_different_amount
  6 void of=5 amount=9
",
    );
}

#[test]
fn a_hold_is_resolved_at_most_once() {
    check_legs(
        "
legs
  1 pending
  2 post of=1 amount=3
legs panic leg 3 breaks a rule: pending_transfer_not_found
  3 post of=1
legs panic leg 3 breaks a rule: pending_transfer_not_found
  3 void of=1
",
    );
}

#[test]
fn ids_of_legs_only_grow() {
    check_legs(
        "
legs
  5
legs panic leg 5 does not follow leg 5
  5
legs panic leg 4 does not follow leg 5
  4
legs panic leg 0 does not follow leg 5
  0
legs panic leg 6 does not follow leg 6
  6
  6
legs panic id_must_not_be_int_max
  max
",
    );
}

#[test]
fn a_leg_that_breaks_a_rule_panics_with_the_status() {
    check_legs(
        "
legs panic debit_account_id_must_not_be_zero
  1 debit=0
legs panic accounts_must_be_different
  1 debit=2
legs panic pending_id_must_be_zero
  1 of=1
legs panic pending_id_must_not_be_zero
  1 post
legs panic ledger_must_not_be_zero
  1 ledger=0
legs panic code_must_not_be_zero
  1 code=0
legs panic debit_account_not_found
  1 debit=404
legs panic credit_account_not_found
  1 credit=404
legs panic accounts_must_have_the_same_ledger
  1 credit=3
legs panic transfer_must_have_the_same_ledger_as_accounts
  1 ledger=2
legs panic debit_account_already_closed
  1 debit=5
legs panic credit_account_already_closed
  1 credit=5
legs panic exceeds_credits
  1 debit=4
legs panic overflows_debits_posted
  1
  2 amount=max
legs panic reserved_flag
  1 unknown_flag
legs panic flags_are_mutually_exclusive
  1 linked
legs panic flags_are_mutually_exclusive
  1 balancing_debit
legs panic flags_are_mutually_exclusive
  1 pending closing_debit
legs panic flags_are_mutually_exclusive
  1 post void of=1
legs panic leg 1 has a timeout
  1 pending timeout=1
",
    );
}

#[test]
fn a_closed_account_lets_a_hold_be_voided_but_not_posted() {
    check_legs(
        "
legs
  1 pending
transfers
  1 pending closing_debit amount=0 -> created
legs panic debit_account_already_closed
  2 post of=1
legs
  2 void of=1
balance 1 = 0/0 0/0 closed
",
    );
}

#[test]
fn limits_hold_for_legs_and_reservations_count() {
    check_legs(
        "
legs
  1 debit=2 credit=4 amount=10
  2 debit=4 credit=2 pending amount=6
legs panic exceeds_credits
  3 debit=4 credit=2 pending amount=5
legs
  3 debit=4 credit=2 pending amount=4
  4 post of=2
balance 4 = 4/6 0/10
",
    );
}

#[test]
fn clients_and_legs_share_accounts_but_not_transfer_ids() {
    check_legs(
        "
transfers
  7 pending -> created
legs
  7 pending amount=3
balance 1 = 13/0 0/0
transfers
  8 void of=7 -> created
leg 7 = 3
pending 7 = voided
legs
  8 post of=7
transfers
  9 post of=8 -> pending_transfer_not_pending
balance 1 = 0/3 0/0
",
    );
}

#[test]
fn only_open_holds_stay_in_memory() {
    let mut ledger = ledger::Ledger::new();
    for id in 1..=2 {
        ledger.open_account(ledger::Account { timestamp: 1, ..plain_account(id, 1) });
    }
    for round in 0..1_000_u128 {
        let first = round * 3 + 1;
        ledger.apply_legs(&[
            transfer(&format!("{first}")),
            transfer(&format!("{} pending", first + 1)),
            transfer(&format!("{} post of={}", first + 2, first + 1)),
        ]);
    }
    assert_eq!(ledger.last_leg_id(), 3_000);
    assert_eq!(ledger.leg_pendings().len(), 0);
    assert_eq!(ledger.transfers().len(), 0);
    assert_eq!(ledger.totals(1).debits_posted, 20_000);
}
