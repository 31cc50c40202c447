//! The rows say what the engine's state says, and say the same however the events were cut into batches.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Folder, Shop, dump, merchant, recorded};
use engine::{Entry, Event};
use proptest::prelude::*;
use std::collections::BTreeSet;
use views::{DisputeFilter, Found, Page, PaymentFilter, Reader, RefundFilter, WebhookFilter, Writer};

fn assert_same_as_state(shop: &Shop, reader: &Reader) {
    for (id, expected) in &shop.state.payments {
        let expected: &engine::Payment = expected;
        let row = reader.payment(expected.merchant, *id).unwrap().expect("every payment has a row");
        let engine::Payment {
            merchant,
            subject,
            money,
            capture,
            status,
            reference,
            content,
            payment_method,
            on_file,
            created_at,
            hold: _,
            held_minor,
            captured_minor,
            refunded_minor,
            refunding_minor,
            fee_minor,
            available,
            attempts,
            captures: _,
            refunds: _,
            disputes: _,
            last_decline,
            next_action,
            expires_at,
            operation: _,
            cancel: _,
            cancels: _,
            unreleased_minor: _,
            observations: _,
            settling: _,
            open_effects: _,
            keys: _,
            resting_since: _,
        } = expected;
        assert_eq!((row.merchant, row.subject, row.money, row.capture_mode), (*merchant, *subject, *money, *capture), "{id}");
        assert_eq!((row.status, row.reference, row.content, row.created_at), (*status, *reference, *content, *created_at), "{id}");
        assert_eq!((&row.payment_method, row.on_file), (payment_method, on_file.as_deref().copied()), "{id}");
        assert_eq!((row.held_minor, row.captured_minor, row.fee_minor), (*held_minor, *captured_minor, *fee_minor), "{id}");
        assert_eq!((row.refunded_minor, row.refunding_minor), (*refunded_minor, *refunding_minor), "{id}");
        assert_eq!((row.disputed_minor, row.available), (expected.disputed_minor(), *available), "{id}");
        assert_eq!((&row.last_decline, &row.next_action, row.expires_at), (last_decline, next_action, *expires_at), "{id}");
        assert_eq!(row.provider_id.as_deref(), expected.provider_id(), "{id}");
        assert_eq!(row.provider, attempts.last().map(|attempt| attempt.provider), "{id}");

        assert_same_parts(expected, *id, reader);
    }
    let whole = Page { after: None, limit: views::PAGE_ROWS_MAX };
    for number in 1..=2 {
        let listed = reader.payments(merchant(number), &PaymentFilter::default(), &whole).unwrap();
        let listed: BTreeSet<_> = listed.items.into_iter().map(|row| row.id).collect();
        let owned = shop.state.payments.iter().filter(|(_, found)| found.merchant == merchant(number));
        assert_eq!(listed, owned.map(|(id, _)| *id).collect());
    }
}

fn assert_same_parts(expected: &engine::Payment, id: base::PaymentId, reader: &Reader) {
    let whole = Page { after: None, limit: views::PAGE_ROWS_MAX };
    let found = reader.attempts(expected.merchant, id).unwrap().unwrap();
    let found: Vec<_> = found.into_iter().map(|row| (row.effect, row.provider, row.status, row.provider_id)).collect();
    let wanted: Vec<_> = expected.attempts.iter().map(|row| (row.effect, row.provider, row.status, row.provider_id.clone())).collect();
    assert_eq!(found, wanted, "{id}");
    let found = reader.captures(expected.merchant, id).unwrap().unwrap();
    let found: Vec<_> = found.into_iter().map(|row| (row.effect, row.amount_minor, row.status)).collect();
    assert_eq!(found, expected.captures.iter().map(|row| (row.effect, row.amount_minor, row.status)).collect::<Vec<_>>(), "{id}");
    let filter = DisputeFilter { payment: Some(id), status: None };
    let listed = reader.disputes(expected.merchant, &filter, &whole).unwrap().items;
    let found = listed.iter().rev().map(|row| (row.provider_id.clone(), row.money.amount_minor, row.fee_minor, row.status));
    let wanted = expected.disputes.iter().map(|row| (row.dispute.clone(), row.amount_minor, row.fee_minor, row.status));
    assert_eq!(found.collect::<Vec<_>>(), wanted.collect::<Vec<_>>(), "{id}");
    for row in listed {
        assert_eq!(reader.dispute(expected.merchant, row.id).unwrap(), Some(row));
    }
    let filter = RefundFilter { payment: Some(id), status: None };
    let found = reader.refunds(expected.merchant, &filter, &whole).unwrap().items;
    let found: Vec<_> = found
        .into_iter()
        .rev()
        .map(|row| (row.id, row.effect, row.money.amount_minor, row.status, row.from_available, row.provider_id, row.created_at))
        .collect();
    let wanted: Vec<_> = expected
        .refunds
        .iter()
        .map(|row| (row.refund, row.effect, row.amount_minor, row.status, row.from_available, row.provider_id.clone(), row.created_at))
        .collect();
    assert_eq!(found, wanted, "{id}");
    for refund in &expected.refunds {
        assert_eq!(reader.refund(expected.merchant, refund.refund).unwrap().map(|row| row.payment), Some(id));
    }
}

fn assert_same_customers(shop: &Shop, reader: &Reader) {
    for (id, expected) in &shop.state.customers {
        let row = reader.customer(expected.merchant, *id).unwrap().expect("every customer has a row");
        let engine::Customer { merchant, subject, created_at, credentials: _, methods, deleted, storing: _, storings: _ } = expected;
        assert_eq!((row.merchant, row.subject, row.created_at, row.deleted), (*merchant, *subject, *created_at, *deleted), "{id}");
        let listed = reader.payment_methods(expected.merchant, *id, views::PAGE_ROWS_MAX).unwrap().expect("it is the merchant's");
        assert!(listed.iter().all(|row| row.customer == *id));
        assert!(methods.iter().all(|method| listed.iter().any(|row| row.id == *method)), "{id}");
        let other = if *merchant == common::merchant(1) { common::merchant(2) } else { common::merchant(1) };
        assert_eq!(reader.customer(other, *id).unwrap(), None);
        assert_eq!(reader.payment_methods(other, *id, 1).unwrap(), None);
    }
    for (id, expected) in &shop.state.methods {
        let owner = shop.state.customers[&expected.customer].merchant;
        let row = reader.payment_method(owner, *id).unwrap().expect("every payment method has a row");
        let engine::StoredMethod { customer, provider, token, credentials, card, status, failure, errand: _, removals: _, created_at } =
            expected;
        assert_eq!((row.customer, row.provider, &row.token, row.created_at), (*customer, *provider, token, *created_at), "{id}");
        assert_eq!((row.status, row.provider_id.as_ref()), (*status, credentials.get(provider)), "{id}");
        assert_eq!((&row.card, &row.failure_code), (card, failure), "{id}");
    }
    let whole = Page { after: None, limit: views::PAGE_ROWS_MAX };
    for number in 1..=2 {
        let listed = reader.customers(merchant(number), &whole).unwrap();
        let listed: BTreeSet<_> = listed.items.into_iter().map(|row| row.id).collect();
        let owned = shop.state.customers.iter().filter(|(_, found)| found.merchant == merchant(number) && !found.deleted);
        assert_eq!(listed, owned.map(|(id, _)| *id).collect());
    }
}

/// Whatever has an id of ours or of a provider is found by it, whoever owns it, and once.
fn assert_everything_is_found_by_its_ids(shop: &Shop, reader: &Reader) {
    let found = |text: &str| reader.search(text, |_| [0xEE; 16]).unwrap().found;
    let payments = |text: &str| -> Vec<_> {
        let payment = |found| if let Found::Payment(row) = found { Some(row.id) } else { None };
        found(text).into_iter().filter_map(payment).collect()
    };
    for (id, expected) in &shop.state.payments {
        assert_eq!(payments(&id.to_string()), [*id]);
        for provider_id in expected.attempts.iter().filter_map(|attempt| attempt.provider_id.as_ref()) {
            assert_eq!(payments(provider_id), [*id], "{provider_id}");
        }
        for refund in &expected.refunds {
            let names = [Some(refund.refund.to_string()), refund.provider_id.clone()];
            for name in names.into_iter().flatten() {
                let is_it = |one: &Found| matches!(one, Found::Refund(row) if (row.id, row.payment) == (refund.refund, *id));
                assert_eq!(found(&name).iter().filter(|one| is_it(one)).count(), 1, "{name}");
            }
        }
        for dispute in &expected.disputes {
            let dispute_id = views::DisputeId::new(*id, &dispute.dispute);
            for name in [dispute_id.to_string(), dispute.dispute.clone()] {
                let is_it = |one: &Found| matches!(one, Found::Dispute(row) if (row.id, row.payment) == (dispute_id, *id));
                assert_eq!(found(&name).iter().filter(|one| is_it(one)).count(), 1, "{name}");
            }
        }
    }
    for (id, expected) in &shop.state.customers {
        let owner = found(&id.to_string()).into_iter().map(|one| if let Found::Customer(row) = one { Some(row.merchant) } else { None });
        assert_eq!(owner.collect::<Vec<_>>(), [Some(expected.merchant)]);
    }
    for (id, expected) in &shop.state.methods {
        let names = [Some(id.to_string()), expected.credentials.get(&expected.provider).cloned()];
        for name in names.into_iter().flatten() {
            let is_it = |one: &Found| matches!(one, Found::PaymentMethod(row) if row.id == *id);
            assert_eq!(found(&name).iter().filter(|one| is_it(one)).count(), 1, "{name}");
        }
    }
}

fn assert_webhooks_are_the_journal(shop: &Shop, reader: &Reader) {
    let of_entry = |(seq, entry): (u64, &Entry)| match &entry.event {
        Event::WebhookReceived { provider, event_id, event_type, source, found, payment, .. } => Some(views::WebhookRow {
            seq,
            provider: *provider,
            event_id: event_id.clone(),
            event_type: event_type.clone(),
            source: *source,
            found: *found,
            payment: *payment,
            at: entry.at,
        }),
        _ => None,
    };
    let wanted: Vec<_> = (1..).zip(&shop.entries).filter_map(of_entry).collect();
    let whole = Page { after: None, limit: views::PAGE_ROWS_MAX };
    let mut listed = reader.webhooks(&WebhookFilter::default(), &whole).unwrap().items;
    listed.reverse();
    assert_eq!(listed, wanted);
    for row in &wanted {
        let same: Vec<_> = wanted.iter().filter(|other| other.event_id == row.event_id).cloned().collect();
        assert_eq!(reader.webhooks_of(&row.event_id, views::PAGE_ROWS_MAX).unwrap(), same);
        let event = reader.event(row.seq).unwrap().unwrap();
        assert_eq!((event.kind, event.payment), (engine::EventKind::WebhookReceived, row.payment));
    }
}

fn assert_journeys_are_the_journal(shop: &Shop, reader: &Reader) {
    for (id, expected) in &shop.state.payments {
        let about = |entry: &&engine::Entry| entry.event.payment() == Some(*id);
        let journey = reader.journey(expected.merchant, *id, 0, views::PAGE_ROWS_MAX).unwrap().unwrap();
        let found: Vec<_> = journey.iter().map(|event| (event.at, event.kind, event.payment)).collect();
        let wanted: Vec<_> = shop.entries.iter().filter(about).map(|entry| (entry.at, entry.event.kind(), Some(*id))).collect();
        assert_eq!(found, wanted, "{id}");
        let told = journey.iter().map(|event| events::decode_payload(event.seq, &event.payload).unwrap().event);
        assert!(told.eq(shop.entries.iter().filter(about).map(|entry| entry.event.clone())), "{id}");
        let legs = reader.legs(expected.merchant, *id, None, views::PAGE_ROWS_MAX).unwrap().unwrap();
        let found: Vec<_> = legs.iter().map(|leg| (leg.id, leg.debit_account, leg.credit_account, leg.amount_minor, leg.flags)).collect();
        let posted = shop.entries.iter().filter(about).flat_map(|entry| &entry.legs);
        let wanted: Vec<_> =
            posted.map(|leg| (leg.id, leg.debit_account_id, leg.credit_account_id, leg.amount, leg.flags.bits())).collect();
        assert_eq!(found, wanted, "{id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_the_engines_state_however_the_events_are_cut_into_batches(
        steps in prop::collection::vec((any::<u32>(), any::<u16>()), 40..200),
        cuts in prop::collection::vec(1_usize..30, 1..20),
    ) {
        let mut shop = Shop::new();
        for (choice, amount) in &steps {
            shop.step(*choice, *amount);
        }
        let events = recorded(shop.entries.iter().cloned());
        let (piecewise, at_once) = (Folder::new(), Folder::new());

        let mut writer = Writer::open(&piecewise.file()).unwrap();
        let mut from = 0;
        for (turn, cut) in cuts.iter().cycle().enumerate() {
            if from == events.len() {
                break;
            }
            let until = events.len().min(from + cut);
            // Every batch is given with some events that are known already, and now and then a new process goes on.
            let applied = writer.apply(&events[from.saturating_sub(turn % 4)..until]).unwrap();
            prop_assert_eq!(applied, events[until - 1].seq);
            from = until;
            if turn % 3 == 2 {
                drop(writer);
                writer = Writer::open(&piecewise.file()).unwrap();
                prop_assert_eq!(writer.rebuilt(), None);
            }
        }
        let mut whole = Writer::open(&at_once.file()).unwrap();
        whole.apply(&events).unwrap();
        prop_assert_eq!(dump(&piecewise.file()), dump(&at_once.file()));

        let reader = Reader::open(&piecewise.file()).unwrap();
        assert_same_as_state(&shop, &reader);
        assert_journeys_are_the_journal(&shop, &reader);
        assert_webhooks_are_the_journal(&shop, &reader);
        assert_same_customers(&shop, &reader);
        assert_everything_is_found_by_its_ids(&shop, &reader);
    }
}

#[test]
fn the_random_shop_reaches_every_state_that_a_row_can_show() {
    // A property over events that never happen proves nothing.
    let mut seen = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    let mut methods = BTreeSet::new();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for _ in 0..160 {
        let mut shop = Shop::new();
        for _ in 0..220 {
            let bytes = next().to_be_bytes();
            shop.step(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]), u16::from_be_bytes([bytes[4], bytes[5]]));
            seen.extend(shop.state.payments.values().map(|payment| payment.status));
            methods.extend(shop.state.methods.values().map(|method| method.status));
        }
        kinds.extend(shop.entries.iter().map(|entry| entry.event.kind()));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), payments::PaymentStatus::ALL);
    assert_eq!(methods.into_iter().collect::<Vec<_>>(), payments::StoredMethodStatus::ALL);
    let about_money = |kind: &&engine::EventKind| !kind.name().starts_with("platform.") && !kind.name().starts_with("operator.");
    let keys = |kind: &&engine::EventKind| !kind.name().starts_with("api_key.") && !kind.name().starts_with("privacy.");
    let missing: Vec<_> = engine::EventKind::ALL.iter().filter(about_money).filter(keys).filter(|kind| !kinds.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
