//! What falls due: the next sends of effects, expiries, released money. Bounded per run, in order of time.

use super::{Draft, Reply, cancel, errand, notice, observe, outcome};
use crate::effect::{Effect, EffectStatus};
use crate::event::Event;
use crate::refusal::Refusal;
use crate::state::{Payment, Timer};
use base::PaymentId;
use std::collections::BTreeSet;

/// Most timers that one tick runs.
const TIMERS_PER_TICK_MAX: usize = 256;
/// Entries after which a tick starts nothing more: a batch has room for them, whatever the last timer led to.
const ENTRIES_PER_TICK_MAX: usize = 512;

pub(super) fn run(draft: &mut Draft<'_>) -> Result<Reply, Refusal> {
    let state = draft.state;
    let now = draft.context.now;
    let due = state.timers.iter().take_while(|(at, _)| *at <= now).filter(|(_, timer)| !matches!(timer, Timer::Ledger(_)));
    let runnable = due.filter(|(_, timer)| !(state.expiries_suspended && timer.is_expiry()));
    // Every timer is decided against the state before this run: a payment's second one waits for the next run.
    let mut touched = BTreeSet::new();
    for (_, timer) in runnable.take(TIMERS_PER_TICK_MAX) {
        if draft.entries.len() >= ENTRIES_PER_TICK_MAX {
            break;
        }
        match timer {
            Timer::Send(effect) => {
                let open = state.effects.get(effect).expect("a timer names an effect that is open");
                if touched.insert(open.payment) {
                    send(draft, open);
                }
            }
            Timer::Errand(errand) => errand::send(draft, state.errands.get(errand).expect("a timer names an errand that is open")),
            Timer::Ledger(_) => {} // booked, not decided
            Timer::Expiry(payment) | Timer::Funds(payment) | Timer::Settle(payment) | Timer::Stray(payment) => {
                let Some(found) = state.payments.get(payment) else { continue }; // archived, and not recalled for this run
                if !touched.insert(*payment) {
                    continue;
                }
                match timer {
                    Timer::Funds(_) => release(draft, *payment, found),
                    Timer::Settle(_) => look_for_fee(draft, *payment, found),
                    Timer::Stray(_) => notice::match_stray(draft, *payment),
                    Timer::Expiry(_) | Timer::Send(_) | Timer::Errand(_) | Timer::Ledger(_) => cancel::expire(draft, *payment, found),
                }
            }
        }
    }
    Ok(Reply::Done)
}

fn send(draft: &mut Draft<'_>, open: &Effect) {
    let effect = open.requested.effect;
    assert!(open.status != EffectStatus::InFlight, "an effect in flight has no timer");
    if open.status == EffectStatus::Deferred && !outcome::is_replay_legal(draft, open) {
        return outcome::give_up(draft, open);
    }
    let send_kind = outcome::due_send(draft, open);
    match send_kind {
        Some(send_kind) => {
            draft.push(Event::EffectSent { payment: open.payment, effect, send: open.sends + 1, send_kind, step: open.step })
        }
        None => draft.push(Event::EffectParked { payment: open.payment, effect }),
    }
}

/// Asks the provider once more what it keeps of money that was taken.
fn look_for_fee(draft: &mut Draft<'_>, id: PaymentId, payment: &Payment) {
    let settling = payment.settling.as_ref().expect("a timer names a payment whose fee is awaited");
    if draft.state.observation_of(payment, settling.attempt).is_some() {
        return observe::await_settlement(draft, id, settling.attempt, settling.step.saturating_add(1)); // the open look may find it
    }
    observe::start(draft, id, settling.attempt);
}

/// Moves what stands in pending of a payment's money, less refunds that are still open: those stay where they were
/// reserved.
fn release(draft: &mut Draft<'_>, id: PaymentId, payment: &Payment) {
    let amount_minor = u64::try_from(payment.unreleased_minor).unwrap_or(0); // a debt stays where it is
    let leg = draft.books(id, payment.merchant, payment.money.currency).available(0, amount_minor);
    let legs = if amount_minor == 0 { Vec::new() } else { vec![leg] };
    draft.push_with(Event::FundsAvailable { payment: id, amount_minor }, legs);
}
