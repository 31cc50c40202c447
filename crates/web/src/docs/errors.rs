//! One page for each code that the API can answer. What is always true of a code comes from the API's own table; its
//! causes stand in `docs/guide/errors.md`, which is the page above them.

use super::code;
use super::library::{Article, Section};
use super::markdown;
use api::ProblemFacts;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// The guide, with the causes at its end.
const MARKDOWN: &str = include_str!("../../../../docs/guide/errors.md");
/// What the causes begin with.
const CAUSES: &str = "\n## Causes\n";
const TITLE: &str = "Errors";
const PATH: &str = "/docs/errors";

/// The guide with the list of codes, and a page for each.
pub(super) fn articles(group: &'static str) -> Vec<Article> {
    let (guide, causes) = MARKDOWN.split_once(CAUSES).unwrap_or((MARKDOWN, ""));
    let causes = causes_by_code(causes);
    let mut rendered = markdown::render(guide);
    let id = "codes".to_owned();
    let text = api::problems().map(|facts| format!("{} {} ", facts.code, facts.title)).collect();
    rendered.sections.push(Section { id: id.clone(), title: "All codes".into(), level: 2, text });
    let body = html! { (rendered.body) h2 id=(id) { "All codes" } (table()) };
    let index =
        Article { path: PATH.into(), group, title: rendered.title, lead: rendered.lead, body, sections: rendered.sections, above: None };
    let pages = api::problems().map(|facts| page(group, facts, causes.get(facts.code).copied().unwrap_or_default()));
    std::iter::once(index).chain(pages).collect()
}

fn causes_by_code(causes: &'static str) -> BTreeMap<&'static str, &'static str> {
    causes.split("\n### ").filter_map(|part| part.split_once('\n')).map(|(code, cause)| (code.trim(), cause)).collect()
}

fn table() -> Markup {
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table: All codes" {
            table {
                thead { tr { th scope="col" { "Code" } th scope="col" { "Status" } th scope="col" { "Meaning" } th scope="col" { "Retry" } } }
                tbody {
                    @for facts in api::problems() {
                        tr {
                            td { a href={ (PATH) "/" (facts.code) } { code { (facts.code) } } }
                            td { (facts.status) }
                            td { (facts.title) }
                            td { @if facts.retryable { "later" } @else { "after a correction" } }
                        }
                    }
                }
            }
        }
    }
}

fn page(group: &'static str, facts: ProblemFacts, cause: &str) -> Article {
    let retry = if facts.retryable {
        "Yes: the same request with the same Idempotency-Key may succeed later, and nothing happens twice."
    } else {
        "No: the unchanged request gets the same answer."
    };
    let body = html! {
        p.lead { (facts.title) }
        h2 id="cause" { "Cause" }
        (markdown::render(cause).body)
        h2 id="what-to-do" { "What to do" }
        p { (facts.what_to_do) }
        h2 id="retry" { "May I send it again?" }
        p { (retry) }
        h2 id="example" { "Example" }
        p { "Status " (facts.status) ", media type " code { "application/problem+json" } ":" }
        (code::block("json", &example(&facts)))
    };
    let text = format!("{} {} {}", facts.title, facts.what_to_do, cause);
    Article {
        path: format!("{PATH}/{}", facts.code),
        group,
        title: facts.code.into(),
        lead: facts.title.into(),
        body,
        sections: vec![Section { id: String::new(), title: facts.code.into(), level: 1, text }],
        above: Some((TITLE, PATH)),
    }
}

/// The document as the API sends it, without what is different each time.
fn example(facts: &ProblemFacts) -> String {
    let page = format!("{PATH}/{}", facts.code);
    let text = |value: &str| serde_json::Value::from(value).to_string();
    format!(
        "{{\n  \"type\": {},\n  \"title\": {},\n  \"status\": {},\n  \"code\": {},\n  \"detail\": \"…\",\n  \"what_to_do\": {},\n  \"doc_url\": {},\n  \"trace_id\": \"…\",\n  \"retryable\": {}\n}}\n",
        text(&page),
        text(facts.title),
        facts.status,
        text(facts.code),
        text(facts.what_to_do),
        text(&page),
        facts.retryable
    )
}

#[cfg(test)]
mod tests {
    use super::{CAUSES, MARKDOWN, articles, causes_by_code};
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_its_cause_and_its_page_and_no_cause_is_left_over() {
        let (_, causes) = MARKDOWN.split_once(CAUSES).expect("the page has causes");
        let causes = causes_by_code(causes);
        let codes: BTreeSet<&str> = api::problems().map(|facts| facts.code).collect();
        let explained: BTreeSet<&str> = causes.keys().copied().collect();
        assert_eq!(codes, explained, "docs/guide/errors.md explains other codes than crates/api/src/errors.rs has");
        assert!(causes.values().all(|cause| cause.trim().len() > 30), "{causes:?}");
        let pages: BTreeSet<String> = articles("Reference").into_iter().map(|article| article.path).collect();
        assert!(codes.iter().all(|code| pages.contains(&format!("/docs/errors/{code}"))));
    }

    #[test]
    fn an_example_is_json_and_names_its_own_page() {
        for facts in api::problems() {
            let value: serde_json::Value = serde_json::from_str(&super::example(&facts)).expect("JSON");
            assert_eq!(
                (value["code"].as_str(), value["type"].as_str()),
                (Some(facts.code), Some(format!("/docs/errors/{}", facts.code).as_str()))
            );
        }
    }
}
