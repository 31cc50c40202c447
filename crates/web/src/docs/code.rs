//! Code blocks: what language they say they are, a little colour, and a button that copies where scripts run.
//!
//! Colour is a help for the eye and never carries meaning; the scanner knows comments, strings, numbers and a few words,
//! and whatever it does not know stays as it is.

use maud::{Markup, html};

/// How a language is scanned.
struct Language {
    label: &'static str,
    comment: Option<&'static str>,
    /// What opens and closes a string.
    quotes: &'static [char],
    words: &'static [&'static str],
}

const PLAIN: Language = Language { label: "Output", comment: None, quotes: &[], words: &[] };
const SHELL: Language = Language {
    label: "Shell",
    comment: Some("#"),
    quotes: &['"', '\''],
    words: &[
        "curl", "bezant", "cargo", "export", "cat", "for", "do", "done", "if", "then", "fi", "while", "cp", "kill", "sqlite3", "python3",
        "node",
    ],
};
const PYTHON: Language = Language {
    label: "Python",
    comment: Some("#"),
    quotes: &['"', '\''],
    words: &[
        "import", "from", "def", "return", "if", "else", "for", "in", "while", "with", "as", "raise", "try", "except", "None", "True",
        "False", "print", "not", "and", "or",
    ],
};
const NODE: Language = Language {
    label: "Node.js",
    comment: Some("//"),
    quotes: &['"', '\'', '`'],
    words: &[
        "import", "from", "const", "let", "function", "return", "if", "else", "for", "of", "while", "async", "await", "throw", "new",
        "null", "true", "false",
    ],
};
const JSON: Language = Language { label: "JSON", comment: None, quotes: &['"'], words: &["true", "false", "null"] };

fn language(name: &str) -> Language {
    match name {
        "sh" | "console" => SHELL,
        "python" => PYTHON,
        "node" => NODE,
        "json" => JSON,
        "csv" => Language { label: "CSV", ..PLAIN },
        "http" => Language { label: "HTTP", ..PLAIN },
        _ => PLAIN,
    }
}

/// A part of a text and the class that colours it.
#[derive(Debug, PartialEq, Eq)]
struct Token<'a> {
    class: Option<&'static str>,
    text: &'a str,
}

/// One block.
pub(super) fn block(name: &str, text: &str) -> Markup {
    let language = language(name);
    html! {
        figure.code {
            figcaption { (language.label) }
            div.copyable {
                pre tabindex="0" data-copy={ "this " (language.label) " block" } {
                    code {
                        @for token in tokens(&language, text) {
                            @match token.class { Some(class) => span class=(class) { (token.text) }, None => (token.text) }
                        }
                    }
                }
            }
        }
    }
}

fn tokens<'a>(language: &Language, text: &'a str) -> Vec<Token<'a>> {
    let mut found: Vec<Token<'a>> = Vec::new();
    let mut rest = text;
    let mut plain_from = text;
    let mut after_word = false;
    while let Some(first) = rest.chars().next() {
        let (class, length) = match first {
            _ if !after_word && language.comment.is_some_and(|opening| rest.starts_with(opening)) => {
                (Some("c"), rest.find('\n').unwrap_or(rest.len()))
            }
            quote if language.quotes.contains(&quote) => (Some("s"), string_length(rest, quote)),
            first if !after_word && (first.is_ascii_alphabetic() || first == '_') => {
                let length = rest.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(rest.len());
                let goes_on = rest[length..].starts_with(['-', '.', '/']);
                ((!goes_on && language.words.contains(&&rest[..length])).then_some("k"), length)
            }
            first if !after_word && first.is_ascii_digit() && !language.words.is_empty() => {
                let length = rest.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(rest.len());
                (Some("n"), length)
            }
            first => (None, first.len_utf8()),
        };
        if class.is_some() {
            let before = &plain_from[..plain_from.len() - rest.len()];
            found.extend((!before.is_empty()).then_some(Token { class: None, text: before }));
            found.push(Token { class, text: &rest[..length] });
            plain_from = &rest[length..];
        }
        // A word or number goes on after these, and a comment does not begin there: $KEY, a#b, --data-raw, /v1, https://…
        after_word = class.is_none() && rest[..length].ends_with(|last: char| last.is_alphanumeric() || "$_-/:.#{@".contains(last));
        rest = &rest[length..];
    }
    found.extend((!plain_from.is_empty()).then_some(Token { class: None, text: plain_from }));
    found
}

/// Bytes of the string that begins here, with both quotes; to the end when it is not closed.
fn string_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        if character == quote && !escaped {
            return index + character.len_utf8();
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{block, language, tokens};

    fn classes(name: &str, text: &str) -> String {
        tokens(&language(name), text).iter().map(|token| format!("{}[{}]", token.class.unwrap_or(""), token.text)).collect()
    }

    #[test]
    fn comments_strings_numbers_and_words_are_found_and_nothing_is_lost() {
        for (name, text, expected) in [
            ("sh", "curl -d '{\"a\":1}' \"$K\" # why\n", "k[curl][ -d ]s['{\"a\":1}'][ ]s[\"$K\"][ ]c[# why][\n]"),
            ("sh", "http://a:80/v1 x#y", "[http://a:80/v1 x#y]"),
            ("sh", "cat bezant-data", "k[cat][ bezant-data]"),
            ("python", "return \"a\\\"b\", 12", "k[return][ ]s[\"a\\\"b\"][, ]n[12]"),
            ("node", "const a = `b`; // c", "k[const][ a = ]s[`b`][; ]c[// c]"),
            ("json", "{\"a\": 19.5, \"b\": null}", "[{]s[\"a\"][: ]n[19.5][, ]s[\"b\"][: ]k[null][}]"),
            ("text", "\"a\" 1 # b", "[\"a\" 1 # b]"),
            ("sh", "echo 'open", "[echo ]s['open]"),
            ("sh", "", ""),
        ] {
            assert_eq!(classes(name, text), expected, "{text}");
            assert_eq!(tokens(&language(name), text).iter().map(|token| token.text).collect::<String>(), text);
        }
    }

    #[test]
    fn a_block_is_escaped_and_can_be_reached_by_keyboard() {
        let shown = block("sh", "a <b> & c").0;
        assert!(shown.contains("<pre tabindex=\"0\"") && shown.contains("a &lt;b&gt; &amp; c"), "{shown}");
    }
}
