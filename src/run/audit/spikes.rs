//! Stimuli presented whole, and what each neuron did.

use formal::config::Operator;
use rayon::prelude::*;
use sim::network::Source;
use sim::recorder::Nothing;
use sim::{Encoder, Plan, Presentation, Real, SimDuration, SimTime, State};

use crate::model::Description;
use crate::run::interrupt;

/// Thresholds that a neuron must hold at the end, in spikes and as a share of those that it fired, to be one that lost spikes.
const LOST_SPIKES: f64 = 2.0;
const LOST_SHARE: f64 = 0.05;
/// Share of the spikes that a refractory period lets through from which on a neuron counts as held back by it.
const NEAR_LIMIT: f64 = 0.9;

/// What the neurons of one layer did in one stimulus.
#[derive(Clone, Debug, Default)]
pub struct LayerSpikes {
    /// Positive minus negative spikes, `[c][y][x]`.
    pub net: Vec<i32>,
    /// Neurons that hold spikes at the end which they never got to fire.
    pub saturated: u64,
    /// Of these, neurons that fire about as often as their refractory period allows.
    pub held_back: u64,
}

/// How stimuli are presented.
pub struct Presenter<'a, F> {
    pub description: &'a Description,
    pub plan: &'a Plan<F>,
    pub encoder: &'a Encoder,
    pub seed: u64,
    pub duration: SimDuration,
}

impl<F: Real> Presenter<'_, F> {
    /// Presents stimuli `[stimulus][c][y][x]` with their ids: for each the environment, then the cells. Empty where the user
    /// stopped the run.
    pub fn present(&self, ids: &[usize], stimuli: &[f32]) -> Vec<Vec<LayerSpikes>> {
        let size = stimuli.len() / ids.len().max(1);
        let stimuli: Vec<(&usize, &[f32])> = ids.iter().zip(stimuli.chunks_exact(size.max(1))).collect();
        let one = |state: &mut State<F>, &(&id, values): &(&usize, &[f32])| {
            if interrupt::requested() {
                return Vec::new();
            }
            let presentation =
                Presentation { values, stimulus: id as u64, start: SimTime::ZERO, duration: self.duration };
            sim::present(self.plan, state, self.encoder, self.seed, &presentation, &mut Nothing);
            self.layers(state)
        };
        stimuli.par_iter().map_init(|| State::new(self.plan), one).collect()
    }

    fn layers(&self, state: &State<F>) -> Vec<LayerSpikes> {
        let net = |source| state.counts(source).iter().map(|count| count.net() as i32).collect();
        let mut layers = vec![LayerSpikes { net: net(Source::Environment), ..LayerSpikes::default() }];
        for (index, cell) in self.description.cells.iter().enumerate() {
            let mut layer = LayerSpikes { net: net(Source::Cell(index)), ..LayerSpikes::default() };
            if !matches!(cell.operator, Operator::Pool(_)) {
                let neuron = &cell.spiking.neuron;
                let refractory = neuron.refractory_period.0 as f64;
                let potentials = state.membrane_potentials(self.plan, index);
                for (potential, &net) in potentials.iter().zip(&layer.net) {
                    let held: f64 = potential.to_f64() / neuron.threshold;
                    let (held, fired) =
                        (if neuron.bipolar_threshold { held.abs() } else { held }, f64::from(net.abs()));
                    if held >= LOST_SPIKES && held >= LOST_SHARE * fired {
                        layer.saturated += 1;
                        layer.held_back += u64::from(fired * refractory >= NEAR_LIMIT * self.duration.0 as f64);
                    }
                }
            }
            layers.push(layer);
        }
        layers
    }
}
