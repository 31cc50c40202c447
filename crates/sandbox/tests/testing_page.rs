//! The page about testing values shows the simulator's own tables. Run with `BEZANT_UPDATE=1` to rewrite them.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use sandbox::stripe::cards::{AfterChallenge, Behavior, Card, Decline, DisputeKind, OffSession, Risk, all};
use sandbox::stripe::{FaultKind, WebhookFaultKind};
use std::fmt::Write as _;

/// What a card is for on the page; each has a table of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chapter {
    Works,
    Declined,
    Customer,
    Disputed,
    Refund,
    Checks,
}

const CHAPTERS: [(Chapter, &str); 6] = [
    (Chapter::Works, "Cards that work"),
    (Chapter::Declined, "Cards that are declined"),
    (Chapter::Customer, "Cards that ask the customer"),
    (Chapter::Disputed, "Cards that are disputed"),
    (Chapter::Refund, "Cards whose refunds differ"),
    (Chapter::Checks, "Cards with failed checks or risk"),
];

fn code(decline: Decline) -> &'static str {
    let facts = decline.facts();
    facts.decline_code.unwrap_or(facts.code)
}

/// What happens when the card is charged; `None` for bank accounts, which the platform does not take.
fn what(card: &Card) -> Option<(Chapter, String)> {
    let told = |chapter, text: &str| Some((chapter, text.to_owned()));
    match card.behavior {
        Behavior::Bank(_) => None,
        Behavior::Succeeds => works(card),
        Behavior::SkipsPending => told(Chapter::Works, "works; the money is available at once"),
        Behavior::Declines(decline) => Some((Chapter::Declined, format!("declined, `{}`", code(decline)))),
        Behavior::DeclinesCharges(decline) => {
            Some((Chapter::Declined, format!("can be stored; declined when charged, `{}`", code(decline))))
        }
        Behavior::Blocked => Some((Chapter::Declined, format!("blocked by the provider, `{}`", code(Decline::Blocked)))),
        Behavior::HighestRisk => told(Chapter::Declined, "highest risk: blocked if the account's rules say so"),
        Behavior::Challenges { then, off_session } => Some((Chapter::Customer, format!("{}; {}", challenge(then), away(off_session)))),
        Behavior::ChallengesOnRequest(then) => Some((Chapter::Customer, format!("works; if the customer is asked: {}", challenge(then)))),
        Behavior::Disputes(kind) => told(Chapter::Disputed, dispute(kind)),
        Behavior::RefundPending => told(Chapter::Refund, "works; a refund is `pending` before it succeeds"),
        Behavior::RefundFails => told(Chapter::Refund, "works; a refund succeeds and is reversed later"),
    }
}

fn works(card: &Card) -> Option<(Chapter, String)> {
    let mut failed = Vec::new();
    for (name, verdict) in [("address line", card.checks.line1), ("postal code", card.checks.postal), ("security code", card.checks.cvc)] {
        match verdict {
            Some("fail") => failed.push(format!("the check of the {name} fails")),
            Some("unavailable") => failed.push(format!("the {name} is not checked")),
            _ => {}
        }
    }
    match card.risk {
        Risk::Normal => {}
        Risk::Elevated => failed.push("elevated risk".into()),
        Risk::Highest => failed.push("highest risk".into()),
    }
    if !card.supports_challenges() {
        failed.push("cannot ask the customer".into());
    }
    let is_plain = failed.is_empty();
    let text = if is_plain {
        format!("works; {} {}, {}", card.brand, card.funding, card.country)
    } else {
        format!("works; {}", failed.join(", "))
    };
    Some((if is_plain { Chapter::Works } else { Chapter::Checks }, text))
}

fn challenge(then: AfterChallenge) -> String {
    match then {
        AfterChallenge::Succeeds => "`requires_action`, then works".into(),
        AfterChallenge::Declines(decline) => format!("`requires_action`, then declined, `{}`", code(decline)),
    }
}

fn away(off_session: OffSession) -> &'static str {
    match off_session {
        OffSession::Required => "declined while the customer is away",
        OffSession::UnlessSetUp => "works while the customer is away once it was stored for that",
        OffSession::Exempt => "works while the customer is away",
    }
}

fn dispute(kind: DisputeKind) -> &'static str {
    match kind {
        DisputeKind::Fraudulent => "works, then disputed as `fraudulent`",
        DisputeKind::ProductNotReceived => "works, then disputed as `product_not_received`",
        DisputeKind::Inquiry => "works, then the bank asks; no money moves",
        DisputeKind::EarlyWarning => "works, then an early warning of fraud; no dispute",
        DisputeKind::Multiple => "works, then two disputes",
        DisputeKind::CompellingEvidence => "works, then a dispute for which compelling evidence can be given",
        DisputeKind::Compliance => "works, then a dispute about the card network's rules",
    }
}

fn cards() -> String {
    let mut text = String::new();
    for (chapter, title) in CHAPTERS {
        write!(text, "\n## {title}\n\n| `payment_method` | What happens |\n|---|---|\n").unwrap();
        for card in all().iter().filter(|card| !card.payment_method.is_empty()) {
            if let Some((_, what)) = what(card).filter(|(found, _)| *found == chapter) {
                writeln!(text, "| `{}` | {what} |", card.payment_method).unwrap();
            }
        }
    }
    text + "\n"
}

fn fault(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Latency => "the answer is late by so many milliseconds",
        FaultKind::Hang => "carried out, and no answer ever comes",
        FaultKind::HangBeforeEffect => "not carried out, and no answer ever comes",
        FaultKind::LateEffect => "no answer ever comes, carried out after so many milliseconds",
        FaultKind::ResetBeforeEffect => "the connection breaks, not carried out",
        FaultKind::ResetAfterEffect => "carried out, then the connection breaks",
        FaultKind::Error500BeforeEffect => "error 500, kept under the key, not carried out",
        FaultKind::Error500AfterEffect => "error 500, kept under the key, carried out",
        FaultKind::Conflict409 => "409 as if the key were in use, not carried out",
        FaultKind::RateLimit429 => "429, not carried out",
        FaultKind::UnknownEnum => "carried out, the answer has a status that nobody knows",
        FaultKind::TruncatedBody => "carried out, the body ends after so many bytes",
        FaultKind::SlowBody => "carried out, the body comes with so many bytes a second",
        FaultKind::GarbageBody => "carried out, the body is no JSON",
        FaultKind::CredentialsRevoked => "401, now and until the key is restored, not carried out",
    }
}

fn webhook_fault(kind: WebhookFaultKind) -> &'static str {
    match kind {
        WebhookFaultKind::Duplicate => "the message comes so many times more",
        WebhookFaultKind::Late => "the message comes so many milliseconds late",
        WebhookFaultKind::Reorder => "the message comes after the next so many of its object",
        WebhookFaultKind::Missing => "the message never comes",
        WebhookFaultKind::Early => "the message comes before the answer",
        WebhookFaultKind::BadSignature => "the first so many tries have a wrong signature",
        WebhookFaultKind::OldTimestamp => "the first so many tries are signed with an old time",
        WebhookFaultKind::RotatedSecret => "the secret is rolled right before; both sign for so many milliseconds",
        WebhookFaultKind::UnknownType => "so many messages of a type that nobody knows come after it",
        WebhookFaultKind::UnknownEnum => "the object's status is a word that nobody knows",
    }
}

fn faults() -> String {
    let mut text = String::from("\n| Kind | What happens |\n|---|---|\n");
    for kind in FaultKind::ALL.into_iter().chain(FaultKind::LASTING) {
        writeln!(text, "| `{}` | {} |", kind.name(), fault(kind)).unwrap();
    }
    for kind in WebhookFaultKind::ALL {
        writeln!(text, "| `{}` | {} |", kind.name(), webhook_fault(kind)).unwrap();
    }
    text + "\n"
}

#[test]
fn the_page_about_testing_values_shows_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/testing.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut made = page.clone();
    for (name, text) in [("cards", cards()), ("faults", faults())] {
        let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
        let from = made.find(&begin).unwrap() + begin.len();
        let until = made.find(&end).unwrap();
        made.replace_range(from..until, &text);
    }
    if std::env::var_os("BEZANT_UPDATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), made, "docs/guide/testing.md is out of date; run this test with BEZANT_UPDATE=1");
}
