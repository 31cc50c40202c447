//! Enums as small integers. A code is a position in a list, so the lists are written into the file as a legend: a file
//! whose legend differs from this program's is rebuilt, and a person with an SQL shell can read the codes.

use base::{DeclineClass, OutcomeClass};
use engine::{CaptureMode, EventKind, NoticeSource, NoticeUse};
use payments::{AttemptStatus, CaptureStatus, DisputeStatus, PaymentStatus, RefundStatus, StoredMethodStatus};

/// An enum that is stored as a code.
pub(crate) trait Coded: Copy + PartialEq + 'static {
    /// What the legend calls the enum.
    const LEGEND: &'static str;
    /// Every value; the position is the code.
    const VALUES: &'static [Self];

    /// What the legend calls the value.
    fn label(self) -> String;

    /// The code of the value.
    fn code(self) -> u16 {
        let position =
            Self::VALUES.iter().position(|value| *value == self).expect("every value is listed; a test holds the lists complete");
        u16::try_from(position).expect("enums have few values")
    }

    /// The value of a code.
    fn of_code(code: u16) -> Option<Self> {
        Self::VALUES.get(usize::from(code)).copied()
    }
}

macro_rules! named {
    ($($name:ident = $legend:literal;)+) => {$(
        impl Coded for $name {
            const LEGEND: &'static str = $legend;
            const VALUES: &'static [Self] = $name::ALL;

            fn label(self) -> String {
                self.name().to_owned()
            }
        }
    )+};
}

named! {
    EventKind = "event_kind";
    PaymentStatus = "payment_status";
    AttemptStatus = "attempt_status";
    CaptureStatus = "capture_status";
    RefundStatus = "refund_status";
    DisputeStatus = "dispute_status";
    StoredMethodStatus = "payment_method_status";
}

impl Coded for CaptureMode {
    const LEGEND: &'static str = "capture_mode";
    const VALUES: &'static [Self] = &[Self::Automatic, Self::Manual];

    fn label(self) -> String {
        format!("{self:?}")
    }
}

impl Coded for NoticeSource {
    const LEGEND: &'static str = "webhook_source";
    const VALUES: &'static [Self] = &[Self::Webhook, Self::Sweep, Self::Replay];

    fn label(self) -> String {
        self.name().to_owned()
    }
}

impl Coded for NoticeUse {
    const LEGEND: &'static str = "webhook_found";
    const VALUES: &'static [Self] = &[Self::News, Self::Known, Self::Unmatched, Self::Kept, Self::Unclear];

    fn label(self) -> String {
        self.name().to_owned()
    }
}

impl Coded for DeclineClass {
    const LEGEND: &'static str = "decline_class";
    const VALUES: &'static [Self] = &[
        Self::HardCard,
        Self::HardRisk,
        Self::SoftFunds,
        Self::SoftIssuer,
        Self::SoftPsp,
        Self::FixData,
        Self::Authenticate,
        Self::Config,
        Self::Duplicate,
    ];

    fn label(self) -> String {
        format!("{self:?}")
    }
}

impl Coded for OutcomeClass {
    const LEGEND: &'static str = "outcome_class";
    const VALUES: &'static [Self] =
        &[Self::NotSent, Self::Rejected, Self::Declined, Self::Approved, Self::Pending, Self::Mismatch, Self::Unknown];

    fn label(self) -> String {
        format!("{self:?}")
    }
}

/// Every code with its meaning, in order of enum and code.
pub(crate) fn legend() -> Vec<(&'static str, u16, String)> {
    fn of<T: Coded>() -> impl Iterator<Item = (&'static str, u16, String)> {
        T::VALUES.iter().map(|value| (T::LEGEND, value.code(), value.label()))
    }
    let mut legend: Vec<_> = of::<EventKind>()
        .chain(of::<PaymentStatus>())
        .chain(of::<AttemptStatus>())
        .chain(of::<CaptureStatus>())
        .chain(of::<RefundStatus>())
        .chain(of::<DisputeStatus>())
        .chain(of::<StoredMethodStatus>())
        .chain(of::<CaptureMode>())
        .chain(of::<DeclineClass>())
        .chain(of::<OutcomeClass>())
        .chain(of::<NoticeSource>())
        .chain(of::<NoticeUse>())
        .collect();
    legend.sort();
    legend
}

#[cfg(test)]
mod tests {
    use super::{Coded, legend};
    use base::{DeclineClass, OutcomeClass};
    use engine::{CaptureMode, EventKind, NoticeSource, NoticeUse};

    #[test]
    fn codes_read_back_and_labels_are_unique() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::of_code(kind.code()), Some(*kind));
        }
        assert_eq!(EventKind::of_code(u16::MAX), None);
        let mut labels: Vec<_> = legend().into_iter().map(|(kind, _, label)| (kind, label)).collect();
        let count = labels.len();
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), count);
    }

    #[test]
    fn every_value_of_the_enums_without_a_list_of_their_own_has_a_code() {
        // A new variant breaks these matches; then it has to join `VALUES`.
        let decline = |class: DeclineClass| match class {
            DeclineClass::HardCard
            | DeclineClass::HardRisk
            | DeclineClass::SoftFunds
            | DeclineClass::SoftIssuer
            | DeclineClass::SoftPsp
            | DeclineClass::FixData
            | DeclineClass::Authenticate
            | DeclineClass::Config
            | DeclineClass::Duplicate => 9,
        };
        let outcome = |class: OutcomeClass| match class {
            OutcomeClass::NotSent
            | OutcomeClass::Rejected
            | OutcomeClass::Declined
            | OutcomeClass::Approved
            | OutcomeClass::Pending
            | OutcomeClass::Mismatch
            | OutcomeClass::Unknown => 7,
        };
        let capture = |mode: CaptureMode| match mode {
            CaptureMode::Automatic | CaptureMode::Manual => 2,
        };
        let source = |source: NoticeSource| match source {
            NoticeSource::Webhook | NoticeSource::Sweep | NoticeSource::Replay => 3,
        };
        let found = |found: NoticeUse| match found {
            NoticeUse::News | NoticeUse::Known | NoticeUse::Unmatched | NoticeUse::Kept | NoticeUse::Unclear => 5,
        };
        assert_eq!(NoticeSource::VALUES.len(), source(NoticeSource::Webhook));
        assert_eq!(NoticeUse::VALUES.len(), found(NoticeUse::News));
        assert_eq!(DeclineClass::VALUES.len(), decline(DeclineClass::HardCard));
        assert_eq!(OutcomeClass::VALUES.len(), outcome(OutcomeClass::Unknown));
        assert_eq!(CaptureMode::VALUES.len(), capture(CaptureMode::Manual));
    }
}
