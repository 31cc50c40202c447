//! The HTTP listener: bounded connections, bounded time for a request's head, and room made for newcomers by closing
//! the connection that has been idle the longest.

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tower::Service;

/// Most connections, whatever the system permits.
pub const CONNECTIONS_MAX: usize = 20_000;
/// File descriptors kept free for journal, read models and providers.
const DESCRIPTORS_RESERVED: u64 = 1_536;
/// Pause after the system refused a connection for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Raises the soft limit of open files to the hard one and says how many connections fit under it.
pub fn connections_max() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(CONNECTIONS_MAX).unwrap_or(u64::MAX) + DESCRIPTORS_RESERVED;
    let soft = limit.maximum.map_or(wanted, |hard| hard.min(wanted)).max(limit.current.unwrap_or(0));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(soft), maximum: limit.maximum });
    let open_max = if raised.is_ok() { soft } else { limit.current.unwrap_or(1_024) };
    let room = open_max.saturating_sub(DESCRIPTORS_RESERVED).max(open_max / 4).max(16);
    usize::try_from(room).unwrap_or(CONNECTIONS_MAX).min(CONNECTIONS_MAX)
}

struct Connection {
    close: Arc<Notify>,
    busy: Arc<AtomicBool>,
}

/// Open connections in the order in which they last finished a request (or were opened).
#[derive(Default)]
struct Register {
    next: u64,
    open: BTreeMap<u64, Connection>,
}

impl Register {
    fn add(&mut self, connection: Connection) -> u64 {
        self.next += 1;
        self.open.insert(self.next, connection);
        self.next
    }

    /// Asks the connection that has been idle the longest to close.
    fn close_idlest(&mut self) {
        let idlest = self.open.iter().find(|(_, connection)| !connection.busy.load(Ordering::Relaxed)).map(|(place, _)| *place);
        if let Some(connection) = idlest.and_then(|place| self.open.remove(&place)) {
            connection.close.notify_one();
        }
    }
}

type Shared = Arc<Mutex<Register>>;

fn with<T>(register: &Shared, change: impl FnOnce(&mut Register) -> T) -> T {
    change(&mut register.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What the listener permits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections at a time; one more closes the one that has been idle the longest.
    pub connections_max: usize,
    /// Longest time from the first byte of a request's head to its last, and of an idle connection.
    pub head_timeout: Duration,
    /// How long requests under way may take to finish after a stop was asked for.
    pub grace: Duration,
}

/// Serves until `stopping` turns true, then lets requests under way finish for at most the limits' `grace`.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, mut stopping: watch::Receiver<bool>) {
    let register: Shared = Shared::default();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        // Cancel-safe: accepting loses no connection, waiting for a flag loses nothing, joining only counts.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let Ok((stream, peer)) = accepted else {
            with(&register, Register::close_idlest);
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        if connections.len() >= limits.connections_max {
            with(&register, Register::close_idlest);
        }
        connections.spawn(connection((stream, peer), router.clone(), limits.head_timeout, Arc::clone(&register), stopping.clone()));
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.grace, drained).await.is_err() {
        tracing::warn!("some connections were still busy when the grace period ended");
    }
}

async fn connection(
    (stream, peer): (TcpStream, SocketAddr),
    router: Router,
    head_timeout: Duration,
    register: Shared,
    mut stopping: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true); // only costs latency when refused
    let close = Arc::new(Notify::new());
    let busy = Arc::new(AtomicBool::new(false));
    let place = with(&register, |register| register.add(Connection { close: Arc::clone(&close), busy: Arc::clone(&busy) }));
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let (mut router, busy) = (router.clone(), Arc::clone(&busy));
        async move {
            busy.store(true, Ordering::Relaxed);
            let response = router.call(request).await;
            busy.store(false, Ordering::Relaxed);
            response.map_err(|never: Infallible| match never {})
        }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    // Cancel-safe: the connection itself is pinned outside and polled on after a graceful shutdown was asked for.
    let finished = tokio::select! {
        ended = serving.as_mut() => Some(ended),
        () = close.notified() => None,
        _ = stopping.wait_for(|stop| *stop) => None,
    };
    if finished.is_none() {
        serving.as_mut().graceful_shutdown();
        let _ = serving.await; // the peer's trouble with a closing connection is its own
    }
    with(&register, |register| register.open.remove(&place));
}
