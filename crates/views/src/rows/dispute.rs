//! The dispute row and its id.

use crate::cells::{Cells, time, time_optional, unsigned};
use crate::codes::Coded;
use crate::error::{Doing, Error};
use base::id::{IdError, encode_base32, parse_base32};
use base::{MerchantId, Money, PaymentId, Timestamp};
use core::fmt;
use core::str::FromStr;
use payments::DisputeStatus;
use rusqlite::{CachedStatement, params};
use sha2::{Digest, Sha256};

/// Our id of a dispute: made of its payment and the provider's id, so that it needs no place in the journal and is the same
/// in every copy of the read models.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DisputeId(u128);

impl DisputeId {
    /// The text prefix of this kind, without the underscore.
    pub const PREFIX: &'static str = "dsp";

    /// The id of a payment's dispute: the first 128 bits of SHA-256 over the payment's id and the provider's.
    pub fn new(payment: PaymentId, provider_id: &str) -> Self {
        let digest = Sha256::new().chain_update(payment.as_u128().to_be_bytes()).chain_update(provider_id.as_bytes()).finalize();
        Self(u128::from_be_bytes(core::array::from_fn(|index| digest[index])))
    }

    /// The raw 128 bits.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for DisputeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}_{}", Self::PREFIX, encode_base32(self.0))
    }
}

impl fmt::Debug for DisputeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for DisputeId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let body = text.strip_prefix(Self::PREFIX).and_then(|rest| rest.strip_prefix('_'));
        let body = body.ok_or(IdError::Prefix { expected: Self::PREFIX })?;
        parse_base32(body).map(Self).ok_or(IdError::Body)
    }
}

/// A dispute as of its last event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputeRow {
    /// The event that told of it first; its place in lists.
    pub number: u64,
    /// Our id.
    pub id: DisputeId,
    /// Whose.
    pub merchant: MerchantId,
    /// The disputed payment.
    pub payment: PaymentId,
    /// The provider's id.
    pub provider_id: String,
    /// How much.
    pub money: Money,
    /// When it came in.
    pub opened_at: Timestamp,
    /// The provider's word for the reason.
    pub reason: String,
    /// Until when it may be answered.
    pub respond_by: Option<Timestamp>,
    /// What the provider keeps for it, in minor units of `money`'s currency.
    pub fee_minor: u64,
    /// Where it stands.
    pub status: DisputeStatus,
    /// Time of its last event.
    pub updated_at: Timestamp,
    /// Its last event.
    pub changed_seq: u64,
}

impl DisputeRow {
    /// Runs an insertion or a change.
    pub(crate) fn write(&self, statement: &mut CachedStatement<'_>, payment: u64, merchant_number: u32) -> Result<(), Error> {
        statement
            .execute(params![
                unsigned(self.number),
                self.id.as_u128().to_be_bytes(),
                merchant_number,
                unsigned(payment),
                self.provider_id,
                unsigned(self.money.amount_minor),
                self.money.currency.numeric(),
                time(self.opened_at),
                self.reason,
                time_optional(self.respond_by),
                unsigned(self.fee_minor),
                self.status.code(),
                time(self.updated_at),
                unsigned(self.changed_seq),
            ])
            .doing("writing a dispute")?;
        Ok(())
    }

    /// Reads a row whose merchant and payment the caller knows.
    pub(crate) fn read(cells: &mut Cells<'_>, merchant: MerchantId, payment: PaymentId) -> Result<Self, Error> {
        let number = cells.u64()?;
        let id = DisputeId(cells.id()?);
        let _merchant_number = cells.u32()?;
        let _payment_number = cells.u64()?;
        Ok(Self {
            number,
            id,
            merchant,
            payment,
            provider_id: cells.text()?,
            money: Money { amount_minor: cells.u64()?, currency: cells.currency()? },
            opened_at: cells.time()?,
            reason: cells.text()?,
            respond_by: cells.time_optional()?,
            fee_minor: cells.u64()?,
            status: cells.coded::<DisputeStatus>()?,
            updated_at: cells.time()?,
            changed_seq: cells.u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::DisputeId;
    use base::PaymentId;
    use base::id::IdError;

    #[test]
    fn an_id_depends_on_payment_and_provider_id_alone_and_reads_back() {
        let id = DisputeId::new(PaymentId::from_u128(7), "dp_1");
        assert_eq!(id.to_string(), DisputeId::new(PaymentId::from_u128(7), "dp_1").to_string());
        // Published ids must not change: SHA-256 of fifteen zero bytes, 7 and "dp_1".
        assert_eq!(id.to_string(), "dsp_7806qmtw8qaws91wjh559n1crc");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(id, DisputeId::new(PaymentId::from_u128(8), "dp_1"));
        assert_ne!(id, DisputeId::new(PaymentId::from_u128(7), "dp_2"));
        assert_eq!("ref_00000000000000000000000000".parse::<DisputeId>(), Err(IdError::Prefix { expected: "dsp" }));
        assert_eq!("dsp_0".parse::<DisputeId>(), Err(IdError::Body));
    }
}
