//! Convolutions and transposed convolutions.

use super::dense::{self, tiled};
use super::{Launch, MOST_ROWS, Machine, MachineFault, Site, each_of, rows, split};
use crate::backend::cuda::machine::{Argument, Buffer, arguments};
use crate::backend::cuda::memory::Arena;
use crate::cell::conv::Conv;
use crate::cell::deconv::Deconv;
use crate::cell::{Cell, Operator};

/// Threads that keep a device busy.
const BUSY: usize = 131_072;

/// Rows and terms of a sum from which tiles are worth their while.
const LEAST_ROWS: usize = 16;
const LEAST_DEPTH: usize = 48;

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
        if self.has_matrix_gradient() {
            let (rows, columns) = (self.conv.sums.channels, self.n_weights() / self.conv.sums.channels);
            return split(n, (2 * dense::BUSY).div_ceil(rows.div_ceil(32) * columns.div_ceil(32)));
        }
        split(n, BUSY.div_ceil(self.n_weights()).min(MOST_ROWS))
    }

    /// Whether products of matrices of `rows` rows, with sums of `depth` terms, are the faster way.
    fn is_matrix(&self, rows: usize, depth: usize) -> bool {
        let sub_samples = (self.conv.sub_sample.width, self.conv.sub_sample.height) != (1, 1);
        !sub_samples && rows >= LEAST_ROWS && depth >= LEAST_DEPTH && self.conv.connections.is_full()
    }

    /// Whether gradients are products of matrices.
    fn has_matrix_gradient(&self) -> bool {
        self.is_matrix(self.conv.sums.channels, self.conv.input.channels * self.conv.kernel_area())
    }

    /// Along the way of a convolution, from its channels to its outputs: by a thread an output, or by one of the kernels for
    /// tiles.
    fn through(&self, [kernel, tiles @ ..]: [&'static str; 3], n: usize, arguments: Vec<u8>) -> Launch {
        let output = self.conv.output;
        if self.is_matrix(output.channels, self.conv.input.channels * self.conv.kernel_area()) {
            return tiled(&tiles, output.channels, n * output.plane(), 1, arguments);
        }
        each_of(kernel, n * output.height * output.width, output.channels, arguments)
    }

    /// The other way.
    fn back(&self, [kernel, tiles @ ..]: [&'static str; 3], n: usize, arguments: Vec<u8>) -> Launch {
        let input = self.conv.input;
        if self.is_matrix(input.channels, self.conv.sums.channels * self.conv.kernel_area()) {
            return tiled(&tiles, input.channels, n * input.plane(), 1, arguments);
        }
        each_of(kernel, n * input.height * input.width, input.channels, arguments)
    }

    fn gradient(&self, n: usize, channels: Buffer, outputs: Buffer, parts: Buffer) -> Launch {
        let (n_parts, share) = self.split(n);
        let arguments = arguments![channels, outputs, self.connected, parts, &self.conv, n, share];
        if self.has_matrix_gradient() {
            let rows = self.conv.sums.channels;
            return tiled(&["conv_gradient_2", "conv_gradient_4"], rows, self.n_weights() / rows, n_parts, arguments);
        }
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
        self.0.through(["conv_forward", "conv_forward_2", "conv_forward_4"], n, arguments)
    }

    pub(super) fn to_weights(&self, site: &Site) -> Launch {
        self.0.gradient(site.n, site.input, site.error, site.weights_parts)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, error, weights, sink, .. } = site;
        let Connected { conv, back_starts, back_links, .. } = &self.0;
        self.0.back(
            ["conv_back", "conv_back_2", "conv_back_4"],
            n,
            arguments![error, weights, *back_starts, *back_links, sink, conv, n],
        )
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
        self.0.back(["deconv_forward", "deconv_forward_2", "deconv_forward_4"], n, arguments)
    }

    pub(super) fn to_weights(&self, site: &Site) -> Launch {
        self.0.gradient(site.n, site.error, site.input, site.weights_parts)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, error, weights, sink, .. } = site;
        let Connected { conv, starts, links, .. } = &self.0;
        self.0.through(
            ["deconv_back", "deconv_back_2", "deconv_back_4"],
            n,
            arguments![error, weights, *starts, *links, sink, conv, n],
        )
    }
}
