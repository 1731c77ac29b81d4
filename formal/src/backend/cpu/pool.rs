//! Pooling on packs.

use std::ops::Range;

use super::lanes::{Pack, Vector, dispatch};
use crate::cell::pool::Pool;
use crate::cell::size;
use crate::config::Pooling;

/// A pooling made ready.
#[derive(Clone, Debug)]
pub(super) struct PoolLayer {
    pool: Pool,
    /// Channels of each output.
    channels: Vec<Vec<usize>>,
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
}

impl PoolLayer {
    pub(super) fn new(pool: &Pool) -> Self {
        Self {
            channels: (0..pool.output.channels).map(|output| pool.connections.channels(output).collect()).collect(),
            rows: (0..pool.output.height).map(|y| pool.rows(y)).collect(),
            columns: (0..pool.output.width).map(|x| pool.columns(x)).collect(),
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
            Pooling::Max => maxima(self, input, output, winners),
            Pooling::Average => averages(self, input, output),
        }
    }

    /// Adds to the errors of the inputs.
    pub(super) fn backward(&self, winners: &[Pack], error: &[Pack], input_error: &mut [Pack]) {
        let sizes = (size(self.pool.input), size(self.pool.output));
        assert_eq!((input_error.len(), error.len()), sizes, "a pack an element");
        match self.pool.pooling {
            Pooling::Max => max_errors(self, winners, error, input_error),
            Pooling::Average => average_errors(self, error, input_error),
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
dispatch! { fn averages(layer: &PoolLayer, input: &[Pack], output: &mut [Pack]) = averages_kernel }
dispatch! {
    fn max_errors(layer: &PoolLayer, winners: &[Pack], error: &[Pack], input_error: &mut [Pack]) = max_errors_kernel
}
dispatch! {
    fn average_errors(layer: &PoolLayer, error: &[Pack], input_error: &mut [Pack]) = average_errors_kernel
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

#[inline(always)]
unsafe fn max_errors_kernel<V: Vector>(layer: &PoolLayer, winners: &[Pack], error: &[Pack], input_error: &mut [Pack]) {
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
                            V::load(input).add(part).store(input);
                            ordinal += 1.0;
                        },
                    );
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
unsafe fn average_errors_kernel<V: Vector>(layer: &PoolLayer, error: &[Pack], input_error: &mut [Pack]) {
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
                            V::load(input).add(part).store(input);
                        },
                    );
                }
            },
        );
    }
}
