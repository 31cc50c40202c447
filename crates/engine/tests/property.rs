//! Random histories. First chaos: any command and any answer at any time breaks no invariant. Then an honest provider
//! behind a broken network: whatever was lost on the way, the books end up saying what really moved.

mod common;

use base::{
    About, Currency, CustomerId, Decline, DeclineClass, DisputePhase, EffectId, ErrandId, MerchantId, Money, NotSentReason, Notice,
    Outcome, OutcomeClass, PaymentId, PaymentMethodId, PaymentSays, ProviderState, RefundSays, Rejection, SubjectId, UnknownReason,
};
use common::{
    MERCHANT, OTHER, S, World, approved, authorized, canceled, captured, check_state, declined, eur, mismatch, not_found, not_sent, policy,
    redirect, refund_pending, refunded, rejected, settled, unknown,
};
use engine::{
    CancelPayment, CaptureMode, CapturePayment, CardFacts, Command, ConfirmPayment, CreateCustomer, CreatePayment, CreateRefund,
    EffectKind, EffectRequested, EffectStatus, ErrandDone, ErrandKind, ErrandOutcome, ErrandReport, ErrandRequested, ErrandStatus, Event,
    Gaps, Idempotency, LedgerAnswer, LedgerTexts, NoticeSource, OutcomeReport, Presence, Private, ReceiveNotice, Reply, SendKind,
    StorePaymentMethod,
};
use ledger::{Account, Transfer, TransferFlags};
use payments::StoredMethodStatus;
use payments::postings::AccountKind;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Steps of one history.
const STEPS: usize = 300;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 100, ..ProptestConfig::default() }
}

/// Numbers drawn from one step, one after the other.
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: u64) -> u64 {
        // A multiplicative congruential step (Knuth, MMIX) is random enough to choose among few.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % count
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        let count = u64::try_from(all.len()).expect("a list is short");
        (count > 0).then(|| all[usize::try_from(self.below(count)).expect("it is below a small number")].clone())
    }
}

/// A payment that exists, mostly; sometimes one that does not.
fn any_payment(world: &World, draw: &mut Draw) -> PaymentId {
    let all: Vec<PaymentId> = world.state.payments.keys().copied().collect();
    if draw.one_in(20) { PaymentId::from_u128(5) } else { draw.of(&all).unwrap_or(PaymentId::from_u128(5)) }
}

fn any_key(draw: &mut Draw) -> Idempotency {
    let key = draw.below(200);
    common::idempotency(key, if draw.one_in(10) { 999 } else { key })
}

fn any_merchant(draw: &mut Draw) -> MerchantId {
    if draw.one_in(4) { OTHER } else { MERCHANT }
}

fn any_currency(draw: &mut Draw) -> Currency {
    if draw.one_in(5) { "JPY".parse().expect("the yen is a currency") } else { eur() }
}

/// A customer that exists, mostly.
fn any_customer(world: &World, draw: &mut Draw) -> CustomerId {
    let all: Vec<CustomerId> = world.state.customers.keys().copied().collect();
    draw.of(&all).filter(|_| !draw.one_in(20)).unwrap_or(CustomerId::from_u128(5))
}

fn any_method(world: &World, draw: &mut Draw) -> PaymentMethodId {
    let all: Vec<PaymentMethodId> = world.state.methods.keys().copied().collect();
    draw.of(&all).filter(|_| !draw.one_in(20)).unwrap_or(PaymentMethodId::from_u128(5))
}

fn any_presence(draw: &mut Draw) -> Presence {
    if draw.one_in(3) { Presence::OffSession } else { Presence::OnSession }
}

fn any_create(world: &World, draw: &mut Draw) -> CreatePayment {
    let customer = draw.one_in(10).then(|| any_customer(world, draw));
    let method = draw.one_in(10).then(|| any_method(world, draw));
    let reference = (!draw.one_in(3)).then(|| [u8::try_from(draw.below(30)).expect("it is below a small number"); 16]);
    CreatePayment {
        merchant: any_merchant(draw),
        idempotency: any_key(draw),
        reference,
        content: [u8::try_from(draw.below(2)).expect("it is below a small number"); 16],
        subject: SubjectId::from_u128(u128::from(draw.below(6))),
        money: Money { amount_minor: 1 + draw.below(200), currency: any_currency(draw) },
        capture: if draw.one_in(2) { CaptureMode::Automatic } else { CaptureMode::Manual },
        payment_method: (!draw.one_in(10)).then(|| "pm_card".to_owned()),
        customer,
        method,
        presence: if method.is_some() || draw.one_in(20) { any_presence(draw) } else { Presence::OnSession },
        confirm: !draw.one_in(5),
        retry_declined: draw.one_in(2),
        details: None,
        private: Private::default(),
    }
}

fn any_request(world: &World, draw: &mut Draw) -> Command {
    let payment = any_payment(world, draw);
    let owner = world.state.payments.get(&payment).map_or(MERCHANT, |found| found.merchant);
    let merchant = if draw.one_in(20) { any_merchant(draw) } else { owner };
    let (idempotency, private) = (any_key(draw), Private::default());
    let amount_minor = (!draw.one_in(3)).then(|| 1 + draw.below(120));
    match draw.below(10) {
        0..3 => Command::CreatePayment(any_create(world, draw)),
        3 => {
            let method = draw.one_in(3).then(|| any_method(world, draw));
            let presence = draw.one_in(4).then(|| any_presence(draw));
            Command::ConfirmPayment(ConfirmPayment { merchant, payment, idempotency, payment_method: None, method, presence, private })
        }
        4..6 => Command::CapturePayment(CapturePayment { merchant, payment, idempotency, amount_minor, private }),
        6 => Command::CancelPayment(CancelPayment { merchant, payment, idempotency, private }),
        _ => Command::CreateRefund(CreateRefund { merchant, payment, idempotency, amount_minor, details: None, private }),
    }
}

fn any_customer_request(world: &World, draw: &mut Draw) -> Command {
    let (merchant, idempotency) = (any_merchant(draw), any_key(draw));
    let (customer, method) = (any_customer(world, draw), any_method(world, draw));
    let owner = |customer: CustomerId| world.state.customers.get(&customer).map_or(merchant, |found| found.merchant);
    let subject = SubjectId::from_u128(u128::from(draw.below(6)));
    match draw.below(12) {
        0..3 => Command::CreateCustomer(CreateCustomer { merchant, idempotency, subject, details: None }),
        3..9 => {
            let provider = u16::from(draw.one_in(20));
            let merchant = if draw.one_in(20) { merchant } else { owner(customer) };
            Command::StorePaymentMethod(StorePaymentMethod { merchant, customer, idempotency, provider, token: "pm_card".into() })
        }
        9..11 => {
            let merchant = world.state.methods.get(&method).map_or(merchant, |found| owner(found.customer));
            Command::RemovePaymentMethod { merchant, method }
        }
        _ => Command::DeleteCustomer { merchant: owner(customer), customer },
    }
}

/// Accounts and transfers of a merchant's own ledger, few enough to meet.
fn any_booking(draw: &mut Draw) -> Command {
    let merchant = any_merchant(draw);
    let account = |id: u64| Account { id: id.into(), ledger: 1, code: 1, ..Account::default() };
    if draw.one_in(4) {
        return Command::CreateLedgerAccounts {
            merchant,
            accounts: vec![account(1), account(1 + draw.below(4))],
            texts: LedgerTexts::default(),
        };
    }
    let mut transfer = || {
        let flags = [TransferFlags::NONE, TransferFlags::PENDING, TransferFlags::POST_PENDING_TRANSFER];
        let flags = draw.of(&flags).expect("there are some");
        let is_post = flags == TransferFlags::POST_PENDING_TRANSFER;
        Transfer {
            id: (1 + draw.below(1_000)).into(),
            debit_account_id: if is_post { 0 } else { 1 },
            credit_account_id: if is_post { 0 } else { (2 + draw.below(3)).into() },
            amount: draw.below(50).into(),
            pending_id: if is_post { (1 + draw.below(1_000)).into() } else { 0 },
            timeout_s: if flags == TransferFlags::PENDING { 60 } else { 0 },
            ledger: u32::from(!is_post),
            code: u16::from(!is_post),
            flags,
            ..Transfer::default()
        }
    };
    Command::CreateLedgerTransfers {
        merchant,
        transfers: vec![transfer(), transfer(), transfer()],
        texts: LedgerTexts::default(),
        answer: LedgerAnswer::Balances,
    }
}

fn card(exp_month: u16) -> CardFacts {
    CardFacts { brand: "visa".into(), last4: "4242".into(), exp_month, exp_year: 2_034 }
}

fn any_errand_outcome(draw: &mut Draw, kind: ErrandKind) -> ErrandOutcome {
    let code = "rate_limit".to_owned();
    let kind = if draw.one_in(12) { ErrandKind::StoreCustomer } else { kind };
    match draw.below(12) {
        0 => ErrandOutcome::NotSent(if draw.one_in(4) { NotSentReason::Encode } else { NotSentReason::Connect }),
        1 => ErrandOutcome::Rejected(Rejection { permanent: draw.one_in(2), code }),
        2 => ErrandOutcome::Declined(Decline { class: DeclineClass::HardCard, code, network_code: None }),
        3..6 => ErrandOutcome::Unknown(if draw.one_in(2) { UnknownReason::Timeout } else { UnknownReason::NotFound }),
        _ => ErrandOutcome::Done(match kind {
            ErrandKind::StoreCustomer => ErrandDone::CustomerStored { provider_id: "cus_1".into() },
            ErrandKind::Attach { .. } => {
                let exp_month = u16::try_from(draw.below(14)).expect("it is below a small number");
                ErrandDone::MethodStored { provider_id: "pm_1".into(), card: (!draw.one_in(5)).then(|| card(exp_month)) }
            }
            ErrandKind::Detach { .. } => ErrandDone::MethodRemoved,
        }),
    }
}

fn any_errand_report(world: &World, draw: &mut Draw) -> Option<Command> {
    let errands: Vec<ErrandId> = world.state.errands.keys().copied().collect();
    let errand = draw.of(&errands)?;
    let open = &world.state.errands[&errand];
    let sends = u64::from(open.sends);
    let send = if draw.one_in(8) { draw.below(sends + 2) } else { sends };
    let outcome = any_errand_outcome(draw, open.requested.kind);
    Some(Command::ReportErrand(ErrandReport { errand, send: u32::try_from(send).expect("it is a small number"), outcome }))
}

fn any_outcome(draw: &mut Draw, asked_minor: u64, now: base::Timestamp) -> Outcome {
    let amount_minor = if draw.one_in(8) { draw.below(200) } else { asked_minor };
    match draw.below(24) {
        0..3 => unknown(),
        3 => not_found(),
        4 => not_sent(),
        5 => rejected(draw.one_in(2)),
        6..8 => declined(),
        8 => redirect(),
        9 => Outcome::Pending(base::NextAction::Wait),
        10..13 => authorized(amount_minor),
        13..15 => captured(amount_minor),
        15..17 => settled(amount_minor, draw.below(9), now.plus_ns(draw.below(100_000) * S)),
        17..19 => canceled(),
        19..21 => refunded(amount_minor),
        21 => refund_pending(amount_minor),
        22 => mismatch(amount_minor, draw.one_in(2)),
        _ => captured(u64::MAX),
    }
}

fn any_notice(world: &World, draw: &mut Draw) -> Command {
    let payment = any_payment(world, draw);
    let named = world.state.payments.get(&payment).and_then(|found| draw.of(&found.attempts)).and_then(|attempt| attempt.provider_id);
    let provider_id = named.filter(|_| !draw.one_in(10)).unwrap_or_else(|| "pi_1".to_owned());
    let references: Vec<String> = world.state.effects.values().map(|open| open.requested.reference_text()).collect();
    let reference = draw.of(&references).filter(|_| draw.one_in(3));
    let amount_minor = draw.below(250);
    let about = match draw.below(10) {
        0 => About::Other,
        1..5 => {
            use PaymentSays::{Authorized, Canceled, Captured, Open, Settling, Unclear};
            let says = draw.of(&[Open, Authorized, Captured { amount_minor }, Captured { amount_minor: 100 }, Canceled, Settling, Unclear]);
            About::Payment { provider_id, reference, says: says.expect("it is one of several") }
        }
        5..7 => {
            let named = world.state.attempt_of(0, &provider_id).map(|(payment, _)| world.state.payments[&payment].refunds.clone());
            let refund = named.and_then(|refunds| draw.of(&refunds)).and_then(|refund| refund.provider_id);
            let says = draw.of(&[RefundSays::Pending, RefundSays::Succeeded, RefundSays::Failed, RefundSays::Unclear]);
            About::Refund {
                provider_id: refund.unwrap_or_else(|| "pi_1".into()),
                payment_provider_id: provider_id,
                reference,
                says: says.expect("it is one of several"),
            }
        }
        _ => {
            use DisputePhase::{Inquiry, InquiryClosed, Lost, Open, Unclear, Won};
            let phase = draw.of(&[Inquiry, InquiryClosed, Open, Open, Won, Lost, Unclear]).expect("it is one of several");
            let mut fact = common::fact(&format!("dp_{}", draw.below(3)), amount_minor, phase);
            fact.fee_minor = draw.below(20);
            fact.is_withdrawn = draw.one_in(2);
            About::Dispute { payment_provider_id: provider_id, dispute: fact }
        }
    };
    let source = draw.of(&[NoticeSource::Webhook, NoticeSource::Sweep, NoticeSource::Replay]).expect("it is one of three");
    let event_id = format!("evt_{}", draw.below(1_000));
    Command::ReceiveNotice(ReceiveNotice {
        provider: 0,
        notice: Notice { event_id, event_type: "t".into(), created_at: None, about },
        source,
        payload: None,
    })
}

fn chaos_step(world: &mut World, draw: &mut Draw) {
    let effects: Vec<EffectId> = world.state.effects.keys().copied().collect();
    let command = match draw.below(124) {
        0..36 => any_request(world, draw),
        36..42 => any_notice(world, draw),
        42..80 => {
            let Some(effect) = draw.of(&effects) else { return };
            let open = world.open(effect);
            let (asked_minor, sends) = (open.requested.money.amount_minor, open.sends);
            let send =
                if draw.one_in(8) { u32::try_from(draw.below(u64::from(sends) + 2)).expect("it is below a small number") } else { sends };
            let outcome = any_outcome(draw, asked_minor, world.now);
            let provider_id = (!draw.one_in(6)).then(|| format!("pi_{}", draw.below(4)));
            Command::ReportOutcome(OutcomeReport { effect, send, outcome, provider_id })
        }
        80..93 => {
            let seconds = [1, 5, 60, 3_600, 86_400, 31 * 86_400][usize::try_from(draw.below(6)).expect("it is below a small number")];
            world.advance(seconds * S);
            return;
        }
        93..96 => any_notice(world, draw),
        100..108 => any_customer_request(world, draw),
        108..118 => {
            let Some(command) = any_errand_report(world, draw) else { return };
            command
        }
        118..124 => any_booking(draw),
        96 => Command::StartLeader { epoch: world.state.epoch + 1 },
        97 => Command::EraseSubject { subject: SubjectId::from_u128(u128::from(draw.below(6))) },
        98 if draw.one_in(2) => Command::NoteSweep { provider: 0, swept_to: base::Timestamp::from_s(draw.below(1_000)) },
        98 => Command::ReportClockJump { jump_ns: 1 },
        99 if draw.one_in(2) => {
            let parked = |effect: &EffectId| world.open(*effect).status == engine::EffectStatus::Parked;
            let Some(effect) = draw.of(&effects.into_iter().filter(parked).collect::<Vec<_>>()) else { return };
            Command::LookAtParked { effect }
        }
        _ => Command::ConfirmClock,
    };
    world.submit(&command);
}

proptest! {
    #![proptest_config(config(200))]

    /// The world judges every state and asks for every decision twice; nothing panics; a replay gives the same state.
    #[test]
    fn any_history_keeps_the_invariants_and_replays_to_the_same_state(
        several in any::<bool>(),
        archives in any::<bool>(),
        seeds in proptest::collection::vec(any::<u64>(), STEPS),
    ) {
        let mut policy = policy();
        policy.providers[0].multiple_captures = several;
        policy.settle_gaps = Gaps::seconds(&[10, 600]);
        let mut world = World::with_policy(policy);
        world.archives = archives;
        for seed in seeds {
            chaos_step(&mut world, &mut Draw(seed));
        }
        world.assert_replay_is_equal();
    }
}

/// Where one intent of the honest provider stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IntentState {
    WaitsForCustomer,
    Held,
    Taken,
    Canceled,
    Refused,
}

#[derive(Clone, Debug)]
struct Intent {
    payment: PaymentId,
    reference: String,
    merchant: MerchantId,
    money: Money,
    capture: CaptureMode,
    state: IntentState,
    held_minor: u64,
    taken_minor: u64,
    fee_minor: u64,
    /// Whether it says already what its fee is.
    is_settled: bool,
    /// Disputed money: how much, in which phase, and the fee.
    dispute: Option<(u64, DisputePhase, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefundTruth {
    Pending,
    Done,
    Failed,
}

/// A provider that remembers keys and says the truth when it is heard. It knows nothing of the engine's state.
#[derive(Default)]
struct Provider {
    several: bool,
    intents: BTreeMap<String, Intent>,
    /// Authorizations by key.
    by_key: BTreeMap<u128, String>,
    /// Answers to captures and cancels by key.
    answers: BTreeMap<u128, Outcome>,
    refunds: BTreeMap<u128, (String, u64, RefundTruth)>,
    /// References and names of refunds, by key.
    refund_names: BTreeMap<u128, (String, String)>,
    /// What errands brought about, by key: a customer's id, a payment method's id, a payment method given up.
    kept: BTreeMap<u128, String>,
    /// Payment methods that were given up.
    given_up: Vec<String>,
    /// Every message so far, with its id: what a webhook carries and what the list of events shows.
    told: Vec<(String, About)>,
}

impl Provider {
    fn intent_answer(intent: &Intent) -> Outcome {
        match intent.state {
            IntentState::WaitsForCustomer => redirect(),
            IntentState::Held => authorized(intent.held_minor),
            IntentState::Taken => {
                let state = ProviderState::Captured { amount_minor: intent.taken_minor };
                let fee_minor = intent.is_settled.then_some(intent.fee_minor);
                Outcome::Approved(base::Approval { state, fee_minor, available_at: None })
            }
            IntentState::Canceled => canceled(),
            IntentState::Refused => declined(),
        }
    }

    fn execute(&mut self, world: &World, requested: &EffectRequested, draw: &mut Draw) -> (Outcome, Option<String>) {
        match requested.kind {
            EffectKind::Authorize { .. } => self.authorize(world, requested, draw),
            EffectKind::Capture { .. } => (self.once(requested, draw, Self::capture), None),
            EffectKind::Cancel { .. } | EffectKind::UndoHold { .. } => {
                (self.once(requested, draw, |provider, requested, _| provider.cancel(requested)), None)
            }
            EffectKind::Observe { .. } => panic!("a look executes nothing"),
            EffectKind::UndoCapture { .. } => {
                let name = requested.provider_id.clone().expect("what is given back names its intent");
                self.refunds.entry(requested.key).or_insert((name, requested.money.amount_minor, RefundTruth::Done));
                let refund_name = format!("re_{:x}", requested.key);
                self.refund_names.insert(requested.key, (requested.reference_text(), refund_name));
                (self.refund_answer(requested.key), None)
            }
            EffectKind::Refund { .. } => {
                let name = requested.provider_id.clone().expect("a refund names its intent");
                let amount_minor = requested.money.amount_minor;
                let truth = [RefundTruth::Pending, RefundTruth::Done, RefundTruth::Done, RefundTruth::Failed]
                    [usize::try_from(draw.below(4)).expect("it is below a small number")];
                self.refunds.entry(requested.key).or_insert((name, amount_minor, truth));
                let refund_name = format!("re_{:x}", requested.key);
                self.refund_names.insert(requested.key, (requested.reference_text(), refund_name.clone()));
                (self.refund_answer(requested.key), Some(refund_name))
            }
        }
    }

    /// Does what an errand asks for, once per key; a card is refused now and then.
    fn run_errand(&mut self, requested: &ErrandRequested) -> ErrandOutcome {
        if !self.kept.contains_key(&requested.key) {
            let name = match requested.kind {
                ErrandKind::StoreCustomer => format!("cus_{}", self.kept.len()),
                ErrandKind::Attach { .. } if requested.key.is_multiple_of(5) => String::new(),
                ErrandKind::Attach { .. } => format!("pm_{}", self.kept.len()),
                ErrandKind::Detach { .. } => {
                    let token = requested.token.clone().expect("what is given up has a token");
                    self.given_up.push(token.clone());
                    token
                }
            };
            self.kept.insert(requested.key, name);
        }
        self.seen_errand(requested)
    }

    /// Says what became of an errand, without doing anything.
    fn seen_errand(&self, requested: &ErrandRequested) -> ErrandOutcome {
        let Some(provider_id) = self.kept.get(&requested.key).cloned() else {
            return ErrandOutcome::Unknown(UnknownReason::NotFound);
        };
        match requested.kind {
            ErrandKind::Attach { .. } if provider_id.is_empty() => {
                ErrandOutcome::Declined(Decline { class: DeclineClass::HardCard, code: "stolen_card".into(), network_code: None })
            }
            ErrandKind::StoreCustomer => ErrandOutcome::Done(ErrandDone::CustomerStored { provider_id }),
            ErrandKind::Attach { .. } => ErrandOutcome::Done(ErrandDone::MethodStored { provider_id, card: Some(card(12)) }),
            ErrandKind::Detach { .. } => ErrandOutcome::Done(ErrandDone::MethodRemoved),
        }
    }

    /// Says how an intent stands now, to whoever listens.
    fn tell_intent(&mut self, name: &str) {
        let intent = &self.intents[name];
        let says = match intent.state {
            IntentState::WaitsForCustomer | IntentState::Refused => PaymentSays::Open,
            IntentState::Held => PaymentSays::Authorized,
            IntentState::Taken => PaymentSays::Captured { amount_minor: intent.taken_minor },
            IntentState::Canceled => PaymentSays::Canceled,
        };
        let reference = Some(intent.reference.clone());
        self.tell(About::Payment { provider_id: name.to_owned(), reference, says });
    }

    fn tell_refund(&mut self, key: u128) {
        let (payment_provider_id, _, truth) = self.refunds[&key].clone();
        let Some((reference, provider_id)) = self.refund_names.get(&key).cloned() else { return };
        let says = match truth {
            RefundTruth::Pending => RefundSays::Pending,
            RefundTruth::Done => RefundSays::Succeeded,
            RefundTruth::Failed => RefundSays::Failed,
        };
        self.tell(About::Refund { provider_id, payment_provider_id, reference: Some(reference), says });
    }

    fn tell(&mut self, about: About) {
        self.told.push((format!("evt_{}", self.told.len()), about));
    }

    /// What happens at the provider without the platform: a hold ends or is captured there, a refused customer pays after
    /// all, a bank takes money back and decides.
    fn act_alone(&mut self, draw: &mut Draw) {
        let names: Vec<String> = self.intents.keys().cloned().collect();
        let Some(name) = draw.of(&names) else { return };
        let intent = self.intents.get_mut(&name).expect("it was found");
        match intent.state {
            IntentState::Held if intent.taken_minor == 0 && draw.one_in(2) => {
                (intent.state, intent.held_minor) = (IntentState::Canceled, 0);
            }
            IntentState::Held if !self.several && intent.taken_minor == 0 => {
                intent.taken_minor = intent.held_minor;
                (intent.state, intent.held_minor) = (IntentState::Taken, 0);
            }
            IntentState::Refused if draw.one_in(3) => approve(intent, draw),
            IntentState::Taken if intent.money.currency == eur() => {
                let (amount_minor, phase, _) = intent.dispute.unwrap_or((1 + draw.below(intent.taken_minor), DisputePhase::Inquiry, 0));
                let after = match phase {
                    _ if intent.dispute.is_none() && draw.one_in(2) => DisputePhase::Inquiry,
                    DisputePhase::Inquiry if draw.one_in(4) => DisputePhase::InquiryClosed,
                    DisputePhase::Inquiry => DisputePhase::Open,
                    DisputePhase::Open if draw.one_in(2) => DisputePhase::Won,
                    DisputePhase::Open => DisputePhase::Lost,
                    ended => ended,
                };
                let mut fact = common::fact(&format!("dp_{name}"), amount_minor, after);
                if after == DisputePhase::Won {
                    fact.fee_minor = draw.below(2) * 15;
                }
                if phase != after || intent.dispute.is_none() {
                    intent.dispute = Some((amount_minor, after, fact.fee_minor));
                    self.tell(About::Dispute { payment_provider_id: name, dispute: fact });
                }
                return;
            }
            IntentState::Held | IntentState::Taken | IntentState::WaitsForCustomer | IntentState::Canceled | IntentState::Refused => return,
        }
        self.tell_intent(&name);
    }

    fn authorize(&mut self, world: &World, requested: &EffectRequested, draw: &mut Draw) -> (Outcome, Option<String>) {
        let name = self.by_key.entry(requested.key).or_insert_with(|| format!("pi_{}", self.intents.len())).clone();
        if !self.intents.contains_key(&name) {
            let (payment, found) = world
                .state
                .payments
                .iter()
                .find(|(_, payment)| payment.attempts.iter().any(|attempt| attempt.effect == requested.effect))
                .expect("a call belongs to a payment");
            let mut intent = Intent {
                payment: *payment,
                merchant: found.merchant,
                money: requested.money,
                capture: requested.capture,
                state: IntentState::Refused,
                held_minor: 0,
                taken_minor: 0,
                fee_minor: 0,
                is_settled: true,
                dispute: None,
                reference: requested.reference_text(),
            };
            match draw.below(4) {
                0 => {}
                1 => intent.state = IntentState::WaitsForCustomer,
                _ => approve(&mut intent, draw),
            }
            self.intents.insert(name.clone(), intent);
            self.tell_intent(&name);
        }
        (Self::intent_answer(&self.intents[&name]), Some(name))
    }

    /// Does something once per key and gives the same answer ever after.
    fn once(
        &mut self,
        requested: &EffectRequested,
        draw: &mut Draw,
        act: fn(&mut Self, &EffectRequested, &mut Draw) -> Outcome,
    ) -> Outcome {
        if let Some(known) = self.answers.get(&requested.key) {
            return known.clone();
        }
        let answer = act(self, requested, draw);
        self.answers.insert(requested.key, answer.clone());
        self.tell_intent(requested.provider_id.as_ref().expect("captures and cancels name their intent"));
        answer
    }

    fn capture(&mut self, requested: &EffectRequested, draw: &mut Draw) -> Outcome {
        let intent = self.intents.get_mut(requested.provider_id.as_ref().expect("a capture names its intent")).expect("it exists");
        let amount_minor = requested.money.amount_minor;
        if intent.state != IntentState::Held || intent.held_minor < amount_minor || draw.one_in(5) {
            return declined();
        }
        intent.taken_minor += amount_minor;
        intent.held_minor = if self.several { intent.held_minor - amount_minor } else { 0 };
        if intent.held_minor == 0 {
            intent.state = IntentState::Taken;
        }
        captured(amount_minor)
    }

    fn cancel(&mut self, requested: &EffectRequested) -> Outcome {
        let intent = self.intents.get_mut(requested.provider_id.as_ref().expect("a cancel names its intent")).expect("it exists");
        match intent.state {
            IntentState::WaitsForCustomer | IntentState::Held => {
                intent.state = if intent.taken_minor > 0 { IntentState::Taken } else { IntentState::Canceled };
                intent.held_minor = 0;
                canceled()
            }
            IntentState::Canceled => canceled(),
            IntentState::Taken | IntentState::Refused => declined(),
        }
    }

    fn refund_answer(&self, key: u128) -> Outcome {
        match self.refunds[&key] {
            (_, amount_minor, RefundTruth::Pending) => refund_pending(amount_minor),
            (_, amount_minor, RefundTruth::Done) => refunded(amount_minor),
            (_, _, RefundTruth::Failed) => declined(),
        }
    }

    /// Says what became of a call, without doing anything.
    fn look_up(&self, requested: &EffectRequested) -> (Outcome, Option<String>) {
        match requested.kind {
            EffectKind::Authorize { .. } => match self.by_key.get(&requested.key) {
                Some(name) => (Self::intent_answer(&self.intents[name]), Some(name.clone())),
                None => (not_found(), None),
            },
            EffectKind::Capture { .. } | EffectKind::Cancel { .. } | EffectKind::UndoHold { .. } => {
                let intent = &self.intents[requested.provider_id.as_ref().expect("captures and cancels name their intent")];
                // The object says what somebody else did to it.
                let seen = match intent.state {
                    IntentState::Canceled => canceled(),
                    // Of several captures the object does not say which ones were taken.
                    IntentState::Taken if !self.several || !matches!(requested.kind, EffectKind::Capture { .. }) => {
                        captured(intent.taken_minor)
                    }
                    _ => not_found(),
                };
                (self.answers.get(&requested.key).cloned().unwrap_or(seen), None)
            }
            EffectKind::Refund { .. } | EffectKind::UndoCapture { .. } if self.refunds.contains_key(&requested.key) => {
                (self.refund_answer(requested.key), self.refund_names.get(&requested.key).map(|(_, name)| name.clone()))
            }
            EffectKind::Refund { .. } | EffectKind::UndoCapture { .. } => (not_found(), None),
            EffectKind::Observe { .. } => {
                let intent = &self.intents[requested.provider_id.as_ref().expect("a look names its intent")];
                (if intent.state == IntentState::Refused { not_found() } else { Self::intent_answer(intent) }, None)
            }
        }
    }

    /// Customers act and refunds come to an end.
    fn live(&mut self, draw: &mut Draw) {
        let waiting: Vec<String> =
            self.intents.iter().filter(|(_, intent)| intent.state == IntentState::WaitsForCustomer).map(|(name, _)| name.clone()).collect();
        if let Some(name) = draw.of(&waiting) {
            let intent = self.intents.get_mut(&name).expect("it was found");
            if draw.one_in(3) {
                intent.state = IntentState::Refused
            } else {
                approve(intent, draw)
            }
            self.tell_intent(&name);
        }
        for intent in self.intents.values_mut() {
            intent.is_settled = true;
        }
        let pending: Vec<u128> = self.refund_names.keys().filter(|key| self.refunds[key].2 != RefundTruth::Failed).copied().collect();
        if let Some(key) = draw.of(&pending) {
            let (_, _, truth) = self.refunds.get_mut(&key).expect("it was found");
            *truth = if *truth == RefundTruth::Pending && !draw.one_in(4) { RefundTruth::Done } else { RefundTruth::Failed };
            self.tell_refund(key);
        }
    }

    /// What the provider owes one merchant in one currency.
    fn owed(&self, merchant: MerchantId, currency: Currency) -> i128 {
        let mine = |intent: &Intent| intent.merchant == merchant && intent.money.currency == currency;
        let taken: i128 = self
            .intents
            .values()
            .filter(|intent| mine(intent))
            .map(|intent| i128::from(intent.taken_minor) - i128::from(intent.fee_minor))
            .sum();
        let given_back = self.refunds.values().filter(|(name, _, truth)| mine(&self.intents[name]) && *truth == RefundTruth::Done);
        let disputes = self.intents.values().filter(|intent| mine(intent)).filter_map(|intent| intent.dispute);
        let disputed: i128 = disputes
            .map(|(amount_minor, phase, fee_minor)| {
                let is_gone = matches!(phase, DisputePhase::Open | DisputePhase::Lost);
                i128::from(fee_minor) + if is_gone { i128::from(amount_minor) } else { 0 }
            })
            .sum();
        taken - disputed - given_back.map(|(_, amount_minor, _)| i128::from(*amount_minor)).sum::<i128>()
    }
}

fn approve(intent: &mut Intent, draw: &mut Draw) {
    match intent.capture {
        CaptureMode::Automatic => {
            intent.is_settled = !draw.one_in(4);
            intent.state = IntentState::Taken;
            intent.taken_minor = intent.money.amount_minor;
            intent.fee_minor = intent.money.amount_minor / 50;
        }
        CaptureMode::Manual => {
            intent.state = IntentState::Held;
            intent.held_minor = intent.money.amount_minor;
        }
    }
}

/// Lets the latest send of an effect happen, with everything a network can do to it.
fn send(world: &mut World, provider: &mut Provider, effect: EffectId, draw: &mut Draw, faults: bool) {
    let open = world.open(effect).clone();
    let fault = if faults { draw.below(10) } else { 9 };
    let lost = Outcome::Unknown(UnknownReason::ConnectionLost);
    let (outcome, provider_id) = match fault {
        0 => (not_sent(), None),
        1 => (rejected(false), None),
        2 => (lost, None),
        _ => {
            let answer = match open.send_kind {
                SendKind::First | SendKind::Replay => provider.execute(world, &open.requested, draw),
                SendKind::Lookup => provider.look_up(&open.requested),
            };
            if faults && draw.one_in(4) && !provider.told.is_empty() {
                hear(world, provider, provider.told.len() - 1); // the message is quicker than the answer
            }
            if fault < 5 { (lost, None) } else { answer }
        }
    };
    world.submit(&Command::ReportOutcome(OutcomeReport { effect, send: open.sends, outcome, provider_id }));
}

/// Whether somebody else acted at the provider so that giving a late success back was refused: a person's to settle.
fn waits_for_person(world: &World, payment: PaymentId) -> bool {
    let mut open = world.state.effects.values().filter(|open| open.payment == payment && open.status == EffectStatus::Parked);
    open.any(|open| {
        matches!(open.requested.kind, EffectKind::UndoHold { .. } | EffectKind::UndoCapture { .. } | EffectKind::Observe { .. })
    })
}

/// Delivers one message of the provider.
fn hear(world: &mut World, provider: &Provider, index: usize) {
    let (event_id, about) = provider.told[index].clone();
    world.hear_as(event_id, about);
}

fn in_flight(world: &World) -> Vec<EffectId> {
    world.state.effects.iter().filter(|(_, open)| open.status == EffectStatus::InFlight).map(|(effect, _)| *effect).collect()
}

fn errands_in_flight(world: &World) -> Vec<ErrandId> {
    world.state.errands.iter().filter(|(_, open)| open.status == ErrandStatus::InFlight).map(|(errand, _)| *errand).collect()
}

/// One send of an errand through a network that, when it is broken, loses requests and answers.
fn send_errand(world: &mut World, provider: &mut Provider, errand: ErrandId, draw: &mut Draw, broken: bool) {
    let open = world.state.errands[&errand].clone();
    let fate = if broken { draw.below(6) } else { 5 };
    let unknown = ErrandOutcome::Unknown(UnknownReason::Timeout);
    let outcome = match (fate, open.send_kind) {
        (0, _) => ErrandOutcome::NotSent(NotSentReason::Connect),
        (1, _) => unknown,
        (2, SendKind::First | SendKind::Replay) => {
            provider.run_errand(&open.requested);
            unknown
        }
        (_, SendKind::Lookup) => provider.seen_errand(&open.requested),
        (_, SendKind::First | SendKind::Replay) => provider.run_errand(&open.requested),
    };
    world.errand_outcome(errand, outcome);
}

fn honest_step(world: &mut World, provider: &mut Provider, draw: &mut Draw) {
    match draw.below(28) {
        24..28 => {
            let command = any_customer_request(world, draw);
            world.submit(&command);
        }
        20 => provider.act_alone(draw),
        21..24 => {
            // Any of the messages, in any order, some often, many never.
            let count = u64::try_from(provider.told.len()).expect("there are few messages");
            if count > 0 {
                let index = count - 1 - draw.below(count.min(6));
                hear(world, provider, usize::try_from(index).expect("it is below a small number"));
            }
        }
        0..8 => {
            let command = any_request(world, draw);
            world.submit(&command);
        }
        8..16 => {
            if let Some(effect) = draw.of(&in_flight(world)) {
                send(world, provider, effect, draw, true);
            }
            if let Some(errand) = draw.of(&errands_in_flight(world)) {
                send_errand(world, provider, errand, draw, true);
            }
        }
        16..18 => {
            let seconds = [1, 10, 60, 3_600][usize::try_from(draw.below(4)).expect("it is below a small number")];
            world.advance(seconds * S);
        }
        18 => provider.live(draw),
        _ => {
            world.submit(&Command::StartLeader { epoch: world.state.epoch + 1 });
        }
    }
}

/// Faults stop: everything is answered, timers run, and what is parked is told to the platform as a person would.
fn heal(world: &mut World, provider: &mut Provider, draw: &mut Draw) {
    // What no webhook brought is found in the list of events; what was brought before is brought again.
    for index in (0..provider.told.len()).rev() {
        hear(world, provider, index);
    }
    for name in provider.intents.keys().cloned().collect::<Vec<_>>() {
        provider.intents.get_mut(&name).expect("it was found").is_settled = true;
        provider.tell(About::Payment { provider_id: name, reference: None, says: PaymentSays::Settling });
        hear(world, provider, provider.told.len() - 1);
    }
    for round in 0..5_000 {
        // A payment whose cancel is parked waits for a person; here the customer ends it.
        if round == 2_500 {
            for intent in provider.intents.values_mut().filter(|intent| intent.state == IntentState::WaitsForCustomer) {
                intent.state = IntentState::Refused;
            }
        }
        provider.intents.values_mut().for_each(|intent| intent.is_settled = true);
        for (_, _, truth) in provider.refunds.values_mut().filter(|(_, _, truth)| *truth == RefundTruth::Pending) {
            *truth = RefundTruth::Done;
        }
        for effect in in_flight(world) {
            if world.is_open(effect) {
                send(world, provider, effect, draw, false);
            }
        }
        for errand in errands_in_flight(world) {
            send_errand(world, provider, errand, draw, false);
        }
        for effect in
            world.state.effects.iter().filter(|(_, open)| open.status == EffectStatus::Parked).map(|(id, _)| *id).collect::<Vec<_>>()
        {
            let Some(open) = world.state.effects.get(&effect).cloned() else { continue };
            let (outcome, provider_id) = provider.look_up(&open.requested);
            world.submit(&Command::ReportOutcome(OutcomeReport { effect, send: open.sends, outcome, provider_id }));
        }
        if in_flight(world).is_empty() && errands_in_flight(world).is_empty() {
            if world.state.due_at().is_none() {
                return;
            }
            world.advance_to_next();
        }
    }
    panic!(
        "the world never comes to rest: {:?} {:?}",
        world.state.timers,
        in_flight(world).iter().map(|effect| world.open(*effect)).collect::<Vec<_>>()
    );
}

proptest! {
    #![proptest_config(config(200))]

    /// Nobody is charged twice, and once faults stop the books equal what the provider says it did.
    #[test]
    fn the_books_end_up_saying_what_an_honest_provider_really_moved(
        several in any::<bool>(),
        archives in any::<bool>(),
        seeds in proptest::collection::vec(any::<u64>(), STEPS),
    ) {
        let mut policy = policy();
        policy.providers[0].multiple_captures = several;
        policy.settle_gaps = Gaps::seconds(&[10, 600]);
        let mut world = World::with_policy(policy);
        world.archives = archives;
        let mut provider = Provider { several, ..Provider::default() };
        for seed in seeds {
            honest_step(&mut world, &mut provider, &mut Draw(seed));
        }
        heal(&mut world, &mut provider, &mut Draw(1));
        check_state(&world.state);

        let mut taken: BTreeMap<PaymentId, u64> = BTreeMap::new();
        for intent in provider.intents.values() {
            *taken.entry(intent.payment).or_default() += intent.taken_minor;
            prop_assert!(intent.taken_minor <= intent.money.amount_minor);
        }
        let mut late: BTreeMap<PaymentId, u64> = BTreeMap::new();
        for entry in &world.entries {
            // A late hold may have been captured by somebody else before it was undone.
            if let Event::LateSuccessFound { payment, requested, .. } | Event::LateHoldCaptured { payment, requested, .. } = &entry.event
                && matches!(requested.kind, EffectKind::UndoCapture { .. })
            {
                *late.entry(*payment).or_default() += requested.money.amount_minor;
                let is_parked = world.state.effects.get(&requested.effect).is_some_and(|open| open.status == EffectStatus::Parked);
                prop_assert!(is_parked || provider.refunds.contains_key(&requested.key), "what was taken late is given back");
            }
        }
        for (id, payment) in &world.state.payments {
            if waits_for_person(&world, *id) {
                continue;
            }
            let late_minor = late.get(id).copied().unwrap_or(0);
            prop_assert_eq!(payment.captured_minor + late_minor, taken.get(id).copied().unwrap_or(0), "{}", id);
        }
        for merchant in [MERCHANT, OTHER] {
            for currency in [eur(), "JPY".parse().expect("the yen is a currency")] {
                let mut mine = world.state.payments.iter().filter(|(_, payment)| {
                    payment.merchant == merchant && payment.attempts.iter().any(|attempt| attempt.money.currency == currency)
                });
                // A dispute in a currency that its payment no longer has is kept for a person, too.
                let is_foreign = |id: &PaymentId, payment: &engine::Payment| {
                    payment.money.currency != currency
                        && provider.intents.values().any(|intent| intent.payment == *id && intent.dispute.is_some())
                };
                if mine.any(|(id, payment)| waits_for_person(&world, *id) || is_foreign(id, payment)) {
                    continue; // what a person has to settle may differ until then
                }
                let balance = world.state.balance(merchant, currency, AccountKind::Receivable);
                let wide = |amount_minor| i128::try_from(amount_minor).expect("the amounts of tests are small");
                let receivable = wide(balance.debits_posted) - wide(balance.credits_posted);
                prop_assert_eq!(receivable, provider.owed(merchant, currency));
            }
        }
        prop_assert!(world.state.errands.is_empty(), "no errand stays open");
        for method in world.state.methods.values() {
            let kept = method.credentials.values().all(|id| provider.kept.values().any(|kept| kept == id) && !provider.given_up.contains(id));
            prop_assert!(kept || method.failure.as_deref() == Some("outcome_unknown"), "what can be charged is kept: {:?}", method);
            prop_assert!(!matches!(method.status, StoredMethodStatus::Storing | StoredMethodStatus::Removing), "it comes to rest");
        }
        let uncertain = world.state.effects.values().filter(|open| open.earlier == Some(OutcomeClass::Unknown));
        prop_assert!(uncertain.into_iter().all(|open| open.status == EffectStatus::Parked), "every unknown is resolved or parked");
        world.assert_replay_is_equal();
    }
}

#[test]
fn the_honest_provider_charges_once_per_key() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    let mut provider = Provider::default();
    let requested = world.open(effect).requested.clone();
    for _ in 0..3 {
        provider.execute(&world, &requested, &mut Draw(3));
    }
    assert_eq!(provider.intents.len(), 1);
    assert_eq!(provider.intents["pi_0"].payment, payment);
    assert_eq!(approved(ProviderState::Canceled), canceled());
    assert!(matches!(world.cancel(payment), Reply::Refused(_)));
}

#[test]
fn random_histories_reach_every_kind_of_event() {
    let mut reached = std::collections::BTreeSet::new();
    for case in 0..200_u64 {
        let mut policy = policy();
        policy.providers[0].multiple_captures = case % 2 == 0;
        policy.watch_gaps = Gaps::seconds(&[60]); // the end of a watch is rarely reached otherwise
        policy.settle_gaps = Gaps::seconds(&[10, 600]);
        let mut world = World::with_policy(policy);
        world.archives = case % 3 == 0;
        for step in 0..400 {
            chaos_step(&mut world, &mut Draw(case * 1_000_003 + step * 7_919));
        }
        reached.extend(world.entries.iter().map(|entry| entry.event.kind()));
    }
    use engine::EventKind::{ApiKeyCreated, ApiKeyRevoked, CommandQuarantined, EventSkipped, OperatorCreated, QuarantineReleased};
    let administration = [OperatorCreated, ApiKeyCreated, ApiKeyRevoked, CommandQuarantined, QuarantineReleased, EventSkipped];
    let missed: Vec<_> = engine::EventKind::ALL.iter().filter(|kind| !reached.contains(kind) && !administration.contains(kind)).collect();
    assert!(missed.is_empty(), "never happened: {missed:?}");
}
