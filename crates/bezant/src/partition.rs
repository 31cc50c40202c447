//! One partition without threads: commands in, one batch out, answers and effects released when the batch is durable.
//! The sequencer wraps it in threads; the deterministic simulation drives it directly.

use crate::archive::{self, Archive};
use crate::request::Requests;
use base::{EffectId, SubjectId, Timestamp, TraceId};
use engine::event::VERSION_MAX;
use engine::{
    ARCHIVED_BYTES_MAX, ArchivedPayment, Booked, Command, Context, Decision, DeriveKey, Dispatch, Entry, ErrandDispatch, Event,
    LEDGER_TEXT_BYTES_MAX, LEDGER_TEXT_HEAD_BYTES, LedgerTexts, PaymentName, Policy, Refusal, Reply, State,
};
use events::{EncodedBatch, Recorded};
use journal::{Io, Journal, OsIo, Tail};
use ledger::{Items, Metadata};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A round is closed when its entries may have grown to this many bytes, well below the journal's largest batch.
pub const ROUND_BYTES_MAX: usize = 512 * 1024;
/// What the record of one account or transfer takes in a batch, in bytes.
const RECORD_BYTES: usize = ledger::TRANSFER_SIZE_BYTES;
/// The journal's largest batch, in bytes. A round that is not full takes one more of the largest expiries; the largest booking has a
/// round of its own: as many records as a batch may have, for each what a post released beside them, and texts. The smallest
/// segment, of 2 MiB, has room for it.
pub const BATCH_BYTES_MAX: usize = 1_792 * 1024;
/// What an entry takes beside what it has many of, in bytes.
const ENTRY_BYTES: usize = 3_072;

const _: () = assert!(ROUND_BYTES_MAX + ENTRY_BYTES + ledger::BATCH_EVENTS_MAX * (RECORD_BYTES + size_of::<u128>()) <= BATCH_BYTES_MAX);
const _: () =
    assert!(LEDGER_TEXT_BYTES_MAX + ENTRY_BYTES + ledger::BATCH_EVENTS_MAX * (RECORD_BYTES + size_of::<u128>()) <= BATCH_BYTES_MAX);

/// Most commands of one round.
pub const ROUND_COMMANDS_MAX: usize = 512;

/// Why a partition could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] journal::ReadError),
    /// A batch holds bytes that this program cannot decode.
    #[error("the batch at seq {first_seq} cannot be decoded: {source}")]
    Decode {
        /// First sequence number of the batch.
        first_seq: u64,
        /// Why.
        source: events::DecodeError,
    },
    /// A durable event cannot be applied by this program.
    #[error(
        "the event at seq {seq} cannot be applied; run the program version that wrote it, or let two operators release it with `bezant journal skip --seq {seq}`"
    )]
    Poisoned {
        /// Its sequence number.
        seq: u64,
    },
    /// The journal was written by a newer program.
    #[error("the journal needs event version {needed}, this program knows up to {known}; start a newer version")]
    TooOld {
        /// What the journal needs.
        needed: u32,
        /// What this program knows.
        known: u32,
    },
}

/// What loading found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadReport {
    /// Sequence number that the snapshot was made at, when one was used.
    pub snapshot_seq: Option<u64>,
    /// Newer snapshots that failed their check, with the reason.
    pub skipped: Vec<String>,
    /// Events replayed after the snapshot.
    pub replayed_count: u64,
}

/// Durable events that two operators released because this program cannot apply them, by sequence number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skips(BTreeMap<u64, Event>);

impl Skips {
    /// Those that a state knows of: for whatever is rebuilt from an earlier event than the state was.
    pub fn of(state: &State) -> Self {
        Self(state.skipped.iter().map(|(seq, by)| (*seq, Event::EventSkipped { seq: *seq, first: by[0], second: by[1] })).collect())
    }

    /// Puts the release in the place of each released event, so that whoever applies them passes it over.
    pub fn pass_over(&self, events: &mut [Recorded]) {
        if self.0.is_empty() {
            return;
        }
        for recorded in events {
            if let Some(release) = self.0.get(&recorded.seq) {
                recorded.entry = Entry { at: recorded.entry.at, event: release.clone(), legs: Vec::new() };
            }
        }
    }

    /// Takes note of a release.
    pub fn observe(&mut self, recorded: &Recorded) {
        if let Event::EventSkipped { seq, .. } = recorded.entry.event {
            self.0.insert(seq, recorded.entry.event.clone());
        }
    }

    /// Looks for the release of an event in the journal after it.
    fn find(&mut self, journal: &dyn Journal, wanted_seq: u64) -> Result<bool, LoadError> {
        if self.0.contains_key(&wanted_seq) {
            return Ok(false); // its release cannot be applied either
        }
        for batch in journal.read(wanted_seq)? {
            for recorded in decode(&batch?)? {
                if matches!(recorded.entry.event, Event::EventSkipped { seq, .. } if seq == wanted_seq) && recorded.seq > wanted_seq {
                    self.0.insert(wanted_seq, recorded.entry.event);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// Rebuilds the state from the newest sound snapshot and the journal after it. An event that cannot be applied is passed
/// over when a later one releases it.
///
/// # Errors
/// See [`LoadError`].
pub fn load(journal: &dyn Journal) -> Result<(State, LoadReport), LoadError> {
    let mut skips = Skips::default();
    loop {
        match load_with(journal, &skips, u64::MAX) {
            Err(LoadError::Poisoned { seq }) if skips.find(journal, seq)? => {
                tracing::warn!(seq, "passing over a durable event that two operators released");
            }
            ended => return ended,
        }
    }
}

/// The state before the first event that cannot be applied and that nobody released, with that event; `None` when every
/// event applies.
///
/// # Errors
/// See [`LoadError`]; never [`LoadError::Poisoned`].
pub fn load_before_poison(journal: &dyn Journal) -> Result<Option<(State, Recorded)>, LoadError> {
    let mut skips = Skips::default();
    let poisoned_seq = loop {
        match load_with(journal, &skips, u64::MAX) {
            Ok(_) => return Ok(None),
            Err(LoadError::Poisoned { seq }) if skips.find(journal, seq)? => {}
            Err(LoadError::Poisoned { seq }) => break seq,
            Err(other) => return Err(other),
        }
    };
    let (state, _) = load_with(journal, &skips, poisoned_seq)?;
    for batch in journal.read(poisoned_seq)? {
        if let Some(poison) = decode(&batch?)?.into_iter().find(|recorded| recorded.seq == poisoned_seq) {
            return Ok(Some((state, poison)));
        }
    }
    Ok(None)
}

/// A snapshot that was loaded and decoded before its journal was open.
pub struct Preloaded {
    /// Where it says that it was made.
    pub tail: Tail,
    /// The state in it.
    pub state: State,
    /// Newer snapshots that failed their check, with the reason.
    pub skipped: Vec<String>,
}

/// As [`load`], going on from a snapshot that is already decoded, if it belongs to this journal.
///
/// # Errors
/// See [`LoadError`].
pub fn load_from(journal: &dyn Journal, preloaded: Option<Preloaded>) -> Result<(State, LoadReport), LoadError> {
    if let Some(Preloaded { tail, state, skipped }) = preloaded
        && journal.tail_at(tail.next_seq)? == Some(tail)
    {
        match replay_after(journal, state, Some(tail.next_seq), skipped, &Skips::default(), u64::MAX) {
            Err(LoadError::Poisoned { .. }) => {} // perhaps released; the state is of no use any more
            ended => return ended,
        }
    }
    load(journal)
}

/// As [`load`], with what is released already known, up to the event before `end_seq`.
fn load_with(journal: &dyn Journal, skips: &Skips, end_seq: u64) -> Result<(State, LoadReport), LoadError> {
    let search = journal.newest_valid_snapshot()?;
    let mut skipped: Vec<String> = search.skipped.iter().map(|(at, error)| format!("snapshot at {}: {error}", at.next_seq)).collect();
    let decoded = search.found.and_then(|(tail, bytes)| match events::snapshot::decode(&bytes) {
        Ok(state) => Some((tail.next_seq, state)),
        Err(error) => {
            skipped.push(format!("snapshot at {}: {error}", tail.next_seq));
            None
        }
    });
    let snapshot_seq = decoded.as_ref().map(|(seq, _)| *seq);
    let state = decoded.map_or_else(State::new, |(_, state)| state);
    replay_after(journal, state, snapshot_seq, skipped, skips, end_seq)
}

/// Applies the journal after a state, up to the event before `end_seq`.
fn replay_after(
    journal: &dyn Journal,
    mut state: State,
    snapshot_seq: Option<u64>,
    skipped: Vec<String>,
    skips: &Skips,
    end_seq: u64,
) -> Result<(State, LoadReport), LoadError> {
    let before = state.next_seq;
    for batch in journal.read(state.next_seq)? {
        let mut events = decode(&batch?)?;
        skips.pass_over(&mut events);
        for recorded in events.iter().take_while(|recorded| recorded.seq < end_seq) {
            apply_recorded(&mut state, recorded)?;
        }
        if state.next_seq >= end_seq {
            break;
        }
    }
    if state.min_version > VERSION_MAX {
        return Err(LoadError::TooOld { needed: state.min_version, known: VERSION_MAX });
    }
    let replayed_count = state.next_seq - before;
    Ok((state, LoadReport { snapshot_seq, skipped, replayed_count }))
}

/// Applies one durable batch to a state.
///
/// # Errors
/// See [`LoadError`].
pub fn replay(state: &mut State, batch: &journal::OwnedBatch, skips: &Skips) -> Result<(), LoadError> {
    let mut events = decode(batch)?;
    skips.pass_over(&mut events);
    events.iter().try_for_each(|recorded| apply_recorded(state, recorded))
}

/// Applies one durable event to a state.
///
/// # Errors
/// [`LoadError::Poisoned`]; the state is then of no use.
pub fn apply_recorded(state: &mut State, recorded: &Recorded) -> Result<(), LoadError> {
    let applied = catch_unwind(AssertUnwindSafe(|| state.evolve(&recorded.entry)));
    applied.map_err(|_| LoadError::Poisoned { seq: recorded.seq })
}

/// Decodes one durable batch.
///
/// # Errors
/// [`LoadError::Decode`].
pub fn decode(batch: &journal::OwnedBatch) -> Result<Vec<Recorded>, LoadError> {
    decode_sections(batch.first_seq, batch.event_count, &batch.events, &batch.transfers)
}

/// As [`decode`], from a batch's sections.
///
/// # Errors
/// [`LoadError::Decode`].
pub fn decode_sections(first_seq: u64, event_count: u32, events: &[u8], transfers: &[u8]) -> Result<Vec<Recorded>, LoadError> {
    events::decode_batch(first_seq, event_count, events, transfers).map_err(|source| LoadError::Decode { first_seq, source })
}

/// What one command of a round is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was decided.
    Decided(Reply),
    /// It crashed the engine and appended nothing.
    Poisoned,
}

/// A batch in the making, with what its durability releases. `T` names whoever asked.
pub struct Round<T> {
    /// Sequence number of its first entry.
    pub first_seq: u64,
    /// Entries, in order.
    pub entries: Vec<Entry>,
    /// Answers, in the order in which they were decided.
    pub answers: Vec<(T, Answer)>,
    /// Sends to make.
    pub dispatches: Vec<Dispatch>,
    /// Sends of errands to make.
    pub errands: Vec<ErrandDispatch>,
    /// Traces of the entries, in the same order; entries beyond the last of them have none.
    pub traces: Vec<Option<TraceId>>,
    bytes: usize,
}

impl<T> Round<T> {
    /// Whether it has nothing to make durable and nobody to answer.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.answers.is_empty()
    }

    /// Whether no more commands should join it.
    pub fn is_full(&self) -> bool {
        self.bytes >= ROUND_BYTES_MAX || self.answers.len() >= ROUND_COMMANDS_MAX
    }

    /// Whether a command may join it: one about thousands of transfers waits for a round of its own.
    pub fn has_room_for(&self, command: &Command) -> bool {
        self.entries.is_empty() || self.bytes + booking_bytes(command) <= ROUND_BYTES_MAX
    }

    /// The bytes for the journal; `None` when there is nothing to append.
    pub fn encode(&self) -> Option<EncodedBatch> {
        (!self.entries.is_empty()).then(|| events::encode_traced_batch(&self.entries, &self.traces))
    }
}

/// The state of one partition and everything a decision needs. `I` is what its history is kept on.
pub struct Partition<I: Io = OsIo> {
    state: State,
    policy: Policy,
    derive_key: DeriveKey,
    requests: Arc<Requests>,
    trip: Option<fn(&Command) -> bool>,
    archive: Option<Archive<I>>,
}

/// A command crashed while it was applied: the state can no longer be trusted and must be reloaded from the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tainted {
    /// The command that did it; quarantine it after the reload.
    pub fingerprint: [u8; 16],
}

impl Partition {
    /// From a loaded state.
    pub const fn new(state: State, policy: Policy, derive_key: DeriveKey, requests: Arc<Requests>) -> Self {
        Self { state, policy, derive_key, requests, trip: None, archive: None }
    }

    /// With the history of the ledgers that merchants keep themselves. Without it a partition knows only what was booked since
    /// it was loaded: that is for what never books.
    #[must_use]
    pub fn with_archive<I: Io + Clone>(self, archive: Archive<I>) -> Partition<I> {
        let Self { state, policy, derive_key, requests, trip, archive: _ } = self;
        Partition { state, policy, derive_key, requests, trip, archive: Some(archive) }
    }
}

impl<I: Io + Clone> Partition<I> {
    /// For tests of recovery: applying a command for which `trip` says true crashes after its entries were applied.
    #[doc(hidden)]
    #[must_use]
    pub fn with_trip(mut self, trip: fn(&Command) -> bool) -> Self {
        self.trip = Some(trip);
        self
    }

    /// The state, entries of the open round included.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Replaces the state after a reload.
    pub fn reload(&mut self, state: State) {
        if let Some(archive) = &mut self.archive {
            archive.taken_back(state.next_seq - 1);
        }
        self.state = state;
    }

    /// Whether a command should wait, because it adds to a history of which too much is in memory already.
    pub fn should_wait(&self, command: &Command) -> bool {
        let adds = matches!(command, Command::CreateLedgerTransfers { .. } | Command::CreateLedgerEntries { .. });
        adds && self.is_history_behind()
    }

    /// Whether too much of the history is in memory only.
    pub fn is_history_behind(&self) -> bool {
        self.archive.as_ref().is_some_and(Archive::is_behind)
    }

    /// Starts a round.
    pub const fn begin<T>(&self) -> Round<T> {
        Round {
            first_seq: self.state.next_seq,
            entries: Vec::new(),
            answers: Vec::new(),
            dispatches: Vec::new(),
            errands: Vec::new(),
            traces: Vec::new(),
            bytes: 0,
        }
    }

    /// Decides one command and adds its entries to the round. `wall` is what the clock says; events get
    /// `max(wall, last + 1)`.
    ///
    /// # Errors
    /// [`Tainted`], with the token, when applying crashed: drop the round, reload, and decide its other commands again.
    /// A crash while deciding leaves the state sound: the command alone is answered [`Answer::Poisoned`] and quarantined.
    pub fn join<T>(&mut self, round: &mut Round<T>, token: T, command: &Command, wall: Timestamp) -> Result<(), (T, Tainted)> {
        if !self.state.quarantine.is_empty() && self.state.quarantine.contains(&fingerprint(command)) {
            round.answers.push((token, Answer::Decided(Reply::Refused(Refusal::Quarantined))));
            return Ok(());
        }
        if command.is_booking() {
            return self.book(round, token, command, wall);
        }
        match self.archived_for(command, wall) {
            Ok(payments) if payments.is_empty() => {}
            Ok(payments) => {
                let decision = self.decide(&Command::RecallPayments { payments }, wall);
                if let Err(tainted) = self.apply(round, decision.entries, fingerprint_of(command)) {
                    return Err((token, tainted));
                }
            }
            Err(error) if *command == Command::Tick => {
                tracing::error!(%error, "archived payments cannot be read; what is due at them waits");
            }
            Err(error) => {
                tracing::error!(%error, "archived payments cannot be read; the command is refused and changes nothing");
                round.answers.push((token, Answer::Poisoned));
                return Ok(());
            }
        }
        let decided = catch_unwind(AssertUnwindSafe(|| self.decide(command, wall)));
        let Ok(decision) = decided else {
            return match self.quarantine(round, fingerprint(command), wall) {
                Ok(()) => {
                    round.answers.push((token, Answer::Poisoned));
                    Ok(())
                }
                Err(tainted) => Err((token, tainted)),
            };
        };
        let tripped = self.trip.is_some_and(|trip| trip(command));
        match self.apply(round, decision.entries, fingerprint_of(command)) {
            Ok(()) if tripped => return Err((token, Tainted { fingerprint: fingerprint(command) })),
            Ok(()) => {}
            Err(tainted) => return Err((token, tainted)),
        }
        if let Err(tainted) = self.archive_payments(round, wall) {
            return Err((token, tainted));
        }
        // After the few other things that are due: of a ledger's expiries there may be a million.
        if *command == Command::Tick
            && !round.is_full()
            && let Some(merchant) = self.state.ledger_due(self.now(wall))
        {
            return self.book(round, token, &Command::ExpireLedgerTransfers { merchant }, wall);
        }
        round.answers.push((token, Answer::Decided(decision.reply)));
        Ok(())
    }

    /// The archived payments that a command may be about.
    fn archived_for(&mut self, command: &Command, wall: Timestamp) -> Result<Vec<ArchivedPayment>, archive::Error> {
        let now = self.now(wall);
        let Some(archive) = self.archive.as_mut().filter(|_| self.state.archived_count > 0) else { return Ok(Vec::new()) };
        let names = match command {
            Command::Tick => self.state.archived_due(now).into_iter().map(PaymentName::Id).collect(),
            command => command.payment_names(&self.derive_key),
        };
        let mut payments = archive.payments(&self.state, &names)?;
        if *command == Command::Tick {
            let sizes = payments.iter().scan(0, |sum, payment| {
                *sum += payment.bytes_estimate();
                Some(*sum)
            });
            let fitting = sizes.take_while(|sum| *sum <= ARCHIVED_BYTES_MAX).count();
            payments.truncate(fitting); // no payment is larger alone; the others are due as well, and come next
        }
        Ok(payments)
    }

    /// Lets payments that rest leave the state, if there are many and the round has room.
    fn archive_payments<T>(&mut self, round: &mut Round<T>, wall: Timestamp) -> Result<(), Tainted> {
        // While the index cannot be written they stay in memory, which is better than the keys of all of them.
        let can_archive = self.archive.as_ref().is_some_and(|archive| !archive.is_behind());
        let has_room = |round: &Round<T>| round.bytes + ENTRY_BYTES + ARCHIVED_BYTES_MAX <= ROUND_BYTES_MAX;
        while can_archive && self.state.is_archiving_due(self.policy.payments_kept) && has_room(round) {
            let decision = self.decide(&Command::ArchivePayments, wall);
            self.apply(round, decision.entries, || fingerprint(&Command::ArchivePayments))?;
        }
        Ok(())
    }

    /// Looks at the state as if no payment with one of these names were archived.
    ///
    /// # Errors
    /// See [`archive::Error`]; nothing was looked at.
    pub fn look<T>(&mut self, names: &[PaymentName], look: impl FnOnce(&State) -> T) -> Result<T, archive::Error> {
        let archived = match &mut self.archive {
            Some(archive) => archive.payments(&self.state, names)?,
            None => Vec::new(),
        };
        Ok(if archived.is_empty() { look(&self.state) } else { self.state.look_with(&archived, look) })
    }

    /// As [`Partition::join`], for a command that is decided and applied in one pass: any crash leaves a state of no use.
    fn book<T>(&mut self, round: &mut Round<T>, token: T, command: &Command, wall: Timestamp) -> Result<(), (T, Tainted)> {
        let now = self.now(wall);
        if let Some(archive) = &mut self.archive
            && let Err(error) = archive.recall(&mut self.state, command)
        {
            tracing::error!(%error, "a ledger's history cannot be asked; the command is refused and changes nothing");
            self.forget(command);
            round.answers.push((token, Answer::Poisoned));
            return Ok(());
        }
        let booked = catch_unwind(AssertUnwindSafe(|| self.state.book(now, command)));
        let tripped = self.trip.is_some_and(|trip| trip(command));
        let Ok(Booked { entry, reply }) = booked.map_err(drop).and_then(|booked| if tripped { Err(()) } else { Ok(booked) }) else {
            return Err((token, Tainted { fingerprint: fingerprint(command) }));
        };
        self.forget(command);
        if let Some(entry) = entry {
            if let Some(archive) = &mut self.archive {
                archive.note(&self.state, self.state.next_seq - 1, &entry);
            }
            round.bytes += size_estimate(&entry);
            round.entries.push(entry);
        }
        round.answers.push((token, Answer::Decided(reply)));
        Ok(())
    }

    /// Lets a ledger forget what it was told for a command: the archive knows it. Without one, the ledger is all there is.
    fn forget(&mut self, command: &Command) {
        let (Command::CreateLedgerAccounts { merchant, .. }
        | Command::CreateLedgerTransfers { merchant, .. }
        | Command::CreateLedgerEntries { merchant, .. }
        | Command::ExpireLedgerTransfers { merchant }) = command
        else {
            return;
        };
        if let Some(found) = self.state.ledgers.get_mut(merchant).filter(|_| self.archive.is_some()) {
            found.ledger.forget();
        }
    }

    /// Everything up to this number is durable.
    pub fn durable(&mut self, seq: u64) {
        if let Some(archive) = &mut self.archive {
            archive.durable(seq);
        }
    }

    fn now(&self, wall: Timestamp) -> Timestamp {
        wall.max(self.state.last_at.plus_ns(1))
    }

    /// Keeps a command out from now on.
    ///
    /// # Errors
    /// [`Tainted`], as [`Partition::join`].
    pub fn quarantine<T>(&mut self, round: &mut Round<T>, fingerprint: [u8; 16], wall: Timestamp) -> Result<(), Tainted> {
        let decision = self.decide(&Command::Quarantine { fingerprint }, wall);
        self.apply(round, decision.entries, move || fingerprint)
    }

    fn decide(&self, command: &Command, wall: Timestamp) -> Decision {
        let now = self.now(wall);
        let context = Context { now, policy: &self.policy, derive_key: &self.derive_key };
        let mut decision = engine::decide(&self.state, context, command);
        let mut subject = None;
        for entry in &mut decision.entries {
            match &entry.event {
                Event::PaymentCreated(created) => subject = Some(created.subject),
                Event::PaymentRevised(revised) => subject = Some(revised.subject),
                _ => {}
            }
            if let Some(requested) = entry.event.errand_mut() {
                let customer = self.state.customers.get(&requested.customer).expect("an errand names a customer that exists");
                requested.request = self.requests.prepare_errand(customer.subject, requested);
                continue;
            }
            let payment = entry.event.payment();
            let Some(requested) = entry.event.requested_mut() else { continue };
            let known: Option<SubjectId> = payment.and_then(|payment| self.state.payments.get(&payment)).map(|payment| payment.subject);
            let subject = subject.or(known).expect("an effect belongs to a payment with a subject");
            requested.request = self.requests.prepare(subject, requested, command.private());
        }
        decision
    }

    fn apply<T>(&mut self, round: &mut Round<T>, entries: Vec<Entry>, fingerprint: impl FnOnce() -> [u8; 16]) -> Result<(), Tainted> {
        let evolved = catch_unwind(AssertUnwindSafe(|| {
            for entry in &entries {
                self.state.evolve(entry);
            }
        }));
        if evolved.is_err() {
            return Err(Tainted { fingerprint: fingerprint() });
        }
        let first_seq = self.state.next_seq - u64::try_from(entries.len()).expect("a decision has few entries");
        for (seq, entry) in (first_seq..).zip(entries) {
            round.bytes += size_estimate(&entry);
            if let (Some(archive), Event::PaymentsArchived { .. }) = (&mut self.archive, &entry.event) {
                archive.note(&self.state, seq, &entry);
            }
            if let Some(dispatch) = sending(&entry.event).and_then(|effect| self.state.dispatch(effect)) {
                round.dispatches.push(dispatch);
            }
            if let Some(dispatch) = entry.event.errand_sending().and_then(|errand| self.state.errand_dispatch(errand)) {
                round.errands.push(dispatch);
            }
            round.entries.push(entry);
        }
        Ok(())
    }
}

fn sending(event: &Event) -> Option<EffectId> {
    match event {
        Event::EffectSent { effect, .. } => Some(*effect),
        other => other.requested().map(|requested| requested.effect),
    }
}

/// Upper estimate of an entry's encoded size, cheap enough for every entry.
fn size_estimate(entry: &Entry) -> usize {
    let sealed = match &entry.event {
        Event::PaymentCreated(created) => created.details.as_ref(),
        Event::PaymentRevised(revised) => revised.details.as_ref(),
        Event::RefundStarted { details, .. } => details.as_ref(),
        Event::WebhookReceived { payload, .. } => payload.as_ref(),
        Event::CustomerCreated { details, .. } => details.as_ref(),
        _ => None,
    };
    let request = entry.event.requested().and_then(|requested| requested.request.as_ref());
    let errand = entry.event.errand().and_then(|requested| requested.request.as_ref());
    let records = match &entry.event {
        Event::LedgerAccountsCreated { accounts, names, metadata, .. } => {
            let names: usize = names.iter().map(|(_, name)| LEDGER_TEXT_HEAD_BYTES + name.as_str().len()).sum();
            accounts.len() * RECORD_BYTES + names + bytes_of(metadata)
        }
        Event::LedgerTransfersCreated { burned, released, metadata, .. } => {
            size_of_val(burned.as_slice()) + size_of_val(released.as_slice()) + bytes_of(metadata)
        }
        Event::PaymentsArchived { payments } => payments.iter().map(ArchivedPayment::bytes_estimate).sum(),
        Event::PaymentRecalled { archived } => archived.bytes_estimate(),
        _ => 0,
    };
    let variable: usize = [sealed, request, errand].into_iter().flatten().map(|sealed| sealed.bytes.len()).sum();
    ENTRY_BYTES + variable + records + entry.legs.len() * RECORD_BYTES
}

fn bytes_of(metadata: &Items<Metadata>) -> usize {
    metadata.iter().map(|(_, metadata)| LEDGER_TEXT_HEAD_BYTES + metadata.as_bytes().len()).sum()
}

/// What a command about a merchant's own ledger may take in a batch, in bytes.
fn booking_bytes(command: &Command) -> usize {
    let records = match command {
        Command::CreateLedgerAccounts { accounts, .. } => accounts.len() * RECORD_BYTES,
        Command::CreateLedgerTransfers { transfers, .. } => transfers.len() * RECORD_BYTES,
        Command::CreateLedgerEntries { entries, .. } => entries.iter().map(ledger::Entry::events_count).sum::<usize>() * RECORD_BYTES,
        _ => 0,
    };
    records + command.ledger_texts().map_or(0, LedgerTexts::bytes)
}

fn fingerprint_of(command: &Command) -> impl FnOnce() -> [u8; 16] + '_ {
    move || fingerprint(command)
}

/// Tells commands apart for the quarantine. Made of the command's debug form, which is stable within one version of the
/// program: another version may no longer crash, and decides anew.
pub fn fingerprint(command: &Command) -> [u8; 16] {
    let digest = Sha256::digest(format!("{command:?}").as_bytes());
    std::array::from_fn(|index| digest[index])
}

/// Appends a round. One call site for the sequencer's writer and the simulation alike.
///
/// # Errors
/// Whatever the journal says; after any error the partition must stop and be loaded anew.
pub fn append(journal: &mut dyn Journal, first_seq: u64, epoch: u64, batch: &EncodedBatch) -> Result<Tail, journal::AppendError> {
    let batch = journal::Batch { event_count: batch.event_count, events: &batch.events, transfers: &batch.transfers };
    journal.append(first_seq, epoch, batch)
}
