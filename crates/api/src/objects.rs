//! The objects that answers show, and how each is made of the engine's state or of a read model's row. Both ways give
//! the same object, so that a client need not know which one answered.

use crate::details::{Customer, PaymentDetails, RefundDetails, Shown};
use base::{AttemptId, Currency, Decline, DeclineClass, MerchantId, Money, NextAction, PaymentId, RefundId, SubjectId, Timestamp};
use engine::state::Balance;
use engine::{CaptureMode, EventKind, OnFile, Presence};
use payments::postings::AccountKind;
use payments::{AttemptStatus, PaymentStatus, RefundStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use views::{AttemptRow, PaymentRow, RefundRow};

/// An amount in minor units: 1999 with EUR is 19.99 EUR.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Amount {
    /// Count of the currency's minor unit.
    pub(crate) amount_minor: u64,
    /// ISO 4217 code.
    #[schema(value_type = String, example = "EUR")]
    pub(crate) currency: &'static str,
}

/// Whether money is taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Capture {
    /// Authorize and take in one step.
    Automatic,
    /// Hold only; take with a capture.
    Manual,
}

/// One attempt to take a payment at one provider.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Attempt {
    /// `att_…`
    pub(crate) id: String,
    /// Where it stands.
    #[schema(schema_with = attempt_status_schema)]
    pub(crate) status: &'static str,
    /// What it came to; null while the first answer is due. `unknown` is an outcome: the provider may have done it.
    #[schema(schema_with = attempt_outcome_schema)]
    pub(crate) outcome: Option<&'static str>,
    /// The provider.
    pub(crate) provider: String,
    /// The provider's id.
    pub(crate) provider_id: Option<String>,
}

/// Why the last attempt was refused.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LastDecline {
    /// What the refusal permits.
    #[schema(schema_with = decline_class_schema)]
    pub(crate) class: &'static str,
    /// The provider's code.
    pub(crate) code: String,
    /// The card network's own code.
    pub(crate) network_code: Option<String>,
}

/// What has to happen before the provider goes on.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = NextAction)]
pub(crate) enum Action {
    /// Send the customer to this address.
    Redirect {
        /// Absolute URL at the provider.
        url: String,
    },
    /// Nothing for the customer; the provider answers later.
    Wait,
}

/// A payment. Amounts ending in `_minor` are in minor units of `amount.currency`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Payment {
    /// `pay_…`
    pub(crate) id: String,
    /// Always `payment`.
    #[schema(value_type = String, example = "payment")]
    pub(crate) object: &'static str,
    /// Whose, `mer_…`
    pub(crate) merchant: String,
    /// Where it stands.
    #[schema(schema_with = payment_status_schema)]
    pub(crate) status: &'static str,
    /// How much is asked for.
    pub(crate) amount: Amount,
    /// Held, or being asked for.
    pub(crate) held_minor: u64,
    /// Taken.
    pub(crate) captured_minor: u64,
    /// Given back.
    pub(crate) refunded_minor: u64,
    /// Asked to be given back and not decided.
    pub(crate) refunding_minor: u64,
    /// In open and lost disputes.
    pub(crate) disputed_minor: u64,
    /// Providers' fees.
    pub(crate) fee_minor: u64,
    /// Whether money is taken at once.
    pub(crate) capture: Capture,
    /// The stored payment method, `pmt_…`, or the provider's token.
    pub(crate) payment_method: Option<String>,
    /// Whether the customer is away while it is charged.
    pub(crate) off_session: bool,
    /// The merchant's permanent, unique reference; null when erased.
    pub(crate) reference: Option<String>,
    /// Who pays; null when erased.
    pub(crate) customer: Option<Customer>,
    /// What for; null when erased.
    pub(crate) description: Option<String>,
    /// The merchant's own fields; null when erased.
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    /// The person whose data this is, for erasure: `sub_…`
    pub(crate) subject: String,
    /// Whether the person's data was erased.
    pub(crate) erased: bool,
    /// Attempts, oldest first.
    pub(crate) attempts: Vec<Attempt>,
    /// Why the last attempt was refused.
    pub(crate) last_decline: Option<LastDecline>,
    /// What has to happen next.
    pub(crate) next_action: Option<Action>,
    /// The provider of the newest attempt.
    pub(crate) provider: Option<String>,
    /// That provider's id of the payment.
    pub(crate) provider_id: Option<String>,
    /// When it was created (RFC 3339).
    pub(crate) created_at: String,
    /// When it last changed (RFC 3339); null in an answer that is newer than the read models.
    pub(crate) updated_at: Option<String>,
    /// When it expires unless something happens (RFC 3339).
    pub(crate) expires_at: Option<String>,
}

/// Money given back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Refund {
    /// `ref_…`
    pub(crate) id: String,
    /// Always `refund`.
    #[schema(value_type = String, example = "refund")]
    pub(crate) object: &'static str,
    /// Whose, `mer_…`
    pub(crate) merchant: String,
    /// The payment, `pay_…`
    pub(crate) payment: String,
    /// Where it stands.
    #[schema(schema_with = refund_status_schema)]
    pub(crate) status: &'static str,
    /// How much.
    pub(crate) amount: Amount,
    /// Why; null when erased.
    pub(crate) reason: Option<String>,
    /// The merchant's own fields; null when erased.
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    /// Whether the person's data was erased.
    pub(crate) erased: bool,
    /// The provider's id.
    pub(crate) provider_id: Option<String>,
    /// The provider's code when it failed or was reversed; null in an answer that is newer than the read models.
    pub(crate) failure_code: Option<String>,
    /// When it was asked for (RFC 3339).
    pub(crate) created_at: String,
    /// When it last changed (RFC 3339); null in an answer that is newer than the read models.
    pub(crate) updated_at: Option<String>,
}

/// One account of the merchant's books. Sums are in minor units of its currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Account {
    /// What it is for.
    #[schema(schema_with = account_kind_schema)]
    pub(crate) kind: &'static str,
    /// Number in the chart of accounts.
    pub(crate) code: u16,
    /// Posted credits less posted debits: positive is owed to the merchant.
    #[schema(value_type = i64)]
    pub(crate) balance_minor: i128,
    /// Sum of posted debits.
    #[schema(value_type = u64)]
    pub(crate) debits_posted_minor: u128,
    /// Sum of posted credits.
    #[schema(value_type = u64)]
    pub(crate) credits_posted_minor: u128,
    /// Sum of reserved debits.
    #[schema(value_type = u64)]
    pub(crate) debits_pending_minor: u128,
    /// Sum of reserved credits.
    #[schema(value_type = u64)]
    pub(crate) credits_pending_minor: u128,
}

/// The merchant's books in one currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct CurrencyBalance {
    /// ISO 4217 code.
    #[schema(value_type = String, example = "EUR")]
    pub(crate) currency: &'static str,
    /// Earned and not yet released by providers, in minor units.
    #[schema(value_type = i64)]
    pub(crate) pending_minor: i128,
    /// Earned and released, in minor units.
    #[schema(value_type = i64)]
    pub(crate) available_minor: i128,
    /// Every account, in the order of the chart.
    pub(crate) accounts: Vec<Account>,
}

/// The merchant's books.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Balances {
    /// Always `balances`.
    #[schema(value_type = String, example = "balances")]
    pub(crate) object: &'static str,
    /// By currency.
    pub(crate) data: Vec<CurrencyBalance>,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    /// `evt_…`
    pub(crate) id: String,
    /// Always `event`.
    #[schema(value_type = String, example = "event")]
    pub(crate) object: &'static str,
    /// Its place in the journal.
    pub(crate) seq: u64,
    /// What kind of event it is.
    #[serde(rename = "type")]
    #[schema(schema_with = event_kind_schema)]
    pub(crate) kind: &'static str,
    /// The payment that it is about, `pay_…`
    pub(crate) payment: Option<String>,
    /// When (RFC 3339).
    pub(crate) created_at: String,
    /// What the kind says beside; never personal data.
    #[schema(value_type = Object)]
    pub(crate) data: serde_json::Map<String, serde_json::Value>,
}

/// A merchant.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Merchant {
    /// `mer_…`
    pub(crate) id: String,
    /// Always `merchant`.
    #[schema(value_type = String, example = "merchant")]
    pub(crate) object: &'static str,
    /// Short name.
    pub(crate) handle: String,
    /// Currencies in which it has ledger accounts.
    #[schema(value_type = Vec<String>)]
    pub(crate) currencies: Vec<&'static str>,
}

/// A new API key; the only answer that ever shows the secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewApiKey {
    /// The public id: ten characters, safe to store and show.
    pub(crate) id: String,
    /// Always `api_key`.
    #[schema(value_type = String, example = "api_key")]
    pub(crate) object: &'static str,
    /// The merchant that it acts for, `mer_…`
    pub(crate) merchant: String,
    /// The whole key. It is shown this once.
    pub(crate) secret: String,
}

/// A page of a list, newest first unless its description says otherwise. A page may hold fewer than `limit`, even none,
/// while there is more.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// Always `list`.
    #[schema(value_type = String, example = "list")]
    pub(crate) object: &'static str,
    /// The objects.
    pub(crate) data: Vec<T>,
    /// Whether there is a next page.
    pub(crate) has_more: bool,
    /// What to send as `cursor` for the next page.
    pub(crate) next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A page and where the next one begins.
    pub(crate) fn new(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { object: "list", data, has_more: next_cursor.is_some(), next_cursor }
    }
}

impl Amount {
    pub(crate) fn new(money: Money) -> Self {
        Self { amount_minor: money.amount_minor, currency: money.currency.alpha() }
    }
}

impl From<CaptureMode> for Capture {
    fn from(mode: CaptureMode) -> Self {
        match mode {
            CaptureMode::Automatic => Self::Automatic,
            CaptureMode::Manual => Self::Manual,
        }
    }
}

impl From<Capture> for CaptureMode {
    fn from(capture: Capture) -> Self {
        match capture {
            Capture::Automatic => Self::Automatic,
            Capture::Manual => Self::Manual,
        }
    }
}

/// The name of a provider endpoint; a number stands for one that is no longer configured.
pub(crate) fn provider_name(providers: &[String], number: u16) -> String {
    providers.get(usize::from(number)).cloned().unwrap_or_else(|| format!("provider_{number}"))
}

/// An attempt's outcome in the API: its status says which.
const fn attempt_outcome(status: AttemptStatus) -> Option<&'static str> {
    match status {
        AttemptStatus::Started => None,
        AttemptStatus::Unknown => Some("unknown"),
        AttemptStatus::Pending => Some("pending"),
        AttemptStatus::Authorized | AttemptStatus::Captured => Some("approved"),
        AttemptStatus::Declined => Some("declined"),
        AttemptStatus::Failed => Some("not_executed"),
        AttemptStatus::Mismatched => Some("mismatch"),
        AttemptStatus::Canceled => Some("canceled"),
        AttemptStatus::SucceededLate => Some("succeeded_late"),
    }
}

/// A decline's class in the API.
pub(crate) const fn decline_class(class: DeclineClass) -> &'static str {
    match class {
        DeclineClass::HardCard => "hard_card",
        DeclineClass::HardRisk => "hard_risk",
        DeclineClass::SoftFunds => "soft_funds",
        DeclineClass::SoftIssuer => "soft_issuer",
        DeclineClass::SoftPsp => "soft_psp",
        DeclineClass::FixData => "fix_data",
        DeclineClass::Authenticate => "authenticate",
        DeclineClass::Config => "config",
        DeclineClass::Duplicate => "duplicate",
    }
}

impl From<&Decline> for LastDecline {
    fn from(decline: &Decline) -> Self {
        let Decline { class, code, network_code } = decline;
        Self { class: decline_class(*class), code: code.clone(), network_code: network_code.clone() }
    }
}

impl From<&NextAction> for Action {
    fn from(action: &NextAction) -> Self {
        match action {
            NextAction::Redirect { url } => Self::Redirect { url: url.clone() },
            NextAction::Wait => Self::Wait,
        }
    }
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// What the engine's state and a row have in common; the one place where a payment becomes an object.
struct PaymentParts<'a> {
    id: PaymentId,
    merchant: MerchantId,
    status: PaymentStatus,
    money: Money,
    held_minor: u64,
    captured_minor: u64,
    refunded_minor: u64,
    refunding_minor: u64,
    disputed_minor: u64,
    fee_minor: u64,
    capture: CaptureMode,
    payment_method: Option<&'a str>,
    on_file: Option<OnFile>,
    subject: SubjectId,
    attempts: Vec<Attempt>,
    last_decline: Option<&'a Decline>,
    next_action: Option<&'a NextAction>,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl PaymentParts<'_> {
    fn object(self, shown: Shown<PaymentDetails>) -> Payment {
        let PaymentDetails { reference, customer, description, metadata } = shown.details;
        let newest = self.attempts.last();
        let stored = self.on_file.and_then(|on_file| on_file.method).map(|method| method.to_string());
        Payment {
            id: self.id.to_string(),
            object: "payment",
            merchant: self.merchant.to_string(),
            status: self.status.name(),
            amount: Amount::new(self.money),
            held_minor: self.held_minor,
            captured_minor: self.captured_minor,
            refunded_minor: self.refunded_minor,
            refunding_minor: self.refunding_minor,
            disputed_minor: self.disputed_minor,
            fee_minor: self.fee_minor,
            capture: self.capture.into(),
            payment_method: stored.or(self.payment_method.map(str::to_owned)),
            off_session: self.on_file.is_some_and(|on_file| on_file.presence == Presence::OffSession),
            reference,
            customer,
            description,
            metadata,
            subject: self.subject.to_string(),
            erased: shown.erased,
            last_decline: self.last_decline.map(Into::into),
            next_action: self.next_action.map(Into::into),
            provider: newest.map(|attempt| attempt.provider.clone()),
            provider_id: newest.and_then(|attempt| attempt.provider_id.clone()),
            attempts: self.attempts,
            created_at: self.created_at.to_string(),
            updated_at: time(self.updated_at),
            expires_at: time(self.expires_at),
        }
    }
}

struct AttemptParts<'a> {
    effect: base::EffectId,
    provider: u16,
    status: AttemptStatus,
    provider_id: Option<&'a str>,
}

impl AttemptParts<'_> {
    /// An attempt's id is made of the effect that carries it out.
    fn object(&self, providers: &[String]) -> Attempt {
        Attempt {
            id: AttemptId::from_u128(self.effect.as_u128()).to_string(),
            status: self.status.name(),
            outcome: attempt_outcome(self.status),
            provider: provider_name(providers, self.provider),
            provider_id: self.provider_id.map(str::to_owned),
        }
    }
}

impl Payment {
    /// From the engine's state, which does not remember when it last changed.
    pub(crate) fn of_state(id: PaymentId, payment: &engine::Payment, shown: Shown<PaymentDetails>, providers: &[String]) -> Self {
        let attempts = payment.attempts.iter().map(|attempt| {
            let parts = AttemptParts {
                effect: attempt.effect,
                provider: attempt.provider,
                status: attempt.status,
                provider_id: attempt.provider_id.as_deref(),
            };
            parts.object(providers)
        });
        let parts = PaymentParts {
            id,
            merchant: payment.merchant,
            status: payment.status,
            money: payment.money,
            held_minor: payment.held_minor,
            captured_minor: payment.captured_minor,
            refunded_minor: payment.refunded_minor,
            refunding_minor: payment.refunding_minor,
            disputed_minor: payment.disputed_minor(),
            fee_minor: payment.fee_minor,
            capture: payment.capture,
            payment_method: payment.payment_method.as_deref(),
            on_file: payment.on_file.as_deref().copied(),
            subject: payment.subject,
            attempts: attempts.collect(),
            last_decline: payment.last_decline.as_ref(),
            next_action: payment.next_action.as_ref(),
            created_at: payment.created_at,
            updated_at: None,
            expires_at: payment.expires_at,
        };
        parts.object(shown)
    }

    /// From a row and its attempts.
    pub(crate) fn of_row(row: &PaymentRow, attempts: &[AttemptRow], shown: Shown<PaymentDetails>, providers: &[String]) -> Self {
        let attempts = attempts.iter().map(|attempt| {
            let parts = AttemptParts {
                effect: attempt.effect,
                provider: attempt.provider,
                status: attempt.status,
                provider_id: attempt.provider_id.as_deref(),
            };
            parts.object(providers)
        });
        let parts = PaymentParts {
            id: row.id,
            merchant: row.merchant,
            status: row.status,
            money: row.money,
            held_minor: row.held_minor,
            captured_minor: row.captured_minor,
            refunded_minor: row.refunded_minor,
            refunding_minor: row.refunding_minor,
            disputed_minor: row.disputed_minor,
            fee_minor: row.fee_minor,
            capture: row.capture_mode,
            payment_method: row.payment_method.as_deref(),
            on_file: row.on_file,
            subject: row.subject,
            attempts: attempts.collect(),
            last_decline: row.last_decline.as_ref(),
            next_action: row.next_action.as_ref(),
            created_at: row.created_at,
            updated_at: Some(row.updated_at),
            expires_at: row.expires_at,
        };
        parts.object(shown)
    }
}

impl Refund {
    /// From the engine's state.
    pub(crate) fn of_state(id: PaymentId, payment: &engine::Payment, refund: &engine::Refund, shown: Shown<RefundDetails>) -> Self {
        let RefundDetails { reason, metadata } = shown.details;
        Self {
            id: refund.refund.to_string(),
            object: "refund",
            merchant: payment.merchant.to_string(),
            payment: id.to_string(),
            status: refund.status.name(),
            amount: Amount::new(Money { amount_minor: refund.amount_minor, currency: payment.money.currency }),
            reason,
            metadata,
            erased: shown.erased,
            provider_id: refund.provider_id.clone(),
            failure_code: None,
            created_at: refund.created_at.to_string(),
            updated_at: None,
        }
    }

    /// From a row.
    pub(crate) fn of_row(row: &RefundRow, shown: Shown<RefundDetails>) -> Self {
        let RefundDetails { reason, metadata } = shown.details;
        Self {
            id: RefundId::to_string(&row.id),
            object: "refund",
            merchant: row.merchant.to_string(),
            payment: row.payment.to_string(),
            status: row.status.name(),
            amount: Amount::new(row.money),
            reason,
            metadata,
            erased: shown.erased,
            provider_id: row.provider_id.clone(),
            failure_code: row.failure_code.clone(),
            created_at: row.created_at.to_string(),
            updated_at: Some(row.updated_at.to_string()),
        }
    }
}

impl Balances {
    /// Groups accounts by currency; both in their own order.
    pub(crate) fn new(accounts: &[(Currency, AccountKind, Balance)]) -> Self {
        let mut by_currency: BTreeMap<Currency, BTreeMap<AccountKind, Balance>> = BTreeMap::new();
        for (currency, kind, balance) in accounts {
            by_currency.entry(*currency).or_default().insert(*kind, *balance);
        }
        let data = by_currency.into_iter().map(|(currency, accounts)| {
            let net_of = |kind| accounts.get(&kind).map_or(0, net);
            CurrencyBalance {
                currency: currency.alpha(),
                pending_minor: net_of(AccountKind::MerchantPending),
                available_minor: net_of(AccountKind::MerchantAvailable),
                accounts: accounts.iter().map(|(kind, balance)| account(*kind, balance)).collect(),
            }
        });
        Self { object: "balances", data: data.collect() }
    }
}

fn account(kind: AccountKind, balance: &Balance) -> Account {
    let Balance { debits_posted, credits_posted, debits_pending, credits_pending } = *balance;
    Account {
        kind: kind.name(),
        code: kind.code(),
        balance_minor: net(balance),
        debits_posted_minor: debits_posted,
        credits_posted_minor: credits_posted,
        debits_pending_minor: debits_pending,
        credits_pending_minor: credits_pending,
    }
}

/// Posted credits less posted debits; sums of 64-bit amounts never come near the limits of 128 bits.
pub(crate) fn net(balance: &Balance) -> i128 {
    let signed = |sum: u128| i128::try_from(sum).unwrap_or(i128::MAX);
    signed(balance.credits_posted).saturating_sub(signed(balance.debits_posted))
}

fn names(names: impl Iterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

fn payment_status_schema() -> Object {
    names(PaymentStatus::ALL.iter().map(|status| status.name()))
}

fn attempt_status_schema() -> Object {
    names(AttemptStatus::ALL.iter().map(|status| status.name()))
}

fn refund_status_schema() -> Object {
    names(RefundStatus::ALL.iter().map(|status| status.name()))
}

fn event_kind_schema() -> Object {
    names(EventKind::ALL.iter().map(|kind| kind.name()))
}

pub(crate) fn account_kind_schema() -> Object {
    names(AccountKind::ALL.into_iter().map(AccountKind::name))
}

fn attempt_outcome_schema() -> Object {
    let outcomes: std::collections::BTreeSet<&str> = AttemptStatus::ALL.iter().filter_map(|status| attempt_outcome(*status)).collect();
    let values = outcomes.into_iter().map(serde_json::Value::from).chain([serde_json::Value::Null]);
    ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(values))
        .build()
}

/// Every class of a decline.
const DECLINE_CLASSES: [DeclineClass; 9] = [
    DeclineClass::HardCard,
    DeclineClass::HardRisk,
    DeclineClass::SoftFunds,
    DeclineClass::SoftIssuer,
    DeclineClass::SoftPsp,
    DeclineClass::FixData,
    DeclineClass::Authenticate,
    DeclineClass::Config,
    DeclineClass::Duplicate,
];

/// The class of that name in the API.
pub(crate) fn parse_decline_class(name: &str) -> Option<DeclineClass> {
    DECLINE_CLASSES.into_iter().find(|class| decline_class(*class) == name)
}

fn decline_class_schema() -> Object {
    names(DECLINE_CLASSES.into_iter().map(decline_class))
}
