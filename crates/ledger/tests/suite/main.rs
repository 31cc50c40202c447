//! The specification of the ledger: tables of events and outcomes, and properties against the model of the crate
//! `naive`, whose own tests compare many more histories. Read first: `fixture.rs` for the form of the tables.

mod account_statuses;
mod chains;
mod codec;
mod entries;
mod fixture;
mod history;
mod legs;
mod load;
mod platform_accounts;
mod properties;
mod snapshot;
mod transfer_statuses;
mod two_phase;
