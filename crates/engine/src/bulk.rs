//! Reads maps and sets with an entry for every payment. They were written in order, so they are built in one pass, with full
//! nodes; to insert entry by entry took most of a restart's time and left the nodes half empty.

use core::fmt;
use core::marker::PhantomData;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::collections::{BTreeMap, BTreeSet};

/// Entries that room is made for before any was read: the count that stands before them is not to be believed.
const ENTRIES_AHEAD_MAX: usize = 4_096;

/// A map; of a key that comes twice the last counts.
pub(crate) fn map<'de, D, K, V>(source: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    source.deserialize_map(Entries(PhantomData)).map(BTreeMap::from_iter)
}

/// A set.
pub(crate) fn set<'de, D, T>(source: D) -> Result<BTreeSet<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Ord,
{
    Vec::deserialize(source).map(BTreeSet::from_iter)
}

/// Entries in the order in which they come.
struct Entries<K, V>(PhantomData<(K, V)>);

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Entries<K, V> {
    type Value = Vec<(K, V)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Vec<(K, V)>, A::Error> {
        let mut entries = Vec::with_capacity(source.size_hint().unwrap_or(0).min(ENTRIES_AHEAD_MAX));
        while let Some(entry) = source.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn what_is_read_is_what_inserting_one_by_one_gives() {
        for pairs in [vec![], vec![(1_u32, 10_u32), (2, 20), (9, 90)], vec![(5, 1), (2, 2), (5, 3), (1, 4), (2, 5)]] {
            let source = MapDeserializer::<_, Error>::new(pairs.iter().copied());
            assert_eq!(super::map::<_, u32, u32>(source).unwrap(), pairs.iter().copied().collect::<BTreeMap<_, _>>());
            let source = SeqDeserializer::<_, Error>::new(pairs.iter().map(|(key, _)| *key));
            assert_eq!(super::set::<_, u32>(source).unwrap(), pairs.iter().map(|(key, _)| *key).collect::<BTreeSet<_>>());
        }
    }

    #[test]
    fn what_is_no_map_is_an_error() {
        let source = IntoDeserializer::<Error>::into_deserializer(7_u32);
        assert!(super::map::<_, u32, u32>(source).is_err());
    }
}
