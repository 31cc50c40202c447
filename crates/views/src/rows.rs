//! The rows that readers get, and how each is written to and read from its table. Column order is that of `schema.rs`.

mod event;
mod parts;
mod payment;
mod refund;

pub use event::{EventRow, LegRow};
pub use parts::{AttemptRow, CaptureRow, DisputeRow};
pub use payment::PaymentRow;
pub use refund::RefundRow;
