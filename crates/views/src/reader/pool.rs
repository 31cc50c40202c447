//! A few read-only connections, lent one call at a time.

use crate::error::Error;
use crate::file;
use core::ops::Deref;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most connections at a time.
const CONNECTIONS_MAX: usize = 4;
/// How long a call waits for one, in milliseconds.
const WAIT_MS_MAX: u64 = 5_000;

pub(super) struct Pool {
    path: PathBuf,
    shelf: Mutex<Shelf>,
    returned: Condvar,
}

struct Shelf {
    idle: Vec<Connection>,
    /// Lent ones included.
    open_count: usize,
}

/// A connection on loan; it goes back when it is dropped.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Pool {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let first = file::open_for_reading(path)?;
        let shelf = Mutex::new(Shelf { idle: vec![first], open_count: 1 });
        Ok(Self { path: path.to_owned(), shelf, returned: Condvar::new() })
    }

    pub(super) fn lease(&self) -> Result<Lease<'_>, Error> {
        let deadline = Instant::now() + Duration::from_millis(WAIT_MS_MAX);
        let mut shelf = self.shelf();
        loop {
            if let Some(connection) = shelf.idle.pop() {
                return Ok(Lease { pool: self, connection: Some(connection) });
            }
            if shelf.open_count < CONNECTIONS_MAX {
                shelf.open_count += 1;
                drop(shelf);
                return self.open_another();
            }
            let wait = deadline.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Err(Error::Busy);
            }
            shelf = self.returned.wait_timeout(shelf, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn open_another(&self) -> Result<Lease<'_>, Error> {
        // The lease comes first, so that a failure gives the place back.
        let mut lease = Lease { pool: self, connection: None };
        lease.connection = Some(file::open_for_reading(&self.path)?);
        Ok(lease)
    }

    /// The shelf is in order between any two statements, so a panic elsewhere does not spoil it.
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Lease<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a lease that was handed out holds a connection until it is dropped")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut shelf = self.pool.shelf();
        match self.connection.take() {
            Some(connection) => shelf.idle.push(connection),
            None => shelf.open_count -= 1,
        }
        drop(shelf);
        self.pool.returned.notify_one();
    }
}
