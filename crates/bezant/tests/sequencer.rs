//! The running partition: durability before answers, lanes, poison commands, failing journals, restarts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use base::{Currency, MerchantId, Money, Redacted, SubjectId};
use bezant::keystore::KeyStore;
use bezant::partition::{self, Partition};
use bezant::policy::default_policy;
use bezant::request::{Requests, SubjectKeys};
use bezant::runner::Outgoing;
use bezant::sequencer::{self, Durable, Ended, Handle, Outlets, Running, Submission};
use connectors::Connector;
use connectors::stripe::{Environment, Stripe};
use engine::{
    CaptureMode, Command, CreatePayment, DeriveKey, Dispatch, Idempotency, OutcomeReport, Presence, Private, Refusal, Reply, Sealed, State,
};
use journal::simio::{Effect as DiskEffect, Operation as DiskOperation, SimIo};
use journal::{FileJournal, Journal, Options};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};

struct Keys(Mutex<KeyStore<SimIo>>);

impl SubjectKeys for Keys {
    fn seal(&self, subject: SubjectId, purpose: &str, plaintext: &[u8]) -> Option<Sealed> {
        Some(self.0.lock().unwrap().key(subject)?.seal(purpose, plaintext))
    }

    fn open(&self, purpose: &str, sealed: &Sealed) -> Option<Vec<u8>> {
        self.0.lock().unwrap().key(sealed.subject)?.open(purpose, sealed)
    }
}

const SUBJECT: SubjectId = SubjectId::from_u128(7);
const MERCHANT: MerchantId = MerchantId::from_u128(1);

struct World {
    running: Running,
    dispatched: mpsc::UnboundedReceiver<Outgoing>,
    durable: Receiver<Durable>,
}

fn options() -> Options {
    Options { segment_bytes: 256 * 1024, batch_bytes_max: 64 * 1024, ..Options::for_partition(0) }
}

fn journal(disk: &SimIo) -> FileJournal<SimIo> {
    FileJournal::open(disk.clone(), options()).unwrap().0
}

/// Starts a partition on a simulated disk that holds whatever was written before.
fn start(disk: &SimIo, trip: fn(&Command) -> bool) -> World {
    let journal = journal(disk);
    let (state, _) = partition::load(&journal).unwrap();
    begin(disk, journal, state, trip)
}

/// Starts a partition with a state and the journal that it is up to.
fn begin(disk: &SimIo, journal: FileJournal<SimIo>, state: State, trip: fn(&Command) -> bool) -> World {
    let mut keys = KeyStore::open(disk.clone(), Redacted::new([1; 32])).unwrap();
    keys.ensure(&[SUBJECT], &mut |bytes: &mut [u8]| bytes.fill(5)).unwrap();
    let stripe: Arc<dyn Connector> = Arc::new(Stripe::new(Environment::Test));
    let policy = default_policy(stripe.capabilities());
    let requests = Arc::new(Requests { connectors: vec![stripe], keys: Arc::new(Keys(Mutex::new(keys))) });
    let epoch = state.epoch + 1;
    let partition = Partition::new(state, policy, DeriveKey::new(1, &[2; 32]), requests).with_trip(trip);
    let (dispatches, dispatched) = mpsc::unbounded_channel();
    let (durable, to_views) = sync_channel(1_024);
    let outlets = Outlets { dispatches, durable, observe: Box::new(|_, _| {}), durable_seq: watch::channel(0).0 };
    let running = sequencer::start(partition, Box::new(journal), epoch, outlets, Box::new(|_| {})).unwrap();
    World { running, dispatched, durable: to_views }
}

/// The next send that leaves; no errand is asked for here.
async fn next_send(world: &mut World) -> Dispatch {
    match world.dispatched.recv().await.unwrap() {
        Outgoing::Effect(dispatch) => dispatch,
        Outgoing::Errand(dispatch) => panic!("no errand was asked for: {dispatch:?}"),
    }
}

const NEVER: fn(&Command) -> bool = |_| false;

async fn set_up(handle: &Handle, fresh: bool, epoch: u64) {
    if fresh {
        decided(handle.submit(Command::RaiseMinVersion { version: engine::event::VERSION_MAX }).await);
    }
    decided(handle.submit(Command::StartLeader { epoch }).await);
    if fresh {
        decided(handle.submit(Command::CreateMerchant { merchant: MERCHANT, handle: "shop".into() }).await);
    }
}

fn decided(submission: Submission) -> Reply {
    match submission {
        Submission::Decided { reply, .. } => reply,
        other => panic!("not decided: {other:?}"),
    }
}

fn payment(number: u8) -> Command {
    let currency: Currency = "EUR".parse().unwrap();
    Command::CreatePayment(CreatePayment {
        merchant: MERCHANT,
        idempotency: Idempotency { key: [number; 16], fingerprint: [number; 16] },
        reference: None,
        content: [number; 16],
        subject: SUBJECT,
        money: Money { amount_minor: 1_000 + u64::from(number), currency },
        capture: CaptureMode::Automatic,
        payment_method: Some("pm_card_visa".into()),
        customer: None,
        method: None,
        presence: Presence::OnSession,
        confirm: true,
        retry_declined: false,
        details: None,
        private: Private::default(),
    })
}

async fn payments_in(handle: &Handle) -> usize {
    handle.read(|state: &State| state.payments.len()).await.unwrap()
}

fn stop(world: World) -> Result<(), Ended> {
    world.running.handle.stop();
    world.running.join()
}

#[tokio::test]
async fn an_answer_is_durable_and_a_send_goes_out_only_after_it() {
    let disk = SimIo::new();
    let mut world = start(&disk, NEVER);
    set_up(&world.running.handle, true, 1).await;
    for number in 0..20 {
        let reply = decided(world.running.handle.submit(payment(number)).await);
        assert!(matches!(reply, Reply::Payment { replayed: false, .. }));
        let dispatch = next_send(&mut world).await;
        let copy = SimIo::new();
        for (path, bytes) in disk.files() {
            copy.put_file(&path, &bytes); // durable content only
        }
        let (state, _) = partition::load(&journal(&copy)).unwrap();
        assert!(state.effects.contains_key(&dispatch.requested.effect), "payment {number} left before it was durable");
    }
    stop(world).unwrap();
}

#[tokio::test]
async fn a_command_that_crashes_deciding_is_answered_alone_and_kept_out() {
    let disk = SimIo::new();
    let world = start(&disk, NEVER);
    let handle = world.running.handle.clone();
    set_up(&handle, true, 1).await;
    let poison = Command::StartLeader { epoch: 1 }; // an epoch is led once: a broken invariant
    assert_eq!(handle.submit(poison.clone()).await, Submission::Poisoned);
    decided(handle.submit(payment(1)).await);
    assert_eq!(handle.submit(poison).await, Submission::Poisoned);
    let quarantined = handle.read(|state: &State| state.quarantine.len()).await.unwrap();
    assert_eq!(quarantined, 1);
    stop(world).unwrap();
    let (state, _) = partition::load(&journal(&disk)).unwrap();
    assert_eq!((state.quarantine.len(), state.payments.len()), (1, 1), "the quarantine is durable and the payment is there");
}

#[tokio::test]
async fn a_command_that_crashes_applying_loses_nothing_of_its_round() {
    let disk = SimIo::new();
    let trip: fn(&Command) -> bool =
        |command| matches!(command, Command::CreatePayment(create) if matches!(create.money.amount_minor, 1_013 | 1_021));
    let world = start(&disk, trip);
    let handle = world.running.handle.clone();
    set_up(&handle, true, 1).await;
    let submissions = futures(&handle, 0..40).await;
    for (number, submission) in submissions.into_iter().enumerate() {
        if number == 13 || number == 21 {
            assert_eq!(submission, Submission::Poisoned);
        } else {
            assert!(matches!(decided(submission), Reply::Payment { replayed: false, .. }), "payment {number}");
        }
    }
    assert_eq!(handle.submit(payment(13)).await, Submission::Poisoned);
    assert_eq!(payments_in(&handle).await, 38);
    let live = handle.read(events::snapshot::digest).await.unwrap();
    stop(world).unwrap();
    let (state, _) = partition::load(&journal(&disk)).unwrap();
    assert_eq!(events::snapshot::digest(&state), live, "the journal replays to the live state");
}

async fn futures(handle: &Handle, numbers: std::ops::Range<u8>) -> Vec<Submission> {
    let tasks: Vec<_> = numbers
        .map(|number| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.submit(payment(number)).await })
        })
        .collect();
    let mut submissions = Vec::new();
    for task in tasks {
        submissions.push(task.await.unwrap());
    }
    submissions
}

#[tokio::test]
async fn a_failed_append_stops_the_partition_and_a_restart_has_all_that_was_acknowledged() {
    for operation in [DiskOperation::Write, DiskOperation::Sync] {
        let disk = SimIo::new();
        let world = start(&disk, NEVER);
        let handle = world.running.handle.clone();
        set_up(&handle, true, 1).await;
        let mut acknowledged = 0;
        for number in 0..200 {
            if number == 30 {
                disk.fail_next(operation, DiskEffect::InputOutputError);
            }
            match handle.submit(payment(number)).await {
                Submission::Decided { .. } => acknowledged += 1,
                Submission::Stopping => break,
                other => panic!("{other:?}"),
            }
        }
        assert!((30..200).contains(&acknowledged), "the failure was met");
        assert!(matches!(world.running.join(), Err(Ended::Journal(_))));
        assert_eq!(handle.submit(payment(201)).await, Submission::Stopping);
        let world = start(&disk, NEVER);
        set_up(&world.running.handle, false, 2).await;
        assert!(payments_in(&world.running.handle).await >= acknowledged);
        stop(world).unwrap();
    }
}

#[tokio::test]
async fn after_a_restart_open_calls_are_unknown_and_looked_into_with_the_same_key() {
    let disk = SimIo::new();
    let mut world = start(&disk, NEVER);
    set_up(&world.running.handle, true, 1).await;
    decided(world.running.handle.submit(payment(1)).await);
    let first = next_send(&mut world).await;
    stop(world).unwrap();
    let mut world = start(&disk, NEVER);
    set_up(&world.running.handle, false, 2).await;
    let again = next_send(&mut world).await;
    assert_eq!(again.send_kind, engine::SendKind::Replay);
    assert_eq!(
        (again.requested.key, again.requested.reference, &again.requested.request),
        (first.requested.key, first.requested.reference, &first.requested.request)
    );
    stop(world).unwrap();
}

#[tokio::test]
async fn new_payments_are_shed_when_too_many_outcomes_are_due_and_outcomes_never() {
    let disk = SimIo::new();
    let world = start(&disk, NEVER);
    let handle = world.running.handle.clone();
    set_up(&handle, true, 1).await;
    handle.load.reserve_for_test(sequencer::OUTCOMES_RESERVED_MAX);
    assert_eq!(handle.submit(payment(1)).await, Submission::Busy);
    let outcome = OutcomeReport {
        effect: base::EffectId::from_u128(1),
        send: 1,
        outcome: base::Outcome::Unknown(base::UnknownReason::Timeout),
        provider_id: None,
    };
    assert_eq!(decided(handle.submit(Command::ReportOutcome(outcome)).await), Reply::Done);
    stop(world).unwrap();
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_writes_nothing() {
    let disk = SimIo::new();
    let world = start(&disk, NEVER);
    let handle = world.running.handle.clone();
    set_up(&handle, true, 1).await;
    let before = handle.read(|state: &State| state.next_seq).await.unwrap();
    let reply = decided(handle.submit(Command::CreateMerchant { merchant: MERCHANT, handle: "shop".into() }).await);
    assert_eq!(reply, Reply::Refused(Refusal::HandleTaken));
    assert_eq!(handle.read(|state: &State| state.next_seq).await.unwrap(), before);
    stop(world).unwrap();
}

#[test]
fn a_journal_of_a_newer_program_is_refused_with_the_version_it_needs() {
    let disk = SimIo::new();
    let mut journal = journal(&disk);
    let entry = engine::Entry { at: base::Timestamp::from_s(1), event: engine::Event::MinVersionRaised { version: 99 }, legs: Vec::new() };
    let batch = events::encode_batch(&[entry]);
    partition::append(&mut journal, 1, 1, &batch).unwrap();
    let error = partition::load(&journal as &dyn Journal).unwrap_err();
    assert!(error.to_string().contains("needs event version 99"), "{error}");
}

/// Pending transfers that are all due when the partition starts.
const PENDINGS: u128 = 1_000_000;
/// Commands that wait at the same time, each as large as a round.
const BOOKINGS: u128 = 20;
/// So many transfers fill a round.
const TRANSFERS_PER_ROUND: u128 = 4_200;

fn booking(transfers: impl Iterator<Item = ledger::Transfer>) -> Command {
    let texts = engine::LedgerTexts::default();
    Command::CreateLedgerTransfers { merchant: MERCHANT, transfers: transfers.collect(), texts, answer: engine::LedgerAnswer::Statuses }
}

fn transfer(id: u128) -> ledger::Transfer {
    ledger::Transfer { id, debit_account_id: 1, credit_account_id: 2, amount: 1, ledger: 1, code: 1, ..ledger::Transfer::default() }
}

/// A state with so many pending transfers whose timeouts passed long ago.
fn with_pendings() -> State {
    let mut state = State::new();
    let first = base::Timestamp::from_s(1);
    for event in [
        engine::Event::MinVersionRaised { version: engine::event::VERSION_MAX },
        engine::Event::MerchantCreated { merchant: MERCHANT, number: 1, handle: "shop".into() },
    ] {
        state.evolve(&engine::Entry { at: first, event, legs: Vec::new() });
    }
    let accounts = [1, 2].map(|id| ledger::Account { id, ledger: 1, code: 1, ..ledger::Account::default() }).to_vec();
    let mut book = |command: &Command| state.book(state.last_at.plus_ns(1), command);
    book(&Command::CreateLedgerAccounts { merchant: MERCHANT, accounts, texts: engine::LedgerTexts::default() });
    let ids: Vec<u128> = (1..=PENDINGS).collect();
    for ids in ids.chunks(ledger::BATCH_EVENTS_MAX) {
        let pending = |id: &u128| ledger::Transfer { flags: ledger::TransferFlags::PENDING, timeout_s: 1, ..transfer(*id) };
        book(&booking(ids.iter().map(pending)));
    }
    assert_eq!(state.ledgers[&MERCHANT].ledger.pendings_count(), ids.len());
    state
}

/// They expire in order, a bounded number in each batch, and what waits meanwhile has its rounds between.
#[tokio::test]
async fn a_million_expiries_at_once_come_in_order_and_in_rounds_and_bookings_go_on_between() {
    let state = with_pendings();
    let disk = SimIo::new();
    let options = Options { segment_bytes: 32 * 1024 * 1024, batch_bytes_max: partition::BATCH_BYTES_MAX, ..Options::for_partition(0) };
    let (mut journal, _) = FileJournal::open(disk.clone(), options).unwrap();
    let event_count = u32::try_from(state.next_seq - 1).unwrap();
    journal.append(1, 1, journal::Batch { event_count, events: b"what led to the state", transfers: &[] }).unwrap();
    let started = std::time::Instant::now();
    let world = begin(&disk, journal, state, NEVER);
    let handle = world.running.handle.clone();
    decided(handle.submit(Command::StartLeader { epoch: 1 }).await);
    let command = |number: u128| booking((0..TRANSFERS_PER_ROUND).map(|index| transfer((number + 1) << 64 | index)));
    let asked: Vec<_> = (0..BOOKINGS)
        .map(|number| {
            let (handle, command) = (handle.clone(), command(number));
            tokio::spawn(async move { handle.submit(command).await })
        })
        .collect();
    for asked in asked {
        decided(asked.await.unwrap());
    }
    while handle.read(|state: &State| state.ledgers[&MERCHANT].ledger.pendings_count()).await.unwrap() > 0 {
        tokio::task::yield_now().await;
    }
    println!("{PENDINGS} pending transfers expired in {:?}, beside {BOOKINGS} bookings", started.elapsed());
    world.running.handle.stop();
    world.running.join().unwrap();

    let (mut next_id, mut rounds, mut rounds_before_last_booking) = (1, 0, 0);
    for Durable { first_seq, batch } in world.durable.try_iter() {
        let recorded = events::decode_batch(first_seq, batch.event_count, &batch.events, &batch.transfers).unwrap();
        let expired = recorded.iter().filter(|recorded| matches!(recorded.entry.event, engine::Event::LedgerTransfersExpired { .. }));
        assert!(expired.clone().count() <= 1, "one round of expiries in a batch");
        for recorded in expired {
            assert!(recorded.entry.legs.len() <= ledger::BATCH_EVENTS_MAX);
            for leg in &recorded.entry.legs {
                assert_eq!(leg.id, next_id, "in order");
                next_id += 1;
            }
            rounds += 1;
        }
        if recorded.iter().any(|recorded| matches!(recorded.entry.event, engine::Event::LedgerTransfersCreated { .. })) {
            rounds_before_last_booking = rounds;
        }
    }
    assert_eq!(next_id, PENDINGS + 1);
    assert_eq!(rounds, PENDINGS.div_ceil(u128::try_from(ledger::BATCH_EVENTS_MAX).unwrap()));
    assert!(
        rounds_before_last_booking <= 3 * BOOKINGS,
        "the bookings waited for {rounds_before_last_booking} of {rounds} rounds of expiries"
    );
}
