//! A platform in memory: the engine itself behind one lock, read models in a temporary file, and a provider that
//! answers as the payment method says: `pm_card_visa` approves, `pm_declined` declines, `pm_action` asks for the
//! customer, `pm_silent` never answers. While [`TestPlatform::silence`] is on, nothing answers.

#![allow(dead_code, reason = "each test file uses its own part")]

use api::{BoxFuture, Opened, Options, Platform, Principal, Readiness, SubmitError, Submitted};
use axum::Router;
use axum::body::Body;
use base::{
    Approval, CustomerId, Decline, DeclineClass, EffectId, MerchantId, NextAction, OperatorId, Outcome, PaymentId, PaymentMethodId,
    ProviderState, Redacted, SubjectId, Timestamp,
};
use engine::{
    CardFacts, Command, Context, DeriveKey, EffectKind, Entry, ErrandDone, ErrandKind, ErrandOutcome, Gaps, KeyOwner, Policy,
    ProviderPolicy, Reply, Sealed, State,
};
use hmac::{Hmac, Mac};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use identity::{KeyKind, KeyRecord, Mode, ParsedKey, Pepper};
use payments::postings::AccountKind;
use sha2::Sha256;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tower::ServiceExt;

const S: u64 = 1_000_000_000;
/// When a platform starts, in seconds since 1970: 2026-11-21T09:33:00Z.
pub const STARTED_S: u64 = 1_795_253_580;
/// How long every call to the provider takes.
pub const CALL_MS: u64 = 40;
/// How long a test waits for what must come before it fails.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// Number of permits that lets everything through.
const OPEN: usize = 1_000_000;

fn policy() -> Policy {
    Policy {
        providers: vec![ProviderPolicy {
            name: "stripe".into(),
            multiple_captures: false,
            key_retention_ns: 24 * 3_600 * S,
            amount_minor_max: 99_999_999,
            replay_gaps: Gaps::seconds(&[2, 10]),
            lookup_gaps: Gaps::seconds(&[60, 600, 3_600]),
        }],
        attempt_deadline_ns: 900 * S,
        defer_gaps: Gaps::seconds(&[1, 3]),
        waiting_gaps: Gaps::seconds(&[5, 60]),
        watch_gaps: Gaps::seconds(&[60, 86_400]),
        settle_gaps: Gaps::seconds(&[10, 600]),
        errand_replay_gaps: Gaps::seconds(&[2, 10]),
        errand_lookup_gaps: Gaps::seconds(&[60]),
        created_ns: 24 * 3_600 * S,
        action_ns: 3_600 * S,
        hold_ns: 6 * 24 * 3_600 * S,
        payments_kept: usize::MAX,
        resume_spacing_ns: 5_000_000,
    }
}

/// The usual options of tests.
pub fn options() -> Options {
    Options {
        body_bytes_max: 64 * 1_024,
        wait_ms_max: 25_000,
        requests_open_max: 64,
        webhooks_open_max: 4,
        allow_simulate: true,
        providers: vec!["stripe".into()],
    }
}

struct Inner {
    state: State,
    now_ns: u64,
    writer: views::Writer,
    unapplied: Vec<events::Recorded>,
    commands: Vec<Command>,
}

/// See the file's head.
pub struct TestPlatform {
    inner: Mutex<Inner>,
    policy: Policy,
    derive_key: DeriveKey,
    pepper: Pepper,
    reader: views::Reader,
    folder: PathBuf,
    changed: watch::Sender<u64>,
    entropy: AtomicU64,
    silent: AtomicBool,
    views_paused: AtomicBool,
    not_ready: AtomicBool,
    refuse_with: Mutex<Option<SubmitError>>,
    gate: Semaphore,
    arrivals: watch::Sender<u64>,
    known_keys: Mutex<BTreeSet<SubjectId>>,
    activity: api::Activity,
}

impl Drop for TestPlatform {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl TestPlatform {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("bezant-api-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("views.sqlite");
        let writer = views::Writer::open(&path).unwrap();
        let reader = views::Reader::open(&path).unwrap();
        let state = State::new();
        let inner = Inner { state, now_ns: STARTED_S * S, writer, unapplied: Vec::new(), commands: Vec::new() };
        let platform = Self {
            inner: Mutex::new(inner),
            policy: policy(),
            derive_key: DeriveKey::new(1, &[7; 32]),
            pepper: Pepper::new(1, Redacted::new([9; 32])),
            reader,
            folder,
            changed: watch::Sender::new(0),
            entropy: AtomicU64::new(1),
            silent: AtomicBool::new(false),
            views_paused: AtomicBool::new(false),
            not_ready: AtomicBool::new(false),
            refuse_with: Mutex::new(None),
            gate: Semaphore::new(OPEN),
            arrivals: watch::Sender::new(0),
            known_keys: Mutex::new(BTreeSet::new()),
            activity: api::Activity::new(Timestamp::from_s(STARTED_S)),
        };
        for command in [Command::RaiseMinVersion { version: 1 }, Command::StartLeader { epoch: 1 }] {
            platform.run(&command);
        }
        platform
    }

    /// From now on no provider answers.
    pub fn silence(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// From now on read models stand still; `false` catches up.
    pub fn pause_views(&self, paused: bool) {
        self.views_paused.store(paused, Ordering::SeqCst);
        let mut inner = self.inner.lock().unwrap();
        Self::apply_views(&mut inner, paused);
        drop(inner);
        self.notify();
    }

    /// Whether probes find the platform ready.
    pub fn set_ready(&self, ready: bool) {
        self.not_ready.store(!ready, Ordering::SeqCst);
    }

    /// Every further submission ends this way.
    pub fn refuse_with(&self, error: SubmitError) {
        *self.refuse_with.lock().unwrap() = Some(error);
    }

    /// Submissions wait at the gate until [`TestPlatform::open_gate`].
    pub fn close_gate(&self) {
        assert_eq!(self.gate.forget_permits(OPEN), OPEN);
    }

    /// Lets submissions through again.
    pub fn open_gate(&self) {
        self.gate.add_permits(OPEN);
    }

    /// Waits until so many submissions came to the gate.
    pub async fn arrived(&self, count: u64) {
        let mut arrivals = self.arrivals.subscribe();
        let arrived = arrivals.wait_for(|seen| *seen >= count);
        assert!(tokio::time::timeout(PATIENCE, arrived).await.is_ok(), "{count} submissions come to the gate");
    }

    /// Waits until something durable comes after event `seq`.
    pub async fn durable_after(&self, seq: u64) {
        let mut changes = self.changed.subscribe();
        let changed = changes.wait_for(|_| self.durable_seq() > seq);
        assert!(tokio::time::timeout(PATIENCE, changed).await.is_ok(), "something becomes durable after event {seq}");
    }

    /// How many submissions came to the gate so far.
    pub fn arrivals(&self) -> u64 {
        *self.arrivals.borrow()
    }

    /// Every command so far.
    pub fn commands(&self) -> Vec<Command> {
        self.inner.lock().unwrap().commands.clone()
    }

    /// How many payments there are.
    pub fn payments_count(&self) -> usize {
        self.inner.lock().unwrap().state.payments.len()
    }

    /// Decides outside of HTTP.
    pub fn run(&self, command: &Command) -> Submitted {
        let mut inner = self.inner.lock().unwrap();
        inner.commands.push(command.clone());
        let (reply, effects) = self.decide(&mut inner, command);
        let seq = inner.state.next_seq - 1;
        for effect in effects {
            if let Some(report) = self.outcome(&inner.state, effect) {
                let payment = inner.state.effects.get(&effect).map(|open| open.payment);
                self.ended(inner.now_ns, payment, report.outcome.class());
                self.decide(&mut inner, &Command::ReportOutcome(report));
            }
        }
        while let Some(report) = self.errand_outcome(&inner.state) {
            self.decide(&mut inner, &Command::ReportErrand(report));
        }
        Self::apply_views(&mut inner, self.views_paused.load(Ordering::SeqCst));
        drop(inner);
        self.notify();
        Submitted { reply, seq }
    }

    fn ended(&self, now_ns: u64, payment: Option<PaymentId>, class: base::OutcomeClass) {
        let took = std::time::Duration::from_millis(CALL_MS);
        self.activity.call(&api::EndedCall { at: Timestamp::from_ns(now_ns), provider: 0, payment, class, took });
    }

    /// Moves the time on.
    pub fn pass(&self, seconds: u64) {
        self.inner.lock().unwrap().now_ns += seconds * S;
    }

    /// The calls that are under way end without an answer that anybody could read.
    pub fn lose_answers(&self) {
        let mut inner = self.inner.lock().unwrap();
        let in_flight = inner.state.effects.values().filter(|open| open.status == engine::EffectStatus::InFlight);
        for open in in_flight.cloned().collect::<Vec<_>>() {
            let (effect, send) = (open.requested.effect, open.sends);
            let outcome = Outcome::Unknown(base::UnknownReason::Timeout);
            self.ended(inner.now_ns, Some(open.payment), outcome.class());
            self.decide(&mut inner, &Command::ReportOutcome(engine::OutcomeReport { effect, send, outcome, provider_id: None }));
        }
        Self::apply_views(&mut inner, false);
        drop(inner);
        self.notify();
    }

    /// Nobody finds out what became of any open call, until all are parked.
    pub fn park_all(&self) {
        let mut inner = self.inner.lock().unwrap();
        loop {
            let open = inner.state.effects.values().find(|open| open.status != engine::EffectStatus::Parked).cloned();
            let Some(open) = open else { break };
            let (effect, send) = (open.requested.effect, open.sends);
            if open.status == engine::EffectStatus::InFlight {
                let outcome = Outcome::Unknown(base::UnknownReason::Timeout);
                self.decide(&mut inner, &Command::ReportOutcome(engine::OutcomeReport { effect, send, outcome, provider_id: None }));
            } else {
                inner.now_ns = inner.state.due_at().expect("what is not parked is looked at again").ns();
                self.decide(&mut inner, &Command::Tick);
            }
        }
        Self::apply_views(&mut inner, false);
        drop(inner);
        self.notify();
    }

    fn notify(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn decide(&self, inner: &mut Inner, command: &Command) -> (Reply, Vec<EffectId>) {
        inner.now_ns = inner.now_ns.max(inner.state.last_at.ns()) + 1_000_000;
        if command.is_booking() {
            let first_seq = inner.state.next_seq;
            let booked = inner.state.book(Timestamp::from_ns(inner.now_ns), command);
            inner.unapplied.extend(recorded(first_seq, booked.entry.as_slice()));
            return (booked.reply, Vec::new());
        }
        let context = Context { now: Timestamp::from_ns(inner.now_ns), policy: &self.policy, derive_key: &self.derive_key };
        let decision = engine::decide(&inner.state, context, command);
        let effects = decision.effects().collect();
        let first_seq = inner.state.next_seq;
        for entry in &decision.entries {
            inner.state.evolve(entry);
            self.activity.entry(entry);
        }
        inner.unapplied.extend(recorded(first_seq, &decision.entries));
        (decision.reply, effects)
    }

    fn apply_views(inner: &mut Inner, paused: bool) {
        if !paused && !inner.unapplied.is_empty() {
            let batch = std::mem::take(&mut inner.unapplied);
            inner.writer.apply(&batch).unwrap();
        }
    }

    fn outcome(&self, state: &State, effect: EffectId) -> Option<engine::OutcomeReport> {
        let open = state.effects.get(&effect)?;
        let amount_minor = open.requested.money.amount_minor;
        let approved = |state| Outcome::Approved(Approval { state, fee_minor: Some(3), available_at: None });
        if self.silent.load(Ordering::SeqCst) {
            return None;
        }
        let outcome = match (open.requested.kind, open.requested.payment_method.as_str(), open.requested.capture) {
            (EffectKind::Authorize { .. }, "pm_silent", _) => return None,
            (EffectKind::Authorize { .. }, "pm_declined", _) => Outcome::Declined(Decline {
                class: DeclineClass::SoftFunds,
                code: "insufficient_funds".into(),
                network_code: Some("51".into()),
            }),
            (EffectKind::Authorize { .. }, "pm_action", _) => {
                Outcome::Pending(NextAction::Redirect { url: "https://provider.example/3ds".into() })
            }
            (EffectKind::Authorize { .. }, _, engine::CaptureMode::Automatic) => approved(ProviderState::Captured { amount_minor }),
            (EffectKind::Authorize { .. }, _, engine::CaptureMode::Manual) => approved(ProviderState::Authorized { amount_minor }),
            (EffectKind::Capture { .. }, _, _) => approved(ProviderState::Captured { amount_minor }),
            (EffectKind::Cancel { .. } | EffectKind::UndoHold { .. }, _, _) => approved(ProviderState::Canceled),
            (EffectKind::Refund { .. } | EffectKind::UndoCapture { .. }, _, _) => approved(ProviderState::Refunded { amount_minor }),
            // Nothing about it is news.
            (EffectKind::Observe { .. }, _, _) => Outcome::Unknown(base::UnknownReason::NotFound),
        };
        Some(engine::OutcomeReport { effect, send: open.sends, outcome, provider_id: Some("pi_1".into()) })
    }

    /// What the first open errand comes to; tokens say what they want as for payments.
    fn errand_outcome(&self, state: &State) -> Option<engine::ErrandReport> {
        if self.silent.load(Ordering::SeqCst) {
            return None;
        }
        let in_flight =
            |open: &&engine::Errand| open.status == engine::ErrandStatus::InFlight && open.requested.token.as_deref() != Some("pm_silent");
        let open = state.errands.values().find(in_flight)?;
        let token = open.requested.token.clone().unwrap_or_default();
        let outcome = match open.requested.kind {
            ErrandKind::StoreCustomer => ErrandOutcome::Done(ErrandDone::CustomerStored { provider_id: "cus_1".into() }),
            ErrandKind::Attach { .. } if token == "pm_declined" => {
                ErrandOutcome::Declined(Decline { class: DeclineClass::HardCard, code: "card_declined".into(), network_code: None })
            }
            ErrandKind::Attach { .. } => {
                let card = CardFacts { brand: "visa".into(), last4: "4242".into(), exp_month: 12, exp_year: 2_034 };
                ErrandOutcome::Done(ErrandDone::MethodStored { provider_id: format!("{token}_stored"), card: Some(card) })
            }
            ErrandKind::Detach { .. } => ErrandOutcome::Done(ErrandDone::MethodRemoved),
        };
        Some(engine::ErrandReport { errand: open.requested.errand, send: open.sends, outcome })
    }

    fn mask(&self, subject: SubjectId, bytes: &[u8]) -> Vec<u8> {
        let key = self.keyed_hash("test seal", &[&subject.as_u128().to_be_bytes()]);
        bytes.iter().enumerate().map(|(index, byte)| byte ^ key[index % 16]).collect()
    }
}

/// Entries as the journal gives them back.
fn recorded(first_seq: u64, entries: &[Entry]) -> Vec<events::Recorded> {
    let batch = events::encode_batch(entries);
    events::decode_batch(first_seq, batch.event_count, &batch.events, &batch.transfers).unwrap()
}

impl Platform for TestPlatform {
    fn submit(&self, command: Command) -> BoxFuture<'_, Result<Submitted, SubmitError>> {
        Box::pin(async move {
            self.arrivals.send_modify(|count| *count += 1);
            let place = self.gate.acquire().await.unwrap();
            drop(place);
            if let Some(error) = *self.refuse_with.lock().unwrap() {
                return Err(error);
            }
            Ok(self.run(&command))
        })
    }

    fn settled(&self, _payment: PaymentId, effect: EffectId, deadline: Instant) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let mut changes = self.changed.subscribe();
            let decided = changes.wait_for(|_| {
                let inner = self.inner.lock().unwrap();
                !inner.state.effects.get(&effect).is_some_and(engine::Effect::is_undecided)
            });
            tokio::time::timeout_at(deadline, decided).await.is_ok()
        })
    }

    fn method_settled(&self, method: PaymentMethodId, deadline: Instant) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let mut changes = self.changed.subscribe();
            let decided = changes.wait_for(|_| {
                let inner = self.inner.lock().unwrap();
                !inner.state.methods.get(&method).is_some_and(engine::StoredMethod::is_undecided)
            });
            tokio::time::timeout_at(deadline, decided).await.is_ok()
        })
    }

    fn customer(&self, merchant: MerchantId, customer: CustomerId) -> BoxFuture<'_, Result<Option<(engine::Customer, u64)>, SubmitError>> {
        Box::pin(async move {
            let inner = self.inner.lock().unwrap();
            Ok(inner.state.customer_of(merchant, customer).map(|found| (found.clone(), inner.state.next_seq - 1)))
        })
    }

    fn payment_method(
        &self,
        merchant: MerchantId,
        method: PaymentMethodId,
    ) -> BoxFuture<'_, Result<Option<(engine::StoredMethod, u64)>, SubmitError>> {
        Box::pin(async move {
            let inner = self.inner.lock().unwrap();
            Ok(inner.state.method_of(merchant, method).map(|found| (found.clone(), inner.state.next_seq - 1)))
        })
    }

    fn payment(&self, merchant: MerchantId, payment: PaymentId) -> BoxFuture<'_, Result<Option<(engine::Payment, u64)>, SubmitError>> {
        Box::pin(async move {
            let inner = self.inner.lock().unwrap();
            Ok(inner.state.payment_of(merchant, payment).map(|found| (found.clone(), inner.state.next_seq - 1)))
        })
    }

    fn outlook(
        &self,
        merchant: MerchantId,
        payment: PaymentId,
    ) -> BoxFuture<'_, Result<Option<(engine::Outlook, Timestamp)>, SubmitError>> {
        Box::pin(async move {
            let inner = self.inner.lock().unwrap();
            Ok(inner.state.outlook(merchant, payment).map(|outlook| (outlook, inner.state.last_at)))
        })
    }

    fn open_request(&self, _provider: u16, _sealed: &Sealed) -> api::OpenedRequest {
        api::OpenedRequest::Unreadable // this platform never makes one
    }

    fn balances(&self, merchant: MerchantId) -> BoxFuture<'_, Result<api::AccountBalances, SubmitError>> {
        Box::pin(async move {
            let inner = self.inner.lock().unwrap();
            let currencies = inner.state.merchants.get(&merchant).map(|found| found.currencies.clone()).unwrap_or_default();
            let all = currencies.into_iter().flat_map(|currency| AccountKind::ALL.map(|kind| (currency, kind)));
            Ok(all.map(|(currency, kind)| (currency, kind, inner.state.balance(merchant, currency, kind))).collect())
        })
    }

    fn ledger_accounts(&self, merchant: MerchantId, ids: Vec<u128>) -> BoxFuture<'_, Result<(Vec<api::FoundAccount>, u64), SubmitError>> {
        Box::pin(async move {
            let state = &self.inner.lock().unwrap().state;
            let ledger = state.ledgers.get(&merchant).map(|found| &found.ledger);
            let found = |id: &u128| {
                let ledger = ledger?;
                let metadata = ledger.account_metadata(*id).cloned().unwrap_or_default();
                Some(api::FoundAccount { account: *ledger.account(*id)?, name: ledger.account_name(*id).cloned(), metadata })
            };
            let found = ids.iter().filter_map(found).collect();
            Ok((found, state.next_seq - 1))
        })
    }

    fn ledger_accounts_named(
        &self,
        merchant: MerchantId,
        ledger: u32,
        names: api::LedgerNames,
    ) -> BoxFuture<'_, Result<(Vec<api::FoundAccount>, u64), SubmitError>> {
        let found = self.inner.lock().unwrap().state.ledgers.get(&merchant).map(|found| names.of(&found.ledger, ledger));
        self.ledger_accounts(merchant, found.unwrap_or_default().into_iter().map(|(account, _)| account.id).collect())
    }

    fn ledger_transfers(&self, merchant: MerchantId, ids: Vec<u128>) -> BoxFuture<'_, Result<(Vec<api::FoundTransfer>, u64), SubmitError>> {
        Box::pin(async move {
            let state = &self.inner.lock().unwrap().state;
            let ledger = state.ledgers.get(&merchant).map(|found| &found.ledger);
            let found = ids.iter().filter_map(|id| Some(described(state, merchant, *ledger?.transfer(*id)?))).collect();
            Ok((found, state.next_seq - 1))
        })
    }

    fn ledger_transfers_where(
        &self,
        merchant: MerchantId,
        lines: api::LedgerLines,
    ) -> BoxFuture<'_, Result<(api::LedgerPage, u64), SubmitError>> {
        Box::pin(async move {
            let state = &self.inner.lock().unwrap().state;
            let mut placed = transfers_within(state, merchant, lines.account, lines.filter.period);
            placed.retain(|(_, found)| lines.filter.takes(found, Some(&described(state, merchant, *found).metadata)));
            let is_credit = |found: &ledger::Transfer| Some(found.credit_account_id) == lines.account;
            placed.retain(|(_, found)| lines.filter.is_credit.is_none_or(|wanted| wanted == is_credit(found)));
            if lines.newest_first {
                placed.reverse();
            }
            let is_after = |place: u64| lines.after.is_none_or(|after| if lines.newest_first { place < after } else { place > after });
            placed.retain(|(place, _)| is_after(*place));
            let has_more = placed.len() > lines.count_max;
            placed.truncate(lines.count_max);
            let next = placed.last().map(|(place, _)| *place).filter(|_| has_more);
            let transfers = placed.into_iter().map(|(place, found)| (place, described(state, merchant, found))).collect();
            Ok((api::LedgerPage { transfers, next }, state.next_seq - 1))
        })
    }

    fn ledger_balances(
        &self,
        merchant: MerchantId,
        account: u128,
        before_ns: Option<u64>,
    ) -> BoxFuture<'_, Result<(ledger::Balances, u64), SubmitError>> {
        Box::pin(async move {
            let state = &self.inner.lock().unwrap().state;
            let period = api::LedgerPeriod { from_ns: None, until_ns: before_ns };
            let mut balances = ledger::Balances::default();
            for (_, transfer) in transfers_within(state, merchant, Some(account), period) {
                balances.add(&change_of(&transfer, account));
            }
            Ok((balances, state.next_seq - 1))
        })
    }

    fn ledger_statement(
        &self,
        merchant: MerchantId,
        account: u128,
        period: api::LedgerPeriod,
        after: Option<u64>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<(api::LedgerStatement, u64), SubmitError>> {
        Box::pin(async move {
            let state = &self.inner.lock().unwrap().state;
            let before = api::LedgerPeriod { from_ns: None, until_ns: Some(period.from_ns.unwrap_or(0)) };
            let mut balances = ledger::Balances::default();
            for (_, transfer) in transfers_within(state, merchant, Some(account), before) {
                balances.add(&change_of(&transfer, account));
            }
            let opening = balances;
            let mut lines = Vec::new();
            for (place, transfer) in transfers_within(state, merchant, Some(account), period) {
                balances.add(&change_of(&transfer, account));
                let transfer = described(state, merchant, transfer);
                lines.push(api::LedgerStatementLine { place, at_ns: transfer.transfer.timestamp, transfer, is_expiry: false, balances });
            }
            lines.retain(|line| after.is_none_or(|after| line.place > after));
            let has_more = lines.len() > count_max;
            lines.truncate(count_max);
            let next = lines.last().map(|line| line.place).filter(|_| has_more);
            Ok((api::LedgerStatement { opening, lines, closing: balances, next }, state.next_seq - 1))
        })
    }

    fn books(&self, scope: views::Scope, after: Option<u128>, count_max: usize) -> BoxFuture<'_, Result<api::Books, SubmitError>> {
        Box::pin(async move { Ok(api::Books::of(&self.inner.lock().unwrap().state, scope, after, count_max)) })
    }

    fn installation(&self) -> BoxFuture<'_, Result<api::Installation, SubmitError>> {
        Box::pin(async move {
            let inner = self.inner.lock().unwrap();
            let state = api::StateFacts { digest: events::snapshot::digest(&inner.state), seq: inner.state.next_seq - 1 };
            Ok(api::Installation {
                version: "1.2.3".into(),
                build: "test".into(),
                segments: vec![api::SegmentFacts {
                    name: "journal/1.seg".into(),
                    first_seq: 1,
                    last_seq: Some(state.seq),
                    bytes: 4_096,
                    is_sealed: false,
                }],
                segments_count: 1,
                snapshots: vec![api::SnapshotFacts { seq: 1, bytes: 512, at: Some(Timestamp::from_s(STARTED_S)) }],
                chain_hash: [0xAB; 32],
                state: Some(state),
                schema_versions: [("events", 1)].into(),
                options: [("listen", "127.0.0.1:1".into())].into(),
            })
        })
    }

    fn is_merchant(&self, merchant: MerchantId) -> bool {
        self.inner.lock().unwrap().state.merchants.contains_key(&merchant)
    }

    fn merchants(
        &self,
        after: Option<MerchantId>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<Vec<(MerchantId, engine::Merchant)>, SubmitError>> {
        Box::pin(async move {
            let inner = self.inner.lock().unwrap();
            let all = inner.state.merchants.iter().filter(|(id, _)| after.is_none_or(|after| **id > after));
            Ok(all.take(count_max).map(|(id, merchant)| (*id, merchant.clone())).collect())
        })
    }

    fn api_keys(
        &self,
        merchant: Option<MerchantId>,
        after: Option<[u8; 10]>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<api::ListedKeys, SubmitError>> {
        Box::pin(async move { Ok(api::listed_keys(&self.inner.lock().unwrap().state, merchant, after, count_max)) })
    }

    fn parked(&self, after: Option<EffectId>, count_max: usize) -> BoxFuture<'_, Result<(Vec<api::Parked>, base::Timestamp), SubmitError>> {
        Box::pin(async move {
            let inner = self.inner.lock().unwrap();
            Ok((api::Parked::of(&inner.state, after, count_max), inner.state.last_at))
        })
    }

    fn standing(&self) -> BoxFuture<'_, Result<api::Standing, SubmitError>> {
        Box::pin(async move { Ok(api::Standing::of(&self.inner.lock().unwrap().state)) })
    }

    fn quarantine(&self, after: Option<[u8; 16]>, count_max: usize) -> BoxFuture<'_, Result<Vec<[u8; 16]>, SubmitError>> {
        Box::pin(async move {
            let inner = self.inner.lock().unwrap();
            Ok(inner.state.quarantine.iter().filter(|known| after.is_none_or(|after| **known > after)).take(count_max).copied().collect())
        })
    }

    fn seal(&self, subject: SubjectId, plaintext: Vec<u8>) -> BoxFuture<'_, Result<Sealed, SubmitError>> {
        Box::pin(async move {
            self.known_keys.lock().unwrap().insert(subject);
            Ok(Sealed { subject, bytes: self.mask(subject, &plaintext) })
        })
    }

    fn living_subject(&self, subject: SubjectId) -> SubjectId {
        subject
    }

    fn open(&self, sealed: &Sealed) -> Opened {
        if self.inner.lock().unwrap().state.erased.contains(&sealed.subject) {
            return Opened::Erased;
        }
        Opened::Plain(self.mask(sealed.subject, &sealed.bytes))
    }

    /// A provider whose messages are signed with a word.
    fn receive_webhook(&self, webhook: api::Webhook) -> BoxFuture<'_, Result<(), api::WebhookRefused>> {
        use api::WebhookRefused::{
            EndpointUnknown, SignatureMalformed, SignatureMismatch, SignatureMissing, TimestampOutOfTolerance, Unavailable,
        };
        Box::pin(async move {
            if (webhook.provider.as_str(), webhook.endpoint.as_str()) != ("stripe", "main") {
                return Err(EndpointUnknown);
            }
            match webhook.headers.get("test-signature").map(|value| value.as_bytes()) {
                None => return Err(SignatureMissing),
                Some(b"odd") => return Err(SignatureMalformed),
                Some(b"old") => return Err(TimestampOutOfTolerance),
                Some(b"good") => {}
                Some(_) => return Err(SignatureMismatch),
            }
            let notice = notice(&webhook.body);
            let subject = SubjectId::from_u128(77);
            let payload = Some(self.seal(subject, webhook.body.to_vec()).await?);
            let command = engine::ReceiveNotice { provider: 0, notice, source: engine::NoticeSource::Webhook, payload };
            self.submit(Command::ReceiveNotice(command)).await.map(drop).map_err(Unavailable)
        })
    }

    fn open_webhook(&self, sealed: &Sealed) -> Opened {
        self.open(sealed)
    }

    fn replay_webhook(&self, provider: u16, body: Vec<u8>) -> BoxFuture<'_, Result<(String, u64), api::WebhookRefused>> {
        Box::pin(async move {
            if body.starts_with(b"nonsense") {
                return Err(api::WebhookRefused::Unreadable);
            }
            let notice = notice(&body);
            let event_id = notice.event_id.clone();
            let command = engine::ReceiveNotice { provider, notice, source: engine::NoticeSource::Replay, payload: None };
            Ok((event_id, self.submit(Command::ReceiveNotice(command)).await?.seq))
        })
    }

    fn keyed_hash(&self, label: &str, parts: &[&[u8]]) -> [u8; 16] {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"test secret").unwrap();
        for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&u64::try_from(part.len()).unwrap().to_le_bytes());
            mac.update(part);
        }
        let digest = mac.finalize().into_bytes();
        std::array::from_fn(|index| digest[index])
    }

    fn principal(&self, key: &ParsedKey) -> Option<Principal> {
        let inner = self.inner.lock().unwrap();
        let public_id: [u8; 10] = key.public_id().as_str().as_bytes().try_into().ok()?;
        let found = inner.state.api_keys.get(&public_id)?;
        if found.revoked || !key.verify(&found.digest, &self.pepper) {
            return None;
        }
        Some(match found.owner {
            KeyOwner::Merchant(merchant) => Principal::Merchant(merchant),
            KeyOwner::Operator(operator) => Principal::Operator(operator),
        })
    }

    fn generate_key(&self, kind: KeyKind) -> (Redacted<String>, KeyRecord) {
        identity::generate_key(kind, Mode::Test, &self.entropy(), &self.pepper)
    }

    fn views(&self) -> &views::Reader {
        &self.reader
    }

    fn durable_seq(&self) -> u64 {
        self.inner.lock().unwrap().state.next_seq - 1
    }

    fn wait_views(&self, seq: u64, deadline: Instant) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let mut changes = self.changed.subscribe();
            let reached = changes.wait_for(|_| self.inner.lock().unwrap().writer.applied_seq() >= seq);
            tokio::time::timeout_at(deadline, reached).await.is_ok()
        })
    }

    fn views_seq(&self) -> u64 {
        self.inner.lock().unwrap().writer.applied_seq()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_ns(self.inner.lock().unwrap().now_ns)
    }

    fn activity(&self) -> &api::Activity {
        &self.activity
    }

    fn readiness(&self) -> Readiness {
        if self.not_ready.load(Ordering::SeqCst) { Readiness::NotReady("the journal is being read".into()) } else { Readiness::Ready }
    }

    fn metrics(&self) -> String {
        "# HELP test A test.\n".into()
    }

    fn entropy(&self) -> [u8; 48] {
        let number = self.entropy.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let first = self.keyed_hash("entropy", &[&number, b"0"]);
        let second = self.keyed_hash("entropy", &[&number, b"1"]);
        let third = self.keyed_hash("entropy", &[&number, b"2"]);
        let all = [first, second, third].concat();
        std::array::from_fn(|index| all[index])
    }
}

/// What a body of the tests says: `{"id","type","dispute","phase","of"}`; what is no JSON is kept.
fn notice(body: &[u8]) -> base::Notice {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let about = text("dispute").map(|dispute| base::About::Dispute {
        payment_provider_id: text("of").unwrap_or_else(|| "pi_1".into()),
        dispute: base::DisputeFact {
            dispute,
            money: base::Money { amount_minor: 500, currency: "EUR".parse().unwrap() },
            phase: if value["phase"] == "won" { base::DisputePhase::Won } else { base::DisputePhase::Open },
            reason: "fraudulent".into(),
            respond_by: Some(Timestamp::from_s(1_800_000_000)),
            fee_minor: 15,
            is_withdrawn: value["phase"] != "won",
        },
    });
    base::Notice {
        event_id: text("id").unwrap_or_else(|| "evt_nonsense".into()),
        event_type: text("type").unwrap_or_else(|| "unreadable".into()),
        created_at: None,
        about: about.unwrap_or(base::About::Other),
    }
}

/// A platform with its API, two merchants and an operator.
pub struct Rig {
    pub platform: Arc<TestPlatform>,
    pub router: Router,
    pub merchant: MerchantId,
    pub key: String,
    pub other_key: String,
    pub operator_key: String,
}

impl Rig {
    pub fn new() -> Self {
        Self::with(options())
    }

    pub fn with(options: Options) -> Self {
        let platform = Arc::new(TestPlatform::new());
        let merchant = MerchantId::from_u128(1);
        let other = MerchantId::from_u128(2);
        let operator = OperatorId::from_u128(3);
        for command in [
            Command::CreateMerchant { merchant, handle: "books".into() },
            Command::CreateMerchant { merchant: other, handle: "shoes".into() },
            Command::CreateOperator { operator, handle: "root".into() },
        ] {
            assert_eq!(platform.run(&command).reply, Reply::Done);
        }
        let key_of = |kind, owner| {
            let (text, record) = platform.generate_key(kind);
            let public_id = record.public_id.as_str().as_bytes().try_into().unwrap();
            let command = engine::CreateApiKey { public_id, owner, digest: record.digest, pepper_version: 1 };
            assert_eq!(platform.run(&Command::CreateApiKey(command)).reply, Reply::Done);
            text.into_inner()
        };
        let key = key_of(KeyKind::Secret, KeyOwner::Merchant(merchant));
        let other_key = key_of(KeyKind::Secret, KeyOwner::Merchant(other));
        let operator_key = key_of(KeyKind::Operator, KeyOwner::Operator(operator));
        let router = api::router(platform.clone(), options);
        Self { platform, router, merchant, key, other_key, operator_key }
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// A POST of JSON with the merchant's key.
    pub async fn post(&self, path: &str, key: &str, body: serde_json::Value) -> Answer {
        self.send(self.request("POST", path).header("idempotency-key", key).body(Body::from(body.to_string())).unwrap()).await
    }

    /// A GET with the merchant's key.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// A request with the operator's key.
    pub async fn operate(&self, method: &str, path: &str, body: Option<serde_json::Value>) -> Answer {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", self.operator_key));
        let request = request.header("content-type", "application/json");
        self.send(request.body(body.map_or(Body::empty(), |body| Body::from(body.to_string()))).unwrap()).await
    }

    /// The beginning of a request with the merchant's key.
    pub fn request(&self, method: &str, path: &str) -> http::request::Builder {
        self.request_of(&self.key, method, path)
    }

    /// The beginning of a request with some key.
    pub fn request_of(&self, key: &str, method: &str, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        request.header("content-type", "application/json")
    }

    /// A payment that was taken; its id.
    pub async fn captured(&self, key: &str, amount_minor: u64) -> String {
        let answer = self.post("/v1/payments", key, payment(amount_minor, "pm_card_visa")).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }
}

/// The smallest payment.
pub fn payment(amount_minor: u64, payment_method: &str) -> serde_json::Value {
    serde_json::json!({ "amount": { "amount_minor": amount_minor, "currency": "EUR" }, "payment_method": payment_method })
}

/// An answer, whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and code of a problem document, whose form is checked.
    #[track_caller]
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        let problem = self.json();
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["type"], format!("/docs/errors/{code}"));
        assert_eq!(problem["doc_url"], problem["type"]);
        let trace_id = problem["trace_id"].as_str().unwrap();
        assert!(self.header("traceparent").unwrap().contains(trace_id));
        for text in ["title", "detail", "what_to_do"] {
            assert!(!problem[text].as_str().unwrap().is_empty(), "{text}");
        }
        assert!(problem["retryable"].is_boolean());
        (self.status.as_u16(), code)
    }
}

/// A transfer with the metadata that its ledger remembers.
fn described(state: &State, merchant: MerchantId, transfer: ledger::Transfer) -> api::FoundTransfer {
    let metadata = state.ledgers.get(&merchant).and_then(|found| found.ledger.metadata(transfer.id)).cloned().unwrap_or_default();
    api::FoundTransfer { transfer, metadata }
}

/// The transfers that happened in a period, of an account or of all, numbered. Here nothing is forgotten.
fn transfers_within(
    state: &engine::State,
    merchant: MerchantId,
    account: Option<u128>,
    period: api::LedgerPeriod,
) -> Vec<(u64, ledger::Transfer)> {
    let Some(found) = state.ledgers.get(&merchant) else { return Vec::new() };
    let mut all: Vec<ledger::Transfer> = found.ledger.transfers().copied().collect();
    all.retain(|found| account.is_none_or(|account| [found.debit_account_id, found.credit_account_id].contains(&account)));
    all.sort_by_key(|found| found.timestamp);
    let is_within = |at: u64| period.from_ns.is_none_or(|from| at >= from) && period.until_ns.is_none_or(|until| at < until);
    (1..).zip(all).filter(|(_, found)| is_within(found.timestamp)).collect()
}

/// What a plain transfer changes of an account.
fn change_of(transfer: &ledger::Transfer, account: u128) -> ledger::Balances {
    if transfer.debit_account_id == account {
        ledger::Balances { debits_posted: transfer.amount, ..Default::default() }
    } else {
        ledger::Balances { credits_posted: transfer.amount, ..Default::default() }
    }
}
