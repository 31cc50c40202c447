//! The console at `/console`: rooms for people who run the platform. It reads and acts through the API's router with the
//! key of whoever signed in, and has no other way to anything.
//!
//! Read first: [`router`] for the rooms, `console/visit.rs` for what a room knows of its visitor, `console/session.rs` for who
//! is signed in.

mod attention;
mod balances;
mod call;
mod chart;
mod customers;
mod disputes;
mod events;
mod journey;
mod login;
mod overview;
mod payments;
mod performance;
mod refunds;
mod search;
pub(crate) mod session;
mod shapes;
mod show;
mod system;
mod visit;
mod webhooks;

use crate::Options;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Redirect;
use axum::routing::{get, post};
use session::Sessions;
use std::sync::Arc;

/// Largest form, in bytes: a key, a token and a way back.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// What rooms share.
#[derive(Clone)]
struct Console {
    api: Router,
    sessions: Arc<Sessions>,
    options: Options,
}

/// The routes of the console, which calls `api`.
pub(crate) fn router(api: Router, options: Options) -> Router {
    let console = Console { api, sessions: Arc::default(), options };
    Router::new()
        .route("/console", get(overview::room))
        .route("/console/", get(|| async { Redirect::permanent("/console") }))
        .route("/console/login", get(login::room).post(login::sign_in))
        .route("/console/logout", post(login::sign_out))
        .route("/console/merchant", post(login::choose_merchant))
        .route("/console/search", get(search::room))
        .route("/console/payments", get(payments::room))
        .route("/console/payments/{id}", get(journey::room))
        .route("/console/refunds", get(refunds::room))
        .route("/console/refunds/{id}", get(refunds::one))
        .route("/console/disputes", get(disputes::room))
        .route("/console/disputes/{id}", get(disputes::one))
        .route("/console/customers", get(customers::room))
        .route("/console/customers/{id}", get(customers::one))
        .route("/console/balances", get(balances::room))
        .route("/console/accounts", get(balances::accounts))
        .route("/console/events", get(events::room))
        .route("/console/attention", get(attention::room))
        .route("/console/attention/calls/{id}/look", post(attention::look))
        .route("/console/attention/quarantine/{id}/release", post(attention::release))
        .route("/console/webhooks", get(webhooks::room))
        .route("/console/webhooks/{id}", get(webhooks::one))
        .route("/console/webhooks/{id}/replay", post(webhooks::replay))
        .route("/console/system", get(system::room))
        .route("/console/system/clock", post(system::confirm_clock))
        .route("/console/performance", get(performance::room))
        .route("/console/{*rest}", get(visit::nothing_here))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .with_state(console)
}
