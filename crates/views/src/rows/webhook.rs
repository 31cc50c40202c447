//! Messages of providers: a row for each time that one came in. It never changes.

use crate::cells::{Cells, time, unsigned};
use crate::codes::Coded;
use crate::error::{Doing, Error};
use base::{PaymentId, Timestamp};
use engine::{NoticeSource, NoticeUse};
use rusqlite::{CachedStatement, params};

/// A message of a provider that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRow {
    /// The event; its place in lists. The event holds the message's body, sealed.
    pub seq: u64,
    /// Number of the provider endpoint.
    pub provider: u16,
    /// The provider's id of the message.
    pub event_id: String,
    /// The provider's name of what happened.
    pub event_type: String,
    /// How it came in.
    pub source: NoticeSource,
    /// What it was good for.
    pub found: NoticeUse,
    /// The payment that it is about.
    pub payment: Option<PaymentId>,
    /// When it came in.
    pub at: Timestamp,
}

/// A row on its way into the table.
pub(crate) struct NewWebhook<'a> {
    pub(crate) seq: u64,
    pub(crate) provider: u16,
    pub(crate) event_id: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) source: NoticeSource,
    pub(crate) found: NoticeUse,
    /// The payment's number.
    pub(crate) payment: Option<u64>,
    pub(crate) at: Timestamp,
}

impl NewWebhook<'_> {
    /// Runs an insertion.
    pub(crate) fn write(&self, statement: &mut CachedStatement<'_>) -> Result<(), Error> {
        statement
            .execute(params![
                unsigned(self.seq),
                self.provider,
                self.event_id,
                self.event_type,
                self.source.code(),
                self.found.code(),
                self.payment.map(unsigned),
                time(self.at),
            ])
            .doing("writing a webhook")?;
        Ok(())
    }
}

impl WebhookRow {
    /// Reads a row and, after it, the payment's id.
    pub(crate) fn read(cells: &mut Cells<'_>) -> Result<Self, Error> {
        let (seq, provider) = (cells.u64()?, cells.u16()?);
        let (event_id, event_type) = (cells.text()?, cells.text()?);
        let (source, found) = (cells.coded::<NoticeSource>()?, cells.coded::<NoticeUse>()?);
        let _payment_number = cells.u64_optional()?;
        let at = cells.time()?;
        let payment = cells.id_optional()?.map(PaymentId::from_u128);
        Ok(Self { seq, provider, event_id, event_type, source, found, payment, at })
    }
}
