//! The one writer of log lines: a `tracing` layer that collects fields, merges those of spans and writes each line at once.
//!
//! Redaction happens where fields are recorded, in the same layer that writes, so no caller can go around it.

use crate::line::{self, Fields, LogFormat};
use base::Timestamp;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// Why logs could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error("the log filter \"{filter}\" cannot be read; write a level such as \"info\", or \"info,journal=debug\"")]
    Filter {
        /// As given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Logs were started before in this process.
    #[error("logs have been started already; start them once, at the top of the program")]
    AlreadyStarted,
}

/// Sends every event of the process that `filter` lets through to `writer`, one line each, written by one call. `filter` is in
/// the syntax of `tracing_subscriber::EnvFilter` (`info,journal=debug`), without regular expressions; the environment is
/// not read. A line that cannot be written is lost.
///
/// # Errors
/// [`LogError::Filter`] for a filter that cannot be read, [`LogError::AlreadyStarted`] for a second call.
pub fn init_logs<W>(format: LogFormat, filter: &str, writer: W) -> Result<(), LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let subscriber = log_subscriber(format, filter, writer, now)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::AlreadyStarted)
}

/// The subscriber that [`init_logs`] installs, with a clock of the caller's choice; for tests that read lines of one thread.
///
/// # Errors
/// [`LogError::Filter`] for a filter that cannot be read.
pub fn log_subscriber<W>(
    format: LogFormat,
    filter: &str,
    writer: W,
    clock: fn() -> Timestamp,
) -> Result<impl Subscriber + Send + Sync + 'static, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter =
        EnvFilter::builder().with_regex(false).parse(filter).map_err(|source| LogError::Filter { filter: filter.to_owned(), source })?;
    Ok(Registry::default().with(filter).with(LogLayer { format, clock, writer }))
}

/// The wall clock; zero before 1970, the end of time after 2554.
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ns(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}

struct LogLayer<W> {
    format: LogFormat,
    clock: fn() -> Timestamp,
    writer: W,
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().replace(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.inherit(outer);
            }
        }
        let metadata = event.metadata();
        let line = line::encode(self.format, (self.clock)(), *metadata.level(), metadata.target(), &fields);
        // There is nowhere left to report a log that cannot be written.
        let _ = self.writer.make_writer_for(metadata).write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::{LogError, init_logs, log_subscriber};
    use crate::line::{FIELDS_MAX, LINE_BYTES_MAX, LogFormat, MESSAGE_BYTES_MAX, VALUE_BYTES_MAX};
    use crate::names::{field, span};
    use base::Timestamp;
    use serde_json::{Value, json};
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat, filter: &str, work: impl FnOnce()) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let clock = || Timestamp::from_s(1_795_253_580);
        let subscriber = log_subscriber(format, filter, move || writer.clone(), clock).unwrap();
        tracing::subscriber::with_default(subscriber, work);
        let bytes = memory.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn json_lines(work: impl FnOnce()) -> Vec<Value> {
        let text = written(LogFormat::Json, "trace", work);
        assert!(text.is_empty() || text.ends_with('\n'));
        assert!(text.lines().all(|line| line.len() < LINE_BYTES_MAX), "a line is too long");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("payment not captured")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("provider refused card 4242424242424242")]
    struct Inner;

    #[test]
    fn a_line_is_one_json_object_with_the_fields_of_its_spans() {
        let lines = json_lines(|| {
            let request = tracing::info_span!(
                span::HTTP_REQUEST,
                { field::TRACE_ID } = "4bf9",
                merchant_id = "mer_1",
                payment_id = tracing::field::Empty
            );
            request.in_scope(|| {
                request.record(field::PAYMENT_ID, "pay_1");
                let call = tracing::debug_span!("provider_request", provider = "stripe", merchant_id = "mer_2");
                call.in_scope(
                    || tracing::warn!(target: "egress", status = 503_u16, sent = true, ratio = 0.5, provider = "adyen", "answered {}", 1),
                );
            });
            tracing::info!("outside");
        });
        let expected = json!({
            "ts": "2026-11-21T09:33:00.000Z", "level": "WARN", "target": "egress", "message": "answered 1",
            "fields": {"status": 503, "sent": true, "ratio": 0.5, "provider": "adyen", "merchant_id": "mer_2", "trace_id": "4bf9", "payment_id": "pay_1"},
        });
        assert_eq!(lines[0], expected);
        assert_eq!((&lines[1]["fields"], &lines[1]["message"]), (&json!({}), &json!("outside")));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn the_human_form_is_one_line_too() {
        let text = written(
            LogFormat::Human,
            "info",
            || tracing::info!(target: "journal", seq = 7, path = "a b", "opened\nINFO forged \u{1b}[31m"),
        );
        assert_eq!(text, "2026-11-21T09:33:00.000Z  INFO journal: opened\\nINFO forged \\u001b[31m seq=7 path=\"a b\"\n");
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        let text = written(LogFormat::Human, "warn,journal=debug", || {
            tracing::info!(target: "api", "no");
            tracing::warn!(target: "api", "one");
            tracing::debug!(target: "journal", "two");
            tracing::trace!(target: "journal", "no");
        });
        assert_eq!(text.lines().filter_map(|line| line.rsplit(' ').next()).collect::<Vec<_>>(), ["one", "two"]);
        assert!(matches!(init_logs(LogFormat::Json, "journal=loud", std::io::sink), Err(LogError::Filter { .. })));
    }

    #[test]
    fn card_numbers_and_keys_never_reach_a_line_by_any_road() {
        const KEY: &str = "sk_test_EgOGusQGwp3oDH4mEVFvp7u7ED6UzpF5eHPrBI5AHumY7UBpOQIJz3ig1KI";
        const STRIPE: &str = "rk_live_4eC39HqLyjWDarjtT1zdp7dc";
        let work = || {
            tracing::info!("card 4242424242424242 with {KEY}");
            tracing::info!(note = "4242 4242 4242 4242", key = KEY, other = STRIPE);
            tracing::info!(
                number = 4_242_424_242_424_242_u64,
                signed = 4_242_424_242_424_242_i64,
                wide = 4_242_424_242_424_242_u128,
                float = 4_242_424_242_424_242_f64
            );
            tracing::info!(debug = ?("first\n4242424242424242", Some(KEY)), display = %format!("x\t{KEY}"));
            tracing::info!(error = &Outer(Inner) as &(dyn std::error::Error + 'static), "failed");
            tracing::info!(bytes = ?"4242-4242-4242-4242".as_bytes().escape_ascii().to_string(), header = "Bearer 4242424242424242");
            tracing::info!(authorization = "opaque-but-secret", cvc = 123, password = ?"opaque-but-secret");
            let span = tracing::info_span!("http_request", key = KEY, card = "4242424242424242", late = tracing::field::Empty);
            span.record("late", format!("key {STRIPE}\n4242424242424242"));
            span.in_scope(|| tracing::error!("inside"));
        };
        for format in [LogFormat::Json, LogFormat::Human] {
            let text = written(format, "trace", work);
            assert_eq!(text.lines().count(), 8, "{text}");
            for secret in ["4242424242424242", "4242 4242", "4242-4242", &KEY[8..], &KEY[8..24], &STRIPE[8..], "opaque-but-secret", "123"] {
                assert!(!text.contains(secret), "{secret} in\n{text}");
            }
            assert!(text.contains("payment not captured: provider refused card [card number]"), "{text}");
        }
    }

    #[test]
    fn overlong_lines_are_cut_and_say_so() {
        let lines = json_lines(|| {
            tracing::info!(text = "\u{1}".repeat(50_000), "{}", "\"".repeat(50_000));
            tracing::info!(
                a = "é".repeat(5_000),
                b = "b".repeat(5_000),
                c = "c".repeat(5_000),
                d = "d".repeat(5_000),
                e = "e".repeat(5_000),
                f = "f".repeat(5_000),
                g = "g!".repeat(5_000),
                h = "h!".repeat(5_000),
                i = "i!".repeat(5_000),
                trace_id = "4bf9",
                "short"
            );
            tracing::info!(endless = ?vec!["x!"; 1_000_000]);
        });
        assert_eq!(lines.len(), 3);
        assert!(lines[0]["message"].as_str().unwrap().ends_with("\"…"));
        assert!(lines[0]["message"].to_string().len() <= MESSAGE_BYTES_MAX);
        assert!(lines[0]["fields"]["text"].to_string().len() <= VALUE_BYTES_MAX);
        assert_eq!(lines[0].get("truncated"), None);
        assert_eq!((&lines[1]["truncated"], &lines[1]["fields"]["trace_id"]), (&json!(true), &json!("4bf9")));
        assert!(lines[1]["fields"]["a"].as_str().unwrap().ends_with("é…"));
        assert!(lines[2]["fields"]["endless"].as_str().unwrap().starts_with("[\"x!\", \"x!\""));
    }

    #[test]
    fn a_line_has_at_most_so_many_fields() {
        let names: Vec<&'static str> = (0..FIELDS_MAX + 8).map(|index| &*Box::leak(format!("field_{index}").into_boxed_str())).collect();
        let mut outer = crate::line::Fields::default();
        for name in names {
            outer.insert_for_test(name);
        }
        let line = crate::line::encode(LogFormat::Json, Timestamp::ZERO, tracing::Level::INFO, "test", &outer);
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["fields"].as_object().unwrap().len(), FIELDS_MAX);
        assert_eq!(value["truncated"], json!(true));
    }

    #[test]
    fn text_that_is_not_finite_or_not_ascii_stays_valid_json() {
        let lines = json_lines(|| {
            tracing::info!(nan = f64::NAN, up = f64::INFINITY, wide = u128::MAX, c1 = "\u{85}\u{7f}", crab = "🦀", "é\\\"\r\t")
        });
        assert_eq!(lines[0]["message"], json!("é\\\"\r\t"));
        assert_eq!((&lines[0]["fields"]["nan"], &lines[0]["fields"]["up"]), (&json!("NaN"), &json!("inf")));
        assert_eq!((&lines[0]["fields"]["c1"], &lines[0]["fields"]["crab"]), (&json!("\u{85}\u{7f}"), &json!("🦀")));
    }

    #[test]
    fn a_writer_that_fails_loses_the_line_and_nothing_else() {
        struct Full;

        impl Write for Full {
            fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
                Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        let subscriber = log_subscriber(LogFormat::Json, "info", || Full, || Timestamp::ZERO).unwrap();
        let reached = tracing::subscriber::with_default(subscriber, || {
            tracing::info!("lost");
            true
        });
        assert!(reached);
    }
}
