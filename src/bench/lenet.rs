//! LeNet with the shipped weights, and the MNIST test images.

use anyhow::{Context, Result};
use sim::{Encoder, Network, Real, SimDuration};
use stimuli::Set;

use super::Model;
use super::load::{Load, SEED, Stimulus};
use crate::cli::{DeviceArg, Options};
use crate::session::Session;
use crate::transcode::normalization_name;
use crate::weights::WeightSource;
use crate::{assemble, locate, transcode, weights};

const MODEL: &str = "LeNet_Spike.ini";
const WEIGHTS: &str = "LeNet";
/// How long an image is presented, unless a decision falls.
pub const PRESENTATION: SimDuration = SimDuration(1_000_000_000);

/// The spiking LeNet and the images of the Test set, all in memory.
pub struct LeNet {
    /// The network, its weights scaled by `mean`.
    pub network: Network,
    /// The model's input coding.
    pub encoder: Encoder,
    /// The test images as the network sees them.
    pub images: Vec<Stimulus>,
    model: Model,
}

impl LeNet {
    /// Reads the shipped model and weights and MNIST, and collects the activations that the normalization needs.
    ///
    /// # Errors
    /// The program carries none of them, or the data found elsewhere are wrong.
    pub fn new() -> Result<Self> {
        let out = locate::temporary_folder();
        let device = Some(DeviceArg::Cpu);
        let options = Options { out: Some(out.clone()), seed: Some(SEED as u32), device, ..Options::default() };
        let model = locate::shipped_model(MODEL).context("this program was built without the shipped models")?;
        let session = Session::of(model, &options, false);
        // Only emptiness is left there.
        let _ = std::fs::remove_dir(out);
        let session = session?;
        let description = &session.description;
        let loaded = weights::load(description, &WeightSource::Shipped(WEIGHTS))?;
        let mut frames = assemble::formal_network(description, session.seed)?;
        assemble::set_weights(&mut frames, &loaded)?;
        session.prepare(Set::Learn)?;
        let ranges = transcode::activation_ranges(&session, &mut frames, description.normalization)?;
        let factors = transcode::factors(description, &ranges, description.normalization)?;
        let network = transcode::transcode(description, &loaded.cells, factors, session.seed)?.network;
        let coding = description.stimuli.encoder.clone().context("the shipped model has no input coding")?;
        session.prepare(Set::Test)?;
        let images = session.database().set(Set::Test).iter().map(|&id| {
            let mut values = vec![0.0; session.provider.shape().n_elements()];
            session.load_batch(&[id], Set::Test, &mut values)?;
            Ok(Stimulus { id: id as u64, values })
        });
        Ok(Self {
            network,
            encoder: Encoder::new(coding)?,
            images: images.collect::<Result<_>>()?,
            model: Model {
                name: MODEL,
                ini_sha256: description.sha256.clone(),
                weights: loaded.source.to_string(),
                weights_sha256: loaded.sha256,
                normalization: normalization_name(description.normalization),
                pooling: format!("{:?}", description.pooling).to_lowercase(),
                terminate_delta: description.cells[session.target_cell()].spiking.terminate_delta,
                present_time_fs: PRESENTATION.0,
                float: "f32",
            },
        })
    }

    /// What makes its figures comparable.
    pub fn model(&self) -> Model {
        self.model.clone()
    }

    /// The first `n` images through the network.
    ///
    /// # Errors
    /// The network is not sound.
    pub fn load<F: Real>(&self, n: usize) -> Result<Load<'_, F>> {
        self.load_of(&self.network, n)
    }

    /// The first `n` images through a variant of the network.
    ///
    /// # Errors
    /// The network is not sound.
    pub fn load_of<F: Real>(&self, network: &Network, n: usize) -> Result<Load<'_, F>> {
        Load::new(network, &self.encoder, &self.images[..n.min(self.images.len())], PRESENTATION)
    }
}
