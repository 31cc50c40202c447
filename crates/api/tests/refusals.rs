//! Bad input, row by row: what is sent, and the status, code and field that come back.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use support::{Rig, options, payment};

/// Method, path, headers, body; status and code.
type Refused = (&'static str, &'static str, Vec<(&'static str, Vec<u8>)>, Vec<u8>, u16, &'static str);

fn with(field: &str, value: Value) -> Value {
    let mut body = payment(500, "pm_card_visa");
    body[field] = value;
    body
}

fn amount(amount_minor: Value, currency: &str) -> Value {
    json!({ "amount": { "amount_minor": amount_minor, "currency": currency }, "payment_method": "pm_card_visa" })
}

#[tokio::test]
async fn every_field_of_a_payment_is_checked() {
    let rig = Rig::new();
    let many: serde_json::Map<_, _> = (0..51).map(|index| (format!("k{index}"), json!("v"))).collect();
    let table = [
        (amount(json!(0), "EUR"), 422, "amount_zero", "amount.amount_minor"),
        (amount(json!(-1), "EUR"), 422, "amount_negative", "amount.amount_minor"),
        (amount(json!(-1e30), "EUR"), 422, "amount_negative", "amount.amount_minor"),
        (amount(json!(1_000_000_000_001_u64), "EUR"), 422, "amount_too_large", "amount.amount_minor"),
        (amount(json!(u64::MAX), "EUR"), 422, "amount_too_large", "amount.amount_minor"),
        (amount(json!(1e30), "EUR"), 422, "amount_too_large", "amount.amount_minor"),
        (amount(json!(100_000_000), "EUR"), 422, "amount_above_provider_max", "amount.amount_minor"),
        (amount(json!(19.99), "EUR"), 422, "amount_not_whole", "amount.amount_minor"),
        (amount(json!(500.0), "JPY"), 422, "amount_not_whole", "amount.amount_minor"),
        (amount(json!(1.25), "KWD"), 422, "amount_not_whole", "amount.amount_minor"),
        (amount(json!("1999"), "EUR"), 400, "field_type_wrong", "amount.amount_minor"),
        (amount(json!(1), "eur"), 422, "currency_unknown", "amount.currency"),
        (amount(json!(1), "XXX"), 422, "currency_unknown", "amount.currency"),
        (amount(json!(1), ""), 422, "currency_unknown", "amount.currency"),
        (json!({}), 400, "field_missing", "amount"),
        (with("colour", json!("red")), 400, "field_unknown", "colour"),
        (with("capture", json!("later")), 400, "field_type_wrong", "capture"),
        (with("confirm", json!("yes")), 400, "field_type_wrong", "confirm"),
        (with("payment_method", json!("")), 422, "field_invalid", "payment_method"),
        (with("payment_method", json!("pm card")), 422, "field_invalid", "payment_method"),
        (with("payment_method", json!("p".repeat(121))), 422, "field_too_long", "payment_method"),
        (with("payment_method", Value::Null), 422, "payment_method_required", "payment_method"),
        (with("reference", json!("")), 422, "field_invalid", "reference"),
        (with("reference", json!("a\u{0}b")), 422, "field_invalid", "reference"),
        (with("reference", json!("r".repeat(201))), 422, "field_too_long", "reference"),
        (with("customer", json!({ "id": " " })), 422, "field_invalid", "customer.id"),
        (with("customer", json!({ "email": "nobody" })), 422, "field_invalid", "customer.email"),
        (with("customer", json!({ "email": "@example.com" })), 422, "field_invalid", "customer.email"),
        (with("customer", json!({ "email": format!("a@{}", "e".repeat(319)) })), 422, "field_too_long", "customer.email"),
        (with("customer", json!({ "country": "Germany" })), 422, "field_invalid", "customer.country"),
        (with("customer", json!({ "phone": "1" })), 400, "field_unknown", "customer.phone"),
        (with("description", json!("d".repeat(1_001))), 422, "field_too_long", "description"),
        (with("metadata", Value::Object(many)), 422, "field_too_long", "metadata"),
        (with("metadata", json!({ "": "v" })), 422, "field_invalid", "metadata"),
        (with("metadata", json!({ "k".repeat(41): "v" })), 422, "field_too_long", "metadata"),
        (with("metadata", json!({ "k": "v".repeat(501) })), 422, "field_too_long", "metadata.k"),
        (with("metadata", json!({ "k": 1 })), 400, "field_type_wrong", "metadata.k"),
        (with("return_url", json!("javascript:alert(1)")), 422, "field_invalid", "return_url"),
        (with("return_url", json!("https://")), 422, "field_invalid", "return_url"),
        (with("return_url", json!(format!("https://{}", "a".repeat(2_041)))), 422, "field_too_long", "return_url"),
    ];
    for (body, status, code, field) in table {
        let shown = body.to_string();
        let answer = rig.post("/v1/payments", "k1", body).await;
        assert_eq!(answer.problem(), (status, code.into()), "{shown}");
        assert_eq!(answer.json()["field"], field, "{shown}");
    }
    assert_eq!(rig.platform.payments_count(), 0);
}

#[tokio::test]
async fn currencies_without_and_with_three_decimals_are_taken_in_their_minor_units() {
    let rig = Rig::new();
    for (index, (amount_minor, currency)) in [(500, "JPY"), (1_250, "KWD"), (1, "EUR")].into_iter().enumerate() {
        let answer = rig.post("/v1/payments", &format!("k{index}"), amount(json!(amount_minor), currency)).await;
        assert_eq!(answer.json()["amount"], json!({ "amount_minor": amount_minor, "currency": currency }));
    }
}

#[tokio::test]
async fn what_is_not_a_request_is_refused_before_anything_is_read_from_it() {
    let rig = Rig::new();
    let table: Vec<Refused> = vec![
        ("POST", "/v1/payments", vec![], b"{".to_vec(), 400, "json_malformed"),
        ("POST", "/v1/payments", vec![], b"{\"amount\":\"\xff\"}".to_vec(), 400, "utf8_invalid"),
        ("POST", "/v1/payments", vec![], vec![b' '; 64 * 1_024 + 1], 413, "body_too_large"),
        ("POST", "/v1/payments", vec![("content-length", b"70000".to_vec())], vec![], 413, "body_too_large"),
        ("POST", "/v1/payments", vec![("content-type", b"text/plain".to_vec())], b"{}".to_vec(), 415, "content_type_unsupported"),
        ("POST", "/v1/payments", vec![("idempotency-key", vec![])], b"{}".to_vec(), 400, "idempotency_key_missing"),
        ("POST", "/v1/payments", vec![("idempotency-key", vec![b'k'; 256])], b"{}".to_vec(), 400, "idempotency_key_too_long"),
        ("POST", "/v1/payments", vec![("idempotency-key", b"sch\xc3\xbcssel".to_vec())], b"{}".to_vec(), 400, "idempotency_key_malformed"),
        ("GET", "/v1/payments/pay_00000000000000000000000000", vec![], vec![], 404, "payment_unknown"),
        ("GET", "/v1/payments/nonsense", vec![], vec![], 404, "payment_unknown"),
        ("GET", "/v1/payments/%ff", vec![], vec![], 400, "utf8_invalid"),
        ("GET", "/v1/payments/pay_00000000000000000000000000/journey", vec![], vec![], 404, "payment_unknown"),
        ("POST", "/v1/payments/pay_00000000000000000000000000/confirm", vec![], b"{}".to_vec(), 404, "payment_unknown"),
        ("POST", "/v1/payments/pay_00000000000000000000000000/capture", vec![], b"{\"amount_minor\":0}".to_vec(), 422, "amount_zero"),
        ("GET", "/v1/refunds/ref_00000000000000000000000000", vec![], vec![], 404, "refund_unknown"),
        ("POST", "/v1/refunds", vec![], b"{\"payment\":\"pay_1\"}".to_vec(), 404, "payment_unknown"),
        ("POST", "/v1/refunds", vec![], b"{\"payment\":\"pay_1\",\"amount_minor\":-5}".to_vec(), 404, "payment_unknown"),
        ("GET", "/v1/payments?limit=0", vec![], vec![], 400, "query_parameter_invalid"),
        ("GET", "/v1/payments?limit=101", vec![], vec![], 400, "query_parameter_invalid"),
        ("GET", "/v1/payments?limit=ten", vec![], vec![], 400, "query_parameter_invalid"),
        ("GET", "/v1/payments?cursor=nonsense", vec![], vec![], 400, "cursor_invalid"),
        ("GET", "/v1/payments?status=lost", vec![], vec![], 400, "query_parameter_invalid"),
        ("GET", "/v1/payments?currency=eur", vec![], vec![], 400, "query_parameter_invalid"),
        ("GET", "/v1/payments?created_from=yesterday", vec![], vec![], 400, "query_parameter_invalid"),
        ("GET", "/v1/payments?colour=red", vec![], vec![], 400, "query_parameter_unknown"),
        ("GET", "/v1/payments?limit=1&limit=2", vec![], vec![], 400, "query_parameter_invalid"),
        ("GET", "/v1/payments?reference=%ff", vec![], vec![], 400, "utf8_invalid"),
        ("GET", "/v1/events?type=nonsense", vec![], vec![], 400, "query_parameter_invalid"),
        ("GET", "/v1/balances?limit=1", vec![], vec![], 400, "query_parameter_unknown"),
        ("GET", "/v1/balances", vec![("bezant-version", b"1999-01-01".to_vec())], vec![], 400, "version_unknown"),
        ("GET", "/v1/payments", vec![("bezant-min-seq", b"-1".to_vec())], vec![], 400, "min_seq_invalid"),
        ("GET", "/v1/nothing", vec![], vec![], 404, "route_unknown"),
        ("GET", "/", vec![], vec![], 404, "route_unknown"),
        ("GET", "/v1/payments/", vec![], vec![], 404, "route_unknown"),
        ("DELETE", "/v1/payments", vec![], vec![], 405, "method_not_allowed"),
        ("PUT", "/v1/balances", vec![], vec![], 405, "method_not_allowed"),
    ];
    for (method, path, headers, body, status, code) in table {
        let mut request = rig.request(method, path).header("idempotency-key", "k1").body(Body::from(body)).unwrap();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, http::HeaderValue::from_bytes(&value).unwrap());
        }
        assert_eq!(rig.send(request).await.problem(), (status, code.into()), "{method} {path}");
    }
    assert_eq!(rig.platform.payments_count(), 0);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let rig = Rig::new();
    let answer = rig.send(rig.request("DELETE", "/v1/payments").body(Body::empty()).unwrap()).await;
    let allow = answer.header("allow").unwrap();
    assert!(allow.contains("GET") && allow.contains("POST") && !allow.contains("DELETE"), "{allow}");
}

#[tokio::test]
async fn the_largest_body_is_taken_and_one_byte_more_is_not() {
    let rig = Rig::with(api::Options { body_bytes_max: 1_000, ..options() });
    let text = payment(500, "pm_card_visa").to_string();
    for (bytes, status) in [(1_000, StatusCode::CREATED), (1_001, StatusCode::PAYLOAD_TOO_LARGE)] {
        let body = format!("{}{text}", " ".repeat(bytes - text.len()));
        let stream = futures_util::stream::iter(
            body.into_bytes().chunks(100).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>(),
        );
        let request = rig.request("POST", "/v1/payments").header("idempotency-key", "k1").body(Body::from_stream(stream)).unwrap();
        assert_eq!(rig.send(request).await.status, status, "{bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_given_up() {
    let rig = Rig::new();
    let stream = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = rig.request("POST", "/v1/payments").header("idempotency-key", "k1").body(Body::from_stream(stream)).unwrap();
    assert_eq!(rig.send(request).await.problem(), (408, "request_timeout".into()));
}

#[tokio::test]
async fn a_card_number_is_refused_wherever_it_is_and_shown_nowhere() {
    const PAN: &str = "4242424242424242";
    let rig = Rig::new();
    let spaced = "4242 4242 4242 4242";
    let bodies = [
        with("payment_method", json!(PAN)),
        with("reference", json!(format!("order {spaced}"))),
        with("description", json!(format!("card {PAN}."))),
        with("metadata", json!({ "note": PAN })),
        with("metadata", json!({ PAN: "note" })),
        with("unknown", json!([{ "deep": spaced }])),
        amount(json!(4_242_424_242_424_242_u64), "EUR"),
    ];
    let mut answers = Vec::new();
    for body in bodies {
        answers.push(rig.post("/v1/payments", "k1", body).await);
    }
    answers.push(rig.post("/v1/payments", PAN, payment(500, "pm_card_visa")).await);
    answers.push(rig.post("/v1/refunds", "k1", json!({ "payment": "pay_1", "reason": PAN })).await);
    answers.push(rig.get(&format!("/v1/payments/{PAN}")).await);
    answers.push(rig.get(&format!("/v1/payments?reference={PAN}")).await);
    answers.push(rig.get("/v1/payments?reference=4242%204242%204242%204242").await);
    answers.push(rig.get(&format!("/nothing/{PAN}")).await);
    answers.push(rig.operate("POST", "/v1/merchants", Some(json!({ "handle": PAN }))).await);
    for answer in answers {
        assert_eq!(answer.problem(), (422, "card_number_refused".into()));
        let everything = format!("{} {:?}", answer.text, answer.headers);
        assert!(!everything.contains(PAN) && !everything.contains(spaced), "{everything}");
    }
    let commands = format!("{:?}", rig.platform.commands());
    assert!(!commands.contains(PAN) && !commands.contains(spaced));
    assert_eq!(rig.platform.payments_count(), 0);
    for reference in ["490154203237518", "1795253580000000000", "ORD-2026-000123"] {
        let answer = rig.post("/v1/payments", reference, with("reference", json!(reference))).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{reference} is no card number: {}", answer.text);
    }
}

#[tokio::test]
async fn a_request_without_or_with_a_bad_key_is_asked_for_one() {
    let rig = Rig::new();
    let publishable = {
        use api::Platform;
        rig.platform.generate_key(identity::KeyKind::Publishable).0.into_inner()
    };
    let damaged = format!("{}x", &rig.key[..rig.key.len() - 1]);
    for (authorization, code) in [
        (vec![], "api_key_missing"),
        (vec![String::new()], "api_key_malformed"),
        (vec!["Digest x".to_owned()], "api_key_malformed"),
        (vec!["Bearer sk_test_short".to_owned()], "api_key_malformed"),
        (vec![format!("Bearer {damaged}")], "api_key_malformed"),
        (vec![format!("Bearer {}", rig.key), format!("Bearer {}", rig.key)], "api_key_malformed"),
        (vec![format!("Bearer {publishable}")], "api_key_invalid"),
    ] {
        let mut request = Request::builder().uri("/v1/balances");
        for value in &authorization {
            request = request.header("authorization", value);
        }
        let answer = rig.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.problem(), (401, code.into()), "{authorization:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"bezant\""));
        assert!(!answer.text.contains(&rig.key[10..]));
    }
}
