//! The platform's own administration: leadership, merchants, keys, privacy, quarantine, clock, versions.

use super::{Draft, Reply};
use crate::command::Command;
use crate::effect::{EffectStatus, SendKind};
use crate::errand::ErrandStatus;
use crate::event::{Event, VERSION_MAX};
use crate::refusal::Refusal;
use crate::state::KeyOwner;
use base::{OutcomeClass, SubjectId, UnknownReason};

pub(super) fn apply(draft: &mut Draft<'_>, command: &Command) -> Result<Reply, Refusal> {
    match command {
        Command::StartLeader { epoch } => start_leader(draft, *epoch),
        Command::CreateMerchant { merchant, handle } => {
            let taken = draft.state.merchants.iter().any(|(id, found)| id == merchant || found.handle == *handle);
            if taken {
                return Err(Refusal::HandleTaken);
            }
            let number = u32::try_from(draft.state.merchants.len() + 1).expect("merchants are fewer than four billion");
            draft.push(Event::MerchantCreated { merchant: *merchant, number, handle: handle.clone() });
        }
        Command::CreateOperator { operator, handle } => {
            if draft.state.operators.iter().any(|(id, found)| id == operator || found == handle) {
                return Err(Refusal::HandleTaken);
            }
            draft.push(Event::OperatorCreated { operator: *operator, handle: handle.clone() });
        }
        Command::CreateApiKey(command) => {
            match command.owner {
                KeyOwner::Merchant(merchant) if !draft.state.merchants.contains_key(&merchant) => return Err(Refusal::MerchantUnknown),
                KeyOwner::Operator(operator) if !draft.state.operators.contains_key(&operator) => return Err(Refusal::OperatorUnknown),
                KeyOwner::Merchant(_) | KeyOwner::Operator(_) => {}
            }
            if draft.state.api_keys.contains_key(&command.public_id) {
                return Err(Refusal::KeyTaken);
            }
            draft.push(Event::ApiKeyCreated {
                public_id: command.public_id,
                owner: command.owner,
                digest: command.digest,
                pepper_version: command.pepper_version,
            });
        }
        Command::RevokeApiKey { public_id } => {
            let key = draft.state.api_keys.get(public_id).ok_or(Refusal::KeyUnknown)?;
            if !key.revoked {
                draft.push(Event::ApiKeyRevoked { public_id: *public_id });
            }
        }
        Command::EraseSubject { subject } => {
            if *subject != SubjectId::PLATFORM && !draft.state.erased.contains(subject) {
                draft.push(Event::SubjectErased { subject: *subject });
            }
        }
        Command::Quarantine { fingerprint } => {
            if !draft.state.quarantine.contains(fingerprint) {
                draft.push(Event::CommandQuarantined { fingerprint: *fingerprint });
            }
        }
        Command::ReleaseQuarantine { fingerprint } => {
            if draft.state.quarantine.contains(fingerprint) {
                draft.push(Event::QuarantineReleased { fingerprint: *fingerprint });
            }
        }
        Command::SkipEvent { seq, first, second } => {
            if first == second {
                return Err(Refusal::SecondPersonRequired);
            }
            if [first, second].iter().any(|operator| !draft.state.operators.contains_key(operator)) {
                return Err(Refusal::OperatorUnknown);
            }
            draft.push(Event::EventSkipped { seq: *seq, first: *first, second: *second });
        }
        Command::LookAtParked { effect } => {
            let open = draft.state.effects.get(effect).filter(|open| open.status == EffectStatus::Parked).ok_or(Refusal::NotParked)?;
            if draft.state.is_mismatched(open) {
                return Err(Refusal::OutcomeKnown);
            }
            let (payment, send, step) = (open.payment, open.sends + 1, open.step);
            draft.push(Event::EffectSent { payment, effect: *effect, send, send_kind: SendKind::Lookup, step });
        }
        Command::ReportClockJump { jump_ns } => draft.push(Event::ClockJumped { jump_ns: *jump_ns }),
        Command::ConfirmClock => {
            if draft.state.expiries_suspended {
                draft.push(Event::ClockConfirmed);
            }
        }
        Command::RaiseMinVersion { version } => {
            if *version <= draft.state.min_version || *version > VERSION_MAX {
                return Err(Refusal::VersionNotRaised);
            }
            draft.push(Event::MinVersionRaised { version: *version });
        }
        Command::CreatePayment(_)
        | Command::ConfirmPayment(_)
        | Command::CapturePayment(_)
        | Command::CancelPayment(_)
        | Command::CreateRefund(_)
        | Command::ReportOutcome(_)
        | Command::CreateCustomer(_)
        | Command::DeleteCustomer { .. }
        | Command::StorePaymentMethod(_)
        | Command::RemovePaymentMethod { .. }
        | Command::ReportErrand(_)
        | Command::ReceiveNotice(_)
        | Command::NoteSweep { .. }
        | Command::CreateLedgerAccounts { .. }
        | Command::CreateLedgerTransfers { .. }
        | Command::CreateLedgerEntries { .. }
        | Command::ExpireLedgerTransfers { .. }
        | Command::ArchivePayments
        | Command::RecallPayments { .. }
        | Command::Tick => unreachable!("decided in a file of its own"),
    }
    Ok(Reply::Done)
}

/// A call that was open when the last leader went away may have been executed: it counts as unknown, and the looks at
/// them are spread out so that a provider's budget is kept.
fn start_leader(draft: &mut Draft<'_>, epoch: u64) {
    assert!(epoch > draft.state.epoch || draft.state.epoch == 0, "an epoch is led once");
    draft.push(Event::LeaderStarted { epoch });
    let mut at = draft.context.now;
    let open = draft.state.effects.values().filter(|open| open.status == EffectStatus::InFlight);
    for effect in open {
        at = at.plus_ns(draft.context.policy.resume_spacing_ns);
        draft.push(Event::EffectUnknown {
            payment: effect.payment,
            effect: effect.requested.effect,
            reason: UnknownReason::Restart,
            step: if effect.earlier == Some(OutcomeClass::Unknown) { effect.step } else { 0 },
            next_at: Some(at),
        });
    }
    for errand in draft.state.errands.values().filter(|open| open.status == ErrandStatus::InFlight) {
        at = at.plus_ns(draft.context.policy.resume_spacing_ns);
        draft.push(Event::ErrandUnknown {
            errand: errand.requested.errand,
            reason: UnknownReason::Restart,
            step: if errand.earlier == Some(OutcomeClass::Unknown) { errand.step } else { 0 },
            next_at: at,
        });
    }
}
