//! The tables, described once: the statements that create, fill and change them are made from this.
//!
//! The schema is compact on purpose. A payment's number is the sequence number of the event that created it, a
//! merchant's is the engine's own; indexes hold integers and grow at their end, except those of ids, whose keys are
//! sorted inside each batch. Raise [`VERSION`] with any change of the tables or of what events do to rows.

/// Version of the tables and of the projection, kept as SQLite's `user_version`.
pub(crate) const VERSION: i64 = 5;

/// Marks the file as ours, kept as SQLite's `application_id`: "bzvw".
pub(crate) const APPLICATION_ID: i64 = 0x627a_7677;

/// A language that the tables can be described in. What is read and written is SQLite's; another store begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite, with `STRICT` tables.
    Sqlite,
    /// PostgreSQL.
    #[cfg_attr(not(test), expect(dead_code, reason = "nothing but the test of the description emits it yet"))]
    PostgreSql,
}

impl Dialect {
    /// The type of a column.
    const fn type_of(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Sqlite, Integer) => "INTEGER",
            (Self::Sqlite, Text) => "TEXT",
            (Self::Sqlite, Blob) => "BLOB",
            (Self::Sqlite, Any) => "ANY",
            (Self::PostgreSql, Integer) => "bigint",
            (Self::PostgreSql, Text) => "text",
            (Self::PostgreSql, Blob) => "bytea",
            (Self::PostgreSql, Any) => "numeric(39, 0)",
        }
    }

    /// What follows the columns. A table whose key is one integer is numbered; others are kept in the order of their keys.
    const fn options(self, is_numbered: bool) -> &'static str {
        match (self, is_numbered) {
            (Self::Sqlite, true) => " STRICT",
            (Self::Sqlite, false) => " STRICT, WITHOUT ROWID",
            (Self::PostgreSql, _) => "",
        }
    }
}

/// What a column holds; SQLite's `STRICT` tables hold it to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Integer,
    Text,
    Blob,
    /// An integer, or a blob when it is larger than SQL's integers.
    Any,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    name: &'static str,
    kind: Kind,
    is_optional: bool,
    is_fixed: bool,
}

/// One table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    columns: &'static [Column],
    /// The columns that name a row. One integer is the row's own number; several make a table without one.
    key: &'static [&'static str],
    /// Indexes: name, columns, and the column that must be present for a row to be in it.
    indexes: &'static [(&'static str, &'static str, Option<&'static str>)],
}

const fn column(name: &'static str, kind: Kind, is_optional: bool, is_fixed: bool) -> Column {
    Column { name, kind, is_optional, is_fixed }
}

/// Set when the row is created.
const fn fixed(name: &'static str, kind: Kind) -> Column {
    column(name, kind, false, true)
}

/// As [`fixed`], possibly absent.
const fn fixed_optional(name: &'static str, kind: Kind) -> Column {
    column(name, kind, true, true)
}

/// Changes with events.
const fn changing(name: &'static str, kind: Kind) -> Column {
    column(name, kind, false, false)
}

/// As [`changing`], possibly absent.
const fn optional(name: &'static str, kind: Kind) -> Column {
    column(name, kind, true, false)
}

use Kind::{Any, Blob, Integer, Text};

/// How far the file is: one row.
pub(crate) const META: Table = Table {
    name: "meta",
    columns: &[fixed("singleton", Integer), changing("applied_seq", Integer), changing("applied_at", Integer)],
    key: &["singleton"],
    indexes: &[],
};

/// What the codes mean.
pub(crate) const LEGEND: Table = Table {
    name: "legend",
    columns: &[fixed("kind", Text), fixed("code", Integer), fixed("label", Text)],
    key: &["kind", "code"],
    indexes: &[],
};

/// Merchants by their numbers.
pub(crate) const MERCHANTS: Table = Table {
    name: "merchants",
    columns: &[fixed("number", Integer), fixed("id", Blob), fixed("handle", Text), fixed("created_seq", Integer)],
    key: &["number"],
    indexes: &[("merchants_by_id", "id", None)],
};

/// Every event, as its journaled bytes.
pub(crate) const EVENTS: Table = Table {
    name: "events",
    columns: &[
        fixed("seq", Integer),
        fixed("at", Integer),
        fixed("kind", Integer),
        fixed_optional("merchant", Integer),
        fixed_optional("payment", Integer),
        fixed("payload", Blob),
    ],
    key: &["seq"],
    indexes: &[("events_by_merchant", "merchant", Some("merchant"))],
};

/// Which events are about a payment.
pub(crate) const PAYMENT_EVENTS: Table =
    Table { name: "payment_events", columns: &[fixed("payment", Integer), fixed("seq", Integer)], key: &["payment", "seq"], indexes: &[] };

/// Payments by the event that created them.
pub(crate) const PAYMENTS: Table = Table {
    name: "payments",
    columns: &[
        fixed("number", Integer),
        fixed("id", Blob),
        fixed("merchant", Integer),
        fixed_optional("reference", Blob),
        fixed("created_at", Integer),
        changing("subject", Blob),
        changing("amount_minor", Integer),
        changing("currency", Integer),
        changing("capture_mode", Integer),
        changing("content", Blob),
        optional("payment_method", Text),
        optional("customer", Blob),
        optional("stored_method", Blob),
        optional("off_session", Integer),
        optional("details_subject", Blob),
        optional("details", Blob),
        changing("status", Integer),
        changing("held_minor", Integer),
        changing("captured_minor", Integer),
        changing("refunded_minor", Integer),
        changing("refunding_minor", Integer),
        changing("disputed_minor", Integer),
        changing("fee_minor", Integer),
        changing("available", Integer),
        optional("provider", Integer),
        optional("provider_id", Text),
        optional("decline_class", Integer),
        optional("decline_code", Text),
        optional("decline_network_code", Text),
        optional("next_action", Integer),
        optional("next_action_url", Text),
        optional("expires_at", Integer),
        changing("attempts_count", Integer),
        changing("captures_count", Integer),
        changing("refunds_count", Integer),
        changing("disputes_count", Integer),
        changing("updated_at", Integer),
        changing("changed_seq", Integer),
    ],
    key: &["number"],
    indexes: &[
        ("payments_by_merchant", "merchant", None),
        ("payments_by_status", "merchant, status", None),
        ("payments_by_customer", "customer", Some("customer")),
        ("payments_by_decline", "merchant, decline_code", Some("decline_code")),
    ],
};

/// Payments by the first eight bytes of their ids.
pub(crate) const PAYMENT_IDS: Table = Table {
    name: "payment_ids",
    columns: &[fixed("prefix", Integer), fixed("payment", Integer)],
    key: &["prefix", "payment"],
    indexes: &[],
};

/// Payments by the first eight bytes of their references' keyed hashes.
pub(crate) const PAYMENT_REFERENCES: Table = Table {
    name: "payment_references",
    columns: &[fixed("prefix", Integer), fixed("payment", Integer)],
    key: &["prefix", "payment"],
    indexes: &[],
};

/// Attempts, counted from 0 in each payment.
pub(crate) const ATTEMPTS: Table = Table {
    name: "attempts",
    columns: &[
        fixed("payment", Integer),
        fixed("position", Integer),
        fixed("effect", Blob),
        fixed("provider", Integer),
        fixed("amount_minor", Integer),
        fixed("currency", Integer),
        fixed("started_at", Integer),
        changing("status", Integer),
        optional("provider_id", Text),
        optional("decline_class", Integer),
        optional("decline_code", Text),
        optional("decline_network_code", Text),
        optional("failure_class", Integer),
        optional("failure_code", Text),
        optional("mismatch_amount_minor", Integer),
        optional("mismatch_currency", Integer),
        optional("mismatch_captured", Integer),
        changing("updated_at", Integer),
        changing("changed_seq", Integer),
    ],
    key: &["payment", "position"],
    indexes: &[],
};

/// Captures that were asked for separately, counted from 0 in each payment.
pub(crate) const CAPTURES: Table = Table {
    name: "captures",
    columns: &[
        fixed("payment", Integer),
        fixed("position", Integer),
        fixed("effect", Blob),
        fixed("started_at", Integer),
        changing("amount_minor", Integer),
        changing("fee_minor", Integer),
        changing("status", Integer),
        optional("failure_code", Text),
        changing("updated_at", Integer),
        changing("changed_seq", Integer),
    ],
    key: &["payment", "position"],
    indexes: &[],
};

/// Refunds by the event that created them.
pub(crate) const REFUNDS: Table = Table {
    name: "refunds",
    columns: &[
        fixed("number", Integer),
        fixed("id", Blob),
        fixed("merchant", Integer),
        fixed("payment", Integer),
        changing("effect", Blob),
        fixed("amount_minor", Integer),
        fixed("currency", Integer),
        fixed("from_available", Integer),
        fixed_optional("details_subject", Blob),
        fixed_optional("details", Blob),
        fixed("created_at", Integer),
        changing("status", Integer),
        optional("provider_id", Text),
        optional("failure_code", Text),
        changing("updated_at", Integer),
        changing("changed_seq", Integer),
    ],
    key: &["number"],
    indexes: &[("refunds_by_merchant", "merchant", None), ("refunds_by_payment", "payment", None)],
};

/// Refunds by the first eight bytes of their ids.
pub(crate) const REFUND_IDS: Table =
    Table { name: "refund_ids", columns: &[fixed("prefix", Integer), fixed("refund", Integer)], key: &["prefix", "refund"], indexes: &[] };

/// Disputes by the event that told of them first.
pub(crate) const DISPUTES: Table = Table {
    name: "disputes",
    columns: &[
        fixed("number", Integer),
        fixed("id", Blob),
        fixed("merchant", Integer),
        fixed("payment", Integer),
        fixed("provider_id", Text),
        changing("amount_minor", Integer),
        fixed("currency", Integer),
        fixed("opened_at", Integer),
        fixed("reason", Text),
        optional("respond_by", Integer),
        changing("fee_minor", Integer),
        changing("status", Integer),
        changing("updated_at", Integer),
        changing("changed_seq", Integer),
    ],
    key: &["number"],
    indexes: &[
        ("disputes_by_merchant", "merchant", None),
        ("disputes_by_payment", "payment", None),
        ("disputes_by_status", "status", None),
    ],
};

/// Disputes by the first eight bytes of their ids.
pub(crate) const DISPUTE_IDS: Table = Table {
    name: "dispute_ids",
    columns: &[fixed("prefix", Integer), fixed("dispute", Integer)],
    key: &["prefix", "dispute"],
    indexes: &[],
};

/// Customers by the event that created them.
pub(crate) const CUSTOMERS: Table = Table {
    name: "customers",
    columns: &[
        fixed("number", Integer),
        fixed("id", Blob),
        fixed("merchant", Integer),
        fixed("subject", Blob),
        fixed_optional("details_subject", Blob),
        fixed_optional("details", Blob),
        fixed("created_at", Integer),
        changing("deleted", Integer),
        changing("updated_at", Integer),
        changing("changed_seq", Integer),
    ],
    key: &["number"],
    indexes: &[("customers_by_merchant", "merchant", None)],
};

/// Customers by the first eight bytes of their ids.
pub(crate) const CUSTOMER_IDS: Table = Table {
    name: "customer_ids",
    columns: &[fixed("prefix", Integer), fixed("customer", Integer)],
    key: &["prefix", "customer"],
    indexes: &[],
};

/// Stored payment methods by the event that named them first.
pub(crate) const PAYMENT_METHODS: Table = Table {
    name: "payment_methods",
    columns: &[
        fixed("number", Integer),
        fixed("id", Blob),
        fixed("merchant", Integer),
        fixed("customer", Blob),
        fixed("provider", Integer),
        fixed("token", Text),
        fixed("created_at", Integer),
        changing("status", Integer),
        optional("provider_id", Text),
        optional("card_brand", Text),
        optional("card_last4", Text),
        optional("card_exp_month", Integer),
        optional("card_exp_year", Integer),
        optional("failure_code", Text),
        changing("updated_at", Integer),
        changing("changed_seq", Integer),
    ],
    key: &["number"],
    indexes: &[("payment_methods_by_customer", "customer", None)],
};

/// Stored payment methods by the first eight bytes of their ids.
pub(crate) const PAYMENT_METHOD_IDS: Table = Table {
    name: "payment_method_ids",
    columns: &[fixed("prefix", Integer), fixed("method", Integer)],
    key: &["prefix", "method"],
    indexes: &[],
};

/// Messages of providers, each time one came in; what they said is in their events.
pub(crate) const WEBHOOKS: Table = Table {
    name: "webhooks",
    columns: &[
        fixed("seq", Integer),
        fixed("provider", Integer),
        fixed("event_id", Text),
        fixed("event_type", Text),
        fixed("source", Integer),
        fixed("found", Integer),
        fixed_optional("payment", Integer),
        fixed("at", Integer),
    ],
    key: &["seq"],
    indexes: &[],
};

/// Messages of providers by the first eight bytes of the hashes of their providers' ids.
pub(crate) const WEBHOOK_IDS: Table = Table {
    name: "webhook_ids",
    columns: &[fixed("prefix", Integer), fixed("webhook", Integer)],
    key: &["prefix", "webhook"],
    indexes: &[],
};

/// Payments, refunds, disputes and stored payment methods by the first eight bytes of the hashes of their providers' ids. The number
/// is the event that created the object, and that event's kind says what it is.
pub(crate) const PROVIDER_IDS: Table = Table {
    name: "provider_ids",
    columns: &[fixed("prefix", Integer), fixed("number", Integer)],
    key: &["prefix", "number"],
    indexes: &[],
};

/// Ledger lines of payments, by payment, event and order.
pub(crate) const LEGS: Table = Table {
    name: "legs",
    columns: &[
        fixed("payment", Integer),
        fixed("seq", Integer),
        fixed("position", Integer),
        fixed("id", Blob),
        fixed("debit_account", Blob),
        fixed("credit_account", Blob),
        fixed("amount_minor", Any),
        fixed("pending", Blob),
        fixed("currency", Integer),
        fixed("code", Integer),
        fixed("flags", Integer),
        fixed("at", Integer),
    ],
    key: &["payment", "seq", "position"],
    indexes: &[],
};

/// Every table.
pub(crate) const TABLES: [&Table; 22] = [
    &META,
    &LEGEND,
    &MERCHANTS,
    &EVENTS,
    &PAYMENT_EVENTS,
    &PAYMENTS,
    &PAYMENT_IDS,
    &PAYMENT_REFERENCES,
    &ATTEMPTS,
    &CAPTURES,
    &REFUNDS,
    &REFUND_IDS,
    &DISPUTES,
    &DISPUTE_IDS,
    &CUSTOMERS,
    &CUSTOMER_IDS,
    &PAYMENT_METHODS,
    &PAYMENT_METHOD_IDS,
    &WEBHOOKS,
    &WEBHOOK_IDS,
    &PROVIDER_IDS,
    &LEGS,
];

impl Table {
    /// Statements that create the table and its indexes.
    pub(crate) fn definitions(&self, dialect: Dialect) -> Vec<String> {
        let is_numbered = self.key.len() == 1;
        let mut lines: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                let presence = if column.is_optional { "" } else { " NOT NULL" };
                let key = if is_numbered && column.name == self.key[0] { " PRIMARY KEY" } else { "" };
                format!("{} {}{presence}{key}", column.name, dialect.type_of(column.kind))
            })
            .collect();
        if !is_numbered {
            lines.push(format!("PRIMARY KEY ({})", self.key.join(", ")));
        }
        let table = format!("CREATE TABLE {} ({}){}", self.name, lines.join(", "), dialect.options(is_numbered));
        let indexes = self.indexes.iter().map(|(name, columns, present)| {
            let partial = present.map_or_else(String::new, |column| format!(" WHERE {column} IS NOT NULL"));
            format!("CREATE INDEX {name} ON {} ({columns}){partial}", self.name)
        });
        core::iter::once(table).chain(indexes).collect()
    }

    /// The columns in order, each with its table's name, as a query selects them.
    pub(crate) fn selection(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| format!("{}.{}", self.name, column.name)).collect();
        names.join(", ")
    }

    /// Inserts a row; parameter `?n` is column `n`.
    pub(crate) fn insertion(&self) -> String {
        let places: Vec<String> = (1..=self.columns.len()).map(|place| format!("?{place}")).collect();
        format!("INSERT INTO {} VALUES ({})", self.name, places.join(", "))
    }

    /// As [`Table::insertion`], in place of the row with the same key, if there is one.
    pub(crate) fn replacement(&self) -> String {
        self.insertion().replacen("INSERT", "INSERT OR REPLACE", 1)
    }

    /// As [`Table::insertion`], unless there is a row with the same key.
    pub(crate) fn addition(&self) -> String {
        self.insertion().replacen("INSERT", "INSERT OR IGNORE", 1)
    }

    /// Changes the row that the key names; takes the same parameters as [`Table::insertion`].
    pub(crate) fn change(&self) -> String {
        let place = |name: &str| self.place(name).map_or(0, |index| index + 1);
        let changes: Vec<String> = self
            .columns
            .iter()
            .filter(|column| !column.is_fixed)
            .map(|column| format!("{} = ?{}", column.name, place(column.name)))
            .collect();
        let key: Vec<String> = self.key.iter().map(|name| format!("{name} = ?{}", place(name))).collect();
        format!("UPDATE {} SET {} WHERE {}", self.name, changes.join(", "), key.join(" AND "))
    }

    /// Place of a column in [`Table::selection`], from 0.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// Statements that create everything, in the order of [`TABLES`].
pub(crate) fn definitions(dialect: Dialect) -> Vec<String> {
    TABLES.iter().flat_map(|table| table.definitions(dialect)).collect()
}

#[cfg(test)]
mod tests {
    use super::{ATTEMPTS, Dialect, EVENTS, META, PAYMENT_IDS, TABLES, definitions};

    /// The tables as PostgreSQL has them; a change of the description shows here.
    const POSTGRESQL: &str = include_str!("../golden/postgresql.sql");

    #[test]
    fn the_description_prints_as_sql() {
        assert_eq!(
            META.definitions(Dialect::Sqlite),
            [
                "CREATE TABLE meta (singleton INTEGER NOT NULL PRIMARY KEY, applied_seq INTEGER NOT NULL, applied_at INTEGER NOT NULL) STRICT"
            ]
        );
        assert_eq!(META.insertion(), "INSERT INTO meta VALUES (?1, ?2, ?3)");
        assert_eq!(META.change(), "UPDATE meta SET applied_seq = ?2, applied_at = ?3 WHERE singleton = ?1");
        assert_eq!(
            PAYMENT_IDS.definitions(Dialect::Sqlite),
            [
                "CREATE TABLE payment_ids (prefix INTEGER NOT NULL, payment INTEGER NOT NULL, PRIMARY KEY (prefix, payment)) STRICT, WITHOUT ROWID"
            ]
        );
        assert_eq!(
            EVENTS.definitions(Dialect::Sqlite)[1],
            "CREATE INDEX events_by_merchant ON events (merchant) WHERE merchant IS NOT NULL"
        );
        assert!(ATTEMPTS.change().ends_with("changed_seq = ?19 WHERE payment = ?1 AND position = ?2"));
    }

    #[test]
    fn a_table_that_changes_ends_with_a_column_that_does() {
        // The last parameter must occur in the change, else SQLite counts fewer parameters than the insertion has.
        for table in TABLES {
            let changes = table.columns.iter().any(|column| !column.is_fixed);
            assert!(!changes || table.columns.last().is_some_and(|column| !column.is_fixed), "{}", table.name);
        }
    }

    #[test]
    fn the_description_prints_as_another_dialect() {
        let printed: String = definitions(Dialect::PostgreSql).iter().map(|statement| format!("{statement};\n")).collect();
        assert_eq!(printed, POSTGRESQL, "crates/views/golden/postgresql.sql is not what the description prints:\n{printed}");
        for word in ["STRICT", "ROWID", "BLOB", "ANY", "INTEGER"] {
            assert!(!printed.split([' ', ',', ')', ';']).any(|found| found == word), "{word} is SQLite's");
        }
    }

    #[test]
    fn keys_and_indexes_name_columns_that_exist() {
        for table in TABLES {
            let known = |name: &str| table.columns.iter().any(|column| column.name == name);
            assert!(table.key.iter().all(|name| known(name)), "{}", table.name);
            assert!(table.indexes.iter().all(|(_, columns, _)| columns.split(", ").all(known)), "{}", table.name);
        }
    }
}
