//! `Type=Deconv`: a transposed convolution.

use formal::config::{Activation, DeconvConfig, Operator, Size};
use stimuli::Shape;

use super::{CellReader, LARGEST, SizeKeys};
use crate::config::learning;
use crate::config::registry::Scope;
use crate::model::Located;

impl CellReader<'_, '_> {
    pub(super) fn deconv(&mut self) -> (Operator, Option<Shape>, Located<Activation>) {
        self.accepted.extend([Scope::Deconv, Scope::Weighted].map(|scope| (String::new(), scope)));
        let n_outputs = self.n_outputs();
        let mut size = |list, both, x, y, least| self.size(Scope::Deconv, SizeKeys::new(list, both, x, y), least);
        let kernel = size("KernelDims", "KernelSize", "KernelWidth", "KernelHeight", 1);
        let stride = size("StrideDims", "Stride", "StrideX", "StrideY", 1);
        let padding = size("PaddingDims", "Padding", "PaddingX", "PaddingY", 0);
        let dilation = size("DilationDims", "Dilation", "DilationX", "DilationY", 1);
        let config = DeconvConfig {
            n_outputs,
            kernel,
            stride,
            padding,
            dilation,
            mapping: self.mapping(n_outputs),
            no_bias: self.flag(Scope::WeightedParameter, "NoBias"),
            back_propagate: self.flag(Scope::WeightedParameter, "BackPropagate"),
            weights_filler: learning::filler(self.reader, &self.bag, "WeightsFiller", &mut self.accepted),
            bias_filler: learning::filler(self.reader, &self.bag, "BiasFiller", &mut self.accepted),
            weights_solver: self.solver("WeightsSolver"),
            bias_solver: self.solver("BiasSolver"),
        };
        let shape = self.unfolded(kernel, stride, padding, dilation);
        let shape = shape.map(|Size { width, height }| Shape { channels: n_outputs, height, width });
        if shape.is_some() {
            self.check_weights(n_outputs, kernel);
        }
        let activation = self.activation(self.defaults.activation);
        (Operator::Deconv(config), shape, activation)
    }

    /// The sides of the output.
    fn unfolded(&mut self, kernel: Size, stride: Size, padding: Size, dilation: Size) -> Option<Size> {
        let input = self.input_shape?;
        // None of the factors is beyond `LARGEST`.
        let whole = |n: usize, stride: usize, kernel: usize, dilation: usize| {
            (n as u64 - 1) * stride as u64 + (kernel as u64 - 1) * dilation as u64 + 1
        };
        let width = whole(input.width, stride.width, kernel.width, dilation.width);
        let height = whole(input.height, stride.height, kernel.height, dilation.height);
        let (across, down) = (2 * padding.width as u64, 2 * padding.height as u64);
        if width <= across || height <= down {
            let key = ["PaddingDims", "Padding", if width <= across { "PaddingX" } else { "PaddingY" }];
            let key = key.into_iter().find(|key| self.bag.has(key)).unwrap_or("Padding");
            let message = format!("nothing is left of an output of {width}x{height} once the padding is cut off");
            self.reader.fault_at(&self.bag, key, message);
            return None;
        }
        let (width, height) = (width - across, height - down);
        if width.max(height) > LARGEST as u64 {
            self.reader.section_fault(self.section, "", format!("an output of {width}x{height} is too large"));
            return None;
        }
        Some(Size { width: width as usize, height: height as usize })
    }
}
