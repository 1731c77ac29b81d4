//! Compiled kernels, kept in a folder from run to run.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// Bytes of a hash.
const HASH: usize = 32;

/// A file an image: a hash of the image, then the image. Its name is a hash of all that the image follows from.
pub(super) struct Cache<'a> {
    folder: Option<&'a Path>,
}

impl<'a> Cache<'a> {
    /// Images in a folder; without one nothing is kept.
    pub(super) fn new(folder: Option<&'a Path>) -> Self {
        Self { folder }
    }

    fn path(&self, name: &str, parts: &[&str]) -> Option<PathBuf> {
        let mut hash = Sha256::new();
        for part in parts {
            // With their lengths, so that no two lists run together to the same bytes.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let hash: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Some(self.folder?.join(format!("{name}-{hash}.kernels")))
    }

    /// The image that follows from `parts`, or what `make` makes of them, which is then kept. What was cut off or changed is
    /// made anew. A folder that cannot be written costs time alone.
    pub(super) fn get<E>(
        &self,
        name: &str,
        parts: &[&str],
        make: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let path = self.path(name, parts);
        if let Some(image) = path.as_deref().and_then(read) {
            return Ok(image);
        }
        let image = make()?;
        if let Some(path) = path {
            let _ = write(&path, &image);
        }
        Ok(image)
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut file = fs::read(path).ok()?;
    let image = file.split_off(HASH.min(file.len()));
    (file == Sha256::digest(&image).as_slice()).then_some(image)
}

/// Through a temporary file, so that no other process ever reads a part.
fn write(path: &Path, image: &[u8]) -> std::io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}", std::process::id()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let written = fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(&Sha256::digest(image))?;
        file.write_all(image)
    });
    let kept = written.and_then(|()| fs::rename(&temporary, path));
    if kept.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is got in place of `image`, and whether that was made.
    fn get(folder: Option<&Path>, parts: &[&str], image: &[u8]) -> (Vec<u8>, bool) {
        let mut made = false;
        let image = Cache::new(folder).get("conv", parts, || {
            made = true;
            Ok::<_, ()>(image.to_vec())
        });
        (image.expect("it is made or kept"), made)
    }

    #[test]
    fn an_image_is_made_once_for_what_it_follows_from() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = Some(root.path().join("kernels"));
        let folder = folder.as_deref();
        assert_eq!(get(folder, &["source", "sm_90"], b"first"), (b"first".to_vec(), true));
        assert_eq!(get(folder, &["source", "sm_90"], b"second"), (b"first".to_vec(), false));
        assert_eq!(get(folder, &["sources", "m_90"], b"third"), (b"third".to_vec(), true));
        assert_eq!(get(None, &["source", "sm_90"], b"fourth"), (b"fourth".to_vec(), true));
        let left: Vec<_> = fs::read_dir(folder.expect("above")).expect("it is there").collect();
        assert_eq!(left.len(), 2, "no temporary file stays: {left:?}");
    }

    #[test]
    fn a_damaged_image_is_made_anew() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::new(Some(root.path()));
        get(Some(root.path()), &["a"], b"image");
        let path = cache.path("conv", &["a"]).expect("there is a folder");
        let sound = fs::read(&path).expect("it is kept");
        let mut changed = sound.clone();
        changed[HASH] ^= 1;
        for damaged in [&sound[..sound.len() - 1], &sound[..3], &[], &changed] {
            fs::write(&path, damaged).expect("it can be written");
            assert_eq!(get(Some(root.path()), &["a"], b"image"), (b"image".to_vec(), true));
            assert_eq!(fs::read(&path).expect("it is kept"), sound);
        }
    }

    #[test]
    fn a_fault_keeps_nothing_and_a_folder_that_is_none_costs_time_alone() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let refused = Cache::new(Some(root.path())).get("conv", &["a"], || Err("no"));
        assert_eq!(refused, Err("no"));
        assert_eq!(get(Some(root.path()), &["a"], b"image"), (b"image".to_vec(), true));
        let file = root.path().join("file");
        fs::write(&file, b"").expect("it can be written");
        assert_eq!(get(Some(&file), &["a"], b"image"), (b"image".to_vec(), true));
    }
}
