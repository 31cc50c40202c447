//! What readers are shown: filters, pages, and never another merchant's rows.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use base::{Money, Timestamp};
use common::{Folder, admitted, captured, created, euro, merchant, payment, recorded, reference_of, released, started, yen};
use engine::{Entry, Event, EventKind, NoticeSource, NoticeUse};
use payments::{DisputeStatus, PaymentStatus};
use views::{
    Cursor, CursorKind, DisputeFilter, DisputeId, EventFilter, Found, Order, Page, PageOf, PaymentFilter, PaymentRow, Reader, RefundFilter,
    SCAN_ROWS_MAX, SEARCH_MERCHANTS_MAX, Scope, WebhookFilter, Writer,
};

fn whole() -> Page {
    Page { after: None, limit: views::PAGE_ROWS_MAX }
}

fn opened(folder: &Folder, entries: Vec<Entry>) -> Reader {
    let mut writer = Writer::open(&folder.file()).unwrap();
    writer.apply(&recorded(entries)).unwrap();
    Reader::open(&folder.file()).unwrap()
}

fn money(amount_minor: u64, currency: base::Currency) -> Money {
    Money { amount_minor, currency }
}

/// Payments 1 to 6 at seconds 10 to 60; every third is another merchant's.
fn six() -> Vec<Entry> {
    let mut entries = vec![admitted(1), admitted(2)];
    for number in 1..=6 {
        let owner = merchant(if number % 3 == 0 { 2 } else { 1 });
        let money = money(100 * number, if number == 4 { yen() } else { euro() });
        entries.push(created(payment(number), owner, money, 10 * number));
        if number != 1 {
            entries.push(started(payment(number), money, 10 * number));
        }
        if number >= 4 {
            entries.push(captured(payment(number), money, 10 * number));
        }
    }
    entries
}

fn numbers(found: &PageOf<PaymentRow>) -> Vec<u64> {
    (1..=6).rev().filter(|number| found.items.iter().any(|row| row.id == payment(*number))).collect()
}

#[test]
fn filters_narrow_a_list_one_by_one_and_together() {
    let folder = Folder::new();
    let reader = opened(&folder, six());
    let s = Timestamp::from_s;
    let all = PaymentFilter::default();
    let table: Vec<(PaymentFilter, &[u64])> = vec![
        (all.clone(), &[5, 4, 2, 1]),
        (PaymentFilter { status: Some(PaymentStatus::Captured), ..all.clone() }, &[5, 4]),
        (PaymentFilter { status: Some(PaymentStatus::Created), ..all.clone() }, &[1]),
        (PaymentFilter { status: Some(PaymentStatus::Refunded), ..all.clone() }, &[]),
        (PaymentFilter { created_from: Some(s(20)), ..all.clone() }, &[5, 4, 2]),
        (PaymentFilter { created_from: Some(s(21)), ..all.clone() }, &[5, 4]),
        (PaymentFilter { created_from: Some(s(9_999)), ..all.clone() }, &[]),
        (PaymentFilter { created_until: Some(s(20)), ..all.clone() }, &[1]),
        (PaymentFilter { created_until: Some(s(21)), ..all.clone() }, &[2, 1]),
        (PaymentFilter { created_until: Some(Timestamp::ZERO), ..all.clone() }, &[]),
        (PaymentFilter { created_from: Some(s(20)), created_until: Some(s(50)), ..all.clone() }, &[4, 2]),
        (PaymentFilter { currency: Some(yen()), ..all.clone() }, &[4]),
        (PaymentFilter { amount_minor_min: Some(200), amount_minor_max: Some(400), ..all.clone() }, &[4, 2]),
        (PaymentFilter { amount_minor_min: Some(501), ..all.clone() }, &[]),
        (PaymentFilter { reference: Some(reference_of(payment(2))), ..all.clone() }, &[2]),
        (PaymentFilter { reference: Some(reference_of(payment(3))), ..all.clone() }, &[]), // another merchant's
        (PaymentFilter { reference: Some([0; 16]), ..all.clone() }, &[]),
        (PaymentFilter { reference: Some(reference_of(payment(2))), status: Some(PaymentStatus::Captured), ..all.clone() }, &[]),
        (PaymentFilter { status: Some(PaymentStatus::Captured), currency: Some(euro()), created_from: Some(s(30)), ..all }, &[5]),
    ];
    for (filter, expected) in table {
        let found = reader.payments(merchant(1), &filter, &whole()).unwrap();
        assert_eq!(numbers(&found), expected, "{filter:?}");
        assert_eq!((found.items.len(), found.next, found.applied_seq), (expected.len(), None, 16), "{filter:?}");
        assert!(found.items.is_sorted_by(|earlier, later| earlier.number > later.number), "{filter:?}");
    }
}

#[test]
fn another_merchants_objects_do_not_exist() {
    let folder = Folder::new();
    let reader = opened(&folder, six());
    for (asking, id) in [(merchant(1), payment(3)), (merchant(2), payment(1)), (merchant(3), payment(1)), (merchant(1), payment(7))] {
        assert_eq!(reader.payment(asking, id).unwrap(), None);
        assert_eq!(reader.journey(asking, id, 0, 10).unwrap(), None);
        assert_eq!(reader.attempts(asking, id).unwrap(), None);
        assert_eq!(reader.captures(asking, id).unwrap(), None);
        let of_payment = DisputeFilter { payment: Some(id), status: None };
        assert_eq!(reader.disputes(asking, &of_payment, &whole()).unwrap().items, []);
        assert_eq!(reader.legs(asking, id, None, 10).unwrap(), None);
        let filter = RefundFilter { payment: Some(id), status: None };
        assert_eq!(reader.refunds(asking, &filter, &whole()).unwrap().items, []);
    }
    let events = EventFilter { kind: None, order: Order::OldestFirst };
    assert_eq!(reader.events(merchant(3), &events, &whole()).unwrap().items, []);
    assert_eq!(reader.payments(merchant(3), &PaymentFilter::default(), &whole()).unwrap().items, []);
    for (number, ids) in [(1, [1, 2, 4, 5].as_slice()), (2, &[3, 6])] {
        let shown = reader.events(merchant(number), &events, &whole()).unwrap().items;
        assert!(shown.iter().filter_map(|event| event.payment).all(|id| ids.iter().any(|own| payment(*own) == id)));
        let admissions = shown.iter().filter(|event| event.kind == EventKind::MerchantCreated).count();
        assert_eq!(admissions, 1);
    }
}

#[test]
fn pages_join_to_the_whole_list_and_new_payments_do_not_move_them() {
    let folder = Folder::new();
    let mut entries = vec![admitted(1)];
    entries.extend((1..=25).map(|number| created(payment(number), merchant(1), money(5, euro()), number)));
    let mut events = recorded(entries.clone());
    let mut writer = Writer::open(&folder.file()).unwrap();
    writer.apply(&events).unwrap();
    let reader = Reader::open(&folder.file()).unwrap();
    for limit in [1, 4, 5, 25, 26] {
        let before = reader.payments(merchant(1), &PaymentFilter::default(), &whole()).unwrap().items;
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = reader.payments(merchant(1), &PaymentFilter::default(), &Page { after, limit }).unwrap();
            seen.extend(page.items);
            // Somebody pays between two pages.
            let number = u64::try_from(entries.len()).unwrap();
            entries.push(created(payment(number), merchant(1), money(5, euro()), number));
            events = recorded(entries.clone());
            writer.apply(&events).unwrap();
            let Some(next) = page.next else {
                break;
            };
            let text = next.to_string();
            after = Some(Cursor::parse(CursorKind::Payments, &text).unwrap());
        }
        assert_eq!(seen, before, "{limit}");
    }
    // A limit of nothing or too much is brought into range.
    let counted = |limit| reader.payments(merchant(1), &PaymentFilter::default(), &Page { after: None, limit }).unwrap().items.len();
    assert_eq!((counted(0), counted(usize::MAX)), (1, entries.len() - 1));
}

#[test]
fn a_search_looks_at_a_bounded_number_of_rows_and_goes_on_where_it_stopped() {
    let folder = Folder::new();
    let count = u64::try_from(SCAN_ROWS_MAX).unwrap() * 2;
    let mut entries = vec![admitted(1), created(payment(1), merchant(1), money(5, yen()), 2)];
    entries.extend((2..=count).map(|number| created(payment(number), merchant(1), money(5, euro()), number)));
    let reader = opened(&folder, entries);
    let filter = PaymentFilter { currency: Some(yen()), ..PaymentFilter::default() };
    let first = reader.payments(merchant(1), &filter, &Page { after: None, limit: 10 }).unwrap();
    assert_eq!(first.items, []);
    let second = reader.payments(merchant(1), &filter, &Page { after: first.next, limit: 10 }).unwrap();
    assert_eq!(second.items.iter().map(|row| row.id).collect::<Vec<_>>(), [payment(1)]);
    assert_eq!(second.next, None);
    // The time of creation leads straight there.
    let filter = PaymentFilter { created_until: Some(Timestamp::from_s(4)), ..filter };
    assert_eq!(reader.payments(merchant(1), &filter, &Page { after: None, limit: 10 }).unwrap().items.len(), 1);
}

#[test]
fn amounts_and_times_of_sixty_four_bits_read_back_and_are_ordered_as_unsigned() {
    let folder = Folder::new();
    let amounts = [0, 1, u64::MAX >> 1, (u64::MAX >> 1) + 1, u64::MAX - 1, u64::MAX];
    let mut entries = vec![admitted(1)];
    for (number, amount_minor) in (1..).zip(amounts) {
        let mut entry = created(payment(number), merchant(1), money(amount_minor, euro()), number);
        entry.at = Timestamp::from_ns((u64::MAX >> 1) - 3 + number);
        entries.push(entry);
        entries.push(Entry {
            at: Timestamp::from_ns((u64::MAX >> 1) - 3 + number),
            ..started(payment(number), money(amount_minor, euro()), 1)
        });
    }
    let reader = opened(&folder, entries);
    for (number, amount_minor) in (1..).zip(amounts) {
        let row = reader.payment(merchant(1), payment(number)).unwrap().unwrap();
        assert_eq!((row.money.amount_minor, row.held_minor), (amount_minor, amount_minor));
        assert_eq!(row.created_at.ns(), (u64::MAX >> 1) - 3 + number);
        let legs = reader.legs(merchant(1), payment(number), None, 10).unwrap().unwrap();
        assert_eq!(legs.iter().map(|leg| leg.amount_minor).collect::<Vec<_>>(), [u128::from(amount_minor)]);
    }
    for (least, most, expected) in [(0, u64::MAX, 6), (u64::MAX >> 1, u64::MAX - 1, 3), (u64::MAX, u64::MAX, 1), (2, 9, 0)] {
        let filter = PaymentFilter { amount_minor_min: Some(least), amount_minor_max: Some(most), ..PaymentFilter::default() };
        assert_eq!(reader.payments(merchant(1), &filter, &whole()).unwrap().items.len(), expected, "{least}..={most}");
    }
    let late = PaymentFilter { created_from: Some(Timestamp::from_ns(1 << 63)), ..PaymentFilter::default() };
    assert_eq!(reader.payments(merchant(1), &late, &whole()).unwrap().items.len(), 3);
}

#[test]
fn a_journey_comes_in_order_and_in_parts() {
    let folder = Folder::new();
    let id = payment(1);
    let ten = money(1_000, euro());
    let other = payment(2);
    let reader = opened(
        &folder,
        vec![
            admitted(1),
            created(id, merchant(1), ten, 10),
            created(other, merchant(1), ten, 10),
            started(id, ten, 11),
            started(other, ten, 11),
            captured(id, ten, 12),
            released(id, ten, 13),
        ],
    );
    let journey = |after, limit| reader.journey(merchant(1), id, after, limit).unwrap().unwrap();
    let all = journey(0, 100);
    let kinds = [EventKind::PaymentCreated, EventKind::AttemptStarted, EventKind::AttemptCaptured, EventKind::FundsAvailable];
    assert_eq!(all.iter().map(|event| event.kind).collect::<Vec<_>>(), kinds);
    assert_eq!(all.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 4, 6, 7]);
    let told = events::decode_payload(2, &all[0].payload).unwrap();
    assert_eq!((told.at, told.event), (Timestamp::from_s(10), created(id, merchant(1), ten, 10).event));
    assert_eq!(journey(0, 2), all[..2]);
    assert_eq!(journey(4, 2), all[2..]);
    assert_eq!(journey(u64::MAX, 2), []);
}

#[test]
fn events_are_listed_from_either_end_and_by_kind() {
    let folder = Folder::new();
    let reader = opened(&folder, six());
    let list = |kind, order, limit| {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = reader.events(merchant(1), &EventFilter { kind, order }, &Page { after, limit }).unwrap();
            assert!(page.items.len() <= limit);
            seen.extend(page.items.into_iter().map(|event| event.seq));
            match page.next {
                Some(next) => after = Some(Cursor::parse(CursorKind::Events, &next.to_string()).unwrap()),
                None => return seen,
            }
        }
    };
    let forward = list(None, Order::OldestFirst, 3);
    assert_eq!(forward, [1, 3, 4, 5, 8, 9, 10, 11, 12, 13]);
    let mut backward = list(None, Order::NewestFirst, 4);
    backward.reverse();
    assert_eq!(backward, forward);
    assert_eq!(list(Some(EventKind::AttemptCaptured), Order::OldestFirst, 1), [10, 13]);
    assert_eq!(list(Some(EventKind::AttemptCaptured), Order::NewestFirst, 100), [13, 10]);
    assert_eq!(list(Some(EventKind::DisputeOpened), Order::NewestFirst, 100), [0; 0]);
}

#[test]
fn rows_hold_sealed_bytes_and_the_event_that_changed_them() {
    let folder = Folder::new();
    let ten = money(1_000, euro());
    let id = payment(1);
    let reader = opened(&folder, vec![admitted(1), created(id, merchant(1), ten, 10), started(id, ten, 11), captured(id, ten, 12)]);
    let row = reader.payment(merchant(1), id).unwrap().unwrap();
    assert_eq!(row.details.map(|details| details.bytes), Some(vec![1, 2, 3]));
    assert_eq!((row.number, row.changed_seq, row.updated_at), (2, 4, Timestamp::from_s(12)));
    assert_eq!((row.attempts_count, row.fee_minor, row.status), (1, 30, PaymentStatus::Captured));
    let attempts = reader.attempts(merchant(1), id).unwrap().unwrap();
    assert_eq!(attempts.iter().map(|attempt| (attempt.changed_seq, attempt.money)).collect::<Vec<_>>(), [(4, ten)]);
    let legs = reader.legs(merchant(1), id, None, 10).unwrap().unwrap();
    assert_eq!(legs.iter().map(|leg| (leg.seq, leg.position, leg.amount_minor)).collect::<Vec<_>>(), [(3, 0, 1_000)]);
    assert_eq!(reader.legs(merchant(1), id, Some((3, 0)), 10).unwrap().unwrap(), []);
}

fn disputed(number: u64, dispute: &str, at_s: u64) -> Entry {
    let (dispute, reason) = (dispute.to_owned(), "fraudulent".to_owned());
    let event = Event::DisputeOpened { payment: payment(number), dispute, amount_minor: 10, reason, respond_by: None };
    Entry { at: Timestamp::from_s(at_s), event, legs: Vec::new() }
}

#[test]
fn disputes_are_listed_newest_first_to_their_merchant_alone() {
    let folder = Folder::new();
    let mut entries = six();
    entries.extend([disputed(4, "dp_1", 70), disputed(5, "dp_2", 71), disputed(6, "dp_1", 72), disputed(4, "dp_3", 73)]);
    let event = Event::DisputeClosed { payment: payment(5), dispute: "dp_2".into(), won: true };
    entries.push(Entry { at: Timestamp::from_s(74), event, legs: Vec::new() });
    let reader = opened(&folder, entries);
    let listed = |number: u32, filter: DisputeFilter| -> Vec<String> {
        reader.disputes(merchant(number), &filter, &whole()).unwrap().items.into_iter().map(|row| row.provider_id).collect()
    };
    let all = DisputeFilter::default;
    assert_eq!(listed(1, all()), ["dp_3", "dp_2", "dp_1"]);
    assert_eq!(listed(2, all()), ["dp_1"]);
    assert_eq!(listed(3, all()), [""; 0]);
    assert_eq!(listed(1, DisputeFilter { status: Some(DisputeStatus::Won), ..all() }), ["dp_2"]);
    assert_eq!(listed(1, DisputeFilter { payment: Some(payment(4)), ..all() }), ["dp_3", "dp_1"]);
    assert_eq!(listed(1, DisputeFilter { payment: Some(payment(6)), ..all() }), [""; 0], "another merchant's payment");

    let first = reader.disputes(merchant(1), &all(), &Page { after: None, limit: 2 }).unwrap();
    let next = Page { after: first.next, limit: 2 };
    let second = reader.disputes(merchant(1), &all(), &next).unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
    let id = DisputeId::new(payment(4), "dp_1");
    assert_eq!(second.items[0].id, id);
    let found = reader.dispute(merchant(1), id).unwrap().unwrap();
    assert_eq!((found.payment, found.money, found.status), (payment(4), money(10, yen()), DisputeStatus::Open));
    assert_eq!(reader.dispute(merchant(2), id).unwrap(), None);
    assert_eq!(reader.dispute(merchant(1), DisputeId::new(payment(4), "dp_2")).unwrap(), None);
}

fn heard(event_id: &str, source: NoticeSource, found: NoticeUse, number: Option<u64>, at_s: u64) -> Entry {
    let event = Event::WebhookReceived {
        provider: 0,
        event_id: event_id.into(),
        event_type: "charge.dispute.created".into(),
        source,
        found,
        payment: number.map(payment),
        effect: None,
        provider_id: None,
        payload: None,
        stray: None,
    };
    Entry { at: Timestamp::from_s(at_s), event, legs: Vec::new() }
}

#[test]
fn webhooks_are_listed_newest_first_and_found_by_the_providers_id() {
    let folder = Folder::new();
    let mut entries = six();
    entries.push(heard("evt_1", NoticeSource::Webhook, NoticeUse::Unmatched, None, 70));
    entries.push(heard("evt_2", NoticeSource::Sweep, NoticeUse::News, Some(5), 71));
    entries.push(heard("evt_1", NoticeSource::Replay, NoticeUse::News, Some(4), 72));
    let reader = opened(&folder, entries);
    let listed = |filter: WebhookFilter| -> Vec<(String, NoticeSource)> {
        reader.webhooks(&filter, &whole()).unwrap().items.into_iter().map(|row| (row.event_id, row.source)).collect()
    };
    let all = WebhookFilter::default;
    let [one, two, again] = [("evt_1", NoticeSource::Webhook), ("evt_2", NoticeSource::Sweep), ("evt_1", NoticeSource::Replay)]
        .map(|(id, source)| (id.to_owned(), source));
    assert_eq!(listed(all()), [again.clone(), two.clone(), one.clone()]);
    assert_eq!(listed(WebhookFilter { found: Some(NoticeUse::Unmatched), ..all() }), [one]);
    assert_eq!(listed(WebhookFilter { source: Some(NoticeSource::Sweep), ..all() }), std::slice::from_ref(&two));
    assert_eq!(listed(WebhookFilter { merchant: Some(merchant(1)), ..all() }), [again.clone(), two.clone()]);
    assert_eq!(listed(WebhookFilter { merchant: Some(merchant(2)), ..all() }), []);
    assert_eq!(listed(WebhookFilter { merchant: Some(merchant(9)), ..all() }), []);
    assert_eq!(listed(WebhookFilter { received_from: Some(Timestamp::from_s(71)), ..all() }), [again, two]);
    assert_eq!(listed(WebhookFilter { event_type: Some("refund.updated".into()), ..all() }), []);
    let found: Vec<_> = reader.webhooks_of("evt_1", 10).unwrap().into_iter().map(|row| (row.source, row.payment)).collect();
    assert_eq!(found, [(NoticeSource::Webhook, None), (NoticeSource::Replay, Some(payment(4)))]);
    assert_eq!(reader.webhooks_of("evt_1", 1).unwrap().len(), 1);
    assert_eq!(reader.webhooks_of("evt_3", 10).unwrap(), []);
    let journey = reader.journey(merchant(1), payment(4), 0, 100).unwrap().unwrap();
    assert_eq!(journey.last().map(|event| event.kind), Some(EventKind::WebhookReceived));
}

#[test]
fn a_search_finds_what_a_text_names_whoever_owns_it() {
    let folder = Folder::new();
    let mut entries = six();
    entries.push(disputed(4, "du_1", 70));
    entries.push(heard("evt_1", NoticeSource::Webhook, NoticeUse::Unmatched, None, 71));
    entries.push(heard("evt_2", NoticeSource::Webhook, NoticeUse::News, Some(6), 72));
    entries.push(heard("evt_2", NoticeSource::Replay, NoticeUse::Known, Some(6), 73));
    let reader = opened(&folder, entries);
    // The keyed hash of a reference differs from merchant to merchant, as it does in the platform.
    let hash = |owner: base::MerchantId, text: &str| match text.strip_prefix("order-").and_then(|number| number.parse().ok()) {
        Some(number) if owner == merchant(if number % 3 == 0 { 2 } else { 1 }) => reference_of(payment(number)),
        Some(_) | None => [0xEE; 16],
    };
    let named = |text: &str| -> Vec<String> {
        let shown = |found: &Found| match found {
            Found::Merchant(row) => format!("merchant {}", row.handle),
            Found::Payment(row) => format!("payment {} of {}", (1..=6).find(|number| payment(*number) == row.id).unwrap(), row.merchant),
            Found::Refund(row) => format!("refund {}", row.id),
            Found::Dispute(row) => format!("dispute {} of {}", row.provider_id, row.merchant),
            Found::Customer(row) => format!("customer {}", row.id),
            Found::PaymentMethod(row) => format!("payment method {}", row.id),
            Found::Webhook { webhook, merchant } => format!("webhook {} {:?} {merchant:?}", webhook.event_id, webhook.source),
        };
        let results = reader.search(text, |owner| hash(owner, text)).unwrap();
        assert!(results.merchants_all);
        results.found.iter().map(shown).collect()
    };
    let (one, two) = (merchant(1), merchant(2));
    for (text, expected) in [
        (payment(2).to_string(), vec![format!("payment 2 of {one}")]),
        (payment(6).to_string(), vec![format!("payment 6 of {two}")]),
        (format!("pi_{:032x}", payment(5).as_u128()), vec![format!("payment 5 of {one}")]),
        (format!("pi_{:032x}", payment(6).as_u128()), vec![format!("payment 6 of {two}")]),
        ("order-3".into(), vec![format!("payment 3 of {two}")]),
        ("order-5".into(), vec![format!("payment 5 of {one}")]),
        ("order-5 ".into(), vec![]),
        ("du_1".into(), vec![format!("dispute du_1 of {one}")]),
        (DisputeId::new(payment(4), "du_1").to_string(), vec![format!("dispute du_1 of {one}")]),
        ("evt_1".into(), vec!["webhook evt_1 Webhook None".into()]),
        ("evt_2".into(), vec![format!("webhook evt_2 Webhook {:?}", Some(two))]),
        ("shop-2".into(), vec!["merchant shop-2".into()]),
        (two.to_string(), vec!["merchant shop-2".into()]),
        (payment(7).to_string(), vec![]),
        (merchant(3).to_string(), vec![]),
        ("nobody".into(), vec![]),
        (String::new(), vec![]),
    ] {
        assert_eq!(named(&text), expected, "{text}");
    }
}

#[test]
fn a_search_looks_among_a_bounded_number_of_merchants_and_says_when_there_are_more() {
    let folder = Folder::new();
    let most = u32::try_from(SEARCH_MERCHANTS_MAX).unwrap();
    let mut writer = Writer::open(&folder.file()).unwrap();
    let events = recorded((1..=most + 1).map(admitted));
    writer.apply(&events[..SEARCH_MERCHANTS_MAX]).unwrap();
    let reader = Reader::open(&folder.file()).unwrap();
    assert!(reader.search("nobody", |_| [0; 16]).unwrap().merchants_all);
    writer.apply(&events).unwrap();
    let last = format!("shop-{}", most + 1);
    let results = reader.search(&last, |_| [0; 16]).unwrap();
    assert!(!results.merchants_all && results.found.is_empty());
    let by_id = reader.search(&merchant(most + 1).to_string(), |_| [0; 16]).unwrap().found;
    assert!(matches!(&by_id[..], [Found::Merchant(row)] if row.handle == last));
}

#[test]
fn all_merchants_payments_refunds_and_disputes_are_listed_together_with_their_owners() {
    let folder = Folder::new();
    let mut entries = six();
    entries.push(disputed(4, "du_1", 70));
    entries.push(disputed(6, "du_2", 71));
    let reader = opened(&folder, entries);
    let all = reader.payments(Scope::All, &PaymentFilter::default(), &whole()).unwrap().items;
    let mut merged = Vec::new();
    for number in [1, 2] {
        merged.extend(reader.payments(merchant(number), &PaymentFilter::default(), &whole()).unwrap().items);
    }
    merged.sort_by_key(|row| std::cmp::Reverse(row.number));
    assert_eq!(all, merged);
    assert!(all.iter().any(|row| row.merchant == merchant(1)) && all.iter().any(|row| row.merchant == merchant(2)));
    let mut seen = Vec::new();
    let mut page = Page { after: None, limit: 2 };
    loop {
        let found = reader.payments(Scope::All, &PaymentFilter::default(), &page).unwrap();
        seen.extend(found.items);
        let Some(next) = found.next else { break };
        page.after = Some(next);
    }
    assert_eq!(seen, all, "none twice, none missing");

    let disputes = reader.disputes(Scope::All, &DisputeFilter::default(), &whole()).unwrap().items;
    let owners: Vec<_> = disputes.iter().map(|row| (row.provider_id.as_str(), row.merchant, row.payment)).collect();
    assert_eq!(owners, [("du_2", merchant(2), payment(6)), ("du_1", merchant(1), payment(4))]);
    let open = DisputeFilter { status: Some(DisputeStatus::Open), ..DisputeFilter::default() };
    assert_eq!(reader.disputes(Scope::All, &open, &whole()).unwrap().items, disputes);
    let won = DisputeFilter { status: Some(DisputeStatus::Won), ..DisputeFilter::default() };
    assert!(reader.disputes(Scope::All, &won, &whole()).unwrap().items.is_empty());
    let of_one = DisputeFilter { payment: Some(payment(6)), ..DisputeFilter::default() };
    assert_eq!(reader.disputes(Scope::All, &of_one, &whole()).unwrap().items.len(), 1);
    assert!(reader.disputes(merchant(1), &of_one, &whole()).unwrap().items.is_empty(), "another merchant's payment has none");
    assert_eq!((reader.disputes_open(100).unwrap(), reader.disputes_open(1).unwrap()), (2, 1));

    let refunds = reader.refunds(Scope::All, &RefundFilter::default(), &whole()).unwrap().items;
    let mut merged = Vec::new();
    for number in [1, 2] {
        merged.extend(reader.refunds(merchant(number), &RefundFilter::default(), &whole()).unwrap().items);
    }
    merged.sort_by_key(|row| std::cmp::Reverse(row.number));
    assert_eq!(refunds, merged);
    for row in &refunds {
        let of_one = RefundFilter { payment: Some(row.payment), ..RefundFilter::default() };
        assert!(reader.refunds(Scope::All, &of_one, &whole()).unwrap().items.contains(row));
    }
}
