//! What an event does to a payment's rows. The same life-cycle tables as the engine's decide every status; an event
//! that no table permits is refused, because then the journal and this program do not belong together.

mod attempt;
mod capture;
mod refund;

use crate::error::Error;
use crate::rows::{AttemptRow, CaptureRow, DisputeRow, PaymentRow, RefundRow};
use base::Timestamp;
use base::time::NS_PER_S;
use engine::event::{PaymentCreated, PaymentRevised};
use engine::{Entry, Event};
use payments::{DisputeInput, DisputeStatus, PaymentInput, PaymentStatus};

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
    /// Its disputes, by position.
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
            Event::CaptureStarted { .. } | Event::CaptureSucceeded { .. } | Event::CaptureFailed { .. } | Event::CaptureReversed { .. } => {
                self.apply_capture(moment, event)
            }
            Event::RefundStarted { .. }
            | Event::RefundPending { .. }
            | Event::RefundSucceeded { .. }
            | Event::RefundFailed { .. }
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
            Event::DisputeOpened { dispute, amount_minor, .. } => self.dispute_opened(moment, dispute, *amount_minor),
            Event::DisputeClosed { dispute, won, .. } => {
                self.dispute_closed(moment, dispute, if *won { DisputeInput::Won } else { DisputeInput::Lost })
            }
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
            | Event::KeyRemembered { .. } => Ok(()),
            Event::MinVersionRaised { .. }
            | Event::LeaderStarted { .. }
            | Event::MerchantCreated { .. }
            | Event::OperatorCreated { .. }
            | Event::ApiKeyCreated { .. }
            | Event::ApiKeyRevoked { .. }
            | Event::AccountsOpened { .. }
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

    fn dispute_opened(&mut self, moment: Moment, dispute: &str, amount_minor: u64) -> Result<(), Unfit> {
        let position = u16::try_from(self.disputes.len()).map_err(|_| "too many disputes")?;
        self.disputes.push(DisputeRow {
            position,
            provider_id: dispute.to_owned(),
            amount_minor,
            opened_at: moment.at,
            status: DisputeStatus::Open,
            updated_at: moment.at,
            changed_seq: moment.seq,
        });
        self.row.disputes_count = position.checked_add(1).ok_or("too many disputes")?;
        self.count_disputed()
    }

    fn dispute_closed(&mut self, moment: Moment, dispute: &str, input: DisputeInput) -> Result<(), Unfit> {
        let found =
            self.disputes.iter_mut().find(|known| known.provider_id == dispute).ok_or("a dispute is closed that was never opened")?;
        found.status = found.status.after(input).ok_or("the dispute's life cycle has no such row")?;
        found.updated_at = moment.at;
        found.changed_seq = moment.seq;
        self.count_disputed()
    }

    fn count_disputed(&mut self) -> Result<(), Unfit> {
        let counted = self.disputes.iter().filter(|dispute| dispute.status != DisputeStatus::Won);
        let sum = counted.map(|dispute| dispute.amount_minor).try_fold(0_u64, u64::checked_add);
        self.row.disputed_minor = sum.ok_or("disputes add up to more than 64 bits")?;
        Ok(())
    }
}
