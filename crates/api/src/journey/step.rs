//! Which message tells an event, in the light of what came before. Every kind is named: a new one does not compile until
//! it has a sentence. A message never claims more than its event proves.

use super::reasons;
use super::story::{Call, Standing, Story, provider_called};
use crate::words::{At, Line, Name, Phrase, Reason, Told, Until};
use base::{EffectId, Money, NextAction, OutcomeClass, RefundId, Timestamp, UnknownReason};
use engine::{CaptureMode, EffectKind, EffectRequested, ErrandKind, Event, KeyOwner, NoticeSource, NoticeUse, OnFile, Presence, SendKind};

/// How one event is told: its message and the sentences that go with it.
pub(super) type Telling = (Told, Vec<Line>);

/// Nanoseconds of a second.
const NS_PER_S: u64 = base::time::NS_PER_S;

/// Tells events in the light of a story.
pub(super) struct Teller<'a> {
    /// What came before.
    pub(super) story: &'a Story,
    /// Names of the provider endpoints, by number.
    pub(super) providers: &'a [String],
}

impl Teller<'_> {
    fn named(&self, provider: u16) -> Name {
        provider_called(self.providers, provider)
    }

    /// The provider of a call. A payment has one provider, so that a call that is not in the story has the first.
    fn provider_of(&self, effect: EffectId) -> Name {
        self.named(self.story.call(effect).map_or(0, |call| call.provider))
    }

    /// The provider of the newest attempt.
    fn provider(&self) -> Name {
        self.named(self.story.newest().map_or(0, |call| call.provider))
    }

    fn what(&self, effect: EffectId) -> Phrase {
        self.story.call(effect).map_or(Phrase::WhatCharge, Call::what)
    }

    fn refund_of(&self, refund: RefundId) -> (Name, Money) {
        let call = self.story.refund(refund);
        (self.named(call.map_or(0, |call| call.provider)), call.map_or(self.money(0), |call| call.money))
    }

    fn money(&self, amount_minor: u64) -> Money {
        self.story.money(amount_minor)
    }

    /// How the event is told.
    pub(super) fn tell(&self, event: &Event) -> Telling {
        match event {
            Event::PaymentCreated(created) => {
                let amount = created.money;
                let told = match created.capture {
                    CaptureMode::Automatic => Told::PaymentCreated { amount },
                    CaptureMode::Manual => Told::PaymentCreatedManual { amount },
                };
                (told, Vec::new())
            }
            Event::PaymentRevised(revised) => {
                let amount = revised.money;
                let told = match revised.capture {
                    CaptureMode::Automatic => Told::PaymentRevised { amount },
                    CaptureMode::Manual => Told::PaymentRevisedManual { amount },
                };
                (told, Vec::new())
            }
            Event::AttemptStarted { requested, on_file, .. } => self.attempt_started(requested, on_file.as_ref()),
            Event::AttemptPending { .. }
            | Event::AttemptAuthorized { .. }
            | Event::AttemptCaptured { .. }
            | Event::AttemptDeclined { .. }
            | Event::AttemptFailed { .. }
            | Event::AttemptMismatched { .. } => self.attempt(event),
            Event::EffectUnknown { effect, reason, next_at, .. } => self.unknown(*effect, *reason, *next_at),
            Event::EffectDeferred { effect, class, code, next_at, .. } => {
                let (provider, reason) = (self.provider_of(*effect), reasons::refusal(code));
                let told = match class {
                    OutcomeClass::NotSent => Told::DeferredNotSent { provider, reason },
                    OutcomeClass::Rejected
                    | OutcomeClass::Declined
                    | OutcomeClass::Approved
                    | OutcomeClass::Pending
                    | OutcomeClass::Mismatch
                    | OutcomeClass::Unknown => Told::DeferredTurnedAway { provider, reason },
                };
                (told, vec![Line::SendAgain { at: At(*next_at) }])
            }
            Event::EffectSent { effect, send_kind, .. } => (self.sent(*effect, *send_kind), Vec::new()),
            Event::EffectUnchanged { effect, next_at, .. } => self.unchanged(*effect, *next_at),
            Event::EffectParked { effect, .. } => (self.parked(*effect), Vec::new()),
            Event::CaptureStarted { .. }
            | Event::CaptureSucceeded { .. }
            | Event::CaptureFailed { .. }
            | Event::CaptureReversed { .. }
            | Event::CaptureObserved { .. } => self.capture(event),
            Event::CancelStarted { requested, .. } => {
                let provider = self.named(requested.provider);
                let expiry = matches!(requested.kind, EffectKind::Cancel { expiry: true });
                (if expiry { Told::CancelStartedExpired { provider } } else { Told::CancelStarted { provider } }, Vec::new())
            }
            Event::CancelFailed { effect, code, .. } => {
                (Told::CancelFailed { provider: self.provider_of(*effect), reason: reasons::state(code) }, Vec::new())
            }
            Event::PaymentCanceled { expired, .. } => self.canceled(*expired),
            Event::RefundStarted { .. }
            | Event::RefundPending { .. }
            | Event::RefundSucceeded { .. }
            | Event::RefundFailed { .. }
            | Event::RefundReversed { .. }
            | Event::RefundWatched { .. } => self.refund(event),
            Event::FundsAvailable { amount_minor: 0, .. } => (Told::FundsAvailableNone {}, Vec::new()),
            Event::FundsAvailable { amount_minor, .. } => (Told::FundsAvailable { amount: self.money(*amount_minor) }, Vec::new()),
            Event::SettlementAwaited { next_at: None, .. } => {
                (Told::SettlementNotSaid { provider: self.provider() }, vec![Line::LookNoMore {}])
            }
            Event::SettlementAwaited { next_at: Some(at), .. } => {
                (Told::SettlementAwaited { provider: self.provider() }, vec![Line::LookAgain { at: At(*at) }])
            }
            Event::FeeBooked { effect, fee_minor, available_at, .. } => {
                let (provider, fee) = (self.provider_of(*effect), self.fee_money(*effect, *fee_minor));
                let told = if *fee_minor == 0 { Told::FeeBookedNone { provider } } else { Told::FeeBooked { provider, fee } };
                (told, available_at.map(|at| Line::AvailableAt { at: At(at) }).into_iter().collect())
            }
            Event::DisputeInquired { .. }
            | Event::DisputeInquiryClosed { .. }
            | Event::DisputeOpened { .. }
            | Event::DisputeClosed { .. }
            | Event::DisputeFeeBooked { .. }
            | Event::StrayMatched { .. } => self.dispute(event),
            Event::WebhookReceived { provider, event_type, source, found, .. } => {
                self.message(self.named(*provider), Name(event_type.clone()), *source, *found)
            }
            Event::ObservationStarted { requested, .. } => {
                let provider = self.named(requested.provider);
                let why = if self.story.is_prompted {
                    Line::LookBecauseMessage { provider: provider.clone() }
                } else if self.story.is_fee_awaited {
                    Line::LookBecauseFee { provider: provider.clone() }
                } else {
                    Line::LookBecauseDoubt { provider: provider.clone() }
                };
                (Told::ObservationStarted { provider }, vec![why])
            }
            Event::ObservationEnded { effect, .. } => (Told::ObservationEnded { provider: self.provider_of(*effect) }, Vec::new()),
            Event::LateSuccessFound { .. }
            | Event::LateSuccessAccepted { .. }
            | Event::LateSuccessUndone { .. }
            | Event::LateSuccessReturned { .. }
            | Event::LateHoldCaptured { .. } => self.late(event),
            Event::KeyRemembered { effect, .. } => {
                let looked = effect.and_then(|effect| self.story.call(effect)).is_some_and(|call| call.accepted.is_some());
                (if looked { Told::KeyRememberedLook {} } else { Told::KeyRemembered {} }, Vec::new())
            }
            Event::CustomerCreated { .. }
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
            | Event::ErrandSent { .. } => self.customer(event),
            Event::AccountsOpened { .. }
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
            | Event::SweepEnded { .. }
            | Event::MinVersionRaised { .. }
            | Event::LeaderStarted { .. }
            | Event::CommandQuarantined { .. }
            | Event::QuarantineReleased { .. }
            | Event::EventSkipped { .. }
            | Event::ClockJumped { .. }
            | Event::ClockConfirmed => (self.platform(event), Vec::new()),
        }
    }

    fn attempt_started(&self, requested: &EffectRequested, on_file: Option<&OnFile>) -> Telling {
        let (provider, amount) = (self.named(requested.provider), requested.money);
        let number = self.story.attempt_count() + 1;
        let told = match (requested.capture, number) {
            (CaptureMode::Automatic, 1) => Told::AttemptStarted { provider, amount },
            (CaptureMode::Manual, 1) => Told::AttemptStartedManual { provider, amount },
            (CaptureMode::Automatic, number) => Told::AttemptStartedAgain { provider, amount, number },
            (CaptureMode::Manual, number) => Told::AttemptStartedAgainManual { provider, amount, number },
        };
        let is_away = on_file.is_some_and(|on_file| on_file.presence == Presence::OffSession);
        (told, if is_away { vec![Line::CustomerAway {}] } else { Vec::new() })
    }

    fn attempt(&self, event: &Event) -> Telling {
        match event {
            Event::AttemptPending { effect, action, expires_at, .. } => {
                let provider = self.provider_of(*effect);
                let told = match action {
                    NextAction::Redirect { .. } => Told::AttemptPendingCustomer { provider },
                    NextAction::Wait => Told::AttemptPendingProvider { provider },
                };
                (told, self.known(*effect, Ended::Open).into_iter().chain([Line::GivenUpAt { at: At(*expires_at) }]).collect())
            }
            Event::AttemptAuthorized { effect, expires_at, .. } => {
                let amount = self.story.call(*effect).map_or(self.money(0), |call| call.money);
                let told = Told::AttemptAuthorized { provider: self.provider_of(*effect), amount };
                (told, self.known(*effect, Ended::Done).into_iter().chain([Line::HoldEnds { at: At(*expires_at) }]).collect())
            }
            Event::AttemptCaptured { effect, amount_minor, fee_minor, available_at, .. } => {
                let told = Told::AttemptCaptured { provider: self.provider_of(*effect), amount: self.money(*amount_minor) };
                (told, self.taken(*effect, *fee_minor, 0, *available_at))
            }
            Event::AttemptDeclined { effect, decline, .. } => {
                let provider = self.provider_of(*effect);
                let known = self.known(*effect, Ended::Refused).unwrap_or(Line::NoMoneyMoved {});
                let mut lines = vec![known];
                lines.extend(reasons::permits(decline, provider.clone()));
                (Told::AttemptDeclined { provider, reason: reasons::refusal(&decline.code) }, lines)
            }
            Event::AttemptFailed { effect, class, code, .. } => {
                let (provider, reason) = (self.provider_of(*effect), reasons::refusal(code));
                let told = match class {
                    OutcomeClass::NotSent => Told::AttemptNotSent { provider, reason },
                    OutcomeClass::Rejected
                    | OutcomeClass::Declined
                    | OutcomeClass::Approved
                    | OutcomeClass::Pending
                    | OutcomeClass::Mismatch
                    | OutcomeClass::Unknown => Told::AttemptTurnedAway { provider, reason },
                };
                (told, vec![Line::NoMoneyMoved {}])
            }
            Event::AttemptMismatched { effect, mismatch, .. } => {
                let provider = self.provider_of(*effect);
                let amount = Money { amount_minor: mismatch.amount_minor, currency: mismatch.currency };
                let asked = self.story.call(*effect).map_or(amount, |call| call.money);
                if mismatch.captured {
                    (Told::AttemptMismatchedTaken { provider, amount, asked }, vec![Line::MoneyInSuspense {}])
                } else {
                    (Told::AttemptMismatchedHeld { provider, amount, asked }, Vec::new())
                }
            }
            _ => unreachable!("only outcomes of attempts come here"),
        }
    }

    /// What is known of how the answer came, when an earlier send had left a doubt.
    fn known(&self, effect: EffectId, ended: Ended) -> Option<Line> {
        let call = self.story.call(effect).filter(|call| call.was_unknown && call.accepted.is_none())?;
        if call.is_answered_late() {
            return Some(Line::AnsweredLate {});
        }
        match (call.sent, ended) {
            (SendKind::Replay, Ended::Done) => Some(Line::HappenedOnce {}),
            (SendKind::Lookup, Ended::Done) => Some(Line::HadWorked {}),
            (SendKind::Lookup | SendKind::Replay, Ended::Refused) => Some(Line::HadNotWorked {}),
            (SendKind::First, Ended::Done | Ended::Refused) | (_, Ended::Open) => None,
        }
    }

    fn fee_money(&self, effect: EffectId, fee_minor: u64) -> Money {
        let currency = self.story.call(effect).map_or(self.money(0).currency, |call| call.money.currency);
        Money { amount_minor: fee_minor, currency }
    }

    /// What goes with money that was taken.
    fn taken(&self, effect: EffectId, fee_minor: u64, held_minor: u64, available_at: Option<Timestamp>) -> Vec<Line> {
        let provider = self.provider_of(effect);
        let mut lines: Vec<Line> = self.known(effect, Ended::Done).into_iter().collect();
        if held_minor > 0 {
            lines.push(Line::StillHeld { amount: self.money(held_minor) });
        }
        if fee_minor > 0 {
            lines.push(Line::FeeKept { provider, fee: self.money(fee_minor) });
        }
        lines.extend(available_at.map(|at| Line::AvailableAt { at: At(at) }));
        lines
    }

    fn unknown(&self, effect: EffectId, reason: UnknownReason, next_at: Option<Timestamp>) -> Telling {
        let (provider, what) = (self.provider_of(effect), self.what(effect));
        let call = self.story.call(effect);
        let is_lookup = call.is_some_and(|call| call.sent == SendKind::Lookup);
        let not_found = |provider| Told::UnknownNotFound { provider, what };
        let told = match reason {
            UnknownReason::Timeout => Told::UnknownTimeout { provider: provider.clone() },
            UnknownReason::ConnectionLost => Told::UnknownConnectionLost { provider: provider.clone() },
            // That is what a question that could not be asked comes to as well.
            UnknownReason::ServerError if is_lookup => not_found(provider.clone()),
            UnknownReason::ServerError => Told::UnknownServerError { provider: provider.clone() },
            UnknownReason::Undecodable => Told::UnknownUndecodable { provider: provider.clone() },
            UnknownReason::IdempotencyConflict => Told::UnknownIdempotencyConflict { provider: provider.clone() },
            UnknownReason::Restart => Told::UnknownRestart { provider: provider.clone() },
            UnknownReason::NotFound => not_found(provider.clone()),
        };
        let mut lines = Vec::new();
        if let Some(call) = call.filter(|call| call.accepted.is_none()) {
            lines.push(doubt(call));
        }
        if let Some(at) = next_at {
            lines.push(Line::AskAgain { provider, at: At(at) });
            let is_reserved = matches!(what, Phrase::WhatCharge | Phrase::WhatHold | Phrase::WhatRefund);
            if is_reserved && call.is_some_and(|call| call.accepted.is_none()) {
                lines.push(Line::MoneyReserved {});
            }
        }
        (told, lines)
    }

    fn sent(&self, effect: EffectId, send_kind: SendKind) -> Told {
        let (provider, what) = (self.provider_of(effect), self.what(effect));
        let call = self.story.call(effect);
        let waits_for = call.and_then(|call| call.accepted);
        match send_kind {
            SendKind::First => Told::SentFirst { provider, what },
            SendKind::Replay if call.is_some_and(|call| call.was_unknown) => Told::SentSameKey { provider, what },
            SendKind::Replay => Told::SentAgain { provider, what },
            SendKind::Lookup if call.is_some_and(|call| call.standing == Standing::Parked) => Told::SentLookupParked { provider, what },
            SendKind::Lookup if what == Phrase::WhatLook => Told::ObservationStarted { provider },
            SendKind::Lookup => match waits_for {
                Some(Standing::Customer) => Told::SentLookupCustomer { provider },
                Some(Standing::Watched) => Told::SentLookupWatched { provider, what },
                Some(Standing::Provider) => Told::SentLookupProvider { provider, what },
                Some(Standing::Sent | Standing::Unknown | Standing::Deferred | Standing::Parked | Standing::Over) | None => {
                    Told::SentLookup { provider, what }
                }
            },
        }
    }

    fn unchanged(&self, effect: EffectId, next_at: Option<Timestamp>) -> Telling {
        let (provider, what) = (self.provider_of(effect), self.what(effect));
        let told = match self.story.call(effect).and_then(|call| call.accepted) {
            Some(Standing::Customer) => Told::UnchangedCustomer { provider },
            Some(Standing::Watched) => Told::UnchangedWatched { provider, what },
            Some(Standing::Provider | Standing::Sent | Standing::Unknown | Standing::Deferred | Standing::Parked | Standing::Over)
            | None => Told::UnchangedProvider { provider, what },
        };
        (told, vec![next_at.map_or(Line::LookNoMore {}, |at| Line::LookAgain { at: At(at) })])
    }

    fn parked(&self, effect: EffectId) -> Told {
        let (provider, what) = (self.provider_of(effect), self.what(effect));
        if self.story.call(effect).is_some_and(|call| call.is_mismatched) {
            return Told::ParkedMismatched { provider };
        }
        match what {
            Phrase::WhatLook => Told::ParkedLook { provider },
            Phrase::WhatUndoHold | Phrase::WhatUndoCapture => Told::ParkedUndo { provider, what },
            _ => Told::Parked { provider, what },
        }
    }

    fn capture(&self, event: &Event) -> Telling {
        match event {
            Event::CaptureStarted { requested, .. } => {
                (Told::CaptureStarted { provider: self.named(requested.provider), amount: requested.money }, Vec::new())
            }
            Event::CaptureSucceeded { effect, amount_minor, fee_minor, held_minor, available_at, .. } => {
                let told = Told::CaptureSucceeded { provider: self.provider_of(*effect), amount: self.money(*amount_minor) };
                let mut lines = self.taken(*effect, *fee_minor, *held_minor, *available_at);
                if *held_minor == 0 && *amount_minor < self.story.newest().map_or(0, |held| held.money.amount_minor) {
                    lines.push(Line::NothingHeld {});
                }
                (told, lines)
            }
            Event::CaptureFailed { effect, code, .. } => {
                (Told::CaptureFailed { provider: self.provider_of(*effect), reason: reasons::state(code) }, Vec::new())
            }
            Event::CaptureReversed { amount_minor, code, .. } => {
                let (provider, amount) = (self.provider(), self.money(*amount_minor));
                (Told::CaptureReversed { provider, amount, reason: reasons::reversal(code) }, Vec::new())
            }
            Event::CaptureObserved { effect, amount_minor, fee_minor, held_minor, available_at, .. } => {
                let told = Told::CaptureObserved { provider: self.provider_of(*effect), amount: self.money(*amount_minor) };
                (told, self.taken(*effect, *fee_minor, *held_minor, *available_at))
            }
            _ => unreachable!("only captures come here"),
        }
    }

    fn canceled(&self, expired: bool) -> Telling {
        let provider = self.provider();
        let told = match (self.story.newest().is_some(), self.story.cancel, expired) {
            (false, _, false) => Told::PaymentCanceled {},
            (false, _, true) => Told::PaymentExpired {},
            (true, Some(_), true) => Told::PaymentExpiredConfirmed { provider },
            (true, Some(_), false) => Told::PaymentCanceledConfirmed { provider },
            // A declined payment is given up without asking anybody; otherwise it was given up at the provider.
            (true, None, true) => Told::PaymentExpired {},
            (true, None, false) => Told::PaymentCanceledElsewhere { provider },
        };
        let lines = if self.story.was_taken { vec![Line::RestReleased {}] } else { vec![Line::NoMoneyMoved {}] };
        (told, lines)
    }

    fn refund(&self, event: &Event) -> Telling {
        match event {
            Event::RefundStarted { requested, .. } => {
                (Told::RefundStarted { provider: self.named(requested.provider), amount: requested.money }, Vec::new())
            }
            Event::RefundPending { refund, .. } => {
                let (provider, amount) = self.refund_of(*refund);
                (Told::RefundPending { provider, amount }, self.refund_known(*refund, Ended::Open))
            }
            Event::RefundSucceeded { refund, .. } => {
                let (provider, amount) = self.refund_of(*refund);
                (Told::RefundSucceeded { provider, amount }, self.refund_known(*refund, Ended::Done))
            }
            Event::RefundFailed { refund, code, .. } => {
                let (provider, amount) = self.refund_of(*refund);
                (Told::RefundFailed { provider, amount, reason: reasons::refund(code) }, Vec::new())
            }
            Event::RefundReversed { refund, code, .. } => {
                let (provider, amount) = self.refund_of(*refund);
                (Told::RefundReversed { provider, amount, reason: reasons::refund(code) }, Vec::new())
            }
            Event::RefundWatched { requested, .. } => {
                (Told::RefundWatched { provider: self.named(requested.provider), amount: requested.money }, Vec::new())
            }
            _ => unreachable!("only refunds come here"),
        }
    }

    fn refund_known(&self, refund: RefundId, ended: Ended) -> Vec<Line> {
        let call = self.story.refund(refund).filter(|call| call.was_unknown && call.accepted.is_none());
        let line = call.and_then(|call| match (call.is_answered_late(), call.sent, ended) {
            (true, _, _) => Some(Line::AnsweredLate {}),
            (false, SendKind::Replay, Ended::Done) => Some(Line::HappenedOnce {}),
            (false, SendKind::Lookup, Ended::Done) => Some(Line::HadWorked {}),
            (false, SendKind::First, Ended::Done) | (false, _, Ended::Open | Ended::Refused) => None,
        });
        line.into_iter().collect()
    }

    fn dispute(&self, event: &Event) -> Telling {
        let respond = |respond_by: &Option<Timestamp>| {
            respond_by.map(|by| Line::RespondBy { provider: self.provider(), until: Until(by) }).into_iter().collect::<Vec<_>>()
        };
        let amount_of = |dispute: &String| self.money(self.story.disputes.get(dispute).map_or(0, |(amount_minor, _)| *amount_minor));
        match event {
            Event::DisputeInquired { amount_minor, reason, respond_by, .. } => {
                let reason = reasons::dispute(reason);
                (Told::DisputeInquired { amount: self.money(*amount_minor), reason }, respond(respond_by))
            }
            Event::DisputeInquiryClosed { .. } => (Told::DisputeInquiryClosed {}, Vec::new()),
            Event::DisputeOpened { amount_minor, reason, respond_by, .. } => {
                let mut lines = respond(respond_by);
                lines.push(Line::DisputeFeeKept { provider: self.provider() });
                (Told::DisputeOpened { amount: self.money(*amount_minor), reason: reasons::dispute(reason) }, lines)
            }
            Event::DisputeClosed { dispute, won: true, .. } => (Told::DisputeWon { amount: amount_of(dispute) }, Vec::new()),
            Event::DisputeClosed { dispute, won: false, .. } => (Told::DisputeLost { amount: amount_of(dispute) }, Vec::new()),
            Event::DisputeFeeBooked { fee_minor: 0, .. } => (Told::DisputeFeeNone { provider: self.provider() }, Vec::new()),
            Event::DisputeFeeBooked { fee_minor, .. } => {
                (Told::DisputeFeeBooked { provider: self.provider(), fee: self.money(*fee_minor) }, Vec::new())
            }
            Event::StrayMatched { dispute, .. } if dispute.is_empty() => (Told::StrayGone {}, Vec::new()),
            Event::StrayMatched { .. } => (Told::StrayMatched {}, Vec::new()),
            _ => unreachable!("only disputes come here"),
        }
    }

    fn message(&self, provider: Name, kind: Name, source: NoticeSource, found: NoticeUse) -> Telling {
        let lines = match source {
            NoticeSource::Webhook => Vec::new(),
            NoticeSource::Sweep => vec![Line::SourceSweep { provider: provider.clone() }],
            NoticeSource::Replay => vec![Line::SourceReplay {}],
        };
        let told = match found {
            NoticeUse::News => Told::WebhookNews { provider, kind },
            NoticeUse::Known => Told::WebhookKnown { provider, kind },
            NoticeUse::Unmatched => Told::WebhookUnmatched { provider, kind },
            NoticeUse::Kept => Told::WebhookKept { provider, kind },
            NoticeUse::Unclear => Told::WebhookUnclear { provider, kind },
        };
        (told, lines)
    }

    fn late(&self, event: &Event) -> Telling {
        let of = |effect: EffectId| {
            let money = self.story.call(effect).map_or(self.money(0), |call| call.money);
            let is_hold = self.story.call(effect).is_some_and(|call| matches!(call.kind, EffectKind::UndoHold { .. }));
            (self.provider_of(effect), money, is_hold)
        };
        match event {
            Event::LateSuccessFound { requested, fee_minor, .. } => {
                let (provider, amount) = (self.named(requested.provider), requested.money);
                if matches!(requested.kind, EffectKind::UndoHold { .. }) {
                    return (Told::LateHoldFound { provider, amount }, Vec::new());
                }
                let mut lines = vec![Line::MoneyInSuspense {}];
                if let Some(fee_minor) = fee_minor.filter(|fee_minor| *fee_minor > 0) {
                    let fee = Money { amount_minor: fee_minor, currency: amount.currency };
                    lines.push(Line::FeeKept { provider: provider.clone(), fee });
                }
                (Told::LateChargeFound { provider, amount }, lines)
            }
            Event::LateSuccessAccepted { effect, next_at, .. } => {
                let (provider, amount, _) = of(*effect);
                (Told::LateSuccessAccepted { provider, amount }, vec![Line::LookAgain { at: At(*next_at) }])
            }
            Event::LateSuccessUndone { effect, .. } => {
                let (provider, amount, is_hold) = of(*effect);
                let told = if is_hold { Told::LateHoldUndone { provider, amount } } else { Told::LateChargeUndone { provider, amount } };
                (told, Vec::new())
            }
            Event::LateSuccessReturned { effect, code, .. } => {
                let (provider, amount, _) = of(*effect);
                (Told::LateSuccessReturned { provider, amount, reason: reasons::refund(code) }, vec![Line::MoneyInSuspense {}])
            }
            Event::LateHoldCaptured { requested, .. } => {
                let told = Told::LateHoldCaptured { provider: self.named(requested.provider), amount: requested.money };
                (told, vec![Line::MoneyInSuspense {}])
            }
            _ => unreachable!("only late successes come here"),
        }
    }

    fn customer(&self, event: &Event) -> Telling {
        let told = match event {
            Event::CustomerCreated { customer, .. } => Told::CustomerCreated { name: Name(customer.to_string()) },
            Event::CustomerStored { provider, .. } => Told::CustomerStored { provider: self.named(*provider) },
            Event::CustomerStoreFailed { code, .. } => Told::CustomerStoreFailed { reason: reasons::refusal(code) },
            Event::CustomerDeleted { customer } => Told::CustomerDeleted { name: Name(customer.to_string()) },
            Event::MethodStarted { provider, .. } => Told::MethodStarted { provider: self.named(*provider) },
            Event::MethodStored { provider, card: None, .. } => Told::MethodStored { provider: self.named(*provider) },
            Event::MethodStored { provider, card: Some(card), .. } => {
                let provider_name = self.named(*provider);
                Told::MethodStoredCard { provider: provider_name, brand: Name(card.brand.clone()), last4: Name(card.last4.clone()) }
            }
            Event::MethodFailed { code, .. } => Told::MethodFailed { reason: reasons::refusal(code) },
            Event::MethodRemovalStarted { .. } => Told::MethodRemovalStarted {},
            Event::MethodRemoved { .. } => Told::MethodRemoved {},
            Event::MethodRemovalFailed { code, .. } => Told::MethodRemovalFailed { reason: reasons::refusal(code) },
            Event::ErrandStarted { requested } => {
                let provider = self.named(requested.provider);
                match requested.kind {
                    ErrandKind::StoreCustomer => Told::ErrandStoreCustomer { provider },
                    ErrandKind::Attach { .. } => Told::ErrandAttach { provider },
                    ErrandKind::Detach { .. } => Told::ErrandDetach { provider },
                }
            }
            Event::ErrandUnknown { reason, .. } => Told::ErrandUnknown { reason: Reason::Known(unknown_because(*reason)) },
            Event::ErrandDeferred { class: OutcomeClass::NotSent, code, .. } => Told::ErrandNotSent { reason: reasons::refusal(code) },
            Event::ErrandDeferred { code, .. } => Told::ErrandTurnedAway { reason: reasons::refusal(code) },
            Event::ErrandSent { send_kind: SendKind::First, .. } => Told::ErrandSentFirst {},
            Event::ErrandSent { send_kind: SendKind::Replay, .. } => Told::ErrandSentReplay {},
            Event::ErrandSent { send_kind: SendKind::Lookup, .. } => Told::ErrandSentLookup {},
            _ => unreachable!("only customers and errands come here"),
        };
        let lines = match event {
            Event::ErrandUnknown { next_at, .. } => vec![Line::LookAgain { at: At(*next_at) }],
            Event::ErrandDeferred { next_at, .. } => vec![Line::SendAgain { at: At(*next_at) }],
            _ => Vec::new(),
        };
        (told, lines)
    }

    fn platform(&self, event: &Event) -> Told {
        let key_name = |public_id: &[u8; 10]| Name(String::from_utf8_lossy(public_id).into_owned());
        match event {
            Event::AccountsOpened { currency, .. } => Told::AccountsOpened { name: Name(currency.alpha().to_owned()) },
            Event::LedgerAccountsCreated { accounts, .. } => Told::LedgerAccountsCreated { number: count(accounts.len()) },
            Event::LedgerTransfersCreated { .. } => Told::LedgerTransfersCreated {},
            Event::LedgerTransfersExpired { .. } => Told::LedgerTransfersExpired {},
            Event::PaymentsArchived { payments } => Told::PaymentsArchived { number: count(payments.len()) },
            Event::PaymentRecalled { .. } => Told::PaymentRecalled {},
            Event::MerchantCreated { handle, .. } => Told::MerchantCreated { name: Name(handle.clone()) },
            Event::OperatorCreated { handle, .. } => Told::OperatorCreated { name: Name(handle.clone()) },
            Event::ApiKeyCreated { public_id, owner: KeyOwner::Merchant(_), .. } => {
                Told::ApiKeyCreatedMerchant { name: key_name(public_id) }
            }
            Event::ApiKeyCreated { public_id, owner: KeyOwner::Operator(_), .. } => {
                Told::ApiKeyCreatedOperator { name: key_name(public_id) }
            }
            Event::ApiKeyRevoked { public_id } => Told::ApiKeyRevoked { name: key_name(public_id) },
            Event::SubjectErased { subject } => Told::SubjectErased { name: Name(subject.to_string()) },
            Event::SweepEnded { provider, swept_to } => Told::SweepEnded { provider: self.named(*provider), until: Until(*swept_to) },
            Event::MinVersionRaised { version } => Told::MinVersionRaised { number: u64::from(*version) },
            Event::LeaderStarted { epoch } => Told::LeaderStarted { number: *epoch },
            Event::CommandQuarantined { .. } => Told::CommandQuarantined {},
            Event::QuarantineReleased { .. } => Told::QuarantineReleased {},
            Event::EventSkipped { seq, first, second } => {
                Told::EventSkipped { number: *seq, first: Name(first.to_string()), second: Name(second.to_string()) }
            }
            Event::ClockJumped { jump_ns } => Told::ClockJumped { number: jump_ns / NS_PER_S },
            Event::ClockConfirmed => Told::ClockConfirmed {},
            _ => unreachable!("only the platform's own events come here"),
        }
    }
}

/// What an answer came to, for whoever had doubts.
#[derive(Clone, Copy)]
enum Ended {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
    /// It goes on.
    Open,
}

/// What nobody knows.
const fn doubt(call: &Call) -> Line {
    doubt_of(call.what())
}

/// What nobody knows while the outcome of this is unknown.
pub(super) const fn doubt_of(what: Phrase) -> Line {
    match what {
        Phrase::WhatCharge => Line::DoubtCharge {},
        Phrase::WhatHold => Line::DoubtHold {},
        Phrase::WhatCapture => Line::DoubtCapture {},
        Phrase::WhatCancel => Line::DoubtCancel {},
        Phrase::WhatRefund => Line::DoubtRefund {},
        Phrase::WhatUndoHold => Line::DoubtUndoHold {},
        Phrase::WhatUndoCapture => Line::DoubtUndoCapture {},
        _ => Line::DoubtLook {},
    }
}

const fn unknown_because(reason: UnknownReason) -> Phrase {
    match reason {
        UnknownReason::Timeout => Phrase::UnknownTimeout,
        UnknownReason::ConnectionLost => Phrase::UnknownConnectionLost,
        UnknownReason::ServerError => Phrase::UnknownServerError,
        UnknownReason::Undecodable => Phrase::UnknownUndecodable,
        UnknownReason::IdempotencyConflict => Phrase::UnknownIdempotencyConflict,
        UnknownReason::Restart => Phrase::UnknownRestart,
        UnknownReason::NotFound => Phrase::UnknownNotFound,
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
