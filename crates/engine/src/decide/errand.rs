//! Calls that move no money: how they start, what one send came to, how they end. "Unknown" goes up a ladder of replays
//! and lookups as it does for effects, but the ladder ends with a failure instead of a person.

use super::outcome::not_sent_code;
use super::{Draft, Reply};
use crate::effect::SendKind;
use crate::errand::{Errand, ErrandDone, ErrandKind, ErrandOutcome, ErrandReport, ErrandRequested, ErrandStatus, OUTCOME_UNKNOWN};
use crate::event::Event;
use crate::refusal::Refusal;
use crate::state::{CardFacts, Customer};
use base::limits::{PAYMENT_METHOD_BYTES_MAX, PROVIDER_ID_BYTES_MAX};
use base::{CustomerId, Decline, ErrandId, NotSentReason, OutcomeClass, PaymentMethodId, Rejection, UnknownReason};
use payments::StoredMethodStatus;

/// Longest word of a provider for a card's scheme, in bytes.
const BRAND_BYTES_MAX: usize = 64;
/// The code of a payment method that its customer keeps already.
const ALREADY_STORED: &str = "already_stored";

/// Where a payment method is attached.
pub(super) struct Attached<'a> {
    pub(super) customer: CustomerId,
    pub(super) provider: u16,
    pub(super) customer_provider_id: &'a str,
}

pub(super) fn start_store_customer(draft: &mut Draft<'_>, id: CustomerId, customer: &Customer, provider: u16) -> ErrandId {
    let (errand, reference, key) = draft.context.derive_key.errand(id.as_u128(), "store_customer", customer.storings);
    start(
        draft,
        ErrandRequested {
            errand,
            kind: ErrandKind::StoreCustomer,
            customer: id,
            provider,
            key,
            reference,
            key_version: draft.context.derive_key.version(),
            customer_provider_id: None,
            token: None,
            request: None,
        },
    )
}

pub(super) fn start_attach(draft: &mut Draft<'_>, to: &Attached<'_>, method: PaymentMethodId, token: &str) -> ErrandId {
    let (errand, reference, key) = draft.context.derive_key.errand(method.as_u128(), "attach", 0);
    start(
        draft,
        ErrandRequested {
            errand,
            kind: ErrandKind::Attach { method },
            customer: to.customer,
            provider: to.provider,
            key,
            reference,
            key_version: draft.context.derive_key.version(),
            customer_provider_id: Some(to.customer_provider_id.to_owned()),
            token: Some(token.to_owned()),
            request: None,
        },
    )
}

pub(super) fn start_detach(draft: &mut Draft<'_>, method: PaymentMethodId) -> ErrandId {
    let stored = draft.state.methods.get(&method).expect("what is given up was stored");
    let token = stored.credentials.get(&stored.provider).expect("an active payment method has a credential where it was stored");
    let (errand, reference, key) = draft.context.derive_key.errand(method.as_u128(), "detach", stored.removals);
    start(
        draft,
        ErrandRequested {
            errand,
            kind: ErrandKind::Detach { method },
            customer: stored.customer,
            provider: stored.provider,
            key,
            reference,
            key_version: draft.context.derive_key.version(),
            customer_provider_id: None,
            token: Some(token.clone()),
            request: None,
        },
    )
}

fn start(draft: &mut Draft<'_>, requested: ErrandRequested) -> ErrandId {
    let errand = requested.errand;
    draft.push(Event::ErrandStarted { requested });
    errand
}

pub(super) fn apply(draft: &mut Draft<'_>, report: &ErrandReport) -> Result<Reply, Refusal> {
    let Some(open) = draft.state.errands.get(&report.errand) else {
        return Ok(Reply::Done); // closed by an earlier answer: a late one adds nothing
    };
    match heard(draft, open, report) {
        None => {}
        Some(ErrandOutcome::Done(done)) => succeed(draft, open, done),
        Some(ErrandOutcome::Declined(Decline { code, .. })) => fail(draft, open, &code),
        Some(ErrandOutcome::Rejected(Rejection { permanent, code })) => refused(draft, open, OutcomeClass::Rejected, permanent, &code),
        Some(ErrandOutcome::NotSent(reason)) => {
            refused(draft, open, OutcomeClass::NotSent, reason == NotSentReason::Encode, not_sent_code(reason));
        }
        Some(ErrandOutcome::Unknown(reason)) => unknown(draft, open, reason),
    }
    Ok(Reply::Done)
}

/// What the answer says about the call itself; `None` when it says nothing new.
fn heard(draft: &Draft<'_>, open: &Errand, report: &ErrandReport) -> Option<ErrandOutcome> {
    let is_definite = matches!(report.outcome, ErrandOutcome::Done(_) | ErrandOutcome::Declined(_));
    let is_late = report.send != open.sends || open.status != ErrandStatus::InFlight;
    if report.send > open.sends || (is_late && !is_definite) {
        return None; // no such send, or nothing certain about one that has already been given up as unknown
    }
    match &report.outcome {
        ErrandOutcome::Done(done) if !is_plausible(open.requested.kind, done) => {
            (!is_late).then_some(ErrandOutcome::Unknown(UnknownReason::Undecodable))
        }
        // A lookup that failed says nothing about the call, and a replay nothing about an earlier send.
        ErrandOutcome::NotSent(_) | ErrandOutcome::Rejected(_) if open.send_kind == SendKind::Lookup => {
            Some(ErrandOutcome::Unknown(UnknownReason::ServerError))
        }
        ErrandOutcome::NotSent(_) | ErrandOutcome::Rejected(_) if is_doubtful(draft, open) => {
            Some(ErrandOutcome::Unknown(UnknownReason::NotFound))
        }
        outcome => Some(outcome.clone()),
    }
}

/// Whether a send before this one, or an earlier removal of the same payment method, may have been executed unseen.
fn is_doubtful(draft: &Draft<'_>, open: &Errand) -> bool {
    let was_doubtful = match open.requested.kind {
        ErrandKind::Detach { method } => {
            draft.state.methods.get(&method).expect("an errand names what exists").failure.as_deref() == Some(OUTCOME_UNKNOWN)
        }
        ErrandKind::StoreCustomer | ErrandKind::Attach { .. } => false,
    };
    was_doubtful || open.earlier == Some(OutcomeClass::Unknown)
}

/// Whether that can be what was asked for, within the limits of what is kept.
fn is_plausible(kind: ErrandKind, done: &ErrandDone) -> bool {
    let is_id = |id: &str| !id.is_empty() && id.len() <= PROVIDER_ID_BYTES_MAX;
    match (kind, done) {
        (ErrandKind::StoreCustomer, ErrandDone::CustomerStored { provider_id }) => is_id(provider_id),
        (ErrandKind::Attach { .. }, ErrandDone::MethodStored { provider_id, card }) => {
            is_id(provider_id) && provider_id.len() <= PAYMENT_METHOD_BYTES_MAX && card.as_ref().is_none_or(is_card)
        }
        (ErrandKind::Detach { .. }, ErrandDone::MethodRemoved) => true,
        (ErrandKind::StoreCustomer | ErrandKind::Attach { .. } | ErrandKind::Detach { .. }, _) => false,
    }
}

fn is_card(card: &CardFacts) -> bool {
    let are_digits = card.last4.len() == 4 && card.last4.bytes().all(|byte| byte.is_ascii_digit());
    are_digits && card.brand.len() <= BRAND_BYTES_MAX && (1..=12).contains(&card.exp_month) && (1_000..=9_999).contains(&card.exp_year)
}

fn succeed(draft: &mut Draft<'_>, open: &Errand, done: ErrandDone) {
    let (errand, provider) = (open.requested.errand, open.requested.provider);
    match (open.requested.kind, done) {
        (ErrandKind::StoreCustomer, ErrandDone::CustomerStored { provider_id }) => {
            let customer = open.requested.customer;
            draft.push(Event::CustomerStored { customer, errand, provider, provider_id: provider_id.clone() });
            for (method, token) in waiting(draft, open) {
                start_attach(draft, &Attached { customer, provider, customer_provider_id: &provider_id }, method, &token);
            }
        }
        (ErrandKind::Attach { method }, ErrandDone::MethodStored { provider_id, card }) => {
            if is_kept(draft, open, method, &provider_id) {
                return fail(draft, open, ALREADY_STORED);
            }
            draft.push(Event::MethodStored { method, errand, provider, provider_id, card });
        }
        (ErrandKind::Detach { method }, ErrandDone::MethodRemoved) => draft.push(Event::MethodRemoved { method, errand }),
        (kind, done) => unreachable!("{done:?} was not asked for by {kind:?}, which was checked"),
    }
}

/// Whether the customer keeps what the provider knows by this id already, under another name: giving one up would break
/// the other.
fn is_kept(draft: &Draft<'_>, open: &Errand, method: PaymentMethodId, provider_id: &str) -> bool {
    let state = draft.state;
    let customer = state.customers.get(&open.requested.customer).expect("an errand names a customer that exists");
    let others = customer.methods.iter().filter(|other| **other != method).filter_map(|other| state.methods.get(other));
    let is_live = |status| matches!(status, StoredMethodStatus::Active | StoredMethodStatus::Removing);
    let mut live = others.filter(|other| is_live(other.status));
    live.any(|other| other.credentials.get(&open.requested.provider).is_some_and(|kept| kept == provider_id))
}

/// The payment methods, with their tokens, that wait for their customer to be known.
fn waiting(draft: &Draft<'_>, open: &Errand) -> Vec<(PaymentMethodId, String)> {
    let state = draft.state;
    let customer = state.customers.get(&open.requested.customer).expect("an errand names a customer that exists");
    let stored = customer.methods.iter().map(|method| (*method, state.methods.get(method).expect("a customer names what exists")));
    let waits = stored.filter(|(_, stored)| {
        stored.status == StoredMethodStatus::Storing && stored.provider == open.requested.provider && stored.errand.is_none()
    });
    waits.map(|(method, stored)| (method, stored.token.clone())).collect()
}

/// Ends an errand that came to nothing.
fn fail(draft: &mut Draft<'_>, open: &Errand, code: &str) {
    let errand = open.requested.errand;
    let code = if code.is_empty() { "refused".to_owned() } else { code.to_owned() };
    match open.requested.kind {
        ErrandKind::StoreCustomer => {
            draft.push(Event::CustomerStoreFailed { customer: open.requested.customer, errand, code: code.clone() });
            for (method, _) in waiting(draft, open) {
                draft.push(Event::MethodFailed { method, errand: None, code: code.clone() });
            }
        }
        ErrandKind::Attach { method } => draft.push(Event::MethodFailed { method, errand: Some(errand), code }),
        ErrandKind::Detach { method } => draft.push(Event::MethodRemovalFailed { method, errand, code }),
    }
}

/// Plans another send of a call that was provably not executed, or ends it.
fn refused(draft: &mut Draft<'_>, open: &Errand, class: OutcomeClass, is_permanent: bool, code: &str) {
    let step = if open.earlier.is_some() { open.step + 1 } else { 0 };
    let gap = draft.context.policy.errand_replay_gaps.at(step).filter(|_| !is_permanent && is_replay_legal(draft, open));
    let Some(gap) = gap else {
        let is_removal = matches!(open.requested.kind, ErrandKind::Detach { .. });
        if is_removal && class == OutcomeClass::Rejected && is_permanent {
            return ask_whether_gone(draft, open);
        }
        return fail(draft, open, code);
    };
    draft.push(Event::ErrandDeferred {
        errand: open.requested.errand,
        class,
        code: code.to_owned(),
        step,
        next_at: draft.context.now.plus_ns(gap),
    });
}

/// A removal that the provider refuses may be one that somebody else made: the lookups find out.
fn ask_whether_gone(draft: &mut Draft<'_>, open: &Errand) {
    let step = replay_count(draft);
    let gap = draft.context.policy.errand_lookup_gaps.at(0);
    let next_at = draft.context.now.plus_ns(gap.unwrap_or(0));
    draft.push(Event::ErrandUnknown { errand: open.requested.errand, reason: UnknownReason::NotFound, step, next_at });
}

/// Waits for the next rung of the ladder, or ends it.
fn unknown(draft: &mut Draft<'_>, open: &Errand, reason: UnknownReason) {
    let step = if open.earlier == Some(OutcomeClass::Unknown) { open.step + 1 } else { 0 };
    let policy = draft.context.policy;
    let replays = replay_count(draft);
    let gap = if step < replays { policy.errand_replay_gaps.at(step) } else { policy.errand_lookup_gaps.at(step - replays) };
    match gap {
        Some(gap) => {
            let next_at = draft.context.now.plus_ns(gap);
            draft.push(Event::ErrandUnknown { errand: open.requested.errand, reason, step, next_at });
        }
        None => fail(draft, open, OUTCOME_UNKNOWN),
    }
}

/// The next send of an errand is due.
pub(super) fn send(draft: &mut Draft<'_>, open: &Errand) {
    let send_kind = match open.status {
        ErrandStatus::InFlight => unreachable!("an errand in flight has no timer"),
        ErrandStatus::Deferred if is_replay_legal(draft, open) => SendKind::Replay,
        ErrandStatus::Deferred => return fail(draft, open, not_sent_code(NotSentReason::Deadline)),
        ErrandStatus::Unknown if open.step < replay_count(draft) && is_replay_legal(draft, open) => SendKind::Replay,
        ErrandStatus::Unknown => SendKind::Lookup,
    };
    draft.push(Event::ErrandSent { errand: open.requested.errand, send: open.sends + 1, send_kind, step: open.step });
}

fn replay_count(draft: &Draft<'_>) -> u16 {
    u16::try_from(draft.context.policy.errand_replay_gaps.0.len()).expect("ladders are short")
}

/// A replay is legal while the provider remembers the key and the exact bytes are there.
fn is_replay_legal(draft: &Draft<'_>, open: &Errand) -> bool {
    let readable = open.requested.request.as_ref().is_some_and(|request| !draft.state.erased.contains(&request.subject));
    readable && draft.context.now.since_ns(open.requested_at) < draft.provider(open.requested.provider).key_retention_ns
}
