//! Events and webhook endpoints: what is told of each life cycle, how it can be read, and what waits to be delivered.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Client, DAY_MS, SECOND_MS, request};
use sandbox::stripe::{Config, DELIVERIES_MAX, DeliveryCounts, DeliveryOutcome, EVENTS_MAX};
use sandbox::wire::Method;
use serde_json::{Value, json};

/// Types of all events, oldest first.
fn told(client: &mut Client) -> Vec<String> {
    let list = client.get("/v1/events?limit=100");
    let mut types: Vec<String> =
        list.json["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    types.reverse();
    types
}

/// A life cycle: a name, what happens, which events are told.
type Case = (&'static str, fn(&mut Client), &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "a payment",
        |client| drop(client.pay("pm_card_visa", "")),
        &["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"],
    ),
    (
        "a decline",
        |client| drop(client.pay("pm_card_chargeDeclined", "")),
        &["payment_intent.created", "charge.failed", "payment_intent.payment_failed"],
    ),
    (
        "a challenge",
        |client| {
            let id = client.pay("pm_card_threeDSecure2Required", "").id().to_owned();
            client.post(&format!("/3ds/{id}"), "result=success");
        },
        &["payment_intent.created", "payment_intent.requires_action", "charge.succeeded", "payment_intent.succeeded"],
    ),
    (
        "an authorisation and its capture",
        |client| {
            let id = client.pay("pm_card_visa", "&capture_method=manual").id().to_owned();
            client.post(&format!("/v1/payment_intents/{id}/capture"), "");
        },
        &[
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.amount_capturable_updated",
            "charge.captured",
            "payment_intent.succeeded",
        ],
    ),
    (
        "an authorisation given back",
        |client| {
            let id = client.pay("pm_card_visa", "&capture_method=manual").id().to_owned();
            client.post(&format!("/v1/payment_intents/{id}/cancel"), "");
        },
        &[
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.amount_capturable_updated",
            "charge.refunded",
            "payment_intent.canceled",
        ],
    ),
    (
        "an authorisation that runs out",
        |client| {
            client.pay("pm_card_visa", "&capture_method=manual");
            client.now_ms += 7 * DAY_MS;
        },
        &[
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.amount_capturable_updated",
            "charge.expired",
            "payment_intent.canceled",
        ],
    ),
    (
        "a bank debit",
        |client| {
            client.pay("pm_usBankAccount_success", "");
            client.now_ms += DAY_MS;
        },
        &["payment_intent.created", "charge.pending", "payment_intent.processing", "charge.succeeded", "payment_intent.succeeded"],
    ),
    (
        "a refund that fails later",
        |client| {
            let id = client.pay("pm_card_refundFail", "").id().to_owned();
            client.post("/v1/refunds", &format!("payment_intent={id}"));
            client.now_ms += DAY_MS;
        },
        &[
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "charge.refunded",
            "refund.created",
            "refund.failed",
            "refund.updated",
            "charge.refund.updated",
        ],
    ),
    (
        "a dispute that nobody answers",
        |client| {
            client.pay("pm_card_createDispute", "");
            client.now_ms += 8 * DAY_MS;
        },
        &[
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.closed",
        ],
    ),
    (
        "a kept card",
        |client| {
            let id = client.post("/v1/customers", "").id().to_owned();
            client.post("/v1/setup_intents", &format!("confirm=true&payment_method=pm_card_visa&customer={id}"));
            client.send(&request(Method::Delete, &format!("/v1/customers/{id}"), "", "", None));
        },
        &[
            "customer.created",
            "setup_intent.created",
            "payment_method.attached",
            "setup_intent.succeeded",
            "payment_method.detached",
            "customer.deleted",
        ],
    ),
    (
        "a charge without an intent",
        |client| drop(client.post("/v1/charges", "amount=500&currency=usd&source=tok_visa")),
        &["charge.succeeded"],
    ),
    (
        "payouts that arrive and come back",
        |client| {
            client.post("/v1/charges", "amount=5000&currency=usd&source=tok_bypassPending");
            client.post("/v1/payouts", "amount=100&currency=usd");
            client.now_ms += DAY_MS;
            client.post("/v1/payouts", "amount=100&currency=usd&destination=ba_000111111116");
            client.now_ms += DAY_MS;
        },
        &["charge.succeeded", "payout.created", "payout.paid", "payout.created", "payout.failed"],
    ),
];

#[test]
fn every_step_of_a_life_cycle_is_told_in_order() {
    for (name, happens, expected) in CASES {
        let mut client = Client::new();
        happens(&mut client);
        assert_eq!(told(&mut client), *expected, "{name}");
    }
}

#[test]
fn an_event_shows_the_object_as_it_was_and_what_an_update_changed() {
    let mut client = Client::new();
    let made = client.post_key("/v1/customers", "name=a&metadata[x]=1", "k1");
    client.post(&format!("/v1/customers/{}", made.id()), "name=b&metadata[y]=2");
    let created = client.get("/v1/events?type=customer.created");
    assert_eq!(created.text("/data/0/data/object/name"), "a");
    assert!(created.json.pointer("/data/0/data/previous_attributes").is_none());
    assert_eq!(created.json["data"][0]["request"], json!({"id": made.header("request-id").unwrap(), "idempotency_key": "k1"}));
    let updated = client.get("/v1/events?type=customer.updated");
    assert_eq!(updated.json["data"][0]["data"]["previous_attributes"], json!({"name": "a", "metadata": {"y": null}}));
    let single = client.get(&format!("/v1/events/{}", updated.text("/data/0/id")));
    assert_eq!(single.json, updated.json["data"][0]);
    client.pay("pm_card_visa", "&capture_method=manual");
    client.now_ms += 7 * DAY_MS;
    let expired = client.get("/v1/events?type=charge.expired");
    assert_eq!(expired.json["data"][0]["request"], json!({"id": null, "idempotency_key": null}), "nobody asked for it");
}

#[test]
fn events_of_a_dispute_name_its_payment_and_what_moved() {
    let mut client = Client::new();
    let paid = client.pay("pm_card_createDispute", "").id().to_owned();
    client.now_ms += DAY_MS;
    let dispute = client.get("/v1/disputes").text("/data/0/id").to_owned();
    client.post(&format!("/v1/disputes/{dispute}"), "evidence[uncategorized_text]=winning_evidence&submit=true");
    client.now_ms += DAY_MS;
    let list = client.get("/v1/events?type=charge.dispute.*&limit=100").json["data"].as_array().unwrap().clone();
    let moved: Vec<(&str, Vec<[i64; 2]>)> = list
        .iter()
        .rev()
        .map(|event| {
            let object = &event["data"]["object"];
            assert_eq!((&object["id"], &object["payment_intent"]), (&json!(dispute), &json!(paid)), "{event}");
            assert!(object["charge"].is_string());
            let transactions = object["balance_transactions"].as_array().unwrap();
            let amounts = transactions.iter().map(|transaction| {
                assert_eq!((&transaction["source"], &transaction["type"]), (&json!(dispute), &json!("adjustment")));
                ["amount", "fee"].map(|name| transaction[name].as_i64().unwrap())
            });
            (event["type"].as_str().unwrap(), amounts.collect())
        })
        .collect();
    let (taken, given_back) = ([-2_000, 1_500], [2_000, -1_500]);
    assert_eq!(
        moved,
        [
            ("charge.dispute.created", vec![taken]),
            ("charge.dispute.funds_withdrawn", vec![taken]),
            ("charge.dispute.updated", vec![taken]),
            ("charge.dispute.funds_reinstated", vec![taken, given_back]),
            ("charge.dispute.closed", vec![taken, given_back]),
        ]
    );
}

#[test]
fn an_event_shows_references_as_ids_and_a_late_balance_transaction_is_told() {
    let mut client = Client::with_config(Config { transaction_lag_ms: 5 * SECOND_MS, ..Config::standard() });
    let charge = client.pay("pm_card_visa", "").text("/latest_charge").to_owned();
    let paid = client.get("/v1/events?type=payment_intent.succeeded");
    assert_eq!(paid.text("/data/0/data/object/latest_charge"), charge);
    assert!(client.get("/v1/events?type=charge.succeeded").json["data"][0]["data"]["object"]["balance_transaction"].is_null());
    assert!(!told(&mut client).contains(&"charge.updated".to_owned()));
    client.now_ms += 5 * SECOND_MS;
    let updated = client.get("/v1/events?type=charge.updated");
    assert!(updated.text("/data/0/data/object/balance_transaction").starts_with("txn_"));
    assert_eq!(updated.json["data"][0]["data"]["previous_attributes"], json!({"balance_transaction": null}));
}

#[test]
fn events_are_listed_by_type_group_and_time_and_forgotten_after_thirty_days() {
    let mut client = Client::new();
    client.pay("pm_card_visa", "");
    client.now_ms += 10 * SECOND_MS;
    client.post("/v1/customers", "");
    let count = |client: &mut Client, query: &str| client.get(&format!("/v1/events?{query}")).json["data"].as_array().map_or(0, Vec::len);
    let later = (common::START_MS + 10_000) / 1_000;
    for (query, expected) in [
        ("", 4),
        ("type=charge.succeeded", 1),
        ("type=payment_intent.*", 2),
        ("types[]=charge.succeeded&types[]=customer.created", 2),
        (&format!("created[gte]={later}"), 1),
        ("delivery_success=true", 4),
        ("delivery_success=false", 0),
    ] {
        assert_eq!(count(&mut client, query), expected, "{query}");
    }
    assert_eq!(client.get("/v1/events?type=a.b&types[]=c.d").status, 400);
    let id = client.get("/v1/events?limit=1").text("/data/0/id").to_owned();
    client.now_ms += 30 * DAY_MS - 1;
    assert_eq!(count(&mut client, ""), 1);
    client.now_ms += 2;
    assert_eq!((count(&mut client, ""), client.get(&format!("/v1/events/{id}")).status), (0, 404));
}

#[test]
fn only_so_many_events_are_kept() {
    let mut client = Client::new();
    let id = client.post("/v1/customers", "name=first").id().to_owned();
    for number in 0..EVENTS_MAX {
        client.stripe.handle(&request(Method::Post, &format!("/v1/customers/{id}"), "", &format!("name={number}"), None), client.now_ms);
    }
    assert_eq!(client.get("/v1/events?type=customer.created").json["data"], json!([]));
    assert_eq!(client.get("/v1/events?type=customer.updated&limit=1").text("/data/0/data/object/name"), (EVENTS_MAX - 1).to_string());
}

fn endpoint(client: &mut Client, more: &str) -> common::Answer {
    client.post("/v1/webhook_endpoints", &format!("url=https://shop.example/hook{more}"))
}

#[test]
fn an_endpoint_shows_its_secret_once_and_can_be_changed_switched_off_and_deleted() {
    let mut client = Client::new();
    let made = endpoint(&mut client, "&enabled_events[]=charge.succeeded&description=d&metadata[a]=1&api_version=2023-08-16");
    assert!(made.text("/secret").starts_with("whsec_") && made.text("/secret").len() == 38);
    let path = format!("/v1/webhook_endpoints/{}", made.id());
    let shown = client.get(&path);
    assert!(shown.json.get("secret").is_none());
    assert_eq!((shown.text("/status"), shown.text("/api_version")), ("enabled", "2023-08-16"));
    let changed = client.post(&path, "disabled=true&enabled_events[0]=*&description=&url=http://127.0.0.1:1/h");
    assert_eq!(
        (changed.text("/status"), changed.text("/url"), &changed.json["enabled_events"]),
        ("disabled", "http://127.0.0.1:1/h", &json!(["*"]))
    );
    assert!(changed.json["description"].is_null());
    let gone = client.send(&request(Method::Delete, &path, "", "", None));
    assert_eq!(gone.json, json!({"id": made.id(), "object": "webhook_endpoint", "deleted": true}));
    assert_eq!(client.get(&path).status, 404);
    for (more, param) in [
        ("", "enabled_events"),
        ("&enabled_events[]=no.such.event", "enabled_events"),
        ("&enabled_events[]=*&url=nowhere", "url"),
        ("&enabled_events[]=*&nonsense=1", "nonsense"),
    ] {
        let refused = endpoint(&mut client, more);
        assert_eq!((refused.status, refused.text("/error/param")), (400, param), "{more}");
    }
    for _ in 0..16 {
        assert_eq!(endpoint(&mut client, "&enabled_events[]=*").status, 200);
    }
    assert_eq!(endpoint(&mut client, "&enabled_events[]=*").status, 400, "sixteen are enough");
}

#[test]
fn deliveries_wait_for_each_enabled_endpoint_that_wants_the_event() {
    let mut client = Client::new();
    let all = endpoint(&mut client, "&enabled_events[]=*");
    let some = endpoint(&mut client, "&enabled_events[]=charge.succeeded&api_version=2023-08-16");
    let off = endpoint(&mut client, "&enabled_events[]=*").id().to_owned();
    client.post(&format!("/v1/webhook_endpoints/{off}"), "disabled=true");
    client.pay("pm_card_visa", "");
    let pending = client.get("/v1/events?type=charge.succeeded");
    assert_eq!(pending.number("/data/0/pending_webhooks"), 2);
    assert_eq!(client.stripe.delivery_counts(), DeliveryCounts { open: 4, waiting: 4, ..DeliveryCounts::default() });
    let mut taken = client.stripe.take_deliveries(1);
    taken.extend(client.stripe.take_deliveries(usize::MAX));
    let seen: Vec<(&str, &str)> = taken.iter().map(|delivery| (delivery.event_type, delivery.endpoint_id.as_str())).collect();
    assert_eq!(
        seen,
        [
            ("payment_intent.created", all.id()),
            ("charge.succeeded", all.id()),
            ("charge.succeeded", some.id()),
            ("payment_intent.succeeded", all.id())
        ]
    );
    let to_some = &taken[2];
    assert_eq!((to_some.secret.as_str(), to_some.url.as_str()), (some.text("/secret"), "https://shop.example/hook"));
    let body: Value = serde_json::from_slice(&to_some.body).unwrap();
    assert_eq!((&body["id"], &body["api_version"]), (&json!(to_some.event_id), &json!("2023-08-16")));
    client.stripe.finish_delivery(to_some.number, DeliveryOutcome::Acknowledged, client.now_ms);
    client.stripe.finish_delivery(to_some.number, DeliveryOutcome::Acknowledged, client.now_ms);
    assert_eq!(client.get("/v1/events?type=charge.succeeded").number("/data/0/pending_webhooks"), 1);
    // An endpoint that was deleted in the meantime gets nothing.
    client.pay("pm_card_visa", "");
    client.send(&request(Method::Delete, &format!("/v1/webhook_endpoints/{}", all.id()), "", "", None));
    assert_eq!(client.stripe.take_deliveries(usize::MAX).len(), 1);
}

#[test]
fn events_of_connected_accounts_go_to_their_own_endpoints_and_to_those_that_ask_for_them() {
    let mut client = Client::new();
    let own = endpoint(&mut client, "&enabled_events[]=*").id().to_owned();
    let connect = endpoint(&mut client, "&enabled_events[]=*&connect=true").id().to_owned();
    let mut of_connected = request(Method::Post, "/v1/customers", "", "", None);
    of_connected.headers.stripe_account = Some("acct_2".to_owned());
    client.send(&of_connected);
    client.post("/v1/customers", "");
    let taken = client.stripe.take_deliveries(usize::MAX);
    let to: Vec<(&str, bool)> = taken
        .iter()
        .map(|delivery| (delivery.endpoint_id.as_str(), String::from_utf8_lossy(&delivery.body).contains("\"account\":\"acct_2\"")))
        .collect();
    assert_eq!(to, [(connect.as_str(), true), (own.as_str(), false)]);
}

#[test]
fn only_so_many_deliveries_wait() {
    let mut client = Client::with_config(Config::standard());
    endpoint(&mut client, "&enabled_events[]=*");
    let id = client.post("/v1/customers", "").id().to_owned();
    for number in 0..DELIVERIES_MAX + 4 {
        client.stripe.handle(&request(Method::Post, &format!("/v1/customers/{id}"), "", &format!("name={number}"), None), client.now_ms);
    }
    let counts = client.stripe.delivery_counts();
    assert_eq!((counts.open, counts.waiting, counts.dropped), (DELIVERIES_MAX, DELIVERIES_MAX, 5));
}
