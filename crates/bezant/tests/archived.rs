//! Payments that leave the state and come back: a partition that archives whatever rests answers as one does that keeps all,
//! through tables, merges, restarts and reloads.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use base::time::{NS_PER_MS, NS_PER_S};
use base::{
    About, Approval, Currency, Decline, DeclineClass, DisputeFact, DisputePhase, EffectId, MerchantId, Money, Notice, OperatorId, Outcome,
    PaymentId, PaymentSays, ProviderState, SubjectId, Timestamp,
};
use bezant::archive::{Archive, Index, builder};
use bezant::partition::{self, Answer, Partition, Round};
use bezant::policy::default_policy;
use bezant::request::{Requests, SubjectKeys};
use connectors::Connector;
use connectors::stripe::{Environment, Stripe};
use engine::{
    CancelPayment, CaptureMode, CapturePayment, Command, ConfirmPayment, CreatePayment, CreateRefund, DeriveKey, Event, Idempotency,
    NoticeSource, OutcomeReport, Payment, PaymentName, Presence, Private, ReceiveNotice, Reply, Sealed, State,
};
use journal::{FileJournal, Journal, Options, OsIo};
use payments::postings::AccountKind;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use support::Folder;

const MERCHANT: MerchantId = MerchantId::from_u128(1);
const SUBJECT: SubjectId = SubjectId::from_u128(7);
/// The operator whose creation crashes the engine.
const TRIPS: OperatorId = OperatorId::from_u128(13);
/// Keys of a generation: few, so that there are many tables, and merges of them.
const GENERATION_KEYS: usize = 40;
const START: Timestamp = Timestamp::from_s(1_795_253_580);

/// Seals nothing: nobody reads here.
struct NoKeys;

impl SubjectKeys for NoKeys {
    fn seal(&self, subject: SubjectId, _purpose: &str, plaintext: &[u8]) -> Option<Sealed> {
        Some(Sealed { subject, bytes: plaintext.to_vec() })
    }

    fn open(&self, _purpose: &str, sealed: &Sealed) -> Option<Vec<u8>> {
        Some(sealed.bytes.clone())
    }
}

/// A partition with its journal.
struct Side {
    folder: Folder,
    journal: FileJournal<OsIo>,
    partition: Partition,
    index: Option<Arc<Index>>,
    archives: bool,
}

impl Side {
    fn new(archives: bool) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let folder = Folder::new(&format!("archived-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let (journal, partition, index) = open(&folder, archives);
        Self { folder, journal, partition, index, archives }
    }

    /// As after a restart.
    fn restart(self) -> Self {
        let Self { folder, journal, partition, index, archives } = self;
        drop((journal, partition, index));
        let (journal, partition, index) = open(&folder, archives);
        Self { folder, journal, partition, index, archives }
    }

    /// Decides commands in one round and makes them durable, or crashes over one and loads the state again.
    fn round(&mut self, commands: &[Command], wall: Timestamp) -> Option<Vec<Reply>> {
        let mut round: Round<()> = self.partition.begin();
        for command in commands {
            if self.partition.join(&mut round, (), command, wall).is_err() {
                let (state, _) = partition::load(&self.journal).unwrap();
                self.partition.reload(state);
                return None;
            }
        }
        if let Some(batch) = round.encode() {
            let tail = partition::append(&mut self.journal, round.first_seq, 1, &batch).unwrap();
            self.partition.durable(tail.next_seq - 1);
        }
        let reply = |answer| match answer {
            Answer::Decided(reply) => reply,
            Answer::Poisoned => panic!("nothing here crashes while it is decided"),
        };
        Some(round.answers.into_iter().map(|((), answer)| reply(answer)).collect())
    }

    fn payment(&mut self, payment: PaymentId) -> Option<Payment> {
        self.partition.look(&[PaymentName::Id(payment)], |state| state.payment_of(MERCHANT, payment).cloned()).unwrap()
    }
}

fn open(folder: &Folder, archives: bool) -> (FileJournal<OsIo>, Partition, Option<Arc<Index>>) {
    let io = OsIo::new(&folder.0);
    let (journal, _) = FileJournal::open(io.clone(), Options::for_partition(0)).unwrap();
    let (state, _) = partition::load(&journal).unwrap();
    let stripe: Arc<dyn Connector> = Arc::new(Stripe::new(Environment::Test));
    let mut policy = default_policy(stripe.capabilities());
    policy.payments_kept = 0;
    let requests = Arc::new(Requests { connectors: vec![stripe], keys: Arc::new(NoKeys) });
    let trip = |command: &Command| matches!(command, Command::CreateOperator { operator, .. } if *operator == TRIPS);
    let index = archives.then(|| Arc::new(Index::open(io, journal.reader(), &state, GENERATION_KEYS).unwrap()));
    let partition = Partition::new(state, policy, DeriveKey::new(1, &[2; 32]), requests).with_trip(trip);
    let partition = match &index {
        Some(index) => partition.with_archive(Archive::new(Arc::clone(index), journal.reader())),
        None => partition,
    };
    (journal, partition, index)
}

fn eur() -> Currency {
    "EUR".parse().unwrap()
}

/// Two partitions that are asked the same.
struct Twins {
    archiving: Side,
    keeping: Side,
    wall: Timestamp,
    created: Vec<PaymentId>,
    /// Payments that were archived so far, and those that were recalled.
    archived_count: usize,
    recalled_count: usize,
    messages: u64,
}

impl Twins {
    fn new() -> Self {
        let mut twins = Self {
            archiving: Side::new(true),
            keeping: Side::new(false),
            wall: START,
            created: Vec::new(),
            archived_count: 0,
            recalled_count: 0,
            messages: 0,
        };
        let admitted = Command::CreateMerchant { merchant: MERCHANT, handle: "shop".into() };
        twins.ask(&[Command::RaiseMinVersion { version: 1 }, Command::StartLeader { epoch: 1 }, admitted]);
        twins
    }

    fn ask(&mut self, commands: &[Command]) -> Vec<Reply> {
        self.wall = self.wall.plus_ns(NS_PER_MS);
        let seq = self.archiving.partition.state().next_seq;
        let answers = self.archiving.round(commands, self.wall);
        let same = self.keeping.round(commands, self.wall);
        assert_eq!(answers, same, "{commands:?}");
        self.count(seq);
        let replies = answers.unwrap_or_default();
        for reply in &replies {
            if let Reply::Payment { payment, replayed: false, .. } = reply {
                self.created.push(*payment);
            }
        }
        let calls = |side: &Side| open_calls(side.partition.state()).into_keys().collect::<Vec<_>>();
        assert_eq!(calls(&self.archiving), calls(&self.keeping), "the same calls are open");
        replies
    }

    /// Asks both about a call of their own.
    fn report(&mut self, number: u16, answer: Answered) {
        self.wall = self.wall.plus_ns(NS_PER_MS);
        let wall = self.wall;
        let reported = |side: &mut Side| {
            let calls = open_calls(side.partition.state());
            let ((payment, kind), effect) = calls.iter().nth(usize::from(number) % calls.len().max(1))?;
            let open = &side.partition.state().effects[effect];
            let outcome = answer.outcome(open.requested.money.amount_minor, wall);
            // One object for each attempt, and for each refund.
            let provider_id = Some(open.requested.provider_id.clone().unwrap_or_else(|| format!("pi_{payment}_{kind}")));
            side.round(&[Command::ReportOutcome(OutcomeReport { effect: *effect, send: open.sends, outcome, provider_id })], wall)
        };
        let seq = self.archiving.partition.state().next_seq;
        assert_eq!(reported(&mut self.archiving), reported(&mut self.keeping));
        self.count(seq);
    }

    fn count(&mut self, seq: u64) {
        for batch in self.archiving.journal.read(seq).unwrap() {
            for recorded in partition::decode(&batch.unwrap()).unwrap() {
                match recorded.entry.event {
                    Event::PaymentsArchived { payments } => self.archived_count += payments.len(),
                    Event::PaymentRecalled { .. } => self.recalled_count += 1,
                    _ => {}
                }
            }
        }
    }

    /// Runs what is due in both.
    fn tick(&mut self) {
        self.wall = self.wall.plus_ns(NS_PER_MS / 2); // nothing falls due at the very time of a tick
        let is_due = |state: &State, wall| state.due_at().is_some_and(|at| at <= wall);
        for _ in 0..200 {
            let wall = self.wall;
            if !is_due(self.archiving.partition.state(), wall) && !is_due(self.keeping.partition.state(), wall) {
                return;
            }
            self.ask(&[Command::Tick]);
        }
        panic!("something is due for ever: {:?}", self.archiving.partition.state().timers.first());
    }

    /// Everything that both know of payments and books is the same.
    fn compare(&mut self) {
        for payment in self.created.clone() {
            let (found, kept) = (self.archiving.payment(payment), self.keeping.payment(payment));
            assert_eq!(found.map(comparable), kept.map(comparable), "{payment}");
        }
        for kind in AccountKind::ALL {
            let balance = |side: &Side| side.partition.state().balance(MERCHANT, eur(), kind);
            assert_eq!(balance(&self.archiving), balance(&self.keeping), "{kind:?}");
        }
        let (state, all) = (self.archiving.partition.state(), self.keeping.partition.state());
        let known = state.payments.len() + usize::try_from(state.archived_count).unwrap();
        assert_eq!(known, all.payments.len(), "no payment is lost, and none twice");
    }

    fn nth(&self, number: u16) -> Option<PaymentId> {
        (!self.created.is_empty()).then(|| self.created[usize::from(number) % self.created.len()])
    }

    fn act(mut self, act: &Act) -> Self {
        match *act {
            Act::Create { key, reference, amount, manual, retry } => {
                let reference = reference.map(|reference| [reference; 16]);
                self.ask(&[Command::CreatePayment(CreatePayment {
                    merchant: MERCHANT,
                    idempotency: idempotency(key, amount),
                    reference,
                    content: [amount; 16],
                    subject: SUBJECT,
                    money: Money { amount_minor: u64::from(amount), currency: eur() },
                    capture: if manual { CaptureMode::Manual } else { CaptureMode::Automatic },
                    payment_method: Some("pm_card_visa".into()),
                    customer: None,
                    method: None,
                    presence: Presence::OnSession,
                    confirm: true,
                    retry_declined: retry,
                    details: None,
                    private: Private::default(),
                })]);
            }
            Act::Answer { effect, answer } => self.report(effect, answer),
            Act::Change { payment, key, change } => {
                let Some(payment) = self.nth(payment) else { return self };
                let (merchant, idempotency) = (MERCHANT, idempotency(key, 0));
                let private = Private::default();
                self.ask(&[match change {
                    Change::Refund => Command::CreateRefund(CreateRefund {
                        merchant,
                        payment,
                        idempotency,
                        amount_minor: Some(3),
                        details: None,
                        private,
                    }),
                    Change::Capture => {
                        Command::CapturePayment(CapturePayment { merchant, payment, idempotency, amount_minor: None, private })
                    }
                    Change::Cancel => Command::CancelPayment(CancelPayment { merchant, payment, idempotency, private }),
                    Change::Confirm => Command::ConfirmPayment(ConfirmPayment {
                        merchant,
                        payment,
                        idempotency,
                        payment_method: None,
                        method: None,
                        presence: None,
                        private,
                    }),
                }]);
            }
            Act::Hear { payment, disputes, phase } => {
                let Some(payment) = self.nth(payment) else { return self };
                let kept = self.keeping.payment(payment).unwrap();
                let Some(provider_id) = kept.provider_id().map(str::to_owned) else { return self };
                self.messages += 1;
                let about = if disputes {
                    let fact = DisputeFact {
                        dispute: format!("dp_{provider_id}"),
                        money: Money { amount_minor: 2, currency: eur() },
                        phase,
                        reason: "fraudulent".into(),
                        respond_by: None,
                        fee_minor: 1,
                        is_withdrawn: phase == DisputePhase::Open,
                    };
                    About::Dispute { payment_provider_id: provider_id, dispute: fact }
                } else {
                    About::Payment { provider_id, reference: None, says: PaymentSays::Canceled }
                };
                let (event_id, event_type) = (format!("evt_{}", self.messages), "test".to_owned());
                let notice = Notice { event_id, event_type, created_at: None, about };
                self.ask(&[Command::ReceiveNotice(ReceiveNotice { provider: 0, notice, source: NoticeSource::Webhook, payload: None })]);
            }
            Act::Wait { hours } => {
                self.wall = self.wall.plus_ns(u64::from(hours) * 3_600 * NS_PER_S);
                self.tick();
            }
            Act::Build => builder::work_off(self.archiving.index.as_ref().unwrap()).unwrap(),
            Act::Restart => self.archiving = self.archiving.restart(),
            Act::Crash { payment } => {
                // What was recalled and archived in the round that crashes did not happen.
                let Some(payment) = self.nth(payment) else { return self };
                let again = ConfirmPayment {
                    merchant: MERCHANT,
                    payment,
                    idempotency: idempotency(250, 0),
                    payment_method: None,
                    method: None,
                    presence: None,
                    private: Private::default(),
                };
                let trips = Command::CreateOperator { operator: TRIPS, handle: "trips".into() };
                self.ask(&[Command::ConfirmPayment(again), trips]);
            }
            Act::Compare => self.compare(),
        }
        self
    }
}

/// Open calls by what they are for; ids of some depend on how many events there were.
fn open_calls(state: &State) -> BTreeMap<(PaymentId, String), EffectId> {
    let named = state.effects.iter().map(|(effect, open)| ((open.payment, format!("{:?}", open.requested.kind)), *effect));
    named.collect()
}

/// A payment without what depends on how many events there were, or on some nanoseconds.
fn comparable(payment: Payment) -> Payment {
    let Payment { hold, refunds, created_at, .. } = &payment;
    let whole = |at: Timestamp| Timestamp::from_ns(at.ns() / NS_PER_MS * NS_PER_MS);
    let without_hold =
        |refund: &engine::Refund| engine::Refund { hold: refund.hold.map(|_| 0), created_at: whole(refund.created_at), ..refund.clone() };
    let no_effect = EffectId::from_u128(0);
    let attempt = |attempt: &engine::Attempt| engine::Attempt { effect: no_effect, ..attempt.clone() };
    let capture = |capture: &engine::Capture| engine::Capture { effect: no_effect, ..capture.clone() };
    Payment {
        hold: hold.map(|_| 0),
        attempts: payment.attempts.iter().map(attempt).collect(),
        captures: payment.captures.iter().map(capture).collect(),
        operation: payment.operation.map(|_| no_effect),
        cancel: payment.cancel.map(|_| no_effect),
        observations: payment.observations.iter().map(|_| no_effect).collect(),
        refunds: refunds.iter().map(without_hold).collect(),
        created_at: whole(*created_at),
        expires_at: payment.expires_at.map(whole),
        settling: payment
            .settling
            .clone()
            .map(|settling| Box::new(engine::state::Settling { next_at: settling.next_at.map(whole), ..*settling })),
        resting_since: None,
        ..payment.clone()
    }
}

fn idempotency(key: u8, body: u8) -> Idempotency {
    Idempotency { key: [key; 16], fingerprint: [body; 16] }
}

#[derive(Clone, Copy, Debug)]
enum Answered {
    Captured,
    Authorized,
    Declined,
    Canceled,
    Unknown,
}

impl Answered {
    fn outcome(self, amount_minor: u64, now: Timestamp) -> Outcome {
        let approved = |state| {
            let available_at = Some(Timestamp::from_ns(now.ns() / NS_PER_S * NS_PER_S).plus_ns(30 * 3_600 * NS_PER_S));
            Outcome::Approved(Approval { state, fee_minor: Some(1), available_at })
        };
        match self {
            Self::Captured => approved(ProviderState::Captured { amount_minor }),
            Self::Authorized => approved(ProviderState::Authorized { amount_minor }),
            Self::Canceled => approved(ProviderState::Canceled),
            Self::Declined => {
                Outcome::Declined(Decline { class: DeclineClass::SoftFunds, code: "card_declined".into(), network_code: None })
            }
            Self::Unknown => Outcome::Unknown(base::UnknownReason::Timeout),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Refund,
    Capture,
    Cancel,
    Confirm,
}

#[derive(Clone, Debug)]
enum Act {
    /// A payment, or the same again.
    Create { key: u8, reference: Option<u8>, amount: u8, manual: bool, retry: bool },
    /// What an open call came to.
    Answer { effect: u16, answer: Answered },
    /// A request about a payment of before.
    Change { payment: u16, key: u8, change: Change },
    /// A message about a payment of before.
    Hear { payment: u16, disputes: bool, phase: DisputePhase },
    /// Time passes.
    Wait { hours: u16 },
    /// The index makes tables of what it has in memory, and merges them.
    Build,
    /// The process starts again.
    Restart,
    /// A round crashes.
    Crash { payment: u16 },
    /// Both are compared.
    Compare,
}

fn any_act() -> impl Strategy<Value = Act> {
    let created = (any::<u8>(), proptest::option::of(0..20_u8), 4..9_u8, any::<bool>(), any::<bool>());
    let answer = prop_oneof![
        6 => Just(Answered::Captured),
        2 => Just(Answered::Authorized),
        2 => Just(Answered::Declined),
        1 => Just(Answered::Canceled),
        1 => Just(Answered::Unknown),
    ];
    let change = prop_oneof![Just(Change::Refund), Just(Change::Capture), Just(Change::Cancel), Just(Change::Confirm)];
    let phase = prop_oneof![Just(DisputePhase::Open), Just(DisputePhase::Won), Just(DisputePhase::Lost)];
    prop_oneof![
        12 => created.prop_map(|(key, reference, amount, manual, retry)| Act::Create { key, reference, amount, manual, retry }),
        16 => (any::<u16>(), answer).prop_map(|(effect, answer)| Act::Answer { effect, answer }),
        6 => (any::<u16>(), any::<u8>(), change).prop_map(|(payment, key, change)| Act::Change { payment, key, change }),
        3 => (any::<u16>(), any::<bool>(), phase).prop_map(|(payment, disputes, phase)| Act::Hear { payment, disputes, phase }),
        2 => (0..60_u16).prop_map(|hours| Act::Wait { hours }),
        1 => Just(Act::Wait { hours: 31 * 24 }),
        2 => Just(Act::Build),
        1 => Just(Act::Restart),
        1 => any::<u16>().prop_map(|payment| Act::Crash { payment }),
        1 => Just(Act::Compare),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_partition_that_archives_answers_as_one_that_keeps_all(acts in proptest::collection::vec(any_act(), 400..600)) {
        let mut twins = Twins::new();
        for act in &acts {
            twins = twins.act(act);
        }
        twins.compare();
        prop_assert!(twins.archived_count > 0 && twins.recalled_count > 0, "payments were archived and recalled");
    }
}
