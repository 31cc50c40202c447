//! Events and ledger lines: rows that never change.

use crate::cells::Cells;
use crate::error::Error;
use base::{Currency, PaymentId, Timestamp};
use engine::EventKind;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Its sequence number.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// The payment that it is about.
    pub payment: Option<PaymentId>,
    /// The journaled bytes; `events::decode_payload` reads them. Personal data in them is sealed.
    pub payload: Vec<u8>,
}

/// One line in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegRow {
    /// The event that posted it.
    pub seq: u64,
    /// Place among the event's lines, from 0.
    pub position: u16,
    /// Id of the transfer.
    pub id: u128,
    /// The account whose debits grow.
    pub debit_account: u128,
    /// The account whose credits grow.
    pub credit_account: u128,
    /// How much, in minor units of `currency`; zero when a hold is given up in full.
    pub amount_minor: u128,
    /// The hold that it posts or gives up.
    pub pending: Option<u128>,
    /// The ledger.
    pub currency: Currency,
    /// The reason in the chart of accounts.
    pub code: u16,
    /// The bits of `ledger::TransferFlags`.
    pub flags: u16,
    /// When it was booked.
    pub at: Timestamp,
}

impl EventRow {
    /// Reads `seq, at, kind, payload` and the payment's id.
    pub(crate) fn read(cells: &mut Cells<'_>) -> Result<Self, Error> {
        Ok(Self {
            seq: cells.u64()?,
            at: cells.time()?,
            kind: cells.coded::<EventKind>()?,
            payload: cells.blob()?,
            payment: cells.id_optional()?.map(PaymentId::from_u128),
        })
    }
}

impl LegRow {
    /// Reads a row.
    pub(crate) fn read(cells: &mut Cells<'_>) -> Result<Self, Error> {
        let _payment = cells.u64()?;
        Ok(Self {
            seq: cells.u64()?,
            position: cells.u16()?,
            id: cells.wide()?,
            debit_account: cells.wide()?,
            credit_account: cells.wide()?,
            amount_minor: cells.amount()?,
            pending: Some(cells.wide()?).filter(|pending| *pending != 0),
            currency: cells.currency()?,
            code: cells.u16()?,
            flags: cells.u16()?,
            at: cells.time()?,
        })
    }
}
