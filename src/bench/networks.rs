//! Networks larger than LeNet, with random weights: the same on every machine.

use sim::encoder::{Coding, EncoderConfig};
use sim::network::{Cell, Conv, Fc, Neuron, Operator, Pool, Pooling, PoolingMode, Shape, Size, Source};
use sim::random::{Purpose, Random, Stream, StreamKey};
use sim::{Encoder, Error, Network, SimDuration};

use super::load::{SEED, Stimulus};

/// Rectified layers: no negative spikes.
const RECTIFIED: Neuron = Neuron {
    threshold: 1.0,
    bipolar_threshold: false,
    membrane_time_constant: SimDuration(0),
    refractory_period: SimDuration(0),
    reset: sim::network::Reset::Subtract,
};
const N_CLASSES: usize = 10;
const TERMINATE_DELTA: u32 = 4;
/// Gain of the hidden layers (He's), at which every layer fires about as often as the one before.
const HIDDEN_GAIN: f64 = 1.4;
/// Gain of the outputs, at which no decision cuts the presentation short.
const OUTPUT_GAIN: f64 = 0.3;
/// How long a stimulus is presented to these networks: up to two spikes a pixel.
pub const PRESENTATION: SimDuration = SimDuration(20_000_000);

/// A stack of convolutions of equal size, each followed by the next, and ten outputs on the last.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    /// Layers.
    pub n_layers: usize,
    /// Maps of a layer.
    pub maps: usize,
    /// Size of a map, and of the stimulus.
    pub size: Size,
    /// Kernel size, odd on both axes.
    pub kernel: Size,
}

impl Stack {
    /// Neurons below the outputs.
    pub fn n_neurons(&self) -> usize {
        self.n_layers * self.maps * self.size.width * self.size.height
    }

    /// A million neurons below the outputs.
    pub const MILLION: Self =
        Self { n_layers: 10, maps: 40, size: Size { width: 50, height: 50 }, kernel: Size { width: 3, height: 3 } };

    /// Draws the network.
    pub fn network(&self) -> Network {
        let mut builder = Builder::new(Shape { channels: 1, height: self.size.height, width: self.size.width });
        for layer in 1..=self.n_layers {
            builder.conv(&format!("layer{layer}"), self.maps, self.kernel);
        }
        builder.outputs()
    }
}

/// A VGG-like network at CIFAR size: three pairs of 3x3 convolutions, each pair pooled, and two full layers.
pub fn vgg() -> Network {
    let mut builder = Builder::new(Shape { channels: 3, height: 32, width: 32 });
    for (block, maps) in [64, 128, 256].into_iter().enumerate() {
        for half in 1..=2 {
            builder.conv(&format!("conv{}_{half}", block + 1), maps, Size::square(3));
        }
        builder.pool(&format!("pool{}", block + 1));
    }
    builder.fc("fc1", 256, RECTIFIED, 0, HIDDEN_GAIN);
    builder.outputs()
}

/// The input coding of the shipped LeNet: a white pixel spikes every 10 ns, a black one every 100 us.
///
/// # Errors
/// None: the periods are in order.
pub fn encoder() -> Result<Encoder, Error> {
    Encoder::new(EncoderConfig {
        coding: Coding::JitteredPeriodic,
        period_min: SimDuration::ns(1),
        period_mean_min: SimDuration::ns(10),
        period_mean_max: SimDuration::us(100),
        period_rel_std_dev: 0.0,
        ..EncoderConfig::default()
    })
}

/// Draws `n` stimuli of uniform noise.
pub fn noise(shape: Shape, n: usize) -> Vec<Stimulus> {
    (0..n as u64)
        .map(|id| {
            let mut random = random(id);
            Stimulus { id, values: (0..shape.len()).map(|_| random.uniform_closed() as f32).collect() }
        })
        .collect()
}

/// A stream that no presentation draws from: their stimuli count from 0.
fn random(item: u64) -> Random<Stream> {
    Random::new(StreamKey::new(SEED, Purpose::Encoder).stream(u64::MAX - item, 0))
}

struct Builder {
    input: Shape,
    shape: Shape,
    cells: Vec<Cell>,
}

impl Builder {
    fn new(input: Shape) -> Self {
        Self { input, shape: input, cells: Vec::new() }
    }

    /// Weights of a cell whose neurons have `fan_in` synapses.
    fn weights(&self, n: usize, fan_in: usize, gain: f64) -> Vec<f64> {
        let mut random = random((1 << 32) + self.cells.len() as u64);
        let deviation = gain / (fan_in as f64).sqrt();
        (0..n).map(|_| random.normal(0.0, deviation)).collect()
    }

    fn push(&mut self, name: &str, shape: Shape, operator: Operator) {
        let input = self.cells.len().checked_sub(1).map_or(Source::Environment, Source::Cell);
        self.cells.push(Cell { name: name.to_string(), inputs: vec![input], operator });
        self.shape = shape;
    }

    fn conv(&mut self, name: &str, n_outputs: usize, kernel: Size) {
        let fan_in = self.shape.channels * kernel.width * kernel.height;
        let conv = Conv {
            n_outputs,
            kernel,
            stride: Size::square(1),
            padding: Size { width: kernel.width / 2, height: kernel.height / 2 },
            sub_sample: Size::square(1),
            mapping: None,
            weights: self.weights(n_outputs * fan_in, fan_in, HIDDEN_GAIN),
            delays: None,
            currents: None,
            neuron: RECTIFIED,
        };
        self.push(name, Shape { channels: n_outputs, ..self.shape }, Operator::Conv(conv));
    }

    fn pool(&mut self, name: &str) {
        let Shape { channels: n, height, width } = self.shape;
        let pool = Pool {
            n_outputs: n,
            pooling: Pooling::Max,
            mode: PoolingMode::Approximated,
            window: Size::square(2),
            stride: Size::square(2),
            padding: Size::square(0),
            mapping: Some((0..n * n).map(|i| i / n == i % n).collect()),
        };
        self.push(name, Shape { channels: n, height: height / 2, width: width / 2 }, Operator::Pool(pool));
    }

    fn fc(&mut self, name: &str, n_outputs: usize, neuron: Neuron, terminate_delta: u32, gain: f64) {
        let n_inputs = self.shape.len();
        let weights = self.weights(n_outputs * n_inputs, n_inputs, gain);
        let fc = Fc { n_outputs, weights, delays: None, currents: None, neuron, terminate_delta, terminate_max: 0 };
        self.push(name, Shape { channels: n_outputs, height: 1, width: 1 }, Operator::Fc(fc));
    }

    fn outputs(mut self) -> Network {
        let neuron = Neuron { bipolar_threshold: true, ..RECTIFIED };
        self.fc("outputs", N_CLASSES, neuron, TERMINATE_DELTA, OUTPUT_GAIN);
        Network { input: self.input, output: self.cells.len() - 1, cells: self.cells }
    }
}

#[cfg(test)]
mod tests {
    use sim::Plan;

    use super::*;

    #[test]
    fn the_networks_have_the_sizes_that_their_names_promise() {
        let size = |network: &Network| Plan::<f32>::new(network).unwrap().statistics();
        let vgg = size(&vgg());
        assert!(vgg.virtual_synapses >= 100_000_000, "{vgg:?}");
        let million = size(&Stack::MILLION.network());
        assert_eq!(million.neurons, 1_000_000 + N_CLASSES as u64);
        assert_eq!(Stack::MILLION.n_neurons(), 1_000_000);
    }

    #[test]
    fn the_same_is_drawn_every_time_and_each_item_differs() {
        let shape = Shape { channels: 1, height: 4, width: 4 };
        let (first, again) = (noise(shape, 2), noise(shape, 2));
        assert_eq!(first[1].values, again[1].values);
        assert_ne!(first[0].values, first[1].values);
    }
}
