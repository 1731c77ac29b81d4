//! Files of tensors that other programs read and write: safetensors, and NumPy's `.npz` or a folder of `.npy`.

use std::collections::HashMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use formal::NamedTensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::layout::{Found, Layout};
use super::npy::{self, Array};
use crate::failure::wrong_input;
use crate::output::{OutputFile, OutputFolder};

/// The entry of a safetensors file that names the layout.
const LAYOUT: &str = "femtospike.layout";
/// What an entry of an archive may grow to, however small it is packed.
const MOST_UNPACKED: u64 = 1 << 30;

/// What kind of file a name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Safetensors,
    Npz,
    NpyFolder,
}

impl Format {
    fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => Ok(Self::Safetensors),
            Some("npz") => Ok(Self::Npz),
            None if path.file_name().is_some() => Ok(Self::NpyFolder),
            _ => Err(wrong_input(format!(
                "`{}`: expected a name that ends with .safetensors or .npz, or one without an ending for a folder of .npy files",
                path.display()
            ))),
        }
    }
}

/// Writes tensors to a file, in the form that its name asks for.
///
/// # Errors
/// The name asks for no form, a folder of that name holds other things, or the file cannot be written.
pub fn write(path: &Path, tensors: &[NamedTensor], layout: Layout) -> Result<()> {
    match Format::of(path)? {
        Format::Safetensors => {
            OutputFile::open(path)?.write(&to_safetensors(tensors, (LAYOUT.to_string(), layout.to_string()))?)
        }
        Format::Npz => OutputFile::open(path)?.write(&to_npz(tensors)?),
        Format::NpyFolder => {
            let (output, name) = new_folder(path, "npy")?;
            let file = |tensor: &NamedTensor| {
                let name = format!("{}.npy", crate::output::file_name(&tensor.name));
                (name, npy::to_bytes(&tensor.shape, &tensor.data))
            };
            output.write_folder(&name, &tensors.iter().map(file).collect::<Vec<_>>())
        }
    }
}

/// The folder around a folder that is to be written whole, and its name: it holds nothing yet, or files of that ending alone.
///
/// # Errors
/// It is a file, or what it holds would be lost.
pub fn new_folder(path: &Path, ending: &str) -> Result<(OutputFolder, String)> {
    let expected = format!("expected a folder that is not there yet, or one of .{ending} files alone");
    let fault = |found: String| Err(wrong_input(format!("`{}`: {expected}, found {found}", path.display())));
    let Some(name) = path.file_name() else { return fault("no name".into()) };
    if path.is_file() {
        return fault("a file".into());
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.path().extension().is_none_or(|extension| extension != ending) {
            return fault(format!("`{}` in it", entry.file_name().to_string_lossy()));
        }
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((OutputFolder::open(parent)?, name.to_string_lossy().into_owned()))
}

/// The tensors of a file, and the layout that it names.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn read(path: &Path) -> Result<(Vec<Found>, Option<Layout>)> {
    let shown = path.display();
    let wrong = |what: String| wrong_input(format!("`{shown}`: {what}"));
    if path.is_dir() {
        return Ok((read_folder(path).map_err(wrong)?, None));
    }
    let bytes = fs::read(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    match Format::of(path)? {
        Format::Safetensors => read_safetensors(&bytes).map_err(wrong),
        Format::Npz => Ok((read_npz(bytes).map_err(wrong)?, None)),
        Format::NpyFolder => Err(wrong("expected a folder of .npy files, found a file".into())),
    }
}

/// The bytes of a safetensors file with one entry of metadata.
///
/// # Errors
/// A shape that does not fit its values.
pub fn to_safetensors(tensors: &[NamedTensor], metadata: (String, String)) -> Result<Vec<u8>> {
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|t| t.data.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|(t, bytes)| Ok((t.name.clone(), TensorView::new(Dtype::F32, t.shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>>>()?;
    // One entry: the order of several in a hash map is not the same twice.
    Ok(safetensors::serialize(views, Some(HashMap::from([metadata])))?)
}

/// The values of a tensor of a safetensors file.
///
/// # Errors
/// They are no 32-bit floats.
pub fn floats(view: &TensorView<'_>) -> Result<Vec<f32>, String> {
    match view.dtype() {
        Dtype::F32 => Ok(view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
        other => Err(format!("expected 32-bit floats (F32), found {other:?}")),
    }
}

fn read_safetensors(bytes: &[u8]) -> Result<(Vec<Found>, Option<Layout>), String> {
    let damaged = |e| format!("expected a whole safetensors file, found: {e}");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let named = header.metadata().as_ref().and_then(|metadata| metadata.get(LAYOUT));
    let layout = named.and_then(|name| Layout::ALL.into_iter().find(|layout| layout.to_string() == *name));
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let found = |(name, view): (String, TensorView<'_>)| Found {
        name,
        shape: Some(view.shape().to_vec()),
        values: floats(&view),
    };
    Ok((file.tensors().into_iter().map(found).collect(), layout))
}

fn to_npz(tensors: &[NamedTensor]) -> Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // Not packed, as `numpy.savez` does it, and without a date: the same weights are the same bytes.
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::DEFAULT);
    for tensor in tensors {
        archive.start_file(format!("{}.npy", tensor.name), options).context("cannot make an archive")?;
        archive.write_all(&npy::to_bytes(&tensor.shape, &tensor.data)).context("cannot make an archive")?;
    }
    Ok(archive.finish().context("cannot make an archive")?.into_inner())
}

fn read_npz(bytes: Vec<u8>) -> Result<Vec<Found>, String> {
    let damaged = |e: String| format!("expected a whole archive of NumPy arrays (.npz), found: {e}");
    let most = MOST_UNPACKED.max(bytes.len() as u64);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| damaged(e.to_string()))?;
    let mut tensors = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|e| damaged(e.to_string()))?;
        let name = entry.name().map_err(|e| damaged(e.to_string()))?.into_owned();
        let mut bytes = Vec::new();
        let read = entry.take(most).read_to_end(&mut bytes);
        read.map_err(|e| damaged(format!("`{name}`: {e}")))?;
        tensors.push(found(&name, &bytes));
    }
    Ok(tensors)
}

fn read_folder(path: &Path) -> Result<Vec<Found>, String> {
    let mut names: Vec<String> = fs::read_dir(path)
        .map_err(|e| format!("cannot be read: {e}"))?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".npy"))
        .collect();
    names.sort();
    let read = |name: String| match fs::read(path.join(&name)) {
        Ok(bytes) => found(&name, &bytes),
        Err(e) => found_faulty(&name, format!("cannot be read: {e}")),
    };
    Ok(names.into_iter().map(read).collect())
}

fn found(file: &str, bytes: &[u8]) -> Found {
    match npy::read(bytes) {
        Ok(Array { shape, values }) => Found { name: tensor_name(file), shape: Some(shape), values },
        Err(fault) => found_faulty(file, fault),
    }
}

fn found_faulty(file: &str, fault: String) -> Found {
    Found { name: tensor_name(file), shape: None, values: Err(fault) }
}

fn tensor_name(file: &str) -> String {
    file.strip_suffix(".npy").unwrap_or(file).to_string()
}
