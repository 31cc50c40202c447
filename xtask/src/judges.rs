//! The judges in `tests/sdk`: Stripe's official clients and command line tool, run against the simulator, and against what
//! the platform made there. They are installed below cargo's target folder, once for each set of pinned files: a run
//! that finds them there needs no network.

use crate::Failure;
use crate::cargo::{build, metadata, output, root, show};
use crate::process::Process;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the simulator takes as a secret key.
const STRIPE_KEY: &str = "sk_test_bezant_judge";
/// What a judge prints that could not do its work.
const SKIPPED: &str = "SKIPPED:";
/// Longest start of a process.
const START_MAX: Duration = Duration::from_secs(60);
/// How often a starting process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Written last: a folder without it was not finished.
const COMPLETE: &str = "complete";
/// Variables that would send requests for loopback elsewhere.
const PROXIES: [&str; 6] = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
/// Oldest Python: that of the names used in the scripts.
const PYTHON_MIN: [u32; 2] = [3, 10];
/// Oldest Node: that of the official client, and of the names used in the scripts.
const NODE_MIN: [u32; 2] = [20, 14];

/// Installs what is missing, runs every judge and fails when one of them does, or when `must_be_complete` and one could
/// not do its work.
pub(crate) fn run(must_be_complete: bool) -> Result<(), Failure> {
    let target = metadata()?["target_directory"].as_str().map(PathBuf::from).ok_or_else(|| Failure::new("cargo named no target folder"))?;
    let folder = target.join("judges");
    fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    check_version("python3", &["--version"], PYTHON_MIN)?;
    check_version("node", &["--version"], NODE_MIN)?;
    check_version("npm", &["--version"], [0, 0])?;
    let judges = Judges { python: install_python(&folder)?, node: install_node(&folder)?, folder };
    let programs = build(&["bezant", "sandbox"], false)?;
    let mut verdict = Verdict::default();
    judges.on_the_simulator(&programs, &mut verdict)?;
    judges.on_the_platform(&programs, &mut verdict)?;
    for line in &verdict.skipped {
        println!("{line}");
    }
    if !verdict.failed.is_empty() {
        return Err(Failure::new(format!("judges failed: {}", verdict.failed.join(", "))));
    }
    if must_be_complete && !verdict.skipped.is_empty() {
        return Err(Failure::new(format!("{} judges were skipped, and nothing may be skipped here", verdict.skipped.len())));
    }
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

/// A program that has to be there, and not too old.
fn check_version(program: &str, arguments: &[&str], minimum: [u32; 2]) -> Result<(), Failure> {
    let [major, minor] = minimum;
    let wanted = if minimum == [0, 0] { String::new() } else { format!(" {major}.{minor} or later") };
    let needed = |found: &str| Failure::new(format!("the judges in tests/sdk need {program}{wanted}, which {found}"));
    let ran = Command::new(program).args(arguments).output().map_err(|error| needed(&format!("cannot be run: {error}")))?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    match version(&text) {
        Some(found) if ran.status.success() && found >= minimum => Ok(()),
        Some([major, minor]) => Err(needed(&format!("is {major}.{minor} here"))),
        None => Err(needed(&format!("did not tell its version here, {}", ran.status))),
    }
}

/// The first two numbers of the first word that has them.
fn version(text: &str) -> Option<[u32; 2]> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.trim_start_matches('v').split('.').map(str::parse);
        Some([numbers.next()?.ok()?, numbers.next()?.ok()?])
    })
}

/// Where a set of pinned files is installed, and whether that is still to be done; earlier sets are removed.
fn place(folder: &Path, name: &str, pinned: &[PathBuf], more: &str) -> Result<(PathBuf, bool), Failure> {
    let mut hasher = DefaultHasher::new();
    more.hash(&mut hasher);
    for path in pinned {
        fs::read(path).map_err(|error| failed(path, &error))?.hash(&mut hasher);
    }
    let wanted = format!("{name}-{:016x}", hasher.finish());
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let path = entry.map_err(|error| failed(folder, &error))?.path();
        let entry_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let finished = entry_name == wanted && path.join(COMPLETE).exists();
        if path.is_dir() && entry_name.starts_with(&format!("{name}-")) && !finished {
            fs::remove_dir_all(&path).map_err(|error| failed(&path, &error))?;
        }
    }
    let place = folder.join(wanted);
    let missing = !place.exists();
    Ok((place, missing))
}

fn finish(place: &Path) -> Result<(), Failure> {
    let path = place.join(COMPLETE);
    fs::write(&path, "").map_err(|error| failed(&path, &error))
}

/// Installs the Python client; gives its interpreter.
fn install_python(folder: &Path) -> Result<PathBuf, Failure> {
    let requirements = root().join("tests/sdk/python/requirements.txt");
    let interpreter = output(Command::new("python3").args(["-c", "import sys; print(sys.version, sys.executable)"]))?;
    let (place, missing) = place(folder, "python", std::slice::from_ref(&requirements), &interpreter)?;
    let python = place.join("bin/python");
    if missing {
        install(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]);
        install(pip.arg("--requirement").arg(&requirements))?;
        finish(&place)?;
    }
    Ok(python)
}

/// Installs the Node client and the command line tool; gives their folder. Scripts of packages are not run: the tool's own
/// would download a program that its package for the platform has already.
fn install_node(folder: &Path) -> Result<PathBuf, Failure> {
    let sources = root().join("tests/sdk/node");
    let pinned = ["package.json", "package-lock.json", ".npmrc"].map(|name| sources.join(name));
    let (place, missing) = place(folder, "node", &pinned, std::env::consts::ARCH)?;
    if missing {
        fs::create_dir_all(&place).map_err(|error| failed(&place, &error))?;
        for path in &pinned {
            let copy = place.join(path.file_name().unwrap_or_default());
            fs::copy(path, &copy).map_err(|error| failed(path, &error))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(&place);
        install(&mut npm)?;
        finish(&place)?;
    }
    Ok(place)
}

/// Like [`crate::cargo::succeed`], with a hint that installing may need a network.
fn install(command: &mut Command) -> Result<(), Failure> {
    crate::cargo::succeed(command).map_err(|Failure { message, .. }| {
        Failure::new(format!("{message}; the judges in tests/sdk are installed from PyPI and npm once, by pip and venv and by npm"))
    })
}

/// What became of the judges.
#[derive(Debug, Default)]
struct Verdict {
    failed: Vec<String>,
    skipped: Vec<String>,
}

struct Judges {
    python: PathBuf,
    node: PathBuf,
    folder: PathBuf,
}

impl Judges {
    /// Every client gets a simulator of its own: tests move its clock.
    fn on_the_simulator(&self, programs: &BTreeMap<String, PathBuf>, verdict: &mut Verdict) -> Result<(), Failure> {
        for (name, mut command) in [("python", self.python_script("run.py")), ("node and cli", self.node_script())] {
            let (mut simulator, url) = self.simulator(programs)?;
            judge(name, command.arg(&url), verdict)?;
            simulator.check()?;
        }
        Ok(())
    }

    /// The platform makes payments at a simulator of its own, and the clients look at what came of it.
    fn on_the_platform(&self, programs: &BTreeMap<String, PathBuf>, verdict: &mut Verdict) -> Result<(), Failure> {
        let (mut simulator, simulator_url) = self.simulator(programs)?;
        let data = self.folder.join("platform");
        if data.exists() {
            fs::remove_dir_all(&data).map_err(|error| failed(&data, &error))?;
        }
        let mut command = Command::new(program(programs, "bezant")?);
        command.args(["serve", "--demo", "--json", "--listen", "127.0.0.1:0", "--stripe-url", &simulator_url, "--data"]);
        command.arg(&data).env("BEZANT_STRIPE_KEY", STRIPE_KEY);
        let (mut platform, line) = self.start("the platform", command, "platform.log")?;
        let text = |name: &str| line[name].as_str().map(str::to_owned).ok_or_else(|| Failure::new(format!("the platform named no {name}")));
        let (url, key) = (text("listening")?, text("api_key")?);
        let mut command = self.python_script("platform_objects.py");
        judge("python on the platform", command.args([&simulator_url, &url, "--make"]).env("BEZANT_API_KEY", &key), verdict)?;
        let mut command = self.node_script();
        judge("node on the platform", command.args([&simulator_url, "--platform", &url]).env("BEZANT_API_KEY", &key), verdict)?;
        platform.check().and_then(|()| simulator.check())
    }

    fn simulator(&self, programs: &BTreeMap<String, PathBuf>) -> Result<(Process, String), Failure> {
        let mut command = Command::new(program(programs, "bezant-sandbox")?);
        command.args(["--listen", "127.0.0.1:0", "--json"]);
        let (process, line) = self.start("the simulator", command, "sandbox.log")?;
        let url = line["url"].as_str().map(str::to_owned).ok_or_else(|| process.failure("named no address"))?;
        Ok((process, url))
    }

    /// Starts a process and waits for the JSON line that it prints once it listens.
    fn start(&self, name: &'static str, command: Command, log: &str) -> Result<(Process, Value), Failure> {
        let log = self.folder.join(log);
        // That of an earlier start says nothing about this one.
        let _gone_or_not = fs::remove_file(&log);
        let mut process = Process::start(name, command, &log)?;
        let deadline = Instant::now() + START_MAX;
        while Instant::now() < deadline {
            if let Some(line) = process.first_line(LOOK_EVERY) {
                let value = serde_json::from_str(&line).map_err(|_| process.failure("printed no JSON line"))?;
                return Ok((process, value));
            }
            process.check()?;
        }
        Err(process.failure(&format!("did not listen within {} s", START_MAX.as_secs())))
    }

    fn python_script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(root().join("tests/sdk/python").join(name));
        command
    }

    fn node_script(&self) -> Command {
        let mut command = Command::new("node");
        command.arg(root().join("tests/sdk/node/run.mjs")).env("BEZANT_JUDGES_NODE", &self.node);
        command
    }
}

fn program<'a>(programs: &'a BTreeMap<String, PathBuf>, name: &str) -> Result<&'a PathBuf, Failure> {
    programs.get(name).ok_or_else(|| Failure::new(format!("cargo built no program {name}")))
}

/// Runs one set of judges and shows their lines as they come.
fn judge(name: &str, command: &mut Command, verdict: &mut Verdict) -> Result<(), Failure> {
    let shown = show(command);
    let failed = |error: std::io::Error| Failure::new(format!("cannot run `{shown}`: {error}"));
    eprintln!("$ {shown}");
    PROXIES.iter().for_each(|variable| {
        command.env_remove(variable);
    });
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = String::from_utf8_lossy(&line.map_err(failed)?).into_owned();
            if line.starts_with(SKIPPED) {
                verdict.skipped.push(line);
            } else {
                println!("{line}");
            }
        }
    }
    if !child.wait().map_err(failed)?.success() {
        verdict.failed.push(name.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{COMPLETE, Verdict, judge, place, version};
    use std::fs;
    use std::process::Command;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        for (text, expected) in
            [("Python 3.11.7\n", Some([3, 11])), ("v20.14.0\n", Some([20, 14])), ("11.19.1", Some([11, 19])), ("none", None), ("", None)]
        {
            assert_eq!(version(text), expected, "{text}");
        }
        assert!([20, 2] < [20, 14] && [22, 0] > [20, 14]);
    }

    #[test]
    fn a_changed_pin_is_installed_anew_and_an_unfinished_folder_too() {
        let folder = std::env::temp_dir().join(format!("bezant-xtask-judges-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let pinned = folder.join("pinned.txt");
        let look = |content: &str| {
            fs::write(&pinned, content).unwrap();
            place(&folder, "python", std::slice::from_ref(&pinned), "3.11").map_err(|failure| failure.message).unwrap()
        };
        let (first, missing) = look("a==1");
        assert!(missing);
        fs::create_dir_all(&first).unwrap();
        assert_eq!(look("a==1"), (first.clone(), true), "it was not finished");
        fs::create_dir_all(&first).unwrap();
        fs::write(first.join(COMPLETE), "").unwrap();
        assert_eq!(look("a==1"), (first.clone(), false));
        let (second, missing) = look("a==2");
        assert!(missing && second != first && !first.exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn failed_and_skipped_judges_are_remembered() {
        let mut verdict = Verdict::default();
        let mut run = |name: &str, script: &str| judge(name, Command::new("sh").args(["-c", script]), &mut verdict);
        // The command is shown as well, and must not itself look like a test that was skipped.
        run("first", "word=SKIPPED; echo \"$word: no cards\"; echo passed").map_err(|failure| failure.message).unwrap();
        run("second", "exit 1").map_err(|failure| failure.message).unwrap();
        assert_eq!((verdict.skipped, verdict.failed), (vec!["SKIPPED: no cards".to_owned()], vec!["second".to_owned()]));
    }
}
