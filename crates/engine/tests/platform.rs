//! The platform's own administration: versions, leadership, keys, quarantine, clock, privacy.

mod common;

use base::{About, MerchantId, Notice, OperatorId, SubjectId};
use common::{MERCHANT, S, World, policy};
use engine::{CaptureMode, Command, CreateApiKey, CreatePayment, EventKind, KeyOwner, Lane, NoticeSource, ReceiveNotice, Refusal, Reply};
use payments::PaymentStatus;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn no_kind_is_written_before_its_version_was_raised() {
    let merchant = MERCHANT;
    let commands = [
        Command::StartLeader { epoch: 1 },
        Command::CreateMerchant { merchant, handle: "shop".into() },
        Command::CreateOperator { operator: OperatorId::from_u128(1), handle: "ops".into() },
        Command::EraseSubject { subject: SubjectId::from_u128(1) },
        Command::Quarantine { fingerprint: [1; 16] },
        Command::ReportClockJump { jump_ns: 1 },
    ];
    for command in commands {
        let world = World::bare(policy());
        let crashed = catch_unwind(AssertUnwindSafe(|| world.decide(&command))).is_err();
        assert!(crashed, "{command:?} wrote an event before its version was raised");
    }
    for kind in EventKind::ALL {
        assert_eq!(kind.version() == 0, *kind == EventKind::MinVersionRaised, "{}", kind.name());
    }
}

#[test]
fn the_minimal_version_only_rises_and_only_to_what_this_program_knows() {
    let mut world = World::new();
    for version in [0, 1, engine::event::VERSION_MAX + 1, u32::MAX] {
        assert_eq!(world.submit(&Command::RaiseMinVersion { version }), Reply::Refused(Refusal::VersionNotRaised));
    }
}

#[test]
fn merchants_and_operators_have_handles_and_numbers_of_their_own() {
    let mut world = World::new();
    let merchant = MerchantId::from_u128(3);
    for (merchant, handle) in [(merchant, "shop"), (MERCHANT, "third")] {
        let command = Command::CreateMerchant { merchant, handle: handle.into() };
        assert_eq!(world.submit(&command), Reply::Refused(Refusal::HandleTaken));
    }
    assert_eq!(world.submit(&Command::CreateMerchant { merchant, handle: "third".into() }), Reply::Done);
    assert_eq!(world.state.merchants[&merchant].number, 3);
    let operator = OperatorId::from_u128(1);
    let command = Command::CreateOperator { operator, handle: "ops".into() };
    assert_eq!(world.submit(&command), Reply::Done);
    assert_eq!(world.submit(&command), Reply::Refused(Refusal::HandleTaken));
}

#[test]
fn api_keys_are_made_for_owners_that_exist_and_stop_once() {
    let mut world = World::new();
    let key = |owner, public_id| Command::CreateApiKey(CreateApiKey { public_id, owner, digest: [1; 32], pepper_version: 1 });
    let stranger = KeyOwner::Merchant(MerchantId::from_u128(9));
    assert_eq!(world.submit(&key(stranger, [1; 10])), Reply::Refused(Refusal::MerchantUnknown));
    let nobody = KeyOwner::Operator(OperatorId::from_u128(9));
    assert_eq!(world.submit(&key(nobody, [1; 10])), Reply::Refused(Refusal::OperatorUnknown));
    let owner = KeyOwner::Merchant(MERCHANT);
    assert_eq!(world.submit(&key(owner, [1; 10])), Reply::Done);
    assert_eq!(world.submit(&key(owner, [1; 10])), Reply::Refused(Refusal::KeyTaken));
    assert_eq!(world.submit(&Command::RevokeApiKey { public_id: [2; 10] }), Reply::Refused(Refusal::KeyUnknown));
    for written in [1, 0] {
        let decision = world.decision(&Command::RevokeApiKey { public_id: [1; 10] });
        assert_eq!((decision.reply, decision.entries.len()), (Reply::Done, written));
    }
    assert!(world.state.api_keys[&[1; 10]].revoked);
}

#[test]
fn a_quarantine_is_remembered_until_it_is_released() {
    let mut world = World::new();
    for (command, written, kept) in [
        (Command::Quarantine { fingerprint: [7; 16] }, 1, true),
        (Command::Quarantine { fingerprint: [7; 16] }, 0, true),
        (Command::ReleaseQuarantine { fingerprint: [8; 16] }, 0, true),
        (Command::ReleaseQuarantine { fingerprint: [7; 16] }, 1, false),
        (Command::ReleaseQuarantine { fingerprint: [7; 16] }, 0, false),
    ] {
        assert_eq!(world.decision(&command).entries.len(), written, "{command:?}");
        assert_eq!(world.state.quarantine.contains(&[7; 16]), kept);
    }
}

#[test]
fn a_clock_jump_suspends_expiries_and_nothing_else_until_it_is_confirmed() {
    let mut world = World::new();
    let created = CreatePayment { confirm: false, ..world.request(100) };
    let created = world.create(&created);
    let held = world.authorized(100);
    let (waits, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, common::redirect());
    let (released, capture) = world.pay(100, CaptureMode::Automatic);
    let available_at = world.now.plus_ns(10 * S);
    world.outcome(capture, common::settled(100, 0, available_at));

    world.submit(&Command::ReportClockJump { jump_ns: 365 * 86_400 * S });
    assert!(world.state.due_at().is_some(), "what is no expiry stays due");
    let sent = world.advance(365 * 86_400 * S);
    assert_eq!(sent, [effect], "the look at the waiting payment goes on");
    assert!(world.payment(released).available);
    let statuses = |world: &World| [created, held, waits].map(|payment| world.status(payment));
    assert_eq!(statuses(&world), [PaymentStatus::Created, PaymentStatus::Authorized, PaymentStatus::RequiresAction]);
    assert_eq!(world.state.due_at(), None);

    assert_eq!(world.decision(&Command::ConfirmClock).entries.len(), 1);
    assert_eq!(world.decision(&Command::ConfirmClock).entries.len(), 0);
    world.tick_until_quiet();
    assert_eq!(world.status(created), PaymentStatus::Expired);
    assert!(world.payment(held).cancel.is_some() && world.payment(waits).cancel.is_some());
}

#[test]
fn many_due_timers_run_in_bounded_batches() {
    let mut world = World::new();
    for _ in 0..300 {
        let created = CreatePayment { confirm: false, ..world.request(100) };
        world.create(&created);
    }
    world.now = world.now.plus_ns(25 * 3_600 * S);
    assert_eq!(world.decision(&Command::Tick).entries.len(), 256);
    assert_eq!(world.decision(&Command::Tick).entries.len(), 44);
    assert_eq!(world.decision(&Command::Tick).entries.len(), 0);
}

#[test]
fn facts_about_money_travel_in_the_lanes_that_are_never_shed() {
    let mut world = World::new();
    let create = Command::CreatePayment(world.request(1));
    assert_eq!(create.lane(), Lane::Create);
    assert_eq!(Command::Tick.lane(), Lane::Outcome);
    let notice = Notice { event_id: "evt_1".into(), event_type: "x".into(), created_at: None, about: About::Other };
    let heard = Command::ReceiveNotice(ReceiveNotice { provider: 0, notice, source: NoticeSource::Webhook, payload: None });
    assert_eq!(heard.lane(), Lane::Report);
    assert!(Lane::Outcome < Lane::Report && Lane::Report < Lane::Existing && Lane::Existing < Lane::Create);
    assert_eq!(world.submit(&heard), Reply::Done);
}

#[test]
fn an_erasure_is_journaled_once() {
    let mut world = World::new();
    for written in [1, 0] {
        assert_eq!(world.decision(&Command::EraseSubject { subject: SubjectId::from_u128(9) }).entries.len(), written);
    }
}

#[test]
fn two_different_operators_release_an_event() {
    let mut world = World::new();
    let [first, second] = [1, 2].map(OperatorId::from_u128);
    let skip = |first, second| Command::SkipEvent { seq: 7, first, second };
    for (operator, handle) in [(first, "ada"), (second, "bob")] {
        assert_eq!(world.submit(&skip(first, second)), Reply::Refused(Refusal::OperatorUnknown));
        world.submit(&Command::CreateOperator { operator, handle: handle.into() });
    }
    assert_eq!(world.submit(&skip(first, first)), Reply::Refused(Refusal::SecondPersonRequired));
    assert!(world.state.skipped.is_empty());
    assert_eq!(world.submit(&skip(first, second)), Reply::Done);
    assert_eq!(world.state.skipped[&7], [first, second]);
}

#[test]
fn a_parked_call_is_looked_at_only_because_a_person_asks() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    let look = Command::LookAtParked { effect };
    assert_eq!(world.submit(&look), Reply::Refused(Refusal::NotParked));
    loop {
        world.outcome(effect, common::unknown());
        if world.stand(effect).0 == engine::EffectStatus::Parked {
            break;
        }
        world.advance_to_next();
    }
    let asked = world.decision(&look);
    assert_eq!(asked.effects().collect::<Vec<_>>(), [effect]);
    assert_eq!(world.stand(effect), (engine::EffectStatus::InFlight, engine::SendKind::Lookup), "nothing is executed again");
    world.outcome(effect, common::unknown());
    assert_eq!(world.stand(effect).0, engine::EffectStatus::Parked, "what stays unknown is parked again");
    world.submit(&look);
    world.submit(&Command::StartLeader { epoch: world.state.epoch + 1 });
    world.advance_to_next();
    assert_eq!(world.stand(effect).0, engine::EffectStatus::Parked, "a restart meanwhile parks it again");
    world.submit(&look);
    world.outcome(effect, common::captured(100));
    assert_eq!(world.status(payment), PaymentStatus::Captured);
    world.assert_replay_is_equal();
}

#[test]
fn a_call_that_did_something_else_than_asked_is_not_looked_at_again() {
    let mut world = World::new();
    let (_, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, common::mismatch(99, true));
    assert_eq!(world.stand(effect).0, engine::EffectStatus::Parked);
    assert_eq!(world.submit(&Command::LookAtParked { effect }), Reply::Refused(Refusal::OutcomeKnown));
}
