//! Every status of a transfer event, in order of precedence. In a staircase everything is wrong at
//! once, and each row repairs what the row above complained of. A transient status burns the id,
//! so the next row takes another one.

use std::collections::BTreeSet;

use ledger::CreateTransferStatus;

use crate::fixture::check;

const ENVELOPE: &str = "
accounts @10
  1 -> created
  2 -> created
transfers @100
  1 linked -> linked_event_failed @100
  0 linked imported unknown_flag ts=max -> linked_event_chain_open @101
transfers
  1 linked code=0 -> code_must_not_be_zero
  0 linked imported unknown_flag ts=max -> linked_event_chain_open
transfers
  1 linked code=0 -> code_must_not_be_zero
  0 imported unknown_flag ts=max -> linked_event_failed
transfers
  1 imported code=0 ts=1 -> code_must_not_be_zero
  0 unknown_flag ts=max -> imported_event_expected
transfers
  1 code=0 -> code_must_not_be_zero
  0 imported unknown_flag ts=max -> imported_event_not_expected
  0 unknown_flag ts=max -> timestamp_must_be_zero
transfers @200
  0 imported unknown_flag ts=0 -> imported_event_timestamp_out_of_range
  0 imported unknown_flag ts=9_223_372_036_854_775_808 -> imported_event_timestamp_out_of_range
  0 imported unknown_flag ts=9_223_372_036_854_775_807 -> imported_event_timestamp_must_not_advance
  0 imported unknown_flag ts=200 -> imported_event_timestamp_must_not_advance
  0 imported unknown_flag ts=199 -> reserved_flag
";

const SHAPE: &str = "
accounts
  1 -> created
  2 -> created
  3 ledger=2 -> created
  4 ledger=2 -> created
transfers
  0 unknown_flag closing_debit of=1 timeout=1 debit=0 credit=0 ledger=0 code=0 -> reserved_flag
  0 closing_debit of=1 timeout=1 debit=0 credit=0 ledger=0 code=0 -> id_must_not_be_zero
  max closing_debit of=1 timeout=1 debit=0 credit=0 ledger=0 code=0 -> id_must_not_be_int_max
  1 closing_debit of=1 timeout=1 debit=0 credit=0 ledger=0 code=0 -> debit_account_id_must_not_be_zero
  1 closing_debit of=1 timeout=1 debit=max credit=0 ledger=0 code=0 -> debit_account_id_must_not_be_int_max
  1 closing_debit of=1 timeout=1 debit=404 credit=0 ledger=0 code=0 -> credit_account_id_must_not_be_zero
  1 closing_debit of=1 timeout=1 debit=404 credit=max ledger=0 code=0 -> credit_account_id_must_not_be_int_max
  1 closing_debit of=1 timeout=1 debit=404 credit=404 ledger=0 code=0 -> accounts_must_be_different
  1 closing_debit of=1 timeout=1 debit=404 credit=405 ledger=0 code=0 -> pending_id_must_be_zero
  1 closing_debit timeout=1 debit=404 credit=405 ledger=0 code=0 -> timeout_reserved_for_pending_transfer
  1 closing_debit debit=404 credit=405 ledger=0 code=0 -> closing_transfer_must_be_pending
  1 closing_credit debit=404 credit=405 ledger=0 code=0 -> closing_transfer_must_be_pending
  1 closing_debit pending timeout=1 debit=404 credit=405 ledger=0 code=0 -> ledger_must_not_be_zero
  1 debit=404 credit=405 ledger=9 code=0 -> code_must_not_be_zero
  1 debit=404 credit=405 ledger=9 -> debit_account_not_found
  2 debit=1 credit=405 ledger=9 -> credit_account_not_found
  3 debit=1 credit=3 ledger=9 -> accounts_must_have_the_same_ledger
  3 debit=1 credit=2 ledger=9 -> transfer_must_have_the_same_ledger_as_accounts
  3 debit=3 credit=4 ledger=1 -> transfer_must_have_the_same_ledger_as_accounts
  3 debit=3 credit=4 ledger=2 -> created
";

const EXISTS: &str = "
accounts
  1 -> created
  2 -> created
transfers @50
  1 pending timeout=100 u128=1 u64=2 u32=3 -> created @50
transfers @60
  1 of=5 timeout=1 debit=0 credit=9 amount=1 u128=9 u64=9 u32=9 ledger=9 code=9 -> exists_with_different_flags @60
  1 pending of=5 timeout=1 debit=0 credit=9 amount=1 u128=9 u64=9 u32=9 ledger=9 code=9 -> exists_with_different_pending_id
  1 pending timeout=1 debit=0 credit=9 amount=1 u128=9 u64=9 u32=9 ledger=9 code=9 -> exists_with_different_timeout
  1 pending timeout=100 debit=0 credit=9 amount=1 u128=9 u64=9 u32=9 ledger=9 code=9 -> exists_with_different_debit_account_id
  1 pending timeout=100 credit=9 amount=1 u128=9 u64=9 u32=9 ledger=9 code=9 -> exists_with_different_credit_account_id
  1 pending timeout=100 amount=1 u128=9 u64=9 u32=9 ledger=9 code=9 -> exists_with_different_amount
  1 pending timeout=100 u128=9 u64=9 u32=9 ledger=9 code=9 -> exists_with_different_user_data_128
  1 pending timeout=100 u128=1 u64=9 u32=9 ledger=9 code=9 -> exists_with_different_user_data_64
  1 pending timeout=100 u128=1 u64=2 u32=9 ledger=9 code=9 -> exists_with_different_user_data_32
  1 pending timeout=100 u128=1 u64=2 u32=3 ledger=9 code=9 -> exists_with_different_ledger
  1 pending timeout=100 u128=1 u64=2 u32=3 code=9 -> exists_with_different_code
  1 pending timeout=100 u128=1 u64=2 u32=3 -> exists @50
";

const RESOLUTION: &str = "
accounts
  1 -> created
  2 -> created
transfers @100
  1 pending -> created
  2 -> created
  3 pending timeout=1 -> created
  4 pending -> created
  70 post void pending timeout=1 -> flags_are_mutually_exclusive
  70 post pending timeout=1 -> flags_are_mutually_exclusive
  70 post balancing_debit timeout=1 -> flags_are_mutually_exclusive
  70 post balancing_credit timeout=1 -> flags_are_mutually_exclusive
  70 void closing_debit timeout=1 -> flags_are_mutually_exclusive
  70 void closing_credit timeout=1 -> flags_are_mutually_exclusive
  70 post timeout=1 -> pending_id_must_not_be_zero
  70 post of=max timeout=1 -> pending_id_must_not_be_int_max
  70 post of=70 timeout=1 -> pending_id_must_be_different
  70 post of=404 timeout=1 -> timeout_reserved_for_pending_transfer
  70 post of=404 -> pending_transfer_not_found
  70 post of=1 -> id_already_failed
  71 post of=2 debit=9 -> pending_transfer_not_pending
  71 post of=1 debit=9 credit=9 ledger=9 code=9 amount=11 -> pending_transfer_has_different_debit_account_id
  71 post of=1 debit=1 credit=9 ledger=9 code=9 amount=11 -> pending_transfer_has_different_credit_account_id
  71 post of=1 debit=1 credit=2 ledger=9 code=9 amount=11 -> pending_transfer_has_different_ledger
  71 post of=1 debit=1 credit=2 ledger=1 code=9 amount=11 -> pending_transfer_has_different_code
  71 post of=1 debit=1 credit=2 ledger=1 code=1 amount=11 -> exceeds_pending_transfer_amount
  71 void of=1 amount=11 -> exceeds_pending_transfer_amount
  71 void of=1 amount=9 -> pending_transfer_has_different_amount
  71 post of=1 -> created
  72 post of=1 amount=11 -> exceeds_pending_transfer_amount
  72 void of=1 amount=9 -> pending_transfer_has_different_amount
  72 void of=1 -> pending_transfer_already_posted
  73 void of=4 -> created
  74 void of=4 -> pending_transfer_already_voided
transfers @1_000_000_102
  75 post of=3 amount=11 -> exceeds_pending_transfer_amount
  75 post of=3 -> pending_transfer_expired
expire @1_000_000_102 -> 3
transfers
  75 void of=3 -> pending_transfer_expired
";

const IMPORTED: &str = "
accounts @10
  1 -> created
accounts @20
  2 -> created
accounts @40
  5 closed -> created
transfers @100
  1 imported pending timeout=1 ts=20 -> imported_event_timestamp_must_not_regress
  1 imported pending timeout=1 ts=5 -> imported_event_timestamp_must_postdate_debit_account
  1 imported pending timeout=1 ts=15 -> imported_event_timestamp_must_postdate_credit_account
  1 imported pending timeout=1 ts=25 -> imported_event_timeout_must_be_zero
  1 imported pending ts=25 -> created @25
  2 imported ts=25 -> imported_event_timestamp_must_not_regress
  2 imported ts=24 debit=5 -> imported_event_timestamp_must_not_regress
  2 imported ts=41 debit=5 -> debit_account_already_closed
  3 imported post of=1 ts=25 -> imported_event_timestamp_must_not_regress
  3 imported post of=1 ts=40 -> imported_event_timestamp_must_not_regress
  3 imported post of=1 ts=41 -> created @41
  3 imported post of=1 ts=1 -> exists @41
";

const STATE: &str = "
accounts @1
  6 closed -> created
  7 closed -> created
  10 -> created                   # debits 1 pending, 1 posted
  11 -> created                   # credits 1 pending, 1 posted
  12 -> created                   # debits 1 posted
  13 -> created                   # credits 1 posted
  14 -> created
  15 -> created
  16 debits_limited -> created
  17 credits_limited -> created
transfers @100
  1 debit=10 credit=11 amount=1 pending -> created
  2 debit=10 credit=11 amount=1 -> created
  3 debit=12 credit=13 amount=1 -> created
transfers @9_000_000_000_000_000_000
  50 pending debit=6 credit=7 amount=max timeout=max -> debit_account_already_closed
  51 pending debit=10 credit=7 amount=max timeout=max -> credit_account_already_closed
  52 pending debit=10 credit=11 amount=max timeout=max -> overflows_debits_pending
  52 pending debit=12 credit=11 amount=max timeout=max -> overflows_credits_pending
  52 pending debit=12 credit=13 amount=max timeout=max -> overflows_debits_posted
  52 pending debit=14 credit=13 amount=max timeout=max -> overflows_credits_posted
  52 pending debit=10 credit=11 amount=max-1 timeout=max -> overflows_debits
  52 pending debit=14 credit=11 amount=max-1 timeout=max -> overflows_credits
  52 pending debit=16 credit=17 amount=max timeout=max -> overflows_timeout
  52 pending debit=16 credit=17 amount=max timeout=1 -> exceeds_credits
  53 pending debit=14 credit=17 amount=max timeout=1 -> exceeds_debits
  54 pending debit=14 credit=15 amount=max timeout=1 -> created
  55 debit=14 credit=15 amount=0 -> created
  56 debit=14 credit=15 amount=1 -> overflows_debits
";

const TABLES: [&str; 6] = [ENVELOPE, SHAPE, EXISTS, RESOLUTION, IMPORTED, STATE];

#[test]
fn what_surrounds_a_transfer_event_is_checked_before_the_event() {
    check(ENVELOPE);
}

#[test]
fn a_plain_or_pending_transfer_is_checked_in_order_of_precedence() {
    check(SHAPE);
    check(STATE);
}

#[test]
fn a_transfer_that_comes_again_is_compared_before_anything_else() {
    check(EXISTS);
}

#[test]
fn a_post_or_void_is_checked_in_order_of_precedence() {
    check(RESOLUTION);
}

#[test]
fn imported_transfers_come_in_order_after_their_accounts() {
    check(IMPORTED);
}

#[test]
fn every_transfer_status_has_a_row() {
    let shown: BTreeSet<CreateTransferStatus> = TABLES.iter().flat_map(|table| check(table).transfer_statuses).collect();
    assert_eq!(shown.into_iter().collect::<Vec<_>>(), CreateTransferStatus::ALL);
}

#[test]
fn the_numbers_of_transfer_statuses_are_the_references() {
    let mut codes: Vec<u32> = CreateTransferStatus::ALL.iter().map(|status| status.code()).collect();
    assert_eq!(codes[10..16], [36, 40, 44, 37, 38, 39]);
    codes.sort_unstable();
    let expected: Vec<u32> = (1..=68).filter(|code| *code != 18).chain([u32::MAX]).collect();
    assert_eq!(codes, expected);
}

#[test]
fn exactly_the_transient_failures_burn_the_id() {
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
    check(
        "
accounts
  1 debits_limited -> created
  2 -> created
  6 closed -> created
transfers
  1 debit=404 -> debit_account_not_found
  2 credit=404 -> credit_account_not_found
  3 post of=404 -> pending_transfer_not_found
  4 debit=6 -> debit_account_already_closed
  5 debit=2 credit=6 -> credit_account_already_closed
  6 -> exceeds_credits
  7 code=0 -> code_must_not_be_zero
accounts
  404 -> created
transfers
  8 debit=2 credit=1 -> created
  1 debit=404 -> id_already_failed
  2 credit=404 -> id_already_failed
  3 -> id_already_failed
  4 -> id_already_failed
  5 -> id_already_failed
  6 -> id_already_failed
  7 -> created
balance 1 = 0/10 0/10
",
    );
}

#[test]
fn a_balancing_transfer_that_comes_again_may_ask_for_any_limit_above_what_moved() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 debit=2 credit=1 amount=30 -> created
  2 balancing_debit amount=50 -> created
  2 balancing_debit amount=50 -> exists
  2 balancing_debit amount=30 -> exists
  2 balancing_debit amount=max -> exists
  2 balancing_debit amount=29 -> exists_with_different_amount
balance 1 = 0/30 0/30
",
    );
}

#[test]
fn a_post_or_void_that_comes_again_is_compared_with_what_it_inherited() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 pending u128=7 u64=8 u32=9 -> created
  2 pending u128=7 u64=8 u32=9 -> created
  3 pending -> created
  11 post of=1 -> created
  11 post of=1 -> exists
  11 post of=1 amount=10 debit=1 credit=2 ledger=1 code=1 u128=7 u64=8 u32=9 -> exists
  11 post of=1 debit=2 -> exists_with_different_debit_account_id
  11 post of=1 credit=1 -> exists_with_different_credit_account_id
  11 post of=1 amount=9 -> exists_with_different_amount
  11 post of=1 u128=1 -> exists_with_different_user_data_128
  11 post of=1 u64=1 -> exists_with_different_user_data_64
  11 post of=1 u32=1 -> exists_with_different_user_data_32
  11 post of=1 ledger=2 -> exists_with_different_ledger
  11 post of=1 code=2 -> exists_with_different_code
  11 post of=2 -> exists_with_different_pending_id
  12 post of=2 amount=4 u128=1 -> created
  12 post of=2 amount=4 u128=1 -> exists
  12 post of=2 amount=max u128=1 -> exists_with_different_amount
  12 post of=2 amount=4 -> exists_with_different_user_data_128
  13 void of=3 -> created
  13 void of=3 amount=10 -> exists
  13 void of=3 amount=9 -> exists_with_different_amount
  13 post of=3 -> exists_with_different_flags
",
    );
}
