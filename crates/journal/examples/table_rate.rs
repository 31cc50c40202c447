//! How fast tables are built, merged and searched, on a real disk: a million entries with keys of 20 bytes (random, and
//! ascending as ids are that start with a time) and values of 8. Run it with `--release`; the folder for its files is
//! the first argument, or the system's temporary one. A fault ends it with a message. Builds are the best of three, for
//! a machine that has other work; everything else is told as it came.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::OsIo;
use journal::table::{BlockBuffer, Layout, Merge, Progress, Summary, Table, Values, Writer};

const ENTRY_COUNT: u64 = 1_000_000;
const INPUT_COUNT: u64 = 4;
const BUILD_COUNT: usize = 3;
const LOOKUP_COUNT: usize = 200_000;
const LAYOUT: Layout = Layout { key_bytes: 20, values: Values::Fixed(8), filter_prefix_bytes: std::num::NonZeroU8::new(20) };
const ABOUT: [u8; 16] = *b"rate of tables  ";

type Key = [u8; 20];

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn key(&mut self, first: u64) -> Key {
        let mut key = [0; 20];
        key[..8].copy_from_slice(&first.to_be_bytes());
        key[8..16].copy_from_slice(&self.number().to_be_bytes());
        key[16..].copy_from_slice(&self.number().to_be_bytes()[..4]);
        key
    }
}

fn per_item(time: Duration, count: u64) -> String {
    let ns = time.as_nanos();
    format!("{}.{} ns", ns / u128::from(count), ns * 10 / u128::from(count) % 10)
}

/// Builds a table and tells how long its entries took, and making it durable.
fn build(io: &OsIo, path: &str, keys: &[Key]) -> Result<(Summary, Duration, Duration), Box<dyn Error>> {
    let started = Instant::now();
    let mut writer = Writer::create(io, path, LAYOUT, ABOUT, u64::try_from(keys.len())?)?;
    for (number, key) in (0_u64..).zip(keys) {
        writer.push(key, &number.to_le_bytes())?;
    }
    let pushed = started.elapsed();
    let summary = writer.finish()?;
    Ok((summary, pushed, started.elapsed()))
}

fn measure(io: &OsIo, name: &str, keys: &[Key], absent: &[Key]) -> Result<(), Box<dyn Error>> {
    let (summary, mut pushed, mut durable) = build(io, "whole", keys)?;
    for _ in 1..BUILD_COUNT {
        let (_, pushed_again, durable_again) = build(io, "whole", keys)?;
        (pushed, durable) = (pushed.min(pushed_again), durable.min(durable_again));
    }
    println!("{name}: {} bytes an entry on disk", summary.file_bytes / ENTRY_COUNT);
    println!("  build                {} an entry, {} until durable", per_item(pushed, ENTRY_COUNT), per_item(durable, ENTRY_COUNT));

    let mut inputs = Vec::new();
    for input in 0..INPUT_COUNT {
        let path = format!("input-{input}");
        let part: Vec<Key> = keys.iter().skip(usize::try_from(input)?).step_by(usize::try_from(INPUT_COUNT)?).copied().collect();
        build(io, &path, &part)?;
        inputs.push(Arc::new(Table::open(io, &path)?));
    }
    let started = Instant::now();
    let mut merge = Merge::start(io, "merged", &inputs, ABOUT)?;
    let mut longest = Duration::ZERO;
    let last = loop {
        let step = Instant::now();
        let progress = merge.step(10_000)?;
        match progress {
            Progress::Working { .. } => longest = longest.max(step.elapsed()),
            Progress::Done(_) => break step.elapsed(),
        }
    };
    let merged = started.elapsed();
    println!(
        "  merge of {INPUT_COUNT}           {} an entry before the last step, {} until durable; longest step of 10,000 {longest:?}, last {last:?}",
        per_item(merged.saturating_sub(last), ENTRY_COUNT),
        per_item(merged, ENTRY_COUNT)
    );

    let started = Instant::now();
    let table = Table::open(io, "whole")?;
    println!("  open                 {:?}, {} bytes of memory", started.elapsed(), table.memory_bytes());
    let started = Instant::now();
    table.verify()?;
    println!("  verify               {} an entry", per_item(started.elapsed(), ENTRY_COUNT));
    let started = Instant::now();
    let entry_count = table.range(&[0; 20]..=&[0xFF; 20]).filter(|entry| entry.is_ok()).count();
    assert_eq!(u64::try_from(entry_count)?, ENTRY_COUNT);
    println!("  range over all       {} an entry", per_item(started.elapsed(), ENTRY_COUNT));

    let mut random = Random(7);
    let wanted: Vec<Key> = (0..LOOKUP_COUNT).map(|_| keys[usize::try_from(random.number() % ENTRY_COUNT).expect("a million")]).collect();
    let lookup_count = u64::try_from(LOOKUP_COUNT)?;
    let mut buffer = BlockBuffer::default();
    let started = Instant::now();
    for key in &wanted {
        assert!(table.value(&mut buffer, key)?.is_some());
    }
    println!("  value, present       {} a look-up", per_item(started.elapsed(), lookup_count));
    for (what, keys) in [("present", &wanted[..]), ("absent ", absent)] {
        let started = Instant::now();
        let found = keys.iter().filter(|key| black_box(table.may_contain(*key))).count();
        let took = per_item(started.elapsed(), u64::try_from(keys.len())?);
        println!("  may_contain, {what} {took} a look-up, {found} of {} true", keys.len());
        let mut numbers = Vec::new();
        let started = Instant::now();
        table.candidates(keys.iter().map(|key| &key[..]), &mut numbers);
        println!("  candidates, {what}  {} a look-up", per_item(started.elapsed(), u64::try_from(keys.len())?));
        assert_eq!(numbers.len(), found);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let folder = parent.join(format!("table-rate-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let io = OsIo::new(&folder);
    let mut random = Random(1);
    let mut keys: Vec<Key> = (0..ENTRY_COUNT)
        .map(|_| {
            let first = random.number();
            random.key(first)
        })
        .collect();
    keys.sort_unstable();
    let absent: Vec<Key> = (0..LOOKUP_COUNT)
        .map(|_| {
            let first = random.number();
            random.key(first)
        })
        .collect();
    let measured = measure(&io, "random keys", &keys, &absent).and_then(|()| {
        let keys: Vec<Key> = (0..ENTRY_COUNT).map(|number| random.key(1_700_000_000_000_000_000 + number * 1000)).collect();
        let absent: Vec<Key> =
            (0..ENTRY_COUNT).take(LOOKUP_COUNT).map(|number| random.key(1_700_000_000_000_000_001 + number * 1000)).collect();
        measure(&io, "ascending keys", &keys, &absent)
    });
    std::fs::remove_dir_all(&folder)?;
    measured
}
