//! From an effect's typed fields to the exact bytes that its provider gets, sealed for the journal.

use base::Money;
use connectors::{Call, Connector, Operation, Resolve};
use egress::Request;
use engine::{CaptureMode, EffectKind, EffectRequested, Private, Sealed, SendKind};
use std::sync::Arc;

/// What provider requests are sealed for.
pub const SEAL_PURPOSE: &str = "provider-request";

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
        let call = call(requested, private)?;
        let bytes = self.connector(requested.provider).encode(&call).ok()?.encode_bytes().ok()?;
        self.keys.seal(subject, SEAL_PURPOSE, &bytes).or_else(|| self.keys.seal(base::SubjectId::PLATFORM, SEAL_PURPOSE, &bytes))
    }

    /// The exact bytes to send for a first send or a replay; `None` when they cannot be opened.
    pub fn exact(&self, requested: &EffectRequested) -> Option<Request> {
        let bytes = self.keys.open(SEAL_PURPOSE, requested.request.as_ref()?)?;
        Request::parse_bytes(&bytes).ok()
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
}

/// The connector's view of an effect.
pub fn call(requested: &EffectRequested, private: Option<&Private>) -> Option<Call> {
    let money: Money = requested.money;
    let provider_id = requested.provider_id.clone();
    let operation = match requested.kind {
        EffectKind::Authorize { .. } => Operation::Authorize {
            money,
            payment_method: requested.payment_method.clone(),
            customer: None,
            presence: connectors::Presence::OnSession,
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
