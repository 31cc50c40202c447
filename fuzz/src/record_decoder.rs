//! What decodes records and events. The first byte of the input says which: an even one that records of 128 bytes follow, an odd
//! one that a batch of the journal does.
//!
//! Any 128 bytes are an account and a transfer that encode to them again. As a workload, with so many accounts first as the second
//! byte says, they are answered by the ledger as by the naive model. What of a batch decodes, decodes the same again after it
//! was encoded.

use ledger::{ACCOUNT_SIZE_BYTES, Account, AccountFlags, TRANSFER_SIZE_BYTES, Transfer, TransferFlags};
use naive::{Met, Operation, compare};

const _: () = assert!(ACCOUNT_SIZE_BYTES == TRANSFER_SIZE_BYTES);

/// So many accounts at most come first.
const ACCOUNTS_MAX: usize = 8;
/// How far the clock moves in the middle: what times out after a second, does.
const TICK_NS: u64 = 1_000_000_000;

/// Checks one input.
pub fn check(data: &[u8]) {
    match data {
        [kind, count, rest @ ..] if kind % 2 == 0 => check_records(usize::from(*count) % (ACCOUNTS_MAX + 1), rest),
        [_, count, low, high, rest @ ..] => check_batch(*count, usize::from(u16::from_le_bytes([*low, *high])), rest),
        _ => {}
    }
}

fn check_records(accounts_count: usize, data: &[u8]) {
    let (records, _) = data.as_chunks::<TRANSFER_SIZE_BYTES>();
    for record in records {
        let (account, transfer) = (Account::from_record(record), Transfer::from_record(record));
        assert_eq!((&account.encode(), &transfer.encode()), (record, record), "a record changes on its way");
        let is_plain = account.flags.reserved_bits() == 0;
        assert_eq!(Account::decode(record).ok(), is_plain.then_some(account));
        let is_plain = transfer.flags.reserved_bits() == 0;
        assert_eq!(Transfer::decode(record).ok(), is_plain.then_some(transfer));
    }
    let (accounts, transfers) = records.split_at(accounts_count.min(records.len()));
    let transfers: Vec<Transfer> = transfers.iter().map(Transfer::from_record).collect();
    let (first, second) = transfers.split_at(transfers.len() / 2);
    let operations = [
        Operation::CreateAccounts(accounts.iter().map(Account::from_record).collect()),
        Operation::CreateTransfers(first.to_vec()),
        Operation::Tick { ns: TICK_NS },
        Operation::CreateTransfers(second.to_vec()),
        // What exists by now comes again, without what would make it another one.
        Operation::CreateTransfers(first.iter().map(|event| Transfer { flags: unlinked(event.flags), ..*event }).collect()),
        Operation::CreateAccounts(accounts.iter().map(|record| closed(Account::from_record(record))).collect()),
    ];
    compare(&operations, 0, 1, &mut Met::default()).unwrap_or_else(|difference| panic!("{difference}"));
}

fn unlinked(flags: TransferFlags) -> TransferFlags {
    TransferFlags::from_bits(flags.bits() & !TransferFlags::LINKED.bits())
}

fn closed(account: Account) -> Account {
    Account { flags: account.flags.union(AccountFlags::CLOSED), ..account }
}

fn check_batch(count: u8, events_bytes: usize, data: &[u8]) {
    let (events, transfers) = data.split_at(events_bytes.min(data.len()));
    let Ok(decoded) = events::decode_batch(1, u32::from(count), events, transfers) else { return };
    assert_eq!(decoded.len(), usize::from(count));
    let entries: Vec<_> = decoded.into_iter().map(|recorded| recorded.entry).collect();
    let encoded = events::encode_batch(&entries);
    assert_eq!(encoded.transfers, transfers, "legs change on their way");
    let again = events::decode_batch(1, encoded.event_count, &encoded.events, &encoded.transfers).expect("it was just encoded");
    assert!(again.iter().map(|recorded| &recorded.entry).eq(&entries), "an event changes on its way");
}
