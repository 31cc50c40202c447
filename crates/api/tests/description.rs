//! The committed description is the one that the types make. `BEZANT_UPDATE=1` writes it anew.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

#[test]
fn the_committed_description_is_current() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json"));
    let made = api::openapi();
    if std::env::var_os("BEZANT_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == made, "openapi.json is not current; run this test with BEZANT_UPDATE=1 and review the difference");
}

#[test]
fn the_description_is_openapi_3_1_and_every_reference_leads_somewhere() {
    let description: serde_json::Value = serde_json::from_str(&api::openapi()).unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut open = vec![&description];
    let mut seen = 0;
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(serde_json::Value::as_str) {
                    assert!(description.pointer(&reference[1..]).is_some(), "{reference}");
                    seen += 1;
                }
                open.extend(fields.values());
            }
            serde_json::Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(seen > 20);
}

#[test]
fn requests_refuse_fields_that_do_not_exist() {
    let description: serde_json::Value = serde_json::from_str(&api::openapi()).unwrap();
    for name in ["CreatePayment", "ConfirmPayment", "CapturePayment", "CancelPayment", "CreateRefund", "CreateWithHandle", "CreateErasure"]
    {
        assert_eq!(description["components"]["schemas"][name]["additionalProperties"], false, "{name}");
    }
}
