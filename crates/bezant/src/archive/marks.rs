//! Marks: where transfers with user data or metadata stand, so that who looks for them reads those and not everything.
//!
//! A mark is a key of a table of ids whose number is a hash of what is looked for and the place; so it needs no table of its own,
//! and the marks of one value stand side by side in order of places. Two values may have one hash: whoever follows a mark compares
//! the record. What has no user data and no metadata has no mark.

use super::index::{Concern, Key, Place, key, key_parts};
use api::{LedgerLines, MetadataFilter};
use ledger::{Metadata, Transfer};
use std::ops::RangeInclusive;

/// What a mark says about a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    UserData128 = 1,
    UserData64 = 2,
    UserData32 = 3,
    MetadataKey = 4,
    MetadataPair = 5,
}

/// Calls `add` with the hash of everything by which a transfer is found.
pub(super) fn each(transfer: &Transfer, metadata: Option<&Metadata>, mut add: impl FnMut(u64)) {
    if transfer.user_data_128 != 0 {
        add(hash(About::UserData128, &transfer.user_data_128.to_be_bytes(), &[]));
    }
    if transfer.user_data_64 != 0 {
        add(hash(About::UserData64, &transfer.user_data_64.to_be_bytes(), &[]));
    }
    if transfer.user_data_32 != 0 {
        add(hash(About::UserData32, &transfer.user_data_32.to_be_bytes(), &[]));
    }
    for (key, value) in metadata.into_iter().flat_map(Metadata::pairs) {
        add(hash(About::MetadataKey, key.as_bytes(), &[]));
        add(hash(About::MetadataPair, key.as_bytes(), value.as_bytes()));
    }
}

/// The hash of one thing that every transfer has which is asked for, of those that probably are the fewest; `None` when there is
/// none. What many transfers share, 32 bits such as a locale, is worth less than the lines of an account.
pub(super) fn wanted(lines: &LedgerLines) -> Option<u64> {
    let filter = &lines.filter;
    let metadata = filter.metadata.as_ref().map(|MetadataFilter { key, value }| match value {
        Some(value) => hash(About::MetadataPair, key.as_bytes(), value.as_bytes()),
        None => hash(About::MetadataKey, key.as_bytes(), &[]),
    });
    let wide = filter.user_data_128.filter(|data| *data != 0).map(|data| hash(About::UserData128, &data.to_be_bytes(), &[]));
    let middle = filter.user_data_64.filter(|data| *data != 0).map(|data| hash(About::UserData64, &data.to_be_bytes(), &[]));
    let narrow = filter
        .user_data_32
        .filter(|data| *data != 0 && lines.account.is_none())
        .map(|data| hash(About::UserData32, &data.to_be_bytes(), &[]));
    wide.or(middle).or(metadata).or(narrow)
}

/// The key of a mark at a place.
pub(super) fn mark(merchant: u32, hash: u64, place: Place) -> Key {
    key(Concern::Mark, merchant, u128::from(hash) << 64 | u128::from(place.number()))
}

/// The place of a mark.
pub(super) fn place_of(mark: &Key) -> Place {
    let (_, _, number) = key_parts(mark);
    Place::numbered(u64::try_from(number & u128::from(u64::MAX)).expect("64 bits"))
}

/// The keys of all marks with a hash in a run of places.
pub(super) fn marks(merchant: u32, hash: u64, within: &RangeInclusive<u64>) -> RangeInclusive<Key> {
    let at = |number: &u64| mark(merchant, hash, Place::numbered(*number));
    at(within.start())..=at(within.end())
}

/// FNV-1a over what it is about, the length of the first part, and both parts: stable for ever, as tables are.
fn hash(about: About, first: &[u8], second: &[u8]) -> u64 {
    let head = [about as u8, u8::try_from(first.len()).unwrap_or(u8::MAX)];
    let bytes = head.iter().chain(first).chain(second);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::LedgerFilter;

    #[test]
    fn a_filter_wants_what_a_transfer_is_marked_with() {
        let transfer = Transfer { user_data_128: 7, user_data_64: 7, user_data_32: 7, ..Transfer::default() };
        let metadata = Metadata::new([("order", "7"), ("note", "")]).expect("within limits");
        let mut marked = Vec::new();
        each(&transfer, Some(&metadata), |hash| marked.push(hash));
        assert_eq!(marked.len(), 7);
        let any = LedgerFilter::default();
        let of = |account, filter: &LedgerFilter| {
            wanted(&LedgerLines { account, after: None, newest_first: false, count_max: 1, filter: filter.clone() })
        };
        let pair = |key: &str, value: Option<&str>| {
            let metadata = Some(MetadataFilter { key: key.into(), value: value.map(str::to_owned) });
            LedgerFilter { metadata, ..LedgerFilter::default() }
        };
        for filter in [
            LedgerFilter { user_data_128: Some(7), ..any.clone() },
            LedgerFilter { user_data_64: Some(7), ..any.clone() },
            LedgerFilter { user_data_32: Some(7), ..any.clone() },
            pair("order", None),
            pair("order", Some("7")),
            pair("note", Some("")),
        ] {
            assert!(marked.contains(&of(None, &filter).expect("indexed")), "{filter:?}");
        }
        for filter in [LedgerFilter { user_data_64: Some(8), ..any.clone() }, pair("order", Some("8")), pair("orde", Some("r7"))] {
            assert!(!marked.contains(&of(None, &filter).expect("indexed")), "{filter:?}");
        }
        assert_eq!(of(None, &LedgerFilter { user_data_128: Some(0), code: Some(7), ..any.clone() }), None);
        assert_eq!(of(Some(1), &LedgerFilter { user_data_32: Some(7), ..any }), None, "the lines of the account are fewer");
        each(&Transfer::default(), None, |_| panic!("nothing to find it by"));
    }

    #[test]
    fn hashes_are_those_that_tables_have() {
        assert_eq!(hash(About::MetadataPair, b"order", b"1234"), 0x19df_76cd_8ee0_5331);
    }
}
