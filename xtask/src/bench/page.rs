//! What `--write` changes: the block of figures in docs/performance.md and the charts beside it.

use super::chart;
use super::figures::Summary;
use super::report;
use crate::Failure;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- figures: written by `cargo xtask bench payments --write` -->";
const END: &str = "<!-- end of figures -->";

/// Writes page and charts. A run without the long journal leaves what an earlier one wrote of it.
pub(super) fn write(root: &Path, summary: &Summary, text: &str) -> Result<(), Failure> {
    let path = root.join(PAGE);
    let failed = |error: std::io::Error| Failure::new(format!("cannot write {PAGE}: {error}"));
    let page = fs::read_to_string(&path).map_err(failed)?;
    let block = format!("\n{}\n```text not-checked=\"figures of one machine on one day\"\n{text}```\n\n", report::bars(summary));
    let page = replaced(&page, &block).ok_or_else(|| Failure::new(format!("{PAGE} has no block of figures")))?;
    for (name, drawing) in chart::all(summary) {
        fs::write(root.join("docs/img").join(name), drawing).map_err(failed)?;
    }
    fs::write(&path, page).map_err(failed)
}

/// The page with another block of figures.
fn replaced(page: &str, block: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{block}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, replaced};

    #[test]
    fn only_the_block_is_replaced() {
        let page = format!("# Title\n{BEGIN}\nold\n{END}\nend\n");
        assert_eq!(replaced(&page, "new\n"), Some(format!("# Title\n{BEGIN}\nnew\n{END}\nend\n")));
        assert_eq!(replaced("no block", "new"), None);
    }
}
