//! The transition tables as a specification: printed as documentation, and checked for what must never be possible.

use payments::{AttemptStatus, CaptureStatus, DisputeStatus, PaymentInput, PaymentStatus, RefundStatus, StoredMethodStatus};
use std::fmt::Write as _;

macro_rules! chapter {
    ($text:expr, $title:literal, $status:ty) => {{
        let name = $title.to_lowercase().replace(' ', "-");
        writeln!($text, "\n## {}\n\n<!-- diagram: {name} -->\n\n| from | when | to |\n|---|---|---|", $title).unwrap();
        for (from, on, to) in <$status>::ROWS {
            writeln!($text, "| `{}` | {} | `{}` |", from.name(), on.name(), to.name()).unwrap();
        }
        let terminal: Vec<&str> = <$status>::ALL.iter().filter(|status| status.is_terminal()).map(|status| status.name()).collect();
        writeln!($text, "\nNothing follows: {}.", if terminal.is_empty() { "(no state)".into() } else { terminal.join(", ") }).unwrap();
    }};
}

/// Prints the tables and compares them with the page in `docs`; run with `BEZANT_UPDATE=1` to rewrite the page.
#[test]
fn the_page_about_life_cycles_shows_the_tables() {
    let mut text = String::from(
        "# Life cycles\n\nYou will be able to say what may follow what. Printed from the transition tables of the `payments` crate by its tests.\n",
    );
    chapter!(text, "Payment", PaymentStatus);
    chapter!(text, "Attempt", AttemptStatus);
    chapter!(text, "Capture", CaptureStatus);
    chapter!(text, "Refund", RefundStatus);
    chapter!(text, "Dispute", DisputeStatus);
    chapter!(text, "Stored payment method", StoredMethodStatus);
    println!("{text}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/lifecycles.md");
    if std::env::var_os("BEZANT_UPDATE").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs")).unwrap();
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text, "docs/guide/lifecycles.md is out of date");
}

#[test]
fn every_table_is_deterministic_and_every_state_is_reachable() {
    fn check<S: Copy + PartialEq + std::fmt::Debug, I: PartialEq + std::fmt::Debug>(start: S, all: &[S], rows: &[(S, I, S)]) {
        for (index, (from, on, _)) in rows.iter().enumerate() {
            assert!(!rows[..index].iter().any(|(f, o, _)| f == from && o == on), "two rows for {from:?} and {on:?}");
        }
        let mut reached = vec![start];
        while let Some((_, _, next)) = rows.iter().find(|(from, _, to)| reached.contains(from) && !reached.contains(to)) {
            reached.push(*next);
        }
        assert_eq!(reached.len(), all.len(), "unreachable states: only {reached:?}");
    }
    check(PaymentStatus::Created, PaymentStatus::ALL, PaymentStatus::ROWS);
    check(AttemptStatus::Started, AttemptStatus::ALL, AttemptStatus::ROWS);
    check(CaptureStatus::Started, CaptureStatus::ALL, CaptureStatus::ROWS);
    check(RefundStatus::Started, RefundStatus::ALL, RefundStatus::ROWS);
    check(DisputeStatus::Inquiry, DisputeStatus::ALL, DisputeStatus::ROWS);
    check(StoredMethodStatus::Storing, StoredMethodStatus::ALL, StoredMethodStatus::ROWS);
}

#[test]
fn an_unknown_attempt_never_becomes_failed_and_nothing_follows_a_canceled_payment() {
    let forbidden = AttemptStatus::ROWS.iter().any(|(from, _, to)| *from == AttemptStatus::Unknown && *to == AttemptStatus::Failed);
    assert!(!forbidden, "a replay that was not delivered says nothing about the send before it");
    for status in [PaymentStatus::Canceled, PaymentStatus::Expired] {
        for input in PaymentInput::ALL {
            assert_eq!(status.after(*input), None, "{status:?} after {input:?}");
        }
    }
    assert_eq!(PaymentStatus::Refunded.after(PaymentInput::RefundedPart), None);
}

#[test]
fn names_return_their_states() {
    for status in PaymentStatus::ALL {
        assert_eq!(PaymentStatus::parse_name(status.name()), Some(*status));
    }
    assert_eq!(PaymentStatus::parse_name("paid"), None);
}
