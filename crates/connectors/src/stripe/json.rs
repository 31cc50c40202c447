//! Stripe's JSON, read as far as it says something to us. Its objects have a hundred members and more, of which we read a
//! dozen; to make a tree of them all was the largest cost of a payment outside the kernel (docs/performance.md). The rest is
//! checked for its form and passed over.

use super::REFERENCE_METADATA;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Names of members that are read, at any depth. [`member`] holds its callers to it.
const NAMES: [&str; 40] = [
    "advice_code",
    "amount",
    "amount_capturable",
    "amount_received",
    "available_on",
    "balance_transaction",
    "balance_transactions",
    REFERENCE_METADATA,
    "brand",
    "card",
    "code",
    "created",
    "currency",
    "customer",
    "data",
    "decline_code",
    "deleted",
    "due_by",
    "error",
    "evidence_details",
    "exp_month",
    "exp_year",
    "failure_reason",
    "fee",
    "has_more",
    "id",
    "last4",
    "last_payment_error",
    "latest_charge",
    "metadata",
    "network_advice_code",
    "network_decline_code",
    "next_action",
    "object",
    "payment_intent",
    "reason",
    "redirect_to_url",
    "status",
    "type",
    "url",
];

/// Reads a text; `None` when it is no JSON. Of a name that comes twice the last counts.
pub(super) fn read(body: &[u8]) -> Option<Value> {
    // All of it, also what is passed over: a body that is no text is not one that Stripe sent.
    let text = core::str::from_utf8(body).ok()?;
    let mut source = serde_json::Deserializer::from_str(text);
    let value = Kept.deserialize(&mut source).ok()?;
    source.end().ok()?;
    Some(value)
}

/// A member of an object that [`read`] gave.
pub(super) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    debug_assert!(is_kept(name), "{name} is not among the names that are read");
    value.get(name)
}

/// The wanted members of an object, each still as it came. Of a name that comes twice the last counts.
pub(super) fn members<'a>(body: &'a [u8], wanted: &'static [&'static str]) -> Option<BTreeMap<&'static str, &'a RawValue>> {
    let text = core::str::from_utf8(body).ok()?;
    let mut source = serde_json::Deserializer::from_str(text);
    let found = Members { wanted }.deserialize(&mut source).ok()?;
    source.end().ok()?;
    Some(found)
}

/// The first letters of names by their length, one bit each: most names that nobody reads are told apart by these alone.
const FIRST_LETTERS: [u32; NAME_BYTES_MAX + 1] = first_letters();
/// The longest name.
const NAME_BYTES_MAX: usize = 24;

const fn first_letters() -> [u32; NAME_BYTES_MAX + 1] {
    let mut letters = [0; NAME_BYTES_MAX + 1];
    let mut index = 0;
    while index < NAMES.len() {
        let name = NAMES[index].as_bytes();
        letters[name.len()] |= letter_bit(name[0]);
        index += 1;
    }
    letters
}

const fn letter_bit(letter: u8) -> u32 {
    1 << (letter & 31)
}

fn is_kept(name: &str) -> bool {
    let Some(letters) = FIRST_LETTERS.get(name.len()) else { return false };
    let first = name.bytes().next().map_or(0, letter_bit);
    letters & first != 0 && NAMES.binary_search(&name).is_ok()
}

/// The value that comes, without the members that nobody reads.
struct Kept;

impl<'de> DeserializeSeed<'de> for Kept {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Kept {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = source.next_element_seed(Kept)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = source.next_key_seed(Name)? {
            if is_kept(&name) {
                members.insert(name.into_owned(), source.next_value_seed(Kept)?);
            } else {
                source.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Object(members))
    }
}

/// A member's name, borrowed from the text unless it has escapes in it.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Cow<'de, str>, D::Error> {
        source.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Some members of an object.
struct Members {
    wanted: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for Members {
    type Value = BTreeMap<&'static str, &'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = BTreeMap<&'static str, &'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
        let mut found = BTreeMap::new();
        while let Some(name) = source.next_key_seed(Name)? {
            match self.wanted.iter().find(|wanted| **wanted == name) {
                Some(wanted) => {
                    found.insert(*wanted, source.next_value()?);
                }
                None => {
                    source.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{NAMES, is_kept, member, members, read};
    use serde_json::{Value, json};

    #[test]
    fn names_are_sorted_so_that_they_are_found() {
        assert!(NAMES.is_sorted());
        assert!(NAMES.iter().all(|name| is_kept(name)));
        assert!(["", "i", "idd", "livemode", "statuses", "a_name_that_is_longer_than_any"].iter().all(|name| !is_kept(name)));
    }

    #[test]
    fn what_is_read_is_kept_at_every_depth_and_the_rest_is_gone() {
        let text = br#"{"id":"pi_1","livemode":false,"amount":-5,"fee":1.5,"data":[{"status":"a","x":[{"id":"y"}]},null,"t"],
            "metadata":{"bezant_reference":"r","else":"s"},"has_more":true,"created":18446744073709551615,"reason":"a\u00fc"}"#;
        let expected = json!({
            "id": "pi_1", "amount": -5, "fee": 1.5, "data": [{"status": "a"}, null, "t"],
            "metadata": {"bezant_reference": "r"}, "has_more": true, "created": u64::MAX, "reason": "aü"
        });
        assert_eq!(read(text), Some(expected));
        assert_eq!(read(br#"{"id":1,"\u0069d":2}"#), Some(json!({"id": 2})), "names may be escaped, and the last counts");
    }

    #[test]
    fn what_is_no_json_is_not_read_wherever_it_is_broken() {
        let broken: [&[u8]; 8] = [
            b"",
            b"{",
            b"{\"id\":}",
            b"{\"livemode\":}",
            b"{\"livemode\":[1,}",
            b"{\"livemode\":tru}",
            b"{\"id\":1} {}",
            b"{\"livemode\":\"\xff\"}",
        ];
        for text in broken {
            assert_eq!(read(text), None, "{}", String::from_utf8_lossy(text));
            assert!(members(text, &["id"]).is_none(), "{}", String::from_utf8_lossy(text));
        }
        let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
        assert_eq!(read(deep.as_bytes()), None, "too deep");
    }

    #[test]
    fn members_are_given_as_they_came() {
        let found = members(br#"{"x":{"id":1},"data": {"a":  1},"id":"a","id":"b"}"#, &["id", "data"]).unwrap();
        let texts: Vec<(&str, &str)> = found.iter().map(|(name, value)| (*name, value.get())).collect();
        assert_eq!(texts, [("data", r#"{"a":  1}"#), ("id", "\"b\"")]);
        assert!(members(b"[]", &["id"]).is_none());
    }

    #[test]
    #[should_panic(expected = "is not among the names that are read")]
    fn a_member_that_is_never_kept_is_not_asked_for() {
        let _ = member(&Value::Null, "livemode");
    }
}
