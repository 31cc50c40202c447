//! Lists, search and single objects of a payment, and what all lists have in common: pages, times, shapes.

use super::Stripe;
use super::answers::{Answer, Outcome, Show, Shown};
use super::errors::ApiError;
use super::expand::{Expand, Place, Shape};
use super::intents::shortened;
use super::objects::{Account, Charge, Intent, IntentOrigin, Kind, Refund, Row, Source, Table, Transaction};
use super::params::Params;
use super::payment_methods::billing;
use super::search::{Field, Query, Value};
use crate::json::Json;
use std::borrow::Cow;

const COUNT_MAX: u64 = 100;
const COUNT_STANDARD: usize = 10;

const INTENT_FIELDS: &[(&str, Field)] = &[
    ("amount", Field::Number),
    ("created", Field::Number),
    ("currency", Field::Text),
    ("customer", Field::Token),
    ("metadata", Field::Metadata),
    ("status", Field::Token),
];
const CHARGE_FIELDS: &[(&str, Field)] = &[
    ("amount", Field::Number),
    ("billing_details.address.postal_code", Field::Text),
    ("created", Field::Number),
    ("currency", Field::Text),
    ("customer", Field::Token),
    ("disputed", Field::Token),
    ("metadata", Field::Metadata),
    ("payment_method_details.card.brand", Field::Token),
    ("payment_method_details.card.fingerprint", Field::Token),
    ("payment_method_details.card.last4", Field::Token),
    ("refunded", Field::Token),
    ("status", Field::Token),
];

/// Bounds of a time in whole seconds, both inclusive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Created {
    from_s: u64,
    until_s: u64,
}

impl Created {
    pub(super) fn parse(params: Params<'_>) -> Result<Self, ApiError> {
        Self::parse_named(params, "created")
    }

    pub(super) fn parse_named(params: Params<'_>, param: &'static str) -> Result<Self, ApiError> {
        let refused = || ApiError::invalid("Invalid timestamp").with_param(param);
        let number = |text: &str| text.parse::<u64>().map_err(|_| refused());
        let mut created = Self { from_s: 0, until_s: u64::MAX };
        let Some(node) = params.form().member(param) else { return Ok(created) };
        if let Some(text) = node.text() {
            let at = number(text)?;
            return Ok(Self { from_s: at, until_s: at });
        }
        for (name, node) in node.members().unwrap_or(&[]) {
            let value = number(node.text().ok_or_else(refused)?)?;
            match name.as_str() {
                "gte" => created.from_s = created.from_s.max(value),
                "gt" => created.from_s = created.from_s.max(value.saturating_add(1)),
                "lte" => created.until_s = created.until_s.min(value),
                // Before the first second there is none.
                "lt" if value == 0 => created.from_s = u64::MAX,
                "lt" => created.until_s = created.until_s.min(value - 1),
                _ => return Err(refused()),
            }
        }
        Ok(created)
    }

    pub(super) fn holds(self, time_ms: u64) -> bool {
        (self.from_s..=self.until_s).contains(&(time_ms / 1_000))
    }
}

/// The object of an id, if it belongs to the account.
pub(super) fn own<T: Kind>(table: &Table<T>, account: Account, id: &str, param: &'static str, in_path: bool) -> Result<Row<T>, ApiError> {
    table
        .find(id)
        .filter(|row| table.at(*row).account() == account)
        .ok_or_else(|| ApiError::missing(T::NAME, &shortened(id), param, in_path))
}

fn parse_limit(params: Params<'_>) -> Result<usize, ApiError> {
    match params.positive("limit")? {
        None => Ok(COUNT_STANDARD),
        Some(limit) if limit <= COUNT_MAX => Ok(usize::try_from(limit).unwrap_or(COUNT_STANDARD)),
        Some(_) => {
            let message = format!("This value must be less than or equal to {COUNT_MAX} (it currently is too large).");
            Err(ApiError::invalid(message).with_code("parameter_invalid_integer").with_param("limit"))
        }
    }
}

/// One page of results.
#[derive(Debug)]
pub(super) struct Found<T> {
    pub rows: Vec<Row<T>>,
    /// Whether there is more in the direction of travel.
    pub has_more: bool,
}

impl<T> Found<T> {
    fn cut(mut rows: Vec<Row<T>>, limit: usize) -> Self {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        Self { rows, has_more }
    }
}

/// One page of a table, newest first; of only the given rows (oldest first) if there are any given.
pub(super) fn page<T: Kind>(
    table: &Table<T>,
    candidates: Option<&[Row<T>]>,
    params: Params<'_>,
    fits: impl Fn(&T) -> bool,
) -> Result<Found<T>, ApiError> {
    let limit = parse_limit(params)?;
    let cursor = |name: &'static str| match params.text(name)? {
        None => Ok(None),
        Some(id) => match table.find(id).filter(|row| fits(table.at(*row))) {
            Some(row) => Ok(Some(row.index())),
            None => Err(ApiError::missing(T::NAME, &shortened(id), name, false)),
        },
    };
    let after = cursor("starting_after")?;
    let before = cursor("ending_before")?;
    if after.is_some() && before.is_some() {
        return Err(ApiError::exclusive("starting_after, ending_before"));
    }
    let end = after.unwrap_or(table.count());
    let start = before.map_or(table.first(), |before| before + 1);
    let taken = |row: &Row<T>| (start..end).contains(&row.index()) && fits(table.at(*row));
    let rows: Vec<Row<T>> = match (candidates, before) {
        (None, None) => (start..end).rev().map(Row::new).filter(taken).take(limit + 1).collect(),
        (None, Some(_)) => (start..end).map(Row::new).filter(taken).take(limit + 1).collect(),
        (Some(rows), None) => rows.iter().rev().copied().filter(taken).take(limit + 1).collect(),
        (Some(rows), Some(_)) => rows.iter().copied().filter(taken).take(limit + 1).collect(),
    };
    let mut found = Found::cut(rows, limit);
    if before.is_some() {
        found.rows.reverse();
    }
    Ok(found)
}

impl Stripe {
    /// A page as a list on the wire.
    pub(super) fn list<T>(
        &self,
        url: &str,
        found: &Found<T>,
        expand: &Expand,
        render: impl Fn(&Self, &mut Json, Row<T>, Show<'_>),
    ) -> Answer {
        let mut json = Json::with_capacity(4_096);
        json.object(|json| {
            json.text("object", "list");
            json.array_field("data", |json| {
                found.rows.iter().for_each(|row| render(self, json, *row, Show::with(expand, self.now_ms)));
            });
            json.boolean("has_more", found.has_more);
            json.text("url", url);
        });
        Answer::text(json.into_bytes())
    }

    /// A page as a search result on the wire.
    pub(super) fn search_result<T: Kind>(
        &self,
        url: &str,
        table: &Table<T>,
        found: &Found<T>,
        expand: &Expand,
        render: impl Fn(&Self, &mut Json, Row<T>, Show<'_>),
    ) -> Answer {
        let mut json = Json::with_capacity(4_096);
        json.object(|json| {
            json.text("object", "search_result");
            json.array_field("data", |json| {
                found.rows.iter().for_each(|row| render(self, json, *row, Show::with(expand, self.now_ms)));
            });
            json.boolean("has_more", found.has_more);
            let next = found.rows.last().filter(|_| found.has_more).map(|row| table.id(*row));
            json.text_or_null("next_page", next.as_deref());
            json.text("url", url);
        });
        Answer::text(json.into_bytes())
    }

    /// One page of a search, newest first: an object is seen only some time after its creation.
    pub(super) fn search_page<T: Kind>(
        &self,
        table: &Table<T>,
        account: Account,
        candidates: Option<Vec<Row<T>>>,
        params: Params<'_>,
        fits: impl Fn(&T) -> bool,
    ) -> Result<Found<T>, ApiError> {
        let limit = parse_limit(params)?;
        let below = match params.text("page")? {
            None => table.count(),
            Some(id) => table.find(id).ok_or_else(|| ApiError::invalid("Invalid page.").with_param("page"))?.index(),
        };
        let visible = |row: &Row<T>| {
            let object = table.at(*row);
            row.index() < below
                && object.account() == account
                && object.created_ms().saturating_add(self.config.search_lag_ms) <= self.now_ms
                && fits(object)
        };
        let rows = match candidates {
            Some(rows) => rows.into_iter().filter(visible).take(limit + 1).collect(),
            None => (0..below).rev().map(Row::new).filter(visible).take(limit + 1).collect(),
        };
        Ok(Found::cut(rows, limit))
    }

    /// The payment intent that a list is narrowed to.
    pub(super) fn intent_param(&self, account: Account, params: Params<'_>) -> Result<Option<Row<Intent>>, ApiError> {
        params.text("payment_intent")?.map(|id| own(&self.intents, account, id, "payment_intent", false)).transpose()
    }

    /// The charge that a list is narrowed to.
    pub(super) fn charge_param(&self, account: Account, params: Params<'_>) -> Result<Option<Row<Charge>>, ApiError> {
        params.text("charge")?.map(|id| own(&self.charges, account, id, "charge", false)).transpose()
    }

    /// `GET /v1/payment_intents/{id}`
    pub(super) fn get_intent(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_intent(account, id)?;
        params.check_known(&["client_secret"], &[])?;
        Ok(Answer::new(Shown::Intent(row), Expand::parse(params, Shape::Intent, Place::Object)?))
    }

    /// `GET /v1/payment_intents`
    pub(super) fn list_intents(&self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(&["created", "customer", "ending_before", "limit", "starting_after"], &["customer_account"])?;
        let expand = Expand::parse(params, Shape::Intent, Place::List)?;
        let created = Created::parse(params)?;
        let customer = self.customer_named(account, params)?;
        let found = page(&self.intents, None, params, |intent| {
            intent.account == account
                && intent.origin == IntentOrigin::Own
                && created.holds(intent.created_ms)
                && (customer.is_none() || intent.customer == customer)
        })?;
        Ok(self.list("/v1/payment_intents", &found, &expand, |stripe, json, row, show| {
            stripe.render_intent(json, row, stripe.intents.at(row), show);
        }))
    }

    /// `GET /v1/payment_intents/search`
    pub(super) fn search_intents(&self, account: Account, params: Params<'_>) -> Outcome {
        let query = Query::parse_of(params, INTENT_FIELDS)?;
        let expand = Expand::parse(params, Shape::Intent, Place::List)?;
        let candidates = query.metadata().map(|(name, value)| self.search.candidates(name, value));
        let found = self.search_page(&self.intents, account, candidates, params, |intent| {
            intent.origin == IntentOrigin::Own
                && query.holds(|field, name| match field {
                    "amount" => Value::Number(intent.amount),
                    "created" => Value::Number(intent.created_ms / 1_000),
                    "currency" => Some(intent.currency.code()).into(),
                    "customer" => intent.customer.map_or(Value::Null, |row| Value::Text(Cow::Owned(self.customers.id(row)))),
                    "metadata" => intent.texts.metadata.value(name).into(),
                    _ => Some(intent.status.name()).into(),
                })
        })?;
        Ok(self.search_result("/v1/payment_intents/search", &self.intents, &found, &expand, |stripe, json, row, show| {
            stripe.render_intent(json, row, stripe.intents.at(row), show);
        }))
    }

    /// `GET /v1/refunds/{id}`
    pub(super) fn get_refund(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.refunds, account, id, "id", true)?;
        params.check_known(&[], &[])?;
        Ok(Answer::new(Shown::Refund(row), Expand::parse(params, Shape::Refund, Place::Object)?))
    }

    /// `GET /v1/refunds`
    pub(super) fn list_refunds(&self, account: Account, params: Params<'_>) -> Outcome {
        const KNOWN: &[&str] = &["charge", "created", "ending_before", "limit", "payment_intent", "starting_after"];
        params.check_known(KNOWN, &[])?;
        let intent = self.intent_param(account, params)?;
        let charge = self.charge_param(account, params)?;
        self.list_refunds_of(account, intent, charge, "/v1/refunds", params)
    }

    /// `GET /v1/charges/{id}/refunds`
    pub(super) fn list_charge_refunds(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let charge = own(&self.charges, account, id, "id", true)?;
        params.check_known(&["ending_before", "limit", "starting_after"], &[])?;
        self.list_refunds_of(account, None, Some(charge), &format!("/v1/charges/{}/refunds", self.charges.id(charge)), params)
    }

    fn list_refunds_of(
        &self,
        account: Account,
        intent: Option<Row<Intent>>,
        charge: Option<Row<Charge>>,
        url: &str,
        params: Params<'_>,
    ) -> Outcome {
        let expand = Expand::parse(params, Shape::Refund, Place::List)?;
        let created = Created::parse(params)?;
        let fits = |refund: &Refund| {
            refund.account == account
                && created.holds(refund.created_ms)
                && charge.is_none_or(|charge| charge == refund.charge)
                && intent.is_none_or(|intent| intent == self.charges.at(refund.charge).intent)
        };
        // The refunds of one charge are a chain, so that looking them up does not depend on all others. An intent has at
        // most one charge that can be refunded, its last.
        let of_charge = charge.or_else(|| self.intents.at(intent?).charge).map(|of_charge| {
            let mut rows: Vec<Row<Refund>> = self.refunds_of(of_charge).collect();
            rows.reverse();
            rows
        });
        let nothing: &[Row<Refund>] = &[];
        let candidates = of_charge.as_deref().or(intent.map(|_| nothing));
        let found = page(&self.refunds, candidates, params, fits)?;
        Ok(self.list(url, &found, &expand, |stripe, json, row, show| {
            stripe.render_refund(json, row, stripe.refunds.at(row), show);
        }))
    }

    /// A charge's refunds, newest first.
    pub(super) fn refunds_of(&self, charge: Row<Charge>) -> impl Iterator<Item = Row<Refund>> {
        std::iter::successors(self.charges.at(charge).newest_refund, |row| self.refunds.at(*row).older)
    }

    /// `GET /v1/charges/{id}`
    pub(super) fn get_charge(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.charges, account, id, "id", true)?;
        params.check_known(&[], &[])?;
        Ok(Answer::new(Shown::Charge(row), Expand::parse(params, Shape::Charge, Place::Object)?))
    }

    /// `GET /v1/charges`
    pub(super) fn list_charges(&self, account: Account, params: Params<'_>) -> Outcome {
        const KNOWN: &[&str] = &["created", "customer", "ending_before", "limit", "payment_intent", "starting_after", "transfer_group"];
        params.check_known(KNOWN, &[])?;
        let expand = Expand::parse(params, Shape::Charge, Place::List)?;
        let created = Created::parse(params)?;
        let intent = self.intent_param(account, params)?;
        let customer = self.customer_named(account, params)?;
        let group = params.text("transfer_group")?;
        let found = page(&self.charges, None, params, |charge| {
            let own_group = || charge.texts.rare.as_ref().and_then(|rare| rare.transfer_group.as_deref());
            charge.account == account
                && created.holds(charge.created_ms)
                && intent.is_none_or(|intent| intent == charge.intent)
                && (customer.is_none() || customer == charge.customer)
                && (group.is_none() || own_group() == group)
        })?;
        Ok(self.list("/v1/charges", &found, &expand, |stripe, json, row, show| {
            stripe.render_charge(json, row, stripe.charges.at(row), show);
        }))
    }

    /// `GET /v1/charges/search`
    pub(super) fn search_charges(&self, account: Account, params: Params<'_>) -> Outcome {
        let query = Query::parse_of(params, CHARGE_FIELDS)?;
        let expand = Expand::parse(params, Shape::Charge, Place::List)?;
        let found = self.search_page(&self.charges, account, None, params, |charge| {
            query.holds(|field, name| self.charge_field(charge, field, name))
        })?;
        Ok(self.search_result("/v1/charges/search", &self.charges, &found, &expand, |stripe, json, row, show| {
            stripe.render_charge(json, row, stripe.charges.at(row), show);
        }))
    }

    fn charge_field<'a>(&'a self, charge: &'a Charge, field: &str, name: &str) -> Value<'a> {
        let card = self.methods.at(charge.method).card.card();
        let boolean = |value: bool| Some(if value { "true" } else { "false" }).into();
        match field {
            "amount" => Value::Number(charge.amount),
            "billing_details.address.postal_code" => billing(charge.method_texts.as_deref()).address.postal_code().into(),
            "created" => Value::Number(charge.created_ms / 1_000),
            "currency" => Some(charge.currency.code()).into(),
            "customer" => charge.customer.map_or(Value::Null, |row| Value::Text(Cow::Owned(self.customers.id(row)))),
            "disputed" => boolean(charge.has_dispute),
            "metadata" => charge.texts.metadata.value(name).into(),
            "payment_method_details.card.brand" => Some(card.brand).into(),
            "payment_method_details.card.fingerprint" => Value::Text(Cow::Owned(super::render::fingerprint(card))),
            "payment_method_details.card.last4" => Some(card.last4()).into(),
            "refunded" => boolean(charge.captured > 0 && charge.refunded + charge.refund_pending == charge.captured),
            _ => Some(super::render::charge_status(charge.status)).into(),
        }
    }

    /// `GET /v1/balance_transactions/{id}`
    pub(super) fn get_transaction(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.transactions, account, id, "id", true)?;
        params.check_known(&[], &[])?;
        Ok(Answer::new(Shown::Transaction(row), Expand::parse(params, Shape::Transaction, Place::Object)?))
    }

    /// `GET /v1/balance_transactions`
    pub(super) fn list_transactions(&self, account: Account, params: Params<'_>) -> Outcome {
        const KNOWN: &[&str] = &["created", "currency", "ending_before", "limit", "payout", "source", "starting_after", "type"];
        params.check_known(KNOWN, &[])?;
        let expand = Expand::parse(params, Shape::Transaction, Place::List)?;
        let created = Created::parse(params)?;
        if let Some(id) = params.text("payout")? {
            own(&self.payouts, account, id, "payout", false)?;
            let message = "Balance transaction history can only be filtered on automatic transfers, not manual.";
            return Err(ApiError::invalid(message).with_param("payout"));
        }
        let (currency, source, kind) = (params.text("currency")?, params.text("source")?, params.text("type")?);
        let found = page(&self.transactions, None, params, |transaction: &Transaction| {
            transaction.account == account
                && created.holds(transaction.created_ms)
                && currency.is_none_or(|code| transaction.currency.code() == code)
                && kind.is_none_or(|kind| transaction_kind(transaction.source) == kind)
                && source.is_none_or(|source| self.source_id(transaction.source) == source)
        })?;
        Ok(self.list("/v1/balance_transactions", &found, &expand, |stripe, json, row, show| {
            stripe.render_transaction(json, row, show);
        }))
    }

    /// The id of what a balance transaction comes from.
    pub(super) fn source_id(&self, source: Source) -> String {
        match source {
            Source::Charge(row) => self.charges.id(row),
            Source::Refund(row) | Source::RefundFailure(row) => self.refunds.id(row),
            Source::Dispute(row) | Source::DisputeReversal(row) => self.disputes.id(row),
            Source::Payout(row) | Source::PayoutCancel(row) | Source::PayoutFailure(row) => self.payouts.id(row),
        }
    }
}

/// `balance_transaction.type`.
pub(super) fn transaction_kind(source: Source) -> &'static str {
    match source {
        Source::Charge(_) => "charge",
        Source::Refund(_) => "refund",
        Source::RefundFailure(_) => "refund_failure",
        Source::Dispute(_) | Source::DisputeReversal(_) => "adjustment",
        Source::Payout(_) => "payout",
        Source::PayoutCancel(_) => "payout_cancel",
        Source::PayoutFailure(_) => "payout_failure",
    }
}
