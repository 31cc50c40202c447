//! A Bloom filter of which one probe touches one cache line. Pure: no disk here.
//!
//! A prefix is hashed to 64 bits, which choose the line (the hash as a fraction of the number of lines), and these to
//! 64 others, of which 6 choose a bit in each of the line's 8 words. So a prefix sets 8 of 512 bits.
//!
//! While a table is written, its number of distinct prefixes is only known not to exceed a bound. The filter starts with
//! room for as many, as a number of lines that can be halved often; in the end lines *2n* and *2n + 1* are joined while
//! that leaves enough of them. The alternative, to keep the hashes until the end, takes six times the memory.
//!
//! Where a prefix belongs is a cache miss away, unlike its neighbour in the order of keys. So whoever has many, a writer or
//! a look-up of a whole batch, lets some wait until their misses can overlap.
//!
//! The hash is part of the format. It is quick, not secret: whoever may choose keys can make some that are looked for in
//! vain, and costs a read each.

use super::{FILTER_BITS_PER_PREFIX, narrow};

/// The size of a line, in bytes: a cache line.
pub(super) const LINE_BYTES: usize = 64;
const LINE_BITS: u64 = 512;

/// A new filter has at most so many lines, times a power of two.
const ODD_LINES_MAX: u64 = 127;

/// Multipliers of the hash: digits of pi.
const MIX: [u64; 4] = [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7345, 0xA409_3822_299F_31D1, 0x082E_FA98_EC4E_6C89];

/// Eight words with one bit of each prefix in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
struct Line([u64; 8]);

/// So many hashes wait until their lines are touched.
const WAITING_MAX: usize = 256;

/// The filter of a table that is being written.
pub(super) struct FilterBuilder {
    filter: Filter,
    /// Hashes whose bits are not set yet.
    waiting: Vec<u64>,
}

/// So many probes wait until their lines are touched.
const PROBES_MAX: usize = 16;

/// Numbered probes of one filter that wait for one another.
#[derive(Default)]
pub(super) struct Probes {
    count: usize,
    hashes: [u64; PROBES_MAX],
    numbers: [usize; PROBES_MAX],
}

impl Probes {
    pub(super) fn push(&mut self, number: usize, prefix: &[u8]) {
        self.hashes[self.count] = hash(prefix);
        self.numbers[self.count] = number;
        self.count += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.count == PROBES_MAX
    }
}

/// The filter of one table; without lines it contains nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    lines: Vec<Line>,
}

/// Both halves of the product, joined.
fn fold(left: u64, right: u64) -> u64 {
    let product = (u128::from(left) * u128::from(right)).to_le_bytes();
    crate::frame::u64_at(&product, 0) ^ crate::frame::u64_at(&product, 8)
}

fn hash(prefix: &[u8]) -> u64 {
    let (words, rest) = prefix.as_chunks::<8>();
    let mut state = MIX[0] ^ crate::wide(prefix.len());
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), MIX[1]);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        state = fold(state ^ u64::from_le_bytes(word), MIX[2]);
    }
    fold(state ^ MIX[3], MIX[1])
}

/// The bit of each word.
fn masks(hash: u64) -> [u64; 8] {
    let bits = fold(hash ^ MIX[0], MIX[2]);
    std::array::from_fn(|word| 1_u64 << ((bits >> (6 * word)) & 63))
}

/// The lines that so many distinct prefixes need.
fn needed_lines(prefix_count: u64) -> u64 {
    prefix_count.saturating_mul(FILTER_BITS_PER_PREFIX).div_ceil(LINE_BITS)
}

impl FilterBuilder {
    /// An empty filter for at most so many distinct prefixes.
    pub(super) fn for_prefixes(prefix_count_max: u64) -> FilterBuilder {
        let mut odd = needed_lines(prefix_count_max);
        let mut doublings = 0;
        while odd > ODD_LINES_MAX {
            odd = odd.div_ceil(2);
            doublings += 1;
        }
        let filter = Filter { lines: vec![Line([0; 8]); narrow(odd << doublings)] };
        FilterBuilder { filter, waiting: Vec::with_capacity(WAITING_MAX) }
    }

    pub(super) fn insert(&mut self, prefix: &[u8]) {
        self.waiting.push(hash(prefix));
        if self.waiting.len() == WAITING_MAX {
            self.set_bits();
        }
    }

    fn set_bits(&mut self) {
        for hash in self.waiting.drain(..) {
            let line = self.filter.line(hash);
            for (word, mask) in self.filter.lines[line].0.iter_mut().zip(masks(hash)) {
                *word |= mask;
            }
        }
    }

    /// The filter with what was inserted, made as small as `prefix_count` distinct prefixes allow.
    pub(super) fn finish(mut self, prefix_count: u64) -> Filter {
        self.set_bits();
        self.filter.shrink_to(prefix_count);
        self.filter
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.filter.memory_bytes()
    }
}

impl Filter {
    fn line(&self, hash: u64) -> usize {
        let product = u128::from(hash) * u128::from(crate::wide(self.lines.len()));
        narrow(crate::frame::u64_at(&product.to_le_bytes(), 8))
    }

    /// `false` only for what was never inserted.
    pub(super) fn may_contain(&self, prefix: &[u8]) -> bool {
        self.may_contain_hash(hash(prefix))
    }

    fn may_contain_hash(&self, hash: u64) -> bool {
        // Without lines the first one is missing, too.
        let Some(line) = self.lines.get(self.line(hash)) else {
            return false;
        };
        let missing = line.0.iter().zip(masks(hash)).fold(0, |missing, (word, mask)| missing | (!word & mask));
        missing == 0
    }

    /// Adds the numbers of those probes that may have been inserted, and leaves none waiting.
    pub(super) fn take_candidates(&self, probes: &mut Probes, numbers: &mut Vec<usize>) {
        let hashes = &probes.hashes[..probes.count];
        // These loads do not wait for one another; the probes after them find their lines in the cache.
        let mut first_words = [0; PROBES_MAX];
        for (word, hash) in first_words.iter_mut().zip(hashes) {
            *word = self.lines.get(self.line(*hash)).map_or(0, |line| line.0[0]);
        }
        for ((hash, number), word) in hashes.iter().zip(probes.numbers).zip(first_words) {
            if word & masks(*hash)[0] != 0 && self.may_contain_hash(*hash) {
                numbers.push(number);
            }
        }
        probes.count = 0;
    }

    /// Joins lines while there are twice as many as `prefix_count` distinct prefixes need.
    fn shrink_to(&mut self, prefix_count: u64) {
        let needed = narrow(needed_lines(prefix_count));
        if prefix_count == 0 {
            self.lines.clear();
        }
        while self.lines.len().is_multiple_of(2) && self.lines.len() / 2 >= needed.max(1) {
            for line in 0..self.lines.len() / 2 {
                let (left, right) = (self.lines[2 * line], self.lines[2 * line + 1]);
                self.lines[line] = Line(std::array::from_fn(|word| left.0[word] | right.0[word]));
            }
            self.lines.truncate(self.lines.len() / 2);
        }
        self.lines.shrink_to_fit();
    }

    pub(super) fn line_count(&self) -> u64 {
        crate::wide(self.lines.len())
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        crate::wide(self.lines.capacity() * LINE_BYTES)
    }

    /// Adds lines from their bytes; a rest below a line is left out.
    pub(super) fn extend_from_bytes(&mut self, bytes: &[u8]) {
        for line in bytes.as_chunks::<LINE_BYTES>().0 {
            let words = line.as_chunks::<8>().0;
            self.lines.push(Line(std::array::from_fn(|word| u64::from_le_bytes(words[word]))));
        }
    }

    pub(super) fn with_capacity(line_count: usize) -> Filter {
        Filter { lines: Vec::with_capacity(line_count) }
    }

    /// The bytes of each line, in order.
    pub(super) fn line_bytes(&self) -> impl Iterator<Item = [u8; LINE_BYTES]> {
        self.lines.iter().map(|line| {
            let mut bytes = [0; LINE_BYTES];
            for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(line.0) {
                *place = word.to_le_bytes();
            }
            bytes
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_was_made_too_large_shrinks_to_what_a_fitting_one_would_be() {
        for prefix_count in [0_u64, 1, 51, 52, 1000, 6528] {
            let mut fitting = FilterBuilder::for_prefixes(prefix_count.next_power_of_two() * 8);
            let mut large = FilterBuilder::for_prefixes(1);
            large.filter.lines = vec![Line([0; 8]); fitting.filter.lines.len() * 64];
            for number in 0..prefix_count {
                fitting.insert(&number.to_be_bytes());
                large.insert(&number.to_be_bytes());
            }
            let (fitting, large) = (fitting.finish(prefix_count), large.finish(prefix_count));
            assert_eq!(fitting, large);
            assert!((0..prefix_count).all(|number| large.may_contain(&number.to_be_bytes())));
            let bits = large.line_count() * LINE_BITS;
            assert!(bits >= prefix_count * FILTER_BITS_PER_PREFIX);
            assert!(bits <= (2 * prefix_count * FILTER_BITS_PER_PREFIX).max(ODD_LINES_MAX * LINE_BITS));
        }
    }
}
