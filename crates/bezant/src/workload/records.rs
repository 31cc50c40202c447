//! What a workload asks of an account's history, and what it is answered, as JSON. Accounts and transfers are read and written as
//! the API does it.

use super::book::{Balance, Filter, Sums};
use api::ledger::{Flags, Integer, Names, small};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OfFilters;

impl Names for OfFilters {
    const NAMES: &'static [&'static str] = &["debits", "credits", "reversed"];
}

/// A filter as it is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FilterRecord {
    account_id: Integer<u128>,
    user_data_128: Integer<u128>,
    user_data_64: Integer<u64>,
    #[serde(deserialize_with = "small")]
    user_data_32: u32,
    #[serde(deserialize_with = "small")]
    code: u16,
    timestamp_min: Integer<u64>,
    timestamp_max: Integer<u64>,
    #[serde(deserialize_with = "small")]
    limit: u32,
    flags: Flags<OfFilters>,
}

impl From<FilterRecord> for Filter {
    fn from(record: FilterRecord) -> Self {
        let bits = record.flags.bits;
        Self {
            account_id: record.account_id.0,
            user_data_128: record.user_data_128.0,
            user_data_64: record.user_data_64.0,
            user_data_32: record.user_data_32,
            code: record.code,
            timestamp_min: record.timestamp_min.0,
            timestamp_max: record.timestamp_max.0,
            limit: record.limit,
            debits: bits & 1 != 0,
            credits: bits & 2 != 0,
            reversed: bits & 4 != 0,
            reserved_bits: bits >> 3,
        }
    }
}

/// What an account's balance was after a transfer.
#[derive(Debug, Serialize)]
pub(super) struct BalanceRecord {
    debits_pending: Integer<u128>,
    debits_posted: Integer<u128>,
    credits_pending: Integer<u128>,
    credits_posted: Integer<u128>,
    timestamp: Integer<u64>,
}

impl From<Balance> for BalanceRecord {
    fn from(Balance { sums, timestamp }: Balance) -> Self {
        let Sums { debits_pending, debits_posted, credits_pending, credits_posted } = sums;
        Self {
            debits_pending: Integer(debits_pending),
            debits_posted: Integer(debits_posted),
            credits_pending: Integer(credits_pending),
            credits_posted: Integer(credits_posted),
            timestamp: Integer(timestamp),
        }
    }
}
