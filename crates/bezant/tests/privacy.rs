//! What is personal is nowhere readable on disk or in logs, card numbers are not even taken, and what was erased stays
//! erased.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;
use support::{Bezant, Client, Folder, Merchant, Plan, Sandbox, bezant, files_below};

/// A test card's number, as people write it and as machines do.
const CARD_NUMBERS: [&str; 2] = ["4242 4242 4242 4242", "4242424242424242"];

fn start(name: &str) -> (Folder, Sandbox, Plan, Bezant) {
    let folder = Folder::new(name);
    let sandbox = Sandbox::start(&folder.0);
    let plan = Plan::new(&folder.0, sandbox.address).with("--log trace");
    let platform = plan.start();
    (folder, sandbox, plan, platform)
}

fn order(reference: &str, email: &str) -> Value {
    json!({
        "amount": { "amount_minor": 1_999, "currency": "EUR" },
        "payment_method": "pm_card_visa",
        "reference": reference,
        "customer": { "email": email, "country": "DE" },
        "description": "canary-description",
        "metadata": { "canary-name": "canary-value" },
    })
}

fn pay(merchant: &mut Merchant, key: &str, body: &Value) -> Value {
    let answer = merchant.post("/v1/payments", key, body).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

/// None of the words is in any file of the data folder or in the log, plain, in hexadecimal, in base 64 or in UTF-16.
fn assert_nowhere(plan: &Plan, words: &[&str]) {
    let mut files = files_below(&plan.data);
    files.push((plan.log.clone(), std::fs::read(&plan.log).unwrap()));
    assert!(files.iter().any(|(path, bytes)| path.ends_with("views.sqlite-wal") || (path.ends_with("views.sqlite") && !bytes.is_empty())));
    for word in words {
        let hex: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
        let wide: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for form in [word.as_bytes(), hex.as_bytes(), &wide] {
            for (path, bytes) in &files {
                let found = bytes.windows(form.len()).position(|window| window == form);
                assert!(found.is_none(), "\"{word}\" is readable in {} at {found:?}", path.display());
            }
        }
    }
}

#[test]
fn personal_data_is_readable_in_no_file_and_no_log() {
    let (_folder, _sandbox, plan, mut platform) = start("privacy-canary");
    let mut merchant = platform.merchant();
    let payment = pay(&mut merchant, "canary-key", &order("canary-reference", "canary-mail@example.com"));
    let refund =
        json!({ "payment": payment["id"], "amount_minor": 500, "reason": "canary-reason", "metadata": { "note": "canary-refund-value" } });
    assert_eq!(merchant.post("/v1/refunds", "canary-refund-key", &refund).unwrap().status, 201);
    // Refused requests are as private as others.
    let mut conflicting = order("canary-reference", "canary-other@example.com");
    conflicting["amount"]["amount_minor"] = json!(5);
    assert_eq!(merchant.post("/v1/payments", "canary-other-key", &conflicting).unwrap().status, 409);
    assert_eq!(merchant.get("/v1/payments?reference=canary-query").unwrap().status, 200);
    merchant.catch_up();
    let shown = merchant.read(&format!("/v1/payments/{}", payment["id"].as_str().unwrap()));
    assert_eq!(shown["customer"]["email"], "canary-mail@example.com", "the merchant itself reads everything");
    assert_eq!(shown["metadata"]["canary-name"], "canary-value");
    let words = ["canary", "Canary", "CANARY"];
    assert_nowhere(&plan, &words);
    platform.process.kill();
    assert_nowhere(&plan, &words);
    let platform = plan.start();
    assert_eq!(platform.stop().code(), Some(0));
    assert_nowhere(&plan, &words);
    let dumped = plan.tool(&["journal", "dump"]);
    assert!(!String::from_utf8_lossy(&dumped.stdout).to_lowercase().contains("canary"));
}

#[test]
fn a_card_number_is_refused_in_every_field_and_appears_nowhere() {
    let (_folder, sandbox, plan, platform) = start("privacy-card");
    let mut merchant = platform.merchant();
    for number in CARD_NUMBERS {
        let text = format!("card {number} thanks");
        let fields: Vec<(&str, Value)> = vec![
            ("reference", json!(text)),
            ("description", json!(text)),
            ("payment_method", json!(number)),
            ("return_url", json!(format!("https://shop.example/?card={}", number.replace(' ', "-")))),
            ("customer", json!({ "email": format!("{}@example.com", number.replace(' ', "-")) })),
            ("customer", json!({ "id": text })),
            ("metadata", json!({ "note": text })),
            ("metadata", json!({ text.as_str(): "note" })),
            ("metadata", json!({ "note": number.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect::<String>() })),
        ];
        for (index, (field, value)) in fields.into_iter().enumerate() {
            let mut body = order("a-reference", "somebody@example.com");
            body[field] = value;
            // The last one spells the digits as escapes of JSON, which only a parser sees.
            let text = body.to_string().replace("\\\\u", "\\u");
            let bearer = format!("Bearer {}", platform.api_key);
            let headers = [("authorization", bearer.as_str()), ("idempotency-key", "card"), ("content-type", "application/json")];
            let answer = merchant.client.send("POST", "/v1/payments", &headers, text.as_bytes()).unwrap();
            assert_eq!((answer.status, answer.code().as_str()), (422, "card_number_refused"), "{field} ({index}): {}", answer.json());
            assert!(!String::from_utf8_lossy(&answer.body).contains("4242"), "the answer does not repeat it");
        }
        let dashed = number.replace(' ', "-");
        let answer = merchant.post("/v1/payments", &dashed, &order("a-reference", "somebody@example.com")).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (422, "card_number_refused"), "as an idempotency key");
        let answer = merchant.get(&format!("/v1/payments?reference={dashed}")).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (422, "card_number_refused"), "in the address");
    }
    merchant.catch_up();
    assert!(merchant.read("/v1/payments")["data"].as_array().unwrap().is_empty());
    assert_eq!(sandbox.get("/_admin/stats")["payment_intents"], 0, "no provider was asked");
    assert_eq!(platform.stop().code(), Some(0));
    assert_nowhere(&plan, &["4242 4242 4242 4242", "4242424242424242", "4242-4242-4242-4242"]);
}

fn erase(plan: &Plan, subject: &str, online: Option<&Bezant>) -> Output {
    match online {
        None => plan.tool(&["privacy", "erase", subject]),
        Some(platform) => {
            let url = format!("http://{}", platform.address);
            bezant().args(["privacy", "erase", subject, "--url", &url, "--operator-key", &platform.operator_key]).output().unwrap()
        }
    }
}

fn assert_erased(merchant: &mut Merchant, payment: &Value) {
    merchant.catch_up();
    let shown = merchant.read(&format!("/v1/payments/{}", payment["id"].as_str().unwrap()));
    assert_eq!(shown["erased"], true, "{shown}");
    for field in ["reference", "customer", "description", "metadata"] {
        assert_eq!(shown[field], Value::Null, "{field}: {shown}");
    }
    assert_eq!((&shown["captured_minor"], &shown["subject"]), (&json!(1_999), &payment["subject"]), "money is not personal");
}

fn assert_readable(merchant: &mut Merchant, payment: &Value) {
    merchant.catch_up();
    let shown = merchant.read(&format!("/v1/payments/{}", payment["id"].as_str().unwrap()));
    assert_eq!((&shown["erased"], &shown["customer"]["email"]), (&json!(false), &payment["customer"]["email"]));
}

/// Batches of a journal as they lie in its segments: what came before must stay as it was, byte for byte.
fn segments(data: &Path) -> Vec<Vec<u8>> {
    let mut files = files_below(&data.join("journal"));
    files.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "seg"));
    files.sort();
    files.into_iter().map(|(_, bytes)| bytes).collect()
}

/// Whether everything that was written in `before` is still there in `after`.
fn is_kept(before: &[Vec<u8>], after: &[Vec<u8>]) -> bool {
    let used = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    before.len() <= after.len() && before.iter().zip(after).all(|(before, after)| before[..used(before)] == after[..used(before)])
}

fn erasure_holds(name: &str, online: bool) {
    let (_folder, _sandbox, plan, platform) = start(name);
    let mut merchant = platform.merchant();
    let erased = pay(&mut merchant, "one", &order("order-1", "erase-me@example.com"));
    let kept = pay(&mut merchant, "two", &order("order-2", "keep-me@example.com"));
    assert_ne!(erased["subject"], kept["subject"]);
    assert_eq!(platform.stop().code(), Some(0));
    let (before, segments_before) = (plan.verified(), segments(&plan.data));
    let keys = plan.data.join("keys/subjects.keys");
    let backup = std::fs::read(&keys).unwrap();

    let subject = erased["subject"].as_str().unwrap();
    if online {
        let platform = plan.start();
        let output = erase(&plan, subject, Some(&platform));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_erased(&mut platform.merchant(), &erased);
        assert_eq!(platform.stop().code(), Some(0));
    } else {
        // Offline a payment's id names the person as well.
        let output = erase(&plan, erased["id"].as_str().unwrap(), None);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains(subject));
    }
    let after = plan.verified();
    assert!(is_kept(&segments_before, &segments(&plan.data)), "an erasure changes nothing that was written, so every hash holds");
    assert!(after["last_seq"].as_u64() > before["last_seq"].as_u64(), "the erasure itself is journaled");
    assert_eq!(plan.verified(), after, "verifying gives the same hash and digest each time");

    // An older copy of the keys comes back from a backup: the erasure is applied to it again.
    std::fs::write(&keys, &backup).unwrap();
    let platform = plan.start();
    assert!(std::fs::read(&keys).unwrap() != backup, "the restored key is destroyed on disk before anything is served");
    let mut merchant = platform.merchant();
    assert_erased(&mut merchant, &erased);
    assert_readable(&mut merchant, &kept);

    // The same person buys again, and is somebody new.
    let again = pay(&mut merchant, "three", &order("order-3", "erase-me@example.com"));
    assert_ne!(again["subject"], erased["subject"]);
    assert_readable(&mut merchant, &again);
    let twice = erase(&plan, subject, Some(&platform));
    assert!(twice.status.success(), "erasing again is harmless");
    assert_readable(&mut merchant, &again);
    // Money of an erased person can still be given back.
    let refund = json!({ "payment": erased["id"], "amount_minor": 999, "reason": "asked for after the erasure" });
    let refunded = merchant.post("/v1/refunds", "refund", &refund).unwrap();
    assert_eq!((refunded.status, refunded.json()["status"].as_str()), (201, Some("succeeded")), "{}", refunded.json());
    assert_eq!(platform.stop().code(), Some(0));
    plan.verified();
}

#[test]
fn an_erasure_by_the_running_platform_holds_against_restarts_and_restored_keys() {
    erasure_holds("privacy-online", true);
}

#[test]
fn an_erasure_without_a_running_platform_holds_against_restarts_and_restored_keys() {
    erasure_holds("privacy-offline", false);
}

#[test]
fn an_erasure_needs_the_operators_key_and_a_subject() {
    let (_folder, _sandbox, plan, platform) = start("privacy-refused");
    let payment = pay(&mut platform.merchant(), "one", &order("order-1", "somebody@example.com"));
    let url = format!("http://{}", platform.address);
    let subject = payment["subject"].as_str().unwrap();
    for (subject, key, exit_code, expected) in [
        (subject, platform.api_key.as_str(), 2, "an operator's key is needed here"),
        (subject, "ok_test_wrong", 1, "the platform answered 401"),
        ("sub_wrong", platform.operator_key.as_str(), 1, "the platform answered 422"),
    ] {
        let output = bezant().args(["privacy", "erase", subject, "--url", &url, "--operator-key", key]).output().unwrap();
        assert_eq!(output.status.code(), Some(exit_code), "{subject} {key}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_readable(&mut platform.merchant(), &payment);
    assert_eq!(Client::new(platform.address).send("GET", "/readyz", &[], b"").unwrap().status, 200);
    assert_eq!(platform.stop().code(), Some(0));
    let unknown = plan.tool(&["privacy", "erase", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
}
