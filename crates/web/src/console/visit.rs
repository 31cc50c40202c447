//! What a room knows of its visitor: session, merchant, the API in their name, and the shell around its content. And what a
//! form must carry before it does anything.

use super::Console;
use super::call::{Client, Problem, encoded, with_query};
use super::session::{Notice, Session, SessionId, Transport, Use, own_origin, same_secret};
use super::shapes::{List, Merchant, ParkedCall};
use super::show::{self, Tone, tone_icon};
use crate::layout::{Page, Room, Theme, shell};
use crate::theme::local_path;
use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{MerchantId, Timestamp};
use http::request::Parts;
use http::{HeaderName, StatusCode, header};
use maud::{Markup, html};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Says that a request is a live update and not something that a person did.
const BEZANT_LIVE: HeaderName = HeaderName::from_static("bezant-live");
/// Most merchants that the switch offers; others are found by search.
const MERCHANTS_MAX: usize = 100;

/// Stands for all merchants where an address names one.
pub(super) const ALL: &str = "all";

/// The rooms, in the order of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Attention,
    Payments,
    Refunds,
    Disputes,
    Customers,
    Balances,
    Events,
    Webhooks,
    Accounts,
    System,
    Performance,
    /// A page that is in no room.
    Nowhere,
}

impl Place {
    const ROOMS: [Self; 12] = [
        Self::Overview,
        Self::Attention,
        Self::Payments,
        Self::Refunds,
        Self::Disputes,
        Self::Customers,
        Self::Balances,
        Self::Events,
        Self::Webhooks,
        Self::Accounts,
        Self::System,
        Self::Performance,
    ];

    /// Group, label and address.
    const fn facts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Overview => ("Now", "Overview", "/console"),
            Self::Attention => ("Now", "Needs attention", "/console/attention"),
            Self::Payments => ("Merchant", "Payments", "/console/payments"),
            Self::Refunds => ("Merchant", "Refunds", "/console/refunds"),
            Self::Disputes => ("Merchant", "Disputes", "/console/disputes"),
            Self::Customers => ("Merchant", "Customers", "/console/customers"),
            Self::Balances => ("Merchant", "Balances", "/console/balances"),
            Self::Events => ("Merchant", "Events", "/console/events"),
            Self::Webhooks => ("Platform", "Webhooks", "/console/webhooks"),
            Self::Accounts => ("Platform", "Ledger accounts", "/console/accounts"),
            Self::System => ("Platform", "Journal and system", "/console/system"),
            Self::Performance => ("Platform", "Performance", "/console/performance"),
            Self::Nowhere => ("", "", ""),
        }
    }
}

/// A page that somebody who is signed in asks for.
pub(super) struct Visit {
    pub(super) console: Console,
    pub(super) client: Client,
    /// The time that the page is made.
    pub(super) now: Timestamp,
    /// Parameters of the query.
    pub(super) query: BTreeMap<String, String>,
    session: Session,
    id: SessionId,
    theme: Theme,
    address: String,
    authority: String,
    merchants: Vec<Merchant>,
    merchant: Option<Merchant>,
    is_merchant_named: bool,
    is_of_all: bool,
    waiting: u64,
}

impl FromRequestParts<Console> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        let address = parts.uri.path_and_query().map_or("/console", |address| address.as_str()).to_owned();
        let by = if parts.headers.contains_key(BEZANT_LIVE) { Use::Update } else { Use::Person };
        let Some((id, session)) = console.sessions.find(&console.options, &parts.headers, by) else {
            return Err(to_login(&address));
        };
        let client = Client::new(console.api.clone(), session.key.clone());
        let merchants_path = format!("/v1/merchants?limit={MERCHANTS_MAX}");
        let (merchants, parked) =
            tokio::join!(client.get::<List<Merchant>>(&merchants_path), client.get::<List<ParkedCall>>("/v1/parked_calls?limit=100"));
        if client.is_refused() {
            console.sessions.end(id);
            return Err(to_login(&address));
        }
        let merchants = merchants.map(|list| list.data).unwrap_or_default();
        let Query(query) = Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri).unwrap_or_default();
        let named = query.get("merchant").filter(|text| text.parse::<MerchantId>().is_ok());
        let wanted = named.or(session.merchant.as_ref());
        let known = |id: &String| merchants.iter().find(|merchant| merchant.id == *id).cloned();
        let merchant = match wanted {
            Some(id) => Some(known(id).unwrap_or_else(|| Merchant { id: id.clone(), handle: id.clone(), currencies: Vec::new() })),
            // One that has money says more than one that has none.
            None => merchants.iter().find(|merchant| !merchant.currencies.is_empty()).or(merchants.first()).cloned(),
        };
        Ok(Self {
            console: console.clone(),
            client,
            now: (console.options.clock)(),
            is_merchant_named: named.is_some(),
            is_of_all: query.get("merchant").is_some_and(|text| text == ALL),
            session,
            id,
            theme: Theme::of(&parts.headers),
            address,
            authority: parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:8080").to_owned(),
            merchants,
            merchant,
            query,
            waiting: parked.map_or(0, |list| u64::try_from(list.data.len()).unwrap_or(u64::MAX)),
        })
    }
}

impl Visit {
    /// A parameter of the query; empty when it is not there.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", |value| value.trim())
    }

    /// Whose data rooms of merchants show.
    pub(super) fn merchant(&self) -> Option<&Merchant> {
        self.merchant.as_ref()
    }

    /// The handle of that merchant among those that the switch offers, or the id itself.
    pub(super) fn handle_of<'a>(&'a self, id: &'a str) -> &'a str {
        self.merchants.iter().find(|merchant| merchant.id == id).map_or(id, |merchant| merchant.handle.as_str())
    }

    /// Reads something of the merchant whose data is shown.
    pub(super) async fn get_of<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        let Some(merchant) = &self.merchant else {
            return Err(Problem {
                status: 404,
                title: "There is no merchant yet.".into(),
                what_to_do: "Create one: POST /v1/merchants with the operator's key and {\"handle\": \"shop\"}.".into(),
                ..Problem::default()
            });
        };
        self.client.get_of(&merchant.id, path).await
    }

    /// Reads a list of the merchant whose data is shown, or of all merchants where the address says so.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        if self.is_of_all { self.client.get(path).await } else { self.get_of(path).await }
    }

    /// Whether a list is of all merchants.
    pub(super) const fn is_of_all(&self) -> bool {
        self.is_of_all
    }

    /// An address of one merchant's object in a list that may be of all.
    pub(super) fn href_of(&self, path: &str, merchant: &str) -> String {
        if self.is_of_all { with_query(path, &[("merchant", merchant)]) } else { self.href(path) }
    }

    /// Whose list it is, and a link to that of all merchants or back; nothing where there is only one merchant.
    pub(super) fn scope_switch(&self, path: &str) -> Markup {
        let Some(merchant) = self.merchant.as_ref().filter(|_| self.merchants.len() > 1) else {
            return html! {};
        };
        let current = |is_it: bool| is_it.then_some("true");
        html! {
            nav.scopes aria-label="Whose" {
                a href=(path) aria-current=[current(!self.is_of_all)] { (merchant.handle) }
                a href=(with_query(path, &[("merchant", ALL)])) aria-current=[current(self.is_of_all)] { "All merchants" }
            }
        }
    }

    /// An address of the console; it names the merchant when this page's address does.
    pub(super) fn href(&self, path: &str) -> String {
        match &self.merchant {
            Some(merchant) if self.is_merchant_named => {
                let separator = if path.contains('?') { '&' } else { '?' };
                format!("{path}{separator}merchant={}", encoded(&merchant.id))
            }
            Some(_) | None => path.to_owned(),
        }
    }

    /// The merchant for links that [`super::call::with_query`] makes; empty when this page's address does not name one.
    pub(super) fn named_merchant(&self) -> &str {
        if self.is_of_all {
            return ALL;
        }
        self.merchant.as_ref().filter(|_| self.is_merchant_named).map_or("", |merchant| merchant.id.as_str())
    }

    /// Where the API is, for commands to copy.
    pub(super) fn api_url(&self) -> String {
        let scheme = if self.session.transport == Transport::Secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// A button that does something, as a form that needs no script.
    pub(super) fn button(&self, action: &str, label: &str, class: &str) -> Markup {
        html! {
            form method="post" action=(action) {
                (self.form_fields())
                button class=(class) type="submit" { (label) }
            }
        }
    }

    /// What every form carries: the session's token, and where to come back to.
    fn form_fields(&self) -> Markup {
        html! {
            input type="hidden" name="csrf" value=(self.session.csrf.expose());
            input type="hidden" name="back" value=(self.address);
        }
    }

    /// Choices above a list, each a name of the address's query with its label and the values it may have.
    pub(super) fn choices(&self, path: &str, choices: &[(&str, &str, Vec<&str>)]) -> Markup {
        let is_filtered = choices.iter().any(|(name, _, _)| !self.parameter(name).is_empty());
        html! {
            form.choices method="get" action=(path) aria-label="Filter this list" {
                @if !self.named_merchant().is_empty() { input type="hidden" name="merchant" value=(self.named_merchant()); }
                @for (name, label, values) in choices {
                    div.field {
                        label for={ "filter-" (name) } { (label) }
                        select id={ "filter-" (name) } name=(name) {
                            option value="" { "Any" }
                            @for value in values { option value=(value) selected[self.parameter(name) == *value] { (show::words(value)) } }
                        }
                    }
                }
                button.plain type="submit" { "Filter" }
                @if is_filtered { a.button.plain href=(with_query(path, &[("merchant", self.named_merchant())])) { "Clear" } }
            }
        }
    }

    /// A room with its content, which begins with the `h1`.
    pub(super) fn page(&self, place: Place, title: &str, content: Markup) -> Response {
        self.page_with_status(StatusCode::OK, place, title, content)
    }

    /// A room that cannot show what was asked for.
    pub(super) fn refusal(&self, place: Place, title: &str, problem: &Problem) -> Response {
        let (_, _, address) = place.facts();
        let content = html! {
            @if !address.is_empty() { (crumbs(&self.href(address), place.facts().1)) }
            (show::head(title, "", html! {}))
            (show::problem(problem))
        };
        self.page_with_status(problem.status(), place, title, content)
    }

    fn page_with_status(&self, status: StatusCode, place: Place, title: &str, content: Markup) -> Response {
        if self.client.is_refused() {
            self.console.sessions.end(self.id);
            return to_login(&self.address);
        }
        let room = |known: Place| {
            let (group, label, address) = known.facts();
            let href = if group == "Merchant" { self.href(address) } else { address.to_owned() };
            let count = (known == Place::Attention && self.waiting > 0).then_some(self.waiting);
            Room { label, href, group, current: known == place, count }
        };
        let page = Page {
            title,
            theme: self.theme,
            path: &self.address,
            navigation_label: "Console",
            rooms: Place::ROOMS.into_iter().map(room).collect(),
            tools: self.tools(),
        };
        let content = html! {
            @if let Some(notice) = &self.session.notice { (told(notice)) }
            (content)
        };
        (status, Html(shell(&page, content).into_string())).into_response()
    }

    fn tools(&self) -> Markup {
        html! {
            form.search role="search" method="get" action="/console/search" {
                input type="search" name="q" value=(self.parameter("q")) aria-label="Search all merchants" placeholder="Id, reference or provider id" maxlength="200" required;
                button.plain type="submit" { "Search" }
            }
            @if let Some(merchant) = &self.merchant { (self.merchant_switch(merchant)) }
            div.account {
                form method="post" action="/console/logout" {
                    (self.form_fields())
                    button.plain type="submit" { "Sign out" }
                }
            }
        }
    }

    fn merchant_switch(&self, chosen: &Merchant) -> Markup {
        let is_listed = self.merchants.iter().any(|merchant| merchant.id == chosen.id);
        html! {
            @if self.merchants.len() > 1 || !is_listed {
                form.merchant method="post" action="/console/merchant" {
                    (self.form_fields())
                    select name="merchant" aria-label="Merchant" {
                        @if !is_listed { option value=(chosen.id) selected { (chosen.handle) } }
                        @for merchant in &self.merchants {
                            option value=(merchant.id) selected[merchant.id == chosen.id] { (merchant.handle) }
                        }
                    }
                    button.plain type="submit" { "Switch" }
                }
            } @else {
                p.merchant { span.soft { "Merchant" } " " strong { (chosen.handle) } }
            }
        }
    }
}

fn told(notice: &Notice) -> Markup {
    let tone = Tone::named(notice.tone);
    html! {
        div.message.(tone.class()) role="status" { (tone_icon(tone, 16)) div { p { (notice.sentence) } } }
    }
}

/// A way back to the list that an object is in.
pub(super) fn crumbs(href: &str, label: &str) -> Markup {
    html! { p.crumbs { a href=(href) { "← " (label) } } }
}

/// Sends somebody who is not signed in to do so, and back.
fn to_login(address: &str) -> Response {
    Redirect::to(&format!("/console/login?next={}", encoded(local_path(address)))).into_response()
}

/// An address at which there is no room.
pub(super) async fn nothing_here(visit: Visit) -> Response {
    let problem = Problem {
        status: 404,
        title: "There is no such page.".into(),
        what_to_do: "Choose a room on the left, or search for an id.".into(),
        ..Problem::default()
    };
    visit.refusal(Place::Nowhere, "Nothing here", &problem)
}

/// A form that somebody who is signed in sent from a page of this server: session, token and origin are right.
pub(super) struct Submission {
    console: Console,
    /// The API in the name of who sent it.
    pub(super) client: Client,
    id: SessionId,
    fields: BTreeMap<String, String>,
}

impl FromRequest<Console> for Submission {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Response> {
        let headers = request.headers().clone();
        if own_origin(&headers).is_none() {
            return Err(refused("the form was not sent from a page of this server"));
        }
        let Some((id, session)) = console.sessions.find(&console.options, &headers, Use::Person) else {
            return Err(to_login("/console"));
        };
        let Form(fields) =
            Form::<BTreeMap<String, String>>::from_request(request, console).await.map_err(|_| refused("the form cannot be read"))?;
        if !fields.get("csrf").is_some_and(|token| same_secret(token, session.csrf.expose())) {
            return Err(refused("the form is of another session"));
        }
        let client = Client::new(console.api.clone(), session.key);
        Ok(Self { console: console.clone(), client, id, fields })
    }
}

impl Submission {
    /// A field of the form.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// Ends the session that the form was sent in.
    pub(super) fn end_session(&self) {
        self.console.sessions.end(self.id);
    }

    /// Remembers the merchant for the rooms to come.
    pub(super) fn choose_merchant(&self, merchant: MerchantId) {
        self.console.sessions.choose_merchant(self.id, merchant.to_string());
    }

    /// Back to where the form was, without a merchant in its address.
    pub(super) fn back(&self) -> Redirect {
        Redirect::to(self.field("back").map_or("/console", local_path))
    }

    /// Tells on the page where the form was what came of it.
    pub(super) fn done<T>(&self, result: Result<T, Problem>, sentence: &str) -> Redirect {
        let notice = match result {
            Ok(_) => Notice { tone: "good", sentence: sentence.to_owned() },
            Err(problem) => Notice { tone: "bad", sentence: format!("{} {}", problem.title, problem.what_to_do) },
        };
        self.console.sessions.tell(self.id, notice);
        self.back()
    }
}

/// A form that is not taken.
pub(super) fn refused(why: &str) -> Response {
    let content = html! {
        div.login {
            h1 { "This was not done" }
            div.message.bad role="alert" {
                (tone_icon(Tone::Bad, 16))
                div { p { "Nothing has changed: " (why) "." } p { "Go back, reload the page and try again." } }
            }
            p { a href="/console" { "Console" } }
        }
    };
    let page = Page {
        title: "This was not done",
        theme: Theme::System,
        path: "/console",
        navigation_label: "Console",
        rooms: Vec::new(),
        tools: html! {},
    };
    (StatusCode::FORBIDDEN, Html(shell(&page, content).into_string())).into_response()
}
