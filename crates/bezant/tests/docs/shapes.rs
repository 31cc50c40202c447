//! Objects of the API have the shapes that `openapi.json` gives them. Only what our description uses of JSON Schema is
//! understood; anything else fails.

use serde_json::Value;

/// What a member is that the description does not have.
const NOT_DESCRIBED: &str = "is not described";

/// The published description.
pub struct Description(Value);

impl Description {
    pub fn read() -> Self {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json")).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    /// What is wrong with an object of that name.
    pub fn violations(&self, name: &str, value: &Value) -> Vec<String> {
        let schema = &self.0["components"]["schemas"][name];
        assert!(schema.is_object(), "openapi.json has no schema {name}");
        let mut found = Vec::new();
        self.check(schema, value, name, &mut found);
        found
    }

    /// What is wrong with the answer of a request, named as in the description; nothing where it answers no object.
    pub fn violations_of(&self, operation: &str, answer: &Value) -> Vec<String> {
        let paths = self.0["paths"].as_object().unwrap();
        let mut all = paths.values().flat_map(|item| item.as_object().unwrap().values());
        let about = all.find(|about| about["operationId"] == operation).unwrap_or_else(|| panic!("openapi.json has no {operation}"));
        let done = about["responses"].as_object().unwrap().iter().find(|(status, _)| status.starts_with('2')).unwrap().1;
        let schema = &done["content"]["application/json"]["schema"];
        let mut found = Vec::new();
        if schema.get("$ref").is_some() {
            self.check(schema, answer, operation, &mut found);
        }
        found
    }

    /// What is wrong with an answer, if it is an object that says what it is. A list is looked at element by element.
    pub fn violations_of_answer(&self, value: &Value) -> Vec<String> {
        if value["object"] == "list" {
            return value["data"].as_array().into_iter().flatten().flat_map(|one| self.violations_of_answer(one)).collect();
        }
        if value.get("doc_url").is_some() {
            return self.violations("Problem", value);
        }
        let Some(kind) = value["object"].as_str() else { return Vec::new() };
        let schemas = self.0["components"]["schemas"].as_object().unwrap();
        let candidates = schemas.iter().filter(|(_, schema)| schema["properties"]["object"]["example"] == kind);
        let mut verdicts: Vec<Vec<String>> = candidates.map(|(name, _)| self.violations(name, value)).collect();
        verdicts.sort_by_key(Vec::len);
        verdicts.into_iter().next().unwrap_or_else(|| vec![format!("openapi.json has no schema for objects called {kind}")])
    }

    fn check(&self, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
        if value == "…" || schema == &Value::Bool(true) {
            return;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let pointed = self.0.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} leads nowhere"));
            return self.check(pointed, value, path, found);
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(options) = schema[keyword].as_array() {
                let fits = |option: &&Value| {
                    let mut inner = Vec::new();
                    self.check(option, value, path, &mut inner);
                    inner.is_empty()
                };
                if !options.iter().any(|option| fits(&option)) {
                    found.push(format!("{path}: {value} fits none of its types"));
                }
                return;
            }
        }
        if let Some(all) = schema["allOf"].as_array() {
            let mut inner = Vec::new();
            all.iter().for_each(|one| self.check(one, value, path, &mut inner));
            found.extend(inner.into_iter().filter(|violation| !violation.ends_with(NOT_DESCRIBED))); // another part may describe it
        }
        if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
            found.push(format!("{path}: {value} is not among the values"));
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !types.is_empty() && !types.iter().any(|name| is(name, value)) {
            found.push(format!("{path}: {value} is no {}", types.join(" or ")));
            return;
        }
        self.check_members(schema, value, path, found);
        if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
            items.iter().enumerate().for_each(|(index, item)| self.check(schema, item, &format!("{path}/{index}"), found));
        }
    }

    fn check_members(&self, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
        let Some(members) = value.as_object() else { return };
        let open = members.contains_key("…");
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !open && !members.contains_key(name) {
                found.push(format!("{path}/{name} is missing"));
            }
        }
        for (name, member) in members.iter().filter(|(name, _)| *name != "…") {
            let inner = format!("{path}/{name}");
            match schema["properties"]
                .get(name)
                .or_else(|| schema["additionalProperties"].as_object().map(|_| &schema["additionalProperties"]))
            {
                Some(schema) => self.check(schema, member, &inner, found),
                None if schema["properties"].is_object() && schema["additionalProperties"] != true => {
                    found.push(format!("{inner} {NOT_DESCRIBED}"))
                }
                None => {}
            }
        }
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("a type {other} is not understood"),
    }
}

#[test]
fn wrong_objects_are_found() {
    let description = Description::read();
    let amount = |text: &str| description.violations("Amount", &serde_json::from_str(text).unwrap());
    assert!(amount(r#"{"amount_minor":1,"currency":"EUR"}"#).is_empty());
    assert!(amount(r#"{"amount_minor":"…","…":"…"}"#).is_empty());
    for wrong in [r#"{"amount_minor":"1","currency":"EUR"}"#, r#"{"amount_minor":1}"#, r#"{"amount_minor":1,"currency":"EUR","x":1}"#, "1"]
    {
        assert_eq!(amount(wrong).len(), 1, "{wrong}");
    }
    let refund = serde_json::json!({"object": "list", "data": [{"object": "refund", "id": 1}]});
    assert!(!description.violations_of_answer(&refund).is_empty());
    assert!(!description.violations_of_answer(&serde_json::json!({"object": "cheese"})).is_empty());
}
