//! The search of payment intents: an index of metadata and the query language, as much of it as clients of this
//! simulator use. Clauses joined by `AND`; `metadata['k']:'v'`, `status:'…'`, `currency:'…'`, and comparisons of
//! `amount` and `created`. What is not supported is refused, never ignored.
//!
//! Source: docs.stripe.com/search.

use super::errors::ApiError;
use super::objects::{Intent, Row};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// Longest query, in characters.
const QUERY_CHARS_MAX: usize = 2_000;
/// Most clauses of one query (docs.stripe.com/search: ten).
const CLAUSES_MAX: usize = 10;

/// Payment intents by metadata. Entries of one hash form a chain, newest first; the reader compares.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    heads: HashMap<u64, u32, BuildHasherDefault<DefaultHasher>>,
    entries: Vec<(Row<Intent>, Option<u32>)>,
}

fn hash(name: &str, value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (name, value).hash(&mut hasher);
    hasher.finish()
}

impl Index {
    /// Adds an intent under all its metadata. Adding it again after a change is harmless.
    pub(super) fn add(&mut self, row: Row<Intent>, intent: &Intent) {
        for (name, value) in intent.texts.metadata.pairs() {
            let position = u32::try_from(self.entries.len()).expect("memory ends before 2^32 entries");
            let older = self.heads.insert(hash(name, value), position);
            self.entries.push((row, older));
        }
    }

    /// Intents that may have this metadata, newest first, without doubles; the caller compares.
    pub(super) fn candidates(&self, name: &str, value: &str) -> Vec<Row<Intent>> {
        let mut rows = Vec::new();
        let mut next = self.heads.get(&hash(name, value)).copied();
        while let Some(position) = next {
            let Some((row, older)) = usize::try_from(position).ok().and_then(|index| self.entries.get(index)) else {
                break;
            };
            rows.push(*row);
            next = *older;
        }
        rows.sort_unstable_by(|left, right| right.cmp(left));
        rows.dedup();
        rows
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Clause {
    Metadata(String, String),
    Status(String),
    Currency(String),
    Amount(Comparison, u64),
    Created(Comparison, u64),
}

/// A parsed query: all clauses must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    clauses: Vec<Clause>,
}

impl Query {
    /// Parses a query.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let refused = || {
            let shown: String = text.chars().take(200).collect();
            ApiError::invalid(format!("We were unable to parse your search query, or the simulator does not support it: {shown}"))
                .with_param("query")
        };
        if text.chars().count() > QUERY_CHARS_MAX {
            return Err(refused());
        }
        let mut clauses = Vec::new();
        let mut rest = text.trim();
        loop {
            let (clause, tail) = parse_clause(rest).ok_or_else(refused)?;
            clauses.push(clause);
            if clauses.len() > CLAUSES_MAX {
                return Err(refused());
            }
            rest = tail.trim_start();
            if rest.is_empty() {
                return Ok(Self { clauses });
            }
            let after = rest.strip_prefix("AND ").or_else(|| rest.strip_prefix("and ")).ok_or_else(refused)?;
            rest = after.trim_start();
        }
    }

    /// A metadata clause, if there is one, to start from.
    pub(super) fn metadata(&self) -> Option<(&str, &str)> {
        self.clauses.iter().find_map(|clause| match clause {
            Clause::Metadata(name, value) => Some((name.as_str(), value.as_str())),
            Clause::Status(_) | Clause::Currency(_) | Clause::Amount(..) | Clause::Created(..) => None,
        })
    }

    /// Whether an intent fulfils all clauses.
    pub(super) fn holds(&self, intent: &Intent) -> bool {
        self.clauses.iter().all(|clause| match clause {
            Clause::Metadata(name, value) => intent.texts.metadata.value(name) == Some(value),
            Clause::Status(status) => intent.status.name() == status,
            Clause::Currency(code) => intent.currency.code().eq_ignore_ascii_case(code),
            Clause::Amount(comparison, amount) => comparison.holds(intent.amount, *amount),
            Clause::Created(comparison, seconds) => comparison.holds(intent.created_ms / 1_000, *seconds),
        })
    }
}

fn parse_clause(text: &str) -> Option<(Clause, &str)> {
    if let Some(rest) = text.strip_prefix("metadata[") {
        let (name, rest) = parse_quoted(rest)?;
        let (value, rest) = parse_quoted(rest.strip_prefix("]:")?)?;
        return Some((Clause::Metadata(name, value), rest));
    }
    let end = text.find([':', '<', '>'])?;
    let (field, rest) = text.split_at(end);
    let (comparison, rest) = [
        (">=", Comparison::GreaterOrEqual),
        ("<=", Comparison::LessOrEqual),
        (">", Comparison::Greater),
        ("<", Comparison::Less),
        (":", Comparison::Equal),
    ]
    .into_iter()
    .find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?)))?;
    match (field, comparison) {
        ("status", Comparison::Equal) => parse_quoted(rest).map(|(value, rest)| (Clause::Status(value), rest)),
        ("currency", Comparison::Equal) => parse_quoted(rest).map(|(value, rest)| (Clause::Currency(value), rest)),
        ("amount", comparison) => parse_number(rest).map(|(value, rest)| (Clause::Amount(comparison, value), rest)),
        ("created", comparison) => parse_number(rest).map(|(value, rest)| (Clause::Created(comparison, value), rest)),
        _ => None,
    }
}

/// A text in single or double quotes, with backslash before a quote or a backslash.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|quote| *quote == '\'' || *quote == '"')?;
    let mut value = String::new();
    let mut escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        match letter {
            '\\' if !escaped => escaped = true,
            letter if letter == quote && !escaped => return Some((value, &text[index + 1..])),
            letter => {
                value.push(letter);
                escaped = false;
            }
        }
    }
    None
}

fn parse_number(text: &str) -> Option<(u64, &str)> {
    let text = text.trim_start_matches(['\'', '"']);
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest.trim_start_matches(['\'', '"'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_the_supported_forms_are_understood() {
        let query = Query::parse("metadata['order_id']:'o_1'").unwrap();
        assert_eq!(query.metadata(), Some(("order_id", "o_1")));
        let query = Query::parse("status:'succeeded' AND metadata[\"a\\\"b\"]:\"c]:'d\" AND amount>=100").unwrap();
        assert_eq!(query.metadata(), Some(("a\"b", "c]:'d")));
        assert_eq!(query.clauses.len(), 3);
    }

    #[test]
    fn unsupported_and_hostile_queries_are_refused() {
        let many = ["amount>1"; 11].join(" AND ");
        for text in [
            "",
            "metadata",
            "metadata['a']",
            "metadata['a']:'b",
            "metadata['a']:'b' OR amount>1",
            "-status:'x'",
            "amount>",
            "amount>99999999999999999999999",
            "é:'x'",
            "status:'a' AND ",
            &many,
        ] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
    }
}
