//! What may be changed of a spiking model.

use clap::ValueEnum;
use serde::Serialize;
use sim::encoder::Coding;
use sim::{Rule, SimDuration};

use crate::config::rewritten::Changes;
use crate::model::Description;
use crate::transcode::scaled_layers;

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Lever {
    /// The scale of each rectified layer
    Scales,
    /// The threshold of the output cell
    Thresholds,
    /// By how many spikes the best output must lead, or how many it must have
    Decision,
    /// The period of a white pixel, whether all begin in phase, and which dark pixels never spike
    Periods,
}

impl Lever {
    /// Its word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scales => "scales",
            Self::Thresholds => "thresholds",
            Self::Decision => "decision",
            Self::Periods => "periods",
        }
    }
}

/// A spiking model, as it differs from the one that the user gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// What the scale of each rectified layer is multiplied by.
    pub scales: Vec<f64>,
    /// What the threshold of the output cell is multiplied by.
    pub threshold: f64,
    /// `TerminateDelta` of the output cell; 0: no early decision.
    pub terminate_delta: u32,
    /// `TerminateMax` of the output cell; 0: no decision by it.
    pub terminate_max: u32,
    /// What the period of a pixel of value 1 is multiplied by.
    pub period: f64,
    /// `DiscardedLateStimuli`: pixels with 1 - |v| above it never spike.
    pub latest: f64,
    /// Whether the periods of all pixels begin together (`Periodic`) or each at random (`JitteredPeriodic`); `None` for other
    /// codings.
    pub is_in_phase: Option<bool>,
}

/// The greatest `TerminateDelta` that is tried, and `TerminateMax` beside it, in leads.
const MOST_DELTA: u32 = 64;
const MAXES: [u32; 4] = [0, 2, 3, 5];
/// The greatest `TerminateDelta` that is tried where the model has none.
const FIRST_MOST: u32 = 16;

impl Point {
    /// The model as it is.
    pub fn of(description: &Description) -> Self {
        let target = &description.cells[description.targets[0].cell];
        let encoder = description.stimuli.encoder.clone().unwrap_or_default();
        Self {
            scales: vec![1.0; scaled_layers(description).len()],
            threshold: 1.0,
            terminate_delta: target.spiking.terminate_delta,
            terminate_max: target.spiking.terminate_max,
            period: 1.0,
            latest: encoder.discarded_late_stimuli.min(1.0),
            is_in_phase: match encoder.coding {
                Coding::Periodic => Some(true),
                Coding::JitteredPeriodic => Some(false),
                _ => None,
            },
        }
    }

    /// How many ways there are to move on some levers.
    pub fn n_coordinates(&self, levers: &[Lever]) -> usize {
        levers.iter().map(|&lever| self.n_of(lever)).sum()
    }

    fn n_of(&self, lever: Lever) -> usize {
        match lever {
            Lever::Scales => self.scales.len(),
            Lever::Thresholds => 1,
            // One presentation shows what every rule gives.
            Lever::Decision => 0,
            Lever::Periods => 2,
        }
    }

    /// The decision rule.
    pub fn rule(&self) -> Rule {
        Rule { delta: self.terminate_delta, max: self.terminate_max }
    }

    /// The same with another rule.
    pub fn ruled(&self, rule: Rule) -> Self {
        Self { terminate_delta: rule.delta, terminate_max: rule.max, ..self.clone() }
    }

    /// The rules that are tried with the rest as it is: its own first, and, where it may be changed, those that wait for a
    /// lead from half of it to half as much again.
    pub fn rules(&self, levers: &[Lever]) -> Vec<Rule> {
        let mut rules = vec![self.rule()];
        if levers.contains(&Lever::Decision) {
            let deltas = match self.terminate_delta {
                0 => 1..=FIRST_MOST,
                delta => delta.div_ceil(2)..=(delta + delta.div_ceil(2)).min(MOST_DELTA),
            };
            let all = deltas.flat_map(|delta| MAXES.map(|leads| Rule { delta, max: leads * delta }));
            rules.extend(all.filter(|rule| *rule != self.rule()));
        }
        rules
    }

    /// The point one step along a coordinate of some levers, which multiplies by e to the `step`; `None` where there is none.
    pub fn moved(&self, levers: &[Lever], coordinate: usize, step: f64) -> Option<Self> {
        let mut moved = self.clone();
        let all = levers.iter().flat_map(|&lever| (0..self.n_of(lever)).map(move |of_it| (lever, of_it)));
        match all.into_iter().nth(coordinate)? {
            (Lever::Scales, layer) => moved.scales[layer] *= step.exp(),
            (Lever::Thresholds, _) => {
                moved.threshold *= step.exp();
                // So many more spikes are as much evidence.
                if levers.contains(&Lever::Decision) && self.terminate_delta > 0 {
                    let as_much = (f64::from(self.terminate_delta) / step.exp()).round();
                    moved.terminate_delta = as_much.clamp(1.0, f64::from(MOST_DELTA)) as u32;
                }
            }
            (Lever::Decision, _) => return None,
            (Lever::Periods, 0) => moved.period *= step.exp(),
            (Lever::Periods, _) => moved.latest = (self.latest * step.exp()).min(1.0),
        }
        (moved != *self).then_some(moved)
    }

    /// The point with the other phase; `None` where there is none, or it may not be changed.
    pub fn turned(&self, levers: &[Lever]) -> Option<Self> {
        let is_in_phase = self.is_in_phase.filter(|_| levers.contains(&Lever::Periods))?;
        Some(Self { is_in_phase: Some(!is_in_phase), ..self.clone() })
    }

    /// The point as far beyond this one as this one is beyond `before`, with its rule.
    pub fn beyond(&self, before: &Self) -> Self {
        let factor = |now: f64, before: f64| now * now / before;
        Self {
            scales: self.scales.iter().zip(&before.scales).map(|(&now, &before)| factor(now, before)).collect(),
            threshold: factor(self.threshold, before.threshold),
            terminate_delta: self.terminate_delta,
            terminate_max: self.terminate_max,
            period: factor(self.period, before.period),
            latest: factor(self.latest, before.latest).min(1.0),
            is_in_phase: self.is_in_phase,
        }
    }

    /// The model at this point, but for the scales, which the weights take.
    pub fn applied(&self, description: &Description) -> Description {
        let mut description = description.clone();
        let target = &mut description.cells[description.targets[0].cell].spiking;
        target.neuron.threshold *= self.threshold;
        (target.terminate_delta, target.terminate_max) = (self.terminate_delta, self.terminate_max);
        if let Some(encoder) = &mut description.stimuli.encoder {
            if self.period != 1.0 {
                let period = encoder.period_mean_min.0 as f64 * self.period;
                encoder.period_mean_min = SimDuration(period.round() as u64);
            }
            encoder.discarded_late_stimuli = self.latest;
            if let Some(is_in_phase) = self.is_in_phase {
                encoder.coding = if is_in_phase { Coding::Periodic } else { Coding::JitteredPeriodic };
            }
        }
        description
    }

    /// What a model file says at this point and not before.
    pub fn changes(&self, description: &Description) -> Changes {
        let (before, applied) = (Self::of(description), self.applied(description));
        let target = description.targets[0].cell;
        let mut output = Vec::new();
        if self.threshold != before.threshold {
            output.push(("Threshold", applied.cells[target].spiking.neuron.threshold.to_string()));
        }
        if self.terminate_delta != before.terminate_delta {
            output.push(("TerminateDelta", self.terminate_delta.to_string()));
        }
        if self.terminate_max != before.terminate_max {
            output.push(("TerminateMax", self.terminate_max.to_string()));
        }
        let mut coding = Vec::new();
        if let Some(encoder) = &applied.stimuli.encoder {
            if self.period != before.period {
                coding.push(("PeriodMeanMin", encoder.period_mean_min.0.to_string()));
            }
            if self.latest != before.latest {
                coding.push(("DiscardedLateStimuli", self.latest.to_string()));
            }
            if self.is_in_phase != before.is_in_phase {
                coding.push(("StimulusType", format!("{:?}", encoder.coding)));
            }
        }
        let parameters = [(description.cells[target].name.to_string(), output), ("env".to_string(), coding)];
        let parameters = parameters.into_iter().filter(|(_, values)| !values.is_empty()).collect();
        // The weights are written as they are to be used, and the factors may lift one above 1.
        let global = vec![("SpikeNormalization", "none".to_string()), ("CheckWeightRange", "0".to_string())];
        Changes { head: Vec::new(), global, parameters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> Point {
        Point {
            scales: vec![1.0, 2.0],
            threshold: 1.0,
            terminate_delta: 4,
            terminate_max: 0,
            period: 1.0,
            latest: 1.0,
            is_in_phase: Some(false),
        }
    }

    #[test]
    fn each_coordinate_moves_one_thing() {
        let levers = [Lever::Thresholds, Lever::Decision, Lever::Scales, Lever::Periods];
        let (point, half) = (point(), 0.5_f64.ln());
        assert_eq!(point.n_coordinates(&levers), 5);
        let moved = |coordinate, step| point.moved(&levers, coordinate, step);
        let as_much = Point { threshold: 0.5, terminate_delta: 8, ..point.clone() };
        assert_eq!(moved(0, half), Some(as_much), "twice the spikes, twice the lead");
        let alone = point.moved(&[Lever::Thresholds], 0, half);
        assert_eq!(alone, Some(Point { threshold: 0.5, ..point.clone() }));
        assert_eq!(moved(2, half), Some(Point { scales: vec![1.0, 1.0], ..point.clone() }));
        assert_eq!(moved(3, half), Some(Point { period: 0.5, ..point.clone() }));
        assert_eq!(moved(4, half), Some(Point { latest: 0.5, ..point.clone() }));
        assert_eq!(moved(4, -half), None, "nothing is later than all");
        assert_eq!(moved(5, half), None);
        let in_phase = Point { is_in_phase: Some(true), ..point.clone() };
        assert_eq!((point.turned(&levers), in_phase.turned(&levers)), (Some(in_phase.clone()), Some(point.clone())));
        assert_eq!(point.turned(&[Lever::Scales]), None);
    }

    #[test]
    fn rules_are_tried_where_they_may_be_changed() {
        let of = |levers: &[Lever]| point().rules(levers);
        assert_eq!(of(&[Lever::Scales]), [Rule { delta: 4, max: 0 }]);
        let rules = of(&[Lever::Decision]);
        assert_eq!(rules[0], Rule { delta: 4, max: 0 });
        assert_eq!(rules.iter().map(|rule| rule.delta).max(), Some(6));
        let early = Rule { delta: 3, max: 6 };
        assert!(rules.contains(&early) && rules.iter().all(|rule| rule.max == 0 || rule.max > rule.delta));
        let never = Point { terminate_delta: 0, ..point() };
        assert_eq!(never.rules(&[Lever::Decision]).iter().map(|rule| rule.delta).max(), Some(16));
        assert_eq!(point().ruled(early).rule(), early);
    }

    #[test]
    fn beyond_goes_on_in_the_same_direction() {
        let before = Point { scales: vec![1.0, 1.0], threshold: 2.0, ..point() };
        let beyond = point().beyond(&before);
        assert_eq!((beyond.scales, beyond.threshold), (vec![1.0, 4.0], 0.5));
    }
}
