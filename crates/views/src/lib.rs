//! Read models: journaled events as rows of an SQLite file, each with the sequence number of the event that last
//! changed it.
//!
//! The file is disposable. A [`Writer`] rebuilds it from the journal whenever it is missing, damaged or of another
//! schema; a [`Reader`] answers lists, searches and journeys from it. No decision about money reads it: those are
//! made on the engine's state. Personal data is here as it is in the journal: sealed. What does not live here: the
//! journal, decoding of event bytes, keys that open sealed bytes, the form of answers in the API.
//!
//! Read first: `schema.rs` for the tables, `project/` for what an event does to a row, `writer.rs` for how rows are
//! written quickly.

mod cells;
mod codes;
mod cursor;
mod error;
mod file;
mod lookup;
mod project;
mod reader;
mod rows;
mod schema;
mod store;
mod writer;

/// Version of the tables and of what events do to rows.
pub const SCHEMA_VERSION: u64 = schema::VERSION.unsigned_abs();

pub use cursor::{Cursor, CursorError, CursorKind};
pub use error::{Error, RebuildReason};
pub use file::{FileStatus, inspect_file, install, remove};
pub use reader::{
    DisputeFilter, EventFilter, Found, MerchantRow, Order, PAGE_ROWS_MAX, Page, PageOf, PaymentFilter, Reader, RefundFilter, SCAN_ROWS_MAX,
    SEARCH_MERCHANTS_MAX, SEARCH_RESULTS_MAX, Scope, SearchResults, WebhookFilter,
};
pub use rows::{
    AttemptRow, CaptureRow, CustomerRow, DisputeId, DisputeRow, EventRow, LegRow, PaymentMethodRow, PaymentRow, RefundRow, WebhookRow,
};
pub use writer::Writer;
