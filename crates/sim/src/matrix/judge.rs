//! What a run must come to: everything is decided or waits for a person, and the books say what the truth ledger says.

use super::stage::{AMOUNT_MINOR, MERCHANT, Stage};
use base::Currency;
use engine::{EffectStatus, EventKind};
use payments::postings::AccountKind;
use payments::{AttemptStatus, DisputeStatus, PaymentStatus};
use std::collections::BTreeSet;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Where the payment stands.
    pub status: PaymentStatus,
    /// Whether a person has to decide something.
    pub is_parked: bool,
    /// Kinds of events that happened.
    pub kinds: BTreeSet<EventKind>,
}

/// Compares state and truth at the end of a run.
///
/// # Errors
/// The first difference.
pub(super) fn judge(stage: &Stage) -> Result<Verdict, String> {
    let (id, payment) = stage.payment().ok_or("there is no payment")?;
    let state = stage.state();
    let open = state.effects.values();
    let is_parked = open.clone().any(|effect| effect.status == EffectStatus::Parked);
    for effect in open {
        let is_decided = match effect.status {
            EffectStatus::Parked => true,
            EffectStatus::Waiting => is_parked,
            EffectStatus::InFlight | EffectStatus::Unknown | EffectStatus::Deferred | EffectStatus::Watching => false,
        };
        if !is_decided {
            return Err(format!("{:?} is {:?} after {} sends", effect.requested.kind, effect.status, effect.sends));
        }
    }
    let is_final = match payment.status {
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
    if !is_final && !is_parked {
        return Err(format!("{id} stays {} and nobody is asked", payment.status.name()));
    }
    if payment.attempts.iter().filter(|attempt| matches!(attempt.status, AttemptStatus::Captured | AttemptStatus::Authorized)).count() > 1 {
        return Err("two attempts have the customer's money".to_owned());
    }
    if !is_parked {
        compare(stage)?;
    }
    let kinds = stage.entries.iter().map(|entry| entry.event.kind()).collect();
    Ok(Verdict { status: payment.status, is_parked, kinds })
}

/// The books of the one merchant against what money really did.
fn compare(stage: &Stage) -> Result<(), String> {
    let currency: Currency = "EUR".parse().expect("the euro is a currency");
    let wide = |amount: u128| i128::try_from(amount).unwrap_or(i128::MAX);
    let posted = |kind| {
        let balance = stage.state().balance(MERCHANT, currency, kind);
        wide(balance.debits_posted) - wide(balance.credits_posted)
    };
    let truth = stage.provider.truth();
    let totals = truth.totals.get("eur").copied().unwrap_or_default();
    let (_, payment) = stage.payment().ok_or("there is no payment")?;
    let charges = truth.charges.iter().filter(|charge| charge.captured > 0).count();
    let kept = i128::from(totals.captured) - i128::from(totals.refunded) - i128::from(totals.disputed);
    if kept > i128::from(AMOUNT_MINOR) {
        return Err(format!("the customer paid {kept} for {AMOUNT_MINOR}, in {charges} charges"));
    }
    let disputed: u64 = payment
        .disputes
        .iter()
        .filter(|dispute| dispute.status == DisputeStatus::Open || dispute.status == DisputeStatus::Lost)
        .map(|dispute| dispute.amount_minor)
        .sum();
    let late_fees: u64 = payment.attempts.iter().map(|attempt| attempt.late_fee_minor).sum();
    let rows = [
        ("receivable", posted(AccountKind::Receivable), kept - i128::from(totals.fees)),
        ("fees", posted(AccountKind::Fees), i128::from(totals.fees)),
        ("fees of the payment", i128::from(payment.fee_minor + late_fees), i128::from(totals.fees)),
        ("disputed", posted(AccountKind::Disputed), i128::from(totals.disputed)),
        ("disputed of the payment", i128::from(disputed), i128::from(totals.disputed)),
        ("suspense", posted(AccountKind::Suspense), 0),
        (
            "the merchant's",
            -posted(AccountKind::MerchantPending) - posted(AccountKind::MerchantAvailable),
            i128::from(totals.captured) - i128::from(totals.refunded),
        ),
        ("held", i128::from(payment.held_minor), i128::from(totals.authorized_open)),
        ("on its way back", i128::from(payment.refunding_minor), i128::from(totals.refund_pending)),
    ];
    for (name, ours, theirs) in rows {
        if ours != theirs {
            return Err(format!("{name}: our books say {ours}, the truth is {theirs}; charges {:?}", truth.charges));
        }
    }
    Ok(())
}
