//! Refunds: creating them and what becomes of them later.
//!
//! Source: docs.stripe.com/api/refunds, docs.stripe.com/refunds.

use super::Stripe;
use super::answers::{Answer, Expand, Outcome};
use super::cards::Behavior;
use super::charges::signed;
use super::errors::ApiError;
use super::intents::{parse_currency, shortened};
use super::objects::{Account, Charge, ChargeStatus, Metadata, Refund, RefundStatus, Row, Source, Transaction};
use super::params::Params;
use super::timers::Timer;
use std::sync::Arc;

const CREATE_KNOWN: &[&str] = &["amount", "charge", "currency", "instructions_email", "metadata", "payment_intent", "reason"];
const CREATE_UNMODELLED: &[&str] = &["customer", "origin", "refund_application_fee", "reverse_transfer"];
const REASONS: &[&str] = &["duplicate", "fraudulent", "requested_by_customer"];

impl Stripe {
    /// `POST /v1/refunds`
    pub(super) fn create_refund(&mut self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(CREATE_KNOWN, CREATE_UNMODELLED)?;
        let expand = params.expand(false, Expand::below_refund)?;
        let reason = params.one_of("reason", REASONS)?;
        let metadata = params.metadata()?.unwrap_or_default();
        let amount = params.positive("amount")?;
        let charge = self.charge_to_refund(account, params)?;
        if let Some(code) = params.text("currency")?
            && parse_currency(code)? != self.charges.at(charge).currency
        {
            return Err(ApiError::invalid("The currency must be that of the charge.").with_param("currency"));
        }
        let amount = self.check_refundable(charge, amount)?;
        let row = self.add_refund(charge, amount, reason);
        self.refunds.at_mut(row).metadata = Arc::new(Metadata::default().merged(&metadata));
        Ok(Answer::Refund(Box::new(self.view_refund(row, expand))))
    }

    fn charge_to_refund(&self, account: Account, params: Params<'_>) -> Result<Row<Charge>, ApiError> {
        match (params.text("payment_intent")?, params.text("charge")?) {
            (Some(_), Some(_)) => {
                let message = "You may only specify one of these parameters: charge, payment_intent.";
                Err(ApiError::invalid(message).with_code("parameters_exclusive"))
            }
            (None, None) => {
                let message = "One of the following params should be provided for this request: payment_intent or charge.";
                Err(ApiError::invalid(message).with_code("parameter_missing"))
            }
            (None, Some(id)) => self
                .charges
                .find(id)
                .filter(|row| self.charges.at(*row).account == account)
                .ok_or_else(|| ApiError::missing("charge", &shortened(id), "charge", false)),
            (Some(id), None) => {
                let row = self.intents.find(id).filter(|row| self.intents.at(*row).account == account);
                let row = row.ok_or_else(|| ApiError::missing("payment_intent", &shortened(id), "payment_intent", false))?;
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

    fn add_refund(&mut self, charge_row: Row<Charge>, amount: u64, reason: Option<&'static str>) -> Row<Refund> {
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
            metadata: Arc::default(),
        });
        let charge = self.charges.at_mut(charge_row);
        charge.newest_refund = Some(row);
        charge.refund_pending += amount;
        assert!(charge.refunded + charge.refund_pending + charge.disputed <= charge.captured);
        let transaction = self.move_balance(row, Source::Refund(row), -signed(amount));
        self.refunds.at_mut(row).transaction = Some(transaction);
        match behavior {
            Behavior::RefundPending => {
                let due_ms = self.now_ms.saturating_add(self.config.refund_settle_ms);
                self.timers.push(due_ms, Timer::SettleRefund(row));
            }
            Behavior::RefundFails => {
                self.settle_refund(row);
                let due_ms = self.now_ms.saturating_add(self.config.refund_failure_ms);
                self.timers.push(due_ms, Timer::FailRefund(row));
            }
            _ => self.settle_refund(row),
        }
        row
    }

    fn move_balance(&mut self, refund: Row<Refund>, source: Source, amount: i64) -> Row<Transaction> {
        let account = self.refunds.at(refund).account;
        let currency = self.charges.at(self.refunds.at(refund).charge).currency;
        let (created_ms, available_ms) = (self.now_ms, self.now_ms);
        self.transactions.push(Transaction { account, source, amount, fee: 0, currency, created_ms, available_ms })
    }

    /// A pending refund reaches the customer. This moves money.
    pub(super) fn settle_refund(&mut self, row: Row<Refund>) {
        let refund = self.refunds.at_mut(row);
        assert!(refund.status == RefundStatus::Pending);
        refund.status = RefundStatus::Succeeded;
        let charge = self.charges.at_mut(refund.charge);
        charge.refund_pending -= refund.amount;
        charge.refunded += refund.amount;
    }

    /// A refund comes back after it succeeded. This moves money back.
    pub(super) fn fail_refund(&mut self, row: Row<Refund>) {
        let refund = self.refunds.at_mut(row);
        assert!(refund.status == RefundStatus::Succeeded);
        refund.status = RefundStatus::Failed;
        let amount = refund.amount;
        self.charges.at_mut(refund.charge).refunded -= amount;
        let transaction = self.move_balance(row, Source::RefundFailure(row), signed(amount));
        self.refunds.at_mut(row).failure_transaction = Some(transaction);
    }
}
