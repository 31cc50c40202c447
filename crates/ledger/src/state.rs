//! The ledger's state and its look-ups. The rules that change it live in `accounts.rs`,
//! `transfers.rs`, `legs.rs` and `replay.rs`; its stored form lives in `snapshot.rs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account_table::AccountTable;
use crate::metadata::KnownMetadata;
use crate::names::NameTable;
use crate::open::OpenTransfers;
use crate::recent::{KnownRef, RecentTransfers};
use crate::snapshot::Parts;
use crate::totals::{Totals, TotalsTable};
use crate::types::{Account, Transfer};

/// All accounts, open holds and known transfers of one partition.
///
/// The same calls in the same order give the same state and the same serialised bytes.
/// Deserialising checks the whole state and fails with an [`crate::Inconsistency`] if a sum or a
/// reference does not hold. After a panic of any method the value is unusable: load it again.
///
/// Memory grows with accounts and open holds. It also grows with every transfer unless the caller keeps their history, lets
/// the ledger [`Ledger::forget`], and tells it what a batch needs of history ([`Ledger::recall`]).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Ledger {
    pub(crate) accounts: AccountTable,
    pub(crate) names: NameTable,
    /// Transfers of clients whose amount is reserved.
    pub(crate) open: OpenTransfers,
    /// Other transfers of clients, which must answer `exists` when they come again, and ids that failed and never happen.
    pub(crate) recent: RecentTransfers,
    pub(crate) leg_pendings: BTreeMap<u128, Pending>,
    /// Legs come with growing ids, so this one number is their whole idempotency memory.
    pub(crate) last_leg_id: u128,
    pub(crate) totals: TotalsTable,
    /// The largest timestamp of what clients created; the next batch must start after it.
    pub(crate) timestamp_last: u64,
    /// The largest timestamp of a transfer that a client created.
    pub(crate) transfer_timestamp_last: u64,
    /// During a batch of imported accounts: the timestamp of every known transfer, in order. No part of the state.
    pub(crate) transfer_timestamps_taken: Vec<u64>,
    pub(crate) metadata: KnownMetadata,
}

/// What became of a transfer's reservation. A reservation is resolved at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PendingStatus {
    /// It never reserved anything.
    None,
    /// The amount is reserved.
    Pending,
    /// It was posted, in full or in part; the rest is released.
    Posted,
    /// It was voided; all is released.
    Voided,
    /// Its timeout passed; all is released.
    Expired,
}

/// An open reservation: what it holds, and between whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The account whose pending debits include `amount`.
    pub debit_account_id: u128,
    /// The account whose pending credits include `amount`.
    pub credit_account_id: u128,
    /// All of it is still reserved, in the ledger's minor unit: a partial post ends the rest.
    pub amount: u128,
    /// When it was created, in nanoseconds since 1970.
    pub timestamp: u64,
    /// The ledger of both accounts.
    pub ledger: u32,
    /// The reason in the chart of accounts.
    pub code: u16,
}

// One open hold of the platform is this value, its 16-byte key, and its share of a tree node.
const _: () = assert!(size_of::<Pending>() <= 80);

impl Pending {
    pub(crate) fn of(transfer: &Transfer) -> Self {
        Self {
            debit_account_id: transfer.debit_account_id,
            credit_account_id: transfer.credit_account_id,
            amount: transfer.amount,
            timestamp: transfer.timestamp,
            ledger: transfer.ledger,
            code: transfer.code,
        }
    }
}

impl Ledger {
    /// A ledger without accounts.
    pub fn new() -> Self {
        Self::with_key(0)
    }

    /// A ledger without accounts whose tables in memory are laid out by `key`.
    ///
    /// Clients choose ids. Who does not know the key cannot choose ids that make look-ups slow, so it should be a secret of
    /// the installation. No answer, no equality and no serialised byte depends on it.
    pub fn with_key(key: u64) -> Self {
        Self {
            accounts: AccountTable::new(key),
            names: NameTable::default(),
            open: OpenTransfers::new(key),
            recent: RecentTransfers::new(key),
            leg_pendings: BTreeMap::new(),
            last_leg_id: 0,
            totals: TotalsTable::new(key),
            timestamp_last: 0,
            transfer_timestamp_last: 0,
            transfer_timestamps_taken: Vec::new(),
            metadata: KnownMetadata::default(),
        }
    }

    /// The account with this id.
    pub fn account(&self, id: u128) -> Option<&Account> {
        self.accounts.account(id)
    }

    /// All accounts in order of their ids.
    pub fn accounts(&self) -> impl ExactSizeIterator<Item = &Account> {
        self.accounts.ordered()
    }

    /// Accounts in order of their ids, from the first whose id is larger than `after`.
    pub fn accounts_after(&self, after: Option<u128>) -> impl Iterator<Item = &Account> {
        self.accounts.after(after)
    }

    /// The transfer of a client with this id, as it happened, if it is known. Legs are not remembered.
    pub fn transfer(&self, id: u128) -> Option<&Transfer> {
        self.known(id).and_then(KnownRef::happened).map(|(transfer, _)| transfer)
    }

    /// All known transfers of clients in order of their ids. Sorts them anew.
    pub fn transfers(&self) -> impl ExactSizeIterator<Item = &Transfer> {
        let recent = self.recent.iter().filter_map(|known| known.happened().map(|(transfer, _)| transfer));
        let mut transfers: Vec<&Transfer> = self.open.iter().chain(recent).collect();
        transfers.sort_unstable_by_key(|transfer| transfer.id);
        transfers.into_iter()
    }

    /// What became of the reservation of the client's transfer with this id, if it is known.
    pub fn pending_status(&self, id: u128) -> Option<PendingStatus> {
        self.known(id).and_then(KnownRef::happened).map(|(_, status)| status)
    }

    /// The open pending transfer of a client with this id; `None` once resolved or expired.
    ///
    /// Past its timeout it is still open until [`Ledger::expire`] comes by, but cannot be posted.
    pub fn pending(&self, id: u128) -> Option<Pending> {
        self.open.transfer(id).map(Pending::of)
    }

    /// How many pending transfers of clients are open.
    pub fn pendings_count(&self) -> usize {
        self.open.len()
    }

    /// The open pending leg with this id; `None` once resolved.
    pub fn leg_pending(&self, id: u128) -> Option<&Pending> {
        self.leg_pendings.get(&id)
    }

    /// All open pending legs with their ids, in order of ids.
    pub fn leg_pendings(&self) -> impl ExactSizeIterator<Item = (u128, &Pending)> {
        self.leg_pendings.iter().map(|(id, pending)| (*id, pending))
    }

    /// The id of the last leg applied, zero before the first; the next one must be larger.
    pub fn last_leg_id(&self) -> u128 {
        self.last_leg_id
    }

    /// Whether a client's transfer with this id is known to have failed for ever.
    pub fn is_burned(&self, id: u128) -> bool {
        matches!(self.known(id), Some(KnownRef::Burned))
    }

    /// The sums of one ledger, all zero if nothing ever moved in it.
    pub fn totals(&self, ledger: u32) -> Totals {
        self.totals.of(ledger).copied().unwrap_or_default()
    }

    /// The ledgers in which something moved, with their sums, in order of ledgers. Sorts them anew.
    pub fn ledgers(&self) -> impl ExactSizeIterator<Item = (u32, &Totals)> {
        self.totals.ordered().into_iter()
    }

    /// The largest timestamp of an account or transfer that a client created, in nanoseconds since 1970.
    ///
    /// The next batch's timestamp must be larger. Events that created nothing had timestamps too: a caller that wants every
    /// answer's timestamp to be larger than the one before keeps the last one it gave.
    pub fn timestamp_last(&self) -> u64 {
        self.timestamp_last
    }

    /// The largest timestamp of a transfer that a client created, in nanoseconds since 1970; zero before the first.
    pub fn transfer_timestamp_last(&self) -> u64 {
        self.transfer_timestamp_last
    }

    /// When the next pending transfer expires, in nanoseconds since 1970.
    pub fn expires_next_at_ns(&self) -> Option<u64> {
        self.open.expires_next_at_ns()
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}
