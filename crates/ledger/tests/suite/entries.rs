//! Entries with many legs: their statuses in order of precedence, how they become transfers, and that balances change by
//! exactly the postings or not at all.

use std::collections::BTreeMap;

use ledger::{
    About, Account, AccountFlags, BATCH_EVENTS_MAX, CreateTransferStatus, ENTRY_POSTINGS_MAX, Entry, EntryResult, EntryStatus as Status,
    Ledger, Posting, Side, Transfer, TransferFlags as Flags,
};
use proptest::prelude::*;

use crate::fixture::plain_account;

const T: u64 = 1_000;

fn debit(account_id: u128, amount: u128) -> Posting {
    Posting { account_id, side: Side::Debit, amount }
}

fn credit(account_id: u128, amount: u128) -> Posting {
    Posting { account_id, side: Side::Credit, amount }
}

fn entry(id: u128, postings: &[Posting]) -> Entry {
    Entry { id, postings: postings.to_vec(), user_data_128: 0, user_data_64: 0, user_data_32: 0, code: 1 }
}

/// Accounts 1 to 4 of ledger 1, of which 4 may not be debited below what it was credited, and 5 to 7 of ledger 2.
fn opened() -> Ledger {
    let mut ledger = Ledger::new();
    let mut accounts: Vec<Account> = (1..=4).map(|id| plain_account(id, 1)).chain((5..=7).map(|id| plain_account(id, 2))).collect();
    accounts[3].flags = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
    assert_eq!(ledger.create_accounts(&accounts, 1).len(), 7);
    ledger
}

struct Booked {
    results: Vec<EntryResult>,
    created: Vec<Transfer>,
    burned: Vec<u128>,
}

fn book(ledger: &mut Ledger, entries: &[Entry]) -> Booked {
    let timestamp = T.max(ledger.timestamp_last() + 1);
    let (mut results, mut created, mut burned) = (Vec::new(), Vec::new(), Vec::new());
    ledger.create_entries_into(entries, timestamp, &mut results, &mut created, &mut burned);
    Booked { results, created, burned }
}

/// What one entry comes to.
fn check(ledger: &mut Ledger, entry: &Entry, status: Status, about: About) {
    let balances: Vec<Account> = ledger.accounts().copied().collect();
    let booked = book(ledger, std::slice::from_ref(entry));
    assert_eq!((booked.results[0].status, booked.results[0].about), (status, about), "{entry:?}");
    if status != Status::Created {
        assert!(booked.created.is_empty());
        assert_eq!(balances, ledger.accounts().copied().collect::<Vec<_>>(), "a refused entry changes nothing");
    }
    assert_eq!(booked.burned.contains(&entry.id), status.is_transient(), "{status:?}");
}

#[test]
fn every_status_is_reached_in_order_of_precedence() {
    let mut ledger = opened();
    let first = entry(10, &[debit(1, 120), credit(2, 100), credit(3, 20)]);
    check(&mut ledger, &first, Status::Created, About::Entry);
    let mut wrong = Entry { id: 0, code: 0, postings: Vec::new(), ..first.clone() };
    check(&mut ledger, &wrong, Status::IdMustNotBeZero, About::Entry);
    wrong.id = u128::MAX;
    check(&mut ledger, &wrong, Status::IdMustNotBeIntMax, About::Entry);
    wrong.id = 10;
    check(&mut ledger, &wrong, Status::ExistsWithDifferentPostings, About::Entry);
    wrong = Entry { user_data_128: 1, user_data_64: 1, user_data_32: 1, code: 2, ..first.clone() };
    check(&mut ledger, &wrong, Status::ExistsWithDifferentUserData128, About::Entry);
    wrong.user_data_128 = 0;
    check(&mut ledger, &wrong, Status::ExistsWithDifferentUserData64, About::Entry);
    wrong.user_data_64 = 0;
    check(&mut ledger, &wrong, Status::ExistsWithDifferentUserData32, About::Entry);
    wrong.user_data_32 = 0;
    check(&mut ledger, &wrong, Status::ExistsWithDifferentCode, About::Entry);
    check(&mut ledger, &first, Status::Exists, About::Entry);

    wrong = entry(u128::MAX - 1, &[]);
    wrong.code = 0;
    check(&mut ledger, &wrong, Status::PostingsMustNotBeEmpty, About::Entry);
    wrong.postings = (0..=ENTRY_POSTINGS_MAX).map(|_| debit(0, 0)).collect();
    check(&mut ledger, &wrong, Status::TooManyPostings, About::Entry);
    wrong.postings.truncate(4);
    check(&mut ledger, &wrong, Status::IdsMustNotOverflow, About::Entry);
    wrong.id = 20;
    check(&mut ledger, &wrong, Status::CodeMustNotBeZero, About::Entry);
    wrong.code = 1;
    check(&mut ledger, &wrong, Status::AccountIdMustNotBeZero, About::Posting(0));
    wrong.postings = vec![debit(9, 1), credit(u128::MAX, 0), credit(9, 2)];
    check(&mut ledger, &wrong, Status::AccountIdMustNotBeIntMax, About::Posting(1));
    wrong.postings[1].account_id = 1;
    check(&mut ledger, &wrong, Status::AmountMustNotBeZero, About::Posting(1));
    wrong.postings[1].amount = 1;
    check(&mut ledger, &wrong, Status::AccountMustNotRepeat, About::Posting(2));
    check(&mut ledger, &entry(20, &[debit(1, 1), credit(9, 2)]), Status::AccountNotFound, About::Posting(1));
    check(&mut ledger, &entry(20, &[debit(1, 1), credit(2, 1)]), Status::IdAlreadyFailed, About::Entry);
    check(&mut ledger, &entry(30, &[debit(1, 3), credit(2, 1)]), Status::PostingsDoNotBalance, About::Posting(0));
    check(&mut ledger, &entry(30, &[debit(1, 3), credit(2, 1), credit(3, 3)]), Status::PostingsDoNotBalance, About::Posting(2));
    check(&mut ledger, &entry(30, &[debit(1, 3), credit(5, 3)]), Status::PostingsDoNotBalance, About::Posting(0));
    check(&mut ledger, &entry(30, &[debit(1, 3)]), Status::PostingsDoNotBalance, About::Posting(0));
    check(
        &mut ledger,
        &entry(9, &[debit(1, 3), credit(4, 2), credit(3, 1)]),
        Status::FollowingIdTaken,
        About::Pair { debit: 0, credit: 2 },
    );
    let too_much = entry(30, &[credit(2, 3), debit(1, 3), debit(4, 2), credit(3, 2)]);
    let exceeds = Status::Refused(CreateTransferStatus::ExceedsCredits);
    check(&mut ledger, &too_much, exceeds, About::Pair { debit: 2, credit: 3 });
    check(&mut ledger, &too_much, Status::IdAlreadyFailed, About::Entry);
    check(&mut ledger, &entry(31, &[debit(1, 3), credit(2, 3)]), Status::Created, About::Entry);
}

#[test]
fn statuses_have_names_of_their_own() {
    let mut names: Vec<&str> = Status::OWN.iter().map(|status| status.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Status::OWN.len());
    assert_eq!(Status::Refused(CreateTransferStatus::ExceedsDebits).name(), "exceeds_debits");
}

#[test]
fn an_entry_is_one_linked_chain_with_consecutive_ids_ledger_after_ledger() {
    let mut ledger = opened();
    let exchange = entry(50, &[debit(5, 7), credit(1, 9), debit(2, 4), debit(3, 5), credit(6, 3), credit(7, 4)]);
    let booked = book(&mut ledger, &[entry(40, &[]), exchange.clone()]);
    let shown: Vec<_> = booked.created.iter().map(|made| (made.id, made.debit_account_id, made.credit_account_id, made.amount)).collect();
    assert_eq!(shown, [(50, 2, 1, 4), (51, 3, 1, 5), (52, 5, 6, 3), (53, 5, 7, 4)]);
    let places: Vec<_> = booked.created.iter().map(|made| (made.ledger, made.flags, made.timestamp)).collect();
    // The refused entry before took a nanosecond.
    let linked = Flags::LINKED;
    assert_eq!(places, [(1, linked, T + 1), (1, linked, T + 2), (2, linked, T + 3), (2, Flags::NONE, T + 4)]);
    assert_eq!(booked.results[1].timestamp, T + 1);
    let read = Entry::of_transfers(&booked.created).unwrap();
    assert_eq!(read.postings, [debit(2, 4), credit(1, 9), debit(3, 5), debit(5, 7), credit(6, 3), credit(7, 4)]);
    // In any order of postings it is the same entry.
    let mut again = exchange;
    again.postings.reverse();
    let repeated = book(&mut ledger, &[again]).results[0];
    assert_eq!((repeated.status, repeated.timestamp), (Status::Exists, T + 1));
}

#[test]
fn what_is_no_entry_is_not_read_as_one() {
    let plain =
        Transfer { id: 1, debit_account_id: 1, credit_account_id: 2, amount: 5, ledger: 1, code: 1, timestamp: 9, ..Transfer::default() };
    let linked = Transfer { flags: Flags::LINKED, ..plain };
    let next = Transfer { id: 2, debit_account_id: 3, timestamp: 10, ..plain };
    assert_eq!(Entry::of_transfers(&[plain]).unwrap().postings, [debit(1, 5), credit(2, 5)]);
    assert_eq!(Entry::of_transfers(&[linked, next]).unwrap().postings, [debit(1, 5), credit(2, 10), debit(3, 5)]);
    assert_eq!(Entry::of_transfers(&[plain, linked]).unwrap().postings.len(), 2, "what comes after its end is another's");
    for wrong in [
        vec![],
        vec![linked],
        vec![linked, Transfer { id: 3, ..next }],
        vec![linked, Transfer { timestamp: 11, ..next }],
        vec![linked, Transfer { code: 2, ..next }],
        vec![linked, Transfer { user_data_128: 2, ..next }],
        vec![linked, Transfer { user_data_64: 2, ..next }],
        vec![linked, Transfer { user_data_32: 2, ..next }],
        vec![linked, Transfer { debit_account_id: 2, credit_account_id: 3, ..next }],
        vec![linked, Transfer { amount: u128::MAX, ..next }],
        vec![Transfer { flags: Flags::PENDING, ..plain }],
        vec![Transfer { flags: Flags::BALANCING_DEBIT, ..plain }],
        vec![Transfer { flags: Flags::IMPORTED, ..plain }],
    ] {
        assert_eq!(Entry::of_transfers(&wrong), None, "{wrong:?}");
    }
}

#[test]
fn the_largest_entry_and_the_largest_batch_happen() {
    let mut ledger = Ledger::new();
    let count = u128::try_from(ENTRY_POSTINGS_MAX).unwrap();
    let accounts: Vec<Account> = (1..=count).map(|id| plain_account(id, 1)).collect();
    ledger.create_accounts(&accounts, 1);
    let mut postings: Vec<Posting> = (2..=count).map(|id| credit(id, 1)).collect();
    postings.push(debit(1, count - 1));
    let booked = book(&mut ledger, &[entry(1, &postings)]);
    assert_eq!((booked.results[0].status, booked.created.len()), (Status::Created, ENTRY_POSTINGS_MAX - 1));
    let ids = (0..u128::MAX).map(|at| 10_000 + 2 * at).take(BATCH_EVENTS_MAX / 2);
    let entries: Vec<Entry> = ids.map(|id| entry(id, &[debit(1, 1), credit(2, 1)])).collect();
    assert_eq!(book(&mut ledger, &entries).created.len(), BATCH_EVENTS_MAX / 2);
}

#[test]
fn amounts_reach_the_edge_of_128_bits_and_no_further() {
    let mut ledger = opened();
    let huge = u128::MAX - 1;
    check(&mut ledger, &entry(1, &[debit(1, huge), debit(2, huge), credit(3, huge), credit(4, huge)]), Status::Created, About::Entry);
    let overflows = Status::Refused(CreateTransferStatus::OverflowsDebitsPosted);
    check(&mut ledger, &entry(5, &[debit(2, 2), credit(1, 2)]), overflows, About::Pair { debit: 0, credit: 1 });
}

/// Postings that balance more often than not.
fn postings() -> impl Strategy<Value = Vec<Posting>> {
    let one = (1_u128..=8, any::<bool>(), 0_u128..12)
        .prop_map(|(account_id, is_debit, amount)| if is_debit { debit(account_id, amount) } else { credit(account_id, amount) });
    let accounts = prop::sample::subsequence(vec![1_u128, 2, 3, 4], 2..=4).prop_shuffle();
    let balanced = (accounts, prop::collection::vec(1_u128..9, 3), 1_usize..4, any::<bool>());
    let balanced = balanced.prop_map(|(accounts, amounts, cut, is_debit_first)| {
        let (first, rest) = accounts.split_at(cut.min(accounts.len() - 1));
        let (of_first, of_rest) = if is_debit_first { (Side::Debit, Side::Credit) } else { (Side::Credit, Side::Debit) };
        let mut postings: Vec<Posting> = first
            .iter()
            .zip(&amounts)
            .map(|(account_id, amount)| Posting { account_id: *account_id, side: of_first, amount: *amount })
            .collect();
        // The rest share what the first come to; the last of them takes what is left.
        let mut left: u128 = postings.iter().map(|posting| posting.amount).sum();
        for (at, account_id) in rest.iter().enumerate() {
            let amount = if at + 1 == rest.len() { left } else { left / 2 };
            left -= amount;
            postings.push(Posting { account_id: *account_id, side: of_rest, amount });
        }
        postings
    });
    let with_exchange = (balanced.clone(), 0_u128..5).prop_map(|(mut postings, amount)| {
        postings.insert(1, debit(5, amount + 1));
        postings.push(credit(6, amount + 1));
        postings
    });
    prop_oneof![1 => prop::collection::vec(one, 0..5), 3 => balanced, 2 => with_exchange]
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let one = (1_u128..60, postings(), 1_u16..3).prop_map(|(id, postings, code)| Entry { code, ..entry(id, &postings) });
    prop::collection::vec(one, 1..12)
}

/// Posted debits and credits of all accounts.
fn balances(ledger: &Ledger) -> BTreeMap<u128, (u128, u128)> {
    ledger.accounts().map(|account| (account.id, (account.debits_posted, account.credits_posted))).collect()
}

proptest! {
    /// What was created moved balances by exactly its postings, what was refused by nothing; every ledger balances, what
    /// happened reads as what was asked for, and a ledger that is given the transfers is the same.
    #[test]
    fn balances_change_by_exactly_the_postings(batches in prop::collection::vec(entries(), 1..5)) {
        let mut ledger = opened();
        let mut replayed = ledger.clone();
        for batch in &batches {
            let mut expected = balances(&ledger);
            let booked = book(&mut ledger, batch);
            prop_assert_eq!(booked.results.len(), batch.len());
            for (entry, result) in batch.iter().zip(&booked.results) {
                if result.status != Status::Created {
                    continue;
                }
                for posting in &entry.postings {
                    let (debits, credits) = expected.get_mut(&posting.account_id).unwrap();
                    *if posting.side == Side::Debit { debits } else { credits } += posting.amount;
                }
                let from = booked.created.iter().position(|made| made.id == entry.id).unwrap();
                prop_assert_eq!(booked.created[from].timestamp, result.timestamp);
                let mut read = Entry::of_transfers(&booked.created[from..]).unwrap();
                let mut asked = entry.clone();
                read.postings.sort_unstable();
                asked.postings.sort_unstable();
                prop_assert_eq!(read, asked);
            }
            prop_assert_eq!(&expected, &balances(&ledger));
            for (number, totals) in ledger.ledgers() {
                prop_assert_eq!(totals.debits_posted, totals.credits_posted, "ledger {}", number);
            }
            replayed.apply_transfers(&booked.created);
            // Sent again, nothing happens, and nothing that was refused for ever is tried again.
            let before = ledger.clone();
            let again = book(&mut ledger, batch);
            for (first, second) in booked.results.iter().zip(&again.results) {
                match first.status {
                    Status::Created => prop_assert_eq!((second.status, second.timestamp), (Status::Exists, first.timestamp)),
                    status if status.is_transient() => prop_assert_eq!(second.status, Status::IdAlreadyFailed),
                    _ => {}
                }
            }
            if again.created.is_empty() {
                prop_assert_eq!(balances(&before), balances(&ledger));
            }
            replayed.apply_transfers(&again.created);
        }
        prop_assert_eq!(balances(&replayed), balances(&ledger));
    }
}
