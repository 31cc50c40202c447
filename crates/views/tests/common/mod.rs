//! What the tests share: a folder that goes away, events by hand, and a shop that makes events with the real engine.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use base::{
    About, Approval, Currency, Decline, DeclineClass, DisputeFact, DisputePhase, EffectId, MerchantId, Mismatch, Money, NextAction,
    NotSentReason, Notice, Outcome, PaymentId, PaymentSays, ProviderState, RefundSays, Rejection, SubjectId, Timestamp, UnknownReason,
};
use engine::event::{KeyUse, PaymentCreated};
use engine::{
    CancelPayment, CaptureMode, CapturePayment, CardFacts, Command, ConfirmPayment, Context, CreateCustomer, CreatePayment, CreateRefund,
    DeriveKey, EffectKind, Entry, ErrandDone, ErrandKind, ErrandOutcome, ErrandReport, Event, Gaps, Idempotency, NoticeSource,
    OutcomeReport, Policy, Presence, Private, ProviderPolicy, ReceiveNotice, Sealed, State, StorePaymentMethod, decide,
};
use events::{Recorded, decode_batch, encode_batch};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder of its own for one test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("bezant-views-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("views.sqlite")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Every row of every table as text, without the mark's time.
pub fn dump(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let tables: Vec<String> = connection.prepare(tables).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut lines = Vec::new();
    for table in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut of_table = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<Value> = (0..columns).map(|column| row.get(column).unwrap()).collect();
            of_table.push(format!("{table} {cells:?}"));
        }
        of_table.sort();
        lines.extend(of_table);
    }
    lines
}

pub fn euro() -> Currency {
    Currency::from_numeric(978).unwrap()
}

pub fn yen() -> Currency {
    Currency::from_numeric(392).unwrap()
}

pub fn merchant(number: u32) -> MerchantId {
    MerchantId::from_u128(0xA000_0000_0000_0000_0000_0000_0000_0000 + u128::from(number))
}

pub fn payment(number: u64) -> PaymentId {
    // Spread like real ids, so that indexes are not filled in order.
    PaymentId::from_u128(u128::from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)) << 64 | u128::from(number))
}

/// Entries as they are read from a journal, numbered from 1.
pub fn recorded(entries: impl IntoIterator<Item = Entry>) -> Vec<Recorded> {
    let entries: Vec<Entry> = entries.into_iter().collect();
    let batch = encode_batch(&entries);
    decode_batch(1, batch.event_count, &batch.events, &batch.transfers).unwrap()
}

pub fn admitted(number: u32) -> Entry {
    let event = Event::MerchantCreated { merchant: merchant(number), number, handle: format!("shop-{number}") };
    Entry { at: Timestamp::from_s(1), event, legs: Vec::new() }
}

/// A payment that was created at second `at_s`.
pub fn created(id: PaymentId, merchant: MerchantId, money: Money, at_s: u64) -> Entry {
    let mut reference = [0; 16];
    reference.copy_from_slice(&id.as_u128().rotate_left(13).to_be_bytes());
    let at = Timestamp::from_s(at_s);
    let event = Event::PaymentCreated(PaymentCreated {
        payment: id,
        merchant,
        subject: SubjectId::from_u128(77),
        money,
        capture: CaptureMode::Automatic,
        reference: Some(reference),
        content: [3; 16],
        payment_method: Some("pm_card_visa".into()),
        key_version: 1,
        details: Some(Sealed { subject: SubjectId::from_u128(77), bytes: vec![1, 2, 3] }),
        expires_at: at.plus_ns(1_000),
        key: KeyUse { key: [1; 16], fingerprint: [2; 16], expires_at: at.plus_ns(5_000) },
        on_file: None,
    });
    Entry { at, event, legs: Vec::new() }
}

/// The keyed hash of the reference that [`created`] gives.
pub fn reference_of(id: PaymentId) -> [u8; 16] {
    id.as_u128().rotate_left(13).to_be_bytes()
}

/// The attempt that [`started`] starts.
pub fn effect_of(id: PaymentId) -> EffectId {
    EffectId::from_u128(id.as_u128() ^ 0xFFFF)
}

pub fn started(id: PaymentId, money: Money, at_s: u64) -> Entry {
    let requested = engine::EffectRequested {
        effect: effect_of(id),
        kind: EffectKind::Authorize { attempt: 0 },
        provider: 0,
        key: 1,
        reference: 2,
        key_version: 1,
        money,
        capture: CaptureMode::Automatic,
        payment_method: "pm_card_visa".into(),
        provider_id: None,
        request: None,
        customer: None,
        presence: Presence::OnSession,
    };
    let books = payments::Books {
        merchant_number: 1,
        currency: money.currency,
        payment: id,
        seq: u64::try_from(id.as_u128() & 0xFFFF_FFFF).unwrap(),
        timestamp_ns: Timestamp::from_s(at_s).ns(),
    };
    let legs = vec![books.hold(0, money.amount_minor)];
    Entry { at: Timestamp::from_s(at_s), event: Event::AttemptStarted { payment: id, requested, key: None, on_file: None }, legs }
}

pub fn captured(id: PaymentId, money: Money, at_s: u64) -> Entry {
    let event = Event::AttemptCaptured {
        payment: id,
        effect: effect_of(id),
        provider_id: Some(format!("pi_{:032x}", id.as_u128())),
        amount_minor: money.amount_minor,
        fee_minor: 30,
        available_at: None,
    };
    Entry { at: Timestamp::from_s(at_s), event, legs: Vec::new() }
}

pub fn released(id: PaymentId, money: Money, at_s: u64) -> Entry {
    let event = Event::FundsAvailable { payment: id, amount_minor: money.amount_minor };
    Entry { at: Timestamp::from_s(at_s), event, legs: Vec::new() }
}

/// What the provider calls what an effect makes.
fn provider_id(effect: EffectId) -> String {
    format!("pi_{effect}")
}

/// The engine with a provider that answers whatever the choices say.
pub struct Shop {
    pub state: State,
    pub entries: Vec<Entry>,
    policy: Policy,
    derive_key: DeriveKey,
    now: Timestamp,
    keys: u128,
}

impl Shop {
    pub fn new() -> Self {
        let provider = |multiple_captures| ProviderPolicy {
            name: "provider".into(),
            multiple_captures,
            key_retention_ns: 24 * 3_600 * base::time::NS_PER_S,
            amount_minor_max: 99_999_999,
            replay_gaps: Gaps::seconds(&[1, 5]),
            lookup_gaps: Gaps::seconds(&[10, 60]),
        };
        let policy = Policy {
            providers: vec![provider(true)],
            attempt_deadline_ns: 600 * base::time::NS_PER_S,
            defer_gaps: Gaps::seconds(&[1, 2]),
            waiting_gaps: Gaps::seconds(&[5, 30]),
            watch_gaps: Gaps::seconds(&[60, 600]),
            settle_gaps: Gaps::seconds(&[10, 600]),
            errand_replay_gaps: Gaps::seconds(&[1]),
            errand_lookup_gaps: Gaps::seconds(&[2]),
            created_ns: 3_600 * base::time::NS_PER_S,
            action_ns: 900 * base::time::NS_PER_S,
            hold_ns: 7_200 * base::time::NS_PER_S,
            payments_kept: usize::MAX,
            resume_spacing_ns: base::time::NS_PER_MS,
        };
        let mut shop = Self {
            state: State::new(),
            entries: Vec::new(),
            policy,
            derive_key: DeriveKey::new(1, &[7; 32]),
            now: Timestamp::from_s(1_000),
            keys: 0,
        };
        shop.run(&Command::RaiseMinVersion { version: 1 });
        shop.run(&Command::StartLeader { epoch: 1 });
        for number in 1..=2 {
            shop.run(&Command::CreateMerchant { merchant: merchant(number), handle: format!("shop-{number}") });
        }
        shop
    }

    pub fn run(&mut self, command: &Command) {
        if command.is_booking() {
            let booked = self.state.book(self.now.max(self.state.last_at.plus_ns(1)), command);
            self.now = self.now.max(self.state.last_at);
            return self.entries.extend(booked.entry);
        }
        let context = Context { now: self.now, policy: &self.policy, derive_key: &self.derive_key };
        for mut entry in decide(&self.state, context, command).entries {
            if let Some(requested) = entry.event.requested_mut() {
                // Without the exact bytes nothing may be sent again.
                requested.request = Some(Sealed { subject: SubjectId::from_u128(1), bytes: vec![1; 20] });
            }
            if let Some(requested) = entry.event.errand_mut() {
                requested.request = Some(Sealed { subject: SubjectId::from_u128(1), bytes: vec![1; 20] });
            }
            self.state.evolve(&entry);
            self.entries.push(entry);
        }
    }

    fn idempotency(&mut self) -> Idempotency {
        self.keys += 1;
        Idempotency { key: self.keys.to_be_bytes(), fingerprint: [9; 16] }
    }

    /// One step; `choice` decides what, `amount` how much.
    pub fn step(&mut self, choice: u32, amount: u16) {
        self.now = self.now.plus_ns(u64::from(amount) * base::time::NS_PER_MS * 20);
        let pick = usize::try_from(choice >> 8).unwrap();
        match choice % 26 {
            0..=2 => self.create(pick, amount),
            3..=8 => self.answer(pick, amount),
            9 | 10 => self.run(&Command::Tick),
            11 => self.with_payment(pick, |shop, merchant, payment| {
                let idempotency = shop.idempotency();
                let amount_minor = (!pick.is_multiple_of(3)).then(|| u64::from(amount % 700) + 1);
                shop.run(&Command::CapturePayment(CapturePayment {
                    merchant,
                    payment,
                    idempotency,
                    amount_minor,
                    private: Private::default(),
                }));
            }),
            12 => self.with_payment(pick, |shop, merchant, payment| {
                let idempotency = shop.idempotency();
                shop.run(&Command::CancelPayment(CancelPayment { merchant, payment, idempotency, private: Private::default() }));
            }),
            13 => self.with_payment(pick, |shop, merchant, payment| {
                let idempotency = shop.idempotency();
                let amount_minor = pick.is_multiple_of(2).then(|| u64::from(amount % 500) + 1);
                let details = Some(Sealed { subject: SubjectId::from_u128(5), bytes: vec![4; 9] });
                let private = Private::default();
                shop.run(&Command::CreateRefund(CreateRefund { merchant, payment, idempotency, amount_minor, details, private }));
            }),
            14 => self.with_payment(pick, |shop, merchant, payment| {
                let idempotency = shop.idempotency();
                let payment_method = Some("pm_card_mastercard".to_owned());
                shop.run(&Command::ConfirmPayment(ConfirmPayment {
                    merchant,
                    payment,
                    idempotency,
                    payment_method,
                    method: None,
                    presence: None,
                    private: Private::default(),
                }));
            }),
            15 if amount.is_multiple_of(4) => self.run(&Command::NoteSweep { provider: 0, swept_to: self.now }),
            16 if amount.is_multiple_of(4) => self.ledger_step(pick, amount),
            20..=22 => self.customer_step(pick, amount),
            23..=25 => self.answer_errand(pick, amount),
            _ => self.report(pick, amount),
        }
    }

    /// A merchant keeps a ledger of its own, and what it holds there expires.
    fn ledger_step(&mut self, pick: usize, amount: u16) {
        let owner = merchant(if pick.is_multiple_of(3) { 2 } else { 1 });
        let account = |id| ledger::Account { id, ledger: 1, code: 1, ..ledger::Account::default() };
        let transfer = ledger::Transfer {
            id: u128::from(amount) + 1,
            debit_account_id: 1,
            credit_account_id: 2,
            amount: u128::from(amount),
            timeout_s: 1,
            ledger: 1,
            code: 1,
            flags: ledger::TransferFlags::PENDING,
            ..ledger::Transfer::default()
        };
        self.run(&Command::CreateLedgerAccounts {
            merchant: owner,
            accounts: vec![account(1), account(2)],
            texts: engine::LedgerTexts::default(),
        });
        self.run(&Command::CreateLedgerTransfers {
            merchant: owner,
            transfers: vec![transfer],
            texts: engine::LedgerTexts::default(),
            answer: engine::LedgerAnswer::Statuses,
        });
        self.now = self.now.plus_ns(2_000_000_000);
        self.run(&Command::ExpireLedgerTransfers { merchant: owner });
    }

    /// A customer comes, stores, removes or goes.
    fn customer_step(&mut self, pick: usize, amount: u16) {
        let idempotency = self.idempotency();
        let owner = merchant(if pick.is_multiple_of(3) { 2 } else { 1 });
        let count = self.state.customers.len();
        let customer = self.state.customers.iter().nth(pick.checked_rem(count).unwrap_or(0)).map(|(id, found)| (*id, found.merchant));
        let method_count = self.state.methods.len();
        let method = self.state.methods.keys().nth(pick.checked_rem(method_count).unwrap_or(0)).copied();
        let command = match (amount % 12, customer, method) {
            (0..=1, _, _) | (_, None, _) => Command::CreateCustomer(CreateCustomer {
                merchant: owner,
                idempotency,
                subject: SubjectId::from_u128(u128::from(amount)),
                details: pick.is_multiple_of(2).then(|| Sealed { subject: SubjectId::from_u128(8), bytes: vec![8; 7] }),
            }),
            (2, Some((customer, merchant)), _) => Command::DeleteCustomer { merchant, customer },
            (3..=5, Some(_), Some(method)) => {
                let customer = self.state.methods[&method].customer;
                Command::RemovePaymentMethod { merchant: self.state.customers[&customer].merchant, method }
            }
            (_, Some((customer, merchant)), _) => {
                let token = "pm_card_visa".to_owned();
                Command::StorePaymentMethod(StorePaymentMethod { merchant, customer, idempotency, provider: 0, token })
            }
        };
        self.run(&command);
    }

    /// Some open errand gets some answer.
    fn answer_errand(&mut self, pick: usize, amount: u16) {
        let count = self.state.errands.len();
        let Some((errand, open)) = self.state.errands.iter().nth(pick.checked_rem(count).unwrap_or(0)) else {
            return;
        };
        let done = match open.requested.kind {
            ErrandKind::StoreCustomer => ErrandDone::CustomerStored { provider_id: "cus_1".into() },
            ErrandKind::Attach { .. } => {
                let card = CardFacts { brand: "visa".into(), last4: "4242".into(), exp_month: 12, exp_year: 2_034 };
                ErrandDone::MethodStored { provider_id: format!("pm_{amount}"), card: pick.is_multiple_of(2).then_some(card) }
            }
            ErrandKind::Detach { .. } => ErrandDone::MethodRemoved,
        };
        let outcome = match amount % 9 {
            0 => ErrandOutcome::Unknown(UnknownReason::Timeout),
            1 => ErrandOutcome::NotSent(NotSentReason::Connect),
            2 => ErrandOutcome::Rejected(Rejection { permanent: true, code: "no_such_payment_method".into() }),
            _ => ErrandOutcome::Done(done),
        };
        let report = ErrandReport { errand: *errand, send: open.sends, outcome };
        self.run(&Command::ReportErrand(report));
    }

    fn with_payment(&mut self, pick: usize, then: impl FnOnce(&mut Self, MerchantId, PaymentId)) {
        let count = self.state.payments.len();
        if count > 0 {
            let (payment, found) = self.state.payments.iter().nth(pick % count).map(|(id, found)| (*id, found.merchant)).unwrap();
            then(self, found, payment);
        }
    }

    fn create(&mut self, pick: usize, amount: u16) {
        let idempotency = self.idempotency();
        let reference = (!pick.is_multiple_of(4)).then(|| u128::from(amount % 40).to_be_bytes());
        let money = Money { amount_minor: u64::from(amount) + 1, currency: if pick.is_multiple_of(7) { yen() } else { euro() } };
        let capture = if pick.is_multiple_of(2) { CaptureMode::Automatic } else { CaptureMode::Manual };
        // The content's hash tells different contents apart, as a real one does.
        let [high, low] = amount.to_be_bytes();
        let mut content = [u8::from(pick.is_multiple_of(2)); 16];
        content[..3].copy_from_slice(&[high, low, u8::from(pick.is_multiple_of(7))]);
        let active = self.state.methods.iter().filter(|(_, found)| found.status == payments::StoredMethodStatus::Active);
        let method = active.map(|(method, _)| *method).next().filter(|_| pick.is_multiple_of(5));
        self.run(&Command::CreatePayment(CreatePayment {
            merchant: merchant(if pick.is_multiple_of(3) { 2 } else { 1 }),
            idempotency,
            reference,
            content,
            subject: SubjectId::from_u128(u128::from(amount)),
            money,
            capture,
            payment_method: method.is_none().then(|| "pm_card_visa".into()),
            customer: None,
            method,
            presence: if method.is_some() { Presence::OffSession } else { Presence::OnSession },
            confirm: !pick.is_multiple_of(6),
            retry_declined: true,
            details: Some(Sealed { subject: SubjectId::from_u128(u128::from(amount)), bytes: amount.to_be_bytes().to_vec() }),
            private: Private::default(),
        }));
    }

    /// Some open effect gets some answer.
    fn answer(&mut self, pick: usize, amount: u16) {
        let count = self.state.effects.len();
        let Some((effect, open)) = self.state.effects.iter().nth(pick.checked_rem(count).unwrap_or(0)) else {
            return;
        };
        let amount_minor = open.requested.money.amount_minor;
        let fee_minor = (!amount.is_multiple_of(4)).then_some(u64::from(amount % 50));
        let available_at = amount.is_multiple_of(3).then(|| self.now.plus_ns(base::time::NS_PER_S));
        let done = |state| Outcome::Approved(Approval { state, fee_minor, available_at });
        let good = match open.requested.kind {
            EffectKind::Authorize { .. } if open.requested.capture == CaptureMode::Manual => {
                done(ProviderState::Authorized { amount_minor })
            }
            EffectKind::Authorize { .. } | EffectKind::Capture { .. } => done(ProviderState::Captured { amount_minor }),
            EffectKind::UndoHold { .. } if pick.is_multiple_of(2) => done(ProviderState::Captured { amount_minor }),
            EffectKind::Cancel { .. } | EffectKind::UndoHold { .. } => done(ProviderState::Canceled),
            EffectKind::UndoCapture { .. } | EffectKind::Refund { .. } if amount.is_multiple_of(3) => {
                done(ProviderState::RefundPending { amount_minor })
            }
            EffectKind::UndoCapture { .. } | EffectKind::Refund { .. } => done(ProviderState::Refunded { amount_minor }),
            EffectKind::Observe { .. } => match pick % 5 {
                0 => done(ProviderState::Canceled),
                1 => done(ProviderState::Authorized { amount_minor }),
                _ => done(ProviderState::Captured { amount_minor }),
            },
        };
        let outcome = match amount % 11 {
            0..=4 => good,
            5 => Outcome::Unknown(UnknownReason::Timeout),
            6 => Outcome::Declined(Decline {
                class: DeclineClass::SoftFunds,
                code: "insufficient_funds".into(),
                network_code: Some("51".into()),
            }),
            7 => Outcome::Pending(if pick.is_multiple_of(2) {
                NextAction::Wait
            } else {
                NextAction::Redirect { url: "https://provider.example/3ds".into() }
            }),
            8 => Outcome::Rejected(Rejection { permanent: pick.is_multiple_of(2), code: "rate_limit".into() }),
            9 => Outcome::NotSent(NotSentReason::Connect),
            _ => Outcome::Mismatch(Mismatch { amount_minor: amount_minor + 1, currency: open.requested.money.currency, captured: true }),
        };
        let provider_id = (!amount.is_multiple_of(5)).then(|| provider_id(*effect));
        let report = OutcomeReport { effect: *effect, send: open.sends, outcome, provider_id };
        self.run(&Command::ReportOutcome(report));
    }

    /// The provider says something of its own accord: mostly about a payment or refund of ours, in any order, often again.
    fn report(&mut self, pick: usize, amount: u16) {
        let about = self.about(pick, amount);
        let source = match pick % 7 {
            0 => NoticeSource::Replay,
            1 => NoticeSource::Sweep,
            _ => NoticeSource::Webhook,
        };
        let event_id = format!("evt_{}", if pick.is_multiple_of(6) { u128::from(amount % 20) } else { self.keys + 1 });
        self.keys += 1;
        let notice = Notice { event_id, event_type: "something.happened".into(), created_at: None, about };
        let payload = (source != NoticeSource::Replay).then(|| Sealed { subject: SubjectId::from_u128(6), bytes: vec![6; 30] });
        self.run(&Command::ReceiveNotice(ReceiveNotice { provider: 0, notice, source, payload }));
    }

    fn about(&self, pick: usize, amount: u16) -> About {
        let known: Vec<(&engine::Payment, String)> = self.state.payments.values().map(Box::as_ref).fold(Vec::new(), |mut all, found| {
            // Some are named before the platform has heard that name.
            let named = |attempt: &engine::Attempt| attempt.provider_id.clone().unwrap_or_else(|| provider_id(attempt.effect));
            all.extend(found.attempts.iter().map(|attempt| (found, named(attempt))));
            all
        });
        let Some((payment, provider_id)) = pick.checked_rem(known.len()).map(|index| known[index].clone()) else {
            return About::Other;
        };
        let amount_minor = payment.money.amount_minor;
        match amount % 8 {
            0 => About::Other,
            1 | 2 => About::Payment {
                provider_id,
                reference: None,
                says: match pick % 5 {
                    0 => PaymentSays::Canceled,
                    1 => PaymentSays::Settling,
                    2 => PaymentSays::Authorized,
                    _ => PaymentSays::Captured { amount_minor },
                },
            },
            3 => {
                let refunded =
                    known.iter().filter_map(|(found, provider_id)| Some((found.refunds.first()?.provider_id.clone()?, provider_id)));
                let refunded: Vec<_> = refunded.collect();
                let Some((refund, of)) = pick.checked_rem(refunded.len()).map(|index| refunded[index].clone()) else {
                    return About::Other;
                };
                let says = if pick.is_multiple_of(3) { RefundSays::Succeeded } else { RefundSays::Failed };
                About::Refund { provider_id: refund, payment_provider_id: of.clone(), reference: None, says }
            }
            _ => {
                let phases =
                    [DisputePhase::Inquiry, DisputePhase::InquiryClosed, DisputePhase::Open, DisputePhase::Won, DisputePhase::Lost];
                let phase = phases[pick / 7 % phases.len()];
                let dispute = DisputeFact {
                    dispute: format!("dp_{}", amount % 3),
                    money: Money { amount_minor: u64::from(amount % 100) + 1, currency: payment.money.currency },
                    phase,
                    reason: "fraudulent".into(),
                    respond_by: amount.is_multiple_of(2).then(|| self.now.plus_ns(base::time::NS_PER_S)),
                    fee_minor: if matches!(phase, DisputePhase::Inquiry | DisputePhase::InquiryClosed) {
                        0
                    } else {
                        u64::from(amount % 4) * 5
                    },
                    is_withdrawn: matches!(phase, DisputePhase::Open | DisputePhase::Lost),
                };
                About::Dispute { payment_provider_id: provider_id, dispute }
            }
        }
    }
}
