//! `bezant privacy`: making a person's data unreadable.

use super::{block_on, redacted_text, report};
use crate::admin;
use crate::operate::Remote;
use base::Redacted;
use clap::Subcommand;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum PrivacyCommand {
    /// Destroy a person's key: everything sealed under it becomes unreadable everywhere, and every hash still holds.
    /// With --url the running platform does it; without, the data folder must not be in use.
    Erase {
        /// The subject (sub_…), or one of the person's payments (pay_…) when the folder is used.
        subject: String,
        /// The platform's data folder.
        #[arg(long, default_value = "bezant-data/platform")]
        data: PathBuf,
        /// A running platform, such as http://127.0.0.1:8080.
        #[arg(long)]
        url: Option<String>,
        /// The operator's key, for --url.
        #[arg(long, env = "BEZANT_OPERATOR_KEY", hide_env_values = true, value_parser = redacted_text())]
        operator_key: Option<Redacted<String>>,
    },
}

/// Runs the command.
pub(super) fn run(PrivacyCommand::Erase { subject, data, url, operator_key }: PrivacyCommand) -> ExitCode {
    match url {
        None => report(|out| {
            let erased = admin::erase(&data, &subject)?;
            writeln!(out, "{erased} is erased: what was sealed for it cannot be read any more")?;
            Ok(())
        }),
        Some(url) => block_on(async move {
            Remote::new(&url, operator_key.as_ref())?.erase(&subject).await?;
            println!("{subject} is erased: what was sealed for it cannot be read any more");
            Ok(())
        }),
    }
}
