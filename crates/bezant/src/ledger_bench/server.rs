//! The platform that is measured: this very program as a process of its own, in an empty folder.

use super::Error;
use crate::bench::usage::{self, Look, Usage};
use base::Redacted;
use serde::Deserialize;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing listens there: no payment is made.
const NO_PROVIDER: &str = "http://127.0.0.1:1";
/// The platform's threads that write files and have no socket.
const FILE_THREADS: [&str; 5] = ["keys", "snapshots", "views", "indexes", "merges"];
/// What this one writes was filled with zeros before, by a thread that is busy with other segments when it is looked at.
const FILLED_BEFORE: &str = "journal";

/// What the platform says when it serves.
#[derive(Deserialize)]
struct Listening {
    listening: String,
    api_key: String,
}

/// A running platform.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) key: Redacted<String>,
    folder: PathBuf,
    child: Child,
}

impl Server {
    /// Starts a platform in a folder that does not exist yet.
    pub(super) fn start(folder: &Path) -> Result<Self, Error> {
        let failed = |what: String| Error::Server { folder: folder.to_owned(), what };
        if folder.exists() {
            return Err(failed("it exists: name another with --data, or remove it".into()));
        }
        fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        Self::spawn(folder)
    }

    fn spawn(folder: &Path) -> Result<Self, Error> {
        let failed = |what: String| Error::Server { folder: folder.to_owned(), what };
        let io = |error: std::io::Error| failed(error.to_string());
        let program = std::env::current_exe().map_err(io)?;
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("platform.log")).map_err(io)?;
        let mut command = Command::new(program);
        command.args(["serve", "--demo", "--json", "--listen", "127.0.0.1:0", "--sweep-every-ms", "off", "--stripe-url", NO_PROVIDER]);
        command.arg("--data").arg(folder.join("platform")).env("BEZANT_STRIPE_KEY", "sk_test_bezant_bench").env("BEZANT_LOG", "warn");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().map_err(io)?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(io)?;
        }
        let said = serde_json::from_str::<Listening>(&line).ok();
        let address = said.as_ref().and_then(|said| said.listening.trim_start_matches("http://").parse().ok());
        let (Some(said), Some(address)) = (said, address) else {
            let _gone_or_not = child.kill();
            let _status = child.wait();
            return Err(failed(format!("it did not start; see {}", folder.join("platform.log").display())));
        };
        Ok(Self { address, key: Redacted::new(said.api_key), folder: folder.to_owned(), child })
    }

    pub(super) fn look(&self) -> Result<Look, Error> {
        Ok(usage::look(self.child.id())?)
    }

    /// Size of everything in the data folder.
    pub(super) fn bytes_on_disk(&self) -> u64 {
        let mut open = vec![self.folder.join("platform")];
        let mut bytes = 0;
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(found) if found.is_dir() => open.push(entry.path()),
                    Ok(found) => bytes += found.len(),
                    Err(_) => {} // gone meanwhile
                }
            }
        }
        bytes
    }

    /// Kills it as a crash would, and starts it again; how long that took until it served.
    pub(super) fn kill_and_restart(&mut self) -> Result<Duration, Error> {
        self.kill();
        let started = Instant::now();
        let folder = self.folder.clone();
        *self = Self::spawn(&folder)?;
        Ok(started.elapsed())
    }

    /// Ends it, and removes its folder unless it shall stay.
    pub(super) fn end(mut self, keep: bool) {
        self.kill();
        if !keep {
            let _gone_or_not = fs::remove_dir_all(&self.folder);
        }
    }

    fn kill(&mut self) {
        let _gone_or_not = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Bytes that went into files. What the journal writes counts twice: its segments are filled with zeros before.
pub(super) fn written_bytes(used: &Usage) -> u64 {
    let of = |name: &str| used.stages.get(name).map_or(0, |stage| stage.written_bytes);
    2 * of(FILLED_BEFORE) + FILE_THREADS.iter().map(|name| of(name)).sum::<u64>()
}
