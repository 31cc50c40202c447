//! Setup intents: making a payment method ready for payments without its owner present.
//!
//! Source: docs.stripe.com/api/setup_intents, docs.stripe.com/payments/setup-intents.

use super::Stripe;
use super::answers::{Answer, Outcome, Shown};
use super::cards::{AfterChallenge, Behavior, Decline};
use super::challenge::ChallengeResult;
use super::errors::ApiError;
use super::expand::{Expand, Place, Shape};
use super::intents::{parse_automatic_methods, parse_method_types};
use super::objects::{Account, AutomaticMethods, Row};
use super::params::Params;
use super::payment_methods::MethodNamed;
use super::queries::{Created, own, page};
use super::records::{Customer, PaymentMethod, SetupIntent, SetupStatus, SetupTexts};
use std::sync::Arc;

const CREATE_KNOWN: &[&str] = &[
    "automatic_payment_methods",
    "confirm",
    "customer",
    "description",
    "mandate_data",
    "metadata",
    "payment_method",
    "payment_method_data",
    "payment_method_options",
    "payment_method_types",
    "return_url",
    "usage",
    "use_stripe_sdk",
];
const CREATE_UNMODELLED: &[&str] = &[
    "allowed_payment_method_types",
    "attach_to_self",
    "confirmation_token",
    "customer_account",
    "excluded_payment_method_types",
    "flow_directions",
    "on_behalf_of",
    "payment_method_configuration",
    "single_use",
];
const UPDATE_KNOWN: &[&str] =
    &["customer", "description", "metadata", "payment_method", "payment_method_data", "payment_method_options", "payment_method_types"];
const CONFIRM_KNOWN: &[&str] =
    &["client_secret", "mandate_data", "payment_method", "payment_method_data", "payment_method_options", "return_url", "use_stripe_sdk"];
const CONFIRM_UNMODELLED: &[&str] = &["allowed_payment_method_types", "confirmation_token"];
const CANCELLATION_REASONS: &[&str] = &["abandoned", "duplicate", "requested_by_customer"];

impl Stripe {
    fn own_setup(&self, account: Account, id: &str) -> Result<Row<SetupIntent>, ApiError> {
        own(&self.setups, account, id, "intent", true)
    }

    /// `POST /v1/setup_intents`
    pub(super) fn create_setup(&mut self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(CREATE_KNOWN, CREATE_UNMODELLED)?;
        let expand = Expand::parse(params, Shape::Setup, Place::Object)?;
        let confirm = params.boolean("confirm")?.unwrap_or(false);
        if !confirm && params.text("return_url")?.is_some() {
            let message = "You cannot set `return_url` without also setting `confirm` to true.";
            return Err(ApiError::invalid(message).with_param("return_url"));
        }
        let automatic_methods = parse_automatic_methods(params, true)?;
        let usage = params.one_of("usage", &["off_session", "on_session"])?.unwrap_or("off_session");
        let mut texts = SetupTexts::default();
        change_texts(params, &mut texts)?;
        texts.return_url = params.owned("return_url")?;
        let customer = self.customer_named(account, params)?;
        let named = self.method_named(account, params)?;
        if let Some(named) = &named {
            self.check_method_for_setup(named, customer, &texts, automatic_methods)?;
        } else if confirm {
            return Err(missing_method());
        }
        let method = named.map(|named| self.method(account, named));
        let status = if method.is_some() { SetupStatus::RequiresConfirmation } else { SetupStatus::RequiresPaymentMethod };
        let row = self.setups.push(SetupIntent {
            account,
            created_ms: self.now_ms,
            status,
            customer,
            method,
            automatic_methods,
            usage,
            attempt_count: 0,
            failure: None,
            cancellation_reason: None,
            texts: Arc::new(texts),
        });
        self.emit_setup(row, "setup_intent.created");
        Ok(match method.filter(|_| confirm) {
            Some(method) => self.try_setup(row, method, expand),
            None => Answer::new(Shown::Setup(row), expand),
        })
    }

    fn check_method_for_setup(
        &self,
        named: &MethodNamed,
        customer: Option<Row<Customer>>,
        texts: &SetupTexts,
        automatic_methods: AutomaticMethods,
    ) -> Result<(), ApiError> {
        self.check_method_fits(named, texts.payment_method_types.as_deref(), automatic_methods, "SetupIntent")?;
        self.check_method_usable(named, customer, "SetupIntent")
    }

    /// Asks the issuer whether the method may be kept.
    fn try_setup(&mut self, row: Row<SetupIntent>, method: Row<PaymentMethod>, expand: Expand) -> Answer {
        let setup = self.setups.at_mut(row);
        setup.failure = None;
        setup.attempt_count += 1;
        match self.methods.at(method).card.card().behavior {
            Behavior::Declines(decline) => {
                self.fail_setup(row, method, decline);
                Answer::new(Shown::SetupDecline(row), expand)
            }
            Behavior::Blocked => {
                self.fail_setup(row, method, Decline::Blocked);
                Answer::new(Shown::SetupDecline(row), expand)
            }
            Behavior::Challenges { .. } => {
                self.setups.at_mut(row).status = SetupStatus::RequiresAction;
                self.emit_setup(row, "setup_intent.requires_action");
                Answer::new(Shown::Setup(row), expand)
            }
            Behavior::Succeeds
            | Behavior::DeclinesCharges(_)
            | Behavior::HighestRisk
            | Behavior::ChallengesOnRequest(_)
            | Behavior::Disputes(_)
            | Behavior::RefundPending
            | Behavior::RefundFails
            | Behavior::SkipsPending
            | Behavior::Bank(_) => {
                self.finish_setup(row, method);
                Answer::new(Shown::Setup(row), expand)
            }
        }
    }

    fn finish_setup(&mut self, row: Row<SetupIntent>, method: Row<PaymentMethod>) {
        let setup = self.setups.at_mut(row);
        setup.status = SetupStatus::Succeeded;
        let (customer, usage) = (setup.customer, setup.usage);
        if usage == "off_session" {
            self.methods.at_mut(method).set_up = true;
        }
        if let Some(customer) = customer {
            self.attach(method, customer);
        }
        self.emit_setup(row, "setup_intent.succeeded");
    }

    fn fail_setup(&mut self, row: Row<SetupIntent>, method: Row<PaymentMethod>, decline: Decline) {
        let setup = self.setups.at_mut(row);
        setup.failure = Some((decline, method));
        setup.status = SetupStatus::RequiresPaymentMethod;
        setup.method = None;
        self.emit_setup(row, "setup_intent.setup_failed");
    }

    /// Ends the challenge of a setup intent.
    pub(super) fn end_setup_challenge(&mut self, row: Row<SetupIntent>, result: ChallengeResult) -> Result<(), ApiError> {
        let setup = self.setups.at(row);
        let (SetupStatus::RequiresAction, Some(method)) = (setup.status, setup.method) else {
            let message = format!("This SetupIntent has a status of {}: nothing to authenticate.", setup.status.name());
            return Err(ApiError::unexpected_setup_state(message, row));
        };
        let after = match self.methods.at(method).card.card().behavior {
            // Too little money refuses a payment, not the keeping of a method.
            Behavior::Challenges { then: AfterChallenge::Declines(decline), .. } if decline != Decline::InsufficientFunds => Some(decline),
            _ => None,
        };
        match (result, after) {
            (ChallengeResult::Failed, _) => self.fail_setup(row, method, Decline::SetupAuthenticationFailed),
            (ChallengeResult::Passed, Some(decline)) => self.fail_setup(row, method, decline),
            (ChallengeResult::Passed, None) => self.finish_setup(row, method),
        }
        Ok(())
    }

    /// `POST /v1/setup_intents/{id}/confirm`
    pub(super) fn confirm_setup(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_setup(account, id)?;
        params.check_known(CONFIRM_KNOWN, CONFIRM_UNMODELLED)?;
        let expand = Expand::parse(params, Shape::Setup, Place::Object)?;
        let return_url = params.owned("return_url")?;
        let named = self.method_named(account, params)?;
        self.check_setup_open(row, "confirmed")?;
        let setup = self.setups.at(row);
        let method = match named {
            Some(named) => {
                self.check_method_for_setup(&named, setup.customer, &setup.texts, setup.automatic_methods)?;
                self.method(account, named)
            }
            None => setup.method.ok_or_else(|| {
                let mut error = missing_method().after_start();
                error.setup = Some(row);
                error
            })?,
        };
        let setup = self.setups.at_mut(row);
        setup.method = Some(method);
        if return_url.is_some() {
            Arc::make_mut(&mut setup.texts).return_url = return_url;
        }
        Ok(self.try_setup(row, method, expand))
    }

    fn check_setup_open(&self, row: Row<SetupIntent>, verb: &str) -> Result<(), ApiError> {
        let status = self.setups.at(row).status;
        match status {
            SetupStatus::RequiresPaymentMethod | SetupStatus::RequiresConfirmation | SetupStatus::RequiresAction => Ok(()),
            SetupStatus::Canceled | SetupStatus::Succeeded => {
                let message = format!(
                    "This SetupIntent could not be {verb} because it has a status of {}. Only a SetupIntent with one of the following statuses may be {verb}: requires_payment_method, requires_confirmation, requires_action.",
                    status.name()
                );
                Err(ApiError::unexpected_setup_state(message, row))
            }
        }
    }

    /// `POST /v1/setup_intents/{id}`
    pub(super) fn update_setup(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_setup(account, id)?;
        params.check_known(UPDATE_KNOWN, CREATE_UNMODELLED)?;
        let expand = Expand::parse(params, Shape::Setup, Place::Object)?;
        let mut texts = (*self.setups.at(row).texts).clone();
        change_texts(params, &mut texts)?;
        let customer = self.customer_named(account, params)?;
        let named = self.method_named(account, params)?;
        if customer.is_some() || named.is_some() {
            self.check_setup_open(row, "updated")?;
        }
        let setup = self.setups.at(row);
        let customer = customer.or(setup.customer);
        if let Some(named) = &named {
            self.check_method_for_setup(named, customer, &texts, setup.automatic_methods)?;
        }
        let method = named.map(|named| self.method(account, named));
        let setup = self.setups.at_mut(row);
        setup.customer = customer;
        setup.texts = Arc::new(texts);
        if method.is_some() {
            setup.method = method;
            setup.status = SetupStatus::RequiresConfirmation;
        }
        Ok(Answer::new(Shown::Setup(row), expand))
    }

    /// `POST /v1/setup_intents/{id}/cancel`
    pub(super) fn cancel_setup(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_setup(account, id)?;
        params.check_known(&["cancellation_reason"], &[])?;
        let expand = Expand::parse(params, Shape::Setup, Place::Object)?;
        let reason = params.one_of("cancellation_reason", CANCELLATION_REASONS)?;
        self.check_setup_open(row, "canceled")?;
        let setup = self.setups.at_mut(row);
        setup.status = SetupStatus::Canceled;
        setup.cancellation_reason = reason;
        self.emit_setup(row, "setup_intent.canceled");
        Ok(Answer::new(Shown::Setup(row), expand))
    }

    /// `GET /v1/setup_intents/{id}`
    pub(super) fn get_setup(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_setup(account, id)?;
        params.check_known(&["client_secret"], &[])?;
        Ok(Answer::new(Shown::Setup(row), Expand::parse(params, Shape::Setup, Place::Object)?))
    }

    /// `GET /v1/setup_intents`
    pub(super) fn list_setups(&self, account: Account, params: Params<'_>) -> Outcome {
        const KNOWN: &[&str] = &["created", "customer", "ending_before", "limit", "payment_method", "starting_after"];
        params.check_known(KNOWN, &["attach_to_self", "customer_account"])?;
        let expand = Expand::parse(params, Shape::Setup, Place::List)?;
        let created = Created::parse(params)?;
        let customer = self.customer_named(account, params)?;
        let method = match params.text("payment_method")? {
            None => None,
            Some(id) => Some(own(&self.methods, account, id, "payment_method", false)?),
        };
        let found = page(&self.setups, None, params, |setup: &SetupIntent| {
            setup.account == account
                && created.holds(setup.created_ms)
                && (customer.is_none() || customer == setup.customer)
                && (method.is_none() || method == setup.method)
        })?;
        Ok(self.list("/v1/setup_intents", &found, &expand, |stripe, json, row, show| {
            stripe.render_setup(json, row, stripe.setups.at(row), show);
        }))
    }
}

fn missing_method() -> ApiError {
    ApiError::invalid(
        "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a payment method and then confirm it again.",
    )
    .with_code("setup_intent_unexpected_state")
}

fn change_texts(params: Params<'_>, texts: &mut SetupTexts) -> Result<(), ApiError> {
    params.change("description", &mut texts.description)?;
    params.change_metadata(&mut texts.metadata)?;
    if params.has("payment_method_types") {
        texts.payment_method_types = parse_method_types(params)?;
    }
    Ok(())
}
