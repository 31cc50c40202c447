//! The two records of the ledger, [`Account`] and [`Transfer`], and their flags.
//!
//! Field names, widths, order and flag bits are those of TigerBeetle's `src/tigerbeetle.zig` at
//! commit 52ad553. Records are plain data; the rules about them live in `accounts.rs`,
//! `transfers.rs` and `legs.rs`.

use serde::{Deserialize, Serialize};

/// The largest amount; in a post it means "all that is pending".
pub const AMOUNT_MAX: u128 = u128::MAX;

/// The largest timestamp, in nanoseconds since 1970 (inclusive): 2^63 − 1.
pub const TIMESTAMP_MAX: u64 = u64::MAX >> 1;

/// Nanoseconds in one second, to turn a timeout into a time.
const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

// The longest timeout fits a timestamp, so only the sum of both can overflow.
const _: () = assert!(u32::MAX as u64 <= TIMESTAMP_MAX / NANOSECONDS_PER_SECOND);

/// One account: a unit of account, two limits, and the balance of either side.
///
/// Everything but the four balances and [`AccountFlags::CLOSED`] is fixed at creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Unique over all ledgers; neither zero nor 2^128 − 1.
    pub id: u128,
    /// Debits reserved by open pending transfers, in the ledger's minor unit.
    pub debits_pending: u128,
    /// Debits that happened, in the ledger's minor unit.
    pub debits_posted: u128,
    /// Credits reserved by open pending transfers, in the ledger's minor unit.
    pub credits_pending: u128,
    /// Credits that happened, in the ledger's minor unit.
    pub credits_posted: u128,
    /// Opaque to the ledger, for example an external id.
    pub user_data_128: u128,
    /// Opaque to the ledger, for example an external time.
    pub user_data_64: u64,
    /// Opaque to the ledger, for example a locale.
    pub user_data_32: u32,
    /// Zero; room for later rules.
    pub reserved: u32,
    /// The unit of account, not zero; only accounts of one ledger transact with each other.
    pub ledger: u32,
    /// The type of account in the chart of accounts, not zero.
    pub code: u16,
    /// Limits and state, see [`AccountFlags`].
    pub flags: AccountFlags,
    /// When it was created, in nanoseconds since 1970; zero in a request unless imported.
    pub timestamp: u64,
}

impl Account {
    /// Whether one more debit of `amount` breaks the account's debit limit.
    ///
    /// The sum must not overflow; the overflow checks come first in the order of precedence.
    pub(crate) fn debits_would_exceed_credits(&self, amount: u128) -> bool {
        self.flags.contains(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS)
            && self.debits_pending + self.debits_posted + amount > self.credits_posted
    }

    /// Whether one more credit of `amount` breaks the account's credit limit.
    ///
    /// The sum must not overflow; the overflow checks come first in the order of precedence.
    pub(crate) fn credits_would_exceed_debits(&self, amount: u128) -> bool {
        self.flags.contains(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS)
            && self.credits_pending + self.credits_posted + amount > self.debits_posted
    }

    /// Its balances.
    pub fn balances(&self) -> Balances {
        let Self { debits_pending, debits_posted, credits_pending, credits_posted, .. } = *self;
        Balances { debits_pending, debits_posted, credits_pending, credits_posted }
    }

    /// Whether the account takes no transfer but the voiding of an earlier pending one.
    pub fn is_closed(&self) -> bool {
        self.flags.contains(AccountFlags::CLOSED)
    }
}

/// The four balances of an account, in the ledger's minor unit, or how they change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balances {
    /// Debits reserved by open pending transfers.
    pub debits_pending: u128,
    /// Debits that happened.
    pub debits_posted: u128,
    /// Credits reserved by open pending transfers.
    pub credits_pending: u128,
    /// Credits that happened.
    pub credits_posted: u128,
}

impl Balances {
    /// Adds a change. Sums wrap: what was reserved over all time may exceed any number, and what is reserved at one time does not.
    pub fn add(&mut self, change: &Self) {
        self.debits_pending = self.debits_pending.wrapping_add(change.debits_pending);
        self.debits_posted = self.debits_posted.wrapping_add(change.debits_posted);
        self.credits_pending = self.credits_pending.wrapping_add(change.credits_pending);
        self.credits_posted = self.credits_posted.wrapping_add(change.credits_posted);
    }
}

/// A set of properties of an [`Account`], 16 bits of which 6 are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountFlags(u16);

impl AccountFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Succeeds or fails together with the next event of the batch.
    pub const LINKED: Self = Self(1 << 0);
    /// Pending and posted debits together never exceed posted credits.
    pub const DEBITS_MUST_NOT_EXCEED_CREDITS: Self = Self(1 << 1);
    /// Pending and posted credits together never exceed posted debits.
    pub const CREDITS_MUST_NOT_EXCEED_DEBITS: Self = Self(1 << 2);
    /// The owner wants the balance after each transfer kept; read models do so, not this crate.
    pub const HISTORY: Self = Self(1 << 3);
    /// The event brings its own timestamp from the past.
    pub const IMPORTED: Self = Self(1 << 4);
    /// Takes no transfer but the voiding of an earlier pending one.
    pub const CLOSED: Self = Self(1 << 5);

    const KNOWN: u16 = (1 << 6) - 1;

    /// The set with exactly these bits, unknown ones included.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The set as bits.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all flags of `other` are in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags of both sets.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The flags of this set that are not in `other`.
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The bits that have no meaning yet and must be zero.
    pub const fn reserved_bits(self) -> u16 {
        self.0 & !Self::KNOWN
    }
}

/// One transfer: an amount that one account is debited and another one credited.
///
/// A transfer never changes once created; corrections are new transfers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Made by the caller, neither zero nor 2^128 − 1; the key of idempotency.
    pub id: u128,
    /// The account whose debits grow; zero in a post or void inherits.
    pub debit_account_id: u128,
    /// The account whose credits grow; zero in a post or void inherits.
    pub credit_account_id: u128,
    /// In the ledger's minor unit; zero is legal. In a post [`AMOUNT_MAX`] means all, in a void
    /// zero means all, in a balancing transfer it is the upper limit.
    pub amount: u128,
    /// The pending transfer that this one posts or voids, otherwise zero.
    pub pending_id: u128,
    /// Opaque to the ledger; zero in a post or void inherits.
    pub user_data_128: u128,
    /// Opaque to the ledger; zero in a post or void inherits.
    pub user_data_64: u64,
    /// Opaque to the ledger; zero in a post or void inherits.
    pub user_data_32: u32,
    /// Seconds from `timestamp` until a pending transfer expires; zero means never.
    pub timeout_s: u32,
    /// The ledger of both accounts; zero in a post or void inherits.
    pub ledger: u32,
    /// The reason in the chart of accounts, not zero; zero in a post or void inherits.
    pub code: u16,
    /// What kind of transfer it is, see [`TransferFlags`].
    pub flags: TransferFlags,
    /// When it was created, in nanoseconds since 1970; zero in a request unless imported.
    pub timestamp: u64,
}

impl Transfer {
    /// Whether it resolves a pending transfer by posting or voiding it.
    pub fn is_resolution(&self) -> bool {
        self.flags.contains(TransferFlags::POST_PENDING_TRANSFER) || self.flags.contains(TransferFlags::VOID_PENDING_TRANSFER)
    }
}

/// When a pending transfer of `timestamp` with a timeout expires, in nanoseconds since 1970.
///
/// `None` when the sum is past [`TIMESTAMP_MAX`].
pub(crate) fn expires_at_ns(timestamp: u64, timeout_s: u32) -> Option<u64> {
    let timeout_ns = u64::from(timeout_s) * NANOSECONDS_PER_SECOND;
    timestamp.checked_add(timeout_ns).filter(|expires_at_ns| *expires_at_ns <= TIMESTAMP_MAX)
}

/// A set of properties of a [`Transfer`], 16 bits of which 9 are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransferFlags(u16);

impl TransferFlags {
    /// No flag: a plain transfer, posted at once.
    pub const NONE: Self = Self(0);
    /// Succeeds or fails together with the next event of the batch.
    pub const LINKED: Self = Self(1 << 0);
    /// Reserves the amount on both accounts until it is posted, voided or expires.
    pub const PENDING: Self = Self(1 << 1);
    /// Posts a pending transfer, in full or in part, and releases the rest.
    pub const POST_PENDING_TRANSFER: Self = Self(1 << 2);
    /// Voids a pending transfer in full.
    pub const VOID_PENDING_TRANSFER: Self = Self(1 << 3);
    /// Moves at most what keeps the debit account's debits within its posted credits.
    pub const BALANCING_DEBIT: Self = Self(1 << 4);
    /// Moves at most what keeps the credit account's credits within its posted debits.
    pub const BALANCING_CREDIT: Self = Self(1 << 5);
    /// Closes the debit account until this pending transfer is voided or expires.
    pub const CLOSING_DEBIT: Self = Self(1 << 6);
    /// Closes the credit account until this pending transfer is voided or expires.
    pub const CLOSING_CREDIT: Self = Self(1 << 7);
    /// The event brings its own timestamp from the past.
    pub const IMPORTED: Self = Self(1 << 8);

    const KNOWN: u16 = (1 << 9) - 1;

    /// The set with exactly these bits, unknown ones included.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The set as bits.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all flags of `other` are in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is in this set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The flags of both sets.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits that have no meaning yet and must be zero.
    pub const fn reserved_bits(self) -> u16 {
        self.0 & !Self::KNOWN
    }
}
