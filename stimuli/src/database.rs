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
        let mut train = Unpartitioned { start: 0, remaining: Remaining::new(n_train), random, rng };
        let learn = train.take(n_learn);
        let validation = train.take(n_validation);
        let mut test = Unpartitioned { start: n_train, remaining: Remaining::new(n_test), random, rng };
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

/// The stimuli of some files that no set holds yet.
struct Unpartitioned<'a> {
    start: usize,
    remaining: Remaining,
    random: bool,
    rng: &'a mut Mt19937,
}

impl Unpartitioned<'_> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{real_mnist, tiny};

    /// What the reference program logs for `Validation=0.2` and seed 1.
    #[test]
    fn seed_1_divides_mnist_as_the_reference_does() {
        let database = real_mnist();
        let first = |set| {
            let describe = |&id: &usize| (id, database.name(id), database.label(id));
            database.set(set)[..3].iter().map(describe).collect::<Vec<_>>()
        };
        let expect =
            |list: [(usize, &str, usize); 3]| list.map(|(id, name, label)| (id, name.to_owned(), label)).to_vec();
        assert_eq!(
            first(Set::Learn),
            expect([
                (25021, "train-images-idx3-ubyte[25021].pgm", 7),
                (59831, "train-images-idx3-ubyte[59831].pgm", 2),
                (43219, "train-images-idx3-ubyte[43219].pgm", 4),
            ])
        );
        assert_eq!(
            first(Set::Test),
            expect([
                (63593, "t10k-images-idx3-ubyte[03593].pgm", 1),
                (69194, "t10k-images-idx3-ubyte[09194].pgm", 5),
                (69450, "t10k-images-idx3-ubyte[09450].pgm", 8),
            ])
        );
        let counts =
            |class| Set::ALL.map(|set| database.set(set).iter().filter(|&&id| database.label(id) == class).count());
        assert_eq!((counts(0), counts(1)), ([4729, 1194, 980], [5382, 1360, 1135]));
        assert_eq!(Set::ALL.map(|set| database.set(set).len()), [48_000, 12_000, 10_000]);
        let mut all: Vec<usize> = Set::ALL.iter().flat_map(|&set| database.set(set)).copied().collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..70_000), "every stimulus is in exactly one set");
    }

    #[test]
    fn without_random_draws_the_sets_follow_the_files() {
        let mut database = tiny();
        assert!(Set::ALL.iter().all(|&set| database.set(set).is_empty()));
        let mut rng = Mt19937::new(1);
        for (validation, expect) in [
            (0.0, [vec![0, 1, 2, 3, 4], vec![], vec![5, 6, 7]]),
            (0.4, [vec![0, 1, 2], vec![3, 4], vec![5, 6, 7]]),
            (0.5, [vec![0, 1, 2], vec![3, 4], vec![5, 6, 7]]),
            (1.0, [vec![], vec![0, 1, 2, 3, 4], vec![5, 6, 7]]),
        ] {
            database.partition(validation, false, &mut rng);
            assert_eq!(Set::ALL.map(|set| database.set(set).to_vec()), expect, "{validation}");
        }
        assert_eq!(rng.next_u32(), Mt19937::new(1).next_u32(), "file order draws no number");
    }

    #[test]
    fn a_position_is_known_only_within_the_right_set() {
        let mut database = tiny();
        assert_eq!(database.position(0, Set::Learn), None);
        database.partition(0.4, false, &mut Mt19937::new(1));
        for (id, set, expect) in [
            (2, Set::Learn, Some(2)),
            (2, Set::Validation, None),
            (4, Set::Validation, Some(1)),
            (7, Set::Test, Some(2)),
            (8, Set::Test, None),
        ] {
            assert_eq!(database.position(id, set), expect, "{id} in {set}");
        }
    }

    proptest! {
        #[test]
        fn a_partition_is_that_of_ordered_removal_from_a_list(seed: u32, validation in 0.0..=1.0) {
            let mut database = tiny();
            database.partition(validation, true, &mut Mt19937::new(seed));
            let mut rng = Mt19937::new(seed);
            let mut draw = |list: &mut Vec<usize>, n: usize| -> Vec<usize> {
                (0..n).map(|_| list.remove(rng.uniform_int(0, list.len() as i64 - 1) as usize)).collect()
            };
            let mut train: Vec<usize> = (0..5).collect();
            let n_learn = database.set(Set::Learn).len();
            prop_assert_eq!(draw(&mut train, n_learn), database.set(Set::Learn));
            prop_assert_eq!(draw(&mut train, 5 - n_learn), database.set(Set::Validation));
            prop_assert_eq!(draw(&mut vec![5, 6, 7], 3), database.set(Set::Test));
        }

        #[test]
        fn the_sizes_of_the_sets_add_up(n in 0_usize..100_000, validation in 0.0..=1.0) {
            let [n_learn, n_validation, n_test] = sizes(n, 1.0 - validation, validation, 0.0);
            prop_assert!((n_learn + n_validation).abs_diff(n) <= 1 && n_test == 0);
        }
    }
}
