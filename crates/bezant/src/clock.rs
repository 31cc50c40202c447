//! Wall and monotonic time, and how far they drift apart. The only place that reads a clock.

use base::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A forward jump of the wall clock against the monotonic one that suspends expiries: 5 s.
pub const JUMP_NS_MAX: u64 = 5_000_000_000;

/// What a look at the clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Wall time.
    pub wall: Timestamp,
    /// By how much the wall clock ran ahead of the monotonic one since the last look, when by more than
    /// [`JUMP_NS_MAX`].
    pub jump_ns: Option<u64>,
}

/// Compares the two clocks from look to look.
#[derive(Debug)]
pub struct Clock {
    last: Option<(Timestamp, Instant)>,
}

impl Clock {
    /// A clock that has not been looked at.
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// Looks at both clocks.
    pub fn read(&mut self) -> Reading {
        self.read_at(Self::wall(), Instant::now())
    }

    /// Looks at the wall clock alone.
    pub fn wall() -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ns(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
    }

    fn read_at(&mut self, wall: Timestamp, monotonic: Instant) -> Reading {
        let jump_ns = self.last.and_then(|(wall_before, monotonic_before)| {
            let elapsed = monotonic.saturating_duration_since(monotonic_before).as_nanos();
            let elapsed_ns = u64::try_from(elapsed).unwrap_or(u64::MAX);
            let ahead_ns = wall.since_ns(wall_before).saturating_sub(elapsed_ns);
            (ahead_ns > JUMP_NS_MAX).then_some(ahead_ns)
        });
        self.last = Some((wall, monotonic));
        Reading { wall, jump_ns }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, JUMP_NS_MAX};
    use base::Timestamp;
    use std::time::{Duration, Instant};

    #[test]
    fn only_a_forward_jump_against_the_monotonic_clock_is_reported() {
        let start = Instant::now();
        let wall = Timestamp::from_s(1_000);
        for (wall_later_ns, elapsed_s, expected) in [
            (3_600_000_000_000, 3_600, None),
            (JUMP_NS_MAX, 0, None),
            (JUMP_NS_MAX + 1, 0, Some(JUMP_NS_MAX + 1)),
            (7_200_000_000_000, 3_600, Some(3_600_000_000_000)),
            (0, 10, None),
        ] {
            let mut clock = Clock::new();
            assert_eq!(clock.read_at(wall, start).jump_ns, None);
            let reading = clock.read_at(wall.plus_ns(wall_later_ns), start + Duration::from_secs(elapsed_s));
            assert_eq!(reading.jump_ns, expected);
        }
    }
}
