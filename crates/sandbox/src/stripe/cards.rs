//! What the test payment methods do, and the facts that go with a decline. The rows are in
//! [`super::card_table`]; life cycles are not here.
//!
//! Sources: docs.stripe.com/testing, docs.stripe.com/declines/codes, docs.stripe.com/error-codes.

use super::card_table::CARDS;

/// What happens when a payment method is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// Approved at once.
    Succeeds,
    /// Refused at once, and cannot be attached to a customer.
    Declines(Decline),
    /// Can be attached to a customer; refused when charged.
    DeclinesCharges(Decline),
    /// Blocked before the network saw it.
    Blocked,
    /// Highest risk: blocked if the account's rules say so.
    HighestRisk,
    /// Needs the customer first.
    Challenges {
        /// What follows a passed challenge.
        then: AfterChallenge,
        /// What happens without a customer present.
        off_session: OffSession,
    },
    /// Approved; needs the customer first only if the merchant asks for it.
    ChallengesOnRequest(AfterChallenge),
    /// Approved, then disputed.
    Disputes(DisputeKind),
    /// Approved; its refunds are pending before they succeed.
    RefundPending,
    /// Approved; its refunds succeed and fail later.
    RefundFails,
    /// Approved; its money is available at once.
    SkipsPending,
    /// A US bank account: an asynchronous rail.
    Bank(BankOutcome),
}

/// What follows a passed challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterChallenge {
    /// Approved.
    Succeeds,
    /// Refused.
    Declines(Decline),
}

/// Whether a payment without the customer present needs a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffSession {
    /// It does, so it is declined with `authentication_required`.
    Required,
    /// It does unless the method was set up for it.
    UnlessSetUp,
    /// It does not.
    Exempt,
}

/// How a bank debit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BankOutcome {
    /// Succeeds after a while.
    Succeeds,
    /// Fails after a while.
    Fails(Decline),
    /// Succeeds after a while and is then disputed.
    Disputes,
    /// Never leaves `processing`.
    StaysProcessing,
}

/// Which dispute follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeKind {
    /// Chargeback with reason `fraudulent`.
    Fraudulent,
    /// Chargeback with reason `product_not_received`.
    ProductNotReceived,
    /// Inquiry: no money moves.
    Inquiry,
    /// Early fraud warning: no dispute object.
    EarlyWarning,
    /// Two chargebacks.
    Multiple,
    /// Chargeback eligible for Visa Compelling Evidence 3.0.
    CompellingEvidence,
    /// Visa compliance dispute.
    Compliance,
}

/// Results of address and code checks; `None` was not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// Address line 1.
    pub line1: Option<&'static str>,
    /// Postal code.
    pub postal: Option<&'static str>,
    /// Card verification code.
    pub cvc: Option<&'static str>,
}

/// Risk level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// `normal`.
    Normal,
    /// `elevated`.
    Elevated,
    /// `highest`.
    Highest,
}

impl Risk {
    /// The level's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Elevated => "elevated",
            Self::Highest => "highest",
        }
    }

    /// The score the level stands for, 0 to 100.
    pub fn score(self) -> u64 {
        match self {
            Self::Normal => 27,
            Self::Elevated => 70,
            Self::Highest => 94,
        }
    }
}

/// One test payment method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// Name as a payment method, empty if it has none.
    pub payment_method: &'static str,
    /// Name as a token, empty if it has none.
    pub token: &'static str,
    /// Older name as a payment method, empty if it has none.
    pub alias: &'static str,
    /// Card or account number.
    pub number: &'static str,
    /// Card brand; empty for a bank account.
    pub brand: &'static str,
    /// Card funding; empty for a bank account.
    pub funding: &'static str,
    /// Country of issue, ISO 3166 alpha-2.
    pub country: &'static str,
    /// What happens when it is charged.
    pub behavior: Behavior,
    /// Results of the checks.
    pub checks: Checks,
    /// Risk level.
    pub risk: Risk,
}

impl Card {
    /// Whether this is a US bank account.
    pub fn is_bank_account(&self) -> bool {
        matches!(self.behavior, Behavior::Bank(_))
    }

    /// The networks the card can be charged over; cards of two brands have two.
    pub fn networks(&self) -> &'static [&'static str] {
        match (self.number, self.brand) {
            ("4000002500001001", _) => &["cartes_bancaires", "visa"],
            ("5555552500001001", _) => &["cartes_bancaires", "mastercard"],
            ("4000050360000001", _) => &["eftpos_au", "visa"],
            ("5555050360000080", _) => &["eftpos_au", "mastercard"],
            (_, "visa") => &["visa"],
            (_, "mastercard") => &["mastercard"],
            (_, "amex") => &["amex"],
            (_, "discover") => &["discover"],
            (_, "diners") => &["diners"],
            (_, "jcb") => &["jcb"],
            (_, "unionpay") => &["unionpay"],
            _ => &[],
        }
    }

    /// The brand's name in the old shape of a card.
    pub fn old_brand(&self) -> &'static str {
        match self.brand {
            "visa" => "Visa",
            "mastercard" => "MasterCard",
            "amex" => "American Express",
            "discover" => "Discover",
            "diners" => "Diners Club",
            "jcb" => "JCB",
            "unionpay" => "UnionPay",
            _ => "Unknown",
        }
    }

    /// Whether the card can be authenticated at all.
    pub fn supports_challenges(&self) -> bool {
        self.payment_method != "pm_card_amex_threeDSecureNotSupported"
    }

    /// Whether its network lets authorisations be raised
    /// (docs.stripe.com/payments/incremental-authorization: Visa, Mastercard, American Express, Discover).
    pub fn is_incremental(&self) -> bool {
        ["visa", "mastercard", "amex", "discover"].contains(&self.brand)
    }

    /// Last four digits of the number.
    pub fn last4(&self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }
}

/// What the stand-in of a card number begins with.
const NUMBER_STAND_IN: &str = "test_card_";

/// Position of a card in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardIndex(u16);

impl CardIndex {
    /// The card's row.
    pub fn card(self) -> &'static Card {
        &CARDS[usize::from(self.0)]
    }

    fn find(matches: impl Fn(&Card) -> bool) -> Option<Self> {
        let index = CARDS.iter().position(matches)?;
        u16::try_from(index).ok().map(Self)
    }

    /// Finds a card by the name of its payment method, old or new.
    pub fn by_payment_method(name: &str) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        Self::find(|card| card.payment_method == name || card.alias == name)
    }

    /// Finds a card by the name of its token, old or new.
    pub fn by_token(name: &str) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        let alias = name.strip_prefix("tok_");
        let named_as = |card: &Card| alias.is_some_and(|name| card.alias.strip_prefix("pm_card_") == Some(name));
        Self::find(|card| card.token == name || named_as(card))
    }

    /// Finds a card by its number, or by the name that stands for the number where it must not be kept.
    pub fn by_number(number: &str) -> Option<Self> {
        if let Some(name) = number.strip_prefix(NUMBER_STAND_IN) {
            let index: usize = name.parse().ok()?;
            return CARDS.get(index).filter(|card| !card.is_bank_account()).and_then(|_| u16::try_from(index).ok()).map(Self);
        }
        Self::find(|card| card.number == number && !card.is_bank_account())
    }

    /// The name that stands for the card's number where the number must not be kept: its position, which never changes
    /// because rows are only appended.
    pub fn number_stand_in(self) -> String {
        format!("{NUMBER_STAND_IN}{}", self.0)
    }

    /// Finds a bank account by its number.
    pub fn by_bank_account(number: &str) -> Option<Self> {
        Self::find(|card| card.number == number && card.is_bank_account())
    }
}

/// All rows, for tests and listings.
pub fn all() -> &'static [Card] {
    CARDS
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decline {
    /// No reason given.
    Generic,
    /// Not enough money.
    InsufficientFunds,
    /// Reported lost.
    LostCard,
    /// Reported stolen.
    StolenCard,
    /// Past its expiry.
    ExpiredCard,
    /// Wrong verification code.
    IncorrectCvc,
    /// The network failed.
    ProcessingError,
    /// The number fails its check digit.
    IncorrectNumber,
    /// Too many or too large attempts.
    VelocityExceeded,
    /// Suspected fraud, said by the issuer.
    Fraudulent,
    /// Blocked by the provider's own rules.
    Blocked,
    /// The customer must authenticate and is not present.
    AuthenticationRequired,
    /// The customer failed to authenticate.
    AuthenticationFailed,
    /// The customer failed to authenticate a method that was to be kept.
    SetupAuthenticationFailed,
    /// Bank account closed.
    BankAccountClosed,
    /// No such bank account.
    BankNoAccount,
    /// Not enough money in the bank account.
    BankInsufficientFunds,
    /// The debit was not authorised.
    BankDebitNotAuthorized,
    /// The bank account is in another currency.
    BankInvalidCurrency,
    /// Micro-deposits failed.
    BankMicrodepositFailed,
}

/// The wire facts of a decline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclineFacts {
    /// `error.code`.
    pub code: &'static str,
    /// `error.decline_code`.
    pub decline_code: Option<&'static str>,
    /// `error.message`.
    pub message: &'static str,
    /// `error.param`.
    pub param: Option<&'static str>,
    /// `error.advice_code`.
    pub advice_code: Option<&'static str>,
    /// `error.network_decline_code`.
    pub network_decline_code: Option<&'static str>,
    /// `charge.outcome.network_status`.
    pub network_status: &'static str,
    /// `charge.outcome.type`.
    pub outcome_type: &'static str,
    /// `charge.outcome.seller_message`.
    pub seller_message: &'static str,
}

const TRY_LATER: Option<&str> = Some("try_again_later");
const DO_NOT: Option<&str> = Some("do_not_try_again");
const CONFIRM: Option<&str> = Some("confirm_card_data");
const NO_DETAIL: &str = "The bank did not return any further details with this decline.";

const fn issuer(
    code: &'static str,
    decline_code: &'static str,
    message: &'static str,
    advice_code: Option<&'static str>,
    network_decline_code: &'static str,
    seller_message: &'static str,
) -> DeclineFacts {
    DeclineFacts {
        code,
        decline_code: Some(decline_code),
        message,
        param: None,
        advice_code,
        network_decline_code: Some(network_decline_code),
        network_status: "declined_by_network",
        outcome_type: "issuer_declined",
        seller_message,
    }
}

const fn bank(code: &'static str, message: &'static str) -> DeclineFacts {
    DeclineFacts {
        code,
        decline_code: None,
        message,
        param: None,
        advice_code: None,
        network_decline_code: None,
        network_status: "declined_by_network",
        outcome_type: "issuer_declined",
        seller_message: NO_DETAIL,
    }
}

impl Decline {
    /// The decline's facts on the wire.
    pub fn facts(self) -> DeclineFacts {
        const DECLINED: &str = "Your card was declined.";
        match self {
            Self::Generic => issuer("card_declined", "generic_decline", DECLINED, TRY_LATER, "01", NO_DETAIL),
            Self::InsufficientFunds => issuer(
                "card_declined",
                "insufficient_funds",
                "Your card has insufficient funds.",
                TRY_LATER,
                "51",
                "The bank returned the decline code `insufficient_funds`.",
            ),
            Self::LostCard => {
                issuer("card_declined", "lost_card", DECLINED, DO_NOT, "41", "The bank returned the decline code `lost_card`.")
            }
            Self::StolenCard => {
                issuer("card_declined", "stolen_card", DECLINED, DO_NOT, "43", "The bank returned the decline code `stolen_card`.")
            }
            Self::VelocityExceeded => issuer(
                "card_declined",
                "card_velocity_exceeded",
                "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
                TRY_LATER,
                "65",
                "The bank returned the decline code `card_velocity_exceeded`.",
            ),
            Self::Fraudulent => {
                issuer("card_declined", "fraudulent", DECLINED, DO_NOT, "59", "The bank returned the decline code `fraudulent`.")
            }
            Self::ExpiredCard | Self::IncorrectCvc | Self::ProcessingError | Self::IncorrectNumber | Self::AuthenticationRequired => {
                self.facts_with_own_code()
            }
            Self::Blocked | Self::AuthenticationFailed | Self::SetupAuthenticationFailed => self.facts_off_network(),
            Self::BankAccountClosed => bank("account_closed", "The customer's bank account has been closed."),
            Self::BankNoAccount => bank("no_account", "The customer's bank account could not be located."),
            Self::BankInsufficientFunds => {
                bank("insufficient_funds", "The customer's account has insufficient funds to cover this payment.")
            }
            Self::BankDebitNotAuthorized => {
                bank("debit_not_authorized", "The customer has notified their bank that this payment was unauthorized.")
            }
            Self::BankInvalidCurrency => {
                bank("payment_method_currency_mismatch", "The bank account does not accept the currency of this payment.")
            }
            Self::BankMicrodepositFailed => bank("payment_method_microdeposit_failed", "Microdeposit transfers failed."),
        }
    }

    fn facts_with_own_code(self) -> DeclineFacts {
        let (code, message, param, advice, network, seller) = match self {
            Self::ExpiredCard => (
                "expired_card",
                "Your card has expired.",
                Some("exp_month"),
                DO_NOT,
                "54",
                "The bank returned the decline code `expired_card`.",
            ),
            Self::IncorrectCvc => (
                "incorrect_cvc",
                "Your card's security code is incorrect.",
                Some("cvc"),
                CONFIRM,
                "N7",
                "The bank returned the decline code `incorrect_cvc`.",
            ),
            Self::IncorrectNumber => (
                "incorrect_number",
                "Your card number is incorrect.",
                Some("number"),
                CONFIRM,
                "14",
                "The bank returned the decline code `incorrect_number`.",
            ),
            Self::AuthenticationRequired => (
                "authentication_required",
                "Your card was declined. This transaction requires authentication.",
                None,
                TRY_LATER,
                "1A",
                "The bank returned the decline code `authentication_required`.",
            ),
            _ => (
                "processing_error",
                "An error occurred while processing your card. Try again in a little bit.",
                None,
                TRY_LATER,
                "96",
                "The bank returned the decline code `processing_error`.",
            ),
        };
        DeclineFacts { param, ..issuer(code, code, message, advice, network, seller) }
    }

    fn facts_off_network(self) -> DeclineFacts {
        if self == Self::Blocked {
            return DeclineFacts {
                network_decline_code: None,
                network_status: "not_sent_to_network",
                outcome_type: "blocked",
                ..issuer("card_declined", "fraudulent", "Your card was declined.", DO_NOT, "", "Stripe blocked this payment as too risky.")
            };
        }
        DeclineFacts {
            decline_code: None,
            network_decline_code: None,
            network_status: "not_sent_to_network",
            outcome_type: "invalid",
            ..issuer(
                if self == Self::AuthenticationFailed {
                    "payment_intent_authentication_failure"
                } else {
                    "setup_intent_authentication_failure"
                },
                "",
                "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
                None,
                "",
                "The customer did not authenticate the payment.",
            )
        }
    }

    /// `payout.failure_code` and `failure_message` (docs.stripe.com/api/payouts/failures), for bank accounts.
    pub fn payout_failure(self) -> (&'static str, &'static str) {
        match self {
            Self::BankAccountClosed => ("account_closed", "The bank account has been closed."),
            Self::BankNoAccount => {
                ("no_account", "The bank account details on file are probably incorrect. No bank account exists with those details.")
            }
            Self::BankInsufficientFunds => ("insufficient_funds", "Your Stripe account has insufficient funds to cover the payout."),
            Self::BankDebitNotAuthorized => ("debit_not_authorized", "Debit transactions are not approved on your bank account."),
            Self::BankInvalidCurrency => ("invalid_currency", "The bank was unable to process this payout because of its currency."),
            _ => ("could_not_process", "The bank could not process this payout."),
        }
    }

    /// Whether the attempt got as far as a charge object. A failed or missing authentication did not.
    pub fn makes_charge(self) -> bool {
        !matches!(self, Self::AuthenticationFailed | Self::SetupAuthenticationFailed)
    }

    /// Whether this is a bank debit's failure, known only after the answer.
    pub fn is_bank(self) -> bool {
        matches!(
            self,
            Self::BankAccountClosed
                | Self::BankNoAccount
                | Self::BankInsufficientFunds
                | Self::BankDebitNotAuthorized
                | Self::BankInvalidCurrency
                | Self::BankMicrodepositFailed
        )
    }
}
