//! What providers say of their own accord, by webhook or in their list of events: the errors and pages of it. What a
//! message says is [`base::Notice`]; how a provider signs and words it lives with the provider.

use base::{Notice, Timestamp};

/// Largest webhook, or event of a list, that is read, in bytes.
pub const NOTICE_BYTES_MAX: usize = 256 * 1024;
/// Most secrets that a webhook is compared with: one, and those that are being rolled.
pub const NOTICE_SECRETS_MAX: usize = 16;

/// Why a webhook is refused, in order of precedence. The texts say nothing that helps to forge one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// The body is larger than [`NOTICE_BYTES_MAX`].
    #[error("the message is larger than {NOTICE_BYTES_MAX} bytes")]
    TooLarge,
    /// There is no signature header, or it is empty.
    #[error("the signature header is missing")]
    SignatureMissing,
    /// The signature header is too long, has no time or two different ones, or has no signature of a scheme that counts
    /// or too many of them.
    #[error("the signature header is malformed")]
    SignatureMalformed,
    /// No signature fits any of the secrets.
    #[error("no signature fits a secret of this endpoint")]
    SignatureMismatch,
    /// The message is genuine, and was signed too long ago or too far in the future.
    #[error("the signature's time is outside the tolerance")]
    TimestampOutOfTolerance,
    /// The message names neither itself nor what happened, so that it could not even be kept.
    #[error("the message has no readable id and type")]
    Unreadable,
}

/// Which events to list, of those that [`crate::Connector::encode_events`] asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsQuestion {
    /// Events that happened then or later, by the provider's clock and to its second.
    pub created_from: Timestamp,
    /// The [`EventsPage::last_event_id`] of the page before; `None` for the first.
    pub starting_after: Option<String>,
}

/// One event of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweptEvent {
    /// The event's JSON as it came, for keeping: [`crate::Connector::parse_notice`] reads the same notice from it.
    pub raw: Vec<u8>,
    /// What it says.
    pub notice: Notice,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsPage {
    /// The readable ones in the provider's order: newest first, so that a sweep walks back to its beginning.
    pub events: Vec<SweptEvent>,
    /// How many more there were that could not be read.
    pub unreadable_count: usize,
    /// The last event of the page whose id could be read. A sweep goes on after it and at worst meets some events twice.
    pub last_event_id: Option<String>,
    /// Whether older events are left. Together with a `last_event_id` of `None` the sweep cannot go on.
    pub has_more: bool,
}
