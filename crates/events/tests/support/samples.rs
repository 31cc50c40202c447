//! One entry of every kind, and more where a kind has alternatives. Each is frozen together with its golden bytes: a
//! field that is added later stays absent here and gets a sample of its own.

use base::{
    Currency, CustomerId, Decline, DeclineClass, DisputeFact, DisputePhase, EffectId, ErrandId, MerchantId, Mismatch, Money, NextAction,
    OperatorId, OutcomeClass, PaymentId, PaymentMethodId, RefundId, SubjectId, Timestamp, UnknownReason,
};
use engine::event::{KeyUse, PaymentCreated, PaymentRevised};
use engine::state::Settling;
use engine::{
    ArchivedKey, ArchivedPayment, Attempt, Capture, CaptureMode, CardFacts, Dispute, EffectKind, EffectRequested, Entry, ErrandKind,
    ErrandRequested, Event, EventKind, KeyOwner, NoticeSource, NoticeUse, OnFile, Payment, Presence, Refund, Sealed, SendKind,
    StrayDispute,
};
use ledger::{Account, AccountFlags, Items, Transfer, TransferFlags};
use payments::{AttemptStatus, CaptureStatus, DisputeStatus, PaymentStatus, RefundStatus};

const AT: Timestamp = Timestamp::from_s(1_795_253_580);
const LATER: Timestamp = Timestamp::from_s(1_795_257_180);
const PAYMENT: PaymentId = PaymentId::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
const MERCHANT: MerchantId = MerchantId::from_u128(0x11);
const OPERATOR: OperatorId = OperatorId::from_u128(0x22);
const SUBJECT: SubjectId = SubjectId::from_u128(0x33);
const EFFECT: EffectId = EffectId::from_u128(u128::MAX - 1);
const REFUND: RefundId = RefundId::from_u128(0x55 << 64);
const CUSTOMER: CustomerId = CustomerId::from_u128(0x77);
const METHOD: PaymentMethodId = PaymentMethodId::from_u128(0x88 << 32);
const ERRAND: ErrandId = ErrandId::from_u128(0x99);
const KEY: KeyUse = KeyUse { key: [0xA1; 16], fingerprint: [0xA2; 16], expires_at: LATER };

fn money() -> Money {
    Money { amount_minor: 1_999, currency: eur() }
}

fn eur() -> Currency {
    "EUR".parse().unwrap()
}

fn sealed() -> Sealed {
    Sealed { subject: SUBJECT, bytes: vec![0xB1, 0xB2, 0xB3] }
}

fn provider_id() -> Option<String> {
    Some("pi_1".into())
}

pub fn account(id: u128) -> Account {
    Account {
        id,
        debits_pending: 0,
        debits_posted: 0,
        credits_pending: 0,
        credits_posted: 0,
        user_data_128: 6,
        user_data_64: 7,
        user_data_32: 8,
        reserved: 0,
        ledger: 978,
        code: 9,
        flags: AccountFlags::HISTORY,
        timestamp: AT.ns(),
    }
}

pub fn leg(id: u128) -> Transfer {
    Transfer {
        id,
        debit_account_id: 1,
        credit_account_id: 2,
        amount: 1_999,
        pending_id: 0,
        user_data_128: PAYMENT.as_u128(),
        user_data_64: 3,
        user_data_32: 4,
        timeout_s: 0,
        ledger: 978,
        code: 5,
        flags: TransferFlags::PENDING,
        timestamp: AT.ns(),
    }
}

fn requested(kind: EffectKind) -> EffectRequested {
    EffectRequested {
        effect: EFFECT,
        kind,
        provider: 1,
        key: 0xC1,
        reference: 0xC2,
        key_version: 3,
        money: money(),
        capture: CaptureMode::Automatic,
        payment_method: "pm_card_visa".into(),
        provider_id: provider_id(),
        request: Some(sealed()),
        customer: None,
        presence: Presence::OnSession,
    }
}

fn errand_requested(kind: ErrandKind) -> ErrandRequested {
    ErrandRequested {
        errand: ERRAND,
        kind,
        customer: CUSTOMER,
        provider: 1,
        key: 0xC3,
        reference: 0xC4,
        key_version: 3,
        customer_provider_id: Some("cus_1".into()),
        token: Some("pm_card_visa".into()),
        request: Some(sealed()),
    }
}

fn on_file() -> OnFile {
    OnFile { customer: CUSTOMER, method: Some(METHOD), presence: Presence::OffSession }
}

fn archived() -> ArchivedPayment {
    let refund = RefundId::from_u128(0xE1);
    let attempt = Attempt {
        effect: EFFECT,
        provider: 1,
        status: AttemptStatus::Captured,
        provider_id: provider_id(),
        money: money(),
        late_fee_minor: 3,
        is_late_fee_awaited: true,
    };
    let part = Refund {
        refund,
        effect: EFFECT,
        amount_minor: 99,
        status: RefundStatus::Succeeded,
        hold: None,
        from_available: true,
        provider_id: provider_id(),
        created_at: AT,
    };
    let dispute = Dispute { dispute: "dp_1".into(), amount_minor: 1_000, status: DisputeStatus::Won, fee_minor: 1_500, fee_version: 2 };
    let payment = Payment {
        merchant: MERCHANT,
        subject: SUBJECT,
        money: money(),
        capture: CaptureMode::Manual,
        status: PaymentStatus::PartiallyRefunded,
        reference: Some([0xD1; 16]),
        content: [0xD2; 16],
        payment_method: Some("pm_card_visa".into()),
        on_file: Some(Box::new(on_file())),
        created_at: AT,
        hold: None,
        held_minor: 0,
        captured_minor: 1_999,
        refunded_minor: 99,
        refunding_minor: 0,
        fee_minor: 59,
        available: true,
        unreleased_minor: -99,
        attempts: vec![attempt],
        captures: vec![Capture { effect: EFFECT, amount_minor: 1_999, status: CaptureStatus::Succeeded }],
        refunds: vec![part],
        disputes: vec![dispute],
        last_decline: Some(Decline { class: DeclineClass::SoftFunds, code: "card_declined".into(), network_code: Some("51".into()) }),
        next_action: None,
        expires_at: None,
        operation: None,
        cancel: None,
        cancels: 1,
        observations: Vec::new(),
        settling: Some(Box::new(Settling { attempt: 0, step: 4, next_at: None })),
        open_effects: 0,
        keys: Vec::new(),
        resting_since: None,
    };
    let used = ArchivedKey { key: [0xD3; 16], fingerprint: [0xD4; 16], refund: Some(refund), effect: Some(EFFECT), expires_at: AT };
    let keys = vec![ArchivedKey { refund: None, effect: None, ..used }, used];
    ArchivedPayment { id: PAYMENT, payment: Box::new(payment), keys }
}

fn created() -> PaymentCreated {
    PaymentCreated {
        payment: PAYMENT,
        merchant: MERCHANT,
        subject: SUBJECT,
        money: money(),
        capture: CaptureMode::Manual,
        reference: Some([0xD1; 16]),
        content: [0xD2; 16],
        payment_method: Some("pm_card_visa".into()),
        key_version: 1,
        details: Some(sealed()),
        expires_at: LATER,
        key: KEY,
        on_file: None,
    }
}

/// The payment that `golden/v0` holds in the layout of pre-release programs.
pub fn pre_release_entry() -> Entry {
    Entry { at: AT, event: Event::PaymentCreated(created()), legs: vec![leg(7)] }
}

/// Every sample with the name under which its bytes are frozen: the kind's, and what is special after a slash.
pub fn all() -> Vec<(String, Entry)> {
    let plain = EventKind::ALL.iter().map(|kind| (kind.name().to_owned(), sample(*kind)));
    let special = specials().into_iter().map(|(what, event)| (format!("{}/{what}", event.kind().name()), event));
    plain.chain(special).map(|(name, event)| (name, Entry { at: AT, legs: legs_of(&event), event })).collect()
}

/// A few kinds have legs, so that their number is frozen too.
fn legs_of(event: &Event) -> Vec<Transfer> {
    match event {
        Event::AttemptStarted { .. } => vec![leg(1)],
        Event::AttemptCaptured { .. } => vec![leg(1), leg(2), leg(3)],
        _ => Vec::new(),
    }
}

fn stray() -> StrayDispute {
    let fact = DisputeFact {
        dispute: "dp_2".into(),
        money: money(),
        phase: DisputePhase::Open,
        reason: "general".into(),
        respond_by: Some(LATER),
        fee_minor: 1_500,
        is_withdrawn: true,
    };
    StrayDispute { payment_provider_id: "pi_2".into(), fact }
}

/// Alternatives that one sample of a kind cannot show.
fn specials() -> Vec<(&'static str, Event)> {
    let bare = EffectRequested { provider_id: None, request: None, ..requested(EffectKind::Authorize { attempt: 0 }) };
    let created = PaymentCreated { reference: None, payment_method: None, details: None, capture: CaptureMode::Automatic, ..created() };
    let owner = KeyOwner::Operator(OPERATOR);
    vec![
        ("bare", Event::PaymentCreated(created)),
        ("bare", Event::AttemptStarted { payment: PAYMENT, requested: bare, key: None, on_file: None }),
        ("operator", Event::ApiKeyCreated { public_id: *b"0123456789", owner, digest: [0xE1; 32], pepper_version: 1 }),
        (
            "wait",
            Event::AttemptPending {
                payment: PAYMENT,
                effect: EFFECT,
                action: NextAction::Wait,
                provider_id: None,
                next_at: AT,
                expires_at: LATER,
            },
        ),
        ("attempt", Event::CaptureReversed { payment: PAYMENT, capture: None, amount_minor: 0, code: String::new() }),
        ("bare", Event::KeyRemembered { payment: PAYMENT, effect: None, key: KEY }),
        (
            "explained",
            Event::DisputeOpened {
                payment: PAYMENT,
                dispute: "dp_1".into(),
                amount_minor: 1_999,
                reason: "fraudulent".into(),
                respond_by: Some(LATER),
            },
        ),
        (
            "stray",
            Event::WebhookReceived {
                provider: 0,
                event_id: "evt_2".into(),
                event_type: "charge.dispute.created".into(),
                source: NoticeSource::Sweep,
                found: NoticeUse::Unmatched,
                payment: None,
                effect: None,
                provider_id: None,
                payload: None,
                stray: Some(stray()),
            },
        ),
        ("on_file", Event::PaymentCreated(PaymentCreated { on_file: Some(on_file()), ..self::created() })),
        (
            "off_session",
            Event::AttemptStarted {
                payment: PAYMENT,
                requested: EffectRequested {
                    customer: Some("cus_1".into()),
                    presence: Presence::OffSession,
                    ..requested(EffectKind::Authorize { attempt: 0 })
                },
                key: None,
                on_file: Some(on_file()),
            },
        ),
        (
            "store_customer",
            Event::ErrandStarted {
                requested: ErrandRequested {
                    customer_provider_id: None,
                    token: None,
                    request: None,
                    ..errand_requested(ErrandKind::StoreCustomer)
                },
            },
        ),
        ("detach", Event::ErrandStarted { requested: errand_requested(ErrandKind::Detach { method: METHOD }) }),
        ("no_call", Event::MethodFailed { method: METHOD, errand: None, code: "not_sent_connect".into() }),
        ("no_card", Event::MethodStored { method: METHOD, errand: ERRAND, provider: 0, provider_id: "pm_2".into(), card: None }),
        ("last", Event::SettlementAwaited { payment: PAYMENT, attempt: 0, step: 2, next_at: None }),
        (
            "unknown_fee",
            Event::LateSuccessFound {
                payment: PAYMENT,
                observed: EFFECT,
                requested: requested(EffectKind::UndoHold { attempt: 1 }),
                fee_minor: None,
            },
        ),
        ("watched", Event::LateSuccessUndone { payment: PAYMENT, effect: EFFECT, next_at: Some(LATER) }),
        ("closed", Event::EffectUnchanged { payment: PAYMENT, effect: EFFECT, step: u16::MAX, next_at: None }),
    ]
}

/// The sample of a kind.
fn sample(kind: EventKind) -> Event {
    platform(kind)
        .or_else(|| attempt(kind))
        .or_else(|| effect(kind))
        .or_else(|| aftermath(kind))
        .or_else(|| heard(kind))
        .or_else(|| customer(kind))
        .expect("every kind has a sample")
}

fn platform(kind: EventKind) -> Option<Event> {
    Some(match kind {
        EventKind::MinVersionRaised => Event::MinVersionRaised { version: 1 },
        EventKind::LeaderStarted => Event::LeaderStarted { epoch: 9 },
        EventKind::MerchantCreated => Event::MerchantCreated { merchant: MERCHANT, number: 1, handle: "shop".into() },
        EventKind::OperatorCreated => Event::OperatorCreated { operator: OPERATOR, handle: "ops".into() },
        EventKind::ApiKeyCreated => {
            Event::ApiKeyCreated { public_id: *b"0123456789", owner: KeyOwner::Merchant(MERCHANT), digest: [0xE1; 32], pepper_version: 1 }
        }
        EventKind::ApiKeyRevoked => Event::ApiKeyRevoked { public_id: *b"0123456789" },
        EventKind::AccountsOpened => Event::AccountsOpened { merchant: MERCHANT, currency: eur() },
        EventKind::LedgerAccountsCreated => Event::LedgerAccountsCreated {
            merchant: MERCHANT,
            accounts: vec![account(1), account(2)],
            names: Items::NONE,
            metadata: Items::NONE,
        },
        EventKind::LedgerTransfersCreated => {
            Event::LedgerTransfersCreated { merchant: MERCHANT, burned: vec![7, u128::MAX - 1], released: vec![500], metadata: Items::NONE }
        }
        EventKind::LedgerTransfersExpired => Event::LedgerTransfersExpired { merchant: MERCHANT },
        EventKind::PaymentsArchived => Event::PaymentsArchived { payments: vec![archived()] },
        EventKind::PaymentRecalled => Event::PaymentRecalled { archived: archived() },
        EventKind::SubjectErased => Event::SubjectErased { subject: SUBJECT },
        EventKind::CommandQuarantined => Event::CommandQuarantined { fingerprint: [0xF1; 16] },
        EventKind::QuarantineReleased => Event::QuarantineReleased { fingerprint: [0xF1; 16] },
        EventKind::EventSkipped => Event::EventSkipped { seq: 7, first: OPERATOR, second: OperatorId::from_u128(0x23) },
        EventKind::ClockJumped => Event::ClockJumped { jump_ns: 6_000_000_000 },
        EventKind::ClockConfirmed => Event::ClockConfirmed,
        _ => return None,
    })
}

fn attempt(kind: EventKind) -> Option<Event> {
    let (payment, effect, provider_id) = (PAYMENT, EFFECT, provider_id());
    Some(match kind {
        EventKind::PaymentCreated => Event::PaymentCreated(created()),
        EventKind::PaymentRevised => Event::PaymentRevised(PaymentRevised {
            payment,
            subject: SUBJECT,
            money: money(),
            capture: CaptureMode::Automatic,
            content: [0xD3; 16],
            payment_method: Some("pm_card_visa".into()),
            details: Some(sealed()),
            on_file: None,
        }),
        EventKind::AttemptStarted => {
            Event::AttemptStarted { payment, requested: requested(EffectKind::Authorize { attempt: 2 }), key: Some(KEY), on_file: None }
        }
        EventKind::AttemptPending => {
            let action = NextAction::Redirect { url: "https://provider.test/3ds".into() };
            Event::AttemptPending { payment, effect, action, provider_id, next_at: AT, expires_at: LATER }
        }
        EventKind::AttemptAuthorized => Event::AttemptAuthorized { payment, effect, provider_id, expires_at: LATER },
        EventKind::AttemptCaptured => {
            Event::AttemptCaptured { payment, effect, provider_id, amount_minor: 1_999, fee_minor: 88, available_at: Some(LATER) }
        }
        EventKind::AttemptDeclined => {
            let decline = Decline { class: DeclineClass::SoftFunds, code: "insufficient_funds".into(), network_code: Some("51".into()) };
            Event::AttemptDeclined { payment, effect, provider_id, decline }
        }
        EventKind::AttemptFailed => Event::AttemptFailed { payment, effect, class: OutcomeClass::Rejected, code: "rate_limit".into() },
        EventKind::AttemptMismatched => {
            let mismatch = Mismatch { amount_minor: 2_000, currency: eur(), captured: true };
            Event::AttemptMismatched { payment, effect, provider_id, mismatch }
        }
        _ => return None,
    })
}

fn effect(kind: EventKind) -> Option<Event> {
    let (payment, effect) = (PAYMENT, EFFECT);
    Some(match kind {
        EventKind::EffectUnknown => Event::EffectUnknown { payment, effect, reason: UnknownReason::Timeout, step: 1, next_at: Some(LATER) },
        EventKind::EffectDeferred => {
            Event::EffectDeferred { payment, effect, class: OutcomeClass::NotSent, code: "connect".into(), step: 2, next_at: LATER }
        }
        EventKind::EffectSent => Event::EffectSent { payment, effect, send: 3, send_kind: SendKind::Lookup, step: 4 },
        EventKind::EffectUnchanged => Event::EffectUnchanged { payment, effect, step: 5, next_at: Some(LATER) },
        EventKind::EffectParked => Event::EffectParked { payment, effect },
        EventKind::KeyRemembered => Event::KeyRemembered { payment, effect: Some(effect), key: KEY },
        EventKind::CancelStarted => {
            Event::CancelStarted { payment, requested: requested(EffectKind::Cancel { expiry: false }), key: Some(KEY) }
        }
        EventKind::CancelFailed => Event::CancelFailed { payment, effect, code: "already_captured".into() },
        EventKind::PaymentCanceled => Event::PaymentCanceled { payment, expired: true, key: Some(KEY) },
        _ => return None,
    })
}

fn heard(kind: EventKind) -> Option<Event> {
    let (payment, effect, dispute) = (PAYMENT, EFFECT, "dp_1".to_owned());
    Some(match kind {
        EventKind::DisputeInquired => {
            Event::DisputeInquired { payment, dispute, amount_minor: 1_999, reason: "general".into(), respond_by: Some(LATER) }
        }
        EventKind::DisputeInquiryClosed => Event::DisputeInquiryClosed { payment, dispute },
        EventKind::DisputeFeeBooked => Event::DisputeFeeBooked { payment, dispute, fee_minor: 1_500, version: 2 },
        EventKind::WebhookReceived => Event::WebhookReceived {
            provider: 1,
            event_id: "evt_1".into(),
            event_type: "payment_intent.succeeded".into(),
            source: NoticeSource::Webhook,
            found: NoticeUse::News,
            payment: Some(payment),
            effect: Some(effect),
            provider_id: provider_id(),
            payload: Some(sealed()),
            stray: None,
        },
        EventKind::StrayMatched => Event::StrayMatched { payment, dispute },
        EventKind::SweepEnded => Event::SweepEnded { provider: 1, swept_to: LATER },
        EventKind::ObservationStarted => Event::ObservationStarted { payment, requested: requested(EffectKind::Observe { attempt: 1 }) },
        EventKind::ObservationEnded => Event::ObservationEnded { payment, effect },
        EventKind::SettlementAwaited => Event::SettlementAwaited { payment, attempt: 1, step: 2, next_at: Some(LATER) },
        EventKind::FeeBooked => Event::FeeBooked { payment, attempt: 1, effect, fee_minor: 88, available_at: Some(LATER) },
        EventKind::CaptureObserved => {
            Event::CaptureObserved { payment, effect, amount_minor: 1_000, fee_minor: 44, held_minor: 999, available_at: Some(LATER) }
        }
        EventKind::LateSuccessFound => Event::LateSuccessFound {
            payment,
            observed: EffectId::from_u128(0x66),
            requested: requested(EffectKind::UndoCapture { attempt: 1 }),
            fee_minor: Some(88),
        },
        EventKind::LateSuccessAccepted => Event::LateSuccessAccepted { payment, effect, next_at: LATER },
        EventKind::LateSuccessUndone => Event::LateSuccessUndone { payment, effect, next_at: None },
        EventKind::LateSuccessReturned => Event::LateSuccessReturned { payment, effect, code: "declined".into() },
        EventKind::LateHoldCaptured => {
            Event::LateHoldCaptured { payment, effect, requested: requested(EffectKind::UndoCapture { attempt: 1 }) }
        }
        EventKind::RefundWatched => Event::RefundWatched { payment, requested: requested(EffectKind::Refund { refund: REFUND }) },
        _ => return None,
    })
}

fn customer(kind: EventKind) -> Option<Event> {
    let (customer, method, errand, provider) = (CUSTOMER, METHOD, ERRAND, 1);
    Some(match kind {
        EventKind::CustomerCreated => {
            let details = Some(sealed());
            Event::CustomerCreated { customer, merchant: MERCHANT, subject: SUBJECT, key_version: 1, details, key: KEY }
        }
        EventKind::CustomerStored => Event::CustomerStored { customer, errand, provider, provider_id: "cus_1".into() },
        EventKind::CustomerStoreFailed => Event::CustomerStoreFailed { customer, errand, code: "not_sent_connect".into() },
        EventKind::CustomerDeleted => Event::CustomerDeleted { customer },
        EventKind::MethodStarted => {
            Event::MethodStarted { method, customer, provider, token: "pm_card_visa".into(), key_version: 1, key: KEY }
        }
        EventKind::MethodStored => {
            let card = CardFacts { brand: "visa".into(), last4: "4242".into(), exp_month: 12, exp_year: 2_034 };
            Event::MethodStored { method, errand, provider, provider_id: "pm_1".into(), card: Some(card) }
        }
        EventKind::MethodFailed => Event::MethodFailed { method, errand: Some(errand), code: "card_declined".into() },
        EventKind::MethodRemovalStarted => Event::MethodRemovalStarted { method },
        EventKind::MethodRemoved => Event::MethodRemoved { method, errand },
        EventKind::MethodRemovalFailed => Event::MethodRemovalFailed { method, errand, code: "outcome_unknown".into() },
        EventKind::ErrandStarted => Event::ErrandStarted { requested: errand_requested(ErrandKind::Attach { method }) },
        EventKind::ErrandUnknown => Event::ErrandUnknown { errand, reason: UnknownReason::Timeout, step: 1, next_at: LATER },
        EventKind::ErrandDeferred => {
            Event::ErrandDeferred { errand, class: OutcomeClass::Rejected, code: "rate_limit".into(), step: 2, next_at: LATER }
        }
        EventKind::ErrandSent => Event::ErrandSent { errand, send: 3, send_kind: SendKind::Replay, step: 4 },
        _ => return None,
    })
}

fn aftermath(kind: EventKind) -> Option<Event> {
    let (payment, effect, refund, provider_id) = (PAYMENT, EFFECT, REFUND, Some("re_1".into()));
    Some(match kind {
        EventKind::CaptureStarted => {
            Event::CaptureStarted { payment, requested: requested(EffectKind::Capture { capture: 1 }), key: Some(KEY) }
        }
        EventKind::CaptureSucceeded => {
            Event::CaptureSucceeded { payment, effect, amount_minor: 1_000, fee_minor: 44, held_minor: 999, available_at: Some(LATER) }
        }
        EventKind::CaptureFailed => Event::CaptureFailed { payment, effect, code: "expired".into() },
        EventKind::CaptureReversed => {
            Event::CaptureReversed { payment, capture: Some(1), amount_minor: 1_000, code: "bank_reversal".into() }
        }
        EventKind::RefundStarted => Event::RefundStarted {
            payment,
            requested: requested(EffectKind::Refund { refund }),
            from_available: true,
            details: Some(sealed()),
            key: Some(KEY),
        },
        EventKind::RefundPending => Event::RefundPending { payment, refund, provider_id, next_at: LATER },
        EventKind::RefundSucceeded => Event::RefundSucceeded { payment, refund, provider_id, next_at: Some(LATER) },
        EventKind::RefundFailed => Event::RefundFailed { payment, refund, code: "lost_or_stolen_card".into() },
        EventKind::RefundReversed => Event::RefundReversed { payment, refund, code: "declined".into() },
        EventKind::FundsAvailable => Event::FundsAvailable { payment, amount_minor: 1_911 },
        EventKind::DisputeOpened => {
            Event::DisputeOpened { payment, dispute: "dp_1".into(), amount_minor: 1_999, reason: String::new(), respond_by: None }
        }
        EventKind::DisputeClosed => Event::DisputeClosed { payment, dispute: "dp_1".into(), won: true },
        _ => return None,
    })
}
