//! The image that a chain of transformations works on.

use crate::labels::Labels;
use crate::{Depth, Shape};

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

/// An image, `[channel][y][x]`, with room to make the next one; kept from stimulus to stimulus, so that none allocates.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    pub shape: Shape,
    pub depth: Depth,
    /// The image, if it is one of bytes.
    pub bytes: Vec<u8>,
    /// The image, if it is not; levels of 16 bits are whole numbers in here.
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
        (self.shape, self.depth) = (shape, Depth::Byte);
        self.bytes.clear();
        self.bytes.extend_from_slice(pixels);
    }

    /// Starts with an image as it is stored: levels of more than a byte are little-endian.
    pub fn begin_stored(&mut self, shape: Shape, depth: Depth, pixels: &[u8]) {
        (self.shape, self.depth) = (shape, depth);
        self.reals.clear();
        match depth {
            Depth::Byte => self.begin(shape, pixels),
            Depth::Word => {
                self.reals.extend(pixels.chunks_exact(2).map(|word| f32::from(u16::from_le_bytes([word[0], word[1]]))))
            }
            Depth::Real => self.reals.extend(pixels.as_chunks().0.iter().map(|real| f32::from_le_bytes(*real))),
        }
    }

    /// The image as [`Frame::begin_stored`] takes it.
    pub fn stored(&self) -> Vec<u8> {
        match self.depth {
            Depth::Byte => self.bytes.clone(),
            Depth::Word => self.reals.iter().flat_map(|&level| (level as u16).to_le_bytes()).collect(),
            Depth::Real => self.reals.iter().flat_map(|level| level.to_le_bytes()).collect(),
        }
    }

    /// Starts with an image whose levels are not bytes.
    pub fn begin_levels(&mut self, shape: Shape, depth: Depth, levels: &[f32]) {
        (self.shape, self.depth) = (shape, depth);
        self.reals.clear();
        self.reals.extend_from_slice(levels);
    }

    /// Makes an image real, level by level.
    pub fn make_real(&mut self) {
        if self.is_byte() {
            self.reals.clear();
            self.reals.extend(self.bytes.iter().map(|&level| f32::from(level)));
        }
        self.depth = Depth::Real;
    }

    /// Whether the image is in `bytes`.
    pub fn is_byte(&self) -> bool {
        self.depth == Depth::Byte
    }

    /// Makes levels of 16 bits whole again after a step that computes with reals.
    pub fn settle(&mut self) {
        if self.depth == Depth::Word {
            let white = self.white();
            self.reals.iter_mut().for_each(|level| *level = level.round_ties_even().clamp(0.0, white));
        }
    }

    /// Replaces the image by one of `size`, of as many channels, plane by plane.
    pub fn rewrite(&mut self, size: Shape, by: &impl Rewrite) {
        let source = self.shape;
        if self.is_byte() {
            planes(&self.bytes, source, &mut self.next_bytes, size, by);
            std::mem::swap(&mut self.bytes, &mut self.next_bytes);
        } else {
            planes(&self.reals, source, &mut self.next_reals, size, by);
            std::mem::swap(&mut self.reals, &mut self.next_reals);
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
        if self.is_byte() {
            self.next_bytes.resize(size.n_elements(), 0);
            bytes(&self.bytes, &mut self.next_bytes, &mut self.rows);
            std::mem::swap(&mut self.bytes, &mut self.next_bytes);
        } else {
            self.next_reals.resize(size.n_elements(), 0.0);
            reals(&self.reals, &mut self.next_reals);
            std::mem::swap(&mut self.reals, &mut self.next_reals);
        }
        self.shape = size;
    }

    /// Replaces every level by what `map` makes of its channel and itself; bytes are rounded.
    pub fn map(&mut self, mut map: impl FnMut(usize, f32) -> f32) {
        let plane = self.shape.plane().max(1);
        if self.is_byte() {
            for (channel, plane) in self.bytes.chunks_exact_mut(plane).enumerate() {
                plane.iter_mut().for_each(|level| *level = u8::rounded(map(channel, f32::from(*level))));
            }
        } else {
            for (channel, plane) in self.reals.chunks_exact_mut(plane).enumerate() {
                plane.iter_mut().for_each(|level| *level = map(channel, *level));
            }
        }
    }

    /// The levels as reals, whatever the image is.
    pub fn levels(&self) -> impl Iterator<Item = f32> + '_ {
        let (bytes, reals) = if self.is_byte() { (&self.bytes[..], &[][..]) } else { (&[][..], &self.reals[..]) };
        bytes.iter().map(|&level| f32::from(level)).chain(reals.iter().copied())
    }

    /// What a white pixel has.
    pub fn white(&self) -> f32 {
        self.depth.white()
    }
}

fn planes<T: Pixel>(from: &[T], source: Shape, to: &mut Vec<T>, size: Shape, by: &impl Rewrite) {
    to.resize(size.n_elements(), T::default());
    let from = from.chunks_exact(source.plane().max(1));
    for (channel, (from, to)) in from.zip(to.chunks_exact_mut(size.plane().max(1))).enumerate() {
        by.plane(channel, from, source, to, size);
    }
}
