//! Runs the blocks of one page: real processes, a folder of the page's own, one shell for all blocks, so that what a
//! block exports or starts is there for the next one.
//!
//! A page says `127.0.0.1:8080` for the platform and `127.0.0.1:4010` for the simulator. Here both are other ports:
//! they are replaced in what runs, and put back in what was printed.

use crate::blocks::{Ends, Needs, Output, Page, Program, Step};
use crate::compare;
use crate::shapes::Description;
use crate::support::{Bezant, Client, Folder, PATIENCE, Plan, Sandbox, beside, free_port, wait_for};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;

/// Where pages say that the platform listens.
const PLATFORM: &str = "127.0.0.1:8080";
/// Where pages say that the simulator listens.
const SIMULATOR: &str = "127.0.0.1:4010";
/// What pages that end a platform and start it again have both sign webhooks with.
const WEBHOOK_SECRET: &str = "whsec_of_the_documentation";
/// Unknown outcomes are resolved sooner than at a real provider, so that pages which wait for that stay short.
const GAPS: &str = "--replay-gaps-ms 200,400 --lookup-gaps-ms 100,300 --segment-mib 2 --sweep-every-ms 1000";
/// A block of output that holds nothing but this is filled in with `BEZANT_UPDATE=1`.
const TO_BE_FILLED: &str = "?\n";
/// What Python prints when a program crashes, also one in the middle of a command line, whose failure the shell ignores.
const CRASHED: &str = "Traceback (most recent call last)";
/// Stands in for cargo, which would build, perhaps with other options than the tests were: the programs are there
/// already. A demo that keeps its ports gets others, and a folder of its own, for the page may have its own platform.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
'run --bin bezant -- '*)
    shift 4
    [ "$1" = pay ] && set -- "$@" --url "$BEZANT_URL"
    exec bezant "$@" ;;
'run -p sim -- '*)
    shift 4
    exec "$BUILT/sim" "$@" ;;
'build --release')
    mkdir -p target/release
    exec ln -s "$BUILT/bezant" "$BUILT/bezant-sandbox" target/release ;;
'xtask demo' | 'xtask demo '* | 'xtask bench '*)
    shift
    [ "$*" = demo ] && set -- demo --data "$DEMO_DATA" --port "$DEMO_PORT"
    exec "$BUILT/xtask" "$@" --programs "$BUILT" ;;
esac
echo "not here: cargo $*" >&2
exit 1
"#;
/// Where a demo of the page keeps its data; pages say `bezant-data`.
const DEMO_DATA: &str = ".docs/demo";

/// What a page came to.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong, with places.
    pub wrong: Vec<String>,
    /// What cannot run here, with places and reasons.
    pub not_run: Vec<String>,
    /// How many blocks and commands ran.
    pub run: usize,
}

/// The processes that a page talks to. The folder goes last.
struct World {
    platform: Option<Bezant>,
    sandbox: Option<Sandbox>,
    platform_address: String,
    simulator_address: String,
    /// Of a demo that the page starts.
    demo_port: u16,
    folder: Folder,
}

impl World {
    fn start(page: &Page) -> Self {
        let name = page.name.replace(['/', '.'], "-");
        let folder = Folder::new(&format!("docs-{name}"));
        let data = folder.join("bezant-data");
        fs::create_dir_all(&data).unwrap();
        let sandbox = (page.needs != Needs::Nothing).then(|| Sandbox::start(&data));
        let platform = sandbox.as_ref().filter(|_| page.needs == Needs::Demo).map(|sandbox| start_platform(&data, sandbox));
        let platform_address =
            platform.as_ref().map_or_else(|| format!("127.0.0.1:{}", free_port()), |platform| platform.address.to_string());
        let simulator_address = sandbox.as_ref().map_or_else(|| SIMULATOR.to_owned(), |sandbox| sandbox.address.to_string());
        Self { platform, sandbox, platform_address, simulator_address, demo_port: free_port(), folder }
    }

    fn real(&self, text: &str) -> String {
        text.replace(PLATFORM, &self.platform_address).replace(SIMULATOR, &self.simulator_address)
    }

    fn shown(&self, text: &str) -> String {
        let here = self.folder.0.display().to_string();
        let demo = format!("127.0.0.1:{}", self.demo_port);
        let text = text.replace(&demo, PLATFORM).replace(DEMO_DATA, "bezant-data");
        text.replace(&self.platform_address, PLATFORM).replace(&self.simulator_address, SIMULATOR).replace(&here, "…")
    }
}

/// A platform as `cargo xtask demo` has it, which the simulator tells of everything.
pub fn start_platform(data: &Path, sandbox: &Sandbox) -> Bezant {
    let mut plan = Plan::new(data, sandbox.address);
    plan.arguments = GAPS.split(' ').map(str::to_owned).collect();
    plan.environment.push(("BEZANT_STRIPE_WEBHOOKS".into(), format!("demo={WEBHOOK_SECRET}")));
    let platform = plan.start();
    let url = format!("http://{}/v1/webhooks/stripe/demo", platform.address);
    let body = serde_json::json!({ "url": url, "secret": WEBHOOK_SECRET }).to_string();
    let told = Client::new(sandbox.address).send("POST", "/_admin/webhook_endpoints", &[], body.as_bytes()).unwrap();
    assert_eq!(told.status, 200);
    platform
}

/// Runs a page.
pub fn page(page: &Page) -> Report {
    let steps = page.steps();
    let mut report = Report::default();
    check_what_stands_still(page, &steps, &mut report);
    if steps.iter().any(|step| matches!(step, Step::Run { .. })) {
        run(page, &steps, &mut report);
    }
    report
}

/// Shapes, and the form of what cannot run.
fn check_what_stands_still(page: &Page, steps: &[Step], report: &mut Report) {
    let description = Description::read();
    for step in steps {
        match step {
            Step::NotRun { line, commands, why } => {
                let place = format!("{}:{line}", page.name);
                report.not_run.push(format!("{place}: {why}"));
                report.wrong.extend(malformed(commands).map(|error| format!("{place}: {error}")));
            }
            Step::NotChecked { line, why } => report.not_run.push(format!("{}:{line}: {why}", page.name)),
            Step::Shape { line, schema, text } => match serde_json::from_str(text) {
                Ok(value) => {
                    let violations = description.violations(schema, &value);
                    report.wrong.extend(violations.into_iter().map(|violation| format!("{}:{line}: {violation}", page.name)));
                }
                Err(error) => report.wrong.push(format!("{}:{line}: not JSON: {error}", page.name)),
            },
            Step::Run { .. } | Step::File { .. } => {}
        }
    }
}

/// Whether bash cannot read the commands, or `bezant` one of its command lines.
fn malformed(commands: &str) -> Option<String> {
    let read = Command::new("bash").args(["-n", "-c", commands]).output().unwrap();
    if !read.status.success() {
        return Some(String::from_utf8_lossy(&read.stderr).into_owned());
    }
    let joined = commands.replace("\\\n", " ");
    joined.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with(['#', '&', '|', '>'])).collect();
        let at = words.iter().position(|word| *word == "bezant" || word.ends_with("/bezant"))?;
        let arguments: Vec<String> = words[at + 1..].iter().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect();
        let told = crate::support::bezant().args(arguments).arg("--help").output().unwrap();
        (!told.status.success()).then(|| format!("{line}: {}", String::from_utf8_lossy(&told.stderr)))
    })
}

fn run(page: &Page, steps: &[Step], report: &mut Report) {
    let mut world = World::start(page);
    let work = world.folder.0.clone();
    fs::create_dir_all(work.join(".docs")).unwrap();
    fs::write(work.join(".curlrc"), "silent\nshow-error\n").unwrap(); // no progress meter in what is compared
    let script = script(&world, &work, steps);
    let path = programs(&work, &script);
    fs::write(work.join(".docs/script.sh"), script).unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", ".docs/script.sh"]).current_dir(&work);
    shell.env("PATH", path).env("HOME", &work).env("TMPDIR", &work).env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "*");
    shell.env("BEZANT_URL", format!("http://{}", world.platform_address)); // pages leave the address out where it is the standard one
    shell.env("BUILT", Path::new(env!("CARGO_BIN_EXE_bezant")).parent().unwrap());
    shell.env("DEMO_DATA", DEMO_DATA).env("DEMO_PORT", world.demo_port.to_string());
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        shell.env_remove(name);
    }
    for name in ["BEZANT_API_KEY", "BEZANT_OPERATOR_KEY", "BEZANT_STRIPE_KEY", "BEZANT_STRIPE_WEBHOOKS"] {
        shell.env_remove(name);
    }
    let told = fs::File::create(work.join(".docs/told")).unwrap();
    shell.stdin(Stdio::null()).stdout(told.try_clone().unwrap()).stderr(told).process_group(0);
    let mut child = shell.spawn().unwrap();
    let group = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait_for(&page.name, || child.try_wait().unwrap())));
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL); // what the page started in the background
    let job = fs::read_to_string(work.join(".docs/job")).ok().and_then(|text| text.trim().parse().ok());
    if let Some(job) = job.and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(job, rustix::process::Signal::TERM); // it stops its own children
    }
    let ended_well = status.as_ref().is_ok_and(std::process::ExitStatus::success);
    if !ended_well {
        let at = fs::read_to_string(work.join(".docs/at")).unwrap_or_default();
        let output = at.split(' ').next().and_then(|index| fs::read_to_string(work.join(format!(".docs/{index}.out"))).ok());
        let told = fs::read_to_string(work.join(".docs/told")).unwrap_or_default();
        let why = if status.is_ok() { "failed".to_owned() } else { format!("did not end within {PATIENCE:?}") };
        let line = at.split(' ').nth(1).unwrap_or("?");
        report.wrong.push(format!("{}:{line}: {why}: {told}{}", page.name, output.unwrap_or_default()));
    }
    judge(page, steps, &world, report);
    if let Some(platform) = world.platform.take().filter(|_| report.wrong.is_empty()) {
        let mut platform = platform;
        assert!(platform.process.is_running(), "{}: the platform ended", page.name);
    }
    drop(world.sandbox.take());
}

/// The programs that pages call, in front of everything else; those that only a few call are looked for in the commands.
fn programs(work: &Path, commands: &str) -> String {
    let folder = work.join(".docs/bin");
    fs::create_dir_all(&folder).unwrap();
    let bezant = PathBuf::from(env!("CARGO_BIN_EXE_bezant"));
    symlink(&bezant, folder.join("bezant")).unwrap();
    symlink(bezant.with_file_name("bezant-sandbox"), folder.join("bezant-sandbox")).unwrap();
    static MADE: [Once; 3] = [const { Once::new() }; 3];
    if commands.contains("cargo xtask") {
        beside("xtask", &["-p", "xtask"], &MADE[0]);
    }
    if commands.contains("cargo xtask bench") {
        beside("examples/yardstick", &["-p", "bezant", "--example", "yardstick"], &MADE[1]);
    }
    if commands.contains("-p sim") {
        beside("sim", &["-p", "sim"], &MADE[2]);
    }
    fs::write(folder.join("cargo"), CARGO).unwrap();
    fs::set_permissions(folder.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

/// One script for the whole page. Each block's output goes to a file of its own.
fn script(world: &World, work: &Path, steps: &[Step]) -> String {
    let mut script = String::new();
    for (index, step) in steps.iter().enumerate() {
        let out = format!(".docs/{index}.out");
        match step {
            Step::File { name, text } => {
                let kept = format!(".docs/{index}.file");
                fs::write(work.join(&kept), world.real(text)).unwrap();
                script.push_str(&format!("cp {kept} '{name}'\n"));
            }
            Step::Run { line, program, ends, .. } => {
                let command = match program {
                    Program::Shell(text) => world.real(text),
                    Program::Python(text) => interpreted(world, work, index, "python3", "py", text),
                    Program::Node(text) => interpreted(world, work, index, "node", "mjs", text),
                };
                script.push_str(&format!("echo '{index} {line}' > \"$HOME/.docs/at\"\n"));
                match ends {
                    Ends::With(0) => script.push_str(&format!("{{\n{command}}} > \"$HOME/{out}\" 2>&1\n")),
                    Ends::With(exit) => {
                        let check = format!("[ \"$code\" = {exit} ] || {{ echo \"ended with $code and not with {exit}\"; exit 1; }}");
                        script.push_str(&format!("set +e\n( set -e\n{command}) > \"$HOME/{out}\" 2>&1\ncode=$?\nset -e\n{check}\n"));
                    }
                    Ends::After(text) => script.push_str(&interrupted(&command, &format!("$HOME/{out}"), text)),
                }
            }
            Step::NotRun { .. } | Step::Shape { .. } | Step::NotChecked { .. } => {}
        }
    }
    script
}

/// Runs a command until it has printed a text, then does what Ctrl-C does: job control gives the command a process group
/// of its own, in which SIGINT is not ignored.
fn interrupted(command: &str, out: &str, text: &str) -> String {
    let start = format!("set -m\n{{\n{command}}} > \"{out}\" 2>&1 &\njob=$!\nset +m\necho $job > \"$HOME/.docs/job\"\n");
    let ended = "{ echo 'ended before it had printed all'; exit 1; }";
    let wait = format!("until grep -qF -- '{text}' \"{out}\"; do kill -0 $job || {ended}; sleep 0.05; done\n");
    start + &wait + "kill -INT -- -$job\nwait $job\nrm \"$HOME/.docs/job\"\n"
}

fn interpreted(world: &World, work: &Path, index: usize, program: &str, extension: &str, text: &str) -> String {
    let path = format!(".docs/{index}.{extension}");
    fs::write(work.join(&path), world.real(text)).unwrap();
    format!("{program} \"$HOME/{path}\"\n")
}

/// Compares what was printed with what is shown, and looks whether answers of the API have their shapes.
fn judge(page: &Page, steps: &[Step], world: &World, report: &mut Report) {
    let description = Description::read();
    let mut filled = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let Step::Run { line, output, .. } = step else { continue };
        let Ok(printed) = fs::read(world.folder.join(&format!(".docs/{index}.out"))) else { break };
        report.run += 1;
        let printed = world.shown(&String::from_utf8_lossy(&printed));
        if let Ok(answer) = serde_json::from_str(&printed) {
            let violations = description.violations_of_answer(&answer);
            report.wrong.extend(violations.into_iter().map(|violation| format!("{}:{line}: {violation}", page.name)));
        }
        if printed.contains(CRASHED) {
            report.wrong.push(format!("{}:{line}: a program crashed:\n{printed}", page.name));
        }
        let Some(Output { line, text, json }) = output else { continue };
        if text == TO_BE_FILLED && std::env::var_os("BEZANT_UPDATE").is_some() {
            filled.push((*line, compare::generalized(&printed, *json)));
        } else if let Some(difference) = compare::difference(text, *json, &printed) {
            report.wrong.push(format!("{}:{line}: {difference}\nall that was printed:\n{printed}", page.name));
        }
    }
    fill(page, &filled);
}

/// Writes outputs into the page, from its end to its start, so that line numbers stay true.
fn fill(page: &Page, filled: &[(usize, String)]) {
    if filled.is_empty() {
        return;
    }
    let text = fs::read_to_string(&page.path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (line, output) in filled.iter().rev() {
        lines.splice(*line..*line + 1, output.lines().map(str::to_owned));
    }
    fs::write(&page.path, lines.join("\n") + "\n").unwrap();
}
