//! Idle connections to one endpoint. In use and idle together never exceed the limit: whoever holds a permit has at
//! most one connection and first takes an idle one.

use crate::connection::Connection;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

struct Idle {
    connection: Connection,
    since: Instant,
}

pub(crate) struct Pool {
    permits: Semaphore,
    connections_max: usize,
    idle_max: Duration,
    /// Oldest first.
    idle: Mutex<VecDeque<Idle>>,
}

impl Pool {
    pub(crate) fn new(connections_max: usize, idle_max: Duration) -> Self {
        Self { permits: Semaphore::new(connections_max), connections_max, idle_max, idle: Mutex::new(VecDeque::new()) }
    }

    /// A place among the connections in use; `None` when the deadline comes first.
    pub(crate) async fn permit(&self, deadline: Instant) -> Option<SemaphorePermit<'_>> {
        timeout_at(deadline, self.permits.acquire()).await.ok()?.ok()
    }

    /// The most recently used idle connection, after dropping those that were idle for too long. Also says how many
    /// were dropped.
    pub(crate) fn take(&self, now: Instant) -> (Option<Connection>, u64) {
        let mut expired = Vec::new();
        let mut idle = self.locked();
        while idle.front().is_some_and(|oldest| now.saturating_duration_since(oldest.since) >= self.idle_max) {
            expired.extend(idle.pop_front());
        }
        let taken = idle.pop_back().map(|idle| idle.connection);
        drop(idle);
        (taken, u64::try_from(expired.len()).unwrap_or(u64::MAX))
    }

    /// Keeps a connection for the next request. Call while still holding the permit.
    pub(crate) fn put(&self, connection: Connection, now: Instant) {
        let mut idle = self.locked();
        if idle.len() < self.connections_max {
            idle.push_back(Idle { connection, since: now });
        }
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
