//! The operator's door: truth ledger, scripted faults, challenges, configuration and the simulator's clock, as JSON
//! under `/_admin/`. Not part of the provider's API; it asks for no key, so the listener stays on loopback.

use super::Stripe;
use super::challenge::ChallengeResult;
use super::faults::{ActiveRule, FaultRule};
use super::{Config, truth};
use crate::form::Form;
use crate::wire::{Delivery, Handled, Method, Request, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Furthest the clock may be moved at once, in ms: a year.
const ADVANCE_MS_MAX: u64 = 366 * 24 * 3_600 * 1_000;
/// Charges in a page of the truth unless asked otherwise.
const TRUTH_COUNT_STANDARD: usize = 10_000;

#[derive(Debug, Serialize)]
struct Failure {
    error: String,
}

#[derive(Debug, Serialize)]
struct FaultsShown<'a> {
    rules: &'a [ActiveRule],
    counts: BTreeMap<&'static str, u64>,
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

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RulesOrder {
    Several(Vec<FaultRule>),
    One(Box<FaultRule>),
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
    let response = Response { status, headers, body };
    Handled { response, delivery: Delivery::Normal { latency_ms: 0 }, changed }
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
        let counts = self.faults.counts().iter().map(|(kind, count)| (kind.name(), *count)).collect();
        FaultsShown { rules: self.faults.rules(), counts }
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

    fn admin_configure(&mut self, body: &[u8]) -> Result<Handled, String> {
        self.config = parse::<Config>(body)?;
        Ok(json(200, &self.config, true))
    }

    /// All rules of the list are added, or none.
    fn admin_push_faults(&mut self, body: &[u8]) -> Result<Handled, String> {
        let rules = match parse::<RulesOrder>(body)? {
            RulesOrder::Several(rules) => rules,
            RulesOrder::One(rule) => vec![*rule],
        };
        let mut faults = self.faults.clone();
        for rule in rules {
            faults.push(rule)?;
        }
        self.faults = faults;
        Ok(json(200, &self.faults_shown(), true))
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
