//! Webhook endpoints as objects, and reading events. Deliveries and secrets are in [`super::outbox`].
//!
//! Source: docs.stripe.com/api/webhook_endpoints, docs.stripe.com/api/events.

use super::Stripe;
use super::answers::{Answer, Deleted, Outcome, SecretShown, Shown, StatusShown};
use super::errors::ApiError;
use super::events::Event;
use super::expand::{Expand, Place, Shape};
use super::objects::{Account, Row};
use super::params::Params;
use super::queries::{Created, own, page};
use super::records::Endpoint;
use serde::Deserialize;

/// Most endpoints of one account (docs.stripe.com/webhooks).
const ENDPOINTS_MAX: usize = 16;
/// Longest secret, in bytes.
const SECRET_BYTES_MAX: usize = 256;
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

/// An endpoint as the operator orders it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointOrder {
    url: String,
    /// What is to sign; the simulator makes one up unless given.
    #[serde(default)]
    secret: Option<String>,
    #[serde(default = "all_events")]
    enabled_events: Vec<String>,
    #[serde(default)]
    api_version: Option<String>,
}

fn all_events() -> Vec<String> {
    vec!["*".to_owned()]
}

impl Stripe {
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
            secret: None,
            old_secret: None,
            roll_count: 0,
        };
        params.change_metadata(&mut endpoint.metadata)?;
        let row = self.add_endpoint(endpoint)?;
        Ok(Answer::new(Shown::Endpoint(row, SecretShown::Once), expand))
    }

    /// Adds an endpoint, if its account has room for it.
    fn add_endpoint(&mut self, added: Endpoint) -> Result<Row<Endpoint>, ApiError> {
        let living = self.endpoints.rows().filter(|(_, endpoint)| endpoint.account == added.account && !endpoint.deleted).count();
        if living >= ENDPOINTS_MAX {
            return Err(ApiError::invalid(format!("You have reached the maximum of {ENDPOINTS_MAX} test webhook endpoints.")).after_start());
        }
        Ok(self.endpoints.push(added))
    }

    /// Makes an endpoint of the platform's own account, or makes the one with that URL so. Says whether anything changed.
    ///
    /// # Errors
    /// A value is not as the provider takes it; the text says which.
    pub(super) fn put_endpoint(&mut self, put: EndpointOrder) -> Result<(Row<Endpoint>, bool), ApiError> {
        let EndpointOrder { url, secret, enabled_events, api_version } = put;
        let url = parse_url(&url)?;
        check_secret(secret.as_deref())?;
        check_events(enabled_events.iter().map(String::as_str))?;
        if let Some(version) = &api_version {
            super::check_version(version)?;
        }
        let account = self.account(None)?;
        let mut endpoint = Endpoint {
            account,
            created_ms: self.now_ms,
            deleted: false,
            enabled: true,
            connect: false,
            url,
            description: None,
            events: enabled_events,
            api_version,
            metadata: super::objects::Metadata::default(),
            secret,
            old_secret: None,
            roll_count: 0,
        };
        let same = |(_, known): &(Row<Endpoint>, &Endpoint)| {
            known.account == account && !known.deleted && !known.connect && known.url == endpoint.url
        };
        let Some((row, known)) = self.endpoints.rows().find(same) else { return Ok((self.add_endpoint(endpoint)?, true)) };
        let secret = endpoint.secret.take().filter(|given| *given != self.endpoint_secret(row));
        let changed = secret.is_some() || !known.enabled || known.events != endpoint.events || known.api_version != endpoint.api_version;
        let known = self.endpoints.at_mut(row);
        (known.enabled, known.events, known.api_version) = (true, endpoint.events, endpoint.api_version);
        if secret.is_some() {
            (known.secret, known.old_secret) = (secret, None);
        }
        Ok((row, changed))
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
        Ok(self.list("/v1/events", &found, &expand, |stripe, json, row, _| stripe.render_event(json, row, None, StatusShown::True)))
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
    check_events(events.iter().copied())?;
    Ok(Some(events.into_iter().map(str::to_owned).collect()))
}

/// Whether all are types of events, or stand for all of them.
fn check_events<'a>(mut events: impl ExactSizeIterator<Item = &'a str>) -> Result<(), ApiError> {
    if events.len() > EVENT_TYPES_MAX {
        return Err(ApiError::invalid(format!("enabled_events can have at most {EVENT_TYPES_MAX} entries")).with_param("enabled_events"));
    }
    let known = |event: &str| {
        let family = event.split_once('.').map(|(family, _)| family);
        let spelled = event.bytes().all(|byte| byte.is_ascii_lowercase() || b"._0123456789".contains(&byte));
        event == "*" || (spelled && family.is_some_and(|family| FAMILIES.contains(&family)))
    };
    match events.find(|event| !known(event)) {
        Some(event) => {
            let shown: String = event.chars().take(100).collect();
            Err(ApiError::invalid(format!("Invalid enabled_events: {shown} is not an event type")).with_param("enabled_events"))
        }
        None => Ok(()),
    }
}

/// Whether a text can be an endpoint's secret.
pub(super) fn check_secret(secret: Option<&str>) -> Result<(), ApiError> {
    let fits = |secret: &str| {
        secret.starts_with("whsec_") && secret.len() <= SECRET_BYTES_MAX && secret.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if secret.is_none_or(fits) {
        return Ok(());
    }
    Err(ApiError::invalid(format!("A secret begins with whsec_ and has at most {SECRET_BYTES_MAX} visible characters."))
        .with_param("secret"))
}

fn parse_url(url: &str) -> Result<String, ApiError> {
    let fits = (url.starts_with("https://") || url.starts_with("http://")) && url.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(url.to_owned());
    }
    Err(ApiError::invalid("Invalid URL: URL must be a valid http or https URL").with_code("url_invalid").with_param("url"))
}
