//! How fast the running platform is: what the bench measures, live, over the last ten minutes of real traffic.

use crate::App;
use crate::activity::{MINUTE_S, Speed, WINDOW_S};
use crate::errors::Problem;
use crate::extract::{OperatorCaller, Parameters};
use crate::overview::thousandths;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use telemetry::Histogram;
use utoipa::ToSchema;

/// How fast the platform is. What was not measured in the window is null.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Performance {
    /// Always `performance`.
    #[schema(value_type = String, example = "performance")]
    object: &'static str,
    /// When this was true (RFC 3339).
    at: String,
    /// Since when anything is measured: the process's start (RFC 3339).
    since: String,
    /// The window of times and of what a payment costs, in seconds.
    window_s: u64,
    /// Payments created in the last whole minute, per second.
    payments_per_s: f64,
    /// Requests in the window that made a payment and were answered with its outcome.
    requests: u64,
    /// Time of half of them at most, from the request's head to its answer, in milliseconds.
    request_p50_ms: Option<f64>,
    /// Time of 99 of 100 of them at most, in milliseconds.
    request_p99_ms: Option<f64>,
    /// Time of half of them at most, less what the provider took, in milliseconds.
    added_p50_ms: Option<f64>,
    /// Time of 99 of 100 of them at most, less what the provider took, in milliseconds.
    added_p99_ms: Option<f64>,
    /// Syncs of the journal in the window.
    fsyncs: u64,
    /// Time of half of them at most, in microseconds.
    fsync_p50_us: Option<u64>,
    /// Time of 99 of 100 of them at most, in microseconds.
    fsync_p99_us: Option<u64>,
    /// Processor time of the whole process, divided by the payments that were created meanwhile, in microseconds.
    cpu_us_per_payment: Option<u64>,
    /// What the whole process had written to disks, divided by the payments that were created meanwhile, in bytes.
    bytes_per_payment: Option<u64>,
    /// Resident memory, in MiB.
    rss_mb: Option<f64>,
}

/// Retrieve the performance
///
/// Live equivalents of the bench's numbers. Times are bounds within a sixteenth.
#[utoipa::path(
    get, path = "/v1/performance", tag = "operators", operation_id = "retrievePerformance",
    responses((status = 200, description = "how fast the platform is", body = Performance)), security(("operator_key" = []))
)]
pub(crate) async fn performance(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    parameters: Parameters,
) -> Result<Json<Performance>, Problem> {
    parameters.finish()?;
    let now = app.platform.now();
    let activity = app.platform.activity();
    let Speed { payments_per_1000_s, requests, added, syncs, cpu_us_per_payment, bytes_per_payment, resident_bytes } = activity.speed(now);
    let ms = |times: &Histogram, per_mille| times.quantile_us(per_mille).map(thousandths);
    Ok(Json(Performance {
        object: "performance",
        at: now.to_string(),
        since: activity.since().to_string(),
        window_s: WINDOW_S,
        payments_per_s: thousandths(payments_per_1000_s),
        requests: requests.total(),
        request_p50_ms: ms(&requests, 500),
        request_p99_ms: ms(&requests, 990),
        added_p50_ms: ms(&added, 500),
        added_p99_ms: ms(&added, 990),
        fsyncs: syncs.total(),
        fsync_p50_us: syncs.quantile_us(500),
        fsync_p99_us: syncs.quantile_us(990),
        cpu_us_per_payment,
        bytes_per_payment,
        rss_mb: resident_bytes.map(|bytes| thousandths(bytes / 1_024 * 1_000 / 1_024)),
    }))
}

const _: () = assert!(WINDOW_S == 600 && MINUTE_S == 60, "sentences say ten minutes and a minute");
