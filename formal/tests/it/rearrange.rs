//! Padding, resize, reshape, transpose and the activation cell: sparse linear maps.

use formal::Shape;
use formal::config::*;
use proptest::prelude::*;

use crate::builder::*;
use crate::gradients::{compare, differentiate};

/// Rounding of sums of at most four 32-bit products of values up to 1.
const ROUNDING_32: f64 = 1e-6;

fn padding(top: i32, bottom: i32, left: i32, right: i32) -> Operator {
    Operator::Padding(PaddingConfig { top, bottom, left, right })
}

fn resize(width: usize, height: usize, interpolation: Interpolation) -> Operator {
    Operator::Resize(ResizeConfig { output: size(width, height), interpolation })
}

fn reshape(dims: [i32; 3]) -> Operator {
    Operator::Reshape(ReshapeConfig { dims })
}

fn transpose(axes: [usize; 3]) -> Operator {
    Operator::Transpose(TransposeConfig { axes })
}

const ALIGNED: Interpolation = Interpolation::BilinearTensorFlow { align_corners: true };
const UNALIGNED: Interpolation = Interpolation::BilinearTensorFlow { align_corners: false };
const INTERPOLATIONS: [Interpolation; 4] = [Interpolation::Nearest, Interpolation::Bilinear, ALIGNED, UNALIGNED];

/// The cell alone on a stimulus: its output and the shape of it.
fn alone(operator: Operator, input: Shape, stimulus: &[f32]) -> (Shape, Vec<f32>) {
    let config = chain(input, vec![(operator, Activation::Linear)], 1);
    let mut network = open(&config, 1).expect("a valid network");
    network.infer(stimulus, 1);
    (network.output_shape(0), network.output(0).to_vec())
}

#[test]
fn outputs_are_those_worked_out_by_hand() {
    let check = |operator: Operator, input: Shape, expected_shape: Shape, expected: &[f32]| {
        let stimulus: Vec<f32> = (1..=input.n_elements()).map(|i| i as f32).collect();
        let (shape, found) = alone(operator.clone(), input, &stimulus);
        assert_eq!((shape, found.as_slice()), (expected_shape, expected), "{operator:?}");
    };
    let two = shape(1, 2, 3);
    check(padding(1, 0, 0, 1), two, shape(1, 3, 4), &[0., 0., 0., 0., 1., 2., 3., 0., 4., 5., 6., 0.]);
    check(padding(-1, 1, 1, -2), two, shape(1, 2, 2), &[0., 4., 0., 0.]);
    check(padding(0, -1, -1, 0), shape(2, 2, 2), shape(2, 1, 1), &[2., 6.]);
    check(reshape([2, 3, 0]), two, shape(1, 3, 2), &[1., 2., 3., 4., 5., 6.]);
    check(reshape([1, 1, -1]), two, shape(6, 1, 1), &[1., 2., 3., 4., 5., 6.]);
    check(reshape([0, -1, 1]), shape(2, 2, 3), shape(1, 4, 3), &(1..=12).map(|i| i as f32).collect::<Vec<_>>());
    check(transpose([1, 0, 2]), two, shape(1, 3, 2), &[1., 4., 2., 5., 3., 6.]);
    check(transpose([2, 1, 0]), shape(2, 1, 3), shape(3, 1, 2), &[1., 4., 2., 5., 3., 6.]);
    // The first axis becomes the last one: not its own inverse.
    check(transpose([1, 2, 0]), shape(2, 2, 1), shape(1, 2, 2), &[1., 2., 3., 4.]);
    check(transpose([1, 2, 0]), shape(1, 2, 3), shape(3, 1, 2), &[1., 4., 2., 5., 3., 6.]);
    check(Operator::Activation, two, two, &[1., 2., 3., 4., 5., 6.]);
    let line = shape(1, 1, 3);
    check(resize(6, 1, Interpolation::Nearest), line, shape(1, 1, 6), &[1., 1., 2., 2., 3., 3.]);
    check(resize(2, 1, Interpolation::Nearest), line, shape(1, 1, 2), &[1., 2.]);
    check(resize(6, 1, Interpolation::Bilinear), line, shape(1, 1, 6), &[1., 1.25, 1.75, 2.25, 2.75, 3.]);
    check(resize(5, 1, ALIGNED), line, shape(1, 1, 5), &[1., 1.5, 2., 2.5, 3.]);
    check(resize(6, 1, UNALIGNED), line, shape(1, 1, 6), &[1., 1.5, 2., 2.5, 3., 3.]);
    check(resize(1, 1, ALIGNED), line, shape(1, 1, 1), &[1.]);
    check(resize(3, 3, ALIGNED), shape(1, 2, 2), shape(1, 3, 3), &[1., 1.5, 2., 2., 2.5, 3., 3., 3.5, 4.]);
}

/// The definitions in floating point, element by element of the output.
fn defined(operator: &Operator, input: Shape, x: &[f32], output: Shape) -> Vec<f64> {
    let at = |c: i64, row: i64, column: i64| -> f64 {
        let inside = |at: i64, side: usize| (0..side as i64).contains(&at);
        if !inside(row, input.height) || !inside(column, input.width) {
            return 0.0;
        }
        f64::from(x[((c as usize * input.height) + row as usize) * input.width + column as usize])
    };
    let place = |interpolation: &Interpolation, n_in: usize, n_out: usize, o: i64| -> f64 {
        let (n_in, n_out, o) = (n_in as f64, n_out as f64, o as f64);
        match interpolation {
            Interpolation::Nearest => (o * n_in / n_out + 1e-9).floor(),
            Interpolation::Bilinear => ((o + 0.5) * n_in / n_out - 0.5).clamp(0.0, n_in - 1.0),
            Interpolation::BilinearTensorFlow { align_corners: true } if n_out > 1.0 => {
                o * (n_in - 1.0) / (n_out - 1.0)
            }
            Interpolation::BilinearTensorFlow { .. } => o * n_in / n_out,
        }
    };
    let mut y = Vec::new();
    for c in 0..output.channels as i64 {
        for row in 0..output.height as i64 {
            for column in 0..output.width as i64 {
                y.push(match operator {
                    Operator::Padding(p) => at(c, row - i64::from(p.top), column - i64::from(p.left)),
                    Operator::Resize(config) => {
                        let v = place(&config.interpolation, input.height, config.output.height, row);
                        let u = place(&config.interpolation, input.width, config.output.width, column);
                        let (low_v, low_u) = (v.floor(), u.floor());
                        let high = |low: f64, side: usize| (low + 1.0).min(side as f64 - 1.0) as i64;
                        let (high_v, high_u) = (high(low_v, input.height), high(low_u, input.width));
                        let mix = |share: f64, a: f64, b: f64| (1.0 - share) * a + share * b;
                        let of = |row: i64| mix(u - low_u, at(c, row, low_u as i64), at(c, row, high_u));
                        mix(v - low_v, of(low_v as i64), of(high_v))
                    }
                    Operator::Transpose(config) => {
                        let mut of_input = [0; 3];
                        for (axis, &from) in config.axes.iter().enumerate() {
                            of_input[from] = [column, row, c][axis];
                        }
                        at(of_input[2], of_input[1], of_input[0])
                    }
                    _ => f64::from(x[y.len()]),
                });
            }
        }
    }
    y
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let tanh = Activation::Tanh { alpha: 0.8 };
    let leaky = Activation::Rectifier { leak_slope: 0.1, clipping: 0.9 };
    let mut operators = vec![
        padding(1, 2, 0, 3),
        padding(-1, 2, 1, -2),
        reshape([4, -1, 1]),
        transpose([2, 0, 1]),
        transpose([1, 0, 2]),
        Operator::Activation,
    ];
    for interpolation in INTERPOLATIONS {
        operators.extend([resize(7, 3, interpolation), resize(2, 8, interpolation), resize(1, 1, interpolation)]);
    }
    for operator in operators {
        for activation in [Activation::Linear, tanh, leaky, Activation::Swish] {
            let cells = vec![
                (Operator::Conv(conv(2, 3, 2)), Activation::Tanh { alpha: 1.0 }),
                (operator.clone(), activation),
                (Operator::Fc(fc(3)), Activation::Linear),
            ];
            differentiate(&chain(shape(2, 5, 7), cells, 2), 2, 3);
        }
    }
}

/// Two maps side by side are resized together, and one of them is read twice.
#[test]
fn several_inputs_and_consumers_learn_as_defined() {
    let named = |name: &str, inputs, operator| CellConfig {
        name: name.into(),
        inputs,
        operator,
        activation: Activation::Tanh { alpha: 1.0 },
    };
    let cells = vec![
        named("a", vec![Source::Stimuli], Operator::Conv(conv(2, 3, 2))),
        named("b", vec![Source::Stimuli], Operator::Conv(conv(1, 3, 2))),
        named("resized", vec![Source::Cell(0), Source::Cell(1)], resize(7, 4, Interpolation::Bilinear)),
        named("padded", vec![Source::Cell(0)], padding(0, 0, 1, 1)),
        named("both", vec![Source::Cell(2), Source::Cell(3)], Operator::Conv(conv(2, 2, 2))),
        named("out", vec![Source::Cell(4)], Operator::Fc(fc(3))),
    ];
    let targets = vec![TargetConfig { cell: 5, target_value: 1.0, default_value: 0.0 }];
    let config = NetworkConfig { input: shape(2, 5, 7), cells, targets, batch_size: 20 };
    differentiate(&config, 2, 1);
    compare(config, 20, 1);
}

#[test]
fn what_does_not_fit_is_named() {
    let check = |operator: Operator, expected: &str| {
        let config = chain(shape(2, 5, 6), vec![(operator, Activation::Linear)], 4);
        assert_eq!(open(&config, 1).map(|_| ()).unwrap_err().to_string(), expected);
    };
    check(
        padding(-2, -3, 0, 0),
        "cell `c0`, TopPadding: expected more than -5 with the other side: the input has 5, found -5",
    );
    check(
        padding(0, 0, i32::MIN, 1),
        "cell `c0`, LeftPadding: expected more than -6 with the other side: the input has 6, found -2147483647",
    );
    check(
        padding(i32::MAX, 0, 0, 0),
        "cell `c0`, outputs: expected 1 to 2147483647 elements, found 2 x 2147483652 x 6",
    );
    check(reshape([0, 7, 0]), "cell `c0`, Dims: expected the 60 elements of the input, found 0 7 0");
    check(reshape([0, 7, -1]), "cell `c0`, Dims: expected the 60 elements of the input, found 0 7 -1");
    check(
        reshape([-1, 5, -1]),
        "cell `c0`, Dims: expected a width, a height and channels, 0 to keep one, -1 for one to be worked out, found -1 5 -1",
    );
    check(transpose([0, 1, 1]), "cell `c0`, Perm: expected 0, 1 and 2 in some order, found 0 1 1");
    check(
        resize(0, 4, Interpolation::Nearest),
        "cell `c0`, outputs: expected 1 to 2147483647 elements, found 4 x 2 x 4 x 0",
    );
}

fn any_operator(input: Shape) -> impl Strategy<Value = Operator> {
    let (height, width) = (input.height as i32, input.width as i32);
    let interpolation = prop::sample::select(INTERPOLATIONS.to_vec());
    prop_oneof![
        (-height..=3, -1..=3i32, -width..=3, -1..=3i32)
            .prop_map(|(top, bottom, left, right)| padding(top, bottom, left, right)),
        (1usize..=9, 1usize..=9, interpolation).prop_map(|(width, height, by)| resize(width, height, by)),
        prop::sample::select(vec![[0, 0, 0], [1, -1, 1], [-1, 1, 0], [0, -1, 1]]).prop_map(reshape),
        prop::sample::select(vec![[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
            .prop_map(transpose),
        Just(Operator::Activation),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_map_is_the_one_defined(
        (input, operator) in (1usize..=3, 1usize..=6, 1usize..=7).prop_flat_map(|(c, h, w)| {
            (Just(shape(c, h, w)), any_operator(shape(c, h, w)))
        }),
        leak_slope in 0.0f32..0.3,
        n in 1usize..=20,
        seed in any::<u64>(),
    ) {
        let activation = Activation::Rectifier { leak_slope, clipping: 0.0 };
        let Shape { channels, .. } = input;
        let config = chain(input, vec![
            (Operator::Conv(conv(channels, 1, 1)), Activation::Tanh { alpha: 1.0 }),
            (operator.clone(), activation),
            (Operator::Fc(fc(2)), Activation::Linear),
        ], 20);
        prop_assume!(open(&config, 0).is_ok());
        let stimulus = noise(seed, input.n_elements());
        let (output, found) = alone(operator.clone(), input, &stimulus);
        let expected = defined(&operator, input, &stimulus, output);
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((f64::from(*found) - expected).abs() <= ROUNDING_32, "{operator:?}: {expected}, {found}");
        }
        compare(config, n, seed);
    }
}
