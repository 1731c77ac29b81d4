//! `femtospike test`, and the tests that end a learn run.

use std::ops::Range;

use anyhow::Result;
use stimuli::{Set, StimulusId};

use super::{FloatArg, Options, curve};
use crate::failure::wrong_input;
use crate::report::progress::result;
use crate::report::summary::{self, Summary};
use crate::report::{document, maps, page, record};
use crate::run::learn::Learned;
use crate::run::samples::{self, SpikingTest};
use crate::run::spiking_test::{self, Begin, Resume, Timeline};
use crate::run::targets::Judge;
use crate::run::{formal_test, reconstruction, targets_test};
use crate::session::{Session, use_threads};
use crate::transcode;
use crate::weights::{self, Loaded, WeightSource};
use crate::{assemble, locate};

pub fn run(model: &str, options: &Options) -> Result<()> {
    use_threads(options.threads)?;
    let session = Session::open(model, options, false)?;
    let source = locate::weights(options.weights.as_deref(), &session.output, &session.description.name)?;
    let network = session.network()?;
    finish(session, network, &source, None)
}

/// The stimuli to test, by their places in the Test set.
pub(super) fn selection(session: &Session) -> Result<Range<usize>> {
    let (options, set) = (&session.options, session.database().set(Set::Test));
    if let Some(index) = options.test_index {
        if index >= set.len() {
            return Err(wrong_input(format!(
                "-test-index: expected an index below {} (the Test set), found {index}",
                set.len()
            )));
        }
        return Ok(index..index + 1);
    }
    if let Some(id) = options.test_id {
        let place = set.iter().position(|&other| other == id).ok_or_else(|| {
            wrong_input(format!("-test-id: expected the id of a stimulus of the Test set, found {id}"))
        })?;
        return Ok(place..place + 1);
    }
    let n = options.nb_test.map_or(set.len(), |n| set.len().min(usize::try_from(n).unwrap_or(usize::MAX)));
    if n == 0 {
        return Err(wrong_input(format!("{}: the Test set is empty", session.description.database.span)));
    }
    Ok(0..n)
}

/// Refuses, before anything is learned, what the tests at the end would refuse.
///
/// # Errors
/// Wrong input.
pub fn check(session: &Session) -> Result<()> {
    let (options, output) = (&session.options, &session.output);
    if transcode::is_spiking(&session.description) {
        transcode::check(&session.description, None)?;
        if spiking_test::record_asked(options, &session.description)?.is_some() {
            output.check_folder(record::FOLDER)?;
            if session.description.has_target_maps() {
                return Err(wrong_input(format!(
                    "--record: the spiking test of target maps ({}) is not recorded; leave the flag out",
                    session.description.targets[0].span
                )));
            }
        }
    }
    if options.page {
        output.check_folder(page::data::FOLDER)?;
        output.check_folder(page::FIGURES)?;
    }
    Timeline::new(options, selection(session)?.end)?;
    Ok(())
}

/// Loads the weights and runs the tests that the model allows; writes and prints the summary.
pub fn finish(
    session: Session,
    mut network: formal::Network,
    source: &WeightSource,
    learned: Option<&Learned>,
) -> Result<()> {
    let options = session.options.clone();
    check(&session)?;
    let places = selection(&session)?;
    let ids = &session.database().set(Set::Test)[places.clone()].to_vec();
    let is_spiking = transcode::is_spiking(&session.description);
    if is_spiking && session.description.has_target_maps() && options.resume && learned.is_none() {
        return Err(wrong_input(format!(
            "--resume: the spiking test of target maps ({}) has no checkpoints; test without it",
            session.description.targets[0].span
        )));
    }
    let loaded = weights::load(&session.description, source)?;
    result(&format!("Weights: {source} (sha256 {})", &loaded.sha256[..16]));
    assemble::set_weights(&mut network, &loaded)?;
    let mut summary = session.summary();
    summary.weights_dir = Some(source.to_string());
    summary.weights_sha256 = Some(loaded.sha256.clone());
    summary.patterns = Some(ids.len() as u64);
    if let Some(learned) = learned {
        summary.validation_score = learned.best;
        summary.stimuli_learned = Some(learned.stimuli);
        summary.learning_seconds = Some(learned.seconds);
    }
    let is_single = options.test_index.is_some() || options.test_id.is_some();
    let timeline = Timeline::new(&options, places.end)?;
    // Read before the first file is written: a refused --resume leaves all as it is.
    let has_target_maps = session.description.has_target_maps();
    let begin = if is_spiking && !is_single && !has_target_maps {
        let resume = match (options.resume, learned) {
            (false, _) => Resume::Nothing,
            (true, None) => Resume::Checkpoint,
            (true, Some(_)) => Resume::IfThere,
        };
        Some(Begin::new(&session, ids, &timeline, &loaded.sha256, resume)?)
    } else {
        None
    };
    session.output.remove(summary::FILE)?;
    session.output.remove(page::PAGE)?;
    session.output.clear(page::data::FOLDER)?;
    session.prepare(Set::Test)?;
    if is_single {
        let database = session.database();
        result(&format!("Pattern id {}: {}, label {}", ids[0], database.name(ids[0]), session.class(ids[0])));
    }
    if options.log_kernels {
        maps::write_kernels(&session.output, &session.description, &network)?;
    }
    let mut tested_as_frames = None;
    let judge = if session.description.has_target_maps() { Some(Judge::new(&session)?) } else { None };
    if let Some(judge) = &judge {
        if learned.is_none() {
            judge.tell(&session)?;
        }
        let (tested, targets) = targets_test::run(&session, judge, &mut network, ids)?;
        summary.formal_recognition_rate = Some(tested.targets[0].tally.rate());
        summary.formal_seconds = Some(tested.seconds);
        summary.targets = targets;
    } else if session.is_data_target() {
        let found = reconstruction::run(&session, &mut network, ids)?;
        summary.mean_squared_error = Some(found.mean_squared_error());
        summary.variance_explained = found.explained();
        summary.formal_seconds = Some(found.seconds);
    } else {
        let formal = formal_test::run(&session, &mut network, ids)?;
        summary.formal_recognition_rate = Some(formal.recognition_rate());
        summary.formal_seconds = Some(formal.seconds);
        tested_as_frames = Some(formal);
    }
    // One stimulus makes no page.
    let tested_as_frames = tested_as_frames.filter(|_| options.page && !is_single);
    let weights_sha256 = loaded.sha256.clone();
    let output = session.output.clone();
    drop(judge);
    if is_spiking && has_target_maps {
        spike_to_targets(session, network, loaded, timeline, ids, &mut summary)?;
    } else if is_spiking {
        let (session, mut network, loaded) = folded(session, network, loaded)?;
        let session = &session;
        let prepared = spiking_test::prepare(session, &mut network, &loaded, timeline, &mut summary)?;
        let (summary, place) = (&mut summary, places.start);
        let tested = match (options.float, begin) {
            (FloatArg::F32, Some(begin)) => Some(spiking_test::run::<f32>(session, &prepared, ids, begin, summary)?),
            (FloatArg::F64, Some(begin)) => Some(spiking_test::run::<f64>(session, &prepared, ids, begin, summary)?),
            (FloatArg::F32, None) => {
                spiking_test::run_one::<f32>(session, &prepared, &mut network, place, summary)?;
                None
            }
            (FloatArg::F64, None) => {
                spiking_test::run_one::<f64>(session, &prepared, &mut network, place, summary)?;
                None
            }
        };
        if let (Some(formal), Some(tested)) = (&tested_as_frames, &tested) {
            let spiking = Some(&SpikingTest { prepared: &prepared, tested });
            match options.float {
                FloatArg::F32 => {
                    samples::write::<f32>(session, &mut network, ids, formal, spiking, &weights_sha256)?;
                }
                FloatArg::F64 => {
                    samples::write::<f64>(session, &mut network, ids, formal, spiking, &weights_sha256)?;
                }
            }
            curve::write_for_page(session, &prepared, ids, formal, &weights_sha256)?;
        }
    } else {
        summary.write(&session.output)?;
        if let Some(formal) = &tested_as_frames {
            samples::write::<f32>(&session, &mut network, ids, formal, None, &weights_sha256)?;
        }
    }
    result(&format!("\n{}", summary.text()));
    if options.page && !is_single {
        page::write(&output)?;
        super::report::told(&output);
    }
    document::give(&summary)
}

/// The spiking test of outputs that are read at the end of a presentation.
fn spike_to_targets(
    session: Session,
    network: formal::Network,
    loaded: Loaded,
    timeline: Timeline,
    ids: &[StimulusId],
    summary: &mut Summary,
) -> Result<()> {
    let options = session.options.clone();
    let activations = spiking_test::targets::activations(&session.description);
    let (session, mut network, loaded) = folded(session, network, loaded)?;
    let prepared = spiking_test::prepare(&session, &mut network, &loaded, timeline, summary)?;
    let judge = Judge::new(&session)?;
    match options.float {
        FloatArg::F32 => spiking_test::targets::run::<f32>(&session, &prepared, &judge, &activations, ids, summary),
        FloatArg::F64 => spiking_test::targets::run::<f64>(&session, &prepared, &judge, &activations, ids, summary),
    }
}

/// The network that spikes: the batch normalizations that can be are folded into the weights before them, and targets' cells
/// give their sums.
pub(super) fn folded(
    session: Session,
    network: formal::Network,
    loaded: Loaded,
) -> Result<(Session, formal::Network, Loaded)> {
    // Weights as they were trained: a normalization that is folded into some may lift them.
    transcode::check(&session.description, Some(&loaded.cells))?;
    let linear = transcode::linearized(&session.description);
    let is_same = linear.is_none();
    let session = Session { description: linear.unwrap_or_else(|| session.description.clone()), ..session };
    let (session, loaded) = match transcode::fold(&session.description, Some(&loaded.cells)) {
        Some((description, cells)) => (Session { description, ..session }, Loaded { cells, ..loaded }),
        None if is_same => return Ok((session, network, loaded)),
        None => (session, loaded),
    };
    let mut network = session.network()?;
    assemble::set_weights(&mut network, &loaded)?;
    Ok((session, network, loaded))
}
