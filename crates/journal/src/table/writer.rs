//! Writes one table, in large pieces and in order, under another name until it is durable.

use std::io::ErrorKind;

use super::block::{Encoder, shared_bytes};
use super::error::hex;
use super::filter::{Filter, FilterBuilder};
use super::parts::{Footer, HEADER_BYTES, Header, block_crc32c};
use super::{BLOCK_BYTES, Error, KEY_BYTES_MAX, Layout, PIECE_BYTES, SYNC_BYTES};
use crate::{Io, IoFailure, wide};

/// Ends the name of a file that is being written.
const UNFINISHED: &str = ".tmp";

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many entries the table has.
    pub entry_count: u64,
    /// How many distinct prefixes its filter has; 0 without filter.
    pub prefix_count: u64,
    /// The length of its file, in bytes.
    pub file_bytes: u64,
}

/// Writes a table from ascending entries; one writer of a path at a time. Dropped before [`Writer::finish`], it leaves no
/// table and removes its file; what a crash leaves, [`remove_unfinished`] removes.
pub struct Writer<I: Io> {
    io: I,
    path: String,
    output: Output<I::File>,
    header: Header,
    block: Encoder,
    /// The first keys and checksums of blocks, as they will stand in the file.
    index: Vec<u8>,
    /// Taken when the table is finished.
    filter: Option<FilterBuilder>,
    prefix_count_max: u64,
    last_key: [u8; KEY_BYTES_MAX],
    entry_count: u64,
    prefix_count: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Writing,
    Stopped,
    Finished,
}

/// The file, and what is not yet in it.
struct Output<F> {
    file: F,
    path: String,
    /// The file's end, where `bytes` will stand.
    offset: u64,
    synced_to: u64,
    bytes: Vec<u8>,
}

impl<F> Output<F> {
    fn end(&self) -> u64 {
        self.offset + wide(self.bytes.len())
    }

    fn write<I: Io<File = F>>(&mut self, io: &I) -> Result<(), IoFailure> {
        io.write_at(&self.file, self.offset, &self.bytes).map_err(IoFailure::on("write", &self.path))?;
        self.offset += wide(self.bytes.len());
        self.bytes.clear();
        if self.offset - self.synced_to >= SYNC_BYTES { self.sync(io) } else { Ok(()) }
    }

    fn sync<I: Io<File = F>>(&mut self, io: &I) -> Result<(), IoFailure> {
        self.synced_to = self.offset;
        io.sync_data(&self.file).map_err(IoFailure::on("sync", &self.path))
    }

    fn append<I: Io<File = F>>(&mut self, io: &I, bytes: &[u8]) -> Result<(), IoFailure> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= PIECE_BYTES { self.write(io) } else { Ok(()) }
    }
}

impl<I: Io + Clone> Writer<I> {
    /// Starts the table at `path`, whose folder exists; a table of that name is replaced when this one is finished.
    ///
    /// `about` is for the caller. At most `prefix_count_max` distinct filter prefixes may come (the number of entries
    /// always is such a bound): the filter has room for them while the table is written, with
    /// [`super::FILTER_BITS_PER_PREFIX`] bits each, and shrinks to what did come.
    ///
    /// # Errors
    /// [`Error::Layout`], [`Error::Io`].
    pub fn create(io: &I, path: &str, layout: Layout, about: [u8; 16], prefix_count_max: u64) -> Result<Writer<I>, Error> {
        if let Some(rule) = layout.broken_rule() {
            return Err(Error::Layout { path: path.to_owned(), rule });
        }
        let unfinished = format!("{path}{UNFINISHED}");
        match io.remove(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(IoFailure::on("remove", &unfinished)(error).into()),
            Ok(()) | Err(_) => {}
        }
        let file = io.create_new(&unfinished).map_err(IoFailure::on("create", &unfinished))?;
        let header = Header { layout, about };
        let mut bytes = Vec::with_capacity(PIECE_BYTES + BLOCK_BYTES);
        bytes.extend_from_slice(&header.encode());
        let block = Encoder::begin(layout.values, &mut bytes, BLOCK_BYTES - HEADER_BYTES);
        Ok(Writer {
            io: io.clone(),
            path: path.to_owned(),
            output: Output { file, path: unfinished, offset: 0, synced_to: 0, bytes },
            header,
            block,
            index: Vec::new(),
            filter: layout.filter_prefix_bytes.map(|_| FilterBuilder::for_prefixes(prefix_count_max)),
            prefix_count_max,
            last_key: [0; KEY_BYTES_MAX],
            entry_count: 0,
            prefix_count: 0,
            state: State::Writing,
        })
    }
}

impl<I: Io> Writer<I> {
    /// Adds an entry, whose key is above all before.
    ///
    /// # Errors
    /// [`Error::NotAscending`] and [`Error::TooManyPrefixes`], after which the writer goes on; [`Error::Io`], after
    /// which every call is [`Error::Stopped`].
    ///
    /// # Panics
    /// When the key has not the layout's width or the value not one that the layout allows.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let layout = self.header.layout;
        assert_eq!(key.len(), layout.key(), "a key has the layout's width");
        assert!(layout.values.fit(value), "a value of {} bytes has a width that the layout allows", value.len());
        self.check_writing()?;
        let last_key = &self.last_key[..key.len()];
        let is_first = self.entry_count == 0;
        let shared = if is_first { 0 } else { shared_bytes(last_key, key) };
        if !is_first && (shared == key.len() || key[shared] < last_key[shared]) {
            return Err(Error::NotAscending { path: self.path.clone(), key: hex(key) });
        }
        if is_first || shared < layout.prefix() {
            self.add_prefix(&key[..layout.prefix()])?;
        }
        if !self.block.push(&mut self.output.bytes, shared, key, value) {
            self.end_full_block()?;
            let is_added = self.block.push(&mut self.output.bytes, 0, key, value);
            assert!(is_added, "an empty block has room for an entry");
        }
        if self.block.entry_count() == 1 {
            self.index.extend_from_slice(key);
        }
        self.last_key[..key.len()].copy_from_slice(key);
        self.entry_count += 1;
        Ok(())
    }

    /// Makes the table durable and gives it its name.
    ///
    /// # Errors
    /// [`Error::Stopped`] after an earlier failure; [`Error::Io`], after which there is no table of this name, or, when
    /// only its name may not be durable, all of it.
    pub fn finish(mut self) -> Result<Summary, Error> {
        self.complete()
    }

    /// As [`Writer::finish`], for an owner that cannot give the writer away. Every later call is [`Error::Stopped`].
    pub(super) fn complete(&mut self) -> Result<Summary, Error> {
        self.check_writing()?;
        self.state = State::Stopped;
        if self.entry_count == 0 {
            self.output.bytes.truncate(self.block.start());
        } else {
            self.block.end(&mut self.output.bytes);
            self.add_checksum();
        }
        let filter = self.filter.take().map(|filter| filter.finish(self.prefix_count)).unwrap_or_default();
        let footer = self.footer(&filter);
        let Writer { io, output, index, .. } = self;
        for piece in index.chunks(PIECE_BYTES) {
            output.append(io, piece)?;
        }
        for line in filter.line_bytes() {
            output.append(io, &line)?;
        }
        output.append(io, &footer.encode())?;
        output.write(io)?;
        output.sync(io)?;
        io.rename(&output.path, &self.path).map_err(IoFailure::on("rename", &output.path))?;
        self.state = State::Finished;
        sync_folder_of(&self.io, &self.path)?;
        Ok(Summary { entry_count: self.entry_count, prefix_count: self.prefix_count, file_bytes: self.output.offset })
    }

    fn footer(&self, filter: &Filter) -> Footer {
        Footer {
            entry_count: self.entry_count,
            prefix_count: self.prefix_count,
            blocks_end: self.output.end(),
            line_count: filter.line_count(),
            last_key: self.last_key,
            header_crc32c: self.header.crc32c(),
            index_crc32c: crc32c::crc32c(&self.index),
            filter_crc32c: filter.line_bytes().fold(0, |checksum, line| crc32c::crc32c_append(checksum, &line)),
        }
    }

    /// Ends the writing after a failure of the owner.
    pub(super) fn stop(&mut self) {
        self.state = State::Stopped;
    }

    pub(super) fn check_writing(&self) -> Result<(), Error> {
        match self.state {
            State::Writing => Ok(()),
            State::Stopped | State::Finished => Err(Error::Stopped { path: self.path.clone() }),
        }
    }

    /// How much memory the writer takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        wide(self.output.bytes.capacity() + self.index.capacity()) + self.filter.as_ref().map_or(0, FilterBuilder::memory_bytes)
    }

    fn add_prefix(&mut self, prefix: &[u8]) -> Result<(), Error> {
        let Some(filter) = &mut self.filter else { return Ok(()) };
        if self.prefix_count == self.prefix_count_max {
            return Err(Error::TooManyPrefixes { path: self.path.clone(), prefix_count_max: self.prefix_count_max });
        }
        filter.insert(prefix);
        self.prefix_count += 1;
        Ok(())
    }

    /// Completes a block that fills its piece of the file, and starts the next one.
    fn end_full_block(&mut self) -> Result<(), Error> {
        self.block.end(&mut self.output.bytes);
        // What was written so far is whole pieces, so pieces of the file are pieces of the buffer.
        let piece_end = self.output.bytes.len().next_multiple_of(BLOCK_BYTES);
        self.output.bytes.resize(piece_end, 0);
        self.add_checksum();
        if piece_end >= PIECE_BYTES {
            self.state = State::Stopped;
            self.output.write(&self.io)?;
            self.state = State::Writing;
        }
        self.block.begin_next(&mut self.output.bytes, BLOCK_BYTES);
        Ok(())
    }

    /// Puts the checksum of the block at the end into the index, where its first key stands already.
    fn add_checksum(&mut self) {
        let start = self.block.start();
        let checksum = block_crc32c(self.output.offset + wide(start), &self.output.bytes[start..]);
        self.index.extend_from_slice(&checksum.to_le_bytes());
    }
}

impl<I: Io> Drop for Writer<I> {
    fn drop(&mut self) {
        if self.state != State::Finished {
            // Gives the space back. If this fails, `remove_unfinished` does it, or the next writer of the table.
            drop(self.io.remove(&self.output.path));
        }
    }
}

fn sync_folder_of<I: Io>(io: &I, path: &str) -> Result<(), IoFailure> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    io.sync_dir(folder).map_err(IoFailure::on("sync", folder))
}

/// Removes a table durably; who has it open still reads it. Does nothing when it is gone already.
///
/// # Errors
/// When the file cannot be removed or its folder not synced.
pub fn remove<I: Io>(io: &I, path: &str) -> Result<(), IoFailure> {
    match io.remove(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(IoFailure::on("remove", path)(error)),
        Ok(()) | Err(_) => sync_folder_of(io, path),
    }
}

/// Removes what writers that a crash ended have left in a folder; nobody may be writing there.
///
/// # Errors
/// When the folder cannot be listed or a file not removed.
pub fn remove_unfinished<I: Io>(io: &I, folder: &str) -> Result<(), IoFailure> {
    for name in io.list(folder).map_err(IoFailure::on("list", folder))? {
        if name.ends_with(UNFINISHED) {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            io.remove(&path).map_err(IoFailure::on("remove", &path))?;
        }
    }
    Ok(())
}
