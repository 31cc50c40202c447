//! The command line as people use it: every example of every help text runs against a real platform, and wrong command
//! lines are answered with what to do.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use support::{Bezant, Client, Folder, Plan, Sandbox, bezant, wait_for};

/// Secret of the webhook endpoint.
const SECRET: &str = "whsec_examples_of_the_command_line";
/// Length of an id's body.
const ID_BODY_CHARS: usize = 26;
/// The key's public id in examples.
const EXAMPLE_KEY: &str = "Abc123Def4";
/// The message in examples.
const EXAMPLE_MESSAGE: &str = "evt_1MtwBwLkdIwHu7ixAbc123De";

/// Examples that are only parsed, with the reason and where what they do is tested.
const PARSED_ONLY: [(&str, &str); 3] = [
    ("bezant serve", "runs until it is stopped: every process test starts it"),
    ("bezant ledger bench", "measures millions of transfers: docs/guide/ledgers.md has a short one"),
    ("bezant journal skip", "needs an event that cannot be applied: operators.rs"),
];

/// Commands that use the data folder of a platform that is not running.
const OFFLINE: [&str; 3] = ["bezant journal", "bezant privacy erase pay_", "bezant views"];

/// A command's words and the examples of its help.
fn examples() -> Vec<(String, String)> {
    fn collect(command: &clap::Command, path: &str, found: &mut Vec<(String, String)>) {
        for inner in command.get_subcommands() {
            collect(inner, &format!("{path} {}", inner.get_name()), found);
        }
        let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1).take_while(|line| line.starts_with("  "));
        found.extend(lines.map(|line| (path.to_owned(), line.trim().to_owned())));
    }
    let mut found = Vec::new();
    collect(&bezant::cli::command(), "bezant", &mut found);
    found
}

/// A platform with something of everything.
struct Shop {
    folder: Folder,
    sandbox: Sandbox,
    plan: Plan,
    platform: Option<Bezant>,
    environment: Vec<(&'static str, String)>,
    drawn: u32,
}

impl Shop {
    fn open(name: &str) -> Self {
        let folder = Folder::new(name);
        let sandbox = Sandbox::start(&folder.0);
        let mut plan = Plan::new(&folder.0, sandbox.address);
        plan.data = folder.join("bezant-data/platform");
        std::fs::create_dir_all(&plan.data).unwrap();
        plan.arguments =
            ["--replay-gaps-ms", "1", "--lookup-gaps-ms", "1", "--segment-mib", "2", "--sweep-every-ms", "off"].map(str::to_owned).to_vec();
        plan = plan.with(&format!("--stripe-webhook main={SECRET}"));
        let platform = plan.start();
        let url = platform.process.announced["listening"].as_str().unwrap().to_owned();
        let binaries = Path::new(env!("CARGO_BIN_EXE_bezant")).parent().unwrap().display().to_string();
        let environment = vec![
            ("BEZANT_URL", url),
            ("BEZANT_API_KEY", platform.api_key.clone()),
            ("BEZANT_OPERATOR_KEY", platform.operator_key.clone()),
            ("PATH", format!("{binaries}:{}", std::env::var("PATH").unwrap())),
        ];
        Self { folder, sandbox, plan, platform: Some(platform), environment, drawn: 0 }
    }

    /// From now on the simulator tells the platform of everything.
    fn subscribe(&self) {
        let address = format!("http://{}/v1/webhooks/stripe/main", self.plan.listen);
        let hook = json!({ "url": address, "secret": SECRET }).to_string();
        assert_eq!(Client::new(self.sandbox.address).send("POST", "/_admin/webhook_endpoints", &[], hook.as_bytes()).unwrap().status, 200);
    }

    /// Runs a line as a shell does, in the shop's folder.
    fn shell(&self, line: &str) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&self.folder.0).envs(self.environment.iter().cloned());
        command.output().unwrap()
    }

    /// Runs a line that has to work; what it printed.
    fn run(&self, line: &str) -> String {
        let output = self.shell(line);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !errors.contains("bezant: "), "{line}: {}\n{errors}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, line: &str) -> Value {
        let text = self.run(line);
        serde_json::from_str(text.lines().next().unwrap_or_else(|| panic!("{line} printed nothing"))).unwrap()
    }

    fn id(&self, line: &str) -> String {
        self.json(line)["id"].as_str().unwrap().to_owned()
    }

    fn fresh(&mut self) -> u32 {
        self.drawn += 1;
        self.drawn
    }

    /// A payment as a command needs it.
    fn payment_for(&mut self, path: &str) -> String {
        let reference = format!("example-{}", self.fresh());
        let further = match path {
            "bezant payments capture" | "bezant payments cancel" => "--hold",
            "bezant payments confirm" => "--unconfirmed",
            _ => "",
        };
        self.id(&format!("bezant payments create 19.99 EUR --payment-method pm_card_visa --reference {reference} {further} --json"))
    }

    /// The id of a payment method, customer, … that a merchant's server made.
    fn post(&mut self, path: &str, body: &Value) -> String {
        let key = format!("post-{}", self.fresh());
        let answer = self.platform.as_ref().unwrap().merchant().post(path, &key, body).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.json());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Makes one call that nobody knows the outcome of; answers its id.
    fn park(&mut self) -> String {
        let mut admin = Client::new(self.sandbox.address);
        let rule = json!({ "kind": "error_500_after_effect" }).to_string();
        assert_eq!(admin.send("POST", "/_admin/faults", &[], rule.as_bytes()).unwrap().status, 200);
        let amount = json!({ "amount": { "amount_minor": 500, "currency": "EUR" }, "payment_method": "pm_card_visa" });
        let merchant = self.platform.as_ref().unwrap().merchant().post("/v1/payments", "parked", &amount).unwrap();
        assert_eq!(merchant.status, 202, "{}", merchant.json());
        let parked = wait_for("a parked call", || self.run("bezant attempts parked --json").lines().next().map(str::to_owned));
        assert_eq!(admin.send("DELETE", "/_admin/faults", &[], b"").unwrap().status, 200);
        serde_json::from_str::<Value>(&parked).unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// One of everything that examples name, by the prefix of its id.
    fn stock(&mut self) -> BTreeMap<&'static str, String> {
        let mut stock = BTreeMap::new();
        std::fs::write(
            self.folder.join("orders.csv"),
            "order_id,amount,currency,country,customer_email,payment_method\nA-1,19.99,EUR,DE,ada@example.com,pm_card_visa\n",
        )
        .unwrap();
        std::fs::write(
            self.folder.join("workload.jsonl"),
            "{\"op\":\"create_accounts\",\"events\":[{\"id\":1,\"ledger\":1,\"code\":1}]}\n",
        )
        .unwrap();
        self.subscribe();
        stock.insert("cus", self.post("/v1/customers", &json!({ "email": "ada@example.com", "name": "Ada" })));
        let card = json!({ "payment_method": "pm_card_visa" });
        let _method = self.post(&format!("/v1/customers/{}/payment_methods", stock["cus"]), &card);
        stock.insert("mer", self.id("bezant merchants list --json"));
        stock.insert("opr", self.id("bezant operators create anna --json"));
        let disputed = self.json("bezant payments create 8.00 EUR --payment-method pm_card_createDispute --json");
        stock.insert("sub", disputed["subject"].as_str().unwrap().to_owned());
        stock.insert("evt", wait_for("a message", || self.run("bezant webhooks list --json").lines().next().map(id_of)));
        stock.insert("dsp", wait_for("a dispute", || self.run("bezant disputes list --json").lines().next().map(id_of)));
        let paid = self.payment_for("bezant payments show");
        stock.insert("ref", self.id(&format!("bezant refunds create {paid} --amount 1.00 --json")));
        stock
    }

    /// Runs an example with things that exist.
    fn show(&mut self, path: &str, example: &str, stock: &BTreeMap<&'static str, String>) {
        let line = self.filled(path, example, stock);
        let printed = self.run(&line);
        for object in printed.lines().filter(|_| line.ends_with("--json")) {
            assert!(serde_json::from_str::<Value>(object).is_ok_and(|value| value.is_object()), "{line} printed {object}");
        }
        assert!(!printed.contains('\x1b'), "{line} used colours although it writes to no terminal");
    }

    /// The example with ids of things that exist.
    fn filled(&mut self, path: &str, example: &str, stock: &BTreeMap<&'static str, String>) -> String {
        let mut line = example
            .replace("http://127.0.0.1:8080", &self.environment[0].1)
            .replace(EXAMPLE_MESSAGE, stock.get("evt").map_or("", String::as_str));
        if line.contains(EXAMPLE_KEY) {
            let key = self.id(&format!("bezant keys create {} --json", stock["mer"]));
            line = line.replace(EXAMPLE_KEY, &key);
        }
        let words = line.split(' ').map(|word| {
            let (prefix, body) = word.split_once('_').unwrap_or(("", ""));
            match (prefix, body.len() == ID_BODY_CHARS) {
                ("pay", true) => self.payment_for(path),
                (_, true) => stock.get(prefix).cloned().unwrap_or_else(|| word.to_owned()),
                (_, false) => word.to_owned(),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

fn id_of(line: &str) -> String {
    serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
}

/// Words of a line without the shell's parts, for the parser.
fn words(example: &str) -> Vec<&str> {
    example.split(['|', '>']).next().unwrap().split_whitespace().collect()
}

#[test]
fn every_example_of_every_help_text_works() {
    let mut shop = Shop::open("examples");
    // Before the provider tells of anything by itself, for that would settle the call.
    let (about_calls, examples): (Vec<_>, Vec<_>) = examples().into_iter().partition(|(_, example)| example.contains(" eff_"));
    for (path, example) in about_calls {
        let parked = BTreeMap::from([("eff", shop.park())]);
        shop.show(&path, &example, &parked);
    }
    let stock = shop.stock();
    let (mut parsed_only, mut offline) = (Vec::new(), Vec::new());
    for (path, example) in &examples {
        assert!(example.starts_with(&format!("{path} ")) || example == path, "`{path}` shows `{example}`");
        if PARSED_ONLY.iter().any(|(start, _)| example.starts_with(start)) {
            let parsed = bezant::cli::command().try_get_matches_from(words(example));
            assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
            parsed_only.push(example.as_str());
        } else if OFFLINE.iter().any(|start| example.starts_with(start)) {
            offline.push(shop.filled(path, example, &stock));
        } else {
            shop.show(path, example, &stock);
        }
    }
    assert!(PARSED_ONLY.iter().all(|(start, _)| parsed_only.iter().any(|example| example.starts_with(start))), "{parsed_only:?}");
    assert_eq!(shop.platform.take().unwrap().stop().code(), Some(0), "{}", shop.plan.log_text());
    for line in offline {
        assert!(!shop.run(&line).is_empty(), "{line} printed nothing");
    }
}

#[test]
fn lists_are_read_page_by_page_or_whole_and_close_their_output_in_peace() {
    let mut shop = Shop::open("pages");
    let empty = shop.run("bezant payments list");
    assert!(empty.contains("`bezant payments create`"), "an empty list says what to do: {empty}");
    for _ in 0..5 {
        shop.payment_for("");
    }
    let whole: Vec<String> = shop.run("bezant payments list --all --json").lines().map(id_of).collect();
    assert_eq!(whole.len(), 5);
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let output = shop.shell(&format!("bezant payments list --limit 2 --json {cursor}"));
        paged.extend(String::from_utf8(output.stdout).unwrap().lines().map(id_of));
        let Ok(page) = serde_json::from_slice::<Value>(&output.stderr) else { break };
        assert_eq!((&page["object"], &page["has_more"]), (&json!("page"), &json!(true)));
        cursor = format!("--cursor {}", page["next_cursor"].as_str().unwrap());
    }
    assert_eq!(paged, whole, "pages are the list, and the last one names no next");

    let output = shop.shell("bezant payments list --limit 2");
    let (table, hint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(table.lines().count(), 3, "{table}");
    let cursor = hint.split("--cursor ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let next = shop.run(&format!("bezant payments list --limit 2 --cursor {cursor}"));
    assert!(next.contains(&whole[2]) && next.contains(&whole[3]), "{next}");

    let closed = shop.shell("bash -c 'set -o pipefail; bezant payments list --all --json | head -n 1'");
    assert!(closed.status.success() && closed.stderr.is_empty(), "{}", String::from_utf8_lossy(&closed.stderr));
    let coloured = shop.run("NO_COLOR=1 bezant payments list; CLICOLOR_FORCE=1 TERM=xterm bezant payments list");
    assert!(!coloured.contains('\x1b'), "{coloured:?}");
}

#[test]
fn an_operator_reads_for_a_merchant_and_changes_nothing() {
    let mut shop = Shop::open("acting");
    let payment = shop.payment_for("");
    let merchant = shop.id("bezant merchants list --json");
    let own = shop.run("bezant payments list --json");
    shop.environment.retain(|(name, _)| *name != "BEZANT_API_KEY");
    assert_eq!(shop.run(&format!("bezant payments list --json --merchant {merchant}")), own);
    assert_eq!(shop.run(&format!("BEZANT_MERCHANT={merchant} bezant payments list --json")), own);
    assert!(shop.run(&format!("bezant payments show {payment} --merchant {merchant}")).contains("19.99 EUR"));
    let of_all = shop.run("bezant payments list");
    assert!(of_all.contains("MERCHANT") && of_all.contains(&merchant), "{of_all}");
    let acting = shop.shell(&format!("bezant payments cancel {payment}"));
    assert_eq!(acting.status.code(), Some(2), "only a merchant acts");
    assert!(String::from_utf8_lossy(&acting.stderr).contains("only a merchant's own key may do this"));
}

/// A wrong command line, its exit code, and what its message must say.
const WRONG: [(&str, i32, &str); 35] = [
    ("bezant backup", 2, "--to <FOLDER>"),
    ("bezant backup --data nowhere --to backup", 1, "nowhere holds no journal; name the data folder of a platform with --data"),
    ("bezant backup --to .", 1, "belongs to no backup; name an empty folder"),
    ("bezant restore --from nowhere --data restored", 1, "nowhere holds no complete backup"),
    ("bezant ledger run nowhere.jsonl", 1, "cannot read nowhere.jsonl: No such file or directory"),
    ("bezant", 2, "First steps:"),
    ("bezant paymnts list", 2, "tip: some similar subcommands exist: 'pay', 'payments'"),
    ("bezant payments lst", 2, "tip: a similar subcommand exists: 'list'"),
    ("bezant payments list --stats captured", 2, "tip: a similar argument exists: '--status'"),
    ("bezant payments list --status captrued", 2, "tip: a similar value exists: 'captured'"),
    ("bezant payments list --limit 1000", 2, "1000 is not in 1..=100"),
    ("bezant payments list --all --limit 5", 2, "cannot be used with"),
    ("bezant payments list --currency Euro", 2, "ISO 4217"),
    ("bezant payments list --cursor nonsense", 1, "Pass on the next_cursor of an earlier page"),
    ("bezant payments list --created-from yesterday", 1, "a time such as 2026-11-21T09:33:00Z"),
    ("bezant payments show", 2, "<ID>"),
    ("bezant payments show order-7", 2, "`bezant payments list` shows them"),
    ("bezant payments show ref_22ewrpbtw21f00jyjrxtthpazc", 2, "it is the id of a refund: `bezant refunds show ref_"),
    ("bezant payments show pi_3MtwBwLkdIwHu7ix", 2, "`bezant search pi_3MtwBwLkdIwHu7ix`"),
    ("bezant payments show pay_22ewrpbtw21f00jyjrxtthpaz", 2, "copy it again, whole"),
    ("bezant payments show pay_22ewrpbtw21f00jyjrxtthpazc", 1, "404: There is no such payment."),
    ("bezant refunds create pay_22ewrpbtw21f00jyjrxtthpazc --amount 1.00", 1, "404: There is no such payment."),
    ("bezant payments create 19.999 EUR --payment-method pm_card_visa", 2, "more than the 2 decimals of its currency"),
    ("bezant payments create 19.99 EUR", 2, "--payment-method <METHOD>"),
    ("bezant payments create -- -5 EUR --payment-method pm_card_visa", 2, "unexpected argument"),
    ("BEZANT_API_KEY= BEZANT_OPERATOR_KEY= bezant payments list", 2, "set BEZANT_API_KEY or give --api-key"),
    (
        "BEZANT_API_KEY= bezant payments show pay_22ewrpbtw21f00jyjrxtthpazc",
        2,
        "add --merchant mer_… (`bezant merchants list` names them all)",
    ),
    ("BEZANT_OPERATOR_KEY= bezant payments list --merchant mer_22ewrpbtw21f00jyjrxtthpazc", 2, "--merchant is for operators"),
    ("bezant payments list --merchant bookshop", 2, "is not an id of a merchant"),
    ("BEZANT_API_KEY=$BEZANT_OPERATOR_KEY bezant payments list", 2, "a merchant's secret key is needed here"),
    ("BEZANT_OPERATOR_KEY=$BEZANT_API_KEY bezant merchants list", 2, "an operator's key is needed here"),
    ("BEZANT_API_KEY=sk_test_nobody bezant payments list", 1, "401"),
    ("BEZANT_OPERATOR_KEY= bezant merchants list", 2, "the first one is in the file operator.key"),
    ("bezant payments list --url pay.example.com", 2, "it looks like http://127.0.0.1:8080"),
    ("bezant payments list --url http://127.0.0.1:1", 1, "start the platform with `bezant serve`"),
];

#[test]
fn wrong_command_lines_are_answered_with_what_to_do() {
    let shop = Shop::open("wrong");
    for (line, exit_code, sentence) in WRONG {
        let output = shop.shell(line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(exit_code), "{line}: {said}");
        assert!(said.contains(sentence), "{line} says {said}");
        assert!(output.stdout.is_empty() && !said.contains("panicked"), "{line}: {said}");
        for (_, value) in shop.environment.iter().filter(|(name, _)| name.ends_with("_KEY")) {
            assert!(!said.contains(value.as_str()), "{line} shows a key");
        }
    }
    let elsewhere = shop.shell(&format!("bezant payments list --url http://{}", shop.sandbox.address));
    assert_eq!(elsewhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&elsewhere.stderr).contains("is not Bezant"), "{}", String::from_utf8_lossy(&elsewhere.stderr));

    for (line, code) in [
        ("bezant payments show order-7 --json", Value::Null),
        ("bezant payments show pay_22ewrpbtw21f00jyjrxtthpazc --json", json!("payment_unknown")),
    ] {
        let output = shop.shell(line);
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(
            (&error["object"], &error["code"], error["exit_code"].as_i64()),
            (&json!("error"), &code, output.status.code().map(i64::from))
        );
    }
    let quiet = bezant().args(["payments", "--help"]).output().unwrap();
    assert!(quiet.status.success() && quiet.stderr.is_empty());
}

/// What bash offers after these words.
fn completed(shop: &Shop, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "source <(bezant completions bash); COMP_WORDS=({}); COMP_CWORD={}; _bezant bezant \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len() - 1
    );
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", &script]).current_dir(&shop.folder.0).envs(shop.environment.iter().cloned());
    let output = bash.output().expect("bash is needed for this test");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_arguments_and_values() {
    let shop = Shop::open("completions");
    assert_eq!(completed(&shop, &["bezant", "paym"]), ["payments"]);
    assert_eq!(completed(&shop, &["bezant", "payments", "jour"]), ["journey"]);
    assert_eq!(completed(&shop, &["bezant", "payments", "list", "--amount-minor-m"]), ["--amount-minor-min", "--amount-minor-max"]);
    assert_eq!(completed(&shop, &["bezant", "payments", "list", "--status", "req"]), ["requires_action"]);
    assert_eq!(completed(&shop, &["bezant", "webhooks", "list", "--found", "un"]), ["unmatched", "unclear"]);
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        assert!(shop.run(&format!("bezant completions {shell}")).contains("journey"), "{shell}");
    }
    let wrong = shop.shell("bezant completions bsh");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("tip: a similar value exists: 'bash'"));
}

/// What `config check` says of each thing.
fn verdicts(shop: &Shop, line: &str) -> (Option<i32>, BTreeMap<String, String>) {
    let output = shop.shell(line);
    let text = String::from_utf8(output.stdout).unwrap();
    let verdict = |line: &str| {
        let check: Value = serde_json::from_str(line).unwrap();
        assert_eq!(check["object"], "check");
        (check["name"].as_str().unwrap().to_owned(), check["verdict"].as_str().unwrap().to_owned())
    };
    (output.status.code(), text.lines().map(verdict).collect())
}

#[test]
fn serve_and_the_check_of_its_configuration_say_the_same() {
    let mut shop = Shop::open("config");
    let arguments =
        format!("--data {} --listen {} --stripe-url http://{}", shop.plan.data.display(), shop.plan.listen, shop.sandbox.address);
    let check = format!("bezant config check --json {arguments} --stripe-key sk_test_real_processes --stripe-webhook main={SECRET}");
    let (exit_code, running) = verdicts(&shop, &check);
    assert_eq!(exit_code, Some(1), "the platform has port and folder");
    for (name, verdict) in &running {
        let expected = matches!(name.as_str(), "listen" | "folder in use");
        assert_eq!(verdict == "fail", expected, "{name} is {verdict}");
    }
    let refused = shop.shell(&format!("bezant serve {arguments} --stripe-key sk_test_real_processes"));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot listen on") && said.contains("is in use by another process"), "{said}");

    assert_eq!(shop.platform.take().unwrap().stop().code(), Some(0));
    let (exit_code, stopped) = verdicts(&shop, &check);
    assert!(exit_code == Some(0) && stopped.values().all(|verdict| verdict != "fail"), "{stopped:?}");
    for (further, name, sentence) in [
        ("", "provider key", "Stripe's secret key is missing"),
        ("--stripe-key pk_test_1", "provider key", "publishable key"),
        ("--stripe-key sk_live_1 --demo", "provider key", "a live key with --demo"),
        ("--stripe-key sk_test_1 --stripe-webhook main", "webhooks", "NAME=SECRET"),
    ] {
        let (exit_code, found) = verdicts(&shop, &format!("bezant config check --json {arguments} {further}"));
        assert_eq!((exit_code, found[name].as_str()), (Some(1), "fail"), "{further}");
        let refused = shop.shell(&format!("bezant serve {arguments} {further}"));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && said.contains(sentence), "{further}: {said}");
        assert!(!said.contains("pk_test_1") && !said.contains("sk_live_1"), "{said}");
    }
    let secrets = shop.plan.data.join("platform.secrets");
    std::fs::rename(&secrets, shop.folder.join("elsewhere")).unwrap();
    assert!(shop.plan.try_start().is_err(), "no new secrets are made for a folder that has lost its own");
    assert!(!secrets.exists() && shop.plan.log_text().contains("restore"), "{}", shop.plan.log_text());
    std::fs::rename(shop.folder.join("elsewhere"), &secrets).unwrap();
    assert_eq!(shop.plan.start().stop().code(), Some(0));
}

/// Everything that a merchant can read in lists, searches and journeys.
fn readable(shop: &Shop) -> Vec<String> {
    let payments = shop.run("bezant payments list --all --json");
    let mut found = vec![payments.clone()];
    for line in
        ["bezant refunds list --all --json", "bezant customers list --all --json", "bezant payments list --reference example-1 --json"]
    {
        found.push(shop.run(line));
    }
    found.extend(payments.lines().map(|line| shop.run(&format!("bezant payments journey {} --json", id_of(line)))));
    found
}

#[test]
fn read_models_are_rebuilt_offline_with_the_same_answers_whatever_became_of_them() {
    let mut shop = Shop::open("views");
    let _customer = shop.post("/v1/customers", &json!({ "email": "ada@example.com" }));
    let paid: Vec<String> = (0..6).map(|_| shop.payment_for("")).collect();
    shop.run(&format!("bezant refunds create {} --amount 2.00", paid[0]));
    shop.run("bezant payments create 5.00 EUR --payment-method pm_card_chargeDeclinedInsufficientFunds");
    let before = readable(&shop);
    let refused = shop.shell("bezant views rebuild");
    assert!(refused.status.code() == Some(1) && String::from_utf8_lossy(&refused.stderr).contains("is in use by another process"));
    assert_eq!(shop.json("bezant views status --json")["state"], "in_use");
    assert_eq!(shop.platform.take().unwrap().stop().code(), Some(0));

    let path = shop.plan.data.join("views.sqlite");
    let current = shop.json("bezant views status --json");
    assert!(matches!(current["state"].as_str(), Some("current" | "behind")), "{current}");
    for ruin in ["nothing is wrong", "it is gone", "it is cut short", "it is something else"] {
        if ruin != "nothing is wrong" {
            let bytes = std::fs::read(&path).unwrap();
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(shop.plan.data.join(format!("views.sqlite{suffix}"))); // may not be there
            }
            match ruin {
                "it is cut short" => std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
                "it is something else" => std::fs::write(&path, b"not a database at all".repeat(1_000)).unwrap(),
                _ => {}
            }
        }
        // What a rebuild that was killed left behind.
        std::fs::write(shop.plan.data.join("views.sqlite.rebuilding"), "half").unwrap();
        let state = shop.json("bezant views status --json")["state"].as_str().unwrap().to_owned();
        assert_eq!(state == "unusable", ruin != "nothing is wrong", "{ruin}: {state}");
        let rebuilt = shop.json("bezant views rebuild --json");
        assert!(!shop.plan.data.join("views.sqlite.rebuilding").exists() && !shop.plan.data.join("views.sqlite-wal").exists());
        let status = shop.json("bezant views status --json");
        assert_eq!((&status["state"], &status["applied_seq"]), (&json!("current"), &rebuilt["events"]), "{ruin}");
        let platform = shop.plan.start();
        platform.merchant().catch_up();
        assert_eq!(readable(&shop), before, "{ruin}");
        assert_eq!(platform.stop().code(), Some(0));
        assert!(!shop.plan.log_text().contains("the read models fell behind"), "{ruin}");
    }
    let elsewhere = shop.shell("bezant views rebuild --data nowhere");
    assert!(elsewhere.status.code() == Some(1) && String::from_utf8_lossy(&elsewhere.stderr).contains("holds no journal"));
}
