//! The provider's idempotency: which answer is kept under which key, for how long, and what a second request
//! with the key gets.
//!
//! Source: docs.stripe.com/api/idempotent_requests. The first result is kept once the endpoint began to
//! execute, errors with status 500 included; refused parameters and conflicts are not kept.

use super::answers::Kept;
use super::objects::Account;
use crate::form::Form;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

/// Longest key, in characters.
pub const KEY_CHARS_MAX: usize = 255;
/// Most keys kept at once; beyond it the oldest are forgotten early.
pub const KEYS_MAX: usize = 4_000_000;
/// Most bytes of answers kept as text at once; beyond it the oldest keys are forgotten early.
pub const TEXT_BYTES_MAX: usize = 1 << 30;

/// A key within its account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Owner.
    pub account: Account,
    /// The key as sent.
    pub text: Arc<str>,
}

/// Digest of method, path and parameters, whatever order they came in.
pub type Fingerprint = [u8; 16];

/// Digest of a request for the comparison of parameters.
pub fn fingerprint(path: &str, form: &Form) -> Fingerprint {
    let mut hasher = Sha256::new();
    let mut part = |text: &str| {
        hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    part(path);
    form.visit_sorted(|name, value| {
        part(name);
        part(value);
    });
    let digest: [u8; 32] = hasher.finalize().into();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

#[derive(Debug, Clone)]
struct Entry {
    created_ms: u64,
    executing_until_ms: u64,
    fingerprint: Fingerprint,
    /// Number of the request that made the answer.
    original: u64,
    /// How many requests with this key a script in the metadata has already broken.
    scripted: u32,
    answer: Option<Kept>,
}

/// What a request with a key meets.
#[derive(Debug, Clone)]
pub enum Found {
    /// Nothing that binds: execute. Holds how often a script has already broken this key.
    Fresh {
        /// Earlier breaks.
        scripted: u32,
    },
    /// A request with the key is still executing.
    InUse,
    /// The key belongs to other parameters.
    Mismatch,
    /// A kept answer and the number of the request that made it.
    Replay(Box<Kept>, u64),
}

/// All kept keys.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    entries: HashMap<Key, Entry, BuildHasherDefault<DefaultHasher>>,
    /// Keys in order of creation, each with the creation time it had.
    order: VecDeque<(u64, Key)>,
    /// Bytes of all answers kept as text.
    text_bytes: usize,
}

impl Keys {
    /// How many keys are kept.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Forgets keys older than `retention_ms`, and the oldest beyond [`KEYS_MAX`].
    pub fn prune(&mut self, now_ms: u64, retention_ms: u64) {
        while let Some((created_ms, key)) = self.order.front() {
            let expired = created_ms.saturating_add(retention_ms) <= now_ms;
            if !expired && self.order.len() <= KEYS_MAX && self.text_bytes <= TEXT_BYTES_MAX {
                break;
            }
            if self.entries.get(key).is_some_and(|entry| entry.created_ms == *created_ms)
                && let Some(entry) = self.entries.remove(key)
            {
                self.text_bytes -= entry.answer.as_ref().map_or(0, Kept::text_bytes);
            }
            self.order.pop_front();
        }
    }

    /// What a request meets. Call [`Keys::prune`] first.
    pub fn find(&self, key: &Key, fingerprint: &Fingerprint, now_ms: u64) -> Found {
        let Some(entry) = self.entries.get(key) else { return Found::Fresh { scripted: 0 } };
        let executing = now_ms < entry.executing_until_ms;
        if entry.answer.is_none() && !executing {
            return Found::Fresh { scripted: entry.scripted };
        }
        if entry.fingerprint != *fingerprint {
            return Found::Mismatch;
        }
        match &entry.answer {
            Some(answer) if !executing => Found::Replay(Box::new(answer.clone()), entry.original),
            _ => Found::InUse,
        }
    }

    /// Notes that a request with the key began; without an answer it counts as executing until the given time.
    pub fn begin(
        &mut self,
        key: &Key,
        fingerprint: Fingerprint,
        original: u64,
        now_ms: u64,
        executing_until_ms: u64,
        answer: Option<Kept>,
    ) {
        let scripted = self.entries.get(key).map_or(0, |entry| entry.scripted);
        let created_ms = match self.entries.get(key) {
            Some(entry) => entry.created_ms,
            None => {
                self.order.push_back((now_ms, key.clone()));
                now_ms
            }
        };
        self.text_bytes += answer.as_ref().map_or(0, Kept::text_bytes);
        let entry = Entry { created_ms, executing_until_ms, fingerprint, original, scripted, answer };
        let old = self.entries.insert(key.clone(), entry);
        self.text_bytes -= old.and_then(|old| old.answer).map_or(0, |answer| answer.text_bytes());
    }

    /// Gives a begun request its answer; a forgotten key stays forgotten.
    pub fn finish(&mut self, key: &Key, answer: Option<Kept>) {
        if let Some(entry) = self.entries.get_mut(key) {
            self.text_bytes += answer.as_ref().map_or(0, Kept::text_bytes);
            self.text_bytes -= entry.answer.as_ref().map_or(0, Kept::text_bytes);
            entry.answer = answer;
        }
    }

    /// Notes that a script in the metadata broke a request with this key before its effect.
    pub fn count_scripted(&mut self, key: &Key, fingerprint: Fingerprint, now_ms: u64) {
        if !self.entries.contains_key(key) {
            self.begin(key, fingerprint, 0, now_ms, now_ms, None);
        }
        if let Some(entry) = self.entries.get_mut(key) {
            entry.scripted = entry.scripted.saturating_add(1);
        }
    }
}
