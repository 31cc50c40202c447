//! The provider's truth against our books, payment by payment and account by account.

use crate::judge::is_mismatched;
use crate::report::{Checked, Rule, violated};
use base::{Currency, PaymentId};
use engine::{Effect, EffectKind, EffectStatus, Payment, State};
use payments::RefundStatus;
use payments::postings::AccountKind;
use sandbox::stripe::truth::TruthCharge;
use std::collections::BTreeMap;

/// What the accounts of one currency must show, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    captured: i128,
    refunded: i128,
    fees: i128,
    held: i128,
    refunding: i128,
}

/// What of a payment waits for a person.
#[derive(Clone, Copy, Debug, Default)]
struct Parked {
    authorize: bool,
    capture_or_cancel: bool,
    refund_minor: u64,
}

impl Parked {
    fn of(payment: &Payment, effects: &[&Effect]) -> Self {
        let mut parked = Self { authorize: is_mismatched(payment), ..Self::default() };
        for effect in effects.iter().filter(|effect| effect.status == EffectStatus::Parked) {
            match effect.requested.kind {
                EffectKind::Authorize { .. } => parked.authorize = true,
                EffectKind::Capture { .. } | EffectKind::Cancel { .. } | EffectKind::UndoHold { .. } | EffectKind::UndoCapture { .. } => {
                    parked.capture_or_cancel = true;
                }
                EffectKind::Observe { .. } => {}
                EffectKind::Refund { .. } => parked.refund_minor += effect.requested.money.amount_minor,
            }
        }
        parked
    }
}

/// What the provider did for one payment; zeros without a charge. All amounts are in minor units of the currencies in
/// use, whose unit at the provider is the same.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    captured: u64,
    refunded: u64,
    refund_pending: u64,
    fees: u64,
}

/// Compares state and truth.
///
/// # Errors
/// The first difference.
pub fn check(state: &State, charges: &BTreeMap<PaymentId, TruthCharge>, open: &BTreeMap<PaymentId, Vec<&Effect>>) -> Checked {
    let mut expected: BTreeMap<Currency, Sums> = BTreeMap::new();
    for (payment, found) in &state.payments {
        let effects = open.get(payment).map_or(&[][..], Vec::as_slice);
        let parked = Parked::of(found, effects);
        let moved = charges.get(payment).map_or(Moved::default(), |charge| Moved {
            captured: charge.captured,
            refunded: charge.refunded,
            refund_pending: charge.refund_pending,
            fees: charge.fees,
        });
        check_payment(*payment, found, parked, moved)?;
        let is_sure = !parked.authorize && !parked.capture_or_cancel && parked.refund_minor == 0;
        let sums = expected.entry(found.money.currency).or_default();
        sums.captured += i128::from(if is_sure { moved.captured } else { found.captured_minor });
        sums.refunded += i128::from(if is_sure { moved.refunded } else { found.refunded_minor });
        sums.fees += i128::from(if is_sure { moved.fees } else { found.fee_minor });
        sums.held += i128::from(if found.hold.is_some() { found.held_minor } else { 0 });
        sums.refunding += i128::from(parked.refund_minor);
    }
    for (currency, sums) in &expected {
        check_accounts(state, *currency, sums)?;
    }
    Ok(())
}

fn check_payment(payment: PaymentId, found: &Payment, parked: Parked, moved: Moved) -> Checked {
    let status = found.status.name();
    if parked.authorize {
        if found.captured_minor > 0 {
            return violated(Rule::LedgerIsTruth, format!("{payment} waits for a person and shows {} as taken", found.captured_minor));
        }
        return Ok(());
    }
    if found.captured_minor != moved.captured && !(parked.capture_or_cancel && found.captured_minor == 0) {
        let (ours, theirs) = (found.captured_minor, moved.captured);
        return violated(Rule::LedgerIsTruth, format!("{payment} ({status}): we took {ours}, the provider {theirs}"));
    }
    if found.captured_minor == moved.captured && found.fee_minor != moved.fees {
        let (ours, theirs) = (found.fee_minor, moved.fees);
        return violated(Rule::LedgerIsTruth, format!("{payment} ({status}): fees of {ours}, at the provider {theirs}"));
    }
    let succeeded: u64 =
        found.refunds.iter().filter(|refund| refund.status == RefundStatus::Succeeded).map(|refund| refund.amount_minor).sum();
    let theirs = moved.refunded + moved.refund_pending;
    let agrees = theirs >= succeeded && theirs <= succeeded + parked.refund_minor && succeeded == found.refunded_minor;
    if !agrees || theirs > moved.captured {
        let refunds = &found.refunds;
        return violated(
            Rule::RefundsAgree,
            format!("{payment} ({status}): we gave {succeeded} back, the provider {theirs} of {}: {refunds:?}", moved.captured),
        );
    }
    Ok(())
}

fn check_accounts(state: &State, currency: Currency, sums: &Sums) -> Checked {
    let mut found: BTreeMap<AccountKind, (i128, i128)> = BTreeMap::new();
    for merchant in state.merchants.keys() {
        for kind in AccountKind::ALL {
            let balance = state.balance(*merchant, currency, kind);
            let signed = |amount: u128| i128::try_from(amount).unwrap_or(i128::MAX);
            let account = found.entry(kind).or_default();
            account.0 += signed(balance.debits_posted) - signed(balance.credits_posted);
            account.1 += signed(balance.debits_pending) - signed(balance.credits_pending);
        }
    }
    let posted = |kind| found.get(&kind).map_or(0, |(posted, _)| *posted);
    let pending = |kind| found.get(&kind).map_or(0, |(_, pending)| *pending);
    let rows = [
        ("receivable", posted(AccountKind::Receivable), sums.captured - sums.refunded - sums.fees),
        (
            "pending and available",
            -posted(AccountKind::MerchantPending) - posted(AccountKind::MerchantAvailable),
            sums.captured - sums.refunded,
        ),
        ("fees", posted(AccountKind::Fees), sums.fees),
        ("suspense", -posted(AccountKind::Suspense) + posted(AccountKind::Disputed), 0),
        ("holds", pending(AccountKind::Receivable), sums.held - sums.refunding),
    ];
    for (name, ours, theirs) in rows {
        if ours != theirs {
            return violated(Rule::LedgerIsTruth, format!("{currency} {name}: our books say {ours}, the provider's truth {theirs}"));
        }
    }
    Ok(())
}
