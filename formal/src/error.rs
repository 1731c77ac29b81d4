//! What may be wrong with a network, its weights or its saved state.

use crate::backend::CudaFault;
use crate::parameter::ParameterKind;

/// A fault in a network description, in weights or in a saved state. All are wrong input; none leaves a network
/// half changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A size does not fit another one.
    #[error("cell `{cell}`, {what}: expected {expected}, found {found}")]
    Shape {
        /// Name of the cell.
        cell: String,
        /// What has the wrong size.
        what: &'static str,
        /// The size that would fit.
        expected: String,
        /// The size given.
        found: String,
    },
    /// A parameter lies outside its range.
    #[error("cell `{cell}`, {parameter}: expected {expected}, found `{found}`")]
    Value {
        /// Name of the cell.
        cell: String,
        /// The parameter in the words of a model file.
        parameter: &'static str,
        /// The permitted values.
        expected: &'static str,
        /// The value given.
        found: String,
    },
    /// A transformation that a cell cannot do.
    #[error("cell `{cell}`: {fault}")]
    Transformation {
        /// Name of the cell.
        cell: String,
        /// What was expected and found.
        fault: String,
    },
    /// A cell has no input, or one that is not computed before it.
    #[error("cell `{cell}`, Input: expected the stimuli or cells that stand before it, found {found}")]
    Input {
        /// Name of the cell.
        cell: String,
        /// What it names.
        found: String,
    },
    /// Two cells have one name.
    #[error("expected a name for each cell, found `{name}` twice; rename one of them")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// There is nothing to compute.
    #[error("expected at least one cell, found none")]
    NoCells,
    /// The stimuli have no element.
    #[error("expected stimuli with at least one channel, row and column, found {found}")]
    EmptyStimuli {
        /// The shape given.
        found: String,
    },
    /// Nothing is compared.
    #[error("expected at least one target, found none")]
    NoTargets,
    /// Two targets stand on one cell.
    #[error("cell `{cell}`: expected one target, found two; their errors would contradict each other")]
    DuplicateTarget {
        /// Name of the cell.
        cell: String,
    },
    /// The target names a cell that is not there.
    #[error("target: expected the index of a cell, below {cells}, found {found}")]
    Target {
        /// Number of cells.
        cells: usize,
        /// The index given.
        found: usize,
    },
    /// The batch size is zero.
    #[error("batch size: expected at least 1, found 0")]
    BatchSize,
    /// A cell has no such parameters.
    #[error("cell {cell} has no {kind}")]
    NoParameter {
        /// Index of the cell.
        cell: usize,
        /// The parameters asked for.
        kind: ParameterKind,
    },
    /// A cell has no running mean and variance.
    #[error("cell {cell} has no running mean and variance")]
    NoStatistics {
        /// Index of the cell.
        cell: usize,
    },
    /// A variance is negative.
    #[error("{name}: expected variances of 0 or more, found {value} at index {index}")]
    NegativeVariance {
        /// Name of the tensor.
        name: String,
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A tensor has the wrong number of values.
    #[error("{name}: expected {expected} values, found {found}; the file belongs to another network")]
    Count {
        /// Name of the tensor.
        name: String,
        /// Number of values that fit.
        expected: usize,
        /// Number given.
        found: usize,
    },
    /// A tensor holds an infinity or a NaN.
    #[error("{name}: expected finite values, found {value} at index {index}")]
    NotFinite {
        /// Name of the tensor.
        name: String,
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A saved state lacks something.
    #[error("training state: expected `{name}`, found none; the state belongs to another network or solver")]
    MissingState {
        /// Name of the tensor or counter.
        name: String,
    },
    /// A saved state has something that this network lacks.
    #[error("training state: found `{name}`, which this network does not have; it belongs to another one")]
    UnknownState {
        /// Name of the tensor or counter.
        name: String,
    },
    /// A device cannot compute a cell.
    #[error("cell `{cell}`: a CUDA device does not do {what}; compute the network on the CPU (`--device cpu`)")]
    OnDevice {
        /// Name of the cell.
        cell: String,
        /// What is not done there.
        what: String,
    },
    /// A device fails.
    #[error("the CUDA device fails, {fault}; look at `nvidia-smi`, or compute the network on the CPU (`--device cpu`)")]
    Device {
        /// What was tried and what the device says.
        fault: String,
    },
    /// There is no CUDA device to compute on.
    #[error("expected a CUDA device, found none: {0}; or compute the network on the CPU (`--device cpu`)")]
    Cuda(#[from] CudaFault),
    /// The emulator of CUDA devices is not there.
    #[error("expected the emulator of CUDA devices, found none: build the program with the feature `emulator`")]
    NoEmulator,
}
