//! Card numbers and verification codes in requests: only published test numbers are accepted, and neither they nor the
//! codes are kept. A stand-in takes the number's place before anything is stored or recorded.

use super::cards::{Behavior, CardIndex, Decline};
use super::errors::ApiError;
use crate::form::{self, Form, Node};

/// Longest accepted test card number; longer digits are no card.
const CARD_DIGITS_MAX: usize = 19;
/// What stands for a verification code that was given.
const CODE_STAND_IN: &str = "***";
/// Where requests carry card details.
const PLACES: [&[&str]; 2] = [&["card"], &["payment_method_data", "card"]];

fn param(place: &[&str], name: &str) -> String {
    match place {
        [first, rest @ ..] => {
            let middle: String = rest.iter().map(|segment| format!("[{segment}]")).collect();
            format!("{first}{middle}[{name}]")
        }
        [] => name.to_owned(),
    }
}

/// Refuses card numbers that are not published test numbers, before anything could record them, and card details
/// with an impossible expiry or code.
///
/// # Errors
/// As the provider words them.
pub(super) fn check(form: &Form) -> Result<(), ApiError> {
    for place in PLACES {
        if let Some(card) = form.at(place) {
            check_card(card, place)?;
        }
    }
    Ok(())
}

fn check_card(card: &Node, place: &[&str]) -> Result<(), ApiError> {
    let text = |name: &str| card.member(name).and_then(Node::text);
    if let Some(number) = text("number")
        && (number.len() > CARD_DIGITS_MAX || CardIndex::by_number(number).is_none())
    {
        return Err(ApiError::invalid(
            "Sending credit card numbers directly to the Stripe API is generally unsafe. This simulator accepts the published test numbers only.",
        )
        .with_status(402)
        .with_param(param(place, "number")));
    }
    let refused = |code: &'static str, message: &str, param: &'static str| {
        let mut error = ApiError::invalid(message).with_status(402).with_code(code).with_param(param);
        error.kind = "card_error";
        Err(error)
    };
    // A wrong check digit is found before anything is asked of an issuer.
    if let Some(card) = text("number").and_then(CardIndex::by_number)
        && let Behavior::Declines(Decline::IncorrectNumber) = card.card().behavior
    {
        return refused("incorrect_number", Decline::IncorrectNumber.facts().message, "number");
    }
    if text("exp_month").is_some_and(|month| !matches!(month.parse::<u8>(), Ok(1..=12))) {
        return refused("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month");
    }
    if text("exp_year").is_some_and(|year| !matches!(year.parse::<u16>(), Ok(26..=75 | 2026..=2075))) {
        return refused("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year");
    }
    let code_fits = |code: &str| code == CODE_STAND_IN || ((3..=4).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit()));
    if text("cvc").is_some_and(|code| !code.is_empty() && !code_fits(code)) {
        return refused("invalid_cvc", "Your card's security code is invalid.", "cvc");
    }
    Ok(())
}

fn stand_in(name: &str, value: &str) -> Option<String> {
    match name {
        "number" => CardIndex::by_number(value).map(CardIndex::number_stand_in),
        "cvc" if !value.is_empty() => Some(CODE_STAND_IN.to_owned()),
        _ => None,
    }
}

/// Puts stand-ins for the number and the code of a checked form.
pub(super) fn mask(form: &mut Form) {
    for place in PLACES {
        let Some(Node::Group(members)) = form.at_mut(place) else { continue };
        for (name, node) in members {
            if let Some(masked) = node.text().and_then(|value| stand_in(name, value)) {
                *node = Node::Text(masked);
            }
        }
    }
}

/// The same for an encoded form, every other byte as it was; `None` if there is nothing to mask.
pub fn masked_text(encoded: &[u8]) -> Option<Vec<u8>> {
    if !may_hold_card_data(encoded) {
        return None;
    }
    let mut masked = Vec::with_capacity(encoded.len());
    let mut found = false;
    for pair in encoded.split(|byte| *byte == b'&') {
        if !masked.is_empty() {
            masked.push(b'&');
        }
        let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let name = form::decode_text(&pair[..split]).unwrap_or_default();
        let field = ["number", "cvc"].into_iter().find(|field| PLACES.iter().any(|place| param(place, field) == name));
        let value = pair.get(split + 1..).and_then(form::decode_text);
        match field.zip(value).and_then(|(field, value)| stand_in(field, &value)) {
            Some(stand_in) => {
                found = true;
                masked.extend_from_slice(&pair[..split]);
                masked.push(b'=');
                masked.extend_from_slice(stand_in.as_bytes());
            }
            None => masked.extend_from_slice(pair),
        }
    }
    found.then_some(masked)
}

/// Whether a form can hold a number or a code at all: their names stand in it, or letters are written as escapes, which no
/// client does. Most forms end here, without anything being decoded.
fn may_hold_card_data(encoded: &[u8]) -> bool {
    let has = |part: &[u8]| encoded.windows(part.len()).any(|window| window == part);
    has(b"number") || has(b"cvc") || has(b"%6") || has(b"%7")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_codes_are_replaced_and_nothing_else() {
        for (text, expected) in [
            (
                "amount=1&card[number]=4242424242424242&card%5Bcvc%5D=123&metadata[a]=b%20c",
                Some("amount=1&card[number]=test_card_0&card%5Bcvc%5D=***&metadata[a]=b%20c"),
            ),
            ("payment_method_data[card][number]=4000000000000002", Some("payment_method_data[card][number]=test_card_")),
            ("amount=1&metadata[number]=4242424242424242", None),
            ("card[number]=1234", None),
            ("%63ard[%6eumber]=4242424242424242", Some("%63ard[%6eumber]=test_card_0")),
            ("card[cv%63]=123", Some("card[cv%63]=***")),
            ("", None),
        ] {
            let masked = masked_text(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
            match expected {
                None => assert_eq!(masked, None, "{text}"),
                Some(expected) => assert!(masked.as_deref().unwrap().starts_with(expected), "{masked:?}"),
            }
        }
    }

    #[test]
    fn a_masked_form_is_the_form_of_the_masked_text_and_passes_the_check() {
        let text = "type=card&card[number]=4000000000009995&card[cvc]=314&card[exp_month]=12&card[exp_year]=2030";
        let mut form = Form::parse(text.as_bytes()).unwrap();
        mask(&mut form);
        assert_eq!(form, Form::parse(&masked_text(text.as_bytes()).unwrap()).unwrap());
        assert!(check(&form).is_ok());
        let before = form.clone();
        mask(&mut form);
        assert_eq!(form, before, "masking twice is masking once");
    }
}
