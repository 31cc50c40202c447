//! Who is signed in: sessions in memory, with a limit on idleness and one on age, and the throttle of failed sign-ins.
//! The operator's key is held here, never printed and never stored; a restart signs everybody out.

use crate::Options;
use base::{Redacted, Timestamp};
use http::header;
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use subtle::ConstantTimeEq;

/// Longest time without a request of a person, in seconds: 30 minutes. Live updates do not count as one.
pub(crate) const IDLE_S_MAX: u64 = 30 * 60;
/// Longest time from sign-in, in seconds: 12 hours.
pub(crate) const AGE_S_MAX: u64 = 12 * 3_600;
/// Most sessions at a time; one more ends the one that was used the longest ago.
const SESSIONS_MAX: usize = 1_024;
/// Most failed sign-ins from one address within [`FAILURES_WINDOW_S`].
pub(crate) const FAILURES_MAX: usize = 10;
/// How long a failed sign-in counts, in seconds: 5 minutes.
pub(crate) const FAILURES_WINDOW_S: u64 = 5 * 60;
/// Most addresses whose failures are counted; one more forgets the one that failed the longest ago.
const ADDRESSES_MAX: usize = 4_096;
/// Name of the session's cookie over HTTPS, which a browser takes from this host alone.
const COOKIE_SECURE: &str = "__Host-bezant_session";
/// Name of the session's cookie over plain HTTP.
const COOKIE_PLAIN: &str = "bezant_session";

const _: () = assert!(IDLE_S_MAX < AGE_S_MAX);

/// How a browser reaches us, which decides the cookie's name and attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// HTTPS, of us or of the proxy before us.
    Secure,
    /// Plain HTTP.
    Plain,
}

impl Transport {
    const ALL: [Self; 2] = [Self::Secure, Self::Plain];

    const fn cookie_name(self) -> &'static str {
        match self {
            Self::Secure => COOKIE_SECURE,
            Self::Plain => COOKIE_PLAIN,
        }
    }

    /// `Set-Cookie` for a cookie that no script reads and no other site sends, for as long as the browser runs.
    pub(crate) fn set_cookie(self, name: &str, value: &str) -> HeaderValue {
        let secure = if self == Self::Secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::from_str(&text).expect("names are ours and values hexadecimal")
    }

    /// `Set-Cookie` for this session.
    pub(crate) fn session_cookie(self, id: &Redacted<String>) -> HeaderValue {
        self.set_cookie(self.cookie_name(), id.expose())
    }

    /// `Set-Cookie` that makes the browser forget its session.
    pub(crate) fn no_session_cookie(self) -> HeaderValue {
        self.set_cookie(self.cookie_name(), "; Max-Age=0")
    }
}

/// What the next page tells once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// `good` or `bad`, a class of the style sheet.
    pub(crate) tone: &'static str,
    /// A sentence.
    pub(crate) sentence: String,
}

/// What a request needs to know of its session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The operator's key.
    pub(crate) key: Redacted<String>,
    /// What every form of this session carries.
    pub(crate) csrf: Redacted<String>,
    /// The merchant that was chosen last.
    pub(crate) merchant: Option<String>,
    /// What to tell once.
    pub(crate) notice: Option<Notice>,
    /// How its browser reaches us.
    pub(crate) transport: Transport,
}

/// Which session a request belongs to: a hash of the cookie's value, which alone opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionId([u8; 32]);

/// Whether a request is something that a person did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Keeps the session from getting idle.
    Person,
    /// A live update: leaves idleness and the notice for the next page as they are.
    Update,
}

struct Open {
    session: Session,
    since: Timestamp,
    used: Timestamp,
}

impl Open {
    fn is_over(&self, now: Timestamp) -> bool {
        let s = base::time::NS_PER_S;
        now.since_ns(self.used) > IDLE_S_MAX * s || now.since_ns(self.since) > AGE_S_MAX * s
    }
}

#[derive(Default)]
struct Registers {
    open: BTreeMap<SessionId, Open>,
    failures: BTreeMap<IpAddr, VecDeque<Timestamp>>,
}

/// All sessions of this process.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Registers>);

impl Sessions {
    fn with<T>(&self, change: impl FnOnce(&mut Registers) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens a session and gives what its cookie holds.
    pub(crate) fn open(&self, options: &Options, key: Redacted<String>, transport: Transport) -> Redacted<String> {
        let now = (options.clock)();
        let id = random_text(options);
        let session = Session { key, csrf: random_text(options), merchant: None, notice: None, transport };
        self.with(|registers| {
            registers.open.retain(|_, open| !open.is_over(now));
            if registers.open.len() >= SESSIONS_MAX {
                let oldest = registers.open.iter().min_by_key(|(_, open)| open.used).map(|(id, _)| *id);
                oldest.map(|id| registers.open.remove(&id));
            }
            registers.open.insert(hashed(id.expose()), Open { session, since: now, used: now });
        });
        id
    }

    /// The session that the request's cookie names, unless it is over; its notice is given once.
    pub(crate) fn find(&self, options: &Options, headers: &HeaderMap, by: Use) -> Option<(SessionId, Session)> {
        let now = (options.clock)();
        let named = |transport: Transport| crate::theme::cookie(headers, transport.cookie_name()).map(|value| (transport, hashed(value)));
        self.with(|registers| {
            Transport::ALL.into_iter().filter_map(named).find_map(|(transport, id)| {
                if registers.open.get(&id)?.is_over(now) {
                    registers.open.remove(&id);
                    return None;
                }
                // A cookie of the weaker name does not open a session of the stronger one.
                let open = registers.open.get_mut(&id).filter(|open| open.session.transport == transport)?;
                let session = open.session.clone();
                if by == Use::Person {
                    open.used = now;
                    open.session.notice = None;
                }
                Some((id, session))
            })
        })
    }

    /// Ends a session.
    pub(crate) fn end(&self, id: SessionId) {
        self.with(|registers| registers.open.remove(&id));
    }

    /// Has the next page tell something.
    pub(crate) fn tell(&self, id: SessionId, notice: Notice) {
        self.with(|registers| registers.open.get_mut(&id).map(|open| open.session.notice = Some(notice)));
    }

    /// Remembers which merchant was chosen.
    pub(crate) fn choose_merchant(&self, id: SessionId, merchant: String) {
        self.with(|registers| registers.open.get_mut(&id).map(|open| open.session.merchant = Some(merchant)));
    }

    /// For how many seconds nobody at this address may sign in; `None` when they may now.
    pub(crate) fn throttled_s(&self, options: &Options, address: IpAddr) -> Option<u64> {
        let now = (options.clock)();
        let window_ns = FAILURES_WINDOW_S * base::time::NS_PER_S;
        self.with(|registers| {
            let failures = registers.failures.get_mut(&address)?;
            failures.retain(|at| now.since_ns(*at) < window_ns);
            let first = *failures.front().filter(|_| failures.len() >= FAILURES_MAX)?;
            Some((window_ns - now.since_ns(first)).div_ceil(base::time::NS_PER_S))
        })
    }

    /// Counts a failed sign-in.
    pub(crate) fn failed(&self, options: &Options, address: IpAddr) {
        let now = (options.clock)();
        self.with(|registers| {
            if registers.failures.len() >= ADDRESSES_MAX && !registers.failures.contains_key(&address) {
                let oldest = registers.failures.iter().min_by_key(|(_, failures)| failures.back().copied()).map(|(address, _)| *address);
                oldest.map(|address| registers.failures.remove(&address));
            }
            let failures = registers.failures.entry(address).or_default();
            failures.push_back(now);
            if failures.len() > FAILURES_MAX {
                failures.pop_front();
            }
        });
    }

    /// Forgets the failures of an address from which somebody signed in.
    pub(crate) fn succeeded(&self, address: IpAddr) {
        self.with(|registers| registers.failures.remove(&address));
    }
}

/// 256 fresh random bits in hexadecimal.
pub(crate) fn random_text(options: &Options) -> Redacted<String> {
    Redacted::new((options.entropy)().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether two secrets are the same, in a time that does not say where they differ.
pub(crate) fn same_secret(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

fn hashed(value: &str) -> SessionId {
    SessionId(Sha256::digest(value.as_bytes()).into())
}

/// What the `Origin` of a request says about its transport, if it is of this server: the browser's own word for where a
/// form was sent from, which no page can forge.
pub(crate) fn own_origin(headers: &HeaderMap) -> Option<Transport> {
    let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let (transport, authority) = match origin.split_once("://")? {
        ("https", authority) => (Transport::Secure, authority),
        ("http", authority) => (Transport::Plain, authority),
        _ => return None,
    };
    authority.eq_ignore_ascii_case(host).then_some(transport)
}

#[cfg(test)]
mod tests {
    use super::{AGE_S_MAX, FAILURES_MAX, FAILURES_WINDOW_S, IDLE_S_MAX, Notice, SESSIONS_MAX, Sessions, Transport, Use, own_origin};
    use crate::Options;
    use base::{Redacted, Timestamp};
    use http::{HeaderMap, HeaderValue, header};
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    struct Rig {
        sessions: Sessions,
        options: Options,
        now_s: Arc<AtomicU64>,
    }

    impl Rig {
        fn new() -> Self {
            let now_s = Arc::new(AtomicU64::new(1_000_000));
            let (clock, drawn) = (Arc::clone(&now_s), AtomicU64::new(0));
            let entropy = move || {
                let mut bytes = [0; 32];
                bytes[..8].copy_from_slice(&drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes());
                bytes
            };
            let clock = move || Timestamp::from_s(clock.load(Ordering::SeqCst));
            Self { sessions: Sessions::default(), options: Options { clock: Arc::new(clock), entropy: Arc::new(entropy) }, now_s }
        }

        fn open(&self) -> String {
            self.sessions.open(&self.options, Redacted::new("ok_test_x".into()), Transport::Plain).into_inner()
        }

        fn find(&self, cookie: &str, by: Use) -> bool {
            self.sessions.find(&self.options, &cookies(cookie), by).is_some()
        }

        fn later(&self, seconds: u64) {
            self.now_s.fetch_add(seconds, Ordering::SeqCst);
        }
    }

    fn cookies(line: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(line).unwrap())])
    }

    #[test]
    fn a_session_ends_when_it_is_idle_and_live_updates_do_not_keep_it() {
        let rig = Rig::new();
        let cookie = format!("bezant_session={}", rig.open());
        rig.later(IDLE_S_MAX);
        assert!(rig.find(&cookie, Use::Person));
        rig.later(IDLE_S_MAX);
        assert!(rig.find(&cookie, Use::Update));
        rig.later(1);
        assert!(!rig.find(&cookie, Use::Person));
    }

    #[test]
    fn a_session_ends_at_its_age_however_busy_it_is() {
        let rig = Rig::new();
        let cookie = format!("bezant_session={}", rig.open());
        for _ in 0..AGE_S_MAX / IDLE_S_MAX {
            rig.later(IDLE_S_MAX);
            assert!(rig.find(&cookie, Use::Person));
        }
        rig.later(1);
        assert!(!rig.find(&cookie, Use::Person));
    }

    #[test]
    fn only_the_right_cookie_of_the_right_name_opens_it() {
        let rig = Rig::new();
        let plain = rig.open();
        let secure = rig.sessions.open(&rig.options, Redacted::new("ok_test_x".into()), Transport::Secure).into_inner();
        for (cookie, expected) in [
            (format!("bezant_session={plain}"), true),
            (format!("__Host-bezant_session={secure}"), true),
            (format!("bezant_session={secure}"), false),
            (format!("__Host-bezant_session={plain}"), false),
            (format!("bezant_session={}", plain.replace('0', "1")), false),
            ("bezant_session=".into(), false),
        ] {
            assert_eq!(rig.find(&cookie, Use::Person), expected, "{cookie}");
        }
    }

    #[test]
    fn a_notice_is_told_once_and_not_to_a_live_update() {
        let rig = Rig::new();
        let headers = cookies(&format!("bezant_session={}", rig.open()));
        let find = |by| rig.sessions.find(&rig.options, &headers, by).unwrap();
        let (id, _) = find(Use::Person);
        rig.sessions.tell(id, Notice { tone: "good", sentence: "done".into() });
        assert!(find(Use::Update).1.notice.is_some());
        assert!(find(Use::Person).1.notice.is_some());
        assert_eq!(find(Use::Person).1.notice, None);
    }

    #[test]
    fn the_session_used_the_longest_ago_makes_room() {
        let rig = Rig::new();
        let first = format!("bezant_session={}", rig.open());
        rig.later(1);
        let second = format!("bezant_session={}", rig.open());
        for _ in 0..SESSIONS_MAX - 1 {
            rig.open();
        }
        assert!(!rig.find(&first, Use::Person));
        assert!(rig.find(&second, Use::Person));
    }

    #[test]
    fn too_many_failures_from_one_address_shut_that_address_out_for_a_while() {
        let rig = Rig::new();
        for _ in 0..FAILURES_MAX {
            assert_eq!(rig.sessions.throttled_s(&rig.options, HERE), None);
            rig.sessions.failed(&rig.options, HERE);
        }
        assert_eq!(rig.sessions.throttled_s(&rig.options, HERE), Some(FAILURES_WINDOW_S));
        assert_eq!(rig.sessions.throttled_s(&rig.options, IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))), None);
        rig.later(FAILURES_WINDOW_S);
        assert_eq!(rig.sessions.throttled_s(&rig.options, HERE), None);
        rig.sessions.failed(&rig.options, HERE);
        rig.sessions.succeeded(HERE);
        assert_eq!(rig.sessions.throttled_s(&rig.options, HERE), None);
    }

    #[test]
    fn an_origin_is_ours_when_it_is_the_host_that_was_asked() {
        for (origin, host, expected) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", Some(Transport::Plain)),
            ("https://pay.example", "pay.example", Some(Transport::Secure)),
            ("https://PAY.example", "pay.example", Some(Transport::Secure)),
            ("https://evil.example", "pay.example", None),
            ("https://pay.example:444", "pay.example", None),
            ("null", "pay.example", None),
            ("ftp://pay.example", "pay.example", None),
        ] {
            let headers =
                HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin)), (header::HOST, HeaderValue::from_static(host))]);
            assert_eq!(own_origin(&headers), expected, "{origin} at {host}");
        }
        assert_eq!(own_origin(&HeaderMap::new()), None);
    }
}
