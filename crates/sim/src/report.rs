//! What a run came to: counted faults, the trace and its hash, and the first broken promise.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// Lines of the trace that a failure shows.
pub const TRACE_LINES_KEPT: usize = 30;

/// A deliberate mistake, to prove that the judge sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// None: everything is as it should be.
    Nothing,
    /// Answers and effects leave before their batch is durable: every sync says that all is well and does nothing.
    AckBeforeSync,
    /// A replay is sent under a new idempotency key.
    NewKeyOnReplay,
    /// An unknown outcome is reported as a decline.
    UnknownAsDecline,
}

impl Broken {
    /// Every deliberate mistake.
    pub const ALL: [Self; 3] = [Self::AckBeforeSync, Self::NewKeyOnReplay, Self::UnknownAsDecline];

    /// The name on the command line; `None` for no mistake.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::AckBeforeSync => Some("ack-before-sync"),
            Self::NewKeyOnReplay => Some("new-key-on-replay"),
            Self::UnknownAsDecline => Some("unknown-as-decline"),
        }
    }

    /// The mistake of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|broken| broken.name() == Some(name))
    }
}

/// A promise of the platform that the judge watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The journal opens after every crash and holds all that was acknowledged.
    JournalKeepsItsTail,
    /// What a client was told is still so after a crash.
    AcknowledgedIsKept,
    /// An answer agrees with the earlier ones under the same key or reference.
    AnswersAgree,
    /// Nobody is charged twice.
    ChargedOnce,
    /// No call reaches a provider that the journal does not know.
    NothingActsUnjournaled,
    /// A payment that we call declined, cancelled or expired holds no money at the provider.
    DeclinedMeansNoCharge,
    /// The books agree with the provider's truth.
    LedgerIsTruth,
    /// Refunds agree with the provider's truth and never exceed what was captured.
    RefundsAgree,
    /// Everything unknown is resolved or waits for a person.
    UnknownIsResolved,
    /// Replaying the journal gives the state that was live.
    ReplayIsLive,
    /// What was sealed for an erased subject cannot be opened, and for everybody else it can.
    SealsHold,
    /// No command crashes the engine.
    EngineStands,
    /// The run was hard enough: enough payments, crashes and faults.
    RunIsHard,
    /// Every answer about a merchant's ledger is the model's, in the order of the journal.
    AnswersAreTheModels,
    /// Accounts and open transfers are the model's.
    BalancesAreTheModels,
    /// Transfers, statements and balances at any time are the model's.
    HistoryIsTheModels,
    /// Damage of an index or a snapshot is made good from the journal.
    DamageIsHealed,
    /// Damage of what was acknowledged in the journal is refused with its place.
    DamageIsRefused,
}

impl Rule {
    /// The name in failure reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::JournalKeepsItsTail => "the journal opens after a crash and keeps all that was acknowledged",
            Self::AcknowledgedIsKept => "what a client was told is still so after a crash",
            Self::AnswersAgree => "answers under one key or reference agree",
            Self::ChargedOnce => "nobody is charged twice",
            Self::NothingActsUnjournaled => "nothing acts that was not journaled",
            Self::DeclinedMeansNoCharge => "a declined, cancelled or expired payment holds no money at the provider",
            Self::LedgerIsTruth => "the ledger agrees with the provider's truth",
            Self::RefundsAgree => "refunds agree with the provider's truth and stay within what was captured",
            Self::UnknownIsResolved => "everything unknown is resolved or parked",
            Self::ReplayIsLive => "replay gives the live state",
            Self::SealsHold => "seals of erased subjects stay closed and all others open",
            Self::EngineStands => "no command crashes the engine",
            Self::RunIsHard => "a run has enough payments, crashes and faults",
            Self::AnswersAreTheModels => "every answer about a ledger is the model's",
            Self::BalancesAreTheModels => "accounts and open transfers are the model's",
            Self::HistoryIsTheModels => "transfers, statements and balances at any time are the model's",
            Self::DamageIsHealed => "damage of an index or a snapshot is made good from the journal",
            Self::DamageIsRefused => "damage of what was acknowledged is refused with its place",
        }
    }
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub rule: Rule,
    /// What was found.
    pub detail: String,
}

/// Most runs end without one of these.
pub type Checked<T = ()> = Result<T, Violation>;

/// For `map_err` and early returns: a violation of `rule`.
pub(crate) fn violated<T>(rule: Rule, detail: impl Into<String>) -> Checked<T> {
    Err(Violation { rule, detail: detail.into() })
}

/// Every kind of fault that the simulation itself makes, beside the provider's scripted ones.
pub const FAULT_KINDS: [&str; 24] = [
    "client: request lost",
    "client: answer lost",
    "client: request doubled",
    "client: other body under the same key",
    "client: other content under the same reference",
    "network: not sent",
    "network: request delayed",
    "network: answer lost",
    "network: connection reset",
    "network: answer late after a timeout",
    "network: answer doubled",
    "disk: write failed",
    "disk: sync failed",
    "disk: other operation failed",
    "disk: full",
    "disk: torn file at a crash",
    "disk: unsynced data lost at a crash",
    "disk: unsynced names lost at a crash",
    "disk: snapshot corrupted",
    "crash: power cut during an operation",
    "crash: machine",
    "crash: process",
    "clock: jump forward",
    "clock: jump back",
];

/// How often each kind of fault struck.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    counts: BTreeMap<&'static str, u64>,
}

impl Counters {
    /// Counts one.
    pub fn count(&mut self, kind: &'static str) {
        self.add(kind, 1);
    }

    /// Counts several.
    pub fn add(&mut self, kind: &'static str, count: u64) {
        *self.counts.entry(kind).or_insert(0) += count;
    }

    /// Adds another run's counts.
    pub fn merge(&mut self, other: &Self) {
        for (kind, count) in &other.counts {
            self.add(kind, *count);
        }
    }

    /// Each of these kinds with its count, kinds that never struck included.
    pub fn rows(&self, kinds: &[&'static str]) -> Vec<(&'static str, u64)> {
        kinds.iter().map(|kind| (*kind, self.counts.get(kind).copied().unwrap_or(0))).collect()
    }

    /// All faults together.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// The trace of a run: its last lines and the hash of all of them.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    steps: u64,
    lines: VecDeque<String>,
    spare: String,
}

impl Trace {
    /// An empty trace.
    pub fn new() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, steps: 0, lines: VecDeque::with_capacity(TRACE_LINES_KEPT), spare: String::new() }
    }

    /// Writes one line.
    pub fn line(&mut self, now_ns: u64, text: fmt::Arguments<'_>) {
        use fmt::Write;
        let mut line = core::mem::take(&mut self.spare);
        line.clear();
        let (seconds, micros) = (now_ns / 1_000_000_000, now_ns / 1_000 % 1_000_000);
        let _ = write!(line, "{:>6} {seconds:>8}.{micros:06} {text}", self.steps); // writing to a string cannot fail
        self.steps += 1;
        self.mix(line.as_bytes());
        if self.lines.len() == TRACE_LINES_KEPT {
            self.spare = self.lines.pop_front().unwrap_or_default();
        }
        self.lines.push_back(line);
    }

    /// Mixes bytes into the hash (FNV-1a, by words).
    pub fn mix(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0_u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.hash = (self.hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
        }
    }

    /// The hash of all lines.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// How many lines were written.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The last lines, oldest first.
    pub fn last_lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

/// What one seed came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The deliberate mistake.
    pub broken: Broken,
    /// Payments in the final state.
    pub payments_count: u64,
    /// Effects that wait for a person at the end.
    pub parked_count: u64,
    /// Crashes of machine or process.
    pub crashes_count: u64,
    /// Subjects erased.
    pub erased_count: u64,
    /// Faults by kind.
    pub counters: Counters,
    /// Steps of the run.
    pub steps: u64,
    /// Hash of the trace, the final state and the truth.
    pub hash: u64,
    /// The first broken promise.
    pub violation: Option<Violation>,
    /// The end of the trace.
    pub last_lines: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(violation) = &self.violation else {
            return write!(
                formatter,
                "seed {}: clean after {} steps; {} payments, {} parked, {} crashes, {} faults, hash {:016x}",
                self.seed,
                self.steps,
                self.payments_count,
                self.parked_count,
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
        let broken = self.broken.name().map_or_else(String::new, |name| format!(" --broken {name}"));
        write!(formatter, "  replay: cargo run -p sim -- --seed {}{broken}", self.seed)
    }
}
