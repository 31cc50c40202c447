//! The examples of the API's reference, which the binary makes from its own description, run against a real platform; what
//! they answer has the shape that the description gives it. And what an error names as its page is there.

use crate::run::start_platform;
use crate::shapes::Description;
use crate::support::{Bezant, Client, Folder, Merchant, Sandbox, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// Requests whose example must be refused on a platform where nothing is wrong, and the code.
const REFUSED: [(&str, &str); 1] = [("lookAtParkedCall", "parked_call_unknown")];

/// A platform with objects of every kind.
struct World {
    platform: Bezant,
    merchant: Merchant,
    operator: Merchant,
    _sandbox: Sandbox,
    folder: Folder,
}

impl World {
    fn start(name: &str) -> Self {
        let folder = Folder::new(name);
        let data = folder.join("bezant-data");
        fs::create_dir_all(&data).unwrap();
        let sandbox = Sandbox::start(&data);
        let platform = start_platform(&data, &sandbox);
        let merchant = platform.merchant();
        let operator = Merchant { client: Client::new(platform.address), api_key: platform.operator_key.clone() };
        fs::write(folder.join(".curlrc"), "silent\nshow-error\nfail-with-body\n").unwrap();
        Self { platform, merchant, operator, _sandbox: sandbox, folder }
    }

    /// Creates something as the merchant, or as an operator, and says its id.
    fn made(&mut self, path: &str, key: &str, body: &Value) -> String {
        let caller =
            if path.starts_with("/v1/merchants") || path.starts_with("/v1/operators") { &mut self.operator } else { &mut self.merchant };
        let bearer = format!("Bearer {}", caller.api_key);
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key), ("content-type", "application/json")];
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = caller.client.send("POST", path, &headers, &bytes).unwrap();
        assert!(answer.status < 300, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// What the variables of this request's example stand for.
    fn variables(&mut self, operation: &str, disputed: &BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
        let key = |what: &str| format!("{operation}-{what}");
        let mut body = json!({ "amount": { "amount_minor": 5_000, "currency": "EUR" }, "payment_method": "pm_card_visa" });
        match operation {
            "capturePayment" | "cancelPayment" => body["capture"] = "manual".into(),
            "confirmPayment" => body["confirm"] = false.into(),
            _ => {}
        }
        let payment = self.made("/v1/payments", &key("payment"), &body);
        let customer = self.made("/v1/customers", &key("customer"), &json!({ "email": "ada@example.com" }));
        let card =
            self.made(&format!("/v1/customers/{customer}/payment_methods"), &key("card"), &json!({ "payment_method": "pm_card_visa" }));
        let subject = self.merchant.read(&format!("/v1/payments/{payment}"))["subject"].as_str().unwrap().to_owned();
        let handle = |what: &str| json!({ "handle": format!("{}-{what}", operation.to_lowercase()) });
        let owner = self.made("/v1/merchants", "", &handle("shop"));
        let person = self.made("/v1/operators", "", &handle("person"));
        let api_key = self.made(&format!("/v1/merchants/{owner}/api_keys"), "", &Value::Null);
        let mut variables = disputed.clone();
        if operation != "createRefund" && body["capture"].is_null() && body["confirm"].is_null() {
            variables.insert("REFUND_ID", self.made("/v1/refunds", &key("refund"), &json!({ "payment": payment, "amount_minor": 100 })));
        }
        variables.extend([
            ("BEZANT_API_KEY", self.platform.api_key.clone()),
            ("BEZANT_OPERATOR_KEY", self.platform.operator_key.clone()),
            ("PAYMENT_ID", payment),
            ("CUSTOMER_ID", customer),
            ("PAYMENT_METHOD_ID", card),
            ("SUBJECT_ID", subject),
            ("ACCOUNT_ID", "1".into()),
            ("TRANSFER_ID", "1".into()),
            ("ENTRY_ID", "1".into()),
            ("MERCHANT_ID", owner),
            ("OPERATOR_ID", person),
            ("API_KEY_ID", api_key),
            ("PARKED_CALL_ID", "eff_0000000000000000000000000".into()),
            ("FINGERPRINT", "00".repeat(16)),
        ]);
        variables
    }

    /// Two accounts and a transfer in the merchant's own ledger, all with the ids that the examples have.
    fn ledger(&mut self) {
        let accounts = json!({ "accounts": [{ "id": "1", "ledger": 700, "code": 10 }, { "id": "2", "ledger": 700, "code": 20 }] });
        let transfer = json!({ "id": "1", "debit_account_id": "1", "credit_account_id": "2", "amount": "500", "ledger": 700, "code": 1 });
        for (path, body) in [("/v1/ledger/accounts", accounts), ("/v1/ledger/transfers", json!({ "transfers": [transfer] }))] {
            let answer = self.merchant.post(path, "", &body).unwrap().json();
            assert_eq!(answer["results"][0]["status"], "created", "{answer}");
        }
    }

    /// A dispute and the message that told of it.
    fn disputed(&mut self) -> BTreeMap<&'static str, String> {
        let body = json!({ "amount": { "amount_minor": 700, "currency": "EUR" }, "payment_method": "pm_card_createDispute" });
        self.made("/v1/payments", "disputed", &body);
        let first = |caller: &mut Merchant, path: &str| wait_for(path, || caller.read(path)["data"][0]["id"].as_str().map(str::to_owned));
        let dispute = first(&mut self.merchant, "/v1/disputes");
        let webhook = first(&mut self.operator, "/v1/webhooks?limit=1");
        BTreeMap::from([("DISPUTE_ID", dispute), ("WEBHOOK_ID", webhook)])
    }
}

#[test]
fn every_example_of_the_reference_runs_and_answers_what_the_description_says() {
    let mut world = World::start("docs-reference");
    let disputed = world.disputed();
    world.ledger();
    let description = Description::read();
    let examples = web::docs::examples();
    assert!(examples.len() > 40);
    let mut wrong = Vec::new();
    for example in examples {
        let name = example.operation.as_str();
        let variables = world.variables(name, &disputed);
        let shell = example.shell.replace("127.0.0.1:8080", &world.platform.address.to_string());
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &shell]).current_dir(&world.folder.0).env("HOME", &world.folder.0).env("NO_PROXY", "*");
        let ended = bash.envs(&variables).output().unwrap();
        let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
        let answer: Value = serde_json::from_str(&printed).unwrap_or(Value::Null);
        let refused = REFUSED.iter().find(|(known, _)| *known == name).map(|(_, code)| *code);
        if answer["code"].as_str() != refused || ended.status.success() != refused.is_none() {
            wrong.push(format!("{name}: {shell}{printed}{}", String::from_utf8_lossy(&ended.stderr)));
        }
        if refused.is_none() {
            wrong.extend(description.violations_of(name, &answer).into_iter().map(|violation| format!("{name}: {violation}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_an_error_names_as_its_page_is_there() {
    let mut world = World::start("docs-problems");
    let problems = [
        world.merchant.get("/v1/payments/pay_0000000000000000000000000").unwrap(),
        world.merchant.get("/v1/nothing").unwrap(),
        world.merchant.get("/v1/payments?limit=0").unwrap(),
        world.operator.post("/v1/payments", "a", &json!({})).unwrap(),
        world.merchant.post("/v1/payments", "b", &json!({ "amount": 1 })).unwrap(),
        world.merchant.client.send("GET", "/v1/payments", &[], b"").unwrap(),
        world.merchant.client.send("POST", "/v1/webhooks/stripe/nobody", &[], b"{}").unwrap(),
    ];
    for problem in problems {
        let document = problem.json();
        for member in ["type", "doc_url"] {
            let page = world.merchant.client.send("GET", document[member].as_str().unwrap(), &[], b"").unwrap();
            let text = String::from_utf8(page.body).unwrap();
            assert_eq!(page.status, 200, "{document}");
            assert!(text.contains(document["what_to_do"].as_str().unwrap().split(['"', '<']).next().unwrap()), "{document}");
        }
    }
}
