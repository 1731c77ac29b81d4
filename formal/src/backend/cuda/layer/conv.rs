//! Convolutions and transposed convolutions.

use super::{Launch, Machine, MachineFault, Site, each_of, rows, split};
use crate::backend::cuda::machine::{Argument, Buffer, arguments};
use crate::backend::cuda::memory::Arena;
use crate::cell::conv::Conv;
use crate::cell::deconv::Deconv;
use crate::cell::{Cell, Operator};

/// Threads that keep a device busy.
const BUSY: usize = 131_072;

/// The most parts of the gradients of a bias.
const BIAS_PARTS: usize = 32;

/// Errors that a block sums for the gradient of a bias.
const BIAS_SHARE: usize = 4096;

/// The way through a convolution, and back.
struct Connected {
    conv: Conv,
    /// Channels of each output.
    starts: Buffer,
    links: Buffer,
    /// Outputs of each channel.
    back_starts: Buffer,
    back_links: Buffer,
    /// `[output][channel]`.
    connected: Buffer,
}

impl Argument for &Conv {
    /// `Geometry` of the kernels.
    fn push(self, arguments: &mut Vec<u8>) {
        let Conv { input, sums, output, kernel, stride, padding, dilation, sub_sample, .. } = self;
        for shape in [input, sums] {
            [shape.channels, shape.height, shape.width].into_iter().for_each(|side| side.push(arguments));
        }
        [output.height, output.width].into_iter().for_each(|side| side.push(arguments));
        for size in [kernel, stride, padding, dilation, sub_sample] {
            [size.height, size.width].into_iter().for_each(|side| side.push(arguments));
        }
    }
}

impl Connected {
    fn new<M: Machine>(conv: &Conv, memory: &mut Arena<M>) -> Result<Self, MachineFault> {
        let connections = &conv.connections;
        let (outputs, channels) = (connections.n_outputs(), connections.n_channels());
        let (starts, links) = rows((0..outputs).map(|o| connections.channels(o).collect()), memory)?;
        let (back_starts, back_links) = rows((0..channels).map(|c| connections.outputs(c).collect()), memory)?;
        let pairs = (0..outputs).flat_map(|o| (0..channels).map(move |c| (o, c)));
        let connected: Vec<u32> = pairs.map(|(o, c)| u32::from(connections.has(o, c))).collect();
        let connected = memory.table(&connected)?;
        Ok(Self { conv: conv.clone(), starts, links, back_starts, back_links, connected })
    }

    fn n_weights(&self) -> usize {
        self.conv.sums.channels * self.conv.input.channels * self.conv.kernel_area()
    }

    /// Parts of the gradients of the weights.
    fn split(&self, n: usize) -> (usize, usize) {
        split(n, BUSY.div_ceil(self.n_weights()))
    }

    /// Along the way of a convolution, from its channels to its outputs.
    fn through(&self, kernel: &'static str, n: usize, arguments: Vec<u8>) -> Launch {
        let output = self.conv.output;
        each_of(kernel, n * output.height * output.width, output.channels, arguments)
    }

    /// The other way.
    fn back(&self, kernel: &'static str, n: usize, arguments: Vec<u8>) -> Launch {
        let input = self.conv.input;
        each_of(kernel, n * input.height * input.width, input.channels, arguments)
    }

    fn gradient(&self, n: usize, channels: Buffer, outputs: Buffer, parts: Buffer) -> Launch {
        let (n_parts, share) = self.split(n);
        let arguments = arguments![channels, outputs, self.connected, parts, &self.conv, n, share];
        each_of("conv_gradient", self.n_weights(), n_parts, arguments)
    }
}

/// Parts of the gradients of a bias whose channels have `area` elements.
fn bias_parts(n: usize, area: usize) -> usize {
    split(n, (n * area / BIAS_SHARE).clamp(1, BIAS_PARTS)).0
}

/// How often sums go into an output along each axis `[y, x]`, and how many there are.
pub(in crate::backend::cuda) fn sub_sampling(cell: &Cell) -> ([usize; 2], [usize; 2]) {
    match &cell.operator {
        Operator::Conv(Conv { sub_sample, sums, .. }) => {
            ([sub_sample.height, sub_sample.width], [sums.height, sums.width])
        }
        _ => ([1, 1], [cell.output.height, cell.output.width]),
    }
}

/// A convolution made ready.
pub(in crate::backend::cuda) struct ConvLayer(Connected);

impl ConvLayer {
    pub(super) fn new<M: Machine>(conv: &Conv, memory: &mut Arena<M>) -> Result<Self, MachineFault> {
        Connected::new(conv, memory).map(Self)
    }

    pub(super) fn parts(&self, n: usize) -> [usize; 2] {
        let output = self.0.conv.output;
        [self.0.split(n).0, bias_parts(n, output.height * output.width)]
    }

    pub(super) fn forward(&self, site: &Site) -> Launch {
        let &Site { n, input, weights, bias, output, .. } = site;
        let Connected { conv, starts, links, .. } = &self.0;
        let arguments = arguments![input, weights, bias, *starts, *links, output, conv, n];
        self.0.through("conv_forward", n, arguments)
    }

    pub(super) fn to_weights(&self, site: &Site) -> Launch {
        self.0.gradient(site.n, site.input, site.error, site.weights_parts)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, error, weights, sink, .. } = site;
        let Connected { conv, back_starts, back_links, .. } = &self.0;
        self.0.back("conv_back", n, arguments![error, weights, *back_starts, *back_links, sink, conv, n])
    }
}

/// A transposed convolution made ready.
pub(in crate::backend::cuda) struct DeconvLayer(Connected);

impl DeconvLayer {
    pub(super) fn new<M: Machine>(deconv: &Deconv, memory: &mut Arena<M>) -> Result<Self, MachineFault> {
        Connected::new(&deconv.transposed, memory).map(Self)
    }

    pub(super) fn parts(&self, n: usize) -> [usize; 2] {
        let output = self.0.conv.input;
        [self.0.split(n).0, bias_parts(n, output.height * output.width)]
    }

    pub(super) fn forward(&self, site: &Site) -> Launch {
        let &Site { n, input, weights, bias, output, .. } = site;
        let Connected { conv, back_starts, back_links, .. } = &self.0;
        let arguments = arguments![input, weights, bias, *back_starts, *back_links, output, conv, n];
        self.0.back("deconv_forward", n, arguments)
    }

    pub(super) fn to_weights(&self, site: &Site) -> Launch {
        self.0.gradient(site.n, site.error, site.input, site.weights_parts)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, error, weights, sink, .. } = site;
        let Connected { conv, starts, links, .. } = &self.0;
        self.0.through("deconv_back", n, arguments![error, weights, *starts, *links, sink, conv, n])
    }
}
