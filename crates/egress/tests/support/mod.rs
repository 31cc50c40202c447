//! Scripted raw TCP servers on loopback, each on a thread of its own, and clients for them.

use egress::{Client, ClientConfig, Endpoint, Method, Request, Response, Roots, SendError};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::Instant;

/// Long enough that only a broken test reaches it.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long tests of a deadline wait for it. Long enough for a loopback request on a busy machine.
pub const DEADLINE: Duration = Duration::from_millis(700);

/// Runs `script` with a listener; gives the port.
pub fn serve<T: Send + 'static>(script: impl FnOnce(TcpListener) -> T + Send + 'static) -> (u16, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, std::thread::spawn(move || script(listener)))
}

pub fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Whether nobody waits to be accepted.
pub fn nobody_knocks(listener: &TcpListener) -> bool {
    listener.set_nonblocking(true).unwrap();
    listener.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Reads one request with its body; empty when the peer closed instead.
pub fn read_request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0_u8; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            _ => return String::new(),
        }
    }
    let head = String::from_utf8(bytes.clone()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0_u8; length];
    stream.read_exact(&mut body).unwrap();
    head + core::str::from_utf8(&body).unwrap()
}

/// Reads one request and answers 200 with `body`.
pub fn answer(stream: &mut (impl Read + Write), body: &str) -> String {
    let request = read_request(stream);
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    request
}

pub fn endpoint(port: u16) -> Endpoint {
    Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap()
}

pub fn config(endpoint: &Endpoint) -> ClientConfig {
    ClientConfig {
        endpoints: vec![endpoint.clone()],
        roots: Roots::Mozilla,
        user_agent: "egress-test".to_owned(),
        connections_max: 4,
        idle_ms_max: 60_000,
        connect_ms_max: 10_000,
        head_bytes_max: 8 * 1024,
        response_bytes_max: 1_000,
    }
}

pub fn client(endpoint: &Endpoint) -> Client {
    Client::new(config(endpoint)).unwrap()
}

pub fn post(body: &str) -> Request {
    Request { method: Method::Post, path_and_query: "/v1/a".to_owned(), headers: Vec::new(), body: body.as_bytes().to_vec() }
}

pub async fn send_within(client: &Client, endpoint: &Endpoint, time: Duration) -> Result<Response, SendError> {
    client.send(endpoint, &post("a=1"), &[], Instant::now() + time).await
}

pub async fn send(client: &Client, endpoint: &Endpoint) -> Result<Response, SendError> {
    send_within(client, endpoint, PATIENCE).await
}
