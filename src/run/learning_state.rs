//! The state of a learning in one versioned file, so that `--resume` reaches the same bytes as an uninterrupted run.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use anyhow::Result;
use formal::{NamedTensor, Network, ParameterInfo, ParameterKind, State};
use safetensors::tensor::SafeTensors;
use serde::{Deserialize, Serialize};
use stats::{Confusion, Metric};

use super::targets::Tally;
use crate::failure::wrong_input;
use crate::output::OutputFolder;
use crate::weights::exchange::{floats, to_safetensors};

/// Name of the file in the output folder.
pub const FILE: &str = "learning.safetensors";
const SECONDS_FILE: &str = "learning_seconds.dat";
const METADATA: &str = "femtospike";
const FORMAT: u32 = 1;

/// What the file holds beside the tensors.
#[derive(Serialize, Deserialize)]
struct Metadata<'a> {
    ledger: Cow<'a, Ledger>,
    counters: Vec<(String, u64)>,
}

/// Everything that learning knows beside the network itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    format: u32,
    /// Hash of the model's text.
    pub ini_sha256: String,
    /// Seed of the run.
    pub seed: u32,
    /// What computed so far; empty in states of versions that knew the CPU alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// Stimuli (`-learn`) to learn in all.
    pub total_stimuli: Option<u64>,
    /// Epochs (`-learn-epoch`) to learn in all.
    pub total_epochs: Option<u64>,
    /// Batches learned.
    pub step: u64,
    /// Stimuli learned.
    pub stimuli: u64,
    /// Stimuli at which the next log falls (`-learn`).
    pub next_log: u64,
    /// Success of each batch.
    pub success: Vec<f64>,
    /// The same with the class among the `TopN` best outputs; empty where `TopN` is 1.
    #[serde(default)]
    pub success_top_n: Vec<f64>,
    /// What validations are judged by.
    #[serde(default = "sensitivity")]
    pub metric: String,
    /// Counts since the last log.
    pub confusion: Vec<u64>,
    /// (id, target, estimated) since the last log.
    pub misclassified: Vec<(usize, usize, usize)>,
    /// Sums of the losses since the last log: squared error, cross-entropy, batches.
    pub loss: (f64, Option<f64>, u64),
    /// Mean losses at each log.
    pub losses: Vec<(u64, f64, Option<f64>)>,
    /// Score of each validation.
    pub validations: Vec<(u64, f64)>,
    /// Best validation score.
    pub best: Option<f64>,
    /// Validations since the best one.
    pub validations_since_best: u32,
    /// What each target has learned, where outputs are judged through target maps.
    #[serde(default)]
    pub targets: Vec<TargetLedger>,
    /// Wall seconds of learning so far; kept in a file of its own, so that equal learnings leave equal states.
    #[serde(skip)]
    pub seconds: f64,
}

/// What learning knows of one target of several, or of one on a map.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TargetLedger {
    /// Counts since the last log, and the success of each batch.
    pub tally: Tally,
    /// Sums of the losses since the last log: squared error, cross-entropy, batches.
    pub loss: (f64, Option<f64>, u64),
    /// Mean losses at each log.
    pub losses: Vec<(u64, f64, Option<f64>)>,
    /// Score of each validation.
    pub validations: Vec<(u64, f64)>,
    /// Best validation score.
    pub best: Option<f64>,
}

fn sensitivity() -> String {
    Metric::Sensitivity.name().to_string()
}

impl Ledger {
    /// The ledger of a learning that begins.
    pub fn new(ini_sha256: &str, seed: u32, n_classes: usize) -> Self {
        Self {
            format: FORMAT,
            ini_sha256: ini_sha256.to_string(),
            seed,
            metric: sensitivity(),
            confusion: Confusion::new(n_classes).counts().to_vec(),
            ..Self::default()
        }
    }
}

/// Writes the state.
///
/// # Errors
/// The file cannot be written; the one before is kept.
pub fn save(output: &OutputFolder, network: &Network, ledger: &Ledger) -> Result<()> {
    let State { mut tensors, counters } = network.state();
    for info in network.parameters() {
        let values = match info.kind {
            ParameterKind::Weights => network.weights(info.cell),
            ParameterKind::Bias => network.bias(info.cell),
        };
        let data = values.unwrap_or_default().to_vec();
        tensors.push(NamedTensor { name: parameter_name(&info), shape: info.shape, data });
    }
    // A device that fails gives what it gave before.
    network.check()?;
    let metadata = serde_json::to_string(&Metadata { ledger: Cow::Borrowed(ledger), counters })?;
    let bytes = to_safetensors(&tensors, (METADATA.to_string(), metadata))?;
    output.write(SECONDS_FILE, ledger.seconds.to_string())?;
    output.write(FILE, bytes)
}

/// Name of a parameter in the file; the solver's tensors have longer names that begin with it.
fn parameter_name(info: &ParameterInfo) -> String {
    format!("{}.{}", info.cell_name, info.kind)
}

/// Reads a state file.
///
/// # Errors
/// It cannot be read, is no state of this version, or does not fit the network.
pub fn load(path: &Path, network: &mut Network) -> Result<Ledger> {
    let shown = path.display();
    let wrong = |what: String| wrong_input(format!("learning state `{shown}`: {what}"));
    let bytes = fs::read(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let (_, header) =
        SafeTensors::read_metadata(&bytes).map_err(|e| wrong(format!("expected a safetensors file: {e}")))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let entry = metadata
        .get(METADATA)
        .ok_or_else(|| wrong(format!("expected the entry `{METADATA}`; was it written by this program?")))?;
    let Metadata { ledger, counters } = serde_json::from_str(entry).map_err(|e| wrong(e.to_string()))?;
    let mut ledger = ledger.into_owned();
    if ledger.format != FORMAT {
        return Err(wrong(format!("expected format {FORMAT}, found format {}", ledger.format)));
    }
    let seconds = fs::read_to_string(path.with_file_name(SECONDS_FILE)).ok().and_then(|text| text.trim().parse().ok());
    ledger.seconds = seconds.unwrap_or(0.0);
    let file = SafeTensors::deserialize(&bytes).map_err(|e| wrong(e.to_string()))?;
    let mut tensors = Vec::new();
    for (name, view) in file.tensors() {
        let data = floats(&view).map_err(|fault| wrong(format!("tensor `{name}`: {fault}")))?;
        tensors.push(NamedTensor { name, shape: view.shape().to_vec(), data });
    }
    for info in network.parameters() {
        let name = parameter_name(&info);
        let position = tensors
            .iter()
            .position(|t| t.name == name)
            .ok_or_else(|| wrong(format!("expected a tensor `{name}`; is it the state of this network?")))?;
        let values = tensors.swap_remove(position).data;
        let set = match info.kind {
            ParameterKind::Weights => network.set_weights(info.cell, &values),
            ParameterKind::Bias => network.set_bias(info.cell, &values),
        };
        set.map_err(|e| wrong(e.to_string()))?;
    }
    network.restore(&State { tensors, counters }).map_err(|e| wrong(e.to_string()))?;
    Ok(ledger)
}
