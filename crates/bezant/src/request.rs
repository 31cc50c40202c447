//! From the typed fields of an effect or errand to the exact bytes that its provider gets, sealed for the journal.

use api::{ShownField, ShownRequest};
use base::Money;
use base::card::holds_card_number;
use connectors::{Call, Connector, Operation, Resolve};
use egress::{Method, Request};
use engine::{CaptureMode, EffectKind, EffectRequested, ErrandKind, ErrandRequested, Presence, Private, Sealed, SendKind};
use std::sync::Arc;

/// What provider requests are sealed for.
pub const SEAL_PURPOSE: &str = "provider-request";

/// The type of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// Gives the key of a subject, if it has one. Implemented by the key store's cache.
pub trait SubjectKeys: Send + Sync {
    /// Seals bytes under the subject's key; `None` when it has none or it is destroyed.
    fn seal(&self, subject: base::SubjectId, purpose: &str, plaintext: &[u8]) -> Option<Sealed>;
    /// Opens sealed bytes; `None` when the key is destroyed or the bytes were altered.
    fn open(&self, purpose: &str, sealed: &Sealed) -> Option<Vec<u8>>;
}

/// Prepares and reads the requests of all provider endpoints.
pub struct Requests {
    /// Connectors by number of the provider endpoint.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// Keys of subjects.
    pub keys: Arc<dyn SubjectKeys>,
}

impl Requests {
    /// The connector of a provider endpoint.
    pub fn connector(&self, provider: u16) -> &Arc<dyn Connector> {
        self.connectors.get(usize::from(provider)).expect("an attempt pins a configured provider")
    }

    /// Encodes and seals the request of an effect, under the platform's own key when the subject's is destroyed: money
    /// of an erased person can still be given back, and such a request names nobody. `None` when it cannot be encoded;
    /// an effect without a request is never sent.
    pub fn prepare(&self, subject: base::SubjectId, requested: &EffectRequested, private: Option<&Private>) -> Option<Sealed> {
        self.seal(subject, requested.provider, &call(requested, private)?)
    }

    /// As [`Requests::prepare`], of an errand.
    pub fn prepare_errand(&self, subject: base::SubjectId, requested: &ErrandRequested) -> Option<Sealed> {
        self.seal(subject, requested.provider, &errand_call(requested)?)
    }

    fn seal(&self, subject: base::SubjectId, provider: u16, call: &Call) -> Option<Sealed> {
        let bytes = self.connector(provider).encode(call).ok()?.encode_bytes().ok()?;
        self.keys.seal(subject, SEAL_PURPOSE, &bytes).or_else(|| self.keys.seal(base::SubjectId::PLATFORM, SEAL_PURPOSE, &bytes))
    }

    /// The exact bytes to send for a first send or a replay; `None` when they cannot be opened.
    pub fn exact(&self, requested: &EffectRequested) -> Option<Request> {
        self.open(requested.request.as_ref()?)
    }

    /// As [`Requests::exact`], of an errand.
    pub fn exact_errand(&self, requested: &ErrandRequested) -> Option<Request> {
        self.open(requested.request.as_ref()?)
    }

    fn open(&self, sealed: &Sealed) -> Option<Request> {
        opened(self.keys.as_ref(), sealed)
    }

    /// How to ask what became of a call.
    pub fn lookup(&self, requested: &EffectRequested) -> Option<(Call, Resolve, Request)> {
        let call = call(requested, None)?;
        let how = match (&requested.kind, &requested.provider_id) {
            // The id that a refund's call knows is its payment's; the refund itself is found by our reference.
            (EffectKind::Refund { .. } | EffectKind::UndoCapture { .. }, _) | (EffectKind::Authorize { .. }, None) => Resolve::Search,
            (_, Some(provider_id)) => Resolve::Fetch { provider_id: provider_id.clone() },
            (EffectKind::Capture { .. } | EffectKind::Cancel { .. } | EffectKind::Observe { .. } | EffectKind::UndoHold { .. }, None) => {
                return None;
            }
        };
        let request = self.connector(requested.provider).encode_resolve(&call, &how).ok()?;
        Some((call, how, request))
    }

    /// How to ask what became of an errand: its object is found by our reference or named by its call.
    pub fn errand_lookup(&self, requested: &ErrandRequested) -> Option<(Call, Resolve, Request)> {
        let call = errand_call(requested)?;
        let request = self.connector(requested.provider).encode_resolve(&call, &Resolve::Search).ok()?;
        Some((call, Resolve::Search, request))
    }
}

/// A sealed request; `None` when it cannot be opened.
pub fn opened(keys: &dyn SubjectKeys, sealed: &Sealed) -> Option<Request> {
    Request::parse_bytes(&keys.open(SEAL_PURPOSE, sealed)?).ok()
}

/// A request as people may see it: the values of `shown_fields`, and only the names and lengths of all others.
pub fn shown(request: &Request, shown_fields: &[&str]) -> ShownRequest {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Delete => "DELETE",
    };
    let field = |name: String, value: String| {
        let value_bytes = u64::try_from(value.len()).unwrap_or(u64::MAX);
        let is_shown = shown_fields.contains(&name.as_str()) && !holds_card_number(&value);
        ShownField { name, value: is_shown.then_some(value), value_bytes }
    };
    let headers = request.headers.iter().map(|(name, value)| field(name.clone(), value.clone()));
    let is_form = request.headers.iter().any(|(name, value)| name == "content-type" && value == FORM);
    let body = if is_form { form_fields(&request.body) } else { Vec::new() };
    let fields = headers.chain(body.into_iter().map(|(name, value)| field(name, value))).collect();
    let path = request.path_and_query.split('?').next().unwrap_or_default().to_owned();
    ShownRequest { method, path, fields }
}

/// Names and values of a form, in order.
fn form_fields(body: &[u8]) -> Vec<(String, String)> {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let cut = |pair: &[u8]| {
        let middle = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (form_text(&pair[..middle]), form_text(pair.get(middle + 1..).unwrap_or_default()))
    };
    pairs.map(cut).collect()
}

/// A name or value of a form without its escapes; what is no escape stays as it is.
fn form_text(escaped: &[u8]) -> String {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'%', [high, low, beyond @ ..]) if digit(high).is_some() && digit(low).is_some() => {
                bytes.push(digit(high).unwrap_or(0) << 4 | digit(low).unwrap_or(0));
                rest = beyond;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The connector's view of an errand.
pub fn errand_call(requested: &ErrandRequested) -> Option<Call> {
    let operation = match requested.kind {
        ErrandKind::StoreCustomer => Operation::StoreCustomer,
        ErrandKind::Attach { .. } => {
            Operation::Attach { customer: requested.customer_provider_id.clone()?, payment_method: requested.token.clone()? }
        }
        ErrandKind::Detach { .. } => Operation::Detach { payment_method: requested.token.clone()? },
    };
    Some(Call { operation, key: requested.key_text(), reference: requested.reference_text() })
}

/// The connector's view of an effect.
pub fn call(requested: &EffectRequested, private: Option<&Private>) -> Option<Call> {
    let money: Money = requested.money;
    let provider_id = requested.provider_id.clone();
    let operation = match requested.kind {
        EffectKind::Authorize { .. } => Operation::Authorize {
            money,
            payment_method: requested.payment_method.clone(),
            customer: requested.customer.clone(),
            presence: match requested.presence {
                Presence::OnSession => connectors::Presence::OnSession,
                Presence::OffSession => connectors::Presence::OffSession,
            },
            capture: match requested.capture {
                CaptureMode::Automatic => connectors::CaptureMode::Automatic,
                CaptureMode::Manual => connectors::CaptureMode::Manual,
            },
            return_url: private.and_then(|private| private.return_url.as_ref()).map(|url| url.expose().clone()),
            sim: private.and_then(|private| private.simulate.clone()),
        },
        EffectKind::Capture { .. } => Operation::Capture { provider_id: provider_id?, money },
        EffectKind::Cancel { .. } | EffectKind::UndoHold { .. } => Operation::Cancel { provider_id: provider_id? },
        EffectKind::Observe { .. } => Operation::Observe { provider_id: provider_id?, money },
        EffectKind::Refund { .. } | EffectKind::UndoCapture { .. } => Operation::Refund { provider_id: provider_id?, money },
    };
    Some(Call { operation, key: requested.key_text(), reference: requested.reference_text() })
}

/// Whether a send carries the exact journaled bytes, as opposed to asking what became of them.
pub const fn is_exact(send_kind: SendKind) -> bool {
    match send_kind {
        SendKind::First | SendKind::Replay => true,
        SendKind::Lookup => false,
    }
}
