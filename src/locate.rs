//! Where models, data and weights are found. Paths and environment variables are resolved here.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::Result;
use stimuli::imdb_wiki::{self, Faces};
use stimuli::masks::{self, Masks};
use stimuli::voc::{self, Boxes};
use stimuli::{Database, Faults, cifar, gtsrb, mnist};

use crate::assets;
use crate::config::Files;
use crate::failure::wrong_input;
use crate::model::{DatabaseDescription, DatabaseDriver};
use crate::output::OutputFolder;
use crate::report::progress::note;
use crate::weights::{WeightSource, is_weights_folder};

const MAX_MODEL_BYTES: u64 = 16 << 20;

/// A folder for what nobody wants to keep, of this process alone; it is not made here.
pub fn temporary_folder() -> PathBuf {
    std::env::temp_dir().join(format!("femtospike-{}", std::process::id()))
}

/// Where compiled kernels are kept: the user's folder for what can be made anew.
pub fn kernel_cache() -> Option<PathBuf> {
    let folder = |variable| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    Some(caches.or_else(|| folder("LOCALAPPDATA"))?.join("femtospike").join("kernels"))
}

/// Files that may be NVRTC where the system does not find it by its name: of the CUDA toolkit and of the Python package
/// `nvidia-cuda-nvrtc`, the newest first.
pub fn nvrtc() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = ["CUDA_HOME", "CUDA_PATH"]
        .into_iter()
        .filter_map(|variable| Some(PathBuf::from(std::env::var_os(variable)?).join("lib64")))
        .collect();
    folders.extend(subfolders("/usr/local", "cuda").into_iter().map(|toolkit| toolkit.join("lib64")));
    let mut roots = vec![PathBuf::from("/usr/lib/python3/dist-packages")];
    let environment = |variable, below: &str| Some(PathBuf::from(std::env::var_os(variable)?).join(below));
    let pythons = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(|variable| environment(variable, "lib"));
    let pythons = pythons.chain(environment("HOME", ".local/lib")).chain([PathBuf::from("/usr/local/lib")]);
    for python in pythons.flat_map(|lib| subfolders(lib, "python3")) {
        roots.extend(["site-packages", "dist-packages"].map(|name| python.join(name)));
    }
    for root in roots {
        folders.extend(subfolders(root.join("nvidia"), "cu").into_iter().map(|package| package.join("lib")));
    }
    let files = folders.into_iter().flat_map(|folder| subfolders(folder, "libnvrtc.so"));
    files.collect()
}

/// What lies in a folder by names that begin so, the last name first.
fn subfolders(folder: impl AsRef<Path>, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)).map(|e| e.path()).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found
}

/// The text of a model.
pub struct ModelText {
    /// How the model is named in messages.
    pub shown: String,
    /// File name, for reports.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The templates beside it.
    pub files: Files,
}

/// Reads a file that should be a model: no device, and no bigger than a text can sensibly be.
fn read_text(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_MODEL_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_MODEL_BYTES {
        return Err(std::io::Error::other(format!("expected a model of at most {MAX_MODEL_BYTES} bytes, found more")));
    }
    Ok(bytes)
}

/// The text, or the line where it is none.
fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        format!("line {line}: expected UTF-8 text, found other bytes; save the file as UTF-8")
    })
}

/// The text files of `folder`.
fn files_in(folder: PathBuf) -> Files {
    Files::new(move |path| match read_text(&folder.join(path)) {
        Ok(bytes) => utf8(bytes).map(Some),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(format!("cannot be read: {e}")),
    })
}

/// The parameters that lie saved in `folder`; a note tells of each file.
pub fn saved_parameters(folder: &Path) -> Files {
    let files = files_in(folder.to_path_buf());
    let folder = folder.to_path_buf();
    Files::new(move |name| {
        let text = files.read(name)?;
        if text.is_some() {
            note(&format!("note: saved parameters are read from {}", folder.join(name).display()));
        }
        Ok(text)
    })
}

/// Where a model of this name may lie as a file, in order of preference.
fn candidates(name: &str) -> Vec<PathBuf> {
    let mut candidates = vec![PathBuf::from(name)];
    if let (true, Some(folder)) = (is_bare(name), std::env::var_os("N2D2_MODELS")) {
        candidates.push(Path::new(&folder).join(name));
    }
    candidates
}

fn is_bare(name: &str) -> bool {
    Path::new(name).components().count() == 1
}

/// Whether there is anything that [`model`] would read.
pub fn has_model(name: &str) -> bool {
    candidates(name).iter().any(|path| path.exists()) || (is_bare(name) && assets::model(name).is_some())
}

/// Finds a model: a path, else a name in `N2D2_MODELS`, else a shipped one.
///
/// # Errors
/// Where it was looked for, and the names of the shipped ones.
pub fn model(name: &str) -> Result<ModelText> {
    let file_name = Path::new(name).file_name().map_or(name.to_string(), |n| n.to_string_lossy().into_owned());
    let candidates = candidates(name);
    let tried: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
    for path in candidates {
        match read_text(&path) {
            Ok(bytes) => {
                let shown = path.display().to_string();
                let text = utf8(bytes).map_err(|message| wrong_input(format!("{shown}, {message}")))?;
                let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
                return Ok(ModelText { shown, name: file_name, text, files: files_in(folder) });
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(wrong_input(format!("model `{}`: cannot be read: {e}", path.display()))),
        }
    }
    if let (true, Some(model)) = (is_bare(name), shipped_model(name)) {
        return Ok(model);
    }
    let shipped: Vec<&str> = assets::models().collect();
    Err(wrong_input(format!(
        "model `{name}`: no such file (looked for {}); shipped models, named without a folder: {}",
        tried.join(", "),
        shipped.join(", ")
    )))
}

/// The model of this name that the program carries, whatever lies elsewhere.
pub fn shipped_model(name: &str) -> Option<ModelText> {
    let text = assets::model(name)?;
    let files = Files::new(|path| Ok(assets::model(path)));
    Some(ModelText { shown: format!("{name} (shipped)"), name: name.to_string(), text, files })
}

/// Finds the files of a database (`DataPath`, else `N2D2_DATA`, else the shipped copy) and reads them; the database is not
/// partitioned yet.
///
/// # Errors
/// Files that are missing or faulty, and where to get them; not those of stimuli that `faults` leaves out.
pub fn database(description: &DatabaseDescription, faults: &mut Faults) -> Result<Database, String> {
    if let Some(path) = &description.data_path {
        return read_database(description, &path.value, faults).map_err(|e| e.to_string());
    }
    let folder = match &description.driver {
        DatabaseDriver::MnistIdx => "mnist",
        DatabaseDriver::FashionMnistIdx => "fashion-mnist/data/fashion",
        DatabaseDriver::Cifar { kind: cifar::Kind::Cifar10, .. } => "cifar-10-batches-bin",
        DatabaseDriver::Cifar { .. } => "cifar-100-binary",
        DatabaseDriver::Gtsrb { .. } => "GTSRB",
        DatabaseDriver::Folders(folders) => return stimuli::folder::load(folders, faults).map_err(|e| e.to_string()),
        DatabaseDriver::Faces(_) => "IMDB-WIKI",
        DatabaseDriver::Boxes(_) => "VOC",
        DatabaseDriver::Masks(_) => "masks",
    };
    let root = std::env::var_os("N2D2_DATA");
    if let Some(root) = &root {
        let path = Path::new(root).join(folder);
        if path.is_dir() {
            return read_database(description, &path, faults).map_err(|e| format!("($N2D2_DATA) {e}"));
        }
    }
    if let (DatabaseDriver::MnistIdx, Some(shipped)) = (&description.driver, assets::mnist()) {
        if let Some(root) = &root {
            note(&format!("note: no folder {folder} in $N2D2_DATA ({}); the shipped MNIST is used", root.display()));
        }
        return mnist::load(&shipped, description.validation).map_err(|e| e.to_string());
    }
    let what = match &description.driver {
        DatabaseDriver::Cifar { .. } => "the binary files of CIFAR",
        DatabaseDriver::Gtsrb { .. } => "`Final_Training` and `Final_Test`",
        DatabaseDriver::Faces(_) => "`wiki` and `imdb`",
        DatabaseDriver::Boxes(_) => "`Annotations` and `JPEGImages`",
        DatabaseDriver::Masks(_) => "the images",
        _ => "the four IDX files",
    };
    Err(format!("no data found; set DataPath to the folder of {what}, or put them in $N2D2_DATA/{folder}"))
}

fn read_database(
    description: &DatabaseDescription,
    path: &Path,
    faults: &mut Faults,
) -> Result<Database, stimuli::Error> {
    let validation = description.validation;
    let label_path = description.label_path.as_ref().map(|path| path.value.clone());
    match &description.driver {
        DatabaseDriver::MnistIdx | DatabaseDriver::FashionMnistIdx => {
            mnist::load(&mnist::Files::open(path)?, validation)
        }
        &DatabaseDriver::Cifar { kind, uses_test_for_validation } => {
            cifar::load(path, kind, validation, uses_test_for_validation)
        }
        &DatabaseDriver::Gtsrb { extracts_rois } => gtsrb::load(path, validation, extracts_rois, faults),
        DatabaseDriver::Folders(folders) => stimuli::folder::load(folders, faults),
        DatabaseDriver::Faces(faces) => {
            let label_path = label_path.unwrap_or_else(|| path.join("imdb_metadata"));
            imdb_wiki::load(&Faces { data_path: path.to_path_buf(), label_path, ..faces.clone() }, faults)
        }
        DatabaseDriver::Boxes(boxes) => {
            voc::load(&Boxes { path: path.to_path_buf(), annotations: label_path, ..boxes.clone() }, faults)
        }
        DatabaseDriver::Masks(masks) => {
            let label_path = label_path.unwrap_or_else(|| path.to_path_buf());
            masks::load(&Masks { path: path.to_path_buf(), label_path, ..masks.clone() }, faults)
        }
    }
}

/// Finds trained weights: the folder asked for, else what the output folder has, else the shipped ones.
///
/// # Errors
/// The folder asked for holds no weights, or there are none anywhere.
pub fn weights(asked: Option<&Path>, output: &OutputFolder, model_name: &str) -> Result<WeightSource> {
    if let Some(folder) = asked {
        if !folder.is_dir() {
            return Err(wrong_input(format!("weights folder `{}` (-w): no such folder", folder.display())));
        }
        return Ok(WeightSource::Folder(folder.to_path_buf()));
    }
    for name in ["weights_validation", "weights"] {
        let folder = output.path(name);
        if is_weights_folder(&folder) {
            return Ok(WeightSource::Folder(folder));
        }
    }
    shipped_weights(model_name).map(WeightSource::Shipped).ok_or_else(|| {
        wrong_input(format!(
            "no weights: neither weights_validation nor weights in `{}`, and none are shipped for {model_name}; \
             learn first, or name a folder with -w DIR",
            output.root().display()
        ))
    })
}

/// The shipped weights of a model: the set whose name is the model's without `_Spike`.
fn shipped_weights(model_name: &str) -> Option<&'static str> {
    let stem = model_name.strip_suffix(".ini").unwrap_or(model_name);
    let stem = stem.strip_suffix("_Spike").unwrap_or(stem);
    assets::weight_sets().into_iter().find(|set| *set == stem)
}
