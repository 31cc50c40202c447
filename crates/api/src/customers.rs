//! Customers: who they are is sealed, and what they pay with is in `payment_methods.rs`.

use crate::App;
use crate::details::{self, CustomerDetails, Shown};
use crate::errors::{Code, Problem};
use crate::extract::{Body, IdempotencyKey, MerchantCaller, Parameters, PathText};
use crate::middleware::BEZANT_SEQ;
use crate::objects::List;
use crate::openapi;
use crate::payments::{IDEMPOTENT_REPLAYED, check_email, check_length, check_metadata, check_text};
use crate::reads::{caught_up, page, query, read_deadline, read_response};
use crate::submission::SubjectName;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::limits::{DESCRIPTION_BYTES_MAX, METADATA_VALUE_BYTES_MAX, REFERENCE_BYTES_MAX};
use base::{CustomerId, MerchantId, SubjectId, Timestamp};
use engine::{Command, CreateCustomer, Reply};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use views::{CursorKind, CustomerRow};

/// Longest name of a customer, in bytes.
const NAME_BYTES_MAX: usize = METADATA_VALUE_BYTES_MAX;

/// Creates a customer.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateCustomer)]
pub(crate) struct CreateCustomerRequest {
    /// E-mail address, at most 320 bytes.
    #[schema(max_length = 320)]
    email: Option<String>,
    /// Name, at most 500 bytes.
    #[schema(max_length = 500)]
    name: Option<String>,
    /// Whatever the merchant wants to say, at most 1,000 bytes.
    #[schema(max_length = 1_000)]
    description: Option<String>,
    /// The merchant's own fields: at most 50, keys of at most 40 bytes, values of at most 500.
    metadata: Option<BTreeMap<String, String>>,
    /// The merchant's own id of the customer, at most 200 bytes; payments that name it are the same person's.
    #[schema(max_length = 200)]
    reference: Option<String>,
}

/// A customer. What is known of the person is null when it was erased.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = StoredCustomer)]
pub(crate) struct Customer {
    /// `cus_…`
    id: String,
    /// Always `customer`.
    #[schema(value_type = String, example = "customer")]
    object: &'static str,
    /// The merchant's own id of the customer.
    reference: Option<String>,
    /// E-mail address.
    email: Option<String>,
    /// Name.
    name: Option<String>,
    /// Whatever the merchant wants to say.
    description: Option<String>,
    /// The merchant's own fields.
    metadata: Option<BTreeMap<String, String>>,
    /// The person whose data this is, for erasure: `sub_…`
    subject: String,
    /// Whether the person's data was erased.
    erased: bool,
    /// Whether the customer was deleted: nothing can be stored with it or charged from it any more.
    deleted: bool,
    /// When it was created (RFC 3339).
    created_at: String,
}

/// What the engine's state and a row have in common.
struct Parts {
    id: CustomerId,
    subject: SubjectId,
    is_deleted: bool,
    created_at: Timestamp,
}

impl Parts {
    const fn of_state(id: CustomerId, customer: &engine::Customer) -> Self {
        Self { id, subject: customer.subject, is_deleted: customer.deleted, created_at: customer.created_at }
    }

    fn object(&self, shown: Shown<CustomerDetails>) -> Customer {
        let CustomerDetails { reference, email, name, description, metadata } = shown.details;
        Customer {
            id: self.id.to_string(),
            object: "customer",
            reference,
            email,
            name,
            description,
            metadata,
            subject: self.subject.to_string(),
            erased: shown.erased,
            deleted: self.is_deleted,
            created_at: self.created_at.to_string(),
        }
    }
}

fn of_row(app: &App, row: &CustomerRow) -> Customer {
    let shown = details::open(app.platform.as_ref(), row.details.as_ref());
    Parts { id: row.id, subject: row.subject, is_deleted: row.deleted, created_at: row.created_at }.object(shown)
}

/// Create a customer
///
/// Nothing is told to any provider before the first payment method is stored.
#[utoipa::path(
    post, path = "/v1/customers", tag = "customers", operation_id = "createCustomer",
    params(openapi::IdempotencyKeyHeader), request_body = CreateCustomerRequest,
    responses((status = 201, description = "created", body = Customer), (status = 200, description = "existed", body = Customer)),
    security(("merchant_key" = []))
)]
pub(crate) async fn create(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    key: IdempotencyKey,
    body: Body<CreateCustomerRequest>,
) -> Result<Response, Problem> {
    let idempotency = app.idempotency(merchant, &key, "/v1/customers", &body.json);
    let details = body.value.details()?;
    let by_reference = details.reference.as_deref().map(SubjectName::Customer);
    let by_email = details.email.as_deref().map(SubjectName::Email);
    let subject = app.subject(merchant, &by_reference.or(by_email).unwrap_or(SubjectName::Nobody(idempotency.key)));
    let sealed = app.seal(subject, details::plaintext(&details)).await?;
    let command = CreateCustomer { merchant, idempotency, subject, details: sealed };
    let submitted = app.submit(Command::CreateCustomer(command)).await?;
    let Reply::Customer { customer: id, replayed } = submitted.reply else {
        return Err(Problem::new(Code::Internal));
    };
    let shown = if replayed { sealed_details(&app, merchant, id, submitted.seq).await } else { Shown { details, erased: false } };
    let (customer, state_seq) = known(&app, merchant, id).await?;
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let mut response = (status, Json(Parts::of_state(id, &customer).object(shown))).into_response();
    response.headers_mut().insert(BEZANT_SEQ, HeaderValue::from(submitted.seq.max(state_seq)));
    if replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Retrieve a customer
#[utoipa::path(
    get, path = "/v1/customers/{id}", tag = "customers", operation_id = "retrieveCustomer",
    params(("id" = String, Path, description = "`cus_…`"), openapi::MinSeqHeader),
    responses((status = 200, description = "the customer", body = Customer)), security(("merchant_key" = []))
)]
pub(crate) async fn retrieve(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    path: PathText,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let id = path.customer()?;
    let seq = caught_up(&app, &headers).await?;
    let row = query(&app, move |_, views| views.customer(merchant, id)).await?;
    let row = row.ok_or_else(|| Problem::new(Code::CustomerUnknown))?;
    Ok(read_response(Json(of_row(&app, &row)), seq))
}

/// List customers
///
/// Newest first, without deleted ones.
#[utoipa::path(
    get, path = "/v1/customers", tag = "customers", operation_id = "listCustomers",
    params(openapi::PageQuery, openapi::MinSeqHeader),
    responses((status = 200, description = "a page", body = List<Customer>)), security(("merchant_key" = []))
)]
pub(crate) async fn list(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = page(&mut parameters, CursorKind::Customers)?;
    parameters.finish()?;
    let seq = caught_up(&app, &headers).await?;
    let found = query(&app, move |_, views| views.customers(merchant, &page)).await?;
    let data = found.items.iter().map(|row| of_row(&app, row)).collect();
    Ok(read_response(Json(List::new(data, found.next.map(|next| next.to_string()))), seq))
}

/// Delete a customer
///
/// All its payment methods are removed at their providers. What is known of the person stays until it is erased.
#[utoipa::path(
    delete, path = "/v1/customers/{id}", tag = "customers", operation_id = "deleteCustomer",
    params(("id" = String, Path, description = "`cus_…`")),
    responses((status = 200, description = "deleted, now or before", body = Customer)), security(("merchant_key" = []))
)]
pub(crate) async fn delete(State(app): State<App>, MerchantCaller(merchant): MerchantCaller, path: PathText) -> Result<Response, Problem> {
    let id = path.customer()?;
    let submitted = app.submit(Command::DeleteCustomer { merchant, customer: id }).await?;
    let shown = sealed_details(&app, merchant, id, submitted.seq).await;
    let (customer, state_seq) = known(&app, merchant, id).await?;
    Ok(read_response(Json(Parts::of_state(id, &customer).object(shown)), submitted.seq.max(state_seq)))
}

async fn known(app: &App, merchant: MerchantId, id: CustomerId) -> Result<(engine::Customer, u64), Problem> {
    app.platform.customer(merchant, id).await?.ok_or_else(|| Problem::new(Code::CustomerUnknown))
}

/// What a customer sealed. Waits a moment for the read models to hold event `seq`; shows nothing when they cannot be read.
async fn sealed_details(app: &App, merchant: MerchantId, id: CustomerId, seq: u64) -> Shown<CustomerDetails> {
    app.platform.wait_views(seq, read_deadline()).await;
    let row = query(app, move |_, views| views.customer(merchant, id)).await.ok().flatten();
    details::open(app.platform.as_ref(), row.and_then(|row| row.details).as_ref())
}

impl CreateCustomerRequest {
    /// Checks every field; gives what is sealed.
    fn details(self) -> Result<CustomerDetails, Problem> {
        let Self { email, name, description, metadata, reference } = self;
        check_email("email", email.as_deref())?;
        check_text("name", name.as_deref(), NAME_BYTES_MAX)?;
        check_length("description", description.as_deref(), DESCRIPTION_BYTES_MAX)?;
        check_metadata(metadata.as_ref())?;
        check_text("reference", reference.as_deref(), REFERENCE_BYTES_MAX)?;
        Ok(CustomerDetails { reference, email, name, description, metadata })
    }
}
