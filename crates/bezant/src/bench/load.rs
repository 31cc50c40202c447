//! When the client asks: as fast as a number of connections can (closed loop), or at a fixed rate whatever the answers do
//! (open loop). In the open loop a latency counts from the moment at which the request was due, so that a server that
//! stalls is charged for every request that had to wait meanwhile.

use super::Error;
use super::ask::{Answered, Connection, Template};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use telemetry::Histogram;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Most connections of an open loop; requests beyond it wait, and their wait counts.
pub const OPEN_CONNECTIONS_MAX: usize = 1_024;
/// Requests that are due and were not taken yet, at most; the pacing thread waits then, and the wait counts.
const DUE_QUEUED_MAX: usize = 65_536;
/// From the start of an open loop to its first request.
const LEAD: Duration = Duration::from_millis(5);

/// How requests arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So many connections, each asking again as soon as it is answered.
    Closed {
        /// How many.
        connections: usize,
    },
    /// So many requests a second.
    Open {
        /// How many.
        per_s: u32,
    },
}

/// What to ask, how, and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Host and port.
    pub authority: Arc<str>,
    /// The request.
    pub template: Template,
    /// When.
    pub pace: Pace,
    /// For how long requests are started.
    pub time: Duration,
    /// Most requests.
    pub count_max: Option<u64>,
    /// The first request's number; each has one of its own.
    pub first_number: u128,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Requests answered.
    pub count: u64,
    /// Those whose answer was not what was expected.
    pub unexpected: u64,
    /// One such answer.
    pub example: Option<String>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// How long each took.
    pub latencies: Histogram,
}

impl Load {
    fn note(&mut self, answered: Answered, latency: Duration, connection: &Connection) {
        self.count += 1;
        self.latencies.record(latency);
        if answered == Answered::Otherwise {
            self.unexpected += 1;
            self.example.get_or_insert_with(|| connection.last_answer());
        }
    }

    fn add(&mut self, other: Self) {
        let Self { count, unexpected, example, elapsed: _, latencies } = other;
        self.count += count;
        self.unexpected += unexpected;
        self.example = self.example.take().or(example);
        self.latencies.merge(&latencies);
    }

    /// Answers a second, rounded down.
    pub fn per_s(&self) -> u64 {
        per_s(self.count, self.elapsed)
    }
}

/// How many a second, rounded down.
pub fn per_s(count: u64, elapsed: Duration) -> u64 {
    let ns = elapsed.as_nanos().max(1);
    u64::try_from(u128::from(count) * 1_000_000_000 / ns).unwrap_or(u64::MAX)
}

/// Carries a plan out.
///
/// # Errors
/// A connection that broke, or an answer that is no HTTP; an answer that is only not as expected is counted.
pub async fn run(plan: &Plan) -> Result<Load, Error> {
    match plan.pace {
        Pace::Closed { connections } => closed(plan, connections).await,
        Pace::Open { per_s } => open(plan, per_s).await,
    }
}

async fn closed(plan: &Plan, count: usize) -> Result<Load, Error> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(&plan.authority, &plan.template).await?);
    }
    let (time, step) = (plan.time, u128::try_from(count).unwrap_or(1));
    let left = Arc::new(AtomicU64::new(plan.count_max.unwrap_or(u64::MAX)));
    let mut asking = JoinSet::new();
    let started = Instant::now();
    for (first, mut connection) in (plan.first_number..).zip(connections) {
        let left = Arc::clone(&left);
        asking.spawn(async move {
            let mut load = Load::default();
            let mut number = first;
            let take_one = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
            while started.elapsed() < time && take_one() {
                let asked = Instant::now();
                let answered = connection.ask(number).await?;
                load.note(answered, asked.elapsed(), &connection);
                number += step;
            }
            Ok::<Load, Error>(load)
        });
    }
    let mut load = Load::default();
    while let Some(ended) = asking.join_next().await {
        load.add(ended.map_err(|error| Error::System(error.into()))??);
    }
    load.elapsed = started.elapsed();
    Ok(load)
}

/// When the requests of an open loop are due.
struct Schedule {
    started: Instant,
    per_s: u32,
    count: u64,
}

impl Schedule {
    fn new(per_s: u32, time: Duration, count_max: Option<u64>) -> Self {
        let count = time.as_nanos() * u128::from(per_s) / 1_000_000_000;
        let count = u64::try_from(count).unwrap_or(u64::MAX).min(count_max.unwrap_or(u64::MAX));
        Self { started: Instant::now() + LEAD, per_s: per_s.max(1), count }
    }

    fn due(&self, index: u64) -> Instant {
        let ns = u128::from(index) * 1_000_000_000 / u128::from(self.per_s);
        self.started + Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

/// Names each request when it is due. A thread of its own: the runtime's timers go by whole milliseconds.
fn pace(schedule: &Schedule, due: &mpsc::Sender<(u64, Instant)>) {
    for index in 0..schedule.count {
        let at = schedule.due(index);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        if due.blocking_send((index, at)).is_err() {
            return;
        }
    }
}

async fn open(plan: &Plan, per_s: u32) -> Result<Load, Error> {
    let schedule = Schedule::new(per_s, plan.time, plan.count_max);
    let started = schedule.started;
    let (named, mut due) = mpsc::channel(DUE_QUEUED_MAX);
    let pacer = std::thread::Builder::new().name("pace".into()).spawn(move || pace(&schedule, &named)).map_err(Error::System)?;
    let mut load = Load::default();
    let mut idle: Vec<Connection> = Vec::new();
    let mut waiting: VecDeque<(u64, Instant)> = VecDeque::new();
    let mut asking: JoinSet<Result<(Connection, Answered, Duration), Error>> = JoinSet::new();
    let mut is_over = false;
    while !(is_over && waiting.is_empty() && asking.is_empty()) {
        // Cancel-safe: joining and receiving lose nothing.
        tokio::select! {
            biased;
            Some(ended) = asking.join_next() => {
                let (connection, answered, latency) = ended.map_err(|error| Error::System(error.into()))??;
                load.note(answered, latency, &connection);
                idle.push(connection);
            }
            request = due.recv(), if !is_over => match request {
                Some(request) => waiting.push_back(request),
                None => is_over = true,
            },
        }
        while asking.len() < OPEN_CONNECTIONS_MAX
            && let Some((index, at)) = waiting.pop_front()
        {
            let (kept, authority, template) = (idle.pop(), Arc::clone(&plan.authority), plan.template.clone());
            let number = plan.first_number + u128::from(index);
            asking.spawn(async move {
                let mut connection = match kept {
                    Some(connection) => connection,
                    None => Connection::open(&authority, &template).await?,
                };
                let answered = connection.ask(number).await?;
                Ok((connection, answered, at.elapsed()))
            });
        }
    }
    load.elapsed = started.elapsed();
    // It has named its last request, so this does not wait.
    let _ended = pacer.join();
    Ok(load)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Load, Pace, Plan, Schedule, per_s, run};
    use crate::bench::ask::Template;
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    type Seen = Arc<Mutex<Vec<String>>>;

    /// Answers every request with `ok`, and keeps the first line that holds its number.
    async fn server() -> (Arc<str>, Seen) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = Arc::from(listener.local_addr().unwrap().to_string());
        let seen = Seen::default();
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let seen = Arc::clone(&noted);
                tokio::spawn(async move {
                    let mut request = [0; 4_096];
                    while let Ok(bytes @ 1..) = stream.read(&mut request).await {
                        let text = String::from_utf8_lossy(&request[..bytes]).into_owned();
                        seen.lock().unwrap().push(text.lines().find(|line| line.starts_with("key: ")).unwrap().to_owned());
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                    }
                });
            }
        });
        (authority, seen)
    }

    async fn asked(pace: Pace, expected: &'static str) -> (Load, Vec<String>) {
        asked_for(pace, Duration::from_millis(50), None, expected).await
    }

    async fn asked_for(pace: Pace, time: Duration, count_max: Option<u64>, expected: &'static str) -> (Load, Vec<String>) {
        let (authority, seen) = server().await;
        let template = Template::post(&authority, "/", &["key: {number}".to_owned()], "{}", expected);
        let plan = Plan { authority, template, pace, time, count_max, first_number: 7 };
        let load = run(&plan).await.unwrap();
        let seen = seen.lock().unwrap().clone();
        (load, seen)
    }

    #[tokio::test]
    async fn an_open_loop_sends_what_is_due_each_under_its_own_number() {
        let (load, seen) = asked(Pace::Open { per_s: 1_000 }, "ok").await;
        assert_eq!((load.count, load.unexpected), (50, 0));
        let numbers: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(numbers, (7..57).map(|number| format!("key: {number:020}")).collect());
    }

    #[tokio::test]
    async fn a_closed_loop_counts_every_answer_and_no_number_twice() {
        let (load, seen) = asked(Pace::Closed { connections: 4 }, "ok").await;
        assert_eq!(load.count, u64::try_from(seen.len()).unwrap());
        assert!(load.count >= 4 && load.unexpected == 0 && load.latencies.quantile_us(500) <= load.latencies.quantile_us(990));
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len());
    }

    #[tokio::test]
    async fn a_closed_loop_ends_after_as_many_as_it_may_send() {
        let (load, seen) = asked_for(Pace::Closed { connections: 4 }, Duration::from_secs(60), Some(10), "ok").await;
        assert_eq!((load.count, seen.len()), (10, 10));
    }

    #[tokio::test]
    async fn an_answer_that_was_not_expected_is_counted_and_shown() {
        let (load, _) = asked(Pace::Open { per_s: 100 }, "captured").await;
        assert_eq!((load.count, load.unexpected), (5, 5));
        assert!(load.example.unwrap().ends_with("ok"));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error() {
        let template = Template::post("127.0.0.1:1", "/", &[], "", "");
        let authority: Arc<str> = Arc::from("127.0.0.1:1");
        for pace in [Pace::Closed { connections: 1 }, Pace::Open { per_s: 100 }] {
            let (authority, template) = (Arc::clone(&authority), template.clone());
            let plan = Plan { authority, template, pace, time: Duration::from_millis(20), count_max: None, first_number: 0 };
            assert!(run(&plan).await.is_err());
        }
    }

    #[test]
    fn requests_are_due_at_equal_distances_whatever_happens() {
        let schedule = Schedule::new(200, Duration::from_secs(3), None);
        assert_eq!(schedule.count, 600);
        assert_eq!(Schedule::new(200, Duration::from_secs(3), Some(7)).count, 7);
        assert_eq!(schedule.due(200) - schedule.due(0), Duration::from_secs(1));
        assert_eq!(schedule.due(1) - schedule.due(0), Duration::from_millis(5));
        assert_eq!(per_s(10, Duration::from_millis(500)), 20);
        assert_eq!(per_s(10, Duration::ZERO), 10_000_000_000);
    }
}
