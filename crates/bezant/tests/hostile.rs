//! Clients that mean ill or know no better, over raw sockets: none of them stops the others, and each gets an answer or
//! the door.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use serde_json::{Value, json};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::{Answer, Bezant, Client, Folder, Merchant, Plan, Sandbox, connect, read_answer, wait_for};

/// Connections that do nothing.
const IDLE_CONNECTIONS: usize = 10_000;

fn start(name: &str, arguments: &str) -> (Folder, Sandbox, Plan, Bezant) {
    let folder = Folder::new(name);
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address).with(arguments);
    let platform = plan.start();
    (folder, sandbox, plan, platform)
}

fn order(number: u64) -> Value {
    json!({ "amount": { "amount_minor": 1_000 + number, "currency": "EUR" }, "payment_method": "pm_card_visa" })
}

fn pay(merchant: &mut Merchant, number: u64) -> Answer {
    let answer = merchant.post("/v1/payments", &format!("key-{number}"), &order(number)).unwrap();
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.json()["status"], "captured");
    answer
}

/// Sends bytes and reads until the other side closes, which an idle connection sees after the time for a head.
fn raw(platform: &Bezant, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(platform.address).unwrap();
    let _ = stream.write_all(bytes); // refused early: what was said before is still read
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // a reset ends it too
    answer
}

fn status_of(answer: &[u8]) -> Option<u16> {
    std::str::from_utf8(answer).ok()?.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()
}

#[test]
fn a_client_that_dribbles_its_request_is_cut_off_and_delays_nobody() {
    let (_folder, _sandbox, _plan, platform) = start("hostile-slow", "--head-timeout-ms 1000");
    let mut slow: Vec<TcpStream> = (0..50).map(|_| connect(platform.address).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"POST /v1/payments HTTP/1.1\r\nhost: te").unwrap();
        stream.set_nonblocking(true).unwrap();
    }
    let mut merchant = platform.merchant();
    let started = Instant::now();
    let mut number = 0;
    let mut cut = vec![false; slow.len()];
    // One byte after the other, for ever, as far as each client is concerned.
    wait_for("slow clients to be cut off", || {
        pay(&mut merchant, number);
        number += 1;
        for (stream, cut) in slow.iter_mut().zip(&mut cut) {
            let written = stream.write(b"x");
            let ended = match stream.read(&mut [0; 1_024]) {
                Ok(0) => true,
                Ok(_) => false, // words of parting; the end comes next
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            };
            *cut |= ended || written.is_err_and(|error| error.kind() != ErrorKind::WouldBlock);
        }
        cut.iter().all(|cut| *cut).then_some(())
    });
    println!("50 slow clients were cut off after {:?}; {number} payments went on meanwhile", started.elapsed());
    assert!(started.elapsed() >= Duration::from_millis(900), "not before their time");
    pay(&mut merchant, number);
}

#[test]
fn ten_thousand_idle_connections_do_not_keep_payments_out() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(IDLE_CONNECTIONS).unwrap() + 1_000;
    let hard = limit.maximum.unwrap_or(u64::MAX);
    // The platform keeps descriptors for itself beside its connections.
    if hard < wanted + 1_000 {
        println!("SKIPPED: {IDLE_CONNECTIONS} idle connections need {} open files; the hard limit is {hard}", wanted + 1_000);
        return;
    }
    if limit.current.is_some_and(|soft| soft < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).unwrap();
    }
    let (_folder, _sandbox, _plan, platform) = start("hostile-idle", "--head-timeout-ms 600000");
    let mut idle = Vec::with_capacity(IDLE_CONNECTIONS);
    let started = Instant::now();
    let mut merchant = platform.merchant();
    for number in 0..IDLE_CONNECTIONS {
        idle.push(connect(platform.address).unwrap());
        if number % 1_000 == 0 {
            pay(&mut merchant, u64::try_from(number).unwrap());
        }
    }
    let opened = started.elapsed();
    let paying = Instant::now();
    for number in 0..50 {
        // Each on a connection of its own: newcomers are let in, too.
        pay(&mut platform.merchant(), 100_000 + number);
    }
    let mut open = 0;
    for stream in &mut idle {
        stream.set_nonblocking(true).unwrap();
        open += usize::from(stream.read(&mut [0; 1]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
    }
    println!("{IDLE_CONNECTIONS} connections opened in {opened:?}, {open} still open; 50 payments meanwhile took {:?}", paying.elapsed());
    assert_eq!(open, IDLE_CONNECTIONS, "there was room for all");
}

#[test]
fn malformed_requests_are_refused_and_the_platform_goes_on() {
    let (_folder, sandbox, plan, platform) = start("hostile-garbage", "--head-timeout-ms 500");
    let key = &platform.api_key;
    let post = |headers: &str, body: &[u8]| {
        let head = format!(
            "POST /v1/payments HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {key}\r\nidempotency-key: k\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n{headers}\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let large_body = vec![b' '; 65 * 1024];
    let large_head = format!("x-large: {}\r\n", "a".repeat(500 * 1024));
    let endless_line = vec![b'a'; 200 * 1024];
    let chunked = format!(
        "POST /v1/payments HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {key}\r\nidempotency-key: k\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\nzz\r\n"
    );
    // What is sent, and which answers are right; none at all is right only where the text says so.
    let rows: Vec<(&str, Vec<u8>, &[u16], bool)> = vec![
        ("text that is not UTF-8", post("", b"{\"description\":\"\xff\xfe\"}"), &[400], false),
        ("a body over the limit", post("", &large_body), &[413], false),
        ("a head over the limit", post(&large_head, b"{}"), &[431], true),
        (
            "a wrong method",
            format!("DELETE /v1/payments HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {key}\r\n\r\n").into_bytes(),
            &[405],
            false,
        ),
        ("an unknown method", b"BREW / HTTP/1.1\r\nhost: t\r\n\r\n".to_vec(), &[404, 405], false),
        ("a length that is no number", b"POST / HTTP/1.1\r\nhost: t\r\ncontent-length: -1\r\n\r\n".to_vec(), &[400], false),
        ("two lengths", b"POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_vec(), &[400], false),
        ("a chunk without a size", chunked.into_bytes(), &[400], true),
        ("zeros", vec![0; 4_096], &[400], true),
        ("an endless line", endless_line, &[400, 414, 431], true),
        ("the greeting of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20), &[400], true),
        ("a version to come", b"GET /healthz HTTP/9.9\r\nhost: t\r\n\r\n".to_vec(), &[400, 505], true),
        ("only line ends", b"\r\n\r\n\r\n\r\n".to_vec(), &[400], true),
    ];
    let row_count = rows.len();
    for (number, (what, bytes, right, may_be_silent)) in (0..).zip(rows) {
        let answer = raw(&platform, &bytes);
        match status_of(&answer) {
            Some(status) => assert!(right.contains(&status), "{what}: {}", String::from_utf8_lossy(&answer)),
            None => assert!(may_be_silent && answer.is_empty(), "{what}: {}", String::from_utf8_lossy(&answer)),
        }
        pay(&mut platform.merchant(), number);
        assert_eq!(Client::new(platform.address).send("GET", "/healthz", &[], b"").unwrap().status, 200, "after {what}");
    }
    let truth = sandbox.get("/_admin/truth?summary=1");
    assert_eq!(truth["totals"]["eur"]["charge_count"], row_count, "nothing malformed was charged, and every order once");
    assert_eq!(platform.stop().code(), Some(0));
    plan.verified();
}

#[test]
fn garbage_behind_a_good_request_does_not_spoil_its_answer() {
    let (_folder, _sandbox, _plan, platform) = start("hostile-pipeline", "--head-timeout-ms 500");
    let body = order(1).to_string();
    let request = format!(
        "POST /v1/payments HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {}\r\nidempotency-key: key-1\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        platform.api_key,
        body.len()
    );
    let bytes = [request.as_bytes(), b"\x00\xff\xfe garbage that is no request \r\n\r\n"].concat();
    let answers = raw(&platform, &bytes);
    let first = read_answer(&mut answers.as_slice()).unwrap();
    assert_eq!((first.status, first.json()["status"].as_str()), (201, Some("captured")));
    // Two good requests at once are answered in order.
    let twice = request.repeat(2);
    let mut stream = BufReader::new(connect(platform.address).unwrap());
    stream.get_mut().write_all(twice.as_bytes()).unwrap();
    for _ in 0..2 {
        let answer = read_answer(&mut stream).unwrap();
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, Some("true")));
        assert_eq!(answer.json()["id"], first.json()["id"]);
    }
}

#[test]
fn a_stop_lets_the_request_under_way_finish_and_a_restart_goes_on() {
    let (_folder, sandbox, plan, platform) = start("hostile-stop", "--head-timeout-ms 600000");
    pay(&mut platform.merchant(), 1);
    let idle = connect(platform.address).unwrap();
    let mut half = connect(platform.address).unwrap();
    half.write_all(b"GET /v1/payments HTTP/1.1\r\nho").unwrap();
    let rule = json!({ "kind": "latency", "latency_ms": 1_500 });
    let mut admin = Client::new(sandbox.address);
    assert_eq!(admin.send("POST", "/_admin/faults", &[], rule.to_string().as_bytes()).unwrap().status, 200);
    let mut merchant = platform.merchant();
    let under_way = std::thread::spawn(move || merchant.post("/v1/payments", "key-2", &order(2)).unwrap());
    // The payment is known before its provider has answered.
    let mut reader = platform.merchant();
    wait_for("a request under way", || {
        let page = reader.read("/v1/payments");
        page["data"].as_array().unwrap().iter().any(|payment| payment["status"] == "processing").then_some(())
    });
    platform.process.terminate();
    let answer = under_way.join().unwrap();
    assert_eq!((answer.status, answer.json()["status"].as_str()), (201, Some("captured")), "{}", answer.json());
    let (operator_key, api_key) = (platform.operator_key.clone(), platform.api_key.clone());
    let mut process = platform.process;
    assert_eq!(process.wait().code(), Some(0), "a stop that was asked for is no failure");
    drop((idle, half));
    let platform = plan.start();
    assert_eq!((&platform.operator_key, &platform.api_key), (&operator_key, &api_key), "keys stay");
    let mut merchant = platform.merchant();
    let again = merchant.post("/v1/payments", "key-2", &order(2)).unwrap();
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(again.json()["id"], answer.json()["id"]);
    merchant.catch_up();
    assert_eq!(merchant.read("/v1/payments")["data"].as_array().unwrap().len(), 2);
    assert_eq!(sandbox.get("/_admin/truth?summary=1")["totals"]["eur"]["charge_count"], 2);
}
