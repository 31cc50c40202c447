//! The simulated Stripe: a deterministic core. A request and a time go in; an answer and an instruction for the
//! transport come out. The same seed, configuration and requests give the same answers, byte for byte.
//!
//! Here: the state and the path of one request (authentication, routing, idempotency, faults, delivery).
//! Life cycles are in a module per resource, the table of calls in `operation`, rendering in `render`, what happened in
//! `events`, who is told of it in [`outbox`], the truth in [`truth`].
//! Not here: sockets, files, clocks.

mod admin;
mod answers;
mod card_data;
mod card_table;
pub mod cards;
mod challenge;
mod charges;
mod config;
mod contacts;
mod credentials;
mod currency;
mod customers;
mod disputes;
mod endpoints;
mod errors;
mod events;
mod expand;
pub mod faults;
mod idempotency;
mod intents;
mod objects;
mod operation;
pub mod outbox;
mod params;
mod payment_methods;
mod payouts;
mod queries;
mod records;
mod refunds;
mod render;
mod search;
mod setup_intents;
mod timers;
pub mod truth;
pub mod webhook_faults;

pub use card_data::masked_text;
pub use challenge::ChallengeResult;
pub use config::Config;
pub use credentials::{recorded_authorization, recorded_order};
pub use errors::ApiError;
pub use events::EVENTS_MAX;
pub use faults::{FaultKind, FaultRule};
pub use outbox::{DELIVERIES_MAX, DeliveryCounts, DeliveryNumber, DeliveryOutcome, WebhookDelivery};
pub use webhook_faults::{WebhookFaultKind, WebhookRule};

use crate::form::Form;
use crate::latency::Latency;
use crate::random;
use crate::wire::{Delivery, Handled, Method, Request, Response};
use answers::{IntentPicture, Kept, Outcome, RawAnswer, RefundPicture, Shown, StatusShown};
use credentials::{Fingerprint, Revoked};
use events::{Cause, Event};
use faults::{Fault, Plan, Subject};
use idempotency::{Found, Key, Keys};
use objects::{Account, Charge, Intent, Refund, Row, Table, Transaction};
use operation::{About, Operation, Script};
use outbox::Outbox;
use params::Params;
use records::{Customer, Dispute, Endpoint, PaymentMethod, Payout, SetupIntent, Warning};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Most connected accounts.
const ACCOUNTS_MAX: usize = 10_000;
/// How fast a slow body leaves unless its rule says so.
const SLOW_BYTES_PER_S: u32 = 256;
/// Streams of numbers drawn from the seed.
const STREAM_POSTS: u64 = 101;
const STREAM_READS: u64 = 102;
const STREAM_LATENCY: u64 = 103;
const STREAM_ORIGINAL: u64 = 104;

/// The simulated provider.
#[derive(Debug, Clone)]
pub struct Stripe {
    seed: u64,
    config: Config,
    /// Latest time seen, ms since 1970.
    now_ms: u64,
    /// How far the simulator's clock was moved forward, ms.
    offset_ms: u64,
    posts: u64,
    reads: u64,
    accounts: Vec<Arc<str>>,
    intents: Table<Intent>,
    charges: Table<Charge>,
    refunds: Table<Refund>,
    transactions: Table<Transaction>,
    disputes: Table<Dispute>,
    methods: Table<PaymentMethod>,
    customers: Table<Customer>,
    /// Payment methods of each customer, oldest first.
    customer_methods: BTreeMap<Row<Customer>, Vec<Row<PaymentMethod>>>,
    setups: Table<SetupIntent>,
    payouts: Table<Payout>,
    warnings: Table<Warning>,
    endpoints: Table<Endpoint>,
    events: Table<Event>,
    outbox: Outbox,
    /// The request that is executing, for the events it causes.
    cause: Option<Cause>,
    search: search::Index,
    keys: Keys,
    timers: timers::Timers,
    faults: faults::Faults,
    /// What the metadata of the request that is executing does to webhooks.
    webhook_script: Vec<webhook_faults::ScriptPart>,
    revoked: Revoked,
}

/// A request on its way, as far as it is understood.
#[derive(Debug, Clone)]
struct Call {
    account: Account,
    operation: Operation,
    path: String,
    form: Form,
    /// Whether the request's version captures asynchronously unless told otherwise.
    captures_async: bool,
    /// Whether the request's version lets the provider choose the types of payment methods unless told otherwise.
    chooses_methods: bool,
    key: Option<Key>,
    /// Of the secret key.
    credential: Fingerprint,
    /// Number of the request.
    number: u64,
}

/// Whether a request may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// Whether a request's secret key still has to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// It has.
    None,
    /// It was accepted when the request was recorded.
    Recorded,
}

/// What every answer's headers need.
#[derive(Debug, Clone)]
struct Exchange {
    request_id: String,
    version: String,
    key: Option<String>,
    /// The request whose kept answer this is.
    original: Option<String>,
}

impl Stripe {
    /// A provider without objects. Ids, draws and latencies follow from `seed` alone.
    pub fn new(seed: u64, config: Config) -> Self {
        Self {
            seed,
            config,
            now_ms: 0,
            offset_ms: 0,
            posts: 0,
            reads: 0,
            accounts: Vec::new(),
            intents: Table::new(seed),
            charges: Table::new(seed),
            refunds: Table::new(seed),
            transactions: Table::new(seed),
            disputes: Table::new(seed),
            methods: Table::new(seed),
            customers: Table::new(seed),
            customer_methods: BTreeMap::new(),
            setups: Table::new(seed),
            payouts: Table::new(seed),
            warnings: Table::new(seed),
            endpoints: Table::new(seed),
            events: Table::new(seed),
            outbox: Outbox::default(),
            cause: None,
            search: search::Index::default(),
            keys: Keys::default(),
            timers: timers::Timers::default(),
            faults: faults::Faults::default(),
            webhook_script: Vec::new(),
            revoked: Revoked::default(),
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Puts another configuration in force for what follows.
    pub fn configure(&mut self, config: Config) {
        self.config = config;
    }

    /// Adds a fault rule; returns its number.
    ///
    /// # Errors
    /// The rule breaks a limit; the text says which.
    pub fn push_fault(&mut self, rule: FaultRule) -> Result<u64, String> {
        self.faults.push(rule)
    }

    /// Adds a fault rule about webhooks; returns its number.
    ///
    /// # Errors
    /// The rule breaks a limit; the text says which.
    pub fn push_webhook_fault(&mut self, rule: WebhookRule) -> Result<u64, String> {
        self.faults.push_webhook(rule)
    }

    /// How often a webhook fault was applied: once for each delivery it struck.
    pub fn webhook_fault_count(&self, kind: WebhookFaultKind) -> u64 {
        self.faults.webhook_counts().get(&kind).copied().unwrap_or(0)
    }

    /// Removes all fault rules; their counters stay.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// How often a fault was applied.
    pub fn fault_count(&self, kind: FaultKind) -> u64 {
        self.faults.counts().get(&kind).copied().unwrap_or(0)
    }

    /// How many idempotency keys are kept.
    pub fn key_count(&self) -> usize {
        self.keys.count()
    }

    /// Lets time pass without a request: everything due until then happens.
    pub fn advance_to(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms.saturating_add(self.offset_ms));
        self.run_due();
    }

    /// When something will next happen by itself, in the time of [`Stripe::handle`].
    pub fn next_due_ms(&self) -> Option<u64> {
        self.timers.next_due_ms().map(|due_ms| due_ms.saturating_sub(self.offset_ms))
    }

    /// Answers one request. `now_ms` is the time in ms since 1970; a time before the last one counts as the last.
    /// Total: any bytes are answered.
    pub fn handle(&mut self, request: &Request, now_ms: u64) -> Handled {
        self.answer(request, now_ms, Trust::None)
    }

    /// Executes a recorded request again: as [`Stripe::handle`], but whether its key was accepted is on record and
    /// the key itself is not.
    pub fn replay(&mut self, request: &Request, now_ms: u64) -> Handled {
        self.answer(request, now_ms, Trust::Recorded)
    }

    fn answer(&mut self, request: &Request, now_ms: u64, trust: Trust) -> Handled {
        self.advance_to(now_ms);
        // What happened by itself until now holds no answer up.
        self.outbox.early.clear();
        let mut handled = self.dispatch(request, trust);
        handled.early = std::mem::take(&mut self.outbox.early);
        handled
    }

    fn dispatch(&mut self, request: &Request, trust: Trust) -> Handled {
        if request.path.starts_with("/_admin/") {
            return self.handle_admin(request);
        }
        if let Some(intent) = request.path.strip_prefix("/3ds/") {
            return self.handle_challenge(request, intent);
        }
        let mut exchange = Exchange {
            request_id: String::new(),
            version: request.headers.stripe_version.clone().unwrap_or_else(|| self.config.api_version.clone()),
            key: None,
            original: None,
        };
        match self.understand(request, trust) {
            Ok(call) => {
                let access = match request.method {
                    Method::Post | Method::Delete => Access::Write,
                    Method::Get | Method::Other => Access::Read,
                };
                self.perform(call, access, exchange)
            }
            Err(error) => {
                self.reads += 1;
                exchange.request_id = self.request_id(STREAM_READS, self.reads);
                let raw = self.error_text(&error, &exchange.request_id);
                Handled::whole(respond(raw, &exchange))
            }
        }
    }

    /// Everything about a request that can be refused before an endpoint is reached. Changes nothing but the list of
    /// accounts, which a repeated request would extend in the same way.
    fn understand(&mut self, request: &Request, trust: Trust) -> Result<Call, ApiError> {
        let authorization = request.headers.authorization.as_deref();
        let credential = match trust {
            Trust::None => self.authenticate(authorization)?,
            Trust::Recorded => Fingerprint::of_record(authorization),
        };
        let operation = Operation::route(request.method, &request.path)?;
        let encoded = match request.method {
            Method::Post => {
                check_content_type(request.headers.content_type.as_deref())?;
                request.body.as_slice()
            }
            Method::Get | Method::Delete | Method::Other => request.query.as_bytes(),
        };
        let mut form = Form::parse(encoded).map_err(|error| ApiError::invalid(format!("Invalid request: {error}")))?;
        card_data::check(&form)?;
        card_data::mask(&mut form);
        if let Some(version) = &request.headers.stripe_version {
            check_version(version)?;
        }
        let account = self.account(request.headers.stripe_account.as_deref())?;
        let key = match request.headers.idempotency_key.as_deref() {
            Some(text) if request.method == Method::Post && !text.is_empty() => {
                if text.chars().count() > idempotency::KEY_CHARS_MAX {
                    let message = format!("Idempotency keys can be at most {} characters long.", idempotency::KEY_CHARS_MAX);
                    return Err(ApiError::invalid(message));
                }
                Some(Key { account, text: Arc::from(text) })
            }
            _ => None,
        };
        let version = request.headers.stripe_version.as_deref().unwrap_or(&self.config.api_version);
        // Since 2024-04-10 the default is `automatic_async`, since 2023-08-16 automatic payment methods
        // (docs.stripe.com/changelog).
        let is_since = |first: &str| version.get(..10).is_some_and(|date| date >= first);
        let (captures_async, chooses_methods) = (is_since("2024-04-10"), is_since("2023-08-16"));
        Ok(Call { account, operation, path: request.path.clone(), form, captures_async, chooses_methods, key, credential, number: 0 })
    }

    fn account(&mut self, connected: Option<&str>) -> Result<Account, ApiError> {
        let name = connected.unwrap_or("");
        let index = match self.accounts.iter().position(|account| **account == *name) {
            Some(index) => index,
            None if self.accounts.len() < ACCOUNTS_MAX && name.len() <= 64 => {
                self.accounts.push(Arc::from(name));
                self.accounts.len() - 1
            }
            None => {
                let message = "The provided key does not have access to the given account.";
                return Err(ApiError::invalid(message).with_status(403).with_code("account_invalid"));
            }
        };
        Ok(Account(u32::try_from(index).expect("accounts are bounded")))
    }

    fn perform(&mut self, mut call: Call, access: Access, mut exchange: Exchange) -> Handled {
        let (stream, number) = match access {
            Access::Write => {
                self.posts += 1;
                (STREAM_POSTS, self.posts)
            }
            Access::Read => {
                self.reads += 1;
                (STREAM_READS, self.reads)
            }
        };
        call.number = number;
        exchange.request_id = self.request_id(stream, number);
        exchange.key = call.key.as_ref().map(|key| key.text.to_string());
        let (mut plan, moved) = self.plan(&call);
        let bounds = Latency::Uniform { min_ms: self.config.latency_ms_min, max_ms: self.config.latency_ms_max };
        let latency_ms = self.config.latency.unwrap_or(bounds).draw(self.seed, STREAM_LATENCY ^ stream, number);
        plan.latency_ms = plan.latency_ms.saturating_add(latency_ms);
        let mut handled = match access {
            Access::Write => self.write(call, plan, exchange),
            Access::Read => self.read(&call, plan, &exchange),
        };
        handled.changed = access == Access::Write || moved;
        handled
    }

    /// Ids of requests follow from a counter, so that a restart that replays the writes reproduces theirs.
    fn request_id(&self, stream: u64, number: u64) -> String {
        let time = if stream == STREAM_READS { self.now_ms } else { 0 };
        let mut id = String::from("req_");
        random::push_digits(&mut id, random::mix(self.seed, stream ^ time, number), 7);
        random::push_digits(&mut id, random::mix(self.seed, STREAM_ORIGINAL ^ stream ^ time, number), 7);
        id
    }

    /// What the rules do to a request, and whether any of them matched.
    fn plan(&mut self, call: &Call) -> (Plan, bool) {
        if self.faults.rules().is_empty() {
            return (Plan::default(), false);
        }
        let own = Params::new(&call.form).metadata().ok().flatten().unwrap_or_default();
        let subject_texts = self.subject(call).map(|row| Arc::clone(&self.intents.at(row).texts));
        let texts = subject_texts.as_deref();
        let metadata = |name: &str| own.value(name).or_else(|| texts.and_then(|texts| texts.metadata.value(name)));
        let subject = Subject { operation: call.operation.name(), path: &call.path, metadata: &metadata };
        self.faults.choose(self.seed, &subject)
    }

    /// The payment intent that a call acts on.
    fn subject(&self, call: &Call) -> Option<Row<Intent>> {
        let id = &call.operation.id;
        match call.operation.route.about {
            About::Nothing => None,
            About::Intent => self.intents.find(id),
            About::Charge => Some(self.charges.at(self.charges.find(id)?).intent),
            About::Refund => Some(self.charges.at(self.refunds.at(self.refunds.find(id)?).charge).intent),
            About::RefundTarget => {
                let by_intent = call.form.member("payment_intent").and_then(|node| self.intents.find(node.text()?));
                by_intent.or_else(|| {
                    let charge = call.form.member("charge").and_then(|node| self.charges.find(node.text()?))?;
                    Some(self.charges.at(charge).intent)
                })
            }
        }
    }

    fn read(&mut self, call: &Call, plan: Plan, exchange: &Exchange) -> Handled {
        let outcome = match self.refusal(plan.fault, call.credential, "") {
            Some(error) => Err(error),
            None => self.execute(call),
        };
        let outcome = shown_as(outcome, status_shown(plan.fault));
        let raw = self.outcome_text(&outcome, &exchange.request_id);
        self.deliver(raw, plan, exchange)
    }

    /// A write: idempotency first, then the faults that keep it from happening, then the endpoint.
    fn write(&mut self, call: Call, plan: Plan, mut exchange: Exchange) -> Handled {
        self.keys.prune(self.now_ms, self.config.idempotency_retention_ms);
        let Some(key) = call.key.clone() else {
            let plan = faults::joined(plan, self.scripted(&call, 0));
            return self.write_fresh(call, None, plan, &exchange);
        };
        let fingerprint = idempotency::fingerprint(&call.path, &call.form);
        match self.keys.find(&key, &fingerprint, self.now_ms) {
            Found::Fresh { scripted } => {
                let script = self.scripted(&call, scripted);
                if script != Plan::default() {
                    self.keys.count_scripted(&key, fingerprint, self.now_ms);
                }
                let plan = faults::joined(plan, script);
                self.write_fresh(call, Some((key, fingerprint)), plan, &exchange)
            }
            Found::InUse => self.refuse(&ApiError::key_in_use(&key.text), without_fault(plan), &exchange),
            Found::Mismatch => self.refuse(&ApiError::key_reused(&key.text), without_fault(plan), &exchange),
            Found::Replay(kept, original) => {
                if let Some(error) = self.refusal(plan.fault, call.credential, &key.text) {
                    return self.refuse(&error, plan, &exchange);
                }
                exchange.original = Some(self.request_id(STREAM_POSTS, original));
                let raw = self.kept_text(*kept, status_shown(plan.fault));
                self.deliver(raw, plan, &exchange)
            }
        }
    }

    fn refuse(&mut self, error: &ApiError, plan: Plan, exchange: &Exchange) -> Handled {
        let raw = self.error_text(error, &exchange.request_id);
        self.deliver(raw, plan, exchange)
    }

    /// The error that a fault answers with, if it answers with one; a revoked key is refused from now on.
    fn refusal(&mut self, fault: Option<Fault>, credential: Fingerprint, key: &str) -> Option<ApiError> {
        match fault?.kind {
            FaultKind::Conflict409 => Some(ApiError::key_in_use(key)),
            FaultKind::RateLimit429 => Some(ApiError::rate_limited()),
            FaultKind::Error500BeforeEffect | FaultKind::Error500AfterEffect => Some(ApiError::internal()),
            FaultKind::CredentialsRevoked => {
                self.revoked.add(credential);
                Some(ApiError::revoked())
            }
            _ => None,
        }
    }

    /// What the request's or its intent's metadata does to it.
    fn scripted(&self, call: &Call, earlier: u32) -> Plan {
        self.script(call).map_or_else(Plan::default, |script| faults::scripted(script, earlier))
    }

    /// The script in the request's or its intent's metadata.
    fn script<'a>(&'a self, call: &'a Call) -> Option<&'a str> {
        let own = |name: &str| call.form.at(&["metadata", name]).and_then(|node| node.text());
        match call.operation.route.script {
            Script::None => None,
            Script::Own(name) => own(name),
            Script::OnIntent(name) => {
                own("sim").or_else(|| self.subject(call).and_then(|row| self.intents.at(row).texts.metadata.value(name)))
            }
        }
    }

    fn write_fresh(&mut self, call: Call, key: Option<(Key, idempotency::Fingerprint)>, plan: Plan, exchange: &Exchange) -> Handled {
        let number = self.posts;
        let now_ms = self.now_ms;
        let Some(fault) = plan.fault.filter(|fault| fault.kind.prevents_effect()) else {
            let outcome = alter(self.execute(&call), plan.fault);
            let raw = self.outcome_text(&outcome, &exchange.request_id);
            if let Some((key, fingerprint)) = key
                && let Some(kept) = self.kept(&outcome, &raw)
            {
                let until_ms = now_ms.saturating_add(self.executing_ms(plan));
                self.keys.begin(&key, fingerprint, number, now_ms, until_ms, Some(kept));
            }
            return self.deliver(raw, plan, exchange);
        };
        let key_text = key.as_ref().map_or_else(String::new, |(key, _)| key.text.to_string());
        let error = self.refusal(Some(fault), call.credential, &key_text).unwrap_or_else(ApiError::internal);
        let raw = self.error_text(&error, &exchange.request_id);
        if let Some((key, fingerprint)) = key {
            match fault.kind {
                FaultKind::Error500BeforeEffect => {
                    let kept = Kept::Text(Box::new(raw.clone()));
                    self.keys.begin(&key, fingerprint, number, now_ms, now_ms, Some(kept));
                }
                FaultKind::HangBeforeEffect => {
                    let until_ms = now_ms.saturating_add(self.config.hang_ms);
                    self.keys.begin(&key, fingerprint, number, now_ms, until_ms, None);
                }
                FaultKind::LateEffect => {
                    let until_ms = now_ms.saturating_add(fault.delay_ms.max(1));
                    self.keys.begin(&key, fingerprint, number, now_ms, until_ms, None);
                }
                _ => {}
            }
        }
        if fault.kind == FaultKind::LateEffect {
            self.timers.push(now_ms.saturating_add(fault.delay_ms.max(1)), timers::Timer::Late(Box::new(call)));
        }
        self.deliver(raw, plan, exchange)
    }

    /// How long a request with this plan counts as executing, ms.
    fn executing_ms(&self, plan: Plan) -> u64 {
        match plan.fault.map(|fault| fault.kind) {
            Some(FaultKind::Hang) => self.config.hang_ms,
            _ => plan.latency_ms,
        }
    }

    /// What is kept under the idempotency key; nothing if the endpoint had not begun.
    fn kept(&self, outcome: &Outcome, raw: &RawAnswer) -> Option<Kept> {
        let text = || Kept::Text(Box::new(raw.clone()));
        let answer = match outcome {
            Ok(answer) => answer,
            Err(error) => return error.began.then(text),
        };
        let (at_ms, status) = (self.now_ms, answer.status);
        Some(match answer.shown {
            Shown::Intent(row) if answer.expand.is_charge_at_most() && self.intents.at(row).failure.is_none() => {
                let intent = self.intents.at(row).clone();
                let whole = answer.expand.below("latest_charge").is_some();
                let charge = intent.charge.filter(|_| whole).map(|charge| self.charges.at(charge).clone());
                Kept::Intent(Box::new(IntentPicture { row, intent, charge, expand: answer.expand.clone(), at_ms, status }))
            }
            Shown::Refund(row) if answer.expand.is_nothing() => {
                let refund = self.refunds.at(row).clone();
                Kept::Refund(Box::new(RefundPicture { row, refund, at_ms, status }))
            }
            _ => text(),
        })
    }

    /// Runs a request whose effect was delayed, and keeps its answer.
    fn perform_late(&mut self, call: &Call) {
        let outcome = self.execute(call);
        let request_id = self.request_id(STREAM_POSTS, call.number);
        let raw = self.outcome_text(&outcome, &request_id);
        let kept = self.kept(&outcome, &raw);
        if let Some(key) = &call.key {
            self.keys.finish(key, kept);
        }
    }

    fn execute(&mut self, call: &Call) -> Outcome {
        self.cause = Some(Cause { number: call.number, key: call.key.as_ref().map(|key| Arc::clone(&key.text)) });
        if self.endpoints.count() > 0 {
            self.webhook_script = self.script(call).map(webhook_faults::script_parts).unwrap_or_default();
        }
        let outcome = (call.operation.route.run)(self, call, Params::new(&call.form));
        self.cause = None;
        self.webhook_script.clear();
        outcome
    }

    /// Whether an account is the platform's own and not a connected one.
    fn is_platform(&self, account: Account) -> bool {
        self.account_name(account).is_empty()
    }

    /// The name of a connected account; empty for the platform's own.
    fn account_name(&self, account: Account) -> &str {
        let found = usize::try_from(account.0).ok().and_then(|index| self.accounts.get(index));
        found.map_or("", |name| name)
    }

    /// Says what the transport does with an answer; counts the faults.
    fn deliver(&mut self, raw: RawAnswer, plan: Plan, exchange: &Exchange) -> Handled {
        if plan.delayed {
            self.faults.count(FaultKind::Latency);
        }
        let latency_ms = plan.latency_ms;
        let mut handled = Handled::whole(respond(raw, exchange));
        handled.delivery = Delivery::Normal { latency_ms };
        let Some(fault) = plan.fault else {
            return handled;
        };
        self.faults.count(fault.kind);
        match fault.kind {
            FaultKind::Hang | FaultKind::HangBeforeEffect | FaultKind::LateEffect => {
                handled.delivery = Delivery::Hang { release_ms: self.config.hang_ms };
            }
            FaultKind::ResetBeforeEffect | FaultKind::ResetAfterEffect => {
                handled.delivery = Delivery::ResetBeforeResponse { latency_ms };
            }
            FaultKind::TruncatedBody => {
                let whole = handled.response.body.len();
                let bytes = fault.bytes.unwrap_or(whole / 2).min(whole.saturating_sub(1));
                handled.delivery = Delivery::Truncated { bytes, latency_ms };
            }
            FaultKind::GarbageBody => {
                handled.response.body = b"<html><body><h1>502 Bad Gateway</h1>upstream said {\"id\":</body></html>".to_vec();
            }
            FaultKind::SlowBody => {
                let bytes = fault.bytes.map_or(SLOW_BYTES_PER_S, |bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
                handled.body_bytes_per_s = Some(NonZeroU32::new(bytes).unwrap_or(NonZeroU32::MIN));
            }
            FaultKind::Latency
            | FaultKind::Error500BeforeEffect
            | FaultKind::Error500AfterEffect
            | FaultKind::Conflict409
            | FaultKind::RateLimit429
            | FaultKind::UnknownEnum
            | FaultKind::CredentialsRevoked => {}
        }
        handled
    }
}

fn respond(raw: RawAnswer, exchange: &Exchange) -> Response {
    let RawAnswer { status, should_retry, body } = raw;
    let mut headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("Request-Id", exchange.request_id.clone()),
        ("Stripe-Version", exchange.version.clone()),
    ];
    if let Some(key) = &exchange.key {
        headers.push(("Idempotency-Key", key.clone()));
    }
    if let Some(original) = &exchange.original {
        headers.push(("Original-Request", original.clone()));
        headers.push(("Idempotent-Replayed", "true".to_owned()));
    }
    if let Some(should_retry) = should_retry {
        headers.push(("Stripe-Should-Retry", should_retry.to_string()));
    }
    Response { status, headers, body }
}

fn without_fault(plan: Plan) -> Plan {
    Plan { fault: None, ..plan }
}

fn status_shown(fault: Option<Fault>) -> StatusShown {
    match fault {
        Some(Fault { kind: FaultKind::UnknownEnum, .. }) => StatusShown::Unknown,
        _ => StatusShown::True,
    }
}

fn shown_as(outcome: Outcome, status: StatusShown) -> Outcome {
    outcome.map(|answer| answers::Answer { status, ..answer })
}

/// What a fault after the effect makes of an outcome that is also kept under the key. A request that was refused
/// before its endpoint began is not made to look executed.
fn alter(outcome: Outcome, fault: Option<Fault>) -> Outcome {
    let began = outcome.as_ref().map_or_else(|error| error.began, |_| true);
    match fault.map(|fault| fault.kind) {
        Some(FaultKind::Error500AfterEffect) if began => Err(ApiError::internal()),
        _ => shown_as(outcome, status_shown(fault)),
    }
}

fn check_content_type(content_type: Option<&str>) -> Result<(), ApiError> {
    let form = content_type.is_none_or(|value| {
        let kind = value.split(';').next().unwrap_or("").trim();
        kind.is_empty() || kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if form {
        return Ok(());
    }
    Err(ApiError::invalid(
        "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have questions, we can help at https://support.stripe.com/.",
    ))
}

fn check_version(version: &str) -> Result<(), ApiError> {
    let date_fits = version.len() <= 64
        && version.is_ascii()
        && version.len() >= 10
        && version.bytes().take(10).enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && version.bytes().skip(10).all(|byte| byte == b'.' || byte.is_ascii_alphanumeric());
    if date_fits {
        return Ok(());
    }
    let shown: String = version.chars().take(64).filter(|letter| !letter.is_control()).collect();
    Err(ApiError::invalid(format!("Invalid Stripe API version: {shown}")))
}
