//! Customers, payment methods and setup intents: what can be set, who owns what, and what being kept means for a payment.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Answer, Client, SECOND_MS, request};
use sandbox::wire::Method;
use serde_json::{Value, json};

fn customer(client: &mut Client, body: &str) -> String {
    client.post("/v1/customers", body).id().to_owned()
}

/// A customer with an attached card of that name.
fn with_card(client: &mut Client, card: &str) -> (String, String) {
    let customer = customer(client, "");
    let attached = client.post(&format!("/v1/payment_methods/{card}/attach"), &format!("customer={customer}"));
    (customer, attached.id().to_owned())
}

fn delete(client: &mut Client, path: &str) -> Answer {
    client.send(&request(Method::Delete, path, "", "", None))
}

#[test]
fn a_customer_has_what_was_set_and_an_empty_text_unsets_it() {
    let mut client = Client::new();
    let id = customer(
        &mut client,
        "name=Ada&email=ada@example.com&address[city]=London&address[country]=GB&shipping[name]=Ada&shipping[address][city]=Bath&metadata[a]=1&metadata[b]=2&preferred_locales[]=en&preferred_locales[]=fr&balance=-500",
    );
    let path = format!("/v1/customers/{id}");
    let shown = client.get(&path).json;
    assert_eq!((&shown["name"], &shown["address"]["city"], &shown["balance"]), (&json!("Ada"), &json!("London"), &json!(-500)));
    assert_eq!((&shown["preferred_locales"], &shown["shipping"]["address"]["city"]), (&json!(["en", "fr"]), &json!("Bath")));
    let changed = client.post(&path, "email=&metadata[a]=&metadata[c]=3&address[city]=&phone=123&shipping=").json;
    assert_eq!((&changed["email"], &changed["metadata"]), (&Value::Null, &json!({"b": "2", "c": "3"})));
    assert_eq!(
        (&changed["address"]["country"], &changed["address"]["city"], &changed["shipping"]),
        (&json!("GB"), &Value::Null, &Value::Null)
    );
    assert_eq!(client.post(&path, "metadata=").json["metadata"], json!({}));
    for (body, param) in
        [("nonsense=1", "nonsense"), ("address[town]=x", "address[town]"), ("tax_exempt=maybe", "tax_exempt"), ("balance=x", "balance")]
    {
        let refused = client.post(&path, body);
        assert_eq!((refused.status, refused.text("/error/param")), (400, param), "{body}");
    }
}

#[test]
fn a_deleted_customer_leaves_a_mark_and_frees_nothing() {
    let mut client = Client::new();
    let (id, method) = with_card(&mut client, "pm_card_visa");
    let path = format!("/v1/customers/{id}");
    assert_eq!(delete(&mut client, &path).json, json!({"id": id, "object": "customer", "deleted": true}));
    assert_eq!(client.get(&path).json, json!({"id": id, "object": "customer", "deleted": true}));
    assert_eq!((client.post(&path, "name=x").status, delete(&mut client, &path).status), (404, 404));
    assert_eq!(client.get("/v1/customers").json["data"], json!([]));
    assert!(client.get(&format!("/v1/payment_methods/{method}")).json["customer"].is_null());
    let paid = client.post("/v1/payment_intents", &format!("amount=100&currency=usd&customer={id}"));
    assert_eq!((paid.status, paid.text("/error/code"), paid.text("/error/param")), (400, "resource_missing", "customer"));
}

#[test]
fn customers_are_listed_by_email_and_found_after_the_lag() {
    let mut client = Client::new();
    let first = customer(&mut client, "email=a@example.com&name=Ada Lovelace&metadata[k]=v");
    let second = customer(&mut client, "email=b@example.com&name=Bob");
    assert_eq!(client.get("/v1/customers?email=a@example.com").json["data"].as_array().unwrap().len(), 1);
    assert_eq!(client.get("/v1/customers?limit=1").text("/data/0/id"), second);
    let query = "/v1/customers/search?query=name~%22love%22%20AND%20metadata%5B%22k%22%5D%3A%22v%22";
    assert_eq!(client.get(query).json["data"], json!([]));
    client.now_ms += SECOND_MS;
    assert_eq!(client.get(query).text("/data/0/id"), first);
    assert_eq!(client.get("/v1/customers/search?query=status:'x'").status, 400);
}

#[test]
fn a_method_belongs_to_one_customer_and_pays_for_no_other() {
    let mut client = Client::new();
    let (owner, method) = with_card(&mut client, "pm_card_visa");
    let other = customer(&mut client, "");
    let again = client.post(&format!("/v1/payment_methods/{method}/attach"), &format!("customer={other}"));
    assert_eq!((again.status, again.text("/error/code")), (400, "payment_method_unexpected_state"));
    for (by, fits) in [("", false), (other.as_str(), false), (owner.as_str(), true)] {
        let whose = if by.is_empty() { String::new() } else { format!("&customer={by}") };
        let answer = client.pay(&method, &whose);
        assert_eq!(answer.status == 200, fits, "{by}: {}", answer.json);
    }
    assert_eq!(client.get(&format!("/v1/customers/{owner}/payment_methods/{method}")).id(), method);
    assert_eq!(client.get(&format!("/v1/customers/{other}/payment_methods/{method}")).status, 404);
    let listed = client.get(&format!("/v1/payment_methods?customer={owner}&type=card"));
    assert_eq!((listed.text("/data/0/id"), listed.text("/url")), (method.as_str(), "/v1/payment_methods"));
}

#[test]
fn a_detached_method_is_gone_for_good_and_nobodys_default() {
    let mut client = Client::new();
    let (owner, method) = with_card(&mut client, "pm_card_visa");
    let set = client.post(&format!("/v1/customers/{owner}"), &format!("invoice_settings[default_payment_method]={method}"));
    assert_eq!(set.text("/invoice_settings/default_payment_method"), method);
    let whole = client.get(&format!("/v1/customers/{owner}?expand[]=invoice_settings.default_payment_method"));
    assert_eq!(whole.text("/invoice_settings/default_payment_method/card/last4"), "4242");
    let path = format!("/v1/payment_methods/{method}/detach");
    assert!(client.post(&path, "").json["customer"].is_null());
    assert!(client.get(&format!("/v1/customers/{owner}")).json["invoice_settings"]["default_payment_method"].is_null());
    assert_eq!(client.post(&path, "").status, 400);
    assert_eq!(client.post(&format!("/v1/payment_methods/{method}/attach"), &format!("customer={owner}")).status, 400);
    assert_eq!(client.pay(&method, "").text("/error/param"), "payment_method");
    assert_eq!(client.get(&format!("/v1/customers/{owner}/payment_methods")).json["data"], json!([]));
}

#[test]
fn a_method_can_be_made_with_details_and_changed_once_somebody_owns_it() {
    let mut client = Client::new();
    let body = "type=card&card[number]=5555555555554444&card[exp_month]=8&card[exp_year]=30&billing_details[name]=Ada&billing_details[address][postal_code]=N1&metadata[a]=1";
    let made = client.post("/v1/payment_methods", body);
    assert_eq!((made.text("/card/brand"), made.number("/card/exp_year"), made.text("/billing_details/name")), ("mastercard", 2_030, "Ada"));
    assert!(made.json["card"]["checks"]["cvc_check"].is_null(), "no code was given");
    let path = format!("/v1/payment_methods/{}", made.id());
    assert_eq!(client.post(&path, "metadata[a]=2").status, 400, "nobody owns it");
    let owner = customer(&mut client, "");
    client.post(&format!("{path}/attach"), &format!("customer={owner}"));
    let changed = client.post(&path, "billing_details[name]=&card[exp_month]=9&metadata[b]=2");
    assert_eq!((changed.number("/card/exp_month"), &changed.json["metadata"]), (9, &json!({"a": "1", "b": "2"})));
    assert!(changed.json["billing_details"]["name"].is_null());
    for (body, code) in [
        ("type=card&card[token]=tok_nothing", "resource_missing"),
        ("type=card", "parameter_missing"),
        ("card[token]=tok_visa", "parameter_missing"),
        ("type=card&card[number]=4242424242424242", "parameter_missing"),
    ] {
        let refused = client.post("/v1/payment_methods", body);
        assert_eq!((refused.status, refused.text("/error/code")), (400, code), "{body}");
    }
}

#[test]
fn a_customer_can_come_with_a_method() {
    let mut client = Client::new();
    let body = "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";
    let made = client.post("/v1/customers", body);
    let list = client.get(&format!("/v1/customers/{}/payment_methods", made.id()));
    assert_eq!(made.text("/invoice_settings/default_payment_method"), list.text("/data/0/id"));
    let declined = client.post("/v1/customers", "payment_method=pm_card_chargeDeclined");
    assert_eq!((declined.status, declined.text("/error/code")), (402, "card_declined"));
    assert_eq!(client.get("/v1/customers").json["data"].as_array().unwrap().len(), 1, "a declined card makes no customer");
}

#[test]
fn a_setup_keeps_the_method_for_its_customer() {
    let mut client = Client::new();
    let owner = customer(&mut client, "");
    let made = client.post("/v1/setup_intents", &format!("customer={owner}&metadata[a]=1"));
    assert_eq!((made.text("/status"), made.text("/usage")), ("requires_payment_method", "off_session"));
    let path = format!("/v1/setup_intents/{}", made.id());
    assert_eq!(client.post(&format!("{path}/confirm"), "").text("/error/code"), "setup_intent_unexpected_state");
    let updated = client.post(&path, "payment_method=pm_card_visa&description=d");
    assert_eq!((updated.text("/status"), updated.text("/description")), ("requires_confirmation", "d"));
    let done = client.post(&format!("{path}/confirm"), "expand[]=payment_method");
    assert_eq!((done.text("/status"), done.text("/payment_method/customer")), ("succeeded", owner.as_str()));
    assert!(done.text("/latest_attempt").starts_with("setatt_"));
    let canceled = client.post(&format!("{path}/cancel"), "");
    assert_eq!(canceled.text("/error/setup_intent/status"), "succeeded");
    let listed = client.get(&format!("/v1/setup_intents?customer={owner}"));
    assert_eq!(listed.text("/data/0/id"), made.id());
    let open = client.post("/v1/setup_intents", "");
    let canceled = client.post(&format!("/v1/setup_intents/{}/cancel", open.id()), "cancellation_reason=abandoned");
    assert_eq!((canceled.text("/status"), canceled.text("/cancellation_reason")), ("canceled", "abandoned"));
}

#[test]
fn a_setup_that_its_customer_fails_keeps_nothing() {
    let mut client = Client::new();
    let owner = customer(&mut client, "");
    let body = format!("customer={owner}&confirm=true&payment_method=pm_card_authenticationRequired&return_url=https://shop.example/r");
    let waiting = client.post("/v1/setup_intents", &body);
    assert!(waiting.text("/next_action/redirect_to_url/url").ends_with(&format!("/3ds/{}", waiting.id())));
    let page = client.get(&format!("/3ds/{}", waiting.id()));
    assert_eq!(page.status, 200);
    let back = client.post(&format!("/3ds/{}", waiting.id()), "result=fail");
    let place = back.header("location").unwrap();
    assert!(place.contains(&format!("setup_intent={}", waiting.id())) && place.ends_with("redirect_status=failed"), "{place}");
    let later = client.get(&format!("/v1/setup_intents/{}", waiting.id()));
    assert_eq!(later.text("/status"), "requires_payment_method");
    assert_eq!(later.text("/last_setup_error/code"), "setup_intent_authentication_failure");
    assert_eq!(client.get(&format!("/v1/customers/{owner}/payment_methods")).json["data"], json!([]));
}

#[test]
fn a_payment_can_keep_its_method_for_later_payments() {
    let mut client = Client::new();
    let owner = customer(&mut client, "");
    let body = format!(
        "amount=500&currency=usd&confirm=true&payment_method_types[]=card&customer={owner}&setup_future_usage=off_session&payment_method=pm_card_authenticationRequiredOnSetup"
    );
    let first = client.post("/v1/payment_intents", &body);
    client.post(&format!("/3ds/{}", first.id()), "result=success");
    let kept = client.get(&format!("/v1/customers/{owner}/payment_methods")).text("/data/0/id").to_owned();
    let again =
        format!("amount=700&currency=usd&confirm=true&payment_method_types[]=card&off_session=true&customer={owner}&payment_method={kept}");
    assert_eq!(client.post("/v1/payment_intents", &again).text("/status"), "succeeded");
    assert_eq!(client.money().0, 1_200);
}

#[test]
fn connected_accounts_have_their_own_customers_and_keys_may_come_as_basic_authentication() {
    let mut client = Client::new();
    let id = customer(&mut client, "");
    let mut other = request(Method::Get, &format!("/v1/customers/{id}"), "", "", None);
    other.headers.stripe_account = Some("acct_2".to_owned());
    assert_eq!(client.send(&other).status, 404);
    let mut basic = request(Method::Get, &format!("/v1/customers/{id}"), "", "", None);
    for (credentials, status) in [("Basic c2tfdGVzdF9hYmM6", 200), ("Basic c2tfdGVzdF9hYmM", 401), ("Basic %%%", 401), ("Basic ", 401)] {
        basic.headers.authorization = Some(credentials.to_owned());
        assert_eq!(client.send(&basic).status, status, "{credentials}");
    }
}
