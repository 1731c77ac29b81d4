//! Folders of images, one folder a class (`formal.md` 4.5).

mod regions;

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::database::{Content, ImageFile};
use crate::names::Names;
use crate::partition::Rule;
use crate::{Database, Depth, Error, Faults, Shape, image, wildcard};

/// Images below one folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Levels of folders below it that are looked into; `None` is all of them.
    pub depth: Option<usize>,
    /// Beginning of every label.
    pub label_name: String,
    /// Levels of folders that are part of a label, each as `/name`; `None` gives the images no label.
    pub label_depth: Option<usize>,
    /// Files whose path one of these describes are left out; see [`wildcard::matches`].
    pub ignore_masks: Vec<String>,
    /// Extensions of the files to take, in lower case, without the dot; none takes [`image::EXTENSIONS`].
    pub valid_extensions: Vec<String>,
    /// A table with a line `file;label` a stimulus, the file relative to the folder; its labels stand in for those of the
    /// folders, and files that it does not name are left out.
    pub label_file: Option<PathBuf>,
    /// Regions of the images.
    pub regions: Option<Regions>,
    /// How the images are divided.
    pub rule: Rule,
}

/// Where the regions of images are told: in tables of lines `name [width height] x0 y0 x1 y1 label` with `,`, `;` or blanks
/// between them, where (x1, y1) is one past the last pixel.
#[derive(Clone, Debug, PartialEq)]
pub enum Regions {
    /// One table of all images, each with its path in the folder.
    Table(PathBuf),
    /// A folder with a table for each image, with the same base name and this extension; images without one have no regions.
    Tables(PathBuf, String),
}

/// A file that was found, and its label.
struct Found {
    path: PathBuf,
    label: Option<String>,
}

/// Finds the images of all folders and reads their sizes, not the images themselves; the database is not partitioned yet.
///
/// Entries of a folder are in the order of their names, its files before its folders. Labels are numbered in the order in
/// which they are met.
///
/// # Errors
///
/// [`Error::Folder`], [`Error::Unreadable`], [`Error::Line`], [`Error::Record`], [`Error::Image`]; more than one come as
/// [`Error::Several`], but for those of stimuli that `faults` leaves out.
pub fn load(folders: &[Folder], faults: &mut Faults) -> Result<Database, Error> {
    let mut labels = Names::default();
    let (mut contents, mut groups, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for folder in folders {
        let (mut found, mut others) = (Vec::new(), Vec::new());
        match &folder.label_file {
            Some(table) => listed(folder, table, &mut found, faults)?,
            None => walk(folder, &folder.path, &mut Vec::new(), &mut found, &mut others)?,
        }
        notes.extend(passed_over(&others));
        if found.is_empty() {
            let extensions: Vec<&str> = match folder.valid_extensions.as_slice() {
                [] => image::EXTENSIONS.to_vec(),
                extensions => extensions.iter().map(String::as_str).collect(),
            };
            return Err(Error::Folder {
                folder: folder.path.display().to_string(),
                expected: format!("images (.{})", extensions.join(", .")),
                found: "none".to_owned(),
                remedy: "correct `DataPath`, `Depth`, `ValidExtensions` or `IgnoreMasks`",
            });
        }
        let mut files = Vec::with_capacity(found.len());
        for (format, Found { path, label }) in
            formats(found.iter().map(|found| found.path.as_path())).into_iter().zip(found)
        {
            let label = label.map(|label| labels.number(&label));
            let Some(format) = faults.keep(format) else { continue };
            files.push(ImageFile::new(path, format, label));
        }
        match &folder.regions {
            Some(Regions::Table(table)) => regions::of_table(table, &folder.path, &mut files, &mut labels, faults)?,
            Some(Regions::Tables(tables, extension)) => {
                regions::of_tables(tables, extension, &mut files, &mut labels, faults)?;
            }
            None => {}
        }
        groups.push((files.len(), folder.rule.clone()));
        contents.push(Content::Files(files));
    }
    faults.end()?;
    Ok(Database::new(labels.into_names(), contents, groups).with_notes(notes))
}

/// Says which files are no images by their names, if some are.
fn passed_over(others: &[PathBuf]) -> Option<String> {
    const MOST_TOLD: usize = 5;
    let named: Vec<String> = others.iter().take(MOST_TOLD).map(|path| path.display().to_string()).collect();
    let more = others.len().saturating_sub(MOST_TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!named.is_empty()).then(|| format!("no images by their names, passed over: {}{more}", named.join(", ")))
}

/// The sizes and depths of images, in order.
pub(crate) fn formats<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<Result<(Shape, Depth), Error>> {
    let paths: Vec<&Path> = paths.collect();
    paths.into_par_iter().map(image::probe).collect()
}

fn walk(
    folder: &Folder,
    path: &Path,
    below: &mut Vec<String>,
    found: &mut Vec<Found>,
    others: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    let unreadable = |source| Error::Unreadable { file: path.display().to_string(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.into_iter().partition(|entry| entry.is_dir());
    for path in files {
        let shown = path.display().to_string();
        if folder.ignore_masks.iter().any(|mask| wildcard::matches(mask, &shown)) {
            continue;
        }
        if is_wanted(folder, &path) {
            let label = folder.label_depth.map(|depth| {
                below.iter().take(depth).fold(folder.label_name.clone(), |label, name| label + "/" + name)
            });
            found.push(Found { path, label });
        } else if folder.valid_extensions.is_empty() {
            others.push(path);
        }
    }
    if folder.depth.is_none_or(|depth| below.len() < depth) {
        for path in folders {
            // A link that leads back up would never end.
            if path.is_symlink() && below.len() > 64 {
                continue;
            }
            below.push(path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
            walk(folder, &path, below, found, others)?;
            below.pop();
        }
    }
    Ok(())
}

fn is_wanted(folder: &Folder, path: &Path) -> bool {
    let Some(extension) = path.extension().map(|extension| extension.to_string_lossy().to_lowercase()) else {
        return false;
    };
    match folder.valid_extensions.as_slice() {
        [] => image::EXTENSIONS.contains(&extension.as_str()),
        wanted => wanted.contains(&extension),
    }
}

/// The stimuli that a table names.
fn listed(folder: &Folder, table: &Path, found: &mut Vec<Found>, faults: &mut Faults) -> Result<(), Error> {
    let table_name = table.display().to_string();
    for (line, text) in crate::files::lines(table)? {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let wrong = |expected: &str| Error::Line {
            file: table_name.clone(),
            line,
            expected: expected.to_owned(),
            found: text.clone(),
        };
        let Some((file, label)) = text.split_once([';', ',', '\t']) else {
            faults.add(wrong("a file and its label with `;` between them"));
            continue;
        };
        let (path, label) = (folder.path.join(file.trim()), label.trim());
        if label.is_empty() {
            faults.add(wrong("a label after the file"));
            continue;
        }
        if !path.is_file() {
            faults.add(wrong(&format!("a file of `{}`", folder.path.display())));
            continue;
        }
        found.push(Found { path, label: Some(format!("{}{label}", folder.label_name)) });
    }
    faults.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mt19937, Set, testing};

    fn pgm(width: usize, height: usize, level: u8) -> Vec<u8> {
        let mut bytes = format!("P5 {width} {height} 255\n").into_bytes();
        bytes.resize(bytes.len() + width * height, level);
        bytes
    }

    /// `cat` has three images, `dog` two and one below, the folder itself one and a text.
    fn animals() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: Vec<u8>| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        for (at, name) in ["b.pgm", "dog/2.pgm", "dog/1.PGM", "dog/small/1.pgm", "cat/c.pgm", "cat/a.pgm", "cat/b.pgm"]
            .into_iter()
            .enumerate()
        {
            write(name, pgm(2 + at, 2, at as u8));
        }
        write("notes.txt", b"none".to_vec());
        folder
    }

    fn all(path: &Path) -> Folder {
        testing::images_below(path, 1, Rule::PerLabel { learn: 0.5, validation: 0.0, test: None, is_equivalent: true })
    }

    /// `name=label` of each stimulus.
    #[track_caller]
    fn check(folder: &Folder, expect: &str) {
        let database = load(std::slice::from_ref(folder), &mut Faults::refused()).unwrap();
        let stem = folder.path.display().to_string();
        let describe = |id| {
            let name = database.name(id).replace(&format!("{stem}/"), "");
            format!("{name}={}", database.label_names()[database.label(id).unwrap()])
        };
        assert_eq!((0..database.len()).map(describe).collect::<Vec<_>>().join(" "), expect);
    }

    #[test]
    fn files_come_before_folders_and_folders_are_labels() {
        let data = animals();
        let folder = all(data.path());
        check(&folder, "b.pgm= cat/a.pgm=/cat cat/b.pgm=/cat cat/c.pgm=/cat dog/1.PGM=/dog dog/2.pgm=/dog");
        check(&Folder { depth: Some(0), ..folder.clone() }, "b.pgm=");
        check(
            &Folder {
                depth: None,
                label_name: "pet".into(),
                label_depth: Some(2),
                ignore_masks: vec!["*/cat/*".into()],
                ..folder.clone()
            },
            "b.pgm=pet dog/1.PGM=pet/dog dog/2.pgm=pet/dog dog/small/1.pgm=pet/dog/small",
        );
        check(
            &Folder { label_depth: Some(0), label_name: "x".into(), ignore_masks: vec!["*.pgm".into()], ..folder },
            "dog/1.PGM=x",
        );
    }

    #[test]
    fn a_table_may_give_the_labels() {
        let data = animals();
        let table = data.path().join("labels.csv");
        fs::write(&table, "# file;label\ndog/2.pgm;big dog\n\ncat/a.pgm, cat\n").unwrap();
        let folder = Folder { label_file: Some(table.clone()), ..all(data.path()) };
        check(&folder, "dog/2.pgm=big dog cat/a.pgm=cat");
        for (text, part) in [
            (
                "dog/2.pgm\n",
                "labels.csv, line 1: expected a file and its label with `;` between them, found `dog/2.pgm`",
            ),
            ("\ndog/2.pgm;\n", "labels.csv, line 2: expected a label after the file"),
            ("dog/3.pgm;x\n", "labels.csv, line 1: expected a file of"),
            ("", "expected images (.bmp"),
        ] {
            fs::write(&table, text).unwrap();
            let message = load(std::slice::from_ref(&folder), &mut Faults::refused()).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn images_have_sizes_of_their_own_and_are_read_when_asked_for() {
        let data = animals();
        let mut database = load(&[all(data.path())], &mut Faults::refused()).unwrap();
        assert_eq!(database.common_shape(), None);
        assert_eq!(database.shape(1), Shape { channels: 1, height: 2, width: 7 });
        assert_eq!(*database.image(1).unwrap().pixels, [5; 14]);
        database.partition(false, &mut Mt19937::new(1));
        // One image of the root is the rarest label: half of one is rounded up to Learn.
        assert_eq!(Set::ALL.map(|set| database.set(set).to_vec()), [vec![0, 1, 4], vec![], vec![2, 3, 5]]);
        fs::write(data.path().join("cat/a.pgm"), pgm(3, 3, 0)).unwrap();
        let message = database.image(1).unwrap_err().to_string();
        assert!(message.contains("a.pgm: expected an image of 7x2x1"), "{message}");
        fs::remove_file(data.path().join("cat/a.pgm")).unwrap();
        assert!(matches!(database.image(1), Err(Error::Unreadable { .. })));
    }

    #[test]
    fn faulty_images_are_told_together_and_a_folder_without_images_is_refused() {
        let data = animals();
        fs::write(data.path().join("cat/a.pgm"), "").unwrap();
        fs::write(data.path().join("dog/2.pgm"), "P5 x").unwrap();
        let message = load(&[all(data.path())], &mut Faults::refused()).unwrap_err().to_string();
        assert!(
            message.contains("cat/a.pgm: expected an image") && message.contains("dog/2.pgm: expected"),
            "{message}"
        );
        let empty = tempfile::tempdir().unwrap();
        let message = load(&[all(empty.path())], &mut Faults::refused()).unwrap_err().to_string();
        assert!(message.contains("expected images") && message.contains("correct `DataPath`"), "{message}");
        let nowhere = load(&[all(&data.path().join("nowhere"))], &mut Faults::refused());
        assert!(matches!(nowhere, Err(Error::Unreadable { .. })));
        let mut faults = Faults::skipped();
        let database = load(&[all(data.path())], &mut faults).unwrap();
        assert_eq!((database.len(), faults.found().len()), (4, 2));
        assert!(database.name(0).ends_with("b.pgm") && database.label_names().len() == 3);
    }

    #[test]
    fn several_folders_are_divided_each_by_its_rule() {
        let data = animals();
        let folder =
            |name: &str, rule| Folder { label_name: name.into(), rule, depth: Some(0), ..all(&data.path().join(name)) };
        let folders = [
            folder("cat", Rule::Counts { learn: 2, validation: 1, test: None }),
            folder("dog", Rule::Fractions { learn: 0.0, validation: 0.0, test: None }),
        ];
        let mut database = load(&folders, &mut Faults::refused()).unwrap();
        database.partition(false, &mut Mt19937::new(1));
        assert_eq!(Set::ALL.map(|set| database.set(set).to_vec()), [vec![0, 1], vec![2], vec![3, 4]]);
        assert_eq!(database.label_names(), ["cat", "dog"]);
    }
}
