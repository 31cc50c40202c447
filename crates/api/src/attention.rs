//! What waits for a person: calls whose outcome nobody could find out, and commands that are kept out because they
//! crashed the engine. Operators see them here and let the platform go on.

use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{Body, OperatorCaller, Parameters, PathText};
use crate::objects::{self, Amount, List};
use crate::operators::{Empty, carry_out};
use crate::paging::StatePage;
use crate::platform::Parked;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base::{EffectId, Timestamp};
use core::fmt;
use core::str::FromStr;
use engine::Command;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// A call to a provider that waits for a person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ParkedCall {
    /// `eff_…`
    id: String,
    /// Always `parked_call`.
    #[schema(value_type = String, example = "parked_call")]
    object: &'static str,
    /// `unknown`: nobody could find out what became of it. `mismatched`: the provider did something else than was asked.
    reason: &'static str,
    /// `authorize`, `capture`, `cancel`, `refund`; `observe` for a look that went wrong; `undo_hold` and `undo_capture` for what gives
    /// a success back that came too late.
    operation: &'static str,
    /// The payment, `pay_…`
    payment: String,
    /// Whose, `mer_…`
    merchant: String,
    /// How much the call is about.
    amount: Amount,
    /// Name of the provider endpoint.
    provider: String,
    /// The provider's id of the payment, where it is known.
    provider_id: Option<String>,
    /// Our reference in the provider's object, to search for there.
    reference: String,
    /// When the call was asked for.
    requested_at: String,
    /// How long ago that was, in seconds.
    age_s: u64,
    /// Sends so far, replays and lookups included.
    sends: u32,
}

/// A lookup is on its way.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Look {
    /// The call, `eff_…`
    id: String,
    /// Always `parked_call`.
    #[schema(value_type = String, example = "parked_call")]
    object: &'static str,
    /// Always `looking`: read the payment's journey for what the provider says.
    #[schema(value_type = String, example = "looking")]
    status: &'static str,
}

/// A command that crashed the engine and is kept out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct QuarantinedCommand {
    /// Its fingerprint: 32 hexadecimal digits, as the log has it.
    id: String,
    /// Always `quarantined_command`.
    #[schema(value_type = String, example = "quarantined_command")]
    object: &'static str,
    /// Whether it may come in again.
    released: bool,
}

/// What names a quarantined command, as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy)]
struct Fingerprint([u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// A text that is not a fingerprint.
struct FingerprintMalformed;

impl FromStr for Fingerprint {
    type Err = FingerprintMalformed;

    fn from_str(text: &str) -> Result<Self, FingerprintMalformed> {
        let well_formed = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !well_formed {
            return Err(FingerprintMalformed);
        }
        u128::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| FingerprintMalformed)
    }
}

/// List parked calls
///
/// Calls to providers whose outcome is unknown after everything was tried, or not what was asked, in the order of their
/// ids. What is unknown stays reserved until somebody finds out.
#[utoipa::path(
    get, path = "/v1/parked_calls", tag = "operators", operation_id = "listParkedCalls", params(crate::openapi::PageQuery),
    responses((status = 200, description = "a page", body = List<ParkedCall>)), security(("operator_key" = []))
)]
pub(crate) async fn parked(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    parameters: Parameters,
) -> Result<Json<List<ParkedCall>>, Problem> {
    let page = StatePage::<EffectId>::parse(parameters)?;
    let (found, now) = app.platform.parked(page.after(), page.count_max()).await?;
    Ok(Json(page.list(found, |call| call.effect.requested.effect, |call| shown(call, now, &app.options.providers))))
}

fn shown(call: Parked, now: Timestamp, providers: &[String]) -> ParkedCall {
    let engine::Effect { payment, requested, requested_at, sends, .. } = call.effect;
    ParkedCall {
        id: requested.effect.to_string(),
        object: "parked_call",
        reason: if call.is_mismatched { "mismatched" } else { "unknown" },
        operation: requested.kind.name(),
        payment: payment.to_string(),
        merchant: call.merchant.to_string(),
        amount: Amount::new(requested.money),
        provider: objects::provider_name(providers, requested.provider),
        reference: requested.reference_text(),
        provider_id: requested.provider_id,
        requested_at: requested_at.to_string(),
        age_s: now.since_ns(requested_at) / base::time::NS_PER_S,
        sends,
    }
}

/// Look at a parked call
///
/// Asks the provider once more what became of the call; nothing is executed again. What it says is booked, and a call
/// that stays unknown is parked again.
#[utoipa::path(
    post, path = "/v1/parked_calls/{id}/look", tag = "operators", operation_id = "lookAtParkedCall",
    params(("id" = String, Path, description = "`eff_…`")), request_body(content = Empty),
    responses((status = 202, description = "on its way", body = Look)), security(("operator_key" = []))
)]
pub(crate) async fn look(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    path: PathText,
    _body: Body<Empty>,
) -> Result<Response, Problem> {
    let effect: EffectId = path.as_str().parse().map_err(|_| Problem::new(Code::ParkedCallUnknown))?;
    let looking = Look { id: effect.to_string(), object: "parked_call", status: "looking" };
    carry_out(&app, Command::LookAtParked { effect }, StatusCode::ACCEPTED, looking).await
}

/// List quarantined commands
///
/// Commands that crashed the engine, changed nothing and are kept out, in the order of their fingerprints.
#[utoipa::path(
    get, path = "/v1/quarantine", tag = "operators", operation_id = "listQuarantine", params(crate::openapi::PageQuery),
    responses((status = 200, description = "a page", body = List<QuarantinedCommand>)), security(("operator_key" = []))
)]
pub(crate) async fn quarantine(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    parameters: Parameters,
) -> Result<Json<List<QuarantinedCommand>>, Problem> {
    let page = StatePage::<Fingerprint>::parse(parameters)?;
    let found = app.platform.quarantine(page.after().map(|after| after.0), page.count_max()).await?;
    let shown = |id: [u8; 16]| QuarantinedCommand { id: Fingerprint(id).to_string(), object: "quarantined_command", released: false };
    Ok(Json(page.list(found, |id| Fingerprint(*id), shown)))
}

/// Release a quarantined command
///
/// Lets the command in again; whoever sends it next has it decided. Releasing it again changes nothing.
#[utoipa::path(
    post, path = "/v1/quarantine/{fingerprint}/release", tag = "operators", operation_id = "releaseQuarantine",
    params(("fingerprint" = String, Path, description = "32 hexadecimal digits")), request_body(content = Empty),
    responses((status = 200, description = "released", body = QuarantinedCommand)), security(("operator_key" = []))
)]
pub(crate) async fn release(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    path: PathText,
    _body: Body<Empty>,
) -> Result<Response, Problem> {
    let malformed = |_| Problem::of_field(Code::FieldInvalid, "fingerprint", "a fingerprint is 32 lower-case hexadecimal digits");
    let fingerprint: Fingerprint = path.as_str().parse().map_err(malformed)?;
    let released = QuarantinedCommand { id: fingerprint.to_string(), object: "quarantined_command", released: true };
    carry_out(&app, Command::ReleaseQuarantine { fingerprint: fingerprint.0 }, StatusCode::OK, released).await
}
