//! The life of one API key: its text, its public id, its checksum, and the digest by which it is known afterwards.
//!
//! The text is `{pk|sk|rk|ok}_{test|live}_`, then 10 characters of public id, 43 of secret (256 bits) and 6 of
//! CRC-32 (ISO/IEC 3309, as in zlib) over everything before it, all in base 62. The checksum lets a mistyped or
//! made-up key be refused without a look-up and lets secret scanners drop false hits offline. With 256 bits of entropy
//! the digest needs no slow hash; the pepper makes a stolen table of digests useless on its own.

use crate::base62::{self, CHARS_OF_256_BITS};
use base::Redacted;
use core::fmt;
use core::str::FromStr;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Characters of a key's public id.
pub const PUBLIC_ID_CHARS: usize = 10;
/// Characters of a whole key; also bytes, for a key is ASCII.
pub const KEY_CHARS: usize = PREFIX_CHARS + BODY_CHARS;
/// Bytes of entropy one key consumes: 16 for the public id, 32 for the secret.
pub const ENTROPY_BYTES: usize = 48;
/// Bytes of a pepper.
pub const PEPPER_BYTES: usize = 32;
/// Bytes of a key's digest (HMAC-SHA-256).
pub const DIGEST_BYTES: usize = 32;

/// Characters of `sk_test_` and its kin.
const PREFIX_CHARS: usize = 8;
const CHECKSUM_CHARS: usize = 6;
const BODY_CHARS: usize = PUBLIC_ID_CHARS + CHARS_OF_256_BITS + CHECKSUM_CHARS;
/// How many public ids there are: 62^10, almost 2^60.
const PUBLIC_IDS: u128 = 62_u128.pow(10);

const _: () = assert!(BODY_CHARS == 59, "the scanner's expression says 59");
const _: () = assert!(62_u64.pow(6) > 1 << 32, "six characters hold every CRC-32");

/// Regular expression for secret scanners (Perl, RE2, Rust and POSIX-with-groups syntax alike). A hit is a real key of
/// ours only if its last six characters are the base-62 CRC-32 of the 61 before them.
pub const SCANNER_REGEX: &str = "(?:pk|sk|rk|ok)_(?:test|live)_[0-9A-Za-z]{59}";

/// What a key is for; the first two letters of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// `pk`: may be seen by a payer's browser; can start a payment with a client secret and nothing else.
    Publishable,
    /// `sk`: everything the merchant may do.
    Secret,
    /// `rk`: what its scopes allow; the one to prefer.
    Restricted,
    /// `ok`: runs the platform; belongs to an operator, never to a merchant.
    Operator,
}

impl KeyKind {
    /// Every kind, in the order of the prefix table.
    pub const ALL: [Self; 4] = [Self::Publishable, Self::Secret, Self::Restricted, Self::Operator];

    /// The two letters a key of this kind starts with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Publishable => "pk",
            Self::Secret => "sk",
            Self::Restricted => "rk",
            Self::Operator => "ok",
        }
    }
}

/// Whether a key moves real money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// No real money.
    Test,
    /// Real money.
    Live,
}

impl Mode {
    /// Both modes, in the order of the prefix table.
    pub const ALL: [Self; 2] = [Self::Test, Self::Live];

    /// The word a key of this mode carries after its kind.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

/// The part of a key that may be stored, shown and looked up: ten base-62 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicId([u8; PUBLIC_ID_CHARS]);

/// A text is not the public id of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key's public id has {PUBLIC_ID_CHARS} characters of 0-9, A-Z and a-z; they follow \"sk_test_\" or the like in the key")]
pub struct PublicIdError;

impl PublicId {
    /// The ten characters.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("a public id is made of base-62 characters only")
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let characters: [u8; PUBLIC_ID_CHARS] = bytes.try_into().ok()?;
        characters.iter().all(|byte| base62::is_digit(*byte)).then_some(Self(characters))
    }
}

impl FromStr for PublicId {
    type Err = PublicIdError;

    fn from_str(text: &str) -> Result<Self, PublicIdError> {
        Self::from_bytes(text.as_bytes()).ok_or(PublicIdError)
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for PublicId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for PublicId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A secret of the installation that every digest is keyed with, kept apart from the records. Its version is stored
/// with each record, so that peppers can be replaced one key at a time.
#[derive(Clone, Debug)]
pub struct Pepper {
    version: u32,
    bytes: Redacted<[u8; PEPPER_BYTES]>,
}

impl Pepper {
    /// A pepper of that version. `bytes` must come from a cryptographic random source.
    pub const fn new(version: u32, bytes: Redacted<[u8; PEPPER_BYTES]>) -> Self {
        Self { version, bytes }
    }

    /// The version that records made with this pepper carry.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// HMAC-SHA-256 (RFC 2104) of a key's whole text.
    fn digest(&self, text: &[u8]) -> [u8; DIGEST_BYTES] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.bytes.expose()).expect("HMAC takes keys of any length");
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

/// What is kept of a key: enough to recognise it, not enough to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// What the key is for.
    pub kind: KeyKind,
    /// Whether it moves real money.
    pub mode: Mode,
    /// By which it is found.
    pub public_id: PublicId,
    /// The [`Pepper::version`] that made `digest`.
    pub pepper_version: u32,
    /// HMAC-SHA-256 of the key's text under that pepper.
    pub digest: [u8; DIGEST_BYTES],
}

/// Makes a key from `entropy`, which must be fresh from a cryptographic random source. The text is to be shown once to
/// the key's owner and then forgotten; the record is to be kept. The record's public id is unique with overwhelming
/// probability only (62^10 ids), so the caller still refuses one it already has.
pub fn generate_key(kind: KeyKind, mode: Mode, entropy: &[u8; ENTROPY_BYTES], pepper: &Pepper) -> (Redacted<String>, KeyRecord) {
    let (for_id, for_secret) = entropy.split_first_chunk::<16>().expect("48 bytes start with 16");
    let for_secret: &[u8; 32] = for_secret.try_into().expect("48 bytes less 16 are 32");
    // 128 bits reduced to 60: the bias of the remainder is below 2^-68.
    let public_id = PublicId(base62::encode_u128(u128::from_be_bytes(*for_id) % PUBLIC_IDS));

    let mut text = String::with_capacity(KEY_CHARS);
    text.push_str(kind.prefix());
    text.push('_');
    text.push_str(mode.name());
    text.push('_');
    text.push_str(public_id.as_str());
    text.extend(base62::encode_256_bits(for_secret).map(char::from));
    text.extend(checksum(text.as_bytes()).map(char::from));
    assert_eq!(text.len(), KEY_CHARS);

    let digest = pepper.digest(text.as_bytes());
    (Redacted::new(text), KeyRecord { kind, mode, public_id, pepper_version: pepper.version, digest })
}

/// Why a text is not an API key. No variant repeats any of the text. None can be cured by a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text starts with none of the known prefixes.
    #[error(
        "an API key starts with pk_, sk_, rk_ or ok_ and then test_ or live_; send the key exactly as it was shown when it was created"
    )]
    Prefix,
    /// The prefix is right, the length is not.
    #[error("an API key has {KEY_CHARS} characters and this text has another number; copy the whole key again, without spaces")]
    Length,
    /// A character that keys do not use.
    #[error("after its prefix an API key has only the characters 0-9, A-Z and a-z; copy the key again")]
    Alphabet,
    /// The checksum does not fit the rest.
    #[error("the API key's checksum does not match, so a character is wrong; copy the key again or create a new one")]
    Checksum,
}

/// A well-formed key of a request. Who sent it is not proven before [`ParsedKey::verify`] says so.
#[derive(Clone, Debug)]
pub struct ParsedKey {
    kind: KeyKind,
    mode: Mode,
    public_id: PublicId,
    text: Redacted<[u8; KEY_CHARS]>,
}

/// Checks prefix, length, alphabet and checksum, in this order, and takes the key apart. Reads at most
/// [`KEY_CHARS`] bytes of `text`.
///
/// # Errors
/// The first check that failed, as a [`KeyError`] that says what to do.
pub fn parse_key(text: &str) -> Result<ParsedKey, KeyError> {
    let (kind, mode) = parse_prefix(text.as_bytes()).ok_or(KeyError::Prefix)?;
    let bytes: [u8; KEY_CHARS] = text.as_bytes().try_into().map_err(|_| KeyError::Length)?;
    let body = &bytes[PREFIX_CHARS..];
    if !body.iter().all(|byte| base62::is_digit(*byte)) {
        return Err(KeyError::Alphabet);
    }
    let (covered, sent) = bytes.split_at(KEY_CHARS - CHECKSUM_CHARS);
    if sent != checksum(covered) {
        return Err(KeyError::Checksum);
    }
    let public_id = PublicId::from_bytes(&body[..PUBLIC_ID_CHARS]).ok_or(KeyError::Alphabet)?;
    Ok(ParsedKey { kind, mode, public_id, text: Redacted::new(bytes) })
}

fn parse_prefix(bytes: &[u8]) -> Option<(KeyKind, Mode)> {
    let prefix = bytes.get(..PREFIX_CHARS)?;
    if prefix[2] != b'_' || prefix[7] != b'_' {
        return None;
    }
    let kind = KeyKind::ALL.into_iter().find(|kind| kind.prefix().as_bytes() == &prefix[..2])?;
    let mode = Mode::ALL.into_iter().find(|mode| mode.name().as_bytes() == &prefix[3..7])?;
    Some((kind, mode))
}

fn checksum(covered: &[u8]) -> [u8; CHECKSUM_CHARS] {
    base62::encode_u128(u128::from(base62::crc32(covered)))
}

impl ParsedKey {
    /// By which the key's record is found.
    pub const fn public_id(&self) -> PublicId {
        self.public_id
    }

    /// What the key claims to be for.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Whether the key claims to move real money.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether `digest`, from the record of this public id, was made of this very text under `pepper`, which must be
    /// the one of the record's pepper version. The comparison takes the same time wherever the digests differ. A `true`
    /// also vouches for kind and mode, for the digest covers the whole text.
    #[must_use]
    pub fn verify(&self, digest: &[u8; DIGEST_BYTES], pepper: &Pepper) -> bool {
        pepper.digest(self.text.expose()).ct_eq(digest).into()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ENTROPY_BYTES, KEY_CHARS, KeyError, KeyKind, Mode, PREFIX_CHARS, Pepper, PublicId, PublicIdError, SCANNER_REGEX, generate_key,
        parse_key,
    };
    use base::Redacted;
    use proptest::prelude::*;
    use proptest::string::string_regex;

    fn pepper() -> Pepper {
        Pepper::new(3, Redacted::new([7; 32]))
    }

    fn entropy() -> [u8; ENTROPY_BYTES] {
        core::array::from_fn(|index| u8::try_from(index).unwrap())
    }

    fn key_text() -> String {
        generate_key(KeyKind::Secret, Mode::Test, &entropy(), &pepper()).0.into_inner()
    }

    #[test]
    fn the_golden_key_of_fixed_entropy_never_changes() {
        // Made independently: Python's int arithmetic, zlib.crc32 and hmac.
        let (text, record) = generate_key(KeyKind::Secret, Mode::Test, &entropy(), &pepper());
        assert_eq!(text.expose(), "sk_test_EgOGusQGwp3oDH4mEVFvp7u7ED6UzpF5eHPrBI5AHumY7UBpOQIJz3ig1KI");
        assert_eq!(record.public_id.as_str(), "EgOGusQGwp");
        assert_eq!((record.kind, record.mode, record.pepper_version), (KeyKind::Secret, Mode::Test, 3));
        let digest: String = record.digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, "6a2b239f88527615f7a9bd0efcce5ba9f1a30cfcd41367aa671f1434689e6a94");
    }

    #[test]
    fn a_generated_key_of_every_kind_and_mode_is_recognised() {
        for kind in KeyKind::ALL {
            for mode in Mode::ALL {
                let (text, record) = generate_key(kind, mode, &entropy(), &pepper());
                let parsed = parse_key(text.expose()).unwrap();
                assert_eq!((parsed.kind(), parsed.mode(), parsed.public_id()), (kind, mode, record.public_id));
                assert!(text.expose().starts_with(&format!("{}_{}_{}", kind.prefix(), mode.name(), record.public_id)));
                assert!(parsed.verify(&record.digest, &pepper()));
            }
        }
    }

    #[test]
    fn the_first_failed_check_is_the_one_reported() {
        let good = key_text();
        let table = [
            ("", KeyError::Prefix),
            ("sk", KeyError::Prefix),
            ("zk_test_abc", KeyError::Prefix),
            ("sk_prod_abc", KeyError::Prefix),
            ("SK_TEST_ABC", KeyError::Prefix),
            ("sk-test-abc", KeyError::Prefix),
            ("Bearer sk_test_abc", KeyError::Prefix),
            ("ské_test_", KeyError::Prefix),
            ("sk_test_", KeyError::Length),
            ("sk_test_4eC39HqLyjWDarjtT1zdp7dc", KeyError::Length),
        ];
        for (text, expected) in table {
            assert_eq!(parse_key(text).unwrap_err(), expected, "{text}");
        }
        let one_less = &good[..KEY_CHARS - 1];
        let with_accent = format!("{}é", &good[..KEY_CHARS - 2]);
        let with_dash = good.replacen(&good[20..21], "-", 1);
        let two_swapped = format!("{}{}{}{}", &good[..30], &good[31..32], &good[30..31], &good[32..]);
        let too_large_a_checksum = format!("{}zzzzzz", &good[..KEY_CHARS - 6]);
        let table = [
            (format!("{good}0"), KeyError::Length),
            (format!(" {good}"), KeyError::Prefix),
            (format!("{good}\n"), KeyError::Length),
            (one_less.to_owned(), KeyError::Length),
            (good.repeat(10_000), KeyError::Length),
            (with_accent, KeyError::Alphabet),
            (with_dash, KeyError::Alphabet),
            (two_swapped, KeyError::Checksum),
            (too_large_a_checksum, KeyError::Checksum),
            (good.replacen("sk_test", "sk_live", 1), KeyError::Checksum),
            (good.replacen("sk_", "ok_", 1), KeyError::Checksum),
        ];
        for (text, expected) in table {
            assert_eq!(parse_key(&text).unwrap_err(), expected, "{}", &text[..text.len().min(80)]);
        }
    }

    #[test]
    fn one_wrong_character_anywhere_is_caught_without_a_look_up() {
        let good = key_text();
        for position in 0..KEY_CHARS {
            for other in (b'!'..=b'~').map(char::from).filter(|other| !good[position..].starts_with(*other)) {
                let mut wrong = good.clone();
                wrong.replace_range(position..=position, other.encode_utf8(&mut [0; 4]));
                let error = parse_key(&wrong).unwrap_err();
                if position >= PREFIX_CHARS && other.is_ascii_alphanumeric() {
                    assert_eq!(error, KeyError::Checksum, "{other} at {position}");
                }
            }
        }
    }

    #[test]
    fn errors_say_what_to_do_and_repeat_nothing_of_the_key() {
        for error in [KeyError::Prefix, KeyError::Length, KeyError::Alphabet, KeyError::Checksum] {
            let sentence = error.to_string();
            assert!(sentence.contains("; send") || sentence.contains("; copy"), "{sentence}");
        }
        assert!(KeyError::Length.to_string().contains("67 characters"));
    }

    #[test]
    fn nothing_printed_by_debug_shows_the_secret() {
        let (text, record) = generate_key(KeyKind::Secret, Mode::Live, &entropy(), &pepper());
        let parsed = parse_key(text.expose()).unwrap();
        let secret = &text.expose()[18..61];
        for printed in [format!("{text:?} {text}"), format!("{record:?}"), format!("{parsed:?}"), format!("{parsed:#?}")] {
            assert!(!printed.contains(&secret[..8]) && !printed.contains(&secret[35..]), "{printed}");
        }
        assert_eq!(format!("{:?}", pepper()), "Pepper { version: 3, bytes: [redacted] }");
    }

    #[test]
    fn the_scanner_expression_follows_the_table_of_prefixes() {
        let kinds = KeyKind::ALL.map(KeyKind::prefix).join("|");
        let modes = Mode::ALL.map(Mode::name).join("|");
        assert_eq!(SCANNER_REGEX, format!("(?:{kinds})_(?:{modes})_[0-9A-Za-z]{{{}}}", KEY_CHARS - PREFIX_CHARS));
    }

    #[test]
    fn a_public_id_has_one_text_form() {
        let id: PublicId = "0aZ9bY8cX7".parse().unwrap();
        assert_eq!(format!("{id} {id:?}"), "0aZ9bY8cX7 0aZ9bY8cX7");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"0aZ9bY8cX7\"");
        assert_eq!(serde_json::from_str::<PublicId>("\"0aZ9bY8cX7\"").unwrap(), id);
        assert!("0000000000".parse::<PublicId>().unwrap() < id);
        for bad in ["", "0aZ9bY8cX", "0aZ9bY8cX77", "0aZ9bY8cX_", "0aZ9bY8cé"] {
            assert_eq!(bad.parse::<PublicId>(), Err(PublicIdError), "{bad}");
            assert!(serde_json::from_str::<PublicId>(&format!("\"{bad}\"")).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_key_verifies_under_its_own_pepper_and_record_only(
            first in any::<[u8; 32]>(), second in any::<[u8; 32]>(), bytes in any::<[u8; 32]>(), flip in 0_usize..256,
        ) {
            let entropy_of = |secret: [u8; 32]| {
                let mut entropy = [9; ENTROPY_BYTES];
                entropy[16..].copy_from_slice(&secret);
                entropy
            };
            let pepper = Pepper::new(1, Redacted::new(bytes));
            let (text, record) = generate_key(KeyKind::Restricted, Mode::Live, &entropy_of(first), &pepper);
            let parsed = parse_key(text.expose()).unwrap();
            prop_assert!(parsed.verify(&record.digest, &pepper));

            let mut other_bytes = bytes;
            other_bytes[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(!parsed.verify(&record.digest, &Pepper::new(1, Redacted::new(other_bytes))));
            let mut other_digest = record.digest;
            other_digest[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(!parsed.verify(&other_digest, &pepper));

            prop_assume!(first != second);
            let (_, other) = generate_key(KeyKind::Restricted, Mode::Live, &entropy_of(second), &pepper);
            prop_assert_eq!(record.public_id, other.public_id);
            prop_assert!(!parsed.verify(&other.digest, &pepper));
        }

        #[test]
        fn what_scanners_find_has_the_shape_of_a_key(text in string_regex(SCANNER_REGEX).unwrap()) {
            prop_assert!(matches!(parse_key(&text), Ok(_) | Err(KeyError::Checksum)), "{}", text);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,100}", tail in "[sprok]k_(test|live)_\\PC{0,70}") {
            prop_assert!(parse_key(&text).is_err());
            prop_assert!(parse_key(&tail).is_err());
        }
    }
}
