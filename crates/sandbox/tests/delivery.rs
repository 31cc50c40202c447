//! Webhooks over real connections: what an endpoint gets, and what each webhook fault does there.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::loopback::{Received, Receiver, Reply, Simulator, WAIT_MAX};
use common::verify;
use sandbox::log::Durable;
use sandbox::stripe::Config;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const SECRET: &str = "whsec_of_the_shop";
const STEPS: [&str; 3] = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"];

/// Retries after 20 ms, and other waits a thousandth of what they are.
fn config() -> Config {
    Config { webhook_retry_ms: vec![20_000; 5], webhook_time_divisor: NonZeroU32::new(1_000).unwrap(), ..Config::standard() }
}

fn simulator(config: Config) -> Simulator {
    Simulator::start(Durable::in_memory(7, config))
}

fn register(simulator: &Simulator, receiver: &Receiver) -> Value {
    simulator.post("/_admin/webhook_endpoints", &json!({"url": receiver.url, "secret": SECRET}).to_string())
}

fn now_s() -> u64 {
    sandbox::server::wall_clock_ms() / 1_000
}

/// A receiver that accepts what is signed with the secret, and refuses anything else.
fn verifying() -> Receiver {
    Receiver::start(|received| Reply::Status(if accepts(received, SECRET) { 200 } else { 400 }))
}

fn accepts(received: &Received, secret: &str) -> bool {
    verify(received.header("stripe-signature"), &received.body, secret, now_s()).is_ok()
}

fn sorted(mut kinds: Vec<String>) -> Vec<String> {
    kinds.sort();
    kinds
}

fn steps() -> Vec<String> {
    sorted(STEPS.map(str::to_owned).to_vec())
}

fn place(kinds: &[String], kind: &str) -> usize {
    kinds.iter().position(|known| known == kind).unwrap()
}

#[test]
fn an_endpoint_made_through_the_api_gets_signed_events_and_acknowledges_them() {
    for reply in [Reply::Status(200), Reply::Status(204), Reply::StatusAndClose(299)] {
        let receiver = Receiver::start(move |_| reply);
        let simulator = simulator(config());
        let made = simulator.post("/v1/webhook_endpoints", &format!("url={}&enabled_events[]=*", receiver.url.replace('?', "%3F")));
        let secret = made["secret"].as_str().unwrap();
        let paid = simulator.pay("");
        let received = receiver.take(3);
        for webhook in &received {
            assert!(webhook.head.starts_with("POST /hook?shop=1 HTTP/1.1\r\n"), "{}", webhook.head);
            assert_eq!(webhook.header("content-type"), "application/json; charset=utf-8");
            assert_eq!(webhook.header("user-agent"), "Stripe/1.0 (+https://stripe.com/docs/webhooks)");
            assert_eq!(verify(webhook.header("stripe-signature"), &webhook.body, secret, now_s()), Ok(()));
            assert_eq!((&webhook.event["object"], &webhook.event["pending_webhooks"]), (&json!("event"), &json!(1)));
            let object = &webhook.event["data"]["object"];
            let intent = if object["object"] == "charge" { &object["payment_intent"] } else { &object["id"] };
            assert_eq!(intent, &paid["id"]);
        }
        assert_eq!(sorted(received.iter().map(|webhook| webhook.kind().to_owned()).collect()), steps());
        simulator.wait_for_deliveries("all acknowledged", |counts| counts["acknowledged"] == 3 && counts["open"] == 0);
        for webhook in &received {
            let (_, event) = simulator.send("GET", &format!("/v1/events/{}", webhook.id()), "");
            assert_eq!(event["pending_webhooks"], 0, "{reply:?}");
        }
    }
}

#[test]
fn what_is_not_acknowledged_is_sent_again_until_it_is_given_up() {
    let receiver = Receiver::start(|received| Reply::Status(if received.kind() == "charge.succeeded" { 500 } else { 302 }));
    let simulator = simulator(Config { webhook_retry_ms: vec![20_000, 40_000], ..config() });
    register(&simulator, &receiver);
    simulator.pay("");
    let all = receiver.take(9);
    for kind in STEPS {
        let bodies: Vec<&Received> = all.iter().filter(|received| received.kind() == kind).collect();
        assert_eq!(bodies.len(), 3, "{kind}: one attempt and two retries");
        assert!(bodies.iter().all(|received| received.id() == bodies[0].id() && accepts(received, SECRET)));
    }
    let counts = simulator.wait_for_deliveries("given up", |counts| counts["abandoned"] == 3);
    assert_eq!((&counts["failed"], &counts["open"], &counts["acknowledged"]), (&json!(9), &json!(0), &json!(0)));
}

#[test]
fn an_endpoint_that_hangs_holds_up_no_other() {
    let hanging = Receiver::start(|_| Reply::Nothing);
    let other = verifying();
    let simulator = simulator(Config { webhook_parallel_max: NonZeroU32::MIN, webhook_retry_ms: Vec::new(), ..config() });
    register(&simulator, &hanging);
    register(&simulator, &other);
    for _ in 0..20 {
        simulator.pay("");
    }
    assert_eq!(other.kinds(60).len(), 60);
    let counts = simulator.wait_for_deliveries("acknowledged", |counts| counts["acknowledged"] == 60);
    assert_eq!((&counts["open"], &counts["waiting"]), (&json!(60), &json!(59)), "one is on its way, none is lost");
    assert_eq!(hanging.next().kind(), STEPS[0]);
}

#[test]
fn an_endpoint_that_never_answers_fails_after_the_timeout() {
    let hanging = Receiver::start(|_| Reply::Nothing);
    let simulator = simulator(Config { webhook_timeout_ms: 30, webhook_retry_ms: vec![0], ..config() });
    register(&simulator, &hanging);
    simulator.pay("");
    assert_eq!(hanging.take(6).len(), 6);
    simulator.wait_for_deliveries("given up", |counts| counts["abandoned"] == 3 && counts["failed"] == 6);
}

#[test]
fn urls_that_cannot_be_served_are_refused_and_counted() {
    let simulator = simulator(config());
    for url in ["https://shop.example/hook", "http://"] {
        let (status, _) = simulator.send("POST", "/_admin/webhook_endpoints", &json!({"url": url}).to_string());
        assert_eq!(status, 200);
    }
    simulator.pay("");
    simulator.wait_for_deliveries("refused", |counts| counts["refused"] == 6 && counts["open"] == 0);
    // Nobody listens there: that is an attempt that failed.
    simulator.post("/_admin/webhook_endpoints", &json!({"url": "http://127.0.0.1:9/"}).to_string());
    simulator.pay("");
    simulator.wait_for_deliveries("failed", |counts| counts["failed"].as_u64() >= Some(3));
}

/// A payment under a rule, or with a script: what each fault does to it.
fn struck(rule: &Value, script: &str) -> [(Simulator, Receiver); 2] {
    [Some(rule), None].map(|rule| {
        let receiver = verifying();
        let simulator = simulator(config());
        register(&simulator, &receiver);
        match rule {
            Some(rule) => {
                simulator.post("/_admin/faults", &rule.to_string());
                simulator.pay("");
            }
            None => drop(simulator.pay(script)),
        }
        let kind = script.split(['@', ':']).next().unwrap();
        assert_eq!(simulator.fault_count(kind), 1, "{script}");
        (simulator, receiver)
    })
}

#[test]
fn a_duplicate_is_delivered_more_often() {
    let rule = json!({"kind": "webhook_duplicate", "event_type": "charge.succeeded", "times": 2});
    for (simulator, receiver) in struck(&rule, "webhook_duplicate@charge.succeeded:2") {
        let all = receiver.take(5);
        let charges: Vec<&Received> = all.iter().filter(|received| received.kind() == "charge.succeeded").collect();
        assert_eq!(charges.len(), 3);
        assert!(charges.iter().all(|received| received.id() == charges[0].id()));
        simulator.wait_for_deliveries("all acknowledged", |counts| counts["acknowledged"] == 5);
        let (_, event) = simulator.send("GET", &format!("/v1/events/{}", charges[0].id()), "");
        assert_eq!(event["pending_webhooks"], 0);
    }
}

#[test]
fn a_late_webhook_comes_after_its_time() {
    let rule = json!({"kind": "webhook_late", "event_type": "payment_intent.created", "delay_ms": 200_000});
    let started = Instant::now();
    for (_simulator, receiver) in struck(&rule, "webhook_late@payment_intent.created:200000") {
        assert_eq!(receiver.kinds(3).last().unwrap(), "payment_intent.created");
    }
    assert!(started.elapsed() >= Duration::from_millis(200), "a thousandth of 200 s each");
}

#[test]
fn a_reordered_webhook_comes_after_the_next_of_its_object() {
    let rule = json!({"kind": "webhook_reorder", "event_type": "payment_intent.created"});
    for (_simulator, receiver) in struck(&rule, "webhook_reorder@payment_intent.created") {
        let kinds = receiver.kinds(3);
        assert!(place(&kinds, "payment_intent.created") > place(&kinds, "payment_intent.succeeded"), "{kinds:?}");
    }
    // Nothing more happens to the charge: it is not held back for ever.
    for (_simulator, receiver) in struck(&json!({"kind": "webhook_reorder", "event_type": "charge.*"}), "webhook_reorder@charge.succeeded")
    {
        assert_eq!(receiver.kinds(3)[2], "charge.succeeded");
    }
}

#[test]
fn a_missing_webhook_never_comes_and_its_event_can_be_read() {
    let rule = json!({"kind": "webhook_missing", "event_type": "payment_intent.succeeded", "count": 1});
    for (simulator, receiver) in struck(&rule, "webhook_missing@payment_intent.succeeded") {
        simulator.wait_for_deliveries("the others", |counts| counts["acknowledged"] == 2 && counts["open"] == 0);
        assert_eq!(sorted(receiver.kinds(2)), ["charge.succeeded", "payment_intent.created"]);
        let (_, list) = simulator.send("GET", "/v1/events?type=payment_intent.succeeded", "");
        assert_eq!((list["data"].as_array().unwrap().len(), &list["data"][0]["pending_webhooks"]), (1, &json!(1)));
        assert!(receiver.received.try_recv().is_err());
    }
}

#[test]
fn an_early_webhook_is_answered_before_the_request_that_caused_it() {
    let (let_go, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let early = "payment_intent.succeeded";
    let (came, arrived) = channel();
    let came = Mutex::new(came);
    let receiver = Receiver::start(move |received| {
        if received.kind() == early {
            came.lock().unwrap().send(()).unwrap();
            gate.lock().unwrap().recv_timeout(WAIT_MAX).unwrap();
        }
        Reply::Status(200)
    });
    let simulator = Arc::new(simulator(Config { webhook_early_ms: 60_000, ..config() }));
    register(&simulator, &receiver);
    simulator.post("/_admin/faults", &json!({"kind": "webhook_early", "event_type": early, "count": 1}).to_string());
    let (answered, answer) = channel();
    let payer = Arc::clone(&simulator);
    let thread = std::thread::spawn(move || answered.send(payer.pay("")).unwrap());
    arrived.recv_timeout(WAIT_MAX).unwrap();
    assert_eq!(answer.recv_timeout(Duration::from_millis(100)), Err(RecvTimeoutError::Timeout), "the API waits for the webhook");
    let_go.send(()).unwrap();
    assert_eq!(answer.recv_timeout(WAIT_MAX).unwrap()["status"], "succeeded");
    thread.join().unwrap();
    assert_eq!(simulator.fault_count("webhook_early"), 1);
}

#[test]
fn an_answer_waits_for_an_early_webhook_only_so_long() {
    let receiver = Receiver::start(|_| Reply::Nothing);
    let simulator = simulator(Config { webhook_early_ms: 50, ..config() });
    register(&simulator, &receiver);
    assert_eq!(simulator.pay("webhook_early")["status"], "succeeded");
    assert_eq!(simulator.fault_count("webhook_early"), 3);
}

#[test]
fn bad_signatures_and_old_times_are_refused_by_the_receiver_and_put_right_by_a_retry() {
    for (kind, complaint) in [("webhook_bad_signature", "no signature fits"), ("webhook_old_timestamp", "too old")] {
        let rule = json!({"kind": kind, "event_type": "charge.succeeded", "times": 2});
        for (simulator, receiver) in struck(&rule, &format!("{kind}@charge.succeeded:2")) {
            let charges: Vec<Received> = receiver.take(5).into_iter().filter(|received| received.kind() == "charge.succeeded").collect();
            let verdicts: Vec<Result<(), &str>> =
                charges.iter().map(|received| verify(received.header("stripe-signature"), &received.body, SECRET, now_s())).collect();
            assert_eq!(verdicts, [Err(complaint), Err(complaint), Ok(())]);
            let counts = simulator.wait_for_deliveries("acknowledged", |counts| counts["acknowledged"] == 3);
            assert_eq!((&counts["failed"], &counts["forged_acknowledged"]), (&json!(2), &json!(0)));
        }
    }
}

#[test]
fn a_receiver_that_accepts_what_is_forged_is_found_out() {
    let receiver = Receiver::start(|_| Reply::Status(200));
    let simulator = simulator(config());
    register(&simulator, &receiver);
    simulator.pay("webhook_bad_signature@charge.succeeded,webhook_old_timestamp@payment_intent.created");
    let counts = simulator.wait_for_deliveries("acknowledged", |counts| counts["acknowledged"] == 3);
    assert_eq!(counts["forged_acknowledged"], 2);
}

#[test]
fn during_a_rolls_overlap_both_secrets_sign_and_afterwards_the_new_one_alone() {
    let receiver = Receiver::start(|_| Reply::Status(200));
    let simulator = simulator(config());
    let endpoint = register(&simulator, &receiver);
    let signed = |received: &Received, secret: &str| accepts(received, secret);
    let secret = || simulator.send("GET", "/_admin/webhook_endpoints", "").1["endpoints"][0]["secret"].as_str().unwrap().to_owned();
    simulator.pay("webhook_rotated_secret");
    let new = secret();
    assert_ne!(new, SECRET);
    assert_eq!(simulator.fault_count("webhook_rotated_secret"), 3);
    for received in receiver.take(3) {
        assert_eq!(received.header("stripe-signature").matches(",v1=").count(), 2);
        assert!(signed(&received, SECRET) && signed(&received, &new));
    }
    // The overlap of a day ends; what is signed from then on has one signature.
    simulator.post("/_admin/advance", "{\"ms\":86400000}");
    simulator.pay("");
    assert!(receiver.take(3).iter().all(|received| !signed(received, SECRET) && signed(received, &new)));
    simulator.pay("webhook_rotated_secret@payment_intent.created:0");
    let newer = secret();
    for received in receiver.take(3) {
        assert!(signed(&received, &newer) && !signed(&received, &new), "the old one was gone at once");
    }
    let order = json!({"endpoint": endpoint["id"], "overlap_ms": 60_000, "secret": SECRET});
    let rolled = simulator.post("/_admin/webhook_endpoints/roll", &order.to_string());
    assert_eq!((&rolled["secret"], &rolled["old_secret"]), (&json!(SECRET), &json!(newer)));
    simulator.pay("");
    assert!(receiver.take(3).iter().all(|received| signed(received, SECRET) && signed(received, &newer)));
    for bad in [json!({"endpoint": "we_1"}), json!({"endpoint": endpoint["id"], "secret": "x"}), json!({})] {
        assert_eq!(simulator.send("POST", "/_admin/webhook_endpoints/roll", &bad.to_string()).0, 400, "{bad}");
    }
}

#[test]
fn types_and_words_that_nobody_knows_come_correctly_signed() {
    let rule = json!({"kind": "webhook_unknown_type", "event_type": "charge.succeeded"});
    for (simulator, receiver) in struck(&rule, "webhook_unknown_type@charge.succeeded") {
        let unknown = receiver.take(4).into_iter().find(|received| !STEPS.contains(&received.kind())).unwrap();
        assert!(accepts(&unknown, SECRET));
        let (status, event) = simulator.send("GET", &format!("/v1/events/{}", unknown.id()), "");
        assert_eq!((status, &event["type"]), (200, &unknown.event["type"]));
    }
    let rule = json!({"kind": "webhook_unknown_enum", "event_type": "payment_intent.succeeded"});
    for (simulator, receiver) in struck(&rule, "webhook_unknown_enum@payment_intent.succeeded") {
        let strange = receiver.take(3).into_iter().find(|received| received.kind() == "payment_intent.succeeded").unwrap();
        assert!(accepts(&strange, SECRET));
        assert_ne!(strange.event["data"]["object"]["status"], "succeeded");
        let (_, event) = simulator.send("GET", &format!("/v1/events/{}", strange.id()), "");
        assert_eq!(event["data"]["object"]["status"], "succeeded", "the object itself is as it should be");
    }
}

/// A folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bezant-sandbox-delivery-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    fn start(&self) -> Simulator {
        Simulator::start(Durable::open(&self.0, Some(7), config()).unwrap().0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_was_not_acknowledged_is_delivered_after_a_restart_and_nothing_else() {
    let folder = Folder::new();
    let works = Arc::new(AtomicBool::new(false));
    let working = Arc::clone(&works);
    let receiver = Receiver::start(move |received| {
        Reply::Status(if working.load(Ordering::Relaxed) || received.kind() == STEPS[0] { 200 } else { 503 })
    });
    let first = folder.start();
    first.post("/_admin/config", &json!({"webhook_retry_ms": [0, 86_400_000]}).to_string());
    register(&first, &receiver);
    first.pay("");
    first.wait_for_deliveries("one acknowledged, two failed twice", |counts| counts["acknowledged"] == 1 && counts["failed"] == 4);
    first.stop();
    let before: Vec<String> = receiver.take(5).iter().map(|received| received.id().to_owned()).collect();
    works.store(true, Ordering::Relaxed);
    let second = folder.start();
    let counts = second.wait_for_deliveries("found again", |counts| counts["open"] == 2);
    assert_eq!((&counts["acknowledged"], &counts["failed"]), (&json!(1), &json!(4)));
    second.post("/_admin/advance", "{\"ms\":86400000}");
    let after = receiver.take(2);
    assert!(after.iter().all(|received| received.kind() != STEPS[0] && before.contains(&received.id().to_owned())));
    second.wait_for_deliveries("all acknowledged", |counts| counts["acknowledged"] == 3 && counts["open"] == 0);
    second.stop();
    let third = folder.start();
    third.wait_for_deliveries("nothing is left", |counts| counts["acknowledged"] == 3 && counts["open"] == 0);
    assert!(receiver.received.try_recv().is_err());
}

#[test]
fn a_slow_body_trickles_at_its_rate_and_is_whole() {
    let simulator = simulator(config());
    let started = Instant::now();
    let plain = simulator.raw("POST", "/v1/customers", "name=a");
    assert!(started.elapsed() < Duration::from_secs(5));
    simulator.post("/_admin/faults", &json!({"kind": "slow_body", "operation": "customers.create", "bytes": 4_000}).to_string());
    let started = Instant::now();
    let slow = String::from_utf8(simulator.raw("POST", "/v1/customers", "name=a")).unwrap();
    let (head, body) = slow.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert_eq!(body.len().to_string(), length);
    serde_json::from_str::<Value>(body).unwrap();
    let at_least = Duration::from_millis(u64::try_from(body.len()).unwrap() * 1_000 / 4_000 / 2);
    assert!(started.elapsed() >= at_least, "{:?} for {} bytes of {}", started.elapsed(), body.len(), plain.len());
    assert_eq!(simulator.fault_count("slow_body"), 1);
}

#[test]
fn a_revoked_key_is_refused_until_it_is_restored() {
    let simulator = simulator(config());
    let rule = json!({"kind": "credentials_revoked", "operation": "payment_intents.create", "nth": 2});
    simulator.post("/_admin/faults", &rule.to_string());
    simulator.pay("");
    let pay = "amount=2000&currency=usd&confirm=true&payment_method_types[]=card&payment_method=pm_card_visa";
    for _ in 0..2 {
        let (status, answer) = simulator.send("POST", "/v1/payment_intents", pay);
        assert_eq!((status, &answer["error"]["code"]), (401, &json!("api_key_expired")));
        assert_eq!(simulator.send("GET", "/v1/balance", "").0, 401);
    }
    assert_eq!(simulator.fault_count("credentials_revoked"), 1, "one request was struck; the others had a key that was gone");
    assert_eq!(simulator.send("DELETE", "/_admin/credentials", "").1, json!({"revoked": []}));
    simulator.pay("");
    assert_eq!(simulator.post("/_admin/credentials", "{\"revoke\":\"sk_test_1\"}")["revoked"].as_array().unwrap().len(), 1);
    assert_eq!(simulator.send("GET", "/v1/balance", "").0, 401);
    simulator.post("/_admin/credentials", "{\"restore\":\"sk_test_1\"}");
    assert_eq!(simulator.send("GET", "/v1/balance", "").0, 200);
    assert_eq!(simulator.send("GET", "/_admin/truth?summary=1", "").1["totals"]["usd"]["captured"], 4_000);
}
