//! `cargo xtask bench ledger`: how many transfers a second a platform makes durable, held against bars and against the disk and
//! the memory of the same run.
//!
//! The load is `bezant ledger bench`, a process of its own that starts the platform as another, asks it over HTTP, kills and
//! restarts it. `case.rs` is what is measured, `round.rs` how, `bars.rs` what must hold, `curve.rs` the long run of `--full`,
//! `report.rs` the text, the objects and the page.

mod bars;
mod case;
mod curve;
mod report;
mod round;

use super::{Folder, machine};
use crate::{Failure, cargo};
use bars::Judged;
use case::Size;
use curve::Curve;
use report::Report;
use round::Programs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How to measure the ledger.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Shorter: fewer transfers, a minute and a half beside building. What a transfer takes of the disk is not judged.
    #[arg(long)]
    quick: bool,
    /// Also make 50 million transfers in one run, to see whether that slows it. Takes minutes and 15 GB of disk.
    #[arg(long, conflicts_with = "quick")]
    full: bool,
    /// Only see whether it measures: one small case, programs without optimisation, and no bars.
    #[arg(long, conflicts_with_all = ["quick", "full", "write"])]
    smoke: bool,
    /// Measure the programs of this folder, such as target/release, and build nothing.
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// End with one JSON object for each case.
    #[arg(long)]
    json: bool,
    /// Put the figures, and with --full the chart, into docs/ledger-performance.md.
    #[arg(long)]
    write: bool,
    /// Folder to measure in, on the disk that counts; it is removed at the end.
    #[arg(long, default_value = "bezant-data/bench")]
    data: PathBuf,
}

impl Options {
    fn size(&self) -> Size {
        match self {
            Self { smoke: true, .. } => Size::Smoke,
            Self { quick: true, .. } => Size::Quick,
            _ => Size::Standard,
        }
    }
}

/// Measures the ledger and says whether every bar was reached.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let programs = match &options.programs {
        Some(folder) => Programs::built(folder)?,
        None => Programs::build(!options.smoke)?,
    };
    let report = measure(&programs, options)?;
    print!("{}", report.text());
    if options.write {
        report.write(&cargo::root())?;
    }
    if options.json {
        for judged in &report.cases {
            println!("{}", judged.json()?);
        }
    }
    if report.bars().iter().all(|bar| bar.is_reached) {
        return Ok(());
    }
    Err(Failure::new("a bar was missed"))
}

/// Every case, and the long run where one was asked for.
fn measure(programs: &Programs, options: &Options) -> Result<Report, Failure> {
    let (machine, size) = (machine::describe(), options.size());
    let folder = Folder::make(&options.data)?;
    let needed = if options.full { curve::DISK_BYTES } else { size.disk_bytes() };
    check_space(&folder.path, free_bytes(&folder.path)?, needed)?;
    let mut cases = Vec::new();
    for case in case::all(size) {
        let mut rounds = Vec::with_capacity(case.rounds);
        for number in 1..=case.rounds {
            eprintln!("{}, round {number} of {}", case.name, case.rounds);
            let found = round::run(programs, &folder.path, &case)?;
            eprintln!("  {:.0} transfers a second", found.value("transfers_per_s")?);
            rounds.push(found);
        }
        cases.push(Judged::new(case, &rounds)?);
    }
    let curve = if options.full { Some(Curve::measure(programs, &folder.path)?) } else { None };
    Ok(Report { machine, size, cases, curve })
}

/// Bytes that files in this folder may still take.
fn free_bytes(folder: &Path) -> Result<u64, Failure> {
    let mut command = Command::new("df");
    let text = cargo::output(command.args(["--output=avail", "--block-size=1"]).arg(folder))?;
    let free = text.lines().last().and_then(|line| line.trim().parse().ok());
    free.ok_or_else(|| Failure::new(format!("`{}` named no free space", cargo::show(&command))))
}

fn check_space(folder: &Path, free: u64, needed: u64) -> Result<(), Failure> {
    if free >= needed {
        return Ok(());
    }
    let gigabytes = |bytes: u64| format!("{}.{:02} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 10_000_000);
    let (free, needed, missing) = (gigabytes(free), gigabytes(needed), gigabytes(needed - free));
    Err(Failure::new(format!("{} has {free} free and this needs {needed}: {missing} are missing", folder.display())))
}

#[cfg(test)]
mod tests {
    use super::bars::FIELDS;
    use super::round::Programs;
    use super::{Options, check_space, free_bytes, measure};
    use serde_json::{Map, Value};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    /// Says what a fast platform would, and leaves a data folder as one does.
    const BEZANT: &str = r#"#!/bin/sh
case "$*" in *--keep*) ;; *) echo "not kept: $*" >&2; exit 1 ;; esac
while [ $# -gt 0 ]; do [ "$1" = --data ] && mkdir -p "$2/platform" && echo x > "$2/platform/kept"; shift; done
echo '{"transfers":20000,"refused":0,"elapsed_s":0.02,"transfers_per_s":1000000.4,"batch_p50_ms":4.5,"batch_p99_ms":20.5,
"batch_max_ms":30.5,"rss_mb":400.5,"cpu_us_per_transfer":1.5,"bytes_on_disk_per_transfer":200.4,
"bytes_written_per_transfer":350.2,"restart_s":1.234}' | tr -d '\n'
"#;
    const YARDSTICK: &str = r#"#!/bin/sh
case "$1" in
echo) echo '{"url":"http://127.0.0.1:1"}'; exec sleep 600 ;;
ask) echo '{"answers":10,"per_s":10000,"p50_us":90,"p99_us":200}' ;;
append) [ -f "$5/kept" ] || exit 1
    echo '{"batches":1000,"bytes":200000000,"batches_per_s":2000,"fsync_p50_us":150,"fsync_p99_us":300}' ;;
esac
"#;
    const RATE: &str = "#!/bin/sh\necho '{\"case\":\"a\",\"transfers_per_s\":5000000}'\n";

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("bezant-xtask-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("examples")).unwrap();
        folder
    }

    fn program(path: &Path, script: &str) {
        fs::write(path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn options(folder: &Path) -> Options {
        let data = folder.join("data");
        Options { quick: false, full: false, smoke: true, programs: None, json: true, write: false, data }
    }

    #[test]
    fn a_run_asks_every_program_and_leaves_nothing_behind() {
        let folder = folder("ledger");
        program(&folder.join("bezant"), BEZANT);
        program(&folder.join("examples/yardstick"), YARDSTICK);
        program(&folder.join("examples/rate"), RATE);
        let programs = Programs::built(&folder).map_err(|failure| failure.message).unwrap();
        let report = measure(&programs, &options(&folder)).map_err(|failure| failure.message).unwrap();
        assert!(!folder.join("data").exists());
        fs::remove_dir_all(&folder).unwrap();
        let [case] = &report.cases[..] else { panic!("{} cases", report.cases.len()) };
        let object: Map<String, Value> = serde_json::from_str(&case.json().map_err(|failure| failure.message).unwrap()).unwrap();
        assert_eq!(object.keys().map(String::as_str).collect::<Vec<_>>(), FIELDS);
        for (name, value) in [
            ("append_bytes_per_s", 800_000_000.into()),
            ("batch_max_ms", Value::from(30.5)),
            ("case", "bulk".into()),
            ("echo_p50_us", 90.into()),
            ("fdatasync_p50_us", 150.into()),
            ("fdatasync_per_s", 2_000.into()),
            ("memory_ceiling_per_s", 5_000_000.into()),
            ("query_p99_ms", Value::Null),
            ("restart_s", 1.234.into()),
            ("transfers_per_s", 1_000_000.into()),
        ] {
            assert_eq!(object[name], value, "{name}");
        }
        assert!(report.bars().is_empty() && report.text().contains("No bars"), "{}", report.text());
    }

    #[test]
    fn what_a_program_cannot_do_ends_the_run_with_its_name() {
        let folder = folder("ledger-broken");
        program(&folder.join("bezant"), "#!/bin/sh\necho '{\"transfers\":1,\"refused\":0}'\n");
        program(&folder.join("examples/yardstick"), YARDSTICK);
        let programs = Programs::built(&folder).map_err(|failure| failure.message).unwrap();
        let failure = measure(&programs, &options(&folder)).map(|_| ()).unwrap_err().message;
        assert!(failure.contains("transfers_per_s"), "{failure}");
        program(&folder.join("bezant"), "#!/bin/sh\necho '{\"transfers\":1,\"refused\":2}'\n");
        let failure = measure(&programs, &options(&folder)).map(|_| ()).unwrap_err().message;
        assert!(failure.contains("2 transfers were refused"), "{failure}");
        assert!(!folder.join("data").exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn missing_space_is_told_before_anything_is_measured() {
        let folder = std::env::temp_dir();
        assert!(free_bytes(&folder).is_ok());
        assert!(check_space(&folder, 12_000_000_000, 12_000_000_000).is_ok());
        let failure = check_space(&folder, 3_250_000_000, 15_000_000_000).unwrap_err().message;
        assert!(failure.ends_with("has 3.25 GB free and this needs 15.00 GB: 11.75 GB are missing"), "{failure}");
    }
}
