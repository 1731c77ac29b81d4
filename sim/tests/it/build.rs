//! Small networks and spikes, said briefly.

use sim::network::{Cell, Conv, Fc, Neuron, Operator, Pool, Pooling, PoolingMode, Shape, Size, Source};
use sim::{InputSpike, Network, Sign, SimDuration, SimTime};

pub fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape { channels, height, width }
}

pub fn cell(name: &str, inputs: &[Source], operator: Operator) -> Cell {
    Cell { name: name.into(), inputs: inputs.to_vec(), operator }
}

/// A network of one cell on the environment.
pub fn single(input: Shape, operator: Operator) -> Network {
    Network { input, cells: vec![cell("cell", &[Source::Environment], operator)], output: 0 }
}

pub fn fc(n_outputs: usize, weights: &[f64]) -> Fc {
    Fc {
        n_outputs,
        weights: weights.to_vec(),
        delays: None,
        currents: None,
        neuron: Neuron::default(),
        terminate_delta: 0,
        terminate_max: 0,
    }
}

pub fn conv(n_outputs: usize, kernel: usize, weights: Vec<f64>) -> Conv {
    Conv {
        n_outputs,
        kernel: Size::square(kernel),
        stride: Size::square(1),
        padding: Size::square(0),
        sub_sample: Size::square(1),
        mapping: None,
        weights,
        delays: None,
        currents: None,
        neuron: Neuron::default(),
    }
}

pub fn pool(pooling: Pooling, mode: PoolingMode, window: usize, padding: usize) -> Pool {
    Pool {
        n_outputs: 1,
        pooling,
        mode,
        window: Size::square(window),
        stride: Size::square(2),
        padding: Size::square(padding),
        mapping: None,
    }
}

pub fn spike(pixel: usize, time: u64, sign: Sign) -> InputSpike {
    InputSpike { time: SimTime(time), pixel, sign }
}

pub const END: SimDuration = SimDuration(100_000);
