//! A guide's markdown as a page: anchors at headings, code blocks that can be copied, tables that can be scrolled, links
//! between files as links between pages.
//!
//! What our tests read in a guide, comments and attributes of code blocks, is not shown.

use super::library::Section;
use super::{code, diagram};
use crate::assets;
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// What a guide comes to.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) title: String,
    /// The first paragraph as plain text.
    pub(super) lead: String,
    pub(super) body: Markup,
    pub(super) sections: Vec<Section>,
}

/// Renders one guide; its first heading is its title and is not part of the body.
pub(super) fn render(markdown: &str) -> Rendered {
    let mut page = Writer::default();
    let mut events = Parser::new_ext(markdown, Options::ENABLE_TABLES);
    while let Some(event) = events.next() {
        page.take(event, &mut events);
    }
    let mut body = String::new();
    pulldown_cmark::html::push_html(&mut body, page.out.into_iter());
    let lead = page.lead.unwrap_or_default();
    Rendered { title: page.title, lead, body: PreEscaped(body), sections: page.sections }
}

#[derive(Default)]
struct Writer<'a> {
    out: Vec<Event<'a>>,
    title: String,
    lead: Option<String>,
    lead_is_over: bool,
    sections: Vec<Section>,
}

impl<'a> Writer<'a> {
    fn take(&mut self, event: Event<'a>, events: &mut Parser<'a>) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => self.heading(level, events),
            Event::Start(Tag::CodeBlock(kind)) => self.code_block(&kind, events),
            Event::Start(Tag::Paragraph) if self.lead.is_none() => {
                self.lead = Some(String::new());
                self.out.push(event);
            }
            Event::Start(Tag::Table(_)) => {
                let about = self.sections.last().map_or("", |section| &section.title);
                let region = format!("<div class=\"sheet\" tabindex=\"0\" role=\"region\" aria-label=\"Table: {}\">", html! { (about) }.0);
                self.out.extend([Event::Html(region.into()), event]);
            }
            Event::End(TagEnd::Table) => self.out.extend([event, Event::Html("</div>".into())]),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url = CowStr::from(address(&dest_url));
                self.out.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
            }
            Event::Start(Tag::HtmlBlock) => self.comment(events),
            Event::Start(Tag::Image { dest_url, .. }) => self.image(&dest_url, events),
            Event::InlineHtml(_) => {}
            event => {
                self.note(&event);
                self.out.push(event);
            }
        }
    }

    fn heading(&mut self, level: HeadingLevel, events: &mut Parser<'a>) {
        let inner: Vec<Event<'a>> = events.take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_)))).collect();
        let title: String = inner.iter().map(plain).collect();
        if level == HeadingLevel::H1 {
            self.sections.push(Section { id: String::new(), title: title.clone(), level: 1, text: String::new() });
            self.title = title;
            return;
        }
        let level = if level == HeadingLevel::H2 { 2 } else { 3 };
        let id = anchor(&title);
        let opening = format!("<h{level} id=\"{id}\">");
        let closing = html! { " " a.anchor href={ "#" (id) } aria-label={ "Link to “" (title) "”" } { "#" } };
        self.out.push(Event::Html(opening.into()));
        self.out.extend(inner);
        self.out.push(Event::Html(format!("{}</h{level}>\n", closing.0).into()));
        self.sections.push(Section { id, title, level, text: String::new() });
    }

    fn code_block(&mut self, kind: &CodeBlockKind<'a>, events: &mut Parser<'a>) {
        let inner = events.take_while(|event| !matches!(event, Event::End(TagEnd::CodeBlock)));
        let text: String = inner.map(|event| plain(&event).to_owned()).collect();
        let language = match kind {
            CodeBlockKind::Fenced(info) => info.split(' ').next().unwrap_or_default(),
            CodeBlockKind::Indented => "text",
        };
        if let Some(section) = self.sections.last_mut() {
            section.text.push_str(&text);
        }
        self.out.push(Event::Html(code::block(language, &text).0.into()));
    }

    /// The binary carries charts and no other pictures; of those, what they say in words stays.
    fn image(&mut self, file: &str, events: &mut Parser<'a>) {
        let inner: Vec<Event<'a>> = events.take_while(|event| !matches!(event, Event::End(TagEnd::Image))).collect();
        let stem = file.strip_prefix("img/").and_then(|file| file.strip_suffix(".svg"));
        match stem.and_then(assets::chart) {
            Some(chart) => {
                let text: String = inner.iter().map(plain).collect();
                let picture = html! { img.chart src=(chart.url()) alt=(text); };
                self.out.push(Event::InlineHtml(picture.0.into()));
            }
            None => self.out.extend(inner),
        }
    }

    /// A comment is for our tests, unless it asks for a diagram.
    fn comment(&mut self, events: &mut Parser<'a>) {
        let inner = events.take_while(|event| !matches!(event, Event::End(TagEnd::HtmlBlock)));
        let comment: String = inner.map(|event| if let Event::Html(text) = event { text.into_string() } else { String::new() }).collect();
        let name = comment.trim().strip_prefix("<!-- diagram: ").and_then(|rest| rest.strip_suffix(" -->"));
        if let Some(figure) = name.and_then(diagram::figure) {
            self.out.push(Event::Html(figure.0.into()));
        }
    }

    /// Keeps the plain text of what passes, for the search and the lead.
    fn note(&mut self, event: &Event<'_>) {
        let ends = matches!(event, Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell));
        let text = if ends { " " } else { plain(event) };
        if let Some(section) = self.sections.last_mut() {
            section.text.push_str(text);
        }
        match &mut self.lead {
            Some(_) if ends => self.lead_is_over = true,
            Some(lead) if !self.lead_is_over => lead.push_str(text),
            Some(_) | None => {}
        }
    }
}

/// What an event shows, as plain text.
fn plain<'e>(event: &'e Event<'_>) -> &'e str {
    match event {
        Event::Text(text) | Event::Code(text) => text,
        Event::SoftBreak | Event::HardBreak => " ",
        _ => "",
    }
}

/// A heading's anchor, as other renderers of markdown make it: so links work there, too.
pub(super) fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'));
    kept.map(|character| if character == ' ' { '-' } else { character.to_ascii_lowercase() }).collect()
}

/// Whether an anchor on the page of errors is a code, which has a page of its own.
fn is_code(fragment: &str) -> bool {
    api::problems().any(|facts| facts.code == fragment)
}

/// Where a link leads: a guide is a page here, and so is the cause of an error; the description of the API is served; everything
/// else stays.
fn address(target: &str) -> String {
    let (file, fragment) = target.split_once('#').map_or((target, None), |(file, fragment)| (file, Some(fragment)));
    let page = match file.strip_suffix(".md") {
        Some("errors") if fragment.is_some_and(is_code) => return format!("/docs/errors/{}", fragment.unwrap_or_default()),
        Some(name) if !file.contains("://") => format!("/docs/{name}"),
        None if file.ends_with("/openapi.json") => "/openapi.json".to_owned(),
        _ => file.to_owned(),
    };
    fragment.map_or_else(|| page.clone(), |fragment| format!("{page}#{fragment}"))
}

#[cfg(test)]
mod tests {
    use super::{address, anchor, render};

    #[test]
    fn a_guide_becomes_a_page_with_anchors_and_copies() {
        let rendered = render(concat!(
            "<!-- needs: demo -->\n# Pay & go\n\nYou can\npay.\n\nMore.\n\n## Why & `how`?\n\nA [b](c.md#d).\n\n",
            "```sh not-run=\"x\"\ncurl <a>\n```\n\n| a |\n|---|\n| b |\n"
        ));
        assert_eq!((rendered.title.as_str(), rendered.lead.as_str()), ("Pay & go", "You can pay."));
        let body = rendered.body.0;
        assert!(body.contains("<h2 id=\"why--how\">Why &amp; <code>how</code>? <a class=\"anchor\" href=\"#why--how\""), "{body}");
        assert!(body.contains("<a href=\"/docs/c#d\">b</a>"), "{body}");
        assert!(body.contains("curl</span> &lt;a&gt;") && !body.contains("not-run") && !body.contains("needs"), "{body}");
        assert!(
            body.contains("<div class=\"sheet\" tabindex=\"0\" role=\"region\" aria-label=\"Table: Why &amp; how?\"><table>"),
            "{body}"
        );
        assert_eq!(rendered.sections[1].text, "A b. curl <a>\na b ");
    }

    #[test]
    fn links_between_files_are_links_between_pages() {
        for (target, expected) in [
            ("refunds.md", "/docs/refunds"),
            ("errors.md#all-codes", "/docs/errors#all-codes"),
            ("errors.md#busy", "/docs/errors/busy"),
            ("../../openapi.json", "/openapi.json"),
            ("#here", "#here"),
            ("https://example.com/a.md", "https://example.com/a.md"),
        ] {
            assert_eq!(address(target), expected);
        }
        assert!(render("# A\n\n<!-- diagram: refund -->\n\nB\n").body.0.contains("<figure class=\"diagram\">"));
        assert!(!render("# A\n\n<!-- diagram: cheese -->\n\n![a picture](b.svg)\n").body.0.contains("<figure"));
        let charts = render("# A\n\n![Times \"here\"](img/performance-cpu.svg) ![a picture](img/other.svg)\n").body.0;
        assert!(charts.contains("<img class=\"chart\" src=\"/assets/performance-cpu-"), "{charts}");
        assert!(charts.contains("alt=\"Times &quot;here&quot;\"") && charts.contains(" a picture</p>"), "{charts}");
        assert_eq!(anchor("What `to do`, now_1"), "what-to-do-now_1");
    }
}
