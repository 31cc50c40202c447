//! The model's state, its batches and chains, and expiry. The rules about one event live in `accounts.rs` and `transfers.rs`.

use ::ledger::{
    Account, AccountFlags, AccountResult, Balances, CreateAccountStatus, CreateTransferStatus, PendingStatus, TIMESTAMP_MAX, Transfer,
    TransferFlags, TransferResult,
};
use std::collections::{BTreeMap, BTreeSet};

/// The most pending transfers that expire in one round.
const EXPIRED_MAX: usize = 8_189;

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/// One transfer of the past, and the balances of both accounts right after it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) transfer: Transfer,
    pub(crate) debit: Balances,
    pub(crate) credit: Balances,
}

/// Accounts, transfers and everything that ever happened.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub(crate) accounts: BTreeMap<u128, Account>,
    pub(crate) transfers: BTreeMap<u128, Transfer>,
    /// What became of each pending transfer.
    pub(crate) ends: BTreeMap<u128, PendingStatus>,
    /// Ids that failed for a reason that may pass, and never happen.
    pub(crate) failed: BTreeSet<u128>,
    /// Transfers in the order in which they happened.
    pub(crate) lines: Vec<Line>,
}

/// What the rules for whole batches need of an event.
struct Envelope {
    is_linked: bool,
    is_imported: bool,
    timestamp: u64,
}

/// How the rules for whole batches fail, in the words of the one or the other kind of event.
struct Names<S> {
    linked_event_failed: S,
    linked_event_chain_open: S,
    imported_event_expected: S,
    imported_event_not_expected: S,
    timestamp_must_be_zero: S,
    imported_event_timestamp_out_of_range: S,
    imported_event_timestamp_must_not_advance: S,
    created: S,
}

impl Ledger {
    /// A ledger without accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates accounts; event `i` is tried at `timestamp + i`, in nanoseconds since 1970.
    pub fn create_accounts(&mut self, events: &[Account], timestamp: u64) -> Vec<AccountResult> {
        let envelope = |event: &Account| Envelope {
            is_linked: event.flags.contains(AccountFlags::LINKED),
            is_imported: event.flags.contains(AccountFlags::IMPORTED),
            timestamp: event.timestamp,
        };
        let names = Names {
            linked_event_failed: CreateAccountStatus::LinkedEventFailed,
            linked_event_chain_open: CreateAccountStatus::LinkedEventChainOpen,
            imported_event_expected: CreateAccountStatus::ImportedEventExpected,
            imported_event_not_expected: CreateAccountStatus::ImportedEventNotExpected,
            timestamp_must_be_zero: CreateAccountStatus::TimestampMustBeZero,
            imported_event_timestamp_out_of_range: CreateAccountStatus::ImportedEventTimestampOutOfRange,
            imported_event_timestamp_must_not_advance: CreateAccountStatus::ImportedEventTimestampMustNotAdvance,
            created: CreateAccountStatus::Created,
        };
        let create = |ledger: &mut Self, index: usize, now: u64| ledger.create_account(events[index], now);
        let envelopes: Vec<Envelope> = events.iter().map(envelope).collect();
        let outcomes = self.create_batch(&envelopes, timestamp, &names, create, |_, _, _| {});
        outcomes.into_iter().map(|(status, timestamp)| AccountResult { status, timestamp }).collect()
    }

    /// Creates transfers; event `i` is tried at `timestamp + i`, in nanoseconds since 1970.
    pub fn create_transfers(&mut self, events: &[Transfer], timestamp: u64) -> Vec<TransferResult> {
        let envelope = |event: &Transfer| Envelope {
            is_linked: event.flags.contains(TransferFlags::LINKED),
            is_imported: event.flags.contains(TransferFlags::IMPORTED),
            timestamp: event.timestamp,
        };
        let names = Names {
            linked_event_failed: CreateTransferStatus::LinkedEventFailed,
            linked_event_chain_open: CreateTransferStatus::LinkedEventChainOpen,
            imported_event_expected: CreateTransferStatus::ImportedEventExpected,
            imported_event_not_expected: CreateTransferStatus::ImportedEventNotExpected,
            timestamp_must_be_zero: CreateTransferStatus::TimestampMustBeZero,
            imported_event_timestamp_out_of_range: CreateTransferStatus::ImportedEventTimestampOutOfRange,
            imported_event_timestamp_must_not_advance: CreateTransferStatus::ImportedEventTimestampMustNotAdvance,
            created: CreateTransferStatus::Created,
        };
        let create = |ledger: &mut Self, index: usize, now: u64| ledger.create_transfer(events[index], now);
        let burn = |ledger: &mut Self, index: usize, status: CreateTransferStatus| {
            use CreateTransferStatus as Status;
            let burns = [
                Status::DebitAccountNotFound,
                Status::CreditAccountNotFound,
                Status::PendingTransferNotFound,
                Status::DebitAccountAlreadyClosed,
                Status::CreditAccountAlreadyClosed,
                Status::ExceedsCredits,
                Status::ExceedsDebits,
            ];
            if burns.contains(&status) {
                ledger.failed.insert(events[index].id);
            }
        };
        let envelopes: Vec<Envelope> = events.iter().map(envelope).collect();
        let outcomes = self.create_batch(&envelopes, timestamp, &names, create, burn);
        outcomes.into_iter().map(|(status, timestamp)| TransferResult { status, timestamp }).collect()
    }

    /// Cuts the batch into chains; an event that is linked to nothing is a chain of one.
    fn create_batch<S: Copy + PartialEq>(
        &mut self,
        events: &[Envelope],
        timestamp: u64,
        names: &Names<S>,
        create: impl Fn(&mut Self, usize, u64) -> (S, u64),
        burn: impl Fn(&mut Self, usize, S),
    ) -> Vec<(S, u64)> {
        let time_of = |index: usize| timestamp + u64::try_from(index).expect("a batch is short");
        let mut outcomes = Vec::new();
        while outcomes.len() < events.len() {
            let first = outcomes.len();
            let mut last = first;
            while events[last].is_linked && last + 1 < events.len() {
                last += 1;
            }
            let is_open = events[last].is_linked;

            // An event by itself changes nothing before it has passed every check.
            let before = (first < last).then(|| self.clone());
            let mut chain = Vec::new();
            let mut failure = None;
            for index in first..=last {
                let outcome = if is_open && index == last {
                    (names.linked_event_chain_open, time_of(index))
                } else {
                    match check_envelope(&events[index], events[0].is_imported, timestamp, names) {
                        Err(status) => (status, time_of(index)),
                        Ok(()) => create(self, index, time_of(index)),
                    }
                };
                chain.push(outcome);
                if outcome.0 != names.created {
                    failure = Some((index, outcome));
                    break;
                }
            }
            if let Some((failed_index, outcome)) = failure {
                if let Some(before) = before {
                    *self = before;
                }
                burn(self, failed_index, outcome.0);
                // Those before keep the times that they had been given.
                for earlier in &mut chain[..failed_index - first] {
                    earlier.0 = names.linked_event_failed;
                }
                for index in failed_index + 1..=last {
                    let is_the_open_end = is_open && index == last;
                    let status = if is_the_open_end { names.linked_event_chain_open } else { names.linked_event_failed };
                    chain.push((status, time_of(index)));
                }
            }
            outcomes.extend(chain);
        }
        outcomes
    }

    /// Releases pending transfers whose time has come; their ids in order of expiry, then of creation. At most 8,189 at a time.
    pub fn expire(&mut self, now_ns: u64) -> Vec<u128> {
        let mut due: Vec<(u64, u64, u128)> = Vec::new();
        for (id, end) in &self.ends {
            let transfer = &self.transfers[id];
            if *end == PendingStatus::Pending && is_expired(transfer, now_ns) {
                due.push((expires_at_ns(transfer).unwrap_or(u64::MAX), transfer.timestamp, *id));
            }
        }
        due.sort_unstable();
        due.truncate(EXPIRED_MAX);
        let ids: Vec<u128> = due.into_iter().map(|(_, _, id)| id).collect();
        for id in &ids {
            let pending = self.transfers[id];
            self.release(&pending);
            self.reopen(&pending);
            self.ends.insert(*id, PendingStatus::Expired);
        }
        ids
    }

    /// Takes a reservation back from both accounts.
    pub(crate) fn release(&mut self, pending: &Transfer) {
        let debit = self.accounts.get_mut(&pending.debit_account_id).expect("accounts of transfers stay");
        debit.debits_pending -= pending.amount;
        let credit = self.accounts.get_mut(&pending.credit_account_id).expect("accounts of transfers stay");
        credit.credits_pending -= pending.amount;
    }

    /// Opens the accounts again that a pending transfer had closed.
    pub(crate) fn reopen(&mut self, pending: &Transfer) {
        for (flag, account) in
            [(TransferFlags::CLOSING_DEBIT, pending.debit_account_id), (TransferFlags::CLOSING_CREDIT, pending.credit_account_id)]
        {
            if pending.flags.contains(flag) {
                let account = self.accounts.get_mut(&account).expect("accounts of transfers stay");
                account.flags = account.flags.difference(AccountFlags::CLOSED);
            }
        }
    }

    /// The account with this id.
    pub fn account(&self, id: u128) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// All accounts in order of their ids.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// The transfer with this id, as it happened.
    pub fn transfer(&self, id: u128) -> Option<&Transfer> {
        self.transfers.get(&id)
    }

    /// All transfers in order of their ids.
    pub fn transfers(&self) -> impl Iterator<Item = &Transfer> {
        self.transfers.values()
    }

    /// What became of a transfer's reservation.
    pub fn pending_status(&self, id: u128) -> Option<PendingStatus> {
        self.transfers.get(&id)?;
        Some(self.ends.get(&id).copied().unwrap_or(PendingStatus::None))
    }

    /// Ids that failed for ever, in order.
    pub fn burned(&self) -> impl Iterator<Item = u128> {
        self.failed.iter().copied()
    }
}

fn check_envelope<S: Copy>(event: &Envelope, is_batch_imported: bool, timestamp_batch: u64, names: &Names<S>) -> Result<(), S> {
    if is_batch_imported && !event.is_imported {
        return Err(names.imported_event_expected);
    }
    if !is_batch_imported && event.is_imported {
        return Err(names.imported_event_not_expected);
    }
    if !event.is_imported {
        return if event.timestamp == 0 { Ok(()) } else { Err(names.timestamp_must_be_zero) };
    }
    if event.timestamp == 0 || event.timestamp > TIMESTAMP_MAX {
        return Err(names.imported_event_timestamp_out_of_range);
    }
    if event.timestamp >= timestamp_batch {
        return Err(names.imported_event_timestamp_must_not_advance);
    }
    Ok(())
}

/// When a transfer's timeout ends, in nanoseconds since 1970; `None` past the largest timestamp.
pub(crate) fn expires_at_ns(transfer: &Transfer) -> Option<u64> {
    let timeout_ns = u64::from(transfer.timeout_s) * NANOSECONDS_PER_SECOND;
    transfer.timestamp.checked_add(timeout_ns).filter(|at| *at <= TIMESTAMP_MAX)
}

/// Whether a pending transfer has a timeout and it has passed.
pub(crate) fn is_expired(pending: &Transfer, now_ns: u64) -> bool {
    pending.timeout_s > 0 && expires_at_ns(pending).is_some_and(|at| at <= now_ns)
}

/// Fails with a status unless something holds.
pub(crate) fn require<S>(holds: bool, otherwise: S) -> Result<(), S> {
    if holds { Ok(()) } else { Err(otherwise) }
}
