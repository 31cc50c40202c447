//! How a payment stands, what comes next, and what one can do: read from the engine's state, so that it is what would be
//! decided. The story only adds what the state has no use for, such as dates that a provider named.

use super::objects::{ActionCode, Actor, JourneyAction};
use super::reasons;
use super::step::{Telling, doubt_of};
use super::story::{Story, provider_called, what};
use crate::words::{At, ENGLISH, Line, Name, Phrase, Told, Until};
use base::{Money, OutcomeClass, PaymentId, Timestamp};
use engine::{Dispute, Effect, EffectKind, EffectStatus, Outlook};
use payments::{AttemptStatus, DisputeStatus, PaymentStatus, RefundStatus};

/// A payment as it stands.
pub(super) struct Stand<'a> {
    pub(super) payment: PaymentId,
    pub(super) outlook: &'a Outlook,
    pub(super) story: &'a Story,
    pub(super) providers: &'a [String],
    pub(super) now: Timestamp,
}

fn what_of(open: &Effect) -> Phrase {
    what(open.requested.kind, open.requested.capture)
}

/// Whether a send of it may have been executed.
fn is_doubted(open: &Effect) -> bool {
    open.earlier == Some(OutcomeClass::Unknown)
}

/// Whether the provider has accepted what it is asked about.
const fn is_accepted(open: &Effect) -> bool {
    open.accepted.is_some()
}

impl Stand<'_> {
    fn money(&self, amount_minor: u64) -> Money {
        Money { amount_minor, currency: self.outlook.payment.money.currency }
    }

    fn provider(&self) -> Name {
        provider_called(self.providers, self.outlook.payment.attempts.last().map_or(0, |attempt| attempt.provider))
    }

    fn called(&self, open: &Effect) -> Name {
        provider_called(self.providers, open.requested.provider)
    }

    fn find(&self, wanted: impl Fn(&Effect) -> bool) -> Option<&Effect> {
        self.outlook.effects.iter().find(|open| wanted(open))
    }

    /// The open authorization or capture.
    fn operation(&self) -> Option<&Effect> {
        let operation = self.outlook.payment.operation?;
        self.find(|open| open.requested.effect == operation)
    }

    fn cancel(&self) -> Option<&Effect> {
        let cancel = self.outlook.payment.cancel?;
        self.find(|open| open.requested.effect == cancel)
    }

    /// The open call that gives a late success back, unless it is only watched.
    fn undo(&self) -> Option<&Effect> {
        let is_undo = |open: &Effect| matches!(open.requested.kind, EffectKind::UndoHold { .. } | EffectKind::UndoCapture { .. });
        self.find(|open| is_undo(open) && open.accepted != Some(EffectStatus::Watching))
    }

    fn disputed_minor(&self, status: DisputeStatus) -> u64 {
        let all = self.outlook.payment.disputes.iter().filter(|dispute| dispute.status == status);
        all.fold(0, |sum, dispute| sum.saturating_add(dispute.amount_minor))
    }

    /// How it stands, in a few words and in sentences.
    pub(super) fn summary(&self) -> Telling {
        let payment = &self.outlook.payment;
        let amount = payment.money;
        if !self.outlook.mismatched.is_empty() {
            return (Told::SummaryMismatched { provider: self.provider(), amount }, Vec::new());
        }
        if let Some(parked) = self.outlook.parked().next() {
            let what = what_of(parked);
            let doubt = if what == Phrase::WhatLook { Vec::new() } else { vec![doubt_of(what)] };
            return (Told::SummaryParked { amount, what }, doubt);
        }
        if let Some(undo) = self.undo() {
            let (provider, amount) = (self.called(undo), undo.requested.money);
            let is_hold = matches!(undo.requested.kind, EffectKind::UndoHold { .. });
            let told = if is_hold { Told::SummaryLateHold { provider, amount } } else { Told::SummaryLateCharge { provider, amount } };
            return (told, Vec::new());
        }
        let taken = self.money(payment.captured_minor);
        let (open_minor, lost_minor) = (self.disputed_minor(DisputeStatus::Open), self.disputed_minor(DisputeStatus::Lost));
        let refunded: Vec<Line> =
            (payment.refunded_minor > 0).then(|| Line::RefundedSoFar { amount: self.money(payment.refunded_minor) }).into_iter().collect();
        if open_minor > 0 {
            return (Told::SummaryDisputed { disputed: self.money(open_minor), taken }, refunded);
        }
        if lost_minor > 0 {
            return (Told::SummaryDisputeLost { disputed: self.money(lost_minor), taken }, refunded);
        }
        let (told, mut lines) = self.summary_of_status(amount, taken);
        if payment.refunding_minor > 0 {
            lines.push(Line::RefundUnderWay { amount: self.money(payment.refunding_minor) });
            let is_refund = |open: &Effect| matches!(open.requested.kind, EffectKind::Refund { .. });
            if self.find(|open| is_refund(open) && open.accepted.is_none() && is_doubted(open)).is_some() {
                lines.push(Line::DoubtRefund {});
            }
        }
        let failed = |status| matches!(status, RefundStatus::Failed | RefundStatus::Reversed);
        if let Some(refund) = payment.refunds.last().filter(|refund| failed(refund.status)) {
            lines.push(Line::LastRefundFailed { amount: self.money(refund.amount_minor) });
        }
        let asked_minor = self.disputed_minor(DisputeStatus::Inquiry);
        if asked_minor > 0 {
            lines.push(Line::BankAsks { amount: self.money(asked_minor) });
        }
        (told, lines)
    }

    fn summary_of_status(&self, amount: Money, taken: Money) -> Telling {
        let payment = &self.outlook.payment;
        let (provider, none) = (self.provider(), Vec::new);
        if let Some(cancel) = self.cancel() {
            return if is_doubted(cancel) {
                (Told::SummaryCancelingUnknown { provider, amount }, vec![Line::DoubtCancel {}])
            } else {
                (Told::SummaryCanceling { provider, amount }, none())
            };
        }
        match payment.status {
            PaymentStatus::Created => (Told::SummaryCreated { amount }, none()),
            PaymentStatus::Processing => self.summary_of_processing(amount),
            PaymentStatus::RequiresAction => (Told::SummaryCustomer { amount }, none()),
            PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured => match self.operation() {
                Some(capture) if is_doubted(capture) => {
                    (Told::SummaryCapturingUnknown { provider, amount: capture.requested.money }, vec![Line::DoubtCapture {}])
                }
                Some(capture) => (Told::SummaryCapturing { provider, amount: capture.requested.money }, none()),
                None if payment.status == PaymentStatus::Authorized => {
                    (Told::SummaryHeld { amount: self.money(payment.held_minor) }, none())
                }
                None => (Told::SummaryPartlyTaken { taken, held: self.money(payment.held_minor) }, none()),
            },
            PaymentStatus::Captured => (Told::SummaryTaken { amount: taken }, none()),
            PaymentStatus::PartiallyRefunded => {
                (Told::SummaryPartlyRefunded { taken, refunded: self.money(payment.refunded_minor) }, none())
            }
            PaymentStatus::Refunded => (Told::SummaryRefunded { amount: self.money(payment.refunded_minor) }, none()),
            PaymentStatus::Canceled => self.given_back(Told::SummaryCanceled { amount }),
            PaymentStatus::Expired => self.given_back(Told::SummaryExpired { amount }),
            PaymentStatus::Declined if payment.was_captured() => (Told::SummaryReversed { amount: taken }, none()),
            PaymentStatus::Declined => {
                let reason = payment.last_decline.as_ref().map(|decline| reasons::refusal(&decline.code));
                let is_declined = payment.attempts.last().is_some_and(|attempt| attempt.status == AttemptStatus::Declined);
                self.given_back(match reason {
                    Some(reason) if is_declined => Told::SummaryDeclined { amount, reason },
                    Some(reason) => Told::SummaryFailedBecause { amount, reason },
                    None => Told::SummaryFailed { amount },
                })
            }
        }
    }

    /// As told, unless money was taken or held after all and given back.
    fn given_back(&self, told: Told) -> Telling {
        match self.story.late {
            Some(late) => {
                let call = self.story.call(late.effect);
                let is_hold = call.is_some_and(|call| matches!(call.kind, EffectKind::UndoHold { .. }));
                let provider = provider_called(self.providers, call.map_or(0, |call| call.provider));
                let told = if is_hold {
                    Told::SummaryLateHoldUndone { provider, amount: late.money }
                } else {
                    Told::SummaryLateChargeUndone { provider, amount: late.money }
                };
                (told, Vec::new())
            }
            None => (told, Vec::new()),
        }
    }

    fn summary_of_processing(&self, amount: Money) -> Telling {
        let provider = self.provider();
        let Some(open) = self.operation() else {
            return (Told::SummaryAsking { provider, amount }, Vec::new());
        };
        if is_accepted(open) {
            return (Told::SummaryPending { provider, amount }, Vec::new());
        }
        match (open.earlier, open.status) {
            (Some(OutcomeClass::Unknown), _) => (Told::SummaryUnknown { provider, amount }, vec![doubt_of(what_of(open))]),
            (_, EffectStatus::Deferred) => (Told::SummaryDeferred { provider, amount }, Vec::new()),
            (_, EffectStatus::InFlight | EffectStatus::Unknown | EffectStatus::Waiting | EffectStatus::Watching | EffectStatus::Parked) => {
                (Told::SummaryAsking { provider, amount }, Vec::new())
            }
        }
    }

    /// What comes next by itself, and when.
    pub(super) fn next(&self) -> (Line, Option<Timestamp>) {
        if !self.outlook.mismatched.is_empty() {
            return (Line::NextMismatched { provider: self.provider() }, None);
        }
        if self.outlook.parked().next().is_some() {
            return (Line::NextParked {}, None);
        }
        let is_watched = |open: &Effect| open.accepted == Some(EffectStatus::Watching);
        if let Some(open) = self.find(|open| !is_watched(open)) {
            return self.next_of(open);
        }
        self.next_of_dispute().or_else(|| self.next_of_money()).unwrap_or_else(|| self.next_of_status())
    }

    /// What comes next of an open call.
    fn next_of(&self, open: &Effect) -> (Line, Option<Timestamp>) {
        let (provider, what) = (self.called(open), what_of(open));
        let Some(at) = open.next_at else {
            return (Line::NextAnswer { provider, what }, None);
        };
        let line = match (open.status, self.outlook.payment.status) {
            (EffectStatus::Unknown, _) => Line::NextAsk { provider, what, at: At(at) },
            (EffectStatus::Deferred, _) => Line::NextSend { provider, what, at: At(at) },
            (EffectStatus::Waiting, PaymentStatus::RequiresAction) => match self.outlook.expires_at {
                Some(until) => Line::NextCustomerUntil { provider, until: Until(until), at: At(at) },
                None => Line::NextCustomer { provider, at: At(at) },
            },
            (EffectStatus::InFlight | EffectStatus::Waiting | EffectStatus::Watching | EffectStatus::Parked, _) => {
                Line::NextProvider { provider, what, at: At(at) }
            }
        };
        (line, Some(at))
    }

    fn next_of_dispute(&self) -> Option<(Line, Option<Timestamp>)> {
        let provider = self.provider();
        let in_status = |status| self.outlook.payment.disputes.iter().find(move |dispute| dispute.status == status);
        let respond_by = |dispute: &Dispute| {
            let said = self.story.disputes.get(&dispute.dispute).and_then(|(_, respond_by)| *respond_by);
            said.filter(|by| *by > self.now)
        };
        if let Some(open) = in_status(DisputeStatus::Open) {
            return Some(match respond_by(open) {
                Some(until) => (Line::NextDisputeUntil { provider, until: Until(until) }, Some(until)),
                None => (Line::NextDispute {}, None),
            });
        }
        in_status(DisputeStatus::Inquiry).map(|asked| match respond_by(asked) {
            Some(until) => (Line::NextInquiryUntil { provider, until: Until(until) }, Some(until)),
            None => (Line::NextInquiry { provider }, None),
        })
    }

    /// What is still to come of money that was taken.
    fn next_of_money(&self) -> Option<(Line, Option<Timestamp>)> {
        let payment = &self.outlook.payment;
        if payment.captured_minor == 0 || payment.status == PaymentStatus::PartiallyCaptured {
            return None;
        }
        if let Some(at) = payment.settling.as_ref().and_then(|settling| settling.next_at) {
            return Some((Line::NextFee { provider: self.provider(), at: At(at) }, Some(at)));
        }
        if let Some(at) = self.story.available_at.filter(|at| !payment.available && payment.unreleased_minor > 0 && *at > self.now) {
            return Some((Line::NextAvailable { at: At(at) }, Some(at)));
        }
        let watched = self.find(|open| open.accepted == Some(EffectStatus::Watching))?;
        let at = watched.next_at?;
        Some((Line::NextWatched { provider: self.called(watched), what: what_of(watched), at: At(at) }, Some(at)))
    }

    fn next_of_status(&self) -> (Line, Option<Timestamp>) {
        let expires_at = self.outlook.expires_at;
        if expires_at.is_some() && self.outlook.is_clock_doubted {
            return (Line::NextClock {}, None);
        }
        let line = match self.outlook.payment.status {
            PaymentStatus::Created => expires_at.map_or(Line::NextConfirmUntimed {}, |at| Line::NextConfirm { at: At(at) }),
            PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured => {
                expires_at.map_or(Line::NextHold {}, |at| Line::NextHoldEnds { at: At(at) })
            }
            PaymentStatus::Declined if self.outlook.permitted.confirm => Line::NextTryAgain {},
            PaymentStatus::Declined if self.outlook.payment.was_captured() => Line::NextNothingReversed {},
            PaymentStatus::Declined | PaymentStatus::Canceled | PaymentStatus::Expired => Line::NextNothingEnded {},
            PaymentStatus::Captured | PaymentStatus::PartiallyRefunded | PaymentStatus::Refunded => Line::NextNothingPaid {},
            // Their calls are open, and were asked before.
            PaymentStatus::Processing | PaymentStatus::RequiresAction => {
                Line::NextAnswer { provider: self.provider(), what: Phrase::WhatLook }
            }
        };
        (line, expires_at)
    }

    /// What one can do now: the merchant first, then operators.
    pub(super) fn actions(&self) -> Vec<JourneyAction> {
        let (id, payment, permitted) = (self.payment, &self.outlook.payment, &self.outlook.permitted);
        let mut actions = Vec::new();
        let mut merchant =
            |code, line: &Line, path: String, cli: String| actions.push(self.action((code, Actor::Merchant), line, path, cli));
        let of_payment = |verb: &str| (format!("/v1/payments/{id}/{verb}"), format!("bezant payments {verb} {id}"));
        if permitted.confirm {
            let (path, cli) = of_payment("confirm");
            match payment.status {
                PaymentStatus::Created => merchant(ActionCode::Confirm, &Line::ActionConfirm { amount: payment.money }, path, cli),
                _ => {
                    let cli = format!("{cli} --payment-method METHOD");
                    merchant(ActionCode::Confirm, &Line::ActionTryAgain { amount: payment.money }, path, cli);
                }
            }
        }
        if permitted.look {
            let (path, cli) = of_payment("confirm");
            merchant(ActionCode::Look, &Line::ActionLook { provider: self.provider() }, path, cli);
        }
        if let Some(max) = permitted.capture_minor_max {
            let (path, cli) = of_payment("capture");
            merchant(ActionCode::Capture, &Line::ActionCapture { amount: self.money(max) }, path, cli);
        }
        if permitted.cancel {
            let (path, cli) = of_payment("cancel");
            let line = match payment.status {
                PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured => {
                    Line::ActionCancelHold { amount: self.money(payment.held_minor) }
                }
                _ => Line::ActionCancel {},
            };
            merchant(ActionCode::Cancel, &line, path, cli);
        }
        if let Some(max) = permitted.refund_minor_max {
            let line = Line::ActionRefund { amount: self.money(max) };
            merchant(ActionCode::Refund, &line, "/v1/refunds".to_owned(), format!("bezant refunds create {id}"));
        }
        for parked in self.outlook.parked() {
            let line = Line::ActionLookParked { provider: self.called(parked), what: what_of(parked) };
            let effect = parked.requested.effect;
            let (path, cli) = (format!("/v1/parked_calls/{effect}/look"), format!("bezant attempts look {effect}"));
            actions.push(self.action((ActionCode::LookParked, Actor::Operator), &line, path, cli));
        }
        if self.outlook.is_clock_doubted && self.outlook.expires_at.is_some() {
            let (path, cli) = ("/v1/platform/clock/confirm".to_owned(), "bezant clock confirm".to_owned());
            actions.push(self.action((ActionCode::ConfirmClock, Actor::Operator), &Line::ActionConfirmClock {}, path, cli));
        }
        actions
    }

    fn action(&self, (code, by): (ActionCode, Actor), line: &Line, path: String, cli: String) -> JourneyAction {
        JourneyAction { code, sentence: ENGLISH.line(line, self.now), method: "POST", path, cli: Some(cli), by }
    }
}
