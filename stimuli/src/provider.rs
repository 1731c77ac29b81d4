mod labeled;

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::draws::Draws;
use crate::faults::Faults;
use crate::frame::Frame;
use crate::labels::{IGNORED, Packed, Wanted};
use crate::transformation::{Format, in_order};
use crate::{Database, Depth, Error, Operation, Set, Shape, StimulusId, Transformation};

/// Stimuli whose images are made at a time when they are to be kept.
const CHUNK: usize = 1024;
/// What stands for the presentation where something is drawn once a stimulus.
const ONCE: u64 = u64::MAX;

/// How the stimuli reach the network, beside the transformations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delivery {
    /// Keys what random transformations draw, beside the stimulus, the presentation and the place of the transformation.
    pub seed: u64,
    /// Maps bytes to [-1, 1) by `(x - 128) / 128`, instead of to [0, 1] by `x / 255`; levels of 16 bits likewise.
    pub is_signed: bool,
    /// Rounds to the nearest of so many levels, at least 2, evenly from the lowest to the highest.
    pub quantization: Option<(u32, f32, f32)>,
    /// Bytes of memory that prepared images of one set may take; those of a larger set are made at each presentation.
    pub most_bytes: usize,
    /// Delivers a label for each pixel, instead of one for the stimulus.
    pub is_composite: bool,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { seed: 1, is_signed: false, quantization: None, most_bytes: usize::MAX, is_composite: false }
    }
}

/// Delivers the stimuli of a database as the network sees them.
///
/// Each set has its own chain of transformations: the cacheable ones, then those on the fly, each in the order of the
/// model. A chain that ends with bytes is followed by a division by 255, and one that ends with 16-bit levels by one by 65535, so
/// that grey levels reach the network in [0, 1]; a chain that makes reals, such as by a [`crate::RangeAffine`], delivers those.
///
/// Images of bytes or words that cacheable transformations have made are kept once [`Provider::prepare`] has run. What is
/// delivered depends on the stimulus, the set and the presentation alone, kept or not, for any number of threads.
#[derive(Debug)]
pub struct Provider {
    database: Arc<Database>,
    shape: Shape,
    delivery: Delivery,
    chains: [Chain; 3],
    /// Labels of pixels or regions move with the images.
    has_labels: bool,
}

/// What is done to the stimuli of one set.
#[derive(Debug)]
struct Chain {
    links: Vec<Link>,
    /// The first of them, whose results are bytes or words and are made once.
    n_kept: usize,
    kept: OnceLock<Kept>,
    /// Somebody is preparing the images, or has.
    taken: AtomicBool,
}

#[derive(Debug)]
struct Link {
    /// In the model.
    place: usize,
    on_the_fly: bool,
    operation: Operation,
}

/// A stimulus after the kept links: its size, its bytes, its labels where it has some.
type Prepared = (Shape, Vec<u8>, Option<Packed>);

/// Images after the kept links, in the order of the set.
#[derive(Debug, Default)]
struct Kept {
    pixels: Vec<u8>,
    /// Where each begins, and its size.
    images: Vec<(usize, Shape)>,
    /// What is known of their pixels, where anything is delivered of it.
    labels: Vec<Packed>,
}

impl Provider {
    /// Plans the transformations of every set; `shape` is what the network takes. The database is partitioned already.
    ///
    /// # Errors
    ///
    /// [`Error::Size`] when a stimulus of a set ends with another shape; those of transformations that make no sense.
    pub fn new(
        database: Arc<Database>,
        shape: Shape,
        transformations: &[Transformation],
        delivery: Delivery,
    ) -> Result<Provider, Error> {
        let mut chains = Vec::new();
        for set in Set::ALL {
            let chain = Chain::new(set, transformations);
            let mut seen = HashSet::new();
            let ids = database.set(set).iter().copied();
            for (id, stored) in ids.map(|id| (id, database.shape(id))).filter(|&(_, shape)| seen.insert(shape)) {
                let found = chain.shape(Format { shape: stored, depth: database.depth() })?;
                if found != shape {
                    return Err(Error::Size { stimulus: database.name(id), set, expected: shape, found });
                }
            }
            chains.push(chain);
        }
        let chains = chains.try_into().expect("one chain for each of the three sets");
        let has_labels = delivery.is_composite || database.has_rois();
        Ok(Provider { database, shape, delivery, chains, has_labels })
    }

    /// Returns the database the stimuli come from.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the same to keep.
    pub fn shared_database(&self) -> Arc<Database> {
        self.database.clone()
    }

    /// Returns the shape of what is delivered.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Tells whether a label is delivered for each pixel, instead of one for the stimulus.
    pub fn is_composite(&self) -> bool {
        self.delivery.is_composite
    }

    /// Returns the number of labels that are delivered with a stimulus: one, or as many as there are pixels.
    pub fn n_labels(&self) -> usize {
        if self.delivery.is_composite { self.shape.plane() } else { 1 }
    }

    /// Writes the stimulus `id`, presented as one of `set`, to `out`, `[channel][y][x]`.
    ///
    /// Any stimulus of the database may be presented as one of any set. The call may come from many threads at once.
    /// Random transformations draw what they draw for presentation 0.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, and a stimulus that ends with another shape; not for a stimulus of a set for which
    /// [`Provider::prepare`] has kept the images.
    ///
    /// # Panics
    ///
    /// When `id` is not in the database and when `out` has not the elements of [`Provider::shape`].
    pub fn load(&self, id: StimulusId, set: Set, out: &mut [f32]) -> Result<(), Error> {
        self.present(id, set, 0, out, None)
    }

    /// Writes several stimuli one after the other to `out`, `[stimulus][channel][y][x]`, after [`Provider::prepare`].
    ///
    /// # Errors
    ///
    /// As [`Provider::load`], the first in the order of `ids`.
    ///
    /// # Panics
    ///
    /// As [`Provider::load`].
    pub fn load_batch(&self, ids: &[StimulusId], set: Set, out: &mut [f32]) -> Result<(), Error> {
        self.load_each(ids, set, |_| 0, out)
    }

    /// [`Provider::load_batch`] for learning: the stimuli are presentations `first`, `first + 1` and so on of the run, and
    /// random transformations draw anew for each.
    ///
    /// # Errors
    ///
    /// As [`Provider::load_batch`].
    ///
    /// # Panics
    ///
    /// As [`Provider::load`].
    pub fn load_presentations(&self, ids: &[StimulusId], set: Set, first: u64, out: &mut [f32]) -> Result<(), Error> {
        self.load_each(ids, set, |at| first + at as u64, out)
    }

    fn load_each(
        &self,
        ids: &[StimulusId],
        set: Set,
        presentation: impl Fn(usize) -> u64 + Sync,
        out: &mut [f32],
    ) -> Result<(), Error> {
        let n = self.shape.n_elements();
        assert_eq!(out.len(), ids.len() * n, "expected room for {} stimuli", ids.len());
        self.prepare(set)?;
        let fault = out
            .par_chunks_exact_mut(n)
            .zip(ids)
            .enumerate()
            .with_min_len(self.stimuli_a_job(set))
            .find_map_first(|(at, (out, &id))| self.present(id, set, presentation(at), out, None).err());
        fault.map_or(Ok(()), Err)
    }

    /// Fewest stimuli that one thread loads.
    fn stimuli_a_job(&self, set: Set) -> usize {
        let chain = &self.chains[set as usize];
        let is_cheap = chain.kept.get().is_some() && chain.links.len() == chain.n_kept;
        if is_cheap { 32 } else { 2 }
    }

    fn present(
        &self,
        id: StimulusId,
        set: Set,
        presentation: u64,
        out: &mut [f32],
        wanted: Option<Wanted<'_>>,
    ) -> Result<(), Error> {
        thread_local! {
            static FRAME: RefCell<Frame> = RefCell::default();
        }
        assert_eq!(out.len(), self.shape.n_elements(), "expected room for one stimulus");
        let chain = &self.chains[set as usize];
        let kept = chain.kept.get().zip(self.database.position(id, set));
        let wanted = wanted.and_then(|wanted| self.unless_known(id, wanted));
        if let Some((kept, position)) = kept
            && chain.n_kept == chain.links.len()
            && wanted.is_none()
            && self.database.depth() == Depth::Byte
        {
            let (shape, pixels) = kept.image(position);
            debug_assert_eq!(shape, self.shape);
            self.deliver_bytes(pixels, out);
            return Ok(());
        }
        FRAME.with_borrow_mut(|frame| {
            frame.labels.clear();
            let done = match kept {
                Some((kept, position)) => {
                    let (shape, pixels) = kept.image(position);
                    frame.begin_stored(shape, self.database.depth(), pixels);
                    if wanted.is_some() {
                        kept.labels[position].unpack(&mut frame.labels);
                    }
                    chain.n_kept
                }
                None => {
                    let stored = self.database.image(id)?;
                    frame.begin_stored(stored.shape, stored.depth, &stored.pixels);
                    if wanted.is_some() {
                        self.database.annotate(id, self.delivery.is_composite, &mut frame.labels)?;
                    }
                    0
                }
            };
            self.apply(&chain.links[done..], frame, id, presentation);
            let is_taken = wanted.is_none_or(|wanted| wanted.take(&frame.labels));
            debug_assert!(is_taken || frame.shape != self.shape, "labels that did not follow the image");
            if frame.shape != self.shape {
                let (stimulus, found) = (self.database.name(id), frame.shape);
                return Err(Error::Size { stimulus, set, expected: self.shape, found });
            }
            match frame.depth {
                Depth::Byte => self.deliver_bytes(&frame.bytes, out),
                Depth::Word => self.deliver_words(&frame.reals, out),
                Depth::Real => {
                    out.copy_from_slice(&frame.reals);
                    self.quantize(out);
                }
            }
            Ok(())
        })
    }

    /// Says what nothing has to be computed for: the label of a stimulus of a database without anything else.
    fn unless_known<'a>(&self, id: StimulusId, wanted: Wanted<'a>) -> Option<Wanted<'a>> {
        assert_eq!(wanted.labels.len(), self.n_labels(), "expected room for the labels of one stimulus");
        if self.has_labels {
            return Some(wanted);
        }
        wanted.labels.fill(self.database.label(id).map_or(IGNORED, |label| label as i32));
        wanted.rois.clear();
        None
    }

    fn apply(&self, links: &[Link], frame: &mut Frame, id: StimulusId, presentation: u64) {
        for link in links {
            let presentation = if link.on_the_fly { presentation } else { ONCE };
            let mut draws = Draws::new(self.delivery.seed, link.place, id, presentation);
            link.operation.apply(frame, &mut draws);
        }
    }

    fn deliver_bytes(&self, image: &[u8], out: &mut [f32]) {
        if self.delivery.is_signed {
            for (value, &pixel) in out.iter_mut().zip(image) {
                *value = (f32::from(pixel) - 128.0) / 128.0;
            }
        } else {
            for (value, &pixel) in out.iter_mut().zip(image) {
                *value = f32::from(pixel) / 255.0;
            }
        }
        self.quantize(out);
    }

    fn deliver_words(&self, image: &[f32], out: &mut [f32]) {
        let (offset, scale) = if self.delivery.is_signed { (-32_768.0, 32_768.0) } else { (0.0, 65_535.0) };
        for (value, &level) in out.iter_mut().zip(image) {
            *value = (level + offset) / scale;
        }
        self.quantize(out);
    }

    fn quantize(&self, out: &mut [f32]) {
        let Some((levels, min, max)) = self.delivery.quantization else { return };
        let step = (max - min) / (levels.max(2) - 1) as f32;
        for value in out {
            *value = min + ((value.clamp(min, max) - min) / step).round() * step;
        }
    }

    /// Does the cacheable transformations of all stimuli of `set` and keeps the images, unless that has been done.
    ///
    /// It runs on the threads of rayon. It pays where stimuli are presented more than once, and finds every file that cannot
    /// be read; [`Provider::load`] alone transforms what was not prepared, each time.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or decoded, the first in the order of the set; nothing is kept then.
    pub fn prepare(&self, set: Set) -> Result<(), Error> {
        let chain = &self.chains[set as usize];
        let ids = self.database.set(set);
        let is_stored_so = chain.n_kept == 0 && self.database.is_in_memory();
        // Never waits for another thread: a thread that prepares may be given a job of rayon that comes here.
        if ids.is_empty() || is_stored_so || chain.taken.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let (mut kept, mut n_bytes_of_labels) = (Kept::default(), 0);
        let mut faults = Faults::refused();
        for ids in ids.chunks(CHUNK) {
            let images: Vec<Result<Prepared, Error>> = ids
                .par_iter()
                .map_init(Frame::default, |frame, &id| {
                    let stored = self.database.image(id)?;
                    frame.begin_stored(stored.shape, stored.depth, &stored.pixels);
                    if self.has_labels {
                        self.database.annotate(id, self.delivery.is_composite, &mut frame.labels)?;
                    }
                    self.apply(&chain.links[..chain.n_kept], frame, id, ONCE);
                    Ok((frame.shape, frame.stored(), self.has_labels.then(|| Packed::new(&frame.labels))))
                })
                .collect();
            for image in images {
                let Some((shape, pixels, labels)) = faults.keep(image) else { continue };
                if faults.found().is_empty() {
                    kept.images.push((kept.pixels.len(), shape));
                    kept.pixels.extend(pixels);
                    n_bytes_of_labels += labels.as_ref().map_or(0, Packed::n_bytes);
                    kept.labels.extend(labels);
                }
            }
            if faults.found().is_empty() && kept.pixels.len() + n_bytes_of_labels > self.delivery.most_bytes {
                return Ok(());
            }
        }
        if let Err(error) = faults.end() {
            chain.taken.store(false, Ordering::Relaxed);
            return Err(error);
        }
        kept.pixels.shrink_to_fit();
        let _ = chain.kept.set(kept);
        Ok(())
    }
}

impl Kept {
    fn image(&self, position: usize) -> (Shape, &[u8]) {
        let (start, shape) = self.images[position];
        let end = self.images.get(position + 1).map_or(self.pixels.len(), |&(next, _)| next);
        (shape, &self.pixels[start..end])
    }
}

impl Chain {
    fn new(set: Set, transformations: &[Transformation]) -> Chain {
        let links: Vec<Link> = in_order(transformations, set)
            .map(|(place, transformation)| Link {
                place,
                on_the_fly: transformation.on_the_fly,
                operation: transformation.operation.clone(),
            })
            .collect();
        // Whether an operation makes reals does not depend on the image, but for those that refuse it.
        let is_kept = |link: &&Link| !link.on_the_fly && !link.operation.makes_reals();
        let n_kept = links.iter().take_while(is_kept).count();
        Chain { links, n_kept, kept: OnceLock::new(), taken: AtomicBool::new(false) }
    }

    fn shape(&self, mut format: Format) -> Result<Shape, Error> {
        for link in &self.links {
            format = link.operation.step().format(format)?;
        }
        Ok(format.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{real_mnist, tiny};
    use crate::{ApplyTo, Arithmetic, Distortion, Flip, Mt19937, RangeAffine, Rescale};

    const STORED: Shape = Shape { channels: 1, height: 2, width: 3 };
    const LARGE: Shape = Shape { channels: 1, height: 32, width: 32 };

    fn rescale(width: usize, height: usize) -> Rescale {
        Rescale { width, height, keep_aspect_ratio: false, resize_to_fit: true }
    }

    fn affine(first: Arithmetic, first_value: &[f64]) -> RangeAffine {
        RangeAffine {
            first,
            first_value: first_value.to_vec(),
            second: Arithmetic::Plus,
            second_value: vec![0.0],
            truncate: false,
        }
    }

    fn always(operation: Operation) -> Transformation {
        Transformation { apply_to: ApplyTo::All, on_the_fly: false, operation }
    }

    fn on_the_fly(operation: Operation) -> Transformation {
        Transformation { apply_to: ApplyTo::All, on_the_fly: true, operation }
    }

    fn tiny_database() -> Arc<Database> {
        let mut database = tiny(0.4);
        database.partition(false, &mut Mt19937::new(1));
        Arc::new(database)
    }

    /// Loads stimulus 0, of pixels 0 to 5, as one of `set`.
    #[track_caller]
    fn check(shape: Shape, transformations: &[Transformation], set: Set, expect: &[f32]) {
        let provider = Provider::new(tiny_database(), shape, transformations, Delivery::default()).unwrap();
        let mut out = vec![f32::NAN; shape.n_elements()];
        provider.load(0, set, &mut out).unwrap();
        assert_eq!(out, expect);
        provider.load_batch(&[0], set, &mut out).unwrap();
        assert_eq!(out, expect, "from the cache");
    }

    #[test]
    fn grey_levels_are_normalized_unless_a_transformation_makes_reals() {
        let levels = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        check(STORED, &[], Set::Learn, &levels.map(|level| level / 255.0));
        check(STORED, &[always(Operation::Rescale(rescale(3, 2)))], Set::Learn, &levels.map(|level| level / 255.0));
        let plus = affine(Arithmetic::Plus, &[10.0]);
        check(STORED, &[always(Operation::RangeAffine(plus.clone()))], Set::Learn, &levels.map(|level| level + 10.0));
        check(STORED, &[on_the_fly(Operation::RangeAffine(plus))], Set::Test, &levels.map(|level| level + 10.0));
        let by_255 = Operation::RangeAffine(affine(Arithmetic::Divides, &[255.0]));
        check(STORED, &[always(by_255)], Set::Learn, &levels.map(|level| level / 255.0));
    }

    #[test]
    fn range_affine_applies_both_operators_and_truncates() {
        let levels = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let mut operation = affine(Arithmetic::Minus, &[3.0]);
        (operation.second, operation.second_value) = (Arithmetic::Multiplies, vec![0.75]);
        check(
            STORED,
            &[always(Operation::RangeAffine(operation.clone()))],
            Set::Learn,
            &levels.map(|x| (x - 3.0) * 0.75),
        );
        operation.truncate = true;
        let expect = [-2.0, -1.0, 0.0, 0.0, 0.0, 1.0];
        check(STORED, &[always(Operation::RangeAffine(operation.clone()))], Set::Learn, &expect);
        (operation.second_value, operation.truncate) = (vec![], false);
        check(STORED, &[always(Operation::RangeAffine(operation))], Set::Learn, &levels.map(|x| x - 3.0));
    }

    #[test]
    fn cacheable_transformations_come_before_those_on_the_fly() {
        let wide = Shape { channels: 1, height: 1, width: 2 };
        let plus = || Operation::RangeAffine(affine(Arithmetic::Plus, &[0.25]));
        let shrink = || Operation::Rescale(rescale(2, 1));
        // Columns sample the source at 0.25 and 1.75, the row between both rows: 1.75 and 3.25.
        let reals_first = [always(plus()), on_the_fly(shrink())];
        check(wide, &reals_first, Set::Learn, &[2.0, 3.5]);
        let integers_first = [on_the_fly(plus()), always(shrink())];
        check(wide, &integers_first, Set::Learn, &[2.25, 3.25]);
        let twice = [always(Operation::Rescale(rescale(3, 1))), always(shrink())];
        check(wide, &twice, Set::Learn, &[2.0 / 255.0, 4.0 / 255.0]);
    }

    #[test]
    fn each_set_has_its_own_transformations() {
        let add = |apply_to, value| Transformation {
            apply_to,
            on_the_fly: false,
            operation: Operation::RangeAffine(affine(Arithmetic::Plus, &[value])),
        };
        for (apply_to, expect) in [
            (ApplyTo::LearnOnly, [1.0, 0.0, 0.0]),
            (ApplyTo::ValidationOnly, [0.0, 1.0, 0.0]),
            (ApplyTo::TestOnly, [0.0, 0.0, 1.0]),
            (ApplyTo::NoLearn, [0.0, 1.0, 1.0]),
            (ApplyTo::NoValidation, [1.0, 0.0, 1.0]),
            (ApplyTo::NoTest, [1.0, 1.0, 0.0]),
            (ApplyTo::All, [1.0, 1.0, 1.0]),
        ] {
            for (set, added) in Set::ALL.into_iter().zip(expect) {
                let levels = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0].map(|level| level + added);
                check(STORED, &[add(ApplyTo::All, 0.0), add(apply_to, 1.0)], set, &levels);
            }
        }
    }

    #[test]
    fn aspect_ratio_is_kept_by_the_smaller_or_the_larger_ratio() {
        for (resize_to_fit, (width, height)) in [(true, (6, 4)), (false, (15, 10))] {
            let operation = Rescale { width: 6, height: 10, keep_aspect_ratio: true, resize_to_fit };
            let shape = Shape { channels: 1, height, width };
            assert!(
                Provider::new(tiny_database(), shape, &[always(Operation::Rescale(operation))], Delivery::default())
                    .is_ok()
            );
        }
    }

    #[test]
    fn what_cannot_be_delivered_is_refused() {
        let divide = |values: &[f64]| always(Operation::RangeAffine(affine(Arithmetic::Divides, values)));
        let mut bad_second = affine(Arithmetic::Plus, &[1.0]);
        bad_second.second_value = vec![f64::NAN];
        let thin = Rescale { width: 1, height: 1, keep_aspect_ratio: true, resize_to_fit: true };
        let for_test_only = Transformation { apply_to: ApplyTo::NoTest, ..always(Operation::Rescale(rescale(32, 32))) };
        for (transformation, expect) in [
            (
                always(Operation::Rescale(rescale(31, 32))),
                "stimulus train-images-idx3-ubyte[00000].pgm (Learn set): expected 32x32x1 after the transformations, found \
                 31x32x1 (width x height x channels); change `SizeX`, `SizeY`, `NbChannels` or the transformations",
            ),
            (
                for_test_only,
                "stimulus t10k-images-idx3-ubyte[00000].pgm (Test set): expected 32x32x1 after the transformations, found \
                 3x2x1 (width x height x channels); change `SizeX`, `SizeY`, `NbChannels` or the transformations",
            ),
            (
                always(Operation::Rescale(thin)),
                "RescaleTransformation: expected from 1 to 16384 columns and rows, found 1x0 (width x height) for a stimulus \
                 of 3x2x1; change `Width` and `Height`",
            ),
            (
                on_the_fly(Operation::Rescale(rescale(32, usize::MAX))),
                "RescaleTransformation: expected from 1 to 16384 columns and rows, found 32x18446744073709551615 (width x \
                 height) for a stimulus of 3x2x1; change `Width` and `Height`",
            ),
            (
                divide(&[]),
                "RangeAffineTransformation: expected one `FirstValue` or one for each of the 1 channels, found 0",
            ),
            (
                divide(&[1.0, 2.0]),
                "RangeAffineTransformation: expected one `FirstValue` or one for each of the 1 channels, found 2",
            ),
            (
                divide(&[0.0]),
                "RangeAffineTransformation: expected a finite `FirstValue`, other than 0 to divide by, found 0",
            ),
            (
                always(Operation::RangeAffine(bad_second)),
                "RangeAffineTransformation: expected a finite `SecondValue`, other than 0 to divide by, found NaN",
            ),
        ] {
            let error = Provider::new(tiny_database(), LARGE, &[transformation], Delivery::default()).unwrap_err();
            assert_eq!(error.to_string(), expect);
        }
    }

    #[test]
    fn a_set_that_is_empty_may_have_any_shape() {
        let mut database = tiny(0.0);
        database.partition(false, &mut Mt19937::new(1));
        let transformation =
            Transformation { apply_to: ApplyTo::NoValidation, ..always(Operation::Rescale(rescale(32, 32))) };
        assert!(Provider::new(Arc::new(database), LARGE, &[transformation], Delivery::default()).is_ok());
    }

    #[test]
    fn what_is_kept_is_what_is_made_anew() {
        let provider =
            Provider::new(real_mnist(), LARGE, &[always(Operation::Rescale(rescale(32, 32)))], Delivery::default())
                .unwrap();
        let n = LARGE.n_elements();
        // Stimulus 0 is in one of the first two sets, and may be presented as a stimulus of Test all the same.
        let mut ids = real_mnist().set(Set::Test)[..50].to_vec();
        ids.push(0);
        let mut fresh = vec![0.0; ids.len() * n];
        for (&id, out) in ids.iter().zip(fresh.chunks_exact_mut(n)) {
            provider.load(id, Set::Test, out).unwrap();
        }
        let mut kept = vec![0.0; ids.len() * n];
        provider.load_batch(&ids, Set::Test, &mut kept).unwrap();
        assert_eq!(fresh, kept);
        assert!(kept.iter().all(|value| (0.0..=1.0).contains(value)) && kept.contains(&1.0));
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let run = |n_threads| {
            let provider =
                Provider::new(real_mnist(), LARGE, &[always(Operation::Rescale(rescale(32, 32)))], Delivery::default())
                    .unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let database = provider.database();
            let ids = &database.set(Set::Validation)[..500];
            let mut out = vec![0.0; ids.len() * LARGE.n_elements()];
            // Every job of the pool may be the one that fills the cache, and meets others that want to.
            pool.install(|| {
                out.par_chunks_exact_mut(LARGE.n_elements())
                    .zip(ids)
                    .for_each(|(out, &id)| provider.load_batch(&[id], Set::Validation, out).unwrap());
            });
            out
        };
        assert_eq!(run(1), run(4));
    }

    #[test]
    fn random_transformations_depend_on_seed_stimulus_and_presentation_alone() {
        let transformations = [
            always(Operation::Rescale(rescale(32, 32))),
            on_the_fly(Operation::Flip(Flip { random_horizontal: true, ..Flip::default() })),
            on_the_fly(Operation::Distortion(Distortion {
                elastic_size: 15,
                elastic_sigma: 6.0,
                elastic_scaling: 36.0,
                scaling: 10.0,
                rotation: 10.0,
                ignores_missing: true,
            })),
        ];
        let n = LARGE.n_elements();
        let mnist = real_mnist();
        let ids = &mnist.set(Set::Learn)[..60];
        let run = |n_threads, seed, first| {
            let delivery = Delivery { seed, ..Delivery::default() };
            let provider = Provider::new(real_mnist(), LARGE, &transformations, delivery).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let mut out = vec![0.0; ids.len() * n];
            pool.install(|| provider.load_presentations(ids, Set::Learn, first, &mut out)).unwrap();
            out
        };
        let all = run(1, 1, 1000);
        assert_eq!(all, run(3, 1, 1000), "any number of threads");
        let (other_seed, other_presentation) = (run(1, 2, 1000), run(1, 1, 1001));
        for at in 0..ids.len() {
            let of = |out: &[f32]| out[at * n..(at + 1) * n].to_vec();
            assert!(of(&all) != of(&other_seed) && of(&all) != of(&other_presentation), "stimulus {at}");
        }
        // The same stimulus and presentation in another batch.
        let provider = Provider::new(real_mnist(), LARGE, &transformations, Delivery::default()).unwrap();
        let mut one = vec![0.0; n];
        provider.load_presentations(&ids[7..8], Set::Learn, 1007, &mut one).unwrap();
        assert_eq!(one, all[7 * n..8 * n]);
    }

    #[test]
    fn bytes_may_be_mapped_to_both_signs_and_to_few_levels() {
        let deliver = |delivery| {
            let provider = Provider::new(tiny_database(), STORED, &[], delivery).unwrap();
            let mut out = vec![0.0; 6];
            provider.load(0, Set::Learn, &mut out).unwrap();
            out
        };
        let signed = deliver(Delivery { is_signed: true, ..Delivery::default() });
        assert_eq!(signed, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0].map(|level| (level - 128.0) / 128.0));
        let coarse = Delivery { quantization: Some((3, 0.0, 4.0 / 255.0)), ..Delivery::default() };
        let expect = [0.0, 2.0, 2.0, 4.0, 4.0, 4.0].map(|level: f32| level / 255.0);
        for (found, expect) in deliver(coarse).into_iter().zip(expect) {
            assert!((found - expect).abs() < 1e-7, "{found} {expect}");
        }
    }

    #[test]
    fn what_does_not_fit_is_made_anew_each_time() {
        let transformations = [always(Operation::Rescale(rescale(32, 32)))];
        let load = |most_bytes| {
            let delivery = Delivery { most_bytes, ..Delivery::default() };
            let provider = Provider::new(tiny_database(), LARGE, &transformations, delivery).unwrap();
            let mut out = vec![0.0; 3 * 1024];
            provider.load_batch(&[2, 0, 1], Set::Learn, &mut out).unwrap();
            (provider.chains[0].kept.get().is_some(), out)
        };
        let (all, some) = (load(usize::MAX), load(1024));
        assert!(all.0 && !some.0 && all.1 == some.1);
    }
}
