//! Convolution.
//!
//! With `s` the stride, `p` the padding and `d` the dilation along each axis,
//!
//! `sum(o, y, x) = b(o) + Σ_c Σ_ky Σ_kx w(o, c, ky, kx)·in(c, y·s - p + d·ky, x·s - p + d·kx)`
//!
//! over the connected channels `c` and the taps inside the input (zero padding; a cross-correlation). With
//! sub-sampling the sums of a block of positions are added: `out(o, y, x) = Σ sum(o, y', x')` over
//! `y'/sub_y = y, x'/sub_x = x`.

use stimuli::Shape;

use super::{check_count, check_mapping, positions};
use crate::config::{ConvConfig, Size};
use crate::connections::Connections;
use crate::error::Error;

/// A checked convolution.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    pub(crate) input: Shape,
    /// The sums before sub-sampling.
    pub(crate) sums: Shape,
    pub(crate) output: Shape,
    pub(crate) kernel: Size,
    pub(crate) stride: Size,
    pub(crate) padding: Size,
    pub(crate) dilation: Size,
    pub(crate) sub_sample: Size,
    pub(crate) connections: Connections,
}

impl Conv {
    pub(crate) fn new(cell: &str, config: &ConvConfig, input: Shape) -> Result<Self, Error> {
        let ConvConfig { n_outputs, kernel, stride, padding, dilation, sub_sample, .. } = *config;
        check_mapping(cell, config.mapping.as_deref(), n_outputs, input.channels)?;
        let width =
            positions(cell, "KernelWidth", input.width, kernel.width, stride.width, padding.width, dilation.width)?;
        let height = positions(
            cell,
            "KernelHeight",
            input.height,
            kernel.height,
            stride.height,
            padding.height,
            dilation.height,
        )?;
        if sub_sample.width == 0 || sub_sample.height == 0 {
            let (cell, found) = (cell.to_owned(), "0".into());
            return Err(Error::Value { cell, parameter: "SubSample", expected: "at least 1", found });
        }
        check_count(cell, "outputs", &[n_outputs, height, width])?;
        check_count(cell, "weights", &[n_outputs, input.channels, kernel.height, kernel.width])?;
        let padded = [input.channels, input.height + 2 * padding.height, input.width + 2 * padding.width];
        check_count(cell, "padded input", &padded)?;
        let sums = Shape { channels: n_outputs, height, width };
        let output = Shape {
            channels: n_outputs,
            height: height.div_ceil(sub_sample.height),
            width: width.div_ceil(sub_sample.width),
        };
        let connections = Connections::new(n_outputs, input.channels, config.mapping.as_deref());
        Ok(Self { input, sums, output, kernel, stride, padding, dilation, sub_sample, connections })
    }

    pub(crate) fn kernel_area(&self) -> usize {
        self.kernel.width * self.kernel.height
    }

    /// Calls `visit(output, weight, input)` with the indices of each product of the definition.
    pub(crate) fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let Self { input, sums, output, kernel, stride, padding, dilation, sub_sample, .. } = *self;
        for o in 0..sums.channels {
            for c in self.connections.channels(o) {
                for (sy, sx) in (0..sums.height).flat_map(|y| (0..sums.width).map(move |x| (y, x))) {
                    let (y, x) = (sy / sub_sample.height, sx / sub_sample.width);
                    let to = (o * output.height + y) * output.width + x;
                    for (ky, kx) in (0..kernel.height).flat_map(|y| (0..kernel.width).map(move |x| (y, x))) {
                        let iy = (sy * stride.height + dilation.height * ky).checked_sub(padding.height);
                        let ix = (sx * stride.width + dilation.width * kx).checked_sub(padding.width);
                        if let (Some(iy), Some(ix)) = (iy, ix)
                            && iy < input.height
                            && ix < input.width
                        {
                            let weight = ((o * input.channels + c) * kernel.height + ky) * kernel.width + kx;
                            visit(to, weight, (c * input.height + iy) * input.width + ix);
                        }
                    }
                }
            }
        }
    }

    /// Calls `visit(output)` once for each sum that goes into it.
    fn sums(&self, mut visit: impl FnMut(usize, usize)) {
        for o in 0..self.sums.channels {
            for (sy, sx) in (0..self.sums.height).flat_map(|y| (0..self.sums.width).map(move |x| (y, x))) {
                let (y, x) = (sy / self.sub_sample.height, sx / self.sub_sample.width);
                visit((o * self.output.height + y) * self.output.width + x, o);
            }
        }
    }

    /// The definition: outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64], weights: &[f64], bias: Option<&[f64]>) -> Vec<f64> {
        let mut output = vec![0.0; super::size(self.output)];
        if let Some(bias) = bias {
            self.sums(|to, o| output[to] += bias[o]);
        }
        self.products(|to, weight, from| output[to] += weights[weight] * input[from]);
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
            self.sums(|to, o| bias_gradient[o] += error[to]);
        }
        self.products(|to, weight, from| {
            weights_gradient[weight] += error[to] * input[from];
            input_error[from] += error[to] * weights[weight];
        });
        input_error
    }
}
