//! Webhooks as data: what a driver without sockets takes, in which order, with which faults in it, and what becomes of it.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Client, DAY_MS, SECOND_MS, START_MS, sample, verify};
use sandbox::stripe::{Config, DeliveryOutcome, WebhookDelivery, WebhookFaultKind, WebhookRule};
use serde_json::{Value, json};
use std::num::{NonZeroU32, NonZeroU64};

const SECRET: &str = "whsec_of_the_shop";
const URL: &str = "http://127.0.0.1:9/hook";
const CREATED: &str = "payment_intent.created";
const CHARGED: &str = "charge.succeeded";
const PAID: &str = "payment_intent.succeeded";

fn with_endpoint(config: Config) -> Client {
    let mut client = Client::with_config(config);
    register(&mut client, URL);
    client
}

fn register(client: &mut Client, url: &str) -> String {
    client.post("/_admin/webhook_endpoints", &json!({"url": url, "secret": SECRET}).to_string()).id().to_owned()
}

fn take(client: &mut Client) -> Vec<WebhookDelivery> {
    client.stripe.take_deliveries(usize::MAX)
}

fn kinds(taken: &[WebhookDelivery]) -> Vec<&'static str> {
    taken.iter().map(|delivery| delivery.event_type).collect()
}

fn verdict(delivery: &WebhookDelivery) -> Result<(), &'static str> {
    verify(&delivery.signature_header, &delivery.body, SECRET, delivery.not_before_ms / 1_000)
}

/// What of a delivery does not follow from ids: number, type, time, predecessor, whether it is early and verifies, and how
/// many signatures it has.
type Shape = (u64, &'static str, u64, Option<u64>, bool, bool, usize);

fn shape(delivery: &WebhookDelivery) -> Shape {
    let WebhookDelivery { number, event_type, not_before_ms, after, early, signature_header, .. } = delivery;
    (*number, *event_type, *not_before_ms, *after, *early, verdict(delivery).is_ok(), signature_header.matches("v1=").count())
}

/// A payment with a script in its request, and one under a rule: both give the same deliveries.
fn struck(kind: WebhookFaultKind, event_type: &str, number: Option<u64>) -> (Client, Vec<WebhookDelivery>) {
    let mut scripted = with_endpoint(Config::standard());
    let number_text = number.map_or_else(String::new, |number| format!(":{number}"));
    scripted.pay("pm_card_visa", &format!("&metadata[sim]={}@{event_type}{number_text}", kind.name()));
    let mut ruled = with_endpoint(Config::standard());
    let times = number.and_then(|number| u32::try_from(number).ok()).filter(|times| (1..=16).contains(times));
    ruled.stripe.push_webhook_fault(WebhookRule { times, delay_ms: number, ..WebhookRule::times(kind, event_type, 9) }).unwrap();
    ruled.pay("pm_card_visa", "");
    assert_eq!((scripted.stripe.webhook_fault_count(kind), ruled.stripe.webhook_fault_count(kind)), (1, 1), "{kind:?}");
    let (by_script, by_rule) = (take(&mut scripted), take(&mut ruled));
    let shapes = |taken: &[WebhookDelivery]| taken.iter().map(shape).collect::<Vec<Shape>>();
    assert_eq!(shapes(&by_script), shapes(&by_rule), "{kind:?}");
    (scripted, by_script)
}

#[test]
fn the_official_signature_vectors_are_what_the_signer_writes() {
    let Some(text) = sample("wire/webhook-signature-vectors.json") else { return };
    let vector = &serde_json::from_str::<Value>(&text).unwrap()["stripe"];
    let part = |name: &str| vector[name].as_str().unwrap();
    let time_s = vector["timestamp"].as_u64().unwrap();
    assert_eq!(sandbox::signature::header(time_s, part("payload").as_bytes(), [part("secret")]), part("header"));
    assert_eq!(verify(part("header"), part("payload").as_bytes(), part("secret"), time_s), Ok(()));
}

#[test]
fn each_fault_is_data_in_what_is_taken() {
    use WebhookFaultKind as Kind;
    for kind in Kind::ALL {
        let number = match kind {
            Kind::Late => Some(90 * SECOND_MS),
            Kind::RotatedSecret => Some(5 * SECOND_MS),
            Kind::Missing | Kind::Early | Kind::UnknownEnum => None,
            _ => Some(2),
        };
        let (_, taken) = struck(kind, CHARGED, number);
        let expected: &[&str] = match kind {
            Kind::Duplicate => &[CREATED, CHARGED, CHARGED, CHARGED, PAID],
            Kind::Late => &[CREATED, PAID, CHARGED],
            Kind::Missing | Kind::Reorder => &[CREATED, PAID],
            Kind::UnknownType => &[CREATED, CHARGED, "sandbox.never_heard_of", "sandbox.never_heard_of", PAID],
            Kind::Early | Kind::BadSignature | Kind::OldTimestamp | Kind::RotatedSecret | Kind::UnknownEnum => &[CREATED, CHARGED, PAID],
        };
        assert_eq!(kinds(&taken), expected, "{kind:?}");
        for delivery in &taken {
            let charge = delivery.event_type == CHARGED;
            let expected = match kind {
                Kind::BadSignature if charge => Err("no signature fits"),
                Kind::OldTimestamp if charge => Err("too old"),
                _ => Ok(()),
            };
            assert_eq!(verdict(delivery), expected, "{kind:?} {}", delivery.event_type);
            let late_ms = if charge && kind == Kind::Late { 90 * SECOND_MS } else { 0 };
            assert_eq!(delivery.not_before_ms, START_MS + late_ms, "{kind:?}");
            assert_eq!(delivery.early, charge && kind == Kind::Early);
            let body: Value = serde_json::from_slice(&delivery.body).unwrap();
            let status = body["data"]["object"]["status"].as_str().unwrap();
            let known = ["requires_confirmation", "succeeded"].contains(&status);
            assert_eq!(known, !(charge && kind == Kind::UnknownEnum), "{kind:?}: {status}");
        }
        let rolled = kind == Kind::RotatedSecret;
        assert_eq!(taken[1].signature_header.matches("v1=").count(), if rolled { 2 } else { 1 });
    }
}

#[test]
fn a_reordered_delivery_stands_behind_the_next_of_its_object() {
    let (_, taken) = struck(WebhookFaultKind::Reorder, CREATED, Some(1));
    assert_eq!(kinds(&taken), [CHARGED, PAID, CREATED]);
    assert_eq!((taken[2].after, taken[2].not_before_ms), (Some(taken[1].number), START_MS));
    // Nothing follows: it waits for a capture that comes, or for its longest time.
    for captures in [true, false] {
        let mut client = with_endpoint(Config::standard());
        let id = client.pay("pm_card_visa", "&capture_method=manual&metadata[sim]=webhook_reorder@charge.succeeded").id().to_owned();
        assert_eq!(kinds(&take(&mut client)), [CREATED, "payment_intent.amount_capturable_updated"]);
        client.now_ms += 10 * SECOND_MS;
        if captures {
            client.post(&format!("/v1/payment_intents/{id}/capture"), "");
            assert_eq!(kinds(&take(&mut client)), ["charge.captured", CHARGED, PAID]);
            continue;
        }
        client.stripe.advance_to(client.now_ms);
        assert_eq!(client.stripe.next_delivery_ms(), Some(START_MS + 60 * SECOND_MS));
        client.stripe.advance_to(START_MS + 60 * SECOND_MS);
        assert_eq!(kinds(&take(&mut client)), [CHARGED]);
    }
}

#[test]
fn a_driver_that_takes_what_is_due_gets_a_reordered_delivery_only_after_the_other_was_tried() {
    let mut client = with_endpoint(Config::standard());
    client.pay("pm_card_visa", "&metadata[sim]=webhook_reorder@payment_intent.created");
    let everything = |_: &str| usize::MAX;
    let due = client.stripe.take_due_deliveries(client.now_ms, &everything);
    assert_eq!(kinds(&due), [CHARGED, PAID]);
    assert_eq!(client.stripe.take_due_deliveries(client.now_ms, &everything), []);
    client.stripe.finish_delivery(due[1].number, DeliveryOutcome::Failed, client.now_ms);
    assert_eq!(kinds(&client.stripe.take_due_deliveries(client.now_ms, &everything)), [CREATED]);
}

#[test]
fn room_is_kept_for_each_endpoint_by_itself() {
    let mut client = with_endpoint(Config::standard());
    let second = register(&mut client, "http://127.0.0.1:9/second");
    client.pay("pm_card_visa", "");
    let due = client.stripe.take_due_deliveries(client.now_ms, &|endpoint| if endpoint == second { 1 } else { 0 });
    assert_eq!((kinds(&due), &due[0].endpoint_id), (vec![CREATED], &second));
    assert_eq!(client.stripe.delivery_counts().waiting, 5);
    assert_eq!(client.stripe.take_deliveries(2).len(), 2);
}

#[test]
fn an_early_delivery_is_named_by_the_answer_that_waits_for_it() {
    let mut client = with_endpoint(Config::standard());
    let paid = client.pay("pm_card_visa", "&metadata[sim]=webhook_early@payment_intent.succeeded");
    let early: Vec<u64> = take(&mut client).iter().filter(|delivery| delivery.early).map(|delivery| delivery.number).collect();
    assert_eq!((early.len(), &paid.handled.early), (1, &early));
    assert!(!client.stripe.was_delivery_tried(early[0]));
    client.stripe.finish_delivery(early[0], DeliveryOutcome::Failed, client.now_ms);
    assert!(client.stripe.was_delivery_tried(early[0]));
    // What happens by itself holds no request up; what a challenge page causes does.
    client.stripe.push_webhook_fault(WebhookRule::always(WebhookFaultKind::Early)).unwrap();
    let challenged = client.pay("pm_card_threeDSecure2Required", "&capture_method=manual");
    assert_eq!(client.post(&format!("/3ds/{}", challenged.id()), "result=success").handled.early.len(), 2);
    client.now_ms += 8 * DAY_MS;
    assert!(client.get("/v1/balance").handled.early.is_empty());
}

#[test]
fn attempts_follow_the_schedule_and_sign_their_own_time() {
    for divisor in [1, 1_000] {
        let config = Config {
            webhook_retry_ms: vec![60_000, 120_000, 3_600_000],
            webhook_time_divisor: NonZeroU32::new(divisor).unwrap(),
            ..Config::standard()
        };
        let mut client = with_endpoint(config);
        client.post("/v1/customers", "");
        let mut times_ms = Vec::new();
        while let Some(delivery) = take(&mut client).pop() {
            assert_eq!(u32::try_from(times_ms.len()).unwrap() + 1, delivery.attempt);
            assert!(delivery.signature_header.starts_with(&format!("t={},", delivery.not_before_ms / 1_000)));
            assert_eq!(verdict(&delivery), Ok(()));
            times_ms.push(delivery.not_before_ms - START_MS);
            client.stripe.finish_delivery(delivery.number, DeliveryOutcome::Failed, delivery.not_before_ms);
        }
        assert_eq!(times_ms, [0, 60_000, 180_000, 3_780_000].map(|ms: u64| ms / u64::from(divisor)));
        let counts = client.stripe.delivery_counts();
        assert_eq!((counts.failed, counts.abandoned, counts.open), (4, 1, 0));
        assert_eq!(client.get("/v1/events?type=customer.created").number("/data/0/pending_webhooks"), 1);
    }
}

#[test]
fn a_copy_of_what_was_acknowledged_is_not_tried_again() {
    let (mut client, taken) = struck(WebhookFaultKind::Duplicate, CHARGED, Some(2));
    for (delivery, outcome) in
        taken[1..4].iter().zip([DeliveryOutcome::Acknowledged, DeliveryOutcome::Acknowledged, DeliveryOutcome::Failed])
    {
        client.stripe.finish_delivery(delivery.number, outcome, client.now_ms);
    }
    assert_eq!(take(&mut client), []);
    assert_eq!(client.get("/v1/events?type=charge.succeeded").number("/data/0/pending_webhooks"), 0);
}

#[test]
fn a_moved_clock_moves_deliveries_and_not_the_time_that_is_signed() {
    let mut client = with_endpoint(Config::standard());
    client.pay("pm_card_visa", "&metadata[sim]=webhook_late@payment_intent.created:86400000");
    assert_eq!(client.stripe.next_delivery_ms(), Some(START_MS + DAY_MS));
    client.post("/_admin/advance", &json!({"ms": DAY_MS}).to_string());
    assert_eq!(client.stripe.next_delivery_ms(), None);
    let all = take(&mut client);
    assert_eq!(kinds(&all), [CHARGED, PAID, CREATED]);
    assert!(all.iter().all(|delivery| verify(&delivery.signature_header, &delivery.body, SECRET, START_MS / 1_000).is_ok()));
    assert!(all[2].not_before_ms <= START_MS && all[2].signature_header.starts_with(&format!("t={}", START_MS / 1_000)));
}

#[test]
fn rules_choose_by_type_endpoint_metadata_turn_count_and_chance() {
    let always = WebhookRule::always(WebhookFaultKind::Missing);
    let named = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let mut client = with_endpoint(Config::standard());
    let second = register(&mut client, "http://127.0.0.1:9/second");
    for (rule, missing) in [
        (always.clone(), 8),
        (WebhookRule { event_type: Some("charge.*".to_owned()), ..always.clone() }, 4),
        (WebhookRule { event_type: Some("charge".to_owned()), ..always.clone() }, 0),
        (WebhookRule { endpoint: Some(second), ..always.clone() }, 4),
        (WebhookRule { endpoint: Some(URL.to_owned()), ..always.clone() }, 4),
        (WebhookRule { metadata: named("order_id", "o_9"), ..always.clone() }, 8),
        (WebhookRule { metadata: named("order_id", "o_8"), ..always.clone() }, 0),
        (WebhookRule { nth: NonZeroU64::new(3), ..always.clone() }, 1),
        (WebhookRule { nth: NonZeroU64::new(3), count: Some(2), ..always.clone() }, 2),
        (WebhookRule { count: Some(5), ..always.clone() }, 5),
        (WebhookRule { probability_ppm: 0, ..always.clone() }, 0),
    ] {
        let told = format!("{rule:?}");
        client.stripe.push_webhook_fault(rule).unwrap();
        let id = client.pay("pm_card_visa", "&metadata[order_id]=o_9").id().to_owned();
        // The refund's own metadata say nothing, those of its payment do.
        client.post("/v1/refunds", &format!("payment_intent={id}"));
        client.stripe.clear_faults();
        let all = take(&mut client);
        let steps = [CREATED, CHARGED, PAID, "charge.refunded"];
        assert_eq!(8 - all.iter().filter(|delivery| steps.contains(&delivery.event_type)).count(), missing.min(8), "{told}");
    }
    for bad in [
        WebhookRule { times: Some(17), ..always.clone() },
        WebhookRule { times: Some(0), ..always.clone() },
        WebhookRule { delay_ms: Some(u64::MAX), ..always.clone() },
        WebhookRule { probability_ppm: 1_000_001, ..always },
    ] {
        assert!(client.stripe.push_webhook_fault(bad.clone()).is_err(), "{bad:?}");
    }
}

#[test]
fn several_faults_strike_one_delivery_together() {
    let mut client = with_endpoint(Config::standard());
    client.pay(
        "pm_card_visa",
        "&metadata[sim]=latency:5,webhook_duplicate@charge.succeeded,webhook_late@charge.succeeded:1000,webhook_bad_signature",
    );
    let all = take(&mut client);
    assert_eq!(kinds(&all), [CREATED, PAID, CHARGED, CHARGED]);
    assert!(all.iter().all(|delivery| verdict(delivery) == Err("no signature fits")));
    assert_eq!(all[3].not_before_ms, START_MS + 1_000);
}

#[test]
fn captures_refunds_and_late_effects_are_scripted_too_and_a_replay_tells_nothing_again() {
    let mut client = with_endpoint(Config::standard());
    let scripts = "&capture_method=manual&metadata[sim_capture]=webhook_missing&metadata[sim_refund]=webhook_missing@refund.created";
    let id = client.pay("pm_card_visa", scripts).id().to_owned();
    take(&mut client);
    client.post_key(&format!("/v1/payment_intents/{id}/capture"), "", "c");
    client.post_key(&format!("/v1/payment_intents/{id}/capture"), "", "c");
    assert_eq!(kinds(&take(&mut client)), [] as [&str; 0]);
    client.post("/v1/refunds", &format!("payment_intent={id}"));
    assert_eq!(kinds(&take(&mut client)), ["charge.refunded"]);
    client.pay("pm_card_visa", "&metadata[sim]=late_effect:1000,webhook_missing@charge.succeeded");
    client.stripe.advance_to(client.now_ms + 1_000);
    assert_eq!(kinds(&take(&mut client)), [CREATED, PAID]);
    assert_eq!(client.stripe.webhook_fault_count(WebhookFaultKind::Missing), 4);
}

#[test]
fn the_admin_door_takes_shows_and_counts_rules_about_webhooks() {
    let mut client = with_endpoint(Config::standard());
    let rules = r#"[{"kind":"webhook_duplicate","event_type":"charge.*","times":2,"count":1},{"kind":"latency","latency_ms":5}]"#;
    let added = client.post("/_admin/faults", rules);
    assert_eq!((added.status, added.number("/webhook_rules/0/rule/times"), added.number("/rules/0/id")), (200, 2, 1));
    client.pay("pm_card_visa", "");
    let shown = client.get("/_admin/faults");
    assert_eq!((shown.number("/webhook_rules/0/matched"), shown.number("/webhook_rules/0/struck")), (1, 1));
    assert_eq!((shown.number("/counts/webhook_duplicate"), shown.number("/counts/latency")), (1, 1));
    for bad in [
        r#"{"kind":"webhook_nothing"}"#,
        r#"{"kind":"webhook_late","operation":"payment_intents.create"}"#,
        r#"{"kind":"latency","event_type":"charge.succeeded"}"#,
        r#"[{"kind":"webhook_late"},{"kind":"webhook_late","times":99}]"#,
    ] {
        assert_eq!(client.post("/_admin/faults", bad).status, 400, "{bad}");
    }
    assert_eq!(client.get("/_admin/faults").json["webhook_rules"].as_array().unwrap().len(), 1, "a list is added whole or not at all");
    let deliveries = client.get("/_admin/deliveries");
    assert_eq!((deliveries.number("/counts/open"), deliveries.number("/counts/waiting")), (5, 5));
    assert_eq!((deliveries.text("/open/0/event_type"), deliveries.number("/open/4/number")), (CREATED, 4));
    assert_eq!((deliveries.number("/open/1/attempt"), deliveries.number("/open/1/due_ms")), (1, i64::try_from(START_MS).unwrap()));
}

#[test]
fn the_admin_door_makes_changes_and_shows_endpoints() {
    let mut client = Client::new();
    let order = json!({"url": URL, "secret": SECRET, "enabled_events": ["charge.succeeded"], "api_version": "2023-08-16"});
    let made = client.post("/_admin/webhook_endpoints", &order.to_string());
    assert!(made.handled.changed);
    assert!(!client.post("/_admin/webhook_endpoints", &order.to_string()).handled.changed, "it is as ordered already");
    let changed = client.post("/_admin/webhook_endpoints", &json!({"url": URL}).to_string());
    assert_eq!((changed.id(), changed.text("/secret"), changed.text("/enabled_events/0")), (made.id(), SECRET, "*"));
    let other = client.post("/_admin/webhook_endpoints", &json!({"url": URL, "secret": "whsec_other"}).to_string());
    assert_eq!((other.id(), other.text("/secret"), &other.json["old_secret"]), (made.id(), "whsec_other", &Value::Null));
    assert_eq!(client.get("/_admin/webhook_endpoints").json["endpoints"].as_array().unwrap().len(), 1);
    assert_eq!(client.get(&format!("/v1/webhook_endpoints/{}", made.id())).text("/url"), URL);
    for bad in [json!({}), json!({"url": "nowhere"}), json!({"url": URL, "secret": "plain"}), json!({"url": URL, "enabled_events": ["x"]})]
    {
        assert_eq!(client.post("/_admin/webhook_endpoints", &bad.to_string()).status, 400, "{bad}");
    }
}
