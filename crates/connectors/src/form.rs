//! `application/x-www-form-urlencoded` bodies and queries. Brackets in a body's names stay literal, as the provider's
//! own libraries write them; in a query they are escaped, as URLs demand.

/// A growing list of `name=value` pairs, in order.
#[derive(Default)]
pub(crate) struct Form {
    text: String,
}

impl Form {
    /// Adds a pair; the name is ours and needs no escaping.
    pub(crate) fn pair(mut self, name: &str, value: &str) -> Self {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        self.text.push_str(name);
        self.text.push('=');
        push_escaped(&mut self.text, value);
        self
    }

    /// Adds a pair when there is a value.
    pub(crate) fn pair_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.pair(name, value),
            None => self,
        }
    }

    pub(crate) fn into_body(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// The pairs after a path.
    pub(crate) fn after(self, path: &str) -> String {
        let query = self.text.replace('[', "%5B").replace(']', "%5D");
        format!("{path}?{query}")
    }
}

/// Escapes all but the unreserved characters of RFC 3986 section 2.3.
fn push_escaped(text: &mut String, value: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(HEX[usize::from(byte >> 4)]);
            text.push(HEX[usize::from(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn values_are_escaped_and_names_keep_their_brackets_in_bodies_only() {
        let form = || Form::default().pair("a[0]", "x y&z=1+ü/%").pair_if("b", None).pair_if("c", Some("~-_."));
        assert_eq!(form().into_body(), b"a[0]=x%20y%26z%3D1%2B%C3%BC%2F%25&c=~-_.");
        assert_eq!(form().after("/p"), "/p?a%5B0%5D=x%20y%26z%3D1%2B%C3%BC%2F%25&c=~-_.");
    }
}
