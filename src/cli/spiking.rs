//! What the commands share that look into a trained spiking network.

use anyhow::Result;
use stimuli::{Set, StimulusId};

use super::Options;
use super::test::{folded, selection};
use crate::failure::wrong_input;
use crate::report::progress::{Progress, result};
use crate::run::formal_test::{Evaluation, evaluate};
use crate::run::spiking_test::{self, Prepared, Timeline};
use crate::session::{Session, use_threads};
use crate::{assemble, locate, transcode, weights};

/// A trained network that is ready to run as spikes, and what it gives as frames.
pub struct Ready {
    /// Of the network that spikes.
    pub session: Session,
    /// The stimuli to present.
    pub ids: Vec<StimulusId>,
    /// What the frame network says of them.
    pub formal: Evaluation,
    /// The spiking network.
    pub prepared: Prepared,
    /// Hash of the trained weights.
    pub weights_sha256: String,
}

/// Reads a model with a spiking half, and its data.
///
/// # Errors
/// As [`Session::open`]; a model of frames alone, or one that cannot run as spikes.
pub fn open(model: &str, options: &Options) -> Result<Session> {
    use_threads(options.threads)?;
    let mut session = Session::open(model, options, false)?;
    // Neither has an effect here, which was noted.
    (session.options.continuous, session.options.checkpoint_after) = (false, None);
    let description = &session.description;
    if !transcode::is_spiking(description) {
        return Err(wrong_input(format!(
            "{}: expected a model with a spiking half (DefaultModel=Transcode and StimulusType in the section of [env]), \
             found frames alone; take a model such as LeNet_Spike.ini",
            description.name
        )));
    }
    if description.has_target_maps() {
        return Err(wrong_input(format!(
            "{}: expected a model that answers a stimulus with one class, found one with target maps, whose outputs are read at \
             the end of a presentation; `test` and `audit` run it as spikes",
            description.targets[0].span
        )));
    }
    transcode::check(description, None)?;
    Ok(session)
}

/// Loads the weights, tests the frame network and transcodes it.
///
/// # Errors
/// Wrong weights, a stimulus that cannot be read, what has no spiking equivalent.
pub fn ready(session: Session) -> Result<Ready> {
    let places = selection(&session)?;
    let ids = session.database().set(Set::Test)[places].to_vec();
    let source = locate::weights(session.options.weights.as_deref(), &session.output, &session.description.name)?;
    let mut network = session.network()?;
    let loaded = weights::load(&session.description, &source)?;
    result(&format!("Weights: {source} (sha256 {})", &loaded.sha256[..16]));
    assemble::set_weights(&mut network, &loaded)?;
    session.prepare(Set::Test)?;
    let progress = Progress::start("Testing", ids.len() as u64);
    let formal = evaluate(&session, &mut network, Set::Test, &ids, Some(&progress), |_, _, _, _| {})?;
    drop(progress);
    let weights_sha256 = loaded.sha256.clone();
    let (session, mut network, loaded) = folded(session, network, loaded)?;
    let timeline = Timeline::new(&session.options, ids.len())?;
    let prepared = spiking_test::prepare(&session, &mut network, &loaded, timeline, &mut session.summary())?;
    Ok(Ready { session, ids, formal, prepared, weights_sha256 })
}
