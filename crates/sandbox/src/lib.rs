//! Provider simulators that behave like the real ones, faults included.
//!
//! Two layers live here. [`stripe::Stripe`] is a deterministic core without sockets, clock or threads:
//! a request and a time go in, an answer and an instruction for the transport come out. [`server`] puts
//! it behind HTTP, [`delivery`] sends its webhooks, and [`log`] makes it survive a killed process. What the simulator knows about the
//! money it moved is its truth ledger ([`stripe::truth`]), which no fault can falsify.
//!
//! Not here: any code of the platform under test. The crate depends on none of its crates, so that a
//! shared mistake cannot hide.

pub mod delivery;
pub mod form;
pub mod json;
pub mod latency;
pub mod log;
pub mod random;
pub mod server;
pub mod signature;
pub mod stripe;
pub mod wire;
