//! Work on a data folder without a running platform: verifying and listing the journal, erasing a person's data.

use crate::archive::{self, Archive, Index};
use crate::clock::Clock;
use crate::door::{self, Directory, KeyCache};
use crate::partition::{self, Answer, LoadError, Partition, Skips};
use crate::policy::default_policy;
use crate::request::Requests;
use crate::secrets::{self, Secrets};
use crate::serve::{self, PARTITION, open_disk};
use base::{PaymentId, Redacted, SubjectId, Timestamp};
use connectors::Connector;
use connectors::stripe::{Environment, Stripe};
use engine::{Command, Context, DeriveKey, Event, KeyOwner, PaymentName, Refusal, Reply, State};
use events::Recorded;
use journal::{OsIo, RecordKind};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Why an administrative command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal could not be read, or is damaged at the place named.
    #[error(transparent)]
    Journal(#[from] journal::OpenError),
    /// A record could not be read, or is damaged at the place named.
    #[error(transparent)]
    Read(#[from] journal::ReadError),
    /// A batch could not be decoded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The data folder could not be opened.
    #[error(transparent)]
    Disk(#[from] Box<serve::Error>),
    /// The key store failed.
    #[error(transparent)]
    Keys(#[from] crate::keystore::Error),
    /// The read models.
    #[error(transparent)]
    Views(#[from] views::Error),
    /// Their rows could not be made from the journal.
    #[error(transparent)]
    Rows(#[from] crate::feed::Error),
    /// The index could not be opened.
    #[error(transparent)]
    Index(#[from] archive::IndexError),
    /// An archived payment could not be read.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The journal could not be appended to.
    #[error(transparent)]
    Append(#[from] journal::AppendError),
    /// Neither a subject's id nor a payment's.
    #[error("\"{0}\" is neither a subject (sub_…) nor a payment (pay_…) of this platform")]
    SubjectUnknown(String),
    /// Every event can be applied.
    #[error("every event of this journal can be applied; there is nothing to skip")]
    NothingToSkip,
    /// Another event is the first that cannot be applied.
    #[error("the first event that cannot be applied is the one at seq {found}, not {asked}; look at it with `bezant journal dump` first")]
    OtherPoison {
        /// The event that was named.
        asked: u64,
        /// The event that stands in the way.
        found: u64,
    },
    /// A key is not an operator's.
    #[error("the {which} operator's key is missing, revoked or not an operator's; set BEZANT_OPERATOR_KEY and BEZANT_SECOND_OPERATOR_KEY")]
    NotAnOperator {
        /// Which of the two.
        which: &'static str,
    },
    /// The release was refused.
    #[error("the event stays: {}", match .0 { Refusal::SecondPersonRequired => "two different operators are needed".to_owned(), other => format!("{other:?}") })]
    SkipRefused(Refusal),
    /// There is no journal.
    #[error("{0} holds no journal; name the data folder of a platform with --data")]
    NoJournal(String),
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// The folder of a journal that exists.
pub(crate) fn existing(data: &Path) -> Result<OsIo, Error> {
    if !data.join("journal").is_dir() {
        return Err(Error::NoJournal(data.display().to_string()));
    }
    Ok(OsIo::new(data))
}

/// Checks every byte of a journal, and that every event in it can be applied.
///
/// # Errors
/// Names segment, offset and sequence number of damage.
pub fn verify(data: &Path, json: bool, out: &mut impl Write) -> Result<(), Error> {
    let report = journal::verify(&existing(data)?, PARTITION)?;
    let state = state_of(data)?;
    let digest = secrets::hex(&events::snapshot::digest(&state));
    let hash = secrets::hex(&report.tail.hash);
    if json {
        let line = serde_json::json!({
            "segments": report.segment_count, "batches": report.batch_count, "seals": report.seal_count,
            "first_seq": report.first_seq, "last_seq": report.last_seq, "tail": format!("{:?}", report.tail_state),
            "chain_hash": hash, "state_digest": digest, "stray_bytes": report.stray_bytes,
        });
        writeln!(out, "{line}")?;
        return Ok(());
    }
    writeln!(out, "segments      {}", report.segment_count)?;
    writeln!(out, "batches       {}", report.batch_count)?;
    writeln!(out, "seals         {}", report.seal_count)?;
    writeln!(out, "events        {}", report.last_seq.unwrap_or(0))?;
    writeln!(out, "tail          {:?}", report.tail_state)?;
    writeln!(out, "chain hash    {hash}")?;
    writeln!(out, "state digest  {digest}")?;
    writeln!(out, "sound: every checksum holds, the chain is whole and every event applies")?;
    Ok(())
}

/// The state that the whole journal makes. A journal without an event that cannot be applied is read once; each event
/// that cannot, and that a later one releases, costs another search and another start.
fn state_of(data: &Path) -> Result<State, Error> {
    let mut skips = Skips::default();
    loop {
        match applied(data, &skips) {
            Err(Error::Load(LoadError::Poisoned { seq })) => {
                let known = skips.clone();
                observe_release(data, seq, &mut skips)?;
                if skips == known {
                    return Err(LoadError::Poisoned { seq }.into()); // never released, or passing it over does not help
                }
            }
            ended => return ended,
        }
    }
}

fn applied(data: &Path, skips: &Skips) -> Result<State, Error> {
    let mut state = State::new();
    for record in journal::dump(existing(data)?, PARTITION)? {
        let mut events = decoded(&record?)?;
        skips.pass_over(&mut events);
        for recorded in events {
            partition::apply_recorded(&mut state, &recorded)?;
        }
    }
    Ok(state)
}

/// Looks for the release of one event after it.
fn observe_release(data: &Path, released_seq: u64, skips: &mut Skips) -> Result<(), Error> {
    for record in journal::dump(existing(data)?, PARTITION)? {
        for recorded in decoded(&record?)? {
            let is_wanted = matches!(recorded.entry.event, Event::EventSkipped { seq, .. } if seq == released_seq);
            if is_wanted && recorded.seq > released_seq {
                skips.observe(&recorded);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// A record's events; none when it is not a batch.
pub(crate) fn decoded(record: &journal::DumpedRecord) -> Result<Vec<Recorded>, LoadError> {
    if record.kind != RecordKind::Batch {
        return Ok(Vec::new());
    }
    partition::decode_sections(record.first_seq, record.event_count, &record.events, &record.transfers)
}

/// Releases a durable event that this program cannot apply, so that the platform can start: journals that two operators
/// agreed, after the journal's last event. The event itself stays where it is.
///
/// # Errors
/// See [`Error`]; nothing is changed then.
pub fn skip(data: &Path, seq: u64, keys: [Option<Redacted<String>>; 2], json: bool, out: &mut impl Write) -> Result<(), Error> {
    existing(data)?;
    let (mut journal, report) = serve::open_journal(data, journal::SEGMENT_BYTES_DEFAULT)?;
    let (state, poison) = partition::load_before_poison(&journal)?.ok_or(Error::NothingToSkip)?;
    if poison.seq != seq {
        return Err(Error::OtherPoison { asked: seq, found: poison.seq });
    }
    let shown = redacted(&poison.entry.event);
    if !json {
        writeln!(out, "{:>10}  {}  {shown}", poison.seq, poison.entry.at)?;
    }
    let secrets = Secrets::load_or_create(data).map_err(|error| Box::new(serve::Error::from(error)))?;
    let (directory, pepper) = (Directory::from_state(&state), door::pepper(&secrets));
    let operator = |key: &Option<Redacted<String>>, which| {
        let parsed = key.as_ref().and_then(|key| identity::parse_key(key.expose()).ok());
        match parsed.and_then(|parsed| directory.owner(&parsed, &pepper)) {
            Some(KeyOwner::Operator(operator)) => Ok(operator),
            Some(KeyOwner::Merchant(_)) | None => Err(Error::NotAnOperator { which }),
        }
    };
    let (first, second) = (operator(&keys[0], "first")?, operator(&keys[1], "second")?);
    let last_at = last_time(&journal, report.tail.next_seq)?;
    let stripe: Arc<dyn Connector> = Arc::new(Stripe::new(Environment::Test));
    let policy = default_policy(stripe.capabilities());
    let derive_key = DeriveKey::new(secrets::VERSION, secrets.derive.expose());
    let context = Context { now: Clock::wall().max(last_at.plus_ns(1)), policy: &policy, derive_key: &derive_key };
    let decision = engine::decide(&state, context, &Command::SkipEvent { seq, first, second });
    if let Reply::Refused(refusal) = decision.reply {
        return Err(Error::SkipRefused(refusal));
    }
    let batch = events::encode_batch(&decision.entries);
    partition::append(&mut journal, report.tail.next_seq, report.tail.epoch, &batch)?;
    journal::Journal::seal(&mut journal)?;
    let next = partition::load_before_poison(&journal)?;
    if json {
        let next_seq = next.as_ref().map(|(_, next)| next.seq);
        let operators = [first.to_string(), second.to_string()];
        let line =
            serde_json::json!({ "object": "skipped_event", "seq": seq, "event": shown, "operators": operators, "next_seq": next_seq });
        writeln!(out, "{line}")?;
        return Ok(());
    }
    writeln!(out, "released by {first} and {second}: the event above is passed over from now on")?;
    match next {
        None => writeln!(out, "every other event applies; the platform can start")?,
        Some((_, next)) => writeln!(out, "the event at seq {} cannot be applied either; look at it with `bezant journal dump`", next.seq)?,
    }
    Ok(())
}

/// Time of the journal's last event.
fn last_time(journal: &dyn journal::Journal, next_seq: u64) -> Result<Timestamp, Error> {
    let mut at = Timestamp::ZERO;
    for batch in journal.read(next_seq.saturating_sub(1))? {
        at = partition::decode(&batch?)?.last().map_or(at, |recorded| recorded.entry.at);
    }
    Ok(at)
}

/// Lists every event of a journal in order, as text or as one JSON object a line. Sealed fields are shown by length.
///
/// # Errors
/// As [`verify`]; events before the damage are listed.
pub fn dump(data: &Path, json: bool, out: &mut impl Write) -> Result<(), Error> {
    for record in journal::dump(existing(data)?, PARTITION)? {
        let record = record?;
        for recorded in decoded(&record)? {
            let entry = &recorded.entry;
            let payment = entry.event.payment().map(|payment| payment.to_string());
            if json {
                let legs: Vec<serde_json::Value> = entry.legs.iter().map(leg_json).collect();
                let line = serde_json::json!({
                    "seq": recorded.seq, "at": entry.at.to_string(), "type": entry.event.kind().name(), "payment": payment,
                    "segment": record.segment_first_seq, "offset": record.offset, "event": redacted(&entry.event), "legs": legs,
                });
                writeln!(out, "{line}")?;
                continue;
            }
            writeln!(out, "{:>10}  {}  {:<28}  {}", recorded.seq, entry.at, entry.event.kind().name(), payment.unwrap_or_default())?;
            for leg in &entry.legs {
                writeln!(
                    out,
                    "{:>12}leg {} debit {:x} credit {:x} amount {} ledger {}",
                    "", leg.code, leg.debit_account_id, leg.credit_account_id, leg.amount, leg.ledger
                )?;
            }
        }
    }
    Ok(())
}

fn leg_json(leg: &ledger::Transfer) -> serde_json::Value {
    serde_json::json!({
        "id": leg.id.to_string(), "debit_account_id": leg.debit_account_id.to_string(), "credit_account_id": leg.credit_account_id.to_string(),
        "amount": leg.amount.to_string(), "pending_id": leg.pending_id.to_string(), "ledger": leg.ledger, "code": leg.code,
        "flags": leg.flags.bits(),
    })
}

/// The event's debug form with sealed bytes replaced by their length.
fn redacted(event: &engine::Event) -> String {
    let text = format!("{event:?}");
    let mut shown = String::with_capacity(text.len().min(2_048));
    let mut rest = text.as_str();
    while let Some(start) = rest.find("bytes: [") {
        let (before, after) = rest.split_at(start);
        let end = after.find(']').unwrap_or(after.len());
        let count = after[..end].split(',').count();
        shown.push_str(before);
        shown.push_str(&format!("bytes: {count} sealed"));
        rest = after.get(end + 1..).unwrap_or("");
    }
    shown.push_str(rest);
    shown
}

/// Erases a person's data in a folder that no platform has open: journals the erasure, then destroys the key. Returns
/// the subject.
///
/// # Errors
/// See [`Error`]. When the key store fails after the journal has the erasure, the next start finishes it.
pub fn erase(data: &Path, subject: &str) -> Result<SubjectId, Error> {
    existing(data)?;
    let mut disk = open_disk(data, journal::SEGMENT_BYTES_DEFAULT).map_err(Box::new)?;
    let unknown = || Error::SubjectUnknown(subject.to_owned());
    let subject = match subject.parse::<SubjectId>() {
        Ok(SubjectId::PLATFORM) => return Err(unknown()),
        Ok(subject) => subject,
        Err(_) => {
            let payment: PaymentId = subject.parse().map_err(|_| unknown())?;
            let index = Index::open(OsIo::new(data), disk.journal.reader(), &disk.state, archive::GENERATION_KEYS_DEFAULT)?;
            let mut archive = Archive::new(Arc::new(index), disk.journal.reader());
            let archived = archive.payments(&disk.state, &[PaymentName::Id(payment)])?;
            let found = disk.state.payments.get(&payment).or_else(|| archived.first().map(|archived| &archived.payment));
            found.ok_or_else(unknown)?.subject
        }
    };
    let stripe: Arc<dyn Connector> = Arc::new(Stripe::new(Environment::Test));
    let policy = default_policy(stripe.capabilities());
    let requests = Arc::new(Requests { connectors: vec![stripe], keys: Arc::new(KeyCache::default()) });
    let derive_key = DeriveKey::new(secrets::VERSION, disk.secrets.derive.expose());
    let epoch = disk.state.epoch.max(1);
    let mut partition = Partition::new(disk.state, policy, derive_key, requests);
    let mut round = partition.begin();
    let joined = partition.join(&mut round, (), &Command::EraseSubject { subject }, Clock::wall());
    assert!(joined.is_ok() && round.answers.iter().all(|(_, answer)| *answer != Answer::Poisoned), "erasing never crashes");
    if let Some(batch) = round.encode() {
        partition::append(&mut disk.journal, round.first_seq, epoch, &batch)?;
        journal::Journal::seal(&mut disk.journal)?;
    }
    disk.keys.erase(subject)?;
    Ok(subject)
}
