//! Charts as SVG, drawn by hand: they follow the reader's colour scheme and need nothing but a browser.

use super::figures::{RATIO_AIM, RATIO_BAR, Spread, Summary};
use super::report::STAGES;
use super::round::RATE;
use std::fmt::Write;

/// Where bars begin, and how long the longest is.
const LEFT: f64 = 210.0;
const WIDTH: f64 = 560.0;
/// Height of one bar with the gap after it, and of the title.
const ROW: f64 = 34.0;
const TOP: f64 = 56.0;
const BAR: f64 = 20.0;

/// Lowest rate on the axis of rates, as a power of ten.
const DECADE_FIRST: i32 = 2;

/// Of every chart.
pub(super) const STYLE: &str = "\
    text { font-family: system-ui, -apple-system, \"Segoe UI\", Roboto, Helvetica, Arial, sans-serif; font-size: 13px; fill: #57606a }
    .name { font-weight: 600; fill: #1f2328 }
    .title { font-size: 16px; font-weight: 600; fill: #1f2328 }
    .bar { fill: #0b6e4f }
    .other { fill: #8c959f }
    .spread, .grid { stroke: #57606a; stroke-width: 1.5 }
    .grid { stroke-opacity: 0.25 }
    .limit { stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 4 3 }
    @media (prefers-color-scheme: dark) {
      text { fill: #9198a1 }
      .name, .title { fill: #f0f6fc }
      .bar { fill: #4ac29a }
      .other { fill: #656c76 }
      .spread, .grid { stroke: #9198a1 }
      .limit { stroke: #db6d28 }
    }
";

/// One bar.
struct Row {
    name: String,
    /// What stands at its end.
    label: String,
    spread: Spread,
    is_ours: bool,
}

/// A line across all bars.
struct Limit {
    label: String,
    value: f64,
}

/// A chart of bars.
struct Chart {
    title: String,
    description: String,
    rows: Vec<Row>,
    limits: Vec<Limit>,
    axis: Axis,
}

/// How values become lengths.
enum Axis {
    /// From zero to this value.
    Linear(f64),
    /// Powers of ten, from [`DECADE_FIRST`] to this one.
    Decades(i32),
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        let share = match self {
            Self::Linear(longest) => value / longest.max(f64::MIN_POSITIVE),
            Self::Decades(last) => (value.max(1.0).log10() - f64::from(DECADE_FIRST)) / f64::from((last - DECADE_FIRST).max(1)),
        };
        LEFT + share.clamp(0.0, 1.0) * WIDTH
    }
}

/// Every chart by the name of its file.
pub(super) fn all(summary: &Summary) -> [(&'static str, String); 3] {
    [
        ("performance-throughput.svg", throughput(summary).draw()),
        ("performance-cpu.svg", cpu(summary).draw()),
        ("performance-latency.svg", latency(summary).draw()),
    ]
}

fn throughput(summary: &Summary) -> Chart {
    let row = |name: &str, figure: &str, is_ours| {
        let spread = summary.spread(figure);
        Row { name: name.to_owned(), label: format!("{:.0}/s", spread.median), spread, is_ours }
    };
    let rows = vec![
        row("echo ceiling", "echo_per_s", false),
        row("relay ceiling", "relay_per_s", false),
        row("append+fdatasync ceiling", "append_payments_per_s", false),
        row("payments", "payments_per_s", true),
    ];
    let longest = rows.iter().map(|row| row.spread.max).fold(1.0, f64::max);
    let mut last = DECADE_FIRST + 1;
    while 10_f64.powi(last) < longest {
        last += 1;
    }
    let echo = summary.median("echo_per_s");
    let limits = vec![
        Limit { label: format!("1/{RATIO_BAR}"), value: echo / RATIO_BAR },
        Limit { label: format!("1/{RATIO_AIM}"), value: echo / RATIO_AIM },
    ];
    Chart {
        title: "Payments a second and the ceilings of the same run".to_owned(),
        description: "A logarithmic axis. Dashed lines: 1/25 of the echo ceiling, which is the bar, and 1/15, which is the aim. \
            The thin line on a bar runs from the smallest to the largest of the rounds."
            .to_owned(),
        rows,
        limits,
        axis: Axis::Decades(last),
    }
}

fn cpu(summary: &Summary) -> Chart {
    let row = |name: &str, figure: &str, is_ours| {
        let spread = summary.spread(figure);
        Row { name: name.to_owned(), label: format!("{:.0} µs", spread.median), spread, is_ours }
    };
    let mut rows: Vec<Row> = STAGES.iter().map(|(thread, _)| row(thread, &format!("cpu.platform.{thread}"), true)).collect();
    rows.sort_by(|left, right| right.spread.median.total_cmp(&left.spread.median));
    rows.push(row("simulator", "cpu.simulator", false));
    rows.push(row("load generator", "cpu.load generator", false));
    let longest = rows.iter().map(|row| row.spread.max).fold(0.0, f64::max);
    Chart {
        title: format!("CPU of one payment, {:.0} µs in the platform", summary.median("cpu.platform")),
        description: "Microseconds of CPU time by thread of the platform, and of the two processes that share the machine with it."
            .to_owned(),
        rows,
        limits: Vec::new(),
        axis: Axis::Linear(longest),
    }
}

fn latency(summary: &Summary) -> Chart {
    let row =
        |name: &str, spread: Spread, is_ours| Row { name: name.to_owned(), label: format!("{:.2} ms", spread.median), spread, is_ours };
    let ms = |name: &str| {
        let Spread { median, min, max } = summary.spread(name);
        Spread { median: median / 1_000.0, min: min / 1_000.0, max: max / 1_000.0 }
    };
    let rows = vec![
        row("fdatasync p50", ms("fsync_p50_us"), false),
        row("provider p50", ms("provider_p50_us"), false),
        row("added p50", summary.spread("added_p50_ms"), true),
        row("added p99", summary.spread("added_p99_ms"), true),
    ];
    let limits = vec![Limit { label: "bar of the added p50".to_owned(), value: summary.added_ms_max() }];
    let longest = rows.iter().map(|row| row.spread.max).fold(summary.added_ms_max(), f64::max);
    Chart {
        title: format!("Latency at {RATE} payments a second"),
        description: "Milliseconds added to the provider's own time. Dashed line: four times the median of fdatasync, and 2 ms.".to_owned(),
        rows,
        limits,
        axis: Axis::Linear(longest),
    }
}

impl Chart {
    fn draw(&self) -> String {
        let rows = u32::try_from(self.rows.len()).unwrap_or(0);
        let bottom = TOP + f64::from(rows) * ROW;
        let (width, height) = (LEFT + WIDTH + 110.0, bottom + 30.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
             aria-labelledby=\"title description\">\n  <title id=\"title\">{}</title>\n  <desc id=\"description\">{}</desc>\n  \
             <style>\n{STYLE}  </style>\n  <text class=\"title\" x=\"10\" y=\"26\">{}</text>\n",
            self.title,
            self.spoken(),
            self.title
        );
        // Writing to a String does not fail.
        let _ = self.draw_grid(&mut svg, bottom).and_then(|()| self.draw_rows(&mut svg)).and_then(|()| self.draw_limits(&mut svg, bottom));
        svg.push_str("</svg>\n");
        svg
    }

    /// The description with every figure, for those who do not see the bars.
    fn spoken(&self) -> String {
        let figures: Vec<String> = self.rows.iter().map(|row| format!("{} {}", row.name, row.label)).collect();
        format!("{} {}.", self.description, figures.join(", "))
    }

    fn draw_grid(&self, svg: &mut String, bottom: f64) -> std::fmt::Result {
        let Axis::Decades(last) = self.axis else { return Ok(()) };
        for decade in DECADE_FIRST..=last {
            let (value, top) = (10_f64.powi(decade), TOP - 6.0);
            let x = self.axis.place(value);
            writeln!(svg, "  <line class=\"grid\" x1=\"{x:.1}\" y1=\"{top:.0}\" x2=\"{x:.1}\" y2=\"{bottom:.0}\"/>")?;
            writeln!(svg, "  <text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{value:.0}</text>", bottom + 16.0)?;
        }
        Ok(())
    }

    fn draw_rows(&self, svg: &mut String) -> std::fmt::Result {
        let mut y = TOP;
        for Row { name, label, spread, is_ours } in &self.rows {
            let class = if *is_ours { "bar" } else { "other" };
            let (middle, text_y, x) = (y + BAR / 2.0, y + BAR / 2.0 + 4.5, self.axis.place(spread.median));
            let (min, max) = (self.axis.place(spread.min), self.axis.place(spread.max));
            writeln!(svg, "  <text class=\"name\" x=\"{:.0}\" y=\"{text_y:.1}\" text-anchor=\"end\">{name}</text>", LEFT - 10.0)?;
            writeln!(
                svg,
                "  <rect class=\"{class}\" x=\"{LEFT:.0}\" y=\"{y:.0}\" width=\"{:.1}\" height=\"{BAR:.0}\" rx=\"3\"/>",
                (x - LEFT).max(1.0)
            )?;
            writeln!(svg, "  <line class=\"spread\" x1=\"{min:.1}\" y1=\"{middle:.1}\" x2=\"{max:.1}\" y2=\"{middle:.1}\"/>")?;
            writeln!(svg, "  <text x=\"{:.1}\" y=\"{text_y:.1}\">{label}</text>", max.max(x) + 8.0)?;
            y += ROW;
        }
        Ok(())
    }

    fn draw_limits(&self, svg: &mut String, bottom: f64) -> std::fmt::Result {
        for Limit { label, value } in &self.limits {
            let (x, top) = (self.axis.place(*value), TOP - 6.0);
            writeln!(svg, "  <line class=\"limit\" x1=\"{x:.1}\" y1=\"{top:.0}\" x2=\"{x:.1}\" y2=\"{bottom:.0}\"/>")?;
            writeln!(svg, "  <text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>", top - 4.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, LEFT, WIDTH, all};
    use crate::bench::figures::{Figures, Summary};

    #[test]
    fn an_axis_places_its_ends_and_cuts_what_is_beyond() {
        for (axis, first, last) in [(Axis::Linear(8.0), 0.0, 8.0), (Axis::Decades(5), 100.0, 100_000.0)] {
            assert!((axis.place(first) - LEFT).abs() < 1e-6);
            assert!((axis.place(last) - LEFT - WIDTH).abs() < 1e-6);
            assert!((axis.place(last * 10.0) - LEFT - WIDTH).abs() < 1e-6);
        }
    }

    #[test]
    fn a_chart_says_its_figures_in_words_and_has_no_styles_in_attributes() {
        let mut figures = Figures::default();
        figures.put("echo_per_s", 50_000.0);
        figures.put("payments_per_s", 2_500.0);
        let summary = Summary::new(&[figures], None).map_err(|failure| failure.message).unwrap();
        for (name, svg) in all(&summary) {
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && !svg.contains("style=") && !svg.contains("NaN"), "{name}");
        }
        assert!(all(&summary)[0].1.contains("payments 2500/s"));
    }
}
