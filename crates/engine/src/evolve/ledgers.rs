//! The ledgers that merchants keep themselves. A batch of theirs is decided and applied in one pass, because a transfer
//! must see those before it in the batch and thousands of them may not be applied twice; what the journal then holds are
//! the records as they happened. Replaying those gives the same state without deciding again, which tests show.

use crate::command::{AccountReference, Command, LEDGER_TEXT_BYTES_MAX, LedgerAnswer, LedgerTexts};
use crate::decide::Reply;
use crate::event::{Entry, Event};
use crate::refusal::Refusal;
use crate::state::{MerchantLedger, State, Timer};
use base::{MerchantId, Timestamp};
use ledger::{
    Account, AccountBalances, AccountName, CreateTransferStatus, EntryResult, EntryStatus, Items, Ledger, Transfer, TransferFlags,
    TransferResult,
};
use std::collections::BTreeMap;

/// What a booking came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// What happened, applied already; `None` when nothing did.
    pub entry: Option<Entry>,
    /// The answer.
    pub reply: Reply,
}

impl State {
    /// Decides and applies a command about a merchant's own ledger ([`Command::is_booking`]). What it creates has the times `now`,
    /// `now` + 1 ns and so on; `now` is after the last event.
    ///
    /// The ledger knows open transfers only: whoever books recalls before what history knows of the command's ids
    /// ([`Ledger::recall`], [`Ledger::recall_metadata`]), and lets the ledger forget it afterwards.
    ///
    /// # Panics
    /// With any other command, with more events than [`ledger::BATCH_EVENTS_MAX`] or more texts than [`LEDGER_TEXT_BYTES_MAX`], and
    /// on a broken invariant; the state is then of no use and must be loaded again.
    pub fn book(&mut self, now: Timestamp, command: &Command) -> Booked {
        assert!(now > self.last_at, "time goes on: {now} after {}", self.last_at);
        assert!(command.ledger_texts().is_none_or(|texts| texts.bytes() <= LEDGER_TEXT_BYTES_MAX), "a batch's texts are limited");
        match command {
            Command::CreateLedgerAccounts { merchant, accounts, texts } => self.book_accounts(now, *merchant, accounts, texts),
            Command::CreateLedgerTransfers { merchant, transfers, texts, answer } => {
                self.book_transfers(now, *merchant, transfers, texts, *answer)
            }
            Command::CreateLedgerEntries { merchant, entries, texts, answer } => self.book_entries(now, *merchant, entries, texts, *answer),
            Command::ExpireLedgerTransfers { merchant } => self.book_expiry(now, *merchant),
            other => unreachable!("{other:?} is decided elsewhere"),
        }
    }

    /// A merchant in whose own ledger pending transfers have expired by now, for [`Command::ExpireLedgerTransfers`].
    pub fn ledger_due(&self, now: Timestamp) -> Option<MerchantId> {
        let mut due = self.timers.iter().take_while(|(at, _)| *at <= now && !self.expiries_suspended);
        due.find_map(|(_, timer)| if let Timer::Ledger(merchant) = timer { Some(*merchant) } else { None })
    }

    fn book_accounts(&mut self, now: Timestamp, merchant: MerchantId, accounts: &[Account], texts: &LedgerTexts) -> Booked {
        let was_there = self.ledgers.contains_key(&merchant);
        let Some(ledger) = self.ledger_to_book(merchant) else {
            return Booked { entry: None, reply: Reply::Refused(Refusal::MerchantUnknown) };
        };
        let (mut results, mut created) = (Vec::with_capacity(accounts.len()), Vec::with_capacity(accounts.len()));
        let names = ledger.create_named_accounts_into(accounts, &texts.names, now.ns(), &mut results, &mut created);
        let metadata = ledger.settle_account_metadata(accounts, &texts.metadata, now.ns(), &mut results);
        let reply = Reply::LedgerAccounts { results };
        if created.is_empty() {
            return self.nothing_booked(merchant, was_there, reply);
        }
        let event = Event::LedgerAccountsCreated { merchant, accounts: created, names, metadata };
        Booked { entry: Some(self.note_booked(last_of(now, accounts.len()), event, Vec::new())), reply }
    }

    fn book_transfers(
        &mut self,
        now: Timestamp,
        merchant: MerchantId,
        transfers: &[Transfer],
        texts: &LedgerTexts,
        answer: LedgerAnswer,
    ) -> Booked {
        let was_there = self.ledgers.contains_key(&merchant);
        let Some(ledger) = self.ledger_to_book(merchant) else {
            return Booked { entry: None, reply: Reply::Refused(Refusal::MerchantUnknown) };
        };
        let resolved = resolved_transfers(ledger, transfers, &texts.references);
        let transfers = resolved.as_deref().unwrap_or(transfers);
        let (mut results, mut created) = (Vec::with_capacity(transfers.len()), Vec::with_capacity(transfers.len()));
        let mut burned = Vec::new();
        ledger.create_transfers_into(transfers, now.ns(), &mut results, &mut created, &mut burned);
        let metadata = ledger.settle_metadata(transfers, &texts.metadata, now.ns(), &mut results);
        let released = released_by(ledger, &created);
        let balances = match answer {
            LedgerAnswer::Statuses => Vec::new(),
            LedgerAnswer::Balances => balances_of_transfers(ledger, &results, &created),
        };
        let reply = Reply::LedgerTransfers { results, balances };
        if created.is_empty() && burned.is_empty() {
            return self.nothing_booked(merchant, was_there, reply);
        }
        let event = Event::LedgerTransfersCreated { merchant, burned, released, metadata };
        Booked { entry: Some(self.note_booked(last_of(now, transfers.len()), event, created)), reply }
    }

    fn book_entries(
        &mut self,
        now: Timestamp,
        merchant: MerchantId,
        entries: &[ledger::Entry],
        texts: &LedgerTexts,
        answer: LedgerAnswer,
    ) -> Booked {
        let was_there = self.ledgers.contains_key(&merchant);
        let Some(ledger) = self.ledger_to_book(merchant) else {
            return Booked { entry: None, reply: Reply::Refused(Refusal::MerchantUnknown) };
        };
        let resolved = resolved_entries(ledger, entries, &texts.references);
        let entries = resolved.as_deref().unwrap_or(entries);
        let (mut results, mut created, mut burned) = (Vec::with_capacity(entries.len()), Vec::new(), Vec::new());
        ledger.create_entries_into(entries, now.ns(), &mut results, &mut created, &mut burned);
        let metadata = ledger.settle_entry_metadata(entries, &texts.metadata, now.ns(), &mut results, &created);
        let balances = match answer {
            LedgerAnswer::Statuses => Vec::new(),
            LedgerAnswer::Balances => balances_of_entries(ledger, entries, &results, &created),
        };
        let reply = Reply::LedgerEntries { results, balances };
        if created.is_empty() && burned.is_empty() {
            return self.nothing_booked(merchant, was_there, reply);
        }
        let count = entries.iter().map(ledger::Entry::events_count).sum();
        // An entry resolves nothing.
        let event = Event::LedgerTransfersCreated { merchant, burned, released: Vec::new(), metadata };
        Booked { entry: Some(self.note_booked(last_of(now, count), event, created)), reply }
    }

    fn book_expiry(&mut self, now: Timestamp, merchant: MerchantId) -> Booked {
        let Some(MerchantLedger { ledger, .. }) = self.ledgers.get_mut(&merchant) else {
            return Booked { entry: None, reply: Reply::Done };
        };
        let expired = ledger.expire(now.ns());
        let legs: Vec<Transfer> = expired.into_iter().map(|id| *ledger.transfer(id).expect("what just expired is known")).collect();
        let event = Event::LedgerTransfersExpired { merchant };
        Booked { entry: (!legs.is_empty()).then(|| self.note_booked(now, event, legs)), reply: Reply::Done }
    }

    /// Nothing happened, so a ledger that was made for it must not stay: a replay would not make it.
    fn nothing_booked(&mut self, merchant: MerchantId, was_there: bool, reply: Reply) -> Booked {
        if !was_there {
            self.ledgers.remove(&merchant);
        }
        Booked { entry: None, reply }
    }

    /// The merchant's ledger, made now if it has none; `None` when there is no such merchant.
    fn ledger_to_book(&mut self, merchant: MerchantId) -> Option<&mut Ledger> {
        self.merchants.contains_key(&merchant).then(|| &mut self.ledgers.entry(merchant).or_default().ledger)
    }

    /// All that [`State::evolve`] does beside the ledger itself.
    fn note_booked(&mut self, at: Timestamp, event: Event, legs: Vec<Transfer>) -> Entry {
        self.last_at = at;
        self.arm_ledger_of(&event);
        self.next_seq += 1;
        self.forget_keys();
        Entry { at, event, legs }
    }

    pub(super) fn apply_ledger(&mut self, event: &Event, legs: &[Transfer]) {
        match event {
            // Metadata and what was burned only history knows, and what was released the ledger itself.
            Event::LedgerAccountsCreated { merchant, accounts, names, metadata: _ } => {
                self.ledger_mut(*merchant).apply_accounts(accounts, names);
            }
            Event::LedgerTransfersCreated { merchant, burned: _, released: _, metadata: _ } => {
                self.ledger_mut(*merchant).apply_transfers(legs)
            }
            Event::LedgerTransfersExpired { merchant } => self.ledger_mut(*merchant).apply_expired(legs),
            other => unreachable!("{:?} is applied elsewhere", other.kind()),
        }
        self.arm_ledger_of(event);
    }

    fn ledger_mut(&mut self, merchant: MerchantId) -> &mut Ledger {
        assert!(self.merchants.contains_key(&merchant), "a ledger belongs to a merchant that exists");
        &mut self.ledgers.entry(merchant).or_default().ledger
    }

    /// Sets the timer for the next expiry in the ledger that an event is about.
    fn arm_ledger_of(&mut self, event: &Event) {
        let (Event::LedgerAccountsCreated { merchant, .. }
        | Event::LedgerTransfersCreated { merchant, .. }
        | Event::LedgerTransfersExpired { merchant, .. }) = event
        else {
            return;
        };
        let Some(MerchantLedger { ledger, armed_at }) = self.ledgers.get_mut(merchant) else { return };
        let due_at = ledger.expires_next_at_ns().map(Timestamp::from_ns);
        if *armed_at == due_at {
            return;
        }
        if let Some(armed_at) = *armed_at {
            self.timers.remove(&(armed_at, Timer::Ledger(*merchant)));
        }
        if let Some(due_at) = due_at {
            self.timers.insert((due_at, Timer::Ledger(*merchant)));
        }
        *armed_at = due_at;
    }
}

/// Transfers with the ids of the accounts that they name; `None` if they name none.
///
/// Names are resolved where they are used, so that no other request comes between. A name that no account has stands for an account
/// that is not there.
fn resolved_transfers(ledger: &Ledger, transfers: &[Transfer], references: &Items<Vec<AccountReference>>) -> Option<Vec<Transfer>> {
    let mut resolved = (!references.is_empty()).then(|| transfers.to_vec())?;
    let mut names = Names { ledger, missing: BTreeMap::new() };
    for (item, references) in references.iter() {
        let transfer = &mut resolved[usize::from(item)];
        for reference in references {
            let side = if reference.at == 0 { &mut transfer.debit_account_id } else { &mut transfer.credit_account_id };
            *side = names.account_id(reference);
        }
    }
    Some(resolved)
}

/// As [`resolved_transfers`], of entries.
fn resolved_entries(ledger: &Ledger, entries: &[ledger::Entry], references: &Items<Vec<AccountReference>>) -> Option<Vec<ledger::Entry>> {
    let mut resolved = (!references.is_empty()).then(|| entries.to_vec())?;
    let mut names = Names { ledger, missing: BTreeMap::new() };
    for (item, references) in references.iter() {
        let postings = &mut resolved[usize::from(item)].postings;
        references.iter().for_each(|reference| postings[reference.at].account_id = names.account_id(reference));
    }
    Some(resolved)
}

/// Accounts by their names.
struct Names<'l> {
    ledger: &'l Ledger,
    /// Ids that no account has, for names that no account has: one name is one id.
    missing: BTreeMap<(u32, AccountName), u128>,
}

impl Names<'_> {
    fn account_id(&mut self, reference: &AccountReference) -> u128 {
        let AccountReference { at: _, ledger, name } = reference;
        if let Some(account) = self.ledger.account_named(*ledger, name) {
            return account.id;
        }
        let below = self.missing.values().min().copied().unwrap_or(u128::MAX);
        *self.missing.entry((*ledger, name.clone())).or_insert_with(|| self.ledger.vacant_account_id(below))
    }
}

/// The amounts of the pending transfers that posts and voids ended just now.
fn released_by(ledger: &Ledger, created: &[Transfer]) -> Vec<u128> {
    let resolved = created.iter().filter(|transfer| transfer.is_resolution()).map(|transfer| transfer.pending_id);
    resolved.map(|id| ledger.transfer(id).expect("what just ended is known").amount).collect()
}

/// The balances after each result of a batch of transfers: none where nothing was created.
fn balances_of_transfers(ledger: &Ledger, results: &[TransferResult], created: &[Transfer]) -> Vec<Vec<AccountBalances>> {
    let mut after = ledger.balances_after(created).into_iter();
    let of_result = |result: &TransferResult| match result.status {
        CreateTransferStatus::Created => after.next().expect("what was created is among what happened").to_vec(),
        _ => Vec::new(),
    };
    results.iter().map(of_result).collect()
}

/// The balances after each result of a batch of entries, posting by posting: none where nothing was created.
fn balances_of_entries(
    ledger: &Ledger,
    entries: &[ledger::Entry],
    results: &[EntryResult],
    created: &[Transfer],
) -> Vec<Vec<AccountBalances>> {
    let mut after = created.iter().zip(ledger.balances_after(created));
    let mut of_entry = |entry: &ledger::Entry| {
        let mut last: BTreeMap<u128, AccountBalances> = BTreeMap::new();
        for (transfer, balances) in after.by_ref() {
            last.extend(balances.map(|balances| (balances.account_id, balances)));
            if !transfer.flags.contains(TransferFlags::LINKED) {
                break;
            }
        }
        entry.postings.iter().map(|posting| last[&posting.account_id]).collect()
    };
    let of_result = |(entry, result): (&ledger::Entry, &EntryResult)| match result.status {
        EntryStatus::Created => of_entry(entry),
        _ => Vec::new(),
    };
    entries.iter().zip(results).map(of_result).collect()
}

/// The time of the last of so many events, the first of which has the time `now`.
fn last_of(now: Timestamp, count: usize) -> Timestamp {
    now.plus_ns(u64::try_from(count.saturating_sub(1)).expect("a batch is limited"))
}
