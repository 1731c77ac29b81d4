//! A device against the CPU: what it learns, what it draws, what it refuses.

use formal::config::*;
use formal::{Device, Error, Network, Precision, Wanted};
use stimuli::{Flip, Operation};

use crate::builder::*;

/// Losses after a hundred steps that round differently, relative to them.
const HUNDRED_STEPS: f64 = 1e-3;

/// The device that the tests run on, or the emulator.
pub fn other() -> Device {
    match device() {
        Device::Cpu => Device::Emulator(Precision::F32),
        device => device,
    }
}

fn both(config: &NetworkConfig, seed: u64) -> [Network; 2] {
    [Device::Cpu, other()].map(|device| Network::on(device, config, seed).expect("a valid network"))
}

#[test]
fn a_hundred_steps_give_the_losses_of_the_cpu() {
    let adam = AdamConfig { learning_rate: 0.002, ..AdamConfig::default() };
    let sgd = SgdConfig { learning_rate: 0.05, momentum: 0.9, decay: 1e-3, iteration_size: 2, ..SgdConfig::default() };
    for solver in [SolverConfig::from(sgd), SolverConfig::from(adam)] {
        let mut config = zoo(24);
        solve(&mut config, solver);
        let mut networks = both(&config, 3);
        for step in 0..100 {
            // Six batches over and over again, one of them short.
            let (batch, n) = (step % 6, if step % 6 == 5 { 11 } else { 24 });
            let (stimuli, labels) = (noise(batch, n * 144), labels(batch, n, 3));
            let [cpu, device] = networks.each_mut().map(|network| network.learn(&stimuli, &labels, step));
            for (cpu, device) in [(cpu.squared_error, device.squared_error)]
                .into_iter()
                .chain(cpu.cross_entropy.zip(device.cross_entropy))
            {
                assert!((cpu - device).abs() <= HUNDRED_STEPS * cpu, "step {step}: {cpu} on the CPU, {device}");
            }
        }
        let [cpu, device] = &networks;
        device.check().expect("no fault");
        assert_eq!(cpu.state().counters, device.state().counters);
        let names = |network: &Network| network.state().tensors.into_iter().map(|t| t.name).collect::<Vec<_>>();
        assert_eq!(names(cpu), names(device));
    }
}

#[test]
fn what_is_random_is_what_the_cpu_draws() {
    let fmp =
        FmpConfig { n_outputs: 3, scaling_ratio: 1.4, is_overlapping: true, is_pseudo_random: false, mapping: None };
    let cells = vec![
        (Operator::Fmp(fmp), Activation::Linear),
        (Operator::Dropout(DropoutConfig { rate: 0.4 }), Activation::Linear),
        (Operator::Fc(FcConfig { drop_connect: 0.5, normalizes: true, ..fc(5) }), Activation::Linear),
    ];
    let mut networks = both(&chain(shape(3, 9, 10), cells, 4), 8);
    for step in [0, 1, (1 << 32) + 7] {
        let (stimuli, labels) = (noise(step, 4 * 270), labels(step, 4, 5));
        let [cpu, device] = networks.each_mut().map(|network| {
            network.learn(&stimuli, &labels, step);
            [0, 1].map(|cell| network.output(cell).iter().map(|value| value.to_bits()).collect::<Vec<_>>())
        });
        assert_eq!(cpu, device, "windows, then dropped values, of step {step}");
        let [cpu, device] = networks.each_ref().map(|network| network.weights(2).expect("weights"));
        for (cpu, device) in cpu.iter().zip(device) {
            assert!((cpu - device).abs() <= 1e-6, "{cpu} on the CPU, {device}");
        }
    }
}

#[test]
fn what_a_device_does_not_do_is_refused_by_name() {
    let flip = Flip { horizontal: true, vertical: false, random_horizontal: false, random_vertical: false };
    let cells = vec![(Operator::Transformation(Operation::Flip(flip)), Activation::Linear)];
    let config = chain(shape(1, 3, 4), cells, 2);
    Network::new(&config, 1).expect("the CPU flips");
    let Err(fault) = Network::on(other(), &config, 1) else { panic!("a device that flips") };
    assert!(matches!(fault, Error::OnDevice { .. }));
    assert_eq!(
        fault.to_string(),
        "cell `c0`: a CUDA device does not do FlipTransformation as a layer; compute the network on the CPU (`--device cpu`)"
    );
}

#[test]
fn the_same_steps_give_the_same_bits() {
    let learn = || {
        let mut network = Network::on(other(), &zoo(20), 5).expect("a valid network");
        let reports = (0..3).map(|step| network.learn(&noise(step, 20 * 144), &labels(step, 20, 3), step));
        let reports: Vec<_> = reports.map(|report| report.squared_error.to_bits()).collect();
        let weights = (0..network.n_cells()).flat_map(|cell| network.weights(cell).unwrap_or_default().to_vec());
        (reports, weights.map(f32::to_bits).collect::<Vec<_>>())
    };
    assert_eq!(learn(), learn());
}

#[test]
fn steps_whose_stimuli_are_brought_ahead_are_the_same_steps() {
    let batches: Vec<_> = (0..5).map(|step| (noise(step, 20 * 144), labels(step, 20, 3))).collect();
    let learn = |device: Device, ahead: bool| {
        let mut network = Network::on(device, &zoo(20), 5).expect("a valid network");
        let mut brought = None;
        let mut losses = Vec::new();
        for (step, (stimuli, labels)) in batches.iter().enumerate() {
            network.start(stimuli, &[Wanted::Classes(labels)], step as u64, brought);
            if ahead {
                // Those of the third step make room for an inference; the last step brings its own.
                brought = batches.get(step + 1).and_then(|(next, _)| network.bring(next));
            }
            losses.push(network.finish()[0].squared_error.to_bits());
            if step == 1 {
                network.infer(&noise(9, 20 * 144), 20);
            } else if step == 3 {
                brought = None;
            }
        }
        network.check().expect("no fault");
        let weights = (0..network.n_cells()).flat_map(|cell| network.weights(cell).unwrap_or_default().to_vec());
        (losses, weights.map(f32::to_bits).collect::<Vec<_>>())
    };
    for device in [Device::Cpu, other()] {
        assert_eq!(learn(device, true), learn(device, false), "{device:?}");
    }
}

#[test]
fn a_step_that_is_not_asked_for_is_done_before_the_next() {
    let (stimuli, labels) = (noise(1, 20 * 144), labels(1, 20, 3));
    let learn = |asks: bool| {
        let mut network = Network::on(other(), &zoo(20), 5).expect("a valid network");
        for step in 0..3 {
            network.start(&stimuli, &[Wanted::Classes(&labels)], step, None);
            if asks {
                network.finish();
            }
        }
        network.finish()[0]
    };
    assert_eq!(learn(true), learn(false));
}

/// Convolutions with channels enough to be products of matrices, in odd geometries.
#[test]
fn wide_convolutions_are_those_defined() {
    let wide = |n_outputs, width, height| {
        let weights_filler = Filler::Normal { mean: 0.0, std_dev: 0.05 };
        ConvConfig { weights_filler, ..conv(n_outputs, width, height) }
    };
    let tanh = Activation::Tanh { alpha: 1.0 };
    let first = ConvConfig { padding: size(2, 1), ..wide(19, 3, 5) };
    let second = ConvConfig { stride: size(2, 3), dilation: size(2, 1), no_bias: true, ..wide(33, 2, 3) };
    let up = |n_outputs| DeconvConfig {
        stride: size(2, 1),
        padding: size(1, 0),
        weights_filler: Filler::Normal { mean: 0.0, std_dev: 0.05 },
        ..deconv(n_outputs, 3, 2)
    };
    let cells = vec![
        (Operator::Conv(first), tanh),
        (Operator::Conv(second), Activation::Softplus),
        (Operator::Deconv(up(17)), tanh),
        (Operator::Deconv(up(16)), RECTIFIER),
        (Operator::Fc(fc(70)), tanh),
        (Operator::Fc(fc(4)), Activation::Linear),
        (softmax(true), Activation::Linear),
    ];
    let config = chain(shape(4, 9, 8), cells, 40);
    for n in [1, 7, 40] {
        crate::gradients::compare(config.clone(), n, 5);
    }
}

/// Kernels of 3 x 3 and 5 x 5, which are unrolled, inside and at the borders, partly connected.
#[test]
fn square_kernels_are_those_defined() {
    let mapping = Some((0..6 * 3).map(|pair| pair % 4 != 2).collect());
    let variants = |side| {
        let square = conv(6, side, side);
        [
            ConvConfig { mapping: mapping.clone(), ..square.clone() },
            ConvConfig { padding: size(2, 1), ..square.clone() },
            ConvConfig { padding: size(1, 3), stride: size(2, 1), ..square.clone() },
            ConvConfig { sub_sample: size(2, 2), ..square.clone() },
            ConvConfig { dilation: size(1, 2), padding: size(0, 4), ..square },
        ]
    };
    for (index, hidden) in [3, 5].into_iter().flat_map(variants).enumerate() {
        let cells = vec![
            (Operator::Conv(conv(3, 1, 2)), Activation::Tanh { alpha: 1.0 }),
            (Operator::Conv(hidden), RECTIFIER),
            (Operator::Fc(fc(3)), Activation::Linear),
        ];
        crate::gradients::compare(chain(shape(2, 10, 9), cells, 8), 5, index as u64);
    }
}
