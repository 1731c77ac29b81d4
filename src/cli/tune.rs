//! `femtospike tune`.

use std::time::Duration;

use anyhow::Result;
use stimuli::Set;

use super::{TuneArgs, spiking};
use crate::config::rewritten::Changes;
use crate::failure::wrong_input;
use crate::model::Normalization;
use crate::output::OutputFolder;
use crate::report::progress::result;
use crate::report::tune::{table, write};
use crate::run::tune::{self, Lever, Point, Tuned, Wish};
use crate::session::{Session, rewritten_model};
use crate::transcode::{self, Transcoded};
use crate::weights::{self, CellWeights};
use crate::{assemble, locate};

/// Points of accuracy in a fraction.
const POINTS: f64 = 100.0;
const WEIGHTS: &str = "weights_tuned";

pub fn run(args: &TuneArgs) -> Result<()> {
    let (model, options) = (&args.model, &args.options);
    let wish = wish(args)?;
    let session = spiking::open(model, options)?;
    let description = &session.description;
    if let Some((folded, _)) = transcode::fold(description, None) {
        let is_gone = |name: &str| !folded.cells.iter().any(|cell| cell.name == name);
        let gone = description.cells.iter().find(|cell| is_gone(&cell.name));
        let at = gone.map_or(String::new(), |cell| format!("{}, [{}]: ", cell.span, cell.name));
        return Err(wrong_input(format!(
            "{at}a batch normalization or an element-wise sum has weights of its own, which tuning cannot scale; tune a model without any"
        )));
    }
    let source = locate::weights(options.weights.as_deref(), &session.output, &description.name)?;
    let loaded = weights::load(description, &source)?;
    result(&format!("Weights: {source} (sha256 {})", &loaded.sha256[..16]));
    let mut network = session.network()?;
    assemble::set_weights(&mut network, &loaded)?;
    transcode::check(description, Some(&loaded.cells))?;
    let mut ranges = Vec::new();
    if description.normalization != Normalization::None {
        session.prepare(Set::Learn)?;
        ranges = transcode::activation_ranges(&session, &mut network, description.normalization)?;
    }
    let factors = transcode::factors(description, &ranges, description.normalization)?;
    let (tuned, transcoded) = tune::run(&session, &mut network, &loaded, &factors, &wish)?;
    result(&format!("\n{}", table(&tuned, wish.max_loss)));
    if !tuned.is_reproducible {
        result(
            "The time was used up: another run may find another network. Give --trials for one that is always the same.\n",
        );
    }
    write(&session.output, &session, &loaded.sha256, &tuned, wish.max_loss)?;
    if tuned.chosen.point == Point::of(description) {
        let remedy = match tuned.is_reproducible {
            true => "allow more with --max-loss, or try more with --trials",
            false => "give more time with --budget",
        };
        result(&format!("No network tried is cheaper and keeps to the loss, so no model is written; {remedy}."));
        return Ok(());
    }
    save(&session, model, &tuned, &transcoded)
}

fn wish(args: &TuneArgs) -> Result<Wish> {
    if !(args.max_loss.is_finite() && (0.0..=POINTS).contains(&args.max_loss)) {
        return Err(wrong_input(format!(
            "--max-loss: expected points of accuracy from 0 to 100, such as 0.1, found {}",
            args.max_loss
        )));
    }
    let mut levers: Vec<Lever> = Vec::new();
    for &lever in &args.levers {
        if !levers.contains(&lever) {
            levers.push(lever);
        }
    }
    let n_trials = usize::try_from(args.trials).unwrap_or(usize::MAX);
    Ok(Wish { max_loss: args.max_loss / POINTS, levers, n_trials, budget: args.budget.map(Duration::from_secs) })
}

/// Writes the model and its weights, and tells how to use them.
fn save(session: &Session, model: &str, tuned: &Tuned, transcoded: &Transcoded) -> Result<()> {
    let (description, output) = (&session.description, &session.output);
    let stem = description.name.strip_suffix(".ini").unwrap_or(&description.name);
    let name = format!("{stem}_tuned.ini");
    let path = |name: &str| output.root().join(name).display().to_string();
    let command = format!("femtospike test {} -w {}", path(&name), path(WEIGHTS));
    let all = tuned.chosen.all();
    let head = vec![
        format!(
            "{} with fewer read events, written by femtospike {} tune.",
            description.name,
            env!("CARGO_PKG_VERSION")
        ),
        String::new(),
        format!("  {command}"),
        String::new(),
        format!(
            "Over {} stimuli of the Validation set: {:.3} read events per virtual synapse per pattern (before: {:.3}),",
            all.n,
            tuned.chosen.reads(),
            tuned.before.reads()
        ),
        format!(
            "{:.2} points of accuracy less than frames. The weights are scaled as they are to be used.",
            POINTS * all.loss()
        ),
    ];
    let changes = Changes { head, ..tuned.chosen.point.changes(description) };
    let text = rewritten_model(model, &session.options, &changes)?;
    save_weights(output, session, transcoded, &tuned.chosen.point)?;
    output.write(&name, text)?;
    result(&format!("Written: {}, {}\nTest it: {command}", path(&name), path(WEIGHTS)));
    Ok(())
}

/// The weights as spikes use them. A bias is divided once more where it is used, by the thresholds before it.
fn save_weights(output: &OutputFolder, session: &Session, transcoded: &Transcoded, point: &Point) -> Result<()> {
    let description = point.applied(&session.description);
    let as_they_are = transcode::factors(&description, &[], Normalization::None)?;
    let weights: Vec<Option<CellWeights>> = transcoded
        .weights
        .iter()
        .zip(&as_they_are)
        .map(|(weights, factor)| {
            let mut weights = weights.clone()?;
            for bias in weights.bias.iter_mut().flatten() {
                *bias = (f64::from(*bias) * factor.bias_factor.unwrap_or(1.0)) as f32;
            }
            Some(weights)
        })
        .collect();
    weights::save(output, WEIGHTS, &description, |cell| weights[cell].clone())
}
