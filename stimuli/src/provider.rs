use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::resize::{Resize, Scratch};
use crate::{Arithmetic, Database, Error, Operation, RangeAffine, Rescale, Set, Shape, StimulusId, Transformation};

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
    cached: Vec<Step>,
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
    Resize { resize: Resize, channels: usize },
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
    /// [`Error::Size`] when a set that is not empty ends with another shape; [`Error::NoSize`], [`Error::Values`],
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
                    let step = resize_step(shape, rescale)?;
                    shape = step.1;
                    if rest.is_empty() && !transformation.on_the_fly {
                        cached.push(step.0);
                        cached_shape = shape;
                    } else {
                        rest.push(step.0);
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

    /// Applies the cached steps, of which there is at least one.
    fn begin(&self, image: &[u8], scratch: &mut Scratch, out: &mut [u8]) {
        let resize_into = |step: &Step, source: &[u8], scratch: &mut Scratch, out: &mut [u8]| match step {
            Step::Resize { resize, .. } => resize.integers(source, scratch, out),
            Step::Affine { .. } => unreachable!("cached steps deliver integers"),
        };
        let Some((last, before)) = self.cached.split_last() else { return out.copy_from_slice(image) };
        let mut source = image.to_vec();
        for step in before {
            let mut next = vec![0; step.n_elements()];
            resize_into(step, &source, scratch, &mut next);
            source = next;
        }
        resize_into(last, &source, scratch, out);
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

fn resize_step(shape: Shape, rescale: &Rescale) -> Result<(Step, Shape), Error> {
    let mut size = (rescale.width, rescale.height);
    if rescale.keep_aspect_ratio {
        let ratios = (size.0 as f64 / shape.width as f64, size.1 as f64 / shape.height as f64);
        let ratio = if rescale.resize_to_fit { ratios.0.min(ratios.1) } else { ratios.0.max(ratios.1) };
        size = ((ratio * shape.width as f64) as usize, (ratio * shape.height as f64) as usize);
    }
    if size.0 == 0 || size.1 == 0 {
        return Err(Error::NoSize { input: shape, width: size.0, height: size.1 });
    }
    let resize = Resize::new((shape.width, shape.height), size);
    let step = Step::Resize { resize, channels: shape.channels };
    Ok((step, Shape { channels: shape.channels, height: size.1, width: size.0 }))
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
    fn n_elements(&self) -> usize {
        match self {
            Step::Resize { resize, channels } => resize.plane() * channels,
            Step::Affine { plane, affine: _ } => *plane,
        }
    }

    fn apply(&self, pixels: Pixels) -> Pixels {
        match (self, pixels) {
            (Step::Resize { resize, .. }, Pixels::Integers(values)) => {
                let mut out = vec![0; self.n_elements()];
                resize.integers(&values, &mut Scratch::default(), &mut out);
                Pixels::Integers(out)
            }
            (Step::Resize { resize, .. }, Pixels::Reals(values)) => {
                let mut out = vec![0.0; self.n_elements()];
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
