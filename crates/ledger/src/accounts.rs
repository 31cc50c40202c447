//! Creating accounts: clients' events with a status each, and the platform's own accounts.

use crate::batch::{self, EnvelopeFault, Event};
use crate::items::Items;
use crate::names::AccountName;
use crate::recent::Known;
use crate::state::Ledger;
use crate::status::CreateAccountStatus as Status;
use crate::types::{Account, AccountFlags, TIMESTAMP_MAX};

/// The outcome of one account event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountResult {
    /// What happened.
    pub status: Status,
    /// When, in nanoseconds since 1970: the account's timestamp if it was created or exists, the
    /// event's otherwise. An imported event that was taken back with its chain keeps its own.
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
        let mut results = Vec::new();
        self.create_accounts_into(events, timestamp, &mut results, &mut Vec::new());
        results
    }

    /// As [`Ledger::create_accounts`], but appends: one result per event to `results`, and the accounts as they were created,
    /// in order, to `created`. Those are what [`Ledger::apply_accounts`] takes.
    ///
    /// # Panics
    ///
    /// As [`Ledger::create_accounts`].
    pub fn create_accounts_into(
        &mut self,
        events: &[Account],
        timestamp: u64,
        results: &mut Vec<AccountResult>,
        created: &mut Vec<Account>,
    ) {
        let names = self.create_named_accounts_into(events, &Items::NONE, timestamp, results, created);
        assert!(names.is_empty(), "no account is named");
    }

    /// As [`Ledger::create_accounts_into`], with names for some: `name_taken` is answered where another account of the ledger has
    /// the name, and `exists_with_different_name` where the same id has another one or none. Returns the names of what was created,
    /// by the number of the account among those.
    ///
    /// # Panics
    ///
    /// As [`Ledger::create_accounts`].
    pub fn create_named_accounts_into(
        &mut self,
        events: &[Account],
        names: &Items<AccountName>,
        timestamp: u64,
        results: &mut Vec<AccountResult>,
        created: &mut Vec<Account>,
    ) -> Items<AccountName> {
        self.transfer_timestamps_taken.clear();
        if events.first().is_some_and(|first| first.flags.contains(AccountFlags::IMPORTED)) {
            self.transfer_timestamps_taken = self.transfer_timestamps_ordered();
        }
        let mut burned = Vec::new();
        let named = events.iter().enumerate().map(|(item, account)| NewAccount { account: *account, name: names.of(item) });
        let (named, mut made): (Vec<NewAccount<'_>>, _) = (named.collect(), Vec::new());
        batch::create_batch(self, &named, timestamp, results, &mut made, &mut burned);
        assert!(burned.is_empty(), "no account's id is burned");
        let mut names = Items::NONE;
        for (item, NewAccount { account, name }) in made.into_iter().enumerate() {
            created.push(account);
            name.into_iter().for_each(|name| names.push(item, name.clone()));
        }
        names
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
        if let Err(status) = self.check_account(&account, None) {
            panic!("account {id} cannot be opened: {status}");
        }
        self.accounts.insert(account);
    }

    pub(crate) fn check_account(&self, account: &Account, name: Option<&AccountName>) -> Result<(), Status> {
        check_identity(account)?;
        if let Some(existing) = self.accounts.account(account.id) {
            let status = compare(account, existing);
            let is_renamed = status == Status::Exists && name != self.names.of(account.id);
            return Err(if is_renamed { Status::ExistsWithDifferentName } else { status });
        }
        check_shape(account)?;
        if account.flags.contains(AccountFlags::IMPORTED) {
            let is_after_all = self.accounts.timestamp_last().is_none_or(|last| account.timestamp > last);
            if !is_after_all || self.transfer_timestamps_taken.binary_search(&account.timestamp).is_ok() {
                return Err(Status::ImportedEventTimestampMustNotRegress);
            }
        }
        if name.is_some_and(|name| self.names.account_id(account.ledger, name).is_some()) {
            return Err(Status::NameTaken);
        }
        Ok(())
    }

    /// Adds an account that was checked.
    pub(crate) fn insert_account(&mut self, account: Account, name: Option<&AccountName>) {
        self.accounts.insert(account);
        let is_named = name.is_none_or(|name| self.names.insert(&account, name));
        assert!(is_named, "account {} has a name that another one has", account.id);
    }

    /// Of every known transfer. To be asked for imported accounts only, because it takes time.
    fn transfer_timestamps_ordered(&self) -> Vec<u64> {
        let recent = self.recent.iter().filter_map(Known::happened).map(|(transfer, _)| transfer.timestamp);
        let mut timestamps: Vec<u64> = self.open.iter().map(|transfer| transfer.timestamp).chain(recent).collect();
        timestamps.sort_unstable();
        timestamps
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

/// An account that is to be created, and the name that it is to have.
#[derive(Clone, Copy)]
struct NewAccount<'n> {
    account: Account,
    name: Option<&'n AccountName>,
}

impl Event for NewAccount<'_> {
    type Status = Status;
    type Result = AccountResult;

    const CREATED: Status = Status::Created;

    fn is_linked(&self) -> bool {
        self.account.flags.contains(AccountFlags::LINKED)
    }

    fn is_imported(&self) -> bool {
        self.account.flags.contains(AccountFlags::IMPORTED)
    }

    fn timestamp(&self) -> u64 {
        self.account.timestamp
    }

    fn result(status: Status, timestamp: u64) -> AccountResult {
        AccountResult { status, timestamp }
    }

    fn status_mut(result: &mut AccountResult) -> &mut Status {
        &mut result.status
    }

    fn create(&self, ledger: &mut Ledger, timestamp: u64, created: &mut Vec<Self>) -> (Status, u64) {
        match ledger.check_account(&self.account, self.name) {
            Ok(()) => {
                let timestamp = if self.is_imported() { self.timestamp() } else { timestamp };
                let account = Account { timestamp, ..self.account };
                ledger.insert_account(account, self.name);
                ledger.timestamp_last = ledger.timestamp_last.max(account.timestamp);
                created.push(Self { account, name: self.name });
                (Status::Created, account.timestamp)
            }
            Err(Status::Exists) => {
                let existing = ledger.accounts.account(self.account.id).expect("what exists is there");
                (Status::Exists, existing.timestamp)
            }
            Err(status) => (status, timestamp),
        }
    }

    fn read_ahead(_ledger: &Ledger, _events: &[Self]) {}

    fn take_back(&self, ledger: &mut Ledger) {
        ledger.accounts.take_back(self.account.id);
        ledger.names.take_back(&self.account);
    }

    fn remember_failure(&self, _ledger: &mut Ledger, status: Status, _burned: &mut Vec<u128>) {
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
