//! `bezant views`: the read models that lists, searches and journeys come from. They are disposable.

use super::{Failure, Folder, note, show};
use crate::rebuild::{self, Rebuilt, Status};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::IsTerminal;

#[derive(Debug, Subcommand)]
pub(super) enum ViewsCommand {
    /// Say how the read models of a folder stand: how far they are, whether the file is sound; changes no row.
    ///
    /// While a platform uses the folder, how far its journal is cannot be said from outside: ask /metrics for views_lag_events.
    #[command(after_long_help = "\
Examples:
  bezant views status
  bezant views status --data bezant-data/platform --json")]
    Status(Folder),
    /// Build the read models anew from the journal; no platform may be using the folder.
    ///
    /// The new file is built beside the old one and takes its place at the end, so that it can be stopped at any time. A platform
    /// rebuilds a missing or damaged file by itself at its start; this does it beforehand, while lists are not needed.
    #[command(after_long_help = "\
Examples:
  bezant views rebuild
  bezant views rebuild --data bezant-data/platform --json")]
    Rebuild(Folder),
}

/// Runs the command.
pub(super) fn run(command: ViewsCommand) -> Result<(), Failure> {
    match command {
        ViewsCommand::Status(folder) => {
            let status = rebuild::status(&folder.data)?;
            show(&if folder.output.json { status_json(&status) } else { status_text(&status) })
        }
        ViewsCommand::Rebuild(folder) => {
            let progress = if std::io::stderr().is_terminal() { bar() } else { ProgressBar::hidden() };
            let rebuilt = rebuild::rebuild(&folder.data, |applied_seq, last_seq| {
                progress.set_length(last_seq);
                progress.set_position(applied_seq);
            });
            progress.finish_and_clear();
            let Rebuilt { events, bytes } = rebuilt?;
            if folder.output.json {
                return show(&format!("{}\n", json!({ "object": "views_rebuild", "events": events, "bytes": bytes })));
            }
            show(&format!("rebuilt from {events} events: {}\n", size(bytes)))?;
            note("the platform can start");
            Ok(())
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {human_pos} of {human_len} events, {eta} left");
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5)).with_style(style.expect("the template is a constant"))
}

/// How far rows are behind, as one word for programs.
fn state(status: &Status) -> &'static str {
    match (&status.applied_seq, status.last_seq) {
        (Err(_), _) => "unusable",
        (Ok(_), None) => "in_use",
        (Ok(applied), Some(last)) if *applied < last => "behind",
        (Ok(applied), Some(last)) if *applied > last => "ahead",
        (Ok(_), Some(_)) => "current",
    }
}

fn status_json(status: &Status) -> String {
    let Status { bytes, schema_version, applied_seq, last_seq } = status;
    let reason = applied_seq.as_ref().err().map(ToString::to_string);
    let line = json!({
        "object": "views_status", "state": state(status), "applied_seq": applied_seq.as_ref().ok(), "last_seq": last_seq, "reason": reason,
        "bytes": bytes, "schema_version": schema_version,
    });
    format!("{line}\n")
}

fn status_text(status: &Status) -> String {
    let Status { bytes, schema_version, applied_seq, last_seq } = status;
    let applied = applied_seq.as_ref().map_or_else(|_| "-".to_owned(), u64::to_string);
    let last = last_seq.map_or_else(|| "not known: a platform is using the folder".to_owned(), |last| last.to_string());
    let verdict = match (&status.applied_seq, state(status)) {
        (Err(reason), _) => format!("unusable, {reason}; the next start builds them anew, or `bezant views rebuild` does it now"),
        (Ok(_), "behind") => "sound and behind; the next start applies what is missing".to_owned(),
        (Ok(_), "ahead") => "ahead of the journal, which must have been restored from a copy; run `bezant views rebuild`".to_owned(),
        (Ok(_), "in_use") => "sound".to_owned(),
        (Ok(_), _) => "sound and current".to_owned(),
    };
    format!(
        "rows up to event  {applied}\njournal ends at   {last}\nfile              {}, schema {schema_version}\n{verdict}\n",
        size(*bytes)
    )
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    match bytes {
        0..KIB => format!("{bytes} bytes"),
        KIB..1_048_576 => format!("{} KiB", bytes / KIB),
        _ => format!("{} MiB", bytes / KIB / KIB),
    }
}

#[cfg(test)]
mod tests {
    use super::{size, state, status_text};
    use crate::rebuild::Status;
    use views::RebuildReason;

    #[test]
    fn every_state_says_what_to_do() {
        let with = |applied_seq, last_seq| Status { bytes: 2_048, schema_version: 3, applied_seq, last_seq };
        for (status, word, sentence) in [
            (with(Ok(7), Some(7)), "current", "sound and current"),
            (with(Ok(6), Some(7)), "behind", "the next start applies what is missing"),
            (with(Ok(8), Some(7)), "ahead", "run `bezant views rebuild`"),
            (with(Ok(7), None), "in_use", "a platform is using the folder"),
            (with(Err(RebuildReason::Missing), Some(7)), "unusable", "there is no file; the next start builds them anew"),
        ] {
            assert_eq!(state(&status), word);
            assert!(status_text(&status).contains(sentence), "{}", status_text(&status));
        }
        assert_eq!([size(7), size(2_048), size(3 << 20)], ["7 bytes", "2 KiB", "3 MiB"]);
    }
}
