//! The rules about one transfer, in order of precedence: the first that is broken is the answer.

use crate::ledger::{Ledger, Line, expires_at_ns, is_expired, require};
use ::ledger::{AMOUNT_MAX, Account, AccountFlags, CreateTransferStatus as Status, PendingStatus, Transfer, TransferFlags as Flags};

impl Ledger {
    pub(crate) fn create_transfer(&mut self, event: Transfer, now: u64) -> (Status, u64) {
        match self.judge_transfer(&event, now) {
            Ok(transfer) => {
                self.happen(transfer);
                (Status::Created, transfer.timestamp)
            }
            Err(Status::Exists) => (Status::Exists, self.transfers[&event.id].timestamp),
            Err(status) => (status, now),
        }
    }

    /// The transfer as it will be remembered, or why it does not happen.
    fn judge_transfer(&self, event: &Transfer, now: u64) -> Result<Transfer, Status> {
        require(event.flags.bits() < 1 << 9, Status::ReservedFlag)?;
        require(event.id != 0, Status::IdMustNotBeZero)?;
        require(event.id != u128::MAX, Status::IdMustNotBeIntMax)?;
        if let Some(known) = self.transfers.get(&event.id) {
            return Err(self.compare(event, known));
        }
        require(!self.failed.contains(&event.id), Status::IdAlreadyFailed)?;

        if resolves(event) { self.judge_resolution(event, now) } else { self.judge_movement(event, now) }
    }

    /// How a known transfer answers to an event with its id.
    fn compare(&self, event: &Transfer, known: &Transfer) -> Status {
        let compared = || -> Result<(), Status> {
            require(event.flags == known.flags, Status::ExistsWithDifferentFlags)?;
            require(event.pending_id == known.pending_id, Status::ExistsWithDifferentPendingId)?;
            require(event.timeout_s == known.timeout_s, Status::ExistsWithDifferentTimeout)?;
            // What an event of this kind would have become: a resolution leaves fields to the pending transfer.
            let event = if resolves(known) { inherit(event, &self.transfers[&known.pending_id]) } else { *event };
            let is_upper_limit = known.flags.intersects(Flags::BALANCING_DEBIT.union(Flags::BALANCING_CREDIT));
            let is_same_amount = if is_upper_limit { event.amount >= known.amount } else { event.amount == known.amount };
            require(event.debit_account_id == known.debit_account_id, Status::ExistsWithDifferentDebitAccountId)?;
            require(event.credit_account_id == known.credit_account_id, Status::ExistsWithDifferentCreditAccountId)?;
            require(is_same_amount, Status::ExistsWithDifferentAmount)?;
            require(event.user_data_128 == known.user_data_128, Status::ExistsWithDifferentUserData128)?;
            require(event.user_data_64 == known.user_data_64, Status::ExistsWithDifferentUserData64)?;
            require(event.user_data_32 == known.user_data_32, Status::ExistsWithDifferentUserData32)?;
            require(event.ledger == known.ledger, Status::ExistsWithDifferentLedger)?;
            require(event.code == known.code, Status::ExistsWithDifferentCode)
        };
        compared().err().unwrap_or(Status::Exists)
    }

    /// A plain or pending transfer.
    fn judge_movement(&self, event: &Transfer, now: u64) -> Result<Transfer, Status> {
        require(event.debit_account_id != 0, Status::DebitAccountIdMustNotBeZero)?;
        require(event.debit_account_id != u128::MAX, Status::DebitAccountIdMustNotBeIntMax)?;
        require(event.credit_account_id != 0, Status::CreditAccountIdMustNotBeZero)?;
        require(event.credit_account_id != u128::MAX, Status::CreditAccountIdMustNotBeIntMax)?;
        require(event.debit_account_id != event.credit_account_id, Status::AccountsMustBeDifferent)?;
        require(event.pending_id == 0, Status::PendingIdMustBeZero)?;
        let is_pending = event.flags.contains(Flags::PENDING);
        require(is_pending || event.timeout_s == 0, Status::TimeoutReservedForPendingTransfer)?;
        let closes = event.flags.intersects(Flags::CLOSING_DEBIT.union(Flags::CLOSING_CREDIT));
        require(is_pending || !closes, Status::ClosingTransferMustBePending)?;
        require(event.ledger != 0, Status::LedgerMustNotBeZero)?;
        require(event.code != 0, Status::CodeMustNotBeZero)?;

        let debit = self.accounts.get(&event.debit_account_id).ok_or(Status::DebitAccountNotFound)?;
        let credit = self.accounts.get(&event.credit_account_id).ok_or(Status::CreditAccountNotFound)?;
        require(debit.ledger == credit.ledger, Status::AccountsMustHaveTheSameLedger)?;
        require(event.ledger == debit.ledger, Status::TransferMustHaveTheSameLedgerAsAccounts)?;

        if event.flags.contains(Flags::IMPORTED) {
            require(self.is_next(event.timestamp), Status::ImportedEventTimestampMustNotRegress)?;
            require(event.timestamp > debit.timestamp, Status::ImportedEventTimestampMustPostdateDebitAccount)?;
            require(event.timestamp > credit.timestamp, Status::ImportedEventTimestampMustPostdateCreditAccount)?;
            require(event.timeout_s == 0, Status::ImportedEventTimeoutMustBeZero)?;
        }
        require(!debit.is_closed(), Status::DebitAccountAlreadyClosed)?;
        require(!credit.is_closed(), Status::CreditAccountAlreadyClosed)?;

        let timestamp = if event.flags.contains(Flags::IMPORTED) { event.timestamp } else { now };
        let transfer = Transfer { amount: balanced(event, debit, credit), timestamp, ..*event };
        check_overflows(&transfer, debit, credit)?;
        check_limits(&transfer, debit, credit)?;
        Ok(transfer)
    }

    /// A post or void.
    fn judge_resolution(&self, event: &Transfer, now: u64) -> Result<Transfer, Status> {
        let is_void = event.flags.contains(Flags::VOID_PENDING_TRANSFER);
        let kinds = [
            Flags::PENDING,
            Flags::POST_PENDING_TRANSFER,
            Flags::VOID_PENDING_TRANSFER,
            Flags::BALANCING_DEBIT,
            Flags::BALANCING_CREDIT,
            Flags::CLOSING_DEBIT,
            Flags::CLOSING_CREDIT,
        ];
        let kinds_count = kinds.into_iter().filter(|kind| event.flags.contains(*kind)).count();
        require(kinds_count == 1, Status::FlagsAreMutuallyExclusive)?;
        require(event.pending_id != 0, Status::PendingIdMustNotBeZero)?;
        require(event.pending_id != u128::MAX, Status::PendingIdMustNotBeIntMax)?;
        require(event.pending_id != event.id, Status::PendingIdMustBeDifferent)?;
        require(event.timeout_s == 0, Status::TimeoutReservedForPendingTransfer)?;

        let pending = self.transfers.get(&event.pending_id).ok_or(Status::PendingTransferNotFound)?;
        require(pending.flags.contains(Flags::PENDING), Status::PendingTransferNotPending)?;
        let transfer = inherit(event, pending);
        require(transfer.debit_account_id == pending.debit_account_id, Status::PendingTransferHasDifferentDebitAccountId)?;
        require(transfer.credit_account_id == pending.credit_account_id, Status::PendingTransferHasDifferentCreditAccountId)?;
        require(transfer.ledger == pending.ledger, Status::PendingTransferHasDifferentLedger)?;
        require(transfer.code == pending.code, Status::PendingTransferHasDifferentCode)?;
        require(transfer.amount <= pending.amount, Status::ExceedsPendingTransferAmount)?;
        require(!is_void || transfer.amount == pending.amount, Status::PendingTransferHasDifferentAmount)?;

        match self.ends[&pending.id] {
            PendingStatus::Posted => return Err(Status::PendingTransferAlreadyPosted),
            PendingStatus::Voided => return Err(Status::PendingTransferAlreadyVoided),
            PendingStatus::Expired => return Err(Status::PendingTransferExpired),
            PendingStatus::Pending | PendingStatus::None => {}
        }
        require(!is_expired(pending, now), Status::PendingTransferExpired)?;
        let is_imported = event.flags.contains(Flags::IMPORTED);
        require(!is_imported || self.is_next(event.timestamp), Status::ImportedEventTimestampMustNotRegress)?;
        require(is_void || !self.accounts[&pending.debit_account_id].is_closed(), Status::DebitAccountAlreadyClosed)?;
        require(is_void || !self.accounts[&pending.credit_account_id].is_closed(), Status::CreditAccountAlreadyClosed)?;
        Ok(Transfer { timestamp: if is_imported { event.timestamp } else { now }, ..transfer })
    }

    /// Whether an imported transfer may have this timestamp: it is later than every transfer's, and no account's.
    fn is_next(&self, timestamp: u64) -> bool {
        self.transfers.values().all(|transfer| transfer.timestamp < timestamp)
            && self.accounts.values().all(|account| account.timestamp != timestamp)
    }

    /// Moves the balances and remembers.
    fn happen(&mut self, transfer: Transfer) {
        if let Some(pending) = self.transfers.get(&transfer.pending_id).copied() {
            self.release(&pending);
            let is_void = transfer.flags.contains(Flags::VOID_PENDING_TRANSFER);
            if is_void {
                self.reopen(&pending);
            }
            self.ends.insert(pending.id, if is_void { PendingStatus::Voided } else { PendingStatus::Posted });
        }

        let debit = self.accounts.get_mut(&transfer.debit_account_id).expect("it was found before");
        if transfer.flags.contains(Flags::PENDING) {
            debit.debits_pending += transfer.amount;
        } else if !transfer.flags.contains(Flags::VOID_PENDING_TRANSFER) {
            debit.debits_posted += transfer.amount;
        }
        if transfer.flags.contains(Flags::CLOSING_DEBIT) {
            debit.flags = debit.flags.union(AccountFlags::CLOSED);
        }
        let debit = debit.balances();

        let credit = self.accounts.get_mut(&transfer.credit_account_id).expect("it was found before");
        if transfer.flags.contains(Flags::PENDING) {
            credit.credits_pending += transfer.amount;
        } else if !transfer.flags.contains(Flags::VOID_PENDING_TRANSFER) {
            credit.credits_posted += transfer.amount;
        }
        if transfer.flags.contains(Flags::CLOSING_CREDIT) {
            credit.flags = credit.flags.union(AccountFlags::CLOSED);
        }
        let credit = credit.balances();

        if transfer.flags.contains(Flags::PENDING) {
            self.ends.insert(transfer.id, PendingStatus::Pending);
        }
        self.transfers.insert(transfer.id, transfer);
        self.lines.push(Line { transfer, debit, credit });
    }
}

fn resolves(event: &Transfer) -> bool {
    event.flags.intersects(Flags::POST_PENDING_TRANSFER.union(Flags::VOID_PENDING_TRANSFER))
}

/// A post or void with everything that it leaves to the pending transfer.
fn inherit(event: &Transfer, pending: &Transfer) -> Transfer {
    let all = if event.flags.contains(Flags::VOID_PENDING_TRANSFER) { 0 } else { AMOUNT_MAX };
    let mut whole = *event;
    if whole.amount == all {
        whole.amount = pending.amount;
    }
    if whole.debit_account_id == 0 {
        whole.debit_account_id = pending.debit_account_id;
    }
    if whole.credit_account_id == 0 {
        whole.credit_account_id = pending.credit_account_id;
    }
    if whole.user_data_128 == 0 {
        whole.user_data_128 = pending.user_data_128;
    }
    if whole.user_data_64 == 0 {
        whole.user_data_64 = pending.user_data_64;
    }
    if whole.user_data_32 == 0 {
        whole.user_data_32 = pending.user_data_32;
    }
    if whole.ledger == 0 {
        whole.ledger = pending.ledger;
    }
    if whole.code == 0 {
        whole.code = pending.code;
    }
    whole
}

/// What a balancing transfer moves: at most its amount and the room on each balanced side.
fn balanced(event: &Transfer, debit: &Account, credit: &Account) -> u128 {
    let mut amount = event.amount;
    if event.flags.contains(Flags::BALANCING_DEBIT) {
        amount = amount.min(debit.credits_posted.saturating_sub(debit.debits_posted + debit.debits_pending));
    }
    if event.flags.contains(Flags::BALANCING_CREDIT) {
        amount = amount.min(credit.debits_posted.saturating_sub(credit.credits_posted + credit.credits_pending));
    }
    amount
}

fn check_overflows(transfer: &Transfer, debit: &Account, credit: &Account) -> Result<(), Status> {
    let fits = |balance: u128| balance.checked_add(transfer.amount).is_some();
    let is_pending = transfer.flags.contains(Flags::PENDING);
    require(!is_pending || fits(debit.debits_pending), Status::OverflowsDebitsPending)?;
    require(!is_pending || fits(credit.credits_pending), Status::OverflowsCreditsPending)?;
    require(fits(debit.debits_posted), Status::OverflowsDebitsPosted)?;
    require(fits(credit.credits_posted), Status::OverflowsCreditsPosted)?;
    require(fits(debit.debits_pending + debit.debits_posted), Status::OverflowsDebits)?;
    require(fits(credit.credits_pending + credit.credits_posted), Status::OverflowsCredits)?;
    require(expires_at_ns(transfer).is_some(), Status::OverflowsTimeout)
}

fn check_limits(transfer: &Transfer, debit: &Account, credit: &Account) -> Result<(), Status> {
    let debits = debit.debits_pending + debit.debits_posted + transfer.amount;
    let is_debit_limited = debit.flags.contains(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS);
    require(!is_debit_limited || debits <= debit.credits_posted, Status::ExceedsCredits)?;
    let credits = credit.credits_pending + credit.credits_posted + transfer.amount;
    let is_credit_limited = credit.flags.contains(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
    require(!is_credit_limited || credits <= credit.debits_posted, Status::ExceedsDebits)
}
