//! JPEG of random quality.

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::{Format, Step, refused};
use crate::draws::Draws;
use crate::frame::Frame;
use crate::{Depth, Error, image as images};

/// Compresses the image as JPEG of a quality drawn from a range, and decodes it again.
#[derive(Clone, Debug, PartialEq)]
pub struct CompressionNoise {
    /// Lowest and highest quality, from 0 to 100; 0 is taken as 1.
    pub range: [u32; 2],
}

impl Step for CompressionNoise {
    fn format(&self, input: Format) -> Result<Format, Error> {
        const NAME: &str = "CompressionNoiseTransformation";
        if input.depth != Depth::Byte || ![1, 3].contains(&input.shape.channels) {
            let found = format!("{} of {}", input.shape, input.depth);
            return Err(refused(
                NAME,
                "an image of bytes of 1 or 3 channels",
                found,
                "put it before what changes that",
            ));
        }
        let [low, high] = self.range;
        if low > high || high > 100 {
            let remedy = "give the lower one first";
            return Err(refused(NAME, "two qualities from 0 to 100", format!("{low} {high}"), remedy));
        }
        Ok(input)
    }

    fn apply(&self, frame: &mut Frame, draws: &mut Draws) {
        let [low, high] = self.range;
        let quality = (low as usize + draws.below((high - low + 1) as usize)).max(1) as u8;
        let (plane, channels) = (frame.shape.plane(), frame.shape.channels);
        let mut side_by_side = vec![0; plane * channels];
        for (at, pixel) in side_by_side.chunks_exact_mut(channels).enumerate() {
            for (channel, level) in pixel.iter_mut().enumerate() {
                *level = frame.bytes[(channels - 1 - channel) * plane + at];
            }
        }
        let kind = if channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
        let mut bytes = Vec::new();
        let (width, height) = (frame.shape.width as u32, frame.shape.height as u32);
        let encoded = JpegEncoder::new_with_quality(&mut bytes, quality).encode(&side_by_side, width, height, kind);
        // Both work in memory on an image whose size and kind are known to be good.
        if encoded.is_ok()
            && let Ok(image) = images::decode("", &bytes)
            && image.shape == frame.shape
        {
            frame.bytes.copy_from_slice(&image.pixels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{format_of, transformed};

    #[test]
    fn low_quality_changes_more_than_high_quality() {
        let image: Vec<u8> = (0..3 * 256).map(|at| (at * 37 % 251) as u8).collect();
        let error = |quality| {
            let noisy = transformed(&CompressionNoise { range: [quality, quality] }, (16, 16), &image);
            noisy.iter().zip(&image).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>() / image.len() as u32
        };
        assert!(error(5) > error(100) + 10, "{} {}", error(5), error(100));
        let flat = [[10; 64], [200; 64], [90; 64]].concat();
        let noisy = transformed(&CompressionNoise { range: [90, 100] }, (8, 8), &flat);
        assert!(noisy.iter().zip(&flat).all(|(a, b)| a.abs_diff(*b) <= 6), "channels keep their places: {noisy:?}");
        assert!(CompressionNoise { range: [5, 101] }.format(format_of(8, 8)).is_err());
    }
}
