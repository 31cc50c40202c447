//! The threads of one partition. One decides, one makes durable: what comes while a batch is being written becomes the next
//! one, which is handed over when the previous append returned; no timer delays it. Nothing leaves before its batch is
//! durable.

use crate::bell::{Bell, Sleep};
use crate::clock::Clock;
use crate::held::Held;
use crate::partition::{self, Answer, Partition, Round, Tainted};
use crate::runner::Outgoing;
use crate::traces::Traces;
use base::{EffectId, PaymentId, PaymentMethodId, Timestamp, TraceId};
use engine::{Command, Entry, Lane, PaymentName, Refusal, Reply, State};
use events::EncodedBatch;
use journal::{AppendError, Journal, Tail};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};
use telemetry::names;
use tokio::sync::{mpsc, oneshot, watch};

/// Most new payments that wait to be decided; beyond it they are shed.
pub const CREATE_QUEUED_MAX: usize = 4_096;
/// Most captures, refunds, cancels and confirms that wait.
pub const EXISTING_QUEUED_MAX: usize = 4_096;
/// Most outcomes that accepted commands may have coming; new commands beyond it are shed, outcomes never are.
pub const OUTCOMES_RESERVED_MAX: usize = 8_192;
/// Longest sleep of the deciding thread, so that a clock jump is noticed.
const SLEEP_MS_MAX: u64 = 500;
/// How often the deciding thread looks whether the index has caught up, while bookings are held.
const HELD_LOOK_EVERY: Duration = Duration::from_millis(10);
/// After this long without a successor the last batch gets its seal.
const SEAL_AFTER: Duration = Duration::from_millis(1);

/// A command's fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// Decided and durable.
    Decided {
        /// The answer.
        reply: Reply,
        /// Last durable sequence number.
        seq: u64,
    },
    /// It crashed the engine, or did so before.
    Poisoned,
    /// The partition is stopping; nothing was decided, or its durability is unknown.
    Stopping,
    /// Shed: too much is waiting.
    Busy,
}

type Released = Box<dyn FnOnce() + Send>;

/// A look at the state.
struct ReadRequest {
    /// Payments that it may be about, which are looked for in the archive if they are not in the state.
    names: Vec<PaymentName>,
    look: Box<dyn FnOnce(&State) -> Released + Send>,
}

enum Message {
    Command(Asked),
    Read(ReadRequest),
    Wait { awaited: Awaited, reply: oneshot::Sender<()> },
    Written(Result<Tail, AppendError>),
    Loaded(Box<Result<State, partition::LoadError>>),
    Stop,
}

/// What somebody waits for.
#[derive(Clone, Copy)]
enum Awaited {
    /// An effect that is decided, parked, accepted or gone.
    Effect { payment: PaymentId, effect: EffectId },
    /// A stored payment method that is neither being stored nor being removed.
    Method(PaymentMethodId),
}

/// The object whose events may end a wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Concern {
    Payment(PaymentId),
    Method(PaymentMethodId),
}

impl Awaited {
    const fn concern(self) -> Concern {
        match self {
            Self::Effect { payment, .. } => Concern::Payment(payment),
            Self::Method(method) => Concern::Method(method),
        }
    }
}

enum Token {
    Reply(Option<oneshot::Sender<Submission>>),
    Read(Released),
}

enum Job {
    Append { first_seq: u64, epoch: u64, batch: Arc<EncodedBatch> },
    Reload,
}

/// A durable batch on its way to the read models.
#[derive(Clone)]
pub struct Durable {
    /// Sequence number of its first event.
    pub first_seq: u64,
    /// Its bytes.
    pub batch: Arc<EncodedBatch>,
}

/// Counters that admission reads without asking the deciding thread.
#[derive(Default)]
pub struct Load {
    queued: [AtomicUsize; 4],
    sends_in_flight: AtomicUsize,
    stopped: AtomicBool,
    durable_seq: AtomicU64,
}

impl Load {
    fn queued(&self, lane: Lane) -> &AtomicUsize {
        &self.queued[lane_index(lane)]
    }

    /// Last durable sequence number.
    pub fn durable_seq(&self) -> u64 {
        self.durable_seq.load(Ordering::Acquire)
    }

    /// Whether the partition has stopped accepting.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// For tests of shedding: counts `sends` as under way.
    #[doc(hidden)]
    pub fn reserve_for_test(&self, sends: usize) {
        self.sends_in_flight.fetch_add(sends, Ordering::Relaxed);
    }

    /// Stops accepting because something beside the journal failed.
    pub fn refuse_all(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether a command of this lane is let in. Accepting one reserves room for its outcome.
    fn admits(&self, lane: Lane) -> bool {
        let count = |lane| self.queued(lane).load(Ordering::Relaxed);
        let reserved = count(Lane::Create) + count(Lane::Existing) + self.sends_in_flight.load(Ordering::Relaxed);
        match lane {
            Lane::Outcome | Lane::Report => true,
            Lane::Existing => count(lane) < EXISTING_QUEUED_MAX && reserved < OUTCOMES_RESERVED_MAX + EXISTING_QUEUED_MAX,
            Lane::Create => count(lane) < CREATE_QUEUED_MAX && reserved < OUTCOMES_RESERVED_MAX,
        }
    }
}

const fn lane_index(lane: Lane) -> usize {
    match lane {
        Lane::Outcome => 0,
        Lane::Report => 1,
        Lane::Existing => 2,
        Lane::Create => 3,
    }
}

/// The way in to a running partition.
#[derive(Clone)]
pub struct Handle {
    sender: Sender<Message>,
    bell: Arc<Bell>,
    /// What admission reads.
    pub load: Arc<Load>,
}

impl Handle {
    /// Submits a command and waits until it is durable. Dropping the future cancels nothing.
    pub async fn submit(&self, command: Command) -> Submission {
        let lane = command.lane();
        if self.load.is_stopped() {
            return Submission::Stopping;
        }
        if !self.load.admits(lane) {
            metrics::counter!(names::SHED_TOTAL, "lane" => lane.name()).increment(1);
            return Submission::Busy;
        }
        let (reply, answer) = oneshot::channel();
        self.load.queued(lane).fetch_add(1, Ordering::Relaxed);
        if !self.send(Message::Command(Asked { command: Box::new(command), trace: telemetry::current_trace(), reply: Some(reply) })) {
            return Submission::Stopping;
        }
        answer.await.unwrap_or(Submission::Stopping)
    }

    /// Whether the message was sent: not to a partition that is gone.
    fn send(&self, message: Message) -> bool {
        let sent = self.sender.send(message).is_ok();
        self.bell.ring();
        sent
    }

    /// Reads the state, and answers once everything that the answer shows is durable; `None` when the partition stops.
    pub async fn read<T: Send + 'static>(&self, look: impl FnOnce(&State) -> T + Send + 'static) -> Option<T> {
        self.read_payments(Vec::new(), look).await
    }

    /// As [`Handle::read`], of a state that holds the payments with these names even if they are archived; `None` also when the
    /// archive cannot be read.
    pub async fn read_payments<T: Send + 'static>(
        &self,
        names: Vec<PaymentName>,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let look: Box<dyn FnOnce(&State) -> Released + Send> = Box::new(move |state| {
            let seen = look(state);
            Box::new(move || drop(reply.send(seen)))
        });
        if self.send(Message::Read(ReadRequest { names, look })) { answer.await.ok() } else { None }
    }

    /// Waits until an effect is decided, parked, accepted or gone.
    pub async fn settled(&self, payment: PaymentId, effect: EffectId) -> bool {
        self.wait(Awaited::Effect { payment, effect }).await
    }

    /// Waits until a stored payment method is neither being stored nor being removed.
    pub async fn method_settled(&self, method: PaymentMethodId) -> bool {
        self.wait(Awaited::Method(method)).await
    }

    async fn wait(&self, awaited: Awaited) -> bool {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Wait { awaited, reply }) && answer.await.is_ok()
    }

    /// Asks the partition to finish what it has accepted and stop.
    pub fn stop(&self) {
        self.send(Message::Stop); // gone already: nothing to stop
    }
}

/// Follows durable entries with their sequence numbers.
pub type Observer = Box<dyn FnMut(u64, &Entry) + Send>;

/// Told on the writing thread how long the disk took for each batch.
pub type Synced = Box<dyn FnMut(Duration) + Send>;

/// Where durable facts go.
pub struct Outlets {
    /// Sends to make.
    pub dispatches: mpsc::UnboundedSender<Outgoing>,
    /// Batches for the read models.
    pub durable: SyncSender<Durable>,
    /// Called with every durable entry, in order, on the deciding thread: must be quick.
    pub observe: Observer,
    /// Last durable sequence number, for whoever waits on it.
    pub durable_seq: watch::Sender<u64>,
}

/// Why a partition ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The journal failed; everything acknowledged is on disk, and a restart continues once the cause is gone.
    #[error("the journal stopped: {0}")]
    Journal(#[from] AppendError),
    /// The state could not be reloaded after a command crashed.
    #[error(transparent)]
    Reload(#[from] partition::LoadError),
}

/// A running partition: join it to learn why it ended.
pub struct Running {
    /// The way in.
    pub handle: Handle,
    decider: std::thread::JoinHandle<Result<(), Ended>>,
    writer: std::thread::JoinHandle<()>,
}

impl Running {
    /// Waits for the end; the journal is closed and unlocked when this returns.
    ///
    /// # Errors
    /// Why it ended, unless it was asked to.
    pub fn join(self) -> Result<(), Ended> {
        let ended = self.decider.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        self.writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        ended
    }
}

/// Starts the threads of a partition whose state is loaded.
///
/// # Errors
/// When the system gives no thread.
pub fn start(partition: Partition, journal: Box<dyn Journal>, epoch: u64, outlets: Outlets, synced: Synced) -> std::io::Result<Running> {
    let (sender, receiver) = channel();
    let (jobs, work) = sync_channel(1);
    let load = Arc::new(Load::default());
    load.durable_seq.store(partition.state().next_seq - 1, Ordering::Release);
    let bell = Arc::new(Bell::default());
    let (written, writer_bell) = (sender.clone(), Arc::clone(&bell));
    let write = move || {
        write(journal, &work, synced, |message| {
            let sent = written.send(message).is_ok();
            writer_bell.ring_urgently();
            sent
        });
    };
    let writer = std::thread::Builder::new().name("journal".into()).spawn(write)?;
    let handle = Handle { sender, bell: Arc::clone(&bell), load: Arc::clone(&load) };
    let round = partition.begin();
    let mut sequencer = Sequencer {
        partition,
        epoch,
        outlets,
        load,
        receiver,
        bell,
        jobs,
        clock: Clock::new(),
        lanes: std::array::from_fn(|_| VecDeque::new()),
        held: Held::new(),
        round,
        joined: Vec::new(),
        traces: Traces::default(),
        writing: None,
        waiters: HashMap::new(),
        stopping: false,
        ticked_in_vain: false,
        tick_filled_round: false,
        reads_deferred: Vec::new(),
    };
    let decider = std::thread::Builder::new().name("sequencer".into()).spawn(move || sequencer.run())?;
    Ok(Running { handle, decider, writer })
}

/// The writing thread: appends what it is given, seals when nothing follows.
fn write(mut journal: Box<dyn Journal>, work: &Receiver<Job>, mut synced: Synced, tell: impl Fn(Message) -> bool) {
    let mut sealed = true;
    loop {
        let job = if sealed { work.recv().map_err(|_| RecvTimeoutError::Disconnected) } else { work.recv_timeout(SEAL_AFTER) };
        let message = match job {
            Ok(Job::Append { first_seq, epoch, batch }) => {
                let started = Instant::now();
                let result = partition::append(journal.as_mut(), first_seq, epoch, &batch);
                metrics::histogram!(names::JOURNAL_APPEND_DURATION_SECONDS).record(started.elapsed().as_secs_f64());
                if let Some(took) = journal.last_sync() {
                    metrics::histogram!(names::JOURNAL_FDATASYNC_DURATION_SECONDS).record(took.as_secs_f64());
                    synced(took);
                }
                sealed = false;
                Message::Written(result)
            }
            Ok(Job::Reload) => Message::Loaded(Box::new(partition::load(journal.as_ref()).map(|(state, _)| state))),
            Err(RecvTimeoutError::Timeout) => {
                sealed = true;
                match journal.seal() {
                    Ok(()) => continue,
                    Err(error) => Message::Written(Err(error)),
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                let _ = journal.seal(); // the next start repairs what a failing seal leaves
                return;
            }
        };
        if !tell(message) {
            return;
        }
    }
}

struct Asked {
    command: Box<Command>,
    /// That of the request which it came with.
    trace: Option<TraceId>,
    reply: Option<oneshot::Sender<Submission>>,
}

struct Writing {
    round: Round<Token>,
    batch: Arc<EncodedBatch>,
}

struct Sequencer {
    partition: Partition,
    epoch: u64,
    outlets: Outlets,
    load: Arc<Load>,
    receiver: Receiver<Message>,
    bell: Arc<Bell>,
    jobs: SyncSender<Job>,
    clock: Clock,
    lanes: [VecDeque<Asked>; 4],
    held: Held<Asked>,
    round: Round<Token>,
    joined: Vec<(Command, Option<TraceId>)>,
    traces: Traces,
    writing: Option<Writing>,
    waiters: HashMap<Concern, Vec<(Awaited, oneshot::Sender<()>)>>,
    stopping: bool,
    ticked_in_vain: bool,
    /// Whether the last round was filled by what was due.
    tick_filled_round: bool,
    /// Reads that came while the state was being reloaded; as many as requests are open at most.
    reads_deferred: Vec<ReadRequest>,
}

impl Sequencer {
    fn run(&mut self) -> Result<(), Ended> {
        let result = self.run_until_stopped();
        self.load.stopped.store(true, Ordering::Release);
        self.answer_all_stopping();
        result
    }

    fn run_until_stopped(&mut self) -> Result<(), Ended> {
        loop {
            self.collect()?;
            let reading = self.clock.read();
            if let Some(jump_ns) = reading.jump_ns {
                tracing::error!(jump_ns, "the wall clock jumped forward: expiries are suspended until the clock is confirmed");
                metrics::gauge!(names::CLOCK_JUMP_SUSPENDED).set(1.0);
                self.lanes[0].push_front(Asked { command: Box::new(Command::ReportClockJump { jump_ns }), trace: None, reply: None });
                self.load.queued(Lane::Outcome).fetch_add(1, Ordering::Relaxed);
            }
            self.decide_waiting(reading.wall)?;
            self.hand_over()?;
            if self.stopping && self.writing.is_none() && self.round.is_empty() && self.lanes.iter().all(VecDeque::is_empty) {
                return Ok(());
            }
        }
    }

    /// Waits for something to do, then takes everything that is there. While a batch is being written, whatever comes could only
    /// wait for it: unless there is much to decide meanwhile, only the writer wakes this thread.
    fn collect(&mut self) -> Result<(), Ended> {
        let sleep = if self.writing.is_some() { Sleep::Busy } else { Sleep::Idle };
        let first = self.receiver.try_recv().ok().or_else(|| self.bell.sleep(sleep, self.patience(), || self.receiver.try_recv().ok()));
        let Some(first) = first else { return Ok(()) };
        self.take(first)?;
        while let Ok(message) = self.receiver.try_recv() {
            self.take(message)?;
        }
        Ok(())
    }

    /// How long nothing can be due.
    fn patience(&self) -> Duration {
        let waiting = self.lanes.iter().any(|lane| !lane.is_empty());
        if waiting && !self.round.is_full() {
            return Duration::ZERO;
        }
        let longest = if self.held.is_empty() { Duration::from_millis(SLEEP_MS_MAX) } else { HELD_LOOK_EVERY };
        // A round that is full while another one is being written waits for the writer, who rings.
        if self.ticked_in_vain || (self.round.is_full() && self.writing.is_some()) {
            return longest;
        }
        let Some(due_at) = self.partition.state().due_at() else { return longest };
        let wait = Duration::from_nanos(due_at.since_ns(Clock::wall()));
        wait.clamp(Duration::from_millis(1), longest)
    }

    fn take(&mut self, message: Message) -> Result<(), Ended> {
        match message {
            Message::Command(asked) => self.lanes[lane_index(asked.command.lane())].push_back(asked),
            Message::Read(ReadRequest { names, look }) => match self.partition.look(&names, look) {
                Ok(released) => self.round.answers.push((Token::Read(released), Answer::Decided(Reply::Done))),
                Err(error) => tracing::error!(%error, "archived payments cannot be read"), // whoever asked hears that nothing comes
            },
            Message::Wait { awaited, reply } => {
                if self.is_settled(awaited) {
                    let released: Released = Box::new(move || {
                        let _ = reply.send(()); // whoever waited gave up
                    });
                    self.round.answers.push((Token::Read(released), Answer::Decided(Reply::Done)));
                } else {
                    self.wait_for(awaited, reply);
                }
            }
            Message::Written(result) => self.release(result?),
            Message::Loaded(_) => unreachable!("a load is awaited where it is asked for"),
            Message::Stop => self.stopping = true,
        }
        Ok(())
    }

    fn is_settled(&self, awaited: Awaited) -> bool {
        let state = self.partition.state();
        match awaited {
            Awaited::Effect { effect, .. } => state.effects.get(&effect).is_none_or(|open| !open.is_undecided()),
            Awaited::Method(method) => state.methods.get(&method).is_none_or(|method| !method.is_undecided()),
        }
    }

    /// Decides what waits, most urgent first, until nothing waits or the round is full.
    fn decide_waiting(&mut self, wall: Timestamp) -> Result<(), Ended> {
        // A round that is full takes nothing more, what is due neither. What is due may fill a round; then what waits has the next one.
        let is_due = self.partition.state().due_at().is_some_and(|due_at| due_at <= wall);
        let is_held = !self.held.is_empty() && !self.partition.is_history_behind();
        let waits = is_held || self.lanes.iter().any(|lane| !lane.is_empty());
        let gives_way = self.tick_filled_round && waits;
        if is_due && !self.ticked_in_vain && !self.round.is_full() && !gives_way {
            let before = self.round.entries.len();
            self.join(Token::Reply(None), Box::new(Command::Tick), None, wall)?;
            self.ticked_in_vain = self.round.entries.len() == before;
            self.tick_filled_round = self.round.is_full();
        } else if !self.round.is_full() {
            self.ticked_in_vain = false;
            self.tick_filled_round = false;
        }
        let mut decided = 0_usize;
        self.shed_overdue();
        while !self.round.is_full() {
            let Some(asked) = self.next() else { break };
            if matches!(*asked.command, Command::ReportOutcome(_) | Command::ReportErrand(_)) {
                self.load.sends_in_flight.fetch_sub(1, Ordering::Relaxed);
            }
            self.join(Token::Reply(asked.reply), asked.command, asked.trace, wall)?;
            decided += 1;
        }
        if decided > 0 {
            metrics::histogram!(names::SEQUENCER_ROUND_COMMANDS).record(f64::from(u32::try_from(decided).unwrap_or(u32::MAX)));
        }
        Ok(())
    }

    /// What is to be decided next, unless it has no room in the round. Bookings that were held go before what is new, and after all
    /// that is more urgent.
    fn next(&mut self) -> Option<Asked> {
        loop {
            let lane = Lane::ALL.iter().copied().find(|lane| !self.lanes[lane_index(*lane)].is_empty());
            let is_urgent = lane.is_some_and(|lane| lane != Lane::Create);
            let is_held = !is_urgent && !self.held.is_empty() && !self.partition.is_history_behind();
            let front = if is_held { self.held.front() } else { self.lanes[lane_index(lane?)].front() };
            if !self.round.has_room_for(&front?.command) {
                return None;
            }
            if is_held {
                return self.held.take();
            }
            let asked = self.lanes[lane_index(lane?)].pop_front()?;
            self.load.queued(lane?).fetch_sub(1, Ordering::Relaxed);
            if !self.partition.should_wait(&asked.command) {
                return Some(asked);
            }
            if let Some(too_many) = self.held.hold(Instant::now(), asked) {
                shed(too_many);
            }
        }
    }

    /// Sheds the bookings that were held for too long.
    fn shed_overdue(&mut self) {
        if !self.held.is_empty() {
            let now = Instant::now();
            std::iter::from_fn(|| self.held.take_overdue(now)).for_each(shed);
        }
    }

    fn join(&mut self, token: Token, command: Box<Command>, trace: Option<TraceId>, wall: Timestamp) -> Result<(), Ended> {
        let before = self.round.entries.len();
        let joined = self.partition.join(&mut self.round, token, &command, wall);
        match joined {
            Ok(()) => {
                let traces = self.traces.of_entries(self.partition.state(), &command, &self.round.entries[before..], trace);
                self.round.traces.resize(before, None); // entries that keep a command out have none
                self.round.traces.extend(traces);
                self.joined.push((*command, trace));
                Ok(())
            }
            Err((token, tainted)) => self.recover(token, tainted, wall),
        }
    }

    /// A command crashed while it was applied: reload, keep it out, decide the rest of the round again.
    fn recover(&mut self, poison: Token, tainted: Tainted, wall: Timestamp) -> Result<(), Ended> {
        tracing::error!(fingerprint = crate::secrets::hex(&tainted.fingerprint), "a command crashed the engine; reloading the state");
        metrics::counter!(names::POISON_COMMANDS_TOTAL).increment(1);
        while self.writing.is_some() {
            match self.receiver.recv() {
                Ok(Message::Written(result)) => self.release(result?),
                Ok(message) => self.deferred(message), // nobody reads a state that a crash left half changed
                Err(_) => return Ok(()),
            }
        }
        if self.jobs.send(Job::Reload).is_err() {
            return Err(AppendError::Stopped.into());
        }
        let state = loop {
            match self.receiver.recv() {
                Ok(Message::Loaded(loaded)) => break (*loaded)?,
                Ok(message) => self.deferred(message),
                Err(_) => return Ok(()),
            }
        };
        self.partition.reload(state);
        let mut round = self.partition.begin();
        let dropped = std::mem::replace(&mut self.round, self.partition.begin());
        let commands = std::mem::take(&mut self.joined);
        let quarantined = self.partition.quarantine(&mut round, tainted.fingerprint, wall);
        assert!(quarantined.is_ok(), "keeping a command out never crashes");
        round.answers.push((poison, Answer::Poisoned));
        self.round = round;
        self.joined.push((Command::Quarantine { fingerprint: tainted.fingerprint }, None));
        let mut commands = commands.into_iter();
        for (token, answer) in dropped.answers {
            if matches!(token, Token::Read(_)) {
                self.round.answers.push((token, answer));
                continue;
            }
            let Some((command, trace)) = commands.next() else { continue };
            if let (Command::Quarantine { fingerprint }, Answer::Poisoned) = (&command, &answer) {
                // An earlier poison of this same round: kept out again, its sender told the same.
                let quarantined = self.partition.quarantine(&mut self.round, *fingerprint, wall);
                assert!(quarantined.is_ok(), "keeping a command out never crashes");
                self.round.answers.push((token, answer));
                self.joined.push((command, None));
                continue;
            }
            self.join(token, Box::new(command), trace, wall)?;
        }
        for look in std::mem::take(&mut self.reads_deferred) {
            self.take(Message::Read(look))?;
        }
        Ok(())
    }

    /// Notes who waits; whoever gave up meanwhile is forgotten.
    fn wait_for(&mut self, awaited: Awaited, reply: oneshot::Sender<()>) {
        let waiting = self.waiters.entry(awaited.concern()).or_default();
        waiting.retain(|(_, reply)| !reply.is_closed());
        waiting.push((awaited, reply));
    }

    /// Puts a message aside while a load is awaited.
    fn deferred(&mut self, message: Message) {
        match message {
            Message::Command(asked) => self.lanes[lane_index(asked.command.lane())].push_back(asked),
            Message::Wait { awaited, reply } => self.wait_for(awaited, reply),
            Message::Stop => self.stopping = true,
            Message::Read(look) => self.reads_deferred.push(look),
            Message::Written(_) | Message::Loaded(_) => unreachable!("nothing is being written while a load is awaited"),
        }
    }

    /// Hands the round to the writer when it is free; a round without entries waits only for what is being written.
    fn hand_over(&mut self) -> Result<(), Ended> {
        if self.writing.is_some() || self.round.is_empty() {
            return Ok(());
        }
        let round = std::mem::replace(&mut self.round, self.partition.begin());
        self.joined.clear();
        let Some(batch) = round.encode() else {
            self.release_round(round);
            return Ok(());
        };
        self.load.sends_in_flight.fetch_add(round.dispatches.len() + round.errands.len(), Ordering::Relaxed);
        let batch = Arc::new(batch);
        metrics::histogram!(names::JOURNAL_BATCH_EVENTS).record(f64::from(batch.event_count));
        let job = Job::Append { first_seq: round.first_seq, epoch: self.epoch, batch: Arc::clone(&batch) };
        self.writing = Some(Writing { round, batch });
        self.jobs.send(job).map_err(|_| AppendError::Stopped.into())
    }

    /// The batch is durable: everything it promises may leave.
    fn release(&mut self, tail: Tail) {
        let Writing { mut round, batch } = self.writing.take().expect("an append was under way");
        self.load.durable_seq.store(tail.next_seq - 1, Ordering::Release);
        self.partition.durable(tail.next_seq - 1);
        let first_seq = round.first_seq;
        for (seq, entry) in (first_seq..).zip(&round.entries) {
            (self.outlets.observe)(seq, entry);
        }
        let effects = round.dispatches.drain(..).map(Outgoing::Effect);
        for outgoing in effects.chain(round.errands.drain(..).map(Outgoing::Errand)) {
            let _ = self.outlets.dispatches.send(outgoing); // the runner ended: a restart resolves what it did not send
        }
        let _ = self.outlets.durable.try_send(Durable { first_seq, batch }); // full or ended: they catch up from the journal
        let concern = |entry: &Entry| {
            let payment = entry.event.payment().map(Concern::Payment);
            payment.or_else(|| entry.event.method().map(Concern::Method))
        };
        let touched: Vec<Concern> = round.entries.iter().filter_map(concern).collect();
        self.release_round(round);
        self.outlets.durable_seq.send_replace(tail.next_seq - 1);
        for concern in touched {
            self.wake(concern);
        }
    }

    fn release_round(&self, round: Round<Token>) {
        let seq = self.load.durable_seq();
        for (token, answer) in round.answers {
            match token {
                Token::Read(released) => released(),
                Token::Reply(None) => {}
                Token::Reply(Some(reply)) => {
                    let submission = match answer {
                        Answer::Decided(Reply::Refused(Refusal::Quarantined)) | Answer::Poisoned => Submission::Poisoned,
                        Answer::Decided(reply) => Submission::Decided { reply, seq },
                    };
                    let _ = reply.send(submission); // a client that hung up cancels nothing
                }
            }
        }
    }

    /// Tells those who wait for something about this object that it is settled.
    fn wake(&mut self, concern: Concern) {
        let Some(waiting) = self.waiters.remove(&concern) else { return };
        let mut still = Vec::new();
        for (awaited, reply) in waiting {
            if self.is_settled(awaited) {
                let _ = reply.send(()); // whoever waited gave up
            } else if !reply.is_closed() {
                still.push((awaited, reply));
            }
        }
        if !still.is_empty() {
            self.waiters.insert(concern, still);
        }
    }

    fn answer_all_stopping(&mut self) {
        let mut rounds = vec![std::mem::replace(&mut self.round, self.partition.begin())];
        rounds.extend(self.writing.take().map(|writing| writing.round));
        let from_rounds = rounds.into_iter().flat_map(|round| round.answers).filter_map(|(token, _)| match token {
            Token::Reply(reply) => reply,
            Token::Read(_) => None,
        });
        let held = std::iter::from_fn(|| self.held.take());
        let waiting = self.lanes.iter_mut().flat_map(|lane| lane.drain(..)).chain(held);
        for reply in from_rounds.chain(waiting.filter_map(|asked| asked.reply)) {
            let _ = reply.send(Submission::Stopping); // gone already
        }
        while let Ok(message) = self.receiver.try_recv() {
            if let Message::Command(Asked { reply: Some(reply), .. }) = message {
                let _ = reply.send(Submission::Stopping); // gone already
            }
        }
    }
}

/// Tells whoever sent a booking that too much of history waits to be written.
fn shed(asked: Asked) {
    metrics::counter!(names::SHED_TOTAL, "lane" => "history").increment(1);
    if let Some(reply) = asked.reply {
        let _ = reply.send(Submission::Busy); // a client that hung up cancels nothing
    }
}
