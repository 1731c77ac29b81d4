//! Compresses the shipped models and weights, so that the program can carry them (feature `embedded`).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};

fn main() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo::rerun-if-changed=models");
    println!("cargo::rerun-if-changed=data/weights");
    let mut files = list(&root, "models", "ini");
    files.extend(list(&root, "models", "tpl"));
    files.extend(list(&root, "models", "dat"));
    for folder in folders(&root.join("data/weights")) {
        files.extend(list(&root, &format!("data/weights/{folder}"), "syntxt"));
    }
    let mut table = String::from("&[\n");
    for (number, name) in files.iter().enumerate() {
        let packed = out.join(format!("asset-{number}.gz"));
        let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        encoder.write_all(&fs::read(root.join(name)).expect("a listed file is readable")).expect("memory takes it");
        fs::write(&packed, encoder.finish().expect("memory takes it")).expect("OUT_DIR is writable");
        table += &format!("    ({name:?}, include_bytes!({packed:?})),\n");
    }
    table += "]\n";
    fs::write(out.join("assets.rs"), table).expect("OUT_DIR is writable");
}

fn list(root: &Path, folder: &str, extension: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(&format!(".{extension}")))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    names
}

fn folders(root: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}
