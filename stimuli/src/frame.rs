//! The image that a chain of transformations works on.

use crate::Shape;
use crate::labels::Labels;

/// A level of an image: a byte or a real.
pub(crate) trait Pixel: Copy + Default + Into<f32> {
    /// Drops the fraction of a byte, and keeps it in range.
    fn truncated(value: f32) -> Self;
    /// Rounds to the nearest byte, halves to even, and keeps it in range.
    fn rounded(value: f32) -> Self;
}

impl Pixel for u8 {
    fn truncated(value: f32) -> Self {
        value as u8
    }

    fn rounded(value: f32) -> Self {
        value.round_ties_even() as u8
    }
}

impl Pixel for f32 {
    fn truncated(value: f32) -> Self {
        value
    }

    fn rounded(value: f32) -> Self {
        value
    }
}

/// Something that makes each plane of an image anew.
pub(crate) trait Rewrite {
    /// Makes the plane `to` of size `size` of the plane `from` of size `source`.
    fn plane<T: Pixel>(&self, channel: usize, from: &[T], source: Shape, to: &mut [T], size: Shape);
}

/// An image of bytes or of reals, `[channel][y][x]`, with room to make the next one; kept from stimulus to stimulus, so
/// that none allocates.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    pub shape: Shape,
    pub is_real: bool,
    /// The image, unless it is real.
    pub bytes: Vec<u8>,
    /// The image, if it is real.
    pub reals: Vec<f32>,
    next_bytes: Vec<u8>,
    next_reals: Vec<f32>,
    /// Rows between the passes of a resize.
    pub rows: crate::resize::Scratch,
    /// Fields of a distortion, or any other work.
    pub work: Vec<f32>,
    /// Random words.
    pub words: Vec<u32>,
    /// What is known of the pixels, which whatever moves them moves too.
    pub labels: Labels,
}

impl Frame {
    /// Starts with an image of bytes.
    pub fn begin(&mut self, shape: Shape, pixels: &[u8]) {
        (self.shape, self.is_real) = (shape, false);
        self.bytes.clear();
        self.bytes.extend_from_slice(pixels);
    }

    /// Starts with an image of reals.
    pub fn begin_reals(&mut self, shape: Shape, levels: &[f32]) {
        (self.shape, self.is_real) = (shape, true);
        self.reals.clear();
        self.reals.extend_from_slice(levels);
    }

    /// Makes a byte image real, level by level.
    pub fn make_real(&mut self) {
        if !self.is_real {
            self.reals.clear();
            self.reals.extend(self.bytes.iter().map(|&level| f32::from(level)));
            self.is_real = true;
        }
    }

    /// Replaces the image by one of `size`, of as many channels, plane by plane.
    pub fn rewrite(&mut self, size: Shape, by: &impl Rewrite) {
        let source = self.shape;
        if self.is_real {
            planes(&self.reals, source, &mut self.next_reals, size, by);
            std::mem::swap(&mut self.reals, &mut self.next_reals);
        } else {
            planes(&self.bytes, source, &mut self.next_bytes, size, by);
            std::mem::swap(&mut self.bytes, &mut self.next_bytes);
        }
        self.shape = size;
    }

    /// Replaces the image by what `bytes` or `reals` makes of it.
    pub fn replace(
        &mut self,
        size: Shape,
        bytes: impl FnOnce(&[u8], &mut [u8], &mut crate::resize::Scratch),
        reals: impl FnOnce(&[f32], &mut [f32]),
    ) {
        if self.is_real {
            self.next_reals.resize(size.n_elements(), 0.0);
            reals(&self.reals, &mut self.next_reals);
            std::mem::swap(&mut self.reals, &mut self.next_reals);
        } else {
            self.next_bytes.resize(size.n_elements(), 0);
            bytes(&self.bytes, &mut self.next_bytes, &mut self.rows);
            std::mem::swap(&mut self.bytes, &mut self.next_bytes);
        }
        self.shape = size;
    }

    /// Replaces every level by what `map` makes of its channel and itself; bytes are rounded.
    pub fn map(&mut self, mut map: impl FnMut(usize, f32) -> f32) {
        let plane = self.shape.plane().max(1);
        if self.is_real {
            for (channel, plane) in self.reals.chunks_exact_mut(plane).enumerate() {
                plane.iter_mut().for_each(|level| *level = map(channel, *level));
            }
        } else {
            for (channel, plane) in self.bytes.chunks_exact_mut(plane).enumerate() {
                plane.iter_mut().for_each(|level| *level = u8::rounded(map(channel, f32::from(*level))));
            }
        }
    }

    /// The levels as reals, whatever the image is.
    pub fn levels(&self) -> impl Iterator<Item = f32> + '_ {
        let (bytes, reals) = if self.is_real { (&[][..], &self.reals[..]) } else { (&self.bytes[..], &[][..]) };
        bytes.iter().map(|&level| f32::from(level)).chain(reals.iter().copied())
    }

    /// What a white pixel has: 255, or 1 of a real image.
    pub fn white(&self) -> f32 {
        if self.is_real { 1.0 } else { 255.0 }
    }
}

fn planes<T: Pixel>(from: &[T], source: Shape, to: &mut Vec<T>, size: Shape, by: &impl Rewrite) {
    to.resize(size.n_elements(), T::default());
    let from = from.chunks_exact(source.plane().max(1));
    for (channel, (from, to)) in from.zip(to.chunks_exact_mut(size.plane().max(1))).enumerate() {
        by.plane(channel, from, source, to, size);
    }
}
