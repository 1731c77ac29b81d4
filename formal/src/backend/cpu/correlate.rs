//! The inner loops of convolutions, on packs.
//!
//! [`correlate`] computes one map after the other, a run of neighboring columns at a time in registers; each tap is
//! one weight times a run of the source. It serves the outputs of a convolution and, with the taps reversed, the
//! errors of its inputs. [`gradients`] sums products of errors and inputs over all positions, a tile of taps by
//! outputs at a time.

use super::lanes::{LANES, Pack, Vector, dispatch};

/// One weight and where it applies, relative to a [`Segment`] and to a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    pub(super) weight: usize,
    pub(super) source: isize,
}

/// The start of one source map and of its kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) weight: usize,
    pub(super) source: usize,
}

/// For each map that is computed, the source maps it sees.
#[derive(Clone, Debug)]
pub(super) struct Fan {
    pub(super) segments: Vec<Segment>,
    /// Where the segments of map `i` begin and end: `starts[i]..starts[i + 1]`.
    pub(super) starts: Vec<usize>,
}

impl Fan {
    pub(super) fn new(maps: impl Iterator<Item = Vec<Segment>>) -> Self {
        let mut fan = Self { segments: Vec::new(), starts: vec![0] };
        for map in maps {
            fan.segments.extend(map);
            fan.starts.push(fan.segments.len());
        }
        fan
    }

    pub(super) fn n_maps(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn of(&self, map: usize) -> &[Segment] {
        &self.segments[self.starts[map]..self.starts[map + 1]]
    }
}

/// A grid of positions: element `start + y·row + x·column`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) start: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl Grid {
    fn at(self, y: usize, x: usize) -> usize {
        self.start + y * self.row + x * self.column
    }
}

/// Which positions of a map are computed from which positions of the sources.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    pub(super) taps: Vec<Tap>,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) to: Grid,
    /// Elements of one computed map.
    pub(super) map: usize,
    pub(super) from: Grid,
}

impl Pass {
    /// The greatest index read from the sources and the weights and written to the maps, or a negative reach.
    fn check(&self, fan: &Fan, weights: usize, source: usize, to: usize) {
        if self.rows == 0 || self.columns == 0 || fan.n_maps() == 0 {
            return;
        }
        let last_to = (fan.n_maps() - 1) * self.map + self.to.at(self.rows - 1, self.columns - 1);
        assert!(last_to < to, "a pass writes outside its maps");
        let (first, last) = (self.from.at(0, 0), self.from.at(self.rows - 1, self.columns - 1));
        let reach = |end: fn(&Tap) -> isize| self.taps.iter().map(end).fold((0, 0), |(a, b), t| (a.min(t), b.max(t)));
        let (low, high) = reach(|tap| tap.source);
        let weight = self.taps.iter().map(|tap| tap.weight).max().unwrap_or(0);
        for segment in &fan.segments {
            let inside = (segment.source + first) as isize + low >= 0
                && ((segment.source + last) as isize + high) < source as isize
                && segment.weight + weight < weights;
            assert!(inside, "a pass reads outside its sources");
        }
    }
}

/// `to[map] = bias[map] + Σ weights·from` over the taps of the map's segments, or `to[map] += ..` where `add`.
pub(super) fn correlate(
    pass: &Pass,
    fan: &Fan,
    weights: &[f32],
    bias: Option<&[f32]>,
    from: &[Pack],
    to: &mut [Pack],
    add: bool,
) {
    pass.check(fan, weights.len(), from.len(), to.len());
    assert!(bias.is_none_or(|bias| bias.len() == fan.n_maps()), "one bias a map");
    correlate_checked(pass, fan, weights, bias, from, to, add);
}

dispatch! {
    fn correlate_checked(
        pass: &Pass, fan: &Fan, weights: &[f32], bias: Option<&[f32]>, from: &[Pack], to: &mut [Pack], add: bool,
    ) = correlate_kernel
}

/// Calls `$call::<.., N>` for the `N` equal to `$n`, which is 1 to 14.
macro_rules! with_length {
    ($n:expr, $call:ident::<$($t:tt),*>($($arg:expr),*)) => {
        match $n {
            1 => $call::<$($t,)* 1>($($arg),*),
            2 => $call::<$($t,)* 2>($($arg),*),
            3 => $call::<$($t,)* 3>($($arg),*),
            4 => $call::<$($t,)* 4>($($arg),*),
            5 => $call::<$($t,)* 5>($($arg),*),
            6 => $call::<$($t,)* 6>($($arg),*),
            7 => $call::<$($t,)* 7>($($arg),*),
            8 => $call::<$($t,)* 8>($($arg),*),
            9 => $call::<$($t,)* 9>($($arg),*),
            10 => $call::<$($t,)* 10>($($arg),*),
            11 => $call::<$($t,)* 11>($($arg),*),
            12 => $call::<$($t,)* 12>($($arg),*),
            13 => $call::<$($t,)* 13>($($arg),*),
            _ => $call::<$($t,)* 14>($($arg),*),
        }
    };
}
pub(super) use with_length;

/// The longest run of columns.
pub(super) const LONGEST_RUN: usize = 14;

/// The ends of `n` split into the fewest nearly equal parts of at most `most`.
pub(super) fn parts(n: usize, most: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let count = n.div_ceil(most);
    (0..count).map(move |part| part * n / count..(part + 1) * n / count)
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the operands of a kernel")]
unsafe fn correlate_kernel<V: Vector>(
    pass: &Pass,
    fan: &Fan,
    weights: &[f32],
    bias: Option<&[f32]>,
    from: &[Pack],
    to: &mut [Pack],
    add: bool,
) {
    for map in 0..fan.n_maps() {
        let start = bias.map_or(0.0, |bias| bias[map]);
        for y in 0..pass.rows {
            for run in parts(pass.columns, V::ACCUMULATORS.min(LONGEST_RUN)) {
                let to_at = map * pass.map + pass.to.at(y, run.start);
                let from_at = pass.from.at(y, run.start);
                // SAFETY: `Pass::check` has found all indices inside; the processor has the instructions of `V`.
                unsafe {
                    let to = to.as_mut_ptr().add(to_at);
                    let from = from.as_ptr().add(from_at);
                    let weights = weights.as_ptr();
                    let target = Target { to, column: pass.to.column, start, add };
                    if pass.from.column == 1 {
                        with_length!(
                            run.len(),
                            correlate_run::<V, true>(&pass.taps, fan.of(map), weights, from, 1, &target)
                        );
                    } else {
                        let step = pass.from.column;
                        with_length!(
                            run.len(),
                            correlate_run::<V, false>(&pass.taps, fan.of(map), weights, from, step, &target)
                        );
                    }
                }
            }
        }
    }
}

/// Where a run goes.
struct Target {
    to: *mut Pack,
    column: usize,
    start: f32,
    add: bool,
}

#[inline(always)]
unsafe fn correlate_run<V: Vector, const NEIGHBORS: bool, const N: usize>(
    taps: &[Tap],
    segments: &[Segment],
    weights: *const f32,
    from: *const Pack,
    step: usize,
    target: &Target,
) {
    // SAFETY: the caller vouches for all indices and for the instructions.
    unsafe {
        let mut sums = [V::splat(target.start); N];
        if target.add {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(target.to.add(i * target.column).cast()).add(*sum);
            }
        }
        for segment in segments {
            let weights = weights.add(segment.weight);
            let from = from.add(segment.source);
            for tap in taps {
                let weight = V::splat(*weights.add(tap.weight));
                let from = from.offset(tap.source);
                for (i, sum) in sums.iter_mut().enumerate() {
                    let at = if NEIGHBORS { i } else { i * step };
                    *sum = weight.mul_add(V::load(from.add(at).cast()), *sum);
                }
            }
        }
        for (i, sum) in sums.iter().enumerate() {
            sum.store(target.to.add(i * target.column).cast());
        }
    }
}

/// How the gradients of a convolution's weights are summed.
#[derive(Clone, Debug)]
pub(super) struct GradientPass {
    /// Offsets of the taps in an input map.
    pub(super) taps: Vec<usize>,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Positions of an input map for the first tap, and its elements.
    pub(super) input: Grid,
    pub(super) input_map: usize,
    /// Positions of an error map, and its elements.
    pub(super) error: Grid,
    pub(super) error_map: usize,
    /// Outputs that see each channel.
    pub(super) outputs: Vec<Vec<usize>>,
    pub(super) n_outputs: usize,
}

/// `gradient[o][c][tap] += Σ error[o]·input[c]` over positions and lanes, for the connected pairs.
pub(super) fn gradients(pass: &GradientPass, input: &[Pack], error: &[Pack], gradient: &mut [f32]) {
    let n_channels = pass.outputs.len();
    assert_eq!(gradient.len(), pass.n_outputs * n_channels * pass.taps.len(), "one gradient a weight");
    let tap = pass.taps.iter().copied().max().unwrap_or(0);
    let (y, x) = (pass.rows - 1, pass.columns - 1);
    assert!((n_channels - 1) * pass.input_map + pass.input.at(y, x) + tap < input.len(), "inputs are too short");
    assert!((pass.n_outputs - 1) * pass.error_map + pass.error.at(y, x) < error.len(), "errors are too short");
    assert!(pass.outputs.iter().flatten().all(|&output| output < pass.n_outputs), "outputs out of range");
    gradients_checked(pass, input, error, gradient);
}

dispatch! {
    fn gradients_checked(pass: &GradientPass, input: &[Pack], error: &[Pack], gradient: &mut [f32]) = gradients_kernel
}

#[inline(always)]
unsafe fn gradients_kernel<V: Vector>(pass: &GradientPass, input: &[Pack], error: &[Pack], gradient: &mut [f32]) {
    let (most_taps, most_outputs) = if V::ACCUMULATORS >= 24 { (6, 4) } else { (3, 2) };
    for (channel, outputs) in pass.outputs.iter().enumerate() {
        for output_part in parts(outputs.len(), most_outputs) {
            let outputs = &outputs[output_part];
            for tap_part in parts(pass.taps.len(), most_taps) {
                // SAFETY: `gradients` has found all indices inside; the processor has the instructions of `V`.
                unsafe {
                    let input = input.as_ptr().add(channel * pass.input_map);
                    let call = (pass, channel, outputs, tap_part, input, error.as_ptr());
                    match outputs.len() {
                        1 => gradients_of_taps::<V, 1>(call, gradient),
                        2 => gradients_of_taps::<V, 2>(call, gradient),
                        3 => gradients_of_taps::<V, 3>(call, gradient),
                        _ => gradients_of_taps::<V, 4>(call, gradient),
                    }
                }
            }
        }
    }
}

type Tile<'a> = (&'a GradientPass, usize, &'a [usize], std::ops::Range<usize>, *const Pack, *const Pack);

#[inline(always)]
unsafe fn gradients_of_taps<V: Vector, const O: usize>(tile: Tile<'_>, gradient: &mut [f32]) {
    // SAFETY: the caller vouches for all indices and for the instructions.
    unsafe {
        match tile.3.len() {
            1 => gradients_of_tile::<V, O, 1>(tile, gradient),
            2 => gradients_of_tile::<V, O, 2>(tile, gradient),
            3 => gradients_of_tile::<V, O, 3>(tile, gradient),
            4 => gradients_of_tile::<V, O, 4>(tile, gradient),
            5 => gradients_of_tile::<V, O, 5>(tile, gradient),
            _ => gradients_of_tile::<V, O, 6>(tile, gradient),
        }
    }
}

#[inline(always)]
unsafe fn gradients_of_tile<V: Vector, const O: usize, const T: usize>(tile: Tile<'_>, gradient: &mut [f32]) {
    let (pass, channel, outputs, taps, input, error) = tile;
    // SAFETY: the caller vouches for all indices and for the instructions.
    unsafe {
        let mut sums = [[V::splat(0.0); T]; O];
        let inputs: [*const Pack; T] = std::array::from_fn(|t| input.add(pass.taps[taps.start + t]));
        let errors: [*const Pack; O] = std::array::from_fn(|o| error.add(outputs[o] * pass.error_map));
        for y in 0..pass.rows {
            let (mut from, mut of) = (pass.input.at(y, 0), pass.error.at(y, 0));
            for _ in 0..pass.columns {
                let values: [V; T] = std::array::from_fn(|t| V::load(inputs[t].add(from).cast()));
                for o in 0..O {
                    let error = V::load(errors[o].add(of).cast());
                    for t in 0..T {
                        sums[o][t] = error.mul_add(values[t], sums[o][t]);
                    }
                }
                from += pass.input.column;
                of += pass.error.column;
            }
        }
        let n_taps = pass.taps.len();
        for (o, sums) in sums.iter().enumerate() {
            let at = (outputs[o] * pass.outputs.len() + channel) * n_taps + taps.start;
            for (t, sum) in sums.iter().enumerate() {
                gradient[at + t] += sum.sum();
            }
        }
    }
}

/// `sums[map] += Σ error[map]` over the positions and lanes of each map.
pub(super) fn bias_gradients(error: &[Pack], map: usize, gradient: &mut [f32]) {
    for (error, gradient) in error.chunks_exact(map).zip(gradient) {
        let mut lanes = [0.0; LANES];
        for pack in error {
            for (sum, value) in lanes.iter_mut().zip(pack.0) {
                *sum += value;
            }
        }
        *gradient += lanes.iter().sum::<f32>();
    }
}
