//! The `traceparent` header of W3C Trace Context, level 1 (Recommendation of 23 November 2021). `tracestate`, sampling
//! decisions and the export of spans do not live here.

use core::fmt;
use core::str::FromStr;

/// The header's name.
pub const TRACEPARENT: &str = "traceparent";
/// Longest header value that is looked at, in bytes. Version 00 has 55; later versions may append fields.
pub const TRACEPARENT_BYTES_MAX: usize = 256;

/// Bytes of `00-{32}-{16}-{2}`.
const VERSION_00_BYTES: usize = 55;
const SAMPLED_FLAG: u8 = 1;

/// Where a request stands in a trace that may span several systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// Not all zero.
    trace_id: [u8; 16],
    /// Not all zero.
    parent_id: [u8; 8],
    sampled: bool,
}

/// Why a header is not a `traceparent`. The specification's answer to all of them is to start a new trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceContextError {
    /// Not as long as its version says, or longer than [`TRACEPARENT_BYTES_MAX`].
    #[error("a traceparent of version 00 has {VERSION_00_BYTES} characters, a later one at least as many")]
    Length,
    /// A part is not lower-case hexadecimal, or the parts are not joined by hyphens.
    #[error("a traceparent is lower-case hexadecimal: 2 digits of version, 32 of trace id, 16 of parent id, 2 of flags, joined by hyphens")]
    Form,
    /// Version ff.
    #[error("version ff of traceparent is forbidden")]
    Version,
    /// The trace id or the parent id is all zero.
    #[error("the trace id and the parent id of a traceparent are not all zero")]
    Zero,
}

impl TraceContext {
    /// Starts a trace, for a request that brought none. `entropy` should be random; it need not be secret.
    #[must_use]
    pub fn root(entropy: [u8; 24]) -> Self {
        let mut trace_id = [0; 16];
        let mut parent_id = [0; 8];
        trace_id.copy_from_slice(&entropy[..16]);
        parent_id.copy_from_slice(&entropy[16..]);
        Self { trace_id: not_zero(trace_id), parent_id: not_zero(parent_id), sampled: true }
    }

    /// The context to hand on: same trace and same sampling, this process as the parent. `entropy` as for
    /// [`TraceContext::root`].
    #[must_use]
    pub fn child(&self, entropy: [u8; 8]) -> Self {
        Self { trace_id: self.trace_id, parent_id: not_zero(entropy), sampled: self.sampled }
    }

    /// The trace's id, the same in every system it passes.
    pub const fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The id of the span that sent the request.
    pub const fn parent_id(&self) -> [u8; 8] {
        self.parent_id
    }

    /// Whether the sender may have recorded the trace.
    pub const fn sampled(&self) -> bool {
        self.sampled
    }

    /// The trace id as 32 hexadecimal digits, for logs and problem documents.
    pub fn trace_id_text(&self) -> String {
        hexadecimal(&self.trace_id)
    }

    /// The parent id as 16 hexadecimal digits, for logs.
    pub fn parent_id_text(&self) -> String {
        hexadecimal(&self.parent_id)
    }
}

/// The header's value, version 00. Flags other than `sampled` are zero, as level 1 demands of a sender.
impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = if self.sampled { SAMPLED_FLAG } else { 0 };
        write!(formatter, "00-{}-{}-{flags:02x}", hexadecimal(&self.trace_id), hexadecimal(&self.parent_id))
    }
}

impl FromStr for TraceContext {
    type Err = TraceContextError;

    /// Section 3.2 and, for versions above 00, section 4: read the known prefix, ignore what follows a hyphen.
    fn from_str(header: &str) -> Result<Self, TraceContextError> {
        let bytes = header.as_bytes();
        if bytes.len() < VERSION_00_BYTES || bytes.len() > TRACEPARENT_BYTES_MAX {
            return Err(TraceContextError::Length);
        }
        if [2, 35, 52].iter().any(|position| bytes[*position] != b'-') {
            return Err(TraceContextError::Form);
        }
        let [version] = parse_hexadecimal::<1>(&bytes[..2])?;
        let trace_id = parse_hexadecimal::<16>(&bytes[3..35])?;
        let parent_id = parse_hexadecimal::<8>(&bytes[36..52])?;
        let [flags] = parse_hexadecimal::<1>(&bytes[53..VERSION_00_BYTES])?;
        match (version, bytes.get(VERSION_00_BYTES)) {
            (0xff, _) => return Err(TraceContextError::Version),
            (0, Some(_)) => return Err(TraceContextError::Length),
            (_, None | Some(b'-')) => {}
            (_, Some(_)) => return Err(TraceContextError::Form),
        }
        if trace_id == [0; 16] || parent_id == [0; 8] {
            return Err(TraceContextError::Zero);
        }
        Ok(Self { trace_id, parent_id, sampled: flags & SAMPLED_FLAG != 0 })
    }
}

fn not_zero<const N: usize>(mut id: [u8; N]) -> [u8; N] {
    if id == [0; N] {
        id[N - 1] = 1;
    }
    id
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

fn parse_hexadecimal<const N: usize>(text: &[u8]) -> Result<[u8; N], TraceContextError> {
    assert_eq!(text.len(), 2 * N);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = parse_digit(pair[0])? << 4 | parse_digit(pair[1])?;
    }
    Ok(bytes)
}

const fn parse_digit(digit: u8) -> Result<u8, TraceContextError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(TraceContextError::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::{TRACEPARENT_BYTES_MAX, TraceContext, TraceContextError};
    use proptest::prelude::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn headers_the_specification_accepts_are_read() {
        let long = format!("cc-{TRACE}-{PARENT}-01-{}", "x".repeat(TRACEPARENT_BYTES_MAX - 56));
        for (header, sampled) in [
            (format!("00-{TRACE}-{PARENT}-01"), true),
            (format!("00-{TRACE}-{PARENT}-00"), false),
            (format!("00-{TRACE}-{PARENT}-03"), true), // unknown flags are ignored
            (format!("00-{TRACE}-{PARENT}-fe"), false),
            (format!("01-{TRACE}-{PARENT}-01"), true),
            (format!("cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like"), true),
            (format!("fe-{TRACE}-{PARENT}-00-"), false),
            (long, true),
        ] {
            let context: TraceContext = header.parse().unwrap();
            assert_eq!((context.trace_id_text().as_str(), context.parent_id_text().as_str()), (TRACE, PARENT), "{header}");
            assert_eq!(context.sampled(), sampled, "{header}");
            assert_eq!(context.to_string(), format!("00-{TRACE}-{PARENT}-0{}", u8::from(sampled)), "{header}");
        }
    }

    #[test]
    fn headers_the_specification_refuses_are_refused() {
        let too_long = format!("cc-{TRACE}-{PARENT}-01-{}", "x".repeat(TRACEPARENT_BYTES_MAX - 55));
        let zero_trace = "0".repeat(32);
        for (header, expected) in [
            (String::new(), TraceContextError::Length),
            (format!("00-{TRACE}-{PARENT}"), TraceContextError::Length),
            (format!("00-{TRACE}-{PARENT}-1"), TraceContextError::Length),
            (format!("00-{TRACE}-{PARENT}-01-"), TraceContextError::Length),
            (format!("00-{TRACE}-{PARENT}-01-what-the-future"), TraceContextError::Length),
            (format!("00-{TRACE}-{PARENT}-01 "), TraceContextError::Length),
            (too_long, TraceContextError::Length),
            (format!("ff-{TRACE}-{PARENT}-01"), TraceContextError::Version),
            (format!("ff-{TRACE}-{PARENT}-01-x"), TraceContextError::Version),
            (format!("00-{zero_trace}-{PARENT}-01"), TraceContextError::Zero),
            (format!("00-{TRACE}-0000000000000000-01"), TraceContextError::Zero),
            (format!("00-{}-{PARENT}-01", TRACE.to_uppercase()), TraceContextError::Form),
            (format!("00-{TRACE}-{}-01", PARENT.to_uppercase()), TraceContextError::Form),
            (format!("0A-{TRACE}-{PARENT}-01"), TraceContextError::Form),
            (format!("FF-{TRACE}-{PARENT}-01"), TraceContextError::Form),
            (format!("00-{TRACE}-{PARENT}-0A"), TraceContextError::Form),
            (format!("00-{TRACE}-{PARENT}-.0"), TraceContextError::Form),
            (format!("00_{TRACE}-{PARENT}-01"), TraceContextError::Form),
            (format!("00-{TRACE}_{PARENT}-01"), TraceContextError::Form),
            (format!("00-{TRACE}-{PARENT}_01"), TraceContextError::Form),
            (format!(" 00-{TRACE}-{PARENT}-01"), TraceContextError::Form),
            (format!("00-.{}-{PARENT}-01", &TRACE[1..]), TraceContextError::Form),
            (format!("00-é{}-{PARENT}-01", &TRACE[2..]), TraceContextError::Form),
            (format!("cc-{TRACE}-{PARENT}-01.what"), TraceContextError::Form),
            (format!("cc-{TRACE}-{PARENT}-01é"), TraceContextError::Form),
        ] {
            assert_eq!(header.parse::<TraceContext>(), Err(expected), "{header}");
        }
    }

    #[test]
    fn a_child_keeps_trace_and_sampling_and_names_a_new_parent() {
        for flags in ["00", "01"] {
            let parent: TraceContext = format!("00-{TRACE}-{PARENT}-{flags}").parse().unwrap();
            let child = parent.child([1, 2, 3, 4, 5, 6, 7, 8]);
            assert_eq!(child.to_string(), format!("00-{TRACE}-0102030405060708-{flags}"));
        }
    }

    #[test]
    fn ids_are_never_all_zero_whatever_the_entropy() {
        let root = TraceContext::root([0; 24]);
        assert_eq!(root.to_string(), "00-00000000000000000000000000000001-0000000000000001-01");
        assert_eq!(root.child([0; 8]).parent_id(), [0, 0, 0, 0, 0, 0, 0, 1]);
    }

    proptest! {
        #[test]
        fn what_is_sent_can_be_read(entropy: [u8; 24], more: [u8; 8]) {
            let root = TraceContext::root(entropy);
            prop_assert_eq!(root.to_string().parse(), Ok(root));
            let child = root.child(more);
            prop_assert_eq!(child.to_string().parse(), Ok(child));
            prop_assert_eq!(child.trace_id(), root.trace_id());
        }

        #[test]
        fn no_header_makes_the_parser_panic(header in "\\PC{0,80}", near in "[0-9a-f]{2}-[0-9a-fé]{32}-[0-9a-f]{16}-[0-9a-f]{2}\\PC{0,9}") {
            let _ = header.parse::<TraceContext>();
            let _ = near.parse::<TraceContext>();
        }
    }
}
