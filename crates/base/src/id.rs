//! Typed 128-bit ids with a prefixed text form: `pay_01jd…`, 26 characters of Crockford's base 32 after the prefix.
//!
//! An id is a type: two kinds never mix. The list below only grows.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_CHARS: usize = 26;

/// Why a text is not an id of the asked kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// The text does not start with this kind's prefix.
    Prefix {
        /// The prefix that was expected, without the underscore.
        expected: &'static str,
    },
    /// What follows the prefix is not 26 characters of the alphabet, or is larger than 128 bits.
    Body,
}

impl fmt::Display for IdError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix { expected } => write!(formatter, "an id of this kind starts with \"{expected}_\""),
            Self::Body => write!(formatter, "an id has {TEXT_CHARS} characters of 0-9 and a-z (without i, l, o, u) after its prefix"),
        }
    }
}

impl core::error::Error for IdError {}

/// Encodes 128 bits as 26 base-32 characters, most significant first.
pub fn encode_base32(value: u128) -> String {
    (0..TEXT_CHARS)
        .rev()
        .map(|position| {
            let digit = usize::try_from((value >> (5 * position)) & 31).expect("five bits fit a usize");
            char::from(ALPHABET[digit])
        })
        .collect()
}

/// Decodes what [`encode_base32`] wrote; `None` for anything else, upper case and overflow included.
pub fn parse_base32(text: &str) -> Option<u128> {
    if text.len() != TEXT_CHARS || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        Some((value << 5) | u128::try_from(digit).ok()?)
    })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(u128);

        impl $name {
            /// The text prefix of this kind, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// From the raw 128 bits.
            pub const fn from_u128(value: u128) -> Self {
                Self(value)
            }

            /// The raw 128 bits.
            pub const fn as_u128(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}_{}", $prefix, encode_base32(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let body = text
                    .strip_prefix($prefix)
                    .and_then(|rest| rest.strip_prefix('_'))
                    .ok_or(IdError::Prefix { expected: $prefix })?;
                parse_base32(body).map(Self).ok_or(IdError::Body)
            }
        }
    )+};
}

ids! {
    /// An API key's public part as an id of its own.
    ApiKeyId = "key";
    /// One attempt to take a payment at one provider.
    AttemptId = "att";
    /// One capture of an authorized payment.
    CaptureId = "cap";
    /// A customer of a merchant.
    CustomerId = "cus";
    /// One call that a provider must receive (and may have received) because the journal says so.
    EffectId = "eff";
    /// One call to a provider that moves no money.
    ErrandId = "err";
    /// One event of the journal; made of its sequence number.
    EventId = "evt";
    /// A merchant: the tenant that owns payments.
    MerchantId = "mer";
    /// A person or program that runs the platform.
    OperatorId = "opr";
    /// A payment.
    PaymentId = "pay";
    /// A payment method that a customer has stored; `pm_…` is what providers' tokens look like.
    PaymentMethodId = "pmt";
    /// A refund of a payment.
    RefundId = "ref";
    /// A person whose data is sealed under one key.
    SubjectId = "sub";
}

impl SubjectId {
    /// The platform itself as a subject: what it seals for itself. It is nobody's data and is never erased.
    pub const PLATFORM: Self = Self(0);
}

#[cfg(test)]
mod tests {
    use super::{IdError, MerchantId, PaymentId, encode_base32, parse_base32};

    #[test]
    fn the_text_form_returns_the_same_id() {
        for value in [0, 1, 31, 32, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let id = PaymentId::from_u128(value);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(parse_base32(&encode_base32(value)), Some(value));
        }
    }

    #[test]
    fn another_kind_and_malformed_bodies_are_refused() {
        let id = PaymentId::from_u128(7).to_string();
        assert_eq!(id.parse::<MerchantId>(), Err(IdError::Prefix { expected: "mer" }));
        for bad in ["pay_", "pay_1", "pay_8zzzzzzzzzzzzzzzzzzzzzzzzz", "pay_0000000000000000000000000I", "pay_000000000000000000000000é"] {
            assert_eq!(bad.parse::<PaymentId>(), Err(IdError::Body), "{bad}");
        }
    }
}
