//! What people look at in a browser: the console at `/console` and the documentation at `/docs`.
//!
//! Every page is made here, on the server, and works without JavaScript; the one script makes it better. The console
//! calls the API's own router in process with the key of whoever signed in, so that it can do nothing that the key
//! cannot. What does not live here: reading the journal, the read models or the engine, and anything about money.
//!
//! Read first: [`router`] for what is mounted where, `layout.rs` for the shell of a page, `guard.rs` for what every
//! page passes on its way out.

pub mod assets;
mod console;
pub mod docs;
mod guard;
pub mod layout;
mod theme;

use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};
use base::Timestamp;
use core::fmt;
use std::sync::Arc;

/// Choices of the pages; all of them are the caller's.
#[derive(Clone)]
pub struct Options {
    /// The wall clock, by which sessions end and times are told.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// 256 bits from a cryptographic random source, fresh with each call: sessions and their tokens.
    pub entropy: Arc<dyn Fn() -> [u8; 32] + Send + Sync>,
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Options").finish_non_exhaustive()
    }
}

/// The API with the pages beside it. Whatever is not a page stays the API's: its routes, its problem documents for
/// what does not exist, its metrics.
pub fn router(api: Router, options: Options) -> Router {
    let pages = Router::new()
        .route("/", get(|| async { Redirect::to("/console") }))
        .route("/theme", post(theme::choose))
        .route("/assets/{name}", get(assets::serve))
        .merge(docs::router())
        .merge(console::router(api.clone(), options))
        .layer(axum::middleware::from_fn(guard::outermost));
    pages.fallback_service(api)
}
