//! The file of orders as a bounded stream: read and checked on a thread of its own, never further ahead than the
//! channel is long.

use super::records::{Record, Records};
use super::row::{Columns, HeaderFault, Prepared, RowFault};
use std::io::{self, Read};
use tokio::sync::mpsc::Sender;

/// What the file holds at one place.
pub(super) enum Item {
    /// An order to charge.
    Order {
        /// The request.
        order: Prepared,
        /// Bytes of the file up to its end.
        bytes_taken: u64,
    },
    /// A row that is no order.
    Refused {
        /// Line of the file, from 1.
        line: u64,
        /// Why.
        fault: RowFault,
    },
    /// The file cannot be read any further.
    Failed(io::Error),
}

/// The rows below a header.
pub(super) struct Source<R> {
    records: Records<R>,
    columns: Columns,
    record: Record,
    retry_token: Option<[u8; 16]>,
}

/// Why a file cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Its first line is not a header.
    #[error(transparent)]
    Header(#[from] HeaderFault),
}

impl<R: Read> Source<R> {
    /// Reads the header; nothing is sent before this succeeds.
    pub(super) fn open(input: R, retry_token: Option<[u8; 16]>) -> Result<Self, OpenError> {
        let mut records = Records::new(input);
        let mut record = Record::default();
        records.next(&mut record)?.ok_or(HeaderFault::Missing)?.map_err(HeaderFault::Record)?;
        let columns = Columns::parse(&record)?;
        records.expect_fields(columns.count());
        Ok(Self { records, columns, record, retry_token })
    }

    /// Sends every row, waiting whenever the channel is full, until the file or the receiver ends.
    pub(super) fn pump(mut self, items: &Sender<Item>) {
        while let Some(item) = self.next() {
            let failed = matches!(item, Item::Failed(_));
            if items.blocking_send(item).is_err() || failed {
                return;
            }
        }
    }

    fn next(&mut self) -> Option<Item> {
        let read = match self.records.next(&mut self.record) {
            Ok(read) => read?,
            Err(error) => return Some(Item::Failed(error)),
        };
        let order = read.map_err(RowFault::Record).and_then(|()| self.columns.order(&self.record));
        Some(match order {
            Ok(order) => Item::Order { order: order.prepare(self.retry_token.as_ref()), bytes_taken: self.records.bytes_taken() },
            Err(fault) => Item::Refused { line: self.record.line, fault },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Item, Source};
    use std::io::{self, Read};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    const HEADER: &str = "order_id,amount,currency,country,customer_email,payment_method\n";

    /// Makes one row a call, and counts them.
    struct Rows {
        made: Arc<AtomicU64>,
        count: u64,
    }

    impl Read for Rows {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let number = self.made.load(Ordering::SeqCst);
            if number == self.count {
                return Ok(0);
            }
            self.made.store(number + 1, Ordering::SeqCst);
            let row = format!("A{number},19.99,EUR,DE,a@b.example,pm_card_visa\n");
            buffer[..row.len()].copy_from_slice(row.as_bytes());
            Ok(row.len())
        }
    }

    #[test]
    fn reading_never_runs_further_ahead_than_the_channel_is_long() {
        const AHEAD: u64 = 4;
        let made = Arc::new(AtomicU64::new(0));
        let input = HEADER.as_bytes().chain(Rows { made: made.clone(), count: 5_000 });
        let (sender, mut receiver) = tokio::sync::mpsc::channel(usize::try_from(AHEAD).unwrap());
        let pump = std::thread::spawn(move || Source::open(input, None).map_err(|error| error.to_string()).unwrap().pump(&sender));
        let mut received = 0;
        while let Some(item) = receiver.blocking_recv() {
            assert!(matches!(item, Item::Order { .. }));
            received += 1;
            // One row waits to be sent, one more may be in the reader's buffer.
            let ahead = made.load(Ordering::SeqCst).saturating_sub(received);
            assert!(ahead <= AHEAD + 2, "{ahead} rows ahead");
        }
        pump.join().unwrap();
        assert_eq!(received, 5_000);
    }

    #[test]
    fn reading_ends_when_nobody_listens() {
        let made = Arc::new(AtomicU64::new(0));
        let input = HEADER.as_bytes().chain(Rows { made: made.clone(), count: u64::MAX });
        let (sender, mut receiver) = tokio::sync::mpsc::channel(4);
        let pump = std::thread::spawn(move || Source::open(input, None).map_err(|error| error.to_string()).unwrap().pump(&sender));
        assert!(receiver.blocking_recv().is_some());
        drop(receiver);
        pump.join().unwrap();
        assert!(made.load(Ordering::SeqCst) <= 1 + 4 + 2);
    }
}
