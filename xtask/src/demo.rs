//! `cargo xtask demo`: builds the platform and the provider simulator, runs both as processes of their own, and feeds them
//! orders until it is told to stop, or charges one file.
//!
//! Signals: a program without unsafe code cannot catch them, so after building this program becomes a small shell that
//! traps them and starts `demo-run`, which does the work and looks for the stop file. Its children have process groups
//! of their own: they are stopped in order (orders, platform, simulator), not all at once by the terminal.

mod stream;

use crate::process::Process;
use crate::{Failure, cargo, process};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use stream::Stream;

/// How often signals and children are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the stream of orders is told about.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Longest start of a child: a long journal is replayed.
const START_MAX: Duration = Duration::from_secs(300);
/// What the simulator takes as a secret key.
const STRIPE_KEY: &str = "sk_test_bezant_demo";
/// What the simulator signs its webhooks with.
const WEBHOOK_SECRET: &str = "whsec_bezant_demo_simulator";
/// Where it sends them.
const WEBHOOK_PATH: &str = "/v1/webhooks/stripe/demo";
/// Waits for the worker and turns signals into the stop file. The worker's own code is what it leaves with: a wait that
/// a signal ends is repeated.
const SUPERVISOR: &str = r#"
stop=$1; shift
trap ': > "$stop"' INT TERM HUP
"$@" &
worker=$!
while :; do
    wait "$worker"; code=$?
    kill -0 "$worker" 2>/dev/null || exit "$code"
done
"#;

/// What to show.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Folder for the state of platform and simulator, and their logs.
    #[arg(long, default_value = "bezant-data")]
    data: PathBuf,
    /// Charge this file of orders instead of making up orders.
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,
    /// Stop when the file is charged, with the exit code of `bezant pay`; ports are picked freely.
    #[arg(long, requires = "orders")]
    exit: bool,
    /// End with the JSON summary of `bezant pay` instead of a table.
    #[arg(long, requires = "orders")]
    json: bool,
    /// Port of the platform.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Orders made up per second.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    /// Build and run with optimisation.
    #[arg(long)]
    release: bool,
    /// Run the programs of this folder, such as target/release, and build nothing.
    #[arg(long, value_name = "FOLDER", conflicts_with = "release")]
    programs: Option<PathBuf>,
}

/// [`Options`] with what the supervised part needs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    options: Options,
    #[arg(long)]
    bezant: PathBuf,
    #[arg(long)]
    sandbox: PathBuf,
}

/// Builds, then becomes the supervisor; returns only when something fails.
pub(crate) fn start(options: &Options) -> Result<(), Failure> {
    if let Some(orders) = options.orders.as_ref().filter(|orders| !orders.exists()) {
        return Err(Failure::new(format!("there is no file {}", orders.display())));
    }
    let (bezant, sandbox) = programs(options)?;
    fs::create_dir_all(&options.data).map_err(|error| Failure::new(format!("cannot make {}: {error}", options.data.display())))?;
    let stop_file = stop_file(options);
    // Left over by a demo that was killed.
    let _gone_or_not = fs::remove_file(&stop_file);
    let own = std::env::current_exe().map_err(|error| Failure::new(format!("cannot find this program: {error}")))?;
    let mut shell = Command::new("sh");
    shell.args(["-c", SUPERVISOR, "sh"]).arg(&stop_file).arg(own).arg("demo-run");
    shell.arg("--bezant").arg(bezant).arg("--sandbox").arg(sandbox);
    shell.args(std::env::args_os().skip(2));
    Err(Failure::new(format!("cannot become a shell: {}", shell.exec())))
}

/// The platform and the simulator.
fn programs(options: &Options) -> Result<(PathBuf, PathBuf), Failure> {
    if let Some(folder) = &options.programs {
        return Ok((cargo::built(folder, "bezant")?, cargo::built(folder, "bezant-sandbox")?));
    }
    let programs = cargo::build(&["bezant", "sandbox"], options.release)?;
    let program = |name: &str| programs.get(name).cloned().ok_or_else(|| Failure::new(format!("cargo built no program {name}")));
    Ok((program("bezant")?, program("bezant-sandbox")?))
}

fn stop_file(options: &Options) -> PathBuf {
    options.data.join("demo.stop")
}

/// What ended the demo before a child did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Asked,
    NotYet,
}

/// Looks for the signs to stop: the file, or the supervisor being gone.
struct StopSigns {
    file: PathBuf,
    supervisor: u32,
}

impl StopSigns {
    fn look(&self) -> Stop {
        if self.file.exists() || parent_id() != self.supervisor { Stop::Asked } else { Stop::NotYet }
    }
}

/// The addresses and keys of what runs.
struct Running {
    sandbox: Process,
    platform: Process,
    sandbox_url: String,
    url: String,
    api_key: String,
    operator_key: String,
}

/// Runs everything until it is told to stop, a child ends, or the file is charged.
pub(crate) fn run(run: &Run) -> Result<(), Failure> {
    let signs = StopSigns { file: stop_file(&run.options), supervisor: parent_id() };
    let result = match bring_up(run, &signs) {
        Ok(Some(running)) => operate(run, running, &signs),
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    let _gone_or_not = fs::remove_file(&signs.file);
    result
}

/// Starts simulator and platform; `None` when it was told to stop meanwhile.
fn bring_up(run: &Run, signs: &StopSigns) -> Result<Option<Running>, Failure> {
    let Options { data, exit, port, .. } = &run.options;
    let port = if *exit { 0 } else { *port };
    let mut command = Command::new(&run.sandbox);
    command.args(["--listen", "127.0.0.1:0", "--json", "--data"]).arg(data.join("sandbox"));
    if !exit {
        // Without a port of its own the platform has no address that a webhook could know.
        command.args(["--webhook-url", &format!("http://127.0.0.1:{port}{WEBHOOK_PATH}"), "--webhook-secret", WEBHOOK_SECRET]);
    }
    let mut sandbox = Process::start("the simulator", command, &data.join("sandbox.log"))?;
    let Some(line) = first_line(&mut sandbox, signs)? else {
        sandbox.stop();
        return Ok(None);
    };
    let sandbox_url = text(&line, "url").ok_or_else(|| sandbox.failure("named no address"))?;
    let mut command = Command::new(&run.bezant);
    command.args(["serve", "--demo", "--json", "--stripe-url", &sandbox_url, "--listen", &format!("127.0.0.1:{port}"), "--data"]);
    command.arg(data.join("platform")).env("BEZANT_STRIPE_KEY", STRIPE_KEY);
    command.env("BEZANT_STRIPE_WEBHOOKS", format!("demo={WEBHOOK_SECRET}"));
    let mut platform = Process::start("the platform", command, &data.join("platform.log"))?;
    let Some(line) = first_line(&mut platform, signs)? else {
        platform.stop();
        sandbox.stop();
        return Ok(None);
    };
    let url = text(&line, "listening").ok_or_else(|| platform.failure("named no address"))?;
    let api_key = text(&line, "api_key").ok_or_else(|| platform.failure("named no API key"))?;
    let operator_key = text(&line, "operator_key").ok_or_else(|| platform.failure("named no operator's key"))?;
    Ok(Some(Running { sandbox, platform, sandbox_url, url, api_key, operator_key }))
}

fn text(line: &Value, name: &str) -> Option<String> {
    line[name].as_str().map(str::to_owned)
}

/// The JSON line that a child prints once it listens.
fn first_line(process: &mut Process, signs: &StopSigns) -> Result<Option<Value>, Failure> {
    let deadline = Instant::now() + START_MAX;
    while Instant::now() < deadline {
        if signs.look() == Stop::Asked {
            return Ok(None);
        }
        if let Some(line) = process.first_line(LOOK_EVERY) {
            return serde_json::from_str(&line).map(Some).map_err(|_| process.failure("printed no JSON line"));
        }
        process.check()?;
    }
    Err(process.failure(&format!("did not listen within {} s", START_MAX.as_secs())))
}

fn operate(run: &Run, mut running: Running, signs: &StopSigns) -> Result<(), Failure> {
    let result = match &run.options.orders {
        Some(orders) => charge_file(run, orders, &mut running, signs),
        None => stream_orders(&run.options, &mut running, signs),
    };
    // In this order: the platform finishes what it began with the simulator.
    running.platform.stop();
    running.sandbox.stop();
    if result.is_ok() && !run.options.exit {
        eprintln!("stopped; start again to go on with the same data in {}", run.options.data.display());
    }
    result
}

/// What a person needs to look around, on `output`.
fn introduce(options: &Options, running: &Running, output: &mut impl Write) -> std::io::Result<()> {
    let Running { sandbox_url, url, api_key, operator_key, .. } = running;
    writeln!(output, "console       {url}/console   (sign in with {operator_key})")?;
    writeln!(output, "Bezant        {url}   (health {url}/readyz, metrics {url}/metrics, API {url}/openapi.json)")?;
    writeln!(output, "simulator     {sandbox_url}   (what money really did: {sandbox_url}/_admin/truth)")?;
    writeln!(output, "webhooks      {url}{WEBHOOK_PATH}   (the simulator sends them; `bezant webhooks list` shows them)")?;
    writeln!(output, "API key       {api_key}")?;
    writeln!(output, "data and logs {}", options.data.display())?;
    writeln!(output)?;
    writeln!(output, "{}", curl_line(url, api_key))?;
    writeln!(output)
}

fn curl_line(url: &str, api_key: &str) -> String {
    let body = r#"{"amount":{"amount_minor":1999,"currency":"EUR"},"capture":"automatic","confirm":true,"payment_method":"pm_card_visa","reference":"try-1"}"#;
    format!(
        "curl {url}/v1/payments -H 'Authorization: Bearer {api_key}' -H 'Idempotency-Key: try-1' -H 'Content-Type: application/json' -d '{body}'"
    )
}

fn stream_orders(options: &Options, running: &mut Running, signs: &StopSigns) -> Result<(), Failure> {
    let told = |error: std::io::Error| Failure::new(format!("cannot print: {error}"));
    let mut output = std::io::stdout();
    introduce(options, running, &mut output).map_err(told)?;
    writeln!(output, "{} orders a second; Ctrl-C stops everything", options.rate).map_err(told)?;
    let address = running.url.trim_start_matches("http://").parse::<SocketAddr>();
    let address = address.map_err(|_| running.platform.failure("named no address to connect to"))?;
    let mut stream = Stream::start(address, &running.api_key, options.rate);
    let mut told_at = Instant::now();
    let result = loop {
        if signs.look() == Stop::Asked {
            break Ok(());
        }
        if let Err(failure) = running.platform.check().and_then(|()| running.sandbox.check()) {
            break Err(failure);
        }
        stream.tick();
        if told_at.elapsed() >= TELL_EVERY {
            told_at = Instant::now();
            // A terminal that is gone must not stop the demo before its children are stopped.
            let _told_or_not = writeln!(output, "{}", stream.counts());
        }
        thread::sleep(LOOK_EVERY.min(stream.next_in()));
    };
    // The platform answers what is open while it stops, so that no order waits for long.
    running.platform.stop();
    let counts = stream.finish();
    eprintln!("{counts}");
    result
}

/// Runs `bezant pay`; its standard output is this program's.
fn charge_file(run: &Run, orders: &Path, running: &mut Running, signs: &StopSigns) -> Result<(), Failure> {
    if !run.options.exit {
        introduce(&run.options, running, &mut std::io::stderr()).map_err(|error| Failure::new(format!("cannot print: {error}")))?;
    }
    let mut command = Command::new(&run.bezant);
    command.args(["pay", "--url", &running.url, "--orders"]).arg(orders).env("BEZANT_API_KEY", &running.api_key);
    if run.options.json {
        command.arg("--json");
    }
    command.stdin(Stdio::null()).process_group(0);
    let mut pay = command.spawn().map_err(|error| Failure::new(format!("cannot start bezant pay: {error}")))?;
    let mut interrupted = false;
    let status = loop {
        if let Some(status) = pay.try_wait().map_err(|error| Failure::new(format!("cannot wait for bezant pay: {error}")))? {
            break status;
        }
        if !interrupted && signs.look() == Stop::Asked {
            interrupted = true;
            process::send_signal(pay.id(), "INT");
        }
        if let Err(failure) = running.platform.check().and_then(|()| running.sandbox.check()) {
            // Without a platform it would only wait for its patience to end.
            process::send_signal(pay.id(), "INT");
            let _ended_or_not = pay.wait();
            return Err(failure);
        }
        thread::sleep(LOOK_EVERY);
    };
    while !run.options.exit && !interrupted && signs.look() == Stop::NotYet {
        running.platform.check().and_then(|()| running.sandbox.check())?;
        thread::sleep(LOOK_EVERY);
    }
    match status.code() {
        Some(0) => Ok(()),
        // It has said why.
        code => Err(Failure { message: String::new(), code: code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1) }),
    }
}
