//! A child process with a log: started, watched, stopped. It never outlives the value that stands for it.

use crate::Failure;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a child may take to stop before it is killed.
const STOP_MAX: Duration = Duration::from_secs(40);
/// How often a stopping child is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Lines of a log that are shown when its child died.
const TAIL_LINES: usize = 20;

/// A running child.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    lines: Receiver<String>,
}

impl Process {
    /// Starts a child in a process group of its own; its errors, and its output after the first line, go to the log.
    pub(crate) fn start(name: &'static str, mut command: Command, log: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(format!("cannot start {name}: {error}"));
        let file = OpenOptions::new().create(true).append(true).open(log).map_err(failed)?;
        let copy = file.try_clone().map_err(failed)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file).process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let (first, lines) = sync_channel(1);
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || {
                let mut output = BufReader::new(output);
                let mut line = String::new();
                if output.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                    let _wanted_or_not = first.send(line);
                }
                drain(output, copy);
            });
        }
        Ok(Self { name, child, log: log.to_owned(), lines })
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first line of its output, once.
    pub(crate) fn first_line(&self, wait: Duration) -> Option<String> {
        match self.lines.recv_timeout(wait) {
            Ok(line) => Some(line),
            Err(_) => {
                thread::sleep(LOOK_EVERY);
                None
            }
        }
    }

    /// Fails, with the end of its log, when the child has ended.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failure(&format!("ended unexpectedly with {status}"))),
            Err(error) => Err(self.failure(&format!("cannot be watched: {error}"))),
        }
    }

    /// A failure of this child, with the end of its log.
    pub(crate) fn failure(&self, what: &str) -> Failure {
        let tail = std::fs::read(&self.log).map(|bytes| tail(&String::from_utf8_lossy(&bytes))).unwrap_or_default();
        Failure::new(format!("{} {what}; the end of {}:\n{tail}", self.name, self.log.display()))
    }

    /// Asks the child to stop and waits for it; kills it when it takes too long.
    pub(crate) fn stop(&mut self) {
        if self.has_ended() {
            return;
        }
        send_signal(self.child.id(), "TERM");
        let deadline = Instant::now() + STOP_MAX;
        while Instant::now() < deadline {
            if self.has_ended() {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
        eprintln!("{} did not stop within {} s and is killed", self.name, STOP_MAX.as_secs());
        let _gone_or_not = self.child.kill();
        let _status = self.child.wait();
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn drain(mut output: impl BufRead, mut log: File) {
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        // The pipe is emptied even when the log cannot be written: the child must not block.
        let _written_or_not = log.write_all(&line);
        line.clear();
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Sends a signal by its name. The standard library has none but the one that kills, and the shell's is everywhere.
pub(crate) fn send_signal(process_id: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(process_id.to_string()).stderr(Stdio::null()).status();
    if let Err(error) = sent {
        eprintln!("cannot run kill: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::{Process, tail};
    use std::process::Command;
    use std::time::Duration;

    fn shell(name: &str, script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let log = std::env::temp_dir().join(format!("bezant-xtask-{}-{name}.log", std::process::id()));
        Process::start("the child", command, &log).map_err(|failure| failure.message).unwrap()
    }

    #[test]
    fn the_first_line_is_given_and_the_rest_goes_to_the_log() {
        let mut child = shell("lines", "echo first; echo second; echo third >&2");
        assert_eq!(child.first_line(Duration::from_secs(60)).as_deref(), Some("first\n"));
        child.child.wait().unwrap();
        let failure = child.check().unwrap_err().message;
        assert!(failure.starts_with("the child ended unexpectedly with exit status: 0; the end of "), "{failure}");
        assert!(failure.contains("third"), "{failure}");
        std::fs::remove_file(&child.log).unwrap();
    }

    #[test]
    fn a_child_is_asked_to_stop_and_may_clean_up() {
        let mut child = shell("stop", "trap 'echo cleaned >&2; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
        assert_eq!(child.first_line(Duration::from_secs(60)).as_deref(), Some("ready\n"));
        assert!(child.check().is_ok());
        child.stop();
        assert!(child.child.wait().unwrap().success());
        assert_eq!(std::fs::read_to_string(&child.log).unwrap(), "cleaned\n");
        std::fs::remove_file(&child.log).unwrap();
    }

    #[test]
    fn a_tail_is_short() {
        let text: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(tail(&text).lines().collect::<Vec<_>>(), (80..100).map(|number| number.to_string()).collect::<Vec<_>>());
        assert_eq!(tail(""), "");
    }
}
