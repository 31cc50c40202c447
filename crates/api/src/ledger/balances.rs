//! Balances in the answers to batches, for who asks for them: as they were right after each item, not as they are by now.

use super::Integer;
use engine::LedgerAnswer;
use ledger::{AccountBalances, Balances};
use serde::Serialize;
use utoipa::ToSchema;

/// What a request wants to know, by its field `balances`.
pub(super) const fn wanted(balances: bool) -> LedgerAnswer {
    if balances { LedgerAnswer::Balances } else { LedgerAnswer::Statuses }
}

/// The balances of an account right after an item of a batch, in its ledger's own unit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BalancesRecord {
    /// The account.
    #[schema(value_type = String, example = "1")]
    account_id: Integer<u128>,
    /// Debits that pending transfers reserve.
    #[schema(value_type = String, example = "0")]
    debits_pending: Integer<u128>,
    /// Debits that happened.
    #[schema(value_type = String, example = "500")]
    debits_posted: Integer<u128>,
    /// Credits that pending transfers reserve.
    #[schema(value_type = String, example = "0")]
    credits_pending: Integer<u128>,
    /// Credits that happened.
    #[schema(value_type = String, example = "0")]
    credits_posted: Integer<u128>,
}

impl From<AccountBalances> for BalancesRecord {
    fn from(found: AccountBalances) -> Self {
        let AccountBalances { account_id, balances } = found;
        let Balances { debits_pending, debits_posted, credits_pending, credits_posted } = balances;
        Self {
            account_id: Integer(account_id),
            debits_pending: Integer(debits_pending),
            debits_posted: Integer(debits_posted),
            credits_pending: Integer(credits_pending),
            credits_posted: Integer(credits_posted),
        }
    }
}

/// For each result its balances: none of any if none were wanted.
pub(super) fn records(balances: Vec<Vec<AccountBalances>>) -> impl Iterator<Item = Vec<BalancesRecord>> {
    let known = balances.into_iter().map(|balances| balances.into_iter().map(BalancesRecord::from).collect());
    known.chain(std::iter::repeat_with(Vec::new))
}
