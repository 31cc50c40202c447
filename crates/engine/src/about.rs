//! What an event is about: its payment, the call or errand that it asks for.

use crate::effect::{EffectRequested, SendKind};
use crate::errand::ErrandRequested;
use crate::event::{Event, PaymentCreated, PaymentRevised};
use base::{ErrandId, PaymentId, PaymentMethodId};

impl Event {
    /// The payment that this event is about. What is archived and recalled is the same payment still: nothing happened to it.
    pub const fn payment(&self) -> Option<PaymentId> {
        match self {
            Self::PaymentCreated(PaymentCreated { payment, .. })
            | Self::PaymentRevised(PaymentRevised { payment, .. })
            | Self::AttemptStarted { payment, .. }
            | Self::AttemptPending { payment, .. }
            | Self::AttemptAuthorized { payment, .. }
            | Self::AttemptCaptured { payment, .. }
            | Self::AttemptDeclined { payment, .. }
            | Self::AttemptFailed { payment, .. }
            | Self::AttemptMismatched { payment, .. }
            | Self::CaptureStarted { payment, .. }
            | Self::CaptureSucceeded { payment, .. }
            | Self::CaptureFailed { payment, .. }
            | Self::CaptureReversed { payment, .. }
            | Self::CancelStarted { payment, .. }
            | Self::CancelFailed { payment, .. }
            | Self::PaymentCanceled { payment, .. }
            | Self::RefundStarted { payment, .. }
            | Self::RefundPending { payment, .. }
            | Self::RefundSucceeded { payment, .. }
            | Self::RefundFailed { payment, .. }
            | Self::RefundReversed { payment, .. }
            | Self::FundsAvailable { payment, .. }
            | Self::DisputeOpened { payment, .. }
            | Self::EffectUnknown { payment, .. }
            | Self::EffectDeferred { payment, .. }
            | Self::EffectSent { payment, .. }
            | Self::EffectUnchanged { payment, .. }
            | Self::EffectParked { payment, .. }
            | Self::KeyRemembered { payment, .. }
            | Self::DisputeInquired { payment, .. }
            | Self::DisputeInquiryClosed { payment, .. }
            | Self::DisputeFeeBooked { payment, .. }
            | Self::ObservationStarted { payment, .. }
            | Self::ObservationEnded { payment, .. }
            | Self::SettlementAwaited { payment, .. }
            | Self::FeeBooked { payment, .. }
            | Self::CaptureObserved { payment, .. }
            | Self::LateSuccessFound { payment, .. }
            | Self::LateSuccessAccepted { payment, .. }
            | Self::LateSuccessUndone { payment, .. }
            | Self::LateSuccessReturned { payment, .. }
            | Self::LateHoldCaptured { payment, .. }
            | Self::RefundWatched { payment, .. }
            | Self::StrayMatched { payment, .. }
            | Self::DisputeClosed { payment, .. } => Some(*payment),
            Self::WebhookReceived { payment, .. } => *payment,
            Self::CustomerCreated { .. }
            | Self::CustomerStored { .. }
            | Self::CustomerStoreFailed { .. }
            | Self::CustomerDeleted { .. }
            | Self::MethodStarted { .. }
            | Self::MethodStored { .. }
            | Self::MethodFailed { .. }
            | Self::MethodRemovalStarted { .. }
            | Self::MethodRemoved { .. }
            | Self::MethodRemovalFailed { .. }
            | Self::ErrandStarted { .. }
            | Self::ErrandUnknown { .. }
            | Self::ErrandDeferred { .. }
            | Self::ErrandSent { .. }
            | Self::MinVersionRaised { .. }
            | Self::SweepEnded { .. }
            | Self::LeaderStarted { .. }
            | Self::MerchantCreated { .. }
            | Self::OperatorCreated { .. }
            | Self::ApiKeyCreated { .. }
            | Self::ApiKeyRevoked { .. }
            | Self::AccountsOpened { .. }
            | Self::LedgerAccountsCreated { .. }
            | Self::LedgerTransfersCreated { .. }
            | Self::LedgerTransfersExpired { .. }
            | Self::PaymentsArchived { .. }
            | Self::PaymentRecalled { .. }
            | Self::SubjectErased { .. }
            | Self::CommandQuarantined { .. }
            | Self::QuarantineReleased { .. }
            | Self::EventSkipped { .. }
            | Self::ClockJumped { .. }
            | Self::ClockConfirmed => None,
        }
    }

    /// The metadata of an account or transfer that it created in a ledger that a merchant keeps itself, by the number among those.
    pub fn metadata_of(&self, item: usize) -> Option<&ledger::Metadata> {
        match self {
            Self::LedgerAccountsCreated { metadata, .. } | Self::LedgerTransfersCreated { metadata, .. } => metadata.of(item),
            _ => None,
        }
    }

    /// Whether this event is about a ledger that a merchant keeps itself: its legs are that ledger's transfers and not the
    /// platform's own postings.
    pub const fn is_of_merchants_ledger(&self) -> bool {
        matches!(self, Self::LedgerAccountsCreated { .. } | Self::LedgerTransfersCreated { .. } | Self::LedgerTransfersExpired { .. })
    }

    /// The stored payment method that this event is about.
    pub const fn method(&self) -> Option<PaymentMethodId> {
        match self {
            Self::MethodStarted { method, .. }
            | Self::MethodStored { method, .. }
            | Self::MethodFailed { method, .. }
            | Self::MethodRemovalStarted { method }
            | Self::MethodRemoved { method, .. }
            | Self::MethodRemovalFailed { method, .. } => Some(*method),
            _ => None,
        }
    }

    /// The call that this event asks for.
    pub const fn requested(&self) -> Option<&EffectRequested> {
        match self {
            Self::AttemptStarted { requested, .. }
            | Self::CaptureStarted { requested, .. }
            | Self::CancelStarted { requested, .. }
            | Self::RefundStarted { requested, .. }
            | Self::ObservationStarted { requested, .. }
            | Self::LateSuccessFound { requested, .. }
            | Self::LateHoldCaptured { requested, .. }
            | Self::RefundWatched { requested, .. } => Some(requested),
            _ => None,
        }
    }

    /// The errand that this event asks for.
    pub const fn errand(&self) -> Option<&ErrandRequested> {
        match self {
            Self::ErrandStarted { requested } => Some(requested),
            _ => None,
        }
    }

    /// As [`Event::errand`], to attach the sealed request before the event is journaled.
    pub const fn errand_mut(&mut self) -> Option<&mut ErrandRequested> {
        match self {
            Self::ErrandStarted { requested } => Some(requested),
            _ => None,
        }
    }

    /// The errand that has a send to make because of this event.
    pub const fn errand_sending(&self) -> Option<ErrandId> {
        match self {
            Self::ErrandStarted { requested } => Some(requested.errand),
            Self::ErrandSent { errand, .. } => Some(*errand),
            _ => None,
        }
    }

    /// How the call that this event asks for goes out first.
    pub const fn first_send_kind(&self) -> SendKind {
        match self {
            Self::ObservationStarted { .. } | Self::RefundWatched { .. } => SendKind::Lookup,
            _ => SendKind::First,
        }
    }

    /// As [`Event::requested`], to attach the sealed request before the event is journaled; not for calls that only look,
    /// which have none.
    pub const fn requested_mut(&mut self) -> Option<&mut EffectRequested> {
        match self {
            Self::AttemptStarted { requested, .. }
            | Self::CaptureStarted { requested, .. }
            | Self::CancelStarted { requested, .. }
            | Self::RefundStarted { requested, .. }
            | Self::LateSuccessFound { requested, .. }
            | Self::LateHoldCaptured { requested, .. } => Some(requested),
            _ => None,
        }
    }
}
