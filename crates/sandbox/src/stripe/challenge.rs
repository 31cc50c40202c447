//! The 3-D Secure challenge: the page a customer is sent to, its answer, and the same for tests without a browser.

use super::Stripe;
use super::cards::Decline;
use super::charges::Presence;
use super::errors::ApiError;
use super::objects::{Intent, IntentStatus, Row};
use super::records::SetupIntent;
use crate::form::Form;
use crate::wire::{Handled, Method, Request, Response};

/// How a challenge ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeResult {
    /// The customer authenticated.
    Passed,
    /// The customer failed or gave up.
    Failed,
}

impl ChallengeResult {
    /// `success` or `fail`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "success" => Some(Self::Passed),
            "fail" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// What a customer authenticates.
#[derive(Debug, Clone, Copy)]
enum Challenged {
    Payment(Row<Intent>),
    Setup(Row<SetupIntent>),
}

impl Stripe {
    /// Ends the challenge of a payment or setup intent, as its customer would on the challenge page.
    ///
    /// # Errors
    /// There is no such intent, or it is not waiting for its customer.
    pub fn complete_challenge(&mut self, id: &str, result: ChallengeResult, now_ms: u64) -> Result<(), ApiError> {
        self.advance_to(now_ms);
        self.end_challenge_of(id, result)
    }

    /// Ends the challenge of the payment or setup intent of an id.
    pub(super) fn end_challenge_of(&mut self, id: &str, result: ChallengeResult) -> Result<(), ApiError> {
        let found = self.challenged(id).ok_or_else(|| ApiError::missing("payment_intent", id, "intent", true))?;
        self.end(found, result)
    }

    fn challenged(&self, id: &str) -> Option<Challenged> {
        let payment = self.intents.find(id).map(Challenged::Payment);
        payment.or_else(|| self.setups.find(id).map(Challenged::Setup))
    }

    fn end(&mut self, challenged: Challenged, result: ChallengeResult) -> Result<(), ApiError> {
        match challenged {
            Challenged::Payment(row) => self.end_challenge(row, result),
            Challenged::Setup(row) => self.end_setup_challenge(row, result),
        }
    }

    fn end_challenge(&mut self, row: Row<Intent>, result: ChallengeResult) -> Result<(), ApiError> {
        let intent = self.intents.at_mut(row);
        let (IntentStatus::RequiresAction, Some(method)) = (intent.status, intent.method) else {
            let message = format!("This PaymentIntent has a status of {}: nothing to authenticate.", intent.status.name());
            return Err(ApiError::unexpected_state(message, row));
        };
        match result {
            ChallengeResult::Failed => self.decline(row, method, Decline::AuthenticationFailed),
            ChallengeResult::Passed => {
                intent.authenticated = true;
                if intent.confirmed_manually {
                    intent.status = IntentStatus::RequiresConfirmation;
                } else {
                    self.attempt(row, method, Presence { off_session: false, refuses_action: false });
                }
            }
        }
        Ok(())
    }

    /// `GET /3ds/{id}` shows the page, `POST` with `result=success|fail` ends the challenge.
    pub(super) fn handle_challenge(&mut self, request: &Request, id: &str) -> Handled {
        let Some(challenged) = self.challenged(id) else {
            return page(404, "No such payment.", None);
        };
        if request.method == Method::Get {
            return match challenged {
                Challenged::Payment(_) => page(200, "A merchant asks you to confirm this payment.", Some(id)),
                Challenged::Setup(_) => page(200, "A merchant asks you to confirm that it may keep this payment method.", Some(id)),
            };
        }
        let form = Form::parse(&request.body).unwrap_or_else(|_| Form::empty());
        let result = form.member("result").and_then(|node| ChallengeResult::parse(node.text()?));
        let (Method::Post, Some(result)) = (request.method, result) else {
            return page(400, "The result must be success or fail.", None);
        };
        if self.end(challenged, result).is_err() {
            return page(409, "This payment does not wait for a confirmation.", None);
        }
        let mut handled = match self.return_url(challenged, result) {
            None => page(200, "Thank you. You can close this page.", None),
            Some(url) => {
                let mut handled = page(303, "Back to the merchant.", None);
                handled.response.headers.push(("Location", url));
                handled
            }
        };
        handled.changed = true;
        handled
    }

    fn return_url(&self, challenged: Challenged, result: ChallengeResult) -> Option<String> {
        let (url, name, id, secret) = match challenged {
            Challenged::Payment(row) => {
                let url = self.intents.at(row).texts.rare.as_ref()?.return_url.as_deref()?;
                (url, "payment_intent", self.intents.id(row), self.client_secret(row))
            }
            Challenged::Setup(row) => {
                let url = self.setups.at(row).texts.return_url.as_deref()?;
                (url, "setup_intent", self.setups.id(row), self.setup_secret(row))
            }
        };
        let fits = (url.starts_with("https://") || url.starts_with("http://")) && url.bytes().all(|byte| byte.is_ascii_graphic());
        let separator = if url.contains('?') { '&' } else { '?' };
        let status = match result {
            ChallengeResult::Passed => "succeeded",
            ChallengeResult::Failed => "failed",
        };
        fits.then(|| format!("{url}{separator}{name}={id}&{name}_client_secret={secret}&redirect_status={status}"))
    }
}

fn page(status: u16, text: &str, form_for: Option<&str>) -> Handled {
    let form = form_for.map_or_else(String::new, |id| {
        format!(
            "<p><code>{id}</code></p><form method=\"post\"><button name=\"result\" value=\"success\">Confirm</button> <button name=\"result\" value=\"fail\">Refuse</button></form>"
        )
    });
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>3-D Secure test page</title><body><h1>3-D Secure test page</h1><p>{text}</p>{form}</body></html>"
    );
    let headers = vec![
        ("Content-Type", "text/html; charset=utf-8".to_owned()),
        ("Content-Security-Policy", "default-src 'none'".to_owned()),
        ("Cache-Control", "no-store".to_owned()),
    ];
    Handled::whole(Response { status, headers, body: body.into_bytes() })
}
