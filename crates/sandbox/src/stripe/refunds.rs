//! Refunds: creating them and what becomes of them later.
//!
//! Source: docs.stripe.com/api/refunds, docs.stripe.com/refunds.

use super::Stripe;
use super::answers::{Answer, Outcome, Shown};
use super::cards::Behavior;
use super::charges::signed;
use super::errors::ApiError;
use super::expand::{Expand, Place, Shape};
use super::intents::{parse_currency, shortened};
use super::objects::{Account, Charge, ChargeStatus, Metadata, Refund, RefundStatus, Row, Source, Transaction};
use super::params::Params;
use super::queries::own;
use super::timers::Timer;
use std::sync::Arc;

const CREATE_KNOWN: &[&str] = &["amount", "charge", "currency", "instructions_email", "metadata", "payment_intent", "reason"];
const CREATE_UNMODELLED: &[&str] = &["customer", "origin", "refund_application_fee", "reverse_transfer"];
const REASONS: &[&str] = &["duplicate", "fraudulent", "requested_by_customer"];

impl Stripe {
    /// `POST /v1/refunds`
    pub(super) fn create_refund(&mut self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(CREATE_KNOWN, CREATE_UNMODELLED)?;
        let expand = Expand::parse(params, Shape::Refund, Place::Object)?;
        let reason = params.one_of("reason", REASONS)?;
        let mut metadata = Metadata::default();
        params.change_metadata(&mut metadata)?;
        let amount = params.positive("amount")?;
        let charge = self.charge_to_refund(account, params)?;
        if let Some(code) = params.text("currency")?
            && parse_currency(code)? != self.charges.at(charge).currency
        {
            return Err(ApiError::invalid("The currency must be that of the charge.").with_param("currency"));
        }
        let amount = self.check_refundable(charge, amount)?;
        let row = self.add_refund(charge, amount, reason, Arc::new(metadata));
        Ok(Answer::new(Shown::Refund(row), expand))
    }

    /// `POST /v1/refunds/{id}`
    pub(super) fn update_refund(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.refunds, account, id, "id", true)?;
        params.check_known(&["metadata"], &[])?;
        let expand = Expand::parse(params, Shape::Refund, Place::Object)?;
        let before = self.refunds.at(row).clone();
        let mut metadata = (*before.metadata).clone();
        params.change_metadata(&mut metadata)?;
        if metadata != *before.metadata {
            self.refunds.at_mut(row).metadata = Arc::new(metadata);
            self.emit_refund(row, "refund.updated", Some(before.clone()));
            self.emit_refund(row, "charge.refund.updated", Some(before));
        }
        Ok(Answer::new(Shown::Refund(row), expand))
    }

    /// `POST /v1/refunds/{id}/cancel`: only a refund that waits for its customer can be canceled, and no test payment
    /// method has such refunds, so the call always refuses.
    pub(super) fn cancel_refund(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.refunds, account, id, "id", true)?;
        params.check_known(&[], &[])?;
        let message = format!(
            "Refund {} has a status of {} and cannot be canceled. Only refunds with a status of requires_action can be canceled.",
            self.refunds.id(row),
            self.refunds.at(row).status.name()
        );
        Err(ApiError::invalid(message).after_start())
    }

    fn charge_to_refund(&self, account: Account, params: Params<'_>) -> Result<Row<Charge>, ApiError> {
        match (params.text("payment_intent")?, params.text("charge")?) {
            (Some(_), Some(_)) => Err(ApiError::exclusive("charge, payment_intent")),
            (None, None) => {
                let message = "One of the following params should be provided for this request: payment_intent or charge.";
                Err(ApiError::invalid(message).with_code("parameter_missing"))
            }
            (None, Some(id)) => own(&self.charges, account, id, "charge", false),
            (Some(id), None) => {
                let row = own(&self.intents, account, id, "payment_intent", false)?;
                let captured = |charge: &Row<Charge>| self.charges.at(*charge).status == ChargeStatus::Captured;
                self.intents.at(row).charge.filter(captured).ok_or_else(|| {
                    let message = format!("This PaymentIntent ({}) does not have a successful charge to refund.", shortened(id));
                    ApiError::unexpected_state(message, row)
                })
            }
        }
    }

    /// The amount that this refund gives back.
    fn check_refundable(&self, row: Row<Charge>, amount: Option<u64>) -> Result<u64, ApiError> {
        let charge = self.charges.at(row);
        let id = self.charges.id(row);
        if charge.status != ChargeStatus::Captured {
            let message = format!("Charge {id} has not been captured; it cannot be refunded.");
            return Err(ApiError::invalid(message).with_code("charge_not_refundable").after_start());
        }
        if charge.disputed > 0 {
            let message = format!("Charge {id} has been charged back; cannot issue a refund.");
            return Err(ApiError::invalid(message).with_code("charge_disputed").after_start());
        }
        let remaining = charge.captured - charge.refunded - charge.refund_pending;
        if remaining == 0 {
            let message = format!("Charge {id} has already been refunded.");
            return Err(ApiError::invalid(message).with_code("charge_already_refunded").after_start());
        }
        let amount = amount.unwrap_or(remaining);
        if amount > remaining {
            let message = format!(
                "Refund amount ({}) is greater than unrefunded amount on charge ({})",
                charge.currency.display(amount),
                charge.currency.display(remaining)
            );
            return Err(ApiError::invalid(message).with_param("amount").after_start());
        }
        charge.currency.check_divisible(amount).map_err(|fault| ApiError::amount(fault, charge.currency, "amount"))?;
        Ok(amount)
    }

    fn add_refund(&mut self, charge_row: Row<Charge>, amount: u64, reason: Option<&'static str>, metadata: Arc<Metadata>) -> Row<Refund> {
        let charge = self.charges.at(charge_row);
        let behavior = self.methods.at(charge.method).card.card().behavior;
        let account = charge.account;
        let older = charge.newest_refund;
        let row = self.refunds.push(Refund {
            account,
            charge: charge_row,
            amount,
            status: RefundStatus::Pending,
            reason,
            created_ms: self.now_ms,
            transaction: None,
            failure_transaction: None,
            older,
            metadata,
        });
        let before = self.charges.at(charge_row).clone();
        let charge = self.charges.at_mut(charge_row);
        charge.newest_refund = Some(row);
        charge.refund_pending += amount;
        assert!(charge.refunded + charge.refund_pending + charge.disputed <= charge.captured);
        let transaction = self.move_balance(row, Source::Refund(row), -signed(amount));
        self.refunds.at_mut(row).transaction = Some(transaction);
        let pending = behavior == Behavior::RefundPending;
        if !pending {
            self.pay_back(row);
        }
        self.emit_charge(charge_row, "charge.refunded", Some(before));
        self.emit_refund(row, "refund.created", None);
        match behavior {
            Behavior::RefundPending => {
                let due_ms = self.now_ms.saturating_add(self.config.refund_settle_ms);
                self.timers.push(due_ms, Timer::SettleRefund(row));
            }
            Behavior::RefundFails => {
                let due_ms = self.now_ms.saturating_add(self.config.refund_failure_ms);
                self.timers.push(due_ms, Timer::FailRefund(row));
            }
            _ => {}
        }
        row
    }

    fn move_balance(&mut self, refund: Row<Refund>, source: Source, amount: i64) -> Row<Transaction> {
        let account = self.refunds.at(refund).account;
        let currency = self.charges.at(self.refunds.at(refund).charge).currency;
        let (created_ms, available_ms) = (self.now_ms, self.now_ms);
        self.transactions.push(Transaction { account, source, amount, fee: 0, currency, created_ms, available_ms })
    }

    /// The refund reaches the customer. This moves money.
    fn pay_back(&mut self, row: Row<Refund>) {
        let refund = self.refunds.at_mut(row);
        assert!(refund.status == RefundStatus::Pending);
        refund.status = RefundStatus::Succeeded;
        let charge = self.charges.at_mut(refund.charge);
        charge.refund_pending -= refund.amount;
        charge.refunded += refund.amount;
    }

    /// A pending refund reaches the customer.
    pub(super) fn settle_refund(&mut self, row: Row<Refund>) {
        let before = self.refunds.at(row).clone();
        self.pay_back(row);
        self.emit_refund(row, "refund.updated", Some(before.clone()));
        self.emit_refund(row, "charge.refund.updated", Some(before));
    }

    /// A refund comes back after it succeeded. This moves money back.
    pub(super) fn fail_refund(&mut self, row: Row<Refund>) {
        let before = self.refunds.at(row).clone();
        assert!(before.status == RefundStatus::Succeeded);
        self.charges.at_mut(before.charge).refunded -= before.amount;
        let transaction = self.move_balance(row, Source::RefundFailure(row), signed(before.amount));
        let refund = self.refunds.at_mut(row);
        refund.status = RefundStatus::Failed;
        refund.failure_transaction = Some(transaction);
        self.emit_refund(row, "refund.failed", Some(before.clone()));
        self.emit_refund(row, "refund.updated", Some(before.clone()));
        self.emit_refund(row, "charge.refund.updated", Some(before));
    }
}
