//! From an id to the place of its record: a hash table with open addressing that holds places, not records.
//!
//! An entry is 8 bytes: a fragment of the id's hash, and the place. The fragment alone says where the entry belongs, so the
//! table grows without reading records, and tells almost every other id apart before a record is read. Deterministic: the
//! same calls with the same key give the same table, and nothing that a caller sees depends on its layout.

/// An entry that is none; real ones store their place plus one.
const EMPTY: u64 = 0;

/// The fewest slots, so that a small table needs no growing.
const SLOT_BITS_MIN: u32 = 4;

/// The most slots: the fragment of 32 bits must tell them apart, and a place plus one must fit 32 bits.
const SLOT_BITS_MAX: u32 = 31;

/// A table with fewer entries than one in this many slots is cleared entry by entry.
const SLOTS_PER_ENTRY_SPARSE: usize = 16;

/// Where records are, by id. The records themselves belong to the caller, who compares their ids.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    slots: Vec<u64>,
    slot_bits: u32,
    count: usize,
    multipliers: [u64; 2],
}

impl Index {
    /// An empty index whose layout depends on `key`: who does not know it cannot choose ids that collide.
    pub(crate) fn new(key: u64) -> Self {
        // Any odd constants; these are the fraction bits of the golden ratio and of the square root of two.
        let first = fold(key ^ 0x9e37_79b9_7f4a_7c15, 0x6a09_e667_f3bc_c909) | 1;
        let second = fold(first ^ key, 0x9e37_79b9_7f4a_7c15) | 1;
        Self { slots: vec![EMPTY; 1 << SLOT_BITS_MIN], slot_bits: SLOT_BITS_MIN, count: 0, multipliers: [first, second] }
    }

    /// The place of `id`, where `is_at` says whether the record at a place has that id.
    #[inline]
    pub(crate) fn find(&self, id: u128, is_at: impl Fn(u32) -> bool) -> Option<u32> {
        let fragment = self.fragment(id);
        let mut at = self.home(fragment);
        loop {
            let entry = self.slots[at];
            if entry == EMPTY {
                return None;
            }
            if fragment_of(entry) == fragment && is_at(place_of(entry)) {
                return Some(place_of(entry));
            }
            at = self.after(at);
        }
    }

    /// Reads the slot where the search for `id` begins. Returns what is there, so that it is read.
    #[inline]
    pub(crate) fn read(&self, id: u128) -> u64 {
        self.slots[self.home(self.fragment(id))]
    }

    /// Adds an id that is not there.
    #[inline]
    pub(crate) fn insert(&mut self, id: u128, place: u32) {
        // At most half full, so that a search ends after a slot or two.
        if (self.count + 1) * 2 > self.slots.len() {
            self.grow();
        }
        self.put(entry(self.fragment(id), place));
        self.count += 1;
    }

    /// Takes out an id that is there, and closes the gap.
    pub(crate) fn remove(&mut self, id: u128, place: u32) {
        let mut gap = self.slot(id, place);
        let mut at = self.after(gap);
        while self.slots[at] != EMPTY {
            let home = self.home(fragment_of(self.slots[at]));
            // An entry may move back to the gap unless it would pass its home.
            if self.distance(home, at) >= self.distance(gap, at) {
                self.slots[gap] = self.slots[at];
                gap = at;
            }
            at = self.after(at);
        }
        self.slots[gap] = EMPTY;
        self.count -= 1;
    }

    /// Notes that the record of `id` moved.
    pub(crate) fn relocate(&mut self, id: u128, from: u32, to: u32) {
        let slot = self.slot(id, from);
        self.slots[slot] = entry(self.fragment(id), to);
    }

    /// Takes out all entries, which the caller names; the time depends on their number, not on the most there ever were.
    pub(crate) fn clear(&mut self, entries: impl ExactSizeIterator<Item = (u128, u32)>) {
        assert_eq!(entries.len(), self.count, "an index is cleared of all its entries");
        if self.count * SLOTS_PER_ENTRY_SPARSE < self.slots.len() {
            entries.for_each(|(id, place)| self.remove(id, place));
        } else {
            self.slots.fill(EMPTY);
            self.count = 0;
        }
    }

    fn slot(&self, id: u128, place: u32) -> usize {
        let sought = entry(self.fragment(id), place);
        let mut at = self.home(fragment_of(sought));
        while self.slots[at] != sought {
            assert_ne!(self.slots[at], EMPTY, "id {id} is not in the index");
            at = self.after(at);
        }
        at
    }

    fn put(&mut self, entry: u64) {
        let mut at = self.home(fragment_of(entry));
        while self.slots[at] != EMPTY {
            at = self.after(at);
        }
        self.slots[at] = entry;
    }

    #[cold]
    fn grow(&mut self) {
        assert!(self.slot_bits < SLOT_BITS_MAX, "an index of {} entries cannot grow", self.count);
        self.slot_bits += 1;
        let slots = std::mem::replace(&mut self.slots, vec![EMPTY; 1 << self.slot_bits]);
        slots.into_iter().filter(|entry| *entry != EMPTY).for_each(|entry| self.put(entry));
    }

    #[inline]
    fn fragment(&self, id: u128) -> u32 {
        let low = low_half(id);
        let high = low_half(id >> 64);
        let [first, second] = self.multipliers;
        let hash = fold(fold(low ^ second, first) ^ high, second);
        u32::try_from(hash >> 32).expect("32 bits are left")
    }

    /// Where an entry belongs if there is room: the first bits of its fragment, so that growing keeps the order.
    #[inline]
    fn home(&self, fragment: u32) -> usize {
        usize::try_from(fragment >> (u32::BITS - self.slot_bits)).expect("a slot's number fits")
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    /// How many steps lead from one slot to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.slots.len() - 1)
    }
}

#[inline]
fn entry(fragment: u32, place: u32) -> u64 {
    u64::from(fragment) << 32 | (u64::from(place) + 1)
}

#[inline]
fn fragment_of(entry: u64) -> u32 {
    u32::try_from(entry >> 32).expect("32 bits are left")
}

#[inline]
fn place_of(entry: u64) -> u32 {
    u32::try_from(entry & u64::from(u32::MAX)).expect("32 bits are left") - 1
}

#[inline]
fn low_half(wide: u128) -> u64 {
    u64::try_from(wide & u128::from(u64::MAX)).expect("64 bits are left")
}

/// Both halves of a product, one over the other: every bit of the factors reaches every bit of the result.
#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    low_half(product) ^ low_half(product >> 64)
}

/// A place as an index of a `Vec`.
#[inline]
pub(crate) fn at(place: u32) -> usize {
    usize::try_from(place).expect("a place fits the address space")
}

/// The place of the next record of a `Vec` with `count` of them.
#[inline]
pub(crate) fn next_place(count: usize) -> u32 {
    u32::try_from(count).expect("there are fewer than 2^32 records")
}

#[cfg(test)]
mod tests {
    use super::Index;
    use std::collections::BTreeMap;

    /// Against an ordered map, through growth and closing of gaps, with ids that share halves.
    #[test]
    fn an_index_finds_what_was_put_in_and_nothing_else() {
        for key in [0, 1, u64::MAX] {
            let mut index = Index::new(key);
            let mut expected: BTreeMap<u128, u32> = BTreeMap::new();
            for step in 0..20_000_u32 {
                let id = u128::from(step.wrapping_mul(2_654_435_761) % 3_000) << (step % 3 * 50);
                match expected.remove(&id) {
                    Some(place) if step % 5 == 0 => {
                        index.relocate(id, place, step);
                        expected.insert(id, step);
                    }
                    Some(place) => index.remove(id, place),
                    None => {
                        index.insert(id, step);
                        expected.insert(id, step);
                    }
                }
                assert_eq!(index.find(id, |place| expected.get(&id) == Some(&place)), expected.get(&id).copied());
            }
            for (id, place) in &expected {
                assert_eq!(index.find(*id, |found| found == *place), Some(*place));
            }
            let entries: Vec<(u128, u32)> = expected.iter().map(|(id, place)| (*id, *place)).collect();
            index.clear(entries.iter().copied());
            assert!(entries.iter().all(|(id, _)| index.find(*id, |_| true).is_none()));
            index.insert(7, 7);
            index.clear([(7, 7)].into_iter());
            assert_eq!(index.find(7, |_| true), None);
        }
    }
}
