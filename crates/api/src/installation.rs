//! What is installed: versions, files on disk, what proves the state, and what the platform was started with.

use crate::App;
use crate::errors::Problem;
use crate::extract::{OperatorCaller, Parameters};
use crate::middleware::VERSIONS;
use crate::platform::{self, SegmentFacts, SnapshotFacts, StateFacts};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The platform itself. Nothing here is secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Platform)]
pub(crate) struct Installation {
    /// Always `platform`.
    #[schema(value_type = String, example = "platform")]
    object: &'static str,
    /// Version of the program.
    version: String,
    /// How it was built.
    build: String,
    /// The API's version, as `Bezant-Version` has it.
    #[schema(value_type = String, example = "2026-11-21")]
    api_version: &'static str,
    /// When the process started (RFC 3339).
    started_at: String,
    /// Files of the journal, the newest last; the newest 100 when there are more.
    segments: Vec<Segment>,
    /// How many files the journal has.
    segments_count: u64,
    /// Snapshots of the state, the newest first.
    snapshots: Vec<Snapshot>,
    /// The chain hash after the journal's last event, in hexadecimal digits: two journals that agree on it agree on everything.
    chain_hash: String,
    /// The last digest of the state that was taken: now while there are few payments, else with each snapshot. Absent while there
    /// is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    state: Option<StateDigest>,
    /// Versions of what is written, by name.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    schema_versions: BTreeMap<&'static str, u64>,
    /// Whether time can be trusted.
    #[schema(inline)]
    clock: ClockState,
    /// What the platform was started with, by name.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    options: BTreeMap<&'static str, String>,
}

/// One file of the journal.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JournalSegment)]
pub(crate) struct Segment {
    /// Its name in the data folder.
    name: String,
    /// The first event that it can hold.
    first_seq: u64,
    /// The last event that it holds; null while it holds none.
    last_seq: Option<u64>,
    /// Its size on disk, in bytes.
    bytes: u64,
    /// Whether nothing more is written to it.
    sealed: bool,
}

/// One snapshot of the state.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = StateSnapshot)]
pub(crate) struct Snapshot {
    /// The last event that it contains.
    seq: u64,
    /// Its size on disk, in bytes.
    bytes: u64,
    /// When it was made (RFC 3339).
    at: Option<String>,
}

/// What proves the state.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct StateDigest {
    /// SHA-256 of the state, in hexadecimal digits.
    digest: String,
    /// The last event that it contains.
    seq: u64,
}

/// Whether time can be trusted.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct ClockState {
    /// Whether expiries wait because the clock jumped.
    expiries_suspended: bool,
}

/// Retrieve the platform
///
/// Versions, files on disk, what proves the state, and what the platform was started with.
#[utoipa::path(
    get, path = "/v1/platform", tag = "operators", operation_id = "retrievePlatform",
    responses((status = 200, description = "what is installed", body = Installation)), security(("operator_key" = []))
)]
pub(crate) async fn platform(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    parameters: Parameters,
) -> Result<Json<Installation>, Problem> {
    parameters.finish()?;
    let clock = ClockState { expiries_suspended: app.platform.standing().await?.expiries_suspended };
    let found = app.platform.installation().await?;
    let platform::Installation { version, build, segments, segments_count, snapshots, chain_hash, state, schema_versions, options } = found;
    let shown = |StateFacts { digest, seq }| StateDigest { digest: hex(&digest), seq };
    Ok(Json(Installation {
        object: "platform",
        version,
        build,
        api_version: VERSIONS[VERSIONS.len() - 1],
        started_at: app.platform.activity().since().to_string(),
        segments: segments.into_iter().map(Into::into).collect(),
        segments_count,
        snapshots: snapshots.into_iter().map(Into::into).collect(),
        chain_hash: hex(&chain_hash),
        state: state.map(shown),
        schema_versions,
        clock,
        options,
    }))
}

impl From<SegmentFacts> for Segment {
    fn from(SegmentFacts { name, first_seq, last_seq, bytes, is_sealed }: SegmentFacts) -> Self {
        Self { name, first_seq, last_seq, bytes, sealed: is_sealed }
    }
}

impl From<SnapshotFacts> for Snapshot {
    fn from(SnapshotFacts { seq, bytes, at }: SnapshotFacts) -> Self {
        Self { seq, bytes, at: at.map(|at| at.to_string()) }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const _: () = assert!(platform::SEGMENTS_SHOWN_MAX == 100, "sentences say 100");
