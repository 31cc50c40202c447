//! The reference of the API, made from its OpenAPI description: a page for each group of requests, and one for all objects.
//!
//! The examples are shell commands with variables in the place of ids and keys, such as `$PAYMENT_ID`; our tests run them.

use super::code;
use super::library::{Article, Section};
use super::markdown::{self, anchor};
use maud::{Markup, html};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// The page above the groups: what holds for every request.
const GUIDE: &str = include_str!("../../../../docs/guide/api.md");
const PATH: &str = "/docs/api";
const OBJECTS_PATH: &str = "/docs/api/objects";
/// Groups that come first, in this order, with what one does there; the others follow by name.
const GROUPS: &[(&str, &str)] = &[
    ("payments", "Take money: create, confirm, capture and cancel payments, and read what happened to them."),
    ("refunds", "Give money back."),
    ("disputes", "See what customers' banks ask for and take back."),
    ("ledger", "Keep a double-entry ledger of your own, in batches as large as you like to send."),
    ("customers", "Store customers and their payment methods, and charge them later."),
    ("balances", "Read the books."),
    ("events", "Follow everything that happens."),
    ("webhooks", "Where providers send their messages."),
    ("operators", "Run the platform: merchants, keys, what waits for a person, erasing people."),
    ("probes", "Ask whether the platform is well."),
];
/// What examples send in fields of these names, before the description's own examples. A value that begins with `$` is a
/// variable of the shell.
const EXAMPLES: &[(&str, &str)] = &[
    ("amount_minor", "1999"),
    ("currency", "\"EUR\""),
    ("payment_method", "\"pm_card_visa\""),
    ("email", "\"ada@example.com\""),
    ("handle", "\"a-new-one\""),
    ("accounts", r#"[{"id":"1","ledger":700,"code":10},{"id":"2","ledger":700,"code":20}]"#),
    ("transfers", r#"[{"id":"1","debit_account_id":"1","credit_account_id":"2","amount":"500","ledger":700,"code":1}]"#),
    ("entries", r#"[{"id":"1","code":1,"postings":[{"account_id":"1","debit":"500"},{"account_id":"2","credit":"500"}]}]"#),
    ("ids", r#"["1"]"#),
    ("q", "\"bookshop\""),
    ("payment", "$PAYMENT_ID"),
    ("subject", "$SUBJECT_ID"),
];
/// Fields that examples send although they may be left out.
const SENT_ANYWAY: &[&str] = &["payment_method", "email"];
/// Deepest nesting of an example; no object of the description refers to itself.
const DEPTH_MAX: u8 = 6;

/// A request of the reference that can be run.
#[derive(Clone, Debug)]
pub struct Example {
    /// The description's name of the request, such as `createPayment`.
    pub operation: String,
    /// Shell commands; ids and keys are variables.
    pub shell: String,
}

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&api::openapi()).unwrap_or(Value::Null));

/// One request: where it stands in the description.
#[derive(Clone, Copy)]
struct Operation {
    method: &'static str,
    path: &'static str,
    about: &'static Value,
}

impl Operation {
    fn text(self, name: &str) -> &'static str {
        self.about[name].as_str().unwrap_or_default()
    }

    fn group(self) -> &'static str {
        self.about["tags"][0].as_str().unwrap_or("other")
    }

    fn may_operators_read(self) -> bool {
        self.about["security"].as_array().into_iter().flatten().any(|scheme| scheme.get("acting_merchant").is_some())
    }

    /// The name of the first security scheme; `None` for requests that need no key.
    fn access(self) -> Option<&'static str> {
        self.about["security"][0].as_object()?.keys().next().map(String::as_str)
    }
}

fn operations() -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in members(&DESCRIPTION["paths"]) {
        for method in ["post", "get", "delete"] {
            if let Some(about) = item.get(method) {
                found.push(Operation { method, path, about });
            }
        }
    }
    found
}

fn members(value: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// Every request that can be run as it stands; those of providers need a signature.
pub fn examples() -> Vec<Example> {
    let runs = operations().into_iter().filter(|operation| operation.access() != Some("provider_signature"));
    runs.map(|operation| Example { operation: operation.text("operationId").to_owned(), shell: shell(operation) }).collect()
}

/// The guide, a page for each group, and the objects.
pub(super) fn articles(group: &'static str) -> Vec<Article> {
    let all = operations();
    let mut names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
    for operation in &all {
        if !names.contains(&operation.group()) {
            names.push(operation.group());
        }
    }
    let of = |name: &str| all.iter().copied().filter(|operation| operation.group() == name).collect::<Vec<_>>();
    let groups: Vec<(&str, Vec<Operation>)> = names.into_iter().map(|name| (name, of(name))).filter(|(_, all)| !all.is_empty()).collect();
    let mut articles = vec![index(group, &groups)];
    articles.extend(groups.iter().map(|(name, operations)| page(group, name, operations)));
    articles.push(objects(group));
    articles
}

fn index(group: &'static str, groups: &[(&str, Vec<Operation>)]) -> Article {
    let mut rendered = markdown::render(GUIDE);
    let mut text = String::new();
    let body = html! {
        (rendered.body)
        h2 id="requests" { "Requests" }
        @for (name, operations) in groups {
            h3 { a href={ (PATH) "/" (name) } { (title(name)) } }
            ul.operations {
                @for operation in operations {
                    li {
                        (badge(*operation)) " "
                        a href={ (PATH) "/" (name) "#" (anchor(operation.text("summary"))) } { (operation.text("summary")) }
                        " " code.soft { (operation.path) }
                    }
                }
            }
        }
    };
    for operation in groups.iter().flat_map(|(_, operations)| operations) {
        text.push_str(&format!("{} {} ", operation.method.to_uppercase(), operation.path));
    }
    rendered.sections.push(Section { id: "requests".into(), title: "Requests".into(), level: 2, text });
    Article { path: PATH.into(), group, title: rendered.title, lead: rendered.lead, body, sections: rendered.sections, above: None }
}

/// The name of a group as a title.
fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

fn page(group: &'static str, name: &str, operations: &[Operation]) -> Article {
    let lead = GROUPS.iter().find(|(known, _)| *known == name).map_or("", |(_, lead)| lead);
    let mut sections = vec![Section { id: String::new(), title: title(name), level: 1, text: lead.into() }];
    let mut body = html! { p.lead { (lead) } };
    for operation in operations {
        let (summary, id) = (operation.text("summary"), anchor(operation.text("summary")));
        body.0.push_str(&section(*operation, summary, &id).0);
        let text = format!("{} {} {}", operation.method.to_uppercase(), operation.path, operation.text("description"));
        sections.push(Section { id, title: summary.into(), level: 2, text });
    }
    Article { path: format!("{PATH}/{name}"), group, title: title(name), lead: lead.into(), body, sections, above: Some(("The API", PATH)) }
}

fn badge(operation: Operation) -> Markup {
    let tone = match operation.method {
        "get" => "state good",
        "post" => "state info",
        _ => "state bad",
    };
    html! { span class={ (tone) " method" } { (operation.method.to_uppercase()) } }
}

fn section(operation: Operation, summary: &str, id: &str) -> Markup {
    let parameters = operation.about["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let body = &operation.about["requestBody"]["content"]["application/json"]["schema"];
    html! {
        h2 id=(id) { (summary) " " a.anchor href={ "#" (id) } aria-label={ "Link to “" (summary) "”" } { "#" } }
        p.operation { (badge(operation)) " " code { (operation.path) } }
        @if !operation.text("description").is_empty() { p { (words(operation.text("description"))) } }
        p.soft {
            @match operation.access() {
                Some("merchant_key") if operation.may_operators_read() => {
                    "Needs a merchant’s key, or an operator’s key with the merchant in the header " code { "Bezant-Merchant" } "."
                }
                Some("merchant_key") => "Needs a merchant’s key.",
                Some("operator_key") => "Needs an operator’s key.",
                Some("provider_signature") => "Needs no key: the provider’s signature is checked.",
                Some(_) | None => "Needs no key.",
            }
        }
        @if !parameters.is_empty() {
            h3 { "Parameters" }
            (table(&format!("Parameters of “{summary}”"), ["Name", "Type", "Meaning"], parameters.iter().map(parameter)))
        }
        @if let Some(name) = reference(body) {
            h3 { "Body" }
            (fields(&format!("Body of “{summary}”"), schema(name)))
        }
        h3 { "Answers" }
        (table(&format!("Answers of “{summary}”"), ["Status", "Type", "Meaning"], answers(operation).into_iter()))
        @if operation.access() != Some("provider_signature") {
            h3 { "Example" }
            (code::block("sh", &shell(operation)))
        }
    }
}

fn table(about: &str, columns: [&str; 3], rows: impl Iterator<Item = [Markup; 3]>) -> Markup {
    html! {
        div.sheet tabindex="0" role="region" aria-label=(about) {
            table {
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}

fn parameter(parameter: &Value) -> [Markup; 3] {
    let name = parameter["name"].as_str().unwrap_or_default();
    let place = parameter["in"].as_str().unwrap_or_default();
    let is_required = parameter["required"] == true;
    [
        html! { code { (name) } br; span.soft.small { (place) @if is_required { ", required" } } },
        kind(&parameter["schema"]),
        html! { (words(parameter["description"].as_str().unwrap_or_default())) (limits(&parameter["schema"])) },
    ]
}

fn answers(operation: Operation) -> Vec<[Markup; 3]> {
    let mut rows = Vec::new();
    for (status, answer) in members(&operation.about["responses"]) {
        let (media, content) = members(&answer["content"]).next().unwrap_or(("", &Value::Null));
        let shown = reference(&content["schema"]).map_or_else(|| html! { code { (media) } }, object_link);
        let meaning = if status == "default" {
            html! { "A " a href="/docs/errors" { "problem" } "; its " code { "code" } " says which." }
        } else {
            html! { (words(answer["description"].as_str().unwrap_or_default())) }
        };
        let status = if status == "default" {
            html! { "4xx, 5xx" }
        } else {
            html! { (status) }
        };
        rows.push([status, shown, meaning]);
    }
    rows
}

/// The name behind a reference to a schema.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn schema(name: &str) -> &'static Value {
    &DESCRIPTION["components"]["schemas"][name]
}

fn object_link(name: &str) -> Markup {
    match name.strip_prefix("List_") {
        Some(item) => html! { "a page of " (object_link(item)) },
        None => html! { a href={ (OBJECTS_PATH) "#" (anchor(name)) } { (name) } },
    }
}

/// The fields of an object; of one that has several forms, those of each.
fn fields(about: &str, schema: &'static Value) -> Markup {
    if let Some(forms) = schema["oneOf"].as_array() {
        return html! {
            @for (index, form) in forms.iter().enumerate() {
                p { (words(form["description"].as_str().unwrap_or_default())) }
                (fields(&format!("{about}, form {}", index + 1), form))
            }
        };
    }
    if let Some(values) = schema["enum"].as_array() {
        return html! { ul { @for value in values.iter().filter_map(Value::as_str) { li { (value_link(schema, value)) } } } };
    }
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut rows: Vec<(&str, &Value)> = members(&schema["properties"]).collect();
    if rows.is_empty() {
        return html! { p { "No fields." } };
    }
    rows.sort_by_key(|(name, _)| (!required.contains(name), *name != "id", *name != "object"));
    let row = |(name, about): (&str, &'static Value)| {
        let is_required = required.contains(&name);
        [
            html! { code { (name) } @if is_required { br; span.soft.small { "always" } } },
            kind(about),
            html! { (words(description(about))) (limits(about)) },
        ]
    };
    table(about, ["Field", "Type", "Meaning"], rows.into_iter().map(row))
}

/// A word of an enumeration; codes of errors have pages.
fn value_link(values: &Value, value: &str) -> Markup {
    if values == schema("ErrorCode") {
        return html! { a href={ "/docs/errors/" (value) } { code { (value) } } };
    }
    html! { code { (value) } }
}

/// A type in words.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = reference(schema) {
        return object_link(name);
    }
    for keyword in ["oneOf", "anyOf", "allOf"] {
        if let Some(forms) = schema[keyword].as_array() {
            let (nulls, others): (Vec<&Value>, Vec<&Value>) = forms.iter().partition(|form| form["type"] == "null");
            return html! {
                @for (index, form) in others.iter().enumerate() { @if index > 0 { " or " } (kind(form)) }
                @if !nulls.is_empty() { " or null" }
            };
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let words = values.iter().filter_map(Value::as_str);
        return html! { @for (index, word) in words.enumerate() { @if index > 0 { ", " } code { (word) } } };
    }
    let named = |name: &str| match name {
        "array" => html! { "list of " (kind(&schema["items"])) },
        "object" if schema["additionalProperties"].is_object() => html! { "map of " (kind(&schema["additionalProperties"])) },
        other => html! { (other) },
    };
    match &schema["type"] {
        Value::String(name) => named(name),
        Value::Array(names) => html! {
            @for (index, name) in names.iter().filter_map(Value::as_str).enumerate() { @if index > 0 { " or " } (named(name)) }
        },
        _ => html! { "any" },
    }
}

/// What a field means; where it may be null as well, the meaning stands with the other form.
fn description(schema: &Value) -> &str {
    let of_forms = || schema["oneOf"].as_array()?.iter().find_map(|form| form["description"].as_str());
    schema["description"].as_str().or_else(of_forms).unwrap_or_default()
}

/// What else a value must keep.
fn limits(schema: &Value) -> Markup {
    let mut found = Vec::new();
    for (keyword, words) in [("minimum", "at least"), ("maximum", "at most")] {
        if let Some(number) = schema[keyword].as_u64().filter(|number| *number > 0) {
            found.push(format!("{words} {number}"));
        }
    }
    if let Some(length) = schema["maxLength"].as_u64() {
        found.push(format!("at most {length} characters"));
    }
    html! { @if !found.is_empty() { " " span.soft { "(" (found.join(", ")) ")" } } }
}

/// Text of the description, with what stands between backticks as code.
fn words(text: &str) -> Markup {
    html! { @for (index, part) in text.split('`').enumerate() { @if index % 2 == 1 { code { (part) } } @else { (part) } } }
}

fn objects(group: &'static str) -> Article {
    let lead = "Every object that requests and answers are made of.";
    let mut sections = vec![Section { id: String::new(), title: "Objects".into(), level: 1, text: lead.into() }];
    let mut body = html! { p.lead { (lead) } };
    for (name, schema) in members(&DESCRIPTION["components"]["schemas"]).filter(|(name, _)| !name.starts_with("List_")) {
        let (id, about) = (anchor(name), schema["description"].as_str().unwrap_or_default());
        let part = html! {
            h2 id=(id) { (name) " " a.anchor href={ "#" (id) } aria-label={ "Link to “" (name) "”" } { "#" } }
            p { (words(about)) }
            (fields(&format!("Fields of {name}"), schema))
        };
        body.0.push_str(&part.0);
        let names: Vec<&str> = members(&schema["properties"]).map(|(name, _)| name).collect();
        sections.push(Section { id, title: name.into(), level: 2, text: format!("{about} {}", names.join(" ")) });
    }
    Article { path: OBJECTS_PATH.into(), group, title: "Objects".into(), lead: lead.into(), body, sections, above: Some(("The API", PATH)) }
}

/// The request as a command of the shell.
fn shell(operation: Operation) -> String {
    let parameters = operation.about["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let asked = parameters.iter().filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
    let asked: Vec<String> = asked
        .filter_map(|parameter| parameter["name"].as_str().map(|name| (name, example(&parameter["schema"], Some(name), 0))))
        .map(|(name, value)| format!("{name}={}", value.trim_matches('"')))
        .collect();
    let query = if asked.is_empty() { String::new() } else { format!("?{}", asked.join("&")) };
    let mut lines = vec![format!("curl http://127.0.0.1:8080{}{query}", path_with_variables(operation.path))];
    let body = reference(&operation.about["requestBody"]["content"]["application/json"]["schema"]).map(schema);
    match (operation.method, &body) {
        ("delete", _) => lines[0].push_str(" -X DELETE"),
        ("post", None) => lines[0].push_str(" -X POST"),
        _ => {}
    }
    match operation.access() {
        Some("merchant_key") => lines.push("-H \"Authorization: Bearer $BEZANT_API_KEY\"".into()),
        Some("operator_key") => lines.push("-H \"Authorization: Bearer $BEZANT_OPERATOR_KEY\"".into()),
        Some(_) | None => {}
    }
    if parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key") {
        lines.push(format!("-H 'Idempotency-Key: {}-1'", operation.text("operationId")));
    }
    if let Some(body) = body {
        let json = example(body, None, 0).replace("\"$", "\"'$").replace("_ID\"", "_ID'\"");
        let json = json.replace("a-new-one", if operation.path.ends_with("operators") { "bob" } else { "bookshop-2" });
        lines.push("-H 'Content-Type: application/json'".into());
        lines.push(format!("-d '{json}'"));
    }
    lines.join(" \\\n  ") + "\n"
}

/// `/v1/payments/{id}` as `/v1/payments/$PAYMENT_ID`.
fn path_with_variables(path: &str) -> String {
    let mut made = String::new();
    let mut before = "";
    for part in path.split('/').skip(1) {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        made.push('/');
        match name {
            Some(name) if name.ends_with("id") => made.push_str(&format!("${}_ID", one_of(before).to_uppercase())),
            Some(name) => made.push_str(&format!("${}", name.to_uppercase())),
            None => made.push_str(part),
        }
        before = part;
    }
    made
}

/// One of several, by an English name.
fn one_of(several: &str) -> String {
    several.strip_suffix("ies").map_or_else(|| several.trim_end_matches('s').to_owned(), |stem| format!("{stem}y"))
}

/// A value that the schema permits: what must be there and a few fields more.
fn example(schema: &Value, name: Option<&str>, depth: u8) -> String {
    if let Some((_, value)) = EXAMPLES.iter().find(|(known, _)| Some(*known) == name) {
        return if value.starts_with('$') { format!("\"{value}\"") } else { (*value).to_owned() };
    }
    if let Some(given) = schema.get("example") {
        return given.to_string();
    }
    if let Some(name) = reference(schema) {
        return if depth < DEPTH_MAX { example(self::schema(name), None, depth + 1) } else { "null".into() };
    }
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.to_string();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let sent = properties.iter().filter(|(name, _)| required.contains(&name.as_str()) || SENT_ANYWAY.contains(&name.as_str()));
            let fields: Vec<String> =
                sent.map(|(name, about)| format!("{}:{}", Value::from(name.as_str()), example(about, Some(name), depth + 1))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Some("array") => "[]".into(),
        Some("integer" | "number") => "1".into(),
        Some("boolean") => "true".into(),
        _ => "\"text\"".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{articles, examples, operations, path_with_variables, words};

    #[test]
    fn every_request_of_the_description_is_on_one_page_with_an_example() {
        let pages = articles("Reference");
        for operation in operations() {
            let path = format!("/docs/api/{}", operation.group());
            let id = super::anchor(operation.text("summary"));
            let page = pages.iter().find(|page| page.path == path).expect("a page of the group");
            assert_eq!(page.sections.iter().filter(|section| section.id == id).count(), 1, "{path}#{id}");
        }
        let shell = |name: &str| examples().into_iter().find(|example| example.operation == name).expect("an example").shell;
        assert_eq!(
            shell("createRefund"),
            concat!(
                "curl http://127.0.0.1:8080/v1/refunds \\\n  -H \"Authorization: Bearer $BEZANT_API_KEY\" \\\n",
                "  -H 'Idempotency-Key: createRefund-1' \\\n  -H 'Content-Type: application/json' \\\n  -d '{\"payment\":\"'$PAYMENT_ID'\"}'\n"
            )
        );
        assert!(examples().iter().all(|example| example.operation != "receiveWebhook"));
    }

    #[test]
    fn ids_are_variables_with_the_name_of_what_they_name() {
        for (path, expected) in [
            ("/v1/payments/{id}/capture", "/v1/payments/$PAYMENT_ID/capture"),
            ("/v1/api_keys/{public_id}", "/v1/api_keys/$API_KEY_ID"),
            ("/v1/ledger/entries/{id}", "/v1/ledger/entries/$ENTRY_ID"),
            ("/v1/quarantine/{fingerprint}/release", "/v1/quarantine/$FINGERPRINT/release"),
            ("/healthz", "/healthz"),
        ] {
            assert_eq!(path_with_variables(path), expected);
        }
        assert_eq!(words("an `a<b` c").0, "an <code>a&lt;b</code> c");
    }
}
