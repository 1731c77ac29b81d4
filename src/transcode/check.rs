//! What may run as spikes: everything else is refused, nothing is dropped silently.

use anyhow::Result;
use formal::config::{Activation, Operator};

use super::{bias, fold};
use crate::config::{Fault, Faults};
use crate::failure::wrong_input;
use crate::model::{CellDescription, Description, Span, Width};
use crate::weights::CellWeights;

/// Refuses what has no spiking equivalent once batch normalizations are folded, all faults at once.
///
/// # Errors
/// Each cell that cannot be transcoded, with its line, the reason and the remedy.
pub fn check(description: &Description, weights: Option<&[Option<CellWeights>]>) -> Result<()> {
    if let Some((folded, folded_weights)) = fold(description, weights) {
        check(&folded, weights.map(|_| folded_weights.as_slice()))?;
        return check_ranges(description, weights.unwrap_or_default());
    }
    if let Some(linear) = linearized(description) {
        return check(&linear, weights);
    }
    let mut faults = Vec::new();
    let model = &description.stimuli.span.file;
    for (index, cell) in description.cells.iter().enumerate() {
        let trained = weights.and_then(|weights| weights[index].as_ref());
        let mut refuse = |span: &Span, message: String| faults.push(Fault::at(span, model, &cell.name, message));
        let is_output = description.targets.iter().any(|target| target.cell == index);
        check_cell(description, cell, is_output, trained, &mut refuse);
        check_threshold(description.width, cell, &mut refuse);
    }
    faults.extend(out_of_range(description, weights.unwrap_or_default()));
    if description.targets[0].is_data {
        let target = &description.targets[0];
        let message = "spikes answer with a class; DataAsTarget needs frames, with Model=Frame for all layers";
        faults.push(Fault::at(&target.span, model, &target.name, message));
    }
    refused(description, faults)
}

/// The same network with the sums of the targets' cells in place of their logistic functions, which are applied to what is read
/// from them; `None` where there are none. Only outputs that are read at the end of a presentation have such a reader.
pub fn linearized(description: &Description) -> Option<Description> {
    let is_logistic = |cell: usize| {
        matches!(description.cells[cell].activation.value, Activation::Logistic | Activation::LogisticWithLoss)
    };
    if !description.has_target_maps() || !description.targets.iter().any(|target| is_logistic(target.cell)) {
        return None;
    }
    let mut linear = description.clone();
    for target in description.targets.iter().filter(|target| is_logistic(target.cell)) {
        linear.cells[target.cell].activation.value = Activation::Linear;
    }
    Some(linear)
}

/// What the sum of a single output of the primary target must exceed for class 1.
pub fn threshold_of_sum(description: &Description) -> f32 {
    let target = &description.targets[0];
    let threshold = target.binary_threshold;
    match description.cells[target.cell].activation.value {
        Activation::Logistic | Activation::LogisticWithLoss => (threshold / (1.0 - threshold)).ln(),
        _ => threshold,
    }
}

/// Refuses weights and currents that scaling has led out of the numbers, all cells at once.
///
/// # Errors
/// Each such cell, with the line of its threshold, which is what may do that beside the weights themselves.
pub fn check_scaled(description: &Description, scaled: &[Option<CellWeights>]) -> Result<()> {
    let mut faults = Vec::new();
    for (cell, scaled) in description.cells.iter().zip(scaled) {
        let Some(scaled) = scaled else { continue };
        let mut refuse = |what: &str, remedy: &str, found: f64| {
            let message = format!("expected finite {what}, found {found:e} once divided by the factors; {remedy}");
            faults.push(Fault::at(cell.span_of("Threshold"), &description.stimuli.span.file, &cell.name, message));
        };
        let first_wrong = |all: &[f32]| all.iter().copied().find(|number| !number.is_finite());
        if let Some(weight) = first_wrong(&scaled.weights) {
            refuse("weights", "learn again or use --normalization none", f64::from(weight));
        }
        if let Some(bias) = scaled.bias.as_deref().and_then(first_wrong) {
            refuse("biases", "choose thresholds near 1 here and in the cells before it", f64::from(bias));
            continue;
        }
        let tau = cell.spiking.neuron.membrane_time_constant.0.max(1) as f64;
        let currents = bias::currents(description, cell, scaled).unwrap_or_default();
        let moved = currents.iter().map(|current| current * tau).find(|&moved| !is_finite(description.width, moved));
        if let Some(moved) = moved {
            refuse("currents times the membrane time constant", "lower Leak or rescale the bias", moved);
        }
    }
    refused(description, faults)
}

fn refused(description: &Description, mut faults: Vec<Fault>) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    faults.sort_by_key(|fault| (fault.file.clone(), fault.line));
    let path = description.stimuli.span.file.clone();
    Err(wrong_input(format!("the network cannot run as spikes: {}", Faults { path, faults })))
}

fn is_finite(width: Width, number: f64) -> bool {
    match width {
        Width::Single => (number as f32).is_finite(),
        Width::Double => number.is_finite(),
    }
}

/// A threshold that is 0 or no number in the width of the potentials: a neuron would fire forever or never.
fn check_threshold(width: Width, cell: &CellDescription, refuse: &mut impl FnMut(&Span, String)) {
    let threshold = cell.spiking.neuron.threshold;
    let (is_above_zero, name) = match width {
        Width::Single => (threshold as f32 > 0.0, "f32"),
        Width::Double => (threshold > 0.0, "f64"),
    };
    if !matches!(cell.operator, Operator::Conv(_) | Operator::Fc(_)) || is_above_zero && is_finite(width, threshold) {
        return;
    }
    let remedy = if width == Width::Single { ", or use --float f64" } else { "" };
    refuse(
        cell.span_of("Threshold"),
        format!(
            "expected a Threshold that is above 0 and finite as {name}, found {threshold:e}; choose one near 1{remedy}"
        ),
    );
}

fn check_cell(
    description: &Description,
    cell: &CellDescription,
    is_output: bool,
    trained: Option<&CellWeights>,
    refuse: &mut impl FnMut(&Span, String),
) {
    let line = &cell.span;
    match &cell.operator {
        Operator::Conv(conv) if (conv.dilation.width, conv.dilation.height) != (1, 1) => {
            refuse(line, "a dilated convolution has no spiking form; use dilation 1".to_string());
        }
        Operator::Deconv(_) => {
            return refuse(
                line,
                "a transposed convolution has no spiking form; test the network as frames, with Model=Frame for all its layers"
                    .to_string(),
            );
        }
        Operator::Unpool(_) | Operator::Fmp(_) | Operator::Lrn(_) => {
            let (name, remedy) = match &cell.operator {
                Operator::Unpool(_) => {
                    ("an unpooling", "test the network as frames, with Model=Frame for all its layers")
                }
                Operator::Fmp(_) => ("a fractional max pooling", "use a Pool in its place and learn again"),
                _ => {
                    ("a local response normalization", "leave it out, or use a BatchNorm in its place, and learn again")
                }
            };
            return refuse(line, format!("{name} has no spiking form; {remedy}"));
        }
        Operator::Softmax(_) => {
            refuse(line, "a softmax has no spiking form; leave the section out of the spiking model and put the target on the cell before it".to_string());
        }
        Operator::Dropout(_) => {
            refuse(
                line,
                "dropout has no spiking form and no effect in inference; leave the section out of the spiking model"
                    .to_string(),
            );
        }
        Operator::BatchNorm(_) => {
            return refuse(
                line,
                "a batch normalization runs as spikes only inside the Conv or Fc before it; give it a Conv or Fc as its one \
                 input, with ActivationFunction=Linear and nothing else that reads it"
                    .to_string(),
            );
        }
        Operator::ElemWise(_) => {
            refuse(
                line,
                "an element-wise operation other than Sum has no spiking form; give its inputs to the next Conv or Fc together (Input=a,b) \
                 and learn again"
                    .to_string(),
            );
        }
        Operator::Padding(_) => {
            return refuse(
                line,
                "a padding cell has no spiking form; give the next Conv or Pool PaddingX and PaddingY instead and learn again"
                    .to_string(),
            );
        }
        Operator::Resize(_) => {
            return refuse(line, "a resize has no spiking form; learn again without it".to_string());
        }
        Operator::Reshape(_) => {
            return refuse(
                line,
                "a reshape has no spiking form; leave it out where an Fc follows, which reads any shape".to_string(),
            );
        }
        Operator::Transpose(_) => {
            return refuse(line, "a transpose has no spiking form; learn again without it".to_string());
        }
        Operator::Activation => {
            return refuse(
                line,
                "an activation cell has no spiking form; give the Conv or Fc before it ActivationFunction=Rectifier instead"
                    .to_string(),
            );
        }
        Operator::Transformation(_) => {
            return refuse(
                line,
                "a threshold or transformation of a cell's outputs has no spiking form; leave the section out of the spiking \
                 model and put the target on the cell before it"
                    .to_string(),
            );
        }
        Operator::Normalize(_) => {
            return refuse(
                line,
                "a normalization over the channels has no spiking form: a division would need all of their spikes; learn again \
                 without it"
                    .to_string(),
            );
        }
        Operator::Scaling(_) => {
            return refuse(
                line,
                "a scaling has no spiking form; leave it out, the scales of spikes are worked out from the activations"
                    .to_string(),
            );
        }
        Operator::TargetBias(_) => {
            return refuse(
                line,
                "a bias of the target has no spiking form and no effect in inference; leave the section out of the spiking model"
                    .to_string(),
            );
        }
        Operator::Conv(_) | Operator::Fc(_) | Operator::Pool(_) => {}
    }
    if bias::has_bias(cell, trained) {
        check_bias(description, cell, refuse);
    }
    let is_read_at_the_end =
        description.has_target_maps() && matches!(cell.operator, Operator::Conv(_) | Operator::Pool(_));
    if is_output && !is_read_at_the_end && !matches!(cell.operator, Operator::Fc(_)) {
        refuse(line, "the answer is read from an Fc cell; put the target on one".to_string());
    }
    let integrates = matches!(cell.operator, Operator::Conv(_) | Operator::Fc(_));
    let activation = &cell.activation;
    let is_rectifier = matches!(activation.value, Activation::Rectifier { leak_slope: 0.0, clipping: 0.0 });
    let is_linear_output = is_output && activation.value == Activation::Linear;
    if integrates && !is_rectifier && !is_linear_output {
        refuse(
            &activation.span,
            format!(
                "expected a plain Rectifier (or Linear on the last cell), found {}: spikes of integrate-and-fire neurons \
                 follow a rectifier; set ActivationFunction=Rectifier and learn again",
                activation_name(activation.value)
            ),
        );
    }
    if integrates && !is_output && cell.spiking.neuron.bipolar_threshold {
        refuse(
            cell.span_of("BipolarThreshold"),
            "expected BipolarThreshold=0 on a rectified cell, found 1 (the default): negative spikes are no rectifier; \
             set BipolarThreshold=0 in its ConfigSection"
                .to_string(),
        );
    }
    if !integrates && activation.value != Activation::Linear {
        refuse(&activation.span, format!("{} after a pool has no spiking form", activation_name(activation.value)));
    }
}

/// Refuses trained weights outside [-1, 1], all cells at once.
fn check_ranges(description: &Description, trained: &[Option<CellWeights>]) -> Result<()> {
    refused(description, out_of_range(description, trained))
}

/// Cells whose weights, as they were trained, are outside [-1, 1], unless the model allows that.
fn out_of_range(description: &Description, trained: &[Option<CellWeights>]) -> Vec<Fault> {
    let cells = description.cells.iter().zip(trained).filter(|(cell, _)| {
        let has_synapses = matches!(cell.operator, Operator::Conv(_) | Operator::Fc(_));
        description.check_weight_range && has_synapses && !cell.is_folded
    });
    let fault = |(cell, trained): (&CellDescription, &Option<CellWeights>)| {
        let largest = trained.as_ref()?.weights.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        let message = format!(
            "expected trained weights in [-1, 1], found {largest}; learn with WeightsSolver.Clamping=-1.0:1.0, or set \
             CheckWeightRange=0 in the global section"
        );
        (largest > 1.0).then(|| Fault::at(&cell.span, &description.stimuli.span.file, &cell.name, message))
    };
    cells.filter_map(fault).collect()
}

/// A bias becomes a constant current, which has a meaning beside spikes that come at a rate.
fn check_bias(description: &Description, cell: &CellDescription, refuse: &mut impl FnMut(&Span, String)) {
    let line = cell.span_of("NoBias");
    let encoder = description.stimuli.encoder.clone().unwrap_or_default();
    if bias::period_of_one(&encoder).is_none() {
        refuse(
            line,
            format!(
                "a bias becomes a current beside input spikes that come at a rate, found StimulusType={:?}, which has none; \
                 set StimulusType=JitteredPeriodic in the section of the environment, or NoBias=1 and learn again",
                encoder.coding
            ),
        );
    }
    if let Operator::Conv(conv) = &cell.operator
        && !bias::sums_evenly(cell, conv)
    {
        refuse(
            line,
            "a bias has no spiking form where border neurons sum fewer positions than others; choose a size that \
             SubSample divides, or set NoBias=1 and learn again"
                .to_string(),
        );
    }
}

fn activation_name(activation: Activation) -> String {
    match activation {
        Activation::Linear => "Linear".to_string(),
        Activation::Rectifier { leak_slope, clipping } => {
            format!("Rectifier with LeakSlope {leak_slope} and Clipping {clipping}")
        }
        Activation::Tanh { .. } => "Tanh (the default)".to_string(),
        Activation::Logistic => "Logistic".to_string(),
        Activation::LogisticWithLoss => "LogisticWithLoss".to_string(),
        Activation::Saturation { threshold } => format!("a bound of {threshold} on both sides"),
        Activation::Softplus => "Softplus".to_string(),
        Activation::Swish => "Swish".to_string(),
    }
}
