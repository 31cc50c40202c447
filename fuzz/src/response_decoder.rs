//! The decoder of Stripe's answers: whatever comes back, nothing panics, nothing is approved that was not asked for, a
//! lookup never refuses the call, and what is passed on is bounded. The input's first line is the status, the rest the
//! body.

use base::{Money, NextAction, Outcome, ProviderState};
use connectors::stripe::{Environment, PROVIDER_ID_BYTES_MAX, Stripe, URL_BYTES_MAX};
use connectors::{Call, CaptureMode, Connector, Decoded, Operation, Presence, Resolve, Stored, StoredOutcome};
use egress::Response;

/// What every call asks for, in minor units.
const AMOUNT_MINOR: u64 = 1_000;

/// Checks one input.
pub fn check(data: &[u8]) {
    let (status, body) = crate::first_line(data);
    let status = core::str::from_utf8(status).ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let response = Response { status, headers: Vec::new(), body: body.to_vec() };
    let stripe = Stripe::new(Environment::Test);
    for call in calls() {
        check_decoded(&call, &stripe.decode(&call, &response));
        check_stored(&call, &stripe.decode_stored(&call, &response));
        for how in lookups(&call) {
            let decoded = stripe.decode_resolve(&call, &how, &response);
            check_decoded(&call, &decoded);
            assert!(!matches!(decoded.outcome, Outcome::Rejected(_)), "a lookup never rejects the call");
            let stored = stripe.decode_stored_resolve(&call, &how, &response);
            check_stored(&call, &stored);
            assert!(!matches!(stored, StoredOutcome::Rejected(_) | StoredOutcome::Declined(_)), "a lookup never refuses the call");
        }
    }
    if let Some(page) = stripe.decode_events(&response) {
        assert!(page.events.len() + page.unreadable_count <= 100);
        for event in page.events {
            assert_eq!(stripe.parse_notice(&event.raw), Ok(event.notice), "what is kept says the same again");
        }
    }
    if let Some((payment, fact)) = stripe.decode_dispute("dp_1", &response) {
        assert_id(&payment);
        assert_eq!(fact.dispute, "dp_1");
        assert!(fact.reason.len() <= 64 && fact.reason.is_ascii());
    }
}

fn calls() -> Vec<Call> {
    let money = Money { amount_minor: AMOUNT_MINOR, currency: "USD".parse().expect("a listed currency") };
    let pi = || "pi_1".to_owned();
    let pm = || "pm_1".to_owned();
    [
        Operation::Authorize {
            money,
            payment_method: pm(),
            customer: None,
            presence: Presence::OnSession,
            capture: CaptureMode::Manual,
            return_url: None,
            sim: None,
        },
        Operation::Confirm { provider_id: pi(), money, payment_method: pm(), return_url: None },
        Operation::Capture { provider_id: pi(), money },
        Operation::Cancel { provider_id: pi() },
        Operation::Refund { provider_id: pi(), money },
        Operation::Observe { provider_id: pi(), money },
        Operation::StoreCustomer,
        Operation::Attach { customer: "cus_1".to_owned(), payment_method: pm() },
        Operation::Detach { payment_method: pm() },
    ]
    .map(|operation| Call { operation, key: "k".to_owned(), reference: "ref_1".to_owned() })
    .into()
}

fn lookups(call: &Call) -> [Resolve; 2] {
    let id = match call.operation {
        Operation::Refund { .. } => "re_1",
        Operation::StoreCustomer => "cus_1",
        Operation::Attach { .. } | Operation::Detach { .. } => "pm_1",
        Operation::Authorize { .. }
        | Operation::Confirm { .. }
        | Operation::Capture { .. }
        | Operation::Cancel { .. }
        | Operation::Observe { .. } => "pi_1",
    };
    [Resolve::Fetch { provider_id: id.to_owned() }, Resolve::Search]
}

fn assert_id(id: &str) {
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    assert!(!id.is_empty() && id.len() <= PROVIDER_ID_BYTES_MAX && plain, "{id:?} is no id");
}

fn assert_code(code: &str) {
    assert!(code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_graphic()), "{code:?} is no code");
}

fn check_decoded(call: &Call, decoded: &Decoded) {
    decoded.provider_id.iter().for_each(|id| assert_id(id));
    match &decoded.outcome {
        Outcome::NotSent(_) => panic!("an answer proves that something was sent"),
        Outcome::Rejected(rejection) => assert_code(&rejection.code),
        Outcome::Declined(decline) => {
            assert_code(&decline.code);
            assert!(!matches!(call.operation, Operation::Observe { .. }) || decoded.provider_id.is_none(), "a look is never declined");
        }
        Outcome::Approved(approval) => check_approved(call, approval.state),
        Outcome::Pending(NextAction::Redirect { url }) => assert!(url.len() <= URL_BYTES_MAX && url.starts_with("http")),
        Outcome::Pending(NextAction::Wait) | Outcome::Mismatch(_) | Outcome::Unknown(_) => {}
    }
}

/// An approval is of the call's own kind and never of more money than was asked for.
fn check_approved(call: &Call, state: ProviderState) {
    let is_asked = match (&call.operation, state) {
        (Operation::Observe { .. }, ProviderState::Captured { amount_minor }) => (1..=AMOUNT_MINOR).contains(&amount_minor),
        (
            Operation::Authorize { .. } | Operation::Confirm { .. } | Operation::Observe { .. },
            ProviderState::Authorized { amount_minor },
        )
        | (Operation::Authorize { .. } | Operation::Confirm { .. } | Operation::Capture { .. }, ProviderState::Captured { amount_minor })
        | (Operation::Refund { .. }, ProviderState::Refunded { amount_minor } | ProviderState::RefundPending { amount_minor }) => {
            amount_minor == AMOUNT_MINOR
        }
        (Operation::Refund { .. } | Operation::StoreCustomer | Operation::Attach { .. } | Operation::Detach { .. }, _) => false,
        (_, ProviderState::Canceled) => true,
        _ => false,
    };
    assert!(is_asked, "{:?} approved as {state:?}", call.operation);
}

fn check_stored(call: &Call, outcome: &StoredOutcome) {
    match outcome {
        StoredOutcome::NotSent(_) => panic!("an answer proves that something was sent"),
        StoredOutcome::Rejected(rejection) => assert_code(&rejection.code),
        StoredOutcome::Declined(decline) => assert_code(&decline.code),
        StoredOutcome::Unknown(_) => {}
        StoredOutcome::Done(Stored::Customer { provider_id }) => {
            assert_id(provider_id);
            assert_eq!(call.operation, Operation::StoreCustomer);
        }
        StoredOutcome::Done(Stored::Attached(method)) => {
            assert_id(&method.provider_id);
            assert!(matches!(&call.operation, Operation::Attach { customer, .. } if *customer == method.customer));
            if let Some(card) = &method.card {
                assert_code(&card.brand);
                assert!(card.last4.len() == 4 && (1..=12).contains(&card.exp_month));
            }
        }
        StoredOutcome::Done(Stored::Detached { provider_id }) => {
            assert!(matches!(&call.operation, Operation::Detach { payment_method } if payment_method == provider_id));
        }
    }
}
