//! How a thread that takes messages is woken: at once when it has nothing to do, and not at all for what could not be done yet
//! anyway. To be woken for every message would cost more than to take them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering, fence};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// So many messages are worth waking a busy thread for.
const EAGER_COUNT: usize = 32;

const AWAKE: u8 = 0;
const IDLE: u8 = 1;
const BUSY: u8 = 2;

/// What a sleeping thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// Any message.
    Idle,
    /// An urgent message, or many.
    Busy,
}

/// The bell of one thread. Messages are put where it finds them before it is rung.
#[derive(Debug, Default)]
pub struct Bell {
    state: AtomicU8,
    rung_count: AtomicUsize,
    thread: OnceLock<Thread>,
}

impl Bell {
    /// Says that there is a message.
    pub fn ring(&self) {
        // Against `sleep`: either this sees the state that was set there, or the look there finds the message.
        fence(Ordering::SeqCst);
        let wakes = match self.state.load(Ordering::SeqCst) {
            IDLE => true,
            BUSY => self.rung_count.fetch_add(1, Ordering::Relaxed) + 1 >= EAGER_COUNT,
            _ => false,
        };
        if wakes {
            self.wake();
        }
    }

    /// Says that there is an urgent message.
    pub fn ring_urgently(&self) {
        fence(Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        if self.state.swap(AWAKE, Ordering::SeqCst) != AWAKE {
            self.thread.get().inspect(|thread| thread.unpark());
        }
    }

    /// Sleeps until `look` finds a message or the time is up; a ring for a message that was taken before wakes nobody. Called by
    /// one thread only.
    pub fn sleep<M>(&self, sleep: Sleep, patience: Duration, mut look: impl FnMut() -> Option<M>) -> Option<M> {
        self.thread.get_or_init(thread::current);
        let until = Instant::now() + patience;
        self.rung_count.store(0, Ordering::Relaxed);
        let found = loop {
            self.state.store(if sleep == Sleep::Busy { BUSY } else { IDLE }, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            let found = look();
            let left = until.saturating_duration_since(Instant::now());
            if found.is_some() || left.is_zero() {
                break found;
            }
            if self.state.load(Ordering::SeqCst) != AWAKE {
                thread::park_timeout(left);
            }
        };
        self.state.store(AWAKE, Ordering::SeqCst);
        found
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Bell, EAGER_COUNT, Sleep};
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn what_is_there_already_is_found_without_sleeping_and_a_wait_that_is_over_finds_nothing() {
        let (sender, receiver) = channel();
        let bell = Bell::default();
        for sleep in [Sleep::Idle, Sleep::Busy] {
            sender.send(7).unwrap(); // nobody rang
            assert_eq!(bell.sleep(sleep, LONG, || receiver.try_recv().ok()), Some(7));
            assert_eq!(bell.sleep(sleep, Duration::ZERO, || receiver.try_recv().ok()), None);
        }
    }

    #[test]
    fn no_message_is_slept_through_whenever_it_comes() {
        let (sender, receiver) = channel();
        let bell = Arc::new(Bell::default());
        let ringing = {
            let bell = Arc::clone(&bell);
            std::thread::spawn(move || {
                for number in 0..100_000 {
                    sender.send(number).unwrap();
                    bell.ring();
                }
            })
        };
        for number in 0..100_000 {
            let next = receiver.try_recv().ok().or_else(|| bell.sleep(Sleep::Idle, LONG, || receiver.try_recv().ok()));
            assert_eq!(next, Some(number));
        }
        ringing.join().unwrap();
    }

    #[test]
    fn a_busy_thread_is_woken_by_what_is_urgent_or_by_many() {
        let (sender, receiver) = channel();
        let bell = Arc::new(Bell::default());
        let ringing = {
            let bell = Arc::clone(&bell);
            std::thread::spawn(move || {
                for round in 0..10_000 {
                    for _ in 0..EAGER_COUNT {
                        sender.send(round).unwrap();
                        bell.ring();
                    }
                    sender.send(-1).unwrap();
                    bell.ring_urgently();
                }
            })
        };
        let mut taken = 0;
        while taken < 10_000 * (EAGER_COUNT + 1) {
            let found = bell.sleep(Sleep::Busy, LONG, || receiver.try_recv().ok());
            assert!(found.is_some(), "woken for something");
            taken += 1 + receiver.try_iter().count();
        }
        ringing.join().unwrap();
    }
}
