//! The currencies Stripe settles in, with its own exponents and limits. These are not ISO 4217's exponents
//! and are not meant for anything but this wire.
//!
//! Source: docs.stripe.com/currencies (presentment currencies, zero-decimal, three-decimal and special
//! cases, minimum charge amounts).

/// How amounts of a currency are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Two decimals.
    Two,
    /// No decimals.
    Zero,
    /// Three decimals of which the last must be 0.
    Three,
    /// Two decimals that must both be 0.
    TwoButWhole,
}

struct Row {
    code: &'static str,
    form: Form,
    minimum: u64,
    maximum: u64,
}

/// Largest amount of most currencies: eight digits.
const AMOUNT_MAX: u64 = 99_999_999;
/// Largest amount of Indonesian rupiah: twelve digits.
const AMOUNT_MAX_IDR: u64 = 999_999_999_999;

const fn two(code: &'static str, minimum: u64) -> Row {
    Row { code, form: Form::Two, minimum, maximum: AMOUNT_MAX }
}

const fn zero(code: &'static str, minimum: u64) -> Row {
    Row { code, form: Form::Zero, minimum, maximum: AMOUNT_MAX }
}

const fn three(code: &'static str) -> Row {
    Row { code, form: Form::Three, minimum: 10, maximum: AMOUNT_MAX }
}

const fn whole(code: &'static str) -> Row {
    Row { code, form: Form::TwoButWhole, minimum: 100, maximum: AMOUNT_MAX }
}

/// Minimum of a two-decimal currency without a published one.
const LOW: u64 = 50;

#[rustfmt::skip] // a dense list reads better than one row a line
static ROWS: &[Row] = &[
    two("usd", 50), two("aed", 200), two("afn", LOW), two("all", LOW), two("amd", LOW), two("ang", LOW),
    two("aoa", LOW), two("ars", LOW), two("aud", 50), two("awg", LOW), two("azn", LOW), two("bam", LOW),
    two("bbd", LOW), two("bdt", LOW), two("bgn", 100), three("bhd"), zero("bif", 50), two("bmd", LOW),
    two("bnd", LOW), two("bob", LOW), two("brl", 50), two("bsd", LOW), two("bwp", LOW), two("byn", LOW),
    two("bzd", LOW), two("cad", 50), two("cdf", LOW), two("chf", 50), zero("clp", 50), two("cny", LOW),
    two("cop", LOW), two("crc", LOW), two("cve", LOW), two("czk", 1_500), zero("djf", 50), two("dkk", 250),
    two("dop", LOW), two("dzd", LOW), two("egp", LOW), two("etb", LOW), two("eur", 50), two("fjd", LOW),
    two("fkp", LOW), two("gbp", 30), two("gel", LOW), two("gip", LOW), two("gmd", LOW), zero("gnf", 50),
    two("gtq", LOW), two("gyd", LOW), two("hkd", 400), two("hnl", LOW), two("htg", LOW), two("huf", 17_500),
    Row { code: "idr", form: Form::Two, minimum: LOW, maximum: AMOUNT_MAX_IDR },
    two("ils", LOW), two("inr", 50), whole("isk"), two("jmd", LOW), three("jod"), zero("jpy", 50),
    two("kes", LOW), two("kgs", LOW), two("khr", LOW), zero("kmf", 50), zero("krw", 50), three("kwd"),
    two("kyd", LOW), two("kzt", LOW), two("lak", LOW), two("lbp", LOW), two("lkr", LOW), two("lrd", LOW),
    two("lsl", LOW), two("mad", LOW), two("mdl", LOW), zero("mga", 50), two("mkd", LOW), two("mmk", LOW),
    two("mnt", LOW), two("mop", LOW), two("mur", LOW), two("mvr", LOW), two("mwk", LOW), two("mxn", 1_000),
    two("myr", 200), two("mzn", LOW), two("nad", LOW), two("ngn", LOW), two("nio", LOW), two("nok", 300),
    two("npr", LOW), two("nzd", 50), three("omr"), two("pab", LOW), two("pen", LOW), two("pgk", LOW),
    two("php", LOW), two("pkr", LOW), two("pln", 200), zero("pyg", 50), two("qar", LOW), two("ron", 200),
    two("rsd", LOW), two("rub", LOW), zero("rwf", 50), two("sar", LOW), two("sbd", LOW), two("scr", LOW),
    two("sek", 300), two("sgd", 50), two("shp", LOW), two("sle", LOW), two("sos", LOW), two("srd", LOW),
    two("std", LOW), two("szl", LOW), two("thb", 1_000), two("tjs", LOW), three("tnd"), two("top", LOW),
    two("try", LOW), two("ttd", LOW), two("twd", LOW), two("tzs", LOW), two("uah", LOW), whole("ugx"),
    two("uyu", LOW), two("uzs", LOW), zero("vnd", 50), zero("vuv", 50), two("wst", LOW), zero("xaf", 50),
    two("xcd", LOW), zero("xof", 50), zero("xpf", 50), two("yer", LOW), two("zar", LOW), two("zmw", LOW),
];

/// A currency the provider accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(u8);

/// Which rule an amount breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountFault {
    /// Below the minimum charge.
    TooSmall,
    /// More digits than the wire allows.
    TooLarge,
    /// Not a multiple of what this currency moves in; holds that number.
    NotDivisibleBy(u64),
}

impl Currency {
    /// Finds a currency by its three-letter code in any case.
    pub fn parse(code: &str) -> Option<Self> {
        let index = ROWS.iter().position(|row| row.code.eq_ignore_ascii_case(code))?;
        u8::try_from(index).ok().map(Self)
    }

    fn row(self) -> &'static Row {
        &ROWS[usize::from(self.0)]
    }

    /// Lower-case three-letter code.
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// Smallest amount that can be charged, in this wire's minor units.
    pub fn minimum(self) -> u64 {
        self.row().minimum
    }

    /// Largest amount that can be charged, in this wire's minor units.
    pub fn maximum(self) -> u64 {
        self.row().maximum
    }

    /// Checks an amount to charge.
    ///
    /// # Errors
    /// The first rule it breaks: too large, too small, not divisible.
    pub fn check_amount(self, amount: u64) -> Result<(), AmountFault> {
        let row = self.row();
        if amount > row.maximum {
            return Err(AmountFault::TooLarge);
        }
        if amount < row.minimum {
            return Err(AmountFault::TooSmall);
        }
        self.check_divisible(amount)
    }

    /// Checks only that the amount is one this currency can move.
    ///
    /// # Errors
    /// [`AmountFault::NotDivisibleBy`].
    pub fn check_divisible(self, amount: u64) -> Result<(), AmountFault> {
        let step = match self.row().form {
            Form::Two | Form::Zero => 1,
            Form::Three => 10,
            Form::TwoButWhole => 100,
        };
        if amount.is_multiple_of(step) { Ok(()) } else { Err(AmountFault::NotDivisibleBy(step)) }
    }

    /// The amount for people, such as `$0.50` or `500 JPY`.
    pub fn display(self, amount: u64) -> String {
        let decimals = match self.row().form {
            Form::Zero => 0,
            Form::Two | Form::TwoButWhole => 2,
            Form::Three => 3,
        };
        let scale = 10u64.pow(decimals);
        let whole = grouped(amount / scale);
        let number = match decimals {
            0 => whole,
            2 => format!("{whole}.{:02}", amount % scale),
            _ => format!("{whole}.{:03}", amount % scale),
        };
        match self.code() {
            "usd" => format!("${number}"),
            "eur" => format!("€{number}"),
            "gbp" => format!("£{number}"),
            code => format!("{number} {}", code.to_ascii_uppercase()),
        }
    }

    /// All codes, comma-separated, for the message about an unknown one.
    pub fn list() -> String {
        let codes: Vec<&str> = ROWS.iter().map(|row| row.code).collect();
        codes.join(", ")
    }
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_judged_by_the_providers_own_exponents_and_limits() {
        use AmountFault::{NotDivisibleBy, TooLarge, TooSmall};
        for (code, amount, expected) in [
            ("usd", 50, Ok(())),
            ("USD", 49, Err(TooSmall)),
            ("usd", 99_999_999, Ok(())),
            ("usd", 100_000_000, Err(TooLarge)),
            ("gbp", 30, Ok(())),
            ("jpy", 50, Ok(())),
            ("jpy", 49, Err(TooSmall)),
            ("kwd", 1_230, Ok(())),
            ("kwd", 1_234, Err(NotDivisibleBy(10))),
            ("isk", 500, Ok(())),
            ("isk", 550, Err(NotDivisibleBy(100))),
            ("ugx", 550, Err(NotDivisibleBy(100))),
            ("idr", 999_999_999_999, Ok(())),
            ("huf", 17_499, Err(TooSmall)),
        ] {
            let currency = Currency::parse(code).unwrap();
            assert_eq!(currency.check_amount(amount), expected, "{code} {amount}");
        }
    }

    #[test]
    fn unknown_codes_are_unknown() {
        for code in ["", "us", "usdx", "xau", "ü"] {
            assert_eq!(Currency::parse(code), None, "{code}");
        }
    }

    #[test]
    fn amounts_for_people_follow_the_exponent() {
        for (code, amount, text) in [
            ("usd", 50, "$0.50"),
            ("usd", 99_999_999, "$999,999.99"),
            ("jpy", 1_500, "1,500 JPY"),
            ("kwd", 1_230, "1.230 KWD"),
            ("chf", 1_234_567, "12,345.67 CHF"),
        ] {
            assert_eq!(Currency::parse(code).unwrap().display(amount), text);
        }
    }
}
