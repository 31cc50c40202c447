//! Random histories. First chaos: any command and any answer at any time breaks no invariant. Then an honest provider
//! behind a broken network: whatever was lost on the way, the books end up saying what really moved.

mod common;

use base::{Currency, EffectId, MerchantId, Money, Outcome, OutcomeClass, PaymentId, ProviderState, SubjectId, UnknownReason};
use common::{
    MERCHANT, OTHER, S, World, approved, authorized, canceled, captured, check_state, declined, eur, mismatch, not_found, not_sent, policy,
    redirect, refund_pending, refunded, rejected, settled, unknown,
};
use engine::{
    CancelPayment, CaptureMode, CapturePayment, Command, ConfirmPayment, CreatePayment, CreateRefund, EffectKind, EffectRequested,
    EffectStatus, Idempotency, OutcomeReport, Private, ProviderReport, Reply, SendKind,
};
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

fn any_create(draw: &mut Draw) -> CreatePayment {
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
        0..3 => Command::CreatePayment(any_create(draw)),
        3 => Command::ConfirmPayment(ConfirmPayment { merchant, payment, idempotency, payment_method: None, private }),
        4..6 => Command::CapturePayment(CapturePayment { merchant, payment, idempotency, amount_minor, private }),
        6 => Command::CancelPayment(CancelPayment { merchant, payment, idempotency, private }),
        _ => Command::CreateRefund(CreateRefund { merchant, payment, idempotency, amount_minor, details: None, private }),
    }
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

fn any_report(world: &World, draw: &mut Draw) -> Command {
    let payment = any_payment(world, draw);
    let dispute = format!("dp_{}", draw.below(3));
    let report = match draw.below(4) {
        0 => ProviderReport::CaptureReversed {
            capture: u16::try_from(draw.below(3)).expect("it is below a small number"),
            code: "late".into(),
        },
        1 => ProviderReport::DisputeOpened { dispute, amount_minor: draw.below(150) },
        _ => ProviderReport::DisputeClosed { dispute, won: draw.one_in(2) },
    };
    Command::ReportProvider { payment, report }
}

fn chaos_step(world: &mut World, draw: &mut Draw) {
    let effects: Vec<EffectId> = world.state.effects.keys().copied().collect();
    let command = match draw.below(100) {
        0..40 => any_request(world, draw),
        40..80 => {
            let Some(effect) = draw.of(&effects) else { return };
            let open = world.open(effect);
            let (asked_minor, sends) = (open.requested.money.amount_minor, open.sends);
            let send =
                if draw.one_in(8) { u32::try_from(draw.below(u64::from(sends) + 2)).expect("it is below a small number") } else { sends };
            let outcome = any_outcome(draw, asked_minor, world.now);
            let provider_id = (!draw.one_in(6)).then(|| "pi_1".to_owned());
            Command::ReportOutcome(OutcomeReport { effect, send, outcome, provider_id })
        }
        80..93 => {
            let seconds = [1, 5, 60, 3_600, 86_400, 31 * 86_400][usize::try_from(draw.below(6)).expect("it is below a small number")];
            world.advance(seconds * S);
            return;
        }
        93..96 => any_report(world, draw),
        96 => Command::StartLeader { epoch: world.state.epoch + 1 },
        97 => Command::EraseSubject { subject: SubjectId::from_u128(u128::from(draw.below(6))) },
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
        seeds in proptest::collection::vec(any::<u64>(), STEPS),
    ) {
        let mut policy = policy();
        policy.providers[0].multiple_captures = several;
        let mut world = World::with_policy(policy);
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
    merchant: MerchantId,
    money: Money,
    capture: CaptureMode,
    state: IntentState,
    held_minor: u64,
    taken_minor: u64,
    fee_minor: u64,
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
}

impl Provider {
    fn intent_answer(intent: &Intent) -> Outcome {
        match intent.state {
            IntentState::WaitsForCustomer => redirect(),
            IntentState::Held => authorized(intent.held_minor),
            IntentState::Taken => {
                let state = ProviderState::Captured { amount_minor: intent.taken_minor };
                Outcome::Approved(base::Approval { state, fee_minor: Some(intent.fee_minor), available_at: None })
            }
            IntentState::Canceled => canceled(),
            IntentState::Refused => declined(),
        }
    }

    fn execute(&mut self, world: &World, requested: &EffectRequested, draw: &mut Draw) -> (Outcome, Option<String>) {
        match requested.kind {
            EffectKind::Authorize { .. } => self.authorize(world, requested, draw),
            EffectKind::Capture { .. } => (self.once(requested, draw, Self::capture), None),
            EffectKind::Cancel { .. } => (self.once(requested, draw, |provider, requested, _| provider.cancel(requested)), None),
            EffectKind::Refund { .. } => {
                let name = requested.provider_id.clone().expect("a refund names its intent");
                let amount_minor = requested.money.amount_minor;
                let truth = [RefundTruth::Pending, RefundTruth::Done, RefundTruth::Done, RefundTruth::Failed]
                    [usize::try_from(draw.below(4)).expect("it is below a small number")];
                self.refunds.entry(requested.key).or_insert((name, amount_minor, truth));
                (self.refund_answer(requested.key), None)
            }
        }
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
            };
            match draw.below(4) {
                0 => {}
                1 => intent.state = IntentState::WaitsForCustomer,
                _ => approve(&mut intent),
            }
            self.intents.insert(name.clone(), intent);
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
            EffectKind::Capture { .. } | EffectKind::Cancel { .. } => {
                (self.answers.get(&requested.key).cloned().unwrap_or(not_found()), None)
            }
            EffectKind::Refund { .. } if self.refunds.contains_key(&requested.key) => (self.refund_answer(requested.key), None),
            EffectKind::Refund { .. } => (not_found(), None),
        }
    }

    /// Customers act and refunds come to an end.
    fn live(&mut self, draw: &mut Draw) {
        let waiting: Vec<String> =
            self.intents.iter().filter(|(_, intent)| intent.state == IntentState::WaitsForCustomer).map(|(name, _)| name.clone()).collect();
        if let Some(name) = draw.of(&waiting) {
            let intent = self.intents.get_mut(&name).expect("it was found");
            if draw.one_in(3) { intent.state = IntentState::Refused } else { approve(intent) }
        }
        let pending: Vec<u128> =
            self.refunds.iter().filter(|(_, (_, _, truth))| *truth != RefundTruth::Failed).map(|(key, _)| *key).collect();
        if let Some(key) = draw.of(&pending) {
            let (_, _, truth) = self.refunds.get_mut(&key).expect("it was found");
            *truth = if *truth == RefundTruth::Pending && !draw.one_in(4) { RefundTruth::Done } else { RefundTruth::Failed };
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
        taken - given_back.map(|(_, amount_minor, _)| i128::from(*amount_minor)).sum::<i128>()
    }
}

fn approve(intent: &mut Intent) {
    match intent.capture {
        CaptureMode::Automatic => {
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
            if fault < 5 { (lost, None) } else { answer }
        }
    };
    world.submit(&Command::ReportOutcome(OutcomeReport { effect, send: open.sends, outcome, provider_id }));
}

fn in_flight(world: &World) -> Vec<EffectId> {
    world.state.effects.iter().filter(|(_, open)| open.status == EffectStatus::InFlight).map(|(effect, _)| *effect).collect()
}

fn honest_step(world: &mut World, provider: &mut Provider, draw: &mut Draw) {
    match draw.below(20) {
        0..8 => {
            let command = any_request(world, draw);
            world.submit(&command);
        }
        8..16 => {
            if let Some(effect) = draw.of(&in_flight(world)) {
                send(world, provider, effect, draw, true);
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
    for round in 0..5_000 {
        // A payment whose cancel is parked waits for a person; here the customer ends it.
        if round == 2_500 {
            for intent in provider.intents.values_mut().filter(|intent| intent.state == IntentState::WaitsForCustomer) {
                intent.state = IntentState::Refused;
            }
        }
        for (_, _, truth) in provider.refunds.values_mut().filter(|(_, _, truth)| *truth == RefundTruth::Pending) {
            *truth = RefundTruth::Done;
        }
        for effect in in_flight(world) {
            if world.is_open(effect) {
                send(world, provider, effect, draw, false);
            }
        }
        for effect in
            world.state.effects.iter().filter(|(_, open)| open.status == EffectStatus::Parked).map(|(id, _)| *id).collect::<Vec<_>>()
        {
            let Some(open) = world.state.effects.get(&effect).cloned() else { continue };
            let (outcome, provider_id) = provider.look_up(&open.requested);
            world.submit(&Command::ReportOutcome(OutcomeReport { effect, send: open.sends, outcome, provider_id }));
        }
        if in_flight(world).is_empty() {
            if world.state.due_at().is_none() {
                return;
            }
            world.advance_to_next();
        }
    }
    panic!("the world never comes to rest: {:?}", world.state.timers);
}

proptest! {
    #![proptest_config(config(200))]

    /// Nobody is charged twice, and once faults stop the books equal what the provider says it did.
    #[test]
    fn the_books_end_up_saying_what_an_honest_provider_really_moved(
        several in any::<bool>(),
        seeds in proptest::collection::vec(any::<u64>(), STEPS),
    ) {
        let mut policy = policy();
        policy.providers[0].multiple_captures = several;
        let mut world = World::with_policy(policy);
        let mut provider = Provider { several, ..Provider::default() };
        for seed in seeds {
            honest_step(&mut world, &mut provider, &mut Draw(seed));
        }
        heal(&mut world, &mut provider, &mut Draw(1));
        check_state(&world.state);

        let mut taken: BTreeMap<PaymentId, u64> = BTreeMap::new();
        for intent in provider.intents.values().filter(|intent| intent.taken_minor > 0) {
            prop_assert!(taken.insert(intent.payment, intent.taken_minor).is_none(), "two intents of one payment took money");
            prop_assert!(intent.taken_minor <= intent.money.amount_minor);
        }
        for (id, payment) in &world.state.payments {
            prop_assert_eq!(payment.captured_minor, taken.get(id).copied().unwrap_or(0), "{}", id);
        }
        for merchant in [MERCHANT, OTHER] {
            for currency in [eur(), "JPY".parse().expect("the yen is a currency")] {
                let balance = world.state.balance(merchant, currency, AccountKind::Receivable);
                let wide = |amount_minor| i128::try_from(amount_minor).expect("the amounts of tests are small");
                let receivable = wide(balance.debits_posted) - wide(balance.credits_posted);
                prop_assert_eq!(receivable, provider.owed(merchant, currency));
            }
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
    for case in 0..40_u64 {
        let mut policy = policy();
        policy.providers[0].multiple_captures = case % 2 == 0;
        let mut world = World::with_policy(policy);
        for step in 0..300 {
            chaos_step(&mut world, &mut Draw(case * 1_000_003 + step * 7_919));
        }
        reached.extend(world.entries.iter().map(|entry| entry.event.kind()));
    }
    use engine::EventKind::{ApiKeyCreated, ApiKeyRevoked, CommandQuarantined, EventSkipped, OperatorCreated, QuarantineReleased};
    let administration = [OperatorCreated, ApiKeyCreated, ApiKeyRevoked, CommandQuarantined, QuarantineReleased, EventSkipped];
    let missed: Vec<_> = engine::EventKind::ALL.iter().filter(|kind| !reached.contains(kind) && !administration.contains(kind)).collect();
    assert!(missed.is_empty(), "never happened: {missed:?}");
}
