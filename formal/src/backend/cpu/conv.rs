//! Convolutions on packs: which taps, maps and positions go into the inner loops.

use std::ops::Range;

use super::correlate::{Fan, GradientPass, Grid, Pass, Segment, Tap, bias_gradients, correlate, gradients};
use super::lanes::{Pack, busy_columns};
use crate::cell::conv::Conv;
use crate::cell::size;

/// A convolution made ready.
///
/// Inputs come padded (see [`ConvLayer::padded`]). Rows of errors are spread between zeros, so that the errors of the
/// inputs are runs without edges, and from outputs to the sums that went into them.
#[derive(Clone, Debug)]
pub(super) struct ConvLayer {
    conv: Conv,
    forward: Pass,
    channels: Fan,
    backward: Vec<Pass>,
    outputs: Fan,
    gradient: GradientPass,
    spread: Spread,
}

/// Rows of sums with zeros before and after them.
#[derive(Clone, Copy, Debug)]
struct Spread {
    width: usize,
    left: usize,
}

/// Buffers of one convolution, one set a worker.
#[derive(Clone, Debug, Default)]
pub(super) struct ConvScratch {
    /// Before sub-sampling.
    sums: Vec<Pack>,
    /// Errors of the sums, rows between zeros.
    spread: Vec<Pack>,
}

/// The positions of one axis that share their taps when errors go back.
struct Phase {
    /// First position of the input, and how many there are, a stride apart.
    first: usize,
    count: usize,
    /// Position of the sums for the first one before the tap's offset is added.
    sums: isize,
    /// Kernel index and offset.
    taps: Vec<(usize, isize)>,
}

impl Phase {
    /// For each position, the taps that reach one of `sums`. Offsets descend along the taps, so that these are
    /// neighbors.
    fn reaching(&self, sums: usize) -> impl Iterator<Item = Range<usize>> {
        (0..self.count).map(move |position| {
            let reaches =
                |&(_, offset): &(usize, isize)| (0..sums as isize).contains(&(self.sums + position as isize + offset));
            let first = self.taps.iter().position(reaches).unwrap_or(0);
            first..first + self.taps.iter().filter(|&tap| reaches(tap)).count()
        })
    }
}

impl Phase {
    /// Neighboring positions and the taps that reach one of `sums` from any of them, `least` or more at a time: at the edges fewer
    /// taps do, and what they would read beyond is 0.
    fn segments(&self, sums: usize, least: usize) -> Vec<(Range<usize>, Range<usize>)> {
        let mut segments: Vec<(Range<usize>, Range<usize>)> = Vec::new();
        for (position, taps) in self.reaching(sums).enumerate() {
            match segments.last_mut() {
                Some((positions, all)) if *all == taps || positions.len() < least => {
                    (positions.end, *all) = (position + 1, joined(all, &taps));
                }
                _ => segments.push((position..position + 1, taps)),
            }
        }
        if let [.., before, last] = segments.as_mut_slice()
            && last.0.len() < least
        {
            *before = (before.0.start..last.0.end, joined(&before.1, &last.1));
            segments.pop();
        }
        segments
    }
}

/// From the first to the last of both.
fn joined(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.clone(),
        (_, true) => a.clone(),
        _ => a.start.min(b.start)..a.end.max(b.end),
    }
}

fn phases(input: usize, kernel: usize, stride: usize, padding: usize, dilation: usize) -> Vec<Phase> {
    let signed = |value: usize| value as isize;
    let stride_ = signed(stride);
    let phase = |phase: usize| {
        let first = (phase + stride - padding % stride) % stride;
        let count = if first < input { (input - first).div_ceil(stride) } else { 0 };
        let offset = |k: usize| signed(phase) - signed(dilation * k);
        let taps = (0..kernel).filter(|&k| offset(k).rem_euclid(stride_) == 0).map(|k| (k, offset(k) / stride_));
        Phase { first, count, sums: signed(first + padding - phase) / stride_, taps: taps.collect() }
    };
    (0..stride).map(phase).filter(|phase| phase.count > 0).collect()
}

/// How far the phases reach before the first sum and after the last.
fn border(phases: &[Phase], sums: usize) -> (usize, usize) {
    let (mut before, mut after) = (0, 0);
    for phase in phases {
        for &(_, offset) in &phase.taps {
            let first = phase.sums + offset;
            let last = first + phase.count as isize - 1;
            before = before.max(-first);
            after = after.max(last - (sums as isize - 1));
        }
    }
    (before.max(0) as usize, after.max(0) as usize)
}

fn is_sub_sampled(conv: &Conv) -> bool {
    (conv.sub_sample.width, conv.sub_sample.height) != (1, 1)
}

impl ConvLayer {
    pub(super) fn new(conv: &Conv) -> Self {
        let (input, sums, kernel, stride) = (conv.input, conv.sums, conv.kernel, conv.stride);
        let (height, width) = Self::padded(conv);
        let area = conv.kernel_area();
        let connections = &conv.connections;
        let weight = |o: usize, c: usize| (o * input.channels + c) * area;
        let taps = || (0..kernel.height).flat_map(|ky| (0..kernel.width).map(move |kx| (ky, kx)));
        let tap = |(ky, kx): (usize, usize)| ky * conv.dilation.height * width + kx * conv.dilation.width;
        let from = Grid { start: 0, row: stride.height * width, column: stride.width };

        let forward = Pass {
            taps: taps().enumerate().map(|(weight, at)| Tap { weight, source: tap(at) as isize }).collect(),
            rows: vec![0..conv.kernel_area(); sums.height],
            columns: sums.width,
            to: Grid { start: 0, row: sums.width, column: 1 },
            map: sums.height * sums.width,
            from,
        };
        let seen = |o| {
            let segment = |c| Segment { weight: weight(o, c), source: c * height * width };
            connections.channels(o).map(segment).collect()
        };
        let channels = Fan::new(&(0..sums.channels).map(seen).collect::<Vec<_>>());

        let rows = phases(input.height, kernel.height, stride.height, conv.padding.height, conv.dilation.height);
        let columns = phases(input.width, kernel.width, stride.width, conv.padding.width, conv.dilation.width);
        let (left, right) = border(&columns, sums.width);
        let spread = Spread { width: left + sums.width + right, left };
        let segments: Vec<_> = columns
            .iter()
            .flat_map(|x| x.segments(sums.width, busy_columns()).into_iter().map(move |(at, taps)| (x, at, taps)))
            .collect();
        let backward =
            rows.iter().flat_map(|y| segments.iter().map(move |(x, at, taps)| (y, x, at, &x.taps[taps.clone()])));
        let backward = backward.map(|(y, x, at, x_taps)| Pass {
            rows: y.reaching(sums.height).map(|reach| reach.start * x_taps.len()..reach.end * x_taps.len()).collect(),
            taps: y
                .taps
                .iter()
                .flat_map(|&(ky, dy)| {
                    x_taps.iter().map(move |&(kx, dx)| Tap {
                        weight: ky * kernel.width + kx,
                        source: (y.sums + dy) * spread.width as isize + left as isize + x.sums + dx,
                    })
                })
                .collect(),
            columns: at.len(),
            to: Grid {
                start: y.first * input.width + x.first + at.start * stride.width,
                row: stride.height * input.width,
                column: stride.width,
            },
            map: input.height * input.width,
            from: Grid { start: at.start, row: spread.width, column: 1 },
        });
        let seen = |c| {
            let segment = |o| Segment { weight: weight(o, c), source: o * sums.height * spread.width };
            connections.outputs(c).map(segment).collect()
        };
        let outputs = Fan::new(&(0..input.channels).map(seen).collect::<Vec<_>>());
        let (error, error_map) = match is_sub_sampled(conv) {
            true => (Grid { start: left, row: spread.width, column: 1 }, sums.height * spread.width),
            false => (forward.to, forward.map),
        };
        let gradient = GradientPass {
            taps: taps().map(tap).collect(),
            rows: sums.height,
            columns: sums.width,
            input: from,
            input_map: height * width,
            error,
            error_map,
            outputs: (0..input.channels).map(|c| connections.outputs(c).collect()).collect(),
            n_outputs: sums.channels,
        };
        let backward = backward.collect();
        Self { conv: conv.clone(), forward, channels, backward, outputs, gradient, spread }
    }

    /// Height and width of a padded input.
    pub(super) fn padded(conv: &Conv) -> (usize, usize) {
        (conv.input.height + 2 * conv.padding.height, conv.input.width + 2 * conv.padding.width)
    }

    /// Buffers for one worker; those for errors only where there are any, and where they go on to the inputs.
    pub(super) fn scratch(&self, has_error: bool, propagates: bool) -> ConvScratch {
        let sub_sampled = is_sub_sampled(&self.conv);
        let sums = if sub_sampled { size(self.conv.sums) } else { 0 };
        let spread = self.conv.sums.channels * self.conv.sums.height * self.spread.width;
        let spread = if has_error && (sub_sampled || propagates) { spread } else { 0 };
        ConvScratch { sums: vec![Pack::ZERO; sums], spread: vec![Pack::ZERO; spread] }
    }

    /// Outputs before the activation, from padded inputs.
    pub(super) fn forward(
        &self,
        weights: &[f32],
        bias: Option<&[f32]>,
        input: &[Pack],
        output: &mut [Pack],
        scratch: &mut ConvScratch,
    ) {
        if !is_sub_sampled(&self.conv) {
            return self.sums(weights, bias, input, output, false);
        }
        self.sums(weights, bias, input, &mut scratch.sums, false);
        output.fill(Pack::ZERO);
        self.each_sum(|sum, to| {
            for (to, sum) in output[to].0.iter_mut().zip(scratch.sums[sum].0) {
                *to += sum;
            }
        });
    }

    /// What is summed before sub-sampling, from padded inputs.
    pub(super) fn sums(&self, weights: &[f32], bias: Option<&[f32]>, input: &[Pack], to: &mut [Pack], add: bool) {
        correlate(&self.forward, &self.channels, weights, bias, input, to, add);
    }

    /// Calls `visit(sum, output)` for the indices of each sum.
    fn each_sum(&self, mut visit: impl FnMut(usize, usize)) {
        let Conv { sums, output, sub_sample, .. } = &self.conv;
        for row in 0..sums.channels * sums.height {
            let (o, y) = (row / sums.height, row % sums.height);
            for x in 0..sums.width {
                let to = (o * output.height + y / sub_sample.height) * output.width + x / sub_sample.width;
                visit(row * sums.width + x, to);
            }
        }
    }

    /// Spreads the errors of the outputs for the two calls below, as far as they need it.
    pub(super) fn spread(&self, error: &[Pack], scratch: &mut ConvScratch) {
        if scratch.spread.is_empty() {
            return;
        }
        let Conv { sums, .. } = &self.conv;
        let start = |row: usize| row * self.spread.width + self.spread.left;
        if is_sub_sampled(&self.conv) {
            self.each_sum(|sum, from| scratch.spread[start(sum / sums.width) + sum % sums.width] = error[from]);
        } else {
            for (row, error) in error.chunks_exact(sums.width).enumerate() {
                scratch.spread[start(row)..][..sums.width].copy_from_slice(error);
            }
        }
    }

    /// Adds the gradients of the weights and the bias, from padded inputs.
    pub(super) fn gradients(
        &self,
        input: &[Pack],
        error: &[Pack],
        scratch: &ConvScratch,
        weights: &mut [f32],
        bias: Option<&mut [f32]>,
    ) {
        let error = if is_sub_sampled(&self.conv) { &scratch.spread } else { error };
        gradients(&self.gradient, input, error, weights);
        if let Some(bias) = bias {
            bias_gradients(error, self.gradient.error_map, bias);
        }
    }

    /// Errors of the inputs, without their padding; a transposed convolution adds its bias.
    pub(super) fn backward(
        &self,
        weights: &[f32],
        bias: Option<&[f32]>,
        scratch: &ConvScratch,
        input_error: &mut [Pack],
        add: bool,
    ) {
        for pass in &self.backward {
            correlate(pass, &self.outputs, weights, bias, &scratch.spread, input_error, add);
        }
    }
}
