//! The documentation at `/docs`, rendered from the markdown that the binary carries; nothing is fetched.

use crate::layout::{Page, Room, Theme, shell};
use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Options, Parser};

/// A page that the binary carries.
struct Document {
    name: &'static str,
    title: &'static str,
    markdown: &'static str,
}

/// All pages, in the order of the index.
const DOCUMENTS: &[Document] = &[
    Document { name: "running", title: "Running Bezant", markdown: include_str!("../../../docs/running.md") },
    Document { name: "lifecycles", title: "Life cycles", markdown: include_str!("../../../docs/lifecycles.md") },
];

/// The routes of the documentation.
pub(crate) fn router() -> Router {
    Router::new().route("/docs", get(index)).route("/docs/{name}", get(document))
}

async fn index(headers: HeaderMap, uri: Uri) -> Html<String> {
    let content = html! {
        h1 { "Documentation" }
        ul { @for document in DOCUMENTS { li { a href={ "/docs/" (document.name) } { (document.title) } } } }
    };
    page("Documentation", &headers, uri.path(), content)
}

async fn document(Path(name): Path<String>, headers: HeaderMap, uri: Uri) -> Response {
    let Some(document) = DOCUMENTS.iter().find(|document| document.name == name) else {
        let content = html! {
            h1 { "There is no such page" }
            p { a href="/docs" { "All pages of the documentation" } }
        };
        return (StatusCode::NOT_FOUND, page("There is no such page", &headers, uri.path(), content)).into_response();
    };
    let mut rendered = String::new();
    pulldown_cmark::html::push_html(&mut rendered, Parser::new_ext(document.markdown, Options::ENABLE_TABLES));
    page(document.title, &headers, uri.path(), html! { div.prose { (PreEscaped(rendered)) } }).into_response()
}

fn page(title: &str, headers: &HeaderMap, path: &str, content: Markup) -> Html<String> {
    let room = |document: &Document| {
        let href = format!("/docs/{}", document.name);
        Room { label: document.title, current: href == path, href, group: "Guide", count: None }
    };
    let page = Page {
        title,
        theme: Theme::of(headers),
        path,
        navigation_label: "Documentation",
        rooms: DOCUMENTS.iter().map(room).collect(),
        tools: html! {},
    };
    Html(shell(&page, content).into_string())
}
