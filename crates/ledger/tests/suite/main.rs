//! The specification of the ledger: tables of events and outcomes, and properties against the model of the crate
//! `naive`, whose own tests compare many more histories. Read first: the tables, which are
//! texts of their own, and `fixture.rs` for their form.

mod bounds;
mod codec;
mod entries;
mod fixture;
mod history;
mod legs;
mod load;
mod metadata;
mod names;
mod platform_accounts;
mod properties;
mod snapshot;
mod tables;
