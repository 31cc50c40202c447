//! The public and operator HTTP API, and its OpenAPI 3.1 description made from the same types.
//!
//! A request is authenticated, bounded and parsed here; what reaches the engine is valid in form. The platform behind
//! is reached through one seam, [`Platform`]. What does not live here: listeners and their limits on connections and
//! header times, decisions about money, storage, configuration.
//!
//! Read first: [`routes`](router) in this file for what there is, `middleware.rs` for what every request passes,
//! `errors.rs` for everything that can be refused.

mod accounts;
mod activity;
mod attention;
mod books;
mod canonical;
mod customers;
mod details;
mod disputes;
mod errors;
mod extract;
mod installation;
pub mod journey;
pub mod ledger;
mod middleware;
mod objects;
mod openapi;
mod operators;
mod overview;
mod paging;
mod payment_methods;
mod payments;
mod performance;
mod platform;
mod reads;
mod refunds;
mod search;
mod submission;
mod times;
mod webhooks;
mod words;

pub use activity::{Activity, EndedCall, Usage};
pub use books::{Books, LedgerAccount};
pub use errors::{Facts as ProblemFacts, problems};
pub use ledger::{
    FoundAccount, FoundTransfer, LedgerFilter, LedgerLines, LedgerNames, LedgerPage, LedgerPeriod, LedgerStatement, LedgerStatementLine,
    MetadataFilter, PendingState,
};
pub use openapi::openapi;
pub use platform::{
    AccountBalances, BoxFuture, Installation, ListedKeys, Opened, OpenedRequest, Parked, Platform, Principal, Readiness,
    SEGMENTS_SHOWN_MAX, SegmentFacts, ShownField, ShownRequest, SnapshotFacts, Standing, StateFacts, SubmitError, Submitted, Webhook,
    WebhookRefused, listed_keys,
};
pub use times::parse_rfc3339;
pub use webhooks::WEBHOOK_BYTES_MAX;

use crate::errors::{Code, Problem};
use crate::middleware::{Access, Guard};
use axum::Router;
use axum::routing::{MethodRouter, delete, get, post};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Limits and choices of one API; all of them are the caller's.
#[derive(Clone, Debug)]
pub struct Options {
    /// Largest request body, in bytes; 64 KiB is enough for the largest valid request.
    pub body_bytes_max: usize,
    /// Longest wait for a provider's outcome before 202 is answered, in milliseconds; 25,000 is the published promise.
    pub wait_ms_max: u64,
    /// Most requests that are worked on at a time; one more is answered 503. Probes are not counted.
    pub requests_open_max: usize,
    /// Most webhooks that are worked on at a time; one more is answered 503, and the provider comes again. They have places of
    /// their own, so that neither they nor other requests keep each other out.
    pub webhooks_open_max: usize,
    /// Whether requests may ask the provider simulator for faults; never where real money moves.
    pub allow_simulate: bool,
    /// Names of the provider endpoints in answers, by endpoint number.
    pub providers: Vec<String>,
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) options: Arc<Options>,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) webhook_places: Arc<Semaphore>,
    /// Room for bodies of batches, in KiB.
    pub(crate) batch_places: Arc<Semaphore>,
}

/// One route: where, who may call it, what answers.
struct Route {
    #[cfg_attr(not(test), expect(dead_code, reason = "the handler knows its method; tests compare it with the description"))]
    method: &'static str,
    path: &'static str,
    access: Access,
    handler: MethodRouter<App>,
}

/// Every route there is. The description's paths are compared with this list by a test.
fn routes() -> Vec<Route> {
    let merchant = |method, path, handler| Route { method, path, access: Access::Merchant, handler };
    let read = |path, handler| Route { method: "GET", path, access: Access::MerchantRead, handler };
    let scoped = |path, handler| Route { method: "GET", path, access: Access::ScopedRead, handler };
    let operator = |method, path, handler| Route { method, path, access: Access::Operator, handler };
    let open = |path, handler| Route { method: "GET", path, access: Access::Open, handler };
    vec![
        merchant("POST", "/v1/payments", post(payments::create)),
        scoped("/v1/payments", get(reads::payments)),
        read("/v1/payments/{id}", get(reads::payment)),
        merchant("POST", "/v1/payments/{id}/confirm", post(payments::confirm)),
        merchant("POST", "/v1/payments/{id}/capture", post(payments::capture)),
        merchant("POST", "/v1/payments/{id}/cancel", post(payments::cancel)),
        read("/v1/payments/{id}/journey", get(journey::route::retrieve)),
        merchant("POST", "/v1/customers", post(customers::create)),
        read("/v1/customers", get(customers::list)),
        read("/v1/customers/{id}", get(customers::retrieve)),
        merchant("DELETE", "/v1/customers/{id}", delete(customers::delete)),
        merchant("POST", "/v1/customers/{id}/payment_methods", post(payment_methods::store)),
        read("/v1/customers/{id}/payment_methods", get(payment_methods::list)),
        read("/v1/payment_methods/{id}", get(payment_methods::retrieve)),
        merchant("DELETE", "/v1/payment_methods/{id}", delete(payment_methods::remove)),
        merchant("POST", "/v1/refunds", post(refunds::create)),
        scoped("/v1/refunds", get(reads::refunds)),
        read("/v1/refunds/{id}", get(reads::refund)),
        scoped("/v1/disputes", get(disputes::list)),
        read("/v1/disputes/{id}", get(disputes::retrieve)),
        read("/v1/balances", get(reads::balances)),
        scoped("/v1/accounts", get(accounts::list)),
        merchant("POST", "/v1/ledger/accounts", post(ledger::create_accounts)),
        read("/v1/ledger/accounts", get(ledger::names::accounts)),
        merchant("POST", "/v1/ledger/accounts/lookup", post(ledger::look_up_accounts)),
        read("/v1/ledger/accounts/{id}", get(ledger::account)),
        read("/v1/ledger/accounts/{id}/balances", get(ledger::history::balances)),
        read("/v1/ledger/accounts/{id}/statement", get(ledger::history::statement)),
        read("/v1/ledger/accounts/{id}/transfers", get(ledger::history::transfers_of)),
        merchant("POST", "/v1/ledger/transfers", post(ledger::create_transfers)),
        read("/v1/ledger/transfers", get(ledger::history::transfers)),
        merchant("POST", "/v1/ledger/transfers/lookup", post(ledger::look_up_transfers)),
        read("/v1/ledger/transfers/{id}", get(ledger::transfer)),
        merchant("POST", "/v1/ledger/entries", post(ledger::entries::create_entries)),
        read("/v1/ledger/entries/{id}", get(ledger::entries::entry)),
        read("/v1/events", get(reads::events)),
        operator("POST", "/v1/merchants", post(operators::create_merchant)),
        operator("GET", "/v1/merchants", get(operators::merchants)),
        operator("POST", "/v1/merchants/{id}/api_keys", post(operators::create_api_key)),
        operator("GET", "/v1/api_keys", get(operators::api_keys)),
        operator("DELETE", "/v1/api_keys/{public_id}", delete(operators::revoke_api_key)),
        operator("POST", "/v1/privacy/erasures", post(operators::erase)),
        operator("POST", "/v1/platform/clock/confirm", post(operators::confirm_clock)),
        operator("POST", "/v1/operators", post(operators::create_operator)),
        operator("POST", "/v1/operators/{id}/api_keys", post(operators::create_operator_key)),
        operator("GET", "/v1/search", get(search::search)),
        operator("GET", "/v1/overview", get(overview::overview)),
        operator("GET", "/v1/platform", get(installation::platform)),
        operator("GET", "/v1/performance", get(performance::performance)),
        operator("GET", "/v1/parked_calls", get(attention::parked)),
        operator("POST", "/v1/parked_calls/{id}/look", post(attention::look)),
        operator("GET", "/v1/quarantine", get(attention::quarantine)),
        operator("POST", "/v1/quarantine/{fingerprint}/release", post(attention::release)),
        Route { method: "POST", path: "/v1/webhooks/{provider}/{endpoint}", access: Access::Provider, handler: post(webhooks::receive) },
        operator("GET", "/v1/webhooks", get(webhooks::list)),
        operator("GET", "/v1/webhooks/{id}", get(webhooks::retrieve)),
        operator("POST", "/v1/webhooks/{id}/replay", post(webhooks::replay)),
        open("/healthz", get(operators::healthz)),
        open("/readyz", get(operators::readyz)),
        open("/metrics", get(operators::metrics)),
        open("/openapi.json", get(operators::openapi_json)),
    ]
}

/// The whole API as a service. Nothing listens yet: the caller brings the listener, with limits on connections and on
/// the time a request's head may take.
pub fn router(platform: Arc<dyn Platform>, options: Options) -> Router {
    let places = Arc::new(Semaphore::new(options.requests_open_max));
    let webhook_places = Arc::new(Semaphore::new(options.webhooks_open_max));
    let batch_places = Arc::new(Semaphore::new(ledger::BATCHES_OPEN_KIB_MAX));
    let app = App { platform, options: Arc::new(options), places, webhook_places, batch_places };
    let mut router = Router::new();
    for Route { method: _, path, access, handler } in routes() {
        let guard = Guard { app: app.clone(), access };
        router = router.route(path, handler.route_layer(axum::middleware::from_fn_with_state(guard, middleware::guard)));
    }
    router
        .fallback(|| async { Problem::new(Code::RouteUnknown) })
        .method_not_allowed_fallback(|| async { Problem::new(Code::MethodNotAllowed) })
        .layer(axum::middleware::from_fn_with_state(app.clone(), middleware::outermost))
        .with_state(app)
}
