//! One search field for operators: any id of ours or of a provider, a merchant's handle, or a reference, of all merchants.

use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{OperatorCaller, Parameters};
use crate::middleware::audit;
use crate::openapi;
use crate::reads::{caught_up, query, read_response};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base::limits::REFERENCE_BYTES_MAX;
use base::{MerchantId, Money};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;
use views::Found;

/// Something that a text names.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SearchResult {
    /// Always `search_result`.
    #[schema(value_type = String, example = "search_result")]
    object: &'static str,
    /// `payment`, `refund`, `dispute`, `customer`, `payment_method`, `webhook` or `merchant`.
    #[schema(value_type = String, example = "payment")]
    kind: &'static str,
    /// Its id; of a webhook, the provider's.
    id: String,
    /// Whose it is, `mer_…`, to be sent as `Bezant-Merchant`; null for a webhook that is about nobody's payment.
    merchant: Option<String>,
    /// What it is, in a few words.
    label: String,
}

/// Everything that a text names, at most 50 things.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SearchResults {
    /// Always `list`.
    #[schema(value_type = String, example = "list")]
    object: &'static str,
    /// What was found.
    data: Vec<SearchResult>,
    /// Always false: a search has one page.
    has_more: bool,
    /// Always null.
    next_cursor: Option<String>,
    /// Whether handles and references of all merchants were looked at. They are of the 1,000 oldest; ids are found in any case.
    merchants_all: bool,
}

impl SearchResult {
    fn of(found: &Found) -> Self {
        let new = |kind, id: String, merchant: Option<MerchantId>, label| Self {
            object: "search_result",
            kind,
            id,
            merchant: merchant.map(|merchant| merchant.to_string()),
            label,
        };
        let standing = |money: Money, status: &str| format!("{money}, {}", words(status));
        match found {
            Found::Merchant(row) => new("merchant", row.id.to_string(), Some(row.id), row.handle.clone()),
            Found::Payment(row) => new("payment", row.id.to_string(), Some(row.merchant), standing(row.money, row.status.name())),
            Found::Refund(row) => new("refund", row.id.to_string(), Some(row.merchant), standing(row.money, row.status.name())),
            Found::Dispute(row) => {
                let label = format!("{}: {}", standing(row.money, row.status.name()), words(&row.reason));
                new("dispute", row.id.to_string(), Some(row.merchant), label)
            }
            Found::Customer(row) => {
                let label = if row.deleted { "deleted".to_owned() } else { format!("since {}", row.created_at) };
                new("customer", row.id.to_string(), Some(row.merchant), label)
            }
            Found::PaymentMethod(row) => {
                let what = row.card.as_ref().map_or_else(|| row.token.clone(), |card| format!("{} ending in {}", card.brand, card.last4));
                new("payment_method", row.id.to_string(), Some(row.merchant), format!("{what}, {}", words(row.status.name())))
            }
            Found::Webhook { webhook, merchant } => new("webhook", webhook.event_id.clone(), *merchant, webhook.event_type.clone()),
        }
    }
}

/// A name of ours or of a provider's, for people.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// Search
///
/// Finds what a text names, of all merchants: an id of ours (`pay_…`, `ref_…`, `dsp_…`, `cus_…`, `pmt_…`, `mer_…`), a provider's
/// id (of a payment, refund, dispute, stored payment method or webhook), a merchant's handle, or a payment's exact reference.
#[utoipa::path(
    get, path = "/v1/search", tag = "operators", operation_id = "search", params(openapi::SearchQuery, openapi::MinSeqHeader),
    responses((status = 200, description = "what it names", body = SearchResults)), security(("operator_key" = []))
)]
pub(crate) async fn search(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let text = parameters.parse("q", "a text of at most 200 bytes", |text| {
        let text = text.trim();
        (!text.is_empty() && text.len() <= REFERENCE_BYTES_MAX).then(|| text.to_owned())
    })?;
    let text = text.ok_or_else(|| Problem::of_field(Code::QueryParameterInvalid, "q", "q must be what to look for"))?;
    parameters.finish()?;
    audit(operator, None);
    let seq = caught_up(&app, &headers).await?;
    let results = query(&app, move |app, views| views.search(&text, |merchant| app.reference(merchant, &text))).await?;
    let data = results.found.iter().map(SearchResult::of).collect();
    let body = SearchResults { object: "list", data, has_more: false, next_cursor: None, merchants_all: results.merchants_all };
    Ok(read_response(Json(body), seq))
}

const _: () = assert!(REFERENCE_BYTES_MAX == 200, "sentences say 200");
const _: () = assert!(views::SEARCH_MERCHANTS_MAX == 1_000 && views::SEARCH_RESULTS_MAX == 50, "sentences say 1,000 and 50");
