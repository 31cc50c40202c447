//! Who is calling: API keys, as pure functions of their text, the caller's entropy and a pepper.
//!
//! A key is generated once ([`generate_key`]), shown once, and from then on known only by its public id and by an HMAC
//! ([`KeyRecord`]). A request's header is read by [`authorization_bearer`], checked without a look-up by [`parse_key`]
//! and compared with the record by [`ParsedKey::verify`]. What does not belong here: where records are kept, what a key
//! may do, randomness (the caller brings it) and clocks.

mod authorization;
mod base62;
mod key;

pub use authorization::{AUTHORIZATION_BYTES_MAX, AuthorizationError, authorization_bearer};
pub use key::{
    DIGEST_BYTES, ENTROPY_BYTES, KEY_CHARS, KeyError, KeyKind, KeyRecord, Mode, PEPPER_BYTES, PUBLIC_ID_CHARS, ParsedKey, Pepper, PublicId,
    PublicIdError, SCANNER_REGEX, generate_key, parse_key,
};
