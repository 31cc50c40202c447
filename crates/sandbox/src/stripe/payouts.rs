//! The merchant's balance and payouts from it.
//!
//! Source: docs.stripe.com/api/balance, docs.stripe.com/api/payouts, docs.stripe.com/connect/testing (bank accounts
//! whose payouts fail).

use super::Stripe;
use super::answers::{Answer, Outcome, Shown};
use super::cards::{BankOutcome, Behavior, CardIndex};
use super::charges::signed;
use super::currency::Currency;
use super::errors::ApiError;
use super::expand::{Expand, Place, Shape};
use super::intents::{parse_currency, shortened};
use super::objects::{Account, Row, Source, Transaction};
use super::params::Params;
use super::queries::{Created, own, page};
use super::records::{Payout, PayoutStatus, PayoutTexts};
use super::timers::Timer;
use crate::json::Json;
use std::collections::BTreeMap;
use std::sync::Arc;

const CREATE_KNOWN: &[&str] =
    &["amount", "currency", "description", "destination", "metadata", "method", "source_type", "statement_descriptor"];
/// What ids of the merchant's bank accounts begin with; the test account's number follows.
const BANK_PREFIX: &str = "ba_";
/// Instant payouts arrive after this part of the usual time.
const INSTANT_DIVISOR: u64 = 10;

/// Money on the balance in one currency, minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    available: i64,
    pending: i64,
}

impl Stripe {
    fn sums(&self, account: Account) -> BTreeMap<&'static str, Sums> {
        let mut all: BTreeMap<&'static str, Sums> = BTreeMap::new();
        for (_, transaction) in self.transactions.rows().filter(|(_, transaction)| transaction.account == account) {
            let sums = all.entry(transaction.currency.code()).or_default();
            let net = transaction.amount - transaction.fee;
            if transaction.available_ms <= self.now_ms {
                sums.available += net;
            } else {
                sums.pending += net;
            }
        }
        if all.is_empty() {
            all.insert("usd", Sums::default());
        }
        all
    }

    /// `GET /v1/balance`
    pub(super) fn get_balance(&self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(&[], &[])?;
        let sums = self.sums(account);
        let list = |json: &mut Json, name: &str, amount: fn(&Sums) -> i64| {
            json.array_field(name, |json| {
                for (currency, sums) in &sums {
                    json.object(|json| {
                        json.signed("amount", amount(sums));
                        json.text("currency", currency);
                        json.object_field("source_types", |json| json.signed("card", amount(sums)));
                    });
                }
            });
        };
        let mut json = Json::default();
        json.object(|json| {
            json.text("object", "balance");
            list(json, "available", |sums| sums.available);
            json.array_field("connect_reserved", |json| {
                for currency in sums.keys() {
                    json.object(|json| {
                        json.unsigned("amount", 0);
                        json.text("currency", currency);
                    });
                }
            });
            json.boolean("livemode", false);
            list(json, "pending", |sums| sums.pending);
            json.object_field("refund_and_dispute_prefunding", |json| {
                json.array_field("available", |_| {});
                json.array_field("pending", |_| {});
            });
        });
        Ok(Answer::text(json.into_bytes()))
    }

    fn destination(&self, params: Params<'_>) -> Result<CardIndex, ApiError> {
        match params.text("destination")? {
            None => CardIndex::by_bank_account(&self.config.payout_account_number).ok_or_else(|| {
                ApiError::invalid("Sorry, you don't have any external accounts in that currency.").with_code("payouts_not_allowed")
            }),
            Some(id) => id
                .strip_prefix(BANK_PREFIX)
                .and_then(CardIndex::by_bank_account)
                .ok_or_else(|| ApiError::missing("external account", &shortened(id), "destination", false)),
        }
    }

    fn move_payout(&mut self, account: Account, source: Source, amount: i64, currency: Currency) -> Row<Transaction> {
        let (created_ms, available_ms) = (self.now_ms, self.now_ms);
        self.transactions.push(Transaction { account, source, amount, fee: 0, currency, created_ms, available_ms })
    }

    fn add_payout(&mut self, payout: Payout) -> Row<Payout> {
        let arrival_ms = payout.arrival_ms;
        let row = self.payouts.push(payout);
        self.timers.push(arrival_ms, Timer::FinishPayout(row));
        self.emit_payout(row, "payout.created", None);
        row
    }

    /// `POST /v1/payouts`
    pub(super) fn create_payout(&mut self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(CREATE_KNOWN, &["payout_method"])?;
        let expand = Expand::parse(params, Shape::Payout, Place::Object)?;
        let amount = params.positive("amount")?.ok_or_else(|| ApiError::missing_param("amount"))?;
        let currency = parse_currency(params.required_text("currency")?)?;
        if amount > currency.maximum() {
            return Err(ApiError::amount(super::currency::AmountFault::TooLarge, currency, "amount"));
        }
        currency.check_divisible(amount).map_err(|fault| ApiError::amount(fault, currency, "amount"))?;
        let method = params.one_of("method", &["instant", "standard"])?.unwrap_or("standard");
        params.one_of("source_type", &["bank_account", "card", "fpx"])?;
        let mut texts = PayoutTexts {
            description: params.owned("description")?,
            statement_descriptor: params.owned("statement_descriptor")?,
            ..PayoutTexts::default()
        };
        params.change_metadata(&mut texts.metadata)?;
        let destination = self.destination(params)?;
        let available = self.sums(account).get(currency.code()).map_or(0, |sums| sums.available);
        if available < signed(amount) {
            let message = "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. You can use the /v1/balance endpoint to view your Stripe balance (for more details, see stripe.com/docs/api#balance).";
            return Err(ApiError::invalid(message).with_code("balance_insufficient").after_start());
        }
        let row = self.payouts.next_row();
        let transaction = self.move_payout(account, Source::Payout(row), -signed(amount), currency);
        let travel_ms = if method == "instant" { self.config.payout_ms / INSTANT_DIVISOR } else { self.config.payout_ms };
        self.add_payout(Payout {
            account,
            created_ms: self.now_ms,
            arrival_ms: self.now_ms.saturating_add(travel_ms),
            amount: signed(amount),
            currency,
            status: PayoutStatus::Pending,
            method,
            destination,
            failure: None,
            transaction,
            failure_transaction: None,
            original: None,
            reversed_by: None,
            texts: Arc::new(texts),
        });
        Ok(Answer::new(Shown::Payout(row), expand))
    }

    /// A payout arrives, or comes back as its bank account says. A payout that is no longer pending is left alone.
    pub(super) fn finish_payout(&mut self, row: Row<Payout>) {
        let before = self.payouts.at(row).clone();
        if before.status != PayoutStatus::Pending {
            return;
        }
        match before.destination.card().behavior {
            Behavior::Bank(BankOutcome::Fails(decline)) => {
                let returned = self.move_payout(before.account, Source::PayoutFailure(row), before.amount, before.currency);
                let payout = self.payouts.at_mut(row);
                payout.status = PayoutStatus::Failed;
                payout.failure = Some(decline);
                payout.failure_transaction = Some(returned);
                self.emit_payout(row, "payout.failed", Some(before));
            }
            Behavior::Bank(BankOutcome::StaysProcessing) => {}
            _ => {
                self.payouts.at_mut(row).status = PayoutStatus::Paid;
                self.emit_payout(row, "payout.paid", Some(before));
            }
        }
    }

    /// `POST /v1/payouts/{id}/cancel`
    pub(super) fn cancel_payout(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.payouts, account, id, "payout", true)?;
        params.check_known(&[], &[])?;
        let expand = Expand::parse(params, Shape::Payout, Place::Object)?;
        let before = self.payouts.at(row).clone();
        if before.status != PayoutStatus::Pending {
            let message = format!("Payouts can only be canceled while they are pending; this one is {}.", before.status.name());
            return Err(ApiError::invalid(message).after_start());
        }
        let returned = self.move_payout(account, Source::PayoutCancel(row), before.amount, before.currency);
        let payout = self.payouts.at_mut(row);
        payout.status = PayoutStatus::Canceled;
        payout.failure_transaction = Some(returned);
        self.emit_payout(row, "payout.canceled", Some(before));
        Ok(Answer::new(Shown::Payout(row), expand))
    }

    /// `POST /v1/payouts/{id}/reverse`: debits the bank account; answers with the payout that does.
    pub(super) fn reverse_payout(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let original_row = own(&self.payouts, account, id, "payout", true)?;
        params.check_known(&["metadata"], &[])?;
        let expand = Expand::parse(params, Shape::Payout, Place::Object)?;
        let mut texts = PayoutTexts::default();
        params.change_metadata(&mut texts.metadata)?;
        let original = self.payouts.at(original_row).clone();
        if original.status != PayoutStatus::Paid || original.amount < 0 || original.reversed_by.is_some() {
            let message = format!("Payouts can only be reversed once and after they were paid; this one is {}.", original.status.name());
            return Err(ApiError::invalid(message).after_start());
        }
        let row = self.payouts.next_row();
        let transaction = self.move_payout(account, Source::Payout(row), original.amount, original.currency);
        self.add_payout(Payout {
            created_ms: self.now_ms,
            arrival_ms: self.now_ms.saturating_add(self.config.payout_ms),
            amount: -original.amount,
            status: PayoutStatus::Pending,
            transaction,
            failure_transaction: None,
            original: Some(original_row),
            texts: Arc::new(texts),
            ..original.clone()
        });
        self.payouts.at_mut(original_row).reversed_by = Some(row);
        self.emit_payout(original_row, "payout.updated", Some(original));
        Ok(Answer::new(Shown::Payout(row), expand))
    }

    /// `POST /v1/payouts/{id}`
    pub(super) fn update_payout(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.payouts, account, id, "payout", true)?;
        params.check_known(&["metadata"], &[])?;
        let expand = Expand::parse(params, Shape::Payout, Place::Object)?;
        let before = self.payouts.at(row).clone();
        let mut texts = (*before.texts).clone();
        params.change_metadata(&mut texts.metadata)?;
        if texts != *before.texts {
            self.payouts.at_mut(row).texts = Arc::new(texts);
            self.emit_payout(row, "payout.updated", Some(before));
        }
        Ok(Answer::new(Shown::Payout(row), expand))
    }

    /// `GET /v1/payouts/{id}`
    pub(super) fn get_payout(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.payouts, account, id, "payout", true)?;
        params.check_known(&[], &[])?;
        Ok(Answer::new(Shown::Payout(row), Expand::parse(params, Shape::Payout, Place::Object)?))
    }

    /// `GET /v1/payouts`
    pub(super) fn list_payouts(&self, account: Account, params: Params<'_>) -> Outcome {
        const KNOWN: &[&str] = &["arrival_date", "created", "destination", "ending_before", "limit", "starting_after", "status"];
        params.check_known(KNOWN, &[])?;
        let expand = Expand::parse(params, Shape::Payout, Place::List)?;
        let created = Created::parse(params)?;
        let arrival = Created::parse_named(params, "arrival_date")?;
        let status = params.one_of("status", &["canceled", "failed", "in_transit", "paid", "pending"])?;
        let destination = params.text("destination")?;
        let found = page(&self.payouts, None, params, |payout: &Payout| {
            payout.account == account
                && created.holds(payout.created_ms)
                && arrival.holds(payout.arrival_ms)
                && status.is_none_or(|status| status == payout.status.name())
                && destination.is_none_or(|id| id == destination_id(payout.destination))
        })?;
        Ok(self.list("/v1/payouts", &found, &expand, |stripe, json, row, show| {
            stripe.render_payout(json, row, stripe.payouts.at(row), show);
        }))
    }
}

/// The id of a test bank account as a payout's destination.
pub(super) fn destination_id(bank: CardIndex) -> String {
    format!("{BANK_PREFIX}{}", bank.card().number)
}
