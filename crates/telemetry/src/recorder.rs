//! The one recorder of metrics, and its Prometheus text form. Which metrics there are is said in [`crate::names`].

use crate::names::{self, METRICS, MetricKind};
use core::fmt;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

/// Reads the recorded metrics. Clones read the same ones.
#[derive(Clone)]
pub struct MetricsHandle(PrometheusHandle);

impl MetricsHandle {
    /// All metrics in Prometheus' text format, version 0.0.4.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds the observations of histograms into their buckets. [`MetricsHandle::render`] does so too; call this every
    /// few seconds all the same, because between two folds every single observation is kept in memory.
    pub fn fold_observations(&self) {
        self.0.run_upkeep();
    }
}

impl fmt::Debug for MetricsHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MetricsHandle")
    }
}

/// Installs the recorder for the whole process and describes every metric. A second call returns the first's handle.
///
/// # Panics
/// If another crate has installed a recorder of its own: metrics would silently go nowhere.
pub fn install_metrics() -> MetricsHandle {
    static HANDLE: OnceLock<MetricsHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let recorder = recorder();
            let handle = MetricsHandle(recorder.handle());
            let installed = metrics::set_global_recorder(Remembering::new(recorder)).is_ok();
            assert!(installed, "no other crate installs a recorder of metrics");
            names::describe_all();
            handle
        })
        .clone()
}

fn recorder() -> PrometheusRecorder {
    let mut builder = PrometheusBuilder::new().with_recommended_naming(false);
    for metric in METRICS {
        if let MetricKind::Histogram { buckets } = metric.kind {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)
                .expect("every histogram of the inventory has buckets, as its test proves");
        }
    }
    builder.build_recorder()
}

/// Remembers every series that was once asked for. The recorder beneath copies name and labels of a series each time it is
/// asked, which costs a payment more than what is recorded.
struct Remembering<R> {
    recorder: R,
    counters: Series<Counter>,
    gauges: Series<Gauge>,
    histograms: Series<Histogram>,
}

/// Series by the hash of their keys. There are as many as combinations of labels, which come from closed sets.
struct Series<T>(RwLock<HashMap<u64, Vec<(Key, T)>>>);

impl<T: Clone> Series<T> {
    fn new() -> Self {
        Self(RwLock::default())
    }

    fn get(&self, key: &Key, register: impl FnOnce() -> T) -> T {
        let known = |series: &HashMap<u64, Vec<(Key, T)>>| {
            let same = series.get(&key.get_hash())?;
            same.iter().find(|(known, _)| known == key).map(|(_, found)| found.clone())
        };
        if let Some(found) = known(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return found;
        }
        let mut series = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known(&series).unwrap_or_else(|| {
            let made = register();
            series.entry(key.get_hash()).or_default().push((key.clone(), made.clone()));
            made
        })
    }
}

impl<R> Remembering<R> {
    fn new(recorder: R) -> Self {
        Self { recorder, counters: Series::new(), gauges: Series::new(), histograms: Series::new() }
    }
}

impl<R: Recorder> Recorder for Remembering<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.counters.get(key, || self.recorder.register_counter(key, metadata))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.gauges.get(key, || self.recorder.register_gauge(key, metadata))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.histograms.get(key, || self.recorder.register_histogram(key, metadata))
    }
}

#[cfg(test)]
mod tests {
    use super::{Remembering, install_metrics, recorder};
    use crate::names::{self, METRICS, MetricKind};

    #[test]
    fn every_metric_is_rendered_with_its_kind_meaning_and_labels() {
        let recorder = recorder();
        let handle = recorder.handle();
        let recorder = Remembering::new(recorder);
        metrics::with_local_recorder(&recorder, || {
            names::describe_all();
            // Twice: the first time a series is made, the second time it is known.
            for metric in METRICS.iter().chain(METRICS) {
                let labels: Vec<metrics::Label> = metric.labels.iter().map(|label| metrics::Label::new(*label, "x")).collect();
                match metric.kind {
                    MetricKind::Counter => metrics::counter!(metric.name, labels).increment(3),
                    MetricKind::Gauge => metrics::gauge!(metric.name, labels).set(3.0),
                    MetricKind::Histogram { buckets } => metrics::histogram!(metric.name, labels).record(buckets[0]),
                }
            }
        });
        handle.run_upkeep();
        let text = handle.render();
        for metric in METRICS {
            let name = metric.name;
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("{label}=\"x\"")).collect();
            let (kind, sample) = match metric.kind {
                MetricKind::Counter => ("counter", sample(name, &labels, "6")),
                MetricKind::Gauge => ("gauge", sample(name, &labels, "3")),
                MetricKind::Histogram { buckets } => {
                    let bounded = [labels, vec![format!("le=\"{}\"", buckets[0])]].concat();
                    ("histogram", sample(&format!("{name}_bucket"), &bounded, "2"))
                }
            };
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}\n{text}");
            assert!(text.contains(&format!("# HELP {name} {}\n", metric.help)), "{name}\n{text}");
            assert!(text.contains(&sample), "{sample}\n{text}");
        }
    }

    fn sample(name: &str, labels: &[String], value: &str) -> String {
        if labels.is_empty() { format!("\n{name} {value}\n") } else { format!("\n{name}{{{}}} {value}\n", labels.join(",")) }
    }

    #[test]
    fn metrics_without_labels_start_at_zero() {
        let recorder = recorder();
        metrics::with_local_recorder(&recorder, names::describe_all);
        let text = recorder.handle().render();
        for name in [names::POISON_COMMANDS_TOTAL, names::UNKNOWN_OPEN, names::CLOCK_JUMP_SUSPENDED] {
            assert!(text.contains(&format!("\n{name} 0\n")), "{text}");
        }
    }

    #[test]
    fn observations_land_in_the_explicit_buckets() {
        let recorder = recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            let histogram = metrics::histogram!(names::JOURNAL_FDATASYNC_DURATION_SECONDS);
            for seconds in [0.000_05, 0.001, 0.0011, 60.0] {
                histogram.record(seconds);
            }
        });
        let text = handle.render();
        for line in [
            "journal_fdatasync_duration_seconds_bucket{le=\"0.0001\"} 1",
            "journal_fdatasync_duration_seconds_bucket{le=\"0.001\"} 2",
            "journal_fdatasync_duration_seconds_bucket{le=\"0.0025\"} 3",
            "journal_fdatasync_duration_seconds_bucket{le=\"10\"} 3",
            "journal_fdatasync_duration_seconds_bucket{le=\"+Inf\"} 4",
            "journal_fdatasync_duration_seconds_count 4",
        ] {
            assert!(text.lines().any(|rendered| rendered == line), "{line}\n{text}");
        }
    }

    #[test]
    fn installing_twice_returns_the_same_metrics() {
        let first = install_metrics();
        metrics::counter!(names::SHED_TOTAL, "lane" => "test").increment(5);
        let second = install_metrics();
        second.fold_observations();
        for handle in [first, second] {
            assert!(handle.render().contains("\nshed_total{lane=\"test\"} 5\n"), "{}", handle.render());
        }
    }
}
