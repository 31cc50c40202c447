//! Where a page ended, as opaque text: 26 base-32 characters over kind, sequence number and a checksum.
//!
//! A cursor names a row by the event that created it, so it stays valid whatever is written after.

use base::id::{encode_base32, parse_base32};
use core::fmt;

/// Which list a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorKind {
    /// Payments, newest first.
    Payments,
    /// Refunds, newest first.
    Refunds,
    /// Events, in either order.
    Events,
    /// Disputes, newest first.
    Disputes,
    /// Messages of providers, newest first.
    Webhooks,
    /// Customers, newest first.
    Customers,
}

impl CursorKind {
    const fn tag(self) -> u8 {
        match self {
            Self::Payments => 1,
            Self::Refunds => 2,
            Self::Events => 3,
            Self::Disputes => 4,
            Self::Webhooks => 5,
            Self::Customers => 6,
        }
    }
}

/// The last row that a page showed or looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which list.
    pub kind: CursorKind,
    /// The event that created the row.
    pub seq: u64,
}

/// Why a text is not a cursor of the asked list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorError {
    /// Not 26 characters of the alphabet, or with a wrong checksum.
    Malformed,
    /// A cursor of another list.
    OtherList,
}

impl fmt::Display for CursorError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => write!(formatter, "this is not a cursor; pass on what an earlier page gave, unchanged"),
            Self::OtherList => write!(formatter, "this cursor belongs to another list"),
        }
    }
}

impl core::error::Error for CursorError {}

impl Cursor {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`CursorError`] when the text is no cursor, or one of another list.
    pub fn parse(kind: CursorKind, text: &str) -> Result<Self, CursorError> {
        let packed = parse_base32(text).ok_or(CursorError::Malformed)?;
        let bytes = packed.to_be_bytes();
        let [_, _, _, tag, a, b, c, d, e, f, g, h, ..] = bytes;
        let seq = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        if packed != pack(tag, seq) {
            return Err(CursorError::Malformed);
        }
        if tag != kind.tag() {
            return Err(CursorError::OtherList);
        }
        Ok(Self { kind, seq })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encode_base32(pack(self.kind.tag(), self.seq)))
    }
}

fn pack(tag: u8, seq: u64) -> u128 {
    (u128::from(tag) << 96) | (u128::from(seq) << 32) | u128::from(checksum(tag, seq))
}

/// FNV-1a of tag and sequence number: enough against typing errors; a cursor is no secret and grants nothing.
fn checksum(tag: u8, seq: u64) -> u32 {
    let bytes = core::iter::once(tag).chain(seq.to_be_bytes());
    bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::{Cursor, CursorError, CursorKind};

    #[test]
    fn a_cursor_reads_back_and_only_for_its_own_list() {
        for seq in [0, 1, 4_711, u64::MAX] {
            let text = Cursor { kind: CursorKind::Payments, seq }.to_string();
            assert_eq!(Cursor::parse(CursorKind::Payments, &text), Ok(Cursor { kind: CursorKind::Payments, seq }));
            assert_eq!(Cursor::parse(CursorKind::Refunds, &text), Err(CursorError::OtherList));
        }
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let text = Cursor { kind: CursorKind::Events, seq: 123_456_789 }.to_string();
        for index in 0..text.len() {
            for other in ["0", "1", "z", "U", "é", ""] {
                let changed = format!("{}{other}{}", &text[..index], &text[index + 1..]);
                if changed != text {
                    assert!(Cursor::parse(CursorKind::Events, &changed).is_err(), "{changed}");
                }
            }
        }
        for bad in ["", "pay_00000000000000000000000000", "00000000000000000000000000", "zzzzzzzzzzzzzzzzzzzzzzzzzz"] {
            assert_eq!(Cursor::parse(CursorKind::Events, bad), Err(CursorError::Malformed), "{bad}");
        }
    }
}
