//! Crashes and failures while a table is written or merged: afterwards the table of that name is whole, or not there.

use std::sync::Arc;

use journal::simio::{Effect, Fault, Operation, SimIo};
use journal::table::{Error, Layout, Merge, Progress, Table, Values, Writer, remove_unfinished};
use journal::{Io, IoFailure};

use crate::support::Random;
use crate::table_model::{ABOUT, Model, contents, layout, open_well, varying, write};

const PATH: &str = "tables/new";

/// Both kinds.
fn layouts() -> [Layout; 2] {
    [layout(8, 12, 8), varying(8, 24, 8)]
}

/// Enough entries for several writes.
fn entries(layout: Layout, first: u64, byte: u8) -> Model {
    let value_bytes = |number: u64| match layout.values {
        Values::Fixed(bytes) => usize::from(bytes),
        Values::UpTo(bytes_max) => usize::try_from(number % (u64::from(bytes_max) + 1)).expect("small"),
    };
    let entry = |number: u64| (number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes().to_vec(), vec![byte; value_bytes(number)]);
    (first..first + 30_000).map(entry).collect()
}

fn merge(io: &SimIo) -> Result<(), Error> {
    let inputs = [Arc::new(Table::open(io, "tables/a")?), Arc::new(Table::open(io, "tables/b")?)];
    let mut merge = Merge::start(io, PATH, &inputs, ABOUT)?;
    while let Progress::Working { .. } = merge.step(7_000)? {}
    Ok(())
}

/// A disk with the inputs of a merge and, perhaps, an older table under the new one's name.
fn disk(layout: Layout, older: Option<&Model>) -> SimIo {
    let io = SimIo::new();
    write(&io, "tables/a", layout, &entries(layout, 0, 1)).expect("it is written");
    write(&io, "tables/b", layout, &entries(layout, 20_000, 1)).expect("it is written");
    if let Some(older) = older {
        write(&io, PATH, layout, older).expect("it is written");
    }
    io
}

type Make<'a> = &'a dyn Fn(&SimIo) -> Result<(), Error>;

/// Lets `make` write the table `new` with something going wrong, and judges what is there afterwards.
fn check(io: &SimIo, seed: u64, older: Option<&Model>, new: &Model, make: Make<'_>) -> bool {
    let result = make(io);
    let mut random = Random(seed);
    if io.list("tables").is_err() || seed.is_multiple_of(2) {
        io.crash(&mut || random.number());
    } else {
        io.kill();
    }
    io.clear_faults();
    let found = match Table::open(io, PATH) {
        Ok(table) => {
            table.verify().expect("a table with its name is whole");
            Some(contents(&table))
        }
        Err(Error::Io(IoFailure { source, .. })) if source.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("a crash damaged a table: {error}"),
    };
    let is_new = found.as_ref() == Some(new);
    match &result {
        Ok(()) => assert!(is_new, "a table that was finished is there"),
        Err(error) => assert!(matches!(error, Error::Io(_)), "{error}"),
    }
    assert!(is_new || found.as_ref() == older, "neither the new table nor what was there before");
    remove_unfinished(io, "tables").expect("the disk works again");
    assert!(io.files().keys().all(|path| !path.ends_with(".tmp")));
    make(io).expect("the disk works again");
    assert!(open_well(io, PATH).verify().is_ok());
    is_new
}

/// Every way for one operation to fail, at every operation there is.
fn check_everywhere(layout: Layout, older: Option<&Model>, new: &Model, make: Make<'_>) {
    let sound = disk(layout, older).files();
    let disk = || {
        let io = SimIo::new();
        sound.iter().for_each(|(path, contents)| io.put_file(path, contents));
        io
    };
    let io = disk();
    make(&io).expect("a working disk takes a table");
    let operation_count = io.operation_count();
    assert!((7..30).contains(&operation_count), "{operation_count} operations");
    let mut new_count = 0;
    for cut_after in 0..=operation_count {
        for seed in 0..3 {
            let io = disk();
            io.cut_power_after(cut_after);
            new_count += u64::from(check(&io, seed, older, new, make));
        }
    }
    assert!((3..3 * operation_count).contains(&new_count), "{new_count} of the crashes came late enough");
    for operation in [Operation::Create, Operation::Write, Operation::Sync, Operation::Rename, Operation::SyncDir] {
        for effect in [Effect::InputOutputError, Effect::NoSpace, Effect::PowerCut] {
            for calls_before in 0..operation_count {
                let io = disk();
                io.schedule(Fault { operation, path_part: Some("tables".to_owned()), calls_before, effect });
                check(&io, calls_before, older, new, make);
                let counts = io.counts();
                if counts.write_errors + counts.sync_errors + counts.other_errors + counts.no_space + counts.power_cuts == 0 {
                    assert!(calls_before > 0, "{operation:?} never happens");
                    break;
                }
            }
        }
    }
}

#[test]
fn a_crash_or_failure_anywhere_in_writing_leaves_a_whole_table_or_none() {
    for layout in layouts() {
        let new = entries(layout, 0, 7);
        check_everywhere(layout, None, &new, &|io| write(io, PATH, layout, &new));
    }
}

#[test]
fn a_crash_or_failure_anywhere_in_replacing_a_table_leaves_the_old_one_or_the_new_one() {
    for layout in layouts() {
        let new = entries(layout, 5, 7);
        check_everywhere(layout, Some(&entries(layout, 0, 8)), &new, &|io| write(io, PATH, layout, &new));
    }
}

#[test]
fn a_crash_or_failure_anywhere_in_merging_leaves_a_whole_table_or_none_and_the_inputs() {
    for layout in layouts() {
        let mut new = entries(layout, 0, 1);
        new.extend(entries(layout, 20_000, 1));
        check_everywhere(layout, None, &new, &merge);
    }
}

#[test]
fn a_disk_that_lies_about_syncs_tears_tables_and_each_is_found() {
    for layout in layouts() {
        check_lies(layout);
    }
}

fn check_lies(layout: Layout) {
    let new = entries(layout, 0, 7);
    let (mut whole_count, mut torn_count) = (0, 0);
    for seed in 0..60 {
        let io = SimIo::new();
        io.set_lying(true);
        write(&io, PATH, layout, &new).expect("the disk says that all is well");
        let mut random = Random(seed);
        io.crash(&mut || random.number());
        match Table::open(&io, PATH).and_then(|table| table.verify().map(|()| table)) {
            Ok(table) => {
                assert_eq!(contents(&table), new);
                whole_count += 1;
            }
            Err(Error::Damaged { path, .. }) => {
                assert_eq!(path, PATH);
                torn_count += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(whole_count > 5 && torn_count > 20, "{whole_count} whole, {torn_count} torn");
}

#[test]
fn a_long_table_is_synced_while_it_is_written() {
    let io = SimIo::new();
    let mut writer = Writer::create(&io, PATH, layout(64, 16, 0), ABOUT, 0).expect("it starts");
    let mut random = Random(3);
    let mut key = [0; 64];
    let mut has_failed = false;
    for number in 0_u64..150_000 {
        key[..8].copy_from_slice(&number.to_be_bytes());
        key[8..].iter_mut().for_each(|byte| *byte = random.number().to_le_bytes()[0]);
        if number == 10 {
            io.fail_next(Operation::Sync, Effect::InputOutputError);
        }
        match writer.push(&key, &[0; 16]) {
            Ok(()) => assert!(!has_failed),
            Err(Error::Io(failure)) => {
                assert_eq!((failure.operation, &failure.path[..]), ("sync", "tables/new.tmp"));
                assert!((90_000..130_000).contains(&number), "8 MiB are about a hundred thousand entries, not {number}");
                has_failed = true;
            }
            Err(Error::Stopped { .. }) => assert!(has_failed),
            Err(other) => panic!("{other}"),
        }
    }
    assert!(has_failed);
    assert!(matches!(writer.finish(), Err(Error::Stopped { .. })));
    assert!(io.files().is_empty());
}
