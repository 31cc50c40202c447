//! Every kind of event with every field, as a message of the same name.
//!
//! The table is read in both directions, so that they cannot disagree, and names every field of both sides: a new one
//! does not compile until it stands here.

use crate::error::FieldError;
use crate::generated::v1::{self, event::Kind};
use crate::wire::Wire;
use engine::Event;

/// Three forms of kinds: fields in the event itself (after the semicolon those with another name in the schema), a
/// struct (see `parts.rs`), nothing.
macro_rules! kinds {
    (
        fields { $($kind:ident { $($field:ident),* $(; $($inner:ident = $outer:ident),+)? })+ }
        structs { $($whole:ident)+ }
        empty { $($empty:ident)+ }
    ) => {
        /// The event as a message.
        pub(crate) fn encode(event: &Event) -> Option<Kind> {
            match event {
                $(Event::$kind { $($field,)* $($($inner,)+)? } => Some(Kind::$kind(v1::$kind {
                    $($field: Wire::encode($field),)*
                    $($($outer: Wire::encode($inner),)+)?
                })),)+
                $(Event::$whole(whole) => Wire::encode(whole).map(Kind::$whole),)+
                $(Event::$empty => Some(Kind::$empty(v1::$empty {})),)+
            }
        }

        /// The event of a message.
        pub(crate) fn decode(kind: Kind) -> Result<Event, FieldError> {
            Ok(match kind {
                $(Kind::$kind(v1::$kind { $($field,)* $($($outer,)+)? }) => Event::$kind {
                    $($field: Wire::decode($field, stringify!($field))?,)*
                    $($($inner: Wire::decode($outer, stringify!($outer))?,)+)?
                },)+
                $(Kind::$whole(whole) => Event::$whole(Wire::decode(Some(whole), stringify!($whole))?),)+
                $(Kind::$empty(v1::$empty {}) => Event::$empty,)+
            })
        }
    };
}

kinds! {
    fields {
        MinVersionRaised { version }
        LeaderStarted { epoch }
        MerchantCreated { merchant, number, handle }
        OperatorCreated { operator, handle }
        ApiKeyCreated { public_id, owner, digest, pepper_version }
        ApiKeyRevoked { public_id }
        AccountsOpened { merchant, currency }
        AttemptStarted { payment, requested, key, on_file }
        EffectUnknown { payment, effect, reason, step; next_at = next_at_ns }
        EffectDeferred { payment, effect, class, code, step; next_at = next_at_ns }
        EffectSent { payment, effect, send, send_kind, step }
        EffectUnchanged { payment, effect, step; next_at = next_at_ns }
        EffectParked { payment, effect }
        AttemptPending { payment, effect, action, provider_id; next_at = next_at_ns, expires_at = expires_at_ns }
        AttemptAuthorized { payment, effect, provider_id; expires_at = expires_at_ns }
        AttemptCaptured { payment, effect, provider_id, amount_minor, fee_minor; available_at = available_at_ns }
        AttemptDeclined { payment, effect, provider_id, decline }
        AttemptFailed { payment, effect, class, code }
        AttemptMismatched { payment, effect, provider_id, mismatch }
        CaptureStarted { payment, requested, key }
        CaptureSucceeded { payment, effect, amount_minor, fee_minor, held_minor; available_at = available_at_ns }
        CaptureFailed { payment, effect, code }
        CaptureReversed { payment, capture, amount_minor, code }
        CancelStarted { payment, requested, key }
        CancelFailed { payment, effect, code }
        PaymentCanceled { payment, expired, key }
        RefundStarted { payment, requested, from_available, details, key }
        RefundPending { payment, refund, provider_id; next_at = next_at_ns }
        RefundSucceeded { payment, refund, provider_id; next_at = next_at_ns }
        RefundFailed { payment, refund, code }
        RefundReversed { payment, refund, code }
        FundsAvailable { payment, amount_minor }
        DisputeOpened { payment, dispute, amount_minor, reason; respond_by = respond_by_ns }
        DisputeClosed { payment, dispute, won }
        KeyRemembered { payment, effect, key }
        WebhookReceived { provider, event_id, event_type, source, found, payment, effect, provider_id, payload, stray }
        StrayMatched { payment, dispute }
        ObservationStarted { payment, requested }
        ObservationEnded { payment, effect }
        SettlementAwaited { payment, attempt, step; next_at = next_at_ns }
        FeeBooked { payment, attempt, effect, fee_minor; available_at = available_at_ns }
        CaptureObserved { payment, effect, amount_minor, fee_minor, held_minor; available_at = available_at_ns }
        LateSuccessFound { payment, observed, requested, fee_minor }
        LateSuccessAccepted { payment, effect; next_at = next_at_ns }
        LateSuccessUndone { payment, effect; next_at = next_at_ns }
        LateSuccessReturned { payment, effect, code }
        LateHoldCaptured { payment, effect, requested }
        RefundWatched { payment, requested }
        DisputeInquired { payment, dispute, amount_minor, reason; respond_by = respond_by_ns }
        DisputeInquiryClosed { payment, dispute }
        DisputeFeeBooked { payment, dispute, fee_minor, version }
        SweepEnded { provider; swept_to = swept_to_ns }
        CustomerCreated { customer, merchant, subject, key_version, details, key }
        CustomerStored { customer, errand, provider, provider_id }
        CustomerStoreFailed { customer, errand, code }
        CustomerDeleted { customer }
        MethodStarted { method, customer, provider, token, key_version, key }
        MethodStored { method, errand, provider, provider_id, card }
        MethodFailed { method, errand, code }
        MethodRemovalStarted { method }
        MethodRemoved { method, errand }
        MethodRemovalFailed { method, errand, code }
        ErrandStarted { requested }
        ErrandUnknown { errand, reason, step; next_at = next_at_ns }
        ErrandDeferred { errand, class, code, step; next_at = next_at_ns }
        ErrandSent { errand, send, send_kind, step }
        LedgerAccountsCreated { merchant, accounts, names, metadata }
        LedgerTransfersCreated { merchant, burned, released, metadata }
        LedgerTransfersExpired { merchant }
        PaymentsArchived { payments }
        PaymentRecalled { archived }
        SubjectErased { subject }
        CommandQuarantined { fingerprint }
        QuarantineReleased { fingerprint }
        EventSkipped { seq, first, second }
        ClockJumped { jump_ns }
    }
    structs { PaymentCreated PaymentRevised }
    empty { ClockConfirmed }
}
