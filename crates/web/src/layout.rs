//! The shell of every page: what stands around its content, the same in the console and in the documentation.
//!
//! ```
//! use web::layout::{Page, Room, Theme, shell};
//! let page = Page {
//!     title: "Refunds",
//!     theme: Theme::System,
//!     path: "/docs/refunds",
//!     navigation_label: "Documentation",
//!     rooms: vec![Room { label: "Refunds", href: "/docs/refunds".into(), group: "Guide", current: true, count: None }],
//!     tools: maud::html! {},
//! };
//! let html = shell(&page, maud::html! { h1 { "Refunds" } }).into_string();
//! assert!(html.contains("<title>Refunds · Bezant</title>"));
//! ```

use crate::assets;
pub use crate::theme::Theme;
use maud::{DOCTYPE, Markup, html};

/// One link of the navigation.
#[derive(Clone, Debug)]
pub struct Room<'a> {
    /// What it says.
    pub label: &'a str,
    /// Where it leads.
    pub href: String,
    /// The heading that it stands under; rooms of one group follow each other.
    pub group: &'a str,
    /// Whether the page is this one or inside of it.
    pub current: bool,
    /// How much waits there for a person; nothing is shown for `None`.
    pub count: Option<u64>,
}

/// What a page is, apart from its content.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// What the browser's tab says before the name of the product; the page's own heading says the same.
    pub title: &'a str,
    /// Its colours.
    pub theme: Theme,
    /// Its own address with its query, to come back to after the colours were switched.
    pub path: &'a str,
    /// Names the navigation for those who cannot see it.
    pub navigation_label: &'a str,
    /// The navigation, in order.
    pub rooms: Vec<Room<'a>>,
    /// What stands in the header between name and switch: search, account.
    pub tools: Markup,
}

/// A whole document around its content, which begins with the one `h1`.
pub fn shell(page: &Page<'_>, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(page.theme.name()) {
            head {
                meta charset="utf-8";
                title { (page.title) " · Bezant" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="stylesheet" href=(assets::STYLE.url());
                link rel="icon" type="image/svg+xml" href=(assets::ICON.url());
                script src=(assets::SCRIPT.url()) defer {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                (header(page))
                div.frame {
                    @if !page.rooms.is_empty() { (navigation(page)) }
                    main #main tabindex="-1" { (content) }
                }
                (footer())
            }
        }
    }
}

fn header(page: &Page<'_>) -> Markup {
    html! {
        header.top {
            a.brand href="/" {
                (mark())
                span { "Bezant" }
            }
            div.tools { (page.tools) }
            form.theme method="post" action="/theme" aria-label="Colours" {
                input type="hidden" name="back" value=(page.path);
                @for theme in Theme::ALL {
                    button type="submit" name="theme" value=(theme.name()) aria-pressed=(page.theme == theme) title=(theme_title(theme)) {
                        (theme_icon(theme))
                        span.quiet { (theme_title(theme)) }
                    }
                }
            }
        }
    }
}

/// The coin.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false" {
            circle.coin cx="12" cy="12" r="10.5" {}
            circle.rim cx="12" cy="12" r="8" {}
            path.sign d="M12 6.5v11M6.5 12h11" {}
        }
    }
}

const fn theme_title(theme: Theme) -> &'static str {
    match theme {
        Theme::System => "Colours of the system",
        Theme::Light => "Light colours",
        Theme::Dark => "Dark colours",
    }
}

fn theme_icon(theme: Theme) -> Markup {
    html! {
        svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
            @match theme {
                Theme::System => {
                    circle.line cx="8" cy="8" r="5.5" {}
                    path.full d="M8 2.5a5.5 5.5 0 0 0 0 11z" {}
                }
                Theme::Light => {
                    circle.full cx="8" cy="8" r="3" {}
                    path.line d="M8 1v2M8 13v2M1 8h2M13 8h2M3 3l1.4 1.4M11.6 11.6 13 13M3 13l1.4-1.4M11.6 4.4 13 3" {}
                }
                Theme::Dark => { path.full d="M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3z" {} }
            }
        }
    }
}

fn navigation(page: &Page<'_>) -> Markup {
    let mut groups: Vec<(&str, Vec<&Room<'_>>)> = Vec::new();
    for room in &page.rooms {
        match groups.last_mut() {
            Some((group, rooms)) if *group == room.group => rooms.push(room),
            Some(_) | None => groups.push((room.group, vec![room])),
        }
    }
    html! {
        nav.rooms aria-label=(page.navigation_label) {
            @for (group, rooms) in groups {
                div.group {
                    p.group-name { (group) }
                    ul {
                        @for room in rooms {
                            li {
                                a href=(room.href) aria-current=[room.current.then_some("page")] {
                                    span { (room.label) }
                                    @if let Some(count) = room.count {
                                        " "
                                        span.count { (count) span.quiet { " waiting" } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn footer() -> Markup {
    html! {
        footer.foot {
            p { "Bezant " (env!("CARGO_PKG_VERSION")) }
            ul {
                li { a href="/console" { "Console" } }
                li { a href="/docs" { "Documentation" } }
                li { a href="/openapi.json" { "OpenAPI" } }
            }
        }
    }
}
