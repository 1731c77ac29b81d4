//! Images with a label image each, whose gray values, palette entries or colors stand for labels.

mod picture;
mod values;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::database::{Annotation, Content, ImageFile};
use crate::folder::formats;
use crate::names::Names;
use crate::partition::Rule;
use crate::{Database, Error, Faults, image};

pub(crate) use values::Mask;
use values::Values;

/// What to read, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Masks {
    /// Folder of the images, looked into to any depth.
    pub path: PathBuf,
    /// Folder of the label images, laid out alike.
    pub label_path: PathBuf,
    /// What follows the name of an image, before the extension, in that of its label image.
    pub suffix: String,
    /// Table of lines `value name` or `red green blue name`; the name `*` ignores the pixels.
    pub values: PathBuf,
    /// Label that pixels outside regions have, the first of all labels.
    pub default_label: Option<String>,
    /// How the images are divided.
    pub rule: Rule,
}

/// Reads the table and the sizes of the images, not the label images; the database is not partitioned yet.
///
/// # Errors
///
/// [`Error::Folder`] where there are no images; [`Error::Record`] for a faulty table; [`Error::Image`] and
/// [`Error::Missing`] for an image without label image, unless `faults` leaves it out.
pub fn load(config: &Masks, faults: &mut Faults) -> Result<Database, Error> {
    let mut names = Names::default();
    if let Some(name) = &config.default_label {
        names.number(name);
    }
    // A faulty table would give wrong labels to all: it is refused whatever is left out.
    let mut of_table = Faults::refused();
    let values = Arc::new(Values::read(&config.values, &mut names, &mut of_table)?);
    let mut images = Vec::new();
    walk(&config.path, &mut images)?;
    if config.path == config.label_path {
        images.retain(|path| {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            config.suffix.is_empty() || !stem.ends_with(&config.suffix)
        });
    }
    if images.is_empty() {
        return Err(Error::Folder {
            folder: config.path.display().to_string(),
            expected: format!("images (.{})", image::EXTENSIONS.join(", .")),
            found: "none".to_owned(),
            remedy: "correct `DataPath` and `LabelSuffix`",
        });
    }
    let formats = formats(images.iter().map(PathBuf::as_path));
    let mut files = Vec::with_capacity(images.len());
    for (path, format) in images.into_iter().zip(formats) {
        let file = format.and_then(|format| {
            let mask = Some(Mask { path: label_image(config, &path)?, values: values.clone() });
            let annotation = Some(Box::new(Annotation { rois: Vec::new(), mask }));
            Ok(ImageFile { annotation, ..ImageFile::new(path, format, None) })
        });
        files.extend(faults.keep(file));
    }
    faults.end()?;
    let n = files.len();
    Ok(Database::new(names.into_names(), vec![Content::Files(files)], vec![(n, config.rule.clone())]))
}

/// The images of a folder and those below it, by name, files first.
fn walk(folder: &Path, images: &mut Vec<PathBuf>) -> Result<(), Error> {
    let unreadable = |source| Error::Unreadable { file: folder.display().to_string(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.into_iter().partition(|entry| entry.is_dir());
    let is_image = |path: &PathBuf| {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        extension.is_some_and(|extension| image::EXTENSIONS.contains(&extension.as_str()))
    };
    images.extend(files.into_iter().filter(is_image));
    // A link that leads back up would never end.
    folders.iter().filter(|path| !path.is_symlink()).try_for_each(|path| walk(path, images))
}

/// The label image of an image: PNG before other formats.
fn label_image(config: &Masks, path: &Path) -> Result<PathBuf, Error> {
    let inside = path.strip_prefix(&config.path).unwrap_or(path);
    let stem = inside.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let base = config.label_path.join(inside).with_file_name(stem + &config.suffix);
    let extensions = ["png"].into_iter().chain(image::EXTENSIONS);
    let places = extensions.map(|extension| base.with_added_extension(extension));
    places.into_iter().find(|place| place.is_file()).ok_or_else(|| Error::Record {
        place: path.display().to_string(),
        expected: format!("a label image such as `{}`", base.with_added_extension("png").display()),
        found: "none".to_owned(),
        remedy: "correct `LabelPath` and `LabelSuffix`, or leave the image out",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;

    /// Two images, one of them in a folder, with label images of 3 columns and 2 rows.
    fn data(suffix: &str, folder_of_masks: &str) -> (tempfile::TempDir, Masks) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        for name in ["a", "in/b"] {
            write(&format!("images/{name}.pgm"), b"P5 3 2 255\n123456");
            let mask = [b"P5 3 2 255\n", &[0, 0, 7, 255, 7, 7][..]].concat();
            write(&format!("{folder_of_masks}/{name}{suffix}.pgm"), &mask);
        }
        write("names.txt", b"0 sky\n7, tall tree\n255 *\n");
        let masks = Masks {
            path: folder.path().join("images"),
            label_path: folder.path().join(folder_of_masks),
            suffix: suffix.to_owned(),
            values: folder.path().join("names.txt"),
            default_label: None,
            rule: Rule::Fractions { learn: 1.0, validation: 0.0, test: None },
        };
        (folder, masks)
    }

    #[test]
    fn each_image_has_the_labels_of_its_label_image() {
        for (suffix, folder_of_masks) in [("", "masks"), ("_mask", "masks"), ("_mask", "images")] {
            let (_folder, config) = data(suffix, folder_of_masks);
            let database = load(&config, &mut Faults::refused()).unwrap();
            assert_eq!((database.len(), database.label_names()), (2, &["sky".to_owned(), "tall tree".into()][..]));
            let mut labels = Labels::default();
            for id in 0..2 {
                database.annotate(id, true, &mut labels).unwrap();
                assert_eq!((&labels.map[..], database.label(id)), (&[0, 0, 1, -1, 1, 1][..], None));
            }
        }
    }

    #[test]
    fn label_images_may_be_left_aside() {
        let (_folder, config) = data("", "masks");
        let mut database = load(&config, &mut Faults::refused()).unwrap();
        database.compose(crate::Composition { without_masks: true, ..Default::default() }, Some("sky"));
        let mut labels = Labels::default();
        database.annotate(0, true, &mut labels).unwrap();
        assert_eq!(labels.map, [0; 6]);
    }

    #[test]
    fn faults_are_told_with_file_and_place() {
        let check = |damage: &dyn Fn(&Path), part: &str| {
            let (folder, config) = data("", "masks");
            damage(folder.path());
            let read = |id| {
                let database = load(&config, &mut Faults::refused())?;
                database.annotate(id, true, &mut Labels::default())
            };
            let message = read(0).unwrap_err().to_string();
            assert!(message.contains(part), "{part}\n{message}");
        };
        let write = |name: &'static str, bytes: &'static [u8]| {
            move |folder: &Path| fs::write(folder.join(name), bytes).unwrap()
        };
        check(
            &|folder| fs::remove_file(folder.join("masks/a.pgm")).unwrap(),
            "images/a.pgm: expected a label image such as",
        );
        check(&write("masks/a.pgm", b""), "masks/a.pgm: expected an image");
        check(
            &write("masks/a.pgm", b"P5 2 2 255\n1234"),
            "masks/a.pgm: expected a label image of 3x2 (width x height), found 2x2",
        );
        check(
            &write("masks/a.pgm", b"P5 3 2 255\n\0\0\x08\0\0\0"),
            "masks/a.pgm, column 2, row 0: expected a value of ",
        );
        check(
            &write("masks/a.pgm", b"P5 3 2 255\n\xff\xff\xff\xff\xff\xff"),
            "masks/a.pgm: expected a pixel with a label, found ignored ones alone",
        );
        check(
            &write("names.txt", b"0 sky\n7\nx y\n0 tree\n1 2 3 blue\n"),
            "names.txt, line 2: expected a value and a name",
        );
        check(&write("names.txt", b"0 sky\n0 tree\n"), "names.txt, line 2: expected one name for a value");
        check(&write("names.txt", b"0 sky\n1 2 3 tree\n"), "names.txt, line 2: expected values of one kind");
        check(&write("names.txt", b"# none\n"), "names.txt: expected lines `value name`");
        check(&|folder| fs::remove_dir_all(folder.join("images")).unwrap(), "expected a readable file");
    }
}
