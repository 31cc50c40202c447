//! Older layouts of events, lifted to the current one when they are read. Stored bytes are never rewritten.
//!
//! To change a message in place: copy the messages concerned as they are to a package of their own, frozen, under an
//! envelope that lists only the changed kinds (as `bezant.events.v0` does); raise [`SCHEMA`]; add one function that
//! lifts from the old schema to the next and calls it from [`upcast`]; freeze bytes of the old layout in `golden/`.
//! Each function lifts by one schema only, so that an old one never changes again. A new field or a new kind needs
//! none of this: old readers skip the one and refuse the other.

use crate::error::{DecodeError, FieldError, FieldProblem};
use crate::generated::{v0, v1};
use base::Currency;
use prost::Message;

/// The layout in which events are written.
pub const SCHEMA: u32 = 1;

/// What pre-release programs wrote: no schema at all.
const SCHEMA_PRE_RELEASE: u32 = 0;

/// Reads a message of any known schema as the current one.
pub(crate) fn upcast(seq: u64, payload: &[u8]) -> Result<v1::Event, DecodeError> {
    let malformed = |source| DecodeError::Malformed { seq, source };
    let header = v1::EventHeader::decode(payload).map_err(malformed)?;
    match header.schema {
        SCHEMA_PRE_RELEASE => {
            let old = v0::Event::decode(payload).map_err(malformed)?;
            match lift_from_v0(old).map_err(|error| error.of_event(seq))? {
                Some(lifted) => Ok(lifted),
                None => Ok(v1::Event { schema: 1, ..v1::Event::decode(payload).map_err(malformed)? }),
            }
        }
        SCHEMA => v1::Event::decode(payload).map_err(malformed),
        schema => Err(DecodeError::UnknownSchema { seq, schema }),
    }
}

/// The event in schema 1; `None` when its kind looks the same in both.
fn lift_from_v0(old: v0::Event) -> Result<Option<v1::Event>, FieldError> {
    let v0::Event { at_ns, legs, kind } = old;
    let kind = match kind {
        Some(v0::event::Kind::PaymentCreated(payment)) => v1::event::Kind::PaymentCreated(lift_payment_created(payment)?),
        None => return Ok(None),
    };
    Ok(Some(v1::Event { at_ns, legs, schema: 1, trace_id: Vec::new(), kind: Some(kind) }))
}

fn lift_payment_created(old: v0::PaymentCreated) -> Result<v1::PaymentCreated, FieldError> {
    let v0::PaymentCreated {
        payment,
        merchant,
        subject,
        money,
        capture,
        reference,
        content,
        payment_method,
        key_version,
        details,
        expires_at_ns,
        key,
    } = old;
    Ok(v1::PaymentCreated {
        payment,
        merchant,
        subject,
        money: money.map(lift_money).transpose()?,
        capture,
        reference,
        content,
        payment_method,
        key_version,
        details: details.map(|v0::Sealed { subject, bytes }| v1::Sealed { subject, bytes }),
        expires_at_ns,
        key: key.map(|v0::KeyUse { key, fingerprint, expires_at_ns }| v1::KeyUse { key, fingerprint, expires_at_ns }),
        on_file: None,
    })
}

/// Schema 0 named currencies by letters, schema 1 by number.
fn lift_money(old: v0::Money) -> Result<v1::Money, FieldError> {
    let v0::Money { amount_minor, currency } = old;
    let currency: Currency = currency.parse().map_err(|_| FieldError { field: "currency", problem: FieldProblem::UnknownCurrency })?;
    Ok(v1::Money { amount_minor, currency: u32::from(currency.numeric()) })
}
