//! Accounts and transfers that a bench makes up. The same options make the same accounts and the same pairs of them.

use super::Ids;
use ledger::{Account, AccountFlags, TRANSFER_SIZE_BYTES, Transfer};
use std::time::{SystemTime, UNIX_EPOCH};

/// The one ledger that is used, and the one code.
const LEDGER: u32 = 1;
const CODE: u16 = 1;
/// Largest amount.
const AMOUNT_MAX: u64 = 10_000;
/// Bits below the milliseconds of an id that grows with time, as in a ULID.
const ULID_RANDOM_BITS: u32 = 80;

/// Batches of accounts with the ids from 1 on, as records.
pub(super) fn accounts(count: u64, batch: usize, history: bool) -> impl Iterator<Item = Vec<u8>> {
    let step = u64::try_from(batch).unwrap_or(u64::MAX).max(1);
    let flags = if history { AccountFlags::HISTORY } else { AccountFlags::NONE };
    (0..count.div_ceil(step)).map(move |index| {
        let first = index * step + 1;
        (first..(first + step).min(count + 1)).flat_map(|id| account(u128::from(id), flags).encode()).collect()
    })
}

fn account(id: u128, flags: AccountFlags) -> Account {
    Account { id, ledger: LEDGER, code: CODE, flags, ..Account::default() }
}

/// Transfers of one client, one after the other.
pub(super) struct Transfers {
    random: u64,
    client: u64,
    accounts: u64,
    ids: Ids,
    number: u64,
    ms: u64,
}

impl Transfers {
    pub(super) fn new(client: usize, accounts: u64, ids: Ids) -> Self {
        let client = u64::try_from(client).unwrap_or(u64::MAX);
        Self { random: client.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x9E37_79B9_7F4A_7C15, client, accounts, ids, number: 0, ms: 0 }
    }

    /// Replaces what is in `body` by the next transfers.
    pub(super) fn fill(&mut self, body: &mut Vec<u8>, count: u64) {
        body.clear();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        self.ms = u64::try_from(now).unwrap_or(u64::MAX).max(self.ms);
        for _ in 0..count {
            body.extend_from_slice(&self.next().encode());
        }
        debug_assert_eq!(body.len() % TRANSFER_SIZE_BYTES, 0);
    }

    fn next(&mut self) -> Transfer {
        self.number += 1;
        let debit = self.below(self.accounts);
        // Another one: as far on as there are others.
        let credit = (debit + 1 + self.below(self.accounts - 1)) % self.accounts;
        Transfer {
            id: self.id(),
            debit_account_id: u128::from(debit + 1),
            credit_account_id: u128::from(credit + 1),
            amount: u128::from(1 + self.below(AMOUNT_MAX)),
            ledger: LEDGER,
            code: CODE,
            ..Transfer::default()
        }
    }

    /// No two are the same: clients and numbers differ, and random ones are a permutation of those.
    fn id(&mut self) -> u128 {
        let unique = u128::from(self.client + 1) << 48 | u128::from(self.number);
        match self.ids {
            Ids::Time => u128::from(self.ms) << ULID_RANDOM_BITS | unique,
            Ids::Random => u128::from(mixed(u64::try_from(unique).unwrap_or(u64::MAX))) << 64 | u128::from(self.bits() | 1),
        }
    }

    fn bits(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(self.random)
    }

    fn below(&mut self, limit: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(limit.max(1));
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

/// A permutation of 64 bits that leaves no pattern (SplitMix64's finaliser).
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Ids, TRANSFER_SIZE_BYTES, Transfer, Transfers, accounts};
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_over_clients_and_grow_when_they_shall() {
        for ids in [Ids::Time, Ids::Random] {
            let mut seen = BTreeSet::new();
            for client in 0..3 {
                let mut transfers = Transfers::new(client, 2, ids);
                let mut body = Vec::new();
                transfers.fill(&mut body, 1_000);
                let (records, rest) = body.as_chunks::<TRANSFER_SIZE_BYTES>();
                assert!(rest.is_empty());
                let made: Vec<Transfer> = records.iter().map(|record| Transfer::decode(record).unwrap()).collect();
                assert_eq!(made.is_sorted_by_key(|transfer| transfer.id), ids == Ids::Time);
                for transfer in made {
                    assert!(seen.insert(transfer.id));
                    assert_ne!(transfer.debit_account_id, transfer.credit_account_id);
                    assert!((1..=2).contains(&transfer.debit_account_id) && (1..=2).contains(&transfer.credit_account_id));
                }
            }
        }
    }

    #[test]
    fn accounts_come_in_batches_and_are_complete() {
        let sizes: Vec<usize> = accounts(10, 4, true).map(|batch| batch.len() / TRANSFER_SIZE_BYTES).collect();
        assert_eq!(sizes, [4, 4, 2]);
    }
}
