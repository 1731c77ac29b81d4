//! Unpooling: by hand, by finite differences, and in every shape.

use formal::Shape;
use formal::config::*;
use proptest::prelude::*;

use crate::builder::*;
use crate::gradients::{any_mapping, any_size, compare, differentiate};

/// A convolution, a max pooling, something of its size, and back through the pooling.
fn network(input: Shape, pool: PoolConfig) -> NetworkConfig {
    let tanh = Activation::Tanh { alpha: 1.0 };
    let same = conv(pool.n_outputs, 1, 1);
    let cells = vec![
        (Operator::Conv(conv(input.channels, 1, 1)), tanh),
        (Operator::Pool(pool), Activation::Linear),
        (Operator::Conv(same), tanh),
        (Operator::Unpool(UnpoolConfig { arg_max: 1 }), Activation::Swish),
        (Operator::Fc(fc(3)), Activation::Linear),
    ];
    chain(input, cells, 20)
}

#[test]
fn values_go_back_to_where_the_greatest_were() {
    let overlapping = PoolConfig { stride: size(1, 1), ..pool(Pooling::Max, 1, 2, 1) };
    let cells = vec![
        (Operator::Pool(overlapping), Activation::Linear),
        (Operator::Unpool(UnpoolConfig { arg_max: 0 }), Activation::Linear),
        (Operator::Fc(fc(2)), Activation::Linear),
    ];
    let mut network = open(&chain(shape(1, 1, 4), cells, 1), 1).expect("a valid network");
    network.infer(&[1.0, 5.0, 2.0, 3.0], 1);
    assert_eq!(network.output(0), [5.0, 5.0, 3.0]);
    // The two windows that found the 5 meet there.
    assert_eq!(network.output(1), [0.0, 10.0, 0.0, 3.0]);
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let mapping = Some(vec![true, false, true, true, true, false]);
    let general = PoolConfig { stride: size(1, 2), padding: size(1, 0), mapping, ..pool(Pooling::Max, 2, 3, 2) };
    differentiate(&network(shape(3, 5, 4), general), 2, 1);
    differentiate(&network(shape(2, 4, 6), pool(Pooling::Max, 3, 2, 2)), 2, 2);
}

#[test]
fn what_is_no_max_pooling_before_it_is_named() {
    let check = |change: &dyn Fn(&mut NetworkConfig), expected: &str| {
        let mut config = network(shape(2, 4, 4), pool(Pooling::Max, 2, 2, 2));
        change(&mut config);
        assert_eq!(open(&config, 1).map(|_| ()).unwrap_err().to_string(), expected);
    };
    let arg_max = |arg_max| {
        move |config: &mut NetworkConfig| config.cells[3].operator = Operator::Unpool(UnpoolConfig { arg_max })
    };
    let named =
        |found: &str| format!("cell `c3`, ArgMax: expected a max pooling that stands before it, found `{found}`");
    check(&arg_max(4), &named("cell 4"));
    check(&arg_max(0), &named("c0"));
    let average = |config: &mut NetworkConfig| {
        config.cells[1].operator = Operator::Pool(pool(Pooling::Average, 2, 2, 2));
    };
    check(&average, &named("c1"));
    let wider = |config: &mut NetworkConfig| config.cells[2].operator = Operator::Conv(conv(5, 1, 1));
    check(&wider, "cell `c3`, Input: expected 2 channels of 2 x 2 as the pooling has given, found 5 channels of 2 x 2");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_unpooling_is_the_one_defined(
        (input, n_outputs, mapping) in (1usize..=4, 1usize..=4, 2usize..=7, 2usize..=7).prop_flat_map(|(c, o, h, w)| {
            (Just(shape(c, h, w)), Just(o), any_mapping(o, c))
        }),
        (window, stride, padding) in (any_size(1..=3), any_size(1..=3), any_size(0..=2)),
        n in 1usize..=20,
        seed in any::<u64>(),
    ) {
        let config = network(input, PoolConfig { n_outputs, pooling: Pooling::Max, window, stride, padding, mapping });
        prop_assume!(open(&config, 0).is_ok());
        compare(config, n, seed);
    }
}
