//! Label images as the values that are stored: palettes stay numbers, unless colors are asked for.

use std::io::Cursor;
use std::path::Path;

use png::{ColorType, Transformations};

use crate::files::read;
use crate::{Depth, Error, image};

/// Values of the pixels.
#[derive(Debug, PartialEq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// `[y][x]`; a color is red, green, blue from the highest byte to the lowest.
    pub values: Vec<u32>,
}

/// Reads a label image: the values of gray ones and of palettes, or colors.
pub fn open(path: &Path, as_colors: bool) -> Result<Picture, Error> {
    let file = read(path)?;
    decode(&file.name, &file.bytes, as_colors)
}

fn decode(name: &str, bytes: &[u8], as_colors: bool) -> Result<Picture, Error> {
    if bytes.starts_with(b"\x89PNG") {
        return of_png(bytes, as_colors)
            .map_err(|found| Error::Image { file: name.to_owned(), found })?
            .ok_or_else(|| colored(name));
    }
    let found = image::decode(name, bytes)?.made(Depth::Byte);
    let (plane, n) = (found.shape.plane(), found.shape.channels);
    let level = |channel: usize, at: usize| u32::from(found.pixels[channel * plane + at]);
    let value = |at: usize| match (n, as_colors) {
        (1 | 2, false) => Some(level(0, at)),
        (1 | 2, true) => Some(level(0, at) * 0x01_0101),
        (_, true) => Some((level(2, at) << 16) | (level(1, at) << 8) | level(0, at)),
        (_, false) => None,
    };
    let values: Option<Vec<u32>> = (0..plane).map(value).collect();
    let values = values.ok_or_else(|| colored(name))?;
    Ok(Picture { width: found.shape.width, height: found.shape.height, values })
}

fn colored(name: &str) -> Error {
    Error::Record {
        place: name.to_owned(),
        expected: "a label image of gray values or with a palette".to_owned(),
        found: "colors".to_owned(),
        remedy: "write colors in the table, `red green blue name`",
    }
}

/// `None` where it has colors and values are asked for.
fn of_png(bytes: &[u8], as_colors: bool) -> Result<Option<Picture>, String> {
    let text = |error: png::DecodingError| error.to_string();
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits::default());
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(text)?;
    let most = image::MAX_SIDE as u32;
    let (width, height) = (reader.info().width, reader.info().height);
    if width > most || height > most {
        return Err(format!("{width}x{height} pixels, more than {most} a side"));
    }
    let palette: Vec<u32> = match &reader.info().palette {
        Some(palette) => palette.chunks_exact(3).map(|rgb| u32::from_be_bytes([0, rgb[0], rgb[1], rgb[2]])).collect(),
        None => Vec::new(),
    };
    let size = reader.output_buffer_size().ok_or("too many pixels")?;
    let mut rows = vec![0; size];
    let frame = reader.next_frame(&mut rows).map_err(text)?;
    let bits = frame.bit_depth as usize;
    let n = frame.color_type.samples();
    let (width, height) = (width as usize, height as usize);
    let sample = |row: &[u8], at: usize| -> u32 {
        match bits {
            16 => u32::from(u16::from_be_bytes([row[2 * at], row[2 * at + 1]])),
            _ => {
                let bit = at * bits;
                u32::from(row[bit / 8]) >> (8 - bits - bit % 8) & ((1 << bits) - 1)
            }
        }
    };
    let mut values = Vec::with_capacity(width * height);
    for row in rows.chunks_exact(frame.line_size) {
        for x in 0..width {
            let first = sample(row, x * n);
            // A gray level as a color is of 8 bits.
            let gray = || if bits == 16 { first >> 8 } else { first * 255 / ((1 << bits) - 1) };
            values.push(match (frame.color_type, as_colors) {
                (ColorType::Indexed, true) => {
                    *palette.get(first as usize).ok_or("a pixel that is not in its palette")?
                }
                (ColorType::Grayscale | ColorType::GrayscaleAlpha, true) => gray() * 0x01_0101,
                (ColorType::Indexed | ColorType::Grayscale | ColorType::GrayscaleAlpha, false) => first,
                (ColorType::Rgb | ColorType::Rgba, true) => {
                    let level = |channel: usize| sample(row, x * n + channel) >> (bits - 8);
                    (level(0) << 16) | (level(1) << 8) | level(2)
                }
                (ColorType::Rgb | ColorType::Rgba, false) => return Ok(None),
            });
        }
    }
    Ok(Some(Picture { width, height, values }))
}

#[cfg(test)]
mod tests {
    use png::BitDepth;

    use super::*;

    fn encoded(color: ColorType, depth: BitDepth, width: u32, rows: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, 2);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == ColorType::Indexed {
            encoder.set_palette(vec![0, 0, 0, 1, 2, 3, 9, 8, 7, 255, 255, 255]);
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(rows).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[track_caller]
    fn check(color: ColorType, depth: BitDepth, width: u32, rows: &[u8], values: Option<&[u32]>, colors: &[u32]) {
        let bytes = encoded(color, depth, width, rows);
        let read = |as_colors| decode("m.png", &bytes, as_colors).map(|picture| picture.values);
        assert_eq!(read(true).unwrap(), colors, "colors of {color:?} {depth:?}");
        match values {
            Some(values) => assert_eq!(read(false).unwrap(), values, "values of {color:?} {depth:?}"),
            None => assert!(read(false).unwrap_err().to_string().contains("found colors; write colors in the table")),
        }
    }

    #[test]
    fn palettes_and_gray_levels_of_any_depth_are_values_and_colors() {
        use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb};
        let (one, two, last) = (0x01_0203, 0x09_0807, 0xFF_FFFF);
        check(
            Indexed,
            BitDepth::Two,
            3,
            &[0b0001_1000, 0b1100_0000],
            Some(&[0, 1, 2, 3, 0, 0]),
            &[0, one, two, last, 0, 0],
        );
        check(Indexed, BitDepth::Eight, 1, &[2, 1], Some(&[2, 1]), &[two, one]);
        check(Grayscale, BitDepth::One, 2, &[0b0100_0000, 0b1000_0000], Some(&[0, 1, 1, 0]), &[0, last, last, 0]);
        check(Grayscale, BitDepth::Eight, 1, &[7, 255], Some(&[7, 255]), &[0x07_0707, last]);
        check(Grayscale, BitDepth::Sixteen, 1, &[1, 7, 255, 255], Some(&[263, 65535]), &[0x01_0101, last]);
        check(GrayscaleAlpha, BitDepth::Eight, 1, &[7, 0, 9, 255], Some(&[7, 9]), &[0x07_0707, 0x09_0909]);
        check(Rgb, BitDepth::Eight, 1, &[1, 2, 3, 9, 8, 7], None, &[one, two]);
    }

    #[test]
    fn other_formats_are_read_too_and_a_cut_file_is_refused() {
        let gray = decode("m.pgm", b"P5 2 1 255\n\x05\xff", false).unwrap();
        assert_eq!(gray, Picture { width: 2, height: 1, values: vec![5, 255] });
        let color = decode("m.ppm", b"P6 1 1 255\n\x01\x02\x03", true).unwrap();
        assert_eq!(color.values, [0x01_0203]);
        let whole = encoded(ColorType::Grayscale, BitDepth::Eight, 64, &[9; 128]);
        for n in [8, 20, whole.len() / 2] {
            assert!(matches!(decode("m.png", &whole[..n], false), Err(Error::Image { .. })), "{n} bytes");
        }
    }
}
