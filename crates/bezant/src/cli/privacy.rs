//! `bezant privacy`: making a person's data unreadable.

use super::{DATA, Failure, Output, block_on, redacted_text, show};
use crate::admin;
use crate::operate::Remote;
use base::Redacted;
use clap::Subcommand;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum PrivacyCommand {
    /// Destroy a person's key: everything sealed under it becomes unreadable everywhere, and every hash still holds.
    ///
    /// With --url the running platform does it; without, the data folder must not be in use. There is no way back.
    #[command(after_long_help = "\
Examples:
  bezant privacy erase sub_22ewrpbtw21f00jyjrxtthpazc --url http://127.0.0.1:8080
  bezant privacy erase pay_22ewrpbtw21f00jyjrxtthpazc --data bezant-data/platform")]
    Erase {
        /// The subject (sub_…), or one of the person's payments (pay_…) when the folder is used.
        subject: String,
        /// The platform's data folder.
        #[arg(long, value_name = "FOLDER", default_value = DATA)]
        data: PathBuf,
        /// A running platform, such as http://127.0.0.1:8080.
        #[arg(long)]
        url: Option<String>,
        /// The operator's key, for --url.
        #[arg(long, value_name = "KEY", env = "BEZANT_OPERATOR_KEY", hide_env_values = true, value_parser = redacted_text())]
        operator_key: Option<Redacted<String>>,
        #[command(flatten)]
        output: Output,
    },
}

/// Runs the command.
pub(super) fn run(PrivacyCommand::Erase { subject, data, url, operator_key, output }: PrivacyCommand) -> Result<(), Failure> {
    let erased = match url {
        None => admin::erase(&data, &subject)?.to_string(),
        Some(url) => block_on(async {
            let key = operator_key.filter(|key| !key.expose().trim().is_empty());
            Remote::new(&url, key.as_ref())?.erase(&subject).await?;
            Ok(subject)
        })?,
    };
    if output.json {
        return show(&format!("{}\n", json!({ "object": "erasure", "subject": erased })));
    }
    show(&format!("{erased} is erased: what was sealed for it cannot be read any more\n"))
}
