//! The records of a ledger as JSON: fields named as in the reference, integers of 64 and 128 bits as decimal strings, flags as
//! lists of names. Numbers are read where strings are written, too; omitted fields are zero.

use super::texts::{AccountExtras, FoundAccount, FoundTransfer, MetadataRecord, TransferExtras};
use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;
use ledger::{Account, AccountFlags, Transfer, TransferFlags};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// An integer that is written as a decimal string and read from a string or a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Integer<T>(
    /// The integer.
    pub T,
);

impl<T: fmt::Display> Serialize for Integer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr + TryFrom<u64>> Deserialize<'de> for Integer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor(PhantomData)).map(Self)
    }
}

struct IntegerVisitor<T>(PhantomData<T>);

impl<T: FromStr + TryFrom<u64>> Visitor<'_> for IntegerVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an integer of {} bits without a sign, as a decimal string or a number", 8 * size_of::<T>())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        T::try_from(value).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<T, E> {
        let is_decimal = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = if is_decimal { value.parse().ok() } else { None };
        parsed.ok_or_else(|| E::invalid_value(de::Unexpected::Str(value), &self))
    }
}

/// Reads a smaller integer, which is written as a number.
///
/// # Errors
/// When it is no integer, or does not fit.
pub fn small<'de, T: FromStr + TryFrom<u64>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Integer::deserialize(deserializer).map(|Integer(value)| value)
}

/// The names of a set of flags, from the lowest bit on.
pub trait Names {
    /// The names.
    const NAMES: &'static [&'static str];
}

/// Flags as a list of names; a bit without a name is `bit_N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags<N> {
    /// The set as bits.
    pub bits: u16,
    names: PhantomData<N>,
}

impl<N> Flags<N> {
    const fn new(bits: u16) -> Self {
        Self { bits, names: PhantomData }
    }
}

impl<N> Default for Flags<N> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<N: Names> Serialize for Flags<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let set = (0..16_usize).filter(|bit| self.bits & (1 << bit) != 0);
        serializer.collect_seq(set.map(|bit| N::NAMES.get(bit).map_or_else(|| format!("bit_{bit}"), |name| (*name).to_owned())))
    }
}

impl<'de, N: Names> Deserialize<'de> for Flags<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut bits = 0;
        for name in Vec::<String>::deserialize(deserializer)? {
            let nameless = || name.strip_prefix("bit_")?.parse().ok().filter(|bit| (N::NAMES.len()..16).contains(bit));
            let bit = N::NAMES.iter().position(|known| *known == name).or_else(nameless);
            bits |= 1 << bit.ok_or_else(|| de::Error::unknown_variant(&name, N::NAMES))?;
        }
        Ok(Self::new(bits))
    }
}

/// Whose flags they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfAccounts;

impl Names for OfAccounts {
    const NAMES: &'static [&'static str] =
        &["linked", "debits_must_not_exceed_credits", "credits_must_not_exceed_debits", "history", "imported", "closed"];
}

/// Whose flags they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfTransfers;

impl Names for OfTransfers {
    const NAMES: &'static [&'static str] = &[
        "linked",
        "pending",
        "post_pending_transfer",
        "void_pending_transfer",
        "balancing_debit",
        "balancing_credit",
        "closing_debit",
        "closing_credit",
        "imported",
    ];
}

/// An account, asked for or found.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccountRecord {
    /// Made by the caller: neither 0 nor 2^128 − 1.
    #[schema(value_type = String, example = "1")]
    id: Integer<u128>,
    /// Debits that pending transfers reserve; 0 in a request.
    #[schema(value_type = String, example = "1")]
    debits_pending: Integer<u128>,
    /// Debits that happened; 0 in a request.
    #[schema(value_type = String, example = "1")]
    debits_posted: Integer<u128>,
    /// Credits that pending transfers reserve; 0 in a request.
    #[schema(value_type = String, example = "1")]
    credits_pending: Integer<u128>,
    /// Credits that happened; 0 in a request.
    #[schema(value_type = String, example = "1")]
    credits_posted: Integer<u128>,
    /// The caller's own, 128 bits.
    #[schema(value_type = String, example = "1")]
    user_data_128: Integer<u128>,
    /// The caller's own, 64 bits.
    #[schema(value_type = String, example = "1")]
    user_data_64: Integer<u64>,
    /// The caller's own, 32 bits.
    #[serde(deserialize_with = "small")]
    user_data_32: u32,
    /// Always 0.
    #[serde(deserialize_with = "small")]
    reserved: u32,
    /// The unit of account, not 0: only accounts of one ledger transact with each other.
    #[serde(deserialize_with = "small")]
    ledger: u32,
    /// The caller's own code, not 0.
    #[serde(deserialize_with = "small")]
    code: u16,
    /// Names of flags.
    #[schema(value_type = Vec<String>)]
    flags: Flags<OfAccounts>,
    /// When it was created, in nanoseconds since 1970; 0 in a request unless imported.
    #[schema(value_type = String, example = "1")]
    timestamp: Integer<u64>,
    /// What the account is called, for ever and unique in its ledger: a letter, then letters, digits and `_`, `-`, `.`, `:`, 64 in
    /// all. Absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "merchant:acme:available", required = false)]
    name: Option<String>,
    /// The caller's own pairs of text, for ever as they were created: at most 50 with keys of at most 40 bytes, and 1,024 bytes
    /// together, of which each pair takes 3. Absent when there are none.
    #[serde(skip_serializing_if = "MetadataRecord::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, String>, required = false)]
    metadata: MetadataRecord,
}

impl AccountRecord {
    /// The account that is asked for, and what it is to have besides.
    pub fn into_parts(self) -> (Account, AccountExtras) {
        let record = self;
        let account = Account {
            id: record.id.0,
            debits_pending: record.debits_pending.0,
            debits_posted: record.debits_posted.0,
            credits_pending: record.credits_pending.0,
            credits_posted: record.credits_posted.0,
            user_data_128: record.user_data_128.0,
            user_data_64: record.user_data_64.0,
            user_data_32: record.user_data_32,
            reserved: record.reserved,
            ledger: record.ledger,
            code: record.code,
            flags: AccountFlags::from_bits(record.flags.bits),
            timestamp: record.timestamp.0,
        };
        (account, AccountExtras { name: record.name, metadata: record.metadata })
    }
}

impl From<FoundAccount> for AccountRecord {
    fn from(found: FoundAccount) -> Self {
        let FoundAccount { account, name, metadata } = found;
        Self { name: name.map(String::from), metadata: metadata.into(), ..Self::from(account) }
    }
}

/// Without what an account may have besides its record.
impl From<Account> for AccountRecord {
    fn from(account: Account) -> Self {
        Self {
            id: Integer(account.id),
            debits_pending: Integer(account.debits_pending),
            debits_posted: Integer(account.debits_posted),
            credits_pending: Integer(account.credits_pending),
            credits_posted: Integer(account.credits_posted),
            user_data_128: Integer(account.user_data_128),
            user_data_64: Integer(account.user_data_64),
            user_data_32: account.user_data_32,
            reserved: account.reserved,
            ledger: account.ledger,
            code: account.code,
            flags: Flags::new(account.flags.bits()),
            timestamp: Integer(account.timestamp),
            name: None,
            metadata: MetadataRecord::default(),
        }
    }
}

/// A transfer, asked for or found.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TransferRecord {
    /// Made by the caller: neither 0 nor 2^128 − 1.
    #[schema(value_type = String, example = "1")]
    id: Integer<u128>,
    /// The account that is debited.
    #[schema(value_type = String, example = "1")]
    debit_account_id: Integer<u128>,
    /// The account that is credited.
    #[schema(value_type = String, example = "1")]
    credit_account_id: Integer<u128>,
    /// In the ledger's own unit.
    #[schema(value_type = String, example = "1")]
    amount: Integer<u128>,
    /// The pending transfer that this one posts or voids.
    #[schema(value_type = String, example = "1")]
    pending_id: Integer<u128>,
    /// The caller's own, 128 bits.
    #[schema(value_type = String, example = "1")]
    user_data_128: Integer<u128>,
    /// The caller's own, 64 bits.
    #[schema(value_type = String, example = "1")]
    user_data_64: Integer<u64>,
    /// The caller's own, 32 bits.
    #[serde(deserialize_with = "small")]
    user_data_32: u32,
    /// Seconds until a pending transfer expires; 0 means never.
    #[serde(deserialize_with = "small")]
    timeout: u32,
    /// The unit of account, not 0: only accounts of one ledger transact with each other.
    #[serde(deserialize_with = "small")]
    ledger: u32,
    /// The caller's own code, not 0.
    #[serde(deserialize_with = "small")]
    code: u16,
    /// Names of flags.
    #[schema(value_type = Vec<String>)]
    flags: Flags<OfTransfers>,
    /// When it was created, in nanoseconds since 1970; 0 in a request unless imported.
    #[schema(value_type = String, example = "1")]
    timestamp: Integer<u64>,
    /// In a request, the name of the account that is debited, instead of its id. `ledger` says where to look for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "merchant:acme:available", required = false)]
    debit_account: Option<String>,
    /// In a request, the name of the account that is credited, instead of its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    credit_account: Option<String>,
    /// The caller's own pairs of text, for ever as they were created: at most 50 with keys of at most 40 bytes, and 1,024 bytes
    /// together, of which each pair takes 3. Absent when there are none.
    #[serde(skip_serializing_if = "MetadataRecord::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, String>, required = false)]
    metadata: MetadataRecord,
}

impl TransferRecord {
    /// The transfer that is asked for, and what it is to have besides.
    pub fn into_parts(self) -> (Transfer, TransferExtras) {
        let record = self;
        let transfer = Transfer {
            id: record.id.0,
            debit_account_id: record.debit_account_id.0,
            credit_account_id: record.credit_account_id.0,
            amount: record.amount.0,
            pending_id: record.pending_id.0,
            user_data_128: record.user_data_128.0,
            user_data_64: record.user_data_64.0,
            user_data_32: record.user_data_32,
            timeout_s: record.timeout,
            ledger: record.ledger,
            code: record.code,
            flags: TransferFlags::from_bits(record.flags.bits),
            timestamp: record.timestamp.0,
        };
        let Self { debit_account, credit_account, metadata, .. } = record;
        (transfer, TransferExtras { debit_account, credit_account, metadata })
    }
}

impl From<FoundTransfer> for TransferRecord {
    fn from(found: FoundTransfer) -> Self {
        let FoundTransfer { transfer, metadata } = found;
        Self { metadata: metadata.into(), ..Self::from(transfer) }
    }
}

/// Without what a transfer may have besides its record.
impl From<Transfer> for TransferRecord {
    fn from(transfer: Transfer) -> Self {
        Self {
            id: Integer(transfer.id),
            debit_account_id: Integer(transfer.debit_account_id),
            credit_account_id: Integer(transfer.credit_account_id),
            amount: Integer(transfer.amount),
            pending_id: Integer(transfer.pending_id),
            user_data_128: Integer(transfer.user_data_128),
            user_data_64: Integer(transfer.user_data_64),
            user_data_32: transfer.user_data_32,
            timeout: transfer.timeout_s,
            ledger: transfer.ledger,
            code: transfer.code,
            flags: Flags::new(transfer.flags.bits()),
            timestamp: Integer(transfer.timestamp),
            debit_account: None,
            credit_account: None,
            metadata: MetadataRecord::default(),
        }
    }
}
