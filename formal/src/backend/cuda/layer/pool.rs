//! Pooling with windows of any kind, and values put back.

use std::ops::Range;

use super::{Launch, Machine, MachineFault, Site, each, rows};
use crate::backend::cuda::machine::{Argument, Buffer, arguments};
use crate::backend::cuda::memory::Arena;
use crate::cell::fmp::{Axis, Draw, Fmp};
use crate::cell::pool::Pool;
use crate::cell::size;
use crate::cell::unpool::Unpool;
use crate::config::Pooling;

/// A pooling made ready.
pub(in crate::backend::cuda) struct PoolLayer {
    pool: Pool,
    /// Where the windows are, in inference.
    edges: Buffer,
    /// Whether each learning step cuts its own windows.
    is_fractional: bool,
    /// Channels of each output.
    starts: Buffer,
    links: Buffer,
    /// Outputs of each channel.
    back_starts: Buffer,
    back_links: Buffer,
    /// What the sum of a window is multiplied by, one an output channel; none for maxima.
    shares: Buffer,
}

/// `Windows` of the kernels.
impl Argument for &Pool {
    fn push(self, arguments: &mut Vec<u8>) {
        for shape in [self.input, self.output] {
            [shape.channels, shape.height, shape.width].into_iter().for_each(|side| side.push(arguments));
        }
    }
}

/// `Edges` of the kernels: of each window of both axes its first input and its end; of each input the first window that may
/// hold it and the end of those.
fn edges(pool: &Pool, windows: [&[Range<usize>]; 2]) -> Vec<u32> {
    let over = |windows: &[Range<usize>], side: usize| {
        // Windows start and end in ascending order.
        let of = |at: usize| {
            let first = windows.partition_point(|window| window.end <= at);
            first..windows.partition_point(|window| window.start <= at).max(first)
        };
        (0..side).map(of).collect::<Vec<_>>()
    };
    let [rows, columns] = windows;
    let over = [over(rows, pool.input.height), over(columns, pool.input.width)];
    let all = rows.iter().chain(columns).chain(over.iter().flatten());
    all.flat_map(|window| [window.start as u32, window.end as u32]).collect()
}

/// Numbers of [`edges`].
pub(in crate::backend::cuda) fn n_edges(pool: &Pool) -> usize {
    2 * (pool.output.height + pool.output.width + pool.input.height + pool.input.width)
}

/// The windows of a fractional pooling: those of a learning step, or those of inference.
pub(in crate::backend::cuda) fn cut(fmp: &Fmp, draw: Option<Draw>) -> Vec<u32> {
    let output = fmp.pool.output;
    let [rows, columns] = [(Axis::Rows, output.height), (Axis::Columns, output.width)].map(|(axis, n)| {
        let mut windows = vec![0..0; n];
        fmp.cut(axis, draw, &mut windows);
        windows
    });
    edges(&fmp.pool, [&rows, &columns])
}

impl PoolLayer {
    pub(super) fn new<M: Machine>(pool: &Pool, memory: &mut Arena<M>) -> Result<Self, MachineFault> {
        let rows: Vec<_> = (0..pool.output.height).map(|y| pool.rows(y)).collect();
        let columns: Vec<_> = (0..pool.output.width).map(|x| pool.columns(x)).collect();
        Self::with(pool, &edges(pool, [&rows, &columns]), false, memory)
    }

    pub(super) fn fractional<M: Machine>(fmp: &Fmp, memory: &mut Arena<M>) -> Result<Self, MachineFault> {
        Self::with(&fmp.pool, &cut(fmp, None), true, memory)
    }

    fn with<M: Machine>(
        pool: &Pool,
        edges: &[u32],
        is_fractional: bool,
        memory: &mut Arena<M>,
    ) -> Result<Self, MachineFault> {
        let (output, input, connections) = (pool.output, pool.input, &pool.connections);
        let (starts, links) = rows((0..output.channels).map(|o| connections.channels(o).collect()), memory)?;
        let (back_starts, back_links) = rows((0..input.channels).map(|c| connections.outputs(c).collect()), memory)?;
        let shares: Vec<f32> = match pool.pooling {
            Pooling::Max => Vec::new(),
            Pooling::Average => (0..output.channels).map(|o| pool.share(o) as f32).collect(),
        };
        Ok(Self {
            pool: pool.clone(),
            edges: memory.table(edges)?,
            is_fractional,
            starts,
            links,
            back_starts,
            back_links,
            shares: memory.table(&shares)?,
        })
    }

    /// Winners of maxima.
    pub(super) fn kept(&self, n: usize) -> usize {
        if self.pool.pooling == Pooling::Max { 4 * n * size(self.pool.output) } else { 0 }
    }

    fn edges(&self, site: &Site) -> Buffer {
        if self.is_fractional && site.learns { site.draw.windows } else { self.edges }
    }

    pub(super) fn forward(&self, site: &Site) -> Launch {
        let &Site { n, input, output, kept, .. } = site;
        let Self { pool, starts, links, shares, .. } = self;
        let arguments = arguments![input, self.edges(site), *starts, *links, *shares, kept, output, pool, n];
        each("pool_forward", n * size(pool.output), arguments)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, error, sink, kept, .. } = site;
        let Self { pool, back_starts, back_links, shares, .. } = self;
        let arguments = arguments![error, self.edges(site), *back_starts, *back_links, *shares, kept, sink, pool, n];
        each("pool_back", n * size(pool.input), arguments)
    }
}

/// An unpooling made ready.
pub(in crate::backend::cuda) struct UnpoolLayer {
    pool: PoolLayer,
}

impl UnpoolLayer {
    pub(super) fn new<M: Machine>(unpool: &Unpool, memory: &mut Arena<M>) -> Result<Self, MachineFault> {
        Ok(Self { pool: PoolLayer::new(&unpool.pool, memory)? })
    }

    pub(super) fn forward(&self, site: &Site) -> Launch {
        let &Site { n, input, output, winners, .. } = site;
        let PoolLayer { pool, edges, back_starts, back_links, shares, .. } = &self.pool;
        let arguments = arguments![input, *edges, *back_starts, *back_links, *shares, winners, output, pool, n];
        each("unpool_forward", n * size(pool.input), arguments)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, error, sink, winners, .. } = site;
        let pool = &self.pool.pool;
        let arguments = arguments![error, winners, sink, size(pool.input), size(pool.output), n];
        each("unpool_back", n * size(pool.output), arguments)
    }
}
