//! MATLAB files of level 5 (MathWorks, "MAT-File Format"): numbers, texts, cells and structures, compressed or not.

use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;

use crate::Error;
use crate::files::read;

/// Bytes of the header.
const HEADER: usize = 128;
/// No variable unpacks to more.
const MOST_BYTES: u64 = 1 << 32;
/// Cells and structures inside each other.
const MOST_LEVELS: usize = 16;

/// What a variable, a cell or a field holds, column by column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Numbers(Vec<f64>),
    Text(String),
    Cells(Vec<Value>),
    /// The fields of each element.
    Structures(Vec<Vec<(String, Value)>>),
    /// Sparse matrices, objects and functions.
    Other,
}

impl Value {
    /// What it is, for a message.
    pub fn kind(&self) -> String {
        match self {
            Value::Numbers(numbers) => format!("{} numbers", numbers.len()),
            Value::Text(text) => format!("the text `{text}`"),
            Value::Cells(cells) => format!("{} cells", cells.len()),
            Value::Structures(all) => format!("{} structures", all.len()),
            Value::Other => "a value of another kind".to_owned(),
        }
    }
}

/// The variables of a file, in order.
///
/// # Errors
///
/// [`Error::Unreadable`], [`Error::Mat`] with the byte.
pub(crate) fn open(path: &Path) -> Result<Vec<(String, Value)>, Error> {
    let file = read(path)?;
    variables(&file.name, &file.bytes)
}

fn variables(file: &str, bytes: &[u8]) -> Result<Vec<(String, Value)>, Error> {
    let fault = |expected: &str, found: String| {
        Err(Error::Mat { file: file.to_owned(), offset: 0, is_compressed: false, expected: expected.to_owned(), found })
    };
    let is_little = match bytes.get(124..HEADER) {
        Some([_, 1, b'I', b'M']) => true,
        Some([1, _, b'M', b'I']) => false,
        Some([_, 2, b'I', b'M']) => {
            return fault("a MATLAB file of level 5", "version 7.3; save it again with `-v7`".to_owned());
        }
        Some(_) => return fault("a MATLAB file of level 5", "a file of another kind".to_owned()),
        None => return fault("a MATLAB file of level 5", format!("{} bytes", bytes.len())),
    };
    let mut variables = Vec::new();
    let mut cursor = Cursor { file, bytes, at: HEADER, is_little, is_compressed: false };
    while cursor.at < bytes.len() {
        let at = cursor.at;
        let element = cursor.element()?;
        match element.kind {
            COMPRESSED => {
                let mut unpacked = Vec::new();
                let limited = ZlibDecoder::new(element.bytes).take(MOST_BYTES).read_to_end(&mut unpacked);
                if let Err(error) = limited {
                    return Err(cursor.fault_at(at, "a compressed variable", error.to_string()));
                }
                let mut inner = Cursor { file, bytes: &unpacked, at: 0, is_little, is_compressed: true };
                let element = inner.element()?;
                if element.kind == MATRIX {
                    variables.push(inner.matrix(element, 0)?);
                }
            }
            MATRIX => variables.push(cursor.matrix(element, 0)?),
            _ => {}
        }
    }
    Ok(variables)
}

const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

/// A tagged piece of the file.
struct Element<'a> {
    kind: u32,
    bytes: &'a [u8],
    /// Where its bytes begin.
    start: usize,
}

struct Cursor<'a> {
    file: &'a str,
    bytes: &'a [u8],
    at: usize,
    is_little: bool,
    is_compressed: bool,
}

impl<'a> Cursor<'a> {
    fn fault_at(&self, offset: usize, expected: &str, found: String) -> Error {
        let (file, is_compressed) = (self.file.to_owned(), self.is_compressed);
        Error::Mat { file, offset, is_compressed, expected: expected.to_owned(), found }
    }

    fn take(&mut self, n: usize, expected: &str) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else {
            let left = self.bytes.len().saturating_sub(self.at);
            return Err(self.fault_at(self.at, &format!("{n} bytes of {expected}"), format!("{left}")));
        };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn word(&self, bytes: &[u8]) -> u32 {
        let bytes = bytes.try_into().expect("four bytes");
        if self.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }

    fn element(&mut self) -> Result<Element<'a>, Error> {
        let tag = self.take(8, "a tag")?;
        let (first, second) = (self.word(&tag[..4]), self.word(&tag[4..]));
        if first >> 16 != 0 {
            let n = (first >> 16) as usize;
            if n > 4 {
                return Err(self.fault_at(self.at - 8, "a small element of at most 4 bytes", format!("one of {n}")));
            }
            return Ok(Element { kind: first & 0xFFFF, bytes: &tag[4..4 + n], start: self.at - 4 });
        }
        let (start, n) = (self.at, second as usize);
        let bytes = self.take(n, "an element")?;
        if first != COMPRESSED {
            self.at = (self.at + (8 - n % 8) % 8).min(self.bytes.len());
        }
        Ok(Element { kind: first, bytes, start })
    }

    /// Reads inside an element; positions go on counting in the whole.
    fn inside(&self, element: &Element<'a>) -> Cursor<'a> {
        Cursor { bytes: &self.bytes[..element.start + element.bytes.len()], at: element.start, ..*self }
    }

    fn matrix(&self, element: Element<'a>, level: usize) -> Result<(String, Value), Error> {
        if level > MOST_LEVELS {
            return Err(self.fault_at(element.start, &format!("at most {MOST_LEVELS} levels of cells"), "more".into()));
        }
        if element.bytes.is_empty() {
            return Ok((String::new(), Value::Numbers(Vec::new())));
        }
        let mut inner = self.inside(&element);
        let flags = inner.element()?;
        if flags.bytes.len() < 4 {
            return Err(self.fault_at(flags.start, "8 bytes of flags", flags.bytes.len().to_string()));
        }
        let class = self.word(&flags.bytes[..4]) & 0xFF;
        let dimensions = inner.element()?;
        let n = self.numbers(&dimensions)?.iter().product::<f64>();
        let name = inner.element()?;
        let name = String::from_utf8_lossy(name.bytes).into_owned();
        // A count that the bytes cannot hold is found when they end.
        let n = n as usize;
        let value = match class {
            1 => Value::Cells(inner.values(n, level)?),
            2 => inner.structures(n, level)?,
            4 => {
                let letters = inner.element()?;
                Value::Text(self.text(&letters)?)
            }
            6..=15 => {
                let numbers = inner.element()?;
                let found = self.numbers(&numbers)?;
                if found.len() != n {
                    return Err(self.fault_at(numbers.start, &format!("{n} numbers"), found.len().to_string()));
                }
                Value::Numbers(found)
            }
            _ => Value::Other,
        };
        Ok((name, value))
    }

    fn values(&mut self, n: usize, level: usize) -> Result<Vec<Value>, Error> {
        let mut values = Vec::new();
        for _ in 0..n {
            let element = self.element()?;
            if element.kind != MATRIX {
                return Err(self.fault_at(element.start, "a matrix", format!("an element of kind {}", element.kind)));
            }
            values.push(self.matrix(element, level + 1)?.1);
        }
        Ok(values)
    }

    fn structures(&mut self, n: usize, level: usize) -> Result<Value, Error> {
        let length = self.element()?;
        let size = self.numbers(&length)?.first().map_or(0, |&size| size as usize);
        let names = self.element()?;
        if size == 0 && !names.bytes.is_empty() {
            return Err(self.fault_at(length.start, "the length of the fields' names", "0".into()));
        }
        let name = |bytes: &[u8]| {
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            String::from_utf8_lossy(&bytes[..end]).into_owned()
        };
        let names: Vec<String> = names.bytes.chunks(size.max(1)).map(name).collect();
        let mut all = Vec::new();
        for _ in 0..if names.is_empty() { 0 } else { n } {
            let values = self.values(names.len(), level)?;
            all.push(names.iter().cloned().zip(values).collect());
        }
        Ok(Value::Structures(all))
    }

    fn numbers(&self, element: &Element<'a>) -> Result<Vec<f64>, Error> {
        macro_rules! read {
            ($kind:ty) => {
                element
                    .bytes
                    .chunks_exact(size_of::<$kind>())
                    .map(|bytes| {
                        let bytes = bytes.try_into().expect("chunks of that size");
                        (if self.is_little { <$kind>::from_le_bytes(bytes) } else { <$kind>::from_be_bytes(bytes) })
                            as f64
                    })
                    .collect()
            };
        }
        Ok(match element.kind {
            1 => read!(i8),
            2 => read!(u8),
            3 => read!(i16),
            4 => read!(u16),
            5 => read!(i32),
            6 => read!(u32),
            7 => read!(f32),
            9 => read!(f64),
            12 => read!(i64),
            13 => read!(u64),
            kind => return Err(self.fault_at(element.start, "numbers", format!("an element of kind {kind}"))),
        })
    }

    fn text(&self, element: &Element<'a>) -> Result<String, Error> {
        Ok(match element.kind {
            16 | 1 => String::from_utf8_lossy(element.bytes).into_owned(),
            2 => element.bytes.iter().map(|&byte| char::from(byte)).collect(),
            _ => {
                let units: Vec<u16> = self
                    .numbers(&Element {
                        kind: match element.kind {
                            17 => 4,
                            kind => kind,
                        },
                        ..*element
                    })?
                    .into_iter()
                    .map(|unit| unit as u16)
                    .collect();
                String::from_utf16_lossy(&units)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `tests/mat5.py` writes with SciPy.
    const COMPRESSED_FILE: &[u8] = include_bytes!("../tests/mat5/compressed.mat");
    const PLAIN_FILE: &[u8] = include_bytes!("../tests/mat5/plain.mat");

    #[test]
    fn variables_are_read_compressed_or_not() {
        let number = |value: f64| Value::Numbers(vec![value]);
        for bytes in [COMPRESSED_FILE, PLAIN_FILE] {
            let variables = variables("x.mat", bytes).unwrap();
            let find = |name: &str| &variables.iter().find(|(known, _)| known == name).unwrap().1;
            assert_eq!(find("bytes"), &Value::Numbers(vec![1.0, 2.0, 255.0]));
            assert_eq!(find("reals"), &Value::Numbers(vec![1.0, 3.0, 2.5, f64::NEG_INFINITY]), "column by column");
            assert_eq!(find("text"), &Value::Text("Zoë, 7".into()));
            assert_eq!(find("none"), &Value::Numbers(vec![]));
            let Value::Structures(all) = find("all") else { panic!("{variables:?}") };
            let names: Vec<&str> = all[0].iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["cells", "number"]);
            let cells = vec![Value::Text("a".into()), Value::Numbers(vec![4.0, 5.0]), Value::Text(String::new())];
            assert_eq!((&all[0][0].1, &all[0][1].1), (&Value::Cells(cells), &number(-3.0)));
        }
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_the_byte() {
        let mut newer = PLAIN_FILE[..200].to_vec();
        newer[125] = 2;
        for (bytes, part) in [
            (&b"MATLAB 5.0"[..], "x.mat, byte 0: expected a MATLAB file of level 5, found 10 bytes"),
            (&[0; 300], "found a file of another kind"),
            (&newer, "save it again with `-v7`"),
            (&PLAIN_FILE[..PLAIN_FILE.len() - 60], "bytes of an element"),
            (&COMPRESSED_FILE[..COMPRESSED_FILE.len() - 9], "bytes of an element"),
        ] {
            let message = variables("x.mat", bytes).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    proptest! {
        #[test]
        fn no_damage_panics(places in prop::collection::vec((0..PLAIN_FILE.len(), any::<u8>()), 1..4), end in 0..PLAIN_FILE.len()) {
            let mut bytes = PLAIN_FILE.to_vec();
            for (place, byte) in places {
                bytes[place] = byte;
            }
            let _ = variables("x.mat", &bytes);
            let _ = variables("x.mat", &bytes[..end]);
        }
    }
}
