//! Names of accounts as values, as lists, and in the stored state. The rules of names are a table.

use ledger::{ACCOUNT_NAME_BYTES_MAX, Account, AccountName, Items, Ledger};

use crate::fixture::plain_account;

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap_or_else(|| panic!("`{text}` is a name"))
}

/// A ledger with these accounts: the id, the ledger, the name.
fn named(accounts: &[(u128, u32, &str)]) -> Ledger {
    let mut ledger = Ledger::new();
    let events: Vec<Account> = accounts.iter().map(|(id, number, _)| plain_account(*id, *number)).collect();
    let mut names = Items::NONE;
    accounts.iter().enumerate().for_each(|(item, (_, _, text))| names.push(item, name(text)));
    let (mut results, mut created) = (Vec::new(), Vec::new());
    let made = ledger.create_named_accounts_into(&events, &names, 1, &mut results, &mut created);
    assert_eq!((created.len(), made), (accounts.len(), names));
    ledger
}

#[test]
fn a_name_is_a_letter_and_few_other_characters() {
    let longest = "n".repeat(ACCOUNT_NAME_BYTES_MAX);
    for text in ["a", "merchant:acme:available", "A-z_0.9:", longest.as_str()] {
        assert_eq!(name(text).as_str(), text);
    }
    let too_long = "n".repeat(ACCOUNT_NAME_BYTES_MAX + 1);
    for text in ["", "1", ":a", "_a", "a b", "ä", "aä", "a/b", "a\n", too_long.as_str()] {
        assert_eq!(AccountName::parse(text), None, "{text}");
    }
}

#[test]
fn accounts_are_listed_by_the_beginnings_of_their_names_ledger_by_ledger() {
    let ledger = named(&[(5, 1, "b:1"), (4, 1, "a"), (3, 1, "b:10"), (2, 1, "b"), (1, 1, "c"), (6, 2, "b:2"), (7, 2, "b")]);
    let list = |number: u32, prefix: &str, after: Option<&str>| {
        let after = after.map(name);
        let listed = ledger.accounts_named_from(number, prefix, after.as_ref());
        listed.map(|(_, account)| account.id).collect::<Vec<u128>>()
    };
    for (number, prefix, after, expected) in [
        (1, "", None, &[4, 2, 5, 3, 1][..]),
        (1, "b", None, &[2, 5, 3]),
        (1, "b:", None, &[5, 3]),
        (1, "b:", Some("b:1"), &[3]),
        (1, "b", Some("a"), &[2, 5, 3]),
        (1, "b", Some("c"), &[]),
        (2, "", Some("b"), &[6]),
        (3, "", None, &[]),
        (0, "", None, &[]),
    ] {
        assert_eq!(list(number, prefix, after), expected, "{number} {prefix} {after:?}");
    }
    assert_eq!(ledger.account_named(2, &name("b")).map(|account| account.id), Some(7));
    assert_eq!(ledger.account_named(1, &name("b:2")), None);
    assert_eq!(ledger.account_name(3), Some(&name("b:10")));
}

#[test]
fn names_are_stored_with_the_state_and_checked_when_it_is_loaded() {
    let ledger = named(&[(5, 1, "b"), (4, 1, "a"), (3, 2, "a")]);
    let bytes = postcard::to_allocvec(&ledger).unwrap();
    let loaded: Ledger = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(loaded, ledger);
    assert_eq!(loaded.account_named(2, &name("a")).map(|account| account.id), Some(3));
    assert_eq!(loaded.clone().rekeyed(9), ledger);
    let mut unnamed = Ledger::new();
    unnamed.create_accounts(&[plain_account(5, 1), plain_account(4, 1), plain_account(3, 2)], 1);
    assert_ne!(unnamed, ledger, "names are part of the state");
    let text = serde_json::to_string(&ledger).unwrap();
    for (from, to) in [("\"5\":\"b\"", "\"5\":\"a\""), ("\"5\":\"b\"", "\"6\":\"b\""), ("\"5\":\"b\"", "\"5\":\"?\"")] {
        assert!(text.contains(from));
        assert!(serde_json::from_str::<Ledger>(&text.replace(from, to)).is_err(), "{to}");
    }
}

#[test]
fn what_is_applied_again_has_its_names() {
    let ledger = named(&[(5, 1, "b"), (4, 1, "a")]);
    let accounts: Vec<Account> = [5, 4].map(|id| *ledger.account(id).unwrap()).to_vec();
    let mut names = Items::NONE;
    names.push(0, name("b"));
    names.push(1, name("a"));
    let mut replayed = Ledger::new();
    replayed.apply_accounts(&accounts, &names);
    assert_eq!(replayed, ledger);
}
