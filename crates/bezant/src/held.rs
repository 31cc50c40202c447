//! Bookings on merchants' own ledgers that came while the index of their history is behind: as many keys as may be in memory are
//! there, and wait to be written. They wait here until it has caught up, and are shed when that takes too long.
//!
//! Whoever decides never waits for the index, and only what adds to history by a client's wish is held: payments go on, and so does
//! what must happen, such as expiries. To shed at once would turn a bulk load that is a little faster than the index into one that
//! comes and goes by seconds; to hold for longer would leave clients without an answer while a disk is full.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most bookings that are held.
const HELD_MAX: usize = 256;
/// For how long one is held: an index that can be written catches up by a generation sooner.
const HELD_FOR: Duration = Duration::from_secs(2);

/// What is held, oldest first.
#[derive(Debug)]
pub struct Held<T> {
    waiting: VecDeque<(Instant, T)>,
}

impl<T> Held<T> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { waiting: VecDeque::new() }
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Holds something from `now` on; what there is no room for comes back.
    pub fn hold(&mut self, now: Instant, what: T) -> Option<T> {
        if self.waiting.len() >= HELD_MAX {
            return Some(what);
        }
        self.waiting.push_back((now, what));
        None
    }

    /// What was held the longest.
    pub fn front(&self) -> Option<&T> {
        self.waiting.front().map(|(_, what)| what)
    }

    /// Takes what was held the longest.
    pub fn take(&mut self) -> Option<T> {
        self.waiting.pop_front().map(|(_, what)| what)
    }

    /// Takes something that was held for too long, if anything was.
    pub fn take_overdue(&mut self, now: Instant) -> Option<T> {
        let overdue = self.waiting.pop_front_if(|(since, _)| now.saturating_duration_since(*since) >= HELD_FOR)?;
        Some(overdue.1)
    }
}

#[cfg(test)]
mod tests {
    use super::{HELD_FOR, HELD_MAX, Held};
    use std::time::{Duration, Instant};

    #[test]
    fn what_is_held_comes_back_in_order_and_when_it_is_overdue() {
        let (mut held, start) = (Held::new(), Instant::now());
        let later = start + Duration::from_millis(1);
        assert_eq!([held.hold(start, 1), held.hold(start, 2), held.hold(later, 3)], [None, None, None]);
        assert_eq!((held.front().copied(), held.take()), (Some(1), Some(1)));
        assert_eq!(held.take_overdue(start + HELD_FOR - Duration::from_nanos(1)), None);
        assert_eq!([held.take_overdue(start + HELD_FOR), held.take_overdue(start + HELD_FOR)], [Some(2), None]);
        assert_eq!(held.take_overdue(later + HELD_FOR), Some(3));
        assert!(held.is_empty());
    }

    #[test]
    fn no_more_is_held_than_may_be() {
        let (mut held, now) = (Held::new(), Instant::now());
        assert!((0..HELD_MAX).all(|number| held.hold(now, number).is_none()));
        assert_eq!(held.hold(now, HELD_MAX), Some(HELD_MAX));
        held.take();
        assert_eq!(held.hold(now, HELD_MAX), None);
    }
}
