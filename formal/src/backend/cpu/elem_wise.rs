//! Element-wise operations on packs.

use super::lanes::{LANES, Pack, Vector, dispatch};
use crate::cell::elem_wise::ElemWise;
use crate::config::ElementOperation;

dispatch! { pub(super) fn forward(layer: &ElemWise, input: &[Pack], output: &mut [Pack]) = forward_kernel }
dispatch! {
    /// Errors of the inputs, which lie one after the other.
    pub(super) fn backward(layer: &ElemWise, input: &[Pack], error: &[Pack], input_error: &mut [Pack], add: bool)
        = backward_kernel
}

type Lanes = [f32; LANES];

#[inline(always)]
fn zip(a: Lanes, b: Lanes, mut of: impl FnMut(f32, f32) -> f32) -> Lanes {
    std::array::from_fn(|lane| of(a[lane], b[lane]))
}

/// Calls `visit(index, channel)` for each element of the output.
#[inline(always)]
fn each(layer: &ElemWise, mut visit: impl FnMut(usize, usize)) {
    let area = layer.output.height * layer.output.width;
    for channel in 0..layer.output.channels {
        for at in channel * area..(channel + 1) * area {
            visit(at, channel);
        }
    }
}

/// The output at one place before the activation.
#[inline(always)]
fn value(layer: &ElemWise, input: &[Pack], n: usize, at: usize, channel: usize) -> Lanes {
    let mut all = [0.0; LANES];
    for k in 0..layer.n_inputs {
        let x = input[k * n + at].0;
        let (w, s) = layer.coefficients(k, channel);
        all = match layer.operation {
            ElementOperation::Sum => zip(all, x, |all, x| all + (w * x + s)),
            ElementOperation::AbsSum => zip(all, x, |all, x| all + w * x.abs()),
            ElementOperation::EuclideanSum => zip(all, x, |all, x| all + (w * x + s) * (w * x + s)),
            _ if k == 0 => x,
            ElementOperation::Prod => zip(all, x, |all, x| all * x),
            ElementOperation::Max => zip(all, x, |all, x| if x > all { x } else { all }),
        };
    }
    if layer.operation == ElementOperation::EuclideanSum { all.map(f32::sqrt) } else { all }
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "the compiler finds the vectors by itself")]
unsafe fn forward_kernel<V: Vector>(layer: &ElemWise, input: &[Pack], output: &mut [Pack]) {
    let n = output.len();
    each(
        layer,
        #[inline(always)]
        |at, channel| output[at].0 = value(layer, input, n, at, channel),
    );
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "the compiler finds the vectors by itself")]
unsafe fn backward_kernel<V: Vector>(
    layer: &ElemWise,
    input: &[Pack],
    error: &[Pack],
    input_error: &mut [Pack],
    add: bool,
) {
    let n = error.len();
    each(
        layer,
        #[inline(always)]
        |at, channel| {
            let e = error[at].0;
            let y = match layer.operation {
                ElementOperation::EuclideanSum | ElementOperation::Max => value(layer, input, n, at, channel),
                _ => [0.0; LANES],
            };
            // Lanes in which an earlier input is the greatest.
            let mut found = [false; LANES];
            for k in 0..layer.n_inputs {
                let x = input[k * n + at].0;
                let (w, s) = layer.coefficients(k, channel);
                let part = match layer.operation {
                    ElementOperation::Sum => e.map(|e| w * e),
                    ElementOperation::AbsSum => {
                        zip(x, e, |x, e| if x == 0.0 { 0.0 } else { (w * e).copysign(x * w * e) })
                    }
                    ElementOperation::EuclideanSum => {
                        let slope = zip(x, y, |x, y| if y == 0.0 { 0.0 } else { w * (w * x + s) / y });
                        zip(slope, e, |slope, e| slope * e)
                    }
                    ElementOperation::Prod => {
                        let others = (0..layer.n_inputs).filter(|&j| j != k);
                        others.fold(e, |e, j| zip(e, input[j * n + at].0, |e, x| e * x))
                    }
                    ElementOperation::Max => std::array::from_fn(|lane| {
                        let wins = x[lane] == y[lane] && !found[lane];
                        found[lane] |= wins;
                        if wins { e[lane] } else { 0.0 }
                    }),
                };
                let to = &mut input_error[k * n + at].0;
                *to = if add { zip(*to, part, |to, part| to + part) } else { part };
            }
        },
    );
}
