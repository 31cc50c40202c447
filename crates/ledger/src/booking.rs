//! Moving balances: the checks that any transfer between two open accounts must pass, and the only
//! code that changes a balance. Who may move what, and when, is decided by the callers.

use crate::account_table::AccountPlace;
use crate::state::Ledger;
use crate::status::CreateTransferStatus as Status;
use crate::totals::Totals;
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

    pub(crate) fn pending_before(&self, pending: u128) -> u128 {
        let rest = pending.checked_sub(self.reserved).expect("what was reserved is reserved until it is taken back");
        rest.checked_add(self.released).expect("the balance was so large before")
    }

    pub(crate) fn posted_before(&self, posted: u128) -> u128 {
        posted.checked_sub(self.posted).expect("what was posted is posted until it is taken back")
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

/// The accounts of a transfer, both in one ledger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sides {
    pub(crate) debit: AccountPlace,
    pub(crate) credit: AccountPlace,
}

impl Ledger {
    /// The accounts of a transfer that happened or passed its checks.
    pub(crate) fn sides(&self, debit_account_id: u128, credit_account_id: u128) -> Sides {
        let debit = self.accounts.place(debit_account_id).expect("the debit account was found before");
        let credit = self.accounts.place(credit_account_id).expect("the credit account was found before");
        Sides { debit, credit }
    }

    /// Refuses closed accounts.
    pub(crate) fn check_open(&self, sides: Sides) -> Result<(), Status> {
        check_open(self.accounts.at(sides.debit), self.accounts.at(sides.credit))
    }

    /// Moves both sides and proves that the ledger still balances.
    pub(crate) fn book(&mut self, sides: Sides, movement: Movement) {
        let (debit, credit) = self.accounts.pair_mut(sides.debit, sides.credit);
        assert_eq!(debit.ledger, credit.ledger, "accounts {} and {} have two ledgers", debit.id, credit.id);
        let totals = self.totals.of_mut(debit.ledger);
        move_debits(debit, totals, movement);
        move_credits(credit, totals, movement);
        assert_balanced(debit.ledger, totals);
    }

    /// Takes back the last movement of both sides.
    pub(crate) fn unbook(&mut self, sides: Sides, movement: Movement) {
        let (debit, credit) = self.accounts.pair_mut(sides.debit, sides.credit);
        let totals = self.totals.of_mut(debit.ledger);
        unmove_debits(debit, totals, movement);
        unmove_credits(credit, totals, movement);
        assert_balanced(debit.ledger, totals);
    }

    /// Closes the accounts that a closing transfer names.
    pub(crate) fn close_accounts(&mut self, sides: Sides, flags: TransferFlags) {
        for place in closing_sides(sides, flags) {
            let account = self.accounts.at_mut(place);
            assert!(!account.is_closed(), "account {} is closed twice", account.id);
            account.flags = account.flags.union(AccountFlags::CLOSED);
        }
    }

    /// Opens the accounts again that a closing transfer had closed.
    pub(crate) fn reopen_accounts(&mut self, sides: Sides, flags: TransferFlags) {
        for place in closing_sides(sides, flags) {
            let account = self.accounts.at_mut(place);
            assert!(account.is_closed(), "account {} is reopened twice", account.id);
            account.flags = account.flags.difference(AccountFlags::CLOSED);
        }
    }
}

// Debits and credits are written out apart, so that a slip in one of them shows as a ledger that does not balance.

fn move_debits(account: &mut Account, totals: &mut Totals, movement: Movement) {
    account.debits_pending = movement.pending_after(account.debits_pending);
    account.debits_posted = movement.posted_after(account.debits_posted);
    totals.debits_pending = totals.debits_pending.wrapping_sub(movement.released).wrapping_add(movement.reserved);
    totals.debits_posted = totals.debits_posted.wrapping_add(movement.posted);
}

fn move_credits(account: &mut Account, totals: &mut Totals, movement: Movement) {
    account.credits_pending = movement.pending_after(account.credits_pending);
    account.credits_posted = movement.posted_after(account.credits_posted);
    totals.credits_pending = totals.credits_pending.wrapping_sub(movement.released).wrapping_add(movement.reserved);
    totals.credits_posted = totals.credits_posted.wrapping_add(movement.posted);
}

fn unmove_debits(account: &mut Account, totals: &mut Totals, movement: Movement) {
    account.debits_pending = movement.pending_before(account.debits_pending);
    account.debits_posted = movement.posted_before(account.debits_posted);
    totals.debits_pending = totals.debits_pending.wrapping_sub(movement.reserved).wrapping_add(movement.released);
    totals.debits_posted = totals.debits_posted.wrapping_sub(movement.posted);
}

fn unmove_credits(account: &mut Account, totals: &mut Totals, movement: Movement) {
    account.credits_pending = movement.pending_before(account.credits_pending);
    account.credits_posted = movement.posted_before(account.credits_posted);
    totals.credits_pending = totals.credits_pending.wrapping_sub(movement.reserved).wrapping_add(movement.released);
    totals.credits_posted = totals.credits_posted.wrapping_sub(movement.posted);
}

fn closing_sides(sides: Sides, flags: TransferFlags) -> impl Iterator<Item = AccountPlace> {
    let debit = flags.contains(TransferFlags::CLOSING_DEBIT).then_some(sides.debit);
    let credit = flags.contains(TransferFlags::CLOSING_CREDIT).then_some(sides.credit);
    debit.into_iter().chain(credit)
}

/// Stops before a wrong balance is written: in every ledger debits equal credits.
#[inline]
fn assert_balanced(ledger: u32, totals: &Totals) {
    assert!(totals.is_balanced(), "ledger {ledger} does not balance: {totals:?}");
}
