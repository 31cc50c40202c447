//! The inventory: every metric, span and log field, with kind, unit and meaning. Recording them is the callers' work.
//!
//! The constants are used in the macros: `metrics::counter!(names::SHED_TOTAL, "lane" => lane)`,
//! `tracing::info!({ names::field::PAYMENT_ID } = %id, "captured")`. A label's values come from a closed set, so that
//! the number of series stays bounded: never an id, a path with ids in it or text of a client.

use metrics::Unit;

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind {
    /// Only grows while the process lives.
    Counter,
    /// The present value.
    Gauge,
    /// Observations counted by upper bound.
    Histogram {
        /// Inclusive upper bounds, ascending, in the metric's unit; one for everything larger is implied.
        buckets: &'static [f64],
    },
}

/// One line of the inventory.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As exported; a unit comes last, before `_total` of counters.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// What one is.
    pub unit: Unit,
    /// Its labels; every use gives all of them.
    pub labels: &'static [&'static str],
    /// What it means to an operator.
    pub help: &'static str,
}

/// From 100 µs to 10 s: disks, snapshots of small states, key commits.
const DISK_SECONDS: &[f64] = &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// From 1 ms to 30 s: what a client waits for; a create waits 25 s at most.
const REQUEST_SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 30.0];
/// From 10 ms to 80 s: what a provider takes.
const PROVIDER_SECONDS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0, 25.0, 40.0, 80.0];
/// From 10 ms to five minutes: a snapshot of the whole state.
const SNAPSHOT_SECONDS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// From 256 bytes to 16 MiB.
const BATCH_BYTES: &[f64] =
    &[256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 2_097_152.0, 4_194_304.0, 8_388_608.0, 16_777_216.0];
/// From 1 to 8,192, in powers of two.
const BATCH_COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 2_048.0, 4_096.0, 8_192.0];

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:expr, $unit:ident, [$($label:literal),*], $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $constant: &str = $name;
        )+

        /// Every metric there is.
        pub const METRICS: &[Metric] =
            &[$(Metric { name: $constant, kind: $kind, unit: Unit::$unit, labels: &[$($label),*], help: $help }),+];
    };
}

const fn histogram(buckets: &'static [f64]) -> MetricKind {
    MetricKind::Histogram { buckets }
}

metrics! {
    HTTP_REQUESTS_TOTAL = "http_requests_total", MetricKind::Counter, Count, ["method", "route", "status"],
        "Requests answered by the API, by method, route template and status code.";
    HTTP_REQUEST_DURATION_SECONDS = "http_request_duration_seconds", histogram(REQUEST_SECONDS), Seconds, ["method", "route"],
        "Time from a request's head to its complete answer, in seconds.";
    PAYMENTS_TOTAL = "payments_total", MetricKind::Counter, Count, ["status"],
        "Payments that reached a status, by status; one payment counts once for each status it reaches.";
    ATTEMPTS_TOTAL = "attempts_total", MetricKind::Counter, Count, ["outcome"],
        "Attempts that got an outcome, by outcome class, unknown included.";
    EFFECTS_OPEN = "effects_open", MetricKind::Gauge, Count, [],
        "Calls to providers that are journaled and have no outcome yet.";
    UNKNOWN_OPEN = "unknown_open", MetricKind::Gauge, Count, [],
        "Effects whose outcome is unknown and still being resolved.";
    PARKED_OPEN = "parked_open", MetricKind::Gauge, Count, [],
        "Effects that could not be resolved and wait for an operator.";
    JOURNAL_APPEND_DURATION_SECONDS = "journal_append_duration_seconds", histogram(DISK_SECONDS), Seconds, [],
        "Time to make one batch durable, write and flush together, in seconds.";
    JOURNAL_FDATASYNC_DURATION_SECONDS = "journal_fdatasync_duration_seconds", histogram(DISK_SECONDS), Seconds, [],
        "Time of the journal's fdatasync calls, in seconds.";
    JOURNAL_BATCH_BYTES = "journal_batch_bytes", histogram(BATCH_BYTES), Bytes, [],
        "Size of a journal batch with its header, in bytes.";
    JOURNAL_BATCH_EVENTS = "journal_batch_events", histogram(BATCH_COUNTS), Count, [],
        "Events in one journal batch.";
    SEQUENCER_ROUND_COMMANDS = "sequencer_round_commands", histogram(BATCH_COUNTS), Count, [],
        "Commands decided in one round of the sequencer.";
    SEQUENCER_QUEUE_DEPTH = "sequencer_queue_depth", MetricKind::Gauge, Count, ["lane"],
        "Commands that wait for the sequencer, by admission lane.";
    SHED_TOTAL = "shed_total", MetricKind::Counter, Count, ["lane"],
        "Commands refused because their admission lane was full; in `history`, because the index of ledgers was not written.";
    INDEX_KEYS_WAITING = "index_keys_waiting", MetricKind::Gauge, Count, [],
        "Keys of the index of ledgers that wait in memory to be written.";
    VIEWS_LAG_EVENTS = "views_lag_events", MetricKind::Gauge, Count, [],
        "Events that are durable and not yet in the views.";
    SNAPSHOT_DURATION_SECONDS = "snapshot_duration_seconds", histogram(SNAPSHOT_SECONDS), Seconds, [],
        "Time to write one snapshot, in seconds.";
    POISON_COMMANDS_TOTAL = "poison_commands_total", MetricKind::Counter, Count, [],
        "Commands set aside because deciding them broke an invariant; anything above zero needs a person.";
    CLOCK_JUMP_SUSPENDED = "clock_jump_suspended", MetricKind::Gauge, Count, [],
        "1 while timers are suspended because the clock jumped, else 0.";
    KEYSTORE_COMMIT_DURATION_SECONDS = "keystore_commit_duration_seconds", histogram(DISK_SECONDS), Seconds, [],
        "Time to make a group of new subject keys durable, in seconds.";
    WEBHOOKS_RECEIVED_TOTAL = "webhooks_received_total", MetricKind::Counter, Count, ["provider", "about", "result"],
        "Webhooks that were genuine and taken, by provider, what they are about, and whether they had come before.";
    WEBHOOKS_REJECTED_TOTAL = "webhooks_rejected_total", MetricKind::Counter, Count, ["reason"],
        "Webhooks that were not taken, by reason; wrong signatures that keep coming are a wrong secret or somebody who tries.";
    NOTICES_TOTAL = "notices_total", MetricKind::Counter, Count, ["source", "found"],
        "Messages of providers that were journaled, by how they came in and what they were good for; news by sweep is a webhook that was missed.";
    SWEEPS_TOTAL = "sweeps_total", MetricKind::Counter, Count, ["provider", "result"],
        "Looks at a provider's list of events, by provider and whether they worked.";
    PROVIDER_REQUEST_DURATION_SECONDS = "provider_request_duration_seconds", histogram(PROVIDER_SECONDS), Seconds, ["provider", "operation", "outcome"],
        "Time of one call to a provider until its answer or its deadline, in seconds.";
}

/// Tells the present recorder the unit and meaning of every metric, and starts those without labels at zero, so that an
/// alert on them does not wait for their first use.
pub fn describe_all() {
    for metric in METRICS {
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, metric.unit, metric.help),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.unit, metric.help),
            MetricKind::Histogram { .. } => metrics::describe_histogram!(metric.name, metric.unit, metric.help),
        }
        match metric.kind {
            MetricKind::Counter if metric.labels.is_empty() => metrics::counter!(metric.name).increment(0),
            MetricKind::Gauge if metric.labels.is_empty() => metrics::gauge!(metric.name).set(0.0),
            MetricKind::Counter | MetricKind::Gauge | MetricKind::Histogram { .. } => {}
        }
    }
}

/// Names of spans. A span's fields are merged into the log lines inside it.
pub mod span {
    /// One request to the API, from its head to its complete answer.
    pub const HTTP_REQUEST: &str = "http_request";
    /// One call to a provider.
    pub const PROVIDER_REQUEST: &str = "provider_request";
    /// One round of the sequencer: decide, append, apply.
    pub const SEQUENCER_ROUND: &str = "sequencer_round";
    /// Reading the journal at start.
    pub const RECOVERY: &str = "recovery";
    /// Writing one snapshot.
    pub const SNAPSHOT: &str = "snapshot";

    /// Every span name there is.
    pub const ALL: &[&str] = &[HTTP_REQUEST, PROVIDER_REQUEST, SEQUENCER_ROUND, RECOVERY, SNAPSHOT];
}

/// Names of log fields. None holds personal data, free text of a client or a credential.
pub mod field {
    macro_rules! fields {
        ($($constant:ident = $name:literal, $help:literal;)+) => {
            $(
                #[doc = $help]
                pub const $constant: &str = $name;
            )+

            /// Every field there is, with its meaning.
            pub const ALL: &[(&str, &str)] = &[$(($constant, $help)),+];
        };
    }

    fields! {
        TRACE_ID = "trace_id", "W3C trace id, 32 lower-case hexadecimal digits.";
        SPAN_ID = "span_id", "W3C parent id that this process chose, 16 lower-case hexadecimal digits.";
        MERCHANT_ID = "merchant_id", "The merchant, `mer_…`.";
        OPERATOR_ID = "operator_id", "The operator, `opr_…`.";
        PAYMENT_ID = "payment_id", "The payment, `pay_…`.";
        ATTEMPT_ID = "attempt_id", "The attempt, `att_…`.";
        CAPTURE_ID = "capture_id", "The capture, `cap_…`.";
        REFUND_ID = "refund_id", "The refund, `ref_…`.";
        EFFECT_ID = "effect_id", "The effect, `eff_…`.";
        EVENT_ID = "event_id", "The event, `evt_…`.";
        KEY_PUBLIC_ID = "key_public_id", "Public id of the API key used, ten characters.";
        METHOD = "method", "HTTP method.";
        ROUTE = "route", "Route template, `/v1/payments/{id}`; never the path as sent.";
        STATUS = "status", "HTTP status code, or the status of the object the line is about.";
        CODE = "code", "Stable error code, as in the problem document.";
        PROVIDER = "provider", "Provider's short name, `stripe`.";
        OPERATION = "operation", "What was asked of the provider.";
        OUTCOME = "outcome", "Outcome class of an attempt or effect.";
        LANE = "lane", "Admission lane of a command.";
        SEQ = "seq", "Sequence number of an event in the journal.";
        SEGMENT = "segment", "Journal segment, by file name.";
        OFFSET_BYTES = "offset_bytes", "Position in a file, in bytes.";
        BATCH_BYTES = "batch_bytes", "Size of a batch, in bytes.";
        EVENT_COUNT = "event_count", "How many events.";
        COMMAND_COUNT = "command_count", "How many commands.";
        DURATION_MS = "duration_ms", "How long it took, in milliseconds.";
        DELAY_MS = "delay_ms", "How long until the next try, in milliseconds.";
        TRY_COUNT = "try_count", "Which try this was, from 1.";
        ADDRESS = "address", "Address and port of a listener.";
        PATH = "path", "File or folder on this host.";
        VERSION = "version", "Version of the program or of a format.";
        ERROR = "error", "What went wrong, with its causes.";
    }
}

#[cfg(test)]
mod tests {
    use super::{METRICS, MetricKind, field, span};
    use metrics::Unit;
    use std::collections::BTreeSet;

    fn is_snake_case(name: &str) -> bool {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_')
    }

    #[test]
    fn names_are_unique_and_end_in_their_unit() {
        let mut seen = BTreeSet::new();
        for metric in METRICS {
            assert!(seen.insert(metric.name), "{} is listed twice", metric.name);
            assert!(is_snake_case(metric.name), "{}", metric.name);
            assert!(metric.labels.iter().all(|label| is_snake_case(label)), "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == MetricKind::Counter, "{}", metric.name);
            assert_eq!(metric.name.ends_with("_seconds"), metric.unit == Unit::Seconds, "{}", metric.name);
            assert_eq!(metric.name.ends_with("_bytes"), metric.unit == Unit::Bytes, "{}", metric.name);
        }
        for (name, help) in field::ALL {
            assert!(is_snake_case(name) && help.ends_with('.'), "{name}");
        }
        assert_eq!(field::ALL.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), field::ALL.len());
        assert!(span::ALL.iter().all(|name| is_snake_case(name)));
        assert_eq!(span::ALL.iter().collect::<BTreeSet<_>>().len(), span::ALL.len());
    }

    #[test]
    fn buckets_ascend_and_stay_few() {
        for metric in METRICS {
            if let MetricKind::Histogram { buckets } = metric.kind {
                assert!(!buckets.is_empty() && buckets.len() <= 16, "{}", metric.name);
                assert!(buckets.is_sorted_by(|left, right| left < right), "{}", metric.name);
            }
        }
    }
}
