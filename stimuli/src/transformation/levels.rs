//! What changes levels one by one.

use super::{Format, Step, refused};
use crate::draws::Draws;
use crate::frame::Frame;
use crate::{Depth, Error};

/// An operator between a pixel and a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// x + v
    Plus,
    /// x - v
    Minus,
    /// x * v
    Multiplies,
    /// x / v
    Divides,
}

impl Arithmetic {
    pub(crate) fn of(self, x: f64, v: f64) -> f64 {
        match self {
            Arithmetic::Plus => x + v,
            Arithmetic::Minus => x - v,
            Arithmetic::Multiplies => x * v,
            Arithmetic::Divides => x / v,
        }
    }
}

/// `(x first v1) second v2`, values one or one a channel, optionally truncated to an integer.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeAffine {
    /// The operator applied first.
    pub first: Arithmetic,
    /// One value, or one a channel.
    pub first_value: Vec<f64>,
    /// The operator applied to the result of the first.
    pub second: Arithmetic,
    /// One value, or one a channel; empty leaves the second step out.
    pub second_value: Vec<f64>,
    /// Drops the fraction of the result; the image stays real-valued.
    pub truncate: bool,
}

impl RangeAffine {
    /// Each operator works on doubles and delivers a float, as an operation on a whole image does.
    fn level(&self, channel: usize, x: f32) -> f32 {
        let operand = |values: &[f64]| values.get(channel).or(values.first()).copied();
        let mut x = x;
        for (operator, operand) in
            [(self.first, operand(&self.first_value)), (self.second, operand(&self.second_value))]
        {
            let Some(v) = operand else { continue };
            x = operator.of(f64::from(x), v) as f32;
        }
        if self.truncate { x.trunc() } else { x }
    }
}

impl Step for RangeAffine {
    fn format(&self, input: Format) -> Result<Format, Error> {
        let channels = input.shape.channels;
        let second_is_absent = self.second_value.is_empty();
        for (key, operator, values, is_absent) in [
            ("FirstValue", self.first, &self.first_value, false),
            ("SecondValue", self.second, &self.second_value, second_is_absent),
        ] {
            if !is_absent && values.len() != 1 && values.len() != channels {
                return Err(Error::Values { key, channels, found: values.len() });
            }
            let is_bad = |value: &&f64| !value.is_finite() || (operator == Arithmetic::Divides && **value == 0.0);
            if let Some(&found) = values.iter().find(is_bad) {
                return Err(Error::Value { key, found });
            }
        }
        Ok(Format { depth: Depth::Real, ..input })
    }

    fn apply(&self, frame: &mut Frame, _: &mut Draws) {
        frame.make_real();
        frame.map(|channel, x| self.level(channel, x));
    }
}

/// What [`Normalize`] makes equal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Norm {
    /// The range, from `min` to `max`, in units of white; bytes stay bytes.
    #[default]
    MinMax,
    /// The sum of the magnitudes.
    L1,
    /// The root of the sum of the squares.
    L2,
    /// The largest magnitude.
    LInf,
}

/// Maps the levels to a range or their norm to a value. Norms are those of levels over white (255; 1 of a real image), and
/// make the image real. An image of one level is mapped to `min`, one without light stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalize {
    /// What is made equal.
    pub norm: Norm,
    /// The norm of the result.
    pub value: f64,
    /// Lowest level of the result, with [`Norm::MinMax`].
    pub min: f64,
    /// Highest level of the result, with [`Norm::MinMax`].
    pub max: f64,
    /// Each channel by itself.
    pub per_channel: bool,
}

impl Step for Normalize {
    fn format(&self, input: Format) -> Result<Format, Error> {
        Ok(Format { depth: if self.norm == Norm::MinMax { input.depth } else { Depth::Real }, ..input })
    }

    fn apply(&self, frame: &mut Frame, _: &mut Draws) {
        let white = frame.white();
        if self.norm != Norm::MinMax {
            frame.make_real();
        }
        let plane = frame.shape.plane();
        let size = if self.per_channel { plane } else { frame.shape.n_elements() };
        // Scale and offset of each part that is normalized by itself.
        let (mut factors, mut start) = (Vec::with_capacity(4), 0);
        while start < frame.shape.n_elements() {
            let levels = || frame.levels().skip(start).take(size);
            let (scale, offset) = match self.norm {
                Norm::MinMax => {
                    let (low, high) =
                        levels().fold((f32::MAX, f32::MIN), |(low, high), level| (low.min(level), high.max(level)));
                    let scale =
                        if high > low { (self.max - self.min) * f64::from(white) / f64::from(high - low) } else { 0.0 };
                    (scale, self.min * f64::from(white) - f64::from(low) * scale)
                }
                norm => {
                    let levels = levels().map(|level| f64::from(level.abs() / white));
                    let found = match norm {
                        Norm::L1 => levels.sum(),
                        Norm::L2 => levels.map(|level| level * level).sum::<f64>().sqrt(),
                        _ => levels.fold(0.0, f64::max),
                    };
                    (if found > 0.0 { self.value / found / f64::from(white) } else { 1.0 / f64::from(white) }, 0.0)
                }
            };
            factors.push((scale, offset));
            start += size;
        }
        frame.map(|channel, x| {
            let (scale, offset) = factors[if self.per_channel { channel } else { 0 }];
            (f64::from(x) * scale + offset) as f32
        });
    }
}

/// What [`Threshold`] does with a level `x` and the threshold `T`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThresholdOperation {
    /// The maximum where x > T, else 0.
    #[default]
    Binary,
    /// 0 where x > T, else the maximum.
    BinaryInverted,
    /// T where x > T, else x.
    Truncate,
    /// x where x > T, else 0.
    ToZero,
    /// 0 where x > T, else x.
    ToZeroInverted,
}

/// Compares each level with a threshold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Threshold {
    /// The threshold, unless `otsu`.
    pub threshold: f64,
    /// Finds the threshold of each channel by N. Otsu's method (1979); of bytes alone.
    pub otsu: bool,
    /// What is done.
    pub operation: ThresholdOperation,
    /// The maximum of the binary operations.
    pub max_value: f64,
}

impl Step for Threshold {
    fn format(&self, input: Format) -> Result<Format, Error> {
        if self.otsu && input.depth != Depth::Byte {
            let (remedy, found) = ("put it before what makes reals, or leave `OtsuMethod` out", input.depth);
            return Err(refused("ThresholdTransformation", "an image of bytes for `OtsuMethod`", found, remedy));
        }
        Ok(input)
    }

    fn apply(&self, frame: &mut Frame, _: &mut Draws) {
        let plane = frame.shape.plane();
        let thresholds: Vec<f32> = if self.otsu {
            frame.bytes.chunks_exact(plane).map(|plane| f32::from(otsu(plane))).collect()
        } else {
            vec![self.threshold as f32; frame.shape.channels]
        };
        let max = self.max_value as f32;
        frame.map(|channel, x| {
            let threshold = thresholds[channel];
            match (self.operation, x > threshold) {
                (ThresholdOperation::Binary, true) | (ThresholdOperation::BinaryInverted, false) => max,
                (ThresholdOperation::Truncate, true) => threshold,
                (ThresholdOperation::ToZero, true)
                | (ThresholdOperation::Truncate | ThresholdOperation::ToZeroInverted, false) => x,
                _ => 0.0,
            }
        });
    }
}

/// The level that best divides the levels in two: the largest variance between both parts, the lowest such level.
fn otsu(plane: &[u8]) -> u8 {
    let mut counts = [0_u64; 256];
    plane.iter().for_each(|&level| counts[usize::from(level)] += 1);
    let total = plane.len() as f64;
    let sum: f64 = counts.iter().enumerate().map(|(level, &n)| level as f64 * n as f64).sum();
    let (mut below, mut sum_below, mut best, mut at) = (0.0, 0.0, 0.0, 0);
    for (level, &n) in counts.iter().enumerate() {
        below += n as f64;
        sum_below += level as f64 * n as f64;
        let above = total - below;
        if below == 0.0 || above == 0.0 {
            continue;
        }
        let difference = sum_below / below - (sum - sum_below) / above;
        let variance = below * above * difference * difference;
        if variance > best {
            (best, at) = (variance, level as u8);
        }
    }
    at
}

/// Maps the levels from `min` to `max` to the whole range, and clips those outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RangeClipping {
    /// Level that becomes 0; 0 takes the lowest of the image.
    pub min: f64,
    /// Level that becomes white; 0 takes the highest of the image.
    pub max: f64,
}

impl Step for RangeClipping {
    fn format(&self, input: Format) -> Result<Format, Error> {
        Ok(input)
    }

    fn apply(&self, frame: &mut Frame, _: &mut Draws) {
        let pick = |asked: f64, found: f32| if asked == 0.0 { found } else { asked as f32 };
        let min = pick(self.min, frame.levels().fold(f32::MAX, f32::min));
        let max = pick(self.max, frame.levels().fold(f32::MIN, f32::max));
        let white = frame.white();
        let scale = if max == min { 0.0 } else { white / (max - min) };
        frame.map(|_, x| (scale * (x - min)).clamp(0.0, white));
    }
}

/// `gain * (x / S)^gamma * S + bias * S` with S = 255 of bytes, 1 of reals; each is drawn from its range.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomAffine {
    /// Range of the gain of each channel; channels without one have a gain of 1.
    pub gains: Vec<[f64; 2]>,
    /// Range of the bias of each channel; 0 without one.
    pub biases: Vec<[f64; 2]>,
    /// Range of the exponent of each channel; 1 without one.
    pub gammas: Vec<[f64; 2]>,
    /// How often the gain, the bias and the exponent are drawn at all.
    pub probabilities: [f64; 3],
}

impl Step for RandomAffine {
    fn format(&self, input: Format) -> Result<Format, Error> {
        Ok(input)
    }

    fn apply(&self, frame: &mut Frame, draws: &mut Draws) {
        let ranges = [(&self.gains, 1.0), (&self.biases, 0.0), (&self.gammas, 1.0)];
        let mut drawn = Vec::with_capacity(3);
        for ((ranges, default), probability) in ranges.into_iter().zip(self.probabilities) {
            let varies = draws.unit() < probability;
            let value = |channel: usize| match ranges.get(channel) {
                Some(&[low, high]) if varies => draws.uniform(low, high),
                _ => default,
            };
            drawn.push((0..frame.shape.channels).map(value).collect::<Vec<f64>>());
        }
        let white = f64::from(frame.white());
        frame.map(|channel, x| {
            let (gain, bias, gamma) = (drawn[0][channel], drawn[1][channel], drawn[2][channel]);
            let unit = f64::from(x) / white;
            let curved = if gamma == 1.0 { unit } else { unit.max(0.0).powf(gamma) };
            ((gain * curved + bias) * white) as f32
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{format_of, reals_of, transformed, transformed_as};

    const WHITE: f32 = 255.0;

    #[test]
    fn a_range_or_a_norm_is_made_equal() {
        let normalize = |norm, per_channel| Normalize { norm, value: 2.0, min: 0.0, max: 1.0, per_channel };
        let levels = [10, 20, 30, 60];
        assert_eq!(transformed(&normalize(Norm::MinMax, false), (4, 1), &levels), [0, 51, 102, 255]);
        let narrow = Normalize { min: 0.2, max: 0.6, ..normalize(Norm::MinMax, true) };
        assert_eq!(transformed(&narrow, (2, 1), &levels), [51, 153, 51, 153], "each of two channels");
        assert_eq!(transformed(&normalize(Norm::MinMax, false), (2, 1), &[7, 7]), [0, 0]);
        assert_eq!(reals_of(&normalize(Norm::L1, false), (4, 1), &levels), [10.0, 20.0, 30.0, 60.0].map(|x| x / 60.0));
        assert_eq!(
            reals_of(&normalize(Norm::LInf, false), (4, 1), &levels),
            [10.0, 20.0, 30.0, 60.0].map(|x| x / 30.0)
        );
        for (found, expect) in
            reals_of(&normalize(Norm::L2, true), (2, 1), &[3, 4, 0, 0]).iter().zip([1.2, 1.6, 0.0, 0.0])
        {
            assert!((found - expect).abs() < 1e-6, "{found} {expect}");
        }
    }

    #[test]
    fn each_operation_compares_strictly() {
        let levels = [0, 99, 100, 101, 255];
        for (operation, expect) in [
            (ThresholdOperation::Binary, [0, 0, 0, 200, 200]),
            (ThresholdOperation::BinaryInverted, [200, 200, 200, 0, 0]),
            (ThresholdOperation::Truncate, [0, 99, 100, 100, 100]),
            (ThresholdOperation::ToZero, [0, 0, 0, 101, 255]),
            (ThresholdOperation::ToZeroInverted, [0, 99, 100, 0, 0]),
        ] {
            let step = Threshold { threshold: 100.0, otsu: false, operation, max_value: 200.0 };
            assert_eq!(transformed(&step, (5, 1), &levels), expect, "{operation:?}");
        }
    }

    #[test]
    fn otsu_finds_the_level_between_two_heaps() {
        let step = Threshold { threshold: 0.0, otsu: true, operation: ThresholdOperation::Binary, max_value: 255.0 };
        assert_eq!(transformed(&step, (6, 1), &[10, 12, 11, 200, 210, 190]), [0, 0, 0, 255, 255, 255]);
        assert!(step.format(Format { depth: Depth::Real, ..format_of(2, 2) }).is_err());
    }

    #[test]
    fn a_range_is_spread_and_what_lies_outside_is_clipped() {
        let clip = |min, max| RangeClipping { min, max };
        assert_eq!(transformed(&clip(0.0, 0.0), (3, 1), &[50, 100, 150]), [0, 128, 255]);
        assert_eq!(transformed(&clip(75.0, 125.0), (3, 1), &[50, 100, 150]), [0, 128, 255]);
        assert_eq!(transformed(&clip(0.0, 0.0), (2, 1), &[9, 9]), [0, 0]);
    }

    #[test]
    fn gain_bias_and_gamma_are_drawn_from_their_ranges() {
        let fixed = RandomAffine {
            gains: vec![[0.5, 0.5]],
            biases: vec![[0.2, 0.2]],
            gammas: vec![[2.0, 2.0]],
            probabilities: [1.0; 3],
        };
        let level = |x: f32| ((0.5 * (x / WHITE).powi(2) + 0.2) * WHITE).round() as u8;
        assert_eq!(transformed(&fixed, (3, 1), &[0, 100, 200]), [level(0.0), level(100.0), level(200.0)]);
        let none = RandomAffine { probabilities: [0.0; 3], ..fixed };
        assert_eq!(transformed(&none, (3, 1), &[0, 100, 255]), [0, 100, 255]);
        let gains = RandomAffine { gains: vec![[0.5, 1.5]], biases: vec![], gammas: vec![], probabilities: [1.0; 3] };
        let drawn: Vec<u8> = (0..200).map(|id| transformed_as(&gains, (1, 1), &[100], id)[0]).collect();
        assert!(drawn.iter().all(|level| (50..=150).contains(level)));
        assert!(drawn.iter().any(|&level| level < 70) && drawn.iter().any(|&level| level > 130));
    }
}
