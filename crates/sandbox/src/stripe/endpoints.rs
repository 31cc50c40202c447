//! Webhook endpoints as objects, and reading events. Delivering is not done here.
//!
//! Source: docs.stripe.com/api/webhook_endpoints, docs.stripe.com/api/events.

use super::Stripe;
use super::answers::{Answer, Deleted, Outcome, SecretShown, Shown};
use super::errors::ApiError;
use super::events::Event;
use super::expand::{Expand, Place, Shape};
use super::objects::{Account, Row};
use super::params::Params;
use super::queries::{Created, own, page};
use super::records::Endpoint;
use crate::random;

/// Most endpoints of one account (docs.stripe.com/webhooks).
const ENDPOINTS_MAX: usize = 16;
/// Most entries of `enabled_events`.
const EVENT_TYPES_MAX: usize = 300;
/// Most entries of `types` in a list of events (docs.stripe.com/api/events/list).
const TYPES_MAX: usize = 20;
/// What types of events begin with (docs.stripe.com/api/events/types).
#[rustfmt::skip] // a dense list reads better than one word a line
const FAMILIES: &[&str] = &[
    "account", "application_fee", "apps", "balance", "balance_settings", "billing", "billing_portal", "capability", "cash_balance",
    "charge", "checkout", "climate", "coupon", "credit_note", "customer", "customer_cash_balance_transaction", "entitlements", "file",
    "financial_connections", "identity", "invoice", "invoice_payment", "invoiceitem", "issuing_authorization", "issuing_card",
    "issuing_cardholder", "issuing_dispute", "issuing_personalization_design", "issuing_token", "issuing_transaction", "mandate",
    "payment_intent", "payment_link", "payment_method", "payout", "person", "plan", "price", "product", "promotion_code", "quote",
    "radar", "refund", "reporting", "reserve", "review", "setup_intent", "sigma", "source", "subscription_schedule", "tax", "tax_rate",
    "terminal", "test_helpers", "topup", "transfer", "treasury",
];
const STREAM_SECRET: u64 = 301;
/// Base-62 digits of a secret, in groups of at most ten.
const SECRET_DIGITS: [usize; 4] = [8, 8, 8, 8];

impl Stripe {
    /// What an endpoint's deliveries are signed with.
    pub(super) fn endpoint_secret(&self, row: Row<Endpoint>) -> String {
        let mut secret = "whsec_".to_owned();
        for (part, digits) in (0u64..).zip(SECRET_DIGITS) {
            random::push_digits(&mut secret, random::mix(self.seed, STREAM_SECRET + part, u64::from(row.index())), digits);
        }
        secret
    }

    fn own_endpoint(&self, account: Account, id: &str) -> Result<Row<Endpoint>, ApiError> {
        let row = own(&self.endpoints, account, id, "id", true)?;
        if self.endpoints.at(row).deleted {
            return Err(ApiError::missing("webhook endpoint", id, "id", true));
        }
        Ok(row)
    }

    /// `POST /v1/webhook_endpoints`: the only answer with the secret.
    pub(super) fn create_endpoint(&mut self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(&["api_version", "connect", "description", "enabled_events", "metadata", "url"], &[])?;
        let expand = Expand::parse(params, Shape::Leaf, Place::Object)?;
        let events = enabled_events(params)?.ok_or_else(|| ApiError::missing_param("enabled_events"))?;
        let url = parse_url(params.required_text("url")?)?;
        let api_version = params.owned("api_version")?;
        if let Some(version) = &api_version {
            super::check_version(version)?;
        }
        let mut endpoint = Endpoint {
            account,
            created_ms: self.now_ms,
            deleted: false,
            enabled: true,
            connect: params.boolean("connect")?.unwrap_or(false),
            url,
            description: params.owned("description")?,
            events,
            api_version,
            metadata: super::objects::Metadata::default(),
        };
        params.change_metadata(&mut endpoint.metadata)?;
        let living = self.endpoints.rows().filter(|(_, endpoint)| endpoint.account == account && !endpoint.deleted).count();
        if living >= ENDPOINTS_MAX {
            return Err(ApiError::invalid(format!("You have reached the maximum of {ENDPOINTS_MAX} test webhook endpoints.")).after_start());
        }
        let row = self.endpoints.push(endpoint);
        Ok(Answer::new(Shown::Endpoint(row, SecretShown::Once), expand))
    }

    /// `POST /v1/webhook_endpoints/{id}`
    pub(super) fn update_endpoint(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_endpoint(account, id)?;
        params.check_known(&["description", "disabled", "enabled_events", "metadata", "url"], &[])?;
        let expand = Expand::parse(params, Shape::Leaf, Place::Object)?;
        let mut endpoint = self.endpoints.at(row).clone();
        if let Some(disabled) = params.boolean("disabled")? {
            endpoint.enabled = !disabled;
        }
        if let Some(events) = enabled_events(params)? {
            endpoint.events = events;
        }
        if let Some(url) = params.text("url")? {
            endpoint.url = parse_url(url)?;
        }
        params.change("description", &mut endpoint.description)?;
        params.change_metadata(&mut endpoint.metadata)?;
        *self.endpoints.at_mut(row) = endpoint;
        Ok(Answer::new(Shown::Endpoint(row, SecretShown::No), expand))
    }

    /// `DELETE /v1/webhook_endpoints/{id}`
    pub(super) fn delete_endpoint(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_endpoint(account, id)?;
        params.check_known(&[], &[])?;
        self.endpoints.at_mut(row).deleted = true;
        Ok(Answer::new(Shown::Deleted(Deleted::Endpoint(row)), Expand::default()))
    }

    /// `GET /v1/webhook_endpoints/{id}`
    pub(super) fn get_endpoint(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_endpoint(account, id)?;
        params.check_known(&[], &[])?;
        Ok(Answer::new(Shown::Endpoint(row, SecretShown::No), Expand::parse(params, Shape::Leaf, Place::Object)?))
    }

    /// `GET /v1/webhook_endpoints`
    pub(super) fn list_endpoints(&self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(&["ending_before", "limit", "starting_after"], &[])?;
        let expand = Expand::parse(params, Shape::Leaf, Place::List)?;
        let found = page(&self.endpoints, None, params, |endpoint: &Endpoint| endpoint.account == account && !endpoint.deleted)?;
        Ok(self.list("/v1/webhook_endpoints", &found, &expand, |stripe, json, row, _| {
            stripe.render_endpoint(json, row, SecretShown::No);
        }))
    }

    /// Whether an event can still be read.
    fn is_kept(&self, event: &Event) -> bool {
        event.created_ms >= self.now_ms.saturating_sub(self.config.event_retention_ms)
    }

    /// `GET /v1/events/{id}`
    pub(super) fn get_event(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.events, account, id, "id", true)?;
        params.check_known(&[], &[])?;
        if !self.is_kept(self.events.at(row)) {
            return Err(ApiError::missing("event", id, "id", true));
        }
        Ok(Answer::new(Shown::Event(row), Expand::parse(params, Shape::Leaf, Place::Object)?))
    }

    /// `GET /v1/events`
    pub(super) fn list_events(&self, account: Account, params: Params<'_>) -> Outcome {
        const KNOWN: &[&str] = &["created", "delivery_success", "ending_before", "limit", "starting_after", "type", "types"];
        params.check_known(KNOWN, &[])?;
        let expand = Expand::parse(params, Shape::Leaf, Place::List)?;
        let created = Created::parse(params)?;
        let kind = params.text("type")?;
        let kinds = params.list("types", TYPES_MAX)?;
        if kind.is_some() && kinds.is_some() {
            return Err(ApiError::exclusive("type, types"));
        }
        let delivered = params.boolean("delivery_success")?;
        let found = page(&self.events, None, params, |event: &Event| {
            event.account == account
                && created.holds(event.created_ms)
                && kind.is_none_or(|kind| kind_matches(kind, event.kind))
                && kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|kind| kind_matches(kind, event.kind)))
                && delivered.is_none_or(|delivered| delivered == (event.pending == 0))
                && self.is_kept(event)
        })?;
        Ok(self.list("/v1/events", &found, &expand, |stripe, json, row, _| stripe.render_event(json, row, None)))
    }
}

/// A type, or a group of types with `*` in place of a part.
fn kind_matches(wanted: &str, kind: &str) -> bool {
    match wanted.split_once('*') {
        None => wanted == kind,
        Some((start, end)) => kind.len() >= start.len() + end.len() && kind.starts_with(start) && kind.ends_with(end),
    }
}

fn enabled_events(params: Params<'_>) -> Result<Option<Vec<String>>, ApiError> {
    let Some(events) = params.list("enabled_events", EVENT_TYPES_MAX)? else { return Ok(None) };
    let known = |event: &str| {
        let family = event.split_once('.').map(|(family, _)| family);
        let spelled = event.bytes().all(|byte| byte.is_ascii_lowercase() || b"._0123456789".contains(&byte));
        event == "*" || (spelled && family.is_some_and(|family| FAMILIES.contains(&family)))
    };
    match events.iter().find(|event| !known(event)) {
        Some(event) => {
            let shown: String = event.chars().take(100).collect();
            Err(ApiError::invalid(format!("Invalid enabled_events: {shown} is not an event type")).with_param("enabled_events"))
        }
        None => Ok(Some(events.into_iter().map(str::to_owned).collect())),
    }
}

fn parse_url(url: &str) -> Result<String, ApiError> {
    let fits = (url.starts_with("https://") || url.starts_with("http://")) && url.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(url.to_owned());
    }
    Err(ApiError::invalid("Invalid URL: URL must be a valid http or https URL").with_code("url_invalid").with_param("url"))
}
