//! What can be wrong with a network, an encoder, a list of spikes or a checkpoint.

use crate::time::{SimDuration, SimTime};

/// A refusal. Each names the cause, what was found and the remedy; the caller's data are unchanged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input or a cell has no element.
    #[error("`{what}`: expected every size to be at least 1, found {found}; give each dimension a positive size")]
    EmptySize {
        /// The cell or the input.
        what: String,
        /// The sizes as found.
        found: String,
    },
    /// The network is larger than the engine can address.
    #[error("`{what}`: found {found} {unit}, expected at most {limit}; split the network or the cell")]
    TooLarge {
        /// The cell or the network.
        what: String,
        /// How many there are.
        found: u128,
        /// Of what.
        unit: &'static str,
        /// How many there may be.
        limit: u64,
    },
    /// The output is not a cell.
    #[error("expected the output to be one of the {n_cells} cells, found cell number {found}")]
    NoSuchOutput {
        /// Cells there are.
        n_cells: usize,
        /// Index asked for.
        found: usize,
    },
    /// A cell without input.
    #[error("cell `{cell}` has no input; name at least one source")]
    NoInput {
        /// The cell.
        cell: String,
    },
    /// A cell takes its input from itself or from a later cell.
    #[error(
        "cell `{cell}` takes input from cell number {input}, which does not stand before it; order the cells so that each follows its inputs"
    )]
    InputNotEarlier {
        /// The cell.
        cell: String,
        /// The input's index.
        input: usize,
    },
    /// Inputs that cannot be concatenated.
    #[error("cell `{cell}`: expected all inputs to be {expected} (width x height) as the first, found one of {found}")]
    InputSizesDiffer {
        /// The cell.
        cell: String,
        /// Size of the first input.
        expected: String,
        /// Size of the other one.
        found: String,
    },
    /// A kernel or window larger than what it is moved over.
    #[error(
        "cell `{cell}`: expected a kernel of at most {limit} (the input with its padding), found {found}; use a smaller kernel or more padding"
    )]
    KernelTooLarge {
        /// The cell.
        cell: String,
        /// Width x height of the padded input.
        limit: String,
        /// Width x height of the kernel.
        found: String,
    },
    /// A list of the wrong length.
    #[error("cell `{cell}`: expected {expected} {what}, found {found}")]
    WrongCount {
        /// The cell.
        cell: String,
        /// Of what.
        what: &'static str,
        /// How many there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A weight that is not a finite number in the engine's float.
    #[error(
        "cell `{cell}`: expected weight number {index} to be a finite {float}, found {found}; retrain or rescale the weights"
    )]
    WeightNotFinite {
        /// The cell.
        cell: String,
        /// Index in the cell's weights.
        index: usize,
        /// Its value.
        found: f64,
        /// The engine's float.
        float: &'static str,
    },
    /// A current that moves a potential out of the engine's float.
    #[error(
        "cell `{cell}`: expected current number {index}, and its product with the membrane time constant, to be a finite {float}, found {found} a femtosecond; rescale the bias it comes from"
    )]
    CurrentNotFinite {
        /// The cell.
        cell: String,
        /// Index in the cell's currents.
        index: usize,
        /// Its value.
        found: f64,
        /// The engine's float.
        float: &'static str,
    },
    /// A threshold that is not a positive finite number in the engine's float.
    #[error("cell `{cell}`: expected a Threshold above 0 (and finite as {float}), found {found}")]
    BadThreshold {
        /// The cell.
        cell: String,
        /// Its value.
        found: f64,
        /// The engine's float.
        float: &'static str,
    },
    /// The mean period of the strongest pixel is not below that of the weakest.
    #[error("expected PeriodMeanMin below PeriodMeanMax, found PeriodMeanMin = {min} and PeriodMeanMax = {max}")]
    PeriodMeansContradict {
        /// `PeriodMeanMin`.
        min: SimDuration,
        /// `PeriodMeanMax`.
        max: SimDuration,
    },
    /// No time between two spikes of the strongest pixel.
    #[error("expected PeriodMeanMin to be at least 1 fs, found 0")]
    PeriodMeanMinIsZero,
    /// The shortest interval is longer than the shortest mean.
    #[error("expected PeriodMin to be at most PeriodMeanMin, found PeriodMin = {min} and PeriodMeanMin = {mean}")]
    PeriodMinTooLong {
        /// `PeriodMin`.
        min: SimDuration,
        /// `PeriodMeanMin`.
        mean: SimDuration,
    },
    /// An encoder's number outside its range.
    #[error("expected {name} to be {expected}, found {found}")]
    EncoderRange {
        /// The parameter.
        name: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: f64,
    },
    /// An input spike for a pixel that is not there.
    #[error("input spike number {index}: expected a pixel below {n_pixels}, found {found}")]
    NoSuchPixel {
        /// Index of the spike in the list.
        index: usize,
        /// Pixels there are.
        n_pixels: usize,
        /// Pixel asked for.
        found: usize,
    },
    /// Bytes that are no checkpoint.
    #[error("expected a checkpoint of the engine, found something else; give the bytes as they were written")]
    NotACheckpoint,
    /// A checkpoint in another format.
    #[error("expected a checkpoint of format {expected}, found format {found}; read it with the version that wrote it")]
    CheckpointFormat {
        /// The format that is read here.
        expected: u32,
        /// That of the bytes.
        found: u32,
    },
    /// A checkpoint of something else.
    #[error("expected a checkpoint of {expected}, found one of {found}; go on with what it was written for")]
    CheckpointOfAnother {
        /// What goes on here.
        expected: String,
        /// What it was written for.
        found: String,
    },
    /// A checkpoint that is not as it was written.
    #[error("expected a checkpoint as it was written, found a damaged one: {what}; go on from another, or start anew")]
    CheckpointDamaged {
        /// What is wrong.
        what: &'static str,
    },
    /// An input spike before the start of the presentation.
    #[error(
        "input spike number {index}: expected a time from the start of the presentation at {start} on, found {found}; start earlier or drop the spike"
    )]
    SpikeTooEarly {
        /// Index of the spike in the list.
        index: usize,
        /// Start of the presentation.
        start: SimTime,
        /// Time of the spike.
        found: SimTime,
    },
    /// A presentation that the clock cannot hold.
    #[error(
        "expected a presentation that ends by 2^64 - 1 fs (about 5.1 h), found one of {duration} from {start} on; start it earlier or present it for shorter"
    )]
    PastTheEndOfTime {
        /// Start of the presentation.
        start: SimTime,
        /// How long it takes.
        duration: SimDuration,
    },
    /// An input spike after the end of the presentation.
    #[error(
        "input spike number {index}: expected a time before the end of the presentation at {end}, found {found}; present for longer or drop the spike"
    )]
    SpikeTooLate {
        /// Index of the spike in the list.
        index: usize,
        /// End of the presentation.
        end: SimTime,
        /// Time of the spike.
        found: SimTime,
    },
}
