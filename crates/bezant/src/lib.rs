//! The composition root as a library, so that the deterministic simulation drives the same partition, key store and
//! request preparation as the binary does.
//!
//! Read first: [`partition`] (decide, encode, release; no threads), then [`sequencer`] (its threads and lanes), then
//! [`serve`] (everything wired together).

pub mod admin;
pub mod archive;
pub mod backup;
pub mod bell;
pub mod bench;
mod beside;
pub mod cli;
pub mod clock;
pub mod config;
pub mod door;
pub mod feed;
mod held;
pub mod installation;
pub mod keystore;
pub mod ledger_bench;
pub mod listener;
pub mod operate;
pub mod partition;
pub mod pay;
pub mod policy;
pub mod rebuild;
pub mod request;
pub mod runner;
pub mod secrets;
pub mod sequencer;
pub mod serve;
pub mod snapshots;
pub mod sweep;
pub mod traces;
pub mod usage;
pub mod webhooks;
pub mod workload;
