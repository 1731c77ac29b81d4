//! MNIST and the data sets in its format, such as Fashion-MNIST: four IDX files.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use crate::database::Part;
use crate::{Database, Error, Shape, idx};

/// Name of the file of the training images, and of the stimuli made of it.
pub const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
/// Name of the file of the training labels.
pub const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
/// Name of the file of the test images, and of the stimuli made of it.
pub const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
/// Name of the file of the test labels.
pub const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

const N_CLASSES: u8 = 10;
const LABELS_START: u64 = 8;

/// A file that is in memory, read or embedded.
#[derive(Clone, Debug)]
pub struct File {
    /// Name as shown in errors.
    pub name: String,
    /// Content, raw or gzip.
    pub bytes: Cow<'static, [u8]>,
}

/// The four files of a data set.
#[derive(Clone, Debug)]
pub struct Files {
    /// Images to learn and validate with.
    pub train_images: File,
    /// Their labels.
    pub train_labels: File,
    /// Images to test with.
    pub test_images: File,
    /// Their labels.
    pub test_labels: File,
}

impl Files {
    /// Reads the four files of `folder`, each as it is or, where that does not exist, with `.gz`.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], which names all that are absent at once; [`Error::Unreadable`].
    pub fn open(folder: &Path) -> Result<Files, Error> {
        let names = [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS];
        let paths = names.map(|name| find(folder, name));
        let missing: Vec<String> =
            names.iter().zip(&paths).filter(|(_, path)| path.is_none()).map(|(name, _)| name.to_string()).collect();
        let [Some(train_images), Some(train_labels), Some(test_images), Some(test_labels)] = paths else {
            return Err(Error::Missing {
                folder: folder.display().to_string(),
                expected: names.map(str::to_owned).to_vec(),
                missing,
            });
        };
        Ok(Files {
            train_images: read(&train_images)?,
            train_labels: read(&train_labels)?,
            test_images: read(&test_images)?,
            test_labels: read(&test_labels)?,
        })
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|path| path.exists())
}

fn read(path: &Path) -> Result<File, Error> {
    let name = path.display().to_string();
    match fs::read(path) {
        Ok(bytes) => Ok(File { name, bytes: Cow::Owned(bytes) }),
        Err(source) => Err(Error::Unreadable { file: name, source }),
    }
}

/// Checks the four files and makes a database of them, not partitioned yet; the class of a digit is the digit.
///
/// # Errors
///
/// Those of [`idx::images`] and [`idx::labels`], [`Error::Count`], [`Error::Label`], [`Error::ImageSize`]; more than
/// one come as [`Error::Several`].
pub fn load(files: &Files) -> Result<Database, Error> {
    let (train, test) = rayon::join(
        || part(TRAIN_IMAGES, &files.train_images, &files.train_labels),
        || part(TEST_IMAGES, &files.test_images, &files.test_labels),
    );
    let (train, test) = match (train, test) {
        (Ok(train), Ok(test)) => (train, test),
        (train, test) => {
            let mut faults: Vec<Error> = [train.err(), test.err()].into_iter().flatten().flatten().collect();
            return Err(if faults.len() == 1 { faults.remove(0) } else { Error::Several(faults) });
        }
    };
    if train.shape != test.shape {
        return Err(Error::ImageSize {
            file: files.test_images.name.clone(),
            other: files.train_images.name.clone(),
            expected: train.shape,
            found: test.shape,
        });
    }
    let names = (0..N_CLASSES).map(|digit| digit.to_string()).collect();
    Ok(Database::new(names, train, test))
}

fn part(stem: &'static str, images: &File, labels: &File) -> Result<Part, Vec<Error>> {
    let pair = (idx::images(&images.name, &images.bytes), idx::labels(&labels.name, &labels.bytes));
    let (content, classes) = match pair {
        (Ok(content), Ok(classes)) => (content, classes),
        (content, classes) => return Err([content.err(), classes.err()].into_iter().flatten().collect()),
    };
    let mut faults = Vec::new();
    if classes.len() != content.count {
        faults.push(Error::Count {
            images: images.name.clone(),
            labels: labels.name.clone(),
            expected: content.count,
            found: classes.len(),
        });
    }
    if let Some(at) = classes.iter().position(|&class| class >= N_CLASSES) {
        let offset = LABELS_START + at as u64;
        faults.push(Error::Label { file: labels.name.clone(), offset, found: classes[at] });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let shape = Shape { channels: 1, height: content.rows, width: content.columns };
    Ok(Part { stem, shape, pixels: content.pixels, labels: classes })
}
