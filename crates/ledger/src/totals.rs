//! The sums over all accounts of each ledger, which prove with every event that it balances.

use serde::{Deserialize, Serialize};

use crate::index::{Index, at, next_place};

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

/// The totals of every ledger in which something moved, in the order of their first movements.
#[derive(Clone, Debug)]
pub(crate) struct TotalsTable {
    records: Vec<(u32, Totals)>,
    index: Index,
    /// The place of the last movement: the next one is most often in the same ledger.
    recent: u32,
}

impl TotalsTable {
    pub(crate) fn new(key: u64) -> Self {
        Self { records: Vec::new(), index: Index::new(key), recent: 0 }
    }

    pub(crate) fn of(&self, ledger: u32) -> Option<&Totals> {
        self.place(ledger).map(|place| &self.records[at(place)].1)
    }

    /// The totals of a ledger to move in, which begin at zero.
    #[inline]
    pub(crate) fn of_mut(&mut self, ledger: u32) -> &mut Totals {
        if self.records.get(at(self.recent)).is_none_or(|(recent, _)| *recent != ledger) {
            self.recent = self.place(ledger).unwrap_or_else(|| self.insert(ledger, Totals::default()));
        }
        &mut self.records[at(self.recent)].1
    }

    /// Adds a ledger that is not there, and returns its place.
    pub(crate) fn insert(&mut self, ledger: u32, totals: Totals) -> u32 {
        let place = next_place(self.records.len());
        self.index.insert(u128::from(ledger), place);
        self.records.push((ledger, totals));
        place
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Takes back the ledgers that came after the first `count`; what moved in them was taken back before.
    pub(crate) fn truncate(&mut self, count: usize) {
        while self.records.len() > count {
            let (ledger, totals) = self.records.pop().expect("there is one past the count");
            assert_eq!(totals, Totals::default(), "ledger {ledger} does not balance after undoing");
            self.index.remove(u128::from(ledger), next_place(self.records.len()));
        }
    }

    /// In order of ledgers.
    pub(crate) fn ordered(&self) -> Vec<(u32, &Totals)> {
        let mut ordered: Vec<(u32, &Totals)> = self.records.iter().map(|(ledger, totals)| (*ledger, totals)).collect();
        ordered.sort_unstable_by_key(|(ledger, _)| *ledger);
        ordered
    }

    fn place(&self, ledger: u32) -> Option<u32> {
        self.index.find(u128::from(ledger), |place| self.records[at(place)].0 == ledger)
    }
}
