//! `bezant search` and `bezant status`: where to begin when something is asked.

use super::ask::Running;
use super::table::{Column, Kind, Paint, column, field, plain, table};
use super::{Failure, Output, show};
use crate::operate::Query;
use clap::Args;
use serde_json::Value;
use std::io;

/// What to look for.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// An id of Bezant's or of a provider, a merchant's handle, or an exact reference.
    text: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    running: Running,
}

const RESULTS: [Column; 4] = [
    column("KIND", "/kind", Kind::Word),
    column("ID", "/id", Kind::Word),
    column("MERCHANT", "/merchant", Kind::Word),
    column("WHAT", "/label", Kind::Text),
];

/// Looks for something by whatever somebody has of it.
pub(super) async fn run(arguments: Search) -> Result<(), Failure> {
    let Search { text, output, running } = arguments;
    let found = running.remote()?.page("/v1/search", &Query::default().with("q", Some(&text))?).await?.data;
    if output.json {
        return show(&super::table::json_lines(&found));
    }
    if found.is_empty() {
        return show(&format!("nothing is named {}; ids, handles and references are looked for exactly\n", plain(&text)));
    }
    show(&table(&found, &RESULTS, Paint::of(&io::stdout())))?;
    if let Some(command) = found.first().and_then(command_of) {
        super::note(&format!("look at it: {command}"));
    }
    Ok(())
}

/// The command that shows a result.
fn command_of(result: &Value) -> Option<String> {
    let group = match result.get("kind").and_then(Value::as_str)? {
        "payment" => "payments",
        "refund" => "refunds",
        "dispute" => "disputes",
        "customer" => "customers",
        "webhook" => return Some(format!("bezant webhooks show {}", field(result, "/id"))),
        _ => return None,
    };
    Some(format!("bezant {group} show {} --merchant {}", field(result, "/id"), field(result, "/merchant")))
}
