//! Large batches: many chains at once, a million timeouts in one second, and numbers at the edge of 128 bits.

use ledger::{AMOUNT_MAX, BATCH_EVENTS_MAX, CreateTransferStatus as Status, Ledger, PendingStatus, Transfer, TransferFlags as Flags};

use crate::fixture::{check, plain_account, transfer};

const CHAINS: usize = 50;
const CHAIN_LENGTH: usize = BATCH_EVENTS_MAX / CHAINS;

/// The chain with this number: plain transfers, holds and their posts, a closing and its void. All hold between accounts
/// that no other chain uses, unless a fault is put in.
fn chain(number: usize, next_id: &mut u128) -> Vec<Transfer> {
    let debit = u128::try_from(number).expect("a small number") * 2 + 1;
    let mut events: Vec<Transfer> = Vec::new();
    while events.len() < CHAIN_LENGTH {
        let id = *next_id;
        *next_id += 1;
        let before = id - 1;
        let row = match events.len() % 5 {
            0 => format!("{id} debit={debit} credit={}", debit + 1),
            1 => format!("{id} debit={debit} credit={} pending timeout=9 amount=7", debit + 1),
            2 => format!("{id} post of={before} amount=3"),
            3 => format!("{id} debit={debit} credit={} pending closing_credit amount=1", debit + 1),
            _ => format!("{id} void of={before}"),
        };
        let event = transfer(&row);
        events.push(Transfer { flags: event.flags.union(Flags::LINKED), ..event });
    }
    let last = events.last_mut().expect("a chain has events");
    last.flags = Flags::from_bits(last.flags.bits() & !Flags::LINKED.bits());
    events
}

#[test]
fn of_fifty_long_chains_in_a_batch_the_broken_ones_leave_no_trace() {
    let mut ledger = Ledger::new();
    let accounts: Vec<_> =
        (1..=2 * CHAINS).map(|id| plain_account(u128::try_from(id).unwrap(), 1 + u32::try_from((id - 1) / 4).unwrap())).collect();
    ledger.create_accounts(&accounts, 1);
    let mut unbroken = ledger.clone();

    let mut next_id = 1_000;
    let chains: Vec<Vec<Transfer>> = (0..CHAINS).map(|number| chain(number, &mut next_id)).collect();
    let mut events: Vec<Transfer> = Vec::new();
    for (number, mut chain) in chains.into_iter().enumerate() {
        for event in chain.iter_mut().filter(|event| !event.is_resolution()) {
            event.ledger = 1 + u32::try_from(number / 2).unwrap();
        }
        // Every third chain breaks, the later the farther on.
        if number % 3 == 1 {
            chain[number * CHAIN_LENGTH / CHAINS].code = 9;
            chain[number * CHAIN_LENGTH / CHAINS].ledger = 99;
        }
        events.extend(chain);
    }

    let (mut results, mut created, mut burned) = (Vec::new(), Vec::new(), Vec::new());
    ledger.create_transfers_into(&events, 1_000, &mut results, &mut created, &mut burned);
    for (number, results) in results.chunks(CHAIN_LENGTH).enumerate() {
        let created_count = results.iter().filter(|result| result.status == Status::Created).count();
        let failed_count = results.iter().filter(|result| result.status == Status::LinkedEventFailed).count();
        if number % 3 == 1 {
            assert_eq!((created_count, failed_count), (0, CHAIN_LENGTH - 1), "chain {number}");
        } else {
            assert_eq!(created_count, CHAIN_LENGTH, "chain {number}");
        }
    }
    assert_eq!(burned, Vec::<u128>::new());
    ledger.check_consistency().unwrap();
    unbroken.apply_transfers(&created);
    ledger.forget();
    assert_eq!(ledger, unbroken);
    let retried = ledger.create_transfers(&events[CHAIN_LENGTH..=CHAIN_LENGTH + 1], 1_000_000);
    assert_ne!(retried[0].status, Status::IdAlreadyFailed);
}

#[test]
fn a_million_timeouts_of_one_second_are_released_in_order_page_by_page() {
    const COUNT: usize = 1_000_000;
    let mut ledger = Ledger::new();
    ledger.create_accounts(&[plain_account(1, 1), plain_account(2, 1)], 1);
    // Ids fall while time grows, so that the order of the one is not the order of the other.
    let event = |index: usize| Transfer { id: u128::try_from(COUNT * 2 - index).unwrap(), amount: 1, ..transfer("1 pending timeout=30") };
    let events: Vec<Transfer> = (0..COUNT).map(event).collect();
    for batch in events.chunks(BATCH_EVENTS_MAX) {
        let results = ledger.create_transfers(batch, ledger.timestamp_last() + 1);
        assert!(results.iter().all(|result| result.status == Status::Created));
        ledger.forget();
    }
    assert_eq!(ledger.pendings_count(), COUNT);
    assert_eq!(ledger.account(1).unwrap().debits_pending, u128::try_from(COUNT).unwrap());

    // One in ten is voided first, and must not come up.
    let mut next_id = u128::try_from(COUNT).unwrap() * 3;
    let voids: Vec<Transfer> = events
        .iter()
        .step_by(10)
        .map(|pending| {
            next_id += 1;
            Transfer { id: next_id, pending_id: pending.id, ..transfer("1 void") }
        })
        .collect();
    for batch in voids.chunks(BATCH_EVENTS_MAX) {
        ledger.create_transfers(batch, ledger.timestamp_last() + 1);
        ledger.forget();
    }

    let now_ns = ledger.expires_next_at_ns().unwrap() + 1_000_000_000;
    let mut expired: Vec<u128> = Vec::new();
    loop {
        let page = ledger.expire(now_ns);
        assert!(page.iter().all(|id| ledger.pending_status(*id) == Some(PendingStatus::Expired)));
        ledger.forget();
        expired.extend(&page);
        if page.len() < BATCH_EVENTS_MAX {
            break;
        }
    }
    let expected: Vec<u128> = (0..COUNT).filter(|index| index % 10 != 0).map(|index| events[index].id).collect();
    assert_eq!(expired.len(), expected.len());
    assert!(expired == expected, "in order of their timestamps");
    assert_eq!((ledger.pendings_count(), ledger.expires_next_at_ns()), (0, None));
    assert_eq!(ledger.account(1).unwrap().debits_pending, 0);
    assert_eq!(ledger.totals(1), ledger::Totals::default());
    ledger.check_consistency().unwrap();
}

#[test]
fn the_largest_amount_is_reserved_posted_and_taken_back() {
    let shown = check(
        "
accounts
  1 -> created
  2 -> created
  3 -> created
  4 -> created
transfers
  1 pending amount=max -> created
  2 pending amount=1 -> overflows_debits_pending
  3 amount=1 -> overflows_debits
  4 linked post of=1 -> linked_event_failed
  5 linked debit=3 credit=4 amount=max -> linked_event_failed  # the sums of the ledger wrap
  6 code=0 -> code_must_not_be_zero
pending 1 = pending
transfers
  7 debit=3 credit=4 amount=max -> created
  8 debit=2 credit=1 amount=max -> created
  9 post of=1 -> created
  10 amount=0 -> created
  11 amount=1 -> overflows_debits_posted
  12 debit=4 credit=3 balancing_credit amount=max -> created
",
    );
    let largest = |id: u128| shown.ledger.account(id).unwrap().debits_posted;
    assert_eq!([largest(1), largest(2), largest(3), largest(4)], [AMOUNT_MAX; 4]);
    assert_eq!(shown.ledger.totals(1).debits_posted, 0_u128.wrapping_sub(4));
}
