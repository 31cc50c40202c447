//! What the ledger knows of ids besides open pending transfers: what came since it last forgot, and what its caller told it
//! of history. The history itself is the caller's.

use crate::batch::BATCH_EVENTS_MAX;
use crate::index::{Index, at, next_place};
use crate::state::{Ledger, PendingStatus};
use crate::types::{Transfer, TransferFlags};

/// Room for so many records stays when they are forgotten: a few batches with what they refer to.
const RECORDS_KEPT_MAX: usize = 1 << 17;

const _: () = assert!(RECORDS_KEPT_MAX > 8 * BATCH_EVENTS_MAX);

/// What history knows of a transfer's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// The transfer happened.
    Happened {
        /// As it happened: the actual amount, inherited fields filled in, the final timestamp.
        transfer: Transfer,
        /// What became of its reservation; `Pending` only if it is open in this ledger too.
        status: PendingStatus,
        /// For a post or void, the pending transfer that it resolved, as it happened. Otherwise none.
        resolved: Option<Transfer>,
    },
    /// The id failed for a transient reason, and never happens.
    Burned {
        /// The id.
        id: u128,
    },
}

/// What is known of an id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known {
    Happened { transfer: Transfer, status: PendingStatus },
    Burned { id: u128 },
}

impl Known {
    #[inline]
    pub(crate) fn id(&self) -> u128 {
        match self {
            Self::Happened { transfer, .. } => transfer.id,
            Self::Burned { id } => *id,
        }
    }

    pub(crate) fn happened(&self) -> Option<(&Transfer, PendingStatus)> {
        match self {
            Self::Happened { transfer, status } => Some((transfer, *status)),
            Self::Burned { .. } => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Record {
    known: Known,
    /// Whether it is knowledge of history, which is no part of the ledger's own state.
    is_recalled: bool,
}

/// Everything known but open pending transfers, in the order in which it became known.
#[derive(Clone, Debug)]
pub(crate) struct RecentTransfers {
    records: Vec<Record>,
    index: Index,
    key: u64,
}

impl RecentTransfers {
    pub(crate) fn new(key: u64) -> Self {
        Self { records: Vec::new(), index: Index::new(key), key }
    }

    #[inline]
    pub(crate) fn known(&self, id: u128) -> Option<&Known> {
        let place = self.index.find(id, |place| self.records[at(place)].known.id() == id)?;
        Some(&self.records[at(place)].known)
    }

    /// Remembers what came to pass under an id that is not known here.
    #[inline]
    pub(crate) fn push(&mut self, known: Known) {
        self.push_record(Record { known, is_recalled: false });
    }

    fn push_record(&mut self, record: Record) {
        self.index.insert(record.known.id(), next_place(self.records.len()));
        self.records.push(record);
    }

    /// Takes back the last transfer that was remembered.
    pub(crate) fn take_back(&mut self, id: u128) -> Transfer {
        let record = self.records.pop().expect("a transfer to take back is known");
        let Record { known: Known::Happened { transfer, status: _ }, is_recalled: false } = record else {
            panic!("{record:?} is not the transfer {id} of a chain");
        };
        assert_eq!(transfer.id, id, "transfers are taken back in reverse order");
        self.index.remove(id, next_place(self.records.len()));
        transfer
    }

    /// All of it, recalled or not.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Known> {
        self.records.iter().map(|record| &record.known)
    }

    /// What came to pass, without what was recalled.
    pub(crate) fn iter_own(&self) -> impl Iterator<Item = &Known> {
        self.records.iter().filter(|record| !record.is_recalled).map(|record| &record.known)
    }

    fn clear(&mut self) {
        if self.records.capacity() > RECORDS_KEPT_MAX {
            *self = Self::new(self.key);
            return;
        }
        let ids = self.records.iter().enumerate().map(|(place, record)| (record.known.id(), next_place(place)));
        self.index.clear(ids);
        self.records.clear();
    }

    /// Whether every record is found by its id.
    pub(crate) fn is_mirrored(&self) -> bool {
        let is_found = |(place, record): (usize, &Record)| {
            let id = record.known.id();
            self.index.find(id, |place| self.records[at(place)].known.id() == id) == Some(next_place(place))
        };
        self.records.iter().enumerate().all(is_found)
    }
}

impl Ledger {
    /// Makes known what history knows of an id, until [`Ledger::forget`]. What is known already stays as it is.
    ///
    /// Before a batch of transfers, a caller that forgets recalls, of the ids that are not [`Ledger::is_known`], each event's
    /// own id and, if history does not know that one, the `pending_id` of a post or void. Before a batch of imported accounts,
    /// it recalls the transfer that has exactly an account's timestamp, if there is one and the timestamp is at most
    /// [`Ledger::transfer_timestamp_last`].
    ///
    /// Recalling changes neither equality nor serialised bytes: history is the caller's.
    ///
    /// # Panics
    ///
    /// If history contradicts itself or the ledger: a transfer that is pending there and not open here, a post or void
    /// without the transfer it resolved, or with another one.
    pub fn recall(&mut self, past: Past) {
        match past {
            Past::Burned { id } => self.recall_one(Known::Burned { id }),
            Past::Happened { transfer, status, resolved } => {
                let id = transfer.id;
                assert_eq!(transfer.is_resolution(), resolved.is_some(), "transfer {id} is recalled with what another kind resolves");
                if let Some(pending) = resolved {
                    assert_eq!(transfer.pending_id, pending.id, "transfer {id} is recalled with a transfer that it did not resolve");
                    self.recall_one(Known::Happened { transfer: pending, status: status_after(&transfer) });
                }
                self.recall_one(Known::Happened { transfer, status });
            }
        }
    }

    fn recall_one(&mut self, known: Known) {
        if self.is_known(known.id()) {
            return;
        }
        if let Known::Happened { transfer, status } = known {
            let is_pending = transfer.flags.contains(TransferFlags::PENDING);
            assert_ne!(status, PendingStatus::Pending, "transfer {} is pending in history and not open", transfer.id);
            assert_eq!(is_pending, status != PendingStatus::None, "transfer {} is recalled as {status:?}", transfer.id);
        }
        self.recent.push_record(Record { known, is_recalled: true });
    }

    /// Forgets every transfer that is not an open pending one, every burned id, and all metadata.
    ///
    /// For a caller that has them in its history, and recalls what a later batch needs. The time depends on what became known
    /// since the last call.
    pub fn forget(&mut self) {
        self.recent.clear();
        self.metadata.clear();
    }

    /// Whether the ledger knows a transfer's id without being told: it is open, or became known since [`Ledger::forget`].
    pub fn is_known(&self, id: u128) -> bool {
        self.open.place(id).is_some() || self.recent.known(id).is_some()
    }

    /// What is known of an id, open pending transfers included.
    #[inline]
    pub(crate) fn known(&self, id: u128) -> Option<KnownRef<'_>> {
        match self.recent.known(id) {
            Some(Known::Happened { transfer, status }) => Some(KnownRef::Ended { transfer, status: *status }),
            Some(Known::Burned { .. }) => Some(KnownRef::Burned),
            None => self.open.place(id).map(|place| KnownRef::Open { place, transfer: self.open.at(place) }),
        }
    }
}

/// What is known of an id, wherever it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KnownRef<'a> {
    Open { place: u32, transfer: &'a Transfer },
    Ended { transfer: &'a Transfer, status: PendingStatus },
    Burned,
}

impl<'a> KnownRef<'a> {
    pub(crate) fn happened(self) -> Option<(&'a Transfer, PendingStatus)> {
        match self {
            Self::Open { transfer, .. } => Some((transfer, PendingStatus::Pending)),
            Self::Ended { transfer, status } => Some((transfer, status)),
            Self::Burned => None,
        }
    }
}

/// What a post or void makes of the transfer that it resolves.
pub(crate) fn status_after(resolution: &Transfer) -> PendingStatus {
    if resolution.flags.contains(TransferFlags::POST_PENDING_TRANSFER) { PendingStatus::Posted } else { PendingStatus::Voided }
}
