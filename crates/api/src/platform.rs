//! The one seam between HTTP and the platform. Behind it are the sequencer, the engine's state, the key store and the
//! read models; nothing here knows how they work, and tests put a platform of their own in their place.

use crate::activity::Activity;
use crate::books::Books;
use crate::ledger::{FoundAccount, FoundTransfer, LedgerLines, LedgerNames, LedgerPage, LedgerPeriod, LedgerStatement};
use base::{Currency, CustomerId, EffectId, MerchantId, OperatorId, PaymentId, PaymentMethodId, Redacted, SubjectId, Timestamp};
use bytes::Bytes;
use engine::{Command, Reply, Sealed};
use http::HeaderMap;
use identity::{KeyKind, KeyRecord, ParsedKey};
use ledger::Balances;
use payments::postings::AccountKind;
use std::collections::BTreeMap;
use std::ops::Bound;
use tokio::time::Instant;
use views::Scope;

/// A future that may be sent to another thread.
pub type BoxFuture<'a, T> = futures_util::future::BoxFuture<'a, T>;

/// What a command came to; durable by the time anybody sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The engine's answer.
    pub reply: Reply,
    /// Sequence number of the last durable event of the command's batch.
    pub seq: u64,
}

/// Why a command has no answer. Only [`SubmitError::Poisoned`] says something about the command itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// The command's lane is full; nothing happened.
    Busy {
        /// After how many seconds another try makes sense.
        retry_after_s: u32,
    },
    /// The platform takes no more commands. Whether this one became durable is unknown; the same key finds out.
    Stopping,
    /// The command crashed the engine, changed nothing and is kept out from now on.
    Poisoned,
}

/// What unsealing gives.
#[derive(Clone, PartialEq, Eq)]
pub enum Opened {
    /// The plaintext.
    Plain(Vec<u8>),
    /// The subject's key is destroyed: nobody can read it any more.
    Erased,
}

/// A kept request to a provider, as people may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRequest {
    /// The method, in capitals.
    pub method: &'static str,
    /// The path without its query.
    pub path: String,
    /// Headers and fields of the body, in order.
    pub fields: Vec<ShownField>,
}

/// A header or field of a request. Only values that are known to be harmless are there; credentials never are, not even
/// in what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownField {
    /// Its name.
    pub name: String,
    /// Its value, if it may be seen.
    pub value: Option<String>,
    /// How long the value is, in bytes.
    pub value_bytes: u64,
}

/// What opening a kept request gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenedRequest {
    /// What may be seen of it.
    Shown(ShownRequest),
    /// The subject's key is destroyed: nobody can read it any more.
    Erased,
    /// It cannot be read for another reason.
    Unreadable,
}

/// Who calls, proven by an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A merchant's server.
    Merchant(MerchantId),
    /// Somebody who runs the platform.
    Operator(OperatorId),
}

/// Whether the platform can take work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It cannot, and why, for operators.
    NotReady(String),
}

/// A merchant's ledger accounts with their balances.
pub type AccountBalances = Vec<(Currency, AccountKind, engine::state::Balance)>;

/// Most files of the journal that are shown.
pub const SEGMENTS_SHOWN_MAX: usize = 100;

/// One file of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// Its name in the data folder.
    pub name: String,
    /// The first event that it can hold.
    pub first_seq: u64,
    /// The last event that it holds; absent while it holds none.
    pub last_seq: Option<u64>,
    /// Its size on disk, in bytes.
    pub bytes: u64,
    /// Whether nothing more is written to it.
    pub is_sealed: bool,
}

/// One snapshot of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFacts {
    /// The last event that it contains.
    pub seq: u64,
    /// Its size on disk, in bytes.
    pub bytes: u64,
    /// When it was made.
    pub at: Option<Timestamp>,
}

/// What proves the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateFacts {
    /// SHA-256 of the state.
    pub digest: [u8; 32],
    /// The last event that it contains.
    pub seq: u64,
}

/// What is installed: program, files and choices. Nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Version of the program.
    pub version: String,
    /// How it was built, in words.
    pub build: String,
    /// The newest files of the journal, the newest last, at most [`SEGMENTS_SHOWN_MAX`].
    pub segments: Vec<SegmentFacts>,
    /// How many files the journal has.
    pub segments_count: u64,
    /// Snapshots, the newest first.
    pub snapshots: Vec<SnapshotFacts>,
    /// The chain hash after the last event: it proves every event before it.
    pub chain_hash: [u8; 32],
    /// The last digest of the state that was taken; absent while none was.
    pub state: Option<StateFacts>,
    /// Versions of what is written, by name.
    pub schema_versions: BTreeMap<&'static str, u64>,
    /// What the platform was started with, by name.
    pub options: BTreeMap<&'static str, String>,
}

/// API keys with their public ids.
pub type ListedKeys = Vec<([u8; 10], engine::state::ApiKey)>;

/// Those of a state, as [`Platform::api_keys`] wants them.
pub fn listed_keys(state: &engine::State, merchant: Option<MerchantId>, after: Option<[u8; 10]>, count_max: usize) -> ListedKeys {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let is_wanted = |key: &engine::state::ApiKey| merchant.is_none_or(|merchant| key.owner == engine::KeyOwner::Merchant(merchant));
    let later = state.api_keys.range((start, Bound::Unbounded)).filter(|(_, key)| is_wanted(key));
    later.take(count_max).map(|(public_id, key)| (*public_id, key.clone())).collect()
}

/// A call that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Whose payment it belongs to.
    pub merchant: MerchantId,
    /// The call.
    pub effect: engine::Effect,
    /// Whether the provider did something else than was asked.
    pub is_mismatched: bool,
}

impl Parked {
    /// Those of a state, as [`Platform::parked`] wants them.
    pub fn of(state: &engine::State, after: Option<EffectId>, count_max: usize) -> Vec<Self> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let later = state.effects.range((start, Bound::Unbounded)).map(|(_, effect)| effect);
        let parked = later.filter(|effect| effect.status == engine::EffectStatus::Parked);
        let with_merchant = parked.filter_map(|effect| {
            let merchant = state.payments.get(&effect.payment)?.merchant;
            Some(Self { merchant, effect: effect.clone(), is_mismatched: state.is_mismatched(effect) })
        });
        with_merchant.take(count_max).collect()
    }
}

/// What stands open now, of all merchants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Calls whose outcome is unknown and being found out.
    pub unknown_open: u64,
    /// Calls that wait for a person.
    pub parked: u64,
    /// Those of them for which the provider did something else than was asked.
    pub mismatched: u64,
    /// Commands that are kept out.
    pub quarantined: u64,
    /// Whether expiries wait because the clock jumped.
    pub expiries_suspended: bool,
}

impl Standing {
    /// That of a state. It looks at every open call, and at nothing that is closed.
    pub fn of(state: &engine::State) -> Self {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let open_in = |wanted| state.effects.values().filter(move |open| open.status == wanted);
        Self {
            unknown_open: count(open_in(engine::EffectStatus::Unknown).count()),
            parked: count(open_in(engine::EffectStatus::Parked).count()),
            mismatched: count(open_in(engine::EffectStatus::Parked).filter(|open| state.is_mismatched(open)).count()),
            quarantined: count(state.quarantine.len()),
            expiries_suspended: state.expiries_suspended,
        }
    }
}

/// A provider's message as it came in; nothing of it is believed yet.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The provider, as the address names it.
    pub provider: String,
    /// The endpoint, as the address names it.
    pub endpoint: String,
    /// The request's headers, among them the signature.
    pub headers: HeaderMap,
    /// The exact body, at most [`crate::WEBHOOK_BYTES_MAX`] bytes.
    pub body: Bytes,
}

/// Why a provider's message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookRefused {
    /// No endpoint of that provider has that name.
    EndpointUnknown,
    /// It is larger than any message of the provider.
    TooLarge,
    /// It has no signature.
    SignatureMissing,
    /// Its signature cannot be read.
    SignatureMalformed,
    /// Its signature fits none of the endpoint's secrets.
    SignatureMismatch,
    /// It is genuine, and was signed too long ago or in the future.
    TimestampOutOfTolerance,
    /// A kept message cannot be read by this program either.
    Unreadable,
    /// The platform does not take it now.
    Unavailable(SubmitError),
}

impl From<SubmitError> for WebhookRefused {
    fn from(error: SubmitError) -> Self {
        Self::Unavailable(error)
    }
}

/// What the API asks of the platform. Calls that answer commands or state speak of durable events only.
pub trait Platform: Send + Sync + 'static {
    /// Decides a command and answers once its events are durable. Dropping the future may lose the answer, never the
    /// command; callers run it to its end.
    fn submit(&self, command: Command) -> BoxFuture<'_, Result<Submitted, SubmitError>>;

    /// Waits until an effect is no longer undecided; `false` when `deadline` comes first.
    fn settled(&self, payment: PaymentId, effect: EffectId, deadline: Instant) -> BoxFuture<'_, bool>;

    /// Waits until a stored payment method is neither being stored nor being removed; `false` when `deadline` comes first.
    fn method_settled(&self, method: PaymentMethodId, deadline: Instant) -> BoxFuture<'_, bool>;

    /// A merchant's customer from the engine's state, with the sequence number as of which it is true.
    fn customer(&self, merchant: MerchantId, customer: CustomerId) -> BoxFuture<'_, Result<Option<(engine::Customer, u64)>, SubmitError>>;

    /// A merchant's stored payment method from the engine's state, with the sequence number as of which it is true.
    fn payment_method(
        &self,
        merchant: MerchantId,
        method: PaymentMethodId,
    ) -> BoxFuture<'_, Result<Option<(engine::StoredMethod, u64)>, SubmitError>>;

    /// A merchant's payment from the engine's state, with the sequence number as of which it is true.
    fn payment(&self, merchant: MerchantId, payment: PaymentId) -> BoxFuture<'_, Result<Option<(engine::Payment, u64)>, SubmitError>>;

    /// What can still happen to a merchant's payment, from the engine's state, with the platform's time.
    fn outlook(&self, merchant: MerchantId, payment: PaymentId)
    -> BoxFuture<'_, Result<Option<(engine::Outlook, Timestamp)>, SubmitError>>;

    /// Opens the kept request of a call to a provider endpoint, for people to see: only what is known to be harmless.
    fn open_request(&self, provider: u16, sealed: &Sealed) -> OpenedRequest;

    /// A merchant's ledger accounts, by currency and kind; only those that are open.
    fn balances(&self, merchant: MerchantId) -> BoxFuture<'_, Result<AccountBalances, SubmitError>>;

    /// Accounts of a merchant's own ledger in the order of `ids`, those that do not exist left out, with the sequence number as of
    /// which they are true.
    fn ledger_accounts(&self, merchant: MerchantId, ids: Vec<u128>) -> BoxFuture<'_, Result<(Vec<FoundAccount>, u64), SubmitError>>;

    /// Accounts of a merchant's own ledger that have such names in the ledger with this number, with the sequence number as of which
    /// they are true.
    fn ledger_accounts_named(
        &self,
        merchant: MerchantId,
        ledger: u32,
        names: LedgerNames,
    ) -> BoxFuture<'_, Result<(Vec<FoundAccount>, u64), SubmitError>>;

    /// As [`Platform::ledger_accounts`], for transfers.
    fn ledger_transfers(&self, merchant: MerchantId, ids: Vec<u128>) -> BoxFuture<'_, Result<(Vec<FoundTransfer>, u64), SubmitError>>;

    /// Durable transfers of a merchant's own ledger, and the sequence number as of which these are all.
    fn ledger_transfers_where(&self, merchant: MerchantId, lines: LedgerLines) -> BoxFuture<'_, Result<(LedgerPage, u64), SubmitError>>;

    /// The durable balances of an account of a merchant's own ledger before a time (now when there is none), in nanoseconds since
    /// 1970, and the sequence number as of which they are true.
    fn ledger_balances(
        &self,
        merchant: MerchantId,
        account: u128,
        before_ns: Option<u64>,
    ) -> BoxFuture<'_, Result<(Balances, u64), SubmitError>>;

    /// Part of the statement of an account of a merchant's own ledger: at most `count_max` lines after a place; and the sequence
    /// number as of which it is all.
    fn ledger_statement(
        &self,
        merchant: MerchantId,
        account: u128,
        period: LedgerPeriod,
        after: Option<u64>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<(LedgerStatement, u64), SubmitError>>;

    /// Accounts in the order of their ids, at most `count_max`, from the first whose id is larger than `after`, and the sums of all
    /// that are in the scope.
    fn books(&self, scope: Scope, after: Option<u128>, count_max: usize) -> BoxFuture<'_, Result<Books, SubmitError>>;

    /// What is installed.
    fn installation(&self) -> BoxFuture<'_, Result<Installation, SubmitError>>;

    /// Whether there is such a merchant. Asked with every read of an operator: from memory, without waiting.
    fn is_merchant(&self, merchant: MerchantId) -> bool;

    /// Merchants in the order of their ids, at most `count_max`, from the first whose id is larger than `after`.
    fn merchants(
        &self,
        after: Option<MerchantId>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<Vec<(MerchantId, engine::Merchant)>, SubmitError>>;

    /// API keys in the order of their public ids, of one merchant or of everybody, at most `count_max`, from the first whose id is
    /// larger than `after`.
    fn api_keys(
        &self,
        merchant: Option<MerchantId>,
        after: Option<[u8; 10]>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<ListedKeys, SubmitError>>;

    /// Calls that wait for a person, in the order of their effects' ids, at most `count_max`, from the first whose id is
    /// larger than `after`; and the platform's time.
    fn parked(&self, after: Option<EffectId>, count_max: usize) -> BoxFuture<'_, Result<(Vec<Parked>, Timestamp), SubmitError>>;

    /// What stands open. May be a second old, however many ask.
    fn standing(&self) -> BoxFuture<'_, Result<Standing, SubmitError>>;

    /// Fingerprints of quarantined commands in order, at most `count_max`, from the first that is larger than `after`.
    fn quarantine(&self, after: Option<[u8; 16]>, count_max: usize) -> BoxFuture<'_, Result<Vec<[u8; 16]>, SubmitError>>;

    /// Seals bytes under a subject's key, which is made durable first when it is new.
    fn seal(&self, subject: SubjectId, plaintext: Vec<u8>) -> BoxFuture<'_, Result<Sealed, SubmitError>>;

    /// The subject under which a person's new data is sealed: `subject` itself, or its successor when its key is
    /// destroyed, so that somebody whose data was erased can come back as somebody new.
    fn living_subject(&self, subject: SubjectId) -> SubjectId;

    /// Opens sealed bytes.
    fn open(&self, sealed: &Sealed) -> Opened;

    /// Verifies a provider's message on its raw bytes, keeps it, and answers once that is durable; also when it was before.
    /// One that is genuine and cannot be read is kept, too.
    fn receive_webhook(&self, webhook: Webhook) -> BoxFuture<'_, Result<(), WebhookRefused>>;

    /// Opens the kept body of a provider's message.
    fn open_webhook(&self, sealed: &Sealed) -> Opened;

    /// Reads a kept body again and submits what it says; the provider's id that it has now, and the sequence number by which
    /// that is durable.
    fn replay_webhook(&self, provider: u16, body: Vec<u8>) -> BoxFuture<'_, Result<(String, u64), WebhookRefused>>;

    /// A hash of length-prefixed `parts` under a secret of the installation; different labels never collide.
    fn keyed_hash(&self, label: &str, parts: &[&[u8]]) -> [u8; 16];

    /// Whose key this is: known, its digest verified, not revoked.
    fn principal(&self, key: &ParsedKey) -> Option<Principal>;

    /// Makes an API key from fresh entropy. Its text is shown once; its record is what may be kept.
    fn generate_key(&self, kind: KeyKind) -> (Redacted<String>, KeyRecord);

    /// The read models.
    fn views(&self) -> &views::Reader;

    /// Sequence number of the last durable event.
    fn durable_seq(&self) -> u64;

    /// Waits until the read models hold event `seq`; `false` when `deadline` comes first.
    fn wait_views(&self, seq: u64, deadline: Instant) -> BoxFuture<'_, bool>;

    /// The last event that the read models hold.
    fn views_seq(&self) -> u64;

    /// The time.
    fn now(&self) -> Timestamp;

    /// What is happening.
    fn activity(&self) -> &Activity;

    /// Whether the platform can take work.
    fn readiness(&self) -> Readiness;

    /// All metrics in Prometheus' text format.
    fn metrics(&self) -> String;

    /// Fresh bytes of a cryptographic random source.
    fn entropy(&self) -> [u8; 48];
}
