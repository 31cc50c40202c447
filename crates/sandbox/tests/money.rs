//! Disputes, payouts, the balance, raised authorisations and changes of charges: what each does to the money.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Client, DAY_MS, SECOND_MS};
use serde_json::json;

/// A disputed payment: its intent and its dispute.
fn disputed(client: &mut Client, card: &str) -> (String, String) {
    let paid = client.pay(card, "").id().to_owned();
    client.now_ms += SECOND_MS;
    let dispute = client.get(&format!("/v1/disputes?payment_intent={paid}")).text("/data/0/id").to_owned();
    (paid, dispute)
}

fn available(client: &mut Client) -> i64 {
    client.get("/v1/balance").number("/available/0/amount")
}

#[test]
fn evidence_decides_a_dispute_and_the_money_follows() {
    for (card, text, between, end, disputed_minor, transactions) in [
        ("pm_card_createDispute", "winning_evidence", "under_review", "won", 0, 2),
        ("pm_card_createDispute", "losing_evidence", "under_review", "lost", 2_000, 1),
        ("pm_card_createDispute", "a letter", "under_review", "under_review", 2_000, 1),
        ("pm_card_createDisputeInquiry", "winning_evidence", "warning_under_review", "warning_closed", 0, 0),
        ("pm_card_createDisputeInquiry", "escalate_inquiry_evidence", "warning_under_review", "needs_response", 2_000, 1),
    ] {
        let mut client = Client::new();
        let (_, dispute) = disputed(&mut client, card);
        let path = format!("/v1/disputes/{dispute}");
        let answered = client.post(&path, &format!("evidence[uncategorized_text]={text}&metadata[a]=1"));
        assert_eq!((answered.text("/status"), answered.number("/evidence_details/submission_count")), (between, 1), "{card} {text}");
        client.now_ms += SECOND_MS;
        let later = client.get(&path);
        assert_eq!(later.text("/status"), end, "{card} {text}");
        assert_eq!(later.json["balance_transactions"].as_array().unwrap().len(), transactions, "{card} {text}");
        let truth = client.stripe.truth().charges[0].clone();
        assert_eq!(truth.disputed, disputed_minor, "{card} {text}");
        assert_eq!(truth.fees, if transactions == 1 { 1_588 } else { 88 }, "the fee of a dispute is given back with the money");
        let sum: i64 = later.json["balance_transactions"].as_array().unwrap().iter().map(|each| each["net"].as_i64().unwrap()).sum();
        assert_eq!(sum, if transactions == 1 { -3_500 } else { 0 }, "{card} {text}");
    }
}

#[test]
fn evidence_can_be_staged_and_a_dispute_given_up() {
    let mut client = Client::new();
    let (_, dispute) = disputed(&mut client, "pm_card_createDispute");
    let path = format!("/v1/disputes/{dispute}");
    let staged = client.post(&path, "evidence[customer_name]=Ada&evidence[receipt]=file_1&submit=false");
    assert_eq!((staged.text("/status"), staged.text("/evidence/customer_name")), ("needs_response", "Ada"));
    assert_eq!(staged.json["evidence_details"]["has_evidence"], json!(true));
    let unset = client.post(&path, "evidence[customer_name]=&submit=false");
    assert!(unset.json["evidence"]["customer_name"].is_null());
    assert_eq!(client.post(&path, "evidence[nonsense]=1").text("/error/param"), "evidence[nonsense]");
    assert_eq!(client.post(&path, "metadata[a]=1").text("/status"), "needs_response", "metadata alone answers nothing");
    assert_eq!(client.post(&format!("{path}/close"), "").text("/status"), "lost");
    assert_eq!((client.post(&format!("{path}/close"), "").status, client.post(&path, "evidence[receipt]=x").status), (400, 400));
    assert_eq!(client.stripe.truth_totals()["usd"].disputed, 2_000);
}

#[test]
fn a_dispute_that_nobody_answers_in_time_is_lost() {
    for (card, end, disputed_minor) in [("pm_card_createDispute", "lost", 2_000), ("pm_card_createDisputeInquiry", "warning_closed", 0)] {
        let mut client = Client::new();
        let (_, dispute) = disputed(&mut client, card);
        client.now_ms += 7 * DAY_MS;
        let later = client.get(&format!("/v1/disputes/{dispute}"));
        assert_eq!((later.text("/status"), &later.json["evidence_details"]["past_due"]), (end, &json!(true)), "{card}");
        assert_eq!(client.stripe.truth().charges[0].disputed, disputed_minor);
    }
}

#[test]
fn an_inquiry_leaves_the_charge_refundable_and_then_cannot_be_escalated() {
    let mut client = Client::new();
    let (paid, dispute) = disputed(&mut client, "pm_card_createDisputeInquiry");
    assert_eq!(client.post("/v1/refunds", &format!("payment_intent={paid}")).text("/status"), "succeeded");
    client.post(&format!("/v1/disputes/{dispute}"), "evidence[uncategorized_text]=escalate_inquiry_evidence");
    client.now_ms += SECOND_MS;
    assert_eq!(client.get(&format!("/v1/disputes/{dispute}")).text("/status"), "warning_closed");
    assert_eq!(client.stripe.truth().charges[0].disputed, 0);
}

#[test]
fn the_balance_is_the_sum_of_its_transactions() {
    let mut client = Client::new();
    let empty = client.get("/v1/balance");
    assert_eq!((empty.number("/available/0/amount"), empty.text("/available/0/currency")), (0, "usd"));
    client.pay("pm_card_visa", "");
    client.pay("pm_card_bypassPending", "");
    let now = client.get("/v1/balance");
    assert_eq!((now.number("/pending/0/amount"), now.number("/available/0/amount")), (1_912, 1_912));
    client.now_ms += 2 * DAY_MS;
    let later = client.get("/v1/balance");
    assert_eq!((later.number("/pending/0/amount"), later.number("/available/0/amount")), (0, 3_824));
}

#[test]
fn a_payout_takes_from_the_balance_and_a_cancellation_brings_it_back() {
    let mut client = Client::new();
    client.pay("pm_card_bypassPending", "");
    let too_much = client.post("/v1/payouts", "amount=1913&currency=usd");
    assert_eq!((too_much.status, too_much.text("/error/code")), (400, "balance_insufficient"));
    let made = client.post("/v1/payouts", "amount=912&currency=usd&metadata[a]=1&statement_descriptor=S&expand[]=balance_transaction");
    assert_eq!((made.text("/status"), made.number("/balance_transaction/amount")), ("pending", -912));
    assert_eq!((made.text("/balance_transaction/type"), available(&mut client)), ("payout", 1_000));
    let path = format!("/v1/payouts/{}", made.id());
    let canceled = client.post(&format!("{path}/cancel"), "");
    assert_eq!((canceled.text("/status"), available(&mut client)), ("canceled", 1_912));
    assert_eq!(client.post(&format!("{path}/cancel"), "").status, 400);
    client.now_ms += DAY_MS;
    assert_eq!(client.get(&path).text("/status"), "canceled");
    assert_eq!(client.get("/v1/balance_transactions?type=payout_cancel").number("/data/0/amount"), 912);
    let filtered = client.get(&format!("/v1/balance_transactions?payout={}", made.id()));
    assert_eq!((filtered.status, filtered.text("/error/param")), (400, "payout"));
}

#[test]
fn a_paid_payout_can_be_reversed_once() {
    let mut client = Client::new();
    client.pay("pm_card_bypassPending", "");
    let made = client.post("/v1/payouts", "amount=1000&currency=usd").id().to_owned();
    assert_eq!(client.post(&format!("/v1/payouts/{made}/reverse"), "").status, 400, "it is pending");
    client.now_ms += DAY_MS;
    assert_eq!(client.get(&format!("/v1/payouts/{made}")).text("/status"), "paid");
    let back = client.post(&format!("/v1/payouts/{made}/reverse"), "metadata[a]=1");
    assert_eq!((back.number("/amount"), back.text("/original_payout")), (-1_000, made.as_str()));
    assert_eq!(client.get(&format!("/v1/payouts/{made}")).text("/reversed_by"), back.id());
    assert_eq!(available(&mut client), 1_912);
    assert_eq!(client.post(&format!("/v1/payouts/{made}/reverse"), "").status, 400);
    let listed = client.get("/v1/payouts?status=paid");
    assert_eq!(listed.json["data"].as_array().unwrap().len(), 1);
    assert_eq!(client.post(&format!("/v1/payouts/{made}"), "metadata[b]=2").json["metadata"], json!({"b": "2"}));
}

#[test]
fn an_authorisation_is_raised_only_where_it_was_asked_for_and_the_card_allows_it() {
    let asked = "&capture_method=manual&payment_method_options[card][request_incremental_authorization]=if_available";
    for (card, more, fits) in
        [("pm_card_visa", asked, true), ("pm_card_visa", "&capture_method=manual", false), ("pm_card_jcb", asked, false)]
    {
        let mut client = Client::new();
        let open = client.pay(card, &format!("{more}&expand[]=latest_charge"));
        let status = open.text("/latest_charge/payment_method_details/card/incremental_authorization/status");
        assert_eq!(status, if fits { "available" } else { "unavailable" });
        let path = format!("/v1/payment_intents/{}/increment_authorization", open.id());
        let raised = client.post(&path, "amount=2500");
        if !fits {
            assert_eq!((raised.status, raised.text("/error/code")), (400, "payment_intent_unexpected_state"), "{card}{more}");
            continue;
        }
        assert_eq!((raised.number("/amount"), raised.number("/amount_capturable")), (2_500, 2_500));
        assert_eq!(client.money(), (0, 0, 2_500));
        assert_eq!(client.post(&path, "amount=2500").text("/error/param"), "amount");
        for step in 0..9 {
            assert_eq!(client.post(&path, &format!("amount={}", 2_600 + step)).status, 200);
        }
        assert_eq!(client.post(&path, "amount=9000").status, 400, "ten are enough");
        client.post(&format!("/v1/payment_intents/{}/capture", open.id()), "");
        assert_eq!(client.money(), (2_608, 0, 0));
        assert_eq!(client.post(&path, "amount=9000").text("/error/payment_intent/status"), "succeeded");
    }
}

#[test]
fn a_charge_is_captured_and_changed_on_its_own() {
    let mut client = Client::new();
    let open = client.pay("pm_card_visa", "&capture_method=manual&metadata[a]=1");
    let path = format!("/v1/charges/{}", open.text("/latest_charge"));
    let captured = client.post(&format!("{path}/capture"), "amount=1500");
    assert_eq!((captured.number("/amount_captured"), &captured.json["captured"]), (1_500, &json!(true)));
    assert_eq!(client.post(&format!("{path}/capture"), "").text("/error/code"), "charge_already_captured");
    let changed = client.post(&path, "metadata[b]=2&description=d&fraud_details[user_report]=safe");
    assert_eq!((&changed.json["metadata"], changed.text("/fraud_details/user_report")), (&json!({"a": "1", "b": "2"}), "safe"));
    assert_eq!(client.intent(open.id()).json["metadata"], json!({"a": "1"}), "the intent has its own");
    client.post("/v1/refunds", &format!("payment_intent={}&amount=500", open.id()));
    let whole = client.get(&format!("{path}?expand[]=refunds.data.balance_transaction"));
    assert_eq!(whole.number("/refunds/data/0/balance_transaction/amount"), -500);
    assert_eq!(client.get(&format!("{path}/refunds")).text("/data/0/charge"), open.text("/latest_charge"));
    client.now_ms += SECOND_MS;
    let found = client.get("/v1/charges/search?query=payment_method_details.card.last4:%224242%22%20AND%20refunded:%22false%22");
    assert_eq!(found.text("/data/0/id"), open.text("/latest_charge"));
}

#[test]
fn an_intent_can_be_changed_until_it_is_paid() {
    let mut client = Client::new();
    let open = client.post("/v1/payment_intents", "amount=500&currency=usd&description=a&metadata[x]=1");
    let path = format!("/v1/payment_intents/{}", open.id());
    let changed = client.post(&path, "amount=700&currency=eur&description=&metadata[y]=2&payment_method=pm_card_visa");
    assert_eq!((changed.number("/amount"), changed.text("/currency"), changed.text("/status")), (700, "eur", "requires_confirmation"));
    assert_eq!((&changed.json["description"], &changed.json["metadata"]), (&json!(null), &json!({"x": "1", "y": "2"})));
    client.post(&format!("{path}/confirm"), "return_url=https://shop.example/back");
    let refused = client.post(&path, "amount=800");
    assert_eq!((refused.status, refused.text("/error/code")), (400, "payment_intent_unexpected_state"));
    assert_eq!(client.post(&path, "metadata[x]=").json["metadata"], json!({"y": "2"}));
}

#[test]
fn a_refund_can_be_annotated_and_not_be_canceled() {
    let mut client = Client::new();
    let paid = client.pay("pm_card_pendingRefund", "");
    let refund = client.post("/v1/refunds", &format!("payment_intent={}", paid.id()));
    let path = format!("/v1/refunds/{}", refund.id());
    assert_eq!(client.post(&path, "metadata[a]=1").json["metadata"], json!({"a": "1"}));
    assert_eq!(client.post(&format!("{path}/cancel"), "").status, 400, "only refunds that wait for their customer can be");
}
