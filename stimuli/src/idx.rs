//! The IDX format of Y. LeCun: big-endian, unsigned bytes.
//!
//! | Bytes | Images | Labels |
//! |---|---|---|
//! | 0 to 3 | magic 0x00000803 | magic 0x00000801 |
//! | 4 to 7 | number of images | number of labels |
//! | 8 to 11 | rows | labels, one byte each |
//! | 12 to 15 | columns | |
//! | from 16 | pixels, row by row | |
//!
//! Bytes that begin as gzip does are decompressed on the way; the name of the file plays no part.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;

use crate::Error;

const IMAGES: u32 = 0x0000_0803;
const LABELS: u32 = 0x0000_0801;
const GZIP: [u8; 2] = [0x1F, 0x8B];
/// Deflate makes at most 1032 bytes of one; no header can make us reserve more memory than that.
const MAX_EXPANSION: u64 = 1032;

/// The images of a file, all of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Number of images.
    pub count: usize,
    /// Rows of an image.
    pub rows: usize,
    /// Columns of an image.
    pub columns: usize,
    /// Grey levels, `[image][row][column]`.
    pub pixels: Vec<u8>,
}

/// Reads images; `name` is what errors call the file, `bytes` its content, raw or gzip.
///
/// # Errors
///
/// [`Error::Magic`], [`Error::NoPixels`], [`Error::TooShort`], [`Error::TooLong`], [`Error::Gzip`].
pub fn images(name: &str, bytes: &[u8]) -> Result<Images, Error> {
    let mut reader = Reader::new(name, bytes);
    let header: [u8; 16] = reader.header("images", IMAGES)?;
    let [count, rows, columns] = [4, 8, 12].map(|at| word(&header, at));
    if rows == 0 || columns == 0 {
        return Err(Error::NoPixels { file: name.to_owned(), rows, columns });
    }
    let n_pixels = u64::from(count).saturating_mul(u64::from(rows) * u64::from(columns));
    let pixels = reader.rest(n_pixels)?;
    Ok(Images { count: count as usize, rows: rows as usize, columns: columns as usize, pixels })
}

/// Reads labels, which may be any byte; `name` is what errors call the file, `bytes` its content, raw or gzip.
///
/// # Errors
///
/// [`Error::Magic`], [`Error::TooShort`], [`Error::TooLong`], [`Error::Gzip`].
pub fn labels(name: &str, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut reader = Reader::new(name, bytes);
    let header: [u8; 8] = reader.header("labels", LABELS)?;
    reader.rest(u64::from(word(&header, 4)))
}

/// The whole content of a file, raw or gzip; `name` is what errors call it.
///
/// # Errors
///
/// [`Error::Gzip`].
pub(crate) fn expanded<'a>(name: &str, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
    let mut reader = Reader::new(name, bytes);
    let Stream::Gzip(decoder) = &mut reader.stream else { return Ok(bytes.into()) };
    let mut data = Vec::new();
    match decoder.read_to_end(&mut data) {
        Ok(_) => Ok(data.into()),
        Err(error) => Err(reader.corrupt(&error)),
    }
}

fn word(header: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

/// Reads the content of a file and counts it.
struct Reader<'a> {
    name: &'a str,
    stream: Stream<'a>,
    /// Length of the file as it is stored.
    stored: u64,
    /// Bytes of content read so far.
    done: u64,
}

enum Stream<'a> {
    Raw(&'a [u8]),
    Gzip(Box<MultiGzDecoder<&'a [u8]>>),
}

impl<'a> Reader<'a> {
    fn new(name: &'a str, bytes: &'a [u8]) -> Self {
        let stream = if bytes.starts_with(&GZIP) {
            Stream::Gzip(Box::new(MultiGzDecoder::new(bytes)))
        } else {
            Stream::Raw(bytes)
        };
        Self { name, stream, stored: bytes.len() as u64, done: 0 }
    }

    fn header<const N: usize>(&mut self, content: &'static str, magic: u32) -> Result<[u8; N], Error> {
        let bytes = self.up_to(N as u64)?;
        if bytes.len() >= 4 && word(&bytes, 0) != magic {
            return Err(Error::Magic { file: self.name.to_owned(), content, expected: magic, found: word(&bytes, 0) });
        }
        bytes.try_into().map_err(|_| self.too_short(N as u64))
    }

    /// Reads the `expected` bytes that are left by the header, and makes sure that none follow.
    fn rest(mut self, expected: u64) -> Result<Vec<u8>, Error> {
        let end = self.done.saturating_add(expected);
        let data = self.up_to(expected)?;
        if self.done < end {
            return Err(self.too_short(end));
        }
        // Reading to the end also makes the decoder check the gzip checksum.
        let surplus = match &mut self.stream {
            Stream::Raw(bytes) => Ok(bytes.len() as u64),
            Stream::Gzip(decoder) => io::copy(decoder, &mut io::sink()),
        };
        match surplus {
            Ok(0) => Ok(data),
            Ok(surplus) => {
                Err(Error::TooLong { file: self.name.to_owned(), expected: end, found: end.saturating_add(surplus) })
            }
            Err(error) => Err(self.corrupt(&error)),
        }
    }

    /// Reads `count` bytes, or all there are if they are fewer.
    fn up_to(&mut self, count: u64) -> Result<Vec<u8>, Error> {
        let mut data = Vec::with_capacity(count.min(self.stored * MAX_EXPANSION) as usize);
        let read = match &mut self.stream {
            Stream::Raw(bytes) => bytes.take(count).read_to_end(&mut data),
            Stream::Gzip(decoder) => decoder.take(count).read_to_end(&mut data),
        };
        match read {
            Ok(read) => {
                self.done += read as u64;
                Ok(data)
            }
            Err(error) => Err(self.corrupt(&error)),
        }
    }

    fn too_short(&self, expected: u64) -> Error {
        Error::TooShort { file: self.name.to_owned(), expected, found: self.done }
    }

    fn corrupt(&self, error: &io::Error) -> Error {
        let left = match &self.stream {
            Stream::Raw(bytes) => bytes.len(),
            Stream::Gzip(decoder) => decoder.get_ref().len(),
        };
        let found = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the end of the file".to_owned(),
            _ => format!("`{error}`"),
        };
        Error::Gzip { file: self.name.to_owned(), offset: self.stored - left as u64, found }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{gzip, images_file, labels_file};

    /// Two images of 2 rows and 3 columns.
    fn pixels() -> Vec<u8> {
        (0..12).collect()
    }

    #[test]
    fn images_and_labels_are_read_raw_and_compressed() {
        let raw = images_file(2, 2, 3, &pixels());
        let expect = Images { count: 2, rows: 2, columns: 3, pixels: pixels() };
        let mut two_members = gzip(&raw[..20]);
        two_members.extend(gzip(&raw[20..]));
        for bytes in [raw.clone(), gzip(&raw), two_members] {
            assert_eq!(images("images", &bytes).unwrap(), expect);
        }
        let raw = labels_file(3, &[4, 255, 0]);
        for bytes in [raw.clone(), gzip(&raw)] {
            assert_eq!(labels("labels", &bytes).unwrap(), [4, 255, 0]);
        }
        assert_eq!(images("none", &images_file(0, 28, 28, &[])).unwrap().count, 0);
    }

    #[track_caller]
    fn check_images(bytes: Vec<u8>, expect: &str) {
        assert_eq!(images("x", &bytes).unwrap_err().to_string(), expect);
    }

    #[test]
    fn a_corrupt_file_is_refused_with_the_place_and_what_was_expected_and_found() {
        let good = images_file(2, 2, 3, &pixels());
        check_images(
            labels_file(20, &[0; 20]),
            "x, byte 0: expected the magic number 0x00000803 of IDX images, found 0x00000801; give the file that holds \
             the images",
        );
        check_images(
            b"<html><body>not found".to_vec(),
            "x, byte 0: expected the magic number 0x00000803 of IDX images, found 0x3c68746d; give the file that holds \
             the images",
        );
        for (length, expected) in [(0, 16), (3, 16), (15, 16), (16, 28), (27, 28)] {
            let expect = format!(
                "x, byte {length}: expected {expected} bytes in all, found the end; the file is too short, fetch it again"
            );
            check_images(good[..length].to_vec(), &expect);
            if length > 0 {
                check_images(gzip(&good[..length]), &expect);
            }
        }
        let mut long = good.clone();
        long.extend([0; 5]);
        for bytes in [long.clone(), gzip(&long)] {
            check_images(
                bytes,
                "x, byte 28: expected the end, found 5 more bytes; the file is too long, fetch it again",
            );
        }
        check_images(
            images_file(1, 0, 3, &[]),
            "x, byte 8: expected images of at least 1 row and 1 column, found 0 rows and 3 columns; fetch the file again",
        );
        check_images(
            images_file(u32::MAX, u32::MAX, u32::MAX, &pixels()),
            "x, byte 28: expected 18446744073709551615 bytes in all, found the end; the file is too short, fetch it again",
        );
        assert_eq!(
            labels("y", &good).unwrap_err().to_string(),
            "y, byte 0: expected the magic number 0x00000801 of IDX labels, found 0x00000803; give the file that holds \
             the labels"
        );
    }

    #[test]
    fn a_damaged_gzip_stream_is_refused() {
        let noise: Vec<u8> = (0..10_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let good = gzip(&images_file(100, 10, 10, &noise));
        let n = good.len();
        let offset = |bytes: &[u8]| match images("x", bytes).unwrap_err() {
            Error::Gzip { file, offset, found } => {
                assert_eq!(file, "x");
                (offset, found)
            }
            other => panic!("{other}"),
        };
        for length in [2, 9, 10, 11, n / 2, n - 9, n - 8, n - 1] {
            let (at, found) = offset(&good[..length]);
            assert_eq!((at, found.as_str()), (length as u64, "the end of the file"), "cut at {length}");
        }
        let mut checksum = good.clone();
        checksum[n - 8] ^= 1;
        assert_eq!(offset(&checksum), (n as u64, "`corrupt gzip stream does not have a matching checksum`".to_owned()));
        let mut garbage = good.clone();
        garbage.extend([1; 40]);
        assert_eq!(offset(&garbage).1, "`invalid gzip header`");
        let mut middle = good;
        middle[n / 2..n / 2 + 4].copy_from_slice(&[0xFF; 4]);
        assert!(offset(&middle).0 <= n as u64);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..60), kind in 0..3) {
            match kind {
                0 => bytes.splice(0..0, IMAGES.to_be_bytes()).for_each(drop),
                1 => bytes.splice(0..0, [GZIP[0], GZIP[1], 8]).for_each(drop),
                _ => {}
            }
            let _ = images("x", &bytes);
            let _ = labels("x", &bytes);
        }
    }
}
