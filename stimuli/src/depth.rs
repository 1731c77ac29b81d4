//! What the levels of an image are.

use std::fmt;

/// What the levels of an image are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Depth {
    /// 8 bits; white is 255.
    #[default]
    Byte,
    /// 16 bits; white is 65535.
    Word,
    /// Real numbers; white is 1.
    Real,
}

impl Depth {
    /// Returns the bytes of one level as it is stored.
    pub fn n_bytes(self) -> usize {
        match self {
            Depth::Byte => 1,
            Depth::Word => 2,
            Depth::Real => 4,
        }
    }

    /// Returns the level of white.
    pub fn white(self) -> f32 {
        match self {
            Depth::Byte => 255.0,
            Depth::Word => 65_535.0,
            Depth::Real => 1.0,
        }
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Depth::Byte => "bytes",
            Depth::Word => "16-bit levels",
            Depth::Real => "real numbers",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use tempfile::TempDir;

    use crate::partition::Rule;
    use crate::transformation::Format;
    use crate::{
        ApplyTo, Arithmetic, ColorSpace, Conversion, Database, Delivery, Depth, Faults, Flip, Mt19937, Norm, Normalize,
        Operation, Provider, RangeAffine, Set, Shape, Space, Threshold, ThresholdOperation, Transformation, analyze,
        folder, testing,
    };

    /// A folder with one grey image of 16 bits, `levels` in a row, and behind it one of bytes.
    fn database(levels: &[u16]) -> (TempDir, Arc<Database>) {
        let data = tempfile::tempdir().unwrap();
        let mut deep = format!("P5 {} 1 65535\n", levels.len()).into_bytes();
        deep.extend(levels.iter().flat_map(|level| level.to_be_bytes()));
        fs::write(data.path().join("a.pgm"), deep).unwrap();
        let mut shallow = format!("P5 {} 1 255\n", levels.len()).into_bytes();
        shallow.extend(levels.iter().map(|level| (level / 257) as u8));
        fs::write(data.path().join("b.pgm"), shallow).unwrap();
        let folder = testing::images_below(data.path(), 0, Rule::Counts { learn: 2, validation: 0, test: None });
        let mut database = folder::load(&[folder], &mut Faults::refused()).unwrap();
        database.partition(false, &mut Mt19937::new(1));
        (data, Arc::new(database))
    }

    fn always(operation: Operation) -> Transformation {
        Transformation { apply_to: ApplyTo::All, on_the_fly: false, operation }
    }

    fn flip() -> Operation {
        Operation::Flip(Flip { horizontal: true, vertical: false, random_horizontal: false, random_vertical: false })
    }

    /// What the network sees of both images, made once and made each time.
    #[track_caller]
    fn check(operations: &[Operation], is_signed: bool, expected: [[f32; 3]; 2]) {
        let shape = Shape { channels: 1, height: 1, width: 3 };
        for (on_the_fly, most_bytes) in [(false, usize::MAX), (false, 0), (true, usize::MAX)] {
            let transformations: Vec<Transformation> =
                operations.iter().map(|o| Transformation { on_the_fly, ..always(o.clone()) }).collect();
            let delivery = Delivery { is_signed, most_bytes, ..Delivery::default() };
            let (_data, database) = database(&[0, 257 * 3 + 1, 65535]);
            let provider = Provider::new(database, shape, &transformations, delivery).unwrap();
            let mut out = vec![f32::NAN; 6];
            provider.load_batch(&[0, 1], Set::Learn, &mut out).unwrap();
            assert_eq!(out, expected.concat(), "{on_the_fly} {most_bytes}");
        }
    }

    #[test]
    fn levels_of_16_bits_reach_the_network_as_finely_as_they_are_stored() {
        let of = |level: f32| level / 65535.0;
        check(&[], false, [[0.0, of(772.0), 1.0], [0.0, of(771.0), 1.0]]);
        let signed = |level: f32| (level - 32768.0) / 32768.0;
        check(&[], true, [[-1.0, signed(772.0), signed(65535.0)], [-1.0, signed(771.0), signed(65535.0)]]);
        check(&[flip()], false, [[1.0, of(772.0), 0.0], [1.0, of(771.0), 0.0]]);
        let minus = RangeAffine {
            first: Arithmetic::Minus,
            first_value: vec![772.0],
            second: Arithmetic::Plus,
            second_value: vec![],
            truncate: false,
        };
        check(&[flip(), Operation::RangeAffine(minus)], false, [[64763.0, 0.0, -772.0], [64763.0, -1.0, -772.0]]);
        // Rounded to whole levels, and kept within them.
        let spread = Normalize { norm: Norm::MinMax, value: 1.0, min: 0.0, max: 0.1, per_channel: false };
        check(&[Operation::Normalize(spread)], false, [[0.0, of(77.0), of(6554.0)], [0.0, of(77.0), of(6554.0)]]);
        let bright = Threshold { threshold: 771.0, otsu: false, operation: ThresholdOperation::Binary, max_value: 1e6 };
        check(&[Operation::Threshold(bright)], false, [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]);
    }

    #[test]
    fn figures_of_16_bit_levels_are_those_stored() {
        let (_data, database) = database(&[0, 772, 65535]);
        let found = analyze(&database, &[always(flip())], ApplyTo::All, 1).unwrap();
        assert_eq!((found.n_stimuli, found.min, found.max), (2, 0.0, 65535.0));
    }

    #[test]
    fn what_needs_bytes_is_refused() {
        let refused = |operation: Operation| {
            let (_data, database) = database(&[0, 1, 2]);
            let shape = Shape { channels: 1, height: 1, width: 3 };
            Provider::new(database, shape, &[always(operation)], Delivery::default()).unwrap_err().to_string()
        };
        let message = refused(Operation::Equalize(crate::Equalize::Standard));
        assert!(message.contains("expected an image of bytes, found 16-bit levels"), "{message}");
        let to_hue = ColorSpace(Conversion { from: Space::Bgr, to: Space::Hsv });
        let colors = Format { shape: Shape { channels: 3, height: 1, width: 1 }, depth: Depth::Word };
        let message = Operation::ColorSpace(to_hue).step().format(colors).unwrap_err().to_string();
        assert!(message.contains("bytes or real numbers") && message.contains("65535"), "{message}");
    }
}
