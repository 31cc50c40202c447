//! Questions about an account's past.

use crate::ledger::Ledger;
use ::ledger::{AccountFlags, Balances, TIMESTAMP_MAX, Transfer};

/// The most objects that one question finds.
const FOUND_MAX: usize = 8_189;

/// Which transfers of an account are asked for; zero in a field asks for any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The account.
    pub account_id: u128,
    /// The caller's own.
    pub user_data_128: u128,
    /// The caller's own.
    pub user_data_64: u64,
    /// The caller's own.
    pub user_data_32: u32,
    /// The reason.
    pub code: u16,
    /// Inclusive.
    pub timestamp_min: u64,
    /// Inclusive.
    pub timestamp_max: u64,
    /// Most objects; zero finds nothing.
    pub limit: u32,
    /// Bit 0 for those that debit the account, 1 for those that credit it, 2 for newest first. Any other bit finds nothing.
    pub flags: u16,
}

/// The balances of an account after one of its transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// What they were.
    pub balances: Balances,
    /// When the transfer happened, in nanoseconds since 1970.
    pub timestamp: u64,
}

impl Ledger {
    /// The transfers of an account that a filter takes.
    pub fn account_transfers(&self, filter: &Filter) -> Vec<Transfer> {
        self.found(filter).into_iter().map(|(transfer, _)| transfer).collect()
    }

    /// The balances of an account with the flag `history` after each transfer that a filter takes.
    pub fn account_balances(&self, filter: &Filter) -> Vec<Balance> {
        let keeps_history = self.accounts.get(&filter.account_id).is_some_and(|account| account.flags.contains(AccountFlags::HISTORY));
        if !keeps_history {
            return Vec::new();
        }
        let found = self.found(filter).into_iter();
        found.map(|(transfer, balances)| Balance { balances, timestamp: transfer.timestamp }).collect()
    }

    fn found(&self, filter: &Filter) -> Vec<(Transfer, Balances)> {
        let Filter { account_id, user_data_128, user_data_64, user_data_32, code, timestamp_min, timestamp_max, limit, flags } = *filter;
        let newest = if timestamp_max == 0 { TIMESTAMP_MAX } else { timestamp_max };
        let (debits, credits, reversed) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
        let is_void = account_id == 0
            || account_id == u128::MAX
            || timestamp_min > newest
            || newest > TIMESTAMP_MAX
            || (!debits && !credits)
            || flags > 7;
        if is_void {
            return Vec::new();
        }
        let mut found = Vec::new();
        for line in &self.lines {
            let transfer = line.transfer;
            let debited = debits && transfer.debit_account_id == account_id;
            let credited = credits && transfer.credit_account_id == account_id;
            let is_wanted = (debited || credited)
                && transfer.timestamp >= timestamp_min
                && transfer.timestamp <= newest
                && (user_data_128 == 0 || transfer.user_data_128 == user_data_128)
                && (user_data_64 == 0 || transfer.user_data_64 == user_data_64)
                && (user_data_32 == 0 || transfer.user_data_32 == user_data_32)
                && (code == 0 || transfer.code == code);
            if is_wanted {
                found.push((transfer, if debited { line.debit } else { line.credit }));
            }
        }
        found.sort_by_key(|(transfer, _)| transfer.timestamp);
        if reversed {
            found.reverse();
        }
        found.truncate(usize::try_from(limit).unwrap_or(FOUND_MAX).min(FOUND_MAX));
        found
    }
}
