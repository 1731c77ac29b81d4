//! What a model means, as a table: layers, sizes, synapses, parameters.

use std::fmt::Write;

use formal::config::{Activation, Operator, Pooling, Size};
use serde::Serialize;
use stimuli::Shape;

use super::number::{general, grouped};
use crate::model::{CellDescription, Description, Family};
use crate::transcode::{is_spiking, normalization_name};

/// Sizes of one cell (`formal.md` 3.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Integrating neurons.
    pub neurons: u64,
    /// Output elements.
    pub nodes: u64,
    /// Distinct synapses, biases included.
    pub synapses: u64,
    /// Synapses of the unrolled cell.
    pub virtual_synapses: u64,
    /// Virtual synapses, or the pooling connections.
    pub connections: u64,
}

/// Positions along one axis at which a window meets the input: the sum over all output positions.
fn taps(input: usize, window: usize, stride: usize, padding: usize, dilation: usize) -> u64 {
    let extent = dilation * (window - 1) + 1;
    let outputs = (input + 2 * padding + stride).saturating_sub(extent) / stride.max(1);
    (0..outputs)
        .flat_map(|o| (0..window).map(move |tap| o * stride + tap * dilation))
        .filter(|&position| position >= padding && position < padding + input)
        .count() as u64
}

fn elements(shape: Shape) -> u64 {
    (shape.channels * shape.height * shape.width) as u64
}

/// Counts what a cell is made of.
pub fn sizes(cell: &CellDescription) -> Sizes {
    let (input, nodes) = (cell.input_shape, elements(cell.output_shape));
    let connected = |mapping: &Option<Vec<bool>>, n_outputs: usize| match mapping {
        Some(map) => map.iter().filter(|&&on| on).count() as u64,
        None => (n_outputs * input.channels) as u64,
    };
    match &cell.operator {
        Operator::Conv(conv) => {
            let pairs = connected(&conv.mapping, conv.n_outputs);
            let bias = if conv.no_bias { 0 } else { conv.n_outputs as u64 };
            let x = taps(input.width, conv.kernel.width, conv.stride.width, conv.padding.width, conv.dilation.width);
            let y =
                taps(input.height, conv.kernel.height, conv.stride.height, conv.padding.height, conv.dilation.height);
            let virtual_synapses = x * y * pairs + bias;
            let synapses = (conv.kernel.width * conv.kernel.height) as u64 * pairs + bias;
            Sizes { neurons: nodes, nodes, synapses, virtual_synapses, connections: virtual_synapses }
        }
        Operator::Deconv(deconv) => {
            let (pairs, output) = (connected(&deconv.mapping, deconv.n_outputs), cell.output_shape);
            let bias = if deconv.no_bias { 0 } else { deconv.n_outputs as u64 };
            let (kernel, stride, padding, dilation) = (deconv.kernel, deconv.stride, deconv.padding, deconv.dilation);
            let x = taps(output.width, kernel.width, stride.width, padding.width, dilation.width);
            let y = taps(output.height, kernel.height, stride.height, padding.height, dilation.height);
            let virtual_synapses = x * y * pairs + bias;
            let synapses = (kernel.width * kernel.height) as u64 * pairs + bias;
            Sizes { neurons: nodes, nodes, synapses, virtual_synapses, connections: virtual_synapses }
        }
        Operator::Fc(fc) => {
            let bias = if fc.no_bias { 0 } else { fc.n_outputs as u64 };
            let synapses = fc.n_outputs as u64 * elements(input) + bias;
            Sizes { neurons: nodes, nodes, synapses, virtual_synapses: synapses, connections: synapses }
        }
        Operator::Pool(pool) => {
            let x = taps(input.width, pool.window.width, pool.stride.width, pool.padding.width, 1);
            let y = taps(input.height, pool.window.height, pool.stride.height, pool.padding.height, 1);
            Sizes { nodes, connections: x * y * connected(&pool.mapping, pool.n_outputs), ..Sizes::default() }
        }
        Operator::Padding(_)
        | Operator::Resize(_)
        | Operator::Reshape(_)
        | Operator::Transpose(_)
        | Operator::Normalize(_)
        | Operator::Scaling(_)
        | Operator::TargetBias(_)
        | Operator::Activation => Sizes { nodes, ..Sizes::default() },
        Operator::Transformation(_) => Sizes::default(),
        Operator::Fmp(fmp) => {
            let overlap = usize::from(fmp.is_overlapping);
            // Each window but the last has one more row and column where they overlap.
            let taps = |n: usize, windows: usize| (n + overlap * (windows - 1)) as u64;
            let x = taps(input.width, cell.output_shape.width);
            let y = taps(input.height, cell.output_shape.height);
            Sizes { nodes, connections: x * y * connected(&fmp.mapping, fmp.n_outputs), ..Sizes::default() }
        }
        Operator::ElemWise(_) | Operator::BatchNorm(_) | Operator::Unpool(_) | Operator::Lrn(_) => {
            Sizes { nodes, ..Sizes::default() }
        }
        Operator::Softmax(_) | Operator::Dropout(_) => Sizes { neurons: nodes, nodes, ..Sizes::default() },
    }
}

/// What a model means, for programs. Shapes are channels, rows, columns.
pub fn document(description: &Description) -> impl Serialize + '_ {
    #[derive(Serialize)]
    struct File<'a> {
        model: &'a str,
        ini_sha256: &'a str,
        version: &'static str,
        is_spiking: bool,
        batch_size: usize,
        synapses: u64,
        virtual_synapses: u64,
        layers: Vec<Layer<'a>>,
    }
    #[derive(Serialize)]
    struct Layer<'a> {
        name: &'a str,
        input_shape: [usize; 3],
        output_shape: [usize; 3],
        neurons: u64,
        nodes: u64,
        synapses: u64,
        virtual_synapses: u64,
        connections: u64,
    }
    let shape = |shape: Shape| [shape.channels, shape.height, shape.width];
    let layers: Vec<Layer> = description
        .cells
        .iter()
        .map(|cell| {
            let Sizes { neurons, nodes, synapses, virtual_synapses, connections } = sizes(cell);
            let (input_shape, output_shape) = (shape(cell.input_shape), shape(cell.output_shape));
            Layer {
                name: &cell.name,
                input_shape,
                output_shape,
                neurons,
                nodes,
                synapses,
                virtual_synapses,
                connections,
            }
        })
        .collect();
    File {
        model: &description.name,
        ini_sha256: &description.sha256,
        version: env!("CARGO_PKG_VERSION"),
        is_spiking: is_spiking(description),
        batch_size: description.stimuli.batch_size,
        synapses: layers.iter().map(|layer| layer.synapses).sum(),
        virtual_synapses: layers.iter().map(|layer| layer.virtual_synapses).sum(),
        layers,
    }
}

fn kernel_text(kind: &str, kernel: Size, stride: Size, padding: Size) -> String {
    let mut text = format!("{kind} {}x{}", kernel.width, kernel.height);
    if (stride.width, stride.height) != (1, 1) {
        let _ = write!(text, " stride {}x{}", stride.width, stride.height);
    }
    if (padding.width, padding.height) != (0, 0) {
        let _ = write!(text, " pad {}x{}", padding.width, padding.height);
    }
    text
}

/// What a cell is, in words.
pub fn kind(cell: &CellDescription) -> String {
    let text = match &cell.operator {
        Operator::Conv(c) => kernel_text("Conv", c.kernel, c.stride, c.padding),
        Operator::Deconv(d) => kernel_text("Deconv", d.kernel, d.stride, d.padding),
        Operator::Fc(_) => "Fc".to_string(),
        Operator::Pool(p) => {
            let name = if p.pooling == Pooling::Max { "Max" } else { "Average" };
            format!("Pool {name} {}x{} stride {}x{}", p.window.width, p.window.height, p.stride.width, p.stride.height)
        }
        Operator::Softmax(s) => format!("Softmax{}", if s.with_loss { " with loss" } else { "" }),
        Operator::Dropout(d) => format!("Dropout {}", d.rate),
        Operator::Unpool(_) => "Unpool".to_string(),
        Operator::Fmp(f) => format!("FMP {}", f.scaling_ratio),
        Operator::Lrn(l) => format!("LRN {}", l.n),
        Operator::BatchNorm(_) => "BatchNorm".to_string(),
        Operator::ElemWise(e) => format!("ElemWise {:?}", e.operation),
        Operator::Padding(p) => {
            format!("Padding top {}, bottom {}, left {}, right {}", p.top, p.bottom, p.left, p.right)
        }
        Operator::Resize(r) => format!("Resize {:?}", r.interpolation),
        Operator::Reshape(_) => "Reshape".to_string(),
        Operator::Transpose(t) => format!("Transpose {:?}", t.axes),
        Operator::Activation => "Activation".to_string(),
        Operator::Normalize(n) => format!("Normalize {:?}", n.norm),
        Operator::Scaling(s) => format!("Scaling {}", s.factor),
        Operator::TargetBias(t) => format!("TargetBias {}", t.bias),
        Operator::Transformation(operation) => format!("Transformation {}", operation.name()),
    };
    match cell.activation.value {
        Activation::Linear => text,
        Activation::Rectifier { .. } => text + ", Rectifier",
        Activation::Tanh { .. } => text + ", Tanh",
        Activation::Logistic => text + ", Logistic",
        Activation::LogisticWithLoss => text + ", Logistic with loss",
        Activation::Saturation { .. } => text + ", Saturation",
        Activation::Softplus => text + ", Softplus",
        Activation::Swish => text + ", Swish",
    }
}

/// The table of `femtospike inspect`.
pub fn table(description: &Description) -> String {
    let stimuli = &description.stimuli;
    let s = stimuli.shape;
    let mut text = format!(
        "{} (sha256 {})\nstimuli {}x{}x{}, batch {}, validation {}\n\n",
        description.name,
        &description.sha256[..16.min(description.sha256.len())],
        s.width,
        s.height,
        s.channels,
        stimuli.batch_size,
        general(description.database.validation)
    );
    let header = ["cell", "kind", "output", "synapses", "virtual synapses", "connections", "nodes"];
    let mut rows: Vec<[String; 7]> = vec![header.map(str::to_string)];
    let mut total = Sizes::default();
    for cell in &description.cells {
        let z = sizes(cell);
        total.neurons += z.neurons;
        total.nodes += z.nodes;
        total.synapses += z.synapses;
        total.virtual_synapses += z.virtual_synapses;
        total.connections += z.connections;
        let o = cell.output_shape;
        let numbers = [z.synapses, z.virtual_synapses, z.connections, z.nodes].map(grouped);
        let [synapses, virtual_synapses, connections, nodes] = numbers;
        let output = format!("{}x{}x{}", o.width, o.height, o.channels);
        rows.push([cell.name.clone(), kind(cell), output, synapses, virtual_synapses, connections, nodes]);
    }
    let [synapses, virtual_synapses, connections, nodes] =
        [total.synapses, total.virtual_synapses, total.connections, total.nodes].map(grouped);
    rows.push(["total".to_string(), String::new(), String::new(), synapses, virtual_synapses, connections, nodes]);
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        let mut line = String::new();
        for (column, (width, cell)) in widths.iter().zip(row).enumerate() {
            let _ = if column < 3 { write!(line, "{cell:<width$}  ") } else { write!(line, "{cell:>width$}  ") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    if is_spiking(description) {
        text += &spiking_lines(description);
    }
    text.trim_end().to_string()
}

fn spiking_lines(description: &Description) -> String {
    let mut text = String::from("\nspikes:\n");
    if let Some(e) = &description.stimuli.encoder {
        let _ = writeln!(
            text,
            "  env  {:?}, period {} to {}, at least {}, relative deviation {}",
            e.coding, e.period_mean_min, e.period_mean_max, e.period_min, e.period_rel_std_dev
        );
    }
    for cell in description.cells.iter().filter(|cell| cell.family != Family::Frame) {
        if !matches!(cell.operator, Operator::Conv(_) | Operator::Fc(_)) {
            continue;
        }
        let (s, n) = (&cell.spiking, &cell.spiking.neuron);
        let _ = write!(
            text,
            "  {}  threshold {}{}",
            cell.name,
            general(n.threshold),
            if n.bipolar_threshold { " (both signs)" } else { "" }
        );
        for (label, time) in [("leak", n.membrane_time_constant), ("refractory", n.refractory_period)] {
            if time.0 > 0 {
                let _ = write!(text, ", {label} {time}");
            }
        }
        if s.incoming_delay.mean > 0.0 || s.incoming_delay.std_dev > 0.0 {
            let _ = write!(text, ", delay {} fs +- {} fs", s.incoming_delay.mean, s.incoming_delay.std_dev);
        }
        for (label, value) in [("TerminateDelta", s.terminate_delta), ("TerminateMax", s.terminate_max)] {
            if value > 0 {
                let _ = write!(text, ", {label} {value}");
            }
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "  normalization {}, pooling {:?}",
        normalization_name(description.normalization),
        description.pooling
    );
    text
}
