//! Tables of regions of images.

use std::collections::HashMap;
use std::path::Path;

use crate::database::{Annotation, ImageFile};
use crate::files::lines;
use crate::names::Names;
use crate::roi::{Outline, Roi};
use crate::{Error, Faults};

const COLUMNS: &str = "`name x0 y0 x1 y1 label`, or with width and height after the name";
const REMEDY: &str = "correct the line";

/// Reads the regions of all images from one table.
pub fn of_table(
    table: &Path,
    folder: &Path,
    files: &mut [ImageFile],
    labels: &mut Names,
    faults: &mut Faults,
) -> Result<(), Error> {
    let name = |file: &ImageFile| file.path.strip_prefix(folder).unwrap_or(&file.path).to_string_lossy().into_owned();
    let places: HashMap<String, usize> = files.iter().enumerate().map(|(at, file)| (name(file), at)).collect();
    for (line, text) in lines(table)? {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let place = format!("{}, line {line}", table.display());
        let read = row(&place, &text).and_then(|(file, row)| match places.get(file) {
            Some(&at) => row.add_to(&place, &mut files[at], labels),
            None => Err(Error::Record {
                place: place.clone(),
                expected: format!("an image of `{}`, with its path in that folder", folder.display()),
                found: format!("`{file}`"),
                remedy: REMEDY,
            }),
        });
        faults.keep(read);
    }
    Ok(())
}

/// Reads the regions of each image from a table of its own.
pub fn of_tables(
    tables: &Path,
    extension: &str,
    files: &mut [ImageFile],
    labels: &mut Names,
    faults: &mut Faults,
) -> Result<(), Error> {
    for file in files {
        let Some(stem) = file.path.file_stem() else { continue };
        let table = tables.join(stem).with_added_extension(extension);
        if !table.is_file() {
            continue;
        }
        for (line, text) in lines(&table)? {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let place = format!("{}, line {line}", table.display());
            let read = row(&place, &text).and_then(|(_, row)| row.add_to(&place, file, labels));
            faults.keep(read);
        }
    }
    Ok(())
}

/// A line without the name of its image.
struct Row {
    corners: [i32; 4],
    label: String,
}

fn row<'a>(place: &str, text: &'a str) -> Result<(&'a str, Row), Error> {
    let fault = |expected: &str, found: &str| Error::Record {
        place: place.to_owned(),
        expected: expected.to_owned(),
        found: format!("`{found}`"),
        remedy: REMEDY,
    };
    let separators: &[char] = match text {
        text if text.contains(';') => &[';'],
        text if text.contains(',') => &[','],
        _ => &[' ', '\t'],
    };
    let fields: Vec<&str> = text.split(separators).map(str::trim).filter(|field| !field.is_empty()).collect();
    let (file, numbers, label) = match fields[..] {
        [file, _, _, ref numbers @ .., label] if numbers.len() == 4 => (file, numbers, label),
        [file, ref numbers @ .., label] if numbers.len() == 4 => (file, numbers, label),
        _ => return Err(fault(COLUMNS, text)),
    };
    let mut corners = [0; 4];
    for (corner, field) in corners.iter_mut().zip(numbers) {
        *corner = field.parse::<f64>().map_err(|_| fault("numbers for the corners", field))? as i32;
    }
    Ok((file, Row { corners, label: label.to_owned() }))
}

impl Row {
    fn add_to(self, place: &str, file: &mut ImageFile, labels: &mut Names) -> Result<(), Error> {
        let [x0, y0, x1, y1] = self.corners;
        let roi = Roi { label: labels.number(&self.label), outline: Outline::Rectangle { x0, y0, x1, y1 } };
        roi.outline.check(place, file.shape)?;
        file.annotation.get_or_insert_with(|| Box::new(Annotation::default())).rois.push(roi);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Depth, Shape};

    fn files(folder: &Path) -> Vec<ImageFile> {
        let shape = Shape { channels: 1, height: 10, width: 20 };
        let file = |name: &str| ImageFile::new(folder.join(name), (shape, Depth::Byte), None);
        ["cat/a.png", "b.png"].map(file).into()
    }

    fn regions(files: &[ImageFile]) -> Vec<Vec<(usize, [i32; 4])>> {
        let of = |file: &ImageFile| {
            let rois = file.annotation.iter().flat_map(|annotation| &annotation.rois);
            rois.map(|roi| (roi.label, roi.outline.bounds())).collect()
        };
        files.iter().map(of).collect()
    }

    #[test]
    fn a_table_has_the_regions_of_all_images_with_any_separators() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("rois.csv");
        fs::write(&table, "# name\ncat/a.png;20;10;1;2;3;4;ear\nb.png, 0, 0, 5, 5, tail end\n\nb.png 1.5 0 30 9 ear\n")
            .unwrap();
        let (mut files, mut labels) = (files(folder.path()), Names::default());
        of_table(&table, folder.path(), &mut files, &mut labels, &mut Faults::refused()).unwrap();
        assert_eq!(labels.into_names(), ["ear", "tail end"]);
        assert_eq!(regions(&files), [vec![(0, [1, 2, 3, 4])], vec![(1, [0, 0, 5, 5]), (0, [1, 0, 30, 9])]]);
    }

    #[test]
    fn each_image_may_have_a_table_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "a.png 1 2 3 4 ear\na.png 2 2 3 4 tail\n").unwrap();
        let (mut files, mut labels) = (files(folder.path()), Names::default());
        of_tables(folder.path(), "txt", &mut files, &mut labels, &mut Faults::refused()).unwrap();
        assert_eq!(regions(&files), [vec![(0, [1, 2, 3, 4]), (1, [2, 2, 3, 4])], vec![]]);
    }

    #[test]
    fn faulty_lines_are_told_together() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("rois.csv");
        fs::write(&table, "b.png;1;2;3;4\nc.png;1;2;3;4;ear\nb.png;x;2;3;4;ear\nb.png;30;2;31;4;ear\n").unwrap();
        let (mut files, mut faults) = (files(folder.path()), Faults::refused());
        of_table(&table, folder.path(), &mut files, &mut Names::default(), &mut faults).unwrap();
        let message = faults.end().unwrap_err().to_string();
        for part in [
            "rois.csv, line 1: expected `name x0 y0 x1 y1 label`",
            "line 2: expected an image of",
            "line 3: expected numbers for the corners, found `x`",
            "line 4: expected a region inside the image of 20x10 (width x height), found columns 30 to 31, rows 2 to 4",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}
