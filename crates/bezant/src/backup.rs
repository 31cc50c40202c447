//! Backups of a data folder, made while a platform runs or when it is stopped, and the way back.
//!
//! A backup is a folder with copies of files and one manifest, which names every file with its length and checksums and is
//! written last. Sealed segments of the journal never change and keep their names, so the next backup into the folder keeps
//! them; whatever does change is stored under a name that ends with the beginning of its hash, and the file that the
//! manifest before named stays until the next manifest is durable. So a crash at any point leaves the last backup whole.
//!
//! The order of copies is what makes them fit together. First the newest snapshot: what a snapshot contains is durable in the
//! journal. Then the end of the journal is looked for, and with it is decided what the backup contains. The keys of persons
//! come last: a key is durable before the first event that needs it, so keys that are copied later open all that was copied
//! before. Other keys do no harm, and a key that was destroyed meanwhile stays destroyed; the other way round the backup could
//! hold events that nobody can read.
//!
//! Read first: [`manifest`] for what there is, then `copy` and `restore`.

mod copy;
pub mod manifest;
mod restore;

pub use copy::{Made, copy, make};
pub use restore::{Balanced, Restored, restore};

use crate::admin;
use crate::partition::{self, LoadError, Skips};
use crate::serve::PARTITION;
use engine::{Event, State};
use journal::{Io, IoFailure};
use std::path::PathBuf;

/// The file that is locked while a backup is made, in the backup's folder.
const LOCK_FILE: &str = "backup.lock";
/// Folders of a backup, with the same names as in a data folder.
const FOLDERS: [&str; 3] = ["journal", "snapshots", "keys"];
/// The folder of what opens personal data and lets callers in; the only part of a backup that must be kept secret.
const SECRET_FOLDER: &str = "keys";
/// The ending of a file that is not complete yet.
const UNFINISHED: &str = ".tmp";

/// What takes time, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bytes of files were read and checked.
    Files {
        /// So far, in bytes.
        done_bytes: u64,
        /// Of all files, in bytes.
        total_bytes: u64,
    },
    /// Events were applied.
    Events {
        /// The last one so far.
        seq: u64,
        /// The last one there is.
        last_seq: u64,
    },
}

/// Why there is no backup, or nothing was restored. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The platform's folder.
    #[error(transparent)]
    Admin(Box<admin::Error>),
    /// Storage failed. A backup that was complete before is as it was.
    #[error("{0}; make room or repair the disk, then run it again")]
    Io(#[from] IoFailure),
    /// The journal is damaged at the place named.
    #[error("{0}")]
    Journal(#[from] journal::OpenError),
    /// A record of the journal is damaged at the place named.
    #[error("{0}")]
    Read(#[from] journal::ReadError),
    /// An event cannot be read or applied.
    #[error(transparent)]
    Load(Box<LoadError>),
    /// The keys of persons.
    #[error(transparent)]
    Keys(#[from] crate::keystore::Error),
    /// The platform's secrets.
    #[error(transparent)]
    Secrets(#[from] crate::secrets::Error),
    /// The platform has not made everything yet.
    #[error("the data folder has no {0} yet; start the platform once, then back it up")]
    NotStarted(&'static str),
    /// The folder for the backup holds something else.
    #[error("{folder} holds {name}, which belongs to no backup; name an empty folder, or one with a backup, with --to")]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// What is in it.
        name: String,
    },
    /// Another process works on the same folder.
    #[error("another process is working on {0}; wait until it has ended")]
    Busy(String),
    /// The backup is of another journal, or of one that has lost its end since.
    #[error(
        "the backup in {folder} ends with event {last_seq} of a history that this journal does not have; keep it and name another folder with --to"
    )]
    OtherHistory {
        /// The backup's folder.
        folder: String,
        /// Its last event.
        last_seq: u64,
    },
    /// No backup is complete in the folder.
    #[error("{0} holds no complete backup; name the folder that was given to `bezant backup --to`")]
    NoBackup(String),
    /// The manifest is not what was written.
    #[error("damaged: {path}: {what}; restore from another copy of this backup, or make a new one in another folder")]
    Manifest {
        /// Which file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// A file of the backup is not there.
    #[error("{path} is missing from the backup in {folder}; put it back, or restore from another copy")]
    Missing {
        /// Which file.
        path: String,
        /// Where it should be.
        folder: String,
    },
    /// A file of the backup is not what was backed up.
    #[error("damaged: {path} between byte {from} and byte {to} is not what was backed up; restore from another copy of this backup")]
    Damaged {
        /// Which file of the backup.
        path: String,
        /// Where the damaged part starts, in bytes.
        from: u64,
        /// Where it ends, in bytes.
        to: u64,
    },
    /// The folder to restore into is in use.
    #[error("{0} is there and not empty; nothing is restored over anything: name a folder that does not exist with --data")]
    NotEmpty(PathBuf),
    /// Another version of the program made the backup, whose digests cannot be compared with this one's.
    #[error(
        "the backup was made by {program}, whose state has version {found}, and this program's has {known}: restore with that program, then upgrade"
    )]
    StateVersion {
        /// The program that made it.
        program: String,
        /// Its version of the state.
        found: u32,
        /// This program's.
        known: u32,
    },
    /// All checksums hold, and yet what was restored is not what was backed up.
    #[error("not proven: {what} is {found}, and was {expected} when it was backed up; restore from another copy and report this")]
    NotProven {
        /// What differs.
        what: &'static str,
        /// What it is now.
        found: String,
        /// What the manifest says.
        expected: String,
    },
    /// Books do not balance.
    #[error("not proven: the books of {whose} do not balance: {inconsistency}; restore from another copy and report this")]
    Unbalanced {
        /// A merchant, or the platform.
        whose: String,
        /// What is wrong with them.
        inconsistency: ledger::Inconsistency,
    },
}

impl From<admin::Error> for Error {
    fn from(error: admin::Error) -> Self {
        Self::Admin(Box::new(error))
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        Self::Load(Box::new(error))
    }
}

/// The state after the last event before `end_seq`. An event that cannot be applied is passed over when a later one releases
/// it. `seen` hears the state after each batch; when a release has to be looked for, from the start again.
fn replayed<I: Io + Clone>(io: &I, start: &dyn Fn() -> State, end_seq: u64, seen: &mut dyn FnMut(&State)) -> Result<State, Error> {
    let mut state = start();
    let mut skips = Skips::of(&state);
    loop {
        match replayed_with(io, state, end_seq, &skips, seen) {
            Err(Error::Load(error)) if let LoadError::Poisoned { seq } = *error => {
                let known = skips.clone();
                observe_release(io, seq, end_seq, &mut skips)?;
                if skips == known {
                    return Err(Error::Load(error));
                }
                state = start();
            }
            ended => return ended,
        }
    }
}

fn replayed_with<I: Io + Clone>(
    io: &I,
    mut state: State,
    end_seq: u64,
    skips: &Skips,
    seen: &mut dyn FnMut(&State),
) -> Result<State, Error> {
    for record in journal::dump_between(io.clone(), PARTITION, state.next_seq, end_seq)? {
        let mut events = admin::decoded(&record?)?;
        skips.pass_over(&mut events);
        for recorded in events {
            if recorded.seq >= state.next_seq {
                partition::apply_recorded(&mut state, &recorded)?;
            }
        }
        seen(&state);
    }
    Ok(state)
}

/// Looks for the release of one event after it.
fn observe_release<I: Io + Clone>(io: &I, released_seq: u64, end_seq: u64, skips: &mut Skips) -> Result<(), Error> {
    for record in journal::dump_between(io.clone(), PARTITION, released_seq, end_seq)? {
        for recorded in admin::decoded(&record?)? {
            let is_wanted = matches!(recorded.entry.event, Event::EventSkipped { seq, .. } if seq == released_seq);
            if is_wanted && recorded.seq > released_seq {
                skips.observe(&recorded);
                return Ok(());
            }
        }
    }
    Ok(())
}
