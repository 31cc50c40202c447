//! Compares what the platform says of merchants' ledgers with what their models say.

use crate::ledgers::disk::Disk;
use crate::ledgers::model::{Book, Happening, metadata_of};
use crate::ledgers::shell::is_of_disk_alone;
use crate::random::Random;
use crate::report::{Checked, Rule, violated};
use api::{FoundTransfer, LedgerFilter, LedgerLines, LedgerPeriod, LedgerStatementLine, PendingState};
use bezant::archive::{Error, Finder};
use ledger::{Balances, Ledger, PendingStatus, Transfer, TransferFlags};

/// Lines of a page.
const PAGE_LINES: usize = 7;
/// Accounts whose statements are read for one look.
const ACCOUNTS_READ: usize = 2;
/// Ids that are looked up for one look.
const IDS_READ: usize = 12;

/// Accounts and open transfers in memory.
///
/// # Errors
/// The first difference.
pub fn check_state(book: &Book, found: Option<&Ledger>) -> Checked {
    let nothing = Ledger::new();
    let found = found.unwrap_or(&nothing);
    let accounts: Vec<_> = found.accounts().copied().collect();
    for (ours, theirs) in book.ledger.accounts().zip(sorted(accounts.clone())) {
        if *ours != theirs {
            return violated(Rule::BalancesAreTheModels, format!("an account is {theirs:?}, and must be {ours:?}"));
        }
    }
    let count = book.ledger.accounts().count();
    if accounts.len() != count {
        return violated(Rule::BalancesAreTheModels, format!("{} accounts, and not {count}", accounts.len()));
    }
    for id in &book.open {
        if found.transfer(*id) != book.ledger.transfer(*id) {
            return violated(Rule::BalancesAreTheModels, format!("the pending transfer {id} is {:?}", found.transfer(*id)));
        }
    }
    if found.pendings_count() != book.open.len() {
        return violated(Rule::BalancesAreTheModels, format!("{} open transfers, and not {}", found.pendings_count(), book.open.len()));
    }
    match found.check_consistency() {
        Ok(()) => Ok(()),
        Err(inconsistency) => violated(Rule::BalancesAreTheModels, format!("the ledger is not consistent: {inconsistency:?}")),
    }
}

fn sorted(mut accounts: Vec<ledger::Account>) -> Vec<ledger::Account> {
    accounts.sort_by_key(|account| account.id);
    accounts
}

/// Looks at the durable history of one ledger.
pub struct Look<'a> {
    /// What must be found.
    pub book: &'a Book,
    /// The merchant's number.
    pub merchant: u32,
    /// Ids that were ever asked for.
    pub ids: &'a [u128],
    /// All up to this event is durable.
    pub durable_seq: u64,
}

/// What a look came to.
pub enum Seen {
    /// All is as it must be.
    Right,
    /// The disk failed meanwhile.
    Unread,
}

impl Look<'_> {
    /// What is durable of the happenings.
    fn durable(&self) -> &[Happening] {
        let happenings = &self.book.happenings;
        &happenings[..happenings.partition_point(|happening| happening.seq <= self.durable_seq)]
    }

    /// How many happened before a time: all up to the last one that did.
    fn before(&self, at_ns: u64) -> usize {
        self.durable().iter().rposition(|happening| happening.at_ns < at_ns).map_or(0, |last| last + 1)
    }

    fn period(&self, period: LedgerPeriod) -> (usize, usize) {
        let from = period.from_ns.map_or(0, |from_ns| self.before(from_ns));
        let until = period.until_ns.map_or(self.durable().len(), |until_ns| self.before(until_ns));
        (from, until.max(from))
    }

    fn found(&self, transfer: &Transfer) -> FoundTransfer {
        FoundTransfer { transfer: *transfer, metadata: self.book.metadata(transfer.id) }
    }

    fn balances(&self, account: u128, count: usize) -> Balances {
        let mut balances = Balances::default();
        self.durable()[..count].iter().for_each(|happening| happening.change(account, &mut balances));
        balances
    }

    fn pending_state(&self, id: u128) -> PendingState {
        match self.book.pending_status(id, self.durable_seq) {
            None | Some(PendingStatus::None | PendingStatus::Pending) => PendingState::Pending,
            Some(PendingStatus::Posted) => PendingState::Posted,
            Some(PendingStatus::Voided) => PendingState::Voided,
            Some(PendingStatus::Expired) => PendingState::Expired,
        }
    }

    /// A time near something that happened, or any.
    fn any_time(&self, random: &mut Random) -> Option<u64> {
        if random.chance(400) || self.durable().is_empty() {
            return None;
        }
        let at_ns = random.pick(self.durable()).at_ns;
        Some(*random.pick(&[at_ns - 1, at_ns, at_ns + 1, at_ns + 1_000_000]))
    }

    /// Looks at some of everything; at the balances of all accounts when `is_all`.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, finder: &mut Finder<Disk>, random: &mut Random, is_all: bool) -> Checked<Seen> {
        match self.check_all(finder, random, is_all) {
            Ok(checked) => checked.map(|()| Seen::Right),
            Err(error) if is_of_disk_alone(&error) => Ok(Seen::Unread),
            Err(error) => violated(Rule::HistoryIsTheModels, format!("history cannot be asked: {error}")),
        }
    }

    fn check_all(&self, finder: &mut Finder<Disk>, random: &mut Random, is_all: bool) -> Result<Checked, Error> {
        if let Err(violation) = self.check_ids(finder, random)? {
            return Ok(Err(violation));
        }
        let accounts: Vec<u128> = self.book.ledger.accounts().map(|account| account.id).collect();
        if accounts.is_empty() {
            return Ok(Ok(()));
        }
        let read: Vec<u128> = if is_all { accounts.clone() } else { (0..ACCOUNTS_READ).map(|_| *random.pick(&accounts)).collect() };
        for account in read {
            let before_ns = self.any_time(random);
            let (_, count) = self.period(LedgerPeriod { from_ns: None, until_ns: before_ns });
            let (expected, found) = (self.balances(account, count), finder.balances_before(self.merchant, account, before_ns)?);
            if expected != found {
                return Ok(violated(
                    Rule::HistoryIsTheModels,
                    format!("the balances of account {account} before {before_ns:?} are {found:?}, and must be {expected:?}"),
                ));
            }
        }
        for _ in 0..ACCOUNTS_READ {
            let account = *random.pick(&accounts);
            let is_durable = self.book.account_seqs.get(&account).is_some_and(|seq| *seq <= self.durable_seq);
            if is_durable && finder.account_metadata(self.merchant, account)? != metadata_of(account) {
                return Ok(violated(
                    Rule::HistoryIsTheModels,
                    format!("account {account} has other metadata than {:?}", metadata_of(account)),
                ));
            }
            if let Err(violation) = self.check_statement(finder, random, account)? {
                return Ok(Err(violation));
            }
            if let Err(violation) = self.check_list(finder, random, account)? {
                return Ok(Err(violation));
            }
        }
        Ok(Ok(()))
    }

    fn check_ids(&self, finder: &mut Finder<Disk>, random: &mut Random) -> Result<Checked, Error> {
        let durable = self.durable();
        let mut ids: Vec<u128> = (0..IDS_READ).filter(|_| !self.ids.is_empty()).map(|_| *random.pick(self.ids)).collect();
        ids.extend((0..IDS_READ).filter(|_| !durable.is_empty()).map(|_| random.pick(durable).transfer.id));
        for id in ids {
            let happened = durable.iter().any(|happening| happening.transfer.id == id && !happening.is_expiry);
            let expected = self.book.ledger.transfer(id).filter(|_| happened).map(|transfer| self.found(transfer));
            let found = finder.transfer(self.merchant, id)?;
            if found != expected {
                return Ok(violated(Rule::HistoryIsTheModels, format!("the transfer {id} is {found:?}, and must be {expected:?}")));
            }
        }
        Ok(Ok(()))
    }

    fn check_statement(&self, finder: &mut Finder<Disk>, random: &mut Random, account: u128) -> Result<Checked, Error> {
        let period = LedgerPeriod { from_ns: self.any_time(random), until_ns: self.any_time(random) };
        let (from, until) = self.period(period);
        let opening = self.balances(account, from);
        let mut balances = opening;
        let mut expected = Vec::new();
        for happening in self.durable()[from..until].iter().filter(|happening| happening.concerns(account)) {
            happening.change(account, &mut balances);
            let Happening { at_ns, transfer, is_expiry, .. } = *happening;
            expected.push(LedgerStatementLine { place: happening.place(), at_ns, transfer: self.found(&transfer), is_expiry, balances });
        }
        let (mut lines, mut after) = (Vec::new(), None);
        loop {
            let part = finder.statement(self.merchant, account, period, after, PAGE_LINES)?;
            if (part.opening, part.closing) != (opening, balances) {
                let found = (part.opening, part.closing);
                return Ok(violated(
                    Rule::HistoryIsTheModels,
                    format!("a statement of account {account} in {period:?} is from and to {found:?}, not {:?}", (opening, balances)),
                ));
            }
            lines.extend(part.lines);
            after = part.next;
            if after.is_none() || lines.len() > expected.len() {
                break;
            }
        }
        if lines != expected {
            let at = lines.iter().zip(&expected).take_while(|(left, right)| left == right).count();
            return Ok(violated(
                Rule::HistoryIsTheModels,
                format!("line {at} of account {account} in {period:?} is {:?}, and must be {:?}", lines.get(at), expected.get(at)),
            ));
        }
        Ok(Ok(()))
    }

    fn check_list(&self, finder: &mut Finder<Disk>, random: &mut Random, account: u128) -> Result<Checked, Error> {
        let account = if random.chance(700) { Some(account) } else { None };
        let states = [PendingState::Pending, PendingState::Posted, PendingState::Voided, PendingState::Expired];
        let filter = LedgerFilter {
            period: LedgerPeriod { from_ns: self.any_time(random), until_ns: self.any_time(random) },
            is_credit: account.and_then(|_| *random.pick(&[None, None, Some(true), Some(false)])),
            amount_min: *random.pick(&[None, None, Some(20)]),
            amount_max: *random.pick(&[None, None, Some(200)]),
            code: *random.pick(&[None, None, Some(2)]),
            pending_state: if random.chance(300) { Some(*random.pick(&states)) } else { None },
            ..LedgerFilter::default()
        };
        let newest_first = account.is_some() && random.chance(500);
        let (from, until) = self.period(filter.period);
        let is_meant = |happening: &&Happening| {
            let Happening { transfer, is_expiry, .. } = **happening;
            !is_expiry
                && account.is_none_or(|account| happening.concerns(account))
                && filter.is_credit.is_none_or(|is_credit| account == Some(side(&transfer, is_credit)))
                && filter.amount_min.is_none_or(|least| transfer.amount >= least)
                && filter.amount_max.is_none_or(|most| transfer.amount <= most)
                && filter.code.is_none_or(|code| transfer.code == code)
                && filter
                    .pending_state
                    .is_none_or(|state| transfer.flags.contains(TransferFlags::PENDING) && self.pending_state(transfer.id) == state)
        };
        let expected = self.durable()[from..until].iter().filter(is_meant);
        let mut expected: Vec<(u64, FoundTransfer)> =
            expected.map(|happening| (happening.place(), self.found(&happening.transfer))).collect();
        if newest_first {
            expected.reverse();
        }
        let mut lines = LedgerLines { account, after: None, newest_first, count_max: PAGE_LINES, filter };
        let mut found = Vec::new();
        loop {
            let page = finder.transfers_where(self.merchant, &lines)?;
            found.extend(page.transfers);
            lines.after = page.next;
            if page.next.is_none() || found.len() > expected.len() {
                break;
            }
        }
        if found != expected {
            let at = found.iter().zip(&expected).take_while(|(left, right)| left == right).count();
            return Ok(violated(
                Rule::HistoryIsTheModels,
                format!("transfer {at} of {lines:?} is {:?}, and must be {:?}", found.get(at), expected.get(at)),
            ));
        }
        Ok(Ok(()))
    }
}

const fn side(transfer: &Transfer, is_credit: bool) -> u128 {
    if is_credit { transfer.credit_account_id } else { transfer.debit_account_id }
}
