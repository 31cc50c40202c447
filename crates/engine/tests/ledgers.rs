//! Ledgers that merchants keep themselves: decided and applied in one pass, replayed from what the journal holds, and timed
//! by the journal's clock.

#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod common;

use base::{MerchantId, Timestamp};
use common::{MERCHANT, OTHER, S, World, without_history};
use engine::{Command, Event, LedgerAnswer, LedgerTexts, Refusal, Reply, State};
use ledger::{Account, AccountFlags, CreateAccountStatus, CreateTransferStatus, Transfer, TransferFlags};

fn account(id: u128, flags: AccountFlags) -> Account {
    Account { id, ledger: 1, code: 1, flags, ..Account::default() }
}

fn transfer(id: u128, debit: u128, credit: u128, amount: u128) -> Transfer {
    Transfer { id, debit_account_id: debit, credit_account_id: credit, amount, ledger: 1, code: 1, ..Transfer::default() }
}

/// A partition that books, and one that only ever sees what the journal holds.
struct Pair {
    world: World,
    replayed: State,
}

impl Pair {
    fn new() -> Self {
        let world = World::new();
        let replayed = world.state.clone();
        Self { world, replayed }
    }

    fn book(&mut self, command: &Command) -> Reply {
        let now = self.world.now.max(self.world.state.last_at.plus_ns(1));
        let booked = self.world.state.book(now, command);
        if let Some(entry) = &booked.entry {
            assert_eq!(entry.at, self.world.state.last_at);
            self.replayed.evolve(entry);
        }
        self.compare();
        booked.reply
    }

    /// Here nothing is forgotten, so that no history is needed; what a replay gives is what remains when all is forgotten.
    fn compare(&self) {
        assert_eq!(without_history(&self.world.state), self.replayed, "a replay gives the same state");
    }

    fn accounts(&mut self, merchant: MerchantId, accounts: Vec<Account>) -> Vec<CreateAccountStatus> {
        let Reply::LedgerAccounts { results } =
            self.book(&Command::CreateLedgerAccounts { merchant, accounts, texts: LedgerTexts::default() })
        else {
            panic!("results are answered")
        };
        results.into_iter().map(|result| result.status).collect()
    }

    fn transfers(&mut self, merchant: MerchantId, transfers: Vec<Transfer>) -> Vec<CreateTransferStatus> {
        let Reply::LedgerTransfers { results, .. } = self.book(&Command::CreateLedgerTransfers {
            merchant,
            transfers,
            texts: LedgerTexts::default(),
            answer: LedgerAnswer::Statuses,
        }) else {
            panic!("results are answered")
        };
        results.into_iter().map(|result| result.status).collect()
    }

    /// Lets time pass and runs what is due; what expired, by event.
    fn pass(&mut self, ns: u64) -> Vec<usize> {
        self.world.now = self.world.now.max(self.world.state.last_at).plus_ns(ns);
        let mut expired = Vec::new();
        while let Some(merchant) = self.world.state.ledger_due(self.world.now) {
            let now = self.world.now.max(self.world.state.last_at.plus_ns(1));
            let entry = self.world.state.book(now, &Command::ExpireLedgerTransfers { merchant }).entry.unwrap();
            self.replayed.evolve(&entry);
            assert_eq!(entry.event, Event::LedgerTransfersExpired { merchant });
            assert!(entry.legs.iter().all(|leg| leg.flags.contains(TransferFlags::PENDING) && leg.timeout_s > 0), "as they had happened");
            expired.push(entry.legs.len());
            self.compare();
        }
        assert!(self.world.state.expiries_suspended || self.world.state.due_at().is_none_or(|due_at| due_at > self.world.now));
        expired
    }
}

const NONE: AccountFlags = AccountFlags::NONE;
const CREATED: CreateTransferStatus = CreateTransferStatus::Created;

#[test]
fn every_merchant_has_a_world_of_its_own() {
    let mut pair = Pair::new();
    let created = CreateAccountStatus::Created;
    assert_eq!(pair.accounts(MERCHANT, vec![account(1, NONE), account(2, NONE)]), [created, created]);
    assert_eq!(pair.transfers(MERCHANT, vec![transfer(7, 1, 2, 10)]), [CREATED]);
    assert_eq!(pair.transfers(OTHER, vec![transfer(7, 1, 2, 10)]), [CreateTransferStatus::DebitAccountNotFound]);
    assert_eq!(pair.accounts(OTHER, vec![account(1, NONE), account(2, NONE)]), [created, created]);
    // The failure before burned the id in this ledger alone.
    assert_eq!(pair.transfers(OTHER, vec![transfer(7, 1, 2, 10)]), [CreateTransferStatus::IdAlreadyFailed]);
    assert_eq!(pair.transfers(MERCHANT, vec![transfer(7, 1, 2, 10)]), [CreateTransferStatus::Exists]);
    let unknown = MerchantId::from_u128(12_345);
    let reply = pair.book(&Command::CreateLedgerTransfers {
        merchant: unknown,
        transfers: vec![transfer(1, 1, 2, 3)],
        texts: LedgerTexts::default(),
        answer: LedgerAnswer::Statuses,
    });
    assert_eq!(reply, Reply::Refused(Refusal::MerchantUnknown));
}

#[test]
fn a_batch_that_changes_nothing_leaves_nothing_behind() {
    let mut pair = Pair::new();
    pair.accounts(MERCHANT, vec![account(1, NONE), account(2, NONE)]);
    pair.transfers(MERCHANT, vec![transfer(1, 1, 2, 5)]);
    let before = pair.world.state.clone();
    assert_eq!(
        pair.transfers(MERCHANT, vec![transfer(1, 1, 2, 5), transfer(0, 1, 2, 5)]),
        [CreateTransferStatus::Exists, CreateTransferStatus::IdMustNotBeZero]
    );
    assert_eq!(pair.world.state, before);
}

#[test]
fn platform_books_and_a_merchants_ledger_do_not_touch() {
    let mut pair = Pair::new();
    let payment = pair.world.captured(1_000);
    pair.replayed = pair.world.state.clone();
    let books = pair.world.state.ledger.clone();
    pair.accounts(MERCHANT, vec![account(1, NONE), account(2, NONE)]);
    pair.transfers(MERCHANT, vec![transfer(payment.as_u128(), 1, 2, 10)]);
    assert_eq!(pair.world.state.ledger, books);
}

#[test]
fn pending_transfers_expire_by_the_journals_clock_a_bounded_number_at_a_time() {
    let mut pair = Pair::new();
    pair.accounts(MERCHANT, vec![account(1, NONE), account(2, NONE)]);
    let pending = |id| Transfer { flags: TransferFlags::PENDING, timeout_s: 60, ..transfer(id, 1, 2, 1) };
    let count = ledger::BATCH_EVENTS_MAX;
    for batch in 0..2 {
        let first = u128::try_from(batch * count).unwrap() + 1;
        let batch = (0..u128::try_from(count).unwrap()).map(|index| pending(first + index)).collect();
        assert!(pair.transfers(MERCHANT, batch).iter().all(|status| *status == CREATED));
    }
    assert_eq!(pair.pass(59 * S), [0_usize; 0], "not before their time");
    assert_eq!(pair.pass(2 * S), [count, count]);
    let state = pair.world.state.ledgers[&MERCHANT].ledger.account(1).copied().unwrap();
    assert_eq!((state.debits_pending, state.debits_posted), (0, 0));
    let post = Transfer { flags: TransferFlags::POST_PENDING_TRANSFER, pending_id: 1, ..transfer(99_999, 0, 0, 1) };
    let post = Transfer { ledger: 0, code: 0, ..post };
    assert_eq!(pair.transfers(MERCHANT, vec![post]), [CreateTransferStatus::PendingTransferExpired]);
}

#[test]
fn an_event_says_what_posts_and_voids_released() {
    let mut pair = Pair::new();
    pair.accounts(MERCHANT, vec![account(1, AccountFlags::NONE), account(2, AccountFlags::NONE)]);
    let pending = |id, amount| Transfer { flags: TransferFlags::PENDING, ..transfer(id, 1, 2, amount) };
    pair.transfers(MERCHANT, vec![pending(11, 50), pending(12, 60)]);
    let end = |id, pending_id, amount, flags| Transfer { id, pending_id, amount, flags, ..Transfer::default() };
    let transfers = vec![
        end(21, 11, 20, TransferFlags::POST_PENDING_TRANSFER),
        transfer(22, 1, 2, 5),
        pending(23, 70),
        end(24, 12, 0, TransferFlags::VOID_PENDING_TRANSFER),
        end(25, 23, 80, TransferFlags::POST_PENDING_TRANSFER),
        end(26, 23, 70, TransferFlags::POST_PENDING_TRANSFER),
    ];
    let now = pair.world.now.max(pair.world.state.last_at.plus_ns(1));
    let booked = pair.world.state.book(
        now,
        &Command::CreateLedgerTransfers { merchant: MERCHANT, transfers, texts: LedgerTexts::default(), answer: LedgerAnswer::Statuses },
    );
    let entry = booked.entry.unwrap();
    assert_eq!(
        entry.event,
        Event::LedgerTransfersCreated { merchant: MERCHANT, burned: vec![], released: vec![50, 60, 70], metadata: ledger::Items::NONE }
    );
    assert_eq!(entry.legs.iter().map(|leg| (leg.id, leg.amount)).collect::<Vec<_>>(), [(21, 20), (22, 5), (23, 70), (24, 60), (26, 70)]);
}

#[test]
fn a_doubted_clock_expires_nothing() {
    let mut pair = Pair::new();
    pair.accounts(MERCHANT, vec![account(1, NONE), account(2, NONE)]);
    pair.transfers(MERCHANT, vec![Transfer { flags: TransferFlags::PENDING, timeout_s: 60, ..transfer(1, 1, 2, 1) }]);
    pair.world.submit(&Command::ReportClockJump { jump_ns: 3_600 * S });
    pair.replayed = pair.world.state.clone();
    assert_eq!(pair.pass(120 * S), [0_usize; 0]);
    pair.world.submit(&Command::ConfirmClock);
    pair.replayed = pair.world.state.clone();
    assert_eq!(pair.pass(S), [1]);
}

/// A small generator: the same seed makes the same workload.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn wide(&mut self, limit: u64) -> u128 {
        u128::from(self.below(limit))
    }

    fn transfer(&mut self) -> Transfer {
        let flags = [
            TransferFlags::NONE,
            TransferFlags::NONE,
            TransferFlags::PENDING,
            TransferFlags::PENDING,
            TransferFlags::POST_PENDING_TRANSFER,
            TransferFlags::VOID_PENDING_TRANSFER,
            TransferFlags::BALANCING_DEBIT,
            TransferFlags::PENDING.union(TransferFlags::CLOSING_DEBIT),
        ][usize::try_from(self.below(8)).unwrap()];
        let linked = if self.below(4) == 0 { TransferFlags::LINKED } else { TransferFlags::NONE };
        let resolves = flags == TransferFlags::POST_PENDING_TRANSFER || flags == TransferFlags::VOID_PENDING_TRANSFER;
        let timeout_s = if flags.contains(TransferFlags::PENDING) { u32::try_from(self.below(3)).unwrap() } else { 0 };
        let side = if resolves { 0 } else { 1 };
        Transfer {
            pending_id: if resolves { 1 + self.wide(60) } else { 0 },
            timeout_s,
            ledger: side,
            code: u16::try_from(side).unwrap(),
            flags: flags.union(linked),
            ..transfer(1 + self.wide(60), u128::from(side) * (1 + self.wide(5)), u128::from(side) * (1 + self.wide(5)), self.wide(9))
        }
    }
}

#[test]
fn whatever_is_booked_a_replay_gives_the_same_state() {
    for seed in 0..200 {
        let mut draw = Draw(seed);
        let mut pair = Pair::new();
        for _ in 0..12 {
            match draw.below(5) {
                0 => {
                    let flags = [NONE, AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS, AccountFlags::LINKED];
                    let accounts = (0..3).map(|_| {
                        let id = draw.wide(6);
                        account(id, flags[usize::try_from(draw.below(3)).unwrap()])
                    });
                    let accounts = accounts.collect();
                    pair.accounts(MERCHANT, accounts);
                }
                1 => drop(pair.pass(draw.below(3) * S)),
                _ => {
                    let count = 1 + draw.below(6);
                    let transfers = (0..count).map(|_| draw.transfer()).collect();
                    pair.transfers(MERCHANT, transfers);
                }
            }
        }
        let ledger = &pair.world.state.ledgers.get(&MERCHANT).map(|found| found.ledger.clone()).unwrap_or_default();
        assert!(ledger.ledgers().all(|(_, totals)| totals.is_balanced()), "seed {seed}");
    }
}

#[test]
fn time_goes_on_past_every_item_of_a_batch() {
    let mut pair = Pair::new();
    pair.accounts(MERCHANT, vec![account(1, NONE), account(2, NONE)]);
    let first = pair.world.state.last_at;
    let Reply::LedgerTransfers { results, .. } = pair.book(&Command::CreateLedgerTransfers {
        merchant: MERCHANT,
        transfers: (1..=100).map(|id| transfer(id, 1, 2, 1)).collect(),
        texts: LedgerTexts::default(),
        answer: LedgerAnswer::Statuses,
    }) else {
        panic!("results are answered")
    };
    assert!(results.is_sorted_by(|a, b| a.timestamp < b.timestamp));
    assert!(Timestamp::from_ns(results[0].timestamp) > first);
    assert_eq!(Timestamp::from_ns(results[99].timestamp), pair.world.state.last_at);
}

#[test]
fn entries_with_many_legs_are_replayed_from_their_transfers() {
    use ledger::{Entry, EntryStatus, Posting, Side};
    let mut pair = Pair::new();
    pair.accounts(MERCHANT, (1..=3).map(|id| account(id, NONE)).collect());
    let posting = |account_id, side, amount| Posting { account_id, side, amount };
    let entry =
        |id, postings: &[Posting]| Entry { id, postings: postings.to_vec(), user_data_128: 7, user_data_64: 0, user_data_32: 0, code: 1 };
    let split = [posting(1, Side::Debit, 9), posting(2, Side::Credit, 5), posting(3, Side::Credit, 4)];
    let lost = [posting(1, Side::Debit, 9), posting(9, Side::Credit, 9)];
    let mut answered = |merchant, entries: Vec<Entry>| {
        let before = pair.world.state.next_seq;
        match pair.book(&Command::CreateLedgerEntries { merchant, entries, texts: LedgerTexts::default(), answer: LedgerAnswer::Statuses })
        {
            Reply::LedgerEntries { results, .. } => {
                (results.into_iter().map(|result| result.status).collect::<Vec<_>>(), pair.world.state.next_seq - before)
            }
            other => panic!("{other:?}"),
        }
    };
    let created = answered(MERCHANT, vec![entry(10, &split), entry(20, &lost), entry(30, &[])]);
    assert_eq!(created, (vec![EntryStatus::Created, EntryStatus::AccountNotFound, EntryStatus::PostingsMustNotBeEmpty], 1));
    let again = answered(MERCHANT, vec![entry(10, &split), entry(20, &split)]);
    assert_eq!(again, (vec![EntryStatus::Exists, EntryStatus::IdAlreadyFailed], 0), "nothing is journaled when nothing happens");
    assert_eq!(answered(OTHER, vec![entry(10, &[])]), (vec![EntryStatus::PostingsMustNotBeEmpty], 0));
    assert!(!pair.world.state.ledgers.contains_key(&OTHER), "no ledger is left behind");
    let command = Command::CreateLedgerEntries {
        merchant: MerchantId::from_u128(404),
        entries: vec![entry(10, &split)],
        texts: LedgerTexts::default(),
        answer: LedgerAnswer::Statuses,
    };
    assert_eq!(pair.book(&command), Reply::Refused(Refusal::MerchantUnknown));
}

#[test]
fn balances_are_answered_as_they_were_right_after_each_item() {
    use ledger::{AccountBalances, Balances, Entry, Posting, Side};
    let mut pair = Pair::new();
    pair.accounts(MERCHANT, (1..=3).map(|id| account(id, NONE)).collect());
    let pending = Transfer { flags: TransferFlags::PENDING, ..transfer(2, 1, 3, 6) };
    let post = Transfer { id: 3, pending_id: 2, amount: 4, flags: TransferFlags::POST_PENDING_TRANSFER, ..Transfer::default() };
    let transfers = vec![transfer(1, 1, 2, 5), transfer(9, 1, 1, 5), pending, post, transfer(4, 2, 1, 1)];
    let command =
        Command::CreateLedgerTransfers { merchant: MERCHANT, transfers, texts: LedgerTexts::default(), answer: LedgerAnswer::Balances };
    let Reply::LedgerTransfers { balances, .. } = pair.book(&command) else { panic!("balances are answered") };
    let of = |account_id, debits_pending, debits_posted, credits_pending, credits_posted| AccountBalances {
        account_id,
        balances: Balances { debits_pending, debits_posted, credits_pending, credits_posted },
    };
    let expected = vec![
        vec![of(1, 0, 5, 0, 0), of(2, 0, 0, 0, 5)],
        vec![],
        vec![of(1, 6, 5, 0, 0), of(3, 0, 0, 6, 0)],
        vec![of(1, 0, 9, 0, 0), of(3, 0, 0, 0, 4)],
        vec![of(2, 0, 1, 0, 5), of(1, 0, 9, 0, 1)],
    ];
    assert_eq!(balances, expected);
    let Reply::LedgerTransfers { balances, .. } = pair.book(&command) else { panic!("balances are answered") };
    assert_eq!(balances, vec![Vec::new(); 5], "what exists has no balances: they went on");

    let posting = |account_id, side, amount| Posting { account_id, side, amount };
    let postings = vec![posting(3, Side::Credit, 2), posting(1, Side::Debit, 9), posting(2, Side::Credit, 7)];
    let entry = Entry { id: 20, postings, user_data_128: 0, user_data_64: 0, user_data_32: 0, code: 1 };
    let entries = vec![entry.clone(), Entry { code: 0, id: 30, ..entry.clone() }, Entry { id: 40, ..entry }];
    let command =
        Command::CreateLedgerEntries { merchant: MERCHANT, entries, texts: LedgerTexts::default(), answer: LedgerAnswer::Balances };
    let Reply::LedgerEntries { balances, .. } = pair.book(&command) else { panic!("balances are answered") };
    let expected = vec![
        vec![of(3, 0, 0, 0, 6), of(1, 0, 18, 0, 1), of(2, 0, 1, 0, 12)],
        vec![],
        vec![of(3, 0, 0, 0, 8), of(1, 0, 27, 0, 1), of(2, 0, 1, 0, 19)],
    ];
    assert_eq!(balances, expected);
}

#[test]
fn metadata_is_in_the_event_of_what_has_it_and_part_of_what_an_id_stands_for() {
    use ledger::{Items, Metadata};
    let note = |text: &str| Metadata::new([("note", text)]).unwrap();
    let texts = |texts: &[(usize, &str)]| {
        let mut metadata = Items::NONE;
        texts.iter().for_each(|(item, text)| metadata.push(*item, note(text)));
        LedgerTexts { metadata, ..LedgerTexts::default() }
    };
    let mut pair = Pair::new();
    let accounts = vec![account(0, NONE), account(1, NONE), account(2, NONE)];
    let now = pair.world.state.last_at.plus_ns(1);
    let command = Command::CreateLedgerAccounts { merchant: MERCHANT, accounts, texts: texts(&[(0, "none"), (2, "two")]) };
    let entry = pair.world.state.book(now, &command).entry.unwrap();
    assert_eq!([0, 1].map(|item| entry.event.metadata_of(item)), [None, Some(&note("two"))], "by the numbers of what was created");
    pair.replayed.evolve(&entry);
    let created = CreateAccountStatus::Created;
    assert_ne!(pair.accounts(MERCHANT, vec![account(2, NONE)]), [created]);
    let transfers = vec![transfer(10, 1, 2, 5), transfer(11, 1, 404, 5), transfer(12, 1, 2, 5), transfer(10, 1, 2, 5)];
    let texts = texts(&[(0, "a"), (1, "b"), (2, "c")]);
    let command = Command::CreateLedgerTransfers { merchant: MERCHANT, transfers, texts, answer: LedgerAnswer::Balances };
    let now = pair.world.state.last_at.plus_ns(1);
    let booked = pair.world.state.book(now, &command);
    let Reply::LedgerTransfers { results, balances } = booked.reply else { panic!("results are answered") };
    let statuses: Vec<&str> = results.iter().map(|result| result.status.name()).collect();
    assert_eq!(statuses, ["created", "credit_account_not_found", "created", "exists_with_different_metadata"]);
    assert_eq!(balances.iter().map(Vec::len).collect::<Vec<_>>(), [2, 0, 2, 0]);
    let entry = booked.entry.unwrap();
    assert_eq!([0, 1, 2].map(|item| entry.event.metadata_of(item).cloned()), [Some(note("a")), Some(note("c")), None]);
    pair.replayed.evolve(&entry);
    pair.compare();
    // Of what it was told of history it knows the same.
    let told = pair.world.state.ledgers.get_mut(&MERCHANT).unwrap();
    told.ledger.forget();
    told.ledger.recall(ledger::Past::Happened { transfer: entry.legs[0], status: ledger::PendingStatus::None, resolved: None });
    told.ledger.recall_metadata(10, note("a"));
    assert_eq!(pair.transfers(MERCHANT, vec![transfer(10, 1, 2, 5)]), [CreateTransferStatus::ExistsWithDifferentMetadata]);
}

#[test]
fn accounts_are_named_in_transfers_and_entries_and_a_name_that_is_none_is_an_account_that_is_not_there() {
    use engine::AccountReference;
    use ledger::{AccountName, Entry, EntryStatus, Items, Posting, Side};
    let mut pair = Pair::new();
    let name = |text: &str| AccountName::parse(text).unwrap();
    let mut names = Items::NONE;
    names.push(0, name("cash"));
    names.push(1, name("sales"));
    let accounts = vec![account(1, NONE), account(2, NONE), account(u128::MAX - 1, NONE)];
    let texts = LedgerTexts { names, ..LedgerTexts::default() };
    pair.book(&Command::CreateLedgerAccounts { merchant: MERCHANT, accounts: accounts.clone(), texts: texts.clone() });
    let again = pair.book(&Command::CreateLedgerAccounts { merchant: MERCHANT, accounts, texts });
    let Reply::LedgerAccounts { results } = again else { panic!("results are answered") };
    assert!(results.iter().all(|result| result.status == CreateAccountStatus::Exists));
    let reference = |at, ledger, text| AccountReference { at, ledger, name: name(text) };
    let mut references = Items::NONE;
    references.push(0, vec![reference(0, 1, "cash"), reference(1, 1, "sales")]);
    references.push(1, vec![reference(0, 1, "cash"), reference(1, 1, "none")]);
    references.push(2, vec![reference(0, 1, "none"), reference(1, 1, "none")]);
    references.push(3, vec![reference(0, 1, "none"), reference(1, 1, "neither")]);
    references.push(4, vec![reference(1, 2, "sales")]);
    let transfers = vec![transfer(10, 0, 0, 5), transfer(11, 0, 0, 5), transfer(12, 0, 0, 5), transfer(13, 0, 0, 5), transfer(14, 1, 0, 5)];
    let texts = LedgerTexts { references, ..LedgerTexts::default() };
    let reply = pair.book(&Command::CreateLedgerTransfers { merchant: MERCHANT, transfers, texts, answer: LedgerAnswer::Statuses });
    let Reply::LedgerTransfers { results, .. } = reply else { panic!("results are answered") };
    let statuses: Vec<&str> = results.iter().map(|result| result.status.name()).collect();
    let expected =
        ["created", "credit_account_not_found", "accounts_must_be_different", "debit_account_not_found", "credit_account_not_found"];
    assert_eq!(statuses, expected);
    assert_eq!(pair.transfers(MERCHANT, vec![transfer(10, 1, 2, 5)]), [CreateTransferStatus::Exists], "a name is an id");
    let posting = |side, amount| Posting { account_id: 0, side, amount };
    let postings = vec![posting(Side::Debit, 3), posting(Side::Credit, 3)];
    let entry = |id| Entry { id, postings: postings.clone(), user_data_128: 0, user_data_64: 0, user_data_32: 0, code: 1 };
    let mut references = Items::NONE;
    references.push(0, vec![reference(0, 1, "sales"), reference(1, 1, "cash")]);
    references.push(1, vec![reference(0, 1, "none"), reference(1, 1, "cash")]);
    let (entries, texts) = (vec![entry(20), entry(30)], LedgerTexts { references, ..LedgerTexts::default() });
    let reply = pair.book(&Command::CreateLedgerEntries { merchant: MERCHANT, entries, texts, answer: LedgerAnswer::Balances });
    let Reply::LedgerEntries { results, balances } = reply else { panic!("results are answered") };
    assert_eq!(results.iter().map(|result| result.status).collect::<Vec<_>>(), [EntryStatus::Created, EntryStatus::AccountNotFound]);
    assert_eq!(balances[0].iter().map(|balances| balances.account_id).collect::<Vec<_>>(), [2, 1]);
}
