//! The provider's objects of a payment as the simulator keeps them: compact rows in tables, with ids that are computed
//! from a row's position. Objects around a payment (customers, methods, payouts, events) are in [`super::records`]. How
//! they look on the wire is in [`super::render`]; how they change is in the life cycles.

use super::cards::Decline;
use super::contacts::Shipping;
use super::currency::Currency;
use super::records::{Customer, Dispute, MethodTexts, PaymentMethod, Payout};
use crate::random;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A kind of object that has ids.
pub trait Kind {
    /// What ids of this kind begin with, underscore included.
    const PREFIX: &'static str;
    /// Name of the kind in messages.
    const NAME: &'static str;
    /// Stream of numbers that this kind's ids are made of.
    const STREAM: u64;
    /// Owner of the object.
    fn account(&self) -> Account;
    /// Creation time, ms since 1970.
    fn created_ms(&self) -> u64;
}

/// Position of an object in its table.
pub struct Row<T> {
    index: u32,
    kind: PhantomData<fn() -> T>,
}

impl<T> Row<T> {
    /// Row at a position.
    pub fn new(index: u32) -> Self {
        Self { index, kind: PhantomData }
    }

    /// Position in the table, in order of creation.
    pub fn index(self) -> u32 {
        self.index
    }
}

impl<T> Clone for Row<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Row<T> {}
impl<T> PartialEq for Row<T> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}
impl<T> Eq for Row<T> {}
impl<T> PartialOrd for Row<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Row<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.index.cmp(&other.index)
    }
}
impl<T> fmt::Debug for Row<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Row({})", self.index)
    }
}

/// All objects of one kind, in order of creation. Only the oldest can be removed, and their rows are not used again.
#[derive(Debug, Clone)]
pub struct Table<T> {
    rows: VecDeque<T>,
    /// Index of the oldest row that is still there.
    first: u32,
    seed: u64,
}

/// Base-62 digits of an id that hold the scrambled position, and those that only check it.
const POSITION_DIGITS: usize = 11;
const CHECK_DIGITS: [usize; 2] = [7, 6];

impl<T: Kind> Table<T> {
    /// An empty table whose ids follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { rows: VecDeque::new(), first: 0, seed: random::mix(seed, T::STREAM, 0) }
    }

    /// Adds an object.
    pub fn push(&mut self, object: T) -> Row<T> {
        let row = self.next_row();
        self.rows.push_back(object);
        row
    }

    /// The row that the next [`Table::push`] will return.
    pub fn next_row(&self) -> Row<T> {
        let length = u32::try_from(self.rows.len()).expect("memory ends before 2^32 objects");
        Row::new(self.first.checked_add(length).expect("memory ends before 2^32 objects"))
    }

    /// The object at a row of this table that is still there.
    pub fn at(&self, row: Row<T>) -> &T {
        &self.rows[usize::try_from(row.index - self.first).expect("a 32-bit index fits")]
    }

    /// The object at a row of this table that is still there, to change it.
    pub fn at_mut(&mut self, row: Row<T>) -> &mut T {
        &mut self.rows[usize::try_from(row.index - self.first).expect("a 32-bit index fits")]
    }

    /// One more than the index of the newest row.
    pub fn count(&self) -> u32 {
        self.next_row().index
    }

    /// Index of the oldest row that is still there.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// The oldest object that is still there.
    pub fn oldest(&self) -> Option<&T> {
        self.rows.front()
    }

    /// Removes the oldest object.
    pub fn drop_oldest(&mut self) {
        if self.rows.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// All rows, oldest first.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = (Row<T>, &T)> {
        (self.first..self.count()).zip(&self.rows).map(|(index, object)| (Row::new(index), object))
    }

    /// The id of a row.
    pub fn id(&self, row: Row<T>) -> String {
        let mut id = String::with_capacity(32);
        id.push_str(T::PREFIX);
        let position = u64::from(row.index) ^ self.seed;
        random::push_digits(&mut id, random::scramble(position), POSITION_DIGITS);
        for (stream, digits) in (1u64..).zip(CHECK_DIGITS) {
            random::push_digits(&mut id, random::mix(self.seed, stream, u64::from(row.index)), digits);
        }
        id
    }

    /// The row of an id; `None` if no object of this table has it.
    pub fn find(&self, id: &str) -> Option<Row<T>> {
        let digits = id.strip_prefix(T::PREFIX)?.get(..POSITION_DIGITS)?;
        let position = random::unscramble(random::parse_digits(digits)?) ^ self.seed;
        let row = Row::new(u32::try_from(position).ok()?);
        ((self.first..self.count()).contains(&row.index) && self.id(row) == id).then_some(row)
    }
}

/// The account an object belongs to, as a position in the simulator's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account(pub u32);

/// Names and values that merchants attach, packed into two allocations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    text: Box<str>,
    /// End of each name and each value in `text`, alternating.
    ends: Box<[u32]>,
}

impl Metadata {
    /// Packs pairs in their order.
    pub fn pack<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = String::new();
        let mut ends = Vec::new();
        for part in pairs.into_iter().flat_map(|(name, value)| [name, value]) {
            text.push_str(part);
            ends.push(u32::try_from(text.len()).expect("metadata was bounded when parsed"));
        }
        Self { text: text.into_boxed_str(), ends: ends.into_boxed_slice() }
    }

    /// The pairs in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.chunks_exact(2).map(move |ends| {
            let name_end = usize::try_from(ends[0]).expect("a 32-bit end fits");
            let value_end = usize::try_from(ends[1]).expect("a 32-bit end fits");
            let pair = (&self.text[start..name_end], &self.text[name_end..value_end]);
            start = value_end;
            pair
        })
    }

    /// The value of a name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// These pairs with others laid over them; an empty value removes its name, as on the wire.
    pub fn merged(&self, over: &Metadata) -> Metadata {
        let mut pairs: Vec<(&str, &str)> = self.pairs().collect();
        for (name, value) in over.pairs() {
            match pairs.iter_mut().find(|(key, _)| *key == name) {
                Some(pair) => pair.1 = value,
                None => pairs.push((name, value)),
            }
        }
        Metadata::pack(pairs.into_iter().filter(|(_, value)| !value.is_empty()))
    }
}

/// Texts of a payment intent that do not decide anything, shared between the object and saved answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// Merchant's metadata.
    pub metadata: Metadata,
    /// Everything that few intents have.
    pub rare: Option<Box<RareTexts>>,
}

/// Texts that few payment intents have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RareTexts {
    /// `description`.
    pub description: Option<String>,
    /// `receipt_email`.
    pub receipt_email: Option<String>,
    /// `statement_descriptor`.
    pub statement_descriptor: Option<String>,
    /// `statement_descriptor_suffix`.
    pub statement_descriptor_suffix: Option<String>,
    /// `transfer_group`.
    pub transfer_group: Option<String>,
    /// `setup_future_usage`.
    pub setup_future_usage: Option<&'static str>,
    /// `return_url` of the last confirmation.
    pub return_url: Option<String>,
    /// `shipping`.
    pub shipping: Option<Shipping>,
    /// `payment_method_types` if it is not just `card`.
    pub payment_method_types: Option<Vec<String>>,
}

/// Status of a payment intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentStatus {
    /// No usable payment method; also after a decline.
    RequiresPaymentMethod,
    /// Has a payment method, waits for confirmation.
    RequiresConfirmation,
    /// The customer must act.
    RequiresAction,
    /// An asynchronous rail is at work.
    Processing,
    /// Authorised, not captured.
    RequiresCapture,
    /// Ended without payment.
    Canceled,
    /// Captured.
    Succeeded,
}

impl IntentStatus {
    /// The status's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::Canceled => "canceled",
            Self::Succeeded => "succeeded",
        }
    }
}

/// When the money is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureMethod {
    /// With the authorisation.
    Automatic,
    /// With the authorisation; details of the money may follow later.
    AutomaticAsync,
    /// By a separate call.
    Manual,
}

impl CaptureMethod {
    /// The method's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::AutomaticAsync => "automatic_async",
            Self::Manual => "manual",
        }
    }
}

/// Whether the provider chooses the types of payment methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutomaticMethods {
    /// The merchant listed the types.
    Off,
    /// The provider chooses.
    On,
    /// The provider chooses among those that never send the customer elsewhere.
    WithoutRedirects,
}

impl AutomaticMethods {
    /// Whether the provider chooses.
    pub fn is_on(self) -> bool {
        match self {
            Self::On | Self::WithoutRedirects => true,
            Self::Off => false,
        }
    }
}

/// How a payment intent came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentOrigin {
    /// The merchant made it.
    Own,
    /// The simulator made it to hold a charge that has none on the wire.
    DirectCharge,
}

/// When the merchant wants a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeWish {
    /// When the card needs one.
    Automatic,
    /// Whenever the card supports one (`any`, `challenge`).
    Whenever,
}

/// Whether the merchant wants to be able to raise an authorisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncrementWish {
    /// Not asked for.
    Never,
    /// Where the card network allows it.
    IfAvailable,
}

/// `payment_method_options[card]`, as far as it decides something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardOptions {
    /// `request_three_d_secure`.
    pub challenge: ChallengeWish,
    /// `request_incremental_authorization`.
    pub increment: IncrementWish,
}

impl CardOptions {
    /// What holds unless the merchant says otherwise.
    pub const PLAIN: Self = Self { challenge: ChallengeWish::Automatic, increment: IncrementWish::Never };
}

/// Why the last attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The reason.
    pub decline: Decline,
    /// The payment method that was tried.
    pub method: Row<PaymentMethod>,
    /// The charge that records the attempt, if it got that far.
    pub charge: Option<Row<Charge>>,
}

/// A payment intent.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Owner.
    pub account: Account,
    /// Amount to collect, minor units.
    pub amount: u64,
    /// Amount collected so far, minor units.
    pub received: u64,
    /// Currency.
    pub currency: Currency,
    /// Status.
    pub status: IntentStatus,
    /// When the money is taken.
    pub capture_method: CaptureMethod,
    /// Whether `confirmation_method` is `manual`.
    pub confirmed_manually: bool,
    /// `automatic_payment_methods`.
    pub automatic_methods: AutomaticMethods,
    /// How it came about.
    pub origin: IntentOrigin,
    /// Whether the customer passed a challenge for the present payment method.
    pub authenticated: bool,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// Whose payment it is.
    pub customer: Option<Row<Customer>>,
    /// Wishes about cards.
    pub options: CardOptions,
    /// How often its authorisation was raised.
    pub increment_count: u32,
    /// Payment method of the present or last attempt.
    pub method: Option<Row<PaymentMethod>>,
    /// Charge of the last attempt.
    pub charge: Option<Row<Charge>>,
    /// Why the last attempt failed; cleared by the next one.
    pub failure: Option<Failure>,
    /// Cancellation time and reason.
    pub canceled: Option<(u64, Option<&'static str>)>,
    /// Texts.
    pub texts: Arc<Texts>,
}

/// Status of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeStatus {
    /// An asynchronous rail is at work.
    Pending,
    /// Authorised, not captured.
    Authorized,
    /// Captured, perhaps less than authorised.
    Captured,
    /// Authorisation given back without capture.
    Released,
    /// Authorisation ran out.
    Expired,
    /// Refused.
    Failed,
}

/// One attempt to charge.
#[derive(Debug, Clone)]
pub struct Charge {
    /// Owner.
    pub account: Account,
    /// The intent it belongs to.
    pub intent: Row<Intent>,
    /// Payment method that was charged.
    pub method: Row<PaymentMethod>,
    /// Amount asked of the issuer, minor units.
    pub amount: u64,
    /// Amount captured, minor units.
    pub captured: u64,
    /// Refunds that succeeded and did not fail later, minor units.
    pub refunded: u64,
    /// Refunds still pending, minor units.
    pub refund_pending: u64,
    /// Amount in lost or open chargebacks, minor units.
    pub disputed: u64,
    /// Whether any dispute, inquiries included, was opened.
    pub has_dispute: bool,
    /// Whether the customer authenticated.
    pub authenticated: bool,
    /// Status.
    pub status: ChargeStatus,
    /// Why it failed.
    pub decline: Option<Decline>,
    /// Currency.
    pub currency: Currency,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// What it did to the balance.
    pub transaction: Option<Row<Transaction>>,
    /// Newest of its refunds, the head of a chain.
    pub newest_refund: Option<Row<Refund>>,
    /// Customer at the time.
    pub customer: Option<Row<Customer>>,
    /// Texts of the intent at the time, and what was changed on the charge itself since.
    pub texts: Arc<Texts>,
    /// Texts of the payment method at the time.
    pub method_texts: Option<Arc<MethodTexts>>,
    /// Whether its authorisation can be raised.
    pub incremental: bool,
    /// `fraud_details.user_report`.
    pub fraud_report: Option<&'static str>,
}

/// Status of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStatus {
    /// Not yet with the customer.
    Pending,
    /// Done; may still fail.
    Succeeded,
    /// Came back.
    Failed,
}

impl RefundStatus {
    /// The status's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// A refund.
#[derive(Debug, Clone)]
pub struct Refund {
    /// Owner.
    pub account: Account,
    /// The charge it gives back.
    pub charge: Row<Charge>,
    /// Amount, minor units.
    pub amount: u64,
    /// Status.
    pub status: RefundStatus,
    /// Reason the merchant gave.
    pub reason: Option<&'static str>,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// What it did to the balance.
    pub transaction: Option<Row<Transaction>>,
    /// What its failure did to the balance.
    pub failure_transaction: Option<Row<Transaction>>,
    /// The charge's next older refund.
    pub older: Option<Row<Refund>>,
    /// Merchant's metadata.
    pub metadata: Arc<Metadata>,
}

/// What a balance transaction comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A captured charge.
    Charge(Row<Charge>),
    /// A refund.
    Refund(Row<Refund>),
    /// A refund that failed.
    RefundFailure(Row<Refund>),
    /// A dispute.
    Dispute(Row<Dispute>),
    /// A dispute that was won.
    DisputeReversal(Row<Dispute>),
    /// A payout.
    Payout(Row<Payout>),
    /// A payout that was canceled.
    PayoutCancel(Row<Payout>),
    /// A payout that failed.
    PayoutFailure(Row<Payout>),
}

/// A movement on the merchant's balance.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// Owner.
    pub account: Account,
    /// What it comes from.
    pub source: Source,
    /// Gross amount, minor units, negative if it leaves the balance.
    pub amount: i64,
    /// Fee, minor units, negative if it is given back.
    pub fee: i64,
    /// Currency.
    pub currency: Currency,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// When the money becomes available, ms since 1970.
    pub available_ms: u64,
}

macro_rules! kind {
    ($object:ty, $prefix:literal, $name:literal, $stream:literal) => {
        impl $crate::stripe::objects::Kind for $object {
            const PREFIX: &'static str = $prefix;
            const NAME: &'static str = $name;
            const STREAM: u64 = $stream;
            fn account(&self) -> $crate::stripe::objects::Account {
                self.account
            }
            fn created_ms(&self) -> u64 {
                self.created_ms
            }
        }
    };
}
pub(super) use kind;

kind!(Intent, "pi_", "payment_intent", 1);
kind!(Charge, "ch_", "charge", 2);
kind!(Refund, "re_", "refund", 3);
kind!(Transaction, "txn_", "balance_transaction", 4);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::cards::CardIndex;
    use crate::stripe::records::MethodUse;

    fn methods(seed: u64, count: u64) -> Table<PaymentMethod> {
        let mut table = Table::new(seed);
        for created_ms in 0..count {
            let card = CardIndex::by_payment_method("pm_card_visa").unwrap();
            let (customer, used, texts) = (None, MethodUse::Fresh, None);
            table.push(PaymentMethod { account: Account(0), card, created_ms, customer, used, set_up: false, texts });
        }
        table
    }

    #[test]
    fn ids_look_like_the_providers_and_lead_back_to_their_row() {
        let table = methods(7, 1_000);
        for (row, _) in table.rows() {
            let id = table.id(row);
            assert_eq!(id.len(), 27);
            assert!(id[3..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert_eq!(table.find(&id), Some(row));
        }
    }

    #[test]
    fn foreign_and_forged_ids_are_unknown() {
        let table = methods(7, 10);
        let mut forged = table.id(Row::new(3));
        forged.pop();
        forged.push('!');
        let beyond = methods(7, 11).id(Row::new(10));
        let other_seed = methods(8, 10).id(Row::new(3));
        for id in ["", "pm_", "pm_é", "pi_0123456789abcdefghijklmn", &forged, &beyond, &other_seed] {
            assert_eq!(table.find(id), None, "{id}");
        }
    }

    #[test]
    fn metadata_merges_as_on_the_wire() {
        let old = Metadata::pack([("a", "1"), ("b", "2"), ("c", "")]);
        let new = old.merged(&Metadata::pack([("b", ""), ("a", "9"), ("d", "é")]));
        assert_eq!(new.pairs().collect::<Vec<_>>(), [("a", "9"), ("d", "é")]);
        assert_eq!(new.value("d"), Some("é"));
        assert_eq!(new.value("b"), None);
    }
}
