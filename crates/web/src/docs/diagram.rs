//! State diagrams, drawn from the transition tables of the crate `payments`: every pair of states that a row connects is an
//! arrow, and the numbers on it are the rows' inputs, which a list below explains. Where a state stands is data here; which
//! arrows there are is not.
//!
//! Colours come from the style sheet, so that the drawing follows the reader's choice. A table below says the same in words.

use maud::{Markup, html};
use payments::{AttemptStatus, CaptureStatus, DisputeStatus, PaymentStatus, RefundStatus, StoredMethodStatus};

/// Half a state's width and height, in the drawing's units.
const HALF: Point = Point { x: 70.0, y: 17.0 };
/// What stays free around a drawing.
const MARGIN: f64 = 20.0;
/// How far a loop stands above its state.
const LOOP: f64 = 34.0;
/// How far an arrow around another state bulges.
const BULGE: f64 = 110.0;
/// Places on an arrow where its numbers may stand, best first.
const BADGE_PLACES: [f64; 11] = [0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73, 0.2, 0.8, 0.14, 0.86];

/// A place, in the drawing's units.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    x: f64,
    y: f64,
}

/// A transition table as data.
#[derive(Debug)]
pub(super) struct Machine {
    /// Its name in a guide's `<!-- diagram: name -->`.
    name: &'static str,
    title: &'static str,
    /// Every state; the first one is where it begins.
    states: Vec<&'static str>,
    inputs: Vec<&'static str>,
    /// From, when, to.
    rows: Vec<(&'static str, &'static str, &'static str)>,
    /// Where the middle of each state stands.
    places: &'static [(&'static str, u16, u16)],
}

macro_rules! machine {
    ($name:literal, $title:literal, $status:ty, $input:ty, $places:expr) => {
        Machine {
            name: $name,
            title: $title,
            states: <$status>::ALL.iter().map(|status| status.name()).collect(),
            inputs: <$input>::ALL.iter().map(|input| input.name()).collect(),
            rows: <$status>::ROWS.iter().map(|(from, on, to)| (from.name(), on.name(), to.name())).collect(),
            places: $places,
        }
    };
}

/// Every machine that has a diagram.
pub(super) fn machines() -> Vec<Machine> {
    vec![
        machine!("payment", "Statuses of a payment", PaymentStatus, payments::PaymentInput, PAYMENT),
        machine!("attempt", "Statuses of an attempt", AttemptStatus, payments::AttemptInput, ATTEMPT),
        machine!("capture", "Statuses of a capture", CaptureStatus, payments::CaptureInput, CAPTURE),
        machine!("refund", "Statuses of a refund", RefundStatus, payments::RefundInput, REFUND),
        machine!("dispute", "Statuses of a dispute", DisputeStatus, payments::DisputeInput, DISPUTE),
        machine!("stored-payment-method", "Statuses of a stored payment method", StoredMethodStatus, payments::StoredMethodInput, STORED),
    ]
}

const PAYMENT: &[(&str, u16, u16)] = &[
    ("created", 92, 270),
    ("processing", 306, 270),
    ("requires_action", 526, 150),
    ("authorized", 526, 390),
    ("partially_captured", 746, 480),
    ("captured", 746, 270),
    ("partially_refunded", 960, 190),
    ("refunded", 960, 350),
    ("canceled", 526, 540),
    ("declined", 526, 50),
    ("expired", 306, 540),
];
const ATTEMPT: &[(&str, u16, u16)] = &[
    ("started", 92, 270),
    ("unknown", 320, 150),
    ("pending", 320, 390),
    ("authorized", 620, 240),
    ("captured", 620, 140),
    ("declined", 620, 340),
    ("failed", 320, 540),
    ("mismatched", 620, 40),
    ("canceled", 620, 430),
    ("succeeded_late", 860, 500),
];
const CAPTURE: &[(&str, u16, u16)] =
    &[("started", 92, 120), ("unknown", 320, 50), ("succeeded", 560, 120), ("failed", 560, 220), ("reversed", 790, 120)];
const REFUND: &[(&str, u16, u16)] = &[
    ("started", 92, 150),
    ("unknown", 320, 50),
    ("pending", 320, 260),
    ("succeeded", 590, 100),
    ("failed", 590, 220),
    ("reversed", 820, 100),
];
const DISPUTE: &[(&str, u16, u16)] =
    &[("inquiry", 92, 130), ("inquiry_closed", 320, 200), ("open", 320, 60), ("won", 590, 60), ("lost", 590, 200)];
const STORED: &[(&str, u16, u16)] =
    &[("storing", 92, 110), ("active", 320, 60), ("failed", 320, 170), ("removing", 590, 60), ("removed", 820, 60)];

/// An arrow: a cubic curve with the inputs that lead along it, counted from 1.
#[derive(Debug)]
struct Arrow {
    from: &'static str,
    to: &'static str,
    inputs: Vec<usize>,
    curve: [Point; 4],
}

/// A side of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Top,
    Bottom,
}

impl Machine {
    fn place(&self, state: &str) -> Point {
        let place = self.places.iter().find(|(name, _, _)| *name == state);
        place.map_or(Point { x: 0.0, y: 0.0 }, |(_, x, y)| Point { x: f64::from(*x), y: f64::from(*y) })
    }

    /// The pairs of states that rows connect, with the inputs of each, in the order of the table.
    fn pairs(&self) -> Vec<(&'static str, &'static str, Vec<usize>)> {
        let mut pairs: Vec<(&str, &str, Vec<usize>)> = Vec::new();
        for (from, on, to) in &self.rows {
            let input = self.inputs.iter().position(|input| input == on).map_or(0, |index| index + 1);
            match pairs.iter_mut().find(|(known_from, known_to, _)| known_from == from && known_to == to) {
                Some((_, _, inputs)) => inputs.push(input),
                None => pairs.push((from, to, vec![input])),
            }
        }
        pairs
    }

    /// Whether some state stands between two of one column.
    fn is_blocked(&self, from: Point, to: Point) -> bool {
        let (top, bottom) = (from.y.min(to.y) + HALF.y, from.y.max(to.y) - HALF.y);
        self.states.iter().map(|state| self.place(state)).any(|other| (other.x - from.x).abs() < 1.0 && other.y > top && other.y < bottom)
    }

    /// The sides at which an arrow leaves and arrives.
    fn sides(&self, from: &str, to: &str) -> (Side, Side) {
        let (start, end) = (self.place(from), self.place(to));
        if (start.x - end.x).abs() >= HALF.x {
            return if start.x < end.x { (Side::Right, Side::Left) } else { (Side::Left, Side::Right) };
        }
        if self.is_blocked(start, end) {
            return (Side::Right, Side::Right);
        }
        if start.y < end.y { (Side::Bottom, Side::Top) } else { (Side::Top, Side::Bottom) }
    }

    fn arrows(&self) -> Vec<Arrow> {
        let pairs = self.pairs();
        let arrow = |(index, (from, to, inputs)): (usize, &(&'static str, &'static str, Vec<usize>))| {
            let curve = if from == to { self.loop_at(from) } else { self.curve(&pairs, index) };
            Arrow { from, to, inputs: inputs.clone(), curve }
        };
        pairs.iter().enumerate().map(arrow).collect()
    }

    fn loop_at(&self, state: &str) -> [Point; 4] {
        let Point { x, y } = self.place(state);
        let top = y - HALF.y;
        let at = |dx: f64, up: f64| Point { x: x + dx, y: top - up };
        [at(HALF.x - 44.0, 0.0), at(HALF.x - 50.0, LOOP), at(HALF.x - 2.0, LOOP), at(HALF.x - 10.0, 0.0)]
    }

    fn curve(&self, pairs: &[(&'static str, &'static str, Vec<usize>)], index: usize) -> [Point; 4] {
        let (from, to, _) = &pairs[index];
        let (leaves, arrives) = self.sides(from, to);
        let start = self.port(pairs, index, from, leaves);
        let end = self.port(pairs, index, to, arrives);
        let reach = if leaves == arrives { BULGE } else { ((start.x - end.x).abs() * 0.45).max((start.y - end.y).abs() * 0.2).max(24.0) };
        [start, pushed(start, leaves, reach), pushed(end, arrives, reach), end]
    }

    /// Where on a side an arrow ends: the ends of a side are spread over it, in the order of where they come from.
    fn port(&self, pairs: &[(&'static str, &'static str, Vec<usize>)], index: usize, state: &str, side: Side) -> Point {
        let is_upright = matches!(side, Side::Left | Side::Right);
        let mut ends: Vec<(f64, usize)> = Vec::new();
        for (other, (from, to, _)) in pairs.iter().enumerate().filter(|(_, (from, to, _))| from != to) {
            let (leaves, arrives) = self.sides(from, to);
            let far = if *from == state && leaves == side { *to } else { *from };
            if (*from == state && leaves == side) || (*to == state && arrives == side) {
                let far = self.place(far);
                ends.push((if is_upright { far.y } else { far.x }, other));
            }
        }
        ends.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        let place = ends.iter().position(|(_, other)| *other == index).unwrap_or(0);
        let share = (f64::from(u16::try_from(place).unwrap_or(0)) + 1.0) / (f64::from(u16::try_from(ends.len()).unwrap_or(0)) + 1.0);
        let Point { x, y } = self.place(state);
        let along = |half: f64| (share - 0.5) * 2.0 * half;
        match side {
            Side::Left => Point { x: x - HALF.x, y: y + along(HALF.y) },
            Side::Right => Point { x: x + HALF.x, y: y + along(HALF.y) },
            Side::Top => Point { x: x + along(HALF.x * 0.5), y: y - HALF.y },
            Side::Bottom => Point { x: x + along(HALF.x * 0.5), y: y + HALF.y },
        }
    }

    fn size(&self) -> Point {
        let x = self.states.iter().map(|state| self.place(state).x).fold(0.0, f64::max);
        let y = self.states.iter().map(|state| self.place(state).y).fold(0.0, f64::max);
        Point { x: x + HALF.x + MARGIN, y: y + HALF.y + MARGIN }
    }
}

/// A point further out on its side.
fn pushed(point: Point, side: Side, reach: f64) -> Point {
    let Point { x, y } = point;
    match side {
        Side::Left => Point { x: x - reach, y },
        Side::Right => Point { x: x + reach, y },
        Side::Top => Point { x, y: y - reach },
        Side::Bottom => Point { x, y: y + reach },
    }
}

/// The point at `share` of a cubic curve.
fn on(curve: &[Point; 4], share: f64) -> Point {
    let rest = 1.0 - share;
    let weights = [rest * rest * rest, 3.0 * rest * rest * share, 3.0 * rest * share * share, share * share * share];
    let sum = |coordinate: fn(&Point) -> f64| weights.iter().zip(curve).map(|(weight, point)| weight * coordinate(point)).sum();
    Point { x: sum(|point| point.x), y: sum(|point| point.y) }
}

/// The numbers on an arrow: their middle and half their size.
#[derive(Clone, Copy, Debug)]
struct Badge {
    middle: Point,
    half: Point,
}

impl Badge {
    fn overlaps(self, other: Self) -> bool {
        (self.middle.x - other.middle.x).abs() < self.half.x + other.half.x
            && (self.middle.y - other.middle.y).abs() < self.half.y + other.half.y
    }
}

fn badges(machine: &Machine, arrows: &[Arrow]) -> Vec<Badge> {
    let mut taken: Vec<Badge> = machine.states.iter().map(|state| Badge { middle: machine.place(state), half: HALF }).collect();
    let states = taken.len();
    for arrow in arrows {
        let length = f64::from(u16::try_from(numbers(&arrow.inputs).chars().count()).unwrap_or(1));
        let at = |share: f64| Badge { middle: on(&arrow.curve, share), half: Point { x: 4.0 + 3.4 * length, y: 8.0 } };
        let free = BADGE_PLACES.into_iter().map(at).find(|badge| !taken.iter().any(|other| badge.overlaps(*other)));
        taken.push(free.unwrap_or_else(|| at(0.5)));
    }
    taken.split_off(states)
}

fn numbers(inputs: &[usize]) -> String {
    inputs.iter().map(usize::to_string).collect::<Vec<_>>().join("·")
}

fn tenths(number: f64) -> String {
    format!("{number:.1}")
}

/// The diagram of that name with its list and table; `None` when there is none.
pub(super) fn figure(name: &str) -> Option<Markup> {
    machines().iter().find(|machine| machine.name == name).map(drawn)
}

fn drawn(machine: &Machine) -> Markup {
    let arrows = machine.arrows();
    let badges = badges(machine, &arrows);
    let Point { x: width, y: height } = machine.size();
    let (title, about, head) = (format!("{}-title", machine.name), format!("{}-about", machine.name), format!("{}-head", machine.name));
    html! {
        figure.diagram {
            div.sheet tabindex="0" role="region" aria-label={ "Diagram: " (machine.title) } {
                svg viewBox={ "0 0 " (tenths(width)) " " (tenths(height)) } width=(tenths(width)) height=(tenths(height)) role="img" aria-labelledby={ (title) " " (about) } {
                    title id=(title) { (machine.title) }
                    desc id=(about) { (described(machine)) }
                    defs {
                        marker id=(head) viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto" { path.head d="M0 0.5 8 4 0 7.5z" {} }
                    }
                    @for arrow in &arrows {
                        path.arrow data-from=(arrow.from) data-to=(arrow.to) data-inputs=(numbers(&arrow.inputs)) d=(path(&arrow.curve)) marker-end={ "url(#" (head) ")" } {}
                    }
                    @for (index, state) in machine.states.iter().enumerate() { (node(machine, state, index == 0)) }
                    @for (arrow, badge) in arrows.iter().zip(&badges) {
                        rect.badge x=(tenths(badge.middle.x - badge.half.x)) y=(tenths(badge.middle.y - badge.half.y)) width=(tenths(badge.half.x * 2.0)) height=(tenths(badge.half.y * 2.0)) rx="8" {}
                        text.number x=(tenths(badge.middle.x)) y=(tenths(badge.middle.y + 3.8)) text-anchor="middle" { (numbers(&arrow.inputs)) }
                    }
                }
            }
            figcaption {
                p.soft { "It begins in " code { (machine.states.first().copied().unwrap_or_default()) } "; nothing follows a state with a dashed border. The numbers on the arrows:" }
                ol.inputs { @for input in &machine.inputs { li { (input) } } }
                details {
                    summary { "The same as a table" }
                    div.sheet tabindex="0" role="region" aria-label={ "Table: " (machine.title) } {
                        table {
                            thead { tr { th scope="col" { "From" } th scope="col" { "When" } th scope="col" { "To" } } }
                            tbody { @for (from, on, to) in &machine.rows { tr { td { code { (from) } } td { (on) } td { code { (to) } } } } }
                        }
                    }
                }
            }
        }
    }
}

/// The diagram in one sentence, for those who cannot see it.
fn described(machine: &Machine) -> String {
    format!("{} states and {} ways between them; the table below has all of them.", machine.states.len(), machine.pairs().len())
}

fn node(machine: &Machine, state: &str, is_first: bool) -> Markup {
    let Point { x, y } = machine.place(state);
    let is_last = machine.rows.iter().all(|(from, _, _)| *from != state);
    let class = if is_first {
        "node first"
    } else if is_last {
        "node last"
    } else {
        "node"
    };
    html! {
        rect class=(class) x=(tenths(x - HALF.x)) y=(tenths(y - HALF.y)) width=(tenths(HALF.x * 2.0)) height=(tenths(HALF.y * 2.0)) rx="8" {}
        text.name x=(tenths(x)) y=(tenths(y + 4.5)) text-anchor="middle" { (state) }
    }
}

fn path(curve: &[Point; 4]) -> String {
    let at = |point: &Point| format!("{} {}", tenths(point.x), tenths(point.y));
    format!("M{}C{} {} {}", at(&curve[0]), at(&curve[1]), at(&curve[2]), at(&curve[3]))
}

#[cfg(test)]
mod tests {
    use super::{HALF, badges, drawn, machines};
    use std::collections::BTreeSet;

    /// The value of an attribute in each element of a class.
    fn values(svg: &str, class: &str, attribute: &str) -> Vec<String> {
        let marker = format!("class=\"{class}\"");
        let elements = svg.split(&marker).skip(1).filter_map(|rest| rest.split('>').next());
        let value =
            |element: &str| element.split(&format!(" {attribute}=\"")).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        elements.filter_map(value).collect()
    }

    #[test]
    fn a_diagram_has_exactly_the_rows_of_its_table() {
        for machine in machines() {
            let svg = drawn(&machine).0;
            let (from, to, inputs) =
                (values(&svg, "arrow", "data-from"), values(&svg, "arrow", "data-to"), values(&svg, "arrow", "data-inputs"));
            let mut drawn = Vec::new();
            for ((from, to), inputs) in from.iter().zip(&to).zip(&inputs) {
                for number in inputs.split('·') {
                    let input = machine.inputs[number.parse::<usize>().expect("a number") - 1];
                    drawn.push((from.as_str(), input, to.as_str()));
                }
            }
            assert_eq!(drawn.len(), machine.rows.len(), "{}", machine.name);
            assert_eq!(drawn.into_iter().collect::<BTreeSet<_>>(), machine.rows.iter().copied().collect(), "{}", machine.name);
        }
    }

    #[test]
    fn every_state_has_a_place_of_its_own_and_no_numbers_hide_each_other() {
        for machine in machines() {
            let placed: BTreeSet<&str> = machine.places.iter().map(|(name, _, _)| *name).collect();
            assert_eq!(placed, machine.states.iter().copied().collect(), "{}", machine.name);
            for (index, (name, x, y)) in machine.places.iter().enumerate() {
                for (other, other_x, other_y) in &machine.places[index + 1..] {
                    let apart = f64::from(x.abs_diff(*other_x)) > HALF.x * 2.0 || f64::from(y.abs_diff(*other_y)) > HALF.y * 2.0;
                    assert!(apart, "{name} and {other} of {} overlap", machine.name);
                }
            }
            let badges = badges(&machine, &machine.arrows());
            for (index, badge) in badges.iter().enumerate() {
                assert!(!badges[index + 1..].iter().any(|other| badge.overlaps(*other)), "{}: {badge:?}", machine.name);
            }
        }
    }

    #[test]
    fn a_diagram_is_told_in_words_and_has_no_style_of_its_own() {
        for machine in machines() {
            let svg = drawn(&machine).0;
            assert!(svg.contains("role=\"img\"") && svg.contains("<title") && svg.contains("<desc") && svg.contains("<table>"), "{svg}");
            assert!(!svg.contains("style=") && !svg.contains("fill=") && !svg.contains("stroke="), "{svg}");
        }
    }
}
