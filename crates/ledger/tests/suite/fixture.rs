//! The form of the tables: one text per test, run by [`check`].
//!
//! ```text
//! accounts @10                     # a batch, with the time of its first event; without: the next free time
//!   1 -> created                   # id, fields and flags, expected status
//!   2 code=7 history -> created
//! transfers
//!   1 amount=5 -> created @12      # optional: the result's timestamp
//!   2 post of=1 -> pending_transfer_not_pending
//! legs
//!   1 amount=5 pending
//! legs panic leg 1 does not follow # the message contains this
//!   1 amount=5
//! expire @20 -> 7 8                # ids in order
//! balance 1 = 0/5 0/0              # debits pending/posted, credits pending/posted, closed
//! pending 7 = posted               # none, pending, posted, voided, expired, unknown
//! leg 7 = 5                        # the open amount, or closed
//! ```
//!
//! Accounts have ledger 1 and code 1 unless they say otherwise; transfers also move 10 from
//! account 1 to account 2. A post defaults to `AMOUNT_MAX`, a void to zero, and both to zero in
//! what they inherit. `max` is the largest value of a field.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ledger::{Account, AccountFlags, CreateAccountStatus, CreateTransferStatus, Ledger, PendingStatus, Transfer, TransferFlags};

/// What a table has shown.
pub struct Shown {
    pub ledger: Ledger,
    /// The last time given to an event.
    timestamp_last: u64,
    pub account_statuses: BTreeSet<CreateAccountStatus>,
    pub transfer_statuses: BTreeSet<CreateTransferStatus>,
}

/// Runs a table and panics, naming the line, where an outcome is not the expected one.
pub fn check(text: &str) -> Shown {
    let mut shown =
        Shown { ledger: Ledger::new(), timestamp_last: 0, account_statuses: BTreeSet::new(), transfer_statuses: BTreeSet::new() };
    let lines: Vec<&str> = text.lines().map(|line| line.split_once('#').map_or(line, |(step, _)| step).trim_end()).collect();
    let mut index = 0;
    while index < lines.len() {
        let head = lines[index].trim();
        let body_end = (index + 1..lines.len()).find(|at| !lines[*at].is_empty() && !lines[*at].starts_with(' ')).unwrap_or(lines.len());
        let body: Vec<&str> = lines[index + 1..body_end].iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
        if !head.is_empty() {
            run(&mut shown, head, &body);
            shown.ledger.check_consistency().unwrap_or_else(|inconsistency| panic!("after `{head}`: {inconsistency}"));
        }
        index = body_end;
    }
    shown
}

fn run(shown: &mut Shown, head: &str, body: &[&str]) {
    let words: Vec<&str> = head.split_whitespace().collect();
    match words[0] {
        "accounts" => {
            let timestamp = time(&words, shown);
            run_accounts(shown, timestamp, body);
            shown.timestamp_last = timestamp + u64::try_from(body.len()).expect("a few rows") - 1;
        }
        "transfers" => {
            let timestamp = time(&words, shown);
            run_transfers(shown, timestamp, body);
            shown.timestamp_last = timestamp + u64::try_from(body.len()).expect("a few rows") - 1;
        }
        "legs" => run_legs(shown, head, body),
        "expire" => {
            let expected: Vec<u128> = words.iter().skip_while(|word| **word != "->").skip(1).map(|word| number(word)).collect();
            assert_eq!(shown.ledger.expire(time(&words, shown)), expected, "{head}");
        }
        "balance" => assert_eq!(balance(&shown.ledger, number(words[1])), words[3..].join(" "), "{head}"),
        "pending" => assert_eq!(pending_status(&shown.ledger, number(words[1])), words[3], "{head}"),
        "leg" => {
            let open = shown.ledger.leg_pending(number(words[1])).map_or("closed".to_owned(), |pending| pending.amount.to_string());
            assert_eq!(open, words[3], "{head}");
        }
        other => panic!("unknown step `{other}`"),
    }
}

fn run_accounts(shown: &mut Shown, timestamp: u64, body: &[&str]) {
    let events: Vec<Account> = body.iter().map(|line| account(line)).collect();
    let results = shown.ledger.create_accounts(&events, timestamp);
    assert_eq!(results.len(), body.len());
    for (line, result) in body.iter().zip(results) {
        assert_outcome(line, result.status.name(), result.timestamp);
        shown.account_statuses.insert(result.status);
    }
}

fn run_transfers(shown: &mut Shown, timestamp: u64, body: &[&str]) {
    let events: Vec<Transfer> = body.iter().map(|line| transfer(line)).collect();
    let results = shown.ledger.create_transfers(&events, timestamp);
    assert_eq!(results.len(), body.len());
    for (line, result) in body.iter().zip(results) {
        assert_outcome(line, result.status.name(), result.timestamp);
        shown.transfer_statuses.insert(result.status);
    }
}

fn assert_outcome(line: &str, status: &str, timestamp: u64) {
    let (_, expected) = line.split_once("->").unwrap_or_else(|| panic!("no outcome in `{line}`"));
    let mut words = expected.split_whitespace();
    assert_eq!(Some(status), words.next(), "{line}");
    if let Some(word) = words.next() {
        assert_eq!(timestamp.to_string(), word.trim_start_matches('@').replace('_', ""), "{line}");
    }
}

/// Legs that must panic run on a copy: a panic spoils the state.
fn run_legs(shown: &mut Shown, head: &str, body: &[&str]) {
    let legs: Vec<Transfer> = body.iter().map(|line| transfer(line)).collect();
    let Some(expected) = head.strip_prefix("legs panic ") else {
        shown.ledger.apply_legs(&legs);
        return;
    };
    let mut copy = shown.ledger.clone();
    let panic = catch_unwind(AssertUnwindSafe(|| copy.apply_legs(&legs))).expect_err(head);
    let message = panic.downcast_ref::<String>().expect("a formatted message");
    assert!(message.contains(expected), "{head}: {message}");
}

fn time(words: &[&str], shown: &Shown) -> u64 {
    let stamp = words.iter().find_map(|word| word.strip_prefix('@'));
    stamp.map_or(shown.timestamp_last + 1, |text| text.replace('_', "").parse().expect("a time"))
}

fn number(text: &str) -> u128 {
    match text.strip_prefix("max") {
        Some("") => u128::MAX,
        Some(rest) => u128::MAX - rest.trim_start_matches('-').parse::<u128>().expect("max or max-N"),
        None => text.replace('_', "").parse().unwrap_or_else(|_| panic!("`{text}` is not a number")),
    }
}

/// A field's value; `max` is the largest one of the field's width.
fn field<T: TryFrom<u128>>(text: &str, max: T) -> T {
    if text == "max" { max } else { T::try_from(number(text)).ok().expect("a value of the field's width") }
}

/// The account that one row describes.
pub fn account(line: &str) -> Account {
    let event = line.split_once("->").map_or(line, |(event, _)| event);
    let mut words = event.split_whitespace();
    let mut account = plain_account(number(words.next().expect("an id")), 1);
    for word in words {
        match word.split_once('=') {
            Some(("ledger", value)) => account.ledger = field(value, u32::MAX),
            Some(("code", value)) => account.code = field(value, u16::MAX),
            Some(("u128", value)) => account.user_data_128 = number(value),
            Some(("u64", value)) => account.user_data_64 = field(value, u64::MAX),
            Some(("u32", value)) => account.user_data_32 = field(value, u32::MAX),
            Some(("reserved", value)) => account.reserved = field(value, u32::MAX),
            Some(("dp", value)) => account.debits_pending = number(value),
            Some(("dpo", value)) => account.debits_posted = number(value),
            Some(("cp", value)) => account.credits_pending = number(value),
            Some(("cpo", value)) => account.credits_posted = number(value),
            Some(("ts", value)) => account.timestamp = field(value, u64::MAX),
            Some(_) => panic!("unknown field `{word}`"),
            None => account.flags = account.flags.union(account_flag(word)),
        }
    }
    account
}

/// An account without limits.
pub fn plain_account(id: u128, ledger: u32) -> Account {
    Account {
        id,
        debits_pending: 0,
        debits_posted: 0,
        credits_pending: 0,
        credits_posted: 0,
        user_data_128: 0,
        user_data_64: 0,
        user_data_32: 0,
        reserved: 0,
        ledger,
        code: 1,
        flags: AccountFlags::NONE,
        timestamp: 0,
    }
}

fn account_flag(word: &str) -> AccountFlags {
    match word {
        "linked" => AccountFlags::LINKED,
        "debits_limited" => AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS,
        "credits_limited" => AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS,
        "history" => AccountFlags::HISTORY,
        "imported" => AccountFlags::IMPORTED,
        "closed" => AccountFlags::CLOSED,
        "unknown_flag" => AccountFlags::from_bits(1 << 15),
        _ => panic!("unknown flag `{word}`"),
    }
}

/// The transfer that one row describes.
pub fn transfer(line: &str) -> Transfer {
    let event = line.split_once("->").map_or(line, |(event, _)| event);
    let mut words = event.split_whitespace();
    let id = number(words.next().expect("an id"));
    let fields: Vec<&str> = words.collect();
    let flags = fields.iter().filter(|word| !word.contains('=')).map(|word| transfer_flag(word));
    let flags = flags.fold(TransferFlags::NONE, TransferFlags::union);
    let mut transfer = default_transfer(id, flags);
    for word in fields {
        match word.split_once('=') {
            Some(("debit", value)) => transfer.debit_account_id = number(value),
            Some(("credit", value)) => transfer.credit_account_id = number(value),
            Some(("amount", value)) => transfer.amount = number(value),
            Some(("of", value)) => transfer.pending_id = number(value),
            Some(("u128", value)) => transfer.user_data_128 = number(value),
            Some(("u64", value)) => transfer.user_data_64 = field(value, u64::MAX),
            Some(("u32", value)) => transfer.user_data_32 = field(value, u32::MAX),
            Some(("timeout", value)) => transfer.timeout_s = field(value, u32::MAX),
            Some(("ledger", value)) => transfer.ledger = field(value, u32::MAX),
            Some(("code", value)) => transfer.code = field(value, u16::MAX),
            Some(("ts", value)) => transfer.timestamp = field(value, u64::MAX),
            Some(_) => panic!("unknown field `{word}`"),
            None => {}
        }
    }
    transfer
}

fn default_transfer(id: u128, flags: TransferFlags) -> Transfer {
    let is_post = flags.contains(TransferFlags::POST_PENDING_TRANSFER);
    let is_void = flags.contains(TransferFlags::VOID_PENDING_TRANSFER);
    let inherits = is_post || is_void;
    Transfer {
        id,
        debit_account_id: if inherits { 0 } else { 1 },
        credit_account_id: if inherits { 0 } else { 2 },
        amount: match (is_post, is_void) {
            (true, _) => u128::MAX,
            (false, true) => 0,
            (false, false) => 10,
        },
        pending_id: 0,
        user_data_128: 0,
        user_data_64: 0,
        user_data_32: 0,
        timeout_s: 0,
        ledger: if inherits { 0 } else { 1 },
        code: if inherits { 0 } else { 1 },
        flags,
        timestamp: 0,
    }
}

fn transfer_flag(word: &str) -> TransferFlags {
    match word {
        "linked" => TransferFlags::LINKED,
        "pending" => TransferFlags::PENDING,
        "post" => TransferFlags::POST_PENDING_TRANSFER,
        "void" => TransferFlags::VOID_PENDING_TRANSFER,
        "balancing_debit" => TransferFlags::BALANCING_DEBIT,
        "balancing_credit" => TransferFlags::BALANCING_CREDIT,
        "closing_debit" => TransferFlags::CLOSING_DEBIT,
        "closing_credit" => TransferFlags::CLOSING_CREDIT,
        "imported" => TransferFlags::IMPORTED,
        "unknown_flag" => TransferFlags::from_bits(1 << 15),
        _ => panic!("unknown flag `{word}`"),
    }
}

fn balance(ledger: &Ledger, id: u128) -> String {
    let account = ledger.account(id).expect("the account exists");
    let closed = if account.is_closed() { " closed" } else { "" };
    let Account { debits_pending, debits_posted, credits_pending, credits_posted, .. } = account;
    format!("{debits_pending}/{debits_posted} {credits_pending}/{credits_posted}{closed}")
}

fn pending_status(ledger: &Ledger, id: u128) -> &'static str {
    let status = ledger.pending_status(id);
    assert_eq!(ledger.pending(id).is_some(), status == Some(PendingStatus::Pending));
    match status {
        None => "unknown",
        Some(PendingStatus::None) => "none",
        Some(PendingStatus::Pending) => "pending",
        Some(PendingStatus::Posted) => "posted",
        Some(PendingStatus::Voided) => "voided",
        Some(PendingStatus::Expired) => "expired",
    }
}
