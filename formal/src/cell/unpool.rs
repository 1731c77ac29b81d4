//! Unpooling (Zeiler and Fergus, 2014): the way of the errors through a max pooling, taken forward.
//!
//! `out(i) = Σ in(o)` over the outputs `o` of the pooling whose greatest input was `i`.

use stimuli::Shape;

use super::pool::Pool;
use super::{Cell, Operator, size, text};
use crate::config::{Pooling, UnpoolConfig};
use crate::error::Error;

/// A checked unpooling.
#[derive(Clone, Debug)]
pub(crate) struct Unpool {
    /// Index of the pooling.
    pub(crate) arg_max: usize,
    /// Its input has the shape of the output here, and its output that of the input.
    pub(crate) pool: Pool,
}

impl Unpool {
    pub(crate) fn new(cell: &str, config: &UnpoolConfig, input: Shape, before: &[Cell]) -> Result<Self, Error> {
        let cell = || cell.to_owned();
        let named = before.get(config.arg_max);
        let Some(Operator::Pool(pool @ Pool { pooling: Pooling::Max, .. })) = named.map(|named| &named.operator) else {
            let found = named.map_or_else(|| format!("cell {}", config.arg_max), |named| named.name.clone());
            let expected = "a max pooling that stands before it";
            return Err(Error::Value { cell: cell(), parameter: "ArgMax", expected, found });
        };
        if input != pool.output {
            let expected = format!("{} as the pooling has given", text(pool.output));
            return Err(Error::Shape { cell: cell(), what: "Input", expected, found: text(input) });
        }
        Ok(Self { arg_max: config.arg_max, pool: pool.clone() })
    }

    /// The definition: outputs of one stimulus before the activation, for the input that the pooling had.
    pub(crate) fn reference(&self, pooled: &[f64], input: &[f64]) -> Vec<f64> {
        let mut output = vec![0.0; size(self.pool.input)];
        for (winner, value) in self.pool.winners(pooled).into_iter().zip(input) {
            if let Some(winner) = winner {
                output[winner] += value;
            }
        }
        output
    }

    /// The error of the inputs for the error of the outputs.
    pub(crate) fn reference_backward(&self, pooled: &[f64], error: &[f64]) -> Vec<f64> {
        self.pool.winners(pooled).into_iter().map(|winner| winner.map_or(0.0, |winner| error[winner])).collect()
    }
}
