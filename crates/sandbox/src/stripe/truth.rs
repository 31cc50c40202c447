//! The truth ledger: which money really moved, whatever was answered. It is read from the charges themselves and
//! never from answers, so no fault can falsify it.

use super::Stripe;
use super::objects::{Charge, ChargeStatus, Row};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Most charges in one page of the truth.
pub const CHARGES_MAX: usize = 100_000;
/// Most duplicate groups reported; the count is always complete.
pub const DUPLICATES_MAX: usize = 10_000;

/// One charge that an issuer or a bank approved or is deciding on. Declined attempts move no money and are absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthCharge {
    /// Position; `since` of the next page is one more than that of the last charge.
    pub index: u32,
    /// Id of the charge.
    pub charge: String,
    /// Id of its payment intent.
    pub payment_intent: String,
    /// Connected account, empty for the platform's own.
    pub account: String,
    /// Amount authorised, minor units of the provider.
    pub amount: u64,
    /// Lower-case currency.
    pub currency: &'static str,
    /// Amount captured.
    pub captured: u64,
    /// Amount given back for good, or until the refund fails.
    pub refunded: u64,
    /// Amount of refunds on their way.
    pub refund_pending: u64,
    /// Amount charged back.
    pub disputed: u64,
    /// Fees taken.
    pub fees: u64,
    /// `pending`, `authorized`, `captured`, `released` or `expired`.
    pub status: &'static str,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// Metadata of the payment intent.
    pub metadata: BTreeMap<String, String>,
}

/// Sums of one currency, minor units of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Charges approved or pending.
    pub charge_count: u64,
    /// Charges captured.
    pub captured_count: u64,
    /// Authorised and not yet captured, released or expired.
    pub authorized_open: u64,
    /// Captured.
    pub captured: u64,
    /// Refunded.
    pub refunded: u64,
    /// Refunds on their way.
    pub refund_pending: u64,
    /// Charged back.
    pub disputed: u64,
    /// Fees taken.
    pub fees: u64,
}

/// Several charges under one reference that hold a customer's money at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// The metadata value they share.
    pub reference: String,
    /// Their payment intents, oldest first.
    pub payment_intents: Vec<String>,
    /// What was captured or is held by all of them together, refunds taken off.
    pub held: u64,
}

/// A page of the truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Sums by currency, over all charges whatever the page.
    pub totals: BTreeMap<&'static str, Totals>,
    /// Charges of this page, oldest first.
    pub charges: Vec<TruthCharge>,
    /// Where the next page begins, if there is one.
    pub next_since: Option<u32>,
    /// References charged more than once.
    pub duplicates: Vec<Duplicate>,
    /// How many references were charged more than once, even if not all are listed.
    pub duplicate_count: u64,
    /// How often each kind of fault was applied.
    pub faults: BTreeMap<&'static str, u64>,
}

fn status_name(status: ChargeStatus) -> Option<&'static str> {
    match status {
        ChargeStatus::Pending => Some("pending"),
        ChargeStatus::Authorized => Some("authorized"),
        ChargeStatus::Captured => Some("captured"),
        ChargeStatus::Released => Some("released"),
        ChargeStatus::Expired => Some("expired"),
        ChargeStatus::Failed => None,
    }
}

/// What a charge holds of the customer's money.
fn held(charge: &Charge) -> u64 {
    match charge.status {
        ChargeStatus::Authorized | ChargeStatus::Pending => charge.amount,
        ChargeStatus::Captured => charge.captured - charge.refunded,
        ChargeStatus::Released | ChargeStatus::Expired | ChargeStatus::Failed => 0,
    }
}

/// Fees, of which never more are given back than were taken.
fn fee_taken(fee: i64) -> u64 {
    u64::try_from(fee).expect("a fee is given back at most once")
}

impl Stripe {
    /// The whole truth. For very many charges use [`Stripe::truth_page`].
    pub fn truth(&self) -> Truth {
        self.truth_page(0, usize::MAX, None)
    }

    /// The truth without its charges.
    pub fn truth_summary(&self) -> Truth {
        self.truth_page(0, 0, None)
    }

    /// The truth with at most `count_max` charges from position `since` on. Duplicates are grouped by the metadata
    /// name given, else by the configured one.
    pub fn truth_page(&self, since: u32, count_max: usize, reference_name: Option<&str>) -> Truth {
        let (duplicates, duplicate_count) = self.duplicates(reference_name.unwrap_or(&self.config.reference_name));
        let mut charges = Vec::new();
        let mut next_since = None;
        let dispute_fees = self.dispute_fees();
        for (row, charge) in self.charges.rows().skip(usize::try_from(since).unwrap_or(usize::MAX)) {
            let Some(status) = status_name(charge.status) else { continue };
            if charges.len() == count_max {
                next_since = (count_max > 0).then(|| row.index());
                break;
            }
            charges.push(self.truth_charge(row, charge, status, &dispute_fees));
        }
        let faults = self.faults.counts().iter().map(|(kind, count)| (kind.name(), *count)).collect();
        Truth { totals: self.truth_totals(), charges, next_since, duplicates, duplicate_count, faults }
    }

    /// Sums by currency.
    pub fn truth_totals(&self) -> BTreeMap<&'static str, Totals> {
        let mut totals: BTreeMap<&'static str, Totals> = BTreeMap::new();
        for (_, charge) in self.charges.rows() {
            if charge.status == ChargeStatus::Failed {
                continue;
            }
            let sums = totals.entry(charge.currency.code()).or_default();
            sums.charge_count += 1;
            sums.captured_count += u64::from(charge.captured > 0);
            sums.captured += charge.captured;
            sums.refunded += charge.refunded;
            sums.refund_pending += charge.refund_pending;
            sums.disputed += charge.disputed;
            if charge.status == ChargeStatus::Authorized {
                sums.authorized_open += charge.amount;
            }
        }
        let mut fees: BTreeMap<&'static str, i64> = BTreeMap::new();
        for (_, transaction) in self.transactions.rows() {
            *fees.entry(transaction.currency.code()).or_insert(0) += transaction.fee;
        }
        for (currency, fee) in fees {
            totals.entry(currency).or_default().fees = fee_taken(fee);
        }
        totals
    }

    fn truth_charge(
        &self,
        row: Row<Charge>,
        charge: &Charge,
        status: &'static str,
        dispute_fees: &BTreeMap<Row<Charge>, i64>,
    ) -> TruthCharge {
        let intent = self.intents.at(charge.intent);
        let account = usize::try_from(charge.account.0).ok().and_then(|index| self.accounts.get(index));
        let own_fee = charge.transaction.map_or(0, |transaction| self.transactions.at(transaction).fee);
        TruthCharge {
            index: row.index(),
            charge: self.charges.id(row),
            payment_intent: self.intents.id(charge.intent),
            account: account.map_or_else(String::new, |name| name.to_string()),
            amount: charge.amount,
            currency: charge.currency.code(),
            captured: charge.captured,
            refunded: charge.refunded,
            refund_pending: charge.refund_pending,
            disputed: charge.disputed,
            fees: fee_taken(own_fee + dispute_fees.get(&row).copied().unwrap_or(0)),
            status,
            created_ms: charge.created_ms,
            metadata: intent.texts.metadata.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    /// Fees of all chargebacks by charge.
    fn dispute_fees(&self) -> BTreeMap<Row<Charge>, i64> {
        let mut fees = BTreeMap::new();
        for (_, dispute) in self.disputes.rows() {
            for transaction in dispute.withdrawal.into_iter().chain(dispute.reinstatement) {
                *fees.entry(dispute.charge).or_insert(0) += self.transactions.at(transaction).fee;
            }
        }
        fees
    }

    fn reference<'a>(&'a self, charge: &Charge, name: &str) -> Option<&'a str> {
        if held(charge) == 0 {
            return None;
        }
        self.intents.at(charge.intent).texts.metadata.value(name)
    }

    fn duplicates(&self, reference_name: &str) -> (Vec<Duplicate>, u64) {
        let mut counts: HashMap<&str, u32> = HashMap::new();
        for (_, charge) in self.charges.rows() {
            if let Some(reference) = self.reference(charge, reference_name) {
                *counts.entry(reference).or_insert(0) += 1;
            }
        }
        counts.retain(|_, count| *count > 1);
        let mut holders: BTreeMap<&str, Vec<&Charge>> = BTreeMap::new();
        if !counts.is_empty() {
            for (_, charge) in self.charges.rows() {
                let reference = self.reference(charge, reference_name);
                if let Some(reference) = reference.filter(|reference| counts.contains_key(reference)) {
                    holders.entry(reference).or_default().push(charge);
                }
            }
        }
        let duplicates = holders.iter().take(DUPLICATES_MAX).map(|(reference, charges)| Duplicate {
            reference: (*reference).to_owned(),
            payment_intents: charges.iter().map(|charge| self.intents.id(charge.intent)).collect(),
            held: charges.iter().map(|charge| held(charge)).sum(),
        });
        (duplicates.collect(), u64::try_from(holders.len()).unwrap_or(u64::MAX))
    }
}
