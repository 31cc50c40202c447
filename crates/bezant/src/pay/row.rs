//! One row into one order: columns, limits, exact amounts, the request's body and its idempotency key.
//!
//! What is checked here is what the file's owner must correct; everything else is the platform's to refuse.

use super::records::{Record, RecordFault};
use base::limits::{
    EMAIL_BYTES_MAX, METADATA_ENTRIES_MAX, METADATA_KEY_BYTES_MAX, METADATA_VALUE_BYTES_MAX, PAYMENT_METHOD_BYTES_MAX, REFERENCE_BYTES_MAX,
};
use base::{Currency, Money, MoneyError};
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::str;

/// Columns that every file has, in any order.
const REQUIRED: [&str; 6] = ["order_id", "amount", "currency", "country", "customer_email", "payment_method"];
/// Most columns of a file, so that a header is bounded.
const COLUMNS_MAX: usize = 200;
/// Version of the content that idempotency keys are made of; another one would charge nobody twice (references are
/// unique) but answer reruns more slowly.
const KEY_LABEL: &[u8] = b"bezant pay 1";

/// Where each column is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    required: [usize; REQUIRED.len()],
    metadata: Vec<(usize, String)>,
}

/// Why a header is not usable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderFault {
    /// There is none.
    #[error("the file is empty; its first line must name the columns {}", REQUIRED.join(", "))]
    Missing,
    /// It is not a record.
    #[error("the first line must name the columns, but {0}")]
    Record(RecordFault),
    /// Not text.
    #[error("the first line is not UTF-8")]
    NotUtf8,
    /// Required columns that are not there.
    #[error("the first line lacks the columns {0}; it must name {names}", names = REQUIRED.join(", "))]
    Lacks(String),
    /// A name stands twice.
    #[error("the first line names the column {0:?} twice")]
    Double(String),
    /// A column without a name.
    #[error("column {0} of the first line has no name")]
    Unnamed(usize),
    /// Too many columns.
    #[error("the first line names more than {COLUMNS_MAX} columns")]
    TooMany,
}

/// Why a row is not an order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RowFault {
    /// It is not a record.
    Record(RecordFault),
    /// A field is not text.
    NotUtf8,
    /// A required field is empty.
    Empty(&'static str),
    /// A field is too long.
    TooLong {
        /// Which, or `metadata`.
        column: &'static str,
        /// How long it may be.
        bytes_max: usize,
    },
    /// Currency or amount cannot be used.
    Money(MoneyError),
    /// Not two capital letters.
    Country,
    /// More columns with a value than a payment can keep.
    MetadataTooMany,
    /// A further column's name is too long to be kept.
    MetadataNameTooLong,
}

/// An order, checked as far as the file alone tells.
pub(super) struct Order {
    /// Line of the file, from 1.
    pub(super) line: u64,
    /// The merchant's reference.
    pub(super) reference: String,
    /// What is charged.
    pub(super) money: Money,
    country: Option<String>,
    customer_email: Option<String>,
    payment_method: String,
    metadata: BTreeMap<String, String>,
}

/// An order as it is sent, as often as it takes.
#[derive(Clone)]
pub(super) struct Prepared {
    /// Line of the file, from 1.
    pub(super) line: u64,
    /// Hash of the merchant's reference: rows with the same one go one after the other.
    pub(super) reference_hash: [u8; 16],
    /// What is charged.
    pub(super) money: Money,
    /// Value of `Idempotency-Key`: 64 hexadecimal digits.
    pub(super) key: String,
    /// The request's body.
    pub(super) body: Bytes,
}

impl Columns {
    /// Reads the first record.
    pub(super) fn parse(record: &Record) -> Result<Self, HeaderFault> {
        let mut names = Vec::new();
        for (index, field) in record.fields().enumerate() {
            let name = str::from_utf8(field).map_err(|_| HeaderFault::NotUtf8)?.trim();
            if index >= COLUMNS_MAX {
                return Err(HeaderFault::TooMany);
            }
            if name.is_empty() {
                return Err(HeaderFault::Unnamed(index + 1));
            }
            if names.contains(&name) {
                return Err(HeaderFault::Double(name.to_owned()));
            }
            names.push(name);
        }
        let found = REQUIRED.map(|required| names.iter().position(|name| *name == required));
        let lacking: Vec<&str> = REQUIRED.iter().zip(found).filter(|(_, at)| at.is_none()).map(|(name, _)| *name).collect();
        if !lacking.is_empty() {
            return Err(HeaderFault::Lacks(lacking.join(", ")));
        }
        let metadata = names.iter().enumerate().filter(|(_, name)| !REQUIRED.contains(name));
        Ok(Self {
            required: found.map(|at| at.expect("none is lacking")),
            metadata: metadata.map(|(index, name)| (index, (*name).to_owned())).collect(),
        })
    }

    /// How many fields each row has.
    pub(super) const fn count(&self) -> usize {
        self.required.len() + self.metadata.len()
    }

    /// Reads one row. Faults in the order of its checks: text, required fields from left to right as documented, then
    /// further columns.
    pub(super) fn order(&self, record: &Record) -> Result<Order, RowFault> {
        let mut required = [""; REQUIRED.len()];
        for (value, index) in required.iter_mut().zip(self.required) {
            *value = str::from_utf8(record.field(index)).map_err(|_| RowFault::NotUtf8)?;
        }
        let metadata = self.metadata(record)?;
        let [reference, amount, currency, country, customer_email, payment_method] = required;
        check_length("order_id", reference, REFERENCE_BYTES_MAX)?;
        check_length("customer_email", customer_email, EMAIL_BYTES_MAX)?;
        check_length("payment_method", payment_method, PAYMENT_METHOD_BYTES_MAX)?;
        for (column, value) in [("order_id", reference), ("amount", amount), ("currency", currency), ("payment_method", payment_method)] {
            if value.is_empty() {
                return Err(RowFault::Empty(column));
            }
        }
        let currency: Currency = currency.parse().map_err(RowFault::Money)?;
        let money = Money::parse_major(amount, currency).map_err(RowFault::Money)?;
        let is_country = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
        if !country.is_empty() && !is_country {
            return Err(RowFault::Country);
        }
        let unless_empty = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        Ok(Order {
            line: record.line,
            reference: reference.to_owned(),
            money,
            country: unless_empty(country),
            customer_email: unless_empty(customer_email),
            payment_method: payment_method.to_owned(),
            metadata,
        })
    }

    /// Further columns that have a value.
    fn metadata(&self, record: &Record) -> Result<BTreeMap<String, String>, RowFault> {
        let mut metadata = BTreeMap::new();
        for (index, name) in &self.metadata {
            let value = str::from_utf8(record.field(*index)).map_err(|_| RowFault::NotUtf8)?;
            if value.is_empty() {
                continue;
            }
            if name.len() > METADATA_KEY_BYTES_MAX {
                return Err(RowFault::MetadataNameTooLong);
            }
            check_length("metadata", value, METADATA_VALUE_BYTES_MAX)?;
            metadata.insert(name.clone(), value.to_owned());
        }
        if metadata.len() > METADATA_ENTRIES_MAX {
            return Err(RowFault::MetadataTooMany);
        }
        Ok(metadata)
    }
}

const fn check_length(column: &'static str, value: &str, bytes_max: usize) -> Result<(), RowFault> {
    if value.len() > bytes_max { Err(RowFault::TooLong { column, bytes_max }) } else { Ok(()) }
}

#[derive(Serialize)]
struct RequestBody<'a> {
    amount: Amount,
    capture: &'static str,
    confirm: bool,
    payment_method: &'a str,
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Customer<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retry_declined: bool,
}

#[derive(Serialize)]
struct Amount {
    amount_minor: u64,
    currency: &'static str,
}

#[derive(Serialize)]
struct Customer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
}

impl Order {
    /// The request. `retry_token` asks for a new attempt on declined orders and makes the key this run's own.
    pub(super) fn prepare(&self, retry_token: Option<&[u8; 16]>) -> Prepared {
        let customer = Customer { email: self.customer_email.as_deref(), country: self.country.as_deref() };
        let body = RequestBody {
            amount: Amount { amount_minor: self.money.amount_minor, currency: self.money.currency.alpha() },
            capture: "automatic",
            confirm: true,
            payment_method: &self.payment_method,
            reference: &self.reference,
            customer: (customer.email.is_some() || customer.country.is_some()).then_some(customer),
            metadata: &self.metadata,
            retry_declined: retry_token.is_some(),
        };
        let body = serde_json::to_vec(&body).expect("texts and numbers are always JSON");
        let reference_digest = Sha256::digest(self.reference.as_bytes());
        Prepared {
            line: self.line,
            reference_hash: std::array::from_fn(|index| reference_digest[index]),
            money: self.money,
            key: self.idempotency_key(retry_token),
            body: Bytes::from(body),
        }
    }

    /// Depends on what is charged, not on how the file writes it: order of columns, `19.9` or `19.90`, empty columns.
    fn idempotency_key(&self, retry_token: Option<&[u8; 16]>) -> String {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update(u64::try_from(bytes.len()).expect("a field's length fits 64 bits").to_le_bytes());
            hash.update(bytes);
        };
        part(KEY_LABEL);
        part(self.reference.as_bytes());
        part(&self.money.amount_minor.to_le_bytes());
        part(&self.money.currency.numeric().to_le_bytes());
        part(self.country.as_deref().unwrap_or("").as_bytes());
        part(self.customer_email.as_deref().unwrap_or("").as_bytes());
        part(self.payment_method.as_bytes());
        for (name, value) in &self.metadata {
            part(name.as_bytes());
            part(value.as_bytes());
        }
        if let Some(token) = retry_token {
            part(b"");
            part(token);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl RowFault {
    /// A stable word for counting.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Record(RecordFault::Empty) => "row_empty",
            Self::Record(RecordFault::QuoteUnclosed | RecordFault::TextAfterQuote) => "quotes_broken",
            Self::Record(RecordFault::TooLong) => "row_too_long",
            Self::Record(RecordFault::FieldCount { .. }) => "field_count_wrong",
            Self::NotUtf8 => "utf8_invalid",
            Self::Empty(_) => "field_empty",
            Self::TooLong { .. } => "field_too_long",
            Self::Money(MoneyError::UnknownCurrency) => "currency_unknown",
            Self::Money(MoneyError::Empty) => "field_empty",
            Self::Money(MoneyError::Signed) => "amount_signed",
            Self::Money(MoneyError::NotANumber) => "amount_not_a_number",
            Self::Money(MoneyError::TooManyDecimals { .. }) => "amount_too_many_decimals",
            Self::Money(MoneyError::TooLarge) => "amount_too_large",
            Self::Money(MoneyError::Zero) => "amount_zero",
            Self::Country => "country_invalid",
            Self::MetadataTooMany => "metadata_too_many",
            Self::MetadataNameTooLong => "metadata_name_too_long",
        }
    }
}

impl fmt::Display for RowFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(fault) => fault.fmt(formatter),
            Self::NotUtf8 => write!(formatter, "the row is not UTF-8"),
            Self::Empty(column) => write!(formatter, "{column} is empty"),
            Self::TooLong { column, bytes_max } => write!(formatter, "{column} is longer than {bytes_max} bytes"),
            Self::Money(error) => error.fmt(formatter),
            Self::Country => write!(formatter, "the country is not two capital letters of ISO 3166-1, such as DE"),
            Self::MetadataTooMany => write!(formatter, "more than {METADATA_ENTRIES_MAX} further columns have a value"),
            Self::MetadataNameTooLong => write!(formatter, "a further column's name is longer than {METADATA_KEY_BYTES_MAX} bytes"),
        }
    }
}

impl fmt::Display for RecordFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(formatter, "the line is empty"),
            Self::QuoteUnclosed => write!(formatter, "a quote is opened and not closed"),
            Self::TextAfterQuote => write!(formatter, "there is text between a closing quote and the next comma"),
            Self::TooLong => write!(formatter, "the row is longer than {} bytes", super::records::RECORD_BYTES_MAX),
            Self::FieldCount { count, expected } => write!(formatter, "the row has {count} fields where the header has {expected}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Columns, HeaderFault, Order, RowFault};
    use crate::pay::records::{Record, RecordFault, Records};
    use base::MoneyError;

    const HEADER: &str = "order_id,amount,currency,country,customer_email,payment_method,note";

    fn header(text: &[u8]) -> Result<Columns, HeaderFault> {
        let mut record = Record::default();
        Records::new(text).next(&mut record).unwrap().ok_or(HeaderFault::Missing)?.map_err(HeaderFault::Record)?;
        Columns::parse(&record)
    }

    fn order_of(header_line: &str, row: &[u8]) -> Result<Order, RowFault> {
        let columns = header(header_line.as_bytes()).unwrap();
        let mut records = Records::new(row);
        records.expect_fields(columns.count());
        let mut record = Record::default();
        records.next(&mut record).unwrap().unwrap().map_err(RowFault::Record)?;
        columns.order(&record)
    }

    fn key(header_line: &str, row: &str) -> String {
        order_of(header_line, row.as_bytes()).map_err(|fault| fault.to_string()).unwrap().prepare(None).key
    }

    #[test]
    fn a_header_names_the_six_columns_in_any_order_and_once() {
        assert!(header(b"payment_method,customer_email,country,currency,amount,order_id").is_ok());
        assert!(header(b"\xEF\xBB\xBForder_id, amount, currency, country, customer_email, payment_method\r\n").is_ok());
        for (text, expected) in [
            (&b""[..], HeaderFault::Missing),
            (b"\n", HeaderFault::Record(RecordFault::Empty)),
            (b"order_id,\xff", HeaderFault::NotUtf8),
            (b"order_id,amount,country,payment_method", HeaderFault::Lacks("currency, customer_email".into())),
            (b"order_id,amount,amount", HeaderFault::Double("amount".into())),
            (b"order_id,,amount", HeaderFault::Unnamed(2)),
        ] {
            assert_eq!(header(text), Err(expected));
        }
        assert_eq!(header((0..201).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",").as_bytes()), Err(HeaderFault::TooMany));
    }

    #[test]
    fn every_bad_row_has_its_fault() {
        let long = |count: usize| "x".repeat(count);
        for (row, expected) in [
            (b"A1,19.99,EUR,DE,a@b.example,pm_card_visa".to_vec(), RowFault::Record(RecordFault::FieldCount { count: 6, expected: 7 })),
            (b"A1,19.99,EUR,DE,a@b.example,pm_card_visa,\xff".to_vec(), RowFault::NotUtf8),
            (b"A\xc3,19.99,EUR,DE,a@b.example,pm_card_visa,".to_vec(), RowFault::NotUtf8),
            (b",19.99,EUR,DE,a@b.example,pm_card_visa,".to_vec(), RowFault::Empty("order_id")),
            (b"A1,,EUR,DE,a@b.example,pm_card_visa,".to_vec(), RowFault::Empty("amount")),
            (b"A1,19.99,,DE,a@b.example,pm_card_visa,".to_vec(), RowFault::Empty("currency")),
            (b"A1,19.99,EUR,DE,a@b.example,,".to_vec(), RowFault::Empty("payment_method")),
            (b",,,,,,".to_vec(), RowFault::Empty("order_id")),
            (b"A1,19.99,EUX,DE,a@b.example,pm_card_visa,".to_vec(), RowFault::Money(MoneyError::UnknownCurrency)),
            (b"A1,19.99,eur,DE,a@b.example,pm_card_visa,".to_vec(), RowFault::Money(MoneyError::UnknownCurrency)),
            (b"A1,19.999,EUR,DE,a@b.example,pm_card_visa,".to_vec(), RowFault::Money(MoneyError::TooManyDecimals { exponent: 2 })),
            (b"A1,19.5,JPY,JP,a@b.example,pm_card_visa,".to_vec(), RowFault::Money(MoneyError::TooManyDecimals { exponent: 0 })),
            (b"A1,-19.99,EUR,DE,a@b.example,pm_card_visa,".to_vec(), RowFault::Money(MoneyError::Signed)),
            (b"A1,\"19,99\",EUR,DE,a@b.example,pm_card_visa,".to_vec(), RowFault::Money(MoneyError::NotANumber)),
            (b"A1,0.00,EUR,DE,a@b.example,pm_card_visa,".to_vec(), RowFault::Money(MoneyError::Zero)),
            (b"A1,99999999999999,EUR,DE,a@b.example,pm_card_visa,".to_vec(), RowFault::Money(MoneyError::TooLarge)),
            (b"A1,19.99,EUR,Germany,a@b.example,pm_card_visa,".to_vec(), RowFault::Country),
            (
                format!("{},19.99,EUR,DE,a@b.example,pm_card_visa,", long(201)).into_bytes(),
                RowFault::TooLong { column: "order_id", bytes_max: 200 },
            ),
            (
                format!("A1,19.99,EUR,DE,{},pm_card_visa,", long(321)).into_bytes(),
                RowFault::TooLong { column: "customer_email", bytes_max: 320 },
            ),
            (format!("A1,19.99,EUR,DE,,{},", long(121)).into_bytes(), RowFault::TooLong { column: "payment_method", bytes_max: 120 }),
            (format!("A1,19.99,EUR,DE,,pm_card_visa,{}", long(501)).into_bytes(), RowFault::TooLong { column: "metadata", bytes_max: 500 }),
        ] {
            let fault = order_of(HEADER, &row).map(|order| order.line).unwrap_err();
            assert_eq!(fault, expected, "{}", String::from_utf8_lossy(&row));
        }
    }

    #[test]
    fn metadata_is_limited_by_what_has_a_value() {
        let names = |count: usize| (0..count).map(|n| format!(",m{n}")).collect::<String>();
        let wide = format!("order_id,amount,currency,country,customer_email,payment_method{}", names(60));
        let start = "A1,19.99,EUR,DE,,pm_card_visa";
        assert!(order_of(&wide, format!("{start}{}{}", ",v".repeat(50), ",".repeat(10)).as_bytes()).is_ok());
        assert_eq!(
            order_of(&wide, format!("{start}{}{}", ",v".repeat(51), ",".repeat(9)).as_bytes()).err(),
            Some(RowFault::MetadataTooMany)
        );
        let long_name = format!("order_id,amount,currency,country,customer_email,payment_method,{}", "n".repeat(41));
        assert!(order_of(&long_name, format!("{start},").as_bytes()).is_ok());
        assert_eq!(order_of(&long_name, format!("{start},v").as_bytes()).err(), Some(RowFault::MetadataNameTooLong));
    }

    #[test]
    fn the_body_is_what_the_api_documents() {
        let row = "A1,19.9,EUR,DE,a@b.example,pm_card_visa,\"two, books\"";
        let order = order_of(HEADER, row.as_bytes()).map_err(|fault| fault.to_string()).unwrap();
        let expected = r#"{"amount":{"amount_minor":1990,"currency":"EUR"},"capture":"automatic","confirm":true,"payment_method":"pm_card_visa","reference":"A1","customer":{"email":"a@b.example","country":"DE"},"metadata":{"note":"two, books"}}"#;
        assert_eq!(order.prepare(None).body, expected.as_bytes());
        let retried = order.prepare(Some(&[7; 16]));
        assert!(str::from_utf8(&retried.body).unwrap().ends_with(r#","retry_declined":true}"#));
        let bare = order_of(HEADER, b"A1,19.9,EUR,,,pm_card_visa,").map_err(|fault| fault.to_string()).unwrap().prepare(None);
        assert!(!str::from_utf8(&bare.body).unwrap().contains("customer"));
        assert!(!str::from_utf8(&bare.body).unwrap().contains("metadata"));
    }

    #[test]
    fn the_key_follows_the_content_and_not_its_writing() {
        let row = key(HEADER, "A1,19.90,EUR,DE,a@b.example,pm_card_visa,n");
        assert_eq!(row, key(HEADER, "A1,19.9,EUR,DE,a@b.example,pm_card_visa,n"));
        assert_eq!(
            row,
            key("x,note,payment_method,customer_email,country,currency,amount,order_id", ",n,pm_card_visa,a@b.example,DE,EUR,019.90,A1")
        );
        for other in [
            "A2,19.90,EUR,DE,a@b.example,pm_card_visa,n",
            "A1,19.91,EUR,DE,a@b.example,pm_card_visa,n",
            "A1,19.90,USD,DE,a@b.example,pm_card_visa,n",
            "A1,19.90,EUR,AT,a@b.example,pm_card_visa,n",
            "A1,19.90,EUR,DE,b@b.example,pm_card_visa,n",
            "A1,19.90,EUR,DE,a@b.example,pm_card_amex,n",
            "A1,19.90,EUR,DE,a@b.example,pm_card_visa,m",
            "A1,19.90,EUR,DE,a@b.example,pm_card_visa,",
        ] {
            assert_ne!(row, key(HEADER, other), "{other}");
        }
        let order = order_of(HEADER, b"A1,19.90,EUR,DE,a@b.example,pm_card_visa,n").map_err(|fault| fault.to_string()).unwrap();
        assert_ne!(order.prepare(Some(&[1; 16])).key, row);
        assert_ne!(order.prepare(Some(&[1; 16])).key, order.prepare(Some(&[2; 16])).key);
    }
}
