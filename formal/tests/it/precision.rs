//! Products of matrices by tensor cores: factors of 11 bits, sums of 32.

use formal::config::*;
use formal::{Device, Network, ParameterKind, Precision, Shape, Wanted};

use crate::builder::*;
use crate::device::other;
use crate::gradients::compare_on;

const ROUNDED: [Precision; 2] = [Precision::Tf32, Precision::F16];
/// What a product of two factors is off, relative to it: each is rounded to the nearest of 11 bits.
const ROUNDING_11: f64 = 2.0 / 2048.0;
/// A rate that finds gradients and moves nothing.
const NO_RATE: f64 = 1e-300;

/// The device that the tests run on, in a precision.
fn on(precision: Precision) -> Device {
    match other() {
        Device::Cuda(_) => Device::Cuda(precision),
        _ => Device::Emulator(precision),
    }
}

/// An operator behind a convolution that hands the stimuli on as they are.
struct Geometry {
    name: &'static str,
    input: Shape,
    operator: Operator,
    n: usize,
}

fn geometry(name: &'static str, input: Shape, operator: Operator, n: usize) -> Geometry {
    Geometry { name, input, operator, n }
}

/// Products in tiles of every side, forward, back and of gradients.
fn geometries() -> Vec<Geometry> {
    let row = |n_inputs| shape(1, 1, n_inputs);
    let odd = || ConvConfig { padding: size(2, 1), stride: size(2, 1), dilation: size(1, 2), ..conv(19, 3, 2) };
    let up = DeconvConfig { stride: size(2, 1), padding: size(1, 0), ..deconv(18, 3, 2) };
    vec![
        geometry("fc, sides of 16", row(70), Operator::Fc(fc(19)), 7),
        geometry("fc, outputs in sides of 32", row(20), Operator::Fc(fc(2080)), 33),
        geometry("fc, errors and gradients in sides of 32", row(2080), Operator::Fc(fc(20)), 33),
        geometry("fc, outputs in sides of 64", row(20), Operator::Fc(fc(4100)), 65),
        geometry("fc, errors and gradients in sides of 64", row(4100), Operator::Fc(fc(20)), 65),
        geometry("conv, sides of 32", shape(17, 9, 8), Operator::Conv(odd()), 3),
        geometry("conv, outputs and errors in sides of 64", shape(16, 66, 67), Operator::Conv(conv(17, 3, 3)), 2),
        geometry("conv, gradients in sides of 64", shape(16, 5, 5), Operator::Conv(conv(16, 3, 3)), 128),
        geometry("deconv, sides of 32", shape(17, 5, 6), Operator::Deconv(up), 3),
        geometry("deconv, outputs and errors in sides of 64", shape(17, 64, 65), Operator::Deconv(deconv(16, 3, 3)), 2),
    ]
}

/// Outputs of an operator, its errors for the first stimulus and its gradients, from factors that `value` makes of noise.
fn computed(of: &Geometry, precision: Precision, value: fn(f32) -> f32) -> [Vec<f32>; 3] {
    let Geometry { input, ref operator, n, .. } = *of;
    let values = |seed, n| noise(seed, n).into_iter().map(value).collect::<Vec<f32>>();
    let front = ConvConfig { no_bias: true, ..conv(input.channels, 1, 1) };
    let cells = vec![(Operator::Conv(front), Activation::Linear), (operator.clone(), Activation::Linear)];
    let mut network = Network::on(on(precision), &chain(input, cells, n), 1).expect("a valid network");
    let channels = input.channels;
    // By itself also what would be a product of matrices hands factors of 11 bits on as they are.
    let unit: Vec<f32> =
        (0..channels * channels).map(|at| if at / channels == at % channels { 1.0 } else { 0.0 }).collect();
    network.set_weights(0, &unit).expect("as many weights");
    let n_weights = network.weights(1).expect("weights").len();
    network.set_weights(1, &values(2, n_weights)).expect("as many weights");
    let n_biases = network.bias(1).expect("a bias").len();
    network.set_bias(1, &values(3, n_biases)).expect("as many");
    let stimuli = values(4, n * input.n_elements());
    network.infer(&stimuli, n);
    let outputs = network.output(1).to_vec();
    // So that the errors are factors like the others.
    let wanted: Vec<f32> = outputs.iter().zip(values(5, outputs.len())).map(|(output, error)| output + error).collect();
    network.keep_errors(Some(0));
    network.learn_towards(&stimuli, &[Wanted::Values(&wanted)], 1, Some(NO_RATE));
    network.check().expect("no fault");
    let errors = network.error(0).expect("errors come to the convolution").to_vec();
    let gradients = network.gradient(1, ParameterKind::Weights).expect("gradients").to_vec();
    [outputs, errors, gradients]
}

/// Sums of products of such factors have less than 24 bits: no order of summing rounds them.
#[test]
fn factors_of_few_bits_give_the_bits_of_f32() {
    let sixteenths = |x: f32| (16.0 * x).round() / 16.0;
    for geometry in geometries() {
        let exact = computed(&geometry, Precision::F32, sixteenths);
        for precision in ROUNDED {
            let found = computed(&geometry, precision, sixteenths);
            for (what, (exact, found)) in ["outputs", "errors", "gradients"].iter().zip(exact.iter().zip(&found)) {
                let differing = exact.iter().zip(found).position(|(exact, found)| exact != found);
                let at = differing.map(|at| (at, exact[at], found[at]));
                assert_eq!(at, None, "{}, {what} in {precision}: place, in f32, found", geometry.name);
            }
        }
    }
}

#[test]
fn factors_of_more_bits_are_rounded() {
    // The greatest tiles take their time.
    for geometry in geometries().into_iter().filter(|geometry| !geometry.name.ends_with("64")) {
        let exact = computed(&geometry, Precision::F32, |x| x);
        for precision in ROUNDED {
            let found = computed(&geometry, precision, |x| x);
            for (what, (exact, found)) in ["outputs", "errors", "gradients"].iter().zip(exact.iter().zip(&found)) {
                let what = format!("{}, {what} in {precision}", geometry.name);
                let scale = exact.iter().fold(0.0f32, |scale, x| scale.max(x.abs()));
                let differences = exact.iter().zip(found).map(|(exact, found)| (exact - found).abs());
                let worst = differences.fold(0.0f32, f32::max) / scale;
                assert!(worst > 1e-5, "{what}: as exact as f32, {worst} of the greatest");
                // What is rounded of one product has no sign of its own, so that sums are off less than their terms together.
                assert!(f64::from(worst) <= 2.0 * ROUNDING_11, "{what}: {worst} of the greatest");
            }
        }
    }
}

/// Everything that is a product of matrices, one after the other.
#[test]
fn deep_networks_are_those_defined_within_the_rounding_of_their_factors() {
    let filler = Filler::Normal { mean: 0.0, std_dev: 0.05 };
    let wide = |n_outputs, width, height| ConvConfig { weights_filler: filler, ..conv(n_outputs, width, height) };
    let up = DeconvConfig { stride: size(2, 1), weights_filler: filler, ..deconv(17, 3, 2) };
    let tanh = Activation::Tanh { alpha: 1.0 };
    let cells = vec![
        (Operator::Conv(ConvConfig { padding: size(2, 1), ..wide(19, 3, 5) }), tanh),
        (Operator::Conv(ConvConfig { stride: size(2, 3), ..wide(33, 2, 3) }), Activation::Softplus),
        (Operator::Deconv(up), tanh),
        (Operator::Fc(fc(70)), tanh),
        (Operator::Fc(fc(4)), Activation::Linear),
        (softmax(true), Activation::Linear),
    ];
    // Forward and back, each passes the products of five cells.
    let rounding = 2.0 * 5.0 * ROUNDING_11;
    for precision in ROUNDED {
        for n in [1, 7, 40] {
            let config = chain(shape(4, 9, 8), cells.clone(), 40);
            compare_on(on(precision), rounding, config, n, 5);
        }
    }
}

#[test]
fn factors_are_rounded_to_the_nearest_that_a_precision_has() {
    /// The least number in 16 bits.
    const STEP: f32 = 1.0 / 16_777_216.0;
    let half = 1.0 / 2048.0;
    for (x, tf32, f16) in [
        (1.0, 1.0, 1.0),
        // Halfway: away from 0, or to the even one.
        (1.0 + half, 1.0 + 2.0 * half, 1.0),
        (-1.0 - 3.0 * half, -1.0 - 4.0 * half, -1.0 - 4.0 * half),
        (1.0 + 0.99 * half, 1.0, 1.0),
        (2.0 - half, 2.0, 2.0),
        (65519.0, 65504.0, 65504.0),
        (-65520.0, -65536.0, f32::NEG_INFINITY),
        (0.75 * STEP, 0.75 * STEP, STEP),
        (2.5 * STEP, 2.5 * STEP, 2.0 * STEP),
        (0.5 * STEP, 0.5 * STEP, 0.0),
    ] {
        for (precision, expected) in ROUNDED.into_iter().zip([tf32, f16]) {
            let cells = vec![(Operator::Fc(FcConfig { no_bias: true, ..fc(1) }), Activation::Linear)];
            let mut network = Network::on(on(precision), &chain(shape(1, 1, 1), cells, 1), 1).expect("a valid network");
            network.set_weights(0, &[1.0]).expect("one weight");
            network.infer(&[x], 1);
            let found = network.output(0)[0];
            assert_eq!(found, expected, "{x} in {precision}");
        }
    }
}
