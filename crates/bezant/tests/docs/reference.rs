//! What an error names as its page is there.

use crate::run::start_platform;
use crate::support::{Client, Folder, Merchant, Sandbox};
use serde_json::json;
use std::fs;

#[test]
fn what_an_error_names_as_its_page_is_there() {
    let folder = Folder::new("docs-problems");
    let data = folder.join("bezant-data");
    fs::create_dir_all(&data).unwrap();
    let sandbox = Sandbox::start(&data);
    let platform = start_platform(&data, &sandbox);
    let mut merchant = platform.merchant();
    let mut operator = Merchant { client: Client::new(platform.address), api_key: platform.operator_key.clone() };
    let problems = [
        merchant.get("/v1/payments/pay_0000000000000000000000000").unwrap(),
        merchant.get("/v1/nothing").unwrap(),
        merchant.get("/v1/payments?limit=0").unwrap(),
        operator.post("/v1/payments", "a", &json!({})).unwrap(),
        merchant.post("/v1/payments", "b", &json!({ "amount": 1 })).unwrap(),
        merchant.client.send("GET", "/v1/payments", &[], b"").unwrap(),
        merchant.client.send("POST", "/v1/webhooks/stripe/nobody", &[], b"{}").unwrap(),
    ];
    for problem in problems {
        let document = problem.json();
        for member in ["type", "doc_url"] {
            let page = merchant.client.send("GET", document[member].as_str().unwrap(), &[], b"").unwrap();
            let text = String::from_utf8(page.body).unwrap();
            assert_eq!(page.status, 200, "{document}");
            assert!(text.contains(document["what_to_do"].as_str().unwrap().split(['"', '<']).next().unwrap()), "{document}");
        }
    }
}
