//! What the ledger of one merchant must be: the naive ledger, which knows the rules of accounts and transfers, and beside it what
//! only the platform has, said as simply: entries with many legs, where everything stands in the journal, and the history of
//! balances.

use ledger::{
    Account, AccountResult, Balances, CreateTransferStatus, Entry, EntryStatus, Items, Metadata, PendingStatus, Side, Transfer,
    TransferFlags,
};
use std::collections::{BTreeMap, BTreeSet};

const NS_PER_S: u64 = 1_000_000_000;
/// Accounts that there never are.
pub const NOBODY: u128 = 3 << 120;

/// The metadata with which a merchant creates what has this id, each time that it asks: some has none.
pub fn metadata_of(id: u128) -> Metadata {
    let text = (id >> 8).to_string();
    let pairs = if id.is_multiple_of(3) { Some(("order", text.as_str())) } else { None };
    Metadata::new(pairs).unwrap_or_else(|_| Metadata::none())
}

/// As [`metadata_of`], for what stands in a row.
pub fn all_metadata(ids: impl Iterator<Item = u128>) -> Items<Metadata> {
    let mut all = Items::NONE;
    ids.map(metadata_of).enumerate().filter(|(_, own)| !own.is_empty()).for_each(|(item, own)| all.push(item, own));
    all
}

/// Something that changed two accounts.
#[derive(Clone, Copy, Debug)]
pub struct Happening {
    /// The number of the event.
    pub seq: u64,
    /// Which of the event's transfers.
    leg: u64,
    /// When it happened, in nanoseconds since 1970.
    pub at_ns: u64,
    /// The transfer, or the pending one that expired.
    pub transfer: Transfer,
    /// Whether it expired.
    pub is_expiry: bool,
    /// What is reserved no longer.
    pub released: u128,
}

impl Happening {
    /// Changes the balances of an account as this did.
    pub fn change(&self, account: u128, balances: &mut Balances) {
        let Self { transfer, is_expiry, released, .. } = *self;
        let (pending, posted) = if transfer.debit_account_id == account {
            (&mut balances.debits_pending, &mut balances.debits_posted)
        } else if transfer.credit_account_id == account {
            (&mut balances.credits_pending, &mut balances.credits_posted)
        } else {
            return;
        };
        *pending -= released;
        if is_expiry || transfer.flags.contains(TransferFlags::VOID_PENDING_TRANSFER) {
            return;
        }
        if transfer.flags.contains(TransferFlags::PENDING) {
            *pending += transfer.amount;
        } else {
            *posted += transfer.amount;
        }
    }

    /// The number of its place.
    pub const fn place(&self) -> u64 {
        self.seq << 16 | self.leg
    }

    /// Whether it is about an account.
    pub const fn concerns(&self, account: u128) -> bool {
        self.transfer.debit_account_id == account || self.transfer.credit_account_id == account
    }
}

/// What a batch comes to.
#[derive(Clone, Debug)]
pub struct Outcome<S> {
    /// One for each item, each with a time.
    pub results: Vec<(S, u64)>,
    /// What happened.
    pub created: Vec<Transfer>,
    /// Ids that failed for ever.
    pub burned: Vec<u128>,
    /// What each post or void among it released.
    pub released: Vec<u128>,
    /// The balances of the two accounts of each transfer right after it happened.
    pub after: Vec<(u128, Balances)>,
}

impl<S> Outcome<S> {
    const fn nothing() -> Self {
        Self { results: Vec::new(), created: Vec::new(), burned: Vec::new(), released: Vec::new(), after: Vec::new() }
    }
}

/// The ledger of a merchant.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Accounts and transfers.
    pub ledger: naive::Ledger,
    /// Pending transfers that nothing ended.
    pub open: BTreeSet<u128>,
    /// The events that ended the others.
    pub ends: BTreeMap<u128, u64>,
    /// All that happened, in order.
    pub happenings: Vec<Happening>,
    /// The events that created the accounts.
    pub account_seqs: BTreeMap<u128, u64>,
    entries: BTreeMap<u128, Entry>,
    /// Transfers of entries, which have no metadata here.
    of_entries: BTreeSet<u128>,
}

/// The first rule that is broken, if any is.
fn first(rules: &[(bool, EntryStatus)]) -> Result<(), EntryStatus> {
    rules.iter().find(|(is_broken, _)| *is_broken).map_or(Ok(()), |(_, status)| Err(*status))
}

impl Book {
    /// Creates accounts, the first of them at `now`, by the event with a number; the results, and what was created.
    pub fn create_accounts(&mut self, seq: u64, accounts: &[Account], now: u64) -> (Vec<AccountResult>, Vec<Account>) {
        let results = self.ledger.create_accounts(accounts, now);
        let is_created = |result: &AccountResult| result.status == ledger::CreateAccountStatus::Created;
        let created = accounts.iter().zip(&results).filter(|(_, result)| is_created(result));
        let created: Vec<Account> = created.filter_map(|(account, _)| self.ledger.account(account.id).copied()).collect();
        self.account_seqs.extend(created.iter().map(|account| (account.id, seq)));
        (results, created)
    }

    /// Creates transfers, the first of them at `now`, by the event with a number.
    pub fn create_transfers(&mut self, seq: u64, transfers: &[Transfer], now: u64) -> Outcome<CreateTransferStatus> {
        let before = self.clone_accounts();
        let burned_before: BTreeSet<u128> = self.ledger.burned().collect();
        let results = self.ledger.create_transfers(transfers, now);
        let mut outcome = Outcome::nothing();
        let burned_after: BTreeSet<u128> = self.ledger.burned().filter(|id| !burned_before.contains(id)).collect();
        for (transfer, result) in transfers.iter().zip(results) {
            outcome.results.push((result.status, result.timestamp));
            if result.status == CreateTransferStatus::Created {
                outcome.created.extend(self.ledger.transfer(transfer.id));
            }
            // An id may come twice in a batch, and fail first with a chain and then for ever.
            if burned_after.contains(&transfer.id) && result.status.is_transient() {
                outcome.burned.push(transfer.id);
            }
        }
        self.note(seq, before, &mut outcome);
        outcome
    }

    fn clone_accounts(&self) -> BTreeMap<u128, Balances> {
        self.ledger.accounts().map(|account| (account.id, account.balances())).collect()
    }

    /// Takes note of what an event created. `balances` are those before it.
    fn note<S>(&mut self, seq: u64, mut balances: BTreeMap<u128, Balances>, outcome: &mut Outcome<S>) {
        for (leg, transfer) in (0..).zip(&outcome.created) {
            let pending = self.ledger.transfer(transfer.pending_id);
            let released = pending.map_or(0, |pending| pending.amount);
            if let Some(pending) = pending {
                self.open.remove(&pending.id);
                self.ends.insert(pending.id, seq);
                outcome.released.push(released);
            }
            if transfer.flags.contains(TransferFlags::PENDING) && !self.ends.contains_key(&transfer.id) {
                self.open.insert(transfer.id);
            }
            let happening = Happening { seq, leg, at_ns: transfer.timestamp, transfer: *transfer, is_expiry: false, released };
            for account in [transfer.debit_account_id, transfer.credit_account_id] {
                let balances = balances.entry(account).or_default();
                happening.change(account, balances);
                outcome.after.push((account, *balances));
            }
            self.happenings.push(happening);
        }
    }

    /// A pending transfer whose time is up, if there is one.
    pub fn due(&self, now: u64) -> Option<Transfer> {
        let open = self.open.iter().filter_map(|id| self.ledger.transfer(*id).copied());
        let mut timed = open.filter(|pending| pending.timeout_s > 0);
        timed.find(|pending| pending.timestamp + u64::from(pending.timeout_s) * NS_PER_S <= now)
    }

    /// Ends pending transfers whose time is up.
    pub fn expire(&mut self, seq: u64, now: u64) -> Vec<Transfer> {
        let expired: Vec<Transfer> = self.ledger.expire(now).iter().filter_map(|id| self.ledger.transfer(*id).copied()).collect();
        for (leg, transfer) in (0..).zip(&expired) {
            self.open.remove(&transfer.id);
            self.ends.insert(transfer.id, seq);
            let released = transfer.amount;
            self.happenings.push(Happening { seq, leg, at_ns: now, transfer: *transfer, is_expiry: true, released });
        }
        expired
    }

    /// The metadata of a transfer that happened.
    pub fn metadata(&self, id: u128) -> Metadata {
        if self.of_entries.contains(&id) { Metadata::none() } else { metadata_of(id) }
    }

    /// How a pending transfer stood after an event.
    pub fn pending_status(&self, id: u128, seq: u64) -> Option<PendingStatus> {
        let is_ended = self.ends.get(&id).is_some_and(|end| *end <= seq);
        if is_ended { self.ledger.pending_status(id) } else { Some(PendingStatus::Pending) }
    }

    /// Creates entries with many legs, the first of them at `now`. Each takes as many nanoseconds as it has postings.
    pub fn create_entries(&mut self, seq: u64, entries: &[Entry], now: u64) -> Outcome<EntryStatus> {
        let balances = self.clone_accounts();
        let mut outcome = Outcome::nothing();
        let mut at = now;
        for entry in entries {
            let before = self.ledger.clone();
            let created = self.check_entry(entry).and_then(|chain| self.create_chain(&chain, at).map_err(EntryStatus::Refused));
            let is_burning = self.ledger.burned().count() > before.burned().count() || created == Err(EntryStatus::AccountNotFound);
            let mut timestamp = at;
            let status = match created {
                Ok(created) => {
                    self.of_entries.extend(created.iter().map(|transfer| transfer.id));
                    outcome.created.extend(created);
                    self.entries.insert(entry.id, entry.clone());
                    EntryStatus::Created
                }
                Err(status) => {
                    self.ledger = before;
                    status
                }
            };
            if status == EntryStatus::Exists {
                timestamp = self.ledger.transfer(entry.id).map_or(at, |existing| existing.timestamp);
            }
            if is_burning {
                outcome.burned.push(self.burn(entry.id, at));
            }
            outcome.results.push((status, timestamp));
            at += u64::try_from(entry.postings.len().max(1)).expect("an entry is short");
        }
        self.note(seq, balances, &mut outcome);
        outcome
    }

    fn is_burned(&self, id: u128) -> bool {
        self.ledger.burned().any(|burned| burned == id)
    }

    /// Lets an id fail for ever, as a transfer between accounts that do not exist.
    fn burn(&mut self, id: u128, at: u64) -> u128 {
        let (debit_account_id, credit_account_id) = (NOBODY, NOBODY + 1);
        let transfer = Transfer { id, debit_account_id, credit_account_id, ledger: 1, code: 1, ..Transfer::default() };
        self.ledger.create_transfers(&[transfer], at);
        assert!(self.is_burned(id), "there are no such accounts");
        id
    }

    /// The transfers of an entry that may happen, as far as it alone says so.
    fn check_entry(&self, entry: &Entry) -> Result<Vec<Transfer>, EntryStatus> {
        let any = |is_wrong: &dyn Fn(&ledger::Posting) -> bool| entry.postings.iter().any(is_wrong);
        first(&[
            (entry.id == 0, EntryStatus::IdMustNotBeZero),
            (entry.id == u128::MAX, EntryStatus::IdMustNotBeIntMax),
            (self.is_burned(entry.id), EntryStatus::IdAlreadyFailed),
        ])?;
        if self.ledger.transfer(entry.id).is_some() {
            let Some(existing) = self.entries.get(&entry.id) else { return Err(EntryStatus::ExistsWithDifferentPostings) };
            let ordered = |entry: &Entry| entry.postings.iter().copied().collect::<BTreeSet<_>>();
            first(&[
                (ordered(entry) != ordered(existing), EntryStatus::ExistsWithDifferentPostings),
                (entry.user_data_128 != existing.user_data_128, EntryStatus::ExistsWithDifferentUserData128),
                (entry.user_data_64 != existing.user_data_64, EntryStatus::ExistsWithDifferentUserData64),
                (entry.user_data_32 != existing.user_data_32, EntryStatus::ExistsWithDifferentUserData32),
                (entry.code != existing.code, EntryStatus::ExistsWithDifferentCode),
                (true, EntryStatus::Exists),
            ])?;
        }
        let accounts: BTreeSet<u128> = entry.postings.iter().map(|posting| posting.account_id).collect();
        first(&[
            (entry.postings.is_empty(), EntryStatus::PostingsMustNotBeEmpty),
            (entry.code == 0, EntryStatus::CodeMustNotBeZero),
            (any(&|posting| posting.amount == 0), EntryStatus::AmountMustNotBeZero),
            (accounts.len() < entry.postings.len(), EntryStatus::AccountMustNotRepeat),
            (any(&|posting| self.ledger.account(posting.account_id).is_none()), EntryStatus::AccountNotFound),
        ])?;
        let chain = self.chain(entry)?;
        let is_taken = chain.iter().any(|transfer| self.ledger.transfer(transfer.id).is_some() || self.is_burned(transfer.id));
        first(&[(is_taken, EntryStatus::FollowingIdTaken)])?;
        Ok(chain)
    }

    /// The transfers between the postings of an entry: in each ledger the first debit that is left with the first credit.
    fn chain(&self, entry: &Entry) -> Result<Vec<Transfer>, EntryStatus> {
        let mut chain = Vec::new();
        let ledger_of = |id: u128| self.ledger.account(id).map_or(0, |account| account.ledger);
        let ledgers: BTreeSet<u32> = entry.postings.iter().map(|posting| ledger_of(posting.account_id)).collect();
        for ledger in ledgers {
            let of_side = |side: Side| -> Vec<(u128, u128)> {
                let postings = entry.postings.iter().filter(|posting| posting.side == side && ledger_of(posting.account_id) == ledger);
                postings.map(|posting| (posting.account_id, posting.amount)).collect()
            };
            let (mut debits, mut credits) = (of_side(Side::Debit), of_side(Side::Credit));
            while let (Some(debit), Some(credit)) = (debits.first_mut(), credits.first_mut()) {
                let amount = debit.1.min(credit.1);
                (debit.1, credit.1) = (debit.1 - amount, credit.1 - amount);
                chain.push(Transfer {
                    id: entry.id + u128::try_from(chain.len()).expect("an entry is short"),
                    debit_account_id: debit.0,
                    credit_account_id: credit.0,
                    amount,
                    user_data_128: entry.user_data_128,
                    user_data_64: entry.user_data_64,
                    user_data_32: entry.user_data_32,
                    ledger,
                    code: entry.code,
                    flags: TransferFlags::LINKED,
                    ..Transfer::default()
                });
                debits.retain(|(_, amount)| *amount > 0);
                credits.retain(|(_, amount)| *amount > 0);
            }
            if !debits.is_empty() || !credits.is_empty() {
                return Err(EntryStatus::PostingsDoNotBalance);
            }
        }
        if let Some(last) = chain.last_mut() {
            last.flags = TransferFlags::NONE;
        }
        Ok(chain)
    }

    /// Creates all of a chain, or says why not.
    fn create_chain(&mut self, chain: &[Transfer], at: u64) -> Result<Vec<Transfer>, CreateTransferStatus> {
        let results = self.ledger.create_transfers(chain, at);
        let is_why =
            |status: &CreateTransferStatus| ![CreateTransferStatus::Created, CreateTransferStatus::LinkedEventFailed].contains(status);
        match results.iter().map(|result| result.status).find(is_why) {
            Some(status) => Err(status),
            None => Ok(chain.iter().filter_map(|transfer| self.ledger.transfer(transfer.id).copied()).collect()),
        }
    }
}
