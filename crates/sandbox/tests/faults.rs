//! Scripted faults against the truth ledger: what is answered, how it is delivered, and what really happened.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Answer, Client, SECOND_MS};
use sandbox::stripe::{FaultKind, FaultRule};
use sandbox::wire::Delivery;
use serde_json::Value;
use std::num::NonZeroU64;

const PATH: &str = "/v1/payment_intents";

fn body(more: &str) -> String {
    format!("amount=2000&currency=usd&confirm=true&payment_method_types[]=card&payment_method=pm_card_visa&metadata[order_id]=o_1{more}")
}

/// Whether the transport gives the client a whole answer.
fn answered(answer: &Answer) -> bool {
    matches!(answer.delivery(), Delivery::Normal { .. })
}

/// One row per kind: status when answered (0: not), charges at once, charges after a retry with the same key one hour
/// later, status of that retry.
const TABLE: [(FaultKind, u16, usize, usize, u16); 14] = [
    (FaultKind::Latency, 200, 1, 1, 200),
    (FaultKind::Hang, 0, 1, 1, 200),
    (FaultKind::HangBeforeEffect, 0, 0, 1, 200),
    (FaultKind::LateEffect, 0, 0, 1, 200),
    (FaultKind::ResetBeforeEffect, 0, 0, 1, 200),
    (FaultKind::ResetAfterEffect, 0, 1, 1, 200),
    (FaultKind::Error500BeforeEffect, 500, 0, 0, 500),
    (FaultKind::Error500AfterEffect, 500, 1, 1, 500),
    (FaultKind::Conflict409, 409, 0, 1, 200),
    (FaultKind::RateLimit429, 429, 0, 1, 200),
    (FaultKind::UnknownEnum, 200, 1, 1, 200),
    (FaultKind::TruncatedBody, 0, 1, 1, 200),
    (FaultKind::SlowBody, 200, 1, 1, 200),
    (FaultKind::GarbageBody, 200, 1, 1, 200),
];

fn check(row: (FaultKind, u16, usize, usize, u16), client: &mut Client, body: &str, origin: &str) {
    let (kind, status, at_once, after_retry, retry_status) = row;
    let first = client.post_key(PATH, body, "k");
    assert_eq!(if answered(&first) { first.status } else { 0 }, status, "{origin} {kind:?}");
    assert_eq!(client.charge_count(), at_once, "{origin} {kind:?}");
    client.now_ms += 3_600 * SECOND_MS;
    client.stripe.advance_to(client.now_ms);
    assert_eq!(client.charge_count(), if kind == FaultKind::LateEffect { 1 } else { at_once }, "{origin} {kind:?}");
    let retry = client.post_key(PATH, body, "k");
    assert_eq!((retry.status, answered(&retry)), (retry_status, true), "{origin} {kind:?}: {}", retry.json);
    assert_eq!(client.charge_count(), after_retry, "{origin} {kind:?}");
    assert_eq!(client.stripe.fault_count(kind), 1, "{origin} {kind:?}");
    assert_eq!(client.stripe.truth().duplicate_count, 0);
}

#[test]
fn every_fault_does_to_money_and_answer_what_its_name_says() {
    assert_eq!(TABLE.map(|row| row.0), FaultKind::ALL);
    for row in TABLE {
        let mut client = Client::new();
        client.stripe.push_fault(FaultRule::times(row.0, "payment_intents.create", 1)).unwrap();
        check(row, &mut client, &body(""), "rule");
        check(row, &mut Client::new(), &body(&format!("&metadata[sim]={}", row.0.name())), "metadata");
    }
}

#[test]
fn every_fault_strikes_reads_without_changing_anything() {
    for kind in FaultKind::ALL {
        let mut client = Client::new();
        let paid = client.post(PATH, &body(""));
        let before = client.stripe.truth().charges;
        client.stripe.push_fault(FaultRule::times(kind, "payment_intents.get", 1)).unwrap();
        let read = client.get(&format!("{PATH}/{}", paid.id()));
        assert!(read.handled.changed, "a rule's counter moved");
        let plain = answered(&read) && read.status == 200 && read.json["status"] == "succeeded";
        assert_eq!(plain, [FaultKind::Latency, FaultKind::SlowBody].contains(&kind), "{kind:?}");
        assert_eq!(read.handled.body_bytes_per_s.is_some(), kind == FaultKind::SlowBody, "{kind:?}");
        let again = client.get(&format!("{PATH}/{}", paid.id()));
        assert_eq!((again.status, again.text("/status"), answered(&again)), (200, "succeeded", true));
        assert_eq!(client.stripe.truth().charges, before, "{kind:?}");
    }
}

#[test]
fn captures_cancels_confirms_and_refunds_are_scripted_by_the_intents_metadata() {
    let mut client = Client::new();
    let paid = client
        .post(PATH, &body("&capture_method=manual&metadata[sim_capture]=reset_after_effect&metadata[sim_refund]=error_500_before_effect"));
    let capture = format!("{PATH}/{}/capture", paid.id());
    assert_eq!(client.post_key(&capture, "", "c").delivery(), Delivery::ResetBeforeResponse { latency_ms: 0 });
    assert_eq!(client.money(), (2_000, 0, 0));
    assert_eq!(client.post_key(&capture, "", "c").text("/status"), "succeeded");
    assert_eq!(client.post_key("/v1/refunds", &format!("payment_intent={}", paid.id()), "r").status, 500);
    assert_eq!(client.money(), (2_000, 0, 0));
    let canceling = client.post(PATH, &body("&capture_method=manual&metadata[sim_cancel]=reset_before_effect"));
    let cancel = format!("{PATH}/{}/cancel", canceling.id());
    assert_eq!(client.post_key(&cancel, "", "x").delivery(), Delivery::ResetBeforeResponse { latency_ms: 0 });
    assert_eq!(client.money().2, 2_000);
    assert_eq!(client.post_key(&cancel, "", "x").text("/status"), "canceled");
}

#[test]
fn scripts_take_numbers_and_repetitions_and_ignore_what_is_no_fault() {
    let mut client = Client::new();
    let text = body("&metadata[sim]=conflict_409*2,latency:250");
    let statuses: Vec<u16> = (0..3)
        .map(|_| {
            client.now_ms += SECOND_MS;
            client.post_key(PATH, &text, "k").status
        })
        .collect();
    assert_eq!(statuses, [409, 409, 200]);
    let harmless = client.post_key(PATH, &body("&metadata[sim]=SIM-12345:nonsense*x,,"), "other");
    assert_eq!((harmless.status, harmless.delivery()), (200, Delivery::Normal { latency_ms: 0 }));
    let cut = client.post_key(PATH, &body("&metadata[sim]=truncated_body:10"), "cut");
    assert_eq!(cut.delivery(), Delivery::Truncated { bytes: 10, latency_ms: 0 });
}

#[test]
fn rules_choose_by_operation_path_metadata_turn_and_count() {
    let rate_limited = |rule: FaultRule| {
        let mut client = Client::new();
        client.stripe.push_fault(rule).unwrap();
        (0..6)
            .map(|number| client.post(PATH, &format!("amount=100&currency=usd&metadata[n]={number}")).status == 429)
            .collect::<Vec<bool>>()
    };
    let always = FaultRule::always(FaultKind::RateLimit429);
    let turns = |turns: [u8; 6]| turns.map(|turn| turn == 1).to_vec();
    assert_eq!(rate_limited(always.clone()), turns([1, 1, 1, 1, 1, 1]));
    assert_eq!(rate_limited(FaultRule { nth: NonZeroU64::new(3), ..always.clone() }), turns([0, 0, 1, 0, 0, 0]));
    assert_eq!(rate_limited(FaultRule { nth: NonZeroU64::new(3), count: Some(2), ..always.clone() }), turns([0, 0, 1, 1, 0, 0]));
    assert_eq!(rate_limited(FaultRule { count: Some(2), ..always.clone() }), turns([1, 1, 0, 0, 0, 0]));
    assert_eq!(
        rate_limited(FaultRule { metadata: [("n".to_owned(), "4".to_owned())].into(), ..always.clone() }),
        turns([0, 0, 0, 0, 1, 0])
    );
    assert_eq!(rate_limited(FaultRule { path: Some("/v1/payment*".to_owned()), ..always.clone() }), turns([1, 1, 1, 1, 1, 1]));
    assert_eq!(rate_limited(FaultRule { path: Some("/v1/refunds".to_owned()), ..always.clone() }), turns([0, 0, 0, 0, 0, 0]));
    assert_eq!(rate_limited(FaultRule { operation: Some("refunds.create".to_owned()), ..always.clone() }), turns([0, 0, 0, 0, 0, 0]));
    assert_eq!(rate_limited(FaultRule { probability_ppm: 0, ..always }), turns([0, 0, 0, 0, 0, 0]));
}

#[test]
fn a_probability_is_drawn_from_the_seed() {
    let struck = || {
        let mut client = Client::new();
        client.stripe.push_fault(FaultRule { probability_ppm: 250_000, ..FaultRule::always(FaultKind::RateLimit429) }).unwrap();
        (0..1_000).filter(|_| client.post(PATH, "amount=100&currency=usd").status == 429).count()
    };
    assert!((200..300).contains(&struck()), "{}", struck());
    assert_eq!(struck(), struck());
}

#[test]
fn a_late_effect_holds_its_key_and_happens_at_its_time() {
    let mut client = Client::new();
    let text = body("&metadata[sim]=late_effect:5000");
    assert_eq!(client.post_key(PATH, &text, "k").delivery(), Delivery::Hang { release_ms: 60 * SECOND_MS });
    client.now_ms += 4_999;
    assert_eq!(client.post_key(PATH, &text, "k").status, 409);
    assert_eq!(client.get(PATH).json["data"].as_array().unwrap().len(), 0, "looking it up proves nothing");
    assert_eq!(client.stripe.next_due_ms(), Some(client.now_ms + 1));
    client.now_ms += 1;
    let replay = client.post_key(PATH, &text, "k");
    assert_eq!((replay.status, replay.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(client.charge_count(), 1);
}

#[test]
fn an_unknown_status_is_only_in_the_answer() {
    let mut client = Client::new();
    let answer = client.post(PATH, &body("&metadata[sim]=unknown_enum&expand[]=latest_charge"));
    assert!(!["succeeded", "processing", "canceled"].contains(&answer.text("/status")));
    assert_eq!(answer.text("/latest_charge/status"), "succeeded");
    assert_eq!(client.intent(answer.id()).text("/status"), "succeeded");
}

#[test]
fn the_admin_door_adds_shows_counts_and_removes_rules() {
    let mut client = Client::new();
    let rules = r#"[{"kind":"error_500_after_effect","operation":"payment_intents.create","count":1},{"kind":"latency","latency_ms":5,"latency_spread_ms":5}]"#;
    let added = client.post("/_admin/faults", rules);
    assert_eq!((added.status, added.json["rules"].as_array().unwrap().len()), (200, 2));
    let struck = client.post(PATH, &body(""));
    assert_eq!(struck.status, 500);
    assert!(matches!(struck.delivery(), Delivery::Normal { latency_ms: 5..=10 }));
    let shown = client.get("/_admin/faults");
    assert_eq!((shown.number("/rules/0/struck"), shown.number("/counts/error_500_after_effect")), (1, 1));
    let removed = client.send(&common::request(sandbox::wire::Method::Delete, "/_admin/faults", "", "", None));
    assert_eq!(removed.json["rules"].as_array().unwrap().len(), 0);
    assert_eq!(removed.number("/counts/error_500_after_effect"), 1);
    for bad in [
        "",
        "{}",
        "[{\"kind\":\"nothing\"}]",
        "[{\"kind\":\"hang\",\"when\":1}]",
        "[{\"kind\":\"latency\",\"latency_ms\":99999999999}]",
        "[{\"kind\":\"hang\",\"probability_ppm\":1000001}]",
    ] {
        assert_eq!(client.post("/_admin/faults", bad).status, 400, "{bad}");
    }
    assert_eq!(client.get("/_admin/faults").json["rules"].as_array().unwrap().len(), 0, "a list is added whole or not at all");
}

#[test]
fn the_truth_is_paged_summed_and_grouped() {
    let mut client = Client::new();
    for order in ["a", "b", "b", "c"] {
        client.pay("pm_card_visa", &format!("&metadata[order_id]={order}"));
    }
    client.pay("pm_card_chargeDeclined", "&metadata[order_id]=a");
    client.pay("pm_card_visa", "&metadata[order_id]=d&capture_method=manual");
    client.post(PATH, "amount=500&currency=jpy&confirm=true&payment_method_types[]=card&payment_method=pm_card_visa");
    let summary = client.get("/_admin/truth?summary=1");
    assert_eq!(summary.json["charges"], Value::Array(Vec::new()));
    assert_eq!(
        (summary.number("/totals/usd/captured"), summary.number("/totals/usd/authorized_open"), summary.number("/totals/usd/fees")),
        (8_000, 2_000, 4 * 88)
    );
    assert_eq!((summary.number("/totals/jpy/captured"), summary.number("/totals/jpy/fees")), (500, 45));
    assert_eq!((summary.number("/duplicate_count"), summary.text("/duplicates/0/reference")), (1, "b"));
    let mut since = 0;
    let mut seen = Vec::new();
    loop {
        let page = client.get(&format!("/_admin/truth?since={since}&limit=4"));
        seen.extend(page.json["charges"].as_array().unwrap().iter().map(|charge| charge["payment_intent"].as_str().unwrap().to_owned()));
        match page.json["next_since"].as_i64() {
            Some(next) => since = next,
            None => break,
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 6);
    assert_eq!(client.get("/_admin/truth?reference=nothing").number("/duplicate_count"), 0);
    for query in ["since=x", "limit=0", "limit=1000000", "since=-1"] {
        assert_eq!(client.get(&format!("/_admin/truth?{query}")).status, 400, "{query}");
    }
}

#[test]
fn the_clock_can_be_moved_forward() {
    let mut client = Client::new();
    let open = client.pay("pm_card_visa", "&capture_method=manual");
    assert_eq!(client.post("/_admin/advance", "{\"ms\":604800000}").status, 200);
    assert_eq!(client.intent(open.id()).text("/status"), "canceled");
    assert_eq!(client.post("/_admin/advance", "{\"ms\":99999999999999}").status, 400);
}

#[test]
fn latencies_are_drawn_from_a_distribution_of_a_rule_or_of_the_configuration() {
    let drawn = |client: &mut Client| {
        let mut all: Vec<u64> = (0..400)
            .map(|_| match client.get("/v1/balance").delivery() {
                Delivery::Normal { latency_ms } => latency_ms,
                other => panic!("{other:?}"),
            })
            .collect();
        all.sort_unstable();
        all
    };
    for (latency, median, tail) in [
        (r#"{"shape":"uniform","min_ms":100,"max_ms":200}"#, 140..160, 190..201),
        (r#"{"shape":"normal","mean_ms":500,"deviation_ms":50}"#, 485..515, 580..720),
        (r#"{"shape":"long_tail","p50_ms":20,"p99_ms":400}"#, 15..26, 250..2_000),
    ] {
        let mut by_rule = Client::new();
        let rule = format!("{{\"kind\":\"latency\",\"latency\":{latency}}}");
        assert_eq!(by_rule.post("/_admin/faults", &rule).status, 200, "{latency}");
        let mut by_config = Client::new();
        assert_eq!(by_config.post("/_admin/config", &format!("{{\"latency\":{latency}}}")).status, 200, "{latency}");
        for client in [&mut by_rule, &mut by_config] {
            let all = drawn(client);
            assert!(median.contains(&all[200]) && tail.contains(&all[396]), "{latency}: {} {}", all[200], all[396]);
        }
        assert_eq!((by_rule.stripe.fault_count(FaultKind::Latency), by_config.stripe.fault_count(FaultKind::Latency)), (400, 0));
    }
    for bad in [r#"{"shape":"uniform","min_ms":2,"max_ms":1}"#, r#"{"shape":"round"}"#, r#"{"shape":"long_tail","p50_ms":0,"p99_ms":9}"#] {
        assert_eq!(Client::new().post("/_admin/config", &format!("{{\"latency\":{bad}}}")).status, 400, "{bad}");
        assert_eq!(Client::new().post("/_admin/faults", &format!("{{\"kind\":\"latency\",\"latency\":{bad}}}")).status, 400, "{bad}");
    }
}

#[test]
fn a_change_of_configuration_changes_what_it_names_and_nothing_else() {
    let mut client = Client::new();
    let before = client.get("/_admin/config").json;
    let changed = client.post("/_admin/config", r#"{"hang_ms":7,"webhook_retry_ms":[1,2]}"#);
    assert_eq!(changed.status, 200);
    let mut expected = before;
    expected["hang_ms"] = 7.into();
    expected["webhook_retry_ms"] = serde_json::json!([1, 2]);
    assert_eq!((&changed.json, &client.get("/_admin/config").json), (&expected, &expected));
    for bad in ["", "[]", r#"{"nonsense":1}"#, r#"{"hang_ms":-1}"#, r#"{"webhook_time_divisor":0}"#, r#"{"webhook_parallel_max":100000}"#] {
        assert_eq!(client.post("/_admin/config", bad).status, 400, "{bad}");
    }
    assert_eq!(client.get("/_admin/config").json, expected, "what is refused changes nothing");
}

#[test]
fn a_revoked_key_has_no_effect_and_others_go_on() {
    let mut client = Client::new();
    let revoked = client.post(PATH, &body("&metadata[sim]=credentials_revoked"));
    assert_eq!((revoked.status, revoked.text("/error/type")), (401, "invalid_request_error"));
    assert_eq!((client.charge_count(), client.stripe.fault_count(FaultKind::CredentialsRevoked)), (0, 1));
    assert_eq!(client.get("/v1/balance").status, 401);
    let mut other = common::request(sandbox::wire::Method::Get, "/v1/balance", "", "", None);
    other.headers.authorization = Some("Bearer sk_test_other".to_owned());
    assert_eq!(client.send(&other).status, 200);
    client.stripe.restore_key("sk_test_sandbox");
    assert_eq!(client.get("/v1/balance").status, 200);
    assert_eq!(client.post("/_admin/credentials", "{\"revoke_fingerprint\":\"x\"}").status, 400);
}
