//! How single values travel: one type of the engine, one type of the schema, both directions side by side.
//!
//! Limits are checked twice: before a value is written, where a violation is a bug and panics rather than leave an
//! event behind that can't be read again, and after it was read, where it is an error.

use crate::error::{FieldError, FieldProblem};
use base::{
    Currency, CustomerId, EffectId, ErrandId, MerchantId, OperatorId, PaymentId, PaymentMethodId, RefundId, SubjectId, Timestamp, limits,
};

use ledger::{ACCOUNT_SIZE_BYTES, Account, AccountName, Items, Metadata};

/// Longest text in an event, in bytes. Far above each text's own limit, which is checked where the text comes in: a
/// reader must never be stricter than any writer was.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Longest sealed value in an event, in bytes: room for JSON escapes around what is allowed, nonce and tag included.
pub const SEALED_BYTES_MAX: usize = 256 * 1024;

const _: () = assert!(limits::PAYMENT_METHOD_BYTES_MAX <= TEXT_BYTES_MAX);
const _: () = assert!(limits::REFERENCE_BYTES_MAX <= TEXT_BYTES_MAX);
const _: () = assert!(limits::PROVIDER_REQUEST_BYTES_MAX < SEALED_BYTES_MAX);
/// In JSON one byte becomes at most six, `\u001f`.
const ESCAPED_BYTES_MAX: usize = 6;
const _: () = assert!(
    ESCAPED_BYTES_MAX
        * (limits::METADATA_ENTRIES_MAX * (limits::METADATA_KEY_BYTES_MAX + limits::METADATA_VALUE_BYTES_MAX)
            + limits::REFERENCE_BYTES_MAX
            + limits::EMAIL_BYTES_MAX
            + limits::DESCRIPTION_BYTES_MAX)
        < SEALED_BYTES_MAX
);

/// A value as a field of the schema.
pub(crate) trait Wire: Sized {
    /// The field's type in the generated code.
    type Proto;

    /// The field.
    fn encode(&self) -> Self::Proto;

    /// The value of the field with this name.
    fn decode(proto: Self::Proto, field: &'static str) -> Result<Self, FieldError>;
}

/// The same type on both sides.
macro_rules! plain {
    ($($type:ty),+) => {$(
        impl Wire for $type {
            type Proto = $type;

            fn encode(&self) -> $type {
                *self
            }

            fn decode(proto: $type, _field: &'static str) -> Result<Self, FieldError> {
                Ok(proto)
            }
        }
    )+};
}

plain!(bool, u32, u64);

/// Ids as 16 bytes, most significant first, so that they sort as numbers do.
macro_rules! ids {
    ($($type:ty),+) => {$(
        impl Wire for $type {
            type Proto = Vec<u8>;

            fn encode(&self) -> Vec<u8> {
                self.as_u128().encode()
            }

            fn decode(proto: Vec<u8>, field: &'static str) -> Result<Self, FieldError> {
                u128::decode(proto, field).map(Self::from_u128)
            }
        }
    )+};
}

ids!(CustomerId, EffectId, ErrandId, MerchantId, OperatorId, PaymentId, PaymentMethodId, RefundId, SubjectId);

/// Values that may be absent, where the schema says `optional`.
macro_rules! optional {
    ($($type:ty),+) => {$(
        impl Wire for Option<$type> {
            type Proto = Option<<$type as Wire>::Proto>;

            fn encode(&self) -> Self::Proto {
                self.as_ref().map(Wire::encode)
            }

            fn decode(proto: Self::Proto, field: &'static str) -> Result<Self, FieldError> {
                proto.map(|present| <$type>::decode(present, field)).transpose()
            }
        }
    )+};
}

optional!([u8; 16], EffectId, ErrandId, PaymentId, PaymentMethodId, RefundId, String, Timestamp, u16, u64);

impl Wire for u128 {
    type Proto = Vec<u8>;

    fn encode(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn decode(proto: Vec<u8>, field: &'static str) -> Result<Self, FieldError> {
        <[u8; 16]>::decode(proto, field).map(Self::from_be_bytes)
    }
}

impl<const BYTES: usize> Wire for [u8; BYTES] {
    type Proto = Vec<u8>;

    fn encode(&self) -> Vec<u8> {
        self.to_vec()
    }

    fn decode(proto: Vec<u8>, field: &'static str) -> Result<Self, FieldError> {
        let problem = FieldProblem::Length { bytes: proto.len(), expected_bytes: BYTES };
        Self::try_from(proto).map_err(|_| FieldError { field, problem })
    }
}

impl Wire for u16 {
    type Proto = u32;

    fn encode(&self) -> u32 {
        u32::from(*self)
    }

    fn decode(proto: u32, field: &'static str) -> Result<Self, FieldError> {
        let problem = FieldProblem::TooLarge { value: proto, value_max: u32::from(Self::MAX) };
        Self::try_from(proto).map_err(|_| FieldError { field, problem })
    }
}

impl Wire for Timestamp {
    type Proto = u64;

    fn encode(&self) -> u64 {
        self.ns()
    }

    fn decode(proto: u64, _field: &'static str) -> Result<Self, FieldError> {
        Ok(Self::from_ns(proto))
    }
}

impl Wire for Currency {
    type Proto = u32;

    fn encode(&self) -> u32 {
        u32::from(self.numeric())
    }

    fn decode(proto: u32, field: &'static str) -> Result<Self, FieldError> {
        let numeric = u16::try_from(proto).ok();
        numeric.and_then(Self::from_numeric).ok_or(FieldError { field, problem: FieldProblem::UnknownCurrency })
    }
}

impl Wire for String {
    type Proto = Self;

    fn encode(&self) -> Self {
        assert!(self.len() <= TEXT_BYTES_MAX, "a text of {} bytes reached the journal; the limit is {TEXT_BYTES_MAX}", self.len());
        self.clone()
    }

    fn decode(proto: Self, field: &'static str) -> Result<Self, FieldError> {
        check_length(proto.len(), TEXT_BYTES_MAX, field)?;
        Ok(proto)
    }
}

impl Wire for Vec<u8> {
    type Proto = Self;

    fn encode(&self) -> Self {
        assert!(self.len() <= SEALED_BYTES_MAX, "a value of {} bytes reached the journal; the limit is {SEALED_BYTES_MAX}", self.len());
        self.clone()
    }

    fn decode(proto: Self, field: &'static str) -> Result<Self, FieldError> {
        check_length(proto.len(), SEALED_BYTES_MAX, field)?;
        Ok(proto)
    }
}

/// Numbers of 128 bits one after the other, each as 16 bytes, most significant first.
impl Wire for Vec<u128> {
    type Proto = Vec<u8>;

    fn encode(&self) -> Vec<u8> {
        self.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn decode(proto: Vec<u8>, field: &'static str) -> Result<Self, FieldError> {
        let (numbers, rest) = proto.as_chunks::<16>();
        check_whole(&proto, rest, 16, field)?;
        Ok(numbers.iter().map(|bytes| u128::from_be_bytes(*bytes)).collect())
    }
}

/// Accounts one after the other, each as the ledger's record of 128 bytes.
impl Wire for Vec<Account> {
    type Proto = Vec<u8>;

    fn encode(&self) -> Vec<u8> {
        self.iter().flat_map(Account::encode).collect()
    }

    fn decode(proto: Vec<u8>, field: &'static str) -> Result<Self, FieldError> {
        let (records, rest) = proto.as_chunks::<ACCOUNT_SIZE_BYTES>();
        check_whole(&proto, rest, ACCOUNT_SIZE_BYTES, field)?;
        let malformed = |_| FieldError { field, problem: FieldProblem::Record };
        records.iter().map(|record| Account::decode(record).map_err(malformed)).collect()
    }
}

/// A text of an item as bytes.
trait ItemText: Sized {
    fn as_bytes(&self) -> &[u8];
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl ItemText for Metadata {
    fn as_bytes(&self) -> &[u8] {
        self.as_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::decode(bytes)
    }
}

impl ItemText for AccountName {
    fn as_bytes(&self) -> &[u8] {
        self.as_str().as_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().and_then(Self::parse)
    }
}

/// Texts of items one after the other, in order of the items: the item's number and the length, each as 2 bytes, least significant
/// first, and the text.
impl<T: ItemText> Wire for Items<T> {
    type Proto = Vec<u8>;

    fn encode(&self) -> Vec<u8> {
        let mut proto = Vec::new();
        for (item, text) in self.iter() {
            let text = text.as_bytes();
            proto.extend_from_slice(&item.to_le_bytes());
            proto.extend_from_slice(&u16::try_from(text.len()).expect("a text of an item is limited").to_le_bytes());
            proto.extend_from_slice(text);
        }
        proto
    }

    fn decode(proto: Vec<u8>, field: &'static str) -> Result<Self, FieldError> {
        let malformed = FieldError { field, problem: FieldProblem::ItemText };
        let (mut items, mut next_item, mut rest) = (Self::NONE, 0, proto.as_slice());
        while !rest.is_empty() {
            let (item, text) = take_item_text(&mut rest).filter(|(item, _)| *item >= next_item).ok_or(malformed)?;
            items.push(item, T::from_bytes(text).ok_or(malformed)?);
            next_item = item + 1;
        }
        Ok(items)
    }
}

fn take_item_text<'a>(rest: &mut &'a [u8]) -> Option<(usize, &'a [u8])> {
    let (item, after) = rest.split_first_chunk::<2>()?;
    let (bytes, after) = after.split_first_chunk::<2>()?;
    let (text, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*bytes)))?;
    *rest = after;
    Some((usize::from(u16::from_le_bytes(*item)), text))
}

/// Refuses a row of records of which the last is cut off.
fn check_whole(proto: &[u8], rest: &[u8], record_bytes: usize, field: &'static str) -> Result<(), FieldError> {
    if rest.is_empty() {
        return Ok(());
    }
    let expected_bytes = proto.len().next_multiple_of(record_bytes);
    Err(FieldError { field, problem: FieldProblem::Length { bytes: proto.len(), expected_bytes } })
}

fn check_length(bytes: usize, bytes_max: usize, field: &'static str) -> Result<(), FieldError> {
    if bytes > bytes_max {
        return Err(FieldError { field, problem: FieldProblem::TooLong { bytes, bytes_max } });
    }
    Ok(())
}
