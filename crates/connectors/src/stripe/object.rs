//! Reads the few fields we need out of Stripe's JSON objects. Everything here is hostile until parsed: unknown fields
//! are ignored, wrong types make the object unreadable where the field matters for money.

use super::json::member;
use super::{PROVIDER_ID_BYTES_MAX, REFERENCE_BYTES_MAX, REFERENCE_METADATA, URL_BYTES_MAX};
use base::Currency;
use egress::{Endpoint, Network};
use serde_json::Value;

/// Longest code that is passed on, in bytes.
const CODE_BYTES_MAX: usize = 64;

pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    member(value, name)?.as_str()
}

pub(super) fn number(value: &Value, name: &str) -> Option<u64> {
    member(value, name)?.as_u64()
}

/// At most 64 bytes of visible ASCII; other characters become question marks.
pub(super) fn code_text(code: &str) -> String {
    printable(code, CODE_BYTES_MAX)
}

/// At most so many bytes of visible ASCII; other characters become question marks.
pub(super) fn printable(text: &str, bytes_max: usize) -> String {
    text.chars().take(bytes_max).map(|character| if character.is_ascii_graphic() { character } else { '?' }).collect()
}

/// Whether a text is a Stripe id with one of these prefixes: safe to put into a path.
pub(super) fn is_id(id: &str, prefixes: &[&str]) -> bool {
    let tail = prefixes.iter().find_map(|prefix| id.strip_prefix(prefix));
    let allowed = |tail: &str| !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    id.len() <= PROVIDER_ID_BYTES_MAX && tail.is_some_and(allowed)
}

/// Prefix of payment intents.
pub(super) const INTENT: &[&str] = &["pi_"];
/// Prefixes of refunds: of cards and of other methods.
pub(super) const REFUND: &[&str] = &["re_", "pyr_"];
/// Prefix of customers.
pub(super) const CUSTOMER: &[&str] = &["cus_"];
/// Prefixes of payment methods, and of the older objects that can be used as such.
pub(super) const METHOD: &[&str] = &["pm_", "card_", "src_"];
/// Objects whose prefixes Stripe has changed before.
pub(super) const PLAIN: &[&str] = &[""];

/// Whether a text is a reference of ours: nothing that could end the quoted value of a search.
pub(super) fn is_reference(reference: &str) -> bool {
    let plain = reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    !reference.is_empty() && reference.len() <= REFERENCE_BYTES_MAX && plain
}

/// The id of another object, which stands there alone or inside the whole object.
pub(super) fn linked_id<'a>(value: &'a Value, name: &str, prefixes: &[&str]) -> Option<&'a str> {
    let id = match member(value, name)? {
        Value::String(id) => id.as_str(),
        expanded => text(expanded, "id")?,
    };
    Some(id).filter(|id| is_id(id, prefixes))
}

/// Whether a browser may be sent there: an absolute https address, or http on this machine.
pub(super) fn is_browser_url(url: &str) -> bool {
    if url.len() > URL_BYTES_MAX || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let origin = format!("{scheme}://{authority}");
    match scheme {
        "https" => Endpoint::parse_private(&origin).is_ok(),
        "http" => Endpoint::parse(&origin).is_ok_and(|endpoint| endpoint.network() == Network::Loopback),
        _ => false,
    }
}

/// `usd` and the like; nothing else than three letters is looked up.
pub(super) fn currency(value: &Value) -> Option<Currency> {
    let code = text(value, "currency")?;
    if code.len() != 3 {
        return None;
    }
    code.to_ascii_uppercase().parse().ok()
}

/// Our reference in the object's metadata.
pub(super) fn reference(value: &Value) -> Option<&str> {
    text(member(value, "metadata")?, REFERENCE_METADATA)
}

/// A payment intent.
pub(super) struct Intent<'a> {
    pub(super) id: &'a str,
    pub(super) status: &'a str,
    /// What was asked for, in Stripe's unit, as the next two.
    pub(super) amount: u64,
    /// What is held.
    pub(super) capturable: Option<u64>,
    /// What was taken.
    pub(super) received: Option<u64>,
    pub(super) currency: Currency,
    pub(super) reference: Option<&'a str>,
    pub(super) redirect_url: Option<&'a str>,
    pub(super) last_error: Option<&'a Value>,
    pub(super) fee: Option<Fee>,
}

/// The fee and when the money is available, where the charge's balance transaction is expanded.
#[derive(Clone, Copy)]
pub(super) struct Fee {
    /// In Stripe's unit of `currency`.
    pub(super) amount: u64,
    /// The settlement currency: not always the payment's.
    pub(super) currency: Currency,
    /// Unix seconds.
    pub(super) available_on_s: u64,
}

impl<'a> Intent<'a> {
    pub(super) fn parse(value: &'a Value) -> Option<Self> {
        if text(value, "object") != Some("payment_intent") {
            return None;
        }
        let id = text(value, "id").filter(|id| is_id(id, INTENT))?;
        let redirect_url = member(value, "next_action")
            .and_then(|action| text(member(action, "redirect_to_url")?, "url"))
            .filter(|url| is_browser_url(url));
        Some(Self {
            id,
            status: text(value, "status")?,
            amount: number(value, "amount")?,
            capturable: number(value, "amount_capturable"),
            received: number(value, "amount_received"),
            currency: currency(value)?,
            reference: reference(value),
            redirect_url,
            last_error: member(value, "last_payment_error").filter(|error| error.is_object()),
            fee: member(value, "latest_charge").and_then(|charge| Fee::parse(member(charge, "balance_transaction")?)),
        })
    }
}

impl Fee {
    fn parse(value: &Value) -> Option<Self> {
        Some(Self { amount: number(value, "fee")?, currency: currency(value)?, available_on_s: number(value, "available_on")? })
    }
}

/// A refund.
pub(super) struct Refund<'a> {
    pub(super) id: &'a str,
    pub(super) status: &'a str,
    /// In Stripe's unit.
    pub(super) amount: u64,
    pub(super) currency: Currency,
    pub(super) intent_id: Option<&'a str>,
    pub(super) reference: Option<&'a str>,
    pub(super) failure_reason: Option<&'a str>,
}

impl<'a> Refund<'a> {
    pub(super) fn parse(value: &'a Value) -> Option<Self> {
        if text(value, "object") != Some("refund") {
            return None;
        }
        let intent_id = match member(value, "payment_intent") {
            Some(Value::String(id)) => Some(id.as_str()),
            Some(expanded) => text(expanded, "id"),
            None => None,
        };
        Some(Self {
            id: text(value, "id").filter(|id| is_id(id, REFUND))?,
            status: text(value, "status")?,
            amount: number(value, "amount")?,
            currency: currency(value)?,
            intent_id,
            reference: reference(value),
            failure_reason: text(value, "failure_reason"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{INTENT, REFUND, is_browser_url, is_id};

    #[test]
    fn ids_are_prefix_and_plain_characters() {
        for (id, prefixes, expected) in [
            ("pi_1PgafyB7WZ01zgkWSjxsAJo3", INTENT, true),
            ("re_1", REFUND, true),
            ("pyr_1", REFUND, true),
            ("pi_1", REFUND, false),
            ("pi_", INTENT, false),
            ("pi_1/../../v1/refunds", INTENT, false),
            ("pi_1?expand", INTENT, false),
            ("pi_ü", INTENT, false),
            ("", INTENT, false),
        ] {
            assert_eq!(is_id(id, prefixes), expected, "{id}");
        }
        assert!(!is_id(&format!("pi_{}", "1".repeat(100)), INTENT));
    }

    #[test]
    fn browsers_are_sent_to_https_or_this_machine_only() {
        for (url, expected) in [
            ("https://hooks.stripe.com/redirect/authenticate/src_1?client_secret=x", true),
            ("https://shop.example#done", true),
            ("http://localhost:3000/return", true),
            ("http://127.0.0.1/return", true),
            ("http://shop.example/return", false),
            ("javascript://shop.example/%0aalert(1)", false),
            ("https:shop.example", false),
            ("https://", false),
            ("https://user@shop.example/", false),
            ("https://shop.example/a b", false),
            ("//shop.example", false),
            ("", false),
        ] {
            assert_eq!(is_browser_url(url), expected, "{url}");
        }
        assert!(is_browser_url(&format!("https://a.example/{}", "x".repeat(2_048 - 18))));
        assert!(!is_browser_url(&format!("https://a.example/{}", "x".repeat(2_049 - 18))));
    }
}
