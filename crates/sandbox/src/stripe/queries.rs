//! The calls that only look: single objects, lists, search; and the pictures that answers are made of.

use super::Stripe;
use super::answers::{Answer, ChargeView, Expand, IntentView, Outcome, Page, RawAnswer, RefundView, StatusShown};
use super::errors::ApiError;
use super::intents::shortened;
use super::objects::{Account, Charge, Dispute, Intent, Kind, Refund, Row, Source, Table, Transaction};
use super::params::Params;
use super::search::Query;

const COUNT_MAX: u64 = 100;
const COUNT_STANDARD: usize = 10;

/// Bounds of the creation time in whole seconds, both inclusive.
#[derive(Debug, Clone, Copy)]
struct Created {
    from_s: u64,
    until_s: u64,
}

impl Created {
    fn parse(params: Params<'_>) -> Result<Self, ApiError> {
        let refused = || ApiError::invalid("Invalid timestamp").with_param("created");
        let number = |text: &str| text.parse::<u64>().map_err(|_| refused());
        let mut created = Self { from_s: 0, until_s: u64::MAX };
        let Some(node) = params.form().member("created") else { return Ok(created) };
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
                "lt" => created.until_s = created.until_s.min(value.saturating_sub(1)),
                _ => return Err(refused()),
            }
        }
        Ok(created)
    }

    fn holds(self, created_ms: u64) -> bool {
        (self.from_s..=self.until_s).contains(&(created_ms / 1_000))
    }
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

/// One page of a table, newest first, and whether there is more in the direction of travel.
fn page<T: Kind>(table: &Table<T>, params: Params<'_>, fits: impl Fn(&T) -> bool) -> Result<(Vec<Row<T>>, bool), ApiError> {
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
    let taken = |index: &u32| fits(table.at(Row::new(*index)));
    let mut rows: Vec<Row<T>> = match (after, before) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: starting_after, ending_before.";
            return Err(ApiError::invalid(message).with_code("parameters_exclusive"));
        }
        (after, None) => {
            let end = after.unwrap_or(table.count());
            (0..end).rev().filter(taken).take(limit + 1).map(Row::new).collect()
        }
        (None, Some(before)) => (before + 1..table.count()).filter(taken).take(limit + 1).map(Row::new).collect(),
    };
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    if before.is_some() {
        rows.reverse();
    }
    Ok((rows, has_more))
}

fn ok(body: Vec<u8>) -> Outcome {
    Ok(Answer::Raw(Box::new(RawAnswer { status: 200, should_retry: None, body: body.into_boxed_slice() })))
}

impl Stripe {
    /// The picture of an intent now.
    pub(super) fn view_intent(&self, row: Row<Intent>, expand: Expand) -> IntentView {
        let intent = self.intents.at(row).clone();
        let charge = intent.charge.filter(|_| expand.has(Expand::CHARGE)).map(|row| self.charges.at(row).clone());
        IntentView { row, intent, charge, expand, at_ms: self.now_ms, status: StatusShown::True }
    }

    fn view_inner_intent(&self, row: Row<Intent>, outer: Expand) -> Option<Box<IntentView>> {
        outer.has(Expand::INTENT).then(|| {
            let expand = if outer.has(Expand::INTENT_CHARGE) {
                Expand::CHARGE.with(if outer.has(Expand::CHARGE_TRANSACTION) { Expand::CHARGE_TRANSACTION } else { Expand::NONE })
            } else {
                Expand::NONE
            };
            Box::new(self.view_intent(row, expand))
        })
    }

    /// The picture of a charge now.
    pub(super) fn view_charge(&self, row: Row<Charge>, expand: Expand) -> ChargeView {
        let charge = self.charges.at(row).clone();
        let intent = self.view_inner_intent(charge.intent, expand);
        ChargeView { row, charge, intent, expand, at_ms: self.now_ms }
    }

    /// The picture of a refund now.
    pub(super) fn view_refund(&self, row: Row<Refund>, expand: Expand) -> RefundView {
        let refund = self.refunds.at(row).clone();
        let charge = self.charges.at(refund.charge);
        let intent = self.view_inner_intent(charge.intent, expand);
        let charge = expand.has(Expand::CHARGE).then(|| charge.clone());
        RefundView { row, refund, charge, intent, expand, at_ms: self.now_ms, status: StatusShown::True }
    }

    /// `GET /v1/payment_intents/{id}`
    pub(super) fn get_intent(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_intent(account, id)?;
        params.check_known(&["client_secret"], &[])?;
        let expand = params.expand(false, Expand::below_intent)?;
        Ok(Answer::Intent(Box::new(self.view_intent(row, expand))))
    }

    /// `GET /v1/payment_intents`
    pub(super) fn list_intents(&self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(&["created", "customer", "ending_before", "limit", "starting_after"], &[])?;
        let expand = params.expand(true, Expand::below_intent)?;
        let created = Created::parse(params)?;
        let customer = params.text("customer")?;
        let (rows, has_more) = page(&self.intents, params, |intent| {
            let own_customer = intent.texts.rare.as_ref().and_then(|rare| rare.customer.as_deref());
            intent.account == account && created.holds(intent.created_ms) && (customer.is_none() || own_customer == customer)
        })?;
        ok(self.list_text("/v1/payment_intents", &Page::Intents(rows), has_more, expand))
    }

    /// `GET /v1/payment_intents/search`: sees an intent only some time after its creation.
    pub(super) fn search_intents(&self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(&["query", "limit", "page"], &[])?;
        let expand = params.expand(true, Expand::below_intent)?;
        let query = Query::parse(params.required_text("query")?)?;
        let limit = parse_limit(params)?;
        let below = match params.text("page")? {
            None => self.intents.count(),
            Some(id) => match self.intents.find(id) {
                Some(row) => row.index(),
                None => return Err(ApiError::invalid("Invalid page.").with_param("page")),
            },
        };
        let visible = |row: &Row<Intent>| {
            let intent = self.intents.at(*row);
            row.index() < below
                && intent.account == account
                && intent.created_ms.saturating_add(self.config.search_lag_ms) <= self.now_ms
                && query.holds(intent)
        };
        let mut rows: Vec<Row<Intent>> = match query.metadata() {
            Some((name, value)) => self.search.candidates(name, value).into_iter().filter(visible).take(limit + 1).collect(),
            None => (0..below).rev().map(Row::new).filter(visible).take(limit + 1).collect(),
        };
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        ok(self.search_text("/v1/payment_intents/search", &rows, has_more, expand))
    }

    /// `GET /v1/refunds/{id}`
    pub(super) fn get_refund(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.refunds.find(id).filter(|row| self.refunds.at(*row).account == account);
        let row = row.ok_or_else(|| ApiError::missing("refund", &shortened(id), "id", true))?;
        params.check_known(&[], &[])?;
        let expand = params.expand(false, Expand::below_refund)?;
        Ok(Answer::Refund(Box::new(self.view_refund(row, expand))))
    }

    /// `GET /v1/refunds`
    pub(super) fn list_refunds(&self, account: Account, params: Params<'_>) -> Outcome {
        const KNOWN: &[&str] = &["charge", "created", "ending_before", "limit", "payment_intent", "starting_after"];
        params.check_known(KNOWN, &[])?;
        let expand = params.expand(true, Expand::below_refund)?;
        let created = Created::parse(params)?;
        let intent = match params.text("payment_intent")? {
            None => None,
            Some(id) => Some(self.own_intent(account, id).map_err(|error| error.with_status(400))?),
        };
        let charge = self.own_charge_param(account, params)?;
        let fits = |refund: &Refund| {
            refund.account == account
                && created.holds(refund.created_ms)
                && charge.is_none_or(|charge| charge == refund.charge)
                && intent.is_none_or(|intent| intent == self.charges.at(refund.charge).intent)
        };
        let of_charge = charge.or_else(|| self.intents.at(intent?).charge);
        let (rows, has_more) = match of_charge {
            // The refunds of one charge are a chain, so that looking them up does not depend on all others.
            Some(of_charge) if !params.has("starting_after") && !params.has("ending_before") => {
                let limit = parse_limit(params)?;
                let mut rows: Vec<Row<Refund>> =
                    self.refunds_of(of_charge).filter(|row| fits(self.refunds.at(*row))).take(limit + 1).collect();
                let has_more = rows.len() > limit;
                rows.truncate(limit);
                (rows, has_more)
            }
            _ => page(&self.refunds, params, fits)?,
        };
        ok(self.list_text("/v1/refunds", &Page::Refunds(rows), has_more, expand))
    }

    /// A charge's refunds, newest first.
    pub(super) fn refunds_of(&self, charge: Row<Charge>) -> impl Iterator<Item = Row<Refund>> {
        std::iter::successors(self.charges.at(charge).newest_refund, |row| self.refunds.at(*row).older)
    }

    fn own_charge_param(&self, account: Account, params: Params<'_>) -> Result<Option<Row<Charge>>, ApiError> {
        let Some(id) = params.text("charge")? else { return Ok(None) };
        let row = self.charges.find(id).filter(|row| self.charges.at(*row).account == account);
        match row {
            Some(row) => Ok(Some(row)),
            None => Err(ApiError::missing("charge", &shortened(id), "charge", false)),
        }
    }

    /// `GET /v1/charges/{id}`
    pub(super) fn get_charge(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.charges.find(id).filter(|row| self.charges.at(*row).account == account);
        let row = row.ok_or_else(|| ApiError::missing("charge", &shortened(id), "id", true))?;
        params.check_known(&[], &[])?;
        let expand = params.expand(false, Expand::below_charge)?;
        Ok(Answer::Charge(Box::new(self.view_charge(row, expand))))
    }

    /// `GET /v1/charges`
    pub(super) fn list_charges(&self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(&["created", "ending_before", "limit", "payment_intent", "starting_after"], &[])?;
        let expand = params.expand(true, Expand::below_charge)?;
        let created = Created::parse(params)?;
        let intent = match params.text("payment_intent")? {
            None => None,
            Some(id) => Some(self.own_intent(account, id).map_err(|error| error.with_status(400))?),
        };
        let (rows, has_more) = page(&self.charges, params, |charge| {
            charge.account == account && created.holds(charge.created_ms) && intent.is_none_or(|intent| intent == charge.intent)
        })?;
        ok(self.list_text("/v1/charges", &Page::Charges(rows), has_more, expand))
    }

    /// `GET /v1/balance_transactions/{id}`
    pub(super) fn get_transaction(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.transactions.find(id).filter(|row| self.transactions.at(*row).account == account);
        let row = row.ok_or_else(|| ApiError::missing("balance_transaction", &shortened(id), "id", true))?;
        params.check_known(&[], &[])?;
        params.expand(false, Expand::below_nothing)?;
        Ok(Answer::Transaction(row, self.now_ms))
    }

    /// `GET /v1/balance_transactions`
    pub(super) fn list_transactions(&self, account: Account, params: Params<'_>) -> Outcome {
        const KNOWN: &[&str] = &["created", "currency", "ending_before", "limit", "source", "starting_after", "type"];
        params.check_known(KNOWN, &["payout"])?;
        params.expand(true, Expand::below_nothing)?;
        let created = Created::parse(params)?;
        let (currency, source, kind) = (params.text("currency")?, params.text("source")?, params.text("type")?);
        let (rows, has_more) = page(&self.transactions, params, |transaction: &Transaction| {
            transaction.account == account
                && created.holds(transaction.created_ms)
                && currency.is_none_or(|code| transaction.currency.code() == code)
                && kind.is_none_or(|kind| transaction_kind(transaction.source) == kind)
                && source.is_none_or(|source| self.source_id(transaction.source) == source)
        })?;
        ok(self.list_text("/v1/balance_transactions", &Page::Transactions(rows), has_more, Expand::NONE))
    }

    /// The id of what a balance transaction comes from.
    pub(super) fn source_id(&self, source: Source) -> String {
        match source {
            Source::Charge(row) => self.charges.id(row),
            Source::Refund(row) | Source::RefundFailure(row) => self.refunds.id(row),
            Source::Dispute(row) => self.disputes.id(row),
        }
    }

    /// `GET /v1/payment_methods/{id}`
    pub(super) fn get_method(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.methods.find(id).filter(|row| self.methods.at(*row).account == account);
        let row = row.ok_or_else(|| ApiError::missing("PaymentMethod", &shortened(id), "id", true))?;
        params.check_known(&[], &[])?;
        params.expand(false, Expand::below_nothing)?;
        Ok(Answer::Method(row))
    }

    /// `GET /v1/disputes/{id}`
    pub(super) fn get_dispute(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.disputes.find(id).filter(|row| self.disputes.at(*row).account == account);
        let row = row.ok_or_else(|| ApiError::missing("dispute", &shortened(id), "id", true))?;
        params.check_known(&[], &[])?;
        params.expand(false, Expand::below_nothing)?;
        Ok(Answer::Dispute(row, self.now_ms))
    }

    /// `GET /v1/disputes`
    pub(super) fn list_disputes(&self, account: Account, params: Params<'_>) -> Outcome {
        const KNOWN: &[&str] = &["charge", "created", "ending_before", "limit", "payment_intent", "starting_after"];
        params.check_known(KNOWN, &[])?;
        params.expand(true, Expand::below_nothing)?;
        let created = Created::parse(params)?;
        let charge = self.own_charge_param(account, params)?;
        let intent = match params.text("payment_intent")? {
            None => None,
            Some(id) => Some(self.own_intent(account, id).map_err(|error| error.with_status(400))?),
        };
        let (rows, has_more) = page(&self.disputes, params, |dispute: &Dispute| {
            dispute.account == account
                && created.holds(dispute.created_ms)
                && charge.is_none_or(|charge| charge == dispute.charge)
                && intent.is_none_or(|intent| intent == self.charges.at(dispute.charge).intent)
        })?;
        ok(self.list_text("/v1/disputes", &Page::Disputes(rows), has_more, Expand::NONE))
    }
}

/// `balance_transaction.type`.
pub(super) fn transaction_kind(source: Source) -> &'static str {
    match source {
        Source::Charge(_) => "charge",
        Source::Refund(_) => "refund",
        Source::RefundFailure(_) => "refund_failure",
        Source::Dispute(_) => "adjustment",
    }
}
