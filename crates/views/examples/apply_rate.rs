//! Prints how fast events become rows on this machine: simple payments of four events each, given in batches as a
//! busy platform makes them. Run it with `cargo run --release -p views --example apply_rate`.

#[path = "../tests/common/mod.rs"]
mod common;

use base::Money;
use common::{Folder, admitted, captured, created, euro, merchant, payment, recorded, released, started};
use std::time::Instant;
use views::Writer;

const PAYMENTS: u64 = 100_000;
/// Payments that are open at a time: an outcome comes this many payments after its attempt.
const IN_FLIGHT: u64 = 500;

fn main() {
    let money = Money { amount_minor: 1_999, currency: euro() };
    let mut entries = vec![admitted(1)];
    for number in 1..=PAYMENTS + IN_FLIGHT {
        let at_s = number;
        if number <= PAYMENTS {
            entries.extend([created(payment(number), merchant(1), money, at_s), started(payment(number), money, at_s)]);
        }
        if let Some(done) = number.checked_sub(IN_FLIGHT).filter(|done| *done > 0) {
            entries.extend([captured(payment(done), money, at_s), released(payment(done), money, at_s)]);
        }
    }
    let events = recorded(entries);
    println!("batch   events/s      wall     bytes/event");
    for batch_events in [16_usize, 256, 4_096] {
        let folder = Folder::new();
        let mut writer = Writer::open(&folder.file()).expect("the temporary folder can be written");
        let began = Instant::now();
        for batch in events.chunks(batch_events) {
            writer.apply(batch).expect("the events follow each other");
        }
        let wall = began.elapsed();
        drop(writer);
        let bytes = std::fs::metadata(folder.file()).map_or(0, |metadata| metadata.len());
        let count = u128::try_from(events.len()).unwrap_or(0);
        let rate = count * 1_000_000 / wall.as_micros().max(1);
        println!("{batch_events:>5} {rate:>10} {wall:>9.2?} {:>15}", u128::from(bytes) / count.max(1));
    }
}
