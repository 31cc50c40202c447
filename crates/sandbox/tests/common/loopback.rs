//! The simulator behind HTTP in this process, and a receiver of its webhooks, both on loopback.

use sandbox::log::Durable;
use sandbox::server::{self, Ended};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Channel, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Longest wait of a test for anything, so that a mistake fails instead of hanging.
pub const WAIT_MAX: Duration = Duration::from_secs(20);

/// A simulator that serves.
pub struct Simulator {
    pub address: String,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<Ended>>,
}

impl Simulator {
    pub fn start(simulator: Durable) -> Self {
        let (stop, stopping) = watch::channel(false);
        let (told, address) = channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap().to_string()).unwrap();
                server::serve(listener, simulator, stopping).await
            })
        });
        Self { address: address.recv_timeout(WAIT_MAX).unwrap(), stop, thread: Some(thread) }
    }

    pub fn stop(mut self) -> Ended {
        self.stop.send_replace(true);
        self.thread.take().unwrap().join().unwrap()
    }

    pub fn raw(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer sk_test_1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    pub fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let text = String::from_utf8(self.raw(method, path, body)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    pub fn post(&self, path: &str, body: &str) -> Value {
        let (status, answer) = self.send("POST", path, body);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// A payment of 20.00 USD with a script in its metadata.
    pub fn pay(&self, script: &str) -> Value {
        let body =
            format!("amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa&payment_method_types[]=card&metadata[sim]={script}");
        self.post("/v1/payment_intents", &body)
    }

    /// Looks at the counts of deliveries until they are as expected.
    pub fn wait_for_deliveries(&self, what: &str, expected: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let (_, shown) = self.send("GET", "/_admin/deliveries", "");
            if expected(&shown["counts"]) {
                return shown["counts"].clone();
            }
            assert!(Instant::now() < deadline, "{what}: {shown}");
        }
    }

    pub fn fault_count(&self, name: &str) -> i64 {
        self.send("GET", "/_admin/faults", "").1["counts"][name].as_i64().unwrap_or(0)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A webhook as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub head: String,
    pub body: Vec<u8>,
    pub event: Value,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    pub fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap()
    }

    pub fn id(&self) -> &str {
        self.event["id"].as_str().unwrap()
    }
}

/// What a receiver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// This status, and the connection stays.
    Status(u16),
    /// This status, and the connection is closed without a word about it.
    StatusAndClose(u16),
    /// Nothing, ever.
    Nothing,
}

/// A receiver of webhooks.
pub struct Receiver {
    pub url: String,
    pub received: Channel<Received>,
}

impl Receiver {
    /// Answers each webhook as `answer` says; `received` gets it first.
    pub fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?shop=1", listener.local_addr().unwrap());
        let (sender, received) = channel();
        let answer: Arc<dyn Fn(&Received) -> Reply + Send + Sync> = Arc::new(answer);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, sender, answer) = (stream.unwrap(), sender.clone(), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    while let Some(received) = read(&mut reader) {
                        let reply = answer(&received);
                        let _ = sender.send(received);
                        let (Reply::Status(status) | Reply::StatusAndClose(status)) = reply else {
                            std::thread::park();
                            return;
                        };
                        let text = format!("HTTP/1.1 {status} Any\r\nContent-Length: 2\r\n\r\nok");
                        if reader.get_mut().write_all(text.as_bytes()).is_err() || reply == Reply::StatusAndClose(status) {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, received }
    }

    pub fn next(&self) -> Received {
        self.received.recv_timeout(WAIT_MAX).expect("a webhook in time")
    }

    /// The next webhooks in the order in which they came.
    pub fn take(&self, count: usize) -> Vec<Received> {
        (0..count).map(|_| self.next()).collect()
    }

    /// The webhooks of a payment made with a script.
    pub fn kinds(&self, count: usize) -> Vec<String> {
        self.take(count).iter().map(|received| received.kind().to_owned()).collect()
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lengths = head.lines().filter_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let mut body = vec![0; lengths.fold(None, |_, length| Some(length))?];
    reader.read_exact(&mut body).ok()?;
    let event = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Received { head, body, event })
}
