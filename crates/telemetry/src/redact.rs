//! Takes card numbers, API keys and other credentials out of text before it is logged. Knows nothing of log lines.
//!
//! Redaction errs on the side of hiding: a harmless word that looks like a credential is hidden too.

use base::card::holds_card_number;
use std::borrow::Cow;

/// Longest text that is redacted, in bytes; the rest of a longer one is dropped, and so is the word at the cut, which may be
/// the first half of a secret.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// What stands where a credential was.
pub(crate) const HIDDEN: &str = "[redacted]";
const HIDDEN_CARD: &str = "[card number]";
/// Instead of a whole text whose card number cannot be located.
const HIDDEN_TEXT: &str = "[redacted: card number]";
/// Follows a text that was cut.
pub(crate) const CUT: &str = "…";

/// Fewest digits of a card number; as in [`base::card`].
const CARD_DIGITS_MIN: usize = 13;
/// A key's marker inside a longer word (`task_test_runner` holds `sk_test_`) counts when at least so much follows it.
const KEY_TAIL_BYTES_MIN: usize = 16;
/// Credentials of the `Basic` scheme are at least this long; shorter words after "basic" are prose.
const BASIC_BYTES_MIN: usize = 16;
/// How far back a client secret's object id may start before `_secret_`, in bytes.
const CLIENT_SECRET_ID_BYTES_MAX: usize = 64;

/// Last parts of field names whose values are hidden whatever they hold.
const SECRET_FIELDS: &[&str] = &[
    "access_token",
    "api_key",
    "authorization",
    "card_number",
    "client_secret",
    "cookie",
    "cvc",
    "cvv",
    "pan",
    "password",
    "pepper",
    "secret",
    "set_cookie",
    "token",
];

/// `text` without what looks like a card number, an API key (ours or Stripe's), a bearer or basic credential, a webhook
/// secret or a payment's client secret; cut at [`TEXT_BYTES_MAX`]. Borrows when there was nothing to hide.
pub fn redact(text: &str) -> Cow<'_, str> {
    let bounded = cut(text);
    match redact_credentials(&bounded) {
        Some(redacted) => Cow::Owned(redact_cards(&redacted).unwrap_or(redacted)),
        None => match redact_cards(&bounded) {
            Some(redacted) => Cow::Owned(redacted),
            None => bounded,
        },
    }
}

/// Whether a log field of that name is hidden without a look at its value.
pub(crate) fn is_secret_field(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    SECRET_FIELDS.contains(&last)
}

fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= TEXT_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    let kept = &text[..text.floor_char_boundary(TEXT_BYTES_MAX - CUT.len())];
    let whole_words = kept.trim_end_matches(may_belong_to_a_secret);
    Cow::Owned(format!("{whole_words}{CUT}"))
}

/// Characters of keys, tokens and card numbers, the separators inside card numbers and escapes included.
fn may_belong_to_a_secret(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, ' ' | '-' | '_' | '.' | '~' | '+' | '/' | '=' | '%' | '\\')
}

fn redact_credentials(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut redacted = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        match secret_at(bytes, at) {
            Some((start, end)) => {
                assert!(at < start && start < end && end <= bytes.len());
                redacted.push_str(&text[copied..start]);
                redacted.push_str(HIDDEN);
                copied = end;
                at = end;
            }
            None => at += 1,
        }
    }
    if copied == 0 {
        return None;
    }
    redacted.push_str(&text[copied..]);
    Some(redacted)
}

/// Start and end of the secret whose marker begins at `at`. Both lie beside ASCII bytes, so both are character boundaries.
fn secret_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match bytes[at] {
        b'p' | b's' | b'r' | b'o' => api_key_at(bytes, at),
        b'b' | b'B' => credential_at(bytes, at),
        b'w' => marked(bytes, at, b"whsec_", is_token_byte),
        b'_' => client_secret_at(bytes, at),
        _ => None,
    }
}

/// `sk_test_…` and its kin.
fn api_key_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let marker = bytes.get(at..at + 8)?;
    if marker[1] != b'k' || !(marker[2..] == *b"_test_" || marker[2..] == *b"_live_") {
        return None;
    }
    let (start, end) = run(bytes, at + 8, is_word_byte)?;
    let begins_a_word = at == 0 || !bytes[at - 1].is_ascii_alphabetic();
    (begins_a_word || end - start >= KEY_TAIL_BYTES_MIN).then_some((start, end))
}

/// What follows `Bearer ` or `Basic `, in any case.
fn credential_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    if at > 0 && bytes[at - 1].is_ascii_alphabetic() && !(at > 1 && bytes[at - 2] == b'\\') {
        return None;
    }
    let (scheme_bytes, credential_bytes_min) = if starts_with_ignoring_case(&bytes[at..], b"bearer") {
        (b"bearer".len(), 1)
    } else if starts_with_ignoring_case(&bytes[at..], b"basic") {
        (b"basic".len(), BASIC_BYTES_MIN)
    } else {
        return None;
    };
    let (_, spaces_end) = run(bytes, at + scheme_bytes, |byte| matches!(byte, b' ' | b'\t'))?;
    let (start, end) = run(bytes, spaces_end, is_token_byte)?;
    (end - start >= credential_bytes_min).then_some((start, end))
}

/// The part after `_secret_` of `pi_…_secret_…` and `seti_…_secret_…`.
fn client_secret_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let found = marked(bytes, at, b"_secret_", is_word_byte)?;
    let before = &bytes[at.saturating_sub(CLIENT_SECRET_ID_BYTES_MAX)..at];
    let id_bytes = before.iter().rev().take_while(|byte| is_word_byte(**byte)).count();
    let id = &before[before.len() - id_bytes..];
    let is_object = [b"pi_".as_slice(), b"seti_", b"pay_"].iter().any(|prefix| id.windows(prefix.len()).any(|part| part == *prefix));
    is_object.then_some(found)
}

fn marked(bytes: &[u8], at: usize, marker: &[u8], belongs: fn(u8) -> bool) -> Option<(usize, usize)> {
    if !bytes[at..].starts_with(marker) {
        return None;
    }
    run(bytes, at + marker.len(), belongs)
}

/// The run of bytes that belong, from `start`; `None` when it is empty.
fn run(bytes: &[u8], start: usize, belongs: fn(u8) -> bool) -> Option<(usize, usize)> {
    let length = bytes.get(start..)?.iter().take_while(|byte| belongs(**byte)).count();
    (length > 0).then_some((start, start + length))
}

fn starts_with_ignoring_case(bytes: &[u8], word: &[u8]) -> bool {
    bytes.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

const fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn is_token_byte(byte: u8) -> bool {
    is_word_byte(byte) || matches!(byte, b'-' | b'.' | b'~' | b'+' | b'/' | b'=')
}

fn redact_cards(text: &str) -> Option<String> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits < CARD_DIGITS_MIN || !shows_card_number(text) {
        return None;
    }
    let masked = mask_long_digit_runs(text);
    Some(if shows_card_number(&masked) { HIDDEN_TEXT.to_owned() } else { masked })
}

/// Looks at the text as it is, and with escapes read as the white space they may stand for: text that was already
/// printed by `Debug`, JSON or a URL hides a card number's delimiters.
fn shows_card_number(text: &str) -> bool {
    holds_card_number(text) || (text.contains(['\\', '%', '+']) && holds_card_number(&escapes_as_spaces(text)))
}

/// Replaces `\n`, `\u{a0}`, `\u00a0`, `\xa0`, `%20`, `+` and the like by one space each.
fn escapes_as_spaces(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let escape_bytes = match character {
            '\\' => backslash_escape_bytes(rest.as_bytes()),
            '%' => 1 + hexadecimal_bytes(&rest.as_bytes()[1..], 2),
            '+' => 1,
            _ => {
                plain.push(character);
                rest = &rest[character.len_utf8()..];
                continue;
            }
        };
        plain.push(' ');
        rest = &rest[escape_bytes..];
    }
    plain
}

/// Bytes of a run of backslashes and what they escape; all of them ASCII.
fn backslash_escape_bytes(bytes: &[u8]) -> usize {
    let backslashes = bytes.iter().take_while(|byte| **byte == b'\\').count();
    let after = &bytes[backslashes..];
    backslashes
        + match after {
            [b'u', b'{', inside @ ..] => {
                let digits = hexadecimal_bytes(inside, 6);
                if inside.get(digits) == Some(&b'}') { 3 + digits } else { 2 + digits }
            }
            [b'u', digits @ ..] => 1 + hexadecimal_bytes(digits, 4),
            [b'x', digits @ ..] => 1 + hexadecimal_bytes(digits, 2),
            [first, ..] if first.is_ascii() && !first.is_ascii_digit() => 1,
            _ => 0,
        }
}

fn hexadecimal_bytes(bytes: &[u8], bytes_max: usize) -> usize {
    bytes.iter().take(bytes_max).take_while(|byte| byte.is_ascii_hexdigit()).count()
}

/// Hides every run of at least 13 digits, single spaces and hyphens between them included.
fn mask_long_digit_runs(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut masked = String::with_capacity(text.len());
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let mut digits = 0;
        while at < bytes.len() {
            let separates = matches!(bytes[at], b' ' | b'-') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
            if bytes[at].is_ascii_digit() {
                digits += 1;
            } else if !separates {
                break;
            }
            at += 1;
        }
        if digits >= CARD_DIGITS_MIN {
            masked.push_str(&text[copied..start]);
            masked.push_str(HIDDEN_CARD);
            copied = at;
        }
    }
    masked.push_str(&text[copied..]);
    masked
}

#[cfg(test)]
mod tests {
    use super::{TEXT_BYTES_MAX, escapes_as_spaces, is_secret_field, redact, shows_card_number};
    use proptest::prelude::*;
    use std::borrow::Cow;

    const OURS: &str = "sk_test_EgOGusQGwp3oDH4mEVFvp7u7ED6UzpF5eHPrBI5AHumY7UBpOQIJz3ig1KI";

    #[test]
    fn secrets_are_hidden_and_the_words_around_them_stay() {
        let ours = format!("key {OURS} refused");
        let in_an_address = format!("https://{OURS}:@api.example");
        for (text, expected) in [
            (ours.as_str(), "key sk_test_[redacted] refused"),
            (&in_an_address, "https://sk_test_[redacted]:@api.example"),
            ("sk_test_4eC39HqLyjWDarjtT1zdp7dc", "sk_test_[redacted]"),
            ("\"pk_live_x\",rk_test_y;ok_live_z", "\"pk_live_[redacted]\",rk_test_[redacted];ok_live_[redacted]"),
            ("stripe_sk_live_abc", "stripe_sk_live_[redacted]"),
            ("line\\nsk_live_4eC39HqLyjWDarjtT1zdp7dc", "line\\nsk_live_[redacted]"),
            ("Authorization: Bearer abc.DEF-1_2~3+/==, next", "Authorization: Bearer [redacted], next"),
            ("bearer\t x", "bearer\t [redacted]"),
            ("Bearer sk_test_abc", "Bearer [redacted]"),
            ("{\"authorization\":\"Bearer abc\"}", "{\"authorization\":\"Bearer [redacted]\"}"),
            ("line\\nBearer abc", "line\\nBearer [redacted]"),
            ("Basic c2tfdGVzdF9hYmM6", "Basic [redacted]"),
            ("webhook whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=", "webhook whsec_[redacted]"),
            ("pi_3MtwBw_secret_YrKJUKribcBjcG8HVhfZluoGH", "pi_3MtwBw_secret_[redacted]"),
            ("card 4242 4242 4242 4242 declined", "card [card number] declined"),
            ("{\"n\":4242424242424242,\"m\":378282246310005}", "{\"n\":[card number],\"m\":[card number]}"),
            ("order 7 4242 4242 4242 4242", "order [card number]"),
            ("\"a\\n4242424242424242\"", "\"a\\n[card number]\""),
            ("\"a\\\\n4242424242424242\"", "\"a\\\\n[card number]\""),
            ("a\\u{a0}4242424242424242", "a\\u{a0}[card number]"),
            ("pan=4242%204242%204242%204242", "[redacted: card number]"),
            ("pan=4242+4242+4242+4242", "[redacted: card number]"),
            ("é4242 sk_test_é sk_live_abcé", "é4242 sk_test_é sk_live_[redacted]é"),
        ] {
            assert_eq!(redact(text), expected, "{text}");
        }
    }

    #[test]
    fn harmless_text_is_not_touched() {
        for text in [
            "",
            "payment pay_01jd4242424242424242424242 captured",
            "task_test_runner started, disk_live_bytes=7",
            "a key starts with sk_test_ or rk_live_",
            "Bearer",
            "a basic check failed",
            "IMEI 490154203237518 at 1795253580000000000",
            "client_secret_missing",
            "2026-11-21T09:33:00.000Z",
            "4242424242424241",
            "50% of 42\\",
            "trailing %",
            "été 🦀",
        ] {
            assert!(matches!(redact(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn a_secret_across_the_cut_does_not_show_its_first_half() {
        for secret in ["4242 4242 4242 4242", OURS, "Bearer abc.def~ghi+jkl/mno="] {
            for shown in 0..secret.len() {
                let filler = "!".repeat(TEXT_BYTES_MAX - 3 - shown);
                let redacted = redact(&format!("{filler}{secret} and more")).into_owned();
                assert!(redacted.len() <= TEXT_BYTES_MAX);
                assert_eq!(redacted, format!("{filler}…"), "{shown} bytes before the cut");
            }
        }
        assert_eq!(redact(&"4".repeat(1_000_000)), "…");
    }

    #[test]
    fn fields_named_after_secrets_are_known() {
        for (name, secret) in [
            ("authorization", true),
            ("http.request.header.authorization", true),
            ("cvc", true),
            ("token", true),
            ("token_count", false),
            ("payment_id", false),
        ] {
            assert_eq!(is_secret_field(name), secret, "{name}");
        }
    }

    #[test]
    fn escapes_become_one_space_each() {
        for (text, expected) in [
            ("a\\nb", "a b"),
            ("\\u{1F980}x", " x"),
            ("\\u00a0x", " x"),
            ("\\xa0x", " x"),
            ("%20x%", " x "),
            ("\\", " "),
            ("\\é", " é"),
            ("\\u{", " "),
        ] {
            assert_eq!(escapes_as_spaces(text), expected, "{text}");
        }
    }

    fn secret() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("4242424242424242".to_owned()),
            Just("5555 5555 5555 4444".to_owned()),
            Just("3782-822463-10005".to_owned()),
            "[psro]k_(test|live)_[0-9A-Za-z]{24,107}",
        ]
    }

    proptest! {
        #[test]
        fn a_planted_secret_never_survives(before in "(\\PC{0,40}[ \"=:,(\n])?", secret in secret(), after in "([ \",;)\n]\\PC{0,40})?") {
            let redacted = redact(&format!("{before}{secret}{after}")).into_owned();
            prop_assert!(!redacted.contains(&secret), "{}", redacted);
            prop_assert!(!shows_card_number(&redacted), "{}", redacted);
            prop_assert_eq!(redact(&redacted), redacted.as_str());
        }

        #[test]
        fn no_text_makes_it_panic_and_a_second_pass_changes_nothing(text in "([\\\\%+_ -]|4242|sk_live_|bearer |whsec_|pi_1_secret_|\\PC){0,60}") {
            let once = redact(&text).into_owned();
            prop_assert!(!shows_card_number(&once));
            prop_assert_eq!(redact(&once), once.as_str());
        }
    }
}
