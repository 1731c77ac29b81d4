//! What the program carries inside: MNIST, the shipped models and trained weights (feature `embedded`).

use std::borrow::Cow;
use std::io::Read;

use flate2::read::GzDecoder;
use stimuli::files::File;
use stimuli::mnist;

#[cfg(feature = "embedded")]
const ASSETS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));
#[cfg(not(feature = "embedded"))]
const ASSETS: &[(&str, &[u8])] = &[];

fn unpack(name: &str) -> Option<String> {
    let (_, packed) = ASSETS.iter().find(|(asset, _)| *asset == name)?;
    let mut text = String::new();
    GzDecoder::new(*packed).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The text of a shipped model, or of a template or a mapping of labels that one names, by file name.
pub fn model(name: &str) -> Option<String> {
    unpack(&format!("models/{name}"))
}

/// File names of the shipped models.
pub fn models() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().filter_map(|(name, _)| name.strip_prefix("models/")).filter(|name| name.ends_with(".ini"))
}

/// The text of a shipped weight file: `set` names the network, `file` the file.
pub fn weights(set: &str, file: &str) -> Option<String> {
    unpack(&format!("data/weights/{set}/{file}"))
}

/// Names of the shipped weight sets.
pub fn weight_sets() -> Vec<&'static str> {
    let mut sets: Vec<&str> =
        ASSETS.iter().filter_map(|(name, _)| name.strip_prefix("data/weights/")?.split('/').next()).collect();
    sets.dedup();
    sets
}

/// The MNIST files, when the program carries them.
#[cfg(feature = "embedded")]
pub fn mnist() -> Option<mnist::Files> {
    macro_rules! file {
        ($name:literal) => {
            File {
                name: concat!($name, " (shipped)").to_string(),
                bytes: Cow::Borrowed(&include_bytes!(concat!("../data/mnist/", $name, ".gz"))[..]),
            }
        };
    }
    Some(mnist::Files {
        train_images: file!("train-images-idx3-ubyte"),
        train_labels: file!("train-labels-idx1-ubyte"),
        test_images: file!("t10k-images-idx3-ubyte"),
        test_labels: file!("t10k-labels-idx1-ubyte"),
    })
}

/// The MNIST files, when the program carries them.
#[cfg(not(feature = "embedded"))]
pub fn mnist() -> Option<mnist::Files> {
    let _: Option<Cow<'static, [u8]>> = None;
    None
}
