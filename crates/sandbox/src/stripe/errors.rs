//! Refusals as values: status, type, code, message and parameter exactly as the provider words them.
//! A declined card is no refusal in this sense: it is a result with an effect ([`super::answers`]).
//!
//! Sources: docs.stripe.com/api/errors, docs.stripe.com/error-codes, docs.stripe.com/api/idempotent_requests.

use super::cards::Decline;
use super::currency::{AmountFault, Currency};
use super::objects::{Intent, Row};
use super::records::SetupIntent;

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `error.type`.
    pub kind: &'static str,
    /// `error.code`.
    pub code: Option<&'static str>,
    /// `error.message`.
    pub message: String,
    /// `error.param`.
    pub param: Option<String>,
    /// The payment intent to embed.
    pub intent: Option<Row<Intent>>,
    /// The setup intent to embed.
    pub setup: Option<Row<SetupIntent>>,
    /// The decline that the error stands for.
    pub decline: Option<Decline>,
    /// Whether the endpoint had begun to execute, so that the answer is kept under the idempotency key.
    pub began: bool,
    /// `Stripe-Should-Retry`, if the header is sent.
    pub should_retry: Option<bool>,
}

impl ApiError {
    /// A 400 `invalid_request_error`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error",
            code: None,
            message: message.into(),
            param: None,
            intent: None,
            setup: None,
            decline: None,
            began: false,
            should_retry: None,
        }
    }

    /// The same with a status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with a code.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The same with a parameter.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same, refused by the state of things after the endpoint began to execute.
    #[must_use]
    pub fn after_start(mut self) -> Self {
        self.began = true;
        self
    }

    /// No or a wrong key.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::invalid(message).with_status(401)
    }

    /// A key that was good once (docs.stripe.com/error-codes#api-key-expired).
    pub fn revoked() -> Self {
        Self::unauthorized("Expired API Key provided: sk_test_****").with_code("api_key_expired")
    }

    /// A path that leads nowhere.
    pub fn unknown_url(method: &str, path: &str) -> Self {
        Self::invalid(format!(
            "Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code. Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
        ))
        .with_status(404)
    }

    /// An id that names nothing. In the path that is a 404, in a parameter a 400.
    pub fn missing(kind: &str, id: &str, param: &'static str, in_path: bool) -> Self {
        Self::invalid(format!("No such {kind}: '{id}'"))
            .with_status(if in_path { 404 } else { 400 })
            .with_code("resource_missing")
            .with_param(param)
    }

    /// A parameter that must be there.
    pub fn missing_param(name: &str) -> Self {
        Self::invalid(format!("Missing required param: {name}.")).with_code("parameter_missing").with_param(name)
    }

    /// A parameter the endpoint does not have.
    pub fn unknown_param(name: &str) -> Self {
        Self::invalid(format!("Received unknown parameter: {name}")).with_code("parameter_unknown").with_param(name)
    }

    /// A parameter of the provider that this simulator does not model and therefore does not ignore.
    pub fn unmodelled_param(name: &str) -> Self {
        Self::invalid(format!("The simulator does not model the parameter: {name}")).with_code("parameter_unknown").with_param(name)
    }

    /// A value outside its closed list.
    pub fn not_one_of(name: &str, allowed: &[&str]) -> Self {
        let (last, rest) = allowed.split_last().unwrap_or((&"", &[]));
        let list = if rest.is_empty() { (*last).to_owned() } else { format!("{}, or {last}", rest.join(", ")) };
        Self::invalid(format!("Invalid {name}: must be one of {list}")).with_param(name)
    }

    /// A text that is no integer.
    pub fn not_integer(name: &str, text: &str) -> Self {
        let shown: String = text.chars().take(100).collect();
        Self::invalid(format!("Invalid integer: {shown}")).with_code("parameter_invalid_integer").with_param(name)
    }

    /// An amount that its currency does not allow.
    pub fn amount(fault: AmountFault, currency: Currency, param: &'static str) -> Self {
        let code = currency.code();
        match fault {
            AmountFault::TooSmall => Self::invalid(format!("Amount must be at least {} {code}", currency.display(currency.minimum())))
                .with_code("amount_too_small"),
            AmountFault::TooLarge => {
                Self::invalid(format!("Amount must be no more than {}", currency.display(currency.maximum()))).with_code("amount_too_large")
            }
            AmountFault::NotDivisibleBy(step) => {
                Self::invalid(format!("Invalid amount. The amount in {code} must be divisible by {step}."))
                    .with_code("parameter_invalid_integer")
            }
        }
        .with_param(param)
    }

    /// An intent whose status does not allow the call.
    pub fn unexpected_state(message: impl Into<String>, intent: Row<Intent>) -> Self {
        let mut error = Self::invalid(message).with_code("payment_intent_unexpected_state").after_start();
        error.intent = Some(intent);
        error
    }

    /// A setup intent whose status does not allow the call.
    pub fn unexpected_setup_state(message: impl Into<String>, setup: Row<SetupIntent>) -> Self {
        let mut error = Self::invalid(message).with_code("setup_intent_unexpected_state").after_start();
        error.setup = Some(setup);
        error
    }

    /// A card that the issuer refused outside of a payment.
    pub fn declined(decline: Decline) -> Self {
        let facts = decline.facts();
        let mut error = Self::invalid(facts.message).with_status(402).with_code(facts.code).after_start();
        error.kind = "card_error";
        error.param = facts.param.map(str::to_owned);
        error.decline = Some(decline);
        error
    }

    /// Two parameters that exclude each other.
    pub fn exclusive(names: &str) -> Self {
        Self::invalid(format!("You may only specify one of these parameters: {names}.")).with_code("parameters_exclusive")
    }

    /// The key was used with other parameters.
    pub fn key_reused(key: &str) -> Self {
        let mut error = Self::invalid(format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
        ));
        error.kind = "idempotency_error";
        error
    }

    /// A request with the key is still executing.
    pub fn key_in_use(key: &str) -> Self {
        let mut error = Self::invalid(format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): {key}. Please try again later."
        ))
        .with_status(409)
        .with_code("idempotency_key_in_use");
        error.kind = "idempotency_error";
        error.should_retry = Some(true);
        error
    }

    /// Too many requests; nothing was executed.
    pub fn rate_limited() -> Self {
        Self::invalid("Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.")
            .with_status(429)
            .with_code("rate_limit")
    }

    /// The provider broke, before or after the effect: the answer does not say.
    pub fn internal() -> Self {
        let mut error = Self::invalid("Sorry! There was an error while talking to one of our backends. Support has been notified.")
            .with_status(500)
            .after_start();
        error.kind = "api_error";
        error.should_retry = Some(false);
        error
    }
}
