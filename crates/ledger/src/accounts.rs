//! Creating accounts: clients' events with a status each, and the platform's own accounts.

use crate::batch::{self, EnvelopeFault, Event, Undo};
use crate::state::Ledger;
use crate::status::CreateAccountStatus as Status;
use crate::types::{Account, AccountFlags, TIMESTAMP_MAX};

/// The outcome of one account event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountResult {
    /// What happened.
    pub status: Status,
    /// When, in nanoseconds since 1970: the account's timestamp if it was created or exists, the
    /// event's otherwise.
    pub timestamp: u64,
}

impl Ledger {
    /// Creates accounts in order; event `i` has the time `timestamp + i` in nanoseconds since 1970.
    ///
    /// Returns one result per event. Events fail alone, or as a chain if they are linked. The first
    /// matching status in order of precedence is the result. Creating the same account again gives
    /// `Exists` with the first one's timestamp, so a batch can be retried.
    ///
    /// # Panics
    ///
    /// If there are more than [`crate::BATCH_EVENTS_MAX`] events, or `timestamp` is not after
    /// [`Ledger::timestamp_last`].
    pub fn create_accounts(&mut self, events: &[Account], timestamp: u64) -> Vec<AccountResult> {
        let results = batch::create_batch(self, events, timestamp);
        results.into_iter().map(|(status, timestamp)| AccountResult { status, timestamp }).collect()
    }

    /// Opens an account of the platform itself, stamped by the caller.
    ///
    /// # Panics
    ///
    /// If the account breaks a rule of [`Ledger::create_accounts`], exists already, is linked,
    /// imported or closed, or has no timestamp.
    pub fn open_account(&mut self, account: Account) {
        let id = account.id;
        let unsupported = AccountFlags::LINKED.union(AccountFlags::IMPORTED).union(AccountFlags::CLOSED);
        assert_eq!(account.flags, account.flags.difference(unsupported), "account {id} cannot be opened with flags {:?}", account.flags);
        assert!((1..=TIMESTAMP_MAX).contains(&account.timestamp), "account {id} has no valid timestamp");
        if let Err(status) = self.check_account(&account) {
            panic!("account {id} cannot be opened: {status}");
        }
        self.insert_account(account);
    }

    fn check_account(&self, account: &Account) -> Result<(), Status> {
        check_identity(account)?;
        if let Some(existing) = self.accounts.get(&account.id) {
            return Err(compare(account, existing));
        }
        check_shape(account)?;
        if account.flags.contains(AccountFlags::IMPORTED) {
            let is_after_all = self.account_timestamps.last().is_none_or(|(last, _)| account.timestamp > *last);
            if !is_after_all || self.transfer_timestamps.contains(&account.timestamp) {
                return Err(Status::ImportedEventTimestampMustNotRegress);
            }
        }
        Ok(())
    }

    fn insert_account(&mut self, account: Account) {
        let is_new_timestamp = self.account_timestamps.insert((account.timestamp, account.id));
        let previous = self.accounts.insert(account.id, account);
        assert!(is_new_timestamp && previous.is_none(), "account {} is created twice", account.id);
    }

    pub(crate) fn undo_account(&mut self, id: u128) {
        let account = self.accounts.remove(&id).expect("the account to take back was created in this chain");
        assert!(self.account_timestamps.remove(&(account.timestamp, id)));
    }

    /// Whether an account, of whomever, has exactly this timestamp.
    pub(crate) fn account_has_timestamp(&self, timestamp: u64) -> bool {
        self.account_timestamps.range((timestamp, 0)..=(timestamp, u128::MAX)).next().is_some()
    }
}

fn check_identity(account: &Account) -> Result<(), Status> {
    if account.reserved != 0 {
        return Err(Status::ReservedField);
    }
    if account.flags.reserved_bits() != 0 {
        return Err(Status::ReservedFlag);
    }
    if account.id == 0 {
        return Err(Status::IdMustNotBeZero);
    }
    if account.id == u128::MAX {
        return Err(Status::IdMustNotBeIntMax);
    }
    Ok(())
}

pub(crate) fn check_shape(account: &Account) -> Result<(), Status> {
    let limits = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS.union(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
    if account.flags.contains(limits) {
        return Err(Status::FlagsAreMutuallyExclusive);
    }
    if account.debits_pending != 0 {
        return Err(Status::DebitsPendingMustBeZero);
    }
    if account.debits_posted != 0 {
        return Err(Status::DebitsPostedMustBeZero);
    }
    if account.credits_pending != 0 {
        return Err(Status::CreditsPendingMustBeZero);
    }
    if account.credits_posted != 0 {
        return Err(Status::CreditsPostedMustBeZero);
    }
    if account.ledger == 0 {
        return Err(Status::LedgerMustNotBeZero);
    }
    if account.code == 0 {
        return Err(Status::CodeMustNotBeZero);
    }
    Ok(())
}

/// How an account that comes again differs. Flags include `closed`, which transfers may have set.
fn compare(account: &Account, existing: &Account) -> Status {
    if account.flags != existing.flags {
        return Status::ExistsWithDifferentFlags;
    }
    if account.user_data_128 != existing.user_data_128 {
        return Status::ExistsWithDifferentUserData128;
    }
    if account.user_data_64 != existing.user_data_64 {
        return Status::ExistsWithDifferentUserData64;
    }
    if account.user_data_32 != existing.user_data_32 {
        return Status::ExistsWithDifferentUserData32;
    }
    if account.ledger != existing.ledger {
        return Status::ExistsWithDifferentLedger;
    }
    if account.code != existing.code {
        return Status::ExistsWithDifferentCode;
    }
    Status::Exists
}

impl Event for Account {
    type Status = Status;

    const CREATED: Status = Status::Created;

    fn is_linked(&self) -> bool {
        self.flags.contains(AccountFlags::LINKED)
    }

    fn is_imported(&self) -> bool {
        self.flags.contains(AccountFlags::IMPORTED)
    }

    fn timestamp(&self) -> u64 {
        self.timestamp
    }

    fn create(&self, ledger: &mut Ledger, timestamp: u64, undo: Option<&mut Vec<Undo>>) -> (Status, u64) {
        match ledger.check_account(self) {
            Ok(()) => {
                let timestamp_actual = if self.is_imported() { self.timestamp } else { timestamp };
                ledger.insert_account(Self { timestamp: timestamp_actual, ..*self });
                if let Some(undo) = undo {
                    undo.push(Undo::Account { id: self.id });
                }
                (Status::Created, timestamp_actual)
            }
            Err(Status::Exists) => (Status::Exists, ledger.accounts[&self.id].timestamp),
            Err(status) => (status, timestamp),
        }
    }

    fn remember_failure(&self, _ledger: &mut Ledger, status: Status) {
        // No status of an account depends on a passing condition, so no id is burned.
        assert_ne!(status, Status::Created);
    }
}

impl From<EnvelopeFault> for Status {
    fn from(fault: EnvelopeFault) -> Self {
        match fault {
            EnvelopeFault::LinkedEventFailed => Self::LinkedEventFailed,
            EnvelopeFault::LinkedEventChainOpen => Self::LinkedEventChainOpen,
            EnvelopeFault::ImportedEventExpected => Self::ImportedEventExpected,
            EnvelopeFault::ImportedEventNotExpected => Self::ImportedEventNotExpected,
            EnvelopeFault::TimestampMustBeZero => Self::TimestampMustBeZero,
            EnvelopeFault::ImportedEventTimestampOutOfRange => Self::ImportedEventTimestampOutOfRange,
            EnvelopeFault::ImportedEventTimestampMustNotAdvance => Self::ImportedEventTimestampMustNotAdvance,
        }
    }
}
