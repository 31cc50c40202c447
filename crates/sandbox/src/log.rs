//! What makes a simulator survive a killed process: every request that changed something is appended to one file
//! before its answer leaves, and executed again on the next start. The core is deterministic, so that gives the same
//! state, down to ids and kept answers.
//!
//! File: a header (magic, seed, CRC32C), then frames (length, CRC32C, payload), all little-endian. A frame that the
//! file ends inside of was never answered and is dropped; damage before the end refuses to start.

use crate::stripe::{
    Config, DeliveryNumber, DeliveryOutcome, Stripe, WebhookDelivery, masked_text, recorded_authorization, recorded_order,
};
use crate::wire::{Handled, Headers, Method, Request};
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"BZSANDB1";
const HEADER_BYTES: u64 = 20;
const FRAME_HEADER_BYTES: u64 = 8;
/// Longest payload of a frame, in bytes.
pub const PAYLOAD_BYTES_MAX: u32 = 1024 * 1024;
/// Largest log, in bytes; a simulator that reaches it stops.
pub const LOG_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
const FILE_NAME: &str = "stripe.log";

/// What went wrong with the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process uses the folder.
    #[error("{path} is in use by another process")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is no log of this simulator.
    #[error("{path} is not a log of this simulator")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was begun with another seed.
    #[error("{path} was begun with seed {found}, not {given}")]
    OtherSeed {
        /// The file.
        path: PathBuf,
        /// Seed in the file.
        found: u64,
        /// Seed asked for.
        given: u64,
    },
    /// A frame before the end is damaged.
    #[error("{path} is damaged at offset {offset}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damaged frame begins, in bytes.
        offset: u64,
    },
    /// The log reached [`LOG_BYTES_MAX`], or a request exceeds [`PAYLOAD_BYTES_MAX`].
    #[error("{path} has no room for another request")]
    Full {
        /// The file.
        path: PathBuf,
    },
}

/// What a start found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    /// Records executed again.
    pub record_count: u64,
    /// Bytes of a torn last frame that were dropped.
    pub torn_bytes: u64,
}

/// A simulator whose every change is recorded before it is answered.
#[derive(Debug)]
pub struct Durable {
    stripe: Stripe,
    log: Option<Log>,
}

impl Durable {
    /// A simulator that forgets everything when its process ends.
    pub fn in_memory(seed: u64, config: Config) -> Self {
        Self { stripe: Stripe::new(seed, config), log: None }
    }

    /// Opens the simulator of a folder, creating both if needed. `seed` must be that of an existing log; a new one
    /// gets 1 unless told. `config` is in force only until the log's own configuration is read.
    ///
    /// # Errors
    /// See [`Error`]; nothing is changed then.
    pub fn open(folder: &Path, seed: Option<u64>, config: Config) -> Result<(Self, Recovered), Error> {
        let path = folder.join(FILE_NAME);
        let io = |action| {
            let path = path.clone();
            move |source| Error::Io { action, path, source }
        };
        std::fs::create_dir_all(folder).map_err(io("create"))?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(Error::Locked { path }),
            Err(std::fs::TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        let file_bytes = file.metadata().map_err(io("inspect"))?.len();
        if file_bytes < HEADER_BYTES {
            check_torn_header(&mut file, &path)?;
            begin(&mut file, seed.unwrap_or(1), &path)?;
        }
        let file_bytes = file_bytes.max(HEADER_BYTES);
        file.seek(SeekFrom::Start(0)).map_err(io("read"))?;
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        let found = read_header(&mut reader, &path)?;
        if let Some(given) = seed.filter(|given| *given != found) {
            return Err(Error::OtherSeed { path, found, given });
        }
        let mut stripe = Stripe::new(found, config);
        let (end, record_count) = replay(&mut reader, file_bytes, &path, &mut stripe)?;
        drop(reader);
        let torn_bytes = file_bytes - end;
        if torn_bytes > 0 {
            file.set_len(end).map_err(io("truncate"))?;
        }
        file.seek(SeekFrom::Start(end)).map_err(io("seek"))?;
        let log = Log { file, path, bytes: end, buffer: Vec::new() };
        Ok((Self { stripe, log: Some(log) }, Recovered { record_count, torn_bytes }))
    }

    /// The simulator.
    pub fn stripe(&self) -> &Stripe {
        &self.stripe
    }

    /// Answers a request; if it changed anything it is on file when this returns.
    ///
    /// # Errors
    /// It could not be recorded. The simulator's memory is then ahead of its file, so the process must end without
    /// answering.
    pub fn handle(&mut self, request: &Request, now_ms: u64) -> Result<Handled, Error> {
        let handled = self.stripe.handle(request, now_ms);
        if let Some(log) = self.log.as_mut().filter(|_| handled.changed) {
            log.append(|payload| encode_request(payload, request, now_ms))?;
        }
        Ok(handled)
    }

    /// Takes webhook deliveries that are due, as [`Stripe::take_due_deliveries`]. That is not on file: what was taken and not
    /// finished when the process ends waits again after a restart.
    pub fn take_due_deliveries(&mut self, now_ms: u64, room: &dyn Fn(&str) -> usize) -> Vec<WebhookDelivery> {
        self.stripe.take_due_deliveries(now_ms, room)
    }

    /// Notes what became of a delivery, as [`Stripe::finish_delivery`]; it is on file when this returns.
    ///
    /// # Errors
    /// As [`Durable::handle`].
    pub fn finish_delivery(&mut self, number: DeliveryNumber, outcome: DeliveryOutcome, now_ms: u64) -> Result<(), Error> {
        self.stripe.finish_delivery(number, outcome, now_ms);
        let code = OUTCOMES.iter().position(|known| *known == outcome).and_then(|index| u8::try_from(index).ok());
        match &mut self.log {
            None => Ok(()),
            Some(log) => log.append(|payload| {
                payload.push(TAG_FINISH);
                payload.extend_from_slice(&now_ms.to_le_bytes());
                payload.extend_from_slice(&number.to_le_bytes());
                payload.push(code.unwrap_or(u8::MAX));
            }),
        }
    }

    /// Puts a configuration in force, and on file if it is another one.
    ///
    /// # Errors
    /// As [`Durable::handle`].
    pub fn configure(&mut self, config: Config, now_ms: u64) -> Result<(), Error> {
        if *self.stripe.config() == config {
            return Ok(());
        }
        if let Some(log) = &mut self.log {
            let text = serde_json::to_vec(&config).map_err(|error| Error::Io {
                action: "write the configuration to",
                path: log.path.clone(),
                source: error.into(),
            })?;
            log.append(|payload| {
                payload.push(TAG_CONFIGURE);
                payload.extend_from_slice(&now_ms.to_le_bytes());
                payload.extend_from_slice(&text);
            })?;
        }
        self.stripe.advance_to(now_ms);
        self.stripe.configure(config);
        Ok(())
    }
}

#[derive(Debug)]
struct Log {
    file: File,
    path: PathBuf,
    bytes: u64,
    buffer: Vec<u8>,
}

impl Log {
    fn append(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
        const START: usize = 8;
        self.buffer.clear();
        self.buffer.resize(START, 0);
        fill(&mut self.buffer);
        let length = u32::try_from(self.buffer.len() - START).unwrap_or(u32::MAX);
        let frame_bytes = FRAME_HEADER_BYTES + u64::from(length);
        if length > PAYLOAD_BYTES_MAX || self.bytes + frame_bytes > LOG_BYTES_MAX {
            return Err(Error::Full { path: self.path.clone() });
        }
        let crc = crc32c::crc32c(&self.buffer[START..]);
        self.buffer[..4].copy_from_slice(&length.to_le_bytes());
        self.buffer[4..START].copy_from_slice(&crc.to_le_bytes());
        self.file.write_all(&self.buffer).map_err(|source| Error::Io { action: "append to", path: self.path.clone(), source })?;
        self.bytes += frame_bytes;
        Ok(())
    }
}

/// A file shorter than its header must be the beginning of one, else it is somebody else's.
fn check_torn_header(file: &mut File, path: &Path) -> Result<(), Error> {
    let mut start = Vec::new();
    let read = file.take(HEADER_BYTES).read_to_end(&mut start);
    read.map_err(|source| Error::Io { action: "read", path: path.to_owned(), source })?;
    let known = start.len().min(MAGIC.len());
    if start[..known] == MAGIC[..known] { Ok(()) } else { Err(Error::Foreign { path: path.to_owned() }) }
}

fn begin(file: &mut File, seed: u64, path: &Path) -> Result<(), Error> {
    let mut header = Vec::from(*MAGIC);
    header.extend_from_slice(&seed.to_le_bytes());
    header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
    let io = |source| Error::Io { action: "begin", path: path.to_owned(), source };
    file.set_len(0).map_err(io)?;
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    file.write_all(&header).map_err(io)
}

fn read_header(reader: &mut impl Read, path: &Path) -> Result<u64, Error> {
    let mut header = [0u8; 20];
    let read = reader.read_exact(&mut header);
    read.map_err(|source| Error::Io { action: "read", path: path.to_owned(), source })?;
    let (content, crc) = header.split_at(16);
    if !content.starts_with(MAGIC) || crc != crc32c::crc32c(content).to_le_bytes() {
        return Err(Error::Foreign { path: path.to_owned() });
    }
    let mut seed = [0u8; 8];
    seed.copy_from_slice(&content[8..]);
    Ok(u64::from_le_bytes(seed))
}

/// Executes all whole frames again; returns where the last one ends and how many there were.
fn replay(reader: &mut impl Read, file_bytes: u64, path: &Path, stripe: &mut Stripe) -> Result<(u64, u64), Error> {
    let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let mut offset = HEADER_BYTES;
    let mut record_count = 0;
    let mut payload = Vec::new();
    while file_bytes - offset >= FRAME_HEADER_BYTES {
        let mut header = [0u8; 8];
        reader.read_exact(&mut header).map_err(io)?;
        let [a, b, c, d, crc @ ..] = header;
        let length = u32::from_le_bytes([a, b, c, d]);
        let end = offset + FRAME_HEADER_BYTES + u64::from(length);
        if length <= PAYLOAD_BYTES_MAX && end > file_bytes {
            break;
        }
        let damaged = || Error::Damaged { path: path.to_owned(), offset };
        if length > PAYLOAD_BYTES_MAX {
            return Err(damaged());
        }
        payload.resize(usize::try_from(length).map_err(|_| damaged())?, 0);
        reader.read_exact(&mut payload).map_err(io)?;
        if crc32c::crc32c(&payload) != u32::from_le_bytes(crc) {
            if end == file_bytes {
                break;
            }
            return Err(damaged());
        }
        apply(&payload, stripe).ok_or_else(damaged)?;
        offset = end;
        record_count += 1;
    }
    Ok((offset, record_count))
}

const TAG_REQUEST: u8 = 1;
const TAG_CONFIGURE: u8 = 2;
const TAG_FINISH: u8 = 3;
/// Orders to this path name secret keys.
const CREDENTIALS_PATH: &str = "/_admin/credentials";
const OUTCOMES: [DeliveryOutcome; 3] = [DeliveryOutcome::Acknowledged, DeliveryOutcome::Failed, DeliveryOutcome::Refused];
const METHODS: [Method; 4] = [Method::Get, Method::Post, Method::Delete, Method::Other];

fn encode_request(payload: &mut Vec<u8>, request: &Request, now_ms: u64) {
    let Request { method, path, query, headers, body } = request;
    let Headers { authorization, idempotency_key, stripe_version, stripe_account, content_type } = headers;
    payload.push(TAG_REQUEST);
    payload.extend_from_slice(&now_ms.to_le_bytes());
    let code = METHODS.iter().position(|known| known == method).and_then(|index| u8::try_from(index).ok());
    payload.push(code.unwrap_or(3));
    // Of the secret only what matters is kept: that there was an accepted one, and which, by its fingerprint.
    let authorization = authorization.as_deref().map(recorded_authorization);
    let text = |text: &'_ Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
    encode_part(payload, Some(path.as_bytes()));
    // Card numbers and codes are never on file; the simulator reads the stand-ins as it read the numbers.
    let query = masked_text(query.as_bytes()).map_or(Cow::Borrowed(query.as_bytes()), Cow::Owned);
    encode_part(payload, Some(&query));
    encode_part(payload, authorization.as_deref().map(str::as_bytes));
    for part in [idempotency_key, stripe_version, stripe_account, content_type] {
        encode_part(payload, text(part).as_deref());
    }
    let hidden = if path == CREDENTIALS_PATH { recorded_order(body) } else { masked_text(body) };
    let body = hidden.map_or(Cow::Borrowed(body.as_slice()), Cow::Owned);
    encode_part(payload, Some(&body));
}

fn encode_part(payload: &mut Vec<u8>, part: Option<&[u8]>) {
    let length = part.map_or(u32::MAX, |part| u32::try_from(part.len()).unwrap_or(u32::MAX - 1));
    payload.extend_from_slice(&length.to_le_bytes());
    payload.extend_from_slice(part.unwrap_or(&[]));
}

fn apply(payload: &[u8], stripe: &mut Stripe) -> Option<()> {
    let (tag, rest) = payload.split_first()?;
    let (now, rest) = rest.split_first_chunk::<8>()?;
    let now_ms = u64::from_le_bytes(*now);
    match *tag {
        TAG_CONFIGURE => {
            let config: Config = serde_json::from_slice(rest).ok()?;
            stripe.advance_to(now_ms);
            stripe.configure(config);
        }
        TAG_FINISH => {
            let (number, rest) = rest.split_first_chunk::<8>()?;
            let [code] = rest else { return None };
            stripe.finish_delivery(u64::from_le_bytes(*number), *OUTCOMES.get(usize::from(*code))?, now_ms);
        }
        TAG_REQUEST => {
            stripe.replay(&decode_request(rest)?, now_ms);
        }
        _ => return None,
    }
    Some(())
}

fn decode_request(payload: &[u8]) -> Option<Request> {
    let (code, mut rest) = payload.split_first()?;
    let method = *METHODS.get(usize::from(*code))?;
    let mut part = || -> Option<Option<Vec<u8>>> {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length);
        if length == u32::MAX {
            rest = tail;
            return Some(None);
        }
        let (part, tail) = tail.split_at_checked(usize::try_from(length).ok()?)?;
        rest = tail;
        Some(Some(part.to_vec()))
    };
    let mut text = || -> Option<Option<String>> {
        match part()? {
            None => Some(None),
            Some(bytes) => String::from_utf8(bytes).ok().map(Some),
        }
    };
    let (path, query) = (text()??, text()??);
    let headers = Headers {
        authorization: text()?,
        idempotency_key: text()?,
        stripe_version: text()?,
        stripe_account: text()?,
        content_type: text()?,
    };
    let body = part()??;
    rest.is_empty().then_some(Request { method, path, query, headers, body })
}
