//! The plans of every query: none reads a table from end to end, none sorts.

use super::*;
use crate::file;
use rusqlite::Connection;

fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    for place in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(place, 1).unwrap();
    }
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        lines.push(row.get::<_, String>(3).unwrap());
    }
    lines.join("\n")
}

#[test]
fn no_query_scans_a_table_or_sorts() {
    let path = std::env::temp_dir().join(format!("bezant-views-plans-{}.sqlite", std::process::id()));
    let connection = file::create_anew(&path).unwrap();
    let mut statements: Vec<&str> = lookup::statements();
    let lists = [&BY_MERCHANT, &BY_STATUS, &BY_REFERENCE, &REFUND_BY_ID, &REFUNDS_BY_MERCHANT, &REFUNDS_BY_PAYMENT, &LEGS_OF];
    let webhooks = [&DISPUTE_BY_ID, &DISPUTES_BY_MERCHANT, &DISPUTES_BY_PAYMENT, &WEBHOOKS_BACKWARD, &WEBHOOKS_BY_EVENT_ID];
    statements.extend([&CUSTOMERS_BY_MERCHANT, &METHODS_BY_CUSTOMER].map(|sql| sql.as_str()));
    statements.extend(webhooks.map(|sql| sql.as_str()));
    statements.extend(lists.map(|sql| sql.as_str()));
    let wide = [&PAYMENTS_BACKWARD, &PAYMENTS_OF_CUSTOMER, &REFUNDS_BACKWARD, &DISPUTES_BACKWARD, &DISPUTES_OF_STATUS];
    statements.extend(wide.map(|sql| sql.as_str()));
    statements.extend([&BY_CUSTOMER, &BY_DECLINE].map(|sql| sql.as_str()));
    statements.extend([DISPUTES_OPEN, JOURNEY, EVENTS_FORWARD, EVENTS_BACKWARD, EVENT_BY_SEQ, AT_OF_EVENT]);
    statements.extend(search::statements());
    for sql in statements {
        let plan = plan(&connection, sql);
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE") && plan.contains("SEARCH"), "{sql}\n{plan}");
    }
    drop(connection);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
}
