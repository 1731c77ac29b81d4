//! Each channel an image of its own.

use super::{Format, Operation, Step, refused};
use crate::draws::Draws;
use crate::frame::Frame;
use crate::{Depth, Error, Shape};

const NAME: &str = "ChannelTransformation";

/// Copies of the image, each transformed by itself, stacked as the channels of the result (`formal.md` 5.3). Labels and regions
/// follow the first copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Channels {
    /// What is done to each copy, in order; at least one copy.
    pub copies: Vec<Vec<Operation>>,
}

impl Step for Channels {
    fn format(&self, input: Format) -> Result<Format, Error> {
        let mut stacked: Option<Format> = None;
        for copy in &self.copies {
            let made = copy.iter().try_fold(input, |format, operation| operation.step().format(format))?;
            let Some(all) = &mut stacked else {
                stacked = Some(made);
                continue;
            };
            let text = |format: Format| format!("{} of {}", format.shape, format.depth);
            let sides = |format: Format| (format.shape.width, format.shape.height, format.depth);
            if sides(*all) != sides(made) {
                let remedy = "give all channels the same size, and `RangeAffineTransformation` to all of them or none";
                return Err(refused(
                    NAME,
                    &format!("channels of one size, as the first, {}", text(*all)),
                    text(made),
                    remedy,
                ));
            }
            all.shape.channels += made.shape.channels;
        }
        stacked.ok_or_else(|| refused(NAME, "a channel", "none", "declare one, or leave the section out"))
    }

    fn apply(&self, frame: &mut Frame, draws: &mut Draws) {
        let (shape, depth) = (frame.shape, frame.depth);
        let (bytes, reals) = (std::mem::take(&mut frame.bytes), std::mem::take(&mut frame.reals));
        let (mut stacked_bytes, mut stacked_reals) = (Vec::new(), Vec::new());
        let (mut channels, mut labels) = (0, None);
        for copy in &self.copies {
            match depth {
                Depth::Byte => frame.begin(shape, &bytes),
                depth => frame.begin_levels(shape, depth, &reals),
            }
            copy.iter().for_each(|operation| operation.apply(frame, draws));
            channels += frame.shape.channels;
            labels.get_or_insert_with(|| std::mem::take(&mut frame.labels));
            match frame.is_byte() {
                true => stacked_bytes.extend_from_slice(&frame.bytes),
                false => stacked_reals.extend_from_slice(&frame.reals),
            }
        }
        frame.labels = labels.unwrap_or_default();
        let shape = Shape { channels, ..frame.shape };
        match frame.depth {
            Depth::Byte => frame.begin(shape, &stacked_bytes),
            depth => frame.begin_levels(shape, depth, &stacked_reals),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arithmetic, Flip, RangeAffine, Rescale};

    const INPUT: Shape = Shape { channels: 1, height: 1, width: 3 };

    fn flip() -> Operation {
        Operation::Flip(Flip { horizontal: true, vertical: false, random_horizontal: false, random_vertical: false })
    }

    fn times(factor: f64) -> Operation {
        Operation::RangeAffine(RangeAffine {
            first: Arithmetic::Multiplies,
            first_value: vec![factor],
            second: Arithmetic::Plus,
            second_value: vec![0.0],
            truncate: false,
        })
    }

    #[test]
    fn copies_are_transformed_by_themselves_and_stacked() {
        let bytes = Channels { copies: vec![vec![], vec![flip()], vec![flip(), flip()]] };
        let format = bytes.format(Format { shape: INPUT, depth: Depth::Byte }).unwrap();
        assert_eq!(format, Format { shape: Shape { channels: 3, ..INPUT }, depth: Depth::Byte });
        let mut frame = Frame::default();
        frame.begin(INPUT, &[1, 2, 3]);
        bytes.apply(&mut frame, &mut Draws::new(1, 0, 0, 0));
        assert_eq!((frame.shape, frame.bytes.as_slice()), (format.shape, [1, 2, 3, 3, 2, 1, 1, 2, 3].as_slice()));
        let reals = Channels { copies: vec![vec![times(0.5)], vec![flip(), times(-1.0)]] };
        assert_eq!(reals.format(Format { shape: INPUT, depth: Depth::Byte }).unwrap().depth, Depth::Real);
        for depth in [Depth::Byte, Depth::Word, Depth::Real] {
            match depth {
                Depth::Byte => frame.begin(INPUT, &[1, 2, 3]),
                depth => frame.begin_levels(INPUT, depth, &[1.0, 2.0, 3.0]),
            }
            reals.apply(&mut frame, &mut Draws::new(1, 0, 0, 0));
            assert_eq!(
                (frame.shape.channels, frame.reals.as_slice()),
                (2, [0.5, 1.0, 1.5, -3.0, -2.0, -1.0].as_slice())
            );
        }
    }

    #[test]
    fn channels_that_cannot_be_stacked_are_refused() {
        let small = Rescale { width: 2, height: 1, keep_aspect_ratio: false, resize_to_fit: true };
        let check = |copies: Vec<Vec<Operation>>, part: &str| {
            let error =
                Channels { copies }.format(Format { shape: INPUT, depth: Depth::Byte }).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check(vec![vec![], vec![Operation::Rescale(small)]], "channels of one size");
        check(vec![vec![], vec![times(2.0)]], "real numbers");
        check(vec![], "expected a channel");
    }
}
