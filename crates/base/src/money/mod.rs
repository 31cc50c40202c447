//! Money: an unsigned count of minor units and its currency. Never a float, never without the currency.

mod iso4217;

use crate::limits::AMOUNT_MINOR_MAX;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// A currency of ISO 4217, held as its numeric code, which is also its ledger number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Currency(u16);

/// Why a text is not an amount or currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyError {
    /// Not an active ISO 4217 code.
    UnknownCurrency,
    /// Nothing where an amount was expected.
    Empty,
    /// A sign: amounts are unsigned.
    Signed,
    /// Something else than digits and one point.
    NotANumber,
    /// More decimals than the currency has.
    TooManyDecimals {
        /// How many the currency has.
        exponent: u8,
    },
    /// Larger than [`AMOUNT_MINOR_MAX`].
    TooLarge,
    /// Zero where money must move.
    Zero,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCurrency => write!(formatter, "the currency is not an active ISO 4217 code in capital letters, such as EUR"),
            Self::Empty => write!(formatter, "the amount is empty"),
            Self::Signed => write!(formatter, "the amount has a sign; amounts are positive"),
            Self::NotANumber => write!(formatter, "the amount is not digits with at most one point, such as 19.99"),
            Self::TooManyDecimals { exponent } => write!(formatter, "the amount has more than the {exponent} decimals of its currency"),
            Self::TooLarge => write!(formatter, "the amount is more than {AMOUNT_MINOR_MAX} minor units"),
            Self::Zero => write!(formatter, "the amount is zero"),
        }
    }
}

impl core::error::Error for MoneyError {}

impl Currency {
    /// From a numeric code; `None` when it is not active.
    pub fn from_numeric(numeric: u16) -> Option<Self> {
        iso4217::ROWS.binary_search_by_key(&numeric, |row| row.numeric).ok().map(|_| Self(numeric))
    }

    /// The numeric code.
    pub const fn numeric(self) -> u16 {
        self.0
    }

    /// Three capital letters.
    pub fn alpha(self) -> &'static str {
        self.row().alpha
    }

    /// Digits after the decimal separator in ISO 4217 (providers may differ: their tables live with their connectors).
    pub fn exponent(self) -> u8 {
        self.row().exponent
    }

    /// All currencies, by numeric code.
    pub fn all() -> impl Iterator<Item = Self> {
        iso4217::ROWS.iter().map(|row| Self(row.numeric))
    }

    fn row(self) -> &'static iso4217::Row {
        let index = iso4217::ROWS.binary_search_by_key(&self.0, |row| row.numeric).expect("only listed codes are constructed");
        &iso4217::ROWS[index]
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    /// Reads three capital letters.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        iso4217::ROWS.iter().find(|row| row.alpha == text).map(|row| Self(row.numeric)).ok_or(MoneyError::UnknownCurrency)
    }
}

impl TryFrom<u16> for Currency {
    type Error = MoneyError;

    fn try_from(numeric: u16) -> Result<Self, MoneyError> {
        Self::from_numeric(numeric).ok_or(MoneyError::UnknownCurrency)
    }
}

impl From<Currency> for u16 {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.alpha())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.alpha())
    }
}

/// An amount in minor units with its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Count of the currency's minor unit; at most [`AMOUNT_MINOR_MAX`] where it entered through a constructor.
    pub amount_minor: u64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// An amount that moves money: neither zero nor above [`AMOUNT_MINOR_MAX`].
    ///
    /// # Errors
    /// [`MoneyError::Zero`] or [`MoneyError::TooLarge`].
    pub fn new_positive(amount_minor: u64, currency: Currency) -> Result<Self, MoneyError> {
        if amount_minor == 0 {
            return Err(MoneyError::Zero);
        }
        if amount_minor > AMOUNT_MINOR_MAX {
            return Err(MoneyError::TooLarge);
        }
        Ok(Self { amount_minor, currency })
    }

    /// Reads a positive amount in major units, exactly: `19.99`, `500`, `0.125` where the currency has three decimals.
    /// Fewer decimals than the exponent are padded; more are refused even when they are zeros.
    ///
    /// # Errors
    /// The first [`MoneyError`] in the order of its variants that applies.
    pub fn parse_major(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        if text.is_empty() {
            return Err(MoneyError::Empty);
        }
        if text.starts_with(['-', '+']) {
            return Err(MoneyError::Signed);
        }
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(MoneyError::NotANumber),
            None => (text, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(MoneyError::NotANumber);
        }
        let exponent = currency.exponent();
        if fraction.len() > usize::from(exponent) {
            return Err(MoneyError::TooManyDecimals { exponent });
        }
        let padding = "0".repeat(usize::from(exponent) - fraction.len());
        let digits = format!("{whole}{fraction}{padding}");
        let significant = digits.trim_start_matches('0');
        if significant.len() > 18 {
            return Err(MoneyError::TooLarge);
        }
        let amount_minor = significant.bytes().fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        Self::new_positive(amount_minor, currency)
    }
}

/// Major units with the currency: `19.99 EUR`.
impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = usize::from(self.currency.exponent());
        let digits = format!("{:0width$}", self.amount_minor, width = exponent + 1);
        let (whole, fraction) = digits.split_at(digits.len() - exponent);
        if exponent == 0 {
            return write!(formatter, "{whole} {}", self.currency);
        }
        write!(formatter, "{whole}.{fraction} {}", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::{Currency, Money, MoneyError};

    fn currency(alpha: &str) -> Currency {
        alpha.parse().unwrap()
    }

    #[test]
    fn major_units_are_read_exactly_with_the_currencys_exponent() {
        for (text, alpha, expected) in [
            ("19.99", "EUR", Ok(1_999)),
            ("19.9", "EUR", Ok(1_990)),
            ("19", "EUR", Ok(1_900)),
            ("007.50", "EUR", Ok(750)),
            ("500", "JPY", Ok(500)),
            ("0.125", "KWD", Ok(125)),
            ("10000000000.00", "EUR", Ok(1_000_000_000_000)),
            ("", "EUR", Err(MoneyError::Empty)),
            ("-1", "EUR", Err(MoneyError::Signed)),
            ("+1", "EUR", Err(MoneyError::Signed)),
            ("1,50", "EUR", Err(MoneyError::NotANumber)),
            ("1.", "EUR", Err(MoneyError::NotANumber)),
            (".5", "EUR", Err(MoneyError::NotANumber)),
            ("1e3", "EUR", Err(MoneyError::NotANumber)),
            (" 1", "EUR", Err(MoneyError::NotANumber)),
            ("１", "EUR", Err(MoneyError::NotANumber)),
            ("1.2.3", "EUR", Err(MoneyError::NotANumber)),
            ("19.990", "EUR", Err(MoneyError::TooManyDecimals { exponent: 2 })),
            ("500.0", "JPY", Err(MoneyError::TooManyDecimals { exponent: 0 })),
            ("10000000000.01", "EUR", Err(MoneyError::TooLarge)),
            ("99999999999999999999999", "EUR", Err(MoneyError::TooLarge)),
            ("0.00", "EUR", Err(MoneyError::Zero)),
        ] {
            assert_eq!(Money::parse_major(text, currency(alpha)).map(|money| money.amount_minor), expected, "{text} {alpha}");
        }
    }

    #[test]
    fn printing_and_reading_agree_for_every_currency() {
        for currency in Currency::all() {
            for amount_minor in [1, 10, 999, 123_456] {
                let money = Money { amount_minor, currency };
                let text = money.to_string();
                let (amount, alpha) = text.split_once(' ').unwrap();
                assert_eq!(Money::parse_major(amount, alpha.parse().unwrap()), Ok(money));
            }
        }
    }

    #[test]
    fn the_table_is_sorted_and_lower_case_or_unknown_codes_are_refused() {
        let codes: Vec<u16> = Currency::all().map(Currency::numeric).collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        for bad in ["eur", "XXX", "", "EURO", "BTC"] {
            assert_eq!(bad.parse::<Currency>(), Err(MoneyError::UnknownCurrency));
        }
        assert_eq!(currency("EUR").numeric(), 978);
        assert_eq!(Currency::from_numeric(977).map(Currency::alpha), Some("BAM"));
    }
}
