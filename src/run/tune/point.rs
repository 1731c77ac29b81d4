//! What may be changed of a spiking model.

use clap::ValueEnum;
use serde::Serialize;
use sim::SimDuration;

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
    /// By how many spikes the best output must lead
    Decision,
    /// The period of a white pixel, and which dark pixels never spike
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
    /// What the period of a pixel of value 1 is multiplied by.
    pub period: f64,
    /// `DiscardedLateStimuli`: pixels with 1 - |v| above it never spike.
    pub latest: f64,
}

/// The greatest `TerminateDelta` that is tried.
const MOST_DELTA: u32 = 16;

impl Point {
    /// The model as it is.
    pub fn of(description: &Description) -> Self {
        let target = &description.cells[description.targets[0].cell];
        let encoder = description.stimuli.encoder.clone().unwrap_or_default();
        Self {
            scales: vec![1.0; scaled_layers(description).len()],
            threshold: 1.0,
            terminate_delta: target.spiking.terminate_delta,
            period: 1.0,
            latest: encoder.discarded_late_stimuli.min(1.0),
        }
    }

    /// How many ways there are to move on some levers.
    pub fn n_coordinates(&self, levers: &[Lever]) -> usize {
        levers.iter().map(|&lever| self.n_of(lever)).sum()
    }

    fn n_of(&self, lever: Lever) -> usize {
        match lever {
            Lever::Scales => self.scales.len(),
            Lever::Thresholds | Lever::Decision => 1,
            Lever::Periods => 2,
        }
    }

    /// Whether a coordinate is a whole number, which moves by one whatever the step.
    pub fn is_whole(&self, levers: &[Lever], coordinate: usize) -> bool {
        let lever = levers.iter().flat_map(|&lever| std::iter::repeat_n(lever, self.n_of(lever))).nth(coordinate);
        lever == Some(Lever::Decision)
    }

    /// The point one step along a coordinate of some levers: factors by e to the `step`, whole numbers by one; `None` where
    /// there is none.
    pub fn moved(&self, levers: &[Lever], coordinate: usize, step: f64) -> Option<Self> {
        let mut moved = self.clone();
        let all = levers.iter().flat_map(|&lever| (0..self.n_of(lever)).map(move |of_it| (lever, of_it)));
        match all.into_iter().nth(coordinate)? {
            (Lever::Scales, layer) => moved.scales[layer] *= step.exp(),
            (Lever::Thresholds, _) => moved.threshold *= step.exp(),
            (Lever::Decision, _) => {
                let next =
                    if step > 0.0 { self.terminate_delta.checked_add(1) } else { self.terminate_delta.checked_sub(1) };
                moved.terminate_delta = next.filter(|delta| (1..=MOST_DELTA).contains(delta))?;
            }
            (Lever::Periods, 0) => moved.period *= step.exp(),
            (Lever::Periods, _) => moved.latest = (self.latest * step.exp()).min(1.0),
        }
        (moved != *self).then_some(moved)
    }

    /// The point as far beyond this one as this one is beyond `before`; what is whole stays.
    pub fn beyond(&self, before: &Self) -> Self {
        let factor = |now: f64, before: f64| now * now / before;
        Self {
            scales: self.scales.iter().zip(&before.scales).map(|(&now, &before)| factor(now, before)).collect(),
            threshold: factor(self.threshold, before.threshold),
            terminate_delta: self.terminate_delta,
            period: factor(self.period, before.period),
            latest: factor(self.latest, before.latest).min(1.0),
        }
    }

    /// Takes what a lever changes from another point.
    pub fn take(&mut self, lever: Lever, from: &Self) {
        match lever {
            Lever::Scales => self.scales.clone_from(&from.scales),
            Lever::Thresholds => self.threshold = from.threshold,
            Lever::Decision => self.terminate_delta = from.terminate_delta,
            Lever::Periods => (self.period, self.latest) = (from.period, from.latest),
        }
    }

    /// The model at this point, but for the scales, which the weights take.
    pub fn applied(&self, description: &Description) -> Description {
        let mut description = description.clone();
        let target = &mut description.cells[description.targets[0].cell].spiking;
        target.neuron.threshold *= self.threshold;
        target.terminate_delta = self.terminate_delta;
        if let Some(encoder) = &mut description.stimuli.encoder {
            if self.period != 1.0 {
                let period = encoder.period_mean_min.0 as f64 * self.period;
                encoder.period_mean_min = SimDuration(period.round() as u64);
            }
            encoder.discarded_late_stimuli = self.latest;
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
        let mut coding = Vec::new();
        if let Some(encoder) = &applied.stimuli.encoder {
            if self.period != before.period {
                coding.push(("PeriodMeanMin", encoder.period_mean_min.0.to_string()));
            }
            if self.latest != before.latest {
                coding.push(("DiscardedLateStimuli", self.latest.to_string()));
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
        Point { scales: vec![1.0, 2.0], threshold: 1.0, terminate_delta: 4, period: 1.0, latest: 1.0 }
    }

    #[test]
    fn each_coordinate_moves_one_thing() {
        let levers = [Lever::Decision, Lever::Scales, Lever::Periods];
        let (point, half) = (point(), 0.5_f64.ln());
        assert_eq!(point.n_coordinates(&levers), 5);
        let moved = |coordinate, step| point.moved(&levers, coordinate, step);
        assert_eq!(moved(0, half), Some(Point { terminate_delta: 3, ..point.clone() }));
        assert_eq!(moved(2, half), Some(Point { scales: vec![1.0, 1.0], ..point.clone() }));
        assert_eq!(moved(3, half), Some(Point { period: 0.5, ..point.clone() }));
        assert_eq!(moved(4, half), Some(Point { latest: 0.5, ..point.clone() }));
        assert_eq!(moved(4, -half), None, "nothing is later than all");
        assert_eq!(moved(5, half), None);
        let least = Point { terminate_delta: 1, ..point.clone() };
        assert_eq!(least.moved(&levers, 0, half), None, "without a lead nothing is decided early");
    }

    #[test]
    fn beyond_goes_on_in_the_same_direction() {
        let before = Point { scales: vec![1.0, 1.0], threshold: 2.0, ..point() };
        let beyond = point().beyond(&before);
        assert_eq!((beyond.scales, beyond.threshold), (vec![1.0, 4.0], 0.5));
    }
}
