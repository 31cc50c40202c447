//! What goes wrong in a run, planned from the seed: crashes, disk faults, snapshots and their damage, clock jumps,
//! erasures, and the provider's own faults.

use crate::clients::ARRIVALS_NS;
use crate::random::Random;
use crate::report::Checked;
use crate::world::{Event, HEAL_NS, World};
use base::time::{NS_PER_MS, NS_PER_S};
use engine::Command;
use journal::simio::{Effect, Fault, Operation};
use sandbox::stripe::{FaultKind, FaultRule};

/// A forward jump of more than this is noticed and suspends expiries, in nanoseconds.
const JUMP_NOTICED_NS: u64 = 5 * NS_PER_S;

/// Farthest jump of the wall clock forward, in seconds.
const JUMP_FORWARD_S_MAX: u64 = 7_200;
/// Farthest jump of the wall clock back, in seconds: far less than a provider remembers an idempotency key.
const JUMP_BACK_S_MAX: u64 = 600;

/// Something that goes wrong on purpose.
pub enum Chaos {
    /// The machine crashes.
    CrashMachine,
    /// The process is killed.
    KillProcess,
    /// The power fails after so many more disk operations.
    CutPower {
        /// How many still succeed.
        operations: u64,
    },
    /// A disk operation will fail.
    Disk(Fault),
    /// A snapshot is saved.
    Snapshot,
    /// A stored snapshot is damaged.
    CorruptSnapshot,
    /// The wall clock jumps.
    JumpClock {
        /// By how much, in nanoseconds.
        jump_ns: i64,
    },
    /// A subject is erased.
    Erase,
    /// The next segment is made ahead of need.
    PrepareSegment,
}

/// The plan of a run: times in nanoseconds, and what.
pub fn plan(random: &mut Random) -> Vec<(u64, Chaos)> {
    let mut chaos = vec![Chaos::CrashMachine];
    if random.chance(500) {
        chaos.push(Chaos::KillProcess);
    }
    if random.chance(800) {
        chaos.push(Chaos::CutPower { operations: random.below(40) });
    }
    for _ in 0..random.between(2, 3) {
        chaos.push(Chaos::Disk(disk_fault(random)));
    }
    chaos.extend((0..random.between(2, 4)).map(|_| Chaos::Snapshot));
    chaos.extend((0..random.below(3)).map(|_| Chaos::CorruptSnapshot));
    chaos.extend((0..random.between(1, 3)).map(|_| Chaos::Erase));
    chaos.extend((0..random.below(4)).map(|_| Chaos::PrepareSegment));
    if random.chance(500) {
        chaos.push(Chaos::JumpClock { jump_ns: seconds(random.between(1, JUMP_FORWARD_S_MAX)) });
    }
    if random.chance(350) {
        chaos.push(Chaos::JumpClock { jump_ns: -seconds(random.between(1, JUMP_BACK_S_MAX)) });
    }
    let mut plan: Vec<(u64, Chaos)> =
        chaos.into_iter().map(|chaos| (random.between(2 * NS_PER_S, HEAL_NS - 20 * NS_PER_S), chaos)).collect();
    for _ in 0..random.below(3) {
        // In the middle of an append while many orders come in: what was written and not synced is torn.
        let calls_before = random.below(3);
        let fault = Fault { operation: Operation::Sync, path_part: Some("journal".into()), calls_before, effect: Effect::PowerCut };
        plan.push((random.between(2 * NS_PER_S, ARRIVALS_NS), Chaos::Disk(fault)));
    }
    plan
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds * NS_PER_S).expect("jumps are limited")
}

fn disk_fault(random: &mut Random) -> Fault {
    let (operation, path_part, effect) = *random.pick(&[
        (Operation::Write, "journal", Effect::InputOutputError),
        (Operation::Write, "keys", Effect::InputOutputError),
        (Operation::Write, "snapshots", Effect::InputOutputError),
        (Operation::Sync, "journal", Effect::InputOutputError),
        (Operation::Sync, "keys", Effect::InputOutputError),
        (Operation::Sync, "snapshots", Effect::InputOutputError),
        (Operation::Write, "journal", Effect::NoSpace),
        (Operation::Write, "keys", Effect::NoSpace),
        (Operation::Create, "", Effect::NoSpace),
        (Operation::Create, "", Effect::InputOutputError),
        (Operation::SyncDir, "", Effect::InputOutputError),
        (Operation::Rename, "", Effect::InputOutputError),
        (Operation::Read, "", Effect::InputOutputError),
        (Operation::Sync, "journal", Effect::PowerCut),
        (Operation::Sync, "keys", Effect::PowerCut),
        (Operation::Write, "journal", Effect::PowerCut),
        (Operation::SyncDir, "", Effect::PowerCut),
        (Operation::SyncDir, "", Effect::PowerCut),
        (Operation::Rename, "", Effect::PowerCut),
    ]);
    let path_part = (!path_part.is_empty()).then(|| path_part.to_owned());
    Fault { operation, path_part, calls_before: random.below(6), effect }
}

/// The provider's faults: every kind, each with a small chance per request.
pub fn provider_faults(random: &mut Random) -> Vec<FaultRule> {
    FaultKind::ALL
        .into_iter()
        .map(|kind| {
            let mut rule = FaultRule::always(kind);
            rule.probability_ppm = u32::try_from(random.between(4_000, 16_000)).unwrap_or(0);
            match kind {
                FaultKind::Latency => {
                    rule.latency_ms = Some(500);
                    rule.latency_spread_ms = 29_000;
                }
                FaultKind::LateEffect => {
                    rule.latency_ms = Some(200);
                    rule.latency_spread_ms = 90_000;
                }
                _ => {}
            }
            rule
        })
        .collect()
}

impl World {
    /// Something goes wrong now.
    ///
    /// # Errors
    /// A promise is broken.
    pub(crate) fn strike(&mut self, chaos: Chaos) -> Checked {
        match chaos {
            Chaos::CrashMachine => self.crash_machine(),
            Chaos::KillProcess => self.kill_process(),
            Chaos::CutPower { operations } => self.platform.io.cut_power_after(operations),
            Chaos::Disk(fault) => {
                self.trace.line(self.now_ns, format_args!("disk fault ahead: {fault:?}"));
                self.platform.io.schedule(fault);
            }
            Chaos::Snapshot => self.save_snapshot(),
            Chaos::CorruptSnapshot => self.corrupt_snapshot(),
            Chaos::JumpClock { jump_ns } => self.jump_clock(jump_ns),
            Chaos::Erase => self.erase(),
            Chaos::PrepareSegment => {
                if let Some(running) = &self.platform.running {
                    let made = running.prepare_segment().is_ok();
                    self.trace.line(self.now_ns, format_args!("segment prepared: {made}"));
                }
            }
        }
        Ok(())
    }

    /// Saves a snapshot if the state is what the journal holds, else a little later.
    fn save_snapshot(&mut self) {
        let Some(running) = &mut self.platform.running else { return };
        if !running.is_quiet() {
            return self.after(3 * NS_PER_MS, Event::Chaos(Chaos::Snapshot));
        }
        match running.save_snapshot() {
            Ok(seq) => self.trace.line(self.now_ns, format_args!("snapshot saved before {seq}")),
            Err(error) => self.trace.line(self.now_ns, format_args!("no snapshot: {error}")),
        }
    }

    fn corrupt_snapshot(&mut self) {
        let Ok(stored) = journal::list_snapshots(&self.platform.io) else { return };
        if stored.is_empty() {
            return self.after(10 * NS_PER_S, Event::Chaos(Chaos::Snapshot));
        }
        let snapshot = *self.random.pick(&stored);
        let path = format!("snapshots/{:020}.snap", snapshot.next_seq);
        let offset = self.random.below(8_000);
        let mask = u8::try_from(1_u64 << self.random.below(8)).unwrap_or(1);
        if self.platform.io.flip_bits(&path, offset, mask) {
            self.counters.count("disk: snapshot corrupted");
            self.trace.line(self.now_ns, format_args!("snapshot before {} damaged at {offset}", snapshot.next_seq));
        }
    }

    fn jump_clock(&mut self, jump_ns: i64) {
        self.platform.wall_offset_ns += jump_ns;
        self.counters.count(if jump_ns > 0 { "clock: jump forward" } else { "clock: jump back" });
        self.trace.line(self.now_ns, format_args!("clock jumps by {jump_ns}"));
        let ahead_ns = u64::try_from(jump_ns).unwrap_or(0);
        if ahead_ns > JUMP_NOTICED_NS && self.platform.running.is_some() {
            self.submit(Command::ReportClockJump { jump_ns: ahead_ns });
            let after_ns = self.random.between(5, 60) * NS_PER_S;
            self.after(after_ns, Event::ConfirmClock);
        }
    }

    fn erase(&mut self) {
        let count = self.clients.orders.len();
        let subject = self.clients.orders[self.random.index(count)].subject;
        self.trace.line(self.now_ns, format_args!("erasing {subject}"));
        self.submit_erasure(subject);
    }
}
