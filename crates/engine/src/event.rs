//! What can have happened. Events are the truth: released ones are never re-interpreted, and new meaning is a new kind
//! with a new version.

use crate::archived::ArchivedPayment;
use crate::effect::{CaptureMode, EffectRequested, SendKind};
use crate::errand::ErrandRequested;
use crate::state::{CardFacts, KeyOwner, OnFile, Sealed};
use base::{
    Currency, CustomerId, Decline, DisputeFact, EffectId, ErrandId, MerchantId, Mismatch, Money, NextAction, OperatorId, OutcomeClass,
    PaymentId, PaymentMethodId, RefundId, SubjectId, Timestamp, UnknownReason,
};
use ledger::{Account, AccountName, Items, Metadata, Transfer};
use serde::{Deserialize, Serialize};

/// The highest event version that this program can write and read.
pub const VERSION_MAX: u32 = 1;

/// One event with the ledger legs that it posts. The unit of [`crate::State::evolve`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, stamped by the sequencer.
    pub at: Timestamp,
    /// What.
    pub event: Event,
    /// Legs, in order.
    pub legs: Vec<Transfer>,
}

/// The idempotency key that an event answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// Keyed hash of the key.
    pub key: [u8; 16],
    /// What it was used for.
    pub fingerprint: [u8; 16],
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// How a provider's message came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeSource {
    /// The provider called.
    Webhook,
    /// It was found in the provider's list of events.
    Sweep,
    /// A person asked for it to be looked at again.
    Replay,
}

/// What a provider's message was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeUse {
    /// It led to something.
    News,
    /// What it says was known.
    Known,
    /// It is about something that is not ours.
    Unmatched,
    /// It is of a kind that changes nothing.
    Kept,
    /// It says something that we do not understand; it is heard again when it comes again.
    Unclear,
}

impl NoticeUse {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::News => "news",
            Self::Known => "known",
            Self::Unmatched => "unmatched",
            Self::Kept => "kept",
            Self::Unclear => "unclear",
        }
    }
}

impl NoticeSource {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Sweep => "sweep",
            Self::Replay => "replay",
        }
    }
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident $(($inner:ty))? $({ $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ })? = $version:literal, $text:literal;)+) => {
        /// Everything that can have happened.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event { $($(#[$doc])* $name $(($inner))? $({ $($(#[$field_doc])* $field: $type,)+ })?,)+ }

        /// The kinds of events, without their fields.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind { $($(#[$doc])* $name,)+ }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name in the API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The version that must have been raised before this kind may be written.
            pub const fn version(self) -> u32 {
                match self { $(Self::$name => $version,)+ }
            }
        }

        impl Event {
            /// Which kind this is.
            pub const fn kind(&self) -> EventKind {
                match self { $(events!(@pattern $name $(($inner))? $({ $($field)+ })?) => EventKind::$name,)+ }
            }
        }
    };
    (@pattern $name:ident) => { Self::$name };
    (@pattern $name:ident ($inner:ty)) => { Self::$name(_) };
    (@pattern $name:ident { $($field:ident)+ }) => { Self::$name { .. } };
}

events! {
    /// Events up to this version may be written from now on.
    MinVersionRaised {
        /// The version.
        version: u32,
    } = 0, "platform.min_version_raised";
    /// A new process leads.
    LeaderStarted {
        /// Its epoch.
        epoch: u64,
    } = 1, "platform.leader_started";
    /// A merchant was admitted.
    MerchantCreated {
        /// Its id.
        merchant: MerchantId,
        /// Counts from 1.
        number: u32,
        /// Short name.
        handle: String,
    } = 1, "merchant.created";
    /// An operator was admitted.
    OperatorCreated {
        /// Its id.
        operator: OperatorId,
        /// Short name.
        handle: String,
    } = 1, "operator.created";
    /// An API key was made.
    ApiKeyCreated {
        /// Public part.
        public_id: [u8; 10],
        /// Who it acts for.
        owner: KeyOwner,
        /// Keyed hash of the whole key.
        digest: [u8; 32],
        /// Version of the pepper.
        pepper_version: u32,
    } = 1, "api_key.created";
    /// An API key stopped working.
    ApiKeyRevoked {
        /// Public part.
        public_id: [u8; 10],
    } = 1, "api_key.revoked";
    /// A merchant's ledger accounts in a currency were opened.
    AccountsOpened {
        /// Whose.
        merchant: MerchantId,
        /// In which currency.
        currency: Currency,
    } = 1, "ledger.accounts_opened";
    /// A payment was created.
    PaymentCreated(PaymentCreated) = 1, "payment.created";
    /// A declined payment got new content before a new attempt.
    PaymentRevised(PaymentRevised) = 1, "payment.revised";
    /// An attempt started; its leg holds the money.
    AttemptStarted {
        /// The payment.
        payment: PaymentId,
        /// The call.
        requested: EffectRequested,
        /// The key it answers.
        key: Option<KeyUse>,
        /// Whom it charges and how, when it is somebody known.
        on_file: Option<OnFile>,
    } = 1, "attempt.started";
    /// A send ended without an answer that could be read.
    EffectUnknown {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// Why nobody knows.
        reason: UnknownReason,
        /// Position on the ladder from now on.
        step: u16,
        /// When to look again.
        next_at: Option<Timestamp>,
    } = 1, "effect.unknown";
    /// A send was provably not executed and will be repeated.
    EffectDeferred {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// `NotSent` or `Rejected`.
        class: OutcomeClass,
        /// The code of the refusal or the reason it was not sent.
        code: String,
        /// Position on the ladder from now on.
        step: u16,
        /// When to send again.
        next_at: Timestamp,
    } = 1, "effect.deferred";
    /// Another send goes out.
    EffectSent {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// Number of this send, from 1.
        send: u32,
        /// How.
        send_kind: SendKind,
        /// Position on the ladder from now on.
        step: u16,
    } = 1, "effect.sent";
    /// A look at a waiting or watched effect found nothing new.
    EffectUnchanged {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// Position on the ladder from now on.
        step: u16,
        /// When to look again; never, when absent: then it is closed.
        next_at: Option<Timestamp>,
    } = 1, "effect.unchanged";
    /// Everything was tried; a person decides.
    EffectParked {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
    } = 1, "effect.parked";
    /// The provider waits for the customer, or will answer later.
    AttemptPending {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// What has to happen.
        action: NextAction,
        /// The provider's id.
        provider_id: Option<String>,
        /// When to look again.
        next_at: Timestamp,
        /// When the payment expires.
        expires_at: Timestamp,
    } = 1, "attempt.pending";
    /// The provider holds the money.
    AttemptAuthorized {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// The provider's id.
        provider_id: Option<String>,
        /// When the hold is given up unless captured.
        expires_at: Timestamp,
    } = 1, "attempt.authorized";
    /// The provider took the money; the legs post it and its fee.
    AttemptCaptured {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// The provider's id.
        provider_id: Option<String>,
        /// How much, in minor units.
        amount_minor: u64,
        /// The fee, in minor units.
        fee_minor: u64,
        /// When the provider releases it.
        available_at: Option<Timestamp>,
    } = 1, "attempt.captured";
    /// Refused; the leg gives the hold up.
    AttemptDeclined {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// The provider's id.
        provider_id: Option<String>,
        /// Why.
        decline: Decline,
    } = 1, "attempt.declined";
    /// Provably never executed; the leg gives the hold up.
    AttemptFailed {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// `NotSent` or `Rejected`.
        class: OutcomeClass,
        /// The code.
        code: String,
    } = 1, "attempt.failed";
    /// The provider did something else; booked, and a person decides.
    AttemptMismatched {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// The provider's id.
        provider_id: Option<String>,
        /// What it did.
        mismatch: Mismatch,
    } = 1, "attempt.mismatched";
    /// A capture was asked for.
    CaptureStarted {
        /// The payment.
        payment: PaymentId,
        /// The call.
        requested: EffectRequested,
        /// The key it answers.
        key: Option<KeyUse>,
    } = 1, "capture.started";
    /// A capture went through; the legs post it, its fee, and what stays held.
    CaptureSucceeded {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// How much, in minor units.
        amount_minor: u64,
        /// The fee, in minor units.
        fee_minor: u64,
        /// What stays held, in minor units.
        held_minor: u64,
        /// When the provider releases it.
        available_at: Option<Timestamp>,
    } = 1, "capture.succeeded";
    /// A capture did not go through.
    CaptureFailed {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// The provider's code.
        code: String,
    } = 1, "capture.failed";
    /// A capture that had gone through failed; the legs take it back.
    CaptureReversed {
        /// The payment.
        payment: PaymentId,
        /// Index of the capture; the attempt itself when it captured at once.
        capture: Option<u16>,
        /// How much, in minor units.
        amount_minor: u64,
        /// The provider's code.
        code: String,
    } = 1, "capture.reversed";
    /// A cancel was asked for.
    CancelStarted {
        /// The payment.
        payment: PaymentId,
        /// The call.
        requested: EffectRequested,
        /// The key it answers.
        key: Option<KeyUse>,
    } = 1, "cancel.started";
    /// A cancel did not go through.
    CancelFailed {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// The provider's code.
        code: String,
    } = 1, "cancel.failed";
    /// The payment is given up; the leg gives the hold up.
    PaymentCanceled {
        /// The payment.
        payment: PaymentId,
        /// Whether nobody acted in time.
        expired: bool,
        /// The key it answers, when no provider had to be asked.
        key: Option<KeyUse>,
    } = 1, "payment.canceled";
    /// A refund was asked for; the leg reserves it.
    RefundStarted {
        /// The payment.
        payment: PaymentId,
        /// The call.
        requested: EffectRequested,
        /// Whether it is taken from available money.
        from_available: bool,
        /// Reason and metadata, sealed.
        details: Option<Sealed>,
        /// The key it answers.
        key: Option<KeyUse>,
    } = 1, "refund.started";
    /// The provider accepted a refund.
    RefundPending {
        /// The payment.
        payment: PaymentId,
        /// The refund.
        refund: RefundId,
        /// The provider's id.
        provider_id: Option<String>,
        /// When to look again.
        next_at: Timestamp,
    } = 1, "refund.pending";
    /// A refund went through; the leg posts it.
    RefundSucceeded {
        /// The payment.
        payment: PaymentId,
        /// The refund.
        refund: RefundId,
        /// The provider's id.
        provider_id: Option<String>,
        /// When to look again.
        next_at: Option<Timestamp>,
    } = 1, "refund.succeeded";
    /// A refund did not go through; the leg gives the reservation up.
    RefundFailed {
        /// The payment.
        payment: PaymentId,
        /// The refund.
        refund: RefundId,
        /// The provider's code.
        code: String,
    } = 1, "refund.failed";
    /// A refund that had gone through failed; the leg takes it back.
    RefundReversed {
        /// The payment.
        payment: PaymentId,
        /// The refund.
        refund: RefundId,
        /// The provider's code.
        code: String,
    } = 1, "refund.reversed";
    /// The provider released a payment's money; the leg moves it.
    FundsAvailable {
        /// The payment.
        payment: PaymentId,
        /// How much, in minor units.
        amount_minor: u64,
    } = 1, "payment.funds_available";
    /// A dispute took money back; the leg books it.
    DisputeOpened {
        /// The payment.
        payment: PaymentId,
        /// The provider's id.
        dispute: String,
        /// How much, in minor units.
        amount_minor: u64,
        /// The provider's word for the reason.
        reason: String,
        /// Until when it may be answered.
        respond_by: Option<Timestamp>,
    } = 1, "dispute.opened";
    /// A dispute was decided; the leg books a win.
    DisputeClosed {
        /// The payment.
        payment: PaymentId,
        /// The provider's id.
        dispute: String,
        /// Whether for the merchant.
        won: bool,
    } = 1, "dispute.closed";
    /// A customer's bank asks about a payment; no money was taken back.
    DisputeInquired {
        /// The payment.
        payment: PaymentId,
        /// The provider's id.
        dispute: String,
        /// How much is asked about, in minor units.
        amount_minor: u64,
        /// The provider's word for the reason.
        reason: String,
        /// Until when it may be answered.
        respond_by: Option<Timestamp>,
    } = 1, "dispute.inquired";
    /// A bank's question was settled without a dispute.
    DisputeInquiryClosed {
        /// The payment.
        payment: PaymentId,
        /// The provider's id.
        dispute: String,
    } = 1, "dispute.inquiry_closed";
    /// What the provider keeps for a dispute changed; the leg books the difference.
    DisputeFeeBooked {
        /// The payment.
        payment: PaymentId,
        /// The provider's id.
        dispute: String,
        /// What it keeps in all from now on, in minor units.
        fee_minor: u64,
        /// Counts what the provider has said of the dispute's money; grows.
        version: u32,
    } = 1, "dispute.fee_booked";
    /// A provider said something of its own accord. It is kept, and what it led to follows.
    WebhookReceived {
        /// Number of the provider endpoint.
        provider: u16,
        /// The provider's id of the message.
        event_id: String,
        /// The provider's name of what happened.
        event_type: String,
        /// How it came in.
        source: NoticeSource,
        /// What it was good for.
        found: NoticeUse,
        /// The payment that it is about.
        payment: Option<PaymentId>,
        /// The open effect that it hints at.
        effect: Option<EffectId>,
        /// The provider's id of that effect's object.
        provider_id: Option<String>,
        /// The exact body, sealed.
        payload: Option<Sealed>,
        /// A dispute of a payment that is not known yet, or not ours.
        stray: Option<StrayDispute>,
    } = 1, "webhook.received";
    /// The payment of a dispute that had come too early became known; what it says follows.
    StrayMatched {
        /// The payment.
        payment: PaymentId,
        /// The provider's id of the dispute; empty when there was none any more.
        dispute: String,
    } = 1, "webhook.stray_matched";
    /// The provider's list of events was read up to some moment.
    SweepEnded {
        /// Number of the provider endpoint.
        provider: u16,
        /// The moment, by the provider's clock.
        swept_to: Timestamp,
    } = 1, "webhook.sweep_ended";
    /// The provider is asked what its object is, because something it said does not fit or a fee is not known.
    ObservationStarted {
        /// The payment.
        payment: PaymentId,
        /// The call.
        requested: EffectRequested,
    } = 1, "observation.started";
    /// The provider's object is as we know it.
    ObservationEnded {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
    } = 1, "observation.ended";
    /// Money was taken and the provider has not said what it keeps and when it releases the rest.
    SettlementAwaited {
        /// The payment.
        payment: PaymentId,
        /// Index of the attempt whose money it is.
        attempt: u16,
        /// How often was looked already.
        step: u16,
        /// When to look again; not any more, when absent.
        next_at: Option<Timestamp>,
    } = 1, "payment.settlement_awaited";
    /// The provider said what it keeps; the leg books it.
    FeeBooked {
        /// The payment.
        payment: PaymentId,
        /// Index of the attempt whose money it is.
        attempt: u16,
        /// The observation that found it.
        effect: EffectId,
        /// The fee, in minor units.
        fee_minor: u64,
        /// When the provider releases the rest.
        available_at: Option<Timestamp>,
    } = 1, "payment.fee_booked";
    /// The provider took held money without being asked by us; the legs post it, its fee, and what stays held.
    CaptureObserved {
        /// The payment.
        payment: PaymentId,
        /// The observation that found it.
        effect: EffectId,
        /// How much, in minor units.
        amount_minor: u64,
        /// The fee, in minor units.
        fee_minor: u64,
        /// What stays held, in minor units.
        held_minor: u64,
        /// When the provider releases it.
        available_at: Option<Timestamp>,
    } = 1, "capture.observed";
    /// An attempt that was over has held or taken money after all. What was taken stands in suspense; the call gives it
    /// back.
    LateSuccessFound {
        /// The payment.
        payment: PaymentId,
        /// The observation that found it.
        observed: EffectId,
        /// The call that gives it back.
        requested: EffectRequested,
        /// What the provider kept for it, in minor units, if it has said.
        fee_minor: Option<u64>,
    } = 1, "attempt.succeeded_late";
    /// The provider accepted to give a late success back and is not done.
    LateSuccessAccepted {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// When to look again.
        next_at: Timestamp,
    } = 1, "attempt.late_success_accepted";
    /// A late success was given back; the leg empties suspense.
    LateSuccessUndone {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// When to look whether it stays so; it is trusted when absent.
        next_at: Option<Timestamp>,
    } = 1, "attempt.late_success_undone";
    /// Giving a late success back had gone through and failed after all; the leg fills suspense again.
    LateSuccessReturned {
        /// The payment.
        payment: PaymentId,
        /// The effect.
        effect: EffectId,
        /// The provider's code.
        code: String,
    } = 1, "attempt.late_success_returned";
    /// A late hold was captured at the provider before it could be given up. What was taken stands in suspense; the call
    /// gives it back.
    LateHoldCaptured {
        /// The payment.
        payment: PaymentId,
        /// The call that was to give the hold up.
        effect: EffectId,
        /// The call that gives the money back.
        requested: EffectRequested,
    } = 1, "attempt.late_hold_captured";
    /// A refund that was trusted is looked at again, because the provider says that it failed.
    RefundWatched {
        /// The payment.
        payment: PaymentId,
        /// The look; it takes the place of the refund's own call.
        requested: EffectRequested,
    } = 1, "refund.watched";
    /// A request changed nothing else: it found its payment by reference, or asked the provider to be looked at again.
    KeyRemembered {
        /// The payment that it was answered with.
        payment: PaymentId,
        /// The effect whose outcome the answer waited for.
        effect: Option<EffectId>,
        /// The key it answers.
        key: KeyUse,
    } = 1, "idempotency.key_remembered";
    /// A customer was created.
    CustomerCreated {
        /// The customer.
        customer: CustomerId,
        /// Whose.
        merchant: MerchantId,
        /// Whose data is sealed in `details`.
        subject: SubjectId,
        /// Version of the key that derived the id.
        key_version: u32,
        /// E-mail, name, description, reference and metadata, sealed.
        details: Option<Sealed>,
        /// The key it answers.
        key: KeyUse,
    } = 1, "customer.created";
    /// A provider knows the customer.
    CustomerStored {
        /// The customer.
        customer: CustomerId,
        /// The errand.
        errand: ErrandId,
        /// Number of the provider endpoint.
        provider: u16,
        /// The provider's id of the customer.
        provider_id: String,
    } = 1, "customer.stored";
    /// A provider could not be made to know the customer.
    CustomerStoreFailed {
        /// The customer.
        customer: CustomerId,
        /// The errand.
        errand: ErrandId,
        /// The code.
        code: String,
    } = 1, "customer.store_failed";
    /// A customer was given up; its payment methods follow.
    CustomerDeleted {
        /// The customer.
        customer: CustomerId,
    } = 1, "customer.deleted";
    /// A payment method shall be stored with a customer.
    MethodStarted {
        /// The payment method.
        method: PaymentMethodId,
        /// The customer.
        customer: CustomerId,
        /// Number of the provider endpoint that gave the token.
        provider: u16,
        /// The token as given.
        token: String,
        /// Version of the key that derived the id.
        key_version: u32,
        /// The key it answers.
        key: KeyUse,
    } = 1, "payment_method.started";
    /// The provider keeps a payment method.
    MethodStored {
        /// The payment method.
        method: PaymentMethodId,
        /// The errand.
        errand: ErrandId,
        /// Number of the provider endpoint.
        provider: u16,
        /// The token under which it is charged from now on.
        provider_id: String,
        /// What may be shown of it, when it is a card.
        card: Option<CardFacts>,
    } = 1, "payment_method.stored";
    /// The provider does not keep a payment method.
    MethodFailed {
        /// The payment method.
        method: PaymentMethodId,
        /// The errand; none when the provider could not be made to know the customer.
        errand: Option<ErrandId>,
        /// The code.
        code: String,
    } = 1, "payment_method.failed";
    /// A stored payment method shall be given up.
    MethodRemovalStarted {
        /// The payment method.
        method: PaymentMethodId,
    } = 1, "payment_method.removal_started";
    /// The provider gave a payment method up.
    MethodRemoved {
        /// The payment method.
        method: PaymentMethodId,
        /// The errand.
        errand: ErrandId,
    } = 1, "payment_method.removed";
    /// The provider did not give a payment method up.
    MethodRemovalFailed {
        /// The payment method.
        method: PaymentMethodId,
        /// The errand.
        errand: ErrandId,
        /// The code.
        code: String,
    } = 1, "payment_method.removal_failed";
    /// A call that moves no money was asked for.
    ErrandStarted {
        /// The call.
        requested: ErrandRequested,
    } = 1, "errand.started";
    /// A send of an errand ended without an answer that could be read.
    ErrandUnknown {
        /// The errand.
        errand: ErrandId,
        /// Why nobody knows.
        reason: UnknownReason,
        /// Position on the ladder from now on.
        step: u16,
        /// When to look again.
        next_at: Timestamp,
    } = 1, "errand.unknown";
    /// A send of an errand was provably not executed and will be repeated.
    ErrandDeferred {
        /// The errand.
        errand: ErrandId,
        /// `NotSent` or `Rejected`.
        class: OutcomeClass,
        /// The code of the refusal or the reason it was not sent.
        code: String,
        /// Position on the ladder from now on.
        step: u16,
        /// When to send again.
        next_at: Timestamp,
    } = 1, "errand.deferred";
    /// Another send of an errand goes out.
    ErrandSent {
        /// The errand.
        errand: ErrandId,
        /// Number of this send, from 1.
        send: u32,
        /// How.
        send_kind: SendKind,
        /// Position on the ladder from now on.
        step: u16,
    } = 1, "errand.sent";
    /// A merchant created accounts in its own ledger.
    LedgerAccountsCreated {
        /// Whose ledger.
        merchant: MerchantId,
        /// The accounts, in order, as they were created.
        accounts: Vec<Account>,
        /// The names of those that have one, by their number among the accounts.
        names: Items<AccountName>,
        /// The metadata of those that have any, by their number among the accounts.
        metadata: Items<Metadata>,
    } = 1, "ledger.accounts_created";
    /// A merchant created transfers in its own ledger: the entry's legs, as they happened.
    LedgerTransfersCreated {
        /// Whose ledger.
        merchant: MerchantId,
        /// Ids that failed for ever, in order.
        burned: Vec<u128>,
        /// What each post or void among the legs released, in their order: the amount of its pending transfer.
        released: Vec<u128>,
        /// The metadata of those that have any, by their number among the legs.
        metadata: Items<Metadata>,
    } = 1, "ledger.transfers_created";
    /// Pending transfers of a merchant's own ledger passed their timeout: the entry's legs, as they had happened, in order of their
    /// expiry. What they reserved is free again.
    LedgerTransfersExpired {
        /// Whose ledger.
        merchant: MerchantId,
    } = 1, "ledger.transfers_expired";
    /// Payments at which nothing is open left the state; until they are recalled, this event is where they are.
    PaymentsArchived {
        /// Those that rested longest, in order.
        payments: Vec<ArchivedPayment>,
    } = 1, "platform.payments_archived";
    /// A payment came back into the state, because something may happen to it.
    PaymentRecalled {
        /// As it was archived last.
        archived: ArchivedPayment,
    } = 1, "platform.payment_recalled";
    /// A person's data became unreadable.
    SubjectErased {
        /// Whose.
        subject: SubjectId,
    } = 1, "privacy.subject_erased";
    /// A command that crashed the engine is kept out.
    CommandQuarantined {
        /// Its fingerprint.
        fingerprint: [u8; 16],
    } = 1, "platform.command_quarantined";
    /// A quarantined command may come in again.
    QuarantineReleased {
        /// Its fingerprint.
        fingerprint: [u8; 16],
    } = 1, "platform.quarantine_released";
    /// Two operators released a durable event that the program cannot apply: it is passed over, here and in every later
    /// replay.
    EventSkipped {
        /// Its sequence number.
        seq: u64,
        /// Who asked.
        first: OperatorId,
        /// Who agreed; another person.
        second: OperatorId,
    } = 1, "platform.event_skipped";
    /// The wall clock jumped forward; expiries wait.
    ClockJumped {
        /// By how much, in nanoseconds.
        jump_ns: u64,
    } = 1, "platform.clock_jumped";
    /// The clock is right; expiries go on.
    ClockConfirmed = 1, "platform.clock_confirmed";
}

/// A dispute of a payment that nothing of ours names: too early, or not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrayDispute {
    /// The provider's id of the payment.
    pub payment_provider_id: String,
    /// What the provider says.
    pub fact: DisputeFact,
}

/// See [`Event::PaymentCreated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentCreated {
    /// The payment.
    pub payment: PaymentId,
    /// Whose.
    pub merchant: MerchantId,
    /// Whose data is sealed in `details`.
    pub subject: SubjectId,
    /// How much.
    pub money: Money,
    /// Whether it is taken at once.
    pub capture: CaptureMode,
    /// Keyed hash of the reference.
    pub reference: Option<[u8; 16]>,
    /// Keyed hash of the content.
    pub content: [u8; 16],
    /// Provider token.
    pub payment_method: Option<String>,
    /// Version of the key that derived the id.
    pub key_version: u32,
    /// Reference, e-mail, description and metadata, sealed.
    pub details: Option<Sealed>,
    /// When it expires unconfirmed.
    pub expires_at: Timestamp,
    /// The key it answers.
    pub key: KeyUse,
    /// Whom it charges and how, when it is somebody known.
    pub on_file: Option<OnFile>,
}

/// See [`Event::PaymentRevised`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRevised {
    /// The payment.
    pub payment: PaymentId,
    /// Whose data is sealed in `details`.
    pub subject: SubjectId,
    /// How much.
    pub money: Money,
    /// Whether it is taken at once.
    pub capture: CaptureMode,
    /// Keyed hash of the content.
    pub content: [u8; 16],
    /// Provider token.
    pub payment_method: Option<String>,
    /// The new details, sealed.
    pub details: Option<Sealed>,
    /// Whom it charges and how, when it is somebody known.
    pub on_file: Option<OnFile>,
}
