//! The world of one seed of merchants' ledgers: what happens next, who is struck by which fault, crashes and restarts. One thread,
//! one source of chance, no clock.

use crate::ledgers::damage;
use crate::ledgers::disk::{Disk, Trick};
use crate::ledgers::judge::{Look, Seen, check_state};
use crate::ledgers::mistakes::Mistake;
use crate::ledgers::model::{Book, Outcome, all_metadata};
use crate::ledgers::shell::{self, Running};
use crate::ledgers::workload::{Client, Request};
use crate::platform::EPOCH_NS;
use crate::random::Random;
use crate::report::{Checked, Counters, Rule, Trace, Violation, violated};
use base::time::{NS_PER_MS, NS_PER_S};
use base::{MerchantId, Timestamp};
use bezant::partition::Answer;
use engine::event::VERSION_MAX;
use engine::{Command, Entry, Event, LedgerAnswer, LedgerTexts, Reply};
use journal::Io;
use journal::simio::{Effect, Fault, Operation};
use ledger::{AccountBalances, Items, Metadata, Transfer, TransferFlags};
use std::fmt;

const MERCHANTS: [MerchantId; 2] = [MerchantId::from_u128(11), MerchantId::from_u128(22)];
/// Steps of a run before all faults stop.
const STEPS: u64 = 480;
/// Keys of a generation: few, so that there are many tables, and merges of them.
const KEYS_MAX: [usize; 3] = [12, 30, 90];
/// Starts in a row that may fail because of scheduled faults.
const STARTS_FAILED_MAX: u32 = 12;
/// Damages of the journal that are tried on copies.
const DAMAGES: u64 = 4;
/// Transfers that a run must have.
const TRANSFERS_MIN: u64 = 200;

/// Every kind of fault that strikes merchants' ledgers.
pub const LEDGER_FAULT_KINDS: [&str; 21] = [
    "disk: write failed",
    "disk: sync failed",
    "disk: other operation failed",
    "disk: full",
    "disk: write lost",
    "disk: write misdirected",
    "disk: torn file at a crash",
    "disk: unsynced data lost at a crash",
    "disk: unsynced names lost at a crash",
    "rot: table",
    "rot: snapshot",
    "loss: table",
    "crash: power cut during an operation",
    "crash: machine",
    "crash: process",
    "clock: jump forward",
    "clock: jump back",
    "journal: a bit flipped",
    "journal: a write lost",
    "journal: a write misdirected",
    "client: request sent again",
];

/// Something that the journal must hold once it is durable.
struct Noted {
    seq: u64,
    what: What,
    entry: Entry,
}

enum What {
    Other,
    Asked { merchant: usize, request: Request, now: u64 },
    Expired { merchant: usize, now: u64 },
}

/// What one seed came to.
#[derive(Clone, Debug)]
pub struct LedgerReport {
    /// The seed.
    pub seed: u64,
    /// The deliberate mistake.
    pub mistake: Mistake,
    /// Transfers that happened.
    pub transfers_count: u64,
    /// Crashes of machine or process.
    pub crashes_count: u64,
    /// Tables written and merges done.
    pub tables_count: u64,
    /// Snapshots made.
    pub snapshots_count: u64,
    /// Looks at history that were compared.
    pub looks_count: u64,
    /// Faults by kind.
    pub counters: Counters,
    /// Steps of the run.
    pub steps: u64,
    /// Hash of the trace and the final state.
    pub hash: u64,
    /// The first broken promise.
    pub violation: Option<Violation>,
    /// The end of the trace.
    pub last_lines: Vec<String>,
}

impl fmt::Display for LedgerReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(violation) = &self.violation else {
            return write!(
                formatter,
                "seed {}: clean after {} steps; {} transfers, {} tables, {} snapshots, {} looks, {} crashes, {} faults, hash {:016x}",
                self.seed,
                self.steps,
                self.transfers_count,
                self.tables_count,
                self.snapshots_count,
                self.looks_count,
                self.crashes_count,
                self.counters.total(),
                self.hash
            );
        };
        writeln!(formatter, "seed {}, step {}: VIOLATED: {}", self.seed, self.steps, violation.rule.name())?;
        writeln!(formatter, "  {}", violation.detail)?;
        for line in &self.last_lines {
            writeln!(formatter, "  {line}")?;
        }
        let mistake = self.mistake.name().map_or_else(String::new, |name| format!(" --broken {name}"));
        write!(formatter, "  replay: cargo run -p sim -- --ledgers --seed {}{mistake}", self.seed)
    }
}

/// Runs one seed.
pub fn run(seed: u64, mistake: Mistake) -> LedgerReport {
    let mut world = World::new(seed, mistake);
    let violation = world.run().err();
    world.finish(seed, violation)
}

struct World {
    random: Random,
    now_ns: u64,
    wall_offset_ns: i64,
    trace: Trace,
    counters: Counters,
    mistake: Mistake,
    disk: Disk,
    running: Option<Running>,
    keys_max: usize,
    clients: [Client; 2],
    ids: [Vec<u128>; 2],
    /// What the running process must show.
    live: [Book; 2],
    /// What every later process must show.
    settled: [Book; 2],
    noted: Vec<Noted>,
    /// How much of what was noted is settled.
    settled_count: usize,
    last_at: u64,
    acknowledged_next_seq: u64,
    power_cuts_seen: u64,
    starts_failed: u32,
    is_healed: bool,
    crashes_count: u64,
    tables_count: u64,
    snapshots_count: u64,
    looks_count: u64,
}

/// Lets a book do what was asked for.
fn redo(books: &mut [Book; 2], noted: &Noted) {
    match &noted.what {
        What::Other => {}
        What::Expired { merchant, now } => drop(books[*merchant].expire(noted.seq, *now)),
        What::Asked { merchant, request, now } => match request {
            Request::Accounts(accounts) => drop(books[*merchant].create_accounts(noted.seq, accounts, *now)),
            Request::Transfers(transfers) => drop(books[*merchant].create_transfers(noted.seq, transfers, *now)),
            Request::Entries(entries) => drop(books[*merchant].create_entries(noted.seq, entries, *now)),
        },
    }
}

impl World {
    fn new(seed: u64, mistake: Mistake) -> Self {
        let mut random = Random::new(seed ^ 0x6c65_6467_6572);
        let clients = [Client::new(&mut random), Client::new(&mut random)];
        Self {
            keys_max: *random.pick(&KEYS_MAX),
            random,
            now_ns: 0,
            wall_offset_ns: 0,
            trace: Trace::new(),
            counters: Counters::default(),
            mistake,
            disk: Disk::new(mistake),
            running: None,
            clients,
            ids: Default::default(),
            live: Default::default(),
            settled: Default::default(),
            noted: Vec::new(),
            settled_count: 0,
            last_at: 0,
            acknowledged_next_seq: 0,
            power_cuts_seen: 0,
            starts_failed: 0,
            is_healed: false,
            crashes_count: 0,
            tables_count: 0,
            snapshots_count: 0,
            looks_count: 0,
        }
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_ns((EPOCH_NS + self.now_ns).saturating_add_signed(self.wall_offset_ns))
    }

    fn run(&mut self) -> Checked {
        self.start()?;
        for _ in 0..STEPS {
            self.step()?;
            self.notice_power_cut()?;
        }
        self.is_healed = true;
        self.disk.clear_faults();
        self.trace.line(self.now_ns, format_args!("all faults stop"));
        self.final_check()
    }

    fn step(&mut self) -> Checked {
        self.now_ns += self.random.between(1, 400) * NS_PER_MS;
        match self.random.below(1_000) {
            0..400 => self.ask(),
            400..640 => self.go_on(),
            640..680 => {
                self.now_ns += self.random.between(1, 15) * NS_PER_S;
                self.expire()
            }
            680..770 => self.build(),
            770..890 => self.merge(),
            890..910 => self.snapshot(),
            910..945 => self.look(false),
            945..990 => self.strike(),
            990..995 => self.crash(),
            _ => self.kill(),
        }
    }

    /// The append under way returns, or the open round is handed over.
    fn go_on(&mut self) -> Checked {
        let Some(running) = &mut self.running else { return Ok(()) };
        if !running.is_writing() {
            running.hand_over();
            return Ok(());
        }
        match running.append_returns() {
            None => Ok(()),
            Some(Ok(tail)) => {
                self.acknowledged_next_seq = tail.next_seq;
                self.settle(tail.next_seq);
                self.trace.line(self.now_ns, format_args!("durable before {}", tail.next_seq));
                if !self.random.chance(500) {
                    return Ok(());
                }
                match self.running.as_mut().map_or(Ok(()), Running::seal) {
                    Ok(()) => Ok(()),
                    Err(error) => self.process_failed(&format!("a seal failed: {error}")),
                }
            }
            Some(Err(error)) => self.process_failed(&format!("an append failed: {error}")),
        }
    }

    /// Whatever happens now, all before this stays.
    fn settle(&mut self, next_seq: u64) {
        while let Some(noted) = self.noted.get(self.settled_count).filter(|noted| noted.seq < next_seq) {
            redo(&mut self.settled, noted);
            self.settled_count += 1;
        }
    }

    /// A merchant asks for something.
    fn ask(&mut self) -> Checked {
        let is_due = !self.random.chance(250);
        if is_due {
            self.expire()?;
        }
        if self.running.as_ref().is_none_or(|running| running.round_len() >= 6) {
            return self.go_on();
        }
        let merchant = usize::from(self.random.chance(400));
        let wall_ns = self.wall().ns();
        let request = self.clients[merchant].request(&mut self.random, &self.live[merchant], wall_ns);
        self.ids[merchant].extend(match &request {
            Request::Accounts(_) => Vec::new(),
            Request::Transfers(transfers) => transfers.iter().map(|transfer| transfer.id).collect(),
            Request::Entries(entries) => entries.iter().map(|entry| entry.id).collect(),
        });
        if !self.ask_once(merchant, request.clone())? {
            return Ok(());
        }
        if self.random.chance(60) {
            self.counters.count("client: request sent again");
            self.ask_once(merchant, request)?;
        }
        Ok(())
    }

    /// What the command comes to in the model; whether it was decided at all.
    fn ask_once(&mut self, merchant: usize, request: Request) -> Checked<bool> {
        let (wall, id) = (self.wall(), MERCHANTS[merchant]);
        let now = wall.ns().max(self.last_at + 1);
        let answer = if self.random.chance(300) { LedgerAnswer::Balances } else { LedgerAnswer::Statuses };
        let metadata = match &request {
            Request::Accounts(accounts) => all_metadata(accounts.iter().map(|account| account.id)),
            Request::Transfers(transfers) => all_metadata(transfers.iter().map(|transfer| transfer.id)),
            Request::Entries(_) => Items::NONE,
        };
        let texts = LedgerTexts { metadata, ..LedgerTexts::default() };
        let command = match request.clone() {
            Request::Accounts(accounts) => Command::CreateLedgerAccounts { merchant: id, accounts, texts },
            Request::Transfers(mut transfers) => {
                if self.mistake == Mistake::ChainsIgnored {
                    for transfer in &mut transfers {
                        transfer.flags = TransferFlags::from_bits(transfer.flags.bits() & !TransferFlags::LINKED.bits());
                    }
                }
                Command::CreateLedgerTransfers { merchant: id, transfers, texts, answer }
            }
            Request::Entries(entries) => Command::CreateLedgerEntries { merchant: id, entries, texts, answer },
        };
        let Some((seq, reply, entries)) = self.decide(&command)? else { return Ok(false) };
        let book = &mut self.live[merchant];
        let is_known = matches!(answer, LedgerAnswer::Balances);
        let (expected, count) = match &request {
            Request::Accounts(accounts) => {
                let (results, created) = book.create_accounts(seq, accounts, now);
                let results: Vec<_> = results.iter().map(|result| (result.status, result.timestamp)).collect();
                let Reply::LedgerAccounts { results: found } = &reply else { return unexpected(&command, &reply) };
                compare(&command, found.iter().map(|result| (result.status, result.timestamp)), &results)?;
                let event = Event::LedgerAccountsCreated {
                    merchant: id,
                    names: Items::NONE,
                    metadata: all_metadata(created.iter().map(|account| account.id)),
                    accounts: created.clone(),
                };
                ((!created.is_empty()).then_some((event, Vec::new())), accounts.len())
            }
            Request::Transfers(transfers) => {
                let outcome = book.create_transfers(seq, transfers, now);
                let Reply::LedgerTransfers { results: found, balances } = &reply else { return unexpected(&command, &reply) };
                compare(&command, found.iter().map(|result| (result.status, result.timestamp)), &outcome.results)?;
                if is_known {
                    let found: Vec<AccountBalances> = balances.iter().flatten().copied().collect();
                    let after = |(account_id, balances): &_| AccountBalances { account_id: *account_id, balances: *balances };
                    let expected: Vec<AccountBalances> = outcome.after.iter().map(after).collect();
                    if found != expected {
                        return violated(Rule::AnswersAreTheModels, format!("balances {found:?} and not {expected:?} for {command:?}"));
                    }
                }
                {
                    let metadata = all_metadata(outcome.created.iter().map(|transfer| transfer.id));
                    (event_of(id, outcome, metadata), transfers.len())
                }
            }
            Request::Entries(asked) => {
                let outcome = book.create_entries(seq, asked, now);
                let Reply::LedgerEntries { results: found, .. } = &reply else { return unexpected(&command, &reply) };
                compare(&command, found.iter().map(|result| (result.status, result.timestamp)), &outcome.results)?;
                (event_of(id, outcome, Items::NONE), asked.iter().map(ledger::Entry::events_count).sum())
            }
        };
        let last = now + u64::try_from(count.max(1) - 1).expect("a batch is short");
        let expected = expected.map(|(event, legs)| Entry { at: Timestamp::from_ns(last), event, legs });
        self.note(seq, What::Asked { merchant, request, now }, &command, expected, entries)?;
        Ok(true)
    }

    /// Takes note of what a command came to, which must be what it had to come to.
    fn note(&mut self, seq: u64, what: What, command: &Command, expected: Option<Entry>, found: Vec<Entry>) -> Checked {
        if expected.as_slice() != found {
            return violated(Rule::AnswersAreTheModels, format!("{command:?} comes to {found:?} and must come to {expected:?}"));
        }
        if let Some(entry) = expected {
            self.last_at = entry.at.ns();
            let (kind, legs) = (entry.event.kind(), entry.legs.len());
            self.trace.line(self.now_ns, format_args!("{seq}: {kind:?} with {legs}"));
            self.noted.push(Noted { seq, what, entry });
        }
        Ok(())
    }

    /// Decides a command; `None` when history could not be asked because the disk failed.
    fn decide(&mut self, command: &Command) -> Checked<Option<(u64, Reply, Vec<Entry>)>> {
        let wall = self.wall();
        let failures = self.failures();
        let Some(running) = &mut self.running else { return Ok(None) };
        let seq = running.state().next_seq;
        let (answer, entries) = running.decide(command, wall)?;
        match answer {
            Some(Answer::Decided(reply)) => Ok(Some((seq, reply, entries))),
            Some(Answer::Poisoned) | None if self.failures() > failures => Ok(None),
            Some(Answer::Poisoned) | None => violated(Rule::AnswersAreTheModels, format!("history cannot be asked for {command:?}")),
        }
    }

    /// Disk operations that failed.
    fn failures(&self) -> u64 {
        let counts = self.disk.sim.counts();
        counts.other_errors + counts.write_errors + counts.sync_errors + counts.no_space + counts.power_cuts
    }

    /// Runs what is due.
    fn expire(&mut self) -> Checked {
        let (wall, mut now) = (self.wall(), 0);
        loop {
            now = wall.ns().max(self.last_at + 1).max(now);
            if self.running.as_ref().is_none_or(|running| running.round_len() >= 6) {
                return Ok(());
            }
            let Some((seq, _, mut entries)) = self.decide(&Command::Tick)? else { return Ok(()) };
            let found = entries.first().and_then(|entry| match &entry.event {
                Event::LedgerTransfersExpired { merchant } => MERCHANTS.iter().position(|known| known == merchant),
                _ => None,
            });
            let Some(merchant) = found else {
                let missed = self.live.iter().find_map(|book| book.due(now));
                return match missed {
                    Some(missed) => violated(Rule::AnswersAreTheModels, format!("{} is not expired: {missed:?}", missed.id)),
                    None if entries.is_empty() => Ok(()),
                    None => violated(Rule::AnswersAreTheModels, format!("a tick comes to {entries:?}")),
                };
            };
            let legs = self.live[merchant].expire(seq, now);
            let event = Event::LedgerTransfersExpired { merchant: MERCHANTS[merchant] };
            let expected = Entry { at: Timestamp::from_ns(now), event, legs };
            entries.truncate(1);
            self.note(seq, What::Expired { merchant, now }, &Command::Tick, Some(expected), entries)?;
        }
    }

    fn build(&mut self) -> Checked {
        let Some(running) = &self.running else { return Ok(()) };
        match running.build() {
            Ok(is_built) => self.tables_count += u64::from(is_built),
            Err(error) => self.trace.line(self.now_ns, format_args!("no table: {error}")),
        }
        Ok(())
    }

    fn merge(&mut self) -> Checked {
        let keys_count = self.random.between(10, 1_500);
        let Some(running) = &mut self.running else { return Ok(()) };
        match running.merge(keys_count) {
            Ok(is_over) => self.tables_count += u64::from(is_over),
            Err(error) => self.trace.line(self.now_ns, format_args!("no merge: {error}")),
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Checked {
        let Some(running) = &self.running else { return Ok(()) };
        match running.snapshot() {
            Ok(seq) => {
                self.snapshots_count += 1;
                self.trace.line(self.now_ns, format_args!("snapshot before {seq}"));
            }
            Err(error) => self.trace.line(self.now_ns, format_args!("no snapshot: {error}")),
        }
        Ok(())
    }

    /// Compares what is durable with the models.
    fn look(&mut self, is_all: bool) -> Checked {
        for (merchant, id) in MERCHANTS.iter().enumerate() {
            let failures = self.failures();
            let Some(running) = &mut self.running else { return Ok(()) };
            let Some(number) = running.state().merchants.get(id).map(|found| found.number) else { continue };
            let durable_seq = running.next_seq() - 1;
            let look = Look { book: &self.live[merchant], merchant: number, ids: &self.ids[merchant], durable_seq };
            let seen = look.check(&mut running.finder, &mut self.random, is_all)?;
            self.looks_count += 1;
            if matches!(seen, Seen::Unread) && self.failures() == failures {
                return violated(Rule::HistoryIsTheModels, "history cannot be read, and no disk failed");
            }
        }
        Ok(())
    }

    /// Something goes wrong.
    fn strike(&mut self) -> Checked {
        match self.random.below(20) {
            0..4 => self.rot("index/", "rot: table"),
            4 => self.rot("snapshots/", "rot: snapshot"),
            5 => {
                if let Some(path) = self.any_file("index/") {
                    // Whoever has it open reads it; the next start does not find it.
                    if self.disk.remove(&path).is_ok() {
                        self.counters.count("loss: table");
                    }
                }
            }
            6..9 => {
                let trick = *self.random.pick(&[Trick::Lost, Trick::Misdirected]);
                let path_part = *self.random.pick(&["index/", "index/", "snapshots/"]);
                self.trace.line(self.now_ns, format_args!("{trick:?} write ahead in {path_part}"));
                self.disk.trick_next(path_part, trick);
            }
            9..12 => self.disk.sim.cut_power_after(self.random.below(60)),
            12..18 => {
                let fault = self.disk_fault();
                self.trace.line(self.now_ns, format_args!("disk fault ahead: {fault:?}"));
                self.disk.sim.schedule(fault);
            }
            18 => {
                self.wall_offset_ns += i64::try_from(self.random.between(1, 30) * NS_PER_S).expect("jumps are short");
                self.counters.count("clock: jump forward");
            }
            _ => {
                self.wall_offset_ns -= i64::try_from(self.random.between(1, 30) * NS_PER_S).expect("jumps are short");
                self.counters.count("clock: jump back");
            }
        }
        Ok(())
    }

    fn disk_fault(&mut self) -> Fault {
        let (operation, path_part, effect) = *self.random.pick(&[
            (Operation::Write, "journal/", Effect::InputOutputError),
            (Operation::Write, "index/", Effect::InputOutputError),
            (Operation::Write, "snapshots/", Effect::InputOutputError),
            (Operation::Write, "index/", Effect::NoSpace),
            (Operation::Write, "journal/", Effect::NoSpace),
            (Operation::Sync, "journal/", Effect::InputOutputError),
            (Operation::Sync, "journal/", Effect::PowerCut),
            (Operation::Sync, "index/", Effect::InputOutputError),
            (Operation::Sync, "index/", Effect::PowerCut),
            (Operation::Sync, "snapshots/", Effect::PowerCut),
            (Operation::SyncDir, "index", Effect::InputOutputError),
            (Operation::SyncDir, "index", Effect::PowerCut),
            (Operation::Rename, "index/", Effect::InputOutputError),
            (Operation::Rename, "index/", Effect::PowerCut),
            (Operation::Rename, "snapshots/", Effect::PowerCut),
            (Operation::Create, "index/", Effect::InputOutputError),
            (Operation::Read, "index/", Effect::InputOutputError),
            (Operation::Read, "journal/", Effect::InputOutputError),
        ]);
        Fault { operation, path_part: Some(path_part.to_owned()), calls_before: self.random.below(4), effect }
    }

    fn any_file(&mut self, folder: &str) -> Option<String> {
        let paths: Vec<String> = self.disk.sim.files().into_keys().filter(|path| path.starts_with(folder)).collect();
        (!paths.is_empty()).then(|| self.random.pick(&paths).clone())
    }

    /// A bit of a file flips, or a sector of it has other bytes.
    fn rot(&mut self, folder: &str, kind: &'static str) {
        let Some(path) = self.any_file(folder) else { return };
        let length = self.disk.sim.files().get(&path).map_or(0, Vec::len);
        if length == 0 {
            return;
        }
        let offset = u64::try_from(self.random.index(length)).expect("a file is short");
        if self.random.chance(700) {
            let mask = 1 << self.random.below(8);
            self.disk.sim.flip_bits(&path, offset, mask);
        } else {
            let byte = u8::try_from(self.random.below(256)).unwrap_or(0);
            self.disk.overwrite(&path, offset / 512 * 512, &[byte; 512]);
        }
        self.counters.count(kind);
        self.trace.line(self.now_ns, format_args!("{path} damaged at {offset}"));
    }

    fn process_failed(&mut self, reason: &str) -> Checked {
        self.trace.line(self.now_ns, format_args!("process failed: {reason}"));
        if self.notice_power_cut()? {
            return Ok(());
        }
        if self.random.chance(300) { self.crash() } else { self.kill() }
    }

    /// A machine without power restarts.
    fn notice_power_cut(&mut self) -> Checked<bool> {
        let cuts = self.disk.sim.counts().power_cuts;
        if cuts == self.power_cuts_seen {
            return Ok(false);
        }
        self.power_cuts_seen = cuts;
        self.counters.count("crash: power cut during an operation");
        self.crash()?;
        Ok(true)
    }

    /// The machine crashes: the page cache is lost.
    fn crash(&mut self) -> Checked {
        self.crashes_count += 1;
        self.counters.count("crash: machine");
        self.running = None;
        let before = self.disk.sim.counts();
        let random = &mut self.random;
        self.disk.sim.crash(&mut || random.number());
        let after = self.disk.sim.counts();
        let rows = [
            ("disk: torn file at a crash", after.torn_files > before.torn_files),
            ("disk: unsynced data lost at a crash", after.sectors_lost > before.sectors_lost),
            ("disk: unsynced names lost at a crash", after.names_lost > before.names_lost),
        ];
        for (kind, _) in rows.iter().filter(|(_, has_struck)| *has_struck) {
            self.counters.count(kind);
        }
        self.trace.line(self.now_ns, format_args!("machine crashed"));
        self.start()
    }

    /// Only the process dies: the page cache stays.
    fn kill(&mut self) -> Checked {
        self.crashes_count += 1;
        self.counters.count("crash: process");
        self.running = None;
        self.disk.sim.kill();
        self.trace.line(self.now_ns, format_args!("process killed"));
        self.start()
    }

    fn start(&mut self) -> Checked {
        self.now_ns += self.random.between(50, 2_000) * NS_PER_MS;
        let running = match shell::start(&self.disk, self.keys_max, self.mistake, &mut self.random)? {
            Ok(running) => running,
            Err(reason) => {
                self.starts_failed += 1;
                if self.starts_failed > STARTS_FAILED_MAX {
                    return violated(Rule::JournalKeepsItsTail, format!("the platform does not start any more: {reason}"));
                }
                return self.process_failed(&format!("it did not start: {reason}"));
            }
        };
        self.starts_failed = 0;
        let (next_seq, acknowledged) = (running.state().next_seq, self.acknowledged_next_seq);
        self.trace.line(self.now_ns, format_args!("started before {next_seq}"));
        if next_seq < acknowledged {
            return violated(
                Rule::JournalKeepsItsTail,
                format!("the journal ends before {next_seq}, acknowledged was all before {acknowledged}"),
            );
        }
        self.noted.retain(|noted| noted.seq < next_seq);
        self.settle(next_seq);
        self.live = self.settled.clone();
        self.last_at = self.noted.last().map_or(0, |noted| noted.entry.at.ns());
        for (book, id) in self.live.iter().zip(MERCHANTS) {
            check_state(book, running.state().ledgers.get(&id).map(|found| &found.ledger))?;
        }
        if running.state().last_at.ns() != self.last_at {
            return violated(Rule::ReplayIsLive, format!("the last event is at {} and not {}", running.state().last_at.ns(), self.last_at));
        }
        self.running = Some(running);
        self.lead()
    }

    /// The first commands of a new leader, and of a new journal.
    fn lead(&mut self) -> Checked {
        let Some(running) = &self.running else { return Ok(()) };
        let mut commands = vec![Command::StartLeader { epoch: running.epoch }];
        if running.state().min_version < VERSION_MAX {
            commands.insert(0, Command::RaiseMinVersion { version: VERSION_MAX });
        }
        for (number, merchant) in MERCHANTS.into_iter().enumerate() {
            if !running.state().merchants.contains_key(&merchant) {
                commands.push(Command::CreateMerchant { merchant, handle: format!("shop-{number}") });
            }
        }
        for command in commands {
            let Some((seq, _, entries)) = self.decide(&command)? else { continue };
            for (seq, entry) in (seq..).zip(entries) {
                self.last_at = entry.at.ns();
                self.noted.push(Noted { seq, what: What::Other, entry });
            }
        }
        Ok(())
    }

    /// All that is under way becomes durable.
    fn finish_writing(&mut self) -> Checked {
        for _ in 0..4 {
            self.go_on()?;
        }
        match self.running.as_mut().map_or(Ok(()), Running::seal) {
            Ok(()) => Ok(()),
            Err(error) => violated(Rule::JournalKeepsItsTail, format!("no seal after all faults stopped: {error}")),
        }
    }

    fn final_check(&mut self) -> Checked {
        self.finish_writing()?;
        self.look(true)?;
        if let Some(running) = &mut self.running
            && let Err(error) = running.work_off()
        {
            return violated(Rule::DamageIsHealed, format!("no tables after all faults stopped: {error}"));
        }
        self.look(true)?;
        self.kill()?;
        self.finish_writing()?;
        self.look(true)?;
        self.check_journal()?;
        let files = self.disk.sim.files();
        for _ in 0..DAMAGES {
            if let Some(kind) = damage::check_one(&files, &mut self.random)? {
                self.counters.count(kind);
            }
        }
        let transfers = self.transfers_count();
        if self.crashes_count == 0 || transfers < TRANSFERS_MIN {
            return violated(Rule::RunIsHard, format!("{transfers} transfers, {} crashes", self.crashes_count));
        }
        Ok(())
    }

    /// The journal holds what was noted, and nothing else.
    fn check_journal(&self) -> Checked {
        let Some(running) = &self.running else { return Ok(()) };
        let durable = match running.durable_events() {
            Ok(durable) => durable,
            Err(error) => return violated(Rule::JournalKeepsItsTail, format!("the journal cannot be read: {error}")),
        };
        for (noted, recorded) in self.noted.iter().zip(&durable) {
            if (noted.seq, &noted.entry) != (recorded.seq, &recorded.entry) {
                let (found, expected) = (&recorded.entry, &noted.entry);
                return violated(Rule::JournalKeepsItsTail, format!("event {} is {found:?} and must be {expected:?}", recorded.seq));
            }
        }
        if durable.len() == self.noted.len() {
            return Ok(());
        }
        violated(Rule::JournalKeepsItsTail, format!("{} events in the journal, and not {}", durable.len(), self.noted.len()))
    }

    fn transfers_count(&self) -> u64 {
        self.live.iter().map(|book| book.ledger.transfers().count()).map(|count| u64::try_from(count).unwrap_or(u64::MAX)).sum()
    }

    fn finish(mut self, seed: u64, violation: Option<Violation>) -> LedgerReport {
        let disk = self.disk.sim.counts();
        let (lost, misdirected) = self.disk.tricks_count();
        let mut counters = self.counters.clone();
        counters.add("disk: write failed", disk.write_errors);
        counters.add("disk: sync failed", disk.sync_errors);
        counters.add("disk: other operation failed", disk.other_errors);
        counters.add("disk: full", disk.no_space);
        counters.add("disk: write lost", lost);
        counters.add("disk: write misdirected", misdirected);
        if let Some(running) = &self.running {
            let digest = events::snapshot::digest(running.state());
            self.trace.mix(&digest[..]);
        }
        LedgerReport {
            seed,
            mistake: self.mistake,
            transfers_count: self.transfers_count(),
            crashes_count: self.crashes_count,
            tables_count: self.tables_count,
            snapshots_count: self.snapshots_count,
            looks_count: self.looks_count,
            counters,
            steps: self.trace.steps(),
            hash: self.trace.hash(),
            violation,
            last_lines: self.trace.last_lines(),
        }
    }
}

/// The event of a batch of transfers; `None` when nothing came of it.
fn event_of<S>(merchant: MerchantId, outcome: Outcome<S>, metadata: Items<Metadata>) -> Option<(Event, Vec<Transfer>)> {
    let Outcome { created, burned, released, .. } = outcome;
    if created.is_empty() && burned.is_empty() {
        return None;
    }
    Some((Event::LedgerTransfersCreated { merchant, burned, released, metadata }, created))
}

fn unexpected<T>(command: &Command, reply: &Reply) -> Checked<T> {
    violated(Rule::AnswersAreTheModels, format!("{command:?} is answered {reply:?}"))
}

fn compare<S: PartialEq + fmt::Debug>(command: &Command, found: impl Iterator<Item = (S, u64)>, expected: &[(S, u64)]) -> Checked {
    let found: Vec<(S, u64)> = found.collect();
    if found == expected {
        return Ok(());
    }
    let at = found.iter().zip(expected).take_while(|(left, right)| left == right).count();
    violated(
        Rule::AnswersAreTheModels,
        format!("item {at} is answered {:?}, and must be {:?}: {command:?}", found.get(at), expected.get(at)),
    )
}
