//! The disk seam: what a journal asks of storage, and the real thing. The simulated one is in [`crate::simio`].
//!
//! Paths are relative to one root, with `/` between folder and file; the empty path is the root itself. Everything is
//! synchronous and made by the crate itself, never from input.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Result};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Synchronous storage under one root.
pub trait Io: Send + Sync + 'static {
    /// An open file.
    type File: Send + Sync;
    /// Held while a folder is locked; dropping it releases the lock.
    type Lock: Send;

    /// The root, as an operator would name it.
    fn root(&self) -> String;
    /// Makes a folder durably, with its parents, if it does not exist.
    ///
    /// # Errors
    /// What the operating system says, here and below.
    fn create_dir(&self, dir: &str) -> Result<()>;
    /// Creates a file for reading and writing; fails if it exists.
    ///
    /// # Errors
    /// `AlreadyExists` and others.
    fn create_new(&self, path: &str) -> Result<Self::File>;
    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` and others.
    fn open(&self, path: &str) -> Result<Self::File>;
    /// Opens an existing file for reading only.
    ///
    /// # Errors
    /// `NotFound` and others.
    fn open_read(&self, path: &str) -> Result<Self::File>;
    /// The file's length, in bytes.
    ///
    /// # Errors
    /// What the operating system says.
    fn len(&self, file: &Self::File) -> Result<u64>;
    /// Fills `bytes` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file is shorter.
    fn read_at(&self, file: &Self::File, offset: u64, bytes: &mut [u8]) -> Result<()>;
    /// Writes all of `bytes` at `offset`; not yet durable.
    ///
    /// # Errors
    /// After an error any part may have been written.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> Result<()>;
    /// Makes the file's content and length durable.
    ///
    /// # Errors
    /// After an error nothing is known of what was not durable before, and a second call may lie.
    fn sync_data(&self, file: &Self::File) -> Result<()>;
    /// Makes the folder's entries durable.
    ///
    /// # Errors
    /// What the operating system says.
    fn sync_dir(&self, dir: &str) -> Result<()>;
    /// Renames within one folder, replacing `to`; atomic, not yet durable.
    ///
    /// # Errors
    /// What the operating system says.
    fn rename(&self, from: &str, to: &str) -> Result<()>;
    /// Removes a file; not yet durable.
    ///
    /// # Errors
    /// `NotFound` and others.
    fn remove(&self, path: &str) -> Result<()>;
    /// The names of the files in a folder, sorted; empty when there is no such folder.
    ///
    /// # Errors
    /// What the operating system says.
    fn list(&self, dir: &str) -> Result<Vec<String>>;
    /// Locks a lock file (made if absent), without waiting; `None` when somebody else has it.
    ///
    /// # Errors
    /// What the operating system says.
    fn lock_exclusive(&self, path: &str) -> Result<Option<Self::Lock>>;
}

/// Real files under one folder, readable by their owner only.
#[derive(Clone, Debug)]
pub struct OsIo {
    root: PathBuf,
}

impl OsIo {
    /// Storage in the folder `root`, which is made when a journal is opened.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        OsIo { root: root.into() }
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)?.sync_all()
}

impl Io for OsIo {
    type File = File;
    type Lock = File;

    fn root(&self) -> String {
        self.root.display().to_string()
    }

    fn create_dir(&self, dir: &str) -> Result<()> {
        let folder = self.path(dir);
        let missing: Vec<&Path> =
            folder.ancestors().take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists()).collect();
        std::fs::create_dir_all(&folder)?;
        for made in missing {
            match made.parent() {
                Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new("."))?,
                Some(parent) => sync_folder(parent)?,
                None => {}
            }
        }
        Ok(())
    }

    fn create_new(&self, path: &str) -> Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(self.path(path))
    }

    fn open(&self, path: &str) -> Result<File> {
        OpenOptions::new().read(true).write(true).open(self.path(path))
    }

    fn open_read(&self, path: &str) -> Result<File> {
        File::open(self.path(path))
    }

    fn len(&self, file: &File) -> Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn read_at(&self, file: &File, offset: u64, bytes: &mut [u8]) -> Result<()> {
        file.read_exact_at(bytes, offset)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync_data(&self, file: &File) -> Result<()> {
        file.sync_data()
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        sync_folder(&self.path(dir))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> Result<()> {
        std::fs::remove_file(self.path(path))
    }

    fn list(&self, dir: &str) -> Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.path(dir)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            // A name that is not UTF-8 is not ours.
            if let (true, Ok(name)) = (entry.file_type()?.is_file(), entry.file_name().into_string()) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn lock_exclusive(&self, path: &str) -> Result<Option<File>> {
        // Read access is enough to lock, and lets the offline tools work on a read-only copy.
        let file = match self.open_read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(self.path(path))?
            }
            opened => opened?,
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
