//! One attempt to charge: what the issuer says, what it does to the intent, the charge and the balance, and what
//! follows by itself. Requests and parameters are not here.

use super::Stripe;
use super::cards::{AfterChallenge, BankOutcome, Behavior, Decline, DisputeKind, OffSession};
use super::objects::{
    CaptureMethod, Charge, ChargeStatus, Dispute, Failure, Intent, IntentStatus, PaymentMethod, Row, Source, Transaction,
};
use super::timers::Timer;

/// Fee: 2.9 % (docs.stripe.com/pricing, cards) in thousandths.
const FEE_PER_MILLE: u64 = 29;
/// Fee: the fixed part, minor units.
const FEE_FIXED: u64 = 30;
/// Fee of a chargeback, minor units.
const DISPUTE_FEE: u64 = 1_500;

/// The provider's fee for a captured amount: 2.9 % rounded half up, and 30 minor units.
pub(super) fn fee(amount: u64) -> u64 {
    amount.saturating_mul(FEE_PER_MILLE).saturating_add(500) / 1_000 + FEE_FIXED
}

/// An amount as a signed one; amounts have at most twelve digits.
pub(super) fn signed(amount: u64) -> i64 {
    i64::try_from(amount).expect("amounts were bounded when parsed")
}

/// Who is there when a payment is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Presence {
    /// `off_session`: the customer is not present.
    pub off_session: bool,
    /// `error_on_requires_action`: a needed challenge counts as a decline.
    pub refuses_action: bool,
}

/// What the issuer says to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Approved,
    Declined(Decline),
    Challenge,
    Bank(BankOutcome),
}

/// How an attempt ended, for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The intent says the rest.
    Done,
    /// The answer is a 402.
    Declined,
}

impl Stripe {
    /// Charges the intent's payment method. The caller has checked that there is one and that the status allows it.
    pub(super) fn attempt(&mut self, row: Row<Intent>, method: Row<PaymentMethod>, presence: Presence) -> Attempt {
        let intent = self.intents.at_mut(row);
        intent.failure = None;
        let authenticated = intent.authenticated;
        match self.verdict(method, authenticated, presence) {
            Verdict::Approved => {
                self.approve(row, method);
                Attempt::Done
            }
            Verdict::Declined(decline) => {
                self.decline(row, method, decline);
                Attempt::Declined
            }
            Verdict::Challenge => {
                self.intents.at_mut(row).status = IntentStatus::RequiresAction;
                Attempt::Done
            }
            Verdict::Bank(outcome) => {
                let charge = self.add_charge(row, method, ChargeStatus::Pending);
                self.intents.at_mut(row).status = IntentStatus::Processing;
                if outcome != BankOutcome::StaysProcessing {
                    let due_ms = self.now_ms.saturating_add(self.config.bank_debit_ms);
                    self.timers.push(due_ms, Timer::FinishBankDebit(charge, outcome));
                }
                Attempt::Done
            }
        }
    }

    fn verdict(&self, method: Row<PaymentMethod>, authenticated: bool, presence: Presence) -> Verdict {
        match self.methods.at(method).card.card().behavior {
            Behavior::Declines(decline) => Verdict::Declined(decline),
            Behavior::Blocked => Verdict::Declined(Decline::Blocked),
            Behavior::HighestRisk if self.config.radar_blocks_highest_risk => Verdict::Declined(Decline::Blocked),
            Behavior::Challenges { then, off_session } => {
                let exempt = presence.off_session && off_session == OffSession::Exempt;
                match then {
                    _ if !authenticated && !exempt && (presence.off_session || presence.refuses_action) => {
                        Verdict::Declined(Decline::AuthenticationRequired)
                    }
                    _ if !authenticated && !exempt => Verdict::Challenge,
                    AfterChallenge::Succeeds => Verdict::Approved,
                    AfterChallenge::Declines(decline) => Verdict::Declined(decline),
                }
            }
            Behavior::Bank(outcome) => Verdict::Bank(outcome),
            Behavior::Succeeds
            | Behavior::HighestRisk
            | Behavior::Disputes(_)
            | Behavior::RefundPending
            | Behavior::RefundFails
            | Behavior::SkipsPending => Verdict::Approved,
        }
    }

    fn add_charge(&mut self, row: Row<Intent>, method: Row<PaymentMethod>, status: ChargeStatus) -> Row<Charge> {
        let intent = self.intents.at(row);
        let charge = self.charges.push(Charge {
            account: intent.account,
            intent: row,
            method,
            amount: intent.amount,
            captured: 0,
            refunded: 0,
            refund_pending: 0,
            disputed: 0,
            has_dispute: false,
            authenticated: intent.authenticated,
            status,
            decline: None,
            currency: intent.currency,
            created_ms: self.now_ms,
            transaction: None,
            newest_refund: None,
        });
        self.intents.at_mut(row).charge = Some(charge);
        charge
    }

    fn approve(&mut self, row: Row<Intent>, method: Row<PaymentMethod>) {
        let charge = self.add_charge(row, method, ChargeStatus::Authorized);
        let intent = self.intents.at_mut(row);
        let amount = intent.amount;
        match intent.capture_method {
            CaptureMethod::Manual => {
                intent.status = IntentStatus::RequiresCapture;
                let due_ms = self.now_ms.saturating_add(self.config.authorization_lifetime_ms);
                self.timers.push(due_ms, Timer::ExpireAuthorization(charge));
            }
            CaptureMethod::Automatic | CaptureMethod::AutomaticAsync => self.take(charge, amount),
        }
    }

    /// Records a refused attempt. A decline is not the end of the intent.
    pub(super) fn decline(&mut self, row: Row<Intent>, method: Row<PaymentMethod>, decline: Decline) {
        let charge = decline.makes_charge().then(|| {
            let charge = self.add_charge(row, method, ChargeStatus::Failed);
            self.charges.at_mut(charge).decline = Some(decline);
            charge
        });
        self.return_to_start(row, Failure { decline, method, charge });
    }

    fn return_to_start(&mut self, row: Row<Intent>, failure: Failure) {
        let intent = self.intents.at_mut(row);
        intent.failure = Some(failure);
        intent.status = IntentStatus::RequiresPaymentMethod;
        intent.method = None;
        intent.authenticated = false;
    }

    /// Captures `amount` of an authorised charge; the rest of the authorisation lapses. This moves money.
    pub(super) fn take(&mut self, row: Row<Charge>, amount: u64) {
        let charge = self.charges.at(row);
        assert!(charge.status == ChargeStatus::Authorized || charge.status == ChargeStatus::Pending);
        assert!(amount > 0 && amount <= charge.amount && charge.captured == 0);
        let behavior = self.methods.at(charge.method).card.card().behavior;
        let available_ms = match behavior {
            Behavior::SkipsPending => self.now_ms,
            _ => self.now_ms.saturating_add(self.config.available_after_ms),
        };
        let transaction = self.transactions.push(Transaction {
            account: charge.account,
            source: Source::Charge(row),
            amount: signed(amount),
            fee: fee(amount),
            currency: charge.currency,
            created_ms: self.now_ms,
            available_ms,
        });
        let charge = self.charges.at_mut(row);
        charge.captured = amount;
        charge.status = ChargeStatus::Captured;
        charge.transaction = Some(transaction);
        let intent = self.intents.at_mut(charge.intent);
        intent.received = amount;
        intent.status = IntentStatus::Succeeded;
        let dispute = match behavior {
            Behavior::Disputes(DisputeKind::EarlyWarning) => None,
            Behavior::Disputes(kind) => Some(kind),
            Behavior::Bank(BankOutcome::Disputes) => Some(DisputeKind::Fraudulent),
            _ => None,
        };
        if let Some(kind) = dispute {
            let due_ms = self.now_ms.saturating_add(self.config.dispute_delay_ms);
            self.timers.push(due_ms, Timer::OpenDispute(row, kind));
        }
    }

    /// Ends an authorisation that nobody captured in time.
    pub(super) fn expire_authorization(&mut self, row: Row<Charge>) {
        let charge = self.charges.at_mut(row);
        if charge.status != ChargeStatus::Authorized {
            return;
        }
        charge.status = ChargeStatus::Expired;
        let intent = self.intents.at_mut(charge.intent);
        intent.status = IntentStatus::Canceled;
        intent.canceled = Some((self.now_ms, Some("expired")));
    }

    /// Ends a bank debit that was processing.
    pub(super) fn finish_bank_debit(&mut self, row: Row<Charge>, outcome: BankOutcome) {
        let charge = self.charges.at(row);
        if charge.status != ChargeStatus::Pending {
            return;
        }
        let (intent, method, amount) = (charge.intent, charge.method, charge.amount);
        match outcome {
            BankOutcome::Succeeds | BankOutcome::Disputes => self.take(row, amount),
            BankOutcome::Fails(decline) => {
                let charge = self.charges.at_mut(row);
                charge.status = ChargeStatus::Failed;
                charge.decline = Some(decline);
                self.return_to_start(intent, Failure { decline, method, charge: Some(row) });
            }
            BankOutcome::StaysProcessing => {}
        }
    }

    /// Opens the dispute, or the two disputes, of a captured charge. Chargebacks move money, inquiries do not.
    pub(super) fn open_disputes(&mut self, row: Row<Charge>, kind: DisputeKind) {
        let charge = self.charges.at(row);
        // Money that is refunded or on its way back is not taken a second time.
        let remaining = charge.captured - charge.refunded - charge.refund_pending - charge.disputed;
        if remaining == 0 {
            return;
        }
        let amounts = match kind {
            DisputeKind::Multiple => vec![remaining / 2, remaining - remaining / 2],
            _ => vec![remaining],
        };
        for amount in amounts.into_iter().filter(|amount| *amount > 0) {
            self.open_dispute(row, kind, amount);
        }
    }

    fn open_dispute(&mut self, row: Row<Charge>, kind: DisputeKind, amount: u64) {
        let charge = self.charges.at(row);
        let (account, currency) = (charge.account, charge.currency);
        let moves_money = kind != DisputeKind::Inquiry;
        let transaction = moves_money.then(|| {
            self.transactions.push(Transaction {
                account,
                source: Source::Dispute(self.disputes.next_row()),
                amount: -signed(amount),
                fee: DISPUTE_FEE,
                currency,
                created_ms: self.now_ms,
                available_ms: self.now_ms,
            })
        });
        let created_ms = self.now_ms;
        self.disputes.push(Dispute { account, charge: row, kind, amount, created_ms, transaction });
        let charge = self.charges.at_mut(row);
        charge.has_dispute = true;
        if moves_money {
            charge.disputed += amount;
        }
        assert!(charge.refunded + charge.refund_pending + charge.disputed <= charge.captured);
    }
}

#[cfg(test)]
mod tests {
    use super::fee;

    #[test]
    fn the_fee_is_two_point_nine_percent_rounded_half_up_and_thirty() {
        for (amount, expected) in [(1, 30), (17, 30), (18, 31), (50, 31), (1_000, 59), (1_050, 60), (2_000, 88)] {
            assert_eq!(fee(amount), expected, "{amount}");
        }
    }
}
