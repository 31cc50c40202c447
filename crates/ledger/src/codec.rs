//! The 128-byte records of accounts and transfers: little-endian, fields in declaration order, no padding.
//!
//! The layouts are TigerBeetle's `Account` and `Transfer` (`src/tigerbeetle.zig` at commit 52ad553) and are never
//! edited: a new layout is a new format. Framing and checksums belong to whoever stores records.

use std::fmt;

use crate::types::{Account, AccountFlags, Transfer, TransferFlags};

/// The size of one encoded [`Account`], in bytes.
pub const ACCOUNT_SIZE_BYTES: usize = 128;

/// The size of one encoded [`Transfer`], in bytes.
pub const TRANSFER_SIZE_BYTES: usize = 128;

/// Why 128 bytes are not a record that this version understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A flag bit is set that has no meaning here: damage, or a record of a newer version.
    ReservedFlags {
        /// The record's transfer id.
        id: u128,
        /// The bits without a meaning.
        bits: u16,
    },
    /// The same of an account.
    AccountReservedFlags {
        /// The record's account id.
        id: u128,
        /// The bits without a meaning.
        bits: u16,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedFlags { id, bits } => {
                write!(formatter, "transfer {id} has reserved flag bits {bits:#06x}")
            }
            Self::AccountReservedFlags { id, bits } => {
                write!(formatter, "account {id} has reserved flag bits {bits:#06x}")
            }
        }
    }
}

impl std::error::Error for DecodeError {}

impl Transfer {
    /// The record as bytes. The inverse of [`Transfer::decode`] unless reserved flags are set.
    pub fn encode(&self) -> [u8; TRANSFER_SIZE_BYTES] {
        let Self {
            id,
            debit_account_id,
            credit_account_id,
            amount,
            pending_id,
            user_data_128,
            user_data_64,
            user_data_32,
            timeout_s,
            ledger,
            code,
            flags,
            timestamp,
        } = *self;
        let mut bytes = [0; TRANSFER_SIZE_BYTES];
        bytes[0..16].copy_from_slice(&id.to_le_bytes());
        bytes[16..32].copy_from_slice(&debit_account_id.to_le_bytes());
        bytes[32..48].copy_from_slice(&credit_account_id.to_le_bytes());
        bytes[48..64].copy_from_slice(&amount.to_le_bytes());
        bytes[64..80].copy_from_slice(&pending_id.to_le_bytes());
        bytes[80..96].copy_from_slice(&user_data_128.to_le_bytes());
        bytes[96..104].copy_from_slice(&user_data_64.to_le_bytes());
        bytes[104..108].copy_from_slice(&user_data_32.to_le_bytes());
        bytes[108..112].copy_from_slice(&timeout_s.to_le_bytes());
        bytes[112..116].copy_from_slice(&ledger.to_le_bytes());
        bytes[116..118].copy_from_slice(&code.to_le_bytes());
        bytes[118..120].copy_from_slice(&flags.bits().to_le_bytes());
        bytes[120..128].copy_from_slice(&timestamp.to_le_bytes());
        bytes
    }

    /// The transfer that a client's record asks for, whatever its flags: those without a meaning are refused as a status.
    pub fn from_record(bytes: &[u8; TRANSFER_SIZE_BYTES]) -> Self {
        Self {
            id: u128::from_le_bytes(field(bytes, 0)),
            debit_account_id: u128::from_le_bytes(field(bytes, 16)),
            credit_account_id: u128::from_le_bytes(field(bytes, 32)),
            amount: u128::from_le_bytes(field(bytes, 48)),
            pending_id: u128::from_le_bytes(field(bytes, 64)),
            user_data_128: u128::from_le_bytes(field(bytes, 80)),
            user_data_64: u64::from_le_bytes(field(bytes, 96)),
            user_data_32: u32::from_le_bytes(field(bytes, 104)),
            timeout_s: u32::from_le_bytes(field(bytes, 108)),
            ledger: u32::from_le_bytes(field(bytes, 112)),
            code: u16::from_le_bytes(field(bytes, 116)),
            flags: TransferFlags::from_bits(u16::from_le_bytes(field(bytes, 118))),
            timestamp: u64::from_le_bytes(field(bytes, 120)),
        }
    }

    /// The transfer that `bytes` encode. Only the form is checked, not the ledger's rules.
    ///
    /// # Errors
    ///
    /// [`DecodeError::ReservedFlags`] when a flag bit without a meaning is set.
    pub fn decode(bytes: &[u8; TRANSFER_SIZE_BYTES]) -> Result<Self, DecodeError> {
        let transfer = Self::from_record(bytes);
        match transfer.flags.reserved_bits() {
            0 => Ok(transfer),
            bits => Err(DecodeError::ReservedFlags { id: transfer.id, bits }),
        }
    }
}

impl Account {
    /// The record as bytes. The inverse of [`Account::decode`] unless reserved flags are set.
    pub fn encode(&self) -> [u8; ACCOUNT_SIZE_BYTES] {
        let Self {
            id,
            debits_pending,
            debits_posted,
            credits_pending,
            credits_posted,
            user_data_128,
            user_data_64,
            user_data_32,
            reserved,
            ledger,
            code,
            flags,
            timestamp,
        } = *self;
        let mut bytes = [0; ACCOUNT_SIZE_BYTES];
        bytes[0..16].copy_from_slice(&id.to_le_bytes());
        bytes[16..32].copy_from_slice(&debits_pending.to_le_bytes());
        bytes[32..48].copy_from_slice(&debits_posted.to_le_bytes());
        bytes[48..64].copy_from_slice(&credits_pending.to_le_bytes());
        bytes[64..80].copy_from_slice(&credits_posted.to_le_bytes());
        bytes[80..96].copy_from_slice(&user_data_128.to_le_bytes());
        bytes[96..104].copy_from_slice(&user_data_64.to_le_bytes());
        bytes[104..108].copy_from_slice(&user_data_32.to_le_bytes());
        bytes[108..112].copy_from_slice(&reserved.to_le_bytes());
        bytes[112..116].copy_from_slice(&ledger.to_le_bytes());
        bytes[116..118].copy_from_slice(&code.to_le_bytes());
        bytes[118..120].copy_from_slice(&flags.bits().to_le_bytes());
        bytes[120..128].copy_from_slice(&timestamp.to_le_bytes());
        bytes
    }

    /// The account that a client's record asks for, whatever its flags: those without a meaning are refused as a status.
    pub fn from_record(bytes: &[u8; ACCOUNT_SIZE_BYTES]) -> Self {
        Self {
            id: u128::from_le_bytes(field(bytes, 0)),
            debits_pending: u128::from_le_bytes(field(bytes, 16)),
            debits_posted: u128::from_le_bytes(field(bytes, 32)),
            credits_pending: u128::from_le_bytes(field(bytes, 48)),
            credits_posted: u128::from_le_bytes(field(bytes, 64)),
            user_data_128: u128::from_le_bytes(field(bytes, 80)),
            user_data_64: u64::from_le_bytes(field(bytes, 96)),
            user_data_32: u32::from_le_bytes(field(bytes, 104)),
            reserved: u32::from_le_bytes(field(bytes, 108)),
            ledger: u32::from_le_bytes(field(bytes, 112)),
            code: u16::from_le_bytes(field(bytes, 116)),
            flags: AccountFlags::from_bits(u16::from_le_bytes(field(bytes, 118))),
            timestamp: u64::from_le_bytes(field(bytes, 120)),
        }
    }

    /// The account that `bytes` encode. Only the form is checked, not the ledger's rules.
    ///
    /// # Errors
    ///
    /// [`DecodeError::AccountReservedFlags`] when a flag bit without a meaning is set.
    pub fn decode(bytes: &[u8; ACCOUNT_SIZE_BYTES]) -> Result<Self, DecodeError> {
        let account = Self::from_record(bytes);
        match account.flags.reserved_bits() {
            0 => Ok(account),
            bits => Err(DecodeError::AccountReservedFlags { id: account.id, bits }),
        }
    }
}

// Both records have one size, which `field` names.
const _: () = assert!(ACCOUNT_SIZE_BYTES == 128 && TRANSFER_SIZE_BYTES == 128);

/// The `SIZE` bytes from `offset` on; every caller's range lies within the record.
fn field<const SIZE: usize>(bytes: &[u8; 128], offset: usize) -> [u8; SIZE] {
    std::array::from_fn(|index| bytes[offset + index])
}
