//! The catalogue in English. Short sentences; who did what, why, and what it means for the money.

use super::catalogue::{LineId, Phrase, ToldId};
use super::{Language, ToldText};
use base::{Money, Timestamp};

/// English.
pub(crate) const ENGLISH: Language = Language { told, line, phrase, money, at, until, quoted };

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
/// Digits between two separators of thousands.
const GROUP_DIGITS: usize = 3;

/// All decimals of the currency, thousands grouped: `1,234.50 EUR`, `1,200 JPY`, `0.005 KWD`.
fn money(money: Money) -> String {
    let text = money.to_string();
    let end = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(end);
    let mut grouped = String::with_capacity(text.len() + whole.len() / GROUP_DIGITS);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(GROUP_DIGITS) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// Day, month and year, and the time of day with seconds, of what [`Timestamp`] prints.
fn parts(at: Timestamp) -> (String, String) {
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    let mut numbers = date.split('-');
    let (year, month, day) = (numbers.next(), numbers.next(), numbers.next());
    let month = month.and_then(|month| month.parse::<usize>().ok()).and_then(|month| MONTHS.get(month.checked_sub(1)?));
    let date = match (day, month, year) {
        (Some(day), Some(month), Some(year)) => format!("{} {month} {year}", day.trim_start_matches('0')),
        _ => date.to_owned(),
    };
    (date, time.split('.').next().unwrap_or_default().to_owned())
}

fn minutes(time: &str) -> &str {
    time.rsplit_once(':').map_or(time, |(minutes, _)| minutes)
}

/// To the second on the day itself, to the minute on another one.
fn at(at: Timestamp, now: Timestamp) -> String {
    let (date, time) = parts(at);
    if date == parts(now).0 { format!("at {time} UTC") } else { format!("on {date} at {} UTC", minutes(&time)) }
}

fn until(at: Timestamp) -> String {
    let (date, time) = parts(at);
    format!("{date}, {} UTC", minutes(&time))
}

fn quoted(code: &str) -> String {
    format!("“{code}”")
}

/// A title and the sentences under it.
const fn text(title: &'static str, sentence: &'static str) -> ToldText {
    ToldText { title, sentence }
}

#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "one row a message")]
fn told(id: ToldId) -> ToldText {
    match id {
        ToldId::PaymentCreated => text("Payment created", "The merchant asked us to take {amount}."),
        ToldId::PaymentCreatedManual => text("Payment created", "The merchant asked us to hold {amount} and to take it later."),
        ToldId::PaymentRevised => text("Payment changed", "The merchant changed the payment before trying again. We are to take {amount}."),
        ToldId::PaymentRevisedManual => text("Payment changed", "The merchant changed the payment before trying again. We are to hold {amount} and to take it later."),
        ToldId::PaymentCanceled => text("Canceled", "The merchant canceled the payment before anybody was asked for money."),
        ToldId::PaymentCanceledConfirmed => text("Canceled", "{provider} confirmed that the payment is canceled."),
        ToldId::PaymentCanceledElsewhere => text("Canceled at {provider}", "{provider} says that the payment was canceled there. We had not asked for that."),
        ToldId::PaymentExpired => text("Expired", "Nobody confirmed the payment in time, so we gave it up."),
        ToldId::PaymentExpiredConfirmed => text("Expired", "Nobody acted in time. {provider} confirmed that the payment is canceled."),
        ToldId::FundsAvailable => text("Money available", "{amount} of this payment is available to the merchant now."),
        ToldId::FundsAvailableNone => text("Nothing left to release", "The day on which the money becomes available has come, and nothing of it is left."),
        ToldId::SettlementAwaited => text("Fee not known yet", "{provider} took the money and has not said yet what it keeps of it."),
        ToldId::SettlementNotSaid => text("Fee not known", "{provider} has not said what it keeps of the money."),
        ToldId::FeeBooked => text("Fee booked", "{provider} keeps {fee} of the payment."),
        ToldId::FeeBookedNone => text("No fee", "{provider} keeps nothing in the payment's currency."),
        ToldId::AttemptStarted => text("Sent to {provider}", "We asked {provider} to charge {amount}."),
        ToldId::AttemptStartedManual => text("Sent to {provider}", "We asked {provider} to hold {amount}."),
        ToldId::AttemptStartedAgain => text("Sent to {provider} again", "The merchant tried again. We asked {provider} to charge {amount}; this is attempt {number}."),
        ToldId::AttemptStartedAgainManual => text("Sent to {provider} again", "The merchant tried again. We asked {provider} to hold {amount}; this is attempt {number}."),
        ToldId::AttemptPendingCustomer => text("The customer must confirm", "The customer's bank wants the customer to confirm the payment (3-D Secure). {provider} gave us the address to send the customer to."),
        ToldId::AttemptPendingProvider => text("{provider} is working on it", "{provider} accepted the payment and decides later."),
        ToldId::AttemptAuthorized => text("Money held", "{provider} approved the payment. {amount} is held on the customer's card."),
        ToldId::AttemptCaptured => text("Charged", "{provider} charged the customer {amount}."),
        ToldId::AttemptDeclined => text("Declined: {reason}", "{provider} declined the card: {reason}."),
        ToldId::AttemptNotSent => text("Did not get through", "The payment did not get through to {provider}: {reason}."),
        ToldId::AttemptTurnedAway => text("Turned away by {provider}", "{provider} turned the payment away without trying the card: {reason}."),
        ToldId::AttemptMismatchedHeld => text("Another amount held", "We asked for {asked}, and {provider} holds {amount}. A person must put this right."),
        ToldId::AttemptMismatchedTaken => text("Another amount charged", "We asked for {asked}, and {provider} charged {amount}. A person must put this right."),
        ToldId::LateHoldFound => text("Held after all", "The payment was over, and {provider} holds {amount} after all. We asked it to give the hold up."),
        ToldId::LateChargeFound => text("Charged after all", "The payment was over, and {provider} charged {amount} after all. We asked it to give the money back to the customer."),
        ToldId::LateSuccessAccepted => text("Being given back", "{provider} accepted to give {amount} back to the customer and is not done yet."),
        ToldId::LateHoldUndone => text("Hold given up", "{provider} gave up the hold of {amount}."),
        ToldId::LateChargeUndone => text("Given back", "{provider} gave {amount} back to the customer."),
        ToldId::LateSuccessReturned => text("Giving back failed", "{provider} could not give {amount} back to the customer after all: {reason}."),
        ToldId::LateHoldCaptured => text("Charged before the hold was gone", "Somebody took the held {amount} at {provider} before the hold was given up. We asked {provider} to give the money back."),
        ToldId::CaptureStarted => text("Capture requested", "The merchant wants the held money. We asked {provider} to take {amount}."),
        ToldId::CaptureSucceeded => text("Charged", "{provider} took {amount} of the held money."),
        ToldId::CaptureFailed => text("Capture failed", "{provider} did not take the held money: {reason}."),
        ToldId::CaptureReversed => text("Charge undone", "{provider} had taken {amount} and then undid it: {reason}. The merchant does not get the money."),
        ToldId::CaptureObserved => text("Charged at {provider}", "Somebody took {amount} of the held money at {provider}. We had not asked for that, and booked it."),
        ToldId::CancelStarted => text("Cancellation requested", "The merchant wants to cancel the payment. We asked {provider} to cancel it."),
        ToldId::CancelStartedExpired => text("Time is up", "Nobody acted in time. We asked {provider} to cancel the payment."),
        ToldId::CancelFailed => text("Cancellation failed", "{provider} did not cancel the payment: {reason}."),
        ToldId::RefundStarted => text("Refund requested", "The merchant wants to give {amount} back. We asked {provider} to refund it."),
        ToldId::RefundPending => text("Refund on its way", "{provider} accepted the refund of {amount} and is not done yet."),
        ToldId::RefundSucceeded => text("Refunded", "{provider} refunded {amount} to the customer."),
        ToldId::RefundFailed => text("Refund failed", "{provider} did not refund {amount}: {reason}. The money stays with the merchant."),
        ToldId::RefundReversed => text("Refund came back", "The refund of {amount} at {provider} had gone through and failed after all: {reason}. The money is back with the merchant, not with the customer."),
        ToldId::RefundWatched => text("Refund doubted", "{provider} says that the refund of {amount} may have failed after all. We asked how it stands."),
        ToldId::DisputeInquired => text("The customer's bank asks", "The customer's bank asks about {amount} of this payment: {reason}. It has not taken anything back."),
        ToldId::DisputeInquiryClosed => text("Question settled", "The customer's bank is satisfied. Nothing was taken back."),
        ToldId::DisputeOpened => text("Disputed", "The customer disputed {amount} of this payment: {reason}. The customer's bank took the money back for now."),
        ToldId::DisputeWon => text("Dispute won", "The customer's bank decided for the merchant. {amount} came back."),
        ToldId::DisputeLost => text("Dispute lost", "The customer's bank decided for the customer. The customer keeps {amount}."),
        ToldId::DisputeFeeBooked => text("Dispute fee booked", "{provider} keeps {fee} in all for the dispute."),
        ToldId::DisputeFeeNone => text("No dispute fee", "{provider} keeps nothing for the dispute."),
        ToldId::UnknownTimeout => text("No answer", "{provider} did not answer in time."),
        ToldId::UnknownConnectionLost => text("Connection lost", "The connection to {provider} broke after we had begun to send the request."),
        ToldId::UnknownServerError => text("{provider} had an error", "{provider} had an error of its own and did not say what became of the request."),
        ToldId::UnknownUndecodable => text("Answer not understood", "{provider} answered, and we could not tell from the answer what happened."),
        ToldId::UnknownIdempotencyConflict => text("Request already there", "{provider} says that it has this request already and does not say what became of it."),
        ToldId::UnknownRestart => text("We restarted", "We restarted while a request to {provider} was open. It may have arrived."),
        ToldId::UnknownNotFound => text("Still not known", "We could not find out from {provider} what became of {what}."),
        ToldId::DeferredNotSent => text("{provider} not reached", "The request did not reach {provider}: {reason}."),
        ToldId::DeferredTurnedAway => text("Turned away for now", "{provider} turned the request away without acting on it: {reason}."),
        ToldId::SentFirst => text("Sent", "We sent the request for {what} to {provider}."),
        ToldId::SentSameKey => text("Asked again", "We sent {provider} the same request with the same key again. {provider} knows the key, so that {what} cannot happen twice."),
        ToldId::SentAgain => text("Sent again", "We sent the request for {what} to {provider} again. The earlier one had not been acted on."),
        ToldId::SentLookup => text("Looked up", "We asked {provider} what became of {what}. Asking changes nothing."),
        ToldId::SentLookupCustomer => text("Looked up", "We asked {provider} whether the customer has confirmed."),
        ToldId::SentLookupProvider => text("Looked up", "We asked {provider} whether it is done with {what}."),
        ToldId::SentLookupWatched => text("Checked again", "We asked {provider} whether {what} still stands, because it can fail later."),
        ToldId::SentLookupParked => text("Looked up once more", "We asked {provider} once more what became of {what}. Asking changes nothing."),
        ToldId::UnchangedCustomer => text("Still waiting for the customer", "{provider} says that the customer has not confirmed yet."),
        ToldId::UnchangedProvider => text("Not done yet", "{provider} is not done with {what} yet."),
        ToldId::UnchangedWatched => text("Nothing changed", "{provider} says that {what} still stands."),
        ToldId::Parked => text("A person must look", "We asked {provider} as often as makes sense and could not find out what became of {what}. A person must look."),
        ToldId::ParkedMismatched => text("A person must decide", "{provider} did something else than we asked. We do nothing more by ourselves."),
        ToldId::ParkedLook => text("A person must look", "We looked at the payment at {provider} and could not make it fit our books. A person must look."),
        ToldId::ParkedUndo => text("A person must look", "{provider} did not confirm {what}. A person must look."),
        ToldId::ObservationStarted => text("Looked up", "We asked {provider} how the payment stands there. Asking changes nothing."),
        ToldId::ObservationEnded => text("Nothing new", "{provider} says nothing about the payment that we would have to book."),
        ToldId::WebhookNews => text("Message from {provider}", "{provider} sent us a message ({kind}) with news about this payment."),
        ToldId::WebhookKnown => text("Message from {provider}", "{provider} sent us a message ({kind}). It says nothing new."),
        ToldId::WebhookUnmatched => text("Message from {provider}", "{provider} sent us a message ({kind}) about something that we did not ask for. We kept it and did nothing."),
        ToldId::WebhookKept => text("Message from {provider}", "{provider} sent us a message ({kind}) that changes nothing. We kept it."),
        ToldId::WebhookUnclear => text("Message not understood", "{provider} sent us a message ({kind}) that we do not understand. We kept it and did nothing."),
        ToldId::StrayMatched => text("Earlier message found", "A dispute that came before we knew this payment belongs to it."),
        ToldId::StrayGone => text("Earlier message gone", "A dispute that came before we knew this payment belongs to another payment."),
        ToldId::SweepEnded => text("Messages fetched", "We read {provider}'s list of messages up to {until}."),
        ToldId::KeyRemembered => text("Same request again", "The merchant sent the request again. We gave the same answer and charged nothing."),
        ToldId::KeyRememberedLook => text("Merchant asked", "The merchant asked how the payment stands."),
        ToldId::CustomerCreated => text("Customer created", "The merchant created the customer {name}."),
        ToldId::CustomerStored => text("Customer stored", "{provider} knows the customer now."),
        ToldId::CustomerStoreFailed => text("Customer not stored", "The customer could not be stored at the provider: {reason}."),
        ToldId::CustomerDeleted => text("Customer deleted", "The merchant deleted the customer {name}."),
        ToldId::MethodStarted => text("Payment method given", "The merchant asked us to store a payment method at {provider}."),
        ToldId::MethodStored => text("Payment method stored", "{provider} keeps the payment method."),
        ToldId::MethodStoredCard => text("Card stored", "{provider} keeps the {brand} card that ends in {last4}."),
        ToldId::MethodFailed => text("Payment method not stored", "The payment method was not stored: {reason}."),
        ToldId::MethodRemovalStarted => text("Payment method given up", "The payment method shall be given up. It cannot be charged any more."),
        ToldId::MethodRemoved => text("Payment method removed", "The provider gave the payment method up."),
        ToldId::MethodRemovalFailed => text("Payment method not removed", "The provider did not give the payment method up: {reason}."),
        ToldId::ErrandStoreCustomer => text("Sent to {provider}", "We asked {provider} to store the customer. No money moves."),
        ToldId::ErrandAttach => text("Sent to {provider}", "We asked {provider} to store the payment method. No money moves."),
        ToldId::ErrandDetach => text("Sent to {provider}", "We asked {provider} to give the payment method up. No money moves."),
        ToldId::ErrandUnknown => text("No answer", "We do not know yet what became of a request that moves no money: {reason}."),
        ToldId::ErrandNotSent => text("Provider not reached", "A request that moves no money did not reach the provider: {reason}."),
        ToldId::ErrandTurnedAway => text("Turned away for now", "The provider turned away a request that moves no money: {reason}."),
        ToldId::ErrandSentFirst => text("Sent", "We sent a request that moves no money."),
        ToldId::ErrandSentReplay => text("Sent again", "We sent the same request that moves no money again, with the same key."),
        ToldId::ErrandSentLookup => text("Looked up", "We asked what became of a request that moves no money."),
        ToldId::AccountsOpened => text("Accounts opened", "We opened the merchant's ledger accounts in {name}."),
        ToldId::LedgerAccountsCreated => text("Accounts created", "The merchant created {number} accounts in its own ledger."),
        ToldId::LedgerTransfersCreated => text("Transfers created", "The merchant created transfers in its own ledger."),
        ToldId::LedgerTransfersExpired => text("Transfers expired", "The timeout of pending transfers in the merchant's own ledger passed. What they reserved is free again."),
        ToldId::PaymentsArchived => text("Payments archived", "Nothing is open at {number} payments. They left the memory; the journal keeps them."),
        ToldId::PaymentRecalled => text("Payment recalled", "An archived payment came back into the memory."),
        ToldId::MerchantCreated => text("Merchant admitted", "The merchant {name} was admitted."),
        ToldId::OperatorCreated => text("Operator admitted", "The operator {name} was admitted."),
        ToldId::ApiKeyCreatedMerchant => text("API key made", "The API key {name} was made for the merchant."),
        ToldId::ApiKeyCreatedOperator => text("API key made", "The API key {name} was made for an operator."),
        ToldId::ApiKeyRevoked => text("API key revoked", "The API key {name} stopped working."),
        ToldId::SubjectErased => text("Person erased", "The data of {name} was erased. Nobody can read it any more."),
        ToldId::MinVersionRaised => text("Event version raised", "Events up to version {number} may be written from now on."),
        ToldId::LeaderStarted => text("Platform started", "The platform started; this is epoch {number}."),
        ToldId::CommandQuarantined => text("Request kept out", "A request crashed the engine and changed nothing. It is kept out until an operator lets it in."),
        ToldId::QuarantineReleased => text("Request let in", "An operator let in a request that had been kept out."),
        ToldId::EventSkipped => text("Event passed over", "The operators {first} and {second} released event {number}, which cannot be applied."),
        ToldId::ClockJumped => text("Clock jumped", "The clock jumped forward by {number} seconds. Nothing expires until an operator confirms the time."),
        ToldId::ClockConfirmed => text("Clock confirmed", "An operator confirmed the time. Expiries go on."),

        ToldId::SummaryCreated => text("Not confirmed", "The payment of {amount} was created, and nobody was asked for money yet."),
        ToldId::SummaryAsking => text("Asking {provider}", "We asked {provider} for {amount} and wait for the answer."),
        ToldId::SummaryUnknown => text("Not known yet", "We asked {provider} for {amount} and got no answer that we can rely on."),
        ToldId::SummaryDeferred => text("Trying again", "We could not ask {provider} for {amount} yet and try again. No money moved."),
        ToldId::SummaryPending => text("{provider} is working on it", "{provider} has the payment of {amount} and decides later."),
        ToldId::SummaryCustomer => text("Waiting for the customer", "The customer has to confirm the payment of {amount} with the bank."),
        ToldId::SummaryHeld => text("Held", "{amount} is held on the customer's card and not taken yet."),
        ToldId::SummaryCapturing => text("Being charged", "Money is held on the customer's card, and we asked {provider} to take {amount} of it."),
        ToldId::SummaryCapturingUnknown => text("Not known yet", "Money was held on the customer's card, and we asked {provider} to take {amount} of it. We got no answer that we can rely on."),
        ToldId::SummaryCanceling => text("Being canceled", "We asked {provider} to cancel the payment of {amount}."),
        ToldId::SummaryCancelingUnknown => text("Not known yet", "We asked {provider} to cancel the payment of {amount}. We got no answer that we can rely on."),
        ToldId::SummaryPartlyTaken => text("Partly charged", "{taken} was taken and {held} is still held on the customer's card."),
        ToldId::SummaryTaken => text("Paid", "The customer paid {amount}."),
        ToldId::SummaryPartlyRefunded => text("Partly refunded", "The customer paid {taken} and got {refunded} back."),
        ToldId::SummaryRefunded => text("Refunded", "The customer got {amount} back, all that was taken."),
        ToldId::SummaryCanceled => text("Canceled", "The payment of {amount} was canceled before money was taken."),
        ToldId::SummaryExpired => text("Expired", "Nobody acted in time, so the payment of {amount} ended. No money was taken."),
        ToldId::SummaryDeclined => text("Declined: {reason}", "The payment of {amount} was declined: {reason}. No money moved."),
        ToldId::SummaryFailed => text("Not charged", "The payment of {amount} could not be made. No money moved."),
        ToldId::SummaryFailedBecause => text("Not charged", "The payment of {amount} could not be made: {reason}. No money moved."),
        ToldId::SummaryReversed => text("Charge undone", "{amount} was taken, and the provider undid it. The merchant does not get the money."),
        ToldId::SummaryLateHold => text("Held after all", "The payment was over, and {provider} held {amount} after all. We asked it to give the hold up."),
        ToldId::SummaryLateCharge => text("Charged after all", "The payment was over, and {provider} charged {amount} after all. We asked it to give the money back to the customer."),
        ToldId::SummaryLateHoldUndone => text("Over, nothing charged", "The payment was over, {provider} held {amount} after all, and gave the hold up again. No money was taken."),
        ToldId::SummaryLateChargeUndone => text("Given back", "The payment was over, {provider} charged {amount} after all, and gave the money back to the customer."),
        ToldId::SummaryParked => text("A person must look", "We could not clear up {what} by ourselves, so a person must look. The payment is of {amount}."),
        ToldId::SummaryMismatched => text("A person must decide", "{provider} did something else than we asked. We had asked for {amount}."),
        ToldId::SummaryDisputed => text("Disputed", "The customer paid {taken} and disputed {disputed} of it. The customer's bank holds that money until it decides."),
        ToldId::SummaryDisputeLost => text("Dispute lost", "The customer paid {taken} and got {disputed} back through the bank."),
    }
}

#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "one row a message")]
fn line(id: LineId) -> &'static str {
    match id {
        LineId::NoMoneyMoved => "No money moved.",
        LineId::MoneyReserved => "The money stays reserved in our books until then.",
        LineId::MoneyInSuspense => "In our books the money stands in suspense, where nobody can spend it.",
        LineId::RestReleased => "The rest of the hold is gone; what was taken stays taken.",
        LineId::StillHeld => "{amount} is still held.",
        LineId::RefundedSoFar => "{amount} was refunded besides.",
        LineId::NothingHeld => "Nothing more is held.",
        LineId::LastRefundFailed => "The last refund, of {amount}, failed.",
        LineId::BankAsks => "The customer's bank asks about {amount} of it.",
        LineId::RefundUnderWay => "A refund of {amount} is under way.",
        LineId::FeeKept => "{provider} keeps {fee}.",
        LineId::AvailableAt => "The money becomes available {at}.",
        LineId::DisputeFeeKept => "If {provider} keeps a fee for the dispute, a step of its own says so.",
        LineId::CustomerAway => "The customer was not there: a stored payment method is charged.",
        LineId::HoldEnds => "We give the hold up {at} unless the money is taken before.",
        LineId::GivenUpAt => "If nothing comes of it, we give the payment up {at}.",
        LineId::HappenedOnce => "It happened only once, because all requests carried the same key.",
        LineId::HadWorked => "So an earlier request had worked.",
        LineId::HadNotWorked => "So no money was taken.",
        LineId::AnsweredLate => "The answer came late, after we had stopped waiting for it.",
        LineId::DoubtCharge => "We do not know yet whether the customer was charged.",
        LineId::DoubtHold => "We do not know yet whether money is held on the customer's card.",
        LineId::DoubtCapture => "We do not know yet whether the held money was taken.",
        LineId::DoubtCancel => "We do not know yet whether the payment is canceled.",
        LineId::DoubtRefund => "We do not know yet whether the refund went out.",
        LineId::DoubtLook => "We only wanted to look; this moved no money.",
        LineId::DoubtUndoHold => "We do not know yet whether the hold is gone.",
        LineId::DoubtUndoCapture => "We do not know yet whether the money went back to the customer.",
        LineId::AskAgain => "We ask {provider} again {at}; that cannot make it happen twice.",
        LineId::SendAgain => "Nothing happened, so we send it again {at}.",
        LineId::LookAgain => "We look again {at}.",
        LineId::LookNoMore => "We do not look any more.",
        LineId::RetryHardCard => "We did not try again, because this card will not work; the customer needs another one.",
        LineId::RetryHardRisk => "We did not try again, because fraud is suspected.",
        LineId::RetrySoftFunds => "We did not try another provider, because the issuer would say the same. The card can work later.",
        LineId::RetrySoftIssuer => "The customer's bank gave no lasting reason. We did not try another provider, because the same bank would decide. The card can work later, or after a call to the bank.",
        LineId::RetrySoftPsp => "The problem is at {provider}, not with the card. We did not try again by ourselves; a new attempt can work.",
        LineId::RetryFixData => "We did not try again, because the same data would be refused again. The customer can correct it.",
        LineId::RetryAuthenticate => "The customer's bank wants the customer to confirm the payment. We did not try again, because only the customer can do that.",
        LineId::RetryConfig => "We did not try again, because the account at {provider} is not set up for this card or currency.",
        LineId::RetryDuplicate => "{provider} takes it for a payment that was made already. We did not try again, so that nobody is charged twice.",
        LineId::TellLess => "Tell the customer only that the card was declined.",
        LineId::RespondBy => "The merchant can answer it at {provider} until {until}.",
        LineId::SourceSweep => "The message itself had not come; we found it in {provider}'s list of messages.",
        LineId::SourceReplay => "An operator had a kept message read again.",
        LineId::LookBecauseMessage => "Its message made us look: we believe what {provider} says when we ask, not what a message says.",
        LineId::LookBecauseFee => "We wanted to know what {provider} keeps of the money.",
        LineId::LookBecauseDoubt => "We wanted to be sure that nothing else happened at {provider}.",

        LineId::NextConfirm => "The merchant can confirm the payment. If that does not happen, it ends {at}.",
        LineId::NextConfirmUntimed => "The merchant can confirm the payment.",
        LineId::NextAnswer => "{provider} answers about {what}, usually within seconds.",
        LineId::NextAsk => "We ask {provider} about {what} again {at}.",
        LineId::NextSend => "We send {provider} the request for {what} again {at}.",
        LineId::NextCustomer => "The customer has to confirm. We ask {provider} about it {at}.",
        LineId::NextCustomerUntil => "The customer has time to confirm until {until}; after that we give the payment up. We ask {provider} about it {at}.",
        LineId::NextProvider => "{provider} has to finish {what}. We ask about it {at}.",
        LineId::NextWatched => "The payment is done. We check {at} that {what} still stands at {provider}.",
        LineId::NextParked => "Nothing, until a person has looked.",
        LineId::NextMismatched => "Nothing, until a person puts it right at {provider}.",
        LineId::NextHoldEnds => "The merchant can take the money. If that does not happen, we give the hold up {at}.",
        LineId::NextHold => "The merchant can take the money or cancel the payment.",
        LineId::NextClock => "Nothing expires: the clock jumped, and an operator must confirm the time.",
        LineId::NextAvailable => "The money becomes available to the merchant {at}.",
        LineId::NextFee => "We ask {provider} {at} what it keeps of the money.",
        LineId::NextDispute => "The customer's bank decides about the dispute.",
        LineId::NextDisputeUntil => "The customer's bank decides. The merchant can answer the dispute at {provider} until {until}.",
        LineId::NextInquiry => "The customer's bank waits for an answer, which the merchant can give at {provider}.",
        LineId::NextInquiryUntil => "The customer's bank waits for an answer, which the merchant can give at {provider} until {until}.",
        LineId::NextTryAgain => "Nothing, unless the merchant tries again.",
        LineId::NextNothingPaid => "Nothing: the payment is complete.",
        LineId::NextNothingEnded => "Nothing: the payment is over.",
        LineId::NextNothingReversed => "Nothing. A payment that was charged once is not tried again; the merchant makes a new one.",

        LineId::ActionConfirm => "Ask for {amount} with a payment method.",
        LineId::ActionTryAgain => "Try {amount} again, for instance with another card.",
        LineId::ActionLook => "Ask {provider} now whether the customer has confirmed.",
        LineId::ActionCapture => "Take the held money, up to {amount}.",
        LineId::ActionCancel => "Cancel the payment.",
        LineId::ActionCancelHold => "Cancel the payment and give up the hold of {amount}.",
        LineId::ActionRefund => "Give up to {amount} back to the customer.",
        LineId::ActionLookParked => "Ask {provider} once more what became of {what}. Asking changes nothing.",
        LineId::ActionConfirmClock => "Confirm that the platform's clock is right, so that expiries go on.",

        LineId::EvidenceRequest => "What we asked {provider}",
        LineId::EvidenceRequestAgain => "What we asked {provider} again, byte for byte the same",
        LineId::EvidenceRequestLookup => "What we asked {provider}",
        LineId::EvidenceAnswer => "What {provider} answered, as we understood it",
        LineId::EvidenceMessage => "What {provider} told us, as we understood it",
        LineId::EvidenceEvent => "Event {number} of the journal",
        LineId::EvidenceLedger => "What we booked",
        LineId::EvidenceTrace => "Trace",
        LineId::NoteErased => "The person's data was erased, and this with it. Nobody can read it any more.",
        LineId::NoteUnreadable => "What was kept of it cannot be read.",
        LineId::NoteNeverMade => "We could not write the request, so nothing was sent.",
        LineId::NoteLookup => "A question that only reads is not kept.",
        LineId::NoteRedacted => "[redacted, {number} bytes]",
        LineId::LegHold => "Reserved until the outcome is known",
        LineId::LegHoldTaken => "The reserved money was taken",
        LineId::LegHoldReleased => "The reservation was given up",
        LineId::LegCapture => "Money was taken",
        LineId::LegFee => "The provider's fee",
        LineId::LegFeeReversal => "The provider gave a fee back",
        LineId::LegAvailable => "The provider released the money",
        LineId::LegRefundReserved => "Reserved for a refund",
        LineId::LegRefundPaid => "The refund was paid",
        LineId::LegRefundReleased => "The refund's reservation was given up",
        LineId::LegRefundReversal => "A refund came back",
        LineId::LegCaptureReversal => "A charge was undone",
        LineId::LegDispute => "A dispute took money back",
        LineId::LegDisputeWon => "A won dispute gave money back",
        LineId::LegSuspense => "Moved otherwise than asked; nobody can spend it",
        LineId::LegSuspenseReturned => "Given back to the customer",
        LineId::LegOther => "Booked for a reason that this program does not know",
    }
}

#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "one row a phrase")]
fn phrase(phrase: Phrase) -> &'static str {
    match phrase {
        Phrase::WhatCharge => "the charge",
        Phrase::WhatHold => "the hold",
        Phrase::WhatCapture => "the capture",
        Phrase::WhatCancel => "the cancellation",
        Phrase::WhatRefund => "the refund",
        Phrase::WhatLook => "the payment's state",
        Phrase::WhatUndoHold => "the release of the late hold",
        Phrase::WhatUndoCapture => "the return of the late charge",

        Phrase::NoReason => "no reason was given",
        Phrase::NotSentResolve => "its address could not be found",
        Phrase::NotSentConnect => "it did not accept a connection",
        Phrase::NotSentTls => "no secure connection could be made",
        Phrase::NotSentEncode => "we could not write the request",
        Phrase::NotSentDeadline => "the time for it was over",
        Phrase::RateLimit => "too many requests at once",
        Phrase::LockTimeout => "another request was working on the same object",
        Phrase::ObjectMissing => "it does not know the card or payment that we named",
        Phrase::ObjectState => "the payment's state there does not allow it",
        Phrase::KeyExpired => "our key for its API has expired",
        Phrase::AmountTooSmall => "the amount is too small",
        Phrase::AmountTooLarge => "the amount is too large",
        Phrase::UnknownTimeout => "no answer came in time",
        Phrase::UnknownConnectionLost => "the connection broke",
        Phrase::UnknownServerError => "the provider had an error of its own",
        Phrase::UnknownUndecodable => "the answer was not understood",
        Phrase::UnknownIdempotencyConflict => "the provider has the request already",
        Phrase::UnknownRestart => "we restarted",
        Phrase::UnknownNotFound => "the provider could not tell",

        Phrase::InsufficientFunds => "insufficient funds",
        Phrase::LimitReached => "a limit of the card is reached",
        Phrase::CardLost => "the card was reported lost",
        Phrase::CardStolen => "the card was reported stolen",
        Phrase::CardExpired => "the card has expired",
        Phrase::CardBlocked => "the card is blocked",
        Phrase::AccountClosed => "the card's account is closed or not valid",
        Phrase::PinTries => "the PIN was wrong too often",
        Phrase::ConsentRevoked => "the customer withdrew the consent to be charged",
        Phrase::NewCardIssued => "the customer has a new card",
        Phrase::FraudSuspected => "fraud is suspected",
        Phrase::OnBlockList => "it is on the merchant's block list",
        Phrase::DeclinedTooOften => "the card was declined too often",
        Phrase::CallBank => "the customer should call the bank that issued the card",
        Phrase::RefusedWithoutReason => "the customer's bank gave no reason",
        Phrase::NotAllowed => "the card does not allow this payment",
        Phrase::TryLater => "the customer's bank says to try later",
        Phrase::BankNotReached => "the customer's bank could not be reached",
        Phrase::ProcessingError => "an error while the payment was processed",
        Phrase::WrongNumber => "the card number is wrong",
        Phrase::WrongCvc => "the security code is wrong",
        Phrase::WrongExpiry => "the expiry date is wrong",
        Phrase::WrongAddress => "the address does not fit the card",
        Phrase::WrongPin => "the PIN is wrong",
        Phrase::WrongAmount => "the amount is not allowed",
        Phrase::AuthenticationRequired => "the customer has to confirm",
        Phrase::AuthenticationFailed => "the customer did not confirm",
        Phrase::CardNotSupported => "this kind of card is not supported",
        Phrase::CurrencyNotSupported => "the card does not support the currency",
        Phrase::TestCard => "it is a test card",
        Phrase::DuplicateCharge => "it looks like the same charge twice",

        Phrase::RefundCardLost => "the card was lost or stolen",
        Phrase::RefundCardExpired => "the card has expired or was canceled",
        Phrase::RefundNoBalance => "the merchant's balance at the provider was too small",
        Phrase::RefundDisputed => "the payment was disputed meanwhile",
        Phrase::RefundDeclined => "the customer's bank declined it",
        Phrase::RefundAskedFor => "it was stopped at the provider",
        Phrase::AlreadyTaken => "the money had been taken already",
        Phrase::AlreadyOver => "the payment is over already",
        Phrase::CanceledThere => "it was canceled there",
        Phrase::HoldGone => "the hold is gone",

        Phrase::DisputeFraudulent => "the customer says that somebody else used the card",
        Phrase::DisputeNotReceived => "the customer says that nothing was delivered",
        Phrase::DisputeUnacceptable => "the customer says that it is not as described",
        Phrase::DisputeDuplicate => "the customer says that it was charged twice",
        Phrase::DisputeSubscription => "the customer says that the subscription was canceled",
        Phrase::DisputeCredit => "the customer says that a promised refund did not come",
        Phrase::DisputeUnrecognized => "the customer does not recognise the payment",
        Phrase::DisputeGeneral => "no particular reason was given",

        Phrase::FactRequest => "Request",
        Phrase::FactProviderId => "Provider's id",
        Phrase::FactCode => "Code",
        Phrase::FactNetworkCode => "Card network's code",
        Phrase::FactAmount => "Amount",
        Phrase::FactFee => "Fee",
        Phrase::FactAvailableAt => "Available from",
        Phrase::FactReason => "Reason",
        Phrase::FactMessage => "Message",
        Phrase::FactMessageId => "Message id",
        Phrase::FactRespondBy => "Answer until",
        Phrase::FactDispute => "Dispute",
        Phrase::FactRedirect => "Address for the customer",
        Phrase::FactEventType => "Type",
        Phrase::FactEventId => "Event",
        Phrase::FactRecorded => "Recorded",
        Phrase::FactTraceId => "Trace id",
        Phrase::AccountReceivable => "Owed by the provider",
        Phrase::AccountPending => "Merchant, pending",
        Phrase::AccountAvailable => "Merchant, available",
        Phrase::AccountFees => "Provider's fees",
        Phrase::AccountDisputed => "Disputed",
        Phrase::AccountSuspense => "Suspense",
        Phrase::AccountOther => "Another account",
    }
}
