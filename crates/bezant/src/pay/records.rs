//! Bytes of a CSV file into records of fields (RFC 4180), with exact line numbers and a bound on a record's size.
//!
//! Not the `csv` crate's reader: that one grows with a quote that is never closed, skips empty lines and counts lines
//! per record, and a refused row must name its line. A broken record costs its first line only: reading goes on with
//! the next one. What a field means lives in `row.rs`.

use std::io::{self, Read};

/// Longest record, in bytes: above the largest order that the limits of the API allow.
pub(super) const RECORD_BYTES_MAX: usize = 64 * 1024;
/// How much is asked of the file at once, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// UTF-8 byte order mark, which spreadsheets put first.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One record; reused from one to the next.
#[derive(Debug, Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Line on which it starts, from 1.
    pub(super) line: u64,
    /// Lines it spans.
    line_count: u64,
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordFault {
    /// Nothing on the line.
    Empty,
    /// A quote is opened and not closed before the end of the file or of the largest record.
    QuoteUnclosed,
    /// Something else than a comma or a line end after a closing quote.
    TextAfterQuote,
    /// Longer than [`RECORD_BYTES_MAX`].
    TooLong,
    /// Another number of fields than the header has.
    FieldCount {
        /// Of this record.
        count: usize,
        /// Of the header.
        expected: usize,
    },
}

/// Records of one file, in order.
pub(super) struct Records<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    line: u64,
    bytes_taken: u64,
    field_count: Option<usize>,
}

/// What the buffer holds at its start.
enum Scan {
    /// A record of so many bytes with its line end, spanning so many lines.
    Whole {
        bytes: usize,
        lines: u64,
    },
    /// More is needed to tell.
    Partial {
        quoted: bool,
    },
    Fault(RecordFault),
}

#[derive(Clone, Copy)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    QuoteSeen,
    ReturnSeen,
}

impl Record {
    /// Fields, in order.
    pub(super) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|index| self.field(index))
    }

    /// One field, empty when there is none.
    pub(super) fn field(&self, index: usize) -> &[u8] {
        let Some(end) = self.ends.get(index) else {
            return &[];
        };
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..*end]
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn end_field(&mut self) {
        self.ends.push(self.bytes.len());
    }
}

impl<R: Read> Records<R> {
    /// Nothing is read before the first record is asked for.
    pub(super) fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), start: 0, ended: false, line: 1, bytes_taken: 0, field_count: None }
    }

    /// From now on every record must have this many fields.
    pub(super) const fn expect_fields(&mut self, count: usize) {
        self.field_count = Some(count);
    }

    /// Bytes of the file that the records so far took.
    pub(super) const fn bytes_taken(&self) -> u64 {
        self.bytes_taken
    }

    /// The next record; `None` at the end. After a fault `record.line` is the line at fault.
    ///
    /// # Errors
    /// Those of the file.
    pub(super) fn next(&mut self, record: &mut Record) -> io::Result<Option<Result<(), RecordFault>>> {
        loop {
            record.clear();
            record.line = self.line;
            match self.scan(record) {
                Scan::Whole { bytes, lines } => return Ok(Some(self.accept(record, bytes, lines))),
                Scan::Fault(fault) => {
                    self.skip_line()?;
                    return Ok(Some(Err(fault)));
                }
                Scan::Partial { quoted } if self.buffer.len() - self.start > RECORD_BYTES_MAX => {
                    self.skip_line()?;
                    return Ok(Some(Err(if quoted { RecordFault::QuoteUnclosed } else { RecordFault::TooLong })));
                }
                Scan::Partial { .. } if !self.ended => self.fill()?,
                Scan::Partial { .. } if self.start == self.buffer.len() => return Ok(None),
                Scan::Partial { quoted: true } => {
                    self.skip_line()?;
                    return Ok(Some(Err(RecordFault::QuoteUnclosed)));
                }
                Scan::Partial { quoted: false } => {
                    record.end_field();
                    let bytes = self.buffer.len() - self.start;
                    return Ok(Some(self.accept(record, bytes, record.line_count)));
                }
            }
        }
    }

    fn accept(&mut self, record: &mut Record, bytes: usize, lines: u64) -> Result<(), RecordFault> {
        record.line_count = lines;
        let expected = self.field_count.unwrap_or(record.ends.len());
        let count = record.ends.len();
        let fault = if bytes > RECORD_BYTES_MAX {
            Some(RecordFault::TooLong)
        } else if count == 1 && record.bytes.is_empty() {
            Some(RecordFault::Empty)
        } else if count != expected {
            Some(RecordFault::FieldCount { count, expected })
        } else {
            None
        };
        match fault {
            Some(fault) if lines > 1 => {
                // A stray quote may have swallowed good rows: only the first line is given up.
                let first_line = self.buffer[self.start..].iter().position(|byte| *byte == b'\n').map_or(bytes, |at| at + 1);
                self.take(first_line, 1);
                Err(fault)
            }
            fault => {
                self.take(bytes, lines);
                fault.map_or(Ok(()), Err)
            }
        }
    }

    /// Splits what is buffered into the fields of one record.
    fn scan(&self, record: &mut Record) -> Scan {
        let mut state = State::FieldStart;
        let mut lines = 1;
        for (index, byte) in self.buffer[self.start..].iter().copied().enumerate() {
            state = match (state, byte) {
                (State::Quoted, b'"') => State::QuoteSeen,
                (State::Quoted, _) => {
                    lines += u64::from(byte == b'\n');
                    record.bytes.push(byte);
                    State::Quoted
                }
                (State::QuoteSeen, b'"') => {
                    record.bytes.push(byte);
                    State::Quoted
                }
                (State::FieldStart, b'"') => State::Quoted,
                (_, b',') => {
                    if matches!(state, State::ReturnSeen) {
                        return Scan::Fault(RecordFault::TextAfterQuote);
                    }
                    record.end_field();
                    State::FieldStart
                }
                (_, b'\n') => {
                    if matches!(state, State::Plain) && self.buffer[self.start + index - 1] == b'\r' {
                        record.bytes.pop();
                    }
                    record.end_field();
                    return Scan::Whole { bytes: index + 1, lines };
                }
                (State::QuoteSeen, b'\r') => State::ReturnSeen,
                (State::QuoteSeen | State::ReturnSeen, _) => return Scan::Fault(RecordFault::TextAfterQuote),
                (State::FieldStart | State::Plain, _) => {
                    record.bytes.push(byte);
                    State::Plain
                }
            };
        }
        record.line_count = lines;
        Scan::Partial { quoted: matches!(state, State::Quoted) }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let held = self.buffer.len();
        self.buffer.resize(held + READ_BYTES, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[held..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.buffer.truncate(held + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        if self.bytes_taken == 0 && self.line == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.take(BYTE_ORDER_MARK.len(), 0);
        }
        Ok(())
    }

    /// Gives up the line at the start, however long it is.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let held = &self.buffer[self.start..];
            if let Some(end) = held.iter().position(|byte| *byte == b'\n') {
                self.take(end + 1, 1);
                return Ok(());
            }
            let count = held.len();
            self.take(count, 0);
            if self.ended {
                return Ok(());
            }
            self.fill()?;
        }
    }

    fn take(&mut self, bytes: usize, lines: u64) {
        self.start += bytes;
        self.line += lines;
        self.bytes_taken += u64::try_from(bytes).expect("a buffer's length fits 64 bits");
    }
}

#[cfg(test)]
mod tests {
    use super::{RECORD_BYTES_MAX, Record, RecordFault, Records};
    use proptest::prelude::*;
    use std::io::{self, Read};

    type Row = (u64, Result<Vec<String>, RecordFault>);

    fn all(input: impl Read, field_count: Option<usize>) -> Vec<Row> {
        let mut records = Records::new(input);
        if let Some(count) = field_count {
            records.expect_fields(count);
        }
        let mut record = Record::default();
        let mut rows = Vec::new();
        while let Some(result) = records.next(&mut record).unwrap() {
            let fields = result.map(|()| record.fields().map(|field| String::from_utf8(field.to_vec()).unwrap()).collect());
            rows.push((record.line, fields));
        }
        rows
    }

    fn row(line: u64, fields: &[&str]) -> Row {
        (line, Ok(fields.iter().map(|field| (*field).to_owned()).collect()))
    }

    /// Gives one byte a call.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(1);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn records_are_split_with_their_lines_however_the_bytes_arrive() {
        for (text, expected) in [
            ("", vec![]),
            ("a,b\nc,d\n", vec![row(1, &["a", "b"]), row(2, &["c", "d"])]),
            ("a,b\nc,d", vec![row(1, &["a", "b"]), row(2, &["c", "d"])]),
            ("a,b\r\nc,d\r\ne,f\r\n", vec![row(1, &["a", "b"]), row(2, &["c", "d"]), row(3, &["e", "f"])]),
            ("\u{feff}a,b\nc,\n", vec![row(1, &["a", "b"]), row(2, &["c", ""])]),
            ("a,\"x, \"\"y\"\"\"\r\n\"\",b\n", vec![row(1, &["a", "x, \"y\""]), row(2, &["", "b"])]),
            ("a,\"one\ntwo\"\nc,d\n", vec![row(1, &["a", "one\ntwo"]), row(3, &["c", "d"])]),
            ("a,\"b\"", vec![row(1, &["a", "b"])]),
            ("a,5\" disk\n", vec![row(1, &["a", "5\" disk"])]),
            ("a,b\n\nc,d\n", vec![row(1, &["a", "b"]), (2, Err(RecordFault::Empty)), row(3, &["c", "d"])]),
            ("a,b\r\n\r\nc,d", vec![row(1, &["a", "b"]), (2, Err(RecordFault::Empty)), row(3, &["c", "d"])]),
        ] {
            assert_eq!(all(text.as_bytes(), None), expected, "{text:?}");
            assert_eq!(all(Trickle(text.as_bytes()), None), expected, "{text:?}, byte by byte");
        }
    }

    #[test]
    fn a_broken_record_costs_its_first_line_only() {
        let count = |count| Err(RecordFault::FieldCount { count, expected: 2 });
        for (text, expected) in [
            ("a,\"b\nc,d\n", vec![(1, Err(RecordFault::QuoteUnclosed)), row(2, &["c", "d"])]),
            ("a,\"b\" c\nc,d\n", vec![(1, Err(RecordFault::TextAfterQuote)), row(2, &["c", "d"])]),
            ("a,\"b\nc,\"d\"\n", vec![(1, Err(RecordFault::TextAfterQuote)), row(2, &["c", "d"])]),
            ("a,\"b\nc,\",d\ne,f\n", vec![(1, count(3)), (2, Err(RecordFault::QuoteUnclosed)), row(3, &["e", "f"])]),
            ("a\nb,c,d\ne,f\n", vec![(1, count(1)), (2, count(3)), row(3, &["e", "f"])]),
        ] {
            assert_eq!(all(text.as_bytes(), Some(2)), expected, "{text:?}");
            assert_eq!(all(Trickle(text.as_bytes()), Some(2)), expected, "{text:?}, byte by byte");
        }
    }

    #[test]
    fn a_record_has_a_largest_size_and_the_next_one_is_read() {
        let fits = "x".repeat(RECORD_BYTES_MAX - 3);
        for (first, expected) in [
            (format!("{fits},b"), None),
            (format!("{fits},bc"), Some(RecordFault::TooLong)),
            ("x".repeat(10 * RECORD_BYTES_MAX), Some(RecordFault::TooLong)),
            (format!("\"{}", "x".repeat(10 * RECORD_BYTES_MAX)), Some(RecordFault::QuoteUnclosed)),
        ] {
            let rows = all(format!("{first}\nc,d\n").as_bytes(), Some(2));
            assert_eq!(rows.len(), 2);
            assert_eq!(rows[0].1.as_ref().err().copied(), expected);
            assert_eq!(rows[1], row(2, &["c", "d"]));
        }
    }

    #[test]
    fn an_unclosed_quote_never_holds_more_than_one_record_of_the_file() {
        let mut records = Records::new(io::Read::chain(&b"a,\"b\n"[..], io::repeat(b'x').take(1 << 24)));
        let mut record = Record::default();
        assert_eq!(records.next(&mut record).unwrap(), Some(Err(RecordFault::QuoteUnclosed)));
        assert_eq!(records.next(&mut record).unwrap(), Some(Err(RecordFault::TooLong)));
        assert!(records.next(&mut record).unwrap().is_none());
        assert!(records.buffer.capacity() <= 4 * RECORD_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn well_formed_files_read_as_the_csv_crate_wrote_them(
            rows in prop::collection::vec(prop::collection::vec("[a\", \n\u{e9}]{0,6}", 2), 0..20),
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let read: Vec<Vec<String>> = all(&text[..], Some(2)).into_iter().map(|(_, fields)| fields.unwrap()).collect();
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn any_bytes_end_without_a_panic_and_with_rising_lines(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut records = Records::new(&bytes[..]);
            records.expect_fields(3);
            let mut record = Record::default();
            let mut line = 0;
            while records.next(&mut record).unwrap().is_some() {
                prop_assert!(record.line > line);
                line = record.line;
            }
            prop_assert_eq!(records.bytes_taken(), u64::try_from(bytes.len()).unwrap());
        }
    }
}
