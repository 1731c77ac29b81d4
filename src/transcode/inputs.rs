//! Cells with several inputs, which stand for activations on scales of their own: an earlier layer's beside a later one's, or
//! the stimuli beside a layer's. The weights of each input are divided by what its own unit asks for (see `bias.rs`): with `u`
//! the unit of the deepest input and `f` the factor of the cell, those of input k by `f·u/u_k`.

use formal::config::{Operator, Source};

use super::bias;
use super::normalization::depths;
use crate::model::Description;

/// What the weights of a Conv or Fc `[output][input]` are divided by, one a weight of an output; `None` where an input's unit is
/// unknown.
pub fn input_divisors(description: &Description, factors: &[f64], cell: usize) -> Option<Vec<f64>> {
    let units = bias::units(description, factors);
    let unit = bias::unit_of(&units, &deepest(description, cell))?;
    let (factor, cell) = (factors[cell], &description.cells[cell]);
    let mut divisors = Vec::new();
    for source in &cell.inputs {
        let own = bias::unit_of(&units, source)?;
        // Of one unit the factor itself, to the last bit.
        let divisor = if own == unit { factor } else { factor * unit / own };
        let shape = match source {
            Source::Stimuli => description.stimuli.shape,
            Source::Cell(cell) => description.cells[*cell].output_shape,
        };
        let n = match &cell.operator {
            Operator::Conv(conv) => shape.channels * conv.kernel.width * conv.kernel.height,
            _ => shape.n_elements(),
        };
        divisors.extend(std::iter::repeat_n(divisor, n));
    }
    Some(divisors)
}

/// The input of a cell that the deepest cell gives, the first of several.
pub(super) fn deepest(description: &Description, cell: usize) -> Source {
    let depths = depths(description);
    let depth = |source: &Source| match source {
        Source::Stimuli => 0,
        Source::Cell(cell) => depths[*cell],
    };
    let inputs = &description.cells[cell].inputs;
    let most = inputs.iter().map(depth).max().unwrap_or(0);
    *inputs.iter().find(|source| depth(source) == most).unwrap_or(&inputs[0])
}
