//! Data that are missing, corrupt, mislabelled or of the wrong size, driver by driver (`docs/bad-data.md`): each is told with
//! its file and remedy, and what was learned before stays as it is.

use std::fs;
use std::path::Path;

use crate::program::{files, folder, run};

/// A gray or color image as PNM.
fn pnm(channels: usize, width: usize, height: usize, level: u8) -> Vec<u8> {
    let mut bytes = format!("P{} {width} {height} 255\n", if channels == 1 { 5 } else { 6 }).into_bytes();
    bytes.extend((0..channels * width * height).map(|at| level.wrapping_add((at % 7) as u8)));
    bytes
}

fn mnist_images(count: u32, rows: u32, pixels: usize) -> Vec<u8> {
    let mut bytes = [0x803, count, rows, 28].map(u32::to_be_bytes).concat();
    bytes.extend((0..pixels).map(|at| (at % 251) as u8));
    bytes
}

fn mnist_labels(count: u32, last: u8) -> Vec<u8> {
    let mut bytes = [0x801, count].map(u32::to_be_bytes).concat();
    bytes.extend((1..count).map(|at| (at % 10) as u8));
    bytes.push(last);
    bytes
}

/// Twenty training and five test digits.
fn mnist(data: &Path) {
    let files = [
        ("train-images-idx3-ubyte", mnist_images(20, 28, 20 * 784)),
        ("train-labels-idx1-ubyte", mnist_labels(20, 0)),
        ("t10k-images-idx3-ubyte", mnist_images(5, 28, 5 * 784)),
        ("t10k-labels-idx1-ubyte", mnist_labels(5, 0)),
    ];
    fs::create_dir_all(data).unwrap();
    files.into_iter().for_each(|(name, bytes)| fs::write(data.join(name), bytes).unwrap());
}

const SIGNS: &str = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\r\n";

/// Traffic signs: three images of each of the classes, and one of each to be tested.
pub fn signs(data: &Path, classes: usize) {
    let test = data.join("Final_Test/Images");
    fs::create_dir_all(&test).unwrap();
    let mut tested = SIGNS.to_owned();
    for class in 0..classes {
        let name = format!("{class:05}");
        let images = data.join("Final_Training/Images").join(&name);
        fs::create_dir_all(&images).unwrap();
        let mut table = SIGNS.to_owned();
        for image in 0..3 {
            fs::write(images.join(format!("{image}.ppm")), pnm(3, 30 + image, 32, (5 * class) as u8)).unwrap();
            table += &format!("{image}.ppm;{};32;2;3;28;30;{class}\r\n", 30 + image);
        }
        fs::write(images.join(format!("GT-{name}.csv")), table).unwrap();
        fs::write(test.join(format!("{class}.ppm")), pnm(3, 31, 32, (5 * class) as u8)).unwrap();
        tested += &format!("{class}.ppm;31;32;2;3;28;30;{class}\r\n");
    }
    fs::write(test.join("GT-final_test.csv"), tested).unwrap();
}

/// Folders of images by class.
fn classes(data: &Path) {
    for (class, level) in [("cat", 30), ("dog", 200)] {
        fs::create_dir_all(data.join(class)).unwrap();
        for image in 0..6 {
            fs::write(data.join(class).join(format!("{image}.ppm")), pnm(3, 9 + image, 8, level)).unwrap();
        }
    }
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "`{from}` in {}", file.display());
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

fn truncate(file: &Path, size: usize) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..size]).unwrap();
}

type Damage = (fn(&Path), &'static [&'static str]);

/// Learns from good data, then goes on after each damage: refused with the parts of a message, and no file is touched.
#[track_caller]
fn check(database: &str, channels: usize, n_classes: usize, make: fn(&Path), damages: &[Damage]) {
    let folder = folder();
    let data = folder.path().join("data");
    let model = format!(
        "DefaultModel=Frame\n[database]\n{database}\nDataPath=data\n[sp]\nSize=8 8\nNbChannels={channels}\nBatchSize=4\n\
         [sp.Transformation]\nType=RescaleTransformation\nWidth=8\nHeight=8\n\
         [fc]\nInput=sp\nType=Fc\nNbOutputs={n_classes}\nActivationFunction=Linear\nWeightsFiller=XavierFiller\n\
         [softmax]\nInput=fc\nType=Softmax\nNbOutputs={n_classes}\nWithLoss=1\n[softmax.Target]\n"
    );
    fs::write(folder.path().join("m.ini"), model).unwrap();
    make(&data);
    let learn = |n: &str, more: &[&str]| {
        let words = [&["learn", "m.ini", "-learn", n, "-log", "8", "--out", "out"], more].concat();
        run(folder.path(), &words)
    };
    learn("16", &[]).succeeds();
    let learned = files(&folder.path().join("out"));
    for (number, (damage, parts)) in damages.iter().enumerate() {
        fs::remove_dir_all(&data).unwrap();
        make(&data);
        damage(&data);
        let failed = learn("32", &["--resume"]).fails(2, parts);
        assert!(files(&folder.path().join("out")) == learned, "damage {number} changed files\n{}", failed.stderr);
    }
    fs::remove_dir_all(&data).unwrap();
    make(&data);
    learn("32", &["--resume"]).succeeds();
}

#[test]
fn faulty_mnist_files_are_told_and_nothing_learned_is_lost() {
    check(
        "Type=MNIST_IDX_Database\nValidation=0.2",
        1,
        10,
        mnist,
        &[
            (|data| fs::remove_file(data.join("t10k-labels-idx1-ubyte")).unwrap(), &["t10k-labels-idx1-ubyte"]),
            (|data| fs::write(data.join("train-images-idx3-ubyte"), "<html>").unwrap(), &["train-images-idx3-ubyte"]),
            (|data| truncate(&data.join("train-images-idx3-ubyte"), 9000), &["train-images-idx3-ubyte", "found"]),
            (
                |data| fs::write(data.join("train-labels-idx1-ubyte"), mnist_labels(19, 0)).unwrap(),
                &["train-labels-idx1-ubyte", "20", "19"],
            ),
            (
                |data| fs::write(data.join("t10k-labels-idx1-ubyte"), mnist_labels(5, 10)).unwrap(),
                &["t10k-labels-idx1-ubyte", "found 10"],
            ),
            (
                |data| fs::write(data.join("t10k-images-idx3-ubyte"), mnist_images(5, 27, 5 * 27 * 28)).unwrap(),
                &["t10k-images-idx3-ubyte", "28x28", "28x27"],
            ),
        ],
    );
}

#[test]
fn faulty_cifar_files_are_told_and_nothing_learned_is_lost() {
    check(
        "Type=CIFAR10_Database\nValidation=0.2",
        3,
        10,
        crate::data::cifar,
        &[
            (|data| fs::remove_file(data.join("data_batch_2.bin")).unwrap(), &["found no `data_batch_2.bin`"]),
            (|data| truncate(&data.join("test_batch.bin"), 6000), &["test_batch.bin: expected whole records of 3073"]),
            (
                |data| {
                    let mut bytes = fs::read(data.join("data_batch_5.bin")).unwrap();
                    bytes[3073] = 77;
                    fs::write(data.join("data_batch_5.bin"), bytes).unwrap();
                },
                &["data_batch_5.bin, byte 3073: expected a label from 0 to 9, found 77"],
            ),
            // Records of CIFAR-100 are a byte longer.
            (
                |data| {
                    let bytes: Vec<u8> = [vec![1, 2], vec![7; 3072]].concat();
                    fs::write(data.join("data_batch_1.bin"), bytes).unwrap();
                },
                &["data_batch_1.bin: expected whole records of 3073 bytes", "found 3074 bytes"],
            ),
        ],
    );
}

#[test]
fn faulty_traffic_signs_are_told_and_nothing_learned_is_lost() {
    check(
        "Type=GTSRB_DIR_Database\nValidation=0.3\nExtractROIs=1",
        3,
        43,
        |data| signs(data, 3),
        &[
            (|data| fs::remove_dir_all(data.join("Final_Test")).unwrap(), &["the table `GT-final_test.csv`"]),
            (
                |data| fs::remove_file(data.join("Final_Test/Images/1.ppm")).unwrap(),
                &["1.ppm: expected a readable file"],
            ),
            (
                |data| truncate(&data.join("Final_Training/Images/00001/2.ppm"), 100),
                &["00001/2.ppm: expected an image"],
            ),
            (
                |data| replace(&data.join("Final_Test/Images/GT-final_test.csv"), "30;2\r", "30;43\r"),
                &["GT-final_test.csv, line 4: expected a class from 0 to 42", "30;43"],
            ),
            (
                |data| replace(&data.join("Final_Training/Images/00000/GT-00000.csv"), ";28;30;0", ";280;30;0"),
                &["GT-00000.csv, line 2: expected a region inside the image of 30x32x3"],
            ),
        ],
    );
}

#[test]
fn faulty_folders_are_told_and_nothing_learned_is_lost() {
    check(
        "Type=DIR_Database\nLearn=0.5\nValidation=0.25",
        3,
        2,
        classes,
        &[
            (
                |data| {
                    fs::remove_dir_all(data.join("cat")).unwrap();
                    fs::remove_dir_all(data.join("dog")).unwrap();
                },
                &["data: expected images", "found none", "correct `DataPath`"],
            ),
            (|data| fs::write(data.join("dog/3.ppm"), "<html>404</html>").unwrap(), &["dog/3.ppm", "no such format"]),
            (|data| truncate(&data.join("dog/3.ppm"), 60), &["dog/3.ppm: expected an image"]),
            (
                |data| fs::rename(data.join("dog"), data.join("dogs")).and_then(|()| classes_beside(data)).unwrap(),
                &["expected an output for each of the 3 labels of the database, `softmax` has 2"],
            ),
            (
                |data| {
                    fs::remove_file(data.join("cat/0.ppm")).unwrap();
                    fs::write(data.join("cat/0.pgm"), pnm(1, 9, 9, 50)).unwrap();
                },
                &["cat/0.pgm", "expected 8x8x3 after the transformations, found 8x8x1", "NbChannels"],
            ),
        ],
    );
}

/// A label that the model has no output for.
fn classes_beside(data: &Path) -> std::io::Result<()> {
    fs::create_dir(data.join("dog"))?;
    (0..6).try_for_each(|image| fs::write(data.join(format!("dog/{image}.ppm")), pnm(3, 9, 9, 90)))
}
