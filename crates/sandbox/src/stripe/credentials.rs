//! Secret keys: what a request presents, and which keys were revoked. Of a key only its fingerprint is kept, so that
//! neither memory nor log holds one.

use super::Stripe;
use super::errors::ApiError;
use crate::signature::push_hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Most revoked keys.
const REVOKED_MAX: usize = 10_000;
/// Longest presented key, in bytes.
const KEY_BYTES_MAX: usize = 1_024;

/// The beginning of a secret key's SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fingerprint([u8; 8]);

impl Fingerprint {
    /// That of a key.
    pub fn of(key: &str) -> Self {
        let digest = Sha256::digest(key.as_bytes());
        let mut start = [0; 8];
        start.copy_from_slice(&digest[..8]);
        Self(start)
    }

    fn text(self) -> String {
        let mut text = String::new();
        push_hex(&mut text, &self.0);
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let number = u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16)?;
        Some(Self(number.to_be_bytes()))
    }

    /// That of a record; older records have none.
    pub fn of_record(authorization: Option<&str>) -> Self {
        let text = authorization.and_then(|text| text.strip_prefix("Bearer "));
        text.and_then(Self::parse).unwrap_or(Self([0; 8]))
    }
}

/// What a record has in place of an `Authorization` header: the fingerprint of its key.
pub fn recorded_authorization(authorization: &str) -> String {
    format!("Bearer {}", Fingerprint::of(&key_of(authorization)).text())
}

/// The key of an `Authorization` header; empty if there is none in it.
fn key_of(authorization: &str) -> String {
    let basic = authorization.strip_prefix("Basic ").and_then(basic_user);
    basic.unwrap_or_else(|| authorization.strip_prefix("Bearer ").unwrap_or("").trim().to_owned())
}

/// The user of HTTP basic authentication: the key, with an empty password (docs.stripe.com/api/authentication).
fn basic_user(credentials: &str) -> Option<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = credentials.trim().trim_end_matches('=');
    if text.len() > KEY_BYTES_MAX {
        return None;
    }
    let (mut bytes, mut held, mut held_bits) = (Vec::new(), 0u32, 0u32);
    for letter in text.bytes() {
        let digit = ALPHABET.iter().position(|known| *known == letter)?;
        held = (held << 6 | u32::try_from(digit).ok()?) & 0xffff;
        held_bits += 6;
        if held_bits >= 8 {
            held_bits -= 8;
            bytes.push(u8::try_from((held >> held_bits) & 0xff).ok()?);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(user, _)| user.trim().to_owned())
}

/// What an operator does to a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum CredentialOrder {
    /// The key is refused from now on.
    Revoke(String),
    /// The key is accepted again.
    Restore(String),
    /// As `revoke`, as it is recorded.
    RevokeFingerprint(String),
    /// As `restore`, as it is recorded.
    RestoreFingerprint(String),
}

/// An order about credentials as it is recorded: without the key. `None` if it is none.
pub fn recorded_order(body: &[u8]) -> Option<Vec<u8>> {
    let order = match serde_json::from_slice(body).ok()? {
        CredentialOrder::Revoke(key) => CredentialOrder::RevokeFingerprint(Fingerprint::of(&key).text()),
        CredentialOrder::Restore(key) => CredentialOrder::RestoreFingerprint(Fingerprint::of(&key).text()),
        order @ (CredentialOrder::RevokeFingerprint(_) | CredentialOrder::RestoreFingerprint(_)) => order,
    };
    serde_json::to_vec(&order).ok()
}

/// The revoked keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Revoked(BTreeSet<Fingerprint>);

impl Revoked {
    /// Whether a key is among them.
    pub fn has(&self, key: impl FnOnce() -> Fingerprint) -> bool {
        !self.0.is_empty() && self.0.contains(&key())
    }

    /// Adds a key; beyond the most there can be, nothing happens.
    pub fn add(&mut self, key: Fingerprint) {
        if self.0.len() < REVOKED_MAX {
            self.0.insert(key);
        }
    }

    /// Fingerprints, in order.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(|key| key.text()).collect()
    }
}

impl Stripe {
    /// Refuses a secret key from now on, with 401 and `api_key_expired`.
    pub fn revoke_key(&mut self, key: &str) {
        self.revoked.add(Fingerprint::of(key));
    }

    /// Accepts a revoked key again.
    pub fn restore_key(&mut self, key: &str) {
        self.revoked.0.remove(&Fingerprint::of(key));
    }

    /// Accepts all revoked keys again.
    pub fn restore_keys(&mut self) {
        self.revoked.0.clear();
    }

    /// Carries an operator's order out.
    pub(super) fn order_credentials(&mut self, order: &CredentialOrder) -> Result<(), String> {
        let parse = |text: &str| Fingerprint::parse(text).ok_or_else(|| format!("{text} is no fingerprint"));
        match order {
            CredentialOrder::Revoke(key) => self.revoke_key(key),
            CredentialOrder::Restore(key) => self.restore_key(key),
            CredentialOrder::RevokeFingerprint(text) => self.revoked.add(parse(text)?),
            CredentialOrder::RestoreFingerprint(text) => {
                self.revoked.0.remove(&parse(text)?);
            }
        }
        Ok(())
    }

    /// Checks what a request presents; gives its fingerprint.
    pub(super) fn authenticate(&self, authorization: Option<&str>) -> Result<Fingerprint, ApiError> {
        let Some(authorization) = authorization else {
            return Err(ApiError::unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.",
            ));
        };
        let key = key_of(authorization);
        let accepted = match &self.config.api_keys {
            Some(keys) => keys.contains(&key),
            None => key.len() > "sk_test_".len() && key.starts_with("sk_test_") && key.is_ascii(),
        };
        if !accepted {
            let start: String = key.chars().take(8).filter(char::is_ascii_graphic).collect();
            return Err(ApiError::unauthorized(format!("Invalid API Key provided: {start}****")));
        }
        let fingerprint = Fingerprint::of(&key);
        if self.revoked.has(|| fingerprint) {
            return Err(ApiError::revoked());
        }
        Ok(fingerprint)
    }
}
