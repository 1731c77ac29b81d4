//! A line of the table, as plain data.

use serde::Serialize;

use super::measure::{Comparison, Spread};

/// Two things measured in one run, and what follows.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What `--only` knows, then what tells it from its neighbors: `delays/default`.
    pub name: String,
    /// What was run, and what of it was timed.
    pub what: String,
    /// The two things.
    pub sides: [Side; 2],
    /// The first against the second.
    pub ratio: Figure,
    /// Other figures of the same run.
    pub figures: Vec<Figure>,
}

/// One of the two things.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// What it is.
    pub name: String,
    /// What it takes.
    #[serde(flatten)]
    pub takes: Takes,
    /// What was read, where spikes were run.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
}

/// What one of the two things takes.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Takes {
    /// Wall seconds of a round.
    Seconds(Spread),
    /// Bytes.
    Bytes(Spread),
}

impl Takes {
    /// How much, and of what.
    pub fn amount(self) -> (Spread, Unit) {
        match self {
            Self::Seconds(seconds) => (seconds, Unit::Seconds),
            Self::Bytes(bytes) => (bytes, Unit::Bytes),
        }
    }
}

/// Synaptic events of one round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reads {
    /// Synaptic events, which are read events.
    pub synaptic_events: u64,
    /// The same a virtual synapse and a stimulus.
    pub reads_per_virtual_synapse: f64,
}

/// A figure, and what it should be.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// The figure.
    pub value: Spread,
    /// What its median should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Of two like things.
    Ratio,
    /// The part of a whole.
    Share,
    /// Seconds.
    Seconds,
    /// Events a second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Floating-point operations a second.
    FlopPerSecond,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Target {
    /// On which side of the value.
    pub bound: Bound,
    /// The value.
    pub value: f64,
    /// What one would like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stretch: Option<f64>,
    /// Whether the median reaches the value.
    pub is_met: bool,
    /// Whether it reaches the stretch value.
    pub is_stretch_met: bool,
}

/// On which side of a target a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The target or more.
    AtLeast,
    /// The target or less.
    AtMost,
}

impl Line {
    /// A comparison as a line. Sides that read differently are compared by the time a synaptic event, so that fewer
    /// reads are never a better time.
    pub fn new(name: &str, what: impl Into<String>, compared: Comparison, sides: [(&str, Option<Reads>); 2]) -> Self {
        let [(a, reads_of_a), (b, reads_of_b)] = sides;
        let (by, factor) = match (reads_of_a, reads_of_b) {
            (Some(a), Some(b)) if a != b => {
                ("time a synaptic event", b.synaptic_events as f64 / a.synaptic_events.max(1) as f64)
            }
            _ => ("time", 1.0),
        };
        let side = |name: &str, seconds, reads| Side { name: name.to_string(), takes: Takes::Seconds(seconds), reads };
        Self {
            name: name.to_string(),
            what: what.into(),
            ratio: Figure::new(format!("ratio, {by}"), Unit::Ratio, compared.ratio.map(|ratio| ratio * factor)),
            sides: [side(a, compared.seconds[0], reads_of_a), side(b, compared.seconds[1], reads_of_b)],
            figures: Vec::new(),
        }
    }

    /// Two things' bytes as a line.
    pub fn of_bytes(name: &str, what: impl Into<String>, sides: [(&str, f64); 2]) -> Self {
        let [(_, a), (_, b)] = sides;
        Self {
            name: name.to_string(),
            what: what.into(),
            ratio: Figure::new("ratio, bytes", Unit::Ratio, Spread::exact(a / b)),
            sides: sides.map(|(name, bytes)| Side {
                name: name.to_string(),
                takes: Takes::Bytes(Spread::exact(bytes)),
                reads: None,
            }),
            figures: Vec::new(),
        }
    }

    /// The line with a target for its ratio.
    pub fn ratio(mut self, bound: Bound, value: f64) -> Self {
        self.ratio = self.ratio.target(bound, value);
        self
    }

    /// The line with one more figure.
    pub fn figure(mut self, figure: Figure) -> Self {
        self.figures.push(figure);
        self
    }

    /// Seconds a synaptic event of a side that has reads.
    pub fn seconds_per_event(&self, side: usize) -> Spread {
        let events = self.sides[side].reads.map_or(1, |reads| reads.synaptic_events.max(1));
        self.sides[side].takes.amount().0.map(|seconds| seconds / events as f64)
    }

    /// Every figure, the ratio first.
    pub fn all_figures(&self) -> impl Iterator<Item = &Figure> {
        std::iter::once(&self.ratio).chain(&self.figures)
    }
}

impl Figure {
    /// A figure without target.
    pub fn new(name: impl Into<String>, unit: Unit, value: Spread) -> Self {
        Self { name: name.into(), unit, value, target: None }
    }

    /// The figure with a target.
    pub fn target(self, bound: Bound, value: f64) -> Self {
        let target = Target { bound, value, stretch: None, is_met: false, is_stretch_met: false };
        Self { target: Some(target.judged(self.value.median)), ..self }
    }

    /// The figure with what one would like beyond its target.
    pub fn stretch(mut self, value: f64) -> Self {
        let median = self.value.median;
        self.target = self.target.map(|target| Target { stretch: Some(value), ..target }.judged(median));
        self
    }
}

impl Target {
    fn judged(self, median: f64) -> Self {
        let reaches = |value: f64| match self.bound {
            Bound::AtLeast => median >= value,
            Bound::AtMost => median <= value,
        };
        Self { is_met: reaches(self.value), is_stretch_met: self.stretch.is_some_and(reaches), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared() -> Comparison {
        let one = Spread::of(vec![1.0]);
        Comparison { seconds: [one, Spread::of(vec![2.0])], ratio: Spread::of(vec![0.5]) }
    }

    fn reads(synaptic_events: u64) -> Option<Reads> {
        Some(Reads { synaptic_events, reads_per_virtual_synapse: 0.5 })
    }

    #[test]
    fn fewer_reads_are_no_better_time() {
        let equal = Line::new("x", "", compared(), [("a", reads(10)), ("b", reads(10))]);
        assert_eq!((equal.ratio.name.as_str(), equal.ratio.value.median), ("ratio, time", 0.5));
        let fewer = Line::new("x", "", compared(), [("a", reads(5)), ("b", reads(10))]);
        assert_eq!((fewer.ratio.name.as_str(), fewer.ratio.value.median), ("ratio, time a synaptic event", 1.0));
        assert_eq!(fewer.seconds_per_event(1).median, 0.2);
    }

    #[test]
    fn a_target_is_judged_by_the_median() {
        let figure = |median: f64| Figure::new("x", Unit::Ratio, Spread::of(vec![median]));
        let judge = |figure: Figure| figure.target.map(|target| (target.is_met, target.is_stretch_met));
        assert_eq!(judge(figure(1.0)), None);
        assert_eq!(judge(figure(1.0).target(Bound::AtLeast, 1.0)), Some((true, false)));
        assert_eq!(judge(figure(1.5).target(Bound::AtMost, 1.0).stretch(0.5)), Some((false, false)));
        assert_eq!(judge(figure(2.0).target(Bound::AtLeast, 1.0).stretch(2.0)), Some((true, true)));
    }
}
