//! What each step of a payment does to the books: which accounts exist and which legs move between them.
//!
//! Six accounts per merchant and currency. Debit-normal: the provider's receivable (a clearing account that settlement
//! brings to zero), provider fees, disputes held. Credit-normal: merchant pending, merchant available, suspense. None has
//! a limit: a provider's facts always post.

use base::{Currency, PaymentId};
use ledger::{Account, AccountFlags, Transfer, TransferFlags};

/// What an account is for; the number is its chart-of-accounts code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountKind {
    /// What the provider owes: debit when it takes a customer's money, credit when it pays out, refunds or keeps a fee.
    Receivable,
    /// What the merchant earned and the provider has not released.
    MerchantPending,
    /// What the merchant earned and the provider released.
    MerchantAvailable,
    /// What providers charged.
    Fees,
    /// Money taken back by a dispute.
    Disputed,
    /// Money that a provider moved otherwise than asked, until a person decides.
    Suspense,
}

impl AccountKind {
    /// Every kind, in the order in which accounts are opened.
    pub const ALL: [Self; 6] =
        [Self::Receivable, Self::MerchantPending, Self::MerchantAvailable, Self::Fees, Self::Disputed, Self::Suspense];

    /// Chart-of-accounts code.
    pub const fn code(self) -> u16 {
        match self {
            Self::Receivable => 110,
            Self::MerchantPending => 210,
            Self::MerchantAvailable => 220,
            Self::Fees => 510,
            Self::Disputed => 130,
            Self::Suspense => 290,
        }
    }

    /// Name for people and for the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receivable => "receivable",
            Self::MerchantPending => "pending",
            Self::MerchantAvailable => "available",
            Self::Fees => "fees",
            Self::Disputed => "disputed",
            Self::Suspense => "suspense",
        }
    }
}

/// Why a leg was posted; the number is the transfer's code. A leg that posts or voids a reservation keeps the
/// reservation's code, as the ledger demands (`PendingTransferHasDifferentCode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Money is reserved until an attempt's outcome is known.
    Hold,
    /// A provider took money that was not reserved.
    Capture,
    /// The provider's fee.
    Fee,
    /// The provider released money.
    Available,
    /// Money goes back to the customer.
    Refund,
    /// A refund that had gone through came back.
    RefundReversal,
    /// A capture that had gone through failed.
    CaptureReversal,
    /// A dispute took money back.
    Dispute,
    /// A won dispute gave money back.
    DisputeWon,
    /// A provider moved money otherwise than asked.
    Mismatch,
    /// The provider gave a fee back.
    FeeReversal,
    /// What was moved otherwise than asked went back.
    MismatchReturned,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::Hold,
        Self::Capture,
        Self::Fee,
        Self::Available,
        Self::Refund,
        Self::RefundReversal,
        Self::CaptureReversal,
        Self::Dispute,
        Self::DisputeWon,
        Self::Mismatch,
        Self::FeeReversal,
        Self::MismatchReturned,
    ];

    /// The transfer's code.
    pub const fn code(self) -> u16 {
        match self {
            Self::Hold => 1,
            Self::Capture => 2,
            Self::Fee => 4,
            Self::Available => 5,
            Self::Refund => 6,
            Self::RefundReversal => 7,
            Self::CaptureReversal => 8,
            Self::Dispute => 9,
            Self::DisputeWon => 10,
            Self::Mismatch => 11,
            Self::FeeReversal => 12,
            Self::MismatchReturned => 13,
        }
    }

    /// The reason of that code.
    pub fn of_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// The books of one merchant in one currency, addressed for one payment: a maker of legs.
///
/// Legs get ids made of the event's sequence number and their index, so ids increase along the journal and the same
/// journal gives the same ids.
#[derive(Clone, Copy, Debug)]
pub struct Books {
    /// The merchant's number.
    pub merchant_number: u32,
    /// The currency, whose numeric code is the ledger.
    pub currency: Currency,
    /// The payment that the legs belong to.
    pub payment: PaymentId,
    /// Sequence number of the event that posts the legs.
    pub seq: u64,
    /// Time of that event, in nanoseconds since the epoch.
    pub timestamp_ns: u64,
}

impl Books {
    /// Id of an account: its code, ledger and merchant number side by side, so that it can be read in a dump.
    pub fn account_id(merchant_number: u32, currency: Currency, kind: AccountKind) -> u128 {
        (u128::from(kind.code()) << 64) | (u128::from(currency.numeric()) << 32) | u128::from(merchant_number)
    }

    /// The accounts that a merchant needs in a currency.
    pub fn accounts(merchant_number: u32, currency: Currency, timestamp_ns: u64) -> Vec<Account> {
        AccountKind::ALL
            .iter()
            .map(|kind| Account {
                id: Self::account_id(merchant_number, currency, *kind),
                debits_pending: 0,
                debits_posted: 0,
                credits_pending: 0,
                credits_posted: 0,
                user_data_128: 0,
                user_data_64: u64::from(merchant_number),
                user_data_32: 0,
                reserved: 0,
                ledger: u32::from(currency.numeric()),
                code: kind.code(),
                flags: AccountFlags::NONE,
                timestamp: timestamp_ns,
            })
            .collect()
    }

    /// Id that the leg with this index gets.
    pub fn leg_id(&self, index: u16) -> u128 {
        (u128::from(self.seq) << 16) | u128::from(index)
    }

    fn leg(&self, index: u16, debit: AccountKind, credit: AccountKind, amount_minor: u64, reason: Reason) -> Transfer {
        let id = |kind| Self::account_id(self.merchant_number, self.currency, kind);
        Transfer {
            id: self.leg_id(index),
            debit_account_id: id(debit),
            credit_account_id: id(credit),
            amount: u128::from(amount_minor),
            pending_id: 0,
            user_data_128: self.payment.as_u128(),
            user_data_64: self.seq,
            user_data_32: 0,
            timeout_s: 0,
            ledger: u32::from(self.currency.numeric()),
            code: reason.code(),
            flags: TransferFlags::NONE,
            timestamp: self.timestamp_ns + u64::from(index),
        }
    }

    fn resolving(&self, leg: Transfer, pending_id: u128, flags: TransferFlags) -> Transfer {
        Transfer { pending_id, flags, ..leg }
    }

    /// Reserves what an attempt asks for; mirrors the provider's hold and therefore has no timeout.
    pub fn hold(&self, index: u16, amount_minor: u64) -> Transfer {
        let leg = self.leg(index, AccountKind::Receivable, AccountKind::MerchantPending, amount_minor, Reason::Hold);
        Transfer { flags: TransferFlags::PENDING, ..leg }
    }

    /// Turns a hold into a posting of `amount_minor`; the rest of the hold is released.
    pub fn capture(&self, index: u16, hold_id: u128, amount_minor: u64) -> Transfer {
        let leg = self.leg(index, AccountKind::Receivable, AccountKind::MerchantPending, amount_minor, Reason::Hold);
        self.resolving(leg, hold_id, TransferFlags::POST_PENDING_TRANSFER)
    }

    /// Gives a hold of money to be taken back up.
    pub fn release(&self, index: u16, hold_id: u128) -> Transfer {
        let leg = self.leg(index, AccountKind::Receivable, AccountKind::MerchantPending, 0, Reason::Hold);
        self.resolving(leg, hold_id, TransferFlags::VOID_PENDING_TRANSFER)
    }

    /// Books a capture that has no hold to come from (the provider took more than was held).
    pub fn capture_without_hold(&self, index: u16, amount_minor: u64) -> Transfer {
        self.leg(index, AccountKind::Receivable, AccountKind::MerchantPending, amount_minor, Reason::Capture)
    }

    /// Books the provider's fee.
    pub fn fee(&self, index: u16, amount_minor: u64) -> Transfer {
        self.leg(index, AccountKind::Fees, AccountKind::Receivable, amount_minor, Reason::Fee)
    }

    /// Books that the provider gave a fee back.
    pub fn fee_reversal(&self, index: u16, amount_minor: u64) -> Transfer {
        self.leg(index, AccountKind::Receivable, AccountKind::Fees, amount_minor, Reason::FeeReversal)
    }

    /// Moves released money from pending to available.
    pub fn available(&self, index: u16, amount_minor: u64) -> Transfer {
        self.leg(index, AccountKind::MerchantPending, AccountKind::MerchantAvailable, amount_minor, Reason::Available)
    }

    /// Reserves a refund, from available money when the payment's money was released and from pending otherwise.
    pub fn refund_hold(&self, index: u16, amount_minor: u64, source: AccountKind) -> Transfer {
        let leg = self.leg(index, source, AccountKind::Receivable, amount_minor, Reason::Refund);
        Transfer { flags: TransferFlags::PENDING, ..leg }
    }

    /// Posts a reserved refund in full.
    pub fn refund(&self, index: u16, hold_id: u128, amount_minor: u64, source: AccountKind) -> Transfer {
        let leg = self.leg(index, source, AccountKind::Receivable, amount_minor, Reason::Refund);
        self.resolving(leg, hold_id, TransferFlags::POST_PENDING_TRANSFER)
    }

    /// Gives a reserved refund up.
    pub fn refund_release(&self, index: u16, hold_id: u128, source: AccountKind) -> Transfer {
        let leg = self.leg(index, source, AccountKind::Receivable, 0, Reason::Refund);
        self.resolving(leg, hold_id, TransferFlags::VOID_PENDING_TRANSFER)
    }

    /// Books that a refund which had gone through came back.
    pub fn refund_reversal(&self, index: u16, amount_minor: u64, source: AccountKind) -> Transfer {
        self.leg(index, AccountKind::Receivable, source, amount_minor, Reason::RefundReversal)
    }

    /// Books that a capture which had gone through failed, out of `source`.
    pub fn capture_reversal(&self, index: u16, amount_minor: u64, source: AccountKind) -> Transfer {
        self.leg(index, source, AccountKind::Receivable, amount_minor, Reason::CaptureReversal)
    }

    /// Books money that a dispute took back.
    pub fn dispute(&self, index: u16, amount_minor: u64) -> Transfer {
        self.leg(index, AccountKind::Disputed, AccountKind::Receivable, amount_minor, Reason::Dispute)
    }

    /// Books money that came back from a won dispute.
    pub fn dispute_won(&self, index: u16, amount_minor: u64) -> Transfer {
        self.leg(index, AccountKind::Receivable, AccountKind::Disputed, amount_minor, Reason::DisputeWon)
    }

    /// Books what a provider took instead of what was asked, where a person will decide.
    pub fn mismatch(&self, index: u16, amount_minor: u64) -> Transfer {
        self.leg(index, AccountKind::Receivable, AccountKind::Suspense, amount_minor, Reason::Mismatch)
    }

    /// Books that money which a provider took without being asked went back to the customer.
    pub fn mismatch_returned(&self, index: u16, amount_minor: u64) -> Transfer {
        self.leg(index, AccountKind::Suspense, AccountKind::Receivable, amount_minor, Reason::MismatchReturned)
    }
}
