//! The benchmark suite: each line compares two things in one run, alternately, and reports their ratio with its spread.
//!
//! Every spiking time stands beside the read events a virtual synapse of that run. The LeNet lines run the shipped
//! weights on MNIST's test images: `mean`, `approximated`, TerminateDelta 4, seed 1, f32 unless the line says otherwise.

mod delays;
pub mod hold;
mod image;
mod inputs;
mod leak;
mod lenet;
pub mod line;
pub mod load;
pub mod measure;
mod memory;
pub mod networks;
mod queues;
mod recorder;
mod reference;
mod roofline;
mod scaling;
mod suite;
mod threads;
mod variant;
mod width;

use anyhow::Result;
use serde::Serialize;

use crate::config::did_you_mean;
use crate::failure::wrong_input;
use line::Line;
pub use suite::{Happening, Suite};

/// How a suite is run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A smoke run: a few stimuli and one round; its figures mean nothing.
    pub is_quick: bool,
    /// Threads of the lines that use several.
    pub threads: usize,
}

/// A group of lines that `--only` knows.
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// What it compares.
    pub about: &'static str,
    run: fn(&mut Suite) -> Result<()>,
}

/// All groups in the order in which they run.
pub const GROUPS: &[Group] = &[
    Group { name: "roofline", about: "the same additions without queue and order, and the engine", run: roofline::run },
    Group { name: "threads", about: "all test images on one thread and on several", run: threads::run },
    Group { name: "image", about: "one image alone, warm and cold", run: image::run },
    Group { name: "inputs", about: "input generation and the whole run", run: inputs::run },
    Group { name: "reference", about: "the naive engine and the engine", run: reference::run },
    Group { name: "width", about: "f64 and f32", run: width::run },
    Group { name: "delays", about: "synaptic delays and none", run: delays::run },
    Group { name: "leak", about: "leak and none", run: leak::run },
    Group {
        name: "memory",
        about: "bytes of a neuron and its potential, of the weights and plain floats",
        run: memory::run,
    },
    Group { name: "recorder", about: "counts or a full raster and no recorder", run: recorder::run },
    Group { name: "scaling", about: "ten times the neurons, synapses or stimuli", run: scaling::run },
    Group {
        name: "hold",
        about: "event queues of 1e2 to 1e7 pending, the best of ours and the best crate",
        run: queues::run,
    },
];

/// What a run of the suite gave, with what makes it comparable.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Version of the program.
    pub version: &'static str,
    /// Seed of all draws.
    pub seed: u64,
    /// Threads of the lines that use several.
    pub threads: usize,
    /// A smoke run, whose figures mean nothing.
    pub quick: bool,
    /// What it ran on.
    pub cpu: Cpu,
    /// The model of the LeNet lines, once one of them has run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// What was measured, in order.
    pub lines: Vec<Line>,
    /// What could not be measured.
    pub failures: Vec<Failure>,
    /// Whether Ctrl-C ended the run.
    pub interrupted: bool,
}

/// The processor, as far as it matters here.
#[derive(Clone, Debug, Serialize)]
pub struct Cpu {
    /// Cores that the program may use.
    pub cores: usize,
    /// The instruction set it was built for.
    pub architecture: &'static str,
    /// The widest vector instructions that it has.
    pub vector_instructions: &'static str,
}

/// The model of the LeNet lines.
#[derive(Clone, Debug, Serialize)]
pub struct Model {
    /// Name of the model file.
    pub name: &'static str,
    /// Hash of its text.
    pub ini_sha256: String,
    /// Where the weights come from.
    pub weights: String,
    /// Hash over the weights' text.
    pub weights_sha256: String,
    /// Scaling of the weights.
    pub normalization: &'static str,
    /// Spiking pools.
    pub pooling: String,
    /// Lead of the best output that ends a stimulus.
    pub terminate_delta: u32,
    /// Presentation time of a stimulus in femtoseconds.
    pub present_time_fs: u64,
    /// Width of the potentials, unless a line says otherwise.
    pub float: &'static str,
}

/// A line that could not be measured.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The line.
    pub name: String,
    /// Why.
    pub error: String,
}

impl Cpu {
    /// The processor at hand.
    pub fn here() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            architecture: std::env::consts::ARCH,
            vector_instructions: vector_instructions(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn vector_instructions() -> &'static str {
    if is_x86_feature_detected!("avx512f") {
        "avx512"
    } else if is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "sse2"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn vector_instructions() -> &'static str {
    if cfg!(target_arch = "aarch64") { "neon" } else { "unknown" }
}

/// The groups of these names, in the suite's order; all of them when there is no name.
///
/// # Errors
/// The names that there are not, with all that there are.
pub fn select(names: &[String]) -> Result<Vec<&'static Group>> {
    let known = || GROUPS.iter().map(|group| group.name);
    let unknown: Vec<String> = names
        .iter()
        .filter(|name| known().all(|known| known != name.as_str()))
        .map(|name| format!("`{name}`{}", did_you_mean(name, known(), |near| format!("`{near}`"))))
        .collect();
    if !unknown.is_empty() {
        let all: Vec<&str> = known().collect();
        return Err(wrong_input(format!("--only: expected some of {}, found {}", all.join(", "), unknown.join(", "))));
    }
    Ok(GROUPS.iter().filter(|group| names.is_empty() || names.iter().any(|name| name == group.name)).collect())
}

/// Runs groups and tells everything that happens; the record has it all at the end.
///
/// # Errors
/// Ctrl-C, and the first of the lines that failed; the record then holds what was measured.
pub fn run(
    settings: Settings,
    groups: &[&Group],
    tell: &mut dyn FnMut(&Record, Happening<'_>),
) -> (Record, Result<()>) {
    let mut suite = Suite::new(settings, tell);
    for group in groups {
        if (group.run)(&mut suite).is_err() {
            break;
        }
    }
    suite.finish()
}
