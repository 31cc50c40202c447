//! A ledger in memory with what its state machine leaves to read models: the transfers of an account in order, and the balance
//! after each of them.

use super::clock::Clock;
use super::{Keeper, NotDone};
use ledger::{
    Account, AccountFlags, AccountResult, BATCH_EVENTS_MAX, Balances, CreateTransferStatus, Ledger, TIMESTAMP_MAX, Transfer, TransferFlags,
    TransferResult,
};
use std::collections::HashMap;

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
    pub(super) fn is_valid(&self) -> bool {
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

    pub(super) fn limit(&self) -> usize {
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
    pub(super) const fn of(balances: &Balances) -> Self {
        let Balances { debits_pending, debits_posted, credits_pending, credits_posted } = *balances;
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
    clock: Clock,
    /// In order of their timestamps: the state machine gives growing ones, imported ones included.
    transfers: Vec<Transfer>,
    pages: HashMap<u128, Page>,
}

impl Book {
    pub(super) fn new() -> Self {
        Self { ledger: Ledger::new(), clock: Clock::new(), transfers: Vec::new(), pages: HashMap::new() }
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
            assert_eq!(Sums::of(&account.balances()), page.sums, "account {id} and its transfers say the same");
        }
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

impl Keeper for Book {
    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    fn create_accounts(&mut self, events: Vec<Account>) -> Result<Vec<AccountResult>, NotDone> {
        let first = self.clock.pass(events.len()).map_err(NotDone::Refused)?;
        Ok(self.ledger.create_accounts(&events, first))
    }

    fn create_transfers(&mut self, events: Vec<Transfer>) -> Result<Vec<TransferResult>, NotDone> {
        let first = self.clock.pass(events.len()).map_err(NotDone::Refused)?;
        let results = self.ledger.create_transfers(&events, first);
        for (event, _) in events.iter().zip(&results).filter(|(_, result)| result.status == CreateTransferStatus::Created) {
            self.enter(event.id);
        }
        for event in &events {
            self.check(event.debit_account_id);
            self.check(event.credit_account_id);
        }
        Ok(results)
    }

    fn tick(&mut self, ns: u64) -> Result<Vec<u128>, NotDone> {
        self.clock.tick(ns).map_err(NotDone::Refused)?;
        let mut all = Vec::new();
        loop {
            let expired = self.ledger.expire(self.clock.now_ns());
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

    fn account(&mut self, id: u128) -> Result<Option<Account>, NotDone> {
        Ok(self.ledger.account(id).copied())
    }

    fn transfer(&mut self, id: u128) -> Result<Option<Transfer>, NotDone> {
        Ok(self.ledger.transfer(id).copied())
    }

    fn account_transfers(&mut self, filter: &Filter) -> Result<Vec<Transfer>, NotDone> {
        Ok(self.lines(filter).map(|line| self.transfers[line.index]).collect())
    }

    fn account_balances(&mut self, filter: &Filter) -> Result<Vec<Balance>, NotDone> {
        if !self.ledger.account(filter.account_id).is_some_and(|account| account.flags.contains(AccountFlags::HISTORY)) {
            return Ok(Vec::new());
        }
        let balance = |line: &Line| Balance { sums: line.sums, timestamp: self.transfers[line.index].timestamp };
        Ok(self.lines(filter).map(balance).collect())
    }
}
