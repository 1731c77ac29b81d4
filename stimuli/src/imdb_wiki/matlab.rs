//! `wiki.mat`, `imdb.mat`, as the data set is distributed: one structure whose fields have an element a face.
//!
//! A date of birth is a serial date number of MATLAB, a day count in which the first of January of the year 0 is 1; a photo has
//! a year alone and is taken to be of the first of July, as the data set's authors do. The age is the number of birthdays
//! until then.

use std::path::Path;

use super::{Face, Table};
use crate::mat5::{self, Value};
use crate::{Error, Faults};

/// Reads the structure `set`.
pub fn read(path: &Path, set: &str, faults: &mut Faults) -> Result<Table, Error> {
    let file = path.display().to_string();
    let wrong = |expected: String, found: String| Error::Record {
        place: file.clone(),
        expected,
        found,
        remedy: "take the file of the public data set",
    };
    let variables = mat5::open(path)?;
    let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
    let found = names.join(", ");
    let fields = match variables.into_iter().find(|(name, _)| name == set) {
        Some((_, Value::Structures(mut all))) if all.len() == 1 => all.remove(0),
        Some((_, other)) => return Err(wrong(format!("one structure `{set}`"), other.kind())),
        None => return Err(wrong(format!("a structure `{set}`"), format!("the variables `{found}`"))),
    };
    let field = |name: &str| {
        let known = || fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let found = fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        found.ok_or_else(|| wrong(format!("the field `{set}.{name}`"), format!("`{}`", known())))
    };
    let numbers = |name: &str| match field(name)? {
        Value::Numbers(numbers) => Ok(numbers),
        other => Err(wrong(format!("numbers in `{set}.{name}`"), other.kind())),
    };
    let cells = |name: &str| match field(name)? {
        Value::Cells(cells) => Ok(cells),
        other => Err(wrong(format!("cells in `{set}.{name}`"), other.kind())),
    };
    let (paths, names, boxes) = (cells("full_path")?, cells("name")?, cells("face_location")?);
    let (born, taken, genders) = (numbers("dob")?, numbers("photo_taken")?, numbers("gender")?);
    let scores = numbers("face_score")?;
    let lengths = [
        ("name", names.len()),
        ("face_location", boxes.len()),
        ("dob", born.len()),
        ("photo_taken", taken.len()),
        ("gender", genders.len()),
        ("face_score", scores.len()),
    ];
    if let Some((name, n)) = lengths.into_iter().find(|&(_, n)| n != paths.len()) {
        return Err(wrong(format!("{} elements in `{set}.{name}`, as `full_path` has", paths.len()), n.to_string()));
    }
    let mut table = Table::default();
    for at in 0..paths.len() {
        let place = format!("{file}, record {}", at + 1);
        let fault = |expected: &str, found: &Value| Error::Record {
            place: place.clone(),
            expected: expected.to_owned(),
            found: found.kind(),
            remedy: "take the file of the public data set",
        };
        let Value::Text(full_path) = &paths[at] else {
            faults.add(fault("a text in `full_path`", &paths[at]));
            continue;
        };
        let [x0, y0, x1, y1] = match &boxes[at] {
            Value::Numbers(numbers) if numbers.len() == 4 => [numbers[0], numbers[1], numbers[2], numbers[3]],
            other => {
                faults.add(fault("four numbers in `face_location`", other));
                continue;
            }
        };
        if scores[at] == f64::NEG_INFINITY || !Face::is_located([x0, y0], [x1, y1]) {
            table.n_not_located += 1;
            continue;
        }
        let name = match &names[at] {
            Value::Text(name) => name.clone(),
            _ => String::new(),
        };
        table.faces.push(Face {
            place,
            full_path: full_path.clone(),
            name,
            // Counted from 1, the last pixel inside.
            corners: [x0.round() - 1.0, y0.round() - 1.0, x1.round(), y1.round()],
            age: age(born[at], taken[at]),
            gender: genders[at],
        });
    }
    Ok(table)
}

/// Birthdays until the first of July of the year `taken` of someone born on the day `born`; no number where one is none.
fn age(born: f64, taken: f64) -> f64 {
    if !(1.0..4e6).contains(&born) || !(0.0..1e4).contains(&taken) {
        return f64::NAN;
    }
    let (year, month, day) = date(born as i64);
    let is_later = (month, day) > (7, 1);
    taken - year as f64 - f64::from(u8::from(is_later))
}

/// Year, month and day of a serial date number, in the calendar of today (H. Hinnant, "chrono-compatible low-level date
/// algorithms").
fn date(serial: i64) -> (i64, i64, i64) {
    // Days since the first of March of the year 0, which is day 61.
    let days = serial - 61;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_date_number_is_a_day_of_the_calendar() {
        for (serial, expect) in [
            (1, (0, 1, 1)),
            (60, (0, 2, 29)),
            (61, (0, 3, 1)),
            (719_529, (1970, 1, 1)),
            (730_486, (2000, 1, 1)),
            (730_545, (2000, 2, 29)),
            (723_671, (1981, 5, 5)),
        ] {
            assert_eq!(date(serial), expect, "{serial}");
        }
    }

    #[test]
    fn an_age_counts_birthdays_until_the_middle_of_the_year() {
        // Born on the fifth of May of 1981, on the second of July of 1983.
        assert_eq!(age(723_671.0, 2009.0), 28.0);
        assert_eq!(age(724_459.0, 2009.0), 25.0);
        assert_eq!(age(723_671.0, 1980.0), -1.0);
        assert!(age(f64::NAN, 2009.0).is_nan() && age(0.0, 2009.0).is_nan() && age(723_671.0, f64::NAN).is_nan());
    }
}
