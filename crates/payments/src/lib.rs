//! Life cycles of payments, attempts, captures, refunds, disputes and stored payment methods as transition tables, and the ledger legs that
//! each step posts. Pure: no state is kept here; the engine asks and applies.
//!
//! Read first: [`lifecycle`] for what may follow what, [`postings`] for what each step does to the books.

pub mod lifecycle;
pub mod postings;

pub use lifecycle::{
    AttemptInput, AttemptStatus, CaptureInput, CaptureStatus, DisputeInput, DisputeStatus, PaymentInput, PaymentStatus, RefundInput,
    RefundStatus, StoredMethodInput, StoredMethodStatus,
};
pub use postings::{AccountKind, Books};
