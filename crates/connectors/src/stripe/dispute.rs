//! Stripe's dispute objects in our words. Sources: Stripe's API reference of the dispute object, its page on how disputes
//! work, and its changelog of 2025-08-27.basil for prevented ones.

use super::json::{self, member};
use super::object::{INTENT, PLAIN, code_text, currency, is_id, linked_id, number, text};
use super::{RESPONSE_BYTES_MAX, from_provider};
use base::{Currency, DisputeFact, DisputePhase, Money, Timestamp};
use egress::Response;
use serde_json::Value;

/// Balance transactions of one dispute that are read. Stripe documents at most two.
const TRANSACTIONS_MAX: usize = 100;

/// What the balance transactions say: signed sums of what was kept and the balance of takings and returns.
struct Balance {
    fee_minor: u64,
    is_withdrawn: bool,
}

/// Reads the answer to a question for one dispute.
pub(super) fn fetched(dispute: &str, response: &Response) -> Option<(String, DisputeFact)> {
    if !(200..300).contains(&response.status) || response.body.len() > RESPONSE_BYTES_MAX {
        return None;
    }
    let value = json::read(&response.body)?;
    dispute_fact(&value).filter(|(_, fact)| fact.dispute == dispute)
}

/// Whether a text can be a dispute's id (`dp_…`, `du_…`): safe to put into a path.
pub(super) fn is_dispute_id(id: &str) -> bool {
    is_id(id, PLAIN)
}

/// The payment and the dispute; `None` when it is no dispute of a payment intent, or its money cannot be said.
pub(super) fn dispute_fact(object: &Value) -> Option<(String, DisputeFact)> {
    if text(object, "object") != Some("dispute") {
        return None;
    }
    let dispute = text(object, "id").filter(|id| is_dispute_id(id))?.to_owned();
    let payment = linked_id(object, "payment_intent", INTENT)?.to_owned();
    let currency = currency(object)?;
    let amount_minor = from_provider(number(object, "amount")?, currency)?;
    let balance = balance(object, currency);
    let is_withdrawn = balance.as_ref().is_some_and(|balance| balance.is_withdrawn);
    let due_by = member(object, "evidence_details").and_then(|details| number(details, "due_by"));
    let fact = DisputeFact {
        dispute,
        money: Money { amount_minor, currency },
        // Where it cannot be said whether the money is gone, the state alone would mislead.
        phase: balance.as_ref().map_or(DisputePhase::Unclear, |_| phase(text(object, "status").unwrap_or_default(), is_withdrawn)),
        reason: code_text(text(object, "reason").unwrap_or_default()),
        respond_by: due_by.filter(|seconds| *seconds > 0).map(Timestamp::from_s),
        fee_minor: balance.map_or(0, |balance| balance.fee_minor),
        is_withdrawn,
    };
    Some((payment, fact))
}

fn phase(status: &str, is_withdrawn: bool) -> DisputePhase {
    match status {
        "warning_needs_response" | "warning_under_review" => DisputePhase::Inquiry,
        "warning_closed" => DisputePhase::InquiryClosed,
        // An appeal follows a loss: it is answered and decided again, and the money is still gone.
        "needs_response" | "under_review" | "appeal_needs_response" | "appeal_under_review" => DisputePhase::Open,
        "won" => DisputePhase::Won,
        "lost" => DisputePhase::Lost,
        // Blocked or resolved before it became a dispute; resolving can mean that the money was given back.
        "prevented" if is_withdrawn => DisputePhase::Lost,
        "prevented" => DisputePhase::InquiryClosed,
        _ => DisputePhase::Unclear,
    }
}

/// Reads the balance transactions: negative amounts were withdrawn, positive ones reinstated; one more of the former
/// than of the latter means that the money is gone. They are counted and not summed, because a transaction in another
/// currency comes back at another rate. Fees in another currency than the dispute's cannot be said and are left out.
fn balance(object: &Value, disputed: Currency) -> Option<Balance> {
    let transactions = member(object, "balance_transactions")?.as_array()?;
    if transactions.len() > TRANSACTIONS_MAX {
        return None;
    }
    let mut fee = 0_i64;
    let mut takings_and_returns = 0_i64;
    for transaction in transactions {
        takings_and_returns = takings_and_returns.checked_add(member(transaction, "amount")?.as_i64()?.signum())?;
        let charged = member(transaction, "fee")?.as_i64()?;
        if currency(transaction)? == disputed {
            fee = fee.checked_add(charged)?;
        }
    }
    // A fee that was given back in full, or with something on top, is none.
    let fee_minor = from_provider(u64::try_from(fee).unwrap_or(0), disputed)?;
    Some(Balance { fee_minor, is_withdrawn: takings_and_returns < 0 })
}
