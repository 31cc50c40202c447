//! What accounts and transfers have besides their records: names and metadata, as JSON and as they are kept.

use crate::errors::{Code, Problem};
use base::card::holds_card_number;
use core::fmt;
use engine::{AccountReference, LEDGER_TEXT_BYTES_MAX, LedgerTexts};
use ledger::{
    ACCOUNT_NAME_BYTES_MAX, Account, AccountName, METADATA_BYTES_MAX, METADATA_KEY_BYTES_MAX, METADATA_PAIRS_MAX, Metadata, MetadataFault,
    PAIR_BYTES, Transfer,
};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An account of a merchant's own ledger with all that it was created with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundAccount {
    /// Its record.
    pub account: Account,
    /// Its name.
    pub name: Option<AccountName>,
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

/// What an account may have besides its record, as it is sent.
#[derive(Debug, Default)]
pub struct AccountExtras {
    /// Its name.
    pub name: Option<String>,
    /// Its metadata.
    pub metadata: MetadataRecord,
}

/// What a transfer may have besides its record, as it is sent.
#[derive(Debug, Default)]
pub struct TransferExtras {
    /// The name of its debit account, instead of an id.
    pub debit_account: Option<String>,
    /// The name of its credit account, instead of an id.
    pub credit_account: Option<String>,
    /// Its metadata.
    pub metadata: MetadataRecord,
}

/// What an entry may have besides its record, as it is sent.
pub(super) struct EntryExtras {
    /// Accounts that postings name: the posting's number, the ledger and the name.
    pub(super) accounts: Vec<(usize, u32, String)>,
    /// Its metadata.
    pub(super) metadata: MetadataRecord,
}

impl AccountExtras {
    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        let Self { name, metadata } = self;
        name.is_none() && metadata.is_empty()
    }
}

impl TransferExtras {
    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        let Self { debit_account, credit_account, metadata } = self;
        debit_account.is_none() && credit_account.is_none() && metadata.is_empty()
    }
}

/// The texts of a batch of accounts.
///
/// # Errors
/// A name that is none, metadata that breaks a limit, what looks like a card number, and texts that together take more than
/// [`LEDGER_TEXT_BYTES_MAX`].
pub(super) fn of_accounts(extras: Vec<AccountExtras>) -> Result<LedgerTexts, Problem> {
    let mut texts = LedgerTexts::default();
    for (item, AccountExtras { name, metadata }) in extras.into_iter().enumerate() {
        if let Some(name) = name {
            texts.names.push(item, account_name(&name, || format!("accounts[{item}].name"))?);
        }
        add_metadata(&mut texts, "accounts", item, &metadata)?;
    }
    limited(texts)
}

/// The texts of a batch of transfers.
///
/// # Errors
/// As [`of_accounts`]; also an account with both a name and an id, and one that is named without a ledger.
pub(super) fn of_transfers(transfers: &[Transfer], extras: Vec<TransferExtras>) -> Result<LedgerTexts, Problem> {
    let mut texts = LedgerTexts::default();
    for ((item, extras), transfer) in extras.into_iter().enumerate().zip(transfers) {
        let TransferExtras { debit_account, credit_account, metadata } = extras;
        let sides =
            [("debit_account", debit_account, transfer.debit_account_id), ("credit_account", credit_account, transfer.credit_account_id)];
        let mut references = Vec::new();
        for (at, (field, name, id)) in sides.into_iter().enumerate() {
            let Some(name) = name else { continue };
            let refused =
                |field: &str, detail: &str| Err(Problem::of_field(Code::FieldInvalid, format!("transfers[{item}].{field}"), detail));
            if id != 0 {
                return refused(field, "give an account's name or its id, not both");
            }
            if transfer.ledger == 0 {
                return refused("ledger", "an account's name is looked for in the ledger of the transfer, so give that");
            }
            let name = account_name(&name, || format!("transfers[{item}].{field}"))?;
            references.push(AccountReference { at, ledger: transfer.ledger, name });
        }
        if !references.is_empty() {
            texts.references.push(item, references);
        }
        add_metadata(&mut texts, "transfers", item, &metadata)?;
    }
    limited(texts)
}

/// The texts of a batch of entries.
///
/// # Errors
/// As [`of_accounts`].
pub(super) fn of_entries(extras: Vec<EntryExtras>) -> Result<LedgerTexts, Problem> {
    let mut texts = LedgerTexts::default();
    for (item, EntryExtras { accounts, metadata }) in extras.into_iter().enumerate() {
        let reference = |(at, ledger, name): (usize, u32, String)| {
            let name = account_name(&name, || format!("entries[{item}].postings[{at}].account"))?;
            Ok(AccountReference { at, ledger, name })
        };
        let references = accounts.into_iter().map(reference).collect::<Result<Vec<_>, Problem>>()?;
        if !references.is_empty() {
            texts.references.push(item, references);
        }
        add_metadata(&mut texts, "entries", item, &metadata)?;
    }
    limited(texts)
}

fn account_name(text: &str, field: impl Fn() -> String) -> Result<AccountName, Problem> {
    if holds_card_number(text) {
        return Err(Problem::new(Code::CardNumberRefused));
    }
    let detail = format!("a name begins with a letter and has letters, digits and _ - . : alone, at most {ACCOUNT_NAME_BYTES_MAX}");
    AccountName::parse(text).ok_or_else(|| Problem::of_field(Code::FieldInvalid, field(), detail))
}

fn add_metadata(texts: &mut LedgerTexts, list: &str, item: usize, metadata: &MetadataRecord) -> Result<(), Problem> {
    let MetadataRecord(pairs) = metadata;
    if pairs.is_empty() {
        return Ok(());
    }
    if pairs.iter().any(|(key, value)| holds_card_number(key) || holds_card_number(value)) {
        return Err(Problem::new(Code::CardNumberRefused));
    }
    let made = Metadata::new(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    texts.metadata.push(item, made.map_err(|fault| refused(fault, format!("{list}[{item}].metadata")))?);
    Ok(())
}

fn limited(texts: LedgerTexts) -> Result<LedgerTexts, Problem> {
    let bytes = texts.bytes();
    if bytes <= LEDGER_TEXT_BYTES_MAX {
        return Ok(texts);
    }
    let detail = format!("names and metadata of a batch may take {LEDGER_TEXT_BYTES_MAX} bytes, and this one's take {bytes}");
    Err(Problem::with_detail(Code::LedgerBatchTooLarge, detail))
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
