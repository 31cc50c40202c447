//! A world around the engine: it decides, evolves, and judges the state after every entry. The rules of the judge live
//! in `judge.rs`; what a scenario means lives in the test files.

#![allow(dead_code, reason = "every test file uses another part of the world")]

mod judge;

use base::time::NS_PER_S;
use base::{
    About, Approval, Currency, CustomerId, Decline, DeclineClass, DisputeFact, DisputePhase, EffectId, ErrandId, MerchantId, Mismatch,
    Money, NextAction, NotSentReason, Notice, Outcome, PaymentId, PaymentSays, ProviderState, RefundId, Rejection, SubjectId, Timestamp,
    UnknownReason,
};
use engine::state::Balance;
use engine::{
    ArchivedPayment, Booked, CancelPayment, CaptureMode, CapturePayment, Command, ConfirmPayment, Context, CreatePayment, CreateRefund,
    Decision, DeriveKey, Effect, EffectStatus, Entry, ErrandOutcome, ErrandReport, Event, Gaps, Idempotency, NoticeSource, OutcomeReport,
    Payment, PaymentName, Policy, Presence, Private, ProviderPolicy, ReceiveNotice, Reply, Sealed, SendKind, State, decide,
};
pub use judge::check_state;
use payments::PaymentStatus;
use payments::postings::AccountKind;
use std::collections::BTreeMap;

/// When every world begins.
pub const START: Timestamp = Timestamp::from_s(1_795_253_580);
/// The first merchant.
pub const MERCHANT: MerchantId = MerchantId::from_u128(1);
/// Another merchant.
pub const OTHER: MerchantId = MerchantId::from_u128(2);
/// A second in nanoseconds.
pub const S: u64 = NS_PER_S;

/// The policy of the tests: short ladders, so that each rung can be named.
pub fn policy() -> Policy {
    let provider = ProviderPolicy {
        name: "test".into(),
        multiple_captures: false,
        key_retention_ns: 24 * 3_600 * S,
        amount_minor_max: 99_999_999,
        replay_gaps: Gaps::seconds(&[2, 10]),
        lookup_gaps: Gaps::seconds(&[60, 600, 3_600]),
    };
    Policy {
        providers: vec![provider],
        attempt_deadline_ns: 900 * S,
        defer_gaps: Gaps::seconds(&[1, 3]),
        waiting_gaps: Gaps::seconds(&[5, 60]),
        watch_gaps: Gaps::seconds(&[60, 86_400]),
        // None, so that a capture whose fee is not known is not looked at; whoever tests that sets them.
        settle_gaps: Gaps::seconds(&[]),
        errand_replay_gaps: Gaps::seconds(&[2, 10]),
        errand_lookup_gaps: Gaps::seconds(&[60, 600]),
        created_ns: 24 * 3_600 * S,
        action_ns: 3_600 * S,
        hold_ns: 6 * 24 * 3_600 * S,
        payments_kept: 0,
        resume_spacing_ns: 5_000_000,
    }
}

pub fn eur() -> Currency {
    "EUR".parse().expect("the euro is a currency")
}

/// A key of which body and fingerprint follow from one number each.
pub fn idempotency(key: u64, body: u64) -> Idempotency {
    let wide = |number: u64| u128::from(number).to_be_bytes();
    Idempotency { key: wide(key), fingerprint: wide(body) }
}

/// An hour in which nothing may loop: more runs than this in a row is a loop.
const TICKS_MAX: usize = 2_000;

pub struct World {
    pub state: State,
    pub now: Timestamp,
    pub policy: Policy,
    pub derive_key: DeriveKey,
    /// Everything that happened, to replay.
    pub entries: Vec<Entry>,
    /// Whether requests get sealed bytes, without which a replay is illegal.
    pub seals: bool,
    /// Errands whose sends fell due, in order.
    pub errands_sent: Vec<ErrandId>,
    /// Whether all payments that rest are archived before each command, and only those recalled that it may be about. The
    /// others come back after it, for whoever looks.
    pub archives: bool,
    next_key: u64,
}

impl World {
    /// A world whose partition is led and has two merchants.
    pub fn new() -> Self {
        Self::with_policy(policy())
    }

    pub fn with_policy(policy: Policy) -> Self {
        let mut world = Self::bare(policy);
        assert_eq!(world.submit(&Command::RaiseMinVersion { version: 1 }), Reply::Done);
        assert_eq!(world.submit(&Command::StartLeader { epoch: 1 }), Reply::Done);
        for (merchant, handle) in [(MERCHANT, "shop"), (OTHER, "other")] {
            assert_eq!(world.submit(&Command::CreateMerchant { merchant, handle: handle.into() }), Reply::Done);
        }
        world
    }

    /// A world before its first event.
    pub fn bare(policy: Policy) -> Self {
        let derive_key = DeriveKey::new(1, &[7; 32]);
        Self {
            state: State::new(),
            now: START,
            policy,
            derive_key,
            entries: Vec::new(),
            seals: true,
            errands_sent: Vec::new(),
            archives: false,
            next_key: 1_000,
        }
    }

    pub fn decide(&self, command: &Command) -> Decision {
        let now = self.now.max(self.state.last_at.plus_ns(1));
        decide(&self.state, Context { now, policy: &self.policy, derive_key: &self.derive_key }, command)
    }

    /// Decides twice, as determinism demands, seals the requests, applies every entry and judges the state after each.
    pub fn decision(&mut self, command: &Command) -> Decision {
        if command.is_booking() {
            return self.booking(command);
        }
        if *command == Command::Tick {
            self.now = self.now.max(self.state.last_at.plus_ns(1));
            if let Some(merchant) = self.state.ledger_due(self.now) {
                return self.booking(&Command::ExpireLedgerTransfers { merchant });
            }
        }
        let archived = if self.archives { self.archive_and_recall(command) } else { BTreeMap::new() };
        let mut decision = self.decide(command);
        assert_eq!(decision, self.decide(command), "the same inputs give the same decision");
        self.now = self.now.max(self.state.last_at.plus_ns(1));
        let mut created = None;
        for entry in &mut decision.entries {
            if let Event::PaymentCreated(event) = &entry.event {
                created = Some(event.subject);
            }
            let subject = created.or(entry.event.payment().and_then(|id| self.state.payments.get(&id)).map(|payment| payment.subject));
            let seals = self.seals;
            if let Some(requested) = entry.event.requested_mut().filter(|_| seals) {
                let bytes = requested.key.to_be_bytes().to_vec();
                requested.request = Some(Sealed { subject: subject.expect("a request belongs to a payment"), bytes });
            }
            let subject_of = |id: &CustomerId| self.state.customers[id].subject;
            if let Some(requested) = entry.event.errand_mut().filter(|_| seals) {
                let (subject, bytes) = (subject_of(&requested.customer), requested.key.to_be_bytes().to_vec());
                requested.request = Some(Sealed { subject, bytes });
            }
            self.state.evolve(entry);
            if archived.is_empty() {
                check_state(&self.state);
            }
        }
        self.entries.extend(decision.entries.iter().cloned());
        if !archived.is_empty() {
            self.recall(archived.into_values().collect());
            check_state(&self.state);
        }
        for payment in decision.entries.iter().filter_map(|entry| entry.event.payment()) {
            self.check_outlook(payment);
        }
        decision
    }

    /// Archives all that rests.
    pub fn archive_all(&mut self) -> BTreeMap<PaymentId, ArchivedPayment> {
        let mut archived = BTreeMap::new();
        while !self.state.resting.is_empty() {
            let entries = self.decide(&Command::ArchivePayments).entries;
            for entry in &entries {
                let Event::PaymentsArchived { payments } = &entry.event else { panic!("archiving archives") };
                archived.extend(payments.iter().map(|payment| (payment.id, payment.clone())));
            }
            self.happened(entries);
        }
        archived
    }

    /// Archives all that rests and recalls what a command may be about; returns what stays archived.
    fn archive_and_recall(&mut self, command: &Command) -> BTreeMap<PaymentId, ArchivedPayment> {
        let mut archived = self.archive_all();
        let now = self.now.max(self.state.last_at.plus_ns(1));
        let names = match command {
            Command::Tick => self.state.archived_due(now).into_iter().map(PaymentName::Id).collect(),
            command => command.payment_names(&self.derive_key),
        };
        let unknown: Vec<PaymentName> = names.into_iter().filter(|name| !self.state.is_named(name)).collect();
        let is_named = |payment: &ArchivedPayment| payment.names().any(|name| unknown.contains(&name));
        let wanted: Vec<ArchivedPayment> = archived.values().filter(|payment| is_named(payment)).cloned().collect();
        archived.retain(|_, payment| !is_named(payment));
        self.recall(wanted);
        archived
    }

    /// Puts archived payments back.
    fn recall(&mut self, payments: Vec<ArchivedPayment>) {
        let entries = self.decide(&Command::RecallPayments { payments }).entries;
        self.happened(entries);
    }

    fn happened(&mut self, entries: Vec<Entry>) {
        entries.iter().for_each(|entry| self.state.evolve(entry));
        self.now = self.now.max(self.state.last_at);
        self.entries.extend(entries);
    }

    /// Books, and sees that a replay of what the journal holds gives the same state.
    fn booking(&mut self, command: &Command) -> Decision {
        self.now = self.now.max(self.state.last_at.plus_ns(1));
        let mut replayed = self.state.clone();
        let Booked { entry, reply } = self.state.book(self.now, command);
        let entries: Vec<Entry> = entry.into_iter().collect();
        entries.iter().for_each(|entry| replayed.evolve(entry));
        assert!(without_history(&self.state) == without_history(&replayed), "a replay of {entries:?} gives the same state");
        check_state(&self.state);
        self.entries.extend(entries.iter().cloned());
        Decision { entries, reply }
    }

    /// What is said to be permitted is exactly what would be decided.
    fn check_outlook(&self, payment: PaymentId) {
        let merchant = self.state.payments[&payment].merchant;
        let outlook = self.state.outlook(merchant, payment).expect("a merchant sees its payment");
        let key = |number: u64| idempotency(u64::MAX - number, 0);
        let accepted = |command: Command| !matches!(self.decide(&command).reply, Reply::Refused(_));
        let private = Private::default;
        let confirm = Command::ConfirmPayment(ConfirmPayment {
            merchant,
            payment,
            idempotency: key(1),
            payment_method: Some("pm_other".into()),
            method: None,
            presence: Some(Presence::OnSession),
            private: private(),
        });
        assert_eq!(accepted(confirm), outlook.permitted.confirm || outlook.permitted.look, "confirm of {:?}", outlook.payment);
        let capture = |amount_minor| {
            Command::CapturePayment(CapturePayment { merchant, payment, idempotency: key(2), amount_minor, private: private() })
        };
        let refund = |amount_minor| {
            Command::CreateRefund(CreateRefund { merchant, payment, idempotency: key(3), amount_minor, details: None, private: private() })
        };
        for (command, max) in [(capture(None), outlook.permitted.capture_minor_max), (refund(None), outlook.permitted.refund_minor_max)] {
            assert_eq!(accepted(command), max.is_some(), "{:?}", outlook.payment);
        }
        if let Some(max) = outlook.permitted.capture_minor_max {
            assert!(accepted(capture(Some(max))) && !accepted(capture(Some(max + 1))), "{max} of {:?}", outlook.payment);
        }
        if let Some(max) = outlook.permitted.refund_minor_max {
            assert!(accepted(refund(Some(max))) && !accepted(refund(Some(max + 1))), "{max} of {:?}", outlook.payment);
        }
        let cancel = Command::CancelPayment(CancelPayment { merchant, payment, idempotency: key(4), private: private() });
        assert_eq!(accepted(cancel), outlook.permitted.cancel, "cancel of {:?}", outlook.payment);
        let open: Vec<EffectId> = outlook.effects.iter().map(|open| open.requested.effect).collect();
        for (effect, found) in self.state.effects.iter().filter(|(_, found)| found.payment == payment) {
            assert!(open.contains(effect), "{found:?} is open and not shown");
            let look = accepted(Command::LookAtParked { effect: *effect });
            assert_eq!(look, outlook.parked().any(|parked| parked.requested.effect == *effect), "a look at {found:?}");
        }
    }

    pub fn submit(&mut self, command: &Command) -> Reply {
        self.decision(command).reply
    }

    /// Reports what the latest send of an effect came to.
    pub fn outcome(&mut self, effect: EffectId, outcome: Outcome) -> Decision {
        let send = self.state.effects.get(&effect).map_or(1, |open| open.sends);
        self.outcome_of(effect, send, outcome)
    }

    /// Reports what one send of an effect came to.
    pub fn outcome_of(&mut self, effect: EffectId, send: u32, outcome: Outcome) -> Decision {
        let provider_id = outcome_names_object(&outcome).then(|| format!("pi_{:x}", effect.as_u128() >> 96));
        let decision = self.decision(&Command::ReportOutcome(OutcomeReport { effect, send, outcome, provider_id }));
        assert_eq!(decision.reply, Reply::Done);
        decision
    }

    /// Reports what the latest send of an errand came to.
    pub fn errand_outcome(&mut self, errand: ErrandId, outcome: ErrandOutcome) -> Decision {
        let send = self.state.errands.get(&errand).map_or(1, |open| open.sends);
        let decision = self.decision(&Command::ReportErrand(ErrandReport { errand, send, outcome }));
        assert_eq!(decision.reply, Reply::Done);
        decision
    }

    /// Lets time pass, then runs what is due until nothing is.
    pub fn advance(&mut self, ns: u64) -> Vec<EffectId> {
        self.now = self.now.max(self.state.last_at).plus_ns(ns);
        self.tick_until_quiet()
    }

    /// Runs what is due; returns the effects that were sent, in order.
    pub fn tick_until_quiet(&mut self) -> Vec<EffectId> {
        let mut sent = Vec::new();
        for _ in 0..TICKS_MAX {
            let now = self.now.max(self.state.last_at.plus_ns(1));
            let due = self.state.due_at().is_some_and(|at| at <= now);
            let decision = self.decision(&Command::Tick);
            assert_eq!(decision.reply, Reply::Done);
            let acts = !decision.entries.is_empty();
            // To archive and recall takes time in which something more may fall due.
            assert!(due == acts || self.archives && acts, "a tick acts exactly when something is due: {:?}", self.state.timers.first());
            if !acts {
                return sent;
            }
            sent.extend(decision.effects());
            self.errands_sent.extend(decision.errands());
        }
        panic!("a tick finds something due for ever: {:?}", self.state.timers.first());
    }

    /// Runs time up to what falls due next, and that.
    pub fn advance_to_next(&mut self) -> Vec<EffectId> {
        let at = self.state.due_at().expect("something falls due");
        self.now = self.now.max(at);
        self.tick_until_quiet()
    }

    /// A key that no command has used.
    pub fn fresh(&mut self) -> Idempotency {
        self.next_key += 1;
        idempotency(self.next_key, self.next_key)
    }

    /// A request for an automatic capture of a card, confirmed, without a reference.
    pub fn request(&mut self, amount_minor: u64) -> CreatePayment {
        let idempotency = self.fresh();
        CreatePayment {
            merchant: MERCHANT,
            idempotency,
            reference: None,
            content: [1; 16],
            subject: SubjectId::from_u128(9),
            money: Money { amount_minor, currency: eur() },
            capture: CaptureMode::Automatic,
            payment_method: Some("pm_card".into()),
            customer: None,
            method: None,
            presence: Presence::OnSession,
            confirm: true,
            retry_declined: false,
            details: None,
            private: Private::default(),
        }
    }

    pub fn create(&mut self, request: &CreatePayment) -> PaymentId {
        let Reply::Payment { payment, replayed: false, .. } = self.submit(&Command::CreatePayment(request.clone())) else {
            panic!("a new payment is created");
        };
        payment
    }

    /// A payment whose authorization is on its way.
    pub fn pay(&mut self, amount_minor: u64, capture: CaptureMode) -> (PaymentId, EffectId) {
        let request = CreatePayment { capture, ..self.request(amount_minor) };
        let payment = self.create(&request);
        (payment, self.operation(payment))
    }

    /// A payment whose money was taken in one step.
    pub fn captured(&mut self, amount_minor: u64) -> PaymentId {
        let (payment, effect) = self.pay(amount_minor, CaptureMode::Automatic);
        self.outcome(effect, captured(amount_minor));
        assert_eq!(self.status(payment), PaymentStatus::Captured);
        payment
    }

    /// A payment whose money is held.
    pub fn authorized(&mut self, amount_minor: u64) -> PaymentId {
        let (payment, effect) = self.pay(amount_minor, CaptureMode::Manual);
        self.outcome(effect, authorized(amount_minor));
        assert_eq!(self.status(payment), PaymentStatus::Authorized);
        payment
    }

    pub fn confirm(&mut self, payment: PaymentId) -> Reply {
        let command = ConfirmPayment {
            merchant: MERCHANT,
            payment,
            idempotency: self.fresh(),
            payment_method: None,
            method: None,
            presence: None,
            private: Private::default(),
        };
        self.submit(&Command::ConfirmPayment(command))
    }

    pub fn capture(&mut self, payment: PaymentId, amount_minor: Option<u64>) -> Reply {
        let command = CapturePayment { merchant: MERCHANT, payment, idempotency: self.fresh(), amount_minor, private: Private::default() };
        self.submit(&Command::CapturePayment(command))
    }

    pub fn cancel(&mut self, payment: PaymentId) -> Reply {
        let command = CancelPayment { merchant: MERCHANT, payment, idempotency: self.fresh(), private: Private::default() };
        self.submit(&Command::CancelPayment(command))
    }

    pub fn refund(&mut self, payment: PaymentId, amount_minor: Option<u64>) -> Reply {
        let (idempotency, private) = (self.fresh(), Private::default());
        self.submit(&Command::CreateRefund(CreateRefund { merchant: MERCHANT, payment, idempotency, amount_minor, details: None, private }))
    }

    /// A refund that is on its way.
    pub fn refunding(&mut self, payment: PaymentId, amount_minor: u64) -> (RefundId, EffectId) {
        match self.refund(payment, Some(amount_minor)) {
            Reply::Refund { refund, waiting_for: Some(effect), replayed: false, .. } => (refund, effect),
            other => panic!("a refund starts: {other:?}"),
        }
    }

    /// A message of the provider that nobody has heard before.
    pub fn hear(&mut self, about: About) -> Decision {
        self.next_key += 1;
        let event_id = format!("evt_{}", self.next_key);
        self.hear_as(event_id, about)
    }

    /// A message of the provider with its id.
    pub fn hear_as(&mut self, event_id: String, about: About) -> Decision {
        let notice = Notice { event_id, event_type: "test.event".into(), created_at: None, about };
        let decision =
            self.decision(&Command::ReceiveNotice(ReceiveNotice { provider: 0, notice, source: NoticeSource::Webhook, payload: None }));
        assert_eq!(decision.reply, Reply::Done);
        decision
    }

    /// What the provider calls a payment's newest attempt.
    pub fn provider_id(&self, payment: PaymentId) -> String {
        self.payment(payment).provider_id().expect("the provider has named the payment").to_owned()
    }

    /// A message about a payment's newest attempt.
    pub fn about(&self, payment: PaymentId, says: PaymentSays) -> About {
        About::Payment { provider_id: self.provider_id(payment), reference: None, says }
    }

    /// A message about a dispute of a payment.
    pub fn dispute(&mut self, payment: PaymentId, dispute: &str, amount_minor: u64, phase: DisputePhase) -> Decision {
        let fact = fact(dispute, amount_minor, phase);
        let payment_provider_id = self.provider_id(payment);
        self.hear(About::Dispute { payment_provider_id, dispute: fact })
    }

    /// Looks at a payment's object, because the provider said something that does not fit, and finds this.
    pub fn observe(&mut self, payment: PaymentId, says: PaymentSays, found: Outcome) -> Decision {
        self.hear(self.about(payment, says));
        let effect = *self.payment(payment).observations.last().expect("a message that does not fit makes the platform look");
        self.outcome(effect, found)
    }

    /// The provider takes a capture back that had gone through.
    pub fn reverse_capture(&mut self, payment: PaymentId) -> Decision {
        self.observe(payment, PaymentSays::Canceled, canceled())
    }

    pub fn payment(&self, payment: PaymentId) -> &Payment {
        &self.state.payments[&payment]
    }

    pub fn status(&self, payment: PaymentId) -> PaymentStatus {
        self.payment(payment).status
    }

    /// The authorization or capture that is open.
    pub fn operation(&self, payment: PaymentId) -> EffectId {
        self.payment(payment).operation.expect("an operation is open")
    }

    pub fn open(&self, effect: EffectId) -> &Effect {
        self.state.effects.get(&effect).expect("the effect is open")
    }

    pub fn is_open(&self, effect: EffectId) -> bool {
        self.state.effects.contains_key(&effect)
    }

    /// Where an open effect stands and how its latest send went out.
    pub fn stand(&self, effect: EffectId) -> (EffectStatus, SendKind) {
        (self.open(effect).status, self.open(effect).send_kind)
    }

    pub fn balance(&self, kind: AccountKind) -> Balance {
        self.state.balance(MERCHANT, eur(), kind)
    }

    /// Posted balance, debits positive.
    pub fn debit(&self, kind: AccountKind) -> i128 {
        let balance = self.balance(kind);
        let wide = |amount_minor| i128::try_from(amount_minor).expect("the amounts of tests are small");
        wide(balance.debits_posted) - wide(balance.credits_posted)
    }

    /// Posted balance, credits positive.
    pub fn credit(&self, kind: AccountKind) -> i128 {
        -self.debit(kind)
    }

    /// What is reserved of the receivable for holds, in minor units.
    pub fn held(&self) -> u128 {
        self.balance(AccountKind::Receivable).debits_pending
    }

    /// Replays everything that happened into a new state, which must be the same.
    pub fn assert_replay_is_equal(&self) {
        let mut state = State::new();
        for entry in &self.entries {
            state.evolve(entry);
        }
        assert!(state == without_history(&self.state), "the same journal gives the same state");
    }
}

/// Whether such an answer would name the provider's object.
fn outcome_names_object(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Approved(_) | Outcome::Pending(_) | Outcome::Mismatch(_) | Outcome::Declined(_))
}

/// What a provider says of a dispute, with a fee of 15 once money was taken back.
pub fn fact(dispute: &str, amount_minor: u64, phase: DisputePhase) -> DisputeFact {
    let has_taken = matches!(phase, DisputePhase::Open | DisputePhase::Won | DisputePhase::Lost);
    DisputeFact {
        dispute: dispute.to_owned(),
        money: Money { amount_minor, currency: eur() },
        phase,
        reason: "fraudulent".into(),
        respond_by: None,
        fee_minor: if has_taken { 15 } else { 0 },
        is_withdrawn: matches!(phase, DisputePhase::Open | DisputePhase::Lost),
    }
}

pub const fn approved(state: ProviderState) -> Outcome {
    Outcome::Approved(Approval { state, fee_minor: None, available_at: None })
}

pub const fn captured(amount_minor: u64) -> Outcome {
    approved(ProviderState::Captured { amount_minor })
}

/// Captured with a fee, released at a time.
pub const fn settled(amount_minor: u64, fee_minor: u64, available_at: Timestamp) -> Outcome {
    let state = ProviderState::Captured { amount_minor };
    Outcome::Approved(Approval { state, fee_minor: Some(fee_minor), available_at: Some(available_at) })
}

pub const fn authorized(amount_minor: u64) -> Outcome {
    approved(ProviderState::Authorized { amount_minor })
}

pub const fn canceled() -> Outcome {
    approved(ProviderState::Canceled)
}

pub const fn refunded(amount_minor: u64) -> Outcome {
    approved(ProviderState::Refunded { amount_minor })
}

pub const fn refund_pending(amount_minor: u64) -> Outcome {
    approved(ProviderState::RefundPending { amount_minor })
}

pub fn declined() -> Outcome {
    Outcome::Declined(Decline { class: DeclineClass::SoftFunds, code: "insufficient_funds".into(), network_code: None })
}

pub fn redirect() -> Outcome {
    Outcome::Pending(NextAction::Redirect { url: "https://provider.example/3ds".into() })
}

pub const fn unknown() -> Outcome {
    Outcome::Unknown(UnknownReason::Timeout)
}

pub const fn not_found() -> Outcome {
    Outcome::Unknown(UnknownReason::NotFound)
}

pub const fn not_sent() -> Outcome {
    Outcome::NotSent(NotSentReason::Connect)
}

pub fn rejected(permanent: bool) -> Outcome {
    Outcome::Rejected(Rejection { permanent, code: "rate_limit".into() })
}

pub fn mismatch(amount_minor: u64, captured: bool) -> Outcome {
    Outcome::Mismatch(Mismatch { amount_minor, currency: eur(), captured })
}

/// The state as a replay gives it. Worlds let merchants' ledgers remember everything, so that they need no history.
pub fn without_history(state: &State) -> State {
    let mut state = state.clone();
    state.ledgers.values_mut().for_each(|found| found.ledger.forget());
    state
}
