//! The rows of customers and their stored payment methods.

use crate::cells::{Cells, time, unsigned};
use crate::codes::Coded;
use crate::error::{Doing, Error};
use base::{CustomerId, MerchantId, PaymentMethodId, SubjectId, Timestamp};
use engine::{CardFacts, Sealed};
use payments::StoredMethodStatus;
use rusqlite::{CachedStatement, params};

/// A customer as of its last event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerRow {
    /// The event that created it; its place in lists.
    pub number: u64,
    /// Its id.
    pub id: CustomerId,
    /// Whose.
    pub merchant: MerchantId,
    /// Whose data belongs to it.
    pub subject: SubjectId,
    /// E-mail, name, description, reference and metadata, sealed.
    pub details: Option<Sealed>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Time of its last event.
    pub updated_at: Timestamp,
    /// Its last event.
    pub changed_seq: u64,
}

impl CustomerRow {
    /// Runs an insertion or a change.
    pub(crate) fn write(&self, statement: &mut CachedStatement<'_>, merchant_number: u32) -> Result<(), Error> {
        statement
            .execute(params![
                unsigned(self.number),
                self.id.as_u128().to_be_bytes(),
                merchant_number,
                self.subject.as_u128().to_be_bytes(),
                self.details.as_ref().map(|details| details.subject.as_u128().to_be_bytes()),
                self.details.as_ref().map(|details| &details.bytes),
                time(self.created_at),
                self.deleted,
                time(self.updated_at),
                unsigned(self.changed_seq),
            ])
            .doing("writing a customer")?;
        Ok(())
    }

    /// Reads a row and its merchant's number; `merchant_of` knows the merchant of a number.
    pub(crate) fn read(cells: &mut Cells<'_>, merchant_of: impl Fn(u32) -> Option<MerchantId>) -> Result<(u32, Self), Error> {
        let number = cells.u64()?;
        let id = CustomerId::from_u128(cells.id()?);
        let merchant_number = cells.u32()?;
        let merchant = merchant_of(merchant_number).ok_or_else(|| cells.damaged())?;
        let row = Self {
            number,
            id,
            merchant,
            subject: SubjectId::from_u128(cells.id()?),
            details: cells.sealed_optional()?,
            created_at: cells.time()?,
            deleted: cells.flag()?,
            updated_at: cells.time()?,
            changed_seq: cells.u64()?,
        };
        Ok((merchant_number, row))
    }
}

/// A stored payment method as of its last event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentMethodRow {
    /// The event that named it first; its place in lists.
    pub number: u64,
    /// Its id.
    pub id: PaymentMethodId,
    /// Whose.
    pub merchant: MerchantId,
    /// The customer that stored it.
    pub customer: CustomerId,
    /// Number of the provider endpoint that gave the token.
    pub provider: u16,
    /// The token as given.
    pub token: String,
    /// When it was given.
    pub created_at: Timestamp,
    /// Where it stands.
    pub status: StoredMethodStatus,
    /// The token under which it is charged; absent when it cannot be.
    pub provider_id: Option<String>,
    /// What may be shown of it, when it is a card.
    pub card: Option<CardFacts>,
    /// Why it was not stored or not removed.
    pub failure_code: Option<String>,
    /// Time of its last event.
    pub updated_at: Timestamp,
    /// Its last event.
    pub changed_seq: u64,
}

impl PaymentMethodRow {
    /// Runs an insertion or a change.
    pub(crate) fn write(&self, statement: &mut CachedStatement<'_>, merchant_number: u32) -> Result<(), Error> {
        let card = self.card.as_ref();
        statement
            .execute(params![
                unsigned(self.number),
                self.id.as_u128().to_be_bytes(),
                merchant_number,
                self.customer.as_u128().to_be_bytes(),
                self.provider,
                self.token,
                time(self.created_at),
                self.status.code(),
                self.provider_id,
                card.map(|card| &card.brand),
                card.map(|card| &card.last4),
                card.map(|card| card.exp_month),
                card.map(|card| card.exp_year),
                self.failure_code,
                time(self.updated_at),
                unsigned(self.changed_seq),
            ])
            .doing("writing a payment method")?;
        Ok(())
    }

    /// Reads a row and its merchant's number; `merchant_of` knows the merchant of a number.
    pub(crate) fn read(cells: &mut Cells<'_>, merchant_of: impl Fn(u32) -> Option<MerchantId>) -> Result<(u32, Self), Error> {
        let number = cells.u64()?;
        let id = PaymentMethodId::from_u128(cells.id()?);
        let merchant_number = cells.u32()?;
        let merchant = merchant_of(merchant_number).ok_or_else(|| cells.damaged())?;
        let row = Self {
            number,
            id,
            merchant,
            customer: CustomerId::from_u128(cells.id()?),
            provider: cells.u16()?,
            token: cells.text()?,
            created_at: cells.time()?,
            status: cells.coded::<StoredMethodStatus>()?,
            provider_id: cells.text_optional()?,
            card: read_card(cells)?,
            failure_code: cells.text_optional()?,
            updated_at: cells.time()?,
            changed_seq: cells.u64()?,
        };
        Ok((merchant_number, row))
    }
}

fn read_card(cells: &mut Cells<'_>) -> Result<Option<CardFacts>, Error> {
    let (brand, last4) = (cells.text_optional()?, cells.text_optional()?);
    let (exp_month, exp_year) = (cells.u16_optional()?, cells.u16_optional()?);
    match (brand, last4, exp_month, exp_year) {
        (None, None, None, None) => Ok(None),
        (Some(brand), Some(last4), Some(exp_month), Some(exp_year)) => Ok(Some(CardFacts { brand, last4, exp_month, exp_year })),
        _ => Err(cells.damaged()),
    }
}
