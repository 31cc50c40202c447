//! Rules about all texts: documents name files that exist, and nothing names a place on somebody's machine.

use super::{Text, Violation};

/// Where people's machines keep things. In two parts, so that this list is not one of its own findings.
const MACHINE_PATHS: [&str; 4] = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

/// All rules of this file; `exists` tells whether a path relative to the root is there.
pub(super) fn check(files: &[Text], exists: impl Fn(&str) -> bool) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files {
        violations.extend(check_machine_paths(file));
        if file.path.ends_with(".md") {
            violations.extend(check_mentions(file, &exists));
        }
    }
    violations
}

fn check_machine_paths(file: &Text) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, line) in file.content.lines().enumerate() {
        let found = MACHINE_PATHS.iter().find(|path| line.match_indices(**path).any(|(at, _)| starts_a_path(line, at)));
        if let Some(path) = found {
            violations.push(Violation::new(&file.path, index + 1, format!("names a path on one machine, {path}…")));
        }
    }
    violations
}

/// Whether what stands at `at` is the beginning of a path and not a part of a longer one or of an address.
fn starts_a_path(line: &str, at: usize) -> bool {
    !line[..at].ends_with(|before: char| before.is_alphanumeric() || "._-}".contains(before))
}

/// Links to files, and paths between backticks that begin with a folder of the root.
fn check_mentions(file: &Text, exists: &impl Fn(&str) -> bool) -> Vec<Violation> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut violations = Vec::new();
    for (index, line) in file.content.lines().enumerate() {
        let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in links.filter_map(local_target) {
            if resolve(folder, target).is_none_or(|path| !exists(&path)) {
                violations.push(Violation::new(&file.path, index + 1, format!("links to {target}, which does not exist")));
            }
        }
        for path in line.split('`').skip(1).step_by(2).filter(|path| is_path_of_root(path, exists)) {
            let plain = path.trim_end_matches('/');
            if !exists(plain) {
                violations.push(Violation::new(&file.path, index + 1, format!("names {plain}, which does not exist")));
            }
        }
    }
    violations
}

/// The file that a link means; `None` for addresses and places in the same file.
fn local_target(target: &str) -> Option<&str> {
    let path = target.split('#').next()?.split(' ').next()?;
    let is_address = path.contains("://") || path.starts_with("mailto:");
    (!path.is_empty() && !is_address).then_some(path)
}

/// A link's path relative to the root; `None` when it leaves the root.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn is_path_of_root(path: &str, exists: &impl Fn(&str) -> bool) -> bool {
    let plain = path.chars().all(|character| character.is_ascii_alphanumeric() || "._-/".contains(character));
    plain && path.split_once('/').is_some_and(|(first, _)| !first.is_empty() && first != ".." && first != "." && exists(first))
}

#[cfg(test)]
mod tests {
    use super::{MACHINE_PATHS, Text, check};

    fn verdicts(path: &str, content: &str) -> Vec<String> {
        let exists = |path: &str| ["crates", "crates/base", "docs", "docs/a.md", "README.md"].contains(&path);
        let file = Text { path: path.into(), content: content.into() };
        check(&[file], exists).into_iter().map(|violation| format!("{}: {}", violation.line, violation.what)).collect()
    }

    #[test]
    fn documents_name_only_files_that_exist() {
        for fine in [
            "see `crates/base`, `crates/base/` and [a](docs/a.md#part \"title\")",
            "[b](https://example.com/x) [c](#here) [d](mailto:a@b.example)",
            "`GET /v1/payments` and `other/thing` and `crates/*/src` and `a`",
        ] {
            assert_eq!(verdicts("README.md", fine), [""; 0], "{fine}");
        }
        assert_eq!(verdicts("README.md", "a\n`crates/gone/src`"), ["2: names crates/gone/src, which does not exist"]);
        assert_eq!(verdicts("README.md", "[x](docs/b.md)"), ["1: links to docs/b.md, which does not exist"]);
        assert_eq!(verdicts("docs/a.md", "[x](../README.md) [y](a.md)"), [""; 0]);
        assert_eq!(verdicts("docs/a.md", "[x](README.md)"), ["1: links to README.md, which does not exist"]);
        assert_eq!(verdicts("docs/a.md", "[x](../../secret.md)"), ["1: links to ../../secret.md, which does not exist"]);
        assert_eq!(verdicts("src/a.rs", "[x](gone.md) `crates/gone`"), [""; 0]);
    }

    #[test]
    fn paths_of_one_machine_are_found_and_parts_of_addresses_are_not() {
        for path in MACHINE_PATHS {
            assert_eq!(verdicts("a.rs", &format!("let a = \"{path}me\";")).len(), 1, "{path}");
            assert_eq!(verdicts("a.rs", &format!("https://example.com{path}me")).len(), 0, "{path}");
            assert_eq!(verdicts("a.sh", &format!("$PWD/a{path}")).len(), 0, "{path}");
        }
    }
}
