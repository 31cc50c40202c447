//! Customers and the payment methods that they store. What a provider has to do for that is an errand (`errand.rs`).

use super::{Draft, Reply, errand};
use crate::command::{CreateCustomer, StorePaymentMethod};
use crate::event::Event;
use crate::refusal::Refusal;
use crate::state::{Customer, KeyedObject};
use base::limits::METHODS_PER_CUSTOMER_MAX;
use base::{CustomerId, MerchantId, PaymentMethodId};
use payments::StoredMethodStatus;

pub(super) fn create(draft: &mut Draft<'_>, command: &CreateCustomer) -> Result<Reply, Refusal> {
    if !draft.state.merchants.contains_key(&command.merchant) {
        return Err(Refusal::MerchantUnknown);
    }
    if let Some(reply) = draft.replay(command.merchant, command.idempotency)? {
        return Ok(reply);
    }
    let customer = draft.context.derive_key.customer(command.merchant, &command.idempotency.key);
    if draft.state.customers.contains_key(&customer) {
        return Err(Refusal::IdempotencyKeyExpired { created: KeyedObject::Customer(customer) });
    }
    let key = draft.key_use(command.idempotency);
    draft.push(Event::CustomerCreated {
        customer,
        merchant: command.merchant,
        subject: command.subject,
        key_version: draft.context.derive_key.version(),
        details: command.details.clone(),
        key,
    });
    Ok(Reply::Customer { customer, replayed: false })
}

/// Gives a customer up with all payment methods. What is still being stored comes to an end first: it could otherwise be
/// kept by the provider after everything else was given up.
pub(super) fn delete(draft: &mut Draft<'_>, merchant: MerchantId, id: CustomerId) -> Result<Reply, Refusal> {
    let customer = known(draft, merchant, id)?;
    let stored = |method: &PaymentMethodId| draft.state.methods.get(method).expect("a customer names payment methods that exist");
    if customer.methods.iter().any(|method| stored(method).status == StoredMethodStatus::Storing) {
        return Err(Refusal::OperationInFlight);
    }
    let active: Vec<_> = customer.methods.iter().copied().filter(|method| stored(method).status == StoredMethodStatus::Active).collect();
    let replayed = customer.deleted;
    if !replayed {
        draft.push(Event::CustomerDeleted { customer: id });
    }
    // Asked again, it tries again what the provider would not give up before.
    for method in active {
        start_removal(draft, method);
    }
    Ok(Reply::Customer { customer: id, replayed })
}

pub(super) fn store_method(draft: &mut Draft<'_>, command: &StorePaymentMethod) -> Result<Reply, Refusal> {
    let customer = known(draft, command.merchant, command.customer)?;
    if let Some(reply) = draft.replay(command.merchant, command.idempotency)? {
        return Ok(reply);
    }
    if customer.deleted {
        return Err(Refusal::CustomerUnknown);
    }
    if usize::from(command.provider) >= draft.context.policy.providers.len() {
        return Err(Refusal::ProviderUnknown);
    }
    if customer.methods.len() >= METHODS_PER_CUSTOMER_MAX {
        return Err(Refusal::TooManyMethods { count_max: METHODS_PER_CUSTOMER_MAX });
    }
    let method = draft.context.derive_key.method(command.customer, &command.idempotency.key);
    if draft.state.methods.contains_key(&method) {
        return Err(Refusal::IdempotencyKeyExpired { created: KeyedObject::Method(method) });
    }
    let key = draft.key_use(command.idempotency);
    draft.push(Event::MethodStarted {
        method,
        customer: command.customer,
        provider: command.provider,
        token: command.token.clone(),
        key_version: draft.context.derive_key.version(),
        key,
    });
    let known_as = customer.credentials.get(&command.provider);
    let storing = customer.storing.get(&command.provider).copied();
    let waiting_for = match (known_as, storing) {
        (Some(known_as), _) => {
            let attached = errand::Attached { customer: command.customer, provider: command.provider, customer_provider_id: known_as };
            errand::start_attach(draft, &attached, method, &command.token)
        }
        (None, Some(open)) => open,
        (None, None) => errand::start_store_customer(draft, command.customer, customer, command.provider),
    };
    Ok(Reply::Method { method, replayed: false, waiting_for: Some(waiting_for) })
}

/// Gives a stored payment method up, also one of a deleted customer that the provider would not give up before.
pub(super) fn remove_method(draft: &mut Draft<'_>, merchant: MerchantId, id: PaymentMethodId) -> Result<Reply, Refusal> {
    let stored = draft.state.method_of(merchant, id).ok_or(Refusal::MethodUnknown)?;
    match stored.status {
        StoredMethodStatus::Active => {
            let errand = start_removal(draft, id);
            Ok(Reply::Method { method: id, replayed: false, waiting_for: Some(errand) })
        }
        StoredMethodStatus::Removing | StoredMethodStatus::Removed => {
            Ok(Reply::Method { method: id, replayed: true, waiting_for: stored.errand })
        }
        StoredMethodStatus::Storing => Err(Refusal::OperationInFlight),
        status @ StoredMethodStatus::Failed => Err(Refusal::MethodStateConflict { status }),
    }
}

fn start_removal(draft: &mut Draft<'_>, method: PaymentMethodId) -> base::ErrandId {
    draft.push(Event::MethodRemovalStarted { method });
    errand::start_detach(draft, method)
}

fn known<'a>(draft: &Draft<'a>, merchant: MerchantId, customer: CustomerId) -> Result<&'a Customer, Refusal> {
    draft.state.customer_of(merchant, customer).ok_or(Refusal::CustomerUnknown)
}
