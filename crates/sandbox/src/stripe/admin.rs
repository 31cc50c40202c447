//! The operator's door: truth ledger, scripted faults, challenges, configuration, webhook endpoints and deliveries, revoked
//! keys and the simulator's clock, as JSON under `/_admin/`. Not part of the provider's API; it asks for no key, so the listener stays on loopback.

use super::Stripe;
use super::challenge::ChallengeResult;
use super::credentials::CredentialOrder;
use super::endpoints::{EndpointOrder, check_secret};
use super::faults::{ActiveRule, ActiveWebhookRule, FaultRule};
use super::objects::Row;
use super::outbox::{DeliveryCounts, OpenDelivery};
use super::records::Endpoint;
use super::truth;
use super::webhook_faults::{DELAY_MS_MAX, WebhookRule};
use crate::form::Form;
use crate::wire::{Handled, Method, Request, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Furthest the clock may be moved at once, in ms: a year.
const ADVANCE_MS_MAX: u64 = 366 * 24 * 3_600 * 1_000;
/// Charges in a page of the truth unless asked otherwise.
const TRUTH_COUNT_STANDARD: usize = 10_000;
/// Most deliveries shown.
const DELIVERIES_SHOWN_MAX: usize = 100;

#[derive(Debug, Serialize)]
struct Failure {
    error: String,
}

#[derive(Debug, Serialize)]
struct FaultsShown<'a> {
    rules: &'a [ActiveRule],
    webhook_rules: &'a [ActiveWebhookRule],
    counts: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
struct EndpointShown {
    id: String,
    url: String,
    enabled: bool,
    enabled_events: Vec<String>,
    /// What signs.
    secret: String,
    /// What signs too, until then.
    old_secret: Option<String>,
    old_secret_until_ms: Option<u64>,
    deliveries: usize,
}

#[derive(Debug, Serialize)]
struct EndpointsShown {
    endpoints: Vec<EndpointShown>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RollOrder {
    /// Id of the endpoint.
    endpoint: String,
    /// For how long the old secret signs too.
    #[serde(default)]
    overlap_ms: u64,
    /// The new secret; the simulator makes one up unless given.
    #[serde(default)]
    secret: Option<String>,
}

#[derive(Debug, Serialize)]
struct DeliveriesShown {
    counts: DeliveryCounts,
    next_delivery_ms: Option<u64>,
    /// The oldest that are not finished.
    open: Vec<OpenDelivery>,
}

#[derive(Debug, Serialize)]
struct CredentialsShown {
    /// Fingerprints: the first 16 hexadecimal digits of each key's SHA-256.
    revoked: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChallengeOrder {
    /// Id of the payment intent or setup intent.
    #[serde(alias = "setup_intent")]
    payment_intent: String,
    result: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvanceOrder {
    ms: u64,
}

/// A rule about requests or about webhooks, as its kind says.
#[derive(Debug)]
enum RuleOrder {
    Request(FaultRule),
    Webhook(WebhookRule),
}

impl RuleOrder {
    fn parse(value: serde_json::Value) -> Result<Self, String> {
        let about_webhooks = value["kind"].as_str().is_some_and(|kind| kind.starts_with("webhook_"));
        let rule = if about_webhooks {
            serde_json::from_value(value).map(Self::Webhook)
        } else {
            serde_json::from_value(value).map(Self::Request)
        };
        rule.map_err(|error| format!("the rule is not as expected: {error}"))
    }
}

#[derive(Debug, Serialize)]
struct Stats {
    now_ms: u64,
    offset_ms: u64,
    posts: u64,
    payment_intents: u32,
    charges: u32,
    refunds: u32,
    customers: u32,
    events: u32,
    idempotency_keys: usize,
    next_due_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Done {
    ok: bool,
}

fn json(status: u16, value: &impl Serialize, changed: bool) -> Handled {
    let body = serde_json::to_vec(value).unwrap_or_else(|_| b"{\"error\":\"the answer could not be written\"}".to_vec());
    let headers = vec![("Content-Type", "application/json".to_owned())];
    Handled { changed, ..Handled::whole(Response { status, headers, body }) }
}

fn refused(status: u16, error: impl Into<String>) -> Handled {
    json(status, &Failure { error: error.into() }, false)
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is not as expected: {error}"))
}

impl Stripe {
    /// Answers a request under `/_admin/`.
    pub(super) fn handle_admin(&mut self, request: &Request) -> Handled {
        let result = match (request.method, request.path.as_str()) {
            (Method::Get, "/_admin/health") => Ok(json(200, &Done { ok: true }, false)),
            (Method::Get, "/_admin/stats") => Ok(json(200, &self.stats(), false)),
            (Method::Get, "/_admin/truth") => self.admin_truth(&request.query),
            (Method::Get, "/_admin/config") => Ok(json(200, &self.config, false)),
            (Method::Post, "/_admin/config") => self.admin_configure(&request.body),
            (Method::Get, "/_admin/faults") => Ok(json(200, &self.faults_shown(), false)),
            (Method::Post, "/_admin/faults") => self.admin_push_faults(&request.body),
            (Method::Delete, "/_admin/faults") => {
                self.clear_faults();
                Ok(json(200, &self.faults_shown(), true))
            }
            (Method::Get, "/_admin/webhook_endpoints") => Ok(json(200, &self.endpoints_shown(), false)),
            (Method::Post, "/_admin/webhook_endpoints") => self.admin_put_endpoint(&request.body),
            (Method::Post, "/_admin/webhook_endpoints/roll") => self.admin_roll(&request.body),
            (Method::Get, "/_admin/deliveries") => Ok(json(200, &self.deliveries_shown(), false)),
            (Method::Get, "/_admin/credentials") => Ok(json(200, &self.credentials_shown(), false)),
            (Method::Post, "/_admin/credentials") => self.admin_credentials(&request.body),
            (Method::Delete, "/_admin/credentials") => {
                self.restore_keys();
                Ok(json(200, &self.credentials_shown(), true))
            }
            (Method::Post, "/_admin/3ds") => self.admin_challenge(&request.body),
            (Method::Post, "/_admin/advance") => self.admin_advance(&request.body),
            _ => return refused(404, "no such admin call"),
        };
        result.unwrap_or_else(|error| refused(400, error))
    }

    fn stats(&self) -> Stats {
        Stats {
            now_ms: self.now_ms,
            offset_ms: self.offset_ms,
            posts: self.posts,
            payment_intents: self.intents.count(),
            charges: self.charges.count(),
            refunds: self.refunds.count(),
            customers: self.customers.count(),
            events: self.events.count(),
            idempotency_keys: self.keys.count(),
            next_due_ms: self.timers.next_due_ms(),
        }
    }

    fn faults_shown(&self) -> FaultsShown<'_> {
        let requests = self.faults.counts().iter().map(|(kind, count)| (kind.name(), *count));
        let webhooks = self.faults.webhook_counts().iter().map(|(kind, count)| (kind.name(), *count));
        let counts = requests.chain(webhooks).collect();
        FaultsShown { rules: self.faults.rules(), webhook_rules: self.faults.webhook_rules(), counts }
    }

    /// `summary=1` leaves the charges out; `since`, `limit` page them; `reference` names the metadata to group by.
    fn admin_truth(&self, query: &str) -> Result<Handled, String> {
        let form = Form::parse(query.as_bytes()).map_err(|error| error.to_string())?;
        let text = |name: &str| form.member(name).and_then(|node| node.text());
        let since = match text("since") {
            None => 0,
            Some(since) => since.parse::<u32>().map_err(|_| "since must be a number".to_owned())?,
        };
        let limit = match (text("summary"), text("limit")) {
            (Some("1" | "true"), _) => 0,
            (_, None) => TRUTH_COUNT_STANDARD,
            (_, Some(limit)) => match limit.parse::<usize>() {
                Ok(limit) if (1..=truth::CHARGES_MAX).contains(&limit) => limit,
                _ => return Err(format!("limit must be a number from 1 to {}", truth::CHARGES_MAX)),
            },
        };
        Ok(json(200, &self.truth_page(since, limit, text("reference")), false))
    }

    /// Changes the settings that the body names, and no others.
    fn admin_configure(&mut self, body: &[u8]) -> Result<Handled, String> {
        self.config = self.config.overlaid(parse(body)?)?;
        Ok(json(200, &self.config, true))
    }

    /// All rules of the list are added, or none.
    fn admin_push_faults(&mut self, body: &[u8]) -> Result<Handled, String> {
        let rules = match parse::<serde_json::Value>(body)? {
            serde_json::Value::Array(rules) => rules,
            rule => vec![rule],
        };
        let mut faults = self.faults.clone();
        for rule in rules {
            match RuleOrder::parse(rule)? {
                RuleOrder::Request(rule) => faults.push(rule)?,
                RuleOrder::Webhook(rule) => faults.push_webhook(rule)?,
            };
        }
        self.faults = faults;
        Ok(json(200, &self.faults_shown(), true))
    }

    fn endpoint_shown(&self, row: Row<Endpoint>) -> EndpointShown {
        let endpoint = self.endpoints.at(row);
        let old = endpoint.old_secret.as_ref().filter(|(_, until_ms)| *until_ms > self.now_ms);
        EndpointShown {
            id: self.endpoints.id(row),
            url: endpoint.url.clone(),
            enabled: endpoint.enabled,
            enabled_events: endpoint.events.clone(),
            secret: self.endpoint_secret(row),
            old_secret: old.map(|(secret, _)| secret.clone()),
            old_secret_until_ms: old.map(|(_, until_ms)| *until_ms),
            deliveries: self.outbox.waiting_count(row),
        }
    }

    fn endpoints_shown(&self) -> EndpointsShown {
        let living = self.endpoints.rows().filter(|(_, endpoint)| !endpoint.deleted);
        EndpointsShown { endpoints: living.map(|(row, _)| self.endpoint_shown(row)).collect() }
    }

    /// Makes an endpoint of the platform's own account with a given or a new secret, or changes the one with that URL.
    fn admin_put_endpoint(&mut self, body: &[u8]) -> Result<Handled, String> {
        let (row, changed) = self.put_endpoint(parse::<EndpointOrder>(body)?).map_err(|error| error.message)?;
        Ok(json(200, &self.endpoint_shown(row), changed))
    }

    fn admin_roll(&mut self, body: &[u8]) -> Result<Handled, String> {
        let RollOrder { endpoint, overlap_ms, secret } = parse(body)?;
        if overlap_ms > DELAY_MS_MAX {
            return Err(format!("overlap_ms must be at most {DELAY_MS_MAX}"));
        }
        check_secret(secret.as_deref()).map_err(|error| error.message)?;
        let found = self.endpoints.find(&endpoint).filter(|row| !self.endpoints.at(*row).deleted);
        let row = found.ok_or_else(|| format!("no such webhook endpoint: {endpoint}"))?;
        self.roll_secret(row, overlap_ms, secret);
        Ok(json(200, &self.endpoint_shown(row), true))
    }

    fn deliveries_shown(&self) -> DeliveriesShown {
        DeliveriesShown {
            counts: self.delivery_counts(),
            next_delivery_ms: self.next_delivery_ms(),
            open: self.open_deliveries(DELIVERIES_SHOWN_MAX),
        }
    }

    fn credentials_shown(&self) -> CredentialsShown {
        CredentialsShown { revoked: self.revoked.texts() }
    }

    fn admin_credentials(&mut self, body: &[u8]) -> Result<Handled, String> {
        self.order_credentials(&parse::<CredentialOrder>(body)?)?;
        Ok(json(200, &self.credentials_shown(), true))
    }

    fn admin_challenge(&mut self, body: &[u8]) -> Result<Handled, String> {
        let ChallengeOrder { payment_intent, result } = parse(body)?;
        let result = ChallengeResult::parse(&result).ok_or("result must be success or fail")?;
        self.end_challenge_of(&payment_intent, result).map_err(|error| error.message)?;
        Ok(json(200, &Done { ok: true }, true))
    }

    /// Moves the simulator's clock forward and lets everything due happen.
    fn admin_advance(&mut self, body: &[u8]) -> Result<Handled, String> {
        let AdvanceOrder { ms } = parse(body)?;
        if ms > ADVANCE_MS_MAX {
            return Err(format!("ms must be at most {ADVANCE_MS_MAX}"));
        }
        self.offset_ms = self.offset_ms.saturating_add(ms);
        self.now_ms = self.now_ms.saturating_add(ms);
        self.run_due();
        Ok(json(200, &self.stats(), true))
    }
}
