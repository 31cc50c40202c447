//! The ledger's accounts of one merchant or of all, out of the engine's state.

use base::{Currency, MerchantId};
use engine::State;
use engine::state::Balance;
use payments::postings::{AccountKind, Books as Chart};
use std::collections::BTreeMap;
use views::Scope;

/// One account of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerAccount {
    /// Its id in the ledger.
    pub id: u128,
    /// Whose.
    pub merchant: MerchantId,
    /// The merchant's short name.
    pub handle: String,
    /// Its currency.
    pub currency: Currency,
    /// What it is for.
    pub kind: AccountKind,
    /// Its four sides.
    pub balance: Balance,
}

/// Some accounts of the ledger, and the sums of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Books {
    /// Accounts in the order of their ids.
    pub accounts: Vec<LedgerAccount>,
    /// Sums over all accounts of a currency, by currency.
    pub totals: Vec<(Currency, Balance)>,
    /// The last event that is in them.
    pub seq: u64,
}

impl Books {
    /// Those of a state, as [`crate::Platform::books`] wants them. The ledger keeps the sums of all merchants; one merchant's are made
    /// of its accounts, six for each of its currencies.
    pub fn of(state: &State, scope: Scope, after: Option<u128>, count_max: usize) -> Self {
        let seq = state.next_seq - 1;
        match scope {
            Scope::Merchant(merchant) => {
                let mut accounts = accounts_of(state, merchant);
                let mut totals: BTreeMap<Currency, Balance> = BTreeMap::new();
                for account in &accounts {
                    add(totals.entry(account.currency).or_default(), &account.balance);
                }
                accounts.retain(|account| after.is_none_or(|after| account.id > after));
                accounts.truncate(count_max);
                Self { accounts, totals: totals.into_iter().collect(), seq }
            }
            Scope::All => Self { accounts: accounts_of_all(state, after, count_max), totals: totals_of_all(state), seq },
        }
    }
}

/// A merchant's accounts in the order of their ids.
fn accounts_of(state: &State, merchant: MerchantId) -> Vec<LedgerAccount> {
    let Some(found) = state.merchants.get(&merchant) else {
        return Vec::new();
    };
    let each = found.currencies.iter().flat_map(|currency| AccountKind::ALL.map(|kind| (*currency, kind)));
    let account = |(currency, kind)| LedgerAccount {
        id: Chart::account_id(found.number, currency, kind),
        merchant,
        handle: found.handle.clone(),
        currency,
        kind,
        balance: state.balance(merchant, currency, kind),
    };
    let mut accounts: Vec<LedgerAccount> = each.map(account).collect();
    accounts.sort_by_key(|account| account.id);
    accounts
}

fn accounts_of_all(state: &State, after: Option<u128>, count_max: usize) -> Vec<LedgerAccount> {
    let owners = state.merchants.iter().map(|(id, found)| (found.number, (*id, found.handle.as_str())));
    let owners: BTreeMap<u32, (MerchantId, &str)> = owners.collect();
    let found = state.ledger.accounts_after(after).filter_map(|account| {
        // An account's id ends with its merchant's number.
        let number = u32::try_from(account.id & u128::from(u32::MAX)).ok()?;
        let (merchant, handle) = *owners.get(&number)?;
        let kind = AccountKind::ALL.into_iter().find(|kind| kind.code() == account.code)?;
        let balance = Balance {
            debits_posted: account.debits_posted,
            credits_posted: account.credits_posted,
            debits_pending: account.debits_pending,
            credits_pending: account.credits_pending,
        };
        Some(LedgerAccount { id: account.id, merchant, handle: handle.to_owned(), currency: currency(account.ledger)?, kind, balance })
    });
    found.take(count_max).collect()
}

fn totals_of_all(state: &State) -> Vec<(Currency, Balance)> {
    let totals = state.ledger.ledgers().filter_map(|(ledger, sums)| {
        let balance = Balance {
            debits_posted: sums.debits_posted,
            credits_posted: sums.credits_posted,
            debits_pending: sums.debits_pending,
            credits_pending: sums.credits_pending,
        };
        Some((currency(ledger)?, balance))
    });
    totals.collect()
}

/// The currency whose ISO number a ledger has.
fn currency(ledger: u32) -> Option<Currency> {
    Currency::from_numeric(u16::try_from(ledger).ok()?)
}

fn add(sums: &mut Balance, balance: &Balance) {
    let Balance { debits_posted, credits_posted, debits_pending, credits_pending } = *balance;
    // Modulo, as the ledger's own sums are.
    sums.debits_posted = sums.debits_posted.wrapping_add(debits_posted);
    sums.credits_posted = sums.credits_posted.wrapping_add(credits_posted);
    sums.debits_pending = sums.debits_pending.wrapping_add(debits_pending);
    sums.credits_pending = sums.credits_pending.wrapping_add(credits_pending);
}
