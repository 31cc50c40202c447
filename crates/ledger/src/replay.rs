//! Applying what happened before: records that a journal holds because this very state machine decided them. History is not
//! asked, and nothing is remembered but what is open; the rules of balances hold all the same, because records can be damaged
//! and code can be wrong, and neither may make a wrong balance.

use crate::batch::{EVENTS_READ_AHEAD, Event};
use crate::items::Items;
use crate::names::AccountName;
use crate::state::Ledger;
use crate::types::{Account, TIMESTAMP_MAX, Transfer};

impl Ledger {
    /// Applies accounts as [`Ledger::create_named_accounts_into`] created them, in order, with their names.
    ///
    /// # Panics
    ///
    /// If an account breaks a rule of creation or has no timestamp; the message names it and the status. The accounts before
    /// it are applied by then: the state is unusable.
    pub fn apply_accounts(&mut self, accounts: &[Account], names: &Items<AccountName>) {
        self.transfer_timestamps_taken.clear();
        for (item, account) in accounts.iter().enumerate() {
            let id = account.id;
            assert!((1..=TIMESTAMP_MAX).contains(&account.timestamp), "account {id} has no valid timestamp");
            if let Err(status) = self.check_account(account, names.of(item)) {
                panic!("account {id} breaks a rule: {status}");
            }
            self.insert_account(*account, names.of(item));
            self.timestamp_last = self.timestamp_last.max(account.timestamp);
        }
    }

    /// Applies transfers as [`Ledger::create_transfers_into`] created them, in order: with final amounts, inherited fields and
    /// timestamps. Afterwards the state is that of a ledger which created them and then forgot ([`Ledger::forget`]).
    ///
    /// # Panics
    ///
    /// If a transfer breaks a rule of balances, limits, closed accounts or reservations, has an open transfer's id, does not
    /// come after all before, or is not in its final form; the message names it. The transfers before it are applied by then:
    /// the state is unusable.
    pub fn apply_transfers(&mut self, transfers: &[Transfer]) {
        for (index, transfer) in transfers.iter().enumerate() {
            if index % EVENTS_READ_AHEAD == 0 {
                Transfer::read_ahead(self, &transfers[index..transfers.len().min(index + EVENTS_READ_AHEAD)]);
            }
            let id = transfer.id;
            assert!((1..=TIMESTAMP_MAX).contains(&transfer.timestamp), "transfer {id} has no valid timestamp");
            assert!(![0, u128::MAX].contains(&id), "transfer {id} has no valid id");
            assert_eq!(transfer.flags.reserved_bits(), 0, "transfer {id} has reserved flags");
            assert!(!self.is_known(id), "transfer {id} happens twice");
            let accepted = match self.check_unknown(transfer, transfer.timestamp) {
                Ok(accepted) => accepted,
                Err(status) => panic!("transfer {id} breaks a rule: {status}"),
            };
            assert_eq!(accepted.transfer, *transfer, "transfer {id} is not in its final form");
            self.apply_accepted(&accepted);
        }
    }

    /// Releases open pending transfers that [`Ledger::expire`] released, in order, as they had happened.
    ///
    /// # Panics
    ///
    /// If one is not open, not the open one, or has no timeout. Those before it are released by then: the state is unusable.
    pub fn apply_expired(&mut self, transfers: &[Transfer]) {
        for expired in transfers {
            let id = expired.id;
            let place = self.open.place(id).unwrap_or_else(|| panic!("transfer {id} expires and is not open"));
            let transfer = self.expire_one(place);
            assert_eq!(transfer, *expired, "transfer {id} expires as it happened");
            assert_ne!(transfer.timeout_s, 0, "transfer {id} expires without a timeout");
        }
    }
}
