//! TLS: what fails before the request is not sent; what breaks after it is unknown.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(dead_code, reason = "the helpers are shared with another test program")]

mod support;

use base::{NotSentReason, UnknownReason};
use egress::{Client, ClientConfig, Endpoint, Roots, SendError};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use support::{DEADLINE, accept, answer, config, read_request, send, send_within, serve};

type TlsStream = StreamOwned<ServerConnection, TcpStream>;

fn accept_tls(listener: &TcpListener) -> TlsStream {
    let certificate = CertificateDer::from(include_bytes!("fixtures/server.der").as_slice());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(include_bytes!("fixtures/server-key.der").as_slice()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), accept(listener))
}

fn trusting(endpoint: &Endpoint) -> Client {
    let roots = Roots::Only(vec![include_bytes!("fixtures/authority.der").to_vec()]);
    Client::new(ClientConfig { roots, ..config(endpoint) }).unwrap()
}

fn https(host: &str, port: u16) -> Endpoint {
    Endpoint::parse(&format!("https://{host}:{port}")).unwrap()
}

#[tokio::test]
async fn requests_travel_over_tls_and_the_connection_is_kept() {
    let (port, server) = serve(|listener| {
        let mut stream = accept_tls(&listener);
        answer(&mut stream, "one");
        answer(&mut stream, "two")
    });
    let endpoint = https("localhost", port);
    let client = trusting(&endpoint);
    assert_eq!(send(&client, &endpoint).await.unwrap().body, b"one");
    assert_eq!(send(&client, &endpoint).await.unwrap().body, b"two");
    assert!(server.join().unwrap().contains(&format!("host: localhost:{port}\r\n")));
    assert_eq!(client.counters().connections_reused, 1);
}

#[tokio::test]
async fn handshakes_that_fail_are_not_sent() {
    let untrusted: (&str, fn(&Endpoint) -> Client) = ("localhost", |endpoint| Client::new(config(endpoint)).unwrap());
    for (host, build) in [untrusted, ("127.0.0.2", trusting)] {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let endpoint = https(host, listener.local_addr().unwrap().port());
        let server = std::thread::spawn(move || read_request(&mut accept_tls(&listener)));
        let result = send(&build(&endpoint), &endpoint).await;
        assert!(matches!(result, Err(SendError::NotSent(NotSentReason::Tls, _))), "{host}: {result:?}");
        assert_eq!(server.join().unwrap(), "", "no request arrived");
    }
    let (port, server) = serve(|listener| accept(&listener).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap());
    let endpoint = https("localhost", port);
    let result = send(&trusting(&endpoint), &endpoint).await;
    assert!(matches!(result, Err(SendError::NotSent(NotSentReason::Tls, _))), "plain text: {result:?}");
    server.join().unwrap();
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_at_the_connect_limit_or_the_deadline_unsent() {
    let (done, wait) = mpsc::channel::<()>();
    let (port, server) = serve(move |listener| {
        let streams = [accept(&listener), accept(&listener)];
        wait.recv().unwrap();
        drop(streams);
    });
    let endpoint = https("localhost", port);
    let roots = Roots::Only(vec![include_bytes!("fixtures/authority.der").to_vec()]);
    let client = Client::new(ClientConfig { roots, connect_ms_max: 300, ..config(&endpoint) }).unwrap();
    let result = send(&client, &endpoint).await;
    assert!(matches!(result, Err(SendError::NotSent(NotSentReason::Tls, _))), "{result:?}");
    let result = send_within(&trusting(&endpoint), &endpoint, DEADLINE).await;
    assert!(matches!(result, Err(SendError::NotSent(NotSentReason::Deadline, _))), "{result:?}");
    done.send(()).unwrap();
    server.join().unwrap();
}

#[tokio::test]
async fn an_end_without_a_tls_goodbye_is_a_truncation() {
    let (port, server) = serve(|listener| {
        let mut stream = accept_tls(&listener);
        read_request(&mut stream);
        // Without a length the body ends with the connection; only the goodbye tells a whole one from a cut one.
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"a\":1}").unwrap();
        stream.flush().unwrap();
    });
    let endpoint = https("localhost", port);
    let result = send(&trusting(&endpoint), &endpoint).await;
    assert!(matches!(result, Err(SendError::Unknown(UnknownReason::ConnectionLost, _))), "{result:?}");
    server.join().unwrap();
}

#[tokio::test]
async fn an_idle_tls_connection_that_the_peer_closed_is_replaced() {
    let (told, tell) = mpsc::channel::<()>();
    let (idle, is_idle) = mpsc::channel::<()>();
    let (port, server) = serve(move |listener| {
        let mut first = accept_tls(&listener);
        answer(&mut first, "one");
        is_idle.recv().unwrap();
        first.conn.send_close_notify();
        first.flush().unwrap();
        drop(first);
        told.send(()).unwrap();
        answer(&mut accept_tls(&listener), "two")
    });
    let endpoint = https("localhost", port);
    let client = trusting(&endpoint);
    assert_eq!(send(&client, &endpoint).await.unwrap().body, b"one");
    idle.send(()).unwrap();
    tell.recv().unwrap();
    assert_eq!(send(&client, &endpoint).await.unwrap().body, b"two");
    server.join().unwrap();
    assert_eq!((client.counters().connections_discarded, client.counters().unknown), (1, 0));
}
