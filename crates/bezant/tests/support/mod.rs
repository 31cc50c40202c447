//! Real processes for tests: the platform and the provider simulator as children that die with the test, a small
//! blocking HTTP client, folders of their own, and bounded waits. A load of payments and its judge are in `load`, one of a
//! merchant's own ledger in `bookings`, disks that misbehave in `faults`.
#![allow(dead_code, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

pub mod bookings;
pub mod faults;
pub mod load;

use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Longest wait for anything on a machine that has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Ports for listeners that come back after a kill: below the range from which systems draw ports of clients, so that
/// no client sits on one meanwhile.
const PORTS: std::ops::Range<u16> = 12_000..30_000;

/// Looks until there is a result.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// A small deterministic source of numbers (xorshift64*), so that a failure names its seed.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number from 0 to `bound - 1`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound
    }
}

/// A folder of the test's own; removed at the end unless the test fails.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bezant-{name}-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path); // left by an earlier process of the same number
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept {}", self.0.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.0); // what remains is in the temporary folder
        }
    }
}

/// The platform's binary.
pub fn bezant() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bezant"))
}

/// The simulator's binary.
fn sandbox() -> Command {
    static MADE: Once = Once::new();
    Command::new(beside("bezant-sandbox", &["-p", "sandbox"], &MADE))
}

/// A program of the workspace that is built beside the platform's; made now, with what cargo is told, if it is not there.
pub fn beside(name: &str, made_with: &[&str], once: &Once) -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_bezant")).parent().unwrap();
    let path = folder.join(name);
    once.call_once(|| {
        if !path.exists() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "--target-dir"]).arg(folder.parent().unwrap()).args(made_with);
            if folder.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success(), "{name} must build");
        }
    });
    path
}

/// A port on which nothing listens now.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let span = u32::from(PORTS.end - PORTS.start);
    for _ in 0..1_000 {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let place = std::process::id().wrapping_mul(97).wrapping_add(step) % span;
        let port = PORTS.start + u16::try_from(place).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// A child that is killed when the test lets go of it.
pub struct Process {
    child: Child,
    /// The line that it printed when it was listening.
    pub announced: Value,
}

impl Process {
    /// Starts and waits for the line that says where it listens; `Err` when it ends before. What it writes to its
    /// error stream goes to the end of `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self, ExitStatus> {
        let errors = OpenOptions::new().append(true).create(true).open(log).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let (send, line) = channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = BufReader::new(output).read_line(&mut text); // nothing was printed: it ended
            let _ = send.send(text); // the test has ended
        });
        let mut process = Self { child, announced: Value::Null };
        let text = line.recv_timeout(PATIENCE).expect("a process says where it listens, or ends");
        match serde_json::from_str(&text) {
            Ok(announced) => {
                process.announced = announced;
                Ok(process)
            }
            Err(_) => Err(process.wait()),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        wait_for("a process to end", || self.child.try_wait().unwrap())
    }

    /// SIGKILL, and gone when this returns.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // ended already
        let _ = self.child.wait();
    }
}

/// The provider simulator with its state in a folder.
pub struct Sandbox {
    pub process: Process,
    pub address: SocketAddr,
    folder: PathBuf,
}

impl Sandbox {
    pub fn start(folder: &Path) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let process = Self::spawn(folder, address);
        Self { process, address, folder: folder.to_owned() }
    }

    fn spawn(folder: &Path, address: SocketAddr) -> Process {
        let mut command = sandbox();
        command.args(["--listen", &address.to_string(), "--json", "--data"]).arg(folder.join("sandbox"));
        for setting in ["search_lag_ms=0", "hang_ms=500", "latency_ms_min=1", "latency_ms_max=15", "reference_name=bezant_reference"] {
            command.args(["--set", setting]);
        }
        Process::start(&mut command, &folder.join("sandbox.log")).expect("the simulator starts; see sandbox.log")
    }

    /// SIGKILL, and the same state on the same port again.
    pub fn kill_and_restart(&mut self) {
        self.process.kill();
        self.process = Self::spawn(&self.folder, self.address);
    }

    pub fn get(&self, path: &str) -> Value {
        let answer = Client::new(self.address).send("GET", path, &[], b"").unwrap();
        assert_eq!(answer.status, 200, "{path}");
        answer.json()
    }
}

/// How to start the platform; its data, port and logs stay the same over restarts.
#[derive(Clone)]
pub struct Plan {
    pub data: PathBuf,
    pub log: PathBuf,
    pub listen: SocketAddr,
    pub provider: SocketAddr,
    /// Further arguments of `bezant serve`.
    pub arguments: Vec<String>,
    /// Further variables of its environment.
    pub environment: Vec<(String, String)>,
    /// Shell commands that run before it in its process, such as limits.
    pub shell: Option<String>,
}

impl Plan {
    /// Data and logs in `folder`, short waits, small segments.
    pub fn new(folder: &Path, provider: SocketAddr) -> Self {
        let arguments = "--replay-gaps-ms 100,400,1000,2000 --lookup-gaps-ms 100,500,1000,2000,5000 --segment-mib 2";
        Self {
            data: folder.join("platform"),
            log: folder.join("platform.log"),
            listen: SocketAddr::from(([127, 0, 0, 1], free_port())),
            provider,
            arguments: arguments.split(' ').map(str::to_owned).collect(),
            environment: Vec::new(),
            shell: None,
        }
    }

    pub fn with(mut self, arguments: &str) -> Self {
        self.arguments.extend(arguments.split(' ').map(str::to_owned));
        self
    }

    /// Starts the platform; `Err` when it ends instead of listening.
    pub fn try_start(&self) -> Result<Bezant, ExitStatus> {
        let mut command = match &self.shell {
            None => bezant(),
            Some(shell) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("{shell}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_bezant")]);
                command
            }
        };
        command.args(["serve", "--demo", "--json", "--stripe-key", "sk_test_real_processes"]);
        command.arg("--data").arg(&self.data).args(["--listen", &self.listen.to_string()]);
        command.args(["--stripe-url", &format!("http://{}", self.provider)]).args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let process = Process::start(&mut command, &self.log)?;
        let text = |name: &str| process.announced[name].as_str().unwrap().to_owned();
        let (api_key, operator_key) = (text("api_key"), text("operator_key"));
        Ok(Bezant { process, address: self.listen, api_key, operator_key })
    }

    pub fn start(&self) -> Bezant {
        self.try_start().unwrap_or_else(|status| panic!("the platform did not start ({status}): {}", self.log_text()))
    }

    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Runs `bezant` with these arguments on the data folder.
    pub fn tool(&self, arguments: &[&str]) -> Output {
        bezant().args(arguments).arg("--data").arg(&self.data).output().unwrap()
    }

    /// What `bezant journal verify --json` says of a sound journal.
    pub fn verified(&self) -> Value {
        let output = self.tool(&["journal", "verify", "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Every event of the journal.
    pub fn dumped(&self) -> Vec<Value> {
        let output = self.tool(&["journal", "dump", "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A running platform.
pub struct Bezant {
    pub process: Process,
    pub address: SocketAddr,
    pub api_key: String,
    pub operator_key: String,
}

impl Bezant {
    pub fn merchant(&self) -> Merchant {
        Merchant { client: Client::new(self.address), api_key: self.api_key.clone() }
    }

    /// Asks it to stop and says how it ended.
    pub fn stop(mut self) -> ExitStatus {
        self.process.terminate();
        self.process.wait()
    }

    /// A gauge without labels; `None` when the platform does not show it yet.
    pub fn gauge(&self, name: &str) -> Option<u64> {
        let answer = Client::new(self.address).send("GET", "/metrics", &[], b"").ok()?;
        let text = String::from_utf8(answer.body).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }
}

/// One answer over HTTP.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The code of a problem document.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A client that keeps its connection while that works.
pub struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request and reads its answer. After an error nothing is known about what happened.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method == "POST" {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(connect(self.address)?),
        };
        stream.get_mut().write_all(&bytes)?;
        let answer = read_answer(&mut stream)?;
        if answer.header("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

/// A connection whose reads and writes end.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads one answer whose length is announced.
pub fn read_answer(stream: &mut impl BufRead) -> io::Result<Answer> {
    let broken = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let line = |stream: &mut dyn BufRead| {
        let mut text = String::new();
        match stream.read_line(&mut text)? {
            0 => Err(io::Error::from(ErrorKind::UnexpectedEof)),
            _ => Ok(text.trim_end().to_owned()),
        }
    };
    let first = line(stream)?;
    let status = first.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or_else(|| broken(&first))?;
    let mut headers = Vec::new();
    loop {
        let text = line(stream)?;
        if text.is_empty() {
            break;
        }
        let (name, value) = text.split_once(':').ok_or_else(|| broken(&text))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(Answer { status, headers, body })
}

/// A merchant's server.
pub struct Merchant {
    pub client: Client,
    pub api_key: String,
}

impl Merchant {
    pub fn post(&mut self, path: &str, key: &str, body: &Value) -> io::Result<Answer> {
        let bearer = format!("Bearer {}", self.api_key);
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key), ("content-type", "application/json")];
        self.client.send("POST", path, &headers, body.to_string().as_bytes())
    }

    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        let bearer = format!("Bearer {}", self.api_key);
        self.client.send("GET", path, &[("authorization", bearer.as_str())], b"")
    }

    /// Waits until reads show everything that is durable now.
    pub fn catch_up(&mut self) {
        let bearer = format!("Bearer {}", self.api_key);
        let seq = self.get("/v1/balances").unwrap().header("bezant-seq").unwrap().to_owned();
        let headers = [("authorization", bearer.as_str()), ("bezant-min-seq", seq.as_str())];
        wait_for("the read models", || {
            let answer = self.client.send("GET", "/v1/payments?limit=1", &headers, b"").unwrap();
            (answer.status == 200).then_some(())
        });
    }

    /// A read that must work.
    pub fn read(&mut self, path: &str) -> Value {
        let answer = self.get(path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }
}

/// Every file below a folder, with its bytes.
pub fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            let mut bytes = Vec::new();
            File::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
            found.push((path, bytes));
        }
    }
    found
}
