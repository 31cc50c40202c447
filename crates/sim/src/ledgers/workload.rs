//! What merchants ask of their ledgers: accounts, transfers of all kinds and entries, drawn from the seed, with ids of all history
//! and with everything that must be refused.

use crate::ledgers::model::{Book, NOBODY};
use crate::random::Random;
use ledger::{Account, AccountFlags, Entry, Posting, Side, Transfer, TransferFlags as Flags};

/// Units of account.
const LEDGERS: u64 = 2;
/// Most transfers of one request.
const BATCH_MAX: u64 = 20;
/// Most accounts of one ledger.
const ACCOUNTS_MAX: usize = 40;
/// Longest timeout, in seconds.
const TIMEOUT_S_MAX: u64 = 40;

/// What a merchant asks for.
#[derive(Clone, Debug)]
pub enum Request {
    /// Accounts.
    Accounts(Vec<Account>),
    /// Transfers.
    Transfers(Vec<Transfer>),
    /// Entries with many legs.
    Entries(Vec<Entry>),
}

/// A merchant, and what it remembers.
#[derive(Default)]
pub struct Client {
    /// Ids grow with time, or are any numbers.
    has_random_ids: bool,
    ids_count: u64,
    transfers: Vec<Transfer>,
    accounts: Vec<Account>,
    entries: Vec<Entry>,
}

impl Client {
    /// A merchant with ids of one kind.
    pub fn new(random: &mut Random) -> Self {
        Self { has_random_ids: random.chance(500), ..Self::default() }
    }

    /// A new id, with room for those of an entry.
    fn id(&mut self, random: &mut Random) -> u128 {
        self.ids_count += 1;
        let low = u128::from(self.ids_count) << 8;
        if self.has_random_ids { u128::from(random.number() >> 1) << 64 | low } else { low }
    }

    /// The next request. `wall_ns` is about now.
    pub fn request(&mut self, random: &mut Random, book: &Book, wall_ns: u64) -> Request {
        let count = book.ledger.accounts().count();
        if count < 4 || (count < ACCOUNTS_MAX && random.chance(40)) {
            return Request::Accounts(self.some_accounts(random, book, wall_ns));
        }
        match random.below(100) {
            0..8 => Request::Entries((0..random.between(1, 3)).map(|_| self.entry(random, book)).collect()),
            8..12 => Request::Transfers(self.imports(random, book, wall_ns)),
            12..14 => Request::Accounts(self.some_accounts(random, book, wall_ns)),
            _ => Request::Transfers(self.some_transfers(random, book)),
        }
    }

    fn some_accounts(&mut self, random: &mut Random, book: &Book, wall_ns: u64) -> Vec<Account> {
        let is_imported = random.chance(200);
        let last = book.ledger.accounts().map(|account| account.timestamp).max().unwrap_or(wall_ns - 1_000_000_000);
        let mut accounts = Vec::new();
        for number in 0..random.between(1, 5) {
            if random.chance(150) && !self.accounts.is_empty() {
                accounts.push(*random.pick(&self.accounts));
                continue;
            }
            let flags = *random.pick(&[
                AccountFlags::NONE,
                AccountFlags::NONE,
                AccountFlags::NONE,
                AccountFlags::HISTORY,
                AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS,
                AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS,
            ]);
            self.ids_count += 1;
            let mut account = Account {
                id: if self.has_random_ids { u128::from(random.number()) << 32 } else { u128::from(self.ids_count) },
                ledger: u32::try_from(random.between(1, LEDGERS)).unwrap_or(1),
                code: 7,
                flags,
                user_data_64: random.below(3),
                ..Account::default()
            };
            if is_imported {
                account.flags = account.flags.union(AccountFlags::IMPORTED);
                account.timestamp = last + 1 + number;
            }
            match random.below(40) {
                0 => account.code = 0,
                1 => account.ledger = 0,
                2 => account.flags = AccountFlags::from_bits(6),
                3 => account.timestamp = 5,
                4 => account.flags = account.flags.union(AccountFlags::LINKED),
                5 => account.credits_posted = 1,
                6 => account.flags = AccountFlags::from_bits(1 << 9),
                // The time of a transfer.
                7 | 8 if is_imported => account.timestamp = book.happenings.last().map_or(1, |last| last.transfer.timestamp),
                _ => {}
            }
            self.accounts.push(account);
            accounts.push(account);
        }
        accounts
    }

    fn some_transfers(&mut self, random: &mut Random, book: &Book) -> Vec<Transfer> {
        let mut transfers: Vec<Transfer> = Vec::new();
        let count = random.between(1, BATCH_MAX);
        while u64::try_from(transfers.len()).unwrap_or(u64::MAX) < count {
            if !random.chance(80) {
                transfers.push(self.transfer(random, book, &transfers));
                continue;
            }
            let length = random.between(2, 5);
            for number in 1..=length {
                let mut transfer = self.transfer(random, book, &transfers);
                // One in some chains stays open at the end of the batch.
                if number < length || random.chance(50) {
                    transfer.flags = transfer.flags.union(Flags::LINKED);
                }
                transfers.push(transfer);
            }
        }
        self.transfers.extend(&transfers);
        transfers
    }

    /// One transfer of any kind; `before` are those before it in its batch.
    fn transfer(&mut self, random: &mut Random, book: &Book, before: &[Transfer]) -> Transfer {
        match random.below(100) {
            0..10 if !self.transfers.is_empty() => {
                let mut again = *random.pick(&self.transfers);
                match random.below(12) {
                    0 => again.amount = again.amount.wrapping_add(1),
                    1 => again.code = again.code.wrapping_add(1),
                    2 => again.flags = Flags::from_bits(again.flags.bits() ^ Flags::PENDING.bits()),
                    3 => again.user_data_64 = again.user_data_64.wrapping_add(1),
                    4 => again.pending_id = 1,
                    5 => again.timeout_s = again.timeout_s.wrapping_add(1),
                    _ => {}
                }
                again
            }
            10..30 => self.resolution(random, book, before),
            _ => self.movement(random, book),
        }
    }

    fn movement(&mut self, random: &mut Random, book: &Book) -> Transfer {
        let accounts: Vec<&Account> = book.ledger.accounts().collect();
        let debit = *random.pick(&accounts);
        let alike: Vec<&Account> = accounts.iter().copied().filter(|account| account.ledger == debit.ledger).collect();
        let credit = if random.chance(970) { *random.pick(&alike) } else { *random.pick(&accounts) };
        let mut transfer = Transfer {
            id: self.id(random),
            debit_account_id: debit.id,
            credit_account_id: credit.id,
            amount: amount(random),
            ledger: debit.ledger,
            code: 1 + u16::try_from(random.below(3)).unwrap_or(0),
            user_data_128: u128::from(random.below(3)),
            user_data_64: random.below(2),
            user_data_32: u32::try_from(random.below(2)).unwrap_or(0),
            ..Transfer::default()
        };
        match random.below(100) {
            0..30 => {
                transfer.flags = Flags::PENDING;
                transfer.timeout_s = if random.chance(600) { u32::try_from(random.between(1, TIMEOUT_S_MAX)).unwrap_or(1) } else { 0 };
            }
            30..38 => transfer.flags = *random.pick(&[Flags::BALANCING_DEBIT, Flags::BALANCING_CREDIT, Flags::from_bits(0b11_0000)]),
            38..40 => transfer.flags = Flags::PENDING.union(Flags::BALANCING_DEBIT),
            40..42 => {
                transfer.flags = Flags::PENDING.union(*random.pick(&[Flags::CLOSING_DEBIT, Flags::CLOSING_CREDIT]));
                transfer.timeout_s = u32::try_from(random.between(1, TIMEOUT_S_MAX)).unwrap_or(1);
            }
            _ => {}
        }
        if random.chance(70) {
            match random.below(16) {
                0 => transfer.id = 0,
                1 => transfer.id = u128::MAX,
                2 => transfer.debit_account_id = 0,
                3 => transfer.credit_account_id = u128::MAX,
                4 => transfer.credit_account_id = transfer.debit_account_id,
                5 => transfer.pending_id = 9,
                6 => transfer.timeout_s = u32::MAX,
                7 => transfer.ledger = 0,
                8 => transfer.ledger = 77,
                9 => transfer.code = 0,
                10 => transfer.flags = Flags::from_bits(1 << 12),
                11 => transfer.flags = Flags::CLOSING_DEBIT,
                12 => transfer.timestamp = 3,
                13 => transfer.flags = Flags::IMPORTED,
                // An account that there never is.
                _ => transfer.credit_account_id = NOBODY,
            }
        }
        transfer
    }

    /// A post or void of a pending transfer: mostly an open one, sometimes one that ended, one of this batch, or none at all.
    fn resolution(&mut self, random: &mut Random, book: &Book, before: &[Transfer]) -> Transfer {
        let open: Vec<u128> = book.open.iter().copied().collect();
        let ended: Vec<u128> = book.ends.keys().copied().collect();
        let choice = random.below(100);
        let pending_id = match choice {
            0..20 if !ended.is_empty() => *random.pick(&ended),
            20..30 if !before.is_empty() => random.pick(before).id,
            30..34 if !self.transfers.is_empty() => random.pick(&self.transfers).id,
            34..36 => 1,
            _ if !open.is_empty() => *random.pick(&open),
            _ => 5,
        };
        let is_post = random.chance(600);
        let pending = book.ledger.transfer(pending_id).copied().unwrap_or_default();
        let mut transfer = Transfer {
            id: self.id(random),
            pending_id,
            flags: if is_post { Flags::POST_PENDING_TRANSFER } else { Flags::VOID_PENDING_TRANSFER },
            ..Transfer::default()
        };
        transfer.amount = match random.below(10) {
            0..4 if is_post => u128::MAX,
            4..8 if is_post => pending.amount / 2,
            8 => pending.amount.saturating_add(1),
            9 => pending.amount,
            _ if is_post => pending.amount,
            _ => 0,
        };
        if random.chance(200) {
            let Transfer { debit_account_id, credit_account_id, ledger, code, .. } = pending;
            transfer = Transfer { debit_account_id, credit_account_id, ledger, code, user_data_64: 4, ..transfer };
        }
        if random.chance(50) {
            match random.below(7) {
                0 => transfer.flags = transfer.flags.union(Flags::PENDING),
                1 => transfer.flags = Flags::POST_PENDING_TRANSFER.union(Flags::VOID_PENDING_TRANSFER),
                2 => transfer.pending_id = 0,
                3 => transfer.pending_id = transfer.id,
                4 => transfer.timeout_s = 1,
                5 => transfer.debit_account_id = 12,
                _ => transfer.code = 999,
            }
        }
        transfer
    }

    /// A batch of transfers of the past. Some are at a wrong time.
    fn imports(&mut self, random: &mut Random, book: &Book, wall_ns: u64) -> Vec<Transfer> {
        let last = book.happenings.iter().map(|happening| happening.transfer.timestamp).max().unwrap_or(wall_ns - 2_000_000_000);
        let mut timestamp = last;
        let mut transfers = Vec::new();
        for _ in 0..random.between(1, 6) {
            timestamp += random.between(1, 3);
            let mut transfer = if random.chance(150) { self.resolution(random, book, &transfers) } else { self.movement(random, book) };
            transfer.timeout_s = if random.chance(50) { 1 } else { 0 };
            transfer.flags = transfer.flags.union(Flags::IMPORTED);
            transfer.timestamp = match random.below(30) {
                0 => last,
                1 => 0,
                2 => wall_ns + 1_000_000_000_000,
                3 => book.ledger.accounts().map(|account| account.timestamp).max().unwrap_or(1),
                _ => timestamp,
            };
            if random.chance(40) {
                transfer.flags = Flags::from_bits(transfer.flags.bits() & !Flags::IMPORTED.bits());
            }
            transfers.push(transfer);
        }
        self.transfers.extend(&transfers);
        transfers
    }

    /// An entry: mostly one that balances.
    fn entry(&mut self, random: &mut Random, book: &Book) -> Entry {
        if random.chance(150) && !self.entries.is_empty() {
            let mut again = random.pick(&self.entries).clone();
            match random.below(6) {
                0 => again.code = again.code.wrapping_add(1),
                1 => again.user_data_32 = again.user_data_32.wrapping_add(1),
                2 => again.postings.truncate(1),
                _ => again.postings.reverse(),
            }
            return again;
        }
        let id = if random.chance(40) && !self.transfers.is_empty() { random.pick(&self.transfers).id } else { self.id(random) };
        let mut postings = Vec::new();
        for ledger in 1..=LEDGERS {
            let mut accounts: Vec<u128> =
                book.ledger.accounts().filter(|account| u64::from(account.ledger) == ledger).map(|account| account.id).collect();
            let count = random.below(5);
            let mut owed: u128 = 0;
            for number in 0..count {
                if accounts.is_empty() {
                    break;
                }
                let account_id = accounts.swap_remove(random.index(accounts.len()));
                let is_last = number + 1 == count || accounts.is_empty();
                let (side, amount) = if is_last {
                    (Side::Credit, owed)
                } else {
                    let amount = u128::from(random.between(1, 50));
                    if random.chance(300) && owed > amount {
                        owed -= amount;
                        (Side::Credit, amount)
                    } else {
                        owed += amount;
                        (Side::Debit, amount)
                    }
                };
                if amount > 0 {
                    postings.push(Posting { account_id, side, amount });
                }
            }
        }
        if random.chance(80) && !postings.is_empty() {
            let at = random.index(postings.len());
            match random.below(4) {
                0 => postings[at].amount += 1,
                1 => postings[at].account_id = NOBODY,
                2 => postings[at].amount = 0,
                _ => postings.push(postings[at]),
            }
        }
        let entry = Entry { id, postings, user_data_128: 0, user_data_64: 1, user_data_32: 2, code: 11 };
        self.entries.push(entry.clone());
        entry
    }
}

fn amount(random: &mut Random) -> u128 {
    match random.below(1_000) {
        0 => u128::MAX,
        1 => u128::MAX / 2,
        2..5 => 1 << 100,
        5..35 => 0,
        _ => u128::from(random.between(1, 300)),
    }
}
