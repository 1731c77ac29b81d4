//! Images that belong to those of a database: what a network should make of each.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::database::{Content, ImageFile};
use crate::folder::formats;
use crate::partition::Rule;
use crate::{Database, Error, Faults, image};

/// Finds, for each stimulus, the image of the same name in `folder`: at the end of the stimulus's path as long as there is one
/// (`pets/cat/1.png` before `cat/1.png` before `1.png`), else in the folder itself with another extension. The database has the
/// stimuli, labels and sets of the other, and reads no image yet.
///
/// # Errors
///
/// [`Error::Unreadable`], [`Error::Folder`] for stimuli without such an image, [`Error::Image`]; more than one come as
/// [`Error::Several`].
pub fn counterpart(database: &Database, folder: &Path) -> Result<Database, Error> {
    let by_stem = by_stem(folder)?;
    let (mut paths, mut faults) = (Vec::with_capacity(database.len()), Faults::refused());
    for id in 0..database.len() {
        let name = database.name(id);
        let path = find(folder, Path::new(&name), &by_stem).ok_or_else(|| Error::Folder {
            folder: folder.display().to_string(),
            expected: format!("an image for the stimulus `{name}`"),
            found: "none of its name".to_owned(),
            remedy: "add it, or correct `TargetDataPath`",
        });
        paths.extend(faults.keep(path));
    }
    faults.end()?;
    let formats = formats(paths.iter().map(PathBuf::as_path));
    let mut files = Vec::with_capacity(paths.len());
    for (id, (path, format)) in paths.into_iter().zip(formats).enumerate() {
        files.extend(faults.keep(format).map(|format| ImageFile::new(path, format, database.label(id))));
    }
    faults.end()?;
    let groups = vec![(files.len(), Rule::TEST)];
    let mut counterpart = Database::new(database.label_names().to_vec(), vec![Content::Files(files)], groups);
    counterpart.take_sets(database);
    Ok(counterpart)
}

/// The images of a folder by their names without an extension; the first of several.
fn by_stem(folder: &Path) -> Result<HashMap<String, PathBuf>, Error> {
    let unreadable = |source| Error::Unreadable { file: folder.display().to_string(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    let mut found = HashMap::new();
    for path in paths {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        if let (Some(stem), Some(extension)) = (stem, extension)
            && image::EXTENSIONS.contains(&extension.as_str())
        {
            found.entry(stem).or_insert(path);
        }
    }
    Ok(found)
}

fn find(folder: &Path, name: &Path, by_stem: &HashMap<String, PathBuf>) -> Option<PathBuf> {
    let parts: Vec<_> = name.iter().filter(|part| *part != "/" && *part != "..").collect();
    let mut ends = (0..parts.len()).map(|first| folder.join(parts[first..].iter().collect::<PathBuf>()));
    // A path that leads back to the stimulus itself is none of the folder.
    let of_the_folder = |path: &PathBuf| path.is_file() && path.as_path() != name;
    ends.find(of_the_folder).or_else(|| by_stem.get(name.file_stem()?.to_string_lossy().as_ref()).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mt19937, Set, folder, testing};

    fn pgm(level: u8) -> Vec<u8> {
        let mut bytes = b"P5 2 1 255\n".to_vec();
        bytes.extend([level, level]);
        bytes
    }

    /// Two animals of each kind.
    fn animals(root: &Path) -> Database {
        for (at, name) in ["cat/1.pgm", "cat/2.pgm", "dog/1.pgm", "dog/3.pgm"].into_iter().enumerate() {
            let path = root.join("data").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, pgm(at as u8)).unwrap();
        }
        let folder = testing::images_below(&root.join("data"), 1, Rule::Counts { learn: 2, validation: 1, test: None });
        let mut database = folder::load(&[folder], &mut Faults::refused()).unwrap();
        database.partition(true, &mut Mt19937::new(3));
        database
    }

    #[test]
    fn each_stimulus_has_the_image_of_its_name() {
        let root = tempfile::tempdir().unwrap();
        let database = animals(root.path());
        let wanted = root.path().join("wanted");
        fs::create_dir_all(wanted.join("cat")).unwrap();
        for (name, level) in [("cat/1.pgm", 10), ("1.pgm", 11), ("2.pnm", 12), ("3.pgm", 13)] {
            fs::write(wanted.join(name), pgm(level)).unwrap();
        }
        let found = counterpart(&database, &wanted).unwrap();
        let level = |id| found.image(id).unwrap().pixels[0];
        assert_eq!([0, 1, 2, 3].map(level), [10, 12, 11, 13]);
        assert!(found.name(0).ends_with("wanted/cat/1.pgm"));
        for set in Set::ALL {
            assert_eq!(found.set(set), database.set(set));
        }
        assert_eq!(found.position(database.set(Set::Learn)[1], Set::Learn), Some(1));
        assert_eq!((found.label(3), found.label_names()), (database.label(3), database.label_names()));
    }

    #[test]
    fn stimuli_without_an_image_are_named_together() {
        let root = tempfile::tempdir().unwrap();
        let database = animals(root.path());
        let wanted = root.path().join("wanted");
        fs::create_dir_all(&wanted).unwrap();
        fs::write(wanted.join("1.pgm"), pgm(1)).unwrap();
        let message = counterpart(&database, &wanted).unwrap_err().to_string();
        assert!(message.contains("cat/2.pgm` ") || message.contains("cat/2.pgm`,"), "{message}");
        assert!(message.contains("dog/3.pgm") && message.contains("`TargetDataPath`"), "{message}");
        assert!(matches!(counterpart(&database, &root.path().join("nowhere")), Err(Error::Unreadable { .. })));
    }
}
