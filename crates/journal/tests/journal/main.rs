//! The journal's specification: the suite for every backend, the bytes on disk, the rule for the tail, and crashes.

mod backends;
mod crashes;
mod damage;
mod failures;
mod format;
mod live;
mod snapshots;
mod support;
mod table;
mod table_crashes;
mod table_damage;
mod table_model;
mod tools;
