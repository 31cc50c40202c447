//! Finding words in the documentation: every section that has all of them, best first. The whole text is a few hundred
//! kilobytes in memory, so that nothing is kept beside it.

use super::library::{Article, Section};

/// Most places that are shown.
const FOUND_MAX: usize = 30;
/// Most words of a query that count.
const WORDS_MAX: usize = 8;
/// Characters of an excerpt, about.
const EXCERPT_CHARACTERS: usize = 180;

/// A section that has every word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hit<'a> {
    pub(super) href: String,
    pub(super) page: &'a str,
    /// The section's title, unless it is the page's own.
    pub(super) section: Option<&'a str>,
    pub(super) excerpt: String,
}

/// The sections that have all words of the query, best first.
pub(super) fn find<'a>(articles: &'a [Article], asked: &str) -> Vec<Hit<'a>> {
    let words: Vec<String> = asked.split_whitespace().take(WORDS_MAX).map(str::to_lowercase).collect();
    if words.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for article in articles {
        for section in &article.sections {
            if let Some(score) = score(&article.title, section, &words) {
                found.push((score, article, section));
            }
        }
    }
    found.sort_by_key(|(score, _, _)| std::cmp::Reverse(*score));
    found.into_iter().take(FOUND_MAX).map(|(_, article, section)| hit(article, section, &words)).collect()
}

/// How well a section fits; `None` when it lacks a word.
fn score(page: &str, section: &Section, words: &[String]) -> Option<usize> {
    let (page, title, text) = (page.to_lowercase(), section.title.to_lowercase(), section.text.to_lowercase());
    let mut score = 0;
    for word in words {
        let counted = text.matches(word.as_str()).count().min(5);
        let in_title = usize::from(title.contains(word.as_str()));
        let is_title = usize::from(title == *word);
        let in_page = usize::from(page.contains(word.as_str()));
        if counted + in_title == 0 {
            return None;
        }
        score += counted + 10 * in_title + 20 * is_title + 5 * in_page;
    }
    Some(score)
}

fn hit<'a>(article: &'a Article, section: &'a Section, words: &[String]) -> Hit<'a> {
    let href = if section.id.is_empty() { article.path.clone() } else { format!("{}#{}", article.path, section.id) };
    let own = (section.title != article.title).then_some(section.title.as_str());
    Hit { href, page: &article.title, section: own, excerpt: excerpt(&section.text, words) }
}

/// The text around the first word that is in it.
fn excerpt(text: &str, words: &[String]) -> String {
    let characters: Vec<char> = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect();
    let lower: String = characters.iter().map(char::to_ascii_lowercase).collect();
    let at = words.iter().filter_map(|word| lower.find(word.as_str())).min().map_or(0, |byte| lower[..byte].chars().count());
    let start = at.saturating_sub(EXCERPT_CHARACTERS / 3);
    let end = (start + EXCERPT_CHARACTERS).min(characters.len());
    let before = if start > 0 { "…" } else { "" };
    let after = if end < characters.len() { "…" } else { "" };
    format!("{before}{}{after}", characters[start..end].iter().collect::<String>().trim())
}

#[cfg(test)]
mod tests {
    use super::{EXCERPT_CHARACTERS, excerpt, find};
    use crate::docs::library::{Article, Section};

    fn article(path: &str, title: &str, sections: &[(&str, &str)]) -> Article {
        let section =
            |(title, text): &(&str, &str)| Section { id: title.to_lowercase(), title: (*title).into(), level: 2, text: (*text).into() };
        Article {
            path: path.into(),
            group: "Start",
            title: title.into(),
            lead: String::new(),
            body: maud::html! {},
            sections: sections.iter().map(section).collect(),
            above: None,
        }
    }

    #[test]
    fn titles_come_before_texts_and_every_word_must_be_there() {
        let articles = [
            article("/a", "Refunds", &[("Limits", "a refund is never larger than the payment"), ("Refund", "give money back")]),
            article("/b", "Payments", &[("Status", "captured, refunded")]),
        ];
        let hrefs = |asked: &str| find(&articles, asked).into_iter().map(|hit| hit.href).collect::<Vec<_>>();
        assert_eq!(hrefs("Refund"), ["/a#refund", "/a#limits", "/b#status"]);
        assert_eq!(hrefs("refund larger"), ["/a#limits"]);
        assert_eq!(hrefs("refund cheese"), [""; 0]);
        assert_eq!(hrefs("  "), [""; 0]);
    }

    #[test]
    fn an_excerpt_is_cut_around_the_word_also_in_other_scripts() {
        let text = format!("{} İ needle {}", "ä".repeat(300), "ö".repeat(300));
        let shown = excerpt(&text, &["needle".into()]);
        assert!(shown.contains("needle") && shown.starts_with('…') && shown.ends_with('…'), "{shown}");
        assert!(shown.chars().count() <= EXCERPT_CHARACTERS + 2);
        assert_eq!(excerpt("short", &["nothing".into()]), "short");
    }
}
