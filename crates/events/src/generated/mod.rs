//! Rust code made from `proto/`, checked in so that building needs no Protobuf compiler. Never edited by hand: the test
//! `the_generated_code_matches_the_schema` compares it with the schema, and writes it anew with `BEZANT_UPDATE=1`.
//!
//! The test needs a crate that compiles: change the schema first, write the code anew, then change the engine and the
//! tables of this crate.

#[allow(clippy::all, missing_docs)]
#[rustfmt::skip]
pub(crate) mod v0;
#[allow(clippy::all, missing_docs)]
#[rustfmt::skip]
pub(crate) mod v1;
