//! `bezant backup` and `bezant restore`: a copy of everything durable, and a data folder made out of it and proven.

use super::{DATA, Failure, Output, note, show};
use crate::backup::{self, Balanced, Made, Progress, Restored};
use crate::clock::Clock;
use base::Currency;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The platform's data folder; the platform may be running.
    #[arg(long, value_name = "FOLDER", default_value = DATA)]
    data: PathBuf,
    /// Where the backup is kept: a folder that does not exist, is empty, or holds the last backup of this platform.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The folder of the backup.
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The data folder to make; it must not exist, or be empty.
    #[arg(long, value_name = "FOLDER", default_value = DATA)]
    data: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Runs `bezant backup`.
pub(super) fn backup(arguments: &Backup) -> Result<(), Failure> {
    let bar = bar();
    let made = backup::make(&arguments.data, &arguments.to, Clock::wall(), &mut |progress| show_progress(&bar, progress));
    bar.finish_and_clear();
    let made = made.map_err(|error| Failure::failed(error.to_string()))?;
    if arguments.output.json {
        return show(&format!("{}\n", made_json(&made)));
    }
    show(&made_text(&made))?;
    if made.damaged_keys > 0 {
        note(&format!("{} slots of the key store are damaged in the platform's own folder, too", made.damaged_keys));
    }
    let folder = arguments.to.display();
    note(&format!("what is in {folder}/keys opens personal data and lets callers in: guard it as you guard the data folder"));
    Ok(())
}

/// Runs `bezant restore`.
pub(super) fn restore(arguments: &Restore) -> Result<(), Failure> {
    let bar = bar();
    let restored = backup::restore(&arguments.from, &arguments.data, &mut |progress| show_progress(&bar, progress));
    bar.finish_and_clear();
    let restored = restored.map_err(|error| Failure::failed(error.to_string()))?;
    if arguments.output.json {
        return show(&format!("{}\n", restored_json(&restored)));
    }
    show(&restored_text(&restored))?;
    if restored.damaged_keys > 0 {
        note(&format!("{} slots of the key store are damaged, as they were when they were backed up", restored.damaged_keys));
    }
    let data = arguments.data.display();
    note(&format!("start it with `bezant serve --data {data}`, when no other platform with this data is running any more"));
    Ok(())
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix:8} {bar:30} {percent:>3} %, {eta} left").expect("the template is a constant");
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5)).with_style(style)
}

fn show_progress(bar: &ProgressBar, progress: Progress) {
    let (what, done, total) = match progress {
        Progress::Files { done_bytes, total_bytes } => ("files", done_bytes, total_bytes),
        Progress::Events { seq, last_seq } => ("events", seq, last_seq),
    };
    if bar.prefix() != what {
        bar.set_prefix(what);
        bar.reset_eta();
    }
    bar.set_length(total);
    bar.set_position(done);
}

fn made_json(made: &Made) -> Value {
    let Made { manifest, copied_files, copied_bytes, kept_files, kept_bytes, damaged_keys } = made;
    json!({
        "object": "backup", "made_at": manifest.made_at, "last_seq": manifest.tail.last_seq(), "chain_hash": manifest.tail.chain_hash,
        "state_digest": manifest.state_digest, "copied_files": copied_files, "copied_bytes": copied_bytes, "kept_files": kept_files,
        "kept_bytes": kept_bytes, "damaged_keys": damaged_keys,
    })
}

fn made_text(made: &Made) -> String {
    let Made { manifest, copied_files, copied_bytes, kept_files, kept_bytes, damaged_keys: _ } = made;
    let (last_seq, chain_hash, state_digest) = (manifest.tail.last_seq(), &manifest.tail.chain_hash, &manifest.state_digest);
    format!(
        "events        {last_seq}\nchain hash    {chain_hash}\nstate digest  {state_digest}\n\
         copied        {copied_files} files, {copied_bytes} bytes\nkept          {kept_files} files, {kept_bytes} bytes\n\
         complete: everything up to event {last_seq} can be restored\n"
    )
}

fn restored_json(restored: &Restored) -> Value {
    let Restored { manifest, bytes, balanced, keys, erased_again, damaged_keys } = restored;
    let ledgers: Vec<Value> = balanced.iter().map(balanced_json).collect();
    json!({
        "object": "restore", "made_at": manifest.made_at, "last_seq": manifest.tail.last_seq(), "chain_hash": manifest.tail.chain_hash,
        "state_digest": manifest.state_digest, "files": manifest.files.len(), "bytes": bytes, "keys": keys,
        "erased_again": erased_again, "damaged_keys": damaged_keys, "ledgers": ledgers,
    })
}

fn balanced_json(balanced: &Balanced) -> Value {
    let Balanced { merchant, ledger, totals } = balanced;
    json!({
        "merchant": merchant.map(|merchant| merchant.to_string()), "ledger": ledger,
        "debits_posted": totals.debits_posted.to_string(), "credits_posted": totals.credits_posted.to_string(),
        "debits_pending": totals.debits_pending.to_string(), "credits_pending": totals.credits_pending.to_string(),
    })
}

fn restored_text(restored: &Restored) -> String {
    let Restored { manifest, bytes, balanced, keys, erased_again, damaged_keys: _ } = restored;
    let (last_seq, chain_hash, state_digest) = (manifest.tail.last_seq(), &manifest.tail.chain_hash, &manifest.state_digest);
    let files = manifest.files.len();
    let mut text = format!(
        "backed up     {}\nfiles         {files}, {bytes} bytes; every checksum holds\nevents        {last_seq}; every one was applied\n\
         chain hash    {chain_hash}; as it was backed up\nstate digest  {state_digest}; as it was backed up\n\
         keys          {keys} opened, {erased_again} destroyed again\n",
        manifest.made_at
    );
    for Balanced { merchant, ledger, totals } in balanced {
        let name = match merchant {
            Some(merchant) => format!("{merchant} {ledger}"),
            None => currency(*ledger),
        };
        text.push_str(&format!(
            "balances      {name}: posted {} = {}, pending {} = {}\n",
            totals.debits_posted, totals.credits_posted, totals.debits_pending, totals.credits_pending
        ));
    }
    text.push_str("proven: this is what was backed up, and debits equal credits in every ledger\n");
    text
}

/// A ledger of the platform's books by the name of its currency.
fn currency(ledger: u32) -> String {
    let found = u16::try_from(ledger).ok().and_then(Currency::from_numeric);
    found.map_or_else(|| ledger.to_string(), |currency| currency.to_string())
}
