//! How tensors of other programs hold the weights of a cell: names, axes, and where each value stands in ours.
//!
//! | | ours, and PyTorch's | Keras' |
//! |---|---|---|
//! | Conv `weight` | `[output][channel][y][x]` | `[y][x][channel][output]` |
//! | Deconv `weight` | `[channel][output][y][x]` | `[y][x][output][channel]` |
//! | Fc `weight` | `[output][input]`, inputs channel by channel, row by row | `[input][output]`, inputs row by row, all channels of a pixel together |
//! | Conv, Deconv, Fc `bias` | `[output]` | the same |
//! | BatchNorm `weight`, `bias`, `running_mean`, `running_var` | `[channel]` | the same |
//!
//! A convolution is a cross-correlation in all three: no kernel is turned.

use formal::NamedTensor;
use formal::config::{Operator, Size};

use super::CellWeights;
use crate::model::{CellDescription, Description};
use crate::output::file_name;

/// The order of axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// PyTorch's, which is N2D2's and ours, too.
    #[default]
    PyTorch,
    /// Keras', which has the channels last.
    Keras,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::PyTorch, Self::Keras];
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PyTorch => "pytorch",
            Self::Keras => "keras",
        })
    }
}

/// Which values of a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Weights,
    Bias,
    Mean,
    Variance,
}

/// A tensor of a cell in a layout.
struct Slot {
    name: String,
    part: Part,
    shape: Vec<usize>,
    /// For each value of the tensor, in the order of its axes, the place in our array.
    places: Vec<usize>,
}

/// A tensor of a file: a tensor whose values cannot be used says why.
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its axes, unless it is too damaged to have some.
    pub shape: Option<Vec<usize>>,
    /// Its values, the last axis fastest.
    pub values: Result<Vec<f32>, String>,
}

/// What PyTorch counts beside a normalization, and nobody needs.
const COUNTER: &str = ".num_batches_tracked";

/// The tensors of a cell; none where it has no weights, an error where its weights have no form elsewhere.
fn slots(cell: &CellDescription, layout: Layout) -> Result<Vec<Slot>, String> {
    let slot =
        |suffix: &str, part, shape, places| Slot { name: format!("{}.{suffix}", cell.name), part, shape, places };
    let of_outputs = |suffix, part, n: usize| slot(suffix, part, vec![n], (0..n).collect());
    let weight = |shape, places| slot("weight", Part::Weights, shape, places);
    let (mut slots, n_biases) = match &cell.operator {
        Operator::Conv(conv) => {
            let kernel = kernel([conv.n_outputs, cell.input_shape.channels], conv.kernel, layout);
            (vec![weight(kernel.0, kernel.1)], if conv.no_bias { 0 } else { conv.n_outputs })
        }
        Operator::Deconv(deconv) => {
            let kernel = kernel([cell.input_shape.channels, deconv.n_outputs], deconv.kernel, layout);
            (vec![weight(kernel.0, kernel.1)], if deconv.no_bias { 0 } else { deconv.n_outputs })
        }
        Operator::Fc(fc) => {
            let (outputs, input) = (fc.n_outputs, cell.input_shape);
            let n_inputs = input.n_elements();
            let matrix = match layout {
                Layout::PyTorch => weight(vec![outputs, n_inputs], (0..outputs * n_inputs).collect()),
                Layout::Keras => {
                    let place = |[y, x, channel, output]: [usize; 4]| {
                        output * n_inputs + (channel * input.height + y) * input.width + x
                    };
                    let places = indices([input.height, input.width, input.channels, outputs]).map(place).collect();
                    weight(vec![n_inputs, outputs], places)
                }
            };
            (vec![matrix], if fc.no_bias { 0 } else { outputs })
        }
        Operator::BatchNorm(_) => {
            let n = cell.output_shape.channels;
            let statistics = [("running_mean", Part::Mean), ("running_var", Part::Variance)];
            let statistics = statistics.map(|(suffix, part)| of_outputs(suffix, part, n));
            ([of_outputs("weight", Part::Weights, n)].into_iter().chain(statistics).collect(), n)
        }
        _ if super::has_weights(cell) => {
            return Err(format!(
                "{}: `{}`: weights of its type have no form in other programs here; its `.syntxt` files are what \
                 `femtospike test -w` takes",
                cell.span, cell.name
            ));
        }
        _ => return Ok(Vec::new()),
    };
    if n_biases > 0 {
        slots.insert(1, of_outputs("bias", Part::Bias, n_biases));
    }
    Ok(slots)
}

/// Shape and places of kernels that we keep as `[a][b][y][x]`, as PyTorch does, and Keras as `[y][x][b][a]`.
fn kernel([a, b]: [usize; 2], size: Size, layout: Layout) -> (Vec<usize>, Vec<usize>) {
    let Size { width, height } = size;
    match layout {
        Layout::PyTorch => (vec![a, b, height, width], (0..a * b * height * width).collect()),
        Layout::Keras => {
            let place = |[y, x, of_b, of_a]: [usize; 4]| ((of_a * b + of_b) * height + y) * width + x;
            let shape = [height, width, b, a];
            (shape.to_vec(), indices(shape).map(place).collect())
        }
    }
}

/// All indices of a tensor of four axes, the last one fastest.
fn indices([a, b, c, d]: [usize; 4]) -> impl Iterator<Item = [usize; 4]> {
    (0..a * b * c * d).map(move |i| [i / (b * c * d), i / (c * d) % b, i / d % c, i % d])
}

/// The tensors of all cells, in the order of the cells.
///
/// # Errors
/// A cell whose weights have no form elsewhere.
pub fn tensors(
    description: &Description,
    cells: &[Option<CellWeights>],
    layout: Layout,
) -> Result<Vec<NamedTensor>, String> {
    let mut tensors = Vec::new();
    for (cell, weights) in description.cells.iter().zip(cells) {
        let Some(weights) = weights else { continue };
        for Slot { name, part, shape, places } in slots(cell, layout)? {
            let values = part.of(weights);
            let data = places.into_iter().map(|place| values[place]).collect();
            tensors.push(NamedTensor { name, shape, data });
        }
    }
    Ok(tensors)
}

impl Part {
    fn of(self, weights: &CellWeights) -> &[f32] {
        let statistics = weights.statistics.as_ref();
        match self {
            Self::Weights => &weights.weights,
            Self::Bias => weights.bias.as_deref().unwrap_or_default(),
            Self::Mean => statistics.map_or(&[], |statistics| &statistics.mean),
            Self::Variance => statistics.map_or(&[], |statistics| &statistics.variance),
        }
    }

    fn put(self, weights: &mut CellWeights, values: Vec<f32>) {
        match self {
            Self::Weights => weights.weights = values,
            Self::Bias => weights.bias = Some(values),
            Self::Mean => weights.statistics.get_or_insert_default().mean = values,
            Self::Variance => weights.statistics.get_or_insert_default().variance = values,
        }
    }
}

/// The weights of the cells out of tensors in any order.
///
/// # Errors
/// Everything that is wrong with the tensors: missing, of another shape or kind, not finite, not 0 at a pair of channels
/// that the model does not connect, or of no cell of the model.
pub fn weights(
    description: &Description,
    mut tensors: Vec<Found>,
    layout: Layout,
) -> Result<Vec<Option<CellWeights>>, Vec<String>> {
    let mut faults = Vec::new();
    let mut cells = Vec::with_capacity(description.cells.len());
    let mut names = Vec::new();
    for cell in &description.cells {
        let slots = slots(cell, layout).unwrap_or_else(|fault| {
            faults.push(fault);
            Vec::new()
        });
        let mut weights = (!slots.is_empty()).then(CellWeights::default);
        for slot in slots {
            names.push(slot.name.clone());
            // A file cannot be called all that a cell can.
            let is_of = |found: &Found| [&slot.name, &file_name(&slot.name)].contains(&&found.name);
            let found = tensors.iter().position(is_of).map(|at| tensors.swap_remove(at));
            match checked(cell, &slot, found, layout) {
                Ok(values) => slot.part.put(weights.get_or_insert_default(), values),
                Err(fault) => faults.push(fault),
            }
        }
        cells.push(weights);
    }
    tensors.retain(|tensor| !tensor.name.ends_with(COUNTER));
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    faults.extend(tensors.iter().map(|tensor| unknown(description, &tensor.name, &names)));
    if faults.is_empty() { Ok(cells) } else { Err(faults) }
}

/// The values of a tensor in our order.
fn checked(cell: &CellDescription, slot: &Slot, found: Option<Found>, layout: Layout) -> Result<Vec<f32>, String> {
    let name = &slot.name;
    let Some(found) = found else {
        return Err(format!("tensor `{name}`: expected one of shape {}, found none", shown(&slot.shape)));
    };
    if let Some(shape) = found.shape
        && shape != slot.shape
    {
        let other = if layout == Layout::Keras { Layout::PyTorch } else { Layout::Keras };
        let of_other = slots(cell, other).unwrap_or_default().into_iter().find(|other| other.name == *name);
        let hint = match of_other {
            Some(slot) if slot.shape == shape => format!("; that is the layout of --layout {other}"),
            _ => String::new(),
        };
        let (expected, found) = (shown(&slot.shape), shown(&shape));
        return Err(format!("tensor `{name}`: expected shape {expected}, found {found}{hint}"));
    }
    let values = found.values.map_err(|fault| format!("tensor `{name}`: {fault}"))?;
    let mut ours = vec![0.0; values.len()];
    for (index, (&place, value)) in slot.places.iter().zip(values).enumerate() {
        let at = || shown(&unravel(index, &slot.shape));
        if !value.is_finite() {
            return Err(format!("tensor `{name}`: expected finite numbers, found {value} at {}", at()));
        }
        if slot.part == Part::Variance && value < 0.0 {
            return Err(format!("tensor `{name}`: expected variances of 0 or more, found {value} at {}", at()));
        }
        if slot.part == Part::Weights
            && value != 0.0
            && let Some((output, channel)) = unconnected(cell, place)
        {
            return Err(format!(
                "tensor `{name}`: expected 0 where the mapping of `{}` ({}) does not connect output {output} with channel \
                 {channel}, found {value} at {}",
                cell.name,
                cell.span_of("Mapping"),
                at()
            ));
        }
        ours[place] = value;
    }
    Ok(ours)
}

/// The output and the channel of a weight that the model does not have.
fn unconnected(cell: &CellDescription, place: usize) -> Option<(usize, usize)> {
    let Operator::Conv(conv) = &cell.operator else { return None };
    let pair = place / (conv.kernel.width * conv.kernel.height);
    let is_connected = conv.mapping.as_ref().is_none_or(|mapping| mapping[pair]);
    let channels = cell.input_shape.channels;
    (!is_connected).then_some((pair / channels, pair % channels))
}

fn unknown(description: &Description, name: &str, names: &[String]) -> String {
    let has_no_bias = |cell: &CellDescription| super::has_weights(cell) && name == format!("{}.bias", cell.name);
    if let Some(cell) = description.cells.iter().find(|cell| has_no_bias(cell)) {
        let (name_of, span) = (&cell.name, cell.span_of("NoBias"));
        return format!("tensor `{name}`: `{name_of}` has no bias ({span}); set NoBias=0, or leave the tensor out");
    }
    let near = crate::config::nearest(name, names.iter().map(String::as_str));
    let hint = near.map_or("leave it out".to_string(), |near| format!("did you mean `{near}`?"));
    format!("tensor `{name}`: no cell of the model has it; {hint}")
}

fn unravel(mut index: usize, shape: &[usize]) -> Vec<usize> {
    let mut at: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&size| {
            let here = index % size;
            index /= size;
            here
        })
        .collect();
    at.reverse();
    at
}

/// Axes or an index, as Python writes a tuple.
fn shown(sizes: &[usize]) -> String {
    let text: Vec<String> = sizes.iter().map(usize::to_string).collect();
    format!("({}{})", text.join(", "), if sizes.len() == 1 { "," } else { "" })
}
