//! From figures to a reason: which layer breaks first, why, and what helps.

use formal::config::{Activation, Operator, Source};
use sim::SimDuration;

use super::evidence::Difference;
use super::{Audit, Layer};
use crate::model::{CellDescription, Description};
use crate::report::number::significant;

/// Correlation of a sound layer with what its own inputs ask for, and with the frame network.
const LEAST_CORRELATION: f64 = 0.99;
/// Most that the scale of a sound layer is off.
const MOST_SCALE_ERROR: f64 = 0.05;
/// Most neurons of a sound layer that hold spikes which they never got to fire, and most drifted counts of a sound pool.
const MOST_SATURATED: f64 = 0.01;
const MOST_DRIFTED: f64 = 0.01;
/// Spikes of full scale below which rounding to whole spikes shows.
const LEAST_FULL_SCALE: f64 = 20.0;
/// Rounding to whole spikes leaves an error of about this many, whatever the rate.
const ROUNDING: f64 = 1.2;
/// Mean activity, as a share of full scale, that the normalization aims at.
const MEAN_ACTIVITY: f64 = 0.25;
/// Share of the presentation that a delay takes before it shows.
const LONG_DELAY: f64 = 0.02;

/// Why a layer breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Pixels do not spike at the rates of their values.
    InputCoding,
    /// There are too few spikes to tell activations apart.
    StimulusTooShort,
    /// The spiking cell is another one than the frame cell.
    Structure,
    /// The weights that spike are not the trained ones.
    Weights,
    /// Weights were cut to a range.
    ClampedWeights,
    /// The biases that spike are not the trained ones.
    Bias,
    /// Inputs that stand for activations on different scales meet.
    MixedScales,
    /// Pooled counts are not the maximum or mean of those in the window.
    PoolDrift,
    /// Negative outputs have no spikes.
    NotBipolar,
    /// The refractory period caps the rate.
    Refractory,
    /// Potential is lost between arrivals.
    Leak,
    /// Spikes are on their way when the stimulus ends.
    Delay,
    /// Neurons are asked for more spikes than arrivals let them fire.
    Saturation,
    /// Neurons are asked for too few spikes to follow their activations.
    Starvation,
    /// A threshold far from what the factor was made for.
    Threshold,
    /// Small errors of the layers before it have added up.
    Accumulated,
    /// None of the above.
    Unexplained,
}

impl Reason {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::InputCoding => "input coding",
            Self::StimulusTooShort => "stimulus too short",
            Self::Structure => "another cell",
            Self::Weights => "other weights",
            Self::ClampedWeights => "clamped weights",
            Self::Bias => "other biases",
            Self::MixedScales => "mixed scales",
            Self::PoolDrift => "pool drift",
            Self::NotBipolar => "no negative spikes",
            Self::Refractory => "refractory period",
            Self::Leak => "leak",
            Self::Delay => "delay",
            Self::Saturation => "saturation",
            Self::Starvation => "starvation",
            Self::Threshold => "threshold",
            Self::Accumulated => "accumulated error",
            Self::Unexplained => "unexplained",
        }
    }
}

/// A layer that breaks.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Name of the layer.
    pub layer: String,
    /// Why.
    pub reason: Reason,
    /// What shows it.
    pub evidence: String,
    /// What helps.
    pub remedy: String,
}

/// What is known of a cell beside its figures.
pub struct Facts {
    /// What its weights are divided by.
    pub factor: f64,
    /// How they differ from the trained ones.
    pub weights: Option<Difference>,
    /// How its biases differ.
    pub bias: Option<Difference>,
    /// In what it is another cell than the frame cell.
    pub structure: Option<(&'static str, String)>,
}

/// The layers that break by themselves, in order; where none does, the first that the errors before it have led astray.
pub fn diagnose(description: &Description, duration: SimDuration, audit: &Audit, facts: &[Facts]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, layer) in audit.layers.iter().enumerate() {
        if !breaks(layer) {
            continue;
        }
        let (reason, evidence, remedy) = match index.checked_sub(1) {
            None => of_environment(description, audit, layer),
            Some(cell) => {
                let doctor = Doctor {
                    cell: &description.cells[cell],
                    facts: &facts[cell],
                    layer,
                    pool: pool_after(description, cell).map(|pool| &audit.layers[pool + 1]),
                    audit,
                    duration,
                };
                doctor.reason()
            }
        };
        findings.push(Finding { layer: layer.name.clone(), reason, evidence, remedy });
    }
    if findings.is_empty()
        && let Some(layer) = audit.layers.iter().find(|layer| is_loose(layer.agreement.correlation()))
    {
        findings.push(Finding {
            layer: layer.name.clone(),
            reason: Reason::Accumulated,
            evidence: format!(
                "every layer follows its own inputs, but r against the frames has fallen to {}",
                shown(layer.agreement.correlation())
            ),
            remedy: "present longer (--present-time), so that each layer's rounding to whole spikes weighs less"
                .to_string(),
        });
    }
    findings
}

/// The pool that reads a cell, if the next one does.
fn pool_after(description: &Description, cell: usize) -> Option<usize> {
    let next = description.cells.get(cell + 1)?;
    (matches!(next.operator, Operator::Pool(_)) && next.inputs.contains(&Source::Cell(cell))).then_some(cell + 1)
}

fn is_loose(correlation: Option<f64>) -> bool {
    correlation.is_some_and(|r| r < LEAST_CORRELATION)
}

fn share(part: u64, whole: u64) -> f64 {
    stats::spikes::per(part, whole)
}

/// Whether a layer does not do what its own inputs ask for.
fn breaks(layer: &Layer) -> bool {
    let own = &layer.local;
    let is_off_scale = own.slope().is_some_and(|slope| (slope - 1.0).abs() > MOST_SCALE_ERROR);
    let is_silent = own.mean_expected() != 0.0 && own.pairs == own.only_expected;
    is_loose(own.correlation())
        || is_off_scale
        || is_silent
        || layer.unit.is_none()
        || layer.is_environment && (own.mean_counted() / own.mean_expected() - 1.0).abs() > MOST_SCALE_ERROR
        || share(layer.saturated, layer.spiking()) > MOST_SATURATED
        || share(layer.drifted.unwrap_or(0), own.pairs + own.silent) > MOST_DRIFTED
}

fn shown(value: Option<f64>) -> String {
    value.map_or("-".to_string(), |value| format!("{value:.4}"))
}

fn percent(share: f64) -> String {
    format!("{} %", significant(100.0 * share, 3))
}

/// How a layer follows its own inputs, in words.
fn figures(layer: &Layer) -> String {
    let own = &layer.local;
    if own.pairs == own.only_expected {
        return format!("no spike where {} are expected of an active unit", significant(own.mean_expected(), 3));
    }
    let scale = own.slope().map_or(String::new(), |slope| format!(", scale {:+.1} %", 100.0 * (slope - 1.0)));
    format!("r {}{scale} against what its own inputs ask for", shown(own.correlation()))
}

fn too_short(audit: &Audit, figures: String) -> (Reason, String, String) {
    let evidence = format!(
        "{figures}; a pixel of value 1 spikes {} times in a presentation, too few to tell activations apart",
        significant(audit.full_scale, 3)
    );
    let remedy = "present longer (--present-time), or shorten PeriodMeanMin".to_string();
    (Reason::StimulusTooShort, evidence, remedy)
}

fn of_environment(description: &Description, audit: &Audit, layer: &Layer) -> (Reason, String, String) {
    let encoder = description.stimuli.encoder.clone().unwrap_or_default();
    let figures = format!("r {}, scale error {}", shown(layer.agreement.correlation()), {
        layer.agreement.slope().map_or("-".to_string(), |slope| format!("{:+.1} %", 100.0 * (slope - 1.0)))
    });
    let floor = encoder.period_mean_min.0 as f64 / encoder.period_mean_max.0 as f64;
    let coding = |evidence: String, remedy: &str| (Reason::InputCoding, evidence, remedy.to_string());
    if encoder.discarded_late_stimuli < 1.0 {
        return coding(
            format!("{figures}; pixels below {} never spike", significant(1.0 - encoder.discarded_late_stimuli, 3)),
            "set DiscardedLateStimuli=1 in the ConfigSection of [env]",
        );
    }
    if floor > MOST_SCALE_ERROR {
        return coding(
            format!("{figures}; a black pixel spikes at {} of the rate of a white one", percent(floor)),
            "raise PeriodMeanMax to a hundred times PeriodMeanMin or more in the ConfigSection of [env]",
        );
    }
    if audit.full_scale < LEAST_FULL_SCALE {
        return too_short(audit, figures);
    }
    coding(
        format!("{figures}; StimulusType={:?}", encoder.coding),
        "set StimulusType=JitteredPeriodic and PeriodRelStdDev=0, or present longer (--present-time)",
    )
}

/// What a reason is found from.
struct Doctor<'a> {
    cell: &'a CellDescription,
    facts: &'a Facts,
    layer: &'a Layer,
    /// Its pool, whose activity the normalization looks at.
    pool: Option<&'a Layer>,
    audit: &'a Audit,
    duration: SimDuration,
}

impl Doctor<'_> {
    fn reason(&self) -> (Reason, String, String) {
        self.otherwise_made()
            .or_else(|| self.of_pool())
            .or_else(|| self.of_neurons())
            .unwrap_or_else(|| self.of_rates())
    }

    fn at(&self, key: &str) -> String {
        format!("{}, [{}] {key}", self.cell.span_of(key), self.cell.name)
    }

    /// It is not the cell that was trained.
    fn otherwise_made(&self) -> Option<(Reason, String, String)> {
        let figures = figures(self.layer);
        if let Some((key, what)) = &self.facts.structure {
            let evidence = format!("{what}; {figures}");
            return Some((Reason::Structure, evidence, format!("{}: give it the frame network's", self.at(key))));
        }
        let factor = self.facts.factor;
        let from = "let the program scale the trained weights (leave out --spiking-weights), or make the folder anew with \
                    `femtospike test`";
        if let Some(difference) = &self.facts.weights {
            let (reason, what) = match difference {
                Difference::Clamped(least, most) => {
                    let bounds = format!("[{}, {}]", significant(*least, 4), significant(*most, 4));
                    (Reason::ClampedWeights, format!("the weights that spike are the trained ones cut to {bounds}"))
                }
                Difference::Scaled(scale) => {
                    let divisor = significant(factor / scale, 4);
                    let expected = significant(factor, 4);
                    (Reason::Weights, format!("the weights are divided by {divisor} where the factor is {expected}"))
                }
                Difference::Permuted => {
                    (Reason::Weights, "the weights are the trained ones in another order".to_string())
                }
                Difference::Absent => (Reason::Weights, "all weights that spike are 0".to_string()),
                Difference::Other(n, all) => {
                    (Reason::Weights, format!("{n} of {all} weights that spike are not the trained ones"))
                }
            };
            return Some((reason, format!("{what}; {figures}"), from.to_string()));
        }
        if let Some(difference) = &self.facts.bias {
            let what = match difference {
                Difference::Absent => "the trained biases are left out".to_string(),
                Difference::Scaled(scale) => {
                    format!("the biases are {} times what the factors up to here ask for", significant(*scale, 4))
                }
                _ => "the biases that spike are not the trained ones".to_string(),
            };
            let remedy = "divide biases by all factors and thresholds up to their cell (bias_factor in normalization.json), \
                          or let the program do it";
            return Some((Reason::Bias, format!("{what}; {figures}"), remedy.to_string()));
        }
        if self.layer.unit.is_none() {
            let evidence = format!("a pool before it joins activations on different scales; {figures}");
            let remedy = "use --normalization none and equal thresholds, or a pool for each of them";
            return Some((Reason::MixedScales, evidence, remedy.to_string()));
        }
        None
    }

    fn of_pool(&self) -> Option<(Reason, String, String)> {
        let drifted = self.layer.drifted.filter(|&drifted| drifted > 0)?;
        let all = self.layer.local.pairs + self.layer.local.silent;
        let evidence = format!(
            "{} of its counts are not the maximum or mean of the counts in their window: they fell, and `approximated` does \
             not follow; {}",
            percent(share(drifted, all)),
            figures(self.layer)
        );
        Some((Reason::PoolDrift, evidence, "use --pooling exact (SpikePooling=exact)".to_string()))
    }

    /// A parameter of the neurons is in the way.
    fn of_neurons(&self) -> Option<(Reason, String, String)> {
        if matches!(self.cell.operator, Operator::Pool(_)) {
            return None;
        }
        let (layer, figures, neuron) = (self.layer, figures(self.layer), &self.cell.spiking.neuron);
        let total = self.duration.0 as f64;
        if self.cell.activation.value == Activation::Linear && !neuron.bipolar_threshold {
            let evidence = format!("it is linear, and its negative outputs have no spikes; {figures}");
            let remedy = format!("{}: set it to 1", self.at("BipolarThreshold"));
            return Some((Reason::NotBipolar, evidence, remedy));
        }
        let held_back = share(layer.held_back, layer.spiking());
        // What arrives in the period after a spike is lost, which few spikes do not make a cause.
        let lost = layer.local.mean_expected() * neuron.refractory_period.0 as f64 / total;
        if neuron.refractory_period.0 > 0 && (held_back > MOST_SATURATED || self.is_slow() && lost > MOST_SCALE_ERROR) {
            let most = total / neuron.refractory_period.0 as f64;
            let evidence = format!(
                "{} of its spiking neurons fire at about the {} spikes that the refractory period of {} allows; {figures}",
                percent(held_back),
                significant(most, 3),
                neuron.refractory_period
            );
            return Some((Reason::Refractory, evidence, format!("{}: shorten it, 0 is none", self.at("Refractory"))));
        }
        if neuron.membrane_time_constant.0 > 0 && self.is_slow() {
            let evidence = format!(
                "potential leaks away with a time constant of {} between arrivals; {figures}",
                neuron.membrane_time_constant
            );
            return Some((Reason::Leak, evidence, format!("{}: set it to 0, or far longer", self.at("Leak"))));
        }
        let delay = self.cell.spiking.incoming_delay.mean;
        if delay > LONG_DELAY * total && self.is_slow() {
            let evidence = format!(
                "a synaptic event takes {} of the {} that a stimulus lasts; {figures}",
                SimDuration(delay as u64),
                self.duration
            );
            let remedy = format!("{}: shorten it, or present longer (--present-time)", self.at("IncomingDelay"));
            return Some((Reason::Delay, evidence, remedy));
        }
        None
    }

    /// Fewer spikes come than its inputs ask for.
    fn is_slow(&self) -> bool {
        let own = &self.layer.local;
        own.slope().is_some_and(|slope| slope < 1.0 - MOST_SCALE_ERROR) || own.pairs == own.only_expected
    }

    /// Too many spikes are asked for, or too few.
    fn of_rates(&self) -> (Reason, String, String) {
        let (layer, own, figures) = (self.layer, &self.layer.local, figures(self.layer));
        let saturated = share(layer.saturated, layer.spiking());
        let threshold = self.cell.spiking.neuron.threshold;
        let load = {
            let own = self.pool.map_or(own, |pool| &pool.agreement);
            own.mean_expected() * share(own.pairs, own.pairs + own.silent) / self.audit.full_scale
        };
        let deviation = (load.max(f64::MIN_POSITIVE) / MEAN_ACTIVITY).ln();
        let is_linear = self.cell.activation.value == Activation::Linear;
        let is_threshold = threshold != 1.0 && (is_linear || threshold.ln().abs() > 0.5 * deviation.abs());
        let integrates = !matches!(self.cell.operator, Operator::Pool(_));
        let to_one = || format!("{}: found {}, set it near 1", self.at("Threshold"), significant(threshold, 4));
        let to_factor = || {
            let right = significant(self.facts.factor * load / MEAN_ACTIVITY, 3);
            let found = significant(self.facts.factor, 3);
            if is_linear {
                return format!("{}: a lower one gives more spikes, a higher one fewer", self.at("Threshold"));
            }
            format!(
                "its weights are divided by {found}; about {right} gives a mean activity of a quarter of full scale"
            )
        };
        if saturated > MOST_SATURATED {
            let evidence = format!(
                "{} of its spiking neurons hold spikes at the end that they never got to fire: they may fire once an arrival, \
                 and its mean activity is {} of full scale; {figures}",
                percent(saturated),
                percent(load)
            );
            return match is_threshold {
                true => (Reason::Threshold, evidence, to_one()),
                false => (Reason::Saturation, evidence, to_factor()),
            };
        }
        if integrates && (own.rms_error() < ROUNDING || own.pairs == own.only_expected) {
            if self.audit.full_scale < LEAST_FULL_SCALE {
                return too_short(self.audit, figures);
            }
            let evidence = format!(
                "an active unit is asked for {} spikes on average, too few to follow its activation, and {} of the units never \
                 spike; {figures}",
                significant(own.mean_expected(), 3),
                percent(share(layer.activity.silenced(), layer.activity.units()))
            );
            return match is_threshold {
                true => (Reason::Threshold, evidence, to_one()),
                false => (Reason::Starvation, evidence, to_factor()),
            };
        }
        let remedy = "look at one stimulus (`femtospike test --test-index I` writes compare-test-idx/), try --float f64, present \
                      longer (--present-time)";
        (Reason::Unexplained, figures, remedy.to_string())
    }
}
