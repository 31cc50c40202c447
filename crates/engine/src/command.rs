//! What can be asked of the engine. Commands are never stored: an upgrade may change how they are decided.

use crate::archived::ArchivedPayment;
use crate::effect::{CaptureMode, Presence};
use crate::errand::ErrandReport;
use crate::event::NoticeSource;
use crate::state::{KeyOwner, Sealed};
use base::{
    CustomerId, EffectId, MerchantId, Money, Notice, OperatorId, Outcome, PaymentId, PaymentMethodId, Redacted, SubjectId, Timestamp,
};

use ledger::{Account, AccountName, Items, Metadata, Transfer};

/// A client's key and what it was used for, both hashed under a secret so that neither can be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Keyed hash of the `Idempotency-Key`.
    pub key: [u8; 16],
    /// Keyed hash of operation, path and canonical body.
    pub fingerprint: [u8; 16],
}

/// Fields that only the request at the provider may hold; they reach the encoder and are journaled sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Private {
    /// Where the provider sends the customer back to.
    pub return_url: Option<Redacted<String>>,
    /// A fault that a simulator is asked to play; ignored by real providers.
    pub simulate: Option<String>,
}

/// Creates a payment, or starts a new attempt of a declined one with the same reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePayment {
    /// The merchant.
    pub merchant: MerchantId,
    /// The client's key.
    pub idempotency: Idempotency,
    /// Keyed hash of the merchant's permanent, unique reference.
    pub reference: Option<[u8; 16]>,
    /// Keyed hash of the payment's content, without the reference.
    pub content: [u8; 16],
    /// Whose data is sealed in `details`.
    pub subject: SubjectId,
    /// How much.
    pub money: Money,
    /// Whether to take it at once.
    pub capture: CaptureMode,
    /// Provider token; needed to confirm.
    pub payment_method: Option<String>,
    /// Whom it charges.
    pub customer: Option<CustomerId>,
    /// The stored payment method to charge, in place of a token.
    pub method: Option<PaymentMethodId>,
    /// Whether the customer is there; away needs a stored payment method.
    pub presence: Presence,
    /// Whether to start an attempt now.
    pub confirm: bool,
    /// Whether a declined payment with this reference gets a new attempt.
    pub retry_declined: bool,
    /// Reference, e-mail, description and metadata, sealed.
    pub details: Option<Sealed>,
    /// For the encoder.
    pub private: Private,
}

/// Starts an attempt, or asks again after the customer acted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmPayment {
    /// The merchant.
    pub merchant: MerchantId,
    /// The payment.
    pub payment: PaymentId,
    /// The client's key.
    pub idempotency: Idempotency,
    /// Provider token; keeps the payment's own when absent.
    pub payment_method: Option<String>,
    /// The stored payment method to charge, in place of a token.
    pub method: Option<PaymentMethodId>,
    /// Whether the customer is there; as the payment says when absent.
    pub presence: Option<Presence>,
    /// For the encoder.
    pub private: Private,
}

/// Takes held money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturePayment {
    /// The merchant.
    pub merchant: MerchantId,
    /// The payment.
    pub payment: PaymentId,
    /// The client's key.
    pub idempotency: Idempotency,
    /// How much, in minor units; everything held when absent.
    pub amount_minor: Option<u64>,
    /// For the encoder.
    pub private: Private,
}

/// Gives a payment up before its money is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelPayment {
    /// The merchant.
    pub merchant: MerchantId,
    /// The payment.
    pub payment: PaymentId,
    /// The client's key.
    pub idempotency: Idempotency,
    /// For the encoder.
    pub private: Private,
}

/// Gives money back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRefund {
    /// The merchant.
    pub merchant: MerchantId,
    /// The payment.
    pub payment: PaymentId,
    /// The client's key.
    pub idempotency: Idempotency,
    /// How much, in minor units; everything that remains when absent.
    pub amount_minor: Option<u64>,
    /// Reason and metadata, sealed.
    pub details: Option<Sealed>,
    /// For the encoder.
    pub private: Private,
}

/// Creates a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateCustomer {
    /// The merchant.
    pub merchant: MerchantId,
    /// The client's key.
    pub idempotency: Idempotency,
    /// Whose data is sealed in `details`.
    pub subject: SubjectId,
    /// E-mail, name, description, reference and metadata, sealed.
    pub details: Option<Sealed>,
}

/// Stores a payment method with a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePaymentMethod {
    /// The merchant.
    pub merchant: MerchantId,
    /// The customer.
    pub customer: CustomerId,
    /// The client's key.
    pub idempotency: Idempotency,
    /// Number of the provider endpoint that gave the token.
    pub provider: u16,
    /// The provider's token.
    pub token: String,
}

/// What one send came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeReport {
    /// The effect.
    pub effect: EffectId,
    /// Which send, from 1.
    pub send: u32,
    /// What it came to.
    pub outcome: Outcome,
    /// The provider's id of the payment or refund, where the answer names one.
    pub provider_id: Option<String>,
}

/// A provider said something of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiveNotice {
    /// Number of the provider endpoint whose account says it.
    pub provider: u16,
    /// What it says.
    pub notice: Notice,
    /// How it came in.
    pub source: NoticeSource,
    /// The exact body, sealed; absent when it is already kept.
    pub payload: Option<Sealed>,
}

/// Creates an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateApiKey {
    /// Public part, ten characters.
    pub public_id: [u8; 10],
    /// Who it acts for.
    pub owner: KeyOwner,
    /// Keyed hash of the whole key.
    pub digest: [u8; 32],
    /// Version of the pepper that made the hash.
    pub pepper_version: u32,
}

/// Everything that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A new process leads this partition.
    StartLeader {
        /// Its epoch.
        epoch: u64,
    },
    /// A merchant is admitted.
    CreateMerchant {
        /// Its id.
        merchant: MerchantId,
        /// Short name: lower-case letters, digits and hyphens.
        handle: String,
    },
    /// A person or program may run the platform.
    CreateOperator {
        /// Its id.
        operator: OperatorId,
        /// Short name.
        handle: String,
    },
    /// See [`CreateApiKey`].
    CreateApiKey(CreateApiKey),
    /// A key stops working.
    RevokeApiKey {
        /// Its public part.
        public_id: [u8; 10],
    },
    /// See [`CreatePayment`].
    CreatePayment(CreatePayment),
    /// See [`ConfirmPayment`].
    ConfirmPayment(ConfirmPayment),
    /// See [`CapturePayment`].
    CapturePayment(CapturePayment),
    /// See [`CancelPayment`].
    CancelPayment(CancelPayment),
    /// See [`CreateRefund`].
    CreateRefund(CreateRefund),
    /// See [`OutcomeReport`].
    ReportOutcome(OutcomeReport),
    /// See [`CreateCustomer`].
    CreateCustomer(CreateCustomer),
    /// A customer and all its payment methods are given up.
    DeleteCustomer {
        /// The merchant.
        merchant: MerchantId,
        /// The customer.
        customer: CustomerId,
    },
    /// See [`StorePaymentMethod`].
    StorePaymentMethod(StorePaymentMethod),
    /// A stored payment method is given up.
    RemovePaymentMethod {
        /// The merchant.
        merchant: MerchantId,
        /// The payment method.
        method: PaymentMethodId,
    },
    /// See [`ErrandReport`].
    ReportErrand(ErrandReport),
    /// See [`ReceiveNotice`].
    ReceiveNotice(ReceiveNotice),
    /// A provider's list of events was read up to some moment.
    NoteSweep {
        /// Number of the provider endpoint.
        provider: u16,
        /// The moment, by the provider's clock.
        swept_to: Timestamp,
    },
    /// Accounts are created in a merchant's own ledger, by [`crate::State::book`].
    CreateLedgerAccounts {
        /// Whose ledger.
        merchant: MerchantId,
        /// At most [`ledger::BATCH_EVENTS_MAX`].
        accounts: Vec<Account>,
        /// What they have besides.
        texts: LedgerTexts,
    },
    /// Transfers are created in a merchant's own ledger, by [`crate::State::book`].
    CreateLedgerTransfers {
        /// Whose ledger.
        merchant: MerchantId,
        /// At most [`ledger::BATCH_EVENTS_MAX`].
        transfers: Vec<Transfer>,
        /// What they have besides.
        texts: LedgerTexts,
        /// What is answered.
        answer: LedgerAnswer,
    },
    /// Entries with many legs are created in a merchant's own ledger, as chains of transfers, by [`crate::State::book`].
    CreateLedgerEntries {
        /// Whose ledger.
        merchant: MerchantId,
        /// At most [`ledger::BATCH_EVENTS_MAX`] of [`ledger::Entry::events_count`] in all.
        entries: Vec<ledger::Entry>,
        /// What they have besides.
        texts: LedgerTexts,
        /// What is answered.
        answer: LedgerAnswer,
    },
    /// Pending transfers of a merchant's own ledger whose timeout has passed are released, by [`crate::State::book`]: as many as one
    /// event may name.
    ExpireLedgerTransfers {
        /// Whose ledger.
        merchant: MerchantId,
    },
    /// The payments that rest longest leave the state, as many as one event takes; see [`crate::State::is_archiving_due`].
    ArchivePayments,
    /// Archived payments come back into the state, because a command or something due may be about them.
    RecallPayments {
        /// As they were archived last, [`crate::ARCHIVED_BYTES_MAX`] in all.
        payments: Vec<ArchivedPayment>,
    },
    /// Runs what is due, but for [`Command::ExpireLedgerTransfers`].
    Tick,
    /// A person's data becomes unreadable.
    EraseSubject {
        /// Whose.
        subject: SubjectId,
    },
    /// A command that crashed the engine is refused from now on.
    Quarantine {
        /// Its fingerprint.
        fingerprint: [u8; 16],
    },
    /// A person lets a quarantined command in again.
    ReleaseQuarantine {
        /// Its fingerprint.
        fingerprint: [u8; 16],
    },
    /// Two operators release a durable event that cannot be applied: it is passed over from now on.
    SkipEvent {
        /// Its sequence number.
        seq: u64,
        /// Who asks.
        first: OperatorId,
        /// Who agrees.
        second: OperatorId,
    },
    /// A person asks what became of a parked call; nothing is executed again.
    LookAtParked {
        /// The effect.
        effect: EffectId,
    },
    /// The wall clock jumped forward against the monotonic one.
    ReportClockJump {
        /// By how much, in nanoseconds.
        jump_ns: u64,
    },
    /// An operator says that the clock is right.
    ConfirmClock,
    /// From now on events up to this version may be written.
    RaiseMinVersion {
        /// The version.
        version: u32,
    },
}

/// How urgent a command is, most urgent first. Outcomes and provider reports are facts about money and are never shed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Outcomes of our own calls, time, and the platform's own administration.
    Outcome,
    /// What providers report.
    Report,
    /// Captures, refunds, cancels and confirms of what exists.
    Existing,
    /// New payments.
    Create,
}

impl Lane {
    /// All lanes, most urgent first.
    pub const ALL: [Self; 4] = [Self::Outcome, Self::Report, Self::Existing, Self::Create];

    /// Label in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Report => "report",
            Self::Existing => "existing",
            Self::Create => "create",
        }
    }
}

/// What the items of a batch for a merchant's own ledger have besides their records. Together at most
/// [`LEDGER_TEXT_BYTES_MAX`] bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerTexts {
    /// Of accounts, their names.
    pub names: Items<AccountName>,
    /// Their metadata.
    pub metadata: Items<Metadata>,
    /// Of transfers and entries, accounts that they name instead of giving their ids. No part of the event.
    pub references: Items<Vec<AccountReference>>,
}

/// An account that a transfer or an entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountReference {
    /// Which of its accounts: of a transfer 0 is the debit account and 1 the credit account, of an entry it is the posting's number.
    pub at: usize,
    /// The ledger that the account is in.
    pub ledger: u32,
    /// Its name there.
    pub name: AccountName,
}

/// The most bytes that the texts of one batch take in an event: what the journal's largest batch has room for beside the largest
/// number of records.
pub const LEDGER_TEXT_BYTES_MAX: usize = 512 * 1024;
/// What an item's text takes besides itself, in bytes: the number of the item and the length of the text.
pub const LEDGER_TEXT_HEAD_BYTES: usize = 4;

impl LedgerTexts {
    /// What they take in an event, in bytes.
    pub fn bytes(&self) -> usize {
        let Self { names, metadata, references: _ } = self;
        let names = names.iter().map(|(_, name)| name.as_str().len());
        let lengths = names.chain(metadata.iter().map(|(_, metadata)| metadata.as_bytes().len()));
        lengths.map(|bytes| LEDGER_TEXT_HEAD_BYTES + bytes).sum()
    }
}

/// What a merchant wants to know of what it creates in its own ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerAnswer {
    /// What became of each item.
    Statuses,
    /// Also the balances right after each item that was created.
    Balances,
}

impl Command {
    /// Whether it is about a ledger that a merchant keeps itself: [`crate::State::book`] decides it, not [`crate::decide`].
    pub const fn is_booking(&self) -> bool {
        matches!(
            self,
            Self::CreateLedgerAccounts { .. }
                | Self::CreateLedgerTransfers { .. }
                | Self::CreateLedgerEntries { .. }
                | Self::ExpireLedgerTransfers { .. }
        )
    }

    /// What the items of a batch have besides their records; `None` of any other command.
    pub const fn ledger_texts(&self) -> Option<&LedgerTexts> {
        match self {
            Self::CreateLedgerAccounts { texts, .. }
            | Self::CreateLedgerTransfers { texts, .. }
            | Self::CreateLedgerEntries { texts, .. } => Some(texts),
            _ => None,
        }
    }

    /// The lane in which this command waits.
    pub const fn lane(&self) -> Lane {
        match self {
            Self::ReportOutcome(_)
            | Self::ReportErrand(_)
            | Self::Tick
            | Self::ArchivePayments
            | Self::RecallPayments { .. }
            | Self::ExpireLedgerTransfers { .. }
            | Self::StartLeader { .. }
            | Self::Quarantine { .. }
            | Self::ReleaseQuarantine { .. }
            | Self::SkipEvent { .. }
            | Self::ReportClockJump { .. }
            | Self::ConfirmClock
            | Self::RaiseMinVersion { .. } => Lane::Outcome,
            Self::ReceiveNotice(_) | Self::NoteSweep { .. } => Lane::Report,
            Self::ConfirmPayment(_)
            | Self::CapturePayment(_)
            | Self::CancelPayment(_)
            | Self::CreateRefund(_)
            | Self::EraseSubject { .. }
            | Self::LookAtParked { .. }
            | Self::DeleteCustomer { .. }
            | Self::RemovePaymentMethod { .. }
            | Self::RevokeApiKey { .. } => Lane::Existing,
            Self::CreatePayment(_)
            | Self::CreateCustomer(_)
            | Self::StorePaymentMethod(_)
            | Self::CreateMerchant { .. }
            | Self::CreateOperator { .. }
            | Self::CreateLedgerAccounts { .. }
            | Self::CreateLedgerTransfers { .. }
            | Self::CreateLedgerEntries { .. }
            | Self::CreateApiKey(_) => Lane::Create,
        }
    }

    /// What the provider's request may hold beside the typed fields.
    pub const fn private(&self) -> Option<&Private> {
        match self {
            Self::CreatePayment(command) => Some(&command.private),
            Self::ConfirmPayment(command) => Some(&command.private),
            Self::CapturePayment(command) => Some(&command.private),
            Self::CancelPayment(command) => Some(&command.private),
            Self::CreateRefund(command) => Some(&command.private),
            Self::StartLeader { .. }
            | Self::CreateMerchant { .. }
            | Self::CreateOperator { .. }
            | Self::CreateLedgerAccounts { .. }
            | Self::CreateLedgerTransfers { .. }
            | Self::CreateLedgerEntries { .. }
            | Self::ExpireLedgerTransfers { .. }
            | Self::CreateApiKey(_)
            | Self::RevokeApiKey { .. }
            | Self::ReportOutcome(_)
            | Self::ReportErrand(_)
            | Self::CreateCustomer(_)
            | Self::DeleteCustomer { .. }
            | Self::StorePaymentMethod(_)
            | Self::RemovePaymentMethod { .. }
            | Self::ReceiveNotice(_)
            | Self::NoteSweep { .. }
            | Self::Tick
            | Self::ArchivePayments
            | Self::RecallPayments { .. }
            | Self::EraseSubject { .. }
            | Self::Quarantine { .. }
            | Self::ReleaseQuarantine { .. }
            | Self::SkipEvent { .. }
            | Self::LookAtParked { .. }
            | Self::ReportClockJump { .. }
            | Self::ConfirmClock
            | Self::RaiseMinVersion { .. } => None,
        }
    }
}
