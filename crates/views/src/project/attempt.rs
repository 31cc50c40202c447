//! Attempts and what they do to their payment.

use super::{Draft, Moment, Unfit};
use crate::rows::AttemptRow;
use base::{Decline, DeclineClass, EffectId, NextAction, OutcomeClass};
use engine::{EffectKind, EffectRequested, Event};
use payments::{AttemptInput, AttemptStatus, PaymentInput};

impl Draft {
    pub(super) fn apply_attempt(&mut self, moment: Moment, event: &Event) -> Result<(), Unfit> {
        match event {
            Event::AttemptStarted { requested, on_file, .. } => {
                self.row.on_file = *on_file;
                self.attempt_started(moment, requested)
            }
            Event::AttemptPending { effect, action, provider_id, expires_at, .. } => {
                self.advance_attempt(moment, *effect, AttemptInput::Pending, provider_id.as_ref())?;
                self.advance(match action {
                    NextAction::Redirect { .. } => PaymentInput::ActionRequired,
                    NextAction::Wait => PaymentInput::AnswerPending,
                })?;
                self.row.next_action = Some(action.clone());
                self.row.expires_at = Some(*expires_at);
                Ok(())
            }
            Event::AttemptAuthorized { effect, provider_id, expires_at, .. } => {
                self.advance_attempt(moment, *effect, AttemptInput::Authorized, provider_id.as_ref())?;
                self.advance(PaymentInput::Authorized)?;
                self.row.next_action = None;
                self.row.expires_at = Some(*expires_at);
                Ok(())
            }
            Event::AttemptCaptured { effect, provider_id, amount_minor, fee_minor, .. } => {
                self.advance_attempt(moment, *effect, AttemptInput::Captured, provider_id.as_ref())?;
                self.advance(PaymentInput::Captured)?;
                self.attempt_over();
                self.add_captured(*amount_minor, *fee_minor)
            }
            Event::AttemptDeclined { effect, provider_id, decline, .. } => {
                let attempt = self.advance_attempt(moment, *effect, AttemptInput::Declined, provider_id.as_ref())?;
                attempt.decline = Some(decline.clone());
                self.advance(PaymentInput::Declined)?;
                self.attempt_over();
                self.row.last_decline = Some(decline.clone());
                Ok(())
            }
            Event::AttemptFailed { effect, class, code, .. } => {
                let attempt = self.advance_attempt(moment, *effect, AttemptInput::Failed, None)?;
                attempt.failure = Some((*class, code.clone()));
                self.advance(PaymentInput::Declined)?;
                self.attempt_over();
                // As the engine says it: not delivered is the provider's trouble, turned away is ours.
                let class = if *class == OutcomeClass::NotSent { DeclineClass::SoftPsp } else { DeclineClass::Config };
                self.row.last_decline = Some(Decline { class, code: code.clone(), network_code: None });
                Ok(())
            }
            Event::AttemptMismatched { effect, provider_id, mismatch, .. } => {
                let attempt = self.advance_attempt(moment, *effect, AttemptInput::Mismatched, provider_id.as_ref())?;
                attempt.mismatch = Some(mismatch.clone());
                self.attempt_over();
                Ok(())
            }
            _ => Err("not an event about an attempt"),
        }
    }

    fn attempt_started(&mut self, moment: Moment, requested: &EffectRequested) -> Result<(), Unfit> {
        self.advance(PaymentInput::AttemptStarted)?;
        let position = u16::try_from(self.attempts.len()).map_err(|_| "too many attempts")?;
        self.attempts.push(AttemptRow {
            position,
            effect: requested.effect,
            provider: requested.provider,
            money: requested.money,
            started_at: moment.at,
            status: AttemptStatus::Started,
            provider_id: None,
            decline: None,
            failure: None,
            mismatch: None,
            updated_at: moment.at,
            changed_seq: moment.seq,
        });
        self.row.attempts_count = position.checked_add(1).ok_or("too many attempts")?;
        self.row.held_minor = self.row.money.amount_minor;
        self.row.payment_method = Some(requested.payment_method.clone());
        self.row.provider = Some(requested.provider);
        self.row.provider_id = None;
        self.row.next_action = None;
        self.row.last_decline = None;
        self.row.expires_at = None;
        Ok(())
    }

    /// Moves the attempt behind an effect along its life cycle and notes the provider's id.
    fn advance_attempt(
        &mut self,
        moment: Moment,
        effect: EffectId,
        input: AttemptInput,
        provider_id: Option<&String>,
    ) -> Result<&mut AttemptRow, Unfit> {
        let newest = self.attempts.len().saturating_sub(1);
        let index = self.attempts.iter().rposition(|attempt| attempt.effect == effect).ok_or("an effect belongs to no attempt")?;
        let attempt = &mut self.attempts[index];
        attempt.status = attempt.status.after(input).ok_or("the attempt's life cycle has no such row")?;
        attempt.updated_at = moment.at;
        attempt.changed_seq = moment.seq;
        if provider_id.is_some() {
            attempt.provider_id = provider_id.cloned();
            if index == newest {
                self.row.provider_id = provider_id.cloned();
            }
        }
        Ok(attempt)
    }

    /// The attempt is over: nothing is held and nothing is open.
    fn attempt_over(&mut self) {
        self.row.expires_at = None;
        self.row.held_minor = 0;
        self.row.next_action = None;
    }

    /// The payment was given up: so was its newest attempt, where that was still open.
    pub(super) fn attempt_canceled(&mut self, moment: Moment) {
        let Some(attempt) = self.attempts.last_mut() else {
            return;
        };
        if let Some(after) = attempt.status.after(AttemptInput::Canceled) {
            attempt.status = after;
            attempt.updated_at = moment.at;
            attempt.changed_seq = moment.seq;
        }
    }

    /// An attempt that was over has held or taken money after all.
    pub(super) fn attempt_succeeded_late(&mut self, moment: Moment, requested: &EffectRequested) -> Result<(), Unfit> {
        let (EffectKind::UndoHold { attempt } | EffectKind::UndoCapture { attempt }) = requested.kind else {
            return Err("a late success is not given back");
        };
        let found = self.attempts.get_mut(usize::from(attempt)).ok_or("an effect belongs to no attempt")?;
        found.status = found.status.after(AttemptInput::SucceededLate).ok_or("the attempt's life cycle has no such row")?;
        (found.updated_at, found.changed_seq) = (moment.at, moment.seq);
        Ok(())
    }

    /// A send of this effect ended without an answer; an attempt that is known to be accepted stays what it is.
    pub(super) fn attempt_unknown(&mut self, moment: Moment, effect: EffectId) {
        let found = self.attempts.iter_mut().find(|attempt| attempt.effect == effect);
        if let Some((attempt, after)) = found.and_then(|attempt| attempt.status.after(AttemptInput::Unknown).map(|after| (attempt, after)))
        {
            attempt.status = after;
            attempt.updated_at = moment.at;
            attempt.changed_seq = moment.seq;
        }
    }
}
