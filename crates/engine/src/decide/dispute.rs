//! Disputes as the provider tells them. They move from phase to phase in one direction, so the furthest message that
//! came in is true, and what an earlier one would have said is made up for.

use super::Draft;
use crate::event::Event;
use crate::state::{Dispute, Payment};
use base::{DisputeFact, DisputePhase, PaymentId};
use ledger::Transfer;
use payments::{Books, DisputeInput, DisputeStatus};

/// Whether a message says more than is known.
pub(super) fn is_news(payment: &Payment, fact: &DisputeFact) -> bool {
    let known = known(payment, fact);
    !inputs(known, fact).is_empty() || is_new_without_money(known, fact) || new_fee(known, fact).is_some()
}

pub(super) fn apply(draft: &mut Draft<'_>, id: PaymentId, fact: &DisputeFact) {
    let payment = draft.state.payments.get(&id).expect("a plan names a payment that exists");
    let known = known(payment, fact);
    let currency = payment.money.currency;
    let (dispute, reason, respond_by) = (fact.dispute.clone(), fact.reason.clone(), fact.respond_by);
    // What was booked for a dispute stays; nothing was booked for a question.
    let is_booked = |known: &&Dispute| !matches!(known.status, DisputeStatus::Inquiry | DisputeStatus::InquiryClosed);
    let amount_minor = known.filter(is_booked).map_or(fact.money.amount_minor, |known| known.amount_minor);
    draft.open_accounts(payment.merchant, currency);
    if is_new_without_money(known, fact) {
        draft.push(Event::DisputeInquired { payment: id, dispute: dispute.clone(), amount_minor, reason: reason.clone(), respond_by });
    }
    for input in inputs(known, fact) {
        let books = draft.books(id, payment.merchant, currency);
        let dispute = dispute.clone();
        match input {
            DisputeInput::InquiryClosed => draft.push(Event::DisputeInquiryClosed { payment: id, dispute }),
            DisputeInput::Opened => {
                let event = Event::DisputeOpened { payment: id, dispute, amount_minor, reason: reason.clone(), respond_by };
                draft.push_with(event, vec![books.dispute(0, amount_minor)]);
            }
            DisputeInput::Won => {
                let legs = vec![books.dispute_won(0, amount_minor)];
                draft.push_with(Event::DisputeClosed { payment: id, dispute, won: true }, legs);
            }
            DisputeInput::Lost => draft.push(Event::DisputeClosed { payment: id, dispute, won: false }),
        }
    }
    if let Some((before_minor, version)) = new_fee(known, fact) {
        let books = draft.books(id, payment.merchant, currency);
        let leg = fee_leg(&books, before_minor, fact.fee_minor);
        draft.push_with(Event::DisputeFeeBooked { payment: id, dispute, fee_minor: fact.fee_minor, version }, leg.into_iter().collect());
    }
}

fn known<'a>(payment: &'a Payment, fact: &DisputeFact) -> Option<&'a Dispute> {
    payment.disputes.iter().find(|known| known.dispute == fact.dispute)
}

/// A dispute that starts, as far as we know, as a question.
const fn is_new_without_money(known: Option<&Dispute>, fact: &DisputeFact) -> bool {
    known.is_none() && matches!(fact.phase, DisputePhase::Inquiry | DisputePhase::InquiryClosed)
}

/// What has to happen for us to know what the message says; empty when we know as much or more.
fn inputs(known: Option<&Dispute>, fact: &DisputeFact) -> Vec<DisputeInput> {
    let status = known.map_or(DisputeStatus::Inquiry, |known| known.status);
    let decided = match fact.phase {
        DisputePhase::Inquiry | DisputePhase::Unclear => return Vec::new(),
        DisputePhase::InquiryClosed => {
            let closing = status.after(DisputeInput::InquiryClosed).is_some();
            return if closing { vec![DisputeInput::InquiryClosed] } else { Vec::new() };
        }
        DisputePhase::Open => None,
        DisputePhase::Won => Some(DisputeInput::Won),
        DisputePhase::Lost => Some(DisputeInput::Lost),
    };
    let mut inputs = Vec::new();
    let mut reached = status;
    for input in core::iter::once(DisputeInput::Opened).chain(decided) {
        if let Some(after) = reached.after(input) {
            inputs.push(input);
            reached = after;
        }
    }
    inputs
}

/// What the provider keeps before and in which version it says otherwise; `None` when it says nothing newer. Within one
/// version the fee only grows: it is made of entries that are added one by one.
fn new_fee(known: Option<&Dispute>, fact: &DisputeFact) -> Option<(u64, u32)> {
    let version = match fact.phase {
        DisputePhase::Inquiry | DisputePhase::InquiryClosed | DisputePhase::Unclear => return None,
        DisputePhase::Open => 1 + u32::from(fact.is_withdrawn),
        DisputePhase::Lost => 3,
        DisputePhase::Won => 4 + u32::from(!fact.is_withdrawn),
    };
    let (before_minor, before_version) = known.map_or((0, 0), |known| (known.fee_minor, known.fee_version));
    // A newer version is noted even if the fee is the same: an older message that comes after it changes nothing.
    let is_newer = version > before_version || (version == before_version && fact.fee_minor > before_minor);
    is_newer.then_some((before_minor, version))
}

fn fee_leg(books: &Books, before_minor: u64, after_minor: u64) -> Option<Transfer> {
    match after_minor.checked_sub(before_minor) {
        Some(0) => None,
        Some(more_minor) => Some(books.fee(0, more_minor)),
        None => Some(books.fee_reversal(0, before_minor - after_minor)),
    }
}
