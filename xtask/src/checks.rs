//! Tests, seeds and everything else that must pass: which programs run, in which order, and what their output means.

use crate::cargo::{cargo, output, root, show, succeed};
use crate::{Failure, fuzz, judges, tidy};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Seeds of the simulation that a change must pass.
pub(crate) const SEEDS_FULL: u32 = 1_000;
/// Seeds that go with every run of the tests.
const SEEDS_QUICK: u32 = 20;
/// What a test prints that could not do its work.
const SKIPPED: &str = "SKIPPED:";
/// Where nextest leaves its report, whatever cargo's target folder is.
const REPORT: &str = "target/nextest/default/junit.xml";
/// Lines about skipped tests that are shown.
const SKIPPED_SHOWN_MAX: usize = 50;

/// Runs seeds `0..count`, of payments and of ledgers.
pub(crate) fn seeds(count: u32) -> Result<(), Failure> {
    let range = format!("0..{count}");
    succeed(&mut cargo(["run", "--quiet", "--package", "sim", "--", "--seeds", &range]))?;
    succeed(&mut cargo(["run", "--quiet", "--package", "sim", "--", "--ledgers", "--seeds", &range]))
}

/// Runs a few seeds and the judges, then the tests, also after one failed; the last lines are the test runner's own.
pub(crate) fn test(arguments: &[String]) -> Result<(), Failure> {
    let must_be_complete = std::env::var("CI").is_ok_and(|value| value == "true");
    let mut steps = Steps::default();
    if arguments.is_empty() {
        steps.run("seeds", || seeds(SEEDS_QUICK));
        steps.run("judges", || judges::run(must_be_complete));
    }
    steps.end(run_tests(arguments, must_be_complete, |_| String::new()))
}

/// Runs every check, also after one failed; the tests come last.
pub(crate) fn ci() -> Result<(), Failure> {
    let mut steps = Steps::default();
    steps.run("fmt", || succeed(&mut cargo(["fmt", "--all", "--check"])));
    steps.run("clippy", || {
        succeed(&mut cargo(["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "--deny", "warnings"]))
    });
    steps.run("tidy", tidy::run);
    steps.run("deny", deny);
    steps.run("seeds", || seeds(SEEDS_FULL));
    steps.run("judges", || judges::run(true));
    steps.run("fuzz", || fuzz::run(&[], fuzz::SECONDS_CI));
    let tested = run_tests(&[], true, |took| steps.table(took));
    steps.end(tested)
}

fn deny() -> Result<(), Failure> {
    if output(&mut cargo(["deny", "--version"])).is_err() {
        return Err(Failure::new("cargo-deny is not installed: `cargo install --locked cargo-deny`"));
    }
    succeed(&mut cargo(["deny", "--offline", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]))
}

#[derive(Default)]
struct Steps {
    taken: Vec<(&'static str, Duration, bool)>,
    failed: Vec<&'static str>,
}

impl Steps {
    fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<(), Failure>) {
        let started = Instant::now();
        let result = step();
        self.taken.push((name, started.elapsed(), result.is_ok()));
        eprintln!("xtask: {name} took {} s", started.elapsed().as_secs());
        if let Err(failure) = result {
            eprintln!("xtask: {}", failure.message);
            self.failed.push(name);
        }
    }

    /// All that failed, after the tests as the last step.
    fn end(mut self, tested: Result<(), Failure>) -> Result<(), Failure> {
        if let Err(failure) = tested {
            eprintln!("xtask: {}", failure.message);
            self.failed.push("test");
        }
        if self.failed.is_empty() { Ok(()) } else { Err(Failure::new(format!("failed: {}", self.failed.join(", ")))) }
    }

    /// One line per step, the tests included.
    fn table(&self, tests_took: Duration) -> String {
        let mut text = String::new();
        for (name, took, passed) in &self.taken {
            let verdict = if *passed { "passed" } else { "FAILED" };
            text.push_str(&format!("xtask: {name:8} {:>5} s  {verdict}\n", took.as_secs()));
        }
        text + &format!("xtask: {:8} {:>5} s  see below\n", "test", tests_took.as_secs())
    }
}

/// Runs all tests, shows what the runner prints, and ends with the runner's closing lines; what `notes` makes of the time
/// taken and the lines of skipped tests come right before them.
fn run_tests(arguments: &[String], must_be_complete: bool, notes: impl FnOnce(Duration) -> String) -> Result<(), Failure> {
    let started = Instant::now();
    let has_nextest = Command::new("cargo-nextest").args(["nextest", "--version"]).output().is_ok_and(|output| output.status.success());
    let mut runner = if has_nextest { nextest(arguments)? } else { libtest(arguments) };
    let report = root().join(REPORT);
    // A report of an earlier run must not be taken for this one's.
    let _gone_or_not = std::fs::remove_file(&report);
    let Ran { mut skipped, closing, passed } = show_runner(&mut runner)?;
    let report_text = std::fs::read_to_string(&report);
    if let Ok(text) = &report_text {
        skipped = text.lines().filter_map(skipped_line).collect();
    }
    for line in skipped.iter().take(SKIPPED_SHOWN_MAX) {
        println!("{line}");
    }
    print!("{}", notes(started.elapsed()));
    for line in closing {
        println!("{line}");
    }
    if !passed {
        return Err(Failure::new(format!("`{}` failed", show(&runner))));
    }
    if let (true, Err(error)) = (has_nextest, report_text) {
        return Err(Failure::new(format!("cannot read the test report {}: {error}", report.display())));
    }
    if must_be_complete && !skipped.is_empty() {
        return Err(Failure::new(format!("{} lines tell of skipped tests, and nothing may be skipped here", skipped.len())));
    }
    Ok(())
}

/// Examples in documentation first, which nextest does not run; then everything else. The root is no package, so that
/// without a choice in the arguments the whole workspace is meant.
fn nextest(arguments: &[String]) -> Result<Command, Failure> {
    if arguments.is_empty() {
        succeed(&mut cargo(["test", "--quiet", "--workspace", "--doc"]))?;
    }
    let mut runner = cargo(["nextest", "run", "--config-file", "xtask/nextest.toml"]);
    runner.args(arguments);
    Ok(runner)
}

/// Without nextest: passed tests show their output, for that is where skipped parts are told.
fn libtest(arguments: &[String]) -> Command {
    let mut runner = cargo(["test", "--no-fail-fast"]);
    runner.args(arguments);
    if !arguments.iter().any(|argument| argument == "--") {
        runner.arg("--");
    }
    runner.arg("--show-output");
    runner
}

struct Ran {
    skipped: Vec<String>,
    closing: Vec<String>,
    passed: bool,
}

/// Shows what the runner prints as it comes, but for its closing lines, which are given back.
fn show_runner(runner: &mut Command) -> Result<Ran, Failure> {
    let shown = show(runner);
    let failed = |error: std::io::Error| Failure::new(format!("cannot run `{shown}`: {error}"));
    eprintln!("$ {shown}");
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    if std::io::stdout().is_terminal() {
        runner.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = runner.stdin(Stdio::null()).stdout(writer.try_clone().map_err(failed)?).stderr(writer).spawn().map_err(failed)?;
    // The command keeps the pipe's writing ends; without these, reading would never end.
    runner.stdout(Stdio::null()).stderr(Stdio::null());
    let mut closing = Closing::default();
    let mut skipped = Vec::new();
    let mut output = std::io::stdout();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line.map_err(failed)?).into_owned();
        skipped.extend(skipped_line(&line));
        for line in closing.take(line) {
            writeln!(output, "{line}").map_err(failed)?;
        }
    }
    let status = child.wait().map_err(failed)?;
    Ok(Ran { skipped, closing: closing.held, passed: status.success() })
}

/// The message of a skipped test inside a line of output or of a report.
fn skipped_line(line: &str) -> Option<String> {
    let message = &line[line.find(SKIPPED)?..];
    Some(message.replace("&quot;", "\"").replace("&apos;", "'").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

/// Holds back what may be the last lines of a test runner.
#[derive(Default)]
struct Closing {
    held: Vec<String>,
    summary_seen: bool,
}

impl Closing {
    /// Takes one line and gives those that can be shown.
    fn take(&mut self, line: String) -> Vec<String> {
        let plain = without_colours(&line);
        let text = plain.trim();
        let is_rule = !text.is_empty() && text.chars().all(|character| character == '─');
        let is_summary = text.starts_with("Summary [");
        self.summary_seen |= is_summary;
        let closes = is_rule || is_summary || text.starts_with("test result:");
        let shown =
            if self.summary_seen || (text.is_empty() && !self.held.is_empty()) { Vec::new() } else { std::mem::take(&mut self.held) };
        if closes || self.summary_seen || (text.is_empty() && !self.held.is_empty()) {
            self.held.push(line);
            return shown;
        }
        shown.into_iter().chain([line]).collect()
    }
}

/// Text without the escape sequences of colours.
fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::{Closing, skipped_line, without_colours};

    fn split(lines: &[&str]) -> (Vec<String>, Vec<String>) {
        let mut closing = Closing::default();
        let shown = lines.iter().flat_map(|line| closing.take((*line).to_owned())).collect();
        (shown, closing.held)
    }

    #[test]
    fn the_closing_lines_of_both_runners_are_held_back() {
        let (shown, held) =
            split(&["  SLOW a", "──── STDOUT: b", "────────────", "     Summary [   1.2s] 3 tests run: 3 passed", "  SLOW a"]);
        assert_eq!(shown, ["  SLOW a", "──── STDOUT: b"]);
        assert_eq!(held, ["────────────", "     Summary [   1.2s] 3 tests run: 3 passed", "  SLOW a"]);
        let (shown, held) =
            split(&["test a ... ok", "", "test result: ok. 1 passed", "", "   Doc-tests b", "test result: ok. 0 passed", ""]);
        assert_eq!(shown, ["test a ... ok", "", "test result: ok. 1 passed", "", "   Doc-tests b"]);
        assert_eq!(held, ["test result: ok. 0 passed", ""]);
        let (shown, held) = split(&["────────────", "something else"]);
        assert_eq!((shown.len(), held.len()), (2, 0));
    }

    #[test]
    fn colours_do_not_hide_a_closing_line() {
        assert_eq!(without_colours("\u{1b}[32;1m     Summary\u{1b}[0m [ 1s]"), "     Summary [ 1s]");
        let (_, held) = split(&["\u{1b}[32;1m     Summary\u{1b}[0m [ 1s]"]);
        assert_eq!(held.len(), 1);
    }

    #[test]
    fn skipped_tests_are_found_in_output_and_in_reports() {
        assert_eq!(skipped_line("        <system-out>SKIPPED: no &quot;samples&quot;"), Some("SKIPPED: no \"samples\"".to_owned()));
        assert_eq!(skipped_line("SKIPPED: x"), Some("SKIPPED: x".to_owned()));
        assert_eq!(skipped_line("test result: ok. 3 passed; 0 skipped"), None);
    }
}
