//! The batches of a learning run, in order, the next one made while the network works on one.

use anyhow::Result;
use formal::{Brought, Network, Wanted};
use stimuli::{Set, StimulusId, batches};

use super::targets::{self, Judge, Labels};
use crate::session::Session;

/// Stimuli to learn from.
pub struct Batch {
    /// Their ids.
    pub ids: Vec<StimulusId>,
    /// As the network sees them, `[stimulus][channel][y][x]`.
    pub values: Vec<f32>,
    /// What `DataAsTarget` wants in their place, likewise; `None` for the stimuli themselves.
    pub wanted: Option<Vec<f32>>,
    /// Labels of their pixels, where targets want them.
    pub labels: Labels,
    /// Where the device has them.
    brought: Option<Brought>,
}

impl Batch {
    /// Starts a learning step towards what the model's targets want; [`Network::finish`] tells what it found.
    pub fn start(&self, session: &Session, network: &mut Network, judge: Option<&Judge<'_>>, step: u64) {
        let Self { ids, values, wanted, labels, brought } = self;
        let start = |network: &mut Network, wanted: &[Wanted<'_>]| network.start(values, wanted, step, *brought);
        match judge {
            Some(judge) => targets::wanted(judge, values, labels, |wanted| start(network, wanted)),
            None if session.is_data_target() => start(network, &[Wanted::Values(wanted.as_ref().unwrap_or(values))]),
            None => {
                let classes: Vec<Option<usize>> = ids.iter().map(|&id| session.database().label(id)).collect();
                start(network, &vec![Wanted::Classes(&classes); network.n_targets()]);
            }
        }
    }
}

/// Where the batches of a run come from. What a step learns depends on the step alone, prefetched or not.
pub struct Feed<'a> {
    session: &'a Session,
    judge: Option<&'a Judge<'a>>,
    by_epochs: bool,
    /// The epoch that was shuffled last, and its order.
    epoch: Option<(u64, Vec<StimulusId>)>,
    /// The batch at this number of stimuli learned, or why there is none.
    ready: Option<(u64, Result<Batch>)>,
    spare: Vec<f32>,
}

impl<'a> Feed<'a> {
    /// Batches drawn at random, or of whole epochs; with labels of pixels where a judge asks for them.
    pub fn new(session: &'a Session, by_epochs: bool, judge: Option<&'a Judge<'a>>) -> Self {
        Self { session, judge, by_epochs, epoch: None, ready: None, spare: Vec::new() }
    }

    /// The ids of the step `step`, before which `stimuli` were learned.
    fn ids(&mut self, step: u64, stimuli: u64) -> Vec<StimulusId> {
        let (set, seed) = (self.session.database().set(Set::Learn), u64::from(self.session.seed));
        let batch = self.session.description.stimuli.batch_size;
        if !self.by_epochs {
            return batches::random(seed, step, set, batch);
        }
        let (number, offset) = (stimuli / set.len() as u64, (stimuli % set.len() as u64) as usize);
        if self.epoch.as_ref().is_none_or(|(current, _)| *current != number) {
            self.epoch = Some((number, batches::shuffled(seed, number, set)));
        }
        let order = self.epoch.as_ref().map_or(&[][..], |(_, order)| order);
        order[offset..(offset + batch).min(order.len())].to_vec()
    }

    fn load(&mut self, step: u64, stimuli: u64) -> Result<Batch> {
        let ids = self.ids(step, stimuli);
        let mut values = std::mem::take(&mut self.spare);
        values.resize(ids.len() * self.session.provider.shape().n_elements(), 0.0);
        let labels = match self.judge {
            Some(judge) => judge.load_presentations(self.session, &ids, stimuli, &mut values)?,
            None => {
                self.session.load_presentations(&ids, stimuli, &mut values)?;
                Labels::default()
            }
        };
        let wanted = match self.session.wanted {
            Some(_) => Some(self.session.wanted(&ids, Set::Learn, &values)?.into_owned()),
            None => None,
        };
        Ok(Batch { ids, values, wanted, labels, brought: None })
    }

    /// The batch of a step, before which `stimuli` were learned.
    ///
    /// # Errors
    /// A stimulus that cannot be read.
    pub fn batch(&mut self, step: u64, stimuli: u64) -> Result<Batch> {
        match self.ready.take() {
            Some((at, batch)) if at == stimuli => batch,
            _ => self.load(step, stimuli),
        }
    }

    /// Does `work` while threads that are free make the batch of a later step.
    pub fn meanwhile<R: Send>(&mut self, step: u64, stimuli: u64, work: impl FnOnce() -> R + Send) -> R {
        let (done, batch) = rayon::join(work, || self.load(step, stimuli));
        self.ready = Some((stimuli, batch));
        done
    }

    /// Sends the batch that was made meanwhile to the network's device, beside the step that it computes.
    pub fn bring(&mut self, network: &mut Network) {
        if let Some((_, Ok(batch))) = &mut self.ready {
            batch.brought = network.bring(&batch.values);
        }
    }

    /// Takes back the memory of a batch.
    pub fn reuse(&mut self, batch: Batch) {
        self.spare = batch.values;
    }
}
