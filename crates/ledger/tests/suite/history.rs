//! A ledger that forgets and is told what it needs answers as one that never forgets; and one that is only given what
//! happened ends in the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    Account, AccountFlags, CreateAccountStatus, CreateTransferStatus as Status, Ledger, Past, PendingStatus, Transfer,
    TransferFlags as Flags,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::fixture::{account, plain_account, transfer};
use crate::properties::{self, Step, opened};

/// One step, with what the histories of `properties.rs` leave out.
#[derive(Clone, Debug)]
enum Act {
    Step(Step),
    /// Each with the distance of its timestamp from the last transfer's.
    Import(Vec<(Transfer, u64)>),
    Accounts(Vec<Account>),
    /// Each with how far its timestamp lies before the last transfer's.
    ImportAccounts(Vec<(Account, u64)>),
}

fn new_account() -> impl Strategy<Value = Account> {
    let flags = prop_oneof![3 => Just(0_u16), 1 => 0_u16..16, 1 => Just(1)];
    (5_u128..14, 1_u32..3, flags)
        .prop_map(|(id, ledger, bits)| Account { flags: AccountFlags::from_bits(bits), ..plain_account(id, ledger) })
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let import = prop::collection::vec((properties::transfer(), 0_u64..4), 1..6).prop_map(Act::Import);
    let accounts = prop::collection::vec(new_account(), 1..5).prop_map(Act::Accounts);
    let import_accounts = prop::collection::vec((new_account(), 0_u64..6), 1..4).prop_map(Act::ImportAccounts);
    let other = prop_oneof![3 => import, 1 => accounts, 1 => import_accounts];
    let others = prop::collection::vec((any::<prop::sample::Index>(), other, 0_u8..3), 0..12);
    (properties::history(), others).prop_map(|(steps, others)| {
        let mut acts: Vec<Act> = steps.into_iter().map(Act::Step).collect();
        // Some come again at the end, as they were or with other amounts.
        for (index, other, repetition) in others {
            if repetition > 0 {
                let mut again = other.clone();
                if let (2, Act::Import(events)) = (repetition, &mut again) {
                    events.iter_mut().for_each(|(event, _)| event.amount = event.amount.wrapping_add(1));
                }
                acts.push(again);
            }
            acts.insert(index.index(acts.len() + 1), other);
        }
        acts
    })
}

/// All that ever happened: what a journal with its indexes knows.
#[derive(Default)]
struct History {
    happened: BTreeMap<u128, (Transfer, PendingStatus)>,
    burned: BTreeSet<u128>,
    ids_by_timestamp: BTreeMap<u64, u128>,
}

impl History {
    fn past(&self, id: u128) -> Option<Past> {
        if self.burned.contains(&id) {
            return Some(Past::Burned { id });
        }
        let (transfer, status) = *self.happened.get(&id)?;
        let resolved = transfer.is_resolution().then(|| self.happened[&transfer.pending_id].0);
        Some(Past::Happened { transfer, status, resolved })
    }

    fn enter(&mut self, created: &[Transfer], burned: &[u128]) {
        for transfer in created {
            let is_pending = transfer.flags.contains(Flags::PENDING);
            let status = if is_pending { PendingStatus::Pending } else { PendingStatus::None };
            assert!(self.happened.insert(transfer.id, (*transfer, status)).is_none(), "{transfer:?} is created twice");
            assert!(self.ids_by_timestamp.insert(transfer.timestamp, transfer.id).is_none());
            if transfer.is_resolution() {
                let is_post = transfer.flags.contains(Flags::POST_PENDING_TRANSFER);
                let status = if is_post { PendingStatus::Posted } else { PendingStatus::Voided };
                self.end(transfer.pending_id, status);
            }
        }
        for id in burned {
            assert!(!self.happened.contains_key(id) && self.burned.insert(*id));
        }
    }

    fn end(&mut self, id: u128, status: PendingStatus) {
        let (_, current) = self.happened.get_mut(&id).expect("what ends happened");
        assert_eq!(*current, PendingStatus::Pending);
        *current = status;
    }
}

/// Three ledgers that go through the same acts.
struct Trio {
    /// Never forgets.
    keeper: Ledger,
    /// Forgets after every act, and is told what the next one needs.
    forgetful: Ledger,
    /// Is only given what happened.
    replayed: Ledger,
    history: History,
    now_ns: u64,
    transfer_statuses: BTreeSet<(bool, Status)>,
    account_statuses: BTreeSet<(bool, CreateAccountStatus)>,
}

impl Trio {
    fn new() -> Self {
        let mut replayed = Ledger::with_key(1);
        let accounts: Vec<Account> = opened().accounts().copied().collect();
        replayed.apply_accounts(&accounts, &ledger::Items::NONE);
        Self {
            keeper: opened(),
            forgetful: opened().rekeyed(2),
            replayed,
            history: History::default(),
            now_ns: 1_000,
            transfer_statuses: BTreeSet::new(),
            account_statuses: BTreeSet::new(),
        }
    }

    fn act(&mut self, act: &Act) {
        self.now_ns += 50;
        match act {
            Act::Step(Step::Transfers(events)) => self.transfers(events),
            Act::Step(Step::Wait { seconds }) => self.now_ns += seconds * 1_000_000_000,
            Act::Step(Step::Expire) => {
                let expired = self.keeper.expire(self.now_ns);
                assert_eq!(self.forgetful.expire(self.now_ns), expired);
                let records: Vec<Transfer> = expired.iter().map(|id| *self.keeper.transfer(*id).expect("it just expired")).collect();
                self.replayed.apply_expired(&records);
                expired.iter().for_each(|id| self.history.end(*id, PendingStatus::Expired));
            }
            Act::Import(events) => {
                let mut timestamp = self.keeper.transfer_timestamp_last();
                let imported = |(event, distance): &(Transfer, u64)| {
                    timestamp += distance;
                    Transfer { flags: event.flags.union(Flags::IMPORTED), timestamp, timeout_s: event.timeout_s / 3, ..*event }
                };
                let events: Vec<Transfer> = events.iter().map(imported).collect();
                self.transfers(&events);
            }
            Act::Accounts(events) => self.accounts(events),
            Act::ImportAccounts(events) => {
                let last = self.keeper.transfer_timestamp_last();
                let imported = |(event, distance): &(Account, u64)| {
                    let flags = event.flags.union(AccountFlags::IMPORTED);
                    Account { flags, timestamp: last.saturating_sub(*distance), ..*event }
                };
                let events: Vec<Account> = events.iter().map(imported).collect();
                self.accounts(&events);
            }
        }
        self.check();
    }

    fn transfers(&mut self, events: &[Transfer]) {
        let before = self.forgetful.clone();
        for event in events {
            // What a post or void refers to matters only if it is new itself.
            if let Some(past) = self.history.past(event.id).or_else(|| self.history.past(event.pending_id)) {
                self.forgetful.recall(past);
            }
        }
        assert_eq!(self.forgetful, before, "what was recalled is no part of the state");
        self.forgetful.check_consistency().expect("a sound state");

        let expected = self.keeper.create_transfers(events, self.now_ns);
        let (mut results, mut created, mut burned) = (Vec::new(), Vec::new(), Vec::new());
        self.forgetful.create_transfers_into(events, self.now_ns, &mut results, &mut created, &mut burned);
        assert_eq!(results, expected);
        let created_count = results.iter().filter(|result| result.status == Status::Created).count();
        assert_eq!(created.len(), created_count, "what is journaled is what was answered");
        if created.is_empty() {
            let mut after = self.forgetful.clone();
            after.forget();
            assert_eq!(after, before, "a batch that created nothing leaves no trace");
        }
        self.replayed.apply_transfers(&created);
        self.history.enter(&created, &burned);
        let is_imported = events[0].flags.contains(Flags::IMPORTED);
        self.transfer_statuses.extend(results.iter().map(|result| (is_imported, result.status)));
    }

    fn accounts(&mut self, events: &[Account]) {
        for event in events {
            let id = self.history.ids_by_timestamp.get(&event.timestamp);
            if let Some(past) = id.and_then(|id| self.history.past(*id)) {
                self.forgetful.recall(past);
            }
        }
        let expected = self.keeper.create_accounts(events, self.now_ns);
        let (mut results, mut created) = (Vec::new(), Vec::new());
        self.forgetful.create_accounts_into(events, self.now_ns, &mut results, &mut created);
        assert_eq!(results, expected);
        self.replayed.apply_accounts(&created, &ledger::Items::NONE);
        let is_imported = events[0].flags.contains(AccountFlags::IMPORTED);
        self.account_statuses.extend(results.iter().map(|result| (is_imported, result.status)));
    }

    fn check(&mut self) {
        self.keeper.check_consistency().expect("a sound state");
        self.forgetful.check_consistency().expect("a sound state");
        self.forgetful.forget();
        self.replayed.check_consistency().expect("a sound state");
        assert_eq!(postcard::to_allocvec(&self.replayed).expect("bytes"), postcard::to_allocvec(&self.forgetful).expect("bytes"));
        assert_eq!(self.replayed, self.forgetful);
        assert_eq!(self.replayed.expires_next_at_ns(), self.keeper.expires_next_at_ns());

        let mut kept = self.keeper.clone();
        kept.forget();
        assert_eq!(kept, self.forgetful);
        for (id, (transfer, status)) in &self.history.happened {
            assert_eq!(self.keeper.transfer(*id), Some(transfer));
            assert_eq!(self.keeper.pending_status(*id), Some(*status));
            let is_open = *status == PendingStatus::Pending;
            assert_eq!(self.forgetful.is_known(*id), is_open, "only what is open stays known");
            assert_eq!(self.replayed.transfer(*id).is_some(), is_open);
        }
        assert!(self.history.burned.iter().all(|id| self.keeper.is_burned(*id) && !self.forgetful.is_burned(*id)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_and_replaying_change_no_answer_and_no_byte(acts in acts()) {
        let mut trio = Trio::new();
        acts.iter().for_each(|act| trio.act(act));
    }

    #[test]
    fn the_layout_of_the_tables_changes_no_answer_and_no_byte(history in properties::history(), key in any::<u64>()) {
        let (mut ledger, mut keyed) = (opened(), opened().rekeyed(key));
        properties::run(&mut ledger, &history, |ledger, step, now_ns| {
            assert_eq!(properties::apply(ledger, step, now_ns), properties::apply(&mut keyed, step, now_ns));
            assert_eq!(*ledger, keyed);
            assert_eq!(ledger.clone().rekeyed(key), keyed);
            assert_eq!(postcard::to_allocvec(ledger).unwrap(), postcard::to_allocvec(&keyed).unwrap());
        });
    }
}

#[test]
fn generated_acts_meet_what_only_history_can_answer() {
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeSet::new();
    let mut met_accounts = BTreeSet::new();
    for _ in 0..4_000 {
        let acts = acts().new_tree(&mut runner).unwrap().current();
        let mut trio = Trio::new();
        acts.iter().for_each(|act| trio.act(act));
        met.extend(trio.transfer_statuses);
        met_accounts.extend(trio.account_statuses);
    }
    for status in [
        Status::Created,
        Status::Exists,
        Status::ExistsWithDifferentAmount,
        Status::IdAlreadyFailed,
        Status::LinkedEventFailed,
        Status::PendingTransferNotPending,
        Status::PendingTransferAlreadyPosted,
        Status::PendingTransferAlreadyVoided,
        Status::PendingTransferExpired,
        Status::DebitAccountAlreadyClosed,
        Status::ExceedsCredits,
    ] {
        assert!(met.contains(&(false, status)), "{status}");
    }
    for status in [Status::Created, Status::Exists, Status::ExistsWithDifferentAmount, Status::IdAlreadyFailed, Status::LinkedEventFailed] {
        assert!(met.contains(&(true, status)), "imported: {status}");
    }
    assert!(met.contains(&(true, Status::ImportedEventTimestampMustNotRegress)));
    for status in [CreateAccountStatus::Created, CreateAccountStatus::Exists, CreateAccountStatus::LinkedEventFailed] {
        assert!(met_accounts.contains(&(false, status)) && met_accounts.contains(&(true, status)), "{status}");
    }
    assert!(met_accounts.contains(&(true, CreateAccountStatus::ImportedEventTimestampMustNotRegress)));
}

/// Accounts 1 and 2, and the open pending transfer 1 of 10 with a timeout; all at their own times.
fn with_open_transfer() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.create_accounts(&[plain_account(1, 1), account("2 debits_limited")], 10);
    ledger.create_transfers(&[transfer("1 pending timeout=5")], 100);
    ledger
}

#[test]
fn what_is_open_stays_and_all_else_is_forgotten() {
    let mut ledger = with_open_transfer();
    ledger.create_transfers(&[transfer("2"), transfer("3 debit=404"), transfer("4 pending"), transfer("5 post of=4")], 200);
    let known = |ledger: &Ledger| (1..=5).filter(|id| ledger.is_known(*id)).collect::<Vec<u128>>();
    assert_eq!(known(&ledger), [1, 2, 3, 4, 5]);
    ledger.forget();
    assert_eq!(known(&ledger), [1]);
    assert_eq!(ledger.transfers().map(|transfer| transfer.id).collect::<Vec<_>>(), [1]);
    assert_eq!((ledger.pendings_count(), ledger.timestamp_last(), ledger.transfer_timestamp_last()), (1, 203, 203));
    assert_eq!(ledger.expire(u64::MAX), [1]);
    assert_eq!(ledger.pending_status(1), Some(PendingStatus::Expired));
    ledger.forget();
    assert_eq!(known(&ledger), []);
}

#[test]
fn what_is_known_is_not_what_history_says() {
    let mut ledger = with_open_transfer();
    let open = *ledger.transfer(1).unwrap();
    ledger.recall(Past::Happened { transfer: open, status: PendingStatus::Voided, resolved: None });
    ledger.recall(Past::Burned { id: 1 });
    assert_eq!(ledger.pending_status(1), Some(PendingStatus::Pending));
    ledger.recall(Past::Burned { id: 7 });
    ledger.recall(Past::Burned { id: 7 });
    assert_eq!(ledger.create_transfers(&[transfer("7")], 200)[0].status, Status::IdAlreadyFailed);
    ledger.forget();
    assert_eq!(ledger.create_transfers(&[transfer("7")], 200)[0].status, Status::Created);
}

#[test]
fn what_is_imported_does_not_set_time_back() {
    let mut ledger = with_open_transfer();
    ledger.create_accounts(&[plain_account(3, 1)], 500);
    let mut replayed = ledger.clone();
    let (mut results, mut created, mut burned) = (Vec::new(), Vec::new(), Vec::new());
    ledger.create_transfers_into(&[transfer("2 imported ts=300")], 600, &mut results, &mut created, &mut burned);
    assert_eq!(results[0].status, Status::Created);
    assert_eq!((ledger.transfer_timestamp_last(), ledger.timestamp_last()), (300, 500));
    replayed.apply_transfers(&created);
    assert_eq!((replayed.transfer_timestamp_last(), replayed.timestamp_last()), (300, 500));
}

#[test]
fn an_imported_account_cannot_have_the_timestamp_of_a_transfer_in_history() {
    let mut ledger = with_open_transfer();
    ledger.create_transfers(&[transfer("2"), transfer("3")], 200);
    let happened = *ledger.transfer(2).unwrap();
    ledger.forget();
    ledger.recall(Past::Happened { transfer: happened, status: PendingStatus::None, resolved: None });
    let accounts = [account("7 imported ts=200"), account("8 imported ts=202"), account("9 imported ts=100")];
    let statuses: Vec<&str> = ledger.create_accounts(&accounts, 300).iter().map(|result| result.status.name()).collect();
    assert_eq!(statuses, ["imported_event_timestamp_must_not_regress", "created", "imported_event_timestamp_must_not_regress"]);
}

/// What the ledger says when it is told something impossible.
fn panic_message(run: impl FnOnce(&mut Ledger) + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(|| run(&mut with_open_transfer())).expect_err("it must panic");
    panic.downcast_ref::<String>().expect("a formatted message").clone()
}

#[test]
fn a_history_that_contradicts_itself_is_refused() {
    let recall = |row: &'static str, status, resolved: Option<&'static str>| {
        let resolved = resolved.map(transfer);
        panic_message(move |ledger| ledger.recall(Past::Happened { transfer: transfer(row), status, resolved }))
    };
    assert!(recall("9 pending", PendingStatus::Pending, None).contains("transfer 9 is pending in history and not open"));
    assert!(recall("9 pending", PendingStatus::None, None).contains("transfer 9 is recalled as None"));
    assert!(recall("9", PendingStatus::Posted, None).contains("transfer 9 is recalled as Posted"));
    assert!(recall("9 post of=8", PendingStatus::None, None).contains("transfer 9 is recalled with what another kind resolves"));
    assert!(
        recall("9 post of=8", PendingStatus::None, Some("7 pending"))
            .contains("transfer 9 is recalled with a transfer that it did not resolve")
    );
}

#[test]
fn records_that_cannot_have_happened_are_refused() {
    let apply = |row: &'static str| panic_message(move |ledger| ledger.apply_transfers(&[transfer(row)]));
    assert_eq!(apply("2"), "transfer 2 has no valid timestamp");
    assert_eq!(apply("0 ts=200"), "transfer 0 has no valid id");
    assert!(apply("2 unknown_flag ts=200").contains("transfer 2 has reserved flags"));
    assert_eq!(apply("1 ts=200"), "transfer 1 happens twice");
    assert_eq!(apply("2 ts=100"), "transfer 2 goes back in time");
    assert_eq!(apply("2 debit=404 ts=200"), "transfer 2 breaks a rule: debit_account_not_found");
    assert_eq!(apply("2 debit=2 credit=1 ts=200"), "transfer 2 breaks a rule: exceeds_credits");
    assert_eq!(apply("2 amount=max ts=200"), "transfer 2 breaks a rule: overflows_debits");
    assert_eq!(apply("2 post of=9 ts=200"), "transfer 2 breaks a rule: pending_transfer_not_found");
    assert_eq!(apply("2 post of=1 amount=11 ts=200"), "transfer 2 breaks a rule: exceeds_pending_transfer_amount");
    assert!(apply("2 post of=1 ts=200").contains("transfer 2 is not in its final form"));
    assert!(apply("2 balancing_debit ts=200").contains("transfer 2 is not in its final form"));

    let apply = |row: &'static str| panic_message(move |ledger| ledger.apply_accounts(&[account(row)], &ledger::Items::NONE));
    assert_eq!(apply("3"), "account 3 has no valid timestamp");
    assert_eq!(apply("1 ts=200"), "account 1 breaks a rule: exists");
    assert_eq!(apply("3 ledger=0 ts=200"), "account 3 breaks a rule: ledger_must_not_be_zero");

    let expire = |row: &'static str| panic_message(move |ledger| ledger.apply_expired(&[transfer(row)]));
    assert_eq!(expire("2"), "transfer 2 expires and is not open");
    assert!(expire("1 amount=9 pending").contains("transfer 1 expires as it happened"));
    let without_timeout = panic_message(|ledger| {
        ledger.apply_transfers(&[transfer("2 pending ts=200")]);
        ledger.apply_expired(&[transfer("2 pending ts=200")]);
    });
    assert!(without_timeout.contains("transfer 2 expires without a timeout"));
}
