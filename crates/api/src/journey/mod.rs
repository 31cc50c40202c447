//! The journey of a payment: its events told in plain sentences, with what proves them, what comes next and what one can
//! do. The words themselves are in `crate::words`.
//!
//! Read first: [`tell`], then `step.rs` for which message tells which event, and `outlook.rs` for how a payment stands.
//! What does not live here: reading events and state ([`crate::reads`]), and deciding anything.

mod data;
mod evidence;
mod leg;
mod objects;
mod outlook;
mod reasons;
pub(crate) mod route;
mod step;
mod story;

pub(crate) use data::event;
pub use objects::{
    ActionCode, Actor, Evidence, EvidenceFact, EvidenceKind, EvidenceLine, Journey, JourneyAction, JourneyNext, JourneyStep,
    JourneySummary, LineState,
};

use crate::objects::Event as EventObject;
use crate::platform::OpenedRequest;
use crate::words::ENGLISH;
use base::{PaymentId, Timestamp};
use engine::{Event, Outlook, Sealed};
use step::Teller;
use story::Story;
use views::LegRow;

/// One event of a payment.
#[derive(Clone, Debug)]
pub struct Happened {
    /// Its place in the journal.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
    /// What it booked, in order.
    pub legs: Vec<LegRow>,
    /// The W3C trace id of the request that caused it: 32 hexadecimal digits.
    pub trace_id: Option<String>,
}

/// Everything that a journey is told from.
pub struct Materials<'a> {
    /// The payment.
    pub payment: PaymentId,
    /// Its events up to those that `outlook` knows, oldest first, all of them.
    pub events: &'a [Happened],
    /// How it stands.
    pub outlook: &'a Outlook,
    /// The platform's time.
    pub now: Timestamp,
    /// Names of the provider endpoints, by number.
    pub providers: &'a [String],
    /// Opens a kept request to a provider endpoint for people to see.
    pub open_request: &'a (dyn Fn(u16, &Sealed) -> OpenedRequest + Sync),
}

/// Tells a payment's journey.
pub fn tell(materials: &Materials<'_>) -> Journey {
    let Materials { payment, events, outlook, now, providers, open_request: _ } = *materials;
    let mut story = Story::new(outlook.payment.money);
    let mut data = Vec::with_capacity(events.len());
    for happened in events {
        let (told, lines) = Teller { story: &story, providers }.tell(&happened.event);
        let evidence = evidence::Witness { materials, story: &story }.evidence(happened);
        data.push(JourneyStep {
            event: EventObject {
                id: data::event_id(happened.seq),
                object: "event",
                seq: happened.seq,
                kind: happened.event.kind().name(),
                payment: happened.event.payment().map(|payment| payment.to_string()),
                created_at: happened.at.to_string(),
                data: data::data(&happened.event, providers),
            },
            title: ENGLISH.title(&told, happened.at),
            sentence: ENGLISH.sentence(&told, &lines, happened.at),
            tone: told.tone(),
            evidence,
        });
        story.follow(&happened.event);
    }
    let stand = outlook::Stand { payment, outlook, story: &story, providers, now };
    let (told, lines) = stand.summary();
    let (next, at) = stand.next();
    Journey {
        object: "journey",
        payment: payment.to_string(),
        summary: JourneySummary { title: ENGLISH.title(&told, now), sentence: ENGLISH.sentence(&told, &lines, now), tone: told.tone() },
        data,
        next: JourneyNext { sentence: ENGLISH.line(&next, now), at: at.map(|at| at.to_string()) },
        actions: stand.actions(),
    }
}

#[cfg(test)]
mod tests;
