//! The form of the tables: one text per test, run by [`check`].
//!
//! ```text
//! accounts @10                     # a batch, with the time of its first event; without: the next free time
//!   1 -> created                   # id, fields and flags, expected status
//!   2 code=7 history name=n meta=x -> created # with a name and metadata
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
//! transfer 2 = amount=7 u64=9      # some of its fields, as it happened
//! totals 1 = 0/5 0/5               # of a ledger, as of an account
//! due = 2_000                      # when the next pending transfer expires, or never
//! ```
//!
//! A row may say what another one said, with changes: a field is set, a flag added, `-word` takes either away. The other one is
//! the row above, or one with a name.
//!
//! ```text
//! transfers
//!   first: 0 unknown_flag code=0 -> reserved_flag
//!   ~ -unknown_flag -> id_must_not_be_zero        # repairs what the row above complained of and nothing else
//!   = id=7 code=1 -> created                      # any change
//!   ~first -unknown_flag -> id_must_not_be_zero
//! never created, exists: a reason               # no event can earn both
//! ```
//!
//! A `~` row shows that the row it repairs earned both statuses and was given the first one.
//!
//! Every table runs beside the model of the crate `naive`, until names or platform's legs come, which it does not know.
//!
//! Accounts have ledger 1 and code 1 unless they say otherwise; transfers also move 10 from
//! account 1 to account 2. A post defaults to `AMOUNT_MAX`, a void to zero, and both to zero in
//! what they inherit. `max` is the largest value of a field.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ledger::{Account, AccountFlags, AccountName, Items, Ledger, Metadata, PendingStatus, Totals, Transfer, TransferFlags};

/// What a table has shown.
pub struct Shown {
    pub ledger: Ledger,
    /// The last time given to an event.
    timestamp_last: u64,
    /// The second opinion, as long as there is one.
    model: Option<naive::Ledger>,
    /// Rows that later ones may repeat: the last one without a name, and those with one.
    rows: BTreeMap<String, Row>,
    pub accounts: Statuses,
    pub transfers: Statuses,
}

/// What a table has shown of one kind of event, by the names of statuses.
#[derive(Default)]
pub struct Statuses {
    /// Those that a row was given.
    pub given: BTreeSet<String>,
    /// Pairs that a row earned both, and was given the first.
    pub pairs: BTreeSet<(String, String)>,
    /// Pairs that no row can earn.
    pub never: BTreeSet<(String, String)>,
}

/// What a row asks for and what it is to be given.
#[derive(Clone)]
struct Row {
    event: String,
    /// A status, and perhaps a timestamp.
    outcome: String,
}

impl Row {
    fn status(&self) -> String {
        self.outcome.split_whitespace().next().expect("a status").to_owned()
    }
}

/// Runs a table and panics, naming the line, where an outcome is not the expected one.
pub fn check(text: &str) -> Shown {
    let mut shown = Shown {
        ledger: Ledger::new(),
        timestamp_last: 0,
        model: Some(naive::Ledger::new()),
        rows: BTreeMap::new(),
        accounts: Statuses::default(),
        transfers: Statuses::default(),
    };
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
            let now = time(&words, shown);
            assert_eq!(shown.ledger.expire(now), expected, "{head}");
            if let Some(model) = &mut shown.model {
                assert_eq!(model.expire(now), expected, "{head}: the model");
            }
        }
        "balance" => assert_eq!(balance(&shown.ledger, number(words[1])), numbers(&words[3..]), "{head}"),
        "pending" => assert_eq!(pending_status(&shown.ledger, number(words[1])), words[3], "{head}"),
        "leg" => {
            let open = shown.ledger.leg_pending(number(words[1])).map_or("closed".to_owned(), |pending| pending.amount.to_string());
            assert_eq!(open, words[3], "{head}");
        }
        "transfer" => {
            let found = *shown.ledger.transfer(number(words[1])).expect(head);
            assert_eq!(with_fields(found, &words[3..]), found, "{head}");
        }
        "totals" => {
            let number = u32::try_from(number(words[1])).expect("a ledger");
            let Totals { debits_pending, debits_posted, credits_pending, credits_posted } = shown.ledger.totals(number);
            assert_eq!(sums([debits_pending, debits_posted, credits_pending, credits_posted]), numbers(&words[3..]), "{head}");
        }
        "due" => {
            let due = shown.ledger.expires_next_at_ns().map_or("never".to_owned(), |at| at.to_string());
            assert_eq!(due, words[2].replace('_', ""), "{head}");
        }
        "never" => {
            let (pair, _) = head.split_once(':').unwrap_or_else(|| panic!("no reason in `{head}`"));
            let pair = pair["never ".len()..].split_once(", ").unwrap_or_else(|| panic!("no pair in `{head}`"));
            let pair = (pair.0.to_owned(), pair.1.to_owned());
            // Names that both kinds of events have count for both.
            shown.accounts.never.insert(pair.clone());
            shown.transfers.never.insert(pair);
        }
        other => panic!("unknown step `{other}`"),
    }
}

fn run_accounts(shown: &mut Shown, timestamp: u64, body: &[&str]) {
    let rows = rows(&mut shown.rows, &mut shown.accounts.pairs, body);
    let events: Vec<Account> = rows.iter().map(|row| account(&row.event)).collect();
    let names = names(&rows);
    if !names.is_empty() {
        shown.model = None;
    }
    let mut results = Vec::new();
    shown.ledger.create_named_accounts_into(&events, &names, timestamp, &mut results, &mut Vec::new());
    assert_eq!(results.len(), rows.len());
    if let Some(model) = &mut shown.model {
        assert_eq!(model.create_accounts(&events, timestamp), results, "the model, of {body:#?}");
    }
    // What the model does not know.
    shown.ledger.settle_account_metadata(&events, &metadata(&rows), timestamp, &mut results);
    for (row, result) in rows.iter().zip(results) {
        assert_outcome(row, result.status.name(), result.timestamp);
        shown.accounts.given.insert(row.status());
    }
}

fn run_transfers(shown: &mut Shown, timestamp: u64, body: &[&str]) {
    let rows = rows(&mut shown.rows, &mut shown.transfers.pairs, body);
    let events: Vec<Transfer> = rows.iter().map(|row| transfer(&row.event)).collect();
    let burned: Vec<bool> = events.iter().map(|event| shown.ledger.is_burned(event.id)).collect();
    let mut results = shown.ledger.create_transfers(&events, timestamp);
    assert_eq!(results.len(), rows.len());
    if let Some(model) = &mut shown.model {
        assert_eq!(model.create_transfers(&events, timestamp), results, "the model, of {body:#?}");
    }
    shown.ledger.settle_metadata(&events, &metadata(&rows), timestamp, &mut results);
    for (index, (row, result)) in rows.iter().zip(&results).enumerate() {
        assert_outcome(row, result.status.name(), result.timestamp);
        shown.transfers.given.insert(row.status());
        // An id is burned by a transient failure, of this batch or before, and by nothing else.
        let id = events[index].id;
        let fails = events.iter().zip(&results).any(|(event, result)| event.id == id && result.status.is_transient());
        assert_eq!(shown.ledger.is_burned(id), fails || burned[index], "`{}` burns its id", row.event);
    }
}

/// Of the rows that have one.
fn names(rows: &[Row]) -> Items<AccountName> {
    let mut names = Items::NONE;
    for (item, row) in rows.iter().enumerate() {
        for name in row.event.split_whitespace().filter_map(|word| word.strip_prefix("name=")) {
            names.push(item, AccountName::parse(name).expect("a name"));
        }
    }
    names
}

/// Of the rows that have any.
fn metadata(rows: &[Row]) -> Items<Metadata> {
    let mut metadata = Items::NONE;
    for (item, row) in rows.iter().enumerate() {
        for value in row.event.split_whitespace().filter_map(|word| word.strip_prefix("meta=")) {
            metadata.push(item, Metadata::new([("note", value)]).expect("a short text"));
        }
    }
    metadata
}

fn assert_outcome(row: &Row, status: &str, timestamp: u64) {
    let mut words = row.outcome.split_whitespace();
    assert_eq!(Some(status), words.next(), "{}", row.event);
    if let Some(word) = words.next() {
        assert_eq!(timestamp.to_string(), word.trim_start_matches('@').replace('_', ""), "{}", row.event);
    }
}

/// Rows with what they repeat of others written out. Pairs of statuses that they show are added.
fn rows(known: &mut BTreeMap<String, Row>, pairs: &mut BTreeSet<(String, String)>, body: &[&str]) -> Vec<Row> {
    let mut rows = Vec::new();
    for line in body {
        let (event, outcome) = line.split_once("->").unwrap_or_else(|| panic!("no outcome in `{line}`"));
        let (first, rest) = event.trim().split_once(' ').unwrap_or((event.trim(), ""));
        let outcome = outcome.trim().to_owned();
        let mut name = "";
        let row = if let Some(base) = first.strip_prefix('~').or_else(|| first.strip_prefix('=')) {
            let base = known.get(base).unwrap_or_else(|| panic!("`{line}` repeats no row"));
            let row = Row { event: changed(&base.event, rest), outcome };
            if first.starts_with('~') {
                pairs.insert((base.status(), row.status()));
            }
            row
        } else if let Some(named) = first.strip_suffix(':') {
            name = named;
            Row { event: rest.to_owned(), outcome }
        } else {
            Row { event: event.trim().to_owned(), outcome }
        };
        known.insert(name.to_owned(), row.clone());
        known.insert(String::new(), row.clone());
        rows.push(row);
    }
    rows
}

/// A row's event with fields set, flags added, and words taken away.
fn changed(event: &str, changes: &str) -> String {
    let mut words: Vec<String> = event.split_whitespace().map(str::to_owned).collect();
    for change in changes.split_whitespace() {
        let is_of = |word: &str, name: &str| word == name || word.split_once('=').is_some_and(|(field, _)| field == name);
        match (change.strip_prefix('-'), change.split_once('=')) {
            (Some(name), _) => {
                let count = words.len();
                words.retain(|word| !is_of(word, name));
                assert!(words.len() < count, "`{event}` has no {name} to take away");
            }
            (None, Some(("id", value))) => words[0] = value.to_owned(),
            (None, Some((name, _))) => {
                words.retain(|word| !is_of(word, name));
                words.push(change.to_owned());
            }
            (None, None) => words.push(change.to_owned()),
        }
    }
    words.join(" ")
}

/// Legs that must panic run on a copy: a panic spoils the state.
fn run_legs(shown: &mut Shown, head: &str, body: &[&str]) {
    let legs: Vec<Transfer> = body.iter().map(|line| transfer(line)).collect();
    let Some(expected) = head.strip_prefix("legs panic ") else {
        shown.ledger.apply_legs(&legs);
        shown.model = None;
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
            Some(("meta" | "name", _)) => {} // no part of the record
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
    let fields: Vec<&str> = fields.into_iter().filter(|word| word.contains('=')).collect();
    with_fields(default_transfer(id, flags), &fields)
}

fn with_fields(mut transfer: Transfer, fields: &[&str]) -> Transfer {
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
            Some(("meta", _)) => {} // no part of the record
            Some(("ts", value)) => transfer.timestamp = field(value, u64::MAX),
            Some(_) | None => panic!("unknown field `{word}`"),
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
    let Account { debits_pending, debits_posted, credits_pending, credits_posted, .. } = *account;
    format!("{}{closed}", sums([debits_pending, debits_posted, credits_pending, credits_posted]))
}

fn sums([debits_pending, debits_posted, credits_pending, credits_posted]: [u128; 4]) -> String {
    format!("{debits_pending}/{debits_posted} {credits_pending}/{credits_posted}")
}

/// Sums as a table writes them, with every number in digits.
fn numbers(words: &[&str]) -> String {
    let in_digits = |word: &&str| match word.split_once('/') {
        Some((pending, posted)) => format!("{}/{}", number(pending), number(posted)),
        None => (*word).to_owned(),
    };
    words.iter().map(in_digits).collect::<Vec<_>>().join(" ")
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
