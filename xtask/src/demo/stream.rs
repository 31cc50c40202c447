//! A steady stream of made-up orders: a mix of countries, currencies and outcomes, sent to the platform's API by a few
//! threads.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Orders sent at a time.
const SENDERS: usize = 16;
/// Longest wait for an answer; the platform answers within 25 s.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(30);
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Customers: country, currency, and what one unit of a price is in the currency's minor unit.
const CUSTOMERS: [(&str, &str, u64); 10] = [
    ("DE", "EUR", 1),
    ("FR", "EUR", 1),
    ("ES", "EUR", 1),
    ("US", "USD", 1),
    ("GB", "GBP", 1),
    ("CH", "CHF", 1),
    ("SE", "SEK", 10),
    ("PL", "PLN", 4),
    ("JP", "JPY", 1),
    ("MX", "MXN", 20),
];
/// Payment methods, as often as they stand here.
const METHODS: [&str; 14] = [
    "pm_card_visa",
    "pm_card_mastercard",
    "pm_card_visa",
    "pm_card_amex",
    "pm_card_visa",
    "pm_card_visa_debit",
    "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_visa",
    "pm_card_mastercard",
    "pm_card_authenticationRequired",
    "pm_card_visa",
    "pm_card_visa_chargeDeclined",
    "pm_card_mastercard_debit",
    "pm_card_chargeDeclinedExpiredCard",
];

/// The stream and its threads.
pub(super) struct Stream {
    orders: Option<SyncSender<u64>>,
    senders: Vec<JoinHandle<()>>,
    counts: Arc<Mutex<BTreeMap<String, u64>>>,
    every: Duration,
    due: Instant,
    number: u64,
}

#[derive(Clone)]
struct Target {
    address: SocketAddr,
    api_key: String,
    /// Makes order ids of this start differ from those of earlier ones.
    start_ms: u128,
}

impl Stream {
    /// Starts the threads; orders are sent when [`Stream::tick`] finds them due.
    pub(super) fn start(address: SocketAddr, api_key: &str, per_s: u32) -> Self {
        let start_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis());
        let target = Target { address, api_key: api_key.to_owned(), start_ms };
        let (orders, numbers) = sync_channel(SENDERS);
        let numbers = Arc::new(Mutex::new(numbers));
        let counts = Arc::new(Mutex::new(BTreeMap::new()));
        let senders = (0..SENDERS)
            .map(|_| {
                let (target, numbers, counts) = (target.clone(), numbers.clone(), counts.clone());
                thread::spawn(move || send_all(&target, &numbers, &counts))
            })
            .collect();
        Self { orders: Some(orders), senders, counts, every: Duration::from_secs(1) / per_s, due: Instant::now(), number: 0 }
    }

    /// Sends what is due. An order that finds every sender busy is left out: the stream has no memory.
    pub(super) fn tick(&mut self) {
        while self.due <= Instant::now() {
            self.due += self.every;
            self.number += 1;
            let sent = self.orders.as_ref().is_some_and(|orders| orders.try_send(self.number).is_ok());
            if !sent {
                count(&self.counts, "left out, all senders busy");
            }
        }
    }

    /// Until the next order is due.
    pub(super) fn next_in(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// What became of the orders so far.
    pub(super) fn counts(&self) -> String {
        let Ok(counts) = self.counts.lock() else {
            return String::new();
        };
        let total: u64 = counts.values().sum();
        let parts: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        format!("{total} orders: {}", parts.join(", "))
    }

    /// Waits for what is in flight and gives the counts.
    pub(super) fn finish(mut self) -> String {
        self.orders = None;
        for sender in self.senders.drain(..) {
            if sender.join().is_err() {
                eprintln!("a sender of orders crashed");
            }
        }
        self.counts()
    }
}

fn count(counts: &Mutex<BTreeMap<String, u64>>, what: &str) {
    if let Ok(mut counts) = counts.lock() {
        *counts.entry(what.to_owned()).or_default() += 1;
    }
}

fn send_all(target: &Target, numbers: &Mutex<Receiver<u64>>, counts: &Mutex<BTreeMap<String, u64>>) {
    loop {
        let number = match numbers.lock() {
            Ok(numbers) => numbers.recv(),
            Err(_) => return,
        };
        let Ok(number) = number else {
            return;
        };
        let reference = format!("demo-{}-{number}", target.start_ms);
        let what = send(target, &reference, &order(number, &reference)).unwrap_or_else(|error| format!("without an answer ({error})"));
        count(counts, &what);
    }
}

/// A made-up order; the same number gives the same order.
fn order(number: u64, reference: &str) -> Value {
    // Knuth's multiplicative hash spreads consecutive numbers.
    let spread = number.wrapping_mul(2_654_435_761);
    let pick = |count: usize, shift: u32| usize::try_from((spread >> shift) % u64::try_from(count).unwrap_or(1)).unwrap_or(0);
    let (country, currency, factor) = CUSTOMERS[pick(CUSTOMERS.len(), 3)];
    let price = [499, 999, 1_499, 1_999, 2_950, 4_990, 8_900, 12_900][pick(8, 11)];
    json!({
        "amount": { "amount_minor": price * factor, "currency": currency },
        "capture": "automatic",
        "confirm": true,
        "payment_method": METHODS[pick(METHODS.len(), 7)],
        "reference": reference,
        "customer": { "email": format!("customer-{}@example.com", number % 500), "country": country },
        "metadata": { "channel": "demo" },
    })
}

/// Sends one order over a connection of its own and gives its status, or the code of the problem.
fn send(target: &Target, reference: &str, order: &Value) -> Result<String, String> {
    let body = order.to_string();
    let mut stream = TcpStream::connect_timeout(&target.address, ANSWER_WAIT_MAX).map_err(|error| error.kind().to_string())?;
    stream.set_read_timeout(Some(ANSWER_WAIT_MAX)).map_err(|error| error.kind().to_string())?;
    let head = format!(
        "POST /v1/payments HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {reference}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        target.address,
        target.api_key,
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).map_err(|error| error.kind().to_string())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).map_err(|error| error.kind().to_string())?;
    outcome(&answer).ok_or_else(|| "not an answer".to_owned())
}

/// The payment's status or the problem's code in an HTTP answer.
fn outcome(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    let body: Value = serde_json::from_str(body).ok()?;
    body["status"].as_str().or(body["code"].as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{METHODS, Stream, order, outcome};
    use std::collections::BTreeSet;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn the_mix_has_every_method_and_several_currencies_and_repeats_itself() {
        let orders: Vec<_> = (0..500).map(|number| order(number, "r")).collect();
        let distinct = |name: &str| orders.iter().map(|order| order.pointer(name).unwrap().to_string()).collect::<BTreeSet<_>>().len();
        assert_eq!(distinct("/payment_method"), METHODS.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(distinct("/amount/currency"), 8);
        assert_eq!(order(7, "r"), orders[7]);
        assert!(orders.iter().all(|order| order.pointer("/amount/amount_minor").unwrap().as_u64().unwrap() > 0));
    }

    #[test]
    fn answers_are_read_as_status_or_code() {
        assert_eq!(outcome(b"HTTP/1.1 201 Created\r\n\r\n{\"status\":\"captured\"}").as_deref(), Some("captured"));
        assert_eq!(outcome(b"HTTP/1.1 503 X\r\na: b\r\n\r\n{\"status\":503,\"code\":\"busy\"}").as_deref(), Some("busy"));
        assert_eq!(outcome(b"HTTP/1.1 201 Created\r\n\r\n"), None);
        assert_eq!(outcome(b""), None);
    }

    /// Whether a request has as many bytes of body as its head says.
    fn is_whole(request: &[u8]) -> bool {
        let text = std::str::from_utf8(request).unwrap();
        text.split_once("\r\n\r\n").is_some_and(|(head, body)| head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())))
    }

    #[test]
    fn every_order_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = Stream::start(listener.local_addr().unwrap(), "sk_test_x", 1);
        stream.tick();
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        // Whichever order it is: a slow start can make two of them due.
        while !is_whole(&request) {
            let mut bytes = [0; 4096];
            let count = connection.read(&mut bytes).unwrap();
            assert_ne!(count, 0, "{}", String::from_utf8_lossy(&request));
            request.extend_from_slice(&bytes[..count]);
        }
        connection.write_all(b"HTTP/1.1 201 Created\r\n\r\n{\"status\":\"captured\"}").unwrap();
        drop(connection);
        drop(listener);
        let text = String::from_utf8(request).unwrap();
        assert!(text.contains("\r\nAuthorization: Bearer sk_test_x\r\n"));
        let counts = stream.finish();
        assert!(counts.contains("1 captured"), "{counts}");
    }
}
