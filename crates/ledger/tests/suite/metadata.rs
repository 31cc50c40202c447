//! Metadata as values: limits, the one encoding, and what an entry keeps of it.

use ledger::{
    Entry, EntryStatus, Items, Ledger, METADATA_BYTES_MAX, METADATA_KEY_BYTES_MAX, METADATA_PAIRS_MAX, Metadata, MetadataFault, PAIR_BYTES,
    Posting, Side,
};
use proptest::prelude::*;

use crate::fixture::plain_account;

#[test]
fn limits_are_inclusive_and_each_has_its_fault() {
    let key = |bytes: usize| "k".repeat(bytes);
    let value = |bytes: usize| "v".repeat(bytes);
    let (long_key, longest_key) = (key(METADATA_KEY_BYTES_MAX + 1), key(METADATA_KEY_BYTES_MAX));
    let longest = METADATA_BYTES_MAX - PAIR_BYTES - 1;
    let (fits, too_long) = (value(longest), value(longest + 1));
    let keys: Vec<String> = (0..=METADATA_PAIRS_MAX).map(|number| format!("{number:02}")).collect();
    let pairs = |count: usize| keys[..count].iter().map(|key| (key.as_str(), "")).collect::<Vec<_>>();
    for (pairs, expected) in [
        (vec![], None),
        (vec![("k", "")], None),
        (vec![(longest_key.as_str(), "v")], None),
        (vec![("k", fits.as_str())], None),
        (pairs(METADATA_PAIRS_MAX), None),
        (vec![("", too_long.as_str()), (long_key.as_str(), "v")], Some(MetadataFault::KeyEmpty)),
        (vec![("k", "v"), ("k", "v"), (long_key.as_str(), "v")], Some(MetadataFault::KeyTooLong { bytes: METADATA_KEY_BYTES_MAX + 1 })),
        (vec![("k", "v"), ("a", too_long.as_str()), ("k", "w")], Some(MetadataFault::KeyRepeats)),
        (pairs(METADATA_PAIRS_MAX + 1), Some(MetadataFault::TooManyPairs { count: METADATA_PAIRS_MAX + 1 })),
        (vec![("k", too_long.as_str())], Some(MetadataFault::TooLong { bytes: METADATA_BYTES_MAX + 1 })),
    ] {
        assert_eq!(Metadata::new(pairs.clone()).err(), expected, "{pairs:?}");
    }
}

#[test]
fn only_the_one_encoding_is_read() {
    let metadata = Metadata::new([("b", "2"), ("a", "")]).expect("within limits");
    assert_eq!(metadata.as_bytes(), [1, b'a', 0, 0, 1, b'b', 1, 0, b'2']);
    for (bytes, why) in [
        (&[1, b'b', 1, 0, b'2', 1, b'a', 0, 0][..], "not in order"),
        (&[1, b'a', 0, 0, 1, b'a', 0, 0], "a key twice"),
        (&[0, 0, 0], "a key without a byte"),
        (&[1, b'a', 0], "cut off in a length"),
        (&[1, b'a', 2, 0, b'2'], "cut off in a value"),
        (&[1, 0xff, 0, 0], "no UTF-8"),
    ] {
        assert_eq!(Metadata::decode(bytes), None, "{why}");
    }
}

proptest! {
    #[test]
    fn pairs_are_what_they_were_in_whatever_order(pairs in proptest::collection::btree_map(".{1,8}", ".{0,20}", 0..8)) {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let metadata = Metadata::new(pairs.iter().rev().copied()).expect("within limits");
        prop_assert_eq!(metadata.pairs().collect::<Vec<_>>(), pairs.clone());
        prop_assert_eq!(Metadata::decode(metadata.as_bytes()), Some(metadata.clone()));
        for (key, value) in pairs {
            prop_assert_eq!(metadata.value(key), Some(value));
        }
    }

    #[test]
    fn any_bytes_are_metadata_or_none(bytes in proptest::collection::vec(0..9_u8, 0..40)) {
        if let Some(metadata) = Metadata::decode(&bytes) {
            prop_assert_eq!(metadata.as_bytes(), &bytes);
        }
    }
}

#[test]
fn an_entrys_metadata_is_that_of_its_first_transfer() {
    let mut ledger = Ledger::new();
    ledger.create_accounts(&[1, 2, 3].map(|id| plain_account(id, 1)), 1);
    let posting = |account_id, side, amount| Posting { account_id, side, amount };
    let entry = |id| Entry {
        id,
        postings: vec![posting(1, Side::Debit, 5), posting(2, Side::Credit, 3), posting(3, Side::Credit, 2)],
        user_data_128: 0,
        user_data_64: 0,
        user_data_32: 0,
        code: 1,
    };
    let note = |text: &str| Metadata::new([("note", text)]).expect("within limits");
    let mut book = |ids: &[u128], metadata: &[(usize, &str)], at: u64| {
        let entries: Vec<Entry> = ids.iter().map(|id| entry(*id)).collect();
        let mut asked = Items::NONE;
        metadata.iter().for_each(|(item, text)| asked.push(*item, note(text)));
        let (mut results, mut created) = (Vec::new(), Vec::new());
        ledger.create_entries_into(&entries, at, &mut results, &mut created, &mut Vec::new());
        let of_created = ledger.settle_entry_metadata(&entries, &asked, at, &mut results, &created);
        let results: Vec<_> = results.iter().map(|result| (result.status, result.timestamp)).collect();
        (results, of_created.iter().map(|(item, metadata)| (item, metadata.clone())).collect::<Vec<_>>())
    };
    let (results, metadata) = book(&[10, 0, 20, 30], &[(1, "x"), (2, "a"), (3, "b")], 100);
    let created = EntryStatus::Created;
    assert_eq!(results, [(created, 100), (EntryStatus::IdMustNotBeZero, 103), (created, 106), (created, 109)]);
    assert_eq!(metadata, [(2, note("a")), (4, note("b"))]);
    let (results, metadata) = book(&[10, 20, 30], &[(0, "x"), (1, "a")], 200);
    let differs = EntryStatus::ExistsWithDifferentMetadata;
    assert_eq!(results, [(differs, 200), (EntryStatus::Exists, 106), (differs, 206)]);
    assert_eq!(metadata, []);
}
