//! What is installed, as the operating system and the journal say it: for people, never for decisions.

use api::{Installation, SEGMENTS_SHOWN_MAX, SegmentFacts, SnapshotFacts, StateFacts};
use base::Timestamp;
use journal::{OsIo, Reader, SnapshotStore};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Most payments of a state whose digest is taken when somebody asks: it takes the deciding thread some milliseconds.
const DIGEST_PAYMENTS_MAX: usize = 5_000;
/// How old a digest is shown before another is taken.
const DIGEST_AGE_MAX: Duration = Duration::from_secs(10);

/// The last digest of the state that somebody took.
#[derive(Clone, Default)]
pub struct LastDigest(Arc<Mutex<Option<(StateFacts, Instant)>>>);

impl LastDigest {
    /// Keeps a digest unless a later one is known.
    pub fn keep(&self, facts: StateFacts) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|(known, _)| known.seq <= facts.seq) {
            *last = Some((facts, Instant::now()));
        }
    }

    fn last(&self) -> Option<(StateFacts, Instant)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where facts about the installation are found.
pub struct Facts {
    /// The data folder.
    pub data: PathBuf,
    /// The journal.
    pub journal: Reader<OsIo>,
    /// Its snapshots.
    pub snapshots: SnapshotStore<OsIo>,
    /// The last digest of the state.
    pub digest: LastDigest,
    /// What the platform was started with, by name.
    pub options: BTreeMap<&'static str, String>,
}

impl Facts {
    /// Whether the last digest is too old to be shown.
    pub fn is_digest_due(&self) -> bool {
        self.digest.last().is_none_or(|(_, at)| at.elapsed() >= DIGEST_AGE_MAX)
    }

    /// The digest of a state, when taking it is cheap enough.
    pub fn digest_of(state: &engine::State) -> Option<StateFacts> {
        let is_small = state.payments.len() <= DIGEST_PAYMENTS_MAX;
        is_small.then(|| StateFacts { digest: events::snapshot::digest(state), seq: state.next_seq - 1 })
    }

    /// Everything; reads names and sizes of files.
    pub fn installation(&self) -> Installation {
        let (segments, segments_count) = self.journal.segments(SEGMENTS_SHOWN_MAX);
        let bytes = |name: &str| std::fs::metadata(self.data.join(name)).map_or(0, |found| found.len());
        let segment = |found: journal::Segment| SegmentFacts {
            bytes: bytes(&found.path),
            name: found.path,
            first_seq: found.first_seq,
            last_seq: found.last_seq,
            is_sealed: !found.is_active,
        };
        let snapshot = |found: journal::SnapshotRef| {
            let file = std::fs::metadata(self.data.join(found.path())).ok();
            let made = file.as_ref().and_then(|file| file.modified().ok()?.duration_since(UNIX_EPOCH).ok());
            SnapshotFacts {
                seq: found.next_seq - 1,
                bytes: file.map_or(0, |file| file.len()),
                at: made.map(|since| Timestamp::from_s(since.as_secs())),
            }
        };
        Installation {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: build(),
            segments_count: u64::try_from(segments_count).unwrap_or(u64::MAX),
            segments: segments.into_iter().map(segment).collect(),
            snapshots: self.snapshots.list().into_iter().map(snapshot).collect(),
            chain_hash: self.journal.tail().hash,
            state: self.digest.last().map(|(facts, _)| facts),
            schema_versions: BTreeMap::from([
                ("events", u64::from(engine::event::VERSION_MAX)),
                ("snapshot", u64::from(events::snapshot::VERSION)),
                ("views", views::SCHEMA_VERSION),
                ("journal", u64::from(journal::frame::VERSION)),
            ]),
            options: self.options.clone(),
        }
    }
}

/// How this program was built, in words.
fn build() -> String {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let commit = option_env!("BEZANT_COMMIT").map(|commit| format!(", {commit}")).unwrap_or_default();
    format!("{profile}, {} {}{commit}", std::env::consts::OS, std::env::consts::ARCH)
}
