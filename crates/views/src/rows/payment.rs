//! The payment row: everything that an answer about a payment shows.

use crate::cells::{Cells, time, time_optional, unsigned};
use crate::codes::Coded;
use crate::error::{Doing, Error};
use base::{CustomerId, Decline, DeclineClass, MerchantId, Money, NextAction, PaymentId, PaymentMethodId, SubjectId, Timestamp};
use engine::{CaptureMode, OnFile, Presence, Sealed};
use payments::PaymentStatus;
use rusqlite::{CachedStatement, params};

/// A payment as of its last event. Amounts are in minor units of `money.currency`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRow {
    /// The event that created it; its place in lists.
    pub number: u64,
    /// Its id.
    pub id: PaymentId,
    /// Whose.
    pub merchant: MerchantId,
    /// Keyed hash of the merchant's reference.
    pub reference: Option<[u8; 16]>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whose data belongs to it.
    pub subject: SubjectId,
    /// How much is asked for.
    pub money: Money,
    /// Whether it is taken at once.
    pub capture_mode: CaptureMode,
    /// Keyed hash of its content.
    pub content: [u8; 16],
    /// Provider token.
    pub payment_method: Option<String>,
    /// Whom it charges and how, when it is somebody known.
    pub on_file: Option<OnFile>,
    /// Reference, e-mail, description and metadata, sealed.
    pub details: Option<Sealed>,
    /// Where it stands.
    pub status: PaymentStatus,
    /// Held at the provider or being asked for.
    pub held_minor: u64,
    /// Taken so far.
    pub captured_minor: u64,
    /// Given back.
    pub refunded_minor: u64,
    /// Asked to be given back and not decided.
    pub refunding_minor: u64,
    /// In open and lost disputes.
    pub disputed_minor: u64,
    /// Provider fees.
    pub fee_minor: u64,
    /// Whether the provider has released the money.
    pub available: bool,
    /// Number of the provider endpoint of the newest attempt.
    pub provider: Option<u16>,
    /// The provider's id, from the newest attempt.
    pub provider_id: Option<String>,
    /// What the last refusal said.
    pub last_decline: Option<Decline>,
    /// What the customer has to do.
    pub next_action: Option<NextAction>,
    /// When it expires unless something happens.
    pub expires_at: Option<Timestamp>,
    /// How many attempts there were.
    pub attempts_count: u16,
    /// How many captures were asked for separately.
    pub captures_count: u16,
    /// How many refunds were asked for.
    pub refunds_count: u16,
    /// How many disputes there were.
    pub disputes_count: u16,
    /// Time of its last event.
    pub updated_at: Timestamp,
    /// Its last event.
    pub changed_seq: u64,
}

/// Codes of `next_action`.
const REDIRECT: u16 = 0;
const WAIT: u16 = 1;

impl PaymentRow {
    /// Runs an insertion or a change.
    pub(crate) fn write(&self, statement: &mut CachedStatement<'_>, merchant_number: u32) -> Result<(), Error> {
        let (next_action, url) = match &self.next_action {
            None => (None, None),
            Some(NextAction::Redirect { url }) => (Some(REDIRECT), Some(url)),
            Some(NextAction::Wait) => (Some(WAIT), None),
        };
        statement
            .execute(params![
                unsigned(self.number),
                self.id.as_u128().to_be_bytes(),
                merchant_number,
                self.reference,
                time(self.created_at),
                self.subject.as_u128().to_be_bytes(),
                unsigned(self.money.amount_minor),
                self.money.currency.numeric(),
                self.capture_mode.code(),
                self.content,
                self.payment_method,
                self.on_file.map(|on_file| on_file.customer.as_u128().to_be_bytes()),
                self.on_file.and_then(|on_file| on_file.method).map(|method| method.as_u128().to_be_bytes()),
                self.on_file.map(|on_file| on_file.presence == Presence::OffSession),
                self.details.as_ref().map(|details| details.subject.as_u128().to_be_bytes()),
                self.details.as_ref().map(|details| &details.bytes),
                self.status.code(),
                unsigned(self.held_minor),
                unsigned(self.captured_minor),
                unsigned(self.refunded_minor),
                unsigned(self.refunding_minor),
                unsigned(self.disputed_minor),
                unsigned(self.fee_minor),
                self.available,
                self.provider,
                self.provider_id,
                self.last_decline.as_ref().map(|decline| decline.class.code()),
                self.last_decline.as_ref().map(|decline| &decline.code),
                self.last_decline.as_ref().and_then(|decline| decline.network_code.as_ref()),
                next_action,
                url,
                time_optional(self.expires_at),
                self.attempts_count,
                self.captures_count,
                self.refunds_count,
                self.disputes_count,
                time(self.updated_at),
                unsigned(self.changed_seq),
            ])
            .doing("writing a payment")?;
        Ok(())
    }

    /// Reads a row and its merchant's number; `merchant_of` knows the merchant of a number.
    pub(crate) fn read(cells: &mut Cells<'_>, merchant_of: impl Fn(u32) -> Option<MerchantId>) -> Result<(u32, Self), Error> {
        let number = cells.u64()?;
        let id = PaymentId::from_u128(cells.id()?);
        let merchant_number = cells.u32()?;
        let merchant = merchant_of(merchant_number).ok_or_else(|| cells.damaged())?;
        let row = Self {
            number,
            id,
            merchant,
            reference: cells.hash_optional()?,
            created_at: cells.time()?,
            subject: SubjectId::from_u128(cells.id()?),
            money: Money { amount_minor: cells.u64()?, currency: cells.currency()? },
            capture_mode: cells.coded::<CaptureMode>()?,
            content: cells.hash()?,
            payment_method: cells.text_optional()?,
            on_file: read_on_file(cells)?,
            details: cells.sealed_optional()?,
            status: cells.coded::<PaymentStatus>()?,
            held_minor: cells.u64()?,
            captured_minor: cells.u64()?,
            refunded_minor: cells.u64()?,
            refunding_minor: cells.u64()?,
            disputed_minor: cells.u64()?,
            fee_minor: cells.u64()?,
            available: cells.flag()?,
            provider: cells.u16_optional()?,
            provider_id: cells.text_optional()?,
            last_decline: read_decline(cells)?,
            next_action: read_next_action(cells)?,
            expires_at: cells.time_optional()?,
            attempts_count: cells.u16()?,
            captures_count: cells.u16()?,
            refunds_count: cells.u16()?,
            disputes_count: cells.u16()?,
            updated_at: cells.time()?,
            changed_seq: cells.u64()?,
        };
        Ok((merchant_number, row))
    }
}

/// A known customer from three columns: customer, stored payment method, whether the customer is away.
fn read_on_file(cells: &mut Cells<'_>) -> Result<Option<OnFile>, Error> {
    let customer = cells.id_optional()?.map(CustomerId::from_u128);
    let method = cells.id_optional()?.map(PaymentMethodId::from_u128);
    let presence = match cells.u16_optional()? {
        None => None,
        Some(0) => Some(Presence::OnSession),
        Some(1) => Some(Presence::OffSession),
        Some(_) => return Err(cells.damaged()),
    };
    match (customer, method, presence) {
        (None, None, None) => Ok(None),
        (Some(customer), method, Some(presence)) => Ok(Some(OnFile { customer, method, presence })),
        (Some(_), _, None) | (None, _, _) => Err(cells.damaged()),
    }
}

/// A decline from three columns: class, code, network code.
pub(super) fn read_decline(cells: &mut Cells<'_>) -> Result<Option<Decline>, Error> {
    let class = cells.coded_optional::<DeclineClass>()?;
    let code = cells.text_optional()?;
    let network_code = cells.text_optional()?;
    match (class, code) {
        (None, None) => Ok(None),
        (Some(class), Some(code)) => Ok(Some(Decline { class, code, network_code })),
        (Some(_), None) | (None, Some(_)) => Err(cells.damaged()),
    }
}

fn read_next_action(cells: &mut Cells<'_>) -> Result<Option<NextAction>, Error> {
    let kind = cells.u16_optional()?;
    let url = cells.text_optional()?;
    match (kind, url) {
        (None, None) => Ok(None),
        (Some(REDIRECT), Some(url)) => Ok(Some(NextAction::Redirect { url })),
        (Some(WAIT), None) => Ok(Some(NextAction::Wait)),
        (Some(_), _) | (None, Some(_)) => Err(cells.damaged()),
    }
}
