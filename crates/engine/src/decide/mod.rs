//! From a command to what happens. One function branches here; each life cycle has a file of its own.

mod cancel;
mod capture;
mod customer;
mod dispute;
mod errand;
mod notice;
mod observe;
mod outcome;
mod payment;
mod platform;
mod refund;
mod tick;

pub(crate) use self::cancel::CANCELS_PER_PAYMENT_MAX;
use crate::archived::ArchivedPayment;
use crate::command::{Command, Idempotency};
use crate::context::{Context, ProviderPolicy};
use crate::effect::EffectRequested;
use crate::event::{Entry, Event, KeyUse};
use crate::refusal::Refusal;
use crate::state::{IdempotencyRecord, KeyedObject, Payment, State};
use base::limits::IDEMPOTENCY_KEPT_NS;
use base::{Currency, CustomerId, EffectId, ErrandId, MerchantId, PaymentId, PaymentMethodId, RefundId};
use ledger::{AccountBalances, AccountResult, EntryResult, Transfer, TransferResult};
use payments::Books;
use std::collections::BTreeSet;

/// What a command is answered once its entries are durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done; there is no object to show.
    Done,
    /// About a payment.
    Payment {
        /// Which.
        payment: PaymentId,
        /// Whether an earlier request with the same key or reference had this answer.
        replayed: bool,
        /// The effect whose outcome is worth waiting for.
        waiting_for: Option<EffectId>,
    },
    /// About a refund.
    Refund {
        /// Its payment.
        payment: PaymentId,
        /// Which.
        refund: RefundId,
        /// Whether an earlier request with the same key had this answer.
        replayed: bool,
        /// The effect whose outcome is worth waiting for.
        waiting_for: Option<EffectId>,
    },
    /// About a customer.
    Customer {
        /// Which.
        customer: CustomerId,
        /// Whether an earlier request with the same key had this answer.
        replayed: bool,
    },
    /// About a stored payment method.
    Method {
        /// Which.
        method: PaymentMethodId,
        /// Whether an earlier request with the same key had this answer.
        replayed: bool,
        /// The errand whose outcome is worth waiting for; another may follow it.
        waiting_for: Option<ErrandId>,
    },
    /// What became of each account of a batch, in order.
    LedgerAccounts {
        /// As many as there were accounts.
        results: Vec<AccountResult>,
    },
    /// What became of each transfer of a batch, in order.
    LedgerTransfers {
        /// As many as there were transfers.
        results: Vec<TransferResult>,
        /// If they are wanted, as many: right after a transfer that was created, those of its debit account and of its
        /// credit account. Otherwise none.
        balances: Vec<Vec<AccountBalances>>,
    },
    /// What became of each entry of a batch, in order.
    LedgerEntries {
        /// As many as there were entries.
        results: Vec<EntryResult>,
        /// If they are wanted, as many: right after an entry that was created, those of the account of each posting.
        /// Otherwise none.
        balances: Vec<Vec<AccountBalances>>,
    },
    /// Nothing changed.
    Refused(Refusal),
}

/// What a command comes to. The effects to start are those that the entries request; they may start once the entries
/// are durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What happens, in order.
    pub entries: Vec<Entry>,
    /// The answer.
    pub reply: Reply,
}

impl Decision {
    /// Effects that have a send to make once the entries are durable.
    pub fn effects(&self) -> impl Iterator<Item = EffectId> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            Event::EffectSent { effect, .. } => Some(*effect),
            event => event.requested().map(|requested| requested.effect),
        })
    }

    /// Errands that have a send to make once the entries are durable.
    pub fn errands(&self) -> impl Iterator<Item = ErrandId> {
        self.entries.iter().filter_map(|entry| entry.event.errand_sending())
    }
}

/// Decides a command against a state that already holds every entry before it.
///
/// # Panics
/// On a broken invariant. The caller catches the panic, appends nothing, reloads the state and quarantines the command.
pub fn decide(state: &State, context: Context<'_>, command: &Command) -> Decision {
    assert!(context.now >= state.last_at, "time never goes back");
    let mut draft = Draft { state, context, entries: Vec::new() };
    let result = match command {
        Command::CreatePayment(command) => payment::create(&mut draft, command),
        Command::ConfirmPayment(command) => payment::confirm(&mut draft, command),
        Command::CapturePayment(command) => capture::start(&mut draft, command),
        Command::CancelPayment(command) => cancel::start(&mut draft, command),
        Command::CreateRefund(command) => refund::start(&mut draft, command),
        Command::ReportOutcome(report) => outcome::apply(&mut draft, report),
        Command::ReceiveNotice(command) => notice::receive(&mut draft, command),
        Command::NoteSweep { provider, swept_to } => notice::note_sweep(&mut draft, *provider, *swept_to),
        Command::CreateCustomer(command) => customer::create(&mut draft, command),
        Command::DeleteCustomer { merchant, customer } => customer::delete(&mut draft, *merchant, *customer),
        Command::StorePaymentMethod(command) => customer::store_method(&mut draft, command),
        Command::RemovePaymentMethod { merchant, method } => customer::remove_method(&mut draft, *merchant, *method),
        Command::ReportErrand(report) => errand::apply(&mut draft, report),
        Command::ArchivePayments => Ok(archive(&mut draft)),
        Command::RecallPayments { payments } => Ok(recall(&mut draft, payments)),
        Command::Tick => tick::run(&mut draft),
        other => platform::apply(&mut draft, other),
    };
    match result {
        Ok(reply) => Decision { entries: draft.entries, reply },
        Err(refusal) => Decision { entries: Vec::new(), reply: Reply::Refused(refusal) },
    }
}

/// The payments that rest longest leave the state.
fn archive(draft: &mut Draft<'_>) -> Reply {
    let payments = draft.state.longest_resting(draft.context.policy.payments_kept);
    if !payments.is_empty() {
        draft.push(Event::PaymentsArchived { payments });
    }
    Reply::Done
}

/// Payments come back into the state, each once.
fn recall(draft: &mut Draft<'_>, payments: &[ArchivedPayment]) -> Reply {
    let mut recalled = BTreeSet::new();
    for archived in payments {
        if !draft.state.payments.contains_key(&archived.id) && recalled.insert(archived.id) {
            draft.push(Event::PaymentRecalled { archived: archived.clone() });
        }
    }
    Reply::Done
}

/// Entries in the making.
struct Draft<'a> {
    state: &'a State,
    context: Context<'a>,
    entries: Vec<Entry>,
}

impl<'a> Draft<'a> {
    /// Sequence number of the entry that is pushed next.
    fn seq(&self) -> u64 {
        self.state.next_seq + u64::try_from(self.entries.len()).expect("a decision has few entries")
    }

    /// The provider endpoint of that number.
    fn provider(&self, number: u16) -> &'a ProviderPolicy {
        self.context.policy.providers.get(usize::from(number)).expect("an attempt pins a configured provider")
    }

    /// The maker of legs for the entry that is pushed next.
    fn books(&self, payment: PaymentId, merchant: MerchantId, currency: Currency) -> Books {
        let merchant_number = self.state.merchants.get(&merchant).expect("a payment's merchant exists").number;
        Books { merchant_number, currency, payment, seq: self.seq(), timestamp_ns: self.context.now.ns() }
    }

    fn push(&mut self, event: Event) {
        self.push_with(event, Vec::new());
    }

    fn push_with(&mut self, event: Event, legs: Vec<Transfer>) {
        let raising = matches!(event, Event::MinVersionRaised { .. });
        assert!(raising || event.kind().version() <= self.state.min_version, "a kind is written only after its version was raised");
        self.entries.push(Entry { at: self.context.now, event, legs });
    }

    /// Opens the merchant's accounts in a currency unless they are open.
    fn open_accounts(&mut self, merchant: MerchantId, currency: Currency) {
        let open = self.state.merchants.get(&merchant).is_some_and(|found| found.currencies.contains(&currency));
        let opening =
            |entry: &Entry| matches!(&entry.event, Event::AccountsOpened { merchant: m, currency: c } if *m == merchant && *c == currency);
        if !open && !self.entries.iter().any(opening) {
            self.push(Event::AccountsOpened { merchant, currency });
        }
    }

    fn key_use(&self, idempotency: Idempotency) -> KeyUse {
        KeyUse { key: idempotency.key, fingerprint: idempotency.fingerprint, expires_at: self.context.now.plus_ns(IDEMPOTENCY_KEPT_NS) }
    }

    /// What an earlier request with this key says: its answer, a refusal, or nothing.
    fn replay(&self, merchant: MerchantId, idempotency: Idempotency) -> Result<Option<Reply>, Refusal> {
        let Some(record) = self.state.idempotency.get(&(merchant, idempotency.key)) else {
            return Ok(None);
        };
        if record.fingerprint != idempotency.fingerprint {
            return Err(Refusal::IdempotencyKeyReused);
        }
        match record.object {
            KeyedObject::Payment(_) | KeyedObject::Refund { .. } => self.replay_money(record).map(Some),
            KeyedObject::Customer(customer) => Ok(Some(Reply::Customer { customer, replayed: true })),
            KeyedObject::Method(method) => {
                let stored = self.state.methods.get(&method).expect("a key names a payment method that exists");
                let open = self.state.errand_of(stored);
                let is_storing = stored.status == payments::StoredMethodStatus::Storing;
                if is_storing && open.is_some_and(crate::Errand::is_first_answer_due) {
                    return Err(Refusal::IdempotencyKeyInUse);
                }
                Ok(Some(Reply::Method { method, replayed: true, waiting_for: open.map(|open| open.requested.errand) }))
            }
        }
    }

    fn replay_money(&self, record: &IdempotencyRecord) -> Result<Reply, Refusal> {
        let open = record.effect.and_then(|effect| self.state.effects.get(&effect).map(|open| (effect, open)));
        if open.is_some_and(|(_, open)| open.is_first_answer_due()) {
            return Err(Refusal::IdempotencyKeyInUse);
        }
        let waiting_for = open.filter(|(_, open)| open.is_undecided()).map(|(effect, _)| effect);
        Ok(match record.object {
            KeyedObject::Refund { payment, refund } => Reply::Refund { payment, refund, replayed: true, waiting_for },
            KeyedObject::Payment(payment) => Reply::Payment { payment, replayed: true, waiting_for },
            KeyedObject::Customer(_) | KeyedObject::Method(_) => unreachable!("they move no money"),
        })
    }

    fn payment(&self, merchant: MerchantId, payment: PaymentId) -> Result<&'a Payment, Refusal> {
        self.state.payment_of(merchant, payment).ok_or(Refusal::PaymentUnknown)
    }
}

/// The answer to a request that started `requested` on `payment`.
fn started(payment: PaymentId, requested: &EffectRequested) -> Reply {
    Reply::Payment { payment, replayed: false, waiting_for: Some(requested.effect) }
}
