//! Metadata: what the owner of an account or a transfer wants to find on it again, as pairs of text.
//!
//! The ledger's state has none of it. Like history, it is the caller's: whoever creates something that may be there already
//! tells the ledger what metadata it was created with ([`Ledger::recall_metadata`]), and the same id with other metadata is
//! something else. Not part of the reference.

use std::collections::BTreeMap;

use crate::accounts::AccountResult;
use crate::entries::{About, Entry, EntryResult, EntryStatus};
use crate::items::Items;
use crate::state::Ledger;
use crate::status::{CreateAccountStatus, CreateTransferStatus};
use crate::transfers::TransferResult;
use crate::types::{Account, AccountFlags, Transfer, TransferFlags};

/// The most bytes that one object's metadata takes: key and value of each pair, and [`PAIR_BYTES`] for each.
pub const METADATA_BYTES_MAX: usize = 1_024;
/// The most pairs.
pub const METADATA_PAIRS_MAX: usize = 50;
/// The longest key, in bytes.
pub const METADATA_KEY_BYTES_MAX: usize = 40;
/// What a pair takes besides its key and its value, in bytes: their lengths.
pub const PAIR_BYTES: usize = 3;

const _: () = assert!(METADATA_KEY_BYTES_MAX <= u8::MAX as usize);
const _: () = assert!(METADATA_BYTES_MAX <= u16::MAX as usize);
const _: () = assert!(METADATA_PAIRS_MAX * (PAIR_BYTES + 1) <= METADATA_BYTES_MAX);

/// Pairs of text, each key once.
///
/// Kept in its one encoding: for each pair, in order of the keys' bytes, the length of the key (1 byte), the key, the length of
/// the value (2 bytes, least significant first), the value. So what is equal has equal bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metadata(Box<[u8]>);

/// Why pairs are no metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataFault {
    /// A key is empty.
    KeyEmpty,
    /// A key is longer than [`METADATA_KEY_BYTES_MAX`].
    KeyTooLong {
        /// What it has.
        bytes: usize,
    },
    /// A key is there twice.
    KeyRepeats,
    /// There are more than [`METADATA_PAIRS_MAX`].
    TooManyPairs {
        /// How many there are.
        count: usize,
    },
    /// All of it takes more than [`METADATA_BYTES_MAX`].
    TooLong {
        /// What it takes.
        bytes: usize,
    },
}

impl Metadata {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// Of these pairs, in whatever order.
    ///
    /// # Errors
    ///
    /// The first [`MetadataFault`] in the order of its variants.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, MetadataFault> {
        let mut pairs: Vec<(&str, &str)> = pairs.into_iter().collect();
        pairs.sort_unstable();
        if pairs.iter().any(|(key, _)| key.is_empty()) {
            return Err(MetadataFault::KeyEmpty);
        }
        if let Some((key, _)) = pairs.iter().find(|(key, _)| key.len() > METADATA_KEY_BYTES_MAX) {
            return Err(MetadataFault::KeyTooLong { bytes: key.len() });
        }
        if pairs.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(MetadataFault::KeyRepeats);
        }
        if pairs.len() > METADATA_PAIRS_MAX {
            return Err(MetadataFault::TooManyPairs { count: pairs.len() });
        }
        let bytes = pairs.iter().map(|(key, value)| PAIR_BYTES + key.len() + value.len()).sum();
        if bytes > METADATA_BYTES_MAX {
            return Err(MetadataFault::TooLong { bytes });
        }
        let mut encoded = Vec::with_capacity(bytes);
        for (key, value) in pairs {
            encoded.push(u8::try_from(key.len()).expect("a key is limited"));
            encoded.extend_from_slice(key.as_bytes());
            encoded.extend_from_slice(&u16::try_from(value.len()).expect("metadata is limited").to_le_bytes());
            encoded.extend_from_slice(value.as_bytes());
        }
        assert_eq!(encoded.len(), bytes);
        Ok(Self(encoded.into()))
    }

    /// The metadata that `bytes` encode; `None` if they are no encoding, or not the one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut pairs = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            pairs.push(take_pair(&mut rest)?);
        }
        Self::new(pairs).ok().filter(|metadata| *metadata.0 == *bytes)
    }

    /// Its encoding.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its pairs, in order of their keys.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = self.as_bytes();
        std::iter::from_fn(
            move || if rest.is_empty() { None } else { Some(take_pair(&mut rest).expect("it was checked when it was made")) },
        )
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.pairs().find(|(found, _)| *found == key).map(|(_, value)| value)
    }
}

fn take_pair<'a>(rest: &mut &'a [u8]) -> Option<(&'a str, &'a str)> {
    let (key_bytes, after) = rest.split_first()?;
    let (key, after) = after.split_at_checked(usize::from(*key_bytes))?;
    let (value_bytes, after) = after.split_first_chunk::<2>()?;
    let (value, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*value_bytes)))?;
    *rest = after;
    Some((std::str::from_utf8(key).ok()?, std::str::from_utf8(value).ok()?))
}

/// What the ledger knows of metadata: what came since it last forgot, and what it was told. No part of the state.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownMetadata {
    accounts: BTreeMap<u128, Metadata>,
    transfers: BTreeMap<u128, Metadata>,
}

impl KnownMetadata {
    pub(crate) fn clear(&mut self) {
        let Self { accounts, transfers } = self;
        accounts.clear();
        transfers.clear();
    }
}

/// What became of an item, as far as its metadata matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Created,
    Exists,
    ChainFailed,
    Refused,
}

/// One item of a batch.
struct Item {
    id: u128,
    is_linked: bool,
    outcome: Outcome,
}

impl Ledger {
    /// The metadata of an account that has some, if it is known.
    pub fn account_metadata(&self, id: u128) -> Option<&Metadata> {
        self.metadata.accounts.get(&id)
    }

    /// The metadata of a transfer that has some, if it is known.
    pub fn metadata(&self, id: u128) -> Option<&Metadata> {
        self.metadata.transfers.get(&id)
    }

    /// Tells the metadata of an account that exists, until [`Ledger::forget`]. A caller that forgets does so before a batch of
    /// accounts, of every account in it that exists and has some.
    pub fn recall_account_metadata(&mut self, id: u128, metadata: Metadata) {
        self.metadata.accounts.entry(id).or_insert(metadata);
    }

    /// Tells the metadata of a transfer that happened, until [`Ledger::forget`]. A caller that forgets does so before a batch, of
    /// every transfer in it that happened before and has some, open ones included; of an entry, of its first transfer.
    pub fn recall_metadata(&mut self, id: u128, metadata: Metadata) {
        self.metadata.transfers.entry(id).or_insert(metadata);
    }

    /// Settles the metadata of a batch of accounts right after [`Ledger::create_accounts_into`]: which answered `Exists` differ in
    /// it. Returns the metadata of what was created, by the number of the account among those.
    pub fn settle_account_metadata(
        &mut self,
        events: &[Account],
        metadata: &Items<Metadata>,
        timestamp: u64,
        results: &mut [AccountResult],
    ) -> Items<Metadata> {
        let items = events.iter().zip(results.iter()).map(|(event, result)| Item {
            id: event.id,
            is_linked: event.flags.contains(AccountFlags::LINKED),
            outcome: match result.status {
                CreateAccountStatus::Created => Outcome::Created,
                CreateAccountStatus::Exists => Outcome::Exists,
                CreateAccountStatus::LinkedEventFailed => Outcome::ChainFailed,
                _ => Outcome::Refused,
            },
        });
        let (created, differing) = settle(&mut self.metadata.accounts, items, metadata);
        for (item, timestamp) in differing.into_iter().map(|item| (item, timestamp_of(timestamp, item))) {
            results[item] = AccountResult { status: CreateAccountStatus::ExistsWithDifferentMetadata, timestamp };
        }
        created
    }

    /// Settles the metadata of a batch of transfers right after [`Ledger::create_transfers_into`]: which answered `Exists` differ in
    /// it. Returns the metadata of what was created, by the number of the transfer among those.
    pub fn settle_metadata(
        &mut self,
        events: &[Transfer],
        metadata: &Items<Metadata>,
        timestamp: u64,
        results: &mut [TransferResult],
    ) -> Items<Metadata> {
        let items = events.iter().zip(results.iter()).map(|(event, result)| Item {
            id: event.id,
            is_linked: event.flags.contains(TransferFlags::LINKED),
            outcome: match result.status {
                CreateTransferStatus::Created => Outcome::Created,
                CreateTransferStatus::Exists => Outcome::Exists,
                CreateTransferStatus::LinkedEventFailed => Outcome::ChainFailed,
                _ => Outcome::Refused,
            },
        });
        let (created, differing) = settle(&mut self.metadata.transfers, items, metadata);
        for (item, timestamp) in differing.into_iter().map(|item| (item, timestamp_of(timestamp, item))) {
            results[item] = TransferResult { status: CreateTransferStatus::ExistsWithDifferentMetadata, timestamp };
        }
        created
    }

    /// Settles the metadata of a batch of entries right after [`Ledger::create_entries_into`]. An entry's is that of its first
    /// transfer. Returns the metadata of what was created, by the number of that transfer among `created`.
    pub fn settle_entry_metadata(
        &mut self,
        entries: &[Entry],
        metadata: &Items<Metadata>,
        timestamp: u64,
        results: &mut [EntryResult],
        created: &[Transfer],
    ) -> Items<Metadata> {
        let items = entries.iter().zip(results.iter()).map(|(entry, result)| Item {
            id: entry.id,
            is_linked: false,
            outcome: match result.status {
                EntryStatus::Created => Outcome::Created,
                EntryStatus::Exists => Outcome::Exists,
                _ => Outcome::Refused,
            },
        });
        let (of_entries, differing) = settle(&mut self.metadata.transfers, items, metadata);
        for item in differing {
            let before: usize = entries[..item].iter().map(Entry::events_count).sum();
            let timestamp = timestamp_of(timestamp, before);
            results[item] = EntryResult { status: EntryStatus::ExistsWithDifferentMetadata, timestamp, about: About::Entry };
        }
        if of_entries.is_empty() {
            return of_entries;
        }
        let mut of_transfers = Items::NONE;
        let is_last = |transfer: &Transfer| !transfer.flags.contains(TransferFlags::LINKED);
        let chains = created.split_inclusive(is_last).scan(0, |next, chain| Some(std::mem::replace(next, *next + chain.len())));
        for (number, first) in chains.enumerate() {
            of_entries.of(number).into_iter().for_each(|metadata| of_transfers.push(first, metadata.clone()));
        }
        of_transfers
    }
}

fn timestamp_of(timestamp: u64, item: usize) -> u64 {
    timestamp + u64::try_from(item).expect("a batch is limited")
}

/// The metadata of what was created, by its number among what was created; and the items whose id is taken by something with
/// other metadata.
///
/// An item is compared with what it met: what an earlier item of the batch created, also if the two stand in one chain, which fails
/// then. Costs nothing where nothing has metadata.
fn settle(
    known: &mut BTreeMap<u128, Metadata>,
    items: impl Iterator<Item = Item>,
    asked: &Items<Metadata>,
) -> (Items<Metadata>, Vec<usize>) {
    let (mut created, mut differing) = (Items::NONE, Vec::new());
    if asked.is_empty() && known.is_empty() {
        return (created, differing);
    }
    let (mut created_count, mut in_failed_chain) = (0, BTreeMap::new());
    for (number, Item { id, is_linked, outcome }) in items.enumerate() {
        let own = asked.of(number);
        match outcome {
            Outcome::Created => {
                if let Some(own) = own.filter(|own| !own.is_empty()) {
                    known.insert(id, own.clone());
                    created.push(created_count, own.clone());
                }
                created_count += 1;
            }
            Outcome::ChainFailed => {
                in_failed_chain.entry(id).or_insert(own);
            }
            Outcome::Exists => {
                let existing = in_failed_chain.get(&id).copied().unwrap_or_else(|| known.get(&id));
                if own.filter(|own| !own.is_empty()) != existing.filter(|existing| !existing.is_empty()) {
                    differing.push(number);
                }
            }
            Outcome::Refused => {}
        }
        if !is_linked {
            in_failed_chain.clear();
        }
    }
    (created, differing)
}
