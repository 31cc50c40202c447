//! Arbitrary entries of every kind, empty texts, absent options and largest numbers included.

use base::{
    Currency, CustomerId, Decline, DeclineClass, DisputeFact, DisputePhase, EffectId, ErrandId, MerchantId, Mismatch, Money, NextAction,
    OperatorId, OutcomeClass, PaymentId, PaymentMethodId, RefundId, SubjectId, Timestamp, UnknownReason,
};
use engine::event::{KeyUse, PaymentCreated, PaymentRevised};
use engine::state::Settling;
use engine::{
    ArchivedKey, ArchivedPayment, Attempt, Capture, CaptureMode, CardFacts, Dispute, EffectKind, EffectRequested, Entry, ErrandKind,
    ErrandRequested, Event, EventKind, KeyOwner, NoticeSource, NoticeUse, OnFile, Payment, Presence, Refund, Sealed, SendKind,
    StrayDispute,
};
use ledger::{AccountName, Items, Metadata, Transfer, TransferFlags};
use payments::{AttemptStatus, CaptureStatus, DisputeStatus, PaymentStatus, RefundStatus};
use proptest::prelude::{Strategy, any};
use proptest::sample::select;

/// An entry of any kind.
pub fn entry() -> impl Strategy<Value = Entry> {
    (select(EventKind::ALL), any::<u64>()).prop_map(|(kind, seed)| {
        let mut draw = Draw { state: seed };
        let at = draw.time();
        let legs = (0..draw.below(4)).map(|_| draw.leg()).collect();
        Entry { at, event: draw.event(kind), legs }
    })
}

/// A payment that is archived.
pub fn archived_payment() -> impl Strategy<Value = ArchivedPayment> {
    any::<u64>().prop_map(|seed| Draw { state: seed }.archived())
}

/// A stream of values from a seed (`SplitMix64`, Steele, Lea and Flood 2014).
struct Draw {
    state: u64,
}

impl Draw {
    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// A number of which the extremes are as likely as all others.
    fn number(&mut self) -> u64 {
        let shift = self.below(65);
        self.bits().checked_shr(u32::try_from(shift).unwrap()).unwrap_or(0)
    }

    fn number_u32(&mut self) -> u32 {
        u32::try_from(self.number() & u64::from(u32::MAX)).unwrap()
    }

    fn number_u16(&mut self) -> u16 {
        u16::try_from(self.number() & u64::from(u16::MAX)).unwrap()
    }

    fn metadata(&mut self) -> Items<Metadata> {
        let mut metadata = Items::NONE;
        for item in 0..self.below(3) {
            let value = "v".repeat(usize::try_from(self.below(900)).unwrap());
            let skipped = usize::try_from(item * 20_000 + self.below(20_000)).unwrap();
            metadata.push(skipped, Metadata::new([("key", value.as_str()), ("other", "")]).unwrap());
        }
        metadata
    }

    fn number_u128(&mut self) -> u128 {
        u128::from(self.number()) << 64 | u128::from(self.number())
    }

    fn hash<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        std::array::from_fn(|_| self.bits().to_le_bytes()[0])
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        let count = u64::try_from(values.len()).unwrap();
        values[usize::try_from(self.below(count)).unwrap()]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| make(self))
    }

    fn text(&mut self) -> String {
        (0..self.below(40)).map(|_| self.one_of(&['a', 'Z', '0', '_', ' ', 'é', '\u{1F4B0}', '\0'])).collect()
    }

    fn time(&mut self) -> Timestamp {
        Timestamp::from_ns(self.number())
    }

    fn payment(&mut self) -> PaymentId {
        PaymentId::from_u128(self.number_u128())
    }

    fn effect(&mut self) -> EffectId {
        EffectId::from_u128(self.number_u128())
    }

    fn refund(&mut self) -> RefundId {
        RefundId::from_u128(self.number_u128())
    }

    fn merchant(&mut self) -> MerchantId {
        MerchantId::from_u128(self.number_u128())
    }

    fn operator(&mut self) -> OperatorId {
        OperatorId::from_u128(self.number_u128())
    }

    fn subject(&mut self) -> SubjectId {
        SubjectId::from_u128(self.number_u128())
    }

    fn currency(&mut self) -> Currency {
        let all: Vec<Currency> = Currency::all().collect();
        self.one_of(&all)
    }

    fn money(&mut self) -> Money {
        Money { amount_minor: self.number(), currency: self.currency() }
    }

    fn capture(&mut self) -> CaptureMode {
        self.one_of(&[CaptureMode::Automatic, CaptureMode::Manual])
    }

    fn class(&mut self) -> OutcomeClass {
        self.one_of(&[
            OutcomeClass::NotSent,
            OutcomeClass::Rejected,
            OutcomeClass::Declined,
            OutcomeClass::Approved,
            OutcomeClass::Pending,
            OutcomeClass::Mismatch,
            OutcomeClass::Unknown,
        ])
    }

    fn reason(&mut self) -> UnknownReason {
        self.one_of(&[
            UnknownReason::Timeout,
            UnknownReason::ConnectionLost,
            UnknownReason::ServerError,
            UnknownReason::Undecodable,
            UnknownReason::IdempotencyConflict,
            UnknownReason::Restart,
            UnknownReason::NotFound,
        ])
    }

    fn decline(&mut self) -> Decline {
        let class = self.one_of(&[
            DeclineClass::HardCard,
            DeclineClass::HardRisk,
            DeclineClass::SoftFunds,
            DeclineClass::SoftIssuer,
            DeclineClass::SoftPsp,
            DeclineClass::FixData,
            DeclineClass::Authenticate,
            DeclineClass::Config,
            DeclineClass::Duplicate,
        ]);
        Decline { class, code: self.text(), network_code: self.maybe(Self::text) }
    }

    fn sealed(&mut self) -> Sealed {
        let bytes = (0..self.below(300)).map(|_| self.bits().to_le_bytes()[0]).collect();
        Sealed { subject: self.subject(), bytes }
    }

    fn key(&mut self) -> KeyUse {
        KeyUse { key: self.hash(), fingerprint: self.hash(), expires_at: self.time() }
    }

    fn requested(&mut self) -> EffectRequested {
        let kinds = [
            EffectKind::Authorize { attempt: self.number_u16() },
            EffectKind::Capture { capture: self.number_u16() },
            EffectKind::Cancel { expiry: self.flag() },
            EffectKind::Refund { refund: self.refund() },
            EffectKind::Observe { attempt: self.number_u16() },
            EffectKind::UndoHold { attempt: self.number_u16() },
            EffectKind::UndoCapture { attempt: self.number_u16() },
        ];
        EffectRequested {
            effect: self.effect(),
            kind: self.one_of(&kinds),
            provider: self.number_u16(),
            key: self.number_u128(),
            reference: self.number_u128(),
            key_version: self.number_u32(),
            money: self.money(),
            capture: self.capture(),
            payment_method: self.text(),
            provider_id: self.maybe(Self::text),
            request: self.maybe(Self::sealed),
            customer: self.maybe(Self::text),
            presence: self.presence(),
        }
    }

    fn presence(&mut self) -> Presence {
        self.one_of(&[Presence::OnSession, Presence::OffSession])
    }

    fn customer(&mut self) -> CustomerId {
        CustomerId::from_u128(self.number_u128())
    }

    fn method(&mut self) -> PaymentMethodId {
        PaymentMethodId::from_u128(self.number_u128())
    }

    fn errand(&mut self) -> ErrandId {
        ErrandId::from_u128(self.number_u128())
    }

    fn on_file(&mut self) -> OnFile {
        OnFile { customer: self.customer(), method: self.maybe(Self::method), presence: self.presence() }
    }

    fn card(&mut self) -> CardFacts {
        CardFacts { brand: self.text(), last4: self.text(), exp_month: self.number_u16(), exp_year: self.number_u16() }
    }

    fn errand_requested(&mut self) -> ErrandRequested {
        let method = self.method();
        ErrandRequested {
            errand: self.errand(),
            kind: self.one_of(&[ErrandKind::StoreCustomer, ErrandKind::Attach { method }, ErrandKind::Detach { method }]),
            customer: self.customer(),
            provider: self.number_u16(),
            key: self.number_u128(),
            reference: self.number_u128(),
            key_version: self.number_u32(),
            customer_provider_id: self.maybe(Self::text),
            token: self.maybe(Self::text),
            request: self.maybe(Self::sealed),
        }
    }

    fn customer_event(&mut self, kind: EventKind) -> Option<Event> {
        let (customer, method, errand, provider) = (self.customer(), self.method(), self.errand(), self.number_u16());
        let (text, step) = (self.text(), self.number_u16());
        Some(match kind {
            EventKind::CustomerCreated => {
                let (merchant, subject, key_version, key) = (self.merchant(), self.subject(), self.number_u32(), self.key());
                Event::CustomerCreated { customer, merchant, subject, key_version, details: self.maybe(Self::sealed), key }
            }
            EventKind::CustomerStored => Event::CustomerStored { customer, errand, provider, provider_id: text },
            EventKind::CustomerStoreFailed => Event::CustomerStoreFailed { customer, errand, code: text },
            EventKind::CustomerDeleted => Event::CustomerDeleted { customer },
            EventKind::MethodStarted => {
                let (key_version, key) = (self.number_u32(), self.key());
                Event::MethodStarted { method, customer, provider, token: text, key_version, key }
            }
            EventKind::MethodStored => Event::MethodStored { method, errand, provider, provider_id: text, card: self.maybe(Self::card) },
            EventKind::MethodFailed => Event::MethodFailed { method, errand: self.maybe(Self::errand), code: text },
            EventKind::MethodRemovalStarted => Event::MethodRemovalStarted { method },
            EventKind::MethodRemoved => Event::MethodRemoved { method, errand },
            EventKind::MethodRemovalFailed => Event::MethodRemovalFailed { method, errand, code: text },
            EventKind::ErrandStarted => Event::ErrandStarted { requested: self.errand_requested() },
            EventKind::ErrandUnknown => Event::ErrandUnknown { errand, reason: self.reason(), step, next_at: self.time() },
            EventKind::ErrandDeferred => Event::ErrandDeferred { errand, class: self.class(), code: text, step, next_at: self.time() },
            EventKind::ErrandSent => {
                let send_kind = self.one_of(&[SendKind::First, SendKind::Replay, SendKind::Lookup]);
                Event::ErrandSent { errand, send: self.number_u32(), send_kind, step }
            }
            _ => return None,
        })
    }

    fn leg(&mut self) -> Transfer {
        Transfer {
            id: self.number_u128(),
            debit_account_id: self.number_u128(),
            credit_account_id: self.number_u128(),
            amount: self.number_u128(),
            pending_id: self.number_u128(),
            user_data_128: self.number_u128(),
            user_data_64: self.number(),
            user_data_32: self.number_u32(),
            timeout_s: self.number_u32(),
            ledger: self.number_u32(),
            code: self.number_u16(),
            flags: self.one_of(&[TransferFlags::NONE, TransferFlags::PENDING, TransferFlags::POST_PENDING_TRANSFER]),
            timestamp: self.number(),
        }
    }

    fn event(&mut self, kind: EventKind) -> Event {
        if let Some(event) = self.platform(kind) {
            return event;
        }
        let payment = self.payment();
        let rest = |draw: &mut Self| {
            let moved = draw.effect_event(kind, payment).or_else(|| draw.refund_event(kind, payment));
            moved.or_else(|| draw.heard_event(kind, payment)).or_else(|| draw.customer_event(kind))
        };
        self.attempt_event(kind, payment).or_else(|| rest(self)).expect("every kind is drawn")
    }

    fn platform(&mut self, kind: EventKind) -> Option<Event> {
        Some(match kind {
            EventKind::MinVersionRaised => Event::MinVersionRaised { version: self.number_u32() },
            EventKind::LeaderStarted => Event::LeaderStarted { epoch: self.number() },
            EventKind::MerchantCreated => {
                Event::MerchantCreated { merchant: self.merchant(), number: self.number_u32(), handle: self.text() }
            }
            EventKind::OperatorCreated => Event::OperatorCreated { operator: self.operator(), handle: self.text() },
            EventKind::ApiKeyCreated => {
                let owners = [KeyOwner::Merchant(self.merchant()), KeyOwner::Operator(self.operator())];
                let (owner, pepper_version) = (self.one_of(&owners), self.number_u32());
                Event::ApiKeyCreated { public_id: self.hash(), owner, digest: self.hash(), pepper_version }
            }
            EventKind::ApiKeyRevoked => Event::ApiKeyRevoked { public_id: self.hash() },
            EventKind::AccountsOpened => Event::AccountsOpened { merchant: self.merchant(), currency: self.currency() },
            EventKind::LedgerAccountsCreated => {
                let ids = [self.number_u128(), self.number_u128()];
                let (merchant, metadata, mut names) = (self.merchant(), self.metadata(), Items::NONE);
                names.push(
                    usize::from(self.number_u16() / 2),
                    AccountName::parse(&"n".repeat(1 + usize::try_from(self.below(64)).unwrap())).unwrap(),
                );
                Event::LedgerAccountsCreated { merchant, accounts: ids.map(super::samples::account).to_vec(), names, metadata }
            }
            EventKind::LedgerTransfersCreated => {
                let burned = vec![self.number_u128(), self.number_u128()];
                let (merchant, released, metadata) = (self.merchant(), vec![self.number_u128()], self.metadata());
                Event::LedgerTransfersCreated { merchant, burned, released, metadata }
            }
            EventKind::LedgerTransfersExpired => Event::LedgerTransfersExpired { merchant: self.merchant() },
            EventKind::PaymentsArchived => Event::PaymentsArchived { payments: (0..self.below(4)).map(|_| self.archived()).collect() },
            EventKind::PaymentRecalled => Event::PaymentRecalled { archived: self.archived() },
            EventKind::SubjectErased => Event::SubjectErased { subject: self.subject() },
            EventKind::CommandQuarantined => Event::CommandQuarantined { fingerprint: self.hash() },
            EventKind::QuarantineReleased => Event::QuarantineReleased { fingerprint: self.hash() },
            EventKind::EventSkipped => Event::EventSkipped { seq: self.number(), first: self.operator(), second: self.operator() },
            EventKind::ClockJumped => Event::ClockJumped { jump_ns: self.number() },
            EventKind::ClockConfirmed => Event::ClockConfirmed,
            _ => return None,
        })
    }

    fn archived(&mut self) -> ArchivedPayment {
        let attempt = |draw: &mut Self| Attempt {
            effect: draw.effect(),
            provider: draw.number_u16(),
            status: draw.one_of(AttemptStatus::ALL),
            provider_id: draw.maybe(Self::text),
            money: draw.money(),
            late_fee_minor: draw.number(),
            is_late_fee_awaited: draw.flag(),
        };
        let capture =
            |draw: &mut Self| Capture { effect: draw.effect(), amount_minor: draw.number(), status: draw.one_of(CaptureStatus::ALL) };
        let refund = |draw: &mut Self| Refund {
            refund: draw.refund(),
            effect: draw.effect(),
            amount_minor: draw.number(),
            status: draw.one_of(RefundStatus::ALL),
            hold: None,
            from_available: draw.flag(),
            provider_id: draw.maybe(Self::text),
            created_at: draw.time(),
        };
        let dispute = |draw: &mut Self| Dispute {
            dispute: draw.text(),
            amount_minor: draw.number(),
            status: draw.one_of(DisputeStatus::ALL),
            fee_minor: draw.number(),
            fee_version: draw.number_u32(),
        };
        let key = |draw: &mut Self| ArchivedKey {
            key: draw.hash(),
            fingerprint: draw.hash(),
            refund: draw.maybe(Self::refund),
            effect: draw.maybe(Self::effect),
            expires_at: draw.time(),
        };
        let payment = Payment {
            merchant: self.merchant(),
            subject: self.subject(),
            money: self.money(),
            capture: self.capture(),
            status: self.one_of(PaymentStatus::ALL),
            reference: self.maybe(Self::hash),
            content: self.hash(),
            payment_method: self.maybe(Self::text),
            on_file: self.maybe(Self::on_file).map(Box::new),
            created_at: self.time(),
            hold: None,
            held_minor: 0,
            captured_minor: self.number(),
            refunded_minor: self.number(),
            refunding_minor: 0,
            fee_minor: self.number(),
            available: self.flag(),
            unreleased_minor: self.bits().cast_signed(),
            attempts: self.some(attempt),
            captures: self.some(capture),
            refunds: self.some(refund),
            disputes: self.some(dispute),
            last_decline: self.maybe(Self::decline),
            next_action: None,
            expires_at: None,
            operation: None,
            cancel: None,
            cancels: self.number_u16(),
            observations: Vec::new(),
            settling: self.maybe(|draw| Box::new(Settling { attempt: draw.number_u16(), step: draw.number_u16(), next_at: None })),
            open_effects: 0,
            keys: Vec::new(),
            resting_since: None,
        };
        ArchivedPayment { id: self.payment(), payment: Box::new(payment), keys: self.some(key) }
    }

    /// None to three of something.
    fn some<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| make(self)).collect()
    }

    fn attempt_event(&mut self, kind: EventKind, payment: PaymentId) -> Option<Event> {
        let (effect, provider_id) = (self.effect(), self.maybe(Self::text));
        Some(match kind {
            EventKind::PaymentCreated => Event::PaymentCreated(PaymentCreated {
                payment,
                merchant: self.merchant(),
                subject: self.subject(),
                money: self.money(),
                capture: self.capture(),
                reference: self.maybe(Self::hash),
                content: self.hash(),
                payment_method: self.maybe(Self::text),
                key_version: self.number_u32(),
                details: self.maybe(Self::sealed),
                expires_at: self.time(),
                key: self.key(),
                on_file: self.maybe(Self::on_file),
            }),
            EventKind::PaymentRevised => Event::PaymentRevised(PaymentRevised {
                payment,
                subject: self.subject(),
                money: self.money(),
                capture: self.capture(),
                content: self.hash(),
                payment_method: self.maybe(Self::text),
                details: self.maybe(Self::sealed),
                on_file: self.maybe(Self::on_file),
            }),
            EventKind::AttemptStarted => Event::AttemptStarted {
                payment,
                requested: self.requested(),
                key: self.maybe(Self::key),
                on_file: self.maybe(Self::on_file),
            },
            EventKind::AttemptPending => {
                let redirect = NextAction::Redirect { url: self.text() };
                let action = if self.flag() { redirect } else { NextAction::Wait };
                Event::AttemptPending { payment, effect, action, provider_id, next_at: self.time(), expires_at: self.time() }
            }
            EventKind::AttemptAuthorized => Event::AttemptAuthorized { payment, effect, provider_id, expires_at: self.time() },
            EventKind::AttemptCaptured => {
                let (amount_minor, fee_minor, available_at) = (self.number(), self.number(), self.maybe(Self::time));
                Event::AttemptCaptured { payment, effect, provider_id, amount_minor, fee_minor, available_at }
            }
            EventKind::AttemptDeclined => Event::AttemptDeclined { payment, effect, provider_id, decline: self.decline() },
            EventKind::AttemptFailed => Event::AttemptFailed { payment, effect, class: self.class(), code: self.text() },
            EventKind::AttemptMismatched => {
                let mismatch = Mismatch { amount_minor: self.number(), currency: self.currency(), captured: self.flag() };
                Event::AttemptMismatched { payment, effect, provider_id, mismatch }
            }
            _ => return None,
        })
    }

    fn effect_event(&mut self, kind: EventKind, payment: PaymentId) -> Option<Event> {
        let (effect, step) = (self.effect(), self.number_u16());
        Some(match kind {
            EventKind::EffectUnknown => {
                Event::EffectUnknown { payment, effect, reason: self.reason(), step, next_at: self.maybe(Self::time) }
            }
            EventKind::EffectDeferred => {
                Event::EffectDeferred { payment, effect, class: self.class(), code: self.text(), step, next_at: self.time() }
            }
            EventKind::EffectSent => {
                let send_kind = self.one_of(&[SendKind::First, SendKind::Replay, SendKind::Lookup]);
                Event::EffectSent { payment, effect, send: self.number_u32(), send_kind, step }
            }
            EventKind::EffectUnchanged => Event::EffectUnchanged { payment, effect, step, next_at: self.maybe(Self::time) },
            EventKind::EffectParked => Event::EffectParked { payment, effect },
            EventKind::KeyRemembered => Event::KeyRemembered { payment, effect: self.maybe(Self::effect), key: self.key() },
            EventKind::CaptureStarted => Event::CaptureStarted { payment, requested: self.requested(), key: self.maybe(Self::key) },
            EventKind::CaptureSucceeded => {
                let (amount_minor, fee_minor, held_minor) = (self.number(), self.number(), self.number());
                Event::CaptureSucceeded { payment, effect, amount_minor, fee_minor, held_minor, available_at: self.maybe(Self::time) }
            }
            EventKind::CaptureFailed => Event::CaptureFailed { payment, effect, code: self.text() },
            EventKind::CaptureReversed => {
                Event::CaptureReversed { payment, capture: self.maybe(Self::number_u16), amount_minor: self.number(), code: self.text() }
            }
            EventKind::CancelStarted => Event::CancelStarted { payment, requested: self.requested(), key: self.maybe(Self::key) },
            EventKind::CancelFailed => Event::CancelFailed { payment, effect, code: self.text() },
            EventKind::PaymentCanceled => Event::PaymentCanceled { payment, expired: self.flag(), key: self.maybe(Self::key) },
            _ => return None,
        })
    }

    fn stray(&mut self) -> StrayDispute {
        use DisputePhase::{Inquiry, InquiryClosed, Lost, Open, Unclear, Won};
        let fact = DisputeFact {
            dispute: self.text(),
            money: self.money(),
            phase: self.one_of(&[Inquiry, InquiryClosed, Open, Won, Lost, Unclear]),
            reason: self.text(),
            respond_by: self.maybe(Self::time),
            fee_minor: self.number(),
            is_withdrawn: self.flag(),
        };
        StrayDispute { payment_provider_id: self.text(), fact }
    }

    fn heard_event(&mut self, kind: EventKind, payment: PaymentId) -> Option<Event> {
        let (effect, dispute) = (self.effect(), self.text());
        Some(match kind {
            EventKind::DisputeInquired => {
                let (amount_minor, reason, respond_by) = (self.number(), self.text(), self.maybe(Self::time));
                Event::DisputeInquired { payment, dispute, amount_minor, reason, respond_by }
            }
            EventKind::DisputeInquiryClosed => Event::DisputeInquiryClosed { payment, dispute },
            EventKind::DisputeFeeBooked => {
                Event::DisputeFeeBooked { payment, dispute, fee_minor: self.number(), version: self.number_u32() }
            }
            EventKind::WebhookReceived => Event::WebhookReceived {
                provider: self.number_u16(),
                event_id: self.text(),
                event_type: self.text(),
                source: self.one_of(&[NoticeSource::Webhook, NoticeSource::Sweep, NoticeSource::Replay]),
                found: self.one_of(&[NoticeUse::News, NoticeUse::Known, NoticeUse::Unmatched, NoticeUse::Kept, NoticeUse::Unclear]),
                payment: self.maybe(Self::payment),
                effect: self.maybe(Self::effect),
                provider_id: self.maybe(Self::text),
                payload: self.maybe(Self::sealed),
                stray: self.maybe(Self::stray),
            },
            EventKind::StrayMatched => Event::StrayMatched { payment, dispute },
            EventKind::SweepEnded => Event::SweepEnded { provider: self.number_u16(), swept_to: self.time() },
            EventKind::ObservationStarted => Event::ObservationStarted { payment, requested: self.requested() },
            EventKind::ObservationEnded => Event::ObservationEnded { payment, effect },
            EventKind::SettlementAwaited => {
                let (attempt, step) = (self.number_u16(), self.number_u16());
                Event::SettlementAwaited { payment, attempt, step, next_at: self.maybe(Self::time) }
            }
            EventKind::FeeBooked => {
                let (attempt, fee_minor) = (self.number_u16(), self.number());
                Event::FeeBooked { payment, attempt, effect, fee_minor, available_at: self.maybe(Self::time) }
            }
            EventKind::CaptureObserved => {
                let (amount_minor, fee_minor, held_minor) = (self.number(), self.number(), self.number());
                Event::CaptureObserved { payment, effect, amount_minor, fee_minor, held_minor, available_at: self.maybe(Self::time) }
            }
            EventKind::LateSuccessFound => {
                let (requested, fee_minor) = (self.requested(), self.maybe(Self::number));
                Event::LateSuccessFound { payment, observed: effect, requested, fee_minor }
            }
            EventKind::LateSuccessAccepted => Event::LateSuccessAccepted { payment, effect, next_at: self.time() },
            EventKind::LateSuccessUndone => Event::LateSuccessUndone { payment, effect, next_at: self.maybe(Self::time) },
            EventKind::LateSuccessReturned => Event::LateSuccessReturned { payment, effect, code: self.text() },
            EventKind::LateHoldCaptured => Event::LateHoldCaptured { payment, effect, requested: self.requested() },
            EventKind::RefundWatched => Event::RefundWatched { payment, requested: self.requested() },
            _ => return None,
        })
    }

    fn refund_event(&mut self, kind: EventKind, payment: PaymentId) -> Option<Event> {
        let (refund, provider_id) = (self.refund(), self.maybe(Self::text));
        Some(match kind {
            EventKind::RefundStarted => Event::RefundStarted {
                payment,
                requested: self.requested(),
                from_available: self.flag(),
                details: self.maybe(Self::sealed),
                key: self.maybe(Self::key),
            },
            EventKind::RefundPending => Event::RefundPending { payment, refund, provider_id, next_at: self.time() },
            EventKind::RefundSucceeded => Event::RefundSucceeded { payment, refund, provider_id, next_at: self.maybe(Self::time) },
            EventKind::RefundFailed => Event::RefundFailed { payment, refund, code: self.text() },
            EventKind::RefundReversed => Event::RefundReversed { payment, refund, code: self.text() },
            EventKind::FundsAvailable => Event::FundsAvailable { payment, amount_minor: self.number() },
            EventKind::DisputeOpened => Event::DisputeOpened {
                payment,
                dispute: self.text(),
                amount_minor: self.number(),
                reason: self.text(),
                respond_by: self.maybe(Self::time),
            },
            EventKind::DisputeClosed => Event::DisputeClosed { payment, dispute: self.text(), won: self.flag() },
            _ => return None,
        })
    }
}
