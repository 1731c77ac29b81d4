use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::resize::{Resize, Scratch};
use crate::{Arithmetic, Database, Error, Operation, RangeAffine, Rescale, Set, Shape, StimulusId, Transformation};

/// Columns and rows that a rescaled image may have; what is planned for it then fits in memory.
const MAX_SIZE: usize = 16_384;

/// Delivers the stimuli of a database as the network sees them.
///
/// Each set has its own chain of transformations: the cacheable ones, then those on the fly, each in the order of the
/// model. A chain that ends with integers is followed by a division by 255, so that 8-bit grey levels reach the network
/// in [0, 1]; a chain with a [`RangeAffine`] delivers what that makes.
///
/// Integer images that cacheable transformations have made are kept once [`Provider::prepare`] has run. What is
/// delivered depends on the stimulus and the set alone, kept or not.
#[derive(Debug)]
pub struct Provider {
    database: Arc<Database>,
    shape: Shape,
    chains: [Chain; 3],
}

/// What is done to the stimuli of one set.
#[derive(Debug)]
struct Chain {
    /// Cacheable, and integers go in and come out.
    cached: Vec<Resize>,
    rest: Vec<Step>,
    /// After `cached`.
    cached_shape: Shape,
    /// After `rest`.
    shape: Shape,
    /// Images after `cached`, in the order of the set.
    cache: OnceLock<Vec<u8>>,
    /// Somebody is filling the cache, or has.
    taken: AtomicBool,
}

#[derive(Debug)]
enum Step {
    Resize(Resize),
    Affine { affine: RangeAffine, plane: usize },
}

enum Pixels {
    Integers(Vec<u8>),
    Reals(Vec<f32>),
}

impl Provider {
    /// Plans the transformations of every set; `shape` is what the network takes. The database is partitioned already.
    ///
    /// # Errors
    ///
    /// [`Error::Size`] when a set that is not empty ends with another shape; [`Error::RescaledSize`], [`Error::Values`],
    /// [`Error::Value`] when a transformation makes no sense.
    pub fn new(database: Arc<Database>, shape: Shape, transformations: &[Transformation]) -> Result<Provider, Error> {
        let mut chains = Vec::new();
        for set in Set::ALL {
            let chain = Chain::new(database.image_shape(), set, transformations)?;
            if chain.shape != shape
                && let Some(&first) = database.set(set).first()
            {
                return Err(Error::Size { stimulus: database.name(first), set, expected: shape, found: chain.shape });
            }
            chains.push(chain);
        }
        let chains = chains.try_into().expect("one chain for each of the three sets");
        Ok(Provider { database, shape, chains })
    }

    /// Returns the database the stimuli come from.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the shape of what is delivered.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Writes the stimulus `id`, presented as one of `set`, to `out`, `[channel][y][x]`.
    ///
    /// Any stimulus may be presented as one of any set that is not empty. The call may come from many threads at once.
    ///
    /// # Panics
    ///
    /// When `id` is not in the database, when `out` has not the elements of [`Provider::shape`], and when `set` is empty
    /// and its transformations give another shape.
    pub fn load(&self, id: StimulusId, set: Set, out: &mut [f32]) {
        let chain = &self.chains[set as usize];
        assert_eq!(chain.shape, self.shape, "expected transformations of the {set} set that give the shape delivered");
        assert_eq!(out.len(), self.shape.n_elements(), "expected room for one stimulus");
        let n = chain.cached_shape.n_elements();
        let kept = chain.cache.get().zip(self.database.position(id, set));
        match kept {
            Some((cache, position)) => chain.finish(&cache[position * n..(position + 1) * n], out),
            None if chain.cached.is_empty() => chain.finish(self.database.image(id), out),
            None => {
                let mut image = vec![0; n];
                chain.begin(self.database.image(id), &mut Scratch::default(), &mut image);
                chain.finish(&image, out);
            }
        }
    }

    /// Writes several stimuli one after the other to `out`, `[stimulus][channel][y][x]`, after [`Provider::prepare`].
    ///
    /// # Panics
    ///
    /// As [`Provider::load`].
    pub fn load_batch(&self, ids: &[StimulusId], set: Set, out: &mut [f32]) {
        let n = self.shape.n_elements();
        assert_eq!(out.len(), ids.len() * n, "expected room for {} stimuli", ids.len());
        self.prepare(set);
        for (&id, out) in ids.iter().zip(out.chunks_exact_mut(n)) {
            self.load(id, set, out);
        }
    }

    /// Does the cacheable transformations of all stimuli of `set` and keeps the images, unless that has been done.
    ///
    /// It runs on the threads of rayon. It pays where stimuli are presented more than once; [`Provider::load`] alone
    /// transforms what was not prepared, each time.
    pub fn prepare(&self, set: Set) {
        let chain = &self.chains[set as usize];
        // Never waits for another thread: a thread that fills the cache may be given a job of rayon that comes here.
        if chain.cached.is_empty() || chain.taken.swap(true, Ordering::Relaxed) {
            return;
        }
        let n = chain.cached_shape.n_elements();
        let ids = self.database.set(set);
        let mut images = vec![0; ids.len() * n];
        images
            .par_chunks_exact_mut(n)
            .zip(ids)
            .for_each_init(Scratch::default, |scratch, (out, &id)| chain.begin(self.database.image(id), scratch, out));
        let _ = chain.cache.set(images);
    }
}

impl Chain {
    fn new(stored: Shape, set: Set, transformations: &[Transformation]) -> Result<Chain, Error> {
        let (mut cached, mut rest) = (Vec::new(), Vec::new());
        let (mut shape, mut cached_shape) = (stored, stored);
        let applied = transformations.iter().filter(|transformation| transformation.apply_to.includes(set));
        let (on_the_fly, cacheable): (Vec<_>, Vec<_>) = applied.partition(|transformation| transformation.on_the_fly);
        for transformation in cacheable.into_iter().chain(on_the_fly) {
            match &transformation.operation {
                Operation::Rescale(rescale) => {
                    let resize = plan_resize(shape, rescale)?;
                    shape = resize.shape();
                    if rest.is_empty() && !transformation.on_the_fly {
                        cached.push(resize);
                        cached_shape = shape;
                    } else {
                        rest.push(Step::Resize(resize));
                    }
                }
                Operation::RangeAffine(affine) => {
                    check_affine(affine, shape.channels)?;
                    rest.push(Step::Affine { affine: affine.clone(), plane: shape.plane() });
                }
            }
        }
        Ok(Chain { cached, rest, cached_shape, shape, cache: OnceLock::new(), taken: AtomicBool::new(false) })
    }

    /// Applies the cached steps.
    fn begin(&self, image: &[u8], scratch: &mut Scratch, out: &mut [u8]) {
        let Some((last, before)) = self.cached.split_last() else { return out.copy_from_slice(image) };
        let mut source = Cow::Borrowed(image);
        for resize in before {
            let mut next = vec![0; resize.shape().n_elements()];
            resize.integers(&source, scratch, &mut next);
            source = Cow::Owned(next);
        }
        last.integers(&source, scratch, out);
    }

    /// Applies the other steps and the implicit normalization.
    fn finish(&self, image: &[u8], out: &mut [f32]) {
        if self.rest.is_empty() {
            return normalize(image, out);
        }
        let mut pixels = Pixels::Integers(image.to_vec());
        for step in &self.rest {
            pixels = step.apply(pixels);
        }
        match pixels {
            Pixels::Integers(values) => normalize(&values, out),
            Pixels::Reals(values) => out.copy_from_slice(&values),
        }
    }
}

fn normalize(image: &[u8], out: &mut [f32]) {
    for (value, &pixel) in out.iter_mut().zip(image) {
        *value = f32::from(pixel) / 255.0;
    }
}

fn plan_resize(shape: Shape, rescale: &Rescale) -> Result<Resize, Error> {
    let (mut width, mut height) = (rescale.width, rescale.height);
    if rescale.keep_aspect_ratio {
        let ratios = (width as f64 / shape.width as f64, height as f64 / shape.height as f64);
        let ratio = if rescale.resize_to_fit { ratios.0.min(ratios.1) } else { ratios.0.max(ratios.1) };
        (width, height) = ((ratio * shape.width as f64) as usize, (ratio * shape.height as f64) as usize);
    }
    if [width, height].iter().all(|size| (1..=MAX_SIZE).contains(size)) {
        Ok(Resize::new(shape, width, height))
    } else {
        Err(Error::RescaledSize { input: shape, max: MAX_SIZE, width, height })
    }
}

fn check_affine(affine: &RangeAffine, channels: usize) -> Result<(), Error> {
    let second_is_absent = affine.second_value.is_empty();
    for (key, operator, values, is_absent) in [
        ("FirstValue", affine.first, &affine.first_value, false),
        ("SecondValue", affine.second, &affine.second_value, second_is_absent),
    ] {
        if !is_absent && values.len() != 1 && values.len() != channels {
            return Err(Error::Values { key, channels, found: values.len() });
        }
        let is_bad = |value: &&f64| !value.is_finite() || (operator == Arithmetic::Divides && **value == 0.0);
        if let Some(&found) = values.iter().find(is_bad) {
            return Err(Error::Value { key, found });
        }
    }
    Ok(())
}

impl Step {
    fn apply(&self, pixels: Pixels) -> Pixels {
        match (self, pixels) {
            (Step::Resize(resize), Pixels::Integers(values)) => {
                let mut out = vec![0; resize.shape().n_elements()];
                resize.integers(&values, &mut Scratch::default(), &mut out);
                Pixels::Integers(out)
            }
            (Step::Resize(resize), Pixels::Reals(values)) => {
                let mut out = vec![0.0; resize.shape().n_elements()];
                resize.reals(&values, &mut out);
                Pixels::Reals(out)
            }
            (Step::Affine { affine, plane }, pixels) => {
                let mut values = match pixels {
                    Pixels::Integers(values) => values.into_iter().map(f32::from).collect(),
                    Pixels::Reals(values) => values,
                };
                for (channel, values) in values.chunks_exact_mut(*plane).enumerate() {
                    for value in values {
                        *value = apply_affine(affine, channel, *value);
                    }
                }
                Pixels::Reals(values)
            }
        }
    }
}

/// Each operator works on doubles and delivers a float, as an operation on a whole image does.
fn apply_affine(affine: &RangeAffine, channel: usize, x: f32) -> f32 {
    let operand = |values: &[f64]| values.get(channel).or(values.first()).copied();
    let mut x = x;
    for (operator, operand) in
        [(affine.first, operand(&affine.first_value)), (affine.second, operand(&affine.second_value))]
    {
        let Some(v) = operand else { continue };
        let u = f64::from(x);
        x = match operator {
            Arithmetic::Plus => u + v,
            Arithmetic::Minus => u - v,
            Arithmetic::Multiplies => u * v,
            Arithmetic::Divides => u / v,
        } as f32;
    }
    if affine.truncate { x.trunc() } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{real_mnist, tiny};
    use crate::{ApplyTo, Mt19937};

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
        let mut database = tiny();
        database.partition(0.4, false, &mut Mt19937::new(1));
        Arc::new(database)
    }

    /// Loads stimulus 0, of pixels 0 to 5, as one of `set`.
    #[track_caller]
    fn check(shape: Shape, transformations: &[Transformation], set: Set, expect: &[f32]) {
        let provider = Provider::new(tiny_database(), shape, transformations).unwrap();
        let mut out = vec![f32::NAN; shape.n_elements()];
        provider.load(0, set, &mut out);
        assert_eq!(out, expect);
        provider.load_batch(&[0], set, &mut out);
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
            assert!(Provider::new(tiny_database(), shape, &[always(Operation::Rescale(operation))]).is_ok());
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
            let error = Provider::new(tiny_database(), LARGE, &[transformation]).unwrap_err();
            assert_eq!(error.to_string(), expect);
        }
    }

    #[test]
    fn a_set_that_is_empty_may_have_any_shape() {
        let mut database = tiny();
        database.partition(0.0, false, &mut Mt19937::new(1));
        let transformation =
            Transformation { apply_to: ApplyTo::NoValidation, ..always(Operation::Rescale(rescale(32, 32))) };
        assert!(Provider::new(Arc::new(database), LARGE, &[transformation]).is_ok());
    }

    #[test]
    fn what_is_kept_is_what_is_made_anew() {
        let provider = Provider::new(real_mnist(), LARGE, &[always(Operation::Rescale(rescale(32, 32)))]).unwrap();
        let n = LARGE.n_elements();
        // Stimulus 0 is in one of the first two sets, and may be presented as a stimulus of Test all the same.
        let mut ids = real_mnist().set(Set::Test)[..50].to_vec();
        ids.push(0);
        let mut fresh = vec![0.0; ids.len() * n];
        for (&id, out) in ids.iter().zip(fresh.chunks_exact_mut(n)) {
            provider.load(id, Set::Test, out);
        }
        let mut kept = vec![0.0; ids.len() * n];
        provider.load_batch(&ids, Set::Test, &mut kept);
        assert_eq!(fresh, kept);
        assert!(kept.iter().all(|value| (0.0..=1.0).contains(value)) && kept.contains(&1.0));
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let run = |n_threads| {
            let provider = Provider::new(real_mnist(), LARGE, &[always(Operation::Rescale(rescale(32, 32)))]).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let database = provider.database();
            let ids = &database.set(Set::Validation)[..500];
            let mut out = vec![0.0; ids.len() * LARGE.n_elements()];
            // Every job of the pool may be the one that fills the cache, and meets others that want to.
            pool.install(|| {
                out.par_chunks_exact_mut(LARGE.n_elements())
                    .zip(ids)
                    .for_each(|(out, &id)| provider.load_batch(&[id], Set::Validation, out));
            });
            out
        };
        assert_eq!(run(1), run(4));
    }
}
