//! What the events so far have told: which calls there were and how they stand, so that the next event can be told in
//! its context. It decides nothing; what may happen is the engine's affair.

use crate::words::{Name, Phrase};
use base::{EffectId, Money, NextAction, RefundId, Timestamp};
use engine::{CaptureMode, EffectKind, EffectRequested, Event, Sealed, SendKind};
use std::collections::BTreeMap;

/// How a call stands as far as the events have told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A send is on its way.
    Sent,
    /// Perhaps done.
    Unknown,
    /// Provably not done.
    Deferred,
    /// A person decides.
    Parked,
    /// The provider waits for the customer.
    Customer,
    /// The provider is not done.
    Provider,
    /// Done, and looked at again.
    Watched,
    /// Over.
    Over,
}

/// A call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// What is asked for.
    pub(super) kind: EffectKind,
    /// Number of the provider endpoint.
    pub(super) provider: u16,
    /// How much.
    pub(super) money: Money,
    /// Whether an authorization is taken at once.
    pub(super) capture: CaptureMode,
    /// The exact request.
    pub(super) request: Option<Sealed>,
    /// How it stands.
    pub(super) standing: Standing,
    /// What it waits for once the provider has accepted it.
    pub(super) accepted: Option<Standing>,
    /// How the latest send went out.
    pub(super) sent: SendKind,
    /// Whether an earlier send may have been executed.
    pub(super) was_unknown: bool,
    /// Whether it did something else than was asked.
    pub(super) is_mismatched: bool,
}

impl Call {
    fn new(requested: &EffectRequested, sent: SendKind) -> Self {
        Self {
            kind: requested.kind,
            provider: requested.provider,
            money: requested.money,
            capture: requested.capture,
            request: requested.request.clone(),
            standing: Standing::Sent,
            accepted: None,
            sent,
            was_unknown: false,
            is_mismatched: false,
        }
    }

    /// What is asked for, in words.
    pub(super) const fn what(&self) -> Phrase {
        what(self.kind, self.capture)
    }

    /// Whether the answer that comes now answers nothing that is on its way.
    pub(super) fn is_answered_late(&self) -> bool {
        matches!(self.standing, Standing::Unknown | Standing::Deferred | Standing::Parked)
    }
}

/// What a call asks for, in words.
pub(super) const fn what(kind: EffectKind, capture: CaptureMode) -> Phrase {
    match (kind, capture) {
        (EffectKind::Authorize { .. }, CaptureMode::Automatic) => Phrase::WhatCharge,
        (EffectKind::Authorize { .. }, CaptureMode::Manual) => Phrase::WhatHold,
        (EffectKind::Capture { .. }, _) => Phrase::WhatCapture,
        (EffectKind::Cancel { .. }, _) => Phrase::WhatCancel,
        (EffectKind::Refund { .. }, _) => Phrase::WhatRefund,
        (EffectKind::Observe { .. }, _) => Phrase::WhatLook,
        (EffectKind::UndoHold { .. }, _) => Phrase::WhatUndoHold,
        (EffectKind::UndoCapture { .. }, _) => Phrase::WhatUndoCapture,
    }
}

/// A success that came after its attempt was over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Late {
    /// The call that gives it back.
    pub(super) effect: EffectId,
    /// How much.
    pub(super) money: Money,
}

/// The story so far. Its calls are those of one payment.
#[derive(Clone, Debug)]
pub(super) struct Story {
    /// How much the payment asks for.
    money: Money,
    /// Calls by their effects.
    calls: BTreeMap<EffectId, Call>,
    /// Effects of refunds, the latest of each.
    refunds: BTreeMap<RefundId, EffectId>,
    /// Effects of attempts, oldest first.
    pub(super) attempts: Vec<EffectId>,
    /// The open cancel.
    pub(super) cancel: Option<EffectId>,
    /// Disputes and inquiries: how much, and until when they may be answered.
    pub(super) disputes: BTreeMap<String, (u64, Option<Timestamp>)>,
    /// Whether money was taken of what is held.
    pub(super) was_taken: bool,
    /// Whether a fee is awaited, and whether it is looked for now.
    pub(super) is_fee_awaited: bool,
    /// When the money becomes available, if the provider has said.
    pub(super) available_at: Option<Timestamp>,
    /// Whether the latest event was a message that made us look.
    pub(super) is_prompted: bool,
    /// The newest success that came late.
    pub(super) late: Option<Late>,
}

impl Story {
    /// A story of which nothing is told yet, of a payment of so much.
    pub(super) const fn new(money: Money) -> Self {
        Self {
            money,
            calls: BTreeMap::new(),
            refunds: BTreeMap::new(),
            attempts: Vec::new(),
            cancel: None,
            disputes: BTreeMap::new(),
            was_taken: false,
            is_fee_awaited: false,
            available_at: None,
            is_prompted: false,
            late: None,
        }
    }

    /// The call behind an effect.
    pub(super) fn call(&self, effect: EffectId) -> Option<&Call> {
        self.calls.get(&effect)
    }

    /// The call behind a refund.
    pub(super) fn refund(&self, refund: RefundId) -> Option<&Call> {
        self.call(*self.refunds.get(&refund)?)
    }

    /// The call of the newest attempt.
    pub(super) fn newest(&self) -> Option<&Call> {
        self.call(*self.attempts.last()?)
    }

    /// The payment's currency with so many minor units.
    pub(super) const fn money(&self, amount_minor: u64) -> Money {
        Money { amount_minor, currency: self.money.currency }
    }

    /// How often was charged or held before.
    pub(super) fn attempt_count(&self) -> u64 {
        u64::try_from(self.attempts.len()).unwrap_or(u64::MAX)
    }

    fn open(&mut self, requested: &EffectRequested, sent: SendKind) {
        self.calls.insert(requested.effect, Call::new(requested, sent));
    }

    fn stands(&mut self, effect: EffectId, standing: Standing) {
        if let Some(call) = self.calls.get_mut(&effect) {
            call.standing = standing;
        }
    }

    fn accepted(&mut self, effect: EffectId, standing: Standing) {
        if let Some(call) = self.calls.get_mut(&effect) {
            call.accepted = Some(standing);
            call.standing = standing;
        }
    }

    fn refund_stands(&mut self, refund: RefundId, standing: Standing) {
        let Some(effect) = self.refunds.get(&refund).copied() else { return };
        match standing {
            Standing::Provider | Standing::Watched => self.accepted(effect, standing),
            Standing::Sent | Standing::Unknown | Standing::Deferred | Standing::Parked | Standing::Customer | Standing::Over => {
                self.stands(effect, standing);
            }
        }
    }

    /// Takes the next event in.
    pub(super) fn follow(&mut self, event: &Event) {
        self.is_prompted = matches!(event, Event::WebhookReceived { .. });
        match event {
            Event::PaymentCreated(created) => self.money = created.money,
            Event::PaymentRevised(revised) => self.money = revised.money,
            Event::AttemptStarted { requested, .. } => {
                self.open(requested, SendKind::First);
                self.attempts.push(requested.effect);
                self.was_taken = false;
            }
            Event::CaptureStarted { requested, .. } => self.open(requested, SendKind::First),
            Event::CancelStarted { requested, .. } => {
                self.open(requested, SendKind::First);
                self.cancel = Some(requested.effect);
            }
            Event::ObservationStarted { requested, .. } => self.open(requested, SendKind::Lookup),
            Event::RefundStarted { requested, .. } => self.refund_asked(requested, SendKind::First),
            Event::RefundWatched { requested, .. } => {
                self.refund_asked(requested, SendKind::Lookup);
                self.accepted(requested.effect, Standing::Watched);
                self.stands(requested.effect, Standing::Sent);
            }
            Event::EffectUnknown { .. }
            | Event::EffectDeferred { .. }
            | Event::EffectSent { .. }
            | Event::EffectUnchanged { .. }
            | Event::EffectParked { .. } => self.follow_effect(event),
            Event::AttemptPending { effect, action, .. } => {
                let standing = match action {
                    NextAction::Redirect { .. } => Standing::Customer,
                    NextAction::Wait => Standing::Provider,
                };
                self.accepted(*effect, standing);
            }
            Event::AttemptAuthorized { effect, .. }
            | Event::AttemptDeclined { effect, .. }
            | Event::AttemptFailed { effect, .. }
            | Event::CaptureFailed { effect, .. }
            | Event::ObservationEnded { effect, .. } => self.stands(*effect, Standing::Over),
            Event::AttemptCaptured { effect, available_at, .. }
            | Event::CaptureSucceeded { effect, available_at, .. }
            | Event::CaptureObserved { effect, available_at, .. } => {
                self.stands(*effect, Standing::Over);
                self.was_taken = true;
                self.available_at = available_at.or(self.available_at);
            }
            Event::AttemptMismatched { effect, .. } => {
                if let Some(call) = self.calls.get_mut(effect) {
                    call.is_mismatched = true;
                }
            }
            Event::CancelFailed { effect, .. } => {
                self.stands(*effect, Standing::Over);
                self.cancel = None;
            }
            Event::PaymentCanceled { .. } => self.canceled(),
            Event::RefundPending { refund, .. } => self.refund_stands(*refund, Standing::Provider),
            Event::RefundSucceeded { refund, next_at, .. } => {
                self.refund_stands(*refund, if next_at.is_some() { Standing::Watched } else { Standing::Over });
            }
            Event::RefundFailed { refund, .. } | Event::RefundReversed { refund, .. } => self.refund_stands(*refund, Standing::Over),
            Event::DisputeInquired { dispute, amount_minor, respond_by, .. }
            | Event::DisputeOpened { dispute, amount_minor, respond_by, .. } => {
                self.disputes.insert(dispute.clone(), (*amount_minor, *respond_by));
            }
            Event::SettlementAwaited { next_at, .. } => self.is_fee_awaited = next_at.is_some(),
            Event::FeeBooked { effect, available_at, .. } => {
                self.stands(*effect, Standing::Over);
                self.is_fee_awaited = false;
                self.available_at = available_at.or(self.available_at);
            }
            Event::FundsAvailable { .. } => self.available_at = None,
            Event::LateSuccessFound { .. }
            | Event::LateHoldCaptured { .. }
            | Event::LateSuccessAccepted { .. }
            | Event::LateSuccessUndone { .. }
            | Event::LateSuccessReturned { .. } => self.follow_late(event),
            // They say nothing about how a call of the payment stands.
            Event::KeyRemembered { .. }
            | Event::CaptureReversed { .. }
            | Event::DisputeInquiryClosed { .. }
            | Event::DisputeClosed { .. }
            | Event::DisputeFeeBooked { .. }
            | Event::WebhookReceived { .. }
            | Event::StrayMatched { .. }
            | Event::SweepEnded { .. }
            | Event::CustomerCreated { .. }
            | Event::CustomerStored { .. }
            | Event::CustomerStoreFailed { .. }
            | Event::CustomerDeleted { .. }
            | Event::MethodStarted { .. }
            | Event::MethodStored { .. }
            | Event::MethodFailed { .. }
            | Event::MethodRemovalStarted { .. }
            | Event::MethodRemoved { .. }
            | Event::MethodRemovalFailed { .. }
            | Event::ErrandStarted { .. }
            | Event::ErrandUnknown { .. }
            | Event::ErrandDeferred { .. }
            | Event::ErrandSent { .. }
            | Event::AccountsOpened { .. }
            | Event::LedgerAccountsCreated { .. }
            | Event::LedgerTransfersCreated { .. }
            | Event::LedgerTransfersExpired { .. }
            | Event::PaymentsArchived { .. }
            | Event::PaymentRecalled { .. }
            | Event::MerchantCreated { .. }
            | Event::OperatorCreated { .. }
            | Event::ApiKeyCreated { .. }
            | Event::ApiKeyRevoked { .. }
            | Event::SubjectErased { .. }
            | Event::MinVersionRaised { .. }
            | Event::LeaderStarted { .. }
            | Event::CommandQuarantined { .. }
            | Event::QuarantineReleased { .. }
            | Event::EventSkipped { .. }
            | Event::ClockJumped { .. }
            | Event::ClockConfirmed => {}
        }
    }

    fn refund_asked(&mut self, requested: &EffectRequested, sent: SendKind) {
        self.open(requested, sent);
        if let EffectKind::Refund { refund } = requested.kind {
            self.refunds.insert(refund, requested.effect);
        }
    }

    /// Everything that was open to take the payment's money is over with it.
    fn canceled(&mut self) {
        if let Some(effect) = self.cancel.take() {
            self.stands(effect, Standing::Over);
        }
        for effect in self.attempts.clone() {
            self.stands(effect, Standing::Over);
        }
    }

    fn follow_effect(&mut self, event: &Event) {
        match event {
            Event::EffectUnknown { effect, .. } => {
                let Some(call) = self.calls.get_mut(effect) else { return };
                call.was_unknown |= call.accepted.is_none();
                call.standing = call.accepted.unwrap_or(Standing::Unknown);
            }
            Event::EffectDeferred { effect, .. } => self.stands(*effect, Standing::Deferred),
            Event::EffectSent { effect, send_kind, .. } => {
                let Some(call) = self.calls.get_mut(effect) else { return };
                call.standing = Standing::Sent;
                call.sent = *send_kind;
            }
            Event::EffectUnchanged { effect, next_at, .. } => {
                let accepted = self.call(*effect).and_then(|call| call.accepted).filter(|_| next_at.is_some());
                self.stands(*effect, accepted.unwrap_or(Standing::Over));
            }
            Event::EffectParked { effect, .. } => self.stands(*effect, Standing::Parked),
            _ => {}
        }
    }

    fn follow_late(&mut self, event: &Event) {
        match event {
            Event::LateSuccessFound { observed, requested, .. } => {
                self.stands(*observed, Standing::Over);
                self.open(requested, SendKind::First);
                self.late = Some(Late { effect: requested.effect, money: requested.money });
            }
            Event::LateHoldCaptured { effect, requested, .. } => {
                self.stands(*effect, Standing::Over);
                self.open(requested, SendKind::First);
                self.late = Some(Late { effect: requested.effect, money: requested.money });
            }
            Event::LateSuccessAccepted { effect, .. } => self.accepted(*effect, Standing::Provider),
            Event::LateSuccessUndone { effect, next_at: Some(_), .. } => self.accepted(*effect, Standing::Watched),
            Event::LateSuccessUndone { effect, next_at: None, .. } | Event::LateSuccessReturned { effect, .. } => {
                self.stands(*effect, Standing::Over);
            }
            _ => {}
        }
    }
}

/// What a provider is called: its name with a capital letter.
pub(super) fn provider_called(providers: &[String], number: u16) -> Name {
    let name = crate::objects::provider_name(providers, number);
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>()).unwrap_or_default();
    Name(first + letters.as_str())
}
