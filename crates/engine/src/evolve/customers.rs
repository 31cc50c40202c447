//! Customers and the payment methods that they store.

use crate::errand::OUTCOME_UNKNOWN;
use crate::event::Event;
use crate::state::{Customer, KeyedObject, State, StoredMethod};
use ::payments::{StoredMethodInput, StoredMethodStatus};
use base::{CustomerId, PaymentMethodId, Timestamp};
use std::collections::BTreeMap;

impl State {
    pub(super) fn apply_customer(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::CustomerCreated { customer, merchant, subject, key, .. } => {
                let created = Customer {
                    merchant: *merchant,
                    subject: *subject,
                    created_at: at,
                    credentials: BTreeMap::new(),
                    methods: Vec::new(),
                    deleted: false,
                    storing: BTreeMap::new(),
                    storings: 0,
                };
                assert!(self.customers.insert(*customer, created).is_none(), "a customer is created once");
                self.remember_key(*merchant, KeyedObject::Customer(*customer), None, Some(*key));
            }
            Event::CustomerStored { customer, errand, provider, provider_id } => {
                self.close_errand(*errand);
                self.customer_mut(*customer).credentials.insert(*provider, provider_id.clone());
            }
            Event::CustomerStoreFailed { errand, .. } => self.close_errand(*errand),
            Event::CustomerDeleted { customer } => self.customer_mut(*customer).deleted = true,
            Event::MethodStarted { method, customer, provider, token, key, .. } => {
                let started = StoredMethod {
                    customer: *customer,
                    provider: *provider,
                    token: token.clone(),
                    credentials: BTreeMap::new(),
                    card: None,
                    status: StoredMethodStatus::Storing,
                    failure: None,
                    errand: None,
                    removals: 0,
                    created_at: at,
                };
                assert!(self.methods.insert(*method, started).is_none(), "a payment method is stored once");
                let owner = self.customer_mut(*customer);
                assert!(!owner.deleted, "nothing is stored with a customer that was given up");
                owner.methods.push(*method);
                let merchant = owner.merchant;
                self.remember_key(merchant, KeyedObject::Method(*method), None, Some(*key));
            }
            other => self.apply_method(other),
        }
    }

    fn apply_method(&mut self, event: &Event) {
        match event {
            Event::MethodStored { method, errand, provider, provider_id, card } => {
                self.close_errand(*errand);
                let found = self.advance_method(*method, StoredMethodInput::Stored);
                found.credentials.insert(*provider, provider_id.clone());
                found.card.clone_from(card);
            }
            Event::MethodFailed { method, errand, code } => {
                if let Some(errand) = errand {
                    self.close_errand(*errand);
                }
                self.advance_method(*method, StoredMethodInput::Refused).failure = Some(code.clone());
                self.forget_method(*method);
            }
            Event::MethodRemovalStarted { method } => {
                let found = self.advance_method(*method, StoredMethodInput::RemovalStarted);
                found.failure.take_if(|failure| failure != OUTCOME_UNKNOWN); // a doubt stays until an answer ends it
            }
            Event::MethodRemoved { method, errand } => {
                self.close_errand(*errand);
                let found = self.advance_method(*method, StoredMethodInput::Removed);
                found.credentials.clear();
                found.failure = None;
                self.forget_method(*method);
            }
            Event::MethodRemovalFailed { method, errand, code } => {
                self.close_errand(*errand);
                self.advance_method(*method, StoredMethodInput::RemovalRefused).failure = Some(code.clone());
            }
            other => unreachable!("{:?} is applied elsewhere", other.kind()),
        }
    }

    pub(super) fn customer_mut(&mut self, customer: CustomerId) -> &mut Customer {
        self.customers.get_mut(&customer).expect("an event names a customer that exists")
    }

    pub(super) fn method_mut(&mut self, method: PaymentMethodId) -> &mut StoredMethod {
        self.methods.get_mut(&method).expect("an event names a payment method that exists")
    }

    /// Moves a stored payment method along its life cycle.
    fn advance_method(&mut self, method: PaymentMethodId, input: StoredMethodInput) -> &mut StoredMethod {
        let found = self.method_mut(method);
        let after = found.status.after(input);
        found.status = after.unwrap_or_else(|| panic!("no row of the payment method's life cycle: {input:?} after {:?}", found.status));
        found
    }

    /// A payment method that is over no longer counts for its customer.
    fn forget_method(&mut self, method: PaymentMethodId) {
        let customer = self.method_mut(method).customer;
        self.customer_mut(customer).methods.retain(|kept| *kept != method);
    }
}
