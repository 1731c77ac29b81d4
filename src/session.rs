//! What was typed, resolved: the model, its data, the output folder, the seed, the threads.

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use formal::{Network, Precision};
use stimuli::{Database, Delivery, Provider, Set, Shape, StimulusId};

use crate::cli::Options;
use crate::config::rewritten::{Changes, rewritten};
use crate::data::DataSource;
use crate::device::Chosen;
use crate::failure::wrong_input;
use crate::locate::ModelText;
use crate::model::Description;
use crate::output::OutputFolder;
use crate::report::number::grouped;
use crate::report::progress::{note, result};
use crate::report::summary::Summary;
use crate::run::targets::Judge;
use crate::{assemble, config, device, locate, memory, report};

/// More threads than this only wait for each other.
const MAX_THREADS: usize = 256;

/// Everything a run stands on.
pub struct Session {
    /// The model.
    pub description: Description,
    /// Its stimuli, pre-processed.
    pub provider: Provider,
    /// What `DataAsTarget` wants in place of the stimuli themselves.
    pub wanted: Option<Provider>,
    /// Where results go.
    pub output: OutputFolder,
    /// Seed of all draws.
    pub seed: u32,
    /// What was typed.
    pub options: Options,
    /// What computes the frames.
    pub device: Chosen,
}

/// Reads a model and prints its warnings.
///
/// # Errors
/// All the faults of the file at once.
pub fn read_model(name: &str, options: &Options) -> Result<Description> {
    describe(locate::model(name)?, options, Arc::new(DataSource::for_a_look()))
}

/// The text of a model with changes, complete in itself.
///
/// # Errors
/// A model that cannot be read.
pub fn rewritten_model(name: &str, options: &Options, changes: &Changes) -> Result<String> {
    let model = locate::model(name)?;
    let (shown, text) = (model.shown.clone(), model.text.clone());
    rewritten(&shown, &text, &settings(model, options, None), changes).map_err(|faults| wrong_input(faults.to_string()))
}

fn settings(model: ModelText, options: &Options, data: Option<Arc<DataSource>>) -> config::Options {
    config::Options {
        strict: options.strict,
        data: data.map(|data| data as Arc<dyn config::Data>),
        files: model.files,
        saved: locate::saved_parameters(options.out.as_deref().unwrap_or(Path::new("."))),
        ..config::Options::from_environment()
    }
}

fn describe(model: ModelText, options: &Options, data: Arc<DataSource>) -> Result<Description> {
    let (name, shown, text) = (model.name.clone(), model.shown.clone(), model.text.clone());
    let settings = settings(model, options, Some(data));
    let (mut description, warnings) =
        config::load(&shown, &text, &settings).map_err(|faults| wrong_input(faults.to_string()))?;
    for warning in warnings {
        note(&format!("warning: {shown}: {warning}"));
    }
    description.name = name;
    if let Some(normalization) = options.normalization {
        description.normalization = normalization.into();
    }
    if let Some(pooling) = options.pooling {
        description.pooling = pooling.into();
    }
    description.width = options.float.into();
    Ok(description)
}

/// The number of threads typed, if it is one.
///
/// # Errors
/// It is out of range.
pub fn checked_threads(threads: Option<usize>) -> Result<Option<usize>> {
    match threads {
        Some(threads) if !(1..=MAX_THREADS).contains(&threads) => {
            Err(wrong_input(format!("--threads: expected 1 to {MAX_THREADS}, found {threads}")))
        }
        threads => Ok(threads),
    }
}

/// Sets the number of worker threads of the process.
///
/// # Errors
/// The number is out of range or the threads cannot be started.
pub fn use_threads(threads: Option<usize>) -> Result<()> {
    let Some(threads) = checked_threads(threads)? else { return Ok(()) };
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("cannot start the worker threads")
}

/// The seed of a run: the one typed, for a test or a resumed learning the one that learning left in `seed.dat`, else 1; 0 asks the clock.
fn seed(options: &Options, output: &Path, is_learning: bool) -> Result<u32> {
    let from_file = || -> Result<Option<u32>> {
        let path = output.join("seed.dat");
        match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().map(Some).map_err(|_| {
                wrong_input(format!(
                    "{}: expected a seed from 1 to 4294967295, found `{}`; give one with -seed N",
                    path.display(),
                    text.trim()
                ))
            }),
            Err(_) => Ok(None),
        }
    };
    Ok(match options.seed {
        Some(0) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            (now.as_nanos() as u32).max(1)
        }
        Some(seed) => seed,
        None if is_learning && !options.resume => 1,
        None => match from_file()? {
            Some(seed) => {
                note(&format!("seed {seed} read from {}", output.join("seed.dat").display()));
                seed
            }
            None => 1,
        },
    })
}

impl Session {
    /// Reads the model and its data and opens the output folder.
    ///
    /// # Errors
    /// Wrong input of any kind; nothing has been written then.
    pub fn open(model: &str, options: &Options, is_learning: bool) -> Result<Self> {
        let session = Self::of(locate::model(model)?, options, is_learning)?;
        let n = |set| grouped(session.database().set(set).len() as u64);
        result(&format!(
            "Learning database size: {} images\nValidation database size: {} images\nTesting database size: {} images",
            n(Set::Learn),
            n(Set::Validation),
            n(Set::Test)
        ));
        session.show_stimuli(is_learning)?;
        Ok(session)
    }

    /// The same for a model at hand, without a word about the sizes of the sets.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn of(model: ModelText, options: &Options, is_learning: bool) -> Result<Self> {
        let root = options.out.as_deref().unwrap_or(Path::new("."));
        let seed = seed(options, root, is_learning)?;
        let data = Arc::new(DataSource::new(seed).skipping(options.skip_bad));
        let description = describe(model, options, data.clone())?;
        options.typed.note_without_effect(Some(&description));
        let output = OutputFolder::open(root)?;
        let database = data.database(&description.database).map_err(wrong_input)?;
        let stimuli = &description.stimuli;
        let delivery = Delivery {
            seed: u64::from(seed),
            is_signed: stimuli.is_signed,
            quantization: stimuli.quantization,
            is_composite: stimuli.is_composite,
            most_bytes: memory::available().map_or(usize::MAX, |free| (free / 3) as usize),
        };
        let provider = Provider::new(database, stimuli.shape, &stimuli.transformations, delivery)
            .map_err(|e| wrong_input(format!("{}: {e}", stimuli.span)))?;
        let wanted = match &description.database.target_data_path {
            Some(path) if description.targets.first().is_some_and(|target| target.is_data) => {
                let wrong = |e: stimuli::Error| wrong_input(format!("{}: {e}", path.span));
                let database = Arc::new(stimuli::counterpart(provider.database(), &path.value).map_err(wrong)?);
                let delivery = Delivery { is_composite: false, ..delivery };
                Some(Provider::new(database, stimuli.target_shape, &[], delivery).map_err(wrong)?)
            }
            _ => None,
        };
        let precision = options.precision.map_or(Precision::F32, Precision::from);
        let device = device::choose(options.device, precision, description.cells.iter().any(|cell| cell.cuda))?;
        for line in provider.database().notes() {
            note(&format!("note: {line}"));
        }
        let session = Self { description, provider, wanted, output, seed, options: options.clone(), device };
        let mut skipped = data.skipped().to_vec();
        if session.description.has_target_maps() {
            // A fault in a mapping is told before anything is written.
            skipped.extend(Judge::new(&session)?.left_out);
        }
        report::skipped::write(&session.output, &skipped)?;
        Ok(session)
    }

    /// The same data and output with another model of the same stimuli.
    ///
    /// # Errors
    /// The model is wrong or wants other stimuli.
    pub fn with_model(self, model: &str) -> Result<Self> {
        let data = DataSource::of(self.provider.shared_database());
        let description = describe(locate::model(model)?, &self.options, Arc::new(data))?;
        let (old, new) = (&self.description.stimuli, &description.stimuli);
        if (old.shape, &old.transformations) != (new.shape, &new.transformations) {
            return Err(wrong_input(format!(
                "{}: the stimuli differ from those of {}",
                new.span, self.description.name
            )));
        }
        Ok(Self { description, ..self })
    }

    /// The frame network with freshly drawn weights, on the device of the run.
    ///
    /// # Errors
    /// As [`assemble::network_on`].
    pub fn network(&self) -> Result<Network> {
        assemble::network_on(self.device.device, &self.description, self.seed)
    }

    /// A summary with what makes its numbers comparable.
    pub fn summary(&self) -> Summary {
        Summary {
            model: self.description.name.clone(),
            device: self.device.name.clone(),
            threads: rayon::current_num_threads(),
            seed: u64::from(self.seed),
            version: env!("CARGO_PKG_VERSION").to_string(),
            ini_sha256: self.description.sha256.clone(),
            ..Summary::default()
        }
    }

    /// The database.
    pub fn database(&self) -> &Database {
        self.provider.database()
    }

    /// The class of a stimulus; 0 for one without, whose network answers with something else than a class.
    pub fn class(&self, id: StimulusId) -> usize {
        self.database().label(id).unwrap_or_default()
    }

    /// Tells and writes what the model and the options ask for of the stimuli; a learning always leaves samples.
    fn show_stimuli(&self, is_learning: bool) -> Result<()> {
        report::stimuli::write_analyses(&self.output, &self.description.stimuli.data)?;
        if self.options.log_db_stats {
            report::stimuli::write_database(self)?;
        }
        if self.options.log_db_stats || is_learning {
            report::stimuli::write_samples(self)?;
        }
        if let Some(place) = self.options.pre_samples {
            let n = self.database().set(Set::Learn).len();
            if place >= n {
                return Err(wrong_input(format!(
                    "--pre-samples: expected an index below {n} (the Learn set), found {place}"
                )));
            }
            report::stimuli::write_variants(self, place)?;
        }
        Ok(())
    }

    /// Makes the images of a set that are made once.
    ///
    /// # Errors
    /// A file that cannot be read or decoded.
    pub fn prepare(&self, set: Set) -> Result<()> {
        self.provider.prepare(set).map_err(|e| wrong_input(e.to_string()))
    }

    /// Writes stimuli as the network sees them, `[stimulus][channel][y][x]`.
    ///
    /// # Errors
    /// As [`Session::prepare`].
    pub fn load_batch(&self, ids: &[StimulusId], set: Set, out: &mut [f32]) -> Result<()> {
        self.provider.load_batch(ids, set, out).map_err(|e| wrong_input(e.to_string()))
    }

    /// The same for learning, as the presentations `first` and on of the run.
    ///
    /// # Errors
    /// As [`Session::prepare`].
    pub fn load_presentations(&self, ids: &[StimulusId], first: u64, out: &mut [f32]) -> Result<()> {
        self.provider.load_presentations(ids, Set::Learn, first, out).map_err(|e| wrong_input(e.to_string()))
    }

    /// What the outputs for stimuli that were loaded should be, where they are values: the stimuli themselves, or the images of
    /// `TargetDataPath`.
    ///
    /// # Errors
    /// As [`Session::prepare`].
    pub fn wanted<'a>(&self, ids: &[StimulusId], set: Set, stimuli: &'a [f32]) -> Result<Cow<'a, [f32]>> {
        let Some(wanted) = &self.wanted else { return Ok(Cow::Borrowed(stimuli)) };
        let mut values = vec![0.0; ids.len() * wanted.shape().n_elements()];
        wanted.load_batch(ids, set, &mut values).map_err(|e| wrong_input(e.to_string()))?;
        Ok(Cow::Owned(values))
    }

    /// What [`Session::wanted`] gives of one stimulus.
    pub fn wanted_shape(&self) -> Shape {
        self.wanted.as_ref().unwrap_or(&self.provider).shape()
    }

    /// Seed of the input coding and the delays.
    pub fn encoder_seed(&self) -> u32 {
        self.options.encoder_seed.unwrap_or(self.seed)
    }

    /// Index of the cell that the primary target stands on.
    pub fn target_cell(&self) -> usize {
        self.description.targets[0].cell
    }

    /// Whether the outputs should be the stimulus itself.
    pub fn is_data_target(&self) -> bool {
        self.description.targets[0].is_data
    }

    /// Folder of the primary target's files.
    pub fn target_folder(&self) -> String {
        crate::output::file_name(&self.description.targets[0].name)
    }
}
