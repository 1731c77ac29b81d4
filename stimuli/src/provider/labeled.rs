//! Stimuli with the labels of their pixels and their regions.

use rayon::prelude::*;

use super::Provider;
use crate::labels::Wanted;
use crate::{Error, Roi, Set, StimulusId};

impl Provider {
    /// [`Provider::load`] as a presentation of the run, with the labels and the regions as the transformations leave them.
    ///
    /// `labels` has [`Provider::n_labels`] elements, `[y][x]` where it is composite: indices into
    /// [`Database::label_names`](crate::Database::label_names), or [`IGNORED`](crate::IGNORED) for pixels, or a stimulus, without a label.
    ///
    /// # Errors
    ///
    /// As [`Provider::load`], and [`Error::Rois`] for a stimulus whose label is not clear.
    ///
    /// # Panics
    ///
    /// As [`Provider::load`], and when `labels` has another length.
    pub fn load_labeled(
        &self,
        id: StimulusId,
        set: Set,
        presentation: u64,
        out: &mut [f32],
        labels: &mut [i32],
        rois: &mut Vec<Roi>,
    ) -> Result<(), Error> {
        self.present(id, set, presentation, out, Some(Wanted { labels, rois }))
    }

    /// [`Provider::load_batch`] with labels, `[stimulus][y][x]` or `[stimulus]`, and the regions of each stimulus.
    ///
    /// # Errors
    ///
    /// As [`Provider::load_labeled`], the first in the order of `ids`.
    ///
    /// # Panics
    ///
    /// As [`Provider::load_labeled`].
    pub fn load_labeled_batch(
        &self,
        ids: &[StimulusId],
        set: Set,
        out: &mut [f32],
        labels: &mut [i32],
        rois: &mut Vec<Vec<Roi>>,
    ) -> Result<(), Error> {
        self.load_each_labeled(ids, set, |_| 0, out, (labels, rois))
    }

    /// [`Provider::load_presentations`] with labels and regions as [`Provider::load_labeled_batch`] has them.
    ///
    /// # Errors
    ///
    /// As [`Provider::load_labeled_batch`].
    ///
    /// # Panics
    ///
    /// As [`Provider::load_labeled`].
    pub fn load_labeled_presentations(
        &self,
        ids: &[StimulusId],
        set: Set,
        first: u64,
        out: &mut [f32],
        labels: &mut [i32],
        rois: &mut Vec<Vec<Roi>>,
    ) -> Result<(), Error> {
        self.load_each_labeled(ids, set, |at| first + at as u64, out, (labels, rois))
    }

    fn load_each_labeled(
        &self,
        ids: &[StimulusId],
        set: Set,
        presentation: impl Fn(usize) -> u64 + Sync,
        out: &mut [f32],
        (labels, rois): (&mut [i32], &mut Vec<Vec<Roi>>),
    ) -> Result<(), Error> {
        let (n, n_labels) = (self.shape.n_elements(), self.n_labels());
        assert_eq!(out.len(), ids.len() * n, "expected room for {} stimuli", ids.len());
        assert_eq!(labels.len(), ids.len() * n_labels, "expected room for the labels of {} stimuli", ids.len());
        self.prepare(set)?;
        rois.resize_with(ids.len(), Vec::new);
        let wanted = labels.par_chunks_exact_mut(n_labels).zip(rois);
        let fault = out
            .par_chunks_exact_mut(n)
            .zip(ids)
            .zip(wanted)
            .enumerate()
            .with_min_len(self.stimuli_a_job(set))
            .find_map_first(|(at, ((out, &id), (labels, rois)))| {
                self.present(id, set, presentation(at), out, Some(Wanted { labels, rois })).err()
            });
        fault.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::{marked, rectangles, tiny};
    use crate::{ApplyTo, Composition, Delivery, Flip, IGNORED, Mt19937, Operation, Rescale, Shape, Transformation};

    fn widened() -> Transformation {
        let rescale = Rescale { width: 8, height: 2, keep_aspect_ratio: false, resize_to_fit: true };
        Transformation { apply_to: ApplyTo::All, on_the_fly: false, operation: Operation::Rescale(rescale) }
    }

    fn turned(on_the_fly: bool) -> Transformation {
        let flip = Flip { horizontal: true, ..Flip::default() };
        Transformation { apply_to: ApplyTo::All, on_the_fly, operation: Operation::Flip(flip) }
    }

    #[test]
    fn labels_and_regions_are_delivered_as_the_image_is_kept_or_not_and_in_batches() {
        let shape = Shape { channels: 1, height: 2, width: 8 };
        let regions: &[(usize, [i32; 4])] = &[(1, [0, 0, 2, 1]), (2, [3, 1, 9, 9])];
        let (_folder, mut database) = marked(&[(None, regions), (None, &[]), (None, &regions[..1])]);
        database.compose(Composition::default(), Some("zero"));
        let database = Arc::new(database);
        let as_stored = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2];
        let mirrored = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 0, 0, 0, 0, 0, 0];
        for (transformations, expect, boxes) in [
            (vec![widened()], as_stored, [(1, [0, 0, 4, 1]), (2, [6, 1, 8, 2])]),
            (vec![widened(), turned(false)], mirrored, [(1, [4, 0, 8, 1]), (2, [0, 1, 2, 2])]),
            (vec![widened(), turned(true)], mirrored, [(1, [4, 0, 8, 1]), (2, [0, 1, 2, 2])]),
        ] {
            for most_bytes in [usize::MAX, 20] {
                let delivery = Delivery { most_bytes, is_composite: true, ..Delivery::default() };
                let provider = Provider::new(database.clone(), shape, &transformations, delivery).unwrap();
                assert_eq!((provider.is_composite(), provider.n_labels()), (true, 16));
                let (mut out, mut labels, mut rois) = (vec![0.0; 16], vec![7; 16], Vec::new());
                provider.load_labeled(0, Set::Learn, 0, &mut out, &mut labels, &mut rois).unwrap();
                assert_eq!((&labels[..], rectangles(&rois)), (&expect[..], boxes.to_vec()), "{transformations:?}");
                let (mut outs, mut all, mut every) = (vec![0.0; 48], vec![7; 48], Vec::new());
                provider.load_labeled_batch(&[1, 0, 2], Set::Learn, &mut outs, &mut all, &mut every).unwrap();
                assert_eq!(provider.chains[0].kept.get().is_some(), most_bytes > 20);
                assert_eq!((&outs[16..32], &all[..32]), (&out[..], &[&[0; 16], &expect[..]].concat()[..]));
                assert_eq!(every.iter().map(|rois| rois.len()).collect::<Vec<_>>(), [0, 2, 1]);
                assert_eq!(rectangles(&every[1]), boxes);
                let mut plain = vec![0.0; 48];
                provider.load_presentations(&[1, 0, 2], Set::Learn, 5, &mut plain).unwrap();
                assert_eq!(plain, outs);
                provider.load_labeled_presentations(&[2], Set::Learn, 9, &mut out, &mut labels, &mut every).unwrap();
                assert_eq!(labels, all[32..]);
            }
        }
    }

    #[test]
    fn a_stimulus_that_is_not_composite_has_one_label() {
        let label = |provider: &Provider, id| {
            let (mut out, mut label) = (vec![0.0; provider.shape().n_elements()], [7]);
            provider.load_labeled(id, Set::Learn, 0, &mut out, &mut label, &mut Vec::new()).map(|()| label[0])
        };
        let mut database = tiny(0.4);
        database.partition(false, &mut Mt19937::new(1));
        let stored = Shape { channels: 1, height: 2, width: 3 };
        let provider = Provider::new(Arc::new(database), stored, &[], Delivery::default()).unwrap();
        assert_eq!([0, 1].map(|id| label(&provider, id).unwrap()), [3, 1]);
        let regions: &[(usize, [i32; 4])] = &[(1, [0, 0, 2, 1]), (2, [3, 1, 9, 9])];
        let (_folder, database) = marked(&[(Some(0), &regions[..1]), (None, &[]), (Some(0), regions)]);
        let shape = Shape { channels: 1, height: 2, width: 4 };
        let provider = Provider::new(Arc::new(database), shape, &[], Delivery::default()).unwrap();
        assert_eq!([0, 1].map(|id| label(&provider, id).unwrap()), [1, IGNORED]);
        assert!(matches!(label(&provider, 2), Err(Error::Rois { found: 2, .. })));
    }
}
