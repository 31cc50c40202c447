//! What proves a step: the request that was sent, the answer as it was understood, the event, its ledger lines, and its
//! trace. Requests are shown as the platform shows them: field by field, and only fields that are known to be harmless.

use super::objects::{Evidence, EvidenceFact, EvidenceKind, EvidenceLine, LineState};
use super::reasons;
use super::story::{Story, provider_called};
use super::{Happened, Materials, leg};
use crate::objects::Amount;
use crate::platform::{OpenedRequest, ShownRequest};
use crate::words::{ENGLISH, Line, Name, Phrase, Reason, Value};
use base::{EffectId, Money, NextAction, RefundId, UnknownReason};
use engine::{EffectRequested, Event, Sealed, SendKind};

/// Longest value that is shown of a request or an answer, in bytes.
const VALUE_BYTES_MAX: usize = 500;

/// Puts a step's evidence together, in the light of what came before it.
pub(super) struct Witness<'a> {
    pub(super) materials: &'a Materials<'a>,
    pub(super) story: &'a Story,
}

impl Witness<'_> {
    /// All evidence of a step, in the order in which people look for it.
    pub(super) fn evidence(&self, happened: &Happened) -> Vec<Evidence> {
        let mut all: Vec<Evidence> = Vec::new();
        all.extend(self.request(&happened.event));
        all.extend(self.answer(&happened.event));
        all.extend(self.booked(happened));
        all.push(self.event(happened));
        all.extend(happened.trace_id.as_ref().map(|trace| self.trace(trace)));
        all
    }

    fn line(&self, line: &Line) -> String {
        ENGLISH.line(line, self.materials.now)
    }

    fn fact(&self, name: Phrase, value: &Value) -> EvidenceFact {
        EvidenceFact { name: ENGLISH.phrase(name), value: shown(&ENGLISH.value(value, self.materials.now)) }
    }

    fn provider(&self, number: u16) -> Name {
        provider_called(self.materials.providers, number)
    }

    fn provider_of(&self, effect: EffectId) -> Name {
        self.provider(self.story.call(effect).map_or(0, |call| call.provider))
    }

    fn of_refund(&self, refund: RefundId) -> Name {
        self.provider(self.story.refund(refund).map_or(0, |call| call.provider))
    }

    fn newest(&self) -> Name {
        self.provider(self.story.newest().map_or(0, |call| call.provider))
    }

    fn request(&self, event: &Event) -> Option<Evidence> {
        match event {
            Event::AttemptStarted { requested, .. }
            | Event::CaptureStarted { requested, .. }
            | Event::CancelStarted { requested, .. }
            | Event::RefundStarted { requested, .. }
            | Event::LateSuccessFound { requested, .. }
            | Event::LateHoldCaptured { requested, .. } => Some(self.first_request(requested)),
            Event::ObservationStarted { requested, .. } | Event::RefundWatched { requested, .. } => Some(self.lookup(requested.provider)),
            Event::EffectSent { effect, send_kind, .. } => {
                let call = self.story.call(*effect)?;
                let provider = self.provider(call.provider);
                Some(match send_kind {
                    SendKind::Lookup => self.lookup(call.provider),
                    SendKind::First | SendKind::Replay => {
                        self.exact(call.provider, call.request.as_ref(), &Line::EvidenceRequestAgain { provider })
                    }
                })
            }
            _ => None, // nothing is sent
        }
    }

    fn first_request(&self, requested: &EffectRequested) -> Evidence {
        let title = Line::EvidenceRequest { provider: self.provider(requested.provider) };
        self.exact(requested.provider, requested.request.as_ref(), &title)
    }

    fn lookup(&self, provider: u16) -> Evidence {
        let title = Line::EvidenceRequestLookup { provider: self.provider(provider) };
        self.requested(&title, Vec::new(), Some(Line::NoteLookup {}))
    }

    fn requested(&self, title: &Line, facts: Vec<EvidenceFact>, note: Option<Line>) -> Evidence {
        let note = note.map(|note| self.line(&note));
        Evidence { kind: EvidenceKind::Request, title: self.line(title), facts, lines: Vec::new(), note }
    }

    fn exact(&self, provider: u16, sealed: Option<&Sealed>, title: &Line) -> Evidence {
        let Some(sealed) = sealed else {
            return self.requested(title, Vec::new(), Some(Line::NoteNeverMade {}));
        };
        match (self.materials.open_request)(provider, sealed) {
            OpenedRequest::Shown(request) => self.requested(title, self.request_facts(&request), None),
            OpenedRequest::Erased => self.requested(title, Vec::new(), Some(Line::NoteErased {})),
            OpenedRequest::Unreadable => self.requested(title, Vec::new(), Some(Line::NoteUnreadable {})),
        }
    }

    fn request_facts(&self, request: &ShownRequest) -> Vec<EvidenceFact> {
        let line = format!("{} {}", request.method, request.path);
        let mut facts = vec![self.fact(Phrase::FactRequest, &Value::Name(line))];
        facts.extend(request.fields.iter().map(|field| {
            let hidden = || self.line(&Line::NoteRedacted { number: field.value_bytes });
            EvidenceFact { name: shown(&field.name), value: field.value.as_deref().map_or_else(hidden, shown) }
        }));
        facts
    }

    fn answered(&self, provider: Name, facts: Vec<(Phrase, Option<Value>)>) -> Option<Evidence> {
        let facts: Vec<EvidenceFact> = facts.into_iter().filter_map(|(name, value)| value.map(|value| self.fact(name, &value))).collect();
        let title = self.line(&Line::EvidenceAnswer { provider });
        (!facts.is_empty()).then_some(Evidence { kind: EvidenceKind::Answer, title, facts, lines: Vec::new(), note: None })
    }

    fn answer(&self, event: &Event) -> Option<Evidence> {
        let money = |amount_minor: u64| Some(Value::Money(self.story.money(amount_minor)));
        match event {
            Event::AttemptPending { effect, action, provider_id, .. } => {
                let redirect = match action {
                    NextAction::Redirect { url } => Some(Value::Name(without_query(url))),
                    NextAction::Wait => None,
                };
                self.answered(self.provider_of(*effect), vec![id(provider_id.as_ref()), (Phrase::FactRedirect, redirect)])
            }
            Event::AttemptAuthorized { effect, provider_id, .. } => {
                let held = self.story.call(*effect).map(|call| Value::Money(call.money));
                self.answered(self.provider_of(*effect), vec![id(provider_id.as_ref()), (Phrase::FactAmount, held)])
            }
            Event::AttemptCaptured { effect, provider_id, amount_minor, fee_minor, available_at, .. } => self.answered(
                self.provider_of(*effect),
                vec![
                    id(provider_id.as_ref()),
                    (Phrase::FactAmount, money(*amount_minor)),
                    (Phrase::FactFee, money(*fee_minor).filter(|_| *fee_minor > 0)),
                    (Phrase::FactAvailableAt, available_at.map(Value::Until)),
                ],
            ),
            Event::CaptureSucceeded { effect, amount_minor, fee_minor, available_at, .. }
            | Event::CaptureObserved { effect, amount_minor, fee_minor, available_at, .. } => self.answered(
                self.provider_of(*effect),
                vec![
                    (Phrase::FactAmount, money(*amount_minor)),
                    (Phrase::FactFee, money(*fee_minor).filter(|_| *fee_minor > 0)),
                    (Phrase::FactAvailableAt, available_at.map(Value::Until)),
                ],
            ),
            Event::FeeBooked { effect, fee_minor, available_at, .. } => self.answered(
                self.provider_of(*effect),
                vec![(Phrase::FactFee, money(*fee_minor)), (Phrase::FactAvailableAt, available_at.map(Value::Until))],
            ),
            Event::AttemptDeclined { effect, provider_id, decline, .. } => self.answered(
                self.provider_of(*effect),
                vec![
                    id(provider_id.as_ref()),
                    code(&decline.code),
                    (Phrase::FactNetworkCode, decline.network_code.clone().map(Value::Name)),
                    (Phrase::FactReason, Some(reason(reasons::refusal(&decline.code)))),
                ],
            ),
            Event::AttemptFailed { effect, code: said, .. }
            | Event::EffectDeferred { effect, code: said, .. }
            | Event::CaptureFailed { effect, code: said, .. }
            | Event::CancelFailed { effect, code: said, .. } => self.answered(self.provider_of(*effect), vec![said_code(said)]),
            Event::AttemptMismatched { effect, provider_id, mismatch, .. } => {
                let amount = Value::Money(Money { amount_minor: mismatch.amount_minor, currency: mismatch.currency });
                self.answered(self.provider_of(*effect), vec![id(provider_id.as_ref()), (Phrase::FactAmount, Some(amount))])
            }
            Event::EffectUnknown { effect, reason: UnknownReason::IdempotencyConflict, .. } => {
                let why = Value::Phrase(Phrase::UnknownIdempotencyConflict);
                self.answered(self.provider_of(*effect), vec![(Phrase::FactReason, Some(why))])
            }
            Event::CaptureReversed { code: said, .. } => self.answered(self.newest(), vec![said_code(said)]),
            Event::RefundPending { refund, provider_id, .. } | Event::RefundSucceeded { refund, provider_id, .. } => {
                self.answered(self.of_refund(*refund), vec![id(provider_id.as_ref())])
            }
            Event::RefundFailed { refund, code: said, .. } | Event::RefundReversed { refund, code: said, .. } => {
                self.answered(self.of_refund(*refund), vec![said_code(said)])
            }
            Event::LateSuccessReturned { effect, code: said, .. } => self.answered(self.provider_of(*effect), vec![said_code(said)]),
            Event::DisputeInquired { dispute, amount_minor, reason: said, respond_by, .. }
            | Event::DisputeOpened { dispute, amount_minor, reason: said, respond_by, .. } => self.told(vec![
                (Phrase::FactDispute, Some(Value::Name(dispute.clone()))),
                (Phrase::FactAmount, money(*amount_minor)),
                code(said),
                (Phrase::FactRespondBy, respond_by.map(Value::Until)),
            ]),
            Event::DisputeClosed { dispute, .. } | Event::DisputeInquiryClosed { dispute, .. } => {
                self.told(vec![(Phrase::FactDispute, Some(Value::Name(dispute.clone())))])
            }
            Event::DisputeFeeBooked { dispute, fee_minor, .. } => {
                self.told(vec![(Phrase::FactDispute, Some(Value::Name(dispute.clone()))), (Phrase::FactFee, money(*fee_minor))])
            }
            Event::WebhookReceived { event_id, event_type, .. } => self.told(vec![
                (Phrase::FactMessage, Some(Value::Name(event_type.clone()))),
                (Phrase::FactMessageId, Some(Value::Name(event_id.clone()))),
            ]),
            _ => None, // nobody answered anything
        }
    }

    /// What a provider said of its own accord.
    fn told(&self, facts: Vec<(Phrase, Option<Value>)>) -> Option<Evidence> {
        let told = self.answered(self.newest(), facts)?;
        Some(Evidence { title: self.line(&Line::EvidenceMessage { provider: self.newest() }), ..told })
    }

    fn booked(&self, happened: &Happened) -> Option<Evidence> {
        if happened.legs.is_empty() {
            return None;
        }
        let lines = happened.legs.iter().map(|leg| self.booked_line(leg)).collect();
        let title = self.line(&Line::EvidenceLedger {});
        Some(Evidence { kind: EvidenceKind::Ledger, title, facts: Vec::new(), lines, note: None })
    }

    fn booked_line(&self, leg: &views::LegRow) -> EvidenceLine {
        let state = leg::state(leg);
        let held = leg.pending.and_then(|hold| self.materials.events.iter().flat_map(|event| &event.legs).find(|other| other.id == hold));
        // A reservation that is given up in full is booked with an amount of zero.
        let counted = if state == LineState::Voided { held.unwrap_or(leg) } else { leg };
        let amount_minor = u64::try_from(counted.amount_minor).unwrap_or(u64::MAX);
        let money = Money { amount_minor, currency: leg.currency };
        EvidenceLine {
            sentence: self.line(&leg::why(leg)),
            debit: ENGLISH.phrase(leg::account(leg.debit_account)),
            credit: ENGLISH.phrase(leg::account(leg.credit_account)),
            amount: Amount::new(money),
            text: ENGLISH.value(&Value::Money(money), self.materials.now),
            state,
        }
    }

    fn event(&self, happened: &Happened) -> Evidence {
        let Happened { seq, at, event, legs: _, trace_id: _ } = happened;
        let facts = vec![
            self.fact(Phrase::FactEventType, &Value::Name(event.kind().name().to_owned())),
            self.fact(Phrase::FactEventId, &Value::Name(super::data::event_id(*seq))),
            self.fact(Phrase::FactRecorded, &Value::Name(at.to_string())),
        ];
        let title = self.line(&Line::EvidenceEvent { number: *seq });
        Evidence { kind: EvidenceKind::Event, title, facts, lines: Vec::new(), note: None }
    }

    fn trace(&self, trace_id: &str) -> Evidence {
        let facts = vec![self.fact(Phrase::FactTraceId, &Value::Name(trace_id.to_owned()))];
        Evidence { kind: EvidenceKind::Trace, title: self.line(&Line::EvidenceTrace {}), facts, lines: Vec::new(), note: None }
    }
}

fn id(provider_id: Option<&String>) -> (Phrase, Option<Value>) {
    (Phrase::FactProviderId, provider_id.cloned().map(Value::Name))
}

fn code(code: &str) -> (Phrase, Option<Value>) {
    (Phrase::FactCode, Some(Value::Name(code.to_owned())).filter(|_| !code.is_empty()))
}

/// A code that a provider gave, as opposed to one of ours about a request that never went out.
fn said_code(said: &str) -> (Phrase, Option<Value>) {
    let (name, value) = code(said);
    (name, value.filter(|_| !said.starts_with("not_sent_")))
}

fn reason(reason: Reason) -> Value {
    Value::from(reason)
}

/// An address without what may be a customer's own key in it.
fn without_query(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// A value of somebody else, without what looks like a credential or a card number, and not too long.
fn shown(value: &str) -> String {
    let redacted = telemetry::redact(value);
    if redacted.len() <= VALUE_BYTES_MAX {
        return redacted.into_owned();
    }
    format!("{}…", &redacted[..redacted.floor_char_boundary(VALUE_BYTES_MAX)])
}
