//! Codes of providers, networks and our own as reasons that people understand. A code that no row names is shown as it
//! came, between quotation marks: a guess would be worse.

use crate::words::{Line, Name, Phrase, Reason};
use base::{Decline, DeclineClass};

/// Why a payment was declined, turned away or never sent. Sources: Stripe's page on decline codes, its page on error
/// codes, and our own codes of requests that were not sent.
const CODES: &[(&str, Phrase)] = &[
    ("not_sent_resolve", Phrase::NotSentResolve),
    ("not_sent_connect", Phrase::NotSentConnect),
    ("not_sent_tls", Phrase::NotSentTls),
    ("not_sent_encode", Phrase::NotSentEncode),
    ("not_sent_deadline", Phrase::NotSentDeadline),
    ("outcome_unknown", Phrase::UnknownNotFound),
    ("rate_limit", Phrase::RateLimit),
    ("payment_intent_rate_limit_exceeded", Phrase::RateLimit),
    ("lock_timeout", Phrase::LockTimeout),
    ("resource_missing", Phrase::ObjectMissing),
    ("payment_intent_unexpected_state", Phrase::ObjectState),
    ("api_key_expired", Phrase::KeyExpired),
    ("amount_too_small", Phrase::AmountTooSmall),
    ("amount_too_large", Phrase::AmountTooLarge),
    ("insufficient_funds", Phrase::InsufficientFunds),
    ("card_velocity_exceeded", Phrase::LimitReached),
    ("withdrawal_count_limit_exceeded", Phrase::LimitReached),
    ("card_decline_rate_limit_exceeded", Phrase::DeclinedTooOften),
    ("lost_card", Phrase::CardLost),
    ("stolen_card", Phrase::CardStolen),
    ("expired_card", Phrase::CardExpired),
    ("pickup_card", Phrase::CardBlocked),
    ("restricted_card", Phrase::CardBlocked),
    ("invalid_account", Phrase::AccountClosed),
    ("account_closed", Phrase::AccountClosed),
    ("pin_try_exceeded", Phrase::PinTries),
    ("stop_payment_order", Phrase::ConsentRevoked),
    ("revocation_of_authorization", Phrase::ConsentRevoked),
    ("revocation_of_all_authorizations", Phrase::ConsentRevoked),
    ("new_account_information_available", Phrase::NewCardIssued),
    ("fraudulent", Phrase::FraudSuspected),
    ("merchant_blacklist", Phrase::OnBlockList),
    ("card_declined", Phrase::RefusedWithoutReason),
    ("generic_decline", Phrase::RefusedWithoutReason),
    ("do_not_honor", Phrase::RefusedWithoutReason),
    ("no_action_taken", Phrase::RefusedWithoutReason),
    ("do_not_try_again", Phrase::RefusedWithoutReason),
    ("security_violation", Phrase::RefusedWithoutReason),
    ("approve_with_id", Phrase::RefusedWithoutReason),
    ("call_issuer", Phrase::CallBank),
    ("not_permitted", Phrase::NotAllowed),
    ("service_not_allowed", Phrase::NotAllowed),
    ("transaction_not_allowed", Phrase::NotAllowed),
    ("try_again_later", Phrase::TryLater),
    ("reenter_transaction", Phrase::TryLater),
    ("issuer_not_available", Phrase::BankNotReached),
    ("processing_error", Phrase::ProcessingError),
    ("incorrect_number", Phrase::WrongNumber),
    ("invalid_number", Phrase::WrongNumber),
    ("incorrect_cvc", Phrase::WrongCvc),
    ("invalid_cvc", Phrase::WrongCvc),
    ("invalid_expiry_month", Phrase::WrongExpiry),
    ("invalid_expiry_year", Phrase::WrongExpiry),
    ("incorrect_zip", Phrase::WrongAddress),
    ("incorrect_address", Phrase::WrongAddress),
    ("incorrect_pin", Phrase::WrongPin),
    ("invalid_pin", Phrase::WrongPin),
    ("invalid_amount", Phrase::WrongAmount),
    ("authentication_required", Phrase::AuthenticationRequired),
    ("payment_intent_authentication_failure", Phrase::AuthenticationFailed),
    ("card_not_supported", Phrase::CardNotSupported),
    ("currency_not_supported", Phrase::CurrencyNotSupported),
    ("testmode_decline", Phrase::TestCard),
    ("duplicate_transaction", Phrase::DuplicateCharge),
];

/// Why a refund failed: Stripe's `failure_reason`. Other codes mean what they mean for payments.
const REFUND_CODES: &[(&str, Phrase)] = &[
    ("lost_or_stolen_card", Phrase::RefundCardLost),
    ("expired_or_canceled_card", Phrase::RefundCardExpired),
    ("insufficient_funds", Phrase::RefundNoBalance),
    ("charge_for_pending_refund_disputed", Phrase::RefundDisputed),
    ("declined", Phrase::RefundDeclined),
    ("merchant_request", Phrase::RefundAskedFor),
    ("canceled", Phrase::RefundAskedFor),
    ("unknown", Phrase::NoReason),
    ("failed", Phrase::NoReason),
];

/// Why held money could not be taken or given up, or was undone: the state that the payment has at the provider.
const STATE_CODES: &[(&str, Phrase)] = &[
    ("canceled", Phrase::HoldGone),
    ("expired", Phrase::HoldGone),
    ("captured", Phrase::AlreadyTaken),
    ("partially_refunded", Phrase::AlreadyTaken),
    ("refunded", Phrase::AlreadyTaken),
    ("declined", Phrase::AlreadyOver),
];

/// Why a customer disputed a payment: Stripe's `reason` of a dispute.
const DISPUTE_CODES: &[(&str, Phrase)] = &[
    ("fraudulent", Phrase::DisputeFraudulent),
    ("product_not_received", Phrase::DisputeNotReceived),
    ("product_unacceptable", Phrase::DisputeUnacceptable),
    ("duplicate", Phrase::DisputeDuplicate),
    ("subscription_canceled", Phrase::DisputeSubscription),
    ("credit_not_processed", Phrase::DisputeCredit),
    ("unrecognized", Phrase::DisputeUnrecognized),
    ("general", Phrase::DisputeGeneral),
];

fn of(tables: &[&[(&str, Phrase)]], code: &str) -> Reason {
    if code.is_empty() {
        return Reason::Known(Phrase::NoReason);
    }
    let known = tables.iter().find_map(|table| table.iter().find(|(candidate, _)| *candidate == code));
    known.map_or_else(|| Reason::Code(code.to_owned()), |(_, phrase)| Reason::Known(*phrase))
}

/// Why an attempt, a send or an errand came to nothing.
pub(super) fn refusal(code: &str) -> Reason {
    of(&[CODES], code)
}

/// Why a refund came to nothing.
pub(super) fn refund(code: &str) -> Reason {
    of(&[REFUND_CODES, CODES], code)
}

/// Why held money was neither taken nor given up.
pub(super) fn state(code: &str) -> Reason {
    of(&[STATE_CODES, CODES], code)
}

/// Why a charge was undone.
pub(super) fn reversal(code: &str) -> Reason {
    of(&[&[("canceled", Phrase::CanceledThere)], CODES], code)
}

/// Why a customer disputes.
pub(super) fn dispute(code: &str) -> Reason {
    of(&[DISPUTE_CODES], code)
}

/// Declines of which the customer is not told the reason: whoever holds a stolen card should not learn that it is known.
/// Source: Stripe's page on decline codes.
const CODES_TO_HIDE: &[&str] = &["lost_card", "stolen_card", "pickup_card", "fraudulent", "merchant_blacklist"];

/// What a decline permits, why nothing more was tried, and whether the customer may be told.
pub(super) fn permits(decline: &Decline, provider: Name) -> Vec<Line> {
    let is_hidden = decline.class == DeclineClass::HardRisk || CODES_TO_HIDE.contains(&decline.code.as_str());
    let mut lines = vec![next_of_class(decline.class, provider)];
    if is_hidden {
        lines.push(Line::TellLess {});
    }
    lines
}

fn next_of_class(class: DeclineClass, provider: Name) -> Line {
    match class {
        DeclineClass::HardCard => Line::RetryHardCard {},
        DeclineClass::HardRisk => Line::RetryHardRisk {},
        DeclineClass::SoftFunds => Line::RetrySoftFunds {},
        DeclineClass::SoftIssuer => Line::RetrySoftIssuer {},
        DeclineClass::SoftPsp => Line::RetrySoftPsp { provider },
        DeclineClass::FixData => Line::RetryFixData {},
        DeclineClass::Authenticate => Line::RetryAuthenticate {},
        DeclineClass::Config => Line::RetryConfig { provider },
        DeclineClass::Duplicate => Line::RetryDuplicate { provider },
    }
}

#[cfg(test)]
mod tests {
    use super::{CODES, DISPUTE_CODES, REFUND_CODES, STATE_CODES, refund, refusal};
    use crate::words::{Phrase, Reason};
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_one_meaning() {
        for table in [CODES, REFUND_CODES, STATE_CODES, DISPUTE_CODES] {
            let distinct: BTreeSet<&str> = table.iter().map(|(code, _)| *code).collect();
            assert_eq!(distinct.len(), table.len());
        }
    }

    #[test]
    fn what_nobody_knows_is_shown_as_it_came() {
        assert_eq!(refusal("made_up_in_2031"), Reason::Code("made_up_in_2031".into()));
        assert_eq!(refusal(""), Reason::Known(Phrase::NoReason));
        assert_eq!(refusal("insufficient_funds"), Reason::Known(Phrase::InsufficientFunds));
        assert_eq!(refund("insufficient_funds"), Reason::Known(Phrase::RefundNoBalance));
        assert_eq!(refund("resource_missing"), Reason::Known(Phrase::ObjectMissing));
    }
}
