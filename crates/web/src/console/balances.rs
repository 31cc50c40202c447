//! What merchants have: balances by currency, and every account of the ledger with the proof that its two sides agree.

use super::call::with_query;
use super::shapes::{Balances, BookAccount, CurrencyBalance, LedgerAccounts};
use super::show::{self, Tone};
use super::visit::{Place, Visit};
use axum::response::Response;
use maud::{Markup, html};

/// Accounts on a page.
const ACCOUNTS_PAGE: &str = "60";

/// What an account is for, in a sentence.
fn purpose(kind: &str) -> &'static str {
    match kind {
        "receivable" => "What the provider owes the platform.",
        "pending" => "Earned, and not yet released by the provider.",
        "available" => "Earned and released.",
        "fees" => "What the provider kept.",
        "disputed" => "Taken back by customers' banks, or in question.",
        "suspense" => "Came in too late, or by mistake, and goes back.",
        _ => "",
    }
}

/// Balances of the merchant.
pub(super) async fn room(visit: Visit) -> Response {
    let handle = visit.merchant().map_or("", |merchant| merchant.handle.as_str());
    let mut found = visit.get_of::<Balances>("/v1/balances").await;
    if let Ok(balances) = &mut found {
        balances.data.sort_by(|left, right| left.currency.cmp(&right.currency));
    }
    let content = html! {
        (show::head("Balances", &format!("What {handle} has, from the books themselves. A balance is credits less debits."), show::live_switch()))
        div.stack #balances data-live {
            @match &found {
                Ok(balances) if balances.data.is_empty() => {
                    section.card.flush { (show::empty("There is no money yet", html! { p { "Accounts are opened with the first payment in a currency." } p { a href=(visit.href("/console/payments")) { "Payments" } } })) }
                }
                Ok(balances) => { @for currency in &balances.data { (of_currency(currency)) } }
                Err(problem) => { (show::problem(problem)) }
            }
        }
    };
    visit.page(Place::Balances, "Balances", content)
}

fn of_currency(balance: &CurrencyBalance) -> Markup {
    let currency = &balance.currency;
    let heading = format!("currency-{currency}");
    html! {
        section.card.flush aria-labelledby=(heading) {
            header { h2 id=(heading) { (currency) } }
            ul.figures.inset {
                li { span.name { "Available" } span.value { (show::amount_text(i128::from(balance.available_minor), currency)) " " span.unit { (currency) } } span.note { "earned and released" } }
                li { span.name { "Pending" } span.value { (show::amount_text(i128::from(balance.pending_minor), currency)) " " span.unit { (currency) } } span.note { "earned, not yet released" } }
            }
            div.sheet tabindex="0" role="region" aria-label={ "Accounts in " (currency) } {
                table.stack {
                    thead {
                        tr {
                            th scope="col" { "Account" }
                            th scope="col" { "What for" }
                            th.amount scope="col" { "Debits" }
                            th.amount scope="col" { "Credits" }
                            th.amount scope="col" { "Reserved" }
                            th.amount scope="col" { "Balance" }
                        }
                    }
                    tbody { @for account in &balance.accounts { (account_row(account, currency)) } }
                }
            }
        }
    }
}

fn account_row(account: &BookAccount, currency: &str) -> Markup {
    let amount = |minor: i128| show::amount_text(minor, currency);
    html! {
        tr {
            th scope="row" data-label="Account" { span { (show::words(&account.kind)) " " span.soft.small { (account.code) } } }
            td.wide data-label="What for" { span.soft { (purpose(&account.kind)) } }
            td.amount data-label="Debits" { (amount(account.debits_posted_minor.into())) }
            td.amount data-label="Credits" { (amount(account.credits_posted_minor.into())) }
            td.amount data-label="Reserved" { (amount(i128::from(account.debits_pending_minor) + i128::from(account.credits_pending_minor))) }
            td.amount data-label="Balance" { strong { (amount(account.balance_minor)) } }
        }
    }
}

/// Every account of the ledger.
pub(super) async fn accounts(visit: Visit) -> Response {
    let path = with_query("/v1/accounts", &[("limit", ACCOUNTS_PAGE), ("cursor", visit.parameter("cursor"))]);
    let found = visit.client.get::<LedgerAccounts>(&path).await;
    let lead = "Every account of the double-entry ledger. Debits and credits of a currency are the same after every event.";
    let content = html! {
        (show::head("Ledger accounts", lead, show::live_switch()))
        div.stack #accounts data-live {
            @match &found {
                Ok(ledger) => { (trial_balances(ledger)) (ledger_table(&visit, ledger)) }
                Err(problem) => { (show::problem(problem)) }
            }
        }
    };
    visit.page(Place::Accounts, "Ledger accounts", content)
}

fn trial_balances(ledger: &LedgerAccounts) -> Markup {
    html! {
        @if !ledger.trial_balance.is_empty() {
            section.card.flush aria-labelledby="trial-title" {
                header { h2 #trial-title { "Trial balance" } span.soft.small { "after event " (show::count(ledger.seq)) } }
                div.sheet tabindex="0" role="region" aria-label="Trial balance" {
                    table.stack {
                        thead {
                            tr {
                                th scope="col" { "Currency" }
                                th.amount scope="col" { "Debits reserved" }
                                th.amount scope="col" { "Credits reserved" }
                                th.amount scope="col" { "Debits" }
                                th.amount scope="col" { "Credits" }
                                th scope="col" { "Verdict" }
                            }
                        }
                        tbody {
                            @for line in &ledger.trial_balance {
                                @let amount = |minor: i128| show::amount_text(minor, &line.currency);
                                tr {
                                    th scope="row" data-label="Currency" { (line.currency) }
                                    td.amount data-label="Debits reserved" { (amount(line.debits_pending_minor)) }
                                    td.amount data-label="Credits reserved" { (amount(line.credits_pending_minor)) }
                                    td.amount data-label="Debits" { (amount(line.debits_posted_minor)) }
                                    td.amount data-label="Credits" { (amount(line.credits_posted_minor)) }
                                    td data-label="Verdict" {
                                        @if line.balanced { (show::pill(Tone::Good, "They agree")) } @else { (show::pill(Tone::Bad, "They differ")) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn ledger_table(visit: &Visit, ledger: &LedgerAccounts) -> Markup {
    html! {
        section.card.flush aria-labelledby="accounts-title" {
            header { h2 #accounts-title { "Accounts" } span.soft.small { "A balance is credits less debits" } }
            @if ledger.data.is_empty() {
                (show::empty("There is no account yet", html! { p { "Accounts are opened with a merchant's first payment in a currency." } }))
            } @else {
                div.sheet tabindex="0" role="region" aria-label="Table of accounts" {
                    table.stack {
                        thead {
                            tr {
                                th scope="col" { "Account" }
                                th scope="col" { "Merchant" }
                                th scope="col" { "Currency" }
                                th.amount scope="col" { "Debits reserved" }
                                th.amount scope="col" { "Debits" }
                                th.amount scope="col" { "Credits reserved" }
                                th.amount scope="col" { "Credits" }
                                th.amount scope="col" { "Balance" }
                            }
                        }
                        tbody {
                            @for account in &ledger.data {
                                @let amount = |minor: i128| show::amount_text(minor, &account.currency);
                                tr {
                                    th scope="row" data-label="Account" { span title=(purpose(&account.kind)) { (if account.name.is_empty() { show::words(&account.kind) } else { account.name.clone() }) } }
                                    td data-label="Merchant" { @if let Some(merchant) = &account.merchant { (visit.handle_of(merchant)) } @else { span.soft { "Platform" } } }
                                    td data-label="Currency" { (account.currency) }
                                    td.amount data-label="Debits reserved" { (amount(account.debits_pending_minor)) }
                                    td.amount data-label="Debits" { (amount(account.debits_posted_minor)) }
                                    td.amount data-label="Credits reserved" { (amount(account.credits_pending_minor)) }
                                    td.amount data-label="Credits" { (amount(account.credits_posted_minor)) }
                                    td.amount data-label="Balance" { strong { (amount(account.balance_minor)) } }
                                }
                            }
                        }
                    }
                }
                (show::pages("/console/accounts", &[], visit.parameter("cursor").is_empty(), ledger.next_cursor.as_deref()))
            }
        }
    }
}
