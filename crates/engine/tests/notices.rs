//! What each message of a provider leads to, by what it says and by where the payment stands that it is about. What the
//! looks then find is told in the files about payments, refunds and unknown outcomes.

mod common;

use base::{About, DisputePhase, EffectId, Money, Notice, PaymentId, PaymentSays, RefundId, RefundSays};
use common::{
    MERCHANT, World, authorized, canceled, captured, declined, eur, fact, mismatch, not_sent, policy, redirect, refund_pending, refunded,
    unknown,
};
use engine::state::Notices;
use engine::{
    CaptureMode, Command, CreatePayment, Decision, EffectKind, EffectStatus, Entry, Event, Gaps, NoticeSource, NoticeUse, ReceiveNotice,
    Reply, SendKind, State,
};
use payments::{AttemptStatus, DisputeStatus, PaymentStatus, RefundStatus};

/// What a message led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Led {
    /// It is kept and changes nothing.
    Kept,
    /// It is about nothing of ours, or for a person.
    Unmatched,
    /// It is about a payment of ours, and only a person can settle it.
    Unsettled,
    /// What it says was known.
    Known,
    /// It cannot be understood.
    Unclear,
    /// The send that is on its way is told that there is something to see.
    Hint,
    /// The open call is looked at now.
    Look,
    /// The payment's object is looked at without asking for anything.
    Observe,
    /// The refund that was trusted is looked at.
    Watch,
    /// A dispute was booked.
    Booked,
}

use Led::{Booked, Hint, Kept, Known, Look, Observe, Unclear, Unmatched, Unsettled, Watch};

fn led(decision: &Decision) -> Led {
    let events: Vec<&Event> = decision.entries.iter().map(|entry| &entry.event).collect();
    let Some(Event::WebhookReceived { found, payment, effect, .. }) = events.first() else {
        panic!("a message that is new is journaled: {events:?}");
    };
    match (found, effect, &events[1..]) {
        (NoticeUse::Kept, None, []) => Kept,
        (NoticeUse::Unmatched, None, []) => payment.map_or(Unmatched, |_| Unsettled),
        (NoticeUse::Known, None, []) if payment.is_some() => Known,
        (NoticeUse::Unclear, None, []) if payment.is_some() => Unclear,
        (NoticeUse::News, Some(_), []) => Hint,
        (NoticeUse::News, Some(hinted), [Event::EffectSent { effect, send_kind: SendKind::Lookup, .. }]) if effect == hinted => Look,
        (NoticeUse::News, None, [Event::ObservationStarted { .. }]) => Observe,
        (NoticeUse::News, None, [Event::RefundWatched { .. }]) => Watch,
        (NoticeUse::News, None, [Event::DisputeInquired { .. } | Event::DisputeOpened { .. }, ..]) => Booked,
        _ => panic!("led to something else: {events:?}"),
    }
}

/// Hears a message; the payment under whose person it is sealed is the one that it is journaled with.
fn heard(world: &mut World, about: About) -> Led {
    let sealed_under = world.state.payment_of_notice(0, &about);
    assert_eq!(world.state.payment_of_notice(1, &about), None, "the same words of another endpoint are about something else");
    let decision = world.hear(about);
    let Some(Event::WebhookReceived { payment, .. }) = decision.entries.first().map(|entry| &entry.event) else {
        panic!("a message that is new is journaled");
    };
    assert!(payment.is_none() || *payment == sealed_under, "{payment:?} {sealed_under:?}");
    led(&decision)
}

/// What the provider will call the object of an authorization, as the world names it in answers.
fn name_of(effect: EffectId) -> String {
    format!("pi_{:x}", effect.as_u128() >> 96)
}

/// A message about a payment as it would come: with its own id, and with the reference of what is open.
fn about(world: &World, payment: PaymentId, says: PaymentSays) -> About {
    let found = world.payment(payment);
    let open = found.operation.map(|effect| world.open(effect));
    let made = open.filter(|open| open.requested.is_object_made());
    let unnamed = || made.map_or_else(|| "pi_stranger".to_owned(), |open| name_of(open.requested.effect));
    let provider_id = found.provider_id().map_or_else(unnamed, str::to_owned);
    About::Payment { provider_id, reference: made.map(|open| open.requested.reference_text()), says }
}

fn heard_of(world: &mut World, payment: PaymentId, says: PaymentSays) -> Led {
    let message = about(world, payment, says);
    heard(world, message)
}

const SAYS: [PaymentSays; 7] = [
    PaymentSays::Open,
    PaymentSays::Authorized,
    PaymentSays::Captured { amount_minor: 100 },
    PaymentSays::Captured { amount_minor: 150 },
    PaymentSays::Canceled,
    PaymentSays::Settling,
    PaymentSays::Unclear,
];

type Scene = fn(&mut World) -> PaymentId;

fn not_confirmed(world: &mut World) -> PaymentId {
    let request = CreatePayment { confirm: false, ..world.request(100) };
    world.create(&request)
}

fn sent(world: &mut World) -> PaymentId {
    world.pay(100, CaptureMode::Automatic).0
}

fn answered(world: &mut World, outcome: base::Outcome) -> PaymentId {
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, outcome);
    payment
}

fn parked(world: &mut World) -> PaymentId {
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, unknown());
    while world.open(effect).status != EffectStatus::Parked {
        world.advance_to_next();
        world.outcome(effect, unknown());
    }
    payment
}

fn failed(world: &mut World) -> PaymentId {
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, not_sent());
    while world.is_open(effect) {
        world.advance_to_next();
        world.outcome(effect, not_sent());
    }
    assert_eq!(world.payment(payment).attempts[0].status, AttemptStatus::Failed);
    payment
}

fn given_up(world: &mut World) -> PaymentId {
    let payment = world.authorized(100);
    world.cancel(payment);
    let cancel = world.payment(payment).cancel.expect("a cancel is open");
    world.outcome(cancel, canceled());
    assert_eq!(world.status(payment), PaymentStatus::Canceled);
    payment
}

fn taken_in_part(world: &mut World) -> PaymentId {
    let payment = world.authorized(100);
    world.capture(payment, Some(60));
    let capture = world.operation(payment);
    world.outcome(capture, captured(60));
    assert!(world.payment(payment).hold.is_none(), "one capture is all");
    payment
}

fn late(world: &mut World) -> PaymentId {
    let payment = answered(world, declined());
    world.observe(payment, PaymentSays::Captured { amount_minor: 100 }, captured(100));
    assert_eq!(world.payment(payment).attempts[0].status, AttemptStatus::SucceededLate);
    payment
}

fn late_hold(world: &mut World) -> PaymentId {
    let payment = answered(world, declined());
    world.observe(payment, PaymentSays::Authorized, authorized(100));
    assert_eq!(world.payment(payment).attempts[0].status, AttemptStatus::SucceededLate);
    payment
}

#[test]
fn a_message_about_a_payment_leads_to_this() {
    let table: [(&str, Scene, [Led; 7]); 18] = [
        // says open, authorized, captured as asked, captured more, canceled, settling, unclear
        ("not confirmed", not_confirmed, [Unmatched; 7]),
        ("on its way", sent, [Known, Hint, Hint, Hint, Hint, Known, Hint]),
        ("unknown", |world| answered(world, unknown()), [Look, Look, Look, Look, Look, Known, Look]),
        ("not sent, and to be sent again", |world| answered(world, not_sent()), [Look, Look, Look, Look, Look, Known, Look]),
        ("waiting for the customer", |world| answered(world, redirect()), [Known, Look, Look, Look, Look, Known, Look]),
        ("parked", parked, [Look, Look, Look, Look, Look, Known, Look]),
        ("mismatched", |world| answered(world, mismatch(90, true)), [Known; 7]),
        ("held", |world| world.authorized(100), [Known, Known, Observe, Observe, Observe, Known, Observe]),
        (
            "being captured",
            |world| {
                let payment = world.authorized(100);
                world.capture(payment, None);
                payment
            },
            [Known, Hint, Hint, Hint, Hint, Known, Hint],
        ),
        (
            "being cancelled",
            |world| {
                let payment = world.authorized(100);
                world.cancel(payment);
                payment
            },
            [Known, Hint, Hint, Hint, Hint, Known, Hint],
        ),
        ("captured", |world| world.captured(100), [Known, Known, Known, Observe, Observe, Known, Observe]),
        ("captured in part", taken_in_part, [Known, Known, Observe, Observe, Known, Known, Observe]),
        (
            "being looked at",
            |world| {
                let payment = world.captured(100);
                assert_eq!(heard_of(world, payment, PaymentSays::Canceled), Observe);
                payment
            },
            [Known, Known, Known, Hint, Hint, Known, Hint],
        ),
        ("declined", |world| answered(world, declined()), [Known, Observe, Observe, Observe, Known, Known, Observe]),
        ("failed without a name", failed, [Unmatched; 7]),
        ("canceled", given_up, [Known, Observe, Observe, Observe, Known, Known, Observe]),
        ("a late success", late, [Known, Known, Known, Known, Known, Known, Observe]),
        ("a late hold that is being given up", late_hold, [Known, Known, Hint, Hint, Known, Known, Observe]),
    ];
    for (name, scene, expected) in table {
        for (says, expected) in SAYS.into_iter().zip(expected) {
            let mut world = World::new();
            let payment = scene(&mut world);
            assert_eq!(heard_of(&mut world, payment, says), expected, "{name}: {says:?}");
            world.assert_replay_is_equal();
        }
    }
}

#[test]
fn a_fee_that_is_not_known_is_looked_for_when_the_provider_says_that_it_settles() {
    let mut world = World::with_policy(engine::Policy { settle_gaps: Gaps::seconds(&[60]), ..policy() });
    let payment = world.captured(100);
    assert_eq!(heard_of(&mut world, payment, PaymentSays::Settling), Observe);
    assert_eq!(heard_of(&mut world, payment, PaymentSays::Settling), Hint, "the look is on its way");
}

/// A payment of 100 of which a refund of 60 is asked for.
fn refunding(world: &mut World) -> (PaymentId, RefundId, EffectId) {
    let payment = world.captured(100);
    let (refund, effect) = world.refunding(payment, 60);
    (payment, refund, effect)
}

/// Answers every look at a refund that is trusted until no more are planned.
fn trusted(world: &mut World, effect: EffectId) {
    world.outcome(effect, refunded(60));
    while world.is_open(effect) {
        assert_eq!(world.open(effect).status, EffectStatus::Watching);
        world.advance_to_next();
        world.outcome(effect, refunded(60));
    }
}

const REFUND_SAYS: [RefundSays; 4] = [RefundSays::Pending, RefundSays::Succeeded, RefundSays::Failed, RefundSays::Unclear];

/// What a refund went through before the message comes.
type RefundScene = fn(&mut World, EffectId);

#[test]
fn a_message_about_a_refund_leads_to_this() {
    let table: [(&str, RefundScene, RefundStatus, [Led; 4]); 7] = [
        // says pending, succeeded, failed, unclear
        ("on its way", |_, _| (), RefundStatus::Started, [Hint; 4]),
        ("unknown", |world, effect| drop(world.outcome(effect, unknown())), RefundStatus::Unknown, [Look; 4]),
        ("pending", |world, effect| drop(world.outcome(effect, refund_pending(60))), RefundStatus::Pending, [Known, Look, Look, Look]),
        ("succeeded", |world, effect| drop(world.outcome(effect, refunded(60))), RefundStatus::Succeeded, [Known, Known, Look, Look]),
        ("succeeded long ago", trusted, RefundStatus::Succeeded, [Known, Known, Watch, Watch]),
        (
            "failed",
            |world, effect| {
                world.outcome(effect, refund_pending(60));
                world.advance_to_next();
                world.outcome(effect, declined());
            },
            RefundStatus::Failed,
            [Known; 4],
        ),
        (
            "reversed",
            |world, effect| {
                world.outcome(effect, refunded(60));
                world.advance_to_next();
                world.outcome(effect, declined());
            },
            RefundStatus::Reversed,
            [Known; 4],
        ),
    ];
    for (name, scene, status, expected) in table {
        for (says, expected) in REFUND_SAYS.into_iter().zip(expected) {
            let mut world = World::new();
            let (payment, refund, effect) = refunding(&mut world);
            let reference = world.open(effect).requested.reference_text();
            scene(&mut world, effect);
            let found = world.payment(payment).refund(refund).expect("the refund is there");
            assert_eq!(found.status, status, "{name}");
            let provider_id = found.provider_id.clone().unwrap_or_else(|| "re_unnamed".to_owned());
            let message = About::Refund {
                provider_id,
                payment_provider_id: world.provider_id(payment),
                reference: world.is_open(effect).then_some(reference),
                says,
            };
            assert_eq!(heard(&mut world, message), expected, "{name}: {says:?}");
            world.assert_replay_is_equal();
        }
    }
}

#[test]
fn a_message_about_the_refund_of_a_late_success_leads_to_this() {
    let table: [(&str, RefundScene, [Led; 4]); 3] = [
        // says pending, succeeded, failed, unclear
        ("on its way", |_, _| (), [Hint; 4]),
        ("pending", |world, effect| drop(world.outcome(effect, refund_pending(100))), [Known, Look, Look, Look]),
        ("given back", |world, effect| drop(world.outcome(effect, refunded(100))), [Known, Known, Look, Look]),
    ];
    for (name, scene, expected) in table {
        for (says, expected) in REFUND_SAYS.into_iter().zip(expected) {
            let mut world = World::new();
            let payment = late(&mut world);
            let mut open = world.state.effects.values();
            let undo = open.find(|open| matches!(open.requested.kind, EffectKind::UndoCapture { .. })).expect("it is given back");
            let (effect, reference) = (undo.requested.effect, Some(undo.requested.reference_text()));
            scene(&mut world, effect);
            let payment_provider_id = world.provider_id(payment);
            let message = About::Refund { provider_id: "re_undo".to_owned(), payment_provider_id, reference, says };
            assert_eq!(heard(&mut world, message), expected, "{name}: {says:?}");
            world.assert_replay_is_equal();
        }
    }
}

#[test]
fn a_refund_that_nobody_of_us_asked_for_is_for_a_person() {
    let mut world = World::new();
    let (payment, _, _) = refunding(&mut world);
    let payment_provider_id = world.provider_id(payment);
    for (payment_provider_id, expected) in [(payment_provider_id, Unsettled), ("pi_stranger".to_owned(), Unmatched)] {
        let provider_id = "re_stranger".to_owned();
        let message = About::Refund { provider_id, payment_provider_id, reference: None, says: RefundSays::Failed };
        assert_eq!(heard(&mut world, message), expected);
    }
}

#[test]
fn what_belongs_to_a_payment_is_kept_with_it_also_before_the_provider_named_the_payment() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    let reference = Some(world.open(effect).requested.reference_text());
    let part =
        |reference: &Option<String>, id: &str| About::PaymentPart { payment_provider_id: id.to_owned(), reference: reference.clone() };
    let early = part(&reference, &name_of(effect));
    assert_eq!(world.state.payment_of_notice(0, &early), Some(payment), "its body is sealed under that payment's person");
    let kept_with = |world: &mut World, about: About| {
        let decision = world.hear(about);
        assert_eq!(led(&decision), Kept);
        decision.entries[0].event.payment()
    };
    assert_eq!(kept_with(&mut world, early.clone()), Some(payment));
    assert_eq!(world.payment(payment).provider_id(), None, "nothing but a message about the payment itself names it");
    assert_eq!(kept_with(&mut world, part(&None, &name_of(effect))), None);
    assert_eq!(kept_with(&mut world, part(&Some("order_7".to_owned()), &name_of(effect))), None, "not a reference of ours");
    world.outcome(effect, captured(100));
    assert_eq!(kept_with(&mut world, early), Some(payment), "the reference is closed, and the name is known");
    assert_eq!(kept_with(&mut world, part(&None, &name_of(effect))), Some(payment));
    assert_eq!(kept_with(&mut world, part(&reference, "pi_stranger")), None);
    assert_eq!(kept_with(&mut world, About::Other), None);
}

#[test]
fn a_message_that_comes_before_the_answer_names_the_payment_and_makes_the_next_send_due_at_once() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    assert_eq!(heard_of(&mut world, payment, PaymentSays::Captured { amount_minor: 100 }), Hint);
    assert_eq!(world.provider_id(payment), name_of(effect));
    world.outcome(effect, unknown());
    assert_eq!(world.open(effect).next_at, Some(world.state.last_at), "and not after the ladder's first gap");
    assert_eq!(world.tick_until_quiet(), [effect]);
    world.outcome(effect, captured(100));
    assert_eq!(world.status(payment), PaymentStatus::Captured);
    let by_name = About::Payment { provider_id: name_of(effect), reference: None, says: PaymentSays::Canceled };
    assert_eq!(heard(&mut world, by_name), Observe);
}

#[test]
fn what_is_being_looked_at_is_looked_at_again_when_something_happens_meanwhile() {
    let mut world = World::new();
    let payment = world.authorized(100);
    assert_eq!(heard_of(&mut world, payment, PaymentSays::Captured { amount_minor: 100 }), Observe);
    let effect = world.payment(payment).observations[0];
    assert_eq!(heard_of(&mut world, payment, PaymentSays::Canceled), Hint);
    world.outcome(effect, authorized(100));
    assert_eq!(world.stand(effect), (EffectStatus::InFlight, SendKind::Lookup), "that answer may be older than the message");
    world.outcome(effect, canceled());
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Canceled, 0));
}

fn receive(event_id: &str, about: About, source: NoticeSource) -> Command {
    let notice = Notice { event_id: event_id.to_owned(), event_type: "test.event".into(), created_at: None, about };
    Command::ReceiveNotice(ReceiveNotice { provider: 0, notice, source, payload: None })
}

#[test]
fn a_message_counts_once_unless_a_person_replays_it() {
    let mut world = World::new();
    let payment = world.captured(100);
    let message = about(&world, payment, PaymentSays::Canceled);
    let from = |source| receive("evt_1", message.clone(), source);
    assert_eq!(led(&world.decision(&from(NoticeSource::Webhook))), Observe);
    for source in [NoticeSource::Webhook, NoticeSource::Sweep] {
        let again = world.decision(&from(source));
        assert_eq!((again.entries.len(), again.reply), (0, Reply::Done), "{source:?}");
    }
    assert_eq!(led(&world.decision(&from(NoticeSource::Replay))), Hint);
    let another_endpoint = Command::ReceiveNotice(ReceiveNotice {
        provider: 1,
        notice: Notice { event_id: "evt_1".into(), event_type: "test.event".into(), created_at: None, about: message.clone() },
        source: NoticeSource::Webhook,
        payload: None,
    });
    assert_eq!(led(&world.decision(&another_endpoint)), Unmatched, "ids are those of one endpoint");
    world.assert_replay_is_equal();
}

#[test]
fn a_limited_number_of_messages_is_remembered_and_the_oldest_forgotten() {
    let mut world = World::new();
    let received = world.decision(&receive("evt_0", About::Other, NoticeSource::Webhook)).entries.remove(0);
    for number in 1..=Notices::REMEMBERED_MAX {
        let mut entry: Entry = received.clone();
        let Event::WebhookReceived { event_id, .. } = &mut entry.event else { panic!("a message was received") };
        *event_id = format!("evt_{number}");
        assert!(world.state.notices.contains(0, "evt_0"), "{number} others are no reason to forget it");
        world.state.evolve(&entry);
    }
    let is_known = |state: &State, number: usize| state.notices.contains(0, &format!("evt_{number}"));
    assert!(!is_known(&world.state, 0) && is_known(&world.state, 1) && is_known(&world.state, Notices::REMEMBERED_MAX));
}

fn dispute(payment_provider_id: &str, dispute: &str, phase: DisputePhase) -> About {
    About::Dispute { payment_provider_id: payment_provider_id.to_owned(), dispute: fact(dispute, 70, phase) }
}

/// Disputes of a payment and where they stand, oldest first.
fn disputes(world: &World, payment: PaymentId) -> Vec<(String, DisputeStatus)> {
    world.payment(payment).disputes.iter().map(|known| (known.dispute.clone(), known.status)).collect()
}

#[test]
fn a_message_about_a_dispute_leads_to_this() {
    for (phase, first) in [
        (DisputePhase::Inquiry, Booked),
        (DisputePhase::InquiryClosed, Booked),
        (DisputePhase::Open, Booked),
        (DisputePhase::Won, Booked),
        (DisputePhase::Lost, Booked),
        (DisputePhase::Unclear, Unclear),
    ] {
        let mut world = World::new();
        let payment = world.captured(100);
        let id = world.provider_id(payment);
        assert_eq!(heard(&mut world, dispute(&id, "dp_1", phase)), first, "{phase:?}");
        let again = if first == Booked { Known } else { Unclear };
        assert_eq!(heard(&mut world, dispute(&id, "dp_1", phase)), again, "{phase:?} once more");
        assert_eq!(world.payment(payment).disputes.len(), usize::from(first == Booked));
        let foreign = base::DisputeFact {
            money: Money { amount_minor: 70, currency: "JPY".parse().expect("the yen is a currency") },
            ..fact("dp_2", 70, phase)
        };
        assert_eq!(heard(&mut world, About::Dispute { payment_provider_id: id, dispute: foreign }), Unsettled, "in another currency");
        world.assert_replay_is_equal();
    }
}

#[test]
fn a_dispute_that_could_not_be_understood_is_heard_again_under_its_own_id() {
    let mut world = World::new();
    let payment = world.captured(100);
    let id = world.provider_id(payment);
    let from = |phase| receive("evt_1", dispute(&id, "dp_1", phase), NoticeSource::Sweep);
    for _ in 0..2 {
        assert_eq!(led(&world.decision(&from(DisputePhase::Unclear))), Unclear);
    }
    assert_eq!(disputes(&world, payment), []);
    assert_eq!(led(&world.decision(&from(DisputePhase::Open))), Booked, "a later release may understand it");
    assert_eq!(disputes(&world, payment), [("dp_1".to_owned(), DisputeStatus::Open)]);
    assert_eq!(world.decision(&from(DisputePhase::Open)).entries, []);
}

#[test]
fn disputes_that_come_before_their_payment_is_known_are_told_to_it_in_their_order() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    let id = name_of(effect);
    for (name, phase) in [("dp_1", DisputePhase::Open), ("dp_2", DisputePhase::Inquiry), ("dp_1", DisputePhase::Lost)] {
        assert_eq!(heard(&mut world, dispute(&id, name, phase)), Unmatched);
    }
    assert_eq!(heard(&mut world, dispute("pi_stranger", "dp_3", DisputePhase::Open)), Unmatched);
    let foreign = base::DisputeFact {
        money: Money { amount_minor: 70, currency: "JPY".parse().expect("the yen is a currency") },
        ..fact("dp_4", 70, DisputePhase::Open)
    };
    assert_eq!(heard(&mut world, About::Dispute { payment_provider_id: id.clone(), dispute: foreign }), Unmatched);
    assert_eq!(world.tick_until_quiet(), [], "nobody is waited for");
    // Named by a message before the call is answered.
    assert_eq!(heard_of(&mut world, payment, PaymentSays::Captured { amount_minor: 100 }), Hint);
    world.outcome(effect, captured(100));
    world.tick_until_quiet();
    let told = [("dp_1".to_owned(), DisputeStatus::Lost), ("dp_2".to_owned(), DisputeStatus::Inquiry)];
    assert_eq!(disputes(&world, payment), told, "one in another currency is left to a person");
    let left: Vec<&str> = world.state.strays.iter().map(|(_, stray)| stray.fact.dispute.as_str()).collect();
    assert_eq!(left, ["dp_3"]);
    world.assert_replay_is_equal();
}

#[test]
fn the_first_of_too_many_disputes_of_strangers_is_forgotten() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    let (first, second) = (name_of(effect), "pi_second");
    world.hear(dispute(&first, "dp_first", DisputePhase::Open));
    world.hear(dispute(second, "dp_second", DisputePhase::Open));
    for number in 0..1_023 {
        world.hear(dispute("pi_stranger", &format!("dp_{number}"), DisputePhase::Open));
    }
    assert_eq!(world.state.strays.len(), 1_024);
    assert_eq!(world.state.strays[0].1.fact.dispute, "dp_second");
    world.outcome(effect, captured(100));
    world.tick_until_quiet();
    assert_eq!(disputes(&world, payment), [], "it is in the journal, and a person can replay it");
    assert_eq!(heard(&mut world, dispute(&first, "dp_first", DisputePhase::Open)), Booked);
    assert_eq!((world.payment(payment).merchant, world.payment(payment).money.currency), (MERCHANT, eur()));
}
