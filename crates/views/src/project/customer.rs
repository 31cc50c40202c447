//! Customers and the payment methods that they store. Each has rows of its own: nothing of theirs is a payment's.

use super::Unfit;
use crate::error::Error;
use crate::rows::{CustomerRow, PaymentMethodRow};
use base::{MerchantId, Timestamp};
use engine::{Entry, Event, OUTCOME_UNKNOWN};
use payments::{StoredMethodInput, StoredMethodStatus};

/// A customer's row while events are applied to it.
pub(crate) struct CustomerDraft {
    /// The merchant's number.
    pub(crate) merchant_number: u32,
    /// The row.
    pub(crate) row: CustomerRow,
}

/// A stored payment method's row while events are applied to it.
pub(crate) struct MethodDraft {
    /// The merchant's number.
    pub(crate) merchant_number: u32,
    /// The row.
    pub(crate) row: PaymentMethodRow,
}

impl CustomerDraft {
    /// The row of a new customer; `None` for another event.
    pub(crate) fn created(seq: u64, entry: &Entry, merchant_number: u32) -> Option<Self> {
        let Event::CustomerCreated { customer, merchant, subject, details, .. } = &entry.event else {
            return None;
        };
        let row = CustomerRow {
            number: seq,
            id: *customer,
            merchant: *merchant,
            subject: *subject,
            details: details.clone(),
            created_at: entry.at,
            deleted: false,
            updated_at: entry.at,
            changed_seq: seq,
        };
        Some(Self { merchant_number, row })
    }

    /// Applies the next event about this customer.
    ///
    /// # Errors
    /// [`Error::Unfit`] when the event does not follow from what came before.
    pub(crate) fn apply(&mut self, seq: u64, at: Timestamp, event: &Event) -> Result<(), Error> {
        match event {
            Event::CustomerDeleted { .. } if self.row.deleted => return Err(Error::Unfit { seq, what: "a customer is deleted twice" }),
            Event::CustomerDeleted { .. } => self.row.deleted = true,
            Event::CustomerStored { .. } | Event::CustomerStoreFailed { .. } => {}
            _ => return Err(Error::Unfit { seq, what: "not an event about a customer" }),
        }
        (self.row.updated_at, self.row.changed_seq) = (at, seq);
        Ok(())
    }
}

impl MethodDraft {
    /// The row of a payment method that shall be stored; `None` for another event.
    pub(crate) fn started(seq: u64, entry: &Entry, merchant: MerchantId, merchant_number: u32) -> Option<Self> {
        let Event::MethodStarted { method, customer, provider, token, .. } = &entry.event else {
            return None;
        };
        let row = PaymentMethodRow {
            number: seq,
            id: *method,
            merchant,
            customer: *customer,
            provider: *provider,
            token: token.clone(),
            created_at: entry.at,
            status: StoredMethodStatus::Storing,
            provider_id: None,
            card: None,
            failure_code: None,
            updated_at: entry.at,
            changed_seq: seq,
        };
        Some(Self { merchant_number, row })
    }

    /// Applies the next event about this payment method.
    ///
    /// # Errors
    /// [`Error::Unfit`] when the event does not follow from what came before.
    pub(crate) fn apply(&mut self, seq: u64, at: Timestamp, event: &Event) -> Result<(), Error> {
        self.moved(event).map_err(|what| Error::Unfit { seq, what })?;
        (self.row.updated_at, self.row.changed_seq) = (at, seq);
        Ok(())
    }

    fn moved(&mut self, event: &Event) -> Result<(), Unfit> {
        let input = match event {
            Event::MethodStored { provider_id, card, .. } => {
                self.row.provider_id = Some(provider_id.clone());
                self.row.card.clone_from(card);
                StoredMethodInput::Stored
            }
            Event::MethodFailed { code, .. } => {
                self.row.failure_code = Some(code.clone());
                StoredMethodInput::Refused
            }
            Event::MethodRemovalStarted { .. } => {
                self.row.failure_code.take_if(|code| code != OUTCOME_UNKNOWN);
                StoredMethodInput::RemovalStarted
            }
            Event::MethodRemoved { .. } => {
                (self.row.provider_id, self.row.failure_code) = (None, None);
                StoredMethodInput::Removed
            }
            Event::MethodRemovalFailed { code, .. } => {
                self.row.failure_code = Some(code.clone());
                StoredMethodInput::RemovalRefused
            }
            _ => return Err("not an event about a stored payment method"),
        };
        self.row.status = self.row.status.after(input).ok_or("the payment method's life cycle has no such row")?;
        Ok(())
    }
}
