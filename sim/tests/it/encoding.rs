use sim::encoder::{Coding, EncoderConfig, Interval};
use sim::random::{Random, Words};
use sim::{Encoder, InputSpike, InputSpikes, Presentation, Sign, SimDuration, SimTime};

use crate::mt19937::Mt19937;

const NS: u64 = 1_000_000;
const US: u64 = 1_000 * NS;

/// The parameters of the measured periodic trains.
fn periodic(coding: Coding, relative_deviation: f64) -> EncoderConfig {
    EncoderConfig {
        coding,
        period_min: SimDuration::ns(1),
        period_mean_min: SimDuration::ns(10),
        period_mean_max: SimDuration::us(100),
        period_rel_std_dev: relative_deviation,
        ..EncoderConfig::default()
    }
}

/// The reference's interval, whose end belongs to it.
fn closed(start: u64, end: u64) -> Interval {
    Interval { start: SimTime(start), end: SimTime(end), end_included: true }
}

/// A word source for codings that draw nothing.
struct NoWords;

impl Words for NoWords {
    fn next_u32(&mut self) -> u32 {
        panic!("this coding draws nothing")
    }
}

/// Negative times stand for negative spikes.
fn signed(train: impl Iterator<Item = (SimTime, Sign)>) -> Vec<i64> {
    train.map(|(time, sign)| time.0 as i64 * sign.value()).collect()
}

/// Checks the first spikes and the number of all of them.
#[track_caller]
fn check(
    config: &EncoderConfig,
    value: f64,
    interval: Interval,
    random: Random<impl Words>,
    first: &[i64],
    total: usize,
) {
    let encoder = Encoder::new(config.clone()).unwrap();
    let train = signed(encoder.train(value, interval, random));
    assert_eq!(train.len(), total, "number of spikes of {value}");
    assert_eq!(train[..first.len()], *first, "first spikes of {value}");
}

#[test]
fn a_single_burst_comes_the_earlier_the_stronger_the_pixel() {
    let config = EncoderConfig::default();
    let rows = [
        (1.0, 0),
        (0.75, 250_000_000),
        (0.5, 500_000_000),
        (0.25, 750_000_000),
        (0.1, 900_000_000),
        (0.0, 1_000_000_000),
        (-0.25, -750_000_000),
        (-1.0, 0),
    ];
    for (value, time) in rows {
        check(&config, value, closed(0, US), Random::new(NoWords), &[time], 1);
    }
    for (value, time) in [(1.0, 5_000_000_000), (0.5, 5_500_000_000), (0.0, 6_000_000_000)] {
        check(&config, value, closed(5 * US, 6 * US), Random::new(NoWords), &[time], 1);
    }
    let encoder = Encoder::new(config).unwrap();
    let (_, sign) = encoder.train(-1.0, closed(0, US), Random::new(NoWords)).next().unwrap();
    assert_eq!(sign, Sign::Negative);
}

#[test]
fn weak_pixels_are_discarded() {
    let config = EncoderConfig { discarded_late_stimuli: 0.67, ..EncoderConfig::default() };
    for (value, first) in [(0.34, 659_999_999), (0.33, 669_999_999), (-0.33, -669_999_999)] {
        check(&config, value, closed(0, US), Random::new(NoWords), &[first], 1);
    }
    check(&config, 0.32, closed(0, US), Random::new(NoWords), &[], 0);
    check(&config, f64::NAN, closed(0, US), Random::new(NoWords), &[], 0);
}

#[test]
fn periodic_trains_have_a_frequency_linear_in_the_value() {
    let config = periodic(Coding::Periodic, 0.0);
    let rows: [(f64, &[i64], usize); 10] = [
        (1.0, &[10_000_000, 20_000_000, 30_000_000], 100),
        (0.9, &[11_110_987, 22_221_974, 33_332_961], 90),
        (0.75, &[13_332_888, 26_665_776, 39_998_664], 75),
        (0.5, &[19_998_000, 39_996_000, 59_994_000], 50),
        (0.25, &[39_988_003, 79_976_006, 119_964_009], 25),
        (0.1, &[99_910_080, 199_820_160, 299_730_240], 10),
        (0.01, &[990_197_049], 1),
        (0.005, &[], 0),
        (0.0, &[], 0),
        (-0.5, &[-19_998_000], 50),
    ];
    for (value, first, total) in rows {
        check(&config, value, closed(0, US), Random::new(NoWords), first, total);
    }
    check(&config, 1.5, closed(0, US), Random::new(NoWords), &[6_666_888, 13_333_776, 20_000_664], 149);
    check(&config, 0.5, closed(3 * US, 4 * US), Random::new(NoWords), &[3_019_998_000, 3_039_996_000], 50);
}

#[test]
fn jitter_shifts_the_phase_by_the_reference_stream() {
    let config = periodic(Coding::JitteredPeriodic, 0.0);
    let mut words = Mt19937::new(1);
    let rows: [(f64, &[i64], usize); 8] = [
        (1.0, &[4_170_219, 14_170_219, 24_170_219], 100),
        (0.75, &[13_295_353, 26_628_241, 39_961_129], 75),
        (0.5, &[14_405_049, 34_403_049, 54_401_049], 50),
        (0.25, &[37_291_106, 77_279_109, 117_267_112], 25),
        (0.1, &[11_427, 99_921_507, 199_831_587], 11),
        (0.01, &[126_868_450], 1),
        (0.0, &[], 0),
        (-0.5, &[-19_978_812, -39_976_812, -59_974_812], 50),
    ];
    for (value, first, total) in rows {
        check(&config, value, closed(0, US), Random::new(&mut words), first, total);
    }
}

#[test]
fn normal_periods_follow_the_reference_stream() {
    let first = [22_642_492, 42_593_710, 64_068_283, 83_400_224, 109_303_466, 135_443_239, 158_534_386, 178_513_738];
    check(&periodic(Coding::Periodic, 0.1), 0.5, closed(0, US), Random::new(Mt19937::new(1)), &first, 49);
}

#[test]
fn poissonian_intervals_follow_the_reference_stream() {
    let config = periodic(Coding::Poissonian, 0.0);
    let mut words = Mt19937::new(1);
    let first = [17_490_576, 18_490_576, 25_050_989, 26_447_341, 207_948_645, 249_039_600, 272_961_760, 273_961_760];
    check(&config, 0.5, closed(0, US), Random::new(&mut words), &first, 47);
    let first = [13_182_641, 27_669_839, 38_796_938, 57_515_883, 303_752_674, 322_416_632, 646_404_029, 776_097_347];
    check(&config, 0.1, closed(0, US), Random::new(&mut words), &first, 9);
}

#[test]
fn linear_trains_have_a_frequency_proportional_to_the_quantized_value() {
    let binary = EncoderConfig { coding: Coding::Linear, ..EncoderConfig::default() };
    for (value, first, total) in [(1.0, &[1_000_000][..], 1), (0.5, &[1_000_000], 1), (0.49, &[], 0), (0.0, &[], 0)] {
        check(&binary, value, closed(0, US), Random::new(NoWords), first, total);
    }
    let unlimited = EncoderConfig { period_min: SimDuration::ZERO, ..binary };
    for (value, first, total) in
        [(1.0, &[1_000_000, 2_000_000][..], 1000), (0.5, &[1_000_000, 2_000_000], 1000), (0.49, &[], 0)]
    {
        check(&unlimited, value, closed(0, US), Random::new(NoWords), first, total);
    }
    let grey = EncoderConfig { n_levels: 256, max_frequency: 1e-7, ..unlimited };
    let rows: [(f64, &[i64], usize); 6] = [
        (1.0, &[10_000_000], 100),
        (0.5, &[19_921_875, 39_843_750, 59_765_625], 50),
        (0.1, &[98_076_923, 196_153_846, 294_230_769], 10),
        (0.01, &[850_000_000], 1),
        (0.001, &[], 0),
        (-0.5, &[-19_921_875], 50),
    ];
    for (value, first, total) in rows {
        check(&grey, value, closed(0, US), Random::new(NoWords), first, total);
    }
}

#[test]
fn a_presentation_leaves_out_its_end() {
    let burst = EncoderConfig::default();
    let open = Interval::presentation(SimDuration::us(1));
    check(&burst, 0.0, open, Random::new(NoWords), &[], 0);
    check(&periodic(Coding::Periodic, 0.0), 1.0, open, Random::new(NoWords), &[10_000_000], 99);
}

#[test]
fn a_train_ends_whatever_is_drawn() {
    /// Words whose normal draws are far below zero.
    struct Negative(bool);
    impl Words for Negative {
        fn next_u32(&mut self) -> u32 {
            self.0 = !self.0;
            if self.0 { 0 } else { 1 << 31 }
        }
    }
    let config = EncoderConfig { period_min: SimDuration::ZERO, ..periodic(Coding::Periodic, 1e6) };
    let encoder = Encoder::new(config).unwrap();
    let short = Interval::presentation(SimDuration(1000));
    let train = signed(encoder.train(1.0, short, Random::new(Negative(false))));
    assert!(train.len() <= 1000 && train.is_sorted_by(|a, b| a < b), "times move on: {train:?}");
}

#[test]
fn a_pixel_draws_the_same_whatever_the_others_are() {
    let encoder = Encoder::new(periodic(Coding::Poissonian, 0.0)).unwrap();
    let train = |seed, values: &[f32], stimulus| {
        let presentation = Presentation { values, stimulus, start: SimTime::ZERO, duration: SimDuration::us(1) };
        signed(encoder.pixel_train(seed, &presentation, 1))
    };
    let one = train(1, &[0.0, 0.5, 0.0], 7);
    assert_eq!(one, train(1, &[1.0, 0.5], 7));
    assert_ne!(one, train(2, &[0.0, 0.5, 0.0], 7));
    assert_ne!(one, train(1, &[0.0, 0.5, 0.0], 8));
}

#[test]
fn delays_are_drawn_by_synapse() {
    let some = sim::delays(1, 0, 1000, 1000.0, 100.0);
    assert_eq!(some[..10], sim::delays(1, 0, 10, 1000.0, 100.0)[..]);
    assert_ne!(some, sim::delays(1, 1, 1000, 1000.0, 100.0));
    let mean = some.iter().map(|delay| delay.0 as f64).sum::<f64>() / 1000.0;
    // Four standard errors.
    assert!((mean - 1000.0).abs() < 4.0 * 100.0 / 1000.0_f64.sqrt(), "mean {mean}");
    assert_eq!(sim::delays(1, 0, 3, -5.0, 0.0), [SimDuration::ZERO; 3]);
    assert_eq!(sim::delays(1, 0, 2, 7.9, 0.0), [SimDuration(7); 2]);
}

#[test]
fn all_pixels_together_are_the_trains_of_each() {
    let mut inputs = InputSpikes::default();
    let values: Vec<f32> = (0..40).map(|i| [0.0, 1.0, 0.3, -0.8, f32::NAN][i % 5]).collect();
    for coding in [Coding::SingleBurst, Coding::Periodic, Coding::JitteredPeriodic, Coding::Poissonian, Coding::Linear]
    {
        for deviation in [0.0, 0.1] {
            let config = EncoderConfig { max_frequency: 1e-7, ..periodic(coding, deviation) };
            let encoder = Encoder::new(config).unwrap();
            let (start, duration) = (SimTime(77), SimDuration::ns(200));
            let presentation = Presentation { values: &values, stimulus: 5, start, duration };
            let train = |pixel| {
                let spike = move |(time, sign)| InputSpike { time, pixel, sign };
                encoder.pixel_train(3, &presentation, pixel).map(spike)
            };
            let mut expected: Vec<InputSpike> = (0..values.len()).flat_map(train).collect();
            expected.sort_by_key(|spike| (spike.time, spike.pixel, spike.sign));
            let found: Vec<InputSpike> = inputs.of(&encoder, 3, &presentation).collect();
            assert_eq!(found, expected, "{coding:?} {deviation}");
            assert!(found.len() >= 8, "{coding:?}: {}", found.len());
        }
    }
}
