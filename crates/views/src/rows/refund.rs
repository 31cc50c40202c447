//! The refund row.

use crate::cells::{Cells, time, unsigned};
use crate::codes::Coded;
use crate::error::{Doing, Error};
use base::{EffectId, MerchantId, Money, PaymentId, RefundId, Timestamp};
use engine::Sealed;
use payments::RefundStatus;
use rusqlite::{CachedStatement, params};

/// A refund as of its last event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRow {
    /// The event that created it; its place in lists.
    pub number: u64,
    /// Its id.
    pub id: RefundId,
    /// Whose.
    pub merchant: MerchantId,
    /// The payment that it gives back.
    pub payment: PaymentId,
    /// The effect that carries it out, or that looked at it last.
    pub effect: EffectId,
    /// How much.
    pub money: Money,
    /// Whether it is taken from money that the provider had released.
    pub from_available: bool,
    /// Reason and metadata, sealed.
    pub details: Option<Sealed>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Where it stands.
    pub status: RefundStatus,
    /// The provider's id.
    pub provider_id: Option<String>,
    /// The provider's code when it failed or was reversed.
    pub failure_code: Option<String>,
    /// Time of its last event.
    pub updated_at: Timestamp,
    /// Its last event.
    pub changed_seq: u64,
}

impl RefundRow {
    /// Runs an insertion or a change.
    pub(crate) fn write(&self, statement: &mut CachedStatement<'_>, payment: u64, merchant_number: u32) -> Result<(), Error> {
        statement
            .execute(params![
                unsigned(self.number),
                self.id.as_u128().to_be_bytes(),
                merchant_number,
                unsigned(payment),
                self.effect.as_u128().to_be_bytes(),
                unsigned(self.money.amount_minor),
                self.money.currency.numeric(),
                self.from_available,
                self.details.as_ref().map(|details| details.subject.as_u128().to_be_bytes()),
                self.details.as_ref().map(|details| &details.bytes),
                time(self.created_at),
                self.status.code(),
                self.provider_id,
                self.failure_code,
                time(self.updated_at),
                unsigned(self.changed_seq),
            ])
            .doing("writing a refund")?;
        Ok(())
    }

    /// Reads a row whose merchant and payment the caller knows.
    pub(crate) fn read(cells: &mut Cells<'_>, merchant: MerchantId, payment: PaymentId) -> Result<Self, Error> {
        let number = cells.u64()?;
        let id = RefundId::from_u128(cells.id()?);
        let _merchant_number = cells.u32()?;
        let _payment_number = cells.u64()?;
        Ok(Self {
            number,
            id,
            merchant,
            payment,
            effect: EffectId::from_u128(cells.id()?),
            money: Money { amount_minor: cells.u64()?, currency: cells.currency()? },
            from_available: cells.flag()?,
            details: cells.sealed_optional()?,
            created_at: cells.time()?,
            status: cells.coded::<RefundStatus>()?,
            provider_id: cells.text_optional()?,
            failure_code: cells.text_optional()?,
            updated_at: cells.time()?,
            changed_seq: cells.u64()?,
        })
    }
}
