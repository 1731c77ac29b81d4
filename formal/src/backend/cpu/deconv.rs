//! Transposed convolutions on packs: the passes of a convolution, each in the place of its opposite.

use super::conv::{ConvLayer, ConvScratch};
use super::correlate::bias_gradients;
use super::lanes::Pack;
use crate::cell::deconv::Deconv;
use crate::cell::size;

/// A transposed convolution made ready.
#[derive(Clone, Debug)]
pub(super) struct DeconvLayer {
    deconv: Deconv,
    transposed: ConvLayer,
}

/// Buffers of one transposed convolution, one set a worker.
#[derive(Clone, Debug, Default)]
pub(super) struct DeconvScratch {
    transposed: ConvScratch,
    /// Errors of the outputs within a border of zeros; empty where there is no border.
    padded: Vec<Pack>,
}

impl DeconvLayer {
    pub(super) fn new(deconv: &Deconv) -> Self {
        Self { deconv: deconv.clone(), transposed: ConvLayer::new(&deconv.transposed) }
    }

    /// Buffers for one worker; those for errors only where there are any.
    pub(super) fn scratch(&self, has_error: bool) -> DeconvScratch {
        let (height, width) = ConvLayer::padded(&self.deconv.transposed);
        let padding = self.deconv.transposed.padding;
        let is_padded = (padding.width, padding.height) != (0, 0);
        let padded = if has_error && is_padded { self.deconv.output.channels * height * width } else { 0 };
        DeconvScratch { transposed: self.transposed.scratch(true, true), padded: vec![Pack::ZERO; padded] }
    }

    /// Outputs before the activation.
    pub(super) fn forward(
        &self,
        weights: &[f32],
        bias: Option<&[f32]>,
        input: &[Pack],
        output: &mut [Pack],
        scratch: &mut DeconvScratch,
    ) {
        self.transposed.spread(input, &mut scratch.transposed);
        self.transposed.backward(weights, bias, &scratch.transposed, output, false);
    }

    /// Gives the errors of the outputs the border that the two calls below need.
    pub(super) fn pad(&self, error: &[Pack], scratch: &mut DeconvScratch) {
        if scratch.padded.is_empty() {
            return;
        }
        let (output, padding) = (self.deconv.output, self.deconv.transposed.padding);
        let (height, width) = ConvLayer::padded(&self.deconv.transposed);
        for (row, error) in error.chunks_exact(output.width).enumerate() {
            let y = row / output.height * height + padding.height + row % output.height;
            scratch.padded[y * width + padding.width..][..output.width].copy_from_slice(error);
        }
    }

    /// Adds the gradients of the weights and the bias.
    pub(super) fn gradients(
        &self,
        input: &[Pack],
        error: &[Pack],
        scratch: &DeconvScratch,
        weights: &mut [f32],
        bias: Option<&mut [f32]>,
    ) {
        let padded = if scratch.padded.is_empty() { error } else { &scratch.padded };
        self.transposed.gradients(padded, input, &scratch.transposed, weights, None);
        if let Some(bias) = bias {
            bias_gradients(error, self.deconv.area(), bias);
        }
    }

    /// Errors of the inputs.
    pub(super) fn backward(
        &self,
        weights: &[f32],
        error: &[Pack],
        scratch: &DeconvScratch,
        input_error: &mut [Pack],
        add: bool,
    ) {
        debug_assert_eq!(input_error.len(), size(self.deconv.transposed.output), "a pack an element");
        let padded = if scratch.padded.is_empty() { error } else { &scratch.padded };
        self.transposed.sums(weights, None, padded, input_error, add);
    }
}
