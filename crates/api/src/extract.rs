//! From a request to checked values: bodies, headers, path ids, query parameters. Everything here is input of a
//! stranger: bounded, parsed once, and refused with the name of what is wrong.

use crate::App;
use crate::errors::{Code, Problem};
use crate::platform::Principal;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use base::card::holds_card_number;
use base::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use base::{CustomerId, MerchantId, OperatorId, PaymentId, PaymentMethodId, RefundId};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::time::Duration;
use views::Scope;

/// The client's key.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// A read's wish to see at least this event.
pub(crate) const BEZANT_MIN_SEQ: &str = "bezant-min-seq";
/// The merchant whose data an operator asks for.
pub(crate) const BEZANT_MERCHANT: &str = "Bezant-Merchant";
/// How long a body may take to arrive, in milliseconds.
const BODY_WAIT_MS_MAX: u64 = 10_000;
/// Longest name of a client's that an error repeats, in bytes.
const NAME_BYTES_MAX: usize = 80;

/// The merchant that the request acts for: whose key it carries, or whom an operator reads as. Only on routes whose guard
/// admits merchants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MerchantCaller(pub(crate) MerchantId);

/// Whose objects the request may see: one merchant's, or all when an operator named nobody. Only on routes whose guard admits both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadScope(pub(crate) Scope);

/// The operator whose key the request carries. Only on routes whose guard admits operators.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OperatorCaller(pub(crate) OperatorId);

impl FromRequestParts<App> for MerchantCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        match parts.extensions.get::<Principal>() {
            Some(Principal::Merchant(merchant)) => Ok(Self(*merchant)),
            Some(Principal::Operator(_)) | None => Err(Problem::new(Code::ApiKeyWrongKind)),
        }
    }
}

impl FromRequestParts<App> for ReadScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        match parts.extensions.get::<Principal>() {
            Some(Principal::Merchant(merchant)) => Ok(Self(Scope::Merchant(*merchant))),
            Some(Principal::Operator(_)) => Ok(Self(Scope::All)),
            None => Err(Problem::new(Code::ApiKeyWrongKind)),
        }
    }
}

impl FromRequestParts<App> for OperatorCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        match parts.extensions.get::<Principal>() {
            Some(Principal::Operator(operator)) => Ok(Self(*operator)),
            Some(Principal::Merchant(_)) | None => Err(Problem::new(Code::ApiKeyWrongKind)),
        }
    }
}

/// The request's `Idempotency-Key`: 1 to 255 printable ASCII characters.
#[derive(Clone, Debug)]
pub(crate) struct IdempotencyKey(pub(crate) String);

impl FromRequestParts<App> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        idempotency_key(&parts.headers)
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<IdempotencyKey, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let problem = |code, detail: String| Problem::of_field(code, "Idempotency-Key", detail);
    let Some(value) = values.next() else {
        return Err(problem(Code::IdempotencyKeyMissing, "the header Idempotency-Key is missing".into()));
    };
    if values.next().is_some() {
        return Err(problem(Code::IdempotencyKeyMalformed, "the header Idempotency-Key is there more than once".into()));
    }
    let bytes = value.as_bytes();
    if bytes.is_empty() {
        return Err(problem(Code::IdempotencyKeyMissing, "the header Idempotency-Key is empty".into()));
    }
    if bytes.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        let detail = format!("the key has {} bytes and may have {IDEMPOTENCY_KEY_BYTES_MAX}", bytes.len());
        return Err(problem(Code::IdempotencyKeyTooLong, detail));
    }
    let printable = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    match value.to_str() {
        Ok(text) if printable => Ok(IdempotencyKey(text.to_owned())),
        Ok(_) | Err(_) => Err(problem(Code::IdempotencyKeyMalformed, "the key has characters outside of printable ASCII".into())),
    }
}

/// The one parameter in the path of routes that have one.
#[derive(Clone, Debug)]
pub(crate) struct PathText(String);

impl FromRequestParts<App> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Problem::new(Code::Utf8Invalid))?;
        let first = parameters.iter().next().map(|(_, value)| value.to_owned());
        first.map(Self).ok_or_else(|| Problem::new(Code::RouteUnknown))
    }
}

impl PathText {
    /// The text itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A payment's id; what cannot be one does not exist.
    pub(crate) fn payment(&self) -> Result<PaymentId, Problem> {
        self.0.parse().map_err(|_| Problem::new(Code::PaymentUnknown))
    }

    /// A refund's id; what cannot be one does not exist.
    pub(crate) fn refund(&self) -> Result<RefundId, Problem> {
        self.0.parse().map_err(|_| Problem::new(Code::RefundUnknown))
    }

    /// A customer's id; what cannot be one does not exist.
    pub(crate) fn customer(&self) -> Result<CustomerId, Problem> {
        self.0.parse().map_err(|_| Problem::new(Code::CustomerUnknown))
    }

    /// A stored payment method's id; what cannot be one does not exist.
    pub(crate) fn payment_method(&self) -> Result<PaymentMethodId, Problem> {
        self.0.parse().map_err(|_| Problem::new(Code::PaymentMethodUnknown))
    }

    /// A merchant's id; what cannot be one does not exist.
    pub(crate) fn merchant(&self) -> Result<MerchantId, Problem> {
        self.0.parse().map_err(|_| Problem::new(Code::MerchantUnknown))
    }
}

/// The two parameters in the path of routes that have two.
#[derive(Clone, Debug)]
pub(crate) struct PathPair {
    pub(crate) first: String,
    pub(crate) second: String,
}

impl FromRequestParts<App> for PathPair {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Problem::new(Code::Utf8Invalid))?;
        let mut values = parameters.iter().map(|(_, value)| value.to_owned());
        match (values.next(), values.next()) {
            (Some(first), Some(second)) => Ok(Self { first, second }),
            _ => Err(Problem::new(Code::RouteUnknown)),
        }
    }
}

/// A body of at most so many bytes, exactly as it was sent; nothing in it was looked at.
#[derive(Clone)]
pub(crate) struct RawBody<const BYTES_MAX: usize>(pub(crate) Bytes);

impl<const BYTES_MAX: usize> FromRequest<App> for RawBody<BYTES_MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        read_body(&parts.headers, body, BYTES_MAX).await.map(Self)
    }
}

/// A JSON body, typed and as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Body<T> {
    /// The typed value.
    pub(crate) value: T,
    /// The value as sent, for the fingerprint.
    pub(crate) json: Value,
}

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read_body(&parts.headers, body, app.options.body_bytes_max).await?;
        if !bytes.is_empty() {
            check_json(&parts.headers)?;
        }
        parse_body(&bytes)
    }
}

/// Reads a body of at most so many bytes.
pub(crate) async fn read_body(headers: &HeaderMap, body: axum::body::Body, body_bytes_max: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::with_detail(Code::BodyTooLarge, format!("a body may have {body_bytes_max} bytes"));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > body_bytes_max) {
        return Err(too_large());
    }
    let collected = Limited::new(body, body_bytes_max).collect();
    match tokio::time::timeout(Duration::from_millis(BODY_WAIT_MS_MAX), collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::with_detail(Code::JsonMalformed, "the body broke off")),
        Err(_) => Err(Problem::with_detail(Code::RequestTimeout, format!("the body did not arrive within {BODY_WAIT_MS_MAX} ms"))),
    }
}

/// `application/json`, in any case, with no parameter but `charset=utf-8` (RFC 8259 knows no other encoding).
pub(crate) fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = || Problem::of_field(Code::ContentTypeUnsupported, "Content-Type", "a body must be application/json in UTF-8");
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or_else(refused)?;
    let (essence, parameter) = text.split_once(';').map_or((text, None), |(essence, rest)| (essence, Some(rest.trim())));
    let is_json = essence.trim().eq_ignore_ascii_case("application/json");
    let is_utf8 = parameter
        .is_none_or(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8") || parameter.eq_ignore_ascii_case("charset=\"utf-8\""));
    if is_json && is_utf8 { Ok(()) } else { Err(refused()) }
}

/// Checks in this order: UTF-8, card numbers in the text as sent, syntax with doubled fields and card numbers in
/// unescaped texts, then types. An empty body is an empty object.
fn parse_body<T: DeserializeOwned>(bytes: &[u8]) -> Result<Body<T>, Problem> {
    let text = core::str::from_utf8(bytes)
        .map_err(|error| Problem::with_detail(Code::Utf8Invalid, format!("the body is not UTF-8 from byte {} on", error.valid_up_to())))?;
    let text = if text.is_empty() { "{}" } else { text };
    if holds_card_number(text) {
        return Err(Problem::new(Code::CardNumberRefused));
    }
    let inspected: Inspected = serde_json::from_str(text).map_err(|error| {
        let detail = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
        Problem::with_detail(Code::JsonMalformed, detail)
    })?;
    if inspected.card {
        return Err(Problem::new(Code::CardNumberRefused));
    }
    if let Some(name) = inspected.doubled {
        return Err(Problem::of_field(Code::FieldDuplicate, shortened(&name), "this field is there twice"));
    }
    let json = inspected.value;
    if !json.is_object() {
        return Err(Problem::with_detail(Code::FieldTypeWrong, "the body must be a JSON object"));
    }
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(Body { value, json });
    }
    // Once more, noting the path to what is wrong: it costs more than reading does.
    match Json::<T>::from_bytes(text.as_bytes()) {
        Ok(Json(value)) => Ok(Body { value, json }),
        Err(rejection) => Err(type_problem(&rejection)),
    }
}

/// A body without free text: numbers and names of a closed set, in which nothing that looks like a card number is one. Checks
/// UTF-8, syntax and types, doubled fields among them.
pub(crate) fn parse_typed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = core::str::from_utf8(bytes)
        .map_err(|error| Problem::with_detail(Code::Utf8Invalid, format!("the body is not UTF-8 from byte {} on", error.valid_up_to())))?;
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) if error.is_data() => match Json::<T>::from_bytes(bytes) {
            Ok(Json(value)) => Ok(value),
            Err(rejection) => Err(type_problem(&rejection)),
        },
        Err(error) => {
            let detail = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
            Err(Problem::with_detail(Code::JsonMalformed, detail))
        }
    }
}

const TYPE_TEXT: &str = "Failed to deserialize the JSON body into the target type: ";

/// Reads serde's complaint `path: what, expected what at line …` and repeats the parts that hold no value of the client's.
fn type_problem(rejection: &JsonRejection) -> Problem {
    let JsonRejection::JsonDataError(error) = rejection else {
        return Problem::new(Code::JsonMalformed);
    };
    let text = error.body_text();
    let text = text.strip_prefix(TYPE_TEXT).unwrap_or(&text);
    let found = |marker: &str| text.find(marker).map(|start| (text[..start].trim_end_matches([' ', ':']), &text[start + marker.len()..]));
    let named = |path: &str, rest: &str| {
        let name = rest.split('`').next().unwrap_or_default();
        // A path into an unknown field already ends with its name.
        let parent = path.strip_suffix(name).map_or(path, |parent| parent.trim_end_matches('.'));
        shortened(&if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") })
    };
    if let Some((path, rest)) = found("unknown field `") {
        let field = named(path, rest);
        let known = rest.split_once("expected ").map_or("", |(_, known)| known.split(" at line ").next().unwrap_or_default());
        let known = if known.is_empty() { "there are no fields here".to_owned() } else { format!("the fields here are {known}") };
        return Problem::of_field(Code::FieldUnknown, field, known.replace('`', "").replace("are one of ", "are "));
    }
    if let Some((path, rest)) = found("duplicate field `") {
        return Problem::of_field(Code::FieldDuplicate, named(path, rest), "this field is there twice");
    }
    if let Some((path, rest)) = found("missing field `") {
        let field = named(path, rest);
        let detail = format!("{field} is missing");
        return Problem::of_field(Code::FieldMissing, field, detail);
    }
    let expected =
        text.rsplit_once("expected ").map_or("another type", |(_, rest)| rest.split(" at line ").next().unwrap_or("another type"));
    let expected = expected.replace('`', "\"");
    let markers = ["invalid type:", "invalid value:", "invalid length", "unknown variant"];
    let field = markers.iter().find_map(|marker| found(marker)).map_or("", |(path, _)| path);
    let field = shortened(field);
    Problem::of_field(Code::FieldTypeWrong, field.clone(), format!("{field} must be {expected}"))
}

fn shortened(name: &str) -> String {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

/// A JSON text, and what a walk through all of it finds: every key and text unescaped, every number as its digits.
#[derive(Default)]
struct Inspected {
    value: Value,
    card: bool,
    doubled: Option<String>,
}

impl Inspected {
    fn of(value: Value, text: &str) -> Self {
        Self { value, card: holds_card_number(text), doubled: None }
    }

    /// Adds what was found in a part, and returns the part.
    fn join(&mut self, part: Self) -> Value {
        self.card |= part.card;
        if self.doubled.is_none() {
            self.doubled = part.doubled;
        }
        part.value
    }
}

impl<'de> Deserialize<'de> for Inspected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Inspector)
    }
}

struct Inspector;

impl<'de> Visitor<'de> for Inspector {
    type Value = Inspected;

    fn expecting(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Inspected, E> {
        Ok(Inspected { value: value.into(), ..Inspected::default() })
    }

    fn visit_i64<E>(self, value: i64) -> Result<Inspected, E> {
        Ok(Inspected::of(value.into(), &value.unsigned_abs().to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Inspected, E> {
        Ok(Inspected::of(value.into(), &value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Inspected, E> {
        Ok(Inspected::of(value.into(), &value.abs().to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Inspected, E> {
        Ok(Inspected::of(value.into(), value))
    }

    fn visit_unit<E>(self) -> Result<Inspected, E> {
        Ok(Inspected::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Inspected, A::Error> {
        let (mut all, mut values) = (Inspected::default(), Vec::new());
        while let Some(item) = items.next_element::<Inspected>()? {
            values.push(all.join(item));
        }
        all.value = values.into();
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Inspected, A::Error> {
        let (mut all, mut values) = (Inspected::default(), serde_json::Map::new());
        while let Some(name) = fields.next_key::<String>()? {
            all.card |= holds_card_number(&name);
            let value = all.join(fields.next_value::<Inspected>()?);
            if values.contains_key(&name) {
                all.doubled.get_or_insert(name);
            } else {
                values.insert(name, value);
            }
        }
        all.value = values.into();
        Ok(all)
    }
}

/// The query's parameters; every one must be asked for by the handler, which then calls [`Parameters::finish`].
#[derive(Clone, Debug)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl FromRequestParts<App> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        parse_query(&parts.uri)
    }
}

fn parse_query(uri: &Uri) -> Result<Parameters, Problem> {
    let malformed = || Problem::with_detail(Code::QueryParameterInvalid, "the query cannot be read");
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| malformed())?;
    if pairs.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}')) {
        return Err(Problem::with_detail(Code::Utf8Invalid, "the query is not UTF-8"));
    }
    Ok(Parameters(pairs))
}

impl Parameters {
    /// Takes a parameter out; an empty one counts as absent.
    pub(crate) fn take(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let mut found = None;
        while let Some(position) = self.0.iter().position(|(known, _)| known == name) {
            if found.is_some() {
                return Err(Problem::of_field(Code::QueryParameterInvalid, name, "this parameter is there twice"));
            }
            found = Some(self.0.remove(position).1);
        }
        Ok(found.filter(|value| !value.is_empty()))
    }

    /// Takes a parameter out and parses it.
    pub(crate) fn parse<T>(&mut self, name: &'static str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(text) = self.take(name)? else {
            return Ok(None);
        };
        let refused = || Problem::of_field(Code::QueryParameterInvalid, name, format!("{name} must be {expected}"));
        parse(&text).map(Some).ok_or_else(refused)
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::of_field(Code::QueryParameterUnknown, shortened(name), "this list has no such parameter")),
        }
    }
}

/// Whether path, query or a header that is read holds a card number, as sent or percent-decoded.
pub(crate) fn head_holds_card_number(uri: &Uri, headers: &HeaderMap) -> bool {
    let read = [IDEMPOTENCY_KEY, BEZANT_MIN_SEQ, BEZANT_MERCHANT, "content-type"];
    let in_headers =
        read.iter().flat_map(|name| headers.get_all(*name)).any(|value| holds_card_number(&String::from_utf8_lossy(value.as_bytes())));
    let in_uri = |text: &str| holds_card_number(text) || holds_card_number(&percent_decoded(text));
    in_headers || in_uri(uri.path()) || uri.query().is_some_and(in_uri)
}

/// Percent-decoding with `+` as a space, for inspection only: what cannot be decoded stays as it is.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                at += 3;
            }
            (b'+', _, _) => {
                decoded.push(b' ');
                at += 1;
            }
            (byte, _, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// `Bezant-Min-Seq`, when the request has one.
pub(crate) fn min_seq(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(BEZANT_MIN_SEQ) else {
        return Ok(None);
    };
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let parsed = digits.and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| Problem::of_field(Code::MinSeqInvalid, "Bezant-Min-Seq", "the header must be a whole number"))
}

/// The merchant that `Bezant-Merchant` names, when the request has one; there must be such a merchant.
pub(crate) fn known_merchant(app: &App, headers: &HeaderMap) -> Result<Option<MerchantId>, Problem> {
    let named = named_merchant(headers)?;
    if named.is_some_and(|merchant| !app.platform.is_merchant(merchant)) {
        return Err(Problem::of_field(Code::MerchantUnknown, BEZANT_MERCHANT, "there is no such merchant"));
    }
    Ok(named)
}

/// As [`known_merchant`], whether there is one or not. A text that cannot be an id names nobody.
pub(crate) fn named_merchant(headers: &HeaderMap) -> Result<Option<MerchantId>, Problem> {
    let mut values = headers.get_all(BEZANT_MERCHANT).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    let unknown = || Problem::of_field(Code::MerchantUnknown, BEZANT_MERCHANT, "there is no such merchant");
    if values.next().is_some() {
        return Err(Problem::of_field(Code::MerchantUnknown, BEZANT_MERCHANT, "the header Bezant-Merchant is there more than once"));
    }
    parsed.map(Some).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::{Body, Parameters, check_json, head_holds_card_number, idempotency_key, min_seq, parse_body, parse_query};
    use crate::errors::{Code, Problem};
    use crate::payments::CreatePaymentRequest;
    use http::{HeaderMap, HeaderValue, Uri};
    use proptest::prelude::*;

    fn parse(text: &[u8]) -> Result<Body<CreatePaymentRequest>, Problem> {
        parse_body(text)
    }

    fn complaint(text: &str) -> (Code, Option<String>) {
        let problem = parse(text.as_bytes()).unwrap_err();
        (problem.code, problem.field)
    }

    #[test]
    fn a_bad_body_is_refused_with_the_field_that_is_wrong() {
        let amount = r#""amount":{"amount_minor":1,"currency":"EUR"}"#;
        for (body, code, field) in [
            ("{".to_owned(), Code::JsonMalformed, None),
            ("nonsense".to_owned(), Code::JsonMalformed, None),
            (r#"{"a":1}x"#.to_owned(), Code::JsonMalformed, None),
            (r#"{"a":"\ud800"}"#.to_owned(), Code::JsonMalformed, None),
            (format!("{}{}", "[".repeat(1_000), "]".repeat(1_000)), Code::JsonMalformed, None),
            ("[]".to_owned(), Code::FieldTypeWrong, None),
            ("7".to_owned(), Code::FieldTypeWrong, None),
            ("null".to_owned(), Code::FieldTypeWrong, None),
            ("{}".to_owned(), Code::FieldMissing, Some("amount")),
            (String::new(), Code::FieldMissing, Some("amount")),
            (r#"{"amount":{"currency":"EUR"}}"#.to_owned(), Code::FieldMissing, Some("amount.amount_minor")),
            (r#"{"amount":{"amount_minor":1}}"#.to_owned(), Code::FieldMissing, Some("amount.currency")),
            (format!("{{{amount},\"colour\":1}}"), Code::FieldUnknown, Some("colour")),
            (r#"{"amount":{"amount_minor":1,"currency":"EUR","exponent":2}}"#.to_owned(), Code::FieldUnknown, Some("amount.exponent")),
            (format!("{{{amount},\"customer\":{{\"phone\":\"1\"}}}}"), Code::FieldUnknown, Some("customer.phone")),
            (r#"{"amount":"12"}"#.to_owned(), Code::FieldTypeWrong, Some("amount")),
            (r#"{"amount":{"amount_minor":"12","currency":"EUR"}}"#.to_owned(), Code::FieldTypeWrong, Some("amount.amount_minor")),
            (r#"{"amount":{"amount_minor":null,"currency":"EUR"}}"#.to_owned(), Code::FieldTypeWrong, Some("amount.amount_minor")),
            (r#"{"amount":{"amount_minor":1,"currency":978}}"#.to_owned(), Code::FieldTypeWrong, Some("amount.currency")),
            (format!("{{{amount},\"confirm\":\"yes\"}}"), Code::FieldTypeWrong, Some("confirm")),
            (format!("{{{amount},\"capture\":\"later\"}}"), Code::FieldTypeWrong, Some("capture")),
            (format!("{{{amount},\"metadata\":{{\"a\":1}}}}"), Code::FieldTypeWrong, Some("metadata.a")),
            (format!("{{{amount},\"metadata\":[]}}"), Code::FieldTypeWrong, Some("metadata")),
            (format!("{{{amount},{amount}}}"), Code::FieldDuplicate, Some("amount")),
            (format!("{{{amount},\"metadata\":{{\"a\":\"1\",\"\\u0061\":\"2\"}}}}"), Code::FieldDuplicate, Some("a")),
        ] {
            assert_eq!(complaint(&body), (code, field.map(str::to_owned)), "{body}");
        }
    }

    #[test]
    fn a_complaint_about_a_type_repeats_no_value() {
        let body = r#"{"amount":{"amount_minor":1,"currency":"EUR"},"confirm":"a secret word"}"#;
        let problem = parse(body.as_bytes()).unwrap_err();
        assert_eq!(problem.detail, "confirm must be a boolean");
        let problem = parse(br#"{"amount":{"amount_minor":1,"currency":"EUR"},"capture":"a secret word"}"#).unwrap_err();
        assert_eq!(problem.detail, "capture must be \"automatic\" or \"manual\"");
    }

    #[test]
    fn text_that_is_not_utf_8_is_refused() {
        assert_eq!(parse(b"{\"a\":\"\xff\"}").unwrap_err().code, Code::Utf8Invalid);
    }

    #[test]
    fn a_card_number_is_seen_in_every_place_and_form() {
        for body in [
            r#"{"description":"4242424242424242"}"#,
            r#"{"description":"\u0034242424242424242"}"#,
            r#"{"description":"4242 4242\u00204242 4242"}"#,
            r#"{"4242424242424242":1}"#,
            r#"{"\u0034242424242424242":1}"#,
            r#"{"amount":{"amount_minor":4242424242424242,"currency":"EUR"}}"#,
            r#"{"a":[[{"b":-4242424242424242}]]}"#,
            r#"{"a":4242424242424242.0}"#,
            r#"{"a":4.242424242424242e15}"#,
            "{\"a\":\"4242-4242-4242-4242\"",
        ] {
            assert_eq!(complaint(body).0, Code::CardNumberRefused, "{body}");
        }
        let fine = r#"{"amount":{"amount_minor":1,"currency":"EUR"},"metadata":{"imei":"490154203237518","at":"1795253580000"}}"#;
        assert!(parse(fine.as_bytes()).is_ok());
    }

    #[test]
    fn a_card_number_is_seen_in_path_query_and_headers() {
        let none = HeaderMap::new();
        for (uri, expected) in [
            ("/v1/payments/4242424242424242", true),
            ("/v1/payments/%34242424242424242", true),
            ("/v1/payments?reference=4242424242424242", true),
            ("/v1/payments?reference=4242%204242+4242-4242", true),
            ("/v1/payments?4242424242424242", true),
            ("/v1/payments?reference=4242424242424241", false),
            ("/v1/payments?limit=%zz%", false),
        ] {
            assert_eq!(head_holds_card_number(&Uri::from_static(uri), &none), expected, "{uri}");
        }
        let uri = Uri::from_static("/");
        let headers: HeaderMap = [("idempotency-key".parse().unwrap(), HeaderValue::from_static("4242424242424242"))].into_iter().collect();
        assert!(head_holds_card_number(&uri, &headers));
        let headers: HeaderMap = [("traceparent".parse().unwrap(), HeaderValue::from_static("4242424242424242"))].into_iter().collect();
        assert!(!head_holds_card_number(&uri, &headers), "what is not read may be anything");
    }

    #[test]
    fn idempotency_keys_are_bounded_printable_ascii() {
        let longest = "k".repeat(255);
        let too_long = "k".repeat(256);
        for (values, expected) in [
            (vec![], Some(Code::IdempotencyKeyMissing)),
            (vec![""], Some(Code::IdempotencyKeyMissing)),
            (vec!["a", "b"], Some(Code::IdempotencyKeyMalformed)),
            (vec!["schlüssel"], Some(Code::IdempotencyKeyMalformed)),
            (vec!["a\tb"], Some(Code::IdempotencyKeyMalformed)),
            (vec![too_long.as_str()], Some(Code::IdempotencyKeyTooLong)),
            (vec![longest.as_str()], None),
            (vec!["order 7: first try"], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append("idempotency-key", HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            assert_eq!(idempotency_key(&headers).err().map(|problem| problem.code), expected, "{values:?}");
        }
    }

    #[test]
    fn only_json_in_utf_8_is_a_body() {
        for (value, accepted) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=latin1", false),
            ("application/x-www-form-urlencoded", false),
            ("text/plain", false),
            ("", false),
        ] {
            let headers = [(http::header::CONTENT_TYPE, HeaderValue::from_static(value))].into_iter().collect();
            assert_eq!(check_json(&headers).is_ok(), accepted, "{value}");
        }
        assert!(check_json(&HeaderMap::new()).is_err());
    }

    #[test]
    fn query_parameters_are_known_single_and_utf_8() {
        let query = |text: &'static str| parse_query(&Uri::from_static(text));
        let mut parameters = query("/?limit=3&status=").unwrap();
        assert_eq!(parameters.take("limit"), Ok(Some("3".to_owned())));
        assert_eq!(parameters.take("status"), Ok(None));
        assert_eq!(parameters.finish(), Ok(()));
        let doubled = query("/?limit=3&limit=4").unwrap().take("limit").unwrap_err();
        assert_eq!((doubled.code, doubled.field.as_deref()), (Code::QueryParameterInvalid, Some("limit")));
        let unknown = query("/?colour=red").unwrap().finish().unwrap_err();
        assert_eq!((unknown.code, unknown.field.as_deref()), (Code::QueryParameterUnknown, Some("colour")));
        assert_eq!(query("/?limit=%ff").unwrap_err().code, Code::Utf8Invalid);
        assert!(query("/").is_ok_and(|Parameters(pairs)| pairs.is_empty()));
    }

    #[test]
    fn a_least_sequence_number_is_a_whole_number() {
        for (value, expected) in [("7", Ok(Some(7))), ("", Err(())), ("+7", Err(())), ("-1", Err(())), ("99999999999999999999", Err(()))] {
            let headers = [("bezant-min-seq".parse().unwrap(), HeaderValue::from_static(value))].into_iter().collect();
            assert_eq!(min_seq(&headers).map_err(|_| ()), expected, "{value}");
        }
        assert_eq!(min_seq(&HeaderMap::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_field_name_or_value_makes_the_complaint_panic(name in "\\PC{0,90}", value in "\\PC{0,30}") {
            let body = serde_json::json!({ name: value }).to_string();
            prop_assert!(parse(body.as_bytes()).is_err());
        }
    }
}
