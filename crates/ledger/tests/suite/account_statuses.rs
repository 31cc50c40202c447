//! Every status of an account event, in order of precedence. In a staircase everything is wrong at
//! once, and each row repairs what the row above complained of.

use std::collections::BTreeSet;

use ledger::CreateAccountStatus;

use crate::fixture::check;

const ENVELOPE: &str = "
accounts @100
  1 linked -> linked_event_failed @100
  0 linked imported unknown_flag reserved=1 ts=max -> linked_event_chain_open @101
accounts
  1 linked code=0 -> code_must_not_be_zero
  0 linked imported unknown_flag reserved=1 ts=max -> linked_event_chain_open
accounts
  1 linked code=0 -> code_must_not_be_zero
  0 imported unknown_flag reserved=1 ts=max -> linked_event_failed
accounts
  1 imported code=0 ts=1 -> code_must_not_be_zero
  0 unknown_flag reserved=1 ts=max -> imported_event_expected
accounts
  1 code=0 -> code_must_not_be_zero
  0 imported unknown_flag reserved=1 ts=max -> imported_event_not_expected
  0 unknown_flag reserved=1 ts=max -> timestamp_must_be_zero
accounts @200
  0 imported unknown_flag reserved=1 ts=0 -> imported_event_timestamp_out_of_range
  0 imported unknown_flag reserved=1 ts=9_223_372_036_854_775_808 -> imported_event_timestamp_out_of_range
  0 imported unknown_flag reserved=1 ts=9_223_372_036_854_775_807 -> imported_event_timestamp_must_not_advance
  0 imported unknown_flag reserved=1 ts=200 -> imported_event_timestamp_must_not_advance
  0 imported unknown_flag reserved=1 ts=199 -> reserved_field
";

const EVENT: &str = "
accounts
  0 unknown_flag debits_limited credits_limited reserved=1 dp=1 dpo=1 cp=1 cpo=1 ledger=0 code=0 -> reserved_field
  0 unknown_flag debits_limited credits_limited dp=1 dpo=1 cp=1 cpo=1 ledger=0 code=0 -> reserved_flag
  0 debits_limited credits_limited dp=1 dpo=1 cp=1 cpo=1 ledger=0 code=0 -> id_must_not_be_zero
  max debits_limited credits_limited dp=1 dpo=1 cp=1 cpo=1 ledger=0 code=0 -> id_must_not_be_int_max
  1 debits_limited credits_limited dp=1 dpo=1 cp=1 cpo=1 ledger=0 code=0 -> flags_are_mutually_exclusive
  1 debits_limited dp=1 dpo=1 cp=1 cpo=1 ledger=0 code=0 -> debits_pending_must_be_zero
  1 debits_limited dpo=1 cp=1 cpo=1 ledger=0 code=0 -> debits_posted_must_be_zero
  1 debits_limited cp=1 cpo=1 ledger=0 code=0 -> credits_pending_must_be_zero
  1 debits_limited cpo=1 ledger=0 code=0 -> credits_posted_must_be_zero
  1 debits_limited ledger=0 code=0 -> ledger_must_not_be_zero
  1 debits_limited code=0 -> code_must_not_be_zero
  1 debits_limited -> created
";

const EXISTS: &str = "
accounts @50
  1 history u128=1 u64=2 u32=3 -> created @50
accounts @60
  1 debits_limited credits_limited dp=1 u128=9 u64=9 u32=9 ledger=9 code=9 -> exists_with_different_flags @60
  1 history dp=1 u128=9 u64=9 u32=9 ledger=9 code=9 -> exists_with_different_user_data_128
  1 history dp=1 u128=1 u64=9 u32=9 ledger=9 code=9 -> exists_with_different_user_data_64
  1 history dp=1 u128=1 u64=2 u32=9 ledger=9 code=9 -> exists_with_different_user_data_32
  1 history dp=1 u128=1 u64=2 u32=3 ledger=9 code=9 -> exists_with_different_ledger
  1 history dp=1 u128=1 u64=2 u32=3 code=9 -> exists_with_different_code
  1 history dp=1 u128=1 u64=2 u32=3 -> exists @50
";

const IMPORTED: &str = "
accounts @100
  1 imported ts=10 -> created @10
  2 imported ts=20 -> created @20
  3 imported ts=20 -> imported_event_timestamp_must_not_regress @102
  3 imported ts=15 -> imported_event_timestamp_must_not_regress
  1 imported ts=15 -> exists @10
transfers @200
  1 imported ts=30 -> created @30
accounts @300
  3 imported code=0 ts=30 -> code_must_not_be_zero
  3 imported ts=30 -> imported_event_timestamp_must_not_regress
  3 imported ts=31 -> created @31
";

const TABLES: [&str; 4] = [ENVELOPE, EVENT, EXISTS, IMPORTED];

#[test]
fn what_surrounds_an_account_event_is_checked_before_the_event() {
    check(ENVELOPE);
}

#[test]
fn an_account_event_is_checked_in_order_of_precedence() {
    check(EVENT);
}

#[test]
fn an_account_that_comes_again_is_compared_before_its_shape_is_checked() {
    check(EXISTS);
}

#[test]
fn imported_accounts_come_in_order_and_share_no_timestamp() {
    check(IMPORTED);
}

#[test]
fn every_account_status_has_a_row() {
    let shown: BTreeSet<CreateAccountStatus> = TABLES.iter().flat_map(|table| check(table).account_statuses).collect();
    assert_eq!(shown.into_iter().collect::<Vec<_>>(), CreateAccountStatus::ALL);
}

#[test]
fn the_numbers_of_account_statuses_are_the_references() {
    let mut codes: Vec<u32> = CreateAccountStatus::ALL.iter().map(|status| status.code()).collect();
    assert_eq!(codes[..7], [1, 2, 22, 23, 3, 24, 25]);
    codes.sort_unstable();
    let expected: Vec<u32> = (1..=26).chain([u32::MAX]).collect();
    assert_eq!(codes, expected);
}

#[test]
fn a_closed_account_differs_in_its_flags_when_it_comes_again() {
    check(
        "
accounts
  1 -> created
  2 -> created
transfers
  1 pending closing_debit amount=0 -> created
accounts
  1 -> exists_with_different_flags
  1 closed -> exists
",
    );
}
