//! How many transfers a second the state machine takes by itself, in memory: what a ledger on a disk cannot pass.
//!
//! `cargo run --release -p ledger --example rate` prints one line per case, the median of its runs. Every batch is full, all
//! transfers are created, and the ledger forgets after each batch, as one that keeps its history in a journal does. Building
//! the events is not timed. Part of a case's name runs the cases that have it; with `--json`, each of one run, a case is one
//! JSON object, for `cargo xtask bench ledger`.

use std::time::{Duration, Instant};

use ledger::{AMOUNT_MAX, Account, BATCH_EVENTS_MAX, CreateTransferStatus, Ledger, Transfer, TransferFlags};

/// Runs per case; the median is told.
const RUNS: usize = 5;
/// Batches per run: about two million transfers.
const BATCHES: usize = 245;
/// Pending transfers that stay open in the case with many of them.
const OPEN_TRANSFERS: usize = 1_000_000;

/// How the ids of transfers come.
#[derive(Clone, Copy)]
enum Ids {
    /// Growing, as ids with a time in front do.
    Time,
    /// All over the place.
    Random,
}

/// What a transfer does.
#[derive(Clone, Copy)]
enum Kind {
    Plain,
    /// By turns a reservation with a timeout, and the post of the one before.
    TwoPhase,
    /// Plain ones that happened before: the records of a journal.
    Replay,
}

struct Case {
    name: &'static str,
    accounts: u64,
    ids: Ids,
    kind: Kind,
    open: usize,
}

const CASES: [Case; 8] = [
    Case { name: "10 k accounts, time-ordered ids", accounts: 10_000, ids: Ids::Time, kind: Kind::Plain, open: 0 },
    Case { name: "10 k accounts, random ids", accounts: 10_000, ids: Ids::Random, kind: Kind::Plain, open: 0 },
    Case { name: "1 M accounts, time-ordered ids", accounts: 1_000_000, ids: Ids::Time, kind: Kind::Plain, open: 0 },
    Case { name: "1 M accounts, random ids", accounts: 1_000_000, ids: Ids::Random, kind: Kind::Plain, open: 0 },
    Case { name: "10 k accounts, reserve and post", accounts: 10_000, ids: Ids::Random, kind: Kind::TwoPhase, open: 0 },
    Case { name: "10 k accounts, 1 M reservations open", accounts: 10_000, ids: Ids::Random, kind: Kind::Plain, open: OPEN_TRANSFERS },
    Case { name: "10 k accounts, replay", accounts: 10_000, ids: Ids::Time, kind: Kind::Replay, open: 0 },
    Case { name: "1 M accounts, replay", accounts: 1_000_000, ids: Ids::Time, kind: Kind::Replay, open: 0 },
];

/// A generator of numbers that all look different (the public-domain SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn main() {
    let (options, names): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let is_json = options.iter().any(|option| option == "--json");
    let only = names.first();
    for case in CASES.iter().filter(|case| only.is_none_or(|only| case.name.contains(only.as_str()))) {
        if is_json {
            println!("{}", serde_json::json!({ "case": case.name, "transfers_per_s": u64::try_from(run(case)).unwrap_or(u64::MAX) }));
            continue;
        }
        let mut rates: Vec<u128> = (0..RUNS).map(|_| run(case)).collect();
        rates.sort_unstable();
        println!("{:<40} {:>10} transfers/s  ({} to {})", case.name, rates[RUNS / 2], rates[0], rates[RUNS - 1]);
    }
}

/// One run over a fresh ledger, in transfers per second.
fn run(case: &Case) -> u128 {
    let mut numbers = Numbers(42);
    let mut ledger = Ledger::with_key(numbers.next());
    let accounts: Vec<Account> = (1..=case.accounts).map(|id| account(u128::from(id))).collect();
    for chunk in accounts.chunks(BATCH_EVENTS_MAX) {
        ledger.create_accounts(chunk, ledger.timestamp_last() + 1);
    }
    let mut source = Source { case, numbers, count: 0, reserved: None };
    let (mut results, mut created, mut burned) = (Vec::new(), Vec::new(), Vec::new());
    let mut events = Vec::new();
    while ledger.pendings_count() < case.open {
        source.fill(&mut events, |source| Transfer { timeout_s: 1_000, ..source.transfer(TransferFlags::PENDING) });
        ledger.create_transfers(&events, ledger.timestamp_last() + 1);
        ledger.forget();
    }
    let mut elapsed = Duration::ZERO;
    for _ in 0..BATCHES {
        source.fill(&mut events, Source::event);
        let timestamp = ledger.timestamp_last() + 1;
        let start = Instant::now();
        if matches!(case.kind, Kind::Replay) {
            (timestamp..).zip(&mut events).for_each(|(timestamp, event)| event.timestamp = timestamp);
            ledger.apply_transfers(&events);
        } else {
            results.clear();
            created.clear();
            ledger.create_transfers_into(&events, timestamp, &mut results, &mut created, &mut burned);
            ledger.forget();
        }
        elapsed += start.elapsed();
        assert!(results.iter().all(|result| result.status == CreateTransferStatus::Created));
    }
    let transfers = u128::try_from(BATCHES * BATCH_EVENTS_MAX).expect("a count fits");
    transfers * 1_000_000_000 / elapsed.as_nanos()
}

fn account(id: u128) -> Account {
    Account { id, ledger: 1, code: 1, ..Account::default() }
}

/// Where the events of a run come from.
struct Source<'a> {
    case: &'a Case,
    numbers: Numbers,
    count: u64,
    reserved: Option<u128>,
}

impl Source<'_> {
    fn fill(&mut self, events: &mut Vec<Transfer>, mut event: impl FnMut(&mut Self) -> Transfer) {
        events.clear();
        events.extend((0..BATCH_EVENTS_MAX).map(|_| event(self)));
    }

    fn event(&mut self) -> Transfer {
        match self.case.kind {
            Kind::Plain | Kind::Replay => self.transfer(TransferFlags::NONE),
            Kind::TwoPhase => match self.reserved.take() {
                None => {
                    let transfer = Transfer { timeout_s: 60, ..self.transfer(TransferFlags::PENDING) };
                    self.reserved = Some(transfer.id);
                    transfer
                }
                Some(pending_id) => Transfer {
                    debit_account_id: 0,
                    credit_account_id: 0,
                    amount: AMOUNT_MAX,
                    pending_id,
                    ..self.transfer(TransferFlags::POST_PENDING_TRANSFER)
                },
            },
        }
    }

    fn transfer(&mut self, flags: TransferFlags) -> Transfer {
        self.count += 1;
        let random = u128::from(self.numbers.next());
        let id = match self.case.ids {
            Ids::Time => u128::from(self.count) << 64 | random,
            Ids::Random => random << 64 | u128::from(self.count),
        };
        let debit = self.numbers.below(self.case.accounts);
        // Any other account.
        let credit = (debit + 1 + self.numbers.below(self.case.accounts - 1)) % self.case.accounts;
        Transfer {
            id,
            debit_account_id: u128::from(debit + 1),
            credit_account_id: u128::from(credit + 1),
            amount: u128::from(self.numbers.below(100)),
            ledger: 1,
            code: 1,
            flags,
            ..Transfer::default()
        }
    }
}
