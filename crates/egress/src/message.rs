//! Requests and responses as plain values, and the byte form in which a request is kept for an identical replay.
//! No socket and no credential lives here.

use base::limits::PROVIDER_REQUEST_BYTES_MAX;

/// First byte of [`Request::encode_bytes`]. A format once released is never edited: a change is a new version, read
/// beside this one.
pub const REQUEST_FORMAT_VERSION: u8 = 1;
/// Most headers on one request.
pub const HEADERS_MAX: usize = 32;
/// Longest header name or value, in bytes.
pub const HEADER_BYTES_MAX: usize = 1_024;
/// Longest path with query, in bytes.
pub const PATH_BYTES_MAX: usize = 4_096;

/// Headers that the client writes itself; a request that carries one could frame a second request inside its body.
const HEADERS_OF_THE_CLIENT: [&str; 9] =
    ["host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "expect", "user-agent"];

/// The methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Acts.
    Post,
    /// Takes away.
    Delete,
}

impl Method {
    const fn code(self) -> u8 {
        match self {
            Self::Get => 1,
            Self::Post => 2,
            Self::Delete => 3,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Get),
            2 => Some(Self::Post),
            3 => Some(Self::Delete),
            _ => None,
        }
    }
}

/// A request without its credentials: those are added per send and are never part of what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Absolute path with its query, percent-encoded; at most [`PATH_BYTES_MAX`].
    pub path_and_query: String,
    /// Header names in lower case with their values, in order; at most [`HEADERS_MAX`].
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A complete response within the client's limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code, 200 to 999.
    pub status: u16,
    /// Header names in lower case with their values, in order. Values that are not visible ASCII are left out.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }
}

/// Why a request cannot be sent or kept, or why bytes are not a kept request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The path does not start with a slash, is too long, or holds something else than visible ASCII.
    #[error("the path is not a visible ASCII path of at most {PATH_BYTES_MAX} bytes")]
    Path,
    /// A header has a bad name, a bad value or a name that belongs to the client, or there are too many.
    #[error("a header is malformed, too long, one too many, or belongs to the client")]
    Header,
    /// The whole request is larger than `PROVIDER_REQUEST_BYTES_MAX`.
    #[error("the request is larger than {PROVIDER_REQUEST_BYTES_MAX} bytes")]
    TooLarge,
    /// The first byte names a format that this program does not know.
    #[error("the kept request has the unknown format {0}")]
    Version(u8),
    /// The bytes end early, go on after the end, or hold an impossible value.
    #[error("the kept request is damaged")]
    Damaged,
}

pub(crate) fn is_header_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.len() <= HEADER_BYTES_MAX && name.bytes().all(allowed) && !HEADERS_OF_THE_CLIENT.contains(&name)
}

/// Visible ASCII and inner spaces: no line break can end the header early.
pub(crate) fn is_header_value(value: &str) -> bool {
    value.len() <= HEADER_BYTES_MAX && value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && value.trim() == value
}

impl Request {
    /// Checks everything that could not be written as one well-formed request.
    ///
    /// # Errors
    /// [`MessageError::Path`], [`MessageError::Header`] or [`MessageError::TooLarge`], the first that applies.
    pub fn check(&self) -> Result<(), MessageError> {
        let path = self.path_and_query.as_bytes();
        let visible = path.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
        if path.first() != Some(&b'/') || path.len() > PATH_BYTES_MAX || !visible {
            return Err(MessageError::Path);
        }
        if self.headers.len() > HEADERS_MAX {
            return Err(MessageError::Header);
        }
        if self.headers.iter().any(|(name, value)| !is_header_name(name) || !is_header_value(value)) {
            return Err(MessageError::Header);
        }
        if self.encoded_bytes() > PROVIDER_REQUEST_BYTES_MAX {
            return Err(MessageError::TooLarge);
        }
        Ok(())
    }

    /// How many bytes [`Self::encode_bytes`] gives.
    fn encoded_bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| 4 + name.len() + value.len()).sum();
        2 + 2 + self.path_and_query.len() + 1 + headers + 4 + self.body.len()
    }

    /// The byte form, version 1; all integers little-endian: version `u8`, method `u8` (1 GET, 2 POST), path length
    /// `u16`, path, header count `u8`, per header name length `u16`, name, value length `u16`, value, then body length
    /// `u32`, body.
    ///
    /// # Errors
    /// As [`Self::check`]: what could not be sent is not kept either.
    pub fn encode_bytes(&self) -> Result<Vec<u8>, MessageError> {
        self.check()?;
        let mut bytes = Vec::with_capacity(self.encoded_bytes());
        bytes.push(REQUEST_FORMAT_VERSION);
        bytes.push(self.method.code());
        put_short(&mut bytes, &self.path_and_query, MessageError::Path)?;
        bytes.push(u8::try_from(self.headers.len()).map_err(|_| MessageError::Header)?);
        for (name, value) in &self.headers {
            put_short(&mut bytes, name, MessageError::Header)?;
            put_short(&mut bytes, value, MessageError::Header)?;
        }
        let body_bytes = u32::try_from(self.body.len()).map_err(|_| MessageError::TooLarge)?;
        bytes.extend_from_slice(&body_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.body);
        Ok(bytes)
    }

    /// Reads what [`Self::encode_bytes`] wrote, and nothing else.
    ///
    /// # Errors
    /// [`MessageError::TooLarge`], [`MessageError::Version`] or [`MessageError::Damaged`]; also the errors of
    /// [`Self::check`], so that what comes back can be sent.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > PROVIDER_REQUEST_BYTES_MAX {
            return Err(MessageError::TooLarge);
        }
        let mut reader = Reader { rest: bytes };
        let version = reader.byte()?;
        if version != REQUEST_FORMAT_VERSION {
            return Err(MessageError::Version(version));
        }
        let method = Method::from_code(reader.byte()?).ok_or(MessageError::Damaged)?;
        let path_and_query = reader.short_text()?;
        let header_count = usize::from(reader.byte()?);
        let mut headers = Vec::with_capacity(header_count.min(HEADERS_MAX));
        for _ in 0..header_count {
            headers.push((reader.short_text()?, reader.short_text()?));
        }
        let body_bytes = u32::from_le_bytes(reader.array()?);
        let body = reader.take(usize::try_from(body_bytes).map_err(|_| MessageError::Damaged)?)?.to_vec();
        if !reader.rest.is_empty() {
            return Err(MessageError::Damaged);
        }
        let request = Self { method, path_and_query, headers, body };
        request.check()?;
        Ok(request)
    }
}

fn put_short(bytes: &mut Vec<u8>, text: &str, too_long: MessageError) -> Result<(), MessageError> {
    let length = u16::try_from(text.len()).map_err(|_| too_long)?;
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    Ok(())
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], MessageError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(MessageError::Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        self.take(N)?.try_into().map_err(|_| MessageError::Damaged)
    }

    fn byte(&mut self) -> Result<u8, MessageError> {
        Ok(self.array::<1>()?[0])
    }

    fn short_text(&mut self) -> Result<String, MessageError> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        let text = core::str::from_utf8(self.take(length)?).map_err(|_| MessageError::Damaged)?;
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADER_BYTES_MAX, HEADERS_MAX, MessageError, Method, PATH_BYTES_MAX, Request};
    use base::limits::PROVIDER_REQUEST_BYTES_MAX;
    use proptest::prelude::*;

    fn request() -> Request {
        Request {
            method: Method::Post,
            path_and_query: "/v1/things?a=1".to_owned(),
            headers: vec![("idempotency-key".to_owned(), "k 1".to_owned())],
            body: b"a=1".to_vec(),
        }
    }

    /// Version 1 as released. Never edit this text: a kept request of any age must still read the same.
    const GOLDEN_V1: &str = "01020e002f76312f7468696e67733f613d31010f006964656d706f74656e63792d6b657903006b203103000000613d31";

    #[test]
    fn the_kept_form_of_version_1_is_frozen() {
        let hex: String = request().encode_bytes().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, GOLDEN_V1);
        let bytes: Vec<u8> = (0..GOLDEN_V1.len()).step_by(2).map(|at| u8::from_str_radix(&GOLDEN_V1[at..at + 2], 16).unwrap()).collect();
        assert_eq!(Request::parse_bytes(&bytes), Ok(request()));
    }

    #[test]
    fn every_cut_every_extra_byte_and_every_other_version_is_refused() {
        let bytes = request().encode_bytes().unwrap();
        for end in 0..bytes.len() {
            assert_eq!(Request::parse_bytes(&bytes[..end]), Err(MessageError::Damaged), "cut at {end}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Request::parse_bytes(&longer), Err(MessageError::Damaged));
        let mut newer = bytes.clone();
        newer[0] = 2;
        assert_eq!(Request::parse_bytes(&newer), Err(MessageError::Version(2)));
        let mut method = bytes;
        method[1] = 9;
        assert_eq!(Request::parse_bytes(&method), Err(MessageError::Damaged));
        assert_eq!(Request::parse_bytes(&vec![1; PROVIDER_REQUEST_BYTES_MAX + 1]), Err(MessageError::TooLarge));
    }

    #[test]
    fn what_could_become_two_requests_is_neither_kept_nor_sent() {
        type Change = fn(&mut Request);
        let table: [(&str, Change, MessageError); 13] = [
            ("relative path", |r| r.path_and_query = "v1".into(), MessageError::Path),
            ("empty path", |r| r.path_and_query = String::new(), MessageError::Path),
            ("space in the path", |r| r.path_and_query = "/a HTTP/1.1".into(), MessageError::Path),
            ("fragment", |r| r.path_and_query = "/a#b".into(), MessageError::Path),
            ("line break in the path", |r| r.path_and_query = "/a\r\nx: y".into(), MessageError::Path),
            ("long path", |r| r.path_and_query = format!("/{}", "a".repeat(PATH_BYTES_MAX)), MessageError::Path),
            ("line break in a value", |r| r.headers[0].1 = "a\r\nx: y".into(), MessageError::Header),
            ("capitals in a name", |r| r.headers[0].0 = "Idempotency-Key".into(), MessageError::Header),
            ("colon in a name", |r| r.headers[0].0 = "a:b".into(), MessageError::Header),
            ("header of the client", |r| r.headers[0].0 = "content-length".into(), MessageError::Header),
            ("long value", |r| r.headers[0].1 = "a".repeat(HEADER_BYTES_MAX + 1), MessageError::Header),
            ("many headers", |r| r.headers = vec![("a".into(), "b".into()); HEADERS_MAX + 1], MessageError::Header),
            ("large body", |r| r.body = vec![b'a'; PROVIDER_REQUEST_BYTES_MAX], MessageError::TooLarge),
        ];
        for (name, change, expected) in table {
            let mut changed = request();
            change(&mut changed);
            assert_eq!(changed.check(), Err(expected), "{name}");
            assert_eq!(changed.encode_bytes(), Err(expected), "{name}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_parse_only_to_what_encodes_to_them(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(request) = Request::parse_bytes(&bytes) {
                prop_assert_eq!(request.encode_bytes().unwrap(), bytes);
            }
        }

        #[test]
        fn every_valid_request_comes_back_the_same(
            path in "/[a-z0-9/?=&%]{0,80}",
            headers in prop::collection::vec(("x-[a-z]{1,10}", "[a-zA-Z0-9]{0,20}"), 0..5),
            body in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let request = Request { method: Method::Get, path_and_query: path, headers, body };
            let bytes = request.encode_bytes().unwrap();
            prop_assert_eq!(bytes.len(), request.encoded_bytes());
            prop_assert_eq!(Request::parse_bytes(&bytes).unwrap(), request);
        }
    }
}
