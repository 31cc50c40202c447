//! A ledger with a clock that moves by one for each event: what `bezant ledger run` does with a file.

use crate::{Balance, Filter, Ledger};
use ::ledger::{Account, AccountResult, Transfer, TransferResult};

/// What the clock shows at first, in nanoseconds since 1970.
pub const CLOCK_START_NS: u64 = 1_700_000_000_000_000_000;

/// One line of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Accounts, as one batch.
    CreateAccounts(Vec<Account>),
    /// Transfers, as one batch.
    CreateTransfers(Vec<Transfer>),
    /// Accounts by id.
    LookupAccounts(Vec<u128>),
    /// Transfers by id.
    LookupTransfers(Vec<u128>),
    /// Transfers of an account.
    GetAccountTransfers(Filter),
    /// Balances of an account.
    GetAccountBalances(Filter),
    /// The clock moves on, and what is due expires.
    Tick {
        /// How far.
        ns: u64,
    },
}

/// What an operation is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One result for each account.
    CreateAccounts(Vec<AccountResult>),
    /// One result for each transfer.
    CreateTransfers(Vec<TransferResult>),
    /// Those that exist.
    LookupAccounts(Vec<Account>),
    /// Those that exist.
    LookupTransfers(Vec<Transfer>),
    /// Those that were found.
    GetAccountTransfers(Vec<Transfer>),
    /// Those that were found.
    GetAccountBalances(Vec<Balance>),
    /// What the clock shows, and the ids of what expired.
    Tick {
        /// In nanoseconds since 1970.
        now: u64,
        /// In order of expiry.
        expired: Vec<u128>,
    },
}

/// A ledger and its clock.
#[derive(Clone, Debug)]
pub struct Run {
    /// The ledger.
    pub ledger: Ledger,
    now_ns: u64,
    /// The time of the last event, whether or not it created anything.
    event_last_ns: u64,
}

impl Run {
    /// An empty ledger, at the start of the clock.
    pub fn new() -> Self {
        Self { ledger: Ledger::new(), now_ns: CLOCK_START_NS, event_last_ns: 0 }
    }

    /// What the clock shows, in nanoseconds since 1970.
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// The time of the next batch's first event, in nanoseconds since 1970.
    pub fn batch_ns(&self) -> u64 {
        self.now_ns.max(self.event_last_ns + 1)
    }

    /// Does an operation.
    pub fn answer(&mut self, operation: &Operation) -> Answer {
        match operation {
            Operation::CreateAccounts(events) => {
                let timestamp = self.pass(events.len());
                Answer::CreateAccounts(self.ledger.create_accounts(events, timestamp))
            }
            Operation::CreateTransfers(events) => {
                let timestamp = self.pass(events.len());
                Answer::CreateTransfers(self.ledger.create_transfers(events, timestamp))
            }
            Operation::LookupAccounts(ids) => {
                Answer::LookupAccounts(ids.iter().filter_map(|id| self.ledger.account(*id)).copied().collect())
            }
            Operation::LookupTransfers(ids) => {
                Answer::LookupTransfers(ids.iter().filter_map(|id| self.ledger.transfer(*id)).copied().collect())
            }
            Operation::GetAccountTransfers(filter) => Answer::GetAccountTransfers(self.ledger.account_transfers(filter)),
            Operation::GetAccountBalances(filter) => Answer::GetAccountBalances(self.ledger.account_balances(filter)),
            Operation::Tick { ns } => {
                self.now_ns += ns;
                let mut expired = Vec::new();
                loop {
                    let round = self.ledger.expire(self.now_ns);
                    if round.is_empty() {
                        return Answer::Tick { now: self.now_ns, expired };
                    }
                    expired.extend(round);
                }
            }
        }
    }

    /// Gives times to so many events; the first one's.
    fn pass(&mut self, count: usize) -> u64 {
        let first = self.batch_ns();
        for index in 0..count {
            self.event_last_ns = first + u64::try_from(index).expect("a batch is short");
            self.now_ns = self.now_ns.max(self.event_last_ns);
        }
        first
    }
}

impl Default for Run {
    fn default() -> Self {
        Self::new()
    }
}
