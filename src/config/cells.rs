//! Layers: their order, their shapes, their operators.

mod batch_norm;
mod deconv;
mod elem_wise;
mod fmp;
mod inserted;
mod lrn;
mod margin;
mod rearrange;
mod transformation;
mod unpool;

use std::collections::{BTreeMap, HashMap};

use formal::config::{
    Activation, ConvConfig, DropoutConfig, ElementOperation, FcConfig, Operator, PoolConfig, Pooling, Size,
    SoftmaxConfig, SolverConfig, Source,
};
use sim::network::{Neuron, Reset};
use stimuli::Shape;

use super::learning;
use super::mapping;
use super::order::{self, Input, STIMULI_NAMES};
use super::reader::{Accepted, Bag, Reader, Unknown};
use super::registry::Scope;
use crate::model::{CellDescription, Family, Located, Span, SpikingDescription};

/// No side, count or parameter of a shape goes beyond it.
const LARGEST: usize = 1 << 24;
/// No map has more elements.
const MOST_ELEMENTS: u128 = 1 << 31;
/// No layer has more weights.
const MOST_WEIGHTS: u128 = 1 << 31;

/// What the global section says about layers.
pub(crate) struct Defaults {
    pub model: String,
    pub activation: Activation,
    /// Whether each convolution is followed by a batch normalization of its own.
    pub normalizes: bool,
}

/// The layers read so far.
pub(crate) struct Cells {
    /// In the order of execution.
    pub descriptions: Vec<CellDescription>,
    /// Sections of `descriptions`; a normalization that was inserted has that of its convolution.
    pub sections: Vec<usize>,
    /// False when some layer could not be read: then its targets cannot either.
    pub complete: bool,
}

/// What later layers need of one that has been read.
#[derive(Clone, Copy)]
struct Outcome {
    index: usize,
    /// `None` after a fault, so that one fault does not cause others.
    shape: Option<Shape>,
}

/// Reads all layers; `stimuli` is what they start from, `None` when it could not be read.
pub(crate) fn read(reader: &mut Reader<'_>, defaults: &Defaults, stimuli: Option<Shape>) -> Cells {
    let layers = order::layers(reader);
    let order = order::in_order(reader, &layers);
    let mut cells = Cells { descriptions: Vec::new(), sections: Vec::new(), complete: order.len() == layers.len() };
    let mut outcomes: HashMap<usize, Outcome> = HashMap::new();
    for at in order {
        let layer = &layers[at];
        let parents = layer
            .inputs
            .iter()
            .map(|input| match *input {
                Input::Stimuli => (Source::Stimuli, stimuli, STIMULI_NAMES.map(str::to_owned).to_vec()),
                Input::Unknown => (Source::Stimuli, None, Vec::new()),
                Input::Layer(other) => {
                    let name = reader.name_of(layers[other].section).to_string();
                    match outcomes.get(&other) {
                        Some(outcome) => (Source::Cell(outcome.index), outcome.shape, vec![name]),
                        None => (Source::Stimuli, None, vec![name]),
                    }
                }
            })
            .map(|(source, shape, names)| Parent { source, shape, names })
            .collect();
        let n_errors = reader.errors.len();
        let Some(cell) = CellReader::new(reader, defaults, layer.section, parents, &cells.descriptions).read() else {
            cells.complete = false;
            continue;
        };
        let sound = reader.errors.len() == n_errors && cell.output_shape.is_some();
        define_shapes(reader, &cell);
        let shape = if sound { cell.output_shape } else { None };
        cells.complete &= sound;
        cells.sections.push(layer.section);
        cells.descriptions.push(cell.finish());
        if defaults.normalizes {
            inserted::add(reader, &mut cells);
        }
        outcomes.insert(at, Outcome { index: cells.descriptions.len() - 1, shape });
    }
    cells
}

impl Cells {
    /// The cell that hands on what the section of this one computes.
    pub fn last_of(&self, cell: usize) -> usize {
        let section = &self.sections[cell];
        cell + usize::from(self.sections.get(cell + 1) == Some(section))
    }
}

/// The computed properties of a layer.
fn define_shapes(reader: &mut Reader<'_>, cell: &Cell) {
    if let Some(shape) = cell.input_shape {
        reader.resolver.define(&cell.name, "_NbChannels", shape.channels);
        reader.resolver.define(&cell.name, "_ChannelsWidth", shape.width);
        reader.resolver.define(&cell.name, "_ChannelsHeight", shape.height);
    }
    if let Some(shape) = cell.output_shape {
        reader.resolver.define(&cell.name, "_NbOutputs", shape.channels);
        reader.resolver.define(&cell.name, "_OutputsWidth", shape.width);
        reader.resolver.define(&cell.name, "_OutputsHeight", shape.height);
    }
}

struct Parent {
    source: Source,
    shape: Option<Shape>,
    names: Vec<String>,
}

/// A layer that has been read, its shapes known unless there were faults.
struct Cell {
    name: String,
    section_span: Span,
    family: Family,
    cuda: bool,
    inputs: Vec<Source>,
    input_shape: Option<Shape>,
    output_shape: Option<Shape>,
    operator: Operator,
    activation: Located<Activation>,
    spiking: SpikingDescription,
    keys: BTreeMap<String, Span>,
    parameters: Vec<(String, String)>,
}

impl Cell {
    fn finish(self) -> CellDescription {
        // Stands in where a fault has been reported; no description leaves this room then.
        let nothing = Shape { channels: 0, height: 0, width: 0 };
        CellDescription {
            name: self.name,
            span: self.section_span,
            family: self.family,
            cuda: self.cuda,
            inputs: self.inputs,
            input_shape: self.input_shape.unwrap_or(nothing),
            output_shape: self.output_shape.unwrap_or(nothing),
            operator: self.operator,
            activation: self.activation,
            spiking: self.spiking,
            keys: self.keys,
            parameters: self.parameters,
            is_folded: false,
        }
    }
}

struct CellReader<'r, 'a> {
    reader: &'r mut Reader<'a>,
    defaults: &'r Defaults,
    section: usize,
    parents: Vec<Parent>,
    /// The layers read before.
    earlier: &'r [CellDescription],
    /// The section's own properties.
    bag: Bag<'a>,
    /// The section's own properties, those of each `ConfigSection`, the saved ones, weakest first.
    sources: Vec<Bag<'a>>,
    /// All of them in one.
    parameters: Bag<'a>,
    /// What `parameters` may hold beside solvers.
    parameter_scopes: Vec<Scope>,
    family: Family,
    /// Keys the section may have.
    accepted: Accepted,
    input_shape: Option<Shape>,
}

impl<'r, 'a> CellReader<'r, 'a> {
    fn new(
        reader: &'r mut Reader<'a>,
        defaults: &'r Defaults,
        section: usize,
        parents: Vec<Parent>,
        earlier: &'r [CellDescription],
    ) -> Self {
        Self {
            reader,
            defaults,
            section,
            parents,
            earlier,
            bag: Bag::empty(section),
            sources: Vec::new(),
            parameters: Bag::empty(section),
            parameter_scopes: Vec::new(),
            family: Family::Frame,
            accepted: vec![(String::new(), Scope::Cell)],
            input_shape: None,
        }
    }

    fn read(mut self) -> Option<Cell> {
        self.bag = self.reader.bag(self.section, None);
        let model = self.reader.read_optional(&self.bag, "", Scope::Cell, "Model");
        let model: String = model.unwrap_or_else(|| self.defaults.model.clone());
        self.bag = self.reader.bag(self.section, Some(&model));
        self.family = match model.split('_').next() {
            Some("Transcode") => Family::Transcode,
            Some("Spike") => Family::Spike,
            _ => Family::Frame,
        };
        let kind: String = self.reader.read(&self.bag, "", Scope::Cell, "Type");
        if kind.is_empty() {
            // Its ConfigSections count as used all the same.
            self.reader.config_sections(&self.bag, Scope::Cell);
            return None;
        }
        self.read_parameters(&model, &kind);
        self.input_shape = self.concatenated();
        let nothing = Located { value: Activation::Linear, span: self.reader.span_of_section(self.section) };
        let (operator, output_shape, activation) = match kind.as_str() {
            "Conv" => self.conv(),
            "Deconv" => self.deconv(),
            "Fc" => self.fc(),
            "Pool" => self.pool(),
            "Unpool" => self.unpool(),
            "FMP" => self.fmp(),
            "LRN" => {
                let (operator, shape) = self.lrn();
                (operator, shape, nothing)
            }
            "BatchNorm" => self.batch_norm(),
            "Normalize" | "Scaling" | "TargetBias" => {
                let (operator, shape) = self.margin(&kind);
                (operator, shape, nothing)
            }
            "Softmax" => {
                let (operator, shape) = self.softmax();
                (operator, shape, nothing)
            }
            "ElemWise" => {
                let (operator, shape) = self.elem_wise();
                (operator, shape, self.activation(Activation::Linear))
            }
            "Padding" | "Resize" | "Reshape" | "Transpose" | "Activation" => self.rearranged(&kind),
            "Threshold" | "Transformation" => self.transformed(&kind),
            _ => {
                let (operator, shape) = self.dropout();
                (operator, shape, nothing)
            }
        };
        let is_sum = matches!(&operator, Operator::ElemWise(config) if config.operation == ElementOperation::Sum);
        if let Some(remedy) = lacks_spikes(&kind).filter(|_| self.family != Family::Frame && !is_sum) {
            let message = format!("{kind} has no spiking half, so there is no {kind} of the model `{model}`; {remedy}");
            self.reader.fault_at(&self.bag, "Type", message);
        }
        let spiking = self.spiking(&kind);
        self.reader.check(&self.bag, &self.accepted, Unknown::Warns);
        let output_shape = output_shape.and_then(|shape| self.within_bounds(shape));
        let keys = self.parameters.entries().map(|(name, property)| (name.to_owned(), self.reader.span(property.line)));
        let keys = keys.collect();
        let parameters = self.reader.saved_parameters(&self.parameters, &self.parameter_scopes);
        Some(Cell {
            keys,
            parameters,
            name: self.reader.name_of(self.section).to_string(),
            section_span: self.reader.span_of_section(self.section),
            family: self.family,
            cuda: model.ends_with("_CUDA"),
            inputs: self.parents.iter().map(|parent| parent.source).collect(),
            input_shape: self.input_shape,
            output_shape,
            operator,
            activation,
            spiking,
        })
    }

    /// Gathers the parameters and refuses those that a layer of this type and model does not have.
    fn read_parameters(&mut self, model: &str, kind: &str) {
        let weighted = matches!(kind, "Conv" | "Deconv" | "Fc");
        let mut scopes = Vec::new();
        if weighted {
            scopes.push(Scope::WeightedParameter);
        }
        match kind {
            "Conv" | "Deconv" => scopes.push(Scope::ConvParameter),
            "Fc" => scopes.push(Scope::FcParameter),
            "Dropout" => scopes.push(Scope::DropoutParameter),
            "BatchNorm" => scopes.push(Scope::BatchNormParameter),
            "Resize" => scopes.push(Scope::ResizeParameter),
            "Threshold" => scopes.push(Scope::ThresholdParameter),
            "FMP" => scopes.push(Scope::FmpParameter),
            "LRN" => scopes.push(Scope::LrnParameter),
            _ => {}
        }
        if self.family != Family::Frame && matches!(kind, "Conv" | "Fc" | "Pool" | "ElemWise") {
            scopes.push(Scope::SpikingParameter);
            if kind != "Pool" {
                scopes.push(Scope::NeuronParameter);
            }
            if kind == "Fc" {
                scopes.push(Scope::SpikingFcParameter);
            }
        }
        let mut accepted: Accepted = scopes.iter().map(|&scope| (String::new(), scope)).collect();
        self.parameter_scopes = scopes;
        let layer = if weighted { Scope::Weighted } else { Scope::BatchNorm };
        let roles = if weighted { ["WeightsSolver", "BiasSolver"] } else { ["ScaleSolver", "BiasSolver"] };
        for role in roles.into_iter().filter(|_| weighted || kind == "BatchNorm") {
            let scope = learning::solver_scope(self.reader, &self.bag, layer, role);
            accepted.extend([format!("{role}."), "Solvers.".to_owned()].map(|prefix| (prefix, scope)));
        }
        self.sources.push(self.bag.clone());
        for section in self.reader.config_sections(&self.bag, Scope::Cell) {
            let bag = self.reader.bag(section, Some(model));
            self.reader.check(&bag, &accepted, Unknown::Fails);
            self.sources.push(bag);
        }
        let saved = self.reader.saved(self.section);
        self.reader.check(&saved, &accepted, Unknown::Fails);
        self.sources.push(saved);
        for source in &self.sources {
            self.parameters.overlay(source, |name| Some(name.to_owned()));
        }
        self.accepted.extend(accepted);
    }

    fn concatenated(&mut self) -> Option<Shape> {
        let shapes: Vec<Shape> = self.parents.iter().map(|parent| parent.shape).collect::<Option<_>>()?;
        let (first, others) = shapes.split_first()?;
        if let Some(other) = others.iter().find(|other| (other.width, other.height) != (first.width, first.height)) {
            let message = format!(
                "inputs must agree in width and height, found {}x{} and {}x{}",
                first.width, first.height, other.width, other.height
            );
            self.reader.fault_at(&self.bag, "Input", message);
            return None;
        }
        let channels = shapes.iter().map(|shape| shape.channels).sum();
        self.within_bounds(Shape { channels, ..*first })
    }

    fn within_bounds(&mut self, shape: Shape) -> Option<Shape> {
        let n = shape.channels as u128 * shape.height as u128 * shape.width as u128;
        if n > MOST_ELEMENTS {
            let message = format!("a map of {}x{}x{} elements is too large", shape.channels, shape.height, shape.width);
            self.reader.section_fault(self.section, "", message);
            return None;
        }
        Some(shape)
    }

    fn check_weights(&mut self, n_outputs: usize, kernel: Size) {
        let Some(input) = self.input_shape else { return };
        let n = [input.channels, kernel.width, kernel.height]
            .into_iter()
            .try_fold(n_outputs as u128, |n, factor| n.checked_mul(factor as u128));
        if n.is_none_or(|n| n > MOST_WEIGHTS) {
            let message = format!(
                "a layer has at most {MOST_WEIGHTS} weights, this one would have more; lower NbOutputs or the size of the input"
            );
            self.reader.section_fault(self.section, "", message);
        }
    }

    /// A width and a height, written in one of three ways.
    fn size(&mut self, scope: Scope, keys: SizeKeys, least: u64) -> Size {
        let SizeKeys { list, both, width, height } = keys;
        let written: Vec<&str> = [list, both, width, height].into_iter().filter(|key| self.bag.has(key)).collect();
        if let [first, .., last] = written[..]
            && (first, last) != (width, height)
        {
            self.reader.fault_at(&self.bag, first, format!("excludes `{last}`; write one or the other"));
        }
        let (key, values) = if self.bag.has(list) {
            let values: Vec<u64> = self.reader.read_optional(&self.bag, "", scope, list).unwrap_or(vec![least; 2]);
            if values.iter().any(|&value| value < least) {
                self.reader.fault_at(&self.bag, list, format!("expected whole numbers from {least}"));
            }
            (list, values)
        } else if self.bag.has(both) {
            let value: u64 = self.reader.read_optional(&self.bag, "", scope, both).unwrap_or(least);
            (both, vec![value; 2])
        } else {
            let values = [width, height].map(|key| self.reader.read::<u64>(&self.bag, "", scope, key));
            (width, values.to_vec())
        };
        match values[..] {
            [width, height] if width.min(height) < least => {
                Size { width: width.max(1) as usize, height: height.max(1) as usize }
            }
            [width, height] if width.max(height) <= LARGEST as u64 => {
                Size { width: width as usize, height: height as usize }
            }
            [_, _] => {
                self.reader.fault_at(&self.bag, key, format!("expected at most {LARGEST}"));
                Size { width: 1, height: 1 }
            }
            _ => {
                self.reader.fault_at(
                    &self.bag,
                    key,
                    format!("expected a width and a height, found {} values", values.len()),
                );
                Size { width: 1, height: 1 }
            }
        }
    }

    fn n_outputs(&mut self) -> usize {
        if !self.bag.has("NbOutputs") {
            self.reader.section_fault(self.section, "NbOutputs", "missing; expected the number of output channels");
        }
        let n = self.reader.read_optional(&self.bag, "", Scope::Cell, "NbOutputs").unwrap_or(1);
        if n > LARGEST {
            self.reader.fault_at(&self.bag, "NbOutputs", format!("expected at most {LARGEST}, found {n}"));
            return 1;
        }
        n
    }

    /// Channels, which the layer takes over from its input.
    fn kept_shape(&mut self) -> Option<Shape> {
        self.check_n_outputs(self.input_shape);
        self.input_shape
    }

    /// Refuses another number of outputs than the channels of `shape`.
    fn check_n_outputs(&mut self, shape: Option<Shape>) {
        let n: Option<usize> = self.reader.read_optional(&self.bag, "", Scope::Cell, "NbOutputs");
        let Some(shape) = shape else { return };
        if let Some(n) = n.filter(|&n| n != shape.channels) {
            let message = format!("expected {}, the channels of its input, found {n}", shape.channels);
            self.reader.fault_at(&self.bag, "NbOutputs", message);
        }
    }

    fn activation(&mut self, default: Activation) -> Located<Activation> {
        learning::activation(self.reader, &self.bag, default, &mut self.accepted)
    }

    fn flag(&mut self, scope: Scope, name: &str) -> bool {
        self.reader.read(&self.parameters, "", scope, name)
    }

    fn mapping(&mut self, n_outputs: usize) -> Option<Vec<bool>> {
        let names: Vec<Vec<String>> = self.parents.iter().map(|parent| parent.names.clone()).collect();
        let accepted = mapping::accepted(self.reader, &self.bag, &names);
        self.accepted.extend(accepted);
        let parents: Vec<mapping::Parent> = self
            .parents
            .iter()
            .map(|parent| Some(mapping::Parent { names: parent.names.clone(), n_channels: parent.shape?.channels }))
            .collect::<Option<_>>()?;
        mapping::read(self.reader, &self.bag, &parents, n_outputs)
    }

    fn conv(&mut self) -> (Operator, Option<Shape>, Located<Activation>) {
        self.accepted.extend([Scope::Conv, Scope::Weighted].map(|scope| (String::new(), scope)));
        let n_outputs = self.n_outputs();
        let kernel =
            self.size(Scope::Conv, SizeKeys::new("KernelDims", "KernelSize", "KernelWidth", "KernelHeight"), 1);
        let stride = self.size(Scope::Conv, SizeKeys::new("StrideDims", "Stride", "StrideX", "StrideY"), 1);
        let padding = self.size(Scope::Conv, SizeKeys::new("PaddingDims", "Padding", "PaddingX", "PaddingY"), 0);
        let dilation = self.size(Scope::Conv, SizeKeys::new("DilationDims", "Dilation", "DilationX", "DilationY"), 1);
        let sub_sample =
            self.size(Scope::Conv, SizeKeys::new("SubSampleDims", "SubSample", "SubSampleX", "SubSampleY"), 1);
        if self.family != Family::Frame && (dilation.width, dilation.height) != (1, 1) {
            let key = ["DilationDims", "Dilation", "DilationX", "DilationY"].into_iter().find(|key| self.bag.has(key));
            self.reader.fault_at(&self.bag, key.unwrap_or("Dilation"), "a spiking Conv has no dilation; expected 1");
        }
        let config = ConvConfig {
            n_outputs,
            kernel,
            stride,
            padding,
            dilation,
            sub_sample,
            mapping: self.mapping(n_outputs),
            no_bias: self.flag(Scope::WeightedParameter, "NoBias"),
            back_propagate: self.flag(Scope::WeightedParameter, "BackPropagate"),
            weights_filler: learning::filler(self.reader, &self.bag, "WeightsFiller", &mut self.accepted),
            bias_filler: learning::filler(self.reader, &self.bag, "BiasFiller", &mut self.accepted),
            weights_solver: self.solver("WeightsSolver"),
            bias_solver: self.solver("BiasSolver"),
        };
        let reach =
            Size { width: dilation.width * (kernel.width - 1) + 1, height: dilation.height * (kernel.height - 1) + 1 };
        let keys = ["KernelDims", "KernelSize", "KernelWidth", "KernelHeight"];
        let shape = self.slid("kernel", keys, reach, stride, padding).map(|size| Shape {
            channels: n_outputs,
            height: size.height.div_ceil(sub_sample.height),
            width: size.width.div_ceil(sub_sample.width),
        });
        if shape.is_some() {
            self.check_weights(n_outputs, kernel);
        }
        let activation = self.activation(self.defaults.activation);
        (Operator::Conv(config), shape, activation)
    }

    fn fc(&mut self) -> (Operator, Option<Shape>, Located<Activation>) {
        self.accepted.push((String::new(), Scope::Weighted));
        let n_outputs = self.n_outputs();
        let config = FcConfig {
            n_outputs,
            no_bias: self.flag(Scope::WeightedParameter, "NoBias"),
            back_propagate: self.flag(Scope::WeightedParameter, "BackPropagate"),
            weights_filler: learning::filler(self.reader, &self.bag, "WeightsFiller", &mut self.accepted),
            bias_filler: learning::filler(self.reader, &self.bag, "BiasFiller", &mut self.accepted),
            weights_solver: self.solver("WeightsSolver"),
            bias_solver: self.solver("BiasSolver"),
            normalizes: self.flag(Scope::FcParameter, "Normalize"),
            drop_connect: self.drop_connect(),
        };
        let activation = self.activation(self.defaults.activation);
        if let Some(input) = self.input_shape {
            self.check_weights(n_outputs, Size { width: input.width, height: input.height });
        }
        let shape = self.input_shape.map(|_| Shape { channels: n_outputs, height: 1, width: 1 });
        (Operator::Fc(config), shape, activation)
    }

    fn drop_connect(&mut self) -> f32 {
        let n_errors = self.reader.errors.len();
        let kept: f32 = self.reader.read(&self.parameters, "", Scope::FcParameter, "DropConnect");
        if kept == 0.0 && self.reader.errors.len() == n_errors {
            let message = "expected a number from above 0 to 1, found `0`: no weight would be learned";
            self.reader.fault_at(&self.parameters, "DropConnect", message);
        }
        kept
    }

    fn pool(&mut self) -> (Operator, Option<Shape>, Located<Activation>) {
        self.accepted.push((String::new(), Scope::Pool));
        let n_outputs = self.n_outputs();
        let window = self.size(Scope::Pool, SizeKeys::new("PoolDims", "PoolSize", "PoolWidth", "PoolHeight"), 1);
        let stride = self.size(Scope::Pool, SizeKeys::new("StrideDims", "Stride", "StrideX", "StrideY"), 1);
        let padding = self.size(Scope::Pool, SizeKeys::new("PaddingDims", "Padding", "PaddingX", "PaddingY"), 0);
        let average = self.reader.read::<String>(&self.bag, "", Scope::Pool, "Pooling") == "Average";
        let config = PoolConfig {
            n_outputs,
            pooling: if average { Pooling::Average } else { Pooling::Max },
            window,
            stride,
            padding,
            mapping: self.mapping(n_outputs),
        };
        let keys = ["PoolDims", "PoolSize", "PoolWidth", "PoolHeight"];
        let shape = self.slid("window", keys, window, stride, padding).map(|size| Shape {
            channels: n_outputs,
            height: size.height,
            width: size.width,
        });
        let activation = self.activation(Activation::Linear);
        (Operator::Pool(config), shape, activation)
    }

    fn softmax(&mut self) -> (Operator, Option<Shape>) {
        self.accepted.push((String::new(), Scope::Softmax));
        let with_loss = self.reader.read(&self.bag, "", Scope::Softmax, "WithLoss");
        let group_size: usize = self.reader.read(&self.bag, "", Scope::Softmax, "GroupSize");
        if self.parents.len() > 1 {
            self.reader.fault_at(&self.bag, "Input", format!("a Softmax has one input, found {}", self.parents.len()));
        }
        let shape = self.kept_shape();
        if let Some(shape) = shape.filter(|shape| group_size > 0 && shape.channels % group_size != 0) {
            let message = format!("expected a divisor of its {} channels, found {group_size}", shape.channels);
            self.reader.fault_at(&self.bag, "GroupSize", message);
        }
        (Operator::Softmax(SoftmaxConfig { with_loss, group_size }), shape)
    }

    fn dropout(&mut self) -> (Operator, Option<Shape>) {
        let rate: f32 = self.reader.read(&self.parameters, "", Scope::DropoutParameter, "Dropout");
        if rate == 1.0 {
            self.reader.fault_at(
                &self.parameters,
                "Dropout",
                "expected a number from 0 to below 1, found `1`: nothing would be kept",
            );
        }
        (Operator::Dropout(DropoutConfig { rate }), self.kept_shape())
    }

    fn solver(&mut self, role: &str) -> SolverConfig {
        let scope = learning::solver_scope(self.reader, &self.bag, Scope::Weighted, role);
        learning::solver(self.reader, &self.sources, self.section, role, scope)
    }

    /// How many positions a window of `reach` takes on the padded input.
    fn slid(&mut self, noun: &str, keys: [&str; 4], reach: Size, stride: Size, padding: Size) -> Option<Size> {
        let input = self.input_shape?;
        let padded = Size { width: input.width + 2 * padding.width, height: input.height + 2 * padding.height };
        if reach.width > padded.width || reach.height > padded.height {
            let message = format!(
                "a {noun} of {}x{} is larger than the input of `{}`, {}x{}{}",
                reach.width,
                reach.height,
                self.reader.name_of(self.section),
                padded.width,
                padded.height,
                if (padding.width, padding.height) == (0, 0) { "" } else { " with its padding" }
            );
            let [list, both, width, height] = keys;
            let side = if reach.width > padded.width { width } else { height };
            let key = [list, both, side].into_iter().find(|key| self.bag.has(key));
            self.reader.fault_at(&self.bag, key.unwrap_or(""), message);
            return None;
        }
        Some(Size {
            width: (padded.width - reach.width) / stride.width + 1,
            height: (padded.height - reach.height) / stride.height + 1,
        })
    }

    fn spiking(&mut self, kind: &str) -> SpikingDescription {
        let mut spiking = SpikingDescription::default();
        if self.family == Family::Frame || !matches!(kind, "Conv" | "Fc" | "Pool" | "ElemWise") {
            return spiking;
        }
        let bag = &self.parameters;
        spiking.incoming_delay = self.reader.read(bag, "", Scope::SpikingParameter, "IncomingDelay");
        if kind == "Pool" {
            return spiking;
        }
        spiking.neuron = Neuron {
            threshold: self.reader.read(bag, "", Scope::NeuronParameter, "Threshold"),
            bipolar_threshold: self.reader.read(bag, "", Scope::NeuronParameter, "BipolarThreshold"),
            membrane_time_constant: self.reader.read(bag, "", Scope::NeuronParameter, "Leak"),
            refractory_period: self.reader.read(bag, "", Scope::NeuronParameter, "Refractory"),
            reset: Reset::Subtract,
        };
        if kind == "Fc" {
            spiking.terminate_delta = self.reader.read(bag, "", Scope::SpikingFcParameter, "TerminateDelta");
            spiking.terminate_max = self.reader.read(bag, "", Scope::SpikingFcParameter, "TerminateMax");
        }
        spiking
    }
}

/// What to do about a type of layer that has no spiking half; `None` where it has one.
fn lacks_spikes(kind: &str) -> Option<&'static str> {
    match kind {
        "Conv" | "Fc" | "Pool" | "BatchNorm" => None,
        "Softmax" | "Dropout" | "Scaling" | "TargetBias" => Some("leave the layer out, spikes do not need it"),
        "Deconv" => Some("test the network as frames, with Model=Frame for all its layers"),
        "ElemWise" => Some(
            "only that of `Operation=Sum` has one; give its inputs to the next Conv or Fc together (`Input=a,b`) and learn again, or use Model=Frame",
        ),
        "Padding" => {
            Some("give the next Conv or Pool PaddingX and PaddingY instead and learn again, or use Model=Frame")
        }
        "Reshape" => Some("leave it out where an Fc follows, which reads any shape, or use Model=Frame"),
        "Activation" => Some("give the Conv or Fc before it this ActivationFunction instead, or use Model=Frame"),
        "Threshold" | "Transformation" => {
            Some("transform the stimuli instead, in a section of `[env]`, or use Model=Frame")
        }
        _ => Some("learn again without it, or use Model=Frame and test the network as frames"),
    }
}

/// The keys of a width and a height: a list, one for both, one each.
#[derive(Clone, Copy)]
struct SizeKeys {
    list: &'static str,
    both: &'static str,
    width: &'static str,
    height: &'static str,
}

impl SizeKeys {
    const fn new(list: &'static str, both: &'static str, width: &'static str, height: &'static str) -> Self {
        Self { list, both, width, height }
    }

    fn all(self) -> [&'static str; 4] {
        [self.list, self.both, self.width, self.height]
    }
}
