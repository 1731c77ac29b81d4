//! What can be told of a layer without running it: where the spiking cell is not the frame cell.

use formal::config::{Operator, Size, Source};

use crate::model::{CellDescription, Description};
use crate::weights::CellWeights;

/// Weights closer than this, relative to the largest, are the same: scaled weights are rounded once more.
const SAME: f64 = 1e-5;

/// How the weights or biases that spike differ from the trained ones.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// They are bounded by these two.
    Clamped(f64, f64),
    /// They are the trained ones times this.
    Scaled(f64),
    /// They are the trained ones in another order.
    Permuted,
    /// They are all 0.
    Absent,
    /// So many of so many are other numbers.
    Other(usize, usize),
}

/// How `spiking` times `divisor` differs from `trained`, if it does.
pub fn difference(trained: &[f32], spiking: &[f32], divisor: f64) -> Option<Difference> {
    let restored: Vec<f64> = spiking.iter().map(|&w| f64::from(w) * divisor).collect();
    let trained: Vec<f64> = trained.iter().map(|&w| f64::from(w)).collect();
    let largest = trained.iter().fold(0.0f64, |most, w| most.max(w.abs()));
    let is_same =
        |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= SAME * largest);
    if is_same(&trained, &restored) {
        return None;
    }
    if restored.iter().all(|&w| w == 0.0) {
        return Some(Difference::Absent);
    }
    let (least, most) = restored.iter().fold((f64::MAX, f64::MIN), |(least, most), &w| (least.min(w), most.max(w)));
    let map = |of: &dyn Fn(f64) -> f64| trained.iter().map(|&w| of(w)).collect::<Vec<f64>>();
    if is_same(&map(&|w| w.clamp(least, most)), &restored) {
        return Some(Difference::Clamped(least / divisor, most / divisor));
    }
    let (products, squares) = trained
        .iter()
        .zip(&restored)
        .fold((0.0, 0.0), |(products, squares), (a, b)| (products + a * b, squares + a * a));
    let scale = if squares > 0.0 { products / squares } else { 0.0 };
    let unscaled: Vec<f64> = restored.iter().map(|w| w / scale).collect();
    if scale != 0.0 && is_same(&trained, &unscaled) {
        return Some(Difference::Scaled(scale));
    }
    let sorted = |all: &[f64]| {
        let mut all = all.to_vec();
        all.sort_by(f64::total_cmp);
        all
    };
    if is_same(&sorted(&trained), &sorted(&restored)) {
        return Some(Difference::Permuted);
    }
    let n = trained.iter().zip(&restored).filter(|(a, b)| (*a - *b).abs() > SAME * largest).count();
    Some(Difference::Other(n.max(trained.len().abs_diff(restored.len())), trained.len()))
}

/// The same for the biases of a cell, of which there may be none.
pub fn bias_difference(trained: &CellWeights, spiking: &CellWeights, divisor: Option<f64>) -> Option<Difference> {
    let n = trained.bias.as_ref().or(spiking.bias.as_ref())?.len();
    let or_zeros = |bias: &Option<Vec<f32>>| bias.clone().unwrap_or_else(|| vec![0.0; n]);
    difference(&or_zeros(&trained.bias), &or_zeros(&spiking.bias), divisor?)
}

/// In what the spiking cell is another one than the frame cell of its name: the key, and what it is there and here.
pub fn structure(
    (description, cell): (&Description, &CellDescription),
    (frames, frame): (&Description, &CellDescription),
) -> Option<(&'static str, String)> {
    let differs = |key: &'static str, there: String, here: String| {
        (there != here).then(|| (key, format!("{key} is {there} in the frame network and {here} here")))
    };
    let sizes = |key, there, here| differs(key, size(there), size(here));
    let mappings = |n_outputs: usize, there: &Option<Vec<bool>>, here: &Option<Vec<bool>>| {
        mapping(n_outputs * cell.input_shape.channels, there, here)
    };
    let of_operator = match (&frame.operator, &cell.operator) {
        (Operator::Conv(there), Operator::Conv(here)) => sizes("KernelSize", there.kernel, here.kernel)
            .or_else(|| sizes("Stride", there.stride, here.stride))
            .or_else(|| sizes("Padding", there.padding, here.padding))
            .or_else(|| sizes("SubSample", there.sub_sample, here.sub_sample))
            .or_else(|| mappings(here.n_outputs, &there.mapping, &here.mapping)),
        (Operator::Pool(there), Operator::Pool(here)) => {
            differs("Pooling", format!("{:?}", there.pooling), format!("{:?}", here.pooling))
                .or_else(|| sizes("PoolSize", there.window, here.window))
                .or_else(|| sizes("Stride", there.stride, here.stride))
                .or_else(|| sizes("Padding", there.padding, here.padding))
                .or_else(|| mappings(here.n_outputs, &there.mapping, &here.mapping))
        }
        (there, here) => differs("Type", kind(there).to_string(), kind(here).to_string()),
    };
    let activations = [frame, cell].map(|cell| format!("{:?}", cell.activation.value));
    let [there, here] = activations;
    differs("Input", inputs(frames, frame), inputs(description, cell))
        .or(of_operator)
        .or_else(|| differs("ActivationFunction", there, here))
}

fn size(size: Size) -> String {
    format!("{} x {}", size.width, size.height)
}

fn mapping(n: usize, there: &Option<Vec<bool>>, here: &Option<Vec<bool>>) -> Option<(&'static str, String)> {
    let all = vec![true; n];
    let (there, here) = (there.as_ref().unwrap_or(&all), here.as_ref().unwrap_or(&all));
    let connected = |pairs: &[bool]| pairs.iter().filter(|&&is_connected| is_connected).count();
    let differing = there.iter().zip(here).filter(|(there, here)| there != here).count();
    (differing > 0).then(|| {
        let (n_there, n_here) = (connected(there), connected(here));
        let text = format!(
            "Mapping connects {n_there} pairs in the frame network and {n_here} here, {differing} of them in one of the two alone"
        );
        ("Mapping", text)
    })
}

/// Names of what a cell reads; dropout, which does nothing here, is looked through.
fn inputs(description: &Description, cell: &CellDescription) -> String {
    let name = |source: &Source| {
        let mut source = *source;
        loop {
            match source {
                Source::Stimuli => return "the stimuli".to_string(),
                Source::Cell(index) => match (&description.cells[index].operator, &description.cells[index].inputs[..])
                {
                    (Operator::Dropout(_), [before]) => source = *before,
                    _ => return description.cells[index].name.clone(),
                },
            }
        }
    };
    cell.inputs.iter().map(name).collect::<Vec<_>>().join(",")
}

fn kind(operator: &Operator) -> &'static str {
    match operator {
        Operator::Conv(_) => "Conv",
        Operator::Pool(_) => "Pool",
        Operator::Fc(_) => "Fc",
        Operator::Softmax(_) => "Softmax",
        Operator::Dropout(_) => "Dropout",
        Operator::ElemWise(_) => "ElemWise",
        Operator::BatchNorm(_) => "BatchNorm",
        Operator::Deconv(_) => "Deconv",
        Operator::Unpool(_) => "Unpool",
        Operator::Fmp(_) => "FMP",
        Operator::Lrn(_) => "LRN",
        Operator::Padding(_) => "Padding",
        Operator::Resize(_) => "Resize",
        Operator::Reshape(_) => "Reshape",
        Operator::Transpose(_) => "Transpose",
        Operator::Activation => "Activation",
        Operator::Normalize(_) => "Normalize",
        Operator::Scaling(_) => "Scaling",
        Operator::TargetBias(_) => "TargetBias",
        Operator::Transformation(_) => "Transformation",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_to_weights_is_told() {
        let trained = [0.5, -0.25, 0.125, -0.75];
        let check = |spiking: [f32; 4], expected| assert_eq!(difference(&trained, &spiking, 2.0), expected);
        check([0.25, -0.125, 0.0625, -0.375], None);
        check([0.25, -0.125, 0.0625, -0.2], Some(Difference::Clamped(f64::from(-0.2f32), 0.25)));
        check([0.25, 0.0, 0.0625, 0.0], Some(Difference::Clamped(0.0, 0.25)));
        check([0.5, -0.25, 0.125, -0.75], Some(Difference::Scaled(2.0)));
        check([-0.375, 0.25, -0.125, 0.0625], Some(Difference::Permuted));
        check([0.0; 4], Some(Difference::Absent));
        check([0.25, -0.125, 0.5, 0.1], Some(Difference::Other(2, 4)));
    }

    #[test]
    fn a_bias_that_is_left_out_is_absent() {
        let of = |bias: Option<Vec<f32>>| CellWeights { weights: vec![1.0], bias, statistics: None };
        let (with, without) = (of(Some(vec![0.5, 1.0])), of(None));
        assert_eq!(bias_difference(&with, &without, Some(2.0)), Some(Difference::Absent));
        assert_eq!(bias_difference(&with, &of(Some(vec![0.25, 0.5])), Some(2.0)), None);
        assert_eq!(bias_difference(&with, &of(Some(vec![0.5, 1.0])), Some(2.0)), Some(Difference::Scaled(2.0)));
        assert_eq!(bias_difference(&without, &without, Some(2.0)), None);
    }
}
