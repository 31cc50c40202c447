//! The calls the simulator knows, as a table: method and path, the name in fault rules, which payment intent the call is
//! about, how metadata scripts its faults, and the endpoint itself.

use super::answers::Outcome;
use super::errors::ApiError;
use super::params::Params;
use super::{Call, Stripe};
use crate::wire::Method;
use std::fmt;

/// How a call's payment intent is found, for fault rules and scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// It has none, or makes it.
    Nothing,
    /// The id in the path is its id.
    Intent,
    /// The id in the path is that of its charge.
    Charge,
    /// The id in the path is that of its refund.
    Refund,
    /// The parameters name it or its charge.
    RefundTarget,
}

/// Where the metadata stands that scripts a call's faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// Nowhere.
    None,
    /// In the request, under this name.
    Own(&'static str),
    /// On the payment intent acted on, under this name, or in the request under `sim`.
    OnIntent(&'static str),
}

/// One row of the table of calls.
pub(super) struct Route {
    method: Method,
    /// Path below `/v1/`; `{}` stands for an id.
    path: &'static str,
    /// The call's name in fault rules and counters.
    pub name: &'static str,
    /// How its payment intent is found.
    pub about: About,
    /// How its faults are scripted.
    pub script: Script,
    /// The endpoint.
    pub run: fn(&mut Stripe, &Call, Params<'_>) -> Outcome,
}

impl fmt::Debug for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// All calls; of two that fit, the first one is meant.
#[rustfmt::skip] // one row a line reads as the table it is
static ROUTES: &[Route] = &[
    Route { method: Method::Post, path: "payment_intents", name: "payment_intents.create", about: About::Nothing, script: Script::Own("sim"), run: |s, c, p| s.create_intent(c, p) },
    Route { method: Method::Post, path: "payment_intents/{}/confirm", name: "payment_intents.confirm", about: About::Intent, script: Script::OnIntent("sim_confirm"), run: |s, c, p| s.confirm_intent(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "payment_intents/{}/capture", name: "payment_intents.capture", about: About::Intent, script: Script::OnIntent("sim_capture"), run: |s, c, p| s.capture_intent(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "payment_intents/{}/cancel", name: "payment_intents.cancel", about: About::Intent, script: Script::OnIntent("sim_cancel"), run: |s, c, p| s.cancel_intent(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "payment_intents/{}/increment_authorization", name: "payment_intents.increment_authorization", about: About::Intent, script: Script::None, run: |s, c, p| s.increment_intent(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "payment_intents/{}", name: "payment_intents.update", about: About::Intent, script: Script::None, run: |s, c, p| s.update_intent(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "payment_intents", name: "payment_intents.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_intents(c.account, p) },
    Route { method: Method::Get, path: "payment_intents/search", name: "payment_intents.search", about: About::Nothing, script: Script::None, run: |s, c, p| s.search_intents(c.account, p) },
    Route { method: Method::Get, path: "payment_intents/{}", name: "payment_intents.get", about: About::Intent, script: Script::None, run: |s, c, p| s.get_intent(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "refunds", name: "refunds.create", about: About::RefundTarget, script: Script::OnIntent("sim_refund"), run: |s, c, p| s.create_refund(c.account, p) },
    Route { method: Method::Post, path: "refunds/{}/cancel", name: "refunds.cancel", about: About::Refund, script: Script::None, run: |s, c, p| s.cancel_refund(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "refunds/{}", name: "refunds.update", about: About::Refund, script: Script::None, run: |s, c, p| s.update_refund(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "refunds", name: "refunds.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_refunds(c.account, p) },
    Route { method: Method::Get, path: "refunds/{}", name: "refunds.get", about: About::Refund, script: Script::None, run: |s, c, p| s.get_refund(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "charges", name: "charges.create", about: About::Nothing, script: Script::Own("sim"), run: |s, c, p| s.create_charge(c.account, p) },
    Route { method: Method::Post, path: "charges/{}/capture", name: "charges.capture", about: About::Charge, script: Script::OnIntent("sim_capture"), run: |s, c, p| s.capture_charge(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "charges/{}", name: "charges.update", about: About::Charge, script: Script::None, run: |s, c, p| s.update_charge(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "charges", name: "charges.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_charges(c.account, p) },
    Route { method: Method::Get, path: "charges/search", name: "charges.search", about: About::Nothing, script: Script::None, run: |s, c, p| s.search_charges(c.account, p) },
    Route { method: Method::Get, path: "charges/{}/refunds", name: "charges.list_refunds", about: About::Charge, script: Script::None, run: |s, c, p| s.list_charge_refunds(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "charges/{}", name: "charges.get", about: About::Charge, script: Script::None, run: |s, c, p| s.get_charge(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "balance", name: "balance.get", about: About::Nothing, script: Script::None, run: |s, c, p| s.get_balance(c.account, p) },
    Route { method: Method::Get, path: "balance_transactions", name: "balance_transactions.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_transactions(c.account, p) },
    Route { method: Method::Get, path: "balance_transactions/{}", name: "balance_transactions.get", about: About::Nothing, script: Script::None, run: |s, c, p| s.get_transaction(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "payment_methods", name: "payment_methods.create", about: About::Nothing, script: Script::None, run: |s, c, p| s.create_method(c.account, p) },
    Route { method: Method::Post, path: "payment_methods/{}/attach", name: "payment_methods.attach", about: About::Nothing, script: Script::None, run: |s, c, p| s.attach_method(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "payment_methods/{}/detach", name: "payment_methods.detach", about: About::Nothing, script: Script::None, run: |s, c, p| s.detach_method(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "payment_methods/{}", name: "payment_methods.update", about: About::Nothing, script: Script::None, run: |s, c, p| s.update_method(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "payment_methods", name: "payment_methods.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_methods(c.account, p) },
    Route { method: Method::Get, path: "payment_methods/{}", name: "payment_methods.get", about: About::Nothing, script: Script::None, run: |s, c, p| s.get_method(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "customers", name: "customers.create", about: About::Nothing, script: Script::Own("sim"), run: |s, c, p| s.create_customer(c.account, p) },
    Route { method: Method::Post, path: "customers/{}", name: "customers.update", about: About::Nothing, script: Script::None, run: |s, c, p| s.update_customer(c.account, &c.operation.id, p) },
    Route { method: Method::Delete, path: "customers/{}", name: "customers.delete", about: About::Nothing, script: Script::None, run: |s, c, p| s.delete_customer(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "customers", name: "customers.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_customers(c.account, p) },
    Route { method: Method::Get, path: "customers/search", name: "customers.search", about: About::Nothing, script: Script::None, run: |s, c, p| s.search_customers(c.account, p) },
    Route { method: Method::Get, path: "customers/{}/payment_methods", name: "customers.list_payment_methods", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_customer_methods(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "customers/{}/payment_methods/{}", name: "customers.get_payment_method", about: About::Nothing, script: Script::None, run: |s, c, p| s.get_customer_method(c.account, &c.operation.id, &c.operation.second_id, p) },
    Route { method: Method::Get, path: "customers/{}", name: "customers.get", about: About::Nothing, script: Script::None, run: |s, c, p| s.get_customer(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "setup_intents", name: "setup_intents.create", about: About::Nothing, script: Script::Own("sim"), run: |s, c, p| s.create_setup(c.account, p) },
    Route { method: Method::Post, path: "setup_intents/{}/confirm", name: "setup_intents.confirm", about: About::Nothing, script: Script::None, run: |s, c, p| s.confirm_setup(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "setup_intents/{}/cancel", name: "setup_intents.cancel", about: About::Nothing, script: Script::None, run: |s, c, p| s.cancel_setup(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "setup_intents/{}", name: "setup_intents.update", about: About::Nothing, script: Script::None, run: |s, c, p| s.update_setup(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "setup_intents", name: "setup_intents.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_setups(c.account, p) },
    Route { method: Method::Get, path: "setup_intents/{}", name: "setup_intents.get", about: About::Nothing, script: Script::None, run: |s, c, p| s.get_setup(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "disputes/{}/close", name: "disputes.close", about: About::Nothing, script: Script::None, run: |s, c, p| s.close_dispute(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "disputes/{}", name: "disputes.update", about: About::Nothing, script: Script::None, run: |s, c, p| s.update_dispute(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "disputes", name: "disputes.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_disputes(c.account, p) },
    Route { method: Method::Get, path: "disputes/{}", name: "disputes.get", about: About::Nothing, script: Script::None, run: |s, c, p| s.get_dispute(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "payouts", name: "payouts.create", about: About::Nothing, script: Script::Own("sim"), run: |s, c, p| s.create_payout(c.account, p) },
    Route { method: Method::Post, path: "payouts/{}/cancel", name: "payouts.cancel", about: About::Nothing, script: Script::None, run: |s, c, p| s.cancel_payout(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "payouts/{}/reverse", name: "payouts.reverse", about: About::Nothing, script: Script::None, run: |s, c, p| s.reverse_payout(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "payouts/{}", name: "payouts.update", about: About::Nothing, script: Script::None, run: |s, c, p| s.update_payout(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "payouts", name: "payouts.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_payouts(c.account, p) },
    Route { method: Method::Get, path: "payouts/{}", name: "payouts.get", about: About::Nothing, script: Script::None, run: |s, c, p| s.get_payout(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "radar/early_fraud_warnings", name: "radar.early_fraud_warnings.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_warnings(c.account, p) },
    Route { method: Method::Get, path: "radar/early_fraud_warnings/{}", name: "radar.early_fraud_warnings.get", about: About::Nothing, script: Script::None, run: |s, c, p| s.get_warning(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "events", name: "events.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_events(c.account, p) },
    Route { method: Method::Get, path: "events/{}", name: "events.get", about: About::Nothing, script: Script::None, run: |s, c, p| s.get_event(c.account, &c.operation.id, p) },
    Route { method: Method::Post, path: "webhook_endpoints", name: "webhook_endpoints.create", about: About::Nothing, script: Script::None, run: |s, c, p| s.create_endpoint(c.account, p) },
    Route { method: Method::Post, path: "webhook_endpoints/{}", name: "webhook_endpoints.update", about: About::Nothing, script: Script::None, run: |s, c, p| s.update_endpoint(c.account, &c.operation.id, p) },
    Route { method: Method::Delete, path: "webhook_endpoints/{}", name: "webhook_endpoints.delete", about: About::Nothing, script: Script::None, run: |s, c, p| s.delete_endpoint(c.account, &c.operation.id, p) },
    Route { method: Method::Get, path: "webhook_endpoints", name: "webhook_endpoints.list", about: About::Nothing, script: Script::None, run: |s, c, p| s.list_endpoints(c.account, p) },
    Route { method: Method::Get, path: "webhook_endpoints/{}", name: "webhook_endpoints.get", about: About::Nothing, script: Script::None, run: |s, c, p| s.get_endpoint(c.account, &c.operation.id, p) },
];

/// The ids of a path that fits the pattern.
fn fit<'p>(pattern: &str, path: &'p str) -> Option<[&'p str; 2]> {
    let mut ids = ["", ""];
    let mut id_count = 0;
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        if expected == "{}" && !segment.is_empty() {
            *ids.get_mut(id_count)? = segment;
            id_count += 1;
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(ids)
}

/// One call of the provider's API.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// Its row in the table.
    pub route: &'static Route,
    /// The id in the path, empty if there is none.
    pub id: String,
    /// The second id in the path, empty if there is none.
    pub second_id: String,
}

impl Operation {
    /// Finds the operation of a request.
    ///
    /// # Errors
    /// No call has this method and path.
    pub fn route(method: Method, path: &str) -> Result<Self, ApiError> {
        let found = path
            .strip_prefix("/v1/")
            .and_then(|path| ROUTES.iter().filter(|route| route.method == method).find_map(|route| Some((route, fit(route.path, path)?))));
        let (route, [id, second_id]) = found.ok_or_else(|| ApiError::unknown_url(method.name(), path))?;
        Ok(Self { route, id: decoded(id), second_id: decoded(second_id) })
    }

    /// The operation's name in fault rules and counters.
    pub fn name(&self) -> &'static str {
        self.route.name
    }
}

/// An id with its percent-encoding removed, where that gives text.
fn decoded(id: &str) -> String {
    if !id.contains('%') {
        return id.to_owned();
    }
    crate::form::decode_segment(id).unwrap_or_else(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_one_name_and_one_path_that_leads_to_it() {
        for (index, row) in ROUTES.iter().enumerate() {
            let path = format!("/v1/{}", row.path.replace("{}", "x_1"));
            assert_eq!(Operation::route(row.method, &path).unwrap().name(), row.name, "{path}");
            assert!(ROUTES[..index].iter().all(|other| other.name != row.name), "{}", row.name);
        }
    }

    #[test]
    fn paths_that_are_no_calls_are_refused() {
        for (method, path) in [
            (Method::Get, "/v1/"),
            (Method::Get, "/v1/customers/"),
            (Method::Get, "/v2/customers"),
            (Method::Get, "/v1/customers/a/b"),
            (Method::Delete, "/v1/payment_intents/pi_1"),
            (Method::Other, "/v1/customers"),
            (Method::Post, "/v1/balance"),
        ] {
            assert_eq!(Operation::route(method, path).unwrap_err().status, 404, "{path}");
        }
    }
}
