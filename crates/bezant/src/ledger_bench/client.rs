//! One connection that asks with records and is answered with numbers. Blocking: a bench has few connections, and a thread for
//! each costs less than a runtime.

use super::Error;
use base::Redacted;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for an answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);
/// Longest head and largest body of an answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// A connection to a platform.
pub(super) struct Connection {
    address: SocketAddr,
    authorization: Redacted<String>,
    stream: BufReader<TcpStream>,
    statuses: Vec<u32>,
    body: Vec<u8>,
    request: Vec<u8>,
}

impl Connection {
    pub(super) fn open(address: SocketAddr, key: &Redacted<String>) -> Result<Self, Error> {
        let link = |source| Error::Link { address, source };
        let stream = TcpStream::connect(address).map_err(link)?;
        stream.set_nodelay(true).map_err(link)?;
        stream.set_read_timeout(Some(ANSWER_WAIT_MAX)).map_err(link)?;
        Ok(Self {
            address,
            authorization: key.clone(),
            stream: BufReader::with_capacity(64 * 1024, stream),
            statuses: Vec::new(),
            body: Vec::new(),
            request: Vec::new(),
        })
    }

    /// Sends records and waits for their statuses.
    pub(super) fn ask(&mut self, path: &str, media_type: &str, records: &[u8]) -> Result<&[u32], Error> {
        let address = self.address;
        let link = |source| Error::Link { address, source };
        self.request.clear();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
            self.authorization.expose(),
            records.len()
        );
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(records);
        self.stream.get_mut().write_all(&self.request).map_err(link)?;
        let status = self.read_answer().map_err(link)?;
        if status != 200 {
            return Err(Error::Answer { address, what: format!("{status}: {}", String::from_utf8_lossy(&self.body)) });
        }
        let (numbers, rest) = self.body.as_chunks::<4>();
        let expected = records.len() / ledger::TRANSFER_SIZE_BYTES;
        if !rest.is_empty() || numbers.len() != expected {
            return Err(Error::Answer { address, what: format!("{} bytes to {expected} records", self.body.len()) });
        }
        self.statuses.clear();
        self.statuses.extend(numbers.iter().map(|bytes| u32::from_le_bytes(*bytes)));
        Ok(&self.statuses)
    }

    /// Reads something.
    pub(super) fn get(&mut self, path: &str) -> Result<(), Error> {
        let address = self.address;
        let link = |source| Error::Link { address, source };
        let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\r\n", self.authorization.expose());
        self.stream.get_mut().write_all(head.as_bytes()).map_err(link)?;
        match self.read_answer().map_err(link)? {
            200 => Ok(()),
            status => Err(Error::Answer { address, what: format!("{status}: {}", String::from_utf8_lossy(&self.body)) }),
        }
    }

    /// Reads one answer into `body`; its status.
    fn read_answer(&mut self) -> io::Result<u16> {
        let unreadable = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut line = String::new();
        let (mut status, mut length, mut head_bytes) = (None, 0_u64, 0_u64);
        loop {
            line.clear();
            let read = (&mut self.stream).take(ANSWER_BYTES_MAX).read_line(&mut line)?;
            head_bytes += u64::try_from(read).unwrap_or(ANSWER_BYTES_MAX);
            if read == 0 || head_bytes > ANSWER_BYTES_MAX {
                return Err(unreadable("the answer has no end of its head"));
            }
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            match (status, text.split_once(':')) {
                (None, _) => status = text.split(' ').nth(1).and_then(|code| code.parse().ok()),
                (Some(_), Some((name, value))) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().map_err(|_| unreadable("the length of the answer is no number"))?;
                }
                (Some(_), _) => {}
            }
        }
        if length > ANSWER_BYTES_MAX {
            return Err(unreadable("the answer is too long"));
        }
        self.body.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        self.stream.read_exact(&mut self.body)?;
        status.ok_or_else(|| unreadable("the answer has no status"))
    }
}
