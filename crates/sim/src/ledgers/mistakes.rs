//! Deliberate mistakes about merchants' ledgers, to prove that the judge sees them. Each is made outside of the platform: by the
//! shell that calls it, or by the disk below it.

use journal::Io;
use journal::simio::SimIo;
use journal::table::{Table, Writer};

/// A deliberate mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// None: everything is as it should be.
    None,
    /// Answers leave before their batch is durable: syncs of the journal say that all is well and do nothing.
    AnswersBeforeSync,
    /// An append that failed is answered as if it had not.
    FailedAppendsAnswered,
    /// Nobody asks history about the ids of a batch.
    HistoryUnasked,
    /// A restart does not read again what no table holds.
    GenerationForgotten,
    /// Look-ups miss some of the keys of a table, as a filter with false negatives would.
    KeysMissed,
    /// A merge leaves out what its last input holds.
    MergeDropsInput,
    /// What expired has no lines in tables.
    ExpiriesUnnoted,
    /// The index says of what was posted that it expired.
    FatesConfused,
    /// Amounts in a block of a table are damaged, and no checksum says so.
    DamageUnseen,
    /// What is made again in the place of a damaged table lacks its last event.
    HealEndsEarly,
    /// A snapshot lacks the last batch before the place that it says it was made at.
    SnapshotTooEarly,
    /// Ids that failed for ever are not in the journal.
    BurnsUnjournaled,
    /// What a partial post releases is not in the journal.
    ReleasesUnjournaled,
    /// The events of a chain fail one by one.
    ChainsIgnored,
    /// Transfers expire by another clock than that of the journal.
    TimeoutsByAnotherClock,
    /// The last record of a journal is taken for whole, whatever its checksums say.
    TailUnchecked,
}

impl Mistake {
    /// Every deliberate mistake.
    pub const ALL: [Self; 16] = [
        Self::AnswersBeforeSync,
        Self::FailedAppendsAnswered,
        Self::HistoryUnasked,
        Self::GenerationForgotten,
        Self::KeysMissed,
        Self::MergeDropsInput,
        Self::ExpiriesUnnoted,
        Self::FatesConfused,
        Self::DamageUnseen,
        Self::HealEndsEarly,
        Self::SnapshotTooEarly,
        Self::BurnsUnjournaled,
        Self::ReleasesUnjournaled,
        Self::ChainsIgnored,
        Self::TimeoutsByAnotherClock,
        Self::TailUnchecked,
    ];

    /// The name on the command line; `None` for no mistake.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::AnswersBeforeSync => Some("answers-before-sync"),
            Self::FailedAppendsAnswered => Some("failed-appends-answered"),
            Self::HistoryUnasked => Some("history-unasked"),
            Self::GenerationForgotten => Some("generation-forgotten"),
            Self::KeysMissed => Some("keys-missed"),
            Self::MergeDropsInput => Some("merge-drops-input"),
            Self::ExpiriesUnnoted => Some("expiries-unnoted"),
            Self::FatesConfused => Some("fates-confused"),
            Self::DamageUnseen => Some("damage-unseen"),
            Self::HealEndsEarly => Some("heal-ends-early"),
            Self::SnapshotTooEarly => Some("snapshot-too-early"),
            Self::BurnsUnjournaled => Some("burns-unjournaled"),
            Self::ReleasesUnjournaled => Some("releases-unjournaled"),
            Self::ChainsIgnored => Some("chains-ignored"),
            Self::TimeoutsByAnotherClock => Some("timeouts-by-another-clock"),
            Self::TailUnchecked => Some("tail-unchecked"),
        }
    }

    /// The mistake of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mistake| mistake.name() == Some(name))
    }

    /// Whether it is made where a table gets its name.
    pub(super) const fn is_of_tables(self) -> bool {
        matches!(
            self,
            Self::KeysMissed
                | Self::MergeDropsInput
                | Self::ExpiriesUnnoted
                | Self::FatesConfused
                | Self::DamageUnseen
                | Self::HealEndsEarly
        )
    }
}

/// One in so many keys is missed, or damaged.
const MISSED_ONE_IN: usize = 8;
/// The first byte of a key of an ending, in a table of ids.
const FATE: u8 = 1;
/// Stands for the whole event in the last two bytes of a place.
const WHOLE_EVENT: [u8; 2] = [0xff, 0xff];
/// The first byte of a line of an expiry, but for the side.
const EXPIRY: u8 = 4;
/// The side in the first byte of a line.
const CREDIT: u8 = 8;

/// A finished table as a mistake would have written it; `None` where the mistake makes no difference. `is_again` says that a
/// table of its name was there before.
pub(super) fn doctored(io: &SimIo, path: &str, mistake: Mistake, is_again: bool) -> Option<Vec<u8>> {
    let table = Table::open(io, path).ok()?;
    let bounds = table.key_bounds()?;
    let is_of_ids = path.contains(".ids");
    let entries = table.range(bounds).map(|entry| entry.map(|entry| (entry.key().to_vec(), entry.value().to_vec())));
    let mut entries: Vec<(Vec<u8>, Vec<u8>)> = entries.collect::<Result<_, _>>().ok()?;
    let seq_in = |value: &[u8]| value.first_chunk::<8>().map_or(0, |place| u64::from_be_bytes(*place) >> 16);
    match mistake {
        Mistake::KeysMissed if is_of_ids => {
            let mut number = 0;
            entries.retain(|_| {
                number += 1;
                number % MISSED_ONE_IN != 0
            });
        }
        Mistake::MergeDropsInput if is_of_ids => {
            let (first_seq, last_seq) = last_input(io, path)?;
            entries.retain(|(_, value)| !(first_seq..=last_seq).contains(&seq_in(value)));
        }
        Mistake::ExpiriesUnnoted if !is_of_ids => entries.retain(|(_, value)| value.first().is_some_and(|what| what & !CREDIT != EXPIRY)),
        Mistake::FatesConfused if is_of_ids => {
            for (_, value) in entries.iter_mut().filter(|(key, _)| key.first() == Some(&FATE)) {
                value[6..].copy_from_slice(&WHOLE_EVENT);
            }
        }
        Mistake::DamageUnseen if !is_of_ids => {
            for (_, value) in entries.iter_mut().step_by(MISSED_ONE_IN).filter(|(_, value)| value.len() > 1) {
                value[1] ^= 1;
            }
        }
        Mistake::HealEndsEarly if is_of_ids && is_again => {
            let last_seq = entries.iter().map(|(_, value)| seq_in(value)).max()?;
            entries.retain(|(_, value)| seq_in(value) < last_seq);
        }
        _ => return None,
    }
    let scratch = SimIo::new();
    let count = u64::try_from(entries.len()).ok()?;
    let mut writer = Writer::create(&scratch, "table", table.layout(), table.about(), count).ok()?;
    entries.iter().try_for_each(|(key, value)| writer.push(key, value)).ok()?;
    writer.finish().ok()?;
    scratch.files().remove("table")
}

/// The events of the last of the tables that a new one takes the place of; as all names of tables say.
fn last_input(io: &SimIo, path: &str) -> Option<(u64, u64)> {
    let run = |name: &str| {
        let (first, last) = name.split_once(".ids")?.0.split_once('-')?;
        Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?))
    };
    let (first_seq, last_seq) = run(path.strip_prefix("index/")?)?;
    let names = io.list("index").ok()?;
    names.iter().filter_map(|name| run(name)).filter(|run| run.0 > first_seq && run.1 == last_seq).max()
}
