//! Events in plain data: what each kind says beside its time and payment. Sealed bytes, keys, hashes and provider keys
//! never leave; personal data is not in events in the clear.

use crate::errors::{Code, Problem};
use crate::objects;
use base::{AttemptId, CaptureId, Decline, EffectId, EventId, Mismatch, Money, NextAction, OutcomeClass, Timestamp, UnknownReason};
use engine::{CaptureMode, CardFacts, EffectKind, EffectRequested, Event, KeyOwner, OnFile, Presence, SendKind};
use serde_json::{Map, Value, json};
use views::EventRow;

/// An event of the read models as an object.
pub(crate) fn event(row: &EventRow, providers: &[String]) -> Result<objects::Event, Problem> {
    let decoded = payload(row)?;
    Ok(objects::Event {
        id: event_id(row.seq),
        object: "event",
        seq: row.seq,
        kind: row.kind.name(),
        payment: row.payment.map(|payment| payment.to_string()),
        created_at: row.at.to_string(),
        data: data(&decoded.event, providers),
    })
}

/// What an event's row says.
pub(super) fn payload(row: &EventRow) -> Result<events::Payload, Problem> {
    events::decode_payload(row.seq, &row.payload).map_err(|error| {
        tracing::error!({ telemetry::names::field::ERROR } = %error, { telemetry::names::field::SEQ } = row.seq, "an event cannot be read");
        Problem::new(Code::Internal)
    })
}

/// The id of the event with that sequence number.
pub(super) fn event_id(seq: u64) -> String {
    EventId::from_u128(u128::from(seq)).to_string()
}

/// What a kind says. Every kind is named: a new one does not compile until somebody decided what of it is public.
pub(super) fn data(event: &Event, providers: &[String]) -> Map<String, Value> {
    let value = match event {
        Event::PaymentCreated(created) => json!({
            "amount": money(created.money),
            "capture": capture_mode(created.capture),
            "payment_method": created.payment_method,
            "on_file": on_file(created.on_file.as_ref()),
            "expires_at": time(created.expires_at),
        }),
        Event::PaymentRevised(revised) => json!({
            "amount": money(revised.money),
            "capture": capture_mode(revised.capture),
            "payment_method": revised.payment_method,
            "on_file": on_file(revised.on_file.as_ref()),
        }),
        Event::AttemptStarted { requested, on_file: charged, .. } => {
            let mut data = request(requested, providers);
            data["on_file"] = on_file(charged.as_ref());
            data
        }
        Event::CaptureStarted { requested, .. }
        | Event::CancelStarted { requested, .. }
        | Event::RefundStarted { requested, .. }
        | Event::ObservationStarted { requested, .. }
        | Event::RefundWatched { requested, .. } => request(requested, providers),
        Event::KeyRemembered { effect, payment: _, key: _ } => json!({ "effect": effect.map(|effect| effect.to_string()) }),
        Event::EffectUnknown { .. }
        | Event::EffectDeferred { .. }
        | Event::EffectSent { .. }
        | Event::EffectUnchanged { .. }
        | Event::EffectParked { .. } => effect_data(event),
        Event::AttemptPending { .. }
        | Event::AttemptAuthorized { .. }
        | Event::AttemptCaptured { .. }
        | Event::AttemptDeclined { .. }
        | Event::AttemptFailed { .. }
        | Event::AttemptMismatched { .. } => attempt_data(event),
        Event::CaptureSucceeded { effect, amount_minor, fee_minor, held_minor, available_at, payment: _ } => json!({
            "capture": capture_id(*effect),
            "amount_minor": amount_minor,
            "fee_minor": fee_minor,
            "held_minor": held_minor,
            "available_at": available_at.map(time),
        }),
        Event::CaptureFailed { effect, code, payment: _ } => json!({ "capture": capture_id(*effect), "code": code }),
        Event::CaptureReversed { capture, amount_minor, code, payment: _ } => {
            json!({ "capture_position": capture, "amount_minor": amount_minor, "code": code })
        }
        Event::CancelFailed { effect: _, code, payment: _ } => json!({ "code": code }),
        Event::PaymentCanceled { expired, payment: _, key: _ } => json!({ "expired": expired }),
        Event::RefundPending { refund, provider_id, next_at: _, payment: _ }
        | Event::RefundSucceeded { refund, provider_id, next_at: _, payment: _ } => {
            json!({ "refund": refund.to_string(), "provider_id": provider_id })
        }
        Event::RefundFailed { refund, code, payment: _ } | Event::RefundReversed { refund, code, payment: _ } => {
            json!({ "refund": refund.to_string(), "code": code })
        }
        Event::FundsAvailable { amount_minor, payment: _ } => json!({ "amount_minor": amount_minor }),
        Event::DisputeInquired { .. }
        | Event::DisputeInquiryClosed { .. }
        | Event::DisputeOpened { .. }
        | Event::DisputeClosed { .. }
        | Event::DisputeFeeBooked { .. }
        | Event::StrayMatched { .. } => dispute_data(event),
        Event::WebhookReceived { .. }
        | Event::ObservationEnded { .. }
        | Event::SettlementAwaited { .. }
        | Event::FeeBooked { .. }
        | Event::CaptureObserved { .. }
        | Event::LateSuccessFound { .. }
        | Event::LateSuccessAccepted { .. }
        | Event::LateSuccessUndone { .. }
        | Event::LateSuccessReturned { .. }
        | Event::LateHoldCaptured { .. } => notice_data(event, providers),
        Event::CustomerCreated { .. }
        | Event::CustomerStored { .. }
        | Event::CustomerStoreFailed { .. }
        | Event::CustomerDeleted { .. }
        | Event::MethodStarted { .. }
        | Event::MethodStored { .. }
        | Event::MethodFailed { .. }
        | Event::MethodRemovalStarted { .. }
        | Event::MethodRemoved { .. }
        | Event::MethodRemovalFailed { .. } => customer_data(event, providers),
        // Who runs them for whom is said by the events that they lead to.
        Event::ErrandStarted { .. } | Event::ErrandUnknown { .. } | Event::ErrandDeferred { .. } | Event::ErrandSent { .. } => Value::Null,
        Event::MinVersionRaised { .. }
        | Event::LeaderStarted { .. }
        | Event::MerchantCreated { .. }
        | Event::OperatorCreated { .. }
        | Event::ApiKeyCreated { .. }
        | Event::ApiKeyRevoked { .. }
        | Event::AccountsOpened { .. }
        | Event::LedgerAccountsCreated { .. }
        | Event::LedgerTransfersCreated { .. }
        | Event::LedgerTransfersExpired { .. }
        | Event::PaymentsArchived { .. }
        | Event::PaymentRecalled { .. }
        | Event::SubjectErased { .. }
        | Event::CommandQuarantined { .. }
        | Event::QuarantineReleased { .. }
        | Event::EventSkipped { .. }
        | Event::ClockJumped { .. }
        | Event::SweepEnded { .. }
        | Event::ClockConfirmed => platform_data(event),
    };
    match value {
        Value::Object(data) => data,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// What is said about calls to providers on their way.
fn effect_data(event: &Event) -> Value {
    match event {
        Event::EffectUnknown { effect, reason, next_at, payment: _, step: _ } => {
            json!({ "effect": effect.to_string(), "reason": unknown_reason(*reason), "next_at": next_at.map(time) })
        }
        Event::EffectDeferred { effect, class, code, next_at, payment: _, step: _ } => {
            json!({ "effect": effect.to_string(), "outcome": outcome_class(*class), "code": code, "next_at": time(*next_at) })
        }
        Event::EffectSent { effect, send, send_kind, payment: _, step: _ } => {
            json!({ "effect": effect.to_string(), "send": send, "send_kind": send_kind_name(*send_kind) })
        }
        Event::EffectUnchanged { effect, next_at, payment: _, step: _ } => {
            json!({ "effect": effect.to_string(), "next_at": next_at.map(time) })
        }
        Event::EffectParked { effect, payment: _ } => json!({ "effect": effect.to_string() }),
        _ => Value::Null,
    }
}

/// What is said about the outcomes of attempts.
fn attempt_data(event: &Event) -> Value {
    match event {
        Event::AttemptPending { effect, action, provider_id, expires_at, next_at: _, payment: _ } => json!({
            "attempt": attempt_id(*effect),
            "next_action": next_action(action),
            "provider_id": provider_id,
            "expires_at": time(*expires_at),
        }),
        Event::AttemptAuthorized { effect, provider_id, expires_at, payment: _ } => {
            json!({ "attempt": attempt_id(*effect), "provider_id": provider_id, "expires_at": time(*expires_at) })
        }
        Event::AttemptCaptured { effect, provider_id, amount_minor, fee_minor, available_at, payment: _ } => json!({
            "attempt": attempt_id(*effect),
            "provider_id": provider_id,
            "amount_minor": amount_minor,
            "fee_minor": fee_minor,
            "available_at": available_at.map(time),
        }),
        Event::AttemptDeclined { effect, provider_id, decline, payment: _ } => {
            let Decline { class, code, network_code } = decline;
            json!({
                "attempt": attempt_id(*effect),
                "provider_id": provider_id,
                "decline": { "class": objects::decline_class(*class), "code": code, "network_code": network_code },
            })
        }
        Event::AttemptFailed { effect, class, code, payment: _ } => {
            json!({ "attempt": attempt_id(*effect), "outcome": outcome_class(*class), "code": code })
        }
        Event::AttemptMismatched { effect, provider_id, mismatch, payment: _ } => {
            let Mismatch { amount_minor, currency, captured } = *mismatch;
            json!({
                "attempt": attempt_id(*effect),
                "provider_id": provider_id,
                "mismatch": { "amount": money(Money { amount_minor, currency }), "captured": captured },
            })
        }
        _ => Value::Null,
    }
}

/// What is said about customers and their stored payment methods; nothing of the person.
fn customer_data(event: &Event, providers: &[String]) -> Value {
    let provider_name = |provider: u16| objects::provider_name(providers, provider);
    match event {
        Event::CustomerCreated { customer, .. } | Event::CustomerDeleted { customer } => json!({ "customer": customer.to_string() }),
        Event::CustomerStored { customer, provider, provider_id, errand: _ } => {
            json!({ "customer": customer.to_string(), "provider": provider_name(*provider), "provider_id": provider_id })
        }
        Event::CustomerStoreFailed { customer, code, errand: _ } => json!({ "customer": customer.to_string(), "code": code }),
        Event::MethodStarted { method, customer, provider, token: _, key_version: _, key: _ } => json!({
            "payment_method": method.to_string(),
            "customer": customer.to_string(),
            "provider": provider_name(*provider),
        }),
        Event::MethodStored { method, provider, provider_id, card, errand: _ } => json!({
            "payment_method": method.to_string(),
            "provider": provider_name(*provider),
            "provider_id": provider_id,
            "card": card.as_ref().map(|CardFacts { brand, last4, exp_month, exp_year }| {
                json!({ "brand": brand, "last4": last4, "exp_month": exp_month, "exp_year": exp_year })
            }),
        }),
        Event::MethodFailed { method, code, errand: _ } | Event::MethodRemovalFailed { method, code, errand: _ } => {
            json!({ "payment_method": method.to_string(), "code": code })
        }
        Event::MethodRemovalStarted { method } | Event::MethodRemoved { method, errand: _ } => {
            json!({ "payment_method": method.to_string() })
        }
        _ => Value::Null,
    }
}

fn on_file(on_file: Option<&OnFile>) -> Value {
    on_file.map_or(Value::Null, |OnFile { customer, method, presence }| {
        json!({
            "customer": customer.to_string(),
            "payment_method": method.map(|method| method.to_string()),
            "off_session": *presence == Presence::OffSession,
        })
    })
}

/// What is said about disputes.
fn dispute_data(event: &Event) -> Value {
    match event {
        Event::DisputeInquired { dispute, amount_minor, reason, respond_by, payment: _ }
        | Event::DisputeOpened { dispute, amount_minor, reason, respond_by, payment: _ } => json!({
            "dispute": dispute,
            "amount_minor": amount_minor,
            "reason": reason,
            "respond_by": respond_by.map(time),
        }),
        Event::DisputeInquiryClosed { dispute, payment: _ } | Event::StrayMatched { dispute, payment: _ } => json!({ "dispute": dispute }),
        Event::DisputeClosed { dispute, won, payment: _ } => json!({ "dispute": dispute, "won": won }),
        Event::DisputeFeeBooked { dispute, fee_minor, version: _, payment: _ } => json!({ "dispute": dispute, "fee_minor": fee_minor }),
        _ => Value::Null,
    }
}

/// What is said about messages of providers and what looking at their objects found; never a message itself.
fn notice_data(event: &Event, providers: &[String]) -> Value {
    match event {
        Event::WebhookReceived {
            provider,
            event_id,
            event_type,
            source,
            found,
            effect,
            payment: _,
            provider_id: _,
            payload: _,
            stray: _,
        } => json!({
            "provider": objects::provider_name(providers, *provider),
            "event_id": event_id,
            "event_type": event_type,
            "source": source.name(),
            "found": found.name(),
            "effect": effect.map(|effect| effect.to_string()),
        }),
        Event::ObservationEnded { effect, payment: _ } => json!({ "effect": effect.to_string() }),
        Event::LateSuccessUndone { effect, next_at, payment: _ } => {
            json!({ "effect": effect.to_string(), "next_at": next_at.map(time) })
        }
        Event::LateSuccessReturned { effect, code, payment: _ } => json!({ "effect": effect.to_string(), "code": code }),
        Event::LateHoldCaptured { requested, effect: _, payment: _ } => request(requested, providers),
        Event::SettlementAwaited { next_at, attempt: _, step: _, payment: _ } => json!({ "next_at": next_at.map(time) }),
        Event::FeeBooked { fee_minor, available_at, attempt: _, effect: _, payment: _ } => {
            json!({ "fee_minor": fee_minor, "available_at": available_at.map(time) })
        }
        Event::CaptureObserved { effect, amount_minor, fee_minor, held_minor, available_at, payment: _ } => json!({
            "capture": capture_id(*effect),
            "amount_minor": amount_minor,
            "fee_minor": fee_minor,
            "held_minor": held_minor,
            "available_at": available_at.map(time),
        }),
        Event::LateSuccessFound { requested, fee_minor, observed: _, payment: _ } => {
            let mut data = request(requested, providers);
            data["fee_minor"] = json!(fee_minor);
            data
        }
        Event::LateSuccessAccepted { effect, next_at, payment: _ } => {
            json!({ "effect": effect.to_string(), "next_at": time(*next_at) })
        }
        _ => Value::Null,
    }
}

/// What is said about the platform and the merchant itself; nothing about keys but their public part.
fn platform_data(event: &Event) -> Value {
    match event {
        Event::MinVersionRaised { version } => json!({ "version": version }),
        Event::LeaderStarted { epoch } => json!({ "epoch": epoch }),
        Event::MerchantCreated { merchant, number: _, handle } => json!({ "merchant": merchant.to_string(), "handle": handle }),
        Event::OperatorCreated { operator, handle } => json!({ "operator": operator.to_string(), "handle": handle }),
        Event::ApiKeyCreated { public_id, owner, digest: _, pepper_version: _ } => {
            json!({ "api_key": String::from_utf8_lossy(public_id), "owner": owner_id(*owner) })
        }
        Event::ApiKeyRevoked { public_id } => json!({ "api_key": String::from_utf8_lossy(public_id) }),
        Event::AccountsOpened { merchant, currency } => json!({ "merchant": merchant.to_string(), "currency": currency.alpha() }),
        Event::LedgerAccountsCreated { merchant, accounts, names: _, metadata: _ } => {
            json!({ "merchant": merchant.to_string(), "accounts": accounts.len() })
        }
        Event::LedgerTransfersCreated { merchant, burned, released, metadata: _ } => {
            json!({ "merchant": merchant.to_string(), "failed": burned.len(), "resolved": released.len() })
        }
        Event::LedgerTransfersExpired { merchant } => json!({ "merchant": merchant.to_string() }),
        Event::PaymentsArchived { payments } => json!({ "payments": payments.len() }),
        Event::PaymentRecalled { archived } => json!({ "payment": archived.id.to_string() }),
        Event::SubjectErased { subject } => json!({ "subject": subject.to_string() }),
        Event::EventSkipped { seq, first, second } => {
            json!({ "seq": seq, "released_by": [first.to_string(), second.to_string()] })
        }
        Event::ClockJumped { jump_ns } => json!({ "jump_ns": jump_ns }),
        Event::SweepEnded { provider: _, swept_to } => json!({ "swept_to": time(*swept_to) }),
        _ => Value::Null,
    }
}

fn request(requested: &EffectRequested, providers: &[String]) -> Value {
    let mut data = json!({
        "effect": requested.effect.to_string(),
        "amount": money(requested.money),
        "provider": objects::provider_name(providers, requested.provider),
    });
    match requested.kind {
        EffectKind::Authorize { attempt: _ } => {
            data["attempt"] = attempt_id(requested.effect).into();
            data["capture"] = capture_mode(requested.capture).into();
            data["payment_method"] = requested.payment_method.clone().into();
        }
        EffectKind::Capture { capture: _ } => data["capture"] = capture_id(requested.effect).into(),
        EffectKind::Cancel { expiry } => data["expired"] = expiry.into(),
        EffectKind::Refund { refund } => data["refund"] = refund.to_string().into(),
        EffectKind::Observe { attempt } | EffectKind::UndoHold { attempt } | EffectKind::UndoCapture { attempt } => {
            data["attempt_position"] = attempt.into();
        }
    }
    data
}

fn attempt_id(effect: EffectId) -> String {
    AttemptId::from_u128(effect.as_u128()).to_string()
}

fn capture_id(effect: EffectId) -> String {
    CaptureId::from_u128(effect.as_u128()).to_string()
}

fn money(money: Money) -> Value {
    json!({ "amount_minor": money.amount_minor, "currency": money.currency.alpha() })
}

fn time(at: Timestamp) -> String {
    at.to_string()
}

const fn capture_mode(mode: CaptureMode) -> &'static str {
    match mode {
        CaptureMode::Automatic => "automatic",
        CaptureMode::Manual => "manual",
    }
}

fn next_action(action: &NextAction) -> Value {
    match action {
        NextAction::Redirect { url } => json!({ "type": "redirect", "url": url }),
        NextAction::Wait => json!({ "type": "wait" }),
    }
}

fn owner_id(owner: KeyOwner) -> String {
    match owner {
        KeyOwner::Merchant(merchant) => merchant.to_string(),
        KeyOwner::Operator(operator) => operator.to_string(),
    }
}

const fn send_kind_name(kind: SendKind) -> &'static str {
    match kind {
        SendKind::First => "first",
        SendKind::Replay => "replay",
        SendKind::Lookup => "lookup",
    }
}

const fn outcome_class(class: OutcomeClass) -> &'static str {
    match class {
        OutcomeClass::NotSent => "not_sent",
        OutcomeClass::Rejected => "rejected",
        OutcomeClass::Declined => "declined",
        OutcomeClass::Approved => "approved",
        OutcomeClass::Pending => "pending",
        OutcomeClass::Mismatch => "mismatch",
        OutcomeClass::Unknown => "unknown",
    }
}

const fn unknown_reason(reason: UnknownReason) -> &'static str {
    match reason {
        UnknownReason::Timeout => "timeout",
        UnknownReason::ConnectionLost => "connection_lost",
        UnknownReason::ServerError => "server_error",
        UnknownReason::Undecodable => "undecodable",
        UnknownReason::IdempotencyConflict => "idempotency_conflict",
        UnknownReason::Restart => "restart",
        UnknownReason::NotFound => "not_found",
    }
}

#[cfg(test)]
mod tests {
    use super::{data, platform_data};
    use base::{EffectId, MerchantId, Money, PaymentId, RefundId, SubjectId, Timestamp};
    use engine::event::{KeyUse, PaymentCreated};
    use engine::{CaptureMode, EffectKind, EffectRequested, Event, KeyOwner, Sealed};

    const SECRET: u8 = 0xA7;

    fn requested() -> EffectRequested {
        EffectRequested {
            effect: EffectId::from_u128(5),
            kind: EffectKind::Refund { refund: RefundId::from_u128(6) },
            provider: 0,
            key: u128::from_be_bytes([SECRET; 16]),
            reference: u128::from_be_bytes([SECRET; 16]),
            key_version: 1,
            money: Money { amount_minor: 1_999, currency: "EUR".parse().unwrap() },
            capture: CaptureMode::Manual,
            payment_method: String::new(),
            provider_id: None,
            request: Some(Sealed { subject: SubjectId::from_u128(9), bytes: vec![SECRET; 40] }),
            customer: None,
            presence: engine::Presence::OnSession,
        }
    }

    #[test]
    fn hashes_keys_and_sealed_bytes_never_leave() {
        let payment = PaymentId::from_u128(1);
        let key = KeyUse { key: [SECRET; 16], fingerprint: [SECRET; 16], expires_at: Timestamp::ZERO };
        let sealed = Sealed { subject: SubjectId::from_u128(9), bytes: vec![SECRET; 40] };
        let created = PaymentCreated {
            payment,
            merchant: MerchantId::from_u128(2),
            subject: SubjectId::from_u128(u128::from_be_bytes([SECRET; 16])),
            money: Money { amount_minor: 1_999, currency: "EUR".parse().unwrap() },
            capture: CaptureMode::Automatic,
            reference: Some([SECRET; 16]),
            content: [SECRET; 16],
            payment_method: Some("pm_card_visa".into()),
            key_version: 1,
            details: Some(sealed.clone()),
            expires_at: Timestamp::ZERO,
            key,
            on_file: None,
        };
        let refund = Event::RefundStarted { payment, requested: requested(), from_available: false, details: Some(sealed), key: Some(key) };
        let api_key = Event::ApiKeyCreated {
            public_id: *b"0123456789",
            owner: KeyOwner::Merchant(MerchantId::from_u128(2)),
            digest: [SECRET; 32],
            pepper_version: 1,
        };
        let secret_number = u128::from_be_bytes([SECRET; 16]).to_string();
        for event in [Event::PaymentCreated(created), refund, api_key] {
            let text = serde_json::Value::Object(data(&event, &["stripe".into()])).to_string();
            for trace in [
                SECRET.to_string().as_str(),
                "a7a7",
                secret_number.as_str(),
                &SubjectId::from_u128(u128::from_be_bytes([SECRET; 16])).to_string(),
            ] {
                assert!(!text.contains(trace), "{text}");
            }
        }
    }

    #[test]
    fn a_refund_says_what_is_asked_for_and_of_whom() {
        let event = Event::RefundStarted {
            payment: PaymentId::from_u128(1),
            requested: requested(),
            from_available: false,
            details: None,
            key: None,
        };
        let expected = serde_json::json!({
            "effect": EffectId::from_u128(5).to_string(),
            "amount": { "amount_minor": 1_999, "currency": "EUR" },
            "provider": "stripe",
            "refund": RefundId::from_u128(6).to_string(),
        });
        assert_eq!(serde_json::Value::Object(data(&event, &["stripe".into()])), expected);
    }

    #[test]
    fn what_has_nothing_to_say_has_empty_data() {
        assert!(data(&Event::ClockConfirmed, &[]).is_empty());
        assert_eq!(platform_data(&Event::CommandQuarantined { fingerprint: [SECRET; 16] }), serde_json::Value::Null);
    }
}
