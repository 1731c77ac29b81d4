//! What lies outside an image.

use crate::frame::Pixel;

/// What stands in for the pixels outside an image `abcd`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Border {
    /// These levels, one or one a channel; none is 0.
    Constant(Vec<f64>),
    /// `aaa|abcd|ddd`
    Replicate,
    /// `cba|abcd|dcb`
    Reflect,
    /// `bcd|abcd|abc`
    Wrap,
    /// `dcb|abcd|cba`
    #[default]
    MinusOneReflect,
    /// The mean of the channel.
    Mean,
}

impl Border {
    /// The pixel of a line of `n` that stands in for pixel `at`; `None` is the constant.
    pub(crate) fn index(&self, at: isize, n: usize) -> Option<usize> {
        let n = n as isize;
        if (0..n).contains(&at) {
            return Some(at as usize);
        }
        let inside = match self {
            Border::Constant(_) | Border::Mean => return None,
            Border::Replicate => at.clamp(0, n - 1),
            Border::Wrap => at.rem_euclid(n),
            Border::Reflect => {
                let at = at.rem_euclid(2 * n);
                at.min(2 * n - 1 - at)
            }
            Border::MinusOneReflect if n == 1 => 0,
            Border::MinusOneReflect => {
                let at = at.rem_euclid(2 * (n - 1));
                at.min(2 * (n - 1) - at)
            }
        };
        Some(inside as usize)
    }

    /// The constant of a channel.
    pub(crate) fn level<T: Pixel>(&self, channel: usize, plane: &[T]) -> T {
        match self {
            Border::Constant(levels) => {
                T::rounded(levels.get(channel).or(levels.first()).copied().unwrap_or(0.0) as f32)
            }
            Border::Mean => {
                let sum: f64 = plane.iter().map(|&level| f64::from(level.into())).sum();
                T::rounded((sum / plane.len() as f64) as f32)
            }
            _ => T::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_border_continues_a_line_in_its_way() {
        let line = b"abcd";
        for (border, expect) in [
            (Border::Constant(vec![]), "___abcd___"),
            (Border::Replicate, "aaaabcdddd"),
            (Border::Reflect, "cbaabcddcb"),
            (Border::Wrap, "bcdabcdabc"),
            (Border::MinusOneReflect, "dcbabcdcba"),
            (Border::Mean, "___abcd___"),
        ] {
            let text: String = (-3..7).map(|at| border.index(at, 4).map_or('_', |at| char::from(line[at]))).collect();
            assert_eq!(text, expect, "{border:?}");
        }
        assert_eq!([-9, 5].map(|at| Border::MinusOneReflect.index(at, 1)), [Some(0); 2]);
        assert_eq!(Border::Reflect.index(-9, 4), Some(0), "as far as it takes");
        assert_eq!(Border::Constant(vec![3.0, 300.0]).level(1, &[0_u8]), 255);
        assert_eq!(Border::Mean.level(0, &[1_u8, 2, 2, 2]), 2);
    }
}
