//! Rules about Rust sources: what pure crates must not touch, names that core code must not know, files that explain
//! themselves and stay short, tests that run.

use super::edges::PURE;
use super::{Text, Violation};

/// Words that pure code has no use for.
const IMPURE_WORDS: &[&str] = &["HashMap", "HashSet", "Instant", "SystemTime", "async", "await", "f32", "f64"];
/// Modules of the standard library that pure code has no use for.
const IMPURE_MODULES: &[&str] = &["env", "fs", "io", "net", "os", "process", "thread"];
/// Crates that know capabilities of providers and no provider.
const PROVIDER_BLIND: &[&str] = &["engine", "payments", "ledger"];
/// Names that those crates must not know, in small letters.
const PROVIDERS: &[&str] = &["stripe", "adyen", "braintree"];
/// Most lines of a source file.
const LINES_MAX: usize = 1_000;
/// Longer files: path, their own limit, and why. A line that is not needed any more is a violation.
const LONG_FILES: &[(&str, usize, &str)] = &[];
/// Sources that a program writes.
const GENERATED: &[&str] = &["crates/events/src/generated/"];

/// All rules of this file.
pub(super) fn check(files: &[Text]) -> Vec<Violation> {
    let sources = || files.iter().filter(|file| file.path.ends_with(".rs"));
    let mut violations = check_lengths(sources(), LONG_FILES);
    for file in sources() {
        let code = code_of(&file.content);
        violations.extend(check_header(file));
        violations.extend(check_ignored(file, &code));
        let crate_name = file.path.strip_prefix("crates/").and_then(|path| path.split_once("/src/")).map(|(name, _)| name);
        let Some(crate_name) = crate_name else {
            continue;
        };
        if PURE.contains(&crate_name) && !is_test_file(&file.path) {
            violations.extend(check_pure(file, without_tests(&code)));
        }
        if PROVIDER_BLIND.contains(&crate_name) {
            violations.extend(check_provider_names(file));
        }
    }
    violations
}

fn is_generated(path: &str) -> bool {
    GENERATED.iter().any(|folder| path.strip_prefix(folder).is_some_and(|name| name != "mod.rs"))
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Every file says what lives in it.
fn check_header(file: &Text) -> Option<Violation> {
    let explained = file.content.starts_with("//!") || is_generated(&file.path);
    (!explained).then(|| Violation::new(&file.path, 1, "does not start with //! and what lives here"))
}

/// A test that never runs proves nothing.
fn check_ignored(file: &Text, code: &str) -> Vec<Violation> {
    let lines = code.lines().enumerate().filter(|(_, line)| line.contains("#[ignore"));
    lines.map(|(index, _)| Violation::new(&file.path, index + 1, "a test is ignored")).collect()
}

fn check_lengths<'a>(files: impl Iterator<Item = &'a Text>, long_files: &[(&str, usize, &str)]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut unused: Vec<&str> = long_files.iter().map(|(path, _, _)| *path).collect();
    for file in files.filter(|file| !is_generated(&file.path)) {
        let count = file.content.lines().count();
        let own = long_files.iter().find(|(path, _, _)| *path == file.path).map(|(_, lines_max, _)| *lines_max);
        if count > LINES_MAX {
            unused.retain(|path| *path != file.path);
        }
        let lines_max = own.unwrap_or(LINES_MAX);
        if count > lines_max {
            violations.push(Violation::new(&file.path, 0, format!("has {count} lines, more than {lines_max}: split it by subject")));
        }
    }
    violations.extend(unused.into_iter().map(|path| Violation::new(path, 0, "is listed as long and is not: shorten the list")));
    violations
}

/// No I/O, clock, threads, async, floats, or maps without an order.
fn check_pure(file: &Text, code: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for word in words(line).filter(|word| IMPURE_WORDS.contains(word)) {
            violations.push(Violation::new(&file.path, index + 1, format!("{word} in a pure crate")));
        }
    }
    for (place, _) in code.match_indices("std::") {
        let rest = &code[place + "std::".len()..];
        let named = if let Some(group) = rest.strip_prefix('{') { group.split('}').next().unwrap_or(group) } else { first_word(rest) };
        for module in words(named).filter(|module| IMPURE_MODULES.contains(module)) {
            let line = code[..place].matches('\n').count() + 1;
            violations.push(Violation::new(&file.path, line, format!("std::{module} in a pure crate")));
        }
    }
    violations
}

fn first_word(text: &str) -> &str {
    text.split(|character: char| !is_word(character)).next().unwrap_or_default()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !is_word(character)).filter(|word| !word.is_empty())
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// In code, comments and texts alike.
fn check_provider_names(file: &Text) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, line) in file.content.lines().enumerate() {
        let small = line.to_lowercase();
        for provider in PROVIDERS.iter().filter(|provider| small.contains(**provider)) {
            violations.push(Violation::new(&file.path, index + 1, format!("names {provider}: what differs between providers is data")));
        }
    }
    violations
}

/// The part of a file before its own module of tests, which stands last.
fn without_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod ").map_or(code, |start| &code[..start])
}

#[derive(Clone, Copy)]
enum State {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text,
    RawText { hashes: usize },
}

/// Source with comments and the inside of texts blanked out, line by line the same.
fn code_of(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut state = State::Code;
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        let (next, taken, kept) = step(state, rest, at.checked_sub(1).map(|before| characters[before]));
        for character in &rest[..taken] {
            code.push(if kept || *character == '\n' { *character } else { ' ' });
        }
        state = next;
        at += taken;
    }
    code
}

/// The state after the next characters, how many they are, and whether they are code.
fn step(state: State, rest: &[char], before: Option<char>) -> (State, usize, bool) {
    let next = rest.get(1).copied();
    match state {
        State::Code => match (rest[0], next) {
            ('/', Some('/')) => (State::LineComment, 2, false),
            ('/', Some('*')) => (State::BlockComment { depth: 1 }, 2, false),
            ('"', _) => (State::Text, 1, true),
            ('r', Some('"' | '#')) if !before.is_some_and(|before| is_word(before) && before != 'b') => raw_text(rest),
            ('\'', _) => (State::Code, character_length(rest), true),
            _ => (State::Code, 1, true),
        },
        State::LineComment if rest[0] == '\n' => (State::Code, 1, true),
        State::LineComment => (state, 1, false),
        State::BlockComment { depth } => match (rest[0], next) {
            ('*', Some('/')) if depth == 1 => (State::Code, 2, false),
            ('*', Some('/')) => (State::BlockComment { depth: depth - 1 }, 2, false),
            ('/', Some('*')) => (State::BlockComment { depth: depth + 1 }, 2, false),
            _ => (state, 1, false),
        },
        State::Text if rest[0] == '\\' => (state, rest.len().min(2), false),
        State::Text if rest[0] == '"' => (State::Code, 1, true),
        State::Text => (state, 1, false),
        State::RawText { hashes } => {
            let closes = rest[0] == '"' && rest.len() > hashes && rest[1..=hashes].iter().all(|character| *character == '#');
            if closes { (State::Code, 1 + hashes, true) } else { (state, 1, false) }
        }
    }
}

/// The opening of `r"…"` or `r#"…"#`; of a raw identifier, its first letter.
fn raw_text(rest: &[char]) -> (State, usize, bool) {
    let hashes = rest[1..].iter().take_while(|character| **character == '#').count();
    if rest.get(1 + hashes) == Some(&'"') { (State::RawText { hashes }, 2 + hashes, true) } else { (State::Code, 1, true) }
}

/// How long a character literal is, or 1 for the mark of a lifetime.
fn character_length(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', _, tail @ ..] => 3 + tail.iter().take_while(|character| **character != '\'').count() + usize::from(!tail.is_empty()),
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, check, check_lengths, check_pure, code_of, without_tests};

    fn file(path: &str, content: &str) -> Text {
        Text { path: path.into(), content: content.into() }
    }

    fn verdicts(path: &str, content: &str) -> Vec<String> {
        check(&[file(path, content)]).into_iter().map(|violation| format!("{}: {}", violation.line, violation.what)).collect()
    }

    #[test]
    fn comments_and_texts_are_not_code() {
        for (source, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("x(\"HashMap \\\" y\", 1)", "x(\"            \", 1)"),
            ("r#\"a \"b\" c\"# + 1", "r#\"       \"# + 1"),
            ("br\"a\" r\"b\"", "br\" \" r\" \""),
            ("let c = '\"'; d", "let c = '\"'; d"),
            ("let c = '\\''; \"x\"", "let c = '\\''; \" \""),
            ("fn a<'b>(c: &'b str) // '", "fn a<'b>(c: &'b str)     "),
            ("r#type + for\"x\"", "r#type + for\" \""),
            ("'\\u{1b}' \"a\"", "'\\u{1b}' \" \""),
        ] {
            assert_eq!(code_of(source), expected, "{source}");
        }
    }

    #[test]
    fn impure_code_is_found_in_pure_crates_only() {
        for (line, expected) in [
            ("use std::collections::HashMap;", "2: HashMap in a pure crate"),
            ("let a: f64 = x;", "2: f64 in a pure crate"),
            ("async fn a() {}", "2: async in a pure crate"),
            ("use std::time::{Duration, Instant};", "2: Instant in a pure crate"),
            ("std::fs::read(x);", "2: std::fs in a pure crate"),
            ("use std::{fmt, net::IpAddr};", "2: std::net in a pure crate"),
            ("use std::{\n    fmt,\n    thread,\n};", "2: std::thread in a pure crate"),
        ] {
            let content = format!("//! A.\n{line}\n");
            assert_eq!(verdicts("crates/ledger/src/a.rs", &content), [expected], "{line}");
            assert_eq!(verdicts("crates/egress/src/a.rs", &content), [""; 0], "{line}");
            assert_eq!(verdicts("crates/ledger/src/a/tests.rs", &content), [""; 0], "{line}");
        }
        for line in ["// a HashMap of f64", "let f64x = \"std::fs\";", "use std::fmt;", "let my_async = 1;", "use core::time::Duration;"] {
            assert_eq!(verdicts("crates/ledger/src/a.rs", &format!("//! A.\n{line}\n")), [""; 0], "{line}");
        }
    }

    #[test]
    fn the_tests_of_a_pure_file_may_do_more() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert_eq!(without_tests(code), "fn a() {}\n");
        assert!(!check_pure(&file("a", code), code).is_empty());
    }

    #[test]
    fn providers_are_not_named_where_capabilities_are_data() {
        assert_eq!(
            verdicts("crates/engine/src/a.rs", "//! A.\n// as Stripe does\n"),
            ["2: names stripe: what differs between providers is data"]
        );
        assert_eq!(verdicts("crates/connectors/src/a.rs", "//! Stripe.\n"), [""; 0]);
    }

    #[test]
    fn files_explain_themselves_and_tests_run() {
        assert_eq!(verdicts("crates/api/src/a.rs", "fn a() {}\n"), ["1: does not start with //! and what lives here"]);
        assert_eq!(verdicts("crates/events/src/generated/v1.rs", "fn a() {}\n"), [""; 0]);
        assert_eq!(verdicts("crates/api/tests/a.rs", "//! A.\n#[test]\n#[ignore = \"slow\"]\nfn a() {}\n"), ["3: a test is ignored"]);
        assert_eq!(verdicts("crates/api/tests/a.rs", "//! A.\n// #[ignore]\n"), [""; 0]);
    }

    #[test]
    fn long_files_are_found_and_so_are_exceptions_that_nobody_needs() {
        let lines = |count: usize| file("a.rs", &"//!\n".repeat(count));
        let found = |count, list: &[(&str, usize, &str)]| check_lengths([lines(count)].iter(), list).len();
        assert_eq!(found(1_000, &[]), 0);
        assert_eq!(found(1_001, &[]), 1);
        assert_eq!(found(1_200, &[("a.rs", 1_200, "why")]), 0);
        assert_eq!(found(1_201, &[("a.rs", 1_200, "why")]), 1);
        assert_eq!(found(900, &[("a.rs", 1_200, "why")]), 1);
    }
}
