//! The open pending transfers of clients, and the order in which they expire.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::index::{Index, at, next_place};
use crate::types::{self, Transfer};

/// So many expiries of transfers that are not open any more are kept in any case.
const STALE_EXPIRIES_MIN: usize = 1_024;

/// When an open transfer expires. Orders by time, then by the transfer's timestamp, which is its own alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Expiry {
    expires_at_ns: u64,
    timestamp: u64,
    id: u128,
}

impl Expiry {
    fn of(transfer: &Transfer) -> Option<Self> {
        let expires_at_ns = expires_at_ns(transfer)?;
        Some(Self { expires_at_ns, timestamp: transfer.timestamp, id: transfer.id })
    }
}

/// When a transfer expires, in nanoseconds since 1970, if it has a timeout.
pub(crate) fn expires_at_ns(transfer: &Transfer) -> Option<u64> {
    if transfer.timeout_s == 0 {
        return None;
    }
    types::expires_at_ns(transfer.timestamp, transfer.timeout_s)
}

/// Every transfer whose amount is reserved. Nothing ends here without the caller's doing.
#[derive(Clone, Debug)]
pub(crate) struct OpenTransfers {
    records: Vec<Transfer>,
    index: Index,
    /// Of every open transfer with a timeout, and of some that were: those are passed over when they come up. The first is
    /// always that of an open one.
    expiries: BinaryHeap<Reverse<Expiry>>,
    /// How many open transfers have a timeout.
    expiring_count: usize,
}

impl OpenTransfers {
    pub(crate) fn new(key: u64) -> Self {
        Self { records: Vec::new(), index: Index::new(key), expiries: BinaryHeap::new(), expiring_count: 0 }
    }

    #[inline]
    pub(crate) fn place(&self, id: u128) -> Option<u32> {
        self.index.find(id, |place| self.records[at(place)].id == id)
    }

    #[inline]
    pub(crate) fn at(&self, place: u32) -> &Transfer {
        &self.records[at(place)]
    }

    pub(crate) fn transfer(&self, id: u128) -> Option<&Transfer> {
        self.place(id).map(|place| self.at(place))
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// In no order that means anything.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Transfer> {
        self.records.iter()
    }

    /// Reads what the look-up of an id will read. Returns something of it, so that it is read.
    #[inline]
    pub(crate) fn read(&self, id: u128) -> u64 {
        if self.records.is_empty() { 0 } else { self.transfer(id).map_or(0, |transfer| transfer.timestamp) }
    }

    /// Adds a transfer that is not there.
    pub(crate) fn insert(&mut self, transfer: Transfer) {
        self.index.insert(transfer.id, next_place(self.records.len()));
        self.records.push(transfer);
        if let Some(expiry) = Expiry::of(&transfer) {
            self.expiring_count += 1;
            self.expiries.push(Reverse(expiry));
        }
    }

    /// Takes a transfer out; another one may take its place.
    pub(crate) fn take(&mut self, place: u32) -> Transfer {
        let transfer = self.records.swap_remove(at(place));
        self.index.remove(transfer.id, place);
        if let Some(moved) = self.records.get(at(place)) {
            self.index.relocate(moved.id, next_place(self.records.len()), place);
        }
        if let Some(expiry) = Expiry::of(&transfer) {
            self.expiring_count -= 1;
            self.drop_expiry(&expiry);
        }
        transfer
    }

    /// When the next transfer expires, in nanoseconds since 1970.
    pub(crate) fn expires_next_at_ns(&self) -> Option<u64> {
        self.expiries.peek().map(|Reverse(expiry)| expiry.expires_at_ns)
    }

    /// The next transfer to expire, if its time has come.
    pub(crate) fn due(&self, now_ns: u64) -> Option<u32> {
        let Reverse(expiry) = self.expiries.peek().filter(|Reverse(expiry)| expiry.expires_at_ns <= now_ns)?;
        Some(self.place(expiry.id).expect("the first expiry is that of an open transfer"))
    }

    /// Restores the order after a transfer ended: its expiry stays unless it is the first, or too many have stayed.
    fn drop_expiry(&mut self, ended: &Expiry) {
        if self.expiries.peek().is_some_and(|Reverse(first)| first == ended) {
            while self.expiries.peek().is_some_and(|Reverse(first)| !self.is_open(first)) {
                self.expiries.pop();
            }
        }
        if self.expiries.len() > 2 * self.expiring_count + STALE_EXPIRIES_MIN {
            self.expiries = self.records.iter().filter_map(Expiry::of).map(Reverse).collect();
        }
    }

    /// A transfer of the same id may have been opened again, with another timestamp, after a chain was taken back.
    fn is_open(&self, expiry: &Expiry) -> bool {
        self.transfer(expiry.id).is_some_and(|transfer| Expiry::of(transfer) == Some(*expiry))
    }

    /// Whether every way to find transfers shows the same ones.
    pub(crate) fn is_mirrored(&self) -> bool {
        let mut expected: Vec<Expiry> = self.records.iter().filter_map(Expiry::of).collect();
        expected.sort_unstable();
        let mut actual: Vec<Expiry> = self.expiries.iter().map(|Reverse(expiry)| *expiry).filter(|expiry| self.is_open(expiry)).collect();
        actual.sort_unstable();
        actual.dedup();
        actual == expected
            && self.expiring_count == expected.len()
            && self.expires_next_at_ns() == expected.first().map(|expiry| expiry.expires_at_ns)
            && self.records.iter().enumerate().all(|(place, transfer)| self.place(transfer.id) == Some(next_place(place)))
    }
}
