//! What is made of a database once its sets are drawn: fewer regions, parts of images as stimuli.

use super::{Annotation, Content, Database, ImageFile};
use crate::{ApplyTo, Error, Mt19937, Set, StimulusId};

/// Regions to keep or to drop.
#[derive(Clone, Debug, PartialEq)]
pub struct RoiFilter {
    /// Names of labels.
    pub labels: Vec<String>,
    /// Keeps the regions of these labels and drops the others; otherwise the other way round.
    pub keeps: bool,
    /// Takes stimuli out of their sets that have no region left.
    pub removes_stimuli: bool,
}

/// How images are cut in parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Slicing {
    /// Columns of a part.
    pub width: usize,
    /// Rows of a part.
    pub height: usize,
    /// Columns from one part to the next.
    pub stride_x: usize,
    /// Rows from one part to the next.
    pub stride_y: usize,
    /// Sets whose stimuli are cut.
    pub apply_to: ApplyTo,
    /// Shuffles the parts of a set.
    pub shuffles: bool,
    /// Adds parts at the right and at the bottom that overlap others, where something is left; otherwise it is left out.
    pub overlaps: bool,
}

impl Database {
    /// Drops regions by their labels.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] for a label that the database has not.
    pub fn filter_rois(&mut self, filter: &RoiFilter) -> Result<(), Error> {
        let mut wanted = vec![!filter.keeps; self.label_names.len()];
        for name in &filter.labels {
            let Some(label) = self.label_names.iter().position(|known| known == name) else {
                return Err(Error::Record {
                    place: "`Labels`".to_owned(),
                    expected: format!("labels of the database, such as `{}`", self.label_names.join("`, `")),
                    found: format!("`{name}`"),
                    remedy: "correct the name",
                });
            };
            wanted[label] = filter.keeps;
        }
        for content in &mut self.contents {
            let Content::Files(files) = content else { continue };
            for annotation in files.iter_mut().filter_map(|file| file.annotation.as_deref_mut()) {
                annotation.rois.retain(|roi| wanted[roi.label]);
            }
        }
        if filter.removes_stimuli {
            self.retain(|database, id| !database.rois(id).is_empty());
        }
        Ok(())
    }

    /// Leaves stimuli out of their sets.
    pub(super) fn retain(&mut self, keeps: impl Fn(&Self, StimulusId) -> bool) {
        let mut sets = std::mem::take(&mut self.sets);
        sets.iter_mut().for_each(|set| set.retain(|&id| keeps(self, id)));
        self.sets = sets;
        self.place();
    }

    /// Replaces the stimuli of sets by parts of them, which are named `<file>[y,x]`; an image that is smaller stays whole.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] where the images have no files of their own.
    pub fn slice(&mut self, slicing: &Slicing, rng: &mut Mt19937) -> Result<(), Error> {
        if self.is_in_memory() {
            return Err(Error::Record {
                place: "`slicing`".to_owned(),
                expected: "images with files of their own".to_owned(),
                found: "many images in one file".to_owned(),
                remedy: "leave the section out, or take `SliceExtractionTransformation`",
            });
        }
        let mut parts = Vec::new();
        for set in Set::ALL.into_iter().filter(|&set| slicing.apply_to.includes(set)) {
            let mut ids = Vec::new();
            for &id in &self.sets[set as usize] {
                let (Content::Files(files), index) = self.content(id) else { continue };
                for part in slicing.parts(&files[index]) {
                    ids.push(self.positions.len() + parts.len());
                    parts.push(part);
                }
            }
            if slicing.shuffles {
                for last in (1..ids.len()).rev() {
                    ids.swap(last, rng.uniform_int(0, last as i64) as usize);
                }
            }
            self.sets[set as usize] = ids;
        }
        self.starts.push(self.positions.len() + parts.len());
        self.positions.resize(self.positions.len() + parts.len(), [u32::MAX; 3]);
        self.contents.push(Content::Files(parts));
        self.place();
        Ok(())
    }
}

impl Slicing {
    /// Where the parts of a line of `n` pixels begin.
    fn starts(&self, n: usize, size: usize, stride: usize) -> Vec<usize> {
        if n <= size {
            return vec![0];
        }
        let mut starts: Vec<usize> = (0..=n - size).step_by(stride.max(1)).collect();
        if self.overlaps && starts.last().is_some_and(|last| last + size < n) {
            starts.push(n - size);
        }
        starts
    }

    fn parts(&self, file: &ImageFile) -> Vec<ImageFile> {
        let shape = file.stimulus_shape();
        let [left, top, ..] = file.part.unwrap_or_default();
        let (width, height) = (self.width.min(shape.width), self.height.min(shape.height));
        let mut parts = Vec::new();
        for y in self.starts(shape.height, self.height, self.stride_y) {
            for x in self.starts(shape.width, self.width, self.stride_x) {
                let annotation = file.annotation.as_deref().map(|annotation| {
                    let mut rois = annotation.rois.clone();
                    rois.retain_mut(|roi| {
                        roi.outline.shift([-(x as i32), -(y as i32)]);
                        roi.outline.clip(width, height)
                    });
                    Box::new(Annotation { rois, mask: annotation.mask.clone() })
                });
                parts.push(ImageFile {
                    part: Some([left + x, top + y, width, height]),
                    is_slice: true,
                    annotation,
                    ..file.clone()
                });
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{marked, rectangles, tiny};

    fn slicing(width: usize, stride_x: usize) -> Slicing {
        Slicing { width, height: 1, stride_x, stride_y: 1, apply_to: ApplyTo::All, shuffles: false, overlaps: false }
    }

    #[test]
    fn regions_are_kept_or_dropped_by_their_labels() {
        let regions: &[(usize, [i32; 4])] = &[(1, [0, 0, 2, 1]), (2, [1, 0, 4, 2])];
        let filtered = |labels: &[&str], keeps, removes_stimuli| {
            let (folder, mut database) = marked(&[(None, regions), (None, &regions[..1])]);
            let labels = labels.iter().map(|name| name.to_string()).collect();
            database.filter_rois(&RoiFilter { labels, keeps, removes_stimuli }).map(|()| {
                let labels = [0, 1].map(|id| database.rois(id).iter().map(|roi| roi.label).collect::<Vec<_>>());
                drop(folder);
                (labels, database.set(Set::Learn).to_vec())
            })
        };
        assert_eq!(filtered(&["two"], true, false).unwrap(), ([vec![2], vec![]], vec![0, 1]));
        assert_eq!(filtered(&["two"], true, true).unwrap(), ([vec![2], vec![]], vec![0]));
        assert_eq!(filtered(&["two"], false, true).unwrap(), ([vec![1], vec![1]], vec![0, 1]));
        let message = filtered(&["three"], true, true).unwrap_err().to_string();
        assert!(message.contains("`Labels`: expected labels of the database, such as `zero`, `one`"), "{message}");
    }

    #[test]
    fn parts_stand_in_for_images_with_their_pixels_and_regions() {
        let regions: &[(usize, [i32; 4])] = &[(1, [0, 0, 2, 1]), (2, [1, 0, 4, 2])];
        let (_folder, mut database) = marked(&[(None, regions)]);
        database.slice(&slicing(2, 2), &mut Mt19937::new(1)).unwrap();
        assert_eq!((database.set(Set::Learn), database.len()), (&[1, 2, 3, 4][..], 5));
        let place = |id| database.name(id).rsplit_once(".pgm").unwrap().1.to_owned();
        assert_eq!([1, 2, 3, 4].map(place), ["[0,0]", "[0,2]", "[1,0]", "[1,2]"]);
        assert_eq!(*database.image(2).unwrap().pixels, [30, 40]);
        assert_eq!(rectangles(database.rois(1)), [(1, [0, 0, 2, 1]), (2, [1, 0, 2, 1])]);
        assert_eq!(rectangles(database.rois(4)), [(2, [0, 0, 2, 1])]);
        assert_eq!(database.position(4, Set::Learn), Some(3));
    }

    #[test]
    fn what_does_not_fill_a_part_is_left_out_or_overlaps() {
        let n_parts = |slicing: &Slicing| {
            let (_folder, mut database) = marked(&[(Some(0), &[])]);
            database.slice(slicing, &mut Mt19937::new(1)).unwrap();
            database.set(Set::Learn).len()
        };
        assert_eq!(n_parts(&slicing(3, 3)), 2);
        assert_eq!(n_parts(&Slicing { overlaps: true, ..slicing(3, 3) }), 4);
        assert_eq!(n_parts(&Slicing { height: 9, ..slicing(9, 9) }), 1, "an image that is smaller stays whole");
        assert_eq!(n_parts(&Slicing { apply_to: ApplyTo::NoLearn, ..slicing(1, 1) }), 1);
        let (_folder, mut database) = marked(&[(Some(0), &[])]);
        database.slice(&Slicing { shuffles: true, ..slicing(1, 1) }, &mut Mt19937::new(1)).unwrap();
        let mut ids = database.set(Set::Learn).to_vec();
        assert_ne!(ids, (1..9).collect::<Vec<_>>());
        ids.sort_unstable();
        assert_eq!(ids, (1..9).collect::<Vec<_>>());
        assert!(tiny(0.0).slice(&slicing(1, 1), &mut Mt19937::new(1)).is_err());
    }
}
