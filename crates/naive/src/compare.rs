//! The ledger beside the model, operation by operation.

use crate::{Answer, Operation, Run};
use ::ledger::{CreateAccountStatus, CreateTransferStatus, Ledger};
use std::collections::BTreeSet;

/// Statuses that were given.
#[derive(Clone, Debug, Default)]
pub struct Met {
    /// To accounts.
    pub accounts: BTreeSet<CreateAccountStatus>,
    /// To transfers.
    pub transfers: BTreeSet<CreateTransferStatus>,
}

impl Met {
    /// Takes note of an answer's statuses.
    pub fn note(&mut self, answer: &Answer) {
        match answer {
            Answer::CreateAccounts(results) => self.accounts.extend(results.iter().map(|result| result.status)),
            Answer::CreateTransfers(results) => self.transfers.extend(results.iter().map(|result| result.status)),
            Answer::LookupAccounts(_)
            | Answer::LookupTransfers(_)
            | Answer::GetAccountTransfers(_)
            | Answer::GetAccountBalances(_)
            | Answer::Tick { .. } => {}
        }
    }

    /// The names of the reference's statuses that were not given.
    pub fn missed(&self) -> Vec<&'static str> {
        let accounts = CreateAccountStatus::ALL.iter().filter(|status| status.is_references() && !self.accounts.contains(status));
        let transfers = CreateTransferStatus::ALL.iter().filter(|status| status.is_references() && !self.transfers.contains(status));
        accounts.map(|status| status.name()).chain(transfers.map(|status| status.name())).collect()
    }
}

/// Does a workload with a ledger and with the model, and compares every answer; after every `states_every` operations, and at
/// the end, also accounts, transfers, what became of reservations, and which ids have failed.
///
/// The order of a history is a read model's, so that its two questions are not asked of the ledger.
///
/// # Errors
/// The first difference in words: the operation's place, counted from 0, what the ledger gave and what the model.
pub fn compare(operations: &[Operation], key: u64, states_every: usize, met: &mut Met) -> Result<(), String> {
    let (mut ledger, mut run) = (Ledger::with_key(key), Run::new());
    for (index, operation) in operations.iter().enumerate() {
        let batch_ns = run.batch_ns();
        let expected = run.answer(operation);
        let found = answer(&mut ledger, batch_ns, operation, run.now_ns());
        if let Some(found) = found.filter(|found| *found != expected) {
            return Err(format!("operation {index}, {operation:#?}: the ledger says {found:?}, the model {expected:?}"));
        }
        met.note(&expected);
        if (index + 1) % states_every == 0 || index + 1 == operations.len() {
            compare_states(&ledger, &run, operation).map_err(|why| format!("after operation {index}, {operation:#?}: {why}"))?;
        }
    }
    Ok(())
}

fn answer(ledger: &mut Ledger, batch_ns: u64, operation: &Operation, now_ns: u64) -> Option<Answer> {
    Some(match operation {
        Operation::CreateAccounts(events) => Answer::CreateAccounts(ledger.create_accounts(events, batch_ns)),
        Operation::CreateTransfers(events) => Answer::CreateTransfers(ledger.create_transfers(events, batch_ns)),
        Operation::LookupAccounts(ids) => Answer::LookupAccounts(ids.iter().filter_map(|id| ledger.account(*id)).copied().collect()),
        Operation::LookupTransfers(ids) => Answer::LookupTransfers(ids.iter().filter_map(|id| ledger.transfer(*id)).copied().collect()),
        Operation::Tick { .. } => {
            let mut expired = Vec::new();
            loop {
                let round = ledger.expire(now_ns);
                if round.is_empty() {
                    return Some(Answer::Tick { now: now_ns, expired });
                }
                expired.extend(round);
            }
        }
        Operation::GetAccountTransfers(_) | Operation::GetAccountBalances(_) => return None,
    })
}

fn compare_states(ledger: &Ledger, run: &Run, operation: &Operation) -> Result<(), String> {
    if let Some((found, expected)) = ledger.accounts().zip(run.ledger.accounts()).find(|(found, expected)| found != expected) {
        return Err(format!("{found:?} should be {expected:?}"));
    }
    if let Some((found, expected)) = ledger.transfers().zip(run.ledger.transfers()).find(|(found, expected)| found != expected) {
        return Err(format!("{found:?} should be {expected:?}"));
    }
    let counts = (ledger.accounts().count(), ledger.transfers().count());
    let expected = (run.ledger.accounts().count(), run.ledger.transfers().count());
    if counts != expected {
        return Err(format!("{counts:?} accounts and transfers should be {expected:?}"));
    }
    for transfer in run.ledger.transfers() {
        let (found, expected) = (ledger.pending_status(transfer.id), run.ledger.pending_status(transfer.id));
        if found != expected {
            return Err(format!("transfer {} is {found:?} and should be {expected:?}", transfer.id));
        }
    }
    if let Some(id) = run.ledger.burned().find(|id| !ledger.is_burned(*id)) {
        return Err(format!("transfer {id} should have failed for ever"));
    }
    if let Operation::CreateTransfers(events) = operation
        && let Some(event) = events.iter().find(|event| ledger.is_burned(event.id) && run.ledger.burned().all(|id| id != event.id))
    {
        return Err(format!("transfer {} should not have failed for ever", event.id));
    }
    ledger.check_consistency().map_err(|inconsistency| inconsistency.to_string())
}
