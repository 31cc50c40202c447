//! What providers say of their own accord. A message about a payment or a refund is a hint: it books nothing, it makes
//! the platform look. Messages of disputes are the only source there is and move in one direction, so they are booked.

use super::{Draft, Reply, dispute, observe};
use crate::command::ReceiveNotice;
use crate::effect::{Effect, EffectKind, EffectRequested, EffectStatus, SendKind};
use crate::event::{Event, NoticeSource, NoticeUse, StrayDispute};
use crate::refusal::Refusal;
use crate::state::{Payment, State};
use base::limits::AMOUNT_MINOR_MAX;
use base::{About, DisputeFact, DisputePhase, EffectId, PaymentId, PaymentSays, RefundId, RefundSays, Timestamp};
use payments::{AttemptStatus, RefundStatus};

/// What a message leads to.
enum Plan<'a> {
    /// It is of a kind that changes nothing; it may belong to a payment.
    Keep(Option<PaymentId>),
    /// It is about something that is not ours.
    Unmatched,
    /// What it says is known.
    Known(PaymentId),
    /// A send that is on its way will tell; if it does not, the next one goes out at once.
    Hint(&'a Effect),
    /// The effect's object is looked at now.
    Look(&'a Effect),
    /// Nothing is open: the payment's object is looked at without asking for anything.
    Observe(PaymentId, u16),
    /// Nothing is open: a refund that was trusted is looked at.
    WatchRefund(PaymentId, RefundId),
    /// It is about a dispute.
    Dispute(PaymentId, &'a DisputeFact),
}

pub(super) fn receive(draft: &mut Draft<'_>, command: &ReceiveNotice) -> Result<Reply, Refusal> {
    let (provider, notice) = (command.provider, &command.notice);
    let again = draft.state.notices.contains(provider, &notice.event_id);
    if again && command.source != NoticeSource::Replay {
        return Ok(Reply::Done);
    }
    let plan = plan(draft.state, provider, &notice.about);
    let (found, payment, effect) = match &plan {
        Plan::Keep(payment) => (NoticeUse::Kept, *payment, None),
        Plan::Unmatched => (NoticeUse::Unmatched, None, None),
        Plan::Known(payment) => (NoticeUse::Known, Some(*payment), None),
        Plan::Hint(open) | Plan::Look(open) => (NoticeUse::News, Some(open.payment), Some(open.requested.effect)),
        Plan::Observe(payment, _) | Plan::WatchRefund(payment, _) => (NoticeUse::News, Some(*payment), None),
        Plan::Dispute(payment, fact) if fact.phase == DisputePhase::Unclear => (NoticeUse::Unclear, Some(*payment), None),
        Plan::Dispute(payment, fact) => {
            let known = draft.state.payments.get(payment).is_some_and(|found| !dispute::is_news(found, fact));
            (if known { NoticeUse::Known } else { NoticeUse::News }, Some(*payment), None)
        }
    };
    draft.push(Event::WebhookReceived {
        provider,
        event_id: notice.event_id.clone(),
        event_type: notice.event_type.clone(),
        source: command.source,
        found,
        payment,
        effect,
        provider_id: effect.and_then(|_| named_object(&notice.about)),
        payload: command.payload.clone(),
        stray: stray(draft.state, provider, &notice.about),
    });
    match plan {
        Plan::Keep(_) | Plan::Unmatched | Plan::Known(_) | Plan::Hint(_) => {}
        Plan::Look(open) => draft.push(Event::EffectSent {
            payment: open.payment,
            effect: open.requested.effect,
            send: open.sends + 1,
            send_kind: SendKind::Lookup,
            step: open.step,
        }),
        Plan::Observe(payment, attempt) => observe::start(draft, payment, attempt),
        Plan::WatchRefund(payment, refund) => watch_refund(draft, payment, refund),
        Plan::Dispute(payment, fact) => dispute::apply(draft, payment, fact),
    }
    Ok(Reply::Done)
}

pub(super) fn note_sweep(draft: &mut Draft<'_>, provider: u16, swept_to: Timestamp) -> Result<Reply, Refusal> {
    if draft.state.swept.get(&provider).is_none_or(|before| *before < swept_to) {
        draft.push(Event::SweepEnded { provider, swept_to });
    }
    Ok(Reply::Done)
}

/// A dispute of a payment that nothing of ours names. It may be of one whose provider's id is not known yet.
fn stray(state: &State, provider: u16, about: &About) -> Option<StrayDispute> {
    let About::Dispute { payment_provider_id, dispute } = about else {
        return None;
    };
    let is_stray = state.attempt_of(provider, payment_provider_id).is_none();
    is_stray.then(|| StrayDispute { payment_provider_id: payment_provider_id.clone(), fact: dispute.clone() })
}

/// Tells a payment the oldest dispute that came before it was known.
pub(super) fn match_stray(draft: &mut Draft<'_>, id: PaymentId) {
    let Some((_, stray)) = draft.state.stray_of(id).and_then(|index| draft.state.strays.get(index)) else {
        // Another payment with the same provider's id was told.
        return draft.push(Event::StrayMatched { payment: id, dispute: String::new() });
    };
    draft.push(Event::StrayMatched { payment: id, dispute: stray.fact.dispute.clone() });
    if is_comparable(draft.state, id, &stray.fact) {
        dispute::apply(draft, id, &stray.fact);
    }
}

/// The provider's id of the payment that a message names: a payment that is only known by our reference can be read by
/// it.
fn named_object(about: &About) -> Option<String> {
    match about {
        About::Payment { provider_id, .. } => Some(provider_id.clone()),
        About::Refund { .. } | About::Dispute { .. } | About::PaymentPart { .. } | About::Other => None,
    }
}

fn plan<'a>(state: &'a State, provider: u16, about: &'a About) -> Plan<'a> {
    match about {
        About::Other => Plan::Keep(None),
        About::PaymentPart { payment_provider_id } => {
            Plan::Keep(state.attempt_of(provider, payment_provider_id).map(|(payment, _)| payment))
        }
        About::Payment { provider_id, reference, says } => match open_by_reference(state, provider, reference.as_deref()) {
            Some(open) if matches!(open.requested.kind, EffectKind::Authorize { .. }) => about_open(state, open, *says),
            Some(_) | None => about_payment(state, provider, provider_id, *says),
        },
        About::Refund { provider_id, payment_provider_id, reference, says } => {
            let by_reference = open_by_reference(state, provider, reference.as_deref()).and_then(|open| match open.requested.kind {
                EffectKind::Refund { refund } => Some((open.payment, refund)),
                _ => None,
            });
            let by_id = || {
                let (payment, _) = state.attempt_of(provider, payment_provider_id)?;
                let refunds = &state.payments.get(&payment)?.refunds;
                let found = refunds.iter().find(|refund| refund.provider_id.as_deref() == Some(provider_id))?;
                Some((payment, found.refund))
            };
            by_reference.or_else(by_id).map_or(Plan::Unmatched, |(payment, refund)| about_refund(state, payment, refund, *says))
        }
        About::Dispute { payment_provider_id, dispute } => match state.attempt_of(provider, payment_provider_id) {
            Some((payment, _)) if is_comparable(state, payment, dispute) => Plan::Dispute(payment, dispute),
            Some(_) | None => Plan::Unmatched,
        },
    }
}

/// Whether a dispute can be booked: it speaks of the payment's own currency and of an amount that can be true. One that
/// does not is for a person.
fn is_comparable(state: &State, payment: PaymentId, fact: &DisputeFact) -> bool {
    let is_plausible = fact.money.amount_minor <= AMOUNT_MINOR_MAX && fact.fee_minor <= AMOUNT_MINOR_MAX;
    is_plausible && state.payments.get(&payment).is_some_and(|found| found.money.currency == fact.money.currency)
}

fn open_by_reference<'a>(state: &'a State, provider: u16, reference: Option<&str>) -> Option<&'a Effect> {
    let reference = EffectRequested::parse_reference(reference?)?;
    let open = state.effects.get(state.open_references.get(&reference)?)?;
    (open.requested.provider == provider).then_some(open)
}

/// A message about the object of a call that is open.
fn about_open<'a>(state: &State, open: &'a Effect, says: PaymentSays) -> Plan<'a> {
    if state.is_mismatched(open) || says == PaymentSays::Settling {
        return Plan::Known(open.payment);
    }
    match open.status {
        EffectStatus::InFlight if says == PaymentSays::Open => Plan::Known(open.payment),
        EffectStatus::InFlight => Plan::Hint(open),
        EffectStatus::Waiting | EffectStatus::Watching if says == PaymentSays::Open => Plan::Known(open.payment),
        EffectStatus::Unknown | EffectStatus::Deferred | EffectStatus::Waiting | EffectStatus::Watching | EffectStatus::Parked => {
            Plan::Look(open)
        }
    }
}

/// A message about an object that is being looked at: the look is made again.
const fn about_observed(open: &Effect) -> Plan<'_> {
    match open.status {
        EffectStatus::InFlight => Plan::Hint(open),
        EffectStatus::Unknown | EffectStatus::Deferred | EffectStatus::Waiting | EffectStatus::Watching | EffectStatus::Parked => {
            Plan::Look(open)
        }
    }
}

fn about_payment<'a>(state: &'a State, provider: u16, provider_id: &str, says: PaymentSays) -> Plan<'a> {
    let Some((id, index)) = state.attempt_of(provider, provider_id) else {
        return Plan::Unmatched;
    };
    let payment = state.payments.get(&id).expect("an index names payments that exist");
    if index + 1 == payment.attempts.len() {
        let calls = [payment.operation, payment.cancel].into_iter().flatten().filter_map(|effect| state.effects.get(&effect));
        if let Some(open) = calls.into_iter().next() {
            return about_open(state, open, says);
        }
    }
    if !is_payment_news(payment, index, says) {
        return Plan::Known(id);
    }
    let attempt = u16::try_from(index).expect("attempts are limited");
    match state.observation_of(payment, attempt) {
        Some(open) => about_observed(open),
        None => Plan::Observe(id, attempt),
    }
}

/// Whether what a message says of an attempt that is not open could be something that we do not know.
fn is_payment_news(payment: &Payment, index: usize, says: PaymentSays) -> bool {
    let attempt = &payment.attempts[index];
    match says {
        PaymentSays::Open => false,
        PaymentSays::Settling => payment.settling.as_ref().is_some_and(|settling| usize::from(settling.attempt) == index),
        PaymentSays::Unclear => attempt.status != AttemptStatus::Mismatched,
        PaymentSays::Authorized | PaymentSays::Captured { .. } | PaymentSays::Canceled => match attempt.status {
            AttemptStatus::Captured => match says {
                PaymentSays::Captured { amount_minor } => amount_minor > observe::taken_minor(payment),
                PaymentSays::Canceled => true,
                PaymentSays::Authorized | PaymentSays::Open | PaymentSays::Settling | PaymentSays::Unclear => false,
            },
            AttemptStatus::Authorized => match says {
                PaymentSays::Captured { amount_minor } => amount_minor > observe::taken_minor(payment),
                PaymentSays::Canceled => payment.hold.is_some(),
                PaymentSays::Authorized | PaymentSays::Open | PaymentSays::Settling | PaymentSays::Unclear => false,
            },
            AttemptStatus::Declined | AttemptStatus::Failed | AttemptStatus::Canceled => {
                says != PaymentSays::Canceled && !is_captured(payment, index)
            }
            AttemptStatus::Mismatched | AttemptStatus::SucceededLate => false,
            // The only states of an attempt whose call is open.
            AttemptStatus::Started | AttemptStatus::Unknown | AttemptStatus::Pending => false,
        },
    }
}

/// Whether the attempt's money was taken by captures of its own before what was left of its hold was given up.
fn is_captured(payment: &Payment, index: usize) -> bool {
    index + 1 == payment.attempts.len() && observe::taken_minor(payment) > 0
}

fn about_refund<'a>(state: &'a State, id: PaymentId, refund: RefundId, says: RefundSays) -> Plan<'a> {
    let payment = state.payments.get(&id).expect("a refund belongs to a payment that exists");
    let found = payment.refund(refund).expect("an effect names a refund that exists");
    let open = state.effects.get(&found.effect);
    let is_news = match (found.status, says) {
        (RefundStatus::Started | RefundStatus::Unknown, _) => true,
        (RefundStatus::Pending, RefundSays::Succeeded | RefundSays::Failed | RefundSays::Unclear) => true,
        (RefundStatus::Succeeded, RefundSays::Failed | RefundSays::Unclear) => true,
        (RefundStatus::Pending, RefundSays::Pending) => false,
        (RefundStatus::Succeeded, RefundSays::Pending | RefundSays::Succeeded) => false,
        (RefundStatus::Failed | RefundStatus::Reversed, _) => false,
    };
    match open {
        _ if !is_news => Plan::Known(id),
        Some(open) if open.status == EffectStatus::InFlight => Plan::Hint(open),
        Some(open) => Plan::Look(open),
        None => Plan::WatchRefund(id, refund),
    }
}

fn watch_refund(draft: &mut Draft<'_>, id: PaymentId, refund: RefundId) {
    let payment = draft.state.payments.get(&id).expect("a refund belongs to a payment that exists");
    let found = payment.refund(refund).expect("a plan names a refund that exists");
    let attempt = payment.attempts.last().expect("a captured payment has an attempt");
    // The reference under which the refund was made: that is how it is found.
    let (_, reference, key) = draft.context.derive_key.operation(id, "refund", refund.as_u128());
    let requested = EffectRequested {
        effect: look_id(draft, id),
        kind: EffectKind::Refund { refund },
        reference,
        key,
        ..observe::asking_nothing(draft, attempt, base::Money { amount_minor: found.amount_minor, currency: payment.money.currency })
    };
    draft.push(Event::RefundWatched { payment: id, requested });
}

/// The id of a look. It executes nothing, so that it need not come out the same after a lost tail.
pub(super) fn look_id(draft: &Draft<'_>, payment: PaymentId) -> EffectId {
    draft.context.derive_key.operation(payment, "look", u128::from(draft.seq())).0
}
