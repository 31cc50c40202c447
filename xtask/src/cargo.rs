//! Calling cargo: the same one that runs this program, in the workspace's root.

use crate::Failure;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().map_or_else(|| own.to_owned(), Path::to_owned)
}

/// Cargo with these arguments, in the workspace's root.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command to its end, showing what it prints.
pub(crate) fn succeed(command: &mut Command) -> Result<(), Failure> {
    let shown = show(command);
    eprintln!("$ {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("`{shown}` failed with {status}"))),
        Err(error) => Err(Failure::new(format!("cannot run `{shown}`: {error}"))),
    }
}

/// What a command prints on standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let shown = show(command);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| Failure::new(format!("cannot run `{shown}`: {error}")))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{shown}` failed with {}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| Failure::new(format!("`{shown}` did not print UTF-8")))
}

/// What cargo knows of the workspace.
pub(crate) fn metadata() -> Result<Value, Failure> {
    let text = output(&mut cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
    serde_json::from_str(&text).map_err(|error| Failure::new(format!("cargo metadata is not JSON: {error}")))
}

/// Builds packages and gives the programs that came out, by name.
pub(crate) fn build(packages: &[&str], release: bool) -> Result<BTreeMap<String, PathBuf>, Failure> {
    build_with(packages, release, &[])
}

/// As [`build`], with what else cargo is to be told, such as which targets.
pub(crate) fn build_with(packages: &[&str], release: bool, arguments: &[&str]) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut command = cargo(["build", "--message-format=json-render-diagnostics"]);
    command.args(arguments);
    for package in packages {
        command.args(["--package", package]);
    }
    if release {
        command.arg("--release");
    }
    eprintln!("$ {}", show(&command));
    let text = output(&mut command)?;
    let mut programs = BTreeMap::new();
    for message in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if let (Some(name), Some(path)) = (message["target"]["name"].as_str(), message["executable"].as_str()) {
            programs.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    Ok(programs)
}

/// A program that was built already, in a folder as cargo leaves it.
pub(crate) fn built(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let path = folder.join(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(Failure::new(format!("there is no program {}: build it, or leave --programs out", path.display())))
    }
}

/// A command as one would type it.
pub(crate) fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    command.get_args().fold(program, |text, argument| format!("{text} {}", argument.to_string_lossy()))
}
