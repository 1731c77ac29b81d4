//! From values of a label image to labels.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::picture::{self, Picture};
use crate::files::lines;
use crate::labels::IGNORED;
use crate::names::Names;
use crate::{Error, Faults, Shape};

/// What the values of label images stand for.
#[derive(Debug)]
pub(crate) struct Values {
    /// The table, for messages.
    file: String,
    /// Red, green and blue make up one number, from the highest byte to the lowest.
    are_colors: bool,
    labels: HashMap<u32, i32>,
}

/// The label image of an image.
#[derive(Clone, Debug)]
pub(crate) struct Mask {
    pub path: PathBuf,
    pub values: Arc<Values>,
}

const REMEDY: &str = "correct the line";

impl Values {
    /// Reads a table.
    pub fn read(path: &Path, names: &mut Names, faults: &mut Faults) -> Result<Self, Error> {
        let file = path.display().to_string();
        let (mut labels, mut kind) = (HashMap::new(), None);
        for (line, text) in lines(path)? {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let fault = |expected: &str| Error::Record {
                place: format!("{file}, line {line}"),
                expected: expected.to_owned(),
                found: format!("`{text}`"),
                remedy: REMEDY,
            };
            let Some((value, is_color, name)) = entry(&text) else {
                faults.add(fault(
                    "a value and a name, such as `15 person`, or a color and a name, such as `192 128 128 person`",
                ));
                continue;
            };
            if *kind.get_or_insert(is_color) != is_color {
                faults.add(fault("values of one kind: all of them colors, or none"));
                continue;
            }
            let label = if name == "*" { IGNORED } else { names.number(name) as i32 };
            if labels.insert(value, label).is_some_and(|before| before != label) {
                faults.add(fault("one name for a value"));
            }
        }
        faults.end()?;
        match kind {
            Some(are_colors) => Ok(Self { file, are_colors, labels }),
            None => Err(Error::Record {
                place: file,
                expected: "lines `value name`, such as `15 person`".to_owned(),
                found: "none".to_owned(),
                remedy: "name a table with `LabelFile`",
            }),
        }
    }
}

/// The value of a line, whether it is a color, and the name.
fn entry(text: &str) -> Option<(u32, bool, &str)> {
    let is_between = |c: char| c.is_whitespace() || c == ',' || c == ';';
    let next = |text: &'_ str| -> Option<(u32, usize)> {
        let end = text.find(is_between)?;
        let number = text[..end].parse().ok()?;
        Some((number, end + text[end..].find(|c| !is_between(c))?))
    };
    let (first, at) = next(text)?;
    let rest = &text[at..];
    let color = next(rest).and_then(|(green, at)| {
        let (blue, after) = next(&rest[at..])?;
        let is_color = [first, green, blue].iter().all(|&level| level < 256);
        is_color.then(|| ((first << 16) | (green << 8) | blue, true, &rest[at + after..]))
    });
    Some(color.unwrap_or((first, false, rest)))
}

impl Mask {
    /// The labels of the pixels of an image of `shape`, `[y][x]`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is of another size, has a value that the table has not, or ignores all pixels.
    pub fn read(&self, shape: Shape) -> Result<Vec<i32>, Error> {
        let values = &*self.values;
        let Picture { width, height, values: pixels } = picture::open(&self.path, values.are_colors)?;
        let fault =
            |place: String, expected: String, found: String, remedy| Error::Record { place, expected, found, remedy };
        let file = self.path.display();
        if (width, height) != (shape.width, shape.height) {
            let expected = format!("a label image of {}x{} (width x height)", shape.width, shape.height);
            return Err(fault(file.to_string(), expected, format!("{width}x{height}"), "take the one of this image"));
        }
        let mut labels = Vec::with_capacity(pixels.len());
        let mut last = None;
        for (at, value) in pixels.into_iter().enumerate() {
            let label = match last {
                Some((known, label)) if known == value => label,
                _ => *values.labels.get(&value).ok_or_else(|| {
                    let found = if values.are_colors {
                        format!("{} {} {}", value >> 16, (value >> 8) & 255, value & 255)
                    } else {
                        value.to_string()
                    };
                    let place = format!("{file}, column {}, row {}", at % width, at / width);
                    fault(
                        place,
                        format!("a value of {}", values.file),
                        found,
                        "add it to the table, with the name `*` to ignore it",
                    )
                })?,
            };
            last = Some((value, label));
            labels.push(label);
        }
        if labels.iter().all(|&label| label == IGNORED) {
            let expected = "a pixel with a label".to_owned();
            return Err(fault(file.to_string(), expected, "ignored ones alone".to_owned(), "leave the image out"));
        }
        Ok(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_value_or_a_color_and_a_name() {
        for (text, expect) in [
            ("15 person", Some((15, false, "person"))),
            ("15;traffic light", Some((15, false, "traffic light"))),
            ("65535\tx", Some((65535, false, "x"))),
            ("192 128 1 person", Some((0xC0_8001, true, "person"))),
            ("192, 128, 1, person", Some((0xC0_8001, true, "person"))),
            ("3 4 wheels", Some((3, false, "4 wheels"))),
            ("255 *", Some((255, false, "*"))),
            ("person", None),
            ("15", None),
            ("-1 person", None),
        ] {
            assert_eq!(entry(text), expect, "{text}");
        }
    }
}
