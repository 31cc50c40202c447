//! Every message there is, with its parameters. A name never changes: translations and tests know messages by it.

use super::{At, Name, Reason, Tone, Until, Value};
use base::Money;

/// Messages as an enum with their parameters, and as an enum without them that languages are asked with.
macro_rules! messages {
    (
        $(#[$doc:meta])* $name:ident, $id:ident;
        $($variant:ident { $($field:ident: $type:ty),* } = $text:literal $(, $tone:ident)?;)+
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $(#[doc = $text] $variant { $(#[doc = stringify!($field)] $field: $type),* },)+ }

        #[doc = concat!("Which ", stringify!($name), ", without its parameters.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum $id { $(#[doc = $text] $variant,)+ }

        impl $name {
            /// Which message it is.
            pub(crate) const fn id(&self) -> $id {
                match self { $(Self::$variant { .. } => $id::$variant,)+ }
            }

            /// Its parameters by name.
            pub(crate) fn values(&self) -> Vec<(&'static str, Value)> {
                match self { $(Self::$variant { $($field),* } => vec![$((stringify!($field), Value::from($field.clone()))),*],)+ }
            }

            messages!(@tone $name $($variant $(, $tone)?;)+);
        }

        #[cfg(test)]
        impl $id {
            /// Every message.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name, for ever.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The names of its parameters.
            pub(crate) const fn parameters(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$(stringify!($field)),*],)+ }
            }
        }
    };
    (@tone $name:ident $($variant:ident, $tone:ident;)+) => {
        /// What it means for whoever waits for the money.
        pub(crate) const fn tone(&self) -> Tone {
            match self { $(Self::$variant { .. } => Tone::$tone,)+ }
        }
    };
    (@tone $name:ident $($variant:ident;)+) => {};
}

messages! {
    /// What a step or a whole payment is told with: a title and sentences.
    Told, ToldId;

    PaymentCreated { amount: Money } = "payment.created", Info;
    PaymentCreatedManual { amount: Money } = "payment.created.manual", Info;
    PaymentRevised { amount: Money } = "payment.revised", Info;
    PaymentRevisedManual { amount: Money } = "payment.revised.manual", Info;
    PaymentCanceled {} = "payment.canceled", Info;
    PaymentCanceledConfirmed { provider: Name } = "payment.canceled.confirmed", Info;
    PaymentCanceledElsewhere { provider: Name } = "payment.canceled.elsewhere", Warn;
    PaymentExpired {} = "payment.expired", Info;
    PaymentExpiredConfirmed { provider: Name } = "payment.expired.confirmed", Info;
    FundsAvailable { amount: Money } = "payment.funds_available", Good;
    FundsAvailableNone {} = "payment.funds_available.none", Info;
    SettlementAwaited { provider: Name } = "payment.settlement_awaited", Info;
    SettlementNotSaid { provider: Name } = "payment.settlement_awaited.ended", Info;
    FeeBooked { provider: Name, fee: Money } = "payment.fee_booked", Info;
    FeeBookedNone { provider: Name } = "payment.fee_booked.none", Info;
    AttemptStarted { provider: Name, amount: Money } = "attempt.started", Info;
    AttemptStartedManual { provider: Name, amount: Money } = "attempt.started.manual", Info;
    AttemptStartedAgain { provider: Name, amount: Money, number: u64 } = "attempt.started.again", Info;
    AttemptStartedAgainManual { provider: Name, amount: Money, number: u64 } = "attempt.started.again_manual", Info;
    AttemptPendingCustomer { provider: Name } = "attempt.pending.customer", Wait;
    AttemptPendingProvider { provider: Name } = "attempt.pending.provider", Wait;
    AttemptAuthorized { provider: Name, amount: Money } = "attempt.authorized", Good;
    AttemptCaptured { provider: Name, amount: Money } = "attempt.captured", Good;
    AttemptDeclined { provider: Name, reason: Reason } = "attempt.declined", Bad;
    AttemptNotSent { provider: Name, reason: Reason } = "attempt.failed.not_sent", Bad;
    AttemptTurnedAway { provider: Name, reason: Reason } = "attempt.failed.rejected", Bad;
    AttemptMismatchedHeld { provider: Name, amount: Money, asked: Money } = "attempt.mismatched.held", Warn;
    AttemptMismatchedTaken { provider: Name, amount: Money, asked: Money } = "attempt.mismatched.taken", Warn;
    LateHoldFound { provider: Name, amount: Money } = "attempt.succeeded_late.held", Warn;
    LateChargeFound { provider: Name, amount: Money } = "attempt.succeeded_late.taken", Warn;
    LateSuccessAccepted { provider: Name, amount: Money } = "attempt.late_success_accepted", Wait;
    LateHoldUndone { provider: Name, amount: Money } = "attempt.late_success_undone.held", Good;
    LateChargeUndone { provider: Name, amount: Money } = "attempt.late_success_undone.taken", Good;
    LateSuccessReturned { provider: Name, amount: Money, reason: Reason } = "attempt.late_success_returned", Warn;
    LateHoldCaptured { provider: Name, amount: Money } = "attempt.late_hold_captured", Warn;
    CaptureStarted { provider: Name, amount: Money } = "capture.started", Info;
    CaptureSucceeded { provider: Name, amount: Money } = "capture.succeeded", Good;
    CaptureFailed { provider: Name, reason: Reason } = "capture.failed", Bad;
    CaptureReversed { provider: Name, amount: Money, reason: Reason } = "capture.reversed", Bad;
    CaptureObserved { provider: Name, amount: Money } = "capture.observed", Warn;
    CancelStarted { provider: Name } = "cancel.started", Info;
    CancelStartedExpired { provider: Name } = "cancel.started.expired", Info;
    CancelFailed { provider: Name, reason: Reason } = "cancel.failed", Warn;
    RefundStarted { provider: Name, amount: Money } = "refund.started", Info;
    RefundPending { provider: Name, amount: Money } = "refund.pending", Wait;
    RefundSucceeded { provider: Name, amount: Money } = "refund.succeeded", Good;
    RefundFailed { provider: Name, amount: Money, reason: Reason } = "refund.failed", Bad;
    RefundReversed { provider: Name, amount: Money, reason: Reason } = "refund.reversed", Bad;
    RefundWatched { provider: Name, amount: Money } = "refund.watched", Warn;
    DisputeInquired { amount: Money, reason: Reason } = "dispute.inquired", Warn;
    DisputeInquiryClosed {} = "dispute.inquiry_closed", Good;
    DisputeOpened { amount: Money, reason: Reason } = "dispute.opened", Bad;
    DisputeWon { amount: Money } = "dispute.closed.won", Good;
    DisputeLost { amount: Money } = "dispute.closed.lost", Bad;
    DisputeFeeBooked { provider: Name, fee: Money } = "dispute.fee_booked", Info;
    DisputeFeeNone { provider: Name } = "dispute.fee_booked.none", Info;
    UnknownTimeout { provider: Name } = "effect.unknown.timeout", Warn;
    UnknownConnectionLost { provider: Name } = "effect.unknown.connection_lost", Warn;
    UnknownServerError { provider: Name } = "effect.unknown.server_error", Warn;
    UnknownUndecodable { provider: Name } = "effect.unknown.undecodable", Warn;
    UnknownIdempotencyConflict { provider: Name } = "effect.unknown.idempotency_conflict", Warn;
    UnknownRestart { provider: Name } = "effect.unknown.restart", Warn;
    UnknownNotFound { provider: Name, what: Phrase } = "effect.unknown.not_found", Warn;
    DeferredNotSent { provider: Name, reason: Reason } = "effect.deferred.not_sent", Wait;
    DeferredTurnedAway { provider: Name, reason: Reason } = "effect.deferred.rejected", Wait;
    SentFirst { provider: Name, what: Phrase } = "effect.sent.first", Info;
    SentSameKey { provider: Name, what: Phrase } = "effect.sent.replay.unknown", Info;
    SentAgain { provider: Name, what: Phrase } = "effect.sent.replay.deferred", Info;
    SentLookup { provider: Name, what: Phrase } = "effect.sent.lookup", Info;
    SentLookupCustomer { provider: Name } = "effect.sent.lookup.customer", Info;
    SentLookupProvider { provider: Name, what: Phrase } = "effect.sent.lookup.provider", Info;
    SentLookupWatched { provider: Name, what: Phrase } = "effect.sent.lookup.watched", Info;
    SentLookupParked { provider: Name, what: Phrase } = "effect.sent.lookup.parked", Info;
    UnchangedCustomer { provider: Name } = "effect.unchanged.customer", Wait;
    UnchangedProvider { provider: Name, what: Phrase } = "effect.unchanged.provider", Wait;
    UnchangedWatched { provider: Name, what: Phrase } = "effect.unchanged.watched", Good;
    Parked { provider: Name, what: Phrase } = "effect.parked", Warn;
    ParkedMismatched { provider: Name } = "effect.parked.mismatched", Warn;
    ParkedLook { provider: Name } = "effect.parked.look", Warn;
    ParkedUndo { provider: Name, what: Phrase } = "effect.parked.undo", Warn;
    ObservationStarted { provider: Name } = "observation.started", Info;
    ObservationEnded { provider: Name } = "observation.ended", Info;
    WebhookNews { provider: Name, kind: Name } = "webhook.received.news", Info;
    WebhookKnown { provider: Name, kind: Name } = "webhook.received.known", Info;
    WebhookUnmatched { provider: Name, kind: Name } = "webhook.received.unmatched", Warn;
    WebhookKept { provider: Name, kind: Name } = "webhook.received.kept", Info;
    WebhookUnclear { provider: Name, kind: Name } = "webhook.received.unclear", Warn;
    StrayMatched {} = "webhook.stray_matched", Info;
    StrayGone {} = "webhook.stray_matched.gone", Info;
    SweepEnded { provider: Name, until: Until } = "webhook.sweep_ended", Info;
    KeyRemembered {} = "idempotency.key_remembered", Info;
    KeyRememberedLook {} = "idempotency.key_remembered.look", Info;
    CustomerCreated { name: Name } = "customer.created", Info;
    CustomerStored { provider: Name } = "customer.stored", Good;
    CustomerStoreFailed { reason: Reason } = "customer.store_failed", Bad;
    CustomerDeleted { name: Name } = "customer.deleted", Info;
    MethodStarted { provider: Name } = "payment_method.started", Info;
    MethodStored { provider: Name } = "payment_method.stored", Good;
    MethodStoredCard { provider: Name, brand: Name, last4: Name } = "payment_method.stored.card", Good;
    MethodFailed { reason: Reason } = "payment_method.failed", Bad;
    MethodRemovalStarted {} = "payment_method.removal_started", Info;
    MethodRemoved {} = "payment_method.removed", Info;
    MethodRemovalFailed { reason: Reason } = "payment_method.removal_failed", Warn;
    ErrandStoreCustomer { provider: Name } = "errand.started.store_customer", Info;
    ErrandAttach { provider: Name } = "errand.started.attach", Info;
    ErrandDetach { provider: Name } = "errand.started.detach", Info;
    ErrandUnknown { reason: Reason } = "errand.unknown", Warn;
    ErrandNotSent { reason: Reason } = "errand.deferred.not_sent", Wait;
    ErrandTurnedAway { reason: Reason } = "errand.deferred.rejected", Wait;
    ErrandSentFirst {} = "errand.sent.first", Info;
    ErrandSentReplay {} = "errand.sent.replay", Info;
    ErrandSentLookup {} = "errand.sent.lookup", Info;
    AccountsOpened { name: Name } = "ledger.accounts_opened", Info;
    LedgerAccountsCreated { number: u64 } = "ledger.accounts_created", Info;
    LedgerTransfersCreated {} = "ledger.transfers_created", Info;
    LedgerTransfersExpired {} = "ledger.transfers_expired", Info;
    PaymentsArchived { number: u64 } = "platform.payments_archived", Info;
    PaymentRecalled {} = "platform.payment_recalled", Info;
    MerchantCreated { name: Name } = "merchant.created", Info;
    OperatorCreated { name: Name } = "operator.created", Info;
    ApiKeyCreatedMerchant { name: Name } = "api_key.created.merchant", Info;
    ApiKeyCreatedOperator { name: Name } = "api_key.created.operator", Info;
    ApiKeyRevoked { name: Name } = "api_key.revoked", Info;
    SubjectErased { name: Name } = "privacy.subject_erased", Info;
    MinVersionRaised { number: u64 } = "platform.min_version_raised", Info;
    LeaderStarted { number: u64 } = "platform.leader_started", Info;
    CommandQuarantined {} = "platform.command_quarantined", Warn;
    QuarantineReleased {} = "platform.quarantine_released", Info;
    EventSkipped { number: u64, first: Name, second: Name } = "platform.event_skipped", Warn;
    ClockJumped { number: u64 } = "platform.clock_jumped", Warn;
    ClockConfirmed {} = "platform.clock_confirmed", Info;

    SummaryCreated { amount: Money } = "summary.created", Wait;
    SummaryAsking { provider: Name, amount: Money } = "summary.processing", Wait;
    SummaryUnknown { provider: Name, amount: Money } = "summary.processing.unknown", Warn;
    SummaryDeferred { provider: Name, amount: Money } = "summary.processing.deferred", Wait;
    SummaryPending { provider: Name, amount: Money } = "summary.processing.pending", Wait;
    SummaryCustomer { amount: Money } = "summary.requires_action", Wait;
    SummaryHeld { amount: Money } = "summary.authorized", Wait;
    SummaryCapturing { provider: Name, amount: Money } = "summary.authorized.capturing", Wait;
    SummaryCapturingUnknown { provider: Name, amount: Money } = "summary.authorized.capturing_unknown", Warn;
    SummaryCanceling { provider: Name, amount: Money } = "summary.canceling", Wait;
    SummaryCancelingUnknown { provider: Name, amount: Money } = "summary.canceling.unknown", Warn;
    SummaryPartlyTaken { taken: Money, held: Money } = "summary.partially_captured", Wait;
    SummaryTaken { amount: Money } = "summary.captured", Good;
    SummaryPartlyRefunded { taken: Money, refunded: Money } = "summary.partially_refunded", Info;
    SummaryRefunded { amount: Money } = "summary.refunded", Info;
    SummaryCanceled { amount: Money } = "summary.canceled", Info;
    SummaryExpired { amount: Money } = "summary.expired", Info;
    SummaryDeclined { amount: Money, reason: Reason } = "summary.declined", Bad;
    SummaryFailed { amount: Money } = "summary.declined.failed", Bad;
    SummaryFailedBecause { amount: Money, reason: Reason } = "summary.declined.failed_because", Bad;
    SummaryReversed { amount: Money } = "summary.declined.reversed", Bad;
    SummaryLateHold { provider: Name, amount: Money } = "summary.late.held", Warn;
    SummaryLateCharge { provider: Name, amount: Money } = "summary.late.taken", Warn;
    SummaryLateHoldUndone { provider: Name, amount: Money } = "summary.late.held_undone", Info;
    SummaryLateChargeUndone { provider: Name, amount: Money } = "summary.late.taken_undone", Info;
    SummaryParked { amount: Money, what: Phrase } = "summary.parked", Warn;
    SummaryMismatched { provider: Name, amount: Money } = "summary.mismatched", Warn;
    SummaryDisputed { disputed: Money, taken: Money } = "summary.disputed", Warn;
    SummaryDisputeLost { disputed: Money, taken: Money } = "summary.dispute_lost", Bad;
}

messages! {
    /// A sentence that goes with others or stands alone.
    Line, LineId;

    NoMoneyMoved {} = "money.none_moved";
    MoneyReserved {} = "money.reserved";
    MoneyInSuspense {} = "money.suspense";
    RestReleased {} = "money.rest_released";
    StillHeld { amount: Money } = "money.still_held";
    RefundedSoFar { amount: Money } = "money.refunded";
    NothingHeld {} = "money.nothing_held";
    LastRefundFailed { amount: Money } = "money.last_refund_failed";
    BankAsks { amount: Money } = "money.bank_asks";
    RefundUnderWay { amount: Money } = "money.refund_under_way";
    FeeKept { provider: Name, fee: Money } = "money.fee_kept";
    AvailableAt { at: At } = "money.available_at";
    DisputeFeeKept { provider: Name } = "money.dispute_fee";
    CustomerAway {} = "attempt.customer_away";
    HoldEnds { at: At } = "attempt.hold_ends";
    GivenUpAt { at: At } = "attempt.given_up_at";
    HappenedOnce {} = "attempt.happened_once";
    HadWorked {} = "attempt.had_worked";
    HadNotWorked {} = "attempt.had_not_worked";
    AnsweredLate {} = "attempt.answered_late";
    DoubtCharge {} = "doubt.charge";
    DoubtHold {} = "doubt.hold";
    DoubtCapture {} = "doubt.capture";
    DoubtCancel {} = "doubt.cancel";
    DoubtRefund {} = "doubt.refund";
    DoubtLook {} = "doubt.look";
    DoubtUndoHold {} = "doubt.undo_hold";
    DoubtUndoCapture {} = "doubt.undo_capture";
    AskAgain { provider: Name, at: At } = "plan.ask_again";
    SendAgain { at: At } = "plan.send_again";
    LookAgain { at: At } = "plan.look_again";
    LookNoMore {} = "plan.look_no_more";
    RetryHardCard {} = "retry.hard_card";
    RetryHardRisk {} = "retry.hard_risk";
    RetrySoftFunds {} = "retry.soft_funds";
    RetrySoftIssuer {} = "retry.soft_issuer";
    RetrySoftPsp { provider: Name } = "retry.soft_psp";
    RetryFixData {} = "retry.fix_data";
    RetryAuthenticate {} = "retry.authenticate";
    RetryConfig { provider: Name } = "retry.config";
    RetryDuplicate { provider: Name } = "retry.duplicate";
    TellLess {} = "retry.tell_less";
    RespondBy { provider: Name, until: Until } = "dispute.respond_by";
    SourceSweep { provider: Name } = "webhook.source.sweep";
    SourceReplay {} = "webhook.source.replay";
    LookBecauseMessage { provider: Name } = "observation.because_message";
    LookBecauseFee { provider: Name } = "observation.because_fee";
    LookBecauseDoubt { provider: Name } = "observation.because_doubt";

    NextConfirm { at: At } = "next.confirm";
    NextConfirmUntimed {} = "next.confirm_untimed";
    NextAnswer { provider: Name, what: Phrase } = "next.answer";
    NextAsk { provider: Name, what: Phrase, at: At } = "next.ask";
    NextSend { provider: Name, what: Phrase, at: At } = "next.send";
    NextCustomer { provider: Name, at: At } = "next.customer";
    NextCustomerUntil { provider: Name, at: At, until: Until } = "next.customer_until";
    NextProvider { provider: Name, what: Phrase, at: At } = "next.provider";
    NextWatched { provider: Name, what: Phrase, at: At } = "next.watched";
    NextParked {} = "next.parked";
    NextMismatched { provider: Name } = "next.mismatched";
    NextHoldEnds { at: At } = "next.hold_ends";
    NextHold {} = "next.hold";
    NextClock {} = "next.clock";
    NextAvailable { at: At } = "next.available";
    NextFee { provider: Name, at: At } = "next.fee";
    NextDispute {} = "next.dispute";
    NextDisputeUntil { provider: Name, until: Until } = "next.dispute_until";
    NextInquiry { provider: Name } = "next.inquiry";
    NextInquiryUntil { provider: Name, until: Until } = "next.inquiry_until";
    NextTryAgain {} = "next.try_again";
    NextNothingPaid {} = "next.nothing.paid";
    NextNothingEnded {} = "next.nothing.ended";
    NextNothingReversed {} = "next.nothing.reversed";

    ActionConfirm { amount: Money } = "action.confirm";
    ActionTryAgain { amount: Money } = "action.try_again";
    ActionLook { provider: Name } = "action.look";
    ActionCapture { amount: Money } = "action.capture";
    ActionCancel {} = "action.cancel";
    ActionCancelHold { amount: Money } = "action.cancel_hold";
    ActionRefund { amount: Money } = "action.refund";
    ActionLookParked { provider: Name, what: Phrase } = "action.look_parked";
    ActionConfirmClock {} = "action.confirm_clock";

    EvidenceRequest { provider: Name } = "evidence.request";
    EvidenceRequestAgain { provider: Name } = "evidence.request.again";
    EvidenceRequestLookup { provider: Name } = "evidence.request.lookup";
    EvidenceAnswer { provider: Name } = "evidence.answer";
    EvidenceMessage { provider: Name } = "evidence.answer.message";
    EvidenceEvent { number: u64 } = "evidence.event";
    EvidenceLedger {} = "evidence.ledger";
    EvidenceTrace {} = "evidence.trace";
    NoteErased {} = "evidence.note.erased";
    NoteUnreadable {} = "evidence.note.unreadable";
    NoteNeverMade {} = "evidence.note.never_made";
    NoteLookup {} = "evidence.note.lookup";
    NoteRedacted { number: u64 } = "evidence.note.redacted";
    LegHold {} = "evidence.leg.hold";
    LegHoldTaken {} = "evidence.leg.hold_taken";
    LegHoldReleased {} = "evidence.leg.hold_released";
    LegCapture {} = "evidence.leg.capture";
    LegFee {} = "evidence.leg.fee";
    LegFeeReversal {} = "evidence.leg.fee_reversal";
    LegAvailable {} = "evidence.leg.available";
    LegRefundReserved {} = "evidence.leg.refund_reserved";
    LegRefundPaid {} = "evidence.leg.refund_paid";
    LegRefundReleased {} = "evidence.leg.refund_released";
    LegRefundReversal {} = "evidence.leg.refund_reversal";
    LegCaptureReversal {} = "evidence.leg.capture_reversal";
    LegDispute {} = "evidence.leg.dispute";
    LegDisputeWon {} = "evidence.leg.dispute_won";
    LegSuspense {} = "evidence.leg.suspense";
    LegSuspenseReturned {} = "evidence.leg.suspense_returned";
    LegOther {} = "evidence.leg.other";
}

/// Phrases: parts of sentences that have no parameters.
macro_rules! phrases {
    ($($variant:ident = $text:literal;)+) => {
        /// A part of a sentence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Phrase { $(#[doc = $text] $variant,)+ }

        #[cfg(test)]
        impl Phrase {
            /// Every phrase.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name, for ever.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

phrases! {
    WhatCharge = "what.charge";
    WhatHold = "what.hold";
    WhatCapture = "what.capture";
    WhatCancel = "what.cancel";
    WhatRefund = "what.refund";
    WhatLook = "what.look";
    WhatUndoHold = "what.undo_hold";
    WhatUndoCapture = "what.undo_capture";

    NoReason = "reason.none";
    NotSentResolve = "reason.not_sent_resolve";
    NotSentConnect = "reason.not_sent_connect";
    NotSentTls = "reason.not_sent_tls";
    NotSentEncode = "reason.not_sent_encode";
    NotSentDeadline = "reason.not_sent_deadline";
    RateLimit = "reason.rate_limit";
    LockTimeout = "reason.lock_timeout";
    ObjectMissing = "reason.object_missing";
    ObjectState = "reason.object_state";
    KeyExpired = "reason.key_expired";
    AmountTooSmall = "reason.amount_too_small";
    AmountTooLarge = "reason.amount_too_large";
    UnknownTimeout = "reason.timeout";
    UnknownConnectionLost = "reason.connection_lost";
    UnknownServerError = "reason.server_error";
    UnknownUndecodable = "reason.undecodable";
    UnknownIdempotencyConflict = "reason.idempotency_conflict";
    UnknownRestart = "reason.restart";
    UnknownNotFound = "reason.not_found";

    InsufficientFunds = "decline.insufficient_funds";
    LimitReached = "decline.limit_reached";
    CardLost = "decline.card_lost";
    CardStolen = "decline.card_stolen";
    CardExpired = "decline.card_expired";
    CardBlocked = "decline.card_blocked";
    AccountClosed = "decline.account_closed";
    PinTries = "decline.pin_tries";
    ConsentRevoked = "decline.consent_revoked";
    NewCardIssued = "decline.new_card_issued";
    FraudSuspected = "decline.fraud_suspected";
    OnBlockList = "decline.on_block_list";
    DeclinedTooOften = "decline.declined_too_often";
    RefusedWithoutReason = "decline.refused_without_reason";
    CallBank = "decline.call_bank";
    NotAllowed = "decline.not_allowed";
    TryLater = "decline.try_later";
    BankNotReached = "decline.bank_not_reached";
    ProcessingError = "decline.processing_error";
    WrongNumber = "decline.wrong_number";
    WrongCvc = "decline.wrong_cvc";
    WrongExpiry = "decline.wrong_expiry";
    WrongAddress = "decline.wrong_address";
    WrongPin = "decline.wrong_pin";
    WrongAmount = "decline.wrong_amount";
    AuthenticationRequired = "decline.authentication_required";
    AuthenticationFailed = "decline.authentication_failed";
    CardNotSupported = "decline.card_not_supported";
    CurrencyNotSupported = "decline.currency_not_supported";
    TestCard = "decline.test_card";
    DuplicateCharge = "decline.duplicate";

    RefundCardLost = "refund_failure.card_lost";
    RefundCardExpired = "refund_failure.card_expired";
    RefundNoBalance = "refund_failure.no_balance";
    RefundDisputed = "refund_failure.disputed";
    RefundDeclined = "refund_failure.declined";
    RefundAskedFor = "refund_failure.asked_for";
    AlreadyTaken = "reason.already_taken";
    AlreadyOver = "reason.already_over";
    HoldGone = "reason.hold_gone";
    CanceledThere = "reason.canceled_there";

    DisputeFraudulent = "dispute_reason.fraudulent";
    DisputeNotReceived = "dispute_reason.not_received";
    DisputeUnacceptable = "dispute_reason.unacceptable";
    DisputeDuplicate = "dispute_reason.duplicate";
    DisputeSubscription = "dispute_reason.subscription";
    DisputeCredit = "dispute_reason.credit";
    DisputeUnrecognized = "dispute_reason.unrecognized";
    DisputeGeneral = "dispute_reason.general";

    FactRequest = "fact.request";
    FactProviderId = "fact.provider_id";
    FactCode = "fact.code";
    FactNetworkCode = "fact.network_code";
    FactAmount = "fact.amount";
    FactFee = "fact.fee";
    FactAvailableAt = "fact.available_at";
    FactReason = "fact.reason";
    FactMessage = "fact.message";
    FactMessageId = "fact.message_id";
    FactRespondBy = "fact.respond_by";
    FactDispute = "fact.dispute";
    FactRedirect = "fact.redirect";
    FactEventType = "fact.event_type";
    FactEventId = "fact.event_id";
    FactRecorded = "fact.recorded";
    FactTraceId = "fact.trace_id";
    AccountReceivable = "account.receivable";
    AccountPending = "account.pending";
    AccountAvailable = "account.available";
    AccountFees = "account.fees";
    AccountDisputed = "account.disputed";
    AccountSuspense = "account.suspense";
    AccountOther = "account.other";
}
