//! Style sheet, script, icon and the documentation's charts. Their addresses hold a hash of their content, so that browsers keep them for good.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// How long a browser may keep an asset: its address changes with its content.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Bytes of the hash that an address holds.
const HASH_BYTES: usize = 8;

/// A file of ours that pages refer to.
#[derive(Debug)]
pub struct Asset {
    stem: &'static str,
    name: String,
    content_type: HeaderValue,
    content: &'static str,
}

impl Asset {
    fn new(stem: &'static str, extension: &str, content_type: &'static str, content: &'static str) -> Self {
        let digest = Sha256::digest(content.as_bytes());
        let hash: String = digest.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{stem}-{hash}.{extension}");
        Self { stem, name, content_type: HeaderValue::from_static(content_type), content }
    }

    /// Its address on this server.
    pub fn url(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// The one style sheet.
pub static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("bezant", "css", "text/css; charset=utf-8", include_str!("assets/bezant.css")));
/// The one script.
pub static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("bezant", "js", "text/javascript; charset=utf-8", include_str!("assets/bezant.js")));
/// The icon of tabs and bookmarks.
pub static ICON: LazyLock<Asset> = LazyLock::new(|| Asset::new("bezant", "svg", "image/svg+xml", include_str!("assets/bezant.svg")));
/// The charts of the pages about performance.
static CHARTS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    let chart = |stem, content| Asset::new(stem, "svg", "image/svg+xml", content);
    [
        chart("performance-throughput", include_str!("../../../docs/img/performance-throughput.svg")),
        chart("performance-cpu", include_str!("../../../docs/img/performance-cpu.svg")),
        chart("performance-latency", include_str!("../../../docs/img/performance-latency.svg")),
        chart("ledger-throughput", include_str!("../../../docs/img/ledger-throughput.svg")),
    ]
});

/// The chart whose file has that name without its extension.
pub(crate) fn chart(stem: &str) -> Option<&'static Asset> {
    CHARTS.iter().find(|asset| asset.stem == stem)
}

/// Answers with the asset of that name.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let assets: [&'static Asset; 3] = [&STYLE, &SCRIPT, &ICON];
    let Some(asset) = assets.into_iter().chain(CHARTS.iter()).find(|asset| asset.name == name) else {
        return (StatusCode::NOT_FOUND, "there is no asset of this name\n").into_response();
    };
    let headers = [(header::CONTENT_TYPE, asset.content_type.clone()), (header::CACHE_CONTROL, CACHE_CONTROL)];
    (headers, asset.content).into_response()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::STYLE;

    /// The declarations of the block that begins with `opening`, one a line.
    fn colours(opening: &str) -> Vec<&'static str> {
        let (_, block) = STYLE.content.split_once(opening).unwrap();
        block.split('}').next().unwrap().lines().map(str::trim).filter(|line| line.starts_with("--")).collect()
    }

    #[test]
    fn dark_is_the_same_whether_the_system_or_the_person_chose_it() {
        let by_system = colours(":root:not([data-theme=\"light\"]) {");
        assert!(by_system.len() > 20);
        assert_eq!(by_system, colours(":root[data-theme=\"dark\"] {"));
    }
}
