//! CIFAR-10 and CIFAR-100 (A. Krizhevsky, 2009) in their binary form.
//!
//! A file is a row of records: one label byte (CIFAR-100: two, the coarse class first), then 32x32 red, green and blue
//! levels, a plane each.

use std::path::Path;

use crate::database::{Content, Packed};
use crate::files::{find, find_all, lines, read};
use crate::partition::Rule;
use crate::{Database, Error, Shape, idx};

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
const PLANE: usize = 32 * 32;

/// Which data set, and which labels of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CIFAR-10: 10 classes.
    Cifar10,
    /// CIFAR-100 with its 100 classes.
    Cifar100Fine,
    /// CIFAR-100 with its 20 superclasses.
    Cifar100Coarse,
}

impl Kind {
    /// Number of classes.
    pub fn n_classes(self) -> usize {
        match self {
            Kind::Cifar10 => 10,
            Kind::Cifar100Fine => 100,
            Kind::Cifar100Coarse => 20,
        }
    }

    fn n_label_bytes(self) -> usize {
        if self == Kind::Cifar10 { 1 } else { 2 }
    }

    fn label_byte(self) -> usize {
        if self == Kind::Cifar100Fine { 1 } else { 0 }
    }

    fn names_file(self) -> &'static str {
        match self {
            Kind::Cifar10 => "batches.meta.txt",
            Kind::Cifar100Fine => "fine_label_names.txt",
            Kind::Cifar100Coarse => "coarse_label_names.txt",
        }
    }
}

/// Reads the files of `folder`, each as it is or with `.gz`, and makes a database of them, not partitioned yet.
///
/// Classes are named by the file of names where it is there, else by their numbers. `validation` is the fraction of the
/// training images set apart; with `uses_test_for_validation` the test images are validated on instead.
///
/// # Errors
///
/// [`Error::Missing`], [`Error::Unreadable`], [`Error::Gzip`], [`Error::Records`], [`Error::Label`], [`Error::Line`].
pub fn load(folder: &Path, kind: Kind, validation: f64, uses_test_for_validation: bool) -> Result<Database, Error> {
    const TRAIN: [&str; 5] =
        ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
    let names: Vec<&str> = match kind {
        Kind::Cifar10 => TRAIN.into_iter().chain(["test_batch.bin"]).collect(),
        _ => vec!["train.bin", "test.bin"],
    };
    let paths = match kind {
        Kind::Cifar10 => find_all(folder, [TRAIN[0], TRAIN[1], TRAIN[2], TRAIN[3], TRAIN[4], names[5]])?.to_vec(),
        _ => find_all(folder, [names[0], names[1]])?.to_vec(),
    };
    let mut contents = Vec::new();
    let mut counts = Vec::new();
    let mut faults = Vec::new();
    for (name, path) in names.iter().zip(&paths) {
        match packed(name, path, kind) {
            Ok(packed) => {
                counts.push(packed.labels.len());
                contents.push(Content::Packed(packed));
            }
            Err(fault) => faults.push(fault),
        }
    }
    match faults.len() {
        0 => {}
        1 => return Err(faults.remove(0)),
        _ => return Err(Error::Several(faults)),
    }
    let n_test = counts.pop().unwrap_or(0);
    let rules = if uses_test_for_validation {
        [Rule::training(0.0), Rule::ValidationAndTest]
    } else {
        [Rule::training(validation), Rule::TEST]
    };
    let [training, test] = rules;
    let groups = vec![(counts.iter().sum(), training), (n_test, test)];
    Ok(Database::new(label_names(folder, kind)?, contents, groups))
}

fn label_names(folder: &Path, kind: Kind) -> Result<Vec<String>, Error> {
    let n = kind.n_classes();
    let Some(path) = find(folder, kind.names_file()) else {
        return Ok((0..n).map(|class| class.to_string()).collect());
    };
    let lines = lines(&path)?;
    let names: Vec<String> = lines.iter().map(|(_, name)| name.clone()).filter(|name| !name.is_empty()).collect();
    if names.len() == n {
        return Ok(names);
    }
    Err(Error::Line {
        file: path.display().to_string(),
        line: lines.len(),
        expected: format!("the end of the names of {n} classes"),
        found: format!("{} names", names.len()),
    })
}

fn packed(name: &str, path: &Path, kind: Kind) -> Result<Packed, Error> {
    let file = read(path)?;
    let bytes = idx::expanded(&file.name, &file.bytes)?;
    let record = kind.n_label_bytes() + SHAPE.n_elements();
    if bytes.is_empty() || bytes.len() % record != 0 {
        let what = if kind == Kind::Cifar10 { "a label and 32x32x3 levels" } else { "two labels and 32x32x3 levels" };
        return Err(Error::Records { file: file.name, record, what, found: bytes.len() as u64 });
    }
    let n = bytes.len() / record;
    let (mut labels, mut pixels) = (Vec::with_capacity(n), Vec::with_capacity(n * SHAPE.n_elements()));
    for (at, bytes) in bytes.chunks_exact(record).enumerate() {
        let label = bytes[kind.label_byte()];
        let last = kind.n_classes() - 1;
        if usize::from(label) > last {
            let offset = (at * record + kind.label_byte()) as u64;
            return Err(Error::Label { file: file.name, offset, last, found: label });
        }
        labels.push(label);
        for plane in bytes[kind.n_label_bytes()..].chunks_exact(PLANE).rev() {
            pixels.extend_from_slice(plane);
        }
    }
    Ok(Packed { stem: name.to_owned(), extension: "ppm", shape: SHAPE, pixels, labels })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::gzip;
    use crate::{Mt19937, Set};

    fn records(labels: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (at, label) in labels.iter().enumerate() {
            bytes.extend_from_slice(label);
            for color in 0..3 {
                bytes.extend(std::iter::repeat_n(at as u8 * 10 + color, PLANE));
            }
        }
        bytes
    }

    fn cifar10() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for batch in 1..=5_u8 {
            let bytes = records(&[&[batch], &[9]]);
            let (name, bytes) = if batch == 3 {
                (format!("data_batch_{batch}.bin.gz"), gzip(&bytes))
            } else {
                (format!("data_batch_{batch}.bin"), bytes)
            };
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        fs::write(folder.path().join("test_batch.bin"), records(&[&[0], &[1], &[2]])).unwrap();
        folder
    }

    #[test]
    fn cifar_10_is_read_batch_after_batch_as_blue_green_and_red() {
        let folder = cifar10();
        let mut database = load(folder.path(), Kind::Cifar10, 0.2, false).unwrap();
        assert_eq!((database.len(), database.common_shape()), (13, Some(SHAPE)));
        assert_eq!(
            (0..13).map(|id| database.label(id).unwrap()).collect::<Vec<_>>(),
            [1, 9, 2, 9, 3, 9, 4, 9, 5, 9, 0, 1, 2]
        );
        assert_eq!(
            (database.name(5), database.name(12)),
            ("data_batch_3.bin[00001].ppm".into(), "test_batch.bin[00002].ppm".into())
        );
        let image = database.image(5).unwrap();
        assert_eq!([0, PLANE, 2 * PLANE, 3 * PLANE - 1].map(|at| image.pixels[at]), [12, 11, 10, 10]);
        database.partition(false, &mut Mt19937::new(1));
        assert_eq!(Set::ALL.map(|set| database.set(set).len()), [8, 2, 3]);
        assert_eq!(database.label_names()[9], "9");
        let mut database = load(folder.path(), Kind::Cifar10, 0.2, true).unwrap();
        database.partition(true, &mut Mt19937::new(1));
        assert_eq!(Set::ALL.map(|set| database.set(set).len()), [10, 3, 3]);
    }

    #[test]
    fn cifar_100_has_coarse_and_fine_labels() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("train.bin"), records(&[&[19, 99], &[3, 50]])).unwrap();
        fs::write(folder.path().join("test.bin"), records(&[&[0, 42]])).unwrap();
        let names: String = (0..20).map(|class| format!("super{class}\n")).collect();
        fs::write(folder.path().join("coarse_label_names.txt"), names + "\n").unwrap();
        let labels = |kind| {
            let database = load(folder.path(), kind, 0.0, false).unwrap();
            let labels = [0, 1, 2].map(|id| database.label_names()[database.label(id).unwrap()].clone());
            labels.join(" ")
        };
        assert_eq!(labels(Kind::Cifar100Fine), "99 50 42");
        assert_eq!(labels(Kind::Cifar100Coarse), "super19 super3 super0");
        fs::write(folder.path().join("coarse_label_names.txt"), "one\ntwo\n").unwrap();
        let message = load(folder.path(), Kind::Cifar100Coarse, 0.0, false).unwrap_err().to_string();
        assert!(message.contains("coarse_label_names.txt, line 2: expected the end of the names of 20"), "{message}");
    }

    #[test]
    fn faulty_files_are_told_all_at_once() {
        let folder = cifar10();
        fs::write(folder.path().join("data_batch_1.bin"), &records(&[&[1]])[..3000]).unwrap();
        fs::write(folder.path().join("data_batch_4.bin"), records(&[&[1], &[10]])).unwrap();
        let message = load(folder.path(), Kind::Cifar10, 0.2, false).unwrap_err().to_string();
        for part in [
            "data_batch_1.bin: expected whole records of 3073 bytes",
            "found 3000 bytes",
            "data_batch_4.bin, byte 3073: expected a label from 0 to 9, found 10",
        ] {
            assert!(message.contains(part), "{message}");
        }
        fs::remove_file(folder.path().join("data_batch_2.bin")).unwrap();
        fs::remove_file(folder.path().join("test_batch.bin")).unwrap();
        let message = load(folder.path(), Kind::Cifar10, 0.2, false).unwrap_err().to_string();
        assert!(message.contains("found no `data_batch_2.bin`, `test_batch.bin`"), "{message}");
    }
}
