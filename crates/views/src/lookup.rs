//! Finding rows by their names: what writer and reader both do.

use crate::cells::{Cells, prefix, unsigned};
use crate::error::{Doing, Error};
use crate::rows::{AttemptRow, CaptureRow, CustomerRow, DisputeRow, PaymentMethodRow, PaymentRow, RefundRow};
use crate::schema::{ATTEMPTS, CAPTURES, CUSTOMERS, DISPUTES, PAYMENT_METHODS, PAYMENTS, REFUNDS};
use base::{CustomerId, MerchantId, PaymentId, PaymentMethodId};
use rusqlite::{Connection, Params, params};
use std::sync::LazyLock;

static PAYMENT_BY_ID: LazyLock<String> = LazyLock::new(|| {
    let columns = PAYMENTS.selection();
    format!(
        "SELECT {columns} FROM payment_ids CROSS JOIN payments ON payments.number = payment_ids.payment WHERE payment_ids.prefix = ?1 AND payments.id = ?2"
    )
});

static CUSTOMER_BY_ID: LazyLock<String> = LazyLock::new(|| {
    let columns = CUSTOMERS.selection();
    format!(
        "SELECT {columns} FROM customer_ids CROSS JOIN customers ON customers.number = customer_ids.customer \
         WHERE customer_ids.prefix = ?1 AND customers.id = ?2"
    )
});

static METHOD_BY_ID: LazyLock<String> = LazyLock::new(|| {
    let columns = PAYMENT_METHODS.selection();
    format!(
        "SELECT {columns} FROM payment_method_ids CROSS JOIN payment_methods ON payment_methods.number = payment_method_ids.method \
         WHERE payment_method_ids.prefix = ?1 AND payment_methods.id = ?2"
    )
});

static ATTEMPTS_OF: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM attempts WHERE payment = ?1 ORDER BY position", ATTEMPTS.selection()));

static CAPTURES_OF: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM captures WHERE payment = ?1 ORDER BY position", CAPTURES.selection()));

static DISPUTES_OF: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM disputes INDEXED BY disputes_by_payment WHERE payment = ?1 ORDER BY number", DISPUTES.selection())
});

static REFUNDS_OF: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM refunds INDEXED BY refunds_by_payment WHERE payment = ?1 ORDER BY number", REFUNDS.selection())
});

/// Every statement of this file, for a test of their plans.
#[cfg(test)]
pub(crate) fn statements() -> Vec<&'static str> {
    vec![
        PAYMENT_BY_ID.as_str(),
        CUSTOMER_BY_ID.as_str(),
        METHOD_BY_ID.as_str(),
        ATTEMPTS_OF.as_str(),
        CAPTURES_OF.as_str(),
        DISPUTES_OF.as_str(),
        REFUNDS_OF.as_str(),
        MERCHANT_NUMBER,
    ]
}

const MERCHANT_NUMBER: &str = "SELECT number FROM merchants WHERE id = ?1";

/// Reads all rows of a query whose number the caller knows to be small.
pub(crate) fn all<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    table: &'static str,
    mut read: impl FnMut(&mut Cells<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut statement = connection.prepare_cached(sql).doing("preparing a query")?;
    let mut rows = statement.query(parameters).doing("running a query")?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().doing("reading a row")? {
        found.push(read(&mut Cells::new(table, row))?);
    }
    Ok(found)
}

/// As [`all`], the first row only.
pub(crate) fn first<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    table: &'static str,
    read: impl FnOnce(&mut Cells<'_>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let mut statement = connection.prepare_cached(sql).doing("preparing a query")?;
    let mut rows = statement.query(parameters).doing("running a query")?;
    match rows.next().doing("reading a row")? {
        Some(row) => read(&mut Cells::new(table, row)).map(Some),
        None => Ok(None),
    }
}

/// The number of a merchant.
pub(crate) fn merchant_number(connection: &Connection, merchant: MerchantId) -> Result<Option<u32>, Error> {
    first(connection, MERCHANT_NUMBER, params![merchant.as_u128().to_be_bytes()], "merchants", |cells| cells.u32())
}

/// The payment of that id and its merchant's number.
pub(crate) fn payment(
    connection: &Connection,
    payment: PaymentId,
    merchant_of: impl Fn(u32) -> Option<MerchantId>,
) -> Result<Option<(u32, PaymentRow)>, Error> {
    let id = payment.as_u128();
    first(connection, &PAYMENT_BY_ID, params![prefix(id), id.to_be_bytes()], PAYMENTS.name, |cells| PaymentRow::read(cells, merchant_of))
}

/// The customer of that id and its merchant's number.
pub(crate) fn customer(
    connection: &Connection,
    customer: CustomerId,
    merchant_of: impl Fn(u32) -> Option<MerchantId>,
) -> Result<Option<(u32, CustomerRow)>, Error> {
    let id = customer.as_u128();
    first(connection, &CUSTOMER_BY_ID, params![prefix(id), id.to_be_bytes()], CUSTOMERS.name, |cells| CustomerRow::read(cells, merchant_of))
}

/// The stored payment method of that id and its merchant's number.
pub(crate) fn method(
    connection: &Connection,
    method: PaymentMethodId,
    merchant_of: impl Fn(u32) -> Option<MerchantId>,
) -> Result<Option<(u32, PaymentMethodRow)>, Error> {
    let id = method.as_u128();
    first(connection, &METHOD_BY_ID, params![prefix(id), id.to_be_bytes()], PAYMENT_METHODS.name, |cells| {
        PaymentMethodRow::read(cells, merchant_of)
    })
}

/// A payment's attempts, oldest first.
pub(crate) fn attempts(connection: &Connection, payment: u64) -> Result<Vec<AttemptRow>, Error> {
    all(connection, &ATTEMPTS_OF, params![unsigned(payment)], ATTEMPTS.name, AttemptRow::read)
}

/// A payment's captures, oldest first.
pub(crate) fn captures(connection: &Connection, payment: u64) -> Result<Vec<CaptureRow>, Error> {
    all(connection, &CAPTURES_OF, params![unsigned(payment)], CAPTURES.name, CaptureRow::read)
}

/// A payment's disputes, oldest first.
pub(crate) fn disputes(connection: &Connection, payment: &PaymentRow) -> Result<Vec<DisputeRow>, Error> {
    all(connection, &DISPUTES_OF, params![unsigned(payment.number)], DISPUTES.name, |cells| {
        DisputeRow::read(cells, payment.merchant, payment.id)
    })
}

/// A payment's refunds, oldest first.
pub(crate) fn refunds(connection: &Connection, payment: &PaymentRow) -> Result<Vec<RefundRow>, Error> {
    all(connection, &REFUNDS_OF, params![unsigned(payment.number)], REFUNDS.name, |cells| {
        RefundRow::read(cells, payment.merchant, payment.id)
    })
}
