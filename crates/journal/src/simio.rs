//! A simulated disk: the same [`Io`] as real files, with a memory of what is durable, and faults on demand.
//!
//! Each file has two contents: what a process sees (the page cache) and what the disk holds. Writes go to the first and
//! make sectors of 512 bytes *dirty*; a sync copies dirty sectors to the second. Names work alike, per folder. A
//! [`SimIo::crash`] loses the page cache: of the dirty sectors a pseudo-random subset survives, of the changes to a
//! folder a pseudo-random prefix (file systems journal names in order). A [`SimIo::kill`] loses only the process.
//!
//! Deterministic: the same calls and the same random numbers give the same disk. Handles of before a crash or kill fail.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Io, wide};

/// The simulated disk writes this much at once, or not at all, in bytes.
pub const SECTOR_BYTES: usize = 512;

/// An operation that a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `create_new`.
    Create,
    /// `read_at`.
    Read,
    /// `write_at`.
    Write,
    /// `sync_data`.
    Sync,
    /// `sync_dir`.
    SyncDir,
    /// `rename`.
    Rename,
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The operation fails with EIO. A write leaves its first half behind; a failed sync makes every second dirty
    /// sector durable and, as Linux does, marks all of them clean.
    InputOutputError,
    /// The operation fails with ENOSPC and does nothing.
    NoSpace,
    /// A sync says that all is well and does nothing. Other operations are not struck.
    Lie,
    /// The power fails during the operation: it fails, and everything after it, until [`SimIo::crash`]. A write is in
    /// the page cache by then, and a sync has not begun.
    PowerCut,
}

/// A fault that waits for its moment.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What it strikes.
    pub operation: Operation,
    /// Only on paths that contain this, if given.
    pub path_part: Option<String>,
    /// How many such operations still succeed before.
    pub calls_before: u64,
    /// What it does.
    pub effect: Effect,
}

/// How often each kind of fault has struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Writes that failed with EIO.
    pub write_errors: u64,
    /// Syncs of files that failed with EIO.
    pub sync_errors: u64,
    /// Syncs that lied.
    pub sync_lies: u64,
    /// Other operations (create, read, rename, sync of a folder) that failed with EIO.
    pub other_errors: u64,
    /// Operations that failed with ENOSPC, scripted or because the disk was full.
    pub no_space: u64,
    /// Power cuts in the middle of an operation.
    pub power_cuts: u64,
    /// Crashes.
    pub crashes: u64,
    /// Kills of the process.
    pub kills: u64,
    /// Crashes that kept some and lost some dirty sectors of one file.
    pub torn_files: u64,
    /// Dirty sectors lost in crashes.
    pub sectors_lost: u64,
    /// Changes of names lost in crashes.
    pub names_lost: u64,
    /// Flipped bits.
    pub bit_flips: u64,
}

/// A simulated disk; a clone is the same disk.
#[derive(Clone)]
pub struct SimIo {
    disk: Arc<Mutex<Disk>>,
}

/// An open file of a simulated disk.
#[derive(Debug)]
pub struct SimFile {
    inode: u64,
    path: String,
    generation: u64,
    is_read_only: bool,
}

/// A held lock of a simulated disk.
pub struct SimLock {
    disk: Arc<Mutex<Disk>>,
    path: String,
    generation: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if disk.generation == self.generation {
            disk.locks.remove(&self.path);
        }
    }
}

#[derive(Default)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    dirty_sectors: BTreeSet<usize>,
}

impl Inode {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.cached.len() < end {
            self.cached.resize(end, 0);
        }
        self.cached[offset..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty_sectors.extend(offset / SECTOR_BYTES..=(end - 1) / SECTOR_BYTES);
        }
    }

    fn make_durable(&mut self, sector: usize) {
        let start = sector * SECTOR_BYTES;
        let end = (start + SECTOR_BYTES).min(self.cached.len());
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        self.durable[start..end].copy_from_slice(&self.cached[start..end]);
    }
}

enum NameChange {
    Link { path: String, inode: u64 },
    Unlink { path: String },
    Rename { from: String, to: String },
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            NameChange::Link { path, inode } => {
                names.insert(path.clone(), *inode);
            }
            NameChange::Unlink { path } => {
                names.remove(path);
            }
            NameChange::Rename { from, to } => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }
}

#[derive(Default)]
struct Disk {
    inodes: BTreeMap<u64, Inode>,
    inode_next: u64,
    cached_names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// Per folder, in order, not yet durable.
    name_changes: BTreeMap<String, Vec<NameChange>>,
    locks: BTreeSet<String>,
    /// Counts crashes and kills; handles of an earlier one are dead.
    generation: u64,
    is_powered_off: bool,
    is_lying: bool,
    /// The page cache may hold at most this much, in bytes.
    capacity_bytes: Option<u64>,
    /// Changing operations until the power fails.
    operations_until_power_cut: Option<u64>,
    operation_count: u64,
    faults: Vec<Fault>,
    counts: FaultCounts,
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn input_output_error() -> Error {
    Error::from_raw_os_error(5)
}

fn no_space() -> Error {
    Error::from_raw_os_error(28)
}

impl Disk {
    /// Counts one operation and says what strikes it, if anything.
    fn strike(&mut self, operation: Operation, path: &str) -> Result<Option<Effect>> {
        if self.is_powered_off {
            return Err(Error::other("the power is off"));
        }
        if operation != Operation::Read {
            self.operation_count += 1;
            match self.operations_until_power_cut {
                Some(0) => {
                    self.cut_power();
                    return Ok(Some(Effect::PowerCut));
                }
                Some(left) => self.operations_until_power_cut = Some(left - 1),
                None => {}
            }
        }
        let mut struck = None;
        for (index, fault) in self.faults.iter_mut().enumerate() {
            let is_meant = fault.operation == operation && fault.path_part.as_ref().is_none_or(|part| path.contains(part.as_str()));
            if !is_meant {
                continue;
            }
            match fault.calls_before.checked_sub(1) {
                Some(fewer) => fault.calls_before = fewer,
                None if struck.is_none() => struck = Some(index),
                None => {}
            }
        }
        let Some(index) = struck else {
            return Ok(None);
        };
        let effect = self.faults.remove(index).effect;
        let counts = &mut self.counts;
        match (effect, operation) {
            (Effect::InputOutputError, Operation::Write) => counts.write_errors += 1,
            (Effect::InputOutputError, Operation::Sync) => counts.sync_errors += 1,
            (Effect::InputOutputError, _) => counts.other_errors += 1,
            (Effect::NoSpace, _) => counts.no_space += 1,
            (Effect::Lie, Operation::Sync) => counts.sync_lies += 1,
            (Effect::Lie, _) => return Ok(None),
            (Effect::PowerCut, _) => self.cut_power(),
        }
        Ok(Some(effect))
    }

    fn cut_power(&mut self) {
        self.counts.power_cuts += 1;
        self.is_powered_off = true;
        self.operations_until_power_cut = None;
    }

    /// As `strike`, for operations that either happen or do nothing.
    fn strike_whole(&mut self, operation: Operation, path: &str) -> Result<()> {
        match self.strike(operation, path)? {
            None | Some(Effect::Lie) => Ok(()),
            Some(Effect::NoSpace) => Err(no_space()),
            Some(Effect::InputOutputError | Effect::PowerCut) => Err(input_output_error()),
        }
    }

    fn change_name(&mut self, path: &str, change: NameChange) {
        change.apply(&mut self.cached_names);
        self.name_changes.entry(folder_of(path).to_owned()).or_default().push(change);
    }

    fn used_bytes(&self) -> u64 {
        self.cached_names.values().filter_map(|inode| self.inodes.get(inode)).map(|inode| wide(inode.cached.len())).sum()
    }

    fn file(&mut self, file: &SimFile) -> Result<&mut Inode> {
        if self.is_powered_off || self.generation != file.generation {
            return Err(Error::other("the handle is dead: the machine has crashed"));
        }
        self.inodes.get_mut(&file.inode).ok_or_else(|| Error::from(ErrorKind::NotFound))
    }

    fn open(&self, path: &str, is_read_only: bool) -> Result<SimFile> {
        if self.is_powered_off {
            return Err(Error::other("the power is off"));
        }
        let inode = self.cached_names.get(path).ok_or_else(|| Error::from(ErrorKind::NotFound))?;
        Ok(SimFile { inode: *inode, path: path.to_owned(), generation: self.generation, is_read_only })
    }

    fn end_processes(&mut self) {
        self.generation += 1;
        self.locks.clear();
    }
}

impl Default for SimIo {
    fn default() -> Self {
        Self::new()
    }
}

impl SimIo {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        SimIo { disk: Arc::new(Mutex::new(Disk::default())) }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine crashes and starts again: the page cache is lost, locks are free, old handles are dead. Scheduled
    /// faults that have not struck stay. `random` gives uniformly distributed numbers.
    pub fn crash(&self, random: &mut dyn FnMut() -> u64) {
        let mut guard = self.disk();
        let disk = &mut *guard;
        disk.end_processes();
        disk.is_powered_off = false;
        disk.operations_until_power_cut = None;
        disk.counts.crashes += 1;
        for changes in std::mem::take(&mut disk.name_changes).into_values() {
            let kept = usize::try_from(random() % (wide(changes.len()) + 1)).unwrap_or(0);
            for change in &changes[..kept] {
                change.apply(&mut disk.durable_names);
            }
            disk.counts.names_lost += wide(changes.len() - kept);
        }
        disk.cached_names = disk.durable_names.clone();
        let named: BTreeSet<u64> = disk.durable_names.values().copied().collect();
        disk.inodes.retain(|number, _| named.contains(number));
        for inode in disk.inodes.values_mut() {
            let dirty_sectors = std::mem::take(&mut inode.dirty_sectors);
            let mode = random() % 4;
            let mut lost = 0;
            for sector in &dirty_sectors {
                let is_kept = match mode {
                    0 => false,
                    1 => true,
                    _ => random().is_multiple_of(2),
                };
                if is_kept {
                    inode.make_durable(*sector);
                } else {
                    lost += 1;
                }
            }
            disk.counts.sectors_lost += lost;
            if lost > 0 && lost < wide(dirty_sectors.len()) {
                disk.counts.torn_files += 1;
            }
            inode.cached = inode.durable.clone();
        }
    }

    /// Only the process dies: what it wrote stays in the page cache, durable or not. The power stays as it is.
    pub fn kill(&self) {
        let mut disk = self.disk();
        disk.end_processes();
        disk.counts.kills += 1;
    }

    /// Schedules a fault. Of several that are due at once, the one scheduled first strikes.
    pub fn schedule(&self, fault: Fault) {
        self.disk().faults.push(fault);
    }

    /// Lets the next operation of this kind on any path fail with this effect.
    pub fn fail_next(&self, operation: Operation, effect: Effect) {
        self.schedule(Fault { operation, path_part: None, calls_before: 0, effect });
    }

    /// Forgets all scheduled faults and power cuts that have not struck.
    pub fn clear_faults(&self) {
        let mut disk = self.disk();
        disk.faults.clear();
        disk.operations_until_power_cut = None;
    }

    /// Lets `operations` more changing operations happen, and fails the power during the next.
    pub fn cut_power_after(&self, operations: u64) {
        self.disk().operations_until_power_cut = Some(operations);
    }

    /// From now on every sync lies, or (`false`) none does.
    pub fn set_lying(&self, is_lying: bool) {
        self.disk().is_lying = is_lying;
    }

    /// Limits the disk's size: growing beyond it fails with ENOSPC. `None` lifts the limit.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        self.disk().capacity_bytes = capacity_bytes;
    }

    /// Flips bits at one place of a file, durably: the bits set in `mask`. Says whether the place exists.
    pub fn flip_bits(&self, path: &str, offset: u64, mask: u8) -> bool {
        let mut guard = self.disk();
        let disk = &mut *guard;
        let inode = disk.cached_names.get(path).and_then(|number| disk.inodes.get_mut(number));
        let (Some(inode), Ok(index)) = (inode, usize::try_from(offset)) else {
            return false;
        };
        let Some(byte) = inode.cached.get_mut(index) else {
            return false;
        };
        *byte ^= mask;
        if let Some(byte) = inode.durable.get_mut(index) {
            *byte ^= mask;
        }
        disk.counts.bit_flips += 1;
        true
    }

    /// All files as a process sees them.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let disk = self.disk();
        disk.cached_names
            .iter()
            .filter_map(|(path, number)| {
                let inode = disk.inodes.get(number)?;
                Some((path.clone(), inode.cached.clone()))
            })
            .collect()
    }

    /// Puts a file there, durably, replacing what has that name.
    pub fn put_file(&self, path: &str, contents: &[u8]) {
        let mut disk = self.disk();
        let number = disk.inode_next;
        disk.inode_next += 1;
        disk.inodes.insert(number, Inode { cached: contents.to_vec(), durable: contents.to_vec(), dirty_sectors: BTreeSet::new() });
        disk.cached_names.insert(path.to_owned(), number);
        disk.durable_names.insert(path.to_owned(), number);
    }

    /// How often each kind of fault has struck so far.
    #[must_use]
    pub fn counts(&self) -> FaultCounts {
        self.disk().counts
    }

    /// How many changing operations were asked for so far.
    #[must_use]
    pub fn operation_count(&self) -> u64 {
        self.disk().operation_count
    }
}

fn index_of(offset: u64) -> Result<usize> {
    usize::try_from(offset).map_err(|_| Error::from(ErrorKind::InvalidInput))
}

impl Io for SimIo {
    type File = SimFile;
    type Lock = SimLock;

    fn root(&self) -> String {
        "simulated disk".to_owned()
    }

    fn create_dir(&self, _dir: &str) -> Result<()> {
        // Folders exist as soon as a file is in them.
        Ok(())
    }

    fn create_new(&self, path: &str) -> Result<SimFile> {
        let mut disk = self.disk();
        disk.strike_whole(Operation::Create, path)?;
        if disk.cached_names.contains_key(path) {
            return Err(Error::from(ErrorKind::AlreadyExists));
        }
        let inode = disk.inode_next;
        disk.inode_next += 1;
        disk.inodes.insert(inode, Inode::default());
        disk.change_name(path, NameChange::Link { path: path.to_owned(), inode });
        disk.open(path, false)
    }

    fn open(&self, path: &str) -> Result<SimFile> {
        self.disk().open(path, false)
    }

    fn open_read(&self, path: &str) -> Result<SimFile> {
        self.disk().open(path, true)
    }

    fn len(&self, file: &SimFile) -> Result<u64> {
        Ok(wide(self.disk().file(file)?.cached.len()))
    }

    fn read_at(&self, file: &SimFile, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let mut disk = self.disk();
        disk.file(file)?;
        disk.strike_whole(Operation::Read, &file.path)?;
        let start = index_of(offset)?;
        let cached = &disk.file(file)?.cached;
        let found =
            start.checked_add(bytes.len()).and_then(|end| cached.get(start..end)).ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&self, file: &SimFile, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut disk = self.disk();
        if file.is_read_only {
            return Err(Error::from(ErrorKind::PermissionDenied));
        }
        let start = index_of(offset)?;
        let held = disk.file(file)?.cached.len();
        let growth = start.saturating_add(bytes.len()).saturating_sub(held);
        let effect = disk.strike(Operation::Write, &file.path)?;
        let is_full = disk.capacity_bytes.is_some_and(|capacity| disk.used_bytes() + wide(growth) > capacity);
        if growth > 0 && is_full {
            disk.counts.no_space += 1;
            return Err(no_space());
        }
        let inode = disk.inodes.get_mut(&file.inode).ok_or_else(|| Error::from(ErrorKind::NotFound))?;
        match effect {
            None | Some(Effect::Lie) => {
                inode.write(start, bytes);
                Ok(())
            }
            Some(Effect::NoSpace) => Err(no_space()),
            Some(Effect::InputOutputError) => {
                inode.write(start, &bytes[..bytes.len() / 2]);
                Err(input_output_error())
            }
            Some(Effect::PowerCut) => {
                inode.write(start, bytes);
                Err(input_output_error())
            }
        }
    }

    fn sync_data(&self, file: &SimFile) -> Result<()> {
        let mut disk = self.disk();
        disk.file(file)?;
        let effect = disk.strike(Operation::Sync, &file.path)?;
        if disk.is_lying && effect.is_none() {
            disk.counts.sync_lies += 1;
            return Ok(());
        }
        let inode = disk.inodes.get_mut(&file.inode).ok_or_else(|| Error::from(ErrorKind::NotFound))?;
        match effect {
            None => {
                for sector in std::mem::take(&mut inode.dirty_sectors) {
                    inode.make_durable(sector);
                }
                Ok(())
            }
            Some(Effect::Lie) => Ok(()),
            Some(Effect::NoSpace) => Err(no_space()),
            Some(Effect::PowerCut) => Err(input_output_error()),
            Some(Effect::InputOutputError) => {
                for sector in std::mem::take(&mut inode.dirty_sectors).into_iter().skip(1).step_by(2) {
                    inode.make_durable(sector);
                }
                Err(input_output_error())
            }
        }
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        let mut guard = self.disk();
        let disk = &mut *guard;
        disk.strike_whole(Operation::SyncDir, dir)?;
        for change in disk.name_changes.remove(dir).unwrap_or_default() {
            change.apply(&mut disk.durable_names);
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut disk = self.disk();
        disk.strike_whole(Operation::Rename, from)?;
        if !disk.cached_names.contains_key(from) {
            return Err(Error::from(ErrorKind::NotFound));
        }
        disk.change_name(to, NameChange::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<()> {
        let mut disk = self.disk();
        if disk.is_powered_off {
            return Err(Error::other("the power is off"));
        }
        if !disk.cached_names.contains_key(path) {
            return Err(Error::from(ErrorKind::NotFound));
        }
        disk.change_name(path, NameChange::Unlink { path: path.to_owned() });
        Ok(())
    }

    fn list(&self, dir: &str) -> Result<Vec<String>> {
        let disk = self.disk();
        if disk.is_powered_off {
            return Err(Error::other("the power is off"));
        }
        Ok(disk
            .cached_names
            .keys()
            .filter(|path| folder_of(path) == dir)
            .map(|path| path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name))
            .map(str::to_owned)
            .collect())
    }

    fn lock_exclusive(&self, path: &str) -> Result<Option<SimLock>> {
        let mut disk = self.disk();
        if disk.is_powered_off {
            return Err(Error::other("the power is off"));
        }
        if !disk.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        if !disk.cached_names.contains_key(path) {
            let inode = disk.inode_next;
            disk.inode_next += 1;
            disk.inodes.insert(inode, Inode::default());
            disk.cached_names.insert(path.to_owned(), inode);
            disk.durable_names.insert(path.to_owned(), inode);
        }
        Ok(Some(SimLock { disk: Arc::clone(&self.disk), path: path.to_owned(), generation: disk.generation }))
    }
}
