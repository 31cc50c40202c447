//! A ledger in memory with what its state machine leaves to read models: the transfers of an account in order, and the balance
//! after each of them.

use ledger::{
    Account, AccountFlags, AccountResult, BATCH_EVENTS_MAX, CreateTransferStatus, Ledger, TIMESTAMP_MAX, Transfer, TransferFlags,
    TransferResult,
};
use std::collections::HashMap;

/// What the clock shows at first, in nanoseconds since 1970: a fixed time, so that a file always gives the same answers.
pub(super) const START_NS: u64 = 1_700_000_000_000_000_000;

/// Why an operation cannot be done as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many events.
    #[error("{count} events: a batch may have {BATCH_EVENTS_MAX}, so split it")]
    TooManyEvents {
        /// How many there are.
        count: usize,
    },
    /// An event has metadata.
    #[error("event {event} has metadata, which a workload's ledger does not keep: leave it out")]
    HasMetadata {
        /// Counted from 1.
        event: usize,
    },
    /// The clock would pass the largest timestamp.
    #[error("the clock cannot pass {TIMESTAMP_MAX} ns: tick less")]
    ClockPassesMaximum,
}

/// Which transfers of an account are asked for. Zero in a field asks for any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) account_id: u128,
    pub(super) user_data_128: u128,
    pub(super) user_data_64: u64,
    pub(super) user_data_32: u32,
    pub(super) code: u16,
    /// Inclusive.
    pub(super) timestamp_min: u64,
    /// Inclusive.
    pub(super) timestamp_max: u64,
    /// Most objects; zero asks for nothing.
    pub(super) limit: u32,
    /// Those that debit the account.
    pub(super) debits: bool,
    /// Those that credit the account.
    pub(super) credits: bool,
    /// Newest first.
    pub(super) reversed: bool,
    /// Bits without a meaning: they make the filter ask for nothing.
    pub(super) reserved_bits: u16,
}

impl Filter {
    /// Whether it asks for anything, by the reference's rules; otherwise nothing is found.
    fn is_valid(&self) -> bool {
        let is_time = |timestamp: u64| timestamp <= TIMESTAMP_MAX;
        self.account_id != 0
            && self.account_id != u128::MAX
            && is_time(self.timestamp_min)
            && is_time(self.timestamp_max)
            && (self.timestamp_max == 0 || self.timestamp_min <= self.timestamp_max)
            && self.limit != 0
            && (self.debits || self.credits)
            && self.reserved_bits == 0
    }

    fn takes(&self, transfer: &Transfer) -> bool {
        let side = (self.debits && transfer.debit_account_id == self.account_id)
            || (self.credits && transfer.credit_account_id == self.account_id);
        let newest = if self.timestamp_max == 0 { TIMESTAMP_MAX } else { self.timestamp_max };
        side && (self.timestamp_min..=newest).contains(&transfer.timestamp)
            && (self.user_data_128 == 0 || self.user_data_128 == transfer.user_data_128)
            && (self.user_data_64 == 0 || self.user_data_64 == transfer.user_data_64)
            && (self.user_data_32 == 0 || self.user_data_32 == transfer.user_data_32)
            && (self.code == 0 || self.code == transfer.code)
    }

    fn limit(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX).min(BATCH_EVENTS_MAX)
    }
}

/// An account's four sums, in the ledger's minor unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) debits_pending: u128,
    pub(super) debits_posted: u128,
    pub(super) credits_pending: u128,
    pub(super) credits_posted: u128,
}

impl Sums {
    const fn of(account: &Account) -> Self {
        let Account { debits_pending, debits_posted, credits_pending, credits_posted, .. } = *account;
        Self { debits_pending, debits_posted, credits_pending, credits_posted }
    }
}

/// One transfer of an account, and the account's sums right after it.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Its place among all transfers.
    index: usize,
    sums: Sums,
}

/// The sums of an account at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Balance {
    pub(super) sums: Sums,
    /// That of the transfer after which they were so.
    pub(super) timestamp: u64,
}

/// What an account's transfers came to, by the transfers alone.
#[derive(Debug, Default)]
struct Page {
    sums: Sums,
    lines: Vec<Line>,
}

/// A ledger, its clock and its history.
pub(super) struct Book {
    ledger: Ledger,
    now_ns: u64,
    /// The last time that an event was given, whether or not it created anything.
    event_last_ns: u64,
    /// In order of their timestamps: the state machine gives growing ones, imported ones included.
    transfers: Vec<Transfer>,
    pages: HashMap<u128, Page>,
}

impl Book {
    pub(super) fn new() -> Self {
        Self { ledger: Ledger::new(), now_ns: START_NS, event_last_ns: 0, transfers: Vec::new(), pages: HashMap::new() }
    }

    /// What the clock shows, in nanoseconds since 1970.
    pub(super) const fn now(&self) -> u64 {
        self.now_ns
    }

    pub(super) fn create_accounts(&mut self, events: &[Account]) -> Result<Vec<AccountResult>, Refused> {
        let timestamp = self.start_batch(events.len())?;
        let results = self.ledger.create_accounts(events, timestamp);
        self.end_batch(timestamp, events.len());
        Ok(results)
    }

    pub(super) fn create_transfers(&mut self, events: &[Transfer]) -> Result<Vec<TransferResult>, Refused> {
        let timestamp = self.start_batch(events.len())?;
        let results = self.ledger.create_transfers(events, timestamp);
        for (event, _) in events.iter().zip(&results).filter(|(_, result)| result.status == CreateTransferStatus::Created) {
            self.enter(event.id);
        }
        self.end_batch(timestamp, events.len());
        for event in events {
            self.check(event.debit_account_id);
            self.check(event.credit_account_id);
        }
        Ok(results)
    }

    /// The time of a batch's first event.
    fn start_batch(&self, count: usize) -> Result<u64, Refused> {
        if count > BATCH_EVENTS_MAX {
            return Err(Refused::TooManyEvents { count });
        }
        let timestamp = self.now_ns.max(self.event_last_ns + 1);
        let last = u64::try_from(count).ok().and_then(|count| timestamp.checked_add(count));
        last.filter(|last| *last <= TIMESTAMP_MAX).map(|_| timestamp).ok_or(Refused::ClockPassesMaximum)
    }

    /// Moves the clock on to the time of a batch's last event.
    fn end_batch(&mut self, timestamp: u64, count: usize) {
        if let Some(after_first) = count.checked_sub(1) {
            self.event_last_ns = timestamp + u64::try_from(after_first).expect("a batch is not that large");
            self.now_ns = self.now_ns.max(self.event_last_ns);
        }
    }

    /// Moves the clock on and releases what expires until then; its ids in order of expiry.
    pub(super) fn tick(&mut self, ns: u64) -> Result<Vec<u128>, Refused> {
        self.now_ns = self.now_ns.checked_add(ns).filter(|now| *now <= TIMESTAMP_MAX).ok_or(Refused::ClockPassesMaximum)?;
        let mut all = Vec::new();
        loop {
            let expired = self.ledger.expire(self.now_ns);
            for id in &expired {
                let pending = *self.ledger.transfer(*id).expect("what expires is known");
                self.sums(pending.debit_account_id).debits_pending -= pending.amount;
                self.sums(pending.credit_account_id).credits_pending -= pending.amount;
            }
            let is_last = expired.len() < BATCH_EVENTS_MAX;
            all.extend(expired);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Enters a transfer that happened into the pages of both accounts.
    fn enter(&mut self, id: u128) {
        let transfer = *self.ledger.transfer(id).expect("a created transfer is known");
        let (debit, credit) = (transfer.debit_account_id, transfer.credit_account_id);
        let amount = transfer.amount;
        if transfer.is_resolution() {
            let pending = *self.ledger.transfer(transfer.pending_id).expect("what is resolved is known");
            self.sums(debit).debits_pending -= pending.amount;
            self.sums(credit).credits_pending -= pending.amount;
        }
        if transfer.flags.contains(TransferFlags::PENDING) {
            self.sums(debit).debits_pending += amount;
            self.sums(credit).credits_pending += amount;
        } else if !transfer.flags.contains(TransferFlags::VOID_PENDING_TRANSFER) {
            self.sums(debit).debits_posted += amount;
            self.sums(credit).credits_posted += amount;
        }
        assert!(self.transfers.last().is_none_or(|last| last.timestamp < transfer.timestamp), "timestamps of transfers grow");
        let index = self.transfers.len();
        self.transfers.push(transfer);
        for account in [debit, credit] {
            let page = self.pages.entry(account).or_default();
            page.lines.push(Line { index, sums: page.sums });
        }
    }

    fn sums(&mut self, account: u128) -> &mut Sums {
        &mut self.pages.entry(account).or_default().sums
    }

    /// The pages are written from transfers alone, and the state machine keeps sums of its own: they have to agree.
    fn check(&self, id: u128) {
        if let (Some(account), Some(page)) = (self.ledger.account(id), self.pages.get(&id)) {
            assert_eq!(Sums::of(account), page.sums, "account {id} and its transfers say the same");
        }
    }

    pub(super) fn account(&self, id: u128) -> Option<Account> {
        self.ledger.account(id).copied()
    }

    pub(super) fn transfer(&self, id: u128) -> Option<Transfer> {
        self.ledger.transfer(id).copied()
    }

    /// The transfers of an account, oldest first unless reversed.
    pub(super) fn account_transfers(&self, filter: &Filter) -> Vec<Transfer> {
        self.lines(filter).map(|line| self.transfers[line.index]).collect()
    }

    /// The sums of an account with the flag `history` after each of its transfers, oldest first unless reversed.
    pub(super) fn account_balances(&self, filter: &Filter) -> Vec<Balance> {
        if !self.ledger.account(filter.account_id).is_some_and(|account| account.flags.contains(AccountFlags::HISTORY)) {
            return Vec::new();
        }
        self.lines(filter).map(|line| Balance { sums: line.sums, timestamp: self.transfers[line.index].timestamp }).collect()
    }

    fn lines<'a>(&'a self, filter: &'a Filter) -> Box<dyn Iterator<Item = &'a Line> + 'a> {
        let Some(page) = self.pages.get(&filter.account_id).filter(|_| filter.is_valid()) else {
            return Box::new(std::iter::empty());
        };
        let taken = |line: &&Line| filter.takes(&self.transfers[line.index]);
        if filter.reversed {
            Box::new(page.lines.iter().rev().filter(taken).take(filter.limit()))
        } else {
            Box::new(page.lines.iter().filter(taken).take(filter.limit()))
        }
    }
}
