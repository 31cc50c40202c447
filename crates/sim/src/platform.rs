//! The platform's shell without threads: one process that holds the key store, the journal and a partition on one
//! simulated disk. It keeps the shell's duties: keys are durable before the event that needs them, and nothing leaves
//! before its batch is durable. Crashing drops everything but the disk.

use crate::judge::View;
use crate::random::Random;
use crate::report::{Checked, Rule, violated};
use base::{PaymentId, Redacted, SubjectId, Timestamp};
use bezant::keystore::{self, KeyStore, SubjectKey};
use bezant::partition::{self, LoadError, Partition, Round};
use bezant::policy::default_policy;
use bezant::request::{Requests, SubjectKeys};
use connectors::Connector;
use connectors::stripe::{Environment, Stripe};
use engine::{Command, DeriveKey, Entry, Lane, Policy, Sealed, State};
use journal::simio::SimIo;
use journal::{FileJournal, Journal, OpenError, Options, ReadError, Tail};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

/// What personal details are sealed for.
pub const DETAILS_PURPOSE: &str = "details";
/// Where simulated time begins, in nanoseconds since the epoch: 1 November 2026.
pub const EPOCH_NS: u64 = 1_793_491_200 * 1_000_000_000;

const SEGMENT_BYTES: u64 = 192 * 1024;
const BATCH_BYTES_MAX: usize = 160 * 1024;
const SNAPSHOT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A round takes no more commands when it has this many entries: far below the largest batch.
const ENTRIES_PER_ROUND_MAX: usize = 24;
/// After a tick that found nothing to do the next one waits this long, in nanoseconds.
const VAIN_TICK_NS: u64 = 500_000_000;

/// Who asked, and so what durability releases.
#[derive(Debug)]
pub enum Token {
    /// Nobody waits for an answer.
    Nobody,
    /// A client's request.
    Client {
        /// Which.
        request: usize,
        /// What was sealed for it, with its plaintext.
        sealed: Option<(Sealed, Vec<u8>)>,
    },
    /// A client's look at a payment.
    Look {
        /// The order that looks.
        order: usize,
        /// The payment.
        payment: PaymentId,
        /// What it sees once everything before is durable.
        view: Option<Box<View>>,
    },
    /// The erasure of a subject, whose key is destroyed next.
    Erase {
        /// Whose.
        subject: SubjectId,
    },
}

/// Keys in memory.
#[derive(Default)]
pub struct Keys(RwLock<BTreeMap<SubjectId, SubjectKey>>);

impl Keys {
    fn key(&self, subject: SubjectId) -> Option<SubjectKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&subject).cloned()
    }

    fn put(&self, subject: SubjectId, key: SubjectKey) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(subject, key);
    }

    fn forget(&self, subject: SubjectId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&subject);
    }

    fn replace(&self, keys: impl Iterator<Item = (SubjectId, SubjectKey)>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys.collect();
    }
}

impl SubjectKeys for Keys {
    fn seal(&self, subject: SubjectId, purpose: &str, plaintext: &[u8]) -> Option<Sealed> {
        Some(self.key(subject)?.seal(purpose, plaintext))
    }

    fn open(&self, purpose: &str, sealed: &Sealed) -> Option<Vec<u8>> {
        self.key(sealed.subject)?.open(purpose, sealed)
    }
}

/// What sealing came to.
pub enum Sealing {
    /// Sealed under a durable key.
    Sealed(Sealed),
    /// The subject was erased and gets no key again.
    Erased,
    /// The key store failed; the process must stop.
    Failed(keystore::Error),
}

/// A batch that was handed to the journal.
struct Writing {
    round: Round<Token>,
    result: Result<Tail, journal::AppendError>,
}

/// What handing a round over came to.
pub enum HandedOver {
    /// There is nothing to do, or an append is under way.
    Nothing,
    /// It had only answers: they leave at once.
    Answers(Round<Token>),
    /// An append began.
    Append,
}

/// A running process.
pub struct Running {
    store: KeyStore<SimIo>,
    journal: FileJournal<SimIo>,
    partition: Partition,
    epoch: u64,
    round: Round<Token>,
    lanes: [VecDeque<(Token, Command)>; 4],
    writing: Option<Writing>,
    /// No tick before this time.
    tick_from_ns: u64,
    /// When the next wake-up is planned.
    pub wake_at_ns: Option<u64>,
}

/// What a process had in memory when it died.
struct Image {
    state: State,
    /// Entries that were not known to be durable, with their sequence numbers.
    entries: Vec<(u64, Entry)>,
}

/// The platform: its disk, its secrets, and its process if one runs.
pub struct Platform {
    /// The disk.
    pub io: SimIo,
    /// Keys in memory.
    pub keys: Arc<Keys>,
    /// Requests and connectors.
    pub requests: Arc<Requests>,
    /// The process.
    pub running: Option<Running>,
    /// Counts processes.
    pub incarnation: u64,
    /// How far the wall clock is ahead of true time, in nanoseconds.
    pub wall_offset_ns: i64,
    policy: Policy,
    /// All before this was acknowledged.
    acknowledged_next_seq: u64,
    image: Option<Image>,
}

const MASTER: [u8; 32] = [0x5a; 32];
const DERIVE: [u8; 32] = [0xa5; 32];

impl Platform {
    /// An empty disk and no process.
    pub fn new() -> Self {
        let connector: Arc<dyn Connector> = Arc::new(Stripe::new(Environment::Test));
        let policy = default_policy(connector.capabilities());
        let keys = Arc::new(Keys::default());
        let shared: Arc<dyn SubjectKeys> = Arc::clone(&keys) as Arc<dyn SubjectKeys>;
        Self {
            io: SimIo::new(),
            keys,
            requests: Arc::new(Requests { connectors: vec![connector], keys: shared }),
            running: None,
            incarnation: 0,
            wall_offset_ns: 0,
            policy,
            acknowledged_next_seq: 0,
            image: None,
        }
    }

    /// What the wall clock says.
    pub fn wall(&self, now_ns: u64) -> Timestamp {
        Timestamp::from_ns((EPOCH_NS + now_ns).saturating_add_signed(self.wall_offset_ns))
    }

    /// The state of the running process.
    pub fn state(&self) -> Option<&State> {
        self.running.as_ref().map(|running| running.partition.state())
    }

    /// Starts a process: opens the key store and the journal, replays, destroys again what was erased. The inner result
    /// says what was found, or which disk failure forbade it, after which another start may be tried.
    ///
    /// # Errors
    /// A promise is broken: damage, lost batches, another state than the live one.
    pub fn start(&mut self, random: &mut Random) -> Checked<Result<String, String>> {
        let mut store = match KeyStore::open(self.io.clone(), Redacted::new(MASTER)) {
            Ok(store) => store,
            Err(error @ keystore::Error::Io { .. }) => return Ok(Err(error.to_string())),
            Err(error) => return violated(Rule::SealsHold, format!("the key store does not open: {error}")),
        };
        let options = Options {
            partition: 0,
            segment_bytes: SEGMENT_BYTES,
            batch_bytes_max: BATCH_BYTES_MAX,
            snapshot_bytes_max: SNAPSHOT_BYTES_MAX,
            verify_from: if random.chance(500) { self.newest_snapshot() } else { None },
        };
        let journal = match FileJournal::open(self.io.clone(), options) {
            Ok((journal, _)) => journal,
            Err(OpenError::Io(failure)) => return Ok(Err(failure.to_string())),
            Err(error) => return violated(Rule::JournalKeepsItsTail, format!("the journal does not open: {error}")),
        };
        let (state, report) = match partition::load(&journal) {
            Ok(loaded) => loaded,
            Err(LoadError::Read(ReadError::Io(failure))) => return Ok(Err(failure.to_string())),
            Err(error) => return violated(Rule::ReplayIsLive, format!("the journal does not replay: {error}")),
        };
        if state.next_seq < self.acknowledged_next_seq {
            let (found, acknowledged) = (state.next_seq, self.acknowledged_next_seq);
            return violated(
                Rule::JournalKeepsItsTail,
                format!("the journal ends before {found}, acknowledged was all before {acknowledged}"),
            );
        }
        self.compare_with_image(&state)?;
        let reapplied_count = match store.reapply(&state.erased) {
            Ok(count) => count,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if let Err(error) = store.ensure(&[base::SubjectId::PLATFORM], &mut |bytes| random.fill(bytes)) {
            return Ok(Err(error.to_string()));
        }
        self.keys.replace(store.keys());
        let epoch = state.epoch + 1;
        let partition = Partition::new(state, self.policy.clone(), DeriveKey::new(1, &DERIVE), Arc::clone(&self.requests));
        let round = partition.begin();
        self.incarnation += 1;
        self.running = Some(Running {
            store,
            journal,
            partition,
            epoch,
            round,
            lanes: core::array::from_fn(|_| VecDeque::new()),
            writing: None,
            tick_from_ns: 0,
            wake_at_ns: None,
        });
        let (skipped, replayed) = (report.skipped.len(), report.replayed_count);
        Ok(Ok(format!("snapshot {:?}, {skipped} skipped, {replayed} replayed, {reapplied_count} erased again", report.snapshot_seq)))
    }

    fn newest_snapshot(&self) -> Option<Tail> {
        let newest = journal::list_snapshots(&self.io).ok()?.into_iter().next()?;
        journal::load_snapshot_file(&self.io, 0, SNAPSHOT_BYTES_MAX, &newest).ok().map(|(tail, _)| tail)
    }

    /// What was replayed, together with what was only in memory, must be what was live.
    fn compare_with_image(&self, loaded: &State) -> Checked {
        let Some(image) = &self.image else { return Ok(()) };
        let mut replayed = loaded.clone();
        for (seq, entry) in &image.entries {
            if *seq < replayed.next_seq {
                continue;
            }
            if *seq > replayed.next_seq {
                let next_seq = replayed.next_seq;
                return violated(
                    Rule::JournalKeepsItsTail,
                    format!("the journal ends before {next_seq}, but {seq} came from durable entries"),
                );
            }
            replayed.evolve(entry);
        }
        let (live, again) = (events::snapshot::digest(&image.state), events::snapshot::digest(&replayed));
        if live != again {
            let (live_seq, replayed_seq) = (image.state.next_seq, replayed.next_seq);
            return violated(
                Rule::ReplayIsLive,
                format!("the digest of the live state before {live_seq} is not that of the replay before {replayed_seq}"),
            );
        }
        Ok(())
    }

    /// The process is gone. What it had in memory is kept for the comparison with what the disk gives back.
    pub fn die(&mut self) {
        let Some(running) = self.running.take() else { return };
        let numbered = |round: Round<Token>| {
            let first_seq = round.first_seq;
            (first_seq..).zip(round.entries).collect::<Vec<_>>()
        };
        let mut entries = running.writing.map(|writing| numbered(writing.round)).unwrap_or_default();
        entries.extend(numbered(running.round));
        let state = running.partition.state().clone();
        self.image = Some(Image { state, entries });
        self.keys.replace(core::iter::empty());
    }

    /// Seals a person's details, making the subject's key durable first.
    pub fn seal(&mut self, subject: SubjectId, plaintext: &[u8], random: &mut Random) -> Sealing {
        if let Some(sealed) = self.keys.seal(subject, DETAILS_PURPOSE, plaintext) {
            return Sealing::Sealed(sealed);
        }
        let Some(running) = &mut self.running else { return Sealing::Failed(keystore::Error::Stopped) };
        match running.store.ensure(&[subject], &mut |bytes| random.fill(bytes)) {
            Ok(made) => match made.into_iter().next().flatten() {
                Some(key) => {
                    let sealed = key.seal(DETAILS_PURPOSE, plaintext);
                    self.keys.put(subject, key);
                    Sealing::Sealed(sealed)
                }
                None => Sealing::Erased,
            },
            Err(error) => Sealing::Failed(error),
        }
    }

    /// Destroys a subject's key after the journal says so.
    ///
    /// # Errors
    /// The disk failed; the process must stop.
    pub fn destroy_key(&mut self, subject: SubjectId) -> Result<(), keystore::Error> {
        let Some(running) = &mut self.running else { return Err(keystore::Error::Stopped) };
        running.store.erase(subject)?;
        self.keys.forget(subject);
        Ok(())
    }

    /// Decides what waits, most urgent first, while the open round has room.
    ///
    /// # Errors
    /// A command crashed the engine.
    pub fn decide(&mut self, now_ns: u64) -> Checked {
        let wall = self.wall(now_ns);
        let Some(running) = &mut self.running else { return Ok(()) };
        let due = running.partition.state().due_at().is_some_and(|due_at| due_at <= wall);
        if due && now_ns >= running.tick_from_ns && running.round.entries.len() < ENTRIES_PER_ROUND_MAX {
            let before = running.round.entries.len();
            running.join(Token::Nobody, &Command::Tick, wall)?;
            if running.round.entries.len() == before {
                running.tick_from_ns = now_ns + VAIN_TICK_NS;
            }
        }
        while running.round.entries.len() < ENTRIES_PER_ROUND_MAX {
            let Some((token, command)) = running.lanes.iter_mut().find_map(VecDeque::pop_front) else { break };
            running.join(token, &command, wall)?;
        }
        Ok(())
    }

    /// When the process has to wake up by itself, in true time.
    pub fn due_at_ns(&self, now_ns: u64) -> Option<u64> {
        let running = self.running.as_ref()?;
        let due_at = running.partition.state().due_at()?;
        let true_ns = due_at.ns().saturating_add_signed(-self.wall_offset_ns).saturating_sub(EPOCH_NS);
        Some(true_ns.max(running.tick_from_ns).max(now_ns))
    }

    /// All up to here is acknowledged.
    pub const fn acknowledge(&mut self, tail: Tail) {
        self.acknowledged_next_seq = tail.next_seq;
    }

    /// The running process's epoch.
    pub fn epoch(&self) -> u64 {
        self.running.as_ref().map_or(0, |running| running.epoch)
    }
}

impl Running {
    fn join(&mut self, token: Token, command: &Command, wall: Timestamp) -> Checked {
        if let Err((_, tainted)) = self.partition.join(&mut self.round, token, command, wall) {
            return violated(
                Rule::EngineStands,
                format!("applying a command crashed (fingerprint {:02x?}): {command:?}", tainted.fingerprint),
            );
        }
        match self.round.answers.last() {
            Some((_, partition::Answer::Poisoned)) => violated(Rule::EngineStands, format!("deciding a command crashed: {command:?}")),
            _ => Ok(()),
        }
    }

    /// Puts a command where it waits.
    pub fn submit(&mut self, token: Token, command: Command) {
        let lane = Lane::ALL.iter().position(|lane| *lane == command.lane()).expect("every lane is listed");
        self.lanes[lane].push_back((token, command));
    }

    /// Looks at a payment; the view leaves when everything it shows is durable.
    pub fn look(&mut self, order: usize, payment: PaymentId) {
        let view = View::of(self.partition.state(), payment).map(Box::new);
        self.round.answers.push((Token::Look { order, payment, view }, partition::Answer::Decided(engine::Reply::Done)));
    }

    /// Hands the open round to the journal when nothing is under way. The bytes are written here; that they are durable
    /// is learned when the append returns.
    pub fn hand_over(&mut self) -> HandedOver {
        if self.writing.is_some() || self.round.is_empty() {
            return HandedOver::Nothing;
        }
        let round = core::mem::replace(&mut self.round, self.partition.begin());
        let Some(batch) = round.encode() else { return HandedOver::Answers(round) };
        let result = partition::append(&mut self.journal, round.first_seq, self.epoch, &batch);
        self.writing = Some(Writing { round, result });
        HandedOver::Append
    }

    /// The append under way returned.
    pub fn appended(&mut self) -> Option<(Round<Token>, Result<Tail, journal::AppendError>)> {
        match self.writing.take() {
            Some(Writing { round, result: Ok(tail) }) => Some((round, Ok(tail))),
            Some(Writing { round, result: Err(error) }) => {
                // Kept for the comparison after the restart: the batch may be durable.
                let mut unsure = self.partition.begin();
                unsure.first_seq = round.first_seq;
                unsure.entries = round.entries;
                self.writing = Some(Writing { round: unsure, result: Err(journal::AppendError::Stopped) });
                Some((self.partition.begin(), Err(error)))
            }
            None => None,
        }
    }

    /// Whether nothing is being written or decided, so that the state is what the journal holds.
    pub fn is_quiet(&self) -> bool {
        self.writing.is_none() && self.round.entries.is_empty()
    }

    /// Whether an append is under way.
    pub const fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Seals the last batch when nothing followed it.
    ///
    /// # Errors
    /// As the journal says.
    pub fn seal_tail(&mut self) -> Result<(), journal::AppendError> {
        if self.writing.is_some() {
            return Ok(());
        }
        self.journal.seal()
    }

    /// Saves a snapshot of a quiet state.
    ///
    /// # Errors
    /// As the journal says; it goes on.
    pub fn save_snapshot(&mut self) -> Result<u64, journal::SnapshotError> {
        let tail = self.journal.tail();
        self.journal.save_snapshot(&tail, &events::snapshot::encode(self.partition.state()))?;
        Ok(tail.next_seq)
    }

    /// Makes the next segment ahead of need.
    ///
    /// # Errors
    /// As the journal says; it goes on.
    pub fn prepare_segment(&self) -> Result<bool, journal::IoFailure> {
        self.journal.prepare_next_segment()
    }
}
