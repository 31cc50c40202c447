//! The platform's own accounts: `open_account` and the look-ups.

use ledger::{Account, AccountFlags, Ledger};

use crate::fixture::{account, plain_account};

fn stamped(row: &str) -> Account {
    let account = account(row);
    Account { timestamp: 5, ..account }
}

fn assert_refused(row: &str, message_part: &str) {
    let panic = std::panic::catch_unwind(|| {
        let mut ledger = Ledger::new();
        ledger.open_account(stamped("1"));
        ledger.open_account(stamped(row));
    });
    let panic = panic.expect_err(row);
    let message = panic.downcast_ref::<String>().expect("a formatted message");
    assert!(message.contains(message_part), "{row}: {message}");
}

#[test]
fn an_opened_account_is_found_and_accounts_come_in_order_of_ids() {
    let mut ledger = Ledger::new();
    ledger.open_account(stamped("9 history"));
    ledger.open_account(stamped("3 debits_limited ledger=978"));
    assert_eq!(ledger.account(9).unwrap().flags, AccountFlags::HISTORY);
    assert_eq!(ledger.account(4), None);
    let ids: Vec<u128> = ledger.accounts().map(|account| account.id).collect();
    assert_eq!(ids, [3, 9]);
    ledger.check_consistency().unwrap();
}

#[test]
fn an_account_that_breaks_a_rule_cannot_be_opened() {
    assert_refused("0", "id_must_not_be_zero");
    assert_refused("max", "id_must_not_be_int_max");
    assert_refused("1", "account 1 cannot be opened: exists");
    assert_refused("2 dp=1", "debits_pending_must_be_zero");
    assert_refused("2 ledger=0", "ledger_must_not_be_zero");
    assert_refused("2 code=0", "code_must_not_be_zero");
    assert_refused("2 debits_limited credits_limited", "flags_are_mutually_exclusive");
    assert_refused("2 linked", "cannot be opened with flags");
    assert_refused("2 imported", "cannot be opened with flags");
    assert_refused("2 closed", "cannot be opened with flags");
}

#[test]
#[should_panic(expected = "account 1 has no valid timestamp")]
fn an_account_without_a_timestamp_cannot_be_opened() {
    Ledger::new().open_account(plain_account(1, 1));
}
