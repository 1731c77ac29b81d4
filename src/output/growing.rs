//! A file that grows while a run goes on: what is in it stays readable, whenever the run ends.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::OutputFolder;

/// Takes rows at its end, each time whole ones.
#[derive(Debug)]
pub struct GrowingFile {
    path: PathBuf,
    file: fs::File,
}

impl OutputFolder {
    /// Begins a file with its first rows.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(&self, name: &str, first: &[u8]) -> Result<GrowingFile> {
        self.write(name, first)?;
        self.grow(name)
    }

    /// Goes on with a file after its first rows for as long as `is_kept` says so; what follows them is dropped, and so is a
    /// row without its end. Also tells how many are kept.
    ///
    /// # Errors
    /// It is not there, or cannot be written.
    pub fn go_on(&self, name: &str, is_kept: impl Fn(&str) -> bool) -> Result<(GrowingFile, u64)> {
        let path = self.path(name);
        let (n, length) = kept(&path, is_kept).with_context(|| format!("cannot read `{}`", path.display()))?;
        let growing = self.grow(name)?;
        growing.file.set_len(length).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok((growing, n))
    }

    fn grow(&self, name: &str) -> Result<GrowingFile> {
        let path = self.path(name);
        let file = fs::OpenOptions::new().append(true).open(&path);
        let file = file.with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(GrowingFile { path, file })
    }
}

/// Rows and bytes up to the first row that is not kept.
fn kept(path: &Path, is_kept: impl Fn(&str) -> bool) -> std::io::Result<(u64, u64)> {
    let mut reader = BufReader::new(fs::File::open(path)?);
    let (mut n, mut length, mut row) = (0, 0, String::new());
    loop {
        row.clear();
        let bytes = reader.read_line(&mut row)?;
        if !row.ends_with('\n') || !is_kept(row.trim_end()) {
            return Ok((n, length));
        }
        (n, length) = (n + 1, length + bytes as u64);
    }
}

impl GrowingFile {
    /// Adds rows.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn append(&mut self, rows: &[u8]) -> Result<()> {
        self.file.write_all(rows).with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_not_kept_are_dropped_and_so_is_half_a_row() {
        let root = tempfile::tempdir().unwrap();
        let output = OutputFolder::open(root.path()).unwrap();
        output.begin("a.csv", b"n\n").unwrap().append(b"1\n2\n3\n4").unwrap();
        let read = || fs::read_to_string(root.path().join("a.csv")).unwrap();
        let (mut file, n) = output.go_on("a.csv", |row| row != "9").unwrap();
        assert_eq!((n, read().as_str()), (4, "n\n1\n2\n3\n"));
        file.append(b"4\n").unwrap();
        let (_, n) = output.go_on("a.csv", |row| row != "2").unwrap();
        assert_eq!((n, read().as_str()), (2, "n\n1\n"));
        assert!(output.go_on("b.csv", |_| true).is_err());
    }
}
