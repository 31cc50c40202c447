//! One long run: whether transfers slow down as their history grows, and the chart of it.

use super::super::chart::STYLE;
use super::super::figures::Bar;
use super::super::remove;
use super::case;
use super::round::Programs;
use crate::Failure;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// Transfers of the run; one point for each million.
const TRANSFERS: u64 = 50_000_000;
/// What they take of the disk where they take as much as they may.
pub(super) const DISK_BYTES: u64 = TRANSFERS * 300;
/// The file of the chart.
pub(super) const CHART: &str = "ledger-throughput.svg";
/// The slowest part of the run is at least this part of the first.
const SHARE_MIN: f64 = 0.8;
/// Parts that are compared: a million transfers take about a second, of which a pause of the machine would be much.
const PARTS: usize = 10;

/// Where the drawing begins, and how large it is.
const LEFT: f64 = 100.0;
const TOP: f64 = 56.0;
const WIDTH: f64 = 740.0;
const HEIGHT: f64 = 260.0;
/// Lines across, and numbers below.
const STEPS: u32 = 5;

/// Throughput over the run: transfers so far, and transfers a second of the last million.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// Of points in their order, at least two, with rates above zero.
    pub(super) fn new(points: Vec<(f64, f64)>) -> Result<Self, Failure> {
        let is_sound = points.len() >= 2
            && points.iter().all(|(transfers, per_s)| transfers.is_finite() && per_s.is_finite() && *per_s > 0.0)
            && points.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if is_sound { Ok(Self { points }) } else { Err(Failure::new(format!("this is no throughput over a run: {points:?}"))) }
    }

    /// Makes the transfers in a folder that it leaves empty.
    pub(super) fn measure(programs: &Programs, folder: &Path) -> Result<Self, Failure> {
        eprintln!("one run of {TRANSFERS} transfers");
        let data = folder.join("ledger");
        let found = programs.load(&case::long(TRANSFERS), &data, &["--curve"])?;
        if data.exists() {
            remove(&data);
        }
        Self::parse(&found)
    }

    fn parse(found: &Value) -> Result<Self, Failure> {
        let point = |point: &Value| Some((point[0].as_f64()?, point[1].as_f64()?));
        let points = found["curve"].as_array().and_then(|points| points.iter().map(point).collect());
        Self::new(points.ok_or_else(|| Failure::new(format!("there is no throughput over the run in {found}")))?)
    }

    /// The run in equal parts: transfers at the end of each, and transfers a second in it.
    pub(super) fn groups(&self) -> Vec<(f64, f64)> {
        let size = self.points.len().div_ceil(PARTS);
        let group = |points: &[(f64, f64)]| {
            let count = u32::try_from(points.len()).unwrap_or(u32::MAX);
            let seconds: f64 = points.iter().map(|(_, per_s)| 1.0 / per_s).sum();
            (points[points.len() - 1].0, f64::from(count) / seconds)
        };
        self.points.chunks(size).map(group).collect()
    }

    /// It must not fall by much.
    pub(super) fn bar(&self) -> Bar {
        let groups = self.groups();
        let first = groups[0].1;
        let slowest = groups.iter().map(|(_, per_s)| *per_s).fold(first, f64::min);
        let (share, least) = (slowest / first * 100.0, SHARE_MIN * 100.0);
        Bar {
            what: format!("one long run: the slowest tenth of the transfers, at least {least:.0} % of the first"),
            found: format!("{share:.1} % ({slowest:.0} of {first:.0} transfers a second)"),
            is_reached: slowest >= first * SHARE_MIN,
        }
    }

    /// The chart as SVG.
    pub(super) fn draw(&self) -> String {
        let (width, height) = (LEFT + WIDTH + 40.0, TOP + HEIGHT + 56.0);
        let (_, last) = self.ends();
        let title = format!("Transfers a second up to {:.0} million", last / 1e6);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
             aria-labelledby=\"title description\">\n  <title id=\"title\">{title}</title>\n  <desc id=\"description\">{}</desc>\n  \
             <style>\n{STYLE}  </style>\n  <text class=\"title\" x=\"10\" y=\"26\">{title}</text>\n",
            self.spoken()
        );
        // Writing to a String does not fail.
        let _ = self.draw_axes(&mut svg).and_then(|()| self.draw_points(&mut svg));
        svg.push_str("</svg>\n");
        svg
    }

    /// The description with the figures, for those who do not see the points.
    fn spoken(&self) -> String {
        let figures: Vec<String> =
            self.groups().iter().map(|(transfers, per_s)| format!("up to {:.0} million {per_s:.0}", transfers / 1e6)).collect();
        format!("One run; a point for each million. Dashed line: 80 % of the first part, which is the bar. {}.", figures.join(", "))
    }

    /// The highest rate on the axis, and the last number of transfers.
    fn ends(&self) -> (f64, f64) {
        let highest = self.points.iter().map(|(_, per_s)| *per_s).fold(1.0, f64::max);
        let hundred_thousands = (highest / 1e5).ceil();
        (hundred_thousands * 1e5, self.points[self.points.len() - 1].0)
    }

    fn place(&self, transfers: f64, per_s: f64) -> (f64, f64) {
        let (highest, last) = self.ends();
        (LEFT + transfers / last * WIDTH, TOP + HEIGHT - per_s / highest * HEIGHT)
    }

    fn draw_axes(&self, svg: &mut String) -> std::fmt::Result {
        let (highest, last) = self.ends();
        let right = LEFT + WIDTH;
        for step in 0..=STEPS {
            let share = f64::from(step) / f64::from(STEPS);
            let (per_s, transfers) = (highest * share, last * share);
            let (x, y) = self.place(transfers, per_s);
            writeln!(svg, "  <line class=\"grid\" x1=\"{LEFT:.0}\" y1=\"{y:.1}\" x2=\"{right:.0}\" y2=\"{y:.1}\"/>")?;
            writeln!(svg, "  <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{per_s:.0}</text>", LEFT - 10.0, y + 4.5)?;
            let below = TOP + HEIGHT + 20.0;
            writeln!(svg, "  <text x=\"{x:.1}\" y=\"{below:.0}\" text-anchor=\"middle\">{:.0} M</text>", transfers / 1e6)?;
        }
        let (_, y) = self.place(0.0, self.groups()[0].1 * SHARE_MIN);
        writeln!(svg, "  <line class=\"limit\" x1=\"{LEFT:.0}\" y1=\"{y:.1}\" x2=\"{right:.0}\" y2=\"{y:.1}\"/>")?;
        writeln!(svg, "  <text x=\"{LEFT:.0}\" y=\"{:.0}\">transfers so far</text>", TOP + HEIGHT + 42.0)
    }

    fn draw_points(&self, svg: &mut String) -> std::fmt::Result {
        let places: Vec<(f64, f64)> = self.points.iter().map(|(transfers, per_s)| self.place(*transfers, *per_s)).collect();
        let line: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(svg, "  <polyline class=\"spread\" fill=\"none\" points=\"{}\"/>", line.join(" "))?;
        for (x, y) in places {
            writeln!(svg, "  <circle class=\"bar\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>")?;
        }
        Ok(())
    }
}

/// What the page links to.
pub(super) fn link() -> String {
    format!("img/{CHART}")
}

#[cfg(test)]
mod tests {
    use super::Curve;
    use serde_json::json;

    /// Fifty million, at these rates by tens of millions.
    fn curve(per_s: [f64; 5]) -> Curve {
        let rates = per_s.iter().flat_map(|per_s| [*per_s; 10]);
        let points = (1..=50_u32).zip(rates).map(|(million, per_s)| (f64::from(million) * 1e6, per_s)).collect();
        Curve::new(points).map_err(|failure| failure.message).unwrap()
    }

    #[test]
    fn the_slowest_part_counts_wherever_it_is() {
        let is_reached = |per_s| curve(per_s).bar().is_reached;
        assert!(is_reached([1e6, 9e5, 8.01e5, 9e5, 1.1e6]));
        assert!(!is_reached([1e6, 9e5, 7.99e5, 9e5, 1.1e6]));
        assert_eq!(curve([1e6, 1e6, 1e6, 1e6, 5e5]).bar().found, "50.0 % (500000 of 1000000 transfers a second)");
    }

    #[test]
    fn one_slow_million_is_weighed_by_its_time() {
        let mut slow = curve([1e6; 5]);
        slow.points[20].1 = 5e5; // five millions in six seconds
        assert_eq!(slow.groups().len(), 10);
        assert!(slow.bar().is_reached && slow.bar().found.starts_with("83.3 %"), "{:?}", slow.bar());
    }

    #[test]
    fn what_is_no_curve_is_refused() {
        let parse = |value| Curve::parse(&value).is_ok();
        assert!(parse(json!({ "curve": [[1_000_000, 900_000.5], [2_000_000, 800_000]] })));
        for broken in [
            json!({}),
            json!({ "curve": [] }),
            json!({ "curve": [[1_000_000, 1]] }),
            json!({ "curve": [[1_000_000, 1], [2_000_000, 0]] }),
            json!({ "curve": [[2_000_000, 1], [1_000_000, 1]] }),
            json!({ "curve": [[1_000_000, 1], [2_000_000]] }),
        ] {
            assert!(!parse(broken.clone()), "{broken}");
        }
    }

    #[test]
    fn the_chart_says_its_figures_in_words_and_has_no_styles_in_attributes() {
        let svg = curve([1e6, 9e5, 9e5, 9e5, 9e5]).draw();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && !svg.contains("style=") && !svg.contains("NaN"));
        assert!(svg.contains("up to 5 million 1000000, ") && svg.matches("<circle").count() == 50, "{svg}");
    }
}
