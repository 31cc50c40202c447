//! The world of one seed: simulated time, what happens next, who is struck by which fault, crashes and restarts. One
//! thread, one source of chance, no clock.

use crate::chaos::{Chaos, plan};
use crate::clients::{Clients, Heard, MERCHANTS_COUNT, merchant};
use crate::judge::{Judge, View};
use crate::network::Flight;
use crate::platform::{EPOCH_NS, HandedOver, Platform, Token};
use crate::random::Random;
use crate::report::{Broken, Checked, Counters, Report, Rule, Trace, Violation, violated};
use base::PaymentId;
use base::time::{NS_PER_MS, NS_PER_S};
use bezant::partition::{Answer, Round};
use engine::event::VERSION_MAX;
use engine::{Command, OutcomeReport};
use sandbox::stripe::{Config, FaultKind, Stripe};
use std::collections::BTreeMap;

/// When the faults stop, in nanoseconds of simulated time.
pub const HEAL_NS: u64 = 200 * NS_PER_S;
const HOUR_NS: u64 = 3_600 * NS_PER_S;
/// By then everything unknown is resolved or parked.
const CHECKPOINT_NS: u64 = HEAL_NS + 30 * HOUR_NS;
/// By then holds have expired, money was released and refunds are trusted.
const END_NS: u64 = HEAL_NS + 11 * 24 * HOUR_NS;
/// Payments that a run must have.
const PAYMENTS_MIN: u64 = 200;
/// Faults that a run must have.
const FAULTS_MIN: u64 = 10;
/// Starts in a row that may fail because of scheduled faults.
const STARTS_FAILED_MAX: u32 = 12;

/// What happens at some time.
pub enum Event {
    /// A client does its next step.
    OrderStep {
        /// Whose.
        order: usize,
        /// A later plan overtakes an earlier one.
        generation: u64,
    },
    /// A request reaches the platform.
    RequestArrives {
        /// Which.
        request: usize,
    },
    /// An answer reaches its client.
    AnswerArrives {
        /// To which request.
        request: usize,
        /// What.
        heard: Heard,
    },
    /// A look at a payment reaches the platform.
    LookArrives {
        /// Whose.
        order: usize,
        /// At what.
        payment: PaymentId,
    },
    /// What a look saw reaches its client.
    ViewArrives {
        /// Whose.
        order: usize,
        /// What.
        view: Box<View>,
    },
    /// A customer ends a challenge.
    CustomerActs {
        /// The provider's payment.
        intent: String,
        /// Whether it is passed.
        passes: bool,
    },
    /// A send reaches the provider.
    FlightArrives(Box<Flight>),
    /// A send is over.
    FlightEnds {
        /// The process that made it.
        incarnation: u64,
        /// What it came to.
        report: Box<OutcomeReport>,
    },
    /// The append under way returns.
    AppendReturns {
        /// Of which process.
        incarnation: u64,
    },
    /// Nothing followed the last batch for a while.
    SealDue {
        /// Of which process.
        incarnation: u64,
        /// As many appends as when it was planned.
        appends: u64,
    },
    /// Something falls due in the platform.
    Wake {
        /// Of which process.
        incarnation: u64,
    },
    /// Something falls due at the provider.
    ProviderWakes,
    /// A process starts.
    Start,
    /// Something goes wrong on purpose.
    Chaos(Chaos),
    /// An operator says that the clock is right.
    ConfirmClock,
    /// All faults stop.
    Heal,
    /// Charges and open effects are compared.
    Checkpoint,
}

/// Everything of one run.
pub struct World {
    pub(crate) random: Random,
    pub(crate) now_ns: u64,
    pub(crate) trace: Trace,
    pub(crate) counters: Counters,
    pub(crate) broken: Broken,
    pub(crate) platform: Platform,
    pub(crate) provider: Stripe,
    pub(crate) clients: Clients,
    pub(crate) judge: Judge,
    pub(crate) crashes_count: u64,
    pub(crate) erased_count: u64,
    is_healed: bool,
    queue: BTreeMap<(u64, u64), Event>,
    queued_count: u64,
    appends_count: u64,
    power_cuts_seen: u64,
    starts_failed: u32,
    provider_wake_ns: Option<u64>,
}

/// Runs one seed.
pub fn run(seed: u64, broken: Broken) -> Report {
    let mut world = World::new(seed, broken);
    let violation = world.run().err();
    world.finish(seed, violation)
}

impl World {
    fn new(seed: u64, broken: Broken) -> Self {
        let mut random = Random::new(seed);
        let (clients, arrivals) = Clients::new(&mut random);
        let mut world = Self {
            provider: provider(&mut random),
            random,
            now_ns: 0,
            trace: Trace::new(),
            counters: Counters::default(),
            broken,
            platform: Platform::new(),
            clients,
            judge: Judge::default(),
            crashes_count: 0,
            erased_count: 0,
            is_healed: false,
            queue: BTreeMap::new(),
            queued_count: 0,
            appends_count: 0,
            power_cuts_seen: 0,
            starts_failed: 0,
            provider_wake_ns: None,
        };
        for (order, at_ns) in arrivals.into_iter().enumerate() {
            world.order_arrives(order, at_ns);
        }
        for (at_ns, chaos) in plan(&mut world.random) {
            world.at(at_ns, Event::Chaos(chaos));
        }
        world.at(0, Event::Start);
        world.at(HEAL_NS, Event::Heal);
        world.at(CHECKPOINT_NS, Event::Checkpoint);
        world
    }

    fn at(&mut self, at_ns: u64, event: Event) {
        self.queue.insert((at_ns, self.queued_count), event);
        self.queued_count += 1;
    }

    /// Plans something.
    pub(crate) fn after(&mut self, after_ns: u64, event: Event) {
        self.at(self.now_ns + after_ns, event);
    }

    /// Whether a fault with this chance, in thousandths, strikes; counts it.
    pub(crate) fn struck(&mut self, per_mille: u64, kind: &'static str) -> bool {
        let strikes = !self.is_healed && self.random.chance(per_mille);
        if strikes {
            self.counters.count(kind);
        }
        strikes
    }

    /// True time in milliseconds since the epoch, which is the provider's.
    pub(crate) const fn provider_ms(&self) -> u64 {
        (EPOCH_NS + self.now_ns) / NS_PER_MS
    }

    fn run(&mut self) -> Checked {
        while let Some(((at_ns, _), event)) = self.queue.pop_first() {
            if at_ns > END_NS {
                break;
            }
            self.now_ns = at_ns;
            self.happen(event)?;
            self.notice_power_cut()?;
            self.pump()?;
        }
        self.final_check()
    }

    fn happen(&mut self, event: Event) -> Checked {
        match event {
            Event::OrderStep { order, generation } => self.order_step(order, generation),
            Event::RequestArrives { request } => self.request_arrives(request)?,
            Event::AnswerArrives { request, heard } => self.answer_arrives(request, heard),
            Event::LookArrives { order, payment } => self.look_arrives(order, payment),
            Event::ViewArrives { order, view } => self.order_sees(order, &view),
            Event::CustomerActs { intent, passes } => self.customer_acts(&intent, passes),
            Event::FlightArrives(flight) => self.flight_arrives(&flight),
            Event::FlightEnds { incarnation, report } => self.flight_ends(incarnation, *report),
            Event::AppendReturns { incarnation } => self.append_returns(incarnation)?,
            Event::SealDue { incarnation, appends } => self.seal_due(incarnation, appends)?,
            Event::Wake { incarnation } => {
                let current = incarnation == self.platform.incarnation;
                // An earlier plan overtook every other one.
                if let Some(running) = self.platform.running.as_mut().filter(|running| current && running.wake_at_ns == Some(self.now_ns)) {
                    running.wake_at_ns = None;
                }
            }
            Event::ProviderWakes => {
                if self.provider_wake_ns == Some(self.now_ns) {
                    self.provider_wake_ns = None;
                }
                let now_ms = self.provider_ms();
                self.provider.advance_to(now_ms);
                self.wake_provider();
            }
            Event::Start => self.start()?,
            Event::Chaos(chaos) => self.strike(chaos)?,
            Event::ConfirmClock => self.submit(Command::ConfirmClock),
            Event::Heal => self.heal(),
            Event::Checkpoint => {
                if let Some(state) = self.platform.state() {
                    self.judge.check_charges(state, &self.provider.truth())?;
                }
            }
        }
        Ok(())
    }

    /// Lets the platform do what it can do now.
    fn pump(&mut self) -> Checked {
        loop {
            self.platform.decide(self.now_ns)?;
            let Some(running) = &mut self.platform.running else { return Ok(()) };
            match running.hand_over() {
                HandedOver::Nothing => break,
                HandedOver::Answers(round) => self.release(round)?,
                HandedOver::Append => {
                    self.appends_count += 1;
                    let after_ns = self.random.between(200, 6_000) * 1_000;
                    let incarnation = self.platform.incarnation;
                    self.after(after_ns, Event::AppendReturns { incarnation });
                    self.notice_power_cut()?;
                    break;
                }
            }
        }
        self.plan_wake();
        Ok(())
    }

    fn plan_wake(&mut self) {
        let Some(due_ns) = self.platform.due_at_ns(self.now_ns) else { return };
        let incarnation = self.platform.incarnation;
        let Some(running) = &mut self.platform.running else { return };
        if due_ns <= self.now_ns && running.is_writing() {
            return; // the round is full; it goes on when the append returns
        }
        let at_ns = due_ns.max(self.now_ns + 1);
        if running.wake_at_ns.is_none_or(|planned_ns| planned_ns > at_ns) {
            running.wake_at_ns = Some(at_ns);
            self.at(at_ns, Event::Wake { incarnation });
        }
    }

    /// The provider's own timers run at their time.
    pub(crate) fn wake_provider(&mut self) {
        let Some(due_ms) = self.provider.next_due_ms() else { return };
        let at_ns = (due_ms * NS_PER_MS).saturating_sub(EPOCH_NS).max(self.now_ns);
        if self.provider_wake_ns.is_none_or(|planned_ns| planned_ns > at_ns) {
            self.provider_wake_ns = Some(at_ns);
            self.at(at_ns, Event::ProviderWakes);
        }
    }

    fn append_returns(&mut self, incarnation: u64) -> Checked {
        let current = incarnation == self.platform.incarnation;
        let Some(running) = self.platform.running.as_mut().filter(|_| current) else { return Ok(()) };
        match running.appended() {
            None => Ok(()),
            Some((_, Err(error))) => self.process_failed(&format!("an append failed: {error}")),
            Some((round, Ok(tail))) => {
                self.platform.acknowledge(tail);
                self.release(round)?;
                let appends = self.appends_count;
                self.after(NS_PER_MS, Event::SealDue { incarnation, appends });
                Ok(())
            }
        }
    }

    fn seal_due(&mut self, incarnation: u64, appends: u64) -> Checked {
        let current = incarnation == self.platform.incarnation && appends == self.appends_count;
        let Some(running) = self.platform.running.as_mut().filter(|_| current) else { return Ok(()) };
        match running.seal_tail() {
            Ok(()) => Ok(()),
            Err(error) => self.process_failed(&format!("a seal failed: {error}")),
        }
    }

    /// What a durable round lets go: answers, then sends.
    fn release(&mut self, round: Round<Token>) -> Checked {
        for (token, answer) in round.answers {
            let reply = match answer {
                Answer::Decided(reply) => reply,
                Answer::Poisoned => return violated(Rule::EngineStands, "a command was poisonous"),
            };
            match token {
                Token::Nobody => {}
                Token::Client { request, sealed } => self.request_answered(request, reply, sealed)?,
                Token::Look { order, payment, view } => {
                    self.judge.observed(payment, view.as_deref())?;
                    if let Some(view) = view.filter(|_| !self.struck(15, "client: answer lost")) {
                        let after_ns = self.random.between(1, 20) * NS_PER_MS;
                        self.after(after_ns, Event::ViewArrives { order, view });
                    }
                }
                Token::Erase { subject } => {
                    self.erased_count += 1;
                    self.trace.line(self.now_ns, format_args!("erased {subject}"));
                    if let Err(error) = self.platform.destroy_key(subject) {
                        self.process_failed(&format!("a key could not be destroyed: {error}"))?;
                    }
                }
            }
        }
        for dispatch in round.dispatches {
            self.judge.dispatched(&dispatch);
            self.send(dispatch);
        }
        Ok(())
    }

    /// Submits a command that nobody waits for.
    pub(crate) fn submit(&mut self, command: Command) {
        if let Some(running) = &mut self.platform.running {
            running.submit(Token::Nobody, command);
        }
    }

    /// Submits the erasure of a subject.
    pub(crate) fn submit_erasure(&mut self, subject: base::SubjectId) {
        if let Some(running) = &mut self.platform.running {
            running.submit(Token::Erase { subject }, Command::EraseSubject { subject });
        }
    }

    fn flight_ends(&mut self, incarnation: u64, report: OutcomeReport) {
        if incarnation != self.platform.incarnation {
            return; // the process that waited for it is gone
        }
        self.trace.line(self.now_ns, format_args!("outcome of {} #{}: {:?}", report.effect, report.send, report.outcome));
        self.submit(Command::ReportOutcome(report));
    }

    fn customer_acts(&mut self, intent: &str, passes: bool) {
        let result = if passes { "success" } else { "fail" };
        let request = sandbox::wire::Request {
            method: sandbox::wire::Method::Post,
            path: format!("/3ds/{intent}"),
            query: String::new(),
            headers: sandbox::wire::Headers::default(),
            body: format!("result={result}").into_bytes(),
        };
        let now_ms = self.provider_ms();
        let handled = self.provider.handle(&request, now_ms);
        self.trace.line(self.now_ns, format_args!("customer of {intent}: {result} -> {}", handled.response.status));
        self.wake_provider();
    }

    /// The process ends because its disk failed.
    ///
    /// # Errors
    /// A promise is broken.
    pub(crate) fn process_failed(&mut self, reason: &str) -> Checked {
        self.trace.line(self.now_ns, format_args!("process failed: {reason}"));
        if self.notice_power_cut()? {
            return Ok(());
        }
        if self.random.chance(300) {
            self.crash_machine()
        } else {
            self.kill_process()
        }
        Ok(())
    }

    /// A machine without power restarts.
    fn notice_power_cut(&mut self) -> Checked<bool> {
        let cuts = self.platform.io.counts().power_cuts;
        if cuts == self.power_cuts_seen {
            return Ok(false);
        }
        self.power_cuts_seen = cuts;
        self.counters.count("crash: power cut during an operation");
        self.crash_machine();
        Ok(true)
    }

    /// The machine crashes: the page cache is lost.
    pub(crate) fn crash_machine(&mut self) {
        self.crashes_count += 1;
        self.counters.count("crash: machine");
        self.platform.die();
        let before = self.platform.io.counts();
        let random = &mut self.random;
        self.platform.io.crash(&mut || random.number());
        let after = self.platform.io.counts();
        let rows = [
            ("disk: torn file at a crash", after.torn_files > before.torn_files),
            ("disk: unsynced data lost at a crash", after.sectors_lost > before.sectors_lost),
            ("disk: unsynced names lost at a crash", after.names_lost > before.names_lost),
        ];
        for (kind, has_struck) in rows {
            if has_struck {
                self.counters.count(kind);
            }
        }
        self.trace.line(self.now_ns, format_args!("machine crashed"));
        self.start_later();
    }

    /// Only the process dies: the page cache stays.
    pub(crate) fn kill_process(&mut self) {
        self.crashes_count += 1;
        self.counters.count("crash: process");
        self.platform.die();
        self.platform.io.kill();
        self.trace.line(self.now_ns, format_args!("process killed"));
        self.start_later();
    }

    fn start_later(&mut self) {
        let after_ns = self.random.between(50, 4_000) * NS_PER_MS;
        self.after(after_ns, Event::Start);
    }

    fn start(&mut self) -> Checked {
        if self.platform.running.is_some() {
            return Ok(()); // another start came first
        }
        let started = match self.platform.start(&mut self.random)? {
            Ok(started) => started,
            Err(reason) => {
                self.starts_failed += 1;
                self.trace.line(self.now_ns, format_args!("start failed: {reason}"));
                if self.starts_failed > STARTS_FAILED_MAX {
                    return violated(Rule::JournalKeepsItsTail, format!("the platform does not start any more: {reason}"));
                }
                return self.process_failed("it did not start");
            }
        };
        self.starts_failed = 0;
        self.trace.line(self.now_ns, format_args!("started: {started}"));
        if self.broken == Broken::AckBeforeSync {
            self.platform.io.set_lying(true);
        }
        if let Some(state) = self.platform.state() {
            self.judge.started(state, self.platform.keys.as_ref())?;
            self.judge.check_charges(state, &self.provider.truth())?;
        }
        self.lead();
        Ok(())
    }

    /// The first commands of a new leader, and of a new journal.
    fn lead(&mut self) {
        let epoch = self.platform.epoch();
        let Some(state) = self.platform.state() else { return };
        let (is_new, known) = (state.min_version < VERSION_MAX, state.merchants.len());
        let is_suspended = state.expiries_suspended;
        if is_new {
            self.submit(Command::RaiseMinVersion { version: VERSION_MAX });
        }
        self.submit(Command::StartLeader { epoch });
        for number in u64::try_from(known).unwrap_or(0)..MERCHANTS_COUNT {
            self.submit(Command::CreateMerchant { merchant: merchant(number), handle: format!("shop-{number}") });
        }
        if is_suspended {
            self.after(20 * NS_PER_S, Event::ConfirmClock);
        }
    }

    fn heal(&mut self) {
        self.is_healed = true;
        self.provider.clear_faults();
        self.platform.io.clear_faults();
        self.trace.line(self.now_ns, format_args!("all faults stop"));
        self.after(NS_PER_S, Event::ConfirmClock);
        self.after(10 * NS_PER_S, Event::ConfirmClock);
    }

    fn final_check(&mut self) -> Checked {
        self.now_ns = END_NS;
        let now_ms = self.provider_ms();
        self.provider.advance_to(now_ms);
        self.platform.die();
        self.platform.io.kill();
        if let Err(reason) = self.platform.start(&mut self.random)? {
            return violated(Rule::JournalKeepsItsTail, format!("the platform does not start after all faults stopped: {reason}"));
        }
        let Some(state) = self.platform.state() else { return Ok(()) };
        self.judge.started(state, self.platform.keys.as_ref())?;
        self.judge.check_healed(state, &self.provider.truth())?;
        let faults: u64 = self.fault_counters().total();
        let payments = u64::try_from(state.payments.len()).unwrap_or(u64::MAX);
        if payments < PAYMENTS_MIN || self.crashes_count == 0 || faults < FAULTS_MIN {
            return violated(Rule::RunIsHard, format!("{payments} payments, {} crashes, {faults} faults", self.crashes_count));
        }
        Ok(())
    }

    /// Our own counters together with those of disk and provider.
    fn fault_counters(&self) -> Counters {
        let mut counters = self.counters.clone();
        let disk = self.platform.io.counts();
        counters.add("disk: write failed", disk.write_errors);
        counters.add("disk: sync failed", disk.sync_errors);
        counters.add("disk: other operation failed", disk.other_errors);
        counters.add("disk: full", disk.no_space);
        for kind in FaultKind::ALL {
            counters.add(kind.name(), self.provider.fault_count(kind));
        }
        counters
    }

    fn finish(mut self, seed: u64, violation: Option<Violation>) -> Report {
        let counters = self.fault_counters();
        let mut payments_count = 0;
        let mut parked_count = 0;
        if let Some(state) = self.platform.state() {
            payments_count = u64::try_from(state.payments.len()).unwrap_or(u64::MAX);
            let parked = state.effects.values().filter(|effect| effect.status == engine::EffectStatus::Parked);
            parked_count = u64::try_from(parked.count()).unwrap_or(u64::MAX);
            let digest = events::snapshot::digest(state);
            self.trace.mix(&digest[..]);
        }
        let truth = self.provider.truth_summary();
        self.trace.mix(format!("{:?} {:?}", truth.totals, truth.faults).as_bytes());
        Report {
            seed,
            broken: self.broken,
            payments_count,
            parked_count,
            crashes_count: self.crashes_count,
            erased_count: self.erased_count,
            counters,
            steps: self.trace.steps(),
            hash: self.trace.hash(),
            violation,
            last_lines: self.trace.last_lines(),
        }
    }
}

/// A provider with faults of every kind.
fn provider(random: &mut Random) -> Stripe {
    let mut config = Config::standard();
    config.reference_name = connectors::stripe::REFERENCE_METADATA.to_owned();
    config.search_lag_ms = *random.pick(&[1_000, 30_000, 600_000]);
    config.latency_ms_min = 30;
    config.latency_ms_max = 400;
    let mut stripe = Stripe::new(random.number(), config);
    for rule in crate::chaos::provider_faults(random) {
        stripe.push_fault(rule).expect("the rules keep their limits");
    }
    stripe
}
