//! Reads what is durable of the ledgers that merchants keep themselves, from any thread: transfers by id and by account, and
//! balances at any time.

use super::index::{Concern, Index, IndexError, Pair, Part, Place, key};
use super::lines::{self, AccountKey, Change, Kind, Level, Line, Value};
use super::marks;
use super::{Error, Records};
use crate::partition::{self, LoadError};
use api::{FoundTransfer, LedgerLines, LedgerPage, LedgerPeriod, LedgerStatement, LedgerStatementLine, PendingState};
use engine::{Entry, Event};
use journal::table::{BlockBuffer, Entry as TableEntry, Range};
use journal::{Io, OsIo, Reader};
use ledger::{Balances, Metadata, Transfer, TransferFlags};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Lines of an account that are looked at for one answer.
const LINES_EXAMINED_MAX: usize = 1_000;
/// Events and transfers of the journal that are looked at for one answer.
const JOURNAL_EXAMINED_MAX: usize = 100_000;
/// How many of them are as much work as seeing how one pending transfer stands.
const STATE_EXAMINED: usize = 100;
/// Lines that are taken from the index at once.
const LINES_TAKEN: usize = 128;

/// By what transfers are found.
enum By {
    /// By the hash of what is looked for, see `marks.rs`.
    Mark(u64),
    /// By the lines of an account.
    Account(AccountKey),
}

/// Finds what is durable.
pub struct Finder<I: Io = OsIo> {
    index: Arc<Index<I>>,
    records: Records<I>,
    buffer: BlockBuffer,
}

impl<I: Io + Clone> Finder<I> {
    /// Over an index and its journal.
    pub fn new(index: Arc<Index<I>>, journal: Reader<I>) -> Self {
        Self { index, records: Records::new(journal), buffer: BlockBuffer::default() }
    }

    /// A durable transfer of the merchant with this number.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn transfer(&mut self, merchant: u32, id: u128) -> Result<Option<FoundTransfer>, Error> {
        let Some(place) = self.place(Concern::Id, merchant, id)? else { return Ok(None) };
        let transfer = self.records.transfer(place, id)?;
        Ok(Some(FoundTransfer { transfer, metadata: self.records.metadata(place)?.unwrap_or_default() }))
    }

    /// The metadata of a durable account of the merchant with this number.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn account_metadata(&mut self, merchant: u32, id: u128) -> Result<Metadata, Error> {
        let Some(place) = self.place(Concern::Account, merchant, id)? else { return Ok(Metadata::none()) };
        self.records.metadata(place)?.ok_or(Error::Misled { seq: place.seq(), id })
    }

    /// Where something durable stands that is not a whole event.
    fn place(&mut self, concern: Concern, merchant: u32, number: u128) -> Result<Option<Place>, Error> {
        let durable_seq = self.durable_seq();
        let place = self.index.find(&key(concern, merchant, number), &mut self.buffer)?;
        Ok(place.filter(|place| place.leg().is_some() && place.seq() <= durable_seq))
    }

    /// Durable transfers, in order: by user data or metadata, or of an account, by the index, which looks at a limited number of
    /// places; otherwise by reading a limited part of the journal, from the oldest on.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn transfers_where(&mut self, merchant: u32, lines: &LedgerLines) -> Result<LedgerPage, Error> {
        let Some(within) = self.places_within(merchant, lines.filter.period)? else { return Ok(LedgerPage::default()) };
        match (marks::wanted(lines), lines.account) {
            (Some(hash), _) => self.transfers_by(merchant, &By::Mark(hash), within, lines),
            (None, Some(id)) => self.transfers_by(merchant, &By::Account(AccountKey { merchant, id }), within, lines),
            (None, None) => self.transfers_of_all(merchant, &within, lines),
        }
    }

    fn transfers_of_all(&mut self, merchant: u32, within: &RangeInclusive<u64>, lines: &LedgerLines) -> Result<LedgerPage, Error> {
        let first = lines.after.map_or(0, |after| after.saturating_add(1)).max(*within.start());
        let last = *within.end();
        let (mut transfers, mut examined) = (Vec::new(), 0);
        for batch in self.records.journal.clone().read(Place::numbered(first).seq().max(journal::FIRST_SEQ)).map_err(LoadError::from)? {
            for recorded in partition::decode(&batch.map_err(LoadError::from)?)? {
                let place = |leg| Place::new(recorded.seq, leg).number();
                if place(0) > last {
                    return Ok(LedgerPage { transfers, next: None });
                }
                examined += 1;
                if self.index.number_of_transfers(&recorded.entry.event) != Some(merchant) {
                    continue;
                }
                for (leg, transfer) in (0..).zip(&recorded.entry.legs) {
                    let place = place(leg);
                    if place < first {
                        continue;
                    }
                    if transfers.len() == lines.count_max || examined >= JOURNAL_EXAMINED_MAX || place > last {
                        return Ok(LedgerPage { transfers, next: (place <= last).then_some(place - 1) });
                    }
                    examined += 1;
                    if !lines.filter.takes(transfer, recorded.entry.event.metadata_of(usize::from(leg))) {
                        continue;
                    }
                    // To see how a pending transfer stands may read from two other places.
                    examined += if lines.filter.pending_state.is_some() { STATE_EXAMINED } else { 0 };
                    if self.stands(merchant, lines, transfer)? {
                        let metadata = recorded.entry.event.metadata_of(usize::from(leg)).cloned().unwrap_or_default();
                        transfers.push((place, FoundTransfer { transfer: *transfer, metadata }));
                    }
                }
                if examined >= JOURNAL_EXAMINED_MAX {
                    return Ok(LedgerPage { transfers, next: Some(place(u16::MAX)) });
                }
            }
        }
        Ok(LedgerPage { transfers, next: None })
    }

    /// Transfers that an index names: those with a mark, or those of an account.
    fn transfers_by(&mut self, merchant: u32, by: &By, mut within: RangeInclusive<u64>, lines: &LedgerLines) -> Result<LedgerPage, Error> {
        let mut after = lines.after;
        let mut transfers = Vec::new();
        let mut examined = 0;
        loop {
            if let Some(after) = after {
                within = match (lines.newest_first, after.checked_add(1), after.checked_sub(1)) {
                    (false, Some(next), _) => next.max(*within.start())..=*within.end(),
                    (true, _, Some(next)) => *within.start()..=next.min(*within.end()),
                    (false, None, _) | (true, _, None) => return Ok(LedgerPage { transfers, next: None }),
                };
            }
            let taken = self.candidates(merchant, by, &within, lines)?;
            if taken.is_empty() {
                return Ok(LedgerPage { transfers, next: None });
            }
            for (place, is_transfer) in taken {
                if transfers.len() == lines.count_max || examined == LINES_EXAMINED_MAX {
                    return Ok(LedgerPage { transfers, next: after });
                }
                (after, examined) = (Some(place.number()), examined + 1);
                if !is_transfer {
                    continue;
                }
                let transfer = match by {
                    By::Account(account) => self.record_of(place, account.id)?.1,
                    By::Mark(_) => self.record_at(place)?,
                };
                let metadata = self.records.metadata(place)?;
                let is_found = lines.is_of_account(&transfer) && lines.filter.takes(&transfer, metadata.as_ref());
                if is_found && self.stands(merchant, lines, &transfer)? {
                    transfers.push((place.number(), FoundTransfer { transfer, metadata: metadata.unwrap_or_default() }));
                }
            }
        }
    }

    /// The next places to look at, and whether a transfer was created there that may be taken.
    fn candidates(
        &mut self,
        merchant: u32,
        by: &By,
        within: &RangeInclusive<u64>,
        lines: &LedgerLines,
    ) -> Result<Vec<(Place, bool)>, Error> {
        let count_max = LINES_TAKEN.min(lines.count_max + 1);
        match by {
            By::Mark(_) if within.is_empty() => Ok(Vec::new()),
            By::Mark(hash) => {
                let places = self.index.marked(&marks::marks(merchant, *hash, within), lines.newest_first, count_max)?;
                Ok(places.into_iter().map(|place| (place, true)).collect())
            }
            By::Account(account) => {
                let is_wanted =
                    |change: &Change| change.kind != Kind::Expiry && lines.filter.is_credit.is_none_or(|wanted| wanted == change.is_credit);
                let taken = self.lines_of(account, within, lines.newest_first, count_max)?;
                Ok(taken.into_iter().map(|(place, change)| (place, is_wanted(&change))).collect())
            }
        }
    }

    fn stands(&mut self, merchant: u32, lines: &LedgerLines, transfer: &Transfer) -> Result<bool, Error> {
        match lines.filter.pending_state {
            None => Ok(true),
            Some(_) if !transfer.flags.contains(TransferFlags::PENDING) => Ok(false),
            Some(wanted) => Ok(self.pending_state(merchant, transfer)? == wanted),
        }
    }

    /// How a durable pending transfer stands.
    fn pending_state(&mut self, merchant: u32, transfer: &Transfer) -> Result<PendingState, Error> {
        let durable_seq = self.durable_seq();
        let place = self.index.find(&key(Concern::Fate, merchant, transfer.id), &mut self.buffer)?;
        let Some(place) = place.filter(|place| place.seq() <= durable_seq) else { return Ok(PendingState::Pending) };
        let Some(leg) = place.leg() else { return Ok(PendingState::Expired) };
        let resolution = self.records.entry(place.seq())?.and_then(|entry| entry.legs.get(leg)).copied();
        let resolution = resolution.filter(|found| found.pending_id == transfer.id);
        let resolution = resolution.ok_or(Error::Misled { seq: place.seq(), id: transfer.id })?;
        let is_post = resolution.flags.contains(TransferFlags::POST_PENDING_TRANSFER);
        Ok(if is_post { PendingState::Posted } else { PendingState::Voided })
    }

    /// The durable balances of an account before a time; now when there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn balances_before(&mut self, merchant: u32, account: u128, before_ns: Option<u64>) -> Result<Balances, Error> {
        let Some(within) = self.places_within(merchant, LedgerPeriod { from_ns: None, until_ns: before_ns })? else {
            return Ok(Balances::default());
        };
        self.balances_upto(&AccountKey { merchant, id: account }, *within.end())
    }

    /// A part of an account's statement: at most so many lines, after a place.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn statement(
        &mut self,
        merchant: u32,
        account: u128,
        period: LedgerPeriod,
        after: Option<u64>,
        count_max: usize,
    ) -> Result<LedgerStatement, Error> {
        let named = AccountKey { merchant, id: account };
        let Some(within) = self.places_within(merchant, period)? else {
            let opening = self.balances_before(merchant, account, period.from_ns)?;
            return Ok(LedgerStatement { opening, lines: Vec::new(), closing: opening, next: None });
        };
        let before = |place: u64| place.checked_sub(1).map_or(Ok(Balances::default()), |upto| self.balances_upto(&named, upto));
        let opening = before(*within.start())?;
        let first = after.map_or(*within.start(), |after| after.saturating_add(1).max(*within.start()));
        let mut balances = if after.is_some() { before(first)? } else { opening };
        let closing = self.balances_upto(&named, *within.end())?;
        let mut taken = self.lines_of(&named, &(first..=*within.end()), false, count_max + 1)?;
        let has_more = taken.len() > count_max;
        taken.truncate(count_max);
        let next = taken.last().filter(|_| has_more).map(|(place, _)| place.number());
        let mut shown = Vec::with_capacity(taken.len());
        for (place, change) in taken {
            let (at_ns, transfer) = self.record_of(place, account)?;
            balances.add(&change.balances());
            let is_expiry = change.kind == Kind::Expiry;
            let at_ns = if is_expiry { at_ns } else { transfer.timestamp };
            let created_at = if is_expiry { self.place(Concern::Id, merchant, transfer.id)? } else { Some(place) };
            let metadata = created_at.map(|place| self.records.metadata(place)).transpose()?.flatten().unwrap_or_default();
            let transfer = FoundTransfer { transfer, metadata };
            shown.push(LedgerStatementLine { place: place.number(), at_ns, transfer, is_expiry, balances });
        }
        Ok(LedgerStatement { opening, lines: shown, closing, next })
    }

    fn durable_seq(&self) -> u64 {
        self.records.journal.tail().next_seq - 1
    }

    /// The transfer at a place of an account, with the time of its event.
    fn record_of(&mut self, place: Place, account: u128) -> Result<(u64, Transfer), Error> {
        let entry = self.records.entry(place.seq())?;
        let found = entry.and_then(|entry| Some((entry.at.ns(), *entry.legs.get(place.leg()?)?)));
        let found = found.filter(|(_, leg)| leg.debit_account_id == account || leg.credit_account_id == account);
        found.ok_or(Error::Misled { seq: place.seq(), id: account })
    }

    /// The transfer at a place, of whatever accounts.
    fn record_at(&mut self, place: Place) -> Result<Transfer, Error> {
        let found = self.records.entry(place.seq())?.and_then(|entry| entry.legs.get(place.leg()?));
        found.copied().ok_or(Error::Misled { seq: place.seq(), id: 0 })
    }

    /// Asks what holds lines, again when a damaged table had to be made anew.
    fn ask<T>(&self, search: impl Fn(&[Part<I>]) -> Result<T, Unread<I>>) -> Result<T, Error> {
        loop {
            match search(&self.index.parts()) {
                Ok(found) => return Ok(found),
                Err(Unread { error, .. }) if error.retryable() => return Err(IndexError::from(error).into()),
                Err(Unread { pair, error }) => {
                    tracing::warn!(%error, "a damaged index is made again from the journal");
                    self.index.heal(&pair)?;
                }
            }
        }
    }

    /// The first lines of an account in a run of places, from one of its ends.
    fn lines_of(
        &self,
        account: &AccountKey,
        within: &RangeInclusive<u64>,
        newest_first: bool,
        count_max: usize,
    ) -> Result<Vec<(Place, Change)>, Error> {
        self.ask(|parts| {
            let mut taken = Vec::new();
            let mut take = |line| {
                if taken.len() < count_max {
                    taken.push(line);
                }
                taken.len() < count_max
            };
            let mut take_part = |part: &Part<I>| match part {
                Part::Memory(pieces) => {
                    let all = pieces.iter().flat_map(|piece| piece.iter());
                    let mut found = all.filter(|line| line.account() == *account && within.contains(&line.place.number()));
                    let mut take = |line: &Line| take((line.place, line.change()));
                    Ok(if newest_first { found.rev().all(&mut take) } else { found.all(&mut take) })
                }
                Part::Tables(pair) => {
                    let mut lines = TableLines::new(pair, account, within, newest_first);
                    while let Some(line) = lines.next()? {
                        if !take(line) {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                }
            };
            let parts: &mut dyn Iterator<Item = &Part<I>> = if newest_first { &mut parts.iter().rev() } else { &mut parts.iter() };
            for part in parts {
                if !take_part(part)? {
                    break;
                }
            }
            Ok(taken)
        })
    }

    /// The sum of an account's lines up to a place.
    fn balances_upto(&self, account: &AccountKey, upto: u64) -> Result<Balances, Error> {
        self.ask(|parts| {
            let mut balances = Balances::default();
            for part in parts {
                match part {
                    Part::Memory(pieces) => {
                        let lines = pieces.iter().flat_map(|piece| piece.iter());
                        let lines = lines.filter(|line| line.account() == *account && line.place.number() <= upto);
                        lines.for_each(|line| balances.add(&line.change().balances()));
                    }
                    Part::Tables(pair) if pair.covered().0 > Place::numbered(upto).seq() || !pair.lines.may_contain(&account.bytes()) => {}
                    Part::Tables(pair) => {
                        let mut summed_to = None;
                        for entry in range(pair, account, Level::Top, &(0..=upto)) {
                            let (place, value) = read(pair, entry)?;
                            balances.add(&value.balances());
                            summed_to = if matches!(value, Value::Sums(_)) { Some(place.number()) } else { summed_to };
                        }
                        for entry in range(pair, account, Level::Grouped, &(summed_to.map_or(0, |place| place + 1)..=upto)) {
                            balances.add(&read(pair, entry)?.1.balances());
                        }
                    }
                }
            }
            Ok(balances)
        })
    }

    /// The durable places of what happened in a period; `None` for no place at all.
    fn places_within(&mut self, merchant: u32, period: LedgerPeriod) -> Result<Option<RangeInclusive<u64>>, Error> {
        let last = Place::new(self.durable_seq(), u16::MAX).number();
        let first = match period.from_ns {
            None => 0,
            Some(from_ns) => self.first_from(merchant, from_ns)?.map_or(u64::MAX, Place::number),
        };
        let end = match period.until_ns {
            None => last,
            Some(until_ns) => match self.first_from(merchant, until_ns)? {
                None => last,
                Some(place) => match place.number().checked_sub(1) {
                    Some(end) => end.min(last),
                    None => return Ok(None),
                },
            },
        };
        Ok((first <= end).then_some(first..=end))
    }

    /// The first place from a time on; `None` when all is before it. What was imported counts at its own time, which is after all
    /// transfers before it in its ledger.
    fn first_from(&mut self, merchant: u32, from_ns: u64) -> Result<Option<Place>, Error> {
        let (mut low, end) = (journal::FIRST_SEQ, self.durable_seq() + 1);
        let mut high = end;
        while low < high {
            let middle = low + (high - low) / 2;
            if self.records.entry(middle)?.is_some_and(|entry| entry.at.ns() < from_ns) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        // The items of a batch have times of their own, of which the last is the event's.
        let leg = if low < end { self.records.entry(low)?.map_or(0, |entry| legs_before(entry, from_ns)) } else { 0 };
        let by_clock = (low < end).then(|| Place::new(low, leg));
        let imported = match from_ns.checked_sub(1) {
            Some(last_ns) => self.index.last_imported(merchant, last_ns, end - 1)?,
            None => None,
        };
        let after_imported = imported.map(|place| Place::numbered(place.number() + 1));
        Ok(by_clock.map(|place| after_imported.map_or(place, |after| after.max(place))))
    }
}

/// How many legs of an event happened before a time.
fn legs_before(entry: &Entry, from_ns: u64) -> u16 {
    let is_created = matches!(entry.event, Event::LedgerTransfersCreated { .. });
    let before = if is_created { entry.legs.partition_point(|leg| leg.timestamp < from_ns) } else { 0 };
    u16::try_from(before).unwrap_or(u16::MAX)
}

/// A table that could not be read.
struct Unread<I: Io> {
    pair: Arc<Pair<I>>,
    error: journal::table::Error,
}

/// The entries of an account on a level of a table.
fn range<'t, I: Io>(pair: &'t Pair<I>, account: &AccountKey, level: Level, within: &RangeInclusive<u64>) -> Range<'t, I> {
    let from = lines::key(account, level, *within.start());
    let to = lines::key(account, level, *within.end());
    pair.lines.range(&from..=&to)
}

/// What an entry says.
fn read<I: Io>(pair: &Arc<Pair<I>>, entry: Result<TableEntry, journal::table::Error>) -> Result<(Place, Value), Unread<I>> {
    let unread = |error| Unread { pair: Arc::clone(pair), error };
    let entry = entry.map_err(unread)?;
    let read = lines::place_of(entry.key()).zip(Value::decode(entry.value()));
    read.ok_or_else(|| unread(pair.lines.misread("every entry is a line or the sums of a group")))
}

/// The lines of an account in a table, from one end. Those in groups and those in none stand apart.
struct TableLines<'t, I: Io> {
    pair: &'t Arc<Pair<I>>,
    newest_first: bool,
    levels: [Range<'t, I>; 2],
    next: [Option<(Place, Change)>; 2],
    is_started: bool,
}

impl<'t, I: Io> TableLines<'t, I> {
    fn new(pair: &'t Arc<Pair<I>>, account: &AccountKey, within: &RangeInclusive<u64>, newest_first: bool) -> Self {
        let nothing = RangeInclusive::new(1, 0);
        let within = if pair.lines.may_contain(&account.bytes()) { within } else { &nothing };
        let levels = [Level::Grouped, Level::Top].map(|level| range(pair, account, level, within));
        Self { pair, newest_first, levels, next: [None; 2], is_started: false }
    }

    fn next(&mut self) -> Result<Option<(Place, Change)>, Unread<I>> {
        if !self.is_started {
            self.is_started = true;
            self.next = [self.read(0)?, self.read(1)?];
        }
        let level = match self.next {
            [Some((grouped, _)), Some((alone, _))] => usize::from((alone < grouped) != self.newest_first),
            [None, _] => 1,
            [_, None] => 0,
        };
        let found = self.next[level];
        if found.is_some() {
            self.next[level] = self.read(level)?;
        }
        Ok(found)
    }

    /// The next line of a level.
    fn read(&mut self, level: usize) -> Result<Option<(Place, Change)>, Unread<I>> {
        loop {
            let range = &mut self.levels[level];
            let Some(entry) = (if self.newest_first { range.next_back() } else { range.next() }) else { return Ok(None) };
            if let (place, Value::Line(change)) = read(self.pair, entry)? {
                return Ok(Some((place, change)));
            }
        }
    }
}
