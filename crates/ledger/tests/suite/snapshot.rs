//! Serialising the state: the same state gives the same bytes, and damaged bytes are refused.

use ledger::Ledger;
use proptest::prelude::*;

use crate::fixture::check;
use crate::properties::{apply, history, opened, run};

const BUSY: &str = "
accounts @10
  1 -> created
  2 -> created
  3 debits_limited -> created
transfers @100
  1 -> created
  2 pending timeout=5 -> created
  3 pending -> created
  4 post of=3 amount=1 -> created
  5 debit=404 -> debit_account_not_found
  6 pending closing_debit debit=3 amount=0 -> created
legs
  1 pending
  2 amount=3
";

#[test]
fn a_loaded_state_is_the_saved_one_and_goes_on_like_it() {
    let mut saved = check(BUSY).ledger;
    let bytes = postcard::to_allocvec(&saved).unwrap();
    let mut loaded: Ledger = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(loaded, saved);
    assert_eq!(loaded.expire(u64::MAX), [2]);
    saved.expire(u64::MAX);
    assert_eq!(postcard::to_allocvec(&loaded).unwrap(), postcard::to_allocvec(&saved).unwrap());
}

/// Loads the busy state with some fields set to other values, and expects the refusal.
fn assert_refused(edits: &[(&str, u64)], expected: &str) {
    let mut state = serde_json::to_value(check(BUSY).ledger).expect("the state has a text form");
    for (pointer, value) in edits {
        let field = state.pointer_mut(pointer).unwrap_or_else(|| panic!("no field {pointer}"));
        assert_ne!(field, value, "{pointer} is no edit");
        *field = (*value).into();
    }
    let error = serde_json::from_str::<Ledger>(&state.to_string()).expect_err(expected);
    assert!(error.to_string().contains(expected), "{edits:?}: {error}");
}

#[test]
fn the_text_form_loads_when_nothing_was_changed() {
    let ledger = check(BUSY).ledger;
    let text = serde_json::to_string(&ledger).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
}

#[test]
fn a_state_with_an_invalid_record_is_refused() {
    assert_refused(&[("/accounts/1/id", 9)], "account 1 is invalid");
    assert_refused(&[("/accounts/1/ledger", 0)], "account 1 is invalid");
    assert_refused(&[("/accounts/3/debits_posted", 1)], "account 3 is invalid"); // over its limit
    assert_refused(&[("/transfers/1/transfer/id", 9)], "transfer 1 is invalid");
    assert_refused(&[("/transfers/1/transfer/debit_account_id", 9)], "transfer 1 is invalid");
    assert_refused(&[("/transfers/1/transfer/ledger", 9)], "transfer 1 is invalid");
    assert_refused(&[("/transfers/4/transfer/pending_id", 2)], "transfer 2 is invalid"); // open, yet posted
    assert_refused(&[("/transfers/4/transfer/pending_id", 99)], "transfer 3 is invalid"); // posted by nobody
    assert_refused(&[("/accounts/3/flags", 2)], "transfer 6 is invalid"); // its closing transfer is open
    assert_refused(&[("/burned_ids/0", 1)], "transfer 1 is invalid"); // happened, yet failed
    assert_refused(&[("/leg_pendings/1/credit_account_id", 1)], "pending leg 1 is invalid");
    assert_refused(&[("/last_leg_id", 0)], "pending leg 1 is invalid");
}

#[test]
fn a_state_whose_sums_do_not_hold_is_refused() {
    let reservation = "account 1 has pending balances that no reservations explain";
    assert_refused(&[("/accounts/1/debits_pending", 21)], reservation);
    assert_refused(
        &[
            ("/accounts/1/debits_pending", 21),
            ("/accounts/2/credits_pending", 21),
            ("/totals/1/debits_pending", 21),
            ("/totals/1/credits_pending", 21),
        ],
        reservation,
    );
    assert_refused(&[("/accounts/1/debits_posted", 99)], "ledger 1 does not balance");
    assert_refused(&[("/totals/1/debits_posted", 99), ("/totals/1/credits_posted", 99)], "ledger 1 does not balance");
    assert_refused(&[("/accounts/1/debits_posted", 99), ("/totals/1/debits_posted", 99)], "ledger 1 does not balance");
}

#[test]
fn a_state_with_impossible_timestamps_is_refused() {
    assert_refused(&[("/timestamp_last", 101)], "the last timestamp 101 is not the last");
    assert_refused(&[("/transfers/1/transfer/timestamp", 101)], "an index does not mirror its records");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_state_survives_saving_and_loading(history in history()) {
        let mut ledger = opened();
        run(&mut ledger, &history, |ledger, step, now_ns| { apply(ledger, step, now_ns); });
        let bytes = postcard::to_allocvec(&ledger).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Ledger>(&bytes).unwrap(), ledger);
    }

    #[test]
    fn damaged_bytes_never_panic_and_never_load_a_state_that_is_unsound(
        history in history(), position in any::<prop::sample::Index>(), byte in any::<u8>(), length in any::<prop::sample::Index>(),
    ) {
        let mut ledger = opened();
        run(&mut ledger, &history, |ledger, step, now_ns| { apply(ledger, step, now_ns); });
        let mut bytes = postcard::to_allocvec(&ledger).unwrap();
        prop_assert!(postcard::from_bytes::<Ledger>(&bytes[..length.index(bytes.len())]).is_err());
        let position = position.index(bytes.len());
        bytes[position] = byte;
        if let Ok(loaded) = postcard::from_bytes::<Ledger>(&bytes) {
            prop_assert_eq!(loaded.check_consistency(), Ok(()));
            let mut loaded = loaded;
            loaded.expire(u64::MAX);
            loaded.check_consistency().unwrap();
        }
    }
}
