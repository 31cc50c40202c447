//! Everything the engine remembers. Changed only by [`State::evolve`]; serialised as a whole for snapshots and digests,
//! which is why every collection is ordered.

use crate::effect::{CaptureMode, Dispatch, Effect, EffectKind, EffectRequested, EffectStatus, Presence};
use crate::errand::{Errand, ErrandDispatch};
use crate::event::StrayDispute;
use base::{
    About, CaptureId, Currency, CustomerId, Decline, EffectId, ErrandId, MerchantId, Money, NextAction, OperatorId, PaymentId,
    PaymentMethodId, RefundId, SubjectId, Timestamp,
};
use ledger::Ledger;
use payments::{
    AttemptStatus, Books, CaptureStatus, DisputeStatus, PaymentStatus, RefundStatus, StoredMethodStatus, postings::AccountKind,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Bytes sealed under a subject's key, which lives outside journal and snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Whose key opens it.
    pub subject: SubjectId,
    /// Nonce and ciphertext with its tag.
    pub bytes: Vec<u8>,
}

/// Who an API key acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyOwner {
    /// A merchant's server.
    Merchant(MerchantId),
    /// Somebody who runs the platform.
    Operator(OperatorId),
}

/// An API key as the platform knows it: never the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Who it acts for.
    pub owner: KeyOwner,
    /// Keyed hash of the whole key.
    pub digest: [u8; 32],
    /// Version of the pepper that made the hash.
    pub pepper_version: u32,
    /// Whether it stopped working.
    pub revoked: bool,
}

/// A merchant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merchant {
    /// Counts merchants from 1; part of the ids of its ledger accounts.
    pub number: u32,
    /// Short name.
    pub handle: String,
    /// Currencies whose ledger accounts are open.
    pub currencies: BTreeSet<Currency>,
}

/// One attempt at one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The effect that carries it out.
    pub effect: EffectId,
    /// Number of the provider endpoint.
    pub provider: u16,
    /// Where it stands.
    pub status: AttemptStatus,
    /// The provider's id.
    pub provider_id: Option<String>,
    /// How much it asks for; the payment may have been revised since.
    pub money: Money,
    /// What the provider kept for a success that came late, in minor units.
    pub late_fee_minor: u64,
    /// Whether the provider has not said that.
    pub is_late_fee_awaited: bool,
}

/// One capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// The effect that carries it out.
    pub effect: EffectId,
    /// How much, in minor units.
    pub amount_minor: u64,
    /// Where it stands.
    pub status: CaptureStatus,
}

/// One refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Its id.
    pub refund: RefundId,
    /// The effect that carries it out.
    pub effect: EffectId,
    /// How much, in minor units.
    pub amount_minor: u64,
    /// Where it stands.
    pub status: RefundStatus,
    /// The pending transfer that reserves it, while open.
    pub hold: Option<u128>,
    /// The account it is taken from.
    pub from_available: bool,
    /// The provider's id.
    pub provider_id: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// One dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The provider's id.
    pub dispute: String,
    /// How much, in minor units.
    pub amount_minor: u64,
    /// Where it stands.
    pub status: DisputeStatus,
    /// What the provider keeps for it, in minor units.
    pub fee_minor: u64,
    /// Counts what the provider has said of its money, so that an older message changes nothing.
    pub fee_version: u32,
}

/// A fee that the provider has not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settling {
    /// Index of the attempt whose money it is.
    pub attempt: u16,
    /// How often was looked.
    pub step: u16,
    /// When to look again; not by itself while a look is open or when enough were made.
    pub next_at: Option<Timestamp>,
}

/// One payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Whose.
    pub merchant: MerchantId,
    /// Whose data belongs to it.
    pub subject: SubjectId,
    /// How much is asked for.
    pub money: Money,
    /// Whether it is taken at once.
    pub capture: CaptureMode,
    /// Where it stands.
    pub status: PaymentStatus,
    /// Keyed hash of the merchant's reference.
    pub reference: Option<[u8; 16]>,
    /// Keyed hash of its content.
    pub content: [u8; 16],
    /// Provider token.
    pub payment_method: Option<String>,
    /// Whom it charges and how, when it is somebody known. Boxed, because it is absent in most payments.
    pub on_file: Option<Box<OnFile>>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The pending transfer that reserves its money, while open.
    pub hold: Option<u128>,
    /// What that reserves, in minor units.
    pub held_minor: u64,
    /// Taken so far, in minor units.
    pub captured_minor: u64,
    /// Given back, in minor units.
    pub refunded_minor: u64,
    /// Asked to be given back and not decided, in minor units.
    pub refunding_minor: u64,
    /// Provider fees, in minor units.
    pub fee_minor: u64,
    /// Whether the provider has released the money.
    pub available: bool,
    /// What of this payment's money stands in the merchant's pending account and is not reserved for a refund, in minor
    /// units; negative after a reversal of what had been given back already.
    pub unreleased_minor: i64,
    /// Attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// Captures that were asked for separately, oldest first.
    pub captures: Vec<Capture>,
    /// Refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// Disputes, oldest first.
    pub disputes: Vec<Dispute>,
    /// What the last refusal said.
    pub last_decline: Option<Decline>,
    /// What the customer has to do.
    pub next_action: Option<NextAction>,
    /// When it expires unless something happens.
    pub expires_at: Option<Timestamp>,
    /// The authorization or capture that is open.
    pub operation: Option<EffectId>,
    /// The cancel that is open.
    pub cancel: Option<EffectId>,
    /// Cancels asked for so far.
    pub cancels: u16,
    /// Looks at the provider's objects that are open without anything being asked for; one for an attempt at most.
    pub observations: Vec<EffectId>,
    /// While a fee is not known: what is done about it. Boxed, because it is rare in payments that are closed.
    pub settling: Option<Box<Settling>>,
    /// Effects that are open for it.
    pub open_effects: u16,
    /// The idempotency keys that led to it or its refunds and are remembered, in the order in which they were used.
    pub keys: Vec<[u8; 16]>,
    /// Its place in [`State::resting`].
    pub resting_since: Option<u64>,
}

/// A known customer in a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnFile {
    /// The customer.
    pub customer: CustomerId,
    /// The stored payment method that is charged; absent when another is given.
    pub method: Option<PaymentMethodId>,
    /// Whether the customer is there.
    pub presence: Presence,
}

/// A customer of a merchant. What is known of the person is sealed in the journal, not here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Whose.
    pub merchant: MerchantId,
    /// Whose data belongs to it.
    pub subject: SubjectId,
    /// When it was created.
    pub created_at: Timestamp,
    /// The providers' ids of the customer, by number of the provider endpoint.
    pub credentials: BTreeMap<u16, String>,
    /// Payment methods that are being stored, active or being removed; oldest first, at most
    /// [`base::limits::METHODS_PER_CUSTOMER_MAX`].
    pub methods: Vec<PaymentMethodId>,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The open calls that make the customer known, by number of the provider endpoint.
    pub storing: BTreeMap<u16, ErrandId>,
    /// Such calls so far.
    pub storings: u16,
}

/// A payment method that a customer has stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMethod {
    /// Whose.
    pub customer: CustomerId,
    /// Number of the provider endpoint that gave the token.
    pub provider: u16,
    /// The token as given.
    pub token: String,
    /// The tokens under which it can be charged, by number of the provider endpoint.
    pub credentials: BTreeMap<u16, String>,
    /// What may be shown of it, when it is a card.
    pub card: Option<CardFacts>,
    /// Where it stands.
    pub status: StoredMethodStatus,
    /// Why it was not stored or not removed, as a code.
    pub failure: Option<String>,
    /// The call that is open for it.
    pub errand: Option<ErrandId>,
    /// Removals so far.
    pub removals: u16,
    /// When it was given.
    pub created_at: Timestamp,
}

/// What may be shown of a stored card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardFacts {
    /// The provider's word for the scheme, such as `visa`. At most 64 bytes.
    pub brand: String,
    /// The last four digits.
    pub last4: String,
    /// Month of expiry, 1 to 12.
    pub exp_month: u16,
    /// Year of expiry, four digits.
    pub exp_year: u16,
}

/// What a request created or acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyedObject {
    /// A payment.
    Payment(PaymentId),
    /// A refund.
    Refund {
        /// Its payment.
        payment: PaymentId,
        /// Which.
        refund: RefundId,
    },
    /// A customer.
    Customer(CustomerId),
    /// A stored payment method.
    Method(PaymentMethodId),
}

/// What an idempotency key led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// What the key was used for.
    pub fingerprint: [u8; 16],
    /// What it created or acted on.
    pub object: KeyedObject,
    /// The effect it started.
    pub effect: Option<EffectId>,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// What falls due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Timer {
    /// The next send of an effect.
    Send(EffectId),
    /// A payment's expiry.
    Expiry(PaymentId),
    /// The provider releases a payment's money.
    Funds(PaymentId),
    /// A fee that is not known is looked for.
    Settle(PaymentId),
    /// A dispute that came before its payment was known is told to it.
    Stray(PaymentId),
    /// The next send of an errand.
    Errand(ErrandId),
    /// Pending transfers of a merchant's own ledger expire.
    Ledger(MerchantId),
}

impl Timer {
    /// Whether it waits while the clock is doubted.
    pub(crate) const fn is_expiry(&self) -> bool {
        matches!(self, Self::Expiry(_) | Self::Ledger(_))
    }
}

/// A ledger that a merchant keeps itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MerchantLedger {
    /// Its accounts and transfers.
    pub ledger: Ledger,
    /// What the timer of its next expiry is set for.
    pub armed_at: Option<Timestamp>,
}

/// The messages of providers that came in last. Only against doubled lines in the journal: a message that is forgotten
/// and comes again changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notices {
    keys: BTreeSet<[u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl Notices {
    /// Most messages that are remembered.
    pub const REMEMBERED_MAX: usize = 65_536;

    fn key(provider: u16, event_id: &str) -> [u8; 16] {
        let digest = Sha256::new().chain_update(provider.to_be_bytes()).chain_update(event_id.as_bytes()).finalize();
        core::array::from_fn(|index| digest[index])
    }

    /// Whether a message came in lately.
    pub fn contains(&self, provider: u16, event_id: &str) -> bool {
        self.keys.contains(&Self::key(provider, event_id))
    }

    pub(crate) fn remember(&mut self, provider: u16, event_id: &str) {
        let key = Self::key(provider, event_id);
        if !self.keys.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > Self::REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

/// The whole state of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Sequence number that the next event gets; the first event has 1.
    pub next_seq: u64,
    /// Time of the last event.
    pub last_at: Timestamp,
    /// Highest event version that may be written.
    pub min_version: u32,
    /// Epoch of the leader.
    pub epoch: u64,
    /// Merchants.
    pub merchants: BTreeMap<MerchantId, Merchant>,
    /// Operators and their short names.
    pub operators: BTreeMap<OperatorId, String>,
    /// API keys by public part.
    pub api_keys: BTreeMap<[u8; 10], ApiKey>,
    /// Payments that are not archived; boxed, because a tree's nodes are a third empty and its payments are large.
    #[serde(deserialize_with = "crate::bulk::map")]
    pub payments: BTreeMap<PaymentId, Box<Payment>>,
    /// Payments at which nothing is open, by the number of the event that happened to them last.
    pub resting: BTreeMap<u64, PaymentId>,
    /// How many payments are archived.
    pub archived_count: u64,
    /// Which payment a refund belongs to.
    pub refunds: BTreeMap<RefundId, PaymentId>,
    /// Which payment a merchant's reference names.
    #[serde(deserialize_with = "crate::bulk::map")]
    pub references: BTreeMap<(MerchantId, [u8; 16]), PaymentId>,
    /// What idempotency keys led to.
    #[serde(deserialize_with = "crate::bulk::map")]
    pub idempotency: BTreeMap<(MerchantId, [u8; 16]), IdempotencyRecord>,
    /// When idempotency keys are forgotten.
    #[serde(deserialize_with = "crate::bulk::set")]
    pub idempotency_expiry: BTreeSet<(Timestamp, MerchantId, [u8; 16])>,
    /// Customers.
    pub customers: BTreeMap<CustomerId, Customer>,
    /// Payment methods that customers have stored, removed and failed ones included.
    pub methods: BTreeMap<PaymentMethodId, StoredMethod>,
    /// Open errands.
    pub errands: BTreeMap<ErrandId, Errand>,
    /// Open effects.
    pub effects: BTreeMap<EffectId, Effect>,
    /// Open effects by the reference that the provider's object carries.
    pub open_references: BTreeMap<u128, EffectId>,
    /// Which payments a provider's id may belong to, by [`object_hash`]; the payment's attempts say whether it does.
    #[serde(deserialize_with = "crate::bulk::set")]
    pub provider_objects: BTreeSet<(u64, PaymentId)>,
    /// Messages of providers.
    pub notices: Notices,
    /// Disputes of payments that are not known, oldest first, with the number of the provider endpoint.
    pub strays: VecDeque<(u16, StrayDispute)>,
    /// Up to when each provider endpoint's list of events was read.
    pub swept: BTreeMap<u16, Timestamp>,
    /// What falls due, in order.
    #[serde(deserialize_with = "crate::bulk::set")]
    pub timers: BTreeSet<(Timestamp, Timer)>,
    /// Subjects whose keys are destroyed; reapplied to a restored key store.
    pub erased: BTreeSet<SubjectId>,
    /// Fingerprints of commands that crashed the engine.
    pub quarantine: BTreeSet<[u8; 16]>,
    /// Durable events that are passed over, by sequence number, with the two operators who released each.
    pub skipped: BTreeMap<u64, [OperatorId; 2]>,
    /// Whether expiries wait because the clock jumped.
    pub expiries_suspended: bool,
    /// The books.
    pub ledger: Ledger,
    /// The ledgers that merchants keep themselves. Each is a world of its own: ids, accounts and times of one mean nothing in
    /// another.
    pub ledgers: BTreeMap<MerchantId, MerchantLedger>,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// The state before the first event.
    pub fn new() -> Self {
        Self {
            next_seq: 1,
            last_at: Timestamp::ZERO,
            min_version: 0,
            epoch: 0,
            merchants: BTreeMap::new(),
            operators: BTreeMap::new(),
            api_keys: BTreeMap::new(),
            payments: BTreeMap::new(),
            resting: BTreeMap::new(),
            archived_count: 0,
            refunds: BTreeMap::new(),
            references: BTreeMap::new(),
            idempotency: BTreeMap::new(),
            idempotency_expiry: BTreeSet::new(),
            customers: BTreeMap::new(),
            methods: BTreeMap::new(),
            errands: BTreeMap::new(),
            effects: BTreeMap::new(),
            open_references: BTreeMap::new(),
            provider_objects: BTreeSet::new(),
            notices: Notices::default(),
            strays: VecDeque::new(),
            swept: BTreeMap::new(),
            timers: BTreeSet::new(),
            erased: BTreeSet::new(),
            quarantine: BTreeSet::new(),
            skipped: BTreeMap::new(),
            expiries_suspended: false,
            ledger: Ledger::new(),
            ledgers: BTreeMap::new(),
        }
    }

    /// The payment, if this merchant owns it: another merchant's payment does not exist.
    pub fn payment_of(&self, merchant: MerchantId, payment: PaymentId) -> Option<&Payment> {
        self.payments.get(&payment).map(Box::as_ref).filter(|found| found.merchant == merchant)
    }

    /// The customer, if this merchant owns it: another merchant's customer does not exist.
    pub fn customer_of(&self, merchant: MerchantId, customer: CustomerId) -> Option<&Customer> {
        self.customers.get(&customer).filter(|found| found.merchant == merchant)
    }

    /// The stored payment method, if a customer of this merchant owns it.
    pub fn method_of(&self, merchant: MerchantId, method: PaymentMethodId) -> Option<&StoredMethod> {
        self.methods.get(&method).filter(|found| self.customer_of(merchant, found.customer).is_some())
    }

    /// The open errand whose outcome a stored payment method waits for: its own, or the one that makes its customer known.
    pub fn errand_of(&self, method: &StoredMethod) -> Option<&Errand> {
        let storing = || self.customers.get(&method.customer)?.storing.get(&method.provider).copied();
        let waits = method.status == StoredMethodStatus::Storing;
        self.errands.get(&method.errand.or_else(|| storing().filter(|_| waits))?)
    }

    /// All that a runner needs for the latest send of an open errand.
    pub fn errand_dispatch(&self, errand: ErrandId) -> Option<ErrandDispatch> {
        let open = self.errands.get(&errand)?;
        Some(ErrandDispatch { requested: open.requested.clone(), send: open.sends, send_kind: open.send_kind })
    }

    /// The look at an attempt's object that is open without anything being asked for.
    pub fn observation_of(&self, payment: &Payment, attempt: u16) -> Option<&Effect> {
        let open = payment.observations.iter().filter_map(|effect| self.effects.get(effect));
        open.into_iter().find(|open| open.requested.kind == EffectKind::Observe { attempt })
    }

    /// The payment and the index of its attempt that a provider's id names.
    pub fn attempt_of(&self, provider: u16, provider_id: &str) -> Option<(PaymentId, usize)> {
        let hash = object_hash(object_digest(provider, provider_id));
        let candidates = self.provider_objects.range((hash, PaymentId::from_u128(0))..=(hash, PaymentId::from_u128(u128::MAX)));
        candidates.map(|(_, payment)| *payment).find_map(|id| {
            let attempts = &self.payments.get(&id)?.attempts;
            let index =
                attempts.iter().position(|found| found.provider == provider && found.provider_id.as_deref() == Some(provider_id))?;
            Some((id, index))
        })
    }

    /// Place of the oldest dispute that came before this payment was known.
    pub(crate) fn stray_of(&self, payment: PaymentId) -> Option<usize> {
        let attempts = &self.payments.get(&payment)?.attempts;
        self.strays.iter().position(|(provider, stray)| {
            let id = Some(stray.payment_provider_id.as_str());
            attempts.iter().any(|attempt| attempt.provider == *provider && attempt.provider_id.as_deref() == id)
        })
    }

    /// The payment that a provider's message is about, if it is one of ours.
    pub fn payment_of_notice(&self, provider: u16, about: &About) -> Option<PaymentId> {
        let by_reference = |reference: &Option<String>| {
            let reference = EffectRequested::parse_reference(reference.as_deref()?)?;
            let open = self.effects.get(self.open_references.get(&reference)?)?;
            (open.requested.provider == provider).then_some(open.payment)
        };
        let by_id = |provider_id: &str| self.attempt_of(provider, provider_id).map(|(payment, _)| payment);
        match about {
            About::Payment { provider_id, reference, .. } => by_reference(reference).or_else(|| by_id(provider_id)),
            About::Refund { payment_provider_id, reference, .. } | About::PaymentPart { payment_provider_id, reference } => {
                by_reference(reference).or_else(|| by_id(payment_provider_id))
            }
            About::Dispute { payment_provider_id, .. } => by_id(payment_provider_id),
            About::Other => None,
        }
    }

    /// All that a runner needs for the latest send of an open effect.
    pub fn dispatch(&self, effect: EffectId) -> Option<Dispatch> {
        let open = self.effects.get(&effect)?;
        Some(Dispatch { payment: open.payment, requested: open.requested.clone(), send: open.sends, send_kind: open.send_kind })
    }

    /// How this payment would expire now. Its timer runs exactly when this is not [`Expiry::NotNow`].
    pub(crate) fn expiry(&self, payment: &Payment) -> Expiry {
        match payment.status {
            PaymentStatus::Created => Expiry::AtOnce,
            PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured if payment.operation.is_none() && payment.cancel.is_none() => {
                Expiry::ByCancel
            }
            PaymentStatus::RequiresAction | PaymentStatus::Processing if payment.cancel.is_none() && self.is_waiting(payment) => {
                Expiry::ByCancel
            }
            PaymentStatus::Authorized
            | PaymentStatus::PartiallyCaptured
            | PaymentStatus::RequiresAction
            | PaymentStatus::Processing
            | PaymentStatus::Captured
            | PaymentStatus::PartiallyRefunded
            | PaymentStatus::Refunded
            | PaymentStatus::Canceled
            | PaymentStatus::Declined
            | PaymentStatus::Expired => Expiry::NotNow,
        }
    }

    /// Whether the provider has an intent that waits and that a cancel can name.
    pub(crate) fn is_waiting(&self, payment: &Payment) -> bool {
        let open = payment.operation.and_then(|effect| self.effects.get(&effect));
        let waiting = open.is_some_and(|open| open.accepted == Some(EffectStatus::Waiting) && open.status != EffectStatus::Parked);
        waiting && payment.provider_id().is_some()
    }

    /// Whether a call did something else than was asked, which is booked and waits for a person.
    pub fn is_mismatched(&self, effect: &Effect) -> bool {
        let EffectKind::Authorize { attempt } = effect.requested.kind else { return false };
        let attempts = self.payments.get(&effect.payment).map(|payment| payment.attempts.as_slice()).unwrap_or_default();
        attempts.get(usize::from(attempt)).is_some_and(|attempt| attempt.status == AttemptStatus::Mismatched)
    }

    /// When something falls due next.
    pub fn due_at(&self) -> Option<Timestamp> {
        let suspended = self.expiries_suspended;
        self.timers.iter().find(|(_, timer)| !(suspended && timer.is_expiry())).map(|(at, _)| *at)
    }

    /// Posted and pending balance of one of a merchant's accounts, in minor units; zeros when the account was never opened.
    pub fn balance(&self, merchant: MerchantId, currency: Currency, kind: AccountKind) -> Balance {
        let account = self.merchants.get(&merchant).and_then(|found| self.ledger.account(Books::account_id(found.number, currency, kind)));
        account.map_or(Balance::default(), |account| Balance {
            debits_posted: account.debits_posted,
            credits_posted: account.credits_posted,
            debits_pending: account.debits_pending,
            credits_pending: account.credits_pending,
        })
    }
}

/// How a payment whose time is up ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Nobody asked a provider for anything: at once.
    AtOnce,
    /// A provider may hold money or an open intent: by its confirmed cancel.
    ByCancel,
    /// Not now: something else is open or decided, and that comes first.
    NotNow,
}

/// Four sides of an account, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Sum of posted debits.
    pub debits_posted: u128,
    /// Sum of posted credits.
    pub credits_posted: u128,
    /// Sum of reserved debits.
    pub debits_pending: u128,
    /// Sum of reserved credits.
    pub credits_pending: u128,
}

impl StoredMethod {
    /// Whether a provider is at work on it.
    pub const fn is_undecided(&self) -> bool {
        match self.status {
            StoredMethodStatus::Storing | StoredMethodStatus::Removing => true,
            StoredMethodStatus::Active | StoredMethodStatus::Failed | StoredMethodStatus::Removed => false,
        }
    }
}

impl Payment {
    /// What may still be asked back: taken, less what was given back, is being given back, or is disputed and not won.
    pub fn refundable_minor(&self) -> u64 {
        let disputed: u64 = self.disputed_minor();
        self.captured_minor.saturating_sub(self.refunded_minor).saturating_sub(self.refunding_minor).saturating_sub(disputed)
    }

    /// Open and lost disputes, in minor units.
    pub fn disputed_minor(&self) -> u64 {
        let held = self.disputes.iter().filter(|dispute| dispute.status.is_held());
        held.fold(0, |sum, dispute| sum.saturating_add(dispute.amount_minor))
    }

    /// The provider's id of the payment, from the newest attempt.
    pub fn provider_id(&self) -> Option<&str> {
        self.attempts.last().and_then(|attempt| attempt.provider_id.as_deref())
    }

    /// Whether money was ever taken, even if that failed later. Such a payment is never tried again: a provider's late
    /// report about the first capture could not be told from one about the second.
    pub fn was_captured(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.status == AttemptStatus::Captured)
            || self.captures.iter().any(|capture| matches!(capture.status, CaptureStatus::Succeeded | CaptureStatus::Reversed))
    }

    /// The refund of that id.
    pub fn refund(&self, refund: RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|found| found.refund == refund)
    }
}

/// Id of a capture, made of its effect's.
pub fn capture_id(effect: EffectId) -> CaptureId {
    CaptureId::from_u128(effect.as_u128())
}

/// A number that stands for an object at a provider.
pub fn object_digest(provider: u16, provider_id: &str) -> u128 {
    let digest = Sha256::new().chain_update(provider.to_be_bytes()).chain_update(provider_id.as_bytes()).finalize();
    u128::from_be_bytes(core::array::from_fn(|index| digest[index]))
}

/// The place of an object in [`State::provider_objects`]: the first half of its digest.
pub const fn object_hash(digest: u128) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = digest.to_be_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
