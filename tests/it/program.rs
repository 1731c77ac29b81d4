//! Runs the program in a folder of its own.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

/// A finished run.
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the run ended well.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless the run ended with `code` and a message that has every one of `parts`, without a panic.
    #[track_caller]
    pub fn fails(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is missing in:\n{}", self.stderr);
        }
        self
    }
}

/// The four files of MNIST, with how many images they have here.
const FEW_IMAGES: [(&str, usize); 2] = [("train", 6000), ("t10k", 1000)];

/// A folder for `N2D2_DATA` with the first images of the shipped MNIST: most commands say the same of few, and sooner.
fn few_images() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let [train, test] = FEW_IMAGES.map(|(_, n)| n);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("images-{train}-{test}"));
        if !folder.exists() {
            let written = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
            std::fs::create_dir(written.path().join("mnist")).expect("a new folder");
            for (part, n) in FEW_IMAGES {
                write_first(&written.path().join("mnist"), &format!("{part}-images-idx3-ubyte"), 16, 28 * 28, n);
                write_first(&written.path().join("mnist"), &format!("{part}-labels-idx1-ubyte"), 8, 1, n);
            }
            // Another run of the tests may have been faster.
            let renamed = std::fs::rename(written.path(), &folder);
            assert!(renamed.is_ok() || folder.exists(), "{renamed:?}");
        }
        folder
    })
}

/// Writes the first `n` items of a shipped IDX file, of `size` bytes each behind a header that counts them in bytes 4 to 7.
fn write_first(folder: &Path, name: &str, header: usize, size: usize, n: usize) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist").join(format!("{name}.gz"));
    let mut bytes = vec![0; header + n * size];
    let file = std::fs::File::open(shipped).expect("a shipped file");
    flate2::read::GzDecoder::new(file).read_exact(&mut bytes).expect("enough of them");
    bytes[4..8].copy_from_slice(&u32::try_from(n).expect("few").to_be_bytes());
    std::fs::write(folder.join(name), bytes).expect("a new file");
}

/// A command of the program in `folder`, with no variable of the surroundings that it reads, on few images of MNIST.
pub fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = command_without_data(folder, words);
    command.env("N2D2_DATA", few_images());
    command
}

/// A command that finds nothing but what the program carries.
pub fn command_without_data(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_femtospike"));
    command.args(words).current_dir(folder);
    for variable in ["N2D2_MODELS", "N2D2_DATA", "RAYON_NUM_THREADS"] {
        command.env_remove(variable);
    }
    // A device would give other bytes; see `gpu`.
    command.env("CUDA_VISIBLE_DEVICES", "-1");
    command
}

/// Runs the program in `folder`, on few images of MNIST.
pub fn run(folder: &Path, words: &[&str]) -> Finished {
    Finished::of(command(folder, words).output().expect("the program starts"))
}

/// Runs the program in `folder`, on all images of the MNIST that it carries.
pub fn run_whole(folder: &Path, words: &[&str]) -> Finished {
    finish(command_without_data(folder, words))
}

/// Runs a prepared command.
pub fn finish(mut command: Command) -> Finished {
    Finished::of(command.output().expect("the program starts"))
}

/// An empty folder that is removed at the end.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Every file below `root`: relative path and contents.
pub fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).expect("a readable file"));
            }
        }
    }
    found
}

/// `summary.json` of a folder, without what may differ between equal runs.
pub fn summary(root: &Path) -> serde_json::Map<String, serde_json::Value> {
    let text = std::fs::read_to_string(root.join("summary.json")).expect("a summary");
    let serde_json::Value::Object(mut summary) = serde_json::from_str(&text).expect("valid JSON") else {
        panic!("the summary is no object: {text}")
    };
    summary.retain(|key, _| !key.ends_with("_seconds") && key != "threads");
    summary
}

/// Text of a model of `models/`.
pub fn model(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name);
    std::fs::read_to_string(path).expect("a shipped model")
}
