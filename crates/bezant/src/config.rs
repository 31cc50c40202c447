//! What `bezant serve` is given, checked: the one place that says whether a platform can start with it. `serve` asks here
//! first and starts only when nothing fails; `bezant config check` shows every finding.
//!
//! A check changes nothing but what looking needs: the port is bound and let go, the folder's lock is taken and let go.

use crate::keystore;
use crate::secrets::{self, Secrets};
use crate::sweep::Schedule;
use crate::webhooks;
use base::Redacted;
use egress::{Endpoint, Network, Scheme};
use journal::OsIo;
use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getrlimit};
use std::fs::{self, File, TryLockError};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use telemetry::LogFormat;

/// The file that whoever uses a data folder has locked.
const LOCK_FILE: &str = "journal.lock";
/// Files that only their owner may read, below the data folder.
const PRIVATE_FILES: [&str; 4] = [secrets::FILE_NAME, crate::serve::OPERATOR_KEY_FILE, crate::serve::DEMO_KEY_FILE, "keys/subjects.keys"];
/// No clock is before this: 2026-01-01, in seconds since the epoch.
const CLOCK_S_MIN: u64 = 1_767_225_600;
/// How far ahead of the clock a file of the journal may be written.
const AHEAD_MAX: Duration = Duration::from_secs(60);
/// Fewer open files than this leave little room for clients.
const OPEN_FILES_MIN: u64 = 4_096;
/// Segments that free space should have room for, beside those that are made ahead.
const SEGMENTS_FREE_MIN: u64 = 4;

/// What `serve` is given, as it is given.
#[derive(Clone, Debug)]
pub struct Given {
    /// Folder with everything durable.
    pub data: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where Stripe is.
    pub stripe_url: String,
    /// Stripe's secret key.
    pub stripe_key: Option<Redacted<String>>,
    /// Webhook endpoints, `NAME=SECRET,SECRET…`.
    pub stripe_webhooks: Vec<Redacted<String>>,
    /// How often the provider's list of events is swept.
    pub sweep: Schedule,
    /// Whether it is a demonstration.
    pub demo: bool,
    /// Size of new journal segments, in bytes.
    pub segment_bytes: u64,
    /// What to log.
    pub log: String,
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It starts, and somebody should look.
    Warn,
    /// It does not start.
    Fail,
}

impl Verdict {
    /// `ok`, `warn` or `fail`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, in a word or two; stable.
    pub name: &'static str,
    /// What it came to.
    pub verdict: Verdict,
    /// What was found. Never a secret.
    pub found: String,
    /// What to do; nothing when it is as it should be.
    pub what_to_do: Option<String>,
}

/// Checks by name, in the order in which they are shown.
struct Findings(Vec<Check>);

impl Findings {
    fn ok(&mut self, name: &'static str, found: impl Into<String>) {
        self.0.push(Check { name, verdict: Verdict::Ok, found: found.into(), what_to_do: None });
    }

    fn warn(&mut self, name: &'static str, found: impl Into<String>, what_to_do: impl Into<String>) {
        self.0.push(Check { name, verdict: Verdict::Warn, found: found.into(), what_to_do: Some(what_to_do.into()) });
    }

    fn fail(&mut self, name: &'static str, found: impl Into<String>, what_to_do: impl Into<String>) {
        self.0.push(Check { name, verdict: Verdict::Fail, found: found.into(), what_to_do: Some(what_to_do.into()) });
    }
}

/// Everything that can be said before a platform starts.
pub fn checks(given: &Given) -> Vec<Check> {
    let mut findings = Findings(Vec::new());
    check_folder(given, &mut findings);
    check_lock(&given.data, &mut findings);
    check_space(given, &mut findings);
    check_private_files(&given.data, &mut findings);
    check_key_store(&given.data, &mut findings);
    check_listen(given.listen, &mut findings);
    check_provider(given, &mut findings);
    check_webhooks(given, &mut findings);
    check_clock(&given.data, &mut findings);
    check_open_files(&mut findings);
    match telemetry::log_subscriber(LogFormat::Json, &given.log, io::sink, || base::Timestamp::ZERO) {
        Ok(_) => findings.ok("log", format!("\"{}\" can be read", given.log)),
        Err(error) => findings.fail("log", error.to_string(), "correct --log or BEZANT_LOG"),
    }
    findings.0
}

/// The folder itself, or where it will be made.
fn check_folder(given: &Given, findings: &mut Findings) {
    let (data, shown) = (&given.data, given.data.display());
    let name = "data folder";
    let choose = "choose another folder with --data, or give this one to the user who runs bezant";
    match fs::metadata(data) {
        Ok(found) if !found.is_dir() => findings.fail(name, format!("{shown} is not a folder"), choose),
        Ok(_) => match access(data, Access::WRITE_OK | Access::EXEC_OK) {
            Ok(()) if data.join("journal").is_dir() => findings.ok(name, format!("{shown} holds a journal and can be written")),
            Ok(()) => findings.ok(name, format!("{shown} can be written; the first start makes a journal in it")),
            Err(error) => findings.fail(name, format!("{shown} cannot be written: {error}"), choose),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = existing_ancestor(data);
            match access(&parent, Access::WRITE_OK | Access::EXEC_OK) {
                Ok(()) if parent.is_dir() => findings.ok(name, format!("{shown} will be made by the first start")),
                Ok(()) => findings.fail(name, format!("{} is not a folder", parent.display()), choose),
                Err(error) => findings.fail(name, format!("{shown} cannot be made in {}: {error}", parent.display()), choose),
            }
        }
        Err(error) => findings.fail(name, format!("{shown} cannot be looked at: {error}"), choose),
    }
}

/// The nearest folder above that exists.
fn existing_ancestor(path: &Path) -> PathBuf {
    let found = path.ancestors().skip(1).find(|ancestor| !ancestor.as_os_str().is_empty() && ancestor.exists());
    found.unwrap_or(Path::new(".")).to_owned()
}

fn check_lock(data: &Path, findings: &mut Findings) {
    let Ok(file) = File::open(data.join(LOCK_FILE)) else {
        return findings.ok("folder in use", "by nobody");
    };
    match file.try_lock() {
        Ok(()) => findings.ok("folder in use", "by nobody"),
        Err(TryLockError::WouldBlock) => findings.fail(
            "folder in use",
            format!("{} is in use by another process", data.display()),
            "a platform is running on it already: ask that one, or stop it first",
        ),
        Err(TryLockError::Error(error)) => findings.fail(
            "folder in use",
            format!("{} cannot be locked: {error}", data.display()),
            "use a local file system that has locks, not a network one that has none",
        ),
    }
}

fn check_space(given: &Given, findings: &mut Findings) {
    const MIB: u64 = 1024 * 1024;
    let folder = if given.data.is_dir() { given.data.clone() } else { existing_ancestor(&given.data) };
    let Ok(found) = statvfs(&folder) else {
        return findings.warn("disk space", "the file system does not say how much is free", "watch it by other means");
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let wanted = given.segment_bytes.saturating_mul(SEGMENTS_FREE_MIN);
    let shown = format!("{} MiB are free", free / MIB);
    if free < wanted {
        let hint =
            format!("make room: a full disk stops the platform. Below {} MiB, also use smaller segments: --segment-mib", wanted / MIB);
        return findings.warn("disk space", shown, hint);
    }
    findings.ok("disk space", shown);
}

fn check_private_files(data: &Path, findings: &mut Findings) {
    let readable = PRIVATE_FILES.iter().filter(|name| {
        let mode = fs::metadata(data.join(name)).map_or(0, |found| found.permissions().mode());
        mode & 0o077 != 0
    });
    let readable: Vec<String> = readable.map(|name| data.join(name).display().to_string()).collect();
    if readable.is_empty() {
        return findings.ok("private files", "secrets and keys are for their owner alone");
    }
    let names = readable.join(" ");
    findings.warn("private files", format!("others on this machine may read {names}"), format!("chmod 600 {names}"));
}

/// Secrets and keys of persons: one without the other is a lost backup.
fn check_key_store(data: &Path, findings: &mut Findings) {
    let name = "key store";
    let store = match keystore::inspect(&OsIo::new(data)) {
        Ok(store) => store,
        Err(error) => return findings.fail(name, error.to_string(), "restore the folder keys from a copy"),
    };
    let secrets = match Secrets::load(data) {
        Ok(secrets) => secrets,
        Err(error) => return findings.fail(name, error.to_string(), format!("restore {} from a copy", secrets::FILE_NAME)),
    };
    match (secrets, store) {
        (None, Some(slots)) if slots > 0 => findings.fail(
            name,
            format!("{} is missing, without which {slots} keys of persons and every API key are useless", secrets::FILE_NAME),
            format!("restore {} from a copy; without one, start anew in another folder", data.join(secrets::FILE_NAME).display()),
        ),
        (Some(_), Some(slots)) => findings.ok(name, format!("secrets can be read, {slots} keys of persons")),
        (None, _) => findings.ok(name, "the first start makes secrets and key store"),
        (Some(_), None) if data.join("snapshots").read_dir().is_ok_and(|mut found| found.next().is_some()) => findings.warn(
            name,
            "the keys of persons are missing: what was sealed for them cannot be read",
            "restore the folder keys from a copy; erasures are applied again",
        ),
        (Some(_), None) => findings.ok(name, "secrets can be read; no person has a key yet"),
    }
}

fn check_listen(listen: SocketAddr, findings: &mut Findings) {
    match TcpListener::bind(listen) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => findings.fail(
            "listen",
            format!("cannot listen on {listen}: {error}"),
            "choose a port above 1023 with --listen, and put a TLS proxy on 443 before it",
        ),
        Err(error) => findings.fail(
            "listen",
            format!("cannot listen on {listen}: {error}"),
            "is another instance running there? Stop it, or choose another port with --listen",
        ),
        Ok(_) if listen.ip().is_loopback() => findings.ok("listen", format!("{listen} is free, and only this machine can reach it")),
        Ok(_) => findings.warn(
            "listen",
            format!("{listen} can be reached from elsewhere, in plain HTTP: keys and personal data would cross the network readably"),
            "listen on 127.0.0.1 and put a TLS proxy before it",
        ),
    }
}

/// The provider's address and key, by their shape: nothing is sent.
fn check_provider(given: &Given, findings: &mut Findings) {
    let name = "provider address";
    match Endpoint::parse(&given.stripe_url) {
        Err(error) => findings.fail(name, format!("--stripe-url: {error}"), "it looks like https://api.stripe.com"),
        Ok(endpoint) => match (endpoint.scheme(), endpoint.network()) {
            (Scheme::Https, _) => findings.ok(name, format!("{endpoint}, over TLS with Mozilla's root certificates, which are built in")),
            (Scheme::Http, Network::Loopback) => findings.ok(name, format!("{endpoint}, on this machine: a simulator")),
            (Scheme::Http, Network::Public | Network::Private) => {
                findings.warn(name, format!("{endpoint}, in plain HTTP"), "use https: the key would cross the network readably");
            }
        },
    }
    let name = "provider key";
    let given_by = "--stripe-key or BEZANT_STRIPE_KEY";
    let Some(key) = given.stripe_key.as_ref().map(Redacted::expose).filter(|key| !key.is_empty()) else {
        return findings.fail(
            name,
            "Stripe's secret key is missing",
            format!("give {given_by}; in Stripe's dashboard it is under API keys"),
        );
    };
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return findings.fail(name, "the key holds spaces or other characters that no key has", format!("copy it again into {given_by}"));
    }
    let is_live = key.starts_with("sk_live_") || key.starts_with("rk_live_");
    match (key.get(..3).unwrap_or_default(), is_live) {
        ("pk_", _) => findings.fail(name, "this is a publishable key, which cannot take money", format!("give the secret one: {given_by}")),
        ("whs", _) => findings.fail(
            name,
            "this is a webhook's secret",
            format!("give the API key with {given_by}, and this one with --stripe-webhook"),
        ),
        ("sk_" | "rk_", true) if given.demo => findings.fail(
            name,
            "a live key with --demo: requests could ask for faults, with real money",
            "leave --demo out, or give a key of test mode",
        ),
        ("sk_" | "rk_", true) => findings.ok(name, "a live key: real money moves"),
        ("sk_" | "rk_", false) if key.contains("_test_") => findings.ok(name, "a key of test mode: no real money moves"),
        _ => findings.warn(name, "the key does not look like one of Stripe's (sk_test_…, sk_live_…, rk_…)", format!("compare {given_by}")),
    }
}

fn check_webhooks(given: &Given, findings: &mut Findings) {
    let name = "webhooks";
    match webhooks::parse_endpoints(&given.stripe_webhooks) {
        Err(error) => findings.fail(name, format!("--stripe-webhook: {error}"), "correct --stripe-webhook or BEZANT_STRIPE_WEBHOOKS"),
        Ok(endpoints) if endpoints.is_empty() => {
            let found = match given.sweep {
                Schedule::Off => "none, and no sweep: disputes and failed refunds are never heard of",
                Schedule::Every(_) => "none: disputes and failed refunds are only found by the sweep, and later",
            };
            findings.warn(name, found, "register an endpoint at Stripe and give its secret: --stripe-webhook NAME=SECRET");
        }
        Ok(endpoints) => {
            let names: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
            let is_strange = |secret: &Redacted<String>| !secret.expose().starts_with("whsec_");
            if endpoints.iter().flat_map(|endpoint| &endpoint.secrets).any(is_strange) {
                let found = format!("{}: a secret does not look like Stripe's (whsec_…)", names.join(", "));
                return findings.warn(name, found, "compare it with the endpoint's signing secret at Stripe");
            }
            findings.ok(
                name,
                format!("taken at {}", names.iter().map(|name| format!("/v1/webhooks/stripe/{name}")).collect::<Vec<_>>().join(", ")),
            );
        }
    }
}

fn check_clock(data: &Path, findings: &mut Findings) {
    let now = SystemTime::now();
    let now_s = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let shown = base::Timestamp::from_s(now_s);
    if now_s < CLOCK_S_MIN {
        return findings.fail("clock", format!("it says {shown}, which is in the past"), "set the clock; every event carries its time");
    }
    let written = fs::read_dir(data.join("journal")).into_iter().flatten().flatten();
    let newest = written.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max();
    match newest {
        Some(newest) if newest > now + AHEAD_MAX => findings.warn(
            "clock",
            format!("it says {shown}, and the journal was written later than that"),
            "set the clock; until it has caught up, events get the time of the last one",
        ),
        _ => findings.ok("clock", format!("{shown}")),
    }
}

fn check_open_files(findings: &mut Findings) {
    match getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < OPEN_FILES_MIN => findings.warn(
            "open files",
            format!("at most {limit}, which leaves room for few clients"),
            format!("raise the hard limit to {OPEN_FILES_MIN} or more (ulimit -Hn, LimitNOFILE=)"),
        ),
        Some(limit) => findings.ok("open files", format!("at most {limit}")),
        None => findings.ok("open files", "no limit"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Given, Verdict, checks};
    use crate::secrets;
    use crate::sweep::Schedule;
    use base::Redacted;
    use std::fs;
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    /// A folder that is gone after the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("bezant-config-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn secret(text: &str) -> Redacted<String> {
        Redacted::new(text.to_owned())
    }

    fn given(folder: &Folder) -> Given {
        Given {
            data: folder.0.join("platform"),
            listen: "127.0.0.1:0".parse().unwrap(),
            stripe_url: "https://api.stripe.com".to_owned(),
            stripe_key: Some(secret("sk_test_0123456789")),
            stripe_webhooks: vec![secret("main=whsec_0123456789abcdef")],
            sweep: Schedule::Off,
            demo: false,
            segment_bytes: 1024,
            log: "info".to_owned(),
        }
    }

    /// The verdict of one check, and that no text shows a secret.
    fn verdict(given: &Given, name: &str) -> (Verdict, String) {
        let found = checks(given);
        let text = format!("{found:?}");
        assert!(!text.contains("0123456789"), "{text}");
        let check = found.into_iter().find(|check| check.name == name).unwrap();
        assert_eq!(check.verdict == Verdict::Ok, check.what_to_do.is_none(), "{name}: whatever is not ok says what to do");
        (check.verdict, check.found)
    }

    #[test]
    fn what_is_as_it_should_be_passes_every_check() {
        let folder = Folder::new("good");
        let found = checks(&given(&folder));
        let wrong: Vec<_> = found
            .iter()
            .filter(|check| check.verdict == Verdict::Fail || check.name == "webhooks" && check.verdict != Verdict::Ok)
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(!folder.0.join("platform").exists(), "a check makes nothing");
    }

    #[test]
    fn providers_and_webhooks_are_judged_by_their_shape() {
        let folder = Folder::new("provider");
        let good = given(&folder);
        for (key, demo, expected) in [
            ("sk_live_0123456789", false, Verdict::Ok),
            ("rk_test_0123456789", true, Verdict::Ok),
            ("sk_live_0123456789", true, Verdict::Fail),
            ("pk_test_0123456789", false, Verdict::Fail),
            ("whsec_0123456789", false, Verdict::Fail),
            ("sk_test_0123 456789", false, Verdict::Fail),
            ("", false, Verdict::Fail),
            ("0123456789", false, Verdict::Warn),
        ] {
            let found = verdict(&Given { stripe_key: Some(secret(key)), demo, ..good.clone() }, "provider key");
            assert_eq!(found.0, expected, "{key}: {}", found.1);
        }
        assert_eq!(verdict(&Given { stripe_key: None, ..good.clone() }, "provider key").0, Verdict::Fail);
        for (url, expected) in
            [("http://127.0.0.1:1", Verdict::Ok), ("http://api.stripe.com", Verdict::Fail), ("api.stripe.com", Verdict::Fail)]
        {
            assert_eq!(verdict(&Given { stripe_url: url.to_owned(), ..good.clone() }, "provider address").0, expected, "{url}");
        }
        for (webhook, expected) in [("main", Verdict::Fail), ("main=0123456789abcdef", Verdict::Warn), ("", Verdict::Warn)] {
            assert_eq!(verdict(&Given { stripe_webhooks: vec![secret(webhook)], ..good.clone() }, "webhooks").0, expected, "{webhook}");
        }
        assert_eq!(verdict(&Given { log: "info,=,".to_owned(), ..good }, "log").0, Verdict::Fail);
    }

    #[test]
    fn a_folder_is_judged_by_what_is_in_it() {
        let folder = Folder::new("folder");
        let good = given(&folder);
        fs::create_dir_all(good.data.join("keys")).unwrap();
        secrets::Secrets::load_or_create(&good.data).unwrap();
        assert_eq!(verdict(&good, "private files").0, Verdict::Ok);
        let path = good.data.join(secrets::FILE_NAME);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(verdict(&good, "private files").0, Verdict::Warn);

        let mut store = vec![0_u8; 512]; // room for three, one used
        store[..16].copy_from_slice(b"bezant keys v1\0\0");
        store[128] = 1;
        fs::write(good.data.join("keys/subjects.keys"), &store).unwrap();
        assert_eq!(verdict(&good, "key store").0, Verdict::Ok);
        fs::remove_file(&path).unwrap();
        let found = verdict(&good, "key store");
        assert!(found.0 == Verdict::Fail && found.1.contains("1 keys of persons"), "{}", found.1);
        fs::write(good.data.join("keys/subjects.keys"), "something else that is longer than a header ".repeat(8)).unwrap();
        assert_eq!(verdict(&good, "key store").0, Verdict::Fail);

        let lock = fs::File::create(good.data.join("journal.lock")).unwrap();
        assert_eq!(verdict(&good, "folder in use").0, Verdict::Ok);
        lock.lock().unwrap();
        assert_eq!(verdict(&good, "folder in use").0, Verdict::Fail);
        assert_eq!(verdict(&Given { segment_bytes: u64::MAX, ..good.clone() }, "disk space").0, Verdict::Warn);
        let file = folder.0.join("file");
        fs::write(&file, "").unwrap();
        for data in [file.clone(), file.join("below")] {
            assert_eq!(verdict(&Given { data, ..good.clone() }, "data folder").0, Verdict::Fail);
        }
    }

    #[test]
    fn a_port_is_free_or_not_and_a_journal_from_the_future_is_noticed() {
        let folder = Folder::new("port");
        let good = given(&folder);
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let found = verdict(&Given { listen: taken.local_addr().unwrap(), ..good.clone() }, "listen");
        assert!(found.0 == Verdict::Fail && found.1.starts_with("cannot listen on 127.0.0.1:"), "{}", found.1);
        assert_eq!(verdict(&Given { listen: "0.0.0.0:0".parse().unwrap(), ..good.clone() }, "listen").0, Verdict::Warn);

        let segments = good.data.join("journal");
        fs::create_dir_all(&segments).unwrap();
        let segment = fs::File::create(segments.join("1.seg")).unwrap();
        assert_eq!(verdict(&good, "clock").0, Verdict::Ok);
        segment.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(3_600)).unwrap();
        assert_eq!(verdict(&good, "clock").0, Verdict::Warn);
    }
}
