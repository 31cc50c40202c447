//! The rules about one account, in order of precedence: the first that is broken is the answer.

use crate::ledger::{Ledger, require};
use ::ledger::{Account, AccountFlags, CreateAccountStatus as Status};

impl Ledger {
    pub(crate) fn create_account(&mut self, event: Account, now: u64) -> (Status, u64) {
        match self.judge_account(event, now) {
            Ok(account) => {
                self.accounts.insert(account.id, account);
                (Status::Created, account.timestamp)
            }
            Err(Status::Exists) => (Status::Exists, self.accounts[&event.id].timestamp),
            Err(status) => (status, now),
        }
    }

    fn judge_account(&self, event: Account, now: u64) -> Result<Account, Status> {
        require(event.reserved == 0, Status::ReservedField)?;
        require(event.flags.bits() < 1 << 6, Status::ReservedFlag)?;
        require(event.id != 0, Status::IdMustNotBeZero)?;
        require(event.id != u128::MAX, Status::IdMustNotBeIntMax)?;

        if let Some(known) = self.accounts.get(&event.id) {
            require(event.flags == known.flags, Status::ExistsWithDifferentFlags)?;
            require(event.user_data_128 == known.user_data_128, Status::ExistsWithDifferentUserData128)?;
            require(event.user_data_64 == known.user_data_64, Status::ExistsWithDifferentUserData64)?;
            require(event.user_data_32 == known.user_data_32, Status::ExistsWithDifferentUserData32)?;
            require(event.ledger == known.ledger, Status::ExistsWithDifferentLedger)?;
            require(event.code == known.code, Status::ExistsWithDifferentCode)?;
            return Err(Status::Exists);
        }

        let is_limited_twice = event.flags.contains(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS)
            && event.flags.contains(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
        require(!is_limited_twice, Status::FlagsAreMutuallyExclusive)?;
        require(event.debits_pending == 0, Status::DebitsPendingMustBeZero)?;
        require(event.debits_posted == 0, Status::DebitsPostedMustBeZero)?;
        require(event.credits_pending == 0, Status::CreditsPendingMustBeZero)?;
        require(event.credits_posted == 0, Status::CreditsPostedMustBeZero)?;
        require(event.ledger != 0, Status::LedgerMustNotBeZero)?;
        require(event.code != 0, Status::CodeMustNotBeZero)?;

        if !event.flags.contains(AccountFlags::IMPORTED) {
            return Ok(Account { timestamp: now, ..event });
        }
        let is_latest = self.accounts.values().all(|account| account.timestamp < event.timestamp);
        let is_taken = self.transfers.values().any(|transfer| transfer.timestamp == event.timestamp);
        require(is_latest && !is_taken, Status::ImportedEventTimestampMustNotRegress)?;
        Ok(event)
    }
}
