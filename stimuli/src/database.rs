use crate::remaining::Remaining;
use crate::{Mt19937, Set, Shape, StimulusId, rounding};

/// Labelled images of one size, and the sets they are divided into.
///
/// Training files come first, then test files. The sets are empty until [`Database::partition`].
#[derive(Clone, Debug)]
pub struct Database {
    label_names: Vec<String>,
    shape: Shape,
    train: Part,
    test: Part,
    sets: [Vec<StimulusId>; 3],
    /// Where a stimulus stands in its set.
    positions: Vec<u32>,
}

/// What one pair of files holds.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Beginning of the names of its stimuli.
    pub stem: &'static str,
    pub shape: Shape,
    pub pixels: Vec<u8>,
    pub labels: Vec<u8>,
}

impl Database {
    /// Both parts have images of one shape, one label an image, and no label without a name.
    pub(crate) fn new(label_names: Vec<String>, train: Part, test: Part) -> Self {
        let positions = vec![0; train.labels.len() + test.labels.len()];
        Self { label_names, shape: train.shape, train, test, sets: Default::default(), positions }
    }

    /// Returns the number of stimuli.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Tells whether there is no stimulus.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the class of a stimulus, an index into [`Database::label_names`].
    ///
    /// # Panics
    ///
    /// When `id` is not below [`Database::len`]; so do [`Database::name`] and [`Database::image`].
    pub fn label(&self, id: StimulusId) -> usize {
        let (part, index) = self.part(id);
        usize::from(part.labels[index])
    }

    /// Returns the names of the classes.
    pub fn label_names(&self) -> &[String] {
        &self.label_names
    }

    /// Returns the name of a stimulus, such as `train-images-idx3-ubyte[00080].pgm`; the number counts in its file.
    pub fn name(&self, id: StimulusId) -> String {
        let (part, index) = self.part(id);
        format!("{}[{index:05}].pgm", part.stem)
    }

    /// Returns the grey levels of a stimulus as stored, `[channel][y][x]`.
    pub fn image(&self, id: StimulusId) -> &[u8] {
        let (part, index) = self.part(id);
        let n = self.shape.n_elements();
        &part.pixels[index * n..(index + 1) * n]
    }

    /// Returns the size of every stored image.
    pub fn image_shape(&self) -> Shape {
        self.shape
    }

    /// Divides the stimuli into sets: of the N training files, `N (1 - validation)` to Learn and `N validation` to
    /// Validation; the test files to Test.
    ///
    /// The sets are drawn one after the other, Learn, Validation, Test, each stimulus with one number of `rng`; each is
    /// taken from what remains of its files, kept in order. Where `rng` is fresh from a seed, the sets are those that
    /// N2D2 makes with that seed. With `random` false the sets are filled in file order and `rng` is not used; Test is
    /// drawn at random all the same where `random` is true.
    ///
    /// # Panics
    ///
    /// When `validation` is not between 0 and 1.
    pub fn partition(&mut self, validation: f64, random: bool, rng: &mut Mt19937) {
        assert!((0.0..=1.0).contains(&validation), "expected a fraction between 0 and 1, found {validation}");
        let (n_train, n_test) = (self.train.labels.len(), self.test.labels.len());
        let [n_learn, n_validation, _] = sizes(n_train, 1.0 - validation, validation, 0.0);
        let mut train = Files { start: 0, remaining: Remaining::new(n_train), random, rng };
        let learn = train.take(n_learn);
        let validation = train.take(n_validation);
        let mut test = Files { start: n_train, remaining: Remaining::new(n_test), random, rng };
        let test = test.take(n_test);
        self.sets = [learn, validation, test];
        for set in &self.sets {
            for (position, &id) in set.iter().enumerate() {
                self.positions[id] = position as u32;
            }
        }
    }

    /// Returns the stimuli of a set, in the order in which they were drawn.
    pub fn set(&self, set: Set) -> &[StimulusId] {
        &self.sets[set as usize]
    }

    /// Returns where `id` stands in `set`, or `None` when it is in another or none.
    pub(crate) fn position(&self, id: StimulusId, set: Set) -> Option<usize> {
        let position = *self.positions.get(id)? as usize;
        (self.set(set).get(position) == Some(&id)).then_some(position)
    }

    fn part(&self, id: StimulusId) -> (&Part, usize) {
        let n_train = self.train.labels.len();
        if id < n_train { (&self.train, id) } else { (&self.test, id - n_train) }
    }
}

/// The files of which stimuli are taken.
struct Files<'a> {
    start: usize,
    remaining: Remaining,
    random: bool,
    rng: &'a mut Mt19937,
}

impl Files<'_> {
    /// Takes `count` stimuli, or all there are if they are fewer.
    fn take(&mut self, count: usize) -> Vec<StimulusId> {
        let count = count.min(self.remaining.len());
        let take = |_| {
            let last = self.remaining.len() as i64 - 1;
            let index = if self.random { self.rng.uniform_int(0, last) as usize } else { 0 };
            self.start + self.remaining.take(index)
        };
        (0..count).map(take).collect()
    }
}

/// Returns how many of `n` stimuli go to Learn, Validation and Test, of which the fractions add up to at most 1.
fn sizes(n: usize, learn: f64, validation: f64, test: f64) -> [usize; 3] {
    let n = n as f64;
    let n_learn = rounding::half_up(n * learn);
    let n_others = rounding::half_down(n * (validation + test));
    let share = if validation > 0.0 { validation / (validation + test) } else { 0.0 };
    let n_validation = rounding::half_up(n_others * share);
    let n_test = rounding::half_down(n_others * (1.0 - share));
    [n_learn, n_validation, n_test].map(|count| count as usize)
}
