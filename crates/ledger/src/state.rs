//! The ledger's state and its look-ups. The rules that change it live in `accounts.rs`,
//! `transfers.rs` and `legs.rs`; the proof that a loaded state is sound in `consistency.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::consistency::Parts;
use crate::types::{Account, Transfer};

/// All accounts, open holds and known transfers of one partition.
///
/// The same calls in the same order give the same state and the same serialised bytes.
/// Deserialising checks the whole state and fails with an [`crate::Inconsistency`] if a sum or a
/// reference does not hold. After a panic of any method the value is unusable: load it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Ledger {
    pub(crate) accounts: BTreeMap<u128, Account>,
    /// Transfers of clients, which must answer `exists` when they come again.
    pub(crate) transfers: BTreeMap<u128, KnownTransfer>,
    /// Ids of clients' transfers that failed transiently and never happen.
    pub(crate) burned_ids: BTreeSet<u128>,
    pub(crate) leg_pendings: BTreeMap<u128, Pending>,
    /// Legs come with growing ids, so this one number is their whole idempotency memory.
    pub(crate) last_leg_id: u128,
    pub(crate) totals: BTreeMap<u32, Totals>,
    /// The last timestamp given to an event of a client; the next batch must start after it.
    pub(crate) timestamp_last: u64,
    /// (expires_at_ns, timestamp) → id of each open pending transfer with a timeout. Derived.
    #[serde(skip_serializing)]
    pub(crate) expiries: BTreeMap<(u64, u64), u128>,
    /// (timestamp, id) of each account; platform accounts may share a timestamp. Derived.
    #[serde(skip_serializing)]
    pub(crate) account_timestamps: BTreeSet<(u64, u128)>,
    /// The timestamp of each known transfer. Derived.
    #[serde(skip_serializing)]
    pub(crate) transfer_timestamps: BTreeSet<u64>,
}

/// A transfer that a client created, and what became of it if it is a pending one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownTransfer {
    /// As it happened: the actual amount, inherited fields filled in, the final timestamp.
    pub(crate) transfer: Transfer,
    pub(crate) status: PendingStatus,
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

/// The sums over all accounts of one ledger, in its minor unit, each modulo 2^128.
///
/// Debits and credits are summed by different code, so that their equality proves something.
/// Modulo, because no rule bounds the sum over many accounts; no single error hides in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// The sum of all pending debits.
    pub debits_pending: u128,
    /// The sum of all posted debits.
    pub debits_posted: u128,
    /// The sum of all pending credits.
    pub credits_pending: u128,
    /// The sum of all posted credits.
    pub credits_posted: u128,
}

impl Totals {
    /// Whether debits equal credits, pending and posted apart.
    pub fn is_balanced(&self) -> bool {
        self.debits_pending == self.credits_pending && self.debits_posted == self.credits_posted
    }
}

impl Ledger {
    /// A ledger without accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The account with this id.
    pub fn account(&self, id: u128) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// All accounts in order of their ids.
    pub fn accounts(&self) -> impl ExactSizeIterator<Item = &Account> {
        self.accounts.values()
    }

    /// Accounts in order of their ids, from the first whose id is larger than `after`.
    pub fn accounts_after(&self, after: Option<u128>) -> impl Iterator<Item = &Account> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.accounts.range((start, Bound::Unbounded)).map(|(_, account)| account)
    }

    /// The transfer of a client with this id, as it happened. Legs are not remembered.
    pub fn transfer(&self, id: u128) -> Option<&Transfer> {
        self.transfers.get(&id).map(|known| &known.transfer)
    }

    /// All known transfers of clients in order of their ids.
    pub fn transfers(&self) -> impl ExactSizeIterator<Item = &Transfer> {
        self.transfers.values().map(|known| &known.transfer)
    }

    /// What became of the reservation of the client's transfer with this id.
    pub fn pending_status(&self, id: u128) -> Option<PendingStatus> {
        self.transfers.get(&id).map(|known| known.status)
    }

    /// The open pending transfer of a client with this id; `None` once resolved or expired.
    ///
    /// Past its timeout it is still open until [`Ledger::expire`] comes by, but cannot be posted.
    pub fn pending(&self, id: u128) -> Option<Pending> {
        let known = self.transfers.get(&id)?;
        (known.status == PendingStatus::Pending).then(|| Pending::of(&known.transfer))
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

    /// Whether a client's transfer with this id failed for ever.
    pub fn is_burned(&self, id: u128) -> bool {
        self.burned_ids.contains(&id)
    }

    /// The sums of one ledger, all zero if nothing ever moved in it.
    pub fn totals(&self, ledger: u32) -> Totals {
        self.totals.get(&ledger).copied().unwrap_or_default()
    }

    /// The ledgers in which something moved, with their sums, in order of ledgers.
    pub fn ledgers(&self) -> impl ExactSizeIterator<Item = (u32, &Totals)> {
        self.totals.iter().map(|(ledger, totals)| (*ledger, totals))
    }

    /// The last timestamp given to a client's event, in nanoseconds since 1970.
    ///
    /// The next batch's timestamp must be larger: take `max(now, timestamp_last() + 1)`.
    pub fn timestamp_last(&self) -> u64 {
        self.timestamp_last
    }

    /// When the next pending transfer expires, in nanoseconds since 1970.
    pub fn expires_next_at_ns(&self) -> Option<u64> {
        self.expiries.keys().next().map(|(expires_at_ns, _)| *expires_at_ns)
    }
}
