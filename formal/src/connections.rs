//! Which input channels an output channel sees.

/// A boolean matrix of outputs by channels.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    n_outputs: usize,
    n_channels: usize,
    /// `[n_outputs][n_channels]`.
    connected: Vec<bool>,
}

impl Connections {
    pub(crate) fn new(n_outputs: usize, n_channels: usize, mapping: Option<&[bool]>) -> Self {
        let connected = mapping.map_or_else(|| vec![true; n_outputs * n_channels], <[bool]>::to_vec);
        debug_assert_eq!(connected.len(), n_outputs * n_channels);
        Self { n_outputs, n_channels, connected }
    }

    pub(crate) fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    pub(crate) fn n_channels(&self) -> usize {
        self.n_channels
    }

    pub(crate) fn has(&self, output: usize, channel: usize) -> bool {
        self.connected[output * self.n_channels + channel]
    }

    pub(crate) fn is_full(&self) -> bool {
        self.connected.iter().all(|&connected| connected)
    }

    /// Channels of an output, ascending.
    pub(crate) fn channels(&self, output: usize) -> impl Iterator<Item = usize> {
        (0..self.n_channels).filter(move |&channel| self.has(output, channel))
    }

    /// Outputs of a channel, ascending.
    pub(crate) fn outputs(&self, channel: usize) -> impl Iterator<Item = usize> {
        (0..self.n_outputs).filter(move |&output| self.has(output, channel))
    }

    /// Channels that count for the fan-in of an output, where the channels `first..end` come from one input: all of
    /// them, or those of one group where the matrix is exactly `g` equal blocks on the diagonal.
    pub(crate) fn fan_in_channels(&self, first: usize, end: usize) -> usize {
        let n = end - first;
        let blocks = |&g: &usize| {
            n.is_multiple_of(g)
                && self.n_outputs.is_multiple_of(g)
                && (0..self.n_outputs).all(|output| {
                    let group = output / (self.n_outputs / g);
                    (0..n).all(|channel| self.has(output, first + channel) == (channel / (n / g) == group))
                })
        };
        (2..=n.min(self.n_outputs)).find(blocks).map_or(n, |g| n / g)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_blocks_on_the_diagonal_shrink_the_fan_in() {
        let check = |rows: &[&[u8]], expected: usize| {
            let flat: Vec<bool> = rows.iter().flat_map(|row| row.iter().map(|&bit| bit == 1)).collect();
            let connections = Connections::new(rows.len(), rows[0].len(), Some(&flat));
            assert_eq!(connections.fan_in_channels(0, rows[0].len()), expected, "{rows:?}");
        };
        check(&[&[1, 1], &[1, 1]], 2);
        check(&[&[1, 0], &[0, 1]], 1);
        check(&[&[1, 1], &[0, 1]], 2);
        check(&[&[1, 1, 0, 0], &[0, 0, 1, 1]], 2);
        check(&[&[1, 1, 0, 0], &[1, 1, 0, 0], &[0, 0, 1, 1], &[0, 0, 1, 1]], 2);
    }
}
