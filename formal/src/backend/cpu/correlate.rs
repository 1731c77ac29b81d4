//! The inner loops of convolutions, on packs.
//!
//! [`correlate`] computes one map after the other, a run of neighboring columns at a time in registers; each tap is
//! one weight times a run of the source. It serves the outputs of a convolution and, with the taps reversed, the
//! errors of its inputs. [`gradients`] sums products of errors and inputs over all positions, a tile of taps by
//! outputs at a time.

use std::ops::Range;

use super::lanes::{LANES, Pack, Part, Vector, dispatch};

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

/// The source maps that each computed map sees. Maps are computed in pairs that share as many sources as can be, so
/// that a value is loaded once for both.
#[derive(Clone, Debug)]
pub(super) struct Fan {
    n_maps: usize,
    groups: Vec<Group>,
}

/// One or two maps.
#[derive(Clone, Debug)]
struct Group {
    maps: [usize; 2],
    is_pair: bool,
    /// What both see: the source, and where the second one's kernel starts.
    shared: Vec<(Segment, usize)>,
    /// What one of them sees.
    own: [Vec<Segment>; 2],
}

impl Fan {
    /// From the sources of each map, ascending.
    pub(super) fn new(maps: &[Vec<Segment>]) -> Self {
        let shares = |a: &[Segment], b: &Segment| a.iter().any(|a| a.source == b.source);
        let n_shared = |a: usize, b: usize| maps[a].iter().filter(|segment| shares(&maps[b], segment)).count();
        let mut left: Vec<usize> = (0..maps.len()).rev().collect();
        let mut groups = Vec::new();
        while let Some(first) = left.pop() {
            // `left` descends: of several equal candidates the last is the nearest map.
            let best = (0..left.len()).max_by_key(|&at| n_shared(first, left[at]));
            let second = best.filter(|&at| n_shared(first, left[at]) > 0).map(|at| left.remove(at));
            let other = second.map_or(&[][..], |second| &maps[second]);
            let (shared, own): (Vec<Segment>, Vec<Segment>) = maps[first].iter().partition(|s| shares(other, s));
            let kernel = |segment: &Segment| other.iter().find(|o| o.source == segment.source).map_or(0, |o| o.weight);
            groups.push(Group {
                maps: [first, second.unwrap_or(first)],
                is_pair: second.is_some(),
                own: [own, other.iter().filter(|segment| !shares(&shared, segment)).copied().collect()],
                shared: shared.into_iter().map(|segment| (segment, kernel(&segment))).collect(),
            });
        }
        Self { n_maps: maps.len(), groups }
    }

    /// Starts of all sources with those of their kernels.
    fn segments(&self) -> impl Iterator<Item = Segment> {
        self.groups.iter().flat_map(|group| {
            let shared = group.shared.iter().flat_map(|&(s, weight)| [s, Segment { weight, ..s }]);
            shared.chain(group.own.iter().flatten().copied())
        })
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
    /// Ordered by the row of the sources that they reach.
    pub(super) taps: Vec<Tap>,
    /// For each row, the taps that reach a row of the sources.
    pub(super) rows: Vec<Range<usize>>,
    pub(super) columns: usize,
    pub(super) to: Grid,
    /// Elements of one computed map.
    pub(super) map: usize,
    pub(super) from: Grid,
}

impl Pass {
    /// The greatest index read from the sources and the weights and written to the maps, or a negative reach.
    fn check(&self, fan: &Fan, weights: usize, source: usize, to: usize) {
        if self.rows.is_empty() || self.columns == 0 || fan.n_maps == 0 {
            return;
        }
        let last_to = (fan.n_maps - 1) * self.map + self.to.at(self.rows.len() - 1, self.columns - 1);
        assert!(last_to < to, "a pass writes outside its maps");
        let (mut low, mut high, mut weight) = (isize::MAX, isize::MIN, 0);
        for (y, taps) in self.rows.iter().enumerate() {
            for tap in &self.taps[taps.clone()] {
                low = low.min(self.from.at(y, 0) as isize + tap.source);
                high = high.max(self.from.at(y, self.columns - 1) as isize + tap.source);
                weight = weight.max(tap.weight);
            }
        }
        for segment in fan.segments().filter(|_| low <= high) {
            let start = segment.source as isize;
            let inside = start + low >= 0 && start + high < source as isize && segment.weight + weight < weights;
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
    assert!(bias.is_none_or(|bias| bias.len() == fan.n_maps), "one bias a map");
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

/// `n` split into the fewest nearly equal parts of at most `most`.
pub(super) fn parts(n: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let count = n.div_ceil(most);
    (0..count).map(move |part| part * n / count..(part + 1) * n / count)
}

/// The longest run where sources are a step apart: each load then needs an address of its own.
const LONGEST_STRIDED: usize = 7;

#[inline(always)]
unsafe fn correlate_kernel<V: Vector>(
    pass: &Pass,
    fan: &Fan,
    weights: &[f32],
    bias: Option<&[f32]>,
    from: &[Pack],
    to: &mut [Pack],
    add: bool,
) {
    let most = if pass.from.column == 1 { usize::MAX } else { LONGEST_STRIDED };
    for group in &fan.groups {
        let start = |map: usize| bias.map_or(0.0, |bias| bias[map]);
        let starts = [start(group.maps[0]), start(group.maps[1])];
        let most = if group.is_pair { V::PAIRS.min(most) } else { V::RUN.min(most) };
        for (y, taps) in pass.rows.iter().enumerate() {
            for run in parts(pass.columns, most) {
                let at = pass.to.at(y, run.start);
                let from_at = pass.from.at(y, run.start);
                // SAFETY: `Pass::check` has found all indices inside; the processor has the instructions of `V`.
                unsafe {
                    let maps = to.as_mut_ptr().add(at);
                    let to = [maps.add(group.maps[0] * pass.map), maps.add(group.maps[1] * pass.map)];
                    let call = Run {
                        taps: &pass.taps[taps.clone()],
                        group,
                        weights: weights.as_ptr(),
                        from: from.as_ptr().add(from_at),
                        step: pass.from.column,
                        to,
                        column: pass.to.column,
                        starts,
                        add,
                    };
                    match (group.is_pair, pass.from.column == 1) {
                        (true, true) => with_length!(run.len(), correlate_pair::<V, true>(&call)),
                        (true, false) => with_length!(run.len(), correlate_pair::<V, false>(&call)),
                        (false, true) => with_length!(run.len(), correlate_run::<V, true>(&call)),
                        (false, false) => with_length!(run.len(), correlate_run::<V, false>(&call)),
                    }
                }
            }
        }
    }
}

/// Neighboring columns of one or two maps.
struct Run<'a> {
    taps: &'a [Tap],
    group: &'a Group,
    weights: *const f32,
    from: *const Pack,
    step: usize,
    to: [*mut Pack; 2],
    column: usize,
    starts: [f32; 2],
    add: bool,
}

impl Run<'_> {
    /// # Safety
    ///
    /// All indices of the run are inside, and the processor has the instructions of `V`; the same for the methods
    /// and functions below.
    #[inline(always)]
    unsafe fn start<V: Vector, const N: usize>(&self, map: usize) -> [V; N] {
        // SAFETY: the caller vouches for it.
        unsafe {
            let start = V::splat(self.starts[map]);
            let mut sums = [start; N];
            if self.add {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(self.to[map].add(i * self.column).cast()).add(start);
                }
            }
            sums
        }
    }

    #[inline(always)]
    unsafe fn end<V: Vector, const N: usize>(&self, map: usize, sums: [V; N]) {
        for (i, sum) in sums.into_iter().enumerate() {
            // SAFETY: the caller vouches for it.
            unsafe { sum.store(self.to[map].add(i * self.column).cast()) };
        }
    }

    /// Column `i` of the source at `from`.
    #[inline(always)]
    unsafe fn load<V: Vector, const NEIGHBORS: bool>(&self, from: *const Pack, i: usize) -> V {
        // SAFETY: the caller vouches for it.
        unsafe { V::load(from.add(if NEIGHBORS { i } else { i * self.step }).cast()) }
    }

    #[inline(always)]
    unsafe fn own<V: Vector, const NEIGHBORS: bool, const N: usize>(&self, map: usize, sums: &mut [V; N]) {
        // SAFETY: the caller vouches for it.
        unsafe {
            for segment in &self.group.own[map] {
                let (weights, from) = (self.weights.add(segment.weight), self.from.add(segment.source));
                for tap in self.taps {
                    let weight = V::splat(*weights.add(tap.weight));
                    let from = from.offset(tap.source);
                    for (i, sum) in sums.iter_mut().enumerate() {
                        *sum = weight.mul_add(self.load::<V, NEIGHBORS>(from, i), *sum);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn correlate_run<V: Vector, const NEIGHBORS: bool, const N: usize>(run: &Run<'_>) {
    if N > V::RUN || (!NEIGHBORS && N > LONGEST_STRIDED) {
        return;
    }
    // SAFETY: the caller vouches for it.
    unsafe {
        let mut sums: [V; N] = run.start(0);
        run.own::<V, NEIGHBORS, N>(0, &mut sums);
        run.end(0, sums);
    }
}

#[inline(always)]
unsafe fn correlate_pair<V: Vector, const NEIGHBORS: bool, const N: usize>(run: &Run<'_>) {
    if N > V::PAIRS || (!NEIGHBORS && N > LONGEST_STRIDED) {
        return;
    }
    // SAFETY: the caller vouches for it.
    unsafe {
        let mut first: [V; N] = run.start(0);
        let mut second: [V; N] = run.start(1);
        for (segment, kernel) in &run.group.shared {
            let weights = [run.weights.add(segment.weight), run.weights.add(*kernel)];
            let from = run.from.add(segment.source);
            for tap in run.taps {
                let weights = [V::splat(*weights[0].add(tap.weight)), V::splat(*weights[1].add(tap.weight))];
                let from = from.offset(tap.source);
                for i in 0..N {
                    let value: V = run.load::<V, NEIGHBORS>(from, i);
                    first[i] = weights[0].mul_add(value, first[i]);
                    second[i] = weights[1].mul_add(value, second[i]);
                }
            }
        }
        run.own::<V, NEIGHBORS, N>(0, &mut first);
        run.own::<V, NEIGHBORS, N>(1, &mut second);
        run.end(0, first);
        run.end(1, second);
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
    let (most_taps, most_outputs) = V::TILE;
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

type Tile<'a> = (&'a GradientPass, usize, &'a [usize], Range<usize>, *const Pack, *const Pack);

#[inline(always)]
unsafe fn gradients_of_taps<V: Vector, const O: usize>(tile: Tile<'_>, gradient: &mut [f32]) {
    // SAFETY: the caller vouches for all indices and for the instructions.
    unsafe {
        match tile.3.len() {
            1 => gradients_of_tile::<V, O, 1>(tile, gradient),
            2 => gradients_of_tile::<V, O, 2>(tile, gradient),
            3 => gradients_of_tile::<V, O, 3>(tile, gradient),
            4 => gradients_of_tile::<V, O, 4>(tile, gradient),
            _ => gradients_of_tile::<V, O, 5>(tile, gradient),
        }
    }
}

#[inline(always)]
unsafe fn gradients_of_tile<V: Vector, const O: usize, const T: usize>(tile: Tile<'_>, gradient: &mut [f32]) {
    if T > V::TILE.0 || O > V::TILE.1 {
        return;
    }
    let (pass, channel, outputs, taps, input, error) = tile;
    // SAFETY: the caller vouches for all indices and for the instructions.
    unsafe {
        let mut lanes = [[Pack::ZERO; T]; O];
        for first in (0..LANES).step_by(V::Part::LANES) {
            let mut sums = [[V::Part::splat(0.0); T]; O];
            let (mut inputs, mut errors) = ([input.cast::<f32>().add(first); T], [error.cast::<f32>().add(first); O]);
            for (input, &tap) in inputs.iter_mut().zip(&pass.taps[taps.clone()]) {
                *input = input.add(LANES * tap);
            }
            for (error, &output) in errors.iter_mut().zip(outputs) {
                *error = error.add(LANES * output * pass.error_map);
            }
            for y in 0..pass.rows {
                let (mut from, mut of) = (LANES * pass.input.at(y, 0), LANES * pass.error.at(y, 0));
                for _ in 0..pass.columns {
                    let mut values = [V::Part::splat(0.0); T];
                    for t in 0..T {
                        values[t] = V::Part::load(inputs[t].add(from));
                    }
                    for o in 0..O {
                        let error = V::Part::load(errors[o].add(of));
                        for t in 0..T {
                            sums[o][t] = error.mul_add(values[t], sums[o][t]);
                        }
                    }
                    from += LANES * pass.input.column;
                    of += LANES * pass.error.column;
                }
            }
            for (lanes, sums) in lanes.iter_mut().flatten().zip(sums.iter().flatten()) {
                sums.store(lanes.0.as_mut_ptr().add(first));
            }
        }
        let n_taps = pass.taps.len();
        for (o, lanes) in lanes.iter().enumerate() {
            let at = (outputs[o] * pass.outputs.len() + channel) * n_taps + taps.start;
            for (t, lanes) in lanes.iter().enumerate() {
                gradient[at + t] += V::load(lanes.0.as_ptr()).sum();
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
