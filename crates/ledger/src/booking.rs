//! Moving balances: the checks that any transfer between two open accounts must pass, and the only
//! code that changes a balance. Who may move what, and when, is decided by the callers.

use crate::state::{Ledger, Totals};
use crate::status::CreateTransferStatus as Status;
use crate::types::{Account, AccountFlags, TransferFlags};

/// How the balance of one side of an account changes; the same for debits and credits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Movement {
    reserved: u128,
    released: u128,
    posted: u128,
}

impl Movement {
    /// A plain or a pending transfer of `amount`.
    pub(crate) fn new(amount: u128, flags: TransferFlags) -> Self {
        if flags.contains(TransferFlags::PENDING) {
            Self { reserved: amount, released: 0, posted: 0 }
        } else {
            Self { reserved: 0, released: 0, posted: amount }
        }
    }

    /// The end of a reservation of `released`, of which `posted` happens.
    pub(crate) fn resolution(released: u128, posted: u128) -> Self {
        assert!(posted <= released, "a post exceeds its reservation");
        Self { reserved: 0, released, posted }
    }

    fn pending_after(&self, pending: u128) -> u128 {
        let rest = pending.checked_sub(self.released).expect("an account's pending balance includes every open reservation");
        rest.checked_add(self.reserved).expect("the overflow checks came before")
    }

    fn posted_after(&self, posted: u128) -> u128 {
        posted.checked_add(self.posted).expect("the overflow checks came before")
    }
}

/// Refuses closed accounts.
pub(crate) fn check_open(debit: &Account, credit: &Account) -> Result<(), Status> {
    if debit.is_closed() {
        return Err(Status::DebitAccountAlreadyClosed);
    }
    if credit.is_closed() {
        return Err(Status::CreditAccountAlreadyClosed);
    }
    Ok(())
}

/// The amount that moves: as asked, or less in a balancing transfer.
pub(crate) fn amount_actual(debit: &Account, credit: &Account, flags: TransferFlags, amount: u128) -> u128 {
    let mut actual = amount;
    if flags.contains(TransferFlags::BALANCING_DEBIT) {
        let debits = debit.debits_posted + debit.debits_pending;
        actual = actual.min(debit.credits_posted.saturating_sub(debits));
    }
    if flags.contains(TransferFlags::BALANCING_CREDIT) {
        let credits = credit.credits_posted + credit.credits_pending;
        actual = actual.min(credit.debits_posted.saturating_sub(credits));
    }
    actual
}

/// Refuses an amount that does not fit the balances, pending and posted together.
pub(crate) fn check_overflows(debit: &Account, credit: &Account, flags: TransferFlags, amount: u128) -> Result<(), Status> {
    let fits = |balance: u128| balance.checked_add(amount).is_some();
    if flags.contains(TransferFlags::PENDING) {
        if !fits(debit.debits_pending) {
            return Err(Status::OverflowsDebitsPending);
        }
        if !fits(credit.credits_pending) {
            return Err(Status::OverflowsCreditsPending);
        }
    }
    if !fits(debit.debits_posted) {
        return Err(Status::OverflowsDebitsPosted);
    }
    if !fits(credit.credits_posted) {
        return Err(Status::OverflowsCreditsPosted);
    }
    // The sum of both balances of a side never overflows: this very check keeps it so.
    if !fits(debit.debits_pending + debit.debits_posted) {
        return Err(Status::OverflowsDebits);
    }
    if !fits(credit.credits_pending + credit.credits_posted) {
        return Err(Status::OverflowsCredits);
    }
    Ok(())
}

/// Refuses an amount that breaks an account's limit. The overflow checks must have passed.
pub(crate) fn check_limits(debit: &Account, credit: &Account, amount: u128) -> Result<(), Status> {
    if debit.debits_would_exceed_credits(amount) {
        return Err(Status::ExceedsCredits);
    }
    if credit.credits_would_exceed_debits(amount) {
        return Err(Status::ExceedsDebits);
    }
    Ok(())
}

impl Ledger {
    /// Moves both sides and proves that the ledger still balances. Both accounts must exist.
    pub(crate) fn book(&mut self, debit_account_id: u128, credit_account_id: u128, movement: Movement) {
        assert_ne!(debit_account_id, credit_account_id);
        let debit_ledger = self.move_debits(debit_account_id, movement);
        let credit_ledger = self.move_credits(credit_account_id, movement);
        assert_balanced(debit_ledger, self.totals(debit_ledger));
        assert_balanced(credit_ledger, self.totals(credit_ledger));
    }

    fn move_debits(&mut self, account_id: u128, movement: Movement) -> u32 {
        let account = self.accounts.get_mut(&account_id).expect("the debit account was found before");
        account.debits_pending = movement.pending_after(account.debits_pending);
        account.debits_posted = movement.posted_after(account.debits_posted);
        let totals = self.totals.entry(account.ledger).or_default();
        totals.debits_pending = totals.debits_pending.wrapping_sub(movement.released).wrapping_add(movement.reserved);
        totals.debits_posted = totals.debits_posted.wrapping_add(movement.posted);
        account.ledger
    }

    fn move_credits(&mut self, account_id: u128, movement: Movement) -> u32 {
        let account = self.accounts.get_mut(&account_id).expect("the credit account was found before");
        account.credits_pending = movement.pending_after(account.credits_pending);
        account.credits_posted = movement.posted_after(account.credits_posted);
        let totals = self.totals.entry(account.ledger).or_default();
        totals.credits_pending = totals.credits_pending.wrapping_sub(movement.released).wrapping_add(movement.reserved);
        totals.credits_posted = totals.credits_posted.wrapping_add(movement.posted);
        account.ledger
    }

    /// Closes the accounts that a closing transfer names.
    pub(crate) fn close_accounts(&mut self, debit_account_id: u128, credit_account_id: u128, flags: TransferFlags) {
        for account_id in closing_sides(debit_account_id, credit_account_id, flags) {
            let account = self.accounts.get_mut(&account_id).expect("both accounts were found before");
            assert!(!account.is_closed(), "account {account_id} is closed twice");
            account.flags = account.flags.union(AccountFlags::CLOSED);
        }
    }

    /// Opens the accounts again that a closing transfer had closed.
    pub(crate) fn reopen_accounts(&mut self, debit_account_id: u128, credit_account_id: u128, flags: TransferFlags) {
        for account_id in closing_sides(debit_account_id, credit_account_id, flags) {
            let account = self.accounts.get_mut(&account_id).expect("both accounts were found before");
            assert!(account.is_closed(), "account {account_id} is reopened twice");
            account.flags = account.flags.difference(AccountFlags::CLOSED);
        }
    }
}

fn closing_sides(debit_account_id: u128, credit_account_id: u128, flags: TransferFlags) -> impl Iterator<Item = u128> {
    let debit = flags.contains(TransferFlags::CLOSING_DEBIT).then_some(debit_account_id);
    let credit = flags.contains(TransferFlags::CLOSING_CREDIT).then_some(credit_account_id);
    debit.into_iter().chain(credit)
}

/// Stops before a wrong balance is written: in every ledger debits equal credits.
fn assert_balanced(ledger: u32, totals: Totals) {
    assert!(totals.is_balanced(), "ledger {ledger} does not balance: {totals:?}");
}
