//! Customers, the payment methods that they store, and what may be charged while they are away.

#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod common;

use base::limits::METHODS_PER_CUSTOMER_MAX;
use base::{CustomerId, Decline, DeclineClass, ErrandId, NotSentReason, PaymentMethodId, Rejection, SubjectId, UnknownReason};
use common::{MERCHANT, OTHER, S, World, captured};
use engine::state::KeyedObject;
use engine::{
    CardFacts, Command, ConfirmPayment, CreateCustomer, CreatePayment, EffectKind, ErrandDone, ErrandKind, ErrandOutcome, ErrandReport,
    ErrandStatus, Event, OUTCOME_UNKNOWN, Presence, Private, Refusal, Reply, SendKind, StorePaymentMethod,
};
use payments::StoredMethodStatus;

fn customer(world: &mut World) -> CustomerId {
    let idempotency = world.fresh();
    let subject = SubjectId::from_u128(9);
    match world.submit(&Command::CreateCustomer(CreateCustomer { merchant: MERCHANT, idempotency, subject, details: None })) {
        Reply::Customer { customer, replayed: false } => customer,
        other => panic!("a customer is created: {other:?}"),
    }
}

fn storing(world: &mut World, customer: CustomerId) -> StorePaymentMethod {
    StorePaymentMethod { merchant: MERCHANT, customer, idempotency: world.fresh(), provider: 0, token: "pm_card_visa".into() }
}

fn store(world: &mut World, customer: CustomerId) -> (PaymentMethodId, ErrandId) {
    let command = storing(world, customer);
    match world.submit(&Command::StorePaymentMethod(command)) {
        Reply::Method { method, replayed: false, waiting_for: Some(errand) } => (method, errand),
        other => panic!("a payment method is stored: {other:?}"),
    }
}

fn known(provider_id: &str) -> ErrandOutcome {
    ErrandOutcome::Done(ErrandDone::CustomerStored { provider_id: provider_id.into() })
}

fn stored(provider_id: &str) -> ErrandOutcome {
    let card = CardFacts { brand: "visa".into(), last4: "4242".into(), exp_month: 12, exp_year: 2_034 };
    ErrandOutcome::Done(ErrandDone::MethodStored { provider_id: provider_id.into(), card: Some(card) })
}

const REMOVED: ErrandOutcome = ErrandOutcome::Done(ErrandDone::MethodRemoved);
const TIMEOUT: ErrandOutcome = ErrandOutcome::Unknown(UnknownReason::Timeout);
const NOT_FOUND: ErrandOutcome = ErrandOutcome::Unknown(UnknownReason::NotFound);
const NOT_SENT: ErrandOutcome = ErrandOutcome::NotSent(NotSentReason::Connect);

fn rejected(permanent: bool) -> ErrandOutcome {
    ErrandOutcome::Rejected(Rejection { permanent, code: "rate_limit".into() })
}

fn errand_of(world: &World, method: PaymentMethodId) -> ErrandId {
    world.state.errand_of(&world.state.methods[&method]).unwrap().requested.errand
}

fn status(world: &World, method: PaymentMethodId) -> StoredMethodStatus {
    world.state.methods[&method].status
}

/// A customer with an active payment method.
fn active(world: &mut World) -> (CustomerId, PaymentMethodId) {
    let customer = customer(world);
    let (method, errand) = store(world, customer);
    world.errand_outcome(errand, known("cus_1"));
    let errand = errand_of(world, method);
    world.errand_outcome(errand, stored("pm_1"));
    assert_eq!(status(world, method), StoredMethodStatus::Active);
    (customer, method)
}

/// A request to charge a stored payment method.
fn charge(world: &mut World, method: PaymentMethodId, presence: Presence) -> CreatePayment {
    CreatePayment { payment_method: None, method: Some(method), presence, ..world.request(100) }
}

#[test]
fn the_customer_is_made_known_once_and_then_the_payment_method_is_attached() {
    let mut world = World::new();
    let customer = customer(&mut world);
    let (first, errand) = store(&mut world, customer);
    let (second, same) = store(&mut world, customer);
    assert_eq!(errand, same, "one call makes the customer known");
    assert_eq!(world.state.errands[&errand].requested.kind, ErrandKind::StoreCustomer);
    let decision = world.errand_outcome(errand, known("cus_1"));
    assert_eq!(decision.errands().count(), 2, "both payment methods follow");
    for (method, provider_id) in [(first, "pm_1"), (second, "pm_2")] {
        let errand = errand_of(&world, method);
        let requested = &world.state.errands[&errand].requested;
        assert_eq!(requested.kind, ErrandKind::Attach { method });
        assert_eq!(requested.customer_provider_id.as_deref(), Some("cus_1"));
        assert_eq!(requested.token.as_deref(), Some("pm_card_visa"));
        world.errand_outcome(errand, stored(provider_id));
        assert_eq!(world.state.methods[&method].credentials[&0], provider_id);
    }
    let (third, errand) = store(&mut world, customer);
    assert_eq!(world.state.errands[&errand].requested.kind, ErrandKind::Attach { method: third }, "the customer is known");
    world.assert_replay_is_equal();
}

#[test]
fn an_unknown_errand_is_replayed_then_looked_up_and_then_fails() {
    let mut world = World::new();
    let customer = customer(&mut world);
    let (method, errand) = store(&mut world, customer);
    world.errand_outcome(errand, known("cus_1"));
    let errand = errand_of(&world, method);
    let key = world.state.errands[&errand].requested.key;
    let mut ways = Vec::new();
    world.errand_outcome(errand, TIMEOUT);
    for answer in [TIMEOUT, NOT_SENT, NOT_FOUND, rejected(true)] {
        world.advance_to_next();
        let open = &world.state.errands[&errand];
        assert_eq!((open.status, open.requested.key), (ErrandStatus::InFlight, key));
        ways.push(open.send_kind);
        world.errand_outcome(errand, answer);
    }
    assert_eq!(ways, [SendKind::Replay, SendKind::Replay, SendKind::Lookup, SendKind::Lookup]);
    assert_eq!(status(&world, method), StoredMethodStatus::Failed);
    assert_eq!(world.state.methods[&method].failure.as_deref(), Some("outcome_unknown"));
    assert!(world.state.errands.is_empty() && world.state.timers.is_empty());
}

#[test]
fn what_was_provably_not_executed_is_sent_again_and_then_fails_with_its_code() {
    for (answers, code) in [
        (vec![NOT_SENT, rejected(false), NOT_SENT], "not_sent_connect"),
        (vec![rejected(true)], "rate_limit"),
        (vec![ErrandOutcome::NotSent(NotSentReason::Encode)], "not_sent_encode"),
        (
            vec![ErrandOutcome::Declined(Decline { class: DeclineClass::HardCard, code: "stolen_card".into(), network_code: None })],
            "stolen_card",
        ),
    ] {
        let mut world = World::new();
        let customer = customer(&mut world);
        let (method, errand) = store(&mut world, customer);
        world.errand_outcome(errand, known("cus_1"));
        let errand = errand_of(&world, method);
        let count = answers.len();
        for (index, answer) in answers.into_iter().enumerate() {
            if index > 0 {
                world.advance_to_next();
                assert_eq!(world.state.errands[&errand].send_kind, SendKind::Replay);
            }
            world.errand_outcome(errand, answer);
            assert_eq!(world.state.errands.contains_key(&errand), index + 1 < count);
        }
        assert_eq!(world.state.methods[&method].failure.as_deref(), Some(code));
        assert!(world.state.customers[&customer].methods.is_empty(), "what failed does not count");
    }
}

#[test]
fn a_customer_that_cannot_be_made_known_fails_what_waits_and_may_be_tried_again() {
    let mut world = World::new();
    let customer = customer(&mut world);
    let (method, first) = store(&mut world, customer);
    let reference = world.state.errands[&first].requested.reference;
    world.errand_outcome(first, rejected(true));
    assert_eq!(status(&world, method), StoredMethodStatus::Failed);
    let (_, second) = store(&mut world, customer);
    assert_ne!(first, second, "it is another call with a key of its own");
    assert_eq!(world.state.errands[&second].requested.reference, reference, "about the same customer");
}

#[test]
fn after_the_keys_retention_an_errand_is_only_looked_up() {
    let mut world = World::new();
    let customer = customer(&mut world);
    let (_, errand) = store(&mut world, customer);
    world.now = world.now.plus_ns(25 * 3_600 * S);
    world.errand_outcome(errand, TIMEOUT);
    world.advance_to_next();
    assert_eq!(world.state.errands[&errand].send_kind, SendKind::Lookup);
}

#[test]
fn a_new_leader_resumes_what_was_under_way() {
    let mut world = World::new();
    let customer = customer(&mut world);
    let (method, errand) = store(&mut world, customer);
    world.submit(&Command::StartLeader { epoch: 2 });
    assert_eq!(world.state.errands[&errand].status, ErrandStatus::Unknown);
    world.advance_to_next();
    assert_eq!(world.errands_sent, [errand]);
    assert_eq!(world.state.errands[&errand].send_kind, SendKind::Replay);
    world.errand_outcome(errand, known("cus_1"));
    let errand = errand_of(&world, method);
    world.errand_outcome(errand, stored("pm_1"));
    world.assert_replay_is_equal();
}

#[test]
fn late_and_impossible_answers_change_nothing() {
    let mut world = World::new();
    let customer = customer(&mut world);
    let (_, errand) = store(&mut world, customer);
    let report = |send, outcome| Command::ReportErrand(ErrandReport { errand, send, outcome });
    assert!(world.decision(&report(2, known("cus_1"))).entries.is_empty(), "nothing was sent a second time");
    world.errand_outcome(errand, TIMEOUT);
    assert!(world.decision(&report(1, NOT_SENT)).entries.is_empty());
    assert!(world.decision(&report(1, stored("pm_1"))).entries.is_empty(), "that was not asked for");
    assert!(!world.decision(&report(1, known("cus_1"))).entries.is_empty(), "a late success is one");
}

#[test]
fn a_stored_payment_method_is_charged_with_its_credential_and_customer() {
    let mut world = World::new();
    let (customer, method) = active(&mut world);
    let request = charge(&mut world, method, Presence::OffSession);
    let payment = world.create(&request);
    let effect = world.operation(payment);
    let requested = world.open(effect).requested.clone();
    assert_eq!(requested.kind, EffectKind::Authorize { attempt: 0 });
    assert_eq!((requested.payment_method.as_str(), requested.customer.as_deref()), ("pm_1", Some("cus_1")));
    assert_eq!(requested.presence, Presence::OffSession);
    let on_file = world.payment(payment).on_file.as_deref().copied().unwrap();
    assert_eq!((on_file.customer, on_file.method), (customer, Some(method)));
    world.outcome(effect, captured(100));
    world.assert_replay_is_equal();
}

#[test]
fn a_confirm_charges_what_the_payment_was_made_with_unless_it_says_otherwise() {
    let mut world = World::new();
    let (_, method) = active(&mut world);
    let confirm = |world: &mut World, payment, method, presence| {
        let command = ConfirmPayment {
            merchant: MERCHANT,
            payment,
            idempotency: world.fresh(),
            payment_method: None,
            method,
            presence,
            private: Private::default(),
        };
        world.submit(&Command::ConfirmPayment(command))
    };
    let request = CreatePayment { confirm: false, ..charge(&mut world, method, Presence::OffSession) };
    let own = world.create(&request);
    confirm(&mut world, own, None, None);
    let effect = world.operation(own);
    assert_eq!(world.open(effect).requested.presence, Presence::OffSession);

    let request = CreatePayment { confirm: false, ..world.request(100) };
    let plain = world.create(&request);
    let refused = confirm(&mut world, plain, None, Some(Presence::OffSession));
    assert_eq!(refused, Reply::Refused(Refusal::StoredMethodRequired));
    confirm(&mut world, plain, Some(method), None);
    let effect = world.operation(plain);
    assert_eq!(world.open(effect).requested.payment_method, "pm_1");

    let request = CreatePayment { confirm: false, ..charge(&mut world, method, Presence::OnSession) };
    let removed = world.create(&request);
    world.submit(&Command::RemovePaymentMethod { merchant: MERCHANT, method });
    let refused = confirm(&mut world, removed, None, None);
    assert_eq!(refused, Reply::Refused(Refusal::MethodStateConflict { status: StoredMethodStatus::Removing }));
}

#[test]
fn what_may_not_be_charged_is_refused_with_the_reason() {
    let mut world = World::new();
    let (customer, method) = active(&mut world);
    let (strange, _) = active(&mut world);
    let (fresh, _) = store(&mut world, customer);
    let request = |world: &mut World| charge(world, method, Presence::OnSession);
    let unknown_customer = Some(CustomerId::from_u128(5));
    let table = [
        (CreatePayment { customer: unknown_customer, ..request(&mut world) }, Refusal::CustomerUnknown),
        (CreatePayment { merchant: OTHER, ..request(&mut world) }, Refusal::MethodUnknown),
        (CreatePayment { merchant: OTHER, customer: Some(customer), ..request(&mut world) }, Refusal::CustomerUnknown),
        (CreatePayment { method: Some(PaymentMethodId::from_u128(5)), ..request(&mut world) }, Refusal::MethodUnknown),
        (CreatePayment { customer: Some(strange), ..request(&mut world) }, Refusal::MethodUnknown),
        (
            CreatePayment { method: Some(fresh), ..request(&mut world) },
            Refusal::MethodStateConflict { status: StoredMethodStatus::Storing },
        ),
        (CreatePayment { method: None, presence: Presence::OffSession, ..request(&mut world) }, Refusal::StoredMethodRequired),
        (CreatePayment { method: None, ..request(&mut world) }, Refusal::PaymentMethodRequired),
    ];
    for (request, refusal) in table {
        assert_eq!(world.submit(&Command::CreatePayment(request)), Reply::Refused(refusal));
    }
}

#[test]
fn a_payment_method_of_another_provider_is_not_charged_here() {
    let mut policy = common::policy();
    policy.providers.push(policy.providers[0].clone());
    let mut world = World::with_policy(policy);
    let customer = customer(&mut world);
    let command = StorePaymentMethod { provider: 1, ..storing(&mut world, customer) };
    let Reply::Method { method, waiting_for: Some(errand), .. } = world.submit(&Command::StorePaymentMethod(command)) else {
        panic!("it is stored");
    };
    world.errand_outcome(errand, known("cus_1"));
    let errand = errand_of(&world, method);
    world.errand_outcome(errand, stored("pm_1"));
    let request = charge(&mut world, method, Presence::OnSession);
    assert_eq!(world.submit(&Command::CreatePayment(request)), Reply::Refused(Refusal::MethodNotAtProvider));
    let nowhere = StorePaymentMethod { provider: 2, ..storing(&mut world, customer) };
    assert_eq!(world.submit(&Command::StorePaymentMethod(nowhere)), Reply::Refused(Refusal::ProviderUnknown));
}

#[test]
fn a_removed_payment_method_is_gone_and_a_refused_removal_leaves_it_active() {
    let mut world = World::new();
    let (_, method) = active(&mut world);
    let remove = Command::RemovePaymentMethod { merchant: MERCHANT, method };
    let Reply::Method { waiting_for: Some(first), replayed: false, .. } = world.submit(&remove) else {
        panic!("it is removed");
    };
    assert_eq!(world.submit(&remove), Reply::Method { method, replayed: true, waiting_for: Some(first) });
    world.errand_outcome(first, rejected(true));
    refuse_to_give_up(&mut world, first, method);
    assert_eq!(status(&world, method), StoredMethodStatus::Active);
    let Reply::Method { waiting_for: Some(second), .. } = world.submit(&remove) else {
        panic!("it is removed again");
    };
    assert_ne!(first, second, "it is another call with a key of its own");
    world.errand_outcome(second, REMOVED);
    assert_eq!(status(&world, method), StoredMethodStatus::Removed);
    assert_eq!(world.submit(&remove), Reply::Method { method, replayed: true, waiting_for: None });
    let request = charge(&mut world, method, Presence::OnSession);
    let refusal = Refusal::MethodStateConflict { status: StoredMethodStatus::Removed };
    assert_eq!(world.submit(&Command::CreatePayment(request)), Reply::Refused(refusal));
    let theirs = Command::RemovePaymentMethod { merchant: OTHER, method };
    assert_eq!(world.submit(&theirs), Reply::Refused(Refusal::MethodUnknown));
}

/// The provider still has the card whenever it is looked for.
fn refuse_to_give_up(world: &mut World, errand: ErrandId, method: PaymentMethodId) {
    while status(world, method) == StoredMethodStatus::Removing {
        world.advance_to_next();
        world.errand_outcome(errand, ErrandOutcome::Unknown(UnknownReason::NotFound));
    }
}

#[test]
fn a_removal_that_is_refused_because_somebody_else_made_it_is_one() {
    let mut world = World::new();
    let (_, method) = active(&mut world);
    let Reply::Method { waiting_for: Some(errand), .. } = world.submit(&Command::RemovePaymentMethod { merchant: MERCHANT, method }) else {
        panic!("it is removed");
    };
    world.errand_outcome(errand, rejected(true));
    assert_eq!(status(&world, method), StoredMethodStatus::Removing, "the provider is asked whether it is there");
    world.advance_to_next();
    world.errand_outcome(errand, REMOVED);
    assert_eq!(status(&world, method), StoredMethodStatus::Removed);
}

#[test]
fn an_unseen_removal_stays_in_doubt_until_an_answer_ends_it() {
    let mut world = World::new();
    let (_, method) = active(&mut world);
    let remove = Command::RemovePaymentMethod { merchant: MERCHANT, method };
    let unseen = ErrandOutcome::Unknown(UnknownReason::Timeout);
    for outcome in [unseen, ErrandOutcome::NotSent(NotSentReason::Connect), rejected(true)] {
        let Reply::Method { waiting_for: Some(errand), .. } = world.submit(&remove) else {
            panic!("it is removed");
        };
        world.errand_outcome(errand, outcome.clone());
        while status(&world, method) == StoredMethodStatus::Removing {
            world.advance_to_next();
            world.errand_outcome(errand, outcome.clone());
        }
        let found = &world.state.methods[&method];
        assert_eq!((found.status, found.failure.as_deref()), (StoredMethodStatus::Active, Some(OUTCOME_UNKNOWN)), "{outcome:?}");
    }
    let Reply::Method { waiting_for: Some(errand), .. } = world.submit(&remove) else {
        panic!("it is removed");
    };
    world.errand_outcome(errand, REMOVED);
    let found = &world.state.methods[&method];
    assert_eq!((found.status, found.failure.as_deref()), (StoredMethodStatus::Removed, None));
}

#[test]
fn what_is_kept_already_is_not_kept_under_a_second_name() {
    let mut world = World::new();
    let (customer, method) = active(&mut world);
    let kept = world.state.methods[&method].credentials[&0].clone();
    let (second, errand) = store(&mut world, customer);
    world.errand_outcome(errand, stored(&kept));
    assert_eq!((status(&world, method), status(&world, second)), (StoredMethodStatus::Active, StoredMethodStatus::Failed));
}

#[test]
fn deleting_a_customer_again_tries_again_what_was_not_given_up() {
    let mut world = World::new();
    let (customer, method) = active(&mut world);
    let delete = Command::DeleteCustomer { merchant: MERCHANT, customer };
    for replayed in [false, true] {
        assert_eq!(world.submit(&delete), Reply::Customer { customer, replayed });
        let errand = errand_of(&world, method);
        world.errand_outcome(errand, rejected(true));
        refuse_to_give_up(&mut world, errand, method);
        assert_eq!(status(&world, method), StoredMethodStatus::Active);
    }
}

#[test]
fn a_deleted_customer_gives_up_its_payment_methods_and_takes_no_more() {
    let mut world = World::new();
    let (customer, method) = active(&mut world);
    let (fresh, errand) = store(&mut world, customer);
    let delete = Command::DeleteCustomer { merchant: MERCHANT, customer };
    assert_eq!(world.submit(&delete), Reply::Refused(Refusal::OperationInFlight), "one is being stored");
    world.errand_outcome(errand, stored("pm_2"));
    let decision = world.decision(&delete);
    assert_eq!((decision.reply, decision.entries.len()), (Reply::Customer { customer, replayed: false }, 5));
    for method in [method, fresh] {
        let errand = errand_of(&world, method);
        world.errand_outcome(errand, REMOVED);
    }
    assert!(world.state.customers[&customer].methods.is_empty());
    assert_eq!(world.submit(&delete), Reply::Customer { customer, replayed: true });
    let command = storing(&mut world, customer);
    assert_eq!(world.submit(&Command::StorePaymentMethod(command)), Reply::Refused(Refusal::CustomerUnknown));
    let request = CreatePayment { customer: Some(customer), ..world.request(100) };
    assert_eq!(world.submit(&Command::CreatePayment(request)), Reply::Refused(Refusal::CustomerUnknown));
}

#[test]
fn keys_of_customers_and_payment_methods_are_remembered() {
    let mut world = World::new();
    let idempotency = world.fresh();
    let create = CreateCustomer { merchant: MERCHANT, idempotency, subject: SubjectId::from_u128(9), details: None };
    let Reply::Customer { customer, replayed: false } = world.submit(&Command::CreateCustomer(create.clone())) else {
        panic!("a customer is created");
    };
    assert_eq!(world.submit(&Command::CreateCustomer(create.clone())), Reply::Customer { customer, replayed: true });
    let other = CreateCustomer { idempotency: engine::Idempotency { fingerprint: [9; 16], ..idempotency }, ..create.clone() };
    assert_eq!(world.submit(&Command::CreateCustomer(other)), Reply::Refused(Refusal::IdempotencyKeyReused));

    let store = storing(&mut world, customer);
    let store = Command::StorePaymentMethod(store);
    let Reply::Method { method, waiting_for: Some(errand), .. } = world.submit(&store) else {
        panic!("it is stored");
    };
    assert_eq!(world.submit(&store), Reply::Refused(Refusal::IdempotencyKeyInUse), "the provider has not answered");
    world.errand_outcome(errand, TIMEOUT);
    assert_eq!(world.submit(&store), Reply::Method { method, replayed: true, waiting_for: Some(errand) });
    world.advance_to_next();
    world.errand_outcome(errand, known("cus_1"));
    let attach = errand_of(&world, method);
    world.errand_outcome(attach, stored("pm_1"));
    assert_eq!(world.submit(&store), Reply::Method { method, replayed: true, waiting_for: None });

    world.now = world.now.plus_ns(base::limits::IDEMPOTENCY_KEPT_NS);
    for fingerprint in 0..3 {
        world.submit(&Command::Quarantine { fingerprint: [fingerprint; 16] });
    }
    for (command, created) in [(Command::CreateCustomer(create), KeyedObject::Customer(customer)), (store, KeyedObject::Method(method))] {
        assert_eq!(world.submit(&command), Reply::Refused(Refusal::IdempotencyKeyExpired { created }));
    }
}

#[test]
fn a_customer_stores_a_limited_number_of_payment_methods() {
    let mut world = World::new();
    let (customer, method) = active(&mut world);
    for _ in 1..METHODS_PER_CUSTOMER_MAX {
        store(&mut world, customer);
    }
    let refusal = Refusal::TooManyMethods { count_max: METHODS_PER_CUSTOMER_MAX };
    let command = storing(&mut world, customer);
    assert_eq!(world.submit(&Command::StorePaymentMethod(command)), Reply::Refused(refusal));
    world.submit(&Command::RemovePaymentMethod { merchant: MERCHANT, method });
    let errand = errand_of(&world, method);
    world.errand_outcome(errand, REMOVED);
    store(&mut world, customer);
}

#[test]
fn an_erased_customer_is_still_charged_and_its_open_errand_is_only_looked_up() {
    let mut world = World::new();
    let (customer, method) = active(&mut world);
    let (_, errand) = store(&mut world, customer);
    let subject = world.state.customers[&customer].subject;
    world.submit(&Command::EraseSubject { subject });
    world.errand_outcome(errand, TIMEOUT);
    world.advance_to_next();
    assert_eq!(world.state.errands[&errand].send_kind, SendKind::Lookup, "its exact bytes cannot be read any more");
    let request = charge(&mut world, method, Presence::OffSession);
    let payment = world.create(&request);
    assert!(world.entries.iter().any(|entry| matches!(entry.event, Event::SubjectErased { .. })));
    let effect = world.operation(payment);
    world.outcome(effect, captured(100));
}
