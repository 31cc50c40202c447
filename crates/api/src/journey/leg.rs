//! Ledger lines in words: why they were booked, between which accounts, and how they count.

use super::objects::LineState;
use crate::words::{Line, Phrase};
use ledger::TransferFlags;
use payments::postings::{AccountKind, Reason};
use views::LegRow;

/// Bits of an account's id below its code, as [`payments::Books::account_id`] puts them together.
const CODE_SHIFT: u32 = 64;

/// How a line counts.
pub(super) fn state(leg: &LegRow) -> LineState {
    let flags = TransferFlags::from_bits(leg.flags);
    if flags.contains(TransferFlags::PENDING) {
        LineState::Pending
    } else if flags.contains(TransferFlags::VOID_PENDING_TRANSFER) {
        LineState::Voided
    } else {
        LineState::Posted
    }
}

/// Why a line was booked.
pub(super) fn why(leg: &LegRow) -> Line {
    let flags = TransferFlags::from_bits(leg.flags);
    let takes = flags.contains(TransferFlags::POST_PENDING_TRANSFER);
    let gives_up = flags.contains(TransferFlags::VOID_PENDING_TRANSFER);
    match Reason::of_code(leg.code) {
        Some(Reason::Hold) if takes => Line::LegHoldTaken {},
        Some(Reason::Hold) if gives_up => Line::LegHoldReleased {},
        Some(Reason::Hold) => Line::LegHold {},
        Some(Reason::Capture) => Line::LegCapture {},
        Some(Reason::Fee) => Line::LegFee {},
        Some(Reason::FeeReversal) => Line::LegFeeReversal {},
        Some(Reason::Available) => Line::LegAvailable {},
        Some(Reason::Refund) if takes => Line::LegRefundPaid {},
        Some(Reason::Refund) if gives_up => Line::LegRefundReleased {},
        Some(Reason::Refund) => Line::LegRefundReserved {},
        Some(Reason::RefundReversal) => Line::LegRefundReversal {},
        Some(Reason::CaptureReversal) => Line::LegCaptureReversal {},
        Some(Reason::Dispute) => Line::LegDispute {},
        Some(Reason::DisputeWon) => Line::LegDisputeWon {},
        Some(Reason::Mismatch) => Line::LegSuspense {},
        Some(Reason::MismatchReturned) => Line::LegSuspenseReturned {},
        None => Line::LegOther {},
    }
}

/// What an account is for.
pub(super) fn account(id: u128) -> Phrase {
    match AccountKind::ALL.into_iter().find(|kind| u128::from(kind.code()) == id >> CODE_SHIFT) {
        Some(AccountKind::Receivable) => Phrase::AccountReceivable,
        Some(AccountKind::MerchantPending) => Phrase::AccountPending,
        Some(AccountKind::MerchantAvailable) => Phrase::AccountAvailable,
        Some(AccountKind::Fees) => Phrase::AccountFees,
        Some(AccountKind::Disputed) => Phrase::AccountDisputed,
        Some(AccountKind::Suspense) => Phrase::AccountSuspense,
        None => Phrase::AccountOther,
    }
}
