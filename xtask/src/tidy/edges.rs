//! Which crate may depend on which: the table of DESIGN.md section 3 as data, and what follows from it.

use super::Violation;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a crate may depend on.
enum Allowed {
    /// These, and whatever they may depend on: their types are made of those of the crates below.
    These(&'static [&'static str]),
    /// All but these.
    AllBut(&'static [&'static str]),
}

use Allowed::{AllBut, These};

/// Crates and what they may depend on, in the order of the design's table.
const EDGES: &[(&str, Allowed)] = &[
    ("base", These(&[])),
    ("ledger", These(&["base"])),
    ("payments", These(&["base", "ledger"])),
    ("risk", These(&["base"])),
    ("compliance", These(&["base"])),
    ("formats", These(&["base"])),
    ("recon", These(&["base", "ledger"])),
    ("engine", These(&["base", "ledger", "payments", "risk", "compliance", "formats", "recon"])),
    ("events", These(&["base", "engine"])),
    ("journal", These(&["base"])),
    ("audit", These(&["base"])),
    ("views", These(&["base", "events"])),
    ("egress", These(&["base"])),
    ("connectors", These(&["base", "formats", "egress", "vault-client"])),
    ("vault-client", These(&["base"])),
    ("identity", These(&["base"])),
    ("rates", These(&["base"])),
    ("delivery", These(&["base", "events"])),
    ("telemetry", These(&["base"])),
    // telemetry: the one inventory of metrics and log fields, which every request passes.
    ("api", These(&["engine", "views", "identity", "telemetry"])),
    ("web", These(&["base", "api"])),
    ("naive", These(&["ledger"])),
    ("bezant", AllBut(&["vault", "sandbox", "naive", "sim", "xtask"])),
    ("vault", These(&["base", "egress"])),
    ("sandbox", These(&["base", "formats"])),
    ("sim", AllBut(&["vault", "xtask"])),
    ("xtask", These(&[])),
];
/// Crates without I/O, clock, randomness, threads or async.
pub(super) const PURE: &[&str] = &["base", "ledger", "payments", "risk", "compliance", "formats", "recon", "engine"];
/// Crates from elsewhere that pure crates may use: types, errors and hashes.
const PURE_EXTERNAL: &[&str] = &["hmac", "serde", "sha2", "thiserror"];
/// Packages that a build of platform and simulator may have, so that a first start stays short.
const PACKAGES_MAX: usize = 320;

/// What a crate's manifest names, development dependencies left out.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    manifest: String,
    internal: BTreeSet<String>,
    external: BTreeSet<String>,
}

/// Reads what `cargo metadata --no-deps` says.
pub(crate) fn crates(metadata: &Value) -> BTreeMap<String, Crate> {
    let mut crates = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default().to_owned();
        let mut found = Crate { manifest: format!("crate {name}"), ..Crate::default() };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            if dependency["kind"].as_str() == Some("dev") {
                continue;
            }
            let list = if dependency["path"].is_string() { &mut found.internal } else { &mut found.external };
            list.insert(dependency["name"].as_str().unwrap_or_default().to_owned());
        }
        crates.insert(name, found);
    }
    crates
}

/// Compares every edge with the table.
pub(crate) fn check(crates: &BTreeMap<String, Crate>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (name, Crate { manifest, internal, external }) in crates {
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| known == name) else {
            violations.push(Violation::new(manifest, 0, "is not in the table of crates and their dependencies"));
            continue;
        };
        for dependency in internal.iter().filter(|dependency| !permits(allowed, dependency)) {
            violations.push(Violation::new(manifest, 0, format!("may not depend on {dependency}")));
        }
        if PURE.contains(&name.as_str()) {
            for dependency in external.iter().filter(|dependency| !PURE_EXTERNAL.contains(&dependency.as_str())) {
                violations.push(Violation::new(manifest, 0, format!("is pure and may not depend on {dependency}")));
            }
        }
    }
    violations
}

fn permits(allowed: &Allowed, dependency: &str) -> bool {
    match allowed {
        AllBut(names) => !names.contains(&dependency),
        These(names) => closure(names).contains(dependency),
    }
}

/// These crates and what they may depend on, and so on. The table has no cycles, which a test shows.
fn closure(names: &[&'static str]) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut open = names.to_vec();
    while let Some(name) = open.pop() {
        if !found.insert(name) {
            continue;
        }
        if let Some((_, These(below))) = EDGES.iter().find(|(known, _)| *known == name) {
            open.extend(*below);
        }
    }
    found
}

/// Names in the output of `cargo tree --prefix none`.
fn linked(tree: &str) -> BTreeSet<(&str, &str)> {
    tree.lines().filter_map(|line| line.split_once(' ')).map(|(name, rest)| (name, rest.split(' ').next().unwrap_or(rest))).collect()
}

/// The platform never links what may see card numbers.
pub(crate) fn check_linked(tree_of_bezant: &str) -> Vec<Violation> {
    let names = linked(tree_of_bezant);
    let mut violations = Vec::new();
    if !names.iter().any(|(name, _)| *name == "bezant") {
        violations.push(Violation::new("crate bezant", 0, "is not in its own tree: the check of what it links sees nothing"));
    }
    if names.iter().any(|(name, _)| *name == "vault") {
        violations.push(Violation::new("crate bezant", 0, "links vault, which alone may hold card numbers"));
    }
    violations
}

/// A first build stays short.
pub(crate) fn check_package_count(tree: &str) -> Vec<Violation> {
    let count = linked(tree).len();
    let too_many = count > PACKAGES_MAX;
    too_many
        .then(|| Violation::new("Cargo.lock", 0, format!("the demo builds {count} packages, more than {PACKAGES_MAX}")))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Crate, EDGES, PACKAGES_MAX, These, check, check_linked, check_package_count, closure, crates};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn manifest(internal: &[&str], external: &[&str]) -> Crate {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Crate { manifest: "crate x".into(), internal: owned(internal), external: owned(external) }
    }

    fn verdicts(name: &str, found: Crate) -> Vec<String> {
        check(&BTreeMap::from([(name.to_owned(), found)])).into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn edges_that_the_design_does_not_draw_are_found() {
        for (name, internal, external, expected) in [
            ("ledger", &["base"][..], &[][..], vec![]),
            ("ledger", &["payments"], &[], vec!["may not depend on payments"]),
            ("payments", &["risk"], &[], vec!["may not depend on risk"]),
            ("engine", &["base", "payments"], &["serde", "sha2"], vec![]),
            ("engine", &["events"], &[], vec!["may not depend on events"]),
            ("base", &[], &["tokio"], vec!["is pure and may not depend on tokio"]),
            ("journal", &["engine"], &["tokio"], vec!["may not depend on engine"]),
            ("api", &["base", "events", "telemetry"], &[], vec![]),
            ("api", &["journal"], &[], vec!["may not depend on journal"]),
            ("sandbox", &["connectors"], &[], vec!["may not depend on connectors"]),
            ("bezant", &["api", "journal"], &["tokio"], vec![]),
            ("bezant", &["vault", "sandbox"], &[], vec!["may not depend on sandbox", "may not depend on vault"]),
            ("misc", &[], &[], vec!["is not in the table of crates and their dependencies"]),
        ] {
            assert_eq!(verdicts(name, manifest(internal, external)), expected, "{name}");
        }
    }

    #[test]
    fn the_table_has_no_cycles_and_names_only_crates_of_its_own() {
        for (name, allowed) in EDGES {
            if let These(names) = allowed {
                assert!(!closure(names).contains(name), "{name}");
                assert!(closure(names).iter().all(|below| EDGES.iter().any(|(known, _)| known == below)), "{name}");
            }
        }
    }

    #[test]
    fn development_dependencies_are_not_edges() {
        let dependency = |name: &str, kind: Option<&str>, path: Option<&str>| json!({"name": name, "kind": kind, "path": path});
        let found = crates(&json!({"packages": [{"name": "views", "dependencies": [
            dependency("base", None, Some("/x")), dependency("sim", Some("dev"), Some("/y")), dependency("prost", Some("build"), None)]}]}));
        assert_eq!(found["views"].internal.iter().collect::<Vec<_>>(), ["base"]);
        assert_eq!(found["views"].external.iter().collect::<Vec<_>>(), ["prost"]);
    }

    #[test]
    fn linking_the_vault_is_found_and_so_is_a_tree_that_shows_nothing() {
        assert_eq!(check_linked("bezant v0.1.0 (x)\nvault-client v0.1.0 (x)\nserde v1.0.0\n"), []);
        assert_eq!(check_linked("bezant v0.1.0 (x)\nvault v0.1.0 (x)\n").len(), 1);
        assert_eq!(check_linked("").len(), 1);
    }

    #[test]
    fn packages_are_counted_once() {
        let tree = |count: usize| (0..count).map(|number| format!("p{number} v1.0.0\np{number} v1.0.0 (*)\n")).collect::<String>();
        assert_eq!(check_package_count(&tree(PACKAGES_MAX)), []);
        assert_eq!(check_package_count(&tree(PACKAGES_MAX + 1)).len(), 1);
    }
}
