//! A load of payments, captures, cancels and refunds from several clients, and the judge who compares what they were
//! told with the API, the journal and the provider's truth.

use super::{Answer, Bezant, Client, Draw, Merchant, PATIENCE, Plan, Sandbox};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Pause before a request is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(5);
/// Faults that the simulator is asked for; none makes an outcome that only a person can settle.
const FAULTS: [&str; 6] = ["reset_before_effect", "reset_after_effect", "error_500_after_effect", "garbage_body", "unknown_enum", "hang"];

/// What one client knows of one order.
#[derive(Clone, Debug)]
pub struct Order {
    pub reference: String,
    pub payment: String,
    pub amount_minor: u64,
    pub currency: &'static str,
    /// Highest amounts that an answer named.
    pub captured_minor: u64,
    pub refunded_minor: u64,
    /// The status in the last answer that held one.
    pub status: String,
    /// Whether every step had a final answer.
    pub complete: bool,
}

/// Counters of all clients, live.
#[derive(Default)]
pub struct Counts {
    /// Answers with status 2xx.
    pub acknowledged: AtomicU64,
    /// Connections that broke or could not be made.
    pub broken: AtomicU64,
    /// Answers with status 503.
    pub unavailable: AtomicU64,
    /// Answers that were given again for the same key.
    pub replayed: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counts {
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }
}

/// Clients under way.
pub struct Load {
    pub counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    clients: Vec<std::thread::JoinHandle<Vec<Order>>>,
}

impl Load {
    /// Starts `client_count` clients.
    pub fn start(address: SocketAddr, api_key: &str, seed: u64, client_count: u64) -> Self {
        let (counts, stop) = (Arc::<Counts>::default(), Arc::<AtomicBool>::default());
        let clients = (0..client_count)
            .map(|number| {
                let merchant = Merchant { client: Client::new(address), api_key: api_key.to_owned() };
                let (counts, stop) = (Arc::clone(&counts), Arc::clone(&stop));
                let draw = Draw::new(seed * 1_000 + number);
                let mut buyer = Buyer { name: format!("{seed}-{number}"), merchant, draw, counts, silence: None };
                std::thread::spawn(move || buyer.run(&stop))
            })
            .collect();
        Self { counts, stop, clients }
    }

    /// Lets every client finish the order it is at, and gives all logs.
    pub fn finish(self) -> Vec<Order> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    }
}

struct Buyer {
    name: String,
    merchant: Merchant,
    draw: Draw,
    counts: Arc<Counts>,
    /// Since when nothing final was heard.
    silence: Option<Instant>,
}

impl Buyer {
    fn run(&mut self, stop: &AtomicBool) -> Vec<Order> {
        let mut orders = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let number = orders.len();
            orders.push(self.order(number));
        }
        orders
    }

    /// One order from its creation to its end.
    fn order(&mut self, number: usize) -> Order {
        let reference = format!("order-{}-{number}", self.name);
        let currency = ["EUR", "USD", "JPY"][usize::try_from(self.draw.below(3)).unwrap()];
        let kind = self.draw.below(100);
        let manual = (40..75).contains(&kind);
        let mut order = Order {
            reference: reference.clone(),
            payment: String::new(),
            amount_minor: 200 + self.draw.below(100_000),
            currency,
            captured_minor: 0,
            refunded_minor: 0,
            status: String::new(),
            complete: false,
        };
        let mut body = json!({
            "amount": { "amount_minor": order.amount_minor, "currency": currency },
            "capture": if manual { "manual" } else { "automatic" },
            "payment_method": if kind >= 95 { "pm_card_chargeDeclined" } else { "pm_card_visa" },
            "reference": reference,
            "customer": { "email": format!("{reference}@example.com") },
        });
        if self.draw.below(8) == 0 {
            let fault = FAULTS[usize::try_from(self.draw.below(6)).unwrap()];
            body["metadata"] = json!({ "sim": fault });
        }
        let created = self.definite("/v1/payments", &format!("create-{reference}"), &body);
        order.learn(&created);
        let path = |action: &str| format!("/v1/payments/{}/{action}", created["id"].as_str().unwrap());
        if order.status == "authorized" && kind < 65 {
            let part = if self.draw.below(2) == 0 { json!({}) } else { json!({ "amount_minor": 1 + self.draw.below(order.amount_minor) }) };
            let captured = self.definite(&path("capture"), &format!("capture-{reference}"), &part);
            order.learn(&captured);
        } else if order.status == "authorized" {
            let canceled = self.definite(&path("cancel"), &format!("cancel-{reference}"), &json!({}));
            order.learn(&canceled);
        }
        if order.captured_minor > 1 && self.draw.below(3) == 0 {
            let amount_minor = 1 + self.draw.below(order.captured_minor);
            let body = json!({ "payment": order.payment, "amount_minor": amount_minor, "reason": "too small" });
            let refund = self.definite("/v1/refunds", &format!("refund-{reference}"), &body);
            if refund["status"] == "succeeded" {
                order.refunded_minor += amount_minor;
            }
        }
        order.complete = true;
        order
    }

    /// Sends until the answer is final, always under the same key, as a merchant's server should.
    fn definite(&mut self, path: &str, key: &str, body: &Value) -> Value {
        loop {
            let answer = self.merchant.post(path, key, body);
            if let Some(object) = self.heard(path, answer) {
                self.silence = None;
                return object;
            }
            let silent = self.silence.get_or_insert_with(Instant::now).elapsed();
            assert!(silent < PATIENCE, "{path} under {key} had no final answer for {silent:?}");
            std::thread::sleep(AGAIN_AFTER);
        }
    }

    fn heard(&self, path: &str, answer: std::io::Result<Answer>) -> Option<Value> {
        let Ok(answer) = answer else {
            count(&self.counts.broken);
            return None;
        };
        let object = answer.json();
        if answer.header("idempotent-replayed").is_some() {
            count(&self.counts.replayed);
        }
        match (answer.status, answer.code().as_str()) {
            (200 | 201, _) => {
                count(&self.counts.acknowledged);
                Some(object)
            }
            (202, _) => {
                count(&self.counts.acknowledged);
                None
            }
            (503, _) => {
                count(&self.counts.unavailable);
                None
            }
            (409, "idempotency_key_in_use" | "operation_in_flight") => None,
            (status, _) => panic!("{path} was answered {status}: {object}"),
        }
    }
}

impl Order {
    /// Takes over what an answer says.
    fn learn(&mut self, payment: &Value) {
        let minor = |name: &str| payment[name].as_u64().unwrap();
        self.payment = payment["id"].as_str().unwrap().to_owned();
        self.captured_minor = minor("captured_minor");
        self.refunded_minor = minor("refunded_minor");
        self.status = payment["status"].as_str().unwrap().to_owned();
    }
}

/// Sums of one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    captured_minor: u64,
    refunded_minor: u64,
}

/// Compares the clients' logs, the API, the provider's truth and the journal, when all orders are complete. Stops the
/// platform. Prints what it counted.
pub fn judge(what: &str, orders: &[Order], counts: &Counts, plan: &Plan, platform: Bezant, sandbox: &Sandbox) {
    let mut merchant = platform.merchant();
    merchant.catch_up();
    let payments = all_payments(&mut merchant);
    let known: BTreeMap<&str, &Value> = payments.iter().map(|payment| (payment["reference"].as_str().unwrap(), payment)).collect();
    assert_eq!(known.len(), payments.len(), "a reference names one payment");
    assert_eq!(payments.len(), orders.len(), "there are exactly the payments that clients asked for");
    let mut ours: BTreeMap<&str, Sums> = BTreeMap::new();
    for order in orders {
        assert!(order.complete);
        let payment = known.get(order.reference.as_str()).unwrap_or_else(|| panic!("{order:?} is lost"));
        check_order(order, payment);
        let sums = ours.entry(order.currency).or_default();
        sums.captured_minor += order.captured_minor;
        sums.refunded_minor += order.refunded_minor;
    }
    check_truth(&payments, sandbox);
    check_books(&ours, &mut merchant, sandbox);
    assert_eq!(platform.stop().code(), Some(0));
    let verified = plan.verified();
    let events = plan.dumped();
    let happened = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    let (unknown, parked) = (happened("effect.unknown"), happened("effect.parked"));
    assert!(unknown > 0, "the load had outcomes that were unknown");
    assert_eq!(parked, 0, "no fault of this load needs a person");
    let [acknowledged, broken, unavailable, replayed] =
        [&counts.acknowledged, &counts.broken, &counts.unavailable, &counts.replayed].map(|count| count.load(Ordering::Relaxed));
    println!(
        "{what}: {} payments, {acknowledged} acknowledgements, {broken} broken connections, {unavailable} answers 503, {replayed} replays, \
         {unknown} outcomes unknown, {parked} parked, {} events in {} batches; nothing lost, nothing doubled",
        orders.len(),
        verified["last_seq"],
        verified["batches"],
    );
}

fn all_payments(merchant: &mut Merchant) -> Vec<Value> {
    let mut payments = Vec::new();
    let mut path = "/v1/payments?limit=100".to_owned();
    loop {
        let page = merchant.read(&path);
        payments.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/payments?limit=100&cursor={cursor}"),
            None => return payments,
        }
    }
}

fn check_order(order: &Order, payment: &Value) {
    let shown = (payment["id"].as_str().unwrap(), payment["captured_minor"].as_u64().unwrap(), payment["refunded_minor"].as_u64().unwrap());
    assert_eq!(shown, (order.payment.as_str(), order.captured_minor, order.refunded_minor), "{order:?}: {payment}");
    let expected = match (order.refunded_minor, order.captured_minor) {
        (0, _) => order.status.as_str(),
        (refunded, captured) if refunded == captured => "refunded",
        _ => "partially_refunded",
    };
    assert_eq!(payment["status"], expected, "{order:?}: {payment}");
}

/// Every charge belongs to a payment, none has two, and amounts are the same on both sides.
fn check_truth(payments: &[Value], sandbox: &Sandbox) {
    let summary = sandbox.get("/_admin/truth?summary=1&reference=bezant_reference");
    assert_eq!(summary["duplicate_count"], 0, "{summary}");
    let mut charges: BTreeMap<String, Value> = BTreeMap::new();
    let mut references = BTreeSet::new();
    let mut since = 0;
    loop {
        let page = sandbox.get(&format!("/_admin/truth?limit=500&since={since}"));
        for charge in page["charges"].as_array().unwrap() {
            let reference = charge["metadata"]["bezant_reference"].as_str().unwrap().to_owned();
            assert!(references.insert(reference), "a reference is charged once: {charge}");
            let intent = charge["payment_intent"].as_str().unwrap().to_owned();
            assert!(charges.insert(intent, charge.clone()).is_none(), "an intent is charged once: {charge}");
        }
        match page["next_since"].as_u64() {
            Some(next) => since = next,
            None => break,
        }
    }
    for payment in payments {
        let charge = payment["provider_id"].as_str().and_then(|intent| charges.remove(intent)).unwrap_or(Value::Null);
        let theirs = |name: &str| charge[name].as_u64().unwrap_or(0);
        assert_eq!(payment["captured_minor"].as_u64().unwrap(), theirs("captured"), "{payment} against {charge}");
        assert_eq!(payment["refunded_minor"].as_u64().unwrap(), theirs("refunded"), "{payment} against {charge}");
        assert_ne!(charge["status"], "authorized", "nothing is held for ever: {payment} against {charge}");
    }
    assert!(charges.is_empty(), "the provider holds money that no payment knows: {charges:?}");
}

/// Our books, the clients' sums and the provider's totals agree in every currency.
fn check_books(ours: &BTreeMap<&str, Sums>, merchant: &mut Merchant, sandbox: &Sandbox) {
    let balances = merchant.read("/v1/balances");
    let totals = sandbox.get("/_admin/truth?summary=1")["totals"].clone();
    for balance in balances["data"].as_array().unwrap() {
        let currency = balance["currency"].as_str().unwrap();
        let account = |kind: &str| balance["accounts"].as_array().unwrap().iter().find(|account| account["kind"] == kind).unwrap().clone();
        let (receivable, pending, fees) = (account("receivable"), account("pending"), account("fees"));
        let truth = &totals[currency.to_ascii_lowercase()];
        let theirs = |name: &str| truth[name].as_u64().unwrap_or(0);
        let clients = ours.get(currency).copied().unwrap_or_default();
        let books = Sums {
            captured_minor: pending["credits_posted_minor"].as_u64().unwrap(),
            refunded_minor: pending["debits_posted_minor"].as_u64().unwrap(),
        };
        let provider = Sums { captured_minor: theirs("captured"), refunded_minor: theirs("refunded") };
        assert_eq!((books, provider), (clients, clients), "{currency}: books and provider against the clients' sums");
        assert_eq!(fees["debits_posted_minor"].as_u64().unwrap(), theirs("fees"), "{currency}: fees");
        for open in [&receivable, &pending] {
            let held = (open["debits_pending_minor"].as_u64().unwrap(), open["credits_pending_minor"].as_u64().unwrap());
            assert_eq!(held, (0, 0), "{currency}: no hold is left over");
        }
    }
    let currencies: Vec<_> = balances["data"].as_array().unwrap().iter().map(|balance| balance["currency"].as_str().unwrap()).collect();
    assert!(ours.keys().all(|currency| currencies.contains(currency)), "{currencies:?}");
}
