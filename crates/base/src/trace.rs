//! The id of a trace: what joins everything that one request led to, in several systems.

use core::fmt;

/// A trace id of W3C Trace Context; never all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// From its bytes; `None` when all are zero, which the specification forbids.
    pub const fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        if u128::from_be_bytes(bytes) == 0 { None } else { Some(Self(bytes)) }
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

/// 32 hexadecimal digits, as in a `traceparent` header.
impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::TraceId;

    #[test]
    fn a_trace_id_is_printed_with_all_its_zeros_and_is_never_zero() {
        let mut bytes = [0; 16];
        assert_eq!(TraceId::from_bytes(bytes), None);
        bytes[15] = 0x2a;
        let id = TraceId::from_bytes(bytes).expect("it is not zero");
        assert_eq!(id.to_string(), "0000000000000000000000000000002a");
        assert_eq!(id.bytes(), bytes);
    }
}
