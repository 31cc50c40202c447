//! Entries with many legs: postings that balance in every ledger they touch, all or nothing.
//!
//! An entry is no record of its own: it happens as one chain of linked transfers, which `lowering.rs` makes of its postings.
//! So whatever holds for transfers holds for entries, and history finds them as such. The result names of an entry live here.

use crate::batch::{BATCH_EVENTS_MAX, Event, take_back};
use crate::lowering::{LoweredTransfer, lower};
use crate::recent::{Known, KnownRef};
use crate::state::Ledger;
use crate::status::CreateTransferStatus;
use crate::types::{TIMESTAMP_MAX, Transfer};

/// The most postings of one entry.
pub const ENTRY_POSTINGS_MAX: usize = 1_024;

const _: () = assert!(ENTRY_POSTINGS_MAX <= BATCH_EVENTS_MAX);

/// Which balance of an account a posting adds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Its posted debits.
    Debit,
    /// Its posted credits.
    Credit,
}

/// What an entry does to one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Posting {
    /// The account. Its ledger is the posting's.
    pub account_id: u128,
    /// The side.
    pub side: Side,
    /// In the ledger's minor unit; not 0.
    pub amount: u128,
}

/// What the caller wants to happen to several accounts at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Made by the caller. The transfers of the entry have this id, the next one and so on: at most one less than there are postings.
    pub id: u128,
    /// What happens: in every ledger debits equal credits, and no account stands twice.
    pub postings: Vec<Posting>,
    /// The caller's own, the same in all transfers of the entry.
    pub user_data_128: u128,
    /// The caller's own, likewise.
    pub user_data_64: u64,
    /// The caller's own, likewise.
    pub user_data_32: u32,
    /// The caller's own code, likewise; not 0.
    pub code: u16,
}

/// The outcome of one entry, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryStatus {
    /// The id is zero.
    IdMustNotBeZero,
    /// The id is 2^128 − 1.
    IdMustNotBeIntMax,
    /// The id failed before for a reason that may pass; retry with a new id.
    IdAlreadyFailed,
    /// The id is taken by an entry or a transfer that does something else.
    ExistsWithDifferentPostings,
    /// The id is taken by an entry with other user data.
    ExistsWithDifferentUserData128,
    /// The id is taken by an entry with other user data.
    ExistsWithDifferentUserData64,
    /// The id is taken by an entry with other user data.
    ExistsWithDifferentUserData32,
    /// The id is taken by an entry with another code.
    ExistsWithDifferentCode,
    /// The id is taken by an entry with other metadata.
    ExistsWithDifferentMetadata,
    /// The same entry was created before; the result carries its timestamp.
    Exists,
    /// There are no postings.
    PostingsMustNotBeEmpty,
    /// There are more than [`ENTRY_POSTINGS_MAX`] postings.
    TooManyPostings,
    /// There are fewer ids above this one than the entry has postings.
    IdsMustNotOverflow,
    /// The code is zero.
    CodeMustNotBeZero,
    /// An account's id is zero.
    AccountIdMustNotBeZero,
    /// An account's id is 2^128 − 1.
    AccountIdMustNotBeIntMax,
    /// An amount is zero.
    AmountMustNotBeZero,
    /// An account stands twice: a limit could be broken in between that the whole keeps.
    AccountMustNotRepeat,
    /// There is no such account (transient).
    AccountNotFound,
    /// In some ledger debits and credits differ.
    PostingsDoNotBalance,
    /// One of the ids that follow is taken.
    FollowingIdTaken,
    /// The ledger refuses one of the transfers.
    Refused(CreateTransferStatus),
    /// The entry happened.
    Created,
}

impl EntryStatus {
    /// Every status that is an entry's own, in order of precedence. What the ledger refuses a transfer for is not among them.
    pub const OWN: &[Self] = &[
        Self::IdMustNotBeZero,
        Self::IdMustNotBeIntMax,
        Self::IdAlreadyFailed,
        Self::ExistsWithDifferentPostings,
        Self::ExistsWithDifferentUserData128,
        Self::ExistsWithDifferentUserData64,
        Self::ExistsWithDifferentUserData32,
        Self::ExistsWithDifferentCode,
        Self::ExistsWithDifferentMetadata,
        Self::Exists,
        Self::PostingsMustNotBeEmpty,
        Self::TooManyPostings,
        Self::IdsMustNotOverflow,
        Self::CodeMustNotBeZero,
        Self::AccountIdMustNotBeZero,
        Self::AccountIdMustNotBeIntMax,
        Self::AmountMustNotBeZero,
        Self::AccountMustNotRepeat,
        Self::AccountNotFound,
        Self::PostingsDoNotBalance,
        Self::FollowingIdTaken,
        Self::Created,
    ];

    /// The name in snake case, stable for ever; of a refused transfer that transfer's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IdMustNotBeZero => "id_must_not_be_zero",
            Self::IdMustNotBeIntMax => "id_must_not_be_int_max",
            Self::IdAlreadyFailed => "id_already_failed",
            Self::ExistsWithDifferentPostings => "exists_with_different_postings",
            Self::ExistsWithDifferentUserData128 => "exists_with_different_user_data_128",
            Self::ExistsWithDifferentUserData64 => "exists_with_different_user_data_64",
            Self::ExistsWithDifferentUserData32 => "exists_with_different_user_data_32",
            Self::ExistsWithDifferentCode => "exists_with_different_code",
            Self::ExistsWithDifferentMetadata => "exists_with_different_metadata",
            Self::Exists => "exists",
            Self::PostingsMustNotBeEmpty => "postings_must_not_be_empty",
            Self::TooManyPostings => "too_many_postings",
            Self::IdsMustNotOverflow => "ids_must_not_overflow",
            Self::CodeMustNotBeZero => "code_must_not_be_zero",
            Self::AccountIdMustNotBeZero => "account_id_must_not_be_zero",
            Self::AccountIdMustNotBeIntMax => "account_id_must_not_be_int_max",
            Self::AmountMustNotBeZero => "amount_must_not_be_zero",
            Self::AccountMustNotRepeat => "account_must_not_repeat",
            Self::AccountNotFound => "account_not_found",
            Self::PostingsDoNotBalance => "postings_do_not_balance",
            Self::FollowingIdTaken => "following_id_taken",
            Self::Refused(status) => status.name(),
            Self::Created => "created",
        }
    }

    /// Whether a later try of the same entry could end otherwise: such a failure burns the entry's id.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Refused(status) => status.is_transient(),
            own => matches!(own, Self::AccountNotFound),
        }
    }
}

/// Which of an entry's postings a result is about, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The entry as a whole.
    Entry,
    /// One posting.
    Posting(usize),
    /// A transfer between two postings.
    Pair {
        /// The one that debits.
        debit: usize,
        /// The one that credits.
        credit: usize,
    },
}

/// The outcome of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryResult {
    /// What happened.
    pub status: EntryStatus,
    /// When, in nanoseconds since 1970: the timestamp of the entry's first transfer if it was created or exists, the time of the
    /// attempt otherwise.
    pub timestamp: u64,
    /// What the status is about.
    pub about: About,
}

/// Why an entry does not happen.
pub(crate) type Fault = (EntryStatus, About);

impl Entry {
    /// So many of a batch's events, at most [`BATCH_EVENTS_MAX`], and nanoseconds are set aside for the entry.
    pub fn events_count(&self) -> usize {
        self.postings.len().max(1)
    }

    /// The entry that happened as these transfers, which begin at its first one and have consecutive ids; what follows its last
    /// one is left out of account.
    ///
    /// A plain transfer is an entry with two postings. `None` if a chain is not there up to its end, or does what no entry
    /// does: reserve, balance, import, change code or user data on its way, or debit and credit one account. Postings come
    /// in the order in which the transfers name the accounts.
    pub fn of_transfers<'a>(transfers: impl IntoIterator<Item = &'a Transfer>) -> Option<Self> {
        let mut transfers = transfers.into_iter();
        let mut last = transfers.next()?;
        let Transfer { id, user_data_128, user_data_64, user_data_32, code, .. } = *last;
        let mut entry = Self { id, postings: Vec::new(), user_data_128, user_data_64, user_data_32, code };
        entry.add_transfer(last)?;
        while last.flags.contains(crate::TransferFlags::LINKED) {
            let next = transfers.next()?;
            if next.id != last.id.checked_add(1)? || next.timestamp != last.timestamp.checked_add(1)? {
                return None;
            }
            entry.add_transfer(next)?;
            last = next;
        }
        Some(entry)
    }

    fn add_transfer(&mut self, transfer: &Transfer) -> Option<()> {
        let is_plain = transfer.flags == crate::TransferFlags::NONE || transfer.flags == crate::TransferFlags::LINKED;
        let is_same = self.code == transfer.code
            && self.user_data_128 == transfer.user_data_128
            && self.user_data_64 == transfer.user_data_64
            && self.user_data_32 == transfer.user_data_32;
        if !is_plain || !is_same {
            return None;
        }
        self.add(transfer.debit_account_id, Side::Debit, transfer.amount)?;
        self.add(transfer.credit_account_id, Side::Credit, transfer.amount)
    }

    /// Adds to the posting of an account, from the newest one on: in a chain it is one of the last.
    fn add(&mut self, account_id: u128, side: Side, amount: u128) -> Option<()> {
        let Some(posting) = self.postings.iter_mut().rev().find(|posting| posting.account_id == account_id) else {
            self.postings.push(Posting { account_id, side, amount });
            return Some(());
        };
        if posting.side != side {
            return None;
        }
        posting.amount = posting.amount.checked_add(amount)?;
        Some(())
    }

    /// Compares with the entry of the same id that happened; the order of the postings does not matter.
    fn compare(&self, existing: &Self) -> EntryStatus {
        let ordered = |postings: &[Posting]| {
            let mut ordered = postings.to_vec();
            ordered.sort_unstable();
            ordered
        };
        if ordered(&self.postings) != ordered(&existing.postings) {
            return EntryStatus::ExistsWithDifferentPostings;
        }
        if self.user_data_128 != existing.user_data_128 {
            return EntryStatus::ExistsWithDifferentUserData128;
        }
        if self.user_data_64 != existing.user_data_64 {
            return EntryStatus::ExistsWithDifferentUserData64;
        }
        if self.user_data_32 != existing.user_data_32 {
            return EntryStatus::ExistsWithDifferentUserData32;
        }
        if self.code != existing.code {
            return EntryStatus::ExistsWithDifferentCode;
        }
        EntryStatus::Exists
    }
}

impl Ledger {
    /// Creates entries in order, each of them as a chain of transfers or not at all.
    ///
    /// Appends one result per entry to `results`, the transfers as they happened to `created`, and the ids of entries that failed
    /// for ever to `burned`; what [`Ledger::apply_transfers`] takes. Transfers have the times `timestamp`, `timestamp` + 1 and so
    /// on; an entry uses up [`Entry::events_count`] of them, whatever becomes of it. A caller that forgets
    /// recalls before what history knows of as many ids, from each entry's own on.
    ///
    /// # Panics
    ///
    /// If there are more than [`BATCH_EVENTS_MAX`] events in all, or `timestamp` is not after [`Ledger::timestamp_last`].
    pub fn create_entries_into(
        &mut self,
        entries: &[Entry],
        timestamp: u64,
        results: &mut Vec<EntryResult>,
        created: &mut Vec<Transfer>,
        burned: &mut Vec<u128>,
    ) {
        let count: usize = entries.iter().map(Entry::events_count).sum();
        assert!(count <= BATCH_EVENTS_MAX, "a batch of {count} events");
        assert!(timestamp > self.timestamp_last, "time {timestamp} does not follow {}", self.timestamp_last);
        let mut next_at = timestamp;
        for entry in entries {
            results.push(self.create_entry(entry, next_at, created, burned));
            next_at += u64::try_from(entry.events_count()).expect("a batch is limited");
            assert!(next_at <= TIMESTAMP_MAX, "time {next_at} is out of range");
        }
    }

    fn create_entry(&mut self, entry: &Entry, timestamp: u64, created: &mut Vec<Transfer>, burned: &mut Vec<u128>) -> EntryResult {
        let happens = self.check_entry(entry).and_then(|transfers| self.create_chain(&transfers, timestamp, created));
        let (status, about) = happens.err().unwrap_or((EntryStatus::Created, About::Entry));
        if status.is_transient() {
            self.recent.push(Known::Burned { id: entry.id });
            burned.push(entry.id);
        }
        let existing = self.transfer(entry.id).filter(|_| status == EntryStatus::Exists);
        EntryResult { status, timestamp: existing.map_or(timestamp, |transfer| transfer.timestamp), about }
    }

    /// The transfers of an entry whose own content is right; the ledger may refuse them all the same.
    fn check_entry(&self, entry: &Entry) -> Result<Vec<LoweredTransfer>, Fault> {
        let of_entry = |status| Err((status, About::Entry));
        if entry.id == 0 {
            return of_entry(EntryStatus::IdMustNotBeZero);
        }
        if entry.id == u128::MAX {
            return of_entry(EntryStatus::IdMustNotBeIntMax);
        }
        match self.known(entry.id) {
            Some(KnownRef::Burned) => return of_entry(EntryStatus::IdAlreadyFailed),
            Some(KnownRef::Open { .. } | KnownRef::Ended { .. }) => return of_entry(self.compare_known(entry)),
            None => {}
        }
        let transfers = lower(entry, |account_id| self.account(account_id).map(|account| account.ledger))?;
        match transfers.iter().find(|lowered| self.is_known(lowered.transfer.id)) {
            Some(taken) => Err((EntryStatus::FollowingIdTaken, taken.about)),
            None => Ok(transfers),
        }
    }

    /// Compares an entry whose id is known with what happened under that id and those after it.
    fn compare_known(&self, entry: &Entry) -> EntryStatus {
        // An entry of so many postings has fewer transfers: if one more is needed, it is another entry.
        let ids = (entry.id..u128::MAX).take(entry.events_count());
        match Entry::of_transfers(ids.map_while(|id| self.transfer(id))) {
            Some(existing) => entry.compare(&existing),
            None => EntryStatus::ExistsWithDifferentPostings,
        }
    }

    /// Creates all of these transfers, or changes nothing.
    fn create_chain(&mut self, transfers: &[LoweredTransfer], timestamp: u64, created: &mut Vec<Transfer>) -> Result<(), Fault> {
        let mark = self.mark(created.len());
        for (timestamp, LoweredTransfer { transfer, about }) in (timestamp..).zip(transfers) {
            let (status, _) = transfer.create(self, timestamp, created);
            if status != CreateTransferStatus::Created {
                take_back(self, mark, created);
                return Err((EntryStatus::Refused(status), *about));
            }
        }
        Ok(())
    }
}
