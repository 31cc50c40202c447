//! Messages of providers on their way in: who may send them, what is kept of them, and under whose key. Webhooks and the
//! sweep of providers' lists of events take the same way. What a message leads to is the engine's to say.

use crate::clock::Clock;
use crate::door::Door;
use crate::request::SubjectKeys;
use api::{Opened, Platform, SubmitError, Webhook, WebhookRefused};
use base::card::holds_card_number;
use base::{About, Notice, Redacted, SubjectId};
use connectors::{Connector, NOTICE_SECRETS_MAX, NoticeError};
use engine::{Command, NoticeSource, PaymentName, ReceiveNotice, Sealed};
use std::sync::Arc;
use telemetry::names;

/// What bodies of messages are sealed for.
pub const WEBHOOK_PURPOSE: &str = "webhook";
/// Longest name of an endpoint, in bytes.
pub const ENDPOINT_NAME_BYTES_MAX: usize = 40;
/// Most webhook endpoints of one platform.
pub const ENDPOINTS_MAX: usize = 32;
/// Longest secret of an endpoint, in bytes.
const SECRET_BYTES_MAX: usize = 512;
/// Shortest secret of an endpoint, in bytes: what is shorter could be guessed.
const SECRET_BYTES_MIN: usize = 16;
/// The last part of an address that means something else.
const NAME_RESERVED: &str = "replay";
/// The type of a genuine message that cannot be read.
const UNREADABLE: &str = "unreadable";

const _: () = assert!(api::WEBHOOK_BYTES_MAX < connectors::NOTICE_BYTES_MAX, "what the door takes can be read");
const _: () = assert!(api::WEBHOOK_BYTES_MAX + 1_024 < events::SEALED_BYTES_MAX, "a sealed body fits into an event");

/// An address that a provider may send messages to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Its name, the last part of its address.
    pub name: String,
    /// What the provider signs with: one secret, and others while it is being rolled.
    pub secrets: Vec<Redacted<String>>,
}

/// Reads `NAME=SECRET,SECRET…`.
///
/// # Errors
/// What is wrong, in words that repeat no secret.
pub fn parse_endpoint(text: &Redacted<String>) -> Result<WebhookEndpoint, String> {
    let (name, secrets) = text.expose().split_once('=').ok_or("an endpoint is given as NAME=SECRET or NAME=SECRET,SECRET")?;
    let allowed = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if name.is_empty() || name.len() > ENDPOINT_NAME_BYTES_MAX || !allowed || name == NAME_RESERVED {
        return Err(format!(
            "an endpoint's name has 1 to {ENDPOINT_NAME_BYTES_MAX} lower-case letters, digits and hyphens and is not \"{NAME_RESERVED}\""
        ));
    }
    let secrets: Vec<&str> = secrets.split(',').collect();
    let usable =
        |secret: &&str| (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic());
    if !secrets.iter().all(usable) {
        return Err(format!("a secret of the endpoint \"{name}\" is not {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} visible characters"));
    }
    if secrets.len() > NOTICE_SECRETS_MAX {
        return Err(format!("the endpoint \"{name}\" has {} secrets and may have {NOTICE_SECRETS_MAX}", secrets.len()));
    }
    let secrets = secrets.into_iter().map(|secret| Redacted::new(secret.to_owned())).collect();
    Ok(WebhookEndpoint { name: name.to_owned(), secrets })
}

/// Reads several endpoints; an empty text, as an empty variable of the environment gives it, is none.
///
/// # Errors
/// As [`parse_endpoint`], and when a name comes twice or there are too many.
pub fn parse_endpoints(texts: &[Redacted<String>]) -> Result<Vec<WebhookEndpoint>, String> {
    let mut endpoints: Vec<WebhookEndpoint> = Vec::new();
    for text in texts.iter().filter(|text| !text.expose().is_empty()) {
        let endpoint = parse_endpoint(text)?;
        if endpoints.iter().any(|known| known.name == endpoint.name) {
            return Err(format!("the endpoint \"{}\" is given twice; put its secrets together: NAME=SECRET,SECRET", endpoint.name));
        }
        endpoints.push(endpoint);
    }
    if endpoints.len() > ENDPOINTS_MAX {
        return Err(format!("{} endpoints are given, at most {ENDPOINTS_MAX} are allowed", endpoints.len()));
    }
    Ok(endpoints)
}

/// A provider endpoint whose messages are taken.
pub struct NoticeDesk {
    /// How the provider signs and words its messages.
    pub connector: Arc<dyn Connector>,
    /// Addresses that it may send them to.
    pub endpoints: Vec<WebhookEndpoint>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was journaled.
    New,
    /// It had been before.
    Known,
}

impl Door {
    /// Takes a webhook: verified on its raw bytes, read, kept.
    pub(crate) async fn take_webhook(&self, webhook: &Webhook) -> Result<(), WebhookRefused> {
        let taken = self.verify_and_take(webhook).await;
        if let Err(refused) = taken {
            metrics::counter!(names::WEBHOOKS_REJECTED_TOTAL, "reason" => reason(refused)).increment(1);
        }
        taken
    }

    async fn verify_and_take(&self, webhook: &Webhook) -> Result<(), WebhookRefused> {
        let wanted = |desk: &NoticeDesk| desk.connector.capabilities().name == webhook.provider;
        let (provider, desk) = (0_u16..).zip(&self.desks).find(|(_, desk)| wanted(desk)).ok_or(WebhookRefused::EndpointUnknown)?;
        let endpoint = desk.endpoints.iter().find(|endpoint| endpoint.name == webhook.endpoint);
        let endpoint = endpoint.ok_or(WebhookRefused::EndpointUnknown)?;
        let capabilities = desk.connector.capabilities();
        let signature = joined(webhook, capabilities.signature_header)?;
        desk.connector.verify_notice(signature.as_deref(), &webhook.body, &endpoint.secrets, Clock::wall()).map_err(refused)?;
        let notice = match desk.connector.parse_notice(&webhook.body) {
            Ok(notice) => notice,
            Err(NoticeError::Unreadable) => self.unreadable(provider, &webhook.body),
            Err(error) => return Err(refused(error)),
        };
        let about = family(&notice.about);
        let taken = self.take_notice(provider, notice, NoticeSource::Webhook, &webhook.body).await?;
        let result = if taken == Taken::New { "new" } else { "known" };
        metrics::counter!(names::WEBHOOKS_RECEIVED_TOTAL, "provider" => capabilities.name, "about" => about, "result" => result)
            .increment(1);
        Ok(())
    }

    /// A genuine message that names neither itself nor what happened: it is kept for people, under a name made of its
    /// bytes.
    fn unreadable(&self, provider: u16, body: &[u8]) -> Notice {
        let hash = u128::from_be_bytes(self.keyed_hash("unreadable-webhook", &[&provider.to_be_bytes(), body]));
        Notice { event_id: format!("{UNREADABLE}_{hash:032x}"), event_type: UNREADABLE.to_owned(), created_at: None, about: About::Other }
    }

    /// Journals a genuine message with its body, unless it was before.
    pub(crate) async fn take_notice(&self, provider: u16, notice: Notice, source: NoticeSource, body: &[u8]) -> Result<Taken, SubmitError> {
        let (about, event_id) = (notice.about.clone(), notice.event_id.clone());
        let names = PaymentName::of_notice(provider, &about).into_iter().collect();
        let look = self.look_at_payments(names, move |state| {
            let payment = state.payment_of_notice(provider, &about).and_then(|payment| state.payments.get(&payment));
            (state.notices.contains(provider, &event_id), payment.map(|payment| payment.subject))
        });
        let (is_known, subject) = look.await?;
        if is_known {
            return Ok(Taken::Known);
        }
        let payload = self.keep(subject.unwrap_or_else(|| self.own_subject(provider, &notice.event_id)), body).await?;
        self.submit(Command::ReceiveNotice(ReceiveNotice { provider, notice, source, payload })).await?;
        Ok(Taken::New)
    }

    /// The subject of a message about no payment of ours, so that it can be erased alone.
    fn own_subject(&self, provider: u16, event_id: &str) -> SubjectId {
        let hash = self.keyed_hash("webhook-subject", &[&provider.to_be_bytes(), event_id.as_bytes()]);
        SubjectId::from_u128(u128::from_be_bytes(hash))
    }

    /// Seals a body; `None` when it must not be kept: the person's data was erased, or it holds what looks like a card number.
    /// A fact about money is taken all the same.
    async fn keep(&self, subject: SubjectId, body: &[u8]) -> Result<Option<Sealed>, SubmitError> {
        if body.len() > api::WEBHOOK_BYTES_MAX {
            tracing::warn!(bytes = body.len(), "a provider's message is too large to be kept; what it says is taken");
            return Ok(None);
        }
        if holds_card_number(&String::from_utf8_lossy(body)) {
            tracing::warn!("a provider's message holds what looks like a card number; its body is not kept");
            return Ok(None);
        }
        self.ensure_key(subject).await?;
        Ok(self.cache.seal(subject, WEBHOOK_PURPOSE, body))
    }

    /// Opens a kept body.
    pub(crate) fn open_kept(&self, sealed: &Sealed) -> Opened {
        self.cache.open(WEBHOOK_PURPOSE, sealed).map_or(Opened::Erased, Opened::Plain)
    }

    /// Reads a kept body again and submits what it says.
    pub(crate) async fn replay_notice(&self, provider: u16, body: &[u8]) -> Result<(String, u64), WebhookRefused> {
        let desk = self.desks.get(usize::from(provider)).ok_or(WebhookRefused::EndpointUnknown)?;
        let notice = desk.connector.parse_notice(body).map_err(refused)?;
        let event_id = notice.event_id.clone();
        let command = ReceiveNotice { provider, notice, source: NoticeSource::Replay, payload: None };
        let submitted = self.submit(Command::ReceiveNotice(command)).await?;
        Ok((event_id, submitted.seq))
    }
}

/// The value of a header; one that came several times is joined by commas.
fn joined(webhook: &Webhook, name: &str) -> Result<Option<String>, WebhookRefused> {
    let values = webhook.headers.get_all(name).iter().map(http::HeaderValue::to_str).collect::<Result<Vec<_>, _>>();
    let values = values.map_err(|_| WebhookRefused::SignatureMalformed)?;
    Ok((!values.is_empty()).then(|| values.join(",")))
}

const fn refused(error: NoticeError) -> WebhookRefused {
    match error {
        NoticeError::TooLarge => WebhookRefused::TooLarge,
        NoticeError::SignatureMissing => WebhookRefused::SignatureMissing,
        NoticeError::SignatureMalformed => WebhookRefused::SignatureMalformed,
        NoticeError::SignatureMismatch => WebhookRefused::SignatureMismatch,
        NoticeError::TimestampOutOfTolerance => WebhookRefused::TimestampOutOfTolerance,
        NoticeError::Unreadable => WebhookRefused::Unreadable,
    }
}

/// Label in metrics.
const fn reason(refused: WebhookRefused) -> &'static str {
    match refused {
        WebhookRefused::EndpointUnknown => "endpoint_unknown",
        WebhookRefused::TooLarge => "too_large",
        WebhookRefused::SignatureMissing => "signature_missing",
        WebhookRefused::SignatureMalformed => "signature_malformed",
        WebhookRefused::SignatureMismatch => "signature_mismatch",
        WebhookRefused::TimestampOutOfTolerance => "timestamp_out_of_tolerance",
        WebhookRefused::Unreadable => "unreadable",
        WebhookRefused::Unavailable(_) => "unavailable",
    }
}

/// Label in metrics.
const fn family(about: &About) -> &'static str {
    match about {
        About::Payment { .. } => "payment",
        About::Refund { .. } => "refund",
        About::Dispute { .. } => "dispute",
        About::PaymentPart { .. } | About::Other => "other",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{parse_endpoint, parse_endpoints};
    use base::Redacted;

    const SECRET: &str = "whsec_0123456789abcdef";

    fn given(text: &str) -> Redacted<String> {
        Redacted::new(text.replace("SECRET", SECRET))
    }

    #[test]
    fn an_endpoint_has_a_name_and_one_or_more_secrets() {
        let endpoint = parse_endpoint(&given("main=SECRET,SECRET2")).unwrap();
        assert_eq!(endpoint.name, "main");
        let secrets: Vec<&str> = endpoint.secrets.iter().map(|secret| secret.expose().as_str()).collect();
        assert_eq!(secrets, [SECRET, &format!("{SECRET}2")]);
        assert_eq!(parse_endpoints(&[given("eu=SECRET"), given("us=SECRET")]).unwrap().len(), 2);
        assert_eq!(parse_endpoints(&[]).unwrap(), []);
        assert_eq!(parse_endpoints(&[given("")]).unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_said_without_a_secret() {
        let many = format!("main={}", ["SECRET"; 17].join(","));
        for bad in [
            "SECRET",
            "=SECRET",
            "Main=SECRET",
            "a/b=SECRET",
            "replay=SECRET",
            "main=",
            "main=SECRET,",
            "main=SECRET, SECRET",
            "main=short",
            &many,
        ] {
            let said = parse_endpoint(&given(bad)).unwrap_err();
            assert!(!said.contains("whsec") && !said.contains("short"), "{bad}: {said}");
        }
        assert!(parse_endpoint(&given(&format!("{}=SECRET", "m".repeat(41)))).is_err());
        assert!(parse_endpoints(&[given("main=SECRET"), given("main=SECRET")]).unwrap_err().contains("twice"));
        let names: Vec<_> = (0..33).map(|number| given(&format!("m{number}=SECRET"))).collect();
        assert!(parse_endpoints(&names).unwrap_err().contains("at most 32"));
    }
}
