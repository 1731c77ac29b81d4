//! Files as bytes.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;

/// A file that is in memory, read or embedded.
#[derive(Clone, Debug)]
pub struct File {
    /// Name as shown in errors.
    pub name: String,
    /// Content, raw or gzip.
    pub bytes: Cow<'static, [u8]>,
}

/// `name` in `folder`, as it is or, where that does not exist, with `.gz`.
pub(crate) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|path| path.exists())
}

/// All of `names`, by [`find`].
///
/// # Errors
///
/// [`Error::Missing`], which names all that are absent at once.
pub(crate) fn find_all<const N: usize>(folder: &Path, names: [&str; N]) -> Result<[PathBuf; N], Error> {
    let paths = names.map(|name| find(folder, name));
    let absent = names.iter().zip(&paths).filter(|(_, path)| path.is_none());
    let missing: Vec<String> = absent.map(|(name, _)| name.to_string()).collect();
    if !missing.is_empty() {
        return Err(Error::Missing {
            folder: folder.display().to_string(),
            expected: names.map(str::to_owned).to_vec(),
            missing,
        });
    }
    Ok(paths.map(|path| path.expect("none is missing")))
}

pub(crate) fn read(path: &Path) -> Result<File, Error> {
    let name = path.display().to_string();
    match fs::read(path) {
        Ok(bytes) => Ok(File { name, bytes: Cow::Owned(bytes) }),
        Err(source) => Err(Error::Unreadable { file: name, source }),
    }
}

/// The lines of a text file, numbered from 1; what is no UTF-8 is replaced.
pub(crate) fn lines(path: &Path) -> Result<Vec<(usize, String)>, Error> {
    let file = read(path)?;
    let text = String::from_utf8_lossy(&file.bytes);
    Ok(text.lines().enumerate().map(|(at, line)| (at + 1, line.trim().to_owned())).collect())
}
