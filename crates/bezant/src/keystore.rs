//! One key per subject, in a store of its own: outside journal, snapshots and their backups. Destroying a key makes
//! everything sealed under it unreadable everywhere while every hash and digest holds.
//!
//! The file is a row of fixed slots, and zeros behind the last one: to sync bytes inside a file takes half as long as to sync
//! those that make it longer. New keys are appended and synced in groups before any event that needs them; erasing overwrites the
//! slot in place. A slot whose checksum fails is counted and never used: either its group was not acknowledged, or the store
//! was damaged and must be restored; both show in [`KeyStore::damaged_count`].

use base::{Redacted, SubjectId};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use engine::Sealed;
use hmac::{Hmac, Mac};
use journal::Io;
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroize;

const DIR: &str = "keys";
/// Where the store is, below the data folder.
pub const FILE: &str = "keys/subjects.keys";
const HEADER_BYTES: u64 = 128;
const SLOT_BYTES: usize = 128;
const MAGIC: &[u8; 16] = b"bezant keys v1\0\0";
const LIVE: u8 = 1;
const ERASED: u8 = 2;
const NONCE_BYTES: usize = 24;
const WRAPPED_BYTES: usize = 48;
/// Most slots read at once while opening.
const SLOTS_PER_READ: usize = 8_192;
/// Slots by which the file grows: one mebibyte.
const SLOTS_PREPARED: u64 = 8_192;
/// Most keys of one group, written and synced together.
pub const GROUP_SLOTS_MAX: usize = 4_096;

/// Why the key store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk failed; the store must be opened anew.
    #[error("cannot {attempted} the key store: {source}")]
    Io {
        /// What was tried.
        attempted: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Another file, or one of a version that this program does not know.
    #[error("{FILE} is not a key store of this version")]
    Foreign,
    /// The master key is not the one that wrapped the keys.
    #[error("the master key does not open the key of {subject}; restore the secrets file that belongs to this key store")]
    WrongMaster {
        /// Whose key.
        subject: SubjectId,
    },
    /// An earlier write failed; what is on disk is uncertain until the store is opened anew.
    #[error("the key store stopped after a failed write")]
    Stopped,
}

/// A subject's key; seals and opens.
#[derive(Clone)]
pub struct SubjectKey {
    subject: SubjectId,
    secret: Redacted<[u8; 32]>,
}

impl SubjectKey {
    /// Seals `plaintext` for a purpose. The nonce is a keyed hash of purpose and plaintext, so that sealing needs no
    /// randomness and one nonce never covers two plaintexts (the construction of SIV modes, RFC 5297 section 1.1).
    pub fn seal(&self, purpose: &str, plaintext: &[u8]) -> Sealed {
        let associated = self.associated(purpose);
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(self.secret.expose()).expect("HMAC takes a key of any length");
        mac.update(&u32::try_from(associated.len()).expect("purposes are short").to_le_bytes());
        mac.update(&associated);
        mac.update(plaintext);
        let digest = mac.finalize().into_bytes();
        let nonce = &digest[..NONCE_BYTES];
        let cipher = XChaCha20Poly1305::new(self.secret.expose().into());
        let payload = Payload { msg: plaintext, aad: &associated };
        let ciphertext = cipher.encrypt(XNonce::from_slice(nonce), payload).expect("plaintexts are far below the cipher's limit");
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&ciphertext);
        Sealed { subject: self.subject, bytes }
    }

    /// Opens what [`SubjectKey::seal`] sealed for the same purpose; `None` when it was altered or sealed otherwise.
    pub fn open(&self, purpose: &str, sealed: &Sealed) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.bytes.split_at_checked(NONCE_BYTES)?;
        let cipher = XChaCha20Poly1305::new(self.secret.expose().into());
        let payload = Payload { msg: ciphertext, aad: &self.associated(purpose) };
        cipher.decrypt(XNonce::from_slice(nonce), payload).ok()
    }

    fn associated(&self, purpose: &str) -> Vec<u8> {
        let mut associated = self.subject.as_u128().to_be_bytes().to_vec();
        associated.extend_from_slice(purpose.as_bytes());
        associated
    }
}

impl Drop for SubjectKey {
    fn drop(&mut self) {
        let mut secret = core::mem::replace(&mut self.secret, Redacted::new([0; 32])).into_inner();
        secret.zeroize();
    }
}

/// A key with the slot that holds it.
type Slotted = (u64, SubjectKey);

/// The store. Single-threaded; the caller serialises.
pub struct KeyStore<I: Io> {
    io: I,
    file: I::File,
    master: Redacted<[u8; 32]>,
    keys: BTreeMap<SubjectId, Slotted>,
    erased: BTreeSet<SubjectId>,
    slot_count: u64,
    /// Slots that the file has room for; those from `slot_count` on are zeros.
    room_count: u64,
    damaged_count: u64,
    stopped: bool,
}

impl<I: Io> KeyStore<I> {
    /// Opens or makes the store and reads every key into memory (about 100 bytes each).
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(io: I, master: Redacted<[u8; 32]>) -> Result<Self, Error> {
        io.create_dir(DIR).map_err(failed("make the folder of"))?;
        let existing = io.list(DIR).map_err(failed("list the folder of"))?.iter().any(|name| FILE.ends_with(&format!("/{name}")));
        let file = if existing { io.open(FILE) } else { io.create_new(FILE) }.map_err(failed("open"))?;
        let (keys, erased) = (BTreeMap::new(), BTreeSet::new());
        let mut store = Self { io, file, master, keys, erased, slot_count: 0, room_count: 0, damaged_count: 0, stopped: false };
        store.load()?;
        Ok(store)
    }

    fn load(&mut self) -> Result<(), Error> {
        let length = self.io.len(&self.file).map_err(failed("measure"))?;
        let mut header = [0_u8; 128];
        if length >= HEADER_BYTES {
            self.io.read_at(&self.file, 0, &mut header).map_err(failed("read"))?;
        }
        if header[..16] != *MAGIC {
            if header.iter().any(|byte| *byte != 0) || length > HEADER_BYTES {
                return Err(Error::Foreign);
            }
            header[..16].copy_from_slice(MAGIC);
            self.io.write_at(&self.file, 0, &header).map_err(failed("write"))?;
            self.io.sync_data(&self.file).map_err(failed("sync"))?;
            return self.io.sync_dir(DIR).map_err(failed("sync the folder of"));
        }
        // A last slot that is not whole was never acknowledged; the next key takes its place.
        self.room_count = slots_in(length);
        self.slot_count = used_slots(&self.io, &self.file, self.room_count)?;
        let mut slot = 0;
        while slot < self.slot_count {
            let count = usize::try_from(self.slot_count - slot).unwrap_or(usize::MAX).min(SLOTS_PER_READ);
            for one in read_slots(&self.io, &self.file, slot, count)?.chunks_exact(SLOT_BYTES) {
                self.load_slot(slot, one)?;
                slot += 1;
            }
        }
        self.settle(&header)
    }

    /// Writes the header and the last group again and syncs them. After a failed sync the system may show bytes that
    /// the disk does not hold and never tries them again by itself; a key must not be used before it is durable.
    fn settle(&self, header: &[u8]) -> Result<(), Error> {
        let group = u64::try_from(GROUP_SLOTS_MAX).expect("a group fits 64 bits");
        let first = self.slot_count.saturating_sub(group);
        let count = usize::try_from(self.slot_count - first).expect("a group fits memory");
        let bytes = read_slots(&self.io, &self.file, first, count)?;
        self.io.write_at(&self.file, 0, header).map_err(failed("write"))?;
        self.io.write_at(&self.file, offset_of(first), &bytes).map_err(failed("write"))?;
        self.io.sync_data(&self.file).map_err(failed("sync"))?;
        self.io.sync_dir(DIR).map_err(failed("sync the folder of"))
    }

    fn load_slot(&mut self, slot: u64, bytes: &[u8]) -> Result<(), Error> {
        let Some((state, subject, wrapped)) = parse_slot(bytes) else {
            self.damaged_count += 1;
            return Ok(());
        };
        if state == ERASED {
            self.erased.insert(subject);
            return Ok(());
        }
        let secret = unwrap_key(&self.master, subject, wrapped).ok_or(Error::WrongMaster { subject })?;
        self.keys.insert(subject, (slot, SubjectKey { subject, secret: Redacted::new(secret) }));
        Ok(())
    }

    /// The keys of `subjects`, making those that do not exist; everything returned is durable. An erased subject gets
    /// no key again: `None`.
    ///
    /// # Errors
    /// See [`Error`]; after a failed write the store is stopped.
    pub fn ensure(&mut self, subjects: &[SubjectId], entropy: &mut dyn FnMut(&mut [u8])) -> Result<Vec<Option<SubjectKey>>, Error> {
        if self.stopped {
            return Err(Error::Stopped);
        }
        let missing: BTreeSet<SubjectId> =
            subjects.iter().copied().filter(|subject| !self.keys.contains_key(subject) && !self.erased.contains(subject)).collect();
        let missing: Vec<SubjectId> = missing.into_iter().collect();
        for group in missing.chunks(GROUP_SLOTS_MAX) {
            let made = self.append(group, entropy).inspect_err(|_| self.stopped = true)?;
            self.slot_count += u64::try_from(made.len()).expect("counts fit 64 bits");
            self.keys.extend(made);
        }
        Ok(subjects.iter().map(|subject| self.keys.get(subject).map(|(_, key)| key.clone())).collect())
    }

    fn append(&mut self, missing: &[SubjectId], entropy: &mut dyn FnMut(&mut [u8])) -> Result<Vec<(SubjectId, Slotted)>, Error> {
        let mut bytes = Vec::with_capacity(missing.len() * SLOT_BYTES);
        let mut made = Vec::with_capacity(missing.len());
        for (slot, subject) in (self.slot_count..).zip(missing) {
            let mut secret = [0_u8; 32];
            let mut nonce = [0_u8; NONCE_BYTES];
            entropy(&mut secret);
            entropy(&mut nonce);
            bytes.extend_from_slice(&encode_slot(LIVE, *subject, &wrap_key(&self.master, *subject, &secret, &nonce)));
            made.push((*subject, (slot, SubjectKey { subject: *subject, secret: Redacted::new(secret) })));
            secret.zeroize();
        }
        let end = self.slot_count + u64::try_from(made.len()).expect("counts fit 64 bits");
        if end > self.room_count {
            let room_count = end + SLOTS_PREPARED;
            let zeros = usize::try_from(room_count - self.room_count).expect("a group fits memory");
            self.io.write_at(&self.file, offset_of(self.room_count), &vec![0; zeros * SLOT_BYTES]).map_err(failed("make room in"))?;
            self.room_count = room_count;
        }
        self.io.write_at(&self.file, offset_of(self.slot_count), &bytes).map_err(failed("write"))?;
        self.io.sync_data(&self.file).map_err(failed("sync"))?;
        Ok(made)
    }

    /// Destroys a subject's key, durably; harmless when it has none.
    ///
    /// # Errors
    /// See [`Error`]; after a failed write the store is stopped.
    pub fn erase(&mut self, subject: SubjectId) -> Result<(), Error> {
        assert!(subject != SubjectId::PLATFORM, "the platform's own key is never destroyed");
        if self.stopped {
            return Err(Error::Stopped);
        }
        if self.erased.contains(&subject) {
            return Ok(());
        }
        let slot = self.keys.get(&subject).map_or(self.slot_count, |(slot, _)| *slot);
        let bytes = encode_slot(ERASED, subject, &[0; NONCE_BYTES + WRAPPED_BYTES]);
        let written = self.io.write_at(&self.file, offset_of(slot), &bytes).and_then(|()| self.io.sync_data(&self.file));
        written.map_err(failed("erase in")).inspect_err(|_| self.stopped = true)?;
        self.slot_count = self.slot_count.max(slot + 1);
        self.room_count = self.room_count.max(self.slot_count);
        self.keys.remove(&subject);
        self.erased.insert(subject);
        Ok(())
    }

    /// Destroys again every key that the journal says was destroyed: a restored store may have brought some back.
    /// Returns how many there were.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn reapply(&mut self, erased: &BTreeSet<SubjectId>) -> Result<usize, Error> {
        let back: Vec<SubjectId> = erased.iter().copied().filter(|subject| !self.erased.contains(subject)).collect();
        for subject in &back {
            self.erase(*subject)?;
        }
        Ok(back.len())
    }

    /// The key of a subject, if it has one.
    pub fn key(&self, subject: SubjectId) -> Option<SubjectKey> {
        self.keys.get(&subject).map(|(_, key)| key.clone())
    }

    /// All live keys.
    pub fn keys(&self) -> impl Iterator<Item = (SubjectId, SubjectKey)> {
        self.keys.iter().map(|(subject, (_, key))| (*subject, key.clone()))
    }

    /// Subjects whose keys are destroyed.
    pub const fn erased(&self) -> &BTreeSet<SubjectId> {
        &self.erased
    }

    /// Slots whose checksum fails.
    pub const fn damaged_count(&self) -> u64 {
        self.damaged_count
    }
}

fn failed(attempted: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { attempted, source }
}

const fn offset_of(slot: u64) -> u64 {
    HEADER_BYTES + slot * 128
}

/// So many slots of the file.
fn read_slots<I: Io>(io: &I, file: &I::File, first: u64, count: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0_u8; count * SLOT_BYTES];
    io.read_at(file, offset_of(first), &mut bytes).map_err(failed("read"))?;
    Ok(bytes)
}

/// Slots up to the last that is not all zeros, of so many in the file.
fn used_slots<I: Io>(io: &I, file: &I::File, room_count: u64) -> Result<u64, Error> {
    let mut end = room_count;
    while end > 0 {
        let count = usize::try_from(end).unwrap_or(usize::MAX).min(SLOTS_PER_READ);
        let first = end - u64::try_from(count).expect("counts fit 64 bits");
        let bytes = read_slots(io, file, first, count)?;
        let is_used = |slot: &[u8]| slot.iter().any(|byte| *byte != 0);
        if let Some(last) = bytes.chunks_exact(SLOT_BYTES).rposition(is_used) {
            return Ok(first + u64::try_from(last).expect("counts fit 64 bits") + 1);
        }
        end = first;
    }
    Ok(0)
}

/// Whole slots in a file of this length.
const fn slots_in(length: u64) -> u64 {
    (length - HEADER_BYTES) / 128
}

/// `state, subject, nonce and wrapped key, CRC-32C over all of it, zeros`.
fn encode_slot(state: u8, subject: SubjectId, wrapped: &[u8; NONCE_BYTES + WRAPPED_BYTES]) -> [u8; SLOT_BYTES] {
    let mut slot = [0_u8; SLOT_BYTES];
    slot[0] = state;
    slot[1..17].copy_from_slice(&subject.as_u128().to_be_bytes());
    slot[17..89].copy_from_slice(wrapped);
    let checksum = crc32c::crc32c(&slot[..89]);
    slot[89..93].copy_from_slice(&checksum.to_le_bytes());
    slot
}

/// How many slots the store uses; `None` when there is no store. Changes nothing.
///
/// # Errors
/// [`Error::Foreign`] for a file that is something else, [`Error::Io`].
pub fn inspect<I: Io>(io: &I) -> Result<Option<u64>, Error> {
    let file = match io.open_read(FILE) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open")(error)),
    };
    let length = io.len(&file).map_err(failed("measure"))?;
    if length < HEADER_BYTES {
        return Ok(Some(0)); // made, and stopped before the first key
    }
    let mut magic = [0_u8; 16];
    io.read_at(&file, 0, &mut magic).map_err(failed("read"))?;
    let is_blank = magic.iter().all(|byte| *byte == 0) && length == HEADER_BYTES;
    if magic != *MAGIC && !is_blank {
        return Err(Error::Foreign);
    }
    used_slots(io, &file, slots_in(length)).map(Some)
}

/// How many slots of a store, whose file is at `path`, are damaged. Changes nothing.
///
/// # Errors
/// [`Error::Foreign`] for a file that is something else, [`Error::Io`].
pub fn damaged_slots<I: Io>(io: &I, path: &str) -> Result<u64, Error> {
    let file = io.open_read(path).map_err(failed("open"))?;
    let length = io.len(&file).map_err(failed("measure"))?;
    let mut magic = [0_u8; 16];
    if length >= HEADER_BYTES {
        io.read_at(&file, 0, &mut magic).map_err(failed("read"))?;
    }
    if magic != *MAGIC {
        return Err(Error::Foreign);
    }
    let slot_count = used_slots(io, &file, slots_in(length))?;
    let (mut slot, mut damaged) = (0, 0);
    while slot < slot_count {
        let count = usize::try_from(slot_count - slot).unwrap_or(usize::MAX).min(SLOTS_PER_READ);
        let bytes = read_slots(io, &file, slot, count)?;
        let bad = bytes.chunks_exact(SLOT_BYTES).filter(|one| parse_slot(one).is_none()).count();
        damaged += u64::try_from(bad).expect("counts fit 64 bits");
        slot += u64::try_from(count).expect("counts fit 64 bits");
    }
    Ok(damaged)
}

fn parse_slot(slot: &[u8]) -> Option<(u8, SubjectId, &[u8])> {
    let stored = u32::from_le_bytes(slot.get(89..93)?.try_into().ok()?);
    let state = *slot.first()?;
    if crc32c::crc32c(&slot[..89]) != stored || !matches!(state, LIVE | ERASED) {
        return None;
    }
    let subject = SubjectId::from_u128(u128::from_be_bytes(slot.get(1..17)?.try_into().ok()?));
    Some((state, subject, slot.get(17..89)?))
}

fn wrap_key(
    master: &Redacted<[u8; 32]>,
    subject: SubjectId,
    secret: &[u8; 32],
    nonce: &[u8; NONCE_BYTES],
) -> [u8; NONCE_BYTES + WRAPPED_BYTES] {
    let cipher = XChaCha20Poly1305::new(master.expose().into());
    let payload = Payload { msg: secret, aad: &subject.as_u128().to_be_bytes() };
    let wrapped = cipher.encrypt(XNonce::from_slice(nonce), payload).expect("32 bytes are below the cipher's limit");
    let mut bytes = [0_u8; NONCE_BYTES + WRAPPED_BYTES];
    bytes[..NONCE_BYTES].copy_from_slice(nonce);
    bytes[NONCE_BYTES..].copy_from_slice(&wrapped);
    bytes
}

fn unwrap_key(master: &Redacted<[u8; 32]>, subject: SubjectId, wrapped: &[u8]) -> Option<[u8; 32]> {
    let (nonce, ciphertext) = wrapped.split_at_checked(NONCE_BYTES)?;
    let cipher = XChaCha20Poly1305::new(master.expose().into());
    let payload = Payload { msg: ciphertext, aad: &subject.as_u128().to_be_bytes() };
    cipher.decrypt(XNonce::from_slice(nonce), payload).ok()?.try_into().ok()
}
