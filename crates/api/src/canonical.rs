//! One byte form for JSON values that mean the same, as input of keyed hashes: keys sorted, every part tagged and
//! length-prefixed, absent and `null` alike. The hashes are journaled, so this form never changes.

use serde_json::{Map, Value};

/// Nesting of a value is bounded by the parser (128 levels), so recursion is too.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(value, &mut bytes);
    bytes
}

fn write(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.push(b'n'),
        Value::Bool(false) => bytes.push(b'f'),
        Value::Bool(true) => bytes.push(b't'),
        Value::Number(number) => write_text(b'd', &number.to_string(), bytes),
        Value::String(text) => write_text(b's', text, bytes),
        Value::Array(items) => {
            write_count(b'a', items.len(), bytes);
            for item in items {
                write(item, bytes);
            }
        }
        Value::Object(fields) => write_object(fields, bytes),
    }
}

fn write_object(fields: &Map<String, Value>, bytes: &mut Vec<u8>) {
    let mut present: Vec<_> = fields.iter().filter(|(_, value)| !value.is_null()).collect();
    present.sort_by_key(|(name, _)| *name);
    write_count(b'o', present.len(), bytes);
    for (name, value) in present {
        write_text(b'k', name, bytes);
        write(value, bytes);
    }
}

fn write_text(tag: u8, text: &str, bytes: &mut Vec<u8>) {
    write_count(tag, text.len(), bytes);
    bytes.extend_from_slice(text.as_bytes());
}

fn write_count(tag: u8, count: usize, bytes: &mut Vec<u8>) {
    let count = u64::try_from(count).expect("a request's parts are counted in 64 bits");
    bytes.push(tag);
    bytes.extend_from_slice(&count.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::encode;
    use serde_json::{Value, json};

    #[test]
    fn values_that_mean_the_same_have_one_form() {
        let left: Value = serde_json::from_str(r#"{"a":1,"b":{"y":"\u0041","x":[true,null]},"c":null}"#).unwrap();
        let right: Value = serde_json::from_str(r#"{ "b": {"x":[true, null], "y":"A"}, "a": 1 }"#).unwrap();
        assert_eq!(encode(&left), encode(&right));
    }

    #[test]
    fn values_that_differ_never_share_a_form() {
        let values = [
            json!({}),
            json!([]),
            json!(""),
            json!("1"),
            json!(1),
            json!(1.5),
            json!(true),
            json!(false),
            json!({"a": "b"}),
            json!({"ab": ""}),
            json!({"a": {"b": "c"}}),
            json!({"a": {}, "b": "c"}),
            json!(["ab"]),
            json!(["a", "b"]),
            json!([["a"], "b"]),
            json!([["a", "b"]]),
            json!([null]),
        ];
        for (index, left) in values.iter().enumerate() {
            for right in &values[index + 1..] {
                assert_ne!(encode(left), encode(right), "{left} {right}");
            }
        }
    }

    #[test]
    fn the_form_is_frozen() {
        let bytes = encode(&json!({"b": [true, 7], "a": "x"}));
        assert_eq!(
            bytes,
            [
                b"o\x02\0\0\0\0\0\0\0".as_slice(),
                b"k\x01\0\0\0\0\0\0\0a",
                b"s\x01\0\0\0\0\0\0\0x",
                b"k\x01\0\0\0\0\0\0\0b",
                b"a\x02\0\0\0\0\0\0\0t",
                b"d\x01\0\0\0\0\0\0\x007",
            ]
            .concat()
        );
    }
}
