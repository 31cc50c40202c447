//! Balances as they were right after each transfer of the batch that was created last, for callers who want them answered.
//! A second pass, backwards from the balances of now: the loop that books knows nothing of it.

use std::collections::BTreeMap;

use crate::booking::Movement;
use crate::state::Ledger;
use crate::transfers::amount_posted;
use crate::types::{Balances, Transfer};

/// What an account's balances were at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountBalances {
    /// The account.
    pub account_id: u128,
    /// Its balances.
    pub balances: Balances,
}

impl Ledger {
    /// For each of these transfers, its debit account's and its credit account's balances right after it happened.
    ///
    /// `created` is what the last batch created, all of it and in order; nothing was forgotten or expired since.
    ///
    /// # Panics
    ///
    /// If they are others.
    pub fn balances_after(&self, created: &[Transfer]) -> Vec<[AccountBalances; 2]> {
        let mut balances: BTreeMap<u128, Balances> = BTreeMap::new();
        let mut after = Vec::with_capacity(created.len());
        for transfer in created.iter().rev() {
            let movement = self.movement_of(transfer);
            let now = |id: u128| self.account(id).expect("what happened has its accounts").balances();
            let [debit, credit] = [transfer.debit_account_id, transfer.credit_account_id]
                .map(|account_id| AccountBalances { account_id, balances: *balances.entry(account_id).or_insert_with(|| now(account_id)) });
            after.push([debit, credit]);
            let debit_before = Balances {
                debits_pending: movement.pending_before(debit.balances.debits_pending),
                debits_posted: movement.posted_before(debit.balances.debits_posted),
                ..debit.balances
            };
            let credit_before = Balances {
                credits_pending: movement.pending_before(credit.balances.credits_pending),
                credits_posted: movement.posted_before(credit.balances.credits_posted),
                ..credit.balances
            };
            balances.extend([(debit.account_id, debit_before), (credit.account_id, credit_before)]);
        }
        after.reverse();
        after
    }

    fn movement_of(&self, transfer: &Transfer) -> Movement {
        if !transfer.is_resolution() {
            return Movement::new(transfer.amount, transfer.flags);
        }
        let pending = self.transfer(transfer.pending_id).expect("what a batch resolved is known until it is forgotten");
        Movement::resolution(pending.amount, amount_posted(transfer))
    }
}
