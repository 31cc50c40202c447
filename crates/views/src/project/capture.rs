//! Captures that were asked for separately, and what they do to their payment.

use super::{Draft, Moment, Unfit};
use crate::rows::CaptureRow;
use base::EffectId;
use engine::Event;
use payments::{CaptureInput, CaptureStatus, PaymentInput};

impl Draft {
    pub(super) fn apply_capture(&mut self, moment: Moment, event: &Event) -> Result<(), Unfit> {
        match event {
            Event::CaptureStarted { requested, .. } => self.capture_started(moment, requested.effect, requested.money.amount_minor),
            Event::CaptureSucceeded { effect, amount_minor, fee_minor, held_minor, .. } => {
                self.captured(moment, *effect, *amount_minor, *fee_minor, *held_minor)
            }
            Event::CaptureObserved { effect, amount_minor, fee_minor, held_minor, .. } => {
                self.capture_started(moment, *effect, *amount_minor)?;
                self.captured(moment, *effect, *amount_minor, *fee_minor, *held_minor)
            }
            Event::CaptureFailed { effect, code, .. } => {
                let capture = advance(self.capture_of(*effect)?, moment, CaptureInput::Failed)?;
                capture.failure_code = Some(code.clone());
                // The expiry that rested while the capture was open counts again.
                self.row.expires_at = self.row.expires_at.map(|at| at.max(moment.at));
                Ok(())
            }
            Event::CaptureReversed { capture, amount_minor, code, .. } => {
                if let Some(index) = capture {
                    let found = self.captures.get_mut(usize::from(*index)).ok_or("a capture is reversed that was never asked for")?;
                    advance(found, moment, CaptureInput::Reversed)?.failure_code = Some(code.clone());
                }
                let remaining_minor = self.row.captured_minor.checked_sub(*amount_minor);
                self.row.captured_minor = remaining_minor.ok_or("more is reversed than was taken")?;
                if self.row.captured_minor > 0 {
                    return Ok(());
                }
                self.advance(PaymentInput::CaptureReversed)
            }
            _ => Err("not an event about a capture"),
        }
    }

    fn capture_started(&mut self, moment: Moment, effect: EffectId, amount_minor: u64) -> Result<(), Unfit> {
        let position = u16::try_from(self.captures.len()).map_err(|_| "too many captures")?;
        self.captures.push(CaptureRow {
            position,
            effect,
            started_at: moment.at,
            amount_minor,
            fee_minor: 0,
            status: CaptureStatus::Started,
            failure_code: None,
            updated_at: moment.at,
            changed_seq: moment.seq,
        });
        self.row.captures_count = position.checked_add(1).ok_or("too many captures")?;
        Ok(())
    }

    fn captured(&mut self, moment: Moment, effect: EffectId, amount_minor: u64, fee_minor: u64, held_minor: u64) -> Result<(), Unfit> {
        let capture = advance(self.capture_of(effect)?, moment, CaptureInput::Succeeded)?;
        capture.amount_minor = amount_minor;
        capture.fee_minor = fee_minor;
        self.add_captured(amount_minor, fee_minor)?;
        self.row.held_minor = held_minor;
        if held_minor > 0 {
            return self.advance(PaymentInput::CapturedPart);
        }
        self.row.expires_at = None;
        self.advance(PaymentInput::Captured)
    }

    /// Counts money that was taken, and its fee.
    pub(super) fn add_captured(&mut self, amount_minor: u64, fee_minor: u64) -> Result<(), Unfit> {
        let sum = |counted: u64, more: u64| counted.checked_add(more).ok_or("captures add up to more than 64 bits");
        self.row.captured_minor = sum(self.row.captured_minor, amount_minor)?;
        self.row.fee_minor = sum(self.row.fee_minor, fee_minor)?;
        Ok(())
    }

    fn capture_of(&mut self, effect: EffectId) -> Result<&mut CaptureRow, Unfit> {
        self.captures.iter_mut().find(|capture| capture.effect == effect).ok_or("an effect belongs to no capture")
    }

    /// A send of this effect ended without an answer.
    pub(super) fn capture_unknown(&mut self, moment: Moment, effect: EffectId) {
        let found = self.captures.iter_mut().find(|capture| capture.effect == effect);
        if let Some((capture, after)) = found.and_then(|capture| capture.status.after(CaptureInput::Unknown).map(|after| (capture, after)))
        {
            capture.status = after;
            capture.updated_at = moment.at;
            capture.changed_seq = moment.seq;
        }
    }
}

fn advance(capture: &mut CaptureRow, moment: Moment, input: CaptureInput) -> Result<&mut CaptureRow, Unfit> {
    capture.status = capture.status.after(input).ok_or("the capture's life cycle has no such row")?;
    capture.updated_at = moment.at;
    capture.changed_seq = moment.seq;
    Ok(capture)
}
