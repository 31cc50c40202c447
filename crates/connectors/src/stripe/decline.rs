//! Stripe's decline codes and what each one permits. Source: Stripe's page on decline codes; the class is our rule.

use super::object::{code_text, text};
use base::{Decline, DeclineClass};
use serde_json::Value;

/// Every code we know with its class, by class. Some are error codes that come without a decline code.
const CLASSES: &[(DeclineClass, &[&str])] = &[
    (
        DeclineClass::HardCard,
        &[
            "lost_card",
            "stolen_card",
            "pickup_card",
            "expired_card",
            "invalid_account",
            "do_not_try_again",
            "stop_payment_order",
            "revocation_of_authorization",
            "revocation_of_all_authorizations",
            "security_violation",
            "restricted_card",
            "new_account_information_available",
            "pin_try_exceeded",
            "account_closed",
        ],
    ),
    (DeclineClass::HardRisk, &["fraudulent", "merchant_blacklist"]),
    (
        DeclineClass::SoftFunds,
        &["insufficient_funds", "card_velocity_exceeded", "withdrawal_count_limit_exceeded", "card_decline_rate_limit_exceeded"],
    ),
    (
        DeclineClass::SoftIssuer,
        &[
            "generic_decline",
            "do_not_honor",
            "call_issuer",
            "no_action_taken",
            "not_permitted",
            "service_not_allowed",
            "transaction_not_allowed",
            "approve_with_id",
            "try_again_later",
            "reenter_transaction",
            "issuer_not_available",
        ],
    ),
    (DeclineClass::SoftPsp, &["processing_error"]),
    (
        DeclineClass::FixData,
        &[
            "incorrect_number",
            "invalid_number",
            "incorrect_cvc",
            "invalid_cvc",
            "invalid_expiry_month",
            "invalid_expiry_year",
            "incorrect_zip",
            "incorrect_address",
            "incorrect_pin",
            "invalid_pin",
            "invalid_amount",
        ],
    ),
    (DeclineClass::Authenticate, &["authentication_required", "payment_intent_authentication_failure"]),
    (DeclineClass::Config, &["card_not_supported", "currency_not_supported", "testmode_decline"]),
    (DeclineClass::Duplicate, &["duplicate_transaction"]),
];

/// Mastercard's Merchant Advice Codes after which the same card must not be tried again: 01 new account information,
/// 03 and 21 do not try again. The codes that only say "later" (02, 24 to 30) leave the decline code's class alone,
/// because they would otherwise turn "no money" into "ask elsewhere".
const NETWORK_ADVICE_HARD: [&str; 3] = ["01", "03", "21"];

/// Why a refund failed (Stripe's `failure_reason`) and what that permits.
const REFUND_FAILURES: [(&str, DeclineClass); 7] = [
    ("lost_or_stolen_card", DeclineClass::HardCard),
    ("expired_or_canceled_card", DeclineClass::HardCard),
    ("insufficient_funds", DeclineClass::SoftFunds),
    ("charge_for_pending_refund_disputed", DeclineClass::Duplicate),
    ("declined", DeclineClass::SoftIssuer),
    ("merchant_request", DeclineClass::Config),
    ("unknown", DeclineClass::SoftIssuer),
];

fn known_class(code: &str) -> Option<DeclineClass> {
    CLASSES.iter().find(|(_, codes)| codes.contains(&code)).map(|(class, _)| *class)
}

/// Whether a decline or error code is in our table.
pub fn is_known_code(code: &str) -> bool {
    known_class(code).is_some()
}

/// The class of a decline code; one we do not know counts as the issuer's refusal without a lasting reason.
pub fn class_of_code(code: &str) -> DeclineClass {
    known_class(code).unwrap_or(DeclineClass::SoftIssuer)
}

/// Reads an error object of a declined payment. Precedence: `advice_code` that forbids another try, then the network's
/// advice, then `decline_code`, then `code`.
pub(super) fn decline(error: &Value) -> Decline {
    let decline_code = text(error, "decline_code");
    let code = text(error, "code");
    let forbidden = text(error, "advice_code") == Some("do_not_try_again")
        || text(error, "network_advice_code").is_some_and(|advice| NETWORK_ADVICE_HARD.contains(&advice));
    let class = if forbidden {
        DeclineClass::HardCard
    } else {
        decline_code.and_then(known_class).or_else(|| code.and_then(known_class)).unwrap_or(DeclineClass::SoftIssuer)
    };
    Decline {
        class,
        code: code_text(decline_code.or(code).unwrap_or_default()),
        network_code: text(error, "network_decline_code").map(code_text),
    }
}

/// A refund that failed or was cancelled.
pub(super) fn refund_decline(status: &str, failure_reason: Option<&str>) -> Decline {
    let known = failure_reason.and_then(|reason| REFUND_FAILURES.iter().find(|(candidate, _)| *candidate == reason));
    Decline {
        class: known.map_or(DeclineClass::SoftIssuer, |(_, class)| *class),
        code: code_text(failure_reason.unwrap_or(status)),
        network_code: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{CLASSES, REFUND_FAILURES, class_of_code, decline, refund_decline};
    use base::DeclineClass;
    use serde_json::json;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_exactly_one_class() {
        let all: Vec<&str> = CLASSES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        let distinct: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), distinct.len());
        assert_eq!(distinct.len(), 49);
        for (class, codes) in CLASSES {
            for code in *codes {
                assert_eq!(class_of_code(code), *class);
                assert_eq!(decline(&json!({ "code": "card_declined", "decline_code": code })).class, *class, "{code}");
                assert_eq!(decline(&json!({ "code": code })).class, *class, "{code} without a decline code");
            }
        }
    }

    #[test]
    fn the_classes_follow_the_published_precedence() {
        for (error, class, code) in [
            (json!({ "decline_code": "made_up_in_2031", "code": "card_declined" }), DeclineClass::SoftIssuer, "made_up_in_2031"),
            (json!({ "code": "card_declined" }), DeclineClass::SoftIssuer, "card_declined"),
            (json!({}), DeclineClass::SoftIssuer, ""),
            (json!({ "decline_code": 7, "code": null }), DeclineClass::SoftIssuer, ""),
            (json!({ "decline_code": "made_up", "code": "expired_card" }), DeclineClass::HardCard, "made_up"),
            (json!({ "decline_code": "insufficient_funds", "code": "expired_card" }), DeclineClass::SoftFunds, "insufficient_funds"),
            (
                json!({ "decline_code": "insufficient_funds", "advice_code": "do_not_try_again" }),
                DeclineClass::HardCard,
                "insufficient_funds",
            ),
            (json!({ "decline_code": "do_not_honor", "network_advice_code": "03" }), DeclineClass::HardCard, "do_not_honor"),
            (json!({ "decline_code": "do_not_honor", "network_advice_code": "21" }), DeclineClass::HardCard, "do_not_honor"),
            (json!({ "decline_code": "do_not_honor", "network_advice_code": "01" }), DeclineClass::HardCard, "do_not_honor"),
            (json!({ "decline_code": "insufficient_funds", "network_advice_code": "24" }), DeclineClass::SoftFunds, "insufficient_funds"),
            (json!({ "decline_code": "fraudulent", "advice_code": "try_again_later" }), DeclineClass::HardRisk, "fraudulent"),
        ] {
            let decline = decline(&error);
            assert_eq!((decline.class, decline.code.as_str()), (class, code), "{error}");
        }
    }

    #[test]
    fn codes_are_clipped_to_64_visible_ascii_bytes() {
        let decline = decline(&json!({ "decline_code": "x".repeat(1_000), "network_decline_code": "5\n1 ü" }));
        assert_eq!(decline.code, "x".repeat(64));
        assert_eq!(decline.network_code.as_deref(), Some("5?1??"));
    }

    #[test]
    fn failed_refunds_say_why() {
        for (reason, class) in REFUND_FAILURES {
            let decline = refund_decline("failed", Some(reason));
            assert_eq!((decline.class, decline.code.as_str()), (class, reason));
        }
        assert_eq!(refund_decline("canceled", None).code, "canceled");
        assert_eq!(refund_decline("failed", Some("made_up")).class, DeclineClass::SoftIssuer);
    }
}
