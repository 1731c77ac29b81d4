//! `femtospike audit`.

use std::path::Path;

use anyhow::{Result, anyhow};
use serde::Deserialize;
use stimuli::Set;

use super::{AuditArgs, FloatArg, SetArg};
use crate::failure::wrong_input;
use crate::locate;
use crate::model::Description;
use crate::report::audit as report;
use crate::report::document;
use crate::report::number::significant;
use crate::report::progress::result;
use crate::run::audit::{self, Audit, Request};
use crate::run::interrupt;
use crate::session::{Session, use_threads};
use crate::transcode::{self, Factor, is_spiking};
use crate::weights::{self, CellWeights, Loaded, WeightSource};

/// Most bytes of a `normalization.json`.
const MAX_BYTES: u64 = 16 << 20;

pub fn run(args: &AuditArgs) -> Result<()> {
    let options = &args.options;
    check_limits(args)?;
    use_threads(options.threads)?;
    let session = Session::open(&args.model, options, false)?;
    if !is_spiking(&session.description) {
        return Err(wrong_input(format!(
            "{}: expected a model with a spiking half (DefaultModel=Transcode and StimulusType in the section of [env]), found \
             frames alone; audit the model that spikes, such as LeNet_Spike.ini, and name this one with --frames",
            session.description.name
        )));
    }
    let (session, frames) = match &args.frames {
        None => (session, None),
        Some(frames) => {
            let spiking = session.description.clone();
            let session = session.with_model(frames)?;
            let frames = session.description.clone();
            (Session { description: spiking, ..session }, Some(frames))
        }
    };
    let name = &frames.as_ref().unwrap_or(&session.description).name;
    let source = locate::weights(options.weights.as_deref(), &session.output, name)?;
    let loaded = weights::load(&session.description, &source)?;
    result(&format!("Weights: {source} (sha256 {})", &loaded.sha256[..16]));
    let frames =
        frames.map(|frames| weights::load(&frames, &source).map(|loaded| folded(frames, loaded))).transpose()?;
    let binary_threshold = transcode::threshold_of_sum(&session.description);
    let (description, loaded) = folded(session.description.clone(), loaded);
    let mut session = Session { description, ..session };
    for cell in &mut session.description.cells {
        (cell.spiking.terminate_delta, cell.spiking.terminate_max) = (0, 0);
    }
    let set = Set::from(args.set);
    let request = Request {
        ids: session
            .database()
            .set(set)
            .iter()
            .copied()
            .take(usize::try_from(args.stimuli).unwrap_or(usize::MAX))
            .collect(),
        set,
        factors: args.factors.as_deref().map(|path| factors(path, &session.description)).transpose()?,
        scaled: args.spiking_weights.as_deref().map(|path| scaled(path, &session.description)).transpose()?,
        binary_threshold,
        frames,
    };
    if request.ids.is_empty() {
        return Err(wrong_input(format!(
            "{}: expected stimuli in the {set:?} set, found none; choose another one with --set",
            session.description.database.span
        )));
    }
    interrupt::listen();
    let audit = match options.float {
        FloatArg::F32 => audit::run::<f32>(&session, &loaded, &request)?,
        FloatArg::F64 => audit::run::<f64>(&session, &loaded, &request)?,
    };
    result(&report::text(&audit));
    if options.json.is_some() {
        let mut provenance = session.summary();
        provenance.weights_dir = Some(source.to_string());
        provenance.weights_sha256 = Some(loaded.sha256.clone());
        provenance.normalization = Some(transcode::normalization_name(session.description.normalization).to_string());
        provenance.pooling = Some(format!("{:?}", session.description.pooling).to_lowercase());
        provenance.present_time_fs = Some(options.present_time.0);
        provenance.float = Some(format!("{:?}", options.float).to_lowercase());
        provenance.encoder_seed = options.encoder_seed.filter(|&seed| seed != session.seed).map(u64::from);
        document::give(&report::document(&audit, &provenance))?;
    }
    judge(args, &audit)
}

/// The network that spikes, or its frames: without batch normalizations, and targets' cells give their sums.
fn folded(description: Description, loaded: Loaded) -> (Description, Loaded) {
    let description = transcode::linearized(&description).unwrap_or(description);
    match transcode::fold(&description, Some(&loaded.cells)) {
        Some((description, cells)) => (description, Loaded { cells, ..loaded }),
        None => (description, loaded),
    }
}

/// Refuses limits that nothing could meet or miss.
fn check_limits(args: &AuditArgs) -> Result<()> {
    for (name, limit, most) in [("correlation", args.min_correlation, 1.0), ("accuracy", args.min_accuracy, 100.0)] {
        if let Some(limit) = limit.filter(|limit| !(0.0..=most).contains(limit)) {
            return Err(wrong_input(format!("--min-{name}: expected a number from 0 to {most}, found {limit}")));
        }
    }
    Ok(())
}

/// Fails where the audit is below a limit that was typed.
fn judge(args: &AuditArgs, audit: &Audit) -> Result<()> {
    let mut below = Vec::new();
    if let Some(least) = args.min_correlation {
        let missed = |r: Option<f64>| r.is_none_or(|r| r < least);
        for layer in audit.layers.iter().filter(|layer| layer.agreement.pairs > 0) {
            let r = layer.agreement.correlation();
            if missed(r) {
                // As many digits as tell it from the limit.
                let is_told = |text: &String| text.parse::<f64>().is_ok_and(|shown| shown < least);
                let found = r.map_or("none".to_string(), |r| {
                    let mut texts = (4..=17).map(|digits| significant(r, digits));
                    texts.find(is_told).unwrap_or_else(|| r.to_string())
                });
                below.push(format!("[{}] has a correlation of {found}, below --min-correlation {least}", layer.name));
            }
        }
    }
    let accuracy = 100.0 * stats::spikes::per(audit.spiking_recognized(), audit.answers);
    if let Some(least) = args.min_accuracy.filter(|&least| accuracy < least) {
        below.push(format!("{accuracy:.2} % are recognized as spikes, below --min-accuracy {least}"));
    }
    if below.is_empty() { Ok(()) } else { Err(anyhow!("the audit failed: {}", below.join("; "))) }
}

/// The factors of a `normalization.json`, in the order of the cells.
fn factors(path: &Path, description: &Description) -> Result<Vec<Factor>> {
    #[derive(Deserialize)]
    struct File {
        cells: Vec<Factor>,
    }
    let fault = |found: String| {
        wrong_input(format!(
            "--factors {}: expected a normalization.json as `femtospike test` writes it, found {found}",
            path.display()
        ))
    };
    let size = std::fs::metadata(path).map_err(|e| fault(e.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(fault(format!("{size} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| fault(e.to_string()))?;
    let file: File = serde_json::from_str(&text).map_err(|e| fault(e.to_string()))?;
    let of_cell = |name: &str| {
        let factor = file.cells.iter().find(|factor| factor.cell == name);
        let factor = factor.ok_or_else(|| fault(format!("no cell `{name}`")))?;
        let divisors = [Some(factor.factor), factor.bias_factor];
        match divisors.into_iter().flatten().find(|&divisor| !(divisor > 0.0 && divisor.is_finite())) {
            Some(divisor) => Err(fault(format!("a factor of {divisor} for `{name}`"))),
            None => Ok(factor.clone()),
        }
    };
    description.cells.iter().map(|cell| of_cell(&cell.name)).collect()
}

/// Weights that are scaled already.
fn scaled(path: &Path, description: &Description) -> Result<Vec<Option<CellWeights>>> {
    if !path.is_dir() {
        return Err(wrong_input(format!(
            "--spiking-weights: expected a folder, found no such one: `{}`",
            path.display()
        )));
    }
    Ok(weights::load(description, &WeightSource::Folder(path.to_path_buf()))?.cells)
}

impl From<SetArg> for Set {
    fn from(arg: SetArg) -> Self {
        match arg {
            SetArg::Learn => Self::Learn,
            SetArg::Validation => Self::Validation,
            SetArg::Test => Self::Test,
        }
    }
}
