//! The overview's numbers are what happened: known outcomes are made, and every number is checked.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use axum::body::Body;
use base::Timestamp;
use http::Request;
use serde_json::{Value, json};
use std::time::Duration;
use support::{CALL_MS, Rig, STARTED_S, payment};

async fn operate(rig: &Rig, path: &str) -> Value {
    let answer = rig.operate("GET", path, None).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

/// A payment with this method; its status.
async fn pay(rig: &Rig, key: &str, method: &str) -> Value {
    rig.post("/v1/payments", key, payment(1_000, method)).await.json()
}

/// The points in which something happened, without their times.
fn points(overview: &Value) -> Vec<[u64; 6]> {
    let series = overview["payments"]["series"].as_array().unwrap();
    assert_eq!(series.len(), 60);
    assert!(series.is_sorted_by_key(|point| point["at"].as_str().unwrap().to_owned()));
    let counts = series
        .iter()
        .map(|point| ["created", "authorized", "captured", "declined", "failed", "unknown"].map(|name| point[name].as_u64().unwrap()));
    counts.filter(|counts| counts.iter().any(|count| *count > 0)).collect()
}

#[tokio::test]
async fn a_platform_without_payments_says_so() {
    let rig = Rig::new();
    rig.platform.pass(5);
    let overview = operate(&rig, "/v1/overview").await;
    assert_eq!((&overview["object"], &overview["window_s"]), (&json!("overview"), &json!(600)));
    assert_eq!(overview["since"], json!(Timestamp::from_s(STARTED_S).to_string()));
    assert_eq!(overview["payments"]["per_second_now"], json!(0.0));
    assert_eq!(points(&overview), [[0; 6]; 0]);
    assert!(overview["outcomes"].as_object().unwrap().values().all(|count| *count == json!(0)), "{}", overview["outcomes"]);
    let expected = json!({ "name": "stripe", "health": "idle", "sends": 0, "approved": 0, "pending": 0, "declined": 0, "rejected": 0,
        "not_sent": 0, "mismatched": 0, "unknown": 0, "p50_ms": null, "p99_ms": null, "last_unknown_at": null });
    assert_eq!(overview["providers"], json!([expected]));
    let seq = overview["journal"]["durable_seq"].as_u64().unwrap();
    assert_eq!(overview["journal"], json!({ "durable_seq": seq, "views_seq": seq, "views_lag_events": 0 }));
    assert_eq!(overview["needs_attention"], json!([]));
}

#[tokio::test]
async fn every_number_is_what_happened() {
    let rig = Rig::new();
    rig.platform.pass(100);
    for key in ["k1", "k2", "k3"] {
        assert_eq!(pay(&rig, key, "pm_card_visa").await["status"], "captured");
    }
    rig.platform.pass(100);
    let taken = pay(&rig, "k4", "pm_card_visa").await["id"].as_str().unwrap().to_owned();
    assert_eq!(pay(&rig, "k5", "pm_declined").await["status"], "declined");
    assert_eq!(pay(&rig, "k6", "pm_action").await["status"], "requires_action");
    let mut manual = payment(1_000, "pm_card_visa");
    manual["capture"] = json!("manual");
    let held = rig.post("/v1/payments", "k7", manual).await.json();
    assert_eq!(held["status"], "authorized");
    let canceled = rig.post(&format!("/v1/payments/{}/cancel", held["id"].as_str().unwrap()), "k8", json!({})).await.json();
    assert_eq!(canceled["status"], "canceled");
    rig.post("/v1/refunds", "k9", json!({ "payment": taken, "amount_minor": 10 })).await;
    rig.platform.silence();
    let waiting = tokio::spawn({
        let router = rig.router.clone();
        let body = Body::from(payment(1_000, "pm_card_visa").to_string());
        let request = rig.request("POST", "/v1/payments").header("idempotency-key", "k10").body(body).unwrap();
        async move { tower::ServiceExt::oneshot(router, request).await.unwrap().status() }
    });
    rig.platform.arrived(10).await;
    rig.platform.lose_answers();
    rig.platform.pass(1);

    let overview = operate(&rig, "/v1/overview").await;
    assert_eq!(overview["payments"]["per_second_now"], json!(0.5), "five in the last ten whole seconds");
    assert_eq!(points(&overview), [[3, 0, 3, 0, 0, 0], [5, 1, 1, 1, 0, 1]]);
    let expected = json!({ "created": 8, "authorized": 1, "captured": 4, "declined": 1, "failed": 0, "mismatched": 0,
        "requires_action": 1, "processing": 0, "canceled": 1, "expired": 0, "unknown": 1, "parked": 0, "refunded": 1,
        "refund_failed": 0, "disputed": 0 });
    assert_eq!(overview["outcomes"], expected);
    let stripe = &overview["providers"][0];
    let counts = ["sends", "approved", "pending", "declined", "rejected", "not_sent", "mismatched", "unknown"];
    assert_eq!(counts.map(|name| stripe[name].as_u64().unwrap()), [10, 7, 1, 1, 0, 0, 0, 1]);
    let ms = |name: &str| stripe[name].as_f64().unwrap();
    let call_ms = f64::from(u32::try_from(CALL_MS).unwrap());
    assert!(ms("p50_ms") >= call_ms && ms("p50_ms") <= call_ms * 1.07, "{stripe}");
    assert_eq!(stripe["p99_ms"], stripe["p50_ms"]);
    assert_eq!(stripe["health"], "degraded", "one of seven calls in the last minute came to nothing");
    assert!(stripe["last_unknown_at"].as_str().unwrap() < overview["at"].as_str().unwrap());
    assert_eq!((&overview["unknown_open"], &overview["parked"], &overview["quarantined"]), (&json!(1), &json!(0), &json!(0)));
    let noted = overview["needs_attention"].as_array().unwrap();
    assert_eq!(noted.iter().map(|noted| &noted["kind"]).collect::<Vec<_>>(), ["provider"]);

    waiting.abort();
}

#[tokio::test]
async fn what_waits_for_a_person_is_counted_and_named() {
    let rig = Rig::new();
    rig.platform.silence();
    let body = Body::from(payment(1_000, "pm_card_visa").to_string());
    let request = rig.request("POST", "/v1/payments").header("idempotency-key", "k1").body(body).unwrap();
    let waiting = tokio::spawn(tower::ServiceExt::oneshot(rig.router.clone(), request));
    rig.platform.arrived(1).await;
    rig.platform.park_all();
    rig.platform.run(&engine::Command::Quarantine { fingerprint: [7; 16] });
    rig.platform.run(&engine::Command::ReportClockJump { jump_ns: 9_000_000_000 });
    let overview = operate(&rig, "/v1/overview").await;
    assert_eq!((&overview["unknown_open"], &overview["parked"], &overview["quarantined"]), (&json!(0), &json!(1), &json!(1)));
    let noted = overview["needs_attention"].as_array().unwrap();
    let kinds: Vec<_> = noted.iter().map(|noted| (noted["kind"].as_str().unwrap(), noted["count"].as_u64().unwrap())).collect();
    assert_eq!(kinds, [("parked", 1), ("quarantined", 1), ("clock", 1)]);
    for one in noted {
        let path = one["path"].as_str().unwrap();
        assert_eq!(rig.operate("GET", path, None).await.status, 200, "{path}");
    }
    waiting.abort();
}

#[tokio::test]
async fn what_is_older_than_the_window_is_forgotten_and_a_late_unknown_is_counted_once() {
    let rig = Rig::new();
    rig.platform.silence();
    let body = json!({ "amount": { "amount_minor": 5, "currency": "EUR" }, "payment_method": "pm_card_visa" });
    let request = rig.request("POST", "/v1/payments").header("idempotency-key", "k1").body(Body::from(body.to_string())).unwrap();
    let waiting = tokio::spawn(tower::ServiceExt::oneshot(rig.router.clone(), request));
    rig.platform.arrived(1).await;
    rig.platform.lose_answers();
    for _ in 0..2 {
        rig.platform.pass(20);
        rig.platform.run(&engine::Command::Tick);
        rig.platform.lose_answers();
    }
    let overview = operate(&rig, "/v1/overview").await;
    let (created, unknown) = (&overview["outcomes"]["created"], &overview["outcomes"]["unknown"]);
    assert_eq!((created, unknown), (&json!(1), &json!(1)), "one call, however often it is asked about");
    assert_eq!(overview["providers"][0]["unknown"], json!(3), "three calls went out");
    rig.platform.pass(700);
    let later = operate(&rig, "/v1/overview").await;
    assert_eq!(later["outcomes"]["created"], json!(0));
    assert_eq!((&later["providers"][0]["sends"], &later["providers"][0]["health"]), (&json!(0), &json!("idle")));
    assert!(later["providers"][0]["last_unknown_at"].is_string(), "that is remembered");
    waiting.abort();
}

#[tokio::test]
async fn late_views_are_told() {
    let rig = Rig::new();
    rig.platform.pause_views(true);
    rig.captured("k1", 100).await;
    let journal = operate(&rig, "/v1/overview").await["journal"].clone();
    let number = |name: &str| journal[name].as_u64().unwrap();
    assert!(number("views_lag_events") >= 3, "{journal}");
    assert_eq!(number("durable_seq") - number("views_seq"), number("views_lag_events"));
}

#[tokio::test]
async fn performance_measures_requests_the_provider_the_disk_and_the_process() {
    let rig = Rig::new();
    let none = operate(&rig, "/v1/performance").await;
    for name in ["request_p50_ms", "added_p99_ms", "fsync_p50_us", "cpu_us_per_payment", "bytes_per_payment", "rss_mb"] {
        assert_eq!(none[name], Value::Null, "{name}");
    }
    let activity = api::Platform::activity(rig.platform.as_ref());
    let used = |cpu_us, written, resident| api::Usage { cpu_us, written_bytes: Some(written), resident_bytes: Some(resident) };
    let now = || api::Platform::now(rig.platform.as_ref());
    rig.platform.pass(90);
    activity.usage(now(), used(1_000_000, 5_000, 64 << 20));
    for key in ["k1", "k2", "k3", "k4", "k5", "k6"] {
        pay(&rig, key, "pm_card_visa").await;
    }
    rig.post("/v1/payments", "k6", payment(1_000, "pm_card_visa")).await;
    for took_us in [100, 200, 300] {
        activity.sync(now(), Duration::from_micros(took_us));
    }
    rig.platform.pass(5);
    activity.usage(now(), used(1_003_000, 65_000, 96 << 20));
    let measured = operate(&rig, "/v1/performance").await;
    assert_eq!((&measured["object"], &measured["window_s"]), (&json!("performance"), &json!(600)));
    assert_eq!(measured["payments_per_s"], json!(0.1), "six in a minute");
    assert_eq!((&measured["requests"], &measured["fsyncs"]), (&json!(6), &json!(3)), "a replay makes no payment");
    assert_eq!((&measured["cpu_us_per_payment"], &measured["bytes_per_payment"]), (&json!(500), &json!(10_000)));
    assert_eq!(measured["rss_mb"], json!(96.0));
    let number = |name: &str| measured[name].as_f64().unwrap();
    assert!((200.0..=213.0).contains(&number("fsync_p50_us")) && (300.0..=319.0).contains(&number("fsync_p99_us")), "{measured}");
    // The provider of this test takes longer than the whole request, which no time is wasted on: nothing was added.
    assert!(number("request_p50_ms") > 0.0 && number("added_p50_ms") <= number("request_p50_ms"), "{measured}");
    assert_eq!(measured["since"], json!(Timestamp::from_s(STARTED_S).to_string()));
}

#[tokio::test]
async fn both_are_for_operators_and_take_no_parameters() {
    let rig = Rig::new();
    for path in ["/v1/overview", "/v1/performance"] {
        assert_eq!(rig.get(path).await.problem(), (403, "api_key_wrong_kind".into()));
        let unknown = rig.operate("GET", &format!("{path}?since=x"), None).await;
        assert_eq!(unknown.problem(), (400, "query_parameter_unknown".into()));
        let open = rig.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await;
        assert_eq!(open.problem().1, "api_key_missing");
    }
}
