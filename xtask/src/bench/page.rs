//! What `--write` changes: the block of figures of a page, such as docs/performance.md, and the charts beside it.

use super::chart;
use super::figures::Summary;
use super::report;
use crate::Failure;
use std::fs;
use std::path::Path;

/// A page with a block that a bench writes.
pub(super) struct Page {
    /// Relative to the workspace's root.
    pub(super) path: &'static str,
    /// The comment in front of the block.
    pub(super) begin: &'static str,
}

const PAGE: Page = Page { path: "docs/performance.md", begin: "<!-- figures: written by `cargo xtask bench payments --write` -->" };
const END: &str = "<!-- end of figures -->";
/// Where pages have their charts.
pub(super) const CHARTS: &str = "docs/img";

/// Writes page and charts. A run without the long journal leaves what an earlier one wrote of it.
pub(super) fn write(root: &Path, summary: &Summary, text: &str) -> Result<(), Failure> {
    let block = format!("\n{}\n```text not-checked=\"figures of one machine on one day\"\n{text}```\n\n", report::bars(summary));
    PAGE.write(root, &block, &chart::all(summary))
}

impl Page {
    /// Puts another block and these charts in place of the earlier ones.
    pub(super) fn write(&self, root: &Path, block: &str, charts: &[(&str, String)]) -> Result<(), Failure> {
        let path = root.join(self.path);
        let failed = |error: std::io::Error| Failure::new(format!("cannot write {}: {error}", self.path));
        let page = fs::read_to_string(&path).map_err(failed)?;
        let page = self.replaced(&page, block).ok_or_else(|| Failure::new(format!("{} has no block of figures", self.path)))?;
        for (name, drawing) in charts {
            fs::write(root.join(CHARTS).join(name), drawing).map_err(failed)?;
        }
        fs::write(&path, page).map_err(failed)
    }

    /// The page with another block of figures.
    fn replaced(&self, page: &str, block: &str) -> Option<String> {
        let begin = self.begin;
        let (before, rest) = page.split_once(begin)?;
        let (_, after) = rest.split_once(END)?;
        Some(format!("{before}{begin}\n{block}{END}{after}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{END, PAGE};

    #[test]
    fn only_the_block_is_replaced() {
        let begin = PAGE.begin;
        let page = format!("# Title\n{begin}\nold\n{END}\nend\n");
        assert_eq!(PAGE.replaced(&page, "new\n"), Some(format!("# Title\n{begin}\nnew\n{END}\nend\n")));
        assert_eq!(PAGE.replaced("no block", "new"), None);
    }
}
