//! Colors: one channel of them, and conversions. Stored images are blue, green, red.

use super::{Format, Step, refused};
use crate::draws::Draws;
use crate::frame::{Frame, Pixel};
use crate::{Depth, Error};

/// A way to write a color as three numbers.
///
/// Bytes hold them as OpenCV does: hue over 2, lightness of Lab and Luv times 255/100, a and b plus 128, u and v mapped from
/// [-134, 220] and [-140, 122]; everything else times 255. Reals are in [0, 1], hue in degrees, Lab and Luv as defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Blue, green, red.
    Bgr,
    /// Red, green, blue.
    Rgb,
    /// Hue, saturation, value.
    Hsv,
    /// Hue, lightness, saturation.
    Hls,
    /// Luma, difference to red, difference to blue.
    YCrCb,
    /// CIE 1976 L*a*b*, white D65.
    Lab,
    /// CIE 1976 L*u*v*, white D65.
    Luv,
}

/// From one space to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// What the image is in.
    pub from: Space,
    /// What it becomes.
    pub to: Space,
}

/// Converts colors. Grey images become colors where the result is BGR or RGB, and stay as they are otherwise; alpha is
/// dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct ColorSpace(pub Conversion);

/// Which channel [`ChannelExtraction`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelExtraction {
    /// A channel of the stored colors: 0 blue, 1 green, 2 red.
    Stored(usize),
    /// A channel of another space; the hue of bytes is stretched to 255.
    Of(Space, usize),
    /// `0.299 R + 0.587 G + 0.114 B`; of bytes in 14 bits, as OpenCV 3 does.
    Gray,
}

/// White D65: X and Z over Y.
const WHITE: [f32; 2] = [0.950_456, 1.088_754];

impl Space {
    /// Red, green, blue of [0, 1].
    fn to_rgb(self, [a, b, c]: [f32; 3]) -> [f32; 3] {
        match self {
            Space::Bgr => [c, b, a],
            Space::Rgb => [a, b, c],
            Space::Hsv => {
                let of = |n: f32| {
                    let k = (n + a / 60.0).rem_euclid(6.0);
                    c - c * b * k.min(4.0 - k).clamp(0.0, 1.0)
                };
                [of(5.0), of(3.0), of(1.0)]
            }
            Space::Hls => {
                let chroma = c * b.min(1.0 - b);
                let of = |n: f32| {
                    let k = (n + a / 30.0).rem_euclid(12.0);
                    b - chroma * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0)
                };
                [of(0.0), of(8.0), of(4.0)]
            }
            Space::YCrCb => {
                let (cr, cb) = (b - 0.5, c - 0.5);
                [a + 1.403 * cr, a - 0.714 * cr - 0.344 * cb, a + 1.773 * cb]
            }
            Space::Lab => {
                let y = (a + 16.0) / 116.0;
                let cube = |f: f32| if f > 6.0 / 29.0 { f * f * f } else { (f - 16.0 / 116.0) / 7.787 };
                let luma = if a > 8.0 { y * y * y } else { a / 903.3 };
                xyz_to_rgb([cube(y + b / 500.0) * WHITE[0], luma, cube(y - c / 200.0) * WHITE[1]])
            }
            Space::Luv => {
                if a <= 0.0 {
                    return [0.0; 3];
                }
                let luma = if a > 8.0 { ((a + 16.0) / 116.0).powi(3) } else { a / 903.3 };
                let [un, vn] = uv([WHITE[0], 1.0, WHITE[1]]);
                let (u, v) = (b / (13.0 * a) + un, c / (13.0 * a) + vn);
                xyz_to_rgb([luma * 9.0 * u / (4.0 * v), luma, luma * (12.0 - 3.0 * u - 20.0 * v) / (4.0 * v)])
            }
        }
    }

    fn of_rgb(self, [r, g, b]: [f32; 3]) -> [f32; 3] {
        let (high, low) = (r.max(g).max(b), r.min(g).min(b));
        let chroma = high - low;
        let hue = || {
            let sextant = if chroma == 0.0 {
                0.0
            } else if high == r {
                (g - b) / chroma
            } else if high == g {
                2.0 + (b - r) / chroma
            } else {
                4.0 + (r - g) / chroma
            };
            (60.0 * sextant).rem_euclid(360.0)
        };
        match self {
            Space::Bgr => [b, g, r],
            Space::Rgb => [r, g, b],
            Space::Hsv => [hue(), if high == 0.0 { 0.0 } else { chroma / high }, high],
            Space::Hls => {
                let light = (high + low) / 2.0;
                let room = if light < 0.5 { high + low } else { 2.0 - high - low };
                [hue(), light, if chroma == 0.0 { 0.0 } else { chroma / room }]
            }
            Space::YCrCb => {
                let y = 0.299 * r + 0.587 * g + 0.114 * b;
                [y, (r - y) * 0.713 + 0.5, (b - y) * 0.564 + 0.5]
            }
            Space::Lab => {
                let [x, y, z] = rgb_to_xyz([r, g, b]);
                let root = |t: f32| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
                let [x, fy, z] = [root(x / WHITE[0]), root(y), root(z / WHITE[1])];
                [lightness(y), 500.0 * (x - fy), 200.0 * (fy - z)]
            }
            Space::Luv => {
                let xyz = rgb_to_xyz([r, g, b]);
                let light = lightness(xyz[1]);
                let ([u, v], [un, vn]) = (uv(xyz), uv([WHITE[0], 1.0, WHITE[1]]));
                [light, 13.0 * light * (u - un), 13.0 * light * (v - vn)]
            }
        }
    }

    /// Scale and offset of each number as a byte.
    fn bytes(self) -> [(f32, f32); 3] {
        const UNIT: (f32, f32) = (255.0, 0.0);
        match self {
            Space::Bgr | Space::Rgb | Space::YCrCb => [UNIT; 3],
            Space::Hsv | Space::Hls => [(0.5, 0.0), UNIT, UNIT],
            Space::Lab => [(2.55, 0.0), (1.0, 128.0), (1.0, 128.0)],
            Space::Luv => [(2.55, 0.0), (255.0 / 354.0, 134.0 * 255.0 / 354.0), (255.0 / 262.0, 140.0 * 255.0 / 262.0)],
        }
    }
}

fn lightness(y: f32) -> f32 {
    if y > 0.008_856 { 116.0 * y.cbrt() - 16.0 } else { 903.3 * y }
}

fn uv([x, y, z]: [f32; 3]) -> [f32; 2] {
    let sum = x + 15.0 * y + 3.0 * z;
    if sum == 0.0 { uv([WHITE[0], 1.0, WHITE[1]]) } else { [4.0 * x / sum, 9.0 * y / sum] }
}

/// Light of an sRGB level.
fn linear(level: f32) -> f32 {
    if level <= 0.040_45 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
}

fn companded(light: f32) -> f32 {
    if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

fn rgb_to_xyz(rgb: [f32; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(linear);
    [
        0.412_453 * r + 0.357_58 * g + 0.180_423 * b,
        0.212_671 * r + 0.715_16 * g + 0.072_169 * b,
        0.019_334 * r + 0.119_193 * g + 0.950_227 * b,
    ]
}

fn xyz_to_rgb([x, y, z]: [f32; 3]) -> [f32; 3] {
    [
        3.240_479 * x - 1.537_15 * y - 0.498_535 * z,
        -0.969_256 * x + 1.875_991 * y + 0.041_556 * z,
        0.055_648 * x - 0.204_043 * y + 1.057_311 * z,
    ]
    .map(companded)
}

/// Converts planes in place; the first three channels are the color.
fn convert(frame: &mut Frame, Conversion { from, to }: Conversion) {
    let plane = frame.shape.plane();
    if !frame.is_byte() {
        let white = frame.white();
        for at in 0..plane {
            let color = [0, 1, 2].map(|channel| frame.reals[channel * plane + at] / white);
            let color = to.of_rgb(from.to_rgb(color));
            color.iter().enumerate().for_each(|(channel, &value)| frame.reals[channel * plane + at] = value * white);
        }
        return;
    }
    for at in 0..plane {
        let mut color = [0.0; 3];
        for (channel, (scale, offset)) in from.bytes().into_iter().enumerate() {
            color[channel] = (f32::from(frame.bytes[channel * plane + at]) - offset) / scale;
        }
        let color = to.of_rgb(from.to_rgb(color).map(|level| level.clamp(0.0, 1.0)));
        for (channel, (scale, offset)) in to.bytes().into_iter().enumerate() {
            frame.bytes[channel * plane + at] = u8::rounded(color[channel] * scale + offset);
        }
    }
}

fn truncate(frame: &mut Frame, channels: usize) {
    frame.shape.channels = channels;
    let n = frame.shape.n_elements();
    if frame.is_byte() { frame.bytes.truncate(n) } else { frame.reals.truncate(n) }
}

/// Moves a channel to the front and drops the others.
fn keep(frame: &mut Frame, channel: usize) {
    let plane = frame.shape.plane();
    let range = channel * plane..(channel + 1) * plane;
    if frame.is_byte() {
        frame.bytes.copy_within(range, 0)
    } else {
        frame.reals.copy_within(range, 0)
    }
    truncate(frame, 1);
}

fn color_or_grey(name: &'static str, input: Format) -> Result<(), Error> {
    if [1, 3, 4].contains(&input.shape.channels) {
        return Ok(());
    }
    Err(refused(name, "an image of 1, 3 or 4 channels", input.shape, "put it before what changes the channels"))
}

/// Refuses spaces whose numbers are no shares of white where levels have 16 bits.
fn fits_levels(name: &'static str, input: Format, spaces: [Space; 2]) -> Result<(), Error> {
    let is_share = |space| matches!(space, Space::Bgr | Space::Rgb | Space::YCrCb);
    if input.depth != Depth::Word || input.shape.channels == 1 || spaces.into_iter().all(is_share) {
        return Ok(());
    }
    let remedy = "divide them by 65535 before it, with a RangeAffineTransformation";
    Err(refused(name, "bytes or real numbers for this space", input.depth, remedy))
}

impl Step for ColorSpace {
    fn format(&self, input: Format) -> Result<Format, Error> {
        color_or_grey("ColorSpaceTransformation", input)?;
        fits_levels("ColorSpaceTransformation", input, [self.0.from, self.0.to])?;
        let mut shape = input.shape;
        let makes_colors = self.0.from == Space::Bgr && matches!(self.0.to, Space::Bgr | Space::Rgb);
        if shape.channels == 4 || makes_colors {
            shape.channels = 3;
        }
        Ok(Format { shape, ..input })
    }

    fn apply(&self, frame: &mut Frame, _: &mut Draws) {
        let Conversion { from, to } = self.0;
        match frame.shape.channels {
            1 if from == Space::Bgr && matches!(to, Space::Bgr | Space::Rgb) => {
                let n = frame.shape.plane();
                for _ in 0..2 {
                    if frame.is_byte() {
                        frame.bytes.extend_from_within(..n)
                    } else {
                        frame.reals.extend_from_within(..n)
                    }
                }
                frame.shape.channels = 3;
            }
            1 => {}
            _ => {
                truncate(frame, 3);
                if from != to {
                    convert(frame, self.0);
                }
            }
        }
    }
}

impl Step for ChannelExtraction {
    fn format(&self, input: Format) -> Result<Format, Error> {
        color_or_grey("ChannelExtractionTransformation", input)?;
        if let ChannelExtraction::Of(space, _) = *self {
            fits_levels("ChannelExtractionTransformation", input, [space, Space::Bgr])?;
        }
        Ok(Format { shape: crate::Shape { channels: 1, ..input.shape }, ..input })
    }

    fn apply(&self, frame: &mut Frame, _: &mut Draws) {
        if frame.shape.channels == 1 {
            return;
        }
        match *self {
            ChannelExtraction::Stored(channel) => keep(frame, channel),
            ChannelExtraction::Of(space, channel) => {
                convert(frame, Conversion { from: Space::Bgr, to: space });
                keep(frame, channel);
                if matches!(space, Space::Hsv | Space::Hls) && channel == 0 && frame.is_byte() {
                    frame.map(|_, hue| hue * 255.0 / 180.0);
                }
            }
            ChannelExtraction::Gray => {
                let plane = frame.shape.plane();
                for at in 0..plane {
                    if frame.is_byte() {
                        let [b, g, r] = [0, 1, 2].map(|channel| u32::from(frame.bytes[channel * plane + at]));
                        frame.bytes[at] = ((4899 * r + 9617 * g + 1868 * b + 8192) >> 14) as u8;
                    } else {
                        let [b, g, r] = [0, 1, 2].map(|channel| frame.reals[channel * plane + at]);
                        frame.reals[at] = 0.299 * r + 0.587 * g + 0.114 * b;
                    }
                }
                truncate(frame, 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{format_of, transformed};

    const ALL: [Space; 7] = [Space::Bgr, Space::Rgb, Space::Hsv, Space::Hls, Space::YCrCb, Space::Lab, Space::Luv];

    fn bgr_to(to: Space) -> ColorSpace {
        ColorSpace(Conversion { from: Space::Bgr, to })
    }

    /// One pixel: blue, green, red.
    #[track_caller]
    fn check(step: &dyn Step, color: &[u8], expect: &[u8]) {
        let found = transformed(step, (1, 1), color);
        let is_near = found.len() == expect.len() && found.iter().zip(expect).all(|(a, b)| a.abs_diff(*b) <= 1);
        assert!(is_near, "{step:?} of {color:?}: {found:?}, expected {expect:?}");
    }

    #[test]
    fn known_colors_have_their_known_numbers() {
        let (red, green, blue) = ([0, 0, 255], [0, 255, 0], [255, 0, 0]);
        check(&bgr_to(Space::Rgb), &[1, 2, 3], &[3, 2, 1]);
        check(&bgr_to(Space::Rgb), &[7], &[7, 7, 7]);
        check(&bgr_to(Space::Bgr), &[1, 2, 3, 4], &[1, 2, 3]);
        check(&bgr_to(Space::Hsv), &red, &[0, 255, 255]);
        check(&bgr_to(Space::Hsv), &green, &[60, 255, 255]);
        check(&bgr_to(Space::Hsv), &blue, &[120, 255, 255]);
        check(&bgr_to(Space::Hsv), &[50, 50, 100], &[0, 128, 100]);
        check(&bgr_to(Space::Hls), &[50, 50, 100], &[0, 75, 85]);
        check(&bgr_to(Space::YCrCb), &red, &[76, 255, 85]);
        check(&bgr_to(Space::YCrCb), &[128, 128, 128], &[128, 128, 128]);
        // OpenCV gives these for sRGB red.
        check(&bgr_to(Space::Lab), &red, &[136, 208, 195]);
        check(&bgr_to(Space::Luv), &red, &[136, 223, 173]);
        check(&bgr_to(Space::Lab), &[255, 255, 255], &[255, 128, 128]);
        check(&bgr_to(Space::Hsv), &[7], &[7]);
    }

    #[test]
    fn a_channel_is_taken_or_made() {
        let color = [10, 20, 30];
        check(&ChannelExtraction::Stored(0), &color, &[10]);
        check(&ChannelExtraction::Stored(2), &color, &[30]);
        check(&ChannelExtraction::Of(Space::Hsv, 0), &[255, 0, 0], &[170]);
        check(&ChannelExtraction::Of(Space::Hsv, 2), &color, &[30]);
        check(&ChannelExtraction::Of(Space::YCrCb, 0), &color, &[22]);
        check(&ChannelExtraction::Gray, &[7], &[7]);
        // (4899 · 30 + 9617 · 20 + 1868 · 10 + 8192) >> 14
        assert_eq!(transformed(&ChannelExtraction::Gray, (1, 1), &color), [22]);
        assert_eq!(transformed(&ChannelExtraction::Gray, (2, 1), &[0, 255, 0, 255, 0, 255]), [0, 255]);
        let two = Format { shape: crate::Shape { channels: 2, ..format_of(3, 3).shape }, depth: Depth::Byte };
        let message = ChannelExtraction::Gray.format(two).unwrap_err().to_string();
        assert!(message.contains("an image of 1, 3 or 4 channels, found 3x3x2"), "{message}");
    }

    proptest! {
        #[test]
        fn a_conversion_and_its_inverse_give_the_color_back(r in 0.0..1.0_f32, g in 0.0..1.0_f32, b in 0.0..1.0_f32) {
            /// The matrices of OpenCV are inverse to four digits, and dark lights are compressed.
            const TOLERANCE: f32 = 4e-3;
            for space in ALL {
                let back = space.to_rgb(space.of_rgb([r, g, b]));
                for (found, expect) in back.into_iter().zip([r, g, b]) {
                    prop_assert!((found - expect).abs() < TOLERANCE, "{:?}: {:?} from {:?}", space, back, [r, g, b]);
                }
            }
        }
    }
}
