//! Whether a program printed what a page shows. `…` stands for whatever is different each time: part of a line, a line of
//! its own for any number of lines, in JSON a value, the last element for more of them, or a member `"…"` for more members.

use serde_json::Value;

/// What stands for anything.
const ANY: char = '…';

/// The first difference between what is shown and what was printed.
pub fn difference(shown: &str, json: bool, printed: &str) -> Option<String> {
    if json {
        let shown: Value = match serde_json::from_str(shown) {
            Ok(shown) => shown,
            Err(error) => return Some(format!("what is shown is not JSON: {error}")),
        };
        return match serde_json::from_str(printed) {
            Ok(printed) => json_difference(&shown, &printed, ""),
            Err(error) => Some(format!("what was printed is not JSON: {error}")),
        };
    }
    // A page breaks long lines of JSON.
    if shown.starts_with('{') {
        let dense = |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<String>();
        return (!fits(&dense(shown), &dense(printed))).then(|| format!("shown   {shown}\nprinted {printed}"));
    }
    let lines = |text: &str| text.lines().map(spaced).collect::<Vec<_>>();
    lines_difference(&lines(shown), &lines(printed))
}

/// A line with single spaces: columns are as wide as what is in them.
fn spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lines_difference(shown: &[String], printed: &[String]) -> Option<String> {
    let any = ANY.to_string();
    match shown.split_first() {
        None if printed.iter().all(String::is_empty) => None,
        None => Some(format!("printed more: {}", printed.join("\n"))),
        Some((first, rest)) if *first == any => {
            let found = (0..=printed.len()).any(|skipped| lines_difference(rest, &printed[skipped..]).is_none());
            (!found).then(|| format!("nothing printed fits {rest:?} after any lines"))
        }
        Some((first, rest)) => match printed.split_first() {
            Some((line, further)) if fits(first, line) => lines_difference(rest, further),
            Some((line, _)) => Some(format!("shown   {first}\nprinted {line}")),
            None => Some(format!("not printed: {first}")),
        },
    }
}

/// Whether `text` is `pattern` with something in the place of each `…`.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split(ANY);
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn json_difference(shown: &Value, printed: &Value, path: &str) -> Option<String> {
    let any = ANY.to_string();
    match (shown, printed) {
        (Value::String(text), _) if *text == any => None,
        (Value::String(shown), Value::String(printed)) if fits(shown, printed) => None,
        (Value::Array(shown), Value::Array(printed)) => {
            let open = shown.last().is_some_and(|last| *last == any);
            let given = if open { &shown[..shown.len() - 1] } else { &shown[..] };
            if printed.len() < given.len() || (!open && printed.len() > given.len()) {
                return Some(format!("{path} has {} elements and {} are shown", printed.len(), given.len()));
            }
            let mut pairs = given.iter().zip(printed).enumerate();
            pairs.find_map(|(index, (shown, printed))| json_difference(shown, printed, &format!("{path}/{index}")))
        }
        (Value::Object(shown), Value::Object(printed)) => {
            let open = shown.contains_key(&any);
            let unknown = printed.keys().find(|name| !shown.contains_key(*name));
            if let (false, Some(name)) = (open, unknown) {
                return Some(format!("{path}/{name} is printed and not shown"));
            }
            shown.iter().filter(|(name, _)| **name != any).find_map(|(name, shown)| match printed.get(name) {
                None => Some(format!("{path}/{name} is shown and not printed")),
                Some(printed) => json_difference(shown, printed, &format!("{path}/{name}")),
            })
        }
        (shown, printed) if shown == printed => None,
        (shown, printed) => Some(format!("{path}: shown {shown}, printed {printed}")),
    }
}

/// What was printed, with `…` for what is different each time: the text for a new output block.
pub fn generalized(printed: &str, json: bool) -> String {
    let text = if json && serde_json::from_str::<Value>(printed).is_ok() { indented(printed) } else { printed.to_owned() };
    text.lines().map(|line| format!("{}\n", generalized_line(line))).collect()
}

/// JSON with one member a line, in the order in which it was printed.
fn indented(json: &str) -> String {
    let mut made = String::new();
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let line = |depth: usize| format!("\n{}", "  ".repeat(depth));
    for character in json.trim().chars() {
        if in_string || !character.is_whitespace() {
            match character {
                '{' | '[' if !in_string => {
                    depth += 1;
                    made.push(character);
                    made.push_str(&line(depth));
                    continue;
                }
                '}' | ']' if !in_string => {
                    depth -= 1;
                    let kept = made.trim_end().len();
                    made.truncate(kept);
                    if !made.ends_with(['{', '[']) {
                        made.push_str(&line(depth));
                    }
                }
                '"' if !escaped => in_string = !in_string,
                _ => {}
            }
            made.push(character);
            match character {
                ',' if !in_string => made.push_str(&line(depth)),
                ':' if !in_string => made.push(' '),
                _ => {}
            }
            escaped = character == '\\' && !escaped;
        }
    }
    made.push('\n');
    made
}

fn generalized_line(line: &str) -> String {
    let is_word = |character: char| character.is_ascii_alphanumeric() || "_-:.".contains(character);
    let mut made = String::new();
    let mut word = String::new();
    for character in line.chars().chain(['\n']) {
        if is_word(character) {
            word.push(character);
            continue;
        }
        made.push_str(&generalized_word(&std::mem::take(&mut word)));
        made.push(character);
    }
    made.trim_end().to_owned()
}

/// Ids, times and hashes as `…`, with their prefixes kept.
fn generalized_word(word: &str) -> String {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let is_time = word.len() >= 20 && word.as_bytes().get(4) == Some(&b'-') && word.contains('T') && word.ends_with('Z');
    let is_hash = word.len() >= 16 && word.chars().all(|character| character.is_ascii_hexdigit());
    match word.rsplit_once('_') {
        _ if is_time || is_hash => ANY.to_string(),
        Some((prefix, rest)) if rest.len() >= 16 && (digits >= 2 || is_mixed(rest)) => format!("{prefix}_{ANY}"),
        _ => word.to_owned(),
    }
}

/// Whether capitals and small letters are mixed, as in ids of providers.
fn is_mixed(word: &str) -> bool {
    word.chars().any(|character| character.is_ascii_uppercase()) && word.chars().any(|character| character.is_ascii_lowercase())
}

#[test]
fn what_is_shown_is_compared_with_what_was_printed() {
    for (shown, json, printed, fits) in [
        ("a …\n…\nz\n", false, "a 1\nb\nc\nz\n", true),
        ("a …\n…\nz\n", false, "b 1\nz\n", false),
        ("a  b\n", false, "a b\n", true),
        ("a\n", false, "a\nb\n", false),
        ("a\nb\n", false, "a\n", false),
        (r#"{"id":"pay_…","n":1, …}"#, false, r#"{"id":"pay_1","n":1,"m":2}"#, true),
        (r#"{"id":"pay_…","n":"…"}"#, true, r#"{"n":1,"id":"pay_x"}"#, true),
        (r#"{"id":"pay_…"}"#, true, r#"{"n":1,"id":"pay_x"}"#, false),
        (r#"{"id":"pay_…","…":"…"}"#, true, r#"{"n":1,"id":"pay_x"}"#, true),
        (r#"{"a":[1,"…"]}"#, true, r#"{"a":[1,2,3]}"#, true),
        (r#"{"a":[1]}"#, true, r#"{"a":[1,2,3]}"#, false),
        (r#"{"a":[2,"…"]}"#, true, r#"{"a":[1]}"#, false),
        (r#"{"a":1}"#, true, r#"{"a":2}"#, false),
        (r#"{"a":1}"#, true, "a", false),
    ] {
        assert_eq!(difference(shown, json, printed).is_none(), fits, "{shown} {printed}");
    }
}

#[test]
fn what_is_different_each_time_is_left_open() {
    let printed =
        r#"{"id":"pay_22ewrpbtw21f00jyjrxtthpazc","at":"2026-11-21T09:33:00.123Z","status":"captured","code":"insufficient_funds"}"#;
    let shown = "{\n  \"id\": \"pay_…\",\n  \"at\": \"…\",\n  \"status\": \"captured\",\n  \"code\": \"insufficient_funds\"\n}\n";
    assert_eq!(generalized(printed, true), shown);
    assert_eq!(difference(shown, true, printed), None);
    assert_eq!(
        generalized(r#"{"a":[],"b":[{"c":"x, \"y: {"}],"d":{}}"#, true),
        "{\n  \"a\": [],\n  \"b\": [\n    {\n      \"c\": \"x, \\\"y: {\"\n    }\n  ],\n  \"d\": {}\n}\n"
    );
    assert_eq!(generalized("pi_ZMVokWlkbyEUjv4WLPBljMXG is seen\n", false), "pi_… is seen\n");
}
