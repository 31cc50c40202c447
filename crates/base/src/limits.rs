//! Limits that more than one crate must agree on. Every name ends in its unit; `*_MAX` is inclusive.

/// Longest `Idempotency-Key`, in bytes (Stripe's documented maximum, so that keys can be passed on in meaning).
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// How long an idempotency key is remembered, in nanoseconds: 30 days.
pub const IDEMPOTENCY_KEPT_NS: u64 = 30 * 24 * 3_600 * 1_000_000_000;
/// Longest merchant reference (`order_id`), in bytes.
pub const REFERENCE_BYTES_MAX: usize = 200;
/// Longest description, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 1_000;
/// Most metadata entries on one object.
pub const METADATA_ENTRIES_MAX: usize = 50;
/// Longest metadata key, in bytes.
pub const METADATA_KEY_BYTES_MAX: usize = 40;
/// Longest metadata value, in bytes.
pub const METADATA_VALUE_BYTES_MAX: usize = 500;
/// Longest e-mail address, in bytes (RFC 5321: 64 + 1 + 255).
pub const EMAIL_BYTES_MAX: usize = 320;
/// Longest provider token (`pm_…`), in bytes.
pub const PAYMENT_METHOD_BYTES_MAX: usize = 120;
/// Largest amount of one payment or transfer leg, in minor units: a trillion.
pub const AMOUNT_MINOR_MAX: u64 = 1_000_000_000_000;
/// Attempts one payment may have.
pub const ATTEMPTS_PER_PAYMENT_MAX: usize = 20;
/// Captures one payment may have.
pub const CAPTURES_PER_PAYMENT_MAX: usize = 50;
/// Refunds one payment may have.
pub const REFUNDS_PER_PAYMENT_MAX: usize = 100;
/// Payment methods that one customer may have stored at a time.
pub const METHODS_PER_CUSTOMER_MAX: usize = 50;
/// Longest id that a provider gives an object, in bytes.
pub const PROVIDER_ID_BYTES_MAX: usize = 255;
/// Largest provider request kept for a byte-identical replay, in bytes.
pub const PROVIDER_REQUEST_BYTES_MAX: usize = 16 * 1024;

const _: () = assert!(METADATA_ENTRIES_MAX * (METADATA_KEY_BYTES_MAX + METADATA_VALUE_BYTES_MAX) < 64 * 1024);
const _: () = assert!(REFERENCE_BYTES_MAX <= METADATA_VALUE_BYTES_MAX);
