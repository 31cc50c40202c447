//! The platform's shell around merchants' ledgers, without threads: one process that holds the journal, the index and a
//! partition on one disk. What the platform's threads do in loops, the world lets happen one step at a time.

use crate::ledgers::damage;
use crate::ledgers::disk::Disk;
use crate::ledgers::mistakes::Mistake;
use crate::platform::Keys;
use crate::random::Random;
use crate::report::{Checked, Rule, violated};
use base::Timestamp;
use bezant::archive::builder::{self, Merging};
use bezant::archive::{Archive, Finder, Index, IndexError};
use bezant::partition::{self, Answer, LoadError, Partition, Round, Skips};
use bezant::policy::default_policy;
use bezant::request::{Requests, SubjectKeys};
use connectors::Connector;
use connectors::stripe::{Environment, Stripe};
use engine::{Command, DeriveKey, Entry, Event, State};
use journal::{AppendError, FileJournal, Journal, OpenError, Options, ReadError, Tail};
use std::sync::Arc;

/// Small, so that there are many.
const SEGMENT_BYTES: u64 = 64 * 1024;
const BATCH_BYTES_MAX: usize = 48 * 1024;
const SNAPSHOT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How far another clock is ahead, in nanoseconds.
const CLOCK_AHEAD_NS: u64 = 3_000_000_000;
const DERIVE: [u8; 32] = [0xa5; 32];

/// How a journal is opened.
pub const fn options(verify_from: Option<Tail>) -> Options {
    Options {
        partition: 0,
        segment_bytes: SEGMENT_BYTES,
        batch_bytes_max: BATCH_BYTES_MAX,
        snapshot_bytes_max: SNAPSHOT_BYTES_MAX,
        verify_from,
    }
}

/// A running process.
pub struct Running {
    /// Finds what is durable.
    pub finder: Finder<Disk>,
    /// The journal's epoch of this process.
    pub epoch: u64,
    journal: FileJournal<Disk>,
    index: Arc<Index<Disk>>,
    partition: Partition<Disk>,
    merging: Option<Merging<Disk>>,
    round: Round<()>,
    /// What the append under way came to; nobody knows yet.
    writing: Option<Result<Tail, AppendError>>,
    mistake: Mistake,
}

/// Starts a process. The inner result may be a disk failure, after which another start may be tried.
///
/// # Errors
/// A promise is broken: damage that nobody made.
pub fn start(disk: &Disk, keys_max: usize, mistake: Mistake, random: &mut Random) -> Checked<Result<Running, String>> {
    let verify_from = if random.chance(500) { newest_snapshot(disk) } else { None };
    if mistake == Mistake::TailUnchecked {
        damage::vouch_for_tail(disk);
    }
    let journal = match FileJournal::open(disk.clone(), options(verify_from)) {
        Ok((journal, _)) => journal,
        Err(OpenError::Io(failure)) => return Ok(Err(failure.to_string())),
        Err(error) => return violated(Rule::JournalKeepsItsTail, format!("the journal does not open: {error}")),
    };
    let state = match partition::load(&journal) {
        Ok((state, _)) => state,
        Err(LoadError::Read(ReadError::Io(failure))) => return Ok(Err(failure.to_string())),
        Err(error) => return violated(Rule::ReplayIsLive, format!("the journal does not replay: {error}")),
    };
    let known = if mistake == Mistake::GenerationForgotten { State::new() } else { state.clone() };
    let index = match Index::open(disk.clone(), journal.reader(), &known, keys_max) {
        Ok(index) => Arc::new(index),
        Err(error) if is_of_disk(&error) => return Ok(Err(error.to_string())),
        Err(error) => return violated(Rule::DamageIsHealed, format!("the index does not open: {error}")),
    };
    let connector: Arc<dyn Connector> = Arc::new(Stripe::new(Environment::Test));
    let policy = default_policy(connector.capabilities());
    let keys: Arc<dyn SubjectKeys> = Arc::new(Keys::default());
    let requests = Arc::new(Requests { connectors: vec![connector], keys });
    let epoch = state.epoch + 1;
    let asked = if mistake == Mistake::HistoryUnasked {
        // An index of its own, which knows nothing of what was before this process.
        let opened = Index::open(Disk::new(Mistake::None), journal.reader(), &State::new(), keys_max);
        Arc::new(opened.or_else(|error| violated(Rule::EngineStands, error.to_string()))?)
    } else {
        Arc::clone(&index)
    };
    let archive = Archive::new(asked, journal.reader());
    let partition = Partition::new(state, policy, DeriveKey::new(1, &DERIVE), requests).with_archive(archive);
    let finder = Finder::new(Arc::clone(&index), journal.reader());
    let round = partition.begin();
    Ok(Ok(Running { finder, epoch, journal, index, partition, merging: None, round, writing: None, mistake }))
}

/// Whether only the disk failed, so that another try may succeed.
pub fn is_of_disk(error: &IndexError) -> bool {
    match error {
        IndexError::Table(error) => error.retryable(),
        IndexError::Folder(_) => true,
        IndexError::Load(error) => matches!(**error, LoadError::Read(ReadError::Io(_))),
    }
}

fn newest_snapshot(disk: &Disk) -> Option<Tail> {
    let newest = journal::list_snapshots(disk).ok()?.into_iter().next()?;
    journal::load_snapshot_file(disk, 0, SNAPSHOT_BYTES_MAX, &newest).ok().map(|(tail, _)| tail)
}

impl Running {
    /// The state, entries of the open round included.
    pub const fn state(&self) -> &State {
        self.partition.state()
    }

    /// Decides one command: the answer, and what it adds to the open round.
    ///
    /// # Errors
    /// A command crashed the engine.
    pub fn decide(&mut self, command: &Command, wall: Timestamp) -> Checked<(Option<Answer>, Vec<Entry>)> {
        let before = self.round.entries.len();
        let is_other_clock = self.mistake == Mistake::TimeoutsByAnotherClock && *command == Command::Tick;
        let wall = if is_other_clock { wall.plus_ns(CLOCK_AHEAD_NS) } else { wall };
        if let Err((_, tainted)) = self.partition.join(&mut self.round, (), command, wall) {
            return violated(Rule::EngineStands, format!("applying a command crashed ({:02x?}): {command:?}", tainted.fingerprint));
        }
        let answer = self.round.answers.pop().map(|(_, answer)| answer);
        let entries = self.round.entries[before..].to_vec();
        for entry in &mut self.round.entries[before..] {
            match (&mut entry.event, self.mistake) {
                (Event::LedgerTransfersCreated { burned, .. }, Mistake::BurnsUnjournaled) => burned.clear(),
                (Event::LedgerTransfersCreated { released, .. }, Mistake::ReleasesUnjournaled) => released.clear(),
                _ => {}
            }
        }
        Ok((answer, entries))
    }

    /// How many entries the open round has.
    pub const fn round_len(&self) -> usize {
        self.round.entries.len()
    }

    /// Whether an append is under way.
    pub const fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Hands the open round to the journal when nothing is under way.
    pub fn hand_over(&mut self) {
        if self.writing.is_some() {
            return;
        }
        let round = core::mem::replace(&mut self.round, self.partition.begin());
        if let Some(batch) = round.encode() {
            self.writing = Some(partition::append(&mut self.journal, round.first_seq, self.epoch, &batch));
        }
    }

    /// What the append under way came to, if one is.
    pub fn append_returns(&mut self) -> Option<Result<Tail, AppendError>> {
        let returned = match self.writing.take()? {
            Err(error) if self.mistake == Mistake::FailedAppendsAnswered => {
                let next_seq = self.round.first_seq;
                drop(error);
                Ok(Tail { next_seq, ..self.journal.tail() })
            }
            returned => returned,
        };
        if let Ok(tail) = &returned {
            self.partition.durable(tail.next_seq - 1);
        }
        Some(returned)
    }

    /// All before this is durable.
    pub fn next_seq(&self) -> u64 {
        self.journal.tail().next_seq
    }

    /// Seals the last batch.
    ///
    /// # Errors
    /// As the journal says.
    pub fn seal(&mut self) -> Result<(), AppendError> {
        self.journal.seal()
    }

    /// Writes one generation of the index; `false` when none waits.
    ///
    /// # Errors
    /// As the index says.
    pub fn build(&self) -> Result<bool, IndexError> {
        builder::build_next(&self.index)
    }

    /// A step of a merge; `true` when one is over.
    ///
    /// # Errors
    /// As the index says; the merge is dropped.
    pub fn merge(&mut self, keys_count: u64) -> Result<bool, IndexError> {
        let mut merging = match self.merging.take() {
            Some(merging) => merging,
            None => match Merging::due(&self.index)? {
                Some(merging) => merging,
                None => return Ok(false),
            },
        };
        let is_over = merging.step(&self.index, keys_count)?;
        self.merging = Some(merging).filter(|_| !is_over);
        Ok(is_over)
    }

    /// Makes all tables that there are to be made.
    ///
    /// # Errors
    /// As the index says.
    pub fn work_off(&mut self) -> Result<(), IndexError> {
        self.merging = None;
        builder::work_off(&self.index)
    }

    /// Makes a snapshot as the platform does beside its hot path.
    ///
    /// # Errors
    /// As the platform says.
    pub fn snapshot(&self) -> Result<u64, String> {
        let (reader, store) = (self.journal.reader(), self.journal.snapshot_store());
        if self.mistake == Mistake::SnapshotTooEarly {
            return self.snapshot_too_early();
        }
        let (at, _) = bezant::snapshots::make(&reader, &store, &Skips::default()).map_err(|error| error.to_string())?;
        Ok(at.next_seq)
    }

    /// The mistake: the state before the last batch, which says that it is the state after it.
    fn snapshot_too_early(&self) -> Result<u64, String> {
        let tail = self.journal.tail();
        let mut state = State::new();
        for batch in self.journal.read(0).map_err(|error| error.to_string())? {
            let batch = batch.map_err(|error| error.to_string())?;
            if batch.tail() == tail {
                break;
            }
            partition::replay(&mut state, &batch, &Skips::default()).map_err(|error| error.to_string())?;
        }
        (state.next_seq, state.last_at) = (tail.next_seq, self.partition.state().last_at);
        let bytes = events::snapshot::encode(&state);
        self.journal.snapshot_store().save(&tail, &bytes).map_err(|error| error.to_string())?;
        Ok(tail.next_seq)
    }

    /// Every durable event of the journal.
    ///
    /// # Errors
    /// As the journal says.
    pub fn durable_events(&self) -> Result<Vec<events::Recorded>, LoadError> {
        let mut recorded = Vec::new();
        for batch in self.journal.read(0)? {
            recorded.extend(partition::decode(&batch?)?);
        }
        Ok(recorded)
    }
}

/// Whether an error of a look-up is the disk's alone.
pub fn is_of_disk_alone(error: &bezant::archive::Error) -> bool {
    match error {
        bezant::archive::Error::Load(LoadError::Read(ReadError::Io(_))) => true,
        bezant::archive::Error::Index(error) => is_of_disk(error),
        bezant::archive::Error::Load(_) | bezant::archive::Error::Misled { .. } | bezant::archive::Error::MisledByPayment { .. } => false,
    }
}
