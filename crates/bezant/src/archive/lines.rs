//! Lines of accounts: where each transfer and each expiry stands, and what it changed of the account, so that the balances at
//! any place are a sum over lines, and the journal is read only for what is shown. In a table the lines of a busy account are
//! summed up in groups: to add up a million lines, some thousands of sums are read.
//!
//! A table of lines has an entry per line and one per group. The key is the account, the level, and the place:
//!
//! | level | entries |
//! |---|---|
//! | 0 | the lines that are in groups |
//! | 1 | the sums of groups, each at the place of its last line; and lines in no group |
//!
//! So everything up to a place is on level 1, but for the lines behind the last sum. The value is one byte that says what it is,
//! and numbers in seven bits per byte, the least significant first.

use super::index::Place;
use engine::{Entry, Event};
use ledger::{Balances, Transfer, TransferFlags};

/// How much of a key names the account, in bytes: whose ledger it is, and the account's id.
pub(super) const ACCOUNT_BYTES: usize = 20;
/// What a key takes, in bytes.
pub(super) const KEY_BYTES: usize = 29;
/// Most bytes of a value: what it is, and four numbers of 128 bits.
pub(super) const VALUE_BYTES_MAX: usize = 1 + 4 * NUMBER_BYTES_MAX;
/// Most bytes of one number.
const NUMBER_BYTES_MAX: usize = 19;
/// Fewer lines of an account are not summed up.
const GROUP_LINES_MIN: usize = 8;
/// Most lines of one group.
const GROUP_LINES_MAX: usize = 128;

const CREDIT: u8 = 8;
const SUMS: u8 = 7;

/// An account of the merchant with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AccountKey {
    pub(super) merchant: u32,
    pub(super) id: u128,
}

impl AccountKey {
    /// As keys of tables begin; they compare as accounts do.
    pub(super) fn bytes(&self) -> [u8; ACCOUNT_BYTES] {
        let mut bytes = [0; ACCOUNT_BYTES];
        bytes[..4].copy_from_slice(&self.merchant.to_be_bytes());
        bytes[4..].copy_from_slice(&self.id.to_be_bytes());
        bytes
    }
}

/// Where an entry of a table stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// A line that is in a group.
    Grouped = 0,
    /// The sums of a group, or a line in none.
    Top = 1,
}

/// The key of a table's entry.
pub(super) fn key(account: &AccountKey, level: Level, place: u64) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[..ACCOUNT_BYTES].copy_from_slice(&account.bytes());
    key[ACCOUNT_BYTES] = level as u8;
    key[ACCOUNT_BYTES + 1..].copy_from_slice(&place.to_be_bytes());
    key
}

/// The place in a key.
pub(super) fn place_of(key: &[u8]) -> Option<Place> {
    let place = <[u8; 8]>::try_from(key.get(ACCOUNT_BYTES + 1..)?).ok()?;
    Some(Place::numbered(u64::from_be_bytes(place)))
}

/// What a line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A transfer that happened at once.
    Plain = 0,
    /// A transfer that reserved its amount.
    Pending = 1,
    /// A transfer that ended a reservation and let all or some of it happen.
    Post = 2,
    /// A transfer that ended a reservation.
    Void = 3,
    /// The end of a reservation by its timeout.
    Expiry = 4,
}

/// What one transfer or expiry changed of one of its accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) kind: Kind,
    /// Whether the account's credits changed, or its debits.
    pub(super) is_credit: bool,
    /// What was posted or reserved; 0 for a void and an expiry.
    pub(super) amount: u128,
    /// What is reserved no longer.
    pub(super) released: u128,
}

impl Change {
    /// As a change of balances.
    pub(super) fn balances(&self) -> Balances {
        let (reserved, posted) = if self.kind == Kind::Pending { (self.amount, 0) } else { (0, self.amount) };
        let pending = reserved.wrapping_sub(self.released);
        if self.is_credit {
            Balances { credits_pending: pending, credits_posted: posted, ..Balances::default() }
        } else {
            Balances { debits_pending: pending, debits_posted: posted, ..Balances::default() }
        }
    }
}

/// One line of one account. A generation has a million of them, so they are packed: the account and the change are in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    account_id: u128,
    amount: u128,
    released: u128,
    pub(super) place: Place,
    merchant: u32,
    kind: Kind,
    is_credit: bool,
}

const _: () = assert!(size_of::<Line>() == 64);

impl Line {
    pub(super) fn new(account: AccountKey, place: Place, change: Change) -> Self {
        let AccountKey { merchant, id: account_id } = account;
        let Change { kind, is_credit, amount, released } = change;
        Self { account_id, amount, released, place, merchant, kind, is_credit }
    }

    pub(super) fn account(&self) -> AccountKey {
        AccountKey { merchant: self.merchant, id: self.account_id }
    }

    pub(super) fn change(&self) -> Change {
        Change { kind: self.kind, is_credit: self.is_credit, amount: self.amount, released: self.released }
    }

    /// What lines are sorted by: accounts, and places of an account.
    pub(super) fn order(&self) -> (AccountKey, Place) {
        (self.account(), self.place)
    }
}

/// The lines of an event in the ledger of the merchant with this number: two for each transfer, in order.
pub(super) fn of_event(seq: u64, entry: &Entry, merchant: u32, mut add: impl FnMut(Line)) {
    let no_amounts = Vec::new();
    let (is_expiry, released) = match &entry.event {
        Event::LedgerTransfersCreated { released, .. } => (false, released),
        Event::LedgerTransfersExpired { .. } => (true, &no_amounts),
        _ => return,
    };
    let mut released = released.iter();
    for (leg, transfer) in (0..).zip(&entry.legs) {
        let (kind, amount, released) = if is_expiry {
            (Kind::Expiry, 0, transfer.amount)
        } else {
            let mut released = || released.next().copied().unwrap_or(transfer.amount);
            match kind_of(transfer) {
                Kind::Void => (Kind::Void, 0, released()),
                Kind::Post => (Kind::Post, transfer.amount, released()),
                kind => (kind, transfer.amount, 0),
            }
        };
        for (account, is_credit) in [(transfer.debit_account_id, false), (transfer.credit_account_id, true)] {
            let change = Change { kind, is_credit, amount, released };
            add(Line::new(AccountKey { merchant, id: account }, Place::new(seq, leg), change));
        }
    }
}

fn kind_of(transfer: &Transfer) -> Kind {
    let has = |flag| transfer.flags.contains(flag);
    match () {
        () if has(TransferFlags::POST_PENDING_TRANSFER) => Kind::Post,
        () if has(TransferFlags::VOID_PENDING_TRANSFER) => Kind::Void,
        () if has(TransferFlags::PENDING) => Kind::Pending,
        () => Kind::Plain,
    }
}

/// What an entry of a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A line's.
    Line(Change),
    /// A group's.
    Sums(Balances),
}

impl Value {
    /// As balances to add.
    pub(super) fn balances(&self) -> Balances {
        match self {
            Self::Line(change) => change.balances(),
            Self::Sums(sums) => *sums,
        }
    }

    /// Writes it behind what is in `bytes`.
    fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Line(change) => {
                bytes.push(change.kind as u8 | if change.is_credit { CREDIT } else { 0 });
                if change.kind != Kind::Void && change.kind != Kind::Expiry {
                    push_number(bytes, change.amount);
                }
                if change.kind != Kind::Plain && change.kind != Kind::Pending {
                    push_number(bytes, change.released);
                }
            }
            Self::Sums(sums) => {
                bytes.push(SUMS);
                for number in [sums.debits_pending, sums.debits_posted, sums.credits_pending, sums.credits_posted] {
                    push_number(bytes, fold(number));
                }
            }
        }
    }

    /// Reads what [`Value::encode`] wrote; `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (what, mut rest) = bytes.split_first()?;
        let rest = &mut rest;
        let kind = match what & !CREDIT {
            0 => Kind::Plain,
            1 => Kind::Pending,
            2 => Kind::Post,
            3 => Kind::Void,
            4 => Kind::Expiry,
            SUMS if *what == SUMS => {
                let mut next = || take_number(rest).map(unfold);
                let sums = Balances { debits_pending: next()?, debits_posted: next()?, credits_pending: next()?, credits_posted: next()? };
                return rest.is_empty().then_some(Self::Sums(sums));
            }
            _ => return None,
        };
        let amount = if kind == Kind::Void || kind == Kind::Expiry { 0 } else { take_number(rest)? };
        let released = if kind == Kind::Plain || kind == Kind::Pending { 0 } else { take_number(rest)? };
        let change = Change { kind, is_credit: what & CREDIT != 0, amount, released };
        rest.is_empty().then_some(Self::Line(change))
    }
}

/// Small numbers of either sign as small numbers.
fn fold(number: u128) -> u128 {
    let signed = number.cast_signed();
    ((signed << 1) ^ (signed >> 127)).cast_unsigned()
}

fn unfold(number: u128) -> u128 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

fn push_number(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        bytes.push(low | 0x80);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    bytes.push(low);
}

fn take_number(bytes: &mut &[u8]) -> Option<u128> {
    let mut number = 0;
    for place in 0..NUMBER_BYTES_MAX {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u128::from(byte & 0x7f);
        let shifted = bits << (7 * place);
        if shifted >> (7 * place) != bits {
            return None; // above 128 bits
        }
        number |= shifted;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The entries of a table of these lines, which have the order of their accounts and places.
pub(super) fn entries<E>(lines: &[Line], mut push: impl FnMut(&[u8; KEY_BYTES], &[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut bytes = Vec::with_capacity(VALUE_BYTES_MAX);
    let mut push = |line: &Line, level, value: Value| {
        bytes.clear();
        value.encode(&mut bytes);
        push(&key(&line.account(), level, line.place.number()), &bytes)
    };
    for lines in lines.chunk_by(|left, right| left.account() == right.account()) {
        if lines.len() < GROUP_LINES_MIN {
            lines.iter().try_for_each(|line| push(line, Level::Top, Value::Line(line.change())))?;
            continue;
        }
        lines.iter().try_for_each(|line| push(line, Level::Grouped, Value::Line(line.change())))?;
        let group_lines = lines.len().div_ceil(lines.len().div_ceil(GROUP_LINES_MAX));
        for group in lines.chunks(group_lines) {
            let mut sums = Balances::default();
            group.iter().for_each(|line| sums.add(&line.change().balances()));
            if let Some(last) = group.last() {
                push(last, Level::Top, Value::Sums(sums))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_number() -> impl Strategy<Value = u128> {
        prop_oneof![0..=300_u128, any::<u128>(), Just(0), Just(u128::MAX), (0..128_u32).prop_map(|bit| 1 << bit)]
    }

    fn any_change() -> impl Strategy<Value = Change> {
        (0..5, any::<bool>(), any_number(), any_number()).prop_map(|(kind, is_credit, amount, released)| match kind {
            0 => Change { kind: Kind::Plain, is_credit, amount, released: 0 },
            1 => Change { kind: Kind::Pending, is_credit, amount, released: 0 },
            2 => Change { kind: Kind::Post, is_credit, amount, released },
            3 => Change { kind: Kind::Void, is_credit, amount: 0, released },
            _ => Change { kind: Kind::Expiry, is_credit, amount: 0, released },
        })
    }

    fn encoded(value: Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        value.encode(&mut bytes);
        bytes
    }

    #[test]
    fn small_changes_take_few_bytes() {
        let change = |kind, amount, released| Change { kind, is_credit: true, amount, released };
        assert_eq!(encoded(Value::Line(change(Kind::Plain, 127, 0))), [8, 127]);
        assert_eq!(encoded(Value::Line(change(Kind::Post, 128, 300))), [10, 0x80, 1, 0xac, 2]);
        let sums = Balances { debits_pending: 0_u128.wrapping_sub(1), debits_posted: 3, credits_pending: 0, credits_posted: 64 };
        assert_eq!(encoded(Value::Sums(sums)), [7, 1, 6, 0, 0x80, 1]);
    }

    proptest! {
        #[test]
        fn values_are_read_as_they_were_written(
            change in any_change(),
            numbers in [any_number(), any_number(), any_number(), any_number()],
        ) {
            let [debits_pending, debits_posted, credits_pending, credits_posted] = numbers;
            let sums = Balances { debits_pending, debits_posted, credits_pending, credits_posted };
            for value in [Value::Line(change), Value::Sums(sums)] {
                let bytes = encoded(value);
                prop_assert!(bytes.len() <= VALUE_BYTES_MAX);
                prop_assert_eq!(Value::decode(&bytes), Some(value));
                for cut in 0..bytes.len() {
                    prop_assert_eq!(Value::decode(&bytes[..cut]), None, "cut at {}", cut);
                }
                prop_assert_eq!(Value::decode(&[bytes.as_slice(), &[0]].concat()), None, "longer");
            }
        }

        #[test]
        fn any_bytes_are_a_value_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some(value) = Value::decode(&bytes) {
                prop_assert_eq!(Value::decode(&encoded(value)), Some(value));
            }
        }

        #[test]
        fn what_is_on_the_top_level_up_to_a_place_and_the_lines_behind_are_everything(
            changes in proptest::collection::vec((0..3_u128, any_change()), 0..700),
            upto in 0..800_u64,
        ) {
            let mut lines: Vec<Line> = (1..).zip(changes).map(|(seq, (account, change))| {
                Line::new(AccountKey { merchant: 1, id: account }, Place::new(seq, 0), change)
            }).collect();
            lines.sort_by_key(Line::order);
            let mut table = Vec::new();
            entries(&lines, |key, value| { table.push((*key, value.to_vec())); Ok::<(), ()>(()) }).unwrap();
            prop_assert!(table.is_sorted_by(|left, right| left.0 < right.0));
            let upto = Place::new(upto, u16::MAX).number();
            for account in 0..3 {
                let account = AccountKey { merchant: 1, id: account };
                let mut expected = Balances::default();
                lines.iter().filter(|line| line.account() == account && line.place.number() <= upto).for_each(|line| expected.add(&line.change().balances()));
                let range = |level, from: u64, to: u64| {
                    let bounds = key(&account, level, from)..=key(&account, level, to);
                    table.iter().filter(move |(key, _)| bounds.contains(key)).map(|(key, value)| (place_of(key).unwrap().number(), Value::decode(value).unwrap()))
                };
                let mut sums = Balances::default();
                let mut summed_to = None;
                for (place, value) in range(Level::Top, 0, upto) {
                    sums.add(&value.balances());
                    summed_to = if matches!(value, Value::Sums(_)) { Some(place) } else { summed_to };
                }
                let behind = range(Level::Grouped, summed_to.map_or(0, |place| place + 1), upto);
                let behind: Vec<_> = behind.collect();
                prop_assert!(behind.len() < GROUP_LINES_MAX);
                behind.iter().for_each(|(_, value)| sums.add(&value.balances()));
                prop_assert_eq!(sums, expected);
            }
        }
    }
}
