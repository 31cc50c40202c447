//! Disputes and early fraud warnings: opening, answering, closing, and what each does to the money.
//!
//! Source: docs.stripe.com/api/disputes, docs.stripe.com/disputes/how-disputes-work, docs.stripe.com/testing#disputes
//! (the texts that win, lose or escalate).

use super::Stripe;
use super::answers::{Answer, Outcome, Shown};
use super::cards::DisputeKind;
use super::charges::signed;
use super::contacts;
use super::errors::ApiError;
use super::expand::{Expand, Place, Shape};
use super::objects::{Account, Charge, Row, Source, Transaction};
use super::params::Params;
use super::queries::{Created, own, page};
use super::records::{Dispute, DisputeStatus, Evidence, Warning};
use super::timers::Timer;
use crate::form::Node;
use std::sync::Arc;

/// Fee of a chargeback, minor units; given back with the money when the dispute is won.
const DISPUTE_FEE: i64 = 1_500;
/// Longest evidence text, and all of them together, in characters (docs.stripe.com/api/disputes/update).
const EVIDENCE_CHARS_MAX: usize = 150_000;

/// The fields of `evidence` that hold a text or the id of a file, in the order of the wire; `enhanced_evidence` is
/// among them on the wire and apart here.
pub(super) const EVIDENCE_FIELDS: [&str; 27] = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];

/// How a dispute is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// For the merchant.
    Won,
    /// For the cardholder.
    Lost,
    /// An inquiry becomes a chargeback.
    Escalated,
    /// Nobody answered in time.
    Expired,
}

impl Stripe {
    /// Opens what the test card stands for: a warning, an inquiry, one chargeback or two.
    pub(super) fn open_disputes(&mut self, row: Row<Charge>, kind: DisputeKind) {
        let charge = self.charges.at(row);
        if kind == DisputeKind::EarlyWarning {
            let account = charge.account;
            let warning = self.warnings.push(Warning { account, created_ms: self.now_ms, charge: row });
            return self.emit_warning(warning, "radar.early_fraud_warning.created");
        }
        // Money that is refunded or on its way back is not taken a second time.
        let remaining = charge.captured - charge.refunded - charge.refund_pending - charge.disputed;
        if remaining == 0 {
            return;
        }
        let amounts = match kind {
            DisputeKind::Multiple => vec![remaining / 2, remaining - remaining / 2],
            _ => vec![remaining],
        };
        for amount in amounts.into_iter().filter(|amount| *amount > 0) {
            self.open_dispute(row, kind, amount);
        }
    }

    fn open_dispute(&mut self, charge_row: Row<Charge>, kind: DisputeKind, amount: u64) {
        let inquiry = kind == DisputeKind::Inquiry;
        let due_ms = self.now_ms.saturating_add(self.config.dispute_response_ms);
        let row = self.disputes.push(Dispute {
            account: self.charges.at(charge_row).account,
            charge: charge_row,
            kind,
            amount,
            created_ms: self.now_ms,
            due_ms,
            status: if inquiry { DisputeStatus::WarningNeedsResponse } else { DisputeStatus::NeedsResponse },
            submission_count: 0,
            evidence: Arc::default(),
            withdrawal: None,
            reinstatement: None,
        });
        self.charges.at_mut(charge_row).has_dispute = true;
        if !inquiry {
            self.withdraw(row);
        }
        self.timers.push(due_ms, Timer::DecideDispute(row, Decision::Expired));
        self.emit_dispute(row, "charge.dispute.created", None);
        if !inquiry {
            self.emit_dispute(row, "charge.dispute.funds_withdrawn", None);
        }
    }

    fn move_disputed(&mut self, row: Row<Dispute>, source: Source, amount: i64, fee: i64) -> Row<Transaction> {
        let dispute = self.disputes.at(row);
        let (account, currency) = (dispute.account, self.charges.at(dispute.charge).currency);
        let (created_ms, available_ms) = (self.now_ms, self.now_ms);
        self.transactions.push(Transaction { account, source, amount, fee, currency, created_ms, available_ms })
    }

    /// Takes the disputed money and the fee. This moves money.
    fn withdraw(&mut self, row: Row<Dispute>) {
        let dispute = self.disputes.at(row);
        let (amount, charge_row) = (dispute.amount, dispute.charge);
        assert!(dispute.withdrawal.is_none());
        let transaction = self.move_disputed(row, Source::Dispute(row), -signed(amount), DISPUTE_FEE);
        self.disputes.at_mut(row).withdrawal = Some(transaction);
        let charge = self.charges.at_mut(charge_row);
        charge.disputed += amount;
        assert!(charge.refunded + charge.refund_pending + charge.disputed <= charge.captured);
    }

    /// Gives the disputed money and the fee back. This moves money.
    fn reinstate(&mut self, row: Row<Dispute>) {
        let dispute = self.disputes.at(row);
        let (amount, charge_row) = (dispute.amount, dispute.charge);
        assert!(dispute.withdrawal.is_some() && dispute.reinstatement.is_none());
        let transaction = self.move_disputed(row, Source::DisputeReversal(row), signed(amount), -DISPUTE_FEE);
        self.disputes.at_mut(row).reinstatement = Some(transaction);
        self.charges.at_mut(charge_row).disputed -= amount;
    }

    /// Decides an open dispute; a decision that comes too late, or that its status does not allow, changes nothing.
    pub(super) fn decide_dispute(&mut self, row: Row<Dispute>, decision: Decision) {
        let before = self.disputes.at(row).clone();
        let status = match (before.status, decision) {
            (DisputeStatus::NeedsResponse | DisputeStatus::WarningNeedsResponse, Decision::Won | Decision::Lost | Decision::Escalated)
            | (DisputeStatus::UnderReview, Decision::Escalated | Decision::Expired)
            | (DisputeStatus::WarningUnderReview, Decision::Expired)
            | (DisputeStatus::WarningClosed | DisputeStatus::Won | DisputeStatus::Lost, _) => return,
            (DisputeStatus::NeedsResponse, Decision::Expired) | (DisputeStatus::UnderReview, Decision::Lost) => DisputeStatus::Lost,
            (DisputeStatus::WarningNeedsResponse, Decision::Expired)
            | (DisputeStatus::WarningUnderReview, Decision::Won | Decision::Lost) => DisputeStatus::WarningClosed,
            (DisputeStatus::UnderReview, Decision::Won) => DisputeStatus::Won,
            (DisputeStatus::WarningUnderReview, Decision::Escalated) => return self.escalate(row, before),
        };
        self.disputes.at_mut(row).status = status;
        if status == DisputeStatus::Won {
            self.reinstate(row);
            self.emit_dispute(row, "charge.dispute.funds_reinstated", None);
        }
        self.emit_dispute(row, "charge.dispute.closed", Some(before));
    }

    /// Turns an inquiry into a chargeback, as far as the money is still there.
    fn escalate(&mut self, row: Row<Dispute>, before: Dispute) {
        let charge = self.charges.at(before.charge);
        let remaining = charge.captured - charge.refunded - charge.refund_pending - charge.disputed;
        let dispute = self.disputes.at_mut(row);
        if remaining == 0 {
            dispute.status = DisputeStatus::WarningClosed;
            return self.emit_dispute(row, "charge.dispute.closed", Some(before));
        }
        dispute.amount = dispute.amount.min(remaining);
        dispute.status = DisputeStatus::NeedsResponse;
        dispute.due_ms = self.now_ms.saturating_add(self.config.dispute_response_ms);
        let due_ms = dispute.due_ms;
        self.withdraw(row);
        self.timers.push(due_ms, Timer::DecideDispute(row, Decision::Expired));
        self.emit_dispute(row, "charge.dispute.updated", Some(before));
        self.emit_dispute(row, "charge.dispute.funds_withdrawn", None);
    }

    /// `POST /v1/disputes/{id}`
    pub(super) fn update_dispute(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.disputes, account, id, "dispute", true)?;
        params.check_known(&["evidence", "metadata", "submit"], &["intended_submission_method"])?;
        let expand = Expand::parse(params, Shape::Dispute, Place::Object)?;
        let submit = params.boolean("submit")?;
        let before = self.disputes.at(row).clone();
        let mut evidence = (*before.evidence).clone();
        let changed = change_evidence(params, &mut evidence)?;
        params.change_metadata(&mut evidence.metadata)?;
        if changed && before.status.is_closed() {
            return Err(ApiError::invalid("This dispute is already closed").after_start());
        }
        let submits = submit.unwrap_or(changed) && !before.status.is_closed();
        let dispute = self.disputes.at_mut(row);
        dispute.evidence = Arc::new(evidence);
        if submits {
            dispute.submission_count += 1;
            dispute.status = if before.status.is_inquiry() { DisputeStatus::WarningUnderReview } else { DisputeStatus::UnderReview };
            let text = dispute.evidence.texts.iter().find(|(name, _)| *name == "uncategorized_text").map(|(_, text)| text.as_str());
            let decision = match text {
                Some("winning_evidence") => Some(Decision::Won),
                Some("losing_evidence") => Some(Decision::Lost),
                Some("escalate_inquiry_evidence") => Some(Decision::Escalated),
                _ => None,
            };
            if let Some(decision) = decision {
                let due_ms = self.now_ms.saturating_add(self.config.dispute_decision_ms);
                self.timers.push(due_ms, Timer::DecideDispute(row, decision));
            }
        }
        self.emit_dispute(row, "charge.dispute.updated", Some(before));
        Ok(Answer::new(Shown::Dispute(row), expand))
    }

    /// `POST /v1/disputes/{id}/close`: the merchant gives in.
    pub(super) fn close_dispute(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.disputes, account, id, "dispute", true)?;
        params.check_known(&[], &[])?;
        let expand = Expand::parse(params, Shape::Dispute, Place::Object)?;
        let before = self.disputes.at(row).clone();
        if before.status.is_closed() {
            return Err(ApiError::invalid("This dispute is already closed").after_start());
        }
        self.disputes.at_mut(row).status = if before.status.is_inquiry() { DisputeStatus::WarningClosed } else { DisputeStatus::Lost };
        self.emit_dispute(row, "charge.dispute.closed", Some(before));
        Ok(Answer::new(Shown::Dispute(row), expand))
    }

    /// `GET /v1/disputes/{id}`
    pub(super) fn get_dispute(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.disputes, account, id, "dispute", true)?;
        params.check_known(&[], &[])?;
        Ok(Answer::new(Shown::Dispute(row), Expand::parse(params, Shape::Dispute, Place::Object)?))
    }

    /// `GET /v1/disputes`
    pub(super) fn list_disputes(&self, account: Account, params: Params<'_>) -> Outcome {
        const KNOWN: &[&str] = &["charge", "created", "ending_before", "limit", "payment_intent", "starting_after"];
        params.check_known(KNOWN, &[])?;
        let expand = Expand::parse(params, Shape::Dispute, Place::List)?;
        let created = Created::parse(params)?;
        let charge = self.charge_param(account, params)?;
        let intent = self.intent_param(account, params)?;
        let found = page(&self.disputes, None, params, |dispute: &Dispute| {
            dispute.account == account
                && created.holds(dispute.created_ms)
                && charge.is_none_or(|charge| charge == dispute.charge)
                && intent.is_none_or(|intent| intent == self.charges.at(dispute.charge).intent)
        })?;
        Ok(self.list("/v1/disputes", &found, &expand, |stripe, json, row, show| {
            stripe.render_dispute(json, row, stripe.disputes.at(row), show);
        }))
    }

    /// `GET /v1/radar/early_fraud_warnings/{id}`
    pub(super) fn get_warning(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.warnings, account, id, "early_fraud_warning", true)?;
        params.check_known(&[], &[])?;
        Ok(Answer::new(Shown::Warning(row), Expand::parse(params, Shape::Warning, Place::Object)?))
    }

    /// `GET /v1/radar/early_fraud_warnings`
    pub(super) fn list_warnings(&self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(&["charge", "created", "ending_before", "limit", "payment_intent", "starting_after"], &[])?;
        let expand = Expand::parse(params, Shape::Warning, Place::List)?;
        let created = Created::parse(params)?;
        let charge = self.charge_param(account, params)?;
        let intent = self.intent_param(account, params)?;
        let found = page(&self.warnings, None, params, |warning: &Warning| {
            warning.account == account
                && created.holds(warning.created_ms)
                && charge.is_none_or(|charge| charge == warning.charge)
                && intent.is_none_or(|intent| intent == self.charges.at(warning.charge).intent)
        })?;
        Ok(self.list("/v1/radar/early_fraud_warnings", &found, &expand, |stripe, json, row, show| {
            stripe.render_warning(json, row, stripe.warnings.at(row), show);
        }))
    }
}

/// Lays the request's evidence over the old one; says whether the request had any.
fn change_evidence(params: Params<'_>, evidence: &mut Evidence) -> Result<bool, ApiError> {
    let Some(node) = params.form().member("evidence") else { return Ok(false) };
    for (name, node) in contacts::members(node, "evidence")? {
        let param = format!("evidence[{name}]");
        if name == "enhanced_evidence" {
            evidence.enhanced = node.members().map(|_| node.clone());
            continue;
        }
        let field = EVIDENCE_FIELDS.iter().find(|field| *field == name).ok_or_else(|| ApiError::unknown_param(&param))?;
        let text = node.text().ok_or_else(|| ApiError::invalid("Invalid string").with_param(&param))?;
        evidence.texts.retain(|(known, _)| known != field);
        if !text.is_empty() {
            evidence.texts.push((field, text.to_owned()));
        }
    }
    let total: usize = evidence.texts.iter().map(|(_, text)| text.chars().count()).sum();
    if total > EVIDENCE_CHARS_MAX {
        let message = format!("The combined character count of all evidence fields must be at most {EVIDENCE_CHARS_MAX}.");
        return Err(ApiError::invalid(message).with_param("evidence"));
    }
    Ok(true)
}

/// Whether a merchant said anything in a dispute.
pub(super) fn has_evidence(evidence: &Evidence) -> bool {
    !evidence.texts.is_empty() || evidence.enhanced.as_ref().and_then(Node::members).is_some_and(|members| !members.is_empty())
}
