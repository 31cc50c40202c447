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

    /// What a class is called in the API and what it permits.
    fn explained(class: DeclineClass) -> (&'static str, &'static str, &'static str) {
        match class {
            DeclineClass::HardCard => {
                ("hard_card", "lost, stolen, closed, expired, revoked", "never again with this card; ask for another one")
            }
            DeclineClass::HardRisk => {
                ("hard_risk", "fraud, according to the bank or the provider", "do not try again, and do not tell the customer why")
            }
            DeclineClass::SoftFunds => ("soft_funds", "not enough money, or a limit is reached", "later, or with another card"),
            DeclineClass::SoftIssuer => (
                "soft_issuer",
                "the bank refused without a lasting reason",
                "once more later, or with another card; the customer may call the bank",
            ),
            DeclineClass::SoftPsp => ("soft_psp", "the provider had a problem", "try again in a moment"),
            DeclineClass::FixData => ("fix_data", "something was typed wrongly", "let the customer correct it"),
            DeclineClass::Authenticate => {
                ("authenticate", "the bank wants the customer to confirm", "confirm the payment with the customer present")
            }
            DeclineClass::Config => {
                ("config", "the provider's account is not set up for this", "nothing a customer can do; ask the operator")
            }
            DeclineClass::Duplicate => ("duplicate", "the provider believes that it did this before", "look at the earlier payment first"),
        }
    }

    fn codes_in_words(codes: &[&str]) -> String {
        codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ")
    }

    /// Prints the tables into the page; run with `BEZANT_UPDATE=1` to rewrite them.
    #[test]
    fn the_page_about_declines_shows_the_tables() {
        let mut classes = String::from("\n| Class | Why | What may be done | Codes of Stripe |\n|---|---|---|---|\n");
        for (class, codes) in CLASSES {
            let (name, why, permits) = explained(*class);
            classes.push_str(&format!("| `{name}` | {why} | {permits} | {} |\n", codes_in_words(codes)));
        }
        let mut refunds = String::from("\n| Code | Class |\n|---|---|\n");
        for (code, class) in REFUND_FAILURES {
            refunds.push_str(&format!("| `{code}` | `{}` |\n", explained(class).0));
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/declines.md");
        let mut made = std::fs::read_to_string(path).unwrap();
        for (name, text) in [("classes", classes), ("refunds", refunds)] {
            let begin = format!("<!-- begin {name} -->\n");
            let from = made.find(&begin).unwrap() + begin.len();
            let until = made.find(&format!("<!-- end {name} -->")).unwrap();
            made.replace_range(from..until, &format!("{text}\n"));
        }
        if std::env::var_os("BEZANT_UPDATE").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            made,
            "docs/guide/declines.md is out of date; run this test with BEZANT_UPDATE=1"
        );
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
