//! Merges tables into a new one, in steps and in bounded memory: a block of each input, the new filter and the new index.

use std::cmp::Ordering;
use std::sync::Arc;

use super::block::Decoded;
use super::error::hex;
use super::{Error, MERGE_INPUTS_MAX, Summary, Table, Writer};
use crate::{Io, wide};

/// How far a merge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    Working {
        /// Entries read so far.
        entries_done: u64,
        /// Entries of all inputs.
        entries_total: u64,
    },
    /// The new table is durable under its name.
    Done(Summary),
}

/// A merge under way. Its inputs stay as they are; dropped before it is done, it leaves no table.
pub struct Merge<I: Io> {
    writer: Writer<I>,
    inputs: Vec<Input<I>>,
    /// Inputs with entries left, as a heap: the input at *n* is not above those at *2n + 1* and *2n + 2*.
    heap: Vec<usize>,
    /// The entry written last and the input that it came from.
    last: Vec<u8>,
    last_input: usize,
    entries_done: u64,
    entries_total: u64,
    /// For which keys a later input's value takes the place of an earlier one's.
    superseded: fn(&[u8]) -> bool,
    done: Option<Summary>,
}

/// One table and the entry that comes next.
struct Input<I: Io> {
    table: Arc<Table<I>>,
    block_next: usize,
    bytes: Vec<u8>,
    decoded: Decoded,
    index: usize,
    entries_done: u64,
    /// The first bytes of the next key as a number, which decides most comparisons.
    head: u64,
}

impl<I: Io> Input<I> {
    fn new(table: Arc<Table<I>>) -> Input<I> {
        let decoded = Decoded::new(table.layout());
        Input { table, block_next: 0, bytes: Vec::new(), decoded, index: 0, entries_done: 0, head: 0 }
    }

    /// Makes the entry at `index` the next one, or the first of the next block; `false` at the table's end.
    fn settle(&mut self) -> Result<bool, Error> {
        if self.index == self.decoded.entry_count() {
            if self.block_next == self.table.block_count() {
                return if self.entries_done == self.table.entry_count() {
                    Ok(false)
                } else {
                    Err(self.table.broken("the footer counts the entries"))
                };
            }
            self.table.decode_block(self.block_next, &mut self.bytes, &mut self.decoded)?;
            self.block_next += 1;
            self.index = 0;
        }
        self.head = head(self.decoded.key(self.index));
        Ok(true)
    }

    fn advance(&mut self) -> Result<bool, Error> {
        self.index += 1;
        self.entries_done += 1;
        self.settle()
    }

    fn key(&self) -> &[u8] {
        self.decoded.key(self.index)
    }

    fn compare(&self, other: &Input<I>) -> Ordering {
        self.head.cmp(&other.head).then_with(|| self.key().cmp(other.key()))
    }
}

/// The first 8 bytes of a key, and zeros where it is shorter.
fn head(key: &[u8]) -> u64 {
    match key.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..key.len()].copy_from_slice(key);
            u64::from_be_bytes(bytes)
        }
    }
}

impl<I: Io + Clone> Merge<I> {
    /// Prepares the merge of `inputs`, all of one layout, into a new table at `path`.
    ///
    /// # Errors
    /// [`Error::InputCount`], [`Error::LayoutsDiffer`]; what reading a first block or creating a table may give.
    pub fn start(io: &I, path: &str, inputs: &[Arc<Table<I>>], about: [u8; 16]) -> Result<Merge<I>, Error> {
        let Some(first) = inputs.first().filter(|_| inputs.len() <= MERGE_INPUTS_MAX) else {
            return Err(Error::InputCount { found: inputs.len() });
        };
        if let Some(other) = inputs.iter().find(|other| other.layout() != first.layout()) {
            return Err(Error::LayoutsDiffer { left: first.path().to_owned(), right: other.path().to_owned() });
        }
        let prefix_count_max = inputs.iter().map(|table| table.prefix_count()).sum();
        let mut merge = Merge {
            writer: Writer::create(io, path, first.layout(), about, prefix_count_max)?,
            inputs: inputs.iter().cloned().map(Input::new).collect(),
            heap: Vec::new(),
            last: Vec::new(),
            last_input: 0,
            entries_done: 0,
            entries_total: inputs.iter().map(|table| table.entry_count()).sum(),
            superseded: |_| false,
            done: None,
        };
        for (number, input) in merge.inputs.iter_mut().enumerate() {
            if input.settle()? {
                merge.heap.push(number);
            }
        }
        for position in (0..merge.heap.len() / 2).rev() {
            merge.sink(position);
        }
        Ok(merge)
    }
}

impl<I: Io> Merge<I> {
    /// For keys of which `superseded` says so, the value in the last of the inputs that has the key is taken instead of a
    /// conflict.
    #[must_use]
    pub fn superseding(mut self, superseded: fn(&[u8]) -> bool) -> Merge<I> {
        self.superseded = superseded;
        self
    }

    /// Goes on for at most `entries_max` entries of the inputs. When none are left, the step writes index and filter and
    /// makes the table durable, which takes longer than others. Once done, it stays done.
    ///
    /// Entries that stand in several tables with one value stand once in the new one.
    ///
    /// # Errors
    /// [`Error::Conflict`] when two tables have different values for a key, see [`Merge::superseding`]; what reading and writing may give. After an
    /// error every later step is [`Error::Stopped`].
    pub fn step(&mut self, entries_max: u64) -> Result<Progress, Error> {
        if let Some(summary) = self.done {
            return Ok(Progress::Done(summary));
        }
        self.writer.check_writing()?;
        for _ in 0..entries_max {
            let Some(number) = self.heap.first().copied() else { break };
            if let Err(error) = self.take(number) {
                self.writer.stop();
                return Err(error);
            }
            self.entries_done += 1;
        }
        if self.heap.is_empty() {
            let summary = self.writer.complete()?;
            self.done = Some(summary);
            return Ok(Progress::Done(summary));
        }
        Ok(Progress::Working { entries_done: self.entries_done, entries_total: self.entries_total })
    }

    /// Writes the next entry, which is that of the input at the top of the heap, and moves the input on.
    fn take(&mut self, number: usize) -> Result<(), Error> {
        let input = &mut self.inputs[number];
        let key_bytes = input.table.layout().key();
        let entry = input.decoded.entry(input.index);
        let (key, value) = entry.split_at(key_bytes);
        if self.last.is_empty() || *key != self.last[..key_bytes] {
            self.writer.push(key, value)?;
            self.last.clear();
            self.last.extend_from_slice(entry);
            self.last_input = number;
        } else if *value != self.last[key_bytes..] && !(self.superseded)(key) {
            let key = hex(key);
            let [left, right] = [self.last_input, number].map(|number| self.inputs[number].table.path().to_owned());
            return Err(Error::Conflict { left, right, key });
        }
        if !input.advance()? {
            self.heap.swap_remove(0);
        }
        self.sink(0);
        Ok(())
    }

    /// Whether an input's next entry is taken before another's: of entries with one key, that of the last input.
    fn comes_before(&self, number: usize, other: usize) -> bool {
        match self.inputs[number].compare(&self.inputs[other]) {
            Ordering::Less => true,
            Ordering::Equal => number > other,
            Ordering::Greater => false,
        }
    }

    /// Moves the input at a position of the heap down to where it belongs.
    fn sink(&mut self, mut position: usize) {
        loop {
            let mut least = position;
            for child in [2 * position + 1, 2 * position + 2] {
                if child < self.heap.len() && self.comes_before(self.heap[child], self.heap[least]) {
                    least = child;
                }
            }
            if least == position {
                return;
            }
            self.heap.swap(position, least);
            position = least;
        }
    }

    /// How much memory the merge takes besides its inputs' own, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let inputs: u64 = self.inputs.iter().map(|input| wide(input.bytes.capacity()) + input.decoded.memory_bytes()).sum();
        inputs + self.writer.memory_bytes()
    }
}
