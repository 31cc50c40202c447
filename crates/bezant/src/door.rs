//! The platform as the API sees it: the sequencer, the key store, the read models and the directory of keys behind one
//! trait.

use crate::archive::{self, Finder, Index};
use crate::clock::Clock;
use crate::feed::Wanted;
use crate::installation::Facts;
use crate::keystore::{self, GROUP_SLOTS_MAX, KeyStore, SubjectKey};
use crate::request::{self, SubjectKeys};
use crate::secrets::{self, Secrets};
use crate::sequencer::{Handle, Submission};
use crate::webhooks::NoticeDesk;
use api::{
    AccountBalances, Activity, Books, BoxFuture, FoundAccount, FoundTransfer, Installation, LedgerLines, LedgerNames, LedgerPage,
    LedgerPeriod, LedgerStatement, Opened, OpenedRequest, Parked, Platform, Principal, Readiness, Standing, SubmitError, Submitted,
    Webhook, WebhookRefused,
};
use base::{CustomerId, EffectId, MerchantId, PaymentId, PaymentMethodId, Redacted, SubjectId, Timestamp};
use engine::{ApiKey, Command, Event, KeyOwner, PaymentName, Sealed};
use hmac::{Hmac, Mac};
use identity::{KeyKind, KeyRecord, Mode, ParsedKey, Pepper};
use journal::{OsIo, Reader};
use ledger::{Account, AccountName, Balances, Ledger};
use payments::postings::AccountKind;
use sha2::Sha256;
use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant as StdInstant;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};
use views::Scope;

/// What personal details are sealed for.
pub const DETAILS_PURPOSE: &str = "details";
/// After how many seconds a shed client should come back.
const RETRY_AFTER_S: u32 = 1;

/// Keys of subjects in memory, shared by all who seal and open.
#[derive(Default)]
pub struct KeyCache {
    keys: RwLock<HashMap<SubjectId, SubjectKey>>,
    erased: RwLock<HashSet<SubjectId>>,
}

impl KeyCache {
    /// Remembers subjects whose keys are destroyed.
    pub fn mark_erased(&self, subjects: impl IntoIterator<Item = SubjectId>) {
        self.erased.write().unwrap_or_else(PoisonError::into_inner).extend(subjects);
    }

    fn is_erased(&self, subject: SubjectId) -> bool {
        self.erased.read().unwrap_or_else(PoisonError::into_inner).contains(&subject)
    }

    fn key(&self, subject: SubjectId) -> Option<SubjectKey> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(&subject).cloned()
    }

    /// Adds keys.
    pub fn extend(&self, keys: impl IntoIterator<Item = (SubjectId, SubjectKey)>) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).extend(keys);
    }

    /// Forgets a key.
    pub fn forget(&self, subject: SubjectId) {
        self.mark_erased([subject]);
        self.keys.write().unwrap_or_else(PoisonError::into_inner).remove(&subject);
    }
}

impl SubjectKeys for KeyCache {
    fn seal(&self, subject: SubjectId, purpose: &str, plaintext: &[u8]) -> Option<Sealed> {
        Some(self.key(subject)?.seal(purpose, plaintext))
    }

    fn open(&self, purpose: &str, sealed: &Sealed) -> Option<Vec<u8>> {
        self.key(sealed.subject)?.open(purpose, sealed)
    }
}

/// What the key store's thread is asked.
pub enum KeyJob {
    /// Make sure that a subject has a durable key; answers whether it may have one.
    Ensure {
        /// Whose.
        subject: SubjectId,
        /// Where the answer goes.
        reply: oneshot::Sender<bool>,
    },
    /// Destroy a subject's key.
    Erase {
        /// Whose.
        subject: SubjectId,
        /// Where the answer goes.
        reply: oneshot::Sender<()>,
    },
}

/// Runs the key store: everything that waits is committed as one group. Ends when nobody asks any more or the disk
/// fails; whoever waits then gets no answer.
///
/// # Errors
/// The disk failed; the platform must stop, and a restart opens the store anew.
pub fn run_keys(mut store: KeyStore<OsIo>, cache: &KeyCache, jobs: &Receiver<KeyJob>) -> Result<(), keystore::Error> {
    while let Ok(first) = jobs.recv() {
        let mut waiting = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                KeyJob::Ensure { subject, reply } => waiting.push((subject, reply)),
                KeyJob::Erase { subject, reply } => {
                    store.erase(subject)?;
                    cache.forget(subject);
                    let _ = reply.send(()); // whoever asked gave up
                }
            }
            next = if waiting.len() < GROUP_SLOTS_MAX { jobs.try_recv().ok() } else { None };
        }
        let subjects: Vec<SubjectId> = waiting.iter().map(|(subject, _)| *subject).collect();
        let started = StdInstant::now();
        let mut entropy = |bytes: &mut [u8]| getrandom::fill(bytes).expect("the system's random source works");
        let keys = store.ensure(&subjects, &mut entropy)?;
        metrics::histogram!(telemetry::names::KEYSTORE_COMMIT_DURATION_SECONDS).record(started.elapsed().as_secs_f64());
        cache.extend(subjects.iter().copied().zip(&keys).filter_map(|(subject, key)| Some((subject, key.clone()?))));
        for ((_, reply), key) in waiting.into_iter().zip(keys) {
            let _ = reply.send(key.is_some()); // whoever asked gave up
        }
    }
    Ok(())
}

/// API keys by public part, and merchants, as durable events made them.
#[derive(Default)]
pub struct Directory {
    keys: RwLock<HashMap<[u8; 10], ApiKey>>,
    merchants: RwLock<HashSet<MerchantId>>,
}

impl Directory {
    /// Starts from what a state holds.
    pub fn from_state(state: &engine::State) -> Self {
        let keys = state.api_keys.iter().map(|(id, key)| (*id, key.clone())).collect();
        Self { keys: RwLock::new(keys), merchants: RwLock::new(state.merchants.keys().copied().collect()) }
    }

    /// Follows a durable event.
    pub fn observe(&self, event: &Event) {
        match event {
            Event::ApiKeyCreated { public_id, owner, digest, pepper_version } => {
                let key = ApiKey { owner: *owner, digest: *digest, pepper_version: *pepper_version, revoked: false };
                self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(*public_id, key);
            }
            Event::ApiKeyRevoked { public_id } => {
                if let Some(key) = self.keys.write().unwrap_or_else(PoisonError::into_inner).get_mut(public_id) {
                    key.revoked = true;
                }
            }
            Event::MerchantCreated { merchant, .. } => {
                self.merchants.write().unwrap_or_else(PoisonError::into_inner).insert(*merchant);
            }
            _ => {}
        }
    }

    /// Whether there is such a merchant.
    pub fn is_merchant(&self, merchant: MerchantId) -> bool {
        self.merchants.read().unwrap_or_else(PoisonError::into_inner).contains(&merchant)
    }

    /// Whose key this is: known, verified, not revoked.
    pub fn owner(&self, parsed: &ParsedKey, pepper: &Pepper) -> Option<KeyOwner> {
        let public_id: [u8; 10] = parsed.public_id().as_str().as_bytes().try_into().ok()?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&public_id).filter(|key| !key.revoked && key.pepper_version == pepper.version())?;
        parsed.verify(&key.digest, pepper).then_some(key.owner)
    }
}

/// Hashes under one of the platform's secrets.
#[derive(Clone)]
pub struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// From the platform's secrets.
    pub fn new(secrets: &Secrets) -> Self {
        Self(Hmac::new_from_slice(secrets.hash.expose()).expect("HMAC takes a key of any length"))
    }

    /// The first 16 bytes of HMAC-SHA-256 over label and parts, each with its length before it.
    pub fn hash(&self, label: &str, parts: &[&[u8]]) -> [u8; 16] {
        let mut mac = self.0.clone();
        for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&u64::try_from(part.len()).expect("lengths fit 64 bits").to_le_bytes());
            mac.update(part);
        }
        let digest = mac.finalize().into_bytes();
        std::array::from_fn(|index| digest[index])
    }
}

/// The pepper of a set of secrets.
pub fn pepper(secrets: &Secrets) -> Pepper {
    Pepper::new(secrets::VERSION, secrets.pepper.clone())
}

/// The platform behind the API.
pub struct Door {
    /// The sequencer.
    pub handle: Handle,
    /// Keys of subjects.
    pub cache: Arc<KeyCache>,
    /// The key store's thread.
    pub key_jobs: Sender<KeyJob>,
    /// API keys.
    pub directory: Arc<Directory>,
    /// Hashes.
    pub keyed_hash: KeyedHash,
    /// Hashes API keys.
    pub pepper: Pepper,
    /// Live or test, which new keys say.
    pub mode: Mode,
    /// Read models.
    pub views: views::Reader,
    /// How far the read models are.
    pub views_seq: watch::Receiver<u64>,
    /// How far they are asked for.
    pub views_wanted: Arc<Wanted>,
    /// Metrics.
    pub metrics: telemetry::MetricsHandle,
    /// Who takes providers' messages, by number of the provider endpoint.
    pub desks: Vec<NoticeDesk>,
    /// What is happening.
    pub activity: Arc<Activity>,
    /// What stood open at the last look.
    pub standing: Standings,
    /// What is installed.
    pub facts: Arc<Facts>,
    /// Where the transfers of the ledgers that merchants keep themselves stand.
    pub index: Arc<Index>,
    /// Where they are read.
    pub journal: Reader<OsIo>,
}

/// What stands open, looked at no more often than [`STANDING_MS_MAX`] allows, however many ask.
#[derive(Default)]
pub struct Standings {
    last: tokio::sync::Mutex<Option<(StdInstant, Standing)>>,
}

/// How old may be what is shown of what stands open: looking takes the deciding thread's time, in milliseconds.
const STANDING_MS_MAX: u128 = 1_000;

/// Most times that one person's data can be erased.
const ERASURES_PER_PERSON_MAX: u32 = 1_000;

impl Door {
    /// Reads the state. A partition that has stopped shows nothing any more, and an answer made of nothing would be a lie
    /// about money ("no such payment", "no balance").
    pub(crate) async fn look<T: Send + 'static>(&self, look: impl FnOnce(&engine::State) -> T + Send + 'static) -> Result<T, SubmitError> {
        self.handle.read(look).await.ok_or(SubmitError::Stopping)
    }

    /// As [`Door::look`], of a state that holds the payments with these names even if they are archived.
    pub(crate) async fn look_at_payments<T: Send + 'static>(
        &self,
        names: Vec<PaymentName>,
        look: impl FnOnce(&engine::State) -> T + Send + 'static,
    ) -> Result<T, SubmitError> {
        self.handle.read_payments(names, look).await.ok_or(SubmitError::Stopping)
    }

    /// Searches the history of a merchant's own ledger, on a thread that may wait for the disk.
    async fn search<T: Default + Send + 'static>(
        &self,
        merchant: MerchantId,
        search: impl FnOnce(&mut Finder, u32) -> Result<T, archive::Error> + Send + 'static,
    ) -> Result<(T, u64), SubmitError> {
        let known = self.look(move |state| (state.merchants.get(&merchant).map(|found| found.number), state.next_seq - 1));
        let (Some(number), seq) = known.await? else { return Ok((T::default(), 0)) };
        let mut finder = Finder::new(Arc::clone(&self.index), self.journal.clone());
        let found = tokio::task::spawn_blocking(move || search(&mut finder, number)).await.map_err(|_| SubmitError::Stopping)?;
        let found = found.map_err(|error| {
            tracing::error!(%error, "a ledger's history cannot be read");
            SubmitError::Stopping
        })?;
        Ok((found, seq))
    }

    /// Accounts of a merchant's own ledger with all that they were created with.
    async fn accounts_where(
        &self,
        merchant: MerchantId,
        look: impl FnOnce(&Ledger) -> Vec<(Account, Option<AccountName>)> + Send + 'static,
    ) -> Result<(Vec<FoundAccount>, u64), SubmitError> {
        let look = move |state: &engine::State| {
            (state.ledgers.get(&merchant).map(|found| look(&found.ledger)).unwrap_or_default(), state.next_seq - 1)
        };
        let (accounts, seq) = self.look(look).await?;
        // Metadata never changes, so that of a later moment is that of this one.
        let described = move |finder: &mut Finder, number| {
            let described = |(account, name): (Account, Option<AccountName>)| {
                Ok(FoundAccount { account, name, metadata: finder.account_metadata(number, account.id)? })
            };
            accounts.into_iter().map(described).collect()
        };
        Ok((self.search(merchant, described).await?.0, seq))
    }

    /// Makes sure that a subject has a durable key.
    pub(crate) async fn ensure_key(&self, subject: SubjectId) -> Result<(), SubmitError> {
        if self.cache.key(subject).is_some() {
            return Ok(());
        }
        let (reply, ensured) = oneshot::channel();
        self.key_jobs.send(KeyJob::Ensure { subject, reply }).map_err(|_| SubmitError::Stopping)?;
        ensured.await.map(drop).map_err(|_| SubmitError::Stopping)
    }
}

impl Platform for Door {
    fn submit(&self, command: Command) -> BoxFuture<'_, Result<Submitted, SubmitError>> {
        Box::pin(async move {
            let erased = match &command {
                Command::EraseSubject { subject } => Some(*subject),
                _ => None,
            };
            match &command {
                Command::CreatePayment(create) => self.ensure_key(create.subject).await?,
                Command::CreateCustomer(create) => self.ensure_key(create.subject).await?,
                _ => {}
            }
            let (reply, seq) = match self.handle.submit(command).await {
                Submission::Decided { reply, seq } => (reply, seq),
                Submission::Busy => return Err(SubmitError::Busy { retry_after_s: RETRY_AFTER_S }),
                Submission::Stopping => return Err(SubmitError::Stopping),
                Submission::Poisoned => return Err(SubmitError::Poisoned),
            };
            if let Some(subject) = erased {
                // The journal says so first: a crash before the key is destroyed is made good at the next start.
                let (reply, done) = oneshot::channel();
                self.key_jobs.send(KeyJob::Erase { subject, reply }).map_err(|_| SubmitError::Stopping)?;
                done.await.map_err(|_| SubmitError::Stopping)?;
            }
            Ok(Submitted { reply, seq })
        })
    }

    fn settled(&self, payment: PaymentId, effect: EffectId, deadline: Instant) -> BoxFuture<'_, bool> {
        Box::pin(async move { timeout_at(deadline, self.handle.settled(payment, effect)).await.unwrap_or(false) })
    }

    fn method_settled(&self, method: PaymentMethodId, deadline: Instant) -> BoxFuture<'_, bool> {
        Box::pin(async move { timeout_at(deadline, self.handle.method_settled(method)).await.unwrap_or(false) })
    }

    fn customer(&self, merchant: MerchantId, customer: CustomerId) -> BoxFuture<'_, Result<Option<(engine::Customer, u64)>, SubmitError>> {
        let look = move |state: &engine::State| state.customer_of(merchant, customer).cloned().map(|found| (found, state.next_seq - 1));
        Box::pin(self.look(look))
    }

    fn payment_method(
        &self,
        merchant: MerchantId,
        method: PaymentMethodId,
    ) -> BoxFuture<'_, Result<Option<(engine::StoredMethod, u64)>, SubmitError>> {
        let look = move |state: &engine::State| state.method_of(merchant, method).cloned().map(|found| (found, state.next_seq - 1));
        Box::pin(self.look(look))
    }

    fn payment(&self, merchant: MerchantId, payment: PaymentId) -> BoxFuture<'_, Result<Option<(engine::Payment, u64)>, SubmitError>> {
        Box::pin(async move {
            let look = move |state: &engine::State| state.payment_of(merchant, payment).cloned().map(|found| (found, state.next_seq - 1));
            self.look_at_payments(vec![PaymentName::Id(payment)], look).await
        })
    }

    fn outlook(
        &self,
        merchant: MerchantId,
        payment: PaymentId,
    ) -> BoxFuture<'_, Result<Option<(engine::Outlook, Timestamp)>, SubmitError>> {
        Box::pin(self.look_at_payments(vec![PaymentName::Id(payment)], move |state| {
            let outlook = state.outlook(merchant, payment)?;
            Some((outlook, Clock::wall().max(state.last_at)))
        }))
    }

    fn open_request(&self, provider: u16, sealed: &Sealed) -> OpenedRequest {
        let Some(desk) = self.desks.get(usize::from(provider)) else {
            return OpenedRequest::Unreadable;
        };
        match request::opened(self.cache.as_ref(), sealed) {
            Some(kept) => OpenedRequest::Shown(request::shown(&kept, desk.connector.shown_fields())),
            None if self.cache.is_erased(sealed.subject) => OpenedRequest::Erased,
            None => OpenedRequest::Unreadable,
        }
    }

    fn balances(&self, merchant: MerchantId) -> BoxFuture<'_, Result<AccountBalances, SubmitError>> {
        Box::pin(async move {
            let look = move |state: &engine::State| {
                let currencies = state.merchants.get(&merchant).map(|found| found.currencies.clone()).unwrap_or_default();
                let kinds = |currency| AccountKind::ALL.map(move |kind| (currency, kind));
                currencies
                    .into_iter()
                    .flat_map(kinds)
                    .map(|(currency, kind)| (currency, kind, state.balance(merchant, currency, kind)))
                    .collect::<Vec<_>>()
            };
            self.look(look).await
        })
    }

    fn ledger_accounts(&self, merchant: MerchantId, ids: Vec<u128>) -> BoxFuture<'_, Result<(Vec<FoundAccount>, u64), SubmitError>> {
        let look = move |ledger: &Ledger| {
            let found = |id: &u128| Some((*ledger.account(*id)?, ledger.account_name(*id).cloned()));
            ids.iter().filter_map(found).collect()
        };
        Box::pin(self.accounts_where(merchant, look))
    }

    fn ledger_accounts_named(
        &self,
        merchant: MerchantId,
        ledger: u32,
        names: LedgerNames,
    ) -> BoxFuture<'_, Result<(Vec<FoundAccount>, u64), SubmitError>> {
        let look = move |found: &Ledger| names.of(found, ledger).into_iter().map(|(account, name)| (account, Some(name))).collect();
        Box::pin(self.accounts_where(merchant, look))
    }

    fn ledger_transfers(&self, merchant: MerchantId, ids: Vec<u128>) -> BoxFuture<'_, Result<(Vec<FoundTransfer>, u64), SubmitError>> {
        Box::pin(
            self.search(merchant, move |finder, number| ids.into_iter().filter_map(|id| finder.transfer(number, id).transpose()).collect()),
        )
    }

    fn ledger_transfers_where(&self, merchant: MerchantId, lines: LedgerLines) -> BoxFuture<'_, Result<(LedgerPage, u64), SubmitError>> {
        Box::pin(self.search(merchant, move |finder, number| finder.transfers_where(number, &lines)))
    }

    fn ledger_balances(
        &self,
        merchant: MerchantId,
        account: u128,
        before_ns: Option<u64>,
    ) -> BoxFuture<'_, Result<(Balances, u64), SubmitError>> {
        Box::pin(self.search(merchant, move |finder, number| finder.balances_before(number, account, before_ns)))
    }

    fn ledger_statement(
        &self,
        merchant: MerchantId,
        account: u128,
        period: LedgerPeriod,
        after: Option<u64>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<(LedgerStatement, u64), SubmitError>> {
        Box::pin(self.search(merchant, move |finder, number| finder.statement(number, account, period, after, count_max)))
    }

    fn books(&self, scope: Scope, after: Option<u128>, count_max: usize) -> BoxFuture<'_, Result<Books, SubmitError>> {
        Box::pin(self.look(move |state| Books::of(state, scope, after, count_max)))
    }

    fn installation(&self) -> BoxFuture<'_, Result<Installation, SubmitError>> {
        Box::pin(async move {
            if self.facts.is_digest_due() {
                let digest = self.look(Facts::digest_of).await?;
                digest.into_iter().for_each(|facts| self.facts.digest.keep(facts));
            }
            let facts = Arc::clone(&self.facts);
            tokio::task::spawn_blocking(move || facts.installation()).await.map_err(|_| SubmitError::Stopping)
        })
    }

    fn is_merchant(&self, merchant: MerchantId) -> bool {
        self.directory.is_merchant(merchant)
    }

    fn merchants(
        &self,
        after: Option<MerchantId>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<Vec<(MerchantId, engine::Merchant)>, SubmitError>> {
        Box::pin(async move {
            let look = move |state: &engine::State| {
                let later = state.merchants.iter().filter(|(id, _)| after.is_none_or(|after| **id > after));
                later.take(count_max).map(|(id, found)| (*id, found.clone())).collect::<Vec<_>>()
            };
            self.look(look).await
        })
    }

    fn api_keys(
        &self,
        merchant: Option<MerchantId>,
        after: Option<[u8; 10]>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<api::ListedKeys, SubmitError>> {
        Box::pin(self.look(move |state| api::listed_keys(state, merchant, after, count_max)))
    }

    fn parked(&self, after: Option<EffectId>, count_max: usize) -> BoxFuture<'_, Result<(Vec<Parked>, Timestamp), SubmitError>> {
        Box::pin(self.look(move |state| (Parked::of(state, after, count_max), Clock::wall().max(state.last_at))))
    }

    fn standing(&self) -> BoxFuture<'_, Result<Standing, SubmitError>> {
        Box::pin(async move {
            // Held while one looks, so that the others share what it sees.
            let mut last = self.standing.last.lock().await;
            if let Some((at, standing)) = *last
                && at.elapsed().as_millis() < STANDING_MS_MAX
            {
                return Ok(standing);
            }
            let standing = self.look(Standing::of).await?;
            *last = Some((StdInstant::now(), standing));
            Ok(standing)
        })
    }

    fn quarantine(&self, after: Option<[u8; 16]>, count_max: usize) -> BoxFuture<'_, Result<Vec<[u8; 16]>, SubmitError>> {
        Box::pin(self.look(move |state| {
            let later = state.quarantine.iter().filter(|known| after.is_none_or(|after| **known > after));
            later.take(count_max).copied().collect()
        }))
    }

    fn seal(&self, subject: SubjectId, plaintext: Vec<u8>) -> BoxFuture<'_, Result<Sealed, SubmitError>> {
        Box::pin(async move {
            let subject = self.living_subject(subject);
            if let Some(sealed) = self.cache.seal(subject, DETAILS_PURPOSE, &plaintext) {
                return Ok(sealed);
            }
            self.ensure_key(subject).await?;
            self.cache.seal(subject, DETAILS_PURPOSE, &plaintext).ok_or(SubmitError::Stopping)
        })
    }

    fn living_subject(&self, subject: SubjectId) -> SubjectId {
        let mut living = subject;
        for generation in 1..ERASURES_PER_PERSON_MAX {
            if !self.cache.is_erased(living) {
                break;
            }
            let parts: [&[u8]; 2] = [&subject.as_u128().to_be_bytes(), &generation.to_be_bytes()];
            living = SubjectId::from_u128(u128::from_be_bytes(self.keyed_hash.hash("subject-after-erasure", &parts)));
        }
        living
    }

    fn open(&self, sealed: &Sealed) -> Opened {
        self.cache.open(DETAILS_PURPOSE, sealed).map_or(Opened::Erased, Opened::Plain)
    }

    fn receive_webhook(&self, webhook: Webhook) -> BoxFuture<'_, Result<(), WebhookRefused>> {
        Box::pin(async move { self.take_webhook(&webhook).await })
    }

    fn open_webhook(&self, sealed: &Sealed) -> Opened {
        self.open_kept(sealed)
    }

    fn replay_webhook(&self, provider: u16, body: Vec<u8>) -> BoxFuture<'_, Result<(String, u64), WebhookRefused>> {
        Box::pin(async move { self.replay_notice(provider, &body).await })
    }

    fn keyed_hash(&self, label: &str, parts: &[&[u8]]) -> [u8; 16] {
        self.keyed_hash.hash(label, parts)
    }

    fn principal(&self, key: &ParsedKey) -> Option<Principal> {
        Some(match self.directory.owner(key, &self.pepper)? {
            KeyOwner::Merchant(merchant) => Principal::Merchant(merchant),
            KeyOwner::Operator(operator) => Principal::Operator(operator),
        })
    }

    fn generate_key(&self, kind: KeyKind) -> (Redacted<String>, KeyRecord) {
        identity::generate_key(kind, self.mode, &self.entropy(), &self.pepper)
    }

    fn views(&self) -> &views::Reader {
        &self.views
    }

    fn durable_seq(&self) -> u64 {
        self.handle.load.durable_seq()
    }

    fn wait_views(&self, seq: u64, deadline: Instant) -> BoxFuture<'_, bool> {
        let mut applied = self.views_seq.clone();
        // Not of what is not there yet: one who asks for too much must not keep rows from being gathered.
        self.views_wanted.ask(seq.min(self.handle.load.durable_seq()));
        Box::pin(async move { matches!(timeout_at(deadline, applied.wait_for(|applied| *applied >= seq)).await, Ok(Ok(_))) })
    }

    fn views_seq(&self) -> u64 {
        *self.views_seq.borrow()
    }

    fn now(&self) -> Timestamp {
        Clock::wall()
    }

    fn activity(&self) -> &Activity {
        &self.activity
    }

    fn readiness(&self) -> Readiness {
        if self.handle.load.is_stopped() {
            return Readiness::NotReady("the journal has stopped; see the log for the cause".into());
        }
        Readiness::Ready
    }

    fn metrics(&self) -> String {
        self.metrics.render()
    }

    fn entropy(&self) -> [u8; 48] {
        let mut bytes = [0_u8; 48];
        getrandom::fill(&mut bytes).expect("the system's random source works");
        bytes
    }
}
