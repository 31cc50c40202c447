//! Payment providers without I/O: what we ask becomes a request, what they answer becomes an [`base::Outcome`].
//!
//! Start with [`Connector`]; each provider is one module that implements it. The rest of the platform never matches on
//! a provider's name: what differs between providers is data in [`Capabilities`]. What does not belong here: sockets,
//! credentials, clocks, when to replay or look up (only the provider's defaults for it), anything about our payments.

mod connector;
mod form;
pub mod stripe;

pub use connector::{
    Call, Capabilities, CaptureMode, Connector, CredentialHeader, Decoded, EncodeError, Operation, Resolve, ResolveLadder, Rung, RungKind,
};
