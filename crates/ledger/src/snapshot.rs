//! The ledger as it is stored and compared: records in order of their ids, whatever their places in memory, without the
//! indexes, which are made again. What was recalled of history is not stored.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::consistency::Inconsistency;
use crate::names::AccountName;
use crate::recent::Known;
use crate::state::{Ledger, Pending, PendingStatus};
use crate::totals::Totals;
use crate::types::{Account, Transfer};

/// A transfer that a client created, and what became of it if it is a pending one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownTransfer {
    /// As it happened: the actual amount, inherited fields filled in, the final timestamp.
    pub(crate) transfer: Transfer,
    pub(crate) status: PendingStatus,
}

/// A state as it is read.
#[derive(Deserialize)]
pub(crate) struct Parts {
    accounts: BTreeMap<u128, Account>,
    names: BTreeMap<u128, AccountName>,
    transfers: BTreeMap<u128, KnownTransfer>,
    burned_ids: BTreeSet<u128>,
    leg_pendings: BTreeMap<u128, Pending>,
    last_leg_id: u128,
    totals: BTreeMap<u32, Totals>,
    timestamp_last: u64,
    transfer_timestamp_last: u64,
}

/// A map that is written from what is sorted already.
struct SortedMap<K, V>(Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for SortedMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut state = serializer.serialize_struct("Ledger", 9)?;
        state.serialize_field("accounts", &SortedMap(self.accounts().map(|account| (account.id, account)).collect()))?;
        state.serialize_field("names", self.names.ordered())?;
        state.serialize_field("transfers", &SortedMap(self.transfers_ordered()))?;
        state.serialize_field("burned_ids", &self.burned_ids_ordered())?;
        state.serialize_field("leg_pendings", &self.leg_pendings)?;
        state.serialize_field("last_leg_id", &self.last_leg_id)?;
        state.serialize_field("totals", &SortedMap(self.totals.ordered()))?;
        state.serialize_field("timestamp_last", &self.timestamp_last)?;
        state.serialize_field("transfer_timestamp_last", &self.transfer_timestamp_last)?;
        state.end()
    }
}

impl TryFrom<Parts> for Ledger {
    type Error = Inconsistency;

    fn try_from(parts: Parts) -> Result<Self, Inconsistency> {
        let Parts { accounts, names, transfers, burned_ids, leg_pendings, last_leg_id, totals, timestamp_last, transfer_timestamp_last } =
            parts;
        let mut ledger = Self { leg_pendings, last_leg_id, timestamp_last, transfer_timestamp_last, ..Self::new() };
        for (id, account) in accounts {
            if account.id != id {
                return Err(Inconsistency::AccountInvalid { id });
            }
            ledger.accounts.insert(account);
        }
        for (id, name) in &names {
            let account = ledger.accounts.account(*id).copied();
            if !account.is_some_and(|account| ledger.names.insert(&account, name)) {
                return Err(Inconsistency::AccountInvalid { id: *id });
            }
        }
        for (id, KnownTransfer { transfer, status }) in transfers {
            if transfer.id != id || burned_ids.contains(&id) {
                return Err(Inconsistency::TransferInvalid { id });
            }
            match status {
                PendingStatus::Pending => ledger.open.insert(transfer),
                PendingStatus::None | PendingStatus::Posted | PendingStatus::Voided | PendingStatus::Expired => {
                    ledger.recent.push(Known::Happened { transfer, status });
                }
            }
        }
        burned_ids.into_iter().for_each(|id| ledger.recent.push(Known::Burned { id }));
        for (number, sums) in totals {
            ledger.totals.insert(number, sums);
        }
        ledger.check_consistency()?;
        Ok(ledger)
    }
}

/// By content: two ledgers that came to the same state by other ways are equal.
impl PartialEq for Ledger {
    fn eq(&self, other: &Self) -> bool {
        self.accounts().eq(other.accounts())
            && self.names == other.names
            && self.transfers_ordered() == other.transfers_ordered()
            && self.burned_ids_ordered() == other.burned_ids_ordered()
            && self.leg_pendings == other.leg_pendings
            && self.last_leg_id == other.last_leg_id
            && self.totals.ordered() == other.totals.ordered()
            && self.timestamp_last == other.timestamp_last
            && self.transfer_timestamp_last == other.transfer_timestamp_last
    }
}

impl Eq for Ledger {}

impl Ledger {
    /// The same state with tables laid out by another key, see [`Ledger::with_key`]: a loaded state has the key zero.
    pub fn rekeyed(self, key: u64) -> Self {
        let Self {
            accounts,
            names,
            open,
            recent,
            leg_pendings,
            last_leg_id,
            totals,
            timestamp_last,
            transfer_timestamp_last,
            transfer_timestamps_taken: _,
            metadata,
        } = self;
        let mut ledger =
            Self { leg_pendings, last_leg_id, timestamp_last, transfer_timestamp_last, names, metadata, ..Self::with_key(key) };
        accounts.ordered().for_each(|account| ledger.accounts.insert(*account));
        open.iter().for_each(|transfer| ledger.open.insert(*transfer));
        recent.iter_own().for_each(|known| ledger.recent.push(*known));
        for (number, sums) in totals.ordered() {
            ledger.totals.insert(number, *sums);
        }
        ledger
    }

    /// The transfers that are part of the state, in order of their ids.
    pub(crate) fn transfers_ordered(&self) -> Vec<(u128, KnownTransfer)> {
        let open = self.open.iter().map(|transfer| KnownTransfer { transfer: *transfer, status: PendingStatus::Pending });
        let recent = self.recent.iter_own().filter_map(Known::happened);
        let ended = recent.map(|(transfer, status)| KnownTransfer { transfer: *transfer, status });
        let mut transfers: Vec<(u128, KnownTransfer)> = open.chain(ended).map(|known| (known.transfer.id, known)).collect();
        transfers.sort_unstable_by_key(|(id, _)| *id);
        transfers
    }

    fn burned_ids_ordered(&self) -> Vec<u128> {
        let burned = self.recent.iter_own().filter(|known| known.happened().is_none());
        let mut ids: Vec<u128> = burned.map(Known::id).collect();
        ids.sort_unstable();
        ids
    }
}
