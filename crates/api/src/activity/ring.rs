//! Equal stretches of time side by side, the oldest overwritten by the newest: memory that does not grow with time.

use base::Timestamp;

/// The last so many stretches of time, each with a value.
#[derive(Clone, Debug)]
pub(crate) struct Ring<T> {
    slot_s: u64,
    /// Which stretch since 1970 the slot holds, and its value. A slot that holds an older stretch counts as empty.
    slots: Vec<(u64, T)>,
}

impl<T: Default> Ring<T> {
    /// `count` stretches of `slot_s` seconds each, all empty.
    pub(crate) fn new(slot_s: u64, count: usize) -> Self {
        assert!(slot_s > 0 && count > 0, "a ring has room");
        Self { slot_s, slots: (0..count).map(|_| (0, T::default())).collect() }
    }

    /// The value of the stretch that `at` falls into, emptied if it was of an earlier round; `None` when `at` is older than
    /// the whole ring.
    pub(crate) fn slot(&mut self, at: Timestamp) -> Option<&mut T> {
        let number = at.s() / self.slot_s;
        let place = self.place(number);
        let (held, value) = &mut self.slots[place];
        if *held > number {
            return None;
        }
        if *held < number {
            (*held, *value) = (number, T::default());
        }
        Some(value)
    }

    /// The stretch that began at `at_s` seconds since 1970, when something happened in it.
    pub(crate) fn at(&self, at_s: u64) -> Option<&T> {
        let number = at_s / self.slot_s;
        let (held, value) = &self.slots[self.place(number)];
        (*held == number).then_some(value)
    }

    /// The values of the stretches that begin from `from_s` until before `until_s`, oldest first; empty ones are left out. No
    /// more are looked at than the ring has.
    pub(crate) fn between(&self, from_s: u64, until_s: u64) -> impl Iterator<Item = &T> {
        let until = until_s.div_ceil(self.slot_s);
        let most = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        let from = from_s.div_ceil(self.slot_s).max(until.saturating_sub(most));
        (from..until).filter_map(|number| self.at(number * self.slot_s))
    }

    fn place(&self, number: u64) -> usize {
        let count = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        usize::try_from(number % count).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;
    use base::Timestamp;

    fn ring(at_s: &[u64]) -> Ring<u32> {
        let mut ring = Ring::new(10, 6);
        for at_s in at_s {
            if let Some(count) = ring.slot(Timestamp::from_s(*at_s)) {
                *count += 1;
            }
        }
        ring
    }

    #[test]
    fn a_stretch_counts_what_falls_into_it_and_nothing_of_another_round() {
        let counted = ring(&[1_000, 1_009, 1_010, 1_059, 1_060]);
        let values = |from_s, until_s| counted.between(from_s, until_s).copied().collect::<Vec<_>>();
        assert_eq!(counted.at(1_000), None, "1,060 took its place");
        assert_eq!((counted.at(1_010), counted.at(1_019), counted.at(1_020)), (Some(&1), Some(&1), None));
        assert_eq!(values(1_000, 1_070), [1, 1, 1]);
        assert_eq!(values(1_020, 1_060), [1]);
        assert_eq!(values(0, u64::MAX), Vec::<u32>::new(), "as many as the ring has, the newest");
        assert_eq!(values(1_070, 1_010), Vec::<u32>::new());
    }

    #[test]
    fn what_is_older_than_the_ring_is_not_counted_as_new() {
        let counted = ring(&[1_060, 1_000, 1_061]);
        assert_eq!(counted.at(1_060), Some(&2));
        assert_eq!(counted.at(1_000), None);
    }
}
