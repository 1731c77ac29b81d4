//! The output folder: every file is written beside its name and renamed, so that a reader never meets half of one.

mod growing;

use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

use crate::failure::wrong_input;
pub use growing::GrowingFile;

/// A folder that results are written to.
#[derive(Clone, Debug)]
pub struct OutputFolder {
    root: PathBuf,
}

/// The file or folder name made of a name from a model: what a file name cannot hold becomes `_`, and nothing leads
/// out of the folder (`formal.md` 17.4; `/` makes no folders here).
pub fn file_name(name: &str) -> String {
    let safe: String =
        name.chars()
            .map(|c| {
                if matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '/' | '\\') || c.is_control() {
                    '_'
                } else {
                    c
                }
            })
            .collect();
    if safe.is_empty() || safe.chars().all(|c| c == '.') { format!("_{safe}") } else { safe }
}

impl OutputFolder {
    /// Opens (and makes) the folder and checks that it can be written to, so that a long run does not fail at its end.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        let probe = root.join(".femtospike-probe");
        fs::create_dir_all(&root)
            .and_then(|()| fs::write(&probe, b""))
            .and_then(|()| fs::remove_file(&probe))
            .map_err(|e| {
                wrong_input(format!(
                    "output folder `{}`: expected a folder that can be written to, found: {e}; name another one with --out DIR",
                    root.display()
                ))
            })?;
        Ok(Self { root })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file of this folder. `name` is relative and stays inside.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        let inside = name.as_ref().components().filter(|c| matches!(c, Component::Normal(_)));
        self.root.join(inside.collect::<PathBuf>())
    }

    /// Writes a file as a whole or not at all.
    pub fn write(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Result<()> {
        write_atomically(&self.path(name), contents.as_ref())
    }

    /// Refuses a name of a sub-folder that a file has, so that a long run does not fail when it comes to it.
    ///
    /// # Errors
    /// A file has the name.
    pub fn check_folder(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        if path.exists() && !path.is_dir() {
            return Err(wrong_input(format!(
                "`{}`: expected a folder or nothing, found a file; move it elsewhere, or name another output folder with --out DIR",
                path.display()
            )));
        }
        Ok(())
    }

    /// Writes the files of a sub-folder as a whole: what was there before stays until all of them are written.
    pub fn write_folder<T: AsRef<[u8]>>(&self, name: &str, files: &[(String, T)]) -> Result<()> {
        let (new, old) = (format!(".{name}.part"), format!(".{name}.old"));
        self.check_folder(name)?;
        let path = self.path(name);
        self.clear(&new)?;
        self.clear(&old)?;
        let made = fs::create_dir_all(self.path(&new));
        made.with_context(|| format!("cannot make `{}`", self.path(&new).display()))?;
        for (file, contents) in files {
            if let Err(error) = self.write(format!("{new}/{file}"), contents) {
                let _ = self.clear(&new);
                return Err(error);
            }
        }
        let attempt = || -> std::io::Result<()> {
            if path.exists() {
                fs::rename(&path, self.path(&old))?;
            }
            fs::rename(self.path(&new), &path)
        };
        attempt().with_context(|| format!("cannot replace `{}`", path.display()))?;
        self.clear(&old)
    }

    /// Removes a file of an earlier run.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(e) if !is_not_there(&e) => Err(e).with_context(|| format!("cannot remove `{}`", path.display())),
            _ => Ok(()),
        }
    }

    /// Empties a sub-folder that a run is about to fill anew. A file of this name is none of a run's, and stays.
    pub fn clear(&self, name: impl AsRef<Path>) -> Result<()> {
        let path = self.path(name);
        match fs::remove_dir_all(&path) {
            Err(e) if !is_not_there(&e) => Err(e).with_context(|| format!("cannot empty `{}`", path.display())),
            _ => Ok(()),
        }
    }
}

/// Whether there is no such file or folder; a file in the place of a folder holds none.
fn is_not_there(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// A single file that a run writes, checked before the run starts.
#[derive(Debug)]
pub enum OutputFile {
    /// A plain file, or none yet: written as a whole, as often as liked.
    Plain(PathBuf),
    /// A pipe, a device or the like: takes bytes as they come, and stays what it is.
    Stream(fs::File),
}

impl OutputFile {
    /// Checks that a file can be written, so that a long run does not fail at its end; what is there is left as it is. A
    /// symbolic link stays; the file that it leads to is written. Opening a pipe waits for its reader.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn open(path: &Path) -> Result<Self> {
        let attempt = || -> std::io::Result<Self> {
            if path.is_dir() || path.file_name().is_none() {
                return Err(std::io::Error::other("it is a folder"));
            }
            let plain = end_of_links(path)?;
            if is_stream(path, &plain) {
                return fs::OpenOptions::new().append(true).open(path).map(Self::Stream);
            }
            let (folder, temporary) = beside(&plain);
            fs::create_dir_all(folder)?;
            fs::write(&temporary, b"")?;
            fs::remove_file(&temporary)?;
            Ok(Self::Plain(plain))
        };
        attempt().map_err(|e| anyhow::anyhow!("expected a file that can be written, found `{}`: {e}", path.display()))
    }

    /// Replaces what the file holds while the run goes on; a stream waits for the end.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_so_far(&self, contents: &[u8]) -> Result<()> {
        match self {
            Self::Plain(path) => write_atomically(path, contents),
            Self::Stream(_) => Ok(()),
        }
    }

    /// Writes all there is at the end of the run.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, contents: &[u8]) -> Result<()> {
        match self {
            Self::Plain(path) => write_atomically(path, contents),
            Self::Stream(file) => {
                let mut file = file;
                file.write_all(contents).and_then(|()| file.flush()).context("cannot write to the pipe or device")
            }
        }
    }
}

/// Symbolic links followed for one path, as many as the system follows.
const MOST_LINKS: usize = 40;

/// Where the symbolic links of a path end, whether or not there is anything.
fn end_of_links(path: &Path) -> std::io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&path) {
            // Links of the system stand for open files, not for names.
            Ok(metadata) if metadata.is_symlink() && !is_of_the_system(&path) => {
                let to = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(to);
            }
            _ => return Ok(path),
        }
    }
    Err(std::io::Error::other("too many symbolic links"))
}

fn is_of_the_system(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc")
}

/// Whether something is there that is written as it comes: renaming a file over it would remove it.
fn is_stream(path: &Path, plain: &Path) -> bool {
    let is_link = fs::symlink_metadata(plain).is_ok_and(|metadata| metadata.is_symlink());
    is_link || fs::metadata(path).is_ok_and(|metadata| !metadata.is_file())
}

/// The folder of a file, and the file that is written in its stead at first.
fn beside(path: &Path) -> (&Path, PathBuf) {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (folder, folder.join(format!(".{name}.part")))
}

/// Writes `path` through a temporary file in the same folder.
pub fn write_atomically(path: &Path, contents: &[u8]) -> Result<()> {
    let (folder, temporary) = beside(path);
    let attempt = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = fs::File::create(&temporary)?;
        file.write_all(contents)?;
        drop(file);
        fs::rename(&temporary, path)
    };
    attempt().map_err(|e| {
        let _ = fs::remove_file(&temporary);
        anyhow::anyhow!("cannot write `{}`: {e}; what was there before is kept", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        assert_eq!(file_name(name), expected);
    }

    #[test]
    fn a_name_never_leads_out_of_the_folder() {
        check("conv1", "conv1");
        check("fc1.drop", "fc1.drop");
        check("../x", ".._x");
        check("..", "_..");
        check("a:b?", "a_b_");
        check("", "_");
        let output = OutputFolder { root: PathBuf::from("out") };
        assert_eq!(output.path("../../etc/passwd"), PathBuf::from("out/etc/passwd"));
        assert_eq!(output.path("/etc/passwd"), PathBuf::from("out/etc/passwd"));
    }

    #[test]
    fn a_folder_that_cannot_be_written_whole_keeps_what_it_had() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let output = OutputFolder::open(root.path()).expect("a writable folder");
        let file = |name: &str, text: &str| (name.to_string(), text.to_string());
        output.write_folder("w", &[file("a", "old"), file("b", "old")]).expect("the first time");
        let failed = output.write_folder("w", &[file("a", "new"), file("a/b", "a is no folder")]);
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(root.path().join("w/a")).ok().as_deref(), Some("old"));
        assert!(root.path().join("w/b").exists());
        output.write_folder("w", &[file("c", "new")]).expect("the second time");
        let names: Vec<_> = fs::read_dir(root.path()).expect("readable").flatten().map(|e| e.file_name()).collect();
        assert_eq!(names, ["w"], "nothing else is left");
        assert!(root.path().join("w/c").exists() && !root.path().join("w/a").exists());
    }
}
