//! Data for tests: small IDX files, and the real MNIST of the repository.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::database::{Annotation, Content, ImageFile};
use crate::draws::Draws;
use crate::files::File;
use crate::folder::Folder;
use crate::frame::Frame;
use crate::mnist::{self, Files};
use crate::partition::Rule;
use crate::roi::{Outline, Roi};
use crate::transformation::{Format, Step};
use crate::{Database, Depth, Mt19937, Shape};

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

/// The images in the folders `depth` levels below `path`, labeled by these.
pub fn images_below(path: &Path, depth: usize, rule: Rule) -> Folder {
    Folder {
        path: path.to_owned(),
        depth: Some(depth),
        label_name: String::new(),
        label_depth: Some(depth),
        ignore_masks: Vec::new(),
        valid_extensions: Vec::new(),
        label_file: None,
        regions: None,
        rule,
    }
}

pub fn tiny(validation: f64) -> Database {
    mnist::load(&tiny_files(), validation).unwrap()
}

/// MNIST, partitioned with `Validation=0.2` and seed 1.
pub fn real_mnist() -> Arc<Database> {
    static MNIST: OnceLock<Arc<Database>> = OnceLock::new();
    let load = || {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mnist");
        let mut database = mnist::load(&Files::open(&folder).unwrap(), 0.2).unwrap();
        database.partition(true, &mut Mt19937::new(1));
        Arc::new(database)
    };
    MNIST.get_or_init(load).clone()
}

/// Label of a stimulus, and its regions: label, first column and row, end column and row.
pub type Marked<'a> = (Option<usize>, &'a [(usize, [i32; 4])]);

/// A folder with gray images of 4 columns and 2 rows, and a database of them: each is of a label of `zero`, `one`, `two` or of
/// none, and has rectangles with labels. All are learned.
pub fn marked(stimuli: &[Marked<'_>]) -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape { channels: 1, height: 2, width: 4 };
    let file = |(at, &(label, rectangles)): (usize, &Marked<'_>)| {
        let path = folder.path().join(format!("{at}.pgm"));
        std::fs::write(&path, [b"P5 4 2 255\n", &[10, 20, 30, 40, 50, 60, 70, at as u8][..]].concat()).unwrap();
        let roi = |&(label, [x0, y0, x1, y1]): &(usize, [i32; 4])| Roi {
            label,
            outline: Outline::Rectangle { x0, y0, x1, y1 },
        };
        let annotation = Annotation { rois: rectangles.iter().map(roi).collect(), mask: None };
        ImageFile { annotation: Some(Box::new(annotation)), ..ImageFile::new(path, (shape, Depth::Byte), label) }
    };
    let files: Vec<ImageFile> = stimuli.iter().enumerate().map(file).collect();
    let rule = Rule::Fractions { learn: 1.0, validation: 0.0, test: None };
    let names = ["zero", "one", "two"].map(str::to_owned).to_vec();
    let mut database = Database::new(names, vec![Content::Files(files)], vec![(stimuli.len(), rule)]);
    database.partition(false, &mut Mt19937::new(1));
    (folder, database)
}

/// A one-channel byte image.
pub fn format_of(width: usize, height: usize) -> Format {
    Format { shape: Shape { channels: 1, height, width }, depth: Depth::Byte }
}

/// What a step makes of an image of bytes `width` x `height`, of as many channels as there are planes.
pub fn transformed(step: &dyn Step, size: (usize, usize), image: &[u8]) -> Vec<u8> {
    transformed_as(step, size, image, 0)
}

/// The same for a stimulus of its own.
pub fn transformed_as(step: &dyn Step, size: (usize, usize), image: &[u8], id: usize) -> Vec<u8> {
    let frame = frame_of(step, size, image, id);
    assert!(frame.is_byte(), "expected bytes");
    frame.bytes
}

/// What a step that makes reals makes of an image of bytes, or a step that takes reals of the same levels.
pub fn reals_of(step: &dyn Step, size: (usize, usize), image: &[u8]) -> Vec<f32> {
    let frame = frame_of(step, size, image, 0);
    frame.levels().collect()
}

/// What a step makes of labels, a row a text, `-` where they are ignored, and of the regions 0, 1 and so on, which are
/// rectangles.
pub fn labels_of(step: &dyn Step, labels: &[&str], rectangles: &[[i32; 4]]) -> (Vec<String>, Vec<Roi>) {
    let (width, height) = (labels[0].len(), labels.len());
    let shape = Shape { channels: 1, height, width };
    let mut frame = Frame::default();
    frame.begin(shape, &vec![0; width * height]);
    frame.labels.map = labels.iter().flat_map(|row| row.bytes()).map(|c| i32::from(c) - i32::from(b'0')).collect();
    let roi =
        |(label, &[x0, y0, x1, y1]): (usize, &[i32; 4])| Roi { label, outline: Outline::Rectangle { x0, y0, x1, y1 } };
    frame.labels.rois = rectangles.iter().enumerate().map(roi).collect();
    step.apply(&mut frame, &mut Draws::new(1, 0, 0, 0));
    let letter = |&label: &i32| if label < 0 { '-' } else { char::from(b'0' + label as u8) };
    let rows = frame.labels.map.chunks(frame.shape.width).map(|row| row.iter().map(letter).collect());
    (rows.collect(), frame.labels.rois)
}

/// The regions that are rectangles, with their labels.
pub fn rectangles(rois: &[Roi]) -> Vec<(usize, [i32; 4])> {
    rois.iter().map(|roi| (roi.label, roi.outline.bounds())).collect()
}

fn frame_of(step: &dyn Step, (width, height): (usize, usize), image: &[u8], id: usize) -> Frame {
    let shape = Shape { channels: image.len() / (width * height), height, width };
    let expect = step.format(Format { shape, depth: Depth::Byte }).unwrap();
    let mut frame = Frame::default();
    frame.begin(shape, image);
    step.apply(&mut frame, &mut Draws::new(1, 0, id, 0));
    assert_eq!((frame.shape, frame.depth), (expect.shape, expect.depth), "{step:?}");
    let n = if frame.is_byte() { frame.bytes.len() } else { frame.reals.len() };
    assert_eq!(n, expect.shape.n_elements(), "{step:?}");
    frame
}
