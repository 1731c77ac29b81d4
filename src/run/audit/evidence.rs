//! What can be told of a layer without running it: where the spiking cell is not the frame cell.

use formal::config::{Operator, Source};

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

/// In what the spiking cell is another one than the frame cell of its name: the key, what it is there and what here.
pub fn structure(
    (description, cell): (&Description, &CellDescription),
    (frames, frame): (&Description, &CellDescription),
) -> Option<(&'static str, String, String)> {
    let mut differing = None;
    let mut compare = |key: &'static str, there: String, here: String| {
        if there != here && differing.is_none() {
            differing = Some((key, there, here));
        }
    };
    let size = |size: formal::config::Size| format!("{} x {}", size.width, size.height);
    let pairs = |mapping: &Option<Vec<bool>>, n: usize| match mapping {
        Some(mapping) => mapping.clone(),
        None => vec![true; n],
    };
    compare("Input", inputs(frames, frame), inputs(description, cell));
    match (&frame.operator, &cell.operator) {
        (Operator::Conv(there), Operator::Conv(here)) => {
            compare("KernelSize", size(there.kernel), size(here.kernel));
            compare("Stride", size(there.stride), size(here.stride));
            compare("Padding", size(there.padding), size(here.padding));
            compare("SubSample", size(there.sub_sample), size(here.sub_sample));
            let n = here.n_outputs * cell.input_shape.channels;
            mapping(&pairs(&there.mapping, n), &pairs(&here.mapping, n), &mut compare);
        }
        (Operator::Pool(there), Operator::Pool(here)) => {
            compare("Pooling", format!("{:?}", there.pooling), format!("{:?}", here.pooling));
            compare("PoolSize", size(there.window), size(here.window));
            compare("Stride", size(there.stride), size(here.stride));
            compare("Padding", size(there.padding), size(here.padding));
            let n = here.n_outputs * cell.input_shape.channels;
            mapping(&pairs(&there.mapping, n), &pairs(&here.mapping, n), &mut compare);
        }
        (there, here) => compare("Type", kind(there).to_string(), kind(here).to_string()),
    }
    compare("ActivationFunction", format!("{:?}", frame.activation.value), format!("{:?}", cell.activation.value));
    differing
}

fn mapping(there: &[bool], here: &[bool], compare: &mut impl FnMut(&'static str, String, String)) {
    let n = |pairs: &[bool]| pairs.iter().filter(|&&is_connected| is_connected).count();
    let differing = there.iter().zip(here).filter(|(there, here)| there != here).count();
    if differing > 0 {
        let here = format!("{} pairs, {differing} of them or of the others changed", n(here));
        compare("Mapping", format!("{} pairs", n(there)), here);
    }
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
