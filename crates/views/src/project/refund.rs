//! Refunds and what they do to their payment.

use super::{Draft, Moment, Unfit};
use crate::rows::RefundRow;
use base::{EffectId, RefundId};
use engine::{EffectKind, EffectRequested, Event, Sealed};
use payments::{PaymentInput, RefundInput, RefundStatus};

impl Draft {
    pub(super) fn apply_refund(&mut self, moment: Moment, event: &Event) -> Result<(), Unfit> {
        match event {
            Event::RefundStarted { requested, from_available, details, .. } => {
                self.refund_started(moment, requested, *from_available, details.as_ref())
            }
            Event::RefundPending { refund, provider_id, .. } => {
                let found = self.advance_refund(moment, *refund, RefundInput::Pending)?;
                if provider_id.is_some() {
                    found.provider_id.clone_from(provider_id);
                }
                Ok(())
            }
            Event::RefundSucceeded { refund, provider_id, .. } => {
                let found = self.advance_refund(moment, *refund, RefundInput::Succeeded)?;
                if provider_id.is_some() {
                    found.provider_id.clone_from(provider_id);
                }
                let amount_minor = found.money.amount_minor;
                self.refund_decided(amount_minor)?;
                let refunded_minor = self.row.refunded_minor.checked_add(amount_minor);
                self.row.refunded_minor = refunded_minor.ok_or("refunds add up to more than 64 bits")?;
                let all = self.row.refunded_minor >= self.row.captured_minor;
                self.advance(if all { PaymentInput::RefundedAll } else { PaymentInput::RefundedPart })
            }
            Event::RefundFailed { refund, code, .. } => {
                let found = self.advance_refund(moment, *refund, RefundInput::Failed)?;
                found.failure_code = Some(code.clone());
                let amount_minor = found.money.amount_minor;
                self.refund_decided(amount_minor)
            }
            // From now on this look carries it out.
            Event::RefundWatched { requested, .. } => {
                let EffectKind::Refund { refund } = requested.kind else {
                    return Err("a refund is watched by another kind of call");
                };
                let found =
                    self.refunds.iter_mut().find(|found| found.id == refund).ok_or("a refund is watched that was never asked for")?;
                found.effect = requested.effect;
                (found.updated_at, found.changed_seq) = (moment.at, moment.seq);
                Ok(())
            }
            Event::RefundReversed { refund, code, .. } => {
                let found = self.advance_refund(moment, *refund, RefundInput::Reversed)?;
                found.failure_code = Some(code.clone());
                let amount_minor = found.money.amount_minor;
                let remaining_minor = self.row.refunded_minor.checked_sub(amount_minor);
                self.row.refunded_minor = remaining_minor.ok_or("more comes back than was given back")?;
                let none = self.row.refunded_minor == 0;
                self.advance(if none { PaymentInput::RefundReversedAll } else { PaymentInput::RefundReversedPart })
            }
            _ => Err("not an event about a refund"),
        }
    }

    fn refund_started(
        &mut self,
        moment: Moment,
        requested: &EffectRequested,
        from_available: bool,
        details: Option<&Sealed>,
    ) -> Result<(), Unfit> {
        let EffectKind::Refund { refund } = requested.kind else {
            return Err("a refund starts another kind of effect");
        };
        let refunding_minor = self.row.refunding_minor.checked_add(requested.money.amount_minor);
        self.row.refunding_minor = refunding_minor.ok_or("refunds add up to more than 64 bits")?;
        self.refunds.push(RefundRow {
            number: moment.seq,
            id: refund,
            merchant: self.row.merchant,
            payment: self.row.id,
            effect: requested.effect,
            money: requested.money,
            from_available,
            details: details.cloned(),
            created_at: moment.at,
            status: RefundStatus::Started,
            provider_id: None,
            failure_code: None,
            updated_at: moment.at,
            changed_seq: moment.seq,
        });
        self.row.refunds_count = self.row.refunds_count.checked_add(1).ok_or("too many refunds")?;
        Ok(())
    }

    fn advance_refund(&mut self, moment: Moment, refund: RefundId, input: RefundInput) -> Result<&mut RefundRow, Unfit> {
        let found = self.refunds.iter_mut().find(|found| found.id == refund).ok_or("a refund that was never asked for")?;
        found.status = found.status.after(input).ok_or("the refund's life cycle has no such row")?;
        found.updated_at = moment.at;
        found.changed_seq = moment.seq;
        Ok(found)
    }

    /// An open refund is open no more.
    fn refund_decided(&mut self, amount_minor: u64) -> Result<(), Unfit> {
        self.row.refunding_minor = self.row.refunding_minor.checked_sub(amount_minor).ok_or("an open refund was never counted")?;
        Ok(())
    }

    /// A send of this effect ended without an answer; a refund that is known to have gone through stays so.
    pub(super) fn refund_unknown(&mut self, moment: Moment, effect: EffectId) {
        let found = self.refunds.iter_mut().find(|refund| refund.effect == effect);
        if let Some((refund, after)) = found.and_then(|refund| refund.status.after(RefundInput::Unknown).map(|after| (refund, after))) {
            refund.status = after;
            refund.updated_at = moment.at;
            refund.changed_seq = moment.seq;
        }
    }
}
