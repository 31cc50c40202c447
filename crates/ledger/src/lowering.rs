//! How the postings of an entry become transfers: in each ledger its debits and credits are matched in order. Pure; the only
//! thing it asks of the state is which ledger an account belongs to.

use crate::entries::{About, ENTRY_POSTINGS_MAX, Entry, EntryStatus as Status, Fault, Side};
use crate::types::{Transfer, TransferFlags};

/// A transfer of an entry, and the postings that it is between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoweredTransfer {
    pub(crate) transfer: Transfer,
    pub(crate) about: About,
}

/// A posting whose amount is not all matched yet.
#[derive(Clone, Copy)]
struct Rest {
    /// Which posting.
    at: usize,
    account_id: u128,
    amount: u128,
}

/// Makes one linked chain of an entry's postings: at most one transfer fewer than there are postings, ledger after ledger in
/// order of their numbers.
///
/// Every account stands once, so each of the transfers moves its account's balances further the same way: where the whole
/// keeps an account's limit, each of its transfers does.
pub(crate) fn lower(entry: &Entry, ledger_of: impl Fn(u128) -> Option<u32>) -> Result<Vec<LoweredTransfer>, Fault> {
    check_shape(entry)?;
    let mut postings = Vec::with_capacity(entry.postings.len());
    for (at, posting) in entry.postings.iter().enumerate() {
        let ledger = ledger_of(posting.account_id).ok_or((Status::AccountNotFound, About::Posting(at)))?;
        postings.push((ledger, posting.side, Rest { at, account_id: posting.account_id, amount: posting.amount }));
    }
    // Stable: within a ledger the caller's order stays.
    postings.sort_by_key(|(ledger, ..)| *ledger);
    let mut transfers = Vec::with_capacity(postings.len());
    for of_ledger in postings.chunk_by(|(left, ..), (right, ..)| left == right) {
        match_sides(entry, of_ledger, &mut transfers)?;
    }
    let last = transfers.last_mut().expect("postings that balance make a transfer");
    last.transfer.flags = TransferFlags::NONE;
    assert!(transfers.len() < entry.postings.len(), "a transfer less than there are postings");
    Ok(transfers)
}

fn check_shape(entry: &Entry) -> Result<(), Fault> {
    let count = entry.postings.len();
    if count == 0 {
        return Err((Status::PostingsMustNotBeEmpty, About::Entry));
    }
    if count > ENTRY_POSTINGS_MAX {
        return Err((Status::TooManyPostings, About::Entry));
    }
    if entry.id.checked_add(u128::try_from(count).expect("a count fits")).is_none() {
        return Err((Status::IdsMustNotOverflow, About::Entry));
    }
    if entry.code == 0 {
        return Err((Status::CodeMustNotBeZero, About::Entry));
    }
    for (at, posting) in entry.postings.iter().enumerate() {
        if posting.account_id == 0 {
            return Err((Status::AccountIdMustNotBeZero, About::Posting(at)));
        }
        if posting.account_id == u128::MAX {
            return Err((Status::AccountIdMustNotBeIntMax, About::Posting(at)));
        }
        if posting.amount == 0 {
            return Err((Status::AmountMustNotBeZero, About::Posting(at)));
        }
    }
    let mut accounts: Vec<(u128, usize)> = entry.postings.iter().map(|posting| posting.account_id).zip(0..).collect();
    accounts.sort_unstable();
    let again = accounts.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min();
    again.map_or(Ok(()), |at| Err((Status::AccountMustNotRepeat, About::Posting(at))))
}

/// Matches the debits of one ledger with its credits: each transfer uses up a posting of one side or both.
fn match_sides(entry: &Entry, postings: &[(u32, Side, Rest)], transfers: &mut Vec<LoweredTransfer>) -> Result<(), Fault> {
    let of_side = |wanted: Side| postings.iter().filter(move |(_, side, _)| *side == wanted).map(|(_, _, rest)| *rest);
    let ledger = postings.first().expect("a chunk is not empty").0;
    let (mut debits, mut credits) = (of_side(Side::Debit), of_side(Side::Credit));
    let (mut debit, mut credit) = (debits.next(), credits.next());
    while let (Some(from), Some(to)) = (&mut debit, &mut credit) {
        let amount = from.amount.min(to.amount);
        let offset = u128::try_from(transfers.len()).expect("a count fits");
        transfers.push(LoweredTransfer {
            transfer: Transfer {
                id: entry.id.checked_add(offset).expect("the ids have room"),
                debit_account_id: from.account_id,
                credit_account_id: to.account_id,
                amount,
                user_data_128: entry.user_data_128,
                user_data_64: entry.user_data_64,
                user_data_32: entry.user_data_32,
                ledger,
                code: entry.code,
                flags: TransferFlags::LINKED,
                ..Transfer::default()
            },
            about: About::Pair { debit: from.at, credit: to.at },
        });
        from.amount -= amount;
        to.amount -= amount;
        if from.amount == 0 {
            debit = debits.next();
        }
        if to.amount == 0 {
            credit = credits.next();
        }
    }
    match debit.or(credit) {
        Some(rest) => Err((Status::PostingsDoNotBalance, About::Posting(rest.at))),
        None => Ok(()),
    }
}
