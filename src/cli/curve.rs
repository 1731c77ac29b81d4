//! `femtospike curve`.

use anyhow::Result;
use formal::config::Operator;
use sim::{Encoder, SimDuration, SimTime};
use stimuli::StimulusId;

use super::arguments::Numbers;
use super::{CurveArgs, FloatArg, spiking};
use crate::failure::wrong_input;
use crate::report::decision_curve::{DecisionCurve, FILES};
use crate::report::document;
use crate::report::network::sizes;
use crate::report::page::data;
use crate::report::progress::{note, result};
use crate::run::formal_test::Evaluation;
use crate::run::spiking_test::Prepared;
use crate::run::spiking_test::curve::{Axes, run as replay};
use crate::session::Session;

/// Rules when none are asked for.
const DEFAULT_DELTAS: std::ops::RangeInclusive<u32> = 1..=16;
const DEFAULT_MAXES: std::ops::RangeInclusive<u32> = 1..=16;

/// Stimuli of the curve of a report page.
const PAGE_STIMULI: usize = 1000;

pub fn run(args: &CurveArgs) -> Result<()> {
    let session = spiking::open(&args.model, &args.options)?;
    let axes = axes(args, &session)?;
    let spiking::Ready { session, ids, formal, prepared, weights_sha256 } = spiking::ready(session)?;
    let curve = measure(&session, &prepared, &ids, formal.recognition_rate(), &axes, weights_sha256)?;
    curve.write(&session.output)?;
    result(&format!("\n{}", curve.text()));
    result(&format!("\nwritten to {}: {}", session.output.root().display(), FILES.join(", ")));
    document::give(&curve.document())
}

/// The curve over the first stimuli of a test, for its report page; none where the model has one way to stop alone.
///
/// # Errors
/// Ctrl-C; a stimulus that cannot be read, a file that cannot be written.
pub(super) fn write_for_page(
    session: &Session,
    prepared: &Prepared,
    ids: &[StimulusId],
    formal: &Evaluation,
    weights_sha256: &str,
) -> Result<()> {
    // Of a run on one clock no stimulus could be presented alone.
    let Some(axes) = axes_of(session, None, None, None).ok().filter(|_| !session.options.continuous) else {
        return Ok(());
    };
    let n = ids.len().min(PAGE_STIMULI);
    let ids = &ids[..n];
    let n_right = ids.iter().zip(&formal.estimates).filter(|&(&id, &estimate)| session.class(id) == estimate).count();
    let curve = measure(session, prepared, ids, n_right as f64 / n.max(1) as f64, &axes, weights_sha256.to_string())?;
    session.output.write(format!("{}/{}", data::FOLDER, data::CURVE), serde_json::to_string(&curve.document())? + "\n")
}

fn measure(
    session: &Session,
    prepared: &Prepared,
    ids: &[StimulusId],
    formal_rate: f64,
    axes: &Axes,
    weights_sha256: String,
) -> Result<DecisionCurve> {
    let points = match session.options.float {
        FloatArg::F32 => replay::<f32>(session, prepared, ids, axes)?,
        FloatArg::F64 => replay::<f64>(session, prepared, ids, axes)?,
    };
    let description = &session.description;
    let sizes: Vec<_> = description.cells.iter().map(sizes).collect();
    let spiking = &description.cells[session.target_cell()].spiking;
    Ok(DecisionCurve {
        model: description.name.clone(),
        ini_sha256: description.sha256.clone(),
        weights_sha256,
        version: env!("CARGO_PKG_VERSION").to_string(),
        seed: u64::from(session.seed),
        encoder_seed: u64::from(session.encoder_seed()),
        present_time: SimTime(session.options.present_time.0),
        formal_rate,
        patterns: ids.len() as u64,
        virtual_synapses: sizes.iter().map(|size| size.virtual_synapses).sum(),
        cells: description.cells.iter().map(|cell| cell.name.clone()).collect(),
        has_synapses: sizes.iter().map(|size| size.synapses > 0).collect(),
        of_model: (spiking.terminate_delta, spiking.terminate_max),
        points,
    })
}

/// The ways to stop that were asked for, or as many as the model allows.
///
/// # Errors
/// The model cannot do what was asked for.
fn axes(args: &CurveArgs, session: &Session) -> Result<Axes> {
    let axes = axes_of(session, args.deltas.as_ref(), args.maxes.as_ref(), args.deadlines.as_deref())?;
    if axes.deadlines.is_empty() {
        let name = session.description.stimuli.encoder.clone().unwrap_or_default().coding;
        note(&format!("note: no deadlines: with StimulusType={name:?} spike times depend on the presentation time"));
    }
    Ok(axes)
}

fn axes_of(
    session: &Session,
    deltas: Option<&Numbers>,
    maxes: Option<&Numbers>,
    deadlines: Option<&[SimDuration]>,
) -> Result<Axes> {
    let description = &session.description;
    let target = &description.cells[session.target_cell()];
    let mut axes = Axes::default();
    if matches!(target.operator, Operator::Fc(_)) {
        axes.deltas = deltas.map_or_else(|| DEFAULT_DELTAS.collect(), |numbers| numbers.0.clone());
        axes.maxes = maxes.map_or_else(|| DEFAULT_MAXES.collect(), |numbers| numbers.0.clone());
    } else if deltas.is_some() || maxes.is_some() {
        return Err(wrong_input(format!(
            "--deltas, --maxes: expected outputs of Type=Fc, which alone can decide early, found [{}] ({}); ask for \
             --deadlines alone",
            target.name, target.span
        )));
    }
    let coding = description.stimuli.encoder.clone().unwrap_or_default();
    let name = coding.coding;
    let encoder = Encoder::new(coding).map_err(|e| wrong_input(format!("{}: {e}", description.stimuli.span)))?;
    let length = session.options.present_time;
    if !encoder.depends_on_duration() {
        axes.deadlines = deadlines.map_or_else(|| default_deadlines(length), <[_]>::to_vec);
        axes.deadlines.sort_unstable();
        axes.deadlines.dedup();
        if let Some(late) = axes.deadlines.iter().find(|&&deadline| deadline > length) {
            return Err(wrong_input(format!(
                "--deadlines: expected times up to the presentation time, {length}, found {late}; give a longer --present-time"
            )));
        }
    } else if deadlines.is_some() {
        return Err(wrong_input(format!(
            "--deadlines: expected a coding whose spike times do not depend on the presentation time (Periodic, \
             JitteredPeriodic, Poissonian), found StimulusType={name:?} ({}): a shorter presentation is not the beginning of a \
             longer one; test each with --present-time",
            description.stimuli.span
        )));
    }
    if axes == Axes::default() {
        return Err(wrong_input(format!(
            "{}: nothing to stop by: the outputs are not of Type=Fc, and the spike times of StimulusType={name:?} depend on \
             the presentation time",
            description.name
        )));
    }
    Ok(axes)
}

/// 1, 2, 3, 5, 7 and their tenfold and so on, in femtoseconds, from a two-hundredth of a length up to it.
fn default_deadlines(length: SimDuration) -> Vec<SimDuration> {
    let powers = (0..19).map(|power| 10_u64.pow(power));
    let all = powers.flat_map(|power| [1, 2, 3, 5, 7].map(|n| power * n));
    let mut deadlines: Vec<SimDuration> =
        all.filter(|fs| (length.0.div_ceil(200)..length.0).contains(fs)).map(SimDuration).collect();
    deadlines.push(length);
    deadlines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_ascend_to_the_whole_presentation() {
        let ns = |n: u64| SimDuration(n * 1_000_000);
        let expected = [5, 7, 10, 20, 30, 50, 70, 100, 200, 300, 500, 700, 1000].map(ns);
        assert_eq!(default_deadlines(ns(1000)), expected);
        assert_eq!(default_deadlines(SimDuration(1)), [SimDuration(1)]);
        assert!(default_deadlines(SimDuration(u64::MAX)).is_sorted());
    }
}
