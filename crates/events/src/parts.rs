//! Values inside events that are messages, enums or alternatives of their own.
//!
//! Each is one line or table, read in both directions, and names every field and variant: a new one does not compile
//! until it has its place in the schema.

use crate::error::{FieldError, FieldProblem};
use crate::generated::v1;
use crate::wire::Wire;
use base::{Decline, DeclineClass, Mismatch, Money, NextAction, OutcomeClass, UnknownReason};
use engine::event::{KeyUse, PaymentCreated, PaymentRevised};
use engine::{CaptureMode, EffectKind, EffectRequested, KeyOwner, Sealed, SendKind};

/// A struct of the engine as a message of the same name. `field as name` where the schema's name has a unit.
macro_rules! messages {
    ($($type:ident { $($field:ident $(as $name:ident)?),+ })+) => {$(
        impl Wire for $type {
            type Proto = Option<v1::$type>;

            fn encode(&self) -> Self::Proto {
                let Self { $($field),+ } = self;
                Some(messages!(@write v1::$type { $($field $(as $name)?),+ }))
            }

            fn decode(proto: Self::Proto, field: &'static str) -> Result<Self, FieldError> {
                let message = proto.ok_or(FieldError { field, problem: FieldProblem::Missing })?;
                messages!(@read v1::$type, message => Self { $($field $(as $name)?),+ })
            }
        }
    )+};
    (@write $message:path { $($field:ident $(as $name:ident)?),* }) => {
        $message { $($crate::parts::messages!(@name $field $($name)?): Wire::encode($field)),* }
    };
}

