mod selection;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;

use rayon::prelude::*;
pub use selection::{RoiFilter, Slicing};

use crate::labels::{CompositeLabel, Composition, IGNORED, Labels};
use crate::masks::Mask;
use crate::partition::{Draw, Rule, divide};
use crate::roi::Roi;
use crate::{Depth, Error, Faults, Mt19937, Set, Shape, StimulusId, image};

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
    composition: Composition,
    notes: Vec<String>,
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
    /// The part is one of several, and named by its place.
    pub is_slice: bool,
    pub label: Option<usize>,
    /// What is known of its pixels, if anything.
    pub annotation: Option<Box<Annotation>>,
}

/// What is known of the pixels of an image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Annotation {
    /// In pixels of the stimulus.
    pub rois: Vec<Roi>,
    /// Labels of the pixels of the whole image.
    pub mask: Option<Mask>,
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
        let composition = Composition::default();
        Self {
            label_names,
            contents,
            starts,
            groups,
            sets: Default::default(),
            positions,
            composition,
            notes: Vec::new(),
        }
    }

    /// The same with what the driver has to say.
    pub(crate) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Returns what the driver passed over that is no fault, a line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Says how labels of pixels are made; `default_label` is the name of that of pixels outside the regions, which becomes a
    /// label of the database if it is none.
    pub fn compose(&mut self, composition: Composition, default_label: Option<&str>) {
        let id = |name: &str| {
            self.label_names.iter().position(|known| known == name).unwrap_or_else(|| {
                self.label_names.push(name.to_owned());
                self.label_names.len() - 1
            })
        };
        self.composition = Composition { default_label: default_label.map(id), ..composition };
    }

    /// Returns the number of stimuli.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Tells whether there is no stimulus.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the class of a stimulus as a whole, an index into [`Database::label_names`], or `None` where it has none: its
    /// pixels may have labels all the same.
    ///
    /// By [`CompositeLabel::Auto`] a stimulus of a class that has one region is of the class of that region.
    ///
    /// # Panics
    ///
    /// When `id` is not below [`Database::len`]; so do all that take a stimulus.
    pub fn label(&self, id: StimulusId) -> Option<usize> {
        let label = self.own_label(id)?;
        match self.rois(id) {
            [roi] if self.composition.composite == CompositeLabel::Auto && !self.is_composite(id) => Some(roi.label),
            _ => Some(label),
        }
    }

    /// The class that the driver gave.
    fn own_label(&self, id: StimulusId) -> Option<usize> {
        match self.content(id) {
            (Content::Packed(packed), index) => Some(usize::from(packed.labels[index])),
            (Content::Files(files), index) => files[index].label,
        }
    }

    /// Returns the regions of a stimulus, in its pixels as they are stored.
    pub fn rois(&self, id: StimulusId) -> &[Roi] {
        self.annotation(id).map_or(&[], |annotation| &annotation.rois)
    }

    fn annotation(&self, id: StimulusId) -> Option<&Annotation> {
        match self.content(id) {
            (Content::Packed(_), _) => None,
            (Content::Files(files), index) => files[index].annotation.as_deref(),
        }
    }

    /// Tells whether the pixels of a stimulus have labels of their own.
    pub fn is_composite(&self, id: StimulusId) -> bool {
        match self.composition.composite {
            CompositeLabel::None => false,
            CompositeLabel::Auto => self.own_label(id).is_none() || self.mask(id).is_some(),
            _ => true,
        }
    }

    fn mask(&self, id: StimulusId) -> Option<&Mask> {
        self.annotation(id)?.mask.as_ref().filter(|_| !self.composition.without_masks)
    }

    /// Tells whether any stimulus has regions or a label image.
    pub fn has_rois(&self) -> bool {
        let is_marked = |content: &Content| match content {
            Content::Packed(_) => false,
            Content::Files(files) => files.iter().any(|file| file.annotation.is_some()),
        };
        self.contents.iter().any(is_marked)
    }

    /// Makes the labels of a stimulus: a map where `as_map` asks for one and the stimulus has it, its regions in any case.
    ///
    /// # Errors
    ///
    /// [`Error::Rois`] where a stimulus of one class has more than one region.
    pub(crate) fn annotate(&self, id: StimulusId, as_map: bool, labels: &mut Labels) -> Result<(), Error> {
        labels.clear();
        let (rois, composition) = (self.rois(id), &self.composition);
        labels.rois.extend_from_slice(rois);
        labels.whole = self.label(id).map_or(IGNORED, |label| label as i32);
        if !(as_map && self.is_composite(id)) {
            let is_auto = composition.composite == CompositeLabel::Auto;
            if is_auto && rois.len() > 1 {
                return Err(Error::Rois { stimulus: self.name(id), found: rois.len() });
            }
            return Ok(());
        }
        let shape = self.shape(id);
        let default = composition.default_label.map_or(IGNORED, |label| label as i32);
        let takes_default = match composition.composite {
            CompositeLabel::Auto | CompositeLabel::Default => true,
            CompositeLabel::Disjoint => !rois.is_empty(),
            CompositeLabel::None | CompositeLabel::Combine => false,
        };
        let own = self.own_label(id).map_or(IGNORED, |label| label as i32);
        match self.mask(id) {
            Some(mask) => labels.map = self.part_of(id, mask.read(self.whole_shape(id))?),
            None => labels.fill(shape, if takes_default { default } else { own }),
        }
        for roi in rois {
            labels.draw(shape, roi, composition.rois_margin, default);
        }
        Ok(())
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
            (Content::Files(files), index) => files[index].name(),
        }
    }

    /// Returns the size of a stored image.
    pub fn shape(&self, id: StimulusId) -> Shape {
        match self.content(id) {
            (Content::Packed(packed), _) => packed.shape,
            (Content::Files(files), index) => files[index].stimulus_shape(),
        }
    }

    /// The size of the image that a stimulus is a part of.
    fn whole_shape(&self, id: StimulusId) -> Shape {
        match self.content(id) {
            (Content::Packed(packed), _) => packed.shape,
            (Content::Files(files), index) => files[index].shape,
        }
    }

    /// The stimulus of a plane of the whole image.
    fn part_of<T: Copy>(&self, id: StimulusId, plane: Vec<T>) -> Vec<T> {
        match self.content(id) {
            (Content::Files(files), index) => match files[index].part {
                Some(part) => cut(&plane, files[index].shape, part),
                None => plane,
            },
            (Content::Packed(_), _) => plane,
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
            divide(rule, start..start + n, |id| self.own_label(id), &mut draw, &mut sets);
            start += n;
        }
        self.sets = sets;
        self.place();
    }

    /// Reads every stimulus of the sets, and leaves those out of them that cannot be read.
    ///
    /// It runs on the threads of rayon; what is left out is in `faults` in the order of the sets.
    pub fn leave_out_unreadable(&mut self, faults: &mut Faults) {
        if self.is_in_memory() {
            return;
        }
        let ids: BTreeSet<StimulusId> = self.sets.iter().flatten().copied().collect();
        let check = |&id: &StimulusId| {
            let read = self.image(id).map(drop).and_then(|()| self.annotate(id, true, &mut Labels::default()));
            read.err().map(|fault| (id, fault))
        };
        let found: Vec<(StimulusId, Error)> = ids.into_par_iter().filter_map(|id| check(&id)).collect();
        let left_out: BTreeSet<StimulusId> = found.iter().map(|&(id, _)| id).collect();
        found.into_iter().for_each(|(_, fault)| faults.add(fault));
        self.retain(|_, id| !left_out.contains(&id));
    }

    /// Notes where each stimulus stands.
    fn place(&mut self) {
        self.positions.fill([u32::MAX; 3]);
        for (set, ids) in self.sets.iter().enumerate() {
            for (position, &id) in ids.iter().enumerate() {
                self.positions[id][set] = position as u32;
            }
        }
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
    /// A file whose image as a whole is a stimulus; its size and depth are as they were found.
    pub fn new(path: PathBuf, (shape, depth): (Shape, Depth), label: Option<usize>) -> Self {
        Self { path, shape, depth, part: None, is_slice: false, label, annotation: None }
    }

    fn name(&self) -> String {
        match self.part {
            Some([x, y, ..]) if self.is_slice => format!("{}[{y},{x}]", self.path.display()),
            _ => self.path.display().to_string(),
        }
    }

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
        let Some(part) = self.part else {
            return Ok(Stored { shape: found.shape, depth, pixels: Cow::Owned(found.pixels) });
        };
        // Levels of several bytes are as many columns.
        let (n, [left, top, width, height]) = (depth.n_bytes(), part);
        let columns = Shape { width: n * found.shape.width, ..found.shape };
        let pixels = cut(&found.pixels, columns, [n * left, top, n * width, height]);
        Ok(Stored { shape: self.stimulus_shape(), depth, pixels: Cow::Owned(pixels) })
    }
}

/// A part of each plane of an image of `shape`: first column and row, width and height.
fn cut<T: Copy>(pixels: &[T], shape: Shape, [left, top, width, height]: [usize; 4]) -> Vec<T> {
    let planes = pixels.chunks_exact(shape.plane());
    let rows = planes.flat_map(|plane| plane.chunks_exact(shape.width).skip(top).take(height));
    rows.flat_map(|row| &row[left..left + width]).copied().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{marked, real_mnist, tiny};

    /// What the reference program logs for `Validation=0.2` and seed 1.
    #[test]
    fn seed_1_divides_mnist_as_the_reference_does() {
        let database = real_mnist();
        let first = |set| {
            let describe = |&id: &usize| (id, database.name(id), database.label(id).unwrap());
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
        let counts = |class| {
            Set::ALL.map(|set| database.set(set).iter().filter(|&&id| database.label(id) == Some(class)).count())
        };
        assert_eq!((counts(0), counts(1)), ([4729, 1194, 980], [5382, 1360, 1135]));
        assert_eq!(Set::ALL.map(|set| database.set(set).len()), [48_000, 12_000, 10_000]);
        let mut all: Vec<usize> = Set::ALL.iter().flat_map(|&set| database.set(set)).copied().collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..70_000), "every stimulus is in exactly one set");
    }

    /// The map of stimulus 0, a row a text, or its one label.
    #[track_caller]
    fn check(composition: Composition, stimulus: (Option<usize>, &[(usize, [i32; 4])]), expect: &[&str]) {
        let (_folder, mut database) = marked(&[stimulus]);
        database.compose(composition, Some("zero"));
        let mut labels = Labels::default();
        database.annotate(0, true, &mut labels).unwrap();
        let letter = |&label: &i32| if label < 0 { '-' } else { char::from(b'0' + label as u8) };
        let rows: Vec<String> = match &labels.map[..] {
            [] => vec![letter(&labels.whole).to_string()],
            map => map.chunks(4).map(|row| row.iter().map(letter).collect()).collect(),
        };
        assert_eq!(rows, expect, "{composition:?} {stimulus:?}");
    }

    #[test]
    fn labels_of_pixels_are_made_of_the_stimulus_and_its_regions_as_the_composition_says() {
        let of = |composite| Composition { composite, ..Composition::default() };
        let (auto, default) = (of(CompositeLabel::Auto), of(CompositeLabel::Default));
        let (disjoint, combine) = (of(CompositeLabel::Disjoint), of(CompositeLabel::Combine));
        let regions: &[(usize, [i32; 4])] = &[(1, [0, 0, 2, 1]), (2, [1, 0, 9, 1])];
        check(auto, (None, regions), &["1222", "0000"]);
        check(auto, (Some(2), &[]), &["2"]);
        check(auto, (Some(2), &regions[..1]), &["1"]);
        check(of(CompositeLabel::None), (Some(2), regions), &["2"]);
        check(default, (Some(2), &regions[..1]), &["1100", "0000"]);
        check(disjoint, (Some(2), &regions[..1]), &["1100", "0000"]);
        check(disjoint, (Some(2), &[]), &["2222", "2222"]);
        check(combine, (Some(2), &regions[..1]), &["1122", "2222"]);
        check(combine, (None, &regions[..1]), &["11--", "----"]);
        check(Composition { rois_margin: 1, ..auto }, (None, &regions[..1]), &["11-0", "--00"]);
    }

    #[test]
    fn a_class_with_several_regions_is_not_clear_and_a_new_default_label_is_the_last() {
        let (_folder, mut database) = marked(&[(Some(0), &[(1, [0, 0, 2, 1]), (2, [1, 0, 9, 1])]), (None, &[])]);
        let message = database.annotate(0, true, &mut Labels::default()).unwrap_err().to_string();
        assert!(message.contains("0.pgm: expected one region") && message.contains("found 2"), "{message}");
        database.compose(Composition::default(), Some("background"));
        assert_eq!(database.label_names(), ["zero", "one", "two", "background"]);
        let mut labels = Labels::default();
        database.annotate(1, true, &mut labels).unwrap();
        assert_eq!((labels.map, database.label(1)), (vec![3; 8], None));
        database.compose(Composition::default(), None);
        let mut labels = Labels::default();
        database.annotate(1, true, &mut labels).unwrap();
        assert_eq!(labels.map, [IGNORED; 8]);
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
