//! One order at a time over one connection, with the same key until there is an answer or patience ends.

use super::judge::{History, Outcome, Verdict, judge};
use super::link::Target;
use super::link::{Link, LinkError};
use super::row::Prepared;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

/// First wait between two sends of one order.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// Longest wait that this program chooses itself.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// How one order ended.
pub(super) struct Settled {
    /// The worker that is free again.
    pub(super) worker: usize,
    /// The order.
    pub(super) order: Prepared,
    /// How it ended.
    pub(super) end: End,
    /// From the first send to the last answer.
    pub(super) latency: Duration,
}

/// How the sends of one order ended.
pub(super) enum End {
    /// With an answer.
    Answered(Outcome),
    /// Patience ended or the run was interrupted.
    GivenUp {
        /// What it waited for.
        code: String,
        /// For people.
        reason: String,
        /// Whether the platform answered nobody for as long as patience lasts.
        platform_gone: bool,
    },
    /// The platform does not accept the key.
    Hopeless(String),
}

/// What the workers of a run share.
pub(super) struct Shared {
    pub(super) target: Arc<Target>,
    /// How long one order is sent again and again.
    pub(super) patience: Duration,
    /// The platform's clock when the run started, to the second.
    pub(super) run_started: String,
    /// Since when durations are counted.
    pub(super) epoch: Instant,
    /// When any worker last had an answer, in milliseconds since `epoch`.
    pub(super) answered_ms: AtomicU64,
    /// True once the run ends early: nothing is sent again.
    pub(super) stopping: watch::Receiver<bool>,
}

impl Shared {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn platform_gone(&self) -> bool {
        let silent_ms = self.now_ms().saturating_sub(self.answered_ms.load(Ordering::Relaxed));
        u128::from(silent_ms) >= self.patience.as_millis()
    }
}

/// Works until no more orders come.
pub(super) async fn run(worker: usize, shared: Arc<Shared>, mut orders: mpsc::Receiver<Prepared>, settled: mpsc::Sender<Settled>) {
    let mut link = Link::new(shared.target.clone());
    while let Some(order) = orders.recv().await {
        let started = Instant::now();
        let end = settle(&mut link, &shared, &order).await;
        if settled.send(Settled { worker, order, end, latency: started.elapsed() }).await.is_err() {
            return;
        }
    }
}

async fn settle(link: &mut Link, shared: &Shared, order: &Prepared) -> End {
    let mut stopping = shared.stopping.clone();
    let mut backoff = BACKOFF_MIN;
    let mut answer_lost = false;
    let mut trouble_since = None;
    loop {
        let (code, reason, wait) = match link.exchange(shared.target.payment(&order.key, order.body.clone())).await {
            Ok(answer) => {
                shared.answered_ms.store(shared.now_ms(), Ordering::Relaxed);
                match judge(&answer, History { answer_lost, run_started: &shared.run_started }) {
                    Verdict::Final(outcome) => return End::Answered(outcome),
                    Verdict::Hopeless(reason) => return End::Hopeless(reason),
                    Verdict::Again { code, wait } => {
                        // The request may have been carried out although this answer does not say so.
                        answer_lost = true;
                        (code, format!("answered {}", answer.status), wait)
                    }
                }
            }
            Err(LinkError::NotSent(reason)) => ("unreachable".to_owned(), reason, None),
            Err(LinkError::Lost(reason)) => {
                answer_lost = true;
                ("no_answer".to_owned(), reason, None)
            }
            Err(LinkError::LostOnIdle(reason)) => {
                answer_lost = true;
                ("no_answer".to_owned(), reason, Some(Duration::ZERO))
            }
        };
        let wait = wait.unwrap_or(backoff);
        let now = Instant::now();
        if now + wait > *trouble_since.get_or_insert(now) + shared.patience {
            return End::GivenUp { code, reason, platform_gone: shared.platform_gone() };
        }
        backoff = (backoff * 2).min(BACKOFF_MAX);
        // Cancel-safe: a sleep and a flag.
        tokio::select! {
            () = sleep(wait) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {
                return End::GivenUp { code, reason: "interrupted".to_owned(), platform_gone: false };
            }
        }
    }
}
