//! Search: the query language, and an index of payment intents by metadata. Clauses joined by `AND` or `OR`, each
//! `field:'text'`, `field~'part'`, `metadata['name']:'value'`, `field:null` or a comparison of numbers, negated by `-`.
//! What is not supported is refused, never ignored.
//!
//! Source: docs.stripe.com/search.

use super::errors::ApiError;
use super::objects::{Intent, Row};
use super::params::Params;
use std::borrow::Cow;
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

/// What a searchable field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// Text, compared without case.
    Text,
    /// Text, compared as it is.
    Token,
    /// A number.
    Number,
    /// Names and values.
    Metadata,
}

/// The value of a field of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Nothing.
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// A number.
    Number(u64),
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(Cow::Borrowed(text)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Contains,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Null,
    Text(String),
    Number(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause {
    negated: bool,
    field: &'static str,
    /// Of metadata, which name.
    name: String,
    kind: Field,
    comparison: Comparison,
    wanted: Wanted,
}

impl Clause {
    fn holds(&self, value: &Value<'_>) -> bool {
        let found = match (value, &self.wanted) {
            (Value::Null, Wanted::Null) => true,
            (Value::Text(text), Wanted::Text(wanted)) => match (self.comparison, self.kind) {
                (Comparison::Contains, _) => text.to_lowercase().contains(&wanted.to_lowercase()),
                (_, Field::Text) => text.to_lowercase() == wanted.to_lowercase(),
                _ => text == wanted,
            },
            (Value::Number(left), Wanted::Number(right)) => match self.comparison {
                Comparison::Equal | Comparison::Contains => left == right,
                Comparison::Less => left < right,
                Comparison::LessOrEqual => left <= right,
                Comparison::Greater => left > right,
                Comparison::GreaterOrEqual => left >= right,
            },
            _ => false,
        };
        found != self.negated
    }
}

/// How the clauses of a query are joined; the two ways cannot be mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joined {
    All,
    Any,
}

/// A parsed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    clauses: Vec<Clause>,
    joined: Joined,
}

impl Query {
    /// The query of a search request, whose other parameters are checked too.
    pub(super) fn parse_of(params: Params<'_>, fields: &[(&'static str, Field)]) -> Result<Self, ApiError> {
        params.check_known(&["query", "limit", "page"], &[])?;
        Self::parse(params.required_text("query")?, fields)
    }

    /// Parses a query over these fields.
    pub(super) fn parse(text: &str, fields: &[(&'static str, Field)]) -> Result<Self, ApiError> {
        let refused = || {
            let shown: String = text.chars().take(200).collect();
            ApiError::invalid(format!("We were unable to parse your search query, or the simulator does not support it: {shown}"))
                .with_param("query")
        };
        if text.chars().count() > QUERY_CHARS_MAX {
            return Err(refused());
        }
        let mut clauses = Vec::new();
        let mut joined = None;
        let mut rest = text.trim();
        loop {
            let (clause, tail) = parse_clause(rest, fields).ok_or_else(refused)?;
            clauses.push(clause);
            if clauses.len() > CLAUSES_MAX {
                return Err(refused());
            }
            rest = tail.trim_start();
            if rest.is_empty() {
                return Ok(Self { clauses, joined: joined.unwrap_or(Joined::All) });
            }
            let words = [("AND ", Joined::All), ("and ", Joined::All), ("OR ", Joined::Any), ("or ", Joined::Any)];
            let found = words.into_iter().find_map(|(word, way)| Some((rest.strip_prefix(word)?, way)));
            let (after, way) = match found {
                Some(found) => found,
                // Clauses side by side must all hold.
                None if tail.len() > rest.len() => (rest, Joined::All),
                None => return Err(refused()),
            };
            if joined.is_some_and(|joined| joined != way) {
                return Err(refused());
            }
            joined = Some(way);
            rest = after.trim_start();
        }
    }

    /// A metadata clause that every result fulfils, if there is one, to start from.
    pub(super) fn metadata(&self) -> Option<(&str, &str)> {
        if self.joined == Joined::Any && self.clauses.len() > 1 {
            return None;
        }
        self.clauses.iter().find_map(|clause| match &clause.wanted {
            Wanted::Text(value) if clause.kind == Field::Metadata && clause.comparison == Comparison::Equal && !clause.negated => {
                Some((clause.name.as_str(), value.as_str()))
            }
            _ => None,
        })
    }

    /// Whether an object fulfils the query; `value` gives its fields, of metadata the value of a name.
    pub(super) fn holds<'a>(&self, value: impl Fn(&str, &str) -> Value<'a>) -> bool {
        let holds = |clause: &Clause| clause.holds(&value(clause.field, &clause.name));
        match self.joined {
            Joined::All => self.clauses.iter().all(holds),
            Joined::Any => self.clauses.iter().any(holds),
        }
    }
}

fn parse_clause<'t>(text: &'t str, fields: &[(&'static str, Field)]) -> Option<(Clause, &'t str)> {
    let (negated, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let end = text.find([':', '<', '>', '~', '['])?;
    let (written, mut rest) = text.split_at(end);
    let (field, kind) = *fields.iter().find(|(field, _)| *field == written)?;
    let mut name = String::new();
    if kind == Field::Metadata {
        let (key, tail) = parse_quoted(rest.strip_prefix('[')?)?;
        name = key;
        rest = tail.strip_prefix(']')?;
    }
    let signs = [
        (">=", Comparison::GreaterOrEqual),
        ("<=", Comparison::LessOrEqual),
        (">", Comparison::Greater),
        ("<", Comparison::Less),
        ("~", Comparison::Contains),
        (":", Comparison::Equal),
    ];
    let (comparison, rest) = signs.into_iter().find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?)))?;
    let (wanted, rest) = match (kind, comparison) {
        (_, Comparison::Equal) if rest.starts_with("null") => (Wanted::Null, &rest[4..]),
        (Field::Number, Comparison::Contains) => return None,
        (Field::Number, _) => parse_number(rest).map(|(value, rest)| (Wanted::Number(value), rest))?,
        (Field::Text, Comparison::Contains) | (_, Comparison::Equal) => {
            parse_quoted(rest).map(|(value, rest)| (Wanted::Text(value), rest))?
        }
        _ => return None,
    };
    Some((Clause { negated, field, name, kind, comparison, wanted }, rest))
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

    const FIELDS: &[(&str, Field)] =
        &[("amount", Field::Number), ("metadata", Field::Metadata), ("name", Field::Text), ("status", Field::Token)];

    #[test]
    fn queries_of_the_supported_forms_are_understood() {
        let query = Query::parse("metadata['order_id']:'o_1'", FIELDS).unwrap();
        assert_eq!(query.metadata(), Some(("order_id", "o_1")));
        let query = Query::parse("status:'succeeded' AND metadata[\"a\\\"b\"]:\"c]:'d\" AND amount>=100", FIELDS).unwrap();
        assert_eq!(query.metadata(), Some(("a\"b", "c]:'d")));
        assert_eq!(query.clauses.len(), 3);
    }

    #[test]
    fn a_query_holds_by_its_clauses_and_how_they_are_joined() {
        let value = |field: &str, name: &str| match (field, name) {
            ("amount", _) => Value::Number(100),
            ("name", _) => Value::Text(Cow::Borrowed("Ada Lovelace")),
            ("metadata", "a") => Value::Text(Cow::Borrowed("1")),
            ("status", _) => Value::Text(Cow::Borrowed("open")),
            _ => Value::Null,
        };
        for (text, holds) in [
            ("amount:100", true),
            ("amount>100", false),
            ("amount>=100 AND amount<101", true),
            ("amount>100 OR amount<=100", true),
            ("name:'ada lovelace'", true),
            ("name~'LOVE'", true),
            ("name:'ada'", false),
            ("-name:'ada'", true),
            ("status:'OPEN'", false),
            ("metadata['a']:'1'", true),
            ("metadata['b']:null", true),
            ("-metadata['a']:null", true),
            ("amount:100 status:'open'", true),
            ("amount:100 -status:'open'", false),
        ] {
            assert_eq!(Query::parse(text, FIELDS).unwrap().holds(value), holds, "{text}");
        }
        assert_eq!(Query::parse("metadata['a']:'1' OR amount>1", FIELDS).unwrap().metadata(), None);
    }

    #[test]
    fn unsupported_and_hostile_queries_are_refused() {
        let many = ["amount>1"; 11].join(" AND ");
        for text in [
            "",
            "metadata",
            "metadata['a']",
            "metadata['a']:'b",
            "amount>1 AND amount>2 OR amount>3",
            "amount>",
            "amount~'1'",
            "amount>99999999999999999999999",
            "email:'x'",
            "status~'x'",
            "é:'x'",
            "status:'a' AND ",
            "status:'a'amount>1",
            &many,
        ] {
            assert!(Query::parse(text, FIELDS).is_err(), "{text}");
        }
    }
}
