//! The one look at everything, for whoever is on duty: what happens to payments, how providers do, whether the books'
//! views keep up, and what waits for a person. Every number comes from memory or from an index.

use crate::App;
use crate::activity::{Calls, Counts, Health, POINT_S, Point, ProviderCalls, WINDOW_S};
use crate::errors::Problem;
use crate::extract::{OperatorCaller, Parameters};
use crate::platform::Standing;
use crate::reads::query;
use axum::Json;
use axum::extract::State;
use base::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// From so many events on, late read models are worth a person's time: some seconds of the highest load.
const LAG_EVENTS_MAX: u64 = 20_000;
/// Most open disputes that are counted.
const DISPUTES_COUNTED_MAX: usize = 1_000;

/// How the platform does.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Overview {
    /// Always `overview`.
    #[schema(value_type = String, example = "overview")]
    object: &'static str,
    /// When this was true (RFC 3339).
    at: String,
    /// Since when everything here is counted: the process's start (RFC 3339).
    since: String,
    /// The window that counts and times look back over, in seconds.
    window_s: u64,
    /// What happens to payments.
    payments: PaymentFlow,
    /// What happened in the window, each counted when it became durable.
    outcomes: Counts,
    /// Calls whose outcome is unknown now and being found out.
    unknown_open: u64,
    /// Calls that wait for a person now.
    parked: u64,
    /// Commands that are kept out now.
    quarantined: u64,
    /// Providers and how they answered in the window.
    providers: Vec<ProviderHealth>,
    /// The journal and whether lists keep up with it.
    journal: JournalPosition,
    /// What waits for a person, most urgent first; empty when nothing does.
    needs_attention: Vec<Attention>,
}

/// What happens to payments.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PaymentFlow {
    /// Payments created in the last ten whole seconds, per second.
    per_second_now: f64,
    /// The window in points of ten seconds, the newest last and still growing.
    series: Vec<SeriesPoint>,
}

/// What happened in ten seconds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SeriesPoint {
    /// When they began (RFC 3339).
    at: String,
    /// Payments that were created.
    created: u64,
    /// Authorizations that hold money.
    authorized: u64,
    /// Captures.
    captured: u64,
    /// Declined attempts.
    declined: u64,
    /// Attempts that were provably never executed.
    failed: u64,
    /// Calls whose outcome became unknown.
    unknown: u64,
}

/// How a provider answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ProviderHealth {
    /// The provider endpoint.
    name: String,
    /// How it does, by the last minute or, if nothing was asked of it since, by the window.
    #[schema(inline)]
    health: Health,
    /// Calls that ended: sends, replays and lookups.
    sends: u64,
    /// Those that it did.
    approved: u64,
    /// Those that wait for the customer or for the provider.
    pending: u64,
    /// Those that were declined.
    declined: u64,
    /// Those that it turned away.
    rejected: u64,
    /// Those that never reached it.
    not_sent: u64,
    /// Those that it did otherwise than asked.
    mismatched: u64,
    /// Those of which nobody knows what became.
    unknown: u64,
    /// Time of half of the calls at most, in milliseconds; null when there were none.
    p50_ms: Option<f64>,
    /// Time of 99 of 100 calls at most, in milliseconds; null when there were none.
    p99_ms: Option<f64>,
    /// When a call last ended unknown, since the process started (RFC 3339).
    last_unknown_at: Option<String>,
}

/// How far the journal is, and the read models.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct JournalPosition {
    /// The last durable event.
    durable_seq: u64,
    /// The last event that lists show.
    views_seq: u64,
    /// Events that are durable and not shown yet.
    views_lag_events: u64,
}

/// Something that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Attention {
    /// `parked`, `mismatched`, `quarantined`, `clock`, `provider`, `disputes` or `views`.
    #[schema(value_type = String, example = "parked")]
    kind: &'static str,
    /// How many.
    count: u64,
    /// What it is and what to do.
    sentence: String,
    /// Where to look.
    path: &'static str,
}

/// Retrieve the overview
///
/// What happens now and in the last ten minutes, of all merchants. Counts begin with the process.
#[utoipa::path(
    get, path = "/v1/overview", tag = "operators", operation_id = "retrieveOverview",
    responses((status = 200, description = "how the platform does", body = Overview)), security(("operator_key" = []))
)]
pub(crate) async fn overview(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    parameters: Parameters,
) -> Result<Json<Overview>, Problem> {
    parameters.finish()?;
    let standing = app.platform.standing().await?;
    let disputes = query(&app, |_, views| views.disputes_open(DISPUTES_COUNTED_MAX)).await?;
    let now = app.platform.now();
    let activity = app.platform.activity();
    let flow = activity.payments(now);
    let numbered = (0_u16..).zip(&app.options.providers);
    let calls: Vec<(&str, ProviderCalls)> = numbered.map(|(number, name)| (name.as_str(), activity.provider(number, now))).collect();
    // Views first: what became durable since is not lag.
    let views_seq = app.platform.views_seq();
    let durable_seq = app.platform.durable_seq();
    let journal = JournalPosition { durable_seq, views_seq, views_lag_events: durable_seq.saturating_sub(views_seq) };
    Ok(Json(Overview {
        object: "overview",
        at: now.to_string(),
        since: activity.since().to_string(),
        window_s: WINDOW_S,
        needs_attention: attention(&standing, &calls, disputes, journal.views_lag_events),
        payments: PaymentFlow {
            per_second_now: thousandths(flow.per_1000_s_now),
            series: flow.series.iter().map(SeriesPoint::of).collect(),
        },
        outcomes: flow.outcomes,
        unknown_open: standing.unknown_open,
        parked: standing.parked,
        quarantined: standing.quarantined,
        providers: calls.iter().map(|(name, calls)| ProviderHealth::of(name, calls)).collect(),
        journal,
    }))
}

impl SeriesPoint {
    fn of(point: &Point) -> Self {
        let Counts { created, authorized, captured, declined, failed, unknown, .. } = point.counts;
        Self { at: Timestamp::from_s(point.at_s).to_string(), created, authorized, captured, declined, failed, unknown }
    }
}

impl ProviderHealth {
    fn of(name: &str, found: &ProviderCalls) -> Self {
        let ProviderCalls { calls, last_unknown_at, health } = found;
        Self {
            name: name.to_owned(),
            health: *health,
            sends: calls.total(),
            approved: calls.approved,
            pending: calls.pending,
            declined: calls.declined,
            rejected: calls.rejected,
            not_sent: calls.not_sent,
            mismatched: calls.mismatched,
            unknown: calls.unknown,
            p50_ms: calls.took_us(500).map(thousandths),
            p99_ms: calls.took_us(990).map(thousandths),
            last_unknown_at: last_unknown_at.map(|at| at.to_string()),
        }
    }
}

/// A number that is counted in thousandths: microseconds as milliseconds.
pub(crate) fn thousandths(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / 1_000.0
}

/// What waits for a person, most urgent first.
fn attention(standing: &Standing, providers: &[(&str, ProviderCalls)], disputes: usize, lag_events: u64) -> Vec<Attention> {
    let Standing { unknown_open: _, parked, mismatched, quarantined, expiries_suspended } = *standing;
    let mut found = Vec::new();
    let mut note = |kind, count, sentence: String, path| {
        if count > 0 {
            found.push(Attention { kind, count, sentence, path });
        }
    };
    for (name, calls) in providers {
        let (word, troubled) = match calls.health {
            Health::Down => ("does not do its work", troubled(&calls.calls)),
            Health::Degraded => ("does its work badly", troubled(&calls.calls)),
            Health::Good | Health::Idle => continue,
        };
        let sentence = format!("{name} {word}: {} in the last ten minutes came to nothing.", counted(troubled, "call", "calls"));
        note("provider", troubled, sentence, "/v1/overview");
    }
    let undecided = parked - mismatched;
    let (wait, them) = if undecided == 1 { ("waits", "it") } else { ("wait", "them") };
    note(
        "parked",
        undecided,
        format!("{} {wait} for a person: nobody could find out what became of {them}.", counted(undecided, "call", "calls")),
        "/v1/parked_calls",
    );
    let ended = format!("{} ended otherwise than was asked: compare with the provider.", counted(mismatched, "payment", "payments"));
    note("mismatched", mismatched, ended, "/v1/parked_calls");
    let kept_out = if quarantined == 1 { "is" } else { "are" };
    note(
        "quarantined",
        quarantined,
        format!("{} crashed the engine and {kept_out} kept out.", counted(quarantined, "command", "commands")),
        "/v1/quarantine",
    );
    let clock = "The wall clock jumped: expiries wait until you confirm it.";
    note("clock", u64::from(expiries_suspended), clock.to_owned(), "/v1/platform");
    let late = format!("Lists are {lag_events} events behind the journal.");
    note("views", if lag_events > LAG_EVENTS_MAX { lag_events } else { 0 }, late, "/v1/platform");
    let disputes = u64::try_from(disputes).unwrap_or(u64::MAX);
    let open = if disputes == 1 { "is" } else { "are" };
    note(
        "disputes",
        disputes,
        format!("{} {open} open: answer at the provider in time.", counted(disputes, "dispute", "disputes")),
        "/v1/disputes?status=open",
    );
    found
}

fn troubled(calls: &Calls) -> u64 {
    calls.unknown + calls.not_sent + calls.rejected
}

fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

const _: () = assert!(WINDOW_S == 600 && POINT_S == 10, "sentences say ten minutes and ten seconds");

#[cfg(test)]
mod tests {
    use super::{LAG_EVENTS_MAX, attention};
    use crate::activity::{Activity, EndedCall};
    use crate::platform::Standing;
    use base::{OutcomeClass, Timestamp};
    use std::time::Duration;

    const QUIET: Standing = Standing { unknown_open: 7, parked: 0, mismatched: 0, quarantined: 0, expiries_suspended: false };

    #[test]
    fn only_what_waits_for_a_person_is_named_each_with_what_to_do() {
        let none: [(&str, _); 0] = [];
        assert_eq!(attention(&QUIET, &none, 0, LAG_EVENTS_MAX), [], "what finds itself out needs nobody");
        let busy = Standing { parked: 3, mismatched: 1, quarantined: 2, expiries_suspended: true, ..QUIET };
        let found = attention(&busy, &none, 1, LAG_EVENTS_MAX + 1);
        let kinds: Vec<_> = found.iter().map(|found| (found.kind, found.count)).collect();
        let expected = [("parked", 2), ("mismatched", 1), ("quarantined", 2), ("clock", 1), ("views", LAG_EVENTS_MAX + 1), ("disputes", 1)];
        assert_eq!(kinds, expected);
        assert_eq!(found[0].sentence, "2 calls wait for a person: nobody could find out what became of them.");
        assert_eq!(found[5].sentence, "1 dispute is open: answer at the provider in time.");
    }

    #[test]
    fn a_provider_is_judged_by_the_last_minute_and_a_decline_is_work_done() {
        use OutcomeClass::{Approved, Declined, NotSent, Rejected, Unknown};
        for (classes, health, named) in [
            (vec![], "idle", 0),
            (vec![Approved, Declined, Declined, Declined], "good", 0),
            ([vec![Unknown], vec![Approved; 20]].concat(), "good", 0),
            ([vec![Unknown], vec![Approved; 19]].concat(), "degraded", 1),
            (vec![Unknown, NotSent], "degraded", 2),
            (vec![Unknown, NotSent, Rejected], "down", 3),
        ] {
            let activity = Activity::new(Timestamp::from_s(1_000));
            let at = Timestamp::from_s(1_500);
            for class in &classes {
                activity.call(&EndedCall { at, provider: 0, payment: None, class: *class, took: Duration::from_millis(5) });
            }
            let found = activity.provider(0, at);
            assert_eq!(serde_json::to_value(found.health).unwrap(), health, "{classes:?}");
            let noted = attention(&QUIET, &[("stripe", found)], 0, 0);
            assert_eq!(noted.first().map_or(0, |noted| noted.count), named, "{classes:?}");
            activity.call(&EndedCall { at: Timestamp::from_s(1_590), provider: 0, payment: None, class: Approved, took: Duration::ZERO });
            let later = activity.provider(0, Timestamp::from_s(1_590)).health;
            assert_eq!(serde_json::to_value(later).unwrap(), "good", "what is longer ago than a minute is forgiven: {classes:?}");
        }
    }
}
