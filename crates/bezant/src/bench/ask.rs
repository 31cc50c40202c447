//! A client on one kept connection. It does as little as it can, because it shares the machine with what it measures:
//! a request is bytes made once with a number written into it, and of an answer only status, length and one word are read.

use super::Error;
use http::Uri;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Stands for the number of a request in the text of a [`Template`].
pub const NUMBER: &str = "{number}";
/// Digits of that number, so that every request has as many bytes.
pub const NUMBER_DIGITS: usize = 20;
/// Longest answer that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest wait for an answer.
pub const ANSWER_WAIT_MAX: Duration = Duration::from_secs(40);

/// Host and port of an address such as `http://127.0.0.1:8080`.
///
/// # Errors
/// [`Error::Url`] when it is not such an address.
pub fn authority_of(url: &str) -> Result<String, Error> {
    let refuse = || Error::Url { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| refuse())?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(refuse)?;
    if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(refuse());
    }
    Ok(format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80)))
}

/// A request that differs from the next one by its number alone.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    /// Where the numbers' digits begin.
    places: Vec<usize>,
    /// What the body of an expected answer holds.
    expected: &'static str,
}

impl Template {
    /// A `POST` of `body`, in which, as in `headers`, [`NUMBER`] stands for the request's number. `headers` are lines
    /// without their ends. An answer is as expected when it is a success and its body holds `expected`.
    pub fn post(authority: &str, path: &str, headers: &[String], body: &str, expected: &'static str) -> Self {
        let digits = "0".repeat(NUMBER_DIGITS);
        let length = body.replace(NUMBER, &digits).len();
        let mut text = format!("POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {length}\r\n");
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        text.push_str(body);
        let mut places = Vec::new();
        while let Some(place) = text.find(NUMBER) {
            text.replace_range(place..place + NUMBER.len(), &digits);
            places.push(place);
        }
        Self { bytes: text.into_bytes(), places, expected }
    }

    /// The same, with another word to expect; an empty one is in every answer.
    #[must_use]
    pub const fn expecting(mut self, expected: &'static str) -> Self {
        self.expected = expected;
        self
    }

    /// Its bytes with this number.
    fn number(&mut self, number: u128) -> &[u8] {
        let digits = format!("{number:0width$}", width = NUMBER_DIGITS);
        let digits = &digits.as_bytes()[digits.len() - NUMBER_DIGITS..];
        for place in &self.places {
            self.bytes[*place..*place + NUMBER_DIGITS].copy_from_slice(digits);
        }
        &self.bytes
    }
}

/// Whether an answer was what the template expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It was.
    AsExpected,
    /// Another one.
    Otherwise,
}

/// One kept connection.
pub struct Connection {
    authority: Arc<str>,
    stream: TcpStream,
    template: Template,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`Error::Link`].
    pub async fn open(authority: &Arc<str>, template: &Template) -> Result<Self, Error> {
        let stream = connect(authority).await?;
        Ok(Self { authority: Arc::clone(authority), stream, template: template.clone(), answer: Vec::with_capacity(16 * 1024) })
    }

    /// Asks once, under this number.
    ///
    /// # Errors
    /// [`Error::Link`], [`Error::Answer`], [`Error::Slow`]; the connection is of no use then.
    pub async fn ask(&mut self, number: u128) -> Result<Answered, Error> {
        let Self { authority, stream, template, answer } = self;
        stream.write_all(template.number(number)).await.map_err(|source| broken(authority, source))?;
        let head = read(authority, stream, answer).await?;
        let holds = || {
            let word = template.expected.as_bytes();
            word.is_empty() || answer[head.body_at..].windows(word.len()).any(|bytes| bytes == word)
        };
        Ok(if matches!(head.status, 200..=299) && holds() { Answered::AsExpected } else { Answered::Otherwise })
    }

    /// The last answer, head and body, as text for people.
    pub fn last_answer(&self) -> String {
        String::from_utf8_lossy(&self.answer).into_owned()
    }
}

/// An answer to [`get`].
pub struct Answer {
    /// Its status code.
    pub status: u16,
    head: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// A `GET` on a connection of its own. `headers` are lines without their ends.
///
/// # Errors
/// [`Error::Link`], [`Error::Answer`], [`Error::Slow`].
pub async fn get(authority: &str, path: &str, headers: &[String]) -> Result<Answer, Error> {
    let mut stream = connect(authority).await?;
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|source| broken(authority, source))?;
    let mut bytes = Vec::new();
    let head = read(authority, &mut stream, &mut bytes).await?;
    let body = bytes.split_off(head.body_at);
    Ok(Answer { status: head.status, head: String::from_utf8_lossy(&bytes).into_owned(), body })
}

fn broken(authority: &str, source: io::Error) -> Error {
    Error::Link { address: authority.to_owned(), source }
}

async fn connect(authority: &str) -> Result<TcpStream, Error> {
    let stream = TcpStream::connect(authority).await.map_err(|source| broken(authority, source))?;
    stream.set_nodelay(true).map_err(|source| broken(authority, source))?;
    Ok(stream)
}

/// Reads one answer; `answer` then holds it and nothing else.
async fn read(authority: &str, stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<Head, Error> {
    let limit_s = ANSWER_WAIT_MAX.as_secs();
    let reading = tokio::time::timeout(ANSWER_WAIT_MAX, read_whole(authority, stream, answer));
    reading.await.map_err(|_| Error::Slow { what: "an answer", limit_s })?
}

async fn read_whole(authority: &str, stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<Head, Error> {
    answer.clear();
    let mut head: Option<Head> = None;
    loop {
        if stream.read_buf(answer).await.map_err(|source| broken(authority, source))? == 0 {
            return Err(broken(authority, ErrorKind::UnexpectedEof.into()));
        }
        if head.is_none() {
            head = parse_head(answer).map_err(|what| Error::Answer { address: authority.to_owned(), what })?;
        }
        if let Some(head) = head
            && answer.len() >= head.body_at + head.body_bytes
        {
            answer.truncate(head.body_at + head.body_bytes);
            return Ok(head);
        }
    }
}

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    body_at: usize,
    body_bytes: usize,
}

/// Reads the head once it is there.
fn parse_head(answer: &[u8]) -> Result<Option<Head>, String> {
    let Some(blank) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return if answer.len() > ANSWER_BYTES_MAX { Err("a head without an end".to_owned()) } else { Ok(None) };
    };
    let text = core::str::from_utf8(&answer[..blank]).map_err(|_| "a head that is no text".to_owned())?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| "no HTTP/1.1".to_owned())?;
    let length = lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let body_bytes: Option<usize> = length.and_then(|(_, value)| value.trim().parse().ok());
    let body_bytes = body_bytes.filter(|bytes| *bytes <= ANSWER_BYTES_MAX).ok_or_else(|| "no length, or too long".to_owned())?;
    Ok(Some(Head { status, body_at: blank + 4, body_bytes }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Answered, Connection, Head, Template, authority_of, get, parse_head};
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn an_address_is_http_with_a_host() {
        assert_eq!(authority_of("http://127.0.0.1:8080").unwrap(), "127.0.0.1:8080");
        assert_eq!(authority_of("http://pay.example/").unwrap(), "pay.example:80");
        for bad in ["", "127.0.0.1:8080", "https://a", "http://a/path", "http://a/?q", "http://u@a"] {
            assert!(authority_of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_place_of_a_template_gets_the_number_and_the_length_stays() {
        let mut template = Template::post("a:1", "/x", &["key: k-{number}".to_owned()], "{\"a\":\"{number}\",\"b\":\"{number}\"}", "");
        let text = String::from_utf8(template.number(42).to_vec()).unwrap();
        assert_eq!(text.matches("00000000000000000042").count(), 3, "{text}");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{text}");
        let longest = String::from_utf8(template.number(u128::MAX).to_vec()).unwrap();
        assert_eq!(longest.len(), text.len());
    }

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let whole = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nx: y\r\n\r\nhello";
        assert_eq!(parse_head(whole), Ok(Some(Head { status: 201, body_at: whole.len() - 5, body_bytes: 5 })));
        assert_eq!(parse_head(&whole[..30]), Ok(None));
        for bad in ["HTTP/1.1 200 OK\r\n\r\n", "SSH-2.0\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n"] {
            assert!(parse_head(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    /// Answers each request on one connection with the next of `answers`, then closes.
    async fn serving(answers: Vec<&'static str>) -> Arc<str> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = Arc::from(listener.local_addr().unwrap().to_string());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4_096];
            for answer in answers {
                let _ = stream.read(&mut request).await; // the last one ends without another request
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        authority
    }

    #[tokio::test]
    async fn an_answer_is_as_expected_when_it_is_a_success_and_says_the_word() {
        let answers = vec![
            "HTTP/1.1 201 Created\r\ncontent-length: 8\r\n\r\ncaptured",
            "HTTP/1.1 201 Created\r\ncontent-length: 8\r\n\r\ndeclined",
            "HTTP/1.1 503 Busy\r\ncontent-length: 8\r\n\r\ncaptured",
        ];
        let authority = serving(answers).await;
        let template = Template::post(&authority, "/", &[], "{}", "captured");
        let mut connection = Connection::open(&authority, &template).await.unwrap();
        let mut found = Vec::new();
        for number in 0..3 {
            found.push(connection.ask(number).await.unwrap());
        }
        assert_eq!(found, [Answered::AsExpected, Answered::Otherwise, Answered::Otherwise]);
        assert!(connection.last_answer().starts_with("HTTP/1.1 503"));
        assert!(connection.ask(3).await.is_err(), "a connection that closed is an error, not an answer");
    }

    #[tokio::test]
    async fn a_header_of_a_read_is_found_by_its_name() {
        let authority = serving(vec!["HTTP/1.1 200 OK\r\nBezant-Seq: 17\r\ncontent-length: 2\r\n\r\nok"]).await;
        let answer = get(&authority, "/", &[]).await.unwrap();
        assert_eq!((answer.status, answer.header("bezant-seq"), answer.body.as_slice()), (200, Some("17"), b"ok".as_slice()));
    }
}
