//! Dark or light: the system's choice unless a cookie says otherwise. The switch is a form, so that it needs no script.

use crate::console::session::own_origin;
use axum::extract::Form;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::collections::BTreeMap;

/// Name of the cookie.
const COOKIE: &str = "bezant_theme";
/// How long the choice is remembered, in seconds: a year.
const COOKIE_AGE_S: u32 = 365 * 24 * 3_600;

/// Which colours a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// What the system says.
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// All, in the order of the switch.
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// Its name in cookies, forms and the page's `data-theme`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// What the request's cookie says; the system's choice when it says nothing or nonsense.
    pub fn of(headers: &HeaderMap) -> Self {
        let chosen = cookie(headers, COOKIE);
        Self::ALL.into_iter().find(|theme| Some(theme.name()) == chosen).unwrap_or(Self::System)
    }
}

/// A cookie's value; the first one of that name counts.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Remembers the choice and goes back to where it was made.
pub(crate) async fn choose(headers: HeaderMap, Form(fields): Form<BTreeMap<String, String>>) -> Response {
    if own_origin(&headers).is_none() {
        return (StatusCode::FORBIDDEN, "the form was not sent from a page of this server\n").into_response();
    }
    let wanted = fields.get("theme").map(String::as_str);
    let theme = Theme::ALL.into_iter().find(|theme| Some(theme.name()) == wanted).unwrap_or(Theme::System);
    let cookie = format!("{COOKIE}={}; Path=/; Max-Age={COOKIE_AGE_S}; SameSite=Lax; HttpOnly", theme.name());
    let back = fields.get("back").map_or("/", |back| local_path(back));
    let mut response = Redirect::to(back).into_response();
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

/// The path if it is one on this server, and `/` if it might lead elsewhere.
pub(crate) fn local_path(path: &str) -> &str {
    let is_local =
        path.starts_with('/') && !path.starts_with("//") && path.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\');
    if is_local { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::{Theme, cookie, local_path};
    use http::{HeaderMap, HeaderValue, header};

    #[test]
    fn a_way_back_never_leads_to_another_server() {
        for (path, expected) in [
            ("/docs", "/docs"),
            ("/console?a=b&c=d", "/console?a=b&c=d"),
            ("//example.com", "/"),
            ("/\\example.com", "/"),
            ("https://example.com", "/"),
            ("/a\r\nb", "/"),
            ("", "/"),
        ] {
            assert_eq!(local_path(path), expected, "{path}");
        }
    }

    #[test]
    fn the_cookie_chooses_and_nonsense_is_the_systems_choice() {
        for (line, expected) in [
            ("bezant_theme=dark", Theme::Dark),
            ("a=b; bezant_theme=light; c=d", Theme::Light),
            ("bezant_theme=\"><script>", Theme::System),
            ("xbezant_theme=dark", Theme::System),
            ("", Theme::System),
        ] {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(line))]);
            assert_eq!(Theme::of(&headers), expected, "{line}");
        }
        assert_eq!(cookie(&HeaderMap::new(), "a"), None);
    }
}
