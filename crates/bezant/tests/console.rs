//! The console in a real browser: a platform and a provider's simulator with payments of every kind, walked through by
//! `crates/web/browser/walk.mjs` in headless Chromium, with axe looking at every room.
//!
//! Needs Chromium, Node and npm; the pinned packages are installed once below cargo's target folder. Without them the test
//! says SKIPPED, and fails where `CI` is set. With `BEZANT_UPDATE=1` it makes the pictures of the README and
//! `docs/accessibility.md` anew.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use bezant::secrets::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Bezant, Client, Folder, Plan, Sandbox, wait_for};

const SECRET: &str = "whsec_of_these_tests_0001";
/// Where Chromium is, unless the variable `CHROMIUM` says otherwise.
const CHROMIUM: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/// Payments beside those of a story: two pages of the list.
const CROWD: u64 = 30;

/// What the walk needs from outside; the sentence says what to install.
fn browser() -> Result<PathBuf, String> {
    let given = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let found = given.into_iter().chain(CHROMIUM.map(PathBuf::from)).find(|path| path.exists());
    let chromium = found.ok_or("there is no Chromium: `apt-get install chromium`, or name one in CHROMIUM")?;
    for program in ["node", "npm"] {
        let ran = Command::new(program).arg("--version").output();
        ran.map_err(|error| format!("{program} cannot be run ({error}): install Node 20.14 or later with npm"))?;
    }
    Ok(chromium)
}

/// Installs the pinned packages once; a later run needs no network.
fn modules(sources: &Path) -> PathBuf {
    let lock = std::fs::read(sources.join("package-lock.json")).unwrap();
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("browser-{}", &hex(&Sha256::digest(&lock))[..8]));
    if place.join("complete").exists() {
        return place;
    }
    std::fs::create_dir_all(&place).unwrap();
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        std::fs::copy(sources.join(name), place.join(name)).unwrap();
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(&place);
    assert!(npm.status().unwrap().success(), "`npm ci` of crates/web/browser failed; it needs the network once");
    std::fs::write(place.join("complete"), "").unwrap();
    place
}

struct Shop {
    platform: Bezant,
    sandbox: Sandbox,
    made: u64,
}

impl Shop {
    fn post(&mut self, path: &str, body: &Value) -> Value {
        self.made += 1;
        let answer = self.platform.merchant().post(path, &format!("key-{}", self.made), body).unwrap();
        assert!((200..300).contains(&answer.status), "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// The id of a new payment.
    fn pay(&mut self, amount_minor: u64, currency: &str, payment_method: &str, more: &Value) -> String {
        let people = ["ada", "ben", "chiyo", "dan", "eve"];
        let person = people[usize::try_from(self.made).unwrap() % people.len()];
        let mut body = json!({
            "amount": { "amount_minor": amount_minor, "currency": currency }, "payment_method": payment_method,
            "reference": format!("A-{}", 1_001 + self.made), "customer": { "email": format!("{person}@example.com"), "country": "DE" },
        });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.post("/v1/payments", &body)["id"].as_str().unwrap().to_owned()
    }

    fn admin(&self, method: &str, path: &str, body: &Value) {
        let answer = Client::new(self.sandbox.address).send(method, path, &[], body.to_string().as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{path}");
    }

    fn operate(&self, method: &str, path: &str, body: &str) -> Value {
        let bearer = format!("Bearer {}", self.platform.operator_key);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        Client::new(self.platform.address).send(method, path, &headers, body.as_bytes()).unwrap().json()
    }

    fn wait_for_status(&self, payment: &str, status: &str) {
        let path = format!("/v1/payments/{payment}");
        let mut merchant = self.platform.merchant();
        wait_for(status, || (merchant.read(&path)["status"] == status).then_some(()));
    }

    /// Payments of every kind, by what became of them.
    fn stories(&mut self) -> Value {
        for number in 0..CROWD {
            let (currency, method) = ([("EUR"), ("USD"), ("EUR"), ("JPY")][usize::try_from(number % 4).unwrap()], "pm_card_visa");
            let method = if number % 9 == 8 { "pm_card_chargeDeclined" } else { method };
            self.pay(1_999 + number * 137, currency, method, &json!({}));
        }
        let customer = self.post("/v1/customers", &json!({ "email": "ada@example.com", "name": "Ada Byron", "reference": "C-17" }));
        let customer = customer["id"].as_str().unwrap().to_owned();
        self.post(&format!("/v1/customers/{customer}/payment_methods"), &json!({ "payment_method": "pm_card_visa" }));
        let whole = self.pay(3_000, "EUR", "pm_card_visa", &json!({}));
        self.post("/v1/refunds", &json!({ "payment": whole }));
        let part = self.pay(6_000, "EUR", "pm_card_visa", &json!({ "description": "two books" }));
        let reason = json!({ "payment": part, "amount_minor": 2_500, "reason": "one book was damaged" });
        let refund = self.post("/v1/refunds", &reason)["id"].as_str().unwrap().to_owned();
        let bounced = self.pay(3_100, "EUR", "pm_card_refundFail", &json!({}));
        self.post("/v1/refunds", &json!({ "payment": bounced }));
        let disputed = self.pay(7_400, "EUR", "pm_card_createDispute", &json!({}));
        let action = self.pay(8_900, "EUR", "pm_card_threeDSecure2Required", &json!({}));
        let held = self.pay(25_000, "EUR", "pm_card_visa", &json!({ "capture": "manual" }));
        let found_out = self.pay(1_000, "EUR", "pm_card_visa", &json!({ "metadata": { "sim": "reset_after_effect" } }));
        let captured = self.pay(12_500, "EUR", "pm_card_visa", &json!({ "description": "a globe" }));
        self.wait_for_status(&found_out, "captured");
        self.admin("POST", "/_admin/faults", &json!({ "kind": "error_500_after_effect" }));
        let parked = self.pay(5_200, "USD", "pm_card_visa", &json!({}));
        wait_for("a call to be parked", || {
            self.operate("GET", "/v1/parked_calls", "")["data"].as_array().filter(|data| !data.is_empty()).map(|_| ())
        });
        self.admin("DELETE", "/_admin/faults", &json!({}));
        let declined = self.pay(4_000, "USD", "pm_card_chargeDeclinedInsufficientFunds", &json!({}));
        let dispute = wait_for("the dispute", || {
            let disputes = self.platform.merchant().read("/v1/disputes");
            disputes["data"][0]["id"].as_str().map(str::to_owned)
        });
        let webhook = self.operate("GET", "/v1/webhooks", "")["data"][0]["id"].as_str().unwrap().to_owned();
        self.operate("POST", "/v1/merchants", r#"{"handle":"second-shop"}"#);
        json!({
            "declined": declined, "captured": captured, "parked": parked, "found_out": found_out, "held": held, "action": action,
            "disputed": disputed, "part": part, "refund": refund, "dispute": dispute, "customer": customer, "webhook": webhook,
        })
    }
}

/// Every room with what it must say of the stories.
fn rooms(ids: &Value) -> Value {
    let id = |name: &str| ids[name].as_str().unwrap().to_owned();
    let room = |name: &str, path: String, texts: Value| json!({ "name": name, "path": path, "texts": texts });
    json!([
        room("overview", "/console".into(), json!(["Overview", "Stripe", "Captured", "Declined"])),
        room("attention", "/console/attention".into(), json!(["Outcome unknown", "52.00 USD", "Ask the provider again"])),
        room(
            "payments",
            "/console/payments".into(),
            json!(["40.00 USD", "Insufficient funds", "Authorized", "Requires action", "ada@example.com"])
        ),
        room(
            "declined",
            format!("/console/payments/{}", id("declined")),
            json!(["Declined: insufficient funds", "What happens next", "Stripe declined the card: insufficient funds.", "Evidence"])
        ),
        room("found-out", format!("/console/payments/{}", id("found_out")), json!(["Paid", "Connection lost", "with the same key again"])),
        room("parked", format!("/console/payments/{}", id("parked")), json!(["52.00 USD", "What you can do", "Ask the provider again"])),
        room("held", format!("/console/payments/{}", id("held")), json!(["250.00 EUR", "Authorized", "Held"])),
        room("disputed", format!("/console/payments/{}", id("disputed")), json!(["74.00 EUR", "Disputes"])),
        room("refunded", format!("/console/payments/{}", id("part")), json!(["60.00 EUR", "25.00", "two books"])),
        room("refunds", "/console/refunds".into(), json!(["25.00 EUR", "one book was damaged", "Succeeded"])),
        room("refund", format!("/console/refunds/{}", id("refund")), json!(["Refund of 25.00 EUR", "one book was damaged"])),
        room("disputes", "/console/disputes".into(), json!(["74.00 EUR", "Fraudulent"])),
        room("dispute", format!("/console/disputes/{}", id("dispute")), json!(["Dispute over 74.00 EUR", "Answer until"])),
        room("customers", "/console/customers".into(), json!(["Ada Byron", "C-17"])),
        room("customer", format!("/console/customers/{}", id("customer")), json!(["Visa ending in 4242"])),
        room("balances", "/console/balances".into(), json!(["EUR", "JPY", "Available", "Pending", "Receivable"])),
        room("events", "/console/events".into(), json!(["webhook.received", "effect.parked"])),
        room("webhooks", "/console/webhooks".into(), json!(["payment_intent.succeeded", "News", "Known"])),
        room("webhook", format!("/console/webhooks/{}", id("webhook")), json!(["Hear it again", "Body"])),
        room("accounts", "/console/accounts".into(), json!(["They agree", "demo", "JPY"])),
        room("system", "/console/system".into(), json!(["Journal segments", "Being written", "Digest", "Chain of the journal"])),
        room("performance", "/console/performance".into(), json!(["per payment", "One sync of the journal"])),
        room("docs", "/docs".into(), json!(["Documentation"])),
        room("docs-quickstart", "/docs/quickstart".into(), json!(["curl"])),
        room("docs-reference", "/docs/api".into(), json!(["/v1/payments"])),
        room("docs-error", "/docs/errors/amount_zero".into(), json!(["amount_zero"])),
        room("search", "/console/search?q=nothing-has-this-name".into(), json!(["Nothing has this name"])),
    ])
}

#[test]
fn the_console_is_walked_by_mouse_and_keyboard_with_and_without_scripts_and_axe_finds_nothing() {
    let chromium = match browser() {
        Ok(chromium) => chromium,
        Err(missing) => {
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            println!("SKIPPED: the console in a browser: {missing}");
            return;
        }
    };
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/browser").canonicalize().unwrap();
    let modules = modules(&sources);
    let folder = Folder::new("console");
    let sandbox = Sandbox::start(&folder.0);
    let mut plan = Plan::new(&folder.0, sandbox.address).with(&format!("--stripe-webhook main={SECRET} --sweep-every-ms off"));
    plan.arguments[..4].clone_from_slice(&["--replay-gaps-ms", "100", "--lookup-gaps-ms", "100"].map(str::to_owned));
    let platform = plan.start();
    let mut shop = Shop { platform, sandbox, made: 0 };
    let hook = format!("http://{}/v1/webhooks/stripe/main", shop.platform.address);
    shop.admin("POST", "/_admin/webhook_endpoints", &json!({ "url": hook, "secret": SECRET }));
    let ids = shop.stories();

    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    let wants_docs = std::env::var_os("BEZANT_UPDATE").is_some_and(|value| value == "1");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").canonicalize().unwrap();
    let walk = json!({
        "url": format!("http://{}", shop.platform.address), "operator_key": shop.platform.operator_key,
        "merchant_key": shop.platform.api_key, "rooms": rooms(&ids), "payments": ids, "modules": modules, "chromium": chromium,
        "out": out, "docs": wants_docs.then_some(docs),
    });
    let file = folder.join("walk.json");
    std::fs::write(&file, walk.to_string()).unwrap();
    let output = Command::new("node").arg(sources.join("walk.mjs")).arg(&file).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    println!("{said}");
    assert_eq!(shop.platform.stop().code(), Some(0));
}
