//! Lists, journeys, balances; reading one's own writes; what travels in headers.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use axum::body::Body;
use http::StatusCode;
use serde_json::json;
use support::{Rig, payment};

fn ids(list: &serde_json::Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_until_the_end() {
    let rig = Rig::new();
    let mut created = Vec::new();
    for index in 0..5 {
        created.insert(0, rig.captured(&format!("k{index}"), 100 + index).await);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/payments?limit=2".to_owned();
    loop {
        let page = rig.get(&path).await.json();
        assert_eq!(page["object"], "list");
        seen.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else {
            assert_eq!(page["has_more"], false);
            break;
        };
        assert_eq!(page["has_more"], true);
        path = format!("/v1/payments?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, created, "newest first, none twice, none missing");
    let cursor = rig.get("/v1/payments?limit=2").await.json()["next_cursor"].as_str().unwrap().to_owned();
    let other_list = rig.get(&format!("/v1/refunds?cursor={cursor}")).await;
    assert_eq!(other_list.problem(), (400, "cursor_invalid".into()));
}

#[tokio::test]
async fn filters_narrow_a_list() {
    let rig = Rig::new();
    let taken = rig.captured("k1", 100).await;
    let declined = rig.post("/v1/payments", "k2", payment(200, "pm_declined")).await.json()["id"].as_str().unwrap().to_owned();
    let body = json!({ "amount": { "amount_minor": 300, "currency": "JPY" }, "payment_method": "pm_card_visa", "reference": "order 3/é" });
    let yen = rig.post("/v1/payments", "k3", body).await.json()["id"].as_str().unwrap().to_owned();
    for (query, expected) in [
        ("status=declined", vec![&declined]),
        ("currency=JPY", vec![&yen]),
        ("reference=order%203%2F%C3%A9", vec![&yen]),
        ("reference=order+4", vec![]),
        ("amount_minor_min=200", vec![&yen, &declined]),
        ("amount_minor_max=100", vec![&taken]),
        ("created_from=2026-11-21T09:33:00Z", vec![&yen, &declined, &taken]),
        ("created_from=2027-01-01T00:00:00Z", vec![]),
        ("created_until=2026-11-21T00:00:00Z", vec![]),
        ("status=captured&currency=EUR", vec![&taken]),
        ("status=", vec![&yen, &declined, &taken]),
        ("decline_code=insufficient_funds", vec![&declined]),
        ("decline_code=card_declined", vec![]),
        ("decline_class=soft_funds", vec![&declined]),
        ("decline_class=soft_funds&decline_code=insufficient_funds&status=declined&currency=EUR", vec![&declined]),
        ("decline_class=hard_card", vec![]),
        ("decline_code=insufficient_funds&amount_minor_max=100", vec![]),
    ] {
        let page = rig.get(&format!("/v1/payments?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{query}: {}", page.text);
        assert_eq!(ids(&page.json()).iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_customers_payments_are_found_and_values_that_cannot_be_are_refused() {
    let rig = Rig::new();
    rig.captured("k0", 100).await;
    let customer = rig.post("/v1/customers", "c1", json!({})).await.json()["id"].as_str().unwrap().to_owned();
    let body = json!({ "payment_method": "pm_card_visa" });
    let stored = rig.post(&format!("/v1/customers/{customer}/payment_methods"), "c2", body).await.json();
    let body = json!({ "amount": { "amount_minor": 300, "currency": "EUR" }, "payment_method": stored["id"] });
    let made = rig.post("/v1/payments", "k1", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let found = rig.get(&format!("/v1/payments?customer={customer}")).await.json();
    assert_eq!(json!(ids(&found)), json!([made.json()["id"]]));
    assert!(ids(&rig.get(&format!("/v1/payments?customer={customer}&status=declined")).await.json()).is_empty());
    let nobody = rig.get("/v1/payments?customer=cus_00000000000000000000000000").await.json();
    assert!(ids(&nobody).is_empty());
    for query in ["customer=ada", "decline_class=broken", &format!("decline_code={}", "x".repeat(65)), "amount_minor_min=-1"] {
        assert_eq!(rig.get(&format!("/v1/payments?{query}")).await.problem(), (400, "query_parameter_invalid".into()), "{query}");
    }
}

#[tokio::test]
async fn refunds_are_listed_by_payment_and_status() {
    let rig = Rig::new();
    let id = rig.captured("k1", 1_000).await;
    let other = rig.captured("k2", 1_000).await;
    for (key, payment) in [("r1", &id), ("r2", &other)] {
        rig.post("/v1/refunds", key, json!({ "payment": payment, "amount_minor": 10 })).await;
    }
    assert_eq!(ids(&rig.get("/v1/refunds").await.json()).len(), 2);
    let of_one = rig.get(&format!("/v1/refunds?payment={id}&status=succeeded")).await.json();
    assert_eq!(of_one["data"][0]["payment"], json!(id));
    assert_eq!(ids(&of_one).len(), 1);
    assert!(ids(&rig.get("/v1/refunds?status=failed").await.json()).is_empty());
}

#[tokio::test]
async fn a_journey_tells_what_happened_in_order() {
    let rig = Rig::new();
    let id = rig.captured("k1", 1_999).await;
    let journey = rig.get(&format!("/v1/payments/{id}/journey")).await.json();
    let events = journey["data"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["payment.created", "attempt.started", "attempt.captured"]);
    assert!(events.is_sorted_by_key(|event| event["seq"].as_u64().unwrap()));
    for event in events {
        assert_eq!(event["payment"], json!(id));
        assert!(event["id"].as_str().unwrap().starts_with("evt_"));
    }
    assert_eq!(events[0]["data"]["amount"], json!({ "amount_minor": 1_999, "currency": "EUR" }));
    assert_eq!(events[1]["data"]["provider"], "stripe");
    assert_eq!((&events[2]["data"]["amount_minor"], &events[2]["data"]["provider_id"]), (&json!(1_999), &json!("pi_1")));
    assert_eq!(events[2]["sentence"], "Stripe charged the customer 19.99 EUR. Stripe keeps 0.03 EUR.");
    assert_eq!(events[2]["tone"], "good");
}

#[tokio::test]
async fn a_journey_says_how_the_payment_stands_what_comes_next_and_what_can_be_done() {
    let rig = Rig::new();
    let id = rig.captured("k1", 1_999).await;
    let journey = rig.get(&format!("/v1/payments/{id}/journey")).await.json();
    assert_eq!((&journey["object"], &journey["payment"]), (&json!("journey"), &json!(id)));
    assert_eq!(journey["summary"], json!({ "title": "Paid", "sentence": "The customer paid 19.99 EUR.", "tone": "good" }));
    assert_eq!(journey["next"], json!({ "sentence": "Nothing: the payment is complete.", "at": null }));
    let refund = json!({
        "code": "refund",
        "sentence": "Give up to 19.99 EUR back to the customer.",
        "method": "POST",
        "path": "/v1/refunds",
        "cli": format!("bezant refunds create {id}"),
        "by": "merchant",
    });
    assert_eq!(journey["actions"], json!([refund]));
    let charged = &journey["data"][2]["evidence"];
    let kinds: Vec<&str> = charged.as_array().unwrap().iter().map(|proof| proof["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["answer", "ledger", "event"]);
    let lines = charged[1]["lines"].as_array().unwrap();
    let told: Vec<_> = lines.iter().map(|line| [&line["debit"], &line["credit"], &line["text"], &line["state"]]).collect();
    assert_eq!(
        told,
        [
            [&json!("Owed by the provider"), &json!("Merchant, pending"), &json!("19.99 EUR"), &json!("posted")],
            [&json!("Provider's fees"), &json!("Owed by the provider"), &json!("0.03 EUR"), &json!("posted")],
        ]
    );
}

#[tokio::test]
async fn events_are_followed_from_either_end_and_by_type() {
    let rig = Rig::new();
    rig.captured("k1", 100).await;
    rig.captured("k2", 100).await;
    let created = rig.get("/v1/events?type=payment.created").await.json();
    assert_eq!(ids(&created).len(), 2);
    let mut newest = ids(&rig.get("/v1/events?order=newest_first&limit=100").await.json());
    newest.reverse();
    assert_eq!(ids(&rig.get("/v1/events?limit=100").await.json()), newest);
    let first = rig.get("/v1/events?limit=3").await.json();
    let rest = rig.get(&format!("/v1/events?limit=100&cursor={}", first["next_cursor"].as_str().unwrap())).await.json();
    assert_eq!([ids(&first), ids(&rest)].concat(), newest);
}

#[tokio::test]
async fn balances_are_the_books() {
    let rig = Rig::new();
    rig.captured("k1", 1_000).await;
    let balances = rig.get("/v1/balances").await.json();
    let euro = &balances["data"][0];
    assert_eq!((&euro["currency"], &euro["pending_minor"], &euro["available_minor"]), (&json!("EUR"), &json!(1_000), &json!(0)));
    let of = |kind: &str| euro["accounts"].as_array().unwrap().iter().find(|account| account["kind"] == kind).unwrap().clone();
    assert_eq!((&of("fees")["debits_posted_minor"], &of("fees")["balance_minor"]), (&json!(3), &json!(-3)));
    assert_eq!(of("receivable")["balance_minor"], json!(-997));
    let sum: i64 = euro["accounts"].as_array().unwrap().iter().map(|account| account["balance_minor"].as_i64().unwrap()).sum();
    assert_eq!(sum, 0, "debits equal credits");
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_for_what_was_durable_and_is_honest_when_it_cannot() {
    let rig = Rig::new();
    let id = rig.captured("k1", 100).await;
    rig.platform.pause_views(true);
    let written = rig.post("/v1/payments", "k2", payment(200, "pm_card_visa")).await;
    let seq = written.header("bezant-seq").unwrap().to_owned();
    let began = tokio::time::Instant::now();
    let stale = rig.get("/v1/payments").await;
    assert_eq!(began.elapsed().as_secs(), 2);
    assert_eq!(ids(&stale.json()), [id]);
    assert!(stale.header("bezant-seq").unwrap().parse::<u64>().unwrap() < seq.parse().unwrap());
    let read = |seq: &str| rig.request("GET", "/v1/payments").header("bezant-min-seq", seq).body(Body::empty()).unwrap();
    let refused = rig.send(read(&seq)).await;
    assert_eq!(refused.problem(), (503, "min_seq_not_reached".into()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(rig.send(read("1")).await.status, StatusCode::OK, "an older position is there");
    rig.platform.pause_views(false);
    let fresh = rig.send(read(&seq)).await;
    assert_eq!(ids(&fresh.json()).len(), 2);
    assert!(fresh.header("bezant-seq").unwrap().parse::<u64>().unwrap() >= seq.parse().unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_money_does_not_need_the_read_models() {
    let rig = Rig::new();
    rig.platform.pause_views(true);
    let created = rig.post("/v1/payments", "k1", payment(200, "pm_card_visa")).await;
    assert_eq!((created.status, &created.json()["status"]), (StatusCode::CREATED, &json!("captured")));
    let path = format!("/v1/payments/{}/cancel", created.json()["id"].as_str().unwrap());
    assert_eq!(rig.post(&path, "k2", json!({})).await.problem(), (409, "state_conflict".into()));
    assert_eq!(rig.post("/v1/payments", "k1", payment(200, "pm_card_visa")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_trace_comes_in_and_goes_out() {
    let rig = Rig::new();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = rig.request("GET", "/v1/nothing").header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let answer = rig.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.json()["trace_id"], trace);
    let out = answer.header("traceparent").unwrap();
    assert!(out.starts_with(&format!("00-{trace}-")) && !out.contains("b7ad6b7169203331"), "{out}");
    for bad in ["", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "nonsense"] {
        let request = rig.request("GET", "/v1/nothing").header("traceparent", bad);
        let answer = rig.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.json()["trace_id"].as_str().unwrap().len(), 32, "a new trace for {bad}");
        answer.problem();
    }
}
