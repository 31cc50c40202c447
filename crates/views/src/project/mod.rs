//! What an event does to a payment's rows. The same life-cycle tables as the engine's decide every status; an event
//! that no table permits is refused, because then the journal and this program do not belong together.

mod attempt;
mod capture;
mod customer;
mod refund;

pub(crate) use customer::{CustomerDraft, MethodDraft};

use crate::error::Error;
use crate::rows::{AttemptRow, CaptureRow, DisputeId, DisputeRow, PaymentRow, RefundRow};
use base::time::NS_PER_S;
use base::{Money, Timestamp};
use engine::event::{PaymentCreated, PaymentRevised};
use engine::{Entry, Event};
use payments::{AttemptStatus, DisputeInput, DisputeStatus, PaymentInput, PaymentStatus};

/// How long an expiry waits at least after a cancel failed, as the engine has it: one hour.
const CANCEL_AGAIN_NS: u64 = 3_600 * NS_PER_S;

/// What does not fit.
type Unfit = &'static str;

/// A payment's rows while events are applied to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    /// The merchant's number.
    pub(crate) merchant_number: u32,
    /// The payment itself.
    pub(crate) row: PaymentRow,
    /// Its attempts, by position.
    pub(crate) attempts: Vec<AttemptRow>,
    /// Its captures, by position.
    pub(crate) captures: Vec<CaptureRow>,
    /// Its refunds, oldest first.
    pub(crate) refunds: Vec<RefundRow>,
    /// Its disputes, oldest first.
    pub(crate) disputes: Vec<DisputeRow>,
}

/// Which event is being applied.
#[derive(Clone, Copy)]
struct Moment {
    seq: u64,
    at: Timestamp,
}

impl Draft {
    /// The rows of a new payment.
    pub(crate) fn created(seq: u64, at: Timestamp, created: &PaymentCreated, merchant_number: u32) -> Self {
        let row = PaymentRow {
            number: seq,
            id: created.payment,
            merchant: created.merchant,
            reference: created.reference,
            created_at: at,
            subject: created.subject,
            money: created.money,
            capture_mode: created.capture,
            content: created.content,
            payment_method: created.payment_method.clone(),
            on_file: created.on_file,
            details: created.details.clone(),
            status: PaymentStatus::Created,
            held_minor: 0,
            captured_minor: 0,
            refunded_minor: 0,
            refunding_minor: 0,
            disputed_minor: 0,
            fee_minor: 0,
            available: false,
            provider: None,
            provider_id: None,
            last_decline: None,
            next_action: None,
            expires_at: Some(created.expires_at),
            attempts_count: 0,
            captures_count: 0,
            refunds_count: 0,
            disputes_count: 0,
            updated_at: at,
            changed_seq: seq,
        };
        Self { merchant_number, row, attempts: Vec::new(), captures: Vec::new(), refunds: Vec::new(), disputes: Vec::new() }
    }

    /// Applies the next event about this payment.
    ///
    /// # Errors
    /// [`Error::Unfit`] when the event does not follow from what came before; the rows are then in no defined state.
    pub(crate) fn apply(&mut self, seq: u64, entry: &Entry) -> Result<(), Error> {
        let moment = Moment { seq, at: entry.at };
        self.apply_event(moment, &entry.event).map_err(|what| Error::Unfit { seq, what })?;
        self.row.updated_at = entry.at;
        self.row.changed_seq = seq;
        Ok(())
    }

    /// What an event that was applied calls an object in the provider's words, and the number of that object.
    pub(crate) fn named<'a>(&self, event: &'a Event) -> Option<(&'a str, u64)> {
        match event {
            Event::AttemptPending { provider_id, .. }
            | Event::AttemptAuthorized { provider_id, .. }
            | Event::AttemptCaptured { provider_id, .. }
            | Event::AttemptDeclined { provider_id, .. }
            | Event::AttemptMismatched { provider_id, .. } => Some((provider_id.as_ref()?, self.row.number)),
            Event::RefundPending { refund, provider_id, .. } | Event::RefundSucceeded { refund, provider_id, .. } => {
                let found = self.refunds.iter().find(|found| found.id == *refund)?;
                Some((provider_id.as_ref()?, found.number))
            }
            Event::DisputeInquired { dispute, .. } | Event::DisputeOpened { dispute, .. } => {
                let found = self.disputes.iter().find(|found| found.provider_id == *dispute)?;
                Some((dispute, found.number))
            }
            _ => None,
        }
    }

    fn apply_event(&mut self, moment: Moment, event: &Event) -> Result<(), Unfit> {
        match event {
            Event::PaymentCreated(_) => Err("a payment is created twice"),
            Event::PaymentRevised(revised) => self.revised(revised),
            Event::AttemptStarted { .. }
            | Event::AttemptPending { .. }
            | Event::AttemptAuthorized { .. }
            | Event::AttemptCaptured { .. }
            | Event::AttemptDeclined { .. }
            | Event::AttemptFailed { .. }
            | Event::AttemptMismatched { .. } => self.apply_attempt(moment, event),
            Event::CaptureStarted { .. }
            | Event::CaptureSucceeded { .. }
            | Event::CaptureObserved { .. }
            | Event::CaptureFailed { .. }
            | Event::CaptureReversed { .. } => self.apply_capture(moment, event),
            Event::RefundStarted { .. }
            | Event::RefundPending { .. }
            | Event::RefundSucceeded { .. }
            | Event::RefundFailed { .. }
            | Event::RefundWatched { .. }
            | Event::RefundReversed { .. } => self.apply_refund(moment, event),
            Event::CancelFailed { .. } => {
                let again_at = moment.at.plus_ns(CANCEL_AGAIN_NS);
                self.row.expires_at = self.row.expires_at.map(|expires_at| expires_at.max(again_at));
                Ok(())
            }
            Event::PaymentCanceled { expired, .. } => {
                self.canceled(moment, if *expired { PaymentInput::Expired } else { PaymentInput::Canceled })
            }
            Event::FundsAvailable { .. } => {
                self.row.available = true;
                Ok(())
            }
            Event::DisputeInquired { .. }
            | Event::DisputeInquiryClosed { .. }
            | Event::DisputeOpened { .. }
            | Event::DisputeClosed { .. }
            | Event::DisputeFeeBooked { .. } => self.apply_dispute(moment, event),
            Event::FeeBooked { attempt, fee_minor, .. } => {
                let attempt = self.attempts.get(usize::from(*attempt)).ok_or("a fee belongs to no attempt")?;
                // What a late success cost is not the payment's fee; it may be in another currency.
                if attempt.status == AttemptStatus::SucceededLate { Ok(()) } else { self.add_captured(0, *fee_minor) }
            }
            Event::LateSuccessFound { requested, .. } => self.attempt_succeeded_late(moment, requested),
            Event::EffectUnknown { effect, .. } => {
                self.attempt_unknown(moment, *effect);
                self.capture_unknown(moment, *effect);
                self.refund_unknown(moment, *effect);
                Ok(())
            }
            Event::CancelStarted { .. }
            | Event::EffectDeferred { .. }
            | Event::EffectSent { .. }
            | Event::EffectUnchanged { .. }
            | Event::EffectParked { .. }
            | Event::WebhookReceived { .. }
            | Event::StrayMatched { .. }
            | Event::ObservationStarted { .. }
            | Event::ObservationEnded { .. }
            | Event::SettlementAwaited { .. }
            | Event::LateSuccessAccepted { .. }
            | Event::LateSuccessUndone { .. }
            | Event::LateSuccessReturned { .. }
            | Event::LateHoldCaptured { .. }
            | Event::KeyRemembered { .. } => Ok(()),
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
            | Event::ErrandSent { .. }
            | Event::MinVersionRaised { .. }
            | Event::SweepEnded { .. }
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
            | Event::ClockConfirmed => Err("an event about no payment is applied to one"),
        }
    }

    /// Moves the payment along its life cycle.
    fn advance(&mut self, input: PaymentInput) -> Result<(), Unfit> {
        self.row.status = self.row.status.after(input).ok_or("the payment's life cycle has no such row")?;
        Ok(())
    }

    fn revised(&mut self, revised: &PaymentRevised) -> Result<(), Unfit> {
        if self.row.status != PaymentStatus::Declined {
            return Err("only a declined payment is revised");
        }
        self.row.subject = revised.subject;
        self.row.money = revised.money;
        self.row.capture_mode = revised.capture;
        self.row.content = revised.content;
        self.row.payment_method.clone_from(&revised.payment_method);
        self.row.on_file = revised.on_file;
        self.row.details.clone_from(&revised.details);
        Ok(())
    }

    fn canceled(&mut self, moment: Moment, input: PaymentInput) -> Result<(), Unfit> {
        self.advance(input)?;
        self.row.expires_at = None;
        self.row.held_minor = 0;
        self.row.next_action = None;
        self.attempt_canceled(moment);
        Ok(())
    }

    fn apply_dispute(&mut self, moment: Moment, event: &Event) -> Result<(), Unfit> {
        match event {
            Event::DisputeInquired { dispute, amount_minor, reason, respond_by, .. } => {
                self.dispute_heard(moment, DisputeStatus::Inquiry, dispute, *amount_minor, reason, *respond_by)?;
            }
            Event::DisputeOpened { dispute, amount_minor, reason, respond_by, .. } => match self.dispute_of(dispute) {
                Some(found) => {
                    found.respond_by = respond_by.or(found.respond_by);
                    found.money.amount_minor = *amount_minor;
                    advance_dispute(found, moment, DisputeInput::Opened)?;
                }
                None => self.dispute_heard(moment, DisputeStatus::Open, dispute, *amount_minor, reason, *respond_by)?,
            },
            Event::DisputeInquiryClosed { dispute, .. } => self.dispute_moved(moment, dispute, DisputeInput::InquiryClosed)?,
            Event::DisputeClosed { dispute, won, .. } => {
                self.dispute_moved(moment, dispute, if *won { DisputeInput::Won } else { DisputeInput::Lost })?;
            }
            Event::DisputeFeeBooked { dispute, fee_minor, .. } => {
                let found = self.dispute_of(dispute).ok_or("a fee is booked for a dispute that was never heard of")?;
                let before_minor = core::mem::replace(&mut found.fee_minor, *fee_minor);
                (found.updated_at, found.changed_seq) = (moment.at, moment.seq);
                let sum = self.row.fee_minor.checked_add(*fee_minor).and_then(|sum| sum.checked_sub(before_minor));
                self.row.fee_minor = sum.ok_or("fees do not add up")?;
            }
            _ => return Err("not an event about a dispute"),
        }
        self.count_disputed()
    }

    fn dispute_of(&mut self, dispute: &str) -> Option<&mut DisputeRow> {
        self.disputes.iter_mut().find(|known| known.provider_id == dispute)
    }

    fn dispute_heard(
        &mut self,
        moment: Moment,
        status: DisputeStatus,
        dispute: &str,
        amount_minor: u64,
        reason: &str,
        respond_by: Option<Timestamp>,
    ) -> Result<(), Unfit> {
        let count = u16::try_from(self.disputes.len()).map_err(|_| "too many disputes")?;
        self.disputes.push(DisputeRow {
            number: moment.seq,
            id: DisputeId::new(self.row.id, dispute),
            merchant: self.row.merchant,
            payment: self.row.id,
            provider_id: dispute.to_owned(),
            money: Money { amount_minor, currency: self.row.money.currency },
            opened_at: moment.at,
            reason: reason.to_owned(),
            respond_by,
            fee_minor: 0,
            status,
            updated_at: moment.at,
            changed_seq: moment.seq,
        });
        self.row.disputes_count = count.checked_add(1).ok_or("too many disputes")?;
        Ok(())
    }

    fn dispute_moved(&mut self, moment: Moment, dispute: &str, input: DisputeInput) -> Result<(), Unfit> {
        advance_dispute(self.dispute_of(dispute).ok_or("a dispute moves that was never heard of")?, moment, input)
    }

    fn count_disputed(&mut self) -> Result<(), Unfit> {
        let counted = self.disputes.iter().filter(|dispute| dispute.status.is_held());
        let sum = counted.map(|dispute| dispute.money.amount_minor).try_fold(0_u64, u64::checked_add);
        self.row.disputed_minor = sum.ok_or("disputes add up to more than 64 bits")?;
        Ok(())
    }
}

fn advance_dispute(dispute: &mut DisputeRow, moment: Moment, input: DisputeInput) -> Result<(), Unfit> {
    dispute.status = dispute.status.after(input).ok_or("the dispute's life cycle has no such row")?;
    (dispute.updated_at, dispute.changed_seq) = (moment.at, moment.seq);
    Ok(())
}
