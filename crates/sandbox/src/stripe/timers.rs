//! What will happen by itself: authorisations that run out, refunds that settle or fail, disputes, bank debits, payouts,
//! and requests whose effect was delayed. Each happens at its own time, in order, however late the core hears that time has
//! passed: from a request, or from whoever watches [`Stripe::next_due_ms`].

use super::cards::{BankOutcome, DisputeKind};
use super::disputes::Decision;
use super::objects::{Charge, Refund, Row};
use super::records::{Dispute, Payout};
use super::{Call, Stripe};
use std::collections::BTreeMap;

/// Something due later.
#[derive(Debug, Clone)]
pub(super) enum Timer {
    /// The authorisation of a charge runs out.
    ExpireAuthorization(Row<Charge>),
    /// A bank debit ends.
    FinishBankDebit(Row<Charge>, BankOutcome),
    /// A pending refund succeeds.
    SettleRefund(Row<Refund>),
    /// A succeeded refund fails.
    FailRefund(Row<Refund>),
    /// A charge is disputed.
    OpenDispute(Row<Charge>, DisputeKind),
    /// A dispute is decided.
    DecideDispute(Row<Dispute>, Decision),
    /// A payout arrives or comes back.
    FinishPayout(Row<Payout>),
    /// The balance transaction of a charge becomes visible.
    ShowTransaction(Row<Charge>),
    /// A request takes effect.
    Late(Box<Call>),
}

/// Timers in order of their time, then of their making.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers {
    due: BTreeMap<(u64, u64), Timer>,
    next: u64,
}

impl Timers {
    /// Adds a timer.
    pub(super) fn push(&mut self, due_ms: u64, timer: Timer) {
        self.due.insert((due_ms, self.next), timer);
        self.next += 1;
    }

    /// When the next timer is due.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        self.due.keys().next().map(|(due_ms, _)| *due_ms)
    }

    fn pop_due(&mut self, now_ms: u64) -> Option<(u64, Timer)> {
        let entry = self.due.first_entry()?;
        let (due_ms, _) = *entry.key();
        (due_ms <= now_ms).then(|| (due_ms, entry.remove()))
    }
}

impl Stripe {
    /// Lets everything due until now happen, each at its own time.
    pub(super) fn run_due(&mut self) {
        let until_ms = self.now_ms;
        while let Some((due_ms, timer)) = self.timers.pop_due(until_ms) {
            self.now_ms = due_ms;
            match timer {
                Timer::ExpireAuthorization(charge) => self.expire_authorization(charge),
                Timer::FinishBankDebit(charge, outcome) => self.finish_bank_debit(charge, outcome),
                Timer::SettleRefund(refund) => self.settle_refund(refund),
                Timer::FailRefund(refund) => self.fail_refund(refund),
                Timer::OpenDispute(charge, kind) => self.open_disputes(charge, kind),
                Timer::DecideDispute(dispute, decision) => self.decide_dispute(dispute, decision),
                Timer::FinishPayout(payout) => self.finish_payout(payout),
                Timer::ShowTransaction(charge) => self.show_transaction(charge),
                Timer::Late(call) => self.perform_late(&call),
            }
        }
        self.now_ms = until_ms;
    }
}
