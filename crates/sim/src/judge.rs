//! The judge: an independent model of what the platform has promised. It knows the answers that clients were given and
//! the provider's truth, compares both with the platform's state, and shares no rule with the engine.

use crate::books;
use crate::report::{Checked, Rule, violated};
use base::{MerchantId, Money, PaymentId, RefundId, id::parse_base32};
use bezant::request::SubjectKeys;
use engine::state::KeyedObject;
use engine::{Dispatch, Effect, EffectKind, EffectRequested, EffectStatus, Refusal, Reply, Sealed, State};
use payments::{AttemptStatus, PaymentStatus, RefundStatus};
use sandbox::stripe::truth::{Truth, TruthCharge};
use std::collections::BTreeMap;

/// A refund as a client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundView {
    /// How much, in minor units.
    pub amount_minor: u64,
    /// Where it stands.
    pub status: RefundStatus,
}

/// A payment as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Whose.
    pub merchant: MerchantId,
    /// How much is asked for.
    pub money: Money,
    /// Where it stands.
    pub status: PaymentStatus,
    /// Attempts so far.
    pub attempts_count: usize,
    /// Taken, in minor units.
    pub captured_minor: u64,
    /// Given back, in minor units.
    pub refunded_minor: u64,
    /// Being given back, in minor units.
    pub refunding_minor: u64,
    /// Refunds.
    pub refunds: BTreeMap<RefundId, RefundView>,
    /// The provider's id.
    pub provider_id: Option<String>,
}

impl View {
    /// What a client sees of a payment now.
    pub fn of(state: &State, payment: PaymentId) -> Option<Self> {
        let found = state.payments.get(&payment)?;
        let refund = |refund: &engine::Refund| (refund.refund, RefundView { amount_minor: refund.amount_minor, status: refund.status });
        Some(Self {
            merchant: found.merchant,
            money: found.money,
            status: found.status,
            attempts_count: found.attempts.len(),
            captured_minor: found.captured_minor,
            refunded_minor: found.refunded_minor,
            refunding_minor: found.refunding_minor,
            refunds: found.refunds.iter().map(refund).collect(),
            provider_id: found.provider_id().map(str::to_owned),
        })
    }
}

/// What was known of a request's key and reference when it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing that binds.
    Nothing,
    /// The key was acknowledged for the same body: the same answer is due.
    SameBody,
    /// The key was acknowledged for another body: a refusal is due.
    OtherBody,
    /// The reference was acknowledged for other content: a refusal is due.
    OtherContent,
}

/// What the judge needs to know of a request.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Whose.
    pub merchant: MerchantId,
    /// The idempotency key.
    pub key: [u8; 16],
    /// Hash of the body.
    pub fingerprint: [u8; 16],
    /// The reference of a creation.
    pub reference: Option<[u8; 16]>,
    /// What was known when it arrived.
    pub known: Known,
}

struct KeyFact {
    fingerprint: [u8; 16],
    payment: PaymentId,
    refund: Option<RefundId>,
}

/// The judge's memory.
#[derive(Default)]
pub struct Judge {
    keys: BTreeMap<(MerchantId, [u8; 16]), KeyFact>,
    references: BTreeMap<(MerchantId, [u8; 16]), PaymentId>,
    /// Acknowledged payments and what was last seen of them.
    payments: BTreeMap<PaymentId, Option<View>>,
    sealed: Vec<(Sealed, Vec<u8>)>,
    /// References at the provider that durable events asked for.
    journaled: BTreeMap<u128, PaymentId>,
}

impl Judge {
    /// What is known of a request that arrives now. `content_differs` says that it names a known reference with other
    /// content on purpose.
    pub fn known(&self, asked: &Asked, content_differs: bool) -> Known {
        if let Some(fact) = self.keys.get(&(asked.merchant, asked.key)) {
            return if fact.fingerprint == asked.fingerprint { Known::SameBody } else { Known::OtherBody };
        }
        let named = asked.reference.is_some_and(|reference| self.references.contains_key(&(asked.merchant, reference)));
        if named && content_differs { Known::OtherContent } else { Known::Nothing }
    }

    /// A durable answer leaves.
    ///
    /// # Errors
    /// It contradicts an earlier one.
    pub fn answered(&mut self, asked: &Asked, reply: &Reply) -> Checked {
        match reply {
            // Clients of the simulation store nothing.
            Reply::Done
            | Reply::Customer { .. }
            | Reply::Method { .. }
            | Reply::LedgerAccounts { .. }
            | Reply::LedgerTransfers { .. }
            | Reply::LedgerEntries { .. } => Ok(()),
            Reply::Payment { payment, replayed, .. } => self.accepted(asked, *payment, None, *replayed),
            Reply::Refund { payment, refund, replayed, .. } => self.accepted(asked, *payment, Some(*refund), *replayed),
            Reply::Refused(refusal) => {
                let is_due = match asked.known {
                    Known::Nothing => true,
                    Known::SameBody => *refusal == Refusal::IdempotencyKeyInUse,
                    Known::OtherBody => *refusal == Refusal::IdempotencyKeyReused,
                    Known::OtherContent => matches!(refusal, Refusal::ReferenceConflict { .. }),
                };
                if is_due {
                    Ok(())
                } else {
                    violated(Rule::AnswersAgree, format!("refused with {refusal:?} although {:?}: {asked:?}", asked.known))
                }
            }
        }
    }

    fn accepted(&mut self, asked: &Asked, payment: PaymentId, refund: Option<RefundId>, replayed: bool) -> Checked {
        if matches!(asked.known, Known::OtherBody | Known::OtherContent) {
            return violated(Rule::AnswersAgree, format!("{payment} was answered where a refusal was due: {asked:?}"));
        }
        self.payments.entry(payment).or_insert(None);
        if let Some(reference) = asked.reference {
            let known = *self.references.entry((asked.merchant, reference)).or_insert(payment);
            if known != payment {
                return violated(Rule::AnswersAgree, format!("one reference names {known} and {payment}"));
            }
        }
        let fact = KeyFact { fingerprint: asked.fingerprint, payment, refund };
        let known = self.keys.entry((asked.merchant, asked.key)).or_insert(fact);
        if known.payment != payment || known.refund != refund {
            let before = (known.payment, known.refund);
            return violated(Rule::AnswersAgree, format!("one key led to {before:?} and to {:?}", (payment, refund)));
        }
        if asked.known == Known::SameBody && !replayed {
            return violated(Rule::AnswersAgree, format!("a repeated request for {payment} was executed again"));
        }
        Ok(())
    }

    /// A payment was created with these sealed details.
    pub fn sealed(&mut self, sealed: Sealed, plaintext: Vec<u8>) {
        self.sealed.push((sealed, plaintext));
    }

    /// A durable entry asked for a send.
    pub fn dispatched(&mut self, dispatch: &Dispatch) {
        self.journaled(dispatch.payment, &dispatch.requested);
    }

    fn journaled(&mut self, payment: PaymentId, requested: &EffectRequested) {
        if matches!(requested.kind, EffectKind::Authorize { .. }) {
            self.journaled.insert(requested.reference, payment);
        }
    }

    /// A client saw a payment.
    ///
    /// # Errors
    /// It contradicts what was seen before.
    pub fn observed(&mut self, payment: PaymentId, view: Option<&View>) -> Checked {
        let known = self.payments.entry(payment).or_insert(None);
        let Some(view) = view else {
            return violated(Rule::AcknowledgedIsKept, format!("{payment} was acknowledged and is not there"));
        };
        if let Some(before) = known {
            check_follows(payment, before, view)?;
        }
        *known = Some(view.clone());
        Ok(())
    }

    /// A process started: everything acknowledged is still so.
    ///
    /// # Errors
    /// Something acknowledged is gone, or a seal does not hold.
    pub fn started(&mut self, state: &State, keys: &dyn SubjectKeys) -> Checked {
        for (payment, before) in &self.payments {
            let Some(view) = View::of(state, *payment) else {
                return violated(Rule::AcknowledgedIsKept, format!("{payment} was acknowledged and is gone after a restart"));
            };
            if let Some(before) = before {
                check_follows(*payment, before, &view)?;
            }
        }
        for ((_, key), fact) in &self.keys {
            let kept = state.idempotency.values().any(|record| is_about(record.object, fact.payment));
            if !kept {
                return violated(Rule::AcknowledgedIsKept, format!("the key {key:02x?} of {} is forgotten after a restart", fact.payment));
            }
        }
        let open: Vec<(PaymentId, EffectRequested)> = state.effects.values().map(|open| (open.payment, open.requested.clone())).collect();
        for (payment, requested) in &open {
            self.journaled(*payment, requested);
        }
        self.check_seals(state, keys)
    }

    /// What was sealed for an erased subject stays closed, and everything else opens.
    ///
    /// # Errors
    /// A seal does not hold.
    pub fn check_seals(&self, state: &State, keys: &dyn SubjectKeys) -> Checked {
        for (sealed, plaintext) in &self.sealed {
            let opened = keys.open(crate::platform::DETAILS_PURPOSE, sealed);
            let erased = state.erased.contains(&sealed.subject);
            let holds = if erased { opened.is_none() } else { opened.as_ref() == Some(plaintext) };
            if !holds {
                let what = if erased { "can still be opened" } else { "cannot be opened any more" };
                return violated(Rule::SealsHold, format!("what was sealed for {} (erased: {erased}) {what}", sealed.subject));
            }
        }
        Ok(())
    }

    /// What no fault may ever break, at any time: one charge per payment, none that the journal does not know, none
    /// behind a payment that we call declined, cancelled or expired.
    ///
    /// # Errors
    /// The first promise that is broken.
    pub fn check_charges(&self, state: &State, truth: &Truth) -> Checked<BTreeMap<PaymentId, TruthCharge>> {
        let mut charges: BTreeMap<PaymentId, TruthCharge> = BTreeMap::new();
        for charge in &truth.charges {
            let text = charge.metadata.get(connectors::stripe::REFERENCE_METADATA).and_then(|text| text.strip_prefix("bzr_"));
            let Some(payment) = text.and_then(parse_base32).and_then(|reference| self.journaled.get(&reference)) else {
                return violated(Rule::NothingActsUnjournaled, format!("no durable event asked for the charge {charge:?}"));
            };
            if let Some(other) = charges.insert(*payment, charge.clone()) {
                return violated(Rule::ChargedOnce, format!("{payment} has two charges: {other:?} and {charge:?}"));
            }
            let Some(found) = state.payments.get(payment) else {
                return violated(Rule::AcknowledgedIsKept, format!("{payment} is charged and gone: {charge:?}"));
            };
            let holds = matches!(charge.status, "authorized" | "pending") || charge.captured > 0;
            let given_up =
                matches!(found.status, PaymentStatus::Declined | PaymentStatus::Canceled | PaymentStatus::Expired | PaymentStatus::Created);
            if holds && given_up {
                return violated(
                    Rule::DeclinedMeansNoCharge,
                    format!("{payment} is {} and the provider has {charge:?}", found.status.name()),
                );
            }
        }
        Ok(charges)
    }

    /// After the faults stopped and the clock ran on: everything is decided or parked, and the books are the truth.
    /// Returns how many effects are parked.
    ///
    /// # Errors
    /// The first promise that is broken.
    pub fn check_healed(&self, state: &State, truth: &Truth) -> Checked<u64> {
        let charges = self.check_charges(state, truth)?;
        let mut named: BTreeMap<(MerchantId, [u8; 16]), PaymentId> = BTreeMap::new();
        for (payment, found) in &state.payments {
            let other = found.reference.and_then(|reference| named.insert((found.merchant, reference), *payment));
            if let Some(other) = other {
                return violated(Rule::ChargedOnce, format!("{other} and {payment} are one order"));
            }
        }
        let mut open: BTreeMap<PaymentId, Vec<&Effect>> = BTreeMap::new();
        for effect in state.effects.values() {
            open.entry(effect.payment).or_default().push(effect);
        }
        for (payment, found) in &state.payments {
            let effects = open.get(payment).map_or(&[][..], Vec::as_slice);
            let is_erased = state.erased.contains(&found.subject);
            // A cancel that waits for a person keeps its payment waiting too, and that is looked at on and on.
            let has_parked = effects.iter().any(|effect| effect.status == EffectStatus::Parked);
            let is_decided = |effect: &&&Effect| match effect.status {
                EffectStatus::Parked => true,
                EffectStatus::Waiting => has_parked || is_erased,
                EffectStatus::InFlight | EffectStatus::Unknown | EffectStatus::Deferred | EffectStatus::Watching => false,
            };
            if let Some(open) = effects.iter().find(|effect| !is_decided(effect)) {
                let (status, kind, sends) = (open.status, open.requested.kind, open.sends);
                let name = found.status.name();
                return violated(Rule::UnknownIsResolved, format!("{payment} is {name} and {kind:?} is {status:?} after {sends} sends"));
            }
            let is_final = match found.status {
                PaymentStatus::Captured
                | PaymentStatus::PartiallyRefunded
                | PaymentStatus::Refunded
                | PaymentStatus::Canceled
                | PaymentStatus::Declined
                | PaymentStatus::Expired => true,
                PaymentStatus::Created
                | PaymentStatus::Processing
                | PaymentStatus::RequiresAction
                | PaymentStatus::Authorized
                | PaymentStatus::PartiallyCaptured => false,
            };
            if !is_final && effects.is_empty() && !is_erased {
                return violated(Rule::UnknownIsResolved, format!("{payment} stays {} and nothing is open", found.status.name()));
            }
        }
        books::check(state, &charges, &open)?;
        Ok(state.effects.values().filter(|effect| effect.status == EffectStatus::Parked).map(|_| 1).sum())
    }
}

/// Whether a payment's attempt did something else than asked and waits for a person.
pub(crate) fn is_mismatched(payment: &engine::Payment) -> bool {
    payment.attempts.iter().any(|attempt| attempt.status == AttemptStatus::Mismatched)
}

/// What was seen later must follow from what was seen before.
fn check_follows(payment: PaymentId, before: &View, after: &View) -> Checked {
    let taken = |status| matches!(status, PaymentStatus::Captured | PaymentStatus::PartiallyRefunded | PaymentStatus::Refunded);
    let follows = match before.status {
        PaymentStatus::Canceled | PaymentStatus::Expired => after.status == before.status,
        PaymentStatus::Captured | PaymentStatus::PartiallyRefunded | PaymentStatus::Refunded => taken(after.status),
        PaymentStatus::Authorized => {
            taken(after.status) || matches!(after.status, PaymentStatus::Authorized | PaymentStatus::Canceled | PaymentStatus::Expired)
        }
        PaymentStatus::Created => true,
        PaymentStatus::Processing | PaymentStatus::RequiresAction | PaymentStatus::Declined | PaymentStatus::PartiallyCaptured => {
            after.status != PaymentStatus::Created
        }
    };
    let amounts = after.captured_minor >= before.captured_minor
        && after.merchant == before.merchant
        && after.attempts_count >= before.attempts_count
        && (after.money == before.money || before.status == PaymentStatus::Declined || after.attempts_count > before.attempts_count)
        && after.refunded_minor.saturating_add(after.refunding_minor) <= after.captured_minor;
    let refunds = before.refunds.iter().all(|(refund, earlier)| {
        after.refunds.get(refund).is_some_and(|later| {
            let kept = match earlier.status {
                RefundStatus::Succeeded => matches!(later.status, RefundStatus::Succeeded | RefundStatus::Reversed),
                RefundStatus::Failed | RefundStatus::Reversed => later.status == earlier.status,
                RefundStatus::Started | RefundStatus::Unknown | RefundStatus::Pending => true,
            };
            kept && later.amount_minor == earlier.amount_minor
        })
    });
    if follows && amounts && refunds {
        return Ok(());
    }
    violated(Rule::AcknowledgedIsKept, format!("{payment} was seen as {before:?} and is now {after:?}"))
}

/// Whether a key led to this payment or to a refund of it.
fn is_about(object: KeyedObject, payment: PaymentId) -> bool {
    match object {
        KeyedObject::Payment(found) | KeyedObject::Refund { payment: found, .. } => found == payment,
        KeyedObject::Customer(_) | KeyedObject::Method(_) => false,
    }
}
