//! The rows that readers get, and how each is written to and read from its table. Column order is that of `schema.rs`.

mod customer;
mod dispute;
mod event;
mod parts;
mod payment;
mod refund;
mod webhook;

pub use customer::{CustomerRow, PaymentMethodRow};
pub use dispute::{DisputeId, DisputeRow};
pub use event::{EventRow, LegRow};
pub use parts::{AttemptRow, CaptureRow};
pub use payment::PaymentRow;
pub use refund::RefundRow;
pub(crate) use webhook::NewWebhook;
pub use webhook::WebhookRow;
