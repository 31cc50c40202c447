//! Who gets into the console and what a form must carry, against an API that notes what it is asked.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base::{Redacted, Timestamp};
use http::{StatusCode, header};
use http_body_util::BodyExt;
use identity::{KeyKind, Mode, Pepper};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

/// Every room.
const ROOMS: [&str; 12] = [
    "/console",
    "/console/attention",
    "/console/payments",
    "/console/refunds",
    "/console/disputes",
    "/console/customers",
    "/console/balances",
    "/console/events",
    "/console/webhooks",
    "/console/accounts",
    "/console/system",
    "/console/performance",
];
const IDLE_S: u64 = 30 * 60;
const MERCHANT: &str = "mer_00000000000000000000000001";
const HOSTILE: &str = "<script>alert(1)</script>";

fn key(kind: KeyKind, seed: u8) -> String {
    identity::generate_key(kind, Mode::Test, &[seed; 48], &Pepper::new(1, Redacted::new([1; 32]))).0.into_inner()
}

struct Rig {
    router: Router,
    now_s: Arc<AtomicU64>,
    asked: Arc<Mutex<Vec<String>>>,
    revoked: Arc<Mutex<bool>>,
}

impl Rig {
    fn new() -> Self {
        let now_s = Arc::new(AtomicU64::new(1_700_000_000));
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let revoked: Arc<Mutex<bool>> = Arc::default();
        let (noted, is_revoked) = (Arc::clone(&asked), Arc::clone(&revoked));
        let api = Router::new().fallback(move |request: Request| {
            let (noted, is_revoked) = (Arc::clone(&noted), Arc::clone(&is_revoked));
            async move { answer(&noted, *is_revoked.lock().unwrap(), &request) }
        });
        let (clock, drawn) = (Arc::clone(&now_s), AtomicU64::new(1));
        let entropy = move || {
            let mut bytes = [0; 32];
            bytes[24..].copy_from_slice(&drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            bytes
        };
        let clock = move || Timestamp::from_s(clock.load(Ordering::SeqCst));
        let router = web::router(api, web::Options { clock: Arc::new(clock), entropy: Arc::new(entropy) });
        Self { router, now_s, asked, revoked }
    }

    async fn send(&self, request: Request) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { parts, text }
    }

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::get(path).header(header::HOST, "pay.example").header(header::COOKIE, cookie);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, cookie: &str, origin: Option<&str>, body: String) -> Answer {
        let request = Request::post(path).header(header::HOST, "pay.example").header(header::COOKIE, cookie);
        let mut request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Signs in with `key` from a page at `origin`.
    async fn try_sign_in(&self, key: &str, origin: &str) -> Answer {
        let page = self.get("/console/login?next=%2Fconsole%2Fpayments", "").await;
        let (cookie, form) = (page.cookie(), page.field("form"));
        self.post("/console/login", &cookie, Some(origin), format!("form={form}&next=%2Fconsole%2Fpayments&key={key}")).await
    }

    async fn sign_in(&self) -> String {
        let answer = self.try_sign_in(&key(KeyKind::Operator, 1), "http://pay.example").await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text);
        answer.cookie()
    }

    fn later(&self, seconds: u64) {
        self.now_s.fetch_add(seconds, Ordering::SeqCst);
    }

    fn posts(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.starts_with("POST")).cloned().collect()
    }
}

/// An API with one merchant and one payment with hostile texts; it knows the first operator's key only.
fn answer(noted: &Mutex<Vec<String>>, is_revoked: bool, request: &Request) -> Response {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    noted.lock().unwrap().push(format!("{} {} {}", request.method(), request.uri(), header("bezant-merchant")));
    if is_revoked || header("authorization") != format!("Bearer {}", key(KeyKind::Operator, 1)) {
        return problem(401, "api_key_invalid", "The API key is unknown or was revoked.");
    }
    let path = request.uri().path();
    let body = match path {
        "/v1/merchants" => json!({ "data": [{ "id": MERCHANT, "handle": "shop" }] }),
        "/v1/payments" => json!({ "data": [payment()], "next_cursor": "next/1" }),
        "/v1/payments/pay_1" => payment(),
        "/v1/payments/pay_1/journey" => json!({
            "summary": { "title": "Declined", "sentence": "The bank said no.", "tone": "bad" },
            "data": [{ "seq": 7, "type": "attempt.declined", "title": HOSTILE, "sentence": HOSTILE, "created_at": HOSTILE, "tone": HOSTILE,
                "evidence": [{ "kind": "answer", "title": HOSTILE, "body": { "x": HOSTILE } }] }],
            "actions": [{ "code": "look", "sentence": "Ask again.", "method": "POST", "path": "/v1/parked_calls/eff_1/look", "by": "operator" }],
        }),
        "/v1/parked_calls/eff_1/look" => json!({ "status": "looking" }),
        "/v1/parked_calls" | "/v1/quarantine" | "/v1/refunds" | "/v1/disputes" | "/v1/customers" | "/v1/events" | "/v1/webhooks" => {
            json!({ "data": [] })
        }
        _ => return problem(404, "route_unknown", "There is nothing at this address."),
    };
    axum::Json(body).into_response()
}

fn payment() -> serde_json::Value {
    json!({
        "id": "pay_1", "status": "declined", "amount": { "amount_minor": 1999, "currency": "EUR" }, "reference": HOSTILE,
        "customer": { "email": HOSTILE }, "metadata": { HOSTILE: HOSTILE }, "description": HOSTILE, "created_at": "2026-11-21T09:33:00.000Z",
    })
}

fn problem(status: u16, code: &str, title: &str) -> Response {
    let body = json!({ "status": status, "code": code, "title": title, "what_to_do": "Do something else.", "doc_url": "/docs/errors/x", "trace_id": "00" });
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

struct Answer {
    parts: http::response::Parts,
    text: String,
}

impl Answer {
    fn status(&self) -> StatusCode {
        self.parts.status
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.parts.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Name and value of the cookie that it sets.
    fn cookie(&self) -> String {
        self.header(header::SET_COOKIE).split(';').next().unwrap().to_owned()
    }

    /// The value of a hidden field.
    fn field(&self, name: &str) -> String {
        let before = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&before).unwrap_or_else(|| panic!("no field {name}: {}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn nobody_sees_a_room_without_signing_in() {
    let rig = Rig::new();
    for room in ROOMS {
        for cookie in ["", "bezant_session=00", "__Host-bezant_session=00"] {
            let answer = rig.get(room, cookie).await;
            assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{room}");
            assert!(answer.header(header::LOCATION).starts_with("/console/login?next=%2Fconsole"), "{room}");
        }
    }
    assert_eq!(rig.get("/", "").await.header(header::LOCATION), "/console");
    assert!(rig.asked.lock().unwrap().is_empty(), "nothing is asked of the API for a stranger");
}

#[tokio::test]
async fn who_signs_in_gets_a_strict_cookie_and_every_room() {
    let rig = Rig::new();
    let answer = rig.try_sign_in(&key(KeyKind::Operator, 1), "http://pay.example").await;
    assert_eq!(answer.header(header::LOCATION), "/console/payments");
    let set = answer.header(header::SET_COOKIE).to_owned();
    assert!(set.starts_with("bezant_session=") && set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    assert_eq!(answer.cookie().len(), "bezant_session=".len() + 64, "256 bits in hexadecimal");
    for room in ROOMS {
        let page = rig.get(room, &answer.cookie()).await;
        assert!(page.text.contains("aria-current=\"page\""), "{room}: {}", page.text);
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store", "{room}");
        assert!(!page.text.contains(&key(KeyKind::Operator, 1)) && !page.text.contains("ok_test_"), "{room} shows the key");
        assert!(!page.text.contains(" style=") && !page.text.contains("onclick"), "{room}");
    }
    let asked = rig.asked.lock().unwrap().clone();
    assert!(asked.contains(&format!("GET /v1/payments?limit=25 {MERCHANT}")), "{asked:?}");
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let rig = Rig::new();
    let set = rig.try_sign_in(&key(KeyKind::Operator, 1), "https://pay.example").await;
    let set = set.header(header::SET_COOKIE);
    assert!(set.starts_with("__Host-bezant_session=") && set.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{set}");
}

#[tokio::test]
async fn only_an_operators_key_of_this_platform_signs_in() {
    let rig = Rig::new();
    for (key, expected) in [
        ("nonsense".to_owned(), "This is not a key"),
        (key(KeyKind::Secret, 1), "This is a merchant&#39;s key"),
        (key(KeyKind::Operator, 2), "This key is unknown or was revoked"),
    ] {
        let answer = rig.try_sign_in(&key, "http://pay.example").await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.text.contains(&expected.replace("&#39;", "'")), "{}", answer.text);
        assert!(!answer.text.contains(&key), "the key is not repeated");
    }
}

#[tokio::test]
async fn after_ten_failures_an_address_waits_even_with_the_right_key() {
    let rig = Rig::new();
    for _ in 0..10 {
        assert_eq!(rig.try_sign_in("nonsense", "http://pay.example").await.status(), StatusCode::UNAUTHORIZED);
    }
    let answer = rig.try_sign_in(&key(KeyKind::Operator, 1), "http://pay.example").await;
    assert_eq!((answer.status(), answer.header(header::RETRY_AFTER)), (StatusCode::TOO_MANY_REQUESTS, "300"));
    rig.later(300);
    rig.sign_in().await;
}

#[tokio::test]
async fn a_sign_in_form_of_another_site_or_browser_is_refused() {
    let rig = Rig::new();
    let operator_key = key(KeyKind::Operator, 1);
    let page = rig.get("/console/login", "").await;
    let (cookie, form) = (page.cookie(), page.field("form"));
    for (cookie, origin, form) in [
        (cookie.as_str(), Some("https://evil.example"), form.as_str()),
        (cookie.as_str(), None, form.as_str()),
        (cookie.as_str(), Some("http://pay.example"), "00"),
        ("", Some("http://pay.example"), form.as_str()),
        ("bezant_login=", Some("http://pay.example"), ""),
    ] {
        let answer = rig.post("/console/login", cookie, origin, format!("form={form}&key={operator_key}")).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{cookie} {origin:?} {form}");
        assert!(!answer.header(header::SET_COOKIE).starts_with("bezant_session"));
    }
}

#[tokio::test]
async fn a_form_does_something_only_with_token_and_origin_of_its_session() {
    let rig = Rig::new();
    let cookie = rig.sign_in().await;
    let csrf = rig.get("/console/payments/pay_1", &cookie).await.field("csrf");
    let other = rig.sign_in().await;
    let others_csrf = rig.get("/console", &other).await.field("csrf");
    let look = "/console/attention/calls/eff_1/look";
    for (origin, token) in [
        (Some("http://pay.example"), ""),
        (Some("http://pay.example"), others_csrf.as_str()),
        (Some("https://evil.example"), csrf.as_str()),
        (Some("null"), csrf.as_str()),
        (None, csrf.as_str()),
    ] {
        let answer = rig.post(look, &cookie, origin, format!("csrf={token}")).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{origin:?} {token}");
    }
    assert_eq!(rig.posts(), Vec::<String>::new());
    assert_eq!(rig.get(look, &cookie).await.status(), StatusCode::METHOD_NOT_ALLOWED, "nothing is done by a link");

    let back = "%2Fconsole%2Fpayments%2Fpay_1";
    let answer = rig.post(look, &cookie, Some("http://pay.example"), format!("csrf={csrf}&back={back}")).await;
    assert_eq!((answer.status(), answer.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/console/payments/pay_1"));
    assert_eq!(rig.posts(), ["POST /v1/parked_calls/eff_1/look "]);
    assert!(rig.get("/console", &cookie).await.text.contains("The provider is being asked"));
    let answer = rig.post(look, &cookie, Some("http://pay.example"), format!("csrf={csrf}&back=%2F%2Fevil.example")).await;
    assert_eq!(answer.header(header::LOCATION), "/");
}

#[tokio::test]
async fn an_idle_session_and_one_whose_key_was_revoked_are_over() {
    let rig = Rig::new();
    let cookie = rig.sign_in().await;
    rig.later(IDLE_S);
    assert_eq!(rig.get("/console/payments", &cookie).await.status(), StatusCode::OK);
    rig.later(IDLE_S + 1);
    assert_eq!(rig.get("/console/payments", &cookie).await.status(), StatusCode::SEE_OTHER);
    let cookie = rig.sign_in().await;
    *rig.revoked.lock().unwrap() = true;
    assert_eq!(rig.get("/console/payments", &cookie).await.status(), StatusCode::SEE_OTHER);
    *rig.revoked.lock().unwrap() = false;
    assert_eq!(rig.get("/console/payments", &cookie).await.status(), StatusCode::SEE_OTHER, "the session does not come back");
}

#[tokio::test]
async fn who_signs_out_is_out() {
    let rig = Rig::new();
    let cookie = rig.sign_in().await;
    let csrf = rig.get("/console/payments", &cookie).await.field("csrf");
    let answer = rig.post("/console/logout", &cookie, Some("http://pay.example"), format!("csrf={csrf}")).await;
    assert_eq!(answer.header(header::LOCATION), "/console/login");
    assert!(answer.header(header::SET_COOKIE).starts_with("bezant_session=; Max-Age=0;"));
    assert_eq!(rig.get("/console/payments", &cookie).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_others_wrote_is_text_and_never_markup() {
    let rig = Rig::new();
    let cookie = rig.sign_in().await;
    for path in ["/console/payments", "/console/payments/pay_1", "/console/payments?status=%3Cscript%3Ealert(1)%3C%2Fscript%3E"] {
        let page = rig.get(path, &cookie).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        assert!(!page.text.contains("<script>alert"), "{path}");
    }
    let page = rig.get("/console/payments", &cookie).await;
    assert!(page.text.contains("19.99") && page.text.contains("/console/payments?cursor=next%2F1"), "{}", page.text);
}

#[tokio::test]
async fn a_filter_that_cannot_be_one_says_so_and_asks_nothing() {
    let rig = Rig::new();
    let cookie = rig.sign_in().await;
    for (query, expected) in [
        ("from=yesterday", "A day looks like 2026-11-21."),
        ("min=5", "Choose a currency to look for an amount."),
        ("min=5.005&currency=EUR", "This is not an amount"),
    ] {
        rig.asked.lock().unwrap().clear();
        let page = rig.get(&format!("/console/payments?{query}"), &cookie).await;
        assert!(page.text.contains(expected), "{query}: {}", page.text);
        assert!(page.text.contains("aria-invalid=\"true\" aria-describedby=\"complaint\""), "{query}");
        assert!(!rig.asked.lock().unwrap().iter().any(|asked| asked.starts_with("GET /v1/payments")), "{query}");
    }
    rig.get("/console/payments?currency=EUR&min=5&max=7.50&from=2026-11-21&until=2026-11-21", &cookie).await;
    let expected = "GET /v1/payments?currency=EUR&created_from=2026-11-21T00%3A00%3A00.000Z&created_until=2026-11-22T00%3A00%3A00.000Z\
        &amount_minor_min=500&amount_minor_max=750&limit=25 ";
    assert!(rig.asked.lock().unwrap().iter().any(|asked| asked.starts_with(expected)), "{:?}", rig.asked.lock().unwrap());
}

#[tokio::test]
async fn a_room_whose_route_answers_with_a_problem_shows_the_problem() {
    let rig = Rig::new();
    let cookie = rig.sign_in().await;
    let page = rig.get("/console/payments/pay_2", &cookie).await;
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    assert!(page.text.contains("There is nothing at this address.") && page.text.contains("Do something else."), "{}", page.text);
    assert_eq!(rig.get("/console/no/such/room", &cookie).await.status(), StatusCode::NOT_FOUND);
}
