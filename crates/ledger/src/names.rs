//! Names of accounts: what people and programs call them by instead of their ids, unique in a ledger. Not part of the reference.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::state::Ledger;
use crate::types::Account;

/// The longest name of an account, in bytes.
pub const ACCOUNT_NAME_BYTES_MAX: usize = 64;

/// The name of an account, such as `merchant:acme:available`.
///
/// At most [`ACCOUNT_NAME_BYTES_MAX`] letters (`A` to `Z` and `a` to `z`), digits and `_`, `-`, `.`, `:`, of which a letter is the
/// first. Names compare as bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// The name that a text is, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_named = text.starts_with(|first: char| first.is_ascii_alphabetic());
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
        let is_name = is_named && text.len() <= ACCOUNT_NAME_BYTES_MAX && text.bytes().all(is_allowed);
        is_name.then(|| Self(text.into()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text is no name of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAccountName;

impl fmt::Display for NoAccountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no name of an account")
    }
}

impl std::error::Error for NoAccountName {}

impl TryFrom<String> for AccountName {
    type Error = NoAccountName;

    fn try_from(text: String) -> Result<Self, NoAccountName> {
        Self::parse(&text).ok_or(NoAccountName)
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.as_str().to_owned()
    }
}

/// The names of accounts, each found by the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameTable {
    by_account: BTreeMap<u128, AccountName>,
    by_name: BTreeMap<(u32, AccountName), u128>,
}

impl NameTable {
    pub(crate) fn of(&self, account_id: u128) -> Option<&AccountName> {
        self.by_account.get(&account_id)
    }

    pub(crate) fn account_id(&self, ledger: u32, name: &AccountName) -> Option<u128> {
        self.by_name.get(&(ledger, name.clone())).copied()
    }

    /// Names an account that has no name; `false` if another account of the ledger has this one, and then nothing changes.
    pub(crate) fn insert(&mut self, account: &Account, name: &AccountName) -> bool {
        let Entry::Vacant(vacant) = self.by_name.entry((account.ledger, name.clone())) else { return false };
        vacant.insert(account.id);
        let before = self.by_account.insert(account.id, name.clone());
        assert!(before.is_none(), "account {} is named twice", account.id);
        true
    }

    /// Takes back the name of an account, if it has one.
    pub(crate) fn take_back(&mut self, account: &Account) {
        if let Some(name) = self.by_account.remove(&account.id) {
            let id = self.by_name.remove(&(account.ledger, name));
            assert_eq!(id, Some(account.id), "a name is found by its account and the account by its name");
        }
    }

    /// All names with their accounts' ids, in order of the ids.
    pub(crate) const fn ordered(&self) -> &BTreeMap<u128, AccountName> {
        &self.by_account
    }

    /// Whether each account with a name is there and found by it.
    pub(crate) fn is_mirrored(&self, account: impl Fn(u128) -> Option<Account>) -> bool {
        let is_found = |(id, name): (&u128, &AccountName)| {
            account(*id).is_some_and(|account| self.by_name.get(&(account.ledger, name.clone())) == Some(id))
        };
        self.by_account.len() == self.by_name.len() && self.by_account.iter().all(is_found)
    }
}

impl Ledger {
    /// The account of a ledger that has this name.
    pub fn account_named(&self, ledger: u32, name: &AccountName) -> Option<&Account> {
        self.names.account_id(ledger, name).and_then(|id| self.account(id))
    }

    /// The name of an account that has one.
    pub fn account_name(&self, id: u128) -> Option<&AccountName> {
        self.names.of(id)
    }

    /// The accounts of a ledger whose names begin with `prefix`, in order of their names, from the first after `after` on.
    pub fn accounts_named_from<'l>(
        &'l self,
        ledger: u32,
        prefix: &'l str,
        after: Option<&AccountName>,
    ) -> impl Iterator<Item = (&'l AccountName, &'l Account)> {
        // No text that names an account, but one that compares with those that do.
        let first = AccountName(prefix.into());
        let start = match after {
            Some(after) if *after >= first => Bound::Excluded((ledger, after.clone())),
            _ => Bound::Included((ledger, first)),
        };
        let named = self.names.by_name.range((start, Bound::Unbounded));
        let named = named.take_while(move |((of, name), _)| *of == ledger && name.as_str().starts_with(prefix));
        named.filter_map(|((_, name), id)| Some((name, self.account(*id)?)))
    }

    /// The largest id below this one that no account has: for what refers to an account that is not there.
    ///
    /// # Panics
    ///
    /// If every id below is an account's.
    pub fn vacant_account_id(&self, below: u128) -> u128 {
        let mut ids = (1..below).rev();
        ids.find(|id| self.account(*id).is_none()).expect("there are fewer accounts than ids")
    }
}
