//! The merchants' programs and their customers. Each order is a small script: create, confirm, capture or cancel, give
//! back; every answer may be lost, every request repeated. Some clients misbehave on purpose.

use crate::judge::{Asked, Known, View};
use crate::platform::{Sealing, Token};
use crate::random::Random;
use crate::report::Checked;
use crate::world::{Event, World};
use base::time::{NS_PER_MS, NS_PER_S};
use base::{Currency, MerchantId, Money, PaymentId, SubjectId};
use engine::{
    CancelPayment, CaptureMode, CapturePayment, Command, ConfirmPayment, CreatePayment, CreateRefund, Idempotency, Private, Refusal, Reply,
    Sealed,
};
use payments::PaymentStatus;
use std::collections::VecDeque;

/// Merchants of a run.
pub const MERCHANTS_COUNT: u64 = 3;
/// Time over which orders come in, in nanoseconds.
pub const ARRIVALS_NS: u64 = 70 * NS_PER_S;
/// After this long without an answer a client sends the same request again, in nanoseconds.
const ANSWER_TIMEOUT_NS: u64 = 8 * NS_PER_S;
/// Sends of one request before its client gives up.
const SENDS_MAX: u32 = 40;
/// Looks at one payment before its client stops looking.
const LOOKS_MAX: u32 = 45;

const GOOD: [&str; 6] = ["pm_card_visa", "pm_card_visa_debit", "pm_card_mastercard", "pm_card_amex", "pm_card_de", "pm_card_jp"];
const BAD: [&str; 6] = [
    "pm_card_visa_chargeDeclined",
    "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_visa_chargeDeclinedLostCard",
    "pm_card_chargeDeclinedExpiredCard",
    "pm_card_chargeDeclinedProcessingError",
    "pm_card_radarBlock",
];
const CHALLENGED: [&str; 3] =
    ["pm_card_authenticationRequired", "pm_card_threeDSecure2Required", "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"];
const SLOW_REFUND: &str = "pm_card_pendingRefund";
const FAILING_REFUND: &str = "pm_card_refundFail";
const CURRENCIES: [&str; 4] = ["EUR", "USD", "JPY", "KWD"];

/// What is bought.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    money: Money,
    capture: CaptureMode,
    method: &'static str,
}

/// What a client does with held money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    CaptureAll,
    CapturePart,
    Cancel,
    Forget,
}

/// A refund that a client wants, in thousandths of what was taken; `None` is all that remains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wish {
    per_mille: Option<u64>,
    /// How many such requests at once, each with a key of its own.
    at_once: u32,
}

/// How a client misbehaves after its creation was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mischief {
    OtherBody,
    OtherContent,
    SameAgain,
    SameReference,
}

/// One order and how far its client is.
pub struct Order {
    merchant: MerchantId,
    /// Whose data belongs to it.
    pub subject: SubjectId,
    reference: Option<[u8; 16]>,
    content: Content,
    confirm_now: bool,
    held: Held,
    wishes: VecDeque<Wish>,
    /// Whether the customer passes a challenge; `None` never comes back.
    passes: Option<bool>,
    retries_left: u32,
    mischief: Option<Mischief>,
    /// The payment, once acknowledged.
    pub payment: Option<PaymentId>,
    open_request: Option<usize>,
    has_confirmed: bool,
    has_challenged: bool,
    has_acted: bool,
    looks_left: u32,
    generation: u64,
}

/// What a request asks.
#[derive(Clone, Debug)]
enum Ask {
    Create { content: Content, confirm: bool, retry_declined: bool },
    Confirm { method: &'static str },
    Capture { amount_minor: Option<u64> },
    Cancel,
    Refund { amount_minor: Option<u64> },
}

/// One request, sent once or several times.
pub struct ApiRequest {
    order: usize,
    ask: Ask,
    key: [u8; 16],
    sends: u32,
    is_answered: bool,
    /// Names a known reference with other content on purpose.
    content_differs: bool,
    known: Known,
}

/// What a client hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The platform's answer.
    Reply(Reply),
    /// No connection, or 503.
    Unavailable,
    /// The subject was erased; nothing is accepted for it.
    SubjectErased,
}

/// All clients.
pub struct Clients {
    /// Orders.
    pub orders: Vec<Order>,
    requests: Vec<ApiRequest>,
    keys_count: u64,
}

fn hash(parts: &[u64]) -> [u8; 16] {
    let mut bytes = [0; 16];
    let mut mixed = 0_u64;
    for part in parts {
        mixed = Random::new(mixed ^ *part).number();
    }
    Random::new(mixed).fill(&mut bytes);
    bytes
}

fn words(text: &str) -> Vec<u64> {
    text.bytes().map(u64::from).collect()
}

/// The merchant of that number.
pub fn merchant(number: u64) -> MerchantId {
    MerchantId::from_u128(0x6d00 + u128::from(number))
}

impl Content {
    fn new(random: &mut Random, method: &'static str) -> Self {
        let currency: Currency = random.pick(&CURRENCIES).parse().expect("the currencies in use are listed");
        // Whole tens: the provider takes three-decimal currencies only so.
        let money = Money { amount_minor: random.between(20, 90_000) * 10, currency };
        let capture = if random.chance(550) { CaptureMode::Automatic } else { CaptureMode::Manual };
        Self { money, capture, method }
    }

    fn hash(&self) -> [u8; 16] {
        let mut parts =
            vec![self.money.amount_minor, u64::from(self.money.currency.numeric()), u64::from(self.capture == CaptureMode::Manual)];
        parts.extend(words(self.method));
        hash(&parts)
    }
}

fn method(random: &mut Random) -> &'static str {
    match random.below(100) {
        0..68 => GOOD[random.index(GOOD.len())],
        68..80 => BAD[random.index(BAD.len())],
        80..90 => CHALLENGED[random.index(CHALLENGED.len())],
        90..95 => SLOW_REFUND,
        _ => FAILING_REFUND,
    }
}

fn wishes(random: &mut Random) -> VecDeque<Wish> {
    let part = |per_mille, at_once| Wish { per_mille: Some(per_mille), at_once };
    let all = Wish { per_mille: None, at_once: 1 };
    match random.below(100) {
        0..45 => VecDeque::new(),
        45..60 => VecDeque::from([all]),
        60..72 => VecDeque::from([part(300, 1), part(300, 1), all]),
        72..88 => VecDeque::from([part(600, 2)]),
        _ => VecDeque::from([part(400, 3), part(100, 1)]),
    }
}

impl Order {
    fn new(random: &mut Random, number: u64, subjects: u64) -> Self {
        let owner = random.below(MERCHANTS_COUNT);
        let chosen = method(random);
        let content = Content::new(random, chosen);
        let mischief = if random.chance(180) {
            Some(*random.pick(&[Mischief::OtherBody, Mischief::OtherContent, Mischief::SameAgain, Mischief::SameReference]))
        } else {
            None
        };
        Self {
            merchant: merchant(owner),
            subject: SubjectId::from_u128(0x50_0000 + (u128::from(owner) << 12) + u128::from(random.below(subjects))),
            reference: random.chance(850).then(|| hash(&[7, owner, number])),
            content,
            confirm_now: random.chance(850),
            held: *random.pick(&[Held::CaptureAll, Held::CaptureAll, Held::CapturePart, Held::Cancel, Held::Forget]),
            wishes: wishes(random),
            passes: *random.pick(&[Some(true), Some(true), Some(false), None]),
            retries_left: u32::try_from(random.below(3)).unwrap_or(0),
            mischief,
            payment: None,
            open_request: None,
            has_confirmed: false,
            has_challenged: false,
            has_acted: false,
            looks_left: LOOKS_MAX,
            generation: 0,
        }
    }
}

impl Clients {
    /// Orders of a run and when each comes in.
    pub fn new(random: &mut Random) -> (Self, Vec<u64>) {
        let count = random.between(226, 242);
        let orders: Vec<Order> = (0..count).map(|number| Order::new(random, number, 25)).collect();
        let arrivals = orders.iter().map(|_| NS_PER_S + random.below(ARRIVALS_NS)).collect();
        (Self { orders, requests: Vec::new(), keys_count: 0 }, arrivals)
    }
}

impl World {
    fn step_later(&mut self, order: usize, after_ns: u64) {
        let found = &mut self.clients.orders[order];
        found.generation += 1;
        let generation = found.generation;
        self.after(after_ns, Event::OrderStep { order, generation });
    }

    /// An order comes in.
    pub(crate) fn order_arrives(&mut self, order: usize, after_ns: u64) {
        self.step_later(order, after_ns);
    }

    /// A client does what its script says next; an overtaken step does nothing.
    pub(crate) fn order_step(&mut self, order: usize, generation: u64) {
        let found = &mut self.clients.orders[order];
        if found.generation != generation {
            return;
        }
        if let Some(request) = found.open_request {
            return self.send_request(request);
        }
        if found.looks_left == 0 {
            return;
        }
        let Some(payment) = found.payment else {
            let (content, confirm) = (found.content.clone(), found.confirm_now);
            found.has_confirmed = confirm;
            return self.ask(order, Ask::Create { content, confirm, retry_declined: false });
        };
        found.looks_left -= 1;
        let looked = u64::from(LOOKS_MAX - found.looks_left);
        self.step_later(order, (looked * looked * 50 * NS_PER_MS).clamp(6 * NS_PER_S, 60 * NS_PER_S));
        let after_ns = self.random.between(1, 20) * NS_PER_MS;
        self.after(after_ns, Event::LookArrives { order, payment });
    }

    fn new_request(&mut self, order: usize, ask: Ask) -> usize {
        self.clients.keys_count += 1;
        let key = hash(&[11, self.clients.keys_count]);
        self.clients.requests.push(ApiRequest {
            order,
            ask,
            key,
            sends: 0,
            is_answered: false,
            content_differs: false,
            known: Known::Nothing,
        });
        self.clients.requests.len() - 1
    }

    /// Sends a request whose answer the script waits for.
    fn ask(&mut self, order: usize, ask: Ask) {
        let request = self.new_request(order, ask);
        self.clients.orders[order].open_request = Some(request);
        self.send_request(request);
    }

    fn send_request(&mut self, request: usize) {
        let found = &mut self.clients.requests[request];
        let order = found.order;
        if found.sends >= SENDS_MAX {
            self.clients.orders[order].open_request = None;
            self.clients.orders[order].looks_left = 0;
            return;
        }
        found.sends += 1;
        self.step_later(order, ANSWER_TIMEOUT_NS);
        self.transmit(request);
    }

    /// One request on its way to the platform.
    fn transmit(&mut self, request: usize) {
        if self.struck(15, "client: request lost") {
            return;
        }
        let after_ns = self.random.between(1, 20) * NS_PER_MS;
        self.after(after_ns, Event::RequestArrives { request });
        if self.struck(15, "client: request doubled") {
            let again_ns = self.random.between(1, 400) * NS_PER_MS;
            self.after(again_ns, Event::RequestArrives { request });
        }
    }

    fn asked(&self, request: usize) -> Asked {
        let found = &self.clients.requests[request];
        let order = &self.clients.orders[found.order];
        let reference = match found.ask {
            Ask::Create { .. } => order.reference,
            _ => None,
        };
        Asked { merchant: order.merchant, key: found.key, fingerprint: self.fingerprint(request), reference, known: found.known }
    }

    fn fingerprint(&self, request: usize) -> [u8; 16] {
        let found = &self.clients.requests[request];
        let order = &self.clients.orders[found.order];
        let payment = order.payment.map_or(0, PaymentId::as_u128).to_le_bytes();
        let payment = payment.iter().map(|byte| u64::from(*byte));
        let mut parts = match &found.ask {
            Ask::Create { content, confirm, retry_declined } => {
                let mut parts: Vec<u64> = content.hash().iter().map(|byte| u64::from(*byte)).collect();
                parts.extend([1, u64::from(*confirm), u64::from(*retry_declined)]);
                parts.extend(order.reference.iter().flatten().map(|byte| u64::from(*byte)));
                return hash(&parts);
            }
            Ask::Confirm { method } => words(method),
            Ask::Capture { amount_minor } => vec![3, amount_minor.unwrap_or(0)],
            Ask::Cancel => vec![4],
            Ask::Refund { amount_minor } => vec![5, amount_minor.unwrap_or(0)],
        };
        parts.extend(payment);
        hash(&parts)
    }

    /// A request reaches the platform.
    ///
    /// # Errors
    /// A promise is broken.
    pub(crate) fn request_arrives(&mut self, request: usize) -> Checked {
        let asked = self.asked(request);
        let differs = self.clients.requests[request].content_differs;
        self.clients.requests[request].known = self.judge.known(&asked, differs);
        if self.platform.running.is_none() {
            self.client_hears(request, Heard::Unavailable);
            return Ok(());
        }
        let order = self.clients.requests[request].order;
        let mut sealed = None;
        if let Ask::Create { content, .. } = &self.clients.requests[request].ask {
            let plaintext =
                format!("{{\"email\":\"customer-{order}@example.com\",\"amount\":{}}}", content.money.amount_minor).into_bytes();
            match self.platform.seal(self.clients.orders[order].subject, &plaintext, &mut self.random) {
                Sealing::Sealed(found) => sealed = Some((found, plaintext)),
                Sealing::Erased => {
                    self.client_hears(request, Heard::SubjectErased);
                    return Ok(());
                }
                Sealing::Failed(error) => {
                    self.client_hears(request, Heard::Unavailable);
                    return self.process_failed(&format!("the key store failed: {error}"));
                }
            }
        }
        let details = sealed.as_ref().map(|(sealed, _)| sealed.clone());
        let Some(command) = self.command(request, details) else { return Ok(()) };
        let now_ns = self.now_ns;
        self.trace.line(now_ns, format_args!("request {request} of order {order}: {:?}", self.clients.requests[request].ask));
        if let Some(running) = &mut self.platform.running {
            running.submit(Token::Client { request, sealed }, command);
        }
        Ok(())
    }

    fn command(&self, request: usize, details: Option<Sealed>) -> Option<Command> {
        let found = &self.clients.requests[request];
        let order = &self.clients.orders[found.order];
        let idempotency = Idempotency { key: found.key, fingerprint: self.fingerprint(request) };
        let (merchant, private) = (order.merchant, Private::default());
        if let Ask::Create { content, confirm, retry_declined } = &found.ask {
            return Some(Command::CreatePayment(CreatePayment {
                merchant,
                idempotency,
                reference: order.reference,
                content: content.hash(),
                subject: order.subject,
                money: content.money,
                capture: content.capture,
                payment_method: Some(content.method.to_owned()),
                customer: None,
                method: None,
                presence: engine::Presence::OnSession,
                confirm: *confirm,
                retry_declined: *retry_declined,
                details,
                private,
            }));
        }
        let payment = order.payment?;
        Some(match &found.ask {
            Ask::Create { .. } => return None,
            Ask::Confirm { method } => Command::ConfirmPayment(ConfirmPayment {
                merchant,
                payment,
                idempotency,
                payment_method: Some((*method).to_owned()),
                method: None,
                presence: None,
                private,
            }),
            Ask::Capture { amount_minor } => {
                Command::CapturePayment(CapturePayment { merchant, payment, idempotency, amount_minor: *amount_minor, private })
            }
            Ask::Cancel => Command::CancelPayment(CancelPayment { merchant, payment, idempotency, private }),
            Ask::Refund { amount_minor } => {
                Command::CreateRefund(CreateRefund { merchant, payment, idempotency, amount_minor: *amount_minor, details: None, private })
            }
        })
    }

    /// A durable answer leaves the platform.
    ///
    /// # Errors
    /// It contradicts an earlier one.
    pub(crate) fn request_answered(&mut self, request: usize, reply: Reply, sealed: Option<(Sealed, Vec<u8>)>) -> Checked {
        let asked = self.asked(request);
        self.trace.line(self.now_ns, format_args!("answer to request {request}: {reply:?}"));
        self.judge.answered(&asked, &reply)?;
        let is_create = matches!(self.clients.requests[request].ask, Ask::Create { retry_declined: false, .. });
        if let (Reply::Payment { replayed: false, .. }, Some((sealed, plaintext)), true) = (&reply, sealed, is_create) {
            self.judge.sealed(sealed, plaintext);
        }
        self.client_hears(request, Heard::Reply(reply));
        Ok(())
    }

    fn client_hears(&mut self, request: usize, heard: Heard) {
        if self.struck(15, "client: answer lost") {
            return;
        }
        let after_ns = self.random.between(1, 20) * NS_PER_MS;
        self.after(after_ns, Event::AnswerArrives { request, heard });
    }

    /// An answer reaches its client.
    pub(crate) fn answer_arrives(&mut self, request: usize, heard: Heard) {
        let found = &mut self.clients.requests[request];
        let order = found.order;
        if found.is_answered || self.clients.orders[order].open_request != Some(request) {
            return;
        }
        let again = match &heard {
            Heard::Unavailable => true,
            Heard::Reply(Reply::Refused(Refusal::IdempotencyKeyInUse)) => true,
            Heard::Reply(Reply::Refused(Refusal::OperationInFlight)) => found.sends < 6,
            Heard::Reply(_) | Heard::SubjectErased => false,
        };
        if again {
            let after_ns = self.random.between(300, 2_500) * NS_PER_MS;
            return self.step_later(order, after_ns);
        }
        found.is_answered = true;
        let ask = found.ask.clone();
        self.clients.orders[order].open_request = None;
        match (&ask, heard) {
            (_, Heard::SubjectErased) => {
                self.clients.orders[order].looks_left = 0;
                return;
            }
            (Ask::Create { .. }, Heard::Reply(Reply::Payment { payment, .. })) => self.created(order, request, payment),
            (Ask::Create { retry_declined: false, .. }, Heard::Reply(Reply::Refused(_))) => {
                self.clients.orders[order].looks_left = 0;
                return;
            }
            _ => {}
        }
        let after_ns = self.random.between(30, 900) * NS_PER_MS;
        self.step_later(order, after_ns);
    }

    fn created(&mut self, order: usize, request: usize, payment: PaymentId) {
        let found = &mut self.clients.orders[order];
        found.payment = Some(payment);
        let Some(mischief) = found.mischief.take() else { return };
        let mut other = found.content.clone();
        other.money.amount_minor += 10;
        let same = found.content.clone();
        let (confirm, has_reference) = (found.confirm_now, found.reference.is_some());
        let key = self.clients.requests[request].key;
        let content = match mischief {
            Mischief::OtherBody | Mischief::OtherContent => other,
            Mischief::SameAgain | Mischief::SameReference => same,
        };
        if matches!(mischief, Mischief::OtherContent | Mischief::SameReference) && !has_reference {
            return; // without a reference it would be another order
        }
        let rogue = self.new_request(order, Ask::Create { content, confirm, retry_declined: false });
        let sent = &mut self.clients.requests[rogue];
        match mischief {
            Mischief::OtherBody => {
                sent.key = key;
                self.counters.count("client: other body under the same key");
            }
            Mischief::SameAgain => sent.key = key,
            Mischief::OtherContent => {
                sent.content_differs = true;
                self.counters.count("client: other content under the same reference");
            }
            Mischief::SameReference => {}
        }
        self.transmit(rogue);
    }

    /// A look reaches the platform.
    pub(crate) fn look_arrives(&mut self, order: usize, payment: PaymentId) {
        if let Some(running) = &mut self.platform.running {
            running.look(order, payment);
        }
    }

    /// A client sees its payment and acts on it.
    pub(crate) fn order_sees(&mut self, order: usize, view: &View) {
        let found = &mut self.clients.orders[order];
        if found.open_request.is_some() {
            return;
        }
        let method = found.content.method;
        match view.status {
            PaymentStatus::Created if !found.has_confirmed => {
                found.has_confirmed = true;
                self.ask(order, Ask::Confirm { method });
            }
            PaymentStatus::RequiresAction => self.challenged(order, view),
            PaymentStatus::Authorized if !found.has_acted => self.act_on_hold(order, view),
            PaymentStatus::Captured | PaymentStatus::PartiallyRefunded => self.wish(order, view),
            PaymentStatus::Declined if found.retries_left > 0 => self.retry(order),
            PaymentStatus::Created | PaymentStatus::Processing | PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured => {}
            PaymentStatus::Refunded | PaymentStatus::Canceled | PaymentStatus::Declined | PaymentStatus::Expired => found.looks_left = 0,
        }
    }

    fn challenged(&mut self, order: usize, view: &View) {
        let found = &mut self.clients.orders[order];
        let (Some(passes), Some(intent), false) = (found.passes, view.provider_id.clone(), found.has_challenged) else { return };
        found.has_challenged = true;
        let method = found.content.method;
        let after_ns = self.random.between(500, 9_000) * NS_PER_MS;
        self.after(after_ns, Event::CustomerActs { intent, passes });
        let request = self.new_request(order, Ask::Confirm { method });
        self.clients.orders[order].open_request = Some(request);
        self.step_later(order, after_ns + 100 * NS_PER_MS);
    }

    fn act_on_hold(&mut self, order: usize, view: &View) {
        let found = &mut self.clients.orders[order];
        found.has_acted = true;
        let part_minor = view.money.amount_minor / 20 * 10;
        match found.held {
            Held::CaptureAll => self.ask(order, Ask::Capture { amount_minor: None }),
            Held::CapturePart => self.ask(order, Ask::Capture { amount_minor: Some(part_minor.max(10)) }),
            Held::Cancel => self.ask(order, Ask::Cancel),
            Held::Forget => found.looks_left = 0,
        }
    }

    fn wish(&mut self, order: usize, view: &View) {
        let Some(wish) = self.clients.orders[order].wishes.pop_front() else {
            // One more look after the last wish shows what became of it.
            let looks_left = &mut self.clients.orders[order].looks_left;
            *looks_left = (*looks_left).min(if view.refunding_minor > 0 { 8 } else { 1 });
            return;
        };
        let amount_minor = wish.per_mille.map(|per_mille| (view.captured_minor * per_mille / 10_000 * 10).max(10));
        for _ in 1..wish.at_once {
            let request = self.new_request(order, Ask::Refund { amount_minor });
            self.transmit(request);
        }
        self.ask(order, Ask::Refund { amount_minor });
    }

    fn retry(&mut self, order: usize) {
        let chosen = method(&mut self.random);
        let changes_amount = self.random.chance(300);
        let has_other_card = self.random.chance(500);
        let found = &mut self.clients.orders[order];
        found.retries_left -= 1;
        found.has_challenged = false;
        found.has_acted = false;
        if found.reference.is_none() || has_other_card {
            found.content.method = chosen;
        }
        if found.reference.is_none() {
            return self.ask(order, Ask::Confirm { method: chosen });
        }
        if changes_amount {
            found.content.money.amount_minor += 500;
        }
        let content = found.content.clone();
        self.ask(order, Ask::Create { content, confirm: true, retry_declined: true });
    }
}
