//! Random workloads: few accounts, few ids, small times, so that events meet; amounts and times at their edges; and in many
//! events one field that is spoiled, so that every status is met.
//!
//! A workload is made without running it: the maker remembers what it asked for, not what became of it.

use crate::run::CLOCK_START_NS;
use crate::{Filter, Operation, Random};
use ::ledger::{Account, AccountFlags, TIMESTAMP_MAX, Transfer, TransferFlags as Flags};

/// The most operations of [`workload`], the first one included.
const OPERATIONS_MAX: u64 = 20;
/// The most events of a random batch.
const EVENTS_MAX: u64 = 6;
/// Before the clock's start: imported accounts have times from here on.
const IMPORTS_START_NS: u64 = CLOCK_START_NS - 1_000_000;
/// An account that never is.
const ACCOUNT_UNKNOWN: u128 = 99;
/// So many accounts have the chance to be.
const ACCOUNTS_MAX: u64 = 6;
/// Moves the clock so far on that the longest timeouts end after the largest timestamp.
const TICK_LATE_NS: u64 = 6_000_000_000_000_000_000;

/// A short workload from a seed.
pub fn workload(seed: u64) -> Vec<Operation> {
    let count = Random::new(seed).below(OPERATIONS_MAX - 3) + 4;
    workload_of(seed, usize::try_from(count).expect("it is small"))
}

/// A workload from a seed, with so many operations.
pub fn workload_of(seed: u64, operations_count: usize) -> Vec<Operation> {
    let mut maker = Maker::new(seed);
    let mut operations = vec![maker.first_accounts()];
    if maker.is_late {
        operations.push(maker.tick(TICK_LATE_NS));
    }
    while operations.len() < operations_count {
        operations.push(maker.operation());
    }
    operations
}

struct Maker {
    random: Random,
    /// Amounts near the largest number, too.
    is_huge: bool,
    /// Batches bring their own times, too.
    is_importing: bool,
    /// The clock is near its end.
    is_late: bool,
    /// Accounts are not all of one ledger.
    is_mixed: bool,
    /// The time of the last event, or what the clock shows, whichever is later; in nanoseconds since 1970.
    now_ns: u64,
    /// For the next imported event, unless it is spoiled.
    import_ns: u64,
    accounts: Vec<Account>,
    transfers: Vec<Transfer>,
    /// Those of them that are pending and not spoiled.
    pendings: Vec<Transfer>,
}

impl Maker {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            is_huge: random.chance(30),
            is_importing: random.chance(30),
            is_late: random.chance(5),
            is_mixed: random.chance(30),
            now_ns: CLOCK_START_NS,
            import_ns: IMPORTS_START_NS,
            accounts: Vec::new(),
            transfers: Vec::new(),
            pendings: Vec::new(),
            random,
        }
    }

    fn first_accounts(&mut self) -> Operation {
        let is_imported = self.is_importing && self.random.chance(80);
        let events = (1..=u128::from(ACCOUNTS_MAX)).map(|id| self.account(id, is_imported)).collect();
        self.accounts_batch(events)
    }

    fn operation(&mut self) -> Operation {
        match self.random.below(100) {
            0..66 => self.transfers_operation(),
            66..72 => self.accounts_operation(),
            72..84 => {
                let ns = self.random.pick(&[1, 5, 999_999_999, 1_000_000_000, 1_000_000_000, 2_000_000_000, 3_000_000_000]);
                self.tick(ns)
            }
            84..88 => Operation::LookupAccounts((0..3).map(|_| self.account_id()).collect()),
            88..92 => Operation::LookupTransfers((0..3).map(|_| self.transfer_id()).collect()),
            92..96 => Operation::GetAccountTransfers(self.filter()),
            _ => Operation::GetAccountBalances(self.filter()),
        }
    }

    fn tick(&mut self, ns: u64) -> Operation {
        self.now_ns += ns;
        Operation::Tick { ns }
    }

    fn accounts_operation(&mut self) -> Operation {
        let is_imported = self.is_importing && self.random.chance(50);
        let count = self.random.below(EVENTS_MAX) + 1;
        let mut events = Vec::new();
        for _ in 0..count {
            let mut event = match self.random.below(3) {
                0 => self.again_account(),
                _ => {
                    let id = u128::from(self.random.below(2 * ACCOUNTS_MAX)) + 1;
                    self.account(id, is_imported)
                }
            };
            for _ in 0..self.random.pick(&[0, 1, 1, 2]) {
                self.spoil_account(&mut event);
            }
            if self.random.chance(20) {
                event.flags = event.flags.union(AccountFlags::LINKED);
            }
            events.push(event);
        }
        self.accounts_batch(events)
    }

    fn accounts_batch(&mut self, events: Vec<Account>) -> Operation {
        self.accounts.extend(&events);
        self.pass(events.len());
        Operation::CreateAccounts(events)
    }

    /// An account that was asked for before, as it may be by now.
    fn again_account(&mut self) -> Account {
        let index = self.random.index(self.accounts.len());
        let mut event = self.accounts[index];
        if self.random.chance(10) {
            event.flags = event.flags.union(AccountFlags::CLOSED);
        }
        event
    }

    fn account(&mut self, id: u128, is_imported: bool) -> Account {
        let limit = self.random.pick(&[
            AccountFlags::NONE,
            AccountFlags::NONE,
            AccountFlags::NONE,
            AccountFlags::NONE,
            AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS,
            AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS,
        ]);
        let history = self.random.pick(&[AccountFlags::NONE, AccountFlags::HISTORY]);
        let imported = if is_imported { AccountFlags::IMPORTED } else { AccountFlags::NONE };
        let closed = if self.random.chance(3) { AccountFlags::CLOSED } else { AccountFlags::NONE };
        Account {
            id,
            user_data_128: self.user_data().into(),
            user_data_64: self.user_data().into(),
            user_data_32: self.user_data(),
            ledger: if self.is_mixed { self.random.pick(&[1, 1, 2]) } else { 1 },
            code: self.random.pick(&[1, 1, 2]),
            flags: limit.union(history).union(imported).union(closed),
            timestamp: if is_imported { self.import_time() } else { 0 },
            ..Account::default()
        }
    }

    fn spoil_account(&mut self, event: &mut Account) {
        match self.random.below(18) {
            0 => event.id = self.random.pick(&[0, u128::MAX]),
            1 => event.debits_pending = self.amount(),
            2 => event.debits_posted = self.amount(),
            3 => event.credits_pending = self.amount(),
            4 => event.credits_posted = self.amount(),
            5 => event.user_data_128 = self.random.pick(&[0, 7, u128::MAX]),
            6 => event.user_data_64 = self.random.pick(&[0, 7, u64::MAX]),
            7 => event.user_data_32 = self.random.pick(&[0, 7, u32::MAX]),
            8 => event.reserved = 1,
            9 => event.ledger = self.random.pick(&[0, 2, u32::MAX]),
            10 => event.code = self.random.pick(&[0, 2, u16::MAX]),
            11 => event.timestamp = self.odd_time(),
            12 => {
                let limits = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS.union(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
                event.flags = event.flags.union(limits);
            }
            _ => event.flags = AccountFlags::from_bits(event.flags.bits() ^ 1 << self.random.below(8)),
        }
    }

    fn transfers_operation(&mut self) -> Operation {
        let is_imported = self.is_importing && self.random.chance(50);
        let chain_percent = self.random.pick(&[0, 0, 10, 60]);
        let count = self.random.below(EVENTS_MAX) + 1;
        let mut events = Vec::new();
        for index in 0..count {
            let mut event = match self.random.below(100) {
                0..55 => self.movement(is_imported),
                55..80 => self.resolution(is_imported),
                _ => self.again_transfer(),
            };
            let spoils = self.random.pick(&[0, 0, 0, 0, 1, 1, 2]);
            for _ in 0..spoils {
                self.spoil_transfer(&mut event);
            }
            if spoils == 0 && event.flags.contains(Flags::PENDING) {
                self.pendings.push(event);
            }
            if self.random.chance(chain_percent) && (index + 1 < count || self.random.chance(20)) {
                event.flags = event.flags.union(Flags::LINKED);
            }
            self.transfers.push(event);
            events.push(event);
        }
        self.pass(events.len());
        Operation::CreateTransfers(events)
    }

    fn movement(&mut self, is_imported: bool) -> Transfer {
        let mut flags = self.random.pick(&[
            Flags::NONE,
            Flags::NONE,
            Flags::PENDING,
            Flags::PENDING,
            Flags::PENDING,
            Flags::BALANCING_DEBIT,
            Flags::BALANCING_CREDIT,
            Flags::BALANCING_DEBIT.union(Flags::PENDING),
            Flags::BALANCING_DEBIT.union(Flags::BALANCING_CREDIT),
        ]);
        if flags == Flags::PENDING && self.random.chance(10) {
            flags = flags.union(self.random.pick(&[Flags::CLOSING_DEBIT, Flags::CLOSING_CREDIT]));
        }
        let has_timeout = flags.contains(Flags::PENDING) && !is_imported && self.random.chance(60);
        let debit = self.random.below(ACCOUNTS_MAX);
        let credit = (debit + 1 + self.random.below(ACCOUNTS_MAX - 1)) % ACCOUNTS_MAX;
        let debit_account_id = u128::from(debit + 1);
        let debit_account = self.accounts.iter().find(|account| account.id == debit_account_id);
        let ledger = debit_account.map_or(1, |account| account.ledger);
        Transfer {
            id: self.new_id(),
            debit_account_id,
            credit_account_id: u128::from(credit + 1),
            amount: self.amount(),
            pending_id: 0,
            user_data_128: self.user_data().into(),
            user_data_64: self.user_data().into(),
            user_data_32: self.user_data(),
            timeout_s: if has_timeout { self.timeout() } else { 0 },
            ledger,
            code: self.random.pick(&[1, 1, 2]),
            flags: if is_imported { flags.union(Flags::IMPORTED) } else { flags },
            timestamp: if !is_imported {
                0
            } else if self.random.chance(15) {
                IMPORTS_START_NS + self.random.below(30)
            } else {
                self.import_time()
            },
        }
    }

    /// A post or void, mostly of something pending, with fields left out or repeated.
    fn resolution(&mut self, is_imported: bool) -> Transfer {
        let pending = match self.pendings.len() {
            0 => return self.movement(is_imported),
            count if self.random.chance(90) => self.pendings[self.random.index(count)],
            _ => self.again_transfer(),
        };
        let is_post = self.random.chance(60);
        let flags = if is_post { Flags::POST_PENDING_TRANSFER } else { Flags::VOID_PENDING_TRANSFER };
        let all = if is_post { u128::MAX } else { 0 };
        let part = if self.random.chance(30) { self.amount() } else { pending.amount };
        let repeats = self.random.chance(50);
        Transfer {
            id: self.new_id(),
            debit_account_id: if repeats { pending.debit_account_id } else { 0 },
            credit_account_id: if repeats { pending.credit_account_id } else { 0 },
            amount: self.random.pick(&[all, all, pending.amount, part]),
            pending_id: pending.id,
            user_data_128: self.user_data().into(),
            user_data_64: self.user_data().into(),
            user_data_32: self.user_data(),
            timeout_s: 0,
            ledger: if repeats { pending.ledger } else { 0 },
            code: if repeats { pending.code } else { 0 },
            flags: if is_imported { flags.union(Flags::IMPORTED) } else { flags },
            timestamp: if is_imported { self.import_time() } else { 0 },
        }
    }

    /// A transfer that was asked for before.
    fn again_transfer(&mut self) -> Transfer {
        match self.transfers.len() {
            0 => self.movement(false),
            count => self.transfers[self.random.index(count)],
        }
    }

    fn spoil_transfer(&mut self, event: &mut Transfer) {
        match self.random.below(24) {
            0 => event.id = self.random.pick(&[0, u128::MAX]),
            1 => event.id = self.transfer_id(),
            2 => event.debit_account_id = self.account_id(),
            3 => event.credit_account_id = self.account_id(),
            4 => event.credit_account_id = event.debit_account_id,
            5..7 => event.amount = self.amount(),
            7 => event.pending_id = self.random.pick(&[0, u128::MAX, 5_000, event.id]),
            8 => event.pending_id = self.transfer_id(),
            9 => event.user_data_128 = self.random.pick(&[0, 7, u128::MAX]),
            10 => event.user_data_64 = self.random.pick(&[0, 7, u64::MAX]),
            11 => event.user_data_32 = self.random.pick(&[0, 7, u32::MAX]),
            12..14 => event.timeout_s = self.timeout(),
            14 => event.ledger = self.random.pick(&[0, 1, 2, u32::MAX]),
            15 => event.code = self.random.pick(&[0, 1, 2, u16::MAX]),
            16..18 => event.timestamp = self.odd_time(),
            _ => event.flags = Flags::from_bits(event.flags.bits() ^ 1 << self.random.below(10)),
        }
    }

    fn filter(&mut self) -> Filter {
        let mut filter = Filter { account_id: self.account_id(), limit: 100, flags: 3, ..Filter::default() };
        for _ in 0..self.random.below(3) {
            match self.random.below(8) {
                0 => filter.user_data_128 = self.user_data().into(),
                1 => filter.user_data_64 = self.user_data().into(),
                2 => filter.user_data_32 = self.user_data(),
                3 => filter.code = self.random.pick(&[1, 2]),
                4 => filter.timestamp_min = self.odd_time(),
                5 => filter.timestamp_max = self.odd_time(),
                6 => filter.limit = self.random.pick(&[0, 1, 2, u32::MAX]),
                _ => filter.flags = self.random.pick(&[0, 1, 2, 4, 5, 6, 7, 7, 7, 11]),
            }
        }
        filter
    }

    /// Gives times to so many events.
    fn pass(&mut self, count: usize) {
        self.now_ns += u64::try_from(count).expect("a batch is short");
    }

    fn new_id(&mut self) -> u128 {
        // Not in order, and some of them far from the others.
        let number = u128::try_from(self.transfers.len()).expect("a list is not that long") + 1;
        self.random.pick(&[100 + number, 100 + number, 100 - number % 100, u128::MAX - 1 - number, (number << 64) + 1])
    }

    fn transfer_id(&mut self) -> u128 {
        match self.transfers.len() {
            0 => 4_000,
            count => self.transfers[self.random.index(count)].id,
        }
    }

    fn account_id(&mut self) -> u128 {
        let some = u128::from(self.random.below(ACCOUNTS_MAX)) + 1;
        self.random.pick(&[0, u128::MAX, ACCOUNT_UNKNOWN, some, some, some, some])
    }

    fn amount(&mut self) -> u128 {
        let small = u128::from(self.random.below(100));
        if self.is_huge && self.random.chance(60) {
            return self.random.pick(&[u128::MAX, u128::MAX - 1, u128::MAX - small, u128::MAX / 2, u128::MAX / 2 + 1, 1 << 64, 1 << 127]);
        }
        self.random.pick(&[0, 1, small, small, small, 100])
    }

    fn timeout(&mut self) -> u32 {
        self.random.pick(&[1, 1, 1, 2, 3, u32::MAX])
    }

    /// Mostly none.
    fn user_data(&mut self) -> u32 {
        self.random.pick(&[0, 0, 0, 3, 7])
    }

    /// The next of growing times, with gaps between them.
    fn import_time(&mut self) -> u64 {
        self.import_ns += self.random.pick(&[1, 1, 2, 10]);
        self.import_ns
    }

    /// A time at an edge of what an import may have.
    fn odd_time(&mut self) -> u64 {
        let near = IMPORTS_START_NS + self.random.below(200);
        let next = self.now_ns + self.random.below(4);
        let now = self.now_ns - self.random.below(4);
        self.random.pick(&[0, 1, near, near, near, now, now, next, CLOCK_START_NS, TIMESTAMP_MAX, TIMESTAMP_MAX + 1, u64::MAX])
    }
}
