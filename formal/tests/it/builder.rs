//! Short ways to write networks and data.

use formal::config::*;
use formal::{Device, Error, Network, Precision, Shape};

/// A network on the device that `FORMAL_DEVICE` names: the same tests run on each of them.
pub fn open(config: &NetworkConfig, seed: u64) -> Result<Network, Error> {
    Network::on(device(), config, seed)
}

/// See [`open`].
pub fn device() -> Device {
    match std::env::var("FORMAL_DEVICE").as_deref() {
        Err(_) | Ok("" | "cpu") => Device::Cpu,
        Ok("cuda") => Device::Cuda(Precision::F32),
        #[cfg(feature = "emulator")]
        Ok("emulator") => Device::Emulator(Precision::F32),
        Ok(other) => panic!("FORMAL_DEVICE: expected `cpu`, `cuda` or, with the feature, `emulator`, found `{other}`"),
    }
}

pub fn size(width: usize, height: usize) -> Size {
    Size { width, height }
}

pub fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape { channels, height, width }
}

/// A convolution of stride 1 without padding, with bias, that starts at random and moves by the plain gradient sum.
pub fn conv(n_outputs: usize, width: usize, height: usize) -> ConvConfig {
    ConvConfig {
        n_outputs,
        kernel: size(width, height),
        stride: size(1, 1),
        padding: size(0, 0),
        dilation: size(1, 1),
        sub_sample: size(1, 1),
        mapping: None,
        no_bias: false,
        back_propagate: true,
        weights_filler: Filler::Normal { mean: 0.0, std_dev: 0.3 },
        bias_filler: Filler::Normal { mean: 0.0, std_dev: 0.3 },
        weights_solver: SolverConfig::default(),
        bias_solver: SolverConfig::default(),
    }
}

/// A transposed convolution likewise.
pub fn deconv(n_outputs: usize, width: usize, height: usize) -> DeconvConfig {
    let ConvConfig { kernel, stride, padding, dilation, .. } = conv(n_outputs, width, height);
    let FcConfig { weights_filler, bias_filler, weights_solver, bias_solver, .. } = fc(n_outputs);
    DeconvConfig {
        n_outputs,
        kernel,
        stride,
        padding,
        dilation,
        mapping: None,
        no_bias: false,
        back_propagate: true,
        weights_filler,
        bias_filler,
        weights_solver,
        bias_solver,
    }
}

pub fn fc(n_outputs: usize) -> FcConfig {
    let ConvConfig { weights_filler, bias_filler, weights_solver, bias_solver, .. } = conv(1, 1, 1);
    FcConfig {
        n_outputs,
        no_bias: false,
        back_propagate: true,
        weights_filler,
        bias_filler,
        weights_solver,
        bias_solver,
        normalizes: false,
        drop_connect: 1.0,
    }
}

pub fn pool(pooling: Pooling, n_outputs: usize, width: usize, height: usize) -> PoolConfig {
    PoolConfig {
        n_outputs,
        pooling,
        window: size(width, height),
        stride: size(width, height),
        padding: size(0, 0),
        mapping: None,
    }
}

pub fn softmax(with_loss: bool) -> Operator {
    Operator::Softmax(SoftmaxConfig { with_loss, group_size: 0 })
}

pub const RECTIFIER: Activation = Activation::Rectifier { leak_slope: 0.0, clipping: 0.0 };

/// The cell `index` named `c<index>`, reading the cell before it.
pub fn cell(index: usize, operator: Operator, activation: Activation) -> CellConfig {
    let input = index.checked_sub(1).map_or(Source::Stimuli, Source::Cell);
    CellConfig { name: format!("c{index}"), inputs: vec![input], operator, activation }
}

/// Cells one after the other, with the target at the last.
pub fn chain(input: Shape, cells: Vec<(Operator, Activation)>, batch_size: usize) -> NetworkConfig {
    let cells: Vec<CellConfig> = cells
        .into_iter()
        .enumerate()
        .map(|(index, (operator, activation))| cell(index, operator, activation))
        .collect();
    let targets = vec![TargetConfig { cell: cells.len() - 1, target_value: 1.0, default_value: 0.0 }];
    NetworkConfig { input, cells, targets, batch_size }
}

/// Gives all solvers of a network the same configuration.
pub fn solve(config: &mut NetworkConfig, solver: impl Into<SolverConfig>) {
    let solver = solver.into();
    for cell in &mut config.cells {
        match &mut cell.operator {
            Operator::Conv(ConvConfig { weights_solver, bias_solver, .. })
            | Operator::Deconv(DeconvConfig { weights_solver, bias_solver, .. })
            | Operator::Fc(FcConfig { weights_solver, bias_solver, .. }) => {
                *weights_solver = solver.clone();
                *bias_solver = solver.clone();
            }
            Operator::BatchNorm(BatchNormConfig { scale_solver, bias_solver, .. }) => {
                *scale_solver = solver.clone();
                *bias_solver = solver.clone();
            }
            _ => {}
        }
    }
}

/// Values of [-1, 1) that depend on the seed alone.
pub fn noise(seed: u64, n: usize) -> Vec<f32> {
    let mut random = rand_philox::Philox::from_u64_seed(seed);
    (0..n).map(|_| (random.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// Labels below `n_classes`; every seventh stimulus has none.
pub fn labels(seed: u64, n: usize, n_classes: u32) -> Vec<Option<usize>> {
    let mut random = rand_philox::Philox::from_u64_seed(seed);
    (0..n).map(|i| (i % 7 != 6).then(|| random.bounded(n_classes) as usize)).collect()
}

/// A network with every operator, branches and a map that two cells read.
pub fn zoo(batch_size: usize) -> NetworkConfig {
    let diagonal = |n: usize| (0..n * n).map(|pair| pair / n == pair % n).collect();
    let named = |name: &str, inputs: Vec<Source>, operator: Operator, activation: Activation| CellConfig {
        name: name.into(),
        inputs,
        operator,
        activation,
    };
    let padded = ConvConfig { padding: size(1, 1), ..conv(4, 3, 3) };
    let mapping = (0..5 * 8).map(|pair| pair % 3 != 0).collect();
    let mapped = ConvConfig { mapping: Some(mapping), stride: size(2, 1), ..conv(5, 3, 2) };
    let max = PoolConfig { mapping: Some(diagonal(4)), ..pool(Pooling::Max, 4, 2, 2) };
    let average = PoolConfig { mapping: Some(diagonal(4)), ..pool(Pooling::Average, 4, 2, 2) };
    let cells = vec![
        named("stem", vec![Source::Stimuli], Operator::Conv(padded), RECTIFIER),
        named("max", vec![Source::Cell(0)], Operator::Pool(max), Activation::Linear),
        named("average", vec![Source::Cell(0)], Operator::Pool(average), Activation::Tanh { alpha: 0.7 }),
        named("mixed", vec![Source::Cell(1), Source::Cell(2)], Operator::Conv(mapped), Activation::Tanh { alpha: 1.0 }),
        named("hidden", vec![Source::Cell(3)], Operator::Fc(fc(9)), RECTIFIER),
        named("drop", vec![Source::Cell(4)], Operator::Dropout(DropoutConfig { rate: 0.3 }), Activation::Linear),
        named("output", vec![Source::Cell(5)], Operator::Fc(fc(3)), Activation::Linear),
        named("softmax", vec![Source::Cell(6)], softmax(true), Activation::Linear),
    ];
    let targets = vec![TargetConfig { cell: 7, target_value: 1.0, default_value: 0.0 }];
    NetworkConfig { input: shape(2, 8, 9), cells, targets, batch_size }
}
