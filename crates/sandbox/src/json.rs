//! A writer of JSON text into one buffer: no tree, no allocation per field. The simulator renders every
//! answer with it. Reading JSON is `serde_json`'s job.

/// A JSON document under construction. Fields and elements get their commas by themselves.
#[derive(Debug, Default)]
pub struct Json {
    out: Vec<u8>,
}

impl Json {
    /// An empty document with room for `capacity_bytes`.
    pub fn with_capacity(capacity_bytes: usize) -> Self {
        Self { out: Vec::with_capacity(capacity_bytes) }
    }

    /// The finished text.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Writes `{ … }` as the next value.
    pub fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.out.push(b'{');
        fill(self);
        self.out.push(b'}');
    }

    /// Writes `[ … ]` as the next value.
    pub fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.out.push(b'[');
        fill(self);
        self.out.push(b']');
    }

    /// Writes the name of the next field; its value must follow.
    pub fn key(&mut self, name: &str) {
        self.separate();
        self.quoted(name);
        self.out.push(b':');
    }

    /// Field with an object.
    pub fn object_field(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.key(name);
        self.object(fill);
    }

    /// Field with an array.
    pub fn array_field(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.key(name);
        self.array(fill);
    }

    /// Field with text.
    pub fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.quoted(value);
    }

    /// Field with text or null.
    pub fn text_or_null(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    /// Field with null.
    pub fn null(&mut self, name: &str) {
        self.key(name);
        self.out.extend_from_slice(b"null");
    }

    /// Field with a truth value.
    pub fn boolean(&mut self, name: &str, value: bool) {
        self.key(name);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Field with an unsigned number.
    pub fn unsigned(&mut self, name: &str, value: u64) {
        self.key(name);
        self.digits(value);
    }

    /// Field with an unsigned number or null.
    pub fn unsigned_or_null(&mut self, name: &str, value: Option<u64>) {
        match value {
            Some(value) => self.unsigned(name, value),
            None => self.null(name),
        }
    }

    /// Field with a signed number.
    pub fn signed(&mut self, name: &str, value: i64) {
        self.key(name);
        if value < 0 {
            self.out.push(b'-');
        }
        self.digits(value.unsigned_abs());
    }

    /// Field with JSON that was made elsewhere.
    pub fn raw(&mut self, name: &str, value: &[u8]) {
        self.key(name);
        self.out.extend_from_slice(value);
    }

    /// Text as an array's next element.
    pub fn text_element(&mut self, value: &str) {
        self.separate();
        self.quoted(value);
    }

    fn separate(&mut self) {
        match self.out.last() {
            None | Some(b'{' | b'[' | b':') => {}
            Some(_) => self.out.push(b','),
        }
    }

    fn digits(&mut self, mut value: u64) {
        let mut buffer = [0u8; 20];
        let mut start = buffer.len();
        loop {
            start -= 1;
            buffer[start] = b'0' + u8::try_from(value % 10).expect("a remainder of 10 fits a byte");
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&buffer[start..]);
    }

    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        let bytes = text.as_bytes();
        // Almost every text is clean; without an early exit the check runs over many bytes at a time.
        let dirty = bytes.iter().fold(false, |dirty, byte| dirty | (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\'));
        if !dirty {
            self.out.extend_from_slice(bytes);
            self.out.push(b'"');
            return;
        }
        let mut clean_from = 0;
        for (index, &byte) in bytes.iter().enumerate() {
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                continue;
            }
            self.out.extend_from_slice(&bytes[clean_from..index]);
            clean_from = index + 1;
            match byte {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                control => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    self.out.extend_from_slice(b"\\u00");
                    self.out.push(HEX[usize::from(control >> 4)]);
                    self.out.push(HEX[usize::from(control & 15)]);
                }
            }
        }
        self.out.extend_from_slice(&bytes[clean_from..]);
        self.out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_by_an_independent_parser() {
        let nasty = "a\"b\\c\n\r\t\u{1}\u{1f}é€{[:,";
        let mut json = Json::default();
        json.object(|json| {
            json.text("text", nasty);
            json.text_or_null("none", None);
            json.boolean("yes", true);
            json.unsigned("large", u64::MAX);
            json.signed("small", i64::MIN);
            json.unsigned("zero", 0);
            json.object_field("empty", |_| {});
            json.array_field("list", |json| {
                json.text_element("[");
                json.object(|json| json.null(nasty));
                json.array(|_| {});
            });
        });
        let value: serde_json::Value = serde_json::from_slice(&json.into_bytes()).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"text": nasty, "none": null, "yes": true, "large": u64::MAX, "small": i64::MIN,
                "zero": 0, "empty": {}, "list": ["[", {nasty: null}, []]})
        );
    }
}
