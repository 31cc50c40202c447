//! From a checked request to the engine and back: hashes that leave the house, submission that no hang-up interrupts,
//! and the bounded wait for a provider's outcome.

use crate::App;
use crate::canonical;
use crate::errors::{Code, Problem};
use crate::extract::IdempotencyKey;
use crate::platform::{SubmitError, Submitted};
use base::{EffectId, ErrandId, MerchantId, PaymentId, PaymentMethodId, SubjectId};
use engine::{Command, Idempotency, Reply, Sealed};
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinError;
use tokio::time::Instant;
use tracing::Instrument;

/// Labels of keyed hashes. They are journaled in effect: changing one orphans every key, reference and subject.
const LABEL_KEY: &str = "idempotency_key";
const LABEL_FINGERPRINT: &str = "fingerprint";
const LABEL_CONTENT: &str = "content";
const LABEL_REFERENCE: &str = "reference";
const LABEL_SUBJECT: &str = "subject";

/// What names the person whose data a payment holds, most specific first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SubjectName<'a> {
    /// The merchant's own id of its customer.
    Customer(&'a str),
    /// An e-mail address.
    Email(&'a str),
    /// Nothing: the payment stands for itself, named by the hash of its key.
    Payment([u8; 16]),
    /// Nothing: the stored customer stands for itself, named by the hash of its key.
    Nobody([u8; 16]),
}

impl App {
    /// Keyed hashes of the client's key and of everything it was sent with.
    pub(crate) fn idempotency(&self, merchant: MerchantId, key: &IdempotencyKey, path: &str, body: &Value) -> Idempotency {
        let merchant = merchant.as_u128().to_be_bytes();
        Idempotency {
            key: self.platform.keyed_hash(LABEL_KEY, &[&merchant, key.0.as_bytes()]),
            fingerprint: self.platform.keyed_hash(LABEL_FINGERPRINT, &[&merchant, b"POST", path.as_bytes(), &canonical::encode(body)]),
        }
    }

    /// Keyed hash of a payment's content.
    pub(crate) fn content(&self, merchant: MerchantId, content: &Value) -> [u8; 16] {
        self.platform.keyed_hash(LABEL_CONTENT, &[&merchant.as_u128().to_be_bytes(), &canonical::encode(content)])
    }

    /// Keyed hash of a merchant's reference.
    pub(crate) fn reference(&self, merchant: MerchantId, reference: &str) -> [u8; 16] {
        self.platform.keyed_hash(LABEL_REFERENCE, &[&merchant.as_u128().to_be_bytes(), reference.as_bytes()])
    }

    /// The person whose data it is. E-mail addresses that differ in case or surrounding space are one person's.
    pub(crate) fn subject(&self, merchant: MerchantId, name: &SubjectName<'_>) -> SubjectId {
        let merchant = merchant.as_u128().to_be_bytes();
        let hash = match name {
            SubjectName::Customer(id) => self.platform.keyed_hash(LABEL_SUBJECT, &[&merchant, b"customer", id.as_bytes()]),
            SubjectName::Email(email) => {
                let normalised = email.trim().to_lowercase();
                self.platform.keyed_hash(LABEL_SUBJECT, &[&merchant, b"email", normalised.as_bytes()])
            }
            SubjectName::Payment(key) => self.platform.keyed_hash(LABEL_SUBJECT, &[&merchant, b"payment", key]),
            SubjectName::Nobody(key) => self.platform.keyed_hash(LABEL_SUBJECT, &[&merchant, b"stored customer", key]),
        };
        self.platform.living_subject(SubjectId::from_u128(u128::from_be_bytes(hash)))
    }

    /// Seals what is to be kept, if anything.
    pub(crate) async fn seal(&self, subject: SubjectId, plaintext: Option<Vec<u8>>) -> Result<Option<Sealed>, Problem> {
        let Some(plaintext) = plaintext else {
            return Ok(None);
        };
        let app = self.clone();
        let sealed = to_end(async move { app.platform.seal(subject, plaintext).await }).await?;
        Ok(Some(sealed))
    }

    /// Submits a command and gives its answer unless that is a refusal. The command runs to its end whoever hangs up.
    pub(crate) async fn submit(&self, command: Command) -> Result<Submitted, Problem> {
        self.submit_holding(command, ()).await
    }

    /// As [`App::submit`], for a command that takes room: it is given back when the command is answered, and not when a client
    /// hangs up.
    pub(crate) async fn submit_holding(&self, command: Command, room: impl Send + 'static) -> Result<Submitted, Problem> {
        let app = self.clone();
        let work = async move {
            let submitted = app.platform.submit(command).await;
            drop(room);
            submitted
        };
        let submitted = to_end(work).await?;
        match submitted.reply {
            Reply::Refused(refusal) => Err(refusal.into()),
            Reply::Done
            | Reply::Payment { .. }
            | Reply::Refund { .. }
            | Reply::Customer { .. }
            | Reply::Method { .. }
            | Reply::LedgerAccounts { .. }
            | Reply::LedgerTransfers { .. }
            | Reply::LedgerEntries { .. } => Ok(submitted),
        }
    }

    /// Waits for an outcome, if there is one to wait for; whether everything asked for is decided.
    pub(crate) async fn settled(&self, payment: PaymentId, waiting_for: Option<EffectId>) -> bool {
        let Some(effect) = waiting_for else {
            return true;
        };
        let deadline = Instant::now() + Duration::from_millis(self.options.wait_ms_max);
        self.platform.settled(payment, effect, deadline).await
    }

    /// As [`App::settled`], until nobody is at work on a stored payment method.
    pub(crate) async fn method_settled(&self, method: PaymentMethodId, waiting_for: Option<ErrandId>) -> bool {
        if waiting_for.is_none() {
            return true;
        }
        let deadline = Instant::now() + Duration::from_millis(self.options.wait_ms_max);
        self.platform.method_settled(method, deadline).await
    }
}

/// Runs work in a task of its own, so that dropping the caller does not interrupt it, and waits for its result.
async fn to_end<T: Send + 'static>(work: impl Future<Output = Result<T, SubmitError>> + Send + 'static) -> Result<T, Problem> {
    ended(tokio::spawn(telemetry::in_current_trace(work.in_current_span())).await, "a submission")?.map_err(Problem::from)
}

/// The result of a task that had `work` to do. One that was cancelled ended with the process around it.
pub(crate) fn ended<T>(joined: Result<T, JoinError>, work: &'static str) -> Result<T, Problem> {
    joined.map_err(|error| {
        if error.is_cancelled() {
            return SubmitError::Stopping.into();
        }
        tracing::error!({ telemetry::names::field::ERROR } = %error, "{work} ended without a result");
        Problem::new(Code::Internal)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Code, Problem, ended};

    #[tokio::test]
    async fn a_submission_that_ends_with_the_process_is_answered_as_stopping_and_one_that_crashed_as_internal() {
        let cancelled = tokio::spawn(std::future::pending::<()>());
        cancelled.abort();
        assert_eq!(ended(cancelled.await, "work").unwrap_err(), Problem::new(Code::Stopping));
        let crashed = tokio::spawn(async { panic!("on purpose") });
        assert_eq!(ended::<()>(crashed.await, "work").unwrap_err(), Problem::new(Code::Internal));
    }
}
