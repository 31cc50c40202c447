//! What providers say of their own accord. A provider's facts are always booked, whatever we expected.

use super::{Draft, Reply};
use crate::command::ProviderReport;
use crate::event::Event;
use crate::refusal::Refusal;
use crate::state::Payment;
use base::PaymentId;
use payments::postings::AccountKind;
use payments::{CaptureStatus, DisputeInput, PaymentInput};

pub(super) fn apply(draft: &mut Draft<'_>, id: PaymentId, report: &ProviderReport) -> Result<Reply, Refusal> {
    let payment = draft.state.payments.get(&id).ok_or(Refusal::PaymentUnknown)?;
    match report {
        ProviderReport::CaptureReversed { capture, code } => reverse_capture(draft, id, payment, *capture, code)?,
        ProviderReport::DisputeOpened { dispute, amount_minor } => {
            if payment.disputes.iter().all(|known| known.dispute != *dispute) {
                let leg = draft.books(id, payment.merchant, payment.money.currency).dispute(0, *amount_minor);
                draft.push_with(Event::DisputeOpened { payment: id, dispute: dispute.clone(), amount_minor: *amount_minor }, vec![leg]);
            }
        }
        ProviderReport::DisputeClosed { dispute, won } => {
            let known = payment.disputes.iter().find(|known| known.dispute == *dispute).ok_or(Refusal::PaymentUnknown)?;
            let input = if *won { DisputeInput::Won } else { DisputeInput::Lost };
            if known.status.after(input).is_some() {
                let leg = draft.books(id, payment.merchant, payment.money.currency).dispute_won(0, known.amount_minor);
                let legs = if *won { vec![leg] } else { Vec::new() };
                draft.push_with(Event::DisputeClosed { payment: id, dispute: dispute.clone(), won: *won }, legs);
            }
        }
    }
    Ok(Reply::Done)
}

fn reverse_capture(draft: &mut Draft<'_>, id: PaymentId, payment: &Payment, capture: u16, code: &str) -> Result<(), Refusal> {
    if payment.status.after(PaymentInput::CaptureReversed).is_none() {
        return Err(Refusal::StateConflict { status: payment.status });
    }
    let (capture, amount_minor) = match payment.captures.get(usize::from(capture)) {
        Some(known) if known.status == CaptureStatus::Succeeded => (Some(capture), known.amount_minor),
        Some(_) => return Ok(()),
        None if payment.captures.is_empty() => (None, payment.captured_minor),
        None => return Err(Refusal::PaymentUnknown),
    };
    let source = if payment.available { AccountKind::MerchantAvailable } else { AccountKind::MerchantPending };
    let books = draft.books(id, payment.merchant, payment.money.currency);
    let legs = vec![books.capture_reversal(0, amount_minor, source)];
    draft.push_with(Event::CaptureReversed { payment: id, capture, amount_minor, code: code.to_owned() }, legs);
    Ok(())
}
