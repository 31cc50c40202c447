//! Which pages the documentation has, in the order of the navigation, and what each one comes to.

use super::{errors, markdown, metrics, reference};
use maud::Markup;
use std::sync::LazyLock;

/// One page.
#[derive(Debug)]
pub(super) struct Article {
    /// Its address.
    pub(super) path: String,
    /// Its heading in the navigation, one of [`GROUPS`].
    pub(super) group: &'static str,
    pub(super) title: String,
    /// The beginning, as plain text: what the reader will be able to do.
    pub(super) lead: String,
    /// Everything below the title.
    pub(super) body: Markup,
    pub(super) sections: Vec<Section>,
    /// The page above this one, for pages that are not in the navigation: its title and address.
    pub(super) above: Option<(&'static str, &'static str)>,
}

/// A part of a page: what stands below one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// Its anchor; empty for what stands before the first heading.
    pub(super) id: String,
    pub(super) title: String,
    /// 1 for the page, 2 for what stands in its contents, 3 and more below.
    pub(super) level: u8,
    /// What it says, as plain text, for the search.
    pub(super) text: String,
}

const START: &str = "Start";
const CONCEPTS: &str = "Concepts";
const REFERENCE: &str = "Reference";
const RUNNING: &str = "Running";
/// Headings of the navigation, in order.
pub(super) const GROUPS: &[&str] = &[START, CONCEPTS, REFERENCE, RUNNING];

/// A markdown file of `docs/guide`.
struct Guide {
    name: &'static str,
    group: &'static str,
    markdown: &'static str,
}

macro_rules! guides {
    ($($group:ident: $name:literal;)+) => {
        /// All guides, in the order of the navigation. `api`, `errors` and `metrics` stand at the top of what is
        /// made from tables.
        const GUIDES: &[Guide] =
            &[$(Guide { name: $name, group: $group, markdown: include_str!(concat!("../../../../docs/guide/", $name, ".md")) }),+];
    };
}

guides! {
    START: "quickstart";
    CONCEPTS: "payments";
    CONCEPTS: "unknown-outcomes";
    CONCEPTS: "idempotency";
    CONCEPTS: "refunds";
    CONCEPTS: "disputes";
    CONCEPTS: "customers";
    CONCEPTS: "ledger";
    CONCEPTS: "ledgers";
    CONCEPTS: "events";
    CONCEPTS: "webhooks";
    CONCEPTS: "erasing-people";
    REFERENCE: "declines";
    REFERENCE: "testing";
    REFERENCE: "lifecycles";
    REFERENCE: "orders-csv";
    REFERENCE: "ledger-workloads";
    RUNNING: "command-line";
    RUNNING: "runbook";
    RUNNING: "console";
}

/// Written by the bench, and therefore not among the guides.
const PERFORMANCE: Guide = Guide { name: "performance", group: RUNNING, markdown: include_str!("../../../../docs/performance.md") };
/// Written by the bench, too.
const LEDGER_PERFORMANCE: Guide =
    Guide { name: "ledger-performance", group: RUNNING, markdown: include_str!("../../../../docs/ledger-performance.md") };

/// Every page. They are made when somebody first asks for one, and stay.
pub(super) fn articles() -> &'static [Article] {
    static ARTICLES: LazyLock<Vec<Article>> = LazyLock::new(make);
    &ARTICLES
}

fn make() -> Vec<Article> {
    let guides = |group: &'static str| GUIDES.iter().filter(move |guide| guide.group == group).map(guide);
    let mut all: Vec<Article> = guides(START).chain(guides(CONCEPTS)).collect();
    all.extend(reference::articles(REFERENCE));
    all.extend(errors::articles(REFERENCE));
    all.extend(guides(REFERENCE).chain(guides(RUNNING)));
    all.push(metrics::article(RUNNING));
    all.push(guide(&PERFORMANCE));
    all.push(guide(&LEDGER_PERFORMANCE));
    all
}

fn guide(guide: &Guide) -> Article {
    let rendered = markdown::render(guide.markdown);
    Article {
        path: format!("/docs/{}", guide.name),
        group: guide.group,
        title: rendered.title,
        lead: rendered.lead,
        body: rendered.body,
        sections: rendered.sections,
        above: None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{GROUPS, GUIDES, articles};
    use std::collections::BTreeSet;

    #[test]
    fn every_guide_on_disk_is_a_page_with_a_title_and_a_lead() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let on_disk: BTreeSet<String> = names.filter_map(|name| name.strip_suffix(".md").map(str::to_owned)).collect();
        let embedded = GUIDES.iter().map(|guide| guide.name).chain(["api", "errors", "metrics"]);
        assert_eq!(on_disk, embedded.map(str::to_owned).collect());
        for article in articles() {
            assert!(GROUPS.contains(&article.group), "{}", article.path);
            assert!(article.title.len() > 2 && article.lead.len() > 10, "{}: {:?}", article.path, article.lead);
        }
    }

    #[test]
    fn every_diagram_that_a_guide_asks_for_is_drawn_once_on_its_page() {
        for guide in GUIDES {
            let names: Vec<&str> = guide.markdown.split("<!-- diagram: ").skip(1).filter_map(|rest| rest.split(" -->").next()).collect();
            let body = super::guide(guide).body.0;
            assert_eq!(body.matches("<figure class=\"diagram\">").count(), names.len(), "{}: {names:?}", guide.name);
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{}: {names:?}", guide.name);
        }
    }

    #[test]
    fn every_address_and_anchor_is_there_once_and_every_link_leads_somewhere() {
        let mut places = BTreeSet::new();
        for article in articles() {
            assert!(places.insert(article.path.clone()), "{}", article.path);
            for section in article.sections.iter().filter(|section| !section.id.is_empty()) {
                assert!(places.insert(format!("{}#{}", article.path, section.id)), "{}#{}", article.path, section.id);
            }
        }
        for known in ["/docs", "/console", "/openapi.json", "/metrics", "/healthz", "/readyz"] {
            places.insert(known.to_owned());
        }
        for article in articles() {
            let links = article.body.0.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
            for link in links.filter(|link| !link.starts_with("https://")) {
                let link = if link.starts_with('#') { format!("{}{link}", article.path) } else { link.to_owned() };
                assert!(places.contains(&link), "{} links to {link}, which is not there", article.path);
            }
        }
    }
}
