//! The labels of the pixels of an image, and its regions, which move with it.

use crate::Shape;
use crate::roi::{Outline, Roi};

/// The label of pixels that nothing is learned from and no score counts.
pub const IGNORED: i32 = -1;

/// How the label of a stimulus and those of its regions become the labels of its pixels (`formal.md` 4.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompositeLabel {
    /// Each stimulus has one label.
    None,
    /// Stimuli without a label of their own, and those with a label image, have labels of pixels.
    #[default]
    Auto,
    /// All have labels of pixels, which are of the default label where nothing else is said.
    Default,
    /// The same for stimuli with regions; pixels of the others are of the label of the stimulus.
    Disjoint,
    /// Pixels are of the label of the stimulus where nothing else is said.
    Combine,
}

/// What the labels of pixels are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Composition {
    /// Which stimuli have labels of pixels.
    pub composite: CompositeLabel,
    /// Width of the band around each region where pixels of the default label are ignored instead.
    pub rois_margin: usize,
    /// Label of the pixels outside the regions; `None` ignores them.
    pub default_label: Option<usize>,
    /// Leaves label images aside.
    pub without_masks: bool,
}

/// What is known of the pixels of one stimulus, as it moves through the transformations. Empty, it costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    /// `[y][x]`; empty where the image as a whole has one label.
    pub map: Vec<i32>,
    /// The label of an image without a map.
    pub whole: i32,
    pub rois: Vec<Roi>,
    next: Vec<i32>,
}

impl Labels {
    pub fn clear(&mut self) {
        self.whole = IGNORED;
        self.map.clear();
        self.rois.clear();
    }

    /// Gives the pixels one label.
    pub fn fill(&mut self, shape: Shape, label: i32) {
        self.map.clear();
        self.map.resize(shape.plane(), label);
    }

    /// Draws a region over a map of `shape`, and ignores the pixels of `default` in a band of `margin` around it.
    pub fn draw(&mut self, shape: Shape, roi: &Roi, margin: usize, default: i32) {
        let Shape { width, height, .. } = shape;
        if margin > 0 && default != IGNORED {
            let corners = roi.outline.corners();
            let [x0, y0, x1, y1] = roi.outline.bounds();
            let reach = i32::try_from(margin).unwrap_or(i32::MAX);
            let around = Outline::Rectangle {
                x0: x0.saturating_sub(reach),
                y0: y0.saturating_sub(reach),
                x1: x1.saturating_add(reach),
                y1: y1.saturating_add(reach),
            };
            around.rows(width, height, |y, columns| {
                for x in columns {
                    let label = &mut self.map[y * width + x];
                    if *label == default && Outline::is_near(&corners, [x as i32, y as i32], margin) {
                        *label = IGNORED;
                    }
                }
            });
        }
        let label = roi.label as i32;
        roi.outline.rows(width, height, |y, columns| {
            self.map[y * width + columns.start..y * width + columns.end].fill(label);
        });
    }

    /// Makes a map of `size` of one of `source`, pixel by pixel from the place (x, y) that `from` says; what comes from nowhere
    /// is ignored.
    pub fn sample(&mut self, source: Shape, size: Shape, from: impl Fn(usize, usize) -> Option<[usize; 2]>) {
        if self.map.is_empty() {
            return;
        }
        debug_assert_eq!(self.map.len(), source.plane(), "labels that did not follow the image");
        self.next.clear();
        for y in 0..size.height {
            let label = |x| from(x, y).map_or(IGNORED, |[x, y]| self.map[y * source.width + x]);
            self.next.extend((0..size.width).map(label));
        }
        std::mem::swap(&mut self.map, &mut self.next);
    }

    /// Moves the regions, then cuts them to an image of `size`; those of which nothing is left are dropped.
    pub fn move_rois(&mut self, size: Shape, place: impl Fn(&mut Outline)) {
        self.rois.retain_mut(|roi| {
            place(&mut roi.outline);
            roi.outline.clip(size.width, size.height)
        });
    }
}

/// A map in runs of one label, and the regions, as they are kept: many times smaller.
#[derive(Debug)]
pub(crate) struct Packed {
    whole: i32,
    runs: Vec<(i32, u32)>,
    rois: Vec<Roi>,
}

impl Packed {
    pub fn new(labels: &Labels) -> Self {
        let mut runs: Vec<(i32, u32)> = Vec::new();
        for run in labels.map.chunk_by(|a, b| a == b) {
            runs.push((run[0], run.len() as u32));
        }
        Self { whole: labels.whole, runs, rois: labels.rois.clone() }
    }

    pub fn unpack(&self, labels: &mut Labels) {
        labels.clear();
        labels.whole = self.whole;
        labels.rois.extend_from_slice(&self.rois);
        for &(label, n) in &self.runs {
            labels.map.extend(std::iter::repeat_n(label, n as usize));
        }
    }

    pub fn n_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&self.runs[..]) + self.rois.len() * size_of::<Roi>()
    }
}

/// Where the labels and regions of a stimulus go.
pub(crate) struct Wanted<'a> {
    /// One for the whole, or `[y][x]`.
    pub labels: &'a mut [i32],
    pub rois: &'a mut Vec<Roi>,
}

impl Wanted<'_> {
    /// Hands over what the transformations have made; `false` where a map is not of the size of the image.
    #[must_use]
    pub fn take(self, labels: &Labels) -> bool {
        self.rois.clear();
        self.rois.extend_from_slice(&labels.rois);
        match labels.map.len() {
            0 => self.labels.fill(labels.whole),
            n if n == self.labels.len() => self.labels.copy_from_slice(&labels.map),
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { channels: 1, height: 5, width: 7 };

    fn rectangle(label: usize, x0: i32, y0: i32, x1: i32, y1: i32) -> Roi {
        Roi { label, outline: Outline::Rectangle { x0, y0, x1, y1 } }
    }

    fn text(labels: &Labels, width: usize) -> Vec<String> {
        let letter = |label: &i32| if *label < 0 { '-' } else { (b'0' + *label as u8) as char };
        labels.map.chunks(width).map(|row| row.iter().map(letter).collect()).collect()
    }

    #[test]
    fn a_region_is_drawn_with_a_band_around_it_that_spares_other_regions() {
        let mut labels = Labels::default();
        labels.fill(SHAPE, 0);
        labels.draw(SHAPE, &rectangle(2, 0, 0, 2, 2), 0, 0);
        labels.draw(SHAPE, &rectangle(1, 3, 2, 5, 4), 1, 0);
        assert_eq!(text(&labels, 7), ["2200000", "220--00", "00-11-0", "00-11-0", "000--00"]);
    }

    #[test]
    fn what_is_packed_is_the_same_again() {
        let mut labels = Labels::default();
        labels.fill(SHAPE, 3);
        labels.rois.push(rectangle(1, 3, 2, 5, 4));
        labels.draw(SHAPE, &labels.rois[0].clone(), 2, 3);
        let (packed, map) = (Packed::new(&labels), labels.map.clone());
        assert!(packed.runs.len() < map.len());
        labels.clear();
        packed.unpack(&mut labels);
        assert_eq!((labels.map, labels.rois), (map, vec![rectangle(1, 3, 2, 5, 4)]));
    }
}
