//! The documentation at `/docs`: guides, the reference of the API, one page for each error. Everything is made once, from
//! what the binary carries, and nothing is fetched.
//!
//! Read first: `library.rs` for which pages there are and in which order, `markdown.rs` for how a guide becomes a page,
//! `reference.rs`, `errors.rs` and `metrics.rs` for what is made from other crates' tables, `diagram.rs` for how
//! those of states are drawn.

mod code;
mod diagram;
mod errors;
mod library;
mod markdown;
mod metrics;
mod reference;
mod search;

pub use reference::{Example, examples};

use crate::layout::{Page, Room, Theme, shell};
use axum::Router;
use axum::extract::Query;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use library::{Article, GROUPS, articles};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Longest query that is looked for, in bytes; what is longer is cut.
const QUERY_BYTES_MAX: usize = 100;

/// The routes of the documentation.
pub(crate) fn router() -> Router {
    Router::new().route("/docs", get(index)).route("/docs/search", get(find)).route("/docs/{*path}", get(article))
}

async fn index(headers: HeaderMap, uri: Uri) -> Html<String> {
    let content = html! {
        div.head { div {
            h1 { "Documentation" }
            p.lead { "Take a payment, understand what happened to it, and keep the platform running. Every example on these pages is run by our tests." }
        } }
        div.columns.two {
            @for group in GROUPS {
                section.card aria-label=(group) {
                    h2 { (group) }
                    ul.entries {
                        @for article in in_navigation().filter(|article| article.group == *group) {
                            li {
                                a href=(article.path) { (article.title) }
                                p.soft.small { (article.lead) }
                            }
                        }
                    }
                }
            }
        }
    };
    page("Documentation", &headers, &uri, "", content)
}

async fn article(headers: HeaderMap, uri: Uri) -> Response {
    let Some(article) = articles().iter().find(|article| article.path == uri.path()) else {
        let content = html! {
            h1 { "There is no such page" }
            p { a href="/docs" { "All pages of the documentation" } }
        };
        return (StatusCode::NOT_FOUND, page("There is no such page", &headers, &uri, "", content)).into_response();
    };
    let entries = || article.sections.iter().filter(|section| section.level == 2);
    let has_contents = entries().count() > 1;
    let contents = html! { ul { @for section in entries() { li { a href={ "#" (section.id) } { (section.title) } } } } };
    let content = html! {
        div.doc {
            article.prose {
                @if let Some((label, href)) = &article.above { p.crumbs { a href=(href) { (label) } } }
                h1 { (article.title) }
                @if has_contents {
                    details.contents-narrow { summary { "On this page" } (contents) }
                }
                (article.body)
                (neighbours(article))
            }
            @if has_contents {
                aside.contents-wide aria-label="On this page" { p.group-name { "On this page" } (contents) }
            }
        }
    };
    page(&article.title, &headers, &uri, "", content).into_response()
}

/// The pages before and after this one in the navigation.
fn neighbours(article: &Article) -> Markup {
    let all: Vec<&Article> = in_navigation().collect();
    let Some(place) = all.iter().position(|candidate| candidate.path == article.path) else { return html! {} };
    let previous = place.checked_sub(1).and_then(|before| all.get(before));
    let next = all.get(place + 1);
    html! {
        nav.neighbours aria-label="Previous and next page" {
            @if let Some(previous) = previous {
                a.previous rel="prev" href=(previous.path) { span.soft.small { "Previous" } " " (previous.title) }
            }
            @if let Some(next) = next {
                a.next rel="next" href=(next.path) { span.soft.small { "Next" } " " (next.title) }
            }
        }
    }
}

async fn find(Query(fields): Query<BTreeMap<String, String>>, headers: HeaderMap, uri: Uri) -> Html<String> {
    let asked = fields.get("q").map_or("", |text| text.trim());
    let end = (0..=asked.len().min(QUERY_BYTES_MAX)).rev().find(|end| asked.is_char_boundary(*end)).unwrap_or(0);
    let asked = &asked[..end];
    let found = search::find(articles(), asked);
    let content = html! {
        div.head { div {
            h1 { "Search" }
            @if asked.is_empty() {
                p.lead { "Type a word above: a status, a code, a header, a command." }
            } @else {
                p.lead { (found.len()) @if found.len() == 1 { " place has “" } @else { " places have “" } (asked) "”." }
            }
        } }
        ol.found {
            @for hit in &found {
                li {
                    a href=(hit.href) { (hit.page) @if let Some(section) = hit.section { " · " (section) } }
                    p.soft { (hit.excerpt) }
                }
            }
        }
    };
    page("Search", &headers, &uri, asked, content)
}

fn in_navigation() -> impl Iterator<Item = &'static Article> {
    articles().iter().filter(|article| article.above.is_none())
}

fn page(title: &str, headers: &HeaderMap, uri: &Uri, asked: &str, content: Markup) -> Html<String> {
    let path = uri.path();
    let is_current = |article: &Article| article.path == path || path.starts_with(&format!("{}/", article.path));
    let room = |article: &'static Article| {
        let current = is_current(article) && !in_navigation().any(|other| other.path == path && other.path != article.path);
        Room { label: &article.title, current, href: article.path.clone(), group: article.group, count: None }
    };
    let page = Page {
        title,
        theme: Theme::of(headers),
        path: uri.path_and_query().map_or(path, http::uri::PathAndQuery::as_str),
        navigation_label: "Documentation",
        rooms: in_navigation().map(room).collect(),
        tools: html! {
            form.search role="search" action="/docs/search" {
                input type="search" name="q" value=(asked) maxlength=(QUERY_BYTES_MAX) aria-label="Search the documentation" placeholder="Search the documentation";
                button.plain type="submit" { "Search" }
            }
        },
    };
    Html(shell(&page, content).into_string())
}
