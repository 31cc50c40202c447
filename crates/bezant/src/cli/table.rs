//! How answers are shown: one JSON object a line for programs, a table for people.

use serde_json::Value;

pub(super) fn json_lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

/// One of an answer's fields as text; a dash when it has none.
pub(super) fn field(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Objects as lines under titles, each column as wide as its widest cell.
pub(super) fn table<const N: usize>(objects: &[Value], columns: [&str; N], titles: [&str; N]) -> String {
    let mut rows = vec![titles.map(str::to_owned)];
    rows.extend(objects.iter().map(|object| columns.map(|column| field(object, column))));
    let widths: Vec<usize> = (0..N).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
