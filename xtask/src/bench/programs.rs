//! The programs that are measured and those that measure, and how each is started and asked.

use crate::process::Process;
use crate::{Failure, cargo};
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest start of a process: a long journal may be replayed.
const START_MAX: Duration = Duration::from_secs(300);
/// How often a starting process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What the simulator takes as a secret key.
const STRIPE_KEY: &str = "sk_test_bezant_bench";
/// What it signs its webhooks with.
const WEBHOOK_SECRET: &str = "whsec_bezant_bench_simulator";
/// Webhooks that the simulator delivers at the same time.
const WEBHOOKS_PARALLEL: u32 = 64;
/// Connections of the closed loop.
pub(super) const CONNECTIONS: u32 = 64;

/// Paths of the built programs.
pub(super) struct Programs {
    bezant: PathBuf,
    sandbox: PathBuf,
    pub(super) yardstick: Yardstick,
}

/// The program that is every yardstick.
pub(super) struct Yardstick(PathBuf);

/// A simulator and where it listens.
pub(super) struct Simulator {
    pub(super) process: Process,
    pub(super) url: String,
}

/// A platform and where it listens.
pub(super) struct Platform {
    pub(super) process: Process,
    pub(super) address: SocketAddr,
    pub(super) api_key: String,
}

impl Platform {
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Programs {
    /// Takes what was built already, in a folder as cargo leaves it.
    pub(super) fn built(folder: &Path) -> Result<Self, Failure> {
        let program = |name: &str| cargo::built(folder, name);
        Ok(Self {
            bezant: program("bezant")?,
            sandbox: program("bezant-sandbox")?,
            yardstick: Yardstick::new(program("examples/yardstick")?),
        })
    }

    /// Builds everything.
    pub(super) fn build(optimised: bool) -> Result<Self, Failure> {
        let built = cargo::build_with(&["bezant", "sandbox"], optimised, &["--bins", "--example", "yardstick"])?;
        let program = |name: &str| built.get(name).cloned().ok_or_else(|| Failure::new(format!("cargo built no program {name}")));
        Ok(Self { bezant: program("bezant")?, sandbox: program("bezant-sandbox")?, yardstick: Yardstick::new(program("yardstick")?) })
    }

    /// A simulator in memory, without added latency, that tells a platform of its events when it knows its address.
    pub(super) fn simulator(&self, folder: &Path, webhooks_to: Option<SocketAddr>) -> Result<Simulator, Failure> {
        let mut command = Command::new(&self.sandbox);
        command.args(["--listen", "127.0.0.1:0", "--json"]).env("BEZANT_LOG", "warn");
        if let Some(address) = webhooks_to {
            command.args(["--webhook-url", &format!("http://{address}/v1/webhooks/stripe/bench"), "--webhook-secret", WEBHOOK_SECRET]);
            command.args(["--webhook-events", &self.webhook_events()?, "--set", &format!("webhook_parallel_max={WEBHOOKS_PARALLEL}")]);
        }
        let (process, line) = started("the simulator", command, &folder.join("simulator.log"))?;
        let url = text(&process, &line, "url")?;
        Ok(Simulator { process, url })
    }

    /// The events that an endpoint is to be told of, as the guide to webhooks says.
    fn webhook_events(&self) -> Result<String, Failure> {
        let mut command = Command::new(&self.bezant);
        command.args(["config", "webhook-events"]);
        let output = command.output().map_err(|error| Failure::new(format!("{}: {error}", cargo::show(&command))))?;
        let names = String::from_utf8_lossy(&output.stdout);
        let names: Vec<&str> = names.lines().collect();
        if names.is_empty() { Err(Failure::new(format!("{} named no events", cargo::show(&command)))) } else { Ok(names.join(",")) }
    }

    /// A platform in front of a simulator, with its data in `folder/platform`, that logs from this level on.
    pub(super) fn platform(&self, folder: &Path, address: SocketAddr, simulator_url: &str, log: &str) -> Result<Platform, Failure> {
        let mut command = Command::new(&self.bezant);
        command.args(["serve", "--demo", "--json", "--stripe-url", simulator_url, "--listen", &address.to_string(), "--data"]);
        command.arg(folder.join("platform")).env("BEZANT_STRIPE_KEY", STRIPE_KEY).env("BEZANT_LOG", log);
        command.env("BEZANT_STRIPE_WEBHOOKS", format!("bench={WEBHOOK_SECRET}"));
        let (process, line) = started("the platform", command, &folder.join("platform.log"))?;
        let api_key = text(&process, &line, "api_key")?;
        Ok(Platform { process, address, api_key })
    }

    /// What `bezant bench payments` found.
    pub(super) fn payments(&self, platform: &Platform, simulator: &Simulator, arguments: &[&str]) -> Result<Value, Failure> {
        let mut command = Command::new(&self.bezant);
        command.args(["bench", "payments", "--json", "--url", &platform.url(), "--simulator-url", &simulator.url]);
        command.args(["--process", &format!("platform={}", platform.process.id())]);
        command.args(["--process", &format!("simulator={}", simulator.process.id())]);
        command.args(arguments).env("BEZANT_API_KEY", &platform.api_key);
        last_line(&mut command)
    }
}

impl Yardstick {
    /// Of this path.
    pub(super) fn new(program: PathBuf) -> Self {
        Self(program)
    }

    /// A yardstick that serves, with its address.
    pub(super) fn server(&self, folder: &Path, arguments: &[&str]) -> Result<(Process, String), Failure> {
        let mut command = Command::new(&self.0);
        command.args(arguments);
        let (process, line) = started("a yardstick", command, &folder.join("yardstick.log"))?;
        let url = text(&process, &line, "url")?;
        Ok((process, url))
    }

    /// What a yardstick that ends by itself found.
    pub(super) fn measure(&self, arguments: &[&str]) -> Result<Value, Failure> {
        let mut command = Command::new(&self.0);
        command.args(arguments);
        last_line(&mut command)
    }

    /// Starts asking a platform that is not there yet; what comes back says how long the first answer took.
    pub(super) fn first_answer(&self, address: SocketAddr, api_key: &str) -> Result<Waiting, Failure> {
        let mut command = Command::new(&self.0);
        command.args(["first", "--url", &format!("http://{address}")]).env("BEZANT_API_KEY", api_key);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.spawn().map_err(|error| Failure::new(format!("cannot start a yardstick: {error}")))?;
        Ok(Waiting { child })
    }
}

/// A yardstick that is under way.
pub(super) struct Waiting {
    child: std::process::Child,
}

impl Waiting {
    /// What it found.
    pub(super) fn found(self) -> Result<Value, Failure> {
        let output = self.child.wait_with_output().map_err(|error| Failure::new(format!("cannot wait for a yardstick: {error}")))?;
        parse_last_line(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| Failure::new("a yardstick found nothing"))
    }
}

/// An address that was free a moment ago: simulator and platform have to know each other's before both listen.
pub(super) fn free_address() -> Result<SocketAddr, Failure> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map_err(|error| Failure::new(format!("cannot find a free port: {error}")))
}

/// A number of an answer.
pub(super) fn number(line: &Value, name: &str) -> Result<f64, Failure> {
    line[name].as_f64().ok_or_else(|| Failure::new(format!("there is no number {name} in {line}")))
}

fn text(process: &Process, line: &Value, name: &str) -> Result<String, Failure> {
    line[name].as_str().map(str::to_owned).ok_or_else(|| process.failure(&format!("said no {name}")))
}

/// Starts a process and waits for the JSON line that it prints once it listens.
fn started(name: &'static str, command: Command, log: &Path) -> Result<(Process, Value), Failure> {
    let mut process = Process::start(name, command, log)?;
    let deadline = Instant::now() + START_MAX;
    while Instant::now() < deadline {
        if let Some(line) = process.first_line(LOOK_EVERY) {
            let line = serde_json::from_str(&line).map_err(|_| process.failure("printed no JSON line"))?;
            return Ok((process, line));
        }
        process.check()?;
    }
    Err(process.failure(&format!("did not listen within {} s", START_MAX.as_secs())))
}

/// Runs a command to its end; what it found is its last line.
pub(super) fn last_line(command: &mut Command) -> Result<Value, Failure> {
    let shown = cargo::show(command);
    let text = cargo::output(command)?;
    parse_last_line(&text).ok_or_else(|| Failure::new(format!("`{shown}` printed no JSON line")))
}

fn parse_last_line(text: &str) -> Option<Value> {
    serde_json::from_str(text.lines().last()?).ok()
}
