//! Workload files: a ledger's operations, one JSON object a line, run in order against a fresh ledger. Other ledgers can be
//! compared through it: the same file gives the same answers, timestamps among them.
//!
//! Here is the format; what the operations do is in `workload/book.rs` for a ledger in memory and in `workload/disk.rs` for one on
//! disk. docs/guide/ledger-workloads.md describes format and operations for users.

mod book;
mod clock;
mod disk;
mod records;

pub use clock::Refused;
pub use disk::{Failed, Layout};

use api::ledger::{AccountExtras, AccountRecord, Integer, TransferExtras, TransferRecord};
use book::{Balance, Book, Filter};
use disk::DiskBook;
use ledger::{Account, AccountResult, Transfer, TransferResult};
use records::{BalanceRecord, FilterRecord};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read, Write};
use std::path::Path;

/// Longest line, in bytes: the largest batch in its longest spelling fits.
pub const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why a workload was not run to its end. What was answered before stays answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read the workload: {0}")]
    Read(#[source] io::Error),
    /// The answers could not be written.
    #[error("cannot write the answers: {0}")]
    Write(#[source] io::Error),
    /// A line is longer than [`LINE_BYTES_MAX`].
    #[error("line {line} has more than {LINE_BYTES_MAX} bytes: split its events over several operations")]
    LineTooLong {
        /// Counted from 1.
        line: usize,
    },
    /// A line is no operation.
    #[error("line {line} is no operation: {why}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What is wrong, and where.
        why: String,
    },
    /// An operation cannot be done as a whole.
    #[error("line {line}: {why}")]
    Refused {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        why: Refused,
    },
    /// The ledger's folder cannot be used, before the first line or after the last one.
    #[error(transparent)]
    Folder(Failed),
    /// The ledger on disk cannot go on.
    #[error("line {line}: {why}")]
    Failed {
        /// Counted from 1.
        line: usize,
        /// Why.
        #[source]
        why: Failed,
    },
}

/// Why an operation is not done.
#[derive(Debug)]
enum NotDone {
    /// It cannot be done as a whole.
    Refused(Refused),
    /// The disk failed.
    Failed(Failed),
}

/// Does operations: a ledger with a clock.
trait Keeper {
    /// What the clock shows, in nanoseconds since 1970.
    fn now_ns(&self) -> u64;
    /// Creates accounts as one batch.
    fn create_accounts(&mut self, events: Vec<Account>) -> Result<Vec<AccountResult>, NotDone>;
    /// Creates transfers as one batch.
    fn create_transfers(&mut self, events: Vec<Transfer>) -> Result<Vec<TransferResult>, NotDone>;
    /// Moves the clock on and releases what expires until then; its ids in order of expiry.
    fn tick(&mut self, ns: u64) -> Result<Vec<u128>, NotDone>;
    /// The account with this id.
    fn account(&mut self, id: u128) -> Result<Option<Account>, NotDone>;
    /// The transfer with this id.
    fn transfer(&mut self, id: u128) -> Result<Option<Transfer>, NotDone>;
    /// The transfers of an account, oldest first unless reversed.
    fn account_transfers(&mut self, filter: &Filter) -> Result<Vec<Transfer>, NotDone>;
    /// The sums of an account with the flag `history` after each of its transfers, oldest first unless reversed.
    fn account_balances(&mut self, filter: &Filter) -> Result<Vec<Balance>, NotDone>;
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Operation {
    CreateAccounts { events: Vec<AccountRecord> },
    CreateTransfers { events: Vec<TransferRecord> },
    LookupAccounts { ids: Vec<Integer<u128>> },
    LookupTransfers { ids: Vec<Integer<u128>> },
    GetAccountTransfers { filter: FilterRecord },
    GetAccountBalances { filter: FilterRecord },
    Tick { ns: Integer<u64> },
}

/// An operation's answer, in the words of its line.
#[derive(Debug, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Answer {
    CreateAccounts { results: Vec<EventResult> },
    CreateTransfers { results: Vec<EventResult> },
    LookupAccounts { objects: Vec<AccountRecord> },
    LookupTransfers { objects: Vec<TransferRecord> },
    GetAccountTransfers { objects: Vec<TransferRecord> },
    GetAccountBalances { objects: Vec<BalanceRecord> },
    Tick { now: Integer<u64>, expired: Vec<Integer<u128>> },
}

#[derive(Debug, Serialize)]
struct EventResult {
    status: &'static str,
    timestamp: Integer<u64>,
}

/// Runs a workload against a fresh ledger in memory and writes one answer a line.
///
/// # Errors
/// See [`Error`]: the first line that cannot be run ends it.
pub fn run(workload: impl Read, answers: impl Write) -> Result<(), Error> {
    run_with(&mut Book::new(), workload, answers)
}

/// As [`run`], against a fresh ledger on disk, in a folder that does not exist: an operation is durable before it is answered.
///
/// # Errors
/// See [`Error`]: the first line that cannot be run ends it. The folder stays.
pub fn run_on_disk(workload: impl Read, answers: impl Write, folder: &Path, layout: Layout) -> Result<(), Error> {
    let mut book = DiskBook::create(folder, layout).map_err(Error::Folder)?;
    let ended = run_with(&mut book, workload, answers);
    ended.and(book.seal().map_err(Error::Folder))
}

fn run_with(book: &mut impl Keeper, workload: impl Read, answers: impl Write) -> Result<(), Error> {
    let (mut workload, mut answers) = (io::BufReader::new(workload), io::BufWriter::new(answers));
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = (&mut workload).take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut text).map_err(Error::Read)?;
        if read == 0 {
            break;
        }
        if text.len() as u64 > LINE_BYTES_MAX {
            return finish(answers, Err(Error::LineTooLong { line }));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = match serde_json::from_slice(&text) {
            Ok(operation) => answer(book, operation).map_err(|not_done| match not_done {
                NotDone::Refused(why) => Error::Refused { line, why },
                NotDone::Failed(why) => Error::Failed { line, why },
            }),
            Err(error) => Err(Error::Malformed { line, why: error.to_string() }),
        };
        match answer {
            Ok(answer) => write(&mut answers, &answer)?,
            Err(error) => return finish(answers, Err(error)),
        }
    }
    finish(answers, Ok(()))
}

fn write(answers: &mut impl Write, answer: &Answer) -> Result<(), Error> {
    serde_json::to_writer(&mut *answers, answer).map_err(|error| Error::Write(error.into()))?;
    answers.write_all(b"\n").map_err(Error::Write)
}

/// Everything that was answered is written out before an error is told.
fn finish(mut answers: impl Write, result: Result<(), Error>) -> Result<(), Error> {
    answers.flush().map_err(Error::Write).and(result)
}

fn answer(book: &mut impl Keeper, operation: Operation) -> Result<Answer, NotDone> {
    Ok(match operation {
        Operation::CreateAccounts { events } => {
            let results = book.create_accounts(plain(events.into_iter().map(AccountRecord::into_parts), AccountExtras::is_empty)?)?;
            let results = results.into_iter().map(|result| EventResult::new(result.status.name(), result.timestamp)).collect();
            Answer::CreateAccounts { results }
        }
        Operation::CreateTransfers { events } => {
            let results = book.create_transfers(plain(events.into_iter().map(TransferRecord::into_parts), TransferExtras::is_empty)?)?;
            let results = results.into_iter().map(|result| EventResult::new(result.status.name(), result.timestamp)).collect();
            Answer::CreateTransfers { results }
        }
        Operation::LookupAccounts { ids } => {
            let found = ids.into_iter().filter_map(|id| book.account(id.0).transpose()).map(|found| found.map(Into::into));
            Answer::LookupAccounts { objects: found.collect::<Result<_, _>>()? }
        }
        Operation::LookupTransfers { ids } => {
            let found = ids.into_iter().filter_map(|id| book.transfer(id.0).transpose()).map(|found| found.map(Into::into));
            Answer::LookupTransfers { objects: found.collect::<Result<_, _>>()? }
        }
        Operation::GetAccountTransfers { filter } => {
            Answer::GetAccountTransfers { objects: book.account_transfers(&filter.into())?.into_iter().map(Into::into).collect() }
        }
        Operation::GetAccountBalances { filter } => {
            Answer::GetAccountBalances { objects: book.account_balances(&filter.into())?.into_iter().map(Into::into).collect() }
        }
        Operation::Tick { ns } => {
            let expired = book.tick(ns.0)?.into_iter().map(Integer).collect();
            Answer::Tick { now: Integer(book.now_ns()), expired }
        }
    })
}

/// Records without what only the platform's own ledgers keep.
fn plain<T, E>(events: impl Iterator<Item = (T, E)>, is_empty: impl Fn(&E) -> bool) -> Result<Vec<T>, NotDone> {
    let plain = |(index, (event, extras)): (usize, (T, E))| match is_empty(&extras) {
        true => Ok(event),
        false => Err(NotDone::Refused(Refused::HasTexts { event: index + 1 })),
    };
    events.enumerate().map(plain).collect()
}

impl EventResult {
    const fn new(status: &'static str, timestamp: u64) -> Self {
        Self { status, timestamp: Integer(timestamp) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Error, LINE_BYTES_MAX, run};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn run_all(lines: &[Value]) -> Vec<Value> {
        let text: Vec<String> = lines.iter().map(Value::to_string).collect();
        let mut answers = Vec::new();
        run(text.join("\n").as_bytes(), &mut answers).unwrap();
        String::from_utf8(answers).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn accounts(ids: &[u64]) -> Value {
        let events: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "ledger": 1, "code": 1, "flags": ["history"] })).collect();
        json!({ "op": "create_accounts", "events": events })
    }

    fn transfer(id: u64, debit: u64, credit: u64, amount: u64) -> Value {
        json!({ "id": id, "debit_account_id": debit, "credit_account_id": credit, "amount": amount, "ledger": 1, "code": 1 })
    }

    fn with(mut value: Value, change: &Value) -> Value {
        for (name, changed) in change.as_object().unwrap() {
            value[name] = changed.clone();
        }
        value
    }

    fn transfers(events: &[Value]) -> Value {
        json!({ "op": "create_transfers", "events": events })
    }

    fn statuses(answer: &Value) -> Vec<&str> {
        answer["results"].as_array().unwrap().iter().map(|result| result["status"].as_str().unwrap()).collect()
    }

    fn column<'a>(answer: &'a Value, name: &str) -> Vec<&'a str> {
        answer["objects"].as_array().unwrap().iter().map(|object| object[name].as_str().unwrap()).collect()
    }

    fn filter(change: &Value) -> Value {
        let filter = with(json!({ "account_id": 1, "limit": 10, "flags": ["debits", "credits"] }), change);
        json!({ "op": "get_account_transfers", "filter": filter })
    }

    #[test]
    fn records_come_back_with_every_field_as_they_were_written() {
        let most = u128::MAX.to_string();
        let account = json!({
            "id": "340282366920938463463374607431768211454", "debits_pending": "0", "debits_posted": "0", "credits_pending": "0",
            "credits_posted": "0", "user_data_128": most, "user_data_64": u64::MAX.to_string(), "user_data_32": u32::MAX, "reserved": 0,
            "ledger": u32::MAX, "code": u16::MAX, "flags": ["credits_must_not_exceed_debits", "history"], "timestamp": "0",
        });
        let ids = json!([account["id"], "7"]);
        let found = run_all(&[json!({ "op": "create_accounts", "events": [account] }), json!({ "op": "lookup_accounts", "ids": ids })]);
        assert_eq!(statuses(&found[0]), ["created"]);
        let timestamp = found[0]["results"][0]["timestamp"].clone();
        assert_eq!(found[1], json!({ "op": "lookup_accounts", "objects": [with(account, &json!({ "timestamp": timestamp }))] }));

        let event = json!({
            "id": "9", "debit_account_id": "1", "credit_account_id": "2", "amount": "5", "pending_id": "0", "user_data_128": most,
            "user_data_64": "3", "user_data_32": 4, "timeout": 6, "ledger": 1, "code": 8, "flags": ["pending", "closing_credit"],
            "timestamp": "0",
        });
        let found =
            run_all(&[accounts(&[1, 2]), transfers(std::slice::from_ref(&event)), json!({ "op": "lookup_transfers", "ids": [9, "10"] })]);
        let timestamp = found[1]["results"][0]["timestamp"].clone();
        assert_eq!(found[2]["objects"], json!([with(event, &json!({ "timestamp": timestamp }))]));
    }

    #[test]
    fn balances_follow_reservations_posts_voids_and_expiries() {
        let pending = |id, amount, timeout| with(transfer(id, 1, 2, amount), &json!({ "flags": ["pending"], "timeout": timeout }));
        let ended =
            |id, pending: u64, amount: Value, flag: &str| json!({ "id": id, "pending_id": pending, "amount": amount, "flags": [flag] });
        let all = u128::MAX.to_string();
        let found = run_all(&[
            accounts(&[1, 2]),
            transfers(&[pending(10, 100, 0), pending(11, 40, 0), pending(12, 7, 2), pending(13, 9, 1), transfer(14, 2, 1, 3)]),
            transfers(&[ended(20, 10, json!(60), "post_pending_transfer"), ended(21, 11, json!(0), "void_pending_transfer")]),
            json!({ "op": "tick", "ns": "999999000" }),
            json!({ "op": "tick", "ns": 2_000_000_000_u64 }),
            transfers(&[ended(22, 12, json!(all), "post_pending_transfer")]),
            json!({ "op": "lookup_accounts", "ids": [1, 2] }),
            json!({ "op": "get_account_balances", "filter": { "account_id": 1, "limit": 100, "flags": ["debits", "credits"] } }),
        ]);
        assert_eq!((&found[3]["expired"], &found[4]["expired"]), (&json!([]), &json!(["13", "12"])));
        assert_eq!(statuses(&found[5]), ["pending_transfer_expired"]);
        assert_eq!((column(&found[6], "debits_posted"), column(&found[6], "credits_pending")), (vec!["60", "3"], vec!["0", "0"]));
        assert_eq!(column(&found[7], "debits_pending"), ["100", "140", "147", "156", "156", "56", "16"]);
        assert_eq!(column(&found[7], "debits_posted"), ["0", "0", "0", "0", "0", "60", "60"]);
    }

    #[test]
    fn filters_take_what_fits_in_time_and_by_field_and_nothing_when_they_ask_for_nothing() {
        let fields =
            [json!({}), json!({ "user_data_128": 5 }), json!({ "user_data_64": 6 }), json!({ "user_data_32": 7 }), json!({ "code": 8 })];
        let events: Vec<Value> = (10..).zip(&fields).map(|(id, change)| with(transfer(id, 1, 2, id), change)).collect();
        let back = transfer(20, 2, 1, 1);
        let start = 1_700_000_000_000_000_000_u64;
        let asked = [
            (json!({}), "10 11 12 13 14 20"),
            (json!({ "limit": 2 }), "10 11"),
            (json!({ "flags": ["debits", "credits", "reversed"], "limit": 2 }), "20 14"),
            (json!({ "flags": ["debits"] }), "10 11 12 13 14"),
            (json!({ "flags": ["credits"] }), "20"),
            (json!({ "account_id": 2, "flags": ["debits"] }), "20"),
            (json!({ "user_data_128": 5 }), "11"),
            (json!({ "user_data_64": 6 }), "12"),
            (json!({ "user_data_32": 7 }), "13"),
            (json!({ "code": 8 }), "14"),
            (json!({ "timestamp_min": start + 4, "timestamp_max": start + 5 }), "12 13"),
            (json!({ "timestamp_min": start + 7 }), "20"),
            (json!({ "timestamp_min": start + 5, "timestamp_max": start + 4 }), ""),
            (json!({ "timestamp_max": u64::MAX }), ""),
            (json!({ "limit": 0 }), ""),
            (json!({ "flags": [] }), ""),
            (json!({ "flags": ["debits", "bit_9"] }), ""),
            (json!({ "account_id": 0 }), ""),
            (json!({ "account_id": 3 }), ""),
        ];
        let mut lines = vec![accounts(&[1, 2]), transfers(&events), transfers(&[back])];
        lines.extend(asked.iter().map(|(change, _)| filter(change)));
        for (found, (change, ids)) in run_all(&lines)[3..].iter().zip(&asked) {
            assert_eq!(column(found, "id").join(" "), *ids, "{change}");
        }
    }

    #[test]
    fn only_accounts_with_history_have_balances_and_unknown_bits_are_told() {
        let plain = json!({ "op": "create_accounts", "events": [
            { "id": 1, "ledger": 1, "code": 1 },
            { "id": 2, "ledger": 1, "code": 1, "flags": ["bit_6"] },
            { "id": 2, "ledger": 1, "code": 1 },
        ] });
        let balances = json!({ "op": "get_account_balances", "filter": { "account_id": 1, "limit": 9, "flags": ["debits"] } });
        let found =
            run_all(&[plain, transfers(&[transfer(9, 1, 2, 5), with(transfer(10, 1, 2, 5), &json!({ "flags": ["bit_15"] }))]), balances]);
        assert_eq!(statuses(&found[0]), ["created", "reserved_flag", "created"]);
        assert_eq!(statuses(&found[1]), ["created", "reserved_flag"]);
        assert_eq!(found[2]["objects"], json!([]));
    }

    #[test]
    fn what_is_no_operation_ends_the_run_with_its_line_and_keeps_the_answers_before() {
        let many: Vec<Value> = (1..=8_190).map(|id| transfer(id, 1, 2, 1)).collect();
        let rows = [
            (json!({ "op": "create_account", "events": [] }).to_string(), "line 3 is no operation: unknown variant `create_account`"),
            (json!({ "op": "tick" }).to_string(), "line 3 is no operation: missing field `ns`"),
            (
                json!({ "op": "tick", "ns": -1 }).to_string(),
                "line 3 is no operation: invalid type: integer `-1`, expected an integer of 64 bits",
            ),
            (json!({ "op": "tick", "ns": "+1" }).to_string(), "line 3 is no operation: invalid value: string \"+1\""),
            (json!({ "op": "tick", "ns": u64::MAX }).to_string(), "line 3: the clock cannot pass 9223372036854775807 ns"),
            (json!({ "op": "lookup_accounts", "ids": [1.5] }).to_string(), "line 3 is no operation: invalid type: floating point"),
            (
                json!({ "op": "create_accounts", "events": [{ "code": 65_536 }] }).to_string(),
                "line 3 is no operation: invalid value: integer `65536`",
            ),
            (json!({ "op": "create_accounts", "events": [{ "title": 1 }] }).to_string(), "line 3 is no operation: unknown field `title`"),
            (
                transfers(&[transfer(1, 1, 2, 1), with(transfer(2, 1, 2, 1), &json!({ "metadata": { "a": "b" } }))]).to_string(),
                "line 3: event 2 has a name or metadata, which a workload's ledger does not keep",
            ),
            (
                json!({ "op": "create_accounts", "events": [{ "flags": ["bit_5"] }] }).to_string(),
                "line 3 is no operation: unknown variant `bit_5`",
            ),
            (transfers(&many).to_string(), "line 3: 8190 events: a batch may have 8189"),
            ("{".to_owned(), "line 3 is no operation: EOF while parsing"),
            (" ".repeat(usize::try_from(LINE_BYTES_MAX).unwrap() + 1), "line 3 has more than 16777216 bytes"),
        ];
        for (line, expected) in rows {
            let mut answers = Vec::new();
            let text = format!("{}\n\n{line}\n{}", accounts(&[1]), accounts(&[2]));
            let error = run(text.as_bytes(), &mut answers).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert_eq!(answers.iter().filter(|byte| **byte == b'\n').count(), 1, "{expected}");
        }
    }

    struct Full;

    impl std::io::Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn answers_that_cannot_be_written_are_an_error() {
        assert!(matches!(run(accounts(&[1]).to_string().as_bytes(), Full), Err(Error::Write(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever happens, the last balance of an account is the account's, every transfer of one side is one of the other,
        /// and the same file gives the same answers.
        #[test]
        fn reads_agree_with_each_other(moves in prop::collection::vec((1_u64..5, 1_u64..5, 0_u64..50, 0_u8..6, 0_u64..3), 1..60)) {
            let mut lines = vec![accounts(&[1, 2, 3, 4])];
            for (id, (debit, credit, amount, kind, ns)) in (100..).zip(&moves) {
                let event = transfer(id, *debit, *credit, *amount);
                let event = match kind {
                    0 | 1 => event,
                    2 => with(event, &json!({ "flags": ["pending"], "timeout": ns })),
                    3 => json!({ "id": id, "pending_id": id - 1, "amount": amount, "flags": ["post_pending_transfer"] }),
                    4 => json!({ "id": id, "pending_id": id - 2, "flags": ["void_pending_transfer"] }),
                    _ => with(event, &json!({ "flags": ["balancing_debit"] })),
                };
                lines.push(transfers(&[event]));
                lines.push(json!({ "op": "tick", "ns": ns * 1_000_000_000 }));
            }
            let both = json!(["debits", "credits"]);
            for id in 1..5 {
                lines.push(json!({ "op": "lookup_accounts", "ids": [id] }));
                lines.push(json!({ "op": "get_account_balances", "filter": { "account_id": id, "limit": 8_189, "flags": both } }));
                lines.push(json!({ "op": "get_account_transfers", "filter": { "account_id": id, "limit": 8_189, "flags": both } }));
            }
            let found = run_all(&lines);
            prop_assert_eq!(&found, &run_all(&lines));
            let mut sides = [Vec::new(), Vec::new()];
            for read in found[lines.len() - 12..].chunks(3) {
                let account = &read[0]["objects"][0];
                let (balances, moved) = (read[1]["objects"].as_array().unwrap(), read[2]["objects"].as_array().unwrap());
                prop_assert_eq!(column(&read[1], "timestamp"), column(&read[2], "timestamp"));
                if let Some(last) = balances.last() {
                    for name in ["debits_posted", "credits_posted"] {
                        prop_assert_eq!(&last[name], &account[name]);
                    }
                }
                for transfer in moved {
                    let side = usize::from(transfer["debit_account_id"] == account["id"]);
                    sides[side].push(transfer["id"].to_string());
                }
            }
            sides.iter_mut().for_each(|side| side.sort());
            prop_assert_eq!(&sides[0], &sides[1]);
        }
    }
}
