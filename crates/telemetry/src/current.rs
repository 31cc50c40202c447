//! The trace that the running task works for. A request's handlers run inside [`in_trace`]; work that they hand to tasks
//! of their own is wrapped in [`in_current_trace`].

use base::TraceId;
use std::future::Future;

tokio::task_local! {
    static TRACE: Option<TraceId>;
}

/// Runs work for a trace.
pub fn in_trace<W: Future>(trace: Option<TraceId>, work: W) -> impl Future<Output = W::Output> {
    TRACE.scope(trace, work)
}

/// Runs work for the trace of the task that calls this, wherever the work is then run.
pub fn in_current_trace<W: Future>(work: W) -> impl Future<Output = W::Output> {
    in_trace(current_trace(), work)
}

/// The trace that the running task works for, if it works for one.
pub fn current_trace() -> Option<TraceId> {
    TRACE.try_with(|trace| *trace).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::{current_trace, in_current_trace, in_trace};
    use base::TraceId;

    #[tokio::test]
    async fn a_task_of_its_own_works_for_the_trace_that_it_was_made_in() {
        let trace = TraceId::from_bytes([7; 16]);
        assert_eq!(current_trace(), None);
        let seen = in_trace(trace, async {
            let lost = tokio::spawn(async { current_trace() }).await;
            let kept = tokio::spawn(in_current_trace(async { current_trace() })).await;
            (current_trace(), lost.ok(), kept.ok())
        });
        assert_eq!(seen.await, (trace, Some(None), Some(trace)));
        assert_eq!(current_trace(), None);
    }
}
