use std::borrow::Cow;
use std::path::PathBuf;

use crate::partition::{Draw, Rule, divide};
use crate::{Depth, Error, Mt19937, Set, Shape, StimulusId, image};

/// Labeled images, and the sets they are divided into.
///
/// A stimulus is known by its place in the files, in the order in which they were loaded. The sets are empty until
/// [`Database::partition`].
#[derive(Clone, Debug)]
pub struct Database {
    label_names: Vec<String>,
    contents: Vec<Content>,
    /// First stimulus of each content, and one past the last.
    starts: Vec<StimulusId>,
    /// Numbers of stimuli, in order, and how they are divided.
    groups: Vec<(usize, Rule)>,
    sets: [Vec<StimulusId>; 3],
    /// Where a stimulus stands in each set; `u32::MAX` where it does not.
    positions: Vec<[u32; 3]>,
}

/// Stimuli that are stored alike.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Packed(Packed),
    Files(Vec<ImageFile>),
}

/// Images of one size in one file, all in memory.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    /// Beginning of the names of its stimuli.
    pub stem: String,
    /// What their names end with.
    pub extension: &'static str,
    pub shape: Shape,
    pub pixels: Vec<u8>,
    pub labels: Vec<u8>,
}

/// An image with a file of its own.
#[derive(Clone, Debug)]
pub(crate) struct ImageFile {
    pub path: PathBuf,
    /// Of the whole image.
    pub shape: Shape,
    /// As the file has it.
    pub depth: Depth,
    /// The part that is the stimulus: first column and row, width and height.
    pub part: Option<[usize; 4]>,
    pub label: usize,
}

/// An image as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<'a> {
    /// Its size; colors are blue, green, red.
    pub shape: Shape,
    /// That of the database.
    pub depth: Depth,
    /// `[channel][y][x]`; levels of more than a byte are little-endian.
    pub pixels: Cow<'a, [u8]>,
}

impl Database {
    /// Images of a file are of one shape, one label an image, no label without a name, and the groups count them all.
    pub(crate) fn new(label_names: Vec<String>, contents: Vec<Content>, groups: Vec<(usize, Rule)>) -> Self {
        let mut starts = vec![0];
        for content in &contents {
            let n = match content {
                Content::Packed(packed) => packed.labels.len(),
                Content::Files(files) => files.len(),
            };
            starts.push(starts[starts.len() - 1] + n);
        }
        let n = starts[contents.len()];
        debug_assert_eq!(n, groups.iter().map(|(n, _)| n).sum::<usize>());
        let positions = vec![[u32::MAX; 3]; n];
        Self { label_names, contents, starts, groups, sets: Default::default(), positions }
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
    /// When `id` is not below [`Database::len`]; so do [`Database::name`], [`Database::shape`] and [`Database::image`].
    pub fn label(&self, id: StimulusId) -> usize {
        match self.content(id) {
            (Content::Packed(packed), index) => usize::from(packed.labels[index]),
            (Content::Files(files), index) => files[index].label,
        }
    }

    /// Returns the names of the classes.
    pub fn label_names(&self) -> &[String] {
        &self.label_names
    }

    /// Returns the name of a stimulus: the path of its file, or as `train-images-idx3-ubyte[00080].pgm`, where the number
    /// counts in a file.
    pub fn name(&self, id: StimulusId) -> String {
        match self.content(id) {
            (Content::Packed(packed), index) => format!("{}[{index:05}].{}", packed.stem, packed.extension),
            (Content::Files(files), index) => files[index].path.display().to_string(),
        }
    }

    /// Returns the size of a stored image.
    pub fn shape(&self, id: StimulusId) -> Shape {
        match self.content(id) {
            (Content::Packed(packed), _) => packed.shape,
            (Content::Files(files), index) => files[index].stimulus_shape(),
        }
    }

    /// Returns the size of the images where all are of one.
    pub fn common_shape(&self) -> Option<Shape> {
        let mut shapes = self.contents.iter().flat_map(|content| {
            let (packed, files) = match content {
                Content::Packed(packed) => (Some(packed.shape), &[][..]),
                Content::Files(files) => (None, &files[..]),
            };
            packed.into_iter().chain(files.iter().map(ImageFile::stimulus_shape))
        });
        let first = shapes.next()?;
        shapes.all(|shape| shape == first).then_some(first)
    }

    /// Returns what the levels of its stimuli are, which is what those of the first one are; others are converted.
    pub fn depth(&self) -> Depth {
        match self.contents.iter().find_map(|content| match content {
            Content::Packed(packed) => (!packed.labels.is_empty()).then_some(Depth::Byte),
            Content::Files(files) => files.first().map(|file| file.depth),
        }) {
            Some(depth) => depth,
            None => Depth::Byte,
        }
    }

    /// Tells whether no image has a file of its own.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.contents.iter().all(|content| matches!(content, Content::Packed(_)))
    }

    /// Returns the levels of a stimulus as stored.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or decoded, or that is no longer what it was.
    pub fn image(&self, id: StimulusId) -> Result<Stored<'_>, Error> {
        match self.content(id) {
            (Content::Packed(packed), index) => {
                let n = packed.shape.n_elements();
                let pixels = Cow::Borrowed(&packed.pixels[index * n..(index + 1) * n]);
                Ok(Stored { shape: packed.shape, depth: Depth::Byte, pixels })
            }
            (Content::Files(files), index) => files[index].open(self.depth()),
        }
    }

    /// Divides the stimuli into sets, each group of files by its [`Rule`], one after the other.
    ///
    /// Each stimulus is drawn with one number of `rng`, from what remains of its files (or of its label), kept in order.
    /// Where `rng` is fresh from a seed, the sets are those that N2D2 makes with that seed. With `is_random` false the sets
    /// are filled in file order and `rng` is not used; Test is drawn at random all the same where it is true.
    pub fn partition(&mut self, is_random: bool, rng: &mut Mt19937) {
        let mut sets: [Vec<StimulusId>; 3] = Default::default();
        let mut draw = Draw { is_random, rng };
        let mut start = 0;
        for (n, rule) in &self.groups {
            divide(rule, start..start + n, |id| self.label(id), &mut draw, &mut sets);
            start += n;
        }
        self.positions.fill([u32::MAX; 3]);
        for (set, ids) in sets.iter().enumerate() {
            for (position, &id) in ids.iter().enumerate() {
                self.positions[id][set] = position as u32;
            }
        }
        self.sets = sets;
    }

    /// Divides the stimuli as another database of as many has divided its own.
    pub(crate) fn take_sets(&mut self, other: &Database) {
        debug_assert_eq!(self.len(), other.len());
        (self.sets, self.positions) = (other.sets.clone(), other.positions.clone());
    }

    /// Returns the stimuli of a set, in the order in which they were drawn.
    pub fn set(&self, set: Set) -> &[StimulusId] {
        &self.sets[set as usize]
    }

    /// Returns where `id` stands in `set`, or `None` when it is in another or none.
    pub(crate) fn position(&self, id: StimulusId, set: Set) -> Option<usize> {
        let position = self.positions.get(id)?[set as usize];
        (position != u32::MAX).then_some(position as usize)
    }

    fn content(&self, id: StimulusId) -> (&Content, usize) {
        assert!(id < self.len(), "expected a stimulus below {}, found {id}", self.len());
        let at = self.starts.partition_point(|&start| start <= id) - 1;
        (&self.contents[at], id - self.starts[at])
    }
}

impl ImageFile {
    fn stimulus_shape(&self) -> Shape {
        match self.part {
            Some([_, _, width, height]) => Shape { width, height, ..self.shape },
            None => self.shape,
        }
    }

    fn open(&self, depth: Depth) -> Result<Stored<'_>, Error> {
        let found = image::open(&self.path)?.made(depth);
        if found.shape != self.shape {
            let file = self.path.display().to_string();
            return Err(Error::Changed { file, expected: self.shape, found: found.shape });
        }
        let Some([left, top, width, height]) = self.part else {
            return Ok(Stored { shape: found.shape, depth, pixels: Cow::Owned(found.pixels) });
        };
        let n = depth.n_bytes();
        let planes = found.pixels.chunks_exact(n * found.shape.plane());
        let rows = planes.flat_map(|plane| plane.chunks_exact(n * found.shape.width).skip(top).take(height));
        let pixels: Vec<u8> = rows.flat_map(|row| &row[n * left..n * (left + width)]).copied().collect();
        Ok(Stored { shape: self.stimulus_shape(), depth, pixels: Cow::Owned(pixels) })
    }
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
        let mut database = tiny(0.0);
        assert!(Set::ALL.iter().all(|&set| database.set(set).is_empty()));
        let mut rng = Mt19937::new(1);
        for (validation, expect) in [
            (0.0, [vec![0, 1, 2, 3, 4], vec![], vec![5, 6, 7]]),
            (0.4, [vec![0, 1, 2], vec![3, 4], vec![5, 6, 7]]),
            (0.5, [vec![0, 1, 2], vec![3, 4], vec![5, 6, 7]]),
            (1.0, [vec![], vec![0, 1, 2, 3, 4], vec![5, 6, 7]]),
        ] {
            database = tiny(validation);
            database.partition(false, &mut rng);
            assert_eq!(Set::ALL.map(|set| database.set(set).to_vec()), expect, "{validation}");
        }
        assert_eq!(rng.next_u32(), Mt19937::new(1).next_u32(), "file order draws no number");
    }

    #[test]
    fn a_position_is_known_only_within_the_right_set() {
        let mut database = tiny(0.4);
        assert_eq!(database.position(0, Set::Learn), None);
        database.partition(false, &mut Mt19937::new(1));
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
            let mut database = tiny(validation);
            database.partition(true, &mut Mt19937::new(seed));
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
    }
}
