//! `application/x-www-form-urlencoded` with brackets, as Stripe's SDKs write it: `a[b][c]=v`, `a[0]=v`,
//! `a[]=v`. Total on hostile input: every size has a limit, nothing recurses on what was sent.
//! What a parameter means is not decided here.

/// Longest accepted text, encoded, in bytes.
pub const FORM_BYTES_MAX: usize = 256 * 1024;
/// Most `name=value` pairs in one form.
pub const PAIRS_MAX: usize = 1_000;
/// Longest decoded name, brackets included, in bytes.
pub const NAME_BYTES_MAX: usize = 1_024;
/// Longest decoded value, in bytes.
pub const VALUE_BYTES_MAX: usize = 32 * 1024;
/// Most levels of one name: `a[b][c]` has three.
pub const DEPTH_MAX: usize = 6;

/// Why a form was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The encoded text exceeds [`FORM_BYTES_MAX`].
    #[error("the form is too long")]
    TooLong,
    /// More than [`PAIRS_MAX`] pairs.
    #[error("the form has too many parameters")]
    TooManyPairs,
    /// A name exceeds [`NAME_BYTES_MAX`].
    #[error("a parameter name is too long")]
    NameTooLong,
    /// A value exceeds [`VALUE_BYTES_MAX`].
    #[error("a parameter value is too long")]
    ValueTooLong,
    /// A name has more than [`DEPTH_MAX`] levels.
    #[error("a parameter name is nested too deeply")]
    TooDeep,
    /// A name is empty or its brackets do not match.
    #[error("a parameter name is malformed")]
    MalformedName,
    /// `%` without two hexadecimal digits.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    MalformedPercent,
    /// Decoded bytes are not UTF-8, or contain a zero byte.
    #[error("the form is not valid UTF-8")]
    NotText,
    /// One name is used both as a value and as a group.
    #[error("a parameter is both a value and a group")]
    Conflict,
}

/// A value or a group of named values. A list is a group whose names are indices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A decoded value.
    Text(String),
    /// Named members in order of first appearance.
    Group(Vec<(String, Node)>),
}

impl Node {
    /// The text, if this is no group.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Group(_) => None,
        }
    }

    /// The member of that name, if this is a group that has it.
    pub fn member(&self, name: &str) -> Option<&Node> {
        match self {
            Self::Text(_) => None,
            Self::Group(members) => members.iter().find(|(key, _)| key == name).map(|(_, node)| node),
        }
    }

    /// The members, if this is a group.
    pub fn members(&self) -> Option<&[(String, Node)]> {
        match self {
            Self::Text(_) => None,
            Self::Group(members) => Some(members),
        }
    }

    /// The texts of a list in the order of their indices; `None` if this is no list of texts.
    pub fn text_list(&self) -> Option<Vec<&str>> {
        let mut indexed = Vec::new();
        for (name, node) in self.members()? {
            let index: u32 = name.parse().ok()?;
            indexed.push((index, node.text()?));
        }
        indexed.sort_by_key(|(index, _)| *index);
        Some(indexed.into_iter().map(|(_, text)| text).collect())
    }
}

/// A decoded form: the top level's members in order of first appearance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    root: Vec<(String, Node)>,
}

impl Form {
    /// A form without members.
    pub fn empty() -> Self {
        Self { root: Vec::new() }
    }

    /// Decodes a body or a query string. A name given twice keeps its last value.
    ///
    /// # Errors
    /// The first rule of [`Error`] that the text breaks.
    pub fn parse(encoded: &[u8]) -> Result<Self, Error> {
        if encoded.len() > FORM_BYTES_MAX {
            return Err(Error::TooLong);
        }
        let mut root = Vec::new();
        let mut pair_count = 0;
        for pair in encoded.split(|&byte| byte == b'&') {
            if pair.is_empty() {
                continue;
            }
            pair_count += 1;
            if pair_count > PAIRS_MAX {
                return Err(Error::TooManyPairs);
            }
            let split = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
            let name = decode(&pair[..split], NAME_BYTES_MAX, Error::NameTooLong)?;
            let value = decode(pair.get(split + 1..).unwrap_or(&[]), VALUE_BYTES_MAX, Error::ValueTooLong)?;
            insert(&mut root, &parse_name(&name)?, value)?;
        }
        Ok(Self { root })
    }

    /// The top-level members.
    pub fn members(&self) -> &[(String, Node)] {
        &self.root
    }

    /// The top-level member of that name.
    pub fn member(&self, name: &str) -> Option<&Node> {
        self.root.iter().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// The node at a path of names, such as `["payment_method_data", "card", "number"]`.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        let (first, rest) = path.split_first()?;
        let mut node = self.member(first)?;
        for name in rest {
            node = node.member(name)?;
        }
        Some(node)
    }

    /// As [`Form::at`], to change the node.
    pub fn at_mut(&mut self, path: &[&str]) -> Option<&mut Node> {
        let (first, rest) = path.split_first()?;
        let mut node = self.root.iter_mut().find(|(key, _)| key == first).map(|(_, node)| node)?;
        for name in rest {
            let Node::Group(members) = node else { return None };
            node = members.iter_mut().find(|(key, _)| key == name).map(|(_, node)| node)?;
        }
        Some(node)
    }

    /// Calls `visit` with every full name and value in sorted order, so that two forms that differ only
    /// in the order of their pairs look the same.
    pub fn visit_sorted(&self, mut visit: impl FnMut(&str, &str)) {
        let mut flat: Vec<(String, &str)> = Vec::new();
        let mut open: Vec<(String, &Node)> = self.root.iter().map(|(name, node)| (name.clone(), node)).collect();
        while let Some((name, node)) = open.pop() {
            match node {
                Node::Text(text) => flat.push((name, text)),
                Node::Group(members) => {
                    open.extend(members.iter().map(|(key, node)| (format!("{name}[{key}]"), node)));
                }
            }
        }
        flat.sort_unstable();
        for (name, value) in flat {
            visit(&name, value);
        }
    }
}

/// Decodes a name or a value; `None` if it is too long or not text.
pub fn decode_text(encoded: &[u8]) -> Option<String> {
    decode(encoded, VALUE_BYTES_MAX, Error::ValueTooLong).ok()
}

/// Decodes one segment of a path; `None` if it is not text.
pub fn decode_segment(encoded: &str) -> Option<String> {
    decode(encoded.replace('+', "%2B").as_bytes(), NAME_BYTES_MAX, Error::NameTooLong).ok()
}

fn decode(encoded: &[u8], bytes_max: usize, too_long: Error) -> Result<String, Error> {
    let mut decoded = Vec::with_capacity(encoded.len().min(bytes_max));
    let mut rest = encoded;
    while let Some((&byte, tail)) = rest.split_first() {
        let (value, next) = match (byte, tail) {
            (b'+', _) => (b' ', tail),
            (b'%', [high, low, after @ ..]) => {
                let high = hex(*high).ok_or(Error::MalformedPercent)?;
                let low = hex(*low).ok_or(Error::MalformedPercent)?;
                (high << 4 | low, after)
            }
            (b'%', _) => return Err(Error::MalformedPercent),
            _ => (byte, tail),
        };
        if value == 0 {
            return Err(Error::NotText);
        }
        if decoded.len() == bytes_max {
            return Err(too_long);
        }
        decoded.push(value);
        rest = next;
    }
    String::from_utf8(decoded).map_err(|_| Error::NotText)
}

fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// `a[b][]` becomes `["a", "b", ""]`; the empty segment means "append".
fn parse_name(name: &str) -> Result<Vec<&str>, Error> {
    let (first, mut rest) = match name.find('[') {
        None => (name, ""),
        Some(at) => name.split_at(at),
    };
    if first.is_empty() || first.contains(']') {
        return Err(Error::MalformedName);
    }
    let mut segments = vec![first];
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or(Error::MalformedName)?;
        let end = inner.find(']').ok_or(Error::MalformedName)?;
        let (segment, tail) = inner.split_at(end);
        if segment.contains('[') {
            return Err(Error::MalformedName);
        }
        if segments.len() == DEPTH_MAX {
            return Err(Error::TooDeep);
        }
        segments.push(segment);
        rest = &tail[1..];
    }
    Ok(segments)
}

fn insert(root: &mut Vec<(String, Node)>, segments: &[&str], value: String) -> Result<(), Error> {
    let (last, groups) = segments.split_last().ok_or(Error::MalformedName)?;
    let mut members = root;
    for segment in groups {
        let index = match members.iter().position(|(key, _)| key == segment) {
            Some(index) if !segment.is_empty() => index,
            _ => {
                let key = own_name(members, segment);
                members.push((key, Node::Group(Vec::new())));
                members.len() - 1
            }
        };
        members = match &mut members[index].1 {
            Node::Group(inner) => inner,
            Node::Text(_) => return Err(Error::Conflict),
        };
    }
    match members.iter_mut().find(|(key, _)| key == last && !last.is_empty()) {
        Some((_, Node::Text(old))) => *old = value,
        Some((_, Node::Group(_))) => return Err(Error::Conflict),
        None => {
            let key = own_name(members, last);
            members.push((key, Node::Text(value)));
        }
    }
    Ok(())
}

/// The name a new member gets: its own, or for `[]` the next free index.
fn own_name(members: &[(String, Node)], segment: &str) -> String {
    if !segment.is_empty() {
        return segment.to_owned();
    }
    let next = members.iter().filter_map(|(key, _)| key.parse::<u32>().ok()).max().map_or(0, |highest| highest.saturating_add(1));
    next.to_string()
}
