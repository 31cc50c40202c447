//! What accounts and transfers have besides their records: metadata, as JSON and as it is kept.

use crate::errors::{Code, Problem};
use base::card::holds_card_number;
use core::fmt;
use engine::{LEDGER_TEXT_BYTES_MAX, LedgerTexts};
use ledger::{
    Account, Items, METADATA_BYTES_MAX, METADATA_KEY_BYTES_MAX, METADATA_PAIRS_MAX, Metadata, MetadataFault, PAIR_BYTES, Transfer,
};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An account of a merchant's own ledger with all that it was created with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundAccount {
    /// Its record.
    pub account: Account,
    /// Its metadata.
    pub metadata: Metadata,
}

/// A transfer of a merchant's own ledger with all that it was created with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTransfer {
    /// Its record, as it happened.
    pub transfer: Transfer,
    /// Its metadata.
    pub metadata: Metadata,
}

/// Metadata as JSON: an object of texts. What is read is not checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataRecord(Vec<(String, String)>);

impl MetadataRecord {
    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Metadata> for MetadataRecord {
    fn from(metadata: Metadata) -> Self {
        Self(metadata.pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }
}

impl Serialize for MetadataRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for MetadataRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor).map(Self)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Vec<(String, String)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            // A reader of every pair is bounded by the body; more than this many is refused with a reason later.
            if pairs.len() <= METADATA_PAIRS_MAX && pairs.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
            }
            pairs.push((key, value));
        }
        Ok(pairs)
    }
}

/// The texts of a batch's items, which stand in the body under this name.
///
/// # Errors
/// Metadata that breaks a limit or holds what looks like a card number, and texts that together take more than
/// [`LEDGER_TEXT_BYTES_MAX`].
pub(super) fn texts(list: &str, metadata: Vec<MetadataRecord>) -> Result<LedgerTexts, Problem> {
    let mut texts = LedgerTexts { metadata: Items::NONE };
    for (item, MetadataRecord(pairs)) in metadata.into_iter().enumerate().filter(|(_, metadata)| !metadata.is_empty()) {
        if pairs.iter().any(|(key, value)| holds_card_number(key) || holds_card_number(value)) {
            return Err(Problem::new(Code::CardNumberRefused));
        }
        let made = Metadata::new(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        texts.metadata.push(item, made.map_err(|fault| refused(fault, format!("{list}[{item}].metadata")))?);
    }
    match texts.bytes() {
        bytes if bytes > LEDGER_TEXT_BYTES_MAX => {
            let detail = format!("the metadata of a batch may take {LEDGER_TEXT_BYTES_MAX} bytes, and this one's takes {bytes}");
            Err(Problem::with_detail(Code::LedgerBatchTooLarge, detail))
        }
        _ => Ok(texts),
    }
}

fn refused(fault: MetadataFault, field: String) -> Problem {
    let (code, detail) = match fault {
        MetadataFault::KeyEmpty => (Code::FieldInvalid, format!("{field} has a pair without a key")),
        MetadataFault::KeyRepeats => (Code::FieldInvalid, format!("{field} has a key twice")),
        MetadataFault::KeyTooLong { bytes } => {
            (Code::FieldTooLong, format!("a key in {field} has {bytes} bytes and may have {METADATA_KEY_BYTES_MAX}"))
        }
        MetadataFault::TooManyPairs { count } => {
            (Code::FieldTooLong, format!("{field} has {count} pairs and may have {METADATA_PAIRS_MAX}"))
        }
        MetadataFault::TooLong { bytes } => {
            let detail = format!("{field} takes {bytes} bytes, {PAIR_BYTES} for each pair included, and may take {METADATA_BYTES_MAX}");
            (Code::FieldTooLong, detail)
        }
    };
    Problem::of_field(code, field, detail)
}
