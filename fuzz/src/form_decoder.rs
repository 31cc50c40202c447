//! The simulator's form decoder: a form that is read is within its limits, and written out again it reads the same.
//! The input is the encoded form.

use sandbox::form::{DEPTH_MAX, FORM_BYTES_MAX, Form, NAME_BYTES_MAX, Node, PAIRS_MAX, VALUE_BYTES_MAX, decode_segment, decode_text};

/// Checks one input.
pub fn check(data: &[u8]) {
    if let Some(text) = decode_text(data) {
        assert!(text.len() <= VALUE_BYTES_MAX && text.len() <= data.len(), "decoding never grows a text");
    }
    if let Ok(text) = core::str::from_utf8(data) {
        let _ = decode_segment(text);
    }
    let Ok(form) = Form::parse(data) else { return };
    assert!(data.len() <= FORM_BYTES_MAX, "a form over the limit was read");
    let depth = form.members().iter().map(|(_, node)| depth(node)).max().unwrap_or(0);
    assert!(depth <= DEPTH_MAX, "{depth} levels");
    let mut pairs = Vec::new();
    form.visit_sorted(|name, value| pairs.push((name.to_owned(), value.to_owned())));
    assert!(pairs.len() <= PAIRS_MAX, "{} pairs", pairs.len());
    for (name, value) in &pairs {
        assert!(value.len() <= VALUE_BYTES_MAX, "a value over the limit was read");
        assert!(!name.contains('\0') && !value.contains('\0'), "a zero byte was read");
    }
    check_again(&pairs);
}

/// Levels of a node, itself included.
fn depth(node: &Node) -> usize {
    1 + node.members().unwrap_or_default().iter().map(|(_, inner)| depth(inner)).max().unwrap_or(0)
}

/// Writes the pairs as a form and reads it: the same pairs. Appending to a list gave them indices, which can make names
/// longer than they were; what exceeds a limit for that reason is left alone.
fn check_again(pairs: &[(String, String)]) {
    let mut encoded = String::new();
    for (name, value) in pairs {
        if name.len() > NAME_BYTES_MAX {
            return;
        }
        let separator = if encoded.is_empty() { "" } else { "&" };
        encoded.push_str(&format!("{separator}{}={}", escaped(name), escaped(value)));
    }
    if encoded.len() > FORM_BYTES_MAX {
        return;
    }
    let again = Form::parse(encoded.as_bytes()).expect("what was read can be written");
    let mut pairs_again = Vec::new();
    again.visit_sorted(|name, value| pairs_again.push((name.to_owned(), value.to_owned())));
    assert_eq!(pairs_again, pairs);
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
