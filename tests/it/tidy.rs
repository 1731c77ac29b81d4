//! Rules about the source itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const MAX_LINES: usize = 800;
/// Who may depend on whom, below the program.
const ARROWS: [(&str, &[&str]); 4] = [("sim", &[]), ("stimuli", &[]), ("formal", &["stimuli"]), ("stats", &["sim"])];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["src", "sim", "stimuli", "formal", "stats", "tests", "benches"] {
        sources(&root().join(folder), &mut found);
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in ARROWS {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        let dependencies = manifest.split("[dependencies]").nth(1).expect("a table of dependencies");
        let used: BTreeSet<&str> = dependencies
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|word| ours.contains(word))
            .collect();
        assert_eq!(used, allowed.iter().copied().collect(), "{name}");
    }
}

#[test]
fn no_file_outgrows_its_idea() {
    for path in all_sources() {
        let lines = read(&path).lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
    }
}

#[test]
fn library_crates_neither_print_nor_read_their_surroundings() {
    for path in all_sources() {
        let is_library =
            ["sim", "stimuli", "formal", "stats"].iter().any(|name| path.starts_with(root().join(name).join("src")));
        if !is_library {
            continue;
        }
        let text = read(&path);
        for word in ["println!", "eprintln!", "print!(", "std::env::", "process::exit", "Instant::now", "SystemTime"] {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
}

#[test]
fn only_progress_draws_on_the_terminal() {
    for path in all_sources() {
        if path.starts_with(root().join("src")) && !path.ends_with("report/progress.rs") {
            let text = read(&path);
            for word in ["println!", "eprintln!", "indicatif::"] {
                assert!(!text.contains(word), "{} has {word}", path.display());
            }
        }
    }
}

#[test]
fn cuda_is_known_to_the_backend_alone() {
    for path in all_sources() {
        let is_backend = path.starts_with(root().join("formal/src/backend")) || path.ends_with("formal/src/backend.rs");
        if !is_backend && !path.ends_with("tests/it/tidy.rs") {
            assert!(!read(&path).contains("feature = \"cuda\""), "{}", path.display());
        }
    }
}

#[test]
fn there_is_no_mod_rs() {
    assert!(all_sources().iter().all(|path| !path.ends_with("mod.rs")));
}
