//! Giving money back.

use crate::App;
use crate::details::{self, RefundDetails, Shown};
use crate::errors::{Code, Problem};
use crate::extract::{Body, IdempotencyKey, MerchantCaller};
use crate::objects::Refund;
use crate::payments::{AmountMinor, Answered, check_length, check_metadata, money_response};
use crate::{openapi, reads};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base::limits::DESCRIPTION_BYTES_MAX;
use base::{PaymentId, RefundId};
use engine::{Command, CreateRefund, Private, Reply};
use http::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The metadata entry that asks a simulator for a fault.
const METADATA_SIM: &str = "sim";

/// Gives money of a payment back.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateRefund)]
pub(crate) struct CreateRefundRequest {
    /// The payment, `pay_…`
    payment: String,
    /// How much, in minor units of the payment's currency; everything that remains when absent.
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 1_000_000_000_000_u64)]
    amount_minor: Option<AmountMinor>,
    /// Why, at most 1,000 bytes.
    #[schema(max_length = 1_000)]
    reason: Option<String>,
    /// The merchant's own fields: at most 50, keys of at most 40 bytes, values of at most 500.
    metadata: Option<BTreeMap<String, String>>,
}

/// Create a refund
///
/// Never more than was taken, counting refunds that are open and disputes that are not won.
#[utoipa::path(
    post, path = "/v1/refunds", tag = "refunds", operation_id = "createRefund",
    params(openapi::IdempotencyKeyHeader), request_body = CreateRefundRequest,
    responses((status = 201, description = "created", body = Refund), (status = 200, description = "existed", body = Refund),
        (status = 202, description = "not decided yet", body = Refund)),
    security(("merchant_key" = []))
)]
pub(crate) async fn create(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    key: IdempotencyKey,
    body: Body<CreateRefundRequest>,
) -> Result<Response, Problem> {
    let idempotency = app.idempotency(merchant, &key, "/v1/refunds", &body.json);
    let CreateRefundRequest { payment, amount_minor, reason, metadata } = body.value;
    let unknown = || Problem { field: Some("payment".to_owned()), ..Problem::new(Code::PaymentUnknown) };
    let payment: PaymentId = payment.parse().map_err(|_| unknown())?;
    let amount_minor = amount_minor.map(|amount| amount.check("amount_minor")).transpose()?;
    check_length("reason", reason.as_deref(), DESCRIPTION_BYTES_MAX)?;
    check_metadata(metadata.as_ref())?;
    let simulate = metadata.as_ref().and_then(|metadata| metadata.get(METADATA_SIM)).cloned();
    let details = RefundDetails { reason, metadata };
    let (known, _) = app.platform.payment(merchant, payment).await?.ok_or_else(unknown)?;
    let sealed = app.seal(known.subject, details::plaintext(&details)).await?;
    let private = Private { return_url: None, simulate: simulate.filter(|_| app.options.allow_simulate) };
    let command = CreateRefund { merchant, payment, idempotency, amount_minor, details: sealed, private };
    let submitted = app.submit(Command::CreateRefund(command)).await?;

    let Reply::Refund { payment: _, refund, replayed, waiting_for } = submitted.reply else {
        return Err(Problem::new(Code::Internal));
    };
    let settled = app.settled(payment, waiting_for).await;
    let shown =
        if replayed { reads::refund_details(&app, merchant, refund, submitted.seq).await } else { Shown { details, erased: false } };
    let (known, state_seq) = app.platform.payment(merchant, payment).await?.ok_or_else(unknown)?;
    let object = object(payment, &known, refund, shown)?;
    let status = match (settled, replayed) {
        (false, _) => StatusCode::ACCEPTED,
        (true, false) => StatusCode::CREATED,
        (true, true) => StatusCode::OK,
    };
    Ok(money_response(status, Json(object), &Answered { payment, replayed, seq: submitted.seq.max(state_seq) }))
}

fn object(payment: PaymentId, known: &engine::Payment, refund: RefundId, shown: Shown<RefundDetails>) -> Result<Refund, Problem> {
    let found = known.refund(refund).ok_or_else(|| Problem::new(Code::RefundUnknown))?;
    Ok(Refund::of_state(payment, known, found, shown))
}
