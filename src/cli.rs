//! What was typed: commands and flags.

pub mod arguments;
mod audit;
mod bench;
mod check;
mod curve;
mod demo;
mod devices;
mod effect;
mod faces;
mod figures;
mod find_lr;
mod gpu_check;
mod inspect;
mod keys;
mod learn;
mod report;
mod shell;
mod spiking;
mod test;
mod tune;
mod weights;

use anyhow::Result;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
pub use effect::Typed;
use formal::Precision;
use sim::network::PoolingMode;

use crate::model::{Normalization, Width};
use crate::report::document;
use crate::report::record::{Depth, Format};
use crate::weights::layout::Layout;

/// Trains a network described in an N2D2-style INI file and runs the same network as spikes.
#[derive(Debug, Parser)]
#[command(
    name = "femtospike",
    version,
    arg_required_else_help = true,
    after_help = "The reference's own form is accepted as it stands:\n  \
        femtospike \"$N2D2_MODELS/LeNet.ini\" -learn 6000000 -log 100000\n  \
        femtospike \"$N2D2_MODELS/LeNet_Spike.ini\" -test\n\
        Every option may be written with one dash or two, in any order.\n\
        Exit codes: 0 done, 1 the run failed, 2 the input was wrong,\n\
        130 stopped with what was reached kept: by Ctrl-C, SIGTERM, SIGHUP or --checkpoint-after."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Learn the frame network, then run the tests that the model allows
    Learn(RunArgs),
    /// Test trained weights: the frame network, and as spikes if the model has a spiking half
    Test(RunArgs),
    /// Accuracy, read events and latency of every way to stop (TerminateDelta, TerminateMax, time), from one spiking run
    Curve(CurveArgs),
    /// What the spikes cost and how the neurons fire: reads, rates, intervals, latency, operations beside those of the frames
    Stats(StatsArgs),
    /// Search a learning rate by the exponential range test
    FindLr(RunArgs),
    /// Find the spiking network that needs the fewest read events for a loss of accuracy that you allow
    Tune(TuneArgs),
    /// Compare the gradients that learning follows with the slopes of the loss
    Check(RunArgs),
    /// Show what a model file means: layers, sizes, synapses, parameters
    Inspect(InspectArgs),
    /// The main job with nothing to prepare: learn LeNet on MNIST, test it, run it as spikes
    Demo(DemoArgs),
    /// Draw a small set of pictures with face-like boxes, which `IMDBWIKI_Database` reads
    Faces(FacesArgs),
    /// Compare frames and spikes layer by layer; name the first layer that breaks, the reason and the remedy
    Audit(AuditArgs),
    /// Make the report page of an output folder: one HTML file with what the runs in it have found
    Report(ReportArgs),
    /// Measure the spiking engine: each line compares two things in one run and prints their ratio with its spread
    Bench(BenchArgs),
    /// List what can compute: the processor, and the CUDA devices with driver and compiler, or what is missing of them
    Devices(DevicesArgs),
    /// Check a CUDA device: every operator, learning steps against the CPU, LeNet learned on MNIST, speed beside PyTorch
    GpuCheck(GpuCheckArgs),
    /// Print the reference of all sections and keys of a model file
    Keys(KeysArgs),
    /// Exchange trained weights with other programs, as safetensors or NumPy arrays in PyTorch's or Keras' layout
    Weights(WeightsArgs),
    /// Print a script that completes commands and options in a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
}

impl Command {
    /// The options that most commands share.
    fn options(&mut self) -> Option<&mut Options> {
        Some(match self {
            Self::Curve(args) => &mut args.options,
            Self::Stats(args) => &mut args.options,
            Self::Tune(args) => &mut args.options,
            Self::Learn(args) | Self::Test(args) | Self::FindLr(args) | Self::Check(args) => &mut args.options,
            Self::Inspect(args) => &mut args.options,
            Self::Demo(args) => &mut args.options,
            Self::Weights(args) => &mut args.options,
            Self::Audit(args) => &mut args.options,
            Self::Faces(_)
            | Self::Report(_)
            | Self::Bench(_)
            | Self::Devices(_)
            | Self::GpuCheck(_)
            | Self::Keys(_)
            | Self::Completions(_)
            | Self::Man => return None,
        })
    }
}

impl Cli {
    /// Reads the words of a command line.
    ///
    /// # Errors
    /// What is wrong with them, or the help that they ask for.
    pub fn read(words: Vec<String>) -> Result<Self, clap::Error> {
        let mut parser = Self::command();
        let matches = parser.try_get_matches_from_mut(words)?;
        let mut cli = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut parser))?;
        if let Some(options) = cli.command.options() {
            options.typed = Typed::of(&matches);
        }
        Ok(cli)
    }
}

/// A model and what to do with it.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Model file: a path, else a name in $N2D2_MODELS, else a shipped one such as LeNet.ini
    #[arg(value_name = "MODEL.ini")]
    pub model: String,
    /// How to run it.
    #[command(flatten)]
    pub options: Options,
}

/// A model, and the ways to stop.
#[derive(Args, Debug)]
pub struct CurveArgs {
    /// Model file: a path, else a name in $N2D2_MODELS, else a shipped one such as LeNet_Spike.ini
    #[arg(value_name = "MODEL.ini")]
    pub model: String,
    /// Values of TerminateDelta: numbers and ranges, such as `1-8,12` [default: 1-16]
    #[arg(long, value_name = "LIST", help_heading = "Ways to stop", value_parser = arguments::numbers)]
    pub deltas: Option<arguments::Numbers>,
    /// Values of TerminateMax: numbers and ranges [default: 1-16]
    #[arg(long, value_name = "LIST", help_heading = "Ways to stop", value_parser = arguments::numbers)]
    pub maxes: Option<arguments::Numbers>,
    /// Times after which to stop: microseconds, or times with their unit, such as `20ns,50ns` [default: 1, 2, 3, 5, 7 and
    /// their tenfold, up to the presentation time]
    #[arg(long, value_name = "LIST", help_heading = "Ways to stop", value_delimiter = ',', value_parser = arguments::present_time)]
    pub deadlines: Option<Vec<sim::SimDuration>>,
    /// How to run it.
    #[command(flatten)]
    pub options: Options,
}

/// A model, and what operations cost.
#[derive(Args, Debug)]
pub struct StatsArgs {
    /// Model file: a path, else a name in $N2D2_MODELS, else a shipped one such as LeNet_Spike.ini
    #[arg(value_name = "MODEL.ini")]
    pub model: String,
    /// Also tell energies, by this table of costs an operation (JSON; docs/costs has one to edit)
    #[arg(long, value_name = "FILE", help_heading = "Costs")]
    pub costs: Option<std::path::PathBuf>,
    /// How to run it.
    #[command(flatten)]
    pub options: Options,
}

/// A spiking model, and what may be changed of it.
#[derive(Args, Debug)]
pub struct TuneArgs {
    /// Model file with a spiking half: a path, else a name in $N2D2_MODELS, else a shipped one such as LeNet_Spike.ini
    #[arg(value_name = "MODEL.ini")]
    pub model: String,
    /// Points of accuracy that may be lost against the frame network, with 95 % confidence
    #[arg(long, value_name = "POINTS", default_value_t = 0.1)]
    pub max_loss: f64,
    /// What may be changed: names with commas between them; each is searched alone, then all together
    #[arg(long, value_name = "LEVER", value_enum, value_delimiter = ',', default_value = "scales")]
    pub levers: Vec<crate::run::tune::Lever>,
    /// Networks that the search of a lever tries at most; all levers together have as many as each alone
    #[arg(long, value_name = "N", default_value_t = 150, value_parser = arguments::count)]
    pub trials: u64,
    /// Seconds after which no more networks are tried; measuring the model as it is before, and the best of each search on the
    /// stimuli held back, takes its time beside it. What is found then depends on the machine
    #[arg(long, value_name = "SECONDS")]
    pub budget: Option<u64>,
    /// How to run it.
    #[command(flatten)]
    pub options: Options,
}

/// A model to look at.
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// Model file: a path, else a name in $N2D2_MODELS, else a shipped one
    #[arg(value_name = "MODEL.ini")]
    pub model: String,
    /// Also write the parameters of each layer to a file `<layer>.cfg` in the output folder; they are stronger than those of the
    /// model where a command finds them
    #[arg(long)]
    pub cfg: bool,
    /// How to run it.
    #[command(flatten)]
    pub options: Options,
}

/// The demo's own size.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// How to run it.
    #[command(flatten)]
    pub options: Options,
}

/// Which pictures to draw.
#[derive(Args, Debug)]
pub struct FacesArgs {
    /// Folder that gets the pictures (wiki/) and their table (imdb_metadata/wiki.csv)
    #[arg(long, value_name = "DIR")]
    pub out: std::path::PathBuf,
    /// Number of pictures, each with one to three faces
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = arguments::count)]
    pub images: u64,
    /// Size of the pictures, columns x rows
    #[arg(long, value_name = "SIZE", default_value = "120x90")]
    pub size: String,
    /// Seed of all that is drawn; the same seed and size give the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u32,
    /// Worker threads; the pictures do not depend on it [default: RAYON_NUM_THREADS, else all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Also write what was drawn to a JSON file; without FILE, print it as the one thing on standard output
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<std::path::PathBuf>,
}

/// What to compare.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// Model file: a path, else a name in $N2D2_MODELS, else a shipped one such as LeNet_Spike.ini
    #[arg(value_name = "MODEL.ini")]
    pub model: String,
    /// Stimuli to compare, the first of the set
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = arguments::count)]
    pub stimuli: u64,
    /// Which set they are of
    #[arg(long, value_enum, default_value = "test")]
    pub set: SetArg,
    /// Compare with the frames of another model with cells of the same names, such as the one that was learned
    #[arg(long, value_name = "MODEL.ini")]
    pub frames: Option<String>,
    /// Scale by the factors of a normalization.json, instead of those that the Learn set gives
    #[arg(long, value_name = "FILE")]
    pub factors: Option<std::path::PathBuf>,
    /// Run weights that are scaled already, such as those in weights_range_normalized, as spikes
    #[arg(long, value_name = "DIR")]
    pub spiking_weights: Option<std::path::PathBuf>,
    /// Exit with 1 where a layer's correlation with the frames is below this
    #[arg(long, value_name = "R")]
    pub min_correlation: Option<f64>,
    /// Exit with 1 where less than this percentage is recognized as spikes
    #[arg(long, value_name = "PERCENT")]
    pub min_accuracy: Option<f64>,
    /// How to run it.
    #[command(flatten)]
    pub options: Options,
}

/// Whose report to write.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Output folder of a run
    #[arg(value_name = "RUN_DIR")]
    pub folder: std::path::PathBuf,
    /// Also write the names of what was written to a JSON file; without FILE, print them as the one thing on standard output
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<std::path::PathBuf>,
}

/// How to list the devices.
#[derive(Args, Debug)]
pub struct DevicesArgs {
    /// Also write the list to a JSON file; without FILE, print it as the one thing on standard output
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<std::path::PathBuf>,
}

/// What of a CUDA device to check, and how.
#[derive(Args, Debug)]
pub struct GpuCheckArgs {
    /// Also write everything that is found to a JSON file, after each part; without FILE, print it as the one thing on standard
    /// output
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<std::path::PathBuf>,
    /// Parity alone, with a few small learning steps
    #[arg(long)]
    pub quick: bool,
    /// Check the kernels on the processor (a program built with `--features emulator`); implies --quick
    #[arg(long)]
    pub emulator: bool,
    /// The Python to look for PyTorch in
    #[arg(long, value_name = "FILE", default_value = "python3")]
    pub python: String,
}

/// What to measure, and how.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// Also write everything measured to a JSON file, after each line; without FILE, print it as the one thing on standard
    /// output
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<std::path::PathBuf>,
    /// Measure some groups of lines alone: names with commas between them, or the option several times
    #[arg(long, value_name = "NAME", value_delimiter = ',', long_help = only_help())]
    pub only: Vec<String>,
    /// A smoke run: a few stimuli, one round; its figures mean nothing
    #[arg(long)]
    pub quick: bool,
    /// Threads of the lines that use several [default: 2]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// Trained weights to write for other programs, or to read from them.
#[derive(Args, Debug)]
pub struct WeightsArgs {
    /// Which way
    #[arg(value_enum)]
    pub direction: Direction,
    /// Model file: a path, else a name in $N2D2_MODELS, else a shipped one
    #[arg(value_name = "MODEL.ini")]
    pub model: String,
    /// The other program's file: its name ends with .safetensors or .npz, or with neither for a folder of .npy files
    #[arg(value_name = "FILE")]
    pub file: std::path::PathBuf,
    /// Order of the axes [default: what the file names, else pytorch]
    #[arg(long, value_enum, help_heading = "Files")]
    pub layout: Option<LayoutArg>,
    /// How to run it.
    #[command(flatten)]
    pub options: Options,
}

/// Which way weights go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// Write FILE from the weights that a test would take
    Export,
    /// Read FILE, and write the folder that a test takes: the one of -w, else `weights` in the output folder
    Import,
}

/// Whose order of axes tensors have.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LayoutArg {
    /// Kernels `[output][channel][y][x]`, matrices `[output][input]`
    #[value(alias = "n2d2")]
    Pytorch,
    /// Kernels `[y][x][channel][output]`, matrices `[input][output]`, the channels of a pixel together
    Keras,
}

impl From<LayoutArg> for Layout {
    fn from(arg: LayoutArg) -> Self {
        match arg {
            LayoutArg::Pytorch => Self::PyTorch,
            LayoutArg::Keras => Self::Keras,
        }
    }
}

/// Which keys to print.
#[derive(Args, Debug)]
pub struct KeysArgs {
    /// A section or a type, such as `database`, `env`, `Conv` or `HeFiller`; all if absent
    pub section: Option<String>,
    /// Print a JSON list instead of Markdown
    #[arg(long)]
    pub json: bool,
}

/// Which shell completes.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

fn only_help() -> String {
    let groups: Vec<String> =
        crate::bench::GROUPS.iter().map(|group| format!("{}: {}", group.name, group.about)).collect();
    let first = "Measure some groups of lines alone: names with commas between them, or the option several times";
    format!("{first}\n\n{}", groups.join("\n"))
}

/// Every option of every command; the ones that a command does not use are accepted and have no effect, which a note tells.
#[derive(Args, Clone, Debug)]
#[command(allow_negative_numbers = true)]
pub struct Options {
    /// Output folder (the current one if absent)
    #[arg(long, value_name = "DIR", help_heading = "Files")]
    pub out: Option<std::path::PathBuf>,
    /// Folder of trained weights. A test takes else weights_validation or weights in the output folder, else the shipped ones;
    /// learn, find-lr and check begin with them, else with drawn ones
    #[arg(short = 'w', long, value_name = "DIR", help_heading = "Files")]
    pub weights: Option<std::path::PathBuf>,
    /// State file of an earlier learning, or its folder: start from its weights and momenta
    #[arg(short = 'l', long, value_name = "FILE", help_heading = "Files", conflicts_with = "resume")]
    pub load: Option<std::path::PathBuf>,
    /// Also write all figures of the run to a JSON file (docs/json.md); without FILE, print them as the one thing on standard
    /// output
    #[arg(long, value_name = "FILE", help_heading = "Files", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<std::path::PathBuf>,
    /// Treat unknown keys of the model as errors
    #[arg(long, help_heading = "Files")]
    pub strict: bool,

    /// Seed of all random draws; 0 takes one from the clock [default: 1; a test reads seed.dat if there is one]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub seed: Option<u32>,
    /// Go on from what an interrupted learning or spiking test left in the output folder, to the same bytes
    #[arg(long, help_heading = "Run")]
    pub resume: bool,
    /// Worker threads; results do not depend on it [default: RAYON_NUM_THREADS, else all cores]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub threads: Option<usize>,
    /// What computes the frames [default: cuda where the model asks for it (Frame_CUDA) and there is a device, else cpu]
    #[arg(long, value_enum, help_heading = "Run")]
    pub device: Option<DeviceArg>,
    /// What a CUDA device rounds the factors of products of matrices to [default: f32]
    #[arg(long, value_enum, help_heading = "Run")]
    pub precision: Option<PrecisionArg>,
    /// Stimuli between logs: validation while learning, partial results while testing [default: 1000, learning by
    /// epochs: every epoch]
    #[arg(long, value_name = "N", help_heading = "Run", value_parser = arguments::count)]
    pub log: Option<u64>,
    /// Stimuli between updates of the progress display
    #[arg(long, value_name = "N", help_heading = "Run", default_value_t = 100, value_parser = arguments::count)]
    pub report: u64,

    /// Leave out stimuli that cannot be read or whose annotation is faulty; they are listed at the end and in skipped.txt
    #[arg(long, help_heading = "Data")]
    pub skip_bad: bool,
    /// Write figures of the database to dbstats/, and the first stimuli as the network sees them to frames/
    #[arg(long, help_heading = "Data")]
    pub log_db_stats: bool,
    /// Write 100 presentations of one stimulus, by its index in the Learn set, to pre_samples_I/
    #[arg(long, value_name = "I", help_heading = "Data")]
    pub pre_samples: Option<usize>,

    /// Write the kernels of the convolutions that are tested to kernels/, as text and pictures
    #[arg(long, help_heading = "Data")]
    pub log_kernels: bool,
    /// Write what each layer gives for the N-th stimulus (from 1) that is learned to outputs_N/, and for the N-th that is
    /// tested to outputs_test_N/, as text and pictures
    #[arg(long, value_name = "N", help_heading = "Data", value_parser = arguments::count)]
    pub log_outputs: Option<u64>,

    /// Learn over N stimuli, drawn at random
    #[arg(long, value_name = "N", help_heading = "Learning", value_parser = arguments::count)]
    pub learn: Option<u64>,
    /// Learn N epochs, each the whole Learn set once in random order
    #[arg(long, value_name = "N", help_heading = "Learning", value_parser = arguments::count)]
    pub learn_epoch: Option<u64>,
    /// Compare the gradients with the slopes of the loss before anything is learned, as the command `check` does
    #[arg(long, help_heading = "Learning")]
    pub check: bool,
    /// Measure learning, layer by layer, and write nothing; in a test: write what each layer takes to timings/
    #[arg(long, help_heading = "Learning")]
    pub bench: bool,
    /// Stop when N validations in a row are no better than the best
    #[arg(long, value_name = "N", help_heading = "Learning", default_value_t = 0)]
    pub stop_valid: u32,
    /// What validations are judged by: Sensitivity, Specificity, Precision, NegativePredictiveValue, MissRate, FallOut,
    /// FalseDiscoveryRate, FalseOmissionRate, IU, Accuracy, F1Score, Informedness or Markedness, the mean over the classes;
    /// rates of errors are best when small [default: Sensitivity]
    #[arg(long, value_name = "METRIC", help_heading = "Learning", value_parser = arguments::metric)]
    pub valid_metric: Option<stats::Metric>,
    /// Epochs between logs and validations of a learning by epochs; 0: at the end alone
    #[arg(long, value_name = "N", help_heading = "Learning", default_value_t = 1)]
    pub log_epoch: u64,
    /// Stimuli that the learning success is averaged over
    #[arg(long, value_name = "N", help_heading = "Learning", default_value_t = 10_000, value_parser = arguments::count)]
    pub ws: u64,
    /// Stimuli of the learning-rate range test
    #[arg(long, value_name = "N", help_heading = "Learning", value_parser = arguments::count)]
    pub find_lr: Option<u64>,

    /// Test (the reference's form; the command `test` says the same)
    #[arg(long, help_heading = "Test")]
    pub test: bool,
    /// Test one stimulus, by its index in the Test set
    #[arg(long, value_name = "I", help_heading = "Test", conflicts_with_all = ["test_id", "nb_test"])]
    pub test_index: Option<usize>,
    /// Test one stimulus, by its id in the database
    #[arg(long, value_name = "ID", help_heading = "Test", conflicts_with = "nb_test")]
    pub test_id: Option<usize>,
    /// Also write report.html, a page with what the test has found, and its pictures to report_figures/ (the demo always does)
    #[arg(long, help_heading = "Test")]
    pub page: bool,
    /// Test only the first N stimuli of the Test set
    #[arg(long, value_name = "N", help_heading = "Test", value_parser = arguments::count)]
    pub nb_test: Option<u64>,

    /// How long a stimulus is presented: microseconds, or a time with its unit such as `500 ns`
    #[arg(long, value_name = "T", help_heading = "Spikes", default_value = "1", value_parser = arguments::present_time)]
    pub present_time: sim::SimDuration,
    /// One simulated time over all stimuli (up to 5.1 h): times in spike logs count from the start of the first stimulus, not
    /// of each
    #[arg(long, help_heading = "Spikes")]
    pub continuous: bool,
    /// Stop the spiking test with a checkpoint after this much simulated time, stimulus after stimulus: microseconds, or a
    /// time with its unit; it exits with 130 as on Ctrl-C, go on with --resume
    #[arg(long, value_name = "T", help_heading = "Spikes", value_parser = arguments::present_time, conflicts_with_all = ["test_index", "test_id"])]
    pub checkpoint_after: Option<sim::SimDuration>,
    /// Scaling of the weights for spikes [default: the model's SpikeNormalization, else mean]
    #[arg(long, value_enum, help_heading = "Spikes")]
    pub normalization: Option<NormalizationArg>,
    /// Spiking pools [default: the model's SpikePooling, else approximated]
    #[arg(long, value_enum, help_heading = "Spikes")]
    pub pooling: Option<PoolingArg>,
    /// Seed of the input coding and the delays alone; the partition and everything else keep `--seed`
    #[arg(long, value_name = "N", help_heading = "Spikes")]
    pub encoder_seed: Option<u32>,
    /// Width of the potentials
    #[arg(long, value_enum, help_heading = "Spikes", default_value = "f32")]
    pub float: FloatArg,

    /// Record the spiking test, stimulus by stimulus, in record_spike/ of the output folder (docs/record.md)
    #[arg(long, value_enum, value_name = "DEPTH", help_heading = "Record")]
    pub record: Option<Depth>,
    /// Also record the membrane potentials of neurons, such as `fc1:4,conv1:100`
    #[arg(long, value_name = "CELL:NEURON", help_heading = "Record", value_delimiter = ',')]
    pub trace: Vec<String>,
    /// What the record is written as [default: csv]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Record")]
    pub record_to: Option<Format>,

    /// What was typed of them.
    #[arg(skip)]
    pub typed: Typed,
}

impl Default for Options {
    /// The options of a command line that has none.
    fn default() -> Self {
        #[derive(Parser)]
        struct Nothing {
            #[command(flatten)]
            options: Options,
        }
        Nothing::parse_from(["femtospike"]).options
    }
}

/// A set of stimuli.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SetArg {
    /// What the network learns from
    Learn,
    /// What chooses the best weights while learning
    Validation,
    /// What the final score is taken on
    Test,
}

/// What computes the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeviceArg {
    /// The processor
    Cpu,
    /// The first CUDA device
    Cuda,
    /// The kernels of CUDA on the processor, for tests
    #[value(hide = true)]
    Emulator,
}

/// What a CUDA device rounds the factors of products of matrices to; sums and everything else have 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// Not at all: 32-bit floats
    F32,
    /// 11 bits with the range of 32-bit floats, by tensor cores (compute capability 8.0 or later)
    Tf32,
    /// 16-bit floats, by tensor cores (compute capability 7.5 or later); beyond 65504 infinite
    F16,
}

impl From<PrecisionArg> for Precision {
    fn from(arg: PrecisionArg) -> Self {
        match arg {
            PrecisionArg::F32 => Self::F32,
            PrecisionArg::Tf32 => Self::Tf32,
            PrecisionArg::F16 => Self::F16,
        }
    }
}

/// How weights are scaled for spikes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum NormalizationArg {
    /// Mean activation of a layer (after its pool) over 0.25
    Mean,
    /// 99.9th percentile of the activations
    Percentile,
    /// Largest activation
    Max,
    /// The weights as they are
    None,
}

impl From<NormalizationArg> for Normalization {
    fn from(arg: NormalizationArg) -> Self {
        match arg {
            NormalizationArg::Mean => Self::Mean,
            NormalizationArg::Percentile => Self::Percentile,
            NormalizationArg::Max => Self::Max,
            NormalizationArg::None => Self::None,
        }
    }
}

/// How spiking pools work.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PoolingArg {
    /// As the reference does it
    Approximated,
    /// The pooled count follows the true maximum or mean
    Exact,
}

impl From<PoolingArg> for PoolingMode {
    fn from(arg: PoolingArg) -> Self {
        match arg {
            PoolingArg::Approximated => Self::Approximated,
            PoolingArg::Exact => Self::Exact,
        }
    }
}

/// Width of the spiking potentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FloatArg {
    /// 32 bits
    F32,
    /// 64 bits
    F64,
}

impl From<FloatArg> for Width {
    fn from(arg: FloatArg) -> Self {
        match arg {
            FloatArg::F32 => Self::Single,
            FloatArg::F64 => Self::Double,
        }
    }
}

/// Runs what was typed.
pub fn run(mut cli: Cli) -> Result<()> {
    let json = match &mut cli.command {
        Command::Faces(FacesArgs { json, .. })
        | Command::Report(ReportArgs { json, .. })
        | Command::Devices(DevicesArgs { json }) => json.as_deref(),
        command => command.options().and_then(|options| options.json.as_deref()),
    };
    if let Some(json) = json {
        document::want(json)?;
    }
    match cli.command {
        Command::Learn(args) => learn::run(&args.model, &args.options),
        Command::Test(args) => test::run(&args.model, &args.options),
        Command::Curve(args) => curve::run(&args),
        Command::Stats(args) => figures::run(&args),
        Command::FindLr(args) => find_lr::run(&args.model, &args.options),
        Command::Tune(args) => tune::run(&args),
        Command::Check(args) => check::run(&args.model, &args.options),
        Command::Inspect(args) => inspect::run(&args),
        Command::Demo(args) => demo::run(&args.options),
        Command::Faces(args) => faces::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Devices(_) => devices::run(),
        Command::GpuCheck(args) => gpu_check::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Weights(args) => weights::run(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man => shell::manual(),
    }
}
