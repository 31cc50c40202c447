//! What an answer means for one order. Pure: no waiting, no counting.

use super::link::Answer;
use http::StatusCode;
use serde::Deserialize;
use std::time::Duration;

/// Longest reason or code that is kept, in bytes.
const REASON_BYTES_MAX: usize = 300;

/// What became of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Authorised or captured by this run.
    Charged,
    /// The platform had answered this row before.
    Replayed,
    /// Declined in this run.
    Declined {
        /// Why, as the platform names it.
        code: String,
    },
    /// The platform does not take it as it is.
    Refused {
        /// Stable code.
        code: String,
        /// For people.
        reason: String,
    },
    /// Not decided yet, or not known; the same row again tells.
    Pending {
        /// What it waits for.
        code: String,
    },
}

/// What to do after an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing more.
    Final(Outcome),
    /// Send the same again, with the same key.
    Again {
        /// What the order waits for should it be given up.
        code: String,
        /// How long the platform asks to wait.
        wait: Option<Duration>,
    },
    /// No order will succeed: the key is not accepted.
    Hopeless(String),
}

/// What is known of the sends before this answer.
#[derive(Clone, Copy)]
pub(super) struct History<'a> {
    /// Whether an earlier send of this run may have been received and its answer was lost.
    pub(super) answer_lost: bool,
    /// The platform's clock when this run started, to the second.
    pub(super) run_started: &'a str,
}

#[derive(Deserialize)]
struct Payment {
    status: String,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    last_decline: Option<LastDecline>,
}

#[derive(Deserialize)]
struct LastDecline {
    code: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    field: Option<String>,
    retryable: Option<bool>,
}

/// Reads one answer to `POST /v1/payments`.
pub(super) fn judge(answer: &Answer, history: History<'_>) -> Verdict {
    if answer.status.is_success() {
        return match serde_json::from_slice::<Payment>(&answer.body) {
            Ok(payment) => Verdict::Final(outcome(&payment, answer.replayed, history)),
            Err(_) => Verdict::Again { code: "answer_unreadable".into(), wait: answer.retry_after },
        };
    }
    if let Some(reason) = key_refusal(answer) {
        return Verdict::Hopeless(reason);
    }
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
    let reason = problem.reason(answer.status);
    let code = problem.code.map_or_else(|| format!("http_{}", answer.status.as_u16()), |code| printable(&code));
    match answer.status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Verdict::Again { code, wait: answer.retry_after },
        StatusCode::CONFLICT if matches!(code.as_str(), "idempotency_key_in_use" | "operation_in_flight") => {
            Verdict::Again { code, wait: answer.retry_after }
        }
        status if status.is_server_error() && problem.retryable != Some(false) => Verdict::Again { code, wait: answer.retry_after },
        _ => Verdict::Final(Outcome::Refused { code, reason }),
    }
}

/// Why the key is not accepted, if that is what an answer says.
pub(super) fn key_refusal(answer: &Answer) -> Option<String> {
    let refused = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    refused.then(|| serde_json::from_slice::<Problem>(&answer.body).unwrap_or_default().reason(answer.status))
}

impl Problem {
    /// For people: the field at fault and what happened.
    fn reason(&self, status: StatusCode) -> String {
        let what = self.detail.as_ref().or(self.title.as_ref()).map_or_else(|| format!("answered {status}"), Clone::clone);
        printable(&self.field.as_ref().map_or_else(|| what.clone(), |field| format!("{field}: {what}")))
    }
}

fn outcome(payment: &Payment, replayed: bool, history: History<'_>) -> Outcome {
    // A replay of a request whose first answer this run lost is this run's own doing if the payment is no older.
    let created_at = payment.created_at.as_deref().unwrap_or("");
    let own = history.answer_lost && !history.run_started.is_empty() && created_at.get(..19).is_some_and(|at| at >= history.run_started);
    if replayed && !own {
        return Outcome::Replayed;
    }
    match payment.status.as_str() {
        "authorized" | "captured" | "partially_captured" | "partially_refunded" | "refunded" => Outcome::Charged,
        "declined" => {
            let code = payment.last_decline.as_ref().map_or("declined", |decline| decline.code.as_str());
            Outcome::Declined { code: printable(code) }
        }
        "canceled" | "expired" => Outcome::Declined { code: payment.status.clone() },
        other => Outcome::Pending { code: printable(other) },
    }
}

/// Text from outside, fit for a terminal: bounded, without control characters.
fn printable(text: &str) -> String {
    let mut kept = String::new();
    for character in text.chars().map(|character| if character.is_control() { ' ' } else { character }) {
        if kept.len() + character.len_utf8() > REASON_BYTES_MAX {
            break;
        }
        kept.push(character);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{Answer, History, Outcome, Verdict, judge, printable};
    use bytes::Bytes;
    use http::StatusCode;
    use std::time::Duration;

    const FIRST_SEND: History<'_> = History { answer_lost: false, run_started: "2026-11-21T09:33:00" };
    const AFTER_LOSS: History<'_> = History { answer_lost: true, run_started: "2026-11-21T09:33:00" };

    fn answered(status: u16, replayed: bool, body: &str) -> Answer {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Answer { status: StatusCode::from_u16(status).unwrap(), replayed, retry_after: Some(Duration::from_secs(2)), date: None, body }
    }

    fn declined(code: &str) -> Verdict {
        Verdict::Final(Outcome::Declined { code: code.into() })
    }

    fn pending(code: &str) -> Verdict {
        Verdict::Final(Outcome::Pending { code: code.into() })
    }

    fn again(code: &str) -> Verdict {
        Verdict::Again { code: code.into(), wait: Some(Duration::from_secs(2)) }
    }

    fn refused(code: &str, reason: &str) -> Verdict {
        Verdict::Final(Outcome::Refused { code: code.into(), reason: reason.into() })
    }

    #[test]
    fn every_answer_has_its_verdict() {
        for (status, replayed, body, expected) in [
            (201, false, r#"{"status":"captured"}"#, Verdict::Final(Outcome::Charged)),
            (201, false, r#"{"status":"authorized"}"#, Verdict::Final(Outcome::Charged)),
            (201, false, r#"{"status":"declined","last_decline":{"code":"insufficient_funds"}}"#, declined("insufficient_funds")),
            (201, false, r#"{"status":"declined","last_decline":null}"#, declined("declined")),
            (200, false, r#"{"status":"expired"}"#, declined("expired")),
            (202, false, r#"{"status":"processing"}"#, pending("processing")),
            (201, false, r#"{"status":"requires_action"}"#, pending("requires_action")),
            (201, false, r#"{"status":"a_later_one"}"#, pending("a_later_one")),
            (200, true, r#"{"status":"captured"}"#, Verdict::Final(Outcome::Replayed)),
            (200, true, r#"{"status":"declined"}"#, Verdict::Final(Outcome::Replayed)),
            (202, true, r#"{"status":"processing"}"#, Verdict::Final(Outcome::Replayed)),
            (200, false, "<html>", again("answer_unreadable")),
            (409, false, r#"{"code":"reference_conflict","detail":"it was 5.00 EUR"}"#, refused("reference_conflict", "it was 5.00 EUR")),
            (409, false, r#"{"code":"idempotency_key_in_use","retryable":true}"#, again("idempotency_key_in_use")),
            (409, false, r#"{"code":"operation_in_flight","retryable":true}"#, again("operation_in_flight")),
            (422, false, r#"{"code":"idempotency_key_reused","title":"Used"}"#, refused("idempotency_key_reused", "Used")),
            (
                422,
                false,
                r#"{"code":"field_invalid","detail":"no","field":"customer.email"}"#,
                refused("field_invalid", "customer.email: no"),
            ),
            (400, false, "", refused("http_400", "answered 400 Bad Request")),
            (429, false, "", again("http_429")),
            (503, false, r#"{"code":"busy","retryable":true}"#, again("busy")),
            (502, false, "<html>", again("http_502")),
            (500, false, r#"{"code":"internal","retryable":true}"#, again("internal")),
            (500, false, r#"{"code":"command_quarantined","detail":"d","retryable":false}"#, refused("command_quarantined", "d")),
            (401, false, r#"{"code":"api_key_invalid","detail":"unknown key"}"#, Verdict::Hopeless("unknown key".into())),
            (403, false, r#"{"code":"api_key_wrong_kind","detail":"operator"}"#, Verdict::Hopeless("operator".into())),
        ] {
            assert_eq!(judge(&answered(status, replayed, body), FIRST_SEND), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_replay_after_a_lost_answer_counts_by_the_age_of_the_payment() {
        for (created_at, history, expected) in [
            ("2026-11-21T09:33:00.000Z", AFTER_LOSS, Outcome::Charged),
            ("2026-11-22T00:00:00.000Z", AFTER_LOSS, Outcome::Charged),
            ("2026-11-21T09:32:59.999Z", AFTER_LOSS, Outcome::Replayed),
            ("?", AFTER_LOSS, Outcome::Replayed),
            ("2026-11-21T09:33:00.000Z", FIRST_SEND, Outcome::Replayed),
            ("2026-11-21T09:33:00.000Z", History { answer_lost: true, run_started: "" }, Outcome::Replayed),
        ] {
            let body = format!(r#"{{"status":"captured","created_at":"{created_at}"}}"#);
            assert_eq!(judge(&answered(200, true, &body), history), Verdict::Final(expected), "{created_at}");
        }
    }

    #[test]
    fn text_from_outside_is_bounded_and_harmless() {
        assert_eq!(printable("a\u{1b}[31m\nb"), "a [31m b");
        assert!(printable(&"é".repeat(1_000)).len() <= 300);
    }
}
