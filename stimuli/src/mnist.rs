//! MNIST and the data sets in its format, such as Fashion-MNIST: four IDX files.

use std::path::Path;

use crate::database::{Content, Packed};
use crate::files::{File, find_all, read};
use crate::partition::Rule;
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
        let [train_images, train_labels, test_images, test_labels] =
            find_all(folder, [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS])?;
        Ok(Files {
            train_images: read(&train_images)?,
            train_labels: read(&train_labels)?,
            test_images: read(&test_images)?,
            test_labels: read(&test_labels)?,
        })
    }
}

/// Checks the four files and makes a database of them, not partitioned yet; the class of a digit is the digit.
/// `validation` is the fraction of the training images set apart.
///
/// # Errors
///
/// Those of [`idx::images`] and [`idx::labels`], [`Error::Count`], [`Error::Label`], [`Error::ImageSize`]; more than
/// one come as [`Error::Several`].
pub fn load(files: &Files, validation: f64) -> Result<Database, Error> {
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
    let (n_train, n_test) = (train.labels.len(), test.labels.len());
    let groups = vec![(n_train, Rule::training(validation)), (n_test, Rule::TEST)];
    Ok(Database::new(names, vec![Content::Packed(train), Content::Packed(test)], groups))
}

fn part(stem: &'static str, images: &File, labels: &File) -> Result<Packed, Vec<Error>> {
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
        let last = usize::from(N_CLASSES) - 1;
        faults.push(Error::Label { file: labels.name.clone(), offset, last, found: classes[at] });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let shape = Shape { channels: 1, height: content.rows, width: content.columns };
    Ok(Packed { stem: stem.to_owned(), extension: "pgm", shape, pixels: content.pixels, labels: classes })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::{gzip, images_file, labels_file, real_mnist, tiny, tiny_files};

    #[test]
    fn training_files_come_before_test_files() {
        let database = tiny(0.0);
        assert_eq!((database.len(), database.shape(0)), (8, Shape { channels: 1, height: 2, width: 3 }));
        let labels: Vec<usize> = (0..8).map(|id| database.label(id).unwrap()).collect();
        assert_eq!(labels, [3, 1, 4, 1, 5, 9, 2, 6]);
        assert_eq!(&*database.image(4).unwrap().pixels, [24, 25, 26, 27, 28, 29]);
        assert_eq!(&*database.image(5).unwrap().pixels, [30, 31, 32, 33, 34, 35]);
        assert_eq!(database.label_names(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        assert_eq!(database.name(4), "train-images-idx3-ubyte[00004].pgm");
        assert_eq!(database.name(7), "t10k-images-idx3-ubyte[00002].pgm");
    }

    #[test]
    fn the_files_of_a_folder_are_found_raw_and_compressed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let error = Files::open(folder.path()).unwrap_err().to_string();
        for name in [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS] {
            assert_eq!(error.matches(name).count(), 2, "{error}");
        }
        let files = tiny_files();
        fs::write(path(TRAIN_IMAGES), &files.train_images.bytes).unwrap();
        fs::write(path("train-labels-idx1-ubyte.gz"), gzip(&files.train_labels.bytes)).unwrap();
        fs::write(path("t10k-labels-idx1-ubyte.gz"), gzip(&files.test_labels.bytes)).unwrap();
        assert_eq!(
            Files::open(folder.path()).unwrap_err().to_string(),
            format!(
                "{}: expected the files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, \
                 `t10k-labels-idx1-ubyte`, each as it is or with `.gz`, found no `t10k-images-idx3-ubyte`; set `DataPath` \
                 to their folder",
                folder.path().display()
            )
        );
        fs::create_dir(path(TEST_IMAGES)).unwrap();
        assert!(
            matches!(Files::open(folder.path()), Err(Error::Unreadable { file, .. }) if file.ends_with(TEST_IMAGES))
        );
        fs::remove_dir(path(TEST_IMAGES)).unwrap();
        fs::write(path("t10k-images-idx3-ubyte.gz"), gzip(&files.test_images.bytes)).unwrap();
        let database = load(&Files::open(folder.path()).unwrap(), 0.0).unwrap();
        assert_eq!(
            (database.len(), database.label(7).unwrap(), &*database.image(7).unwrap().pixels),
            (8, 6, &[42, 43, 44, 45, 46, 47][..])
        );
    }

    #[test]
    fn files_that_do_not_go_together_are_refused() {
        type Damage = fn(&mut Files);
        let table: [(Damage, &str); 6] = [
            (
                |files| files.train_labels.bytes = labels_file(4, &[3, 1, 4, 1]).into(),
                "train-labels, byte 4: expected 5 labels, one for each image of train-images, found 4; take both from one \
                 data set",
            ),
            (
                |files| files.test_labels.bytes = labels_file(3, &[9, 10, 255]).into(),
                "test-labels, byte 9: expected a label from 0 to 9, found 10; fetch the file again",
            ),
            (
                |files| files.test_images.bytes = images_file(3, 3, 2, &[0; 18]).into(),
                "test-images, byte 8: expected images of 3x2x1 as in train-images, found 2x3x1 (width x height x \
                 channels); take both from one data set",
            ),
            (
                |files| files.train_images.bytes.to_mut().truncate(20),
                "train-images, byte 20: expected 46 bytes in all, found the end; the file is too short, fetch it again",
            ),
            (
                |files| std::mem::swap(&mut files.test_images, &mut files.test_labels),
                "test-labels, byte 0: expected the magic number 0x00000803 of IDX images, found 0x00000801; give the file \
                 that holds the images\n\
                 test-images, byte 0: expected the magic number 0x00000801 of IDX labels, found 0x00000803; give the file \
                 that holds the labels",
            ),
            (
                |files| {
                    files.train_labels.bytes = labels_file(6, &[3, 1, 4, 1, 5, 77]).into();
                    files.test_images.bytes = b"".as_slice().into();
                },
                "train-labels, byte 4: expected 5 labels, one for each image of train-images, found 6; take both from one \
                 data set\n\
                 train-labels, byte 13: expected a label from 0 to 9, found 77; fetch the file again\n\
                 test-images, byte 0: expected 16 bytes in all, found the end; the file is too short, fetch it again",
            ),
        ];
        for (damage, expect) in table {
            let mut files = tiny_files();
            damage(&mut files);
            assert_eq!(load(&files, 0.0).unwrap_err().to_string(), expect);
        }
    }

    #[test]
    fn the_shipped_files_are_mnist() {
        /// The figures are known to six digits.
        const TOLERANCE: f64 = 5e-5;
        let database = real_mnist();
        assert_eq!((database.len(), database.shape(0)), (70_000, Shape { channels: 1, height: 28, width: 28 }));
        let mut counts = [0_u64; 256];
        for id in 0..60_000 {
            for &pixel in database.image(id).unwrap().pixels.iter() {
                counts[usize::from(pixel)] += 1;
            }
        }
        let moment = |power| -> f64 {
            let sum: u64 = counts.iter().enumerate().map(|(level, &count)| (level as u64).pow(power) * count).sum();
            sum as f64 / (60_000.0 * 784.0)
        };
        let mean = moment(1);
        let std_dev = (moment(2) - mean * mean).sqrt();
        assert!((mean - 33.3184).abs() < TOLERANCE && (std_dev - 78.5675).abs() < TOLERANCE, "{mean}, {std_dev}");
    }
}
