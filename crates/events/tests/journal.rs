//! The same journal gives the same state, byte for byte and for ever: a frozen journal with the digest of the state that
//! it led to, and a state that comes back from its snapshot as it was.

#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod support;

use base::limits::AMOUNT_MINOR_MAX;
use base::time::NS_PER_S;
use base::{
    About, Approval, Currency, Decline, DeclineClass, DisputeFact, DisputePhase, EffectId, MerchantId, Money, Notice, OperatorId, Outcome,
    PaymentId, ProviderState,
};
use base::{SubjectId, Timestamp, UnknownReason};
use engine::event::VERSION_MAX;
use engine::{
    CancelPayment, CaptureMode, CapturePayment, CardFacts, Command, Context, CreateApiKey, CreateCustomer, CreatePayment, CreateRefund,
    DeriveKey, Entry, ErrandDone, ErrandOutcome, ErrandReport, Gaps, Idempotency, KeyOwner, NoticeSource, OutcomeReport, Policy, Presence,
    Private, ProviderPolicy, ReceiveNotice, Reply, Sealed, State, StorePaymentMethod, decide,
};
use events::{decode_batch, encode_batch, snapshot};
use std::fs;
use support::{adds_missing, golden, hex, unhex};

const MERCHANT: MerchantId = MerchantId::from_u128(1);
const SUBJECT: SubjectId = SubjectId::from_u128(9);
const S: u64 = NS_PER_S;

fn policy() -> Policy {
    let provider = ProviderPolicy {
        name: "test".into(),
        multiple_captures: false,
        key_retention_ns: 86_400 * S,
        amount_minor_max: AMOUNT_MINOR_MAX,
        replay_gaps: Gaps::seconds(&[2]),
        lookup_gaps: Gaps::seconds(&[60]),
    };
    Policy {
        providers: vec![provider],
        attempt_deadline_ns: 900 * S,
        defer_gaps: Gaps::seconds(&[1]),
        waiting_gaps: Gaps::seconds(&[5, 60]),
        watch_gaps: Gaps::seconds(&[60, 86_400]),
        settle_gaps: Gaps::seconds(&[10, 600]),
        errand_replay_gaps: Gaps::seconds(&[2]),
        errand_lookup_gaps: Gaps::seconds(&[60]),
        created_ns: 86_400 * S,
        action_ns: 3_600 * S,
        hold_ns: 6 * 86_400 * S,
        payments_kept: usize::MAX,
        resume_spacing_ns: 5_000_000,
    }
}

/// A partition on which commands are decided; only what happened is kept.
struct Partition {
    state: State,
    now: Timestamp,
    entries: Vec<Entry>,
    keys: u8,
}

impl Partition {
    fn submit(&mut self, command: &Command) -> Reply {
        let (policy, derive_key) = (policy(), DeriveKey::new(1, &[7; 32]));
        self.now = self.now.plus_ns(S);
        let mut decision = decide(&self.state, Context { now: self.now, policy: &policy, derive_key: &derive_key }, command);
        for entry in &mut decision.entries {
            if let Some(requested) = entry.event.requested_mut() {
                requested.request = Some(Sealed { subject: SUBJECT, bytes: requested.key.to_be_bytes().to_vec() });
            }
            if let Some(requested) = entry.event.errand_mut() {
                requested.request = Some(Sealed { subject: SUBJECT, bytes: requested.key.to_be_bytes().to_vec() });
            }
            self.state.evolve(entry);
        }
        self.entries.extend(decision.entries);
        assert!(!matches!(decision.reply, Reply::Refused(_)), "{command:?}: {:?}", decision.reply);
        decision.reply
    }

    fn key(&mut self) -> Idempotency {
        self.keys += 1;
        Idempotency { key: [self.keys; 16], fingerprint: [self.keys; 16] }
    }

    fn pay(&mut self, amount_minor: u64, currency: &str, capture: CaptureMode) -> (PaymentId, EffectId) {
        let idempotency = self.key();
        let command = CreatePayment {
            merchant: MERCHANT,
            idempotency,
            reference: Some(idempotency.key),
            content: [1; 16],
            subject: SUBJECT,
            money: Money { amount_minor, currency: currency.parse::<Currency>().unwrap() },
            capture,
            payment_method: Some("pm_card".into()),
            customer: None,
            method: None,
            presence: Presence::OnSession,
            confirm: true,
            retry_declined: false,
            details: Some(Sealed { subject: SUBJECT, bytes: vec![2; 40] }),
            private: Private::default(),
        };
        match self.submit(&Command::CreatePayment(command)) {
            Reply::Payment { payment, waiting_for: Some(effect), .. } => (payment, effect),
            other => panic!("an attempt starts: {other:?}"),
        }
    }

    fn outcome(&mut self, effect: EffectId, outcome: Outcome) {
        let send = self.state.effects[&effect].sends;
        let provider_id = Some(format!("pi_{}", self.keys));
        self.submit(&Command::ReportOutcome(OutcomeReport { effect, send, outcome, provider_id }));
    }

    fn errand(&mut self, outcome: ErrandOutcome) {
        let (errand, open) = self.state.errands.first_key_value().expect("an errand is open");
        let report = ErrandReport { errand: *errand, send: open.sends, outcome };
        self.submit(&Command::ReportErrand(report));
    }

    /// A customer with a payment method that is stored and one that is being stored.
    fn store_customer(&mut self) {
        let idempotency = self.key();
        let created = CreateCustomer { merchant: MERCHANT, idempotency, subject: SUBJECT, details: None };
        let Reply::Customer { customer, .. } = self.submit(&Command::CreateCustomer(created)) else {
            panic!("a customer is created");
        };
        let card = CardFacts { brand: "visa".into(), last4: "4242".into(), exp_month: 12, exp_year: 2_034 };
        let stored = ErrandDone::MethodStored { provider_id: "pm_1".into(), card: Some(card) };
        for done in [Some([ErrandDone::CustomerStored { provider_id: "cus_1".into() }, stored]), None] {
            let (idempotency, token) = (self.key(), "pm_card".to_owned());
            self.submit(&Command::StorePaymentMethod(StorePaymentMethod { merchant: MERCHANT, customer, idempotency, provider: 0, token }));
            for done in done.into_iter().flatten() {
                self.errand(ErrandOutcome::Done(done));
            }
        }
        self.errand(ErrandOutcome::Unknown(UnknownReason::Timeout));
    }

    fn approved(&mut self, effect: EffectId, state: ProviderState) {
        let available_at = Some(self.now.plus_ns(86_400 * S));
        self.outcome(effect, Outcome::Approved(Approval { state, fee_minor: Some(30), available_at }));
    }

    fn refund(&mut self, payment: PaymentId, amount_minor: u64) -> EffectId {
        let (idempotency, private) = (self.key(), Private::default());
        let command = CreateRefund { merchant: MERCHANT, payment, idempotency, amount_minor: Some(amount_minor), details: None, private };
        match self.submit(&Command::CreateRefund(command)) {
            Reply::Refund { waiting_for: Some(effect), .. } => effect,
            other => panic!("a refund starts: {other:?}"),
        }
    }
}

/// A day in which a bit of everything happens.
fn day() -> Partition {
    let mut day = Partition { state: State::new(), now: Timestamp::from_s(1_795_253_580), entries: Vec::new(), keys: 0 };
    day.submit(&Command::RaiseMinVersion { version: VERSION_MAX });
    day.submit(&Command::StartLeader { epoch: 1 });
    day.submit(&Command::CreateMerchant { merchant: MERCHANT, handle: "shop".into() });
    day.submit(&Command::CreateOperator { operator: OperatorId::from_u128(3), handle: "ops".into() });
    let (public_id, owner) = (*b"0123456789", KeyOwner::Merchant(MERCHANT));
    day.submit(&Command::CreateApiKey(CreateApiKey { public_id, owner, digest: [4; 32], pepper_version: 1 }));

    let (captured, effect) = day.pay(1_999, "EUR", CaptureMode::Automatic);
    day.approved(effect, ProviderState::Captured { amount_minor: 1_999 });
    let refund = day.refund(captured, 500);
    day.approved(refund, ProviderState::Refunded { amount_minor: 500 });
    let payment_provider_id = day.state.payments[&captured].provider_id().unwrap().to_owned();
    let dispute = DisputeFact {
        dispute: "dp_1".into(),
        money: Money { amount_minor: 700, currency: "EUR".parse().unwrap() },
        phase: DisputePhase::Open,
        reason: "fraudulent".into(),
        respond_by: None,
        fee_minor: 1_500,
        is_withdrawn: true,
    };
    let about = About::Dispute { payment_provider_id, dispute };
    let notice = Notice { event_id: "evt_1".into(), event_type: "charge.dispute.created".into(), created_at: None, about };
    day.submit(&Command::ReceiveNotice(ReceiveNotice { provider: 0, notice, source: NoticeSource::Webhook, payload: None }));

    let (held, effect) = day.pay(70_000, "JPY", CaptureMode::Manual);
    day.approved(effect, ProviderState::Authorized { amount_minor: 70_000 });
    let (merchant, idempotency, private) = (MERCHANT, day.key(), Private::default());
    day.submit(&Command::CapturePayment(CapturePayment { merchant, payment: held, idempotency, amount_minor: Some(60_000), private }));
    let capture = day.state.payments[&held].operation.unwrap();
    day.approved(capture, ProviderState::Captured { amount_minor: 60_000 });

    let (_, effect) = day.pay(1_250, "EUR", CaptureMode::Automatic);
    let decline = Decline { class: DeclineClass::SoftFunds, code: "insufficient_funds".into(), network_code: Some("51".into()) };
    day.outcome(effect, Outcome::Declined(decline));

    let (given_up, effect) = day.pay(3_000, "EUR", CaptureMode::Manual);
    day.approved(effect, ProviderState::Authorized { amount_minor: 3_000 });
    let (idempotency, private) = (day.key(), Private::default());
    day.submit(&Command::CancelPayment(CancelPayment { merchant, payment: given_up, idempotency, private }));

    let (_, effect) = day.pay(4_000, "EUR", CaptureMode::Automatic);
    day.outcome(effect, Outcome::Unknown(UnknownReason::Timeout));
    day.now = day.now.plus_ns(60 * S);
    day.submit(&Command::Tick);
    day.store_customer();
    day.submit(&Command::EraseSubject { subject: SubjectId::from_u128(77) });
    day.submit(&Command::Quarantine { fingerprint: [5; 16] });
    day
}

fn replayed(entries: impl IntoIterator<Item = Entry>) -> State {
    let mut state = State::new();
    for entry in entries {
        state.evolve(&entry);
    }
    state
}

/// What follows a name on its line.
fn frozen_line<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
}

/// The file of the frozen journal; one digest for each version of the snapshot's layout is added over time.
fn frozen_journal() -> String {
    let path = golden("v1/journal.txt");
    let mut text = fs::read_to_string(&path).unwrap_or_default();
    if text.is_empty() && adds_missing() {
        let batch = encode_batch(&day().entries);
        text = format!("event_count {}\nevents {}\ntransfers {}\n", batch.event_count, hex(&batch.events), hex(&batch.transfers));
    }
    if frozen_line(&text, &digest_name()).is_none() {
        assert!(adds_missing(), "this snapshot version has no golden digest; run this test with BEZANT_UPDATE=1, which adds it");
        let state = replayed(frozen_entries(&text));
        text.push_str(&format!("{} {}\n", digest_name(), hex(&snapshot::digest(&state))));
        fs::write(&path, &text).unwrap();
    }
    text
}

fn digest_name() -> String {
    format!("digest_of_snapshot_{}", snapshot::VERSION)
}

fn frozen_entries(text: &str) -> Vec<Entry> {
    let count = frozen_line(text, "event_count").unwrap().parse().unwrap();
    let section = |name| unhex(frozen_line(text, name).unwrap());
    let recorded = decode_batch(1, count, &section("events"), &section("transfers")).unwrap();
    recorded.into_iter().map(|recorded| recorded.entry).collect()
}

#[test]
fn the_frozen_journal_leads_to_the_frozen_state() {
    let text = frozen_journal();
    let entries = frozen_entries(&text);
    let again = encode_batch(&entries);
    assert_eq!(Some(&*hex(&again.events)), frozen_line(&text, "events"), "the journal would be written as it was");
    assert_eq!(Some(&*hex(&again.transfers)), frozen_line(&text, "transfers"));
    assert_eq!(
        Some(&*hex(&snapshot::digest(&replayed(entries)))),
        frozen_line(&text, &digest_name()),
        "what happened means something else now, or the state's layout changed without a new snapshot version"
    );
}

#[test]
fn a_state_replayed_from_bytes_has_the_digest_of_the_live_one() {
    let day = day();
    let batch = encode_batch(&day.entries);
    let recorded = decode_batch(1, batch.event_count, &batch.events, &batch.transfers).unwrap();
    let state = replayed(recorded.into_iter().map(|recorded| recorded.entry));
    assert!(state == day.state);
    assert_eq!(snapshot::digest(&state), snapshot::digest(&day.state));
    assert_eq!(snapshot::digest(&state), snapshot::digest_of_encoded(&snapshot::encode(&state)));
    assert_ne!(snapshot::digest(&state), snapshot::digest(&State::new()));
}

#[test]
fn a_snapshot_comes_back_and_goes_on_as_the_state_it_was_made_of() {
    let mut day = day();
    let bytes = snapshot::encode(&day.state);
    let mut state = snapshot::decode(&bytes).unwrap();
    assert!(state == day.state);
    assert_eq!(snapshot::encode(&state), bytes);
    let before = day.entries.len();
    day.pay(100, "EUR", CaptureMode::Automatic);
    for entry in &day.entries[before..] {
        state.evolve(entry);
    }
    assert!(state == day.state);
}

#[test]
fn snapshots_of_other_versions_and_damaged_ones_are_refused() {
    let bytes = snapshot::encode(&day().state);
    let changed = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        bytes
    };
    let trailing = [&bytes[..], &[0, 0]].concat();
    for (bytes, expected) in [
        (bytes[..15].to_vec(), snapshot::SnapshotError::NotASnapshot),
        (changed(0, b'X'), snapshot::SnapshotError::NotASnapshot),
        (changed(11, 1), snapshot::SnapshotError::Version { found: snapshot::VERSION + (1 << 24) }),
        (changed(15, 1), snapshot::SnapshotError::EventVersion { found: VERSION_MAX + (1 << 24) }),
        (trailing, snapshot::SnapshotError::Trailing { bytes: 2 }),
    ] {
        assert_eq!(snapshot::decode(&bytes).map(|_| ()), Err(expected));
    }
    for cut in [16, bytes.len() / 2, bytes.len() - 1] {
        assert!(matches!(snapshot::decode(&bytes[..cut]), Err(snapshot::SnapshotError::Malformed { .. })));
    }
}

#[test]
fn no_flipped_bit_of_a_snapshot_makes_the_decoder_panic() {
    let bytes = snapshot::encode(&day().state);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let _ = snapshot::decode(&damaged);
    }
}
