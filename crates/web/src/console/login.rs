//! Signing in with an operator's key, signing out, and choosing the merchant.

use super::Console;
use super::call::{Client, Problem};
use super::session::{Use, own_origin, random_text, same_secret};
use super::shapes::{List, Merchant};
use super::show::{Tone, tone_icon};
use super::visit::{Submission, refused};
use crate::layout::{Page, Theme, shell};
use crate::theme::{cookie, local_path};
use axum::Extension;
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{MerchantId, Redacted};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use identity::KeyKind;
use maud::html;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Holds the token of the sign-in form, for there is no session yet that could.
const FORM_COOKIE: &str = "bezant_login";
/// Where to look for the key, in the words of those who just started the platform.
const KEY_FILE: &str = "bezant-data/platform/operator.key";

/// What the sign-in page says beside its form.
struct Said {
    status: StatusCode,
    complaint: Option<String>,
    retry_after_s: Option<u64>,
}

impl Said {
    const NOTHING: Self = Self { status: StatusCode::OK, complaint: None, retry_after_s: None };

    fn complaint(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, complaint: Some(text.into()), retry_after_s: None }
    }
}

/// The sign-in page.
pub(super) async fn room(State(console): State<Console>, headers: HeaderMap, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let next = query.get("next").map_or("/console", |next| local_path(next));
    if console.sessions.find(&console.options, &headers, Use::Update).is_some() {
        return Redirect::to(next).into_response();
    }
    page(&console, &headers, next, Said::NOTHING)
}

fn page(console: &Console, headers: &HeaderMap, next: &str, said: Said) -> Response {
    let token = random_text(&console.options).into_inner();
    let invalid = said.complaint.is_some().then_some("true");
    let content = html! {
        div.login {
            h1 { "Sign in to the console" }
            @if let Some(complaint) = &said.complaint {
                div.message.bad role="alert" { (tone_icon(Tone::Bad, 16)) div { p #complaint { (complaint) } } }
            }
            form.card method="post" action="/console/login" {
                input type="hidden" name="form" value=(token);
                input type="hidden" name="next" value=(next);
                div.field {
                    label for="key" { "Operator key" }
                    input #key type="password" name="key" autocomplete="current-password" spellcheck="false" required autofocus
                        maxlength="200" placeholder="ok_…" aria-invalid=[invalid] aria-describedby=[invalid.map(|_| "complaint")];
                    p.hint { "The platform wrote the first operator's key to " code { (KEY_FILE) } " when it started." }
                }
                button.primary type="submit" { "Sign in" }
            }
            // A browser keeps the session's cookie back when a link of another site leads here; a link of ours sends it.
            @if next != "/console" { p.small { "Already signed in? " a href=(next) { "Continue to the page" } } }
            p.soft.small {
                "The key stays in this server's memory until you sign out, for 12 hours at most. "
                a href="/docs" { "Documentation" }
            }
        }
    };
    let page = Page {
        title: "Sign in",
        theme: Theme::of(headers),
        path: "/console/login",
        navigation_label: "Console",
        rooms: Vec::new(),
        tools: html! {},
    };
    let mut response = (said.status, Html(shell(&page, content).into_string())).into_response();
    let cookie = format!("{FORM_COOKIE}={token}; Path=/console/login; HttpOnly; SameSite=Strict");
    response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_str(&cookie).expect("the token is hexadecimal"));
    if let Some(seconds) = said.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Opens a session for who has an operator's key.
pub(super) async fn sign_in(
    State(console): State<Console>,
    headers: HeaderMap,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    Form(mut fields): Form<BTreeMap<String, String>>,
) -> Response {
    let Some(transport) = own_origin(&headers) else {
        return refused("the form was not sent from a page of this server");
    };
    let next = fields.get("next").map_or("/console", |next| local_path(next)).to_owned();
    let expected = cookie(&headers, FORM_COOKIE).unwrap_or_default();
    if expected.is_empty() || !fields.get("form").is_some_and(|token| same_secret(token, expected)) {
        let said = Said::complaint(StatusCode::FORBIDDEN, "The form was too old, or cookies are off. Please try again.");
        return page(&console, &headers, &next, said);
    }
    // Without a listener, as in tests, everybody is here.
    let address = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |Extension(ConnectInfo(peer))| peer.ip());
    if let Some(seconds) = console.sessions.throttled_s(&console.options, address) {
        let complaint = Some(format!("Too many failed sign-ins from here. Please wait {} and try again.", in_words(seconds)));
        let said = Said { status: StatusCode::TOO_MANY_REQUESTS, complaint, retry_after_s: Some(seconds) };
        return page(&console, &headers, &next, said);
    }
    let key = Redacted::new(fields.remove("key").unwrap_or_default().trim().to_owned());
    if let Err(said) = check(&console, &key).await {
        if said.status == StatusCode::UNAUTHORIZED {
            console.sessions.failed(&console.options, address);
        }
        return page(&console, &headers, &next, said);
    }
    console.sessions.succeeded(address);
    let id = console.sessions.open(&console.options, key, transport);
    let mut response = Redirect::to(&next).into_response();
    response.headers_mut().insert(header::SET_COOKIE, transport.session_cookie(&id));
    response
}

/// Asks the API whether the key is an operator's.
async fn check(console: &Console, key: &Redacted<String>) -> Result<(), Said> {
    let unauthorized = |text: String| Said::complaint(StatusCode::UNAUTHORIZED, text);
    let parsed = identity::parse_key(key.expose()).map_err(|error| unauthorized(format!("This is not a key: {error}.")))?;
    if parsed.kind() != KeyKind::Operator {
        return Err(unauthorized("This is a merchant's key. The console needs an operator's key, which starts with ok_.".into()));
    }
    let answered = Client::new(console.api.clone(), key.clone()).get::<List<Merchant>>("/v1/merchants?limit=1").await;
    answered.map(|_| ()).map_err(|problem: Problem| match problem.status {
        401 | 403 => unauthorized("This key is unknown or was revoked. Check that it is of this platform.".into()),
        _ => Said::complaint(problem.status(), format!("{} {}", problem.title, problem.what_to_do)),
    })
}

fn in_words(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{seconds} seconds"),
        60..=119 => "a minute".to_owned(),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

/// Ends the session.
pub(super) async fn sign_out(headers: HeaderMap, submission: Submission) -> Response {
    submission.end_session();
    let mut response = Redirect::to("/console/login").into_response();
    if let Some(transport) = own_origin(&headers) {
        response.headers_mut().insert(header::SET_COOKIE, transport.no_session_cookie());
    }
    response
}

/// Chooses whose data the rooms of merchants show.
pub(super) async fn choose_merchant(submission: Submission) -> Redirect {
    let merchant: Option<MerchantId> = submission.field("merchant").and_then(|text| text.parse().ok());
    if let Some(merchant) = merchant {
        submission.choose_merchant(merchant);
    }
    // An object of the other merchant is not this one's: from it, back to its list.
    let back = submission.field("back").map_or("/console", local_path);
    let path = back.split('?').next().unwrap_or(back);
    let mut parts = path.split('/').skip(1);
    let room = [parts.next(), parts.next()].into_iter().flatten().fold(String::new(), |path, part| format!("{path}/{part}"));
    Redirect::to(local_path(&room))
}
