//! Where a spiking test begins: at its beginning or at a checkpoint, and what makes a checkpoint one of this test.

use anyhow::Result;
use sha2::{Digest, Sha256};
use sim::Real;
use stimuli::StimulusId;

use super::checkpoint::{self, Bounds, Checkpoint, Identity, Saved};
use super::present::Test;
use super::record;
use super::timeline::Timeline;
use crate::failure::wrong_input;
use crate::report::progress::note;
use crate::report::summary;
use crate::session::Session;
use crate::transcode::normalization_name;

/// Whether a test goes on with a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// It begins anew.
    Nothing,
    /// It does; there must be one.
    Checkpoint,
    /// It does if there is one of this test, else it begins anew.
    IfThere,
}

/// A test that is about to begin or to go on.
pub struct Begin {
    identity: Identity,
    saved: Option<Saved>,
    resume: Resume,
}

impl Begin {
    /// Reads the checkpoint if the test is to go on with one. Nothing is written.
    ///
    /// # Errors
    /// There must be a checkpoint of this test and is none; what differs.
    pub fn new(
        session: &Session,
        ids: &[StimulusId],
        timeline: &Timeline,
        weights_sha256: &str,
        resume: Resume,
    ) -> Result<Self> {
        let identity = identity(session, ids, timeline, weights_sha256)?;
        let path = session.output.path(checkpoint::FILE);
        let saved = match (resume, path.exists()) {
            (Resume::Nothing, _) | (Resume::IfThere, false) => None,
            (Resume::Checkpoint, false) if summary::is_of_spiking_test(&session.output) => {
                return Err(wrong_input(format!(
                    "--resume: expected the checkpoint of an interrupted spiking test in `{}`, found none, and a summary.json: \
                     the test there is complete, there is nothing to resume; test without --resume to do it again",
                    path.display()
                )));
            }
            _ => {
                let bounds = Bounds {
                    n_stimuli: ids.len(),
                    n_outputs: session.description.cells[session.target_cell()].output_shape.n_elements(),
                    present_time: session.options.present_time.0,
                };
                unless_anew(resume, Saved::open(&path, &identity, &bounds).map(Some), || None)?
            }
        };
        Ok(Self { identity, saved, resume })
    }

    /// What the results depend on, and what was reached.
    ///
    /// # Errors
    /// What the engine wrote is damaged or of another network.
    pub fn reached<F: Real>(self, test: &Test<'_, F>) -> Result<(Identity, Checkpoint)> {
        let anew = || Checkpoint::new(test.plan, test.ids.len());
        let reached = match self.saved {
            None => anew(),
            Some(saved) => {
                let encoder = &test.prepared.encoder;
                let restored = saved.restore(test.plan, encoder, |index| test.paused(index));
                unless_anew(self.resume, restored, anew)?
            }
        };
        Ok((self.identity, reached))
    }
}

/// What was read, or, where the test may begin anew instead, that and a note why.
fn unless_anew<T>(resume: Resume, read: Result<T>, anew: impl FnOnce() -> T) -> Result<T> {
    match read {
        Err(error) if resume == Resume::IfThere => {
            note(&format!("note: the spiking test begins anew: {error}"));
            Ok(anew())
        }
        read => read,
    }
}

/// What the results of a test depend on.
fn identity(session: &Session, ids: &[StimulusId], timeline: &Timeline, weights_sha256: &str) -> Result<Identity> {
    let short = |hash: &str| hash.chars().take(16).collect::<String>();
    let (description, options) = (&session.description, &session.options);
    let mut numbers = Sha256::new();
    ids.iter().for_each(|&id| numbers.update((id as u64).to_le_bytes()));
    let values = [
        ("version of the program", env!("CARGO_PKG_VERSION").to_string()),
        ("text of the model (sha256)", short(&description.sha256)),
        ("weights (sha256)", short(weights_sha256)),
        ("--seed", session.seed.to_string()),
        ("--encoder-seed", session.encoder_seed().to_string()),
        ("--float", format!("{:?}", options.float).to_lowercase()),
        ("--normalization", normalization_name(description.normalization).to_string()),
        ("--pooling", format!("{:?}", description.pooling).to_lowercase()),
        ("--present-time", options.present_time.to_string()),
        ("clock", timeline.clock().to_string()),
        ("--record", record::named(options)),
        ("stimuli", format!("{} ({})", ids.len(), hex(numbers))),
        ("images and labels of the stimuli (sha256)", hex(images(session, ids)?)),
    ];
    Ok(values.map(|(name, value)| (name.to_string(), value)).to_vec())
}

/// A hash of the images, as the database holds them, and of their labels.
fn images(session: &Session, ids: &[StimulusId]) -> Result<Sha256> {
    let database = session.database();
    let mut hash = Sha256::new();
    for &id in ids {
        let image = database.image(id).map_err(|e| wrong_input(e.to_string()))?;
        hash.update(format!("{}", image.shape));
        hash.update(&image.pixels);
        hash.update((session.class(id) as u64).to_le_bytes());
    }
    Ok(hash)
}

/// The first 16 digits of a hash.
fn hex(hash: Sha256) -> String {
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
