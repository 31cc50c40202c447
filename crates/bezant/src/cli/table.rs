//! How answers are shown: one JSON object a line for programs, tables and labelled lines for people.
//!
//! What comes from outside is shown as text and nothing else: characters that would move a terminal's cursor are written
//! out. Read first: [`Column`], which says where a cell comes from and how it is shown.

use base::Currency;
use serde_json::Value;
use std::io::IsTerminal;
use unicode_width::UnicodeWidthStr;

/// Widest cell of free text, in columns of a terminal; what is longer ends in an ellipsis.
const TEXT_WIDTH_MAX: usize = 40;
/// Shown where there is nothing.
const ABSENT: &str = "-";

/// What a cell says about how things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// It went as it should.
    Good,
    /// It did not.
    Bad,
    /// It is not decided.
    Waiting,
    /// Somebody should look.
    Warning,
    /// A fact.
    Plain,
    /// Of less interest.
    Faint,
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    /// Escape sequences of ANSI terminals.
    Colours,
    /// Text alone.
    Plain,
}

impl Paint {
    /// Colours on a terminal, unless `NO_COLOR` is set to anything (<https://no-color.org>) or the terminal is dumb.
    pub(super) fn of(stream: &impl IsTerminal) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        if stream.is_terminal() && !unwanted && !dumb { Self::Colours } else { Self::Plain }
    }

    /// The text in the colour of a tone.
    pub(super) fn tone(self, text: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Waiting => "36",
            Tone::Warning => "33",
            Tone::Faint => "2",
            Tone::Plain => return text.to_owned(),
        };
        self.coded(text, code)
    }

    /// The text in bold.
    pub(super) fn strong(self, text: &str) -> String {
        self.coded(text, "1")
    }

    fn coded(self, text: &str, code: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colours => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A word that is shown whole, such as an id.
    Word,
    /// Text of a person's, which may be cut.
    Text,
    /// A word of a life cycle, toned by what it means.
    Status,
    /// A whole number.
    Count,
    /// A number, to one decimal.
    Tenths,
    /// A time in RFC 3339, to the second.
    Time,
    /// An object of `amount_minor` and `currency`.
    Amount,
    /// Minor units, in the currency to which the second pointer leads.
    Minor(&'static str),
    /// Yes or no.
    Flag,
}

/// One column of a table, or one line of a description.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    title: &'static str,
    pointer: &'static str,
    kind: Kind,
}

/// A column with what the JSON pointer leads to.
pub(super) const fn column(title: &'static str, pointer: &'static str, kind: Kind) -> Column {
    Column { title, pointer, kind }
}

/// A cell before its column's widths are known.
enum Cell {
    Left(String, Tone),
    Right(String),
    Money(MajorUnits),
}

/// An amount as it is written: `-12`, `.50`, `EUR`.
struct MajorUnits {
    whole: String,
    fraction: String,
    unit: String,
}

impl MajorUnits {
    /// In the digits of the currency; minor units as they are for one that this program does not know.
    fn of(amount_minor: i128, currency: &str) -> Self {
        let Ok(known) = currency.parse::<Currency>() else {
            return Self { whole: amount_minor.to_string(), fraction: String::new(), unit: format!("minor units of {}", plain(currency)) };
        };
        let exponent = usize::from(known.exponent());
        let digits = format!("{:0width$}", amount_minor.unsigned_abs(), width = exponent + 1);
        let (whole, fraction) = digits.split_at(digits.len() - exponent);
        let sign = if amount_minor < 0 { "-" } else { "" };
        let fraction = if exponent == 0 { String::new() } else { format!(".{fraction}") };
        Self { whole: format!("{sign}{whole}"), fraction, unit: currency.to_owned() }
    }

    fn text(&self) -> String {
        let Self { whole, fraction, unit } = self;
        format!("{whole}{fraction} {unit}")
    }
}

impl Column {
    fn cell(&self, object: &Value) -> Cell {
        let Some(value) = object.pointer(self.pointer).filter(|value| !value.is_null()) else {
            return match self.kind {
                Kind::Count | Kind::Tenths | Kind::Amount | Kind::Minor(_) => Cell::Right(ABSENT.to_owned()),
                Kind::Word | Kind::Text | Kind::Status | Kind::Time | Kind::Flag => Cell::Left(ABSENT.to_owned(), Tone::Faint),
            };
        };
        match self.kind {
            Kind::Word => Cell::Left(plain(&text_of(value)), Tone::Plain),
            Kind::Text => Cell::Left(clipped(&plain(&text_of(value)), TEXT_WIDTH_MAX), Tone::Plain),
            Kind::Status => Cell::Left(plain(&text_of(value)), tone_of(&text_of(value))),
            Kind::Count => Cell::Right(plain(&text_of(value))),
            Kind::Tenths => Cell::Right(value.as_f64().map_or_else(|| plain(&text_of(value)), |number| format!("{number:.1}"))),
            Kind::Time => Cell::Left(plain(&short_time(&text_of(value))), Tone::Plain),
            Kind::Flag => Cell::Left(if value == &Value::Bool(true) { "yes" } else { "no" }.to_owned(), Tone::Plain),
            Kind::Amount => amount(value.get("amount_minor"), value.get("currency")),
            Kind::Minor(currency) => amount(Some(value), object.pointer(currency)),
        }
    }
}

fn amount(amount_minor: Option<&Value>, currency: Option<&Value>) -> Cell {
    let amount_minor = amount_minor.and_then(|value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from)));
    match (amount_minor, currency.and_then(Value::as_str)) {
        (Some(amount_minor), Some(currency)) => Cell::Money(MajorUnits::of(amount_minor, currency)),
        _ => Cell::Right(ABSENT.to_owned()),
    }
}

/// The objects as JSON, one a line.
pub(super) fn json_lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

/// One of an answer's fields as text; a dash when it has none.
pub(super) fn field(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => ABSENT.to_owned(),
        Some(found) => plain(&text_of(found)),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// Text that a terminal shows and does not obey: control characters and those that turn the direction of writing are
/// written as `\u{…}`.
pub(super) fn plain(text: &str) -> String {
    let obeyed = |character: char| {
        character.is_control() || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(obeyed) {
        return text.to_owned();
    }
    text.chars().map(|character| if obeyed(character) { character.escape_default().to_string() } else { character.to_string() }).collect()
}

/// Columns of a terminal that a text takes.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text, cut to a width.
fn clipped(text: &str, width_max: usize) -> String {
    if width(text) <= width_max {
        return text.to_owned();
    }
    let mut shown = String::new();
    for character in text.chars() {
        let mut longer = shown.clone();
        longer.push(character);
        if width(&longer) >= width_max {
            break;
        }
        shown = longer;
    }
    shown.push('…');
    shown
}

/// `2026-11-21T09:33:00.123Z` as `2026-11-21 09:33:00`; the title says that it is UTC. Anything else stays as it is.
pub(super) fn short_time(text: &str) -> String {
    match (text.get(..10), text.get(10..11), text.get(11..19), text.ends_with('Z')) {
        (Some(date), Some("T"), Some(time), true) => format!("{date} {time}"),
        _ => text.to_owned(),
    }
}

/// What a word of a life cycle means for whoever reads it.
fn tone_of(word: &str) -> Tone {
    match word {
        "captured" | "succeeded" | "active" | "won" | "ok" | "good" | "news" | "inquiry_closed" => Tone::Good,
        "declined" | "failed" | "lost" | "reversed" | "fail" | "bad" | "down" => Tone::Bad,
        "unknown" | "mismatched" | "succeeded_late" | "requires_action" | "open" | "inquiry" | "warn" | "unmatched" | "unclear"
        | "degraded" => Tone::Warning,
        "created" | "processing" | "pending" | "authorized" | "partially_captured" | "started" | "storing" | "removing" | "wait" => {
            Tone::Waiting
        }
        "canceled" | "removed" | "expired" | "refunded" | "partially_refunded" | "kept" | "known" | "idle" => Tone::Faint,
        _ => Tone::Plain,
    }
}

/// Objects as lines under titles, each column as wide as its widest cell, numbers and amounts aligned by their digits.
pub(super) fn table(objects: &[Value], columns: &[Column], paint: Paint) -> String {
    let drawn: Vec<Vec<Drawn>> = columns.iter().map(|column| draw(column, objects)).collect();
    let widths: Vec<usize> = columns
        .iter()
        .zip(&drawn)
        .map(|(column, cells)| cells.iter().map(|cell| width(&cell.text)).chain([width(column.title)]).max().unwrap_or(0))
        .collect();
    let titles = columns.iter().zip(&drawn).map(|(column, cells)| Drawn {
        text: column.title.to_owned(),
        tone: Tone::Plain,
        is_right: cells.iter().any(|cell| cell.is_right),
    });
    let mut lines = paint.strong(&line(titles, &widths, Paint::Plain)) + "\n";
    for row in 0..objects.len() {
        let cells = drawn.iter().filter_map(|cells| cells.get(row)).cloned();
        lines.push_str(&line(cells, &widths, paint));
        lines.push('\n');
    }
    lines
}

/// A cell whose text is final, but for the padding of its column.
#[derive(Clone)]
struct Drawn {
    text: String,
    tone: Tone,
    is_right: bool,
}

/// The cells of a column; amounts get fractions of one width, so that their points stand below each other.
fn draw(column: &Column, objects: &[Value]) -> Vec<Drawn> {
    let cells: Vec<Cell> = objects.iter().map(|object| column.cell(object)).collect();
    let width_of = |part: fn(&MajorUnits) -> usize| {
        let widths = cells.iter().map(|cell| if let Cell::Money(units) = cell { part(units) } else { 0 });
        widths.max().unwrap_or(0)
    };
    let (fraction, unit) = (width_of(|units| units.fraction.len()), width_of(|units| width(&units.unit)));
    let drawn = cells.into_iter().map(|cell| match cell {
        Cell::Left(text, tone) => Drawn { text, tone, is_right: false },
        Cell::Right(text) => Drawn { text, tone: Tone::Plain, is_right: true },
        Cell::Money(units) => {
            let text = format!("{}{:fraction$} {:unit$}", units.whole, units.fraction, units.unit);
            Drawn { text, tone: Tone::Plain, is_right: true }
        }
    });
    drawn.collect()
}

fn line(cells: impl Iterator<Item = Drawn>, widths: &[usize], paint: Paint) -> String {
    let mut text = String::new();
    let mut owed = 0; // blanks after the last cell, written only if another one follows
    for (cell, column_width) in cells.zip(widths) {
        let padding = column_width.saturating_sub(width(&cell.text));
        let (before, after) = if cell.is_right { (padding, 0) } else { (0, padding) };
        text.push_str(&" ".repeat(owed + before));
        text.push_str(&paint.tone(&cell.text, cell.tone));
        owed = after + 2;
    }
    text
}

/// One object as labelled lines; fields that it does not have are left out.
pub(super) fn describe(object: &Value, columns: &[Column], paint: Paint) -> String {
    let present: Vec<&Column> =
        columns.iter().filter(|column| object.pointer(column.pointer).is_some_and(|value| !value.is_null())).collect();
    let label_width = present.iter().map(|column| width(column.title)).max().unwrap_or(0);
    let mut lines = String::new();
    for column in present {
        let text = match column.cell(object) {
            Cell::Left(_, tone) if matches!(column.kind, Kind::Text) => paint.tone(&field(object, column.pointer), tone),
            Cell::Left(text, tone) => paint.tone(&text, tone),
            Cell::Right(text) => text,
            Cell::Money(units) => units.text(),
        };
        let suffix = if matches!(column.kind, Kind::Time) { " UTC" } else { "" };
        lines.push_str(&format!("{}{}  {text}{suffix}\n", column.title, " ".repeat(label_width - width(column.title))));
    }
    lines
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Kind, MajorUnits, Paint, Tone, clipped, column, describe, plain, short_time, table, tone_of, width};
    use serde_json::json;

    #[test]
    fn columns_align_by_width_on_screen_and_amounts_by_their_points() {
        let objects = [
            json!({ "id": "pay_1", "who": "Chiyo 千代", "amount": { "amount_minor": 1200, "currency": "JPY" }, "count": 3 }),
            json!({ "id": "pay_22", "who": "Zoë", "amount": { "amount_minor": 7_500, "currency": "KWD" }, "count": 12 }),
            json!({ "id": "pay_3", "who": null, "amount": { "amount_minor": 5, "currency": "EUR" } }),
        ];
        let columns = [
            column("ID", "/id", Kind::Word),
            column("WHO", "/who", Kind::Text),
            column("AMOUNT", "/amount", Kind::Amount),
            column("N", "/count", Kind::Count),
        ];
        let expected = "\
ID      WHO               AMOUNT   N
pay_1   Chiyo 千代  1200     JPY   3
pay_22  Zoë            7.500 KWD  12
pay_3   -              0.05  EUR   -
";
        assert_eq!(table(&objects, &columns, Paint::Plain), expected);
        let widths: Vec<usize> = expected.lines().map(width).collect();
        assert!(widths.iter().all(|found| *found == widths[0]), "{widths:?}");
    }

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        for (amount_minor, currency, text) in [
            (1_999, "EUR", "19.99 EUR"),
            (-5, "EUR", "-0.05 EUR"),
            (0, "JPY", "0 JPY"),
            (1_250, "KWD", "1.250 KWD"),
            (7, "XXY", "7 minor units of XXY"),
        ] {
            assert_eq!(MajorUnits::of(amount_minor, currency).text(), text);
        }
    }

    #[test]
    fn text_of_strangers_moves_no_cursor() {
        assert_eq!(plain("a\x1b[2Jb\u{202e}c\n"), "a\\u{1b}[2Jb\\u{202e}c\\n");
        let object = json!({ "reference": "x\x1b]0;owned\x07" });
        for paint in [Paint::Plain, Paint::Colours] {
            let columns = [column("REFERENCE", "/reference", Kind::Text)];
            for text in [table(std::slice::from_ref(&object), &columns, paint), describe(&object, &columns, paint)] {
                assert!(!text.contains("\x1b]") && !text.contains('\x07'), "{text:?}");
            }
        }
    }

    #[test]
    fn colour_changes_neither_text_nor_alignment() {
        let objects = [json!({ "id": "a", "status": "captured" }), json!({ "id": "b", "status": "lost" })];
        let columns = [column("STATUS", "/status", Kind::Status), column("ID", "/id", Kind::Word)];
        let (plain, coloured) = (table(&objects, &columns, Paint::Plain), table(&objects, &columns, Paint::Colours));
        assert!(coloured.contains("\x1b[32mcaptured\x1b[0m  a") && coloured.contains("\x1b[31mlost\x1b[0m      b"), "{coloured:?}");
        let mut stripped = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once('\x1b') {
            stripped.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        assert_eq!(stripped + rest, plain);
    }

    #[test]
    fn every_status_of_a_life_cycle_means_something() {
        let statuses = payments::PaymentStatus::ALL.iter().map(|status| status.name());
        let refunds = payments::RefundStatus::ALL.iter().map(|status| status.name());
        let disputes = payments::DisputeStatus::ALL.iter().map(|status| status.name());
        let methods = payments::StoredMethodStatus::ALL.iter().map(|status| status.name());
        let attempts = payments::AttemptStatus::ALL.iter().map(|status| status.name());
        for status in statuses.chain(refunds).chain(disputes).chain(methods).chain(attempts) {
            assert_ne!(tone_of(status), Tone::Plain, "{status}");
        }
    }

    #[test]
    fn times_lose_their_fractions_and_long_text_its_end() {
        assert_eq!(short_time("2026-11-21T09:33:00.123Z"), "2026-11-21 09:33:00");
        assert_eq!(short_time("yesterday"), "yesterday");
        assert_eq!(clipped("0123456789", 10), "0123456789");
        assert_eq!(clipped("0123456789a", 10), "012345678…");
        assert_eq!(width(&clipped("千代千代千代", 7)), 7);
    }

    #[test]
    fn a_description_leaves_out_what_is_not_there_and_cuts_nothing() {
        let long = "x".repeat(60);
        let object = json!({ "id": "pay_1", "description": long, "reference": null, "created_at": "2026-11-21T09:33:00.123Z" });
        let columns = [
            column("Id", "/id", Kind::Word),
            column("Description", "/description", Kind::Text),
            column("Reference", "/reference", Kind::Text),
            column("Created", "/created_at", Kind::Time),
        ];
        let expected = format!("Id           pay_1\nDescription  {long}\nCreated      2026-11-21 09:33:00 UTC\n");
        assert_eq!(describe(&object, &columns, Paint::Plain), expected);
    }
}
