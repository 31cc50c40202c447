//! Typed access to a request's form: what is required, what is known, what form a value must have.
//! Each refusal has the provider's own words. What a value leads to is not decided here.

use super::errors::ApiError;
use super::objects::Metadata;
use crate::form::{Form, Node};

/// Longest text of an ordinary parameter, in characters.
const TEXT_CHARS_MAX: usize = 5_000;
/// Most metadata pairs of one object (docs.stripe.com/api/metadata).
const METADATA_PAIRS_MAX: usize = 50;
/// Longest metadata name, in characters.
const METADATA_NAME_CHARS_MAX: usize = 40;
/// Longest metadata value, in characters.
const METADATA_VALUE_CHARS_MAX: usize = 500;

/// A request's parameters.
#[derive(Debug, Clone, Copy)]
pub struct Params<'a> {
    form: &'a Form,
}

impl<'a> Params<'a> {
    /// Looks at a form.
    pub fn new(form: &'a Form) -> Self {
        Self { form }
    }

    /// The whole form.
    pub fn form(self) -> &'a Form {
        self.form
    }

    /// Refuses parameters that are not among `known`; those among `unmodelled` with their own message.
    ///
    /// # Errors
    /// `parameter_unknown` for the first one.
    pub fn check_known(self, known: &[&str], unmodelled: &[&str]) -> Result<(), ApiError> {
        for (name, _) in self.form.members() {
            if unmodelled.contains(&name.as_str()) {
                return Err(ApiError::unmodelled_param(name));
            }
            if !known.contains(&name.as_str()) && name != "expand" {
                return Err(ApiError::unknown_param(name));
            }
        }
        Ok(())
    }

    /// Whether the parameter was sent, in any form.
    pub fn has(self, name: &str) -> bool {
        self.form.member(name).is_some()
    }

    /// A text. An empty one counts as not sent.
    ///
    /// # Errors
    /// The parameter is a group, or too long.
    pub fn text(self, name: &str) -> Result<Option<&'a str>, ApiError> {
        let Some(node) = self.form.member(name) else { return Ok(None) };
        let Some(text) = node.text() else {
            return Err(ApiError::invalid(format!("Invalid string: {name} must be a string")).with_param(name));
        };
        if text.len() > TEXT_CHARS_MAX && text.chars().count() > TEXT_CHARS_MAX {
            let message = format!("Invalid string: {name} must be at most {TEXT_CHARS_MAX} characters");
            return Err(ApiError::invalid(message).with_param(name));
        }
        Ok((!text.is_empty()).then_some(text))
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// `parameter_missing`, or as [`Params::text`].
    pub fn required_text(self, name: &str) -> Result<&'a str, ApiError> {
        self.text(name)?.ok_or_else(|| ApiError::missing_param(name))
    }

    /// A copy of a text.
    ///
    /// # Errors
    /// As [`Params::text`].
    pub fn owned(self, name: &str) -> Result<Option<String>, ApiError> {
        Ok(self.text(name)?.map(str::to_owned))
    }

    /// A text that can be changed or, by an empty text, unset.
    ///
    /// # Errors
    /// As [`Params::text`].
    pub fn change(self, name: &str, slot: &mut Option<String>) -> Result<(), ApiError> {
        if self.has(name) {
            *slot = self.owned(name)?;
        }
        Ok(())
    }

    /// An integer of any sign.
    ///
    /// # Errors
    /// `parameter_invalid_integer`.
    pub fn signed(self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| ApiError::not_integer(name, text))
    }

    /// A positive integer.
    ///
    /// # Errors
    /// `parameter_invalid_integer`.
    pub fn positive(self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ApiError::not_integer(name, text));
        }
        if text.starts_with('-') || digits.bytes().all(|byte| byte == b'0') {
            let error = ApiError::invalid("This value must be greater than or equal to 1.");
            return Err(error.with_code("parameter_invalid_integer").with_param(name));
        }
        // A number beyond 64 bits is a number all the same, and too large for every limit.
        Ok(Some(digits.parse().unwrap_or(u64::MAX)))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// The text is neither.
    pub fn boolean(self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => {
                let shown: String = other.chars().take(100).collect();
                Err(ApiError::invalid(format!("Invalid boolean: {shown}")).with_param(name))
            }
        }
    }

    /// One of a closed list of texts.
    ///
    /// # Errors
    /// The text is none of them.
    pub fn one_of(self, name: &str, allowed: &[&'static str]) -> Result<Option<&'static str>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match allowed.iter().find(|value| **value == text) {
            Some(value) => Ok(Some(*value)),
            None => Err(ApiError::not_one_of(name, allowed)),
        }
    }

    /// `metadata`; `None` if it was not sent. Empty values are kept: they remove a name.
    ///
    /// # Errors
    /// Not a group of texts, too many, or too long.
    pub fn metadata(self) -> Result<Option<Metadata>, ApiError> {
        let Some(node) = self.form.member("metadata") else { return Ok(None) };
        let Some(members) = node.members() else {
            if node.text() == Some("") {
                return Ok(Some(Metadata::default()));
            }
            return Err(ApiError::invalid("Invalid hash: metadata must be a set of keys and values").with_param("metadata"));
        };
        if members.len() > METADATA_PAIRS_MAX {
            let message = format!("Metadata can have up to {METADATA_PAIRS_MAX} keys");
            return Err(ApiError::invalid(message).with_param("metadata"));
        }
        let mut pairs = Vec::with_capacity(members.len());
        for (name, node) in members {
            let param = || format!("metadata[{name}]");
            let Some(value) = node.text() else {
                return Err(ApiError::invalid("Metadata values must be strings").with_param(param()));
            };
            if name.chars().count() > METADATA_NAME_CHARS_MAX {
                let message = format!("Metadata keys can be up to {METADATA_NAME_CHARS_MAX} characters");
                return Err(ApiError::invalid(message).with_param(param()));
            }
            if value.len() > METADATA_VALUE_CHARS_MAX && value.chars().count() > METADATA_VALUE_CHARS_MAX {
                let message = format!("Metadata values can be up to {METADATA_VALUE_CHARS_MAX} characters");
                return Err(ApiError::invalid(message).with_param(param()));
            }
            pairs.push((name.as_str(), value));
        }
        Ok(Some(Metadata::pack(pairs)))
    }

    /// Lays `metadata` over older ones; an empty text instead of a group removes all.
    ///
    /// # Errors
    /// As [`Params::metadata`], or too many together.
    pub fn change_metadata(self, old: &mut Metadata) -> Result<(), ApiError> {
        let Some(new) = self.metadata()? else { return Ok(()) };
        if self.form.member("metadata").and_then(Node::text).is_some() {
            *old = Metadata::default();
            return Ok(());
        }
        let merged = old.merged(&new);
        if merged.pairs().count() > METADATA_PAIRS_MAX {
            let message = format!("Metadata can have up to {METADATA_PAIRS_MAX} keys");
            return Err(ApiError::invalid(message).with_param("metadata"));
        }
        *old = merged;
        Ok(())
    }

    /// The members of a group; none if it was not sent or is empty.
    ///
    /// # Errors
    /// It is no group.
    pub fn members(self, name: &str) -> Result<&'a [(String, Node)], ApiError> {
        self.form.member(name).map_or(Ok(&[]), |node| super::contacts::members(node, name))
    }

    /// A list of texts.
    ///
    /// # Errors
    /// Not a list, or more than `count_max`.
    pub fn list(self, name: &str, count_max: usize) -> Result<Option<Vec<&'a str>>, ApiError> {
        let Some(node) = self.form.member(name) else { return Ok(None) };
        match node {
            Node::Text(text) if text.is_empty() => Ok(None),
            node => match node.text_list() {
                Some(list) if list.len() <= count_max => Ok(Some(list)),
                Some(_) => Err(ApiError::invalid("Invalid array: too many entries").with_param(name)),
                None => Err(ApiError::invalid("Invalid array").with_param(name)),
            },
        }
    }
}
