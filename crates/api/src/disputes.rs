//! Disputes, as providers told of them: they are read here and answered at the provider.

use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{MerchantCaller, Parameters, PathText, ReadScope};
use crate::middleware::About;
use crate::objects::{Amount, List};
use crate::openapi;
use crate::reads::{caught_up, page, query, read_response};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use payments::DisputeStatus;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use views::{CursorKind, DisputeFilter, DisputeId, DisputeRow};

/// A dispute: the customer's bank asks about a payment or takes its money back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Dispute {
    /// `dsp_…`
    id: String,
    /// Always `dispute`.
    #[schema(value_type = String, example = "dispute")]
    object: &'static str,
    /// Whose, `mer_…`
    merchant: String,
    /// The disputed payment, `pay_…`
    payment: String,
    /// Where it stands.
    #[schema(schema_with = dispute_status_schema)]
    status: &'static str,
    /// How much is disputed.
    amount: Amount,
    /// The provider's word for the reason.
    reason: String,
    /// Until when it may be answered at the provider (RFC 3339).
    respond_by: Option<String>,
    /// What the provider keeps for it, in minor units of `amount.currency`.
    fee_minor: u64,
    /// The provider's id.
    provider_id: String,
    /// When it came in (RFC 3339).
    created_at: String,
    /// When it last changed (RFC 3339).
    updated_at: String,
}

impl From<&DisputeRow> for Dispute {
    fn from(row: &DisputeRow) -> Self {
        Self {
            id: row.id.to_string(),
            object: "dispute",
            merchant: row.merchant.to_string(),
            payment: row.payment.to_string(),
            status: row.status.name(),
            amount: Amount::new(row.money),
            reason: row.reason.clone(),
            respond_by: row.respond_by.map(|at| at.to_string()),
            fee_minor: row.fee_minor,
            provider_id: row.provider_id.clone(),
            created_at: row.opened_at.to_string(),
            updated_at: row.updated_at.to_string(),
        }
    }
}

fn dispute_status_schema() -> Object {
    let names = DisputeStatus::ALL.iter().map(|status| status.name());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

/// Retrieve a dispute
#[utoipa::path(
    get, path = "/v1/disputes/{id}", tag = "disputes", operation_id = "retrieveDispute",
    params(("id" = String, Path, description = "`dsp_…`"), openapi::MinSeqHeader),
    responses((status = 200, description = "the dispute", body = Dispute)), security(("merchant_key" = []))
)]
pub(crate) async fn retrieve(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    path: PathText,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let id: DisputeId = path.as_str().parse().map_err(|_| Problem::new(Code::DisputeUnknown))?;
    let seq = caught_up(&app, &headers).await?;
    let row = query(&app, move |_, views| views.dispute(merchant, id)).await?;
    let row = row.ok_or_else(|| Problem::new(Code::DisputeUnknown))?;
    let mut response = read_response(Json(Dispute::from(&row)), seq);
    response.extensions_mut().insert(About(row.payment));
    Ok(response)
}

/// List disputes
///
/// Newest first; with an operator's key and without `Bezant-Merchant`, of all merchants.
#[utoipa::path(
    get, path = "/v1/disputes", tag = "disputes", operation_id = "listDisputes",
    params(openapi::PageQuery, openapi::DisputeQuery, openapi::MinSeqHeader),
    responses((status = 200, description = "a page", body = List<Dispute>)), security(("merchant_key" = []))
)]
pub(crate) async fn list(
    State(app): State<App>,
    ReadScope(scope): ReadScope,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = page(&mut parameters, CursorKind::Disputes)?;
    let filter = DisputeFilter {
        payment: parameters.parse("payment", "a payment's id, pay_…", |text| text.parse().ok())?,
        status: parameters.parse("status", "a dispute's status", DisputeStatus::parse_name)?,
    };
    parameters.finish()?;
    let seq = caught_up(&app, &headers).await?;
    let found = query(&app, move |_, views| views.disputes(scope, &filter, &page)).await?;
    let data: Vec<Dispute> = found.items.iter().map(Into::into).collect();
    Ok(read_response(Json(List::new(data, found.next.map(|next| next.to_string()))), seq))
}
