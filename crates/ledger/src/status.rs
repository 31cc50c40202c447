//! The closed set of outcomes of an event, with the reference's names, numbers and precedence.
//!
//! Source: TigerBeetle `src/tigerbeetle.zig` at commit 52ad553. Variants stand in order of
//! precedence, which is not the order of their numbers: the first that applies is the result. What this
//! ledger adds to the reference has numbers from 1,000 on.
//! The rules that lead to them live in `accounts.rs` and `transfers.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Writes an enum of statuses once: variants, numbers and names cannot drift apart.
macro_rules! statuses {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal, $text:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every status in order of precedence; the last one is `Created`.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The reference's number or one from 1,000 on, stable for ever.
            pub const fn code(self) -> u32 {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// Whether the reference has it too, and not this ledger alone.
            pub const fn is_references(self) -> bool {
                !matches!(self.code(), 1_000..2_000)
            }

            /// The reference's name in snake case, stable for ever.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.name())
            }
        }
    };
}

statuses! {
    /// The outcome of one account event, in order of precedence. Numbers from 1,000 to 1,999 are this ledger's own.
    CreateAccountStatus {
        /// An earlier or later event of the chain failed.
        LinkedEventFailed = 1, "linked_event_failed";
        /// The last event of the batch is linked to nothing.
        LinkedEventChainOpen = 2, "linked_event_chain_open";
        /// The batch's first event is imported, this one is not.
        ImportedEventExpected = 22, "imported_event_expected";
        /// The batch's first event is not imported, this one is.
        ImportedEventNotExpected = 23, "imported_event_not_expected";
        /// Only imported events bring a timestamp.
        TimestampMustBeZero = 3, "timestamp_must_be_zero";
        /// The timestamp is zero or past the maximum.
        ImportedEventTimestampOutOfRange = 24, "imported_event_timestamp_out_of_range";
        /// The timestamp does not lie in the past.
        ImportedEventTimestampMustNotAdvance = 25, "imported_event_timestamp_must_not_advance";
        /// The reserved field is not zero.
        ReservedField = 4, "reserved_field";
        /// A flag bit without a meaning is set.
        ReservedFlag = 5, "reserved_flag";
        /// The id is zero.
        IdMustNotBeZero = 6, "id_must_not_be_zero";
        /// The id is 2^128 − 1.
        IdMustNotBeIntMax = 7, "id_must_not_be_int_max";
        /// The id is taken by an account with other flags, closed included.
        ExistsWithDifferentFlags = 15, "exists_with_different_flags";
        /// The id is taken by an account with other user data.
        ExistsWithDifferentUserData128 = 16, "exists_with_different_user_data_128";
        /// The id is taken by an account with other user data.
        ExistsWithDifferentUserData64 = 17, "exists_with_different_user_data_64";
        /// The id is taken by an account with other user data.
        ExistsWithDifferentUserData32 = 18, "exists_with_different_user_data_32";
        /// The id is taken by an account of another ledger.
        ExistsWithDifferentLedger = 19, "exists_with_different_ledger";
        /// The id is taken by an account with another code.
        ExistsWithDifferentCode = 20, "exists_with_different_code";
        /// The id is taken by an account with another name. Not the reference's.
        ExistsWithDifferentName = 1_002, "exists_with_different_name";
        /// The id is taken by an account with other metadata. Not the reference's.
        ExistsWithDifferentMetadata = 1_001, "exists_with_different_metadata";
        /// The same account was created before; the result carries its timestamp.
        Exists = 21, "exists";
        /// Both limits are set.
        FlagsAreMutuallyExclusive = 8, "flags_are_mutually_exclusive";
        /// An account starts without pending debits.
        DebitsPendingMustBeZero = 9, "debits_pending_must_be_zero";
        /// An account starts without posted debits.
        DebitsPostedMustBeZero = 10, "debits_posted_must_be_zero";
        /// An account starts without pending credits.
        CreditsPendingMustBeZero = 11, "credits_pending_must_be_zero";
        /// An account starts without posted credits.
        CreditsPostedMustBeZero = 12, "credits_posted_must_be_zero";
        /// The ledger is zero.
        LedgerMustNotBeZero = 13, "ledger_must_not_be_zero";
        /// The code is zero.
        CodeMustNotBeZero = 14, "code_must_not_be_zero";
        /// The timestamp is not after that of every account, or a transfer has it.
        ImportedEventTimestampMustNotRegress = 26, "imported_event_timestamp_must_not_regress";
        /// Another account of the ledger has the name. Not the reference's.
        NameTaken = 1_003, "name_taken";
        /// The account exists from now on.
        Created = 4_294_967_295, "created";
    }
}

statuses! {
    /// The outcome of one transfer event, in order of precedence. Numbers from 1,000 to 1,999 are this ledger's own.
    CreateTransferStatus {
        /// An earlier or later event of the chain failed.
        LinkedEventFailed = 1, "linked_event_failed";
        /// The last event of the batch is linked to nothing.
        LinkedEventChainOpen = 2, "linked_event_chain_open";
        /// The batch's first event is imported, this one is not.
        ImportedEventExpected = 56, "imported_event_expected";
        /// The batch's first event is not imported, this one is.
        ImportedEventNotExpected = 57, "imported_event_not_expected";
        /// Only imported events bring a timestamp.
        TimestampMustBeZero = 3, "timestamp_must_be_zero";
        /// The timestamp is zero or past the maximum.
        ImportedEventTimestampOutOfRange = 58, "imported_event_timestamp_out_of_range";
        /// The timestamp does not lie in the past.
        ImportedEventTimestampMustNotAdvance = 59, "imported_event_timestamp_must_not_advance";
        /// A flag bit without a meaning is set.
        ReservedFlag = 4, "reserved_flag";
        /// The id is zero.
        IdMustNotBeZero = 5, "id_must_not_be_zero";
        /// The id is 2^128 − 1.
        IdMustNotBeIntMax = 6, "id_must_not_be_int_max";
        /// The id is taken by a transfer with other flags.
        ExistsWithDifferentFlags = 36, "exists_with_different_flags";
        /// The id is taken by a transfer with another pending id.
        ExistsWithDifferentPendingId = 40, "exists_with_different_pending_id";
        /// The id is taken by a transfer with another timeout.
        ExistsWithDifferentTimeout = 44, "exists_with_different_timeout";
        /// The id is taken by a transfer with another debit account.
        ExistsWithDifferentDebitAccountId = 37, "exists_with_different_debit_account_id";
        /// The id is taken by a transfer with another credit account.
        ExistsWithDifferentCreditAccountId = 38, "exists_with_different_credit_account_id";
        /// The id is taken by a transfer with another amount.
        ExistsWithDifferentAmount = 39, "exists_with_different_amount";
        /// The id is taken by a transfer with other user data.
        ExistsWithDifferentUserData128 = 41, "exists_with_different_user_data_128";
        /// The id is taken by a transfer with other user data.
        ExistsWithDifferentUserData64 = 42, "exists_with_different_user_data_64";
        /// The id is taken by a transfer with other user data.
        ExistsWithDifferentUserData32 = 43, "exists_with_different_user_data_32";
        /// The id is taken by a transfer of another ledger.
        ExistsWithDifferentLedger = 67, "exists_with_different_ledger";
        /// The id is taken by a transfer with another code.
        ExistsWithDifferentCode = 45, "exists_with_different_code";
        /// The id is taken by a transfer with other metadata. Not the reference's.
        ExistsWithDifferentMetadata = 1_001, "exists_with_different_metadata";
        /// The same transfer was created before; the result carries its timestamp.
        Exists = 46, "exists";
        /// The id failed before for a reason that may pass; retry with a new id.
        IdAlreadyFailed = 68, "id_already_failed";
        /// A post or void has a second kind.
        FlagsAreMutuallyExclusive = 7, "flags_are_mutually_exclusive";
        /// The debit account's id is zero.
        DebitAccountIdMustNotBeZero = 8, "debit_account_id_must_not_be_zero";
        /// The debit account's id is 2^128 − 1.
        DebitAccountIdMustNotBeIntMax = 9, "debit_account_id_must_not_be_int_max";
        /// The credit account's id is zero.
        CreditAccountIdMustNotBeZero = 10, "credit_account_id_must_not_be_zero";
        /// The credit account's id is 2^128 − 1.
        CreditAccountIdMustNotBeIntMax = 11, "credit_account_id_must_not_be_int_max";
        /// Both sides name the same account.
        AccountsMustBeDifferent = 12, "accounts_must_be_different";
        /// Only a post or void names a pending transfer.
        PendingIdMustBeZero = 13, "pending_id_must_be_zero";
        /// A post or void names no pending transfer.
        PendingIdMustNotBeZero = 14, "pending_id_must_not_be_zero";
        /// The pending transfer's id is 2^128 − 1.
        PendingIdMustNotBeIntMax = 15, "pending_id_must_not_be_int_max";
        /// A post or void names itself.
        PendingIdMustBeDifferent = 16, "pending_id_must_be_different";
        /// Only a pending transfer has a timeout.
        TimeoutReservedForPendingTransfer = 17, "timeout_reserved_for_pending_transfer";
        /// Only a pending transfer closes an account.
        ClosingTransferMustBePending = 64, "closing_transfer_must_be_pending";
        /// The ledger is zero.
        LedgerMustNotBeZero = 19, "ledger_must_not_be_zero";
        /// The code is zero.
        CodeMustNotBeZero = 20, "code_must_not_be_zero";
        /// There is no such debit account (transient).
        DebitAccountNotFound = 21, "debit_account_not_found";
        /// There is no such credit account (transient).
        CreditAccountNotFound = 22, "credit_account_not_found";
        /// The accounts belong to two ledgers.
        AccountsMustHaveTheSameLedger = 23, "accounts_must_have_the_same_ledger";
        /// The accounts belong to another ledger.
        TransferMustHaveTheSameLedgerAsAccounts = 24, "transfer_must_have_the_same_ledger_as_accounts";
        /// There is no such pending transfer (transient).
        PendingTransferNotFound = 25, "pending_transfer_not_found";
        /// The transfer to post or void is not a pending one.
        PendingTransferNotPending = 26, "pending_transfer_not_pending";
        /// The pending transfer has another debit account.
        PendingTransferHasDifferentDebitAccountId = 27, "pending_transfer_has_different_debit_account_id";
        /// The pending transfer has another credit account.
        PendingTransferHasDifferentCreditAccountId = 28, "pending_transfer_has_different_credit_account_id";
        /// The pending transfer has another ledger.
        PendingTransferHasDifferentLedger = 29, "pending_transfer_has_different_ledger";
        /// The pending transfer has another code.
        PendingTransferHasDifferentCode = 30, "pending_transfer_has_different_code";
        /// More than the pending amount.
        ExceedsPendingTransferAmount = 31, "exceeds_pending_transfer_amount";
        /// A void of less than the pending amount.
        PendingTransferHasDifferentAmount = 32, "pending_transfer_has_different_amount";
        /// The pending transfer was posted before.
        PendingTransferAlreadyPosted = 33, "pending_transfer_already_posted";
        /// The pending transfer was voided before.
        PendingTransferAlreadyVoided = 34, "pending_transfer_already_voided";
        /// The pending transfer's timeout has passed.
        PendingTransferExpired = 35, "pending_transfer_expired";
        /// The timestamp is not after that of every transfer, or an account has it.
        ImportedEventTimestampMustNotRegress = 60, "imported_event_timestamp_must_not_regress";
        /// The timestamp is not after the debit account's.
        ImportedEventTimestampMustPostdateDebitAccount = 61, "imported_event_timestamp_must_postdate_debit_account";
        /// The timestamp is not after the credit account's.
        ImportedEventTimestampMustPostdateCreditAccount = 62, "imported_event_timestamp_must_postdate_credit_account";
        /// An imported pending transfer cannot expire.
        ImportedEventTimeoutMustBeZero = 63, "imported_event_timeout_must_be_zero";
        /// The debit account is closed (transient).
        DebitAccountAlreadyClosed = 65, "debit_account_already_closed";
        /// The credit account is closed (transient).
        CreditAccountAlreadyClosed = 66, "credit_account_already_closed";
        /// The debit account's pending debits would overflow.
        OverflowsDebitsPending = 47, "overflows_debits_pending";
        /// The credit account's pending credits would overflow.
        OverflowsCreditsPending = 48, "overflows_credits_pending";
        /// The debit account's posted debits would overflow.
        OverflowsDebitsPosted = 49, "overflows_debits_posted";
        /// The credit account's posted credits would overflow.
        OverflowsCreditsPosted = 50, "overflows_credits_posted";
        /// The debit account's pending and posted debits together would overflow.
        OverflowsDebits = 51, "overflows_debits";
        /// The credit account's pending and posted credits together would overflow.
        OverflowsCredits = 52, "overflows_credits";
        /// Timestamp plus timeout is past the maximum timestamp.
        OverflowsTimeout = 53, "overflows_timeout";
        /// The debit account's debits would exceed its posted credits (transient).
        ExceedsCredits = 54, "exceeds_credits";
        /// The credit account's credits would exceed its posted debits (transient).
        ExceedsDebits = 55, "exceeds_debits";
        /// The transfer happened.
        Created = 4_294_967_295, "created";
    }
}

impl CreateTransferStatus {
    /// Whether a later try of the same event could end otherwise.
    ///
    /// Such a failure burns the id: every retry gets [`Self::IdAlreadyFailed`], so that an event
    /// that was answered with a failure never happens later.
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::DebitAccountNotFound
                | Self::CreditAccountNotFound
                | Self::PendingTransferNotFound
                | Self::DebitAccountAlreadyClosed
                | Self::CreditAccountAlreadyClosed
                | Self::ExceedsCredits
                | Self::ExceedsDebits
        )
    }
}
