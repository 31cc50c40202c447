//! The binary: what a delivery means on a real connection, and that a killed process loses nothing it answered.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::loopback::{Receiver, Reply};
use serde_json::Value;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Process {
    child: Child,
    address: String,
    started: Value,
}

impl Process {
    fn start(folder: Option<&Path>) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: Option<&Path>, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bezant-sandbox"));
        command.args(["--listen", "127.0.0.1:0", "--json", "--set", "hang_ms=200", "--set", "search_lag_ms=0"]).args(more);
        if let Some(folder) = folder {
            command.arg("--data").arg(folder);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap();
        let address = started["address"].as_str().unwrap().to_owned();
        Self { child, address, started }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends a request on a connection of its own and reads until the connection ends.
    fn raw(&self, method: &str, path: &str, body: &str) -> std::io::Result<Vec<u8>> {
        let mut stream = self.connect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer sk_test_1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let answer = self.raw(method, path, body).unwrap();
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    fn pay(&self, script: &str) -> std::io::Result<Vec<u8>> {
        let body =
            format!("amount=2000&currency=usd&confirm=true&payment_method_types[]=card&payment_method=pm_card_visa&metadata[sim]={script}");
        self.raw("POST", "/v1/payment_intents", &body)
    }

    fn captured(&self) -> i64 {
        self.send("GET", "/_admin/truth?summary=1", "").1["totals"]["usd"]["captured"].as_i64().unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn faults_reach_the_connection() {
    let process = Process::start(None);
    assert!(String::from_utf8(process.pay("none").unwrap()).unwrap().starts_with("HTTP/1.1 200 OK"));
    assert_eq!(process.pay("reset_before_effect").unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(process.captured(), 2_000);
    assert_eq!(process.pay("reset_after_effect").unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(process.captured(), 4_000);
    assert_eq!(process.pay("hang").unwrap_err().kind(), ErrorKind::ConnectionReset, "after the 200 ms of the configuration");
    assert_eq!(process.captured(), 6_000);
    let cut = String::from_utf8(process.pay("truncated_body:25").unwrap()).unwrap();
    let (head, body) = cut.split_once("\r\n\r\n").unwrap();
    let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(announced.parse::<usize>().unwrap() > 1_000);
    assert_eq!(body.len(), 25);
    assert_eq!(process.captured(), 8_000);
}

#[test]
fn hostile_connections_get_an_answer_or_the_door() {
    let process = Process::start(None);
    let too_large = "a".repeat(300 * 1024);
    // The answer may be lost to the reset that follows it; the process must go on either way.
    let _ = process.raw("POST", "/v1/payment_intents", &too_large);
    for garbage in ["\r\n\r\n\r\n", "GET\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "\u{0}\u{1}\u{2}"] {
        let mut stream = process.connect();
        stream.write_all(garbage.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(process.send("GET", "/_admin/health", "").0, 200);
    assert_eq!(process.send("PUT", "/v1/payment_intents", "").0, 404);
}

#[test]
fn a_killed_process_has_everything_it_answered() {
    let folder: PathBuf = std::env::temp_dir().join(format!("bezant-sandbox-process-{}", std::process::id()));
    let mut answered = 0;
    for round in 0..4 {
        let mut process = Process::start(Some(&folder));
        assert_eq!(process.captured(), answered * 2_000, "round {round}");
        for _ in 0..25 {
            process.pay("none").unwrap();
            answered += 1;
        }
        // SIGKILL.
        process.child.kill().unwrap();
        process.child.wait().unwrap();
    }
    let process = Process::start(Some(&folder));
    assert_eq!(process.captured(), answered * 2_000);
    assert!(process.started["records"].as_i64().unwrap() >= answered);
    drop(process);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_termination_signal_ends_the_process_in_order() {
    for name in ["TERM", "INT"] {
        let mut process = Process::start(None);
        let idle = process.connect();
        let status = Command::new("kill").args([format!("-{name}"), process.child.id().to_string()]).status().unwrap();
        assert!(status.success());
        assert_eq!(process.child.wait().unwrap().code(), Some(0), "{name}");
        drop(idle);
    }
}

#[test]
fn endpoints_of_the_command_line_get_the_events_they_want_signed_with_their_secret() {
    let folder: PathBuf = std::env::temp_dir().join(format!("bezant-sandbox-process-webhooks-{}", std::process::id()));
    let receivers = [(); 2].map(|()| Receiver::start(|_| Reply::Status(200)));
    let more = ["--webhook-url", &receivers[0].url, "--webhook-url", &receivers[1].url, "--webhook-secret", "whsec_given"];
    let mut made_up = Value::Null;
    for round in 0..2 {
        let process = Process::start_with(Some(&folder), &more);
        let endpoints = process.started["webhook_endpoints"].as_array().unwrap().clone();
        assert_eq!((endpoints.len(), &endpoints[0]["secret"]), (2, &Value::from("whsec_given")));
        if round > 0 {
            assert_eq!(endpoints[1]["secret"], made_up, "a restart finds the endpoint of that address again");
        }
        made_up = endpoints[1]["secret"].clone();
        process.pay("none").unwrap();
        let now_s = sandbox::server::wall_clock_ms() / 1_000;
        for (receiver, endpoint) in receivers.iter().zip(&endpoints) {
            for webhook in receiver.take(3) {
                let secret = endpoint["secret"].as_str().unwrap();
                assert_eq!(common::verify(webhook.header("stripe-signature"), &webhook.body, secret, now_s), Ok(()));
            }
        }
        while process.send("GET", "/_admin/deliveries", "").1["counts"]["open"] != 0 {}
    }
    std::fs::remove_dir_all(&folder).unwrap();

    let told = Receiver::start(|_| Reply::Status(200));
    let fewer = ["--webhook-url", &told.url, "--webhook-events", "refund.created,payment_intent.succeeded"];
    let process = Process::start_with(None, &fewer);
    process.pay("none").unwrap();
    process.pay("none").unwrap();
    assert_eq!(told.kinds(2), ["payment_intent.succeeded"; 2], "of three events each");

    let binary = env!("CARGO_BIN_EXE_bezant-sandbox");
    for wrong in [
        &["--webhook-secret", "whsec_a"][..],
        &["--webhook-url", "nowhere"],
        &["--webhook-url", "http://127.0.0.1:1/", "--webhook-events", "no"],
    ] {
        let ended = Command::new(binary).args(["--listen", "127.0.0.1:0"]).args(wrong).stdout(Stdio::null()).output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{wrong:?}");
    }
}
