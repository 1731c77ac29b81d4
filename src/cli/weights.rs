//! `femtospike weights`.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::{Direction, WeightsArgs};
use crate::failure::wrong_input;
use crate::model::Description;
use crate::output::OutputFolder;
use crate::report::document;
use crate::report::number::grouped;
use crate::report::progress::result;
use crate::session::read_model;
use crate::weights::{self, exchange, is_weights_folder, layout};
use crate::{locate, memory};

pub fn run(args: &WeightsArgs) -> Result<()> {
    let description = read_model(&args.model, &args.options)?;
    args.options.typed.note_without_effect(Some(&description));
    memory::check(&description)?;
    match args.direction {
        Direction::Export => export(args, &description),
        Direction::Import => import(args, &description),
    }
}

fn output_folder(args: &WeightsArgs) -> &Path {
    args.options.out.as_deref().unwrap_or(Path::new("."))
}

fn export(args: &WeightsArgs, description: &Description) -> Result<()> {
    let output = OutputFolder::open(output_folder(args))?;
    let source = locate::weights(args.options.weights.as_deref(), &output, &description.name)?;
    let loaded = weights::load(description, &source)?;
    let layout = args.layout.map(Into::into).unwrap_or_default();
    let tensors = layout::tensors(description, &loaded.cells, layout).map_err(wrong_input)?;
    exchange::write(&args.file, &tensors, layout)?;
    let n: usize = tensors.iter().map(|tensor| tensor.data.len()).sum();
    result(&format!("Weights: {source} (sha256 {})", &loaded.sha256[..16]));
    for tensor in &tensors {
        result(&format!("  {} {:?}", tensor.name, tensor.shape));
    }
    result(&format!("{} values in layout {layout}: {}", grouped(n as u64), args.file.display()));
    let tensors = tensors.iter().map(|tensor| Tensor { name: &tensor.name, shape: &tensor.shape }).collect();
    document::give(&Exported {
        model: &description.name,
        ini_sha256: &description.sha256,
        weights_dir: source.to_string(),
        weights_sha256: &loaded.sha256,
        file: args.file.display().to_string(),
        layout: layout.to_string(),
        values: n,
        tensors,
    })
}

fn import(args: &WeightsArgs, description: &Description) -> Result<()> {
    let (tensors, named) = exchange::read(&args.file)?;
    let layout = match (args.layout.map(Into::into), named) {
        (Some(typed), Some(named)) if typed != named => {
            return Err(wrong_input(format!(
                "`{}`: it names the layout {named}, --layout says {typed}; leave --layout out",
                args.file.display()
            )));
        }
        (typed, named) => typed.or(named).unwrap_or_default(),
    };
    let cells = layout::weights(description, tensors, layout)
        .map_err(|faults| weights::faulty(format!("`{}` (layout {layout})", args.file.display()), &faults))?;
    let folder = match &args.options.weights {
        Some(folder) => folder.clone(),
        None => default_folder(output_folder(args))?,
    };
    let (output, name) = exchange::new_folder(&folder, "syntxt")?;
    weights::save(&output, &name, description, |cell| cells[cell].clone())?;
    let test = match &args.options.weights {
        Some(folder) => format!("-w {}", folder.display()),
        None => format!("--out {}", output_folder(args).display()),
    };
    result(&format!("Weights in {}; test them with: femtospike test {} {test}", folder.display(), args.model));
    document::give(&Imported {
        model: &description.name,
        ini_sha256: &description.sha256,
        weights_dir: folder.display().to_string(),
        file: args.file.display().to_string(),
        layout: layout.to_string(),
    })
}

/// What was exported, for programs.
#[derive(Serialize)]
struct Exported<'a> {
    model: &'a str,
    ini_sha256: &'a str,
    weights_dir: String,
    weights_sha256: &'a str,
    file: String,
    layout: String,
    values: usize,
    tensors: Vec<Tensor<'a>>,
}

#[derive(Serialize)]
struct Tensor<'a> {
    name: &'a str,
    shape: &'a [usize],
}

/// What was imported, for programs.
#[derive(Serialize)]
struct Imported<'a> {
    model: &'a str,
    ini_sha256: &'a str,
    weights_dir: String,
    file: String,
    layout: String,
}

/// `weights` in the output folder, unless a test would take others first or some are lost.
fn default_folder(out: &Path) -> Result<std::path::PathBuf> {
    for name in ["weights_validation", "weights"] {
        let folder = out.join(name);
        if is_weights_folder(&folder) {
            return Err(wrong_input(format!(
                "`{}`: expected no weights here yet, found those of a learning or an import; name another folder with -w DIR or \
                 --out DIR",
                folder.display()
            )));
        }
    }
    Ok(out.join("weights"))
}
