//! What metrics say of requests; the only test of its file, for a process has one recorder.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use support::Rig;

#[tokio::test]
async fn requests_are_counted_by_route_template() {
    let metrics = telemetry::install_metrics();
    let rig = Rig::new();
    rig.get("/v1/payments/pay_00000000000000000000000000").await.problem();
    rig.get("/v1/made/up/path").await.problem();
    let text = metrics.render();
    for line in [
        r#"http_requests_total{method="GET",route="/v1/payments/{id}",status="404"}"#,
        r#"http_requests_total{method="GET",route="unmatched",status="404"}"#,
        r#"http_request_duration_seconds_count{method="GET",route="/v1/payments/{id}"}"#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("made") && !text.contains("pay_0000"));
}
