//! `bezant pay` against a scripted platform on loopback that keeps references and idempotency keys as the real one does
//! and can lose connections, be busy or go away.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use base::Timestamp;
use bezant::pay::{Ended, PayError, PayOptions, RefusedRow, Summary, run_until};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

const HEADER: &str = "order_id,amount,currency,country,customer_email,payment_method,note";
const API_KEY: &str = "sk_test_pay";

/// What happens to one request instead of an ordinary answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The connection ends before anything was done.
    LostBefore,
    /// The connection ends after everything was done.
    LostAfter,
    /// An answer with this status and code, asking to retry at once.
    Answer(u16, &'static str),
}

#[derive(Clone)]
struct Payment {
    content: Value,
    status: &'static str,
    created_at: String,
}

#[derive(Default)]
struct State {
    payments: BTreeMap<String, Payment>,
    keys: HashMap<String, Value>,
    faults: HashMap<String, VecDeque<Fault>>,
    /// Reference and key of every request, in order of arrival.
    sent: Vec<(String, String)>,
    open: usize,
    open_max: usize,
}

/// A platform that serves until it is stopped; its state outlives it.
struct Platform {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    gate: watch::Sender<bool>,
    arrivals: mpsc::UnboundedReceiver<()>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Platform {
    async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), Arc::default(), true).await
    }

    async fn start_at(address: SocketAddr, state: Arc<Mutex<State>>, gate_open: bool) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(128).unwrap();
        let address = listener.local_addr().unwrap();
        let (gate, gate_opens) = watch::channel(gate_open);
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, state.clone(), gate_opens, arrived, stopped));
        Self { state, address, gate, arrivals, stop, serving }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Closes the listener and every connection.
    async fn stop(self) -> (SocketAddr, Arc<Mutex<State>>) {
        self.stop.send_replace(true);
        self.serving.await.unwrap();
        (self.address, self.state)
    }

    fn options(&self, orders: &Orders) -> PayOptions {
        PayOptions {
            orders: orders.0.clone(),
            url: format!("http://{}", self.address),
            api_key: Some(base::Redacted::new(API_KEY.to_owned())),
            concurrency: 8,
            json: true,
            retry_declined: false,
            patience: 60,
            quiet: true,
        }
    }

    async fn pay(&self, orders: &Orders) -> Summary {
        pay(self.options(orders)).await.unwrap()
    }
}

async fn pay(options: PayOptions) -> Result<Summary, PayError> {
    let (_never_stops, stop) = mpsc::channel(1);
    run_until(options, stop).await
}

async fn serve(
    listener: TcpListener,
    state: Arc<Mutex<State>>,
    gate: watch::Receiver<bool>,
    arrived: mpsc::UnboundedSender<()>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let (state, gate, arrived) = (state.clone(), gate.clone(), arrived.clone());
        let service = service_fn(move |request| answer(request, state.clone(), gate.clone(), arrived.clone()));
        connections.spawn(async move {
            let _lost_on_purpose = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
    connections.shutdown().await;
}

type Answer = Response<Full<Bytes>>;

fn respond(status: u16, replayed: bool, body: &Value) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("retry-after", http::HeaderValue::from_static("0"));
    if replayed {
        response.headers_mut().insert("idempotent-replayed", http::HeaderValue::from_static("true"));
    }
    response
}

fn problem(status: u16, code: &str) -> Answer {
    respond(status, false, &json!({"code": code, "detail": format!("about {code}")}))
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
    mut gate: watch::Receiver<bool>,
    arrived: mpsc::UnboundedSender<()>,
) -> Result<Answer, io::Error> {
    if request.uri().path() == "/readyz" {
        return Ok(respond(200, false, &json!({})));
    }
    assert_eq!(request.uri().path(), "/v1/payments");
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let authorized = header("authorization") == format!("Bearer {API_KEY}");
    if request.method() == "GET" {
        return Ok(if authorized { respond(200, false, &json!({"data": []})) } else { problem(401, "api_key_invalid") });
    }
    let key = header("idempotency-key");
    assert_eq!(header("content-type"), "application/json");
    let body: Value = serde_json::from_slice(&request.into_body().collect().await.unwrap().to_bytes()).unwrap();
    let reference = body["reference"].as_str().unwrap().to_owned();
    let fault = {
        let mut state = state.lock().unwrap();
        state.sent.push((reference.clone(), key.clone()));
        state.open += 1;
        state.open_max = state.open_max.max(state.open);
        state.faults.get_mut(&reference).and_then(VecDeque::pop_front)
    };
    let _listening_or_not = arrived.send(());
    gate.wait_for(|open| *open).await.unwrap();
    let mut state = state.lock().unwrap();
    state.open -= 1;
    if !authorized {
        return Ok(problem(401, "api_key_invalid"));
    }
    match fault {
        Some(Fault::LostBefore) => Err(io::Error::other("lost before")),
        Some(Fault::LostAfter) => {
            state.create(&key, &reference, &body);
            Err(io::Error::other("lost after"))
        }
        Some(Fault::Answer(status, code)) => Ok(problem(status, code)),
        None => Ok(state.create(&key, &reference, &body)),
    }
}

impl State {
    fn create(&mut self, key: &str, reference: &str, body: &Value) -> Answer {
        if let Some(first) = self.keys.get(key) {
            if first != body {
                return problem(422, "idempotency_key_reused");
            }
            return self.show(reference, true);
        }
        let mut content = body.clone();
        let retry = content.as_object_mut().unwrap().remove("retry_declined").is_some();
        let existing = self.payments.get(reference);
        let again = existing.is_some_and(|payment| retry && payment.status == "declined");
        if let Some(existing) = existing.filter(|_| !again) {
            if existing.content != content {
                return problem(409, "reference_conflict");
            }
            return self.show(reference, true);
        }
        let status = match body["payment_method"].as_str().unwrap() {
            "pm_card_chargeDeclined" if !retry => "declined",
            "pm_slow" => "processing",
            "pm_card_authenticationRequired" => "requires_action",
            "pm_bad" => return problem(422, "field_invalid"),
            _ => "captured",
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let created_at = Timestamp::from_ns(u64::try_from(now.as_nanos()).unwrap()).to_string();
        self.keys.insert(key.to_owned(), body.clone());
        self.payments.insert(reference.to_owned(), Payment { content, status, created_at });
        self.show(reference, false)
    }

    fn show(&self, reference: &str, replayed: bool) -> Answer {
        let Payment { status, created_at, content: _ } = &self.payments[reference];
        let last_decline = (*status == "declined").then(|| json!({"code": "insufficient_funds"}));
        let code = if *status == "processing" { 202 } else { 200 + u16::from(!replayed) };
        respond(code, replayed, &json!({"id": "pay_1", "status": status, "created_at": created_at, "last_decline": last_decline}))
    }
}

/// A file of orders, removed when the test ends.
struct Orders(PathBuf);

impl Orders {
    fn new(rows: &[impl AsRef<str>]) -> Self {
        let rows: Vec<&str> = rows.iter().map(AsRef::as_ref).collect();
        Self::of_bytes(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes())
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("bezant-pay-{}-{}.csv", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        let _gone_or_not = std::fs::remove_file(&self.0);
    }
}

fn row(order_id: &str, amount: &str) -> String {
    format!("{order_id},{amount},EUR,DE,a@b.example,pm_card_visa,n")
}

fn rows(count: usize) -> Vec<String> {
    (0..count).map(|number| row(&format!("A{number}"), "1.50")).collect()
}

/// Charged, replayed, declined, refused, pending; the sum of them is checked to be the number of orders.
fn counts(summary: &Summary) -> [u64; 5] {
    let Summary { orders, charged, replayed, declined, refused, pending, .. } = *summary;
    let counts = [charged, replayed, declined, refused, pending];
    assert_eq!(counts.iter().sum::<u64>(), orders);
    counts
}

fn refused(summary: &Summary) -> Vec<(u64, &str)> {
    let mut rows: Vec<_> = summary.refused_rows.iter().map(|RefusedRow { line, code, .. }| (*line, code.as_str())).collect();
    rows.sort_unstable();
    rows
}

#[tokio::test]
async fn every_outcome_is_counted_and_only_charges_are_summed() {
    let platform = Platform::start().await;
    let orders = Orders::new(&[
        "A1,19.99,EUR,DE,a@b.example,pm_card_visa,n",
        "A2,0.01,EUR,,,pm_card_visa,",
        "A3,500,JPY,JP,c@d.example,pm_card_visa,",
        "A4,7.00,USD,US,e@f.example,pm_card_chargeDeclined,",
        "A5,7.00,USD,US,e@f.example,pm_slow,",
        "A6,7.00,USD,US,e@f.example,pm_card_authenticationRequired,",
        "A7,7.00,USD,US,e@f.example,pm_bad,",
        "A8,7.000,USD,US,e@f.example,pm_card_visa,",
    ]);
    let summary = platform.pay(&orders).await;
    assert_eq!((summary.ended.clone(), summary.exit_code()), (Ended::Completed, 0));
    assert_eq!(counts(&summary), [3, 0, 1, 2, 2]);
    assert_eq!(refused(&summary), [(8, "field_invalid"), (9, "amount_too_many_decimals")]);
    let failures: Vec<_> = summary.failures.iter().map(|((kind, code), count)| (*kind, code.as_str(), *count)).collect();
    assert_eq!(
        failures,
        [
            ("declined", "insufficient_funds", 1),
            ("pending", "processing", 1),
            ("pending", "requires_action", 1),
            ("refused", "amount_too_many_decimals", 1),
            ("refused", "field_invalid", 1),
        ]
    );
    let object: Value = serde_json::from_str(&summary.json()).unwrap();
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let mut expected =
        ["orders", "charged", "replayed", "declined", "refused", "pending", "totals", "wall_s", "payments_per_s", "p50_ms", "p99_ms"];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(object["totals"], json!({"EUR": 2000, "JPY": 500}));
    assert!(object["p99_ms"].as_f64().unwrap() > 0.0 && object["payments_per_s"].as_f64().unwrap() > 0.0);
    let first = &platform.state().payments["A1"].content;
    assert_eq!(
        *first,
        json!({"amount": {"amount_minor": 1999, "currency": "EUR"}, "capture": "automatic", "confirm": true, "payment_method": "pm_card_visa",
            "reference": "A1", "customer": {"email": "a@b.example", "country": "DE"}, "metadata": {"note": "n"}})
    );
}

#[tokio::test]
async fn a_second_run_replays_everything_refuses_the_corrected_row_and_charges_the_new_one() {
    let platform = Platform::start().await;
    let mut rows = rows(200);
    rows[10] = "A10,7.00,USD,US,e@f.example,pm_card_chargeDeclined,".into();
    assert_eq!(counts(&platform.pay(&Orders::new(&rows)).await), [199, 0, 1, 0, 0]);
    let again = platform.pay(&Orders::new(&rows)).await;
    assert_eq!(counts(&again), [0, 200, 0, 0, 0]);
    assert!(again.totals.is_empty());
    rows[100] = row("A100", "1.51");
    rows.push(row("A200", "9.00"));
    let corrected = platform.pay(&Orders::new(&rows)).await;
    assert_eq!(counts(&corrected), [1, 199, 0, 1, 0]);
    assert_eq!(refused(&corrected), [(102, "reference_conflict")]);
    assert_eq!(corrected.totals.values().copied().collect::<Vec<_>>(), [900]);
    assert_eq!(platform.state().payments["A100"].content["amount"]["amount_minor"], 150);
}

#[tokio::test]
async fn declined_orders_are_tried_again_only_when_asked() {
    let platform = Platform::start().await;
    let orders = Orders::new(&[row("A1", "1.00"), "A2,7.00,USD,US,e@f.example,pm_card_chargeDeclined,".into()]);
    assert_eq!(counts(&platform.pay(&orders).await), [1, 0, 1, 0, 0]);
    let retry = PayOptions { retry_declined: true, ..platform.options(&orders) };
    assert_eq!(counts(&pay(retry.clone()).await.unwrap()), [1, 1, 0, 0, 0]);
    assert_eq!(counts(&pay(retry).await.unwrap()), [0, 2, 0, 0, 0]);
    let keys: std::collections::BTreeSet<_> = platform.state().sent.iter().map(|(_, key)| key.clone()).collect();
    assert_eq!(keys.len(), 6);
}

#[tokio::test]
async fn bad_rows_are_refused_with_their_lines_and_do_not_stop_the_rest() {
    let platform = Platform::start().await;
    let mut file = format!("{HEADER}\r\n").into_bytes();
    for bad in [
        &b"B1,1.00,EUX,DE,a@b.example,pm_card_visa,"[..],
        b"B2,1.005,EUR,DE,a@b.example,pm_card_visa,",
        b"B3,-1.00,EUR,DE,a@b.example,pm_card_visa,",
        b"B4,,EUR,DE,a@b.example,pm_card_visa,",
        b"",
        b"B5,1.00,EUR,DE,a@b.example,pm_card_visa,\xff\xfe",
        b"B6,1.00,EUR",
        b"B7,1.00,EUR,DE,a@b.example,pm_card_visa,\"open",
        b"B8,0,EUR,DE,a@b.example,pm_card_visa,",
        b"B9,1.00,EUR,DE,a@b.example,pm_card_visa,,",
    ] {
        let good = platform.state().payments.len();
        assert_eq!(good, 0);
        file.extend_from_slice(bad);
        file.extend_from_slice(b"\r\n");
        file.extend_from_slice(row(&format!("G{}", file.len()), "1.00").as_bytes());
        file.extend_from_slice(b"\r\n");
    }
    let summary = platform.pay(&Orders::of_bytes(&file)).await;
    assert_eq!(counts(&summary), [10, 0, 0, 10, 0]);
    assert_eq!(
        refused(&summary),
        [
            (2, "currency_unknown"),
            (4, "amount_too_many_decimals"),
            (6, "amount_signed"),
            (8, "field_empty"),
            (10, "row_empty"),
            (12, "utf8_invalid"),
            (14, "field_count_wrong"),
            (16, "quotes_broken"),
            (18, "amount_zero"),
            (20, "field_count_wrong"),
        ]
    );
    assert!(platform.state().payments.keys().all(|reference| reference.starts_with('G')));
}

#[tokio::test]
async fn of_a_doubled_order_id_the_first_row_wins_also_when_both_could_be_in_flight() {
    let platform = Platform::start().await;
    let mut doubled = Vec::new();
    for number in 0..50 {
        doubled.push(row(&format!("A{number}"), "1.00"));
        doubled.push(row(&format!("A{number}"), if number % 2 == 0 { "1.00" } else { "2.00" }));
    }
    let summary = platform.pay(&Orders::new(&doubled)).await;
    assert_eq!(counts(&summary), [50, 25, 0, 25, 0]);
    assert!(refused(&summary).iter().all(|(line, code)| *code == "reference_conflict" && line % 4 == 1));
    assert!(platform.state().payments.values().all(|payment| payment.content["amount"]["amount_minor"] == 100));
    assert_eq!(counts(&platform.pay(&Orders::new(&doubled)).await), [0, 75, 0, 25, 0]);
}

#[tokio::test]
async fn what_may_not_have_arrived_is_sent_again_with_the_same_key_and_counts_once() {
    let platform = Platform::start().await;
    let script = [
        vec![Fault::LostBefore],
        vec![Fault::LostAfter],
        vec![Fault::LostBefore, Fault::LostAfter, Fault::LostBefore],
        vec![Fault::Answer(503, "busy"), Fault::Answer(503, "stopping")],
        vec![Fault::Answer(409, "idempotency_key_in_use"), Fault::Answer(409, "idempotency_key_in_use")],
        vec![Fault::LostAfter, Fault::Answer(409, "idempotency_key_in_use")],
        vec![Fault::Answer(500, "internal")],
        vec![Fault::Answer(429, "slow_down"), Fault::Answer(502, "gateway")],
    ];
    for (number, faults) in script.iter().enumerate() {
        platform.state().faults.insert(format!("A{number}"), faults.iter().copied().collect());
    }
    let orders = Orders::new(&rows(script.len()));
    let summary = platform.pay(&orders).await;
    assert_eq!(counts(&summary), [8, 0, 0, 0, 0]);
    assert_eq!(summary.totals.values().copied().collect::<Vec<_>>(), [8 * 150]);
    {
        let state = platform.state();
        for (number, faults) in script.iter().enumerate() {
            let keys: Vec<_> = state.sent.iter().filter(|(reference, _)| *reference == format!("A{number}")).map(|(_, key)| key).collect();
            assert_eq!(keys.len(), faults.len() + 1, "{faults:?}");
            assert!(keys.iter().all(|key| *key == keys[0]), "{faults:?}");
        }
    }
    assert_eq!(counts(&platform.pay(&orders).await), [0, 8, 0, 0, 0]);
}

#[tokio::test]
async fn an_answer_that_forbids_retries_is_a_refusal() {
    let platform = Platform::start().await;
    platform.state().faults.insert("A0".into(), [Fault::Answer(404, "route_unknown")].into());
    let summary = platform.pay(&Orders::new(&rows(2))).await;
    assert_eq!(counts(&summary), [1, 0, 0, 1, 0]);
    assert_eq!(refused(&summary), [(2, "route_unknown")]);
    assert_eq!(platform.state().sent.len(), 2);
}

#[tokio::test]
async fn a_platform_that_restarts_does_not_fail_the_run() {
    let mut platform = Platform::start_at("127.0.0.1:0".parse().unwrap(), Arc::default(), false).await;
    let orders = Orders::new(&rows(40));
    let options = platform.options(&orders);
    let running = tokio::spawn(pay(options));
    for _ in 0..8 {
        platform.arrivals.recv().await.unwrap();
    }
    let (address, state) = platform.stop().await;
    let platform = Platform::start_at(address, state, true).await;
    let summary = running.await.unwrap().unwrap();
    assert_eq!(counts(&summary), [40, 0, 0, 0, 0]);
    assert_eq!(summary.ended, Ended::Completed);
    assert_eq!(platform.state().sent.len(), 48);
}

#[tokio::test]
async fn a_platform_that_stays_away_ends_the_run_with_a_summary() {
    let mut platform = Platform::start_at("127.0.0.1:0".parse().unwrap(), Arc::default(), false).await;
    let orders = Orders::new(&rows(1_000));
    let options = PayOptions { patience: 0, ..platform.options(&orders) };
    let running = tokio::spawn(pay(options));
    for _ in 0..8 {
        platform.arrivals.recv().await.unwrap();
    }
    platform.stop().await;
    let summary = running.await.unwrap().unwrap();
    assert_eq!(counts(&summary), [0, 0, 0, 0, 8]);
    assert!(matches!(summary.ended, Ended::Failed(_)), "{:?}", summary.ended);
    assert_eq!(summary.exit_code(), 1);
}

#[tokio::test]
async fn an_interrupt_finishes_what_is_in_flight_and_sends_nothing_more() {
    let mut platform = Platform::start_at("127.0.0.1:0".parse().unwrap(), Arc::default(), false).await;
    let orders = Orders::new(&rows(1_000));
    let (interrupt, stop) = mpsc::channel(2);
    let running = tokio::spawn(run_until(platform.options(&orders), stop));
    for _ in 0..8 {
        platform.arrivals.recv().await.unwrap();
    }
    interrupt.send(()).await.unwrap();
    interrupt.reserve_many(2).await.unwrap();
    platform.gate.send_replace(true);
    let summary = running.await.unwrap().unwrap();
    assert_eq!(counts(&summary), [8, 0, 0, 0, 0]);
    assert_eq!((summary.ended.clone(), summary.exit_code()), (Ended::Interrupted, 130));
    assert_eq!(counts(&platform.pay(&orders).await), [992, 8, 0, 0, 0]);
}

#[tokio::test]
async fn a_second_interrupt_leaves_at_once_and_says_what_is_not_known() {
    let mut platform = Platform::start_at("127.0.0.1:0".parse().unwrap(), Arc::default(), false).await;
    let orders = Orders::new(&rows(1_000));
    let (interrupt, stop) = mpsc::channel(2);
    let running = tokio::spawn(run_until(platform.options(&orders), stop));
    for _ in 0..8 {
        platform.arrivals.recv().await.unwrap();
    }
    interrupt.send(()).await.unwrap();
    interrupt.send(()).await.unwrap();
    let summary = running.await.unwrap().unwrap();
    assert_eq!(counts(&summary), [0, 0, 0, 0, 8]);
    assert_eq!(summary.exit_code(), 130);
}

#[tokio::test]
async fn no_more_orders_are_in_flight_than_asked_for() {
    let platform = Platform::start().await;
    let summary = platform.pay(&Orders::new(&rows(3_000))).await;
    assert_eq!(counts(&summary), [3_000, 0, 0, 0, 0]);
    assert!(platform.state().open_max <= 8);
}

#[tokio::test]
async fn a_key_that_is_revoked_meanwhile_ends_the_run() {
    let platform = Platform::start().await;
    platform.state().faults.insert("A20".into(), [Fault::Answer(401, "api_key_invalid")].into());
    let summary = platform.pay(&Orders::new(&rows(1_000))).await;
    assert!(matches!(&summary.ended, Ended::Failed(reason) if reason.contains("API key")), "{:?}", summary.ended);
    assert_eq!(refused(&summary), [(22, "api_key_refused")]);
    assert!(summary.orders <= 21 + 8, "{}", summary.orders);
}

#[tokio::test]
async fn what_cannot_run_says_so_before_anything_is_sent() {
    let platform = Platform::start().await;
    let good = Orders::new(&rows(1));
    let no_country = Orders::of_bytes(b"order_id,amount,currency,customer_email,payment_method\nA,1,EUR,,pm_card_visa\n");
    let empty = Orders::of_bytes(b"");
    let options = platform.options(&good);
    for (options, expected) in [
        (PayOptions { orders: PathBuf::from("no/such/file.csv"), ..options.clone() }, "cannot read the orders in no/such/file.csv"),
        (platform.options(&no_country), "lacks the columns country"),
        (platform.options(&empty), "the file is empty"),
        (PayOptions { url: "https://127.0.0.1:1".into(), ..options.clone() }, "only http is spoken"),
        (PayOptions { url: "http://127.0.0.1:1".into(), patience: 0, ..options.clone() }, "is not ready after 0 s"),
        (PayOptions { api_key: Some(base::Redacted::new("a\nb".into())), ..options.clone() }, "characters that no key has"),
        (PayOptions { api_key: Some(base::Redacted::new("sk_test_other".into())), ..options }, "does not accept the API key"),
    ] {
        let error = pay(options).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(platform.state().sent.is_empty());
}
