//! The OpenAPI 3.1 description, made from the handlers and their types. It is committed; a test compares.

use crate::errors::ProblemDocument;
use crate::extract::BEZANT_MERCHANT;
use crate::{
    accounts, attention, customers, disputes, installation, journey, ledger, operators, overview, payment_methods, payments, performance,
    reads, refunds, search, webhooks,
};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoParams, Modify, OpenApi};

/// The header that makes a request safe to repeat.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header for the specification; extract.rs reads it")]
pub(crate) struct IdempotencyKeyHeader {
    /// Unique to this operation and the same on every retry: 1 to 255 printable ASCII characters, remembered 30 days.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255)]
    idempotency_key: String,
}

/// The header that asks for a position.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header for the specification; extract.rs reads it")]
pub(crate) struct MinSeqHeader {
    /// The answer must contain this event: the `Bezant-Seq` of an earlier answer.
    #[param(rename = "Bezant-Min-Seq")]
    bezant_min_seq: Option<u64>,
}

/// The header that narrows an operator's list.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header for the specification; extract.rs reads it")]
pub(crate) struct MerchantHeader {
    /// Only what is this merchant's, `mer_…`
    #[param(rename = "Bezant-Merchant")]
    bezant_merchant: Option<String>,
}

/// Which part of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; reads.rs reads them")]
pub(crate) struct PageQuery {
    /// Most objects on the page; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of an earlier page.
    cursor: Option<String>,
}

/// Which part of the list of accounts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; accounts.rs reads them")]
pub(crate) struct AccountsQuery {
    /// Most accounts on the page; 100 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of an earlier page.
    cursor: Option<String>,
}

/// Which payments.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; reads.rs reads them")]
pub(crate) struct PaymentQuery {
    /// Those with this status.
    status: Option<String>,
    /// Those in this currency.
    currency: Option<String>,
    /// The one with this reference.
    #[param(max_length = 200)]
    reference: Option<String>,
    /// Those created then or later (RFC 3339).
    created_from: Option<String>,
    /// Those created before (RFC 3339).
    created_until: Option<String>,
    /// Those of this many minor units or more.
    amount_minor_min: Option<u64>,
    /// Those of this many minor units or fewer.
    amount_minor_max: Option<u64>,
    /// Those of this customer, `cus_…`
    customer: Option<String>,
    /// Those whose last refusal is of this class, such as `soft_funds`.
    decline_class: Option<String>,
    /// Those whose last refusal has this code of the provider, such as `insufficient_funds`.
    #[param(max_length = 64)]
    decline_code: Option<String>,
}

/// Which refunds.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; reads.rs reads them")]
pub(crate) struct RefundQuery {
    /// Those of this payment, `pay_…`
    payment: Option<String>,
    /// Those with this status.
    status: Option<String>,
}

/// Which disputes.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; disputes.rs reads them")]
pub(crate) struct DisputeQuery {
    /// Those of this payment, `pay_…`
    payment: Option<String>,
    /// Those with this status.
    status: Option<String>,
}

/// Which messages of providers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; webhooks.rs reads them")]
pub(crate) struct WebhookQuery {
    /// Those that came in this way: `webhook`, `sweep` or `replay`.
    source: Option<String>,
    /// Those that were good for this: `news`, `known`, `unmatched` or `kept`.
    found: Option<String>,
    /// Those of this type, in the provider's words.
    #[param(rename = "type", max_length = 100)]
    kind: Option<String>,
    /// Those that came in then or later (RFC 3339).
    received_from: Option<String>,
}

/// What to look for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes a parameter for the specification; search.rs reads it")]
pub(crate) struct SearchQuery {
    /// An id, a handle or an exact reference; space around it does not count.
    #[param(min_length = 1, max_length = 200)]
    q: String,
}

/// Whose API keys.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; operators.rs reads them")]
pub(crate) struct ApiKeyQuery {
    /// Of this merchant alone, `mer_…`
    merchant: Option<String>,
}

/// Which events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; reads.rs reads them")]
pub(crate) struct EventQuery {
    /// Those of this type, such as `payment.created`.
    #[param(rename = "type")]
    kind: Option<String>,
    /// `oldest_first` (when absent) or `newest_first`.
    order: Option<String>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bezant",
        description = "Payments from checkout to settled money. Amounts are in minor units, times in RFC 3339, errors are \
            problem documents (RFC 9457) with a stable code. Every POST that moves money or stores something needs an \
            Idempotency-Key and may be repeated with it. Answers carry Bezant-Seq; send it as Bezant-Min-Seq to read your own writes. \
            With an operator's key and Bezant-Merchant every GET of a merchant's data can be read, and nothing can be changed.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        payments::create, reads::payments, reads::payment, payments::confirm, payments::capture, payments::cancel, journey::route::retrieve,
        customers::create, customers::list, customers::retrieve, customers::delete, payment_methods::store, payment_methods::list,
        payment_methods::retrieve, payment_methods::remove,
        refunds::create, reads::refunds, reads::refund, disputes::list, disputes::retrieve, reads::balances, accounts::list,
        ledger::create_accounts, ledger::names::accounts, ledger::look_up_accounts, ledger::account, ledger::history::balances, ledger::history::statement, ledger::history::transfers, ledger::history::transfers_of, ledger::create_transfers, ledger::look_up_transfers, ledger::transfer,
        ledger::entries::create_entries, ledger::entries::entry, reads::events,
        operators::create_merchant, operators::merchants, operators::create_api_key, operators::api_keys, operators::revoke_api_key, operators::erase,
        operators::confirm_clock, operators::create_operator, operators::create_operator_key, attention::parked, attention::look,
        search::search, overview::overview, installation::platform, performance::performance, attention::quarantine, attention::release, webhooks::receive, webhooks::list, webhooks::retrieve, webhooks::replay, operators::healthz, operators::readyz, operators::metrics, operators::openapi_json,
    ),
    components(schemas(ProblemDocument)),
    modifiers(&Keys, &OperatorsRead, &Problems),
)]
struct Description;

/// The two kinds of keys, and what providers sign with.
struct Keys;

impl Modify for Keys {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        for name in ["merchant_key", "operator_key"] {
            components.add_security_scheme(name, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        }
        let merchant = ApiKeyValue::with_description(BEZANT_MERCHANT, "the merchant whose data an operator reads, `mer_…`");
        components.add_security_scheme("acting_merchant", SecurityScheme::ApiKey(ApiKey::Header(merchant)));
        let signature = ApiKeyValue::with_description("Stripe-Signature", "the signature of the body, in the provider's own header");
        components.add_security_scheme("provider_signature", SecurityScheme::ApiKey(ApiKey::Header(signature)));
    }
}

/// What a merchant's key reads an operator's reads too, when it names the merchant.
struct OperatorsRead;

impl Modify for OperatorsRead {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let operator = || SecurityRequirement::new("operator_key", Vec::<String>::new());
        for (path, item) in &mut openapi.paths.paths {
            let Some(security) = item.get.as_mut().and_then(|operation| operation.security.as_mut()) else { continue };
            if *security == [SecurityRequirement::new("merchant_key", Vec::<String>::new())] {
                security.push(operator().add("acting_merchant", Vec::<String>::new()));
                if OF_ALL_MERCHANTS.contains(&path.as_str()) {
                    security.push(operator());
                }
            }
        }
    }
}

/// What an operator reads of all merchants by naming none.
const OF_ALL_MERCHANTS: [&str; 4] = ["/v1/accounts", "/v1/payments", "/v1/refunds", "/v1/disputes"];

/// Every operation can answer a problem.
struct Problems;

impl Modify for Problems {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for item in openapi.paths.paths.values_mut() {
            for operation in operations(item) {
                operation.responses.responses.insert("default".to_owned(), RefOr::T(problem()));
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete].into_iter().filter_map(Option::as_mut)
}

fn problem() -> Response {
    let content = Content::new(Some(RefOr::<utoipa::openapi::Schema>::Ref(Ref::from_schema_name("Problem"))));
    ResponseBuilder::new().description("what went wrong").content(crate::errors::PROBLEM_JSON, content).build()
}

/// The OpenAPI 3.1 description of everything that [`crate::router`] serves, as indented JSON that ends with a line feed.
pub fn openapi() -> String {
    let mut text = Description::openapi().to_pretty_json().expect("a description made of texts and numbers is JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::Description;
    use crate::middleware::Access;
    use std::collections::BTreeSet;
    use utoipa::OpenApi;

    #[test]
    fn routes_and_description_are_the_same_list() {
        let description = serde_json::to_value(Description::openapi()).unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in description["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let access = match operation["security"][0].as_object().unwrap().keys().next().map(String::as_str) {
                    Some("merchant_key") if operation["security"][2].is_object() => Access::ScopedRead,
                    Some("merchant_key") if operation["security"][1]["acting_merchant"].is_array() => Access::MerchantRead,
                    Some("merchant_key") => Access::Merchant,
                    Some("operator_key") => Access::Operator,
                    Some("provider_signature") => Access::Provider,
                    _ => Access::Open,
                };
                described.insert((method.to_uppercase(), path.clone(), format!("{access:?}")));
            }
        }
        let routed: BTreeSet<_> = crate::routes()
            .into_iter()
            .map(|route| (route.method.to_owned(), route.path.to_owned(), format!("{:?}", route.access)))
            .collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_post_that_moves_money_or_stores_what_can_be_charged_describes_its_key() {
        let description = serde_json::to_value(Description::openapi()).unwrap();
        for (path, item) in description["paths"].as_object().unwrap() {
            let Some(post) = item.get("post") else { continue };
            let keyed = post["parameters"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "Idempotency-Key"));
            let needs_key = ["/v1/payments", "/v1/refunds", "/v1/customers"].iter().any(|start| path.starts_with(start));
            assert_eq!(keyed, needs_key, "{path}");
        }
    }
}
