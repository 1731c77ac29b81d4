//! Data for tests: small IDX files, and the real MNIST of the repository.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::mnist::{self, File, Files};
use crate::{Database, Mt19937};

pub fn images_file(count: u32, rows: u32, columns: u32, pixels: &[u8]) -> Vec<u8> {
    let words = [0x803, count, rows, columns].map(u32::to_be_bytes);
    [words.as_flattened(), pixels].concat()
}

pub fn labels_file(count: u32, labels: &[u8]) -> Vec<u8> {
    let words = [0x801, count].map(u32::to_be_bytes);
    [words.as_flattened(), labels].concat()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Five training and three test images of 2 rows and 3 columns, whose pixels count up from 0.
pub fn tiny_files() -> Files {
    let file = |name: &str, bytes| File { name: name.to_owned(), bytes: Cow::Owned(bytes) };
    let pixels: Vec<u8> = (0..48).collect();
    Files {
        train_images: file("train-images", images_file(5, 2, 3, &pixels[..30])),
        train_labels: file("train-labels", labels_file(5, &[3, 1, 4, 1, 5])),
        test_images: file("test-images", images_file(3, 2, 3, &pixels[30..])),
        test_labels: file("test-labels", labels_file(3, &[9, 2, 6])),
    }
}

pub fn tiny() -> Database {
    mnist::load(&tiny_files()).unwrap()
}

/// MNIST, partitioned with `Validation=0.2` and seed 1.
pub fn real_mnist() -> Arc<Database> {
    static MNIST: OnceLock<Arc<Database>> = OnceLock::new();
    let load = || {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mnist");
        let mut database = mnist::load(&Files::open(&folder).unwrap()).unwrap();
        database.partition(0.2, true, &mut Mt19937::new(1));
        Arc::new(database)
    };
    MNIST.get_or_init(load).clone()
}
