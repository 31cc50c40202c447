//! A naive ledger to judge the real one by: it keeps a list of what happened and adds everything up
//! anew for every question. No balances, no indexes, no undoing: a chain starts from a copy.
//!
//! Not modelled: imports and overflows, which the generated events avoid.

use ledger::{Account, AccountFlags, CreateTransferStatus as Status, Transfer, TransferFlags as Flags};

/// How a reservation ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Posted(u128),
    Voided,
    Expired,
}

#[derive(Clone)]
struct Happened {
    transfer: Transfer,
    end: Option<End>,
}

/// The naive ledger.
#[derive(Clone)]
pub struct Model {
    accounts: Vec<Account>,
    happened: Vec<Happened>,
    failed_ids: Vec<u128>,
}

/// Debits pending and posted, credits pending and posted.
pub type Balance = (u128, u128, u128, u128);

impl Model {
    /// A model with these accounts, which never change.
    pub fn new(accounts: &[Account]) -> Self {
        Self { accounts: accounts.to_vec(), happened: Vec::new(), failed_ids: Vec::new() }
    }

    /// The account's balance, from the beginning of time.
    pub fn balance(&self, id: u128) -> Balance {
        let side = |account_of: fn(&Transfer) -> u128| {
            let mine = || self.happened.iter().filter(|happened| account_of(&happened.transfer) == id);
            let pending = mine().filter(|happened| happened.is_open()).map(|happened| happened.transfer.amount).sum();
            let posted = mine().map(Happened::posted).sum();
            (pending, posted)
        };
        let (debits_pending, debits_posted) = side(|transfer| transfer.debit_account_id);
        let (credits_pending, credits_posted) = side(|transfer| transfer.credit_account_id);
        (debits_pending, debits_posted, credits_pending, credits_posted)
    }

    /// Whether an open transfer keeps the account closed.
    pub fn is_closed(&self, id: u128) -> bool {
        self.happened.iter().filter(|happened| happened.is_open()).any(|Happened { transfer, .. }| {
            (transfer.flags.contains(Flags::CLOSING_DEBIT) && transfer.debit_account_id == id)
                || (transfer.flags.contains(Flags::CLOSING_CREDIT) && transfer.credit_account_id == id)
        })
    }

    /// Status and timestamp of each event.
    pub fn create_transfers(&mut self, events: &[Transfer], timestamp: u64) -> Vec<(Status, u64)> {
        let mut results = Vec::new();
        let mut rest = events;
        while !rest.is_empty() {
            let links = rest.iter().take_while(|event| event.flags.contains(Flags::LINKED)).count();
            let (chain, after) = rest.split_at((links + 1).min(rest.len()));
            let first = timestamp + u64::try_from(results.len()).expect("a small batch");
            results.extend(self.create_chain(chain, first));
            rest = after;
        }
        results
    }

    fn create_chain(&mut self, chain: &[Transfer], timestamp: u64) -> Vec<(Status, u64)> {
        let before = self.happened.clone();
        let mut results: Vec<(Status, u64)> = Vec::new();
        let mut is_broken = false;
        for (event, time) in chain.iter().zip(timestamp..) {
            let is_left_open = event.flags.contains(Flags::LINKED) && results.len() + 1 == chain.len();
            let result = match (is_left_open, is_broken) {
                (true, _) => (Status::LinkedEventChainOpen, time),
                (false, true) => (Status::LinkedEventFailed, time),
                (false, false) => self.create(event, time),
            };
            if result.0 != Status::Created && !is_broken {
                is_broken = true;
                self.happened.clone_from(&before);
                results.iter_mut().for_each(|result| result.0 = Status::LinkedEventFailed);
            }
            results.push(result);
        }
        results
    }

    fn create(&mut self, event: &Transfer, time: u64) -> (Status, u64) {
        if let Some(existing) = self.find(event.id) {
            let status = self.difference(event, &existing.transfer);
            return (status, if status == Status::Exists { existing.transfer.timestamp } else { time });
        }
        if self.failed_ids.contains(&event.id) {
            return (Status::IdAlreadyFailed, time);
        }
        let is_post = event.flags.contains(Flags::POST_PENDING_TRANSFER);
        let is_void = event.flags.contains(Flags::VOID_PENDING_TRANSFER);
        let outcome = if is_post || is_void { self.resolve(event, time, is_post) } else { self.transact(event) };
        match outcome {
            Ok(transfer) => {
                self.happened.push(Happened { transfer: Transfer { timestamp: time, ..transfer }, end: None });
                (Status::Created, time)
            }
            Err(status) => {
                let burning = ["debit_account_not_found", "credit_account_not_found", "pending_transfer_not_found"];
                let also = ["debit_account_already_closed", "credit_account_already_closed", "exceeds_credits", "exceeds_debits"];
                if burning.contains(&status.name()) || also.contains(&status.name()) {
                    self.failed_ids.push(event.id);
                }
                (status, time)
            }
        }
    }

    fn transact(&self, event: &Transfer) -> Result<Transfer, Status> {
        let is_pending = event.flags.contains(Flags::PENDING);
        let is_closing = event.flags.contains(Flags::CLOSING_DEBIT) || event.flags.contains(Flags::CLOSING_CREDIT);
        first(&[
            (event.debit_account_id == 0, Status::DebitAccountIdMustNotBeZero),
            (event.credit_account_id == 0, Status::CreditAccountIdMustNotBeZero),
            (event.debit_account_id == event.credit_account_id, Status::AccountsMustBeDifferent),
            (event.pending_id != 0, Status::PendingIdMustBeZero),
            (!is_pending && event.timeout_s != 0, Status::TimeoutReservedForPendingTransfer),
            (!is_pending && is_closing, Status::ClosingTransferMustBePending),
            (event.ledger == 0, Status::LedgerMustNotBeZero),
            (event.code == 0, Status::CodeMustNotBeZero),
        ])?;
        let debit = self.account(event.debit_account_id).ok_or(Status::DebitAccountNotFound)?;
        let credit = self.account(event.credit_account_id).ok_or(Status::CreditAccountNotFound)?;
        first(&[
            (debit.ledger != credit.ledger, Status::AccountsMustHaveTheSameLedger),
            (event.ledger != debit.ledger, Status::TransferMustHaveTheSameLedgerAsAccounts),
            (self.is_closed(debit.id), Status::DebitAccountAlreadyClosed),
            (self.is_closed(credit.id), Status::CreditAccountAlreadyClosed),
        ])?;

        let (debits_pending, debits_posted, _, debtor_credits) = self.balance(debit.id);
        let (_, creditor_debits, credits_pending, credits_posted) = self.balance(credit.id);
        let debits = debits_pending + debits_posted;
        let credits = credits_pending + credits_posted;
        let mut amount = event.amount;
        if event.flags.contains(Flags::BALANCING_DEBIT) {
            amount = amount.min(debtor_credits.saturating_sub(debits));
        }
        if event.flags.contains(Flags::BALANCING_CREDIT) {
            amount = amount.min(creditor_debits.saturating_sub(credits));
        }
        let debits_limited = debit.flags.contains(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS);
        let credits_limited = credit.flags.contains(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
        first(&[
            (debits_limited && debits + amount > debtor_credits, Status::ExceedsCredits),
            (credits_limited && credits + amount > creditor_debits, Status::ExceedsDebits),
        ])?;
        Ok(Transfer { amount, ..*event })
    }

    fn resolve(&mut self, event: &Transfer, time: u64, is_post: bool) -> Result<Transfer, Status> {
        let post_or_void = Flags::POST_PENDING_TRANSFER.union(Flags::VOID_PENDING_TRANSFER);
        let allowed = Flags::LINKED.union(if is_post { Flags::POST_PENDING_TRANSFER } else { Flags::VOID_PENDING_TRANSFER });
        first(&[
            (event.flags.contains(post_or_void), Status::FlagsAreMutuallyExclusive),
            (event.flags.bits() & !allowed.bits() != 0, Status::FlagsAreMutuallyExclusive),
            (event.pending_id == 0, Status::PendingIdMustNotBeZero),
            (event.pending_id == event.id, Status::PendingIdMustBeDifferent),
            (event.timeout_s != 0, Status::TimeoutReservedForPendingTransfer),
        ])?;
        let pending = self.find(event.pending_id).ok_or(Status::PendingTransferNotFound)?;
        let held = pending.transfer;
        let all = if is_post { u128::MAX } else { 0 };
        let amount = if event.amount == all { held.amount } else { event.amount };
        let differs = |asked: u128, has: u128| asked != 0 && asked != has;
        first(&[
            (!held.flags.contains(Flags::PENDING), Status::PendingTransferNotPending),
            (differs(event.debit_account_id, held.debit_account_id), Status::PendingTransferHasDifferentDebitAccountId),
            (differs(event.credit_account_id, held.credit_account_id), Status::PendingTransferHasDifferentCreditAccountId),
            (differs(event.ledger.into(), held.ledger.into()), Status::PendingTransferHasDifferentLedger),
            (differs(event.code.into(), held.code.into()), Status::PendingTransferHasDifferentCode),
            (amount > held.amount, Status::ExceedsPendingTransferAmount),
            (!is_post && amount < held.amount, Status::PendingTransferHasDifferentAmount),
            (matches!(pending.end, Some(End::Posted(_))), Status::PendingTransferAlreadyPosted),
            (pending.end == Some(End::Voided), Status::PendingTransferAlreadyVoided),
            (pending.end == Some(End::Expired), Status::PendingTransferExpired),
            (pending.expires_at().is_some_and(|at| at <= time), Status::PendingTransferExpired),
            (is_post && self.is_closed(held.debit_account_id), Status::DebitAccountAlreadyClosed),
            (is_post && self.is_closed(held.credit_account_id), Status::CreditAccountAlreadyClosed),
        ])?;
        let end = if is_post { End::Posted(amount) } else { End::Voided };
        self.happened.iter_mut().find(|happened| happened.transfer.id == held.id).expect("it was found before").end = Some(end);
        Ok(Transfer { amount, ..inherited(event, &held) })
    }

    fn difference(&self, event: &Transfer, existing: &Transfer) -> Status {
        let held = self.find(existing.pending_id).map(|pending| pending.transfer);
        let asked = held.map_or(*event, |held| inherited(event, &held));
        let is_balancing = event.flags.contains(Flags::BALANCING_DEBIT) || event.flags.contains(Flags::BALANCING_CREDIT);
        let all = if event.flags.contains(Flags::VOID_PENDING_TRANSFER) { 0 } else { u128::MAX };
        let amount_asked = held.map_or(event.amount, |held| if event.amount == all { held.amount } else { event.amount });
        let is_other_amount = if is_balancing { amount_asked < existing.amount } else { amount_asked != existing.amount };
        let verdict = first(&[
            (event.flags != existing.flags, Status::ExistsWithDifferentFlags),
            (event.pending_id != existing.pending_id, Status::ExistsWithDifferentPendingId),
            (event.timeout_s != existing.timeout_s, Status::ExistsWithDifferentTimeout),
            (asked.debit_account_id != existing.debit_account_id, Status::ExistsWithDifferentDebitAccountId),
            (asked.credit_account_id != existing.credit_account_id, Status::ExistsWithDifferentCreditAccountId),
            (is_other_amount, Status::ExistsWithDifferentAmount),
            (asked.user_data_64 != existing.user_data_64, Status::ExistsWithDifferentUserData64),
            (asked.ledger != existing.ledger, Status::ExistsWithDifferentLedger),
            (asked.code != existing.code, Status::ExistsWithDifferentCode),
        ]);
        verdict.err().unwrap_or(Status::Exists)
    }

    /// The ids of all transfers whose timeout has passed, in order.
    pub fn expire(&mut self, now: u64) -> Vec<u128> {
        let is_due = |happened: &&mut Happened| happened.is_open() && happened.expires_at().is_some_and(|at| at <= now);
        let mut due: Vec<&mut Happened> = self.happened.iter_mut().filter(is_due).collect();
        due.sort_by_key(|happened| (happened.expires_at(), happened.transfer.timestamp));
        due.iter_mut().for_each(|happened| happened.end = Some(End::Expired));
        due.iter().map(|happened| happened.transfer.id).collect()
    }

    /// What happened, in order.
    pub fn transfers(&self) -> impl Iterator<Item = &Transfer> {
        self.happened.iter().map(|happened| &happened.transfer)
    }

    fn account(&self, id: u128) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    fn find(&self, id: u128) -> Option<Happened> {
        self.happened.iter().find(|happened| happened.transfer.id == id).cloned()
    }
}

impl Happened {
    fn is_open(&self) -> bool {
        self.transfer.flags.contains(Flags::PENDING) && self.end.is_none()
    }

    /// What it moved for good; a post itself moves nothing, the hold it ends does.
    fn posted(&self) -> u128 {
        match self.end {
            Some(End::Posted(amount)) => amount,
            Some(End::Voided | End::Expired) => 0,
            None if self.transfer.flags.contains(Flags::PENDING) || self.transfer.is_resolution() => 0,
            None => self.transfer.amount,
        }
    }

    fn expires_at(&self) -> Option<u64> {
        (self.transfer.timeout_s != 0).then(|| self.transfer.timestamp + u64::from(self.transfer.timeout_s) * 1_000_000_000)
    }
}

fn first(rules: &[(bool, Status)]) -> Result<(), Status> {
    rules.iter().find(|(applies, _)| *applies).map_or(Ok(()), |(_, status)| Err(*status))
}

fn inherited(event: &Transfer, held: &Transfer) -> Transfer {
    let mut transfer = *event;
    if transfer.debit_account_id == 0 {
        transfer.debit_account_id = held.debit_account_id;
    }
    if transfer.credit_account_id == 0 {
        transfer.credit_account_id = held.credit_account_id;
    }
    if transfer.user_data_64 == 0 {
        transfer.user_data_64 = held.user_data_64;
    }
    if transfer.ledger == 0 {
        transfer.ledger = held.ledger;
    }
    if transfer.code == 0 {
        transfer.code = held.code;
    }
    transfer
}
