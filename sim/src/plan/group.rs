//! The neurons of one source, their two orders, and where their spikes go.

use crate::layout::Link;
use crate::network::Shape;

/// The pixels of the environment, or the neurons of a cell.
///
/// Neurons have a *canonical* index (channel, y, x; x fastest), which settles the order of events and is what users see, and
/// a *memory* index, by which everything is stored: (y, x, channel; channel fastest) for cells, so that the outputs that
/// one spike reaches lie side by side; the canonical one for the environment.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// First position of the group in the network.
    pub(crate) base: u32,
    pub(crate) shape: Shape,
    pub(crate) has_memory_order: bool,
    /// Whether it may emit negative spikes.
    pub(crate) may_be_negative: bool,
    pub(crate) links: Vec<FanOut>,
    /// Whether the spikes of one instant must be handled in their canonical order: some link adds them up, or answers by
    /// which comes first; or whether they have signs or go nowhere, which is handled in the same place.
    pub(crate) is_ordered: bool,
    /// Whether a cell is linked twice, so that the links of a spike must be handled before the next spike.
    pub(crate) is_interleaved: bool,
    by_channels: Divisor,
    by_plane: Divisor,
    by_width: Divisor,
}

/// One way out of a group.
#[derive(Clone, Debug)]
pub(crate) struct FanOut {
    pub(crate) link: Link,
    /// For a pooling cell whose counts only rise: the memory index of the one window that holds each of the group's neurons
    /// (by memory index), or the number of windows where there is none.
    pub(crate) windows: Option<Vec<u32>>,
}

/// Where a neuron lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) channel: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
}

impl Group {
    pub(crate) fn new(
        base: u32,
        shape: Shape,
        has_memory_order: bool,
        may_be_negative: bool,
        links: Vec<FanOut>,
    ) -> Self {
        let is_interleaved =
            links.iter().enumerate().any(|(i, fan_out)| links[..i].iter().any(|l| l.link.cell == fan_out.link.cell));
        Self {
            base,
            shape,
            has_memory_order,
            may_be_negative,
            is_ordered: may_be_negative || links.is_empty() || links.iter().any(|fan_out| fan_out.windows.is_none()),
            is_interleaved,
            links,
            by_channels: Divisor::new(shape.channels),
            by_plane: Divisor::new(shape.plane()),
            by_width: Divisor::new(shape.width),
        }
    }

    /// The canonical index of a memory index.
    #[inline(always)]
    pub(crate) fn canonical(&self, memory: u32) -> u32 {
        if !self.has_memory_order {
            return memory;
        }
        let (at, channel) = self.by_channels.divide(memory);
        channel * self.by_plane.divisor + at
    }

    /// The memory index of a canonical index.
    #[inline(always)]
    pub(crate) fn memory(&self, canonical: u32) -> u32 {
        if !self.has_memory_order {
            return canonical;
        }
        let (channel, at) = self.by_plane.divide(canonical);
        at * self.by_channels.divisor + channel
    }

    /// The place of a canonical index.
    #[inline(always)]
    pub(crate) fn place(&self, canonical: u32) -> Place {
        let (channel, at) = self.by_plane.divide(canonical);
        let (y, x) = self.by_width.divide(at);
        Place { channel: channel as usize, y: y as usize, x: x as usize }
    }

    /// Number of neurons.
    pub(crate) fn len(&self) -> usize {
        self.shape.len()
    }
}

/// Division of numbers below 2^31 by a constant: a multiplication by the rounded-up reciprocal in 64 bits, which is exact
/// for them.
#[derive(Clone, Copy, Debug)]
struct Divisor {
    divisor: u32,
    reciprocal: u64,
}

impl Divisor {
    fn new(divisor: usize) -> Self {
        let divisor = divisor as u32;
        // The reciprocal of 1 does not fit; one less gives n - 1 for n > 0, so it is told apart below.
        Self { divisor, reciprocal: if divisor == 1 { 0 } else { u64::MAX / u64::from(divisor) + 1 } }
    }

    /// Quotient and remainder.
    #[inline(always)]
    fn divide(self, n: u32) -> (u32, u32) {
        if self.divisor == 1 {
            return (n, 0);
        }
        let quotient = ((u128::from(self.reciprocal) * u128::from(n)) >> 64) as u32;
        (quotient, n - quotient * self.divisor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_divisor_divides(n in 0..1_u32 << 31, divisor in prop_oneof![1..50_u32, 1..1_u32 << 31]) {
            for n in [n, 0, divisor - 1, divisor.min((1 << 31) - 1), (1 << 31) - 1] {
                prop_assert_eq!(Divisor::new(divisor as usize).divide(n), (n / divisor, n % divisor));
            }
        }

        #[test]
        fn memory_order_and_canonical_order_are_inverse(channels in 1..9_usize, height in 1..9_usize, width in 1..9_usize) {
            let group = Group::new(0, Shape { channels, height, width }, true, false, Vec::new());
            for canonical in 0..group.len() as u32 {
                let memory = group.memory(canonical);
                let place = group.place(canonical);
                prop_assert_eq!(group.canonical(memory), canonical);
                prop_assert_eq!(memory as usize, (place.y * width + place.x) * channels + place.channel);
            }
        }
    }
}
