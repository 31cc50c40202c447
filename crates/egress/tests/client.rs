//! What the client says about each way in which an exchange can end, against scripted servers on loopback.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use base::{NotSentReason, Redacted, UnknownReason};
use egress::{Client, ConfigError, Endpoint, Request, SendError};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use support::{DEADLINE, PATIENCE, accept, answer, client, config, endpoint, nobody_knocks, post, read_request, send, send_within, serve};
use tokio::time::Instant;

fn not_sent(result: &Result<egress::Response, SendError>) -> Option<NotSentReason> {
    match result {
        Err(SendError::NotSent(reason, _)) => Some(*reason),
        Err(SendError::Unknown(..)) | Ok(_) => None,
    }
}

fn unknown(result: &Result<egress::Response, SendError>) -> Option<UnknownReason> {
    match result {
        Err(SendError::Unknown(reason, _)) => Some(*reason),
        Err(SendError::NotSent(..)) | Ok(_) => None,
    }
}

/// One connection: read the request, write these bytes, close.
async fn against(raw_response: Vec<u8>) -> Result<egress::Response, SendError> {
    let (port, server) = serve(move |listener| {
        let mut stream = accept(&listener);
        read_request(&mut stream);
        // The client may hang up in the middle of an oversized response.
        let _ = stream.write_all(&raw_response);
        nobody_knocks(&listener)
    });
    let endpoint = endpoint(port);
    let result = send(&client(&endpoint), &endpoint).await;
    assert!(server.join().unwrap(), "there is one connection only");
    result
}

#[tokio::test]
async fn the_request_is_written_as_given_with_its_secret_and_the_clients_own_headers() {
    let (port, server) = serve(|listener| answer(&mut accept(&listener), "ok"));
    let endpoint = endpoint(port);
    let client = client(&endpoint);
    let request = Request { headers: vec![("idempotency-key".into(), "k1".into())], ..post("a=1&b=2") };
    let secret = Redacted::new("Bearer s3cret".to_owned());
    let response = client.send(&endpoint, &request, &[("authorization", &secret)], Instant::now() + PATIENCE).await.unwrap();
    assert_eq!((response.status, response.body.as_slice(), response.header("content-length")), (200, b"ok".as_slice(), Some("2")));
    let written = server.join().unwrap();
    let mut lines: Vec<&str> = written.split("\r\n").collect();
    assert_eq!(lines.remove(0), "POST /v1/a HTTP/1.1");
    lines.sort_unstable();
    let host = format!("host: 127.0.0.1:{port}");
    assert_eq!(
        lines,
        ["", "a=1&b=2", "authorization: Bearer s3cret", "content-length: 7", &host, "idempotency-key: k1", "user-agent: egress-test"]
    );
    assert!(!format!("{client:?} {request:?}").contains("s3cret"));
}

#[tokio::test]
async fn any_status_is_a_response() {
    for status in [200, 302, 402, 404, 409, 429, 500, 503] {
        let result = against(format!("HTTP/1.1 {status} X\r\ncontent-length: 1\r\n\r\nx").into_bytes()).await;
        assert_eq!(result.unwrap().status, status);
    }
    let after_continue = against(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    assert_eq!(after_continue.unwrap().status, 200);
    let chunked = against(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n".to_vec()).await;
    assert_eq!(chunked.unwrap().body, b"abc");
    let until_close = against(b"HTTP/1.1 200 OK\r\n\r\nabc".to_vec()).await;
    assert_eq!(until_close.unwrap().body, b"abc");
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = endpoint(port);
    let client = client(&endpoint);
    assert_eq!(not_sent(&send(&client, &endpoint).await), Some(NotSentReason::Connect));
    assert_eq!(client.counters().not_sent, 1);
}

#[tokio::test]
async fn a_reset_after_written_bytes_is_unknown_even_if_the_peer_read_none() {
    let (port, server) = serve(|listener| {
        let stream = accept(&listener);
        // Wait for the request in the socket's buffer; closing with unread bytes sends a reset.
        let waiting = stream.peek(&mut [0_u8; 1]).unwrap();
        drop(stream);
        (waiting, nobody_knocks(&listener))
    });
    let endpoint = endpoint(port);
    let result = send(&client(&endpoint), &endpoint).await;
    assert_eq!(unknown(&result), Some(UnknownReason::ConnectionLost));
    assert_eq!(server.join().unwrap(), (1, true));
}

#[tokio::test]
async fn a_close_after_the_request_is_unknown() {
    assert_eq!(unknown(&against(Vec::new()).await), Some(UnknownReason::ConnectionLost));
}

#[tokio::test]
async fn half_responses_are_unknown() {
    for raw in [
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        assert_eq!(unknown(&against(raw.as_bytes().to_vec()).await), Some(UnknownReason::ConnectionLost), "{raw:?}");
    }
}

#[tokio::test]
async fn unreadable_and_oversized_responses_are_unknown() {
    let chunk = format!("64\r\n{}\r\n", "x".repeat(100));
    for (name, raw) in [
        ("not http", "SSH-2.0-OpenSSH_9.6\r\n".to_owned()),
        ("bad length", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n".to_owned()),
        ("bad chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned()),
        ("large head", format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(20_000))),
        ("many headers", format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(200))),
        ("announced too large", format!("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n{}", "x".repeat(1_001))),
        ("grows too large", format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(11))),
        ("too large until close", format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1_001))),
        ("other protocol", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_owned()),
    ] {
        let result = against(raw.into_bytes()).await;
        let reason = unknown(&result);
        // A chunk length that is no number surfaces as a broken body; either way nobody knows.
        let expected = if name == "bad chunk" { UnknownReason::ConnectionLost } else { UnknownReason::Undecodable };
        assert_eq!(reason, Some(expected), "{name}: {result:?}");
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    let raw = format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{}", "x".repeat(1_000));
    assert_eq!(against(raw.into_bytes()).await.unwrap().body.len(), 1_000);
}

/// The server reads the request, writes `raw` and then holds the connection until told to end.
async fn against_silence(raw: &'static str) -> Result<egress::Response, SendError> {
    let (done, wait) = mpsc::channel::<()>();
    let (port, server) = serve(move |listener| {
        let mut stream = accept(&listener);
        read_request(&mut stream);
        stream.write_all(raw.as_bytes()).unwrap();
        wait.recv().unwrap();
    });
    let endpoint = endpoint(port);
    let result = send_within(&client(&endpoint), &endpoint, DEADLINE).await;
    done.send(()).unwrap();
    server.join().unwrap();
    result
}

#[tokio::test]
async fn silence_after_the_request_is_unknown_at_the_deadline() {
    for raw in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345", "HTTP/1.1 200 OK\r\n\r\n12345"] {
        assert_eq!(unknown(&against_silence(raw).await), Some(UnknownReason::Timeout), "{raw:?}");
    }
}

#[tokio::test]
async fn a_deadline_in_the_past_is_not_sent_and_connects_to_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap().port());
    let result = client(&endpoint).send(&endpoint, &post("a=1"), &[], Instant::now()).await;
    assert_eq!(not_sent(&result), Some(NotSentReason::Deadline));
    assert!(nobody_knocks(&listener));
}

#[tokio::test]
async fn a_clean_connection_is_used_again() {
    let (port, server) = serve(|listener| {
        let mut stream = accept(&listener);
        for body in ["one", "two", "three"] {
            answer(&mut stream, body);
        }
        nobody_knocks(&listener)
    });
    let endpoint = endpoint(port);
    let client = client(&endpoint);
    for body in ["one", "two", "three"] {
        assert_eq!(send(&client, &endpoint).await.unwrap().body, body.as_bytes());
    }
    assert!(server.join().unwrap());
    let counters = client.counters();
    assert_eq!((counters.connections_opened, counters.connections_reused, counters.responses), (1, 2, 3));
}

#[tokio::test]
async fn a_connection_announced_as_closing_or_idle_for_too_long_is_not_used_again() {
    for (header, idle_ms_max) in [("connection: close\r\n", 60_000), ("", 0)] {
        let (port, server) = serve(move |listener| {
            for _ in 0..2 {
                let mut stream = accept(&listener);
                read_request(&mut stream);
                write!(stream, "HTTP/1.1 200 OK\r\n{header}content-length: 0\r\n\r\n").unwrap();
            }
        });
        let endpoint = endpoint(port);
        let client = Client::new(egress::ClientConfig { idle_ms_max, ..config(&endpoint) }).unwrap();
        for _ in 0..2 {
            send(&client, &endpoint).await.unwrap();
        }
        server.join().unwrap();
        assert_eq!(client.counters().connections_opened, 2);
    }
}

/// The server answers once, does `between` to the idle connection, says so, and answers once more on a new one.
async fn second_send_after(between: impl FnOnce(TcpStream) -> Option<TcpStream> + Send + 'static) -> egress::Counters {
    let (told, tell) = mpsc::channel::<()>();
    let (idle, is_idle) = mpsc::channel::<()>();
    let (port, server) = serve(move |listener| {
        let mut first = accept(&listener);
        answer(&mut first, "one");
        is_idle.recv().unwrap();
        let kept = between(first);
        told.send(()).unwrap();
        answer(&mut accept(&listener), "two");
        drop(kept);
    });
    let endpoint = endpoint(port);
    let client = client(&endpoint);
    assert_eq!(send(&client, &endpoint).await.unwrap().body, b"one");
    idle.send(()).unwrap();
    // Blocks the runtime, so that only a look at the socket itself can tell what the peer did meanwhile.
    tell.recv().unwrap();
    assert_eq!(send(&client, &endpoint).await.unwrap().body, b"two");
    server.join().unwrap();
    client.counters()
}

#[tokio::test]
async fn an_idle_connection_that_the_peer_closed_or_spoke_on_is_replaced_and_nothing_is_unknown() {
    let closed = second_send_after(|stream| {
        drop(stream);
        None
    })
    .await;
    let half_closed = second_send_after(|stream| {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        Some(stream)
    })
    .await;
    let spoke = second_send_after(|mut stream| {
        stream.write_all(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n").unwrap();
        Some(stream)
    })
    .await;
    for counters in [closed, half_closed, spoke] {
        assert_eq!((counters.connections_opened, counters.connections_reused), (2, 0));
        assert_eq!((counters.connections_discarded, counters.responses, counters.unknown), (1, 2, 0));
    }
}

#[tokio::test]
async fn a_reused_connection_that_breaks_after_a_written_byte_is_unknown_and_not_tried_again() {
    let (finished, wait) = mpsc::channel::<()>();
    let (port, server) = serve(move |listener| {
        let mut stream = accept(&listener);
        answer(&mut stream, "one");
        stream.read_exact(&mut [0_u8; 1]).unwrap();
        drop(stream);
        wait.recv().unwrap();
        nobody_knocks(&listener)
    });
    let endpoint = endpoint(port);
    let client = client(&endpoint);
    send(&client, &endpoint).await.unwrap();
    assert_eq!(unknown(&send(&client, &endpoint).await), Some(UnknownReason::ConnectionLost));
    finished.send(()).unwrap();
    assert!(server.join().unwrap(), "no second connection was made");
    assert_eq!((client.counters().connections_reused, client.counters().connections_opened), (1, 1));
}

#[tokio::test]
async fn a_dropped_send_closes_its_connection() {
    let (arrived, arrival) = tokio::sync::oneshot::channel::<()>();
    let (port, server) = serve(move |listener| {
        let mut first = accept(&listener);
        read_request(&mut first);
        arrived.send(()).unwrap();
        let mut second = accept(&listener);
        answer(&mut second, "two");
        // The first connection ends without another byte.
        first.read(&mut [0_u8; 1]).unwrap()
    });
    let endpoint = endpoint(port);
    let client = client(&endpoint);
    tokio::select! {
        result = send(&client, &endpoint) => panic!("the server never answers: {result:?}"),
        arrived = arrival => arrived.unwrap(),
    }
    assert_eq!(send(&client, &endpoint).await.unwrap().body, b"two");
    assert_eq!(server.join().unwrap(), 0);
    assert_eq!(client.counters().connections_opened, 2);
}

#[tokio::test]
async fn connections_are_bounded_and_waiting_for_one_ends_at_the_deadline_unsent() {
    let (release, wait) = mpsc::channel::<()>();
    let (arrived, arrival) = tokio::sync::oneshot::channel::<()>();
    let (port, server) = serve(move |listener| {
        let mut stream = accept(&listener);
        read_request(&mut stream);
        arrived.send(()).unwrap();
        wait.recv().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        answer(&mut stream, "next");
        nobody_knocks(&listener)
    });
    let endpoint = endpoint(port);
    let client = Client::new(egress::ClientConfig { connections_max: 1, ..config(&endpoint) }).unwrap();
    let first = send(&client, &endpoint);
    let others = async {
        arrival.await.unwrap();
        let refused = send_within(&client, &endpoint, DEADLINE).await;
        assert_eq!(not_sent(&refused), Some(NotSentReason::Deadline));
        release.send(()).unwrap();
        send(&client, &endpoint).await.unwrap().body
    };
    let (first, next) = tokio::join!(first, others);
    assert_eq!((first.unwrap().status, next), (200, b"next".to_vec()));
    assert!(server.join().unwrap());
    assert_eq!(client.counters().connections_opened, 1);
}

#[tokio::test]
async fn parallel_sends_use_parallel_connections() {
    let (port, server) = serve(|listener| {
        let mut streams = [accept(&listener), accept(&listener)];
        for stream in &mut streams {
            answer(stream, "ok");
        }
    });
    let endpoint = endpoint(port);
    let client = client(&endpoint);
    let (one, two) = tokio::join!(send(&client, &endpoint), send(&client, &endpoint));
    assert_eq!((one.unwrap().status, two.unwrap().status), (200, 200));
    server.join().unwrap();
}

#[tokio::test]
async fn a_destination_that_is_not_listed_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = endpoint(listener.local_addr().unwrap().port());
    let listed = Endpoint::parse("https://api.example.com").unwrap();
    assert_eq!(not_sent(&send(&client(&listed), &other).await), Some(NotSentReason::Encode));
    assert!(nobody_knocks(&listener));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_not_sent() {
    // A label of more than 63 bytes cannot be asked for, so that no question leaves this machine.
    let endpoint = Endpoint::parse(&format!("https://{}.example", "a".repeat(64))).unwrap();
    assert_eq!(not_sent(&send(&client(&endpoint), &endpoint).await), Some(NotSentReason::Resolve));
}

#[tokio::test]
async fn a_public_name_that_resolves_inwards_is_not_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Numeric names that are no literal addresses here and that the system's resolver reads as 127.0.0.1.
    for host in ["127.1", "2130706433", "0x7f000001"] {
        let endpoint = Endpoint::parse(&format!("https://{host}:{port}")).unwrap();
        assert_eq!(not_sent(&send(&client(&endpoint), &endpoint).await), Some(NotSentReason::Resolve), "{host}");
    }
    assert!(nobody_knocks(&listener));
}

#[tokio::test]
async fn what_could_be_read_as_two_requests_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap().port());
    let client = client(&endpoint);
    let deadline = Instant::now() + PATIENCE;
    let in_path = Request { path_and_query: "/a HTTP/1.1\r\nx: y".to_owned(), ..post("") };
    assert_eq!(not_sent(&client.send(&endpoint, &in_path, &[], deadline).await), Some(NotSentReason::Encode));
    for (name, value) in [("authorization", "a\r\nx: y"), ("content-length", "5"), ("Authorization", "a"), ("", "a")] {
        let secret = Redacted::new(value.to_owned());
        let result = client.send(&endpoint, &post(""), &[(name, &secret)], deadline).await;
        assert_eq!(not_sent(&result), Some(NotSentReason::Encode), "{name}");
    }
    assert!(nobody_knocks(&listener));
}

#[test]
fn a_client_without_endpoints_connections_or_room_is_refused() {
    let endpoint = endpoint(1);
    let good = || config(&endpoint);
    for (changed, expected) in [
        (egress::ClientConfig { endpoints: Vec::new(), ..good() }, ConfigError::Endpoints),
        (egress::ClientConfig { connections_max: 0, ..good() }, ConfigError::Connections),
        (egress::ClientConfig { head_bytes_max: 100, ..good() }, ConfigError::Head),
        (egress::ClientConfig { user_agent: "a\r\nb".into(), ..good() }, ConfigError::UserAgent),
        (egress::ClientConfig { roots: egress::Roots::Only(Vec::new()), ..good() }, ConfigError::Roots),
        (egress::ClientConfig { roots: egress::Roots::Only(vec![vec![1]]), ..good() }, ConfigError::Roots),
    ] {
        assert_eq!(Client::new(changed).err(), Some(expected));
    }
    assert!(Client::new(good()).is_ok());
}
