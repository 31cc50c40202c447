//! Leadership, merchants, keys, privacy, quarantine, clock, versions, ledger accounts.

use crate::event::Event;
use crate::state::{ApiKey, Merchant, State};
use base::Timestamp;
use payments::Books;
use std::collections::BTreeSet;

impl State {
    /// Opens ledger accounts before the entry's legs are applied.
    pub(super) fn open_accounts_of(&mut self, event: &Event, at: Timestamp) {
        let Event::AccountsOpened { merchant, currency } = event else {
            return;
        };
        let found = self.merchants.get_mut(merchant).expect("accounts are opened for a merchant that exists");
        assert!(found.currencies.insert(*currency), "accounts are opened once");
        for account in Books::accounts(found.number, *currency, at.ns()) {
            self.ledger.open_account(account);
        }
    }

    pub(super) fn apply_platform(&mut self, event: &Event) {
        match event {
            Event::MinVersionRaised { version } => {
                assert!(*version > self.min_version, "the minimal version only rises");
                self.min_version = *version;
            }
            Event::LeaderStarted { epoch } => {
                assert!(*epoch > self.epoch || self.epoch == 0, "an epoch is led once");
                self.epoch = *epoch;
            }
            Event::MerchantCreated { merchant, number, handle } => {
                let created = Merchant { number: *number, handle: handle.clone(), currencies: BTreeSet::new() };
                assert!(self.merchants.insert(*merchant, created).is_none(), "a merchant is created once");
            }
            Event::OperatorCreated { operator, handle } => {
                assert!(self.operators.insert(*operator, handle.clone()).is_none(), "an operator is created once");
            }
            Event::ApiKeyCreated { public_id, owner, digest, pepper_version } => {
                let created = ApiKey { owner: *owner, digest: *digest, pepper_version: *pepper_version, revoked: false };
                assert!(self.api_keys.insert(*public_id, created).is_none(), "a key is created once");
            }
            Event::ApiKeyRevoked { public_id } => {
                self.api_keys.get_mut(public_id).expect("a revoked key exists").revoked = true;
            }
            Event::SubjectErased { subject } => {
                self.erased.insert(*subject);
            }
            Event::CommandQuarantined { fingerprint } => {
                self.quarantine.insert(*fingerprint);
            }
            Event::QuarantineReleased { fingerprint } => {
                self.quarantine.remove(fingerprint);
            }
            Event::EventSkipped { seq, first, second } => {
                self.skipped.insert(*seq, [*first, *second]);
            }
            Event::ClockJumped { .. } => self.expiries_suspended = true,
            Event::ClockConfirmed => self.expiries_suspended = false,
            Event::AccountsOpened { .. } => {}
            other => unreachable!("{:?} is applied elsewhere", other.kind()),
        }
    }
}
