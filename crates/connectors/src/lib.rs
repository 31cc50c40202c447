//! Payment providers without I/O: what we ask becomes a request, what they answer becomes an [`base::Outcome`],
//! and what they say of their own accord a [`base::Notice`].
//!
//! Start with [`Connector`]; each provider is one module that implements it. The rest of the platform never matches on
//! a provider's name: what differs between providers is data in [`Capabilities`]. What does not belong here: sockets,
//! credentials, clocks, when to replay or look up (only the provider's defaults for it), anything about our payments.

mod connector;
mod form;
mod notices;
mod stored;
pub mod stripe;

pub use connector::{
    Call, Capabilities, CaptureMode, Connector, CredentialHeader, Decoded, EncodeError, Operation, Presence, Resolve, ResolveLadder, Rung,
    RungKind,
};
pub use notices::{EventsPage, EventsQuestion, NOTICE_BYTES_MAX, NOTICE_SECRETS_MAX, NoticeError, SweptEvent};
pub use stored::{Stored, StoredCard, StoredMethod, StoredOutcome};
