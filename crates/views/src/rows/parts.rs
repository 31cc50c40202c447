//! The parts of a payment: attempts and captures.

use super::payment::read_decline;
use crate::cells::{Cells, time, unsigned};
use crate::codes::Coded;
use crate::error::{Doing, Error};
use base::{Currency, Decline, EffectId, Mismatch, Money, OutcomeClass, Timestamp};
use payments::{AttemptStatus, CaptureStatus};
use rusqlite::{CachedStatement, params};

/// One attempt to take a payment at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// Place among the payment's attempts, from 0.
    pub position: u16,
    /// The effect that carries it out.
    pub effect: EffectId,
    /// Number of the provider endpoint.
    pub provider: u16,
    /// How much it asks for.
    pub money: Money,
    /// When it started.
    pub started_at: Timestamp,
    /// Where it stands.
    pub status: AttemptStatus,
    /// The provider's id.
    pub provider_id: Option<String>,
    /// Why it was refused.
    pub decline: Option<Decline>,
    /// Why it was never executed: `NotSent` or `Rejected`, and the code.
    pub failure: Option<(OutcomeClass, String)>,
    /// What the provider did instead.
    pub mismatch: Option<Mismatch>,
    /// Time of its last event.
    pub updated_at: Timestamp,
    /// Its last event.
    pub changed_seq: u64,
}

/// One capture that was asked for separately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureRow {
    /// Place among the payment's captures, from 0.
    pub position: u16,
    /// The effect that carries it out.
    pub effect: EffectId,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// How much, in minor units of the payment's currency: what was asked for, then what was taken.
    pub amount_minor: u64,
    /// The provider's fee, in minor units of the payment's currency.
    pub fee_minor: u64,
    /// Where it stands.
    pub status: CaptureStatus,
    /// The provider's code when it failed or was reversed.
    pub failure_code: Option<String>,
    /// Time of its last event.
    pub updated_at: Timestamp,
    /// Its last event.
    pub changed_seq: u64,
}

impl AttemptRow {
    /// Runs an insertion or a change.
    pub(crate) fn write(&self, statement: &mut CachedStatement<'_>, payment: u64) -> Result<(), Error> {
        statement
            .execute(params![
                unsigned(payment),
                self.position,
                self.effect.as_u128().to_be_bytes(),
                self.provider,
                unsigned(self.money.amount_minor),
                self.money.currency.numeric(),
                time(self.started_at),
                self.status.code(),
                self.provider_id,
                self.decline.as_ref().map(|decline| decline.class.code()),
                self.decline.as_ref().map(|decline| &decline.code),
                self.decline.as_ref().and_then(|decline| decline.network_code.as_ref()),
                self.failure.as_ref().map(|(class, _)| class.code()),
                self.failure.as_ref().map(|(_, code)| code),
                self.mismatch.as_ref().map(|mismatch| unsigned(mismatch.amount_minor)),
                self.mismatch.as_ref().map(|mismatch| mismatch.currency.numeric()),
                self.mismatch.as_ref().map(|mismatch| mismatch.captured),
                time(self.updated_at),
                unsigned(self.changed_seq),
            ])
            .doing("writing an attempt")?;
        Ok(())
    }

    /// Reads a row.
    pub(crate) fn read(cells: &mut Cells<'_>) -> Result<Self, Error> {
        let _payment = cells.u64()?;
        Ok(Self {
            position: cells.u16()?,
            effect: EffectId::from_u128(cells.id()?),
            provider: cells.u16()?,
            money: Money { amount_minor: cells.u64()?, currency: cells.currency()? },
            started_at: cells.time()?,
            status: cells.coded::<AttemptStatus>()?,
            provider_id: cells.text_optional()?,
            decline: read_decline(cells)?,
            failure: read_failure(cells)?,
            mismatch: read_mismatch(cells)?,
            updated_at: cells.time()?,
            changed_seq: cells.u64()?,
        })
    }
}

fn read_failure(cells: &mut Cells<'_>) -> Result<Option<(OutcomeClass, String)>, Error> {
    let class = cells.coded_optional::<OutcomeClass>()?;
    match (class, cells.text_optional()?) {
        (None, None) => Ok(None),
        (Some(class), Some(code)) => Ok(Some((class, code))),
        (Some(_), None) | (None, Some(_)) => Err(cells.damaged()),
    }
}

fn read_mismatch(cells: &mut Cells<'_>) -> Result<Option<Mismatch>, Error> {
    let amount_minor = cells.u64_optional()?;
    let currency: Option<Currency> = cells.currency_optional()?;
    let Some((amount_minor, currency)) = amount_minor.zip(currency) else {
        cells.u16_optional()?;
        return Ok(None);
    };
    Ok(Some(Mismatch { amount_minor, currency, captured: cells.flag()? }))
}

impl CaptureRow {
    /// Runs an insertion or a change.
    pub(crate) fn write(&self, statement: &mut CachedStatement<'_>, payment: u64) -> Result<(), Error> {
        statement
            .execute(params![
                unsigned(payment),
                self.position,
                self.effect.as_u128().to_be_bytes(),
                time(self.started_at),
                unsigned(self.amount_minor),
                unsigned(self.fee_minor),
                self.status.code(),
                self.failure_code,
                time(self.updated_at),
                unsigned(self.changed_seq),
            ])
            .doing("writing a capture")?;
        Ok(())
    }

    /// Reads a row.
    pub(crate) fn read(cells: &mut Cells<'_>) -> Result<Self, Error> {
        let _payment = cells.u64()?;
        Ok(Self {
            position: cells.u16()?,
            effect: EffectId::from_u128(cells.id()?),
            started_at: cells.time()?,
            amount_minor: cells.u64()?,
            fee_minor: cells.u64()?,
            status: cells.coded::<CaptureStatus>()?,
            failure_code: cells.text_optional()?,
            updated_at: cells.time()?,
            changed_seq: cells.u64()?,
        })
    }
}
