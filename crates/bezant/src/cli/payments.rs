//! `bezant payments`: a merchant's payments, looked at and acted on.

use super::ask::{Acting, Listing, PAYMENT, Reading, Shape, columns_of, list};
use super::journey;
use super::table::{Column, Kind, Paint, column, describe, table};
use super::{Failure, Output, show};
use crate::operate::{Query, Remote};
use base::{Currency, Money};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::io;

#[derive(Debug, Subcommand)]
pub(super) enum PaymentsCommand {
    /// List payments, newest first.
    ///
    /// One line a payment, with its status, its amount and why it was declined if it was. An operator who names no merchant sees
    /// those of all.
    #[command(after_long_help = "\
Examples:
  bezant payments list
  bezant payments list --status declined --currency EUR --limit 5
  bezant payments list --reference order-1001
  bezant payments list --created-from 2026-01-01T00:00:00Z --all --json | wc -l")]
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        reading: Reading,
    },
    /// Show one payment: where it stands, its money, its attempts.
    ///
    /// The same object as GET /v1/payments/{id}; --json prints it whole.
    #[command(after_long_help = "\
Examples:
  bezant payments show pay_22ewrpbtw21f00jyjrxtthpazc
  bezant payments show pay_22ewrpbtw21f00jyjrxtthpazc --json")]
    Show {
        /// The payment (pay_…).
        id: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        reading: Reading,
    },
    /// Tell what happened to a payment, step by step, and what happens next.
    ///
    /// Marks: + went well, x did not, ~ is awaited, ! somebody should look, . a fact. With --evidence each step is
    /// followed by what proves it: request, answer, event, ledger lines, trace.
    #[command(after_long_help = "\
Examples:
  bezant payments journey pay_22ewrpbtw21f00jyjrxtthpazc
  bezant payments journey pay_22ewrpbtw21f00jyjrxtthpazc --evidence
  bezant payments journey pay_22ewrpbtw21f00jyjrxtthpazc --json")]
    Journey {
        /// The payment (pay_…).
        id: String,
        /// Below each step, what proves it.
        #[arg(long)]
        evidence: bool,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        reading: Reading,
    },
    /// Take a payment.
    ///
    /// Charges a payment method and waits for the outcome. A reference names an order for ever: the same one with the same
    /// content is the same payment, so that running the command again charges nobody twice.
    #[command(after_long_help = "\
Examples:
  bezant payments create 19.99 EUR --payment-method pm_card_visa --reference order-1001
  bezant payments create 5.00 EUR --payment-method pm_card_chargeDeclinedInsufficientFunds
  bezant payments create 80.00 EUR --payment-method pm_card_visa --hold
  bezant payments create 1200 JPY --payment-method pm_card_visa --idempotency-key tea-1 --json")]
    Create(Box<Create>),
    /// Start an attempt of a payment that waits for one, or ask the provider again after the customer acted.
    #[command(after_long_help = "\
Examples:
  bezant payments confirm pay_22ewrpbtw21f00jyjrxtthpazc
  bezant payments confirm pay_22ewrpbtw21f00jyjrxtthpazc --payment-method pm_card_mastercard")]
    Confirm {
        /// The payment (pay_…).
        id: String,
        /// Another payment method: the provider's token or a stored one (pmt_…).
        #[arg(long, value_name = "METHOD")]
        payment_method: Option<String>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        acting: Acting,
    },
    /// Take money that is held.
    ///
    /// Everything held unless --amount says less; what is not taken is released when the provider says so.
    #[command(after_long_help = "\
Examples:
  bezant payments capture pay_22ewrpbtw21f00jyjrxtthpazc
  bezant payments capture pay_22ewrpbtw21f00jyjrxtthpazc --amount 5.00 --idempotency-key parcel-1")]
    Capture {
        /// The payment (pay_…).
        id: String,
        /// How much, such as 19.99, in the payment's currency.
        #[arg(long)]
        amount: Option<String>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        acting: Acting,
    },
    /// Give a payment up before its money is taken.
    ///
    /// Money that was taken already is given back with `bezant refunds create`.
    #[command(after_long_help = "\
Examples:
  bezant payments cancel pay_22ewrpbtw21f00jyjrxtthpazc")]
    Cancel {
        /// The payment (pay_…).
        id: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        acting: Acting,
    },
}

/// Which payments.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Where they stand.
    #[arg(long, value_parser = super::names(payments::PaymentStatus::ALL.iter().map(|status| status.name())))]
    status: Option<String>,
    /// Their currency, such as EUR.
    #[arg(long)]
    currency: Option<Currency>,
    /// The merchant's own reference, exactly.
    #[arg(long)]
    reference: Option<String>,
    /// Created then or later, such as 2026-11-21T09:33:00Z.
    #[arg(long, value_name = "TIME")]
    created_from: Option<String>,
    /// Created before then.
    #[arg(long, value_name = "TIME")]
    created_until: Option<String>,
    /// Of at least this many minor units: 1000 is 10.00 EUR.
    #[arg(long, value_name = "MINOR")]
    amount_minor_min: Option<u64>,
    /// Of at most this many minor units.
    #[arg(long, value_name = "MINOR")]
    amount_minor_max: Option<u64>,
}

impl Filter {
    fn query(self) -> Result<Query, Failure> {
        let Self { status, currency, reference, created_from, created_until, amount_minor_min, amount_minor_max } = self;
        let query = Query::default().with("status", status)?.with("currency", currency)?.with("reference", reference)?;
        let query = query.with("created_from", created_from)?.with("created_until", created_until)?;
        Ok(query.with("amount_minor_min", amount_minor_min)?.with("amount_minor_max", amount_minor_max)?)
    }
}

/// A new payment.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// How much, such as 19.99 or 1200, with the digits of the currency.
    amount: String,
    /// ISO 4217 code, such as EUR.
    currency: Currency,
    /// The provider's token or a stored payment method (pmt_…).
    #[arg(long, value_name = "METHOD", required_unless_present = "unconfirmed")]
    payment_method: Option<String>,
    /// The order's permanent, unique name.
    #[arg(long)]
    reference: Option<String>,
    /// Who pays: a stored customer (cus_…) or the merchant's own id.
    #[arg(long)]
    customer: Option<String>,
    /// The payer's e-mail address; stored sealed.
    #[arg(long)]
    email: Option<String>,
    /// What for; stored sealed.
    #[arg(long)]
    description: Option<String>,
    /// A field of the merchant's own, NAME=VALUE; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_metadata)]
    metadata: Vec<(String, String)>,
    /// Only hold the money; take it with `bezant payments capture`.
    #[arg(long)]
    hold: bool,
    /// The customer is away: charge a stored payment method without asking.
    #[arg(long)]
    off_session: bool,
    /// Only create it; start an attempt with `bezant payments confirm`.
    #[arg(long)]
    unconfirmed: bool,
    /// Start a new attempt if the payment of this reference was declined.
    #[arg(long)]
    retry_declined: bool,
    /// Where the provider sends the customer back to.
    #[arg(long, value_name = "URL")]
    return_url: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    acting: Acting,
}

fn parse_metadata(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a field is given as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Columns of a list of payments.
const COLUMNS: [Column; 6] = [
    column("CREATED (UTC)", "/created_at", Kind::Time),
    column("PAYMENT", "/id", Kind::Word),
    column("STATUS", "/status", Kind::Status),
    column("AMOUNT", "/amount", Kind::Amount),
    column("REFERENCE", "/reference", Kind::Text),
    column("DECLINED FOR", "/last_decline/code", Kind::Text),
];

/// Lines of one payment.
const LINES: [Column; 27] = [
    column("Payment", "/id", Kind::Word),
    column("Status", "/status", Kind::Status),
    column("Amount", "/amount", Kind::Amount),
    column("Held", "/held_minor", Kind::Minor(CURRENCY)),
    column("Captured", "/captured_minor", Kind::Minor(CURRENCY)),
    column("Refunded", "/refunded_minor", Kind::Minor(CURRENCY)),
    column("Being refunded", "/refunding_minor", Kind::Minor(CURRENCY)),
    column("Disputed", "/disputed_minor", Kind::Minor(CURRENCY)),
    column("Fees", "/fee_minor", Kind::Minor(CURRENCY)),
    column("Declined for", "/last_decline/code", Kind::Word),
    column("Decline class", "/last_decline/class", Kind::Word),
    column("Network code", "/last_decline/network_code", Kind::Word),
    column("Next action", "/next_action/type", Kind::Word),
    column("Send customer to", "/next_action/url", Kind::Word),
    column("Reference", "/reference", Kind::Text),
    column("Description", "/description", Kind::Text),
    column("Customer", "/customer/id", Kind::Text),
    column("E-mail", "/customer/email", Kind::Text),
    column("Payment method", "/payment_method", Kind::Word),
    column("Capture", "/capture", Kind::Word),
    column("Person", "/subject", Kind::Word),
    column("Person's data erased", "/erased", Kind::Flag),
    column("Merchant", "/merchant", Kind::Word),
    column("Provider's id", "/provider_id", Kind::Word),
    column("Created", "/created_at", Kind::Time),
    column("Changed", "/updated_at", Kind::Time),
    column("Expires", "/expires_at", Kind::Time),
];
const CURRENCY: &str = "/amount/currency";

const ATTEMPTS: [Column; 5] = [
    column("ATTEMPT", "/id", Kind::Word),
    column("STATUS", "/status", Kind::Status),
    column("OUTCOME", "/outcome", Kind::Word),
    column("PROVIDER", "/provider", Kind::Word),
    column("PROVIDER'S ID", "/provider_id", Kind::Word),
];

/// Runs the command.
pub(super) async fn run(command: PaymentsCommand) -> Result<(), Failure> {
    match command {
        PaymentsCommand::List { filter, listing, output, reading } => {
            let empty = "no payment; take one with `bezant payments create`, or look for others with fewer filters";
            let (remote, is_of_all) = reading.remote_or_all()?;
            let columns = columns_of(&COLUMNS, is_of_all);
            let shape = Shape { path: "/v1/payments", query: filter.query()?, columns: &columns, empty };
            list(&remote, &listing, output, shape).await
        }
        PaymentsCommand::Show { id, output, reading } => {
            PAYMENT.check(&id)?;
            present(&reading.remote()?.object(&format!("/v1/payments/{id}")).await?, output)
        }
        PaymentsCommand::Journey { id, evidence, output, reading } => {
            PAYMENT.check(&id)?;
            let told = reading.remote()?.object(&format!("/v1/payments/{id}/journey")).await?;
            if output.json {
                return show(&format!("{told}\n"));
            }
            show(&journey::text(&id, &told, evidence, Paint::of(&io::stdout())))
        }
        PaymentsCommand::Create(create) => {
            let (output, acting) = (create.output, &create.acting);
            let payment = acting.once(&acting.remote()?, "/v1/payments", &create.body()?).await?;
            present(&payment, output)
        }
        PaymentsCommand::Confirm { id, payment_method, output, acting } => {
            let body = payment_method.map_or_else(|| json!({}), |method| json!({ "payment_method": method }));
            act(&id, "confirm", &body, output, &acting).await
        }
        PaymentsCommand::Capture { id, amount, output, acting } => {
            let body = match amount {
                None => json!({}),
                Some(amount) => json!({ "amount_minor": minor_of(&acting.remote()?, &id, &amount).await? }),
            };
            act(&id, "capture", &body, output, &acting).await
        }
        PaymentsCommand::Cancel { id, output, acting } => act(&id, "cancel", &json!({}), output, &acting).await,
    }
}

async fn act(id: &str, verb: &str, body: &Value, output: Output, acting: &Acting) -> Result<(), Failure> {
    PAYMENT.check(id)?;
    let payment = acting.once(&acting.remote()?, &format!("/v1/payments/{id}/{verb}"), body).await?;
    present(&payment, output)
}

/// An amount as people write it, in minor units of a payment's currency.
pub(super) async fn minor_of(remote: &Remote, payment: &str, amount: &str) -> Result<u64, Failure> {
    PAYMENT.check(payment)?;
    let found = remote.object(&format!("/v1/payments/{payment}")).await?;
    let currency = found.pointer(CURRENCY).and_then(Value::as_str).and_then(|text| text.parse().ok());
    let currency = currency.ok_or_else(|| Failure::failed("the payment's currency is not known here; upgrade this program"))?;
    parse_amount(amount, currency)
}

fn parse_amount(amount: &str, currency: Currency) -> Result<u64, Failure> {
    Money::parse_major(amount, currency)
        .map(|money| money.amount_minor)
        .map_err(|error| Failure::usage(format!("\"{amount}\" is not an amount of {currency}: {error}")))
}

impl Create {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = Map::new();
        let amount = json!({ "amount_minor": parse_amount(&self.amount, self.currency)?, "currency": self.currency.alpha() });
        body.insert("amount".to_owned(), amount);
        let texts = [
            ("payment_method", &self.payment_method),
            ("reference", &self.reference),
            ("description", &self.description),
            ("return_url", &self.return_url),
        ];
        for (name, value) in texts {
            body.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
        }
        let flags =
            [("off_session", self.off_session, true), ("confirm", self.unconfirmed, false), ("retry_declined", self.retry_declined, true)];
        body.extend(flags.into_iter().filter(|(_, is_set, _)| *is_set).map(|(name, _, value)| (name.to_owned(), json!(value))));
        if self.hold {
            body.insert("capture".to_owned(), json!("manual"));
        }
        if self.customer.is_some() || self.email.is_some() {
            let known = [("id", &self.customer), ("email", &self.email)];
            let customer: Map<String, Value> =
                known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))).collect();
            body.insert("customer".to_owned(), Value::Object(customer));
        }
        if !self.metadata.is_empty() {
            let metadata: Map<String, Value> = self.metadata.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            body.insert("metadata".to_owned(), Value::Object(metadata));
        }
        Ok(Value::Object(body))
    }
}

/// Shows one payment.
fn present(payment: &Value, output: Output) -> Result<(), Failure> {
    if output.json {
        return show(&format!("{payment}\n"));
    }
    let paint = Paint::of(&io::stdout());
    let mut text = describe(&without_zeros(payment), &LINES, paint);
    if let Some(attempts) = payment.get("attempts").and_then(Value::as_array).filter(|attempts| !attempts.is_empty()) {
        text.push_str(&format!("\n{}", table(attempts, &ATTEMPTS, paint)));
    }
    let id = super::table::field(payment, "/id");
    text.push_str(&format!("\nwhat happened, and what happens next: bezant payments journey {id}\n"));
    show(&text)
}

/// Without the sums that are zero and the flags that are not set: most of them say nothing.
fn without_zeros(payment: &Value) -> Value {
    let mut shown = payment.clone();
    if let Some(fields) = shown.as_object_mut() {
        fields.retain(|name, value| !(name.ends_with("_minor") && value == &json!(0)) && value != &json!(false));
    }
    shown
}
