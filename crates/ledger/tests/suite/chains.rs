//! Linked chains: they happen as a whole or not at all.

use crate::fixture::check;

#[test]
fn a_chain_that_holds_happens_in_order() {
    check(
        "
accounts
  1 linked debits_limited -> created
  2 -> created
transfers
  1 linked debit=2 credit=1 -> created
  2 linked -> created              # sees the credit of 1
  3 debit=2 credit=1 amount=1 -> created
balance 1 = 0/10 0/11
",
    );
}

#[test]
fn one_failure_takes_the_whole_chain_back_and_only_it_says_why() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers @100
  1 -> created @100
  2 linked -> linked_event_failed @101
  3 linked pending timeout=5 -> linked_event_failed @102
  4 linked code=0 -> code_must_not_be_zero @103
  5 linked -> linked_event_failed @104
  6 -> linked_event_failed @105
  7 -> created @106
balance 1 = 0/20 0/0
pending 3 = unknown
transfers
  2 -> created                     # not burned
",
    );
}

#[test]
fn a_transient_failure_burns_its_own_id_and_no_other_of_the_chain() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 linked -> linked_event_failed
  2 linked debit=404 -> debit_account_not_found
  3 -> linked_event_failed
transfers
  1 -> created
  2 -> id_already_failed
  3 -> created
",
    );
}

#[test]
fn a_resolution_that_is_taken_back_leaves_the_hold_open_with_its_timeout() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers @1_000
  1 pending timeout=1 -> created
  2 linked post of=1 -> linked_event_failed
  3 void of=1 -> pending_transfer_already_posted
balance 1 = 10/0 0/0
pending 1 = pending
expire @1_000_001_000 -> 1
balance 1 = 0/0 0/0
",
    );
}

#[test]
fn a_closing_that_is_taken_back_leaves_the_account_open() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 linked pending closing_debit amount=0 -> linked_event_failed
  2 -> debit_account_already_closed
  3 -> created
balance 1 = 0/10 0/0
",
    );
}

#[test]
fn a_chain_open_at_the_end_of_the_batch_fails() {
    check(
        "
accounts
  1 linked -> linked_event_failed
  2 linked -> linked_event_chain_open
accounts
  1 linked -> linked_event_failed
  1 -> exists_with_different_flags
accounts
  1 -> created
  2 -> created
transfers
  1 linked -> linked_event_chain_open
transfers
  1 -> created
",
    );
}

#[test]
fn two_chains_side_by_side_do_not_touch_each_other() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 linked -> linked_event_failed
  2 code=0 -> code_must_not_be_zero
  3 linked -> created
  4 -> created
  5 linked -> linked_event_failed
  5 linked -> exists
  6 -> linked_event_failed
balance 1 = 0/20 0/0
",
    );
}

#[test]
fn imported_events_of_a_broken_chain_free_their_timestamps() {
    check(
        "
accounts @10
  1 -> created
  2 -> created
transfers @100
  1 imported linked ts=50 -> linked_event_failed @50
  2 imported code=0 ts=51 -> code_must_not_be_zero
  3 imported ts=50 -> created @50
",
    );
}
