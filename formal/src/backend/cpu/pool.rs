//! Pooling on packs.

use std::ops::Range;

use super::lanes::{Pack, Vector, clear, dispatch};
use crate::cell::fmp::{Axis, Draw, Fmp};
use crate::cell::pool::Pool;
use crate::cell::size;
use crate::cell::unpool::Unpool;
use crate::config::Pooling;

/// A pooling made ready.
#[derive(Clone, Debug)]
pub(super) struct PoolLayer {
    pool: Pool,
    /// Channels of each output.
    channels: Vec<Vec<usize>>,
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
    /// Whether each output has one channel and the windows are 2 x 2 inside the input.
    has_small_windows: bool,
    /// Whether each input is under exactly one window.
    is_tiling: bool,
}

impl PoolLayer {
    pub(super) fn new(pool: &Pool) -> Self {
        let Pool { input, output, window, stride, padding, connections, .. } = pool;
        let channels: Vec<Vec<usize>> =
            (0..output.channels).map(|output| connections.channels(output).collect()).collect();
        let small = (window.width, window.height, padding.width, padding.height) == (2, 2, 0, 0);
        let covers = (output.width * stride.width, output.height * stride.height) == (input.width, input.height);
        Self {
            has_small_windows: small && channels.iter().all(|channels| channels.len() == 1),
            is_tiling: window == stride
                && (padding.width, padding.height) == (0, 0)
                && covers
                && (0..input.channels).all(|channel| connections.outputs(channel).count() == 1),
            channels,
            rows: (0..output.height).map(|y| pool.rows(y)).collect(),
            columns: (0..output.width).map(|x| pool.columns(x)).collect(),
            pool: pool.clone(),
        }
    }

    /// Whether [`PoolLayer::forward`] keeps winners.
    pub(super) fn has_winners(&self) -> bool {
        self.pool.pooling == Pooling::Max
    }

    /// Outputs before the activation. For max, `winners` gets the number, within the window, of the tap that won.
    pub(super) fn forward(&self, input: &[Pack], output: &mut [Pack], winners: &mut [Pack]) {
        assert_eq!((input.len(), output.len()), (size(self.pool.input), size(self.pool.output)), "a pack an element");
        match self.pool.pooling {
            Pooling::Max if self.has_small_windows => small_maxima(self, input, output, winners),
            Pooling::Max => maxima(self, input, output, winners),
            Pooling::Average => averages(self, input, output),
        }
    }

    /// Errors of the inputs.
    pub(super) fn backward(&self, winners: &[Pack], error: &[Pack], input_error: &mut [Pack], add: bool) {
        let sizes = (size(self.pool.input), size(self.pool.output));
        assert_eq!((input_error.len(), error.len()), sizes, "a pack an element");
        let stores = !add && self.is_tiling;
        if !add && !stores {
            clear(input_error);
        }
        match self.pool.pooling {
            Pooling::Max if stores && self.has_small_windows => small_max_errors(self, winners, error, input_error),
            Pooling::Max => max_errors(self, winners, error, input_error, stores),
            Pooling::Average => average_errors(self, error, input_error, stores),
        }
    }

    /// Calls `visit(output index, window)` for the windows of an output channel.
    #[inline(always)]
    fn each_window<'a>(&'a self, channel: usize, mut visit: impl FnMut(usize, Window<'a>)) {
        let mut to = channel * self.rows.len() * self.columns.len();
        for rows in &self.rows {
            for columns in &self.columns {
                visit(to, Window { pool: &self.pool, channels: &self.channels[channel], rows, columns });
                to += 1;
            }
        }
    }
}

/// An unpooling made ready.
#[derive(Clone, Debug)]
pub(super) struct UnpoolLayer {
    /// Index of the pooling's cell, which keeps the winners.
    pub(super) arg_max: usize,
    pool: PoolLayer,
}

impl UnpoolLayer {
    pub(super) fn new(unpool: &Unpool) -> Self {
        Self { arg_max: unpool.arg_max, pool: PoolLayer::new(&unpool.pool) }
    }

    /// Outputs before the activation.
    pub(super) fn forward(&self, winners: &[Pack], input: &[Pack], output: &mut [Pack]) {
        self.pool.backward(winners, input, output, false);
    }

    /// Errors of the inputs.
    pub(super) fn backward(&self, winners: &[Pack], error: &[Pack], input_error: &mut [Pack], add: bool) {
        winning(&self.pool, winners, error, input_error, add);
    }
}

/// A fractional max pooling made ready.
#[derive(Clone, Debug)]
pub(super) struct FmpLayer {
    fmp: Fmp,
    pub(super) pool: PoolLayer,
}

impl FmpLayer {
    pub(super) fn new(fmp: &Fmp) -> Self {
        let mut layer = Self { fmp: fmp.clone(), pool: PoolLayer::new(&fmp.pool) };
        (layer.pool.has_small_windows, layer.pool.is_tiling) = (false, false);
        layer.cut(None);
        layer
    }

    /// Takes the windows of a learning step, or those of inference.
    pub(super) fn cut(&mut self, draw: Option<Draw>) {
        self.fmp.cut(Axis::Rows, draw, &mut self.pool.rows);
        self.fmp.cut(Axis::Columns, draw, &mut self.pool.columns);
    }
}

/// The inputs under one output.
struct Window<'a> {
    pool: &'a Pool,
    channels: &'a [usize],
    rows: &'a Range<usize>,
    columns: &'a Range<usize>,
}

impl Window<'_> {
    /// Calls `visit` with the index of each input.
    #[inline(always)]
    fn each_tap(&self, mut visit: impl FnMut(usize)) {
        let input = self.pool.input;
        for channel in self.channels {
            for row in self.rows.clone() {
                let start = (channel * input.height + row) * input.width;
                for column in self.columns.clone() {
                    visit(start + column);
                }
            }
        }
    }
}

dispatch! { fn maxima(layer: &PoolLayer, input: &[Pack], output: &mut [Pack], winners: &mut [Pack]) = maxima_kernel }
dispatch! {
    fn small_maxima(layer: &PoolLayer, input: &[Pack], output: &mut [Pack], winners: &mut [Pack])
        = small_maxima_kernel
}
dispatch! { fn averages(layer: &PoolLayer, input: &[Pack], output: &mut [Pack]) = averages_kernel }
dispatch! {
    fn max_errors(layer: &PoolLayer, winners: &[Pack], error: &[Pack], input_error: &mut [Pack], stores: bool)
        = max_errors_kernel
}
dispatch! {
    /// The values of `from`, which has the size of the pooling's input, at the winners.
    fn winning(layer: &PoolLayer, winners: &[Pack], from: &[Pack], to: &mut [Pack], add: bool) = winning_kernel
}
dispatch! {
    fn small_max_errors(layer: &PoolLayer, winners: &[Pack], error: &[Pack], input_error: &mut [Pack])
        = small_max_errors_kernel
}
dispatch! {
    fn average_errors(layer: &PoolLayer, error: &[Pack], input_error: &mut [Pack], stores: bool)
        = average_errors_kernel
}

#[inline(always)]
unsafe fn maxima_kernel<V: Vector>(layer: &PoolLayer, input: &[Pack], output: &mut [Pack], winners: &mut [Pack]) {
    for channel in 0..layer.channels.len() {
        layer.each_window(
            channel,
            #[inline(always)]
            |to, window| {
                // SAFETY: packs can be read and written; the processor has the instructions of `V`.
                unsafe {
                    let (mut best, mut winner, mut ordinal) = (V::splat(0.0), V::splat(0.0), 0.0);
                    window.each_tap(
                        #[inline(always)]
                        |at| {
                            let value = V::load(input[at].0.as_ptr());
                            if ordinal == 0.0 {
                                best = value;
                            } else {
                                winner = value.if_greater(best, V::splat(ordinal), winner);
                                best = value.if_greater(best, value, best);
                            }
                            ordinal += 1.0;
                        },
                    );
                    best.store(output[to].0.as_mut_ptr());
                    winner.store(winners[to].0.as_mut_ptr());
                }
            },
        );
    }
}

/// [`maxima_kernel`] for windows of 2 x 2 in one channel.
#[inline(always)]
unsafe fn small_maxima_kernel<V: Vector>(layer: &PoolLayer, input: &[Pack], output: &mut [Pack], winners: &mut [Pack]) {
    let (shape, stride) = (layer.pool.input, layer.pool.stride.width);
    let n_columns = layer.columns.len();
    let mut to = output.chunks_exact_mut(n_columns).zip(winners.chunks_exact_mut(n_columns));
    for channels in &layer.channels {
        for (rows, (output, winners)) in layer.rows.iter().zip(&mut to) {
            let above = (channels[0] * shape.height + rows.start) * shape.width;
            let (above, below) = input[above..][..2 * shape.width].split_at(shape.width);
            for (x, (output, winner)) in output.iter_mut().zip(winners).enumerate() {
                let (above, below) = (&above[x * stride..][..2], &below[x * stride..][..2]);
                // SAFETY: packs can be read and written; the processor has the instructions of `V`.
                unsafe {
                    let (mut best, mut which) = (V::load(above[0].0.as_ptr()), V::splat(0.0));
                    for (ordinal, tap) in [(1.0, &above[1]), (2.0, &below[0]), (3.0, &below[1])] {
                        let tap = V::load(tap.0.as_ptr());
                        which = tap.if_greater(best, V::splat(ordinal), which);
                        best = tap.if_greater(best, tap, best);
                    }
                    best.store(output.0.as_mut_ptr());
                    which.store(winner.0.as_mut_ptr());
                }
            }
        }
    }
}

/// [`max_errors_kernel`] for windows of 2 x 2 that tile their channel: stores.
#[inline(always)]
unsafe fn small_max_errors_kernel<V: Vector>(
    layer: &PoolLayer,
    winners: &[Pack],
    error: &[Pack],
    input_error: &mut [Pack],
) {
    let shape = layer.pool.input;
    let n_columns = layer.columns.len();
    let mut from = error.chunks_exact(n_columns).zip(winners.chunks_exact(n_columns));
    for channels in &layer.channels {
        for (rows, (error, winners)) in layer.rows.iter().zip(&mut from) {
            let above = (channels[0] * shape.height + rows.start) * shape.width;
            let (above, below) = input_error[above..][..2 * shape.width].split_at_mut(shape.width);
            for (x, (error, winner)) in error.iter().zip(winners).enumerate() {
                // SAFETY: packs can be read and written; the processor has the instructions of `V`.
                unsafe {
                    let (error, winner) = (V::load(error.0.as_ptr()), V::load(winner.0.as_ptr()));
                    let zero = V::splat(0.0);
                    winner.if_equal(zero, error, zero).store(above[2 * x].0.as_mut_ptr());
                    winner.if_equal(V::splat(1.0), error, zero).store(above[2 * x + 1].0.as_mut_ptr());
                    winner.if_equal(V::splat(2.0), error, zero).store(below[2 * x].0.as_mut_ptr());
                    winner.if_equal(V::splat(3.0), error, zero).store(below[2 * x + 1].0.as_mut_ptr());
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn max_errors_kernel<V: Vector>(
    layer: &PoolLayer,
    winners: &[Pack],
    error: &[Pack],
    input_error: &mut [Pack],
    stores: bool,
) {
    for channel in 0..layer.channels.len() {
        layer.each_window(
            channel,
            #[inline(always)]
            |to, window| {
                // SAFETY: packs can be read and written; the processor has the instructions of `V`.
                unsafe {
                    let (winner, value) = (V::load(winners[to].0.as_ptr()), V::load(error[to].0.as_ptr()));
                    let mut ordinal = 0.0;
                    window.each_tap(
                        #[inline(always)]
                        |at| {
                            let input = input_error[at].0.as_mut_ptr();
                            let part = winner.if_equal(V::splat(ordinal), value, V::splat(0.0));
                            if stores { part } else { V::load(input).add(part) }.store(input);
                            ordinal += 1.0;
                        },
                    );
                }
            },
        );
    }
}

#[inline(always)]
unsafe fn winning_kernel<V: Vector>(layer: &PoolLayer, winners: &[Pack], from: &[Pack], to: &mut [Pack], add: bool) {
    for channel in 0..layer.channels.len() {
        layer.each_window(
            channel,
            #[inline(always)]
            |at, window| {
                // SAFETY: packs can be read and written; the processor has the instructions of `V`.
                unsafe {
                    let to = to[at].0.as_mut_ptr();
                    let winner = V::load(winners[at].0.as_ptr());
                    let (mut value, mut ordinal) = (V::splat(0.0), 0.0);
                    window.each_tap(
                        #[inline(always)]
                        |tap| {
                            value = winner.if_equal(V::splat(ordinal), V::load(from[tap].0.as_ptr()), value);
                            ordinal += 1.0;
                        },
                    );
                    if add { V::load(to).add(value) } else { value }.store(to);
                }
            },
        );
    }
}

#[inline(always)]
unsafe fn averages_kernel<V: Vector>(layer: &PoolLayer, input: &[Pack], output: &mut [Pack]) {
    for channel in 0..layer.channels.len() {
        let share = layer.pool.share(channel) as f32;
        layer.each_window(
            channel,
            #[inline(always)]
            |to, window| {
                // SAFETY: packs can be read and written; the processor has the instructions of `V`.
                unsafe {
                    let mut sum = V::splat(0.0);
                    window.each_tap(
                        #[inline(always)]
                        |at| sum = sum.add(V::load(input[at].0.as_ptr())),
                    );
                    sum.mul(V::splat(share)).store(output[to].0.as_mut_ptr());
                }
            },
        );
    }
}

#[inline(always)]
unsafe fn average_errors_kernel<V: Vector>(layer: &PoolLayer, error: &[Pack], input_error: &mut [Pack], stores: bool) {
    for channel in 0..layer.channels.len() {
        let share = layer.pool.share(channel) as f32;
        layer.each_window(
            channel,
            #[inline(always)]
            |to, window| {
                // SAFETY: packs can be read and written; the processor has the instructions of `V`.
                unsafe {
                    let part = V::load(error[to].0.as_ptr()).mul(V::splat(share));
                    window.each_tap(
                        #[inline(always)]
                        |at| {
                            let input = input_error[at].0.as_mut_ptr();
                            if stores { part } else { V::load(input).add(part) }.store(input);
                        },
                    );
                }
            },
        );
    }
}
