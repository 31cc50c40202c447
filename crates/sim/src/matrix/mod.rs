//! Stories of one payment against every fault of its provider and every order of its webhooks. Unlike a seed, a run has no
//! disk and no chance of its own: its plan says everything, so that all of them can be tried.
//!
//! Real parts: the engine behind its partition, request preparation, the connector, the simulator with its truth ledger.
//! What a run must come to is said in `judge`.

mod judge;
mod stage;

pub use judge::Verdict;
pub use stage::{MERCHANT, Seen, run, watch};

use engine::CaptureMode;
use sandbox::stripe::{FaultKind, WebhookFaultKind};

/// What a merchant, a customer or somebody else does next, once nothing is open on the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The merchant takes held money; all of it, or so much in minor units.
    Capture(Option<u64>),
    /// The merchant gives up.
    Cancel,
    /// The merchant gives money back; all of it, or so much in minor units.
    Refund(Option<u64>),
    /// The merchant tries a declined payment again with another payment method.
    Retry(&'static str),
    /// The customer ends the challenge.
    Challenge {
        /// Whether it is passed.
        passes: bool,
    },
    /// The merchant answers a dispute.
    Evidence {
        /// Whether it convinces.
        wins: bool,
    },
    /// Somebody captures at the provider, without the platform.
    CaptureElsewhere,
    /// Somebody cancels at the provider, without the platform.
    CancelElsewhere,
    /// The customer pays the first attempt after all, without the platform.
    PayElsewhere,
}

/// The life of one payment.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// What it is called.
    pub name: &'static str,
    /// The provider's token of the payment method.
    pub method: &'static str,
    /// Whether money is taken at once.
    pub capture: CaptureMode,
    /// What follows, in order.
    pub acts: &'static [Act],
}

const fn story(name: &'static str, method: &'static str, capture: CaptureMode, acts: &'static [Act]) -> Story {
    Story { name, method, capture, acts }
}

use Act::{Cancel, CancelElsewhere, Capture, CaptureElsewhere, Challenge, Evidence, PayElsewhere, Refund, Retry};
use CaptureMode::{Automatic, Manual};

/// Every operation that the platform has, with what providers and customers make of it.
pub const STORIES: &[Story] = &[
    story("charge", "pm_card_visa", Automatic, &[]),
    story("decline", "pm_card_chargeDeclined", Automatic, &[]),
    story("decline and retry", "pm_card_chargeDeclined", Automatic, &[Retry("pm_card_visa")]),
    story("hold until it expires", "pm_card_visa", Manual, &[]),
    story("hold and capture", "pm_card_visa", Manual, &[Capture(None)]),
    story("hold and capture a part", "pm_card_visa", Manual, &[Capture(Some(700))]),
    story("hold and cancel", "pm_card_visa", Manual, &[Cancel]),
    story("refund all", "pm_card_visa", Automatic, &[Refund(None)]),
    story("refund twice", "pm_card_visa", Automatic, &[Refund(Some(400)), Refund(Some(600))]),
    story("capture and refund", "pm_card_visa", Manual, &[Capture(Some(700)), Refund(Some(300))]),
    story("refund that settles later", "pm_card_pendingRefund", Automatic, &[Refund(None)]),
    story("refund that fails later", "pm_card_refundFail", Automatic, &[Refund(Some(600)), Refund(Some(100))]),
    story("challenge passed", "pm_card_authenticationRequired", Automatic, &[Challenge { passes: true }]),
    story("challenge failed", "pm_card_authenticationRequired", Automatic, &[Challenge { passes: false }]),
    story("challenge abandoned", "pm_card_authenticationRequired", Manual, &[]),
    story("challenge canceled", "pm_card_authenticationRequired", Manual, &[Cancel]),
    story("dispute lost by silence", "pm_card_createDispute", Automatic, &[]),
    story("dispute won", "pm_card_createDispute", Automatic, &[Evidence { wins: true }]),
    story("dispute lost", "pm_card_createDispute", Automatic, &[Evidence { wins: false }]),
    story("inquiry", "pm_card_createDisputeInquiry", Automatic, &[]),
    story("captured elsewhere", "pm_card_visa", Manual, &[CaptureElsewhere]),
    story("canceled elsewhere", "pm_card_visa", Manual, &[CancelElsewhere]),
    story("declined and paid elsewhere", "pm_card_chargeDeclined", Automatic, &[PayElsewhere]),
    story("retried and paid twice", "pm_card_chargeDeclined", Automatic, &[Retry("pm_card_visa"), PayElsewhere]),
    story("held twice", "pm_card_chargeDeclined", Manual, &[Retry("pm_card_visa"), PayElsewhere, Capture(None)]),
];

/// A fault of the provider, and which of the payment's requests it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// What goes wrong.
    pub kind: FaultKind,
    /// From which of the platform's requests on, counted from 1.
    pub nth: u64,
    /// How many requests in a row.
    pub count: u64,
}

/// What goes wrong with webhooks, and from which of them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disorder {
    /// What goes wrong.
    pub kind: WebhookFaultKind,
    /// From which delivery on, counted from 1.
    pub nth: u64,
    /// How many deliveries in a row.
    pub count: u64,
}

/// One run: a story with everything that goes wrong in it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The story.
    pub story: Story,
    /// Faults of answers.
    pub strikes: Vec<Strike>,
    /// Faults of webhooks.
    pub disorders: Vec<Disorder>,
    /// The platform is killed and starts again right before its so-many-th happening, counted from 1.
    pub restarts: Vec<u32>,
    /// Draws the simulator's own choices.
    pub seed: u64,
}
