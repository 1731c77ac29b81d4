//! The operators: one file each, with its geometry, its checks and its definition in plain 64-bit arithmetic.
pub(crate) mod batch_norm;
pub(crate) mod conv;
pub(crate) mod deconv;
pub(crate) mod dropout;
pub(crate) mod elem_wise;
pub(crate) mod fc;
pub(crate) mod fmp;
pub(crate) mod lrn;
pub(crate) mod margin;
pub(crate) mod pool;
pub(crate) mod softmax;
pub(crate) mod taps;
pub(crate) mod transformation;
pub(crate) mod unpool;

use batch_norm::BatchNorm;
use conv::Conv;
use deconv::Deconv;
use dropout::Dropout;
use elem_wise::ElemWise;
use fc::Fc;
use fmp::Fmp;
use lrn::Lrn;
use margin::{Normalize, TargetBias};
use pool::Pool;
use softmax::Softmax;
use stimuli::Shape;
use taps::Taps;
use transformation::Transformation;
use unpool::Unpool;

use crate::config::{BatchNormConfig, ConvConfig, DeconvConfig, FcConfig, Source};
use crate::{config, error::Error};

/// Indices of elements and weights fit in 31 bits.
const MOST_ELEMENTS: usize = 1 << 31;

/// A checked cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) name: String,
    pub(crate) sources: Vec<Edge>,
    /// The concatenated inputs; also where the operator takes them one by one.
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    pub(crate) operator: Operator,
    pub(crate) activation: config::Activation,
    /// Whether an error comes here from the target.
    pub(crate) has_error: bool,
}

impl Cell {
    /// Whether errors go on to an input.
    pub(crate) fn propagates(&self) -> bool {
        self.sources.iter().any(|edge| edge.error != ErrorFlow::Stops)
    }
}

/// One input of a cell.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) source: Source,
    pub(crate) shape: Shape,
    /// The channel of the concatenated input at which this one starts.
    pub(crate) first_channel: usize,
    pub(crate) error: ErrorFlow,
}

/// What happens to the error at an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorFlow {
    /// It ends here.
    Stops,
    /// It is the first that the source receives.
    Stores,
    /// The source has received errors before; they are summed.
    Adds,
}

#[derive(Clone, Debug)]
pub(crate) enum Operator {
    Conv(Conv),
    Deconv(Deconv),
    Pool(Pool),
    Unpool(Unpool),
    Fmp(Fmp),
    Lrn(Lrn),
    Fc(Fc),
    Softmax(Softmax),
    Dropout(Dropout),
    ElemWise(ElemWise),
    BatchNorm(BatchNorm),
    Taps(Taps),
    Transformation(Transformation),
    Normalize(Normalize),
    TargetBias(TargetBias),
}

impl Operator {
    pub(crate) fn new(cell: &config::CellConfig, input: Shape, edges: &[Edge], before: &[Cell]) -> Result<Self, Error> {
        let name = &cell.name;
        Ok(match &cell.operator {
            config::Operator::Conv(config) => Self::Conv(Conv::new(name, config, input)?),
            config::Operator::Deconv(config) => Self::Deconv(Deconv::new(name, config, input)?),
            config::Operator::Pool(config) => Self::Pool(Pool::new(name, config, input)?),
            config::Operator::Unpool(config) => Self::Unpool(Unpool::new(name, config, input, before)?),
            config::Operator::Fmp(config) => Self::Fmp(Fmp::new(name, config, input)?),
            config::Operator::Lrn(config) => Self::Lrn(Lrn::new(name, config, input)?),
            config::Operator::Fc(config) => Self::Fc(Fc::new(name, config, input)?),
            config::Operator::Softmax(config) => Self::Softmax(Softmax::new(name, config, input)?),
            config::Operator::Dropout(config) => Self::Dropout(Dropout::new(name, config, input)?),
            config::Operator::ElemWise(config) => Self::ElemWise(ElemWise::new(name, config, edges)?),
            config::Operator::BatchNorm(config) => Self::BatchNorm(BatchNorm::new(name, config, input)?),
            config::Operator::Padding(config) => Self::Taps(Taps::padding(name, config, input)?),
            config::Operator::Resize(config) => Self::Taps(Taps::resize(name, config, input)?),
            config::Operator::Reshape(config) => Self::Taps(Taps::reshape(name, config, input)?),
            config::Operator::Transpose(config) => Self::Taps(Taps::transpose(name, config, input)?),
            config::Operator::Activation => Self::Taps(Taps::identity(name, input)?),
            config::Operator::Transformation(config) => Self::Transformation(Transformation::new(name, config, input)?),
            config::Operator::Normalize(config) => Self::Normalize(Normalize::new(config, input)),
            config::Operator::Scaling(config) => Self::Taps(Taps::scaling(name, config, input)?),
            config::Operator::TargetBias(config) => Self::TargetBias(TargetBias::new(name, config, input)?),
        })
    }

    pub(crate) fn output(&self) -> Shape {
        match self {
            Self::Conv(conv) => conv.output,
            Self::Deconv(deconv) => deconv.output,
            Self::Pool(pool) => pool.output,
            Self::Unpool(unpool) => unpool.pool.input,
            Self::Fmp(fmp) => fmp.pool.output,
            Self::Lrn(lrn) => lrn.shape,
            Self::Fc(fc) => fc.output,
            Self::Softmax(softmax) => softmax.shape,
            Self::Dropout(dropout) => dropout.shape,
            Self::ElemWise(elem_wise) => elem_wise.output,
            Self::BatchNorm(norm) => norm.shape,
            Self::Taps(taps) => taps.output,
            Self::Transformation(transformation) => transformation.output,
            Self::Normalize(normalize) => normalize.shape,
            Self::TargetBias(bias) => bias.shape,
        }
    }
}

/// Whether the operator has weights.
pub(crate) fn is_trainable(operator: &config::Operator) -> bool {
    matches!(
        operator,
        config::Operator::Conv(_)
            | config::Operator::Deconv(_)
            | config::Operator::Fc(_)
            | config::Operator::BatchNorm(_)
    )
}

/// Whether the operator hands errors on to its inputs.
pub(crate) fn back_propagates(operator: &config::Operator) -> bool {
    match operator {
        config::Operator::Conv(ConvConfig { back_propagate, .. })
        | config::Operator::Deconv(DeconvConfig { back_propagate, .. })
        | config::Operator::Fc(FcConfig { back_propagate, .. })
        | config::Operator::BatchNorm(BatchNormConfig { back_propagate, .. }) => *back_propagate,
        config::Operator::Transformation(_) => false,
        _ => true,
    }
}

/// Number of elements.
pub(crate) fn size(shape: Shape) -> usize {
    shape.channels * shape.height * shape.width
}

/// `channels x height x width`, for messages.
pub(crate) fn text(shape: Shape) -> String {
    format!("{} channels of {} x {}", shape.channels, shape.width, shape.height)
}

/// Refuses sizes whose elements cannot be indexed, before anything is allocated.
pub(crate) fn check_count(cell: &str, what: &'static str, factors: &[usize]) -> Result<(), Error> {
    let count = factors.iter().try_fold(1usize, |count, &factor| count.checked_mul(factor));
    match count {
        Some(1..MOST_ELEMENTS) => Ok(()),
        _ => Err(Error::Shape {
            cell: cell.to_owned(),
            what,
            expected: format!("1 to {} elements", MOST_ELEMENTS - 1),
            found: factors.iter().map(usize::to_string).collect::<Vec<_>>().join(" x "),
        }),
    }
}

/// Number of window positions along one axis, or the fault.
pub(crate) fn positions(
    cell: &str,
    what: &'static str,
    input: usize,
    window: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Result<usize, Error> {
    for (parameter, value) in [("window size", window), ("Stride", stride), ("Dilation", dilation)] {
        if value == 0 {
            let (cell, found) = (cell.to_owned(), value.to_string());
            return Err(Error::Value { cell, parameter, expected: "at least 1", found });
        }
    }
    let span = (window - 1).saturating_mul(dilation).saturating_add(1);
    let padded = input.saturating_add(padding.saturating_mul(2));
    if padded > MOST_ELEMENTS || span > padded {
        return Err(Error::Shape {
            cell: cell.to_owned(),
            what,
            expected: format!("at most {padded} (the input's {input} and the padding)"),
            found: span.to_string(),
        });
    }
    Ok((padded - span) / stride + 1)
}

/// A mapping of the right length.
pub(crate) fn check_mapping(
    cell: &str,
    mapping: Option<&[bool]>,
    n_outputs: usize,
    n_channels: usize,
) -> Result<(), Error> {
    match mapping {
        Some(mapping) if mapping.len() != n_outputs * n_channels => Err(Error::Shape {
            cell: cell.to_owned(),
            what: "Mapping",
            expected: format!("{n_outputs} outputs x {n_channels} channels = {} items", n_outputs * n_channels),
            found: format!("{} items", mapping.len()),
        }),
        _ => Ok(()),
    }
}
