//! The simulated disk with two more faults: writes that are lost and writes that land elsewhere. Both say that all is well. And
//! the place where some deliberate mistakes are made: tables that are other than what the platform wrote.

use crate::ledgers::mistakes::{Mistake, doctored};
use journal::Io;
use journal::simio::{SECTOR_BYTES, SimFile, SimIo, SimLock};
use std::collections::BTreeSet;
use std::io::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What becomes of a write that says that all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// Nothing of it is written.
    Lost,
    /// It lands a sector farther on.
    Misdirected,
}

#[derive(Default)]
struct Tricks {
    /// What is done to the next write to a path that contains this.
    next: Vec<(&'static str, Trick)>,
    lost_count: u64,
    misdirected_count: u64,
    /// Names that tables had before.
    built: BTreeSet<String>,
}

/// A disk; a clone is the same one.
#[derive(Clone)]
pub struct Disk {
    /// The simulated disk below.
    pub sim: SimIo,
    mistake: Mistake,
    tricks: Arc<Mutex<Tricks>>,
}

/// An open file.
pub struct DiskFile {
    file: SimFile,
    path: String,
}

impl Disk {
    /// An empty disk.
    pub fn new(mistake: Mistake) -> Self {
        Self { sim: SimIo::new(), mistake, tricks: Arc::default() }
    }

    fn tricks(&self) -> MutexGuard<'_, Tricks> {
        self.tricks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plays a trick on the next write to a path that contains this.
    pub fn trick_next(&self, path_part: &'static str, trick: Trick) {
        self.tricks().next.push((path_part, trick));
    }

    /// Forgets all faults that have not struck.
    pub fn clear_faults(&self) {
        self.tricks().next.clear();
        self.sim.clear_faults();
    }

    /// How many writes were lost, and how many landed elsewhere.
    pub fn tricks_count(&self) -> (u64, u64) {
        let tricks = self.tricks();
        (tricks.lost_count, tricks.misdirected_count)
    }

    /// Overwrites part of a file with other bytes, durably; what lies beyond its end is left out.
    pub fn overwrite(&self, path: &str, offset: u64, bytes: &[u8]) {
        let files = self.sim.files();
        let Some(file) = files.get(path) else { return };
        for (place, byte) in (offset..).zip(bytes) {
            let old = usize::try_from(place).ok().and_then(|place| file.get(place));
            if let Some(old) = old.filter(|old| *old != byte) {
                self.sim.flip_bits(path, place, old ^ byte);
            }
        }
    }
}

impl Io for Disk {
    type File = DiskFile;
    type Lock = SimLock;

    fn root(&self) -> String {
        self.sim.root()
    }

    fn create_dir(&self, dir: &str) -> Result<()> {
        self.sim.create_dir(dir)
    }

    fn create_new(&self, path: &str) -> Result<DiskFile> {
        Ok(DiskFile { file: self.sim.create_new(path)?, path: path.to_owned() })
    }

    fn open(&self, path: &str) -> Result<DiskFile> {
        Ok(DiskFile { file: self.sim.open(path)?, path: path.to_owned() })
    }

    fn open_read(&self, path: &str) -> Result<DiskFile> {
        Ok(DiskFile { file: self.sim.open_read(path)?, path: path.to_owned() })
    }

    fn len(&self, file: &DiskFile) -> Result<u64> {
        self.sim.len(&file.file)
    }

    fn read_at(&self, file: &DiskFile, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.sim.read_at(&file.file, offset, bytes)
    }

    fn write_at(&self, file: &DiskFile, offset: u64, bytes: &[u8]) -> Result<()> {
        let trick = {
            let mut tricks = self.tricks();
            let at = tricks.next.iter().position(|(part, _)| file.path.contains(part));
            let trick = at.map(|at| tricks.next.remove(at).1);
            match trick {
                Some(Trick::Lost) => tricks.lost_count += 1,
                Some(Trick::Misdirected) => tricks.misdirected_count += 1,
                None => {}
            }
            trick
        };
        match trick {
            None => self.sim.write_at(&file.file, offset, bytes),
            Some(Trick::Lost) => Ok(()),
            Some(Trick::Misdirected) => {
                let sector = u64::try_from(SECTOR_BYTES).expect("a sector is small");
                self.sim.write_at(&file.file, offset + sector, bytes)
            }
        }
    }

    fn sync_data(&self, file: &DiskFile) -> Result<()> {
        if self.mistake == Mistake::AnswersBeforeSync && file.path.starts_with("journal/") {
            return Ok(());
        }
        self.sim.sync_data(&file.file)
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        self.sim.sync_dir(dir)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        if to.starts_with("index/") && self.mistake.is_of_tables() {
            let is_again = !self.tricks().built.insert(to.to_owned());
            if let Some(table) = doctored(&self.sim, from, self.mistake, is_again) {
                self.sim.put_file(from, &table);
            }
        }
        self.sim.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.sim.remove(path)
    }

    fn list(&self, dir: &str) -> Result<Vec<String>> {
        self.sim.list(dir)
    }

    fn lock_exclusive(&self, path: &str) -> Result<Option<SimLock>> {
        self.sim.lock_exclusive(path)
    }
}
