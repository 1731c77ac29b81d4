//! Transposed convolution (Zeiler et al., 2010): the way of the errors through a convolution, taken forward.
//!
//! With `s` the stride, `p` the padding and `d` the dilation along each axis,
//!
//! `out(o, y, x) = b(o) + Σ w(c, o, ky, kx)·in(c, iy, ix)` over all with `y = iy·s - p + d·ky, x = ix·s - p + d·kx`
//!
//! and connected `c` and `o`. An axis of `n` inputs has `(n - 1)·s + d·(k - 1) + 1 - 2·p` outputs. So it is the
//! transpose of the convolution with the same weights that leads from these outputs to these inputs.

use stimuli::Shape;

use super::conv::Conv;
use super::{check_count, check_mapping, size, text};
use crate::config::{ConvConfig, DeconvConfig};
use crate::error::Error;

/// A checked transposed convolution.
#[derive(Clone, Debug)]
pub(crate) struct Deconv {
    pub(crate) output: Shape,
    /// From the outputs to the inputs, with the weights `[channel][output][ky][kx]`.
    pub(crate) transposed: Conv,
}

impl Deconv {
    pub(crate) fn new(cell: &str, config: &DeconvConfig, input: Shape) -> Result<Self, Error> {
        let DeconvConfig { n_outputs, kernel, stride, padding, dilation, .. } = *config;
        check_mapping(cell, config.mapping.as_deref(), n_outputs, input.channels)?;
        for (parameter, value) in [
            ("KernelWidth", kernel.width),
            ("KernelHeight", kernel.height),
            ("Stride", stride.width.min(stride.height)),
            ("Dilation", dilation.width.min(dilation.height)),
        ] {
            if value == 0 {
                let (cell, found) = (cell.to_owned(), "0".into());
                return Err(Error::Value { cell, parameter, expected: "at least 1", found });
            }
        }
        let side = |what, n, kernel, stride, padding, dilation| {
            let whole = side(n, kernel, stride, dilation);
            let left =
                whole.and_then(|whole| whole.checked_sub(usize::saturating_mul(padding, 2))).filter(|&left| left > 0);
            left.ok_or_else(|| Error::Shape {
                cell: cell.to_owned(),
                what,
                expected: "a padding that leaves something of the output".into(),
                found: format!("{padding} on both sides of {}", whole.unwrap_or(usize::MAX)),
            })
        };
        let width = side("PaddingX", input.width, kernel.width, stride.width, padding.width, dilation.width)?;
        let height = side("PaddingY", input.height, kernel.height, stride.height, padding.height, dilation.height)?;
        check_count(cell, "outputs", &[n_outputs, height, width])?;
        let output = Shape { channels: n_outputs, height, width };
        let of = |mapping: &Vec<bool>| {
            let pairs = (0..input.channels).flat_map(|c| (0..n_outputs).map(move |o| o * input.channels + c));
            pairs.map(|pair| mapping[pair]).collect()
        };
        let transposed = ConvConfig {
            n_outputs: input.channels,
            kernel,
            stride,
            padding,
            dilation,
            sub_sample: crate::config::Size { width: 1, height: 1 },
            mapping: config.mapping.as_ref().map(of),
            no_bias: true,
            back_propagate: true,
            weights_filler: config.weights_filler,
            bias_filler: config.bias_filler,
            weights_solver: config.weights_solver.clone(),
            bias_solver: config.bias_solver.clone(),
        };
        let transposed = Conv::new(cell, &transposed, output)?;
        debug_assert_eq!(text(transposed.sums), text(input));
        Ok(Self { output, transposed })
    }

    /// Elements of an output map.
    pub(crate) fn area(&self) -> usize {
        self.output.height * self.output.width
    }

    /// The definition: outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64], weights: &[f64], bias: Option<&[f64]>) -> Vec<f64> {
        let start = |at| bias.map_or(0.0, |bias: &[f64]| bias[at / self.area()]);
        let mut output: Vec<f64> = (0..size(self.output)).map(start).collect();
        self.transposed.products(|from, weight, to| output[to] += weights[weight] * input[from]);
        output
    }

    /// The error of the inputs for the error of the outputs; adds the gradients of the weights and the bias.
    pub(crate) fn reference_backward(
        &self,
        input: &[f64],
        weights: &[f64],
        error: &[f64],
        weights_gradient: &mut [f64],
        bias_gradient: &mut [f64],
    ) -> Vec<f64> {
        let mut input_error = vec![0.0; input.len()];
        if !bias_gradient.is_empty() {
            error.iter().enumerate().for_each(|(at, e)| bias_gradient[at / self.area()] += e);
        }
        self.transposed.products(|from, weight, to| {
            weights_gradient[weight] += error[to] * input[from];
            input_error[from] += error[to] * weights[weight];
        });
        input_error
    }
}

/// Outputs along an axis before the padding is cut off.
fn side(n: usize, kernel: usize, stride: usize, dilation: usize) -> Option<usize> {
    let reach = (kernel - 1).checked_mul(dilation)?.checked_add(1)?;
    (n - 1).checked_mul(stride)?.checked_add(reach)
}
