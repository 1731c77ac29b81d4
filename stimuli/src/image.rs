//! Images of files.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use image::{ColorType, DynamicImage, GenericImageView, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::files::read;
use crate::{Depth, Error, Shape};

/// Extensions of the files that are images, in lower case.
pub const EXTENSIONS: [&str; 10] = ["bmp", "dib", "jpeg", "jpg", "jpe", "png", "pbm", "pgm", "ppm", "pnm"];

/// No image has more columns or rows than this.
pub(crate) const MAX_SIDE: usize = 16_384;

/// Grey levels or colors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The size; 1 channel is grey, 2 grey and alpha, 3 blue, green, red, 4 with alpha.
    pub shape: Shape,
    /// Bytes or words.
    pub depth: Depth,
    /// `[channel][y][x]`; words are little-endian.
    pub pixels: Vec<u8>,
}

impl Image {
    /// The same image in another depth, white as white.
    pub(crate) fn made(self, depth: Depth) -> Self {
        let pixels = match (self.depth, depth) {
            (Depth::Byte, Depth::Word) => self.pixels.iter().flat_map(|&level| [level, level]).collect(),
            (Depth::Word, Depth::Byte) => {
                words(&self.pixels).map(|word| ((u32::from(word) + 128) / 257) as u8).collect()
            }
            _ => return self,
        };
        Self { depth, pixels, ..self }
    }

    /// The levels as they are.
    pub(crate) fn levels(&self) -> Vec<f32> {
        match self.depth {
            Depth::Word => words(&self.pixels).map(f32::from).collect(),
            _ => self.pixels.iter().map(|&level| f32::from(level)).collect(),
        }
    }
}

fn words(pixels: &[u8]) -> impl Iterator<Item = u16> + '_ {
    pixels.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]))
}

/// Makes planes of colors that stand side by side: `[y][x][channel]` to `[channel][y][x]`, red, green, blue to blue,
/// green, red, which is the order that models count channels in.
fn planes<T: Copy + Default>(interleaved: &[T], channels: usize) -> Vec<T> {
    let n = interleaved.len() / channels;
    let mut pixels = vec![T::default(); interleaved.len()];
    for (channel, plane) in pixels.chunks_exact_mut(n.max(1)).enumerate() {
        let from = if channels >= 3 && channel < 3 { 2 - channel } else { channel };
        for (value, pixel) in plane.iter_mut().zip(interleaved.chunks_exact(channels)) {
            *value = pixel[from];
        }
    }
    pixels
}

/// Decodes an image, whose format its bytes tell; levels of 16 bits keep them, palettes become colors.
///
/// # Errors
///
/// [`Error::Image`]; `name` is what it calls the file.
pub fn decode(name: &str, bytes: &[u8]) -> Result<Image, Error> {
    let reader = reader(name, Cursor::new(bytes))?;
    // The decoder fills what is missing with grey.
    if reader.format() == Some(ImageFormat::Jpeg) && !is_whole_jpeg(bytes) {
        let found = format!("a JPEG that ends after {} bytes, amid its picture", bytes.len());
        return Err(Error::Image { file: name.to_owned(), found });
    }
    let image = reader.decode().map_err(|error| not_an_image(name, &error))?;
    let (width, height) = image.dimensions();
    let channels = usize::from(image.color().channel_count());
    let shape = Shape { channels, height: height as usize, width: width as usize };
    let deep = match &image {
        DynamicImage::ImageLuma16(image) => Some(image.as_raw()),
        DynamicImage::ImageLumaA16(image) => Some(image.as_raw()),
        DynamicImage::ImageRgb16(image) => Some(image.as_raw()),
        DynamicImage::ImageRgba16(image) => Some(image.as_raw()),
        _ => None,
    };
    if let Some(levels) = deep {
        let pixels = planes(levels, channels).into_iter().flat_map(u16::to_le_bytes).collect();
        return Ok(Image { shape, depth: Depth::Word, pixels });
    }
    let image = match image {
        DynamicImage::ImageLuma8(_)
        | DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageRgb8(_)
        | DynamicImage::ImageRgba8(_) => image,
        other if other.color().has_alpha() => DynamicImage::ImageRgba8(other.into_rgba8()),
        other => DynamicImage::ImageRgb8(other.into_rgb8()),
    };
    Ok(Image { shape, depth: Depth::Byte, pixels: planes(image.as_bytes(), channels) })
}

/// Tells whether a JPEG goes on to its end marker (ITU-T T.81, annex B): segments tell their lengths, and between them is
/// coded data, in which 0xff stands before a 0 or a restart marker alone.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    let mut at = 2;
    loop {
        let Some(skipped) = bytes.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == 0xff)) else {
            return false;
        };
        at += skipped + 1;
        match bytes.get(at) {
            None => return false,
            Some(&END) => return true,
            // Stuffing, markers without a length, and fill bytes.
            Some(0 | 0x01 | 0xd0..=0xd8) => at += 1,
            Some(0xff) => {}
            Some(_) => match bytes.get(at + 1..at + 3) {
                Some(&[high, low]) => at += 1 + usize::from(u16::from_be_bytes([high, low])),
                _ => return false,
            },
        }
    }
}

/// Reads and decodes a file.
///
/// # Errors
///
/// [`Error::Unreadable`], [`Error::Image`].
pub fn open(path: &Path) -> Result<Image, Error> {
    let file = read(path)?;
    decode(&file.name, &file.bytes)
}

/// The size and the depth of an image, from the beginning of its file alone.
pub(crate) fn probe(path: &Path) -> Result<(Shape, Depth), Error> {
    let name = path.display().to_string();
    let file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(source) => return Err(Error::Unreadable { file: name, source }),
    };
    let decoder = reader(&name, file)?.into_decoder().map_err(|error| not_an_image(&name, &error))?;
    let ((width, height), color) = (decoder.dimensions(), decoder.color_type());
    let shape = Shape { channels: usize::from(color.channel_count()), height: height as usize, width: width as usize };
    let is_deep = matches!(color, ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16);
    Ok((shape, if is_deep { Depth::Word } else { Depth::Byte }))
}

fn reader<R: BufRead + Seek>(name: &str, bytes: R) -> Result<ImageReader<R>, Error> {
    let wrong = |found: String| Error::Image { file: name.to_owned(), found };
    let mut reader = ImageReader::new(bytes).with_guessed_format().map_err(|e| wrong(e.to_string()))?;
    if reader.format().is_none() {
        return Err(wrong("bytes of no such format".to_owned()));
    }
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE as u32), Some(MAX_SIDE as u32));
    reader.limits(limits);
    Ok(reader)
}

fn not_an_image(name: &str, error: &image::ImageError) -> Error {
    Error::Image { file: name.to_owned(), found: error.to_string().replace('\n', " ") }
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Luma, Rgb};

    use super::*;

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn colors_become_planes_of_blue_green_and_red() {
        let image = ImageBuffer::from_raw(2, 1, vec![1_u8, 2, 3, 10, 20, 30]).map(DynamicImage::ImageRgb8).unwrap();
        for format in [ImageFormat::Png, ImageFormat::Pnm, ImageFormat::Bmp] {
            let found = decode("x", &encoded(&image, format)).unwrap();
            assert_eq!(found.shape, Shape { channels: 3, height: 1, width: 2 });
            assert_eq!(found.pixels, [3, 30, 2, 20, 1, 10], "{format:?}");
        }
    }

    #[test]
    fn grey_stays_one_channel_and_16_bits_stay_16() {
        let grey = DynamicImage::ImageLuma8(ImageBuffer::from_raw(3, 1, vec![0, 7, 255]).unwrap());
        assert_eq!(decode("x", &encoded(&grey, ImageFormat::Png)).unwrap().pixels, [0, 7, 255]);
        let deep = ImageBuffer::<Luma<u16>, _>::from_raw(3, 1, vec![0, 257 * 7, 65535]).unwrap();
        let found = decode("x", &encoded(&DynamicImage::ImageLuma16(deep), ImageFormat::Png)).unwrap();
        assert_eq!((found.shape.channels, found.depth, found.levels()), (1, Depth::Word, vec![0.0, 1799.0, 65535.0]));
        let shallow = found.clone().made(Depth::Byte);
        assert_eq!((shallow.depth, shallow.levels()), (Depth::Byte, vec![0.0, 7.0, 255.0]));
        assert_eq!(shallow.made(Depth::Word), found);
        let color = ImageBuffer::<Rgb<u16>, _>::from_raw(1, 1, vec![1, 300, 65535]).unwrap();
        let found = decode("x", &encoded(&DynamicImage::ImageRgb16(color), ImageFormat::Png)).unwrap();
        assert_eq!(found.levels(), [65535.0, 300.0, 1.0]);
    }

    #[test]
    fn a_jpeg_is_read_whole_or_not_at_all() {
        let image = ImageBuffer::from_fn(64, 48, |x, y| Rgb([(x * y) as u8, (7 * x) as u8, (3 * y) as u8]));
        let mut good = encoded(&DynamicImage::ImageRgb8(image), ImageFormat::Jpeg);
        let whole = decode("a.jpg", &good).unwrap();
        for length in 0..good.len() {
            let message = decode("a.jpg", &good[..length]).unwrap_err().to_string();
            assert!(message.contains("a.jpg: expected an image"), "{message}");
        }
        // Cameras add what belongs to no segment.
        good.extend(b"and more");
        assert_eq!(decode("a.jpg", &good).unwrap(), whole);
    }

    #[test]
    fn what_is_no_image_is_refused_with_its_name() {
        let image = ImageBuffer::from_pixel(40, 40, Rgb([9_u8, 99, 199]));
        let good = encoded(&DynamicImage::ImageRgb8(image), ImageFormat::Png);
        for (bytes, part) in [
            (&b""[..], "a.png: expected an image"),
            (b"<html>not found</html>", "bytes of no such format"),
            (&good[..good.len() / 2], "a.png: expected an image"),
            (b"P5 3 3 255\n123", "a.png: expected an image"),
            (b"P5 99999 2 255\n123", "a.png: expected an image"),
        ] {
            let message = decode("a.png", bytes).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains("leave it out"), "{message}");
        }
    }
}
