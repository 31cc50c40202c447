//! Our minor units (ISO 4217) to Stripe's and back. Source: Stripe's page on supported currencies: zero-decimal and
//! three-decimal currencies and special cases.

use base::{Currency, Money};

/// Why an amount cannot be said in Stripe's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// We do not know Stripe's unit of this currency.
    #[error("the unit of this currency is unknown")]
    Currency,
    /// Stripe's unit is coarser than the amount.
    #[error("the amount has digits that the unit cannot express")]
    NotRepresentable,
    /// Too large for any integer we send.
    #[error("the amount is too large")]
    TooLarge,
}

/// How Stripe's integer relates to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// The same.
    Same,
    /// Ours has no decimals, theirs has two which must be zero.
    Hundredfold,
    /// Ours has two decimals which must be zero, theirs has none.
    Hundredth,
    /// The same three decimals, the last of which must be zero.
    LastDigitZero,
}

fn unit(currency: Currency) -> Option<Unit> {
    match currency.alpha() {
        "ISK" | "UGX" => Some(Unit::Hundredfold),
        "MGA" => Some(Unit::Hundredth),
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => Some(Unit::LastDigitZero),
        _ if currency.exponent() <= 2 => Some(Unit::Same),
        _ => None,
    }
}

/// The integer that Stripe is sent for this money.
///
/// # Errors
/// [`AmountError`], the first that applies.
pub fn to_provider(money: Money) -> Result<u64, AmountError> {
    let divisible_by = |divisor: u64| if money.amount_minor.is_multiple_of(divisor) { Ok(()) } else { Err(AmountError::NotRepresentable) };
    match unit(money.currency).ok_or(AmountError::Currency)? {
        Unit::Same => Ok(money.amount_minor),
        Unit::Hundredfold => money.amount_minor.checked_mul(100).ok_or(AmountError::TooLarge),
        Unit::Hundredth => divisible_by(100).map(|()| money.amount_minor / 100),
        Unit::LastDigitZero => divisible_by(10).map(|()| money.amount_minor),
    }
}

/// Our minor units for Stripe's integer; `None` when it cannot be said exactly.
pub fn from_provider(provider_amount: u64, currency: Currency) -> Option<u64> {
    match unit(currency)? {
        Unit::Same | Unit::LastDigitZero => Some(provider_amount),
        Unit::Hundredfold => provider_amount.is_multiple_of(100).then_some(provider_amount / 100),
        Unit::Hundredth => provider_amount.checked_mul(100),
    }
}

#[cfg(test)]
mod tests {
    use super::{AmountError, from_provider, to_provider};
    use base::{Currency, Money};
    use proptest::prelude::*;

    fn money(amount_minor: u64, alpha: &str) -> Money {
        Money { amount_minor, currency: alpha.parse().unwrap() }
    }

    #[test]
    fn amounts_follow_stripes_table() {
        for (amount_minor, alpha, expected) in [
            (1_999, "EUR", Ok(1_999)),
            (1_999, "USD", Ok(1_999)),
            (500, "JPY", Ok(500)),
            (500, "CLP", Ok(500)),
            (500, "KRW", Ok(500)),
            (1_000, "HUF", Ok(1_000)),
            (1_050, "TWD", Ok(1_050)),
            (5, "ISK", Ok(500)),
            (5, "UGX", Ok(500)),
            (500, "MGA", Ok(5)),
            (550, "MGA", Err(AmountError::NotRepresentable)),
            (1, "MGA", Err(AmountError::NotRepresentable)),
            (5_120, "KWD", Ok(5_120)),
            (5_124, "KWD", Err(AmountError::NotRepresentable)),
            (5_124, "BHD", Err(AmountError::NotRepresentable)),
            (5_124, "JOD", Err(AmountError::NotRepresentable)),
            (5_124, "OMR", Err(AmountError::NotRepresentable)),
            (5_124, "TND", Err(AmountError::NotRepresentable)),
            (1_000, "IQD", Err(AmountError::Currency)),
            (1_000, "LYD", Err(AmountError::Currency)),
            (u64::MAX, "ISK", Err(AmountError::TooLarge)),
        ] {
            assert_eq!(to_provider(money(amount_minor, alpha)), expected, "{amount_minor} {alpha}");
        }
        for (provider_amount, alpha, expected) in [
            (1_999, "EUR", Some(1_999)),
            (500, "ISK", Some(5)),
            (550, "ISK", None),
            (501, "UGX", None),
            (5, "MGA", Some(500)),
            (u64::MAX, "MGA", None),
            (5_124, "KWD", Some(5_124)),
            (1_000, "IQD", None),
        ] {
            assert_eq!(from_provider(provider_amount, alpha.parse().unwrap()), expected, "{provider_amount} {alpha}");
        }
    }

    /// Stripe's list of zero-decimal currencies without its special cases, as published.
    const ZERO_DECIMAL: [&str; 15] =
        ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];

    #[test]
    fn one_major_unit_of_every_currency_has_stripes_number_of_decimals() {
        for currency in Currency::all() {
            let major = Money { amount_minor: 10_u64.pow(u32::from(currency.exponent())), currency };
            let expected = match currency.alpha() {
                "IQD" | "LYD" => Err(AmountError::Currency),
                alpha if ZERO_DECIMAL.contains(&alpha) => Ok(1),
                "BHD" | "JOD" | "KWD" | "OMR" | "TND" => Ok(1_000),
                _ => Ok(100),
            };
            assert_eq!(to_provider(major), expected, "{currency}");
        }
    }

    proptest! {
        #[test]
        fn what_can_be_sent_comes_back_the_same(amount_minor in 0_u64..=1_000_000_000_000, index in any::<prop::sample::Index>()) {
            let currency = *index.get(&Currency::all().collect::<Vec<_>>());
            if let Ok(provider_amount) = to_provider(Money { amount_minor, currency }) {
                prop_assert_eq!(from_provider(provider_amount, currency), Some(amount_minor));
            }
        }
    }
}
