//! The six life cycles, each one table of `(from, input, to)`. What no row permits cannot happen: the engine looks a
//! row up before it emits an event and again when it applies it.

use serde::{Deserialize, Serialize};

/// One life cycle's states, inputs and rows as plain data, for lookups and for printing.
macro_rules! lifecycle {
    (
        $(#[$status_doc:meta])* status $status:ident { $($(#[$s_doc:meta])* $s:ident = $s_name:literal,)+ }
        $(#[$input_doc:meta])* input $input:ident { $($(#[$i_doc:meta])* $i:ident = $i_name:literal,)+ }
        rows { $($from:ident + $on:ident => $to:ident,)+ }
    ) => {
        $(#[$status_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $status { $($(#[$s_doc])* $s,)+ }

        $(#[$input_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $input { $($(#[$i_doc])* $i,)+ }

        impl $status {
            /// Every state, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$s,)+];
            /// The life cycle: each row says from which state which input leads where.
            pub const ROWS: &'static [(Self, $input, Self)] = &[$((Self::$from, $input::$on, Self::$to),)+];

            /// The state after `input`, or `None` when the table has no such row.
            pub fn after(self, input: $input) -> Option<Self> {
                Self::ROWS.iter().find(|(from, on, _)| *from == self && *on == input).map(|(_, _, to)| *to)
            }

            /// The name on the wire and in the views.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$s => $s_name,)+ }
            }

            /// The state of that name.
            pub fn parse_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|status| status.name() == name)
            }

            /// Whether no input leads out of this state.
            pub fn is_terminal(self) -> bool {
                Self::ROWS.iter().all(|(from, _, _)| *from != self)
            }
        }

        impl $input {
            /// Every input, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$i,)+];

            /// What happened, in words.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$i => $i_name,)+ }
            }
        }
    };
}

lifecycle! {
    /// Where a payment stands.
    status PaymentStatus {
        /// Known to us; no provider was asked.
        Created = "created",
        /// A provider was asked and has not given a final answer, or gave none that we could read.
        Processing = "processing",
        /// The customer has to act at the provider.
        RequiresAction = "requires_action",
        /// Money is held.
        Authorized = "authorized",
        /// Part of the held money was taken and the rest is still held (only where a provider has several captures).
        PartiallyCaptured = "partially_captured",
        /// Money was taken; what was not taken is released.
        Captured = "captured",
        /// Part of the taken money was given back.
        PartiallyRefunded = "partially_refunded",
        /// All of the taken money was given back.
        Refunded = "refunded",
        /// Given up before money was taken.
        Canceled = "canceled",
        /// The last attempt was refused; a new one may be started.
        Declined = "declined",
        /// Nobody acted in time.
        Expired = "expired",
    }
    /// What moves a payment.
    input PaymentInput {
        /// An attempt starts.
        AttemptStarted = "attempt started",
        /// The provider waits for the customer.
        ActionRequired = "action required",
        /// The provider has the payment and will answer later.
        AnswerPending = "answer pending",
        /// The provider holds the money.
        Authorized = "authorized",
        /// The provider took the money for good.
        Captured = "captured",
        /// The provider took part of it and still holds the rest.
        CapturedPart = "captured a part",
        /// Issuer or provider refused, or no request could be delivered.
        Declined = "declined",
        /// The provider confirmed that the hold or intent is gone, or there never was one.
        Canceled = "canceled",
        /// As canceled, because nobody acted in time.
        Expired = "expired",
        /// A refund went through and money taken remains.
        RefundedPart = "refunded a part",
        /// A refund went through and nothing taken remains.
        RefundedAll = "refunded all",
        /// A refund that had gone through failed after all; some other refund stands.
        RefundReversedPart = "refund reversed, others stand",
        /// A refund that had gone through failed after all; none stands.
        RefundReversedAll = "refund reversed, none stands",
        /// All that had been taken failed after all; what is still held stays held.
        CaptureReversed = "capture reversed",
    }
    rows {
        Created + AttemptStarted => Processing,
        Created + Canceled => Canceled,
        Created + Expired => Expired,
        Processing + ActionRequired => RequiresAction,
        Processing + AnswerPending => Processing,
        Processing + Authorized => Authorized,
        Processing + Captured => Captured,
        Processing + Declined => Declined,
        Processing + Canceled => Canceled,
        Processing + Expired => Expired,
        RequiresAction + ActionRequired => RequiresAction,
        RequiresAction + AnswerPending => Processing,
        RequiresAction + Authorized => Authorized,
        RequiresAction + Captured => Captured,
        RequiresAction + Declined => Declined,
        RequiresAction + Canceled => Canceled,
        RequiresAction + Expired => Expired,
        Authorized + Captured => Captured,
        Authorized + CapturedPart => PartiallyCaptured,
        Authorized + Canceled => Canceled,
        Authorized + Expired => Expired,
        PartiallyCaptured + CapturedPart => PartiallyCaptured,
        PartiallyCaptured + Captured => Captured,
        PartiallyCaptured + Canceled => Captured,
        PartiallyCaptured + Expired => Captured,
        PartiallyCaptured + CaptureReversed => Authorized,
        Captured + RefundedPart => PartiallyRefunded,
        Captured + RefundedAll => Refunded,
        Captured + CaptureReversed => Declined,
        PartiallyRefunded + RefundedPart => PartiallyRefunded,
        PartiallyRefunded + RefundedAll => Refunded,
        PartiallyRefunded + RefundReversedPart => PartiallyRefunded,
        PartiallyRefunded + RefundReversedAll => Captured,
        PartiallyRefunded + CaptureReversed => Declined,
        Refunded + RefundedAll => Refunded,
        Refunded + RefundReversedPart => PartiallyRefunded,
        Refunded + RefundReversedAll => Captured,
        Refunded + CaptureReversed => Declined,
        Declined + AttemptStarted => Processing,
        Declined + RefundedAll => Declined,
        Declined + RefundReversedPart => Declined,
        Declined + RefundReversedAll => Declined,
    }
}

lifecycle! {
    /// Where one attempt at one provider stands.
    status AttemptStatus {
        /// The request is on its way or will be sent again.
        Started = "started",
        /// The provider may have executed it; nobody knows yet.
        Unknown = "unknown",
        /// The customer or the provider has to do something first.
        Pending = "pending",
        /// Approved; money is held.
        Authorized = "authorized",
        /// Approved; money was taken.
        Captured = "captured",
        /// Refused by issuer or provider.
        Declined = "declined",
        /// Provably never executed: not delivered or turned away.
        Failed = "failed",
        /// The provider did something else than was asked.
        Mismatched = "mismatched",
        /// The intent at the provider is confirmed gone.
        Canceled = "canceled",
        /// Was over, and then the provider held or took the money after all; that is given back.
        SucceededLate = "succeeded_late",
    }
    /// What moves an attempt.
    input AttemptInput {
        /// A send ended without an answer that we could read.
        Unknown = "unknown",
        /// The provider waits.
        Pending = "pending",
        /// Money is held.
        Authorized = "authorized",
        /// Money was taken.
        Captured = "captured",
        /// Refused.
        Declined = "declined",
        /// Provably never executed.
        Failed = "failed",
        /// Something else was done.
        Mismatched = "mismatched",
        /// Confirmed gone.
        Canceled = "canceled",
        /// Held or taken after it was over.
        SucceededLate = "succeeded late",
    }
    rows {
        Started + Unknown => Unknown,
        Started + Pending => Pending,
        Started + Authorized => Authorized,
        Started + Captured => Captured,
        Started + Declined => Declined,
        Started + Failed => Failed,
        Started + Mismatched => Mismatched,
        Unknown + Unknown => Unknown,
        Unknown + Pending => Pending,
        Unknown + Authorized => Authorized,
        Unknown + Captured => Captured,
        Unknown + Declined => Declined,
        Unknown + Mismatched => Mismatched,
        Unknown + Canceled => Canceled,
        Pending + Pending => Pending,
        Pending + Unknown => Pending,
        Pending + Authorized => Authorized,
        Pending + Captured => Captured,
        Pending + Declined => Declined,
        Pending + Mismatched => Mismatched,
        Pending + Canceled => Canceled,
        Authorized + Captured => Captured,
        Authorized + Canceled => Canceled,
        Declined + SucceededLate => SucceededLate,
        Failed + SucceededLate => SucceededLate,
        Canceled + SucceededLate => SucceededLate,
    }
}

lifecycle! {
    /// Where one capture stands.
    status CaptureStatus {
        /// Asked for.
        Started = "started",
        /// Perhaps executed.
        Unknown = "unknown",
        /// Money was taken.
        Succeeded = "succeeded",
        /// The provider did not take it.
        Failed = "failed",
        /// Had succeeded and failed later.
        Reversed = "reversed",
    }
    /// What moves a capture.
    input CaptureInput {
        /// No readable answer.
        Unknown = "unknown",
        /// Taken.
        Succeeded = "succeeded",
        /// Not taken.
        Failed = "failed",
        /// Failed after it had succeeded.
        Reversed = "reversed",
    }
    rows {
        Started + Unknown => Unknown,
        Started + Succeeded => Succeeded,
        Started + Failed => Failed,
        Unknown + Unknown => Unknown,
        Unknown + Succeeded => Succeeded,
        Unknown + Failed => Failed,
        Succeeded + Reversed => Reversed,
    }
}

lifecycle! {
    /// Where one refund stands.
    status RefundStatus {
        /// Asked for.
        Started = "started",
        /// Perhaps executed.
        Unknown = "unknown",
        /// Accepted by the provider, not final.
        Pending = "pending",
        /// Money was given back.
        Succeeded = "succeeded",
        /// Money was not given back.
        Failed = "failed",
        /// Had succeeded and failed later.
        Reversed = "reversed",
    }
    /// What moves a refund.
    input RefundInput {
        /// No readable answer.
        Unknown = "unknown",
        /// Accepted, not final.
        Pending = "pending",
        /// Given back.
        Succeeded = "succeeded",
        /// Not given back.
        Failed = "failed",
        /// Failed after it had succeeded.
        Reversed = "reversed",
    }
    rows {
        Started + Unknown => Unknown,
        Started + Pending => Pending,
        Started + Succeeded => Succeeded,
        Started + Failed => Failed,
        Unknown + Unknown => Unknown,
        Unknown + Pending => Pending,
        Unknown + Succeeded => Succeeded,
        Unknown + Failed => Failed,
        Pending + Unknown => Pending,
        Pending + Pending => Pending,
        Pending + Succeeded => Succeeded,
        Pending + Failed => Failed,
        Succeeded + Reversed => Reversed,
    }
}

lifecycle! {
    /// Where one dispute stands.
    status DisputeStatus {
        /// The customer's bank asks; no money was taken back.
        Inquiry = "inquiry",
        /// The question was settled without a dispute.
        InquiryClosed = "inquiry_closed",
        /// The customer's bank took the money back for now.
        Open = "open",
        /// The merchant got it back.
        Won = "won",
        /// The customer's bank keeps it.
        Lost = "lost",
    }
    /// What moves a dispute.
    input DisputeInput {
        /// The bank takes the money back for now.
        Opened = "opened",
        /// The question is settled.
        InquiryClosed = "inquiry closed",
        /// Decided for the merchant.
        Won = "won",
        /// Decided against the merchant.
        Lost = "lost",
    }
    rows {
        Inquiry + Opened => Open,
        Inquiry + InquiryClosed => InquiryClosed,
        InquiryClosed + Opened => Open,
        Open + Won => Won,
        Open + Lost => Lost,
        Lost + Won => Won,
    }
}

lifecycle! {
    /// Where one stored payment method stands.
    status StoredMethodStatus {
        /// The provider is asked to keep it.
        Storing = "storing",
        /// It can be charged.
        Active = "active",
        /// The provider did not keep it.
        Failed = "failed",
        /// The provider is asked to give it up; it can no longer be charged.
        Removing = "removing",
        /// The provider gave it up.
        Removed = "removed",
    }
    /// What moves a stored payment method.
    input StoredMethodInput {
        /// The provider keeps it.
        Stored = "stored",
        /// The provider does not keep it.
        Refused = "refused",
        /// The provider shall give it up.
        RemovalStarted = "removal started",
        /// The provider gave it up.
        Removed = "removed",
        /// The provider did not give it up.
        RemovalRefused = "removal refused",
    }
    rows {
        Storing + Stored => Active,
        Storing + Refused => Failed,
        Active + RemovalStarted => Removing,
        Removing + Removed => Removed,
        Removing + RemovalRefused => Active,
    }
}

impl PaymentStatus {
    /// Whether refunds may be asked for.
    pub const fn is_refundable(self) -> bool {
        match self {
            Self::Captured | Self::PartiallyRefunded => true,
            Self::Created
            | Self::Processing
            | Self::RequiresAction
            | Self::Authorized
            | Self::PartiallyCaptured
            | Self::Refunded
            | Self::Canceled
            | Self::Declined
            | Self::Expired => false,
        }
    }
}

impl DisputeStatus {
    /// Whether the disputed money is with the customer's bank: it cannot be refunded as well.
    pub const fn is_held(self) -> bool {
        match self {
            Self::Open | Self::Lost => true,
            Self::Inquiry | Self::InquiryClosed | Self::Won => false,
        }
    }
}
