//! One attempt to charge: what the issuer says, what it does to the intent, the charge and the balance, and what
//! follows by itself. The calls that change a charge are here too; those of payment intents are not.
//!
//! Source: docs.stripe.com/api/charges.

use super::Stripe;
use super::answers::{Answer, Outcome, Shown};
use super::cards::{AfterChallenge, BankOutcome, Behavior, CardIndex, Decline, DisputeKind, OffSession};
use super::contacts::Shipping;
use super::errors::ApiError;
use super::expand::{Expand, Place, Shape};
use super::intents::{parse_currency, shortened};
use super::objects::{
    Account, AutomaticMethods, CaptureMethod, CardOptions, ChallengeWish, Charge, ChargeStatus, Failure, IncrementWish, Intent,
    IntentOrigin, IntentStatus, Row, Source, Texts, Transaction,
};
use super::params::Params;
use super::payment_methods::MethodNamed;
use super::queries::own;
use super::records::PaymentMethod;
use super::timers::Timer;
use std::sync::Arc;

/// Fee: 2.9 % (docs.stripe.com/pricing, cards) in thousandths.
const FEE_PER_MILLE: u64 = 29;
/// Fee: the fixed part, minor units.
const FEE_FIXED: u64 = 30;
const CREATE_KNOWN: &[&str] = &[
    "amount",
    "capture",
    "currency",
    "description",
    "metadata",
    "radar_options",
    "receipt_email",
    "shipping",
    "source",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
];
const CREATE_UNMODELLED: &[&str] =
    &["application_fee", "application_fee_amount", "customer", "destination", "on_behalf_of", "transfer_data"];
const CAPTURE_KNOWN: &[&str] = &["amount", "receipt_email", "statement_descriptor", "statement_descriptor_suffix", "transfer_group"];
const CAPTURE_UNMODELLED: &[&str] = &["application_fee", "application_fee_amount", "transfer_data"];
const UPDATE_KNOWN: &[&str] = &["customer", "description", "fraud_details", "metadata", "receipt_email", "shipping", "transfer_group"];

/// The provider's fee for a captured amount: 2.9 % rounded half up, and 30 minor units.
pub(super) fn fee(amount: u64) -> u64 {
    amount.saturating_mul(FEE_PER_MILLE).saturating_add(500) / 1_000 + FEE_FIXED
}

/// An amount as a signed one; amounts have at most twelve digits.
pub(super) fn signed(amount: u64) -> i64 {
    i64::try_from(amount).expect("amounts were bounded when parsed")
}

/// Who is there when a payment is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Presence {
    /// `off_session`: the customer is not present.
    pub off_session: bool,
    /// `error_on_requires_action`: a needed challenge counts as a decline.
    pub refuses_action: bool,
}

/// What the issuer says to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Approved,
    Declined(Decline),
    Challenge,
    Bank(BankOutcome),
}

/// How an attempt ended, for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The intent says the rest.
    Done,
    /// The answer is a 402.
    Declined,
}

impl Stripe {
    /// Charges the intent's payment method. The caller has checked that there is one and that the status allows it.
    pub(super) fn attempt(&mut self, row: Row<Intent>, method: Row<PaymentMethod>, presence: Presence) -> Attempt {
        self.intents.at_mut(row).failure = None;
        match self.verdict(row, method, presence) {
            Verdict::Approved => {
                self.approve(row, method);
                Attempt::Done
            }
            Verdict::Declined(decline) => {
                self.decline(row, method, decline);
                Attempt::Declined
            }
            Verdict::Challenge => {
                self.intents.at_mut(row).status = IntentStatus::RequiresAction;
                self.emit_intent(row, "payment_intent.requires_action");
                Attempt::Done
            }
            Verdict::Bank(outcome) => {
                let charge = self.add_charge(row, method, ChargeStatus::Pending);
                self.intents.at_mut(row).status = IntentStatus::Processing;
                self.settle_method(row, method);
                self.emit_charge(charge, "charge.pending", None);
                self.emit_intent(row, "payment_intent.processing");
                if outcome != BankOutcome::StaysProcessing {
                    let due_ms = self.now_ms.saturating_add(self.config.bank_debit_ms);
                    self.timers.push(due_ms, Timer::FinishBankDebit(charge, outcome));
                }
                Attempt::Done
            }
        }
    }

    fn verdict(&self, row: Row<Intent>, method: Row<PaymentMethod>, presence: Presence) -> Verdict {
        let intent = self.intents.at(row);
        let method = self.methods.at(method);
        match method.card.card().behavior {
            Behavior::Declines(decline) | Behavior::DeclinesCharges(decline) => Verdict::Declined(decline),
            Behavior::Blocked => Verdict::Declined(Decline::Blocked),
            Behavior::HighestRisk if self.config.radar_blocks_highest_risk => Verdict::Declined(Decline::Blocked),
            Behavior::Challenges { then, off_session } => {
                let exempt = presence.off_session
                    && match off_session {
                        OffSession::Required => false,
                        OffSession::UnlessSetUp => method.set_up,
                        OffSession::Exempt => true,
                    };
                challenged(intent.authenticated || exempt, then, presence)
            }
            Behavior::ChallengesOnRequest(then) if intent.options.challenge == ChallengeWish::Whenever => {
                challenged(intent.authenticated, then, presence)
            }
            Behavior::Bank(outcome) => Verdict::Bank(outcome),
            Behavior::Succeeds
            | Behavior::HighestRisk
            | Behavior::ChallengesOnRequest(_)
            | Behavior::Disputes(_)
            | Behavior::RefundPending
            | Behavior::RefundFails
            | Behavior::SkipsPending => Verdict::Approved,
        }
    }

    fn add_charge(&mut self, row: Row<Intent>, method: Row<PaymentMethod>, status: ChargeStatus) -> Row<Charge> {
        let intent = self.intents.at(row);
        let paid_with = self.methods.at(method);
        let charge = self.charges.push(Charge {
            account: intent.account,
            intent: row,
            method,
            amount: intent.amount,
            captured: 0,
            refunded: 0,
            refund_pending: 0,
            disputed: 0,
            has_dispute: false,
            authenticated: intent.authenticated,
            status,
            decline: None,
            currency: intent.currency,
            created_ms: self.now_ms,
            transaction: None,
            newest_refund: None,
            customer: intent.customer,
            texts: Arc::clone(&intent.texts),
            method_texts: paid_with.texts.clone(),
            incremental: intent.options.increment == IncrementWish::IfAvailable && paid_with.card.card().is_incremental(),
            fraud_report: None,
        });
        self.intents.at_mut(row).charge = Some(charge);
        charge
    }

    fn approve(&mut self, row: Row<Intent>, method: Row<PaymentMethod>) {
        let charge = self.add_charge(row, method, ChargeStatus::Authorized);
        self.settle_method(row, method);
        let intent = self.intents.at_mut(row);
        let amount = intent.amount;
        match intent.capture_method {
            CaptureMethod::Manual => {
                intent.status = IntentStatus::RequiresCapture;
                let due_ms = self.now_ms.saturating_add(self.config.authorization_lifetime_ms);
                self.timers.push(due_ms, Timer::ExpireAuthorization(charge));
                self.emit_charge(charge, "charge.succeeded", None);
                self.emit_intent(row, "payment_intent.amount_capturable_updated");
            }
            CaptureMethod::Automatic | CaptureMethod::AutomaticAsync => self.take(charge, amount),
        }
    }

    /// Records a refused attempt. A decline is not the end of the intent.
    pub(super) fn decline(&mut self, row: Row<Intent>, method: Row<PaymentMethod>, decline: Decline) {
        let charge = decline.makes_charge().then(|| {
            let charge = self.add_charge(row, method, ChargeStatus::Failed);
            self.charges.at_mut(charge).decline = Some(decline);
            self.emit_charge(charge, "charge.failed", None);
            charge
        });
        self.return_to_start(row, Failure { decline, method, charge });
    }

    fn return_to_start(&mut self, row: Row<Intent>, failure: Failure) {
        let intent = self.intents.at_mut(row);
        intent.failure = Some(failure);
        intent.status = IntentStatus::RequiresPaymentMethod;
        intent.method = None;
        intent.authenticated = false;
        self.emit_intent(row, "payment_intent.payment_failed");
    }

    /// Captures `amount` of an authorised charge; the rest of the authorisation lapses. This moves money.
    pub(super) fn take(&mut self, row: Row<Charge>, amount: u64) {
        let charge = self.charges.at(row);
        let intent_row = charge.intent;
        // What was authorised by an earlier answer is captured now; else it is charged in one go.
        let before = (self.intents.at(intent_row).status == IntentStatus::RequiresCapture).then(|| charge.clone());
        assert!(charge.status == ChargeStatus::Authorized || charge.status == ChargeStatus::Pending);
        assert!(amount > 0 && amount <= charge.amount && charge.captured == 0);
        let behavior = self.methods.at(charge.method).card.card().behavior;
        let available_ms = match behavior {
            Behavior::SkipsPending => self.now_ms,
            _ => self.now_ms.saturating_add(self.config.available_after_ms),
        };
        let transaction = self.transactions.push(Transaction {
            account: charge.account,
            source: Source::Charge(row),
            amount: signed(amount),
            fee: signed(fee(amount)),
            currency: charge.currency,
            created_ms: self.now_ms,
            available_ms,
        });
        let charge = self.charges.at_mut(row);
        charge.captured = amount;
        charge.status = ChargeStatus::Captured;
        charge.transaction = Some(transaction);
        let intent = self.intents.at_mut(charge.intent);
        intent.received = amount;
        intent.status = IntentStatus::Succeeded;
        match before {
            Some(before) => self.emit_charge(row, "charge.captured", Some(before)),
            None => self.emit_charge(row, "charge.succeeded", None),
        }
        self.emit_intent(intent_row, "payment_intent.succeeded");
        let lags = self.intents.at(intent_row).capture_method == CaptureMethod::AutomaticAsync;
        if lags && self.config.transaction_lag_ms > 0 {
            self.timers.push(self.now_ms.saturating_add(self.config.transaction_lag_ms), Timer::ShowTransaction(row));
        }
        let dispute = match behavior {
            Behavior::Disputes(kind) => Some(kind),
            Behavior::Bank(BankOutcome::Disputes) => Some(DisputeKind::Fraudulent),
            _ => None,
        };
        if let Some(kind) = dispute {
            let due_ms = self.now_ms.saturating_add(self.config.dispute_delay_ms);
            self.timers.push(due_ms, Timer::OpenDispute(row, kind));
        }
    }

    /// The balance transaction of an asynchronous capture becomes visible.
    pub(super) fn show_transaction(&mut self, row: Row<Charge>) {
        let before = Charge { transaction: None, ..self.charges.at(row).clone() };
        self.emit_charge(row, "charge.updated", Some(before));
    }

    /// Ends an authorisation that nobody captured in time.
    pub(super) fn expire_authorization(&mut self, row: Row<Charge>) {
        let charge = self.charges.at_mut(row);
        if charge.status != ChargeStatus::Authorized {
            return;
        }
        charge.status = ChargeStatus::Expired;
        let intent_row = charge.intent;
        let intent = self.intents.at_mut(intent_row);
        intent.status = IntentStatus::Canceled;
        intent.canceled = Some((self.now_ms, Some("expired")));
        self.emit_charge(row, "charge.expired", None);
        self.emit_intent(intent_row, "payment_intent.canceled");
    }

    /// Ends a bank debit that was processing.
    pub(super) fn finish_bank_debit(&mut self, row: Row<Charge>, outcome: BankOutcome) {
        let charge = self.charges.at(row);
        if charge.status != ChargeStatus::Pending {
            return;
        }
        let (intent, method, amount) = (charge.intent, charge.method, charge.amount);
        match outcome {
            BankOutcome::Succeeds | BankOutcome::Disputes => self.take(row, amount),
            BankOutcome::Fails(decline) => {
                let charge = self.charges.at_mut(row);
                charge.status = ChargeStatus::Failed;
                charge.decline = Some(decline);
                self.emit_charge(row, "charge.failed", None);
                self.return_to_start(intent, Failure { decline, method, charge: Some(row) });
            }
            BankOutcome::StaysProcessing => {}
        }
    }

    /// `POST /v1/charges`: a token is charged without a payment intent on the wire. An intent that nobody sees holds the
    /// charge, so that money has one life cycle only.
    pub(super) fn create_charge(&mut self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(CREATE_KNOWN, CREATE_UNMODELLED)?;
        let expand = Expand::parse(params, Shape::Charge, Place::Object)?;
        let amount = params.positive("amount")?.ok_or_else(|| ApiError::missing_param("amount"))?;
        let currency = parse_currency(params.required_text("currency")?)?;
        currency.check_amount(amount).map_err(|fault| ApiError::amount(fault, currency, "amount"))?;
        let captures = params.boolean("capture")?.unwrap_or(true);
        let mut texts = Texts::default();
        change_texts(params, &mut texts)?;
        let source = params
            .text("source")?
            .ok_or_else(|| ApiError::invalid("Must provide source or customer.").with_code("parameter_missing").with_param("source"))?;
        let card = CardIndex::by_token(source).ok_or_else(|| ApiError::missing("token", &shortened(source), "source", false))?;
        let method = self.method(account, MethodNamed::New(card, None));
        let row = self.intents.push(Intent {
            account,
            amount,
            received: 0,
            currency,
            status: IntentStatus::RequiresConfirmation,
            capture_method: if captures { CaptureMethod::Automatic } else { CaptureMethod::Manual },
            confirmed_manually: false,
            automatic_methods: AutomaticMethods::Off,
            origin: IntentOrigin::DirectCharge,
            authenticated: false,
            created_ms: self.now_ms,
            customer: None,
            options: CardOptions::PLAIN,
            increment_count: 0,
            method: Some(method),
            charge: None,
            failure: None,
            canceled: None,
            texts: Arc::new(texts),
        });
        let attempt = self.attempt(row, method, Presence { off_session: false, refuses_action: true });
        let shown = match (attempt, self.intents.at(row).charge) {
            (Attempt::Done, Some(charge)) => Shown::Charge(charge),
            _ => Shown::Decline(row),
        };
        Ok(Answer::new(shown, expand))
    }

    /// `POST /v1/charges/{id}/capture`: as capturing its payment intent.
    pub(super) fn capture_charge(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.charges, account, id, "charge", true)?;
        params.check_known(CAPTURE_KNOWN, CAPTURE_UNMODELLED)?;
        let expand = Expand::parse(params, Shape::Charge, Place::Object)?;
        let amount = params.positive("amount")?;
        let mut texts = (*self.charges.at(row).texts).clone();
        change_texts(params, &mut texts)?;
        let charge = self.charges.at(row);
        let refused = |code: &'static str, message: String| Err(ApiError::invalid(message).with_code(code).after_start());
        match charge.status {
            ChargeStatus::Authorized => {}
            ChargeStatus::Captured => return refused("charge_already_captured", format!("Charge {id} has already been captured.")),
            ChargeStatus::Expired | ChargeStatus::Released => {
                return refused("charge_expired_for_capture", format!("Charge {id} cannot be captured because the charge has expired."));
            }
            ChargeStatus::Pending | ChargeStatus::Failed => {
                return refused("charge_invalid_parameter", format!("Charge {id} could not be captured because it has not succeeded."));
            }
        }
        let amount = self.check_capture(charge.intent, amount, "amount")?;
        self.charges.at_mut(row).texts = Arc::new(texts);
        self.take(row, amount);
        Ok(Answer::new(Shown::Charge(row), expand))
    }

    /// `POST /v1/charges/{id}`
    pub(super) fn update_charge(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.charges, account, id, "charge", true)?;
        params.check_known(UPDATE_KNOWN, &[])?;
        let expand = Expand::parse(params, Shape::Charge, Place::Object)?;
        let before = self.charges.at(row).clone();
        let mut texts = (*before.texts).clone();
        change_texts(params, &mut texts)?;
        let report = match params.form().at(&["fraud_details", "user_report"]).and_then(|node| node.text()) {
            None => before.fraud_report,
            Some("fraudulent") => Some("fraudulent"),
            Some("safe") => Some("safe"),
            Some("") => None,
            Some(_) => return Err(ApiError::not_one_of("fraud_details[user_report]", &["fraudulent", "safe"])),
        };
        let customer = self.customer_named(account, params)?;
        if before.customer.is_some() && customer.is_some() && before.customer != customer {
            let message = "You cannot change the customer of a charge that already has one.";
            return Err(ApiError::invalid(message).with_param("customer").after_start());
        }
        let charge = self.charges.at_mut(row);
        charge.texts = Arc::new(texts);
        charge.fraud_report = report;
        charge.customer = customer.or(before.customer);
        self.emit_charge(row, "charge.updated", Some(before));
        Ok(Answer::new(Shown::Charge(row), expand))
    }
}

/// Lays what can be set on a charge itself over the texts it got from its intent.
fn change_texts(params: Params<'_>, texts: &mut Texts) -> Result<(), ApiError> {
    params.change_metadata(&mut texts.metadata)?;
    let mut rare = texts.rare.take().map(|rare| *rare).unwrap_or_default();
    params.change("description", &mut rare.description)?;
    params.change("receipt_email", &mut rare.receipt_email)?;
    params.change("statement_descriptor", &mut rare.statement_descriptor)?;
    params.change("statement_descriptor_suffix", &mut rare.statement_descriptor_suffix)?;
    params.change("transfer_group", &mut rare.transfer_group)?;
    if let Some(shipping) = Shipping::parse(params.form(), rare.shipping.as_ref())? {
        rare.shipping = shipping;
    }
    texts.rare = Some(Box::new(rare));
    Ok(())
}

/// What the issuer says to a card that needs, or was asked for, a challenge.
fn challenged(passed: bool, then: AfterChallenge, presence: Presence) -> Verdict {
    if !passed {
        let refused = presence.off_session || presence.refuses_action;
        return if refused { Verdict::Declined(Decline::AuthenticationRequired) } else { Verdict::Challenge };
    }
    match then {
        AfterChallenge::Succeeds => Verdict::Approved,
        AfterChallenge::Declines(decline) => Verdict::Declined(decline),
    }
}

#[cfg(test)]
mod tests {
    use super::fee;

    #[test]
    fn the_fee_is_two_point_nine_percent_rounded_half_up_and_thirty() {
        for (amount, expected) in [(1, 30), (17, 30), (18, 31), (50, 31), (1_000, 59), (1_050, 60), (2_000, 88)] {
            assert_eq!(fee(amount), expected, "{amount}");
        }
    }
}
