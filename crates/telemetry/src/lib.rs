//! What operators see: the inventory of metrics, spans and log fields with their units, log lines that cannot show card
//! numbers or keys, and W3C trace context.
//!
//! [`names`] is the inventory; no other crate invents a name. [`init_logs`] installs the only writer of log lines,
//! [`install_metrics`] the only recorder of metrics. What does not belong here: deciding what is worth a log line or a
//! metric, HTTP, configuration.

pub mod names;

mod current;
mod histogram;
mod line;
mod logs;
mod recorder;
mod redact;
mod trace_context;

pub use current::{current_trace, in_current_trace, in_trace};
pub use histogram::Histogram;
pub use line::{FIELDS_MAX, LINE_BYTES_MAX, LogFormat, MESSAGE_BYTES_MAX, VALUE_BYTES_MAX};
pub use logs::{LogError, init_logs, log_subscriber};
pub use recorder::{MetricsHandle, install_metrics};
pub use redact::{TEXT_BYTES_MAX, redact};
pub use trace_context::{TRACEPARENT, TRACEPARENT_BYTES_MAX, TraceContext, TraceContextError};
