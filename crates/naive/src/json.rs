//! Workloads and their answers as text: one JSON object a line, spelled as docs/guide/ledger-workloads.md says.

use crate::{Answer, Balance, Filter, Operation};
use ::ledger::{Account, Transfer};

const ACCOUNT_FLAGS: [&str; 6] =
    ["linked", "debits_must_not_exceed_credits", "credits_must_not_exceed_debits", "history", "imported", "closed"];
const TRANSFER_FLAGS: [&str; 9] = [
    "linked",
    "pending",
    "post_pending_transfer",
    "void_pending_transfer",
    "balancing_debit",
    "balancing_credit",
    "closing_debit",
    "closing_credit",
    "imported",
];
const FILTER_FLAGS: [&str; 3] = ["debits", "credits", "reversed"];

/// A workload as `bezant ledger run` reads it.
pub fn workload_text(operations: &[Operation]) -> String {
    operations.iter().map(|operation| operation_text(operation) + "\n").collect()
}

/// Answers as `bezant ledger run` writes them.
pub fn answers_text(answers: &[Answer]) -> String {
    answers.iter().map(|answer| answer_text(answer) + "\n").collect()
}

fn operation_text(operation: &Operation) -> String {
    let line = |op: &str, name: &str, value: String| format!(r#"{{"op":"{op}","{name}":{value}}}"#);
    match operation {
        Operation::CreateAccounts(events) => line("create_accounts", "events", list(events, account_text)),
        Operation::CreateTransfers(events) => line("create_transfers", "events", list(events, transfer_text)),
        Operation::LookupAccounts(ids) => line("lookup_accounts", "ids", list(ids, quoted)),
        Operation::LookupTransfers(ids) => line("lookup_transfers", "ids", list(ids, quoted)),
        Operation::GetAccountTransfers(filter) => line("get_account_transfers", "filter", filter_text(filter)),
        Operation::GetAccountBalances(filter) => line("get_account_balances", "filter", filter_text(filter)),
        Operation::Tick { ns } => line("tick", "ns", quoted(ns)),
    }
}

fn answer_text(answer: &Answer) -> String {
    let line = |op: &str, name: &str, value: String| format!(r#"{{"op":"{op}","{name}":{value}}}"#);
    let result = |status: &str, timestamp: u64| format!(r#"{{"status":"{status}","timestamp":"{timestamp}"}}"#);
    match answer {
        Answer::CreateAccounts(results) => {
            line("create_accounts", "results", list(results, |found| result(found.status.name(), found.timestamp)))
        }
        Answer::CreateTransfers(results) => {
            line("create_transfers", "results", list(results, |found| result(found.status.name(), found.timestamp)))
        }
        Answer::LookupAccounts(accounts) => line("lookup_accounts", "objects", list(accounts, account_text)),
        Answer::LookupTransfers(transfers) => line("lookup_transfers", "objects", list(transfers, transfer_text)),
        Answer::GetAccountTransfers(transfers) => line("get_account_transfers", "objects", list(transfers, transfer_text)),
        Answer::GetAccountBalances(balances) => line("get_account_balances", "objects", list(balances, balance_text)),
        Answer::Tick { now, expired } => {
            format!(r#"{{"op":"tick","now":"{now}","expired":{}}}"#, list(expired, quoted))
        }
    }
}

fn list<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    let texts: Vec<String> = items.iter().map(text).collect();
    format!("[{}]", texts.join(","))
}

fn quoted(number: &impl ToString) -> String {
    format!("\"{}\"", number.to_string())
}

/// The names of the bits that are set; those without a meaning are called by their place.
fn flags_text(bits: u16, names: &[&str]) -> String {
    let set: Vec<usize> = (0..16).filter(|bit| bits >> bit & 1 == 1).collect();
    list(&set, |bit| names.get(*bit).map_or_else(|| format!("\"bit_{bit}\""), |name| format!("\"{name}\"")))
}

fn account_text(account: &Account) -> String {
    let Account {
        id,
        debits_pending,
        debits_posted,
        credits_pending,
        credits_posted,
        user_data_128,
        user_data_64,
        user_data_32,
        reserved,
        ledger,
        code,
        flags,
        timestamp,
    } = account;
    let flags = flags_text(flags.bits(), &ACCOUNT_FLAGS);
    [
        format!(r#"{{"id":"{id}","debits_pending":"{debits_pending}","debits_posted":"{debits_posted}","#),
        format!(r#""credits_pending":"{credits_pending}","credits_posted":"{credits_posted}","#),
        format!(r#""user_data_128":"{user_data_128}","user_data_64":"{user_data_64}","user_data_32":{user_data_32},"#),
        format!(r#""reserved":{reserved},"ledger":{ledger},"code":{code},"flags":{flags},"timestamp":"{timestamp}"}}"#),
    ]
    .concat()
}

fn transfer_text(transfer: &Transfer) -> String {
    let Transfer {
        id,
        debit_account_id,
        credit_account_id,
        amount,
        pending_id,
        user_data_128,
        user_data_64,
        user_data_32,
        timeout_s,
        ledger,
        code,
        flags,
        timestamp,
    } = transfer;
    let flags = flags_text(flags.bits(), &TRANSFER_FLAGS);
    [
        format!(r#"{{"id":"{id}","debit_account_id":"{debit_account_id}","credit_account_id":"{credit_account_id}","#),
        format!(r#""amount":"{amount}","pending_id":"{pending_id}","#),
        format!(r#""user_data_128":"{user_data_128}","user_data_64":"{user_data_64}","user_data_32":{user_data_32},"#),
        format!(r#""timeout":{timeout_s},"ledger":{ledger},"code":{code},"flags":{flags},"timestamp":"{timestamp}"}}"#),
    ]
    .concat()
}

fn filter_text(filter: &Filter) -> String {
    let Filter { account_id, user_data_128, user_data_64, user_data_32, code, timestamp_min, timestamp_max, limit, flags } = filter;
    let flags = flags_text(*flags, &FILTER_FLAGS);
    [
        format!(r#"{{"account_id":"{account_id}","#),
        format!(r#""user_data_128":"{user_data_128}","user_data_64":"{user_data_64}","user_data_32":{user_data_32},"#),
        format!(r#""code":{code},"timestamp_min":"{timestamp_min}","timestamp_max":"{timestamp_max}","#),
        format!(r#""limit":{limit},"flags":{flags}}}"#),
    ]
    .concat()
}

fn balance_text(balance: &Balance) -> String {
    let Balance { balances, timestamp } = balance;
    [
        format!(r#"{{"debits_pending":"{}","debits_posted":"{}","#, balances.debits_pending, balances.debits_posted),
        format!(r#""credits_pending":"{}","credits_posted":"{}","#, balances.credits_pending, balances.credits_posted),
        format!(r#""timestamp":"{timestamp}"}}"#),
    ]
    .concat()
}
