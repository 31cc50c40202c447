//! The composition root: opens what is on disk, starts the threads, serves until told to stop or until the journal
//! fails.

use crate::archive::{self, Archive, Index, IndexError};
use crate::beside;
use crate::clock::Clock;
use crate::door::{self, Directory, Door, KeyCache, KeyedHash, Standings};
use crate::installation::{Facts, LastDigest};
use crate::keystore::KeyStore;
use crate::partition::{self, Partition, Preloaded, Skips};
use crate::policy::{Ladder, default_policy};
use crate::request::{Requests, SubjectKeys};
use crate::runner::{Runner, Target};
use crate::secrets::Secrets;
use crate::sequencer::{self, Ended, Handle, Outlets, Running, Submission};
use crate::sweep::{Schedule, Sweeper};
use crate::webhooks::{NoticeDesk, WebhookEndpoint};
use crate::{feed, keystore, listener, secrets, snapshots, usage};
use api::{Activity, Platform};
use base::{MerchantId, OperatorId, Redacted};
use connectors::Connector;
use connectors::stripe::{Environment, Stripe};
use egress::{Client, ClientConfig, Endpoint, Roots};
use engine::event::VERSION_MAX;
use engine::{Command, CreateApiKey, DeriveKey, KeyOwner, State};
use identity::{KeyKind, Mode};
use journal::{FileJournal, OsIo, Tail};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

/// The one partition of an embedded platform.
pub const PARTITION: u32 = 0;
/// Name of the file that holds the first operator's key.
pub const OPERATOR_KEY_FILE: &str = "operator.key";
/// Name of the file that holds the demonstration merchant's key.
pub const DEMO_KEY_FILE: &str = "demo.key";
/// Name of the file that holds the read models.
pub const VIEWS_FILE: &str = "views.sqlite";
/// How long requests under way may take to finish after a stop was asked for.
const GRACE: Duration = Duration::from_secs(10);
/// How long clients are still told 503 after the journal failed.
const FAILED_GRACE: Duration = Duration::from_secs(1);
/// From the start of a send to its complete answer; below the time that a client waits.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// Most connections for sends to one provider.
const SEND_CONNECTIONS_MAX: usize = 256;
/// Most connections for sweeping one provider.
const SWEEP_CONNECTIONS_MAX: usize = 1;
/// How often the next journal segment is looked after.
const SEGMENT_LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often metrics are folded and gauges set.
const METRICS_EVERY: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder with everything durable.
    pub data: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where Stripe is.
    pub stripe_url: String,
    /// Stripe's secret key.
    pub stripe_key: Redacted<String>,
    /// Whether to set up a demonstration merchant and let requests ask a simulator for faults.
    pub demo: bool,
    /// Whether the line printed when listening is JSON.
    pub json: bool,
    /// When unknown outcomes are resolved.
    pub ladder: Ladder,
    /// Longest time for a request's head to arrive, and for a connection to be idle.
    pub head_timeout: Duration,
    /// Size of new journal segments, in bytes.
    pub segment_bytes: u64,
    /// Ids of transfers of merchants' own ledgers that are held in memory before they are written to an index.
    pub index_keys: usize,
    /// About so many payments at which nothing is open stay in memory; older ones are found in the journal.
    pub payments_kept: usize,
    /// Addresses that Stripe may send webhooks to.
    pub stripe_webhooks: Vec<WebhookEndpoint>,
    /// How often providers' lists of events are swept.
    pub sweep: Schedule,
}

/// Why serving could not start or ended. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder cannot be used.
    #[error("cannot {attempted} {path}: {source}")]
    Folder {
        /// What was tried.
        attempted: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The secrets.
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::OpenError),
    /// The state.
    #[error(transparent)]
    Load(#[from] partition::LoadError),
    /// The key store.
    #[error(transparent)]
    Keys(#[from] crate::keystore::Error),
    /// The index of ledgers could not be opened.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The read models.
    #[error(transparent)]
    Views(#[from] views::Error),
    /// The provider's address.
    #[error("--stripe-url: {0}")]
    Endpoint(#[from] egress::EndpointError),
    /// The outbound client.
    #[error(transparent)]
    Client(#[from] egress::ConfigError),
    /// The listener.
    #[error("cannot listen on {address}: {source}; is another instance running there?")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why it failed.
        source: std::io::Error,
    },
    /// No thread or signal handler could be had.
    #[error("the system gave no thread or signal handler: {0}")]
    System(std::io::Error),
    /// The first commands were not accepted.
    #[error("the platform could not be set up: {0}")]
    SetUp(String),
    /// The platform stopped by itself.
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// What is on disk, opened and locked.
pub struct Disk {
    /// The journal.
    pub journal: FileJournal<OsIo>,
    /// The state after its last event.
    pub state: State,
    /// Keys of subjects, erasures reapplied.
    pub keys: KeyStore<OsIo>,
    /// The platform's own secrets.
    pub secrets: Secrets,
}

/// Opens everything durable in `data`; one part vouches for the next. What takes long on a long journal is done side by side:
/// decoding the snapshot, and checking the journal and opening the keys.
///
/// # Errors
/// See [`Error`]; damage is named with segment, offset and sequence number, and nothing is changed.
pub fn open_disk(data: &Path, segment_bytes: u64) -> Result<Disk, Error> {
    fs::create_dir_all(data).map_err(|source| Error::Folder { attempted: "create", path: data.to_owned(), source })?;
    let io = OsIo::new(data);
    let snapshot = sound_snapshot(&io);
    let verify_from = snapshot.as_ref().map(|found| found.tail);
    std::thread::scope(|scope| {
        let decoder = std::thread::Builder::new().name("decoder".into());
        let decoding = snapshot.map(|found| decoder.spawn_scoped(scope, move || found.decode())).transpose().map_err(Error::System)?;
        let (journal, report) = open_journal_from(io.clone(), segment_bytes, verify_from)?;
        tracing::info!(next_seq = report.tail.next_seq, segments = report.segment_count, tail = ?report.tail_state, "journal opened");
        let secrets = Secrets::load_or_create(data)?;
        let mut keys = KeyStore::open(io, secrets.master.clone())?;
        let preloaded = decoding.and_then(|decoding| decoding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let (state, loaded) = partition::load_from(&journal, preloaded)?;
        for skipped in &loaded.skipped {
            tracing::warn!("skipped a damaged snapshot: {skipped}");
        }
        tracing::info!(snapshot_seq = loaded.snapshot_seq, replayed = loaded.replayed_count, "state loaded");
        let reapplied = keys.reapply(&state.erased)?;
        if reapplied > 0 {
            tracing::warn!(reapplied, "a restored key store held keys of erased subjects; they are destroyed again");
        }
        if keys.damaged_count() > 0 {
            tracing::error!(
                slots = keys.damaged_count(),
                "the key store has damaged slots; restore it from a backup if details are unreadable"
            );
        }
        Ok(Disk { journal, state, keys, secrets })
    })
}

/// Opens and locks the journal in `data`.
///
/// # Errors
/// As [`FileJournal::open`].
pub fn open_journal(data: &Path, segment_bytes: u64) -> Result<(FileJournal<OsIo>, journal::OpenReport), journal::OpenError> {
    let io = OsIo::new(data);
    let verify_from = newest_sound_snapshot(&io);
    open_journal_from(io, segment_bytes, verify_from)
}

fn open_journal_from(
    io: OsIo,
    segment_bytes: u64,
    verify_from: Option<Tail>,
) -> Result<(FileJournal<OsIo>, journal::OpenReport), journal::OpenError> {
    let batch_bytes_max = partition::BATCH_BYTES_MAX;
    FileJournal::open(io, journal::Options { verify_from, segment_bytes, batch_bytes_max, ..journal::Options::for_partition(PARTITION) })
}

/// A snapshot whose own hash holds.
struct SoundSnapshot {
    tail: Tail,
    bytes: Vec<u8>,
    /// Newer ones whose hash does not, with the reason.
    skipped: Vec<String>,
}

impl SoundSnapshot {
    /// The state in it; `None` when this program cannot read it, and an older one or the whole journal has to do.
    fn decode(self) -> Option<Preloaded> {
        let Self { tail, bytes, skipped } = self;
        let state = events::snapshot::decode(&bytes).ok()?;
        Some(Preloaded { tail, state, skipped })
    }
}

/// The position of the newest snapshot that can be read.
pub(crate) fn newest_sound_snapshot(io: &OsIo) -> Option<Tail> {
    sound_snapshot(io).map(|found| found.tail)
}

/// The newest snapshot that can be read, so that only the journal after it needs a full check.
fn sound_snapshot(io: &OsIo) -> Option<SoundSnapshot> {
    let snapshots = journal::list_snapshots(io).ok()?;
    let bytes_max = journal::Options::for_partition(PARTITION).snapshot_bytes_max;
    let mut skipped = Vec::new();
    for snapshot in &snapshots {
        match journal::load_snapshot_file(io, PARTITION, bytes_max, snapshot) {
            Ok((tail, bytes)) => return Some(SoundSnapshot { tail, bytes, skipped }),
            Err(error) => skipped.push(format!("snapshot at {}: {error}", snapshot.next_seq)),
        }
    }
    None
}

/// Serves until a signal or a failure.
///
/// # Errors
/// See [`Error`].
pub async fn run(options: Options) -> Result<(), Error> {
    let metrics = telemetry::install_metrics();
    let activity = Arc::new(Activity::new(Clock::wall()));
    let disk = open_disk(&options.data, options.segment_bytes)?;
    let stripe: Arc<dyn Connector> =
        Arc::new(Stripe::new(if options.demo { Environment::Test } else { environment_of(&options.stripe_key) }));
    let endpoint = Endpoint::parse(&options.stripe_url)?;
    let mut policy = options.ladder.onto(default_policy(stripe.capabilities()));
    policy.payments_kept = options.payments_kept;
    let cache = Arc::new(KeyCache::default());
    let mut keys = disk.keys;
    let mut entropy = |bytes: &mut [u8]| getrandom::fill(bytes).expect("the system's random source works");
    keys.ensure(&[base::SubjectId::PLATFORM], &mut entropy)?;
    cache.extend(keys.keys());
    cache.mark_erased(keys.erased().iter().copied());
    let desks = vec![NoticeDesk { connector: Arc::clone(&stripe), endpoints: options.stripe_webhooks.clone() }];
    let requests = Arc::new(Requests { connectors: vec![stripe], keys: Arc::clone(&cache) as Arc<dyn SubjectKeys> });
    let runner = |connections_max, response_bytes_max| {
        Ok::<_, Error>(Runner {
            client: Client::new(client_config(endpoint.clone(), connections_max, response_bytes_max))?,
            targets: vec![Target { endpoint: endpoint.clone(), secret: options.stripe_key.clone() }],
            requests: Arc::clone(&requests),
            send_timeout: SEND_TIMEOUT,
            activity: Arc::clone(&activity),
        })
    };
    let sweeping = runner(SWEEP_CONNECTIONS_MAX, connectors::stripe::EVENTS_RESPONSE_BYTES_MAX)?;
    let runner = Arc::new(runner(SEND_CONNECTIONS_MAX, connectors::stripe::RESPONSE_BYTES_MAX)?);
    let derive_key = DeriveKey::new(secrets::VERSION, disk.secrets.derive.expose());
    let directory = Arc::new(Directory::from_state(&disk.state));
    let (epoch, fresh) = (disk.state.epoch + 1, disk.state.min_version == 0);
    let (reader, snapshot_reader) = (disk.journal.reader(), disk.journal.reader());
    let (snapshot_store, preparer) = (disk.journal.snapshot_store(), disk.journal.preparer());

    let (dispatches, dispatched) = mpsc::unbounded_channel();
    let (durable, to_views) = sync_channel(feed::BATCHES_QUEUED_MAX);
    let (durable_seq, _) = watch::channel(disk.state.next_seq - 1);
    let (observing, counting) = (Arc::clone(&directory), Arc::clone(&activity));
    let observe = Box::new(move |_seq: u64, entry: &engine::Entry| {
        observing.observe(&entry.event);
        counting.entry(entry);
        count(entry);
    });
    let skips = Skips::of(&disk.state);
    let index = Arc::new(Index::open(OsIo::new(&options.data), reader.clone(), &disk.state, options.index_keys)?);
    let archive = Archive::new(Arc::clone(&index), reader.clone());
    let ledger_reader = reader.clone();
    let partition = Partition::new(disk.state, policy, derive_key, requests).with_archive(archive);
    let timing = Arc::clone(&activity);
    let synced = Box::new(move |took| timing.sync(Clock::wall(), took));
    let outlets = Outlets { dispatches, durable, observe, durable_seq };
    let running = sequencer::start(partition, Box::new(disk.journal), epoch, outlets, synced).map_err(Error::System)?;
    let handle = running.handle.clone();

    let (key_jobs, key_work) = channel();
    let key_cache = Arc::clone(&cache);
    let (keys_failed, keys_failure) = oneshot::channel();
    spawn("keys", move || {
        if let Err(error) = door::run_keys(keys, &key_cache, &key_work) {
            let _ = keys_failed.send(error); // the platform is ending already
        }
    })?;
    let views_path = options.data.join(VIEWS_FILE);
    let writer = views::Writer::open(&views_path)?;
    let (applied, views_seq) = watch::channel(writer.applied_seq());
    let views = views::Reader::open(&views_path)?;
    let feed_path = views_path.clone();
    let (feed_skips, snapshot_skips) = (skips.clone(), skips);
    let views_wanted = Arc::new(feed::Wanted::default());
    let wanted = Arc::clone(&views_wanted);
    spawn("views", move || feed::run(writer, &feed_path, &reader, &feed_skips, &to_views, &applied, &wanted))?;
    let (stop_segments, segments_stopped) = channel::<()>();
    spawn("segments", move || prepare_segments(&preparer, &segments_stopped))?;
    let (stop_indexes, indexes_stopped) = channel::<()>();
    let built = Arc::clone(&index);
    spawn("indexes", move || archive::builder::run(&built, &indexes_stopped))?;
    let digest = LastDigest::default();
    let facts = Arc::new(Facts {
        data: options.data.clone(),
        journal: snapshot_reader.clone(),
        snapshots: snapshot_store.clone(),
        digest: digest.clone(),
        options: shown_options(&options),
    });
    let (stop_snapshots, snapshots_stopped) = channel::<()>();
    spawn("snapshots", move || {
        beside::yield_to_others();
        snapshots::run(&snapshot_reader, &snapshot_store, &snapshot_skips, &digest, &snapshots_stopped);
    })?;
    let sends = tokio::spawn(runner.run(dispatched, handle.clone()));

    let door = Arc::new(Door {
        handle: handle.clone(),
        cache,
        key_jobs,
        directory,
        keyed_hash: KeyedHash::new(&disk.secrets),
        pepper: door::pepper(&disk.secrets),
        mode: mode_of(&options),
        views,
        views_seq,
        views_wanted,
        metrics,
        desks,
        activity,
        standing: Standings::default(),
        facts,
        index,
        journal: ledger_reader,
    });
    set_up(&handle, epoch, fresh).await?;
    let served = serve(&options, &door, sweeping, running, keys_failure).await;
    drop((stop_segments, stop_snapshots, stop_indexes));
    sends.abort();
    served
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    std::thread::Builder::new().name(name.into()).spawn(body).map(drop).map_err(Error::System)
}

fn environment_of(key: &Redacted<String>) -> Environment {
    if key.expose().contains("_live_") { Environment::Live } else { Environment::Test }
}

/// New API keys say whether they move real money.
fn mode_of(options: &Options) -> Mode {
    let live = !options.demo && matches!(environment_of(&options.stripe_key), Environment::Live);
    if live { Mode::Live } else { Mode::Test }
}

fn client_config(endpoint: Endpoint, connections_max: usize, response_bytes_max: usize) -> ClientConfig {
    ClientConfig {
        endpoints: vec![endpoint],
        roots: Roots::Mozilla,
        user_agent: concat!("bezant/", env!("CARGO_PKG_VERSION")).to_owned(),
        connections_max,
        idle_ms_max: 30_000,
        connect_ms_max: 5_000,
        head_bytes_max: 32 * 1024,
        response_bytes_max,
    }
}

/// Counts what durable entries say, for the metrics.
fn count(entry: &engine::Entry) {
    use engine::{Event, EventKind};
    use telemetry::names;
    if let Event::WebhookReceived { source, found, .. } = &entry.event {
        metrics::counter!(names::NOTICES_TOTAL, "source" => source.name(), "found" => found.name()).increment(1);
        return;
    }
    let outcome = match entry.event.kind() {
        EventKind::PaymentCreated => {
            metrics::counter!(names::PAYMENTS_TOTAL, "status" => "created").increment(1);
            return;
        }
        EventKind::AttemptCaptured => "captured",
        EventKind::AttemptAuthorized => "authorized",
        EventKind::AttemptDeclined => "declined",
        EventKind::AttemptFailed => "failed",
        EventKind::AttemptPending => "pending",
        EventKind::AttemptMismatched => "mismatched",
        EventKind::EffectUnknown => "unknown",
        EventKind::EffectParked => "parked",
        _ => return,
    };
    metrics::counter!(names::ATTEMPTS_TOTAL, "outcome" => outcome).increment(1);
}

/// Makes journal segments ahead of need, so that no append waits for one.
fn prepare_segments(preparer: &journal::SegmentPreparer<OsIo>, stop: &std::sync::mpsc::Receiver<()>) {
    use std::sync::mpsc::RecvTimeoutError;
    loop {
        if let Err(error) = preparer.prepare_next_segment() {
            tracing::warn!(%error, "the next journal segment could not be made ahead of need");
        }
        if stop.recv_timeout(SEGMENT_LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// The first commands of every start: which event versions may be written, and who leads.
async fn set_up(handle: &Handle, epoch: u64, fresh: bool) -> Result<(), Error> {
    if fresh {
        accepted(handle.submit(Command::RaiseMinVersion { version: VERSION_MAX }).await)?;
    }
    accepted(handle.submit(Command::StartLeader { epoch }).await)
}

fn accepted(submission: Submission) -> Result<(), Error> {
    match submission {
        Submission::Decided { reply: engine::Reply::Refused(refusal), .. } => Err(Error::SetUp(format!("refused: {refusal:?}"))),
        Submission::Decided { .. } => Ok(()),
        Submission::Poisoned => Err(Error::SetUp("a set-up command crashed the engine".into())),
        Submission::Stopping | Submission::Busy => Err(Error::SetUp("the journal failed at once; see the log".into())),
    }
}

/// The key in a file, if it still works; else a new one, durable and written to the file for its owner alone.
async fn ensure_key(door: &Arc<Door>, path: &Path, kind: KeyKind, owner: KeyOwner) -> Result<String, Error> {
    if let Ok(text) = fs::read_to_string(path)
        && let Ok(parsed) = identity::parse_key(text.trim())
        && door.principal(&parsed).is_some()
    {
        return Ok(text.trim().to_owned());
    }
    let (text, record) = door.generate_key(kind);
    let public_id: [u8; 10] = record.public_id.as_str().as_bytes().try_into().expect("a public id has ten characters");
    let command = CreateApiKey { public_id, owner, digest: record.digest, pepper_version: record.pepper_version };
    accepted(door.handle.submit(Command::CreateApiKey(command)).await)?;
    let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).and_then(|mut file| {
        writeln!(file, "{}", text.expose())?;
        file.sync_all()
    });
    written.map_err(|source| Error::Folder { attempted: "write", path: path.to_owned(), source })?;
    Ok(text.into_inner())
}

/// The first operator and, for a demonstration, the first merchant, with their keys.
async fn admit(options: &Options, door: &Arc<Door>) -> Result<(String, Option<String>), Error> {
    let id = |label: &str| u128::from_be_bytes(door.keyed_hash.hash(label, &[]));
    let operator = OperatorId::from_u128(id("first-operator"));
    let merchant = MerchantId::from_u128(id("demo-merchant"));
    let known = door.handle.read(move |state| (state.operators.contains_key(&operator), state.merchants.contains_key(&merchant))).await;
    let (operator_known, merchant_known) = known.ok_or_else(|| Error::SetUp("the journal stopped".into()))?;
    if !operator_known {
        accepted(door.handle.submit(Command::CreateOperator { operator, handle: "root".into() }).await)?;
    }
    let operator_key = ensure_key(door, &options.data.join(OPERATOR_KEY_FILE), KeyKind::Operator, KeyOwner::Operator(operator)).await?;
    if !options.demo {
        return Ok((operator_key, None));
    }
    if !merchant_known {
        accepted(door.handle.submit(Command::CreateMerchant { merchant, handle: "demo".into() }).await)?;
    }
    let demo_key = ensure_key(door, &options.data.join(DEMO_KEY_FILE), KeyKind::Secret, KeyOwner::Merchant(merchant)).await?;
    Ok((operator_key, Some(demo_key)))
}

async fn serve(
    options: &Options,
    door: &Arc<Door>,
    sweeping: Runner,
    running: Running,
    keys_failure: oneshot::Receiver<keystore::Error>,
) -> Result<(), Error> {
    let limits = listener::Limits { connections_max: listener::connections_max(), head_timeout: options.head_timeout, grace: GRACE };
    let bound = TcpListener::bind(options.listen).await.map_err(|source| Error::Listen { address: options.listen, source })?;
    let address = bound.local_addr().map_err(Error::System)?;
    let (operator_key, demo_key) = admit(options, door).await?;
    let signals = signals().map_err(Error::System)?; // whoever reads that we listen may ask us to stop
    announce(options, address, &operator_key, demo_key.as_deref());
    let platform: Arc<dyn Platform> = Arc::clone(door) as Arc<dyn Platform>;
    let router = web::router(api::router(platform, api_options(options)), web_options());
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(listener::serve(bound, router, limits, stopping));
    let sweeps = match options.sweep {
        Schedule::Off => None,
        Schedule::Every(every) => Some(tokio::spawn(Sweeper { door: Arc::clone(door), runner: sweeping, provider: 0, every }.run())),
    };
    let stop_sweeps = move || sweeps.iter().for_each(tokio::task::JoinHandle::abort);
    let gauges = tokio::spawn(gauge(Arc::clone(door)));
    let handle = running.handle.clone();
    let mut ended = tokio::task::spawn_blocking(move || running.join());
    // Cancel-safe: all arms only wait; the ended partition is joined again below when something else came first.
    let result = tokio::select! {
        ended = &mut ended => {
            tokio::time::sleep(FAILED_GRACE).await; // clients that come meanwhile are answered 503
            ended
        }
        Ok(error) = keys_failure => {
            tracing::error!(%error, "the key store failed; the platform stops");
            handle.load.refuse_all();
            tokio::time::sleep(FAILED_GRACE).await; // clients that come meanwhile are answered 503
            handle.stop();
            let _ = ended.await; // what ended it first is the key store's failure
            gauges.abort();
            stop_sweeps();
            return Err(error.into());
        }
        () = signals => {
            stop.send_replace(true);
            let _ = serving.await; // a panic there was logged; the journal still has to be closed
            handle.stop();
            ended.await
        }
    };
    gauges.abort();
    stop_sweeps();
    let result = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    result.map_err(Error::Ended)
}

/// What the platform was started with, for operators: everything but secrets.
fn shown_options(options: &Options) -> BTreeMap<&'static str, String> {
    let Options {
        data,
        listen,
        stripe_url,
        stripe_key: _,
        demo,
        json: _,
        ladder,
        head_timeout,
        segment_bytes,
        index_keys,
        payments_kept,
        stripe_webhooks,
        sweep,
    } = options;
    let names: Vec<&str> = stripe_webhooks.iter().map(|endpoint| endpoint.name.as_str()).collect();
    let gaps = |gaps: &Option<engine::Gaps>| gaps.as_ref().map_or("as usual".to_owned(), |gaps| format!("{} of your own", gaps.0.len()));
    let sweep = match sweep {
        Schedule::Off => "off".to_owned(),
        Schedule::Every(every) => format!("every {} ms", every.as_millis()),
    };
    BTreeMap::from([
        ("data", data.display().to_string()),
        ("listen", listen.to_string()),
        ("stripe_url", stripe_url.clone()),
        ("mode", if mode_of(options) == Mode::Live { "live" } else { "test" }.to_owned()),
        ("demo", if *demo { "yes" } else { "no" }.to_owned()),
        ("replay_gaps", gaps(&ladder.replay_gaps)),
        ("lookup_gaps", gaps(&ladder.lookup_gaps)),
        ("head_timeout", format!("{} ms", head_timeout.as_millis())),
        ("segment_size", format!("{} MiB", segment_bytes / (1 << 20))),
        ("index_ids", index_keys.to_string()),
        ("payments_kept", payments_kept.to_string()),
        ("webhook_endpoints", if names.is_empty() { "none".to_owned() } else { names.join(", ") }),
        ("sweep", sweep),
    ])
}

fn api_options(options: &Options) -> api::Options {
    api::Options {
        body_bytes_max: 64 * 1024,
        wait_ms_max: 25_000,
        requests_open_max: 8_192,
        webhooks_open_max: 256,
        allow_simulate: options.demo,
        providers: vec!["stripe".to_owned()],
    }
}

fn web_options() -> web::Options {
    let entropy = || {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system's random source works");
        bytes
    };
    web::Options { clock: Arc::new(Clock::wall), entropy: Arc::new(entropy) }
}

/// Completes when the process is asked to stop.
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        // Cancel-safe: both arms only wait for a signal.
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

async fn gauge(door: Arc<Door>) {
    use telemetry::names;
    loop {
        let open = door.handle.read(|state| state.effects.len()).await;
        if let (Some(open), Ok(standing)) = (open, door.standing().await) {
            let count = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            metrics::gauge!(names::EFFECTS_OPEN).set(f64::from(u32::try_from(open).unwrap_or(u32::MAX)));
            metrics::gauge!(names::UNKNOWN_OPEN).set(count(standing.unknown_open));
            metrics::gauge!(names::PARKED_OPEN).set(count(standing.parked));
        }
        let waiting = u32::try_from(door.index.keys_waiting()).unwrap_or(u32::MAX);
        metrics::gauge!(names::INDEX_KEYS_WAITING).set(f64::from(waiting));
        let lag = door.handle.load.durable_seq().saturating_sub(*door.views_seq.borrow());
        metrics::gauge!(names::VIEWS_LAG_EVENTS).set(f64::from(u32::try_from(lag).unwrap_or(u32::MAX)));
        door.activity.usage(Clock::wall(), usage::read());
        door.metrics.fold_observations();
        tokio::time::sleep(METRICS_EVERY).await;
    }
}

fn announce(options: &Options, address: SocketAddr, operator_key: &str, demo_key: Option<&str>) {
    let webhook = |endpoint: &WebhookEndpoint| format!("http://{address}/v1/webhooks/stripe/{}", endpoint.name);
    let webhooks: Vec<String> = options.stripe_webhooks.iter().map(webhook).collect();
    if webhooks.is_empty() {
        tracing::warn!("no webhook endpoint is configured: disputes are found by the sweep alone, and later");
    }
    if options.json {
        let line = serde_json::json!({
            "event": "listening",
            "listening": format!("http://{address}"),
            "api_key": demo_key,
            "operator_key": options.demo.then_some(operator_key),
            "data": options.data,
            "webhooks": webhooks,
        });
        println!("{line}");
        return;
    }
    println!("bezant is listening on http://{address}");
    println!("the console is at http://{address}/console");
    println!("the operator's key, which signs in to it, is in {}", options.data.join(OPERATOR_KEY_FILE).display());
    for webhook in &webhooks {
        println!("Stripe may send webhooks to {webhook}");
    }
    if webhooks.is_empty() {
        println!(
            "no webhook endpoint is configured (--stripe-webhook NAME=SECRET): {}",
            match options.sweep {
                Schedule::Off => "disputes and failed refunds are not heard of, for the sweep is off as well",
                Schedule::Every(_) => "disputes and failed refunds are heard of when Stripe's list of events is swept",
            }
        );
    }
    if demo_key.is_some() {
        println!("the demonstration merchant's key is in {}", options.data.join(DEMO_KEY_FILE).display());
    }
}
