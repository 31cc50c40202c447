//! One payment, its provider and the time between them.

use super::judge::{Verdict, judge};
use super::{Act, Plan};
use crate::network::{self, Landing};
use base::time::{NS_PER_MS, NS_PER_S};
use base::{Currency, MerchantId, Money, Outcome, PaymentId, Redacted, SubjectId, Timestamp, UnknownReason};
use bezant::partition::{Answer, Partition, Round};
use bezant::policy::default_policy;
use bezant::request::{self, Requests, SubjectKeys};
use connectors::stripe::{Environment, SIGNATURE_HEADER};
use connectors::{Call, Connector, Decoded, EventsQuestion, Resolve};
use engine::event::VERSION_MAX;
use engine::{
    CancelPayment, CapturePayment, Command, CreatePayment, CreateRefund, DeriveKey, Dispatch, Entry, EventKind, Idempotency, NoticeSource,
    OutcomeReport, Payment, Private, ReceiveNotice, Refusal, Reply, Sealed, SendKind, State,
};
use payments::PaymentStatus;
use sandbox::stripe::{Config, DeliveryOutcome, FaultRule, Stripe, WebhookDelivery, WebhookRule};
use sandbox::wire::{Handled, Headers, Method, Request};
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

/// When a run begins: 1 November 2026.
const START_NS: u64 = 1_793_491_200 * NS_PER_S;
/// By then everything that can happen has: holds and disputes have ended, refunds are trusted.
const END_NS: u64 = START_NS + 40 * 24 * 3_600 * NS_PER_S;
/// Time from the start of a send to its complete answer.
const SEND_TIMEOUT_NS: u64 = 20 * NS_PER_S;
/// The way there, and the way back.
const WAY_NS: u64 = 20 * NS_PER_MS;
/// How long a webhook takes unless something is said about it.
const WEBHOOK_NS: u64 = 2 * NS_PER_S;
/// How long whoever acts waits before the next act, or before trying again.
const ACT_NS: u64 = 10 * NS_PER_S;
/// Tries of an act that the payment does not permit yet.
const ACT_TRIES_MAX: u32 = 400;
/// How often the provider's list of events is read.
const SWEEP_NS: u64 = 6 * 3_600 * NS_PER_S;
/// Happenings of one run; more is a loop.
const HAPPENINGS_MAX: u32 = 100_000;
/// The one merchant.
pub const MERCHANT: MerchantId = MerchantId::from_u128(1);
/// What every payment asks for.
pub const AMOUNT_MINOR: u64 = 1_000;

/// Keys that seal nothing: these runs are about money.
struct OpenKeys;

impl SubjectKeys for OpenKeys {
    fn seal(&self, subject: SubjectId, _purpose: &str, plaintext: &[u8]) -> Option<Sealed> {
        Some(Sealed { subject, bytes: plaintext.to_vec() })
    }

    fn open(&self, _purpose: &str, sealed: &Sealed) -> Option<Vec<u8>> {
        Some(sealed.bytes.clone())
    }
}

enum Happening {
    Arrives { epoch: u64, dispatch: Box<Dispatch> },
    Ends(Box<OutcomeReport>),
    Webhook(Box<WebhookDelivery>),
    Acts,
    Sweeps,
}

/// Everything of one run.
pub(super) struct Stage {
    pub(super) plan: Plan,
    pub(super) provider: Stripe,
    partition: Partition,
    round: Round<()>,
    requests: Arc<Requests>,
    connector: Arc<dyn Connector>,
    secrets: Vec<Redacted<String>>,
    now_ns: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    queued_count: u64,
    next_act: usize,
    tries: u32,
    keys_count: u64,
    payment: Option<PaymentId>,
    /// Everything that happened, to explain a verdict.
    pub(super) entries: Vec<Entry>,
}

/// Runs one plan to its end and judges it.
///
/// # Errors
/// What went wrong, in words, with everything that happened.
pub fn run(plan: &Plan) -> Result<Verdict, String> {
    let mut stage = Stage::new(plan.clone())?;
    stage.play().and_then(|()| judge(&stage)).map_err(|what| {
        let told = stage.entries.iter().filter(|entry| entry.event.kind() != EventKind::SweepEnded);
        let story: Vec<String> = told.map(|entry| format!("  {} {:?}", entry.at, entry.event)).collect();
        format!("{plan:?}: {what}\n{}", story.join("\n"))
    })
}

/// A payment as it stands some time into a run, with everything that happened to it.
#[derive(Debug)]
pub struct Seen {
    /// The payment.
    pub payment: PaymentId,
    /// The state, as of the last of the entries.
    pub state: State,
    /// Everything that happened; the first has sequence number 1.
    pub entries: Vec<Entry>,
    /// When it is seen.
    pub now: Timestamp,
}

/// Runs one plan for so many nanoseconds and shows how its payment stands then.
///
/// # Errors
/// What went wrong, in words.
pub fn watch(plan: &Plan, for_ns: u64) -> Result<Seen, String> {
    let mut stage = Stage::new(plan.clone())?;
    let until_ns = START_NS.saturating_add(for_ns);
    stage.play_until(until_ns)?;
    let payment = stage.payment.ok_or("there is no payment")?;
    Ok(Seen { payment, state: stage.state().clone(), entries: stage.entries, now: Timestamp::from_ns(until_ns) })
}

fn euro() -> Currency {
    "EUR".parse().expect("the euro is a currency")
}

impl Stage {
    fn new(plan: Plan) -> Result<Self, String> {
        let connector: Arc<dyn Connector> = Arc::new(connectors::stripe::Stripe::new(Environment::Test));
        let policy = default_policy(connector.capabilities());
        let requests = Arc::new(Requests { connectors: vec![Arc::clone(&connector)], keys: Arc::new(OpenKeys) });
        let partition = Partition::new(State::new(), policy, DeriveKey::new(1, &[0xa5; 32]), Arc::clone(&requests));
        let mut config = Config::standard();
        config.reference_name = connectors::stripe::REFERENCE_METADATA.to_owned();
        let provider = Stripe::new(plan.seed, config);
        let round = partition.begin();
        let mut stage = Self {
            plan,
            provider,
            partition,
            round,
            requests,
            connector,
            secrets: Vec::new(),
            now_ns: START_NS,
            queue: BTreeMap::new(),
            queued_count: 0,
            next_act: 0,
            tries: 0,
            keys_count: 0,
            payment: None,
            entries: Vec::new(),
        };
        stage.set_up()?;
        Ok(stage)
    }

    /// A merchant, a webhook endpoint, and everything that will go wrong.
    fn set_up(&mut self) -> Result<(), String> {
        for command in [
            Command::RaiseMinVersion { version: VERSION_MAX },
            Command::StartLeader { epoch: 1 },
            Command::CreateMerchant { merchant: MERCHANT, handle: "shop".into() },
            Command::NoteSweep { provider: 0, swept_to: Timestamp::from_ns(START_NS) },
        ] {
            self.submit(&command)?;
        }
        let body = "url=https%3A%2F%2Fpay.example%2Fv1%2Fwebhooks%2Fstripe%2Fmain&enabled_events[0]=*";
        let endpoint = json(&self.ask(Method::Post, "/v1/webhook_endpoints", body))?;
        let secret = endpoint["secret"].as_str().ok_or("the endpoint has no secret")?;
        self.secrets.push(Redacted::new(secret.to_owned()));
        for strike in self.plan.strikes.clone() {
            let rule = FaultRule { nth: NonZeroU64::new(strike.nth), count: Some(strike.count), ..FaultRule::always(strike.kind) };
            // Only what the platform asks; what people do at the provider is not its doing.
            self.provider.push_fault(FaultRule { latency_ms: Some(45_000), ..rule })?;
        }
        for disorder in self.plan.disorders.clone() {
            let rule =
                WebhookRule { nth: NonZeroU64::new(disorder.nth), count: Some(disorder.count), ..WebhookRule::always(disorder.kind) };
            self.provider.push_webhook_fault(rule)?;
        }
        Ok(())
    }

    pub(super) const fn state(&self) -> &State {
        self.partition.state()
    }

    /// The payment, once it is created.
    pub(super) fn payment(&self) -> Option<(PaymentId, &Payment)> {
        let id = self.payment?;
        Some((id, self.state().payments.get(&id)?))
    }

    fn play(&mut self) -> Result<(), String> {
        self.play_until(END_NS)
    }

    fn play_until(&mut self, end_ns: u64) -> Result<(), String> {
        let command = self.create(self.plan.story.method, false);
        match self.submit(&command)? {
            Reply::Payment { payment, .. } => self.payment = Some(payment),
            other => return Err(format!("the payment is not created: {other:?}")),
        }
        self.after(ACT_NS, Happening::Acts);
        self.after(SWEEP_NS, Happening::Sweeps);
        for number in 1..=HAPPENINGS_MAX {
            let Some(at_ns) = self.next_ns().filter(|at_ns| *at_ns <= end_ns) else {
                return Ok(());
            };
            self.now_ns = at_ns.max(self.now_ns);
            self.provider.advance_to(self.now_ms());
            if self.plan.restarts.contains(&number) {
                self.restart()?;
            }
            if self.state().due_at().is_some_and(|due_at| due_at <= Timestamp::from_ns(self.now_ns)) {
                self.submit(&Command::Tick)?;
            } else if self.queue.first_key_value().is_some_and(|((at_ns, _), _)| *at_ns <= self.now_ns) {
                let (_, happening) = self.queue.pop_first().ok_or("the queue is empty")?;
                self.happen(happening)?;
            }
            self.collect_webhooks(&[])?;
        }
        Err("it never comes to rest".to_owned())
    }

    /// The process dies and starts again: answers on their way are lost, requests arrive all the same.
    fn restart(&mut self) -> Result<(), String> {
        self.queue.retain(|_, happening| !matches!(happening, Happening::Ends(_)));
        let epoch = self.state().epoch + 1;
        self.submit(&Command::StartLeader { epoch }).map(drop)
    }

    fn next_ns(&self) -> Option<u64> {
        let queued = self.queue.first_key_value().map(|((at_ns, _), _)| *at_ns);
        let due = self.state().due_at().map(Timestamp::ns);
        let provider = [self.provider.next_due_ms(), self.provider.next_delivery_ms()].into_iter().flatten().min();
        [queued, due, provider.map(|at_ms| at_ms * NS_PER_MS)].into_iter().flatten().min()
    }

    const fn now_ms(&self) -> u64 {
        self.now_ns / NS_PER_MS
    }

    fn after(&mut self, after_ns: u64, happening: Happening) {
        self.queue.insert((self.now_ns + after_ns, self.queued_count), happening);
        self.queued_count += 1;
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Arrives { epoch, dispatch } => self.arrives(epoch, &dispatch),
            Happening::Ends(report) => self.submit(&Command::ReportOutcome(*report)).map(drop),
            Happening::Webhook(delivery) => self.deliver(&delivery),
            Happening::Acts => self.act(),
            Happening::Sweeps => self.sweep(),
        }
    }

    /// Decides a command and lets its sends go.
    fn submit(&mut self, command: &Command) -> Result<Reply, String> {
        let wall = Timestamp::from_ns(self.now_ns);
        self.partition.join(&mut self.round, (), command, wall).map_err(|_| format!("applying a command crashed: {command:?}"))?;
        let round = core::mem::replace(&mut self.round, self.partition.begin());
        self.entries.extend(round.entries);
        for dispatch in round.dispatches {
            let epoch = self.state().epoch;
            self.after(WAY_NS, Happening::Arrives { epoch, dispatch: Box::new(dispatch) });
        }
        match round.answers.into_iter().next() {
            Some(((), Answer::Decided(reply))) => Ok(reply),
            Some(((), Answer::Poisoned)) | None => Err(format!("deciding a command crashed: {command:?}")),
        }
    }

    /// A send reaches the provider.
    fn arrives(&mut self, epoch: u64, dispatch: &Dispatch) -> Result<(), String> {
        let requested = &dispatch.requested;
        let prepared = match dispatch.send_kind {
            SendKind::First | SendKind::Replay => {
                self.requests.exact(requested).zip(request::call(requested, None)).map(|(exact, call)| (call, None, exact))
            }
            SendKind::Lookup => self.requests.lookup(requested).map(|(call, how, question)| (call, Some(how), question)),
        };
        let (call, how, request) = prepared.ok_or_else(|| format!("{requested:?} cannot be sent"))?;
        let handled = self.provider.handle(&network::to_provider(&request), self.now_ms());
        self.collect_webhooks(&handled.early)?;
        let (after_ns, decoded) = match network::landing(&handled) {
            Landing::Whole { after_ns } if after_ns + 2 * WAY_NS < SEND_TIMEOUT_NS => {
                (after_ns, self.decode(&call, how.as_ref(), &handled))
            }
            Landing::Lost { after_ns } if after_ns + 2 * WAY_NS < SEND_TIMEOUT_NS => {
                (after_ns, Decoded::nameless(Outcome::Unknown(UnknownReason::ConnectionLost)))
            }
            Landing::Whole { .. } | Landing::Lost { .. } | Landing::Never => {
                (SEND_TIMEOUT_NS - 2 * WAY_NS, Decoded::nameless(Outcome::Unknown(UnknownReason::Timeout)))
            }
        };
        let Decoded { outcome, provider_id } = decoded;
        let report = OutcomeReport { effect: requested.effect, send: dispatch.send, outcome, provider_id };
        // Whoever sent it may be gone, and nobody hears the answer.
        if epoch == self.state().epoch {
            self.after(after_ns + WAY_NS, Happening::Ends(Box::new(report)));
        }
        Ok(())
    }

    fn decode(&self, call: &Call, how: Option<&Resolve>, handled: &Handled) -> Decoded {
        let response = network::from_provider(&handled.response);
        match how {
            None => self.connector.decode(call, &response),
            Some(how) => self.connector.decode_resolve(call, how, &response),
        }
    }

    /// Takes webhooks that are due. Those that are early are heard at once, before the answer to what caused them.
    fn collect_webhooks(&mut self, early: &[u64]) -> Result<(), String> {
        for delivery in self.provider.take_due_deliveries(self.now_ms(), &|_| usize::MAX) {
            if delivery.early || early.contains(&delivery.number) {
                self.deliver(&delivery)?;
            } else {
                self.after(WEBHOOK_NS, Happening::Webhook(Box::new(delivery)));
            }
        }
        Ok(())
    }

    fn deliver(&mut self, delivery: &WebhookDelivery) -> Result<(), String> {
        let now = Timestamp::from_ns(self.now_ns);
        let header = Some(delivery.signature_header.as_str());
        let outcome = match self.connector.verify_notice(header, &delivery.body, &self.secrets, now) {
            Ok(()) => {
                let notice = self.connector.parse_notice(&delivery.body).map_err(|error| format!("{}: {error}", delivery.event_type))?;
                self.submit(&Command::ReceiveNotice(ReceiveNotice { provider: 0, notice, source: NoticeSource::Webhook, payload: None }))?;
                DeliveryOutcome::Acknowledged
            }
            Err(error) => {
                // What an operator does who sees {SIGNATURE_HEADER} refused: the secret that is in force joins the list.
                let known = self.secrets.iter().any(|secret| *secret.expose() == delivery.secret);
                if !known {
                    self.secrets.push(Redacted::new(delivery.secret.clone()));
                }
                if known && delivery.attempt > 3 {
                    return Err(format!("{SIGNATURE_HEADER} of {} is refused again and again: {error}", delivery.event_type));
                }
                DeliveryOutcome::Failed
            }
        };
        self.provider.finish_delivery(delivery.number, outcome, self.now_ms());
        Ok(())
    }

    /// Reads the provider's list of events for what webhooks may have missed, as the platform does.
    fn sweep(&mut self) -> Result<(), String> {
        let created_from = self.state().swept.get(&0).copied().unwrap_or(Timestamp::from_ns(START_NS));
        let mut question = EventsQuestion { created_from, starting_after: None };
        loop {
            let request = self.connector.encode_events(&question).map_err(|error| error.to_string())?;
            let handled = self.provider.handle(&network::to_provider(&request), self.now_ms());
            let Some(page) = self.connector.decode_events(&network::from_provider(&handled.response)) else {
                break self.after(SWEEP_NS, Happening::Sweeps); // a fault struck the sweep: the next one starts where this one did
            };
            // Oldest first, as the platform takes them.
            for event in page.events.iter().rev() {
                if !bezant::sweep::is_wanted(self.state(), 0, &event.notice) {
                    continue;
                }
                let notice = event.notice.clone();
                self.submit(&Command::ReceiveNotice(ReceiveNotice { provider: 0, notice, source: NoticeSource::Sweep, payload: None }))?;
            }
            question.starting_after = page.last_event_id;
            if !page.has_more {
                self.submit(&Command::NoteSweep { provider: 0, swept_to: Timestamp::from_ns(self.now_ns) })?;
                break self.after(SWEEP_NS, Happening::Sweeps);
            }
        }
        Ok(())
    }

    fn create(&mut self, method: &str, retry_declined: bool) -> Command {
        Command::CreatePayment(CreatePayment {
            merchant: MERCHANT,
            idempotency: self.key(),
            reference: Some([7; 16]),
            content: if retry_declined { [2; 16] } else { [1; 16] },
            subject: SubjectId::from_u128(9),
            money: Money { amount_minor: AMOUNT_MINOR, currency: euro() },
            capture: self.plan.story.capture,
            payment_method: Some(method.to_owned()),
            customer: None,
            method: None,
            presence: engine::Presence::OnSession,
            confirm: true,
            retry_declined,
            details: None,
            private: private(),
        })
    }

    fn key(&mut self) -> Idempotency {
        self.keys_count += 1;
        let key = u128::from(self.keys_count).to_be_bytes();
        Idempotency { key, fingerprint: key }
    }

    /// Whoever is next acts, or tries again later.
    fn act(&mut self) -> Result<(), String> {
        let Some(act) = self.plan.story.acts.get(self.next_act).copied() else {
            return Ok(());
        };
        self.tries += 1;
        if self.perform(act)? {
            (self.next_act, self.tries) = (self.next_act + 1, 0);
        } else if self.tries > ACT_TRIES_MAX {
            return Ok(()); // what did not become possible in time never will: the payment took another way
        }
        self.after(ACT_NS, Happening::Acts);
        Ok(())
    }

    /// Whether it was done.
    fn perform(&mut self, act: Act) -> Result<bool, String> {
        let Some((payment, found)) = self.payment() else { return Err("there is no payment".to_owned()) };
        let (status, merchant, method) = (found.status, MERCHANT, self.plan.story.method);
        let (first, newest) = (found.attempts.first(), found.attempts.last());
        let [first, newest] = [first, newest].map(|attempt| attempt.and_then(|attempt| attempt.provider_id.clone()));
        let held = status == PaymentStatus::Authorized;
        match act {
            Act::Capture(amount_minor) if held => {
                let command = CapturePayment { merchant, payment, idempotency: self.key(), amount_minor, private: private() };
                self.accepted(&Command::CapturePayment(command))
            }
            Act::Cancel if held || status == PaymentStatus::RequiresAction => {
                let command = CancelPayment { merchant, payment, idempotency: self.key(), private: private() };
                self.accepted(&Command::CancelPayment(command))
            }
            Act::Refund(amount_minor) if status.is_refundable() => {
                let command = CreateRefund { merchant, payment, idempotency: self.key(), amount_minor, details: None, private: private() };
                self.accepted(&Command::CreateRefund(command))
            }
            Act::Retry(other) if status == PaymentStatus::Declined && other != method => {
                let command = self.create(other, true);
                self.accepted(&command)
            }
            Act::Challenge { passes } if status == PaymentStatus::RequiresAction => {
                let result = if passes { "result=success" } else { "result=fail" };
                Ok(self.elsewhere(newest, |id| (format!("/3ds/{id}"), result.to_owned())))
            }
            Act::Evidence { wins } => self.answer_dispute(wins),
            Act::CaptureElsewhere if held => Ok(self.elsewhere(newest, |id| (format!("/v1/payment_intents/{id}/capture"), String::new()))),
            Act::CancelElsewhere if held => Ok(self.elsewhere(newest, |id| (format!("/v1/payment_intents/{id}/cancel"), String::new()))),
            Act::PayElsewhere if first.is_some() && status != PaymentStatus::Processing => {
                let body = "payment_method=pm_card_visa".to_owned();
                Ok(self.elsewhere(first, |id| (format!("/v1/payment_intents/{id}/confirm"), body)))
            }
            Act::Capture(_)
            | Act::Cancel
            | Act::Refund(_)
            | Act::Retry(_)
            | Act::Challenge { .. }
            | Act::CaptureElsewhere
            | Act::CancelElsewhere
            | Act::PayElsewhere => Ok(false),
        }
    }

    fn accepted(&mut self, command: &Command) -> Result<bool, String> {
        match self.submit(command)? {
            Reply::Refused(Refusal::OperationInFlight | Refusal::StateConflict { .. } | Refusal::RefundAboveRemaining { .. }) => Ok(false),
            Reply::Refused(refusal) => Err(format!("{command:?} is refused: {refusal:?}")),
            Reply::Done
            | Reply::Payment { .. }
            | Reply::Refund { .. }
            | Reply::Customer { .. }
            | Reply::Method { .. }
            | Reply::LedgerAccounts { .. }
            | Reply::LedgerTransfers { .. }
            | Reply::LedgerEntries { .. } => Ok(true),
        }
    }

    /// Somebody asks the provider for something; whether it did it.
    fn elsewhere(&mut self, id: Option<String>, question: impl FnOnce(&str) -> (String, String)) -> bool {
        let Some(id) = id else { return false };
        let (path, body) = question(&id);
        let handled = self.ask(Method::Post, &path, &body);
        (200..400).contains(&handled.response.status)
    }

    fn answer_dispute(&mut self, wins: bool) -> Result<bool, String> {
        // An answer that a fault spoiled is asked for again later.
        let Ok(list) = json(&self.ask(Method::Get, "/v1/disputes", "")) else { return Ok(false) };
        let Some(dispute) = list["data"][0]["id"].as_str().map(str::to_owned) else { return Ok(false) };
        let text = if wins { "winning_evidence" } else { "losing_evidence" };
        let body = format!("evidence[uncategorized_text]={text}&submit=true");
        Ok(self.elsewhere(Some(dispute), |id| (format!("/v1/disputes/{id}"), body)))
    }

    /// A request that is not the platform's.
    fn ask(&mut self, method: Method, path: &str, body: &str) -> Handled {
        let headers = Headers {
            authorization: Some("Bearer sk_test_somebody".to_owned()),
            content_type: Some("application/x-www-form-urlencoded".to_owned()),
            ..Headers::default()
        };
        let request = Request { method, path: path.to_owned(), query: String::new(), headers, body: body.as_bytes().to_vec() };
        self.provider.handle(&request, self.now_ms())
    }
}

fn private() -> Private {
    Private { return_url: Some(Redacted::new("https://shop.example/back".to_owned())), simulate: None }
}

fn json(handled: &Handled) -> Result<serde_json::Value, String> {
    serde_json::from_slice(&handled.response.body).map_err(|error| error.to_string())
}
