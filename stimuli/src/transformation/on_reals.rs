//! Transformations beside a provider.

use super::{Format, Operation, refused};
use crate::draws::Draws;
use crate::frame::Frame;
use crate::{Depth, Error, Shape};

/// A transformation of real images of one shape, outside a provider and always the same for the same image, such as what
/// a layer of a network does.
#[derive(Clone, Debug)]
pub struct OnReals {
    operation: Operation,
    input: Shape,
    output: Shape,
}

impl OnReals {
    /// Plans `operation` for images of `input`.
    ///
    /// # Errors
    ///
    /// It draws at random, or cannot be applied to such images.
    pub fn new(operation: Operation, input: Shape) -> Result<Self, Error> {
        if operation.is_random() {
            let remedy = "transform the stimuli at random, in their `OnTheFlyTransformation`";
            return Err(refused("Transformation", "one without random draws", "one that draws", remedy));
        }
        let output = operation.step().format(Format { shape: input, depth: Depth::Real })?.shape;
        Ok(Self { operation, input, output })
    }

    /// Returns what is done to each image.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Returns the shape of what comes out.
    pub fn output(&self) -> Shape {
        self.output
    }

    /// Transforms images `[n][channel][y][x]` to as many of [`OnReals::output`].
    ///
    /// # Panics
    ///
    /// Where `images` and `out` are not of whole images or not of as many.
    pub fn apply(&self, images: &[f32], out: &mut [f32]) {
        let (from, to) = (self.input.n_elements(), self.output.n_elements());
        assert_eq!((images.len() % from, out.len()), (0, images.len() / from * to), "images that make whole ones");
        let mut frame = Frame::default();
        for (image, out) in images.chunks_exact(from).zip(out.chunks_exact_mut(to)) {
            frame.begin_levels(self.input, Depth::Real, image);
            self.operation.step().apply(&mut frame, &mut Draws::new(0, 0, 0, 0));
            out.copy_from_slice(&frame.reals);
        }
    }
}

impl Operation {
    /// Returns the name without `Transformation`.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Rescale(_) => "Rescale",
            Operation::PadCrop(_) => "PadCrop",
            Operation::ChannelExtraction(_) => "ChannelExtraction",
            Operation::ColorSpace(_) => "ColorSpace",
            Operation::Flip(_) => "Flip",
            Operation::Distortion(_) => "Distortion",
            Operation::Affine(_) => "Affine",
            Operation::RangeAffine(_) => "RangeAffine",
            Operation::Normalize(_) => "Normalize",
            Operation::Threshold(_) => "Threshold",
            Operation::RangeClipping(_) => "RangeClipping",
            Operation::SliceExtraction(_) => "SliceExtraction",
            Operation::RandomResizeCrop(_) => "RandomResizeCrop",
            Operation::Equalize(_) => "Equalize",
            Operation::Filter(_) => "Filter",
            Operation::RandomAffine(_) => "RandomAffine",
            Operation::CompressionNoise(_) => "CompressionNoise",
            Operation::Channels(_) => "Channels",
        }
    }

    /// Whether two presentations of one image may differ.
    pub fn is_random(&self) -> bool {
        match self {
            Operation::Flip(flip) => flip.random_horizontal || flip.random_vertical,
            Operation::SliceExtraction(slice) => {
                slice.random_offset != [false, false] || slice.rotation.is_some() || slice.scaling.is_some()
            }
            Operation::Distortion(_)
            | Operation::RandomResizeCrop(_)
            | Operation::RandomAffine(_)
            | Operation::CompressionNoise(_) => true,
            Operation::Channels(channels) => channels.copies.iter().flatten().any(Operation::is_random),
            Operation::Rescale(_)
            | Operation::PadCrop(_)
            | Operation::ChannelExtraction(_)
            | Operation::ColorSpace(_)
            | Operation::Affine(_)
            | Operation::RangeAffine(_)
            | Operation::Normalize(_)
            | Operation::Threshold(_)
            | Operation::RangeClipping(_)
            | Operation::Equalize(_)
            | Operation::Filter(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arithmetic, ChannelExtraction, Flip, PadCrop, RangeAffine, Threshold, ThresholdOperation};

    fn shape(channels: usize, height: usize, width: usize) -> Shape {
        Shape { channels, height, width }
    }

    #[track_caller]
    fn check(operation: Operation, input: Shape, images: &[f32], output: Shape, expected: &[f32]) {
        let on_reals = OnReals::new(operation, input).unwrap();
        assert_eq!(on_reals.output(), output);
        let mut found = vec![f32::NAN; expected.len()];
        on_reals.apply(images, &mut found);
        assert_eq!(found, expected);
    }

    #[test]
    fn images_are_transformed_one_by_one_as_reals() {
        let threshold =
            |operation| Operation::Threshold(Threshold { threshold: 0.5, otsu: false, operation, max_value: 2.0 });
        let line = shape(1, 1, 3);
        let two = [0.2, 0.5, 0.7, 1.5, -1.0, 0.6];
        check(threshold(ThresholdOperation::Binary), line, &two, line, &[0.0, 0.0, 2.0, 2.0, 0.0, 2.0]);
        check(threshold(ThresholdOperation::ToZero), line, &two, line, &[0.0, 0.0, 0.7, 1.5, 0.0, 0.6]);
        check(threshold(ThresholdOperation::Truncate), line, &two, line, &[0.2, 0.5, 0.5, 0.5, -1.0, 0.5]);
        let crop = PadCrop { width: 1, height: 1, is_additive: false, border: crate::Border::Replicate };
        check(Operation::PadCrop(crop), line, &two, shape(1, 1, 1), &[0.5, -1.0]);
        let flip = Flip { horizontal: true, vertical: false, random_horizontal: false, random_vertical: false };
        check(Operation::Flip(flip), line, &two, line, &[0.7, 0.5, 0.2, 0.6, -1.0, 1.5]);
        let blue = Operation::ChannelExtraction(ChannelExtraction::Stored(0));
        check(blue, shape(3, 1, 1), &two, shape(1, 1, 1), &[0.2, 1.5]);
        let affine = RangeAffine {
            first: Arithmetic::Multiplies,
            first_value: vec![2.0, 4.0, 8.0],
            second: Arithmetic::Plus,
            second_value: vec![1.0],
            truncate: false,
        };
        let of_channels = [1.4, 3.0, 6.6, 4.0, -3.0, 5.8];
        check(Operation::RangeAffine(affine), shape(3, 1, 1), &two, shape(3, 1, 1), &of_channels);
    }

    #[test]
    fn what_draws_or_needs_bytes_is_refused() {
        let flip = Flip { horizontal: false, vertical: false, random_horizontal: true, random_vertical: false };
        let message = OnReals::new(Operation::Flip(flip), shape(1, 2, 2)).unwrap_err().to_string();
        assert!(message.contains("without random draws") && message.contains("OnTheFlyTransformation"), "{message}");
        let otsu = Threshold { threshold: 0.5, otsu: true, operation: ThresholdOperation::Binary, max_value: 1.0 };
        let message = OnReals::new(Operation::Threshold(otsu), shape(1, 2, 2)).unwrap_err().to_string();
        assert!(message.contains("an image of bytes"), "{message}");
    }
}
