//! `wiki.csv`, `imdb.csv`.

use std::path::Path;

use super::{Face, Table};
use crate::files::lines;
use crate::{Error, Faults};

const COLUMNS: &str = "full_path;name;x0;y0;x1;y1;dob;photo_taken;gender";
const REMEDY: &str = "correct the line";

/// Reads the lines; columns beyond the ninth are of no use here.
pub fn read(path: &Path, faults: &mut Faults) -> Result<Table, Error> {
    let mut table = Table::default();
    for (line, text) in lines(path)? {
        if text.is_empty() {
            continue;
        }
        if text.starts_with('#') {
            table.n_comments += 1;
            continue;
        }
        match faults.keep(face(&format!("{}, line {line}", path.display()), &text)) {
            Some(Some(face)) => table.faces.push(face),
            Some(None) => table.n_not_located += 1,
            None => {}
        }
    }
    Ok(table)
}

/// The face of a line; `None` where it has no place in its image.
fn face(place: &str, text: &str) -> Result<Option<Face>, Error> {
    let fault = |expected: String, found: &str| Error::Record {
        place: place.to_owned(),
        expected,
        found: format!("`{found}`"),
        remedy: REMEDY,
    };
    // A name may have an `&amp;`, whose `;` separates nothing.
    let text = text.replace("&amp;", "&");
    let fields: Vec<&str> = text.split(';').map(str::trim).collect();
    let [full_path, name, numbers @ ..] = &fields[..] else { return Err(fault(format!("`{COLUMNS}`"), &text)) };
    if numbers.len() < 7 || full_path.is_empty() {
        return Err(fault(format!("`{COLUMNS}`"), &text));
    }
    let mut values = [0.0; 7];
    for ((value, field), column) in values.iter_mut().zip(numbers).zip(COLUMNS.split(';').skip(2)) {
        *value = field.parse::<f64>().map_err(|_| fault(format!("a number for `{column}`"), field))?;
    }
    if let Some((at, _)) = values[..4].iter().enumerate().find(|(_, corner)| !corner.is_finite()) {
        return Err(fault("a finite corner of the box".to_owned(), numbers[at]));
    }
    let [x0, y0, x1, y1, born, taken, gender] = values;
    let face = Face {
        place: place.to_owned(),
        full_path: full_path.to_string(),
        name: name.to_string(),
        corners: [x0, y0, x1, y1],
        age: taken - born,
        gender,
    };
    Ok(Face::is_located([x0, y0], [x1, y1]).then_some(face))
}
