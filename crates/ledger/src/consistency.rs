//! Whether a state is sound as a whole. A loaded state is input from a disk, so every reference and
//! every sum is checked before the first event relies on it; the incremental proof that runs with
//! every event lives in `booking.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::open::expires_at_ns;
use crate::recent::Known;
use crate::snapshot::KnownTransfer;
use crate::state::{Ledger, Pending, PendingStatus};
use crate::totals::Totals;
use crate::types::{Account, AccountFlags, TIMESTAMP_MAX, Transfer, TransferFlags};

/// What is wrong with a state, by the first place where it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inconsistency {
    /// An account is stored under another id, or breaks a rule that held when it was created.
    AccountInvalid {
        /// The key it is stored under.
        id: u128,
    },
    /// A transfer is stored under another id, refers to what is not there, or contradicts its
    /// status or another transfer.
    TransferInvalid {
        /// The key it is stored under.
        id: u128,
    },
    /// A pending leg refers to accounts that are not there, or comes after the last leg.
    LegInvalid {
        /// The key it is stored under.
        id: u128,
    },
    /// An account's pending balances are not the sum of the open reservations on it.
    ReservationsDiffer {
        /// The account.
        account_id: u128,
    },
    /// A ledger's totals are not the sum of its accounts, or its debits are not its credits.
    TotalsDiffer {
        /// The ledger.
        ledger: u32,
    },
    /// A timestamp is after the last one given.
    TimestampInvalid {
        /// The last timestamp given, in nanoseconds since 1970.
        timestamp_last: u64,
    },
    /// An index does not mirror the records it is made from.
    IndexesDiffer,
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccountInvalid { id } => write!(formatter, "account {id} is invalid"),
            Self::TransferInvalid { id } => write!(formatter, "transfer {id} is invalid"),
            Self::LegInvalid { id } => write!(formatter, "pending leg {id} is invalid"),
            Self::ReservationsDiffer { account_id } => {
                write!(formatter, "account {account_id} has pending balances that no reservations explain")
            }
            Self::TotalsDiffer { ledger } => write!(formatter, "ledger {ledger} does not balance"),
            Self::TimestampInvalid { timestamp_last } => {
                write!(formatter, "the last timestamp {timestamp_last} is not the last")
            }
            Self::IndexesDiffer => formatter.write_str("an index does not mirror its records"),
        }
    }
}

impl std::error::Error for Inconsistency {}

impl Ledger {
    /// Checks every reference, sum and index from scratch; takes time in proportion to the state.
    ///
    /// # Errors
    ///
    /// The first [`Inconsistency`] found.
    pub fn check_consistency(&self) -> Result<(), Inconsistency> {
        let transfers: BTreeMap<u128, KnownTransfer> = self.transfers_ordered().into_iter().collect();
        self.check_accounts()?;
        self.check_transfers(&transfers)?;
        self.check_legs()?;
        self.check_reservations()?;
        self.check_totals()?;
        self.check_indexes(&transfers)?;
        self.check_timestamps(&transfers)
    }

    fn check_indexes(&self, transfers: &BTreeMap<u128, KnownTransfer>) -> Result<(), Inconsistency> {
        let timestamps: BTreeSet<u64> = transfers.values().map(|known| known.transfer.timestamp).collect();
        let own_count = self.recent.iter_own().filter_map(Known::happened).count() + self.open.len();
        let is_mirrored = self.accounts.is_mirrored()
            && self.names.is_mirrored(|id| self.account(id).copied())
            && self.open.is_mirrored()
            && self.recent.is_mirrored()
            && own_count == transfers.len()
            && timestamps.len() == transfers.len();
        if is_mirrored { Ok(()) } else { Err(Inconsistency::IndexesDiffer) }
    }

    fn check_timestamps(&self, transfers: &BTreeMap<u128, KnownTransfer>) -> Result<(), Inconsistency> {
        let transfer_last = transfers.values().map(|known| known.transfer.timestamp).max().unwrap_or(0);
        let order = [transfer_last, self.transfer_timestamp_last, self.timestamp_last, TIMESTAMP_MAX];
        if order.is_sorted() { Ok(()) } else { Err(Inconsistency::TimestampInvalid { timestamp_last: self.timestamp_last }) }
    }

    fn check_accounts(&self) -> Result<(), Inconsistency> {
        let both_limits = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS.union(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
        for account in self.accounts() {
            let id = &account.id;
            let debits = account.debits_pending.checked_add(account.debits_posted);
            let credits = account.credits_pending.checked_add(account.credits_posted);
            let is_valid = ![0, u128::MAX].contains(id)
                && account.reserved == 0
                && account.flags.reserved_bits() == 0
                && !account.flags.contains(both_limits)
                && account.ledger != 0
                && account.code != 0
                && (1..=TIMESTAMP_MAX).contains(&account.timestamp)
                && debits.is_some()
                && credits.is_some()
                && (!account.flags.contains(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS) || debits <= Some(account.credits_posted))
                && (!account.flags.contains(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS) || credits <= Some(account.debits_posted));
            if !is_valid {
                return Err(Inconsistency::AccountInvalid { id: *id });
            }
        }
        Ok(())
    }

    fn check_transfers(&self, transfers: &BTreeMap<u128, KnownTransfer>) -> Result<(), Inconsistency> {
        // Each pending transfer that was posted or voided, and by how many.
        let mut resolutions: BTreeMap<u128, Vec<PendingStatus>> = BTreeMap::new();
        let mut closed: BTreeSet<u128> = BTreeSet::new();
        for (id, known) in transfers {
            let transfer = &known.transfer;
            let is_pending = transfer.flags.contains(TransferFlags::PENDING);
            let is_valid = ![0, u128::MAX].contains(id)
                && transfer.flags.reserved_bits() == 0
                && transfer.code != 0
                && transfer.timestamp != 0
                && self.has_accounts(&Pending::of(transfer))
                && is_pending == (known.status != PendingStatus::None)
                && (transfer.timeout_s == 0 || (is_pending && expires_at_ns(transfer).is_some()))
                && (known.status != PendingStatus::Expired || transfer.timeout_s != 0)
                && transfer.is_resolution() == (transfer.pending_id != 0)
                && !(transfer.is_resolution() && is_pending)
                && (known.status != PendingStatus::Pending || self.has_closed(transfer, &mut closed));
            if !is_valid {
                return Err(Inconsistency::TransferInvalid { id: *id });
            }
            if transfer.is_resolution() {
                let is_post = transfer.flags.contains(TransferFlags::POST_PENDING_TRANSFER);
                let status = if is_post { PendingStatus::Posted } else { PendingStatus::Voided };
                resolutions.entry(transfer.pending_id).or_default().push(status);
            }
        }
        for (id, known) in transfers {
            let expected: &[PendingStatus] = match known.status {
                PendingStatus::None | PendingStatus::Pending | PendingStatus::Expired => &[],
                PendingStatus::Posted => &[PendingStatus::Posted],
                PendingStatus::Voided => &[PendingStatus::Voided],
            };
            let actual = resolutions.remove(id).unwrap_or_default();
            if actual != expected {
                return Err(Inconsistency::TransferInvalid { id: *id });
            }
        }
        match resolutions.keys().next() {
            Some(id) => Err(Inconsistency::TransferInvalid { id: *id }),
            None => Ok(()),
        }
    }

    fn check_legs(&self) -> Result<(), Inconsistency> {
        for (id, pending) in &self.leg_pendings {
            if *id == 0 || *id > self.last_leg_id || !self.has_accounts(pending) {
                return Err(Inconsistency::LegInvalid { id: *id });
            }
        }
        Ok(())
    }

    fn has_accounts(&self, pending: &Pending) -> bool {
        let is_in_ledger = |id: &u128| self.account(*id).is_some_and(|account| account.ledger == pending.ledger);
        pending.debit_account_id != pending.credit_account_id
            && is_in_ledger(&pending.debit_account_id)
            && is_in_ledger(&pending.credit_account_id)
    }

    /// Whether the accounts that an open closing transfer closed are closed, and by it alone.
    fn has_closed(&self, transfer: &Transfer, closed: &mut BTreeSet<u128>) -> bool {
        let mut is_closed = |id: u128| self.account(id).is_some_and(Account::is_closed) && closed.insert(id);
        (!transfer.flags.contains(TransferFlags::CLOSING_DEBIT) || is_closed(transfer.debit_account_id))
            && (!transfer.flags.contains(TransferFlags::CLOSING_CREDIT) || is_closed(transfer.credit_account_id))
    }

    fn check_reservations(&self) -> Result<(), Inconsistency> {
        let mut debits: BTreeMap<u128, u128> = BTreeMap::new();
        let mut credits: BTreeMap<u128, u128> = BTreeMap::new();
        let clients = self.open.iter().map(Pending::of);
        for pending in clients.chain(self.leg_pendings.values().copied()) {
            for (sums, account_id) in [(&mut debits, pending.debit_account_id), (&mut credits, pending.credit_account_id)] {
                let sum = sums.entry(account_id).or_default();
                *sum = sum.checked_add(pending.amount).ok_or(Inconsistency::ReservationsDiffer { account_id })?;
            }
        }
        for account in self.accounts() {
            let account_id = &account.id;
            let debits_reserved = debits.get(account_id).copied().unwrap_or(0);
            let credits_reserved = credits.get(account_id).copied().unwrap_or(0);
            if account.debits_pending != debits_reserved || account.credits_pending != credits_reserved {
                return Err(Inconsistency::ReservationsDiffer { account_id: *account_id });
            }
        }
        Ok(())
    }

    fn check_totals(&self) -> Result<(), Inconsistency> {
        let mut sums: BTreeMap<u32, Totals> = BTreeMap::new();
        for account in self.accounts() {
            let sum = sums.entry(account.ledger).or_default();
            sum.debits_pending = sum.debits_pending.wrapping_add(account.debits_pending);
            sum.debits_posted = sum.debits_posted.wrapping_add(account.debits_posted);
            sum.credits_pending = sum.credits_pending.wrapping_add(account.credits_pending);
            sum.credits_posted = sum.credits_posted.wrapping_add(account.credits_posted);
        }
        let moved: Vec<u32> = self.ledgers().map(|(ledger, _)| ledger).collect();
        for ledger in moved.iter().chain(sums.keys()) {
            let sum = sums.get(ledger).copied().unwrap_or_default();
            if sum != self.totals(*ledger) || !sum.is_balanced() {
                return Err(Inconsistency::TotalsDiffer { ledger: *ledger });
            }
        }
        Ok(())
    }
}
