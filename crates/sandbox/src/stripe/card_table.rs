//! The published test payment methods, one row each, as data. How a behaviour plays out is decided in the
//! life cycles; what a row means is in [`super::cards`].
//!
//! Source: docs.stripe.com/testing (numbers are published test values, none is a real card).

use super::cards::{AfterChallenge, BankOutcome, Behavior, Card, Checks, Decline, DisputeKind, OffSession, Risk};

const PASS: Checks = Checks { line1: None, postal: None, cvc: Some("pass") };
const CVC_FAIL: Checks = Checks { line1: None, postal: None, cvc: Some("fail") };
const POSTAL_FAIL: Checks = Checks { line1: None, postal: Some("fail"), cvc: Some("pass") };
const LINE1_FAIL: Checks = Checks { line1: Some("fail"), postal: Some("pass"), cvc: Some("pass") };
const ADDRESS_FAIL: Checks = Checks { line1: Some("fail"), postal: Some("fail"), cvc: Some("pass") };
const ADDRESS_UNCHECKED: Checks = Checks { line1: Some("unavailable"), postal: Some("unavailable"), cvc: Some("pass") };

const fn declines(decline: Decline) -> Behavior {
    Behavior::Declines(decline)
}

const fn charges_decline(decline: Decline) -> Behavior {
    Behavior::DeclinesCharges(decline)
}

const fn challenges(then: AfterChallenge, off_session: OffSession) -> Behavior {
    Behavior::Challenges { then, off_session }
}

/// One row: payment method, token, alias (each empty if there is none), number, brand, funding, country.
const fn row(
    names: [&'static str; 3],
    number: &'static str,
    [brand, funding, country]: [&'static str; 3],
    behavior: Behavior,
    checks: Checks,
    risk: Risk,
) -> Card {
    let [payment_method, token, alias] = names;
    Card { payment_method, token, alias, number, brand, funding, country, behavior, checks, risk }
}

/// Every test payment method the simulator knows; the position of a row is stored, so rows are only added
/// at the end.
#[rustfmt::skip] // one row a line reads as the table it is
pub(super) static CARDS: &[Card] = &[
    row(["pm_card_visa", "tok_visa", ""], "4242424242424242", ["visa", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_visa_debit", "tok_visa_debit", ""], "4000056655665556", ["visa", "debit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_mastercard", "tok_mastercard", ""], "5555555555554444", ["mastercard", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "2223003122003222", ["mastercard", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_mastercard_debit", "tok_mastercard_debit", ""], "5200828282828210", ["mastercard", "debit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_mastercard_prepaid", "tok_mastercard_prepaid", ""], "5105105105105100", ["mastercard", "prepaid", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_amex", "tok_amex", ""], "378282246310005", ["amex", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "371449635398431", ["amex", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_discover", "tok_discover", ""], "6011111111111117", ["discover", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "6011000990139424", ["discover", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "6011981111111113", ["discover", "debit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_diners", "tok_diners", ""], "3056930009020004", ["diners", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "36227206271667", ["diners", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "6555900000604105", ["discover", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_jcb", "tok_jcb", ""], "3566002020360505", ["jcb", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_unionpay", "tok_unionpay", ""], "6200000000000005", ["unionpay", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "6200000000000047", ["unionpay", "debit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "6205500000000000004", ["unionpay", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "4000002500001001", ["visa", "credit", "FR"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "5555552500001001", ["mastercard", "credit", "FR"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "4000050360000001", ["visa", "credit", "AU"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "5555050360000080", ["mastercard", "credit", "AU"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_us", "tok_us", ""], "4242424242424242", ["visa", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_ar", "tok_ar", ""], "4000000320000021", ["visa", "credit", "AR"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_br", "tok_br", ""], "4000000760000002", ["visa", "credit", "BR"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_ca", "tok_ca", ""], "4000001240000000", ["visa", "credit", "CA"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_cl", "tok_cl", ""], "4000001520000001", ["visa", "credit", "CL"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_co", "tok_co", ""], "4000001700000003", ["visa", "credit", "CO"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_cr", "tok_cr", ""], "4000001880000005", ["visa", "credit", "CR"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_ec", "tok_ec", ""], "4000002180000000", ["visa", "credit", "EC"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_mx", "tok_mx", ""], "4000004840008001", ["visa", "credit", "MX"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_pa", "tok_pa", ""], "4000005910000000", ["visa", "credit", "PA"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_py", "tok_py", ""], "4000006000000066", ["visa", "credit", "PY"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_pe", "tok_pe", ""], "4000006040000068", ["visa", "credit", "PE"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_uy", "tok_uy", ""], "4000008580000003", ["visa", "credit", "UY"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_ae", "tok_ae", ""], "4000007840000001", ["visa", "credit", "AE"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "5200007840000022", ["mastercard", "credit", "AE"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_at", "tok_at", ""], "4000000400000008", ["visa", "credit", "AT"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_be", "tok_be", ""], "4000000560000004", ["visa", "credit", "BE"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_bg", "tok_bg", ""], "4000001000000000", ["visa", "credit", "BG"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_by", "tok_by", ""], "4000001120000005", ["visa", "credit", "BY"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_hr", "tok_hr", ""], "4000001910000009", ["visa", "credit", "HR"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_cy", "tok_cy", ""], "4000001960000008", ["visa", "credit", "CY"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_cz", "tok_cz", ""], "4000002030000002", ["visa", "credit", "CZ"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_dk", "tok_dk", ""], "4000002080000001", ["visa", "credit", "DK"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_ee", "tok_ee", ""], "4000002330000009", ["visa", "credit", "EE"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_fi", "tok_fi", ""], "4000002460000001", ["visa", "credit", "FI"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_fr", "tok_fr", ""], "4000002500000003", ["visa", "credit", "FR"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_de", "tok_de", ""], "4000002760000016", ["visa", "credit", "DE"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_gi", "tok_gi", ""], "4000002920000005", ["visa", "credit", "GI"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_gr", "tok_gr", ""], "4000003000000030", ["visa", "credit", "GR"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_hu", "tok_hu", ""], "4000003480000005", ["visa", "credit", "HU"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_ie", "tok_ie", ""], "4000003720000005", ["visa", "credit", "IE"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_it", "tok_it", ""], "4000003800000008", ["visa", "credit", "IT"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_lv", "tok_lv", ""], "4000004280000005", ["visa", "credit", "LV"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_li", "tok_li", ""], "4000004380000004", ["visa", "credit", "LI"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_lt", "tok_lt", ""], "4000004400000000", ["visa", "credit", "LT"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_lu", "tok_lu", ""], "4000004420000006", ["visa", "credit", "LU"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_mt", "tok_mt", ""], "4000004700000007", ["visa", "credit", "MT"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_nl", "tok_nl", ""], "4000005280000002", ["visa", "credit", "NL"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_no", "tok_no", ""], "4000005780000007", ["visa", "credit", "NO"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_pl", "tok_pl", ""], "4000006160000005", ["visa", "credit", "PL"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_pt", "tok_pt", ""], "4000006200000007", ["visa", "credit", "PT"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_ro", "tok_ro", ""], "4000006420000001", ["visa", "credit", "RO"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_sa", "tok_sa", ""], "4000006820000007", ["visa", "credit", "SA"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_si", "tok_si", ""], "4000007050000006", ["visa", "credit", "SI"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_sk", "tok_sk", ""], "4000007030000001", ["visa", "credit", "SK"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_es", "tok_es", ""], "4000007240000007", ["visa", "credit", "ES"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_se", "tok_se", ""], "4000007520000008", ["visa", "credit", "SE"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_ch", "tok_ch", ""], "4000007560000009", ["visa", "credit", "CH"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_gb", "tok_gb", ""], "4000008260000000", ["visa", "credit", "GB"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "4000058260000005", ["visa", "debit", "GB"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "5555558265554449", ["mastercard", "credit", "GB"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_au", "tok_au", ""], "4000000360000006", ["visa", "credit", "AU"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_cn", "tok_cn", ""], "4000001560000002", ["visa", "credit", "CN"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_hk", "tok_hk", ""], "4000003440000004", ["visa", "credit", "HK"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_in", "tok_in", ""], "4000003560000008", ["visa", "credit", "IN"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_jp", "tok_jp", ""], "4000003920000003", ["visa", "credit", "JP"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "3530111333300000", ["jcb", "credit", "JP"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_my", "tok_my", ""], "4000004580000002", ["visa", "credit", "MY"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_nz", "tok_nz", ""], "4000005540000008", ["visa", "credit", "NZ"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_sg", "tok_sg", ""], "4000007020000003", ["visa", "credit", "SG"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_tw", "tok_tw", ""], "4000001580000008", ["visa", "credit", "TW"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_th", "tok_th", ""], "4000007640000003", ["visa", "credit", "TH"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "4000057640000008", ["visa", "debit", "TH"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_visa_chargeDeclined", "tok_visa_chargeDeclined", "pm_card_chargeDeclined"], "4000000000000002", ["visa", "credit", "US"], declines(Decline::Generic), PASS, Risk::Normal),
    row(["pm_card_visa_chargeDeclinedInsufficientFunds", "tok_visa_chargeDeclinedInsufficientFunds", "pm_card_chargeDeclinedInsufficientFunds"], "4000000000009995", ["visa", "credit", "US"], declines(Decline::InsufficientFunds), PASS, Risk::Normal),
    row(["pm_card_visa_chargeDeclinedLostCard", "tok_visa_chargeDeclinedLostCard", "pm_card_chargeDeclinedLostCard"], "4000000000009987", ["visa", "credit", "US"], declines(Decline::LostCard), PASS, Risk::Normal),
    row(["pm_card_visa_chargeDeclinedStolenCard", "tok_visa_chargeDeclinedStolenCard", "pm_card_chargeDeclinedStolenCard"], "4000000000009979", ["visa", "credit", "US"], declines(Decline::StolenCard), PASS, Risk::Normal),
    row(["pm_card_chargeDeclinedExpiredCard", "tok_chargeDeclinedExpiredCard", ""], "4000000000000069", ["visa", "credit", "US"], declines(Decline::ExpiredCard), PASS, Risk::Normal),
    row(["pm_card_chargeDeclinedIncorrectCvc", "tok_chargeDeclinedIncorrectCvc", ""], "4000000000000127", ["visa", "credit", "US"], declines(Decline::IncorrectCvc), PASS, Risk::Normal),
    row(["pm_card_chargeDeclinedProcessingError", "tok_chargeDeclinedProcessingError", ""], "4000000000000119", ["visa", "credit", "US"], declines(Decline::ProcessingError), PASS, Risk::Normal),
    row(["", "", ""], "4242424242424241", ["visa", "credit", "US"], declines(Decline::IncorrectNumber), PASS, Risk::Normal),
    row(["pm_card_visa_chargeDeclinedVelocityLimitExceeded", "tok_visa_chargeDeclinedVelocityLimitExceeded", ""], "4000000000006975", ["visa", "credit", "US"], declines(Decline::VelocityExceeded), PASS, Risk::Normal),
    row(["pm_card_chargeCustomerFail", "tok_chargeCustomerFail", ""], "4000000000000341", ["visa", "credit", "US"], charges_decline(Decline::Generic), PASS, Risk::Normal),
    row(["pm_card_radarBlock", "tok_radarBlock", ""], "4100000000000019", ["visa", "credit", "US"], Behavior::Blocked, PASS, Risk::Highest),
    row(["pm_card_riskLevelHighest", "tok_riskLevelHighest", ""], "4000000000004954", ["visa", "credit", "US"], Behavior::HighestRisk, PASS, Risk::Highest),
    row(["pm_card_riskLevelElevated", "tok_riskLevelElevated", ""], "4000000000009235", ["visa", "credit", "US"], Behavior::Succeeds, PASS, Risk::Elevated),
    row(["pm_card_cvcCheckFail", "tok_cvcCheckFail", ""], "4000000000000101", ["visa", "credit", "US"], Behavior::Succeeds, CVC_FAIL, Risk::Normal),
    row(["pm_card_avsZipFail", "tok_avsZipFail", ""], "4000000000000036", ["visa", "credit", "US"], Behavior::Succeeds, POSTAL_FAIL, Risk::Normal),
    row(["pm_card_cvcCheckFailElevatedRisk", "tok_cvcCheckFailElevatedRisk", ""], "4000058400307872", ["visa", "credit", "US"], Behavior::Succeeds, CVC_FAIL, Risk::Elevated),
    row(["pm_card_avsZipFailElevatedRisk", "tok_avsZipFailElevatedRisk", ""], "4000058400306072", ["visa", "credit", "US"], Behavior::Succeeds, POSTAL_FAIL, Risk::Elevated),
    row(["pm_card_avsLine1Fail", "tok_avsLine1Fail", ""], "4000000000000028", ["visa", "credit", "US"], Behavior::Succeeds, LINE1_FAIL, Risk::Normal),
    row(["pm_card_avsFail", "tok_avsFail", ""], "4000000000000010", ["visa", "credit", "US"], Behavior::Succeeds, ADDRESS_FAIL, Risk::Normal),
    row(["pm_card_avsUnchecked", "tok_avsUnchecked", ""], "4000000000000044", ["visa", "credit", "US"], Behavior::Succeeds, ADDRESS_UNCHECKED, Risk::Normal),
    row(["pm_card_createDispute", "tok_createDispute", ""], "4000000000000259", ["visa", "credit", "US"], Behavior::Disputes(DisputeKind::Fraudulent), PASS, Risk::Normal),
    row(["pm_card_createDisputeProductNotReceived", "tok_createDisputeProductNotReceived", ""], "4000000000002685", ["visa", "credit", "US"], Behavior::Disputes(DisputeKind::ProductNotReceived), PASS, Risk::Normal),
    row(["pm_card_createDisputeInquiry", "tok_createDisputeInquiry", ""], "4000000000001976", ["visa", "credit", "US"], Behavior::Disputes(DisputeKind::Inquiry), PASS, Risk::Normal),
    row(["pm_card_createIssuerFraudRecord", "tok_createIssuerFraudRecord", ""], "4000000000005423", ["visa", "credit", "US"], Behavior::Disputes(DisputeKind::EarlyWarning), PASS, Risk::Normal),
    row(["pm_card_createMultipleDisputes", "tok_createMultipleDisputes", ""], "4000000404000079", ["visa", "credit", "US"], Behavior::Disputes(DisputeKind::Multiple), PASS, Risk::Normal),
    row(["pm_card_createCe3EligibleDispute", "tok_createCe3EligibleDispute", ""], "4000000404000038", ["visa", "credit", "US"], Behavior::Disputes(DisputeKind::CompellingEvidence), PASS, Risk::Normal),
    row(["pm_card_createComplianceDispute", "tok_createComplianceDispute", ""], "4000008400000779", ["visa", "credit", "US"], Behavior::Disputes(DisputeKind::Compliance), PASS, Risk::Normal),
    row(["pm_card_pendingRefund", "tok_pendingRefund", ""], "4000000000007726", ["visa", "credit", "US"], Behavior::RefundPending, PASS, Risk::Normal),
    row(["pm_card_refundFail", "tok_refundFail", ""], "4000000000005126", ["visa", "credit", "US"], Behavior::RefundFails, PASS, Risk::Normal),
    row(["pm_card_bypassPending", "tok_bypassPending", ""], "4000000000000077", ["visa", "credit", "US"], Behavior::SkipsPending, PASS, Risk::Normal),
    row(["pm_card_bypassPendingInternational", "tok_bypassPendingInternational", ""], "4000003720000278", ["visa", "credit", "US"], Behavior::SkipsPending, PASS, Risk::Normal),
    row(["pm_card_authenticationRequiredOnSetup", "", ""], "4000002500003155", ["visa", "credit", "US"], challenges(AfterChallenge::Succeeds, OffSession::UnlessSetUp), PASS, Risk::Normal),
    row(["pm_card_authenticationRequired", "", ""], "4000002760003184", ["visa", "credit", "US"], challenges(AfterChallenge::Succeeds, OffSession::Required), PASS, Risk::Normal),
    row(["pm_card_authenticationRequiredSetupForOffSession", "", ""], "4000003800000446", ["visa", "credit", "US"], challenges(AfterChallenge::Succeeds, OffSession::Exempt), PASS, Risk::Normal),
    row(["pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "", ""], "4000008260003178", ["visa", "credit", "US"], challenges(AfterChallenge::Declines(Decline::InsufficientFunds), OffSession::UnlessSetUp), PASS, Risk::Normal),
    row(["pm_card_threeDSecure2Required", "tok_threeDSecure2Required", ""], "4000000000003220", ["visa", "credit", "US"], challenges(AfterChallenge::Succeeds, OffSession::Required), PASS, Risk::Normal),
    row(["pm_card_threeDSecureRequiredChargeDeclined", "tok_threeDSecureRequiredChargeDeclined", ""], "4000008400001629", ["visa", "credit", "US"], challenges(AfterChallenge::Declines(Decline::Generic), OffSession::Required), PASS, Risk::Normal),
    row(["pm_card_threeDSecureRequiredProcessingError", "tok_threeDSecureRequiredProcessingError", ""], "4000008400001280", ["visa", "credit", "US"], challenges(AfterChallenge::Declines(Decline::Generic), OffSession::Required), PASS, Risk::Normal),
    row(["pm_card_threeDSecureOptional", "tok_threeDSecureOptional", ""], "4000000000003055", ["visa", "credit", "US"], Behavior::ChallengesOnRequest(AfterChallenge::Succeeds), PASS, Risk::Normal),
    row(["pm_card_threeDSecureOptionalProcessingError", "tok_threeDSecureOptionalProcessingError", ""], "4000000000003097", ["visa", "credit", "US"], Behavior::ChallengesOnRequest(AfterChallenge::Declines(Decline::ProcessingError)), PASS, Risk::Normal),
    row(["pm_card_amex_threeDSecureNotSupported", "tok_amex_threeDSecureNotSupported", ""], "378282246310005", ["amex", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "4000000000003238", ["visa", "credit", "US"], challenges(AfterChallenge::Succeeds, OffSession::Required), PASS, Risk::Normal),
    row(["", "", ""], "4000000000003246", ["visa", "credit", "US"], challenges(AfterChallenge::Succeeds, OffSession::Required), PASS, Risk::Normal),
    row(["", "", ""], "4000000000003253", ["visa", "credit", "US"], challenges(AfterChallenge::Succeeds, OffSession::Required), PASS, Risk::Normal),
    row(["", "", ""], "4001007020000002", ["visa", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "4000008260000075", ["visa", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "4001000360000005", ["visa", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["", "", ""], "4000002760000008", ["visa", "credit", "US"], Behavior::Succeeds, PASS, Risk::Normal),
    row(["pm_card_visa_chargeDeclinedFraudulent", "tok_visa_chargeDeclinedFraudulent", "pm_card_chargeDeclinedFraudulent"], "4100000000000019", ["visa", "credit", "US"], declines(Decline::Fraudulent), PASS, Risk::Highest),
    row(["pm_card_visa_debit_chargeDeclinedInsufficientFunds", "tok_visa_debit_chargeDeclinedInsufficientFunds", ""], "4000000000009995", ["visa", "debit", "US"], declines(Decline::InsufficientFunds), PASS, Risk::Normal),
    row(["pm_card_visa_chargeCustomerFailLostCard", "tok_visa_chargeCustomerFailLostCard", ""], "4000000000009987", ["visa", "credit", "US"], charges_decline(Decline::LostCard), PASS, Risk::Normal),
    row(["pm_card_visa_chargeCustomerFailStolenCard", "tok_visa_chargeCustomerFailStolenCard", ""], "4000000000009979", ["visa", "credit", "US"], charges_decline(Decline::StolenCard), PASS, Risk::Normal),
    row(["pm_usBankAccount_success", "", ""], "000123456789", ["", "", "US"], Behavior::Bank(BankOutcome::Succeeds), PASS, Risk::Normal),
    row(["pm_usBankAccount_accountClosed", "", ""], "000111111113", ["", "", "US"], Behavior::Bank(BankOutcome::Fails(Decline::BankAccountClosed)), PASS, Risk::Normal),
    row(["pm_usBankAccount_noAccount", "", ""], "000111111116", ["", "", "US"], Behavior::Bank(BankOutcome::Fails(Decline::BankNoAccount)), PASS, Risk::Normal),
    row(["pm_usBankAccount_insufficientFunds", "", ""], "000222222227", ["", "", "US"], Behavior::Bank(BankOutcome::Fails(Decline::BankInsufficientFunds)), PASS, Risk::Normal),
    row(["pm_usBankAccount_debitNotAuthorized", "", ""], "000333333335", ["", "", "US"], Behavior::Bank(BankOutcome::Fails(Decline::BankDebitNotAuthorized)), PASS, Risk::Normal),
    row(["pm_usBankAccount_invalidCurrency", "", ""], "000444444440", ["", "", "US"], Behavior::Bank(BankOutcome::Fails(Decline::BankInvalidCurrency)), PASS, Risk::Normal),
    row(["pm_usBankAccount_failMicrodeposits", "", ""], "000666666661", ["", "", "US"], Behavior::Bank(BankOutcome::Fails(Decline::BankMicrodepositFailed)), PASS, Risk::Normal),
    row(["pm_usBankAccount_dispute", "", ""], "000555555559", ["", "", "US"], Behavior::Bank(BankOutcome::Disputes), PASS, Risk::Normal),
    row(["pm_usBankAccount_processing", "", ""], "000000000009", ["", "", "US"], Behavior::Bank(BankOutcome::StaysProcessing), PASS, Risk::Normal),
];
