//! How many payments a second the simulator answers on loopback, beside the HTTP echo ceiling of the same run: an axum
//! handler that reads a JSON order and answers with it. A simulator that is slower than a third of it would be the bottleneck
//! of what is measured against it.
//!
//! Each serves on a thread of its own as the process does (one thread, no folder) and is asked by the same client on as many
//! kept connections. They take turns, so that a noisy machine strikes both. A bare hyper service that answers bytes as many
//! as the simulator's is measured too; it says what HTTP costs here, and has no bar. Exit code 1: below the bar, or a request
//! failed.

use axum::serve::ListenerExt;
use axum::{Json, Router, routing};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sandbox::log::Durable;
use sandbox::server;
use sandbox::stripe::Config;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that ask at the same time.
const CONNECTIONS: u64 = 64;
/// Rounds of each.
const ROUNDS: usize = 5;
/// How often each is asked in turn within a round, so that a pause of the machine does not fall on one of them alone.
const TURNS: u64 = 5;
/// How long a turn asks.
const TURN: Duration = Duration::from_millis(200);
/// How long each is asked before the first round.
const WARM_UP: Duration = Duration::from_millis(500);
/// The simulator answers at least one in so many of the echo's.
const BAR_DIVISOR: u64 = 3;
/// A ratio of one, in thousandths.
const PER_MILLE: u64 = 1_000;
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What the connector sends for a payment that is taken at once.
const BODY: &str = "amount=1999&currency=eur&capture_method=automatic&confirm=true&payment_method=pm_card_visa\
    &payment_method_types[0]=card&return_url=https%3A%2F%2Fshop.example%2Fdone\
    &metadata[bezant_reference]=bzr_0123456789abcdef0123456789abcdef&expand[0]=latest_charge.balance_transaction";
/// What the echo reads and says again: an order with the same facts.
const ORDER: &str = "{\"amount\":1999,\"currency\":\"eur\",\"capture_method\":\"automatic\",\"confirm\":true,\
    \"payment_method\":\"pm_card_visa\",\"payment_method_types\":[\"card\"],\"return_url\":\"https://shop.example/done\",\
    \"metadata\":{\"bezant_reference\":\"bzr_0123456789abcdef0123456789abcdef\"},\"expand\":[\"latest_charge.balance_transaction\"]}";
/// Digits of the number that makes an idempotency key, so that every request has as many bytes.
const KEY_DIGITS: usize = 20;

type Failure = Box<dyn Error + Send + Sync>;

/// The echo's request and answer.
#[derive(Deserialize, Serialize)]
struct Order {
    amount: u64,
    currency: String,
    capture_method: String,
    confirm: bool,
    payment_method: String,
    payment_method_types: Vec<String>,
    return_url: String,
    metadata: OrderMetadata,
    expand: Vec<String>,
}

#[derive(Deserialize, Serialize)]
struct OrderMetadata {
    bezant_reference: String,
}

/// What a server is asked.
#[derive(Clone, Copy)]
struct Ask {
    content_type: &'static str,
    body: &'static str,
}

const FORM: Ask = Ask { content_type: "application/x-www-form-urlencoded", body: BODY };
const JSON: Ask = Ask { content_type: "application/json", body: ORDER };

/// A server on a thread of its own.
struct Server {
    address: SocketAddr,
    ask: Ask,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Server {
    fn start<F>(ask: Ask, serve: impl FnOnce(TcpListener, watch::Receiver<bool>) -> F + Send + 'static) -> Result<Self, Failure>
    where
        F: Future<Output = ()>,
    {
        let runtime = runtime()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::spawn(move || runtime.block_on(serve(listener, stopping)));
        Ok(Self { address, ask, stop, thread })
    }

    fn stop(self) -> Result<(), Failure> {
        self.stop.send_replace(true);
        self.thread.join().map_err(|_| "a server's thread ended badly".into())
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ceiling: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; whether the bar is reached.
fn run() -> Result<bool, Failure> {
    let simulator = Server::start(FORM, |listener, stopping| async move {
        server::serve(listener, Durable::in_memory(1, Config::standard()), stopping).await;
    })?;
    let client = runtime()?;
    let payment = Bytes::from(client.block_on(one_answer(&simulator))?);
    let payment_bytes = payment.len();
    let servers =
        [Server::start(JSON, echo)?, Server::start(FORM, move |listener, stopping| bare(listener, stopping, payment))?, simulator];
    let mut keys = 1;
    let mut rate = |server: &Server, time| {
        keys += CONNECTIONS;
        client.block_on(rate(server, time, keys))
    };
    for server in &servers {
        rate(server, WARM_UP)?;
    }
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let mut sums = [0; 3];
        for _ in 0..TURNS {
            for (sum, server) in sums.iter_mut().zip(&servers) {
                *sum += rate(server, TURN)?;
            }
        }
        for (rates, sum) in rates.iter_mut().zip(sums) {
            rates.push(sum / TURNS);
        }
    }
    for server in servers {
        server.stop()?;
    }
    let [echoed, bare, paid] = rates;
    println!(
        "answers a second, {CONNECTIONS} connections; a payment: {} bytes in, {payment_bytes} bytes out; the echo: {} bytes",
        BODY.len(),
        ORDER.len()
    );
    // Of each round: the machine may be another one in the next.
    let ratio = |paid: &[u64], of: &[u64]| paid.iter().zip(of).map(|(paid, of)| paid * PER_MILLE / of.max(&1)).collect();
    let (to_echo, to_bare) = (ratio(&paid, &echoed), ratio(&paid, &bare));
    print("echo (axum, JSON)", echoed);
    print("bare hyper, no JSON", bare);
    print("simulator", paid);
    print("ratio to bare hyper in thousandths", to_bare);
    let median = print("ratio to the echo in thousandths", to_echo);
    let is_reached = median * BAR_DIVISOR >= PER_MILLE;
    println!("bar 1/{BAR_DIVISOR} of the echo for the ratio's median: {}", if is_reached { "reached" } else { "NOT reached" });
    Ok(is_reached)
}

/// Prints and returns the median.
fn print(name: &str, mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    let [min, median, max] = [0, values.len() / 2, values.len() - 1].map(|index| values[index]);
    println!("{name}: min {min}, median {median}, max {max} of {} rounds", values.len());
    median
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Reads an order and says it again.
async fn echo(listener: TcpListener, mut stopping: watch::Receiver<bool>) {
    let app = Router::new().route("/v1/payment_intents", routing::post(|order: Json<Order>| async move { order }));
    let listener = listener.tap_io(|stream| {
        // As the simulator does. Without it answers would wait, and the round would show it.
        let _ = stream.set_nodelay(true);
    });
    // Cancel-safe: nobody asks any more. A listener that failed shows as requests that fail.
    tokio::select! {
        _ = axum::serve(listener, app).into_future() => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}

/// Reads each body and answers with the same bytes.
async fn bare(listener: TcpListener, mut stopping: watch::Receiver<bool>, answer: Bytes) {
    let mut connections = JoinSet::new();
    loop {
        // Cancel-safe: all arms only wait.
        let accepted = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { return };
        let answer = answer.clone();
        connections.spawn(async move {
            // As above.
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request: hyper::Request<Incoming>| {
                let answer = answer.clone();
                async move {
                    request.into_body().collect().await?;
                    let mut response = hyper::Response::new(Full::new(answer));
                    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                    Ok::<_, hyper::Error>(response)
                }
            });
            // The client closes it at the end of a round.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Answers a second over all connections. Connection `i` begins with key `keys + i` and never meets another's.
async fn rate(server: &Server, time: Duration, keys: u64) -> Result<u64, Failure> {
    let mut asking = JoinSet::new();
    let mut clients = Vec::new();
    for number in 0..CONNECTIONS {
        clients.push(Client::connect(server, keys + number).await?);
    }
    let started = Instant::now();
    for mut client in clients {
        asking.spawn(async move {
            let mut count = 0;
            while started.elapsed() < time {
                client.ask().await?;
                count += 1;
            }
            Ok::<u64, Failure>(count)
        });
    }
    let mut count = 0;
    while let Some(ended) = asking.join_next().await {
        count += ended??;
    }
    let elapsed_us = u64::try_from(started.elapsed().as_micros())?.max(1);
    Ok(count * 1_000_000 / elapsed_us)
}

async fn one_answer(server: &Server) -> Result<Vec<u8>, Failure> {
    let mut client = Client::connect(server, 0).await?;
    let body_at = client.ask().await?;
    Ok(client.answer[body_at..].to_vec())
}

/// A client on one kept connection. It does as little as it can: it shares the machine with what is measured.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    /// Where the key's digits begin.
    key_at: usize,
    /// Number of the connection, in the key's lower digits, and of its request, in the upper ones.
    number: u64,
    asked: u64,
    answer: Vec<u8>,
}

impl Client {
    async fn connect(server: &Server, number: u64) -> Result<Self, Failure> {
        let Server { address, ask: Ask { content_type, body }, .. } = server;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut request = format!("POST /v1/payment_intents HTTP/1.1\r\nhost: {address}\r\nidempotency-key: ").into_bytes();
        let key_at = request.len();
        let rest = format!(
            "{:0KEY_DIGITS$}\r\nauthorization: Bearer sk_test_1\r\nstripe-version: 2026-06-24.dahlia\r\n\
             content-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
            0,
            body.len()
        );
        request.extend_from_slice(rest.as_bytes());
        Ok(Self { stream, request, key_at, number, asked: 0, answer: Vec::with_capacity(ANSWER_BYTES_MAX) })
    }

    /// Asks once under a new key; returns where the answer's body begins.
    async fn ask(&mut self) -> Result<usize, Failure> {
        self.asked += 1;
        let key = format!("{:010}{:010}", self.asked, self.number);
        self.request[self.key_at..self.key_at + KEY_DIGITS].copy_from_slice(key.as_bytes());
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let mut end = None;
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 || self.answer.len() > ANSWER_BYTES_MAX {
                return Err("an answer ended early or never".into());
            }
            if end.is_none() {
                end = head(&self.answer)?;
            }
            if let Some((body_at, length)) = end
                && self.answer.len() >= body_at + length
            {
                return Ok(body_at);
            }
        }
    }
}

/// Where the body begins and how long it is, once the head is there.
fn head(answer: &[u8]) -> Result<Option<(usize, usize)>, Failure> {
    let Some(blank) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let text = core::str::from_utf8(&answer[..blank])?;
    if !text.starts_with("HTTP/1.1 200 ") {
        return Err(format!("not a success: {}", String::from_utf8_lossy(answer)).into());
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("an answer without a length")?;
    Ok(Some((blank + 4, length.parse()?)))
}
