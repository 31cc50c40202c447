//! Creating and confirming payments: the only place where an attempt starts.

use super::{Draft, Reply, started};
use crate::command::{ConfirmPayment, CreatePayment};
use crate::effect::{CaptureMode, EffectKind, EffectRequested, EffectStatus, Presence, SendKind};
use crate::event::{Event, KeyUse, PaymentCreated, PaymentRevised};
use crate::refusal::Refusal;
use crate::state::{KeyedObject, OnFile, Payment, StoredMethod};
use base::limits::ATTEMPTS_PER_PAYMENT_MAX;
use base::{CustomerId, MerchantId, Money, PaymentId, PaymentMethodId};
use payments::{PaymentStatus, StoredMethodStatus};

/// Number of the provider endpoint that new attempts use. Routing among several replaces this choice.
const PROVIDER_DEFAULT: u16 = 0;

pub(super) fn create(draft: &mut Draft<'_>, command: &CreatePayment) -> Result<Reply, Refusal> {
    if !draft.state.merchants.contains_key(&command.merchant) {
        return Err(Refusal::MerchantUnknown);
    }
    if let Some(reply) = draft.replay(command.merchant, command.idempotency)? {
        return Ok(reply);
    }
    check_amount(draft, command.money)?;
    if let Some(existing) = command.reference.and_then(|reference| draft.state.references.get(&(command.merchant, reference))) {
        return create_again(draft, command, *existing);
    }
    let client_key = command.reference.unwrap_or(command.idempotency.key);
    let payment = draft.context.derive_key.payment(command.merchant, &client_key);
    if draft.state.payments.contains_key(&payment) {
        return Err(Refusal::IdempotencyKeyExpired { created: KeyedObject::Payment(payment) });
    }
    let charged = charged(draft, &Asked::of_create(command))?;
    if command.confirm && charged.token.is_none() {
        return Err(Refusal::PaymentMethodRequired);
    }
    draft.open_accounts(command.merchant, command.money.currency);
    let key = draft.key_use(command.idempotency);
    draft.push(Event::PaymentCreated(PaymentCreated {
        payment,
        merchant: command.merchant,
        subject: command.subject,
        money: command.money,
        capture: command.capture,
        reference: command.reference,
        content: command.content,
        payment_method: charged.token.clone(),
        key_version: draft.context.derive_key.version(),
        details: command.details.clone(),
        expires_at: draft.context.now.plus_ns(draft.context.policy.created_ns),
        key,
        on_file: charged.on_file,
    }));
    let Some(payment_method) = charged.token.as_ref().filter(|_| command.confirm) else {
        return Ok(Reply::Payment { payment, replayed: false, waiting_for: None });
    };
    let plan = AttemptPlan {
        payment,
        merchant: command.merchant,
        money: command.money,
        capture: command.capture,
        payment_method,
        charged: &charged,
        number: 0,
        key: Some(key),
    };
    Ok(start_attempt(draft, &plan))
}

/// The reference is known: the same content is the same payment; a declined one may be tried again when asked.
fn create_again(draft: &mut Draft<'_>, command: &CreatePayment, payment: PaymentId) -> Result<Reply, Refusal> {
    let existing = draft.payment(command.merchant, payment)?;
    // The content covers money and capture mode; they are compared again because money depends on it.
    let same = existing.content == command.content && existing.money == command.money && existing.capture == command.capture;
    let retry = command.retry_declined && existing.status == PaymentStatus::Declined && !existing.was_captured();
    if !retry {
        if !same {
            return Err(Refusal::ReferenceConflict { payment, status: existing.status });
        }
        let waiting_for = existing.operation.filter(|effect| draft.state.effects.get(effect).is_some_and(crate::Effect::is_undecided));
        let key = draft.key_use(command.idempotency);
        draft.push(Event::KeyRemembered { payment, effect: waiting_for, key });
        return Ok(Reply::Payment { payment, replayed: true, waiting_for });
    }
    if existing.money.currency != command.money.currency && !existing.disputes.is_empty() {
        return Err(Refusal::ReferenceConflict { payment, status: existing.status }); // disputes are booked in the payment's currency
    }
    check_idle(existing)?;
    let charged = charged(draft, &Asked::of_create(command))?;
    let payment_method = charged.token.as_ref().ok_or(Refusal::PaymentMethodRequired)?;
    check_attempts(existing)?;
    draft.open_accounts(command.merchant, command.money.currency);
    if !same {
        draft.push(Event::PaymentRevised(PaymentRevised {
            payment,
            subject: command.subject,
            money: command.money,
            capture: command.capture,
            content: command.content,
            payment_method: charged.token.clone(),
            details: command.details.clone(),
            on_file: charged.on_file,
        }));
    }
    let plan = AttemptPlan {
        payment,
        merchant: command.merchant,
        money: command.money,
        capture: command.capture,
        payment_method,
        charged: &charged,
        number: existing.attempts.len(),
        key: Some(draft.key_use(command.idempotency)),
    };
    Ok(start_attempt(draft, &plan))
}

pub(super) fn confirm(draft: &mut Draft<'_>, command: &ConfirmPayment) -> Result<Reply, Refusal> {
    let payment = draft.payment(command.merchant, command.payment)?;
    if let Some(reply) = draft.replay(command.merchant, command.idempotency)? {
        return Ok(reply);
    }
    match payment.status {
        PaymentStatus::Declined if payment.was_captured() => return Err(Refusal::StateConflict { status: payment.status }),
        PaymentStatus::Created | PaymentStatus::Declined => {}
        PaymentStatus::RequiresAction => return Ok(look_again(draft, command, payment)),
        PaymentStatus::Processing => return Err(Refusal::OperationInFlight),
        status @ (PaymentStatus::Authorized
        | PaymentStatus::PartiallyCaptured
        | PaymentStatus::Captured
        | PaymentStatus::PartiallyRefunded
        | PaymentStatus::Refunded
        | PaymentStatus::Canceled
        | PaymentStatus::Expired) => return Err(Refusal::StateConflict { status }),
    }
    check_idle(payment)?;
    check_attempts(payment)?;
    let charged = charged(draft, &Asked::of_confirm(command, payment))?;
    let payment_method = charged.token.as_ref().ok_or(Refusal::PaymentMethodRequired)?;
    draft.open_accounts(command.merchant, payment.money.currency);
    let plan = AttemptPlan {
        payment: command.payment,
        merchant: command.merchant,
        money: payment.money,
        capture: payment.capture,
        payment_method,
        charged: &charged,
        number: payment.attempts.len(),
        key: Some(draft.key_use(command.idempotency)),
    };
    Ok(start_attempt(draft, &plan))
}

/// The customer may have acted: ask the provider now instead of at the next step of the ladder.
fn look_again(draft: &mut Draft<'_>, command: &ConfirmPayment, payment: &Payment) -> Reply {
    let id = command.payment;
    let waiting = payment.operation.and_then(|effect| draft.state.effects.get(&effect)).filter(|open| open.status == EffectStatus::Waiting);
    if let Some(open) = waiting {
        let effect = open.requested.effect;
        draft.push(Event::EffectSent { payment: id, effect, send: open.sends + 1, send_kind: SendKind::Lookup, step: open.step });
    }
    let key = draft.key_use(command.idempotency);
    draft.push(Event::KeyRemembered { payment: id, effect: payment.operation, key });
    Reply::Payment { payment: id, replayed: false, waiting_for: payment.operation }
}

fn check_amount(draft: &Draft<'_>, money: Money) -> Result<(), Refusal> {
    let amount_minor_max = draft.provider(PROVIDER_DEFAULT).amount_minor_max;
    if money.amount_minor > amount_minor_max {
        return Err(Refusal::AmountAboveProviderMax { amount_minor_max });
    }
    Ok(())
}

/// A cancel that is still open was meant for the attempt before: its confirmation must not meet a new one.
const fn check_idle(payment: &Payment) -> Result<(), Refusal> {
    if payment.operation.is_some() || payment.cancel.is_some() {
        return Err(Refusal::OperationInFlight);
    }
    Ok(())
}

const fn check_attempts(payment: &Payment) -> Result<(), Refusal> {
    if payment.attempts.len() >= ATTEMPTS_PER_PAYMENT_MAX {
        return Err(Refusal::TooMany { what: "attempts", count_max: ATTEMPTS_PER_PAYMENT_MAX });
    }
    Ok(())
}

/// Whom a request wants to charge, and with what.
struct Asked<'a> {
    merchant: MerchantId,
    customer: Option<CustomerId>,
    method: Option<PaymentMethodId>,
    token: Option<&'a String>,
    presence: Presence,
}

impl<'a> Asked<'a> {
    const fn of_create(command: &'a CreatePayment) -> Self {
        let CreatePayment { merchant, customer, method, payment_method, presence, .. } = command;
        Self { merchant: *merchant, customer: *customer, method: *method, token: payment_method.as_ref(), presence: *presence }
    }

    /// What the request does not say is as the payment has it; another way to pay takes the place of the payment's own.
    fn of_confirm(command: &'a ConfirmPayment, payment: &'a Payment) -> Self {
        let kept = payment.on_file.as_deref();
        let is_other = command.method.is_some() || command.payment_method.is_some();
        Self {
            merchant: command.merchant,
            customer: kept.map(|kept| kept.customer),
            method: if is_other { command.method } else { kept.and_then(|kept| kept.method) },
            token: if is_other { command.payment_method.as_ref() } else { payment.payment_method.as_ref() },
            presence: command.presence.or(kept.map(|kept| kept.presence)).unwrap_or(Presence::OnSession),
        }
    }
}

/// Whom an attempt charges, and with what.
struct Charged {
    on_file: Option<OnFile>,
    /// The provider's id of the customer, where it knows the customer.
    customer: Option<String>,
    /// The provider's token.
    token: Option<String>,
}

/// Finds the customer and the credential of a stored payment method at the provider that takes the payment.
fn charged(draft: &Draft<'_>, asked: &Asked<'_>) -> Result<Charged, Refusal> {
    let state = draft.state;
    let presence = asked.presence;
    let known = |id: CustomerId| state.customer_of(asked.merchant, id).filter(|found| !found.deleted).ok_or(Refusal::CustomerUnknown);
    let Some(method) = asked.method else {
        if presence == Presence::OffSession {
            return Err(Refusal::StoredMethodRequired);
        }
        asked.customer.map(known).transpose()?;
        let on_file = asked.customer.map(|customer| OnFile { customer, method: None, presence });
        // Without the provider's customer: a token that is kept there can only be charged by its own name here, which
        // knows whether it may be.
        return Ok(Charged { on_file, customer: None, token: asked.token.cloned() });
    };
    if let Some(customer) = asked.customer {
        known(customer)?;
    }
    let stored = state.method_of(asked.merchant, method).ok_or(Refusal::MethodUnknown)?;
    if asked.customer.is_some_and(|customer| customer != stored.customer) {
        return Err(Refusal::MethodUnknown);
    }
    let customer = known(stored.customer)?;
    let token = usable_token(stored)?;
    let on_file = Some(OnFile { customer: stored.customer, method: Some(method), presence });
    Ok(Charged { on_file, customer: customer.credentials.get(&PROVIDER_DEFAULT).cloned(), token: Some(token) })
}

/// The token of an active payment method at the provider that takes the payment.
fn usable_token(stored: &StoredMethod) -> Result<String, Refusal> {
    if stored.status != StoredMethodStatus::Active {
        return Err(Refusal::MethodStateConflict { status: stored.status });
    }
    stored.credentials.get(&PROVIDER_DEFAULT).cloned().ok_or(Refusal::MethodNotAtProvider)
}

struct AttemptPlan<'a> {
    payment: PaymentId,
    merchant: MerchantId,
    money: Money,
    capture: CaptureMode,
    payment_method: &'a str,
    charged: &'a Charged,
    number: usize,
    key: Option<KeyUse>,
}

fn start_attempt(draft: &mut Draft<'_>, plan: &AttemptPlan<'_>) -> Reply {
    let attempt = u16::try_from(plan.number).expect("attempts are limited");
    let (effect, reference, key) = draft.context.derive_key.operation(plan.payment, "authorize", u128::from(attempt));
    let requested = EffectRequested {
        effect,
        kind: EffectKind::Authorize { attempt },
        provider: PROVIDER_DEFAULT,
        key,
        reference,
        key_version: draft.context.derive_key.version(),
        money: plan.money,
        capture: plan.capture,
        payment_method: plan.payment_method.to_owned(),
        provider_id: None,
        request: None,
        customer: plan.charged.customer.clone(),
        presence: plan.charged.on_file.map_or(Presence::OnSession, |on_file| on_file.presence),
    };
    let books = draft.books(plan.payment, plan.merchant, plan.money.currency);
    let reply = started(plan.payment, &requested);
    let hold = books.hold(0, plan.money.amount_minor);
    draft.push_with(Event::AttemptStarted { payment: plan.payment, requested, key: plan.key, on_file: plan.charged.on_file }, vec![hold]);
    reply
}
