//! Pooling windows over a map with padding.

use std::ops::Range;

use crate::layout::Layout;
use crate::network::{Pool, Pooling, PoolingMode, Shape, Size};

#[derive(Clone, Debug)]
pub(crate) struct PoolPlan {
    pub(crate) pooling: Pooling,
    pub(crate) mode: PoolingMode,
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    /// Follows a maximum of counts that only rise, and no count is in two windows: the window's count is then the greatest
    /// count seen, whoever comes first.
    pub(crate) only_rises: bool,
    window: Size,
    stride: Size,
    padding: Size,
    /// Window rows that hold each input row, and window columns that hold each input column.
    rows: Vec<Range<u32>>,
    columns: Vec<Range<u32>>,
    /// Outputs that each channel is connected to, ascending.
    outputs: Vec<Vec<u32>>,
    /// Channels that each output is connected to, ascending.
    channels: Vec<Vec<u32>>,
}

impl PoolPlan {
    pub(crate) fn new(pool: &Pool, layout: &Layout, counts_only_rise: bool) -> Self {
        let n_channels = layout.input.channels;
        let mut outputs = vec![Vec::new(); n_channels];
        let mut channels = vec![Vec::new(); pool.n_outputs];
        for output in 0..pool.n_outputs {
            for channel in 0..n_channels {
                if pool.mapping.as_ref().is_none_or(|mapping| mapping[output * n_channels + channel]) {
                    outputs[channel].push(output as u32);
                    channels[output].push(channel as u32);
                }
            }
        }
        let axis = |n: usize, window: usize, stride: usize, padding: usize, n_windows: usize| -> Vec<Range<u32>> {
            let holding = |at: usize| {
                let first = (at + padding + 1).saturating_sub(window).div_ceil(stride);
                first as u32..((at + padding) / stride + 1).min(n_windows) as u32
            };
            (0..n).map(holding).collect()
        };
        let (input, output, stride, padding) = (layout.input, layout.output, pool.stride, pool.padding);
        let rows = axis(input.height, pool.window.height, stride.height, padding.height, output.height);
        let columns = axis(input.width, pool.window.width, stride.width, padding.width, output.width);
        let is_one = |windows: &Range<u32>| windows.len() <= 1;
        let is_partition =
            rows.iter().all(is_one) && columns.iter().all(is_one) && outputs.iter().all(|outputs| outputs.len() <= 1);
        Self {
            rows,
            columns,
            only_rises: counts_only_rise && is_partition && pool.pooling == Pooling::Max,
            pooling: pool.pooling,
            mode: pool.mode,
            input: layout.input,
            output: layout.output,
            window: pool.window,
            stride: pool.stride,
            padding: pool.padding,
            outputs,
            channels,
        }
    }

    /// Whether the tracked value starts from below every count, so that any first spike raises it.
    pub(crate) fn starts_below_all(&self) -> bool {
        (self.pooling, self.mode) == (Pooling::Max, PoolingMode::Approximated) && !self.only_rises
    }

    /// The one window of each neuron of a source whose channels begin at `first_channel` of the input, both by memory index; the
    /// number of windows where there is none.
    pub(crate) fn window_of_each(&self, source: Shape, first_channel: usize) -> Vec<u32> {
        let mut windows = Vec::with_capacity(source.len());
        for y in 0..source.height {
            for x in 0..source.width {
                let (rows, columns) = self.windows(y, x);
                for channel in 0..source.channels {
                    let output = self.outputs(first_channel + channel).first();
                    windows.push(match (rows.clone().next(), columns.clone().next(), output) {
                        (Some(oy), Some(ox), Some(&output)) => {
                            ((oy * self.output.width + ox) * self.output.channels) as u32 + output
                        }
                        _ => self.output.len() as u32,
                    });
                }
            }
        }
        windows
    }

    /// Rows and columns of the windows that hold an input element.
    #[inline(always)]
    pub(crate) fn windows(&self, y: usize, x: usize) -> (Range<usize>, Range<usize>) {
        let (rows, columns) = (&self.rows[y], &self.columns[x]);
        (rows.start as usize..rows.end as usize, columns.start as usize..columns.end as usize)
    }

    /// Outputs that a channel is connected to, ascending.
    #[inline(always)]
    pub(crate) fn outputs(&self, channel: usize) -> &[u32] {
        &self.outputs[channel]
    }

    /// Elements of a window over all the channels of an output, padding included.
    #[inline(always)]
    pub(crate) fn window_len(&self, output: usize) -> i64 {
        (self.window.width * self.window.height * self.channels[output].len()) as i64
    }

    /// The greatest count in a window.
    pub(crate) fn window_max(&self, counts: &[i32], output: usize, neuron: usize) -> i32 {
        let at = neuron % self.output.plane();
        let (oy, ox) = (at / self.output.width, at % self.output.width);
        let axis = |o: usize, window: usize, stride: usize, padding: usize, n: usize| {
            (o * stride).saturating_sub(padding)..(o * stride + window).saturating_sub(padding).min(n)
        };
        let columns = axis(ox, self.window.width, self.stride.width, self.padding.width, self.input.width);
        let rows = axis(oy, self.window.height, self.stride.height, self.padding.height, self.input.height);
        let mut greatest = i32::MIN;
        for &channel in &self.channels[output] {
            for y in rows.clone() {
                let row = (channel as usize * self.input.height + y) * self.input.width;
                for &count in &counts[row..][columns.clone()] {
                    greatest = greatest.max(count);
                }
            }
        }
        greatest
    }

    /// Window elements inside the map, over all windows and connected pairs.
    pub(crate) fn connections(&self) -> u64 {
        let axis = |n_windows: usize, window: usize, stride: usize, padding: usize, n: usize| -> u64 {
            let inside = |o: usize| {
                (o * stride + window)
                    .saturating_sub(padding)
                    .min(n)
                    .saturating_sub((o * stride).saturating_sub(padding))
            };
            (0..n_windows).map(|o| inside(o) as u64).sum()
        };
        let columns =
            axis(self.output.width, self.window.width, self.stride.width, self.padding.width, self.input.width);
        let rows =
            axis(self.output.height, self.window.height, self.stride.height, self.padding.height, self.input.height);
        let pairs: usize = self.channels.iter().map(Vec::len).sum();
        columns * rows * pairs as u64
    }
}
