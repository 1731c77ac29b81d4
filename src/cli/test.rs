//! `femtospike test`, and the tests that end a learn run.

use anyhow::Result;
use stimuli::{Set, StimulusId};

use super::{FloatArg, Options};
use crate::failure::wrong_input;
use crate::report::progress::result;
use crate::run::formal_test;
use crate::run::learn::Learned;
use crate::run::spiking_test::{self, Resume, Timeline};
use crate::session::{Session, use_threads};
use crate::transcode;
use crate::weights::{self, WeightSource};
use crate::{assemble, locate};

pub fn run(model: &str, options: &Options) -> Result<()> {
    use_threads(options.threads)?;
    let session = Session::open(model, options, false)?;
    let source = locate::weights(options.weights.as_deref(), &session.output, &session.description.name)?;
    let network = assemble::formal_network(&session.description, session.seed)?;
    finish(&session, network, &source, None)
}

/// The stimuli to test.
fn selection(session: &Session) -> Result<Vec<StimulusId>> {
    let (options, set) = (&session.options, session.database().set(Set::Test));
    if let Some(index) = options.test_index {
        let id = set.get(index).copied().ok_or_else(|| {
            wrong_input(format!("-test-index: expected an index below {} (the Test set), found {index}", set.len()))
        })?;
        return Ok(vec![id]);
    }
    if let Some(id) = options.test_id {
        if !set.contains(&id) {
            return Err(wrong_input(format!("-test-id: expected the id of a stimulus of the Test set, found {id}")));
        }
        return Ok(vec![id]);
    }
    let n = options.nb_test.map_or(set.len(), |n| set.len().min(usize::try_from(n).unwrap_or(usize::MAX)));
    if n == 0 {
        return Err(wrong_input(format!("{}: the Test set is empty", session.description.database.span)));
    }
    Ok(set[..n].to_vec())
}

/// Refuses, before anything is learned, what the tests at the end would refuse; the stimuli to test.
pub fn check(session: &Session) -> Result<Vec<StimulusId>> {
    if transcode::is_spiking(&session.description) {
        transcode::check(&session.description, None)?;
    }
    let ids = selection(session)?;
    Timeline::new(&session.options, ids.len())?;
    Ok(ids)
}

/// Loads the weights and runs the tests that the model allows; writes and prints the summary.
pub fn finish(
    session: &Session,
    mut network: formal::Network,
    source: &WeightSource,
    learned: Option<&Learned>,
) -> Result<()> {
    let (description, options) = (&session.description, &session.options);
    let ids = check(session)?;
    let is_spiking = transcode::is_spiking(description);
    let loaded = weights::load(description, source)?;
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
    session.output.remove("summary.json")?;
    session.provider.prepare(Set::Test);
    let is_single = options.test_index.is_some() || options.test_id.is_some();
    if is_single {
        let database = session.database();
        result(&format!("Pattern id {}: {}, label {}", ids[0], database.name(ids[0]), database.label(ids[0])));
    }
    let formal = formal_test::run(session, &mut network, &ids)?;
    summary.formal_recognition_rate = Some(formal.recognition_rate());
    summary.formal_seconds = Some(formal.seconds);
    if is_spiking {
        let timeline = Timeline::new(options, ids.len())?;
        let prepared = spiking_test::prepare(session, &mut network, &loaded, timeline, &mut summary)?;
        let resume = match (options.resume, learned) {
            (false, _) => Resume::Nothing,
            (true, None) => Resume::Checkpoint,
            (true, Some(_)) => Resume::IfThere,
        };
        match (options.float, is_single) {
            (FloatArg::F32, false) => spiking_test::run::<f32>(session, &prepared, &ids, resume, &mut summary)?,
            (FloatArg::F64, false) => spiking_test::run::<f64>(session, &prepared, &ids, resume, &mut summary)?,
            (FloatArg::F32, true) => {
                spiking_test::run_one::<f32>(session, &prepared, &mut network, ids[0], &mut summary)?
            }
            (FloatArg::F64, true) => {
                spiking_test::run_one::<f64>(session, &prepared, &mut network, ids[0], &mut summary)?
            }
        }
    }
    summary.write(&session.output)?;
    result(&format!("\n{}", summary.text()));
    Ok(())
}
