//! What every page keeps: a strict policy, addresses of assets that change with their content, and a server whose API
//! stays what it was.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use std::sync::Arc;
use tower::ServiceExt;

fn pages() -> Router {
    let api = Router::new().route("/v1/thing", get(|| async { "a thing" })).fallback(|| async { (StatusCode::NOT_FOUND, "no route") });
    let options = web::Options { clock: Arc::new(|| base::Timestamp::from_s(1)), entropy: Arc::new(|| [7; 32]) };
    web::router(api, options)
}

async fn answer(request: http::request::Builder) -> Response<Body> {
    pages().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn every_page_forbids_inline_code_and_framing() {
    for path in ["/", "/console", "/console/login", "/console/nothing", "/docs", "/docs/runbook", "/docs/nothing", "/assets/nothing"] {
        let response = answer(Request::get(path)).await;
        let header = |name: header::HeaderName| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{path}");
        assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(header(header::X_FRAME_OPTIONS), "DENY", "{path}");
        assert_eq!(header(header::REFERRER_POLICY), "same-origin", "{path}");
        assert_eq!(header(header::CACHE_CONTROL), "no-store", "{path}");
    }
}

#[tokio::test]
async fn assets_are_kept_for_good_under_the_hash_of_their_content() {
    for (url, content_type) in [
        (web::assets::STYLE.url(), "text/css; charset=utf-8"),
        (web::assets::SCRIPT.url(), "text/javascript; charset=utf-8"),
        (web::assets::ICON.url(), "image/svg+xml"),
    ] {
        let response = answer(Request::get(&url)).await;
        assert_eq!(response.status(), StatusCode::OK, "{url}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], content_type, "{url}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable", "{url}");
    }
    assert_eq!(answer(Request::get("/assets/bezant-0000000000000000.css")).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_api_beside_the_pages_answers_as_before() {
    let response = answer(Request::get("/v1/thing")).await;
    assert!(response.headers().get(header::CONTENT_SECURITY_POLICY).is_none());
    assert_eq!(text(response).await, "a thing");
    assert_eq!(answer(Request::get("/nothing")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(answer(Request::post("/v1/thing")).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_choice_of_colours_needs_no_script_and_leads_back() {
    let form =
        || Request::post("/theme").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").header(header::HOST, "pay.example");
    for origin in ["https://evil.example", "null"] {
        let request = form().header(header::ORIGIN, origin).body(Body::from("theme=dark")).unwrap();
        assert_eq!(pages().oneshot(request).await.unwrap().status(), StatusCode::FORBIDDEN, "{origin}");
    }
    let request = form().header(header::ORIGIN, "https://pay.example").body(Body::from("theme=dark&back=%2Fdocs%2Frunbook")).unwrap();
    let response = pages().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/docs/runbook");
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("bezant_theme=dark; Path=/;"), "{cookie}");
    let page = text(answer(Request::get("/docs").header(header::COOKIE, "bezant_theme=dark")).await).await;
    assert!(page.contains("<html lang=\"en\" data-theme=\"dark\">"));
}

#[tokio::test]
async fn every_problem_of_the_api_names_a_page_that_is_there() {
    for facts in api::problems() {
        let page = answer(Request::get(format!("/docs/errors/{}", facts.code))).await;
        assert_eq!(page.status(), StatusCode::OK, "{}", facts.code);
        let shown = text(page).await;
        assert!(shown.contains(&format!("<h1>{}</h1>", facts.code)), "{shown}");
    }
    assert_eq!(answer(Request::get("/docs/errors/none_of_this_name")).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_documentation_is_found_by_words_and_says_what_it_looked_for() {
    let shown = text(answer(Request::get("/docs/search?q=refund_above_remaining")).await).await;
    assert!(shown.contains("href=\"/docs/errors/refund_above_remaining\""), "{shown}");
    let hostile = text(answer(Request::get("/docs/search?q=%3Cscript%3E%22%C3%A4")).await).await;
    assert!(hostile.contains("&lt;script&gt;") && !hostile.contains("<script>\""), "{hostile}");
    let long = format!("/docs/search?q={}", "%C3%A4".repeat(5_000));
    assert_eq!(answer(Request::get(long)).await.status(), StatusCode::OK);
    assert_eq!(answer(Request::get("/docs/search")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn every_page_of_the_navigation_is_there_and_has_one_heading() {
    let index = text(answer(Request::get("/docs")).await).await;
    let pages: Vec<&str> = index.split("href=\"/docs/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(pages.len() > 15, "{pages:?}");
    for page in pages {
        let response = answer(Request::get(format!("/docs/{page}"))).await;
        assert_eq!(response.status(), StatusCode::OK, "{page}");
        assert_eq!(text(response).await.matches("<h1>").count(), 1, "{page}");
    }
}
