//! What people look at in a browser: the console at `/console` and the documentation at `/docs`.
//!
//! Every page is made here, on the server, and works without JavaScript; the one script makes it better. The console
//! calls the API's own router in process with the key of whoever signed in, so that it can do nothing that the key
//! cannot. What does not live here: reading the journal, the read models or the engine, and anything about money.
//!
//! Read first: [`router`] for what is mounted where, `layout.rs` for the shell of a page, `guard.rs` for what every
//! page passes on its way out.

pub mod assets;
pub mod docs;
mod guard;
pub mod layout;
mod theme;

use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};

/// Choices of the pages; all of them are the caller's.
#[derive(Clone, Debug)]
pub struct Options {}

/// The API with the pages beside it. Whatever is not a page stays the API's: its routes, its problem documents for
/// what does not exist, its metrics.
pub fn router(api: Router, _options: Options) -> Router {
    let pages = Router::new()
        .route("/", get(|| async { Redirect::to("/docs") }))
        .route("/theme", post(theme::choose))
        .route("/assets/{name}", get(assets::serve))
        .merge(docs::router())
        .layer(axum::middleware::from_fn(guard::outermost));
    pages.fallback_service(api)
}
