//! What is done to each element by itself, or to a few.

use stimuli::{Threshold, ThresholdOperation};

use super::{Launch, Machine, MachineFault, Site, each};
use crate::backend::cuda::machine::{Argument, Buffer, arguments};
use crate::backend::cuda::memory::Arena;
use crate::cell::dropout::Dropout;
use crate::cell::elem_wise::ElemWise;
use crate::cell::margin::TargetBias;
use crate::cell::size;
use crate::cell::taps::{Rows, Taps};
use crate::config::ElementOperation;

/// The activation alone, on stimuli of `size` elements.
fn pass_on(site: &Site, size: usize) -> Launch {
    let n_elements = site.n * size;
    each("activation_forward", n_elements, arguments![site.input, site.output, n_elements])
}

/// Errors as they are.
pub(super) fn pass_back(site: &Site, size: usize) -> Launch {
    let n_elements = site.n * size;
    each("activation_back", n_elements, arguments![site.error, site.sink, n_elements])
}

/// Forward through a bias of the wanted output.
pub(super) fn target_bias(layer: &TargetBias, site: &Site) -> Launch {
    let &Site { n, input, output, labels, .. } = site;
    let shape = layer.shape;
    if !site.learns || labels == Buffer::NONE {
        return pass_on(site, size(shape));
    }
    let area = shape.height * shape.width;
    let arguments = arguments![input, labels, output, layer.bias, shape.channels, area, n];
    each("target_bias_forward", n * size(shape), arguments)
}

/// A dropout made ready.
pub(in crate::backend::cuda) struct DropoutLayer(pub(super) Dropout);

impl DropoutLayer {
    pub(super) fn forward(&self, site: &Site) -> Launch {
        let &Site { n, input, output, draw, .. } = site;
        let size = size(self.0.shape);
        if !site.learns {
            return pass_on(site, size);
        }
        let (threshold, scale) = (self.0.threshold(), self.0.scale());
        let arguments = arguments![input, draw.key, draw.step, output, threshold, scale, size, n];
        each("dropout_forward", n * size, arguments)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, error, sink, draw, .. } = site;
        let size = size(self.0.shape);
        let (threshold, scale) = (self.0.threshold(), self.0.scale());
        let arguments = arguments![error, draw.key, draw.step, sink, threshold, scale, size, n];
        each("dropout_back", n * size, arguments)
    }
}

/// An element-wise operation made ready.
pub(in crate::backend::cuda) struct ElemWiseLayer {
    elem_wise: ElemWise,
    /// `[input][channel]`.
    weights: Buffer,
    shifts: Buffer,
}

/// `ElemWise` of the kernels.
struct Operands<'a> {
    layer: &'a ElemWiseLayer,
    input: Buffer,
    n: usize,
}

impl Argument for Operands<'_> {
    fn push(self, arguments: &mut Vec<u8>) {
        let ElemWise { operation, n_inputs, output, .. } = &self.layer.elem_wise;
        [self.input, self.layer.weights, self.layer.shifts].into_iter().for_each(|buffer| buffer.push(arguments));
        let operation: u32 = match operation {
            ElementOperation::Sum => 0,
            ElementOperation::AbsSum => 1,
            ElementOperation::EuclideanSum => 2,
            ElementOperation::Prod => 3,
            ElementOperation::Max => 4,
        };
        operation.push(arguments);
        let area = output.height * output.width;
        [*n_inputs, output.channels, area, self.n, 0].into_iter().for_each(|number| number.push(arguments));
    }
}

impl ElemWiseLayer {
    pub(super) fn new<M: Machine>(elem_wise: &ElemWise, memory: &mut Arena<M>) -> Result<Self, MachineFault> {
        let places = (0..elem_wise.n_inputs).flat_map(|k| (0..elem_wise.output.channels).map(move |c| (k, c)));
        let (weights, shifts): (Vec<f32>, Vec<f32>) = places.map(|(k, c)| elem_wise.coefficients(k, c)).unzip();
        Ok(Self { elem_wise: elem_wise.clone(), weights: memory.table(&weights)?, shifts: memory.table(&shifts)? })
    }

    fn operands(&self, site: &Site) -> Operands<'_> {
        Operands { layer: self, input: site.input, n: site.n }
    }

    pub(super) fn forward(&self, site: &Site) -> Launch {
        let n_elements = site.n * size(self.elem_wise.output);
        each("elem_wise_forward", n_elements, arguments![self.operands(site), site.output])
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let n_elements = site.n * size(self.elem_wise.output);
        each("elem_wise_back", n_elements, arguments![self.operands(site), site.error, site.sink])
    }
}

/// A sparse linear map made ready.
pub(in crate::backend::cuda) struct TapsLayer {
    n_inputs: usize,
    n_outputs: usize,
    forward: Sparse,
    back: Sparse,
}

/// A sparse matrix, row by row.
struct Sparse {
    starts: Buffer,
    from: Buffer,
    factors: Buffer,
}

impl Sparse {
    fn new<M: Machine>(rows: &Rows, n: usize, memory: &mut Arena<M>) -> Result<Self, MachineFault> {
        let (mut starts, mut from, mut factors) = (vec![0u32], Vec::new(), Vec::new());
        for row in 0..n {
            for tap in rows.row(row) {
                from.push(tap.from);
                factors.push(tap.factor);
            }
            starts.push(from.len() as u32);
        }
        Ok(Self { starts: memory.table(&starts)?, from: memory.table(&from)?, factors: memory.table(&factors)? })
    }
}

impl Argument for &Sparse {
    fn push(self, arguments: &mut Vec<u8>) {
        [self.starts, self.from, self.factors].into_iter().for_each(|buffer| buffer.push(arguments));
    }
}

impl TapsLayer {
    pub(super) fn new<M: Machine>(taps: &Taps, n_inputs: usize, memory: &mut Arena<M>) -> Result<Self, MachineFault> {
        let n_outputs = size(taps.output);
        let forward = Sparse::new(&taps.forward, n_outputs, memory)?;
        Ok(Self { n_inputs, n_outputs, forward, back: Sparse::new(&taps.backward, n_inputs, memory)? })
    }

    pub(super) fn forward(&self, site: &Site) -> Launch {
        let &Site { n, input, output, .. } = site;
        let arguments = arguments![input, &self.forward, output, self.n_inputs, self.n_outputs, n];
        each("taps_forward", n * self.n_outputs, arguments)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, error, sink, .. } = site;
        let arguments = arguments![error, &self.back, sink, self.n_inputs, self.n_outputs, n];
        each("taps_back", n * self.n_inputs, arguments)
    }
}

/// A threshold made ready.
pub(in crate::backend::cuda) struct ThresholdLayer {
    threshold: Threshold,
    size: usize,
}

impl ThresholdLayer {
    pub(super) fn new(threshold: &Threshold, size: usize) -> Self {
        Self { threshold: threshold.clone(), size }
    }

    pub(super) fn forward(&self, site: &Site) -> Launch {
        let Threshold { threshold, max_value, operation, .. } = self.threshold;
        let operation: u32 = match operation {
            ThresholdOperation::Binary => 0,
            ThresholdOperation::BinaryInverted => 1,
            ThresholdOperation::Truncate => 2,
            ThresholdOperation::ToZero => 3,
            ThresholdOperation::ToZeroInverted => 4,
        };
        let n_elements = site.n * self.size;
        let arguments = arguments![site.input, site.output, threshold as f32, max_value as f32, operation, n_elements];
        each("threshold_forward", n_elements, arguments)
    }
}
