//! Accounts in memory: dense records in the order of creation, found by id, listed in order of ids.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::index::{Index, at, next_place};
use crate::types::Account;

/// Two cache lines, aligned so that a record is no third one.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Record(Account);

const _: () = assert!(size_of::<Record>() == 128);

/// Where an account is. Accounts never move, so it holds for as long as the account is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccountPlace(u32);

/// All accounts of a ledger.
#[derive(Clone, Debug)]
pub(crate) struct AccountTable {
    records: Vec<Record>,
    index: Index,
    /// For listing only: no transfer reads or writes it.
    ordered: BTreeMap<u128, AccountPlace>,
    /// Of every account, in order; platform accounts may share one. For imported events only.
    timestamps: Vec<u64>,
}

impl AccountTable {
    pub(crate) fn new(key: u64) -> Self {
        Self { records: Vec::new(), index: Index::new(key), ordered: BTreeMap::new(), timestamps: Vec::new() }
    }

    #[inline]
    pub(crate) fn place(&self, id: u128) -> Option<AccountPlace> {
        self.index.find(id, |place| self.records[at(place)].0.id == id).map(AccountPlace)
    }

    #[inline]
    pub(crate) fn at(&self, AccountPlace(place): AccountPlace) -> &Account {
        &self.records[at(place)].0
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, AccountPlace(place): AccountPlace) -> &mut Account {
        &mut self.records[at(place)].0
    }

    /// Both sides of a transfer.
    #[inline]
    pub(crate) fn pair_mut(&mut self, debit: AccountPlace, credit: AccountPlace) -> (&mut Account, &mut Account) {
        let pair = self.records.get_disjoint_mut([at(debit.0), at(credit.0)]);
        let [debit, credit] = pair.expect("the two sides of a transfer are two accounts");
        (&mut debit.0, &mut credit.0)
    }

    pub(crate) fn account(&self, id: u128) -> Option<&Account> {
        self.place(id).map(|place| self.at(place))
    }

    /// Reads what the look-up of an id will read before the account itself. Returns something of it, so that it is read.
    #[inline]
    pub(crate) fn read_index(&self, id: u128) -> u64 {
        self.index.read(id)
    }

    /// Reads what a transfer of this account will read and write. Returns something of it, so that it is read.
    #[inline]
    pub(crate) fn read(&self, id: u128) -> u64 {
        // The look-up compares the id, in the first cache line; the timestamp is in the second.
        self.place(id).map_or(0, |place| self.at(place).timestamp)
    }

    /// Adds an account that is not there.
    pub(crate) fn insert(&mut self, account: Account) {
        let place = next_place(self.records.len());
        let previous = self.ordered.insert(account.id, AccountPlace(place));
        assert!(previous.is_none(), "account {} is created twice", account.id);
        self.index.insert(account.id, place);
        self.records.push(Record(account));
        match self.timestamps.last() {
            Some(last) if *last > account.timestamp => {
                let rank = self.timestamps.partition_point(|timestamp| *timestamp <= account.timestamp);
                self.timestamps.insert(rank, account.timestamp);
            }
            _ => self.timestamps.push(account.timestamp),
        }
    }

    /// Takes back the account that was created last.
    pub(crate) fn take_back(&mut self, id: u128) {
        let Record(account) = self.records.pop().expect("an account to take back is there");
        assert_eq!(account.id, id, "accounts are taken back in reverse order");
        self.index.remove(id, next_place(self.records.len()));
        self.ordered.remove(&id);
        let rank = self.timestamps.partition_point(|timestamp| *timestamp < account.timestamp);
        assert_eq!(self.timestamps.remove(rank), account.timestamp);
    }

    /// Whether an account, of whomever, has exactly this timestamp.
    pub(crate) fn has_timestamp(&self, timestamp: u64) -> bool {
        self.timestamps.binary_search(&timestamp).is_ok()
    }

    /// The largest timestamp of an account.
    pub(crate) fn timestamp_last(&self) -> Option<u64> {
        self.timestamps.last().copied()
    }

    /// All accounts in order of their ids.
    pub(crate) fn ordered(&self) -> impl ExactSizeIterator<Item = &Account> {
        self.ordered.values().map(|place| self.at(*place))
    }

    /// Accounts in order of their ids, from the first whose id is larger than `after`.
    pub(crate) fn after(&self, after: Option<u128>) -> impl Iterator<Item = &Account> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.ordered.range((start, Bound::Unbounded)).map(|(_, place)| self.at(*place))
    }

    /// Whether every way to find or list accounts shows the same ones.
    pub(crate) fn is_mirrored(&self) -> bool {
        let mut timestamps: Vec<u64> = self.records.iter().map(|record| record.0.timestamp).collect();
        timestamps.sort_unstable();
        let is_found = |(place, record): (usize, &Record)| {
            let place = AccountPlace(next_place(place));
            self.place(record.0.id) == Some(place) && self.ordered.get(&record.0.id) == Some(&place)
        };
        timestamps == self.timestamps && self.ordered.len() == self.records.len() && self.records.iter().enumerate().all(is_found)
    }
}
