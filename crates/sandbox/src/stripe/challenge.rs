//! The 3-D Secure challenge: the page a customer is sent to, its answer, and the same for tests without a browser.

use super::Stripe;
use super::cards::Decline;
use super::charges::Presence;
use super::errors::ApiError;
use super::objects::{Intent, IntentStatus, Row};
use crate::form::Form;
use crate::wire::{Delivery, Handled, Method, Request, Response};

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

impl Stripe {
    /// Ends the challenge of a payment intent, as its customer would on the challenge page.
    ///
    /// # Errors
    /// There is no such intent, or it is not waiting for its customer.
    pub fn complete_challenge(&mut self, id: &str, result: ChallengeResult, now_ms: u64) -> Result<(), ApiError> {
        self.advance_to(now_ms);
        let row = self.intents.find(id).ok_or_else(|| ApiError::missing("payment_intent", id, "intent", true))?;
        self.end_challenge(row, result)
    }

    pub(super) fn end_challenge(&mut self, row: Row<Intent>, result: ChallengeResult) -> Result<(), ApiError> {
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
        let Some(row) = self.intents.find(id) else {
            return page(404, "No such payment.", None);
        };
        if request.method == Method::Get {
            let id = self.intents.id(row);
            return page(200, "A merchant asks you to confirm this payment.", Some(&id));
        }
        let form = Form::parse(&request.body).unwrap_or_else(|_| Form::empty());
        let result = form.member("result").and_then(|node| ChallengeResult::parse(node.text()?));
        let (Method::Post, Some(result)) = (request.method, result) else {
            return page(400, "The result must be success or fail.", None);
        };
        if self.end_challenge(row, result).is_err() {
            return page(409, "This payment does not wait for a confirmation.", None);
        }
        let mut handled = match self.return_url(row, result) {
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

    fn return_url(&self, row: Row<Intent>, result: ChallengeResult) -> Option<String> {
        let texts = &self.intents.at(row).texts;
        let url = texts.rare.as_ref()?.return_url.as_deref()?;
        let fits = (url.starts_with("https://") || url.starts_with("http://")) && url.bytes().all(|byte| byte.is_ascii_graphic());
        let separator = if url.contains('?') { '&' } else { '?' };
        let status = match result {
            ChallengeResult::Passed => "succeeded",
            ChallengeResult::Failed => "failed",
        };
        fits.then(|| {
            format!(
                "{url}{separator}payment_intent={}&payment_intent_client_secret={}&redirect_status={status}",
                self.intents.id(row),
                self.client_secret(row)
            )
        })
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
    let response = Response { status, headers, body: body.into_bytes() };
    Handled { response, delivery: Delivery::Normal { latency_ms: 0 }, changed: false }
}
